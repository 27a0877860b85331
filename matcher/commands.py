"""Everything that can change the exchange, as data: what the journal holds and the engine applies.

All integers fit 64 bits. Facts from the chain carry totals, never differences, so that a fact told
twice changes nothing.
"""

import msgspec

from matcher.types import AS_IT_IS, SelfTrade, SignedOrder, Transfer, Withdrawal


class Command(msgspec.Struct, frozen=True, tag=True, gc=False):
    """Base of all commands."""


# --- time and batches -------------------------------------------------------------------------


class Clock(Command, frozen=True):
    """The chain's time, seconds; time never goes back (an older value changes nothing)."""

    time: int


class OpenBatch(Command, frozen=True):
    """Begin a batch now: ``built_at`` becomes the engine's time. Refused while ops are pending."""


class CloseBatch(Command, frozen=True):
    """End the open batch; nothing if it holds no op."""


class Redate(Command, frozen=True):
    """Give closed batches, from `first_batch` on, other headers: they are not on the chain yet.

    A later builtAt, where they were not committed in time; 0 leaves theirs. Another mode, where it
    costs less, then of all batches that are closed later, too; `AS_IT_IS` leaves theirs.
    Needs no batch to be open. Changes headers alone; raises if an op would not be valid any more.
    """

    first_batch: int
    built_at: int
    mode: int = AS_IT_IS


# --- facts from the chain (the follower) --------------------------------------------------------


class ChainBlock(Command, frozen=True):
    """All facts up to this block have been told."""

    number: int
    hash: bytes
    time: int


class MarketListed(Command, frozen=True):
    market: int
    name: str
    tick_value: int
    strike_value: int


class FeesSet(Command, frozen=True):
    market: int
    old_taker: int
    old_maker: int
    new_taker: int
    new_maker: int
    active_at: int


class ExpiryOpened(Command, frozen=True):
    market: int
    expiry: int  # hours
    cap: int  # atoms per lot


class InstrumentListed(Command, frozen=True):
    instrument: int
    market: int
    kind: int
    expiry: int  # hours
    strike: int


class AccountOpened(Command, frozen=True):
    account: int
    owner: bytes


class Deposited(Command, frozen=True):
    account: int
    deposited: int  # atoms, all ever
    at: int


class Asked(Command, frozen=True):
    account: int
    asks: int  # all ever
    at: int


class OrdersUntilSet(Command, frozen=True):
    account: int
    until: int


class KeySet(Command, frozen=True):
    account: int
    key: bytes
    valid_from: int
    valid_until: int


class PriceFixed(Command, frozen=True):
    market: int
    expiry: int  # hours
    price: int  # atoms per lot, already clamped to the cap
    fixed_at: int


class OperatorNamed(Command, frozen=True):
    """Who commits from now on, for headers of batches closed after this; not read by the engine."""

    operator: int  # index on chain


class BatchLimited(Command, frozen=True):
    """How many chunks a batch may have, from the next on; not read by the engine.

    One that has as many is closed, and the next begins with the same builtAt. Which limit holds is
    a matter of the mode in which the batch will be closed.
    """

    calldata: int
    blob: int


class Halted(Command, frozen=True):
    """Frozen, paused or reverted on chain, or stopped by the operator: no more trading."""

    reason: str


class Resumed(Command, frozen=True):
    """The pause ended."""


# --- traders --------------------------------------------------------------------------------------


class PlaceOrder(Command, frozen=True):
    signed: SignedOrder
    self_trade: int = SelfTrade.CANCEL_NEWEST


class CancelOrder(Command, frozen=True):
    account: int
    id: int
    signer: bytes


class CancelAll(Command, frozen=True):
    """Cancel every open order. The journal keeps the message's digest and end, so that a restarted
    gateway still knows which messages it has obeyed; the engine reads neither.
    """

    account: int
    instrument: int  # 0: all instruments
    signer: bytes
    digest: bytes = b""
    expiry: int = 0  # seconds; of the message


class AmendDown(Command, frozen=True):
    """Lower the quantity of an open order; it keeps its place in the queue."""

    account: int
    id: int
    quantity: int  # new total quantity, lots
    signer: bytes


class WithdrawRequest(Command, frozen=True):
    message: Withdrawal
    signature: bytes
    digest: bytes
    signer: bytes


class TransferRequest(Command, frozen=True):
    message: Transfer
    signature: bytes
    digest: bytes
    signer: bytes


AnyCommand = (
    Clock
    | OpenBatch
    | CloseBatch
    | Redate
    | ChainBlock
    | MarketListed
    | FeesSet
    | ExpiryOpened
    | InstrumentListed
    | AccountOpened
    | Deposited
    | Asked
    | OrdersUntilSet
    | KeySet
    | PriceFixed
    | OperatorNamed
    | BatchLimited
    | Halted
    | Resumed
    | PlaceOrder
    | CancelOrder
    | CancelAll
    | AmendDown
    | WithdrawRequest
    | TransferRequest
)
