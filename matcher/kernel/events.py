"""What the kernel answers: one record after the other (`EVENT`), in the order of what happened.

The events that are ops are counted in the open batch here, where each is said.
"""

from matcher.kernel.context import (
    context_allowed,
    context_events,
    context_events_count,
    context_found,
    context_ops,
    set_context_allowed,
    set_context_events_count,
    set_context_found,
    set_context_ops,
)
from matcher.kernel.fields import (
    command_account,
    command_id,
    holding_account,
    holding_instrument,
    order_id,
    order_remaining,
    order_sells,
    order_tick,
    set_event_account,
    set_event_fee,
    set_event_id,
    set_event_instrument,
    set_event_kind,
    set_event_lots,
    set_event_maker_account,
    set_event_maker_fee,
    set_event_maker_id,
    set_event_maker_remaining,
    set_event_note,
    set_event_remaining,
    set_event_sells,
    set_event_tick,
)
from matcher.kernel.layout import EventKind
from matcher.kernel.memory import called, inlined, prefetch

_ACCEPTED = int(EventKind.ACCEPTED)
_TRADE = int(EventKind.TRADE)
_RESTED = int(EventKind.RESTED)
_CANCELED = int(EventKind.CANCELED)
_AMENDED = int(EventKind.AMENDED)
_REJECTED = int(EventKind.REJECTED)
_DUPLICATE = int(EventKind.DUPLICATE)
_CREDITED = int(EventKind.CREDITED)
_RELEASED = int(EventKind.RELEASED)
_WITHDRAWN = int(EventKind.WITHDRAWN)
_TRANSFERRED = int(EventKind.TRANSFERRED)
_SETTLED = int(EventKind.SETTLED)
_BATCH_OPENED = int(EventKind.BATCH_OPENED)
_BATCH_CLOSED = int(EventKind.BATCH_CLOSED)
_FAULT = int(EventKind.FAULT)

_AHEAD = 8  # events


@inlined
def next_event(c: int, kind: int) -> int:
    """Address of a new event; the caller writes all other fields."""
    count = context_events_count(c)
    set_context_events_count(c, count + 1)
    event = context_events(c) + 64 * count
    prefetch(event + 64 * _AHEAD)
    set_event_kind(event, kind)
    return event


@inlined
def count_op(c: int) -> None:
    """One more op in the batch."""
    set_context_ops(c, context_ops(c) + 1)


# --- of orders -----------------------------------------------------------------------------------


@inlined
def say_of_order(
    c: int, kind: int, order: int, holding: int, lots: int, remaining: int, note: int
) -> None:
    """An event of one order; `holding` is the address of its holding."""
    event = next_event(c, kind)
    set_event_sells(event, order_sells(order))
    set_event_note(event, note)
    set_event_instrument(event, holding_instrument(holding))
    set_event_id(event, order_id(order))
    set_event_maker_id(event, 0)
    set_event_account(event, holding_account(holding))
    set_event_maker_account(event, 0)
    set_event_tick(event, order_tick(order))
    set_event_lots(event, lots)
    set_event_remaining(event, remaining)
    set_event_maker_remaining(event, 0)
    set_event_fee(event, 0)
    set_event_maker_fee(event, 0)


@inlined
def say_accepted(c: int, order: int, holding: int) -> None:
    """ACCEPTED, before it is matched."""
    say_of_order(c, _ACCEPTED, order, holding, order_remaining(order), 0, 0)


@inlined
def say_rested(c: int, order: int, holding: int) -> None:
    """RESTED, with what remains."""
    say_of_order(c, _RESTED, order, holding, 0, order_remaining(order), 0)


@inlined
def say_canceled(c: int, order: int, holding: int, reason: int) -> None:
    """CANCELED, while the record still stands."""
    say_of_order(c, _CANCELED, order, holding, 0, order_remaining(order), reason)


@inlined
def say_amended(c: int, order: int, holding: int, quantity: int) -> None:
    """AMENDED, with the new quantity."""
    say_of_order(c, _AMENDED, order, holding, quantity, order_remaining(order), 0)


