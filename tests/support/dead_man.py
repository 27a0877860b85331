"""Dead man's switches at a gateway, and the time in which they fire."""

import asyncio
import time

import msgspec

from matcher import wire
from matcher.types import CancelAllTerms
from tests.support.gateway import ACCOUNTS, START, TRADERS, Exchange
from tests.support.requests import post, sign

TIMEOUT = 30  # seconds
ARM = "/orders/cancel-all/arm"
PATIENCE = 60  # seconds, after which what was awaited has not happened


class Clockwork:
    """Time of the exchange's loop, which passes when the test says so."""

    def __init__(self, exchange: Exchange):
        self._exchange = exchange
        self._now = exchange.run(self._time())
        exchange.loop.time = lambda: self._now

    def release(self) -> None:
        """Let time go on by itself: a server that ends waits for it."""
        loop, ahead = self._exchange.loop, self._now - time.monotonic()
        loop.time = lambda: time.monotonic() + ahead
        self._exchange.run(asyncio.sleep(0))

    async def _time(self) -> float:
        return self._exchange.loop.time()

    def advance(self, seconds: float) -> None:
        """Let time pass, and what is due then happen."""
        self._now += seconds

        async def settle() -> None:
            for _ in range(3):
                await asyncio.sleep(0)
            held = self._exchange.app.state.switches
            while held._firing:
                await asyncio.wait(set(held._firing))

        self._exchange.run(settle())


def terms_of(expiry: int = START + 500, **changes) -> CancelAllTerms:
    fields = {"account": ACCOUNTS["alice"], "instrument": "", "expiry": expiry}
    return CancelAllTerms(**(fields | changes))


def body_of(terms: CancelAllTerms, timeout: int | str = TIMEOUT, signer=TRADERS["alice"]) -> dict:
    return {
        "cancelAll": wire.terms(terms),
        "signature": sign(terms, signer),
        "timeout": str(timeout),
    }


def arm(exchange: Exchange, body: dict) -> dict:
    response = post(exchange, ARM, body)
    assert response.status_code == 200, response.text
    return response.json()


class Session:
    """A WebSocket of alice's that arms switches."""

    def __init__(self, client):
        self.stream = client.subscribe()

    def say(self, message: dict) -> dict:
        self.stream._socket.send(msgspec.json.encode(message).decode())
        return self.stream.receive(PATIENCE)

    def arm(self, body: dict) -> dict:
        return self.say({"op": "arm", **body})


def ids(client) -> list[int]:
    return [int(order["id"]) for order in client.open_orders()]


def until_canceled(client, order_id: int) -> None:
    """Wait for the stream to tell of the cancel."""
    with client.subscribe(("account", client.account)) as stream:
        while True:
            message = stream.receive(PATIENCE)
            orders = {order["id"]: order for order in message.get("orders", ())}
            if message["type"] == "snapshot" and str(order_id) not in orders:
                return
            if orders.get(str(order_id), {}).get("status") == "canceled":
                assert orders[str(order_id)]["reason"] == "USER"
                return
