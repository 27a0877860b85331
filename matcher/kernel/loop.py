"""The loop over lines, which asks for memory before it is needed.

A book that does not fit the caches is read at random: its order, the neighbors in the queue, the
level. Some commands ahead the loop asks for the entries that say where these lie, fewer ahead
for the records, then for what they name. A hint may be wrong; it changes nothing.
"""

from collections.abc import Callable
from functools import cache

from matcher.kernel.accounts import account_at, holding_at
from matcher.kernel.book import near_level, order_at, side_at, side_of
from matcher.kernel.commands import FIRST_FACT, apply
from matcher.kernel.context import (
    context_accounts_limit,
    context_books_count,
    context_books_limit,
    context_ends,
    context_events_count,
    context_events_limit,
    context_far_count,
    context_far_stop,
    context_holding_bits,
    context_holding_table,
    context_holdings_count,
    context_holdings_live,
    context_live,
    context_markets_limit,
    context_pages,
    context_pages_count,
    context_series_count,
    context_series_limit,
    context_signers_limit,
    context_waiting_count,
    set_context_ends,
    set_context_far_count,
)
from matcher.kernel.fields import (
    command_account,
    command_annex,
    command_id,
    command_instrument,
    command_kind,
    command_sells,
    command_tick,
    entry_word,
    fact_account,
    fact_instrument,
    fact_market,
    fact_signer,
    far_head,
    far_key,
    far_lots,
    far_tail,
    holding_account,
    holding_group,
    holding_instrument,
    level_tail,
    order_holding,
    order_next,
    order_previous,
    page_account,
    page_number,
    set_level_head,
    set_level_lots,
    set_level_tail,
    set_word_bits,
)
from matcher.kernel.groups import group_at
from matcher.kernel.layout import PAGE_SLOTS, VACANT, CommandKind
from matcher.kernel.memory import called, inlined, prefetch
from matcher.kernel.program import program
from matcher.kernel.slots import key_of, open_order, slot_at
from matcher.kernel.tables import (
    HASH_BITS,
    LOW_HALF,
    PAGE_BITS,
    holding_hash,
    insert_far,
    insert_holding,
    insert_page,
    page_home,
    page_key,
)

_PLACE = int(CommandKind.PLACE)
_CANCEL = int(CommandKind.CANCEL)
_AMEND = int(CommandKind.AMEND)
_MARKET_LISTED = int(CommandKind.MARKET_LISTED)
_EXPIRY_OPENED = int(CommandKind.EXPIRY_OPENED)
_INSTRUMENT_LISTED = int(CommandKind.INSTRUMENT_LISTED)
_ACCOUNT_OPENED = int(CommandKind.ACCOUNT_OPENED)
_KEY_SET = int(CommandKind.KEY_SET)

_FIRST, _SECOND, _THIRD, _FOURTH = 12, 9, 6, 3  # commands ahead
_LARGE = 4096  # orders; a book counts for 32


@inlined
def holding_entry(c: int, command: int) -> int:
    """Address of the table entry where the search for the command's holding begins."""
    hashed = holding_hash(command_account(command), command_instrument(command))
    return context_holding_table(c) + 8 * (hashed >> (HASH_BITS - context_holding_bits(c)))


@inlined
def page_entry(c: int, command: int) -> int:
    """Address of the table entry where the search for the page of the command's slot begins."""
    return page_home(c, key_of(command_account(command), command_id(command)))


@inlined
def own_level(c: int, command: int) -> int:
    """Address of the level at which an order would rest, if it lies in the band."""
    side = side_of(command_instrument(command), command_sells(command))
    return near_level(c, side, command_tick(command))


@inlined
def is_large(c: int) -> bool:
    """Whether the books outgrow the nearer caches; else hints cost more than they save."""
    return context_live(c) + 32 * context_books_count(c) > _LARGE


@inlined
def is_place(c: int, command: int) -> bool:
    """Whether a command places an order into a book that there is."""
    return command_kind(command) == _PLACE and command_instrument(command) < context_books_limit(c)


@inlined
def is_of_order(command: int) -> bool:
    """Whether a command is about one open order."""
    return command_kind(command) == _CANCEL or command_kind(command) == _AMEND


@inlined
def likely_slot(c: int, command: int) -> int:
    """Address of the command's slot, if the first entry looked at is its page's."""
    page = entry_word(page_entry(c, command)) & ((1 << PAGE_BITS) - 1)
    return slot_at(c, PAGE_SLOTS * page + command_id(command) % PAGE_SLOTS)


@inlined
def ask_for_entries(c: int, command: int) -> None:
    """Ask for what says where the records lie."""
    prefetch(page_entry(c, command))
    if is_place(c, command):
        prefetch(holding_entry(c, command))
        prefetch(side_at(c, side_of(command_instrument(command), 0)))


@inlined
def ask_for_records(c: int, command: int) -> None:
    """Ask for the records."""
    if is_place(c, command):
        prefetch(likely_slot(c, command))
        prefetch(own_level(c, command))
        prefetch(holding_at(c, entry_word(holding_entry(c, command)) & LOW_HALF))
        prefetch(account_at(c, command_account(command)))
    elif is_of_order(command):
        prefetch(likely_slot(c, command))


