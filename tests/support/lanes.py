"""What hashing and trees answer to fixed questions, for processes that compile them otherwise.

``python -m tests.support.lanes`` prints it.
"""

from collections.abc import Iterator

import numpy as np
from sha3 import keccak_256

from matcher.kernel import keccak
from matcher.merkle import ZERO
from matcher.settlement.forest import Forest, WholeTree

SEED = 20


def answers() -> str:
    """One digest over what all of them answer."""
    random = np.random.default_rng(SEED)
    told = b"".join([*hashes(random), *whole_trees(random), *changing_trees(random)])
    return str(keccak_256(told).hexdigest())


def hashes(random: np.random.Generator) -> Iterator[bytes]:
    """Of every batch function, with groups of eight and rests."""
    nodes = random.integers(-(1 << 63), (1 << 63) - 1, 4 * 200, np.int64)
    nodes[:12] = 0  # an empty pair, and one that is half empty
    keccak.hash_level(nodes, 0, 70, 35)
    data = random.integers(0, 256, 4000, np.uint8)
    lengths = np.arange(0, 420, 7, dtype=np.int64)
    keccak.hash_messages(data, 3 * lengths, lengths, nodes, 130)
    yield nodes.tobytes()


def whole_trees(random: np.random.Generator) -> Iterator[bytes]:
    """Roots and a path of trees of every depth to 6."""
    for depth in range(7):
        tree = WholeTree(random.bytes(32 * random.integers(0, 1 << depth, endpoint=True)), depth)
        yield tree.root
        yield from tree.path((1 << depth) - 1).siblings


def changing_trees(random: np.random.Generator) -> Iterator[bytes]:
    """Roots, leaves and paths of a forest that is changed and swept."""
    forest, root = Forest(), ZERO
    for number in range(12):
        accounts = sorted({int(account) for account in random.integers(0, 40, 9)})
        before = [forest.words(root, 24, account)[32:64] or ZERO for account in accounts]
        changes = [(slots, [(number, random.bytes(32)), (1000, ZERO)]) for slots in before]
        slots = forest.update(changes, 10)
        leaves = [
            (account, random.bytes(32) + inner + random.bytes(32 * (account % 9)))
            for account, inner in zip(accounts, slots, strict=True)
        ]
        root = forest.update_accounts(root, leaves, 24)
        yield root
        if number % 4 == 3:
            forest.sweep([root], 24, 10)
            yield len(forest).to_bytes(8, "big")
    for account in range(40):
        yield forest.words(root, 24, account)
        yield from forest.path(root, 24, account).siblings


if __name__ == "__main__":
    print(answers())  # noqa: T201 - what the test reads
