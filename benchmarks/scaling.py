"""What a command costs as the exchange grows, how long one takes, and how much memory an order.

    python -m benchmarks.scaling [--commands 400000] [--rounds 3] [--seed 1]

The flows and the kernel are those of `benchmarks.matching`. *Cost*: nanoseconds a command, in
passes of 4,096, at several numbers of books, of accounts, and of orders that rest; the processor's
time of one thread. *Latency*: each command in a pass of its own, the monotonic clock around each,
reading it included; nothing else is taken out, so the tail holds what the machine does besides.
*Memory*: how much more of the process is resident once orders rest, books and accounts being there
before. Beside each the same commands, or the first of them, in sorted dictionaries, that know of
no accounts and no margin.
"""

import argparse
import ctypes
import multiprocessing
import os
import platform
import resource
import statistics
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numba
import numpy as np
import sortedcontainers

from benchmarks.matching import (
    FIRST_ACCOUNT,
    Calls,
    Plain,
    World,
    busy,
    kernel,
    orders,
    parts_of,
    priced,
    run_kernel,
    run_plain,
    signed,
    told,
    worlds,
)
from benchmarks.result import Result
from benchmarks.words import show
from matcher.kernel.atomics import load
from matcher.kernel.context import set_context_events_count
from matcher.kernel.exchange import Matching, lines_of
from matcher.kernel.fields import command_annex
from matcher.kernel.loop import runner
from matcher.kernel.pools import Records

BOOKS = (1, 10, 100, 1000)
ACCOUNTS = (100, 1000, 10_000, 100_000)
RESTING = (10_000, 100_000, 1_000_000)
CLOCK_MONOTONIC = 1
PERCENTILES = (50, 99, 99.9)
OTHER = f"a book on sortedcontainers {sortedcontainers.__version__}"
SHOWN = 1 << 14  # commands that the other is shown

read_clock = ctypes.CDLL(None).clock_gettime
read_clock.argtypes = (ctypes.c_int, ctypes.c_int64)
read_clock.restype = ctypes.c_int


# --- cost ----------------------------------------------------------------------------------------


def bits_of(books: int) -> int:
    """Ticks of a band, as a power of two."""
    return 10 if books > 100 else 12


def grown(commands: int, seed: int, sizes: int) -> list[tuple[str, int, World]]:
    """(line, size, world) of each measurement; of each line the first `sizes`."""
    made: list[tuple[str, int, World]] = []
    for books in BOOKS[:sizes]:
        rng = np.random.default_rng(seed)
        live = 200 * min(books, 500)
        stream = busy(rng, commands, 1000, books, live)
        world = World("", books + 1, 1002, bits_of(books), lines_of(0), stream, 0)
        made.append(("books", books, world))
    for accounts in ACCOUNTS[:sizes]:
        rng = np.random.default_rng(seed)
        stream = busy(rng, commands, accounts, 1, 200)
        world = World("", 2, FIRST_ACCOUNT + accounts, 12, lines_of(0), stream, 0)
        made.append(("accounts", accounts, world))
    for resting in RESTING[:sizes]:
        world = worlds(min(commands, 2 * resting), seed, resting)[2]
        made.append(("resting orders", resting, world))
    return made


def costs(commands: int, rounds: int, seed: int, sizes: int) -> list[Result]:
    """Nanoseconds of a command at each size."""
    results = []
    for line, size, world in grown(commands, seed, sizes):
        run_kernel(world, [])  # compiles, and touches memory
        setup, calls = told(world.setup), told(world.stream[:SHOWN])
        pairs = [(run_kernel(world, []), run_plain(setup, calls, [])) for _ in range(rounds)]
        cost, theirs = (1e9 / statistics.median(rates) for rates in zip(*pairs, strict=True))
        detail: dict[str, float | int | str] = {
            "line": line,
            "size": size,
            "commands": len(world.stream),
            "the other's": len(calls),
            "seed": seed,
        }
        case = f"{size:,} {line}"
        results.append(Result("cost", case, cost, theirs, "ns", OTHER, rounds, detail))
    return results


# --- latency -------------------------------------------------------------------------------------


@numba.njit(nogil=True)
def now(at):
    """Nanoseconds of the monotonic clock; two words at `at` are used."""
    read_clock(CLOCK_MONOTONIC, at)
    return load(at) * 1_000_000_000 + load(at + 8)


def timer() -> Callable[[int, int, int, Any, int], int]:
    """A function that takes commands one by one. Written: nanoseconds of each."""
    run = runner()

    @numba.njit(nogil=True)
    def take(c, at, end, times, clock):
        done = 0
        while at < end:
            stop = at + 64 * (1 + command_annex(at))
            set_context_events_count(c, 0)
            begin = now(clock)
            reached = run(c, at, stop)
            times[done] = now(clock) - begin
            if reached == at:
                break
            at, done = stop, done + 1
        return at

    return take


