"""Following a journal from another process, without a lock, up to what is synced.

::

    tail = Tail(directory, identity, after=snapshot_sequence)
    while tail.wait():
        for sequence, command in tail.commands():
            engine.apply(command)

A reader maps the segments and looks at the page of progress; the writer does not know that it is
there. So any number may read, one that is slow or stopped holds nobody up, and one that dies takes
nothing along. Groups are views of the mapped files: nothing is copied before it is decoded.

When the writer dies its readers have everything that was synced, to the last group; the writer that
comes after goes on behind it, and they with it.
"""

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from matcher.commands import Command
from matcher.errors import JournalError
from matcher.journal.groups import IDENTITY, Group, groups_in, mapped, segment_name, skip_at
from matcher.journal.progress import SYNCED, WRITTEN, Progress
from matcher.journal.reading import Identity, require_ours, segments_from
from matcher.kernel.waiting import await_change

_SPINS: Final = 512  # looks before the processor is given away
_YIELDS: Final = 32  # rounds of these before the first nap
_NAP: Final = 50e-6  # seconds
_LONG_NAP: Final = 500e-6  # when nothing came for so long ...
_TIRED: Final = 2_000  # ... rounds


class Tail:
    """A journal's groups as they become safe.

    Parameters
    ----------
    directory : Path
    identity : Identity
        Whose journal it must be.
    after : int
        Sequence of the last command that is known already.
    written : bool
        Follow what was written, synced or not: for copies to other machines.

    Attributes
    ----------
    last : int
        Sequence of the last command that was given out.

    Raises
    ------
    JournalError
        If there is no journal, if it is another exchange's, if the commands behind `after` were
        pruned, or if it ends before `after`.
    """

    def __init__(
        self, directory: Path, identity: Identity, after: int = 0, *, written: bool = False
    ):
        self.directory = directory
        self.identity = identity
        self.last = after
        self._progress = Progress(directory)
        self._row = WRITTEN if written else SYNCED
        self._chain: int | None = None
        self._known = self._progress.place(self._row)
        if after > self._known.last:
            raise JournalError(
                f"{directory}: ends with command {self._known.last}, expected {after} or later"
            )
        segments = segments_from(directory, after)
        if not segments:
            raise JournalError(f"{directory}: no segment of the journal is there")
        path, first = segments[0]
        self._map(path)
        self._expected = first
        self._skip_to(after)

    def _map(self, path: Path) -> None:
        self._path = path
        self._number = int(path.stem)
        try:
            self._data = mapped(path)
        except FileNotFoundError:
            raise JournalError(f"{path}: not there: it was pruned before it was read") from None
        self._offset = 0

    def _skip_to(self, after: int) -> None:
        """Pass by the groups that hold nothing above `after`, without reading them."""
        while True:
            found = skip_at(self._data, self._offset, self._number)
            if found is None or found[0] > after + 1 or self._offset >= self._end():
                return
            following, end, chain = found
            if self._offset == 0:
                self._require_ours()
            self._expected, self._offset, self._chain = following, end, chain

    def _require_ours(self) -> None:
        for group in groups_in(self._path, self._data, 0, 1, self._expected, None):
            require_ours(self._path, group, self.identity)

    def _end(self) -> int:
        """Offset up to which the segment at hand may be read."""
        at = self._known
        return at.end if at.segment == self._number else len(self._data)

    @property
    def waiting(self) -> int:
        """Commands that are there and were not given out."""
        self._known = self._progress.place(self._row)
        return self._known.last - self.last

    @property
    def writer_lives(self) -> bool:
        """Whether somebody writes the journal: if not, what is there is all for now."""
        return self._progress.writer_lives()

    def groups(self) -> Iterator[Group]:
        """Groups that are safe now and were not given out, in order; the first may begin earlier.

        Raises
        ------
        JournalError
            With file and offset, if a group is damaged, missing, or of another exchange.
        """
        while self.waiting > 0:
            for group in groups_in(
                self._path, self._data, self._offset, self._end(), self._expected, self._chain
            ):
                self._offset, self._chain = group.end, group.crc
                self._expected = group.first + group.commands
                if group.kind == IDENTITY:
                    require_ours(self._path, group, self.identity)
                else:
                    self.last = group.last
                    yield group
            if self.last < self._known.last and self._number < self._known.segment:
                self._map(self.directory / segment_name(self._number + 1))
            elif self.last < self._known.last:
                raise JournalError(
                    f"{self._path}: ends at offset {self._offset} with command {self.last},"
                    f" expected {self._known.last}"
                )

    def commands(self) -> Iterator[tuple[int, Command]]:
        """Commands that are safe now and were not given out, with their sequences."""
        after = self.last
        for group in self.groups():
            yield from group.decoded(after)

    def wait(self, seconds: float = float("inf")) -> bool:
        """Wait until a command is there, the writer has ended, or the time is over.

        Spins for some microseconds, then gives the processor away between looks, then naps; other
        threads of this process run meanwhile.

        Returns
        -------
        bool
            Whether there is one.
        """
        until = time.monotonic() + seconds
        rounds = 0
        while True:
            seen = self._progress.changes(self._row)
            if self.waiting > 0:
                return True
            if time.monotonic() >= until:
                return False
            rounds += 1
            if rounds <= _YIELDS:
                await_change(self._progress.address(self._row), seen, _SPINS)
                os.sched_yield()
            else:
                if rounds % _YIELDS == 0 and not self.writer_lives:
                    return self.waiting > 0
                time.sleep(_NAP if rounds < _TIRED else _LONG_NAP)
