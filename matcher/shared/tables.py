"""Tables that one process keeps up to date and any other reads, without asking and without a lock.

::

    writer = TableWriter.create("tops", TOP, rows=4096)       # one process, the owner
    writer.write(0, record)
    writer.beat(sequence)

    reader = TableReader.attach("tops", TOP)                  # any other; it cannot write
    rows = reader.rows()                                      # each row whole, as of some moment
    row = reader.row(0)

A copy is a row as the writer left it, never half of one and half of the next. Rows are read one by
one, so two rows may be of different moments; a writer that must show them together puts them into
one record. The *beat* is a number that the writer raises when all rows show what it stands for.
"""

import os
from pathlib import Path
from typing import Any, Final

import numpy as np

from matcher.kernel import seqlock as kernel
from matcher.kernel.atomics import read_word
from matcher.shared.segments import (
    TABLE,
    OwnerGone,
    Records,
    Segment,
    SegmentError,
    SegmentMismatch,
    Shape,
    Words,
    address_of,
    default_place,
)

MAX_ROWS: Final = 1 << 24
TRIES: Final = 1 << 12  # before the writer is asked for


def _stride(record: "np.dtype[Any]") -> int:
    """Bytes from a row to the next: its sequence and payload, in whole lines."""
    return -(-(8 + record.itemsize) // 64) * 64


def _shape(record: "np.dtype[Any]", version: int, rows: int) -> Shape:
    size = kernel.ROWS + rows * _stride(record) if rows else 0
    return Shape(TABLE, version, record, rows, 0, size)


class _Table:
    """A table, as both sides have it."""

    def __init__(self, segment: Segment, record: "np.dtype[Any]"):
        self.segment = segment
        self.record = record
        self.capacity = segment.capacity
        self._words = record.itemsize // 8
        self._stride = _stride(record)

    def _row(self, index: int, end: int) -> int:
        """Address of a row."""
        if not 0 <= index < end:
            raise IndexError(f"{self.segment.path}: row {index}, allowed below {end}")
        return self.segment.opened + kernel.ROWS + index * self._stride

    def __len__(self) -> int:
        """Rows that were ever written: the first so many."""
        return kernel.used_rows(self.segment.opened)

    def close(self) -> None:
        """Let go of it; the owner's call ends it for everybody who would attach."""
        self.segment.close()


class TableWriter(_Table):
    """The one process that writes, which owns the table.

    Attributes
    ----------
    capacity : int
        Rows that fit.
    """

    @classmethod
    def create(
        cls,
        name: str,
        record: "np.dtype[Any]",
        *,
        rows: int,
        version: int = 1,
        place: Path | None = None,
    ) -> "TableWriter":
        """Make an empty table.

        Parameters
        ----------
        rows : int
            That fit.
        version : int
            Of the record's meaning; must be the same wherever it is attached.

        Raises
        ------
        SegmentBusy
            If a process that lives owns one of that name.
        SegmentError
        """
        if not 1 <= rows <= MAX_ROWS:
            raise SegmentError(f"rows: found {rows}, allowed 1 to {MAX_ROWS}")
        shape = _shape(record, version, rows)
        return cls(Segment.create(place or default_place(), name, shape), record)

    def write(self, index: int, record: Records | np.void) -> None:
        """Change a row; readers see it whole at once.

        Parameters
        ----------
        index : int
            At most the number of rows used so far.
        record : ndarray of the table's record, shape () or (1,), or one record of such
        """
        row = self._row(index, min(self.capacity, len(self) + 1))
        packed = np.ascontiguousarray(record)
        if packed.dtype != self.record or packed.size != 1:
            raise SegmentError(f"record: found {packed.dtype}, allowed one {self.record}")
        kernel.write_row(row, address_of(packed), self._words)
        if index == len(self):
            kernel.count_used(self.segment.opened, index + 1)

    def beat(self, number: int) -> None:
        """Say that all rows show what `number` stands for. It never falls."""
        if number > kernel.beat_of(self.segment.opened):
            kernel.set_beat(self.segment.opened, number)


class TableReader(_Table):
    """A process that reads. Its mapping is read-only: it cannot do harm.

    Attributes
    ----------
    capacity : int
        Rows that fit.
    """

    @classmethod
    def attach(
        cls, name: str, record: "np.dtype[Any]", *, version: int = 1, place: Path | None = None
    ) -> "TableReader":
        """Find a table that another process keeps.

        Raises
        ------
        SegmentMissing, SegmentMismatch, OwnerGone
        """
        segment = Segment.attach(
            place or default_place(), name, _shape(record, version, 0), writable=False
        )
        size = _shape(record, version, segment.capacity).bytes
        if len(segment.bytes) != size:
            raise SegmentMismatch(
                f"{segment.path}: bytes: found {len(segment.bytes)}, allowed {size}"
            )
        return cls(segment, record)

    def row(self, index: int) -> np.void:
        """A copy of a row: one record of the table's.

        Raises
        ------
        IndexError
            If the row was never written.
        OwnerGone
            If the writer ended while it changed the row.
        """
        records = np.empty(1, self.record)
        row, into = self._row(index, len(self)), address_of(records)
        while kernel.read_row(row, into, self._words, TRIES) == kernel.CHANGING:
            self._check_row(index)
        record: np.void = records[0]
        return record

    def rows(self, first: int = 0, count: int | None = None) -> tuple[Records, Words]:
        """Copies of rows, each whole.

        Parameters
        ----------
        count : int, optional
            By default all that are used from `first` on.

        Returns
        -------
        records : ndarray of the table's record, shape (count,)
        sequences : ndarray of int64, shape (count,)
            Twice how often each row was changed: the same number, the same row.

        Raises
        ------
        IndexError, OwnerGone
            As `row`.
        """
        used = len(self)
        count = max(0, used - first) if count is None else count
        records = np.zeros(count, self.record)
        sequences = np.zeros(count, np.int64)
        done = 0
        if count:
            self._row(first, used)
            self._row(first + count - 1, used)
        while done < count:
            done += kernel.read_rows(
                self._row(first + done, used),
                self._stride,
                count - done,
                address_of(records) + done * self.record.itemsize,
                self._words,
                TRIES,
                address_of(sequences) + 8 * done,
            )
            if done < count:
                self._check_row(first + done)
        return records, sequences

    @property
    def beat(self) -> int:
        """How far the writer is; rows that are read after this show that, or later."""
        return kernel.beat_of(self.segment.opened)

    def check_writer(self) -> None:
        """Raise `OwnerGone` if nobody writes any more: what is there stays as it is."""
        self.segment.check_owner()

    def _check_row(self, index: int) -> None:
        """A row changed at each look: let its writer go on, if there is one."""
        row = self._row(index, self.capacity)
        try:
            self.check_writer()
        except OwnerGone as gone:
            if read_word(row) & 1:
                raise OwnerGone(f"{gone} while it changed row {index}") from None
        os.sched_yield()
