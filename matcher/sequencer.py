"""The single writer: number, journal, apply, answer, publish.

A command is on disk before it is applied, applied before it is answered, and a batch is in the
archive before anyone hears of it. Everything that shapes behavior is a command in the journal, the
sequencer's own Clock, OpenBatch and CloseBatch included; so a replay is the same life again.
"""

import asyncio
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, Protocol

import structlog

from matcher import commands as c
from matcher.archive import Archive
from matcher.batch import Batch
from matcher.checkpoints import Checkpoints
from matcher.errors import ChainError, InvariantBroken, QuoinError
from matcher.events import Event
from matcher.exchange import Exchange
from matcher.journal.writer import Journal, encode
from matcher.lanes import Entry, Lanes, busy, due, is_urgent, with_needs
from matcher.merkle import Path
from matcher.policy import Policy
from matcher.settlement.redate import RedateError
from matcher.types import AS_IT_IS

if TYPE_CHECKING:
    from matcher.settlement.batcher import Batcher  # compiles kernels when imported

log = structlog.get_logger()


__all__ = [
    "REFUSALS",
    "Door",
    "Replay",
    "Republished",
    "Sequencer",
    "Stopped",
    "publish",
]

Listener = Callable[[int, c.Command, list[Event], bool], None]
BatchListener = Callable[[Batch, bool], None]

# Commands that the exchange cannot take, and on which nothing changed. Anything else that is raised
# is a fault of ours, and stops the writer.
REFUSALS: Final = (ChainError, RedateError)


class Stopped(QuoinError):
    """The sequencer does not take commands (any more)."""


class Door(Protocol):
    """What the gateway asks of whoever hands commands to the single writer, here or elsewhere."""

    @property
    def engine(self) -> Exchange:
        """The exchange as of `sequence`, to be read."""

    @property
    def archive(self) -> Archive:
        """The batches that were closed."""

    @property
    def sequence(self) -> int:
        """Of the last command that was applied here."""

    async def submit(self, command: c.Command) -> list[Event]:
        """As `Sequencer.submit`."""

    async def account_proof(self, batch_id: int, account: int) -> tuple[list[bytes], Path]:
        """As `Batcher.account_proof`."""

    def provable(self) -> range:
        """Ids of the batches that proofs can be made for."""


