"""Facts that the chain cannot tell are refused; what it tells twice counts as told first."""

import pytest

from matcher import commands as c
from matcher.errors import ChainError
from matcher.settlement.facts import Facts
from tests.support.pit import CALL, CAP, EXPIRY, STRIKE_VALUE, TICK_VALUE


@pytest.fixture
def facts() -> Facts:
    facts = Facts(300)
    facts.observe(c.MarketListed(1, "BTC", TICK_VALUE, STRIKE_VALUE))
    facts.observe(c.ExpiryOpened(1, EXPIRY, CAP))
    return facts


@pytest.mark.parametrize(
    ("fact", "what"),
    [
        (c.MarketListed(256, "ETH", TICK_VALUE, STRIKE_VALUE), "market, allowed 0 to 255"),
        (c.ExpiryOpened(2, EXPIRY, CAP), "market 2 is not listed"),
        (c.InstrumentListed(CALL, 1, 0, EXPIRY + 1, 100), "is not open"),
        (c.InstrumentListed(CALL, 1, 2, EXPIRY, 100), "kind 2, allowed"),
        (
            c.InstrumentListed(CALL, 1, 0, EXPIRY, CAP // STRIKE_VALUE + 1),
            f"allowed at most the cap of {CAP} atoms",
        ),
        (c.PriceFixed(1, EXPIRY + 1, 5, 5), "is not open"),
    ],
)
def test_fact_that_the_chain_cannot_tell_is_refused(
    facts: Facts, fact: c.Command, what: str
) -> None:
    with pytest.raises(ChainError, match=what):
        facts.observe(fact)
    assert not facts.terms.is_listed(CALL)
    assert not facts.listings.lines


def test_counters_only_grow(facts: Facts) -> None:
    for deposited, asks in ((5, 2), (9, 1), (7, 3)):
        facts.observe(c.Deposited(7, deposited, 0))
        facts.observe(c.Asked(7, asks, 0))
    assert (facts.terms.deposited(7), facts.terms.asks(7)) == (9, 3)
    assert (facts.terms.deposited(8), facts.terms.asks(8)) == (0, 0)
