"""The short way answers what the application answers, and takes only what is ordinary."""

import socket

import msgspec
import pytest

from matcher import wire
from matcher.gateway import direct
from matcher.types import CancelTerms
from tests.support.gateway import ACCOUNTS, START, Exchange
from tests.support.requests import PRICE, body_of, order_of, sign


@pytest.fixture
def short(monkeypatch) -> list[str]:
    """Paths of the requests that went the short way."""
    paths: list[str] = []
    original = direct.reply

    async def note(post, body, path):
        paths.append(path)
        return await original(post, body, path)

    monkeypatch.setattr(direct, "reply", note)
    return paths


def request(route: str, body: bytes, *headers: str, version: str = "1.1") -> bytes:
    lines = (
        f"POST /v1{route} HTTP/{version}",
        "host: x",
        "content-type: application/json",
        f"content-length: {len(body)}",
        *headers,
    )
    return "\r\n".join((*lines, "", "")).encode() + body


def connect(exchange: Exchange) -> socket.socket:
    return socket.create_connection(("127.0.0.1", int(exchange.url.rpartition(":")[2])), timeout=60)


class Reader:
    """Answers that come on a connection, one after the other."""

    def __init__(self, connection: socket.socket):
        self._file = connection.makefile("rb")

    def read(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self._file.readline().split()[1])
        headers = {}
        while (line := self._file.readline()) != b"\r\n":
            name, _, value = line.decode().partition(":")
            headers[name] = value.strip()
        return status, headers, self._file.read(int(headers["content-length"]))

    def at_end(self) -> bool:
        return self._file.read() == b""


def exchange_of(exchange: Exchange, sent: bytes) -> tuple[int, dict[str, str], bytes]:
    with connect(exchange) as connection:
        connection.sendall(sent)
        return Reader(connection).read()


def signed(name: str, terms) -> dict:
    return {name: wire.terms(terms), "signature": sign(terms)}


def bodies(exchange: Exchange) -> dict[str, tuple[str, bytes]]:
    """Requests whose answer is the same however often they are sent, once each was sent."""
    fine = body_of(order_of(id=1))
    off_tick = body_of(order_of(id=2, price=PRICE + 1))
    cancel = signed("cancel", CancelTerms(ACCOUNTS["alice"], 77, START + 60))
    return {
        name: (route, value if isinstance(value, bytes) else msgspec.json.encode(value))
        for name, (route, value) in {
            "order": ("/orders", fine),
            "off tick": ("/orders", off_tick),
            "forged": ("/orders", {**fine, "signature": "0x" + "00" * 31 + "05" + "11" * 33}),
            "unknown field": ("/orders", {**fine, "hidden": 1}),
            "no JSON": ("/orders", b"{"),
            "empty": ("/orders", b""),
            "large": ("/orders", b" " * wire.MAX_BODY),
            "too large": ("/orders", b" " * (wire.MAX_BODY + 1)),
            "batch": ("/orders/batch", {"orders": [fine, off_tick]}),
            "bad batch": ("/orders/batch", {"orders": [fine, {}]}),
            "cancel of nothing": ("/orders/cancel", cancel),
            "withdrawal that is a cancel": ("/withdrawals", cancel),
            "no such path": ("/orders/none", b"{}"),
        }.items()
    }


def test_short_way_answers_as_the_application_does(exchange, short):
    exchange_of(exchange, request("/orders", bodies(exchange)["order"][1]))
    for name, (route, body) in bodies(exchange).items():
        short.clear()
        quick = exchange_of(exchange, request(route, body))
        went_short = list(short)
        slow = exchange_of(exchange, request(route, body, "origin: http://page"))
        assert short == went_short, name  # that one took the long way
        for headers in (quick[1], slow[1]):
            headers.pop("date")
            headers.pop("vary", None)  # for caches, which keep no answer to a POST
        slow[1].pop("access-control-allow-origin")
        assert quick == slow, name
        if name != "large":  # it may come in pieces
            unusual = name in ("too large", "no such path")
            assert went_short == ([] if unusual else [f"/v1{route}"]), name


