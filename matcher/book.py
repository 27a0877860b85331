"""One instrument's order book: price, then arrival.

Ticks are kept sorted, the orders of a tick in a linked queue, so that placing and canceling cost
O(log levels) and the best order is found in O(1), however many were canceled before it.
"""

from collections import OrderedDict
from collections.abc import Iterator
from itertools import islice
from typing import Final

from sortedcontainers import SortedDict

from matcher.errors import InvariantBroken
from matcher.types import SLOTS, OrderFlag, SignedOrder


class OpenOrder:
    """An accepted order that is being matched or stands in a book.

    Attributes
    ----------
    seq : int
        Number of its acceptance, from 1; earlier comes first.
    tick : int
        Its limit, ticks.
    quantity, remaining : int
        Lots: the whole (lower after an amend) and what is not filled yet.
    signer : bytes
        Address that signed it, 20 bytes.
    resting : bool
        It stands in a book.
    """

    __slots__ = (
        "account",
        "buy",
        "expiry",
        "flags",
        "id",
        "instrument",
        "price",
        "quantity",
        "remaining",
        "resting",
        "seq",
        "signed",
        "signer",
        "tick",
    )

    def __init__(self, seq: int, signed: SignedOrder, instrument: int, tick: int):
        order = signed.order
        self.seq = seq
        self.signed = signed
        self.signer = signed.signer
        self.account = order.account
        self.id = order.id
        self.instrument = instrument
        self.buy = order.buy
        self.tick = tick
        self.price = order.price
        self.quantity = order.quantity
        self.remaining = order.quantity
        self.expiry = order.expiry
        self.flags = order.flags
        self.resting = False

    @property
    def slot(self) -> int:
        return self.id % SLOTS

    @property
    def generation(self) -> int:
        return self.id // SLOTS

    @property
    def reduce_only(self) -> bool:
        return bool(self.flags & OrderFlag.REDUCE_ONLY)

    def __repr__(self) -> str:
        side = "buy" if self.buy else "sell"
        return (
            f"OpenOrder(seq {self.seq}, account {self.account}, id {self.id}, {side}"
            f" {self.remaining} of {self.quantity} lots at tick {self.tick})"
        )


class Level:
    """The orders of one tick, by arrival."""

    __slots__ = ("lots", "orders")

    def __init__(self) -> None:
        self.orders: OrderedDict[int, OpenOrder] = OrderedDict()  # by seq
        self.lots = 0


class Side:
    """Bids or asks: the levels, best first.

    Parameters
    ----------
    sign : int
        -1 for bids (the highest tick is best), 1 for asks.
    """

    __slots__ = ("_levels", "_sign")

    def __init__(self, sign: int):
        self._sign: Final = sign
        self._levels: SortedDict[int, Level] = SortedDict()  # by sign * tick

    def __bool__(self) -> bool:
        return bool(self._levels)

    def __iter__(self) -> Iterator[OpenOrder]:
        """Every order, best price first, then by arrival; nothing may change meanwhile."""
        for level in self._levels.values():
            yield from level.orders.values()

    def best(self) -> int | None:
        """The best tick; None if the side is empty."""
        if not self._levels:
            return None
        return self._sign * int(self._levels.peekitem(0)[0])

    def add(self, order: OpenOrder) -> None:
        """Put an order behind all others of its tick."""
        key = self._sign * order.tick
        level = self._levels.get(key)
        if level is None:
            level = self._levels[key] = Level()
        level.orders[order.seq] = order
        level.lots += order.remaining

    def remove(self, order: OpenOrder) -> None:
        """Take an order out."""
        key = self._sign * order.tick
        level = self._levels[key]
        del level.orders[order.seq]
        level.lots -= order.remaining
        if not level.orders:
            del self._levels[key]

    def reduce(self, order: OpenOrder, lots: int) -> None:
        """Count `lots` fewer at the order's tick; the caller lowers the order itself."""
        self._levels[self._sign * order.tick].lots -= lots

    def depth(self, levels: int) -> list[tuple[int, int, int]]:
        """(tick, lots, orders) of the best `levels`."""
        return [
            (self._sign * key, level.lots, len(level.orders))
            for key, level in islice(self._levels.items(), levels)
        ]

    def check(self) -> None:
        """Raise `InvariantBroken` unless queues, sums and order agree."""
        for key, level in self._levels.items():
            tick = self._sign * key
            orders = list(level.orders.values())
            if not orders or level.lots != sum(order.remaining for order in orders):
                raise InvariantBroken(f"tick {tick}: {level.lots} lots of {orders}")
            if list(level.orders) != sorted(level.orders):
                raise InvariantBroken(f"tick {tick}: not by arrival: {orders}")
            for order in orders:
                if order.tick != tick or order.remaining <= 0 or not order.resting:
                    raise InvariantBroken(f"tick {tick}: holds {order}")


class Book:
    """Bids and asks of one instrument."""

    __slots__ = ("asks", "bids")

    def __init__(self) -> None:
        self.bids = Side(-1)
        self.asks = Side(1)

    def side(self, buy: bool) -> Side:
        """The side on which such an order rests."""
        return self.bids if buy else self.asks

    def add(self, order: OpenOrder) -> None:
        self.side(order.buy).add(order)
        order.resting = True

    def remove(self, order: OpenOrder) -> None:
        self.side(order.buy).remove(order)
        order.resting = False

    def crosses(self, buy: bool, tick: int) -> bool:
        """Whether such an order would meet the best of the other side."""
        best = self.side(not buy).best()
        if best is None:
            return False
        return best <= tick if buy else best >= tick

    def check(self) -> None:
        """Raise `InvariantBroken` unless both sides are in order and not crossed."""
        self.bids.check()
        self.asks.check()
        bid, ask = self.bids.best(), self.asks.best()
        if bid is not None and ask is not None and bid >= ask:
            raise InvariantBroken(f"crossed book: bid {bid}, ask {ask}")
