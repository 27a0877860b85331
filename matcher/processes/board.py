"""Words in shared memory that all processes of an exchange see: how far everybody is.

Each word is written by one process and has two cache lines of its own. The matcher's *group* is
what it is about to write to the journal: where each command came from. A matcher that is started
again after a crash learns from it which commands are in the journal already. There are two, and a
word that says which one counts, so that a crash while one is written leaves the other.

A process that finds nothing to do says that it sleeps, looks once more, and then waits for its
*bell* (an event file descriptor); whoever has made work for it rings if it sleeps. Both use a
locked operation of the processor, so one of them sees the other: no work is overslept.
"""

import os
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from matcher.kernel.atomics import read_word, swap_word, write_word
from matcher.shared.segments import PAGE, TABLE, Segment, Shape

GROUP_MAX: Final = 1 << 13  # commands; a group is at most that long
_APART: Final = 128  # bytes
_WORD: Final = np.dtype([("word", "<i8")])
_SYNCED, _LIFE, _WHICH, _FIXED = range(4)
_GROUP_BYTES: Final = 8 * (2 + GROUP_MAX)  # first sequence, length, origins


def _shape(processes: int, size: int) -> Shape:
    return Shape(TABLE, 1, _WORD, processes, 0, size)


def _size(processes: int) -> int:
    return PAGE + _APART * (_FIXED + 4 * processes) + 2 * _GROUP_BYTES


class Board:
    """The words of one exchange.

    Parameters
    ----------
    segment : Segment
    processes : int
        How many there are.
    """

    def __init__(self, segment: Segment, processes: int):
        self.segment = segment
        self._words = segment.opened + PAGE
        self._processes = processes
        first = PAGE + _APART * (_FIXED + 4 * processes)
        self._groups = [
            segment.bytes[at : at + _GROUP_BYTES].view(np.int64)
            for at in (first, first + _GROUP_BYTES)
        ]

    @classmethod
    def create(cls, place: Path, name: str, processes: int) -> "Board":
        """Make one that this process owns.

        Raises
        ------
        SegmentBusy
            If one of that name has an owner that lives: the exchange runs already.
        """
        return cls(Segment.create(place, name, _shape(processes, _size(processes))), processes)

    @classmethod
    def attach(cls, place: Path, name: str, processes: int) -> "Board":
        """Find the one that the supervisor made.

        Raises
        ------
        SegmentMissing, SegmentMismatch, OwnerGone
        """
        shape = _shape(processes, _size(processes))
        return cls(Segment.attach(place, name, shape, writable=True), processes)

    def close(self) -> None:
        """Let go of it; the owner's call ends it."""
        self._groups = []
        self.segment.close()

    def _at(self, word: int) -> int:
        return self._words + _APART * word

    def _of(self, kind: int, process: int) -> int:
        return self._at(_FIXED + kind * self._processes + process)

    # --- the matcher's --------------------------------------------------------------------------

    @property
    def synced(self) -> int:
        """The last command that is on disk; what is after it may not be told."""
        return read_word(self._at(_SYNCED))

    @synced.setter
    def synced(self, sequence: int) -> None:
        write_word(self._at(_SYNCED), sequence)

    @property
    def life(self) -> int:
        """How often the matcher has begun."""
        return read_word(self._at(_LIFE))

    def begin_life(self, taken: dict[int, int]) -> None:
        """Say that the matcher has begun, and up to which cell it has dropped what it found.

        Parameters
        ----------
        taken : dict of int to int
            Cells by lane: twice the number of the process, and 1 more for ordinary ones.
        """
        for lane, cells in taken.items():
            write_word(self._of(2 + lane % 2, lane // 2), cells)
        write_word(self._at(_LIFE), self.life + 1)

    def taken(self, process: int, ordinary: bool) -> int:
        """Cells of a lane that the matcher had dropped or read when its life began."""
        return read_word(self._of(2 + ordinary, process))

    def note_group(self, first: int, origins: npt.NDArray[np.int64]) -> None:
        """Say what is about to be written to the journal.

        Parameters
        ----------
        first : int
            Sequence of the group's first command.
        origins : ndarray of int64, shape (n,)
            Where each came from; 0: from the matcher.
        """
        which = 1 - read_word(self._at(_WHICH))
        group = self._groups[which]
        group[0], group[1] = first, len(origins)
        group[2 : 2 + len(origins)] = origins
        write_word(self._at(_WHICH), which)

    def group(self) -> tuple[int, npt.NDArray[np.int64]]:
        """The last group that was about to be written: its first sequence, and the origins."""
        group = self._groups[read_word(self._at(_WHICH))]
        return int(group[0]), group[2 : 2 + int(group[1])].copy()

    # --- everybody's ----------------------------------------------------------------------------

    def applied(self, process: int) -> int:
        """The last command that a process has applied."""
        return read_word(self._of(0, process))

    def note_applied(self, process: int, sequence: int) -> None:
        """Say how far this process is."""
        write_word(self._of(0, process), sequence)

    def sleep(self, process: int) -> None:
        """Say that this process sleeps; it must look for work once more after this."""
        swap_word(self._of(1, process), 0, 1)

    def wake(self, process: int) -> bool:
        """Whether a process slept; from now on it does not, and whoever asked rings its bell."""
        return swap_word(self._of(1, process), 1, 0) == 1


class Bells:
    """Wakes processes that sleep.

    Parameters
    ----------
    board : Board
    descriptors : sequence of int
        An event file descriptor for each process.
    """

    def __init__(self, board: Board, descriptors: tuple[int, ...]):
        self._board = board
        self._descriptors = descriptors

    def ring(self, process: int) -> None:
        """Tell a process that there is work, if it sleeps."""
        if self._board.wake(process):
            os.eventfd_write(self._descriptors[process], 1)

    def ring_all(self, but: int) -> None:
        """Ring everybody else's."""
        for process in range(len(self._descriptors)):
            if process != but:
                self.ring(process)

    def own(self, process: int) -> int:
        """The descriptor that becomes readable when a process is rung."""
        return self._descriptors[process]

    def silence(self, process: int) -> None:
        """Be done with a ring that was heard."""
        try:
            os.eventfd_read(self._descriptors[process])
        except BlockingIOError:
            return
