"""What readers may ask the exchange, read from the kernel's memory. Valid until the next command.

What the kernel does not know, names and reasons, stands in `Names` and in the board itself.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from matcher.kernel import layout
from matcher.kernel.exchange import Matching
from matcher.listings import Line, Listings
from matcher.names import Names
from matcher.types import SLOTS, U32, Fees, Instrument, Market, Order

Records = NDArray[Any]

_SLOT_NUMBER: Final = layout.SEEN - 1  # the part of a slot's `order` that numbers the open order
_DIGEST: Final = slice(16, 48)  # bytes of a slot record


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


class Key(NamedTuple):
    """A session key's life, seconds; both ends included."""

    valid_from: int
    valid_until: int


class Slot(NamedTuple):
    """An order slot: the last message seen there, and what was filled of the last order."""

    seen: int  # id; -1: nothing
    digest: bytes
    generation: int
    filled: int  # lots
    order: int  # number of the open order in the kernel's pool; 0: none


UNUSED: Final = Slot(-1, b"", 0, 0, 0)


class OpenOrder(NamedTuple):
    """An order that stands in a book; lots, ticks, seconds."""

    seq: int
    account: int
    id: int
    instrument: int
    buy: bool
    tick: int
    remaining: int
    quantity: int
    flags: int
    expiry: int
    signer: bytes


class Account:
    """One account, as it is now; atoms, lots, seconds."""

    def __init__(self, board: "Board", index: int):
        record = board.records("accounts")[index]
        self._board = board
        self.index = index
        self.owner = board.names.address_of(int(record["owner"]))
        self.orders_until = int(record["orders_until"])
        self.deposited = int(record["deposited"])
        self.asks = int(record["asks"])
        self.cash = int(record["cash"])
        self.exited = int(record["exited"])
        self.credited = int(record["credited"])
        self.served = int(record["served"])
        self.leased = int(record["leased"])
        self.worst = self.cash + int(record["floor"])
        self.worst_with_orders = self.cash + int(record["both"])
        self.open_orders = int(record["orders"])

    @property
    def keys(self) -> dict[bytes, Key]:
        """By address, ascending."""
        signers = self._board.records("signers")
        found = {}
        for number in self._board.names.numbers_of(self.index):
            record = signers[number]
            if record["key"]:
                life = Key(int(record["valid_from"]), int(record["until"]))
                found[self._board.names.address_of(number)] = life
        return dict(sorted(found.items()))

    @property
    def positions(self) -> dict[int, int]:
        """Instrument to lots, ascending; none that is 0."""
        held = self._board.holdings()
        own = held[(held["account"] == self.index) & (held["lots"] != 0)]
        return dict(sorted(zip(own["instrument"].tolist(), own["lots"].tolist(), strict=True)))

    @property
    def slots(self) -> dict[int, Slot]:
        """Order slots that were ever used."""
        return dict(self._board.slots_of(self.index))

    @property
    def open(self) -> dict[int, int]:
        """Order slot to the number of the open order in the kernel's pool."""
        return {number: slot.order for number, slot in self.slots.items() if slot.order}


class _Accounts(Mapping[int, Account]):
    """Accounts that are open, in the order in which they were opened."""

    def __init__(self, board: "Board"):
        self._board = board

    def __getitem__(self, index: int) -> Account:
        if index not in self._board.names.owners:
            raise KeyError(index)
        return Account(self._board, index)

    def __contains__(self, index: object) -> bool:
        return index in self._board.names.owners

    def __iter__(self) -> Iterator[int]:
        return iter(self._board.names.owners)

    def __len__(self) -> int:
        return len(self._board.names.owners)


