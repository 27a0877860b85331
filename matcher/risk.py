"""Margin rule 0: what an account is worth at worst, kept up to date as orders and fills come.

Payoffs are linear between 0, the strikes and the cap, and an open order counts `min(0, pnl)`, which
is concave there; so the least value over all settlement prices lies at one of these points. Values
at the points are sums over positions and orders, and change by one addition per point.
"""

from collections.abc import Iterable, Mapping
from operator import add
from typing import Final

from matcher.book import OpenOrder
from matcher.errors import InvariantBroken
from matcher.types import InstrumentKind

FEE_DIVISOR: Final = 8  # a fee is at most an eighth of the notional


class Contract:
    """What margin needs to know of an instrument.

    Attributes
    ----------
    key : (int, int)
        (market, expiry in hours): one settlement price.
    strike, cap : int
        Atoms per lot.
    """

    __slots__ = ("call", "cap", "index", "key", "strike")

    def __init__(self, index: int, key: tuple[int, int], kind: int, strike: int, cap: int):
        self.index = index
        self.key = key
        self.call = kind == InstrumentKind.CALL
        self.strike = strike
        self.cap = cap

    def payoff(self, price: int) -> int:
        """Atoms per lot at a settlement price of at most the cap."""
        return max(price - self.strike, 0) if self.call else max(self.strike - price, 0)

    @property
    def most(self) -> int:
        """Atoms per lot at the settlement price at which it pays most."""
        return self.payoff(self.cap if self.call else 0)


