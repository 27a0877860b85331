"""Sides, bands and levels of the books: where orders rest, and which is the best.

A side is a number: twice its book's, plus 1 for asks. Its best tick always lies in its band,
``2**band_bits`` neighboring ticks from `base` on, each of which has a level in a dense array and a
bit in a bitmap. The array is used as a ring (the place of a tick is its low bits), so a band that
moves leaves the levels it keeps where they are. Ticks outside the band are always worse than all
of it; their levels stand in one table for all sides, the far levels.

The band moves, and the side is re-centered, when

- an order comes that is better than the whole band: levels that are left behind become far;
- its last level empties while far ones exist: it moves to the best of them.

Both cost a walk over the levels that change rooms, or over the table of far levels, never over
orders. An order for which there is no room, far or in the pool, is refused; nothing else needs any.
"""

from matcher.kernel.bitmap import following, highest, lowest, mark, preceding, unmark
from matcher.kernel.context import (
    context_band_bits,
    context_bitmap_words,
    context_bitmaps,
    context_far,
    context_far_bits,
    context_far_count,
    context_far_limit,
    context_far_sorted,
    context_levels,
    context_orders,
    context_recenterings,
    context_sides,
    set_context_recenterings,
)
from matcher.kernel.fields import (
    far_head,
    far_key,
    far_lots,
    far_tail,
    level_head,
    level_lots,
    level_tail,
    order_next,
    order_previous,
    order_remaining,
    order_tick,
    set_level_head,
    set_level_lots,
    set_level_tail,
    set_order_next,
    set_order_previous,
    set_pair_key,
    set_pair_value,
    set_side_base,
    set_side_best,
    set_side_far,
    set_side_orders,
    side_base,
    side_best,
    side_far,
    side_orders,
)
from matcher.kernel.layout import FAR_LEVEL_OFFSET, NO_ASK, NO_BID, NOTHING, VACANT
from matcher.kernel.memory import called, inlined
from matcher.kernel.tables import find_far, insert_far, remove_far, sort_pairs

# --- where things lie ----------------------------------------------------------------------------


@inlined
def order_at(c: int, slot: int) -> int:
    """Address of the order in a slot."""
    return context_orders(c) + 64 * slot


@inlined
def slot_of(c: int, order: int) -> int:
    """Slot of the order at an address."""
    return (order - context_orders(c)) >> 6


@inlined
def side_of(instrument: int, sells: int) -> int:
    """Number of the side on which such an order rests."""
    return 2 * instrument + sells


@inlined
def side_at(c: int, side: int) -> int:
    """Address of a side."""
    return context_sides(c) + 32 * side


@inlined
def bits_of(c: int, side: int) -> int:
    """The bitmap of a side's band."""
    return context_bitmaps(c) + 8 * context_bitmap_words(c) * side


@inlined
def width(c: int) -> int:
    """Ticks of a band."""
    return 1 << context_band_bits(c)


@inlined
def place_of(c: int, tick: int) -> int:
    """Place of a tick in its band."""
    return tick & (width(c) - 1)


@inlined
def near_level(c: int, side: int, tick: int) -> int:
    """Address of the level of a tick that lies in its side's band."""
    return context_levels(c) + 16 * ((side << context_band_bits(c)) + place_of(c, tick))


@inlined
def in_band(c: int, side: int, tick: int) -> bool:
    """Whether a tick lies in its side's band."""
    base = side_base(side_at(c, side))
    return base <= tick < base + width(c)


@inlined
def level_of(c: int, side: int, tick: int) -> int:
    """Address of a tick's level; 0 if it is far and holds nothing."""
    if in_band(c, side, tick):
        return near_level(c, side, tick)
    far = find_far(c, side, tick)
    return far + FAR_LEVEL_OFFSET if far != 0 else 0


# --- which is best -------------------------------------------------------------------------------


@inlined
def none_best(side: int) -> int:
    """The best tick of a side that is empty: one that nothing crosses."""
    return NO_ASK if side & 1 else NO_BID


@inlined
def best_of(c: int, side: int) -> int:
    """Best tick of a side, or `none_best`."""
    return side_best(side_at(c, side))


