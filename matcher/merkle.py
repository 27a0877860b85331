"""Merkle trees: the account tree, order-slot trees, the tree over a batch's words (section 3).

Leaf i is the i-th from the left, a node is ``keccak256(left || right)`` and ``node(0, 0) = 0``, so
that empty subtrees cost nothing. Trees live in one store, addressed by what they contain: changing
a leaf makes new nodes on its way up and leaves the old root as it was, so that proofs can be made
for every root whose nodes were not swept.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from sha3 import keccak_256

from matcher.errors import ProtocolError

ZERO: Final = bytes(32)


def keccak(data: bytes) -> bytes:
    """Keccak-256, 32 bytes."""
    digest: bytes = keccak_256(data).digest()
    return digest


class Path(NamedTuple):
    """Siblings from the leaf up without the zeros.

    Attributes
    ----------
    present : int
        Bit i says whether the sibling at level i (0 is the leaf's own) stands in `siblings`.
    siblings : tuple of bytes
        32 bytes each.
    """

    present: int
    siblings: tuple[bytes, ...]


def node(left: bytes, right: bytes) -> bytes:
    """The node above two others; zero iff both are."""
    if left == ZERO and right == ZERO:
        return ZERO
    return keccak(left + right)


def leaf_hash(words: bytes) -> bytes:
    """``keccak256(0x00 || words)`` of an account leaf; zero iff all words are (the empty leaf)."""
    if not any(words):
        return ZERO
    return keccak(b"\0" + words)


def root_from(leaf: bytes, index: int, path: Path, depth: int) -> bytes:
    """The root that a leaf and its path lead to.

    Raises
    ------
    ProtocolError
        If `present` names levels that are not there, or another number of siblings than given.
    """
    named = path.present.bit_count()
    if path.present >> depth or named != len(path.siblings):
        raise ProtocolError(
            f"path: found {len(path.siblings)} siblings for bits {path.present:#x},"
            f" allowed one per bit, all below bit {depth}"
        )
    siblings = iter(path.siblings)
    for level in range(depth):
        sibling = next(siblings) if path.present >> level & 1 else ZERO
        leaf = node(sibling, leaf) if index >> level & 1 else node(leaf, sibling)
    return leaf


def levels_of(leaves: Sequence[bytes]) -> list[list[bytes]]:
    """All levels of a full tree over 2^n leaves, the leaves first, the root last."""
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        levels.append([node(below[i], below[i + 1]) for i in range(0, len(below), 2)])
    return levels


def path_in(levels: Sequence[Sequence[bytes]], index: int) -> Path:
    """The path of leaf `index` in a tree as `levels_of` gives it."""
    return _path(level[index >> i ^ 1] for i, level in enumerate(levels[:-1]))


def _path(siblings: Iterable[bytes]) -> Path:
    present = 0
    given = []
    for level, sibling in enumerate(siblings):
        if sibling != ZERO:
            present |= 1 << level
            given.append(sibling)
    return Path(present, tuple(given))


class Store:
    """Nodes and account leaves by their hash.

    Nodes are 64 bytes, leaves a multiple of 32 and found by `leaf_hash`. Nothing is counted:
    `sweep` keeps what is reached from the roots that are still wanted.
    """

    __slots__ = ("_blobs",)

    def __init__(self) -> None:
        self._blobs: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._blobs)

    def put_leaf(self, words: bytes) -> bytes:
        """Keep an account leaf; its hash."""
        found = leaf_hash(words)
        if found != ZERO:
            self._blobs[found] = words
        return found

    def get_leaf(self, leaf: bytes) -> bytes:
        """The words of an account leaf; none for the empty one."""
        return b"" if leaf == ZERO else self._blobs[leaf]

    def update(self, root: bytes, depth: int, leaves: Sequence[tuple[int, bytes]]) -> bytes:
        """The root after some leaves were changed.

        Parameters
        ----------
        root : bytes
            Of a tree in this store.
        depth : int
        leaves : sequence of (index, leaf)
            Ascending by index, each once; 32 bytes each.
        """
        if not leaves:
            return root
        return self._update(root, depth, leaves, 0, len(leaves))

    def _update(
        self, here: bytes, level: int, leaves: Sequence[tuple[int, bytes]], low: int, high: int
    ) -> bytes:
        if high - low == 1:
            return self._update_one(here, level, *leaves[low])
        level -= 1
        start = leaves[low][0] >> (level + 1) << (level + 1)
        middle = bisect_left(leaves, start + (1 << level), low, high, key=_index)
        left, right = self._children(here)
        if middle > low:
            left = self._update(left, level, leaves, low, middle)
        if high > middle:
            right = self._update(right, level, leaves, middle, high)
        return self._put(left, right)

    def _update_one(self, here: bytes, level: int, index: int, leaf: bytes) -> bytes:
        siblings = list(self._siblings(here, level, index))
        for height in range(level):
            sibling = siblings[level - 1 - height]
            left, right = (sibling, leaf) if index >> height & 1 else (leaf, sibling)
            leaf = self._put(left, right)
        return leaf

    def _siblings(self, here: bytes, depth: int, index: int) -> Iterator[bytes]:
        """Siblings on the way down to a leaf, from below the root on."""
        for level in range(depth - 1, -1, -1):
            left, right = self._children(here)
            if index >> level & 1:
                here = right
                yield left
            else:
                here = left
                yield right

    def _children(self, here: bytes) -> tuple[bytes, bytes]:
        if here == ZERO:
            return ZERO, ZERO
        both = self._blobs[here]
        return both[:32], both[32:]

    def _put(self, left: bytes, right: bytes) -> bytes:
        if left == ZERO and right == ZERO:
            return ZERO
        both = left + right
        here = keccak(both)
        self._blobs[here] = both
        return here

    def leaf(self, root: bytes, depth: int, index: int) -> bytes:
        """Leaf `index` of a tree, 32 bytes."""
        for level in range(depth - 1, -1, -1):
            if root == ZERO:
                return ZERO
            both = self._blobs[root]
            root = both[32:] if index >> level & 1 else both[:32]
        return root

    def path(self, root: bytes, depth: int, index: int) -> Path:
        """The path of leaf `index`."""
        return _path(reversed(list(self._siblings(root, depth, index))))

    def sweep(self, roots: Iterable[bytes], depth: int, inner_depth: int) -> None:
        """Forget all that is not reached from some account trees.

        Parameters
        ----------
        roots : iterable of bytes
            Of account trees.
        depth, inner_depth : int
            Of account trees and of the trees whose root is word 1 of an account leaf.
        """
        live: set[bytes] = set()
        stack = [(root, depth, True) for root in roots]
        while stack:
            here, level, outer = stack.pop()
            if here == ZERO or here in live:
                continue
            if level:
                live.add(here)
                both = self._blobs[here]
                stack.append((both[:32], level - 1, outer))
                stack.append((both[32:], level - 1, outer))
            elif outer:
                live.add(here)
                stack.append((self._blobs[here][32:64], inner_depth, False))
        self._blobs = {key: blob for key, blob in self._blobs.items() if key in live}


def _index(leaf: tuple[int, bytes]) -> int:
    return leaf[0]
