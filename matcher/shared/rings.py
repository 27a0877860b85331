"""Rings between processes: one producer, and one or many consumers that each see every record.

::

    with Ring.create("commands", COMMAND, capacity=1 << 16, reserved=1) as ring:   # any process
        ...
    producer = Ring.attach("commands", COMMAND).producer()                         # one process
    taken = producer.push(commands)                # the first so many; 0: the ring is full
    consumer = Ring.attach("commands", COMMAND).consumer()                         # another
    batch = consumer.peek(256)                     # copies, which stay in the ring ...
    consumer.release(len(batch))                   # ... until they are done with

A ring has *reserved* seats, for consumers without whom nothing goes on (they hold the producer back
even while they are down, and find everything they have not released when they come back), and
seats for *guests*, who see what is published from when they sit down. A ring that is full refuses:
nothing waits in `push`, nothing is overwritten, nothing is lost. What a consumer did between its
last `release` and its death it will do again.

Who has died is found out by asking: `Producer.evict` frees the seats of dead guests,
`Consumer.await_records` raises when the producer has died and the ring is empty, and a new producer
takes the place of a dead one and goes on behind its last record.

Objects belong to the process, and the thread, that made them; a fork attaches anew.
"""

import os
import time
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np

from matcher.kernel import ring as kernel
from matcher.kernel.atomics import read_word, swap_word, write_word
from matcher.shared.segments import (
    RING,
    OwnerGone,
    Records,
    Segment,
    SegmentBusy,
    SegmentError,
    SegmentMismatch,
    Shape,
    address_of,
    claim,
    default_place,
    disclaim,
    lives,
    pid_of,
)

MAX_CAPACITY: Final = 1 << 30
SPINS: Final = 1 << 12  # looks at the other side before the processor is given away
NAP: Final = 50e-6  # seconds; when giving the processor away did not help
NAP_AFTER: Final = 64  # rounds of `SPINS`


class Holder(NamedTuple):
    """A seat that holds the producer back.

    Attributes
    ----------
    seat : int
    pid : int
        0 if nobody sits there.
    alive : bool
    behind : int
        Records published that it has not released.
    """

    seat: int
    pid: int
    alive: bool
    behind: int


def _shape(record: "np.dtype[Any]", version: int, capacity: int, seats: int) -> Shape:
    size = 0
    if capacity:
        size = kernel.records_at(0, seats) + capacity * record.itemsize
    return Shape(RING, version, record, capacity, seats, size)


class Ring:
    """A ring, as a process has it before it takes a role.

    Attributes
    ----------
    record : dtype
    capacity : int
        Records that fit.
    reserved, guests : int
        Seats of each kind; the reserved ones come first.
    """

    def __init__(self, segment: Segment, record: "np.dtype[Any]"):
        self.segment = segment
        self.record = record
        self.capacity = segment.capacity
        kept = [read_word(self.seat(i) + kernel.SEAT_RESERVED) for i in range(segment.seats)]
        self.reserved = sum(kept)
        self.guests = segment.seats - self.reserved

    @classmethod
    def create(
        cls,
        name: str,
        record: "np.dtype[Any]",
        *,
        capacity: int,
        reserved: int = 1,
        guests: int = 0,
        version: int = 1,
        place: Path | None = None,
    ) -> "Ring":
        """Make an empty ring that this process owns.

        Parameters
        ----------
        capacity : int
            A power of two.
        version : int
            Of the record's meaning; must be the same wherever it is attached.

        Raises
        ------
        SegmentBusy
            If a process that lives owns one of that name.
        SegmentError
        """
        seats = reserved + guests
        if not 2 <= capacity <= MAX_CAPACITY or capacity & (capacity - 1):
            raise SegmentError(f"capacity: found {capacity}, allowed powers of two from 2 to 2^30")
        if min(reserved, guests) < 0 or not 1 <= seats <= 1024:
            raise SegmentError(f"seats: found {reserved} and {guests}, allowed 1 to 1,024 together")
        shape = _shape(record, version, capacity, seats)
        marks = {kernel.seat_at(0, i) + kernel.SEAT_RESERVED: 1 for i in range(reserved)}
        return cls(Segment.create(place or default_place(), name, shape, marks), record)

    @classmethod
    def attach(
        cls,
        name: str,
        record: "np.dtype[Any]",
        *,
        version: int = 1,
        place: Path | None = None,
        orphan: bool = False,
    ) -> "Ring":
        """Find a ring that another process has made.

        Parameters
        ----------
        orphan : bool
            Also if its owner has died, to read what is left or to `adopt` it.

        Raises
        ------
        SegmentMissing, SegmentMismatch, OwnerGone
        """
        segment = Segment.attach(
            place or default_place(),
            name,
            _shape(record, version, 0, 0),
            writable=True,
            orphan=orphan,
        )
        size = _shape(record, version, segment.capacity, segment.seats).bytes
        if len(segment.bytes) != size:
            raise SegmentMismatch(
                f"{segment.path}: bytes: found {len(segment.bytes)}, allowed {size}"
            )
        return cls(segment, record)

    def __enter__(self) -> "Ring":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of it; the owner's call ends it for everybody who would attach."""
        self.segment.close()

    def adopt(self) -> None:
        """Own it from now on, in the place of an owner that has died."""
        self.segment.adopt()

    def seat(self, index: int) -> int:
        """Address of a seat."""
        return kernel.seat_at(self.segment.opened, index)

    @property
    def published(self) -> int:
        """Records published since the ring was made."""
        return read_word(self.segment.opened + kernel.HEAD)

    def producer(self) -> "Producer":
        """Be the producer, in the place of one that has died, or of none.

        Raises
        ------
        SegmentBusy
            If one lives.
        """
        return Producer(self)

    def consumer(self, seat: int = 0) -> "Consumer":
        """Sit down on a reserved seat, and go on where whoever sat there last ended.

        Raises
        ------
        SegmentBusy
            If somebody who lives sits there.
        """
        if not 0 <= seat < self.reserved:
            raise SegmentError(f"seat: found {seat}, allowed 0 to {self.reserved - 1}")
        claim(self.seat(seat) + kernel.SEAT_HOLDER, f"{self.segment.path}: seat {seat}")
        return Consumer(self, seat)

    def guest(self) -> "Consumer":
        """Sit down on any free seat for guests; the first record is the next one published.

        Raises
        ------
        SegmentBusy
            If all are taken.
        """
        for index in range(self.reserved, self.segment.seats):
            try:
                claim(self.seat(index) + kernel.SEAT_HOLDER, "seat")
            except SegmentBusy:
                continue
            kernel.sit_as_guest(self.segment.opened, self.seat(index))
            return Consumer(self, index)
        raise SegmentBusy(f"{self.segment.path}: all {self.guests} seats for guests are taken")


