"""The way in for wallets, from end to end: real signatures, HTTP, WebSocket, journal, engine."""

import random
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_utils import keccak as eth_keccak
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from matcher import commands as c
from matcher import wire
from matcher.client import BookMirror, Client, ProofInvalid, RequestRefused, StreamBroken
from matcher.eip712 import CURVE_ORDER, Domain, keccak
from matcher.errors import Reject
from matcher.gateway import BatchStage, requests
from matcher.gateway.answers import Answers
from matcher.gateway.stream import Connection
from matcher.proofs import header_hash, verify_account_proof, verify_word_proof
from matcher.sequencer import Policy
from matcher.types import AmendTerms, CancelAllTerms, CancelTerms, Order, OrderFlag, Withdrawal
from tests.support.gateway import (
    ACCOUNTS,
    CALL,
    DEPOSIT,
    DOMAIN,
    FAR_CALL,
    KEY,
    OUTSIDER,
    PUT,
    START,
    TICK_VALUE,
    TRADERS,
    Exchange,
    raw_address,
)

PRICE = 5_000_000
HTTP = httpx.Client(timeout=20)  # made once: making one takes longer than the request


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


def order_of(**changes) -> Order:
    """An order of alice's that is fine as it stands."""
    terms = {
        "account": ACCOUNTS["alice"],
        "instrument": CALL,
        "buy": True,
        "price": PRICE,
        "quantity": 1,
        "id": 4095,
        "expiry": START + 1_000,
        "flags": 0,
    }
    return Order(**(terms | changes))


def sign(message, signer=TRADERS["alice"], domain=DOMAIN) -> str:
    encoded = encode_typed_data(full_message=domain.typed_data(message))
    return "0x" + bytes(signer.sign_message(encoded).signature).hex()


def body_of(order: Order, signature: str | None = None) -> dict:
    return {"order": wire.terms(order), "signature": signature or sign(order)}


def post(exchange: Exchange, route: str, body) -> httpx.Response:
    content = body if isinstance(body, bytes) else msgspec.json.encode(body)
    headers = {"content-type": "application/json"}
    return HTTP.post(f"{exchange.url}/v1{route}", content=content, headers=headers)


def refusal(response: httpx.Response, code: Reject, status: int, field: str) -> dict:
    """The error of an answer, which must be this one and whole."""
    error = response.json()["error"]
    assert (error["code"], error["name"]) == (int(code), code.name), error
    assert response.status_code == status
    assert error["field"] == field
    assert error["found"]
    assert error["allowed"]
    assert set(error) == {"code", "name", "field", "found", "allowed"}
    return error


# --- trading --------------------------------------------------------------------------------------


def test_order_placed_rests_and_is_shown_everywhere(exchange, alice):
    placed = alice.buy(CALL, PRICE, 3)
    assert placed["duplicate"] is False
    assert placed["fills"] == []
    order = placed["order"]
    assert order["status"] == "open"
    assert (order["id"], order["filled"], order["remaining"]) == ("0", "0", "3")
    assert alice.open_orders() == [order]
    assert alice.order(0) == order
    assert alice.book(CALL)["bids"] == [[str(PRICE), "3", "1"]]
    assert alice.book(CALL)["asks"] == []
    balances = alice.balances()
    assert balances["cash"] == balances["worst"] == str(DEPOSIT)
    assert int(balances["free"]) == DEPOSIT - 3 * PRICE - 3 * 30
    assert balances["openOrders"] == "1"


