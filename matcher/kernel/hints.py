"""What the loop asks for before it is needed, so that it lies near by then.

An exchange that does not fit the caches is read at random: a slot, its order, what stands around
it, the holding, the group, the maker that an order will meet. Each of them says where the next one
lies; so the commands ahead are looked at in five steps, `STEP` commands apart, and each step reads
only what the one before has asked for. What a step has found stands in the command's plan. A hint
may be wrong: it reads records that there are, and changes nothing but plans. Where there is no such
record, the one of number 0 is asked for, which is near: to ask first whether there is one costs
more.

A command in a pass of few has no turn to wait for: all is asked for at once (`ask_at_once`), just
before it is applied. What one address leads to is still waited for, but the command's own records
and those of the makers it will meet are fetched side by side, and not one after the other.

Two things that were found on the way are not looked for again when the command's turn comes: its
slot (`planned_slot`) and its holding (`planned_holding`).
"""

from matcher.kernel.accounts import account_at, book_at, group_of, holding_at, holding_of
from matcher.kernel.book import (
    best_of,
    crosses,
    near_level,
    order_at,
    side_at,
    side_of,
)
from matcher.kernel.context import (
    context_books_limit,
    context_holding_bits,
    context_holding_table,
    context_plans,
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
    holding_instrument,
    level_head,
    level_tail,
    order_next,
    order_previous,
    order_sells,
    order_slot,
    order_tick,
    plan_holding,
    plan_kind,
    plan_level,
    plan_line,
    plan_order,
    plan_slot,
    set_plan_holding,
    set_plan_kind,
    set_plan_level,
    set_plan_line,
    set_plan_order,
    set_plan_slot,
)
from matcher.kernel.groups import block_at
from matcher.kernel.layout import (
    PAGE_SLOTS,
    PLAN_NONE,
    PLAN_ORDER,
    PLAN_PLACE,
    PLANS,
    CommandKind,
)
from matcher.kernel.margin_layout import group_block, group_quads
from matcher.kernel.memory import inlined, prefetch, rare
from matcher.kernel.slots import find_slot, key_of, open_order, slot_at
from matcher.kernel.tables import (
    HASH_BITS,
    LOW_HALF,
    PAGE_BITS,
    find_holding,
    holding_hash,
    page_home,
)

_PLACE = int(CommandKind.PLACE)
_CANCEL = int(CommandKind.CANCEL)
_AMEND = int(CommandKind.AMEND)

STEP = 4  # commands
STEPS = 5


@inlined
def plan_at(c: int, number: int) -> int:
    """Address of the plan of a command, by how many came before it."""
    return context_plans(c) + 64 * (number & (PLANS - 1))


@inlined
def ask_for_group(c: int, holding: int) -> None:
    """Ask for the first points of a holding's group."""
    group = group_of(c, holding)
    prefetch(group)
    prefetch(group + 64)


@inlined
def ask_for_block(c: int, holding: int) -> None:
    """Ask for more points of a holding's group, if it has more."""
    group = group_of(c, holding)
    if group_quads(group) > 1:
        block = block_at(c, group_block(group))
        prefetch(block)
        prefetch(block + 64)
        prefetch(block + 128)


@inlined
def ask_for_entries(c: int, plan: int, command: int) -> None:
    """First: what says where the records lie. The plan holds the entries until then."""
    kind, account = command_kind(command), command_account(command)
    entry = page_home(c, key_of(account, command_id(command)))
    if kind == _PLACE and command_instrument(command) < context_books_limit(c):
        instrument = command_instrument(command)
        hashed = holding_hash(account, instrument)
        holding = context_holding_table(c) + 8 * (hashed >> (HASH_BITS - context_holding_bits(c)))
        set_plan_kind(plan, PLAN_PLACE)
        set_plan_line(plan, command)
        set_plan_slot(plan, entry)
        set_plan_holding(plan, holding)
        prefetch(entry)
        prefetch(holding)
        prefetch(book_at(c, instrument))
        prefetch(side_at(c, side_of(instrument, 0)))
        prefetch(account_at(c, account))
    elif kind == _CANCEL or kind == _AMEND:  # noqa: SIM109 - kernels have no tuples
        set_plan_kind(plan, PLAN_ORDER)
        set_plan_line(plan, command)
        set_plan_slot(plan, entry)
        prefetch(entry)
        prefetch(account_at(c, account))
    else:
        forget(plan)


@inlined
def slot_in(word: int, command: int) -> int:
    """Slot of a command's id, if the word of a table is that of its page; else 0."""
    page = word & ((1 << PAGE_BITS) - 1)
    found = page != 0 and word >> PAGE_BITS == key_of(command_account(command), command_id(command))
    return PAGE_SLOTS * page + command_id(command) % PAGE_SLOTS if found else 0


@inlined
def ask_for_records(c: int, plan: int) -> None:
    """Second: the records that the command names."""
    kind = plan_kind(plan)
    if kind != PLAN_NONE:
        command = plan_line(plan)
        slot = slot_in(entry_word(plan_slot(plan)), command)
        set_plan_slot(plan, slot)
        prefetch(slot_at(c, slot))
        if kind == PLAN_PLACE:
            holding = entry_word(plan_holding(plan)) & LOW_HALF
            instrument, sells = command_instrument(command), command_sells(command)
            tick = command_tick(command)
            level = near_level(c, side_of(instrument, sells), tick)
            set_plan_holding(plan, holding)
            set_plan_level(plan, level)
            prefetch(holding_at(c, holding))
            prefetch(level)
            opposite = side_of(instrument, 1 - sells)
            best = best_of(c, opposite)
            none = near_level(c, 0, 0)
            meets = near_level(c, opposite, best) if crosses(tick, sells, best) else none
            set_plan_order(plan, meets)
            prefetch(meets)


