"""Chain events to commands, in the order of the chain and safe against reorganizations."""

from collections.abc import Callable
from typing import Any, Final

import structlog
from web3 import Web3
from web3.exceptions import BlockNotFound

from matcher import commands as c
from matcher.chain.clock import ChainClock, Moment
from matcher.chain.committed import EVENTS as BATCH_EVENTS
from matcher.chain.committed import CommittedBatches
from matcher.chain.deployment import Deployment
from matcher.chain.logs import SPAN, Log, LogReader, address_bytes
from matcher.errors import DeploymentError, ReorgBelowConfirmed
from matcher.policy import MAX_CONFIRMATIONS

log = structlog.get_logger(__name__)

_REMEMBERED: Final = 512  # blocks whose hashes are kept to recognize a shorter chain


class Follower:
    """Reads what happened on the chain and says it as commands.

    Parameters
    ----------
    w3 : Web3
    deployment : Deployment
    confirmations : int
        A block counts once so many blocks stand on the chain from it on, itself included: with 1
        the newest block counts.
    start : ChainBlock, optional
        The last block whose facts the journal holds; by default none, and everything is read from
        the deployment on.
    span : int
        Blocks per `poll`, at most.
    ours : callable
        Whether the batch of an id and hash was built here; by default every one. When such a batch
        is reverted, the exchange stands on what never happened and stops for good; the fall of a
        batch that somebody else committed with an operator's key is no reason to.

    Notes
    -----
    Reorganizations of blocks that do not count yet go unnoticed, for nothing was said of them. One
    that removes a block whose facts were told is fatal (`ReorgBelowConfirmed`): the journal holds
    what never happened.

    A command told twice changes nothing, so nothing has to be remembered but the last `ChainBlock`
    in the journal: whatever came after it is told again.

    Attributes
    ----------
    told : ChainBlock or None
        The last block whose facts were told.
    batches : CommittedBatches
        As of that block.
    """

    def __init__(
        self,
        w3: Web3,
        deployment: Deployment,
        confirmations: int = 1,
        start: c.ChainBlock | None = None,
        span: int = SPAN,
        ours: Callable[[int, bytes], bool] = lambda _id, _hash: True,
    ):
        if not 1 <= confirmations <= MAX_CONFIRMATIONS:
            raise ValueError(
                f"confirmations: found {confirmations}, allowed 1 to {MAX_CONFIRMATIONS}"
            )
        self._w3 = w3
        self._deployment = deployment
        self._confirmations = confirmations
        self._span = span
        self._ours = ours
        self._reader = LogReader(w3, deployment, span)
        self._clock = ChainClock(w3)
        self._ready = False
        self._behind = False  # and said so
        self._stopped_for_good = False  # frozen, or a batch of ours was reverted
        self._known: dict[int, bytes] = {}  # number to hash, of blocks told or seen in logs
        self.told = start
        self.batches = CommittedBatches(deployment.windows.final_after)
        self._moment: Moment | None = None

    # --- what others ask ----------------------------------------------------------------------

    @property
    def time(self) -> int:
        """The chain's time as of the last `poll`, seconds: what finality is judged by."""
        return self._moment.now if self._moment else 0

    @property
    def height(self) -> int:
        """Number of the newest block as of the last `poll`, whether it counts or not."""
        return self._moment.number if self._moment else 0

    @property
    def caught_up(self) -> bool:
        """Everything that counts was told, as of the last `poll`."""
        return (
            self.told is not None
            and self._moment is not None
            and self.told.number >= self._target(self._moment.number)
        )

    def exchange_time(self) -> int:
        """The time up to which every fact was told, seconds: the engine's clock (ADR 0003).

        A `ChainBlock` sets it, too; this one goes on while no block comes.
        """
        return self._clock.now_after(self.told) if self.told else 0

    # --- following ----------------------------------------------------------------------------

    def poll(self) -> list[c.Command]:
        """The facts of the next blocks that count, then their `ChainBlock`; [] if there are none.

        Raises
        ------
        ReorgBelowConfirmed
            A block whose facts were told is no longer on the chain.
        DeploymentError
            The deployment's own block is not on this chain.
        """
        if not self._ready:
            self._begin()
        moment = self._clock.look()
        if not self._stands(moment):
            return []
        self._moment = moment
        first = self._deployment.genesis_block if self.told is None else self.told.number + 1
        last = min(self._target(moment.number), first + self._span - 1)
        if last < first:
            return []
        end: Any = self._w3.eth.get_block(last)
        logs = self._reader.read(first, last, _NAMES)
        if self._hash_at(last) != bytes(end["hash"]) or not self._stands(moment):
            log.info("blocks changed while they were read", first=first, last=last)
            return []
        commands = [command for entry in logs for command in self._commands(entry)]
        self.batches.take(logs)
        self._remember(logs, last, bytes(end["hash"]))
        self.told = c.ChainBlock(last, bytes(end["hash"]), end["timestamp"])
        return [*commands, self.told]

    def _target(self, height: int) -> int:
        """The newest block that counts."""
        return height - self._confirmations + 1

    def _begin(self) -> None:
        """Make sure of the chain, and learn which batches were committed before `start`."""
        deployment = self._deployment
        found = self._hash_at(deployment.genesis_block)
        if found is None or "0x" + found.hex() != deployment.genesis_hash:
            raise DeploymentError(
                f"block {deployment.genesis_block}: found {_hex(found)}, expected the deployment's"
                f" {deployment.genesis_hash}"
            )
        if self.told is not None:
            self._known[self.told.number] = self.told.hash
            self._stands(self._clock.look())
            past = self._reader.read(deployment.genesis_block, self.told.number, BATCH_EVENTS)
            self.batches.take(past)
        head = deployment.registry.functions.head().call()
        self._stopped_for_good = bool(head[6] or head[3])
        self._ready = True

    def _stands(self, moment: Moment) -> bool:
        """Whether the last block told is on the chain.

        False if the node does not reach so far, and knows no other block where we know one: it is
        behind, not wrong.
        """
        if self.told is None:
            return True
        if moment.number >= self.told.number:
            number = self.told.number
            found, expected = self._hash_at(number), self.told.hash
        else:
            number = moment.number
            found, expected = moment.hash, self._known.get(number, moment.hash)
        if found is not None and found != expected:
            raise ReorgBelowConfirmed(
                f"block {number}: found {_hex(found)}, expected {_hex(expected)}, whose facts were"
                f" used after {self._confirmations} confirmations; the journal holds what did not"
                " happen: take it back to before this block, and ask for more confirmations"
            )
        if found is None or moment.number < self.told.number:
            if not self._behind:
                log.warning("the node is behind", told=self.told.number, found=moment.number)
            self._behind = True
            return False
        self._behind = False
        return True

    def _hash_at(self, number: int) -> bytes | None:
        try:
            return bytes(self._w3.eth.get_block(number)["hash"])
        except BlockNotFound:
            return None

    def _remember(self, logs: list[Log], last: int, last_hash: bytes) -> None:
        self._known.update({entry.block: entry.block_hash for entry in logs})
        self._known[last] = last_hash
        for number in sorted(self._known)[:-_REMEMBERED]:
            del self._known[number]

    # --- events to commands -------------------------------------------------------------------

    def _commands(self, entry: Log) -> list[c.Command]:
        if entry.name in _FACTS:
            return [_FACTS[entry.name](entry)]
        args = entry.args
        if entry.name == "OperatorChanged":
            return [c.OperatorNamed(args["current"])] if args["current"] else []
        if entry.name == "PauseSet":
            if args["paused"]:
                return [c.Halted("commits and deposits are paused")]
            return [] if self._stopped_for_good else [c.Resumed()]
        if entry.name == "ExchangeFrozen":
            self._stopped_for_good = True
            return [c.Halted("the exchange is frozen")]
        if entry.name == "BatchReverted" and self._ours(args["id"], args["batchHash"]):
            self._stopped_for_good = True
            return [c.Halted(f"batch {args['id']} was reverted")]
        return []