def latencies(world: World, take: Callable[[int, int, int, Any, int], int]) -> Any:
    """Nanoseconds of each command of the second half of the stream."""
    matching: Matching = kernel(world)
    clock = np.zeros(2, np.int64)
    parts = parts_of(world, 4096)
    half = len(parts) // 2
    for part in parts[:half]:
        matching.run(part)
    found = []
    for part, commands in zip(
        parts[half:], range(half * 4096, len(world.stream), 4096), strict=True
    ):
        count = min(4096, len(world.stream) - commands)
        matching.pools.reserve(count)
        times = np.zeros(count, np.int64)
        start = part.ctypes.data
        if take(matching.pools.address, start, start + part.nbytes, times, clock.ctypes.data) != (
            start + part.nbytes
        ):
            raise SystemExit("the kernel found no room")
        found.append(times)
    return np.concatenate(found)


def plain_latencies(setup: Calls, calls: Calls) -> Any:
    """Nanoseconds of each command in sorted dictionaries."""
    engine, times = Plain(), np.zeros(len(calls), np.int64)
    for call, arguments in setup:
        call(engine, *arguments)
    for place, (call, arguments) in enumerate(calls):
        begin = time.perf_counter_ns()
        call(engine, *arguments)
        times[place] = time.perf_counter_ns() - begin
    return times


def latency(commands: int, rounds: int, seed: int, resting: int) -> list[Result]:
    """Percentiles of one command."""
    take = timer()
    results = []
    for world in worlds(commands, seed, resting):
        latencies(world, take)  # compiles
        setup, calls = told(world.setup), told(world.stream[:SHOWN])
        found = [(latencies(world, take), plain_latencies(setup, calls)) for _ in range(rounds)]
        ours, theirs = (
            np.median([np.percentile(times, PERCENTILES) for times in side], axis=0)
            for side in zip(*found, strict=True)
        )
        detail: dict[str, float | int | str] = {
            f"{of}p{mark} ns": float(value)
            for of, side in (("", ours), ("other ", theirs))
            for mark, value in zip(PERCENTILES, side, strict=True)
        }
        detail |= {"commands": len(world.stream) // 2, "the other's": len(calls), "seed": seed}
        middle, other = float(ours[0]), float(theirs[0])
        results.append(
            Result("one command", world.name, middle, other, "ns", OTHER, rounds, detail)
        )
    return results


# --- memory --------------------------------------------------------------------------------------


def resident() -> int:
    """Bytes of this process that are in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


def apart(work: Callable[[], int]) -> int:
    """The answer of a process of its own."""
    fork = multiprocessing.get_context("fork")
    mine, theirs = fork.Pipe()

    def child(pipe: Connection) -> None:
        pipe.send(work())

    process = fork.Process(target=child, args=(theirs,))
    process.start()
    answer: int = mine.recv()
    process.join()
    return answer


PASS = 3 * 4096  # lines that are told at a time: what they answer is not kept


def one_book(resting: int, seed: int) -> tuple[World, Records]:
    """An empty book with accounts, and orders that none of which crosses."""
    accounts = 4000
    rng = np.random.default_rng(seed)
    made = priced(orders(rng, 0, resting, accounts, 1), rng.integers(1, 3000, resting))
    return World("", 2, FIRST_ACCOUNT + accounts, 13, lines_of(0), lines_of(0), 0), made


def memory(resting: int, rounds: int, seed: int) -> Result:
    """Bytes of an order that rests."""
    world, made = one_book(resting, seed)
    lines, calls = signed(made), told(made)  # three lines an order

    def ours() -> int:
        matching = kernel(world)
        before = resident()
        for at in range(0, len(lines), PASS):
            matching.run(lines[at : at + PASS])
        if matching.live != resting:
            raise SystemExit(f"{matching.live} orders rest, not {resting}")
        return resident() - before

    def theirs() -> int:
        engine = Plain()
        before = resident()
        for call, arguments in calls:
            call(engine, *arguments)
        return resident() - before

    kernel(world)  # compiles
    rows = [(apart(ours) / resting, apart(theirs) / resting) for _ in range(rounds)]
    medians = [statistics.median(column) for column in zip(*rows, strict=True)]
    name = f"sortedcontainers {sortedcontainers.__version__}"
    detail: dict[str, float | int | str] = {"orders": resting, "accounts": 4000, "seed": seed}
    case = "of an order that rests"
    return Result("memory", case, medians[0], medians[1], "bytes", name, rounds, detail)


# --- all -----------------------------------------------------------------------------------------


def measure(quick: bool, commands: int = 400_000, rounds: int = 3, seed: int = 1) -> list[Result]:
    """All of it."""
    if quick:
        commands, rounds = min(commands, 100_000), 1
    resting = 100_000 if quick else 1_000_000
    of_one = memory(resting, rounds, seed)  # first, before memory lies free that was used
    return [
        *costs(commands, rounds, seed, 3 if quick else 4),
        *latency(commands, rounds, seed, resting),
        of_one,
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--commands", type=int, default=400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores")
    print(f"versions  Python {platform.python_version()}, numba {numba.__version__},", end=" ")
    print(f"numpy {np.__version__}, sortedcontainers {sortedcontainers.__version__}")
    show(measure(asked.quick, asked.commands, asked.rounds, asked.seed))


if __name__ == "__main__":
    main()
