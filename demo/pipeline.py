"""The running exchange in lockstep with a chain whose time the demo moves.

The same parts as in a node: journal (synced to the disk), engine, batcher, archive, follower,
committer, feed, gateway. Only the loop is another: a node acts when the chain's time moves, here
the chain's time moves when the exchange is ready. So a run is the same run every time.
"""

import asyncio
from pathlib import Path
from typing import Final

from hexbytes import HexBytes
from web3.exceptions import TransactionNotFound

from demo.doorway import Doorway
from demo.results import BatchRow
from demo.stage import World
from demo.tally import Tally
from matcher.archive import Archive
from matcher.batch import Batch, genesis
from matcher.chain.committer import Committer, Stage
from matcher.chain.follower import Follower
from matcher.errors import ChainError, InvariantBroken
from matcher.exchange import Exchange
from matcher.feed import Feed
from matcher.followed import FollowedChain
from matcher.gateway import make_app
from matcher.journal.writer import Identity, Journal
from matcher.merkle import keccak
from matcher.policy import Policy
from matcher.sequencer import Sequencer
from matcher.settlement.batcher import Batcher
from matcher.types import OpKind

BATCH_AGE: Final = 30  # seconds of the chain
RECEIPT_TIMEOUT: Final = 60  # seconds of the wall clock
_STEPS: Final = 1_000  # of the committer without an end: something is wrong
_SETTLED: Final = (Stage.IDLE, Stage.CONFIRMING)
_NO_OPS: Final = (OpKind.NOP, OpKind.ROOT_HI, OpKind.ROOT_LO)


class Pipeline:
    """One exchange; use it as ``async with``.

    Parameters
    ----------
    world : World
    directory : Path
        Of the journal and the archive; must be new.
    """

    def __init__(self, world: World, directory: Path):
        self.world = world
        self.directory = directory
        deployment = world.deployment
        self.genesis = genesis(deployment.genesis_built_at)
        registry = bytes.fromhex(deployment.addresses["registry"][2:])
        self.identity = Identity(deployment.chain_id, registry, keccak(self.genesis))
        self.engine = Exchange(deployment.windows)
        self.archive = Archive(directory / "batches")
        self.follower = Follower(deployment.w3, deployment)
        self._time = 0
        self.sequencer = Sequencer(
            Journal(directory / "journal", self.identity),
            self.engine,
            self.new_batcher(),
            self.archive,
            clock=lambda: self._time,
            policy=Policy(max_age=BATCH_AGE),
        )
        self.tally = Tally(world, self.engine)
        self.feed = Feed()
        self.sequencer.subscribe(self.tally.on_events)
        self.sequencer.subscribe(self.feed.on_events)
        self.sequencer.subscribe_batches(self.feed.on_batch)
        self.committer = Committer(
            deployment.w3,
            deployment,
            self.archive,
            world.operator,
            told=lambda: self.follower.told,
        )
        self.chain = FollowedChain(self.follower)
        self.gateway = Doorway(
            make_app(
                sequencer=self.sequencer,
                feed=self.feed,
                domain=world.domain,
                windows=deployment.windows,
                chain=self.chain,
                genesis=self.genesis,
            )
        )
        self._commits: dict[int, bytes] = {}  # batch to transaction

    def new_batcher(self) -> Batcher:
        """A batcher at genesis."""
        windows = self.world.deployment.windows
        return Batcher(self.genesis, windows, self.world.operator_index)

    async def __aenter__(self) -> "Pipeline":
        await self.sequencer.start()
        await self.catch_up()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sequencer.stop()

    # --- in lockstep ------------------------------------------------------------------------------

    @property
    def batch_count(self) -> int:
        """Batches on the chain."""
        return len(self._commits)

    @property
    def now(self) -> int:
        """The exchange's time, seconds."""
        return self.engine.now

    async def advance_to(self, time: int) -> None:
        """Move the chain's time, tell what happened, close what is due, commit what is closed."""
        self.world.remote.advance_to(time)
        await self.catch_up()
        self.commit()

    async def catch_up(self) -> None:
        """Tell every fact of the chain."""
        while True:
            # Together: a batch that a fact asks for must not be opened before its block's time.
            facts = self.follower.poll()
            await asyncio.gather(*(self.sequencer.submit(fact) for fact in facts))
            if self.follower.caught_up:
                break
        self._time = self.follower.exchange_time()
        await self.sequencer.tick()

    async def close_batch(self) -> None:
        """Close the open batch, if it holds ops, and commit it."""
        await self.sequencer.close_batch()
        self.commit()

    def commit(self) -> None:
        """Bring every closed batch to the chain."""
        for _ in range(_STEPS):
            progress = self.committer.step()
            if progress.stage in _SETTLED:
                return
            if progress.stage == Stage.WAITING:
                self.world.remote.advance_to(self.world.remote.time + 1)
            elif progress.transaction is not None and progress.batch is not None:
                self._wait_for(progress.batch, progress.transaction)
        raise ChainError(f"the committer has not come to an end in {_STEPS} steps: {progress}")

    def _wait_for(self, batch: int, transaction: bytes) -> None:
        w3 = self.world.remote.w3
        receipt = w3.eth.wait_for_transaction_receipt(
            HexBytes(transaction), timeout=RECEIPT_TIMEOUT, poll_latency=0.02
        )
        if self._commits.get(batch) != transaction:
            self._commits[batch] = transaction
            self.world.remote.note("commit a batch", receipt)

    # --- at the end -------------------------------------------------------------------------------

    def batch_rows(self) -> tuple[BatchRow, ...]:
        """Every archived batch with its commit."""
        return tuple(self._row(self.archive.read(batch_id)) for batch_id in self.archive.ids())

    def _row(self, batch: Batch) -> BatchRow:
        w3 = self.world.remote.w3
        place = self.chain.place(batch.id)
        if place.transaction is None or place.committed_at is None:
            raise InvariantBroken(f"batch {batch.id} is archived, but not on the chain")
        try:
            gas = w3.eth.get_transaction_receipt(HexBytes(place.transaction))["gasUsed"]
        except TransactionNotFound:
            raise InvariantBroken(f"the commit of batch {batch.id} left the chain") from None
        kinds = [word[1] for word in batch.word_list()]
        return BatchRow(
            id=batch.id,
            built_at=batch.built_at,
            committed_at=place.committed_at,
            chunks=batch.chunk_count,
            ops=sum(kind not in _NO_OPS for kind in kinds),
            fills=kinds.count(OpKind.FILL),
            root=batch.state_root,
            batch_hash=batch.hash,
            transaction=place.transaction,
            gas=gas,
            status=place.stage.value,
        )

    def replayed_hash(self) -> bytes:
        """State hash of a new engine that was told the journal; the sequencer must be stopped."""
        engine = Exchange(self.world.deployment.windows)
        with Journal(self.directory / "journal", self.identity) as journal:
            for _, command in journal.replay():
                try:
                    engine.apply(command)
                except ChainError:
                    continue  # refused then as now, and nothing changed
        engine.check()
        return engine.state_hash()
