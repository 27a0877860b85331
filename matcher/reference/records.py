"""Chain facts as plain records: all that `replay` knows.

One record per log, in the order of the chain, however they were fetched and decoded. `at` is the
timestamp of the log's block, seconds. Amounts are atoms, expiries hours since the epoch. Totals are
all ever, as the chain emits them.
"""

from dataclasses import dataclass

from matcher.reference.header import Header
from matcher.types import Windows


@dataclass(frozen=True)
class Deployed:
    """The first record: the immutables, and the timestamp of the deployment block."""

    windows: Windows
    deployed_at: int
    chain_id: int
    registry: bytes  # address of BatchRegistry, 20 bytes: the verifying contract


@dataclass(frozen=True)
class MarketListed:
    market: int
    name: str
    tick_value: int
    strike_value: int


@dataclass(frozen=True)
class FeesSet:
    """Also once per market when it is listed, old and new alike."""

    market: int
    old_taker: int
    old_maker: int
    new_taker: int
    new_maker: int
    active_at: int


@dataclass(frozen=True)
class ExpiryOpened:
    market: int
    expiry: int
    cap: int  # atoms per lot


@dataclass(frozen=True)
class InstrumentListed:
    instrument: int
    market: int
    kind: int
    expiry: int
    strike: int
    symbol: str


@dataclass(frozen=True)
class PriceFixed:
    market: int
    expiry: int
    price: int  # atoms per lot, clamped to the cap
    fixed_at: int


@dataclass(frozen=True)
class AccountOpened:
    """Account 0 too, opened at deployment."""

    account: int
    owner: bytes  # 20 bytes


@dataclass(frozen=True)
class Deposited:
    account: int
    deposited: int  # all ever
    amount: int
    at: int


@dataclass(frozen=True)
class Asked:
    account: int
    asks: int  # all ever
    at: int


@dataclass(frozen=True)
class OrdersUntilSet:
    account: int
    until: int
    at: int


@dataclass(frozen=True)
class KeySet:
    account: int
    key: bytes  # 20 bytes
    valid_from: int
    valid_until: int
    at: int


@dataclass(frozen=True)
class BatchCommitted:
    """`BatchCommitted` of one commit, and its `BatchBody` or the blobs that `BatchBlobs` names."""

    header: Header
    batch_hash: bytes  # as emitted
    words: tuple[int, ...]
    at: int  # committedAt
    rest: tuple[int, ...] = ()  # elements of the last blob behind the words: nobody's, but bound


@dataclass(frozen=True)
class BatchReverted:
    """Batch `id` and all after it are void."""

    id: int
    batch_hash: bytes
    at: int


@dataclass(frozen=True)
class Claimed:
    account: int
    amount: int
    claimed: int  # all ever, this one included
    at: int


@dataclass(frozen=True)
class Frozen:
    account: int
    at: int


@dataclass(frozen=True)
class OrderFilePublished:
    """Not a log: an order file, wherever it was found; its hash is the header's `extra`."""

    batch: int
    data: bytes


Record = (
    Deployed
    | MarketListed
    | FeesSet
    | ExpiryOpened
    | InstrumentListed
    | PriceFixed
    | AccountOpened
    | Deposited
    | Asked
    | OrdersUntilSet
    | KeySet
    | BatchCommitted
    | BatchReverted
    | Claimed
    | Frozen
    | OrderFilePublished
)
