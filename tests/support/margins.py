"""Accounts that trade with each other on the margin kernel, and the reference that judges them.

A floor has a few accounts with money, some series of options, and nothing else: orders are placed
(check 19), changed, removed and filled against each other, fee rates change, series settle. Every
figure of the kernel's is compared with `matcher.reference`, in unbounded integers.
"""

import random
from collections import Counter
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import numpy as np

from matcher.kernel import layout
from matcher.kernel.compiled import compiled
from matcher.kernel.groups import (
    drop_group,
    enter_strike,
    find_group,
    group_at,
    has_group_room,
    leave_strike,
    make_group,
)
from matcher.kernel.margin import (
    MONEY_MAX,
    NOT_BORNE,
    add_order,
    add_position,
    admit_order,
    clear_orders,
    clear_positions,
    fill,
    floor_after,
    remove_order,
    resize_order,
    unfill,
)
from matcher.kernel.margin_layout import (
    GROUP,
    GROUP_BLOCK,
    GROUP_KEY,
    declare,
    group_both,
    group_floor,
)
from matcher.kernel.memory import AREAS, COMPILED, kind_of
from matcher.reference.book import OpenOrder
from matcher.reference.context import Context
from matcher.reference.fees import fee
from matcher.reference.leaf import Account
from matcher.reference.risk import highest_rate, worst_with_orders
from matcher.types import (
    MAX_POSITIONS,
    NOTIONAL_END,
    POSITION_LOTS_MAX,
    POSITION_VALUE_MAX,
    Fees,
    Instrument,
    Market,
    Order,
    SignedOrder,
)

ACCOUNTS: Final = range(2, 6)

(
    FIND,
    MAKE,
    DROP,
    ENTER,
    LEAVE,
    ADMIT,
    ADD,
    REMOVE,
    RESIZE,
    FILL,
    UNFILL,
    POSITION,
    AFTER,
    CLEAR_POSITIONS,
    CLEAR_ORDERS,
    READ,
    ROOM,
) = range(17)


def step(c: int, what: int, a: int, b: int, d: int, e: int, f: int, g: int, h: int) -> Any:
    """One call of the margin kernel; its answer, and a second one or 0."""
    group = group_at(c, a)
    if what == FIND:
        return find_group(c, a, b, d), 0
    if what == MAKE:
        return make_group(c, a, b, d, e, f, g), 0
    if what == DROP:
        return drop_group(c, a, b), 0
    if what == ENTER:
        return int(enter_strike(c, a, b)), 0
    if what == LEAVE:
        return leave_strike(c, a, b), 0
    if what == ADMIT:
        return admit_order(c, group, b, d, e, f, g, h), 0
    if what == ADD:
        return add_order(c, group, d, e, f, g, h), 0
    if what == REMOVE:
        return remove_order(c, group, d, e, f, g, h), 0
    if what == RESIZE:
        return resize_order(c, group, d, e, f, g, h, b), 0
    if what == FILL:
        return fill(c, group, d, e, f, g, h, b)
    if what == UNFILL:
        return unfill(c, group, d, e, f, g, h, b)
    if what == POSITION:
        return add_position(c, group, f, g, h)
    if what == AFTER:
        return floor_after(c, group, f, g, h), 0
    if what == CLEAR_POSITIONS:
        return clear_positions(c, group)
    if what == CLEAR_ORDERS:
        return clear_orders(c, group, b), 0
    if what == ROOM:
        return int(has_group_room(c)), 0
    return group_floor(group), group_both(group)


@cache
def stepper() -> Any:
    """`step`, compiled when it is first asked for."""
    nine = ", ".join(["int64"] * 9)
    return compiled(f"UniTuple(int64, 2)({nine})")(step)


