"""What the chain lists: markets, series (the instruments of one market and expiry), instruments."""

from matcher.kernel.accounts import book_at, series_at
from matcher.kernel.book import side_at, side_of
from matcher.kernel.context import (
    context_books_count,
    context_books_limit,
    context_lag,
    context_markets,
    context_markets_limit,
    context_now,
    context_series_count,
    context_soonest_close,
    set_context_books_count,
    set_context_series_count,
    set_context_soonest_close,
)
from matcher.kernel.events import say_fault
from matcher.kernel.fields import (
    book_market,
    book_tick_value,
    fact_expiry,
    fact_instrument,
    fact_market,
    fact_other,
    fact_strike,
    fact_time,
    fact_value,
    market_active,
    market_listed,
    market_new_maker,
    market_new_taker,
    market_old_maker,
    market_old_taker,
    market_strike_value,
    market_tick_value,
    market_top_rate,
    series_books,
    series_cap,
    series_closed,
    series_expiry,
    series_fixed,
    series_market,
    set_book_call,
    set_book_cap,
    set_book_closed,
    set_book_closes_at,
    set_book_lots_max,
    set_book_maker_rate,
    set_book_market,
    set_book_next,
    set_book_series,
    set_book_strike,
    set_book_taker_rate,
    set_book_tick_value,
    set_book_ticks_max,
    set_book_top_rate,
    set_market_active,
    set_market_listed,
    set_market_strike_value,
    set_market_tick_value,
    set_market_top_rate,
    set_series_books,
    set_series_cap,
    set_series_closed,
    set_series_expiry,
    set_series_fixed,
    set_series_fixed_at,
    set_series_market,
    set_series_price,
    set_side_best,
)
from matcher.kernel.layout import NO_ASK, NO_BID
from matcher.kernel.memory import called, inlined
from matcher.types import NOTIONAL_END, POSITION_LOTS_MAX, POSITION_VALUE_MAX, InstrumentKind

_CALL = int(InstrumentKind.CALL)

HOUR = 3600


@inlined
def market_at(c: int, market: int) -> int:
    """Address of a market."""
    return context_markets(c) + 64 * market


@inlined
def is_market(c: int, market: int) -> bool:
    """Whether a market is listed."""
    return market < context_markets_limit(c) and market_listed(market_at(c, market)) != 0


@called
def list_market(c: int, fact: int) -> None:
    """A market, with rates of 0 until FEES_SET; the first telling counts."""
    market = market_at(c, fact_market(fact))
    if market_listed(market) == 0:
        set_market_listed(market, 1)
        set_market_active(market, 1)
        set_market_tick_value(market, fact_value(fact))
        set_market_strike_value(market, fact_other(fact))


@called
def find_series(c: int, market: int, expiry: int) -> int:
    """Number of a series; 0 if it was not opened."""
    for number in range(1, context_series_count(c) + 1):
        series = series_at(c, number)
        if series_market(series) == market and series_expiry(series) == expiry:
            return number
    return 0


@called
def open_series(c: int, fact: int) -> None:
    """An expiry of a market, and its cap; the first telling counts."""
    market, expiry = fact_market(fact), fact_expiry(fact)
    if not is_market(c, market):
        say_fault(c, 0)
    elif find_series(c, market, expiry) == 0:
        number = context_series_count(c) + 1
        set_context_series_count(c, number)
        series = series_at(c, number)
        set_series_market(series, market)
        set_series_expiry(series, expiry)
        set_series_cap(series, fact_value(fact))
        if HOUR * expiry <= context_now(c) + context_lag(c):
            set_series_closed(series, 1)
        else:
            set_context_soonest_close(c, min(context_soonest_close(c), HOUR * expiry))


@called
def list_instrument(c: int, fact: int) -> None:
    """An instrument of a series, and its books, which are empty; the first telling counts."""
    number = find_series(c, fact_market(fact), fact_expiry(fact))
    if number == 0:
        say_fault(c, 0)
        return
    instrument, series = fact_instrument(fact), series_at(c, number)
    book, market = book_at(c, instrument), market_at(c, fact_market(fact))
    if book_tick_value(book) != 0:
        return
    cap = series_cap(series)
    lots_max = POSITION_LOTS_MAX
    if cap > 0:
        lots_max = min(lots_max, POSITION_VALUE_MAX // cap)
    set_book_lots_max(book, lots_max)
    set_book_tick_value(book, market_tick_value(market))
    set_book_ticks_max(book, (NOTIONAL_END - 1) // market_tick_value(market))
    set_book_strike(book, fact_strike(fact) * market_strike_value(market))
    set_book_cap(book, cap)
    set_book_call(book, 1 if fact_value(fact) == _CALL else 0)
    set_book_market(book, fact_market(fact))
    set_book_series(book, number)
    set_book_closed(book, series_closed(series))
    set_book_closes_at(book, HOUR * series_expiry(series) - context_lag(c))
    set_book_next(book, series_books(series))
    set_series_books(series, instrument)
    set_side_best(side_at(c, side_of(instrument, 0)), NO_BID)
    set_side_best(side_at(c, side_of(instrument, 1)), NO_ASK)
    take_rates_of(book, market)
    set_context_books_count(c, context_books_count(c) + 1)


@called
def fix_price(c: int, fact: int) -> None:
    """A settlement price; it takes effect when a batch is opened after it."""
    number = find_series(c, fact_market(fact), fact_expiry(fact))
    if number == 0:
        say_fault(c, 0)
        return
    series = series_at(c, number)
    if series_fixed(series) == 0:
        set_series_fixed(series, 1)
        set_series_price(series, fact_value(fact))
        set_series_fixed_at(series, fact_time(fact))


# --- fee rates -----------------------------------------------------------------------------------


@called
def take_rates_of(book: int, market: int) -> None:
    """A book takes the fee rates of its market, as they are in the batch."""
    is_new = market_active(market) != 0
    set_book_taker_rate(book, market_new_taker(market) if is_new else market_old_taker(market))
    set_book_maker_rate(book, market_new_maker(market) if is_new else market_old_maker(market))
    set_book_top_rate(book, market_top_rate(market))


@called
def top_rate(market: int) -> int:
    """The highest rate that a side may still pay, never below 0; atoms per lot."""
    top = max(0, market_new_taker(market), market_new_maker(market))
    if market_active(market) == 0:
        top = max(top, market_old_taker(market), market_old_maker(market))
    return top


@called
def take_rates(c: int, number: int) -> bool:
    """All books of a market take its rates; whether open orders must be charged anew."""
    market = market_at(c, number)
    before = market_top_rate(market)
    set_market_top_rate(market, top_rate(market))
    for instrument in range(context_books_limit(c)):
        book = book_at(c, instrument)
        if book_tick_value(book) != 0 and book_market(book) == number:
            take_rates_of(book, market)
    return market_top_rate(market) != before