@inlined
def ask_for_named(c: int, plan: int) -> None:
    """Third: what those name; of an order that crosses, the one that it will meet."""
    kind = plan_kind(plan)
    if kind == PLAN_ORDER:
        set_plan_order(plan, order_at(c, open_order(slot_at(c, plan_slot(plan)))))
        prefetch(plan_order(plan))
    elif kind == PLAN_PLACE:
        ask_for_group(c, holding_at(c, plan_holding(plan)))
        set_plan_order(plan, order_at(c, level_head(plan_order(plan))))
        prefetch(plan_order(plan))
        prefetch(order_at(c, level_tail(plan_level(plan))))


@inlined
def ask_for_neighbors(c: int, plan: int) -> None:
    """Fourth: what stands around an order, and what the maker has."""
    kind = plan_kind(plan)
    if kind == PLAN_ORDER:
        order = plan_order(plan)
        prefetch(holding_of(c, order))
        prefetch(order_at(c, order_next(order)))
        prefetch(order_at(c, order_previous(order)))
    elif kind == PLAN_PLACE:
        ask_for_block(c, holding_at(c, plan_holding(plan)))
        prefetch(holding_of(c, plan_order(plan)))
        prefetch(slot_at(c, order_slot(plan_order(plan))))


@inlined
def ask_for_rest(c: int, plan: int) -> None:
    """Fifth: an order's level and group, and the maker's account and group."""
    kind = plan_kind(plan)
    if kind == PLAN_ORDER:
        order = plan_order(plan)
        holding = holding_of(c, order)
        side = side_of(holding_instrument(holding), order_sells(order))
        prefetch(near_level(c, side, order_tick(order)))
        prefetch(book_at(c, holding_instrument(holding)))
        ask_for_group(c, holding)
    elif kind == PLAN_PLACE:
        holding = holding_of(c, plan_order(plan))
        prefetch(account_at(c, holding_account(holding)))
        ask_for_group(c, holding)


# --- without a turn to wait for ------------------------------------------------------------------


@inlined
def ask_for_points(c: int, holding: int) -> None:
    """Ask for a holding's account and group, with more points.

    To ask whether there are any more would wait for the group.
    """
    group = group_of(c, holding)
    block = block_at(c, group_block(group))
    prefetch(account_at(c, holding_account(holding)))
    prefetch(group)
    prefetch(group + 64)
    prefetch(block)
    prefetch(block + 64)
    prefetch(block + 128)


@inlined
def ask_for_maker(c: int, order: int) -> None:
    """Ask for what trading with an order reads."""
    prefetch(slot_at(c, order_slot(order)))
    ask_for_points(c, holding_of(c, order))


@inlined
def ask_for_makers(c: int, command: int) -> None:
    """Of an order that crosses: the first and last of the best level, and the first behind it."""
    sells = command_sells(command)
    opposite = side_of(command_instrument(command), 1 - sells)
    best = best_of(c, opposite)
    if crosses(command_tick(command), sells, best):
        level = near_level(c, opposite, best)
        behind = near_level(c, opposite, best + 1 - 2 * sells)
        ask_for_maker(c, order_at(c, level_head(level)))
        ask_for_maker(c, order_at(c, level_tail(level)))
        ask_for_maker(c, order_at(c, level_head(behind)))


@rare
def ask_at_once(c: int, plan: int, command: int) -> None:
    """All steps for a command whose turn it is: what it reads is then fetched side by side."""
    ask_for_entries(c, plan, command)
    ask_for_records(c, plan)
    ask_for_named(c, plan)
    if plan_kind(plan) == PLAN_PLACE:
        ask_for_points(c, holding_at(c, plan_holding(plan)))
        ask_for_makers(c, command)
    elif plan_kind(plan) == PLAN_ORDER:
        ask_for_neighbors(c, plan)
        order = plan_order(plan)
        holding = holding_of(c, order)
        side = side_of(holding_instrument(holding), order_sells(order))
        prefetch(near_level(c, side, order_tick(order)))
        prefetch(book_at(c, holding_instrument(holding)))
        ask_for_points(c, holding)


# --- what was found -------------------------------------------------------------------------------


@inlined
def forget(plan: int) -> None:
    """Nothing is known of a command."""
    set_plan_kind(plan, PLAN_NONE)
    set_plan_slot(plan, 0)
    set_plan_holding(plan, 0)


@inlined
def planned_slot(c: int, plan: int, account: int, message: int) -> int:
    """Number of the slot of an id, as `find_slot`: pages stay where they were found."""
    slot = plan_slot(plan)
    return slot if slot != 0 else find_slot(c, account, message)


@inlined
def planned_holding(c: int, plan: int, account: int, instrument: int) -> int:
    """Number of a holding, as `find_holding`: what was found is one still, or is looked for."""
    number = plan_holding(plan)
    at = holding_at(c, number)
    if holding_account(at) == account and holding_instrument(at) == instrument:
        return number
    return find_holding(c, account, instrument)
