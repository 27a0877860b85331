"""The quick way takes what `wire` takes, alike, and refuses what it refuses, in its words."""

import functools
import random

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from matcher import order_bodies, wire
from matcher.errors import WireError
from matcher.types import ORDER_ID_END, U24, U32, U40, U64

GOOD = {
    "order": {
        "account": "7",
        "instrument": "BTC-26MAR27-100000-C",
        "buy": True,
        "price": "1500000",
        "quantity": "10",
        "id": "4096",
        "expiry": "1790000000",
        "flags": "0",
    },
    "signature": "0x" + "5A" * 65,
    "selfTrade": "cancelOldest",
}

odd_numbers = st.sampled_from(
    ["-0", "-1", "+1", "01", "1_0", " 1", "1 ", "٣", "", "1e3", "0x1", "1.0", "9" * 30, "9" * 5000]
)
numbers = st.one_of(
    st.integers(-2, 2**64 + 2).map(str),
    st.sampled_from([U24, U32, U40, U64, ORDER_ID_END, 2**31, 255, 256, 16, 3]).flatmap(
        lambda edge: st.integers(edge - 2, edge + 2).map(str)
    ),
    odd_numbers,
)
strange = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(max_size=8),
    st.lists(st.none(), max_size=2), st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)  # fmt: skip
symbols = st.sampled_from(
    [
        "BTC-26MAR27-100000-C", "ETH-1JAN30-5-P", "BTC-26MAR27-100000-X", "btc-26MAR27-1-C",
        "BTC-26MAR27-100000-C\n", "BTC-32MAR27-1-C", "BTC-01MAR27-1-C", "",
    ]
)  # fmt: skip
signatures = st.one_of(
    st.binary(min_size=64, max_size=65).map(lambda raw: "0x" + raw.hex()),
    st.sampled_from(
        [
            "0X" + "11" * 65, "0x" + "11" * 63, "0x" + "11" * 66, "0x" + "1g" * 65, "11" * 66,
            "0x" + "11 " * 43 + "1", "0x" + " " * 65 + "1" * 65, "0x" + "11" * 64 + "  ",
            "0x" + "٣" * 130, "  " + "11" * 65, "",
        ]
    ),
)  # fmt: skip
FIELDS = {
    "account": numbers, "instrument": symbols, "buy": st.booleans(), "price": numbers,
    "quantity": numbers, "id": numbers, "expiry": numbers, "flags": numbers,
}  # fmt: skip
OUTER = {
    "signature": signatures,
    "selfTrade": st.sampled_from(["cancelNewest", "cancelOldest", "both", ""]),
}
changes = st.lists(
    st.one_of(
        *(st.tuples(st.just(name), values) for name, values in (FIELDS | OUTER).items()),
        st.tuples(
            st.sampled_from([*FIELDS, *OUTER, "order", "hidden", "hidden in it", "self_trade"]),
            strange,
        ),
        st.tuples(st.sampled_from([*FIELDS, *OUTER, "order"]), st.just(...)),
    ),
    max_size=2,
)


def changed(body: dict, what: list[tuple[str, object]]) -> dict:
    """The body with fields set to other values, or taken away (``...``)."""
    body = {**body, "order": dict(body["order"])}
    for name, value in what:
        inside = name in FIELDS or name == "hidden in it"
        inner = body["order"] if inside and isinstance(body.get("order"), dict) else body
        if value is ...:
            inner.pop(name, None)
        else:
            inner[name] = value
    return body


def outcome(read, body: bytes):
    """What comes of a body: the value, or the refusal word by word."""
    try:
        return read(body)
    except WireError as error:
        return type(error), error.field, error.found, error.allowed, error.code


def both(body: bytes, many: bool = False) -> None:
    quick = order_bodies.order_requests if many else order_bodies.order_request
    slow = wire.order_requests if many else wire.order_request
    assert outcome(quick, body) == outcome(lambda raw: slow(wire.decode(raw)), body)


@given(changes)
@example([])
@example([("quantity", "0")])
@example([("hidden", "1")])
@example([("hidden in it", "1")])
@example([("flags", "3")])
@example([("flags", "00")])
@example([("signature", "0x" + "11 " * 43 + "1")])
@example([("selfTrade", ...)])
def test_order_with_any_fields_comes_out_as_from_wire(what):
    both(msgspec.json.encode(changed(GOOD, what)))


@given(st.lists(changes, max_size=3))
def test_orders_with_any_fields_come_out_as_from_wire(all_changes):
    body = {"orders": [changed(GOOD, what) for what in all_changes]}
    both(msgspec.json.encode(body), many=True)


@pytest.mark.parametrize("count", [0, 1, wire.MAX_ORDERS, wire.MAX_ORDERS + 1])
def test_number_of_orders_is_judged_as_by_wire(count):
    both(msgspec.json.encode({"orders": [GOOD] * count}), many=True)


GOOD_TEXT = msgspec.json.encode(GOOD)


@given(st.integers(0, 2**32), st.integers(1, 4))
def test_body_with_bytes_changed_comes_out_as_from_wire(seed, count):
    rng = random.Random(seed)
    body = bytearray(GOOD_TEXT)
    for _ in range(count):
        place = rng.randrange(len(body))
        match rng.randrange(4):
            case 0:
                body[place] = rng.choice(b'"{}[],:0123456789 \\ntfu\xff')
            case 1:
                del body[place : place + rng.randrange(1, 12)]
            case 2:
                body[place:place] = rng.choice([b'"', b"{", b"]", b"\\u0031", b" ", b"null", b","])
            case 3:
                body[place:place] = body[place : place + rng.randrange(1, 40)]
    both(bytes(body))


@pytest.mark.parametrize(
    "body",
    [
        GOOD_TEXT.replace(b'"price"', b'"price":"7","price"'),
        GOOD_TEXT.replace(b'"price":"1500000"', b'"price":"1500000","price":"7"'),
        GOOD_TEXT.replace(b'"price":"1500000"', b'"price":"1500000","price":7'),
        GOOD_TEXT.replace(b'"price":"1500000"', b'"price":7,"price":"1500000"'),
        GOOD_TEXT.replace(b'"signature"', b'"order":{},"signature"'),
        GOOD_TEXT.replace(b'"order"', b'"order":{},"order"'),
        GOOD_TEXT.replace(b'"price"', b'"pr\\u0069ce"'),
        GOOD_TEXT.replace(b'"1500000"', b'"150\\u00300000"'),
        b" " * 10 + GOOD_TEXT + b"\n",
        GOOD_TEXT + b"{}",
        b"\xef\xbb\xbf" + GOOD_TEXT,
        GOOD_TEXT + b" " * wire.MAX_BODY,
        b"[" * 5000,
        b"",
    ],
    ids=range(14),
)
def test_body_of_odd_spelling_comes_out_as_from_wire(body):
    both(body)
    both(b'{"orders":[' + body + b"]}", many=True)


def test_good_body_does_not_need_wire(monkeypatch):
    def refuse(*_):
        raise AssertionError("the slow way was taken")

    monkeypatch.setattr(wire, "decode", refuse)
    assert order_bodies.order_request(GOOD_TEXT).order.price == 1_500_000
    many = functools.partial(msgspec.json.encode, {"orders": [GOOD, GOOD]})
    assert len(order_bodies.order_requests(many())) == 2
