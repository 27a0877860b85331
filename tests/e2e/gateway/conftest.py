"""A running exchange and its traders."""

from collections.abc import Iterator

import pytest

from tests.support.dead_man import Clockwork
from tests.support.gateway import (
    CALL,
    Exchange,
)
from tests.support.requests import PRICE, body_of, order_of, post


@pytest.fixture
def exchange(tmp_path):
    running = Exchange(tmp_path / "node")
    yield running
    running.stop()


@pytest.fixture
def alice(exchange):
    return exchange.client("alice")


@pytest.fixture
def bob(exchange):
    return exchange.client("bob")


@pytest.fixture
def clockwork(exchange) -> Iterator[Clockwork]:
    held = Clockwork(exchange)
    yield held
    held.release()


@pytest.fixture(scope="module")
def busy(tmp_path_factory):
    """An exchange in which every kind of mistake can be made; it survives all of them."""
    running = Exchange(tmp_path_factory.mktemp("busy"))
    alice, bob = running.client("alice"), running.client("bob")
    assert post(running, "/orders", body_of(order_of(id=4096 + 5, quantity=2))).status_code == 200
    alice.cancel(4096 + 5)
    assert post(running, "/orders", body_of(order_of(id=4096 + 6, price=100))).status_code == 200
    bob.sell(CALL, 2 * PRICE, 1)
    yield running
    running.stop()
