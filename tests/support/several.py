"""An exchange that runs as several processes, as a test sees it."""

from __future__ import annotations

import time
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from matcher.processes.plan import run_of
from matcher.processes.supervisor import ask_states
from matcher.shared.segments import default_place, stamp_of
from tests.support.process import TIMEOUT, NodeProcess, running_node


def running(street: Any, gateways: int, *options: str) -> AbstractContextManager[NodeProcess]:
    """An exchange in several processes on a test's street."""
    key = bytes(street.roles.operator.key)
    options = ("--batch-age", "1", "--processes", str(gateways), *options)
    return running_node(street.anvil.url, street.record, street.data, *options, key=key)


def wait_until(what: str, holds: Any) -> Any:
    """Ask until something holds; each try is a request to somebody."""
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        found = holds()
        if found:
            return found
    raise AssertionError(f"never: {what}")


def agreeing(street: Any) -> dict[str, Any] | None:
    """What all processes say of their states, if all say the same of the same command."""
    rows = ask_states(street.data)
    said = {(row["sequence"], row["state"]) for row in rows}
    (sequence, state), *others = said
    if others or sequence is None:
        assert len({s for s in said if s[0] == sequence}) == 1, f"another state: {rows}"
        return None
    return {"sequence": sequence, "state": state, "rows": rows}


def check_nothing_left(data: Path, name: str = "") -> None:
    """No shared memory of the exchange in this directory is left over, nor what it published."""
    place = default_place()
    left = [path.name for path in place.iterdir()] if place.is_dir() else []
    ours = run_of(data)
    assert not [segment for segment in left if segment == name or segment.startswith(ours)]


def alive(pid: int) -> bool:
    """Whether a process runs, and does not only wait for its parent."""
    return stamp_of(pid) != 0
