"""Margin rule 0, kept up to date as orders and fills come (docs/reference/matching.md, Margin).

What an account is worth at worst is its cash and, over its groups (one per market and expiry), the
least over the group's points of what positions pay (`floor`), or of that and all that the open
orders may lose (`both`). The account keeps two sums, ``worst = cash + floors`` and ``backed = cash
+ boths``; functions here change one group and answer by how much its floor and both changed, which
the caller adds to its account's sums. A group is met as an address, `group_at(c, number)`; groups
and their strikes come and go in `matcher.kernel.groups`.

=================================================================== =============================
``find_group(c, first, market, expiry)``                            number, or 0
``has_group_room(c)``                                               False: refuse a PLACE as BUSY
``make_group(c, first, account, market, expiry, cap, rate)``        number, the account's first
``drop_group(c, first, number)``                                    the account's first then
``enter_strike(c, number, strike)``                                 whether to `recount`
``leave_strike(c, number, strike)``                                 instruments left; 0: drop it
``admit_order(c, group, backed, sells, price, lots, call, strike)`` change of both, or NOT_BORNE
``add_order(c, group, sells, price, lots, call, strike)``           change of both
``remove_order(c, group, sells, price, lots, call, strike)``        change of both
``resize_order(c, group, sells, price, lots, call, strike, left)``  change of both
``fill(c, group, sells, price, lots, call, strike, filled)``        changes of floor and both
``unfill(c, group, sells, price, lots, call, strike, filled)``      the same, taking a fill back
``add_position(c, group, lots, call, strike)``                      changes of floor and both
``floor_after(c, group, lots, call, strike)``                       the floor, changing nothing
``clear_positions(c, group)``                                       changes of floor and both
``clear_orders(c, group, rate)``                                    change of both
=================================================================== =============================

`price` is an order's own limit, ``tick * tick_value``; `lots` what remains of it before the change;
`call` 1 or, of a put, 0; `strike`, `price` and `cap` are atoms per lot, and all answers atoms.

An instrument enters its group when the account's first order of it is placed (its holding is made),
and leaves when nothing is held or on order. If `enter_strike` asks for it, and when the fee rate
changes, the caller recounts: `clear_orders`, then `add_order` of every open order of the group.
Check 19 is `admit_order`. At a fill, both sides are filled first; if an account's worst would be
below 0 and lower than before, `unfill` takes it back (rule 4).

Notes
-----
**Points.** Payoffs are linear between 0, the strikes and the cap, and an order counts ``min(0,
pnl)``, which is concave there; so the least lies at one of these prices. A further point changes no
minimum: it is a value the account may have, no lower than the least. So strikes that are not used
any more stay until their place is needed. A strike above the cap bends nothing below it.

**Widths.** Everything fits an int64, because the Vault holds at most `MONEY_MAX` = 2^61 atoms, and
what accounts own adds up to that at any settlement prices. Every account but the fee account, which
holds no positions and is never in debt, has ``worst >= backed >= 0`` after every command. So each
is worth 0 to 2^61 at any prices, and

- ``|held| <= 2^62``: 32 positions of at most 2^57 atoms each (checks 17, 18, and rule 4); no sum
  over groups is more, so ``|cash| <= 2^62 + 2^61``, and a floor's change is at most 2^62;
- ``-2^61 <= pending <= 0``: with orders, too, the account is worth 0 or more;
- an order that a PLACE adds loses at most 2^61, or `admit_order` refuses it before it is added (no
  account is worth more); sells lose at most 2^57, what they may have to pay. Then ``held + pending
  >= -2^62 - 2^61``, and the account's backed plus the change is at least -2^61;
- a change of fees lowers pending by what orders are charged: at most an eighth of all buys' cost,
  2^59 for calls and for puts; and of sells, which count where they pay more than 7/8 of their
  notional, a seventh of 2^62. Together ``held + pending > -2^63``.

Products: ``lots * payoff <= 2^57`` (check 18), ``price * lots < 2^62`` (check 14), ``lots * rate <
2^63`` (u32 and i31).

**A fill never breaks margin** while ``backed >= 0``: the order counts at its limit with the highest
rate; trades are no worse than the limit, and the fees of the parts of an order add up to no more
than that of the whole. So the second lock opens always; it is kept, as it costs nothing.
"""

from typing import Final

from matcher.kernel.groups import quad_of
from matcher.kernel.margin_layout import (
    LANES,
    group_both,
    group_floor,
    group_quads,
    group_rate,
    quad_held,
    quad_pending,
    quad_price,
    set_group_both,
    set_group_floor,
    set_group_rate,
    set_quad_held,
    set_quad_pending,
)
from matcher.kernel.memory import called, inlined
from matcher.kernel.quads import count_in, move_in

MONEY_MAX: Final = 1 << 61  # atoms that all accounts own together, at most
NOT_BORNE: Final = 1  # no change of an order that is added is above 0
_MOST: Final = (1 << 63) - 1


# --- what an order or a position is worth at a price ---------------------------------------------


@inlined
def charge(rate: int, lots: int, notional: int) -> int:
    """The most that filling an order may cost in fees; no rate here is negative."""
    return min(lots * rate, notional >> 3)


@inlined
def signed(sells: int, lots: int) -> int:
    """Lots that filling an order adds to the position."""
    return -lots if sells else lots


@inlined
def received(sells: int, price: int, lots: int, rate: int) -> int:
    """Atoms that filling an order at its limit adds to the cash, its fee paid."""
    notional = price * lots
    return (notional if sells else -notional) - charge(rate, lots, notional)


# --- orders --------------------------------------------------------------------------------------


