"""A refused FOK walked every order of the book in Python, in every process, to say how many lots
stand: a tenth of a second for a hundred thousand orders. And it named no number that is allowed.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher import commands as c
from matcher.board import Board
from matcher.errors import Reject
from matcher.events import Event, Rejected, Trade
from matcher.exchange import Exchange
from matcher.kernel.pools import Limits
from matcher.types import Order, OrderFlag, SelfTrade, SignedOrder
from tests.support.pit import EXPIRY, GOOD_TILL, SYMBOLS, WINDOWS, owner_of

MAKER, TAKER = 2, 3
BAND = 1 << 6  # ticks


def pit() -> Exchange:
    """An exchange with one book, whose band is narrow, and two accounts."""
    exchange = Exchange(WINDOWS, Limits(band_bits=6))
    exchange.apply(c.MarketListed(1, "BTC", 10, 1000))
    exchange.apply(c.ExpiryOpened(1, EXPIRY, 400_000))
    exchange.apply(c.InstrumentListed(1, 1, 0, EXPIRY, 100))
    exchange.apply(c.OpenBatch())
    for account in (MAKER, TAKER):
        exchange.apply(c.AccountOpened(account, owner_of(account)))
        exchange.apply(c.Deposited(account, 10**12, 1))
    return exchange


def place(
    exchange: Exchange, account: int, number: int, buy: bool, tick: int, lots: int, flags: int = 0
) -> list[Event]:
    order = Order(account, SYMBOLS[1], buy, 10 * tick, lots, number, GOOD_TILL, flags)
    digest = bytes([account]) + number.to_bytes(31, "big")
    signed = SignedOrder(order, bytes(65), digest, owner_of(account))
    return exchange.apply(c.PlaceOrder(signed, SelfTrade.CANCEL_NEWEST))


def refused(exchange: Exchange, account: int, buy: bool, tick: int, lots: int) -> tuple[str, str]:
    (said,) = place(exchange, account, 4000, buy, tick, lots, OrderFlag.FOK)
    assert isinstance(said, Rejected)
    assert (said.code, said.field) == (Reject.FOK_UNFILLABLE, "quantity")
    return said.found, said.allowed


def test_refused_fok_says_how_many_lots_stand_and_that_no_more_are_allowed() -> None:
    exchange = pit()
    for number, (tick, lots) in enumerate([(100, 3), (101, 4), (9_000, 5)]):
        place(exchange, MAKER, number, False, tick, lots)
    for tick, standing in ((99, 0), (100, 3), (101, 7), (8_999, 7), (9_000, 12)):
        found, allowed = refused(exchange, TAKER, True, tick, 13)
        assert found == f"13 lots, which would not fill whole now; {standing} stand at such prices"
        assert allowed == f"at most {standing} lots"


def test_refused_fok_that_would_meet_its_own_order_says_so() -> None:
    exchange = pit()
    place(exchange, TAKER, 1, False, 100, 3)
    place(exchange, MAKER, 1, False, 101, 3)
    found, allowed = refused(exchange, TAKER, True, 101, 4)
    assert found == "4 lots, which would not fill whole now; 6 stand at such prices"
    assert allowed == "fewer: own orders, or the margin of one side, end the fill before"


def test_refused_fok_looks_at_no_order(monkeypatch: pytest.MonkeyPatch) -> None:
    exchange = pit()
    for number in range(100):
        place(exchange, MAKER, number, False, 100 + number % 3, 1)
    monkeypatch.setattr(Board, "_length", None)  # walks the orders of a level
    assert refused(exchange, TAKER, True, 101, 90)[1] == "at most 67 lots"


def test_lots_within_count_the_first_tick_beyond_the_band() -> None:
    exchange = pit()
    for number, (buy, tick) in enumerate([(False, 500), (False, 532), (True, 400), (True, 367)]):
        place(exchange, MAKER, number, buy, tick, 1)
    sides = exchange.records("sides")
    assert [int(sides[side]["far"]) for side in (2, 3)] == [1, 1]  # bands begin at 368 and 468
    assert [exchange.lots_within(1, True, tick) for tick in (499, 500, 531, 532)] == [0, 1, 1, 2]
    assert [exchange.lots_within(1, False, tick) for tick in (401, 400, 368, 367)] == [0, 1, 1, 2]


@given(
    st.lists(st.tuples(st.booleans(), st.integers(1, 4 * BAND), st.integers(1, 9)), max_size=60),
    st.integers(1, 4 * BAND),
)
def test_lots_within_are_those_of_the_levels(
    orders: list[tuple[bool, int, int]], limit: int
) -> None:
    exchange = pit()
    for number, (buy, tick, lots) in enumerate(orders):
        asked = tick if buy else tick + 4 * BAND  # nothing crosses
        place(exchange, MAKER, number, buy, asked, lots)
    bids, asks = exchange.book(1, 1000)
    above = sum(lots for tick, lots, _ in bids if tick >= limit)
    assert exchange.lots_within(1, False, limit) == above
    limit += 4 * BAND
    below = sum(lots for tick, lots, _ in asks if tick <= limit)
    assert exchange.lots_within(1, True, limit) == below


# --- the kernel's own walk ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("buy", "near", "far", "first"), [(True, 500, 532, 499), (False, 500, 467, 501)]
)
def test_fok_sorts_the_far_levels_only_if_it_may_reach_them(
    buy: bool, near: int, far: int, first: int
) -> None:
    """It sorted all of a side's far levels when nothing near filled it, whatever its own price."""
    exchange = pit()
    place(exchange, MAKER, 1, not buy, near, 1)
    place(exchange, MAKER, 2, not buy, far, 1)
    assert exchange.records("sides")[2 + buy]["far"] == 1
    work = exchange.records("far_sorted")
    for tick, sorts in (
        (first, False),
        (near, False),
        (far - (1 if buy else -1), False),
        (far, True),
    ):
        work["value"] = -1
        refused(exchange, TAKER, buy, tick, 3)
        assert bool((work["value"] != -1).any()) == sorts, tick
    events = place(exchange, TAKER, 7, buy, far, 2, OrderFlag.FOK)
    assert [event.lots for event in events if isinstance(event, Trade)] == [1, 1]