def _hex(value: bytes | None) -> str:
    return "none" if value is None else "0x" + value.hex()


# The facts that are of one event each.
_FACTS: Final[dict[str, Callable[[Log], c.Command]]] = {
    "MarketListed": lambda e: c.MarketListed(
        e.args["market"], e.args["name"], e.args["tickValue"], e.args["strikeValue"]
    ),
    "FeesSet": lambda e: c.FeesSet(
        market=e.args["market"],
        old_taker=e.args["oldTaker"],
        old_maker=e.args["oldMaker"],
        new_taker=e.args["newTaker"],
        new_maker=e.args["newMaker"],
        active_at=e.args["activeAt"],
    ),
    "ExpiryOpened": lambda e: c.ExpiryOpened(e.args["market"], e.args["expiry"], e.args["cap"]),
    "InstrumentListed": lambda e: c.InstrumentListed(
        e.args["instrument"],
        e.args["market"],
        e.args["kind"],
        e.args["expiry"],
        e.args["strike"],
    ),
    "Opened": lambda e: c.AccountOpened(e.args["account"], address_bytes(e.args["owner"])),
    "Deposited": lambda e: c.Deposited(e.args["account"], e.args["deposited"], e.time),
    "Asked": lambda e: c.Asked(e.args["account"], e.args["asks"], e.time),
    "OrdersUntilSet": lambda e: c.OrdersUntilSet(e.args["account"], e.args["ordersUntil"]),
    "KeySet": lambda e: c.KeySet(
        e.args["account"],
        address_bytes(e.args["key"]),
        e.args["validFrom"],
        e.args["validUntil"],
    ),
    "PriceFixed": lambda e: c.PriceFixed(
        e.args["market"], e.args["expiry"], e.args["price"], e.args["fixedAt"]
    ),
}

_NAMES: Final = frozenset({*_FACTS, *BATCH_EVENTS, "OperatorChanged", "PauseSet", "ExchangeFrozen"})
