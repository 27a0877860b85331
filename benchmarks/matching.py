"""Commands per second of the exchange's kernel, beside a book of sorted dictionaries.

    python -m benchmarks.matching [--commands 1000000] [--rounds 5] [--seed 1]

Three worlds: one small book, a thousand books, one book of a million resting orders. The kernel
runs everything there is: who may sign, order slots and digests, all order types, margin of every
order and fill, positions, fees, events. Its orders come as three lines, with digest and signature.
*Books alone* are the kernel's books without all that (`benchmarks.bare`): limit and IOC orders,
cancels by id, self-trades, and trades as the only events; its orders come as one line. The other is
the simplest engine that sortedcontainers allows, which does as much as the books alone, and counts
its fills only. All are shown the same stream and must report the same fills. What the system gives
as memory when it is first used is given before the clock starts, but for the lines, which are new
to the processor. Rounds are interleaved; times are the processor's, of the one thread that runs:
others on the machine cost little.
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

from benchmarks.bare import books_runner
from benchmarks.result import Result
from benchmarks.words import show
from matcher.kernel import layout
from matcher.kernel.exchange import Matching, lines_of
from matcher.kernel.layout import CommandKind, EventKind
from matcher.kernel.pools import Limits, Records
from matcher.types import OrderFlag

MIDDLE = 10_000  # tick around which a book trades
LATE = 1 << 39  # seconds; nothing expires
EXPIRY = (1 << 24) - 1  # hours
CAP = 400_000  # atoms per lot
MONEY = 1 << 44  # atoms of each account
FIRST_ACCOUNT = 2
SLOTS = 4096
INSTRUMENTS = 24  # that an account trades, at most
SERIES = 20  # instruments of one


class World(NamedTuple):
    """A stream and what it runs in; commands, one line each."""

    name: str
    books: int
    accounts: int
    band_bits: int
    setup: Records  # orders that rest before the clock starts
    stream: Records
    plain: int  # commands of the stream that the slow engine is shown


def orders(rng: Any, first: int, count: int, accounts: int, books: int) -> Records:
    """PLACE commands of the accounts in turn, ids ascending; each trades a few of the books."""
    commands = lines_of(count)
    number = first + np.arange(count)
    commands["kind"] = CommandKind.PLACE
    commands["account"] = FIRST_ACCOUNT + number % accounts
    commands["signer"] = commands["account"]
    commands["id"] = number // accounts
    own = rng.integers(0, min(books, INSTRUMENTS), count)
    commands["instrument"] = 1 + (number % accounts * 7 + own) % books
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
    return interleaved(places, cancels)


def interleaved(places: Records, cancels: Records) -> Records:
    """One of each in turn; the second are orders to be canceled."""
    both = lines_of(2 * len(places))
    both[::2], both[1::2] = places, cancels
    both["kind"][1::2] = CommandKind.CANCEL
    both["flags"][1::2] = 0
    return both


def signed(commands: Records) -> Records:
    """The lines of commands: each order is followed by its digest and its signature."""
    places = commands["kind"] == CommandKind.PLACE
    begins = np.cumsum(1 + 2 * places) - 1 - 2 * places
    lines = lines_of(len(commands) + 2 * int(places.sum()))
    lines[begins] = commands
    lines["annex"][begins] = 2 * places
    digests = lines.view(np.int64).reshape(-1, 8)[begins[places] + 1]
    digests[:, 0] = np.arange(1, len(digests) + 1)
    lines.view(np.int64).reshape(-1, 8)[begins[places] + 1] = digests
    return lines


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
    deep = interleaved(fresh, setup[rng.permutation(resting)[: len(fresh)]])
    return [
        World("one small book", 2, 1002, 12, lines_of(0), small, 100_000),
        World("1,000 books", 1001, 1002, 10, lines_of(0), many, 100_000),
        World(f"{resting:,} resting orders", 2, 4002, 13, setup, deep, 20_000),
    ]


def fact(kind: CommandKind, annex: int = 0, **fields: int) -> Records:
    """The lines of a fact."""
    lines = lines_of(1 + annex)
    lines["kind"][0], lines["annex"][0] = kind, annex
    for name, value in fields.items():
        lines.view(layout.FACT)[name][0] = value
    return lines


def listings(world: World) -> Records:
    """All that the chain told before the first order."""
    rates = fact(CommandKind.FEES_SET, 1, market=1)
    rates[1:].view(layout.RATES)["new_taker"] = 3
    rates[1:].view(layout.RATES)["new_maker"] = -1
    told = [
        fact(CommandKind.OPEN_BATCH),
        fact(CommandKind.MARKET_LISTED, 1, market=1, value=10, other=1000),
        rates,
    ]
    for instrument in range(1, world.books):
        series = EXPIRY - instrument // SERIES
        terms = {"market": 1, "expiry": series}
        told.append(fact(CommandKind.EXPIRY_OPENED, value=CAP, **terms))
        strike, kind = instrument % SERIES // 2, instrument % 2
        terms.update(instrument=instrument, strike=10 * strike, value=kind)
        told.append(fact(CommandKind.INSTRUMENT_LISTED, **terms))
    for account in range(FIRST_ACCOUNT, world.accounts):
        owner = fact(CommandKind.ACCOUNT_OPENED, 1, account=account, signer=account)
        owner[1:].view(np.int64)[4] = account  # of its address
        told += [owner, fact(CommandKind.DEPOSITED, account=account, value=MONEY)]
    return np.concatenate(told)


def kernel(world: World) -> Matching:
    """A kernel with all books, and the orders that rest at first."""
    limits = Limits(world.books, world.accounts, world.accounts, band_bits=world.band_bits)
    matching = Matching(limits)
    matching.submit(listings(world))
    matching.pools.reserve(len(world.setup) + len(world.stream))
    matching.submit(signed(world.setup))
    return matching


def parts_of(world: World, step: int) -> list[Records]:
    """The lines of the stream, so many commands at a time."""
    return [signed(world.stream[i : i + step]) for i in range(0, len(world.stream), step)]


def run_kernel(world: World, fills: list[tuple[int, int]]) -> float:
    """Commands per second, in passes of 4,096; adds (number, lots) of the plain part's fills."""
    matching, step = kernel(world), 4096
    count = lots = done = 0
    spent = 0.0
    for part in parts_of(world, step):
        begin = time.thread_time()
        events = matching.run(part)
        spent += time.thread_time() - begin
        done += step
        if done <= world.plain // step * step:
            trades = events[events["kind"] == EventKind.TRADE]
            count, lots = count + len(trades), lots + int(trades["lots"].sum())
    fills.append((count, lots))
    return len(world.stream) / spent


