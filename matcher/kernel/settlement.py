"""The settlement state, chunk by chunk: from op words to checked state to roots, in one call.

An op is applied to copies of the accounts that it names; at a chunk's end the margin is judged, and
only then do trees change: first all new nodes are laid out, then they are hashed level by level,
slots, leaves, accounts, eight at a time. What is refused has changed nothing.
"""

from collections.abc import Callable
from enum import IntEnum
from functools import cache

from matcher.kernel.fields import pair_value, set_pair_key, set_pair_value
from matcher.kernel.keccak import NODE_BYTES, hash_records
from matcher.kernel.leaves import is_empty, leaf_for, read_leaf, write_leaf
from matcher.kernel.memory import called, inlined, raised, shifted, turned
from matcher.kernel.opwords import (
    FILL,
    RELEASE,
    ROOT_HI,
    ROOT_LO,
    TRANSFER,
    WITHDRAW,
    account_of,
    fill_maker,
    fill_maker_order,
    fill_taker,
    fill_taker_order,
    is_op,
    kind_of,
    names_one,
    transfer_order,
    transfer_target,
    withdraw_order,
)
from matcher.kernel.program import program
from matcher.kernel.settlement_layout import (
    EMPTY,
    Refusal,
    cell_value,
    context_built_at,
    context_earlier,
    context_entries_count,
    context_fees_high,
    context_fees_low,
    context_filled,
    context_leaves,
    context_numbers,
    context_ops,
    context_out,
    context_out_count,
    context_out_limit,
    context_pools,
    context_root,
    context_slots_work,
    context_sorted,
    context_space,
    context_starts,
    context_terms,
    context_word_leaves,
    context_words_sorted,
    context_work,
    dirty_leaf,
    dirty_named,
    dirty_next,
    dirty_number,
    entry_account,
    entry_cash,
    entry_dirty,
    entry_leaf,
    entry_released,
    entry_slots,
    entry_touched,
    pools_children,
    pools_end,
    pools_nodes,
    pools_records,
    pools_young,
    quad_first,
    quad_last,
    quad_second,
    quad_third,
    set_cell_value,
    set_children_left,
    set_children_right,
    set_context_allowed_low,
    set_context_code,
    set_context_dirties_count,
    set_context_entries_count,
    set_context_fees_high,
    set_context_fees_low,
    set_context_filled,
    set_context_found_low,
    set_context_ops,
    set_context_out_count,
    set_context_root,
    set_entry_cash,
    set_entry_leaf,
    set_entry_slots,
    set_pools_end,
    set_quad_first,
    set_quad_last,
    set_quad_second,
    set_quad_third,
)
from matcher.kernel.settling import apply_op, refused
from matcher.kernel.tables import sort_pairs
from matcher.kernel.touched import (
    clear_seats,
    dirty_at,
    entry_at,
    find_dirty,
    find_entry,
    forget_unnamed,
    load,
    slot_cell,
    slot_generation,
)
from matcher.kernel.tree import change, hash_listed_levels
from matcher.kernel.worth import high_of, low_of, sold_most, worst_paid
from matcher.types import (
    ACCOUNT_TREE_DEPTH,
    CHUNK_OPS,
    CHUNK_WORDS,
    FEE_ACCOUNT,
    SLOT_TREE_DEPTH,
    U32,
)

_NONE = int(Refusal.NONE)
_FEES = int(Refusal.FEES)
_MARGIN = int(Refusal.MARGIN)
_KEPT_BACK = int(Refusal.KEPT_BACK)


class Errand(IntEnum):
    """What `run` is to do."""

    APPLY = 0  # one op, into the chunk that is built
    END = 1  # end the chunk
    BATCH = 2  # ops into chunks (section 14), and chunks into a batch, until it is full
    FINISH = 3  # end the chunk as BATCH does, if it holds an op


_APPLY, _END, _BATCH, _FINISH = (int(errand) for errand in Errand)

# --- what may stand in a chunk (section 14) -------------------------------------------------------


