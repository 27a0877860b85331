"""An accepted order against the book, rule by rule (docs/reference/matching.md, Matching).

The taker is an order record in a slot of the pool: it rests there, if it does, without
being copied. `meet` is the rules 1 to 3 for one maker: how many lots would trade, or what happens
instead; `bear` is rule 4 for one side, which has the lots then, or is as before.
`match` and `fills_whole` walk the makers and ask both; the second notes what it did and takes it
back.
"""

from matcher.events import CancelReason
from matcher.kernel.accounts import (
    account_at,
    book_at,
    change_both,
    change_least,
    count_position,
    drop_if_empty,
    group_of,
    holding_at,
    holding_of,
    pay,
    uncount_order,
    worst,
)
from matcher.kernel.book import (
    best_of,
    crosses,
    leave,
    level_of,
    near_level,
    nearest_worse,
    order_at,
    reaches_far,
    side_at,
    side_of,
    slot_of,
    sort_far,
)
from matcher.kernel.context import (
    context_far_sorted,
    context_free_order,
    context_free_orders,
    context_live,
    context_undo,
    context_undo_count,
    set_context_free_order,
    set_context_free_orders,
    set_context_live,
    set_context_undo_count,
)
from matcher.kernel.events import say_canceled, say_trade
from matcher.kernel.fields import (
    account_orders,
    account_positions,
    book_call,
    book_lots_max,
    book_maker_rate,
    book_strike,
    book_taker_rate,
    book_tick_value,
    holding_account,
    holding_asks,
    holding_bids,
    holding_instrument,
    holding_lots,
    holding_orders,
    level_head,
    level_lots,
    order_flags,
    order_holding,
    order_next,
    order_remaining,
    order_sells,
    order_slot,
    order_tick,
    order_timed,
    pair_key,
    pair_value,
    set_account_orders,
    set_holding_asks,
    set_holding_bids,
    set_holding_lots,
    set_holding_orders,
    set_level_lots,
    set_order_next,
    set_order_remaining,
    set_order_rests,
    set_pair_key,
    set_pair_value,
    side_far,
)
from matcher.kernel.layout import NOTHING
from matcher.kernel.margin import add_position, fill, unfill
from matcher.kernel.memory import called, inlined
from matcher.kernel.slots import count_lots, set_open_order, slot_at
from matcher.kernel.wheel import unhang
from matcher.types import FEE_ACCOUNT, MAX_POSITIONS, OrderFlag, SelfTrade

_REDUCE_ONLY = int(OrderFlag.REDUCE_ONLY)
_CANCEL_NEWEST = int(SelfTrade.CANCEL_NEWEST)
_FOR_SELF_TRADE = int(CancelReason.SELF_TRADE)
_FOR_REDUCE_ONLY = int(CancelReason.REDUCE_ONLY)
_FOR_MARGIN = int(CancelReason.MARGIN)

# What `meet` answers instead of lots: 0 is none of these.
_TAKER_ENDS = 16  # -(_TAKER_ENDS + reason)
_MAKER_LEAVES = 32  # -(_MAKER_LEAVES + reason)


# --- the rules, one maker at a time ---------------------------------------------------------------


@inlined
def reducible(c: int, order: int, lots: int) -> int:
    """Rule 3: `lots`, or for a reduce-only order at most its account's opposite position."""
    if order_flags(order) & _REDUCE_ONLY == 0:
        return lots
    held = holding_lots(holding_of(c, order))
    return max(0, min(lots, held if order_sells(order) else -held))


@inlined
def meet(c: int, taker: int, maker: int, remaining: int, left: int, self_trade: int) -> int:
    """Rules 1 to 3: lots that trade, when `remaining` of the taker meet `left` of the maker.

    Below 0: nothing trades; the taker ends, or the maker leaves, for the reason that is coded.
    """
    if order_holding(maker) == order_holding(taker):
        if self_trade == _CANCEL_NEWEST:
            return -(_TAKER_ENDS + _FOR_SELF_TRADE)
        return -(_MAKER_LEAVES + _FOR_SELF_TRADE)
    lots = reducible(c, taker, min(remaining, left))
    if lots == 0:
        return -(_TAKER_ENDS + _FOR_REDUCE_ONLY)
    lots = reducible(c, maker, lots)
    if lots == 0:
        return -(_MAKER_LEAVES + _FOR_REDUCE_ONLY)
    return lots


