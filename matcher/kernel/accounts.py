"""Accounts: what they hold, owe and have on order, and what that may cost them at worst.

A holding stands for an instrument that an account holds or has on order, so their number is the
one that check 17 limits. One of nothing is kept, idle and not counted: who cancels an order often
places the next in the same instrument, and its holding, group and points then stand as they did.

Whatever changes a group's least values (`matcher.kernel.margin`) changes the account's sums of them
here, so that the worst of an account is one addition.
"""

from matcher.kernel.book import order_at
from matcher.kernel.context import (
    context_accounts,
    context_accounts_count,
    context_books,
    context_free_holding,
    context_holdings,
    context_holdings_count,
    context_holdings_limit,
    context_holdings_live,
    context_pairs,
    context_series,
    set_context_free_holding,
    set_context_holdings_count,
    set_context_holdings_live,
)
from matcher.kernel.fields import (
    account_both,
    account_cash,
    account_floor,
    account_groups,
    account_idle,
    account_instruments,
    account_opened,
    account_pages,
    account_positions,
    book_call,
    book_cap,
    book_series,
    book_strike,
    book_tick_value,
    book_top_rate,
    holding_account,
    holding_group,
    holding_instrument,
    holding_lots,
    holding_next,
    holding_orders,
    order_holding,
    order_remaining,
    order_rests,
    order_sells,
    order_seq,
    order_tick,
    pair_value,
    series_expiry,
    series_market,
    set_account_both,
    set_account_cash,
    set_account_floor,
    set_account_groups,
    set_account_idle,
    set_account_instruments,
    set_account_pages,
    set_account_positions,
    set_holding_account,
    set_holding_asks,
    set_holding_bids,
    set_holding_group,
    set_holding_instrument,
    set_holding_lots,
    set_holding_next,
    set_holding_orders,
    set_order_rests,
    set_pair_key,
    set_pair_value,
)
from matcher.kernel.groups import (
    drop_group,
    enter_strike,
    find_group,
    group_at,
    has_group_room,
    leave_strike,
    make_group,
)
from matcher.kernel.layout import PAGE_SLOTS
from matcher.kernel.margin import add_order, clear_orders, remove_order
from matcher.kernel.memory import called, inlined
from matcher.kernel.slots import make_page, next_page, open_order, slot_at
from matcher.kernel.tables import insert_holding, remove_holding

_STAYS, _LEAVES = 1, 2  # what `rests` says of an open order


@inlined
def book_at(c: int, instrument: int) -> int:
    """Address of an instrument's book."""
    return context_books(c) + 128 * instrument


@inlined
def series_at(c: int, number: int) -> int:
    """Address of a series."""
    return context_series(c) + 64 * number


@inlined
def account_at(c: int, account: int) -> int:
    """Address of an account."""
    return context_accounts(c) + 128 * account


@inlined
def is_open(c: int, account: int) -> bool:
    """Whether the chain told of an account."""
    return account < context_accounts_count(c) and account_opened(account_at(c, account)) != 0


@inlined
def worst(account: int) -> int:
    """The least the account at an address is worth, orders aside; atoms."""
    return account_cash(account) + account_floor(account)


@inlined
def worst_with_orders(account: int) -> int:
    """The least it is worth with its open orders at their worst; atoms."""
    return account_cash(account) + account_both(account)


@inlined
def pay(account: int, atoms: int) -> None:
    """Change the cash of the account at an address."""
    set_account_cash(account, account_cash(account) + atoms)


# --- holdings ------------------------------------------------------------------------------------


@inlined
def holding_at(c: int, number: int) -> int:
    """Address of a holding."""
    return context_holdings(c) + 64 * number


@inlined
def holding_of(c: int, order: int) -> int:
    """Address of the holding of the order at an address."""
    return holding_at(c, order_holding(order))


@inlined
def has_holding_room(c: int) -> bool:
    """Whether a holding, and a group for it, can be made."""
    if not has_group_room(c):
        return False
    return context_free_holding(c) != 0 or context_holdings_count(c) < context_holdings_limit(c)


@called
def make_holding(c: int, account: int, instrument: int) -> int:
    """Number of a new holding, of nothing yet, in its group. There is room."""
    number = context_free_holding(c)
    if number != 0:
        set_context_free_holding(c, holding_next(holding_at(c, number)))
    else:
        number = context_holdings_count(c) + 1
        set_context_holdings_count(c, number)
    set_context_holdings_live(c, context_holdings_live(c) + 1)
    holding = holding_at(c, number)
    set_holding_account(holding, account)
    set_holding_instrument(holding, instrument)
    set_holding_lots(holding, 0)
    set_holding_bids(holding, 0)
    set_holding_asks(holding, 0)
    set_holding_orders(holding, 0)
    set_holding_group(holding, 0)
    set_holding_next(holding, 0)
    insert_holding(c, account, instrument, number)
    join_group(c, holding)
    at = account_at(c, account)
    set_account_instruments(at, account_instruments(at) + 1)
    return number


@inlined
def wake(c: int, holding: int) -> None:
    """An idle holding is about to be used again."""
    at = account_at(c, holding_account(holding))
    set_account_idle(at, 0)
    set_account_instruments(at, account_instruments(at) + 1)