class Board:
    """The exchange as readers see it.

    Parameters
    ----------
    kernel : Matching
    names : Names
    """

    def __init__(self, kernel: Matching, names: Names):
        self.kernel = kernel
        self.names = names
        self.halted: str | None = None
        """Why trading is halted."""

    def records(self, name: str) -> Records:
        """An array of the kernel's."""
        found: Records = self.kernel.pools.arrays[name]
        return found

    def number(self, name: str) -> int:
        """A word of the kernel's context."""
        return int(self.kernel.pools.context[name])

    # --- time and batches ------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The exchange's time, seconds."""
        return self.number("now")

    @property
    def built_at(self) -> int:
        """When the last batch was opened, seconds."""
        return self.number("built_at")

    @property
    def batch_open(self) -> bool:
        return self.number("batch_open") != 0

    @property
    def batch_ops(self) -> int:
        """Ops in the open batch."""
        return self.number("ops")

    @property
    def wants_batch(self) -> bool:
        """Whether credits, releases or settlements wait for the next `OpenBatch`."""
        if self.number("waiting_count"):
            return True
        return bool(self.listings.due_prices(max(self.now, self.built_at)))

    # --- listings --------------------------------------------------------------------------------

    @property
    def listings(self) -> Listings:
        """Everything that the chain has listed."""
        return self.names.listings

    @property
    def markets(self) -> Mapping[int, Market]:
        return self.listings.markets

    @property
    def fees(self) -> Mapping[int, Fees]:
        """By market; none before the chain told its rates."""
        return self.listings.fees

    @property
    def instruments(self) -> dict[int, Instrument]:
        return {index: line.info for index, line in self.listings.lines.items()}

    @property
    def by_symbol(self) -> Mapping[str, int]:
        return self.listings.by_symbol

    @property
    def expiries(self) -> dict[tuple[int, int], Expiry]:
        """By (market, expiry in hours)."""
        listings = self.listings
        found = {}
        for key, cap in listings.caps.items():
            price = listings.prices.get(key)
            if price is None:
                found[key] = Expiry(cap, None, None, False)
            else:
                found[key] = Expiry(cap, price.price, price.fixed_at, key not in listings.waiting)
        return found

    def tick_value(self, instrument: int) -> int:
        """Atoms per tick per lot."""
        return self.listings.lines[instrument].tick_value

    def line_of(self, order: Order) -> Line:
        """The instrument of an order whose symbol is listed."""
        return self.listings.lines[self.listings.by_symbol[order.instrument]]

    # --- books -----------------------------------------------------------------------------------

    def best(self, instrument: int) -> tuple[int | None, int | None]:
        """Best bid and ask, ticks."""
        return self.kernel.best(instrument)

    def book(
        self, instrument: int, depth: int
    ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Bids and asks, best first: (tick, lots, orders) of at most `depth` levels each."""
        return self._levels(2 * instrument, depth), self._levels(2 * instrument + 1, depth)

    def lots_within(self, instrument: int, sells: bool, limit: int) -> int:
        """Lots of a side's orders at a tick and all that are better, without a look at any order.

        Parameters
        ----------
        sells : bool
            Of the asks, else of the bids.
        limit : int
            Ticks: the worst that counts.
        """
        side, size = 2 * instrument + sells, 1 << self.kernel.limits.band_bits
        band = self.records("levels")[side * size : (side + 1) * size]
        base = int(self.records("sides")[side]["base"])
        ticks = base + (np.arange(size) - base) % size
        within = (ticks <= limit) if sells else (ticks >= limit)
        found = int(band["lots"][within].sum())
        # Far ticks are worse than all of the band.
        beyond = limit >= base + size if sells else limit < base
        if beyond and self.records("sides")[side]["far"]:
            far = self.records("far")
            ticks = far["key"] & U32
            within = (ticks <= limit) if sells else (ticks >= limit)
            found += int(far["lots"][within & (far["key"] >> 32 == side)].sum())
        return found

    def _levels(self, side: int, depth: int) -> list[tuple[int, int, int]]:
        """The best levels of a side: those in its band, and far ones."""
        size = 1 << self.kernel.limits.band_bits
        band = self.records("levels")[side * size : (side + 1) * size]
        base = int(self.records("sides")[side]["base"])
        found = [
            (base + (place - base) % size, int(band[place]["lots"]), int(band[place]["head"]))
            for place in np.flatnonzero(band["head"]).tolist()
        ]
        if self.records("sides")[side]["far"]:
            far = self.records("far")
            far = far[far["key"] >> 32 == side]
            found += zip(
                (far["key"] & U32).tolist(), far["lots"].tolist(), far["head"].tolist(), strict=True
            )
        best = sorted(found, reverse=side % 2 == 0)[:depth]
        return [(tick, lots, self._length(first)) for tick, lots, first in best]

    def _length(self, order: int) -> int:
        """Orders of the queue that begins with one."""
        following, count = self.records("orders")["next"], 0
        while order:
            order, count = int(following[order]), count + 1
        return count

    # --- accounts --------------------------------------------------------------------------------

    @property
    def accounts(self) -> Mapping[int, Account]:
        return _Accounts(self)

    @property
    def open_orders_count(self) -> int:
        """Open orders of everybody."""
        return self.number("live")

    def holdings(self) -> Records:
        """Records of all holdings that there ever were; those that are free hold nothing."""
        return self.records("holdings")[1 : self.number("holdings_count") + 1]

    def position(self, account: int, instrument: int) -> int:
        """Lots, signed."""
        held = self.holdings()
        own = held[(held["account"] == account) & (held["instrument"] == instrument)]
        return int(own["lots"].sum())

    def slots_of(self, account: int) -> Iterator[tuple[int, Slot]]:
        """An account's order slots that were ever used, ascending."""
        size = layout.PAGE_SLOTS
        own = np.array(sorted(self._pages_of(account)), np.int64).reshape(-1, 2)
        numbers = (size * own[:, :1] + np.arange(size)).ravel()
        slots = self.records("slots").reshape(-1, size)[own[:, 1]].ravel()
        used = (slots["order"] != 0) | (slots["generation"] != 0) | (slots["filled"] != 0)
        for number, record in zip(numbers[used].tolist(), slots[used], strict=True):
            yield number, slot_of(record, number)

    def slot(self, account: int, number: int) -> Slot:
        """One order slot of an account."""
        wanted, place = divmod(number, layout.PAGE_SLOTS)
        for found, page in self._pages_of(account):
            if found == wanted:
                return slot_of(self.records("slots")[layout.PAGE_SLOTS * page + place], number)
        return UNUSED

    def _pages_of(self, account: int) -> Iterator[tuple[int, int]]:
        """(which of the account's, number) of its pages of slots."""
        pages = self.records("pages")
        page = int(self.records("accounts")[account]["pages"])
        while page:
            _, number, following = pages[page].tolist()
            yield number, page
            page = following

    def filled(self, account: int, order_id: int) -> int:
        """Lots filled of an order, as its slot remembers them."""
        slot = self.slot(account, order_id % SLOTS)
        return slot.filled if slot.generation == order_id // SLOTS else 0

    def open_orders(self, account: int) -> list[OpenOrder]:
        """An account's open orders, by arrival."""
        numbers = [slot.order for _, slot in self.slots_of(account) if slot.order]
        return sorted(self.open_order(number) for number in numbers)

    def open_order(self, number: int) -> OpenOrder:
        """An open order by its number in the kernel's pool."""
        order = self.records("orders")[number]
        holding = self.records("holdings")[order["holding"]]
        slot = self.records("slots")[order["slot"]]
        remaining, order_id = int(order["remaining"]), int(order["id"])
        filled = int(slot["filled"]) if int(slot["generation"]) == order_id // SLOTS else 0
        return OpenOrder(
            seq=int(order["seq"]),
            account=int(holding["account"]),
            id=order_id,
            instrument=int(holding["instrument"]),
            buy=not order["sells"],
            tick=int(order["tick"]),
            remaining=remaining,
            quantity=remaining + filled,
            flags=int(order["flags"]),
            expiry=int(order["expiry"]),
            signer=self.names.address_of(int(order["signer"])),
        )

    def order_status(self, account: int, order_id: int) -> OrderStatus | None:
        """What became of an order; None if its slot knows nothing of it (any more)."""
        slot = self.slot(account, order_id % SLOTS)
        if slot.seen != order_id:
            return None
        filled = slot.filled if slot.generation == order_id // SLOTS else 0
        if not slot.order:
            return OrderStatus(False, filled, 0, None)
        standing = self.open_order(slot.order)
        return OrderStatus(True, filled, standing.remaining, standing.quantity)

    def worst_with_orders(self, account: Account) -> int:
        """The least an account is worth, each open order filled or not, atoms."""
        return account.worst_with_orders

    def account_view(self, account: int) -> AccountView:
        """Everything about one account, detached from the exchange."""
        found = self.accounts[account]
        return AccountView(
            account=account,
            owner=found.owner,
            orders_until=found.orders_until,
            cash=found.cash,
            worst=found.worst,
            worst_with_orders=found.worst_with_orders,
            free=max(0, found.worst_with_orders),
            deposited=found.deposited,
            credited=found.credited,
            asks=found.asks,
            served=found.served,
            exited=found.exited,
            positions=found.positions,
            keys={key: (life.valid_from, life.valid_until) for key, life in found.keys.items()},
            open_orders=found.open_orders,
        )

    # --- the whole state -------------------------------------------------------------------------

    def state_text(self) -> str:
        """Everything there is, one fact per line (docs/reference/matching.md)."""
        return "".join(line + "\n" for line in self._state_lines())

    def _state_lines(self) -> Iterator[str]:
        batch = f"{self.built_at} {int(self.batch_open)} {self.batch_ops}"
        yield f"time {self.now} {batch} {self.number('next_seq')}"
        yield f"halted {self.number('halted')}"
        yield from self.listing_lines()
        opened = self.records("accounts")["opened"][: self.number("accounts_count")]
        for index in np.flatnonzero(opened).tolist():
            yield from self._account_lines(Account(self, index))
        yield from self._order_lines()

    def listing_lines(self) -> Iterator[str]:
        """Their part of the state text, as the kernel knows them."""
        markets, books = self.records("markets"), self.records("books")
        series = self.records("series")[1 : self.number("series_count") + 1]
        names = self.listings.markets
        for m in np.flatnonzero(markets["listed"]).tolist():
            x = markets[m]
            rates = " ".join(
                str(x[name]) for name in ("old_taker", "old_maker", "new_taker", "new_maker")
            )
            yield (
                f"market {m} {names[m].name} {x['tick_value']} {x['strike_value']} {rates}"
                f" {x['active_at']}"
            )
        order = np.lexsort((series["expiry"], series["market"]))
        for x in series[order]:
            yield f"expiry {x['market']} {x['expiry']} {x['cap']}"
        for x in series[order]:
            if x["fixed"]:
                yield (
                    f"price {x['market']} {x['expiry']} {x['price']} {x['fixed_at']} {x['settled']}"
                )
        listed = np.flatnonzero(books["tick_value"])
        own = self.records("series")[books["series"][listed]]
        columns = (
            listed,
            own["market"],
            1 - books["call"][listed],
            own["expiry"],
            books["strike"][listed] // markets["strike_value"][own["market"]],
        )
        for row in zip(*(column.tolist() for column in columns), strict=True):
            yield "instrument " + " ".join(map(str, row))

    def _account_lines(self, account: Account) -> Iterator[str]:
        a = account.index
        yield (
            f"account {a} {account.owner.hex()} {account.orders_until} {account.deposited}"
            f" {account.asks} {account.cash} {account.exited} {account.credited} {account.served}"
        )
        for key, life in account.keys.items():
            yield f"key {a} {key.hex()} {life.valid_from} {life.valid_until}"
        for instrument, lots in account.positions.items():
            yield f"position {a} {instrument} {lots}"
        slots = list(self.slots_of(a))
        for number, slot in slots:
            if slot.generation or slot.filled:
                yield f"slot {a} {number} {slot.generation} {slot.filled}"
        for number, slot in slots:
            if slot.seen >= 0:
                yield f"seen {a} {number} {slot.seen} {slot.digest.hex()}"

    def _order_lines(self) -> Iterator[str]:
        pool = self.records("orders")[: self.number("high_water")]
        orders = [self.open_order(number) for number in np.flatnonzero(pool["rests"]).tolist()]
        orders.sort(key=lambda o: (o.instrument, not o.buy, -o.tick if o.buy else o.tick, o.seq))
        for o in orders:
            yield (
                f"order {o.instrument} {'B' if o.buy else 'S'} {o.tick} {o.seq} {o.account} {o.id}"
                f" {o.remaining} {o.quantity} {o.flags} {o.expiry} {o.signer.hex()}"
            )


def slot_of(record: Any, number: int) -> Slot:
    """A slot record as numbers; `number` is the slot's in its account."""
    seen, generation, filled, order, *_ = record.tolist()
    if not order & layout.SEEN:
        return Slot(-1, b"", generation, filled, 0)
    digest = record.tobytes()[_DIGEST]
    return Slot(seen * SLOTS + number, digest, generation, filled, order & _SLOT_NUMBER)