class Sequencer:
    """Orders commands, and is the only one that changes the exchange.

    Parameters
    ----------
    journal : Journal
    engine : Exchange
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
        engine: Exchange,
        batcher: "Batcher",
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
        self._checkpoints: Checkpoints | None = None
        self._clock = clock
        self._listeners: list[Listener] = []
        self._batch_listeners: list[BatchListener] = []
        self._lanes = Lanes(engine)
        self._arrivals = 0
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
            What the engine answered; a `Rejected` with ``BUSY`` if a new order, withdrawal or
            transfer found the queue full, with ``OVERTAKEN`` if a cancel went before the order that
            it is of (`matcher.lanes`), and then nothing was taken.

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

    async def redate(self, first_batch: int, built_at: int, mode: int = AS_IT_IS) -> list[Batch]:
        """Give closed batches other headers, as `Batcher.redate`; closes the open one first."""
        return (await self._submit(c.Redate(first_batch, built_at, mode)))[1]

    async def account_proof(self, batch_id: int, account: int) -> tuple[list[bytes], Path]:
        """An account after a batch, as the Vault takes it: `Batcher.account_proof`."""
        return self.batcher.account_proof(batch_id, account)

    def provable(self) -> range:
        """Ids of the batches that proofs can be made for."""
        return self.batcher.known()

    async def tick(self) -> None:
        """Let time pass: expire orders, close and open batches that are due."""
        time = self._clock()
        if time > self.engine.now:
            await self.submit(c.Clock(time))

    async def _submit(self, command: c.Command) -> tuple[list[Event], list[Batch]]:
        self._require_running()
        payload = encode(command)
        if not is_urgent(command) and self._lanes.waiting >= self.policy.max_queue:
            allowed = f"fewer than {self.policy.max_queue}; send it again later"
            return busy(f"{self._lanes.waiting} commands waiting", allowed), []
        self._arrivals += 1
        future: asyncio.Future[list[Event]] = asyncio.get_running_loop().create_future()
        entry = Entry(command, payload, future, self._arrivals)
        self._lanes.put(entry)
        self._wake.set()
        return await future, entry.batches

    def _require_running(self) -> None:
        if self.failure is not None:
            raise Stopped(f"the sequencer has failed: {self.failure!r}") from self.failure
        if self._writer is None or self._stopping:
            raise Stopped("the sequencer is not running")

    # --- life ------------------------------------------------------------------------------------

    async def start(self, checkpoints: Checkpoints | None = None) -> None:
        """Replay the journal, then begin to write.

        Parameters
        ----------
        checkpoints : Checkpoints, optional
            Of engine, batcher, and whatever listens. It begins behind the newest, nobody who
            listens is told what is in that, and the next ones are taken between groups.

        Raises
        ------
        JournalError
            If the journal is damaged or another exchange's.
        ProtocolError
            If a batch comes out otherwise than it was published.
        """
        if self._journal.cut is not None:
            log.warning("journal cut", **self._journal.cut._asdict())
        self._checkpoints = checkpoints
        await Replay(self).run()
        self._enqueue_due()
        self._writer = asyncio.create_task(self._write(), name="sequencer")

    async def stop(self) -> None:
        """Answer what waits, then end; the journal is synced and closed."""
        self._stopping = True
        self._wake.set()
        if self._writer is not None:
            await asyncio.wait([self._writer])
        if self._checkpoints is not None:
            self._checkpoints.close()
        self._journal.close()

    async def wait(self) -> None:
        """Return when the sequencer was stopped; raise why it failed."""
        if self._writer is not None:
            await asyncio.wait([self._writer])
        if self.failure is not None:
            raise self.failure

    async def _write(self) -> None:
        group: list[Entry] = []
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

    def _fail(self, error: Exception, group: Iterable[Entry]) -> None:
        """Answer nobody with anything that might not have happened."""
        self.failure = error
        for entry in [*group, *self._lanes.clear()]:
            entry.result = Stopped(f"the sequencer has failed: {error!r}")
            entry.answer()

    # --- groups ----------------------------------------------------------------------------------

    def _next_group(self) -> list[Entry]:
        """What goes next, and before each command what it needs: the time, an open batch."""
        taken, refused = self._lanes.take(self.policy.max_group)
        for entry in refused:
            entry.answer()
        return with_needs(taken, self.engine, self._clock()) if taken else []

    async def _run(self, group: list[Entry]) -> None:
        sequences = self._journal.append_encoded([entry.payload for entry in group])
        await asyncio.to_thread(self._journal.sync)
        for sequence, entry in zip(sequences, group, strict=True):
            entry.sequence = sequence
            entry.result, entry.batches = self.apply(sequence, entry.command, replaying=False)
            if not entry.batches:
                entry.answer()
        for entry in group:
            for batch in entry.batches:
                await asyncio.to_thread(publish, self.archive, entry.command, batch)
                self.tell_batch(batch, replaying=False)
            entry.answer()
        if self._checkpoints is not None:  # now: every batch that was closed is in the archive
            self._checkpoints.look(self.sequence)

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
        commands = due(self.engine, self.policy, self.batcher.head.built_at)
        if commands:
            self._lanes.put_first(commands)
            self._wake.set()


def publish(archive: Archive, command: c.Command, batch: Batch) -> None:
    """Put what a command closed, or redated, into the archive."""
    if isinstance(command, c.Redate):
        archive.replace(batch)
    else:
        archive.write(batch)


class Replay:
    """Brings a new sequencer to where its journal ends."""

    def __init__(self, sequencer: Sequencer):
        self._sequencer = sequencer
        self._published = Republished(sequencer.archive)

    async def run(self) -> None:
        """Replay what no snapshot has, giving way to other tasks now and then."""
        sequencer = self._sequencer
        if sequencer._checkpoints is not None:
            sequencer.sequence = sequencer._checkpoints.load()
        for sequence, command in sequencer._journal.replay(sequencer.sequence):
            result, batches = sequencer.apply(sequence, command, replaying=True)
            self._published.take(command, result, batches)
            for batch in batches:
                sequencer.tell_batch(batch, replaying=True)
            if sequence % 1000 == 0:
                await asyncio.sleep(0)
        self._published.settle()
        if sequencer.sequence != sequencer._journal.last:
            raise InvariantBroken(
                f"replayed up to command {sequencer.sequence} of {sequencer._journal.last}"
            )


class Republished:
    """Compares the batches of a replay with those in the archive, and publishes what is missing.

    A batch that was redated later was published anew then; so batches that differ from the archive
    are only judged when the journal is at its end.

    Parameters
    ----------
    archive : Archive
    """

    def __init__(self, archive: Archive):
        self._archive = archive
        self._differing: dict[int, Batch] = {}
        self._redated: set[int] = set()

    def take(
        self, command: c.Command, result: list[Event] | Exception, batches: Iterable[Batch]
    ) -> None:
        """Take in what a command of the journal closed or redated.

        Raises
        ------
        ProtocolError
            If a batch has other words than the one that was published.
        """
        for batch in batches:
            if isinstance(command, c.Redate) and not isinstance(result, Exception):
                self._redated.add(batch.id)
            self._compare(batch)

    def settle(self) -> None:
        """The journal is at its end.

        Raises
        ------
        ProtocolError
            If a batch has another header than the one that was published, and nobody redated it.
        """
        for batch_id, batch in sorted(self._differing.items()):
            if batch_id in self._redated:  # killed before the new header was published
                self._archive.replace(batch)
            else:
                self._archive.write(batch)  # raises: it says what differs

    def _compare(self, batch: Batch) -> None:
        published = self._archive.read(batch.id) if batch.id in self._archive else None
        if published == batch:
            self._differing.pop(batch.id, None)
        elif published is not None and published.words == batch.words:
            self._differing[batch.id] = batch
        else:
            self._archive.write(batch)  # raises if it is another one