def test_fill_carries_both_orders_as_they_were_signed(exchange, alice, bob):
    alice.buy(CALL, PRICE, 3)
    answer = bob.sell(CALL, PRICE - TICK_VALUE, 2, flags=OrderFlag.IOC)
    assert answer["order"]["status"] == "filled"
    (fill,) = bob.fills()
    assert answer["fills"] == [fill]
    assert alice.fills() == [fill]
    assert (fill["price"], fill["lots"], fill["takerSells"]) == (str(PRICE), "2", True)
    assert (fill["taker"]["fee"], fill["maker"]["fee"]) == ("60", "-20")
    assert (fill["batch"], fill["index"]) == (None, None)
    for side, trader in (("taker", "bob"), ("maker", "alice")):
        signed = fill[side]["signed"]
        order = wire.order(signed["order"])
        assert order.account == ACCOUNTS[trader] == int(fill[side]["account"])
        assert DOMAIN.digest(order).hex() == signed["digest"][2:]
        encoded = encode_typed_data(full_message=DOMAIN.typed_data(order))
        recovered = Account.recover_message(encoded, signature=signed["signature"])
        assert recovered == TRADERS[trader].address
        assert signed["signer"] == recovered.lower()
    trades = alice.trades(CALL)
    assert [(t["price"], t["lots"]) for t in trades] == [(str(PRICE), "2")]
    assert "taker" not in trades[0]
    assert alice.balances()["positions"] == [{"instrument": CALL, "lots": "2"}]
    assert bob.balances()["positions"] == [{"instrument": CALL, "lots": "-2"}]
    exchange.check()


def test_order_sent_twice_is_accepted_once_and_answered_alike(exchange, alice, bob):
    bob.sell(CALL, PRICE, 1)
    order = order_of(quantity=3)
    first = post(exchange, "/orders", body_of(order)).json()
    state = exchange.state_hash()
    second = post(exchange, "/orders", body_of(order)).json()
    assert first["duplicate"] is False
    assert second == first | {"duplicate": True}
    assert exchange.state_hash() == state
    assert len(first["fills"]) == 1
    alice.cancel(order.id)
    third = post(exchange, "/orders", body_of(order)).json()
    assert third["duplicate"] is True
    assert (third["order"]["status"], third["order"]["reason"]) == ("canceled", "USER")
    assert alice.book(CALL)["bids"] == []


def test_order_sent_by_many_at_once_is_accepted_once(exchange, alice):
    body = body_of(order_of())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(exchange, "/orders", body).json(), range(16)))
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 15
    assert len({msgspec.json.encode(answer["order"]) for answer in answers}) == 1
    assert alice.book(CALL)["bids"] == [[str(PRICE), "1", "1"]]


def test_order_in_compact_signature_and_in_v_from_zero_is_accepted(exchange):
    for place, spell in enumerate(
        (
            lambda raw: raw[:64] + bytes([raw[64] - 27]),
            lambda raw: raw[:32] + bytes([raw[32] | (raw[64] - 27) << 7]) + raw[33:64],
        )
    ):
        order = order_of(id=place)
        signature = "0x" + spell(bytes.fromhex(sign(order)[2:])).hex()
        answer = post(exchange, "/orders", body_of(order, signature))
        assert answer.status_code == 200, answer.text
        assert answer.json()["order"]["status"] == "open"


def test_amend_then_cancel_keeps_and_gives_up_the_place(alice, bob):
    order_id = int(alice.buy(CALL, PRICE, 5)["order"]["id"])
    bob.buy(CALL, PRICE, 5)
    amended = alice.amend(order_id, 2)["order"]
    assert (amended["quantity"], amended["remaining"]) == ("2", "2")
    assert alice.book(CALL)["bids"] == [[str(PRICE), "7", "2"]]
    with pytest.raises(RequestRefused) as caught:
        alice.amend(order_id, 2)
    assert (caught.value.code, caught.value.field) == (Reject.AMEND_NOT_DOWN, "amend.quantity")
    canceled = alice.cancel(order_id)["order"]
    assert (canceled["status"], canceled["reason"], canceled["remaining"]) == (
        "canceled",
        "USER",
        "0",
    )
    with pytest.raises(RequestRefused) as caught:
        alice.cancel(order_id)
    assert (caught.value.code, caught.value.field) == (Reject.ORDER_UNKNOWN, "cancel.id")


