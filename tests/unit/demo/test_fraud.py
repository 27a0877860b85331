"""The demo of fraud without a chain: its own arithmetic, and that it admits what is off."""

import io
import random

import pytest
from rich.console import Console

from demo.fraud.closing import show_outcome
from demo.fraud.lies import Kind
from demo.fraud.play import (
    CAP,
    FAIR,
    MAKER_FEE,
    SETTLES_AT,
    STRIKES,
    TAKER_FEE,
    TICK,
    Purse,
    Trading,
    payoff,
    story,
)
from demo.fraud.run import Conviction, Holding, Outcome
from demo.fraud.timeline import FAULTS, ether
from matcher.types import InstrumentKind
from tests.support.decree import Fault

TOKENS = 10**6


def test_story_prices_are_ticks_below_the_cap() -> None:
    flow = story("any")
    flow.check()
    assert len(FAIR) == len(STRIKES)
    assert all(0 < fair * TOKENS < CAP for pair in FAIR for fair in pair)
    assert SETTLES_AT % TICK == 0


@pytest.mark.parametrize("place", range(6))
def test_payoff_is_that_of_the_model(place: int) -> None:
    from matcher.reference import margin

    strike, kind = STRIKES[place // 2] * TICK, InstrumentKind(place % 2)
    assert payoff(place) == margin.payoff(kind, strike, SETTLES_AT, CAP)


def test_purses_of_any_trades_sum_to_what_was_deposited_less_the_fees() -> None:
    draw = random.Random(3)
    trading = Trading.__new__(Trading)
    trading.purses = {name: Purse(1000 * TOKENS) for name in ("ann", "bob")}
    trading.fees = 0

    class Named:
        def __init__(self, name: str):
            self.name = name

    for _ in range(50):
        taker, maker = draw.sample([Named("ann"), Named("bob")], 2)
        price = TICK * draw.choice([0, 1, 7, 5000])
        trading._book(taker, maker, draw.randrange(6), price, draw.choice([-3, -1, 2, 4]))
    worth = sum(purse.at_settlement() for purse in trading.purses.values())
    assert worth + trading.fees == 2000 * TOKENS
    assert trading.fees > 0


def test_fees_of_a_trade_are_those_of_the_protocol() -> None:
    from matcher.reference.fees import fee

    for price, lots in ((0, 4), (TICK, 1), (7 * TICK, -3), (25 * TOKENS, 4)):
        trading = Trading.__new__(Trading)
        trading.purses = {name: Purse(0) for name in ("ann", "bob")}
        trading.fees = 0
        sides = [type("Named", (), {"name": name}) for name in ("ann", "bob")]
        trading._book(*sides, 0, price, lots)
        notional, size = price * abs(lots), abs(lots)
        taker, maker = (fee(rate, size, notional) for rate in (TAKER_FEE, MAKER_FEE))
        assert trading.fees == taker + maker
        assert trading.purses["ann"].cash == -price * lots - taker
        assert trading.purses["bob"].cash == price * lots - maker


def test_faults_are_named_as_the_contracts_number_them() -> None:
    assert [name.replace("_", "").lower() for name in Fault.__members__] == [
        name.lower() for name in FAULTS
    ]


def test_ether_is_exact_without_zeros() -> None:
    assert [ether(wei) for wei in (0, 1, 25 * 10**17, 4 * 10**18)] == [
        "0",
        "0.000000000000000001",
        "2.5",
        "4",
    ]


def test_outcome_with_one_check_that_fails_is_not_sound_and_says_so() -> None:
    outcome = Outcome(
        convictions=[Conviction(Kind.MARGIN, 1, 3, 5 * TOKENS, 10**18, 4 * 10**18, 138_569)],
        holdings=[Holding("ann", 2, 10 * TOKENS, 5 * TOKENS, -TOKENS, 4 * TOKENS, 9 * TOKENS)],
    )
    outcome.check("the sky is up", True)
    assert outcome.sound
    outcome.check("ann has every atom that the rules give", False)
    assert not outcome.sound
    said = io.StringIO()
    show_outcome(Console(file=said, width=140), outcome)
    assert "BROKEN" in said.getvalue()
    assert "Something is off" in said.getvalue()
