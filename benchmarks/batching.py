"""Fills per second from op words to chunks with state roots, beside trees of dicts and pysha3.

    python -m benchmarks.batching [--accounts 100000] [--fills 6000] [--rounds 5] [--seed 1]

`ledger` is the settlement state alone: each op is checked and booked, and every thirty the margin
is judged and the state root stated. `trees` is the part of that which is hashed: the updates of
slots trees and of the account tree, marshaling included. `batcher` is all that the node does with a
fill: chunks, the batch's root, its header and its file of signed orders. The alternative is the
same ledger over `benchmarks.fills.DictForest`. Rounds are interleaved, each with new fills between
random accounts; the clock is the processor time of one thread. Both give the same roots, or this
stops.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

import numpy as np

from benchmarks.fills import CASH, EXPIRY, START, DictForest, credits_of, facts_of, fills_of, settle
from benchmarks.result import Result
from benchmarks.words import show
from matcher import commands as c
from matcher import events as e
from matcher import words
from matcher.batch import genesis
from matcher.batcher import Batcher
from matcher.forest import Forest
from matcher.ledger import Ledger
from matcher.types import Order, SignedOrder, Windows

LAG = 300


class Timed:
    """A forest that counts the time spent in its updates."""

    def __init__(self, forest: Forest | DictForest):
        self._forest = forest
        self.seconds = 0.0

    def __len__(self) -> int:
        return len(self._forest)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._forest, name)

    def update(self, changes: Any, depth: int) -> Any:
        """See `Forest.update`."""
        start = time.process_time()
        roots = self._forest.update(changes, depth)
        self.seconds += time.process_time() - start
        return roots

    def update_accounts(self, root: bytes, leaves: Any, depth: int) -> Any:
        """See `Forest.update_accounts`."""
        start = time.process_time()
        after = self._forest.update_accounts(root, leaves, depth)
        self.seconds += time.process_time() - start
        return after


class Row:
    """A forest, a ledger over it, and how long its rounds took."""

    def __init__(self, facts: Any, forest: Forest | DictForest, accounts: int):
        self.forest = Timed(forest)
        self.ledger = Ledger(facts, self.forest)  # type: ignore[arg-type]
        settle(self.ledger, credits_of(accounts))
        self.rates: list[float] = []
        self.trees: list[float] = []

    def run(self, ops: Sequence[bytes]) -> None:
        """A round."""
        self.forest.seconds = 0.0
        start = time.process_time()
        settle(self.ledger, ops)
        self.rates.append(len(ops) / (time.process_time() - start))
        self.trees.append(len(ops) / self.forest.seconds)


def batcher_of(accounts: int) -> Batcher:
    """A batcher that was told of the same exchange."""
    batcher = Batcher(genesis(START - 1), Windows(600, 60, 900, 120, LAG), operator=1)
    batcher.facts = facts_of(accounts)
    batcher.ledger.facts = batcher.facts
    batcher.add(c.Clock(START), [e.BatchOpened(START)])
    for word in credits_of(accounts):
        batcher.add(c.Clock(START), [e.Op(word)])
    return batcher


def told(ops: Sequence[bytes]) -> list[list[e.Event]]:
    """What the engine answers to the order that makes each fill."""
    answers: list[list[e.Event]] = []
    for word in ops:
        op = words.unpack_op(word)
        assert isinstance(op, words.Fill)
        signed = [
            SignedOrder(
                Order(account, "BTC-1JAN30-100000-C", buy, op.tick * 10, op.lots, order, EXPIRY, 0),
                order.to_bytes(32, "big") + account.to_bytes(33, "big"),
                bytes(32),
                account.to_bytes(20, "big"),
            )
            for account, order, buy in (
                (op.taker, op.taker_order, True),
                (op.maker, op.maker_order, False),
            )
        ]
        trade = e.Trade(
            op.instrument, op.tick, op.lots, False, op.taker, op.maker, op.taker_order,
            op.maker_order, 0, 0, 0, 0, *signed,
        )  # fmt: skip
        answers.append([trade, e.Op(word)])
    return answers


def batch(batcher: Batcher, answers: Sequence[list[e.Event]]) -> float:
    """Fills per second of a round; it closes the batch it is in."""
    command = c.Clock(START)
    start = time.process_time()
    for events in answers:
        batcher.add(command, events)
    batcher.add(command, [e.BatchClosed(START, len(answers))])
    return len(answers) / (time.process_time() - start)


def measure(
    quick: bool, accounts: int = 100_000, fills: int = 6000, rounds: int = 5, seed: int = 1
) -> list[Result]:
    """Fills per second of the ledger, its trees, and the batcher."""
    if quick:
        accounts, fills, rounds = min(accounts, 10_000), min(fills, 3000), min(rounds, 3)
    random = np.random.default_rng(seed)
    ops = fills_of(random, accounts, rounds * fills)
    facts = facts_of(accounts)
    ours = Row(facts, Forest(), accounts)
    theirs = Row(facts, DictForest(), accounts)
    batcher = batcher_of(accounts)
    batched: list[float] = []
    for start in range(0, len(ops), fills):
        part = ops[start : start + fills]
        ours.run(part)
        theirs.run(part)
        if ours.ledger.root != theirs.ledger.root:
            raise SystemExit("the two forests give different roots")
        batched.append(batch(batcher, told(part)))
    detail: dict[str, float | int | str] = {"accounts": accounts, "fills": fills, "seed": seed}
    nodes: dict[str, float | int | str] = {
        "nodes of 40 bytes": len(ours.ledger),
        "entries of the dict": len(theirs.ledger),
    }
    median, name = statistics.median, f"dicts and safe-pysha3 {version('safe-pysha3')}"
    return [
        Result("batching", case, median(fast), slow and median(slow), "fills/s",
               name if slow else "", rounds, detail | more)
        for case, fast, slow, more in (
            ("ledger", ours.rates, theirs.rates, nodes),
            ("trees", ours.trees, theirs.trees, {}),
            ("batcher", batched, None, {}),
        )
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--fills", type=int, default=6000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    names = ("numba", "numpy", "safe-pysha3")
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores")
    print(f"versions  Python {platform.python_version()},", end=" ")
    print(", ".join(f"{name} {version(name)}" for name in names))
    print(f"run       seed {asked.seed}, {asked.accounts} accounts of about {CASH} atoms,", end=" ")
    print(f"{asked.rounds} rounds of {asked.fills} fills; medians, fills per second")
    show(measure(False, asked.accounts, asked.fills, asked.rounds, asked.seed))


if __name__ == "__main__":
    main()
