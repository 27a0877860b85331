"""Which order id a client takes next."""

import pytest

from matcher.client_errors import ClientError
from matcher.order_ids import OrderIds
from matcher.types import SLOTS


def slot(number: int, generation: int, busy: bool = False) -> dict:
    return {"slot": str(number), "nextGeneration": str(generation), "busy": busy}


def test_ids_take_slots_in_turn_and_their_next_generation():
    ids = OrderIds()
    assert ids.outdated
    ids.load([slot(0, 3, busy=True), slot(1, 7), slot(3, 2, busy=True), slot(4, 6)])
    assert not ids.outdated
    assert [ids.take() for _ in range(3)] == [2, 6 * SLOTS + 4, 5]


def test_ids_of_orders_that_are_over_come_again_when_their_turn_has_come():
    ids = OrderIds()
    ids.load([])
    for expected in range(SLOTS):
        taken = ids.take()
        ids.answered(taken, still_open=False)
        assert taken == expected
    assert ids.take() == SLOTS


def test_ids_of_a_new_client_begin_where_the_turn_had_come_to():
    ids = OrderIds()
    ids.load([slot(n, 2 if n < 7 else 1) for n in range(SLOTS)])
    assert ids.take() == 7 + SLOTS


def test_ids_under_way_stay_taken_when_the_gateway_does_not_know_them_yet():
    ids = OrderIds()
    ids.load([])
    pending = ids.take()
    ids.load([])
    ids.load([slot(n, 1, busy=n != pending) for n in range(SLOTS)])
    with pytest.raises(ClientError, match="4096 order slots"):
        ids.take()
    ids.answered(pending, still_open=False)
    assert ids.take() == pending + SLOTS


def test_ids_are_read_again_when_many_orders_may_have_been_filled():
    ids = OrderIds()
    ids.load([])
    for _ in range(OrderIds.REREAD):
        assert not ids.outdated
        ids.answered(ids.take(), still_open=True)
    assert ids.outdated
    ids.load([slot(n, 1) for n in range(OrderIds.REREAD)])
    assert not ids.outdated
    assert ids.take() == OrderIds.REREAD


def test_ids_after_a_refusal_skip_free_slots():
    ids = OrderIds()
    ids.load([slot(0, 1, busy=True)])
    assert ids.take(skip=2) == 3
    assert ids.take() == 4


def test_ids_of_an_account_with_all_slots_busy_are_no_more():
    ids = OrderIds()
    ids.load([slot(n, 1, busy=True) for n in range(1, SLOTS)])
    assert ids.take(skip=5) == 0
    with pytest.raises(ClientError, match="4096 order slots"):
        ids.take()
