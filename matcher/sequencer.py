"""The single writer: number, journal, apply, answer, publish.

A command is on disk before it is applied, applied before it is answered, and a batch is in the
archive before anyone hears of it. Everything that shapes behavior is a command in the journal, the
sequencer's own Clock, OpenBatch and CloseBatch included; so a replay is the same life again.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
import structlog

from matcher import commands as c
from matcher.archive import Archive
from matcher.batch import Batch
from matcher.batcher import Batcher
from matcher.engine import Engine
from matcher.errors import ChainError, InvariantBroken, QuoinError, Reject
from matcher.events import Event, Rejected
from matcher.journal import Journal, encode
from matcher.redate import RedateError

log = structlog.get_logger()

Listener = Callable[[int, c.Command, list[Event], bool], None]
BatchListener = Callable[[Batch, bool], None]

NEED_BATCH: Final = (
    c.PlaceOrder,
    c.CancelOrder,
    c.CancelAll,
    c.AmendDown,
    c.WithdrawRequest,
    c.TransferRequest,
)
# Commands that the exchange cannot take, and on which nothing changed. Anything else that is raised
# is a fault of ours, and stops the writer.
REFUSALS: Final = (ChainError, RedateError)


class Policy(msgspec.Struct, frozen=True):
    """When batches are closed, and how much may wait."""

    max_age: int = 10  # seconds of the chain from OpenBatch to CloseBatch
    max_ops: int = 3000  # 100 chunks of 30
    max_queue: int = 10_000  # traders' commands that wait; facts always get in
    max_group: int = 1_000  # commands that share a sync


class Stopped(QuoinError):
    """The sequencer does not take commands (any more)."""


class _Entry:
    """A command on its way, and who waits for it."""

    __slots__ = ("batches", "command", "future", "payload", "result", "sequence")

    def __init__(
        self,
        command: c.Command,
        payload: bytes,
        future: "asyncio.Future[list[Event]] | None" = None,
    ):
        self.command = command
        self.payload = payload
        self.future = future
        self.sequence = 0
        self.result: list[Event] | Exception = []
        self.batches: list[Batch] = []

    def answer(self) -> None:
        if self.future is None or self.future.done():
            return
        if isinstance(self.result, Exception):
            self.future.set_exception(self.result)
        else:
            self.future.set_result(self.result)


class Sequencer:
    """Orders commands, and is the only one that changes the exchange.

    Parameters
    ----------
    journal : Journal
    engine : Engine
    batcher : Batcher
        Both new: `start` brings them to where the journal ends.
    archive : Archive
    clock : callable
        The chain's time up to which every fact was told, seconds.
    policy : Policy
    """

    def __init__(
        self,
        journal: Journal,
        engine: Engine,
        batcher: Batcher,
        archive: Archive,
        clock: Callable[[], int],
        policy: Policy | None = None,
    ):
        self.engine = engine
        self.batcher = batcher
        self.archive = archive
        self.policy = policy or Policy()
        self.sequence = 0  # of the last command that was applied
        self.failure: Exception | None = None
        self._journal = journal
        self._clock = clock
        self._listeners: list[Listener] = []
        self._batch_listeners: list[BatchListener] = []
        self._queue: deque[_Entry] = deque()
        self._wake = asyncio.Event()
        self._writer: asyncio.Task[None] | None = None
        self._stopping = False

    # --- the way in ------------------------------------------------------------------------------

    def subscribe(self, listener: Listener) -> None:
        """Call `listener(sequence, command, events, replaying)` after each command, in order.

        Listeners must not raise: what they build would no longer be what happened.
        """
        self._listeners.append(listener)

    def subscribe_batches(self, listener: BatchListener) -> None:
        """Call `listener(batch, replaying)` for each closed batch once it is archived, in order.

        A batch that is redated is told again, with the same id and words and another header.
        """
        self._batch_listeners.append(listener)

    async def submit(self, command: c.Command) -> list[Event]:
        """Journal, apply, answer.

        Returns
        -------
        list of Event
            What the engine answered; a `Rejected` with ``BUSY`` if a trader's command found the
            queue full, and then nothing was taken.

        Raises
        ------
        ChainError
            For a fact that the chain cannot tell; nothing has changed.
        JournalError
            If the command cannot be journaled: a field of another type or beyond 64 bits.
        Stopped
            If the sequencer was stopped or has failed.
        """
        return (await self._submit(command))[0]

    async def close_batch(self) -> list[Batch]:
        """Close the open batch; what was closed is in the archive. None if there were no ops."""
        return (await self._submit(c.CloseBatch()))[1]

    async def redate(self, first_batch: int, built_at: int) -> list[Batch]:
        """Give closed batches a later builtAt, as `Batcher.redate`; closes the open one first."""
        return (await self._submit(c.Redate(first_batch, built_at)))[1]

    async def tick(self) -> None:
        """Let time pass: expire orders, close and open batches that are due."""
        time = self._clock()
        if time > self.engine.now:
            await self.submit(c.Clock(time))

    async def _submit(self, command: c.Command) -> tuple[list[Event], list[Batch]]:
        self._require_running()
        payload = encode(command)
        if isinstance(command, NEED_BATCH) and len(self._queue) >= self.policy.max_queue:
            allowed = f"fewer than {self.policy.max_queue}; send it again later"
            found = f"{len(self._queue)} commands waiting"
            return [Rejected(Reject.BUSY, "queue", found, allowed)], []
        entry = _Entry(command, payload, asyncio.get_running_loop().create_future())
        self._queue.append(entry)
        self._wake.set()
        assert entry.future is not None
        return await entry.future, entry.batches

    def _require_running(self) -> None:
        if self.failure is not None:
            raise Stopped(f"the sequencer has failed: {self.failure!r}") from self.failure
        if self._writer is None or self._stopping:
            raise Stopped("the sequencer is not running")

    # --- life ------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Replay the journal, then begin to write.

        Raises
        ------
        JournalError
            If the journal is damaged or another exchange's.
        ProtocolError
            If a batch comes out otherwise than it was published.
        """
        if self._journal.cut is not None:
            log.warning("journal cut", **self._journal.cut._asdict())
        await Replay(self).run()
        self._enqueue_due()
        self._writer = asyncio.create_task(self._write(), name="sequencer")

    async def stop(self) -> None:
        """Answer what waits, then end; the journal is synced and closed."""
        self._stopping = True
        self._wake.set()
        if self._writer is not None:
            await asyncio.wait([self._writer])
        self._journal.close()

    async def wait(self) -> None:
        """Return when the sequencer was stopped; raise why it failed."""
        if self._writer is not None:
            await asyncio.wait([self._writer])
        if self.failure is not None:
            raise self.failure

    async def _write(self) -> None:
        group: list[_Entry] = []
        try:
            while True:
                await self._wake.wait()
                group = self._next_group()
                if group:
                    await self._run(group)
                    self._enqueue_due()
                elif self._stopping:
                    return
                else:
                    self._wake.clear()
        except Exception as error:
            log.exception("sequencer failed", sequence=self.sequence)
            self._fail(error, group)

    def _fail(self, error: Exception, group: Iterable[_Entry]) -> None:
        """Answer nobody with anything that might not have happened."""
        self.failure = error
        for entry in [*group, *self._queue]:
            entry.result = Stopped(f"the sequencer has failed: {error!r}")
            entry.answer()
        self._queue.clear()

    # --- groups ----------------------------------------------------------------------------------

    def _next_group(self) -> list[_Entry]:
        """What waits, and before each command what it needs: the time, an open batch."""
        taken = min(len(self._queue), self.policy.max_group)
        if not taken:
            return []
        group: list[_Entry] = []
        time = self._clock()
        if time > self.engine.now:
            group.append(_own(c.Clock(time)))
        is_open = self.engine.batch_open
        for _ in range(taken):
            entry = self._queue.popleft()
            command = entry.command
            if isinstance(command, NEED_BATCH) and not is_open:
                group.append(_own(c.OpenBatch()))
                is_open = True
            elif isinstance(command, c.Redate) and is_open:
                group.append(_own(c.CloseBatch()))
                is_open = False
            elif isinstance(command, c.OpenBatch):
                is_open = True
            elif isinstance(command, c.CloseBatch):
                is_open = False
            group.append(entry)
        return group

    async def _run(self, group: list[_Entry]) -> None:
        sequences = self._journal.append_encoded([entry.payload for entry in group])
        await asyncio.to_thread(self._journal.sync)
        for sequence, entry in zip(sequences, group, strict=True):
            entry.sequence = sequence
            entry.result, entry.batches = self.apply(sequence, entry.command, replaying=False)
            if not entry.batches:
                entry.answer()
        for entry in group:
            for batch in entry.batches:
                await asyncio.to_thread(self._publish, entry.command, batch)
                self.tell_batch(batch, replaying=False)
            entry.answer()

    def _publish(self, command: c.Command, batch: Batch) -> None:
        if isinstance(command, c.Redate):
            self.archive.replace(batch)
        else:
            self.archive.write(batch)

    def apply(
        self, sequence: int, command: c.Command, *, replaying: bool
    ) -> tuple[list[Event] | Exception, list[Batch]]:
        """Apply one journaled command; what is raised with nothing changed is the answer."""
        self.sequence = sequence
        try:
            events = self.engine.apply(command)
            batches = self.batcher.add(command, events)
        except REFUSALS as error:
            return error, []
        for listener in self._listeners:
            listener(sequence, command, events, replaying)
        return events, batches

    def tell_batch(self, batch: Batch, *, replaying: bool) -> None:
        """Tell those who listen of a batch that is archived."""
        for listener in self._batch_listeners:
            listener(batch, replaying)

    def _enqueue_due(self) -> None:
        """Put the sequencer's own commands in front: close what is due, open for what waits."""
        engine, policy = self.engine, self.policy
        own: list[c.Command] = []
        aged = engine.now - engine.built_at >= policy.max_age
        closes = engine.batch_open and (aged or engine.batch_ops >= policy.max_ops)
        if closes:
            own.append(c.CloseBatch())
        # At first the facts come before the time; the chain takes no batch older than its parent.
        timed = engine.now >= self.batcher.head.built_at
        idle = closes or not engine.batch_open or not engine.batch_ops
        if engine.wants_batch and timed and idle:
            own.append(c.OpenBatch())
        if own:
            self._queue.extendleft(reversed([_own(command) for command in own]))
            self._wake.set()