def test_orders_in_one_request_enter_in_their_order_and_answer_each(exchange, alice):
    ids = alice.next_order_ids(4)
    results = alice.place_many(
        [
            order_of(id=ids[0], price=PRICE),
            order_of(id=ids[1], price=PRICE + 1),
            order_of(id=ids[2], price=PRICE, buy=False),  # meets the first: one's own gives way
            order_of(id=ids[3], price=PRICE, quantity=2),
        ]
    )
    assert [r["order"]["status"] if "order" in r else r["error"]["name"] for r in results] == [
        "open",
        "OFF_TICK",
        "canceled",
        "open",
    ]
    assert results[1]["error"]["field"] == "orders[1].order.price"
    assert results[2]["order"]["reason"] == "SELF_TRADE"
    assert alice.book(CALL)["bids"] == [[str(PRICE), "3", "2"]]


def test_orders_in_one_request_one_malformed_refuses_all(exchange, alice):
    good, bad = body_of(order_of(id=1)), body_of(order_of(id=2))
    bad["order"]["quantity"] = "0"
    response = post(exchange, "/orders/batch", {"orders": [good, bad]})
    refusal(response, Reject.OUT_OF_RANGE, 400, "orders[1].order.quantity")
    forged = body_of(order_of(id=2), "0x" + "00" * 65)
    response = post(exchange, "/orders/batch", {"orders": [good, forged]})
    refusal(response, Reject.BAD_SIGNATURE, 400, "orders[1].signature")
    assert alice.open_orders() == []


def test_session_key_trades_but_does_not_withdraw(exchange, alice):
    key = exchange.client_of(KEY, ACCOUNTS["alice"])
    placed = key.buy(CALL, PRICE, 1)
    assert placed["order"]["account"] == str(ACCOUNTS["alice"])
    with pytest.raises(RequestRefused) as caught:
        key.withdraw(1)
    assert (caught.value.code, caught.value.status) == (Reject.NOT_OWNER, 403)
    assert KEY.address.lower() in caught.value.found
    key.cancel(int(placed["order"]["id"]))


def test_withdraw_and_transfer_move_what_is_free(exchange, alice, bob):
    alice.withdraw(1_000)
    moved = alice.transfer(bob.account, 2_000)
    assert moved["account"]["cash"] == str(DEPOSIT - 3_000)
    assert bob.balances()["cash"] == str(DEPOSIT + 2_000)
    assert alice.balances()["exited"] == "1000"
    with pytest.raises(RequestRefused) as caught:
        alice.withdraw(DEPOSIT)
    assert (caught.value.code, caught.value.field) == (
        Reject.INSUFFICIENT_MARGIN,
        "withdrawal.amount",
    )
    with pytest.raises(RequestRefused) as caught:
        alice.transfer(alice.account, 1)
    assert (caught.value.code, caught.value.field) == (Reject.SELF_TRANSFER, "transfer.to")
    movements = alice.get(f"/accounts/{alice.account}/movements")["movements"]
    assert [m["kind"] for m in movements] == ["transfer", "withdrawal", "credit"]
    exchange.check()


def test_withdrawal_sent_twice_is_paid_once(exchange, alice):
    message = Withdrawal(alice.account, 1_000, 4096, START + 100)
    body = {"withdrawal": wire.terms(message), "signature": sign(message)}
    first = post(exchange, "/withdrawals", body).json()
    second = post(exchange, "/withdrawals", body).json()
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert alice.balances()["exited"] == "1000"


# --- bad input ------------------------------------------------------------------------------------


def off(**changes):
    """A request with an order that is signed as it stands, and wrong."""
    return lambda: body_of(order_of(**changes))


def high_s() -> dict:
    order = order_of()
    raw = bytes.fromhex(sign(order)[2:])
    s = CURVE_ORDER - int.from_bytes(raw[32:64], "big")
    twin = raw[:32] + s.to_bytes(32, "big") + bytes([55 - raw[64]])
    return body_of(order, "0x" + twin.hex())


def wrong_domain() -> dict:
    order = order_of()
    return body_of(order, sign(order, domain=Domain(1, DOMAIN.verifying_contract)))


def with_field(name: str, value) -> dict:
    body = body_of(order_of())
    body["order"][name] = value
    return body