@inlined
def drop_if_empty(c: int, holding: int) -> None:
    """Nothing is held or on order any more: the holding is idle, and the one that was so goes.

    Where there is no room for another, this one goes.
    """
    if holding_lots(holding) == 0 and holding_orders(holding) == 0:
        at, goes = account_at(c, holding_account(holding)), holding
        set_account_instruments(at, account_instruments(at) - 1)
        if has_holding_room(c):
            goes = holding_at(c, account_idle(at))
            set_account_idle(at, (holding - context_holdings(c)) >> 6)
        if holding_account(goes) != 0:
            drop_holding(c, goes)


@called
def drop_holding(c: int, holding: int) -> None:
    """Forget an idle holding, and its group if it was the last one there."""
    account, instrument = holding_account(holding), holding_instrument(holding)
    leave_group(c, holding)
    remove_holding(c, account, instrument)
    set_holding_account(holding, 0)
    set_holding_instrument(holding, 0)
    set_holding_next(holding, context_free_holding(c))
    set_context_free_holding(c, (holding - context_holdings(c)) >> 6)
    set_context_holdings_live(c, context_holdings_live(c) - 1)


@inlined
def count_position(account: int, before: int, after: int) -> None:
    """A position of an account has changed; lots."""
    change = (1 if after != 0 else 0) - (1 if before != 0 else 0)
    set_account_positions(account, account_positions(account) + change)


# --- margin --------------------------------------------------------------------------------------


@inlined
def group_of(c: int, holding: int) -> int:
    """Address of a holding's group."""
    return group_at(c, holding_group(holding))


@inlined
def change_both(account: int, change: int) -> None:
    """The least value of one of the account's groups, with orders, has changed; atoms."""
    set_account_both(account, account_both(account) + change)


@inlined
def change_least(account: int, changes: tuple[int, int]) -> None:
    """The least values of a group, without and with orders, have changed; atoms."""
    set_account_floor(account, account_floor(account) + changes[0])
    set_account_both(account, account_both(account) + changes[1])


@called
def join_group(c: int, holding: int) -> None:
    """A new holding becomes one of its account's group. There is room."""
    account, book = holding_account(holding), book_at(c, holding_instrument(holding))
    at, series = account_at(c, account), series_at(c, book_series(book))
    market, expiry = series_market(series), series_expiry(series)
    number = find_group(c, account_groups(at), market, expiry)
    if number == 0:
        number = make_group(
            c, account_groups(at), account, market, expiry, book_cap(book), book_top_rate(book)
        )
        set_account_groups(at, number)
    set_holding_group(holding, number)
    if enter_strike(c, number, book_strike(book)):
        recount(c, account, number, book_top_rate(book))


@called
def leave_group(c: int, holding: int) -> None:
    """A holding of nothing leaves its group, which goes if it was the last."""
    number, book = holding_group(holding), book_at(c, holding_instrument(holding))
    if leave_strike(c, number, book_strike(book)) == 0:
        at = account_at(c, holding_account(holding))
        set_account_groups(at, drop_group(c, account_groups(at), number))


@called
def recount(c: int, account: int, number: int, rate: int) -> None:
    """Count the open orders of a group anew, at a fee rate."""
    group = group_at(c, number)
    change = clear_orders(c, group, rate)
    found = gather_orders_of(c, account, 0)
    for place in range(found):
        order = pair_value(context_pairs(c) + 16 * place)
        holding = holding_of(c, order)
        if holding_group(holding) == number:
            change += count_order(c, group, order, book_at(c, holding_instrument(holding)))
    change_both(account_at(c, account), change)


@called
def count_order(c: int, group: int, order: int, book: int) -> int:
    """Let an order count in its group; how the least value with orders changes."""
    price = order_tick(order) * book_tick_value(book)
    return add_order(
        c,
        group,
        order_sells(order),
        price,
        order_remaining(order),
        book_call(book),
        book_strike(book),
    )


@called
def uncount_order(c: int, group: int, order: int, book: int) -> int:
    """What remains of an order does not count any more; how the least value changes."""
    price = order_tick(order) * book_tick_value(book)
    return remove_order(
        c,
        group,
        order_sells(order),
        price,
        order_remaining(order),
        book_call(book),
        book_strike(book),
    )


# --- slots ---------------------------------------------------------------------------------------


@inlined
def slot_for(c: int, account: int, message: int, found: int) -> int:
    """Number of the slot of an id, `find_slot` having answered `found`. There is room."""
    if found != 0:
        return found
    at = account_at(c, account)
    slot = make_page(c, account, message, account_pages(at))
    set_account_pages(at, slot // PAGE_SLOTS)
    return slot


@inlined
def put_pair(c: int, count: int, key: int, value: int) -> None:
    """Put a pair on the list at hand."""
    pair = context_pairs(c) + 16 * count
    set_pair_key(pair, key)
    set_pair_value(pair, value)


@inlined
def list_once(c: int, count: int, order: int) -> int:
    """Put an open order that leaves on the list at hand, unless it is there; how many are."""
    if order_rests(order) != _STAYS:
        return count
    set_order_rests(order, _LEAVES)
    put_pair(c, count, order_seq(order), order)
    return count + 1


@called
def gather_orders_of(c: int, account: int, count: int) -> int:
    """List an account's open orders as (seq, address) behind `count` others; how many there are."""
    page = account_pages(account_at(c, account))
    while page != 0:
        for place in range(PAGE_SLOTS):
            number = open_order(slot_at(c, PAGE_SLOTS * page + place))
            if number != 0:
                order = order_at(c, number)
                put_pair(c, count, order_seq(order), order)
                count += 1
        page = next_page(c, page)
    return count
