"""Tables that other processes read: a seqlock's rows beside an Array of the standard library.

    python -m benchmarks.tables [--reads 1000000] [--rounds 5]

Rows are 120 bytes, read and written within one process, so that nothing else is in the time.
`kernel` is compiled code, as a risk reader's would be; `Python` is `matcher.shared.tables` as
anybody may use it. The Array has a lock, which its readers take too. Rounds are interleaved,
figures are medians over rounds.
"""

import argparse
import multiprocessing
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np

from benchmarks.result import Result
from benchmarks.words import show
from matcher.kernel import seqlock
from matcher.shared.segments import default_place
from matcher.shared.tables import TableReader, TableWriter

WORDS = 15
RECORD = np.dtype([("words", "<i8", (WORDS,))])
SLOWER = 100  # so many fewer steps are taken by Python


class Table(NamedTuple):
    """One row, and both its ends."""

    writer: TableWriter
    reader: TableReader


@contextmanager
def table() -> Iterator[Table]:
    """A table of one row, written once."""
    with tempfile.TemporaryDirectory(dir=default_place().parent) as directory:
        place = Path(directory) / "segments"
        writer = TableWriter.create("rows", RECORD, rows=1, place=place)
        writer.write(0, np.zeros((), RECORD))
        yield Table(writer, TableReader.attach("rows", RECORD, place=place))
        writer.close()


@numba.njit(nogil=True)
def read_often(row, target, words, count):
    """Copy a row again and again; how often it was whole at once."""
    whole = 0
    for _ in range(count):
        whole += seqlock.read_row(row, target, words, 1) != seqlock.CHANGING
    return whole


def ways_of(rows: Table, reads: int) -> dict[str, tuple[Callable[[], Any], int]]:
    """By name, what is done, and how many steps that is."""
    writer, reader = rows
    made = np.zeros((), RECORD)
    row, into = reader._row(0, 1), np.zeros(WORDS, np.int64)
    shared, values = multiprocessing.Array("q", WORDS), tuple(range(WORDS))
    fewer = reads // SLOWER

    def many(step: Callable[[], Any]) -> tuple[Callable[[], Any], int]:
        def steps() -> None:
            for _ in range(fewer):
                step()

        return steps, fewer

    def fill() -> None:
        shared[:] = values

    def read_all() -> None:
        whole = read_often(row, into.ctypes.data, WORDS, reads)
        if whole != reads:
            raise AssertionError(f"rows: {whole} of {reads} were whole, and nobody wrote")

    return {
        "read a row, kernel": (read_all, reads),
        "read a row, Python": many(lambda: reader.row(0)),
        "write a row, Python": many(lambda: writer.write(0, made)),
        "read": many(lambda: shared[:]),
        "write": many(fill),
    }


def measure(quick: bool, reads: int = 1_000_000, rounds: int = 5) -> list[Result]:
    """Nanoseconds per row."""
    if quick:
        reads, rounds = min(reads, 200_000), min(rounds, 3)
    with table() as rows:
        ways = ways_of(rows, reads)
        # Compiled before any clock: with the arguments' types.
        into = np.zeros(WORDS, np.int64)
        read_often(rows.reader._row(0, 1), into.ctypes.data, WORDS, 1)
        taken: dict[str, list[float]] = {name: [] for name in ways}
        for _ in range(rounds):
            for name, (work, steps) in ways.items():
                began = time.perf_counter_ns()
                work()
                taken[name].append((time.perf_counter_ns() - began) / steps)
    others = {name: statistics.median(taken.pop(name)) for name in ("read", "write")}
    return [
        Result(
            *("table", name, statistics.median(found), others[name.split()[0]]),
            *("ns", "multiprocessing.Array, from Python", rounds, {"rows": ways[name][1]}),
        )
        for name, found in taken.items()
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Tables in shared memory.")
    parser.add_argument("--reads", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    show(measure(False, options.reads, options.rounds))


if __name__ == "__main__":
    main()
