"""What the loop asks for before it is needed, so that it lies near by then.

An exchange that does not fit the caches is read at random: a slot, its order, what stands around
it, the holding, the group, the maker that an order will meet. Each of them says where the next one
lies; so the commands ahead are looked at in steps, `STEP` commands apart, and each step reads only
what the one before has asked for. A hint may be wrong: it reads records that there are, and
changes nothing.
"""

from matcher.kernel.accounts import account_at, book_at, holding_at, holding_of
from matcher.kernel.bitmap import word_of
from matcher.kernel.book import (
    best_of,
    bits_of,
    crosses,
    near_level,
    order_at,
    place_of,
    side_at,
    side_of,
)
from matcher.kernel.context import (
    context_books_limit,
    context_holding_bits,
    context_holding_table,
)
from matcher.kernel.fields import (
    command_account,
    command_id,
    command_instrument,
    command_kind,
    command_sells,
    command_tick,
    entry_word,
    holding_account,
    holding_group,
    holding_instrument,
    level_head,
    level_tail,
    order_holding,
    order_next,
    order_previous,
    order_sells,
    order_slot,
    order_tick,
)
from matcher.kernel.groups import block_at, group_at
from matcher.kernel.layout import PAGE_SLOTS, CommandKind
from matcher.kernel.margin_layout import group_block, group_quads
from matcher.kernel.memory import inlined, prefetch
from matcher.kernel.slots import key_of, open_order, slot_at
from matcher.kernel.tables import HASH_BITS, LOW_HALF, PAGE_BITS, holding_hash, page_home

_PLACE = int(CommandKind.PLACE)
_CANCEL = int(CommandKind.CANCEL)
_AMEND = int(CommandKind.AMEND)

STEP = 3  # commands
STEPS = 6


# --- what commands are about ---------------------------------------------------------------------


@inlined
def is_place(c: int, command: int) -> bool:
    """Whether a command places an order into a book that there is."""
    return command_kind(command) == _PLACE and command_instrument(command) < context_books_limit(c)


@inlined
def is_of_order(command: int) -> bool:
    """Whether a command is about one open order."""
    return command_kind(command) == _CANCEL or command_kind(command) == _AMEND


@inlined
def holding_entry(c: int, command: int) -> int:
    """Address of the table entry where the search for the command's holding begins."""
    hashed = holding_hash(command_account(command), command_instrument(command))
    return context_holding_table(c) + 8 * (hashed >> (HASH_BITS - context_holding_bits(c)))


@inlined
def likely_holding(c: int, command: int) -> int:
    """Address of the command's holding, if the first entry looked at is its own."""
    return holding_at(c, entry_word(holding_entry(c, command)) & LOW_HALF)


@inlined
def page_entry(c: int, command: int) -> int:
    """Address of the table entry where the search for the page of the command's slot begins."""
    return page_home(c, key_of(command_account(command), command_id(command)))


@inlined
def likely_slot(c: int, command: int) -> int:
    """Address of the command's slot, if the first entry looked at is its page's."""
    page = entry_word(page_entry(c, command)) & ((1 << PAGE_BITS) - 1)
    return slot_at(c, PAGE_SLOTS * page + command_id(command) % PAGE_SLOTS)


@inlined
def own_side(command: int) -> int:
    """The side on which an order would rest."""
    return side_of(command_instrument(command), command_sells(command))


@inlined
def opposite_side(command: int) -> int:
    """The side that an order would meet."""
    return side_of(command_instrument(command), 1 - command_sells(command))


@inlined
def would_cross(c: int, command: int) -> bool:
    """Whether an order would trade now."""
    return crosses(
        command_tick(command), command_sells(command), best_of(c, opposite_side(command))
    )


@inlined
def best_level(c: int, command: int) -> int:
    """Address of the level that an order would meet."""
    opposite = opposite_side(command)
    return near_level(c, opposite, best_of(c, opposite))


