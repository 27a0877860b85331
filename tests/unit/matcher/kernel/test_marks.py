"""What is marked becomes groups: every line once, in order, in pieces as they lie in the log."""

from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.kernel import core as kernel
from matcher.kernel import marks
from matcher.kernel.atomics import read_word, write_word
from matcher.kernel.memory import AREAS, COMPILED
from matcher.shared.segments import address_of

LOG_LINES = 4 * kernel.BURST
MARKS = 64


class Marked(NamedTuple):
    """One mark."""

    start: int
    end: int
    commands: int
    sequence: int


class Log:
    """The words that core and journal share, without either."""

    def __init__(self) -> None:
        self.core = np.zeros(1, kernel.CORE)
        self.marks = np.zeros(MARKS, kernel.MARK)
        self.group = np.zeros(marks.GROUP_WORDS, np.int64)
        self.at = address_of(self.core)
        self.core["log_mask"] = LOG_LINES - 1
        self.core["marks"], self.core["marks_mask"] = address_of(self.marks), MARKS - 1
        if not COMPILED:
            for kind, array in (("core", self.core), ("mark", self.marks)):
                at = address_of(array)
                AREAS.forget(at, at + array.nbytes)  # of another test, whose memory this was
                AREAS.declare(kind, at, len(array), array.itemsize)

    def mark(self, one: Marked) -> None:
        """As the core does."""
        number = read_word(self.at + kernel.MARKED)
        self.marks[number % MARKS] = tuple(one)
        write_word(self.at + kernel.MARKED, number + 1)

    def take(self, most: int) -> tuple[list[tuple[int, int]], list[int]]:
        """Pieces of the next group, and its marks, commands, last sequence and end; all freed."""
        count = marks.gather(self.at, most, address_of(self.group))
        head = self.group[: marks.GROUP_PIECES].tolist()
        pieces = self.group[marks.GROUP_PIECES :][: 2 * count].reshape(-1, 2).tolist()
        marks.free_marks(self.at, head[marks.GROUP_MARKS], head[marks.GROUP_END])
        return [tuple(piece) for piece in pieces], head

    @property
    def waiting(self) -> int:
        """Marks that are not taken."""
        return read_word(self.at + kernel.MARKED) - read_word(self.at + kernel.TAKEN)


def placed(sizes: list[int]) -> list[Marked]:
    """Marks of so many lines each, as the core places them: a burst lies in one piece."""
    position, sequence, made = 0, 0, []
    for size in sizes:
        slot = position % LOG_LINES
        if slot + kernel.BURST > LOG_LINES:
            position += LOG_LINES - slot
        sequence += (size + 1) // 2
        made.append(Marked(position, position + size, (size + 1) // 2, sequence))
        position += size
    return made


def lines_of(marked: list[Marked]) -> list[int]:
    """Slots of all lines, in order."""
    return [line % LOG_LINES for one in marked for line in range(one.start, one.end)]


sizes = st.one_of(st.integers(1, 8), st.integers(900, kernel.BURST))


@given(st.lists(st.lists(sizes, min_size=1, max_size=20), min_size=1, max_size=6), st.data())
def test_groups_hold_every_marked_line_once_and_in_order(turns: list[list[int]], data: Any) -> None:
    log = Log()
    marked = placed([size for turn in turns for size in turn])
    written: list[int] = []
    given_marks, taken = 0, 0
    for turn in turns:
        for one in marked[given_marks : given_marks + len(turn)]:
            log.mark(one)
        given_marks += len(turn)
        while log.waiting:
            most = data.draw(st.sampled_from([1, 10, 1500, 1 << 20]))
            pieces, (count, commands, last, end) = log.take(most)
            group = marked[taken : taken + count]
            taken += count
            lines = [slot + line for slot, size in pieces for line in range(size)]
            assert lines == lines_of(group)
            assert all(slot + size <= LOG_LINES for slot, size in pieces)
            assert count == 1 or len(lines) <= most
            assert commands == sum(one.commands for one in group)
            assert (last, end) == (group[-1].sequence, group[-1].end)
            assert read_word(log.at + kernel.FREED) == end
            written += lines
    assert written == lines_of(marked)


def test_group_whose_first_mark_alone_is_too_large_holds_that_mark() -> None:
    log = Log()
    for one in placed([1000, 1]):
        log.mark(one)
    assert log.take(10) == ([(0, 1000)], [1, 500, 500, 1000])
    assert log.take(10) == ([(1000, 1)], [1, 1, 501, 1001])


def test_marks_behind_one_another_are_one_piece() -> None:
    log = Log()
    for one in placed([3, 5, 1]):
        log.mark(one)
    assert log.take(1 << 20) == ([(0, 9)], [3, 2 + 3 + 1, 6, 9])


def test_marks_up_to_the_end_of_the_log_and_from_its_start_are_two_pieces() -> None:
    log = Log()
    for one in placed([kernel.BURST] * 4 + [5]):
        log.mark(one)
    pieces, (count, *_) = log.take(1 << 20)
    assert (pieces, count) == ([(0, LOG_LINES), (0, 5)], 5)


def test_group_ends_where_its_pieces_would_be_too_many() -> None:
    log = Log()
    apart = [Marked(10 * n, 10 * n + 1, 1, n + 1) for n in range(marks.PIECES + 3)]
    for one in apart:
        log.mark(one)
    pieces, head = log.take(1 << 20)
    assert pieces == [(10 * n, 1) for n in range(marks.PIECES)]
    assert head == [marks.PIECES, marks.PIECES, marks.PIECES, 10 * (marks.PIECES - 1) + 1]
    assert log.take(1 << 20)[0] == [(10 * n, 1) for n in range(marks.PIECES, marks.PIECES + 3)]


@pytest.mark.parametrize("spins", [0, 1, 100])
def test_wait_for_marks_that_do_not_come_ends(spins: int) -> None:
    assert marks.await_marks(Log().at, spins) == 0
