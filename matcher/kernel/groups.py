"""Groups of margin: their pool, and the points at which their least value may lie.

See `matcher.kernel.margin`, which says why these points, and counts orders and positions there.
"""

from typing import Final

from matcher.kernel.margin_layout import (
    LANES,
    POINTS,
    QUADS,
    block_next,
    context_group_blocks,
    context_group_blocks_free,
    context_group_blocks_limit,
    context_group_blocks_used,
    context_group_keys,
    context_groups,
    context_groups_free,
    context_groups_limit,
    context_groups_used,
    group_block,
    group_points,
    group_quads,
    key_expiry,
    key_instruments,
    key_market,
    key_next,
    key_uses,
    quad_held,
    quad_pending,
    quad_price,
    set_block_next,
    set_context_group_blocks_free,
    set_context_group_blocks_used,
    set_context_groups_free,
    set_context_groups_used,
    set_group_block,
    set_group_both,
    set_group_floor,
    set_group_points,
    set_group_quads,
    set_group_rate,
    set_key_account,
    set_key_expiry,
    set_key_instruments,
    set_key_market,
    set_key_next,
    set_key_uses,
    set_quad_held,
    set_quad_pending,
    set_quad_price,
)
from matcher.kernel.memory import called, inlined

_CAP: Final = 1  # number of the point at the cap; that of the price 0 is 0
_FIXED: Final = 2  # points that every group has


@inlined
def group_at(c: int, number: int) -> int:
    """Address of a group."""
    return context_groups(c) + 128 * number


@inlined
def key_at(c: int, number: int) -> int:
    """Address of a group's key."""
    return context_group_keys(c) + 64 * number


@inlined
def block_at(c: int, number: int) -> int:
    """Address of a block, and of its first quad."""
    return context_group_blocks(c) + 96 * (QUADS - 1) * number


@inlined
def quad_of(c: int, group: int, number: int) -> int:
    """Address of a group's quad."""
    return group if number == 0 else block_at(c, group_block(group)) + 96 * (number - 1)


# --- points --------------------------------------------------------------------------------------


