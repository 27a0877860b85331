"""Ops that break a rule of section 5, each by as little as possible."""

from __future__ import annotations

import dataclasses

from matcher.reference.faults import Fault as Rule
from matcher.reference.words import Credit, Fill, Release, Settle, Transfer, Withdraw
from matcher.types import NOTIONAL_END, ORDER_ID_END, POSITION_VALUE_MAX, U64, Instrument
from matcher.types import Transfer as TransferMessage
from matcher.types import Withdrawal as WithdrawalMessage
from tests.support.decree import Fault
from tests.support.exchange import CAP, EXPIRY, MARKET, TOKENS
from tests.support.liar import Liar
from tests.support.lies.table import Table
from tests.support.stage import (
    CALL,
    EARLY,
    EARLY_CALL,
    FEES,
    FOREVER,
    HOLDER,
    LEAVER,
    MAKER,
    PENDING,
    STRIP,
    TAKER,
    UNOPENED,
    order_id,
)

TABLE = Table()
NEW = order_id(30)  # orders that nothing else uses
OTHER = order_id(31)
UNLISTED = 999


def fill(taker: int, maker: int, **changed: int) -> Fill:
    """A fill of two orders that nothing else uses; TAKER buys one call."""
    return dataclasses.replace(Fill(0, taker, maker, CALL, 500, 1, NEW, OTHER), **changed)


def change(liar: Liar, chunk: int, place: int, **changed: int) -> None:
    """Change fields of an op of the honest batch."""
    ops = liar.plan.chunks[chunk]
    ops[place] = dataclasses.replace(ops[place], **changed)


# --- accounts


@TABLE.lie(Fault.ACCOUNT_UNOPENED, 0, 6)
def credit_of_an_account_never_opened(liar: Liar) -> None:
    liar.facts.deposited[UNOPENED] = TOKENS
    liar.facts.opened.add(UNOPENED)
    liar.plan.put(0, 6, Credit(UNOPENED, TOKENS))


@TABLE.lie(Fault.ACCOUNT_UNOPENED, 0, 6)
def transfer_to_the_next_account_to_be_opened(liar: Liar) -> None:
    liar.facts.opened.add(HOLDER + 1)
    liar.plan.put(0, 6, Transfer(TAKER, HOLDER + 1, TOKENS, NEW))


@TABLE.lie(Fault.ACCOUNT_UNOPENED, 0, 6)
def transfer_to_account_1(liar: Liar) -> None:
    liar.facts.opened.add(1)
    liar.plan.put(0, 6, Transfer(TAKER, 1, TOKENS, NEW))


@TABLE.lie(Fault.ACCOUNT_UNOPENED, 0, 6)
def fill_of_a_maker_never_opened(liar: Liar) -> None:
    liar.facts.opened.add(UNOPENED)
    liar.plan.put(0, 6, fill(TAKER, UNOPENED))


@TABLE.lie(Fault.ACCOUNT_UNOPENED, 0, 6)
def fill_of_a_taker_never_opened(liar: Liar) -> None:
    liar.facts.opened.add(UNOPENED)
    liar.plan.put(0, 6, fill(UNOPENED, MAKER))


@TABLE.lie(Fault.ACCOUNT_UNOPENED, 0, 6)
def transfer_from_an_account_never_opened(liar: Liar) -> None:
    liar.facts.opened.add(UNOPENED)
    liar.plan.put(0, 6, Transfer(UNOPENED, TAKER, 0, NEW))


@TABLE.lie(Fault.ACCOUNT_UNOPENED, 0, 6)
def settle_of_an_account_never_opened(liar: Liar) -> None:
    liar.facts.opened.add(UNOPENED)
    liar.plan.put(0, 6, Settle(UNOPENED, MARKET, EARLY))


@TABLE.lie(Fault.ACCOUNT_UNOPENED, 0, 6)
def withdrawal_of_an_account_never_opened(liar: Liar) -> None:
    liar.facts.opened.add(UNOPENED)
    liar.plan.put(0, 6, Withdraw(UNOPENED, 0, NEW))