class Pool:
    """Memory of margin groups alone.

    Parameters
    ----------
    groups, blocks : int
        How many there may be.
    """

    def __init__(self, groups: int, blocks: int):
        self.context = np.zeros(1, layout.CONTEXT)
        self.groups = np.zeros(groups + 1, GROUP)
        self.keys = np.zeros(groups + 1, GROUP_KEY)
        self.blocks = np.zeros(blocks + 1, GROUP_BLOCK)
        self._arrays = {
            "context": (self.context, layout.CONTEXT),
            "groups": (self.groups, GROUP),
            "group_keys": (self.keys, GROUP_KEY),
            "group_blocks": (self.blocks, GROUP_BLOCK),
        }
        for name, (array, record) in self._arrays.items():
            if not COMPILED:
                AREAS.declare(kind_of(record), array.ctypes.data, len(array), record.itemsize)
                declare(record, array.ctypes.data, len(array))
            if name != "context":
                self.context[0][name] = array.ctypes.data
        self.context[0]["groups_limit"] = groups
        self.context[0]["group_blocks_limit"] = blocks
        self.address: int = self.context.ctypes.data
        self._step = stepper()

    def __call__(self, what: int, *arguments: int) -> tuple[int, int]:
        """One call of the kernel: its arguments after the context, see `step`."""
        padded = (*arguments, *([0] * (7 - len(arguments))))
        first, second = self._step(self.address, what, *padded)
        return int(first), int(second)

    def close(self) -> None:
        """Tell debug mode that the memory is gone."""
        if not COMPILED:
            for array, _ in self._arrays.values():
                AREAS.forget(array.ctypes.data, array.ctypes.data + array.nbytes)


@dataclass
class Side:
    """One account: the reference's, its open orders, and the kernel's sums."""

    money: Account
    orders: list[OpenOrder] = field(default_factory=list)
    groups: dict[tuple[int, int], int] = field(default_factory=dict)  # numbers
    first: int = 0
    worst: int = 0
    backed: int = 0

    def instruments(self) -> set[int]:
        """Those held or on order."""
        return {order.instrument for order in self.orders} | self.money.positions.keys()

    def lots_on_order(self, instrument: int, buy: bool) -> int:
        return sum(o.remaining for o in self.orders if (o.instrument, o.buy) == (instrument, buy))


