"""The chain's time as the exchange's clock (ADR 0003)."""

from typing import Any

import msgspec
from web3 import Web3
from web3.exceptions import BlockNotFound, Web3RPCError

from matcher.commands import ChainBlock


class Moment(msgspec.Struct, frozen=True):
    """The newest block, and what is known of the next one.

    ``next_time`` is the pending block's time if the node says one, else a second after the newest
    block's; ``pending`` tells which.
    """

    number: int
    hash: bytes
    time: int  # of the newest block, seconds
    base_fee: int  # of the newest block, wei per gas
    next_time: int  # seconds
    pending: bool

    @property
    def now(self) -> int:
        """One second before the next block, but not before the newest, seconds."""
        return max(self.time, self.next_time - 1)


class ChainClock:
    """Tells the time by the blocks of a chain.

    Parameters
    ----------
    w3 : Web3
        Any chain, the embedded one too.

    Notes
    -----
    A batch must be older than the block that commits it, and it is judged by every fact that is
    older than itself. One second before the pending block is the latest time at which both hold,
    and on a chain that makes blocks only when somebody sends something it does not stand still.

    Warning: where blocks come in fixed slots, the pending block's time is the node's guess. There
    the follower should ask for two confirmations or more: then `now_after` never uses the guess.
    """

    def __init__(self, w3: Web3):
        self._w3 = w3

    def now(self) -> int:
        """The time, seconds."""
        return self.look().now

    def now_after(self, told: ChainBlock) -> int:
        """The time up to which somebody knows every fact who was told those up to a block.

        Parameters
        ----------
        told : ChainBlock
            The last block whose facts were told.

        Returns
        -------
        int
            One second before the pending block if that is the next one; else the block's own time.
        """
        moment = self.look()
        return max(told.time, moment.now) if moment.hash == told.hash else told.time

    def look(self) -> Moment:
        """The newest block and the next, read so that the second follows the first."""
        pending = self._pending()
        latest: Any = self._w3.eth.get_block("latest")
        follows = pending is not None and bytes(pending["parentHash"]) == bytes(latest["hash"])
        return Moment(
            number=latest["number"],
            hash=bytes(latest["hash"]),
            time=latest["timestamp"],
            base_fee=latest.get("baseFeePerGas", 0),
            next_time=pending["timestamp"] if follows else latest["timestamp"] + 1,
            pending=follows,
        )

    def _pending(self) -> Any:
        """The pending block; None from a node that has none."""
        try:
            return self._w3.eth.get_block("pending")
        except (BlockNotFound, Web3RPCError):
            return None
