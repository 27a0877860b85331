"""Merkle trees over a power of two of leaves: what drivers need to make proofs."""

from collections.abc import Callable, Sequence

from sha3 import keccak_256

Hash = Callable[[bytes, bytes], bytes]


def keccak(data: bytes) -> bytes:
    """Keccak-256."""
    return bytes(keccak_256(data).digest())


def words(*values: int) -> bytes:
    """Values as 32 bytes each, negative ones as two's complement."""
    return b"".join((value % 2**256).to_bytes(32, "big") for value in values)


def sorted_pair(left: bytes, right: bytes) -> bytes:
    """As OpenZeppelin and solady hash: the lower node first."""
    return keccak(min(left, right) + max(left, right))


def ordered_pair(left: bytes, right: bytes) -> bytes:
    """As the exchange hashes: by place; two empty nodes are an empty one."""
    return keccak(left + right) if any(left) or any(right) else bytes(32)


def levels(leaves: Sequence[bytes], pair: Hash) -> list[list[bytes]]:
    """From the leaves up to the root; leaves are filled up with zero to a power of two.

    >>> [len(level) for level in levels([bytes(32)] * 3, ordered_pair)]
    [4, 2, 1]
    """
    width = 1 << (len(leaves) - 1).bit_length()
    tree = [list(leaves) + [bytes(32)] * (width - len(leaves))]
    while len(tree[-1]) > 1:
        below = tree[-1]
        tree.append([pair(below[i], below[i + 1]) for i in range(0, len(below), 2)])
    return tree


def proof(tree: Sequence[Sequence[bytes]], index: int) -> list[bytes]:
    """Siblings on the way from a leaf to the root."""
    return [level[index >> height ^ 1] for height, level in enumerate(tree[:-1])]


def multiproof(
    tree: Sequence[Sequence[bytes]], indices: Sequence[int]
) -> tuple[list[bytes], list[bool]]:
    """One proof for several leaves, in OpenZeppelin's form.

    Parameters
    ----------
    indices : sequence of int
        Ascending; the verifier takes the leaves in this order.

    Returns
    -------
    siblings : list of bytes
    flags : list of bool
        For each hash: whether both nodes are computed, or one is the next sibling.
    """
    siblings: list[bytes] = []
    flags: list[bool] = []
    known = list(indices)
    for level in tree[:-1]:
        above = []
        while known:
            index = known.pop(0)
            both = bool(known) and known[0] == index ^ 1
            if both:
                known.pop(0)
            else:
                siblings.append(level[index ^ 1])
            flags.append(both)
            above.append(index >> 1)
        known = above
    return siblings, flags
