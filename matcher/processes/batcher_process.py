"""The batcher: builds and archives batches, follows the chain, commits, proves."""

import asyncio
from typing import NamedTuple

import structlog

from matcher import commands as c
from matcher.archive import Archive
from matcher.batch import Batch
from matcher.chain_side import ChainSide, find_deployment
from matcher.events import Event
from matcher.processes.board import Bells, Board
from matcher.processes.control import StateIs
from matcher.processes.life import Life
from matcher.processes.link import Link
from matcher.processes.notices import NoticeServer
from matcher.processes.plan import Plan
from matcher.processes.replica import BatchingReplica
from matcher.sequencer import Republished, publish
from matcher.settlement.batcher import Batcher

log = structlog.get_logger(__name__)


class _Closed(NamedTuple):
    """What a command closed or redated, to be archived."""

    sequence: int
    command: c.Command
    batches: list[Batch]


class BatcherProcess:
    """The one process that knows the chain, and keeps the trees.

    Parameters
    ----------
    plan : Plan
    board : Board
    bells : Bells
    """

    def __init__(self, plan: Plan, board: Board, bells: Bells):
        self._plan = plan
        self._board = board
        self._bells = bells
        self._batcher = Batcher(plan.genesis, plan.windows, operator=0)  # until the chain names one
        self._archive = Archive(plan.archive)
        self._replica = BatchingReplica(plan, board, bells, self._batcher)
        self._republished: Republished | None = Republished(self._archive)
        self._closed: asyncio.Queue[_Closed] = asyncio.Queue()
        self._unarchived = 0
        self._replica.on_applied(self._note_batches)

    async def run(self, life: Life) -> None:
        """Run until told to end.

        Raises
        ------
        QuoinError
            Why it could not start, or which task ended and why.
        """
        plan, replica = self._plan, self._replica
        settings = plan.settings()
        deployment = await asyncio.to_thread(find_deployment, settings)
        link = Link(plan, self._board, self._bells, replica, lambda: side.time)
        side = ChainSide(
            settings,
            deployment,
            link,
            replica.engine,
            self._batcher,
            self._archive,
            life.ending,
        )
        # A batch that is in a snapshot is not made again, so it must be in the archive by then.
        replica.begin_from(
            plan.batcher_snapshots,
            {"batcher": self._batcher, "chain": side},
            takes=True,
            when=lambda: self._unarchived == 0,
        )
        replica.subscribe(side.on_events)
        await replica.catch_up()
        assert self._republished is not None
        await asyncio.to_thread(self._republished.settle)
        self._republished = None
        server = NoticeServer(self._batcher.account_proof, self._batcher.known)
        server.note_archived(self._batcher.head.id)
        replica.follow()
        tasks = {
            "replica": asyncio.create_task(replica.wait()),
            "archive": asyncio.create_task(self._archive_all(server, link)),
        }
        side.begin()

        def tell_chain() -> None:
            follower = side.follower
            server.chain_is(follower.batches, follower.told, follower.time, follower.height)

        side.listen(tell_chain)
        try:
            tasks["facts"] = asyncio.create_task(side.catch_up())
            if await life.until_done("facts", tasks):
                await server.start(plan.socket)
                tasks["follower"] = asyncio.create_task(side.follow())
                if settings.operator is not None:
                    tasks["committer"] = asyncio.create_task(side.commit())
                life.ready(self._state, block=side.told.number if side.told else None)
            await life.until_ended(tasks)
        finally:
            life.ending.set()
            link.stop()
            replica.stop()
            await server.stop()
            await asyncio.gather(
                *(task for name, task in tasks.items() if name != "archive"),
                return_exceptions=True,
            )
            if not tasks["archive"].done():
                await self._closed.join()
            tasks["archive"].cancel()
            log.info("batcher ended", commands=replica.sequence, batches=self._batcher.head.id)

    def _state(self) -> StateIs:
        replica = self._replica
        return StateIs(self._plan.name, replica.sequence, replica.engine.state_hash())

    def _note_batches(
        self,
        sequence: int,
        command: c.Command,
        result: list[Event] | Exception,
        batches: list[Batch],
    ) -> None:
        if not batches:
            return
        if self._republished is not None:
            self._republished.take(command, result, batches)
        else:
            self._unarchived += 1
            self._closed.put_nowait(_Closed(sequence, command, batches))

    async def _archive_all(self, server: NoticeServer, link: Link) -> None:
        """Archive, then tell."""
        while True:
            closed = await self._closed.get()
            try:
                for batch in closed.batches:
                    await asyncio.to_thread(publish, self._archive, closed.command, batch)
                    server.archived(batch.id)
                link.archived(closed.sequence)
                self._unarchived -= 1
            finally:
                self._closed.task_done()
