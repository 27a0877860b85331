"""The kernel's books alone: what the whole kernel costs beyond price, time and an order's id.

Books, levels, bitmaps, the pool of orders, the table of ids and the records of commands and events
are the kernel's own, through its own functions; so is the way to ask for memory ahead. Left out is
all else: accounts, margin, positions, fees, who may sign, digests, when orders end, refusals, and
every event but trades. An order's record holds its account where a holding's number is, and its
instrument where the signer is. Rules are those that the alternative of `benchmarks.matching`
keeps: limit and IOC orders, cancels, and a taker ends when it meets its own account.
"""

from collections.abc import Callable
from functools import cache

from matcher.kernel.book import (
    best_of,
    crosses,
    leave,
    near_level,
    order_at,
    side_at,
    side_of,
    slot_of,
    stand,
)
from matcher.kernel.context import (
    context_free_order,
    context_free_orders,
    context_high_water,
    context_live,
    set_context_free_order,
    set_context_free_orders,
    set_context_high_water,
    set_context_live,
)
from matcher.kernel.events import next_event
from matcher.kernel.fields import (
    command_account,
    command_flags,
    command_id,
    command_instrument,
    command_kind,
    command_quantity,
    command_sells,
    command_tick,
    entry_word,
    level_head,
    level_lots,
    level_tail,
    order_holding,
    order_id,
    order_next,
    order_previous,
    order_remaining,
    order_sells,
    order_signer,
    order_slot,
    order_tick,
    plan_order,
    plan_slot,
    set_event_account,
    set_event_id,
    set_event_instrument,
    set_event_lots,
    set_event_maker_account,
    set_event_maker_id,
    set_event_maker_remaining,
    set_event_remaining,
    set_event_sells,
    set_event_tick,
    set_level_lots,
    set_order_flags,
    set_order_holding,
    set_order_id,
    set_order_next,
    set_order_remaining,
    set_order_sells,
    set_order_signer,
    set_order_slot,
    set_order_tick,
    set_plan_order,
    set_plan_slot,
)
from matcher.kernel.hints import STEP, plan_at
from matcher.kernel.layout import PAGE_SLOTS, CommandKind, EventKind
from matcher.kernel.memory import called, inlined, prefetch
from matcher.kernel.program import program
from matcher.kernel.slots import find_slot, key_of, make_page, open_order, set_open_order, slot_at
from matcher.kernel.tables import PAGE_BITS, page_home
from matcher.types import OrderFlag

_PLACE = int(CommandKind.PLACE)
_TRADE = int(EventKind.TRADE)
_IOC = int(OrderFlag.IOC)

_LINES = 64 * 64  # bytes: commands come from memory that others wrote


def run_books(c: int, commands: int, end: int) -> int:
    """Apply commands of 64 bytes, orders and cancels; there is room for all.

    Parameters
    ----------
    c, commands, end : int
        Addresses of the context, of the first command, and behind the last one.
    """
    command, number = commands, 0
    for ahead in range(4 * STEP):
        look_at_id(c, plan_at(c, ahead), min(commands + 64 * ahead, end - 64))
    for ahead in range(3 * STEP):
        look_at_slot(c, plan_at(c, ahead), min(commands + 64 * ahead, end - 64))
    for ahead in range(2 * STEP):
        look_at_order(c, plan_at(c, ahead), min(commands + 64 * ahead, end - 64))
    for ahead in range(STEP):
        look_around(c, plan_at(c, ahead), min(commands + 64 * ahead, end - 64))
    while command < end:
        prefetch(command + _LINES)
        look_ahead(c, command, end - 64, number)
        if command_kind(command) == _PLACE:
            place(c, command)
        else:
            cancel(c, command)
        command += 64
        number += 1
    return command


# --- memory that is asked for ahead --------------------------------------------------------------


@inlined
def look_ahead(c: int, command: int, last: int, number: int) -> None:
    """Commands that come later, each a step further; at the end the last one again."""
    look_at_id(c, plan_at(c, number + 4 * STEP), min(command + 64 * 4 * STEP, last))
    look_at_slot(c, plan_at(c, number + 3 * STEP), min(command + 64 * 3 * STEP, last))
    look_at_order(c, plan_at(c, number + 2 * STEP), min(command + 64 * 2 * STEP, last))
    look_around(c, plan_at(c, number + STEP), min(command + 64 * STEP, last))


@inlined
def look_at_id(c: int, plan: int, command: int) -> None:
    """Ask for the entry of an id, and for the side of a book."""
    entry = page_home(c, key_of(command_account(command), command_id(command)))
    set_plan_slot(plan, entry)
    prefetch(entry)
    prefetch(side_at(c, side_of(command_instrument(command), 0)))


@inlined
def look_at_slot(c: int, plan: int, command: int) -> None:
    """Ask for the slot of an id, and for the level of its price."""
    page = entry_word(plan_slot(plan)) & ((1 << PAGE_BITS) - 1)
    slot = slot_at(c, PAGE_SLOTS * page + command_id(command) % PAGE_SLOTS)
    set_plan_slot(plan, slot)
    prefetch(slot)
    side = side_of(command_instrument(command), command_sells(command))
    prefetch(near_level(c, side, command_tick(command)))


