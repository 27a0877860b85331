"""Transactions that stand exactly on an edge, and one step beyond it.

What random programs meet too seldom: the longest code, the last gas that lets an SSTORE through,
the least gas limit that a block takes. A random scenario ends with one of them, in turn.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from gaslab.crosscheck.inputs import BY_FORK, POINT_EVALUATION, plain_input, words
from gaslab.schedule import OPCODES

PLENTY = 8_000_000
CAP = 1 << 24
BLOBS = {"cancun": 6, "prague": 9, "osaka": 6, "amsterdam-draft": 6}
# The least gas limit of a transaction to another account: alone, and with 100 non-zero bytes.
LEAST = {
    "cancun": (21_000, 22_600),
    "prague": (21_000, 25_000),
    "osaka": (21_000, 25_000),
    "amsterdam-draft": (15_000, 21_400),
}


@dataclass(frozen=True)
class Edge:
    """A transaction and, if it goes to none of the other contracts, the code that it runs.

    Attributes
    ----------
    to : int or None
        A precompile; none for a creation, or for `code`.
    code : bytes
        What stands where it goes to; empty for a creation.
    blobs : int
    slots : int
        How many slots of `code` hold something before.
    """

    data: bytes = b""
    gas: int = PLENTY
    to: int | None = None
    code: bytes = b""
    blobs: int = 0
    slots: int = 0


@lru_cache(maxsize=8)
def edges(fork: str) -> tuple[Edge, ...]:
    """All edges of a fork, in an order that stays."""
    return (
        *_limits(fork),
        *_sizes(fork),
        *_gas(fork),
        *(Edge(to=number, data=data) for number, data in _precompiles(fork)),
    )


def assemble(text: str) -> bytes:
    """Code of opcodes' names and hex literals."""
    return b"".join(
        bytes([OPCODES[word]]) if word in OPCODES else bytes.fromhex(word) for word in text.split()
    )


def _limits(fork: str) -> Iterator[Edge]:
    for count in (BLOBS[fork], BLOBS[fork] + 1):
        yield Edge(blobs=count, code=assemble("PUSH0 BLOBHASH PUSH0 SSTORE STOP"))
    for items in (1024, 1025):
        yield Edge(code=assemble("PUSH0 " * items + "STOP"))
    yield Edge(gas=CAP, code=b"\x00")
    yield Edge(gas=CAP + 1, code=b"\x00")


def _sizes(fork: str) -> Iterator[Edge]:
    draft = fork == "amsterdam-draft"  # there, no block could pay for the longest code
    code, initcode = (4_000, 131_072) if draft else (24_576, 49_152)
    for size in (code, code + 1):
        yield Edge(data=assemble(f"PUSH3 {size:06x} PUSH0 RETURN"), gas=CAP)
    for size in (initcode, initcode + 1):
        yield Edge(data=bytes(size), gas=CAP)
        for name in ("PUSH0 PUSH3 {} PUSH0 PUSH0 CREATE2", "PUSH3 {} PUSH0 PUSH0 CREATE"):
            call = name.format(f"{size:06x}")
            yield Edge(code=assemble(f"{call} PUSH0 SSTORE STOP"))
    yield Edge(code=assemble("PUSH3 01ffe0 MLOAD PUSH3 020000 MLOAD MSIZE PUSH0 SSTORE STOP"))


def _gas(fork: str) -> Iterator[Edge]:
    alone, spoken = LEAST[fork]
    for short in (0, 1):
        yield Edge(gas=alone - short, code=b"\x00")
        yield Edge(gas=spoken - short, data=b"\x01" * 100, code=b"\x00")
    # A read makes the slot warm, the write changes nothing: only the sentry can stop it.
    write = assemble("PUSH0 SLOAD POP PUSH0 PUSH0 SSTORE STOP")
    for left in (2_300, 2_301):
        yield Edge(gas=alone + 2_108 + left, code=write)
    # Clearing five slots earns more than a fifth of the gas; with calldata, the floor binds.
    clear = assemble("".join(f"PUSH0 PUSH1 {slot:02x} SSTORE " for slot in range(5)) + "STOP")
    for size in (0, 200, 600, 2_000):
        yield Edge(data=b"\x01" * size, code=clear, slots=5)


def _precompiles(fork: str) -> Iterator[tuple[int, bytes]]:
    for number in sorted({*BY_FORK[fork], POINT_EVALUATION}):
        yield number, plain_input(number)
        yield number, b""
    for pairs in range(1, 4):
        yield 0x08, bytes(192 * pairs)
        yield 0x0F, bytes(384 * pairs)
        yield 0x0C, bytes(160 * pairs)
        yield 0x0E, bytes(288 * pairs)
    for longest in (32, 33, 1_024, 1_025):
        yield 0x05, words(longest, 1, 1) + b"\x03" * (longest + 2)
        yield 0x05, words(1, 1, longest) + b"\x03" * (longest + 2)
    for exponent in (32, 33, 40):
        yield 0x05, words(8, exponent, 8) + b"\xff" * (16 + exponent)
