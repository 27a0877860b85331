"""What may come in, and that nothing else does."""

import json

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from matcher import wire
from matcher.errors import Reject, SignatureError, WireError
from matcher.types import (
    AmendTerms,
    CancelAllTerms,
    CancelTerms,
    Order,
    SelfTrade,
    Transfer,
    Withdrawal,
)

ORDER = {
    "account": "7",
    "instrument": "BTC-26MAR27-100000-C",
    "buy": True,
    "price": "1500",
    "quantity": "10",
    "id": "4097",
    "expiry": "1790000000",
    "flags": "1",
}
SIGNATURE = "0x" + "1f" * 65

accounts = st.integers(0, 2**24 - 1)
ids = st.integers(0, 2**44 - 1)
times = st.integers(0, 2**40 - 1)
amounts = st.integers(0, 2**64 - 1)
quantities = st.integers(1, 2**32 - 1)
symbols = st.from_regex(
    r"[A-Z0-9]{2,8}-[1-9](JAN|FEB|DEC)[0-9]{2}-(0|[1-9][0-9]{0,7})-[CP]", fullmatch=True
)
flags = st.sampled_from([0, 1, 2, 4, 8, 9, 10, 12])
messages = {
    wire.order: st.builds(
        Order,
        account=accounts,
        instrument=symbols,
        buy=st.booleans(),
        price=amounts,
        quantity=quantities,
        id=ids,
        expiry=times,
        flags=flags,
    ),
    wire.withdrawal: st.builds(Withdrawal, account=accounts, amount=amounts, id=ids, expiry=times),
    wire.transfer: st.builds(
        Transfer, source=accounts, target=accounts, amount=amounts, id=ids, expiry=times
    ),
    wire.cancel: st.builds(CancelTerms, account=accounts, id=ids, expiry=times),
    wire.cancel_all: st.builds(
        CancelAllTerms, account=accounts, instrument=symbols | st.just(""), expiry=times
    ),
    wire.amend: st.builds(AmendTerms, account=accounts, id=ids, quantity=quantities, expiry=times),
}
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.sampled_from([*ORDER.values(), SIGNATURE, "cancelNewest", "book", "subscribe", ""]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=8)
            | st.sampled_from(
                [*ORDER, "order", "orders", "signature", "from", "to", "amount", "op"]
            ),
            inner,
            max_size=10,
        )
    ),
    max_leaves=20,
)
parsers = (
    wire.order,
    wire.withdrawal,
    wire.transfer,
    wire.cancel,
    wire.cancel_all,
    wire.amend,
    wire.order_request,
    lambda value: wire.order_requests(value),
    lambda value: wire.subscription(value),
    lambda value: wire.signed(value, "cancel", wire.cancel),
    wire.arm,
)


def attempt(parse, value):
    """What the parser returns, or the `WireError` it raises; nothing else may come out of it."""
    try:
        return parse(value)
    except WireError as error:
        return error


def refused(parse, value, code, field, found=None):
    """The parser refuses the value with this code and field; the error's text names all three."""
    with pytest.raises(WireError) as caught:
        parse(value)
    error = caught.value
    assert (error.code, error.field) == (code, field)
    assert error.allowed
    if found is not None:
        assert error.found == found
    return error


@pytest.mark.parametrize("parse", messages)
@given(data=st.data())
def test_terms_of_any_message_are_read_back_equal(parse, data):
    message = data.draw(messages[parse])
    text = msgspec.json.encode(wire.terms(message))
    assert parse(wire.decode(text)) == message


@given(json_values)
@example({"order": [[[[]]]], "signature": {}})
@example({"orders": []})
@example({"\ud800": "\ud800"})
def test_parsers_any_json_give_an_object_or_a_wire_error(value):
    for parse in parsers:
        outcome = attempt(parse, value)
        if isinstance(outcome, WireError):
            # The error itself must be writable as JSON, whatever stood in the input.
            msgspec.json.encode([outcome.field, outcome.found, outcome.allowed, outcome.code])


