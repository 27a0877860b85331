"""A ring of fixed records from one process to one or many others, without a lock.

Where what stands, from the start of the segment::

    0      PREFACE bytes that are not the ring's own
    4096   head       records published since the ring was made; only the producer writes it
    4224   producer   who produces; finished
    4352   seats      128 bytes each: cursor, holder, reserved
    ...    records    capacity * words * 8 bytes; record number n stands in slot n % capacity

A seat's *cursor* counts the records its consumer is done with; only that consumer writes it.
Cursors only grow, so 63 bits outlast any exchange. Two words that different processors write are
128 bytes apart: x86 fetches lines of 64 bytes in pairs, and some ARM lines have 128.

**Back pressure.** A seat holds the producer back if it is *reserved* (always, also while nobody
sits there, so its consumer may crash and come back without a loss), or while somebody holds it (a
guest). The producer never overwrites what a seat that holds it back has not released; `push` takes
what there is room for and says how much that was.

**Order.** The producer writes records, then releases `head`; a consumer acquires `head`, then
reads. A consumer reads, then releases its cursor; the producer acquires cursors, then overwrites.
The producer looks at the seats only when the room it knew of is used up, so a guest that comes may
be overlooked for a while. That is safe: the guest writes its holder word, fences, and reads `head`;
the producer writes `head`, fences, and reads the holder words. One of them sees the other, so
either the guest is counted, or its first record is none that the producer may yet overwrite.

Parameters, the same in all functions: `ring` is the address of the segment, `mask` the capacity
minus 1 (the capacity is a power of two), `words` of 8 bytes of a record, `seats` how many there
are, `seat` the address of one, `known` the address of one private word: what was last seen of the
other side (the producer's: the least cursor; a consumer's: the head).
"""

from typing import Final

from matcher.kernel.atomics import (
    fence,
    load,
    load_acquire,
    pause,
    store,
    store_release,
)
from matcher.kernel.compiled import compiled

PREFACE: Final = 4096
LINE: Final = 128
HEAD: Final = PREFACE
PRODUCER: Final = PREFACE + LINE
FINISHED: Final = PRODUCER + 8
SEATS: Final = PREFACE + 2 * LINE
SEAT_CURSOR: Final = 0
SEAT_HOLDER: Final = 8
SEAT_RESERVED: Final = 16

BURST: Final = 64  # records after which those before are published, or released


@compiled("int64(int64, int64)", nogil=True)
def records_at(ring: int, seats: int) -> int:
    """Address of the records."""
    return ring + SEATS + LINE * seats


@compiled("int64(int64, int64)", nogil=True)
def seat_at(ring: int, index: int) -> int:
    """Address of a seat."""
    return ring + SEATS + LINE * index


@compiled("void(int64, int64, int64)", nogil=True)
def copy_words(target: int, source: int, count: int) -> None:
    """Copy `count` words. Written: those at `target`."""
    for word in range(count):
        store(target + 8 * word, load(source + 8 * word))


@compiled("int64(int64)", nogil=True)
def holds_back(seat: int) -> int:
    """1 if the producer must wait for a seat, else 0."""
    return 1 if load(seat + SEAT_RESERVED) != 0 or load_acquire(seat + SEAT_HOLDER) != 0 else 0


@compiled("int64(int64, int64)", nogil=True)
def least_cursor(ring: int, seats: int) -> int:
    """How many records everybody is done with; the head if no seat holds the producer back."""
    fence()
    least = load_acquire(ring + HEAD)
    for index in range(seats):
        seat = seat_at(ring, index)
        if holds_back(seat):
            least = min(least, load_acquire(seat + SEAT_CURSOR))
    return least


@compiled("int64(int64, int64, int64, int64)", nogil=True)
def room(ring: int, mask: int, seats: int, known: int) -> int:
    """Records that may be pushed now. Written: the least cursor, `known`."""
    least = least_cursor(ring, seats)
    store(known, least)
    return max(0, mask + 1 - (load(ring + HEAD) - least))


@compiled("void(int64, int64, int64, int64, int64, int64)", nogil=True)
def copy_in(slots: int, mask: int, words: int, first: int, source: int, count: int) -> None:
    """Copy records to the ring from number `first` on. Written: their slots."""
    slot = first & mask
    straight = min(count, mask + 1 - slot)
    copy_words(slots + 8 * words * slot, source, words * straight)
    copy_words(slots, source + 8 * words * straight, words * (count - straight))


@compiled("void(int64, int64, int64, int64, int64, int64)", nogil=True)
def copy_out(slots: int, mask: int, words: int, first: int, target: int, count: int) -> None:
    """Copy records from number `first` on from the ring. Written: `count` records at `target`."""
    slot = first & mask
    straight = min(count, mask + 1 - slot)
    copy_words(target, slots + 8 * words * slot, words * straight)
    copy_words(target + 8 * words * straight, slots, words * (count - straight))