BAD_ORDERS = {
    "malformed JSON": (lambda: b'{"order": {', Reject.MALFORMED, 400, "body"),
    "no UTF-8": (lambda: b'{"order": "\xff"}', Reject.MALFORMED, 400, "body"),
    "nested": (lambda: b"[" * 5_000, Reject.TOO_LARGE, 413, "body"),
    "too large": (lambda: b" " * (wire.MAX_BODY + 1), Reject.TOO_LARGE, 413, "body"),
    "no object": (lambda: b"[]", Reject.MALFORMED, 400, "body"),
    "unknown field": (
        lambda: with_field("hidden", "1"),
        Reject.UNKNOWN_FIELD,
        400,
        "order.hidden",
    ),
    "missing field": (lambda: {"order": {}, "signature": ""}, Reject.MISSING_FIELD, 400,
                      "order.account"),
    "JSON number": (lambda: with_field("price", 5), Reject.NOT_AN_INTEGER, 400, "order.price"),
    "fraction": (lambda: with_field("price", "0.5"), Reject.NOT_AN_INTEGER, 400, "order.price"),
    "too wide": (lambda: with_field("id", str(2**44)), Reject.OUT_OF_RANGE, 400, "order.id"),
    "flags": (off(flags=3), Reject.INVALID_FLAGS, 400, "order.flags"),
    "no signature": (
        lambda: body_of(order_of(), "0x1234"),
        Reject.BAD_SIGNATURE,
        400,
        "signature",
    ),
    "high s": (high_s, Reject.HIGH_S, 400, "signature"),
    "wrong domain": (wrong_domain, Reject.SIGNER_UNKNOWN, 403, "signature"),
    "outsider": (
        lambda: body_of(order_of(), sign(order_of(), OUTSIDER)),
        Reject.SIGNER_UNKNOWN,
        403,
        "signature",
    ),
    "other terms": (
        lambda: with_field("quantity", "2"),
        Reject.SIGNER_UNKNOWN,
        403,
        "signature",
    ),
    "unknown account": (off(account=999), Reject.ACCOUNT_UNKNOWN, 404, "order.account"),
    "fee account": (off(account=0), Reject.ACCOUNT_UNKNOWN, 404, "order.account"),
    "unknown instrument": (
        off(instrument="ETH-26MAR27-100-C"),
        Reject.INSTRUMENT_UNKNOWN,
        404,
        "order.instrument",
    ),
    "no symbol": (off(instrument="BTC"), Reject.MALFORMED, 400, "order.instrument"),
    "off tick": (off(price=PRICE + 1), Reject.OFF_TICK, 409, "order.price"),
    "expired": (off(expiry=START - 1), Reject.EXPIRED, 409, "order.expiry"),
    "stale id": (off(id=5), Reject.STALE_ID, 409, "order.id"),
    "busy slot": (off(id=2 * 4096 + 6), Reject.SLOT_BUSY, 409, "order.id"),
    "used id": (off(id=4096 + 5), Reject.ID_USED, 409, "order.id"),
    "notional": (
        off(price=(2**32 - 1) * TICK_VALUE, quantity=2**32 - 1),
        Reject.NOTIONAL_TOO_LARGE,
        409,
        "order.quantity",
    ),
    "post-only crossing": (
        off(flags=1, price=2 * PRICE),
        Reject.POST_ONLY_WOULD_TAKE,
        409,
        "order.price",
    ),
    "fill or kill": (
        off(flags=4, price=2 * PRICE, quantity=3),
        Reject.FOK_UNFILLABLE,
        409,
        "order.quantity",
    ),
    "reduce-only": (off(flags=8), Reject.REDUCE_ONLY_NO_POSITION, 422, "order.flags"),
    "margin": (off(quantity=1_000), Reject.INSUFFICIENT_MARGIN, 422, "order.quantity"),
    "margin of a short": (
        off(buy=False, instrument=PUT, quantity=100),
        Reject.INSUFFICIENT_MARGIN,
        422,
        "order.quantity",
    ),
    "position": (
        off(price=0, quantity=2**32 - 1),
        Reject.POSITION_TOO_LARGE,
        422,
        "order.quantity",
    ),
}  # fmt: skip


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


