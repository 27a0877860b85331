"""Why a batch cannot be committed.

::

    ChainError
    `-- CommitFault
        |-- NotCurrentOperator, BondBelowMinimum, CommitsPaused, NotEnoughFunds, RingIsFull,
        |   FitsNowhere           goes away when somebody acts; the committer tries again
        |-- BatchTooOld, OtherMode    go away when the batch is redated
        |-- CommitReverted        the transaction failed in its block, with the decoded reason
        `-- fatal: ExchangeFrozen, BatchWasReverted, ForeignBatch
                                  no batch of this node will be committed any more
"""

from typing import ClassVar

from matcher.errors import ChainError


class CommitFault(ChainError):
    """A batch cannot be committed now.

    Attributes
    ----------
    fatal : bool
        Trying again is of no use.
    """

    fatal: ClassVar[bool] = False


class NotCurrentOperator(CommitFault):
    """The chain takes batches of somebody else, or of nobody.

    Attributes
    ----------
    batch : int
    is_current : bool
        Our address is the current operator, under another index than the batch names.
    """

    def __init__(self, batch: int, address: str, index: int, current: int, current_address: str):
        self.batch = batch
        self.is_current = current != 0 and address == current_address
        super().__init__(
            f"batch {batch} was built for operator {index} and would be sent by {address}; the"
            f" current operator is {current} ({current_address}): the owner names one with"
            " setOperator"
        )


class BondBelowMinimum(CommitFault):
    def __init__(self, index: int, bond: int, minimum: int):
        super().__init__(
            f"operator {index}: bond is {bond} wei, allowed at least {minimum}: add"
            f" {minimum - bond} wei with addBond"
        )


class CommitsPaused(CommitFault):
    def __init__(self, batch: int):
        super().__init__(f"batch {batch}: commits are paused until the owner ends the pause")


class RingIsFull(CommitFault):
    def __init__(self, batch: int, final_at: int, now: int):
        super().__init__(
            f"batch {batch}: its place in the ring is free from {final_at} on, now it is {now}"
        )


class NotEnoughFunds(CommitFault):
    def __init__(self, batch: int, address: str, balance: int, needed: int):
        super().__init__(
            f"batch {batch}: {address} has {balance} wei, the commit may cost {needed}: send it"
            f" {needed - balance} wei at least"
        )


class BatchTooOld(CommitFault):
    """`builtAt + lag` has passed.

    Attributes
    ----------
    batch, built_at, lag, now : int
    """

    def __init__(self, batch: int, built_at: int, lag: int, now: int):
        self.batch, self.built_at, self.lag, self.now = batch, built_at, lag, now
        super().__init__(
            f"batch {batch} was built at {built_at} and had to be on the chain by"
            f" {built_at + lag} (lag {lag} s); the next block is of {now}: it has to be redated,"
            " with all batches after it"
        )


class OtherMode(CommitFault):
    """A commit would cost less in the other mode, or is possible in no other.

    Attributes
    ----------
    batch, mode : int
        The mode is the one to commit in.
    """

    def __init__(self, batch: int, mode: int, reason: str):
        self.batch, self.mode = batch, mode
        super().__init__(f"batch {batch}: {reason}: its header has to say mode {mode}")


class FitsNowhere(CommitFault):
    """A batch that is too long for calldata, where no blobs are known (any more)."""

    def __init__(self, batch: int, chunks: int, allowed: int):
        super().__init__(
            f"batch {batch}: found {chunks} chunks, allowed {allowed} in calldata; it needs blobs,"
            " and the node says no price of blob gas"
        )


class CommitReverted(CommitFault):
    """The transaction was mined and failed."""

    def __init__(self, batch: int, transaction: bytes, reason: str):
        super().__init__(f"batch {batch}: transaction 0x{transaction.hex()} failed: {reason}")


class ExchangeFrozen(CommitFault):
    fatal = True

    def __init__(self, batch: int):
        super().__init__(f"batch {batch}: the exchange is frozen; no batch is taken any more")


class BatchWasReverted(CommitFault):
    fatal = True

    def __init__(self, batch: int, batch_hash: bytes):
        super().__init__(
            f"batch {batch} (0x{batch_hash.hex()}) was reverted on the chain: committing it again"
            " would be the same lie"
        )


class ForeignBatch(CommitFault):
    """The chain holds a batch that is not the one archived under its id."""

    fatal = True

    def __init__(self, batch: int, found: bytes, expected: bytes | None):
        ours = "none" if expected is None else "0x" + expected.hex()
        super().__init__(
            f"batch {batch}: the chain holds one whose hash begins 0x{found.hex()}, the archive"
            f" has {ours}: somebody else commits with this operator's key, or the archive is not"
            " this exchange's"
        )
