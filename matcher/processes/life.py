"""How a process on an event loop is told what to do, and ends."""

import asyncio
import signal
from collections.abc import Callable
from typing import Any

import structlog

from matcher.errors import QuoinError
from matcher.processes.control import Control, SayState, StateIs, Stop

log = structlog.get_logger(__name__)


class Life:
    """What a process on an event loop is told, and how it answers.

    Parameters
    ----------
    control : Control

    Attributes
    ----------
    ending : asyncio.Event
        Set when it is to end.
    """

    def __init__(self, control: Control):
        self.ending = asyncio.Event()
        self._control = control
        self._say: Callable[[], StateIs] | None = None
        loop = asyncio.get_running_loop()
        loop.add_reader(control.socket, self._obey)
        loop.add_signal_handler(signal.SIGTERM, self.ending.set)

    def ready(self, say: Callable[[], StateIs], **details: Any) -> None:
        """Tell the supervisor that this process is at work; `say` tells of its state."""
        self._say = say
        self._control.ready(**details)

    def _obey(self) -> None:
        for message in self._control.read():
            if isinstance(message, Stop):
                self.ending.set()
            elif isinstance(message, SayState) and self._say is not None:
                self._control.send(self._say())
        if self._control.gone:
            asyncio.get_running_loop().remove_reader(self._control.socket)

    async def until_done(self, name: str, tasks: dict[str, "asyncio.Task[None]"]) -> bool:
        """Wait for one of the tasks, which is taken out; False if the end, or another's, is first.

        Raises
        ------
        Exception
            What the task raised.
        """
        stop = asyncio.create_task(self.ending.wait())
        await asyncio.wait([stop, *tasks.values()], return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not tasks[name].done() or self.ending.is_set():
            return False
        tasks.pop(name).result()
        return True

    async def until_ended(self, tasks: dict[str, "asyncio.Task[None]"]) -> None:
        """Wait until told to end, or a task ends by itself; raise why, if it failed."""
        stop = asyncio.create_task(self.ending.wait())
        await asyncio.wait([stop, *tasks.values()], return_when=asyncio.FIRST_COMPLETED)
        asked = self.ending.is_set()
        self.ending.set()
        await stop
        for name, task in tasks.items():
            if not task.done() or task.cancelled():
                continue
            error = task.exception()
            if error is not None:
                log.error("task failed", task=name, exc_info=error)
                raise error
            if not asked:
                raise QuoinError(f"{name}: ended")