@given(
    st.fixed_dictionaries(dict.fromkeys(ORDER, json_values)),
    st.sets(st.sampled_from(sorted(ORDER))),
)
def test_order_with_some_fields_replaced_gives_an_order_or_names_one_of_them(values, replaced):
    value = ORDER | {name: values[name] for name in replaced}
    outcome = attempt(wire.order, value)
    if isinstance(outcome, WireError):
        assert outcome.field.removeprefix("order.") in replaced


@given(st.binary(max_size=200) | st.text().map(str.encode))
@example(b"\xff")
@example(b'"\xff"')
@example(b'"\\ud800"')
@example(b"[" * 9)
@example(b"]")
@example(b'{"a":1e999}')
@example(b'"' + b"\\" * 99)
def test_decode_any_bytes_give_a_value_or_a_wire_error(body):
    outcome = attempt(wire.decode, body)
    if isinstance(outcome, WireError):
        assert outcome.field == "body"


def test_decode_longer_than_the_limit_is_too_large():
    refused(wire.decode, b" " * (wire.MAX_BODY + 1), Reject.TOO_LARGE, "body", "65537 bytes")
    assert wire.decode(b" " * (wire.MAX_BODY - 2) + b"{}") == {}


def test_decode_deeper_than_the_limit_is_too_large():
    deep = b"[" * 9 + b"]" * 9
    refused(wire.decode, deep, Reject.TOO_LARGE, "body", "9 levels")
    assert wire.decode(deep[1:-1]) == [[[[[[[[]]]]]]]]
    refused(wire.decode, b"[" * 60_000, Reject.TOO_LARGE, "body", "60000 levels")


def test_decode_brackets_inside_strings_do_not_count():
    assert wire.decode(b'"' + b"[" * 50 + b'\\"' + b"{" * 50 + b'"') == "[" * 50 + '"' + "{" * 50


def test_decode_malformed_is_refused():
    refused(wire.decode, b'{"order": ', Reject.MALFORMED, "body")
    refused(wire.decode, b"", Reject.MALFORMED, "body")
    refused(wire.decode, b"NaN", Reject.MALFORMED, "body")


@pytest.mark.parametrize("name", ORDER)
def test_order_without_a_field_names_it(name):
    value = {key: item for key, item in ORDER.items() if key != name}
    refused(wire.order, value, Reject.MISSING_FIELD, f"order.{name}", "nothing")


def test_order_with_an_unknown_field_names_it():
    error = refused(wire.order, ORDER | {"prize": "1"}, Reject.UNKNOWN_FIELD, "order.prize", '"1"')
    assert "price" in error.allowed
    refused(wire.order, ORDER | {"x\n": 1}, Reject.UNKNOWN_FIELD, 'order."x\\n"')


@pytest.mark.parametrize("value", [None, [], "order", 5, 1.5, True])
def test_order_that_is_no_object_is_malformed(value):
    refused(wire.order, value, Reject.MALFORMED, "order")


@pytest.mark.parametrize("name", ["account", "price", "quantity", "id", "expiry", "flags"])
@pytest.mark.parametrize("value", [1, 1.0, 1e3, True, None, [], {}])
def test_order_number_that_is_no_string_is_refused(name, value):
    error = refused(wire.order, ORDER | {name: value}, Reject.NOT_AN_INTEGER, f"order.{name}")
    assert "a decimal string" in error.allowed