@pytest.mark.parametrize("case", BAD_ORDERS)
def test_order_that_is_bad_gets_its_reject_and_the_exchange_goes_on(busy, case):
    make, code, status, field = BAD_ORDERS[case]
    before = busy.state_hash()
    response = post(busy, "/orders", make())
    refusal(response, code, status, field)
    assert response.headers["content-type"] == "application/json"
    assert busy.state_hash() == before
    assert HTTP.get(busy.url + "/v1/health").json() == {"status": "ok"}


def test_orders_that_are_bad_leave_the_exchange_able_to_trade(busy):
    for make, *_ in BAD_ORDERS.values():
        assert post(busy, "/orders", make()).status_code >= 400
    dave = busy.client("dave")
    placed = dave.buy(FAR_CALL, PRICE, 1)
    assert placed["order"]["status"] == "open"
    dave.cancel(int(placed["order"]["id"]))
    busy.check()


def test_signature_by_another_names_the_address_it_recovers_to(exchange):
    response = post(exchange, "/orders", body_of(order_of(), sign(order_of(), OUTSIDER)))
    error = refusal(response, Reject.SIGNER_UNKNOWN, 403, "signature")
    assert OUTSIDER.address.lower() in error["found"]
    assert TRADERS["alice"].address.lower() in error["allowed"]


@pytest.mark.parametrize("route", ["/orders", "/orders/cancel", "/withdrawals"])
def test_request_of_another_content_type_is_refused(busy, route):
    for headers in ({}, {"content-type": "text/plain"}):
        response = HTTP.post(busy.url + "/v1" + route, content=b"{}", headers=headers)
        refusal(response, Reject.CONTENT_TYPE, 415, "content-type")


def test_request_of_an_unknown_route_or_method_is_refused(busy):
    for path in ("/", "/v1", "/v1/nothing", "/v2/orders", "/v1/orders/", "/v1/book/a/b"):
        refusal(HTTP.get(busy.url + path), Reject.ROUTE_UNKNOWN, 404, "path")
    refusal(HTTP.get(busy.url + "/v1/orders"), Reject.METHOD_NOT_ALLOWED, 405, "method")
    refusal(HTTP.delete(busy.url + "/v1/health"), Reject.METHOD_NOT_ALLOWED, 405, "method")


@pytest.mark.parametrize(
    ("path", "code", "status", "field"),
    [
        ("/book/ETH-26MAR27-100-C", Reject.INSTRUMENT_UNKNOWN, 404, "instrument"),
        ("/book/x", Reject.MALFORMED, 400, "instrument"),
        (f"/book/{CALL}?depth=0", Reject.OUT_OF_RANGE, 400, "depth"),
        (f"/book/{CALL}?depth=x", Reject.NOT_AN_INTEGER, 400, "depth"),
        (f"/book/{CALL}?levels=5", Reject.UNKNOWN_FIELD, 400, "levels"),
        (f"/book/{CALL}?depth=5&depth=6", Reject.MALFORMED, 400, "depth"),
        (f"/trades/{CALL}?limit=1001", Reject.OUT_OF_RANGE, 400, "limit"),
        ("/accounts/999", Reject.ACCOUNT_UNKNOWN, 404, "account"),
        ("/accounts/x", Reject.NOT_AN_INTEGER, 400, "account"),
        ("/accounts", Reject.MISSING_FIELD, 400, "owner"),
        ("/accounts?owner=0x12", Reject.MALFORMED, 400, "owner"),
        ("/accounts/2/orders?status=all", Reject.MALFORMED, 400, "status"),
        ("/accounts/2/orders/77", Reject.ORDER_UNKNOWN, 404, "id"),
        ("/accounts/2/proof?batch=newest", Reject.MALFORMED, 400, "batch"),
        ("/accounts/2/proof?batch=5", Reject.BATCH_UNKNOWN, 404, "batch"),
        ("/fills/77/proof", Reject.FILL_UNKNOWN, 404, "fill"),
        ("/batches/5", Reject.BATCH_UNKNOWN, 404, "batch"),
        ("/batches/0/words/0/proof", Reject.OUT_OF_RANGE, 400, "index"),
        ("/markets?x=1", Reject.UNKNOWN_FIELD, 400, "x"),
    ],
)
def test_question_that_has_no_answer_is_refused(busy, path, code, status, field):
    refusal(HTTP.get(busy.url + "/v1" + path), code, status, field)


