"""Dead man's switches: orders stand while their wallet is alive, and fall when it is silent."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import msgspec
import pytest

from matcher import commands as c
from matcher import wire
from matcher.client import RequestRefused, StreamBroken
from matcher.errors import Reject
from matcher.gateway import GatewayServer, SwitchFiles, make_app, switches
from matcher.gateway.faults import Refused
from matcher.types import CancelAllTerms
from tests.support.gateway import (
    ACCOUNTS,
    CALL,
    DOMAIN,
    GENESIS,
    KEY,
    OUTSIDER,
    PUT,
    START,
    TRADERS,
    WINDOWS,
    Exchange,
)
from tests.support.requests import HTTP, PRICE, post, refusal, sign

TIMEOUT = 30
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


@pytest.fixture
def clockwork(exchange) -> Iterator[Clockwork]:
    held = Clockwork(exchange)
    yield held
    held.release()


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


# --- silence --------------------------------------------------------------------------------------


def test_switch_not_renewed_in_time_cancels_everything(exchange, alice, bob, clockwork):
    order_ids = [int(alice.buy(name, PRICE, 2)["order"]["id"]) for name in (CALL, PUT)]
    theirs = int(bob.buy(CALL, PRICE, 1)["order"]["id"])
    terms = terms_of()
    armed = arm(exchange, body_of(terms))["switch"]
    digest = "0x" + DOMAIN.digest(terms).hex()
    assert armed == {**wire.terms(terms), "timeout": "30", "digest": digest}
    clockwork.advance(TIMEOUT - 1)
    assert ids(alice) == order_ids
    clockwork.advance(1.01)
    assert ids(alice) == []
    assert [alice.order(order_id)["reason"] for order_id in order_ids] == ["USER", "USER"]
    assert ids(bob) == [theirs]
    again = post(exchange, "/orders/cancel-all", body_of(terms) | {}).json()
    assert again["error"]["name"] == "UNKNOWN_FIELD"
    message = {"cancelAll": wire.terms(terms), "signature": sign(terms)}
    again = post(exchange, "/orders/cancel-all", message).json()
    assert again["duplicate"] is True
    assert [one["id"] for one in again["canceled"]] == [str(order_id) for order_id in order_ids]


def test_switch_renewed_in_time_lets_orders_stand(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    for _ in range(10):
        arm(exchange, body_of(terms_of()))
        clockwork.advance(TIMEOUT - 1)
    assert ids(alice) == [0]
    clockwork.advance(2)
    assert ids(alice) == []


def test_switch_of_one_instrument_cancels_there_alone(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    stays = int(alice.buy(PUT, PRICE, 1)["order"]["id"])
    arm(exchange, body_of(terms_of(instrument=CALL)))
    clockwork.advance(TIMEOUT + 1)
    assert ids(alice) == [stays]


def test_switch_replaced_by_a_fresh_message_forgets_the_old_one(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of(START + 400), 10))
    arm(exchange, body_of(terms_of(START + 500), 40))
    clockwork.advance(39)
    assert ids(alice) == [0]
    clockwork.advance(2)
    assert ids(alice) == []
    fresh = {
        "cancelAll": wire.terms(terms_of(START + 400)),
        "signature": sign(terms_of(START + 400)),
    }
    assert post(exchange, "/orders/cancel-all", fresh).json()["duplicate"] is False


@pytest.mark.parametrize("expiry", [START + 500, START + 501], ids=["the same", "another"])
def test_switch_disarmed_does_nothing(exchange, alice, clockwork, expiry):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of()))
    assert arm(exchange, body_of(terms_of(expiry), 0)) == {"switch": None}
    assert list((exchange.directory / "switches").iterdir()) == []
    clockwork.advance(1000)
    assert ids(alice) == [0]
    assert arm(exchange, body_of(terms_of(), 0)) == {"switch": None}


def test_switches_of_owner_and_key_are_two(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of(), 200))
    arm(exchange, body_of(terms_of(START + 400), 20, KEY))
    assert len(list((exchange.directory / "switches").iterdir())) == 2
    clockwork.advance(21)
    assert ids(alice) == []


# --- sessions -------------------------------------------------------------------------------------


def test_switch_fires_when_its_session_ends_and_not_when_another_does(exchange, alice):
    order_id = int(alice.buy(CALL, PRICE, 1)["order"]["id"])
    other, session = Session(alice), Session(alice)
    answer = session.arm(body_of(terms_of()))
    assert (answer["type"], answer["switch"]["timeout"]) == ("armed", "30")
    other.stream.close()
    assert session.arm(body_of(terms_of()))["type"] == "armed"  # after the other one's end
    assert ids(alice) == [order_id]
    session.stream.close()
    until_canceled(alice, order_id)


def test_session_that_disarmed_may_end(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    session = Session(alice)
    session.arm(body_of(terms_of()))
    assert session.arm(body_of(terms_of(), 0)) == {"type": "disarmed", "switch": None}
    session.stream.close()
    clockwork.advance(1000)
    assert ids(alice) == [0]


def test_session_is_told_that_its_switch_fired(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 3)
    session = Session(alice)
    session.arm(body_of(terms_of()))
    clockwork.advance(TIMEOUT + 1)
    told = session.stream.receive(PATIENCE)
    assert (told["type"], told["why"]) == ("fired", "not renewed in time")
    assert told["canceled"] == [{"id": "0", "remaining": "3"}]


def test_session_hears_what_is_wrong_and_goes_on(exchange, alice):
    session = Session(alice)
    for message, name in (
        ({"op": "arm"}, "MISSING_FIELD"),
        ({"op": "arm", **body_of(terms_of(), 301)}, "OUT_OF_RANGE"),
        ({"op": "arm", **body_of(terms_of(), signer=OUTSIDER)}, "SIGNER_UNKNOWN"),
        ({"op": "arm", **body_of(terms_of()), "hidden": 1}, "UNKNOWN_FIELD"),
    ):
        with pytest.raises(RequestRefused) as caught:
            session.say(message)
        assert caught.value.name == name
    assert session.arm(body_of(terms_of()))["type"] == "armed"


# --- what is refused ------------------------------------------------------------------------------

FAULTS = {
    "too long": (lambda: body_of(terms_of(), 301), Reject.OUT_OF_RANGE, 400, "timeout"),
    "negative": (lambda: body_of(terms_of(), -1), Reject.OUT_OF_RANGE, 400, "timeout"),
    "no number": (lambda: body_of(terms_of(), "soon"), Reject.NOT_AN_INTEGER, 400, "timeout"),
    "expired": (lambda: body_of(terms_of(START - 1)), Reject.EXPIRED, 409, "cancelAll.expiry"),
    "ends too soon": (
        lambda: body_of(terms_of(START + TIMEOUT + 59)),
        Reject.OUT_OF_RANGE,
        400,
        "cancelAll.expiry",
    ),
    "lives too long": (
        lambda: body_of(terms_of(START + 601)),
        Reject.OUT_OF_RANGE,
        400,
        "cancelAll.expiry",
    ),
    "no such account": (
        lambda: body_of(terms_of(account=99)),
        Reject.ACCOUNT_UNKNOWN,
        404,
        "cancelAll.account",
    ),
    "no such instrument": (
        lambda: body_of(terms_of(instrument="ETH-1JAN30-5-C")),
        Reject.INSTRUMENT_UNKNOWN,
        404,
        "cancelAll.instrument",
    ),
    "an outsider": (
        lambda: body_of(terms_of(), signer=OUTSIDER),
        Reject.SIGNER_UNKNOWN,
        403,
        "signature",
    ),
    "another's key": (
        lambda: body_of(terms_of(), signer=TRADERS["bob"]),
        Reject.SIGNER_UNKNOWN,
        403,
        "signature",
    ),
    "nobody's": (
        lambda: {**body_of(terms_of()), "signature": "0x" + "00" * 31 + "05" + "11" * 32 + "1b"},
        Reject.BAD_SIGNATURE,
        400,
        "signature",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_switch_that_would_do_no_good_is_refused_and_the_old_one_stays(
    exchange, alice, clockwork, fault
):
    build, code, status, field = FAULTS[fault]
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of(START + 400)))
    refusal(post(exchange, ARM, build()), code, status, field)
    clockwork.advance(TIMEOUT + 1)
    assert ids(alice) == []


@pytest.mark.parametrize(("timeout", "expiry"), [(1, START + 61), (300, START + 600)])
def test_switch_at_the_edges_is_armed(exchange, timeout, expiry):
    assert arm(exchange, body_of(terms_of(expiry), timeout))["switch"]["timeout"] == str(timeout)


def test_message_that_was_obeyed_cannot_be_armed(exchange, alice):
    terms = terms_of()
    message = {"cancelAll": wire.terms(terms), "signature": sign(terms)}
    assert post(exchange, "/orders/cancel-all", message).status_code == 200
    refusal(post(exchange, ARM, body_of(terms)), Reject.ID_USED, 409, "cancelAll")


def test_key_that_is_over_cannot_arm_and_an_armed_one_fires_for_nothing(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    session = Session(alice)
    session.arm(body_of(terms_of(), signer=KEY))
    key = bytes.fromhex(KEY.address[2:])
    exchange.tell(c.KeySet(ACCOUNTS["alice"], key, START - 5, START - 1))
    refused = post(exchange, ARM, body_of(terms_of(START + 400), signer=KEY))
    refusal(refused, Reject.KEY_EXPIRED, 403, "signature")
    clockwork.advance(TIMEOUT + 1)
    assert session.stream.receive(PATIENCE)["type"] == "lapsed"
    assert ids(alice) == [0]


def test_no_more_switches_than_are_allowed(exchange, monkeypatch):
    monkeypatch.setattr(switches, "MAX_SWITCHES", 1)
    arm(exchange, body_of(terms_of()))
    bobs = terms_of(account=ACCOUNTS["bob"])
    refusal(post(exchange, ARM, body_of(bobs, signer=TRADERS["bob"])), Reject.BUSY, 503, "switches")
    arm(exchange, body_of(terms_of(START + 400)))  # in place of the one that there is
    arm(exchange, body_of(terms_of(), 0))
    arm(exchange, body_of(bobs, signer=TRADERS["bob"]))


# --- time of the chain ----------------------------------------------------------------------------


def test_switch_fires_before_its_message_ends(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of(START + 500), 300))
    exchange.tell(c.Clock(START + 469))
    clockwork.advance(0)
    assert ids(alice) == [0]
    exchange.tell(c.Clock(START + 470))
    clockwork.advance(0)
    assert ids(alice) == []


def test_message_over_which_time_leapt_is_not_obeyed(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1, expiry=START + 100_000)
    session = Session(alice)
    session.arm(body_of(terms_of()))
    exchange.tell(c.Clock(START + 501))
    told = session.stream.receive(PATIENCE)
    assert told["type"] == "lapsed"
    assert "EXPIRED" in told["reason"]
    clockwork.advance(TIMEOUT + 1)
    assert ids(alice) == [0]
    assert list((exchange.directory / "switches").iterdir()) == []


# --- a node that is busy, goes down, dies --------------------------------------------------------


def test_switch_that_finds_the_node_busy_fires_when_it_is_not(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of()))
    held = exchange.app.state.switches
    obey, tries = held._obey, []
    third = threading.Event()

    async def busy(verified):
        tries.append(clockwork._now)
        if len(tries) == 3:
            third.set()
        if len(tries) <= 3:
            raise Refused(Reject.BUSY, "queue", "full", "less")
        return await obey(verified)

    held._obey = busy
    clockwork._now += TIMEOUT + 1
    while not third.is_set():
        clockwork._now += switches.RETRY_SECONDS
        exchange.run(asyncio.sleep(0))
    assert ids(alice) == [0]
    while held._firing:
        clockwork._now += switches.RETRY_SECONDS
        exchange.run(asyncio.sleep(0))
    assert ids(alice) == []
    assert len(tries) == 4


def test_restart_fires_nothing_and_gives_each_switch_its_timeout_again(exchange, alice):
    clockwork = Clockwork(exchange)
    alice.buy(CALL, PRICE, 1)
    session = Session(alice)
    session.arm(body_of(terms_of()))
    clockwork.advance(TIMEOUT - 1)
    clockwork.release()
    exchange.stop()
    exchange.start()
    clockwork, alice = Clockwork(exchange), exchange.client("alice")
    clockwork.advance(TIMEOUT - 1)
    assert ids(alice) == [0]
    arm(exchange, body_of(terms_of()))
    clockwork.advance(TIMEOUT - 1)
    assert ids(alice) == [0]
    clockwork.advance(2)
    assert ids(alice) == []
    assert list((exchange.directory / "switches").iterdir()) == []
    state = exchange.state_hash()
    clockwork.release()
    exchange.stop()
    exchange.start()
    assert exchange.state_hash() == state
    assert exchange.client("alice").order(0)["reason"] == "USER"


def test_restart_forgets_switches_that_were_obeyed_or_ended(exchange, alice):
    alice.buy(CALL, PRICE, 1, expiry=START + 100_000)
    arm(exchange, body_of(terms_of(START + 400)))
    directory = exchange.directory / "switches"
    (file,) = directory.iterdir()
    content = file.read_bytes()
    exchange.tell(c.Clock(START + 350))
    exchange.stop()
    exchange.start()
    assert list(directory.iterdir()) == [file]
    exchange.tell(c.Clock(START + 401))
    exchange.stop()
    file.write_bytes(content)  # as if it had died before the switch was judged
    exchange.start()
    assert list(directory.iterdir()) == []
    assert ids(exchange.client("alice")) == [0]


def test_file_that_cannot_be_read_stops_nobody(exchange, alice):
    (exchange.directory / "switches" / "2-00.json").write_bytes(b'{"gateway')
    exchange.stop()
    exchange.start()
    assert exchange.client("alice").status()["halted"] is None


NODE = """
import sys, pathlib, threading
from tests.support.gateway import Exchange
exchange = Exchange(pathlib.Path(sys.argv[1]))
print(exchange.url, flush=True)
threading.Event().wait()
"""


def spawn(code: str, *arguments: str) -> tuple[subprocess.Popen, str]:
    """A process that says one line when it is ready, and the line."""
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True
    )
    return process, process.stdout.readline().strip()


def test_node_killed_remembers_what_was_armed(tmp_path):
    node, url = spawn(NODE, str(tmp_path / "node"))
    try:
        terms = terms_of()
        armed = HTTP.post(f"{url}/v1{ARM}", json=body_of(terms, 200))
        assert armed.status_code == 200
    finally:
        node.send_signal(signal.SIGKILL)
        node.wait()
    exchange = Exchange(tmp_path / "node")
    try:
        clockwork, alice = Clockwork(exchange), exchange.client("alice")
        alice.buy(CALL, PRICE, 1)
        clockwork.advance(199)
        assert ids(alice) == [0]
        clockwork.advance(2)
        assert ids(alice) == []
        clockwork.release()
    finally:
        exchange.stop()


WALLET = """
import sys, threading
from matcher.client import Client
with Client(sys.argv[1], sys.argv[2], int(sys.argv[3])) as client:
    guard = client.guard(300)
    print(client.buy("BTC-26MAR27-100-C", 5_000_000, 1)["order"]["id"], flush=True)
    threading.Event().wait()
