"""The core: commands from rings, through journal and kernel, to a ring of events.

::

    matching = recovered(journal, snapshots, Matching)
    core = Core(matching, inputs=[ring.consumer()], output=events.producer(), journal=journal)
    core.run()                      # in this thread, until another one calls `stop`

`matcher.kernel.core` is the loop, which this drives: it makes room for the kernel outside of the
loop, writes the journal in a thread of its own, and takes snapshots between two commands.

What was taken while a sync ran is the next group, and its events are published when that is synced:
nobody hears of what could be lost. `ack` says what that means:

========  ====================================================================================
ack       events are published
========  ====================================================================================
synced    when their commands survive a power cut
written   when the system has them: they survive the end of this process, but no power cut
applied   at once; the journal follows behind. For those whose replicas are the safety
========  ====================================================================================
"""

import mmap
import os
import threading
import time
from collections.abc import Sequence
from typing import Final, Literal, cast

import numpy as np
import structlog

from matcher.errors import JournalError
from matcher.journal.groups import GROUP_MAX, LINE, LINES
from matcher.journal.snapshot import Parts, Snapshots, Writing
from matcher.journal.writer import Journal
from matcher.kernel import core as kernel
from matcher.kernel import marks
from matcher.kernel.atomics import read_word, write_word
from matcher.kernel.exchange import Matching
from matcher.kernel.layout import EVENT, FACT, CommandKind
from matcher.kernel.memory import AREAS, COMPILED
from matcher.kernel.pools import Limits
from matcher.kernel.ring import HEAD
from matcher.shared.rings import Consumer, Producer
from matcher.shared.segments import Records, address_of
from matcher.turns import take_short_turns

log = structlog.get_logger()

Ack = Literal["synced", "written", "applied"]

LINE_RECORD: Final = np.dtype([("words", "<i8", (8,))])  # of a ring of commands
EVENT_RECORD: Final = np.dtype(EVENT.descr)  # of a ring of events
MATCHING: Final = "matching"  # the part of a snapshot
CREDIT: Final = 1 << 16  # lines for which room is made at a time
RESERVED: Final = 1 << 20  # commands for which a replay makes room beforehand, at most
PREPARED: Final = 1 << 16  # lines for which it has memory touched at a time, at most
REPLAYED: Final = 1 << 12  # lines that are replayed at a time, at least
_MARKS: Final = 1 << 14
_RELEASES: Final = 1 << 14
_LAST_READS: Final = 10.0  # seconds that readers have when the core stops
_NAP: Final = 50e-6  # seconds
_NAP_AFTER: Final = 64  # times in a row that nothing came


