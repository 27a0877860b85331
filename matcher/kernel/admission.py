"""Whether a message is admitted: the checks of docs/reference/matching.md, in their order.

Each function answers a Reject code, or 0; what the refusal says is kept beside it (`refused`).
"""

from matcher.errors import Reject
from matcher.kernel.accounts import (
    account_at,
    book_at,
    has_holding_room,
    holding_at,
    is_open,
    worst_with_orders,
)
from matcher.kernel.book import best_of, crosses, has_room, none_best, side_of
from matcher.kernel.context import (
    context_batch_open,
    context_books_limit,
    context_free_orders,
    context_halted,
    context_now,
)
from matcher.kernel.events import refused
from matcher.kernel.fields import (
    account_elsewhere,
    account_idle,
    account_instruments,
    book_closed,
    book_lots_max,
    book_tick_value,
    book_ticks_max,
    command_account,
    command_flags,
    command_id,
    command_instrument,
    command_mark,
    command_quantity,
    command_sells,
    command_signer,
    command_tick,
    command_time,
    holding_asks,
    holding_bids,
    holding_lots,
    slot_filled,
    slot_generation,
    slot_seen,
)
from matcher.kernel.layout import CommandMark
from matcher.kernel.memory import called, inlined
from matcher.kernel.signers import order_signer_refusal
from matcher.kernel.slots import generation_of, has_page_room, open_order, slot_at, was_seen
from matcher.types import FIRST_USER_ACCOUNT, MAX_POSITIONS, OrderFlag

_OFF_TICK_MARK = int(CommandMark.OFF_TICK)
_POST_ONLY = int(OrderFlag.POST_ONLY)
_REDUCE_ONLY = int(OrderFlag.REDUCE_ONLY)

_ACCOUNT_UNKNOWN = int(Reject.ACCOUNT_UNKNOWN)
_INSTRUMENT_UNKNOWN = int(Reject.INSTRUMENT_UNKNOWN)
_INSTRUMENT_CLOSED = int(Reject.INSTRUMENT_CLOSED)
_HALTED = int(Reject.HALTED)
_EXPIRED = int(Reject.EXPIRED)
_STALE_ID = int(Reject.STALE_ID)
_SLOT_BUSY = int(Reject.SLOT_BUSY)
_ID_USED = int(Reject.ID_USED)
_OFF_TICK = int(Reject.OFF_TICK)
_NOTIONAL_TOO_LARGE = int(Reject.NOTIONAL_TOO_LARGE)
_POST_ONLY_WOULD_TAKE = int(Reject.POST_ONLY_WOULD_TAKE)
_BUSY = int(Reject.BUSY)
_DURING_BATCH = int(Reject.DURING_BATCH)
_INSUFFICIENT_MARGIN = int(Reject.INSUFFICIENT_MARGIN)
_REDUCE_ONLY_NO_POSITION = int(Reject.REDUCE_ONLY_NO_POSITION)
_TOO_MANY_POSITIONS = int(Reject.TOO_MANY_POSITIONS)
_POSITION_TOO_LARGE = int(Reject.POSITION_TOO_LARGE)


# --- who, and when -------------------------------------------------------------------------------


@inlined
def user_refusal(c: int, account: int) -> int:
    """Checks 1 and 2: a batch is open, and so is the account, which is a user's."""
    if context_batch_open(c) == 0:
        return refused(c, _DURING_BATCH, 0, 0)
    if account < FIRST_USER_ACCOUNT or not is_open(c, account):
        return refused(c, _ACCOUNT_UNKNOWN, account, FIRST_USER_ACCOUNT)
    return 0


@inlined
def halted_refusal(c: int) -> int:
    """Check 4."""
    return refused(c, _HALTED, 0, 0) if context_halted(c) != 0 else 0


@inlined
def expired_refusal(c: int, expiry: int) -> int:
    """Check 8."""
    return refused(c, _EXPIRED, expiry, context_now(c)) if expiry < context_now(c) else 0


@inlined
def id_refusal(c: int, slot: int, message: int) -> int:
    """Checks 10 to 12; `slot` is the number of the id's slot, 0 if its page was never used."""
    return used_id_refusal(c, slot_at(c, slot), message) if slot != 0 else 0


@inlined
def used_id_refusal(c: int, slot: int, message: int) -> int:
    """Checks 10 to 12 of a slot that there is."""
    generation, least = generation_of(message), slot_generation(slot)
    if was_seen(slot):
        least = max(least, slot_seen(slot))
    if generation < least:
        return refused(c, _STALE_ID, message, least)
    if open_order(slot) != 0:
        return refused(c, _SLOT_BUSY, message, 0)
    is_last = was_seen(slot) and slot_seen(slot) == generation
    if is_last or (slot_generation(slot) == generation and slot_filled(slot) > 0):
        return refused(c, _ID_USED, message, 0)
    return 0


