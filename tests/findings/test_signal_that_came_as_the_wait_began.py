"""The engine of docs/how-to/run-the-core.md ended by a `threading.Event` that its signal handler
set. A signal that came just as the program began to wait for the event found its lock held by the
very thread that it had stopped: the engine never ended. With a queue in the event's place it hung
more rarely, when the signal came after Python had looked for one, and before the wait began. With
the signals blocked until `sigwait`, one that came before it was given to a thread that numpy had
started at its import, which did not block it: the engine died without its snapshot.
"""

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.test_core_by_the_guide import ENGINE
from tests.support.peers import peers

PATIENCE = 60  # seconds, after which the system ends the engine
STEPS = 8  # calls and returns: some of them until it waits
LATER = 0.5  # seconds, after which a signal comes to an engine that waits already


def engine_that_is_signaled(path: Path, step: int) -> None:
    """Run the guide's engine; SIGTERM comes at a step after it said that it was ready."""
    steps = 0

    def look(*_: Any) -> None:
        nonlocal steps
        steps += 1
        if steps == step:
            os.kill(os.getpid(), signal.SIGTERM)

    def say(*words: object, **_: Any) -> None:
        if words[0] == "ready":
            threading.Timer(LATER, os.kill, (os.getpid(), signal.SIGTERM)).start()
            sys.setprofile(look)

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(PATIENCE)
    # as those that numpy starts on a machine of several processors
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    names: dict[str, Any] = {"__name__": "engine", "print": say}
    exec(ENGINE, names)
    names["main"](path, f"signaled-{os.getpid()}")
    sys.setprofile(None)


@pytest.mark.parametrize("step", range(1, STEPS + 1))
def test_engine_ends_whenever_it_is_told_to(tmp_path: Path, step: int) -> None:
    with peers() as begin:
        assert begin(engine_that_is_signaled, tmp_path, step).wait() == 0
