"""Rows that a process writes and others copy: always whole, never by asking."""

import os
from contextlib import suppress
from pathlib import Path

import numba
import numpy as np
import pytest

from matcher.kernel import seqlock
from matcher.kernel.atomics import pause, read_word, write_word
from matcher.shared.segments import OwnerGone, SegmentBusy, SegmentError, SegmentMismatch
from matcher.shared.tables import TableReader, TableWriter
from tests.support.peers import peers

WORDS = 96
RECORD = np.dtype([("number", "<i8"), ("derived", "<i8", (WORDS - 1,))])
FACTORS = np.arange(1, WORDS)


def record(number: int) -> np.ndarray:
    """Every word tells the number, so half of one and half of the next is seen."""
    made = np.zeros((), RECORD)
    made["number"] = number
    made["derived"] = number * FACTORS
    return made


def check(found) -> int:
    assert (found["derived"] == found["number"] * FACTORS).all()
    return int(found["number"])


@pytest.fixture
def place(tmp_path):
    return tmp_path / "segments"


@pytest.fixture
def writer(place):
    made = TableWriter.create("rows", RECORD, rows=3, place=place)
    yield made
    made.close()


@pytest.fixture
def begin():
    with peers() as begin:
        yield begin


@numba.njit("void(int64, int64, int64, int64, int64, int64)")
def write_on(row, stride, rows, source, kinds, words):
    """Change rows in turn for ever, with pauses that differ, for a reader to get through."""
    number = 0
    while True:
        number += 1
        for _ in range(number % 16):
            pause()
        for index in range(rows):
            seqlock.write_row(row + stride * index, source + 8 * words * (number % kinds), words)


def hammer(place, rows: int) -> None:
    writer = TableWriter.create("rows", RECORD, rows=rows, place=place)
    made = np.stack([record(number) for number in range(64)])
    for row in range(rows):
        writer.write(row, made[0])
    stride = (writer.segment.bytes.size - seqlock.ROWS) // rows
    row = writer.segment.address + seqlock.ROWS
    write_on(row, stride, rows, made.ctypes.data, len(made), WORDS)


def attach(place, **options) -> TableReader:
    return TableReader.attach("rows", RECORD, place=place, **options)


def test_row_is_read_as_it_was_written_last(place, writer):
    reader = attach(place)
    assert len(reader) == 0
    writer.write(0, record(5))
    writer.write(1, record(6))
    writer.write(0, record(7))
    found, sequences = reader.rows()
    assert list(map(check, found)) == [7, 6]
    assert sequences.tolist() == [4, 2]
    assert check(reader.row(1)) == 6
    assert list(map(check, reader.rows(1)[0])) == [6]
    assert reader.rows(2)[0].size == 0


def test_rows_come_one_after_the_other_up_to_the_last(place, writer):
    reader = attach(place)
    with pytest.raises(IndexError, match="row 1, allowed below 1"):
        writer.write(1, record(1))
    for row in range(3):
        writer.write(row, record(row))
    with pytest.raises(IndexError, match="row 3, allowed below 3"):
        writer.write(3, record(1))
    for first, count in ((3, 1), (-1, 1), (1, 3)):
        with pytest.raises(IndexError):
            reader.rows(first, count)


def test_beat_only_grows(place, writer):
    reader = attach(place)
    for number, shown in ((5, 5), (3, 5), (6, 6)):
        writer.beat(number)
        assert reader.beat == shown


def test_copies_do_not_change_afterward(place, writer):
    writer.write(0, record(1))
    kept = attach(place).row(0)
    writer.write(0, record(2))
    assert check(kept) == 1


def test_reader_cannot_write_by_any_way(place, writer):
    reader = attach(place)
    with pytest.raises(ValueError, match="read-only"):
        reader.segment.bytes[seqlock.USED] = 1


