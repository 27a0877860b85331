"""Time: which open orders leave because of it (docs/reference/matching.md, Time).

Orders that expire hang in the timing wheel; a series that closes is found by the soonest second at
which one does, and its books are walked; a signer that ends is found in the heap of deadlines, and
its account's orders are. So a tick of the clock looks at what leaves, not at all that rests.
"""

from matcher.events import CancelReason
from matcher.kernel.accounts import (
    account_at,
    book_at,
    gather_orders_of,
    holding_of,
    list_once,
    series_at,
)
from matcher.kernel.book import (
    best_of,
    is_empty,
    level_of,
    near_level,
    nearest_worse,
    order_at,
    side_at,
    side_of,
    sort_far,
)
from matcher.kernel.context import (
    context_far_sorted,
    context_lag,
    context_now,
    context_pairs,
    context_series_count,
    context_soonest_close,
    set_context_now,
    set_context_soonest_close,
)
from matcher.kernel.fields import (
    book_closed,
    book_next,
    holding_instrument,
    level_head,
    order_expiry,
    order_next,
    order_signer,
    pair_value,
    series_books,
    series_closed,
    series_expiry,
    set_book_closed,
    set_series_closed,
    side_far,
    signer_account,
)
from matcher.kernel.layout import FOREVER, NOTHING
from matcher.kernel.matching import cancel_order
from matcher.kernel.memory import called
from matcher.kernel.signers import lasts_until, pop_deadline, signer_at, soonest_deadline
from matcher.kernel.tables import sort_pairs
from matcher.kernel.wheel import turn

_EXPIRED = int(CancelReason.EXPIRED)
_INSTRUMENT_CLOSED = int(CancelReason.INSTRUMENT_CLOSED)
_SIGNER_INVALID = int(CancelReason.SIGNER_INVALID)

HOUR = 3600


@called
def tell_time(c: int, time: int) -> None:
    """Time never goes back; orders leave that may no longer be filled, in the order of seq."""
    before = context_now(c)
    count = 0
    if time > before:
        set_context_now(c, time)
        count = turn(c, before, count)
        if time + context_lag(c) >= context_soonest_close(c):
            count = close_series(c, count)
    while soonest_deadline(c) <= context_now(c):
        count = gather_orders_signed(c, pop_deadline(c), count)
    if count > 0:
        cancel_gathered(c, count)


@called
def cancel_gathered(c: int, count: int) -> None:
    """The orders that are listed leave in the order of seq."""
    sort_pairs(context_pairs(c), count)
    for rank in range(count):
        order = pair_value(context_pairs(c) + 16 * rank)
        cancel_order(c, order, leaves_for(c, order))


@called
def leaves_for(c: int, order: int) -> int:
    """The first reason that holds for an order whose time has come."""
    if order_expiry(order) < context_now(c):
        return _EXPIRED
    if book_closed(book_at(c, holding_instrument(holding_of(c, order)))) != 0:
        return _INSTRUMENT_CLOSED
    return _SIGNER_INVALID


# --- series that close ---------------------------------------------------------------------------


@called
def close_series(c: int, count: int) -> int:
    """Close what closes now, and list its orders behind `count` others; how many there are."""
    soonest = FOREVER
    for number in range(1, context_series_count(c) + 1):
        series = series_at(c, number)
        if series_closed(series) == 0:
            end = HOUR * series_expiry(series)
            if end <= context_now(c) + context_lag(c):
                count = close_books(c, series, count)
            else:
                soonest = min(soonest, end)
    set_context_soonest_close(c, soonest)
    return count


@called
def close_books(c: int, series: int, count: int) -> int:
    """Close a series, and list its orders."""
    set_series_closed(series, 1)
    instrument = series_books(series)
    while instrument != 0:
        set_book_closed(book_at(c, instrument), 1)
        count = gather_side(c, side_of(instrument, 0), count)
        count = gather_side(c, side_of(instrument, 1), count)
        instrument = book_next(book_at(c, instrument))
    return count


@called
def gather_side(c: int, side: int, count: int) -> int:
    """List the orders of a side."""
    if is_empty(c, side):
        return count
    tick = best_of(c, side)
    while tick != NOTHING:
        count = gather_level(c, level_head(near_level(c, side, tick)), count)
        tick = nearest_worse(c, side, tick)
    if side_far(side_at(c, side)) != 0:
        levels = sort_far(c, side)
        for rank in range(levels):
            tick = pair_value(context_far_sorted(c) + 16 * rank)
            count = gather_level(c, level_head(level_of(c, side, tick)), count)
    return count


@called
def gather_level(c: int, head: int, count: int) -> int:
    """List the orders of a queue."""
    number = head
    while number != 0:
        order = order_at(c, number)
        count = list_once(c, count, order)
        number = order_next(order)
    return count


# --- signers that end ----------------------------------------------------------------------------


@called
def gather_orders_signed(c: int, signer: int, count: int) -> int:
    """List a signer's orders, if they may not stand any more."""
    number = signer_account(signer_at(c, signer))
    if lasts_until(c, account_at(c, number), signer) >= context_now(c):
        return count
    found = gather_orders_of(c, number, count)
    for rank in range(count, found):
        order = pair_value(context_pairs(c) + 16 * rank)
        if order_signer(order) == signer:
            count = list_once(c, count, order)
    return count
