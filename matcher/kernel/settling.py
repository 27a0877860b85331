"""What each op does to the settlement state (section 5), and why it would not.

An op is checked before it changes anything. Checks come in the order in which the protocol's rules
are judged; the first that fails is answered as a `Refusal`, with the numbers that tell it.
"""

from matcher.kernel.leaves import (
    drop_position,
    held_at,
    instrument_of,
    place_of_position,
    position_at,
    put_position,
)
from matcher.kernel.memory import added, called, inlined, less, raised, turned
from matcher.kernel.opwords import (
    CREDIT,
    FILL,
    RELEASE,
    SETTLE,
    TAKER_SELLS,
    TRANSFER,
    WITHDRAW,
    account_of,
    amount_of,
    fill_flags,
    fill_instrument,
    fill_lots,
    fill_maker,
    fill_maker_order,
    fill_taker,
    fill_taker_order,
    fill_tick,
    is_op,
    kind_of,
    release_served,
    settle_key,
    transfer_amount,
    transfer_order,
    transfer_target,
    withdraw_order,
)
from matcher.kernel.settlement_layout import (
    Refusal,
    cell_value,
    context_built_at,
    context_fees_high,
    context_fees_low,
    context_filled,
    context_ops,
    context_terms,
    dirty_named,
    dirty_quarter,
    dirty_staged,
    entry_account,
    entry_cash,
    entry_count,
    entry_credited,
    entry_exited,
    entry_opened,
    entry_released,
    entry_served,
    expiry_price,
    instrument_closes_at,
    instrument_expiry,
    instrument_lots_max,
    instrument_market,
    instrument_tick_value,
    opened_asks,
    opened_deposited,
    set_cell_value,
    set_context_account,
    set_context_allowed,
    set_context_code,
    set_context_fees_high,
    set_context_fees_low,
    set_context_filled,
    set_context_found,
    set_context_ops,
    set_dirty_named,
    set_dirty_quarter,
    set_dirty_staged,
    set_entry_cash,
    set_entry_credited,
    set_entry_exited,
    set_entry_released,
    set_entry_served,
    set_entry_touched,
    terms_expiries,
    terms_opened,
)
from matcher.kernel.terms import find_expiry, find_instrument, is_fixed, maker_rate, taker_rate
from matcher.kernel.touched import find_entry, slot_cell, slot_filled, slot_generation, slot_word
from matcher.kernel.worth import paid_at
from matcher.types import (
    CHUNK_OPS,
    FEE_ACCOUNT,
    FIRST_USER_ACCOUNT,
    MAX_POSITIONS,
    NOTIONAL_END,
    ORDER_ID_END,
    POSITION_LOTS_MAX,
    U32,
    U56,
)

_NONE = int(Refusal.NONE)
_MALFORMED = int(Refusal.MALFORMED)
_CHUNK_FULL = int(Refusal.CHUNK_FULL)
_UNOPENED = int(Refusal.UNOPENED)
_RESERVED = int(Refusal.RESERVED)
_ONE_ACCOUNT = int(Refusal.ONE_ACCOUNT)
_NO_LOTS = int(Refusal.NO_LOTS)
_AFTER_RELEASE = int(Refusal.AFTER_RELEASE)
_UNLISTED = int(Refusal.UNLISTED)
_TOO_LATE = int(Refusal.TOO_LATE)
_NOTIONAL = int(Refusal.NOTIONAL)
_ORDER_ID = int(Refusal.ORDER_ID)
_STALE = int(Refusal.STALE)
_USED = int(Refusal.USED)
_OVERFILLED = int(Refusal.OVERFILLED)
_POSITION = int(Refusal.POSITION)
_POSITIONS = int(Refusal.POSITIONS)
_CASH = int(Refusal.CASH)
_OVER_CREDITED = int(Refusal.OVER_CREDITED)
_TO_ITSELF = int(Refusal.TO_ITSELF)
_SERVED = int(Refusal.SERVED)
_FEES_BESIDE_FILL = int(Refusal.FEES_BESIDE_FILL)
_EXITED = int(Refusal.EXITED)
_NO_PRICE = int(Refusal.NO_PRICE)

_SLOT_BITS = 12
_SLOT_MASK = (1 << _SLOT_BITS) - 1
_SIGN = -1 << 63
_FEE_DIVISOR = 8  # a fee is at most an eighth of the notional
_WHOLE = -1  # lots of a withdrawal or transfer: they use a slot up


@inlined
def refused(c: int, code: int, account: int, found: int, allowed: int) -> int:
    """Note why; the code."""
    set_context_code(c, code)
    set_context_account(c, account)
    set_context_found(c, found)
    set_context_allowed(c, allowed)
    return code


