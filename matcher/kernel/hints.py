"""Asking the processor for memory before it is needed.

A book that does not fit the caches is read at random: its order, the neighbors in the queue, the
level, the account's groups. Some commands ahead the loop asks for the entries that say where these
lie, fewer ahead for the records, then for what they name, and for what these name. A hint may be
wrong; it changes nothing.
"""

from matcher.kernel.accounts import account_at, book_at, holding_at
from matcher.kernel.book import best_of, bits_of, crosses, near_level, order_at, side_at, side_of
from matcher.kernel.context import (
    context_books_count,
    context_books_limit,
    context_holding_bits,
    context_holding_table,
    context_live,
)
from matcher.kernel.fields import (
    command_account,
    command_id,
    command_instrument,
    command_kind,
    command_sells,
    command_signer,
    command_tick,
    entry_word,
    holding_group,
    holding_instrument,
    level_head,
    level_tail,
    order_holding,
    order_next,
    order_previous,
    order_sells,
    order_tick,
)
from matcher.kernel.groups import block_at, group_at
from matcher.kernel.layout import PAGE_SLOTS, CommandKind
from matcher.kernel.margin_layout import group_block, group_quads
from matcher.kernel.memory import inlined, prefetch
from matcher.kernel.signers import signer_at
from matcher.kernel.slots import key_of, open_order, slot_at
from matcher.kernel.tables import HASH_BITS, LOW_HALF, PAGE_BITS, holding_hash, page_home

_PLACE = int(CommandKind.PLACE)
_CANCEL = int(CommandKind.CANCEL)
_AMEND = int(CommandKind.AMEND)

_LINES = 32  # lines beyond the command that is looked at first
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
def likely_holding(c: int, command: int) -> int:
    """Address of the command's holding, if the first entry looked at is its own."""
    return holding_at(c, entry_word(holding_entry(c, command)) & LOW_HALF)


@inlined
def ask_for_lines(command: int) -> None:
    """Ask for the lines of a command that is some further ahead."""
    prefetch(command + 64 * _LINES)
    prefetch(command + 64 * (_LINES + 1))
    prefetch(command + 64 * (_LINES + 2))


@inlined
def ask_for_entries(c: int, command: int) -> None:
    """Ask for what says where the records lie."""
    prefetch(page_entry(c, command))
    if is_place(c, command):
        prefetch(holding_entry(c, command))
        prefetch(side_at(c, side_of(command_instrument(command), 0)))
        prefetch(book_at(c, command_instrument(command)))


@inlined
def ask_for_records(c: int, command: int) -> None:
    """Ask for the records."""
    if is_place(c, command):
        prefetch(likely_slot(c, command))
        prefetch(own_level(c, command))
        prefetch(likely_holding(c, command))
        prefetch(account_at(c, command_account(command)))
        prefetch(signer_at(c, command_signer(command)))
    elif is_of_order(command):
        prefetch(likely_slot(c, command))


@inlined
def ask_for_named(c: int, command: int) -> None:
    """Ask for what the records name."""
    if is_place(c, command):
        prefetch(order_at(c, level_tail(own_level(c, command))))
        group = group_at(c, holding_group(likely_holding(c, command)))
        prefetch(group)
        prefetch(group + 64)
    elif is_of_order(command):
        prefetch(order_at(c, open_order(likely_slot(c, command))))


@inlined
def ask_for_neighbors(c: int, command: int) -> None:
    """Ask for what lies around an order, or the one that it would meet first."""
    if is_place(c, command):
        group = group_at(c, holding_group(likely_holding(c, command)))
        if group_quads(group) > 1:
            block = block_at(c, group_block(group))
            prefetch(block)
            prefetch(block + 64)
            prefetch(block + 128)
        opposite = side_of(command_instrument(command), 1 - command_sells(command))
        best = best_of(c, opposite)
        if crosses(command_tick(command), command_sells(command), best):
            prefetch(near_level(c, opposite, best))
    elif is_of_order(command):
        number = open_order(likely_slot(c, command))
        if number != 0:
            order = order_at(c, number)
            prefetch(holding_at(c, order_holding(order)))
            prefetch(order_at(c, order_next(order)))
            prefetch(order_at(c, order_previous(order)))


@inlined
def ask_for_last(c: int, command: int) -> None:
    """Ask for what the holding of an order names, or that of the one that it would meet first."""
    if is_of_order(command):
        number = open_order(likely_slot(c, command))
        if number != 0:
            order = order_at(c, number)
            holding = holding_at(c, order_holding(order))
            side = side_of(holding_instrument(holding), order_sells(order))
            prefetch(near_level(c, side, order_tick(order)))
            prefetch(bits_of(c, side))
            group = group_at(c, holding_group(holding))
            prefetch(group)
            prefetch(group + 64)
            prefetch(block_at(c, group_block(group)))
    elif is_place(c, command):
        opposite = side_of(command_instrument(command), 1 - command_sells(command))
        best = best_of(c, opposite)
        if crosses(command_tick(command), command_sells(command), best):
            maker = order_at(c, level_head(near_level(c, opposite, best)))
            prefetch(maker)
