"""Words that several processes share, and bells that nobody sleeps through."""

import os
import select
import signal
from pathlib import Path

import numpy as np
import pytest

from matcher.kernel.atomics import read_word
from matcher.processes.board import GROUP_MAX, Bells, Board
from matcher.processes.shared import make_bells
from matcher.shared.segments import SegmentBusy
from tests.support.peers import peers

TRIPS = 20_000


@pytest.fixture
def board(tmp_path: Path):
    made = Board.create(tmp_path / "segments", "board", 3)
    yield made
    made.close()


def test_group_is_the_last_that_was_noted_whole(board: Board) -> None:
    assert board.group()[1].tolist() == []
    for first in (1, 4, 9):
        board.note_group(first, np.arange(first, first + 3))
        found, origins = board.group()
        assert (found, origins.tolist()) == (first, [first, first + 1, first + 2])
    board.note_group(12, np.arange(GROUP_MAX))
    assert board.group()[1].tolist() == list(range(GROUP_MAX))


def test_group_that_a_crash_left_half_written_leaves_the_one_before(tmp_path: Path) -> None:
    board = Board.create(tmp_path / "segments", "board", 1)
    board.note_group(1, np.array([7, 8]))

    class Torn(np.ndarray):
        """Kills whoever copies it, when half is there."""

        def __len__(self) -> int:
            if self.looked:
                board._groups[1 - read_word(board._at(2))][2:4] = 99
                os.kill(os.getpid(), signal.SIGKILL)
            self.looked = True
            return 3

    def write() -> None:
        origins = np.array([9, 9, 9]).view(Torn)
        origins.looked = False
        board.note_group(3, origins)

    with peers() as begin:
        assert begin(write).wait() == -signal.SIGKILL
    first, origins = board.group()
    assert (first, origins.tolist()) == (1, [7, 8])
    board.close()


def test_words_of_processes_are_their_own(board: Board) -> None:
    board.synced = 5
    for process in range(3):
        board.note_applied(process, 10 + process)
    board.begin_life(
        {2 * process + lane: 10 * process + lane for process in (1, 2) for lane in (0, 1)}
    )
    assert (board.synced, board.life) == (5, 1)
    assert [board.applied(process) for process in range(3)] == [10, 11, 12]
    taken = [board.taken(process, ordinary) for process in (1, 2) for ordinary in (False, True)]
    assert taken == [10, 11, 20, 21]


def test_only_who_sleeps_is_rung_and_once(board: Board) -> None:
    bells = Bells(board, make_bells(3))
    bells.ring(1)
    assert not select.select([bells.own(1)], [], [], 0)[0]
    board.sleep(1)
    bells.ring(1)
    bells.ring_all(0)
    assert select.select([bells.own(1), bells.own(2)], [], [], 0)[0] == [bells.own(1)]
    assert os.eventfd_read(bells.own(1)) == 1
    bells.silence(1)


def test_board_is_one_exchange_s(board: Board) -> None:
    with pytest.raises(SegmentBusy, match="owned by process"):
        Board.create(board.segment.path.parent, "board", 3)


def test_nobody_sleeps_through_a_bell(board: Board) -> None:
    """Two processes answer each other; one ring that is lost would stop both for ever."""
    bells = Bells(board, make_bells(3))

    def work(own: int, other: int, first: int) -> None:
        for number in range(first, 2 * TRIPS + first, 2):
            while board.applied(other) < number:
                board.sleep(own)
                if board.applied(other) < number:
                    select.select([bells.own(own)], [], [])
                    bells.silence(own)
                board.wake(own)
            board.note_applied(own, number + 1)
            bells.ring(other)

    with peers() as begin:
        both = [begin(work, 0, 1, 0), begin(work, 1, 0, 1)]
        assert [peer.wait() for peer in both] == [0, 0]
    assert board.applied(0) == 2 * TRIPS - 1
