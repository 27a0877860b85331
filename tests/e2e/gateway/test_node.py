"""Restarts, faults, the end, and what a wallet must know to begin."""

import socket
from pathlib import Path

import httpx
import pytest
from eth_account.messages import encode_typed_data

from matcher import commands as c
from matcher.client import Client
from matcher.eip712 import keccak
from matcher.errors import Reject
from matcher.gateway import requests
from tests.support.gateway import (
    ACCOUNTS,
    CALL,
    DOMAIN,
    FAR_CALL,
    PUT,
    START,
    TICK_VALUE,
    TRADERS,
    Exchange,
)
from tests.support.requests import HTTP, PRICE, body_of, order_of, post, refusal


def test_restart_tells_the_same_story_and_takes_an_order_only_once(exchange, alice, bob):
    order = order_of(quantity=5)
    post(exchange, "/orders", body_of(order))
    bob.sell(CALL, PRICE, 2)
    exchange.close_batch()
    bob.sell(CALL, PRICE, 1)

    def story(client: Client) -> list:
        routes = ("orders", "fills", "movements", "slots", "proof?batch=latest")
        answers = [client.get(f"/accounts/{client.account}/{route}") for route in routes]
        return [*answers, client.balances(), client.trades(CALL), client.get("/batches")]

    before, state = (story(alice), story(bob)), exchange.state_hash()
    exchange.stop()
    exchange.start()
    alice, bob = exchange.client("alice"), exchange.client("bob")
    assert exchange.state_hash() == state == alice.status()["state"]["hash"]
    assert (story(alice), story(bob)) == before
    assert post(exchange, "/orders", body_of(order)).json()["duplicate"] is True
    assert exchange.state_hash() == state
    exchange.close_batch()
    assert [fill["batch"] for fill in alice.fills()] == ["2", "1"]


def test_listings_and_domain_say_what_a_wallet_needs(exchange, alice):
    stated = alice.get("/domain")
    assert stated["separator"] == "0x" + DOMAIN.separator.hex()
    assert alice.domain == DOMAIN
    order = order_of()
    encoded = encode_typed_data(
        full_message={
            "domain": stated["domain"] | {"chainId": int(stated["domain"]["chainId"])},
            "types": {name: stated["types"][name] for name in ("EIP712Domain", "Order")},
            "primaryType": "Order",
            "message": DOMAIN.typed_data(order)["message"],
        }
    )
    assert keccak(b"\x19\x01" + encoded.header + encoded.body) == DOMAIN.digest(order)
    (market,) = alice.get("/markets")["markets"]
    assert (market["name"], market["tickValue"]) == ("BTC", str(TICK_VALUE))
    assert market["fees"]["newMaker"] == "-10"
    instruments = alice.instruments()
    assert [i["instrument"] for i in instruments] == [CALL, PUT, FAR_CALL]
    assert alice.get(f"/instruments/{PUT}") == instruments[1]
    assert instruments[2]["strikePrice"] == "120000000"
    assert instruments[0]["open"] is True
    owner = TRADERS["bob"].address
    assert alice.get("/accounts", owner=owner)["accounts"] == [str(ACCOUNTS["bob"])]
    assert exchange.client_of(TRADERS["bob"], None).account == ACCOUNTS["bob"]


def test_client_uses_slots_in_turn_and_their_next_generation(exchange, alice, bob):
    placed = [int(alice.buy(CALL, PRICE, 1)["order"]["id"]) for _ in range(3)]
    assert placed == [0, 1, 2]
    alice.cancel(1)
    assert int(alice.buy(CALL, PRICE, 1)["order"]["id"]) == 3
    bob.sell(CALL, PRICE, 1)  # fills order 0, which the client is not told
    fresh = exchange.client("alice")
    assert int(fresh.buy(CALL, PRICE, 1)["order"]["id"]) == 4
    # The first client does not know of the fresh one's order: it is refused, and tries again.
    assert int(alice.buy(CALL, PRICE, 1)["order"]["id"]) == 5


def test_client_whose_clock_is_behind_asks_for_the_time_and_signs_again(exchange, alice):
    order_id = int(alice.buy(CALL, PRICE, 1, expiry=START + 100_000)["order"]["id"])
    exchange.tell(c.Clock(START + 50_000))
    assert alice.cancel(order_id)["order"]["status"] == "canceled"
    exchange.tell(c.Clock(START + 90_000))
    assert alice.buy(CALL, PRICE, 1)["order"]["status"] == "open"


def test_fault_in_a_request_is_answered_as_ours_and_the_exchange_goes_on(exchange, alice):
    exchange.feed.batches = None  # a fault of the feed's
    refusal(HTTP.get(exchange.url + "/v1/batches"), Reject.INTERNAL, 500, "request")
    del exchange.feed.batches
    assert HTTP.get(exchange.url + "/v1/batches").json() == {"batches": []}
    assert alice.buy(CALL, PRICE, 1)["order"]["status"] == "open"


def test_body_that_does_not_arrive_is_refused(busy, monkeypatch):
    monkeypatch.setattr(requests, "BODY_SECONDS", 0.05)
    with socket.create_connection(("127.0.0.1", int(busy.url.rpartition(":")[2]))) as half:
        half.sendall(
            b"POST /v1/orders HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
            b"content-length: 100\r\nconnection: close\r\n\r\n{"
        )
        answer = b"".join(iter(lambda: half.recv(4096), b""))
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b"1 bytes after 0.05 seconds" in answer


def test_order_to_a_node_that_has_stopped_is_refused(tmp_path):
    running = Exchange(tmp_path)
    running.run(running.sequencer.stop())
    response = post(running, "/orders", body_of(order_of()))
    refusal(response, Reject.STOPPED, 503, "exchange")
    running.stop()


def test_page_of_another_origin_may_ask(busy):
    headers = {"origin": "https://wallet.example"}
    assert (
        HTTP.get(busy.url + "/v1/health", headers=headers).headers["access-control-allow-origin"]
        == "*"
    )
    preflight = HTTP.options(
        busy.url + "/v1/orders",
        headers=headers
        | {
            "access-control-request-method": "POST",
            "access-control-request-headers": "content-type",
        },
    )
    assert preflight.status_code == 200


def test_stop_closes_streams_and_answers_no_more(tmp_path):
    running = Exchange(tmp_path)
    alice = running.client("alice")
    stream = alice.subscribe(("book", CALL))
    stream.receive(10)
    url = running.url
    running.stop()
    with pytest.raises(Exception, match="1012"):
        stream.receive(10)
    with pytest.raises(httpx.ConnectError):
        HTTP.get(url + "/v1/health")


def test_reference_names_every_route(exchange):
    reference = (Path(__file__).parents[3] / "docs" / "reference" / "http-api.md").read_text()
    routes = [route.path for route in exchange.app.routes]
    assert "/v1/orders" in routes
    missing = [
        path
        for path in routes
        if f"{path}`" not in reference.replace("?", "`") and f"{path}\n" not in reference
    ]
    assert missing == []
