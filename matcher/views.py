"""What readers may ask the engine. Read-only, and valid until the next command."""

from collections.abc import Mapping

import msgspec

from matcher.account import Account
from matcher.book import OpenOrder
from matcher.listings import Listings
from matcher.state import State
from matcher.types import SLOTS, Fees, Instrument, Market


class Expiry(msgspec.Struct, frozen=True):
    """One (market, expiry): its cap, and its settlement price once it is fixed."""

    cap: int  # atoms per lot
    price: int | None  # atoms per lot
    fixed_at: int | None  # seconds
    settled: bool  # the price took effect: positions were paid out


class OrderStatus(msgspec.Struct, frozen=True):
    """An order id as its slot remembers it."""

    open: bool
    filled: int  # lots; 2^32 - 1 for a withdrawal or transfer
    remaining: int  # lots still open; 0 when it is over
    quantity: int | None  # lots, while it is open


class AccountView(msgspec.Struct, frozen=True):
    """One account; atoms, lots, seconds."""

    account: int
    owner: bytes
    orders_until: int
    cash: int
    worst: int  # the least it is worth, open orders left aside
    worst_with_orders: int
    free: int  # what may be withdrawn
    deposited: int
    credited: int
    asks: int
    served: int
    exited: int
    positions: dict[int, int]  # instrument to lots, ascending
    keys: dict[bytes, tuple[int, int]]  # valid from, valid until
    open_orders: int


class Views:
    """The engine as readers see it."""

    def __init__(self, state: State):
        self._state = state

    @property
    def now(self) -> int:
        """The exchange's time, seconds."""
        return self._state.now

    @property
    def built_at(self) -> int:
        """When the last batch was opened, seconds."""
        return self._state.built_at

    @property
    def batch_open(self) -> bool:
        return self._state.batch_open

    @property
    def batch_ops(self) -> int:
        """Ops in the open batch."""
        return self._state.batch_ops

    @property
    def wants_batch(self) -> bool:
        """Whether credits, releases or settlements wait for the next `OpenBatch`."""
        state = self._state
        return bool(state.waiting or state.listings.due_prices(max(state.now, state.built_at)))

    @property
    def halted(self) -> str | None:
        """Why trading is halted."""
        return self._state.halted

    @property
    def listings(self) -> Listings:
        """Everything that the chain has listed."""
        return self._state.listings

    @property
    def markets(self) -> Mapping[int, Market]:
        return self._state.listings.markets

    @property
    def fees(self) -> Mapping[int, Fees]:
        """By market; none before the chain told its rates."""
        return self._state.listings.fees

    @property
    def instruments(self) -> dict[int, Instrument]:
        return {index: line.info for index, line in self._state.listings.lines.items()}

    @property
    def by_symbol(self) -> Mapping[str, int]:
        return self._state.listings.by_symbol

    @property
    def expiries(self) -> dict[tuple[int, int], Expiry]:
        """By (market, expiry in hours)."""
        listings = self._state.listings
        found = {}
        for key, cap in listings.caps.items():
            price = listings.prices.get(key)
            if price is None:
                found[key] = Expiry(cap, None, None, False)
            else:
                found[key] = Expiry(cap, price.price, price.fixed_at, key not in listings.waiting)
        return found

    @property
    def accounts(self) -> Mapping[int, Account]:
        return self._state.accounts

    @property
    def open_orders_count(self) -> int:
        """Open orders of everybody."""
        return self._state.open_orders

    def tick_value(self, instrument: int) -> int:
        """Atoms per tick per lot."""
        return self._state.listings.lines[instrument].tick_value

    def book(
        self, instrument: int, depth: int
    ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Bids and asks, best first: (tick, lots, orders) of at most `depth` levels each."""
        book = self._state.listings.lines[instrument].book
        return book.bids.depth(depth), book.asks.depth(depth)

    def best(self, instrument: int) -> tuple[int | None, int | None]:
        """Best bid and ask, ticks."""
        book = self._state.listings.lines[instrument].book
        return book.bids.best(), book.asks.best()

    def open_orders(self, account: int) -> list[OpenOrder]:
        """An account's open orders, by arrival."""
        return self._state.accounts[account].orders_by_seq()

    def order_status(self, account: int, order_id: int) -> OrderStatus | None:
        """What became of an order; None if its slot knows nothing of it (any more)."""
        found = self._state.accounts[account]
        slot = order_id % SLOTS
        standing = found.open.get(slot)
        if standing is not None and standing.id == order_id:
            return OrderStatus(True, found.filled(order_id), standing.remaining, standing.quantity)
        seen = found.seen.get(slot)
        if seen is None or seen.id != order_id:
            return None
        return OrderStatus(False, found.filled(order_id), 0, None)

    def worst_with_orders(self, account: Account) -> int:
        """The least an account is worth, each open order filled or not, atoms."""
        return self._state.worst_with_orders(account)

    def account_view(self, account: int) -> AccountView:
        """Everything about one account, detached from the engine."""
        found = self._state.accounts[account]
        with_orders = self._state.worst_with_orders(found)
        return AccountView(
            account=account,
            owner=found.owner,
            orders_until=found.orders_until,
            cash=found.cash,
            worst=found.worst,
            worst_with_orders=with_orders,
            free=max(0, with_orders),
            deposited=found.deposited,
            credited=found.credited,
            asks=found.asks,
            served=found.served,
            exited=found.exited,
            positions=found.positions,
            keys={
                key: (life.valid_from, life.valid_until) for key, life in sorted(found.keys.items())
            },
            open_orders=len(found.open),
        )
