"""The accounts that a chunk names, and the slot words that it changes, while it is built.

They are copies: the forest stays as it was until the chunk ends. All that the next words name is
looked up together, level by level, so that the memory answers many questions at a time.
"""

from matcher.kernel.keccak import NODE_BYTES
from matcher.kernel.leaves import position_at, read_leaf
from matcher.kernel.memory import called, inlined, prefetch, shifted, turned
from matcher.kernel.opwords import (
    FILL,
    TRANSFER,
    account_of,
    fill_maker,
    fill_taker,
    kind_of,
    names_one,
    transfer_target,
)
from matcher.kernel.settlement_layout import (
    EMPTY,
    ENTRIES,
    SEATS_BITS,
    cell_value,
    children_left,
    children_right,
    context_dirties,
    context_dirties_count,
    context_entries,
    context_entries_count,
    context_pools,
    context_root,
    context_seats,
    context_slot_words,
    context_terms,
    dirty_named,
    dirty_next,
    dirty_number,
    entry_account,
    entry_cash,
    entry_count,
    entry_credited,
    entry_dirty,
    entry_exited,
    entry_leaf,
    entry_opened,
    entry_released,
    entry_served,
    entry_slots,
    entry_touched,
    pools_children,
    pools_nodes,
    pools_records,
    quad_first,
    quad_last,
    quad_second,
    quad_third,
    seat_number,
    set_cell_value,
    set_context_dirties_count,
    set_context_entries_count,
    set_dirty_leaf,
    set_dirty_named,
    set_dirty_next,
    set_dirty_number,
    set_entry_account,
    set_entry_cash,
    set_entry_count,
    set_entry_credited,
    set_entry_dirty,
    set_entry_exited,
    set_entry_leaf,
    set_entry_opened,
    set_entry_released,
    set_entry_served,
    set_entry_slots,
    set_entry_touched,
    set_seat_number,
)
from matcher.kernel.terms import find_opened, place_of
from matcher.kernel.tree import child
from matcher.types import ACCOUNT_TREE_DEPTH, FEE_ACCOUNT, SLOT_TREE_DEPTH, U32

_SEATS_MASK = (1 << SEATS_BITS) - 1
_ENTRY_BYTES = 320

# --- accounts ------------------------------------------------------------------------------------


@inlined
def entry_at(c: int, place: int) -> int:
    """Address of an entry."""
    return context_entries(c) + _ENTRY_BYTES * place


@inlined
def seat_for(c: int, account: int) -> int:
    """Address of the seat that leads to an account's entry, or where it would."""
    place = place_of(account, SEATS_BITS)
    while True:
        seat = context_seats(c) + 4 * place
        number = seat_number(seat)
        if number == 0 or entry_account(entry_at(c, number - 1)) == account:
            return seat
        place = (place + 1) & _SEATS_MASK


@inlined
def find_entry(c: int, account: int) -> int:
    """Address of an account's entry; 0 if there is none."""
    number = seat_number(seat_for(c, account))
    return 0 if number == 0 else entry_at(c, number - 1)


@called
def _announce(c: int, account: int) -> None:
    """An entry for an account, whose leaf is still to be found, unless there is one."""
    seat = seat_for(c, account)
    count = context_entries_count(c)
    if seat_number(seat) != 0 or count == ENTRIES:
        return
    entry = entry_at(c, count)
    set_entry_account(entry, account)
    set_entry_leaf(entry, context_root(c))
    set_entry_dirty(entry, 0)
    set_entry_touched(entry, 0)
    set_entry_released(entry, 0)
    set_entry_opened(entry, find_opened(context_terms(c), account))
    set_context_entries_count(c, count + 1)
    set_seat_number(seat, count + 1)


@called
def _announce_all(c: int, word: int) -> None:
    """Entries for the accounts that a word names, as far as it is an op's."""
    kind = kind_of(word)
    if kind == FILL:
        _announce(c, fill_taker(word))
        _announce(c, fill_maker(word))
        _announce(c, FEE_ACCOUNT)
    elif kind == TRANSFER:
        _announce(c, account_of(word))
        _announce(c, transfer_target(word))
    elif names_one(kind):
        _announce(c, account_of(word))


@called
def load(c: int, words: int, count: int) -> None:
    """Look up all accounts that the next words name.

    Parameters
    ----------
    c, words : int
        Addresses of the context and of the first word.
    count : int
        Words that the chunk has room for at most, so that there is room for their accounts.
    """
    p, known = context_pools(c), context_entries_count(c)
    for i in range(count):
        _announce_all(c, words + 32 * i)
    level = ACCOUNT_TREE_DEPTH
    while level > 0:
        level -= 1
        for i in range(known, context_entries_count(c)):
            entry = entry_at(c, i)
            below = child(p, entry_leaf(entry), entry_account(entry) >> level & 1)
            set_entry_leaf(entry, below)
            prefetch(pools_children(p) + 8 * below)
    for i in range(known, context_entries_count(c)):
        pair = pools_children(p) + 8 * entry_leaf(entry_at(c, i))
        if entry_leaf(entry_at(c, i)) != EMPTY:
            prefetch(pools_records(p) + 8 * children_left(pair))
            prefetch(pools_children(p) + 8 * children_right(pair))
            prefetch(pools_nodes(p) + NODE_BYTES * children_right(pair))
    for i in range(known, context_entries_count(c)):
        read_leaf(p, entry_at(c, i))


