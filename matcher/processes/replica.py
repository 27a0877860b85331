"""An exchange that is kept like the writer's: by applying what the writer wrote down."""

import asyncio
import time
from collections.abc import Callable, Iterator
from itertools import islice
from typing import TYPE_CHECKING

import structlog

from matcher import commands as c
from matcher.batch import Batch
from matcher.events import Event
from matcher.exchange import Exchange
from matcher.journal.tail import Tail
from matcher.processes.board import Bells, Board
from matcher.processes.plan import Plan
from matcher.sequencer import REFUSALS, Listener

if TYPE_CHECKING:
    from matcher.settlement.batcher import Batcher

log = structlog.get_logger(__name__)

TURN = 256  # commands that are applied before others get their turn

Applied = Callable[[int, c.Command, list[Event] | Exception, list[Batch]], None]


class Replica:
    """An engine that follows the journal.

    Parameters
    ----------
    plan : Plan
    board : Board
    bells : Bells
    batcher : Batcher, optional
        Told of everything, where batches are built too.

    Attributes
    ----------
    engine : Exchange
    sequence : int
        Of the last command that was applied.
    live : bool
        Whether everything that was there at the start has been applied.
    failure : Exception or None
        Why it does not follow any more.
    """

    def __init__(self, plan: Plan, board: Board, bells: Bells, batcher: "Batcher | None" = None):
        self.engine = Exchange(plan.windows)
        self.sequence = 0
        self.live = False
        self.failure: Exception | None = None
        self.batcher = batcher
        self._number = plan.number
        self._board = board
        self._bells = bells
        self._tail = Tail(plan.journal, plan.identity)
        self._decoding: Iterator[tuple[int, c.Command]] | None = None  # of the group at hand
        self._listeners: list[Listener] = []
        self._before: list[Callable[[], None]] = []
        self._after: list[Callable[[], None]] = []
        self._applied: list[Applied] = []
        self._ended: asyncio.Future[None] | None = None
        self._scheduled = False

    def subscribe(self, listener: Listener) -> None:
        """As `Sequencer.subscribe`."""
        self._listeners.append(listener)

    def on_turn(self, look: Callable[[], None]) -> None:
        """Call `look()` whenever this process wakes, before anything is applied."""
        self._before.append(look)

    def after_turn(self, look: Callable[[], None]) -> None:
        """Call `look()` after some commands were applied, before others get their turn."""
        self._after.append(look)

    def on_applied(self, listener: Applied) -> None:
        """Call `listener(sequence, command, result, batches)` after each command."""
        self._applied.append(listener)

    # --- life -----------------------------------------------------------------------------------

    async def catch_up(self) -> None:
        """Apply what is in the journal, giving way to other tasks now and then."""
        began, until = time.perf_counter(), self._board.synced
        while self.sequence < until:
            self._apply_some(until)
            await asyncio.sleep(0)
        self.live = True
        log.info(
            "journal replayed",
            commands=self.sequence,
            milliseconds=round(1000 * (time.perf_counter() - began)),
            state="0x" + self.engine.state_hash().hex(),
        )

    def follow(self) -> None:
        """Apply whatever comes, from now on, on the running event loop."""
        loop = asyncio.get_running_loop()
        self._ended = loop.create_future()
        loop.add_reader(self._bells.own(self._number), self._rung)
        self.stir()

    async def wait(self) -> None:
        """Return when it was stopped; raise why it failed."""
        assert self._ended is not None
        await asyncio.shield(self._ended)

    def stop(self) -> None:
        """Follow no more."""
        if self._ended is not None and not self._ended.done():
            asyncio.get_running_loop().remove_reader(self._bells.own(self._number))
            self._ended.set_result(None)

    def stir(self) -> None:
        """Look for work soon."""
        if not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._turn)

    # --- work -----------------------------------------------------------------------------------

    def _rung(self) -> None:
        self._bells.silence(self._number)
        self.stir()

    def _turn(self) -> None:
        """One look at everything; asleep after it if there is nothing left."""
        self._scheduled = False
        if self._ended is None or self._ended.done():
            return
        try:
            self._board.wake(self._number)
            more = self._look()
            if not more:
                self._board.sleep(self._number)
                more = self._look()
            if more:
                self._board.wake(self._number)
                self.stir()
        except Exception as error:
            log.exception("replica failed", sequence=self.sequence)
            self.failure = error
            asyncio.get_running_loop().remove_reader(self._bells.own(self._number))
            self._ended.set_exception(error)

    def _look(self) -> bool:
        """Do some of what there is; whether there may be more."""
        synced = self._board.synced  # before the rest: what is told about it was told earlier
        for look in self._before:
            look()
        if self.sequence >= synced:
            return False
        self._apply_some(synced)
        for look in self._after:
            look()
        return True

    def _apply_some(self, until: int) -> None:
        for sequence, command in self._next(until):
            self._apply(sequence, command)
        self._board.note_applied(self._number, self.sequence)

    def _next(self, until: int) -> list[tuple[int, c.Command]]:
        """The next commands up to `until`, which is where a group ends; at most `TURN`."""
        found: list[tuple[int, c.Command]] = []
        while len(found) < TURN:
            if self._decoding is None:
                if self._tail.last >= until:
                    break
                after = self._tail.last
                self._decoding = next(self._tail.groups()).decoded(after)
            room = TURN - len(found)
            some = list(islice(self._decoding, room))
            found += some
            if len(some) < room:
                self._decoding = None
        return found

    def _apply(self, sequence: int, command: c.Command) -> None:
        self.sequence = sequence
        batches: list[Batch] = []
        result: list[Event] | Exception
        try:
            events = self.engine.apply(command)
            if self.batcher is not None:
                batches = self.batcher.add(command, events)
        except REFUSALS as error:
            result = error
        else:
            result = events
            for listener in self._listeners:
                listener(sequence, command, events, not self.live)
        for applied in self._applied:
            applied(sequence, command, result, batches)
