"""The loop over commands, which asks for memory before it is needed.

A book that does not fit the caches is read at random: its order, the neighbors in the queue, the
level. Sixteen commands ahead the loop asks for the entries that say where these lie, eight ahead
for the records, four ahead for what they name. A hint may be wrong; it changes nothing.
"""

from collections.abc import Callable
from functools import cache

from matcher.kernel.book import near_level, order_at, side_at, side_of
from matcher.kernel.compiled import compiled
from matcher.kernel.fields import (
    command_account,
    command_id,
    command_instrument,
    command_kind,
    command_sells,
    command_tick,
    context_books_limit,
    context_events_count,
    context_events_limit,
    context_high_water,
    context_holding_bits,
    context_holding_table,
    context_holdings_count,
    context_live,
    context_order_bits,
    context_order_table,
    entry_word,
    holding_account,
    holding_instrument,
    level_tail,
    order_account,
    order_id,
    order_instrument,
    order_next,
    order_previous,
    order_rests,
    order_sells,
    order_tick,
)
from matcher.kernel.layout import CommandKind
from matcher.kernel.matching import holding_at
from matcher.kernel.memory import inlined, prefetch
from matcher.kernel.orders import apply
from matcher.kernel.tables import HASH_BITS, LOW_HALF, holding_hash, insert, order_hash

_PLACE = int(CommandKind.PLACE)
_FIRST, _SECOND, _THIRD = 16, 8, 4  # commands ahead
_LARGE = 4096  # orders; a book counts for 32


@inlined
def order_entry(c: int, command: int) -> int:
    """Address of the table entry where the search for the command's order begins."""
    hashed = order_hash(command_account(command), command_id(command))
    return context_order_table(c) + 8 * (hashed >> (HASH_BITS - context_order_bits(c)))


@inlined
def holding_entry(c: int, command: int) -> int:
    """Address of the table entry where the search for the command's holding begins."""
    hashed = holding_hash(command_account(command), command_instrument(command))
    return context_holding_table(c) + 8 * (hashed >> (HASH_BITS - context_holding_bits(c)))


@inlined
def own_level(c: int, command: int) -> int:
    """Address of the level at which an order would rest, if it lies in the band."""
    side = side_of(command_instrument(command), command_sells(command))
    return near_level(c, side, command_tick(command))


@inlined
def is_large(c: int) -> bool:
    """Whether the books outgrow the nearer caches; else hints cost more than they save."""
    return context_live(c) + 32 * context_books_limit(c) > _LARGE


@inlined
def is_place(c: int, command: int) -> bool:
    """Whether a command places an order into a book that there is."""
    return command_kind(command) == _PLACE and command_instrument(command) < context_books_limit(c)


@inlined
def ask_for_entries(c: int, command: int) -> None:
    """Ask for what says where the records lie."""
    prefetch(order_entry(c, command))
    if is_place(c, command):
        prefetch(holding_entry(c, command))
        prefetch(side_at(c, side_of(command_instrument(command), 0)))


@inlined
def ask_for_records(c: int, command: int) -> None:
    """Ask for the records."""
    if is_place(c, command):
        prefetch(own_level(c, command))
        prefetch(holding_at(c, entry_word(holding_entry(c, command)) & LOW_HALF))
    else:
        prefetch(order_at(c, entry_word(order_entry(c, command)) & LOW_HALF))


@inlined
def ask_for_neighbors(c: int, command: int) -> None:
    """Ask for what the records name."""
    if is_place(c, command):
        prefetch(order_at(c, level_tail(own_level(c, command))))
        return
    slot = entry_word(order_entry(c, command)) & LOW_HALF
    if slot != 0:
        order = order_at(c, slot)
        side = side_of(order_instrument(order), order_sells(order))
        prefetch(near_level(c, side, order_tick(order)))
        prefetch(order_at(c, order_next(order)))
        prefetch(order_at(c, order_previous(order)))


def run(c: int, commands: int, count: int) -> int:
    """Apply commands until all are done, or events might not find room; how many were done.

    A command answers at most two events for each order that rests, and three more.

    Parameters
    ----------
    c, commands : int
        Addresses of the context and of the first command record.
    count : int
        Number of commands.
    """
    for place in range(count):
        if context_events_limit(c) - context_events_count(c) < 2 * context_live(c) + 3:
            return place
        command = commands + 64 * place
        if place + _FIRST < count and is_large(c):
            ask_for_entries(c, command + 64 * _FIRST)
            ask_for_records(c, command + 64 * _SECOND)
            ask_for_neighbors(c, command + 64 * _THIRD)
        apply(c, command)
    return count


@cache
def runner() -> Callable[[int, int, int], int]:
    """`run`, compiled when it is first asked for, or read from numba's cache."""
    return compiled("int64(int64, int64, int64)")(run)


def rehash_orders(c: int) -> int:
    """Fill the new, empty table of orders; how many rest."""
    for slot in range(1, context_high_water(c)):
        order = order_at(c, slot)
        if order_rests(order) != 0:
            hashed = order_hash(order_account(order), order_id(order))
            insert(context_order_table(c), context_order_bits(c), hashed, slot)
    return context_live(c)


def rehash_holdings(c: int) -> int:
    """Fill the new, empty table of holdings; how many there are."""
    for number in range(1, context_holdings_count(c) + 1):
        holding = holding_at(c, number)
        hashed = holding_hash(holding_account(holding), holding_instrument(holding))
        insert(context_holding_table(c), context_holding_bits(c), hashed, number)
    return context_holdings_count(c)


@cache
def rehasher() -> Callable[[int], int]:
    """`rehash_orders`, compiled."""
    return compiled("int64(int64)")(rehash_orders)


@cache
def holdings_rehasher() -> Callable[[int], int]:
    """`rehash_holdings`, compiled."""
    return compiled("int64(int64)")(rehash_holdings)
