"""The way from a gateway, or the batcher, to the matcher: a `Sequencer` as seen from there."""

import asyncio
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np
import structlog

from matcher import commands as c
from matcher.batch import Batch
from matcher.errors import InvariantBroken
from matcher.events import Event
from matcher.journal.writer import encode
from matcher.lanes import Entry, busy, is_urgent, overtaken
from matcher.processes.board import Bells, Board
from matcher.processes.letters import (
    ACK,
    ACKS,
    CELL,
    acks_name,
    cells_of,
    lane_and_cell,
    lane_name,
    lane_of,
)
from matcher.processes.plan import MATCHER, Plan
from matcher.processes.replica import Following
from matcher.sequencer import Stopped
from matcher.shared.rings import Producer, Ring
from matcher.shared.segments import Records
from matcher.types import AS_IT_IS

log = structlog.get_logger(__name__)

UNDER_WAY: Final = ACKS // 2 - 1  # letters of a lane whose fate is not known


class _Lane:
    """One ring to the matcher, and what is under way in it."""

    def __init__(self, producer: Producer, lane: int):
        self.producer = producer
        self.lane = lane
        self.under_way: dict[int, Entry] = {}  # by first cell; in the order of sending
        self.unsent: deque[Entry] = deque()  # urgent ones for which there was no room

    def send(self, entry: Entry) -> bool:
        """Put a letter into the ring, if there is room."""
        cells = cells_of(entry.payload, time.monotonic_ns())
        room = len(self.under_way) < UNDER_WAY and self.producer.room >= len(cells)
        if not room:
            return False
        cell = self.producer.ring.published
        if self.producer.push(cells) != len(cells):
            raise InvariantBroken(f"{len(cells)} cells found no room in a ring that had it")
        self.under_way[cell] = entry
        return True


