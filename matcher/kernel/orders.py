"""Every command, and what it answers: docs/reference/matching.md, one function per chapter.

Admission's verdict arrives with the command (`verdict_of`): its checks 1 to 14 outrank those made
here, 17 to 19 come after 15 and 16. Slots that are busy, unlisted instruments and unknown orders
are found here again, as the kernel would break on them.
"""

from matcher.errors import Reject
from matcher.events import CancelReason
from matcher.kernel.book import (
    best_of,
    crosses,
    has_room,
    level_of,
    order_at,
    side_of,
    slot_of,
    stand,
)
from matcher.kernel.events import (
    say_accepted,
    say_amended,
    say_canceled,
    say_rejected,
    say_rested,
)
from matcher.kernel.fields import (
    book_closes_at,
    book_tick_value,
    command_account,
    command_flags,
    command_id,
    command_instrument,
    command_kind,
    command_quantity,
    command_reason,
    command_self_trade,
    command_sells,
    command_signer,
    command_tick,
    command_time,
    command_verdict,
    context_books_limit,
    context_free,
    context_free_count,
    context_high_water,
    context_holding_bits,
    context_holding_table,
    context_holdings_count,
    context_holdings_limit,
    context_lag,
    context_live,
    context_next_seq,
    context_now,
    context_order_bits,
    context_order_table,
    context_pairs,
    context_signers,
    context_slots,
    context_soonest,
    entry_word,
    free_slot,
    holding_lots,
    level_lots,
    order_account,
    order_expiry,
    order_flags,
    order_id,
    order_instrument,
    order_quantity,
    order_remaining,
    order_rests,
    order_sells,
    order_seq,
    order_signer,
    order_tick,
    pair_value,
    set_context_free_count,
    set_context_high_water,
    set_context_holdings_count,
    set_context_live,
    set_context_next_seq,
    set_context_now,
    set_context_soonest,
    set_holding_account,
    set_holding_instrument,
    set_holding_lots,
    set_holding_tried,
    set_level_lots,
    set_order_account,
    set_order_expiry,
    set_order_flags,
    set_order_holding,
    set_order_id,
    set_order_instrument,
    set_order_quantity,
    set_order_remaining,
    set_order_rests,
    set_order_sells,
    set_order_seq,
    set_order_signer,
    set_order_tick,
    set_pair_key,
    set_pair_value,
    set_signer_until,
    set_word_bits,
    signer_until,
    word_bits,
)
from matcher.kernel.layout import (
    FOREVER,
    LATE_VERDICT,
    NOTHING,
    SLOT_BIT_WORDS,
    CommandKind,
)
from matcher.kernel.matching import (
    book_at,
    fills_whole,
    holding_at,
    match,
    release,
    take_out,
    take_out_of,
)
from matcher.kernel.memory import bit, called, inlined, lowest_bit
from matcher.kernel.tables import (
    LOW_HALF,
    SLOT_MASK,
    find_holding,
    find_order,
    holding_hash,
    insert,
    order_hash,
    sort_pairs,
)
from matcher.types import OrderFlag

_PLACE = int(CommandKind.PLACE)
_CANCEL = int(CommandKind.CANCEL)
_CANCEL_ALL = int(CommandKind.CANCEL_ALL)
_AMEND = int(CommandKind.AMEND)
_CLOCK = int(CommandKind.CLOCK)

_POST_ONLY = int(OrderFlag.POST_ONLY)
_IOC = int(OrderFlag.IOC)
_FOK = int(OrderFlag.FOK)
_REDUCE_ONLY = int(OrderFlag.REDUCE_ONLY)

_INSTRUMENT_UNKNOWN = int(Reject.INSTRUMENT_UNKNOWN)
_ORDER_UNKNOWN = int(Reject.ORDER_UNKNOWN)
_SLOT_BUSY = int(Reject.SLOT_BUSY)
_REDUCE_ONLY_NO_POSITION = int(Reject.REDUCE_ONLY_NO_POSITION)
_POST_ONLY_WOULD_TAKE = int(Reject.POST_ONLY_WOULD_TAKE)
_FOK_UNFILLABLE = int(Reject.FOK_UNFILLABLE)
_AMEND_NOT_DOWN = int(Reject.AMEND_NOT_DOWN)
_AMEND_BELOW_FILLED = int(Reject.AMEND_BELOW_FILLED)
_BUSY = int(Reject.BUSY)

