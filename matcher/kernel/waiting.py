"""Waiting for a word that somebody else changes."""

import os
from collections.abc import Callable
from typing import Any, Final

from numba import types

from matcher.kernel.atomics import load_acquire, pause
from matcher.kernel.compiled import compiled
from matcher.kernel.memory import COMPILED


def _yield_plain() -> int:
    os.sched_yield()
    return 0


# Let whoever else wants this processor have it: a spinning thread that never does keeps a thread
# that the disk has woken from running until its slice is over, some milliseconds later.
_yield_compiled: Any = types.ExternalFunction("sched_yield", types.int32())
give_way: Final[Callable[[], int]] = _yield_compiled if COMPILED else _yield_plain


@compiled("int64(int64, int64, int64)", nogil=True)
def await_change(address: int, seen: int, spins: int) -> int:
    """Look at a word up to `spins` times, until it is not `seen`; what it is then."""
    found = load_acquire(address)
    spun = 0
    while found == seen and spun < spins:
        pause()
        spun += 1
        found = load_acquire(address)
    return found
