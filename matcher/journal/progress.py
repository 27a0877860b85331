"""How far a journal is: a page that its writer keeps, and any other process reads without a lock.

The page is the file ``progress`` beside the segments, mapped by everybody::

    0     magic
    8     writer   stamp of the process that writes the journal
    128   synced   seqlock row: segment, end, last
    256   written  the same

Each row is a place: a segment's number, the offset behind its last whole group, and the sequence of
the last command before it. `synced` only moves after a sync has returned, so whatever the page says
was synced has to be there when the journal is opened again, however its writer ended.
"""

import mmap
import os
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np

from matcher.errors import JournalError
from matcher.kernel import seqlock
from matcher.kernel.atomics import read_word, write_word
from matcher.shared.segments import address_of, lives, own_stamp

SYNCED: Final = 128
WRITTEN: Final = 256
_MAGIC: Final = int.from_bytes(b"QuoinJrn", "little")
_WRITER: Final = 8
_BYTES: Final = 4096
_WORDS: Final = 3
_TRIES: Final = 1 << 12


class Place(NamedTuple):
    """A place in a journal, between two groups.

    Attributes
    ----------
    segment : int
        Number of the segment; 0 where nothing is known.
    end : int
        Bytes from the segment's start.
    last : int
        Sequence of the last command before it.
    """

    segment: int
    end: int
    last: int


NOWHERE: Final = Place(0, 0, 0)


class _Page:
    """The page, as both sides have it."""

    def __init__(self, path: Path, handle: int, access: int):
        self.path = path
        try:
            memory = mmap.mmap(handle, _BYTES, mmap.MAP_SHARED, access)
        finally:
            os.close(handle)
        self._bytes = np.frombuffer(memory, np.uint8)
        self._at = address_of(self._bytes)
        self._row = np.zeros(_WORDS, np.int64)
        self._row_at = address_of(self._row)

    def place(self, row: int = SYNCED) -> Place:
        """What a row says; `NOWHERE` if it says nothing, or was left half-changed by a crash."""
        if seqlock.read_row(self._at + row, self._row_at, _WORDS, _TRIES) == seqlock.CHANGING:
            return NOWHERE
        return Place(*self._row.tolist())

    def address(self, row: int) -> int:
        """Where a row's first word is, which changes with the row."""
        return self._at + row

    def changes(self, row: int) -> int:
        """A number that is another one once the row has changed."""
        return read_word(self._at + row)


class ProgressWriter(_Page):
    """The page in the hands of who writes the journal."""

    def __init__(self, directory: Path):
        path = directory / "progress"
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o644)
        if os.fstat(handle).st_size != _BYTES:
            os.ftruncate(handle, 0)
            os.posix_fallocate(handle, 0, _BYTES)
        super().__init__(path, handle, mmap.PROT_READ | mmap.PROT_WRITE)
        if read_word(self._at) != _MAGIC:
            self._bytes[:] = 0
            write_word(self._at, _MAGIC)
        write_word(self._at + _WRITER, own_stamp())

    def tell(self, row: int, place: Place) -> None:
        """Say how far the journal is."""
        self._row[:] = place
        seqlock.write_row(self._at + row, self._row_at, _WORDS)

    def leave(self) -> None:
        """Say that nobody writes any more."""
        write_word(self._at + _WRITER, 0)


class Progress(_Page):
    """The page in the hands of a reader, who cannot write it."""

    def __init__(self, directory: Path):
        path = directory / "progress"
        try:
            handle = os.open(path, os.O_RDONLY)
        except FileNotFoundError:
            raise JournalError(f"{directory}: no journal, or nobody has written it yet") from None
        if os.fstat(handle).st_size != _BYTES:
            os.close(handle)
            raise JournalError(f"{path}: is no page of a journal's progress")
        super().__init__(path, handle, mmap.PROT_READ)
        if read_word(self._at) != _MAGIC:
            raise JournalError(f"{path}: is no page of a journal's progress")

    def writer_lives(self) -> bool:
        """Whether somebody writes the journal."""
        return lives(read_word(self._at + _WRITER))
