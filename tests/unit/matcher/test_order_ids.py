"""Which order id a client takes next."""

import pytest

from matcher.client_errors import ClientError
from matcher.order_ids import OrderIds
from matcher.types import SLOTS


def slot(number: int, generation: int, busy: bool = False) -> dict:
    return {"slot": str(number), "nextGeneration": str(generation), "busy": busy}


def test_ids_take_the_lowest_free_slot_and_its_next_generation():
    ids = OrderIds()
    assert ids.outdated
    ids.load([slot(0, 3, busy=True), slot(1, 7), slot(3, 2, busy=True)])
    assert not ids.outdated
    assert [ids.take() for _ in range(3)] == [7 * SLOTS + 1, 2, 4]


def test_ids_of_orders_that_are_over_free_their_slot_for_the_next_generation():
    ids = OrderIds()
    ids.load([])
    first = ids.take()
    ids.answered(first, still_open=True)
    assert ids.take() == 1
    ids.answered(first, still_open=False)
    assert ids.take() == SLOTS


def test_ids_under_way_stay_taken_when_the_gateway_does_not_know_them_yet():
    ids = OrderIds()
    ids.load([])
    pending = ids.take()
    ids.load([])
    assert ids.take() != pending
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
    assert ids.take() == SLOTS


def test_ids_after_a_refusal_skip_free_slots():
    ids = OrderIds()
    ids.load([slot(0, 1, busy=True)])
    assert ids.take(skip=2) == 3
    assert ids.take() == 1


def test_ids_of_an_account_with_all_slots_busy_are_no_more():
    ids = OrderIds()
    ids.load([slot(n, 1, busy=True) for n in range(1, SLOTS)])
    assert ids.take(skip=5) == 0
    with pytest.raises(ClientError, match="4096 order slots"):
        ids.take()