@inlined
def fee(rate: int, lots: int, notional: int) -> int:
    """Atoms that one side of a fill pays: at most an eighth of the notional, either way."""
    if rate >= 0:
        return min(lots * rate, notional >> 3)
    return -min(lots * -rate, notional >> 3)


@inlined
def signed_lots(order: int, lots: int) -> int:
    """What lots of an order add to its account's position."""
    return -lots if order_sells(order) else lots


@inlined
def proceeds(order: int, notional: int) -> int:
    """What a fill of an order adds to its account's cash, fees aside."""
    return notional if order_sells(order) else -notional


@inlined
def is_within_limits(holding: int, account: int, bought: int, lots_max: int) -> bool:
    """Of rule 4 the limits: of a position, and of how many there are."""
    held = holding_lots(holding)
    if held == 0 and account_positions(account) >= MAX_POSITIONS:
        return False
    return abs(held + bought) <= lots_max


@inlined
def is_borne(worth: int, before: int) -> bool:
    """Of rule 4 the margin: an account that is worth this now, at worst, was worth `before`."""
    return worth >= 0 or worth >= before


@inlined
def bear(c: int, order: int, holding: int, account: int, book: int, lots: int, cash: int) -> bool:
    """Rule 4 for one side: the account has the lots and the cash of a fill, if it bears them."""
    bought = signed_lots(order, lots)
    if not is_within_limits(holding, account, bought, book_lots_max(book)):
        return False
    before, held = worst(account), holding_lots(holding)
    changes = fill(
        c,
        group_of(c, holding),
        order_sells(order),
        order_tick(order) * book_tick_value(book),
        order_remaining(order),
        book_call(book),
        book_strike(book),
        lots,
    )
    change_least(account, changes)
    pay(account, cash)
    set_holding_lots(holding, held + bought)
    count_position(account, held, held + bought)
    if is_borne(worst(account), before):
        return True
    take_back(c, order, holding, account, book, lots, cash)
    return False


@called
def take_back(
    c: int, order: int, holding: int, account: int, book: int, lots: int, cash: int
) -> None:
    """Undo what `bear` did."""
    changes = unfill(
        c,
        group_of(c, holding),
        order_sells(order),
        order_tick(order) * book_tick_value(book),
        order_remaining(order),
        book_call(book),
        book_strike(book),
        lots,
    )
    change_least(account, changes)
    pay(account, -cash)
    held = holding_lots(holding)
    set_holding_lots(holding, held - signed_lots(order, lots))
    count_position(account, held, holding_lots(holding))


# --- matching ------------------------------------------------------------------------------------


@inlined
def match(c: int, taker: int, self_trade: int) -> int:
    """Trade while lots remain and the best opposite order crosses.

    Why what remains must not rest, if so; else NOTHING.
    """
    sells, tick = order_sells(taker), order_tick(taker)
    opposite = side_of(holding_instrument(holding_of(c, taker)), 1 - sells)
    while order_remaining(taker) > 0:
        best = best_of(c, opposite)
        if not crosses(tick, sells, best):
            break
        level = near_level(c, opposite, best)
        maker = order_at(c, level_head(level))
        lots = meet(c, taker, maker, order_remaining(taker), order_remaining(maker), self_trade)
        if lots > 0:
            lots = trade(c, taker, maker, level, lots)
        if lots <= -_MAKER_LEAVES:
            cancel_order(c, maker, -lots - _MAKER_LEAVES)
        elif lots < 0:
            return -lots - _TAKER_ENDS
    return NOTHING


