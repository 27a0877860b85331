"""Which orders an arriving order meets, and on what terms: a plan that changes nothing.

A plan is computed on copies of the few numbers that a fill changes, so that a fill-or-kill order
can be tried and dropped, and every other order is matched by the same code.
"""

from collections.abc import Callable
from operator import add
from typing import Final, NamedTuple

from matcher.account import Account
from matcher.book import OpenOrder
from matcher.events import CancelReason
from matcher.listings import Line
from matcher.risk import fee
from matcher.types import MAX_POSITIONS, POSITION_VALUE_MAX, SelfTrade

LOTS_MAX: Final = (1 << 39) - 1  # a position is an i40


class Fill(NamedTuple):
    """`lots` of the taker with a resting order, at the maker's tick. Fees in atoms, signed."""

    maker: OpenOrder
    lots: int
    taker_fee: int
    maker_fee: int


class Drop(NamedTuple):
    """A resting order that must leave the book."""

    maker: OpenOrder
    reason: CancelReason


class Holding:
    """What fills in one instrument change of one account, and what they are judged by.

    Attributes
    ----------
    account : Account
    group : ExpiryRisk
        The account's, of the instrument's expiry.
    cash, lots : int
        Atoms; lots of the instrument, signed.
    held : list of int
        Atoms that the positions of the expiry pay at each point of its `ExpiryRisk`.
    floor : int
        Least of `held`.
    """

    __slots__ = (
        "account",
        "cash",
        "floor",
        "group",
        "held",
        "lots",
        "others_count",
        "others_floor",
    )

    def __init__(self, account: Account, line: Line):
        group = account.groups[line.contract.key]
        self.account = account
        self.group = group
        self.cash = account.cash
        self.lots = group.lots.get(line.index, 0)
        self.held = group.held
        self.floor = group.floor
        self.others_floor = account.floors - group.floor
        self.others_count = account.count - (1 if self.lots else 0)

    def after(self, line: Line, lots: int, cash: int) -> "Holding | None":
        """The holding after `lots` more, signed, and `cash` more; None if margin forbids it."""
        position = self.lots + lots
        if abs(position) * line.contract.cap > POSITION_VALUE_MAX or abs(position) > LOTS_MAX:
            return None
        if position and self.others_count >= MAX_POSITIONS:
            return None
        paid = [lots * payoff for payoff in self.group.know(line.contract)]
        held = list(map(add, self.held, paid))
        floor = min(held)
        change = cash + floor - self.floor
        if change < 0 and self.cash + self.floor + self.others_floor + change < 0:
            return None
        new = Holding.__new__(Holding)
        new.account = self.account
        new.group = self.group
        new.cash = self.cash + cash
        new.lots = position
        new.held = held
        new.floor = floor
        new.others_floor = self.others_floor
        new.others_count = self.others_count
        return new


class Plan:
    """What happens to an arriving order before its rest is dealt with.

    Attributes
    ----------
    steps : list of Fill or Drop
        In the order in which they happen.
    remaining : int
        Lots of the taker that are not filled.
    ended : CancelReason or None
        Why the rest is canceled; None if it may rest, or nothing is left.
    holdings : dict
        Account index to `Holding` after the fills.
    """

    __slots__ = ("ended", "holdings", "remaining", "steps")

    def __init__(self, remaining: int):
        self.steps: list[Fill | Drop] = []
        self.remaining = remaining
        self.ended: CancelReason | None = None
        self.holdings: dict[int, Holding] = {}


class Matcher:
    """Matches one arriving order against a book.

    Parameters
    ----------
    taker : OpenOrder
        Counted in its account's `ExpiryRisk`, not in the book.
    line : Line
    accounts : callable
        Index to `Account`.
    rates : (int, int)
        Taker's and maker's fee rates, atoms per lot.
    self_trade : int
        `SelfTrade`.
    """

    __slots__ = ("_accounts", "_line", "_plan", "_rates", "_self_trade", "_taker")

    def __init__(
        self,
        taker: OpenOrder,
        line: Line,
        accounts: Callable[[int], Account],
        rates: tuple[int, int],
        self_trade: int,
    ):
        self._taker = taker
        self._line = line
        self._accounts = accounts
        self._rates = rates
        self._self_trade = self_trade
        self._plan = Plan(taker.remaining)

    def plan(self) -> Plan:
        """Meet resting orders, best first, until none crosses or nothing remains."""
        plan, taker = self._plan, self._taker
        for maker in self._line.book.side(not taker.buy):
            crosses = maker.tick <= taker.tick if taker.buy else maker.tick >= taker.tick
            if not crosses:
                break
            self._meet(maker)
            if not plan.remaining or plan.ended is not None:
                break
        return plan

    def _holding(self, account: int) -> Holding:
        holding = self._plan.holdings.get(account)
        if holding is None:
            holding = Holding(self._accounts(account), self._line)
        return holding

    def _meet(self, maker: OpenOrder) -> None:
        """Fill against one resting order until it, or the taker, can no more."""
        plan, taker = self._plan, self._taker
        if maker.account == taker.account:
            if self._self_trade == SelfTrade.CANCEL_OLDEST:
                plan.steps.append(Drop(maker, CancelReason.SELF_TRADE))
            else:
                plan.ended = CancelReason.SELF_TRADE
            return
        left = maker.remaining
        while left and plan.remaining:
            ours, theirs = self._holding(taker.account), self._holding(maker.account)
            lots = min(plan.remaining, left)
            if taker.reduce_only:
                lots = min(lots, reducible(taker.buy, ours.lots))
                if not lots:
                    plan.ended = CancelReason.REDUCE_ONLY
                    return
            if maker.reduce_only:
                lots = min(lots, reducible(maker.buy, theirs.lots))
                if not lots:
                    plan.steps.append(Drop(maker, CancelReason.REDUCE_ONLY))
                    return
            if not self._fill(maker, lots, ours, theirs):
                return
            left -= lots

    def _fill(self, maker: OpenOrder, lots: int, ours: Holding, theirs: Holding) -> bool:
        """Fill if both sides may; else drop the maker, or end the taker."""
        plan, taker = self._plan, self._taker
        notional = lots * maker.price
        taker_fee = fee(self._rates[0], lots, notional)
        maker_fee = fee(self._rates[1], lots, notional)
        signed = lots if taker.buy else -lots
        paid = notional if taker.buy else -notional
        theirs_after = theirs.after(self._line, -signed, paid - maker_fee)
        if theirs_after is None:
            plan.steps.append(Drop(maker, CancelReason.MARGIN))
            return False
        ours_after = ours.after(self._line, signed, -paid - taker_fee)
        if ours_after is None:
            plan.ended = CancelReason.MARGIN
            return False
        plan.steps.append(Fill(maker, lots, taker_fee, maker_fee))
        plan.holdings[taker.account] = ours_after
        plan.holdings[maker.account] = theirs_after
        plan.remaining -= lots
        return True


def reducible(buy: bool, position: int) -> int:
    """Lots that such an order may still trade if it may only reduce a position."""
    return max(-position if buy else position, 0)
