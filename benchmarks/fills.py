"""What the settlement benchmarks share: an exchange with many accounts, and fills between them."""

from collections.abc import Iterator, Sequence

import numpy as np

from matcher import commands as c
from matcher import words
from matcher.batch import CHUNK_BYTES
from matcher.kernel.pool import Pool
from matcher.kernel.settlement_layout import QUAD
from matcher.settlement.facts import Facts
from matcher.settlement.ledger import Ledger
from matcher.types import FIRST_USER_ACCOUNT

START = 1_774_224_000  # seconds
EXPIRY = START // 3600 + 800  # hours
STRIKES = (90, 95, 100, 105, 110)
CASH = 10**12  # atoms
LAG = 300


def facts_of(accounts: int, facts: Facts | None = None) -> Facts:
    """One market, ten instruments, and accounts with deposits; told to facts, or to new ones."""
    facts = Facts(LAG) if facts is None else facts
    facts.observe(c.MarketListed(1, "BTC", 10, 1000))
    facts.observe(c.FeesSet(1, 3, -1, 3, -1, START))
    facts.observe(c.ExpiryOpened(1, EXPIRY, 400_000))
    for kind in (0, 1):
        for place, strike in enumerate(STRIKES):
            index = 1 + kind * len(STRIKES) + place
            facts.observe(c.InstrumentListed(index, 1, kind, EXPIRY, strike))
    for account in range(FIRST_USER_ACCOUNT, FIRST_USER_ACCOUNT + accounts):
        facts.observe(c.AccountOpened(account, account.to_bytes(20, "big")))
        facts.observe(c.Deposited(account, CASH + account, START))
    return facts


def credits_of(accounts: int) -> Iterator[bytes]:
    """A CREDIT for each account, no two alike."""
    for account in range(FIRST_USER_ACCOUNT, FIRST_USER_ACCOUNT + accounts):
        yield words.pack(words.Credit(account, CASH + account))


def fills_of(random: np.random.Generator, accounts: int, count: int) -> list[bytes]:
    """Fills between random accounts, each of two new orders."""
    taker, maker = random.integers(FIRST_USER_ACCOUNT, FIRST_USER_ACCOUNT + accounts, (2, count))
    maker = np.where(maker == taker, taker % accounts + FIRST_USER_ACCOUNT, maker)
    instrument = random.integers(1, 2 * len(STRIKES) + 1, count)
    tick, lots = random.integers(1, 9000, count), random.integers(1, 20, count)
    sells = random.integers(0, 2, count)
    used: dict[int, int] = {}
    made = []
    for row in zip(sells, taker, maker, instrument, tick, lots, strict=True):
        flags, buyer, seller, index, price, size = (int(value) for value in row)
        orders = []
        for account in (buyer, seller):
            used[account] = number = used.get(account, -1) + 1
            orders.append(number)
        fill = words.Fill(flags, buyer, seller, index, price, size, *orders)
        made.append(words.pack(fill))
    return made


def in_memory(ops: Sequence[bytes]) -> Pool:
    """Op words as the ledger takes them."""
    pool = Pool(QUAD, max(1, len(ops)))
    data = b"".join(b"\0" + op for op in ops)
    pool.array.view(np.uint8)[: len(data)] = np.frombuffer(data, np.uint8)
    return pool


def settle(ledger: Ledger, ops: Pool, count: int, built_at: int = START) -> int:
    """Execute ops into chunks, ending the last; how many chunks that were."""
    done = chunks = 0
    while done < count:
        done += ledger.settle(ops, done, count - done, built_at)
        if done == count:
            ledger.finish(built_at)
        if done == count or ledger.full:
            chunks += len(ledger.take_words()) // CHUNK_BYTES
    return chunks
