"""Commands per second of the matching kernel, beside a book of sorted dictionaries.

    python -m benchmarks.matching [--commands 1000000] [--rounds 5] [--seed 1]

Three worlds: one small book, a thousand books, one book of a million resting orders. The kernel
runs everything it has but admission, whose verdict comes with each command: order types,
reduce-only, positions, fees, events. The other is the simplest engine that `matcher.book`, on
sortedcontainers, allows: limit and IOC orders, cancels, no positions, no fees, fills counted only.
It is shown the same stream and must report the same fills. Rounds are interleaved; times are the
processor's, of the one thread that runs: others on the machine cost little.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import numba
import numpy as np
import sortedcontainers

from benchmarks.result import Result
from benchmarks.words import show
from matcher.book import Book, OpenOrder
from matcher.kernel.exchange import Limits, Matching, Records, commands_of
from matcher.kernel.layout import CommandKind, EventKind
from matcher.types import Order, OrderFlag, SignedOrder

MIDDLE = 10_000  # tick around which a book trades
LATE = 1 << 40  # seconds; nothing expires
FIRST_ACCOUNT = 2
SLOTS = 4096


class World(NamedTuple):
    """A stream and what it runs in."""

    name: str
    books: int
    accounts: int
    band_bits: int
    setup: Records  # orders that rest before the clock starts
    stream: Records
    plain: int  # commands of the stream that the slow engine is shown


def orders(rng: Any, first: int, count: int, accounts: int, books: int) -> Records:
    """PLACE commands of the accounts in turn, ids ascending."""
    commands = commands_of(count)
    number = first + np.arange(count)
    commands["kind"] = CommandKind.PLACE
    commands["account"] = FIRST_ACCOUNT + number % accounts
    commands["id"] = number // accounts
    commands["instrument"] = 1 + rng.integers(0, books, count)
    commands["quantity"] = rng.integers(1, 50, count)
    commands["sells"] = rng.integers(0, 2, count)
    commands["time"] = LATE
    return commands


def priced(commands: Records, distance: Any) -> Records:
    """Give each order a tick so far from the middle, on its own side of it."""
    sign = np.where(commands["sells"] == 1, 1, -1)
    commands["tick"] = MIDDLE + sign * distance
    return commands


def busy(rng: Any, count: int, accounts: int, books: int, live: int) -> Records:
    """Half orders, a tenth of which cross, half cancels of one of the last `live` orders."""
    places = priced(
        orders(rng, 0, count // 2, accounts, books),
        np.where(rng.random(count // 2) < 0.1, -2, rng.integers(1, 12, count // 2)),
    )
    places["flags"] = np.where(rng.random(len(places)) < 0.05, int(OrderFlag.IOC), 0)
    cancels = places[np.maximum(0, np.arange(len(places)) - rng.integers(0, live, len(places)))]
    cancels["kind"] = CommandKind.CANCEL
    return interleaved(places, cancels)


def interleaved(a: Records, b: Records) -> Records:
    """One of each in turn."""
    both = commands_of(2 * len(a))
    both[::2], both[1::2] = a, b
    return both


def worlds(count: int, seed: int, resting: int = 1_000_000) -> list[World]:
    """The three."""
    rng = np.random.default_rng(seed)
    small = busy(rng, count, 1000, 1, 200)
    many = busy(rng, count, 1000, 1000, 100_000)
    accounts = 4000
    setup = priced(orders(rng, 0, resting, accounts, 1), rng.integers(1, 3000, resting))
    fresh = orders(rng, resting, count // 2, accounts, 1)
    fresh = priced(
        fresh, np.where(rng.random(len(fresh)) < 0.1, -1, rng.integers(1, 3000, len(fresh)))
    )
    cancels = setup[rng.permutation(resting)[: len(fresh)]]
    cancels["kind"] = CommandKind.CANCEL
    deep = interleaved(fresh, cancels)
    return [
        World("one small book", 2, 1002, 12, commands_of(0), small, 100_000),
        World("1,000 books", 1001, 1002, 10, commands_of(0), many, 100_000),
        World(f"{resting:,} resting orders", 2, 4002, 13, setup, deep, 20_000),
    ]


def kernel(world: World) -> Matching:
    """A kernel with all books, and the orders that rest at first."""
    limits = Limits(world.books, world.accounts, signers=1, band_bits=world.band_bits)
    matching = Matching(limits)
    matching.reserve(len(world.setup) + len(world.stream))
    for instrument in range(1, world.books):
        matching.list_instrument(
            instrument, tick_value=10, closes_at=2 * LATE, lots_max=(1 << 39) - 1, rates=(3, -1)
        )
    matching.submit(world.setup)
    return matching


def run_kernel(world: World, fills: list[tuple[int, int]]) -> float:
    """Commands per second, in passes of 4,096; adds (number, lots) of the plain part's fills."""
    matching, step = kernel(world), 4096
    parts = [world.stream[i : i + step] for i in range(0, len(world.stream), step)]
    count = lots = done = 0
    spent = 0.0
    for part in parts:
        begin = time.thread_time()
        events = matching.run(part)
        spent += time.thread_time() - begin
        done += len(part)
        if done <= world.plain // step * step:
            trades = events[events["kind"] == EventKind.TRADE]
            count, lots = count + len(trades), lots + int(trades["lots"].sum())
    fills.append((count, lots))
    return len(world.stream) / spent


