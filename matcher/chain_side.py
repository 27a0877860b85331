"""The exchange's side that looks at the chain: tells what happened there, commits what was built.

It reaches the exchange through a door alone, so that it may live in another process than the single
writer.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Protocol, TypeVar

import msgspec
import structlog
from web3.exceptions import BlockNotFound, Web3RPCError

from matcher import commands as c
from matcher.archive import Archive
from matcher.batch import Batch
from matcher.blobs.store import Store
from matcher.board import Board
from matcher.chain import faults
from matcher.chain.committer import Committer, Stage
from matcher.chain.deployment import Deployment
from matcher.chain.follower import Follower
from matcher.chain.modes import NAMES
from matcher.chain.options import connect
from matcher.events import Event
from matcher.settings import Settings
from matcher.settlement.batcher import Batcher
from matcher.settlement.redate import RedateError
from matcher.types import AS_IT_IS

log = structlog.get_logger(__name__)

T = TypeVar("T")

# Errors of the connection or of a node that lags behind its peers: to be tried again.
PASSING: Final = (OSError, BlockNotFound, Web3RPCError)
MAX_PAUSE: Final = 10.0  # seconds between two tries
KEPT_FINAL: Final = 1_000  # batches below the newest final one that proofs are still made for


class Door(Protocol):
    """The way to the single writer."""

    async def submit(self, command: c.Command) -> list[Event]:
        """As `Sequencer.submit`."""

    async def redate(self, first_batch: int, built_at: int, mode: int = AS_IT_IS) -> list[Batch]:
        """As `Sequencer.redate`."""

    async def tick(self) -> None:
        """As `Sequencer.tick`."""


def find_deployment(settings: Settings) -> Deployment:
    """The exchange on the chain.

    Raises
    ------
    ChainError
        If nobody answers there.
    DeploymentError
    """
    _, deployment = connect(settings.rpc, settings.deployment)
    log.info(
        "deployment found",
        chain_id=deployment.chain_id,
        registry=deployment.registry.address,
        vault=deployment.vault.address,
    )
    return deployment


class ChainSide:
    """Follows, and commits.

    Parameters
    ----------
    settings : Settings
    deployment : Deployment
    door : Door
    views : Board
        The exchange as of what was applied here.
    batcher : Batcher
    archive : Archive
    ending : asyncio.Event
        Set when all work is to end.

    Attributes
    ----------
    follower : Follower
        From `begin` on.
    time : int
        Up to which every fact was told, seconds: the exchange's clock.
    """

    follower: Follower

    def __init__(
        self,
        settings: Settings,
        deployment: Deployment,
        door: Door,
        views: Board,
        batcher: Batcher,
        archive: Archive,
        ending: asyncio.Event,
    ):
        self.settings = settings
        self.time = 0
        self.told: c.ChainBlock | None = None  # the last in the journal
        self._w3 = deployment.w3
        self._deployment = deployment
        self._door = door
        self._views = views
        self._batcher = batcher
        self._archive = archive
        self._ending = ending
        self._head = self._final = 0  # newest batches on the chain, as last said
        self._halted_here = False
        self._listeners: list[Callable[[], None]] = []
        self.store = Store(settings.data / "blobs")

    def on_events(self, _sequence: int, command: c.Command, *_: object) -> None:
        """Listen to the sequencer: note up to which block the journal was told."""
        if isinstance(command, c.ChainBlock):
            self.told = command

    def dump(self) -> dict[str, bytes]:
        """That, for `load`."""
        return {"told": msgspec.msgpack.encode(self.told)}

    def load(self, parts: Mapping[str, Any]) -> None:
        """Know what was dumped, before `begin`."""
        self.told = msgspec.msgpack.decode(bytes(parts["told"]), type=c.ChainBlock | None)

    def listen(self, listener: Callable[[], None]) -> None:
        """Call `listener()` after each look at the chain."""
        self._listeners.append(listener)

    def begin(self) -> None:
        """Follow on from where the journal ends."""
        self.follower = Follower(
            self._w3,
            self._deployment,
            self.settings.confirmations,
            self.told,
            ours=self._is_ours,
        )

    def _is_ours(self, batch_id: int, batch_hash: bytes) -> bool:
        """Whether a batch is the one that was published here under its id."""
        return batch_id in self._archive and self._archive.read(batch_id).hash == batch_hash

    # --- following ----------------------------------------------------------------------------

    async def catch_up(self) -> None:
        """Tell everything that happened while the node was down."""
        await self._limit_batches()
        while not (self._ending.is_set() or self.follower.caught_up):
            await self._try(self._follow)
            if not self.follower.caught_up:
                await self._pause(0)

    async def _limit_batches(self) -> None:
        """Have the journal say how many chunks a batch may have, if that was changed."""
        limits = self.settings.limits
        if self._batcher.limits != limits:
            await self._door.submit(limits)
            log.info("batches limited", calldata=limits.calldata, blob=limits.blob)

    async def _follow(self) -> None:
        """Tell the next facts, then the time."""
        commands = await asyncio.to_thread(self.follower.poll)
        if self._halted_here:
            commands = [command for command in commands if not isinstance(command, c.Resumed)]
        # In one group: `submit` queues in the order of the calls, and they share a sync.
        await asyncio.gather(*map(self._door.submit, commands))
        self.time = max(self.time, await asyncio.to_thread(self.follower.exchange_time))
        await self._door.tick()
        self._note_batches()
        for listener in self._listeners:
            listener()

    def _note_batches(self) -> None:
        """Say which batches the chain has taken, and forget what nobody will ask for."""
        batches = self.follower.batches
        final = batches.latest_final(self.follower.time)
        if batches.head != self._head:
            log.info("batches committed", last=batches.head)
        if final != self._final:
            log.info("batches final", last=final)
            self._batcher.forget(final - KEPT_FINAL)
        self._head, self._final = batches.head, final

    async def follow(self) -> None:
        """Tell what happens, until the node ends."""
        while not self._ending.is_set():
            await self._try(self._follow)
            await self._pause(self.settings.poll)

    async def _try(self, step: Callable[[], Awaitable[T]]) -> T | None:
        """One step; if the chain does not answer, again after a while. None if the node ends."""
        pause = self.settings.poll
        while not self._ending.is_set():
            try:
                return await step()
            except PASSING as error:
                log.warning("the chain does not answer", error=str(error)[:200], again_in=pause)
            await self._pause(pause)
            pause = min(2 * pause, MAX_PAUSE)
        return None

    async def _pause(self, seconds: float) -> None:
        """Wait, but not for longer than the node runs."""
        try:
            await asyncio.wait_for(self._ending.wait(), seconds)
        except TimeoutError:
            return

    # --- committing ---------------------------------------------------------------------------

    async def commit(self) -> None:
        """Commit until the node ends, or no batch will be taken any more."""
        committer = self._committer()
        said = ""
        while not self._ending.is_set():
            try:
                progress = await self._try(lambda: asyncio.to_thread(committer.step))
            except faults.OtherMode as fault:
                await self._change_mode(fault, committer)
                continue
            except (faults.BatchTooOld, faults.NotCurrentOperator) as fault:
                said = self._say(fault, said)
                if _redatable(fault) and not await self._redate(fault):
                    break
            except (faults.ExchangeFrozen, faults.BatchWasReverted) as fault:
                self._say(fault, said)
                break
            except faults.CommitFault as fault:
                if fault.fatal:
                    raise
                said = self._say(fault, said)
            else:
                said = ""
                if progress is not None and progress.stage in (Stage.SENT, Stage.REPLACED):
                    continue
            await self._pause(self.settings.poll)
        await self._ending.wait()

    def _committer(self) -> Committer:
        assert self.settings.operator is not None
        log.info("committing", operator=self.settings.operator.address)
        return Committer(
            self._w3,
            self._deployment,
            self._archive,
            self.settings.operator,
            lambda: self.follower.told,
            self.settings.confirmations,
            self.settings.fees,
            self.settings.mode,
            self.store,
        )

    async def _change_mode(self, fault: faults.OtherMode, committer: Committer) -> None:
        """Give the batches that are not on the chain the mode that costs less."""
        reason = "the exchange did not take it"
        try:
            changed = await self._door.redate(fault.batch, 0, fault.mode)
        except RedateError as error:
            changed, reason = [], str(error)
        if changed:
            log.info("mode changed", first=fault.batch, mode=NAMES[fault.mode], reason=str(fault))
        else:
            log.warning("mode stays", batch=fault.batch, reason=reason)
            committer.take_as_it_is(fault.batch)

    def _say(self, fault: faults.CommitFault, said: str) -> str:
        """Log a fault once, not at every step."""
        text = type(fault).__name__
        if text != said:
            log.error("cannot commit", fault=text, reason=str(fault), fatal=fault.fatal)
        return text

    async def _redate(self, fault: faults.BatchTooOld | faults.NotCurrentOperator) -> bool:
        """Give the batches that are not on the chain the exchange's time; False if they cannot."""
        try:
            batches = await self._door.redate(fault.batch, self._views.now)
        except RedateError as error:
            self._halted_here = True
            reason = f"batch {fault.batch} can be neither committed nor redated"
            log.error("trading halted", reason=reason, error=str(error))
            await self._door.submit(c.Halted(reason))
            return False
        if batches:
            log.warning(
                "batches redated",
                first=batches[0].id,
                last=batches[-1].id,
                built_at=batches[0].built_at,
            )
        return True


def _redatable(fault: faults.BatchTooOld | faults.NotCurrentOperator) -> bool:
    """Whether another header would do: ours is the current operator, under another index."""
    return not isinstance(fault, faults.NotCurrentOperator) or fault.is_current