@inlined
def ask_for_named(c: int, command: int) -> None:
    """Ask for what the records name."""
    if is_place(c, command):
        prefetch(order_at(c, level_tail(own_level(c, command))))
        number = entry_word(holding_entry(c, command)) & LOW_HALF
        prefetch(group_at(c, holding_group(holding_at(c, number))))
        prefetch(group_at(c, holding_group(holding_at(c, number))) + 64)
    elif is_of_order(command):
        prefetch(order_at(c, open_order(likely_slot(c, command))))


@inlined
def ask_for_neighbors(c: int, command: int) -> None:
    """Ask for what lies around an order."""
    if is_of_order(command):
        number = open_order(likely_slot(c, command))
        if number != 0:
            order = order_at(c, number)
            prefetch(holding_at(c, order_holding(order)))
            prefetch(order_at(c, order_next(order)))
            prefetch(order_at(c, order_previous(order)))


# --- the loop ------------------------------------------------------------------------------------


@inlined
def after(command: int) -> int:
    """Address of the next command."""
    return command + 64 + 64 * command_annex(command)


@called
def lacks_room(c: int, fact: int) -> bool:
    """Whether a fact names a number for which there is no room yet."""
    kind = command_kind(fact)
    if kind == _ACCOUNT_OPENED:
        is_beyond = fact_account(fact) >= context_accounts_limit(c)
        return is_beyond or fact_signer(fact) >= context_signers_limit(c)
    if kind == _KEY_SET:
        return fact_signer(fact) >= context_signers_limit(c)
    if kind == _MARKET_LISTED:
        return fact_market(fact) >= context_markets_limit(c)
    if kind == _EXPIRY_OPENED:
        return context_series_count(c) + 1 >= context_series_limit(c)
    if kind == _INSTRUMENT_LISTED:
        return fact_instrument(fact) >= context_books_limit(c)
    return False


@inlined
def may_overflow(c: int) -> bool:
    """Whether one more command might find no room for events, or for far levels.

    A command answers at most two events for each order that rests, one for each position, two for
    each account that waits, and three more.
    """
    needed = 2 * (context_live(c) + context_waiting_count(c)) + context_holdings_live(c) + 3
    if context_events_limit(c) - context_events_count(c) < needed:
        return True
    return context_far_count(c) > context_far_stop(c)


def run(c: int, commands: int, end: int) -> int:
    """Apply commands until all are done, or one might find no room; where that one begins.

    Parameters
    ----------
    c, commands, end : int
        Addresses of the context, of the first line, and behind the last one.
    """
    command = first = second = third = fourth = commands
    ends, is_hinted = context_ends(c), is_large(c)
    if is_hinted:
        for ahead in range(_FIRST):
            first = min(after(first), end - 64)
            second = first if ahead < _SECOND else second
            third = first if ahead < _THIRD else third
            fourth = first if ahead < _FOURTH else fourth
    while command < end and not may_overflow(c):
        if command_kind(command) >= FIRST_FACT and lacks_room(c, command):
            break
        if is_hinted and first < end:
            ask_for_entries(c, first)
            ask_for_records(c, second)
            ask_for_named(c, third)
            ask_for_neighbors(c, fourth)
            first, second, third, fourth = after(first), after(second), after(third), after(fourth)
        apply(c, command)
        command = after(command)
        if ends != 0:
            set_word_bits(ends, context_events_count(c))
            ends += 8
    set_context_ends(c, ends)
    return command


@cache
def runner() -> Callable[[int, int, int], int]:
    """`run`, compiled when it is first asked for, or read from numba's cache."""
    return program(run, 3)


def rehash_pages(c: int) -> int:
    """Fill the new, empty table of pages; how many there are."""
    for page in range(1, context_pages_count(c) + 1):
        at = context_pages(c) + 16 * page
        insert_page(c, page_key(page_account(at), page_number(at)), page)
    return context_pages_count(c)


def rehash_holdings(c: int) -> int:
    """Fill the new, empty table of holdings; how many there are."""
    for number in range(1, context_holdings_count(c) + 1):
        holding = holding_at(c, number)
        if holding_instrument(holding) != 0:
            insert_holding(c, holding_account(holding), holding_instrument(holding), number)
    return context_holdings_live(c)


def rehash_far(c: int, old: int, count: int) -> int:
    """Fill the new, empty table of far levels from the `count` entries of the old one."""
    set_context_far_count(c, 0)
    for place in range(count):
        far = old + 32 * place
        if far_key(far) != VACANT:
            level = insert_far(c, far_key(far) >> 32, far_key(far) & LOW_HALF)
            set_level_head(level, far_head(far))
            set_level_tail(level, far_tail(far))
            set_level_lots(level, far_lots(far))
    return context_far_count(c)


@cache
def pages_rehasher() -> Callable[[int], int]:
    """`rehash_pages`, compiled."""
    return program(rehash_pages, 1)


@cache
def holdings_rehasher() -> Callable[[int], int]:
    """`rehash_holdings`, compiled."""
    return program(rehash_holdings, 1)


@cache
def far_rehasher() -> Callable[[int, int, int], int]:
    """`rehash_far`, compiled."""
    return program(rehash_far, 3)


def index_commands(lines: int, end: int, starts: int) -> int:
    """Write where each command begins, in lines from the first; how many there are.

    -1 if the last one has not all of its annex.
    """
    count, line = 0, lines
    while line < end:
        set_word_bits(starts + 8 * count, (line - lines) >> 6)
        count += 1
        line = after(line)
    return count if line == end else -1


@cache
def indexer() -> Callable[[int, int, int], int]:
    """`index_commands`, compiled."""
    return program(index_commands, 3)
