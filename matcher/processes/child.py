"""A process of the exchange: ``python -m matcher.processes.child NAME DESCRIPTOR``.

Only the supervisor starts it. It imports what it will need, and waits to be told over the socket of
that descriptor: as soon as those are at work that it needs.
"""

import signal
import socket
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import msgspec
import structlog
import uvloop

from matcher.errors import QuoinError
from matcher.processes.board import Bells, Board
from matcher.processes.control import FAILED, Control, Ended
from matcher.processes.life import Life
from matcher.processes.plan import BATCHER, MATCHER, PUBLISHER, Plan
from matcher.settings import configure_logging
from matcher.turns import collect_seldom, take_short_turns

log = structlog.get_logger(__name__)


class Lively(Protocol):
    """A process on an event loop."""

    async def run(self, life: Life) -> None:
        """Run until told to end."""


def main(name: str, descriptor: int) -> int:
    """Be what the supervisor says; the exit code."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # of the terminal: the supervisor sees to it
    run = _work(name)
    connected = socket.socket(fileno=descriptor)
    plan = _read_plan(connected)
    configure_logging(plan.log_level, plan.log_json)
    structlog.contextvars.bind_contextvars(process=plan.name)
    control = Control(connected)
    collect_seldom()
    if name not in (BATCHER, PUBLISHER):  # somebody waits for what these do
        take_short_turns()
    try:
        board = Board.attach(Path(plan.place), plan.segment("board"), len(plan.processes))
        run(plan, board, Bells(board, plan.bells), control)
    except QuoinError as error:
        log.error("process failed", reason=str(error), kind=type(error).__name__)
        control.send(Ended(f"{type(error).__name__}: {error}"))
        return FAILED
    return 0


def _read_plan(connected: socket.socket) -> Plan:
    """The first line, and not a byte more."""
    data = b""
    while not data.endswith(b"\n"):
        byte = connected.recv(1)
        if not byte:
            sys.exit(0)
        data += byte
    return msgspec.json.decode(data, type=Plan)


def _work(name: str) -> Callable[[Plan, Board, Bells, Control], None]:
    """What a process of that name does."""
    if name == MATCHER:
        from matcher.processes.writer import Writer

        def write(plan: Plan, board: Board, bells: Bells, control: Control) -> None:
            writer = Writer(plan, board, bells, control)
            signal.signal(signal.SIGTERM, lambda *_: writer.stop())
            writer.run()

        return write
    make: Callable[[Plan, Board, Bells], Lively]
    if name == BATCHER:
        from matcher.processes.batcher_process import BatcherProcess

        make = BatcherProcess
    elif name == PUBLISHER:
        from matcher.processes.publisher_process import PublisherProcess

        make = PublisherProcess
    else:
        from matcher.processes.gateway_process import GatewayProcess

        make = GatewayProcess

    def live(plan: Plan, board: Board, bells: Bells, control: Control) -> None:
        uvloop.run(_live(make(plan, board, bells), control))

    return live


async def _live(process: Lively, control: Control) -> None:
    await process.run(Life(control))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
