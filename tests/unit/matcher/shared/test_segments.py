"""Shared memory by name: what is checked when somebody attaches, and what becomes of orphans."""

import os
import re
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from matcher.shared.segments import (
    RING,
    TABLE,
    OwnerGone,
    Segment,
    SegmentBusy,
    SegmentError,
    SegmentMismatch,
    SegmentMissing,
    Shape,
    claim,
    disclaim,
    lives,
    own_stamp,
    pid_of,
    stamp_of,
    sweep,
)

PRICE = np.dtype([("tick", "<i8"), ("lots", "<i8")])
SHAPE = Shape(TABLE, 1, PRICE, 4, 0, 8192)
ANY = SHAPE._replace(capacity=0, bytes=0)


def attach(place, shape=ANY, **options):
    return Segment.attach(place, "prices", shape, **{"writable": False, **options})


@pytest.fixture
def place(tmp_path):
    return tmp_path / "segments"


@pytest.fixture
def segment(place):
    made = Segment.create(place, "prices", SHAPE)
    yield made
    made.close()


@pytest.fixture
def dead_stamp():
    """A process that ran, and does no more."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stamp = stamp_of(child.pid)
    assert lives(stamp)
    child.kill()
    child.wait()
    child.stdin.close()
    return stamp


def orphan(place, dead_stamp) -> Segment:
    made = Segment.create(place, "prices", SHAPE)
    made.bytes[64:72].view(np.int64)[0] = dead_stamp
    return made


# --- processes ----------------------------------------------------------------------------------


def test_stamp_tells_a_process_that_lives_from_one_that_is_gone(dead_stamp):
    assert pid_of(own_stamp()) == os.getpid()
    assert lives(own_stamp())
    assert not lives(dead_stamp)
    assert not lives(0)


def test_stamp_of_another_process_with_the_same_id_does_not_live():
    assert not lives(own_stamp() + (1 << 22))


def test_stamp_tells_when_the_process_started():
    """So that who gets the same id later has another stamp."""
    ticks = os.sysconf("SC_CLK_TCK")
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    after = time.clock_gettime(time.CLOCK_BOOTTIME)
    started = stamp_of(child.pid) >> 22
    assert before * ticks - 1 <= started <= after * ticks + 1
    child.communicate(b"\n")


def test_process_that_was_killed_and_not_yet_waited_for_does_not_live():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    stamp = stamp_of(child.pid)
    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)  # leaves it there
    assert not lives(stamp)
    child.wait()
    child.stdin.close()


def test_word_is_claimed_once_and_taken_from_the_dead(dead_stamp):
    word = np.zeros(1, np.int64)
    claim(word.ctypes.data, "role")
    with pytest.raises(SegmentBusy, match=f"role: held by process {os.getpid()}"):
        claim(word.ctypes.data, "role")
    disclaim(word.ctypes.data)
    assert word[0] == 0
    word[0] = dead_stamp
    disclaim(word.ctypes.data)
    assert word[0] == dead_stamp
    claim(word.ctypes.data, "role")
    assert word[0] == own_stamp()


# --- what is checked ----------------------------------------------------------------------------


def test_segment_attached_shows_what_its_owner_writes(place, segment):
    reader = attach(place)
    segment.bytes[5000] = 7
    assert reader.bytes[5000] == 7
    assert (reader.name, reader.capacity, reader.seats) == ("prices", 4, 0)
    with pytest.raises(ValueError, match="read-only"):
        reader.bytes[5000] = 8


def test_segment_that_nobody_made_is_missing(place):
    with pytest.raises(SegmentMissing, match="prices: not there"):
        attach(place)


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        (ANY._replace(kind=RING), "kind: found 2, allowed 1"),
        (ANY._replace(version=2), "version: found 1, allowed 2"),
        (ANY._replace(record=np.dtype([("tick", "<i8")])), "record bytes: found 16, allowed 8"),
        (
            ANY._replace(record=np.dtype([("lots", "<i8"), ("tick", "<i8")])),
            'record: found [["tick","<i8"],["lots","<i8"]], allowed [["lots","<i8"],["tick"',
        ),
        (ANY._replace(capacity=8), "capacity: found 4, allowed 8"),
        (ANY._replace(seats=1), "seats: found 0, allowed 1"),
        (ANY._replace(bytes=4096), "bytes: found 8192, allowed 4096"),
    ],
)
def test_segment_that_is_something_else_says_which_field_differs(place, segment, shape, message):
    with pytest.raises(SegmentMismatch, match=re.escape(message)):
        attach(place, shape)


@pytest.mark.parametrize(("word", "field"), [(0, "magic"), (1, "format")])
def test_segment_of_another_program_or_format_is_refused(place, segment, word, field):
    segment.bytes[:64].view(np.int64)[word] += 1
    with pytest.raises(SegmentMismatch, match=f"{field}: found"):
        attach(place)


@pytest.mark.parametrize("size", [0, 4095, 4096, 8191, 8193])
def test_segment_that_was_cut_or_grew_is_refused(place, segment, size):
    os.truncate(segment.path, size)
    with pytest.raises(SegmentMismatch, match=f"bytes: found {size}"):
        attach(place)
    os.truncate(segment.path, 8192)


@pytest.mark.parametrize("name", ["", "Prices", "../prices", ".prices", "a/b", "a" * 64, "a\n"])
def test_name_that_is_no_file_of_ours_is_refused(place, name):
    with pytest.raises(SegmentError, match="name: found"):
        Segment.create(place, name, SHAPE)


@pytest.mark.parametrize(
    "record",
    [
        np.dtype("<i8"),
        np.dtype([("a", "<i4")]),
        np.dtype([("a", "O")]),
        np.dtype([]),
        np.dtype([(f"a_field_with_a_long_name_{i}", "<i8") for i in range(200)]),
    ],
)
def test_record_that_cannot_be_shared_is_refused(place, record):
    with pytest.raises(SegmentError, match="record: "):
        Segment.create(place, "prices", SHAPE._replace(record=record))


def test_directory_that_others_may_write_to_is_refused(place):
    place.mkdir(mode=0o700)
    place.chmod(0o777)
    with pytest.raises(SegmentError, match="others may write there"):
        Segment.create(place, "prices", SHAPE)


def test_directory_that_is_a_link_is_refused(place, tmp_path):
    (tmp_path / "elsewhere").mkdir(mode=0o700)
    place.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SegmentError):
        Segment.create(place, "prices", SHAPE)


def test_memory_that_is_not_there_is_said_when_it_is_asked_for(place):
    with pytest.raises(SegmentError, match="bytes: "):
        Segment.create(place, "prices", SHAPE._replace(bytes=1 << 60))
    assert list(place.iterdir()) == []


# --- owners -------------------------------------------------------------------------------------


def test_name_of_an_owner_that_lives_is_taken(place, segment):
    with pytest.raises(SegmentBusy, match=f"owned by process {os.getpid()}"):
        Segment.create(place, "prices", SHAPE)


def test_segment_closed_by_its_owner_is_gone_for_those_who_come_and_readable_for_those_there(
    place, segment
):
    reader = attach(place)
    segment.bytes[5000] = 7
    segment.close()
    with pytest.raises(SegmentMissing):
        attach(place)
    with pytest.raises(OwnerGone, match="closed by its owner"):
        reader.check_owner()
    assert reader.bytes[5000] == 7
    reader.close()
    with pytest.raises(SegmentError, match="closed here"):
        reader.check_owner()


def test_segment_let_go_by_a_reader_stays(place, segment):
    attach(place).close()
    segment.check_owner()
    attach(place)


def test_segment_of_a_dead_owner_is_refused_replaced_and_told_apart(place, dead_stamp):
    old = orphan(place, dead_stamp)
    with pytest.raises(OwnerGone, match=f"its owner, process {pid_of(dead_stamp)}, has died"):
        attach(place)
    old.bytes[5000] = 7
    assert attach(place, orphan=True).bytes[5000] == 7
    new = Segment.create(place, "prices", SHAPE)
    assert attach(place).bytes[5000] == 0
    assert old.owner == dead_stamp  # who still has the old one can see that it is old
    new.close()


def test_segment_of_a_dead_owner_is_adopted_with_all_that_is_in_it(place, dead_stamp):
    old = orphan(place, dead_stamp)
    old.bytes[5000] = 7
    heir = attach(place, orphan=True, writable=True)
    heir.adopt()
    assert attach(place).bytes[5000] == 7
    with pytest.raises(SegmentBusy):
        heir.adopt()
    heir.close()
    assert not heir.path.exists()


def test_owner_that_was_replaced_does_not_remove_its_successor(place, dead_stamp):
    old = orphan(place, dead_stamp)
    new = Segment.create(place, "prices", SHAPE)
    old.bytes[64:72].view(np.int64)[0] = own_stamp()
    old.close()
    attach(place)
    new.close()


def test_sweep_removes_what_crashes_left_and_nothing_else(place, segment, dead_stamp):
    orphaned = Segment.create(place, "left", SHAPE)
    orphaned.bytes[64:72].view(np.int64)[0] = dead_stamp
    (place / f".half.{dead_stamp}").write_bytes(b"")
    (place / f".half.{own_stamp()}").write_bytes(b"")
    assert sweep(place) == [f".half.{dead_stamp}", "left"]
    assert sorted(path.name for path in place.iterdir()) == [f".half.{own_stamp()}", "prices"]
    attach(place)
    assert sweep(place / "nowhere") == []


def test_view_outlives_the_segment_that_it_was_taken_from(place, segment):
    """Closing with views about must neither fail nor take the memory from under them."""
    view = segment.bytes[5000:5008]
    segment.close()
    view[:] = 9
    assert view.tolist() == [9] * 8