@pytest.mark.parametrize(
    ("route", "name", "message"),
    [
        ("/orders/cancel", "cancel", CancelTerms(2, 4096 + 6, START + 601)),
        ("/orders/cancel-all", "cancelAll", CancelAllTerms(2, "", START + 601)),
        ("/orders/amend", "amend", AmendTerms(2, 4096 + 6, 1, START + 601)),
    ],
)
def test_cancel_that_lives_too_long_or_no_more_is_refused(busy, route, name, message):
    body = {name: wire.terms(message), "signature": sign(message)}
    refusal(post(busy, route, body), Reject.OUT_OF_RANGE, 400, f"{name}.expiry")
    body[name]["expiry"] = str(START - 1)
    refusal(post(busy, route, body), Reject.EXPIRED, 409, f"{name}.expiry")


def test_cancel_by_an_outsider_is_refused(busy):
    message = CancelTerms(2, 4096 + 6, START + 100)
    body = {"cancel": wire.terms(message), "signature": sign(message, OUTSIDER)}
    error = refusal(post(busy, "/orders/cancel", body), Reject.SIGNER_UNKNOWN, 403, "signature")
    assert OUTSIDER.address.lower() in error["found"]


def test_order_while_no_batch_is_open_opens_one(exchange, alice):
    exchange.tell(c.CloseBatch())
    assert alice.status()["batchOpen"] is False
    assert post(exchange, "/orders", body_of(order_of())).status_code == 200
    assert alice.status()["batchOpen"] is True


def test_order_that_finds_the_queue_full_is_to_be_sent_again(tmp_path):
    running = Exchange(tmp_path, max_queue=0)
    response = post(running, "/orders", body_of(order_of()))
    refusal(response, Reject.BUSY, 503, "queue")
    assert response.headers["retry-after"] == "1"
    running.sequencer.policy = Policy()
    assert post(running, "/orders", body_of(order_of())).json()["duplicate"] is False
    running.stop()


def test_order_while_halted_is_refused_and_a_cancel_is_not(exchange, alice):
    order_id = int(alice.buy(CALL, PRICE, 1)["order"]["id"])
    exchange.tell(c.Halted("frozen on chain"))
    error = refusal(post(exchange, "/orders", body_of(order_of())), Reject.HALTED, 503, "exchange")
    assert "frozen on chain" in error["found"]
    assert alice.status()["halted"] == "frozen on chain"
    alice.cancel(order_id)


# --- cancel-all -----------------------------------------------------------------------------------


def cancel_all_body(account: int, instrument: str = "", expiry: int = START + 300) -> dict:
    message = CancelAllTerms(account, instrument, expiry)
    return {"cancelAll": wire.terms(message), "signature": sign(message)}


def test_cancel_all_of_one_instrument_leaves_the_others(alice):
    alice.buy(CALL, PRICE, 1)
    alice.buy(PUT, PRICE, 1)
    alice.buy(CALL, PRICE, 2)
    canceled = alice.cancel_all(CALL)["canceled"]
    assert canceled == [{"id": "0", "remaining": "1"}, {"id": "2", "remaining": "2"}]
    assert [order["instrument"] for order in alice.open_orders()] == [PUT]


def test_cancel_all_sent_again_cancels_no_newer_orders_not_even_after_a_restart(exchange, alice):
    alice.buy(CALL, PRICE, 1)
    body = cancel_all_body(alice.account)
    first = post(exchange, "/orders/cancel-all", body).json()
    assert first == {"canceled": [{"id": "0", "remaining": "1"}], "duplicate": False}
    alice.buy(CALL, PRICE, 2)
    again = post(exchange, "/orders/cancel-all", body).json()
    assert again == first | {"duplicate": True}
    exchange.stop()
    exchange.start()
    assert post(exchange, "/orders/cancel-all", body).json() == first | {"duplicate": True}
    alice = exchange.client("alice")
    assert len(alice.open_orders()) == 1
    exchange.tell(c.Clock(START + 301))
    refusal(post(exchange, "/orders/cancel-all", body), Reject.EXPIRED, 409, "cancelAll.expiry")


