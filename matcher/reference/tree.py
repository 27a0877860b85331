"""Merkle trees (section 3): the account tree, the order-slot trees, the tree over raw words.

All are the same tree: leaf i is the i-th from the left, a node is ``keccak256(left || right)``, and
``node(0, 0) = 0``, so that empty subtrees cost nothing. Leaves are 32 bytes; ZERO is the empty one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sha3 import keccak_256

from matcher.errors import ProtocolError
from matcher.types import CHUNK_WORDS

ZERO = bytes(32)


def keccak(data: bytes) -> bytes:
    """Keccak-256, 32 bytes."""
    digest: bytes = keccak_256(data).digest()
    return digest


def node(left: bytes, right: bytes) -> bytes:
    """The node above two others; 0 iff both are."""
    if left == ZERO and right == ZERO:
        return ZERO
    return keccak(left + right)


def root_of(leaves: Mapping[int, bytes], depth: int) -> bytes:
    """Root of the tree of ``2**depth`` leaves of which `leaves` are not empty."""
    level = dict(leaves)
    for _ in range(depth):
        parents = {index // 2 for index in level}
        level = {p: node(level.get(2 * p, ZERO), level.get(2 * p + 1, ZERO)) for p in parents}
    return level.get(0, ZERO)


@dataclass(frozen=True)
class Path:
    """Siblings from the leaf up, without the zeros: bit i of `present` says if level i has one."""

    present: int
    siblings: tuple[bytes, ...]


def root_from(leaf: bytes, index: int, path: Path, depth: int) -> bytes:
    """The root that a leaf and its path lead to.

    Raises
    ------
    ProtocolError
        If `present` names levels that are not there, or another number of siblings than given.
    """
    if path.present >> depth or path.present.bit_count() != len(path.siblings):
        raise ProtocolError(
            f"path: found present {path.present:#b} with {len(path.siblings)} siblings,"
            f" allowed one per set bit below 2^{depth}"
        )
    siblings = iter(path.siblings)
    here = leaf
    for level in range(depth):
        sibling = next(siblings) if path.present >> level & 1 else ZERO
        here = node(sibling, here) if index >> level & 1 else node(here, sibling)
    return here


@dataclass
class Tree:
    """A tree that changes: always `root_of` its leaves, but only rehashes above what changed."""

    depth: int
    nodes: dict[tuple[int, int], bytes] = field(default_factory=dict)  # (level, index), no zeros

    def get(self, level: int, index: int) -> bytes:
        return self.nodes.get((level, index), ZERO)

    def set(self, index: int, leaf: bytes) -> None:
        """Put a leaf; ZERO takes it out."""
        here = leaf
        for level in range(self.depth + 1):
            if here == ZERO:
                self.nodes.pop((level, index), None)
            else:
                self.nodes[level, index] = here
            sibling = self.get(level, index ^ 1)
            here = node(sibling, here) if index & 1 else node(here, sibling)
            index //= 2

    def root(self) -> bytes:
        return self.get(self.depth, 0)

    def path(self, index: int) -> Path:
        """The path of leaf `index`."""
        siblings = [self.get(level, index >> level ^ 1) for level in range(self.depth)]
        present = sum(1 << level for level, s in enumerate(siblings) if s != ZERO)
        return Path(present, tuple(s for s in siblings if s != ZERO))

    def copy(self) -> "Tree":
        return Tree(self.depth, dict(self.nodes))


# --- the tree over all raw words of a batch (section 6) ------------------------------------------


def words_depth(chunk_count: int) -> int:
    """Depth of the tree over the words: ``32 * 2^ceil(log2 chunk_count)`` leaves."""
    return (CHUNK_WORDS - 1).bit_length() + (chunk_count - 1).bit_length()


def words_tree(words: Sequence[int]) -> Tree:
    """Word j of chunk c is leaf ``32 * c + j``, as it stands (32 bytes), not hashed again."""
    tree = Tree(words_depth(len(words) // CHUNK_WORDS))
    for index, word in enumerate(words):
        if word:
            tree.set(index, word.to_bytes(32, "big"))
    return tree


def words_root(words: Sequence[int]) -> bytes:
    """``chunksRoot`` of the header, calldata mode."""
    leaves = {i: word.to_bytes(32, "big") for i, word in enumerate(words)}
    return root_of(leaves, words_depth(len(words) // CHUNK_WORDS))
