"""Every range check of outside input, in one place: JSON in, vocabulary out, or a `WireError`.

Numbers are decimal strings (``"250"``): JSON numbers lose digits above 2^53 in most readers. One
spelling each: no sign, no leading zero, no exponent. A message is taken whole or not at all;
unknown fields are refused, because a field that was not understood was not signed either.

Nothing here raises anything but `WireError` (and its kin), whatever the input.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

import msgspec

from matcher.errors import Reject, SignatureError, WireError
from matcher.types import (
    KNOWN_ORDER_FLAGS,
    ORDER_ID_END,
    U24,
    U32,
    U40,
    U64,
    AmendTerms,
    CancelAllTerms,
    CancelTerms,
    Order,
    OrderFlag,
    SelfTrade,
    Transfer,
    Withdrawal,
)

T = TypeVar("T")
Parser = Callable[[object, str], T]

MAX_BODY: Final = 64 * 1024  # bytes of a request or of a WebSocket message
MAX_NESTING: Final = 8  # brackets open at once
MAX_ORDERS: Final = 100  # orders in one request
MAX_TIMEOUT: Final = 300  # seconds that a wallet may be silent before its switch fires

_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)")
_SIGNATURE = re.compile(r"0x(?:[0-9a-fA-F]{128}|[0-9a-fA-F]{130})")
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{40}")
_SYMBOL = re.compile(
    r"[A-Z0-9]{2,8}-(?:[1-9]|[12][0-9]|3[01])(?:JAN|FEB|MAR|APR|MAY|JUN|JUL|AUG|SEP|OCT|NOV|DEC)"
    r"[0-9]{2}-(?:0|[1-9][0-9]{0,7})-[CP]"
)
_STRING_IN_JSON = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_NOT_BRACKETS: Final = bytes(set(range(256)) - set(b"[]{}"))
SELF_TRADE: Final = {
    "cancelNewest": SelfTrade.CANCEL_NEWEST,
    "cancelOldest": SelfTrade.CANCEL_OLDEST,
}


# --- JSON ---------------------------------------------------------------------------------------


def describe(value: object) -> str:
    """What stood there, for people: ASCII, short, and safe for values of any depth."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return json.dumps(value if len(value) <= 80 else value[:77] + "...")
        case int() | float():
            return f"{value!r:.40} (a JSON number)"
        case list():
            return f"an array of {len(value)}"
        case dict():
            return f"an object of {len(value)} fields"
        case _:
            return type(value).__name__


def decode(body: bytes, limit: int = MAX_BODY) -> object:
    """JSON text to plain Python values.

    Parameters
    ----------
    body : bytes
        UTF-8.
    limit : int
        Most bytes taken.

    Raises
    ------
    WireError
        ``TOO_LARGE`` if it is longer or nested deeper than allowed, ``MALFORMED`` if it is no JSON.

    Notes
    -----
    Of a key that stands twice in one object the last counts; what was signed is compared with it.
    """
    if len(body) > limit:
        raise WireError("body", f"{len(body)} bytes", f"at most {limit} bytes", Reject.TOO_LARGE)
    depth = deepest = 0
    for bracket in _STRING_IN_JSON.sub(b"", body).translate(None, _NOT_BRACKETS):
        depth += 1 if bracket in b"[{" else -1
        deepest = max(deepest, depth)
    if deepest > MAX_NESTING:
        raise WireError(
            "body", f"{deepest} levels", f"at most {MAX_NESTING} levels", Reject.TOO_LARGE
        )
    try:
        value: object = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise WireError("body", f"{error}"[:120], "JSON text in UTF-8") from error
    return value


def fields(
    value: object, field: str, required: tuple[str, ...], optional: tuple[str, ...] = ()
) -> Mapping[str, object]:
    """An object with all the required fields, perhaps the optional ones, and no other."""
    if not isinstance(value, dict):
        raise WireError(field or "body", describe(value), "an object")
    for name in value:
        if name not in required and name not in optional:
            shown = name if re.fullmatch(r"\w{1,40}", name, re.ASCII) else describe(name)
            raise WireError(
                path(field, shown),
                describe(value[name]),
                "the fields " + ", ".join(required + optional),
                Reject.UNKNOWN_FIELD,
            )
    for name in required:
        if name not in value:
            raise WireError(
                path(field, name),
                "nothing",
                "the fields " + ", ".join(required),
                Reject.MISSING_FIELD,
            )
    return value


def path(parent: str, name: str) -> str:
    """Path of a field, ``order.price``."""
    return f"{parent}.{name}" if parent else name


# --- values -------------------------------------------------------------------------------------


def number(value: object, field: str, low: int, high: int) -> int:
    """An integer from ``low`` to ``high`` (both allowed), written as a decimal string."""
    if not isinstance(value, str):
        raise WireError(
            field,
            describe(value),
            f'a decimal string from "{low}" to "{high}"',
            Reject.NOT_AN_INTEGER,
        )
    if not _NUMBER.fullmatch(value) or value == "-0":
        raise WireError(
            field,
            describe(value),
            f'a decimal string from "{low}" to "{high}", digits alone, no leading zero',
            Reject.NOT_AN_INTEGER,
        )
    # The length is looked at first: turning a long text into an integer takes quadratic time.
    if len(value) > 20 or not low <= (result := int(value)) <= high:
        raise WireError(field, describe(value), f'"{low}" to "{high}"', Reject.OUT_OF_RANGE)
    return result