@inlined
def names_again(c: int, entry: int, order: int) -> bool:
    """Whether the chunk names another generation of an order's slot."""
    dirty = find_dirty(c, entry, (order & 4095) >> 2)
    if dirty == 0 or dirty_named(dirty) & (1 << (order & 3)) == 0:
        return False
    return slot_generation(c, dirty, order & 3) != order >> 12


@called
def takes(c: int, word: int) -> bool:
    """Whether an op may stand behind those that are in the chunk.

    Not if it names a second generation of an order slot (the older fill could not be answered for),
    nor an account that has a RELEASE here (which must leave nothing at the chunk's end), nor if it
    is a RELEASE of account 0 beside a FILL.
    """
    if not is_op(word):
        return True  # it will be refused
    kind = kind_of(word)
    if kind == FILL:
        taker, maker = find_entry(c, fill_taker(word)), find_entry(c, fill_maker(word))
        if entry_released(taker) | entry_released(maker):
            return False
        if entry_released(find_entry(c, FEE_ACCOUNT)) != 0:
            return False
        if names_again(c, taker, fill_taker_order(word)):
            return False
        return not names_again(c, maker, fill_maker_order(word))
    if kind == TRANSFER:
        source, target = find_entry(c, account_of(word)), find_entry(c, transfer_target(word))
        if entry_released(source) | entry_released(target):
            return False
        return not names_again(c, source, transfer_order(word))
    if names_one(kind):
        entry = find_entry(c, account_of(word))
        if entry_released(entry) != 0:
            return False
        if kind == WITHDRAW:
            return not names_again(c, entry, withdraw_order(word))
        if kind == RELEASE and account_of(word) == FEE_ACCOUNT:
            return context_filled(c) == 0
    return True


# --- the end of a chunk ---------------------------------------------------------------------------


@inlined
def sort_touched(c: int) -> int:
    """Sort the entries that were named by account; how many they are."""
    count = 0
    for i in range(context_entries_count(c)):
        entry = entry_at(c, i)
        if entry_touched(entry) != 0:
            pair = context_sorted(c) + 16 * count
            set_pair_key(pair, entry_account(entry))
            set_pair_value(pair, entry)
            count += 1
    sort_pairs(context_sorted(c), count)
    return count


@inlined
def sorted_entry(c: int, place: int) -> int:
    """Address of an entry that was named, by account."""
    return pair_value(context_sorted(c) + 16 * place)


@called
def check_margin(c: int, entry: int) -> int:
    """That an account is not worth less than nothing at worst, or not less than before.

    After a RELEASE also that nothing was kept back. All at the batch's time.
    """
    t, built_at = context_terms(c), context_built_at(c)
    released = entry_released(entry) != 0
    if not released and entry_cash(entry) >= -sold_most(t, entry):
        return _NONE
    paid = worst_paid(t, entry, built_at)
    high, low = high_of(entry, paid), low_of(entry, paid)
    if high < 0:
        was = context_earlier(c)
        set_entry_leaf(was, entry_leaf(entry))
        read_leaf(context_pools(c), was)
        paid = worst_paid(t, was, built_at)
        if high < high_of(was, paid) or (high == high_of(was, paid) and low < low_of(was, paid)):
            set_context_found_low(c, low)
            set_context_allowed_low(c, low_of(was, paid))
            return refused(c, _MARGIN, entry_account(entry), high, high_of(was, paid))
    elif released and high + low != 0:
        set_context_found_low(c, low)
        return refused(c, _KEPT_BACK, entry_account(entry), high, 0)
    return _NONE


@inlined
def check_fees(c: int) -> int:
    """That account 0 can book the chunk's fees."""
    fees = find_entry(c, FEE_ACCOUNT)
    if fees == 0:
        return _NONE
    low = (entry_cash(fees) & U32) + context_fees_low(c)
    high = (entry_cash(fees) >> 32) + context_fees_high(c) + (low >> 32)
    if -(1 << 31) <= high < 1 << 31:
        return _NONE
    set_context_found_low(c, low & U32)
    return refused(c, _FEES, FEE_ACCOUNT, high, 0)