_FOR_IOC = int(CancelReason.IOC)
_FOR_EXPIRED = int(CancelReason.EXPIRED)
_FOR_INSTRUMENT_CLOSED = int(CancelReason.INSTRUMENT_CLOSED)
_FOR_SIGNER_INVALID = int(CancelReason.SIGNER_INVALID)


@inlined
def verdict_of(command: int) -> int:
    """Admission's Reject code for a command; 0 if it is admitted."""
    return command_verdict(command)


# --- placing -------------------------------------------------------------------------------------


@called
def place(c: int, command: int) -> None:
    """Accept and match an order, or refuse it."""
    code = refusal(c, command)
    if code != 0:
        say_rejected(c, command, code)
        return
    taker = enter(c, command)
    if order_flags(taker) & _FOK and not fills_whole(c, taker, command_self_trade(command)):
        say_rejected(c, command, _FOK_UNFILLABLE)
        release(c, taker)
        return
    seq = context_next_seq(c)
    set_order_seq(taker, seq)
    set_context_next_seq(c, seq + 1)
    say_accepted(c, taker)
    reason = match(c, taker, command_self_trade(command))
    if order_remaining(taker) == 0:
        release(c, taker)
        return
    if reason == NOTHING and order_flags(taker) & _IOC:
        reason = _FOR_IOC
    if reason != NOTHING:
        say_canceled(c, taker, reason)
        release(c, taker)
    else:
        rest(c, taker)
        say_rested(c, taker)


@inlined
def refusal(c: int, command: int) -> int:
    """The Reject code of checks 1 to 19, and of room; 0 if the order passes."""
    verdict = verdict_of(command)
    if 0 < verdict < LATE_VERDICT:
        return verdict
    if not is_listed(c, command_instrument(command)):
        return _INSTRUMENT_UNKNOWN
    if find_order(c, command_account(command), command_id(command)) != NOTHING:
        return _SLOT_BUSY
    code = kind_refusal(c, command)
    if code != 0:
        return code
    return verdict if verdict != 0 else room_refusal(c, command)


@inlined
def is_listed(c: int, instrument: int) -> bool:
    """Whether the instrument has a book."""
    if instrument >= context_books_limit(c):
        return False
    return book_tick_value(book_at(c, instrument)) != 0


@inlined
def kind_refusal(c: int, command: int) -> int:
    """Checks 15 and 16."""
    flags, sells = command_flags(command), command_sells(command)
    instrument = command_instrument(command)
    if flags & _REDUCE_ONLY:
        number = find_holding(c, command_account(command), instrument)
        held = holding_lots(holding_at(c, number)) if number != 0 else 0
        if (held <= 0) if sells else (held >= 0):
            return _REDUCE_ONLY_NO_POSITION
    if flags & _POST_ONLY:
        best = best_of(c, side_of(instrument, 1 - sells))
        if crosses(command_tick(command), sells, best):
            return _POST_ONLY_WOULD_TAKE
    return 0


@inlined
def room_refusal(c: int, command: int) -> int:
    """BUSY when a pool is at its limit: nothing else that is done needs room."""
    if context_free_count(c) == 0:
        return _BUSY
    instrument = command_instrument(command)
    is_full = context_holdings_count(c) >= context_holdings_limit(c)
    if is_full and find_holding(c, command_account(command), instrument) == 0:
        return _BUSY
    if not has_room(c, side_of(instrument, command_sells(command)), command_tick(command)):
        return _BUSY
    return 0