@TABLE.lie(Fault.ACCOUNT_UNOPENED, 0, 6)
def release_of_an_account_never_opened(liar: Liar) -> None:
    liar.facts.opened.add(UNOPENED)
    liar.facts.asks[UNOPENED] = 1
    liar.plan.put(0, 6, Release(UNOPENED, 0, 1))


@TABLE.lie(Fault.ACCOUNT_RESERVED, 0, 6)
def fill_of_the_fee_account_as_taker(liar: Liar) -> None:
    liar.overlooked.add(Rule.ACCOUNT_RESERVED)
    liar.plan.put(0, 6, fill(FEES, MAKER))


@TABLE.lie(Fault.ACCOUNT_RESERVED, 0, 6)
def fill_of_the_fee_account_as_maker(liar: Liar) -> None:
    liar.overlooked.add(Rule.ACCOUNT_RESERVED)
    liar.plan.put(0, 6, fill(TAKER, FEES))


@TABLE.lie(Fault.SAME_ACCOUNT, 0, 6)
def fill_with_oneself(liar: Liar) -> None:
    liar.overlooked.add(Rule.SAME_ACCOUNT)
    liar.plan.put(0, 6, fill(TAKER, TAKER))


@TABLE.lie(Fault.SAME_ACCOUNT, 0, 6)
def transfer_to_oneself(liar: Liar) -> None:
    liar.overlooked.add(Rule.SAME_ACCOUNT)
    liar.plan.put(0, 6, Transfer(TAKER, TAKER, TOKENS, NEW))


# --- fills


@TABLE.lie(Fault.ZERO_LOTS, 0, 6)
def fill_of_nothing(liar: Liar) -> None:
    liar.overlooked.add(Rule.ZERO_LOTS)
    liar.plan.put(0, 6, fill(TAKER, MAKER, lots=0))


@TABLE.lie(Fault.INSTRUMENT_UNLISTED, 0, 6)
def fill_of_an_instrument_never_listed(liar: Liar) -> None:
    liar.facts.instruments[UNLISTED] = Instrument(UNLISTED, MARKET, 0, EXPIRY, 100)
    liar.plan.put(0, 6, fill(TAKER, MAKER, instrument=UNLISTED))


@TABLE.lie(Fault.INSTRUMENT_UNLISTED, 0, 6)
def fill_of_instrument_0(liar: Liar) -> None:
    liar.facts.instruments[0] = Instrument(0, MARKET, 0, EXPIRY, 100)
    liar.plan.put(0, 6, fill(TAKER, MAKER, instrument=0))


@TABLE.lie(Fault.INSTRUMENT_UNLISTED, 0, 6)
def fill_of_the_next_instrument_to_be_listed(liar: Liar) -> None:
    last = STRIP[-1] + 1
    liar.facts.instruments[last] = Instrument(last, MARKET, 0, EXPIRY, 100)
    liar.plan.put(0, 6, fill(TAKER, MAKER, instrument=last))


@TABLE.lie(Fault.TOO_LATE, 0, 6)
def fill_after_the_expiry(liar: Liar) -> None:
    liar.overlooked.add(Rule.TOO_LATE)
    liar.plan.put(0, 6, fill(TAKER, MAKER, instrument=EARLY_CALL))


@TABLE.lie(Fault.TOO_LATE, 0, 6)
def fill_so_late_that_it_could_land_at_the_expiry(liar: Liar) -> None:
    """builtAt + lag is the expiry's second: one too late."""
    x = liar.stage.x
    next_day = EARLY + 24
    x.open_expiry(expiry=next_day)
    (index,) = x.list_instruments((MARKET, 0, next_day, 100))
    for facts in (liar.facts, x.context):
        facts.instruments[index] = Instrument(index, MARKET, 0, next_day, 100)
        facts.caps[MARKET, next_day] = CAP
    liar.plan.built_at = next_day * 3600 - x.windows.lag
    x.chain.at(liar.plan.built_at + 1)
    liar.overlooked.add(Rule.TOO_LATE)
    liar.plan.put(0, 6, fill(TAKER, MAKER, instrument=index))


