"""The loop over lines, which asks for memory before it is needed (`matcher.kernel.hints`)."""

from collections.abc import Callable
from functools import cache

from matcher.kernel.accounts import holding_at
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
    command_annex,
    command_kind,
    fact_account,
    fact_instrument,
    fact_market,
    fact_signer,
    far_head,
    far_key,
    far_lots,
    far_tail,
    holding_account,
    holding_instrument,
    page_account,
    page_number,
    set_level_head,
    set_level_lots,
    set_level_tail,
    set_word_bits,
)
from matcher.kernel.hints import (
    STEP,
    STEPS,
    ask_at_once,
    ask_for_entries,
    ask_for_named,
    ask_for_neighbors,
    ask_for_records,
    ask_for_rest,
    forget,
    plan_at,
)
from matcher.kernel.layout import PLANS, VACANT, CommandKind
from matcher.kernel.memory import called, inlined, prefetch
from matcher.kernel.program import program
from matcher.kernel.tables import LOW_HALF, insert_far, insert_holding, insert_page, page_key

_MARKET_LISTED = int(CommandKind.MARKET_LISTED)
_EXPIRY_OPENED = int(CommandKind.EXPIRY_OPENED)
_INSTRUMENT_LISTED = int(CommandKind.INSTRUMENT_LISTED)
_ACCOUNT_OPENED = int(CommandKind.ACCOUNT_OPENED)
_KEY_SET = int(CommandKind.KEY_SET)

_STREAM = 64 * 64  # bytes ahead: lines come from memory that others wrote
_MANY = 64 * 64  # bytes: of fewer lines, too few would be looked at in time
_LARGE = 4096  # orders; a book counts for 32


@inlined
def is_large(c: int) -> bool:
    """Whether the books outgrow the nearer caches; else hints cost more than they save."""
    return context_live(c) + 32 * context_books_count(c) > _LARGE


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


@inlined
def first_ahead(c: int, commands: int, end: int) -> int:
    """The first command that is looked at ahead of its turn; before it, none is planned."""
    ahead = commands
    for number in range(PLANS):
        forget(plan_at(c, number))
        if number < STEP * STEPS and ahead < end:
            ahead = after(ahead)
    return ahead


@inlined
def look_ahead(c: int, ahead: int, end: int, number: int) -> int:
    """Take each plan one step further; the next command that is to be looked at."""
    plan = plan_at(c, number)
    if ahead < end:
        ask_for_entries(c, plan, ahead)
        ahead = after(ahead)
    else:
        forget(plan)
    ask_for_records(c, plan_at(c, number - STEP))
    ask_for_named(c, plan_at(c, number - 2 * STEP))
    ask_for_neighbors(c, plan_at(c, number - 3 * STEP))
    ask_for_rest(c, plan_at(c, number - 4 * STEP))
    return ahead


def run(c: int, commands: int, end: int) -> int:
    """Apply commands until all are done, or one might find no room; where that one begins.

    Parameters
    ----------
    c, commands, end : int
        Addresses of the context, of the first line, and behind the last one.
    """
    command = ahead = commands
    ends, number = context_ends(c), 0
    is_hinted = is_large(c) and end - commands > _MANY
    is_alone = is_large(c) and not is_hinted
    plan = plan_at(c, 0)
    forget(plan)
    if is_hinted:
        ahead = first_ahead(c, commands, end)
    while command < end and not may_overflow(c):
        if command_kind(command) >= FIRST_FACT and lacks_room(c, command):
            break
        prefetch(command + _STREAM)
        prefetch(command + _STREAM + 64)
        if is_hinted:
            ahead = look_ahead(c, ahead, end, number)
            plan = plan_at(c, number - STEP * STEPS)
            number += 1
        elif is_alone:
            ask_at_once(c, plan, command)
        apply(c, command, plan)
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
