"""The WebSocket says what HTTP says, without a gap, to those who keep up."""

import random
import socket
import threading
from collections.abc import Iterator

import msgspec
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from matcher.client import BookMirror, RequestRefused, StreamBroken
from matcher.gateway.answers import Answers
from matcher.gateway.stream import Connection
from tests.support.gateway import (
    CALL,
    TICK_VALUE,
    Exchange,
)
from tests.support.requests import PRICE, order_of


def read_until(stream, done) -> list[dict]:
    messages = []
    while not (messages and done(messages[-1])):
        messages.append(stream.receive(timeout=60))
    return messages


def test_book_of_the_stream_equals_the_book_of_http_after_random_trading(exchange, alice, bob):
    rng = random.Random(7)
    mirror = BookMirror()
    alice.buy(CALL, PRICE, 1)
    with alice.subscribe(("book", CALL), ("trades", CALL), ("account", bob.account)) as stream:
        for _ in range(60):
            client = rng.choice((alice, bob))
            standing = client.open_orders()
            match rng.randrange(5):
                case 0 if standing:
                    client.cancel(int(rng.choice(standing)["id"]))
                case 1 if standing and int(standing[0]["remaining"]) > 1:
                    quantity = int(standing[0]["quantity"]) - 1
                    client.amend(int(standing[0]["id"]), quantity)
                case _:
                    price = PRICE + rng.randrange(-4, 5) * TICK_VALUE
                    self_trade = rng.choice(("cancelNewest", "cancelOldest"))
                    client.place(
                        CALL, rng.random() < 0.5, price, rng.randrange(1, 4), self_trade=self_trade
                    )
        for client in (alice, bob):
            client.cancel_all(CALL)
        alice.buy(CALL, 100, 7)
        last = bob.sell(CALL, 100 * TICK_VALUE, 1)
        book = alice.book(CALL)
        messages = read_until(
            stream,
            lambda m: (
                m["channel"] == "account"
                and any(o["id"] == last["order"]["id"] for o in m.get("orders", ()))
            ),
        )
    for message in messages:
        if message["channel"] == "book":
            mirror.apply(message)
            assert message["topic"] == CALL
    assert mirror.levels() == {"bids": book["bids"], "asks": book["asks"]}
    assert mirror.bids
    assert mirror.asks
    trades = [t for m in messages if m["channel"] == "trades" for t in m["trades"]]
    assert trades
    assert trades[::-1] == alice.trades(CALL, 1000)
    account = [m for m in messages if m["channel"] == "account"]
    assert account[-1]["account"] == bob.balances()
    fills = [fill for m in account for fill in m.get("fills", ())]
    assert [f["number"] for f in fills[::-1]] == [f["number"] for f in bob.fills(1000)]


def test_stream_numbers_have_no_gap_and_a_new_snapshot_goes_on_from_them(alice, bob):
    with alice.subscribe(("book", CALL)) as stream, bob.subscribe() as other:
        assert stream.receive(10)["sequence"] == "0"
        for lots in (1, 2, 3):
            alice.buy(CALL, PRICE, lots)
        assert [stream.receive(10)["sequence"] for _ in range(3)] == ["1", "2", "3"]
        other.subscribe("book", CALL)
        snapshot = other.receive(10)
        assert (snapshot["type"], snapshot["sequence"]) == ("snapshot", "3")
        assert snapshot["bids"] == [[str(PRICE), "6", "3"]]
        other.unsubscribe("book", CALL)
        assert other.receive(10)["type"] == "unsubscribed"
        alice.cancel_all()
        assert stream.receive(10)["bids"] == [[str(PRICE), "0", "0"]]
        with pytest.raises(TimeoutError):
            other.receive(0.2)


def test_stream_answers_what_it_cannot_obey_and_goes_on(alice):
    with alice.subscribe() as stream:
        for text, name in (
            ("{", "MALFORMED"),
            ('{"op": "subscribe"}', "MISSING_FIELD"),
            ('{"op": "subscribe", "channel": "book", "account": "2"}', "UNKNOWN_FIELD"),
            ('{"op": "subscribe", "channel": "book"}', "MISSING_FIELD"),
            ('{"op": "subscribe", "channel": "book", "instrument": "ETH-1JAN30-5-C"}',
             "INSTRUMENT_UNKNOWN"),
            ('{"op": "subscribe", "channel": "account", "account": "999"}', "ACCOUNT_UNKNOWN"),
            ('{"op": "subscribe", "channel": "account", "account": 2}', "NOT_AN_INTEGER"),
            (b"\x00\x01", "CONTENT_TYPE"),
        ):  # fmt: skip
            stream._socket.send(text)
            with pytest.raises(RequestRefused) as caught:
                stream.receive(10)
            assert caught.value.name == name
        stream.subscribe("account", alice.account)
        snapshot = stream.receive(10)
        assert snapshot["account"] == alice.balances()
        assert snapshot["orders"] == []


def test_reader_that_does_not_keep_up_is_closed_and_told_why(tmp_path, monkeypatch):
    given_up = threading.Event()
    give_up = Connection.give_up

    def tell(connection: Connection, code: int, reason: str) -> None:
        give_up(connection, code, reason)
        given_up.set()

    monkeypatch.setattr(Connection, "give_up", tell)
    running = Exchange(tmp_path, max_queued_messages=10)
    alice = running.client("alice")
    ids = alice.next_order_ids(100)
    alice.place_many([order_of(id=n, price=PRICE + TICK_VALUE * n) for n in ids])
    # The reader asks for more than all buffers on the way hold, and reads nothing meanwhile.
    buffered = socket.socket()
    buffered.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)
    buffered.connect(("127.0.0.1", int(running.url.rpartition(":")[2])))
    with connect(f"ws{running.url[4:]}/v1/ws", sock=buffered, max_queue=1) as reader:
        ask = msgspec.json.encode({"op": "subscribe", "channel": "book", "instrument": CALL})
        for _ in range(4_000):
            reader.send(ask.decode())
        assert given_up.wait(20)
        kinds = {msgspec.json.decode(message)["type"] for message in until_closed(reader)}
        assert kinds == {"snapshot"}
        assert reader.close_code == 4008
        assert reader.close_reason.startswith("slow consumer: 11 messages and ")
    # Others are served as before.
    with alice.subscribe(("book", CALL)) as stream:
        assert len(stream.receive(10)["bids"]) == 100
    running.stop()


def until_closed(reader) -> Iterator[str]:
    while True:
        try:
            yield reader.recv(timeout=60)
        except ConnectionClosed:
            return


def test_change_that_cannot_be_told_closes_the_readers_and_not_the_exchange(exchange, alice):
    with alice.subscribe(("book", CALL)) as stream:
        stream.receive(10)
        level = Answers.level
        try:
            Answers.level = None  # a fault of the stream's own
            assert alice.buy(CALL, PRICE, 1)["order"]["status"] == "open"
            with pytest.raises(StreamBroken, match=r"1011.*fault of ours"):
                stream.receive(10)
        finally:
            Answers.level = level
    assert alice.book(CALL)["bids"] == [[str(PRICE), "1", "1"]]
