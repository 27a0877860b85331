"""Merkle trees, node by node: the twin of the Solidity library, and proofs (section 3).

Leaf i is the i-th from the left, a node is ``keccak256(left || right)`` and ``node(0, 0) = 0``, so
that empty subtrees cost nothing. The trees that the ledger keeps, and hashes in bulk, are
`forest`'s.
"""

from collections.abc import Iterable, Sequence
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
    return path_of(level[index >> i ^ 1] for i, level in enumerate(levels[:-1]))


def path_of(siblings: Iterable[bytes]) -> Path:
    """The path with these siblings, from the leaf up, zeros included."""
    present = 0
    given = []
    for level, sibling in enumerate(siblings):
        if sibling != ZERO:
            present |= 1 << level
            given.append(sibling)
    return Path(present, tuple(given))