# --- placing -------------------------------------------------------------------------------------


@inlined
def is_listed(c: int, instrument: int) -> bool:
    """Whether the instrument has a book."""
    if instrument >= context_books_limit(c):
        return False
    return book_tick_value(book_at(c, instrument)) != 0


@inlined
def order_refusal(c: int, command: int, slot: int, holding: int) -> int:
    """Checks 5 to 18, and whether there is room; `slot` and `holding` are numbers, 0: none yet."""
    account, instrument = command_account(command), command_instrument(command)
    if not is_listed(c, instrument):
        return refused(c, _INSTRUMENT_UNKNOWN, instrument, 0)
    at, book = account_at(c, account), book_at(c, instrument)
    code = order_signer_refusal(c, account, at, command_signer(command))
    if code != 0:
        return code
    code = expired_refusal(c, command_time(command))
    if code != 0:
        return code
    if book_closed(book) != 0:
        return refused(c, _INSTRUMENT_CLOSED, instrument, context_now(c))
    code = id_refusal(c, slot, command_id(command))
    if code != 0:
        return code
    code = price_refusal(c, command, book)
    if code != 0:
        return code
    code = kind_refusal(c, command, holding)
    if code != 0:
        return code
    code = limits_refusal(c, command, holding, at, book)
    return code if code != 0 else room_refusal(c, command, slot, holding)


@inlined
def price_refusal(c: int, command: int, book: int) -> int:
    """Checks 13 and 14.

    Where the whole product could pass 63 bits, which compiled code may take for granted it does
    not, that of the upper bits is too large already.
    """
    if command_mark(command) & _OFF_TICK_MARK:
        return refused(c, _OFF_TICK, command_tick(command), book_tick_value(book))
    tick, quantity, most = command_tick(command), command_quantity(command), book_ticks_max(book)
    if (tick >> 16) * quantity > most >> 16 or tick * quantity > most:
        return refused(c, _NOTIONAL_TOO_LARGE, command_quantity(command), 0)
    return 0


@inlined
def kind_refusal(c: int, command: int, holding: int) -> int:
    """Checks 15 and 16."""
    flags = command_flags(command)
    if flags & (_REDUCE_ONLY | _POST_ONLY) == 0:
        return 0
    sells = command_sells(command)
    if flags & _REDUCE_ONLY:
        held = holding_lots(holding_at(c, holding)) if holding != 0 else 0
        if (held <= 0) if sells else (held >= 0):
            return refused(c, _REDUCE_ONLY_NO_POSITION, held, 0)
    if flags & _POST_ONLY:
        opposite = side_of(command_instrument(command), 1 - sells)
        best = best_of(c, opposite)
        if best != none_best(opposite) and crosses(command_tick(command), sells, best):
            return refused(c, _POST_ONLY_WOULD_TAKE, command_tick(command), best)
    return 0


@inlined
def limits_refusal(c: int, command: int, holding: int, account: int, book: int) -> int:
    """Checks 17 and 18."""
    if holding == 0 or holding == account_idle(account):
        count = account_instruments(account) + account_elsewhere(account)
        if count >= MAX_POSITIONS:
            return refused(c, _TOO_MANY_POSITIONS, count + 1, MAX_POSITIONS)
    lots = command_quantity(command)
    if holding != 0:
        lots += lots_with_orders(holding_at(c, holding), command_sells(command))
    if lots > book_lots_max(book):
        return refused(c, _POSITION_TOO_LARGE, lots, book_lots_max(book))
    return 0


@inlined
def lots_with_orders(holding: int, sells: int) -> int:
    """Lots held in a direction, if any, and on order in it."""
    if sells:
        return max(0, -holding_lots(holding)) + holding_asks(holding)
    return max(0, holding_lots(holding)) + holding_bids(holding)


@inlined
def room_refusal(c: int, command: int, slot: int, holding: int) -> int:
    """BUSY when a pool is at its limit: nothing else that is done needs room."""
    if context_free_orders(c) == 0 or not has_page_room(c, slot):
        return refused(c, _BUSY, 0, 0)
    if holding == 0 and not has_holding_room(c):
        return refused(c, _BUSY, 0, 0)
    side = side_of(command_instrument(command), command_sells(command))
    if not has_room(c, side, command_tick(command)):
        return refused(c, _BUSY, 0, 0)
    return 0


@called
def margin_refusal(c: int, account: int, amount: int) -> int:
    """INSUFFICIENT_MARGIN; `amount` atoms are asked for."""
    return refused(c, _INSUFFICIENT_MARGIN, amount, max(0, worst_with_orders(account)))
