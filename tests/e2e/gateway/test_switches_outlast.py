"""Dead man's switches when a node is busy, ends or dies, at several gateways, and by a client."""

import asyncio
import os
import signal
import subprocess
import sys
import threading

import pytest

from matcher import commands as c
from matcher.client import RequestRefused, StreamBroken
from matcher.errors import Reject
from matcher.gateway import GatewayServer, SwitchFiles, make_app, switches
from matcher.gateway.faults import Refused
from tests.support.dead_man import (
    ARM,
    PATIENCE,
    TIMEOUT,
    Clockwork,
    Session,
    arm,
    body_of,
    ids,
    terms_of,
    until_canceled,
)
from tests.support.gateway import ACCOUNTS, CALL, DOMAIN, GENESIS, START, TRADERS, WINDOWS, Exchange
from tests.support.requests import HTTP, PRICE

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