@inlined
def likely_maker(c: int, command: int) -> int:
    """Address of the order that an order would meet."""
    return order_at(c, level_head(best_level(c, command)))


# --- asking --------------------------------------------------------------------------------------


@inlined
def ask_for_group(c: int, holding: int) -> None:
    """Ask for the first points of a holding's group."""
    group = group_at(c, holding_group(holding))
    prefetch(group)
    prefetch(group + 64)


@inlined
def ask_for_block(c: int, holding: int) -> None:
    """Ask for more points of a holding's group, if it has more."""
    group = group_at(c, holding_group(holding))
    if group_quads(group) > 1:
        block = block_at(c, group_block(group))
        prefetch(block)
        prefetch(block + 64)
        prefetch(block + 128)


@inlined
def ask_for_entries(c: int, command: int) -> None:
    """First: what says where the records lie."""
    if is_place(c, command):
        prefetch(page_entry(c, command))
        prefetch(account_at(c, command_account(command)))
        prefetch(holding_entry(c, command))
        prefetch(book_at(c, command_instrument(command)))
        prefetch(side_at(c, side_of(command_instrument(command), 0)))
    elif is_of_order(command):
        prefetch(page_entry(c, command))
        prefetch(account_at(c, command_account(command)))


@inlined
def ask_for_records(c: int, command: int) -> None:
    """Second: the records that the command names."""
    if is_place(c, command):
        prefetch(likely_slot(c, command))
        prefetch(likely_holding(c, command))
        side, tick = own_side(command), command_tick(command)
        prefetch(near_level(c, side, tick))
        prefetch(word_of(bits_of(c, side), place_of(c, tick)))
    elif is_of_order(command):
        prefetch(likely_slot(c, command))


@inlined
def ask_for_named(c: int, command: int) -> None:
    """Third: what those name."""
    if is_place(c, command):
        ask_for_group(c, likely_holding(c, command))
        level = near_level(c, own_side(command), command_tick(command))
        prefetch(order_at(c, level_tail(level)))
        if would_cross(c, command):
            prefetch(best_level(c, command))
    elif is_of_order(command):
        prefetch(order_at(c, open_order(likely_slot(c, command))))


@inlined
def ask_for_neighbors(c: int, command: int) -> None:
    """Fourth: what stands around an order, and the one that will be met."""
    if is_place(c, command):
        ask_for_block(c, likely_holding(c, command))
        if would_cross(c, command):
            prefetch(likely_maker(c, command))
    elif is_of_order(command):
        number = open_order(likely_slot(c, command))
        if number != 0:
            order = order_at(c, number)
            prefetch(holding_of(c, order))
            prefetch(order_at(c, order_next(order)))
            prefetch(order_at(c, order_previous(order)))


@inlined
def ask_for_level(c: int, command: int) -> None:
    """Fifth: the level and the group of an order, and what the maker has."""
    if is_place(c, command):
        if would_cross(c, command):
            maker = likely_maker(c, command)
            prefetch(holding_at(c, order_holding(maker)))
            prefetch(slot_at(c, order_slot(maker)))
    elif is_of_order(command):
        number = open_order(likely_slot(c, command))
        if number != 0:
            order = order_at(c, number)
            holding = holding_of(c, order)
            side, tick = side_of(holding_instrument(holding), order_sells(order)), order_tick(order)
            prefetch(near_level(c, side, tick))
            prefetch(word_of(bits_of(c, side), place_of(c, tick)))
            prefetch(book_at(c, holding_instrument(holding)))
            ask_for_group(c, holding)


@inlined
def ask_for_rest(c: int, command: int) -> None:
    """Sixth: the maker's account and group, and further points of an order's group."""
    if is_place(c, command):
        if would_cross(c, command):
            holding = holding_of(c, likely_maker(c, command))
            prefetch(account_at(c, holding_account(holding)))
            ask_for_group(c, holding)
    elif is_of_order(command):
        number = open_order(likely_slot(c, command))
        if number != 0:
            ask_for_block(c, holding_of(c, order_at(c, number)))
