"""An exchange that is kept like the writer's: by applying what the writer wrote down."""

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import groupby, islice
from pathlib import Path
from typing import TYPE_CHECKING

import structlog

from matcher import commands as c
from matcher.batch import Batch
from matcher.checkpoints import Checkpoints, Component
from matcher.events import Event
from matcher.exchange import Exchange
from matcher.journal.snapshot import Snapshots
from matcher.journal.tail import Tail
from matcher.lanes import NEED_BATCH
from matcher.processes.board import Bells, Board
from matcher.processes.lined import LinedExchange
from matcher.processes.plan import Plan
from matcher.sequencer import REFUSALS, Listener

if TYPE_CHECKING:
    from matcher.settlement.batcher import Batcher  # compiles kernels when imported

log = structlog.get_logger(__name__)

TURN = 256  # commands that are applied before others get their turn
READY = 4096  # ops whose memory is taken while nothing waits

Numbered = tuple[int, c.Command]  # with its sequence
Applied = Callable[[int, c.Command, list[Event] | Exception, list[Batch]], None]


class _Synced:
    """How far the journal is, as followers know it."""

    def __init__(self, board: Board):
        self._board = board

    @property
    def last(self) -> int:
        """The last command that anybody may follow."""
        return self._board.synced

    @property
    def synced(self) -> int:
        """The same."""
        return self._board.synced


class Following(ABC):
    """Something that follows the journal.

    Parameters
    ----------
    plan : Plan
    board : Board
    bells : Bells

    Attributes
    ----------
    engine : Exchange or LinedExchange
    sequence : int
        Of the last command that was applied.
    live : bool
        Whether everything that was there at the start has been applied.
    failure : Exception or None
        Why it does not follow any more.
    """

    engine: Exchange | LinedExchange

    def __init__(self, plan: Plan, board: Board, bells: Bells):
        self.sequence = 0
        self.live = False
        self.failure: Exception | None = None
        self._plan = plan
        self._number = plan.number
        self._board = board
        self._bells = bells
        self._tail: Tail | None = None
        self._checkpoints: Checkpoints | None = None
        self._may_dump: Callable[[], bool] = lambda: True
        self._decoding: Iterator[Numbered] | None = None  # of the group at hand
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

    def begin_from(
        self,
        directory: Path,
        beside: Mapping[str, Component],
        *,
        takes: bool,
        when: Callable[[], bool] = lambda: True,
    ) -> None:
        """Begin behind the newest snapshot, if there is one, and take the next ones.

        Before `catch_up`; nobody who listens is told what is in a snapshot.

        Parameters
        ----------
        directory : Path
            Of the snapshots.
        beside : mapping of str to Component
            What is in them beside the engine; new.
        takes : bool
            Whether this process is who takes them.
        when : callable
            Whether one may be taken now.

        Raises
        ------
        JournalError
            If a snapshot is another exchange's, or holds other components.
        """
        self._checkpoints = Checkpoints(
            _Synced(self._board),
            Snapshots(directory, self._plan.identity),
            {"exchange": self.engine, **beside},
            self._plan.batches.snapshot_every if takes else None,
        )
        self._may_dump = when
        self.sequence = self._checkpoints.load()

    async def catch_up(self) -> None:
        """Apply what is in the journal, giving way to other tasks now and then."""
        began, until = time.perf_counter(), self._board.synced
        after = self.sequence
        self._tail = Tail(self._plan.journal, self._plan.identity, after)
        while self.sequence < until:
            self._apply_some(until)
            await asyncio.sleep(0)
        self.live = True
        log.info(
            "journal replayed",
            commands=self.sequence,
            replayed=self.sequence - after,
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
        if self._checkpoints is not None:
            self._checkpoints.close()

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
        if self._checkpoints is not None and self._may_dump():
            self._checkpoints.look(self.sequence)
        return True

    def _apply_some(self, until: int) -> None:
        self._apply_all(self._next(until))
        self._board.note_applied(self._number, self.sequence)

    @abstractmethod
    def _apply_all(self, found: Sequence[Numbered]) -> None:
        """Apply commands with their sequences, and tell whoever listens."""

    def _next(self, until: int) -> list[Numbered]:
        """The next commands up to `until`, which is where a group ends; at most `TURN`."""
        assert self._tail is not None, "who follows has caught up"
        found: list[Numbered] = []
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

    def _tell(self, sequence: int, command: c.Command, events: list[Event]) -> None:
        for listener in self._listeners:
            listener(sequence, command, events, not self.live)

    def _tell_applied(
        self,
        sequence: int,
        command: c.Command,
        result: list[Event] | Exception,
        batches: list[Batch],
    ) -> None:
        for applied in self._applied:
            applied(sequence, command, result, batches)


class Replica(Following):
    """An engine that follows the journal."""

    engine: Exchange

    def __init__(self, plan: Plan, board: Board, bells: Bells):
        super().__init__(plan, board, bells)
        self.engine = Exchange(plan.windows, plan.room)

    def _apply_all(self, found: Sequence[Numbered]) -> None:
        for sequence, command in found:
            self.sequence = sequence
            result: list[Event] | Exception
            try:
                result = self.engine.apply(command)
            except REFUSALS as error:
                result = error
            else:
                self._tell(sequence, command, result)
            self._tell_applied(sequence, command, result, [])


class BatchingReplica(Following):
    """An engine and a batcher that follow the journal, without an object for what traders did.

    What they sent is applied many at a time. Nobody is told events here: of a trader's command its
    batches alone, with the last one of those that were applied together, and of every other one
    whether it was refused.

    Parameters
    ----------
    plan : Plan
    board : Board
    bells : Bells
    batcher : Batcher
    """

    engine: LinedExchange

    def __init__(self, plan: Plan, board: Board, bells: Bells, batcher: "Batcher"):
        super().__init__(plan, board, bells)
        self.engine = LinedExchange(plan.windows, plan.room)
        self.batcher = batcher

    def _look(self) -> bool:
        more = super()._look()
        if not more:
            self.batcher.make_ready(READY)
        return more

    def _apply_all(self, found: Sequence[Numbered]) -> None:
        for of_traders, some in groupby(found, key=lambda one: isinstance(one[1], NEED_BATCH)):
            if of_traders:
                self._apply_orders(list(some))
                continue
            for sequence, command in some:
                self._apply_one(sequence, command)

    def _apply_orders(self, found: list[Numbered]) -> None:
        self.sequence = found[-1][0]
        told = self.engine.apply_orders([command for _, command in found])
        batches = self.batcher.add_events(*told)
        for sequence, command in found:
            closed = batches if sequence == self.sequence else []
            self._tell_applied(sequence, command, [], closed)

    def _apply_one(self, sequence: int, command: c.Command) -> None:
        self.sequence = sequence
        batches: list[Batch] = []
        result: list[Event] | Exception = []
        try:
            told = self.engine.apply(command)
            if not self.engine.refuses(command):
                batches = self.batcher.add_events(*told)
        except REFUSALS as error:
            result = error
        else:
            self._tell(sequence, command, [])
        self._tell_applied(sequence, command, result, batches)
