"""A gateway: wallets on one side, the way to the matcher on the other, and an exchange to read."""

import asyncio
import socket

import structlog

from matcher import commands as c
from matcher.archive import Archive
from matcher.chain.committed import CommittedBatches
from matcher.events import Event
from matcher.exchange import Exchange
from matcher.feed import Feed
from matcher.followed import FollowedChain
from matcher.gateway.app import make_app
from matcher.gateway.server import GatewayServer
from matcher.gateway.switch_files import SwitchFiles
from matcher.history import summarize
from matcher.merkle import Path as TreePath
from matcher.processes.board import Bells, Board
from matcher.processes.control import StateIs
from matcher.processes.life import Life
from matcher.processes.link import Link
from matcher.processes.notices import ChainIs, NoticeReader
from matcher.processes.plan import Plan
from matcher.processes.replica import Replica

log = structlog.get_logger(__name__)

REDATED = 512  # so many of the newest batches may have been dated anew: `kept.REDATABLE`


class ToldChain:
    """What the batcher's follower knows, as it was told last."""

    def __init__(self, final_after: int):
        self.batches = CommittedBatches(final_after)
        self.told: c.ChainBlock | None = None
        self.time = 0
        self.height = 0
        self._heard = asyncio.Event()

    def take(self, notice: ChainIs) -> None:
        """Know what is new."""
        self.batches.replace(notice.since, notice.standing, notice.reverted)
        self.told, self.time, self.height = notice.told, notice.time, notice.height
        self._heard.set()

    async def until_heard(self) -> None:
        """Wait until the batcher has told for the first time."""
        await self._heard.wait()


class ToldBatches:
    """Tells the feed of batches: once they are archived, and it has seen what is in them."""

    def __init__(self, archive: Archive, feed: Feed):
        self._archive = archive
        self._feed = feed
        self._last = 0  # batch that the feed was told of
        self._known = 0  # batch up to which all are archived
        self._again: set[int] = set()  # told of, and archived anew since
        self._work = asyncio.Event()
        self._progress = asyncio.Event()

    def begin(self) -> None:
        """Go on where the feed is; of its newest batches some may be dated anew meanwhile."""
        self._last = self._known = last = self._feed.last_batch
        self._again = set(range(max(1, last - REDATED + 1), last + 1))
        self._work.set()

    def archived(self, batch_id: int) -> None:
        """Up to this batch all are archived; this one perhaps anew."""
        self._known = max(self._known, batch_id)
        if batch_id <= self._last:
            self._again.add(batch_id)
        self._work.set()

    def on_applied(self, *_: object) -> None:
        """The replica goes on."""
        self._progress.set()

    async def run(self) -> None:
        """Tell, for ever."""
        while True:
            await self._work.wait()
            self._work.clear()
            while self._last < self._known:
                await self._tell(self._last + 1)
                self._last += 1
            while self._again:
                batch = await asyncio.to_thread(self._archive.read, self._again.pop())
                if self._feed.batch(batch.id) not in (None, summarize(batch)):
                    self._feed.on_batch(batch, False)

    async def _tell(self, batch_id: int) -> None:
        batch = await asyncio.to_thread(self._archive.read, batch_id)
        ops = summarize(batch).ops
        while self._feed.unplaced < ops:
            self._progress.clear()
            await self._progress.wait()
        self._feed.on_batch(batch, False)


class GatewayDoor:
    """The exchange as the routes see it.

    Parameters
    ----------
    replica : Replica
    link : Link
    notices : NoticeReader
    archive : Archive
    """

    def __init__(self, replica: Replica, link: Link, notices: NoticeReader, archive: Archive):
        self.engine: Exchange = replica.engine
        self.archive = archive
        self._replica = replica
        self._link = link
        self._notices = notices

    @property
    def sequence(self) -> int:
        return self._replica.sequence

    async def submit(self, command: c.Command) -> list[Event]:
        return await self._link.submit(command)

    async def account_proof(self, batch_id: int, account: int) -> tuple[list[bytes], TreePath]:
        return await self._notices.account_proof(batch_id, account)

    def provable(self) -> range:
        return self._notices.provable()


class GatewayProcess:
    """One of the processes that wallets talk to.

    Parameters
    ----------
    plan : Plan
    board : Board
    bells : Bells
    """

    def __init__(self, plan: Plan, board: Board, bells: Bells):
        self._plan = plan
        self._replica = Replica(plan, board, bells)
        self._link = Link(plan, board, bells, self._replica)
        self._feed = Feed()
        self._archive = Archive(plan.archive)

    async def run(self, life: Life) -> None:
        """Run until told to end.

        Raises
        ------
        QuoinError
            Why it could not start, or which task ended and why.
        """
        plan, replica = self._plan, self._replica
        chain = ToldChain(plan.windows.final_after)
        batches = ToldBatches(self._archive, self._feed)
        notices = NoticeReader(plan.socket, batches.archived, chain.take)
        replica.subscribe(self._feed.on_events)
        replica.on_applied(batches.on_applied)
        replica.begin_from(
            plan.reader_snapshots, {"feed": self._feed}, takes=plan.keeps_reader_snapshots
        )
        batches.begin()
        tasks = {
            "batches": asyncio.create_task(batches.run()),
            "notices": asyncio.create_task(notices.run()),
        }
        await replica.catch_up()
        replica.follow()
        tasks["replica"] = asyncio.create_task(replica.wait())
        app = make_app(
            sequencer=GatewayDoor(replica, self._link, notices, self._archive),
            feed=self._feed,
            domain=plan.domain,
            windows=plan.windows,
            chain=FollowedChain(chain),
            genesis=plan.genesis,
            origins=plan.origins,
            switches=SwitchFiles(plan.switches, plan.name),
            known_keys=plan.known_keys,
        )
        listening = socket.socket(fileno=plan.listening)
        server = GatewayServer(app, plan.host, listening=listening)
        try:
            tasks["chain"] = asyncio.create_task(chain.until_heard())
            if await life.until_done("chain", tasks):
                await server.start()
                tasks["server"] = asyncio.create_task(server.wait())
                life.ready(self._state, url=server.url)
            await life.until_ended(tasks)
        finally:
            await server.stop()
            self._link.stop()
            replica.stop()
            for task in tasks.values():
                task.cancel()
            log.info("gateway ended", commands=replica.sequence)

    def _state(self) -> StateIs:
        replica = self._replica
        return StateIs(self._plan.name, replica.sequence, replica.engine.state_hash())
