"""What the kernel answers: one record after the other (`EVENT`), in the order of what happened."""

from matcher.kernel.fields import (
    command_account,
    command_id,
    context_events,
    context_events_count,
    order_account,
    order_id,
    order_instrument,
    order_quantity,
    order_remaining,
    order_sells,
    order_tick,
    set_context_events_count,
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
from matcher.kernel.memory import inlined

_ACCEPTED = int(EventKind.ACCEPTED)
_TRADE = int(EventKind.TRADE)
_RESTED = int(EventKind.RESTED)
_CANCELED = int(EventKind.CANCELED)
_AMENDED = int(EventKind.AMENDED)
_REJECTED = int(EventKind.REJECTED)


@inlined
def next_event(c: int, kind: int) -> int:
    """Address of a new event; the caller writes all other fields."""
    count = context_events_count(c)
    set_context_events_count(c, count + 1)
    event = context_events(c) + 64 * count
    set_event_kind(event, kind)
    return event


@inlined
def say_of_order(c: int, kind: int, order: int, lots: int, remaining: int, note: int) -> None:
    """An event of one order."""
    event = next_event(c, kind)
    set_event_sells(event, order_sells(order))
    set_event_note(event, note)
    set_event_instrument(event, order_instrument(order))
    set_event_id(event, order_id(order))
    set_event_maker_id(event, 0)
    set_event_account(event, order_account(order))
    set_event_maker_account(event, 0)
    set_event_tick(event, order_tick(order))
    set_event_lots(event, lots)
    set_event_remaining(event, remaining)
    set_event_maker_remaining(event, 0)
    set_event_fee(event, 0)
    set_event_maker_fee(event, 0)


@inlined
def say_accepted(c: int, order: int) -> None:
    """ACCEPTED, before it is matched."""
    say_of_order(c, _ACCEPTED, order, order_quantity(order), 0, 0)


@inlined
def say_rested(c: int, order: int) -> None:
    """RESTED, with what remains."""
    say_of_order(c, _RESTED, order, 0, order_remaining(order), 0)


@inlined
def say_canceled(c: int, order: int, reason: int) -> None:
    """CANCELED, while the record still stands."""
    say_of_order(c, _CANCELED, order, 0, order_remaining(order), reason)


@inlined
def say_amended(c: int, order: int) -> None:
    """AMENDED, with the new quantity."""
    say_of_order(c, _AMENDED, order, order_quantity(order), order_remaining(order), 0)


@inlined
def say_trade(c: int, taker: int, maker: int, lots: int, taker_fee: int, maker_fee: int) -> None:
    """After both orders have counted the lots; fees in atoms, signed."""
    event = next_event(c, _TRADE)
    set_event_sells(event, order_sells(taker))
    set_event_note(event, 0)
    set_event_instrument(event, order_instrument(taker))
    set_event_id(event, order_id(taker))
    set_event_maker_id(event, order_id(maker))
    set_event_account(event, order_account(taker))
    set_event_maker_account(event, order_account(maker))
    set_event_tick(event, order_tick(maker))
    set_event_lots(event, lots)
    set_event_remaining(event, order_remaining(taker))
    set_event_maker_remaining(event, order_remaining(maker))
    set_event_fee(event, taker_fee)
    set_event_maker_fee(event, maker_fee)


@inlined
def say_rejected(c: int, command: int, code: int) -> None:
    """REJECTED: the command changed nothing."""
    event = next_event(c, _REJECTED)
    set_event_sells(event, 0)
    set_event_note(event, code)
    set_event_instrument(event, 0)
    set_event_id(event, command_id(command))
    set_event_maker_id(event, 0)
    set_event_account(event, command_account(command))
    set_event_maker_account(event, 0)
    set_event_tick(event, 0)
    set_event_lots(event, 0)
    set_event_remaining(event, 0)
    set_event_maker_remaining(event, 0)
    set_event_fee(event, 0)
    set_event_maker_fee(event, 0)
