"""What the settlement benchmarks share: an exchange with many accounts, fills, a forest of dicts.

`DictForest` says what `matcher.forest.Forest` says, with a dict of nodes and pysha3: what one
writes with what pip installs.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from sha3 import keccak_256

from matcher import commands as c
from matcher import words
from matcher.facts import Facts
from matcher.ledger import Ledger
from matcher.merkle import ZERO, Path, leaf_hash, path_of
from matcher.types import CHUNK_OPS, FIRST_USER_ACCOUNT

START = 1_774_224_000  # seconds
EXPIRY = START // 3600 + 800  # hours
STRIKES = (90, 95, 100, 105, 110)
CASH = 10**12  # atoms
LAG = 300


def facts_of(accounts: int) -> Facts:
    """One market, ten instruments, and accounts with deposits."""
    facts = Facts(LAG)
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


def settle(ledger: Ledger, ops: Iterable[bytes], built_at: int = START) -> int:
    """Execute ops and state the root after every thirty; how many chunks that were."""
    chunks = place = 0
    for place, op in enumerate(ops, 1):
        ledger.apply(op, built_at)
        if place % CHUNK_OPS == 0:
            ledger.end_chunk(built_at)
            chunks += 1
    if place % CHUNK_OPS:
        ledger.end_chunk(built_at)
        chunks += 1
    return chunks


class DictForest:
    """Nodes and leaves by their hash; the parts of `Forest` that a ledger uses while it settles."""

    def __init__(self) -> None:
        self._blobs: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._blobs)

    def update(
        self, changes: Sequence[tuple[bytes, Sequence[tuple[int, bytes]]]], depth: int
    ) -> list[bytes]:
        """See `Forest.update`."""
        return [self._update(root, depth, leaves) for root, leaves in changes]

    def update_accounts(
        self, root: bytes, leaves: Sequence[tuple[int, bytes]], depth: int
    ) -> bytes:
        """See `Forest.update_accounts`."""
        hashed = []
        for index, data in leaves:
            here = leaf_hash(data)
            if here != ZERO:
                self._blobs[here] = data
            hashed.append((index, here))
        return self._update(root, depth, hashed)

    def _update(self, here: bytes, level: int, leaves: Sequence[tuple[int, bytes]]) -> bytes:
        if not level or not leaves:
            return leaves[0][1] if leaves else here
        both = self._blobs[here] if here != ZERO else bytes(64)
        split = level - 1
        lower = [leaf for leaf in leaves if not leaf[0] >> split & 1]
        left = self._update(both[:32], split, lower)
        right = self._update(both[32:], split, leaves[len(lower) :])
        if left == ZERO and right == ZERO:
            return ZERO
        both = left + right
        here = keccak_256(both).digest()
        self._blobs[here] = both
        return here

    def leaf(self, root: bytes, depth: int, index: int) -> bytes:
        """See `Forest.leaf`."""
        for level in range(depth - 1, -1, -1):
            if root == ZERO:
                return ZERO
            both = self._blobs[root]
            root = both[32:] if index >> level & 1 else both[:32]
        return root

    def words(self, root: bytes, depth: int, index: int) -> bytes:
        """See `Forest.words`."""
        leaf = self.leaf(root, depth, index)
        return b"" if leaf == ZERO else self._blobs[leaf]

    def path(self, root: bytes, depth: int, index: int) -> Path:
        """See `Forest.path`."""
        siblings = []
        for level in range(depth - 1, -1, -1):
            both = self._blobs[root] if root != ZERO else bytes(64)
            side = index >> level & 1
            root, sibling = (both[32:], both[:32]) if side else (both[:32], both[32:])
            siblings.append(sibling)
        return path_of(reversed(siblings))