class _End:
    """One side of a ring: what the kernels are told."""

    def __init__(self, ring: Ring):
        self.ring = ring
        self._known = np.zeros(1, np.int64)  # what was last seen of the other side
        self._known_at = address_of(self._known)
        self._array: Records = self._known  # the last that was given, and where it is
        self._array_at = self._known_at
        self._mask = ring.capacity - 1
        self._words = ring.record.itemsize // 8
        self._seats = ring.segment.seats
        self._ended = False

    def _check(self) -> int:
        """Address of the ring, while the role is ours: after that, its words may be another's."""
        if self._ended:
            raise SegmentError(f"{self.ring.segment.path}: this role was given back")
        return self.ring.segment.opened

    @property
    def _base(self) -> int:
        return self._check()

    @property
    def parts(self) -> tuple[int, int, int, int]:
        """What the kernels are told of it: ring, mask, seats, and the word `known`."""
        return self._base, self._mask, self._seats, self._known_at

    def _address(self, array: Records) -> int:
        """Where an array is; asking costs more than a push, and most callers use one again."""
        if array is not self._array:
            self._array, self._array_at = array, address_of(array)
        return self._array_at


class Producer(_End):
    """The one process that publishes."""

    def __init__(self, ring: Ring):
        super().__init__(ring)
        claim(self._base + kernel.PRODUCER, f"{ring.segment.path}: producer")
        write_word(self._base + kernel.FINISHED, 0)
        self._known[0] = kernel.least_cursor(self._base, self._seats)

    def push(self, records: Records, spins: int = 0) -> int:
        """Publish records, as many as there is room for.

        Parameters
        ----------
        records : ndarray of the ring's record, shape (n,)
        spins : int
            How often to look for room again before giving up.

        Returns
        -------
        int
            How many were published: the first so many. The rest is the caller's to keep, to send
            again, or to refuse to whoever sent it.
        """
        if records.dtype != self.ring.record or records.ndim != 1:
            raise SegmentError(f"records: found {records.dtype}, allowed {self.ring.record}")
        packed = np.ascontiguousarray(records)
        return kernel.push_patiently(
            self._base,
            self._mask,
            self._words,
            self._seats,
            self._known_at,
            self._address(packed),
            len(packed),
            spins,
        )

    @property
    def room(self) -> int:
        """Records that can be pushed now."""
        return kernel.room(self._base, self._mask, self._seats, self._known_at)

    def holders(self) -> list[Holder]:
        """Who holds the producer back, the furthest behind first."""
        found = []
        for index in range(self._seats):
            seat = self.ring.seat(index)
            if kernel.holds_back(seat):
                stamp = read_word(seat + kernel.SEAT_HOLDER)
                behind = self.ring.published - read_word(seat + kernel.SEAT_CURSOR)
                found.append(Holder(index, pid_of(stamp), lives(stamp), behind))
        return sorted(found, key=lambda holder: -holder.behind)

    def evict(self) -> list[int]:
        """Free the seats of guests that have died.

        Returns
        -------
        list of int
            Ids of their processes. Seats that are reserved are kept for who comes next.
        """
        gone = []
        for index in range(self.ring.reserved, self._seats):
            holder = self.ring.seat(index) + kernel.SEAT_HOLDER
            stamp = read_word(holder)
            if stamp and not lives(stamp) and swap_word(holder, stamp, 0) == stamp:
                gone.append(pid_of(stamp))
        return gone

    def finish(self) -> None:
        """Say that nothing more will come, and give the role back."""
        write_word(self._base + kernel.FINISHED, 1)
        disclaim(self._base + kernel.PRODUCER)
        self._ended = True


