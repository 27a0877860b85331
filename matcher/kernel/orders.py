"""Placing, canceling and amending: docs/reference/matching.md, one function per rule."""

from matcher.errors import Reject
from matcher.events import CancelReason
from matcher.kernel.accounts import (
    account_at,
    book_at,
    change_both,
    drop_if_empty,
    gather_orders_of,
    group_of,
    holding_at,
    holding_of,
    make_holding,
    slot_for,
    uncount_order,
    wake,
    worst_with_orders,
)
from matcher.kernel.admission import (
    halted_refusal,
    is_listed,
    margin_refusal,
    order_refusal,
    user_refusal,
)
from matcher.kernel.book import level_of, order_at, side_of, slot_of, stand
from matcher.kernel.context import (
    context_free_order,
    context_free_orders,
    context_high_water,
    context_live,
    context_next_seq,
    context_pairs,
    set_context_free_order,
    set_context_free_orders,
    set_context_high_water,
    set_context_live,
    set_context_next_seq,
)
from matcher.kernel.events import (
    refused,
    say_accepted,
    say_amended,
    say_canceled,
    say_duplicate,
    say_rejected,
    say_rested,
)
from matcher.kernel.fields import (
    account_idle,
    account_orders,
    book_call,
    book_closes_at,
    book_strike,
    book_tick_value,
    command_account,
    command_flags,
    command_id,
    command_instrument,
    command_mark,
    command_quantity,
    command_reason,
    command_self_trade,
    command_sells,
    command_signer,
    command_tick,
    command_time,
    holding_account,
    holding_instrument,
    holding_orders,
    level_lots,
    order_expiry,
    order_id,
    order_next,
    order_remaining,
    order_sells,
    order_slot,
    order_tick,
    pair_value,
    set_account_orders,
    set_holding_orders,
    set_level_lots,
    set_order_expiry,
    set_order_flags,
    set_order_holding,
    set_order_id,
    set_order_remaining,
    set_order_rests,
    set_order_sells,
    set_order_seq,
    set_order_signer,
    set_order_slot,
    set_order_tick,
    set_order_timed,
)
from matcher.kernel.hints import planned_holding, planned_slot
from matcher.kernel.layout import NOTHING, CommandMark
from matcher.kernel.margin import NOT_BORNE, admit_order, resize_order
from matcher.kernel.matching import add_open, cancel_order, fills_whole, match, release
from matcher.kernel.memory import called, inlined, prefetch
from matcher.kernel.signers import signer_refusal
from matcher.kernel.slots import (
    filled_by,
    generation_of,
    is_same,
    open_order,
    see,
    set_open_order,
    slot_at,
)
from matcher.kernel.tables import sort_pairs
from matcher.kernel.wheel import hang
from matcher.types import OrderFlag

_ALL = int(CommandMark.ALL)
_IOC = int(OrderFlag.IOC)
_FOK = int(OrderFlag.FOK)

_INSTRUMENT_UNKNOWN = int(Reject.INSTRUMENT_UNKNOWN)
_ORDER_UNKNOWN = int(Reject.ORDER_UNKNOWN)
_FOK_UNFILLABLE = int(Reject.FOK_UNFILLABLE)
_AMEND_NOT_DOWN = int(Reject.AMEND_NOT_DOWN)
_AMEND_BELOW_FILLED = int(Reject.AMEND_BELOW_FILLED)

_FOR_IOC = int(CancelReason.IOC)

_AHEAD = 8  # orders


# --- placing -------------------------------------------------------------------------------------


@called
def place(c: int, command: int, plan: int) -> None:
    """Accept and match an order, or refuse it."""
    account, message = command_account(command), command_id(command)
    code = user_refusal(c, account)
    if code != 0:
        say_rejected(c, command, code, 0)
        return
    slot = planned_slot(c, plan, account, message)
    if is_same(c, slot, command, message):
        answer_duplicate(c, account, message, slot)
        return
    holding = planned_holding(c, plan, account, command_instrument(command))
    code = halted_refusal(c)
    if code == 0:
        code = order_refusal(c, command, slot, holding)
    if code != 0:
        say_rejected(c, command, code, 0)
        return
    if holding == 0:
        holding = make_holding(c, account, command_instrument(command))
    elif holding == account_idle(account_at(c, account)):
        wake(c, holding_at(c, holding))
    accept(c, command, slot, holding)