def boolean(value: object, field: str) -> bool:
    """``true`` or ``false``, nothing that merely resembles them."""
    if not isinstance(value, bool):
        raise WireError(field, describe(value), "true or false")
    return value


def symbol(value: object, field: str) -> str:
    """The symbol of an instrument, in its one spelling; whether it is listed is not asked here."""
    if not isinstance(value, str) or not _SYMBOL.fullmatch(value):
        raise WireError(field, describe(value), "a symbol such as BTC-26MAR27-100000-C")
    return value


def order_id(value: object, field: str) -> int:
    """An order id, below 2^44."""
    return number(value, field, 0, ORDER_ID_END - 1)


def account_index(value: object, field: str) -> int:
    """The index of an account; whether it was opened is not asked here."""
    return number(value, field, 0, U24)


def order_flags(value: object, field: str) -> int:
    """Known flags in a combination that has a meaning."""
    flags = number(value, field, 0, 255)
    if flags & ~int(KNOWN_ORDER_FLAGS):  # an IntFlag's own inverse holds known bits only
        raise WireError(
            field,
            describe(value),
            "a sum of 1 (post-only), 2 (IOC), 4 (FOK), 8 (reduce-only)",
            Reject.INVALID_FLAGS,
        )
    exclusive = flags & (OrderFlag.POST_ONLY | OrderFlag.IOC | OrderFlag.FOK)
    if exclusive & (exclusive - 1):
        raise WireError(
            field, describe(value), "at most one of post-only, IOC and FOK", Reject.INVALID_FLAGS
        )
    return flags


def signature(value: object, field: str) -> bytes:
    """Hex of 65 bytes, or of 64 (EIP-2098); `matcher.eip712.parse_signature` judges the bytes."""
    if not isinstance(value, str) or not _SIGNATURE.fullmatch(value):
        found = describe(value)
        if isinstance(value, str) and len(value) > 40:
            found = f"{len(value)} characters {describe(value[:20] + '...')}"
        raise SignatureError(field, found, "0x and 130 or 128 hex digits", Reject.BAD_SIGNATURE)
    return bytes.fromhex(value[2:])


def address(value: object, field: str) -> bytes:
    """An address, 20 bytes; upper and lower case are alike, since nothing is sent to it."""
    if not isinstance(value, str) or not _ADDRESS.fullmatch(value):
        raise WireError(field, describe(value), "0x and 40 hex digits")
    return bytes.fromhex(value[2:])


# --- messages -----------------------------------------------------------------------------------


def order(value: object, field: str = "order") -> Order:
    """The terms of an order, every field within its width."""
    names = ("account", "instrument", "buy", "price", "quantity", "id", "expiry", "flags")
    found = fields(value, field, names)
    return Order(
        account=account_index(found["account"], path(field, "account")),
        instrument=symbol(found["instrument"], path(field, "instrument")),
        buy=boolean(found["buy"], path(field, "buy")),
        price=number(found["price"], path(field, "price"), 0, U64),
        quantity=number(found["quantity"], path(field, "quantity"), 1, U32),
        id=order_id(found["id"], path(field, "id")),
        expiry=number(found["expiry"], path(field, "expiry"), 0, U40),
        flags=order_flags(found["flags"], path(field, "flags")),
    )


def withdrawal(value: object, field: str = "withdrawal") -> Withdrawal:
    """The terms of a withdrawal."""
    found = fields(value, field, ("account", "amount", "id", "expiry"))
    return Withdrawal(
        account=account_index(found["account"], path(field, "account")),
        amount=number(found["amount"], path(field, "amount"), 0, U64),
        id=order_id(found["id"], path(field, "id")),
        expiry=number(found["expiry"], path(field, "expiry"), 0, U40),
    )


def transfer(value: object, field: str = "transfer") -> Transfer:
    """The terms of a transfer between accounts."""
    found = fields(value, field, ("from", "to", "amount", "id", "expiry"))
    return Transfer(
        source=account_index(found["from"], path(field, "from")),
        target=account_index(found["to"], path(field, "to")),
        amount=number(found["amount"], path(field, "amount"), 0, U64),
        id=order_id(found["id"], path(field, "id")),
        expiry=number(found["expiry"], path(field, "expiry"), 0, U40),
    )


def cancel(value: object, field: str = "cancel") -> CancelTerms:
    """The terms of a cancel."""
    found = fields(value, field, ("account", "id", "expiry"))
    return CancelTerms(
        account=account_index(found["account"], path(field, "account")),
        id=order_id(found["id"], path(field, "id")),
        expiry=number(found["expiry"], path(field, "expiry"), 0, U40),
    )


