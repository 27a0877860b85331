"""The matcher: gives commands their places, writes them down, and tells how far that is synced."""

import os
import selectors
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
import structlog

from matcher.batch import Header
from matcher.checkpoints import Checkpoints
from matcher.commands import AnyCommand, Command
from matcher.errors import ChainError
from matcher.exchange import Exchange
from matcher.journal.snapshot import Snapshots
from matcher.journal.writer import Journal
from matcher.lanes import Entry, Lanes, due, with_needs
from matcher.processes.board import GROUP_MAX, Bells, Board
from matcher.processes.control import Control, SayState, StateIs, Stop
from matcher.processes.letters import (
    ACK,
    CELL,
    acks_name,
    lane_and_cell,
    lane_name,
    lane_of,
    letters_in,
    origin_of,
)
from matcher.processes.plan import Plan
from matcher.shared.rings import Consumer, Producer, Ring

log = structlog.get_logger(__name__)

READ: Final = 1 << 12  # cells of a lane that are read at once
BESIDE: Final = (
    16  # commands from which on a thread syncs while they are applied: it costs two waits
)
GROUP_LIMIT: Final = GROUP_MAX // 2 - 8  # each may need a batch opened or closed before it

_decoder: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)


class _Inbox:
    """One lane, as it is read."""

    def __init__(self, consumer: Consumer, lane: int):
        self.lane = lane
        self._consumer = consumer

    def read(self) -> list[Entry]:
        """Whatever has arrived."""
        entries: list[Entry] = []
        while self._consumer.waiting:  # asked first, as that costs a tenth of a look at nothing
            first = self._consumer.released
            cells = self._consumer.peek(READ)
            letters, count = letters_in(cells)
            if not count:
                if len(cells) < READ:
                    return entries
                # A letter of more cells than are read at once.
                cells = self._consumer.peek(1 << 20)
                letters, count = letters_in(cells)
                if not count:
                    return entries
            self._consumer.release(count)
            for letter in letters:
                origin = origin_of(self.lane, first + letter.cell)
                try:
                    command: Command = _decoder.decode(letter.payload)
                except msgspec.MsgspecError as error:  # a fault of its sender alone
                    log.error("no command", lane=self.lane, reason=str(error))
                    continue
                entries.append(Entry(command, letter.payload, None, letter.stamp, origin))
        return entries

    def drop(self) -> int:
        """Pass by whatever has arrived; how many cells were taken since the ring was made."""
        self._consumer.release(self._consumer.waiting)
        return self._consumer.released