@inlined
def book_fees(c: int, sign: int) -> None:
    """Book the chunk's fees, which account 0 can; or take them back."""
    fees = find_entry(c, FEE_ACCOUNT)
    if fees != 0:
        amount = (context_fees_high(c) << 32) + context_fees_low(c)
        set_entry_cash(fees, entry_cash(fees) + sign * amount)


@called
def change_slots(c: int, entry: int) -> None:
    """Lay out an account's slots tree with the words that the chunk has changed."""
    p, words, leaves = context_pools(c), context_words_sorted(c), context_word_leaves(c)
    count, place = 0, entry_dirty(entry)
    while place != 0:
        dirty = dirty_at(c, place - 1)
        set_pair_key(words + 16 * count, dirty_number(dirty))
        set_pair_value(words + 16 * count, dirty)
        count += 1
        place = dirty_next(dirty)
    sort_pairs(words, count)
    for i in range(count):
        dirty = pair_value(words + 16 * i)
        leaf = dirty_leaf(dirty)
        if leaf < pools_young(p):
            leaf = pools_end(p)
            set_pools_end(p, leaf + 1)
        quad = pools_nodes(p) + NODE_BYTES * leaf
        set_quad_first(quad, cell_value(slot_cell(c, dirty, 0)))
        set_quad_second(quad, cell_value(slot_cell(c, dirty, 1)))
        set_quad_third(quad, cell_value(slot_cell(c, dirty, 2)))
        set_quad_last(quad, cell_value(slot_cell(c, dirty, 3)))
        set_children_left(pools_children(p) + 8 * leaf, EMPTY)
        set_children_right(pools_children(p) + 8 * leaf, EMPTY)
        set_cell_value(leaves + 8 * i, leaf)
    root = entry_slots(entry)
    after = change(p, context_slots_work(c), root, words, 16, leaves, count, SLOT_TREE_DEPTH)
    set_entry_slots(entry, after)


@called
def write_leaves(c: int, count: int) -> None:
    """Write and hash the leaves of the sorted entries, whose slots are hashed."""
    p, written = context_pools(c), 0
    for i in range(count):
        leaf = cell_value(context_leaves(c) + 8 * i)
        if leaf != EMPTY:
            start = write_leaf(p, sorted_entry(c, i), leaf)
            set_cell_value(context_starts(c) + 8 * written, start)
            set_cell_value(context_numbers(c) + 8 * written, leaf)
            written += 1
    starts, numbers, space = context_starts(c), context_numbers(c), context_space(c)
    hash_records(pools_nodes(p), pools_records(p), starts, numbers, written, space)


@called
def change_trees(c: int, count: int) -> None:
    """Bring the trees up to date for the sorted entries.

    All nodes are laid out before the first is hashed: by then what stands beside them was asked
    for from memory.
    """
    p = context_pools(c)
    for i in range(count):
        if entry_dirty(sorted_entry(c, i)) != 0:
            change_slots(c, sorted_entry(c, i))
    for i in range(count):
        leaf = EMPTY
        if not is_empty(sorted_entry(c, i)):
            leaf = leaf_for(p, sorted_entry(c, i))
        set_cell_value(context_leaves(c) + 8 * i, leaf)
    accounts, leaves, root = context_sorted(c), context_leaves(c), context_root(c)
    if count > 0:
        w = context_work(c)
        root = change(p, w, root, accounts, 16, leaves, count, ACCOUNT_TREE_DEPTH)
    hash_listed_levels(p, context_slots_work(c), SLOT_TREE_DEPTH)
    write_leaves(c, count)
    hash_listed_levels(p, context_work(c), ACCOUNT_TREE_DEPTH)
    set_context_root(c, root)


