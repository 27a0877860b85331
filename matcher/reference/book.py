"""Open orders and the books they stand in (matching.md, State)."""

from bisect import bisect_left, insort
from dataclasses import dataclass, field, replace

from matcher.reference.leaf import slot_of
from matcher.types import OrderFlag, SignedOrder


@dataclass
class OpenOrder:
    """An accepted order. `quantity` is the whole one as last amended; lots."""

    signed: SignedOrder
    seq: int
    instrument: int
    tick: int
    quantity: int
    remaining: int

    @property
    def account(self) -> int:
        return self.signed.order.account

    @property
    def id(self) -> int:
        return self.signed.order.id

    @property
    def slot(self) -> int:
        return slot_of(self.id)

    @property
    def buy(self) -> bool:
        return self.signed.order.buy

    @property
    def price(self) -> int:
        """Limit, atoms per lot."""
        return self.signed.order.price

    @property
    def filled(self) -> int:
        return self.quantity - self.remaining

    def has(self, flag: OrderFlag) -> bool:
        return bool(self.signed.order.flags & flag)

    def crosses(self, resting: "OpenOrder") -> bool:
        """Whether this order may trade with an opposite one that rests."""
        return resting.tick <= self.tick if self.buy else resting.tick >= self.tick

    def rank(self) -> tuple[int, int]:
        """Best price first, then first come."""
        return (-self.tick if self.buy else self.tick, self.seq)


@dataclass
class Book:
    """The open orders of one instrument, each side best first."""

    bids: list[OpenOrder] = field(default_factory=list)
    asks: list[OpenOrder] = field(default_factory=list)

    def side(self, buy: bool) -> list[OpenOrder]:
        return self.bids if buy else self.asks

    def add(self, order: OpenOrder) -> None:
        insort(self.side(order.buy), order, key=OpenOrder.rank)

    def remove(self, order: OpenOrder) -> None:
        side = self.side(order.buy)
        del side[bisect_left(side, order.rank(), key=OpenOrder.rank)]

    def best_against(self, order: OpenOrder) -> OpenOrder | None:
        """The best opposite order that this one crosses."""
        opposite = self.side(not order.buy)
        return opposite[0] if opposite and order.crosses(opposite[0]) else None

    def copy(self) -> "Book":
        return Book([replace(order) for order in self.bids], [replace(o) for o in self.asks])