class Consumer(_End):
    """Who sits on a seat.

    Attributes
    ----------
    seat : int
    """

    def __init__(self, ring: Ring, seat: int):
        super().__init__(ring)
        self.seat = seat
        self._seat = ring.seat(seat)

    @property
    def seat_at(self) -> int:
        """Address of the seat."""
        return self._seat

    @property
    def released(self) -> int:
        """Number of the next record, from 0: so many were released on this seat, or passed by."""
        self._check()
        return read_word(self._seat + kernel.SEAT_CURSOR)

    @property
    def waiting(self) -> int:
        """Records that are there and not released."""
        everything = self.ring.capacity + 1
        return kernel.available(self._base, self._seat, self._known_at, everything)

    def peek(self, most: int) -> Records:
        """Copy the next records, and keep them in the ring.

        Returns
        -------
        ndarray of the ring's record, shape (n,)
            At most `most`, oldest first; empty if there are none.
        """
        into = np.empty(min(most, self.ring.capacity), self.ring.record)
        found = kernel.peek(*self._arguments(into))
        return into[:found]

    def release(self, count: int) -> None:
        """Be done with the next `count` records; the producer may use their room.

        Raises
        ------
        SegmentError
            If there are not so many.
        """
        if not 0 <= count <= self.waiting:
            raise SegmentError(f"release: found {count}, allowed 0 to {self.waiting}")
        kernel.release(self._seat, count)

    def pop(self, into: Records) -> int:
        """Copy the next records and be done with them: for who needs no second chance.

        Parameters
        ----------
        into : ndarray of the ring's record, shape (n,), contiguous
            Written: the first so many as are returned.

        Returns
        -------
        int
        """
        if into.dtype != self.ring.record or not into.flags.c_contiguous or into.ndim != 1:
            raise SegmentError(f"into: allowed contiguous records of {self.ring.record}")
        if not into.flags.writeable:
            raise SegmentError("into: cannot be written")
        return kernel.pop(*self._arguments(into))

    def _arguments(self, into: Records) -> tuple[int, int, int, int, int, int, int, int]:
        return (
            self._base,
            self._mask,
            self._words,
            self._seats,
            self._seat,
            self._known_at,
            self._address(into),
            len(into),
        )

    @property
    def finished(self) -> bool:
        """Whether the producer said that nothing more will come, and nothing is left."""
        said = read_word(self._base + kernel.FINISHED)
        return said == 1 and self.waiting == 0

    def await_records(self, seconds: float = float("inf")) -> int:
        """Wait until there are records, the producer finishes, or the time is over.

        Spins for some microseconds, then gives the processor away between looks, then naps.

        Returns
        -------
        int
            Records that wait; 0 if none came.

        Raises
        ------
        OwnerGone
            If the producer has died, and everything it published is released.
        """
        until = time.monotonic() + seconds
        rounds = 0
        while True:
            found = kernel.await_records(self._base, self._seat, self._known_at, SPINS)
            if found or self.finished:
                return found or self.waiting
            self._check_producer()
            if time.monotonic() >= until:
                return 0
            rounds += 1
            if rounds < NAP_AFTER:
                os.sched_yield()
            else:
                time.sleep(NAP)

    def _check_producer(self) -> None:
        stamp = read_word(self._base + kernel.PRODUCER)
        if stamp and not lives(stamp) and self.waiting == 0:
            path = self.ring.segment.path
            raise OwnerGone(f"{path}: its producer, process {pid_of(stamp)}, has died")

    def leave(self) -> None:
        """Get up. A reserved seat keeps what is not released for who comes next."""
        self._check()
        disclaim(self._seat + kernel.SEAT_HOLDER)
        self._ended = True
