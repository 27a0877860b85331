"""What the engine answers: one list of events per command, in the order in which they happened."""

from enum import IntEnum

import msgspec

from matcher.errors import Reject
from matcher.types import SignedOrder, Transfer, Withdrawal


class CancelReason(IntEnum):
    """Why an order left the book, or the rest of a taker was dropped."""

    USER = 0
    IOC = 1
    SELF_TRADE = 2
    REDUCE_ONLY = 3
    MARGIN = 4
    EXPIRED = 5
    INSTRUMENT_CLOSED = 6
    SIGNER_INVALID = 7
    FORCED_WITHDRAWAL = 8


class Event(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Base of all events."""


class Rejected(Event, frozen=True):
    """The command was refused and changed nothing."""

    code: Reject
    field: str  # the field that is wrong, as the client names it
    found: str
    allowed: str


class OrderAccepted(Event, frozen=True):
    account: int
    id: int
    instrument: int
    buy: bool
    tick: int
    lots: int  # whole quantity


class Duplicate(Event, frozen=True):
    """The same signed message again: accepted once, this is its state now."""

    account: int
    id: int
    filled: int  # lots
    remaining: int  # lots still open; 0 when done


class Trade(Event, frozen=True):
    """One fill; the op word says the same."""

    instrument: int
    tick: int
    lots: int
    taker_sells: bool
    taker: int
    maker: int
    taker_id: int
    maker_id: int
    taker_fee: int  # atoms, signed
    maker_fee: int  # atoms, signed (negative: a rebate)
    taker_remaining: int
    maker_remaining: int
    taker_signed: SignedOrder
    maker_signed: SignedOrder


class OrderRested(Event, frozen=True):
    """What is left of an order stands in the book now."""

    account: int
    id: int
    remaining: int


class OrderCanceled(Event, frozen=True):
    account: int
    id: int
    remaining: int  # lots that were canceled
    reason: CancelReason


class OrderAmended(Event, frozen=True):
    account: int
    id: int
    quantity: int
    remaining: int


class Credited(Event, frozen=True):
    account: int
    amount: int


class Withdrawn(Event, frozen=True):
    message: Withdrawal
    signature: bytes


class Transferred(Event, frozen=True):
    message: Transfer
    signature: bytes


class Released(Event, frozen=True):
    account: int
    amount: int
    served: int


class SettledPosition(Event, frozen=True):
    account: int
    market: int
    expiry: int  # hours
    cash: int  # atoms, signed


class Op(Event, frozen=True):
    """An op word, for the batcher. 31 bytes, big endian. Follows the event it encodes."""

    word: bytes


class BatchOpened(Event, frozen=True):
    built_at: int


class BatchClosed(Event, frozen=True):
    built_at: int
    ops: int


AnyEvent = (
    Rejected
    | OrderAccepted
    | Duplicate
    | Trade
    | OrderRested
    | OrderCanceled
    | OrderAmended
    | Credited
    | Withdrawn
    | Transferred
    | Released
    | SettledPosition
    | Op
    | BatchOpened
    | BatchClosed
)
