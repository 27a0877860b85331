"""Fields and products carried beyond their widths by ops that are right otherwise."""

from __future__ import annotations

from matcher.reference.faults import Fault as Rule
from matcher.reference.words import Credit, Fill, Transfer, Withdraw
from matcher.types import CHUNK_OPS, NOTIONAL_END, POSITION_VALUE_MAX, U32, Instrument
from tests.support.decree import Fault
from tests.support.exchange import CAP, MARKET, TOKENS
from tests.support.liar import Liar
from tests.support.lies.ops import NEW, fill
from tests.support.lies.table import Table
from tests.support.stage import (
    EARLY,
    FEES,
    HOLDER,
    LEAVER,
    SELLER,
    STRIP,
    TAKER,
    order_id,
)

TABLE = Table()
CASH_END = 1 << 63  # atoms
LARGEST = POSITION_VALUE_MAX // CAP  # lots
TICK = U32  # of fills worth nearly 2^62 atoms
LOTS = (NOTIONAL_END - 1) // (100 * TICK)
ROUNDS = 129  # fills of 2^32 - 1 lots: more than 2^39


# --- products


@TABLE.lie(Fault.POSITION_TOO_LARGE, 0, 6)
def position_of_the_maker_one_lot_too_large(liar: Liar) -> None:
    """SELLER has sold one already, LEAVER has none."""
    liar.overlooked.add(Rule.POSITION_TOO_LARGE)
    liar.plan.put(0, 6, fill(LEAVER, SELLER, instrument=STRIP[5], tick=0, lots=LARGEST))


@TABLE.lie(Fault.POSITION_TOO_LARGE, 0, 6)
def short_position_one_lot_too_large(liar: Liar) -> None:
    liar.overlooked.add(Rule.POSITION_TOO_LARGE)
    sold = fill(SELLER, HOLDER, instrument=STRIP[5], tick=0, lots=LARGEST, flags=1)
    liar.plan.put(0, 6, sold)


# --- fields of a leaf


def traded(liar: Liar, taker_sells: bool) -> None:
    """Three fills in a row; two of them still fit."""
    liar.overlooked.add(Rule.FIELD_OVERFLOW)
    for i in range(3):
        ids = {"taker_order": order_id(40 + i), "maker_order": order_id(50 + i)}
        op = fill(LEAVER, SELLER, flags=int(taker_sells), tick=TICK, lots=LOTS, **ids)
        liar.plan.put(0, 6 + i, op)


@TABLE.lie(Fault.FIELD_OVERFLOW, 0, 8)
def fills_that_carry_a_sellers_cash_beyond_its_width(liar: Liar) -> None:
    traded(liar, True)


@TABLE.lie(Fault.FIELD_OVERFLOW, 0, 8)
def fills_that_carry_a_buyers_cash_beyond_its_width(liar: Liar) -> None:
    traded(liar, False)


@TABLE.lie(Fault.FIELD_OVERFLOW, 0, 8)
def exits_beyond_their_width(liar: Liar) -> None:
    """Between two withdrawals of 2^63 atoms another account makes up for the first."""
    liar.overlooked.add(Rule.FIELD_OVERFLOW)
    liar.plan.put(0, 6, Withdraw(TAKER, CASH_END, order_id(40)))
    liar.plan.put(0, 7, Transfer(HOLDER, TAKER, CASH_END - 1, order_id(41)))
    liar.plan.put(0, 8, Withdraw(TAKER, CASH_END, order_id(42)))


@TABLE.lie(Fault.FIELD_OVERFLOW, 0)
def fees_that_the_fee_account_cannot_hold(liar: Liar) -> None:
    """It is filled up to the last atom, and then the chunk's fees are booked."""
    liar.overlooked.add(Rule.FIELD_OVERFLOW)
    room = CASH_END - 1 - liar.stage.x.state.account(FEES).cash
    liar.plan.put(0, 6, Transfer(LEAVER, FEES, room, NEW))


@TABLE.lie(Fault.FIELD_OVERFLOW, (ROUNDS - 1) // CHUNK_OPS, (ROUNDS - 1) % CHUNK_OPS)
def position_beyond_its_width(liar: Liar) -> None:
    """At a cap of 1 atom a position reaches the end of its 40 bits long before its value does.

    A rich account sells, and everybody has signed everything.
    """
    stage, x = liar.stage, liar.stage.x
    trader, day = x.roles.outsider, EARLY + 24
    x.open_expiry(expiry=day, cap=1)
    (index,) = x.list_instruments((MARKET, 0, day, 0))
    rich = x.open(trader, 600_000 * TOKENS)
    x.commit([Credit(rich, 600_000 * TOKENS)])
    assert all(verdict.sound for verdict in stage.watcher.look())
    liar.facts.instruments[index] = Instrument(index, MARKET, 0, day, 0)
    liar.facts.caps[MARKET, day] = 1
    liar.facts.opened.add(rich)
    liar.facts.deposited[rich] = 600_000 * TOKENS
    liar.overlooked.add(Rule.FIELD_OVERFLOW)
    terms = {"tick": 0, "lots": U32}
    fills = []
    for number in range(1000, 1000 + ROUNDS):
        liar.plan.messages += [
            stage.order(TAKER, index, buys=True, number=number, **terms),
            stage.order(rich, index, buys=False, number=number, signer=trader, **terms),
        ]
        ids = order_id(number), order_id(number)
        fills.append(Fill(0, TAKER, rich, index, 0, U32, *ids))
    liar.plan.chunks = [list(fills[i : i + CHUNK_OPS]) for i in range(0, ROUNDS, CHUNK_OPS)]