def _own(command: c.Command) -> _Entry:
    return _Entry(command, encode(command))


class Replay:
    """Brings a new sequencer to where its journal ends.

    A batch that was redated later was published anew then; so batches that differ from the archive
    are only judged when the journal is at its end.
    """

    def __init__(self, sequencer: Sequencer):
        self._sequencer = sequencer
        self._differing: dict[int, Batch] = {}
        self._redated: set[int] = set()

    async def run(self) -> None:
        """Replay everything, giving way to other tasks now and then."""
        sequencer = self._sequencer
        for sequence, command in sequencer._journal.replay():
            result, batches = sequencer.apply(sequence, command, replaying=True)
            if isinstance(command, c.Redate) and not isinstance(result, Exception):
                self._redated.update(batch.id for batch in batches)
            for batch in batches:
                self._compare(batch)
                sequencer.tell_batch(batch, replaying=True)
            if sequence % 1000 == 0:
                await asyncio.sleep(0)
        self._settle()
        if sequencer.sequence != sequencer._journal.last:
            raise InvariantBroken(
                f"replayed {sequencer.sequence} commands of {sequencer._journal.last}"
            )

    def _compare(self, batch: Batch) -> None:
        archive = self._sequencer.archive
        published = archive.read(batch.id) if batch.id in archive else None
        if published == batch:
            self._differing.pop(batch.id, None)
        elif published is not None and published.words == batch.words:
            self._differing[batch.id] = batch
        else:
            archive.write(batch)  # raises if it is another one: it says what differs

    def _settle(self) -> None:
        for batch_id, batch in sorted(self._differing.items()):
            if batch_id in self._redated:  # killed before the new header was published
                self._sequencer.archive.replace(batch)
            else:
                self._sequencer.archive.write(batch)  # raises likewise