def test_record_of_another_kind_is_refused(place, writer):
    with pytest.raises(SegmentError, match="record: found"):
        writer.write(0, np.zeros((), np.dtype([("number", "<i8")])))
    with pytest.raises(SegmentError, match="record: found"):
        writer.write(0, np.zeros(2, RECORD))
    with pytest.raises(SegmentMismatch, match="version: found 1, allowed 3"):
        attach(place, version=3)
    with pytest.raises(SegmentBusy):
        TableWriter.create("rows", RECORD, rows=3, place=place)
    with pytest.raises(SegmentError, match="rows: found 0"):
        TableWriter.create("more", RECORD, rows=0, place=place)


def test_table_whose_page_tells_more_rows_than_there_are_is_refused(place, writer):
    writer.segment.bytes[40:48].view(np.int64)[0] = 9
    with pytest.raises(SegmentMismatch, match="bytes: found"):
        attach(place)


def test_row_that_changes_at_each_look_is_not_read():
    row = np.zeros(1 + WORDS, np.int64)
    into = np.full(WORDS, 7, np.int64)
    row[0] = 3
    assert seqlock.read_row(row.ctypes.data, into.ctypes.data, WORDS, 9) == seqlock.CHANGING
    row[0] = 4
    assert seqlock.read_row(row.ctypes.data, into.ctypes.data, WORDS, 9) == 4
    assert not into.any()


def test_row_that_a_dead_writer_left_half_changed_is_written_whole_by_the_next():
    row = np.zeros(1 + WORDS, np.int64)
    row[0] = 3
    made = record(9)
    seqlock.write_row(row.ctypes.data, made.ctypes.data, WORDS)
    assert row[0] == 4
    check(row[1:].view(RECORD)[0])


def test_rows_are_never_torn_while_a_writer_hammers_them(place, begin):
    begin(hammer, place, 2)
    while not (place / "rows").exists():
        os.sched_yield()
    reader = attach(place)
    while len(reader) < 2:
        os.sched_yield()
    reads, changes, before = 0, 0, np.zeros(2, np.int64)
    while reads < 30_000 or changes < 20:
        reads += 1
        found, sequences = reader.rows()
        assert (sequences % 2 == 0).all()
        assert (sequences >= before).all()
        for row, sequence in zip(found, sequences.tolist(), strict=True):
            assert check(row) == (sequence // 2 - 1) % 64
        changes += int((sequences != before).sum())
        before = sequences


def test_beat_is_never_ahead_of_the_rows(place, begin):
    def work() -> None:
        writer = TableWriter.create("rows", RECORD, rows=1, place=place)
        for number in range(1, 1 << 40):
            writer.write(0, record(number))
            writer.beat(number)

    begin(work)
    while not (place / "rows").exists():
        os.sched_yield()
    reader = attach(place)
    while reader.beat < 2_000:
        beat = reader.beat
        assert beat == 0 or check(reader.row(0)) >= beat


def test_row_that_a_dead_writer_left_half_changed_is_told_not_shown(place, begin):
    def die() -> None:
        writer = TableWriter.create("rows", RECORD, rows=2, place=place)
        writer.write(0, record(1))
        writer.write(1, record(2))
        row = writer.segment.address + seqlock.ROWS
        write_word(row, read_word(row) + 1)
        Path(place / "half").touch()
        while True:
            os.sched_yield()

    writer = begin(die)
    while not (place / "half").exists():
        os.sched_yield()
    reader = attach(place)
    writer.kill()
    with pytest.raises(OwnerGone, match=f"process {writer.pid}, has died while it changed row 0"):
        reader.rows()
    assert check(reader.row(1)) == 2


def test_writer_killed_at_any_moment_leaves_rows_whole_or_tells_that_it_is_gone(place, begin):
    for life in range(15):
        writer = begin(hammer, place, 1)
        reader = None
        while reader is None or len(reader) == 0 or reader.rows()[1][0] < 10 * life:
            try:
                reader = reader or attach(place)
            except SegmentError:  # not there yet, or the last one's
                os.sched_yield()
        writer.kill()
        with pytest.raises(OwnerGone, match=f"process {writer.pid}, has died"):
            reader.check_writer()
        with suppress(OwnerGone):
            check(reader.row(0))
