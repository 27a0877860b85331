"""Commands replayed per second, and the restart of a book of a million resting orders.

    python -m benchmarks.recovery [--commands 2000000] [--resting 1000000] [--rounds 5]

*Reading* takes every group of a journal from its segments and checks it; *replay* applies it to a
new exchange as well, with all that admits an order, in one small book: commands of 64 bytes alone,
and with the digest and signature of each order. Beside it, SQLite reads commands from its table.
*Restart* is what a matcher does after a crash, from nothing in memory to the exchange as it was:
the newest snapshot is found, read, checked and loaded, and the journal's tail of 100,000 commands
applied. *Stop* is how long a running matcher waits for a snapshot: a fork, another process writes;
beside it, numpy copies as many bytes as the snapshot has, which the matcher's thread could do too.
Rounds are interleaved; figures are medians; of reading and replay the processor's time of the one
thread that works, of a restart the clock's. Files are in the system's cache, as after a crash of a
process. Orders are made before any clock; the seed is fixed.
"""

import argparse
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.journal import IDENTITY
from benchmarks.matching import World, listings, signed, worlds
from benchmarks.result import Result
from benchmarks.words import show
from matcher.core import MATCHING, recovered
from matcher.journal.snapshot import Snapshots
from matcher.journal.writer import Journal
from matcher.kernel.exchange import Matching
from matcher.kernel.pools import Limits, Records

SEGMENT = 64 << 20
GROUP = 4096  # commands
TAIL = 100_000
SEED = 5
OTHER = f"SQLite {sqlite3.sqlite_version}"


def fill(directory: Path, parts: list[Records]) -> Journal:
    """A journal that holds parts, each in groups of whole commands."""
    journal = Journal(directory / "journal", IDENTITY, SEGMENT, first_bytes=SEGMENT)
    for lines in parts:
        starts = np.flatnonzero(begins(lines))
        view = memoryview(lines.view(np.uint8)).cast("B")
        for first in range(0, len(starts), GROUP):
            group = starts[first : first + GROUP]
            end = starts[first + GROUP] if first + GROUP < len(starts) else len(lines)
            journal.write_lines([view[64 * int(group[0]) : 64 * int(end)]], len(group))
    journal.sync_written(journal.last)
    return journal


def begins(lines: Records) -> NDArray[np.bool_]:
    """Whether a command begins at each line."""
    found = np.zeros(len(lines), bool)
    at, annex = 0, lines["annex"].tolist()
    while at < len(lines):
        found[at] = True
        at += 1 + annex[at]
    return found


def sqlite_with(directory: Path, lines: Records) -> sqlite3.Connection:
    """A table of the same commands."""
    base = sqlite3.connect(directory / "base")
    base.execute("create table commands (number integer primary key, line blob)")
    rows = ((number, line.tobytes()) for number, line in enumerate(lines))
    base.executemany("insert into commands values (?, ?)", rows)
    base.commit()
    return base


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> float:
    """Seconds."""
    began = clock()
    work()
    return clock() - began


def replay(directory: Path, world: World, rounds: int, plain: bool) -> list[Result]:
    """A journal of the facts and the stream; `plain`: orders without digest and signature."""
    stream = world.stream if plain else signed(world.stream)
    journal = fill(directory, [listings(world), stream])
    sample = world.stream[: len(world.stream) // 10]
    base = sqlite_with(directory, sample)

    def read() -> None:
        for group in journal.groups():
            assert group.commands, "a group without commands"

    def select() -> None:
        for _ in base.execute("select line from commands order by number"):
            pass

    limits = limits_of(world)
    recovered(journal, None, limits)  # compiled, and in the caches
    ways = {"read": read, "replay": lambda: recovered(journal, None, limits), "sqlite": select}
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, work in ways.items():
            times[name].append(timed(work, time.thread_time))
    total = journal.last
    journal.close()
    base.close()
    other = len(sample) / statistics.median(times["sqlite"])
    size = 64 * len(stream) / len(world.stream)
    detail: dict[str, float | int | str] = {"commands": total, "bytes of one": size, "seed": SEED}
    kind = "64 bytes a command" if plain else "signed orders"
    return [
        Result(
            *("recovery", f"{case}, {kind}", total / statistics.median(times[way]), other),
            *("commands/s", OTHER, rounds, detail),
        )
        for case, way in (("reading", "read"), ("replay", "replay"))
    ]


def limits_of(world: World) -> Limits:
    """As the matching benchmark has them."""
    return Limits(world.books, world.accounts, world.accounts, band_bits=world.band_bits)


def restart(directory: Path, world: World, rounds: int) -> list[Result]:
    """A book of resting orders, its snapshot, and a tail."""
    facts, book, tail = listings(world), signed(world.setup), signed(world.stream[:TAIL])
    limits = limits_of(world)
    journal = fill(directory, [facts, book, tail])
    snapshots = Snapshots(directory / "snapshots", IDENTITY)
    matching = Matching(limits)
    matching.run(facts)
    matching.run(book)
    resting, sequence = matching.live, journal.last - len(world.stream[:TAIL])
    stops, writes, starts = [], [], []
    for _ in range(rounds):
        began = time.perf_counter()
        writing = snapshots.write_apart(sequence, lambda: {MATCHING: matching.dump()})
        stops.append(time.perf_counter() - began)
        writing.wait()
        writes.append(time.perf_counter() - began)
        starts.append(timed(lambda: recovered(journal, snapshots, limits)))
    found = recovered(journal, snapshots, limits)
    matching.run(tail)
    assert found.orders() == matching.orders(), "another book"
    from_nothing = timed(lambda: recovered(journal, None, limits))
    journal.close()
    size = snapshots.path(sequence).stat().st_size
    copied = np.ones(size, np.uint8)
    copies = [timed(copied.copy) for _ in range(rounds)]
    detail: dict[str, float | int | str] = {
        "tail": TAIL,
        "snapshot bytes": size,
        "written in s": statistics.median(writes),
        "seed": SEED,
    }
    case = f"{resting:,} resting orders"
    stopped: dict[str, float | int | str] = {"most": 1000 * max(stops)}
    return [
        Result(
            *("recovery restart", case, statistics.median(starts), from_nothing),
            *("s", "replay from nothing", rounds, detail),
        ),
        Result(
            *("recovery stop", case, 1000 * statistics.median(stops)),
            *(1000 * statistics.median(copies), "ms", f"a copy, numpy {np.__version__}"),
            *(rounds, stopped),
        ),
    ]


def measure(
    quick: bool,
    commands: int = 2_000_000,
    resting: int = 1_000_000,
    rounds: int = 5,
    directory: Path = Path("/var/tmp"),
) -> list[Result]:
    """Both."""
    if quick:
        commands, resting, rounds = commands // 10, resting // 10, 2
    small, _, deep = worlds(commands, SEED, resting)
    results: list[Result] = []
    for work in (
        lambda place: replay(place, small, rounds, plain=True),
        lambda place: replay(place, small, rounds, plain=False),
        lambda place: restart(place, deep, rounds),
    ):
        place = Path(tempfile.mkdtemp(dir=directory))
        try:
            results += work(place)
        finally:
            shutil.rmtree(place)
    return results


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description="Replay and restart.")
    parser.add_argument("--commands", type=int, default=2_000_000)
    parser.add_argument("--resting", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    show(measure(False, options.commands, options.resting, options.rounds))


if __name__ == "__main__":
    main()