@inlined
def trade(c: int, taker: int, maker: int, level: int, lots: int) -> int:
    """Rules 4 and 5: one fill, at the maker's tick; its lots, or as `meet` if it is not borne."""
    taker_holding, maker_holding = holding_of(c, taker), holding_of(c, maker)
    taker_account = account_at(c, holding_account(taker_holding))
    maker_account = account_at(c, holding_account(maker_holding))
    book = book_at(c, holding_instrument(taker_holding))
    notional = order_tick(maker) * lots * book_tick_value(book)
    taker_fee = fee(book_taker_rate(book), lots, notional)
    maker_fee = fee(book_maker_rate(book), lots, notional)
    maker_cash = proceeds(maker, notional) - maker_fee
    if not bear(c, maker, maker_holding, maker_account, book, lots, maker_cash):
        return -(_MAKER_LEAVES + _FOR_MARGIN)
    taker_cash = proceeds(taker, notional) - taker_fee
    if not bear(c, taker, taker_holding, taker_account, book, lots, taker_cash):
        take_back(c, maker, maker_holding, maker_account, book, lots, maker_cash)
        return -(_TAKER_ENDS + _FOR_MARGIN)
    pay(account_at(c, FEE_ACCOUNT), taker_fee + maker_fee)
    set_order_remaining(taker, order_remaining(taker) - lots)
    set_order_remaining(maker, order_remaining(maker) - lots)
    set_level_lots(level, level_lots(level) - lots)
    add_open(maker, maker_holding, -lots)
    count_lots(slot_at(c, order_slot(taker)), lots)
    count_lots(slot_at(c, order_slot(maker)), lots)
    say_trade(c, taker, maker, taker_holding, maker_holding, lots, taker_fee, maker_fee)
    if order_remaining(maker) == 0:
        take_out(c, maker)
    return lots


@inlined
def add_open(order: int, holding: int, lots: int) -> None:
    """Lots that are open in the order's direction become more, or fewer."""
    if order_sells(order):
        set_holding_asks(holding, holding_asks(holding) + lots)
    else:
        set_holding_bids(holding, holding_bids(holding) + lots)


# --- leaving -------------------------------------------------------------------------------------


@called
def cancel_order(c: int, order: int, reason: int) -> None:
    """An open order leaves the book, with what remains of it, and it is said so."""
    holding = holding_of(c, order)
    say_canceled(c, order, holding, reason)
    account = account_at(c, holding_account(holding))
    book = book_at(c, holding_instrument(holding))
    change_both(account, uncount_order(c, group_of(c, holding), order, book))
    add_open(order, holding, -order_remaining(order))
    take_out(c, order)


@called
def take_out(c: int, order: int) -> None:
    """An order whose lots do not count any more leaves the book, and its record is free again."""
    holding = holding_of(c, order)
    leave(c, side_of(holding_instrument(holding), order_sells(order)), order)
    if order_timed(order) != 0:
        unhang(c, order)
    set_open_order(slot_at(c, order_slot(order)), 0)
    account = account_at(c, holding_account(holding))
    set_account_orders(account, account_orders(account) - 1)
    set_order_rests(order, 0)
    set_context_live(c, context_live(c) - 1)
    release(c, order, holding)


@inlined
def release(c: int, order: int, holding: int) -> None:
    """The record of an order that does not rest is free again."""
    set_holding_orders(holding, holding_orders(holding) - 1)
    drop_if_empty(c, holding)
    set_order_next(order, context_free_order(c))
    set_context_free_order(c, slot_of(c, order))
    set_context_free_orders(c, context_free_orders(c) + 1)


# --- fill or kill --------------------------------------------------------------------------------