@called
def end_chunk(c: int) -> int:
    """Book fees, judge margins, change trees; a `Refusal`. The next chunk begins."""
    wrong = check_fees(c)
    if wrong != _NONE:
        return wrong
    book_fees(c, 1)
    count = sort_touched(c)
    for i in range(count):
        wrong = check_margin(c, sorted_entry(c, i))
        if wrong != _NONE:
            book_fees(c, -1)
            return wrong
    change_trees(c, count)
    clear_seats(c)
    set_context_entries_count(c, 0)
    set_context_dirties_count(c, 0)
    set_context_ops(c, 0)
    set_context_filled(c, 0)
    set_context_fees_high(c, 0)
    set_context_fees_low(c, 0)
    return _NONE


# --- batches --------------------------------------------------------------------------------------


@inlined
def put_word(c: int, place: int, first: int, second: int, third: int, last: int) -> None:
    """Put a word of four numbers into the batch."""
    quad = context_out(c) + 32 * (context_out_count(c) + place)
    set_quad_first(quad, turned(first))
    set_quad_second(quad, turned(second))
    set_quad_third(quad, turned(third))
    set_quad_last(quad, turned(last))


@inlined
def copy_word(c: int, word: int) -> None:
    """Put the op that was just applied into the batch."""
    quad = context_out(c) + 32 * (context_out_count(c) + context_ops(c) - 1)
    set_quad_first(quad, quad_first(word))
    set_quad_second(quad, quad_second(word))
    set_quad_third(quad, quad_third(word))
    set_quad_last(quad, quad_last(word))


@inlined
def put_half(c: int, place: int, kind: int, high: int, low: int) -> None:
    """Put a ROOT word: kind:8 half:128, below a zero byte."""
    first = raised(kind, 48) | shifted(high, 16)
    put_word(c, place, first, raised(high, 48) | shifted(low, 16), raised(low, 48), 0)


@called
def finish_chunk(c: int) -> int:
    """End the chunk, and fill it with NOPs and the root after it; a `Refusal`."""
    ops = context_ops(c)
    wrong = end_chunk(c)
    if wrong != _NONE:
        return wrong
    for place in range(ops, CHUNK_OPS):
        put_word(c, place, 0, 0, 0, 0)
    root = pools_nodes(context_pools(c)) + NODE_BYTES * context_root(c)
    high, low = turned(quad_first(root)), turned(quad_second(root))
    put_half(c, CHUNK_OPS, ROOT_HI, high, low)
    high, low = turned(quad_third(root)), turned(quad_last(root))
    put_half(c, CHUNK_OPS + 1, ROOT_LO, high, low)
    set_context_out_count(c, context_out_count(c) + CHUNK_WORDS)
    return _NONE


@called
def fill_batch(c: int, words: int, count: int) -> int:
    """Apply ops, chunk by chunk, until the batch is full or one is refused; how many."""
    done = 0
    while done < count and context_out_count(c) < context_out_limit(c):
        ahead = min(CHUNK_OPS - context_ops(c), count - done)
        load(c, words + 32 * done, ahead)
        fits = True
        for _ in range(ahead):
            word = words + 32 * done
            fits = takes(c, word)
            if not fits:
                break
            if apply_op(c, word) != _NONE:
                forget_unnamed(c)
                return done
            copy_word(c, word)
            done += 1
        if (not fits or context_ops(c) == CHUNK_OPS) and finish_chunk(c) != _NONE:
            return done
    return done


def run(c: int, errand: int, words: int, count: int) -> int:
    """Do an `Errand`; how many of the words were done. Why no more is in the context.

    Parameters
    ----------
    c, words : int
        Addresses of the context and of op words, 32 bytes each. The forest has room for what
        the chunks of so many words may make.
    errand, count : int
    """
    set_context_code(c, _NONE)
    if errand == _BATCH:
        return fill_batch(c, words, count)
    if errand == _APPLY:
        load(c, words, min(count, CHUNK_OPS - context_ops(c)))
        if apply_op(c, words) != _NONE:
            forget_unnamed(c)
            return 0
        return 1
    if errand == _FINISH:
        if context_ops(c) != 0:
            finish_chunk(c)
        return 0
    end_chunk(c)
    return 0


@cache
def runner() -> Callable[[int, int, int, int], int]:
    """`run`, compiled when it is first asked for, or read from what is kept."""
    return program(run, 4)