@inlined
def is_empty(c: int, side: int) -> bool:
    """Whether no order rests on a side."""
    return best_of(c, side) == none_best(side)


@inlined
def crosses(tick: int, sells: int, resting: int) -> bool:
    """Whether an order may trade with an opposite one at the tick `resting`."""
    return resting >= tick if sells else resting <= tick


@inlined
def is_better(side: int, tick: int, other: int) -> bool:
    """Whether orders of the side go first at `tick`."""
    return tick < other if side & 1 else tick > other


@called
def nearest_worse(c: int, side: int, tick: int) -> int:
    """The best occupied tick of the band that is worse than `tick`; NOTHING if none.

    `tick` lies in the band, or just beyond its better end.
    """
    bits, size = bits_of(c, side), context_band_bits(c)
    place = place_of(c, tick)
    base = side_base(side_at(c, side))
    if side & 1:
        found = following(bits, size, place)
        if found == NOTHING:
            found = lowest(bits, size)
        if found == NOTHING:
            return NOTHING
        worse = tick + ((found - place - 1) & (width(c) - 1)) + 1
        return worse if worse < base + width(c) else NOTHING
    found = preceding(bits, size, place)
    if found == NOTHING:
        found = highest(bits, size)
    if found == NOTHING:
        return NOTHING
    worse = tick - ((place - found - 1) & (width(c) - 1)) - 1
    return worse if worse >= base else NOTHING


@inlined
def reaches_far(c: int, side: int, tick: int) -> bool:
    """Whether an opposite order at `tick` crosses ticks that are worse than a side's whole band."""
    base = side_base(side_at(c, side))
    return tick >= base + width(c) if side & 1 else tick < base


# --- the queue of a level ------------------------------------------------------------------------


@inlined
def append(c: int, level: int, order: int) -> None:
    """Put an order behind all others of its level."""
    slot, tail = slot_of(c, order), level_tail(level)
    set_order_next(order, 0)
    set_order_previous(order, tail)
    if tail != 0:
        set_order_next(order_at(c, tail), slot)
    else:
        set_level_head(level, slot)
    set_level_tail(level, slot)
    set_level_lots(level, level_lots(level) + order_remaining(order))


@inlined
def unlink(c: int, level: int, order: int) -> None:
    """Take an order out of its level."""
    after, before = order_next(order), order_previous(order)
    if before != 0:
        set_order_next(order_at(c, before), after)
    else:
        set_level_head(level, after)
    if after != 0:
        set_order_previous(order_at(c, after), before)
    else:
        set_level_tail(level, before)
    set_level_lots(level, level_lots(level) - order_remaining(order))


# --- resting and leaving -------------------------------------------------------------------------


@inlined
def stand(c: int, side: int, order: int) -> None:
    """Put an order into its side. There is room (`has_room`)."""
    tick, at = order_tick(order), side_at(c, side)
    if is_empty(c, side):
        set_side_base(at, tick - (width(c) >> 1))
    elif not in_band(c, side, tick) and is_better(side, tick, side_best(at)):
        recenter_to_better(c, side, tick)
    if in_band(c, side, tick):
        level = near_level(c, side, tick)
        if level_head(level) == 0:
            mark(bits_of(c, side), context_band_bits(c), place_of(c, tick))
            if is_better(side, tick, side_best(at)):
                set_side_best(at, tick)
    else:
        level = far_level(c, side, tick)
    append(c, level, order)
    set_side_orders(at, side_orders(at) + 1)


@called
def far_level(c: int, side: int, tick: int) -> int:
    """Address of the level of a tick outside the band; a new one if there is none."""
    far = find_far(c, side, tick)
    if far != 0:
        return far + FAR_LEVEL_OFFSET
    at = side_at(c, side)
    set_side_far(at, side_far(at) + 1)
    return insert_far(c, side, tick)


@inlined
def leave(c: int, side: int, order: int) -> None:
    """Take an order out of its side."""
    tick, at = order_tick(order), side_at(c, side)
    level = level_of(c, side, tick)
    unlink(c, level, order)
    set_side_orders(at, side_orders(at) - 1)
    if level_head(level) == 0:
        if in_band(c, side, tick):
            empty_near(c, side, tick)
        else:
            remove_far(c, level - FAR_LEVEL_OFFSET)
            set_side_far(at, side_far(at) - 1)