@called
def answer_duplicate(c: int, account: int, message: int, slot: int) -> None:
    """Check 3: this very message was seen before; what became of it."""
    at = slot_at(c, slot)
    number = open_order(at)
    remaining = order_remaining(order_at(c, number)) if number != 0 else 0
    say_duplicate(c, account, message, filled_by(at, generation_of(message)), remaining)


@inlined
def accept(c: int, command: int, slot: int, holding: int) -> None:
    """Checks 19 and 20, then matching; `slot` is a number, or 0, `holding` a number."""
    account, at = command_account(command), holding_at(c, holding)
    owner, book = account_at(c, account), book_at(c, command_instrument(command))
    change = admit_order(
        c,
        group_of(c, at),
        worst_with_orders(owner),
        command_sells(command),
        command_tick(command) * book_tick_value(book),
        command_quantity(command),
        book_call(book),
        book_strike(book),
    )
    if change == NOT_BORNE:
        say_rejected(c, command, margin_refusal(c, owner, command_quantity(command)), 0)
        drop_if_empty(c, at)
        return
    change_both(owner, change)
    taker = enter(c, command, holding)
    if command_flags(command) & _FOK and not fills_whole(c, taker, command_self_trade(command)):
        code = refused(c, _FOK_UNFILLABLE, command_quantity(command), 0)
        say_rejected(c, command, code, 0)
        forget(c, taker, at, owner, book)
        return
    slot = slot_for(c, account, command_id(command), slot)
    set_order_slot(taker, slot)
    see(slot_at(c, slot), command, command_id(command))
    seq = context_next_seq(c)
    set_order_seq(taker, seq)
    set_context_next_seq(c, seq + 1)
    say_accepted(c, taker, at)
    reason = match(c, taker, command_self_trade(command))
    if order_remaining(taker) == 0:
        release(c, taker, at)
        return
    if reason == NOTHING and command_flags(command) & _IOC:
        reason = _FOR_IOC
    if reason != NOTHING:
        say_canceled(c, taker, at, reason)
        forget(c, taker, at, owner, book)
    else:
        rest(c, taker, at, owner, book)


@inlined
def enter(c: int, command: int, holding: int) -> int:
    """Write the order into a free record, its own from now on; its address."""
    number = context_free_order(c)
    if number != 0:
        following = order_next(order_at(c, number))
        set_context_free_order(c, following)
        prefetch(order_at(c, following))
    else:
        number = context_high_water(c)
        set_context_high_water(c, number + 1)
        prefetch(order_at(c, number + _AHEAD))
    set_context_free_orders(c, context_free_orders(c) - 1)
    order = order_at(c, number)
    set_order_id(order, command_id(command))
    set_order_remaining(order, command_quantity(command))
    set_order_tick(order, command_tick(command))
    set_order_holding(order, holding)
    set_order_expiry(order, command_time(command))
    set_order_signer(order, command_signer(command))
    set_order_flags(order, command_flags(command))
    set_order_sells(order, command_sells(command))
    set_order_rests(order, 0)
    set_order_timed(order, 0)
    at = holding_at(c, holding)
    set_holding_orders(at, holding_orders(at) + 1)
    return order


@inlined
def forget(c: int, taker: int, holding: int, account: int, book: int) -> None:
    """What remains of a taker does not rest: it does not count any more."""
    change_both(account, uncount_order(c, group_of(c, holding), taker, book))
    release(c, taker, holding)


@inlined
def rest(c: int, order: int, holding: int, account: int, book: int) -> None:
    """An accepted order stands in the book now."""
    set_context_live(c, context_live(c) + 1)
    set_account_orders(account, account_orders(account) + 1)
    set_order_rests(order, 1)
    stand(c, side_of(holding_instrument(holding), order_sells(order)), order)
    set_open_order(slot_at(c, order_slot(order)), slot_of(c, order))
    add_open(order, holding, order_remaining(order))
    if order_expiry(order) + 1 < book_closes_at(book):  # else it leaves when its series closes
        hang(c, order)
    say_rested(c, order, holding)


# --- canceling and amending -----------------------------------------------------------------------


