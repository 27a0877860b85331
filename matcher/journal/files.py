"""The files of a journal in the hands of its writer: the segment at hand, and the next one.

A segment is made whole before it is used: allocated, filled with zeros, begun with whose journal it
is, synced, and only then named. From the moment half of a segment is used the next is prepared
beside it by a thread, so that to go over to it takes a write and a rename. Segments double in size
up to the size that is wanted, so a small journal takes little of the disk.
"""

import contextlib
import os
import threading
from pathlib import Path
from typing import Final, NamedTuple

from matcher.disk import allocate, sync_directory, write_all
from matcher.errors import JournalError
from matcher.journal.groups import IDENTITY, LINE, sealed, segment_name, size_of
from matcher.journal.pages import PAGE, PageWriter
from matcher.journal.progress import Place

SEGMENT_BYTES: Final = 64 << 20
FIRST_BYTES: Final = 1 << 20
_PREPARE_FROM: Final = 4 << 20  # smaller ones are made when they are needed
_PAUSE: Final = 0.005  # seconds between two steps of a preparation that nobody waits for


class Sizes(NamedTuple):
    """Bytes of a journal's segments.

    Attributes
    ----------
    first : int
        Of the first one that a writer makes; each next has twice as many.
    most : int
        No segment has more, but for a single group that needs it.
    """

    first: int = FIRST_BYTES
    most: int = SEGMENT_BYTES


