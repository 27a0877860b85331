"""A ring within one process: the same as a deque with a limit, seat by seat."""

import os
import subprocess
import sys
import tempfile
from collections import deque
from pathlib import Path

import numba
import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from matcher.kernel import ring as kernel
from matcher.shared.rings import Ring
from matcher.shared.segments import OwnerGone, SegmentBusy, SegmentError, SegmentMismatch, own_stamp

RECORD = np.dtype([("number", "<i8"), ("check", "<i8", (2,))])
NAME = "numbers"


def records(first: int, count: int) -> np.ndarray:
    made = np.zeros(count, RECORD)
    made["number"] = np.arange(first, first + count)
    made["check"] = made["number"][:, None] * [3, 5] + 7
    return made


def numbers(found: np.ndarray) -> list[int]:
    """Of records that are whole."""
    assert (found == records(0, 1 + max(found["number"], default=0))[found["number"]]).all()
    return found["number"].tolist()


@pytest.fixture
def place(tmp_path):
    return tmp_path / "segments"


@pytest.fixture
def ring(place):
    with Ring.create(NAME, RECORD, capacity=8, reserved=1, guests=2, place=place) as made:
        yield made


def attach(place, **options) -> Ring:
    return Ring.attach(NAME, RECORD, place=place, **options)


# --- against a deque ----------------------------------------------------------------------------


class Queues(RuleBasedStateMachine):
    """Two reserved seats and two for guests, and for each a deque of what it has not released."""

    @initialize(power=st.integers(1, 8))
    def make(self, power):
        self.directory = tempfile.TemporaryDirectory()
        self.capacity = 1 << power
        self.ring = Ring.create(
            NAME,
            RECORD,
            capacity=self.capacity,
            reserved=2,
            guests=2,
            place=Path(self.directory.name) / "segments",
        )
        self.producer = self.ring.producer()
        self.next = 0
        self.left: dict[int, deque[int]] = {0: deque(), 1: deque()}
        self.consumers = {}

    def room(self) -> int:
        return self.capacity - max(map(len, self.left.values()))

    @rule(count=st.integers(0, 300))
    def push(self, count):
        taken = min(count, self.room())
        assert self.producer.push(records(self.next, count)) == taken
        for queue in self.left.values():
            queue.extend(range(self.next, self.next + taken))
        self.next += taken
        assert self.producer.room == self.room()
        assert self.ring.published == self.next

    @rule(seat=st.sampled_from([0, 1]))
    def sit(self, seat):
        if seat in self.consumers:
            with pytest.raises(SegmentBusy):
                self.ring.consumer(seat)
        else:
            self.consumers[seat] = self.ring.consumer(seat)

    @rule()
    def come_as_guest(self):
        if {2, 3} <= self.consumers.keys():
            with pytest.raises(SegmentBusy):
                self.ring.guest()
            return
        guest = self.ring.guest()
        assert guest.released == self.next
        self.consumers[guest.seat] = guest
        self.left[guest.seat] = deque()

    @precondition(lambda self: self.consumers)
    @rule(data=st.data(), count=st.integers(0, 300))
    def pop(self, data, count):
        seat, queue = self.pick(data)
        into = np.zeros(count, RECORD)
        found = self.consumers[seat].pop(into)
        assert numbers(into[:found]) == [queue.popleft() for _ in range(min(count, len(queue)))]
        assert not into[found:]["number"].any()

    @precondition(lambda self: self.consumers)
    @rule(data=st.data(), count=st.integers(0, 300), part=st.integers(0, 300))
    def peek_and_release_some(self, data, count, part):
        seat, queue = self.pick(data)
        consumer = self.consumers[seat]
        assert consumer.waiting == len(queue)
        assert numbers(consumer.peek(count)) == list(queue)[:count]
        if part > len(queue):
            with pytest.raises(SegmentError, match="release"):
                consumer.release(part)
            return
        consumer.release(part)
        for _ in range(part):
            queue.popleft()

    @precondition(lambda self: self.consumers)
    @rule(data=st.data())
    def leave(self, data):
        seat, _ = self.pick(data)
        gone = self.consumers.pop(seat)
        gone.leave()
        with pytest.raises(SegmentError, match="given back"):
            gone.peek(1)
        if seat >= 2:
            del self.left[seat]

    @rule()
    def change_producers(self):
        self.producer.finish()
        with pytest.raises(SegmentError, match="given back"):
            self.producer.push(records(0, 1))
        for seat, consumer in self.consumers.items():
            assert consumer.finished == (not self.left[seat])
        self.producer = self.ring.producer()
        assert not any(consumer.finished for consumer in self.consumers.values())

    def pick(self, data) -> tuple[int, deque[int]]:
        seat = data.draw(st.sampled_from(sorted(self.consumers)))
        return seat, self.left[seat]

    def teardown(self):
        if hasattr(self, "ring"):
            self.ring.close()
            self.directory.cleanup()