def run_alone(world: World, fills: list[tuple[int, int]]) -> float:
    """Commands per second of the books alone, in passes of 4,096; adds fills as `run_kernel`."""
    matching, step = kernel(world._replace(setup=lines_of(0))), 4096
    pools, run = matching.pools, books_runner()
    pools.reserve(len(world.setup) + len(world.stream))
    count = lots = done = 0
    spent = 0.0
    for begun, lines in ((False, world.setup), (True, world.stream)):
        for part in (lines[i : i + step].copy() for i in range(0, len(lines), step)):
            begin = time.thread_time()
            pools.reserve(len(part))
            pools.context["events_count"] = 0
            run(pools.address, part.ctypes.data, part.ctypes.data + part.nbytes)
            spent += (time.thread_time() - begin) * begun
            done += step * begun
            if done <= world.plain // step * step:
                trades = pools.arrays["events"][: int(pools.context["events_count"])]
                count, lots = count + len(trades), lots + int(trades["lots"].sum())
    fills.append((count, lots))
    return len(world.stream) / spent


class Plain:
    """Limit and IOC orders and cancels over sorted dictionaries."""

    def __init__(self) -> None:
        self.books: dict[int, tuple[Any, Any]] = {}  # by tick: bids, asks
        self.open: dict[tuple[int, int], tuple[Any, int]] = {}
        self.fills = self.lots = 0

    def place(
        self,
        account: int,
        number: int,
        instrument: int,
        sells: bool,
        tick: int,
        lots: int,
        ioc: int,
    ) -> None:
        """Trade while the best opposite level crosses; what remains rests."""
        if instrument not in self.books:
            sides = sortedcontainers.SortedDict(), sortedcontainers.SortedDict()
            self.books[instrument] = sides
        side, opposite = self.books[instrument][sells], self.books[instrument][not sells]
        while lots and opposite:
            best, queue = opposite.peekitem(-1 if sells else 0)
            if best < tick if sells else best > tick:
                break
            key, left = next(iter(queue.items()))
            if key[0] == account:
                return
            traded = min(lots, left[0])
            self.fills, self.lots = self.fills + 1, self.lots + traded
            lots, left[0] = lots - traded, left[0] - traded
            if not left[0]:
                self.cancel(*key)
        if lots and not ioc:
            side.setdefault(tick, {})[account, number] = [lots]
            self.open[account, number] = side, tick

    def cancel(self, account: int, number: int) -> None:
        """Take an order out, if it is open."""
        side, tick = self.open.pop((account, number), (None, 0))
        if side is not None:
            del side[tick][account, number]
            if not side[tick]:
                del side[tick]


Calls = list[tuple[Callable[..., None], tuple[Any, ...]]]


def told(commands: Records) -> Calls:
    """The same commands, as the slow engine takes them."""
    calls: Calls = []
    for c in commands:
        account, number = int(c["account"]), int(c["id"])
        if c["kind"] == CommandKind.CANCEL:
            calls.append((Plain.cancel, (account, number)))
            continue
        terms = int(c["instrument"]), bool(c["sells"]), int(c["tick"]), int(c["quantity"])
        calls.append((Plain.place, (account, number, *terms, int(c["flags"]))))
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
    """Commands per second in each world: of the kernel, and of its books alone."""
    if quick:
        commands, rounds = min(commands, 200_000), min(rounds, 3)
    resting = 100_000 if quick else 1_000_000
    name = f"a book on sortedcontainers {sortedcontainers.__version__}"
    results = []
    for world in worlds(commands, seed, resting):
        run_kernel(world, [])  # compiles, and touches memory
        run_alone(world, [])
        setup, calls = told(world.setup), told(world.stream[: world.plain // 4096 * 4096])
        rates: dict[str, list[float]] = {"": [], "books alone, ": []}
        theirs = []
        fills: list[tuple[int, int]] = []
        for _ in range(rounds):
            rates[""].append(run_kernel(world, fills))
            rates["books alone, "].append(run_alone(world, fills))
            theirs.append(run_plain(setup, calls, fills))
        if len(set(fills)) != 1:
            raise SystemExit(f"{world.name}: the engines differ: {fills}")
        detail: dict[str, float | int | str] = {
            "commands": len(world.stream),
            "the other's": len(calls),
            "rest at first": len(world.setup),
            "seed": seed,
        }
        slow = statistics.median(theirs)
        for what, ours in rates.items():
            case, fast = what + world.name, statistics.median(ours)
            results.append(Result("matching", case, fast, slow, "commands/s", name, rounds, detail))
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
