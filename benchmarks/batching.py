"""Fills per second from op words to chunks with state roots, beside dicts and pysha3.

    python -m benchmarks.batching [--accounts 100000] [--fills 12000] [--rounds 5] [--seed 1]

`ledger` is the settlement state, from words in memory to finished chunks: each op is checked and
booked; every thirty the margin is judged, the trees are changed, and the root is stated. `batcher`
is all that the node does with a fill, from the engine's events: chunks, the batch's root, its
header and its file of signed orders; `batcher by lines` is the same from the lines and events of
the kernel exchange. The alternative is `benchmarks.plain_ledger`: from op words to chunks, and
nothing of what a batcher does besides. Rounds are interleaved, each with new fills between random
accounts; the clock is the processor time of one thread. Ours take the memory of a round's ops from
the system before the clock runs, as the batcher's process does whenever nothing waits. Both give
the same roots, or this stops. Memory is that of nodes and leaves of the state after the last round,
without what older roots need.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Sequence
from importlib.metadata import version
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from benchmarks.fills import (
    CASH,
    EXPIRY,
    START,
    credits_of,
    facts_of,
    fills_of,
    in_memory,
    settle,
)
from benchmarks.plain_ledger import PlainLedger
from benchmarks.result import Result
from benchmarks.words import show
from matcher import commands as c
from matcher import events as e
from matcher import words
from matcher.batch import genesis
from matcher.kernel.layout import COMMAND, EVENT, SIGNED, CommandKind, EventKind
from matcher.settlement.batcher import Batcher
from matcher.settlement.ledger import Ledger
from matcher.types import FIRST_USER_ACCOUNT, Order, SignedOrder, Windows

LAG = 300
MAX_CHUNKS = 100
PLAIN_SHARE = 6  # of a round's fills the alternative is shown one in so many


def batcher_of(accounts: int) -> Batcher:
    """A batcher that was told of the same exchange."""
    batcher = Batcher(genesis(START - 1), Windows(600, 60, 900, 120, LAG), operator=1)
    facts_of(accounts, batcher.facts)
    batcher.add(c.Clock(START), [e.BatchOpened(START)])
    batcher.add(c.Clock(START), [e.Op(word) for word in credits_of(accounts)])
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
    batcher.make_ready(len(answers))
    start = time.process_time()
    for events in answers:
        batcher.add(command, events)
    batcher.add(command, [e.BatchClosed(START, len(answers))])
    return len(answers) / (time.process_time() - start)


class Told(NamedTuple):
    """The lines of two orders for each fill, and what the kernel exchange answers to them."""

    lines: NDArray[Any]
    ends: NDArray[np.int64]
    events: NDArray[Any]


def told_in_lines(ops: Sequence[bytes]) -> Told:
    """The same fills for `Batcher.add_events`: the maker's order rests, the taker's takes all."""
    fills = [words.unpack_op(word) for word in ops]
    lines = np.zeros(6 * len(fills), COMMAND)
    signed = lines.view(SIGNED)
    events = np.zeros(2 * len(fills), EVENT)
    for i, op in enumerate(fills):
        assert isinstance(op, words.Fill)
        sides = ((op.maker, op.maker_order, 1 - op.flags), (op.taker, op.taker_order, op.flags))
        for at, (account, order, sells) in zip((6 * i, 6 * i + 3), sides, strict=True):
            line = lines[at]
            line["kind"], line["annex"], line["sells"] = CommandKind.PLACE, 2, sells
            line["account"], line["id"], line["instrument"] = account, order, op.instrument
            line["tick"], line["quantity"], line["time"] = op.tick, op.lots, EXPIRY
            signed[at + 1]["v"] = 27
            signed[at + 1]["address"] = account.to_bytes(20, "big")
        rested, trade = events[2 * i], events[2 * i + 1]
        rested["kind"], rested["account"], rested["id"] = EventKind.RESTED, op.maker, op.maker_order
        trade["kind"], trade["sells"], trade["instrument"] = (
            EventKind.TRADE,
            op.flags,
            op.instrument,
        )
        trade["account"], trade["id"], trade["tick"] = op.taker, op.taker_order, op.tick
        trade["maker_account"], trade["maker_id"] = op.maker, op.maker_order
        trade["lots"] = op.lots
    return Told(lines, np.arange(1, 2 * len(fills) + 1), events)


def batch_lines(batcher: Batcher, told: Told) -> float:
    """Fills per second of a round, from lines and events to batches."""
    batcher.make_ready(len(told.events) // 2)
    start = time.process_time()
    batcher.add_events(*told)
    return len(told.events) / 2 / (time.process_time() - start)


class Rates(NamedTuple):
    """Fills per second of each round, and bytes per account in the end."""

    ledger: list[float]
    plain: list[float]
    batcher: list[float]
    lines: list[float]
    memory: float


def run(accounts: int, fills: int, rounds: int, seed: int) -> Rates:
    """All rounds with so many accounts."""
    random = np.random.default_rng(seed)
    ops = fills_of(random, accounts, rounds * fills)
    facts = facts_of(accounts)
    first = list(credits_of(accounts))
    ours, twin = Ledger(facts, room=MAX_CHUNKS), Ledger(facts, room=MAX_CHUNKS)
    deposited = {FIRST_USER_ACCOUNT + i: CASH + FIRST_USER_ACCOUNT + i for i in range(accounts)}
    plain = PlainLedger(facts, deposited)
    for ledger in (ours, twin):
        settle(ledger, in_memory(first), len(first))
    plain.settle(first)
    batcher, follower = batcher_of(accounts), batcher_of(accounts)
    rates = Rates([], [], [], [], 0.0)
    for place in range(0, len(ops), fills):
        part = ops[place : place + fills]
        some = part[: fills // PLAIN_SHARE]
        pool, few = in_memory(part), in_memory(some)
        ours.make_ready(len(part))
        start = time.process_time()
        settle(ours, pool, len(part))
        rates.ledger.append(len(part) / (time.process_time() - start))
        ours.sweep([])
        settle(twin, few, len(some))
        start = time.process_time()
        plain.settle(some)
        rates.plain.append(len(some) / (time.process_time() - start))
        if twin.root != plain.root:
            raise SystemExit("the two ledgers give different roots")
        rates.batcher.append(batch(batcher, told(part)))
        rates.lines.append(batch_lines(follower, told_in_lines(part)))
    ours.sweep([], always=True)
    return rates._replace(memory=ours.memory / accounts)


def measure(
    quick: bool, accounts: int = 100_000, fills: int = 12_000, rounds: int = 5, seed: int = 1
) -> list[Result]:
    """Results with few accounts, and with as many as asked for."""
    if quick:
        accounts, fills, rounds = min(accounts, 10_000), min(fills, 3000), min(rounds, 3)
    results = []
    other = f"dicts and safe-pysha3 {version('safe-pysha3')}"
    for some in sorted({100, min(accounts, 10_000), accounts}):
        rates = run(some, fills, rounds, seed)
        detail: dict[str, float | int | str] = {
            "fills": fills,
            "seed": seed,
            "least": round(min(rates.ledger)),
            "most": round(max(rates.ledger)),
            "bytes per account": round(rates.memory),
        }
        ours, theirs = statistics.median(rates.ledger), statistics.median(rates.plain)
        case = f"ledger, {some:,} accounts"
        results.append(Result("batching", case, ours, theirs, "fills/s", other, rounds, detail))
        for name, found in (("batcher", rates.batcher), ("batcher by lines", rates.lines)):
            ours, case = statistics.median(found), f"{name}, {some:,} accounts"
            alone = f"{other}, the ledger alone"
            results.append(Result("batching", case, ours, theirs, "fills/s", alone, rounds, {}))
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--accounts", type=int, default=100_000)
    parser.add_argument("--fills", type=int, default=12_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    names = ("numba", "numpy", "safe-pysha3")
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores")
    print(f"versions  Python {platform.python_version()},", end=" ")
    print(", ".join(f"{name} {version(name)}" for name in names))
    print(f"run       seed {asked.seed}, accounts of about {CASH} atoms,", end=" ")
    print(f"{asked.rounds} rounds of {asked.fills} fills; medians")
    show(measure(False, asked.accounts, asked.fills, asked.rounds, asked.seed))


if __name__ == "__main__":
    main()