def fee(rate: int, lots: int, notional: int) -> int:
    """Fee of one side of a fill, atoms; negative is a rebate (section 5)."""
    if rate >= 0:
        return min(lots * rate, notional // FEE_DIVISOR)
    return -min(lots * -rate, notional // FEE_DIVISOR)


def worst(
    cash: int,
    positions: Iterable[tuple[Contract, int]],
    fixed: Mapping[tuple[int, int], int],
) -> int:
    """The least an account is worth, from scratch, atoms.

    Parameters
    ----------
    cash : int
    positions : iterable of (Contract, lots)
    fixed : mapping
        (market, expiry) to the settlement price, clamped, of those that count as fixed.
    """
    legs: dict[tuple[int, int], list[tuple[Contract, int]]] = {}
    for contract, lots in positions:
        legs.setdefault(contract.key, []).append((contract, lots))
    total = cash
    for key, group in legs.items():
        if key in fixed:
            prices = {fixed[key]}
        else:
            cap = group[0][0].cap
            prices = {0, cap, *(min(contract.strike, cap) for contract, _ in group)}
        total += min(
            sum(lots * contract.payoff(price) for contract, lots in group) for price in prices
        )
    return total


class ExpiryRisk:
    """One account's positions and open orders of one (market, expiry).

    Parameters
    ----------
    cap : int
        Of the expiry, atoms per lot.
    rate : int
        The fee rate that open orders are charged at, atoms per lot; see `recharge`.

    Attributes
    ----------
    lots : dict
        Instrument to position, no zeros.
    orders : dict
        Seq to open order.
    held : list of int
        Atoms that the positions pay at each point.
    floor : int
        The least of `held`: what the positions pay at worst.
    """

    __slots__ = (
        "_both",
        "_contracts",
        "_payoffs",
        "_pending",
        "_points",
        "floor",
        "held",
        "lots",
        "orders",
        "rate",
    )

    def __init__(self, cap: int, rate: int):
        self.rate = rate
        self.lots: dict[int, int] = {}
        self.orders: dict[int, OpenOrder] = {}
        self.held = [0, 0]
        self.floor = 0
        self._points = [0, cap]
        self._pending = [0, 0]
        self._both: int | None = 0
        self._contracts: dict[int, Contract] = {}
        self._payoffs: dict[int, list[int]] = {}

    @property
    def empty(self) -> bool:
        return not self.lots and not self.orders

    def know(self, contract: Contract) -> list[int]:
        """Payoffs of one lot at each point, which the contract's strike may add to."""
        payoffs = self._payoffs.get(contract.index)
        if payoffs is None:
            corner = min(contract.strike, contract.cap)
            if corner not in self._points:
                self._add_point(corner)
            payoffs = [contract.payoff(point) for point in self._points]
            self._payoffs[contract.index] = payoffs
            self._contracts[contract.index] = contract
        return payoffs

    def _add_point(self, price: int) -> None:
        self._points.append(price)
        for index, payoffs in self._payoffs.items():
            payoffs.append(self._contracts[index].payoff(price))
        self.held.append(sum(lots * self._payoffs[index][-1] for index, lots in self.lots.items()))
        # A minimum over the old points is one over the new as well, so `floor` and `_both` stand.
        self._pending.append(
            sum(
                min(0, self._pnl(order, order.remaining, self._payoffs[order.instrument][-1]))
                for order in self.orders.values()
            )
        )

    def _pnl(self, order: OpenOrder, lots: int, payoff: int) -> int:
        """What filling `lots` of an order at its limit is worth at a point."""
        notional = lots * order.price
        charge = fee(self.rate, lots, notional)
        value = lots * payoff
        return value - notional - charge if order.buy else notional - value - charge

    def _count(self, order: OpenOrder, lots: int, sign: int) -> None:
        """Add (1) or take away (-1) `lots` of an open order at each point."""
        pending = self._pending
        notional = lots * order.price
        charge = fee(self.rate, lots, notional)
        if order.buy:
            cost = notional + charge
            for i, payoff in enumerate(self._payoffs[order.instrument]):
                pnl = lots * payoff - cost
                if pnl < 0:
                    pending[i] += sign * pnl
        else:
            proceeds = notional - charge
            for i, payoff in enumerate(self._payoffs[order.instrument]):
                pnl = proceeds - lots * payoff
                if pnl < 0:
                    pending[i] += sign * pnl
        self._both = None

    def add_order(self, contract: Contract, order: OpenOrder) -> None:
        self.know(contract)
        self.orders[order.seq] = order
        self._count(order, order.remaining, 1)

    def remove_order(self, order: OpenOrder) -> None:
        del self.orders[order.seq]
        self._count(order, order.remaining, -1)

    def resize_order(self, order: OpenOrder, remaining: int) -> None:
        """Lower what remains of an open order, here and in the order."""
        self._count(order, order.remaining, -1)
        order.remaining = remaining
        self._count(order, remaining, 1)

    def set_position(self, instrument: int, lots: int, held: list[int], floor: int) -> None:
        """Take over a position with the values at the points that follow from it."""
        if lots:
            self.lots[instrument] = lots
        else:
            self.lots.pop(instrument, None)
        self.held = held
        self.floor = floor
        self._both = None

    def clear_positions(self) -> None:
        """Forget the positions; their expiry was settled."""
        self.lots = {}
        self.held = [0] * len(self._points)
        self.floor = 0
        self._both = None

    def recharge(self, rate: int) -> None:
        """Charge open orders at another fee rate."""
        if rate == self.rate:
            return
        self.rate = rate
        self._pending = [0] * len(self._points)
        for order in self.orders.values():
            self._count(order, order.remaining, 1)
        self._both = None

    def with_orders(self) -> int:
        """The least value at a point, with every open order filled or not, whichever is worse."""
        if self._both is None:
            self._both = min(map(add, self.held, self._pending))
        return self._both

    def check(self) -> None:
        """Raise `InvariantBroken` unless the sums equal those from scratch."""
        held = [
            sum(n * self._contracts[i].payoff(point) for i, n in self.lots.items())
            for point in self._points
        ]
        pending = [
            sum(
                min(0, self._pnl(o, o.remaining, self._contracts[o.instrument].payoff(point)))
                for o in self.orders.values()
            )
            for point in self._points
        ]
        if held != self.held or min(held) != self.floor:
            raise InvariantBroken(f"positions {self.lots} are worth {held}, not {self.held}")
        if pending != self._pending:
            raise InvariantBroken(f"open orders count {pending}, not {self._pending}")
        if self.with_orders() != min(map(add, held, pending)):
            raise InvariantBroken(f"worst with orders is not {self.with_orders()}")
