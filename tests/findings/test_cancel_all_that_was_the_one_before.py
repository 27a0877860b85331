"""The client's clock stands still for ten seconds, so its second cancel-all of that time was the
very same message as the first: the exchange answered what it had done then, and newer orders
stayed.
"""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from matcher.client_errors import RequestRefused
from tests.support.gateway import CALL, PUT, Exchange
from tests.support.requests import PRICE


@pytest.fixture
def exchange(tmp_path: Path):  # type: ignore[no-untyped-def]
    running = Exchange(tmp_path / "node")
    yield running
    running.stop()


def test_client_that_cancels_all_twice_in_a_second_leaves_nothing(exchange) -> None:  # type: ignore[no-untyped-def]
    alice = exchange.client("alice")
    for number in range(20):
        alice.buy(CALL, PRICE, 1)
        answer = alice.cancel_all()
        assert (len(answer["canceled"]), answer["duplicate"]) == (1, False), number
        alice.buy(PUT, PRICE, 1)
        assert len(alice.cancel_all(PUT)["canceled"]) == 1
    assert alice.open_orders() == []


def test_clients_of_one_key_that_cancel_all_at_once_each_do(exchange) -> None:  # type: ignore[no-untyped-def]
    clients = [exchange.client("alice") for _ in range(4)]
    for client in clients:
        client._sweeps = iter(range(1000))  # all begin alike: their first messages are the same
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda client: client.cancel_all(), clients))
    assert [answer["duplicate"] for answer in answers] == [False] * 4


def test_guard_is_armed_again_right_after_it_has_fired(exchange) -> None:  # type: ignore[no-untyped-def]
    alice = exchange.client("alice")
    for _ in range(5):
        alice.buy(CALL, PRICE, 1)
        with pytest.raises(ZeroDivisionError), alice.guard(timeout=30):
            raise ZeroDivisionError  # whatever ends the block lets it fire
        while alice.open_orders():
            pass
    with pytest.raises(RequestRefused):
        alice.cancel(0)
