"""Placing an order: checks in this order (matching.md), then matching."""

from dataclasses import replace

from matcher.commands import PlaceOrder
from matcher.errors import Reject
from matcher.events import CancelReason, Duplicate, OrderAccepted, OrderRested
from matcher.reference.book import Book, OpenOrder
from matcher.reference.floor import Floor, Refused, require
from matcher.reference.leaf import generation_of, slot_of
from matcher.reference.matching import match
from matcher.types import (
    FIRST_USER_ACCOUNT,
    MAX_POSITIONS,
    NOTIONAL_END,
    POSITION_LOTS_MAX,
    POSITION_VALUE_MAX,
    U32,
    OrderFlag,
    SignedOrder,
)


def place(floor: Floor, command: PlaceOrder) -> None:
    """Accept and match an order, or refuse it."""
    signed = command.signed
    require_batch(floor)
    require_user(floor, signed.order.account)
    if is_duplicate(floor, signed.order.account, signed.order.id, signed.digest):
        return
    require_not_halted(floor)
    order = check(floor, signed)
    if order.has(OrderFlag.FOK):
        require_fills_whole(floor, order, command.self_trade)

    floor.next_seq += 1
    see(floor, order.account, order.id, signed.digest)
    floor.emit(
        OrderAccepted(
            account=order.account,
            id=order.id,
            instrument=order.instrument,
            buy=order.buy,
            tick=order.tick,
            lots=order.quantity,
        )
    )
    reason = match(floor, order, command.self_trade)
    if order.remaining == 0:
        return
    if reason is None and order.has(OrderFlag.IOC):
        reason = CancelReason.IOC
    if reason is not None:
        floor.say_canceled(order, reason)
    else:
        floor.rest(order)
        floor.emit(OrderRested(account=order.account, id=order.id, remaining=order.remaining))


def check(floor: Floor, signed: SignedOrder) -> OpenOrder:
    """Checks 5 to 19; the order as it would be."""
    terms = signed.order
    instrument = floor.symbols.get(terms.instrument)
    if instrument is None:
        raise Refused(Reject.INSTRUMENT_UNKNOWN, "instrument", terms.instrument, "a listed symbol")
    require_order_signer(floor, terms.account, signed.signer)
    require(terms.expiry >= floor.now, Reject.EXPIRED, "expiry", terms.expiry, f">= {floor.now}")
    require(
        floor.now + floor.windows.lag < floor.context.instruments[instrument].expires_at,
        Reject.INSTRUMENT_CLOSED,
        "instrument",
        terms.instrument,
        f"an expiry after {floor.now + floor.windows.lag}",
    )
    require_fresh_id(floor, terms.account, terms.id)
    order = priced(floor, signed, instrument)
    check_kind(floor, order)
    check_limits(floor, order)
    worst = floor.worst_with_orders(order.account, order)
    require(worst >= 0, Reject.INSUFFICIENT_MARGIN, "quantity", f"worst {worst}", "worst >= 0")
    return order


def priced(floor: Floor, signed: SignedOrder, instrument: int) -> OpenOrder:
    """Checks 13 and 14."""
    terms = signed.order
    market = floor.context.instruments[instrument].market
    tick_value = floor.context.markets[market].tick_value
    tick, rest = divmod(terms.price, tick_value)
    require(
        rest == 0 and tick <= U32,
        Reject.OFF_TICK,
        "price",
        terms.price,
        f"a multiple of {tick_value}, less than 2^32 times it",
    )
    require(
        terms.price * terms.quantity < NOTIONAL_END,
        Reject.NOTIONAL_TOO_LARGE,
        "quantity",
        terms.quantity,
        "price * quantity below 2^62",
    )
    return OpenOrder(signed, floor.next_seq, instrument, tick, terms.quantity, terms.quantity)


def check_kind(floor: Floor, order: OpenOrder) -> None:
    """Checks 15 and 16."""
    if order.has(OrderFlag.REDUCE_ONLY):
        position = floor.account(order.account).positions.get(order.instrument, 0)
        require(
            (position < 0) if order.buy else (position > 0),
            Reject.REDUCE_ONLY_NO_POSITION,
            "flags",
            f"position {position}",
            "an opposite position",
        )
    if order.has(OrderFlag.POST_ONLY):
        best = floor.books.get(order.instrument, Book()).best_against(order)
        if best is not None:
            allowed = f"a price that does not meet tick {best.tick}"
            raise Refused(Reject.POST_ONLY_WOULD_TAKE, "price", order.price, allowed)


