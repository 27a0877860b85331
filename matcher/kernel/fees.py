"""Fee rates: when they change, open orders are charged anew (docs/reference/matching.md, Facts)."""

from matcher.events import CancelReason
from matcher.kernel.accounts import (
    account_at,
    book_at,
    gather_orders_of,
    holding_of,
    recount,
    worst_with_orders,
)
from matcher.kernel.context import (
    context_accounts_count,
    context_built_at,
    context_groups_used,
    context_markets_limit,
    context_pairs,
)
from matcher.kernel.events import say_fault
from matcher.kernel.fields import (
    account_orders,
    book_market,
    fact_market,
    fact_time,
    holding_instrument,
    market_active,
    market_active_at,
    market_listed,
    market_top_rate,
    pair_value,
    rates_new_maker,
    rates_new_taker,
    rates_old_maker,
    rates_old_taker,
    set_market_active,
    set_market_active_at,
    set_market_new_maker,
    set_market_new_taker,
    set_market_old_maker,
    set_market_old_taker,
)
from matcher.kernel.groups import key_at
from matcher.kernel.listings import is_market, market_at, take_rates
from matcher.kernel.margin_layout import key_account, key_market
from matcher.kernel.matching import cancel_order
from matcher.kernel.memory import called
from matcher.kernel.tables import sort_pairs

_FOR_MARGIN = int(CancelReason.MARGIN)


@called
def set_fees(c: int, fact: int) -> None:
    """New rates, unless this is an old telling; orders leave that cannot bear them."""
    number, rates = fact_market(fact), fact + 64
    if not is_market(c, number):
        say_fault(c, 0)
        return
    market = market_at(c, number)
    if fact_time(fact) < market_active_at(market):
        return
    set_market_old_taker(market, rates_old_taker(rates))
    set_market_old_maker(market, rates_old_maker(rates))
    set_market_new_taker(market, rates_new_taker(rates))
    set_market_new_maker(market, rates_new_maker(rates))
    set_market_active_at(market, fact_time(fact))
    set_market_active(market, 1 if fact_time(fact) <= context_built_at(c) else 0)
    if take_rates(c, number):
        recharge(c, number)
    for account in range(context_accounts_count(c)):
        at = account_at(c, account)
        if account_orders(at) > 0 and worst_with_orders(at) < 0:
            cancel_newest(c, account, number)


@called
def activate_fees(c: int) -> None:
    """A batch is opened: rates whose time has come hold from now on."""
    for number in range(context_markets_limit(c)):
        market = market_at(c, number)
        waits = market_listed(market) != 0 and market_active(market) == 0
        if waits and market_active_at(market) <= context_built_at(c):
            set_market_active(market, 1)
            if take_rates(c, number):
                recharge(c, number)


@called
def recharge(c: int, market: int) -> None:
    """Charge all open orders of a market at its rate."""
    rate = market_top_rate(market_at(c, market))
    for number in range(1, context_groups_used(c) + 1):
        key = key_at(c, number)
        if key_account(key) != 0 and key_market(key) == market:
            recount(c, key_account(key), number, rate)


@called
def cancel_newest(c: int, account: int, market: int) -> None:
    """The account's newest orders in the market leave until what is left is backed."""
    left = gather_orders_of(c, account, 0)
    sort_pairs(context_pairs(c), left)
    while left > 0 and worst_with_orders(account_at(c, account)) < 0:
        left -= 1
        order = pair_value(context_pairs(c) + 16 * left)
        if book_market(book_at(c, holding_instrument(holding_of(c, order)))) == market:
            cancel_order(c, order, _FOR_MARGIN)