@inlined
def is_below(x: int, y: int) -> bool:
    """Whether a u64 is below another; both are in int64."""
    return (x ^ _SIGN) < (y ^ _SIGN)


# --- what several ops share ----------------------------------------------------------------------


@inlined
def touch(entry: int) -> int:
    """An entry that an op has named, and may have changed."""
    set_entry_touched(entry, 1)
    return entry


@inlined
def check_opened(c: int, entry: int) -> int:
    """That the chain has opened an account."""
    if entry_opened(entry) == 0:
        return refused(c, _UNOPENED, entry_account(entry), 0, 0)
    return _NONE


@inlined
def check_gain(c: int, entry: int, gain: int) -> int:
    """That cash stays an i64 when it grows by a u64."""
    cash = added(entry_cash(entry), gain)
    return refused(c, _CASH, 0, cash, 1) if cash < entry_cash(entry) else _NONE


@inlined
def check_loss(c: int, entry: int, loss: int) -> int:
    """That cash stays an i64 when it falls by a u64."""
    cash = less(entry_cash(entry), loss)
    return refused(c, _CASH, 0, cash, -1) if cash > entry_cash(entry) else _NONE


@inlined
def check_change(c: int, entry: int, change: int) -> int:
    """That cash stays an i64 when an i64 is added."""
    cash = added(entry_cash(entry), change)
    if change >= 0:
        return refused(c, _CASH, 0, cash, 1) if cash < entry_cash(entry) else _NONE
    return refused(c, _CASH, 0, cash, -1) if cash > entry_cash(entry) else _NONE


@inlined
def check_exit(c: int, entry: int, amount: int) -> int:
    """That so much may leave an account, by the widths of its fields."""
    wrong = check_loss(c, entry, amount)
    if wrong != _NONE:
        return wrong
    exited = added(entry_exited(entry), amount)
    return refused(c, _EXITED, 0, exited, 0) if is_below(exited, amount) else _NONE


@called
def check_slot(c: int, entry: int, order: int, lots: int) -> int:
    """That an order's slot may take `lots` more, or all; what it will hold is staged.

    A slot of an older generation is fresh; one of a newer is another order's.
    """
    if order >= ORDER_ID_END:
        return refused(c, _ORDER_ID, 0, order, 0)
    dirty = slot_word(c, entry, (order & _SLOT_MASK) >> 2)
    quarter, generation = order & 3, order >> _SLOT_BITS
    known = slot_generation(c, dirty, quarter)
    if generation < known:
        return refused(c, _STALE, 0, order, known)
    before = slot_filled(c, dirty, quarter) if generation == known else 0
    after = before + lots
    if lots == _WHOLE:
        if before != 0:
            return refused(c, _USED, 0, order, 0)
        after = U32
    elif after > U32:
        return refused(c, _OVERFILLED, 0, order, 0)
    set_dirty_quarter(dirty, quarter)
    set_dirty_staged(dirty, raised(generation, 32) | after)
    return _NONE


@inlined
def use_slot(c: int, entry: int, order: int) -> None:
    """Write what `check_slot` has staged."""
    dirty = slot_word(c, entry, (order & _SLOT_MASK) >> 2)
    quarter = dirty_quarter(dirty)
    set_cell_value(slot_cell(c, dirty, quarter), turned(dirty_staged(dirty)))
    set_dirty_named(dirty, dirty_named(dirty) | (1 << quarter))


# --- FILL ----------------------------------------------------------------------------------------