class Core:
    """A matcher that is one loop.

    Parameters
    ----------
    matching : Matching
        As the journal left it: `recovered`.
    inputs : sequence of Consumer
        Seats on rings of LINE_RECORD; served in turn, so none starves another.
    output : Producer, optional
        Of a ring of EVENT_RECORD; without it events are dropped.
    journal : Journal, optional
        Without it nothing survives.
    ack : {"synced", "written", "applied"}
    log_lines : int
        Lines that may wait for the journal; a power of two.
    busy : bool
        Never nap: a processor of its own.

    Attributes
    ----------
    failure : Exception or None
        Why nothing goes on; set in the thread that writes the journal.
    """

    def __init__(
        self,
        matching: Matching,
        inputs: Sequence[Consumer],
        output: Producer | None = None,
        journal: Journal | None = None,
        *,
        ack: Ack = "synced",
        log_lines: int = 1 << 18,
        busy: bool = False,
    ):
        if log_lines < 4 * kernel.BURST or log_lines & (log_lines - 1):
            raise ValueError(f"log_lines is {log_lines}, allowed powers of two from 4096")
        self.matching = matching
        self.failure: Exception | None = None
        self._inputs, self._output, self._journal = list(inputs), output, journal
        self._ack = "applied" if journal is None else ack
        self._busy = busy
        self._stopping = False
        self._served = False  # nothing is marked any more
        self._wanted: tuple[Snapshots, list[Writing], threading.Event] | None = None
        self._log = _pages(log_lines * LINE)
        self._marks = np.zeros(_MARKS, kernel.MARK)
        self._releases = np.zeros(_RELEASES, kernel.RELEASE)
        self._sources = np.zeros(len(self._inputs), kernel.INPUT)
        self._group = np.zeros(marks.GROUP_WORDS, np.int64)
        self._core = np.frombuffer(_pages(kernel.CORE.itemsize), kernel.CORE)[0:1]
        self._at = address_of(self._core)
        self._declare()
        self._tell_inputs()
        self._tell(log_lines)

    # --- what the loop is told -------------------------------------------------------------------

    def _declare(self) -> None:
        """Let debug mode know where records lie."""
        if COMPILED:
            return
        for kind, array, stride in (
            ("core", self._core, kernel.CORE.itemsize),
            ("input", self._sources, 64),
            ("mark", self._marks, 32),
            ("release", self._releases, 16),
            ("command", self._log, LINE),
            ("annex", self._log, LINE),
        ):
            AREAS.declare(kind, address_of(array), array.nbytes // stride, stride)

    def _tell_inputs(self) -> None:
        for source, consumer in zip(self._sources, self._inputs, strict=True):
            ring, mask, seats, known = consumer.parts
            source["ring"], source["mask"], source["seats"] = ring, mask, seats
            source["seat"], source["known"] = consumer.seat_at, known

    def _tell(self, log_lines: int) -> None:
        core = self._core[0]
        core["context"] = self.matching.pools.address
        core["emitted"] = self.matching.pools.context["events_count"]  # told before: nobody's
        core["kernel"] = kernel.address_of_kernel()
        core["inputs"], core["inputs_count"] = address_of(self._sources), len(self._inputs)
        core["log"], core["log_mask"] = address_of(self._log), log_lines - 1
        core["marks"], core["marks_mask"] = address_of(self._marks), _MARKS - 1
        core["releases"], core["releases_mask"] = address_of(self._releases), _RELEASES - 1
        core["sequence"] = 0 if self._journal is None else self._journal.last
        core["journaled"] = self._journal is not None
        core["prompt"] = self._ack == "applied"
        if self._output is not None:
            ring, mask, seats, known = self._output.parts
            core["events"], core["events_mask"], core["events_seats"] = ring, mask, seats
            core["events_known"] = known
            core["filled"] = core["noted"] = read_word(ring + HEAD)

    @property
    def sequence(self) -> int:
        """Sequence of the last command that was taken."""
        return int(self._core[0]["sequence"])

    # --- life ------------------------------------------------------------------------------------

    def run(self) -> None:
        """Serve until `stop`, in this thread; what was taken is applied, and safe, by then.

        Raises
        ------
        JournalError
            If the journal could not be written: then nothing that was not safe was published.
        """
        write_word(self._at + kernel.SAFE, self.sequence)
        take_short_turns()  # or what syncs would wait here for a turn of milliseconds
        writer = threading.Thread(target=self._keep_writing, name="journal", daemon=True)
        if self._journal is not None:
            writer.start()
        try:
            self._serve()
        finally:
            self._served = True
            if self._journal is not None:
                writer.join()
        if self.failure is not None:
            raise self.failure

    def stop(self) -> None:
        """Let `run` return; from any thread."""
        self._stopping = True
        kernel.call_back(self._at, 1)

    def snapshot(self, snapshots: Snapshots, seconds: float = 60) -> Writing | None:
        """Begin a snapshot between two commands; from another thread than `run`'s.

        The loop stops until what it took is synced, and for a fork; another process writes.

        Returns
        -------
        Writing or None
            None if the loop did not come to it in time.
        """
        begun: list[Writing] = []
        done = threading.Event()
        self._wanted = (snapshots, begun, done)
        kernel.call_back(self._at, 1)
        if not done.wait(seconds):
            done.set()  # too late: it is not begun any more
        return begun[0] if begun else None

    def _serve(self) -> None:
        spins = (1 << 20) if self._busy else (1 << 12)
        idle = 0
        while self.failure is None:
            why = kernel.serve(self._at, spins)
            if self._stopping:
                return self._finish()
            if why == kernel.NEEDS_ROOM:
                self._make_room()
            elif why == kernel.NEEDS_READERS:
                self._look_for_readers()
            elif why == kernel.CALLED_BACK:
                kernel.call_back(self._at, 0)
                if self._wanted is not None:
                    self._begin_snapshot(*self._wanted)
            elif not self._busy:
                idle += 1
                if idle > _NAP_AFTER:
                    time.sleep(_NAP)
                else:
                    os.sched_yield()
                continue
            idle = 0
        return None

    def _make_room(self) -> None:
        pools, core = self.matching.pools, self._core[0]
        pools.reserve(CREDIT)
        core["credit"] = CREDIT
        if core["at"] < core["end"]:  # the kernel stopped there
            line = (int(core["at"]) - address_of(self._log)) // LINE
            fact = self._log[LINE * line : LINE * (line + 1)].view(FACT)[0]
            if fact["kind"] >= CommandKind.MARKET_LISTED:
                pools.make_room_for(fact)

    def _look_for_readers(self) -> None:
        """The ring of events is full: nobody waits for the dead."""
        assert self._output is not None, "without a ring none is full"
        self._output.evict()
        os.sched_yield()

    def _finish(self) -> None:
        """Take nothing more; apply what was taken, and publish what becomes safe."""
        self._core[0]["inputs_count"] = 0
        kernel.call_back(self._at, 0)
        until = time.monotonic() + _LAST_READS
        while self.failure is None:
            why = kernel.serve(self._at, 1)
            if why == kernel.IDLE:
                return
            if why == kernel.NEEDS_ROOM:
                self._make_room()
            elif why == kernel.NEEDS_READERS and not self._readers_go_on(until):
                return

    def _readers_go_on(self, until: float) -> bool:
        """Whether somebody who lives may still make room in the ring of events."""
        assert self._output is not None, "without a ring none is full"
        self._look_for_readers()
        holders = self._output.holders()
        if any(holder.alive for holder in holders) and time.monotonic() < until:
            return True
        log.warning("events not published: the ring is full", holders=holders)
        return False

    def _begin_snapshot(
        self, snapshots: Snapshots, begun: list[Writing], done: threading.Event
    ) -> None:
        self._wanted = None
        self._await_synced()
        if self.failure is None and not done.is_set():
            begun.append(snapshots.write_apart(self.sequence, self._dumped))
        done.set()

    def _dumped(self) -> Parts:
        return {MATCHING: self.matching.dump()}

    def _await_synced(self) -> None:
        while self.failure is None and self._journal is not None:
            if self._journal.synced >= self.sequence:
                return
            os.sched_yield()

    # --- the journal's thread --------------------------------------------------------------------

    def _keep_writing(self) -> None:
        idle = 0
        take_short_turns()
        try:
            while True:
                last_look = self._served  # asked before looking: nothing is marked between
                if self._write_marked(1 << 10):
                    idle = 0
                    continue
                if last_look:
                    return
                idle += 1
                if idle > _NAP_AFTER and not self._busy:
                    time.sleep(_NAP)
        except Exception as error:  # whatever it is: nothing is safe any more
            log.exception("journal failed", sequence=self.sequence)
            self.failure = error
            kernel.call_back(self._at, 1)

    def _write_marked(self, spins: int) -> bool:
        """Write what is marked as one group, and sync it; whether there was something."""
        assert self._journal is not None
        if not marks.await_marks(self._at, spins):
            os.sched_yield()
            return False
        pieces = marks.gather(self._at, GROUP_MAX // LINE, address_of(self._group))
        taken, commands, last, end = self._group[: marks.GROUP_PIECES].tolist()
        self._journal.write_lines(self._pieces(pieces), commands)
        if self._ack == "written":
            marks.tell_safe(self._at, last)
        marks.free_marks(self._at, taken, end)
        self._journal.sync_written(last)
        marks.tell_safe(self._at, last)
        return True

    def _pieces(self, count: int) -> list[memoryview]:
        """The group at hand, as it lies in the log."""
        words = self._group[marks.GROUP_PIECES :][: 2 * count].reshape(-1, 2).tolist()
        view = self._log.data
        return [view[LINE * slot : LINE * (slot + lines)] for slot, lines in words]


def recovered(
    journal: Journal, snapshots: Snapshots | None = None, limits: Limits | None = None, lag: int = 0
) -> Matching:
    """The exchange where its journal ends: from the newest sound snapshot, and what is behind it.

    Parameters
    ----------
    limits : Limits, optional
        Those under which the journal was begun, if none are given.

    Raises
    ------
    JournalError
        If the journal is damaged, or begins behind what the newest sound snapshot contains.
    """
    limits = limits or journal.identity.limits
    found = None if snapshots is None else snapshots.newest(journal.last)
    if found is None:
        after, matching = 0, Matching(limits, lag)
    else:
        dumped = cast(dict[str, Records], found.parts[MATCHING])
        after, matching = found.sequence, Matching.load(dumped, limits)
    # At once, and not by doubling again and again; what is not used takes no memory.
    matching.pools.make_room(min(journal.last - after, RESERVED))
    ahead = min(journal.last - after, PREPARED)
    waiting: list[Records] = []
    count = 0
    for group in journal.groups(after):
        if group.kind != LINES:
            raise JournalError(f"command {group.first} of the journal does not stand in lines")
        waiting.append(group.lines(after))
        count += len(waiting[-1])
        if count >= REPLAYED:
            _apply(matching, waiting, ahead)
            count = 0
    _apply(matching, waiting, ahead)
    log.info("recovered", snapshot=after, replayed=journal.last - after)
    return matching


def _apply(matching: Matching, waiting: list[Records], ahead: int) -> None:
    """Apply what waits as one; it waits no more. Room is made for so many lines at a time."""
    if waiting:
        lines = waiting[0] if len(waiting) == 1 else np.concatenate(waiting)
        if len(lines) > matching.pools.granted and len(lines) <= ahead:
            matching.pools.prepare(ahead)
        matching.run(lines.reshape(-1).view(LINE_RECORD))
        waiting.clear()


def _pages(size: int) -> "np.typing.NDArray[np.uint8]":
    """Zeros at the start of a page, in memory that is there and not only promised."""
    return np.frombuffer(mmap.mmap(-1, size, mmap.MAP_SHARED | mmap.MAP_POPULATE), np.uint8)
