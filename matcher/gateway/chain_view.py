"""What the gateway must know of the chain: a door, behind which stands who follows the chain."""

from enum import StrEnum
from typing import Protocol

import msgspec


class BatchStage(StrEnum):
    """Where a batch stands on its way to finality."""

    CLOSED = "closed"  # built here, not on the chain as far as is known
    COMMITTED = "committed"  # on the chain, may still be challenged
    FINAL = "final"  # claims against it are paid
    REVERTED = "reverted"  # convicted, or built on a batch that was


class BatchPlace(msgspec.Struct, frozen=True):
    """One batch as the chain knows it."""

    stage: BatchStage
    committed_at: int | None = None  # seconds, the block that holds the commit
    final_at: int | None = None  # seconds, when it is final unless it is reverted
    confirmations: int = 0  # blocks on top of the commit's, that one included
    transaction: bytes | None = None  # hash of the commit, 32 bytes


class ChainView(Protocol):
    """Knowledge of the chain, answered from memory: the gateway calls it inside a request.

    A batch nobody has committed yet is `BatchStage.CLOSED`. Batch 0 (genesis) is final at once.
    """

    def head(self) -> int:
        """Id of the newest batch that stands on the chain; 0 if there is none but genesis."""

    def latest_final(self) -> int:
        """Id of the newest batch that is final; 0 if there is none but genesis."""

    def place(self, batch_id: int) -> BatchPlace:
        """Where a batch stands."""

    def block(self) -> tuple[int, int]:
        """Number and time (seconds) of the newest block whose facts were told."""


class NoChain:
    """The view of a node without a chain: nothing was committed, only genesis is final."""

    def head(self) -> int:
        """Genesis."""
        return 0

    def latest_final(self) -> int:
        """Genesis."""
        return 0

    def place(self, batch_id: int) -> BatchPlace:
        """Genesis is final, the rest is closed."""
        return BatchPlace(BatchStage.FINAL if batch_id == 0 else BatchStage.CLOSED)

    def block(self) -> tuple[int, int]:
        """No block."""
        return 0, 0
