"""The publisher: shows the exchange in shared memory, as `matcher.readers` finds it."""

import asyncio

import structlog

from matcher.feed import Feed
from matcher.processes.board import Bells, Board
from matcher.processes.control import StateIs
from matcher.processes.life import Life
from matcher.processes.plan import Plan
from matcher.processes.replica import Replica
from matcher.publisher import Publisher

log = structlog.get_logger(__name__)


class PublisherProcess:
    """A replica that nobody asks: it writes down what it knows after each command.

    Parameters
    ----------
    plan : Plan
    board : Board
    bells : Bells
    """

    def __init__(self, plan: Plan, board: Board, bells: Bells):
        self._plan = plan
        self._replica = Replica(plan, board, bells)
        self._feed = Feed(places=False)

    async def run(self, life: Life) -> None:
        """Run until told to end.

        Raises
        ------
        QuoinError
            Why it could not start, or why it ended.
        """
        replica, name = self._replica, self._plan.publish
        assert name is not None
        replica.subscribe(self._feed.on_events)
        replica.begin_from(self._plan.reader_snapshots, {"feed": self._feed}, takes=False)
        await replica.catch_up()
        publisher = Publisher(self._feed, replica.engine, name, at_once=False)
        replica.after_turn(publisher.flush)
        replica.follow()
        log.info("publishing", name=name)
        life.ready(self._state, name=name)
        try:
            await life.until_ended({"replica": asyncio.create_task(replica.wait())})
        finally:
            replica.stop()
            publisher.close()

    def _state(self) -> StateIs:
        replica = self._replica
        return StateIs(self._plan.name, replica.sequence, replica.engine.state_hash())
