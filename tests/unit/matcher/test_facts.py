import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher import commands as c
from matcher.facts import Facts
from tests.support.pit import CALL, CAP, EXPIRY, HIGH_CALL, PUT, START, STRIKE_VALUE, TICK_VALUE

STRIKES = {CALL: 100, PUT: 100, HIGH_CALL: 120}
lots = st.integers(-(10**9), 10**9)


def facts_of(price: int | None = None) -> Facts:
    facts = Facts(300)
    facts.observe(c.MarketListed(1, "BTC", TICK_VALUE, STRIKE_VALUE))
    facts.observe(c.ExpiryOpened(1, EXPIRY, CAP))
    for index, strike in STRIKES.items():
        facts.observe(c.InstrumentListed(index, 1, int(index == PUT), EXPIRY, strike))
    if price is not None:
        facts.observe(c.PriceFixed(1, EXPIRY, price, START))
    return facts


@given(
    st.integers(-(10**12), 10**12),
    st.dictionaries(st.sampled_from(sorted(STRIKES)), lots.filter(bool)),
    st.none() | st.integers(0, 2 * CAP),
)
def test_floor_is_never_above_the_worst(
    cash: int, positions: dict[int, int], price: int | None
) -> None:
    facts = facts_of(price)
    assert facts.floor(cash, positions) <= facts.worst(cash, positions, START + 1)


@pytest.mark.parametrize("index", sorted(STRIKES))
def test_floor_of_one_position_is_its_worst(index: int) -> None:
    facts = facts_of()
    for held in (-7, 7):
        assert facts.floor(5, {index: held}) == facts.worst(5, {index: held}, START)