@inlined
def look_at_order(c: int, plan: int, command: int) -> None:
    """Ask for the order of a cancel, or the one that a new one will stand behind or meet."""
    instrument, sells, tick = (
        command_instrument(command),
        command_sells(command),
        command_tick(command),
    )
    set_plan_order(plan, 0)
    if command_kind(command) != _PLACE:
        order = order_at(c, open_order(plan_slot(plan)))
        set_plan_order(plan, order)
        prefetch(order)
    elif crosses(tick, sells, best_of(c, side_of(instrument, 1 - sells))):
        opposite = side_of(instrument, 1 - sells)
        prefetch(order_at(c, level_head(near_level(c, opposite, best_of(c, opposite)))))
    else:
        prefetch(order_at(c, level_tail(near_level(c, side_of(instrument, sells), tick))))


@inlined
def look_around(c: int, plan: int, command: int) -> None:
    """Ask for an order's neighbors."""
    order = plan_order(plan)
    if order != 0 and command_kind(command) != _PLACE:
        prefetch(order_at(c, order_next(order)))
        prefetch(order_at(c, order_previous(order)))


# --- orders --------------------------------------------------------------------------------------


@called
def place(c: int, command: int) -> None:
    """Match an order; what remains rests, unless it may not."""
    taker = enter(c, command)
    ends = match(c, taker)
    if order_remaining(taker) == 0 or ends or command_flags(command) & _IOC:
        release(c, taker)
        return
    account, message = command_account(command), command_id(command)
    slot = find_slot(c, account, message)
    if slot == 0:
        slot = make_page(c, account, message, 0)
    set_order_slot(taker, slot)
    set_open_order(slot_at(c, slot), slot_of(c, taker))
    set_context_live(c, context_live(c) + 1)
    stand(c, side_of(order_signer(taker), order_sells(taker)), taker)


@inlined
def enter(c: int, command: int) -> int:
    """Write the order into a free record; its address."""
    number = context_free_order(c)
    if number != 0:
        set_context_free_order(c, order_next(order_at(c, number)))
        prefetch(order_at(c, context_free_order(c)))
    else:
        number = context_high_water(c)
        set_context_high_water(c, number + 1)
        prefetch(order_at(c, number + STEP))
    set_context_free_orders(c, context_free_orders(c) - 1)
    order = order_at(c, number)
    set_order_id(order, command_id(command))
    set_order_remaining(order, command_quantity(command))
    set_order_tick(order, command_tick(command))
    set_order_holding(order, command_account(command))
    set_order_signer(order, command_instrument(command))
    set_order_flags(order, command_flags(command))
    set_order_sells(order, command_sells(command))
    return order


@inlined
def match(c: int, taker: int) -> bool:
    """Trade while lots remain and the best opposite order crosses; whether it met its own."""
    sells, tick = order_sells(taker), order_tick(taker)
    opposite = side_of(order_signer(taker), 1 - sells)
    while order_remaining(taker) > 0:
        best = best_of(c, opposite)
        if not crosses(tick, sells, best):
            break
        level = near_level(c, opposite, best)
        maker = order_at(c, level_head(level))
        if order_holding(maker) == order_holding(taker):
            return True
        lots = min(order_remaining(taker), order_remaining(maker))
        set_order_remaining(taker, order_remaining(taker) - lots)
        set_order_remaining(maker, order_remaining(maker) - lots)
        set_level_lots(level, level_lots(level) - lots)
        say_trade(c, taker, maker, lots)
        if order_remaining(maker) == 0:
            take_out(c, maker)
    return False


@inlined
def say_trade(c: int, taker: int, maker: int, lots: int) -> None:
    """After both orders have counted the lots."""
    event = next_event(c, _TRADE)
    set_event_sells(event, order_sells(taker))
    set_event_instrument(event, order_signer(taker))
    set_event_id(event, order_id(taker))
    set_event_maker_id(event, order_id(maker))
    set_event_account(event, order_holding(taker))
    set_event_maker_account(event, order_holding(maker))
    set_event_tick(event, order_tick(maker))
    set_event_lots(event, lots)
    set_event_remaining(event, order_remaining(taker))
    set_event_maker_remaining(event, order_remaining(maker))


@called
def cancel(c: int, command: int) -> None:
    """Take an order out, if it is open."""
    slot = find_slot(c, command_account(command), command_id(command))
    number = open_order(slot_at(c, slot)) if slot != 0 else 0
    if number != 0:
        order = order_at(c, number)
        if order_id(order) == command_id(command):
            take_out(c, order)


@inlined
def take_out(c: int, order: int) -> None:
    """An order leaves its book, and its record is free again."""
    leave(c, side_of(order_signer(order), order_sells(order)), order)
    set_open_order(slot_at(c, order_slot(order)), 0)
    set_context_live(c, context_live(c) - 1)
    release(c, order)


@inlined
def release(c: int, order: int) -> None:
    """The record of an order that does not rest is free again."""
    set_order_next(order, context_free_order(c))
    set_context_free_order(c, slot_of(c, order))
    set_context_free_orders(c, context_free_orders(c) + 1)


@cache
def books_runner() -> Callable[[int, int, int], int]:
    """`run_books`, compiled."""
    return program(run_books, 3)
