"""Op words (section 5): one op in 248 bits, 31 bytes, both ways.

Fields fill a word from bit 247 down; what is left below is reserved and zero. `unpack` accepts
exactly what `pack` makes.
"""

from typing import Final, NamedTuple

from matcher.errors import ProtocolError
from matcher.types import WORD_END, OpKind

WORD_BYTES: Final = 31
TAKER_SELLS: Final = 1  # bit 0 of a FILL's flags

NOP_WORD: Final = bytes(WORD_BYTES)

# kind -> (name, width in bits) of each field after the kind, highest first
FIELDS: Final[dict[int, tuple[tuple[str, int], ...]]] = {
    OpKind.NOP: (),
    OpKind.FILL: (
        ("flags", 8),
        ("taker", 24),
        ("maker", 24),
        ("instrument", 24),
        ("tick", 32),
        ("lots", 32),
        ("taker_order", 48),
        ("maker_order", 48),
    ),
    OpKind.CREDIT: (("account", 24), ("amount", 64)),
    OpKind.WITHDRAW: (("account", 24), ("amount", 64), ("order", 48)),
    OpKind.SETTLE: (("account", 24), ("market", 8), ("expiry", 24)),
    OpKind.TRANSFER: (("source", 24), ("target", 24), ("amount", 64), ("order", 48)),
    OpKind.RELEASE: (("account", 24), ("amount", 64), ("served", 24)),
    OpKind.ROOT_HI: (("half", 128),),
    OpKind.ROOT_LO: (("half", 128),),
}
_KIND_SHIFT: Final = 240


class Fill(NamedTuple):
    flags: int
    taker: int
    maker: int
    instrument: int
    tick: int
    lots: int
    taker_order: int
    maker_order: int


class Credit(NamedTuple):
    account: int
    amount: int  # atoms


class Withdraw(NamedTuple):
    account: int
    amount: int  # atoms
    order: int


class Settle(NamedTuple):
    account: int
    market: int
    expiry: int  # hours since the epoch


class Transfer(NamedTuple):
    source: int
    target: int
    amount: int  # atoms
    order: int


class Release(NamedTuple):
    account: int
    amount: int  # atoms
    served: int


class Nop(NamedTuple):
    """Nothing: fills a chunk."""


class RootHi(NamedTuple):
    half: int  # the first 128 bits of the state root


class RootLo(NamedTuple):
    half: int  # the last 128 bits of the state root


Op = Nop | Fill | Credit | Withdraw | Settle | Transfer | Release
AnyWord = Op | RootHi | RootLo

_TYPES: Final[dict[int, type[AnyWord]]] = {
    OpKind.NOP: Nop,
    OpKind.FILL: Fill,
    OpKind.CREDIT: Credit,
    OpKind.WITHDRAW: Withdraw,
    OpKind.SETTLE: Settle,
    OpKind.TRANSFER: Transfer,
    OpKind.RELEASE: Release,
    OpKind.ROOT_HI: RootHi,
    OpKind.ROOT_LO: RootLo,
}
_KINDS: Final[dict[type[AnyWord], int]] = {kind: number for number, kind in _TYPES.items()}


def _layout(kind: int) -> tuple[tuple[str, int, int], ...]:
    """(name, shift, mask) of each field."""
    shift = _KIND_SHIFT
    rows = []
    for name, width in FIELDS[kind]:
        shift -= width
        rows.append((name, shift, (1 << width) - 1))
    return tuple(rows)


_LAYOUTS: Final = {kind: _layout(kind) for kind in FIELDS}
_RESERVED: Final = {
    kind: (1 << (layout[-1][1] if layout else _KIND_SHIFT)) - 1 for kind, layout in _LAYOUTS.items()
}


def pack(op: AnyWord) -> bytes:
    """The word of an op, 31 bytes.

    Raises
    ------
    ProtocolError
        If a field is outside its width; names it.
    """
    kind = _KINDS[type(op)]
    number = kind << _KIND_SHIFT
    for value, (name, shift, mask) in zip(op, _LAYOUTS[kind], strict=True):
        if not 0 <= value <= mask:
            raise ProtocolError(f"{OpKind(kind).name}.{name}: found {value}, allowed 0 to {mask}")
        number |= value << shift
    return number.to_bytes(WORD_BYTES, "big")


def unpack(word: bytes) -> AnyWord:
    """The op in a word of 31 bytes, or of 32 with a zero byte in front as calldata has it.

    Raises
    ------
    ProtocolError
        For another length, a bit above 247, an unknown kind, or a reserved bit that is set.
    """
    if len(word) not in (WORD_BYTES, WORD_BYTES + 1):
        raise ProtocolError(f"word: found {len(word)} bytes, allowed 31 or 32")
    number = int.from_bytes(word, "big")
    if number >= WORD_END:
        raise ProtocolError(f"word: found {number:#x}, allowed bits 247 to 0")
    kind = number >> _KIND_SHIFT
    layout = _LAYOUTS.get(kind)
    if layout is None:
        raise ProtocolError(f"kind: found {kind:#04x}, allowed {_known_kinds()}")
    if number & _RESERVED[kind]:
        raise ProtocolError(f"{OpKind(kind).name}: reserved bits are set in {number:#064x}")
    op = _TYPES[kind](*[number >> shift & mask for _, shift, mask in layout])
    if isinstance(op, Fill) and op.flags & ~TAKER_SELLS:
        raise ProtocolError(f"FILL.flags: found {op.flags:#04x}, allowed 0 or {TAKER_SELLS}")
    return op


def unpack_op(word: bytes) -> Op:
    """Like `unpack`, for the 30 places of a chunk where no root may stand."""
    op = unpack(word)
    if isinstance(op, RootHi | RootLo):
        raise ProtocolError("a root stands where only an op may")
    return op


def accounts_of(op: Op) -> tuple[int, ...]:
    """The accounts that an op names; of a FILL account 0 too, for its fees."""
    match op:
        case Fill():
            return (op.taker, op.maker, 0)
        case Transfer():
            return (op.source, op.target)
        case Credit() | Withdraw() | Settle() | Release():
            return (op.account,)
        case _:
            return ()


def order_slots_of(op: Op) -> tuple[tuple[int, int], ...]:
    """(account, order id) of each order slot that an op uses; of a FILL the taker's first."""
    match op:
        case Fill():
            return ((op.taker, op.taker_order), (op.maker, op.maker_order))
        case Withdraw():
            return ((op.account, op.order),)
        case Transfer():
            return ((op.source, op.order),)
        case _:
            return ()


def root_words(root: bytes) -> tuple[bytes, bytes]:
    """The two words, 31 bytes each, that state the root at the end of a chunk."""
    return (
        pack(RootHi(int.from_bytes(root[:16], "big"))),
        pack(RootLo(int.from_bytes(root[16:], "big"))),
    )


def _known_kinds() -> str:
    return ", ".join(f"{kind:#04x}" for kind in FIELDS)
