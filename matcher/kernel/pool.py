"""Records of one kind in memory that grows in place."""

import contextlib
import mmap
import sys
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from matcher.kernel.memory import AREAS, COMPILED, kind_of

HUGE_PAGE: Final = 1 << 21
RESERVED: Final = 1 << 30  # bytes of addresses that a pool has at least once it is long
_POPULATE: Final = 23  # MADV_POPULATE_WRITE of Linux, which mmap has no name for
_NORESERVE: Final = 0x4000 if sys.platform == "linux" else 0


class Pool:
    """Records of one kind, all zero at first, on pages that are taken as they are touched.

    Parameters
    ----------
    record : dtype
        As `layout.record` makes them.
    count : int
        Records at first; at least 1.
    inner : tuple of (dtype, offset, count), optional
        Records that lie in each record, for debug mode.

    Attributes
    ----------
    address : int
        Of the first record. Growing may change it.

    Notes
    -----
    Pages that move lose their place in huge pages, and what lies on small ones is found slowly. So
    a pool that has become longer than a huge page has addresses for far more records than it has
    room for, which take no memory, and hardly ever moves again.
    """

    __slots__ = ("_areas", "_array", "_count", "_inner", "_pages", "_record", "_touched", "address")

    def __init__(
        self,
        record: np.dtype[Any],
        count: int,
        inner: tuple[tuple[np.dtype[Any], int, int], ...] = (),
    ):
        self.address = 0
        self._areas = None if COMPILED else AREAS
        self._record = record
        self._inner = inner
        self._count = count
        self._touched = 0  # bytes that the system was asked for
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
        self._pages = mmap.mmap(-1, count * record.itemsize, flags=flags)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with contextlib.suppress(OSError):
                self._pages.madvise(mmap.MADV_HUGEPAGE)
        self._array: NDArray[Any] | None = None
        self._look()

    def __len__(self) -> int:
        """Records that there is room for."""
        return self._count

    @property
    def array(self) -> NDArray[Any]:
        """The records; no view may be kept over a `grow`."""
        assert self._array is not None, "only while it grows"
        return self._array

    def grow(self, count: int) -> None:
        """Make room for at least `count` records, half as many again as there was at least."""
        if count <= len(self):
            return
        self._unlook()
        self._count = max(count, self._count + self._count // 2)
        size = self._count * self._record.itemsize
        if size > len(self._pages):
            self._resize(size)
        self._look()

    def touch(self, count: int) -> None:
        """Let the system give the memory of the first records now; there is room for them.

        Else whoever uses them first waits for it: a fault may take a millisecond.
        """
        before, after = self._touched, min(count, self._count) * self._record.itemsize
        if after > before:
            self._touched = after
            start = before // mmap.PAGESIZE * mmap.PAGESIZE
            with contextlib.suppress(OSError):  # an older system gives it when it is used
                self._pages.madvise(_POPULATE, start, after - start)

    def _resize(self, size: int) -> None:
        if size >= HUGE_PAGE:
            with contextlib.suppress(OSError):  # a system that counts addresses as memory
                self._pages.resize(max(2 * size, RESERVED))
                return
        self._pages.resize(size)

    def _look(self) -> None:
        self._array = np.frombuffer(self._pages, self._record, self._count)
        self.address = self._array.ctypes.data
        if self._areas is None:
            return
        size = self._record.itemsize
        self._areas.declare(kind_of(self._record), self.address, len(self), size)
        for record, offset, count in self._inner:
            for i in range(len(self)):
                start = self.address + i * size + offset
                self._areas.declare(kind_of(record), start, count, record.itemsize)

    def _unlook(self) -> None:
        self._array = None
        self._forget_areas()

    def _forget_areas(self) -> None:
        if self._areas is not None and self.address:
            self._areas.forget(self.address, self.address + self._count * self._record.itemsize)

    def __del__(self) -> None:
        self._forget_areas()