class Link:
    """Hands commands to the matcher and answers when the replica has applied them.

    Parameters
    ----------
    plan : Plan
    board : Board
    bells : Bells
    replica : Following
    clock : callable
        The chain's time up to which every fact was told, seconds; 0 where nobody follows it.

    Notes
    -----
    A matcher that dies has lost what it had read and not written down. The next one says so (a new
    *life* on the board): then orders, withdrawals and transfers are answered BUSY, since nobody
    wants them executed late, and all else is sent again. What it had written down is answered as
    ever.
    """

    def __init__(
        self,
        plan: Plan,
        board: Board,
        bells: Bells,
        replica: Following,
        clock: Callable[[], int] = lambda: 0,
    ):
        self._board = board
        self._bells = bells
        self._replica = replica
        self._clock = clock
        self._policy = plan.batches
        self._number = plan.number
        self._matcher = plan.processes.index(MATCHER)
        self._stopped = False
        self._life = board.life
        place = Path(plan.place)

        def lane(ordinary: bool) -> _Lane:
            name = lane_name(plan, plan.name, ordinary)
            producer = Ring.attach(name, CELL, place=place).producer()
            return _Lane(producer, lane_of(self._number, ordinary))

        self._urgent, self._ordinary = lane(False), lane(True)
        self._acks = Ring.attach(acks_name(plan, plan.name), ACK, place=place).consumer()
        self._room: Records = np.zeros(1024, ACK)
        while self._acks.pop(self._room):
            pass  # of a process that had this name before
        self._by_sequence: dict[int, Entry] = {}
        self._closing: dict[int, Entry] = {}
        replica.on_turn(self._look)
        replica.on_applied(self._answer)

    # --- the way in -----------------------------------------------------------------------------

    async def submit(self, command: c.Command) -> list[Event]:
        """As `Sequencer.submit`."""
        return (await self._submit(command))[0]

    async def redate(self, first_batch: int, built_at: int, mode: int = AS_IT_IS) -> list[Batch]:
        """As `Sequencer.redate`, where batches are built."""
        return (await self._submit(c.Redate(first_batch, built_at, mode)))[1]

    async def tick(self) -> None:
        """Tell the exchange the chain's time."""
        now = self._clock()
        if now > self._replica.engine.now:
            await self.submit(c.Clock(now))

    async def _submit(self, command: c.Command) -> tuple[list[Event], list[Batch]]:
        if self._stopped or self._replica.failure is not None:
            raise Stopped("this process takes no commands any more")
        payload = encode(command)
        entry = Entry(command, payload, asyncio.get_running_loop().create_future())
        assert entry.future is not None
        if is_urgent(command):
            self._send_urgent(entry)
        else:
            refused = self._refusal()
            if refused is not None:
                return refused, []
            if not self._ordinary.send(entry):
                return busy("no room on the way to the matcher"), []
        self._bells.ring(self._matcher)
        return await entry.future, entry.batches

    def _refusal(self) -> list[Event] | None:
        waiting = len(self._ordinary.under_way)
        if waiting < self._policy.max_queue:
            return None
        allowed = f"fewer than {self._policy.max_queue}; send it again later"
        return busy(f"{waiting} commands waiting", allowed)

    def _send_urgent(self, entry: Entry) -> None:
        if self._urgent.unsent or not self._urgent.send(entry):
            self._urgent.unsent.append(entry)

    def stop(self) -> None:
        """Take no commands any more; who still waits is told."""
        self._stopped = True
        self._fail("this process ends")

    def _fail(self, reason: str) -> None:
        entries = [*self._urgent.unsent, *self._by_sequence.values(), *self._closing.values()]
        for lane in (self._urgent, self._ordinary):
            entries += lane.under_way.values()
            lane.under_way.clear()
        self._urgent.unsent.clear()
        self._by_sequence.clear()
        self._closing.clear()
        for entry in entries:
            entry.result = Stopped(f"{reason}; whether the command was taken is not known")
            entry.answer()

    # --- what became of it ----------------------------------------------------------------------

    def _look(self) -> None:
        """Read which sequences our letters got, and send what found no room."""
        life = self._board.life  # before the acks: those of an earlier life are there by now
        while count := self._acks.pop(self._room):
            for origin, sequence in self._room[:count].tolist():
                self._acked(origin, sequence)
        if life != self._life:
            self._life = life
            self._matcher_restarted()
        unsent = self._urgent.unsent
        sent = False
        while unsent and self._urgent.send(unsent[0]):
            unsent.popleft()
            sent = True
        if sent:
            self._bells.ring(self._matcher)

    def _acked(self, origin: int, sequence: int) -> None:
        lane, cell = lane_and_cell(origin)
        under_way = (self._urgent if lane == self._urgent.lane else self._ordinary).under_way
        entry = under_way.pop(cell, None)
        if entry is None:
            return  # told twice, or of the process that had this name before
        if sequence:
            self._by_sequence[sequence] = entry
        else:
            entry.result = overtaken()
            entry.answer()

    def _matcher_restarted(self) -> None:
        """Do again, or give up, what the matcher had read and not written down."""
        lost = {
            lane: [
                lane.under_way.pop(cell)
                for cell in list(lane.under_way)
                if cell < self._board.taken(self._number, lane is self._ordinary)
            ]
            for lane in (self._urgent, self._ordinary)
        }
        for entry in lost[self._ordinary]:
            entry.result = busy("a matcher that was started again before the command was taken")
            entry.answer()
        self._urgent.unsent.extendleft(reversed(lost[self._urgent]))
        log.warning(
            "matcher restarted",
            answered_busy=len(lost[self._ordinary]),
            sent_again=len(lost[self._urgent]),
        )

    def _answer(
        self,
        sequence: int,
        _: c.Command,
        result: list[Event] | Exception,
        batches: list[Batch],
    ) -> None:
        entry = self._by_sequence.pop(sequence, None)
        if entry is None:
            return
        entry.sequence, entry.result, entry.batches = sequence, result, batches
        if batches:
            self._closing[sequence] = entry  # until `archived`
        else:
            entry.answer()

    def archived(self, sequence: int) -> None:
        """Answer who closed or redated batches, now that these are in the archive."""
        entry = self._closing.pop(sequence, None)
        if entry is not None:
            entry.answer()
