"""When batches are closed, how much may wait, how often a snapshot is taken; bounds of settings."""

from typing import Final

import msgspec

from matcher.types import BLOB_CHUNKS_MAX, CHUNK_OPS

MAX_CONFIRMATIONS: Final = 128  # full nodes keep the state of so many blocks, `blockhash` 256
KNOWN_KEYS: Final = 256  # traders' keys that are known at once, at most: 22 MB


class Policy(msgspec.Struct, frozen=True):
    """How an exchange treats what comes."""

    max_age: int = 10  # seconds of the chain from OpenBatch to CloseBatch
    max_ops: int = BLOB_CHUNKS_MAX * CHUNK_OPS  # a full batch is closed by the batcher
    max_queue: int = 10_000  # new orders, withdrawals, transfers that wait; all else gets in
    max_group: int = 1_000  # commands that share a sync
    snapshot_every: int = 1_000_000  # commands, of each process where there are several
