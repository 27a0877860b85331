"""Running nodes, watched by their logs: in a process of their own, or in a thread of this one."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import structlog

from matcher.node import Node
from matcher.settings import Settings

TIMEOUT = 120  # seconds without the line that is waited for: the test has failed


class Watched:
    """Something that logs, and a test that waits for what it says."""

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self._queue: queue.Queue[dict[str, Any] | None] = queue.Queue()

    def wait(self, event: str, **fields: Any) -> dict[str, Any]:
        """The first log line of this event with these fields, said already or to come."""

        def wanted(line: dict[str, Any]) -> bool:
            return line["event"] == event and fields.items() <= line.items()

        for line in self.lines:
            if wanted(line):
                return line
        while True:
            try:
                line = self._queue.get(timeout=TIMEOUT)
            except queue.Empty:
                raise AssertionError(f"never said {event!r}:\n{self.transcript()}") from None
            assert line is not None, f"ended before {event!r}:\n{self.transcript()}"
            self.lines.append(line)
            if wanted(line):
                return line

    @property
    def url(self) -> str:
        """Of the gateway."""
        return str(self.wait("node ready")["url"])

    def transcript(self) -> str:
        return "\n".join(map(str, self.lines[-20:]))


class NodeThread(Watched):
    """A node in this process. One at a time: the log is the process's.

    Attributes
    ----------
    error : Exception or None
        What `Node.run` raised.
    """

    def __init__(self, settings: Settings):
        super().__init__()
        self._settings = settings
        self.error: Exception | None = None
        structlog.reset_defaults()  # a command may have let through warnings alone
        structlog.configure(processors=[structlog.processors.format_exc_info, self._hear])
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _hear(self, _logger: object, _method: str, line: Any) -> Any:
        self._queue.put(dict(line))
        raise structlog.DropEvent

    def _run(self) -> None:
        try:
            asyncio.run(self._main())
        except Exception as error:
            self.error = error
        self._queue.put(None)

    async def _main(self) -> None:
        self._node, self._loop = Node(self._settings), asyncio.get_running_loop()
        await self._node.run()

    def ended(self) -> Exception | None:
        """Wait for its end; why it ended."""
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive(), self.transcript()
        return self.error

    def stop(self) -> Exception | None:
        """End it in order; what it raised."""
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._node.stop)
        return self.ended()


class NodeProcess(Watched):
    """A running ``python -m matcher.node``.

    Parameters
    ----------
    process : Popen
        With its standard error piped.
    """

    def __init__(self, process: subprocess.Popen[str]):
        super().__init__()
        self.process = process
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            try:
                self._queue.put(json.loads(line))
            except ValueError:
                self._queue.put({"event": line.rstrip()})  # a traceback, or a warning
        self._queue.put(None)

    def kill(self) -> None:
        """As a power cut would, but for what the kernel has."""
        self.process.kill()
        self.process.wait()

    def terminate(self) -> int:
        """Ask it to end; its exit code."""
        self.process.terminate()
        return self.process.wait(TIMEOUT)


@contextmanager
def running_node(
    rpc: str,
    deployment: Path,
    data: Path,
    *options: str,
    key: bytes | None = None,
    answerer: bytes | None = None,
) -> Iterator[NodeProcess]:
    """A node with its gateway at a free port; killed when the block ends."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("QUOIN_")}
    if key is not None:
        environment["QUOIN_OPERATOR_KEY"] = "0x" + key.hex()
    if answerer is not None:
        environment["QUOIN_ANSWERER_KEY"] = "0x" + answerer.hex()
    command = [sys.executable, "-m", "matcher.node", "--rpc", rpc, "--deployment", str(deployment)]
    command += ["--data", str(data), "--port", "0", "--log-json", "--poll", "0.05", *options]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=environment)
    node = NodeProcess(process)
    try:
        yield node
    finally:
        node.kill()


@contextmanager
def node_thread(settings: Settings) -> Iterator[NodeThread]:
    """A node in this process, ended with the block at the latest."""
    node = NodeThread(settings)
    try:
        yield node
    finally:
        node.stop()
        structlog.reset_defaults()
