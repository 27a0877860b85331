"""The 4,096th instrument or series that was ever listed ended the exchange: the fact was journaled,
the kernel had no room for it, and every start met it again. And each instrument kept 129 KiB of
every process's memory for ever, long after it had expired.
"""

import ctypes
import sys

import numpy as np
import pytest

from matcher import commands as c
from matcher.exchange import Exchange
from matcher.types import InstrumentKind, Order, SignedOrder
from tests.support.pit import EXPIRY, WINDOWS, owner_of

PAGE = 4096
FOREVER = 1 << 40
BOOKS = 96  # some huge pages' worth
BAND_PAGES = 32  # of both sides


def exchange() -> Exchange:
    made = Exchange(WINDOWS)
    made.apply(c.MarketListed(1, "BTC", 10, 1000))
    made.apply(c.ExpiryOpened(1, EXPIRY, 400_000))
    made.apply(c.OpenBatch())
    for account in (2, 3):
        made.apply(c.AccountOpened(account, owner_of(account)))
        made.apply(c.Deposited(account, 10**12, 1))
    return made


def sell(made: Exchange, instrument: int, number: int, buy: bool = False) -> list[object]:
    account = 3 if buy else 2
    symbol = made.listings.lines[instrument].symbol
    order = Order(account, symbol, buy, 1000, 1, number, FOREVER, 0)
    digest = bytes([account]) + number.to_bytes(31, "big")
    return list(made.apply(c.PlaceOrder(SignedOrder(order, bytes(65), digest, owner_of(account)))))


def resident(made: Exchange) -> int:
    """Pages of the levels that the system has given."""
    levels = made.records("levels")
    size = levels.nbytes // 256  # the first 1,024 books
    seen = np.zeros(size // PAGE, np.uint8)
    libc = ctypes.CDLL(None, use_errno=True)
    done = libc.mincore(
        ctypes.c_void_p(levels.ctypes.data),
        ctypes.c_size_t(size),
        ctypes.c_void_p(seen.ctypes.data),
    )
    assert done == 0, ctypes.get_errno()
    return int((seen & 1).sum())


def test_exchange_takes_instruments_and_series_beyond_4096() -> None:
    made = exchange()
    for number, instrument in enumerate((4095, 4096, 65_536, 262_143)):
        made.apply(c.InstrumentListed(instrument, 1, InstrumentKind.CALL, EXPIRY, instrument))
        assert type(sell(made, instrument, number)[-1]).__name__ == "OrderRested"
    for later in range(1, 4_200):
        made.apply(c.ExpiryOpened(1, EXPIRY + later, 400_000))
    made.check()
    twin = Exchange(WINDOWS)
    twin.load(made.dump())
    twin.check()
    assert twin.state_hash() == made.state_hash()


@pytest.mark.skipif(sys.platform != "linux", reason="asks the system as Linux answers")
def test_memory_of_expired_books_is_given_back_when_others_are_listed() -> None:
    made = exchange()
    later = EXPIRY + 24
    made.apply(c.ExpiryOpened(1, later, 400_000))
    for instrument in range(1, BOOKS + 1):
        made.apply(c.InstrumentListed(instrument, 1, InstrumentKind.CALL, EXPIRY, instrument))
    made.apply(c.InstrumentListed(BOOKS + 1, 1, InstrumentKind.CALL, later, 1))
    for instrument in (1, 2, BOOKS, BOOKS + 1):
        sell(made, instrument, instrument)
    assert resident(made) >= BOOKS * BAND_PAGES
    made.apply(c.Clock(3600 * EXPIRY))
    made.apply(c.InstrumentListed(BOOKS + 2, 1, InstrumentKind.CALL, later, 2))
    assert resident(made) < 20 * BAND_PAGES  # two books, on one huge page or two
    bought = sell(made, BOOKS + 1, 200, buy=True)
    assert [type(event).__name__ for event in bought] == ["OrderAccepted", "Trade", "Op"]
    assert type(sell(made, BOOKS + 2, 201)[-1]).__name__ == "OrderRested"
    made.check()
    twin = Exchange(WINDOWS)
    twin.load(made.dump())
    twin.apply(c.Clock(3600 * EXPIRY))
    assert twin.state_hash() == made.state_hash()
    assert resident(twin) < 40 * BAND_PAGES