@inlined
def say_trade(
    c: int,
    taker: int,
    maker: int,
    taker_holding: int,
    maker_holding: int,
    lots: int,
    taker_fee: int,
    maker_fee: int,
) -> None:
    """After both orders have counted the lots; fees in atoms, signed."""
    event = next_event(c, _TRADE)
    set_event_sells(event, order_sells(taker))
    set_event_note(event, 0)
    set_event_instrument(event, holding_instrument(taker_holding))
    set_event_id(event, order_id(taker))
    set_event_maker_id(event, order_id(maker))
    set_event_account(event, holding_account(taker_holding))
    set_event_maker_account(event, holding_account(maker_holding))
    set_event_tick(event, order_tick(maker))
    set_event_lots(event, lots)
    set_event_remaining(event, order_remaining(taker))
    set_event_maker_remaining(event, order_remaining(maker))
    set_event_fee(event, taker_fee)
    set_event_maker_fee(event, maker_fee)
    count_op(c)


# --- of accounts ---------------------------------------------------------------------------------


@called
def say_of_account(
    c: int, kind: int, account: int, number: int, amount: int, other: int, lots: int, remaining: int
) -> int:
    """An event of an account; `number` is an id. Its address, for fields that are not of all."""
    event = next_event(c, kind)
    set_event_sells(event, 0)
    set_event_note(event, 0)
    set_event_instrument(event, 0)
    set_event_id(event, number)
    set_event_maker_id(event, 0)
    set_event_account(event, account)
    set_event_maker_account(event, 0)
    set_event_tick(event, 0)
    set_event_lots(event, lots)
    set_event_remaining(event, remaining)
    set_event_maker_remaining(event, 0)
    set_event_fee(event, amount)
    set_event_maker_fee(event, other)
    return event


@called
def say_rejected(c: int, command: int, code: int, of_target: int) -> None:
    """REJECTED: the command changed nothing."""
    event = say_of_account(
        c,
        _REJECTED,
        command_account(command),
        command_id(command),
        context_found(c),
        context_allowed(c),
        of_target,
        0,
    )
    set_event_note(event, code)


@inlined
def refused(c: int, code: int, found: int, allowed: int) -> int:
    """Keep what a REJECTED will say; the code."""
    set_context_found(c, found)
    set_context_allowed(c, allowed)
    return code


@inlined
def say_duplicate(c: int, account: int, number: int, filled: int, remaining: int) -> None:
    """DUPLICATE: this very message was seen before."""
    say_of_account(c, _DUPLICATE, account, number, 0, 0, filled, remaining)


@inlined
def say_credited(c: int, account: int, amount: int) -> None:
    """CREDITED."""
    say_of_account(c, _CREDITED, account, 0, amount, 0, 0, 0)
    count_op(c)


@inlined
def say_released(c: int, account: int, amount: int, served: int) -> None:
    """RELEASED."""
    say_of_account(c, _RELEASED, account, 0, amount, served, 0, 0)
    count_op(c)


@inlined
def say_withdrawn(c: int, account: int, number: int, amount: int) -> None:
    """WITHDRAWN."""
    say_of_account(c, _WITHDRAWN, account, number, amount, 0, 0, 0)
    count_op(c)


@inlined
def say_transferred(c: int, account: int, target: int, number: int, amount: int) -> None:
    """TRANSFERRED."""
    event = say_of_account(c, _TRANSFERRED, account, number, amount, 0, 0, 0)
    set_event_maker_account(event, target)
    count_op(c)


@inlined
def say_settled(c: int, account: int, market: int, expiry: int, cash: int) -> None:
    """SETTLED."""
    event = say_of_account(c, _SETTLED, account, 0, cash, 0, 0, 0)
    set_event_instrument(event, market)
    set_event_tick(event, expiry)
    count_op(c)


# --- of batches and facts ------------------------------------------------------------------------


@inlined
def say_batch_opened(c: int, built_at: int) -> None:
    """BATCH_OPENED."""
    say_of_account(c, _BATCH_OPENED, 0, 0, built_at, 0, 0, 0)


@inlined
def say_batch_closed(c: int, built_at: int, ops: int) -> None:
    """BATCH_CLOSED."""
    say_of_account(c, _BATCH_CLOSED, 0, 0, built_at, 0, ops, 0)


@inlined
def say_fault(c: int, account: int) -> None:
    """FAULT: the chain cannot tell this."""
    say_of_account(c, _FAULT, account, 0, 0, 0, 0, 0)