@inlined
def empty_near(c: int, side: int, tick: int) -> None:
    """The last order of a level in the band has left; if it was the best, find the next."""
    at = side_at(c, side)
    unmark(bits_of(c, side), context_band_bits(c), place_of(c, tick))
    if tick != side_best(at):
        return
    worse = nearest_worse(c, side, tick)
    if worse != NOTHING:
        set_side_best(at, worse)
    elif side_far(at) != 0:
        recenter_to_far(c, side)
    else:
        set_side_best(at, none_best(side))


# --- re-centering --------------------------------------------------------------------------------


@called
def left_behind(c: int, side: int, tick: int) -> int:
    """How many levels would become far if the band moved to `tick`, better than all of it."""
    count, moved = 0, tick - (width(c) >> 1)
    level = best_of(c, side)
    while level != NOTHING:
        if not moved <= level < moved + width(c):
            count += 1
        level = nearest_worse(c, side, level)
    return count


@called
def has_room(c: int, side: int, tick: int) -> bool:
    """Whether an order at this tick could rest: far levels are limited."""
    free = context_far_limit(c) - context_far_count(c)
    if free > width(c) or is_empty(c, side) or in_band(c, side, tick):
        return True
    if is_better(side, tick, best_of(c, side)):
        return left_behind(c, side, tick) <= free
    return free > 0 or find_far(c, side, tick) != 0


@called
def recenter_to_better(c: int, side: int, tick: int) -> None:
    """Move the band so that `tick`, better than all of it, is in its middle."""
    at, moved = side_at(c, side), tick - (width(c) >> 1)
    level = side_best(at)
    while level != NOTHING:
        worse = nearest_worse(c, side, level)
        if not moved <= level < moved + width(c):
            unmark(bits_of(c, side), context_band_bits(c), place_of(c, level))
            move_level(near_level(c, side, level), far_level(c, side, level))
        level = worse
    set_side_base(at, moved)
    set_context_recenterings(c, context_recenterings(c) + 1)


@called
def recenter_to_far(c: int, side: int) -> None:
    """The band is empty: move it to the best of the far levels, and take in what it covers."""
    at = side_at(c, side)
    best = none_best(side)
    for place in range(1 << context_far_bits(c)):
        key = far_key(context_far(c) + 32 * place)
        if key != VACANT and key >> 32 == side:
            tick = key & (NO_ASK - 1)
            if is_better(side, tick, best):
                best = tick
    base = best - (width(c) >> 1)
    set_side_base(at, base)
    set_side_best(at, best)
    place = 0
    while place < 1 << context_far_bits(c):
        far = context_far(c) + 32 * place
        key = far_key(far)
        tick = key & (NO_ASK - 1)
        if key != VACANT and key >> 32 == side and base <= tick < base + width(c):
            level = near_level(c, side, tick)
            set_level_head(level, far_head(far))
            set_level_tail(level, far_tail(far))
            set_level_lots(level, far_lots(far))
            mark(bits_of(c, side), context_band_bits(c), place_of(c, tick))
            remove_far(c, far)  # another may have moved up into this place: look again
            set_side_far(at, side_far(at) - 1)
        else:
            place += 1
    set_context_recenterings(c, context_recenterings(c) + 1)


@inlined
def move_level(source: int, target: int) -> None:
    """Move a queue, whole, to an empty level."""
    set_level_head(target, level_head(source))
    set_level_tail(target, level_tail(source))
    set_level_lots(target, level_lots(source))
    set_level_head(source, 0)
    set_level_tail(source, 0)
    set_level_lots(source, 0)


@called
def sort_far(c: int, side: int) -> int:
    """Write the ticks of a side's far levels, best first, to `far_sorted`; how many."""
    count, out = 0, context_far_sorted(c)
    for place in range(1 << context_far_bits(c)):
        key = far_key(context_far(c) + 32 * place)
        if key >> 32 == side:
            tick = key & (NO_ASK - 1)
            set_pair_key(out + 16 * count, tick if side & 1 else -tick)
            set_pair_value(out + 16 * count, tick)
            count += 1
    sort_pairs(out, count)
    return count