def check_limits(floor: Floor, order: OpenOrder) -> None:
    """Checks 17 and 18."""
    positions = floor.account(order.account).positions
    others = floor.orders.get(order.account, {}).values()
    instruments = positions.keys() | {o.instrument for o in others} | {order.instrument}
    require(
        len(instruments) <= MAX_POSITIONS,
        Reject.TOO_MANY_POSITIONS,
        "instrument",
        f"{len(instruments)} instruments",
        f"at most {MAX_POSITIONS}",
    )
    position = positions.get(order.instrument, 0)
    lots = max(0, position if order.buy else -position) + order.quantity
    lots += sum(
        o.remaining for o in others if o.instrument == order.instrument and o.buy == order.buy
    )
    listed = floor.context.instruments[order.instrument]
    cap = floor.context.caps[listed.market, listed.expiry]
    require(
        lots * cap <= POSITION_VALUE_MAX and lots <= POSITION_LOTS_MAX,
        Reject.POSITION_TOO_LARGE,
        "quantity",
        f"{lots} lots",
        f"at most {min(POSITION_VALUE_MAX // cap, POSITION_LOTS_MAX)} lots",
    )


def require_fills_whole(floor: Floor, order: OpenOrder, self_trade: int) -> None:
    """Check 20: try it on a copy."""
    tried = replace(order)
    match(floor.fork(order.instrument), tried, self_trade)
    require(
        tried.remaining == 0,
        Reject.FOK_UNFILLABLE,
        "quantity",
        order.quantity,
        f"at most {tried.filled} now",
    )


# --- checks that other commands share ------------------------------------------------------------


def require_batch(floor: Floor) -> None:
    """Check 1."""
    require(floor.batch_open, Reject.DURING_BATCH, "batch", "none open", "an open batch")


def require_user(floor: Floor, account: int) -> None:
    """Check 2."""
    known = account in floor.owners and account >= FIRST_USER_ACCOUNT
    require(known, Reject.ACCOUNT_UNKNOWN, "account", account, "an open account, 2 or above")


def require_not_halted(floor: Floor) -> None:
    """Check 4."""
    require(not floor.halted, Reject.HALTED, "exchange", "halted", "cancels and withdrawals")


def require_signer(floor: Floor, account: int, signer: bytes) -> None:
    """The owner, or a key that is valid now."""
    if signer == floor.owners[account]:
        return
    window = floor.keys.get(account, {}).get(signer)
    if window is None:
        allowed = f"owner {floor.owners[account].hex()} or a registered key"
        raise Refused(Reject.SIGNER_UNKNOWN, "signature", f"signer {signer.hex()}", allowed)
    valid_from, valid_until = window
    built_at = floor.context.built_at
    require(
        valid_from <= built_at,
        Reject.KEY_NOT_YET_VALID,
        "signature",
        f"valid from {valid_from}",
        f"at most {built_at}",
    )
    require(
        valid_until >= floor.now,
        Reject.KEY_EXPIRED,
        "signature",
        f"valid until {valid_until}",
        f"at least {floor.now}",
    )


def require_order_signer(floor: Floor, account: int, signer: bytes) -> None:
    """Checks 6 and 7."""
    require_signer(floor, account, signer)
    until = floor.orders_until.get(account, 0)
    if signer == floor.owners[account]:
        require(
            until == 0 or until >= floor.now,
            Reject.ORDERS_UNTIL_PASSED,
            "signature",
            f"orders until {until}",
            f"at least {floor.now}",
        )


def is_duplicate(floor: Floor, account: int, message_id: int, digest: bytes) -> bool:
    """Check 3; answers if so."""
    number = slot_of(message_id)
    if floor.seen.get(account, {}).get(number) != (message_id, digest):
        return False
    slot = floor.account(account).slots[number]
    order = floor.orders.get(account, {}).get(number)
    floor.emit(
        Duplicate(
            account=account,
            id=message_id,
            filled=slot.filled if slot.generation == generation_of(message_id) else 0,
            remaining=order.remaining if order else 0,
        )
    )
    return True


def require_fresh_id(floor: Floor, account: int, message_id: int) -> None:
    """Checks 10 to 12."""
    number, generation = slot_of(message_id), generation_of(message_id)
    slot = floor.account(account).slots[number]
    last_id, _ = floor.seen.get(account, {}).get(number, (None, b""))
    least = max(slot.generation, 0 if last_id is None else generation_of(last_id))
    require(generation >= least, Reject.STALE_ID, "id", message_id, f"generation {least} or above")
    busy = floor.orders.get(account, {}).get(number)
    require(busy is None, Reject.SLOT_BUSY, "id", message_id, f"a slot other than {number}")
    used = message_id == last_id or (slot.generation == generation and slot.filled > 0)
    require(not used, Reject.ID_USED, "id", message_id, "an id that was not used")


def see(floor: Floor, account: int, message_id: int, digest: bytes) -> None:
    """Remember the last message of a slot."""
    floor.seen.setdefault(account, {})[slot_of(message_id)] = (message_id, digest)
