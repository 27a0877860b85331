"""What the processes of an exchange share, made by whoever starts them."""

import os
from pathlib import Path

from matcher.processes.board import Board
from matcher.processes.letters import ACK, ACKS, CELL, CELLS, acks_name, lane_name
from matcher.processes.plan import Plan
from matcher.shared.rings import Ring


class Shared:
    """The board, the rings of each sender, and everybody's bell; this process owns them.

    Parameters
    ----------
    plan : Plan
        Of any of the processes.
    cells, acks : int
        That fit a lane, and a sender's acks.

    Raises
    ------
    SegmentBusy
        If the exchange runs already.
    """

    def __init__(self, plan: Plan, cells: int = CELLS, acks: int = ACKS):
        place = Path(plan.place)
        self._rings: list[Ring] = []
        self.board = Board.create(place, plan.segment("board"), len(plan.processes))
        try:
            for sender in plan.senders:
                for ordinary in (False, True):
                    name = lane_name(plan, sender, ordinary)
                    self._rings.append(Ring.create(name, CELL, capacity=cells, place=place))
                name = acks_name(plan, sender)
                self._rings.append(Ring.create(name, ACK, capacity=acks, place=place))
        except Exception:
            self.close()
            raise

    def close(self) -> None:
        """Let go of all; nobody can attach any more."""
        for ring in self._rings:
            ring.close()
        self.board.close()


def make_bells(count: int) -> tuple[int, ...]:
    """Event file descriptors, one for each process."""
    return tuple(os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC) for _ in range(count))