def test_cancel_all_sent_by_many_at_once_is_obeyed_once(exchange, alice):
    alice.buy(CALL, PRICE, 1)
    body = cancel_all_body(alice.account)
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: post(exchange, "/orders/cancel-all", body).json(), range(16))
        )
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 15
    assert {answer["canceled"][0]["id"] for answer in answers} == {"0"}


def test_cancel_all_refused_may_be_sent_again(exchange, alice):
    alice.buy(CALL, PRICE, 1)
    message = CancelAllTerms(alice.account, "", START + 300)
    body = {"cancelAll": wire.terms(message), "signature": sign(message, OUTSIDER)}
    response = post(exchange, "/orders/cancel-all", body)
    refusal(response, Reject.SIGNER_UNKNOWN, 403, "signature")
    exchange.tell(c.KeySet(alice.account, raw_address(OUTSIDER), START - 1, START + 9_999))
    answer = post(exchange, "/orders/cancel-all", body).json()
    assert answer == {"canceled": [{"id": "0", "remaining": "1"}], "duplicate": False}


# --- two at once ----------------------------------------------------------------------------------


def test_clients_that_trade_at_the_same_time_share_one_truth(exchange, alice, bob):
    same = exchange.client("alice")  # a second program with the same account
    problems = []

    def trade(client: Client, buy: bool, seed: int) -> None:
        rng = random.Random(seed)
        try:
            for _ in range(30):
                price = PRICE + rng.randrange(-5, 6) * TICK_VALUE
                client.place(
                    CALL, buy, price, rng.randrange(1, 3), flags=OrderFlag.IOC * rng.randrange(2)
                )
        except RequestRefused as refused:
            if refused.code != Reject.INSUFFICIENT_MARGIN:
                problems.append(refused)

    jobs = ((alice, True, 1), (same, True, 2), (bob, False, 3))
    threads = [threading.Thread(target=trade, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    exchange.check()
    ours, theirs = alice.balances()["positions"], bob.balances()["positions"]
    assert int(ours[0]["lots"]) == -int(theirs[0]["lots"]) > 0
    assert len(alice.fills(1000)) == len(bob.fills(1000)) > 0
    exchange.close_batch()


# --- WebSocket ------------------------------------------------------------------------------------


def read_until(stream, done) -> list[dict]:
    messages = []
    while not (messages and done(messages[-1])):
        messages.append(stream.receive(timeout=10))
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
            yield reader.recv(timeout=20)
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


# --- batches and proofs ---------------------------------------------------------------------------


@pytest.fixture
def batched(exchange, alice, bob):
    """Two batches: in the first a fill and a withdrawal, in the second a fill."""
    alice.buy(CALL, PRICE, 3)
    bob.sell(CALL, PRICE, 1)
    alice.withdraw(5)
    exchange.close_batch()
    bob.sell(CALL, PRICE, 1)
    exchange.close_batch()
    return exchange


def test_fill_once_batched_is_proved_against_its_header(batched, alice):
    fills = alice.fills()
    assert [fill["batch"] for fill in fills] == ["2", "1"]
    for fill in fills:
        proof = alice.fill_proof(int(fill["number"]))
        assert proof["word"][4:] == fill["word"][2:]
        assert (proof["batch"], proof["index"]) == (fill["batch"], fill["index"])
        words = alice.get(f"/batches/{fill['batch']}/words")["words"]
        assert words[int(fill["index"])] == proof["word"]
        verify_word_proof(proof)
        for wrong in (
            proof | {"word": "0x" + "01" * 32},
            proof | {"index": str(int(proof["index"]) ^ 1)},
            proof | {"index": str(len(words))},
            proof | {"header": proof["header"] | {"chunksRoot": "0x" + "01" * 32}},
            proof | {"path": proof["path"] | {"siblings": []}},
        ):
            with pytest.raises(ProofInvalid):
                verify_word_proof(wrong)


def test_fill_not_yet_batched_has_no_proof(alice, bob, exchange):
    alice.buy(CALL, PRICE, 1)
    bob.sell(CALL, PRICE, 1)
    response = HTTP.get(f"{exchange.url}/v1/fills/1/proof")
    refusal(response, Reject.NOT_BATCHED, 409, "fill")


def test_account_is_proved_against_the_latest_final_batch(batched, alice):
    batched.chain.set(1, BatchStage.FINAL, committed_at=START, final_at=START + 1000)
    batched.chain.set(2, BatchStage.COMMITTED, committed_at=START, final_at=START + 1100)
    final, latest = alice.account_proof(), alice.account_proof("latest")
    assert (final["batch"], final["status"]) == ("1", "final")
    assert (latest["batch"], latest["status"]) == ("2", "committed")
    assert alice.account_proof(2) == latest
    assert final["leaf"] != latest["leaf"]
    # Word 0: cash:i64 | exited:u64 | credited:u56 | ...
    word = int(latest["leaf"][0], 16)
    assert word >> 192 == int(alice.balances()["cash"])
    assert word >> 128 & (2**64 - 1) == 5
    for wrong in (
        final | {"leaf": latest["leaf"]},
        final | {"account": "3"},
        final | {"header": latest["header"]},
        final | {"batchHash": latest["batchHash"]},
        final | {"path": {"present": "0", "siblings": []}},
    ):
        with pytest.raises(ProofInvalid):
            verify_account_proof(wrong)


def test_account_before_any_batch_is_proved_empty_against_genesis(alice):
    proof = alice.account_proof()
    assert proof["batch"] == "0"
    assert proof["leaf"] == ["0x" + "00" * 32] * 2
    assert proof["path"] == {"present": "0", "siblings": []}


def test_batches_are_listed_with_their_place_on_the_chain(batched, alice):
    batched.chain.set(
        1, BatchStage.COMMITTED, committed_at=START, final_at=START + 1000, confirmations=3,
        transaction=b"\x11" * 32,
    )  # fmt: skip
    newest, first = alice.get("/batches")["batches"]
    assert (newest["batch"], newest["status"], newest["committedAt"]) == ("2", "closed", None)
    assert (first["status"], first["confirmations"]) == ("committed", "3")
    assert first["transaction"] == "0x" + "11" * 32
    # Four deposits, a fill, a withdrawal.
    assert (first["ops"], first["fills"]) == ("6", "1")
    one = alice.get("/batches/1")
    assert one == first | {"header": one["header"]}
    assert "0x" + header_hash(one["header"]).hex() == first["batchHash"]
    assert alice.get("/batches", before=2)["batches"] == [first]
    status = alice.status()
    assert (status["closed"], status["head"], status["final"], status["pending"]) == (
        "2",
        "1",
        "0",
        "1",
    )


def test_order_file_is_served_as_the_header_binds_it(batched, alice):
    raw = HTTP.get(f"{batched.url}/v1/batches/1/orders").content
    header = alice.get("/batches/1")["header"]
    assert "0x" + eth_keccak(raw).hex() == header["extra"]
    content = msgspec.json.decode(raw)
    assert [message["type"] for message in content["messages"]] == ["Order", "Order", "Withdrawal"]
    assert len(alice.get("/batches/1/words")["words"]) == 32


# --- the node -------------------------------------------------------------------------------------


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


def test_client_uses_the_lowest_free_slot_and_its_next_generation(exchange, alice, bob):
    placed = [int(alice.buy(CALL, PRICE, 1)["order"]["id"]) for _ in range(3)]
    assert placed == [0, 1, 2]
    alice.cancel(1)
    assert int(alice.buy(CALL, PRICE, 1)["order"]["id"]) == 4096 + 1
    bob.sell(CALL, PRICE, 1)  # fills order 0, which the client is not told
    fresh = exchange.client("alice")
    assert int(fresh.buy(CALL, PRICE, 1)["order"]["id"]) == 4096
    # The first client does not know of the fresh one's order: it is refused, and tries again.
    alice.cancel_all()
    assert int(alice.buy(CALL, PRICE, 1)["order"]["id"]) == 2 * 4096


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