"""


def test_client_process_killed_leaves_no_orders(exchange, alice):
    key = TRADERS["alice"].key.hex()
    wallet, order_id = spawn(WALLET, exchange.url, key, str(ACCOUNTS["alice"]))
    try:
        assert ids(alice) == [int(order_id)]
    finally:
        os.kill(wallet.pid, signal.SIGKILL)
        wallet.wait()
    until_canceled(alice, int(order_id))


# --- several gateways ----------------------------------------------------------------------------


def test_switch_armed_at_another_gateway_since_does_not_fire(exchange, alice, clockwork):
    async def second() -> GatewayServer:
        app = make_app(
            sequencer=exchange.sequencer,
            feed=exchange.feed,
            domain=DOMAIN,
            windows=WINDOWS,
            chain=exchange.chain,
            genesis=GENESIS,
            switches=SwitchFiles(exchange.directory / "switches", "second"),
        )
        server = GatewayServer(app, port=0)
        await server.start()
        return server

    alice.buy(CALL, PRICE, 1)
    server = exchange.run(second())
    try:
        arm(exchange, body_of(terms_of()))
        moved = HTTP.post(f"{server.url}/v1{ARM}", json=body_of(terms_of(START + 400), 200))
        assert moved.status_code == 200
        clockwork.advance(TIMEOUT + 1)
        assert ids(alice) == [0]
    finally:
        clockwork.release()
        exchange.run(server.stop())


# --- the client's guard --------------------------------------------------------------------------


def test_guard_renews_by_itself_with_fresh_messages(exchange, alice, monkeypatch):
    held = exchange.app.state.switches
    armed, calls = threading.Semaphore(0), []
    original = held.arm

    async def count(value, session=None):
        calls.append(dict(value))
        answer = await original(value, session)
        armed.release()
        return answer

    held.arm = count
    order_id = int(alice.buy(CALL, PRICE, 1)["order"]["id"])
    with alice.guard(1) as guard:
        for _ in range(4):
            assert armed.acquire(timeout=PATIENCE)
        exchange.tell(c.Clock(START + 460))  # the message has but 80 seconds left
        alice._clock = None
        while len({call["signature"] for call in calls}) < 2:
            assert armed.acquire(timeout=PATIENCE)
        guard.check()
        assert ids(alice) == [order_id]
    assert calls[-1]["timeout"] == "0"
    assert ids(alice) == [order_id]


def test_guard_of_a_block_that_fails_cancels(exchange, alice):
    order_id = int(alice.buy(CALL, PRICE, 1)["order"]["id"])
    with pytest.raises(ZeroDivisionError), alice.guard():
        raise ZeroDivisionError
    until_canceled(alice, order_id)


def test_guard_tells_that_it_was_refused_or_lost(exchange, alice):
    with pytest.raises(RequestRefused, match="INSTRUMENT_UNKNOWN"):
        alice.guard(10, "ETH-1JAN30-5-C")
    guard = alice.guard(300)
    exchange.stop()
    assert guard.wait(PATIENCE)
    with pytest.raises(StreamBroken, match="1012"):
        guard.check()
    with pytest.raises(StreamBroken, match="not disarmed"):
        guard.close()
    exchange.start()