@pytest.mark.parametrize("name", ["account", "price", "quantity", "id", "expiry", "flags"])
@pytest.mark.parametrize(
    "value",
    [
        "",
        " 1",
        "1 ",
        "01",
        "+1",
        "1.0",
        "1e3",
        "0x1",
        "1_000",
        "-0",
        "--1",
        "\u0661",
        "\u00b2",
        "1\n",
    ],
)
def test_order_number_in_another_spelling_is_refused(name, value):
    refused(wire.order, ORDER | {name: value}, Reject.NOT_AN_INTEGER, f"order.{name}")


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("account", 0, 2**24 - 1),
        ("price", 0, 2**64 - 1),
        ("quantity", 1, 2**32 - 1),
        ("id", 0, 2**44 - 1),
        ("expiry", 0, 2**40 - 1),
    ],
)
def test_order_number_is_taken_at_both_ends_and_refused_beyond(name, low, high):
    for value in (low, high):
        assert getattr(wire.order(ORDER | {name: str(value)}), name) == value
    for value in (low - 1, high + 1, 10**30, -(10**30), 10**5000):
        text = str(value) if abs(value) < 10**100 else "1" + "0" * 5000
        error = refused(wire.order, ORDER | {name: text}, Reject.OUT_OF_RANGE, f"order.{name}")
        assert error.allowed == f'"{low}" to "{high}"'


def test_order_flags_known_and_combinable_are_taken_and_no_others():
    taken = set()
    for value in range(256):
        outcome = attempt(wire.order, ORDER | {"flags": str(value)})
        if isinstance(outcome, WireError):
            assert (outcome.code, outcome.field) == (Reject.INVALID_FLAGS, "order.flags")
        else:
            taken.add(outcome.flags)
    assert taken == {0, 1, 2, 4, 8, 9, 10, 12}


@pytest.mark.parametrize("value", [1, 0, "true", None, [], "buy"])
def test_order_buy_that_is_no_boolean_is_refused(value):
    refused(wire.order, ORDER | {"buy": value}, Reject.MALFORMED, "order.buy")


@pytest.mark.parametrize(
    "value",
    [
        "",
        "btc-26MAR27-100000-C",
        "BTC-026MAR27-100000-C",
        "BTC-06MAR27-100000-C",
        "BTC-32MAR27-100000-C",
        "BTC-26Mar27-100000-C",
        "BTC-26MAR2027-100000-C",
        "BTC-26MAR27-0100000-C",
        "BTC-26MAR27-123456789-C",
        "BTC-26MAR27-100000-X",
        "BTC-26MAR27-100000-C ",
        "BTC-26MAR27-100000-C\n",
        "B-26MAR27-100000-C",
        "BITCOINXX-26MAR27-1-C",
        5,
        None,
    ],
)
def test_order_instrument_of_another_shape_is_refused(value):
    refused(wire.order, ORDER | {"instrument": value}, Reject.MALFORMED, "order.instrument")


def test_order_instrument_of_strike_zero_is_taken():
    assert wire.order(ORDER | {"instrument": "ETH-1JAN30-0-C"}).instrument == "ETH-1JAN30-0-C"


@pytest.mark.parametrize(
    "value",
    [None, 5, "", "0x", "0X" + "1f" * 65, "1f" * 65, "0x" + "1f" * 63, "0x" + "zz" * 65,
     "0x" + "1f" * 66, SIGNATURE + "\n", ["0x"]],
)  # fmt: skip
def test_signature_of_another_shape_is_refused(value):
    error = refused(
        wire.order_request,
        {"order": ORDER, "signature": value},
        Reject.BAD_SIGNATURE,
        "signature",
    )
    assert isinstance(error, SignatureError)


def test_signature_of_both_lengths_and_cases_is_taken():
    assert wire.signature(SIGNATURE.upper().replace("0X", "0x"), "signature") == b"\x1f" * 65
    assert wire.signature("0x" + "1f" * 64, "signature") == b"\x1f" * 64


def test_order_request_self_trade_is_chosen_by_name():
    request = {"order": ORDER, "signature": SIGNATURE}
    assert wire.order_request(request).self_trade == SelfTrade.CANCEL_NEWEST
    oldest = request | {"selfTrade": "cancelOldest"}
    assert wire.order_request(oldest).self_trade == SelfTrade.CANCEL_OLDEST
    for value in ("both", 1, None, []):
        refused(wire.order_request, request | {"selfTrade": value}, Reject.MALFORMED, "selfTrade")


