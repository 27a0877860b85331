"""Every kind of bad input gets its own documented reject, and the exchange goes on."""

import pytest

from matcher import commands as c
from matcher import wire
from matcher.eip712 import CURVE_ORDER, Domain
from matcher.errors import Reject
from matcher.policy import Policy
from matcher.types import AmendTerms, CancelAllTerms, CancelTerms
from tests.support.gateway import (
    CALL,
    DOMAIN,
    FAR_CALL,
    OUTSIDER,
    PUT,
    START,
    TICK_VALUE,
    TRADERS,
    Exchange,
)
from tests.support.requests import HTTP, PRICE, body_of, order_of, post, refusal, sign


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


@pytest.mark.parametrize("case", BAD_ORDERS)
def test_order_that_is_bad_gets_its_reject_and_the_exchange_goes_on(busy, case):
    make, code, status, field = BAD_ORDERS[case]
    before = busy.state_hash()
    response = post(busy, "/orders", make())
    refusal(response, code, status, field)
    assert response.headers["content-type"] == "application/json"
    assert busy.state_hash() == before
    assert HTTP.get(busy.url + "/v1/health").json()["status"] == "ok"


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
