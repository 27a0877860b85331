"""Numpy copies of a record the fields that have names alone. When the pool of margin groups grew,
what lay between, the values at all points, was lost: sellers counted as owing nothing.
"""

from matcher import commands as c
from matcher.exchange import Exchange
from matcher.types import Order, SignedOrder
from tests.support.pit import EXPIRY, GOOD_TILL, SYMBOLS, WINDOWS, owner_of

SELLERS = range(2, 200)  # more than the pool has room for at first


def sell(exchange: Exchange, account: int, number: int) -> None:
    """Offer ten calls, of which each may cost the cap less the strike."""
    order = Order(account, SYMBOLS[1], False, 1000, 10, number, GOOD_TILL, 0)
    signed = SignedOrder(order, bytes(65), bytes([number]) * 32, owner_of(account))
    exchange.apply(c.PlaceOrder(signed))


def test_margin_is_the_same_after_memory_has_grown_and_after_a_snapshot() -> None:
    exchange = Exchange(WINDOWS)
    exchange.apply(c.MarketListed(1, "BTC", 10, 1000))
    exchange.apply(c.ExpiryOpened(1, EXPIRY, 400_000))
    exchange.apply(c.InstrumentListed(1, 1, 0, EXPIRY, 100))
    exchange.apply(c.OpenBatch())
    for account in SELLERS:
        exchange.apply(c.AccountOpened(account, owner_of(account)))
        exchange.apply(c.Deposited(account, 10_000_000, 1))
        sell(exchange, account, 1)
    loaded = Exchange(WINDOWS)
    loaded.load(exchange.dump())
    for account in SELLERS:
        for twin in (exchange, loaded):
            sell(twin, account, 2)
            left = 10_000_000 - 20 * (300_000 - 1000)
            assert twin.account_view(account).worst_with_orders == left
    exchange.check()
    loaded.check()