TestQueues = Queues.TestCase
TestQueues.settings = settings(
    max_examples=5 if numba.config.DISABLE_JIT else 40, stateful_step_count=40, deadline=None
)


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="this is that run")
def test_ring_without_compiled_code_does_the_same():
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "1"}
    pytest_alone = [sys.executable, "-m", "pytest", "-q", "--noconftest", "-p", "no:cacheprovider"]
    command = [*pytest_alone, f"{__file__}::TestQueues"]
    run = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


# --- full, empty, apart -------------------------------------------------------------------------


def test_full_ring_takes_what_fits_and_overwrites_nothing(ring, place):
    producer, consumer = ring.producer(), attach(place).consumer()
    assert producer.push(records(0, 20)) == 8
    assert producer.push(records(8, 1)) == 0
    assert producer.push(records(8, 1), spins=100) == 0
    consumer.release(3)
    assert producer.push(records(8, 20)) == 3
    assert numbers(consumer.peek(20)) == list(range(3, 11))


def test_reserved_seat_holds_the_producer_back_though_nobody_sits_there(ring, place):
    producer = ring.producer()
    assert producer.push(records(0, 9)) == 8
    assert [(h.seat, h.pid, h.alive, h.behind) for h in producer.holders()] == [(0, 0, False, 8)]
    first = attach(place).consumer()
    first.release(2)
    first.leave()
    assert numbers(attach(place).consumer().peek(9)) == list(range(2, 8))


def test_ring_with_guests_only_and_none_there_never_fills(place):
    ring = Ring.create(NAME, RECORD, capacity=8, reserved=0, guests=1, place=place)
    producer = ring.producer()
    assert producer.push(records(0, 20)) == 20
    guest = ring.guest()
    assert producer.push(records(20, 20)) == 8
    assert numbers(guest.peek(20)) == list(range(20, 28))
    ring.close()


def test_guest_that_died_is_evicted_and_one_that_lives_is_not(ring, place):
    producer, consumer = ring.producer(), ring.consumer()
    ring.guest()
    pid = os.fork()
    if pid == 0:
        attach(place).guest()
        os._exit(0)
    os.waitpid(pid, 0)
    assert producer.push(records(0, 9)) == 8
    consumer.release(8)
    assert producer.room == 0
    assert [(h.pid, h.alive) for h in producer.holders() if h.behind] == [
        (os.getpid(), True),
        (pid, False),
    ]
    assert producer.evict() == [pid]
    assert [h.seat for h in producer.holders()] == [1, 0]
    assert producer.evict() == []


def test_seat_of_a_dead_guest_is_for_the_next_who_begins_anew(ring, place):
    producer = ring.producer()
    ring.guest()
    pid = os.fork()
    if pid == 0:
        attach(place).guest()
        os._exit(0)
    os.waitpid(pid, 0)
    producer.push(records(0, 5))
    guest = attach(place).guest()
    assert guest.waiting == 0
    producer.push(records(5, 1))
    assert numbers(guest.peek(8)) == [5]


def test_role_that_is_held_is_refused(ring, place):
    ring.producer()
    ring.consumer()
    with pytest.raises(SegmentBusy, match=f"producer: held by process {os.getpid()}"):
        attach(place).producer()
    with pytest.raises(SegmentBusy, match="seat 0: held by"):
        attach(place).consumer()
    with pytest.raises(SegmentError, match="seat: found 1, allowed 0 to 0"):
        attach(place).consumer(1)


def test_waiting_ends_with_records_or_at_the_end_or_in_time(ring):
    producer, consumer = ring.producer(), ring.consumer()
    assert consumer.await_records(0) == 0
    producer.push(records(0, 3))
    assert consumer.await_records(0) == 3
    producer.finish()
    assert not consumer.finished
    consumer.release(3)
    assert consumer.await_records() == 0
    assert consumer.finished


def test_producer_that_died_is_told_once_its_records_are_done_with(ring, place):
    consumer = ring.consumer()
    pid = os.fork()
    if pid == 0:
        attach(place).producer().push(records(0, 3))
        os._exit(0)
    os.waitpid(pid, 0)
    assert consumer.await_records() == 3
    consumer.release(3)
    with pytest.raises(OwnerGone, match=f"producer, process {pid}, has died"):
        consumer.await_records()
    producer = ring.producer()
    assert consumer.await_records(0) == 0
    assert producer.push(records(3, 1)) == 1
    assert numbers(consumer.peek(9)) == [3]