@inlined
def enter(c: int, command: int) -> int:
    """Write the order into a free slot, its own from now on; its address."""
    free = context_free_count(c) - 1
    set_context_free_count(c, free)
    order = order_at(c, free_slot(context_free(c) + 4 * free))
    account, instrument = command_account(command), command_instrument(command)
    set_order_id(order, command_id(command))
    set_order_remaining(order, command_quantity(command))
    set_order_quantity(order, command_quantity(command))
    set_order_tick(order, command_tick(command))
    set_order_instrument(order, instrument)
    set_order_account(order, account)
    set_order_expiry(order, command_time(command))
    set_order_signer(order, command_signer(command))
    set_order_flags(order, command_flags(command))
    set_order_sells(order, command_sells(command))
    set_order_rests(order, 0)
    set_order_holding(order, holding_of(c, account, instrument))
    return order


@inlined
def holding_of(c: int, account: int, instrument: int) -> int:
    """Number of a holding; a new one, of no lots, if there was none."""
    number = find_holding(c, account, instrument)
    if number != 0:
        return number
    number = context_holdings_count(c) + 1
    set_context_holdings_count(c, number)
    holding = holding_at(c, number)
    set_holding_account(holding, account)
    set_holding_instrument(holding, instrument)
    set_holding_lots(holding, 0)
    set_holding_tried(holding, 0)
    table, bits = context_holding_table(c), context_holding_bits(c)
    insert(table, bits, holding_hash(account, instrument), number)
    return number


@inlined
def rest(c: int, order: int) -> None:
    """An accepted order stands in the book now."""
    slot, account = slot_of(c, order), order_account(order)
    set_context_live(c, context_live(c) + 1)
    if slot >= context_high_water(c):
        set_context_high_water(c, slot + 1)
    set_order_rests(order, 1)
    stand(c, side_of(order_instrument(order), order_sells(order)), order)
    hashed = order_hash(account, order_id(order))
    insert(context_order_table(c), context_order_bits(c), hashed, slot)
    own = order_id(order) & SLOT_MASK
    word = context_slots(c) + 8 * (SLOT_BIT_WORDS * account + (own >> 6))
    set_word_bits(word, word_bits(word) | bit(own & 63))
    set_context_soonest(c, min(context_soonest(c), leaves_at(c, order)))


# --- canceling and amending -----------------------------------------------------------------------


@inlined
def order_in(c: int, place: int) -> int:
    """Address of the order at a place of the table."""
    return order_at(c, entry_word(context_order_table(c) + 8 * place) & LOW_HALF)


@inlined
def find_open(c: int, account: int, wanted: int) -> int:
    """Place in the table of the open order of this id; NOTHING if there is none."""
    place = find_order(c, account, wanted)
    if place != NOTHING and order_id(order_in(c, place)) != wanted:
        return NOTHING
    return place


@inlined
def cancel(c: int, command: int) -> None:
    """Cancel one open order."""
    code = verdict_of(command)
    place = find_open(c, command_account(command), command_id(command))
    if code == 0 and place == NOTHING:
        code = _ORDER_UNKNOWN
    if code != 0:
        say_rejected(c, command, code)
        return
    order = order_in(c, place)
    say_canceled(c, order, command_reason(command))
    take_out_of(c, order, place)


@called
def cancel_all(c: int, command: int) -> None:
    """Cancel all open orders of an account, or those of one instrument, in the order of seq."""
    code, instrument = verdict_of(command), command_instrument(command)
    if code == 0 and instrument != 0 and not is_listed(c, instrument):
        code = _INSTRUMENT_UNKNOWN
    if code != 0:
        say_rejected(c, command, code)
        return
    count = gather_orders_of(c, command_account(command), instrument)
    sort_pairs(context_pairs(c), count)
    for rank in range(count):
        order = pair_value(context_pairs(c) + 16 * rank)
        say_canceled(c, order, command_reason(command))
        take_out(c, order)


@inlined
def put_pair(c: int, count: int, order: int) -> None:
    """Put an order on the list to sort by seq."""
    pair = context_pairs(c) + 16 * count
    set_pair_key(pair, order_seq(order))
    set_pair_value(pair, order)