def test_order_requests_one_malformed_refuses_all_and_says_which():
    good = {"order": ORDER, "signature": SIGNATURE}
    bad = good | {"order": ORDER | {"price": 5}}
    refused(
        wire.order_requests,
        {"orders": [good, bad]},
        Reject.NOT_AN_INTEGER,
        "orders[1].order.price",
        "5 (a JSON number)",
    )
    assert len(wire.order_requests({"orders": [good] * wire.MAX_ORDERS})) == wire.MAX_ORDERS


def test_order_requests_too_many_or_none_are_refused():
    good = {"order": ORDER, "signature": SIGNATURE}
    many = [good] * (wire.MAX_ORDERS + 1)
    refused(wire.order_requests, {"orders": many}, Reject.TOO_LARGE, "orders")
    refused(wire.order_requests, {"orders": []}, Reject.TOO_LARGE, "orders")
    refused(wire.order_requests, {"orders": good}, Reject.MALFORMED, "orders")


def test_arm_takes_a_timeout_from_none_to_the_most():
    terms = {"account": "7", "instrument": "", "expiry": "1790000000"}
    good = {"cancelAll": terms, "signature": SIGNATURE, "timeout": "0"}
    assert wire.arm(good).timeout == 0
    most = str(wire.MAX_TIMEOUT)
    assert wire.arm(good | {"timeout": most}).timeout == wire.MAX_TIMEOUT
    over = str(wire.MAX_TIMEOUT + 1)
    refused(wire.arm, good | {"timeout": over}, Reject.OUT_OF_RANGE, "timeout", f'"{over}"')
    refused(wire.arm, good | {"timeout": 30}, Reject.NOT_AN_INTEGER, "timeout")
    refused(wire.arm, good | {"cancelAll": {}}, Reject.MISSING_FIELD, "cancelAll.account")
    refused(wire.arm, good | {"op": "arm"}, Reject.UNKNOWN_FIELD, "op")


def test_signed_names_the_message_it_wants():
    refused(
        lambda value: wire.signed(value, "cancelAll", wire.cancel_all),
        {"cancel": {}, "signature": SIGNATURE},
        Reject.UNKNOWN_FIELD,
        "cancel",
    )


def test_subscription_channels_have_their_own_topic():
    book = {"op": "subscribe", "channel": "book", "instrument": ORDER["instrument"]}
    assert wire.subscription(book) == wire.Subscription(True, "book", ORDER["instrument"])
    account = {"op": "unsubscribe", "channel": "account", "account": "7"}
    assert wire.subscription(account) == wire.Subscription(False, "account", 7)
    refused(wire.subscription, book | {"op": "listen"}, Reject.MALFORMED, "op", '"listen"')
    refused(wire.subscription, book | {"channel": "depth"}, Reject.MALFORMED, "channel")
    refused(wire.subscription, book | {"channel": "account"}, Reject.UNKNOWN_FIELD, "instrument")
    refused(wire.subscription, [], Reject.MALFORMED, "body", "an array of 0")


def test_describe_long_values_is_short():
    assert len(wire.describe("x" * 10_000)) < 100
    assert len(wire.describe(10**300)) < 60
    nested = json.loads("[" * 900 + "]" * 900)
    assert wire.describe(nested) == "an array of 1"


def test_address_of_another_shape_is_refused():
    text = "0x" + "aB" * 20
    assert wire.address(text, "owner") == b"\xab" * 20
    for value in (text[:-1], text + "0", text[2:], "0X" + text[2:], text[:-2] + " a", None, 5):
        refused(lambda found: wire.address(found, "owner"), value, Reject.MALFORMED, "owner")
