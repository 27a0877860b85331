"""Op words (section 5) as compiled code reads them: 32 bytes as in calldata, in four numbers.

`first` to `last` are the quarters of a word as numbers, the highest first, so that bit 255 of the
word is bit 63 of the first. What a function's name says is the field of that name; amounts are u64
in an int64.
"""

from matcher.kernel.memory import inlined, raised, shifted, turned
from matcher.kernel.settlement_layout import quad_first, quad_last, quad_second, quad_third
from matcher.types import U24, U32, U48, OpKind

NOP = int(OpKind.NOP)
FILL = int(OpKind.FILL)
CREDIT = int(OpKind.CREDIT)
WITHDRAW = int(OpKind.WITHDRAW)
SETTLE = int(OpKind.SETTLE)
TRANSFER = int(OpKind.TRANSFER)
RELEASE = int(OpKind.RELEASE)
ROOT_HI = int(OpKind.ROOT_HI)
ROOT_LO = int(OpKind.ROOT_LO)
TAKER_SELLS = 1  # bit 0 of a FILL's flags


@inlined
def first_of(word: int) -> int:
    """Bits 255 to 192: zero:8 kind:8 and 48 more."""
    return turned(quad_first(word))


@inlined
def second_of(word: int) -> int:
    """Bits 191 to 128."""
    return turned(quad_second(word))


@inlined
def third_of(word: int) -> int:
    """Bits 127 to 64."""
    return turned(quad_third(word))


@inlined
def last_of(word: int) -> int:
    """Bits 63 to 0."""
    return turned(quad_last(word))


@inlined
def kind_of(word: int) -> int:
    """The OpKind; above 255 if a bit above 247 is set."""
    return shifted(first_of(word), 48)


@inlined
def is_op(word: int) -> bool:
    """Whether a word is that of an op: a kind that there is, and nothing in reserved bits."""
    kind = kind_of(word)
    if kind == FILL:
        return fill_flags(word) <= TAKER_SELLS
    if last_of(word) != 0:
        return False
    if kind == TRANSFER:
        return third_of(word) & 0xFFFF == 0
    if kind == WITHDRAW:
        return third_of(word) & ((1 << 40) - 1) == 0
    if third_of(word) != 0:
        return False
    if kind == CREDIT:
        return second_of(word) & U24 == 0
    if kind == SETTLE:
        return second_of(word) & ((1 << 56) - 1) == 0
    if kind == RELEASE:
        return True
    return kind == NOP and first_of(word) == 0 and second_of(word) == 0


@inlined
def names_one(kind: int) -> bool:
    """Whether ops of a kind name one account: CREDIT, WITHDRAW, SETTLE and RELEASE."""
    return CREDIT <= kind <= SETTLE or kind == RELEASE


# --- FILL: flags:8 taker:24 maker:24 instrument:24 tick:32 lots:32 takerOrder:48 makerOrder:48 ----


@inlined
def fill_flags(word: int) -> int:
    """Bit 0: the taker sells."""
    return shifted(first_of(word), 40) & 0xFF


@inlined
def fill_taker(word: int) -> int:
    """Account."""
    return (first_of(word) >> 16) & U24


@inlined
def fill_maker(word: int) -> int:
    """Account."""
    return ((first_of(word) & 0xFFFF) << 8) | shifted(second_of(word), 56)


@inlined
def fill_instrument(word: int) -> int:
    """Number."""
    return shifted(second_of(word), 32) & U24


@inlined
def fill_tick(word: int) -> int:
    """Price in ticks."""
    return second_of(word) & U32


@inlined
def fill_lots(word: int) -> int:
    """Size in lots."""
    return shifted(third_of(word), 32)


@inlined
def fill_taker_order(word: int) -> int:
    """Order id."""
    return ((third_of(word) & U32) << 16) | shifted(last_of(word), 48)


@inlined
def fill_maker_order(word: int) -> int:
    """Order id."""
    return last_of(word) & U48


# --- the others: account:24 first (TRANSFER's `from`) ------------------------------------------


@inlined
def account_of(word: int) -> int:
    """The account of any op but FILL and NOP; of a TRANSFER the source."""
    return (first_of(word) >> 24) & U24


@inlined
def amount_of(word: int) -> int:
    """Of a CREDIT, WITHDRAW or RELEASE: amount:64 after the account."""
    return raised(first_of(word) & U24, 40) | shifted(second_of(word), 24)


@inlined
def withdraw_order(word: int) -> int:
    """Order id."""
    return ((second_of(word) & U24) << 24) | shifted(third_of(word), 40)


@inlined
def release_served(word: int) -> int:
    """Asks served, all ever."""
    return second_of(word) & U24


@inlined
def settle_key(word: int) -> int:
    """Of a SETTLE: market:8 expiry:24, as an expiry's key."""
    return ((first_of(word) & U24) << 8) | shifted(second_of(word), 56)


@inlined
def transfer_target(word: int) -> int:
    """Account."""
    return first_of(word) & U24


@inlined
def transfer_amount(word: int) -> int:
    """Atoms, u64."""
    return second_of(word)


@inlined
def transfer_order(word: int) -> int:
    """Order id."""
    return shifted(third_of(word), 16)
