"""Op words (section 5): 248 bits, one op each; and chunks of 32 words.

A word is a plain ``int``; fields fill it from bit 247 down, what is left below is reserved and
zero. In calldata it stands right-aligned in 32 bytes, in an `Op` event as 31 bytes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields

from matcher.errors import ProtocolError
from matcher.reference.faults import MalformedChunk
from matcher.types import CHUNK_OPS, CHUNK_WORDS, WORD_END, OpKind

WORD_BITS = 248
KIND_BITS = 8


@dataclass(frozen=True)
class Nop:
    """Fills what is left of a chunk."""


@dataclass(frozen=True)
class Fill:
    flags: int  # bit 0: the taker sells
    taker: int
    maker: int
    instrument: int
    tick: int
    lots: int
    taker_order: int
    maker_order: int

    @property
    def taker_sells(self) -> bool:
        return self.flags & 1 == 1

    @property
    def buyer(self) -> int:
        return self.maker if self.taker_sells else self.taker

    @property
    def seller(self) -> int:
        return self.taker if self.taker_sells else self.maker


@dataclass(frozen=True)
class Credit:
    account: int
    amount: int  # atoms


@dataclass(frozen=True)
class Withdraw:
    account: int
    amount: int  # atoms
    order: int


@dataclass(frozen=True)
class Settle:
    account: int
    market: int
    expiry: int  # hours since the epoch


@dataclass(frozen=True)
class Transfer:
    source: int  # `from` in the protocol
    target: int  # `to`
    amount: int  # atoms
    order: int


@dataclass(frozen=True)
class Release:
    account: int
    amount: int  # atoms
    served: int  # asks served, all ever


@dataclass(frozen=True)
class RootHi:
    half: int


@dataclass(frozen=True)
class RootLo:
    half: int


Op = Nop | Fill | Credit | Withdraw | Settle | Transfer | Release
AnyWord = Op | RootHi | RootLo

# kind -> (class, width of each field in bits, highest first)
LAYOUTS: dict[int, tuple[type[AnyWord], tuple[int, ...]]] = {
    OpKind.NOP: (Nop, ()),
    OpKind.FILL: (Fill, (8, 24, 24, 24, 32, 32, 48, 48)),
    OpKind.CREDIT: (Credit, (24, 64)),
    OpKind.WITHDRAW: (Withdraw, (24, 64, 48)),
    OpKind.SETTLE: (Settle, (24, 8, 24)),
    OpKind.TRANSFER: (Transfer, (24, 24, 64, 48)),
    OpKind.RELEASE: (Release, (24, 64, 24)),
    OpKind.ROOT_HI: (RootHi, (128,)),
    OpKind.ROOT_LO: (RootLo, (128,)),
}
KINDS = {cls: kind for kind, (cls, _) in LAYOUTS.items()}
KNOWN_FILL_FLAGS = 1


def pack(op: AnyWord) -> int:
    """Word of an op.

    Raises
    ------
    ProtocolError
        If a field does not fit its width.
    """
    kind = KINDS[type(op)]
    _, widths = LAYOUTS[kind]
    word, left = kind, WORD_BITS - KIND_BITS
    for field, width in zip(fields(op), widths, strict=True):
        value = int(getattr(op, field.name))
        if not 0 <= value < 1 << width:
            raise ProtocolError(f"{field.name}: found {value}, allowed 0 to 2^{width} - 1")
        word = word << width | value
        left -= width
    return word << left


def unpack(word: int) -> AnyWord:
    """Op of a word; the inverse of `pack`.

    Raises
    ------
    MalformedChunk
        A bit above 247, an unknown kind, a reserved bit, a NOP with payload.
    """
    if not 0 <= word < WORD_END:
        raise MalformedChunk(f"a bit above 247: {word:#x}")
    left = WORD_BITS - KIND_BITS
    kind = word >> left
    if kind not in LAYOUTS:
        raise MalformedChunk(f"unknown kind {kind:#04x}")
    cls, widths = LAYOUTS[kind]
    values = []
    for width in widths:
        left -= width
        values.append(word >> left & (1 << width) - 1)
    if word & (1 << left) - 1:
        raise MalformedChunk(f"reserved bits are set: {word:#064x}")
    op = cls(*values)
    if isinstance(op, Fill) and op.flags & ~KNOWN_FILL_FLAGS:
        raise MalformedChunk(f"reserved flags are set: {op.flags:#04x}")
    return op


def to_bytes(op: AnyWord) -> bytes:
    """The word as 31 bytes, big endian."""
    return pack(op).to_bytes(31, "big")


def root_words(root: bytes) -> list[int]:
    """The two words that end a chunk and state the root after it."""
    number = int.from_bytes(root, "big")
    return [pack(RootHi(number >> 128)), pack(RootLo(number & (1 << 128) - 1))]


def pack_chunk(ops: Sequence[Op], root: bytes) -> list[int]:
    """The 32 words of a chunk: the ops, NOPs up to 30, and the root after them."""
    if len(ops) > CHUNK_OPS:
        raise ProtocolError(f"a chunk holds {CHUNK_OPS} ops, found {len(ops)}")
    padded = [*ops, *[Nop()] * (CHUNK_OPS - len(ops))]
    return [pack(op) for op in padded] + root_words(root)


def unpack_chunk(words: Sequence[int]) -> tuple[list[Op], bytes]:
    """The 30 ops of a chunk and the root it states.

    Raises
    ------
    MalformedChunk
    """
    if len(words) != CHUNK_WORDS:
        raise MalformedChunk(f"a chunk has {CHUNK_WORDS} words, found {len(words)}")
    everything = [unpack(word) for word in words]
    ops: list[Op] = []
    for position, op in enumerate(everything[:CHUNK_OPS]):
        if isinstance(op, RootHi | RootLo):
            raise MalformedChunk(f"a root stands at word {position}")
        ops.append(op)
    high, low = everything[CHUNK_OPS:]
    if not isinstance(high, RootHi) or not isinstance(low, RootLo):
        raise MalformedChunk("words 30 and 31 are not ROOT_HI and ROOT_LO")
    releases_fees = any(isinstance(op, Release) and op.account == 0 for op in ops)
    if releases_fees and any(isinstance(op, Fill) for op in ops):
        raise MalformedChunk("a RELEASE of account 0 beside a FILL")
    return ops, (high.half << 128 | low.half).to_bytes(32, "big")
