"""The batches of `keccak`, said plainly: one digest after another, by pysha3.

What the lanes must equal, and what stands in for them where nothing is compiled.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sha3 import keccak_256

_NODE_BYTES: Final = 32
_NODE_WORDS: Final = 4
_ZERO_PAIR: Final = bytes(2 * _NODE_BYTES)


def _node(pair: bytes) -> bytes:
    return bytes(_NODE_BYTES) if pair == _ZERO_PAIR else keccak_256(pair).digest()


def _write(nodes: NDArray[np.int64], index: int, digest: bytes) -> None:
    nodes[_NODE_WORDS * index : _NODE_WORDS * (index + 1)] = np.frombuffer(digest, np.int64)


def _read(nodes: NDArray[np.int64], index: int, count: int) -> bytes:
    return nodes[_NODE_WORDS * index : _NODE_WORDS * (index + count)].tobytes()


def hash_level(nodes: NDArray[np.int64], source: int, target: int, count: int) -> None:
    """See `keccak.hash_level`."""
    for i in range(count):
        _write(nodes, target + i, _node(_read(nodes, source + 2 * i, 2)))


def hash_children(
    nodes: NDArray[np.int64], children: NDArray[np.int32], first: int, count: int
) -> None:
    """See `keccak.hash_children`."""
    for here in range(first, first + count):
        left, right = int(children[2 * here]), int(children[2 * here + 1])
        _write(nodes, here, _node(_read(nodes, left, 1) + _read(nodes, right, 1)))


def hash_messages(
    data: NDArray[np.uint8],
    starts: NDArray[np.int64],
    lengths: NDArray[np.int64],
    nodes: NDArray[np.int64],
    first: int,
) -> None:
    """See `keccak.hash_messages`."""
    for i, (start, length) in enumerate(zip(starts.tolist(), lengths.tolist(), strict=True)):
        _write(nodes, first + i, keccak_256(data[start : start + length].tobytes()).digest())
