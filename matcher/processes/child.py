"""A process of the exchange: ``python -m matcher.processes.child DESCRIPTOR``.

Only the supervisor starts it, and says over the socket of that descriptor what it is to be.
"""

import asyncio
import signal
import socket
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import msgspec
import structlog

from matcher.errors import QuoinError
from matcher.processes.board import Bells, Board
from matcher.processes.control import FAILED, Control, Ended
from matcher.processes.life import Life
from matcher.processes.plan import BATCHER, MATCHER, PUBLISHER, Plan
from matcher.settings import configure_logging

log = structlog.get_logger(__name__)


def main(descriptor: int) -> int:
    """Be what the supervisor says; the exit code."""
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)  # of the terminal: the supervisor sees to it
    connected = socket.socket(fileno=descriptor)
    plan = _read_plan(connected)
    configure_logging(plan.log_level, plan.log_json)
    structlog.contextvars.bind_contextvars(process=plan.name)
    control = Control(connected)
    try:
        board = Board.attach(Path(plan.place), plan.segment("board"), len(plan.processes))
        bells = Bells(board, plan.bells)
        _run(plan, board, bells, control)
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


def _run(plan: Plan, board: Board, bells: Bells, control: Control) -> None:
    if plan.name == MATCHER:
        from matcher.processes.writer import Writer

        writer = Writer(plan, board, bells, control)
        signal.signal(signal.SIGTERM, lambda *_: writer.stop())
        writer.run()
    elif plan.name == BATCHER:
        from matcher.processes.batcher_process import BatcherProcess

        asyncio.run(_live(BatcherProcess(plan, board, bells).run, control))
    elif plan.name == PUBLISHER:
        from matcher.processes.publisher_process import PublisherProcess

        asyncio.run(_live(PublisherProcess(plan, board, bells).run, control))
    else:
        from matcher.processes.gateway_process import GatewayProcess

        asyncio.run(_live(GatewayProcess(plan, board, bells).run, control))


async def _live(run: Callable[[Life], Coroutine[Any, Any, None]], control: Control) -> None:
    await run(Life(control))


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
