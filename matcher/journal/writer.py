"""The append-only log of commands: written and synced before anything is answered.

`matcher.journal.groups` says what the files hold. What is appended waits in memory until a writer
takes it, all of it as one group, writes it, and syncs; what is appended meanwhile is the next
group. So a sync is shared by whatever came while the one before it ran, and nobody who appends
waits for one.

How far this is stands in a page of shared memory (`matcher.journal.progress`); other processes
follow with a `matcher.journal.tail.Tail`.
"""

import asyncio
import contextlib
import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Literal, NamedTuple

import msgspec

from matcher.commands import AnyCommand, Command
from matcher.disk import sync_directory
from matcher.errors import JournalError
from matcher.journal.files import SEGMENT_BYTES, SegmentWriter, Sizes
from matcher.journal.groups import (
    COMMAND_MAX,
    COMMANDS,
    GROUP_MAX,
    LINES,
    Group,
    first_of,
    joined,
    segments_of,
    size_of,
)
from matcher.journal.progress import NOWHERE, SYNCED, WRITTEN, ProgressWriter
from matcher.journal.reading import Cut, Identity, find_end, groups_of, limits_in
from matcher.turns import take_short_turns
from matcher.widths import require_widths

__all__ = ["Cut", "Identity", "Journal", "encode", "limits_in"]

Ack = Literal["synced", "written"]

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)


class _Waiting(NamedTuple):
    """Who waits for a command to be safe."""

    sequence: int
    loop: asyncio.AbstractEventLoop
    future: "asyncio.Future[None]"


class _Pending(NamedTuple):
    """What was appended and not yet written."""

    kind: int
    first: int
    commands: int
    parts: list[bytes]


def encode(command: Command) -> bytes:
    """A command as the journal holds it.

    Raises
    ------
    JournalError
        If it could not be read back, or is none that the exchange takes: a field of another type,
        or beyond its width.
    """
    try:
        payload = _encoder.encode(command)
        again = _decoder.decode(payload)
    except (msgspec.MsgspecError, OverflowError, TypeError) as error:
        raise JournalError(f"{type(command).__name__} cannot be journaled: {error}") from error
    if again != command:
        raise JournalError(f"{command} would be read back as {again}")
    require_widths(command)
    if len(payload) > COMMAND_MAX:
        raise JournalError(f"{type(command).__name__}: {len(payload)} bytes")
    return payload