def test_producer_that_published_and_died_since_the_last_look_is_not_told_gone(
    ring, place, monkeypatch
):
    consumer = ring.consumer()
    pid = os.fork()
    if pid == 0:
        attach(place).producer().push(records(0, 3))
        os._exit(0)
    os.waitpid(pid, 0)
    looks = [lambda *_: 0, kernel.await_records]
    monkeypatch.setattr(kernel, "await_records", lambda *given: looks.pop(0)(*given))
    assert consumer.await_records() == 3
    assert not looks


def test_owner_that_died_leaves_a_ring_that_is_adopted_with_its_records(place):
    pid = os.fork()
    if pid == 0:
        Ring.create(NAME, RECORD, capacity=8, place=place).producer().push(records(0, 5))
        os._exit(0)
    os.waitpid(pid, 0)
    with pytest.raises(OwnerGone, match=f"process {pid}, has died"):
        attach(place)
    ring = attach(place, orphan=True)
    ring.adopt()
    assert attach(place).segment.owner == own_stamp()
    assert numbers(ring.consumer().peek(9)) == list(range(5))
    ring.close()


def test_ring_is_whole_before_anybody_can_find_it(place, monkeypatch):
    found = []
    rename = Path.rename

    def attach_at_once(path: Path, target: Path) -> Path:
        renamed = rename(path, target)
        found.append(attach(place).reserved)
        return renamed

    monkeypatch.setattr(Path, "rename", attach_at_once)
    with Ring.create(NAME, RECORD, capacity=8, reserved=2, guests=1, place=place) as ring:
        assert (ring.reserved, ring.guests) == (2, 1)
    assert found == [2]


# --- what is refused ----------------------------------------------------------------------------


def test_ring_of_another_version_or_record_is_refused(ring, place):
    with pytest.raises(SegmentMismatch, match="version: found 1, allowed 2"):
        attach(place, version=2)
    with pytest.raises(SegmentMismatch, match="record bytes: found 24, allowed 8"):
        Ring.attach(NAME, np.dtype([("number", "<i8")]), place=place)


def test_ring_whose_page_tells_more_records_than_there_are_is_refused(ring, place):
    ring.segment.bytes[40:48].view(np.int64)[0] = 16
    with pytest.raises(SegmentMismatch, match="bytes: found"):
        attach(place)


@pytest.mark.parametrize("capacity", [0, 1, 3, 12, -8, 1 << 31])
def test_capacity_that_is_no_power_of_two_is_refused(place, capacity):
    with pytest.raises(SegmentError, match="capacity: found"):
        Ring.create(NAME, RECORD, capacity=capacity, place=place)


@pytest.mark.parametrize(("reserved", "guests"), [(0, 0), (-1, 2), (1000, 25)])
def test_seats_that_cannot_be_are_refused(place, reserved, guests):
    with pytest.raises(SegmentError, match="seats: found"):
        Ring.create(NAME, RECORD, capacity=8, reserved=reserved, guests=guests, place=place)


def test_arrays_that_are_no_such_records_are_refused(ring):
    producer, consumer = ring.producer(), ring.consumer()
    for wrong in (np.zeros(3, np.int64), np.zeros((2, 2), RECORD)):
        with pytest.raises(SegmentError, match="records: found"):
            producer.push(wrong)
        with pytest.raises(SegmentError, match="into: "):
            consumer.pop(wrong)
    with pytest.raises(SegmentError, match="into: "):
        consumer.pop(np.zeros(6, RECORD)[::2])
    frozen = np.zeros(3, RECORD)
    frozen.flags.writeable = False
    with pytest.raises(SegmentError, match="into: cannot be written"):
        consumer.pop(frozen)


def test_records_that_lie_apart_are_pushed_as_well(ring):
    ring.producer().push(records(0, 8)[::2])
    assert numbers(ring.consumer().peek(8)) == [0, 2, 4, 6]


def test_ring_that_was_closed_here_is_refused_not_read(ring):
    producer, consumer = ring.producer(), ring.consumer()
    ring.close()
    for use in (
        lambda: producer.push(records(0, 1)),
        lambda: producer.room,
        lambda: consumer.peek(1),
        lambda: consumer.waiting,
        lambda: consumer.release(0),
        lambda: consumer.released,
        lambda: ring.published,
    ):
        with pytest.raises(SegmentError, match="closed here"):
            use()