class Floor:
    """Accounts on the kernel and on the reference; raises AssertionError where they differ.

    Parameters
    ----------
    series : dict
        (market, expiry) to (cap, instruments as (kind, strike) in atoms).
    deposits : list of int
        Of `ACCOUNTS`, atoms.
    """

    def __init__(
        self, series: dict[tuple[int, int], tuple[int, list[tuple[int, int]]]], deposits: list[int]
    ):
        self.context = Context(built_at=0, lag=0)
        self.pool = Pool(64, 64)
        self.counts: Counter[str] = Counter()
        for (market, expiry), (cap, listed) in series.items():
            self.context.markets[market] = Market(market, "", 1, 1)
            self.context.fees.setdefault(market, Fees(0, 0, 0, 0, 0))
            self.context.caps[market, expiry] = cap
            for kind, strike in listed:
                index = len(self.context.instruments) + 1
                self.context.instruments[index] = Instrument(index, market, kind, expiry, strike)
        self.sides: dict[int, Side] = {}
        for account, deposit in zip(ACCOUNTS, deposits, strict=True):
            self.sides[account] = Side(Account(cash=deposit), worst=deposit, backed=deposit)
        self.seq = 0

    # --- what happens --------------------------------------------------------------------------

    def place(
        self, account: int, index: int, buy: bool, price: int, lots: int, judge: bool = True
    ) -> bool:
        """Checks 14 and 17 to 19, the last one `judge`d or not; whether the order is open then."""
        side, option = self.sides[account], self.context.option(index)
        key = option.market, option.expiry
        if price * lots >= NOTIONAL_END or len(side.instruments() | {index}) > MAX_POSITIONS:
            return False
        held = side.money.positions.get(index, 0)
        together = max(held if buy else -held, 0) + side.lots_on_order(index, buy) + lots
        cap = self.context.caps[key]
        if together * cap > POSITION_VALUE_MAX or together > POSITION_LOTS_MAX:
            return False
        order = self._order(account, index, buy, price, lots)
        self._enter(account, index)
        number = side.groups[key]
        change, _ = self.pool(
            ADMIT,
            *(number, side.backed, int(not buy), price, lots, 1 - option.kind, option.strike),
        )
        if judge:
            judged = worst_with_orders(self.context, side.money, [*side.orders, order])
            assert (change != NOT_BORNE) == (judged >= 0), f"judged {judged}, {change}"
        if change == NOT_BORNE:
            self.counts["refused"] += 1
            self._leave(account, index)
            return False
        side.backed += change
        side.orders.append(order)
        self.counts["placed"] += 1
        return True

    def remove(self, account: int, order: OpenOrder) -> None:
        """An order leaves, unfilled."""
        side = self.sides[account]
        side.backed += self._call(REMOVE, account, order, 0)[0]
        side.orders.remove(order)
        self._leave(account, order.instrument)
        self.counts["removed"] += 1

    def amend(self, account: int, order: OpenOrder, left: int) -> None:
        """Less of an order remains."""
        self.sides[account].backed += self._call(RESIZE, account, order, left)[0]
        order.remaining = left
        self.counts["amended"] += 1

    def trade(self, taker: int, ours: OpenOrder, maker: int, theirs: OpenOrder, lots: int) -> None:
        """Two orders meet, at the maker's price; rule 4 is asked on the way."""
        price = theirs.price
        for account, order, rate in ((maker, theirs, 1), (taker, ours, 0)):
            side, market = self.sides[account], self.context.option(order.instrument).market
            paid = fee(self._rates(market)[rate], lots, price * lots)
            cash = (-price * lots if order.buy else price * lots) - paid
            before = side.worst, side.backed
            change, change_both = self._call(FILL, account, order, lots)
            if self.counts["traded"] % 2 == 0:  # taken back, and done again
                back = self._call(UNFILL, account, order, lots)
                assert back == (-change, -change_both)
                ahead = self._after(account, order, lots)
                assert self._call(FILL, account, order, lots) == (change, change_both)
                assert ahead == self._read(account, order)[0]
                self.counts["taken back"] += 1
            side.worst += cash + change
            side.backed += cash + change_both
            assert side.worst >= 0, "the second lock would have closed"
            assert side.backed >= before[1], "a fill made the account worse"
            side.money.cash += cash
            side.money.add_lots(order.instrument, lots if order.buy else -lots)
            order.remaining -= lots
            if order.remaining == 0:
                side.orders.remove(order)
                self._leave(account, order.instrument)
        self.counts["traded"] += 1

    def set_fees(self, market: int, fees: Fees) -> None:
        """Rates change; the newest orders leave that are not backed any more."""
        self.context.fees[market] = fees
        rate = highest_rate(self.context, market)
        for account, side in self.sides.items():
            for key in side.groups:
                if key[0] == market:
                    self._recount(account, key, rate)
            while side.backed < 0:
                newest = [o for o in side.orders if self._key(o.instrument)[0] == market][-1]
                self.remove(account, newest)
                self.counts["unbacked"] += 1
        self.counts["fees"] += 1

    def settle(self, key: tuple[int, int], price: int) -> None:
        """A series settles: cash for positions. Its orders have left before: it was closed."""
        for account, side in self.sides.items():
            for order in [o for o in side.orders if self._key(o.instrument) == key]:
                self.remove(account, order)
            if key not in side.groups:
                continue
            change, change_both = self.pool(CLEAR_POSITIONS, side.groups[key])
            own = [i for i in side.money.positions if self._key(i) == key]
            cash = 0
            for index in own:
                option = self.context.option(index)
                difference = price - option.strike
                paid = max(difference if option.kind == 0 else -difference, 0)
                cash += side.money.positions.pop(index) * paid
            side.money.cash += cash
            side.worst += cash + change
            side.backed += cash + change_both
            for index in own:
                self._leave(account, index)
        self.counts["settled"] += 1

    # --- comparing ------------------------------------------------------------------------------

    def compare(self) -> None:
        """Raise AssertionError unless all sums of all accounts are the reference's."""
        for account, side in self.sides.items():
            worst = self.context.worst(side.money.cash, side.money.positions)
            assert side.worst == worst, f"account {account}: worst {side.worst}, judged {worst}"
            backed = worst_with_orders(self.context, side.money, side.orders)
            assert side.backed == backed, f"account {account}: {side.backed}, judged {backed}"
            floors = [self.pool(READ, number) for number in side.groups.values()]
            assert side.worst == side.money.cash + sum(floor for floor, _ in floors)
            assert side.backed == side.money.cash + sum(both for _, both in floors)

    # --- the kernel's side ----------------------------------------------------------------------

    def _key(self, index: int) -> tuple[int, int]:
        return self.context.expiry_of(index)

    def _rates(self, market: int) -> tuple[int, int]:
        return self.context.fees[market].at(self.context.built_at)

    def _order(self, account: int, index: int, buy: bool, price: int, lots: int) -> OpenOrder:
        self.seq += 1
        terms = Order(account, "", buy, price, lots, self.seq, 0, 0)
        return OpenOrder(SignedOrder(terms, b"", b"", b""), self.seq, index, price, lots, lots)

    def _call(self, what: int, account: int, order: OpenOrder, number: int) -> tuple[int, int]:
        option = self.context.option(order.instrument)
        group = self.sides[account].groups[self._key(order.instrument)]
        return self.pool(
            *(what, group, number, int(not order.buy), order.price, order.remaining),
            *(1 - option.kind, option.strike),
        )

    def _after(self, account: int, order: OpenOrder, lots: int) -> int:
        option = self.context.option(order.instrument)
        group = self.sides[account].groups[self._key(order.instrument)]
        bought = lots if order.buy else -lots
        return self.pool(AFTER, group, 0, 0, 0, bought, 1 - option.kind, option.strike)[0]

    def _read(self, account: int, order: OpenOrder) -> tuple[int, int]:
        return self.pool(READ, self.sides[account].groups[self._key(order.instrument)])

    def _enter(self, account: int, index: int) -> None:
        """An instrument that is new to the account enters its group."""
        side, key = self.sides[account], self._key(index)
        number = self.pool(FIND, side.first, *key)[0]
        assert number == side.groups.get(key, 0)
        if number == 0:
            rate = highest_rate(self.context, key[0])
            assert self.pool(ROOM)[0]
            number, _ = self.pool(MAKE, *(side.first, account, *key, self.context.caps[key], rate))
            side.first = side.groups[key] = number
            self.counts["groups"] += 1
        if index in side.instruments():
            return
        if self.pool(ENTER, number, self.context.option(index).strike)[0]:
            self._recount(account, key, highest_rate(self.context, key[0]))
            self.counts["points"] += 1

    def _leave(self, account: int, index: int) -> None:
        """The instrument leaves its group if the account neither holds it nor has it on order."""
        side, key = self.sides[account], self._key(index)
        if index in side.instruments():
            return
        number = side.groups[key]
        if self.pool(LEAVE, number, self.context.option(index).strike)[0] == 0:
            assert self.pool(READ, number) == (0, 0)
            side.first = self.pool(DROP, side.first, number)[0]
            del side.groups[key]

    def _recount(self, account: int, key: tuple[int, int], rate: int) -> None:
        side = self.sides[account]
        side.backed += self.pool(CLEAR_ORDERS, side.groups[key], rate)[0]
        for order in side.orders:
            if self._key(order.instrument) == key:
                side.backed += self._call(ADD, account, order, 0)[0]


