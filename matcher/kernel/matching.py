"""An accepted order against the book, rule by rule (docs/reference/matching.md, Matching).

The taker is an order record in a slot of the pool: it rests there, if it does, without
being copied. `meet` is the rules 1 to 4 for one maker: how many lots trade, or what happens
instead.
`match` and `fills_whole` walk the makers and ask it; the first makes the fills, the second only
adds them up in the holdings' `tried`, and takes them back.

Where the cut is: of rule 4 the limits of a position are here (`bears`), as the book knows the most
lots it allows. Margin, and the number of positions, need the whole account: they are admission's,
whose check 17 to 19 make that a fill cannot break them. A kernel of admission adds its second lock
to `bears`, and its first one to `verdict_of` in `matcher.kernel.orders`.
"""

from matcher.events import CancelReason
from matcher.kernel.book import (
    best_of,
    crosses,
    leave,
    level_of,
    near_level,
    nearest_worse,
    order_at,
    side_at,
    side_of,
    slot_of,
)
from matcher.kernel.events import say_canceled, say_trade
from matcher.kernel.fields import (
    book_lots_max,
    book_maker_rate,
    book_taker_rate,
    book_tick_value,
    context_books,
    context_far,
    context_far_bits,
    context_far_sorted,
    context_free,
    context_free_count,
    context_holdings,
    context_live,
    context_order_bits,
    context_order_table,
    context_pairs,
    context_slots,
    far_key,
    holding_lots,
    holding_tried,
    level_head,
    level_lots,
    order_account,
    order_flags,
    order_holding,
    order_id,
    order_instrument,
    order_next,
    order_remaining,
    order_sells,
    order_tick,
    pair_value,
    set_context_free_count,
    set_context_live,
    set_free_slot,
    set_holding_lots,
    set_holding_tried,
    set_level_lots,
    set_order_remaining,
    set_order_rests,
    set_pair_key,
    set_pair_value,
    set_word_bits,
    side_far,
    word_bits,
)
from matcher.kernel.layout import NO_ASK, NOTHING, SLOT_BIT_WORDS
from matcher.kernel.memory import bit, called, inlined
from matcher.kernel.tables import SLOT_MASK, find_order, remove, sort_pairs
from matcher.types import OrderFlag, SelfTrade

_REDUCE_ONLY = int(OrderFlag.REDUCE_ONLY)
_CANCEL_NEWEST = int(SelfTrade.CANCEL_NEWEST)
_FOR_SELF_TRADE = int(CancelReason.SELF_TRADE)
_FOR_REDUCE_ONLY = int(CancelReason.REDUCE_ONLY)
_FOR_MARGIN = int(CancelReason.MARGIN)

# What `meet` answers instead of lots: 0 is none of these.
_TAKER_ENDS = 16  # -(_TAKER_ENDS + reason)
_MAKER_LEAVES = 32  # -(_MAKER_LEAVES + reason)


@inlined
def book_at(c: int, instrument: int) -> int:
    """Address of an instrument's book."""
    return context_books(c) + 64 * instrument


@inlined
def holding_at(c: int, number: int) -> int:
    """Address of a holding."""
    return context_holdings(c) + 32 * number


@inlined
def held_by(c: int, order: int) -> int:
    """Lots of the order's instrument that its account holds, those on trial included."""
    holding = holding_at(c, order_holding(order))
    return holding_lots(holding) + holding_tried(holding)


# --- the rules, one maker at a time ---------------------------------------------------------------


@inlined
def reducible(c: int, order: int, lots: int) -> int:
    """Rule 3: `lots`, or for a reduce-only order at most its account's opposite position."""
    if order_flags(order) & _REDUCE_ONLY == 0:
        return lots
    held = held_by(c, order)
    return max(0, min(lots, held if order_sells(order) else -held))


