"""Orders in the bodies of requests, decoded straight into structs.

A body that is fine, as nearly all are, is read by one typed decoder, and its values are judged by a
few comparisons. Any other is handed to `matcher.wire`, which has every rule and says which one is
broken: this module refuses nothing, and must take nothing that `wire` would not, or otherwise.
"""

import functools
from typing import Final

import msgspec

from matcher import wire
from matcher.errors import WireError
from matcher.types import ORDER_ID_END, U24, U32, U40, U64, Order
from matcher.wire import OrderRequest

_SIGNATURE_BYTES: Final = {132: 65, 130: 64}  # by the length of the text
_SELF_TRADE: Final = {name: int(mode) for name, mode in wire.SELF_TRADE.items()}
_MOST_DIGITS: Final = 20  # of a u64; longer texts take long to read


class _Terms(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    account: str
    instrument: str
    buy: bool
    price: str
    quantity: str
    id: str
    expiry: str
    flags: str


class _Body(msgspec.Struct, forbid_unknown_fields=True, rename="camel", gc=False):
    order: _Terms
    signature: str
    self_trade: str = "cancelNewest"


class _Bodies(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    orders: list[_Body]


_one: Final = msgspec.json.Decoder(_Body)
_many: Final = msgspec.json.Decoder(_Bodies)


def order_request(body: bytes) -> OrderRequest:
    """As `wire.order_request` of the decoded body."""
    if len(body) <= wire.MAX_BODY:
        try:
            return _request(_one.decode(body))
        except (msgspec.MsgspecError, LookupError, ValueError):
            pass
    return wire.order_request(wire.decode(body))


def order_requests(body: bytes) -> list[OrderRequest]:
    """As `wire.order_requests` of the decoded body."""
    if len(body) <= wire.MAX_BODY:
        try:
            found = _many.decode(body).orders
            if 1 <= len(found) <= wire.MAX_ORDERS:
                return [_request(one) for one in found]
        except (msgspec.MsgspecError, LookupError, ValueError):
            pass
    return wire.order_requests(wire.decode(body))


def _request(body: _Body) -> OrderRequest:
    """The request; `LookupError` or `ValueError` if `wire` has to look at it."""
    terms = body.order
    if not _is_symbol(terms.instrument):
        raise ValueError
    order = Order(
        _number(terms.account, U24),
        terms.instrument,
        terms.buy,
        _number(terms.price, U64),
        _number(terms.quantity, U32),
        _number(terms.id, ORDER_ID_END - 1),
        _number(terms.expiry, U40),
        _FLAGS[terms.flags],
    )
    text = body.signature
    signature = bytes.fromhex(text[2:])
    # `fromhex` passes over spaces; then there are fewer bytes than the length promises.
    if len(signature) != _SIGNATURE_BYTES[len(text)] or text[:2] != "0x" or not order.quantity:
        raise ValueError
    return OrderRequest(order, signature, _SELF_TRADE[body.self_trade])


def _number(text: str, high: int) -> int:
    """A number in its one spelling: the one that Python writes it in."""
    number = int(text) if len(text) <= _MOST_DIGITS else -1
    if str(number) != text or not 0 <= number <= high:
        raise ValueError
    return number


@functools.lru_cache(maxsize=65_536)
def _is_symbol(text: str) -> bool:
    try:
        wire.symbol(text, "instrument")
    except WireError:
        return False
    return True


def _flags() -> dict[str, int]:
    """All flags that `wire` takes, by their spelling."""
    taken = {}
    for text in map(str, range(256)):
        try:
            taken[text] = wire.order_flags(text, "flags")
        except WireError:
            continue
    return taken


_FLAGS: Final = _flags()
