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
from typing import Any

import numpy as np
from sha3 import keccak_256

from matcher.forest import Forest, WholeTree
from matcher.kernel import keccak
from matcher.merkle import ZERO, levels_of

PLAIN_DEPTH = 14
MESSAGE = 96  # bytes: an account leaf of three words, roughly
CHANGED = 60  # leaves that a chunk changes


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


def hashes(rounds: int, random: np.random.Generator, size: int, count: int) -> None:
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
    row(f"hash {size} bytes", count, lanes, count, loops, "M/s", 1e-6)


def pairs(rounds: int, random: np.random.Generator, count: int) -> None:
    """Nodes above neighboring pairs."""
    data = random.bytes(64 * count)
    nodes = np.empty(12 * count, np.int64)
    nodes[: 8 * count] = np.frombuffer(data, np.int64)
    lanes, loops = [], []
    for _ in range(rounds):
        lanes.append(timed(lambda: keccak.hash_level(nodes, 0, 2 * count, count)))
        loops.append(timed(lambda: hash_each(data, 64)))
    same(nodes[-4:].tobytes(), hash_each(data, 64))
    row("hash pairs of nodes", count, lanes, count, loops, "M/s", 1e-6)


def whole(rounds: int, random: np.random.Generator, depth: int) -> None:
    """A root over ``2**depth`` leaves, from bytes to bytes."""
    small = random.bytes(32 << PLAIN_DEPTH)
    split = [small[i : i + 32] for i in range(0, len(small), 32)]
    same(WholeTree(small, PLAIN_DEPTH).root, levels_of(split)[-1][0])
    large = random.bytes(32 << depth)
    lanes, loops = [], []
    for _ in range(rounds):
        lanes.append(timed(lambda: WholeTree(large, depth)))
        loops.append(timed(lambda: levels_of(split)))
    fast = statistics.median(lanes)
    slow = statistics.median(loops) * ((1 << depth) - 1) / ((1 << PLAIN_DEPTH) - 1)
    name = f"root over 2^{depth} leaves"
    print(f"{name:34}{1e3 * fast:11.1f} ms{1e3 * slow:12.0f} ms{slow / fast:9.1f}")


def changes(rounds: int, random: np.random.Generator, leaves: int) -> None:
    """A root after some leaves of a tree of depth 24 changed; hashes per second."""
    from benchmarks.fills import DictForest

    forests = (Forest(), DictForest())
    first = [(index, random.bytes(32)) for index in range(leaves)]
    roots = [forest.update([(ZERO, first)], 24)[0] for forest in forests]
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(rounds):
        picks = [
            sorted({int(index) for index in random.integers(0, leaves, CHANGED)})
            for _ in range(200)
        ]
        rows = [[(index, random.bytes(32)) for index in pick] for pick in picks]
        for place, forest in enumerate(forests):

            def run(place: int = place, forest: Any = forest, rows: Any = rows) -> None:
                for changed in rows:
                    roots[place] = forest.update([(roots[place], changed)], 24)[0]

            times[place].append(timed(run))
        same(*roots)
    row(f"change {CHANGED} of {leaves} leaves", 200, times[0], 200, times[1], "/s", 1.0)


def same(ours: bytes, theirs: bytes) -> None:
    """Stop unless both say the same."""
    if ours != theirs:
        raise SystemExit(f"differ: {ours.hex()} and {theirs.hex()}")


def row(
    name: str, ours: int, fast: list[float], theirs: int, slow: list[float], unit: str, scale: float
) -> None:
    """Print a line of the table: what was done per second."""
    a, b = ours / statistics.median(fast) * scale, theirs / statistics.median(slow) * scale
    print(f"{name:34}{a:10.2f} {unit:3}{b:11.3f} {unit:3}{a / b:9.1f}")


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
    print(f"{'':34}{'eight lanes':>14}{'pysha3':>15}{'ratio':>9}")
    random = np.random.default_rng(asked.seed)
    pairs(asked.rounds, random, 1 << 16)
    for size in (MESSAGE, 320):
        hashes(asked.rounds, random, size, 1 << 16)
    whole(asked.rounds, random, asked.depth)
    changes(asked.rounds, random, 100_000)


if __name__ == "__main__":
    main()