class Plain:
    """Limit and IOC orders and cancels over `matcher.book`."""

    def __init__(self) -> None:
        self.books: dict[int, Book] = {}
        self.open: dict[tuple[int, int], OpenOrder] = {}
        self.seq = 0
        self.fills = self.lots = 0

    def place(self, signed: SignedOrder, instrument: int, tick: int) -> None:
        self.seq += 1
        order = OpenOrder(self.seq, signed, instrument, tick)
        book = self.books.setdefault(instrument, Book())
        while order.remaining and book.crosses(order.buy, tick):
            side = book.side(not order.buy)
            maker = next(iter(side))
            if maker.account == order.account:
                return
            lots = min(order.remaining, maker.remaining)
            self.fills, self.lots = self.fills + 1, self.lots + lots
            order.remaining -= lots
            if lots == maker.remaining:
                book.remove(maker)
                del self.open[maker.account, maker.id]
            else:
                side.reduce(maker, lots)
            maker.remaining -= lots
        if order.remaining and not order.flags & OrderFlag.IOC:
            book.add(order)
            self.open[order.account, order.id] = order

    def cancel(self, account: int, order_id: int) -> None:
        order = self.open.pop((account, order_id), None)
        if order is not None:
            self.books[order.instrument].remove(order)


Calls = list[tuple[Callable[..., None], tuple[Any, ...]]]


def told(commands: Records) -> Calls:
    """The same commands, as the slow engine takes them."""
    calls: Calls = []
    for c in commands:
        account, number = int(c["account"]), int(c["id"])
        if c["kind"] == CommandKind.CANCEL:
            calls.append((Plain.cancel, (account, number)))
            continue
        tick, instrument = int(c["tick"]), int(c["instrument"])
        terms = Order(
            account, "", not c["sells"], tick, int(c["quantity"]), number, LATE, int(c["flags"])
        )
        calls.append((Plain.place, (SignedOrder(terms, b"", b"", b""), instrument, tick)))
    return calls


def run_plain(setup: Calls, calls: Calls, fills: list[tuple[int, int]]) -> float:
    """Commands per second of the slow engine, once it holds what rests at first."""
    engine = Plain()
    for call, arguments in setup:
        call(engine, *arguments)
    begin = time.thread_time()
    for call, arguments in calls:
        call(engine, *arguments)
    spent = time.thread_time() - begin
    fills.append((engine.fills, engine.lots))
    return len(calls) / spent


def measure(quick: bool, commands: int = 1_000_000, rounds: int = 5, seed: int = 1) -> list[Result]:
    """Commands per second in each world."""
    if quick:
        commands, rounds = min(commands, 200_000), min(rounds, 3)
    resting = 100_000 if quick else 1_000_000
    name = f"a book on sortedcontainers {sortedcontainers.__version__}"
    results = []
    for world in worlds(commands, seed, resting):
        run_kernel(world, [])  # compiles, and touches memory
        setup, calls = told(world.setup), told(world.stream[: world.plain // 4096 * 4096])
        ours, theirs = [], []
        fills: list[tuple[int, int]] = []
        for _ in range(rounds):
            ours.append(run_kernel(world, fills))
            theirs.append(run_plain(setup, calls, fills))
        if len(set(fills)) != 1:
            raise SystemExit(f"{world.name}: the engines differ: {fills}")
        detail: dict[str, float | int | str] = {
            "commands": len(world.stream),
            "the other's": len(calls),
            "rest at first": len(world.setup),
            "seed": seed,
        }
        fast, slow = statistics.median(ours), statistics.median(theirs)
        results.append(
            Result("matching", world.name, fast, slow, "commands/s", name, rounds, detail)
        )
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores")
    print(f"versions  Python {platform.python_version()}, numba {numba.__version__},", end=" ")
    print(f"numpy {np.__version__},", end=" ")
    print(f"sortedcontainers {sortedcontainers.__version__}")
    print(f"run       seed {asked.seed}, n {asked.commands}, median of {asked.rounds} rounds")
    show(measure(False, asked.commands, asked.rounds, asked.seed))


if __name__ == "__main__":
    main()