def test_request_that_comes_in_pieces_takes_the_long_way_and_is_answered(exchange, short):
    sent = request("/orders", msgspec.json.encode(body_of(order_of(id=1))))
    middle = sent.index(b"\r\n\r\n")
    for cut in (middle - 5, middle + 4, middle + 40, len(sent) - 1):
        with connect(exchange) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            reader = Reader(connection)
            connection.sendall(sent[:cut])
            assert exchange_of(exchange, request("/orders", b"{"))[0] == 400  # the first is read
            connection.sendall(sent[cut:])
            status, _, body = reader.read()
            assert status == 200
            assert msgspec.json.decode(body)["order"]["id"] == "1"
            connection.sendall(sent)  # and the connection goes on
            assert reader.read()[0] == 200
    assert short.count("/v1/orders") == 4 + 1 + 4  # {, the one cut within its head, the last ones


def test_requests_sent_at_once_are_answered_in_their_order(exchange, short):
    orders = [body_of(order_of(id=place)) for place in range(6)]
    sent = b"".join(request("/orders", msgspec.json.encode(order)) for order in orders)
    with connect(exchange) as connection:
        connection.sendall(sent)
        reader = Reader(connection)
        answers = [msgspec.json.decode(reader.read()[2]) for _ in orders]
    assert [answer["order"]["id"] for answer in answers] == list("012345")
    assert len(short) < 6


@pytest.mark.parametrize("how", [("connection: close",), ()])
def test_connection_that_is_to_end_ends_after_the_answer(exchange, short, how):
    version = "1.1" if how else "1.0"
    sent = request("/orders", msgspec.json.encode(body_of(order_of())), *how, version=version)
    with connect(exchange) as connection:
        connection.sendall(sent)
        reader = Reader(connection)
        status, headers, _ = reader.read()
        assert (status, headers["connection"]) == (200, "close")
        assert reader.at_end()
    assert len(short) == 1


def test_client_that_does_not_wait_for_its_answer_hurts_nobody(exchange, short, alice):
    for number in range(20):
        with connect(exchange) as connection:
            order = order_of(id=number)
            connection.sendall(request("/orders", msgspec.json.encode(body_of(order))))
    assert exchange_of(exchange, request("/orders", b"{"))[0] == 400
    assert alice.status()["halted"] is None
    exchange.check()


def test_busy_and_stopped_are_said_with_when_to_come_again(tmp_path):
    full = Exchange(tmp_path / "full", max_queue=0)
    try:
        sent = request("/orders", msgspec.json.encode(body_of(order_of())))
        status, headers, body = exchange_of(full, sent)
        assert (status, headers["retry-after"]) == (503, "1")
        assert msgspec.json.decode(body)["error"]["name"] == "BUSY"
        full.run(full.sequencer.stop())
        status, headers, body = exchange_of(full, sent)
        assert (status, headers["retry-after"]) == (503, "1")
        assert msgspec.json.decode(body)["error"]["name"] == "STOPPED"
    finally:
        full.stop()


def test_fault_of_ours_is_answered_and_the_connection_goes_on(exchange, short, monkeypatch):
    def broken(*_):
        raise RuntimeError("a fault")

    sent = request("/orders", msgspec.json.encode(body_of(order_of())))
    with connect(exchange) as connection:
        reader = Reader(connection)
        with monkeypatch.context() as patch:
            patch.setattr("matcher.gateway.trading.order_request", broken)
            connection.sendall(sent)
            status, _, body = reader.read()
        assert status == 500
        error = msgspec.json.decode(body)["error"]
        assert (error["name"], error["found"]) == ("INTERNAL", "RuntimeError")
        connection.sendall(sent)
        assert reader.read()[0] == 200