@inlined
def bears(c: int, order: int, lots: int) -> bool:
    """Rule 4, without margin: the position after a fill is within the limits of one."""
    after = held_by(c, order) + (-lots if order_sells(order) else lots)
    return abs(after) <= book_lots_max(book_at(c, order_instrument(order)))


@inlined
def meet(c: int, taker: int, maker: int, remaining: int, left: int, self_trade: int) -> int:
    """Rules 1 to 4: lots that trade, when `remaining` of the taker meet `left` of the maker.

    Below 0: nothing trades; the taker ends, or the maker leaves, for the reason that is coded.
    """
    if order_account(maker) == order_account(taker):
        if self_trade == _CANCEL_NEWEST:
            return -(_TAKER_ENDS + _FOR_SELF_TRADE)
        return -(_MAKER_LEAVES + _FOR_SELF_TRADE)
    lots = reducible(c, taker, min(remaining, left))
    if lots == 0:
        return -(_TAKER_ENDS + _FOR_REDUCE_ONLY)
    lots = reducible(c, maker, lots)
    if lots == 0:
        return -(_MAKER_LEAVES + _FOR_REDUCE_ONLY)
    if not bears(c, maker, lots):
        return -(_MAKER_LEAVES + _FOR_MARGIN)
    if not bears(c, taker, lots):
        return -(_TAKER_ENDS + _FOR_MARGIN)
    return lots


@inlined
def fee(rate: int, lots: int, notional: int) -> int:
    """Atoms that one side of a fill pays: at most an eighth of the notional, either way."""
    if rate >= 0:
        return min(lots * rate, notional >> 3)
    return -min(lots * -rate, notional >> 3)


# --- matching ------------------------------------------------------------------------------------


@inlined
def match(c: int, taker: int, self_trade: int) -> int:
    """Trade while lots remain and the best opposite order crosses.

    Why what remains must not rest, if so; else NOTHING.
    """
    sells, tick = order_sells(taker), order_tick(taker)
    opposite = side_of(order_instrument(taker), 1 - sells)
    while order_remaining(taker) > 0:
        best = best_of(c, opposite)
        if not crosses(tick, sells, best):
            break
        level = near_level(c, opposite, best)
        maker = order_at(c, level_head(level))
        lots = meet(c, taker, maker, order_remaining(taker), order_remaining(maker), self_trade)
        if lots > 0:
            trade(c, taker, maker, level, lots)
        elif lots <= -_MAKER_LEAVES:
            say_canceled(c, maker, -lots - _MAKER_LEAVES)
            take_out(c, maker)
        else:
            return -lots - _TAKER_ENDS
    return NOTHING


@inlined
def trade(c: int, taker: int, maker: int, level: int, lots: int) -> None:
    """Rule 5: one fill, at the maker's tick."""
    set_order_remaining(taker, order_remaining(taker) - lots)
    set_order_remaining(maker, order_remaining(maker) - lots)
    set_level_lots(level, level_lots(level) - lots)
    bought = -lots if order_sells(taker) else lots
    add_lots(c, order_holding(taker), bought)
    add_lots(c, order_holding(maker), -bought)
    book = book_at(c, order_instrument(taker))
    notional = order_tick(maker) * lots * book_tick_value(book)
    taker_fee = fee(book_taker_rate(book), lots, notional)
    say_trade(c, taker, maker, lots, taker_fee, fee(book_maker_rate(book), lots, notional))
    if order_remaining(maker) == 0:
        take_out(c, maker)


@inlined
def add_lots(c: int, number: int, lots: int) -> None:
    """Change a position; lots, signed."""
    holding = holding_at(c, number)
    set_holding_lots(holding, holding_lots(holding) + lots)


@inlined
def take_out(c: int, order: int) -> None:
    """An order leaves the book, and its slot is free again."""
    take_out_of(c, order, find_order(c, order_account(order), order_id(order)))


