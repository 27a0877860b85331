"""The batches that stand on the chain, as the confirmed logs tell them."""

from bisect import bisect_right
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

import msgspec

from matcher.errors import ChainError

if TYPE_CHECKING:
    from matcher.chain.logs import Log  # imports much that its readers do not need

EVENTS: Final = frozenset({"BatchCommitted", "BatchReverted"})


class CommittedBatch(msgspec.Struct, frozen=True):
    """A batch as the chain knows it."""

    id: int
    hash: bytes  # keccak256 of its header
    committed_at: int  # seconds
    block: int  # that holds the commit
    transaction: bytes  # hash of the commit


class CommittedBatches:
    """Batches by id; which of them stand, which are final, which were reverted.

    Parameters
    ----------
    final_after : int
        W + 2A, seconds.

    Notes
    -----
    Every answer but `take`'s is O(log n) at most. Read from other threads while one writes: what
    stands is only appended to or replaced whole.
    """

    def __init__(self, final_after: int):
        self._final_after = final_after
        self._standing: list[CommittedBatch] = []  # batch 1 first
        self._reverted: dict[int, CommittedBatch] = {}

    def take(self, logs: "Iterable[Log]") -> None:
        """Learn from logs in the order of the chain; those of other events are passed over.

        Raises
        ------
        ChainError
            If a batch does not follow the one before: logs are missing.
        """
        for log in logs:
            if log.name == "BatchCommitted":
                self._commit(log)
            elif log.name == "BatchReverted":
                self._revert(log.args["id"])

    def standing(self) -> tuple[CommittedBatch, ...]:
        """Batches that stand, batch 1 first."""
        return tuple(self._standing)

    def reverted(self) -> tuple[CommittedBatch, ...]:
        """Batches that were reverted and whose place nobody has taken."""
        return tuple(self._reverted.values())

    def replace(
        self, since: int, standing: Iterable[CommittedBatch], reverted: Iterable[CommittedBatch]
    ) -> None:
        """Be what another one is: the first `since` that stand here, and then those."""
        self._standing = [*self._standing[:since], *standing]
        self._reverted = {batch.id: batch for batch in reverted}

    def _commit(self, log: "Log") -> None:
        batch_id = log.args["id"]
        if batch_id == 0:
            return  # genesis: final at once
        if batch_id != self.head + 1:
            raise ChainError(
                f"batch {batch_id} in block {log.block}: expected batch {self.head + 1};"
                " the node did not show every log"
            )
        self._reverted.pop(batch_id, None)
        self._standing.append(
            CommittedBatch(batch_id, log.args["batchHash"], log.time, log.block, log.transaction)
        )

    def _revert(self, batch_id: int) -> None:
        fallen = self._standing[batch_id - 1 :]
        self._standing = self._standing[: batch_id - 1]
        self._reverted.update({batch.id: batch for batch in fallen})

    @property
    def head(self) -> int:
        """Id of the newest batch that stands; 0 if there is none but genesis."""
        return len(self._standing)

    def get(self, batch_id: int) -> CommittedBatch | None:
        """A batch that stands."""
        standing = self._standing
        return standing[batch_id - 1] if 1 <= batch_id <= len(standing) else None

    def was_reverted(self, batch_id: int) -> bool:
        """Whether a batch of this id was reverted and none has taken its place."""
        return batch_id in self._reverted

    def final_at(self, batch: CommittedBatch) -> int:
        """When a batch is final if it is not reverted, seconds."""
        return batch.committed_at + self._final_after

    def latest_final(self, now: int) -> int:
        """Id of the newest batch that is final at a time (seconds); 0 if there is none."""
        return bisect_right(self._standing, now, key=self.final_at)
