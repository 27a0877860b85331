"""The exchange's own processes, started as anybody starts them, and watched by what they log."""

import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Final

from matcher.errors import QuoinError

PATIENCE: Final = 90  # seconds of the wall clock without the line that is waited for
SHOWN: Final = 12  # last lines of a process that did not do what it should


class ProcessFailed(QuoinError):
    """A process ended, or never said what was waited for."""


class Process:
    """One process that logs JSON to its standard error.

    Parameters
    ----------
    name : str
        For people.
    arguments : sequence of str
        Of this interpreter.
    secrets : mapping of str to str
        Added to the environment, where other users of the machine cannot read them.
    """

    def __init__(self, name: str, arguments: Sequence[str], secrets: Mapping[str, str]):
        self.name = name
        self._said: list[dict[str, Any]] = []
        self._lines: queue.Queue[dict[str, Any] | None] = queue.Queue()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("QUOIN_")}
        self._process = subprocess.Popen(
            [sys.executable, *arguments],
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            text=True,
            env=environment | dict(secrets),
        )
        threading.Thread(target=self._read, name=name, daemon=True).start()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            try:
                said = json.loads(line)
            except ValueError:
                said = line.rstrip()
            self._lines.put(said if isinstance(said, dict) else {"event": str(said)})
        self._lines.put(None)

    def wait(self, event: str, **fields: Any) -> dict[str, Any]:
        """The first line of this event with these fields, said already or to come.

        Raises
        ------
        ProcessFailed
        """

        def wanted(line: dict[str, Any]) -> bool:
            return line.get("event") == event and fields.items() <= line.items()

        found = next(filter(wanted, self._said), None)
        while found is None:
            try:
                line = self._lines.get(timeout=PATIENCE)
            except queue.Empty:
                raise ProcessFailed(f"{self.name} never said {event!r}{self._last()}") from None
            if line is None:
                raise ProcessFailed(f"{self.name} ended before {event!r}{self._last()}")
            self._said.append(line)
            found = line if wanted(line) else None
        return found

    def _last(self) -> str:
        return "".join(f"\n  {line}" for line in self._said[-SHOWN:])

    def require_alive(self) -> None:
        """Raise `ProcessFailed` if it has ended."""
        if self._process.poll() is not None:
            while (line := self._lines.get()) is not None:
                self._said.append(line)
            raise ProcessFailed(f"{self.name} ended with {self._process.returncode}{self._last()}")

    def stop(self) -> None:
        """Ask it to end, and wait until it has."""
        self._process.terminate()
        try:
            self._process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it at once."""
        self._process.kill()
        self._process.wait()
