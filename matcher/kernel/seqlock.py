"""Rows that one process writes and any other copies whole, without asking and without a lock.

Where what stands, from the start of the segment::

    0      PREFACE bytes that are not the table's own
    4096   used     rows that were ever written: the first so many
    4104   beat     a number of the writer's, grows
    4224   rows     sequence:i64 | payload, each padded to whole lines of 64 bytes

A row's *sequence* is odd while its payload changes, and grows by two with each change. A reader
copies the payload between two looks at the sequence and keeps the copy if both found the same even
number. The writer never waits. A reader tries again when it met a change, and gives up after so
many tries: the row's writer may have died in the middle, or change it again and again with less
time in between than a copy takes.

**Order.** Writer: odd sequence, release fence, payload, even sequence with release. Reader:
sequence with acquire, payload, acquire fence, sequence. If a reader saw a word of a later payload,
the fences make it see that payload's odd sequence, or a later one, at its second look. The payload
goes word by word through relaxed atomics, for it may be read while it is written: a compiler must
neither split such a word nor read it twice.
"""

from typing import Final

from matcher.kernel.atomics import (
    fence_acquire,
    fence_release,
    load,
    load_acquire,
    load_relaxed,
    pause,
    store,
    store_relaxed,
    store_release,
)
from matcher.kernel.compiled import compiled

PREFACE: Final = 4096
USED: Final = PREFACE
BEAT: Final = PREFACE + 8
ROWS: Final = PREFACE + 128

CHANGING: Final = -1  # `read_row` met a change at each try


@compiled("void(int64, int64, int64)", nogil=True)
def write_row(row: int, source: int, words: int) -> None:
    """Change a row.

    Parameters
    ----------
    row : int
        Address of the row.
    source : int
        Address of the payload, `words` of 8 bytes.

    Notes
    -----
    Written: the row. A sequence that a dead writer left odd counts as ours.
    """
    odd = load_relaxed(row) | 1
    store_relaxed(row, odd)
    fence_release()
    for word in range(words):
        store_relaxed(row + 8 + 8 * word, load(source + 8 * word))
    store_release(row, odd + 1)


@compiled("int64(int64, int64, int64, int64)", nogil=True)
def read_row(row: int, target: int, words: int, tries: int) -> int:
    """Copy a row whole.

    Returns
    -------
    int
        The row's sequence: even, 0 if it was never written; or `CHANGING`.

    Notes
    -----
    Written: the payload, `target`; nothing of use there after `CHANGING`.
    """
    for _ in range(tries):
        before = load_acquire(row)
        if before & 1 == 0:
            for word in range(words):
                store(target + 8 * word, load_relaxed(row + 8 + 8 * word))
            fence_acquire()
            if load_relaxed(row) == before:
                return before
        pause()
    return CHANGING


@compiled("int64(int64, int64, int64, int64, int64, int64, int64)", nogil=True)
def read_rows(
    row: int, stride: int, count: int, target: int, words: int, tries: int, sequences: int
) -> int:
    """Copy rows one after the other, each whole.

    Parameters
    ----------
    row : int
        Address of the first.
    stride : int
        Bytes from a row to the next.
    sequences : int
        Address of `count` words.

    Returns
    -------
    int
        How many were copied: less than `count` if the next one met a change at each try.

    Notes
    -----
    Written: the payloads back to back, `target`; `sequences`. Rows may be of different moments.
    """
    for index in range(count):
        into = target + 8 * words * index
        sequence = read_row(row + stride * index, into, words, tries)
        if sequence == CHANGING:
            return index
        store(sequences + 8 * index, sequence)
    return count


@compiled("void(int64, int64)", nogil=True)
def count_used(table: int, used: int) -> None:
    """Show that the first `used` rows were written. Written: `used`."""
    store_release(table + USED, used)


@compiled("int64(int64)", nogil=True)
def used_rows(table: int) -> int:
    """Rows that were ever written."""
    return load_acquire(table + USED)


@compiled("void(int64, int64)", nogil=True)
def set_beat(table: int, beat: int) -> None:
    """Show how far the writer is: after the rows this speaks of. Written: `beat`."""
    store_release(table + BEAT, beat)


@compiled("int64(int64)", nogil=True)
def beat_of(table: int) -> int:
    """How far the writer is; rows read after this show that, or later."""
    return load_acquire(table + BEAT)
