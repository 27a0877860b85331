"""What the core has marked, as the thread that writes the journal takes it (`matcher.kernel.core`).

A *group* is what that thread writes and syncs at once: all that is marked, up to a size. It lies in
the log in one piece, or in several where positions went around the log or passed its end by.

Parameters, the same in all functions: `core` is the address of the CORE record.
"""

from typing import Final

from matcher.kernel.atomics import load, load_acquire, pause, store, store_release
from matcher.kernel.compiled import compiled
from matcher.kernel.core import (
    FREED,
    LOOKS,
    MARK,
    MARKED,
    SAFE,
    TAKEN,
    core_log_mask,
    core_marks,
    core_marks_mask,
)
from matcher.kernel.memory import getter
from matcher.kernel.waiting import give_way

PIECES: Final = 16  # of a group, at most; the rest is the next one's
# Words of a group, as `gather` writes them.
GROUP_MARKS: Final = 0
GROUP_COMMANDS: Final = 1
GROUP_LAST: Final = 2  # sequence of its last command
GROUP_END: Final = 3  # position behind its last line
GROUP_PIECES: Final = 4  # of each: its first slot in the log, its lines
GROUP_WORDS: Final = GROUP_PIECES + 2 * PIECES

mark_start = getter(MARK, "start")
mark_end = getter(MARK, "end")
mark_commands = getter(MARK, "commands")
mark_sequence = getter(MARK, "sequence")


@compiled("int64(int64, int64)", nogil=True)
def await_marks(core: int, spins: int) -> int:
    """Look for marks up to `spins` times; how many there are."""
    taken = load_acquire(core + TAKEN)
    spun = 0
    while load_acquire(core + MARKED) == taken and spun < spins:
        pause()
        spun += 1
        if spun % LOOKS == 0:
            give_way()
    return load_acquire(core + MARKED) - taken


@compiled("int64(int64, int64, int64)", nogil=True)
def gather(core: int, most: int, group: int) -> int:
    """The next group: marks from the first that is not taken on; at least one must be there.

    Parameters
    ----------
    most : int
        Lines of a group, unless its first mark alone has more.
    group : int
        Address of GROUP_WORDS words. Written.

    Returns
    -------
    int
        Of how many pieces it is.
    """
    first, end = load_acquire(core + TAKEN), load_acquire(core + MARKED)
    number = first
    lines, commands, pieces, behind = 0, 0, 0, -1
    while number < end:
        mark = core_marks(core) + 32 * (number & core_marks_mask(core))
        start, slot = mark_start(mark), mark_start(mark) & core_log_mask(core)
        size = mark_end(mark) - start
        if number > first and lines + size > most:
            break
        if start != behind or slot == 0:
            if pieces == PIECES:
                break
            store(group + 8 * (GROUP_PIECES + 2 * pieces), slot)
            store(group + 8 * (GROUP_PIECES + 2 * pieces + 1), 0)
            pieces += 1
        last = group + 8 * (GROUP_PIECES + 2 * pieces - 1)
        store(last, load(last) + size)
        lines += size
        commands += mark_commands(mark)
        behind = mark_end(mark)
        store(group + 8 * GROUP_LAST, mark_sequence(mark))
        number += 1
    store(group + 8 * GROUP_MARKS, number - first)
    store(group + 8 * GROUP_COMMANDS, commands)
    store(group + 8 * GROUP_END, behind)
    return pieces


@compiled("void(int64, int64, int64)", nogil=True)
def free_marks(core: int, marks: int, position: int) -> None:
    """Be done with so many marks, and the log up to a position. Written: `taken`, `freed`."""
    store_release(core + FREED, position)
    store_release(core + TAKEN, load_acquire(core + TAKEN) + marks)


@compiled("void(int64, int64)", nogil=True)
def tell_safe(core: int, sequence: int) -> None:
    """Say that commands up to a sequence are safe, and let the core hear it. Written: `safe`.

    Where the core has to share its processor with the caller, it could publish what is safe, and
    take what has come since, only once the caller waits for the disk again.
    """
    store_release(core + SAFE, sequence)
    give_way()
