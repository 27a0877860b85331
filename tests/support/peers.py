"""Processes that share memory with a test, forked so that hundreds of them are cheap."""

import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

PATIENCE: Final = 180  # seconds until a test that waits for a peer that failed is ended


class Peer:
    """A child process that runs a function."""

    def __init__(self, work: Callable[..., Any], *arguments: Any):
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        self.status: int | None = None
        if self.pid == 0:
            code = 1
            try:
                work(*arguments)
                code = 0
            except BaseException:
                traceback.print_exc()
            finally:
                sys.stderr.flush()
                os._exit(code)

    def kill(self) -> None:
        """End it wherever it stands."""
        os.kill(self.pid, signal.SIGKILL)
        self.wait()

    def wait(self) -> int:
        """Its exit code; negative: the signal that ended it."""
        if self.status is None:
            _, status = os.waitpid(self.pid, 0)
            self.status = os.waitstatus_to_exitcode(status)
        return self.status


@contextmanager
def peers() -> Iterator[Callable[..., Peer]]:
    """Makes peers; none of them outlives the test, and the test does not wait for ever."""
    made: list[Peer] = []

    def lose_patience(*_: object) -> None:
        raise TimeoutError(f"after {PATIENCE} s; exit codes: {[p.status for p in made]}")

    def begin(work: Callable[..., Any], *arguments: Any) -> Peer:
        made.append(Peer(work, *arguments))
        return made[-1]

    before = signal.signal(signal.SIGALRM, lose_patience)
    signal.alarm(PATIENCE)
    try:
        yield begin
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
        for peer in made:
            if peer.status is None:
                peer.kill()