# --- slot words ----------------------------------------------------------------------------------


@inlined
def dirty_at(c: int, place: int) -> int:
    """Address of a dirty slot word's record."""
    return context_dirties(c) + 32 * place


@inlined
def slot_cell(c: int, dirty: int, quarter: int) -> int:
    """Address of an order slot, as it lies."""
    return context_slot_words(c) + (dirty - context_dirties(c)) + 8 * quarter


@inlined
def slot_generation(c: int, dirty: int, quarter: int) -> int:
    """Which use of an order slot its record speaks of."""
    return shifted(turned(cell_value(slot_cell(c, dirty, quarter))), 32)


@inlined
def slot_filled(c: int, dirty: int, quarter: int) -> int:
    """Lots that were filled of that use."""
    return turned(cell_value(slot_cell(c, dirty, quarter))) & U32


@inlined
def find_dirty(c: int, entry: int, number: int) -> int:
    """Address of an account's dirty slot word; 0 if it is not among them."""
    place = entry_dirty(entry)
    while place != 0:
        dirty = dirty_at(c, place - 1)
        if dirty_number(dirty) == number:
            return dirty
        place = dirty_next(dirty)
    return 0


@called
def slot_word(c: int, entry: int, number: int) -> int:
    """An account's slot word to change, as the forest has it if it is not dirty yet."""
    dirty = find_dirty(c, entry, number)
    if dirty != 0:
        return dirty
    p, count = context_pools(c), context_dirties_count(c)
    dirty = dirty_at(c, count)
    node, level = entry_slots(entry), SLOT_TREE_DEPTH
    while level > 0:
        level -= 1
        node = child(p, node, number >> level & 1)
    quad = pools_nodes(p) + NODE_BYTES * node
    set_cell_value(slot_cell(c, dirty, 0), quad_first(quad))
    set_cell_value(slot_cell(c, dirty, 1), quad_second(quad))
    set_cell_value(slot_cell(c, dirty, 2), quad_third(quad))
    set_cell_value(slot_cell(c, dirty, 3), quad_last(quad))
    set_dirty_number(dirty, number)
    set_dirty_leaf(dirty, node)
    set_dirty_named(dirty, 0)
    set_dirty_next(dirty, entry_dirty(entry))
    set_entry_dirty(entry, count + 1)
    set_context_dirties_count(c, count + 1)
    return dirty


# --- forgetting ----------------------------------------------------------------------------------


@called
def forget_unnamed(c: int) -> None:
    """After an op was refused: forget the accounts and slot words that no op has named."""
    _forget_words(c)
    kept = 0
    for i in range(context_entries_count(c)):
        if entry_touched(entry_at(c, i)) != 0:
            if kept != i:
                _copy_entry(entry_at(c, i), entry_at(c, kept))
            kept += 1
    set_context_entries_count(c, kept)
    clear_seats(c)
    for i in range(kept):
        set_seat_number(seat_for(c, entry_account(entry_at(c, i))), i + 1)


@inlined
def _forget_words(c: int) -> None:
    """The last words are those of the refused op, each the first of its account."""
    count = context_dirties_count(c)
    while count > 0 and dirty_named(dirty_at(c, count - 1)) == 0:
        for i in range(context_entries_count(c)):
            if entry_dirty(entry_at(c, i)) == count:
                set_entry_dirty(entry_at(c, i), dirty_next(dirty_at(c, count - 1)))
        count -= 1
    set_context_dirties_count(c, count)


@inlined
def _copy_entry(source: int, target: int) -> None:
    set_entry_account(target, entry_account(source))
    set_entry_leaf(target, entry_leaf(source))
    set_entry_slots(target, entry_slots(source))
    set_entry_dirty(target, entry_dirty(source))
    set_entry_count(target, entry_count(source))
    set_entry_touched(target, entry_touched(source))
    set_entry_released(target, entry_released(source))
    set_entry_opened(target, entry_opened(source))
    set_entry_cash(target, entry_cash(source))
    set_entry_exited(target, entry_exited(source))
    set_entry_credited(target, entry_credited(source))
    set_entry_served(target, entry_served(source))
    for place in range(entry_count(source)):
        set_cell_value(position_at(target, place), cell_value(position_at(source, place)))


@inlined
def clear_seats(c: int) -> None:
    """Let no seat lead anywhere."""
    for place in range(_SEATS_MASK + 1):
        set_seat_number(context_seats(c) + 4 * place, 0)