def cancel_all(value: object, field: str = "cancelAll") -> CancelAllTerms:
    """The terms of a cancel-all; the instrument is a symbol, or ``""`` for all."""
    found = fields(value, field, ("account", "instrument", "expiry"))
    instrument = found["instrument"]
    if instrument != "":
        instrument = symbol(instrument, path(field, "instrument"))
    return CancelAllTerms(
        account=account_index(found["account"], path(field, "account")),
        instrument=str(instrument),
        expiry=number(found["expiry"], path(field, "expiry"), 0, U40),
    )


def amend(value: object, field: str = "amend") -> AmendTerms:
    """The terms of an amend."""
    found = fields(value, field, ("account", "id", "quantity", "expiry"))
    return AmendTerms(
        account=account_index(found["account"], path(field, "account")),
        id=order_id(found["id"], path(field, "id")),
        quantity=number(found["quantity"], path(field, "quantity"), 1, U32),
        expiry=number(found["expiry"], path(field, "expiry"), 0, U40),
    )


def signed(value: object, name: str, parse: Parser[T]) -> tuple[T, bytes]:
    """A request ``{name: terms, "signature": "0x.."}``: the terms and the signature's raw bytes."""
    found = fields(value, "", (name, "signature"))
    return parse(found[name], name), signature(found["signature"], "signature")


class ArmRequest(msgspec.Struct, frozen=True):
    """A cancel-all to be kept until its wallet falls silent."""

    terms: CancelAllTerms
    signature: bytes  # as sent, 64 or 65 bytes
    timeout: int  # seconds; 0 disarms


def arm(value: object) -> ArmRequest:
    """``{"cancelAll": terms, "signature": "0x..", "timeout": "30"}``."""
    found = fields(value, "", ("cancelAll", "signature", "timeout"))
    return ArmRequest(
        terms=cancel_all(found["cancelAll"]),
        signature=signature(found["signature"], "signature"),
        timeout=number(found["timeout"], "timeout", 0, MAX_TIMEOUT),
    )


class OrderRequest(msgspec.Struct, frozen=True, gc=False):
    """An order as a wallet sends it."""

    order: Order
    signature: bytes  # as sent, 64 or 65 bytes
    self_trade: int  # SelfTrade; not signed: it only chooses which of one's own orders gives way


def order_request(value: object, field: str = "") -> OrderRequest:
    """``{"order": terms, "signature": "0x..", "selfTrade": "cancelNewest" | "cancelOldest"}``.

    ``selfTrade`` may be left out: ``cancelNewest``.
    """
    found = fields(value, field, ("order", "signature"), ("selfTrade",))
    self_trade = found.get("selfTrade", "cancelNewest")
    if not isinstance(self_trade, str) or self_trade not in SELF_TRADE:
        raise WireError(
            path(field, "selfTrade"), describe(self_trade), " or ".join(sorted(SELF_TRADE))
        )
    return OrderRequest(
        order=order(found["order"], path(field, "order")),
        signature=signature(found["signature"], path(field, "signature")),
        self_trade=int(SELF_TRADE[self_trade]),
    )


def order_requests(value: object) -> list[OrderRequest]:
    """``{"orders": [..]}``, 1 to `MAX_ORDERS` of them; one that is malformed refuses all."""
    found = fields(value, "", ("orders",))["orders"]
    if not isinstance(found, list):
        raise WireError("orders", describe(found), "an array")
    if not 1 <= len(found) <= MAX_ORDERS:
        raise WireError("orders", describe(found), f"1 to {MAX_ORDERS} orders", Reject.TOO_LARGE)
    return [order_request(item, f"orders[{place}]") for place, item in enumerate(found)]


# --- WebSocket ----------------------------------------------------------------------------------


class Subscription(msgspec.Struct, frozen=True):
    """What a WebSocket client asks for; ``topic`` is a symbol or an account's index."""

    subscribe: bool
    channel: str  # book, trades, account
    topic: str | int


def subscription(value: object) -> Subscription:
    """``{"op": "subscribe" | "unsubscribe", "channel": .., "instrument" | "account": ..}``."""
    if not isinstance(value, dict):
        raise WireError("body", describe(value), "an object")
    channel = value.get("channel")
    topic = "account" if channel == "account" else "instrument"
    found = fields(value, "", ("op", "channel", topic))
    operation = found["op"]
    if operation != "subscribe" and operation != "unsubscribe":
        raise WireError("op", describe(operation), "subscribe or unsubscribe")
    if not isinstance(channel, str) or channel not in ("book", "trades", "account"):
        raise WireError("channel", describe(channel), "book, trades or account")
    return Subscription(
        subscribe=operation == "subscribe",
        channel=channel,
        topic=account_index(found["account"], "account")
        if channel == "account"
        else symbol(found["instrument"], "instrument"),
    )


# --- the way out --------------------------------------------------------------------------------


def terms(message: msgspec.Struct) -> dict[str, str | bool]:
    """The fields of a message as JSON carries them: integers as decimal strings.

    The inverse of `order`, `withdrawal`, `transfer`, `cancel`, `cancel_all` and `amend`.
    """
    names = {"source": "from", "target": "to"}
    return {
        names.get(name, name): value if isinstance(value, bool | str) else str(value)
        for name, value in msgspec.structs.asdict(message).items()
    }
