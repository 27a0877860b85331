"""Engines that others wrote, behind one door.

Those of `PROCESSES` run as long-lived processes that answer one scenario a line; `make engines`
installs them. Nothing here decides what is right: it asks and hands back.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from gaslab.crosscheck.anvil import Anvil
from gaslab.crosscheck.scenario import Answer, Scenario, answer_from_json
from gaslab.errors import EngineMissing, GasLabError

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(__file__).parent / "engines"
INSTALLED = ROOT / ".toolchain" / "engines"


class Engine(Protocol):
    """What answers scenarios."""

    name: str
    version: str
    forks: tuple[str, ...]

    def answer(self, scenario: Scenario) -> Answer: ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...


class EngineFailed(GasLabError):
    """An engine did not answer a scenario, or not in a form that can be read."""


class Process:
    """An engine in a process of its own.

    Parameters
    ----------
    name : str
    command : tuple of str or Path
        The first part must exist, or the engine is not installed.
    folder : Path
        Where it runs.

    Raises
    ------
    EngineMissing
    """

    def __init__(self, name: str, command: tuple[str | Path, ...], folder: Path):
        if not folder.is_dir():
            raise EngineMissing(f"{name} is not installed; `make engines` installs it")
        self.name = name
        try:
            self._process = subprocess.Popen(
                [str(part) for part in command],
                cwd=folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
        except OSError as error:
            raise EngineMissing(f"{name}: {error}; `make engines` installs it") from error
        hello = self._read("its version")
        self.version = str(hello["version"])
        self.forks = tuple(hello["forks"])

    def answer(self, scenario: Scenario) -> Answer:
        """What the engine makes of a scenario.

        Raises
        ------
        EngineFailed
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(scenario.to_json()) + "\n")
            self._process.stdin.flush()
        except BrokenPipeError as error:
            raise EngineFailed(f"{self.name} ended before {scenario.name}") from error
        found = self._read(scenario.name)
        if "error" in found:
            raise EngineFailed(f"{self.name}: {scenario.name}: {found['error']}")
        return answer_from_json(found)

    def _read(self, what: str) -> Mapping[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EngineFailed(f"{self.name} ended where it should have told {what}")
        found: Mapping[str, Any] = json.loads(line)
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()


def eels() -> Engine:
    """Python execution specs: what the clients are written after."""
    folder = INSTALLED / "eels"
    return Process("eels", (folder / "bin" / "python", "-I", PROGRAMS / "eels.py"), folder)


def ethereumjs() -> Engine:
    """The only engine here that knows a draft of Amsterdam."""
    return Process("ethereumjs", ("node", PROGRAMS / "ethereumjs.mjs"), INSTALLED / "ethereumjs")


def anvil() -> Engine:
    """Foundry's node: what the product is tested against."""
    return Anvil()


ENGINES = {"eels": eels, "ethereumjs": ethereumjs, "anvil": anvil}


@contextmanager
def started(names: tuple[str, ...] = tuple(ENGINES)) -> Iterator[list[Engine]]:
    """Engines by name, started; they end with the block.

    Raises
    ------
    EngineMissing
    """
    with ExitStack() as stack:
        yield [stack.enter_context(ENGINES[name]()) for name in names]
