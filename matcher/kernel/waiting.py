"""Waiting for a word that somebody else changes."""

from matcher.kernel.atomics import load_acquire, pause
from matcher.kernel.compiled import compiled


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