@compiled("int64(int64, int64, int64, int64, int64, int64, int64)", nogil=True)
def push(ring: int, mask: int, words: int, seats: int, known: int, source: int, count: int) -> int:
    """Publish records in order, as many as there is room for.

    Parameters
    ----------
    source : int
        Address of `count` records, back to back.

    Returns
    -------
    int
        How many were published: the first so many.

    Notes
    -----
    Written: slots, the head after each burst, `known`. A producer that dies in between leaves
    whole records, numbered without a gap, and nothing that a consumer can see of the rest.
    """
    slots = records_at(ring, seats)
    head = load(ring + HEAD)
    done = 0
    while done < count:
        free = mask + 1 - (head - load(known))
        if free < min(BURST, count - done):
            free = room(ring, mask, seats, known)
            if free == 0:
                break
        burst = min(free, BURST, count - done)
        copy_in(slots, mask, words, head, source + 8 * words * done, burst)
        head += burst
        done += burst
        store_release(ring + HEAD, head)
    return done


@compiled("int64(int64, int64, int64, int64, int64, int64, int64, int64)", nogil=True)
def push_patiently(
    ring: int, mask: int, words: int, seats: int, known: int, source: int, count: int, spins: int
) -> int:
    """As `push`, but looks for room up to `spins` times in a row before it gives up."""
    done = push(ring, mask, words, seats, known, source, count)
    spun = 0
    while done < count and spun < spins:
        more = push(ring, mask, words, seats, known, source + 8 * words * done, count - done)
        done += more
        spun = 0 if more else spun + 1
        pause()
    return done


@compiled("int64(int64, int64, int64, int64)", nogil=True)
def available(ring: int, seat: int, known: int, wanted: int) -> int:
    """Records published and not yet released; exact if less than `wanted`, else a lower bound.

    Written: the head, `known`, unless it tells enough.
    """
    cursor = load(seat + SEAT_CURSOR)
    if load(known) - cursor < wanted:
        store(known, load_acquire(ring + HEAD))
    return load(known) - cursor


@compiled("int64(int64, int64, int64, int64, int64, int64, int64, int64)", nogil=True)
def peek(
    ring: int, mask: int, words: int, seats: int, seat: int, known: int, target: int, count: int
) -> int:
    """Copy the next records and keep them in the ring.

    Returns
    -------
    int
        How many were copied: at most `count`, 0 if there are none.

    Notes
    -----
    Written: `target`, `known`. A consumer that dies before `release` finds them again.
    """
    found = min(count, available(ring, seat, known, count))
    copy_out(records_at(ring, seats), mask, words, load(seat + SEAT_CURSOR), target, found)
    return found


@compiled("void(int64, int64)", nogil=True)
def release(seat: int, count: int) -> None:
    """Be done with the next `count` records. Written: the seat's cursor."""
    store_release(seat + SEAT_CURSOR, load(seat + SEAT_CURSOR) + count)


@compiled("int64(int64, int64, int64, int64, int64, int64, int64, int64)", nogil=True)
def pop(
    ring: int, mask: int, words: int, seats: int, seat: int, known: int, target: int, count: int
) -> int:
    """Copy the next records and be done with them, burst by burst.

    Returns
    -------
    int
        How many were copied: at most `count`, 0 if there are none.

    Notes
    -----
    Written: `target`, the seat's cursor, `known`.
    """
    done = 0
    while done < count:
        burst = min(BURST, count - done)
        source = target + 8 * words * done
        found = peek(ring, mask, words, seats, seat, known, source, burst)
        if found == 0:
            break
        release(seat, found)
        done += found
    return done


@compiled("int64(int64, int64, int64, int64)", nogil=True)
def await_records(ring: int, seat: int, known: int, spins: int) -> int:
    """Look for a record up to `spins` times; how many there are. Written: `known`."""
    found = available(ring, seat, known, 1)
    spun = 0
    while found == 0 and spun < spins:
        pause()
        spun += 1
        found = available(ring, seat, known, 1)
    return found


@compiled("int64(int64, int64)", nogil=True)
def sit_as_guest(ring: int, seat: int) -> int:
    """Begin with the next record that is published, once the holder word is ours.

    Returns
    -------
    int
        The seat's cursor.

    Notes
    -----
    Written: the seat's cursor. What the seat's last guest left there is too low, if anything, which
    holds the producer back until this is done.
    """
    fence()
    head = load_acquire(ring + HEAD)
    store_release(seat + SEAT_CURSOR, head)
    return head