@inlined
def find_open(c: int, plan: int, account: int, message: int) -> int:
    """Address of the open order of an id; 0 if there is none."""
    slot = planned_slot(c, plan, account, message)
    if slot == 0:
        return 0
    number = open_order(slot_at(c, slot))
    if number == 0:
        return 0
    order = order_at(c, number)
    return order if order_id(order) == message else 0


@inlined
def sender_refusal(c: int, command: int) -> int:
    """Of a cancel: a batch is open, and the account, and who signed may."""
    code = user_refusal(c, command_account(command))
    if code != 0:
        return code
    return signer_refusal(c, command_account(command), command_signer(command))


@called
def cancel(c: int, command: int, plan: int) -> None:
    """Cancel one open order."""
    code, order = sender_refusal(c, command), 0
    if code == 0:
        order = find_open(c, plan, command_account(command), command_id(command))
        if order == 0:
            code = refused(c, _ORDER_UNKNOWN, command_id(command), 0)
    if code != 0:
        say_rejected(c, command, code, 0)
        return
    cancel_order(c, order, command_reason(command))


@called
def cancel_all(c: int, command: int) -> None:
    """Cancel all open orders of an account, or those of one instrument, in the order of seq."""
    code, instrument = sender_refusal(c, command), command_instrument(command)
    every = instrument == 0 and command_mark(command) & _ALL != 0
    if code == 0 and not every and not is_listed(c, instrument):
        code = refused(c, _INSTRUMENT_UNKNOWN, instrument, 0)
    if code != 0:
        say_rejected(c, command, code, 0)
        return
    cancel_each(c, command_account(command), 0 if every else instrument, command_reason(command))


@called
def cancel_each(c: int, account: int, instrument: int, reason: int) -> None:
    """An account's open orders leave in the order of seq; of one instrument unless that is 0."""
    count = gather_orders_of(c, account, 0)
    sort_pairs(context_pairs(c), count)
    for rank in range(count):
        order = pair_value(context_pairs(c) + 16 * rank)
        if instrument == 0 or holding_instrument(holding_of(c, order)) == instrument:
            cancel_order(c, order, reason)


@called
def amend(c: int, command: int, plan: int) -> None:
    """Lower an order's quantity; it keeps its place."""
    code = user_refusal(c, command_account(command))
    if code == 0:
        code = halted_refusal(c)
    if code == 0:
        code = signer_refusal(c, command_account(command), command_signer(command))
    order = 0
    if code == 0:
        order = find_open(c, plan, command_account(command), command_id(command))
        code = amend_refusal(c, command, order)
    if code != 0:
        say_rejected(c, command, code, 0)
        return
    lower(c, order, command_quantity(command))


@inlined
def filled_of(c: int, order: int) -> int:
    """Lots of an open order that were filled."""
    slot = slot_at(c, order_slot(order))
    return filled_by(slot, generation_of(order_id(order)))


@inlined
def amend_refusal(c: int, command: int, order: int) -> int:
    """The Reject code of an amend of the order at an address, or 0; 0 if it passes."""
    if order == 0:
        return refused(c, _ORDER_UNKNOWN, command_id(command), 0)
    quantity, filled = command_quantity(command), filled_of(c, order)
    if quantity >= filled + order_remaining(order):
        return refused(c, _AMEND_NOT_DOWN, quantity, filled + order_remaining(order))
    if quantity <= filled:
        return refused(c, _AMEND_BELOW_FILLED, quantity, filled)
    return 0


@called
def lower(c: int, order: int, quantity: int) -> None:
    """An open order has this whole quantity now."""
    holding = holding_of(c, order)
    book = book_at(c, holding_instrument(holding))
    before, after = order_remaining(order), quantity - filled_of(c, order)
    change = resize_order(
        c,
        group_of(c, holding),
        order_sells(order),
        order_tick(order) * book_tick_value(book),
        before,
        book_call(book),
        book_strike(book),
        after,
    )
    change_both(account_at(c, holding_account(holding)), change)
    add_open(order, holding, after - before)
    level = level_of(c, side_of(holding_instrument(holding), order_sells(order)), order_tick(order))
    set_level_lots(level, level_lots(level) + after - before)
    set_order_remaining(order, after)
    say_amended(c, order, holding, quantity)
