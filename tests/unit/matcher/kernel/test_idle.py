"""The holding of nothing that an account keeps: it is used again, and not counted."""

import numpy as np
import pytest

from matcher.errors import InvariantBroken, Reject
from matcher.kernel.exchange import Matching
from matcher.types import MAX_POSITIONS, OrderFlag
from tests.support.arena import BUY, LIMITS, SELL, cancel, desk, listed, order, told

ACCOUNT = 2


def kept(matching: Matching) -> tuple[int, int]:
    """(instrument of the idle holding or 0, instruments held or on order) of the account."""
    account = matching.pools.arrays["accounts"][ACCOUNT]
    holding = matching.pools.arrays["holdings"][account["idle"]]
    return int(holding["instrument"]), int(account["instruments"])


def pools(matching: Matching) -> list[int]:
    """Holdings in use, holdings and groups ever used."""
    names = ("holdings_live", "holdings_count", "groups_used")
    return [int(matching.pools.context[name]) for name in names]


def test_the_last_order_of_an_instrument_leaves_its_holding_idle() -> None:
    matching = desk()
    matching.submit(order(ACCOUNT, 0, BUY, 10, 1))
    assert kept(matching) == (0, 1)
    matching.submit(cancel(ACCOUNT, 0))
    assert kept(matching) == (1, 0)
    matching.check()


def test_an_idle_holding_is_used_again_with_its_group() -> None:
    matching = desk()
    for number in range(5):
        matching.submit(order(ACCOUNT, number, BUY, 10, 1))
        assert kept(matching) == (0, 1)
        matching.submit(cancel(ACCOUNT, number))
        assert kept(matching) == (1, 0)
        assert pools(matching) == [1, 1, 1]
    assert matching.positions() == {}
    matching.check()


def test_an_account_keeps_the_last_one_only() -> None:
    matching = desk()
    for number, instrument in enumerate((1, 2, 1, 2)):
        matching.submit(order(ACCOUNT, number, BUY, 10, 1, instrument=instrument))
        matching.submit(cancel(ACCOUNT, number))
        assert kept(matching) == (instrument, 0)
        assert pools(matching)[0] == 1
        matching.check()
    assert pools(matching)[1] == 2


def test_what_is_filled_and_closed_again_is_idle_too() -> None:
    matching = desk()
    matching.submit(order(ACCOUNT, 0, BUY, 10, 5))
    matching.submit(order(3, 0, SELL, 10, 5))
    assert kept(matching) == (0, 1)
    matching.submit(order(3, 1, BUY, 12, 5))
    matching.submit(order(ACCOUNT, 1, SELL, 12, 5))
    assert kept(matching) == (1, 0)
    matching.check()


@pytest.mark.parametrize("flags", [0, int(OrderFlag.FOK)])
def test_an_order_that_is_refused_leaves_what_was_idle_idle(flags: int) -> None:
    matching = desk(deposit=1000)
    matching.submit(order(ACCOUNT, 0, BUY, 1, 1))
    matching.submit(cancel(ACCOUNT, 0))
    dear = 1 if flags else 10_000
    events = matching.submit(order(ACCOUNT, 1, BUY, 10, dear, flags=flags))
    assert told(events)[0][0] == "REJECTED"
    assert kept(matching) == (1, 0)
    matching.check()


def test_idle_holdings_are_not_counted_among_the_instruments_and_not_uncounted() -> None:
    """One more than there may be is refused, whether or not its holding is there."""
    matching = desk(LIMITS._replace(books=MAX_POSITIONS + 3))
    for instrument in range(3, MAX_POSITIONS + 2):
        matching.submit(listed(instrument, strike=instrument))
    last = MAX_POSITIONS + 1
    matching.submit(order(ACCOUNT, 0, BUY, 10, 1, instrument=last))
    matching.submit(cancel(ACCOUNT, 0))
    for instrument in range(1, MAX_POSITIONS + 1):
        events = matching.submit(order(ACCOUNT, instrument, BUY, 10, 1, instrument=instrument))
        assert told(events)[-1][0] == "RESTED"
    assert kept(matching) == (last, MAX_POSITIONS)
    refused = matching.submit(order(ACCOUNT, 99, BUY, 10, 1, instrument=last))
    assert told(refused) == [("REJECTED", 99, Reject.TOO_MANY_POSITIONS)]
    matching.submit(cancel(ACCOUNT, 1))
    events = matching.submit(order(ACCOUNT, 100, BUY, 10, 1, instrument=last))
    assert told(events)[-1][0] == "RESTED"
    matching.check()


def test_an_idle_holding_that_another_account_names_is_found() -> None:
    matching = desk()
    matching.submit(order(ACCOUNT, 0, BUY, 10, 1))
    matching.submit(cancel(ACCOUNT, 0))
    accounts = matching.pools.arrays["accounts"]
    accounts["idle"][ACCOUNT], accounts["idle"][3] = 0, accounts["idle"][ACCOUNT]
    assert np.count_nonzero(accounts["idle"]) == 1
    with pytest.raises(InvariantBroken):
        matching.check()
