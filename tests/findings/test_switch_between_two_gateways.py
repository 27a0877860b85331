"""A dead man's switch whose wallet speaks now to one gateway, now to the other.

Disarmed at another gateway than the one that had it, it was said to be gone, and fired all the
same. Renewed at the first gateway after the second had renewed it, it fired at the second.
"""

import asyncio
from collections.abc import Iterator
from typing import Any

import pytest

from matcher.gateway import GatewayServer, SwitchFiles, make_app
from tests.e2e.gateway.conftest import alice, clockwork, exchange
from tests.support.dead_man import ARM, TIMEOUT, Clockwork, arm, body_of, ids, terms_of
from tests.support.gateway import CALL, DOMAIN, GENESIS, WINDOWS, Exchange
from tests.support.requests import HTTP, PRICE

__all__ = ["alice", "clockwork", "exchange"]  # fixtures


class Second:
    """Another gateway of the same exchange, over the same directory of switches."""

    def __init__(self, exchange: Exchange):
        self._exchange = exchange
        self.server: GatewayServer = exchange.run(self._begin())

    async def _begin(self) -> GatewayServer:
        exchange = self._exchange
        self.app = make_app(
            sequencer=exchange.sequencer,
            feed=exchange.feed,
            domain=DOMAIN,
            windows=WINDOWS,
            chain=exchange.chain,
            genesis=GENESIS,
            switches=SwitchFiles(exchange.directory / "switches", "second"),
        )
        server = GatewayServer(self.app, port=0)
        await server.start()
        return server

    def arm(self, body: dict[str, Any]) -> Any:
        response = HTTP.post(f"{self.server.url}/v1{ARM}", json=body)
        assert response.status_code == 200, response.text
        return response.json()

    def settle(self) -> None:
        """Let what fires here be over."""

        async def settled() -> None:
            while self.app.state.switches._firing:
                await asyncio.wait(set(self.app.state.switches._firing))

        self._exchange.run(settled())


@pytest.fixture
def second(exchange: Exchange, clockwork: Clockwork) -> Iterator[Second]:
    made = Second(exchange)
    yield made
    clockwork.release()
    exchange.run(made.server.stop())


def test_switch_disarmed_at_another_gateway_does_not_fire(exchange, alice, clockwork, second):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of()))
    assert second.arm(body_of(terms_of(), 0)) == {"switch": None}
    clockwork.advance(TIMEOUT + 1)
    assert ids(alice) == [0]


def test_switch_disarmed_where_it_was_armed_before_does_not_fire(
    exchange, alice, clockwork, second
):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of()))
    second.arm(body_of(terms_of()))
    assert arm(exchange, body_of(terms_of(), 0)) == {"switch": None}
    clockwork.advance(TIMEOUT + 1)
    second.settle()
    assert ids(alice) == [0]


def test_switch_renewed_at_one_gateway_after_the_other_fires_at_neither(
    exchange, alice, clockwork, second
):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of()))
    second.arm(body_of(terms_of()))
    clockwork.advance(TIMEOUT - 10)
    arm(exchange, body_of(terms_of()))
    clockwork.advance(TIMEOUT - 10)
    second.settle()
    assert ids(alice) == [0]
    clockwork.advance(11)
    assert ids(alice) == []
