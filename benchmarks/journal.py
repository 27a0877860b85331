"""Commands made durable per second, and the time of one: the journal beside SQLite and LMDB.

    python -m benchmarks.journal [--rounds 7] [--directory /var/tmp]

All write the same commands of 64 bytes to the same disk, in order, numbered, and count a command
when the system has said that it survives a power cut: the journal after fdatasync on its allocated
segment; SQLite in WAL mode with synchronous=FULL after the commit; LMDB with sync after the commit.
*Groups* share a sync, as the commands do that come while the one before it runs. Rounds are
interleaved; figures are medians over rounds, or over all syncs of all rounds for times. The disk is
what bounds small groups: `bare` is fdatasync alone, on a file of zeros that is there, after a write
of as many bytes. No random input.
"""

import argparse
import os
import shutil
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import lmdb

from benchmarks.result import Result
from benchmarks.words import show
from matcher.disk import allocate
from matcher.journal.writer import Identity, Journal

LINE = bytes(range(1, 65)).replace(b"\x05", b"\0")  # a command without annex
IDENTITY = Identity(1, b"\x11" * 20, b"\x22" * 32)
SEGMENT = 16 << 20


class Store(Protocol):
    """Something that keeps commands."""

    def put(self, first: int, count: int) -> None:
        """Commands from number `first` on; returns when they survive a power cut."""

    def close(self) -> None:
        """Let go."""


class Ours:
    """The journal, as a matcher's core writes it: the lines lie in memory already."""

    def __init__(self, directory: Path):
        self._journal = Journal(directory, IDENTITY, SEGMENT, first_bytes=SEGMENT)
        self._lines = memoryview(LINE * 65_536)

    def put(self, first: int, count: int) -> None:
        self._journal.write_lines([self._lines[: 64 * count]], count)
        self._journal.sync_written(first + count - 1)

    def close(self) -> None:
        self._journal.close()


class Sqlite:
    """A table of numbers and blobs."""

    def __init__(self, directory: Path):
        self._base = sqlite3.connect(directory / "base", isolation_level=None)
        self._base.execute("pragma journal_mode=wal")
        self._base.execute("pragma synchronous=full")
        self._base.execute("create table commands (number integer primary key, line blob)")

    def put(self, first: int, count: int) -> None:
        self._base.execute("begin")
        rows = ((number, LINE) for number in range(first, first + count))
        self._base.executemany("insert into commands values (?, ?)", rows)
        self._base.execute("commit")

    def close(self) -> None:
        self._base.close()


class Lmdb:
    """A B+ tree that is appended to."""

    def __init__(self, directory: Path):
        self._base = lmdb.open(str(directory), map_size=1 << 32, sync=True)

    def put(self, first: int, count: int) -> None:
        with self._base.begin(write=True) as transaction:
            for number in range(first, first + count):
                transaction.put(number.to_bytes(8, "big"), LINE, append=True)

    def close(self) -> None:
        self._base.close()


class Bare:
    """The disk alone."""

    def __init__(self, directory: Path):
        self._handle = allocate(directory / "file", SEGMENT)
        self._bytes = LINE * 65_536
        self._at = 0

    def put(self, first: int, count: int) -> None:  # noqa: ARG002 - as the others
        size = 64 * count
        self._at = self._at if self._at + size <= SEGMENT else 0
        os.pwrite(self._handle, self._bytes[:size], self._at)
        os.fdatasync(self._handle)
        self._at += size

    def close(self) -> None:
        os.close(self._handle)


MAKERS: dict[str, Callable[[Path], Store]] = {
    "quoin": Ours,
    "sqlite": Sqlite,
    "lmdb": Lmdb,
    "bare": Bare,
}


def timed(make: Callable[[Path], Store], directory: Path, group: int, groups: int) -> list[float]:
    """Seconds of each group."""
    where = Path(tempfile.mkdtemp(dir=directory))
    store = make(where)
    times = []
    try:
        for number in range(groups):
            began = time.perf_counter()
            store.put(1 + group * number, group)
            times.append(time.perf_counter() - began)
    finally:
        store.close()
        shutil.rmtree(where)
    return times


def measure(quick: bool, rounds: int = 7, directory: Path = Path("/var/tmp")) -> list[Result]:
    """Groups of 1, 64, 1,024 and 16,384 commands."""
    rounds = 3 if quick else rounds
    results = []
    with tempfile.TemporaryDirectory(dir=directory) as place:
        for group, groups in ((1, 400), (64, 400), (1024, 200), (16_384, 40)):
            count = groups // 4 if quick else groups
            times: dict[str, list[list[float]]] = {name: [] for name in MAKERS}
            for _ in range(rounds):
                for name, make in MAKERS.items():
                    times[name].append(timed(make, Path(place), group, count))
            results += _results(group, times, count * rounds)
    return results


def _results(group: int, times: dict[str, list[list[float]]], n: int) -> list[Result]:
    speed = {
        name: statistics.median(group * len(some) / sum(some) for some in rounds)
        for name, rounds in times.items()
    }
    every = {
        name: sorted(1e6 * t for some in rounds for t in some) for name, rounds in times.items()
    }
    p50 = {name: statistics.median(one) for name, one in every.items()}
    ours = every["quoin"]
    case = f"groups of {group:,}"
    detail: dict[str, float | int | str] = {
        "bare": speed["bare"],
        "lmdb": speed["lmdb"],
        "group bytes": 64 * group,
    }
    latency: dict[str, float | int | str] = {
        "p90": ours[9 * len(ours) // 10],
        "p99": ours[99 * len(ours) // 100],
        "bare p50": p50["bare"],
        "lmdb p50": p50["lmdb"],
    }
    other = f"SQLite {sqlite3.sqlite_version} WAL"
    return [
        Result("journal", case, speed["quoin"], speed["sqlite"], "commands/s", other, n, detail),
        Result("journal sync", case, p50["quoin"], p50["sqlite"], "us", other, n, latency),
    ]


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description="Commands made durable.")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"))
    options = parser.parse_args()
    show(measure(False, options.rounds, options.directory))


if __name__ == "__main__":
    main()
