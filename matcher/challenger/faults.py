"""What keeps a challenger from its work.

::

    ChainError
    `-- ChallengeFault
        |-- CheckpointUnusable    a checkpoint is unreadable or of another chain: it is set aside
        |-- LogsIncomplete        the node shows less, or other, than its contracts say: read again
        |-- NotEnoughFunds        goes away when somebody sends ether; tried again
        `-- FinalLie              fatal: a final batch states a root that does not follow, so nobody
                                  knows the state after it
"""

from matcher.errors import ChainError


class ChallengeFault(ChainError):
    """A challenger cannot do what it should."""


class CheckpointUnusable(ChallengeFault):
    """A checkpoint that is not of this exchange, or was damaged."""


class LogsIncomplete(ChallengeFault):
    """Logs and contracts of one node contradict each other."""


class NotEnoughFunds(ChallengeFault):
    """The account cannot pay a transaction."""

    def __init__(self, what: str, address: str, balance: int, needed: int):
        self.balance, self.needed = balance, needed
        super().__init__(
            f"{what}: {address} has {balance} wei, this may cost {needed}: send it"
            f" {needed - balance} wei at least"
        )


class FinalLie(ChallengeFault):
    """A lie that became final: nobody can revert it any more.

    Attributes
    ----------
    batch : int
    """

    def __init__(self, batch: int, what: str):
        self.batch = batch
        super().__init__(
            f"batch {batch} is final and lies ({what}): no prover can revert it, and nobody knows"
            " the state after it; leave by the freeze (docs/protocol.md, section 9)"
        )