@inlined
def fee(rate: int, lots: int, notional: int) -> int:
    """Fee of one side of a fill, atoms; negative is a rebate."""
    if rate >= 0:
        return min(lots * rate, notional // _FEE_DIVISOR)
    return -min(lots * -rate, notional // _FEE_DIVISOR)


@inlined
def notional_of(tick: int, lots: int, tick_value: int) -> int:
    """Atoms; NOTIONAL_END if it is not below that. Lots are not 0."""
    most = NOTIONAL_END - 1
    if tick > most // lots:
        return NOTIONAL_END
    if tick_value != 0 and tick * lots > most // tick_value:
        return NOTIONAL_END
    return tick * lots * tick_value


@inlined
def check_side(c: int, entry: int, terms: int, instrument: int, lots: int, cash: int) -> int:
    """That an account may hold what a fill leaves it with."""
    place = place_of_position(entry, instrument)
    held = held_at(entry, place, instrument)
    after = held + lots
    if abs(after) > instrument_lots_max(terms) or after > POSITION_LOTS_MAX:
        return refused(c, _POSITION, entry_account(entry), after, 0)
    if after != 0 and held == 0 and entry_count(entry) == MAX_POSITIONS:
        return refused(c, _POSITIONS, entry_account(entry), MAX_POSITIONS + 1, 0)
    return check_change(c, entry, cash)


@inlined
def check_parties(c: int, word: int, taker: int, maker: int, fees: int) -> int:
    """That these accounts may trade with each other here."""
    wrong = check_opened(c, taker)
    if wrong == _NONE:
        wrong = check_opened(c, maker)
    if wrong == _NONE:
        wrong = check_opened(c, fees)
    if wrong != _NONE:
        return wrong
    least = min(fill_taker(word), fill_maker(word))
    if least < FIRST_USER_ACCOUNT:
        return refused(c, _RESERVED, least, 0, 0)
    if taker == maker:
        return refused(c, _ONE_ACCOUNT, 0, 0, 0)
    if fill_lots(word) == 0:
        return refused(c, _NO_LOTS, 0, 0, 0)
    if entry_released(fees) != 0:
        return refused(c, _AFTER_RELEASE, 0, 0, 0)
    return _NONE


@called
def apply_fill(c: int, word: int) -> int:
    """A trade: cash and lots change hands, and each side pays its fee."""
    taker, maker = find_entry(c, fill_taker(word)), find_entry(c, fill_maker(word))
    fees = find_entry(c, FEE_ACCOUNT)
    wrong = check_parties(c, word, taker, maker, fees)
    if wrong != _NONE:
        return wrong
    t, built_at = context_terms(c), context_built_at(c)
    instrument, lots = fill_instrument(word), fill_lots(word)
    terms = find_instrument(t, instrument)
    if terms == 0:
        return refused(c, _UNLISTED, 0, 0, 0)
    if built_at >= instrument_closes_at(terms):
        return refused(c, _TOO_LATE, 0, 0, instrument_closes_at(terms))
    notional = notional_of(fill_tick(word), lots, instrument_tick_value(terms))
    if notional == NOTIONAL_END:
        return refused(c, _NOTIONAL, 0, 0, instrument_tick_value(terms))
    wrong = check_slot(c, taker, fill_taker_order(word), lots)
    if wrong == _NONE:
        wrong = check_slot(c, maker, fill_maker_order(word), lots)
    if wrong != _NONE:
        return wrong
    market = instrument_market(terms)
    taker_fee = fee(taker_rate(t, market, built_at), lots, notional)
    maker_fee = fee(maker_rate(t, market, built_at), lots, notional)
    sign = -1 if fill_flags(word) & TAKER_SELLS else 1
    taker_lots, taker_cash = sign * lots, -sign * notional - taker_fee
    maker_lots, maker_cash = -sign * lots, sign * notional - maker_fee
    wrong = check_side(c, taker, terms, instrument, taker_lots, taker_cash)
    if wrong == _NONE:
        wrong = check_side(c, maker, terms, instrument, maker_lots, maker_cash)
    if wrong != _NONE:
        return wrong
    _trade(c, taker, instrument, taker_lots, taker_cash, fill_taker_order(word))
    _trade(c, maker, instrument, maker_lots, maker_cash, fill_maker_order(word))
    _charge(c, taker_fee + maker_fee)
    touch(fees)
    set_context_filled(c, 1)
    return _NONE


@called
def _trade(c: int, entry: int, instrument: int, lots: int, cash: int, order: int) -> None:
    """Book one side of a fill."""
    touch(entry)
    set_entry_cash(entry, entry_cash(entry) + cash)
    place = place_of_position(entry, instrument)
    put_position(entry, instrument, held_at(entry, place, instrument) + lots)
    use_slot(c, entry, order)


@inlined
def _charge(c: int, fees: int) -> None:
    """Count fees for account 0, which gets them at the chunk's end."""
    low = context_fees_low(c) + (fees & U32)
    set_context_fees_low(c, low & U32)
    set_context_fees_high(c, context_fees_high(c) + (fees >> 32) + (low >> 32))


# --- the others ----------------------------------------------------------------------------------


@called
def apply_credit(c: int, word: int) -> int:
    """Let in what was deposited."""
    entry, amount = find_entry(c, account_of(word)), amount_of(word)
    wrong = check_opened(c, entry)
    if wrong != _NONE:
        return wrong
    opened = terms_opened(context_terms(c)) + 32 * entry_opened(entry)
    credited, deposited = added(entry_credited(entry), amount), opened_deposited(opened)
    over = is_below(credited, amount) or is_below(min(deposited, U56), credited)
    if over:
        return refused(c, _OVER_CREDITED, 0, entry_credited(entry), deposited)
    wrong = check_gain(c, entry, amount)
    if wrong != _NONE:
        return wrong
    touch(entry)
    set_entry_cash(entry, entry_cash(entry) + amount)
    set_entry_credited(entry, credited)
    return _NONE


@called
def apply_withdraw(c: int, word: int) -> int:
    """Let out what the owner signed."""
    entry, amount = find_entry(c, account_of(word)), amount_of(word)
    wrong = check_opened(c, entry)
    if wrong == _NONE:
        wrong = check_slot(c, entry, withdraw_order(word), _WHOLE)
    if wrong == _NONE:
        wrong = check_exit(c, entry, amount)
    if wrong != _NONE:
        return wrong
    touch(entry)
    set_entry_cash(entry, less(entry_cash(entry), amount))
    set_entry_exited(entry, added(entry_exited(entry), amount))
    use_slot(c, entry, withdraw_order(word))
    return _NONE


@called
def apply_transfer(c: int, word: int) -> int:
    """Move what the owner of the source signed."""
    source, target = find_entry(c, account_of(word)), find_entry(c, transfer_target(word))
    amount, order = transfer_amount(word), transfer_order(word)
    wrong = check_opened(c, source)
    if wrong == _NONE:
        wrong = check_opened(c, target)
    if wrong != _NONE:
        return wrong
    if source == target:
        return refused(c, _TO_ITSELF, 0, 0, 0)
    wrong = check_slot(c, source, order, _WHOLE)
    if wrong == _NONE:
        wrong = check_loss(c, source, amount)
    if wrong == _NONE:
        wrong = check_gain(c, target, amount)
    if wrong != _NONE:
        return wrong
    touch(source)
    touch(target)
    set_entry_cash(source, less(entry_cash(source), amount))
    set_entry_cash(target, added(entry_cash(target), amount))
    use_slot(c, source, order)
    return _NONE


@called
def apply_release(c: int, word: int) -> int:
    """Serve all asks. Whether it let out everything is judged at the chunk's end."""
    entry, amount, served = find_entry(c, account_of(word)), amount_of(word), release_served(word)
    wrong = check_opened(c, entry)
    if wrong != _NONE:
        return wrong
    asks = opened_asks(terms_opened(context_terms(c)) + 32 * entry_opened(entry))
    if served <= entry_served(entry) or served > asks:
        return refused(c, _SERVED, 0, entry_served(entry), asks)
    if account_of(word) == FEE_ACCOUNT and context_filled(c) != 0:
        return refused(c, _FEES_BESIDE_FILL, 0, 0, 0)
    wrong = check_exit(c, entry, amount)
    if wrong != _NONE:
        return wrong
    touch(entry)
    set_entry_cash(entry, less(entry_cash(entry), amount))
    set_entry_exited(entry, added(entry_exited(entry), amount))
    set_entry_served(entry, served)
    set_entry_released(entry, 1)
    return _NONE


@called
def apply_settle(c: int, word: int) -> int:
    """Pay out all positions of an expiry whose price was fixed, and remove them."""
    entry, t = find_entry(c, account_of(word)), context_terms(c)
    wrong = check_opened(c, entry)
    if wrong != _NONE:
        return wrong
    expiry = find_expiry(t, settle_key(word))
    if expiry == 0 or not is_fixed(t, expiry, context_built_at(c)):
        return refused(c, _NO_PRICE, 0, 0, context_built_at(c))
    paid = paid_at(t, entry, expiry, expiry_price(terms_expiries(t) + 32 * expiry))
    wrong = check_change(c, entry, paid)
    if wrong != _NONE:
        return wrong
    touch(entry)
    set_entry_cash(entry, entry_cash(entry) + paid)
    place = entry_count(entry)
    while place > 0:
        place -= 1
        index = instrument_of(cell_value(position_at(entry, place)))
        if instrument_expiry(find_instrument(t, index)) == expiry:
            drop_position(entry, place)
    return _NONE


@called
def apply_op(c: int, word: int) -> int:
    """Apply an op whose accounts were looked up; a `Refusal`."""
    if not is_op(word):
        return refused(c, _MALFORMED, 0, 0, 0)
    if context_ops(c) == CHUNK_OPS:
        return refused(c, _CHUNK_FULL, 0, 0, 0)
    kind, wrong = kind_of(word), _NONE
    if kind == FILL:
        wrong = apply_fill(c, word)
    elif kind == CREDIT:
        wrong = apply_credit(c, word)
    elif kind == WITHDRAW:
        wrong = apply_withdraw(c, word)
    elif kind == TRANSFER:
        wrong = apply_transfer(c, word)
    elif kind == RELEASE:
        wrong = apply_release(c, word)
    elif kind == SETTLE:
        wrong = apply_settle(c, word)
    if wrong == _NONE:
        set_context_ops(c, context_ops(c) + 1)
    return wrong
