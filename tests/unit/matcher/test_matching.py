"""The second lock: a fill that would break margin or a limit never happens, whatever was admitted.

Admission makes these states unreachable by commands, so they are built by hand.
"""

import pytest

from matcher import events as e
from matcher.engine import Engine
from matcher.events import CancelReason
from matcher.matching import LOTS_MAX, Holding, reducible
from matcher.risk import Contract
from matcher.types import MAX_POSITIONS, POSITION_VALUE_MAX
from tests.support.pit import CALL, Pit, names


def holding(pit: Pit, account: int) -> Holding:
    """Of an account with an open order in the call."""
    pit.place(account, "buy", 10, 1)
    return Holding(pit.engine.accounts[account], pit.engine.listings.lines[CALL])


def test_fill_that_the_maker_cannot_pay_drops_the_maker_and_goes_on() -> None:
    pit = Pit(make=Engine)
    pit.place(2, "sell", 1000, 5)
    pit.place(3, "sell", 1000, 5)
    pit.engine.accounts[2].cash = 0  # as if something had taken it without asking margin
    events = pit.place(4, "buy", 1000, 5)
    assert names(events) == ["OrderAccepted", "OrderCanceled", "Trade", "Op"]
    assert events[1] == e.OrderCanceled(2, 0, 5, CancelReason.MARGIN)
    assert events[2].maker == 3


def test_fill_that_the_taker_may_not_hold_ends_the_taker() -> None:
    pit = Pit(make=Engine)
    pit.place(2, "sell", 1000, 5)
    pit.engine.accounts[4].count = MAX_POSITIONS  # as if it held as many others
    events = pit.place(4, "buy", 1000, 5)
    assert names(events) == ["OrderAccepted", "OrderCanceled"]
    assert events[1] == e.OrderCanceled(4, 0, 5, CancelReason.MARGIN)
    assert pit.engine.book(CALL, 1)[1] == [(100, 5, 1)]


def test_holding_may_get_worse_above_zero_and_better_below_it() -> None:
    pit = Pit(make=Engine)
    before = holding(pit, 2)
    line = pit.engine.listings.lines[CALL]
    assert before.after(line, 1, -before.cash) is not None
    assert before.after(line, 1, -before.cash - 1) is None
    before.cash = -100
    assert before.after(line, 1, 0) is not None
    assert before.after(line, 1, -1) is None


@pytest.mark.parametrize("sign", [1, -1])
def test_holding_is_bounded_by_value_and_by_width(sign: int) -> None:
    pit = Pit(make=Engine)
    line = pit.engine.listings.lines[CALL]
    before = holding(pit, 2)
    before.cash = 1 << 80
    most = POSITION_VALUE_MAX // line.contract.cap
    assert before.after(line, sign * most, 0) is not None
    assert before.after(line, sign * (most + 1), 0) is None
    line.contract = Contract(CALL, line.contract.key, 0, 0, 1)
    assert before.after(line, sign * LOTS_MAX, 0) is not None
    assert before.after(line, sign * (LOTS_MAX + 1), 0) is None


def test_holding_takes_the_thirty_second_position_and_no_more() -> None:
    pit = Pit(make=Engine)
    line = pit.engine.listings.lines[CALL]
    before = holding(pit, 2)
    before.others_count = MAX_POSITIONS - 1
    assert before.after(line, 1, 0) is not None
    before.others_count = MAX_POSITIONS
    assert before.after(line, 1, 0) is None


@pytest.mark.parametrize(
    ("buy", "position", "lots"), [(True, -5, 5), (True, 5, 0), (False, 5, 5), (False, -5, 0)]
)
def test_reducible_is_the_opposite_position(buy: bool, position: int, lots: int) -> None:
    assert reducible(buy, position) == lots
