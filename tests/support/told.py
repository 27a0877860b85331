"""Python's events as the kernel's records, for what reads those."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from matcher import events as e
from matcher.kernel.layout import COMMAND, EVENT, EVENT_NUMBERS, EventKind


def record_of(event: e.Event) -> dict[str, Any] | None:
    """Fields of an event's record; None if no op follows from it, and no order leaves by it."""
    match event:
        case e.Trade():
            return {
                "kind": EventKind.TRADE,
                "instrument": event.instrument,
                "tick": event.tick,
                "lots": event.lots,
                "sells": event.taker_sells,
                "account": event.taker,
                "id": event.taker_id,
                "remaining": event.taker_remaining,
                "maker_account": event.maker,
                "maker_id": event.maker_id,
                "maker_remaining": event.maker_remaining,
            }
        case e.OrderRested():
            return _of_order(EventKind.RESTED, event)
        case e.OrderCanceled():
            return _of_order(EventKind.CANCELED, event)
        case e.Credited():
            return _amount(EventKind.CREDITED, event.account, event.amount)
        case e.Released():
            return _amount(EventKind.RELEASED, event.account, event.amount, other=event.served)
        case e.Withdrawn():
            message = event.message
            return _amount(EventKind.WITHDRAWN, message.account, message.amount, id=message.id)
        case e.Transferred():
            m = event.message
            more = {"id": m.id, "maker_account": m.target}
            return _amount(EventKind.TRANSFERRED, m.source, m.amount, **more)
        case e.SettledPosition():
            more = {"instrument": event.market, "tick": event.expiry}
            return _amount(EventKind.SETTLED, event.account, event.cash, **more)
        case e.BatchOpened():
            return _amount(EventKind.BATCH_OPENED, 0, event.built_at)
        case e.BatchClosed():
            return _amount(EventKind.BATCH_CLOSED, 0, event.built_at, lots=event.ops)
        case e.Rejected():
            return {"kind": EventKind.REJECTED}
        case _:
            return None


def _of_order(kind: EventKind, event: e.OrderRested | e.OrderCanceled) -> dict[str, Any]:
    return {
        "kind": kind,
        "account": event.account,
        "id": event.id,
        "remaining": event.remaining,
    }


def _amount(
    kind: EventKind, account: int, amount: int, other: int = 0, **more: int
) -> dict[str, Any]:
    return {"kind": kind, "account": account, "amount": amount, "other": other} | more


def records_of(events: list[e.Event]) -> NDArray[Any]:
    """The records of a command's events."""
    rows = [row for event in events if (row := record_of(event)) is not None]
    records = np.zeros(len(rows), EVENT)
    amounts = records.view(EVENT_NUMBERS)
    for place, row in enumerate(rows):
        for name, value in row.items():
            (amounts if name in ("amount", "other") else records)[name][place] = value
    return records


def lines_of(encoded: list[bytes]) -> NDArray[Any]:
    """Commands as records, side by side."""
    return np.frombuffer(b"".join(encoded), COMMAND).copy()
