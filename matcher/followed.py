"""What the gateway asks about the chain, answered by the follower."""

from typing import Protocol

from matcher.chain.committed import CommittedBatches
from matcher.commands import ChainBlock
from matcher.gateway.chain_view import BatchPlace, BatchStage


class Known(Protocol):
    """What a `Follower` knows, or was told by one."""

    @property
    def batches(self) -> CommittedBatches:
        """As of the last block told."""

    @property
    def told(self) -> ChainBlock | None:
        """The last block whose facts were told."""

    @property
    def time(self) -> int:
        """The chain's time, seconds."""

    @property
    def height(self) -> int:
        """Number of the newest block."""


class FollowedChain:
    """The follower's knowledge as the gateway's `ChainView`.

    Parameters
    ----------
    follower : Follower
        Or what another process was told by one.
    """

    def __init__(self, follower: Known):
        self._follower = follower

    def head(self) -> int:
        return self._follower.batches.head

    def latest_final(self) -> int:
        return self._follower.batches.latest_final(self._follower.time)

    def place(self, batch_id: int) -> BatchPlace:
        batches = self._follower.batches
        if batch_id == 0:
            return BatchPlace(BatchStage.FINAL)
        found = batches.get(batch_id)
        if found is None:
            reverted = batches.was_reverted(batch_id)
            return BatchPlace(BatchStage.REVERTED if reverted else BatchStage.CLOSED)
        final_at = batches.final_at(found)
        return BatchPlace(
            stage=BatchStage.FINAL if final_at <= self._follower.time else BatchStage.COMMITTED,
            committed_at=found.committed_at,
            final_at=final_at,
            confirmations=self._follower.height - found.block + 1,
            transaction=found.transaction,
        )

    def block(self) -> tuple[int, int]:
        told = self._follower.told
        return (told.number, told.time) if told else (0, 0)