class Writer:
    """The only process that writes the journal.

    Parameters
    ----------
    plan : Plan
    board : Board
    bells : Bells
    control : Control

    Notes
    -----
    The order of steps is what a crash at any moment depends on: the group and where it came from
    (`Board.note_group`), the journal and its sync, the acks, the word that says so. Whoever reads
    there that a command is synced finds its ack; a writer that finds a group in the journal tells
    its acks again.
    """

    def __init__(self, plan: Plan, board: Board, bells: Bells, control: Control):
        self._plan = plan
        self._board = board
        self._bells = bells
        self._control = control
        self._number = plan.number
        self._policy = plan.batches
        self._newest = Header.decode(plan.genesis).built_at
        self._engine = Exchange(plan.windows, plan.room)
        self._lanes = Lanes(self._engine)
        self._journal = Journal(plan.journal, plan.identity)
        self._checkpoints = Checkpoints(
            self._journal,
            Snapshots(plan.snapshots, plan.identity),
            {"exchange": self._engine},
            self._policy.snapshot_every,
        )
        self._disk = ThreadPoolExecutor(1, "disk")
        self._stopping = False
        place = Path(plan.place)
        self._acks: dict[int, Producer] = {}
        self._unsent: dict[int, list[tuple[int, int]]] = {}
        self._inboxes: list[_Inbox] = []
        for sender in plan.senders:
            number = plan.processes.index(sender)
            ring = Ring.attach(acks_name(plan, sender), ACK, place=place)
            self._acks[number] = ring.producer()
            self._unsent[number] = []
            for ordinary in (False, True):
                name = lane_name(plan, sender, ordinary)
                consumer = Ring.attach(name, CELL, place=place).consumer()
                self._inboxes.append(_Inbox(consumer, lane_of(number, ordinary)))
        # Urgent lanes are read first: an order that was sent before a cancel is seen with it.
        self._inboxes.sort(key=lambda inbox: inbox.lane % 2)

    # --- life -----------------------------------------------------------------------------------

    def run(self) -> None:
        """Recover, then write until told to stop, or nobody is there to tell.

        Raises
        ------
        JournalError
            If the journal is damaged, another exchange's, or cannot be written any more.
        """
        try:
            self._recover()
            self._control.ready(sequence=self._journal.last)
            with selectors.DefaultSelector() as selector:
                selector.register(self._bells.own(self._number), selectors.EVENT_READ)
                selector.register(self._control.socket, selectors.EVENT_READ)
                while self._step(selector):
                    pass
        finally:
            self._disk.shutdown()
            self._checkpoints.close()
            self._journal.close()
        log.info("matcher ended", commands=self._journal.last)

    def stop(self) -> None:
        """End when everything that waits is written."""
        self._stopping = True
        self._board.wake(self._number)
        os.eventfd_write(self._bells.own(self._number), 1)

    def _recover(self) -> None:
        """Come to where the journal ends, and say what is in it of what was under way."""
        began = time.perf_counter()
        if self._journal.cut is not None:
            log.warning("journal cut", **self._journal.cut._asdict())
        for _, command in self._journal.replay(self._checkpoints.load()):
            self._apply(command)
        first, origins = self._board.group()
        for sequence, origin in enumerate(origins.tolist(), first):
            if sequence <= self._journal.last:
                self._ack(origin, sequence)
        self._send_acks()
        taken = {inbox.lane: inbox.drop() for inbox in self._inboxes}
        self._board.synced = self._journal.last  # opening it has synced it
        self._board.begin_life(taken)
        self._bells.ring_all(self._number)
        self._lanes.put_first(due(self._engine, self._policy, self._newest))
        log.info(
            "journal recovered",
            commands=self._journal.last,
            milliseconds=round(1000 * (time.perf_counter() - began)),
            state="0x" + self._engine.state_hash().hex(),
        )

    def _step(self, selector: selectors.BaseSelector) -> bool:
        """Do what there is to do; False at the end."""
        self._obey()
        self._read()
        if len(self._lanes):
            self._write_group()
            return True
        if self._stopping:
            return False
        self._board.sleep(self._number)
        self._read()
        if not len(self._lanes):
            selector.select()
            self._bells.silence(self._number)
        self._board.wake(self._number)
        return True

    def _obey(self) -> None:
        for message in self._control.read():
            if isinstance(message, Stop):
                self._stopping = True
            elif isinstance(message, SayState):
                state = self._engine.state_hash()
                self._control.send(StateIs(self._plan.name, self._journal.last, state))

    # --- groups ---------------------------------------------------------------------------------

    def _read(self) -> None:
        arrived = [entry for inbox in self._inboxes for entry in inbox.read()]
        arrived.sort(key=lambda entry: entry.arrived)
        for entry in arrived:
            self._lanes.put(entry)

    def _write_group(self) -> None:
        taken, refused = self._lanes.take(min(self._policy.max_group, GROUP_LIMIT))
        for entry in refused:
            self._ack(entry.origin, 0)
        group = with_needs(taken, self._engine, 0)
        if group:
            origins = np.array([entry.origin for entry in group], np.int64)
            self._board.note_group(self._journal.last + 1, origins)
            sequences = self._journal.append_encoded([entry.payload for entry in group])
            large = len(group) >= BESIDE
            synced = self._disk.submit(self._journal.sync) if large else None
            for entry in group:  # nobody sees it before it is synced
                self._apply(entry.command)
            if synced is None:
                self._journal.sync()
            else:
                synced.result()
            for sequence, entry in zip(sequences, group, strict=True):
                self._ack(entry.origin, sequence)
            self._send_acks()
            self._board.synced = self._journal.last
            self._board.note_applied(self._number, self._journal.last)
        self._send_acks()
        self._bells.ring_all(self._number)
        self._checkpoints.look(self._journal.last)
        self._lanes.put_first(due(self._engine, self._policy, self._newest))

    def _apply(self, command: Command) -> None:
        try:
            self._engine.apply(command)
        except ChainError:
            return  # told to who sent it, by his own replica

    def _ack(self, origin: int, sequence: int) -> None:
        if origin:
            lane, _ = lane_and_cell(origin)
            self._unsent[lane // 2].append((origin, sequence))

    def _send_acks(self) -> None:
        for sender, acks in self._unsent.items():
            if acks:
                done = self._acks[sender].push(np.array(acks, ACK))
                del acks[:done]