class SegmentWriter:
    """Writes groups behind one another, from segment to segment.

    Parameters
    ----------
    directory : Path
    identity : bytes
        What each segment begins with.
    sizes : Sizes
    past_cache : bool
        Whether groups are written past the system's cache.

    Attributes
    ----------
    number : int
        Of the segment at hand; 0 before there is one.
    end : int
        Offset behind its last group.
    chain : int
        The last group's checksum.
    """

    def __init__(self, directory: Path, identity: bytes, sizes: Sizes, past_cache: bool = False):
        self.directory = directory
        self.number = 0
        self.end = 0
        self.chain = 0
        self._identity = identity
        self._sizes = sizes
        self._past_cache = past_cache
        self._pages: PageWriter | None = None  # of the segment at hand
        self._handle = -1
        self._size = 0
        self._next: _Prepared | None = None

    @property
    def path(self) -> Path:
        """The segment at hand."""
        return self.directory / segment_name(self.number)

    def place(self, last: int) -> Place:
        """Where the writer is, behind command `last`."""
        return Place(self.number, self.end, last)

    def open(self, number: int, end: int, chain: int) -> None:
        """Go on in a segment that is there; clear what stands behind `end`."""
        self.number, self.end, self.chain = number, end, chain
        self._handle = os.open(self.path, os.O_RDWR)
        self._size = os.fstat(self._handle).st_size
        self._open_pages()

    def clear(self, until: int) -> None:
        """Write zeros from the end of the last group up to an offset."""
        self._blank(until - self.end)

    def create(self, number: int, first: int, room: int = 0) -> None:
        """Go over to a new segment, whose first command is to be `first`.

        Parameters
        ----------
        room : int
            Bytes of the group that will come first.

        Raises
        ------
        JournalError
            If the disk has no room.
        """
        parts = [self._identity]
        head, filled, crc = sealed(
            IDENTITY, first, 0, parts, segment=number, unsynced=0, chain=self.chain
        )
        begin = [head, *parts, bytes(filled)]
        end = size_of(len(self._identity))
        path = self.directory / segment_name(number)
        try:
            handle, made, size = self._take(number, end + room)
            try:
                write_all(handle, [*begin], 0)
                os.fdatasync(handle)
                made.rename(path)
                sync_directory(self.directory)
            except BaseException:
                os.close(handle)
                raise
        except OSError as error:
            raise JournalError(f"{path}: write failed: {error}") from error
        self.close()
        self._handle, self._size = handle, size
        self.number, self.end, self.chain = number, end, crc
        self._open_pages()

    def _open_pages(self) -> None:
        if self._past_cache and self._size % PAGE == 0:  # another's may end within a page
            try:
                self._pages = PageWriter(self.path)
            except OSError as error:
                raise JournalError(f"{self.path}: not past the cache: {error}") from error

    def fits(self, length: int) -> bool:
        """Whether a group with a payload of so many bytes finds room in the segment at hand."""
        return self.end + size_of(length) <= self._size

    def write(
        self, kind: int, first: int, commands: int, parts: list[bytes | memoryview], unsynced: int
    ) -> None:
        """Write a group behind the last one; it must fit.

        Raises
        ------
        JournalError
            If it could not be written; nothing of it is left, as far as the disk obeys.
        """
        head, filled, crc = sealed(
            kind,
            first,
            commands,
            parts,
            segment=self.number,
            unsynced=unsynced,
            chain=self.chain,
        )
        length = sum(memoryview(part).nbytes for part in parts)
        end = self.end + size_of(length)
        behind = min(-end % PAGE, self._size - end)
        try:
            if self._pages is not None:
                self._pages.write([head, *parts, bytes(filled)], self.end)
            else:
                write_all(self._handle, [head, *parts, bytes(filled + behind)], self.end)
        except OSError as error:
            with contextlib.suppress(OSError):
                self._blank(size_of(length))
            raise JournalError(f"{self.path}: write failed: {error}") from error
        self.end = end
        self.chain = crc
        if 8 * self.end > self._size:
            self._prepare()

    def sync(self) -> None:
        """Return once all that was written to the segment at hand survives a power cut.

        Raises
        ------
        OSError
        """
        os.fdatasync(self._handle)

    def close(self) -> None:
        """Let go of the segment at hand."""
        if self._pages is not None:
            self._pages.close()
            self._pages = None
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def end_preparing(self) -> None:
        """Remove what was prepared and not used."""
        if self._next is not None:
            self._next.drop()
            self._next = None

    def _blank(self, length: int) -> None:
        step = 1 << 20
        for start in range(self.end, self.end + length, step):
            write_all(self._handle, [bytes(min(step, self.end + length - start))], start)

    def _size_of_next(self) -> int:
        return min(self._sizes.most, max(self._sizes.first, 2 * self._size))

    def _prepare(self) -> None:
        size = self._size_of_next()
        if self._next is None and size >= _PREPARE_FROM:
            self._next = _Prepared(_prepared_path(self.directory, self.number + 1), size)

    def _take(self, number: int, needed: int) -> tuple[int, Path, int]:
        """Handle, path and size of an empty segment with room for `needed` bytes."""
        made, self._next = self._next, None
        if made is not None:
            taken = made.take(needed)
            if taken is not None:
                return taken, made.path, made.size
        unit = PAGE if self._past_cache else LINE
        size = max(self._size_of_next() // unit, -(-needed // unit)) * unit
        path = _prepared_path(self.directory, number)
        return allocate(path, size), path, size


def _prepared_path(directory: Path, number: int) -> Path:
    return directory / f"{number:08d}.next"


class _Prepared:
    """A segment that a thread makes before it is needed."""

    def __init__(self, path: Path, size: int):
        self.path = path
        self.size = size
        self._handle = -1
        self._wanted = threading.Event()
        self._thread = threading.Thread(target=self._make, name="next segment", daemon=True)
        self._thread.start()

    def _make(self) -> None:
        # Without room on the disk the writer will meet the same, and say so, when it needs it.
        with contextlib.suppress(OSError):
            self._handle = allocate(self.path, self.size, lambda: self._wanted.wait(_PAUSE))

    def take(self, needed: int) -> int | None:
        """Its handle, once it is made; None if it could not be, or is too small."""
        self._wanted.set()
        self._thread.join()
        if self._handle >= 0 and self.size < needed:
            self.drop()
        return self._handle if self._handle >= 0 else None

    def drop(self) -> None:
        """Remove it."""
        self._wanted.set()
        self._thread.join()
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1
            self.path.unlink(missing_ok=True)