@called
def take_out_of(c: int, order: int, place: int) -> None:
    """The same, of an order whose place in the table is known."""
    leave(c, order)
    account, own = order_account(order), order_id(order) & SLOT_MASK
    remove(context_order_table(c), context_order_bits(c), place)
    word = context_slots(c) + 8 * (SLOT_BIT_WORDS * account + (own >> 6))
    set_word_bits(word, word_bits(word) & ~bit(own & 63))
    set_order_rests(order, 0)
    set_context_live(c, context_live(c) - 1)
    release(c, order)


@inlined
def release(c: int, order: int) -> None:
    """The slot of an order that does not rest is free again."""
    free = context_free_count(c)
    set_free_slot(context_free(c) + 4 * free, slot_of(c, order))
    set_context_free_count(c, free + 1)


# --- fill or kill --------------------------------------------------------------------------------


@called
def fills_whole(c: int, taker: int, self_trade: int) -> bool:
    """Check 20: whether matching would fill the order whole. Changes nothing."""
    sells, tick = order_sells(taker), order_tick(taker)
    side = side_of(order_instrument(taker), 1 - sells)
    left, touched, level = order_remaining(taker), 0, best_of(c, side)
    while left > 0 and level != NOTHING and crosses(tick, sells, level):
        head = level_head(near_level(c, side, level))
        left, touched = try_level(c, taker, head, left, touched, self_trade)
        level = nearest_worse(c, side, level)
    if left > 0 and side_far(side_at(c, side)) != 0:
        count = sort_far(c, side)
        for rank in range(count):
            far_tick = pair_value(context_far_sorted(c) + 16 * rank)
            if left <= 0 or not crosses(tick, sells, far_tick):
                break
            head = level_head(level_of(c, side, far_tick))
            left, touched = try_level(c, taker, head, left, touched, self_trade)
    for place in range(touched):
        set_holding_tried(holding_at(c, pair_value(context_pairs(c) + 16 * place)), 0)
    return left == 0


@called
def try_level(
    c: int, taker: int, head: int, left: int, touched: int, self_trade: int
) -> tuple[int, int]:
    """Try a queue: what is left of the taker then, and how many holdings are on trial.

    What is left is -1 when the taker ends before it is filled.
    """
    slot = head
    while slot != 0 and left > 0:
        maker = order_at(c, slot)
        waiting = order_remaining(maker)
        while waiting > 0 and left > 0:
            lots = meet(c, taker, maker, left, waiting, self_trade)
            if lots < 0:
                if lots <= -_MAKER_LEAVES:
                    break
                return -1, touched
            bought = -lots if order_sells(taker) else lots
            touched = try_lots(c, order_holding(taker), bought, touched)
            touched = try_lots(c, order_holding(maker), -bought, touched)
            waiting -= lots
            left -= lots
        slot = order_next(maker)
    return left, touched


@inlined
def try_lots(c: int, number: int, lots: int, touched: int) -> int:
    """Put lots on trial, and the holding on the list of those to restore, unless it stands there.

    A holding whose trial comes back to 0 may stand there twice, which does no harm: one account
    is on one side only, so its trial moves one way.
    """
    holding = holding_at(c, number)
    if holding_tried(holding) == 0:
        pair = context_pairs(c) + 16 * touched
        set_pair_key(pair, touched)
        set_pair_value(pair, number)
        touched += 1
    set_holding_tried(holding, holding_tried(holding) + lots)
    return touched


@called
def sort_far(c: int, side: int) -> int:
    """Write the ticks of a side's far levels, best first, to `far_sorted`; how many."""
    count, out = 0, context_far_sorted(c)
    for place in range(1 << context_far_bits(c)):
        far = context_far(c) + 32 * place
        key = far_key(far)
        if key >> 32 == side:
            tick = key & (NO_ASK - 1)
            set_pair_key(out + 16 * count, tick if side & 1 else -tick)
            set_pair_value(out + 16 * count, tick)
            count += 1
    sort_pairs(out, count)
    return count