@called
def fills_whole(c: int, taker: int, self_trade: int) -> bool:
    """Check 20: whether matching would fill the order whole. Changes nothing."""
    sells, tick = order_sells(taker), order_tick(taker)
    side = side_of(holding_instrument(holding_of(c, taker)), 1 - sells)
    left, level = order_remaining(taker), best_of(c, side)
    set_context_undo_count(c, 0)
    while left > 0 and level != NOTHING and crosses(tick, sells, level):
        left = try_level(c, taker, level_head(near_level(c, side, level)), left, self_trade)
        level = nearest_worse(c, side, level)
    if left > 0 and side_far(side_at(c, side)) != 0 and reaches_far(c, side, tick):
        count = sort_far(c, side)
        for rank in range(count):
            far_tick = pair_value(context_far_sorted(c) + 16 * rank)
            if left <= 0 or not crosses(tick, sells, far_tick):
                break
            left = try_level(c, taker, level_head(level_of(c, side, far_tick)), left, self_trade)
    undo(c)
    return left == 0


@called
def try_level(c: int, taker: int, head: int, left: int, self_trade: int) -> int:
    """Try a queue: what is left of the taker then; -1 when it ends before it is filled."""
    number = head
    while number != 0 and left > 0:
        maker = order_at(c, number)
        waiting = order_remaining(maker)
        while waiting > 0 and left > 0:
            lots = meet(c, taker, maker, left, waiting, self_trade)
            if lots > 0:
                lots = try_trade(c, taker, maker, lots)
            if lots <= -_MAKER_LEAVES:
                break
            if lots < 0:
                return -1
            waiting -= lots
            left -= lots
        number = order_next(maker)
    return left


@called
def try_trade(c: int, taker: int, maker: int, lots: int) -> int:
    """Rule 4, and both accounts as after it; lots, or as `meet` if it is not borne."""
    book = book_at(c, holding_instrument(holding_of(c, taker)))
    notional = order_tick(maker) * lots * book_tick_value(book)
    maker_cash = proceeds(maker, notional) - fee(book_maker_rate(book), lots, notional)
    if not try_side(c, maker, book, lots, maker_cash):
        return -(_MAKER_LEAVES + _FOR_MARGIN)
    taker_cash = proceeds(taker, notional) - fee(book_taker_rate(book), lots, notional)
    if not try_side(c, taker, book, lots, taker_cash):
        return -(_TAKER_ENDS + _FOR_MARGIN)
    return lots


@called
def try_side(c: int, order: int, book: int, lots: int, cash: int) -> bool:
    """Rule 4 for one side; it has the lots and the cash until they are undone, if it bears them."""
    holding, bought = holding_of(c, order), signed_lots(order, lots)
    account = account_at(c, holding_account(holding))
    if not is_within_limits(holding, account, bought, book_lots_max(book)):
        return False
    before = worst(account)
    move(c, order_holding(order), bought, cash)
    pair = context_undo(c) + 16 * context_undo_count(c)
    set_pair_key(pair, order_holding(order))
    set_pair_value(pair, bought)
    set_pair_key(pair + 16, order_holding(order))
    set_pair_value(pair + 16, cash)
    set_context_undo_count(c, context_undo_count(c) + 2)
    if is_borne(worst(account), before):
        return True
    set_context_undo_count(c, context_undo_count(c) - 2)
    move(c, order_holding(order), -bought, -cash)
    return False


@called
def move(c: int, number: int, bought: int, cash: int) -> None:
    """A holding's account has so many more lots, and so much more cash; no order changes."""
    holding = holding_at(c, number)
    account = account_at(c, holding_account(holding))
    book, held = book_at(c, holding_instrument(holding)), holding_lots(holding)
    group = group_of(c, holding)
    change_least(account, add_position(c, group, bought, book_call(book), book_strike(book)))
    pay(account, cash)
    set_holding_lots(holding, held + bought)
    count_position(account, held, held + bought)


@called
def undo(c: int) -> None:
    """Take back all that was tried, the last first."""
    place = context_undo_count(c)
    while place > 0:
        place -= 2
        pair = context_undo(c) + 16 * place
        move(c, pair_key(pair), -pair_value(pair), -pair_value(pair + 16))
    set_context_undo_count(c, 0)