@TABLE.lie(Fault.NOTIONAL_TOO_LARGE, 0, 6)
def fill_of_the_first_notional_that_is_too_large(liar: Liar) -> None:
    """2^62 atoms: ticks of 100 atoms do not divide it, so the product is the next above."""
    tick = (1 << 32) - 1
    lots = -(-NOTIONAL_END // (100 * tick))
    liar.overlooked.add(Rule.NOTIONAL_TOO_LARGE)
    liar.plan.put(0, 6, fill(TAKER, MAKER, tick=tick, lots=lots))


@TABLE.lie(Fault.POSITION_TOO_LARGE, 0, 6)
def position_one_lot_too_large(liar: Liar) -> None:
    liar.overlooked.add(Rule.POSITION_TOO_LARGE)
    lots = POSITION_VALUE_MAX // CAP + 1
    liar.plan.put(0, 6, fill(LEAVER, MAKER, instrument=STRIP[5], tick=0, lots=lots))


@TABLE.lie(Fault.TOO_MANY_POSITIONS, 1, 3)
def thirty_third_position(liar: Liar) -> None:
    liar.overlooked.add(Rule.TOO_MANY_POSITIONS)
    liar.plan.put(1, 3, fill(HOLDER, MAKER, instrument=STRIP[-1], taker_order=order_id(231)))


@TABLE.lie(Fault.TOO_MANY_POSITIONS, 1, 3)
def thirty_third_position_of_the_maker(liar: Liar) -> None:
    liar.overlooked.add(Rule.TOO_MANY_POSITIONS)
    liar.plan.put(
        1, 3, fill(LEAVER, HOLDER, instrument=STRIP[-1], maker_order=order_id(231), flags=1)
    )


# --- order slots


@TABLE.lie(Fault.ORDER_ID_TOO_LARGE, 0, 6)
def first_order_id_that_is_too_large(liar: Liar) -> None:
    liar.overlooked.add(Rule.ORDER_ID_TOO_LARGE)
    liar.plan.put(0, 6, fill(TAKER, MAKER, taker_order=ORDER_ID_END + 3))


@TABLE.lie(Fault.ORDER_ID_TOO_LARGE, 0, 6)
def makers_order_id_that_is_too_large(liar: Liar) -> None:
    liar.overlooked.add(Rule.ORDER_ID_TOO_LARGE)
    liar.plan.put(0, 6, fill(TAKER, MAKER, maker_order=(1 << 48) - 1))


@TABLE.lie(Fault.ORDER_ID_TOO_LARGE, 0, 6)
def withdrawal_whose_id_is_too_large(liar: Liar) -> None:
    liar.overlooked.add(Rule.ORDER_ID_TOO_LARGE)
    liar.plan.put(0, 6, Withdraw(TAKER, 1, ORDER_ID_END + 3))


@TABLE.lie(Fault.ORDER_ID_TOO_LARGE, 0, 6)
def transfer_whose_id_is_too_large(liar: Liar) -> None:
    liar.overlooked.add(Rule.ORDER_ID_TOO_LARGE)
    liar.plan.put(0, 6, Transfer(TAKER, MAKER, 1, ORDER_ID_END + 3))


@TABLE.lie(Fault.STALE_ORDER, 0, 6)
def fill_of_a_stale_order(liar: Liar) -> None:
    """Slot 1 of TAKER holds an order of generation 1."""
    liar.overlooked.add(Rule.STALE_ORDER)
    liar.plan.put(0, 6, fill(TAKER, MAKER, taker_order=order_id(1, 0)))


@TABLE.lie(Fault.STALE_ORDER, 0, 6)
def fill_of_a_stale_order_of_the_maker(liar: Liar) -> None:
    liar.overlooked.add(Rule.STALE_ORDER)
    liar.plan.put(0, 6, fill(TAKER, MAKER, maker_order=order_id(1, 0)))


@TABLE.lie(Fault.STALE_ORDER, 0, 7)
def fill_of_an_order_that_became_stale_in_the_same_chunk(liar: Liar) -> None:
    liar.overlooked.add(Rule.STALE_ORDER)
    liar.plan.put(0, 6, fill(TAKER, MAKER, taker_order=order_id(30, 2)))
    liar.plan.put(0, 7, fill(TAKER, MAKER, taker_order=order_id(30, 1)))


@TABLE.lie(Fault.STALE_ORDER, 0, 6)
def stale_withdrawal(liar: Liar) -> None:
    liar.overlooked |= {Rule.STALE_ORDER, Rule.SLOT_USED}
    liar.plan.put(0, 6, Withdraw(TAKER, 1, order_id(1, 0)))


@TABLE.lie(Fault.STALE_ORDER, 0, 6)
def stale_transfer(liar: Liar) -> None:
    liar.overlooked |= {Rule.STALE_ORDER, Rule.SLOT_USED}
    liar.plan.put(0, 6, Transfer(TAKER, MAKER, 1, order_id(1, 0)))


@TABLE.lie(Fault.SLOT_USED, 0, 6)
def withdrawal_twice(liar: Liar) -> None:
    liar.overlooked.add(Rule.SLOT_USED)
    liar.plan.put(0, 6, liar.plan.chunks[0][5])


@TABLE.lie(Fault.SLOT_USED, 2, 2)
def withdrawal_again_two_chunks_later(liar: Liar) -> None:
    liar.overlooked.add(Rule.SLOT_USED)
    liar.plan.put(2, 2, liar.plan.chunks[0][5])


@TABLE.lie(Fault.SLOT_USED, 0, 6)
def withdrawal_on_the_slot_of_a_filled_order(liar: Liar) -> None:
    liar.overlooked.add(Rule.SLOT_USED)
    liar.plan.put(0, 6, Withdraw(TAKER, 1, order_id(1)))


@TABLE.lie(Fault.SLOT_USED, 1, 4)
def transfer_twice(liar: Liar) -> None:
    liar.overlooked.add(Rule.SLOT_USED)
    liar.plan.put(1, 4, liar.plan.chunks[0][4])


@TABLE.lie(Fault.OVERFILLED, 0, 6)
def slot_filled_above_its_width(liar: Liar) -> None:
    """A withdrawal fills its slot to the maximum; one lot more of the same id does not fit."""
    liar.overlooked.add(Rule.OVERFILLED)
    liar.plan.put(0, 6, fill(TAKER, MAKER, taker_order=order_id(21)))


@TABLE.lie(Fault.OVERFILLED, 0, 6)
def makers_slot_filled_above_its_width(liar: Liar) -> None:
    liar.overlooked.add(Rule.OVERFILLED)
    liar.plan.put(0, 6, fill(LEAVER, MAKER, maker_order=order_id(20)))


# --- money


@TABLE.lie(Fault.OVER_CREDITED, 0, 0)
def credit_of_one_atom_too_much(liar: Liar) -> None:
    liar.overlooked.add(Rule.OVER_CREDITED)
    change(liar, 0, 0, amount=PENDING + 1)


@TABLE.lie(Fault.OVER_CREDITED, 2, 2)
def deposit_credited_twice(liar: Liar) -> None:
    liar.overlooked.add(Rule.OVER_CREDITED)
    liar.plan.put(2, 2, liar.plan.chunks[0][0])


@TABLE.lie(Fault.OVER_CREDITED, 0, 6)
def credit_of_the_fee_account(liar: Liar) -> None:
    liar.overlooked.add(Rule.OVER_CREDITED)
    liar.plan.put(0, 6, Credit(FEES, 1))


@TABLE.lie(Fault.NOTHING_TO_SERVE, 2, 0)
def release_that_nobody_asked_for(liar: Liar) -> None:
    """LEAVER asked once."""
    liar.overlooked.add(Rule.NOTHING_TO_SERVE)
    change(liar, 2, 0, served=2)


@TABLE.lie(Fault.NOTHING_TO_SERVE, 2, 0)
def release_that_serves_nothing(liar: Liar) -> None:
    liar.overlooked.add(Rule.NOTHING_TO_SERVE)
    change(liar, 2, 0, served=0)


@TABLE.lie(Fault.NOTHING_TO_SERVE, 2, 2)
def release_of_an_ask_that_was_served(liar: Liar) -> None:
    liar.overlooked.add(Rule.NOTHING_TO_SERVE)
    liar.plan.put(2, 2, Release(LEAVER, 0, 1))


@TABLE.lie(Fault.NOTHING_TO_SERVE, 2, 2)
def release_of_an_account_that_never_asked(liar: Liar) -> None:
    liar.overlooked.add(Rule.NOTHING_TO_SERVE)
    liar.plan.put(2, 2, Release(HOLDER, 0, 1))


@TABLE.lie(Fault.PRICE_NOT_FIXED, 1, 0)
def settle_of_an_expiry_without_a_price(liar: Liar) -> None:
    liar.facts.prices[MARKET, EXPIRY] = (EARLY, EARLY)
    change(liar, 1, 0, expiry=EXPIRY)


@TABLE.lie(Fault.PRICE_NOT_FIXED, 1, 0)
def settle_of_a_market_that_does_not_exist(liar: Liar) -> None:
    liar.facts.prices[9, EARLY] = (EARLY, EARLY)
    change(liar, 1, 0, market=9)


@TABLE.lie(Fault.PRICE_NOT_FIXED, 1, 0)
def settle_at_a_price_fixed_in_the_second_of_built_at(liar: Liar) -> None:
    liar.plan.built_at = liar.stage.x.context.prices[MARKET, EARLY][1]
    liar.facts.prices[MARKET, EARLY] = (130 * TOKENS, 1)
    liar.plan.chunks[1].pop()  # nobody signed what the rates of then would take from it


@TABLE.lie(Fault.PRICE_NOT_FIXED, 0, 6)
def settle_at_a_price_fixed_after_built_at(liar: Liar) -> None:
    """Fixed between built_at and the commit."""
    x = liar.stage.x
    next_day = EARLY + 24
    x.open_expiry(expiry=next_day)
    x.chain.at(next_day * 3600)
    liar.plan.built_at = next_day * 3600 - 1
    x.settle(100 * TOKENS, MARKET, next_day)
    for facts in (liar.facts, x.context):
        facts.caps[MARKET, next_day] = CAP
    liar.facts.prices[MARKET, next_day] = (100 * TOKENS, 1)
    liar.plan.put(0, 6, Settle(HOLDER, MARKET, next_day))


@TABLE.lie(Fault.FIELD_OVERFLOW, 0, 6)
def transfer_that_wraps_around(liar: Liar) -> None:
    """2^64 - 1 atoms out of an account: 64 bits hold one atom more than before."""
    message = TransferMessage(TAKER, MAKER, U64, NEW, liar.stage.x.chain.now + FOREVER)
    liar.plan.messages.append(liar.stage.say(liar.stage.owner(TAKER), message))
    liar.overlooked.add(Rule.FIELD_OVERFLOW)
    liar.plan.put(0, 6, Transfer(TAKER, MAKER, U64, NEW))


@TABLE.lie(Fault.FIELD_OVERFLOW, 0, 6)
def withdrawal_that_wraps_around(liar: Liar) -> None:
    message = WithdrawalMessage(TAKER, U64, NEW, liar.stage.x.chain.now + FOREVER)
    liar.plan.messages.append(liar.stage.say(liar.stage.owner(TAKER), message))
    liar.overlooked.add(Rule.FIELD_OVERFLOW)
    liar.plan.put(0, 6, Withdraw(TAKER, U64, NEW))


@TABLE.lie(Fault.FIELD_OVERFLOW, 2, 0)
def release_that_wraps_around(liar: Liar) -> None:
    liar.overlooked.add(Rule.FIELD_OVERFLOW)
    change(liar, 2, 0, amount=U64)


@TABLE.lie(Fault.FIELD_OVERFLOW, 0, 6)
def transfer_that_overflows_the_target(liar: Liar) -> None:
    """2^63 - 1 atoms: the source could still hold less, the target not more."""
    liar.overlooked.add(Rule.FIELD_OVERFLOW)
    liar.plan.put(0, 6, Transfer(TAKER, MAKER, (1 << 63) - 1, NEW))
