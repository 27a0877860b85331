"""One account of the running exchange: money, positions, open orders, order slots, keys."""

from typing import Final, NamedTuple

from matcher.book import OpenOrder
from matcher.errors import InvariantBroken
from matcher.risk import Contract, ExpiryRisk
from matcher.types import SLOTS

ZERO_ADDRESS: Final = bytes(20)


class Key(NamedTuple):
    """A session key's life, seconds; both ends included."""

    valid_from: int
    valid_until: int


class Slot(NamedTuple):
    """What was filled of the last order that used an order slot."""

    generation: int
    filled: int  # lots


class Seen(NamedTuple):
    """The last message that was accepted in an order slot."""

    id: int
    digest: bytes


UNUSED: Final = Slot(0, 0)


class Interest:
    """Open orders of one account in one instrument."""

    __slots__ = ("buy_lots", "orders", "sell_lots")

    def __init__(self) -> None:
        self.orders: dict[int, OpenOrder] = {}  # by seq
        self.buy_lots = 0
        self.sell_lots = 0

    def count(self, buy: bool, lots: int) -> None:
        if buy:
            self.buy_lots += lots
        else:
            self.sell_lots += lots


class Account:
    """State of one account; atoms, lots, seconds.

    Attributes
    ----------
    deposited, asks : int
        Totals as the chain told them.
    credited, served, exited : int
        Totals as the ops made them.
    slots : dict
        Order slot to `Slot`; none that is all zero.
    seen : dict
        Order slot to `Seen`.
    open : dict
        Order slot to the order that stands in a book.
    interest : dict
        Instrument to `Interest`; none without orders.
    groups : dict
        (market, expiry) to `ExpiryRisk`; none that is empty.
    floors : int
        Sum of the groups' floors: what all positions pay at worst.
    count : int
        Number of positions.
    """

    __slots__ = (
        "asks",
        "cash",
        "count",
        "credited",
        "deposited",
        "exited",
        "floors",
        "groups",
        "index",
        "interest",
        "keys",
        "open",
        "orders_until",
        "owner",
        "seen",
        "served",
        "slots",
    )

    def __init__(self, index: int, owner: bytes):
        self.index = index
        self.owner = owner
        self.orders_until = 0
        self.keys: dict[bytes, Key] = {}
        self.deposited = 0
        self.asks = 0
        self.cash = 0
        self.exited = 0
        self.credited = 0
        self.served = 0
        self.slots: dict[int, Slot] = {}
        self.seen: dict[int, Seen] = {}
        self.open: dict[int, OpenOrder] = {}
        self.interest: dict[int, Interest] = {}
        self.groups: dict[tuple[int, int], ExpiryRisk] = {}
        self.floors = 0
        self.count = 0

    @property
    def worst(self) -> int:
        """The least the account is worth, atoms, whatever its open orders."""
        return self.cash + self.floors

    @property
    def positions(self) -> dict[int, int]:
        """Instrument to lots, ascending."""
        return dict(sorted(pair for group in self.groups.values() for pair in group.lots.items()))

    def position(self, contract: Contract) -> int:
        group = self.groups.get(contract.key)
        return group.lots.get(contract.index, 0) if group else 0

    def instruments_with(self, instrument: int) -> int:
        """Instruments held or on order, `instrument` included."""
        held = {index for group in self.groups.values() for index in group.lots}
        return len(held | self.interest.keys() | {instrument})

    def count_order(self, order: OpenOrder) -> None:
        """Index an order that now stands in a book."""
        interest = self.interest.get(order.instrument)
        if interest is None:
            interest = self.interest[order.instrument] = Interest()
        interest.orders[order.seq] = order
        interest.count(order.buy, order.remaining)

    def forget_order(self, order: OpenOrder) -> None:
        """Undo `count_order`."""
        interest = self.interest[order.instrument]
        del interest.orders[order.seq]
        interest.count(order.buy, -order.remaining)
        if not interest.orders:
            del self.interest[order.instrument]

    def filled(self, order_id: int) -> int:
        """Lots filled of an order, as its slot remembers them."""
        slot = self.slots.get(order_id % SLOTS, UNUSED)
        return slot.filled if slot.generation == order_id // SLOTS else 0

    def fill_slot(self, order_id: int, lots: int) -> None:
        """Count `lots` more of an order that is not stale."""
        self.slots[order_id % SLOTS] = Slot(order_id // SLOTS, self.filled(order_id) + lots)

    def see(self, order_id: int, digest: bytes) -> None:
        """Remember the message accepted under an order id."""
        self.seen[order_id % SLOTS] = Seen(order_id, digest)

    def group(self, contract: Contract, rate: int) -> ExpiryRisk:
        """The group that an instrument belongs to, made if there is none."""
        group = self.groups.get(contract.key)
        if group is None:
            group = self.groups[contract.key] = ExpiryRisk(contract.cap, rate)
        return group

    def drop_empty(self, key: tuple[int, int]) -> None:
        """Forget a group that holds nothing any more."""
        group = self.groups.get(key)
        if group is not None and group.empty:
            del self.groups[key]

    def orders_by_seq(self) -> list[OpenOrder]:
        return sorted(self.open.values(), key=lambda order: order.seq)

    def check(self) -> None:
        """Raise `InvariantBroken` unless sums and indices agree."""
        for group in self.groups.values():
            group.check()
            if group.empty:
                raise InvariantBroken(f"account {self.index}: an empty group")
        if self.floors != sum(group.floor for group in self.groups.values()):
            raise InvariantBroken(f"account {self.index}: floors {self.floors}")
        if self.count != sum(len(group.lots) for group in self.groups.values()):
            raise InvariantBroken(f"account {self.index}: {self.count} positions counted")
        by_seq = {order.seq: order for order in self.open.values()}
        indexed: dict[int, OpenOrder] = {}
        for instrument, interest in self.interest.items():
            indexed |= interest.orders
            for buy, lots in ((True, interest.buy_lots), (False, interest.sell_lots)):
                total = sum(o.remaining for o in interest.orders.values() if o.buy == buy)
                if total != lots:
                    raise InvariantBroken(
                        f"account {self.index}: {lots} lots on order in {instrument}, not {total}"
                    )
        grouped = {seq: o for group in self.groups.values() for seq, o in group.orders.items()}
        if not by_seq == indexed == grouped:
            raise InvariantBroken(f"account {self.index}: indices of open orders differ")
