"""Compiled code may take for granted that a signed product does not overflow; the kernel's check of
an order's notional asked whether it had, and the compiler removed the question.
"""

from matcher import commands as c
from matcher.errors import Reject
from matcher.exchange import Exchange
from matcher.types import U32, Order, SignedOrder
from tests.support.pit import EXPIRY, SYMBOLS, WINDOWS, owner_of, refusal


def test_a_notional_above_63_bits_is_refused_as_too_large() -> None:
    exchange = Exchange(WINDOWS)
    exchange.apply(c.MarketListed(1, "BTC", 10, 1000))
    exchange.apply(c.ExpiryOpened(1, EXPIRY, 400_000))
    exchange.apply(c.InstrumentListed(1, 1, 0, EXPIRY, 100))
    exchange.apply(c.AccountOpened(2, owner_of(2)))
    exchange.apply(c.OpenBatch())
    for number, (tick, quantity) in enumerate(((U32, U32), (1 << 31, 1 << 32 - 1), (U32, 1 << 31))):
        order = Order(2, SYMBOLS[1], True, 10 * tick, quantity, number, 99, 0)
        signed = SignedOrder(order, bytes(65), bytes(32), owner_of(2))
        assert refusal(exchange.apply(c.PlaceOrder(signed))) == (
            Reject.NOTIONAL_TOO_LARGE,
            "quantity",
        )
