"""The batches of `keccak`, said plainly: one digest after another, by pysha3.

What the lanes must equal, and what stands in for them where nothing is compiled.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from sha3 import keccak_256

from matcher.kernel.settlement_layout import (
    byte_value,
    cell_value,
    children_left,
    children_right,
    quad_first,
    quad_last,
    quad_second,
    quad_third,
    set_quad_first,
    set_quad_last,
    set_quad_second,
    set_quad_third,
)

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


def hash_listed(nodes: int, children: int, numbers: int, count: int) -> None:
    """See `keccak.hash_listed`."""
    for i in range(count):
        number = cell_value(numbers + 8 * i)
        pair = children + 8 * number
        left, right = children_left(pair), children_right(pair)
        _put(nodes, number, _node(_at(nodes, left) + _at(nodes, right)))


def hash_records(
    nodes: int, records: int, starts: int, numbers: int, count: int, _space: int
) -> None:
    """See `keccak.hash_records`."""
    for i in range(count):
        start = records + 8 * cell_value(starts + 8 * i)
        words = [cell_value(start + 8 + 8 * k) for k in range(cell_value(start))]
        data = b"".join(word.to_bytes(8, "little", signed=True) for word in words)
        _put(nodes, cell_value(numbers + 8 * i), keccak_256(b"\0" + data).digest())


def hash_long(start: int, size: int, digest: int, _space: int) -> None:
    """See `keccak.hash_long`."""
    data = bytes(byte_value(start + i) for i in range(size))
    _put(digest, 0, keccak_256(data).digest())


def _at(nodes: int, number: int) -> bytes:
    quad = nodes + _NODE_BYTES * number
    words = (quad_first(quad), quad_second(quad), quad_third(quad), quad_last(quad))
    return b"".join(word.to_bytes(8, "little", signed=True) for word in words)


def _put(nodes: int, number: int, digest: bytes) -> None:
    quad = nodes + _NODE_BYTES * number
    for place, put in enumerate((set_quad_first, set_quad_second, set_quad_third, set_quad_last)):
        put(quad, int.from_bytes(digest[8 * place : 8 * place + 8], "little", signed=True))


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
