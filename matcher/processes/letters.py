"""Commands of any length in rings of fixed cells.

A letter is a stamp, a length and bytes, in as many cells as it takes. Each cell says which of how
many it is, so that what is left of a letter whose writer died in the middle of it is recognized
when the next one begins, and passed over.
"""

import struct
from typing import Final, NamedTuple

import numpy as np

from matcher.processes.plan import Plan
from matcher.shared.segments import Records

CELL: Final = np.dtype([("tag", "<i8"), ("body", "<i8", (7,))])
BODY: Final = 56
_HEAD: Final = struct.Struct("<qi")  # stamp, bytes
_TAG: Final = struct.Struct("<q")
_INDEX_BITS: Final = 20
LONGEST: Final = (1 << _INDEX_BITS) - 1  # cells

CELLS: Final = 1 << 15  # of a lane: some 5,000 orders
ACKS: Final = 1 << 15
ACK: Final = np.dtype([("origin", "<i8"), ("sequence", "<i8")])  # sequence 0: not taken, OVERTAKEN


_CELL_BITS: Final = 44
_CELL_MASK: Final = (1 << _CELL_BITS) - 1


class Letter(NamedTuple):
    """One that arrived.

    Attributes
    ----------
    cell : int
        Its first, counted from the first one peeked at.
    stamp : int
        When it was sent, nanoseconds of the machine's monotonic clock.
    """

    cell: int
    stamp: int
    payload: bytes


def cells_of(payload: bytes, stamp: int) -> Records:
    """A letter as cells."""
    data = _HEAD.pack(stamp, len(payload)) + payload
    count = -(-len(data) // BODY)
    cells = np.zeros(count, CELL)
    cells["body"] = np.frombuffer(data.ljust(count * BODY, b"\0"), "<i8").reshape(count, 7)
    cells["tag"] = np.arange(count) | count << _INDEX_BITS
    return cells


def letters_in(cells: Records) -> tuple[list[Letter], int]:
    """Whole letters, and how many cells they and what is torn take; the rest has to wait."""
    raw, total = cells.tobytes(), len(cells)
    size = CELL.itemsize
    found: list[Letter] = []
    at = 0
    while at < total:
        count, whole = _extent(raw, at, total)
        if not whole:
            if at + count >= total:
                break
            at += count  # torn: another begins behind it
            continue
        first = at * size
        data = b"".join(raw[first + size * i + 8 : first + size * (i + 1)] for i in range(count))
        stamp, length = _HEAD.unpack_from(data)
        found.append(Letter(at, stamp, data[_HEAD.size : _HEAD.size + length]))
        at += count
    return found, at


def _extent(raw: bytes, at: int, total: int) -> tuple[int, bool]:
    """Cells from `at` on that are of one letter, and whether it is whole."""
    size = CELL.itemsize
    (tag,) = _TAG.unpack_from(raw, size * at)
    count = tag >> _INDEX_BITS
    if tag & LONGEST:
        return 1, False  # its beginning is not here
    for i in range(1, count):
        if at + i == total:
            return i, False
        if _TAG.unpack_from(raw, size * (at + i))[0] != tag | i:
            return i, False
    return count, True


# --- names ---------------------------------------------------------------------------------------


def lane_of(sender: int, ordinary: bool) -> int:
    """Number of a lane: two for each process."""
    return 2 * sender + ordinary


def origin_of(lane: int, cell: int) -> int:
    """Where a letter comes from: its lane, and its first cell since the ring was made. Not 0."""
    return (lane + 1) << _CELL_BITS | cell


def lane_and_cell(origin: int) -> tuple[int, int]:
    """The inverse."""
    return (origin >> _CELL_BITS) - 1, origin & _CELL_MASK


def lane_name(plan: Plan, sender: str, ordinary: bool) -> str:
    """Name of the ring that holds a lane."""
    return plan.segment(sender, "ordinary" if ordinary else "urgent")


def acks_name(plan: Plan, sender: str) -> str:
    """Name of the ring that tells a sender what became of its letters."""
    return plan.segment(sender, "acks")
