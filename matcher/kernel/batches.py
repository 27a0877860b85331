"""Batches, and what waits for one (docs/reference/matching.md, Batches)."""

from matcher.errors import Reject
from matcher.kernel.accounts import (
    account_at,
    book_at,
    change_least,
    count_position,
    drop_if_empty,
    group_of,
    holding_at,
    pay,
    put_pair,
    series_at,
)
from matcher.kernel.context import (
    context_batch_open,
    context_built_at,
    context_holdings_count,
    context_now,
    context_ops,
    context_pairs,
    context_series_count,
    context_waiting,
    context_waiting_count,
    set_context_batch_open,
    set_context_built_at,
    set_context_ops,
    set_context_waiting_count,
)
from matcher.kernel.events import (
    refused,
    say_batch_closed,
    say_batch_opened,
    say_rejected,
    say_settled,
)
from matcher.kernel.fees import activate_fees
from matcher.kernel.fields import (
    book_call,
    book_series,
    book_strike,
    holding_account,
    holding_instrument,
    holding_lots,
    pair_key,
    pair_value,
    series_cap,
    series_expiry,
    series_fixed,
    series_fixed_at,
    series_market,
    series_price,
    series_settled,
    set_account_waits,
    set_holding_lots,
    set_series_settled,
)
from matcher.kernel.margin import clear_positions
from matcher.kernel.memory import called
from matcher.kernel.money import credit, let_out
from matcher.kernel.tables import sort_pairs

_BATCH_HAS_OPS = int(Reject.BATCH_HAS_OPS)


@called
def open_batch(c: int, command: int) -> None:
    """Begin a batch: settle what can be settled, then credit and release what waits."""
    if context_batch_open(c) != 0 and context_ops(c) > 0:
        say_rejected(c, command, refused(c, _BATCH_HAS_OPS, context_ops(c), 0), 0)
        return
    set_context_batch_open(c, 1)
    set_context_ops(c, 0)
    set_context_built_at(c, max(context_built_at(c), context_now(c)))
    say_batch_opened(c, context_built_at(c))
    activate_fees(c)
    number = next_due(c)
    while number != 0:
        settle(c, number)
        number = next_due(c)
    serve_waiting(c)


@called
def close_batch(c: int) -> None:
    """End the open batch, if there is one."""
    if context_batch_open(c) != 0:
        say_batch_closed(c, context_built_at(c), context_ops(c))
        set_context_batch_open(c, 0)
        set_context_ops(c, 0)


@called
def serve_waiting(c: int) -> None:
    """For each account that waits, ascending: its credit, then its release."""
    sort_pairs(context_waiting(c), context_waiting_count(c))
    for place in range(context_waiting_count(c)):
        number = pair_key(context_waiting(c) + 16 * place)
        set_account_waits(account_at(c, number), 0)
        credit(c, number)
        let_out(c, number)
    set_context_waiting_count(c, 0)


# --- settlement ----------------------------------------------------------------------------------


@called
def next_due(c: int) -> int:
    """The first series, by market and expiry, whose price takes effect now; 0 if none."""
    found, least = 0, 0
    for number in range(1, context_series_count(c) + 1):
        series = series_at(c, number)
        if series_fixed(series) == 0 or series_settled(series) != 0:
            continue
        if series_fixed_at(series) < context_built_at(c):
            rank = (series_market(series) << 32) | series_expiry(series)
            if found == 0 or rank < least:
                found, least = number, rank
    return found


@called
def payoff(call: int, strike: int, price: int) -> int:
    """Atoms that one lot pays at a settlement price of at most the cap."""
    return max(0, price - strike if call else strike - price)


@called
def settle(c: int, number: int) -> None:
    """The price of a series takes effect: its positions are paid out, account by account."""
    set_series_settled(series_at(c, number), 1)
    count = gather_positions(c, number)
    sort_pairs(context_pairs(c), count)
    place = 0
    while place < count:
        place = settle_account(c, number, place, count)


@called
def gather_positions(c: int, series: int) -> int:
    """List the holdings with lots of a series, by account and instrument; how many."""
    count = 0
    for number in range(1, context_holdings_count(c) + 1):
        holding = holding_at(c, number)
        book = book_at(c, holding_instrument(holding))
        if holding_lots(holding) != 0 and book_series(book) == series:
            rank = (holding_account(holding) << 32) | holding_instrument(holding)
            put_pair(c, count, rank, number)
            count += 1
    return count


@called
def settle_account(c: int, number: int, place: int, count: int) -> int:
    """Pay out the positions of the account at a place of the list; the place of the next one."""
    series = series_at(c, number)
    price = min(series_price(series), series_cap(series))
    account = pair_key(context_pairs(c) + 16 * place) >> 32
    at, cash = account_at(c, account), 0
    first = holding_at(c, pair_value(context_pairs(c) + 16 * place))
    change_least(at, clear_positions(c, group_of(c, first)))
    while place < count and pair_key(context_pairs(c) + 16 * place) >> 32 == account:
        holding = holding_at(c, pair_value(context_pairs(c) + 16 * place))
        book, lots = book_at(c, holding_instrument(holding)), holding_lots(holding)
        cash += lots * payoff(book_call(book), book_strike(book), price)
        set_holding_lots(holding, 0)
        count_position(at, lots, 0)
        drop_if_empty(c, holding)
        place += 1
    pay(at, cash)
    say_settled(c, account, series_market(series), series_expiry(series), cash)
    return place