@inlined
def count(
    c: int, group: int, call: int, strike: int, old: int, old_cash: int, new: int, new_cash: int
) -> int:
    """An order that would add `old` lots and `old_cash` adds `new` ones now; the change of both.

    No lots and no cash: no order.
    """
    least, left, quad = _MOST, group_quads(group), group
    while True:
        least = min(least, count_in(quad, 1 - call, strike, old, old_cash, new, new_cash))
        left -= 1
        if left == 0:
            break
        quad = quad_of(c, group, group_quads(group) - left)
    change = least - group_both(group)
    set_group_both(group, least)
    return change


@inlined
def add_order(c: int, group: int, sells: int, price: int, lots: int, call: int, strike: int) -> int:
    """An order is open now."""
    cash = received(sells, price, lots, group_rate(group))
    return count(c, group, call, strike, 0, 0, signed(sells, lots), cash)


@inlined
def remove_order(
    c: int, group: int, sells: int, price: int, lots: int, call: int, strike: int
) -> int:
    """An open order leaves, unfilled."""
    cash = received(sells, price, lots, group_rate(group))
    return count(c, group, call, strike, signed(sells, lots), cash, 0, 0)


@inlined
def admit_order(
    c: int, group: int, backed: int, sells: int, price: int, lots: int, call: int, strike: int
) -> int:
    """Check 19: add an order if the account's `backed` stays above or at 0; else NOT_BORNE."""
    cash = received(sells, price, lots, group_rate(group))
    if cash < -MONEY_MAX:
        return NOT_BORNE
    bought = signed(sells, lots)
    change = count(c, group, call, strike, 0, 0, bought, cash)
    if backed + change < 0:
        uncount(c, group, call, strike, bought, cash)
        return NOT_BORNE
    return change


@called
def uncount(c: int, group: int, call: int, strike: int, bought: int, cash: int) -> int:
    """Take back what `admit_order` added."""
    return count(c, group, call, strike, bought, cash, 0, 0)


@inlined
def resize_order(
    c: int, group: int, sells: int, price: int, lots: int, call: int, strike: int, left: int
) -> int:
    """Of an open order of `lots`, `left` remain."""
    rate = group_rate(group)
    old, new = received(sells, price, lots, rate), received(sells, price, left, rate)
    return count(c, group, call, strike, signed(sells, lots), old, signed(sells, left), new)


@called
def clear_orders(c: int, group: int, rate: int) -> int:
    """No order counts any more; those that are added next are charged at `rate`."""
    set_group_rate(group, rate)
    for number in range(group_quads(group)):
        quad = quad_of(c, group, number)
        for lane in range(LANES):
            set_quad_pending(quad, lane, 0)
    change = group_floor(group) - group_both(group)
    set_group_both(group, group_floor(group))
    return change


# --- fills and positions -------------------------------------------------------------------------


@inlined
def move(
    c: int,
    group: int,
    call: int,
    strike: int,
    old: int,
    old_cash: int,
    new: int,
    new_cash: int,
    bought: int,
) -> tuple[int, int]:
    """The same as `count`, and `bought` lots join the position; the changes of floor and both."""
    floor, least, left, quad = _MOST, _MOST, group_quads(group), group
    while True:
        lower, low = move_in(quad, 1 - call, strike, old, old_cash, new, new_cash, bought)
        floor, least = min(floor, lower), min(least, low)
        left -= 1
        if left == 0:
            break
        quad = quad_of(c, group, group_quads(group) - left)
    change, change_both = floor - group_floor(group), least - group_both(group)
    set_group_floor(group, floor)
    set_group_both(group, least)
    return change, change_both


@inlined
def fill(
    c: int,
    group: int,
    sells: int,
    price: int,
    lots: int,
    call: int,
    strike: int,
    filled: int,
) -> tuple[int, int]:
    """Of an open order of `lots`, `filled` become a position."""
    rate, left = group_rate(group), lots - filled
    old, new = received(sells, price, lots, rate), received(sells, price, left, rate)
    bought = signed(sells, filled)
    return move(c, group, call, strike, signed(sells, lots), old, signed(sells, left), new, bought)


@called
def unfill(
    c: int,
    group: int,
    sells: int,
    price: int,
    lots: int,
    call: int,
    strike: int,
    filled: int,
) -> tuple[int, int]:
    """Take back a `fill`: all arguments as they were there."""
    rate, left = group_rate(group), lots - filled
    old, new = received(sells, price, left, rate), received(sells, price, lots, rate)
    bought = -signed(sells, filled)
    return move(c, group, call, strike, signed(sells, left), old, signed(sells, lots), new, bought)


@called
def add_position(c: int, group: int, lots: int, call: int, strike: int) -> tuple[int, int]:
    """Lots, signed, join a position."""
    return move(c, group, call, strike, 0, 0, 0, 0, lots)


@called
def floor_after(c: int, group: int, lots: int, call: int, strike: int) -> int:
    """The group's floor if lots, signed, joined a position."""
    floor = _MOST
    for number in range(group_quads(group)):
        quad = quad_of(c, group, number)
        for lane in range(LANES):
            difference = quad_price(quad, lane) - strike
            paid = max(difference if call else -difference, 0)
            floor = min(floor, quad_held(quad, lane) + lots * paid)
    return floor


@called
def clear_positions(c: int, group: int) -> tuple[int, int]:
    """The positions are gone: their expiry was settled."""
    least = _MOST
    for number in range(group_quads(group)):
        quad = quad_of(c, group, number)
        for lane in range(LANES):
            set_quad_held(quad, lane, 0)
            least = min(least, quad_pending(quad, lane))
    change, change_both = -group_floor(group), least - group_both(group)
    set_group_floor(group, 0)
    set_group_both(group, least)
    return change, change_both
