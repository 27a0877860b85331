"""Requests to a gateway, made by hand: terms, signatures, bodies, refusals."""

import httpx
import msgspec
from eth_account.messages import encode_typed_data

from matcher import wire
from matcher.errors import Reject
from matcher.types import Order
from tests.support.gateway import (
    ACCOUNTS,
    CALL,
    DOMAIN,
    START,
    TRADERS,
    Exchange,
)

PRICE = 5_000_000
HTTP = httpx.Client(timeout=60)  # made once: making one takes longer than the request


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