class Journal:
    """One exchange's commands on disk. One process at a time.

    Parameters
    ----------
    directory : Path
        Made if it is not there.
    identity : Identity
    segment_bytes : int
        The most that a segment has; the first are smaller.
    first_bytes : int, optional
        Of the first segment that is made.
    ack : {"synced", "written"}
        When a command is safe for `durable`: once it survives a power cut; or once the system has
        it, which survives the end of this process alone, for those whose copies on other machines
        do the rest.
    past_cache : bool
        Write groups past the system's cache: for a journal that nobody follows, on a disk of its
        own speed. Followers would read each group from the disk.

    Attributes
    ----------
    last : int
        Sequence of the last command that was appended; 0 before the first.
    synced : int
        Sequence of the last command that survives a power cut.
    cut : Cut or None
        What was lost of a torn tail: commands that were never synced, so never answered.

    Raises
    ------
    JournalError
        If another process writes here, if the journal is another exchange's (naming both), or if
        its last segment is damaged other than by a torn tail; with `past_cache` if the file system
        knows no such way.
    """

    def __init__(
        self,
        directory: Path,
        identity: Identity,
        segment_bytes: int = SEGMENT_BYTES,
        *,
        first_bytes: int | None = None,
        ack: Ack = "synced",
        past_cache: bool = False,
    ):
        self.directory = Path(directory)
        self.identity = identity
        self.ack = ack
        self.last = self.synced = 0
        self.cut: Cut | None = None
        sizes = Sizes(most=segment_bytes)
        if first_bytes is not None:
            sizes = sizes._replace(first=first_bytes)
        self._at = NOWHERE  # behind the last group that was written
        self._pending: list[_Pending] = []
        self._waiting: list[_Waiting] = []
        self._broken = ""
        self._closing = False
        self._state = threading.Condition()  # guards what was appended, who waits, what is broken
        self._writing = threading.Lock()  # who writes groups; taken before the next
        self._syncing = threading.Lock()  # who syncs, or changes the segment
        self._threads: list[threading.Thread] = []
        self.directory.mkdir(parents=True, exist_ok=True)
        self._files = SegmentWriter(self.directory, _encoder.encode(identity), sizes, past_cache)
        self._lock = _lock(self.directory)
        try:
            self._progress = ProgressWriter(self.directory)
            self._open()
        except BaseException:
            self._let_go()
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Sync what was appended, and let others in."""
        if self._lock < 0:
            return
        try:
            if not self._broken:
                self.sync()
        finally:
            with self._state:
                self._closing = True
                self._state.notify_all()
            for thread in self._threads:
                thread.join()
            self._progress.leave()
            self._let_go()

    def _let_go(self) -> None:
        self._files.end_preparing()
        self._files.close()
        os.close(self._lock)
        self._lock = -1

    @property
    def written(self) -> int:
        """Sequence of the last command that the system has."""
        return self._at.last

    # --- appending -------------------------------------------------------------------------------

    def append(self, commands: Sequence[Command]) -> range:
        """Take commands; they are safe once `sync` has returned, or `durable` is done.

        Returns
        -------
        range
            Their sequence numbers.
        """
        return self.append_encoded([encode(command) for command in commands])

    def append_encoded(self, payloads: Sequence[bytes]) -> range:
        """Like `append`, for what `encode` returned."""
        return self._append(COMMANDS, len(payloads), joined(payloads))

    def append_lines(self, lines: bytes, commands: int) -> range:
        """Like `append`, for commands as the kernel takes them: lines of 64 bytes."""
        return self._append(LINES, commands, lines)

    def _append(self, kind: int, commands: int, payload: bytes) -> range:
        with self._state:
            self._require_sound()
            first = self.last + 1
            before = self._pending[-1] if self._pending else None
            if before is not None and before.kind == kind and self._grows(before, payload):
                before.parts.append(payload)
                self._pending[-1] = before._replace(commands=before.commands + commands)
            elif commands:
                self._pending.append(_Pending(kind, first, commands, [payload]))
            self.last += commands
            self._state.notify_all()
        return range(first, self.last + 1)

    def _grows(self, group: _Pending, payload: bytes) -> bool:
        """Whether a payload may still go into a group that waits."""
        length = sum(map(len, group.parts)) + len(payload)
        return length <= GROUP_MAX and len(group.parts) < 500

    def write_lines(self, parts: Sequence[memoryview], commands: int) -> None:
        """Write lines that lie in the caller's memory as a group, at once; `sync_written` is next.

        For a writer that has a thread of its own for this, and appends in no other way.
        """
        with self._writing:
            with self._state:
                self._require_sound()
                if self._pending:
                    raise JournalError(f"{self.directory}: commands wait that come before")
                self.last += commands
            self._write_groups([(LINES, self.written + 1, commands, list(parts))])

    # --- safety ----------------------------------------------------------------------------------

    def sync(self) -> None:
        """Return once everything appended before the call survives a power cut.

        May run in another thread while something is appended.
        """
        with self._state:
            self._require_sound()
            wanted = self.last
        self._write_pending(wanted)
        self.sync_written(wanted)

    def durable(self, sequence: int) -> "asyncio.Future[None]":
        """A future that is done when a command is safe, in the sense of `ack`.

        From the first call on, threads of the journal write and sync by themselves whatever is
        appended. The future raises `JournalError` if the command may not have become safe.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[None] = loop.create_future()
        with self._state:
            if self._safe() >= sequence:
                future.set_result(None)
            elif self._broken or self._lock < 0:
                future.set_exception(JournalError(self._reason()))
            else:
                self._waiting.append(_Waiting(sequence, loop, future))
                self._start_threads()
                self._state.notify_all()
        return future

    def _safe(self) -> int:
        return self.synced if self.ack == "synced" else self.written

    def _start_threads(self) -> None:
        if self._threads:
            return
        apart = (self._keep_writing, self._keep_syncing)
        for work in (self._keep_both,) if self.ack == "synced" else apart:
            thread = threading.Thread(target=work, name="journal", daemon=True)
            self._threads.append(thread)
            thread.start()

    def _keep_both(self) -> None:
        """Write what waits as one group, and sync it; what comes meanwhile is the next."""
        self._keep(lambda: bool(self._pending), self.sync)

    def _keep_writing(self) -> None:
        self._keep(lambda: bool(self._pending), lambda: self._write_pending(self.last))

    def _keep_syncing(self) -> None:
        self._keep(lambda: self.synced < self.written, lambda: self.sync_written(self.written))

    def _keep(self, due: Callable[[], bool], work: Callable[[], None]) -> None:
        """Do a thread's work whenever it is due, until the journal closes or breaks."""
        take_short_turns()
        while True:
            with self._state:
                self._state.wait_for(lambda: due() or self._closing or bool(self._broken))
                if self._closing or self._broken:
                    return
            try:
                work()
            except JournalError:
                return  # `_break` has told everybody

    def _require_sound(self) -> None:
        if self._broken or self._lock < 0:
            raise JournalError(self._reason())

    def _reason(self) -> str:
        if self._broken:
            return f"{self.directory}: {self._broken}; restart to go on"
        return f"{self.directory}: closed"

    def _break(self, error: Exception) -> None:
        """Take nothing more: what the disk holds is not known."""
        with self._state:
            self._broken = self._broken or str(error)
            waiting, self._waiting = self._waiting, []
            self._state.notify_all()
        for one in waiting:
            with contextlib.suppress(RuntimeError):  # who waited is gone
                one.loop.call_soon_threadsafe(_refuse, one.future, self._reason())

    # --- writing ---------------------------------------------------------------------------------

    def _write_pending(self, wanted: int) -> None:
        """Write what was appended, unless another thread wrote up to `wanted` meanwhile."""
        with self._writing:
            if self.written >= wanted:
                return
            with self._state:
                self._require_sound()
                pending, self._pending = self._pending, []
            self._write_groups([(one.kind, one.first, one.commands, one.parts) for one in pending])

    def _write_groups(
        self, groups: Sequence[tuple[int, int, int, Sequence[bytes | memoryview]]]
    ) -> None:
        """Write groups behind one another; `_writing` is held."""
        try:
            for kind, first, commands, parts in groups:
                length = sum(memoryview(part).nbytes for part in parts)
                if not self._files.fits(length):
                    self._rotate(first, length)
                unsynced = first - 1 - self.synced  # at most: a sync may return meanwhile
                self._files.write(kind, first, commands, list(parts), unsynced)
                self._at = self._files.place(first + commands - 1)
        except JournalError as error:
            self._break(error)
            raise
        self._progress.tell(WRITTEN, self._at)
        self._tell_safe()

    def _rotate(self, first: int, length: int) -> None:
        self.sync_written(self.written)
        with self._syncing:
            self._files.create(self._files.number + 1, first, size_of(length))

    def sync_written(self, wanted: int) -> None:
        """Return once what was written survives a power cut, up to `wanted` at least.

        Raises
        ------
        JournalError
            If the disk refuses; the journal takes nothing more then.
        """
        with self._syncing:
            if self.synced >= wanted:
                return
            with self._state:
                self._require_sound()
            place = self._at
            try:
                self._files.sync()
            except OSError as error:
                # The kernel may have dropped the pages and would report success the next time.
                self._break(JournalError(f"sync failed: {error}"))
                raise JournalError(self._reason()) from error
            self.synced = place.last
            self._progress.tell(SYNCED, place)
        self._tell_safe()

    def _tell_safe(self) -> None:
        """Wake who waits for what is safe now."""
        with self._state:
            safe = self._safe()
            done = [one for one in self._waiting if one.sequence <= safe]
            self._waiting = [one for one in self._waiting if one.sequence > safe]
            self._state.notify_all()
        for loop in {one.loop for one in done}:
            futures = [one.future for one in done if one.loop is loop]
            with contextlib.suppress(RuntimeError):  # who waited is gone
                loop.call_soon_threadsafe(_resolve, futures)

    # --- opening ---------------------------------------------------------------------------------

    def _open(self) -> None:
        for leftover in self.directory.glob("*.next"):
            leftover.unlink()
        promised = self._progress.place(SYNCED).last
        found = find_end(self.directory, self.identity, promised)
        if found is None:
            self._files.create(1, 1)
        else:
            self._files.open(found.place.segment, found.place.end, found.chain)
            self.cut = found.cut
            if self.cut is not None:
                self._files.clear(self.cut.offset + self.cut.lost)
        last = 0 if found is None else found.place.last
        # What a killed process wrote and did not sync counts from now on, and so must last.
        self._files.sync()
        self.last = self.synced = last
        self._at = self._files.place(last)
        self._progress.tell(WRITTEN, self._at)
        self._progress.tell(SYNCED, self._at)

    # --- reading ---------------------------------------------------------------------------------

    def replay(self, after: int = 0) -> Iterator[tuple[int, Command]]:
        """Every command above `after` with its sequence, in order.

        Raises
        ------
        JournalError
            With file and offset, if a group is damaged, missing, or of another exchange, or holds
            lines: those are for `groups`.
        """
        for group in self.groups(after):
            if group.kind != COMMANDS:
                raise JournalError(f"{self.directory}: command {group.first} stands in lines")
            yield from group.decoded(after)

    def groups(self, after: int = 0) -> Iterator[Group]:
        """Every group that holds commands above `after`, in order, as of now.

        Raises
        ------
        JournalError
            As `replay`.
        """
        self._write_pending(self.last)
        return groups_of(self.directory, self.identity, after, self._at)

    def prune(self, until: int) -> list[Path]:
        """Remove the segments all of whose commands are numbered up to `until`; never the last.

        Returns
        -------
        list of Path
            What was removed, oldest first.
        """
        segments = segments_of(self.directory)
        removed = []
        for path, following in pairwise(segments):
            if first_of(following) > until + 1:
                break
            path.unlink()
            removed.append(path)
        if removed:
            sync_directory(self.directory)
        return removed


def _resolve(futures: "Sequence[asyncio.Future[None]]") -> None:
    for future in futures:
        if not future.done():
            future.set_result(None)


def _refuse(future: "asyncio.Future[None]", reason: str) -> None:
    if not future.done():
        future.set_exception(JournalError(reason))


def _lock(directory: Path) -> int:
    handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(handle, 32, 0).decode(errors="replace").strip()
        os.close(handle)
        raise JournalError(f"{directory}: process {owner or '?'} writes here") from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle
