"""What the feed remembers: orders, fills, movements, batches, and how much of each."""

from collections import deque
from collections.abc import Hashable, Iterator
from typing import Final, Generic, TypeVar

import msgspec

from matcher.batch import Batch
from matcher.commands import Command
from matcher.events import (
    CancelReason,
    Credited,
    Released,
    SettledPosition,
    Trade,
    Transferred,
    Withdrawn,
)
from matcher.types import OpKind, SignedOrder

OPEN: Final = "open"
FILLED: Final = "filled"
CANCELED: Final = "canceled"

T = TypeVar("T")
K = TypeVar("K", bound=Hashable)


class Limits(msgspec.Struct, frozen=True):
    """How much of what is over is kept."""

    trades: int = 1_000  # per instrument
    fills: int = 50_000  # of all accounts together
    orders: int = 50_000  # no longer open, of all accounts together
    movements: int = 50_000  # of all accounts together
    per_account: int = 1_000  # fills, orders, and movements of one account
    batches: int = 16_384  # summaries: one lap of the ring


class OrderState(msgspec.Struct, gc=False):
    """An order and what became of it; changes while the order is open."""

    signed: SignedOrder
    instrument: int
    tick: int
    quantity: int  # lots; falls when amended
    accepted_at: int  # seconds
    changed_at: int
    filled: int = 0
    remaining: int = 0  # lots still open; 0 when the order is over
    status: str = OPEN  # open, filled, canceled
    reason: CancelReason | None = None
    resting: bool = False


class PlacedOp(msgspec.Struct, gc=False):
    """Base of what an op word says; the place is known once its batch is closed."""

    number: int  # from 1, in the order in which they happened
    at: int  # seconds
    word: bytes = b""  # 31 bytes
    batch: int | None = None
    index: int | None = None  # of the word in the batch


class Fill(PlacedOp, kw_only=True):
    """One fill, with the orders both sides signed."""

    trade: Trade


class Movement(PlacedOp, kw_only=True):
    """Cash that came in or went out otherwise than by a fill."""

    kind: str  # credit, withdrawal, transfer, release, settlement
    account: int
    amount: int  # atoms; signed for a settlement
    target: int | None = None  # of a transfer
    id: int | None = None  # of the signed message
    market: int | None = None  # of a settlement
    expiry: int | None = None  # of a settlement, hours


class BatchSummary(msgspec.Struct, frozen=True):
    """A closed batch, for lists."""

    id: int
    built_at: int
    chunk_count: int
    fills: int
    ops: int  # words that are neither NOP nor ROOT
    state_root: bytes
    batch_hash: bytes


class Update(msgspec.Struct, gc=False):
    """What one command changed, for those who listen."""

    sequence: int
    at: int
    levels: dict[tuple[int, bool, int], tuple[int, int]]  # (instrument, buy, tick): (lots, orders)
    fills: list[Fill]
    orders: dict[tuple[int, int], OrderState]  # (account, id)
    movements: list[Movement]
    command: Command | None = None  # that did it


class ObeyedCancelAll(msgspec.Struct, frozen=True, gc=False):
    """A cancel-all that was obeyed; remembered until its message expires."""

    account: int
    expiry: int
    canceled: tuple[tuple[int, int], ...]  # (id, remaining lots)


class Story(msgspec.Struct, frozen=True):
    """All that a feed remembers, for a snapshot; oldest first."""

    now: int
    sequence: int
    fill_count: int
    movement_count: int
    open: list[OrderState]
    closed: list[OrderState]
    fills: list[Fill]  # each once, those below
    movements: list[Movement]
    kept_fills: list[int]  # numbers, from here on
    kept_movements: list[int]
    trades: dict[int, list[int]]  # by instrument
    unplaced: list[tuple[bool, int]]  # whether it is a fill
    batches: list[BatchSummary]
    accounts_of: list[tuple[bytes, list[int]]]
    cancel_alls: list[tuple[bytes, ObeyedCancelAll]]


class History(Generic[K, T]):
    """The newest of what is over, by key and by account; O(1) per entry."""

    def __init__(self, total: int, per_account: int):
        self._total = total
        self._per_account = per_account
        self._items: dict[K, tuple[T, tuple[int, ...]]] = {}  # oldest first
        self._by_account: dict[int, deque[K]] = {}

    def __len__(self) -> int:
        return len(self._items)

    def __iter__(self) -> Iterator[T]:
        """All entries, oldest first: added to a new history in this order they make the same."""
        return (item for item, _ in self._items.values())

    def get(self, key: K) -> T | None:
        found = self._items.get(key)
        return None if found is None else found[0]

    def add(self, key: K, item: T, accounts: tuple[int, ...]) -> None:
        self._items[key] = (item, accounts)
        for account in accounts:
            self._by_account.setdefault(account, deque(maxlen=self._per_account)).append(key)
        if len(self._items) > self._total:
            self._forget_oldest()

    def _forget_oldest(self) -> None:
        key, (_, accounts) = next(iter(self._items.items()))
        del self._items[key]
        for account in accounts:
            keys = self._by_account.get(account)
            if keys and keys[0] == key:  # else it had left the account's list before
                keys.popleft()
                if not keys:
                    del self._by_account[account]

    def newest_of(self, account: int) -> Iterator[T]:
        """Entries of an account, newest first."""
        for key in reversed(self._by_account.get(account, ())):
            yield self._items[key][0]


def movement_of(
    event: Credited | Withdrawn | Transferred | Released | SettledPosition, number: int, at: int
) -> Movement:
    """The movement that an event tells of."""
    match event:
        case Credited():
            return Movement(number, at, kind="credit", account=event.account, amount=event.amount)
        case Released():
            return Movement(number, at, kind="release", account=event.account, amount=event.amount)
        case Withdrawn():
            return Movement(
                number,
                at,
                kind="withdrawal",
                account=event.message.account,
                amount=event.message.amount,
                id=event.message.id,
            )
        case Transferred():
            return Movement(
                number,
                at,
                kind="transfer",
                account=event.message.source,
                target=event.message.target,
                amount=event.message.amount,
                id=event.message.id,
            )
        case SettledPosition():
            return Movement(
                number,
                at,
                kind="settlement",
                account=event.account,
                amount=event.cash,
                market=event.market,
                expiry=event.expiry,
            )


def summarize(batch: Batch) -> BatchSummary:
    """What lists say of a batch."""
    kinds = [word[1] for word in batch.word_list()]
    silent = (OpKind.NOP, OpKind.ROOT_HI, OpKind.ROOT_LO)
    return BatchSummary(
        id=batch.id,
        built_at=batch.built_at,
        chunk_count=batch.chunk_count,
        fills=kinds.count(OpKind.FILL),
        ops=sum(kind not in silent for kind in kinds),
        state_root=batch.state_root,
        batch_hash=batch.hash,
    )
