"""Enums, scales and limits that every stage shares: one table of units.

======== ================================================================ =========
name     meaning                                                          width
======== ================================================================ =========
atom     10^-6 of the collateral token; the unit of cash                  u64 / i64
tick     step of a price; ``price = tick * tick_value`` atoms per lot     u32
lot      step of a size                                                   u32 / i40
strike   step of a strike; ``K = strike * strike_value`` atoms per lot    u24
cap      most that one lot of an expiry can settle at, atoms per lot      u56
expiry   of an instrument: hours since the epoch                          u24
time     seconds since the epoch, always the chain's                      u40
======== ================================================================ =========

Times of *orders* (``Order.expiry``) are seconds; expiries of *instruments* are hours.

What there are many of is made with ``gc=False``: nothing in it leads back to it, so that Python's
collector of cycles need not look through a million of them.
"""

from enum import IntEnum, IntFlag

import msgspec


class OpKind(IntEnum):
    """Kinds of an op word, section 5 of the protocol."""

    NOP = 0x00
    FILL = 0x01
    CREDIT = 0x02
    WITHDRAW = 0x03
    SETTLE = 0x04
    TRANSFER = 0x05
    RELEASE = 0x06
    ROOT_HI = 0xFE
    ROOT_LO = 0xFF


class InstrumentKind(IntEnum):
    CALL = 0
    PUT = 1


class OrderFlag(IntFlag):
    POST_ONLY = 1
    IOC = 2
    FOK = 4
    REDUCE_ONLY = 8


class SelfTrade(IntEnum):
    """What gives way when an order meets one of its own account."""

    CANCEL_NEWEST = 0
    CANCEL_OLDEST = 1


U24 = (1 << 24) - 1
U32 = (1 << 32) - 1
U40 = (1 << 40) - 1
U48 = (1 << 48) - 1
U56 = (1 << 56) - 1
U64 = (1 << 64) - 1

FEE_ACCOUNT = 0
FIRST_USER_ACCOUNT = 2

AS_IT_IS = 2  # instead of a mode of batches (0 calldata, 1 blob)
ORDER_ID_END = 1 << 44  # order ids are below this
SLOTS = 4096  # order slots of an account; slot = id % SLOTS, generation = id // SLOTS
SLOT_WORDS = SLOTS // 4
SLOT_TREE_DEPTH = 10
ACCOUNT_TREE_DEPTH = 24
MAX_POSITIONS = 32
NOTIONAL_END = 1 << 62  # notional of a fill is below this, atoms
POSITION_VALUE_MAX = 1 << 57  # |position| * cap is at most this, atoms
POSITION_LOTS_MAX = (1 << 39) - 1  # |position| is at most this, lots: it must fit an i40
CHUNK_WORDS = 32
CHUNK_OPS = 30
# A node takes no transaction above 128 KiB beside its blobs; less what is not words, generously.
CALLDATA_CHUNKS_MAX = 127
# Six blobs, as many as EIP-7594 lets a transaction carry, of 128 chunks each.
BLOB_CHUNKS_MAX = 768
WORD_END = 1 << 248  # op words are below this
RING_SLOTS = 1 << 14
PROTOCOL_VERSION = 1
KNOWN_ORDER_FLAGS = OrderFlag.POST_ONLY | OrderFlag.IOC | OrderFlag.FOK | OrderFlag.REDUCE_ONLY


class Windows(msgspec.Struct, frozen=True):
    """The immutable times of one deployment, seconds (section 6)."""

    challenge: int  # W: how long a question may be opened after a commit
    answer: int  # A: how long it may be answered; final at W + 2A
    freeze: int  # F: patience of a depositor
    notice: int  # D: least notice when keys or ordersUntil fall
    lag: int  # most between builtAt and the block that commits

    @property
    def final_after(self) -> int:
        """Seconds from commit to final."""
        return self.challenge + 2 * self.answer


PRODUCTION_WINDOWS = Windows(
    challenge=3 * 86400, answer=86400, freeze=3 * 86400, notice=7200, lag=1800
)


class Market(msgspec.Struct, frozen=True):
    """A market as listed on chain."""

    index: int
    name: str
    tick_value: int  # atoms per tick per lot
    strike_value: int  # atoms per strike step per lot


class Fees(msgspec.Struct, frozen=True):
    """Fee rates of a market, atoms per lot, i32; the new ones hold from ``active_at`` on."""

    old_taker: int
    old_maker: int
    new_taker: int
    new_maker: int
    active_at: int

    def at(self, built_at: int) -> tuple[int, int]:
        """(taker, maker) rates for a batch built at ``built_at``."""
        if built_at >= self.active_at:
            return self.new_taker, self.new_maker
        return self.old_taker, self.old_maker


class Instrument(msgspec.Struct, frozen=True):
    """An instrument as listed on chain; ``index`` names it in words and positions."""

    index: int
    market: int
    kind: int  # InstrumentKind
    expiry: int  # hours since the epoch
    strike: int  # strike steps

    @property
    def expires_at(self) -> int:
        """Seconds since the epoch."""
        return self.expiry * 3600


class Order(msgspec.Struct, frozen=True, gc=False):
    """The signed terms of an order (EIP-712 ``Order``, section 8)."""

    account: int
    instrument: str  # the symbol, e.g. BTC-26MAR27-100000-C
    buy: bool
    price: int  # atoms per lot, a multiple of tick_value
    quantity: int  # lots
    id: int
    expiry: int  # seconds since the epoch
    flags: int  # OrderFlag


class Withdrawal(msgspec.Struct, frozen=True, gc=False):
    """The signed terms of a withdrawal (EIP-712 ``Withdrawal``)."""

    account: int
    amount: int  # atoms
    id: int
    expiry: int


class Transfer(msgspec.Struct, frozen=True, gc=False):
    """The signed terms of a transfer (EIP-712 ``Transfer``)."""

    source: int  # `from` in the message
    target: int  # `to` in the message
    amount: int  # atoms
    id: int
    expiry: int


class Report(msgspec.Struct, frozen=True):
    """The signed terms of a reporter's settlement price (EIP-712 ``Report``, section 10)."""

    market: int
    expiry: int  # hours since the epoch
    price: int  # atoms per lot


class CancelTerms(msgspec.Struct, frozen=True, gc=False):
    """The signed terms of a cancel (EIP-712 ``Cancel``, section 14)."""

    account: int
    id: int
    expiry: int  # seconds; of this message


class CancelAllTerms(msgspec.Struct, frozen=True, gc=False):
    """The signed terms of a cancel-all (EIP-712 ``CancelAll``)."""

    account: int
    instrument: str  # the symbol, or "" for all instruments
    expiry: int


class AmendTerms(msgspec.Struct, frozen=True, gc=False):
    """The signed terms of an amend (EIP-712 ``Amend``)."""

    account: int
    id: int
    quantity: int  # new whole quantity, lots
    expiry: int


class SignedOrder(msgspec.Struct, frozen=True, gc=False):
    """An order with its signature, the digest that was signed, and who signed it."""

    order: Order
    signature: bytes  # 65 bytes r, s, v (27 or 28), low s
    digest: bytes  # 32 bytes
    signer: bytes  # 20 bytes, recovered from the signature
