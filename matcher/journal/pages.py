"""Writing past the system's cache: whole pages, from memory that is the writer's own.

The cache has a page for every page that is written. Where memory is short, or is given to a virtual
machine only when it is first used, finding so many new ones takes longer than the disk does. Past
it nothing is found and nothing copied twice, but whoever reads what was written asks the disk.
"""

import mmap
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from matcher.disk import write_all

PAGE: Final = 4096  # bytes; what disks and systems let past the cache are multiples of less
_ROOM: Final = 1 << 20  # bytes that are written at a time, at most


class PageWriter:
    """Writes to a file behind what it wrote before; a page that is begun is written again.

    What stands between the end of what was written and the end of its page becomes zeros.

    Parameters
    ----------
    path : Path
        Of a file that is there, whose size is a multiple of PAGE.

    Raises
    ------
    OSError
        If the file system knows no way past the cache.
    """

    def __init__(self, path: Path):
        self._handle = os.open(path, os.O_RDWR | os.O_DIRECT)
        self._memory = mmap.mmap(-1, _ROOM)  # lies as such writes require
        self._begun = -1  # offset of the page that stands at its start; none is

    def write(self, parts: Sequence[bytes | memoryview], offset: int) -> None:
        """Write all of the parts, back to back, at an offset.

        Raises
        ------
        OSError
            With some of it perhaps written.
        """
        used = offset % PAGE
        start = offset - used
        if used and self._begun != start:
            os.preadv(self._handle, [memoryview(self._memory)[:PAGE]], start)
        self._begun = -1
        for part in parts:
            view = memoryview(part).cast("B")
            while len(view):
                took = min(len(view), _ROOM - used)
                self._memory[used : used + took] = view[:took]
                view = view[took:]
                used += took
                if used == _ROOM:
                    self._flush(start, used)
                    start, used = start + used, 0
        if used:
            self._end(start, used)

    def _end(self, start: int, used: int) -> None:
        """Write what is there with the page that is begun, and keep that page."""
        whole = -(-used // PAGE) * PAGE
        self._memory[used:whole] = bytes(whole - used)
        self._flush(start, whole)
        if used < whole:
            self._memory[:PAGE] = self._memory[whole - PAGE : whole]
            self._begun = start + whole - PAGE

    def _flush(self, start: int, length: int) -> None:
        with memoryview(self._memory) as view:
            write_all(self._handle, [view[:length]], start)

    def close(self) -> None:
        """Let go of the file."""
        os.close(self._handle)
        self._memory.close()
