"""What `worst` of a full account costs, read from the real Markets: once per claim of a frozen
exchange, and later in every proof about margin.
"""

import random

import pytest

from matcher.types import MAX_POSITIONS
from tests.gas.meter import Measured, measure
from tests.gas.snapshot import Snapshot
from tests.support.exchange import CAP, EXPIRY, MARKET, TOKENS, Exchange, Roles

LIMIT = 600_000  # gas, section 11
CALL = 21_000 + 36 * 40 * (MAX_POSITIONS + 6)  # a call's own gas, generously


def worst_of(exchange: Exchange, roles: Roles, expiries: int) -> Measured:
    """Measure `worst` of 32 positions over so many expiries, no two instruments in one slot."""
    series = [EXPIRY + 24 * (i + 1) for i in range(expiries)]
    for expiry in series:
        exchange.open_expiry(MARKET, expiry, CAP)
    strikes = CAP // TOKENS
    # Four instruments share a slot: list four times as many, hold every fourth.
    items = [
        (MARKET, i // 4 % 2, series[i // 4 % expiries], 1 + i * 7 % (strikes - 1))
        for i in range(4 * MAX_POSITIONS)
    ]
    indices = []
    for start in range(0, len(items), 32):
        indices += exchange.list_instruments(*items[start : start + 32])
    rng = random.Random("lots")
    held = [i << 40 | rng.randint(-(10**6), 10**6) % (1 << 40) for i in indices[::4]]
    assert len(held) == MAX_POSITIONS
    harness = exchange.chain.deploy(roles.owner, "LibraryHarness")
    call = harness.functions.worst(
        10**15, held, exchange.markets.address, exchange.prices.address, exchange.chain.now
    )
    return measure(exchange.chain, roles.outsider, call)


@pytest.mark.parametrize("expiries", [1, 8, 32])
def test_worst_of_32_positions_costs_little(
    exchange: Exchange, roles: Roles, snapshot: Snapshot, expiries: int
) -> None:
    measured = worst_of(exchange, roles, expiries)
    snapshot.check(f"worst, 32 positions, {expiries} expiries", measured, limit=LIMIT + CALL)
    assert measured.writes == ()
