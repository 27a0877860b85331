"""Hashes and whole Merkle trees per second, beside the same with pysha3 in a loop.

    python -m benchmarks.tree [--depth 20] [--rounds 5] [--seed 1]

Of the trees, pysha3 is shown a smaller one and its time is scaled by the number of nodes. Rounds
are interleaved; the clock is the processor time of one thread, and what compiles is compiled
before it starts. Both give the same roots, or this stops.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from sha3 import keccak_256

from benchmarks.plain_ledger import DictForest
from benchmarks.result import Result
from benchmarks.words import show
from matcher.kernel import keccak
from matcher.merkle import ZERO, levels_of
from matcher.settlement.forest import Forest, WholeTree

PLAIN = f"safe-pysha3 {version('safe-pysha3')} in a loop"
PLAIN_DEPTH = 14
MESSAGE = 96  # bytes: an account leaf of three words, roughly
CHANGED = 60  # leaves that a chunk changes
Rows = list[list[tuple[int, bytes]]]


def timed(run: Callable[[], object]) -> float:
    """Seconds of processor time."""
    start = time.process_time()
    run()
    return time.process_time() - start


def hash_each(data: bytes, size: int) -> bytes:
    """The last digest of all messages of `size` bytes."""
    digest = b""
    for start in range(0, len(data), size):
        digest = keccak_256(data[start : start + size]).digest()
    return digest


def hashes(rounds: int, random: np.random.Generator, size: int, count: int) -> Result:
    """Messages of one size, all in a batch."""
    data = random.bytes(size * count)
    array = np.frombuffer(data, np.uint8).copy()
    starts = np.arange(0, size * count, size, dtype=np.int64)
    lengths = np.full(count, size, np.int64)
    nodes = np.empty(4 * count, np.int64)
    lanes, loops = [], []
    for _ in range(rounds):
        lanes.append(timed(lambda: keccak.hash_messages(array, starts, lengths, nodes, 0)))
        loops.append(timed(lambda: hash_each(data, size)))
    same(nodes[-4:].tobytes(), hash_each(data, size))
    return row("keccak", f"messages of {size} bytes", count, lanes, loops, "hashes/s")


def pairs(rounds: int, random: np.random.Generator, count: int) -> Result:
    """Nodes above neighboring pairs."""
    data = random.bytes(64 * count)
    nodes = np.empty(12 * count, np.int64)
    nodes[: 8 * count] = np.frombuffer(data, np.int64)
    lanes, loops = [], []
    for _ in range(rounds):
        lanes.append(timed(lambda: keccak.hash_level(nodes, 0, 2 * count, count)))
        loops.append(timed(lambda: hash_each(data, 64)))
    same(nodes[-4:].tobytes(), hash_each(data, 64))
    return row("keccak", "pairs of nodes", count, lanes, loops, "hashes/s")


def whole(rounds: int, random: np.random.Generator, depth: int) -> Result:
    """A root over ``2**depth`` leaves, from bytes to bytes."""
    small = random.bytes(32 << PLAIN_DEPTH)
    split = [small[i : i + 32] for i in range(0, len(small), 32)]
    same(WholeTree(small, PLAIN_DEPTH).root, levels_of(split)[-1][0])
    large = random.bytes(32 << depth)
    lanes, loops = [], []
    for _ in range(rounds):
        lanes.append(timed(lambda: WholeTree(large, depth)))
        loops.append(timed(lambda: levels_of(split)))
    scale = ((1 << depth) - 1) / ((1 << PLAIN_DEPTH) - 1)
    fast, slow = statistics.median(lanes), statistics.median(loops) * scale
    name = f"root over 2^{depth} leaves"
    detail: dict[str, float | int | str] = {"the other's leaves": 1 << PLAIN_DEPTH}
    return Result("Merkle", name, 1e3 * fast, 1e3 * slow, "ms", PLAIN, rounds, detail)


def changes(rounds: int, random: np.random.Generator, leaves: int) -> Result:
    """A root after some leaves of a tree of depth 24 changed."""
    ours, theirs = Forest(), DictForest()
    first = [(index, random.bytes(32)) for index in range(leaves)]
    root = ours.update([(ZERO, first)], 24)[0]
    same(root, theirs.update(ZERO, 24, first))
    fast, slow = [], []
    for _ in range(rounds):
        rows = [
            [(index, random.bytes(32)) for index in sorted(set(pick.tolist()))]
            for pick in random.integers(0, leaves, (200, CHANGED))
        ]
        roots = [root, root]

        def run(roots: list[bytes] = roots, rows: Rows = rows) -> None:
            for changed in rows:
                roots[0] = ours.update([(roots[0], changed)], 24)[0]

        def run_plain(roots: list[bytes] = roots, rows: Rows = rows) -> None:
            for changed in rows:
                roots[1] = theirs.update(roots[1], 24, changed)

        fast.append(timed(run))
        slow.append(timed(run_plain))
        same(*roots)
        root = roots[0]
    return row("Merkle", f"change {CHANGED} of {leaves:,} leaves", 200, fast, slow, "roots/s")


def same(ours: bytes, theirs: bytes) -> None:
    """Stop unless both say the same."""
    if ours != theirs:
        raise SystemExit(f"differ: {ours.hex()} and {theirs.hex()}")


def row(
    benchmark: str, case: str, count: int, fast: list[float], slow: list[float], unit: str
) -> Result:
    """What was done per second."""
    ours, theirs = (count / statistics.median(times) for times in (fast, slow))
    return Result(benchmark, case, ours, theirs, unit, PLAIN, len(fast), {"at a time": count})


def measure(quick: bool, depth: int = 20, rounds: int = 5, seed: int = 1) -> list[Result]:
    """All of it."""
    if quick:
        depth, rounds = min(depth, 16), min(rounds, 3)
    random = np.random.default_rng(seed)
    return [
        pairs(rounds, random, 1 << 16),
        *(hashes(rounds, random, size, 1 << 16) for size in (MESSAGE, 320)),
        whole(rounds, random, depth),
        changes(rounds, random, 10_000 if quick else 100_000),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--depth", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    names = ("numba", "llvmlite", "numpy", "safe-pysha3")
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores")
    print(f"versions  Python {platform.python_version()},", end=" ")
    print(", ".join(f"{name} {version(name)}" for name in names))
    print(f"run       seed {asked.seed}, medians of {asked.rounds} rounds, processor time")
    show(measure(False, asked.depth, asked.rounds, asked.seed))


if __name__ == "__main__":
    main()