# --- random walks --------------------------------------------------------------------------------


def plain_series(rng: random.Random) -> dict[Any, Any]:
    """Three series of two markets: one of few strikes, one of many, one whose cap is a strike."""
    many = [(kind, strike) for strike in range(0, 4001, 100) for kind in (0, 1)]
    rng.shuffle(many)
    return {
        (1, 10): (1000, [(0, 0), (0, 400), (1, 400), (1, 900)]),
        (1, 11): (4000, many),
        (2, 10): (50, [(0, 10), (1, 50), (0, 50), (1, 25)]),
    }


def extreme_series(rng: random.Random) -> dict[Any, Any]:
    """Caps as large, and as small, as they may be."""
    wide, narrow = (1 << 56) - 1, 1 << 17
    strikes = [0, 1, wide // 2, wide - 1, *(rng.randrange(wide) for _ in range(8))]
    return {
        (1, 10): (wide, [(kind, strike) for strike in strikes for kind in (0, 1)]),
        (1, 11): (
            narrow,
            [(kind, strike) for strike in range(0, narrow, 1 << 14) for kind in (0, 1)],
        ),
        (2, 12): (1 << 40, [(0, 1 << 39), (1, 1 << 39), (0, 7), (1, (1 << 40) - 1)]),
    }


def walk(seed: int, length: int, extreme: bool = False) -> Counter[str]:
    """Random steps, compared after each; how often what happened."""
    rng = random.Random(seed)
    series = extreme_series(rng) if extreme else plain_series(rng)
    shares = rng.choice(((1, 1, 1, 1), (1, 0, 0, 0), (3, 3, 1, 1)))
    money = MONEY_MAX if extreme else rng.choice((10_000, 200_000, 10**7))
    floor = Floor(series, [share * money // sum(shares) for share in shares])
    try:
        for _ in range(length):
            one_step(floor, rng, extreme)
            floor.compare()
    finally:
        floor.pool.close()
    return floor.counts


def one_step(floor: Floor, rng: random.Random, extreme: bool) -> None:
    """Something that may happen, happens."""
    account = rng.choice(ACCOUNTS)
    orders = floor.sides[account].orders
    what = rng.random()
    if what < 0.5 or not orders:
        place_any(floor, rng, account, extreme)
    elif what < 0.8:
        trade_any(floor, rng)
    elif what < 0.93:
        floor.remove(account, rng.choice(orders))
    elif what < 0.97:
        order = rng.choice(orders)
        if order.remaining > 1:
            floor.amend(account, order, rng.randrange(1, order.remaining))
    elif what < 0.995:
        top = (1 << 31) - 1 if extreme else 40
        taker, maker = rng.randint(0, top), rng.randint(-top, top)
        after = rng.randint(0, top), rng.randint(-top, top)
        taker, later = max(taker, -maker), (max(after[0], -after[1]), after[1])
        floor.set_fees(rng.choice((1, 2)), Fees(taker, maker, *later, rng.choice((0, 1))))
    else:
        key = rng.choice(list(floor.context.caps))
        floor.settle(key, rng.randint(0, floor.context.caps[key]))


def place_any(floor: Floor, rng: random.Random, account: int, extreme: bool) -> None:
    used = sorted(floor.sides[account].instruments())
    some = rng.choice(used) if used and rng.random() < 0.4 else 0
    index = some or rng.choice(list(floor.context.instruments))
    option = floor.context.option(index)
    cap = floor.context.caps[option.market, option.expiry]
    most = cap - option.strike if option.kind == 0 else option.strike
    price = rng.choice((rng.randint(0, most), rng.randint(0, 2 * cap), most, 0, most // 2))
    lots = rng.randint(1, 50)
    if extreme:
        widest = min(POSITION_VALUE_MAX // cap, (1 << 32) - 1)
        lots = rng.choice((widest, 1, rng.randint(1, widest), (widest + 1) // 2))
        if rng.random() < 0.2:
            price = (NOTIONAL_END - 1) // lots
    floor.place(account, index, rng.random() < 0.5, price, lots)


def trade_any(floor: Floor, rng: random.Random) -> None:
    """Two orders of two accounts that cross trade, if there are any."""
    everything = [(a, o) for a, side in floor.sides.items() for o in side.orders]
    rng.shuffle(everything)
    for taker, ours in everything[:6]:
        for maker, theirs in everything:
            if maker == taker or ours.instrument != theirs.instrument or ours.buy == theirs.buy:
                continue
            bid, ask = (ours, theirs) if ours.buy else (theirs, ours)
            if bid.price < ask.price:
                continue
            most = min(ours.remaining, theirs.remaining)
            lots = rng.choice((most, rng.randint(1, most)))
            if all(bears(floor, a, o, lots) for a, o in ((taker, ours), (maker, theirs))):
                floor.trade(taker, ours, maker, theirs, lots)
                return


def bears(floor: Floor, account: int, order: OpenOrder, lots: int) -> bool:
    """Rule 4 without margin."""
    held = floor.sides[account].money.positions.get(order.instrument, 0)
    after = abs(held + (lots if order.buy else -lots))
    cap = floor.context.caps[floor.context.expiry_of(order.instrument)]
    return after * cap <= POSITION_VALUE_MAX and after <= POSITION_LOTS_MAX