@inlined
def price_of(c: int, group: int, point: int) -> int:
    """Settlement price of a group's point."""
    return quad_price(quad_of(c, group, point // LANES), point % LANES)


@inlined
def find_point(c: int, group: int, price: int) -> int:
    """Number of the point at a price, clamped to the cap; -1 if there is none."""
    clamped = min(price, quad_price(group, _CAP))
    for point in range(group_points(group)):
        if price_of(c, group, point) == clamped:
            return point
    return -1


@called
def enter_strike(c: int, number: int, strike: int) -> bool:
    """The account will hold, or have on order, one more instrument of this strike.

    Whether the caller must recount the open orders, as they are unknown at the strike.
    """
    group, key = group_at(c, number), key_at(c, number)
    others = key_instruments(key)
    set_key_instruments(key, others + 1)
    point = find_point(c, group, strike)
    is_new = point < 0
    if is_new:
        held = held_at(c, group, strike)
        point = free_point(c, group, key)
        quad = quad_of(c, group, point // LANES)
        set_quad_price(quad, point % LANES, strike)
        set_quad_held(quad, point % LANES, held)
        set_quad_pending(quad, point % LANES, 0)
    set_key_uses(key, point, key_uses(key, point) + 1)
    return is_new and others > 0


@called
def leave_strike(c: int, number: int, strike: int) -> int:
    """One instrument of this strike is neither held nor on order any more; how many others are."""
    key = key_at(c, number)
    point = find_point(c, group_at(c, number), strike)
    set_key_uses(key, point, key_uses(key, point) - 1)
    left = key_instruments(key) - 1
    set_key_instruments(key, left)
    return left


@called
def held_at(c: int, group: int, price: int) -> int:
    """What the positions pay at a price below the cap that is no point: they are linear there."""
    below, above = 0, _CAP
    for point in range(group_points(group)):
        other = price_of(c, group, point)
        if price_of(c, group, below) < other < price:
            below = point
        if price < other < price_of(c, group, above):
            above = point
    start = price_of(c, group, below)
    held = quad_held(quad_of(c, group, below // LANES), below % LANES)
    rise = quad_held(quad_of(c, group, above // LANES), above % LANES) - held
    # The slope is a sum of lots, so the division leaves nothing, and the product is below `rise`.
    return held + rise // (price_of(c, group, above) - start) * (price - start)


@inlined
def free_point(c: int, group: int, key: int) -> int:
    """Number of a point for a further strike.

    A new one while most strikes are in use; then one whose strike is not: to count the orders anew
    at a strike that comes and goes is dear. There is one, as 32 instruments have fewer strikes.
    """
    points, unused, found = group_points(group), 0, 0
    for point in range(_FIXED, points):
        if key_uses(key, point) == 0:
            unused += 1
            found = point
    if points == POINTS or (2 * unused > points and points % LANES == 0):
        return found
    if points % LANES == 0:
        add_quad(c, group)
    set_group_points(group, points + 1)
    set_key_uses(key, points, 0)
    return points


@called
def add_quad(c: int, group: int) -> None:
    """One more quad; its words repeat the point 0, as those of every quad that is not full."""
    quads = group_quads(group)
    if quads == 1:
        block = context_group_blocks_free(c)
        if block != 0:
            set_context_group_blocks_free(c, block_next(block_at(c, block)))
        else:
            block = context_group_blocks_used(c) + 1
            set_context_group_blocks_used(c, block)
        set_group_block(group, block)
    quad = quad_of(c, group, quads)
    for lane in range(LANES):
        set_quad_price(quad, lane, 0)
        set_quad_held(quad, lane, quad_held(group, 0))
        set_quad_pending(quad, lane, quad_pending(group, 0))
    set_group_quads(group, quads + 1)


# --- groups --------------------------------------------------------------------------------------


@inlined
def find_group(c: int, first: int, market: int, expiry: int) -> int:
    """Number of an account's group, its `first` being known; 0 if it has none such."""
    number = first
    while number != 0:
        key = key_at(c, number)
        if key_expiry(key) == expiry and key_market(key) == market:
            break
        number = key_next(key)
    return number


@inlined
def has_group_room(c: int) -> bool:
    """Whether a group, and a block, can be had."""
    if context_groups_free(c) == 0 and context_groups_used(c) >= context_groups_limit(c):
        return False
    if context_group_blocks_free(c) != 0:
        return True
    return context_group_blocks_used(c) < context_group_blocks_limit(c)


@called
def make_group(
    c: int, first: int, account: int, market: int, expiry: int, cap: int, rate: int
) -> int:
    """Number of a new group, which holds nothing: the account's first now. There is room."""
    number = context_groups_free(c)
    if number != 0:
        set_context_groups_free(c, key_next(key_at(c, number)))
    else:
        number = context_groups_used(c) + 1
        set_context_groups_used(c, number)
    group, key = group_at(c, number), key_at(c, number)
    for lane in range(LANES):
        set_quad_price(group, lane, 0)
        set_quad_held(group, lane, 0)
        set_quad_pending(group, lane, 0)
        set_key_uses(key, lane, 0)
    set_quad_price(group, _CAP, cap)
    set_group_floor(group, 0)
    set_group_both(group, 0)
    set_group_block(group, 0)
    set_group_rate(group, rate)
    set_group_quads(group, 1)
    set_group_points(group, _FIXED)
    set_key_account(key, account)
    set_key_market(key, market)
    set_key_expiry(key, expiry)
    set_key_next(key, first)
    set_key_instruments(key, 0)
    return number


@called
def drop_group(c: int, first: int, number: int) -> int:
    """A group without instruments goes; number of the account's first group then."""
    group, key = group_at(c, number), key_at(c, number)
    block, following = group_block(group), key_next(key)
    if block != 0:
        set_block_next(block_at(c, block), context_group_blocks_free(c))
        set_context_group_blocks_free(c, block)
    set_key_account(key, 0)
    set_key_next(key, context_groups_free(c))
    set_context_groups_free(c, number)
    if first == number:
        return following
    before = first
    while key_next(key_at(c, before)) != number:
        before = key_next(key_at(c, before))
    set_key_next(key_at(c, before), following)
    return first