@called
def gather_orders_of(c: int, account: int, instrument: int) -> int:
    """List an account's open orders, of one instrument unless that is 0; how many."""
    count = 0
    for number in range(SLOT_BIT_WORDS):
        left = word_bits(context_slots(c) + 8 * (SLOT_BIT_WORDS * account + number))
        while left != 0:
            own = lowest_bit(left)
            left &= ~bit(own)
            order = order_in(c, find_order(c, account, 64 * number + own))
            if instrument == 0 or order_instrument(order) == instrument:
                put_pair(c, count, order)
                count += 1
    return count


@called
def amend(c: int, command: int) -> None:
    """Lower an order's quantity; it keeps its place."""
    code = verdict_of(command)
    place = find_open(c, command_account(command), command_id(command))
    if code == 0:
        code = amend_refusal(c, place, command_quantity(command))
    if code != 0:
        say_rejected(c, command, code)
        return
    order = order_in(c, place)
    lowered = order_quantity(order) - command_quantity(command)
    side = side_of(order_instrument(order), order_sells(order))
    level = level_of(c, side, order_tick(order))
    set_level_lots(level, level_lots(level) - lowered)
    set_order_remaining(order, order_remaining(order) - lowered)
    set_order_quantity(order, command_quantity(command))
    say_amended(c, order)


@inlined
def amend_refusal(c: int, place: int, quantity: int) -> int:
    """The Reject code of an amend of the order at a place of the table; 0 if it passes."""
    if place == NOTHING:
        return _ORDER_UNKNOWN
    order = order_in(c, place)
    if quantity >= order_quantity(order):
        return _AMEND_NOT_DOWN
    if quantity <= order_quantity(order) - order_remaining(order):
        return _AMEND_BELOW_FILLED
    return 0


# --- time ----------------------------------------------------------------------------------------


@inlined
def leaves_at(c: int, order: int) -> int:
    """The first second at which an order leaves by time, as things stand."""
    soonest = min(order_expiry(order), signer_until(context_signers(c) + 8 * order_signer(order)))
    closes_at = book_closes_at(book_at(c, order_instrument(order)))
    return min(soonest + 1, closes_at - context_lag(c))


@inlined
def leaves_for(c: int, order: int) -> int:
    """The first reason that holds for an order whose time has come."""
    if order_expiry(order) < context_now(c):
        return _FOR_EXPIRED
    closes_at = book_closes_at(book_at(c, order_instrument(order)))
    if context_now(c) + context_lag(c) >= closes_at:
        return _FOR_INSTRUMENT_CLOSED
    return _FOR_SIGNER_INVALID


@called
def clock(c: int, command: int) -> None:
    """Time passes; orders whose time has come leave in the order of seq.

    No order is looked at before the soonest of their ends; then all are, once.
    """
    set_context_now(c, max(context_now(c), command_time(command)))
    if context_now(c) < context_soonest(c):
        return
    count, soonest = 0, FOREVER
    for slot in range(1, context_high_water(c)):
        order = order_at(c, slot)
        if order_rests(order) != 0:
            end = leaves_at(c, order)
            if end <= context_now(c):
                put_pair(c, count, order)
                count += 1
            else:
                soonest = min(soonest, end)
    set_context_soonest(c, soonest)
    sort_pairs(context_pairs(c), count)
    for rank in range(count):
        order = pair_value(context_pairs(c) + 16 * rank)
        say_canceled(c, order, leaves_for(c, order))
        take_out(c, order)


@called
def set_signer(c: int, command: int) -> None:
    """A signer's orders stand until then; those that must leave do so at the next CLOCK."""
    set_signer_until(context_signers(c) + 8 * command_signer(command), command_time(command))
    set_context_soonest(c, min(context_soonest(c), command_time(command) + 1))


# --- all of them ---------------------------------------------------------------------------------


@inlined
def apply(c: int, command: int) -> None:
    """One command."""
    kind = command_kind(command)
    if kind == _PLACE:
        place(c, command)
    elif kind == _CANCEL:
        cancel(c, command)
    elif kind == _AMEND:
        amend(c, command)
    elif kind == _CANCEL_ALL:
        cancel_all(c, command)
    elif kind == _CLOCK:
        clock(c, command)
    else:
        set_signer(c, command)
