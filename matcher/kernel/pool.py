"""Records of one kind in memory that grows in place."""

import contextlib
import mmap
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from matcher.kernel.memory import AREAS, COMPILED, kind_of

HUGE_PAGE: Final = 1 << 21


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
    """

    __slots__ = ("_areas", "_array", "_inner", "_pages", "_record", "address")

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
        size = count * record.itemsize
        self._pages = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
        if hasattr(mmap, "MADV_HUGEPAGE"):
            with contextlib.suppress(OSError):
                self._pages.madvise(mmap.MADV_HUGEPAGE)
        self._array: NDArray[Any] | None = None
        self._look()

    def __len__(self) -> int:
        """Records that there is room for."""
        return len(self._pages) // self._record.itemsize

    @property
    def array(self) -> NDArray[Any]:
        """The records; no view may be kept over a `grow`."""
        assert self._array is not None, "only while it grows"
        return self._array

    def grow(self, count: int) -> None:
        """Make room for at least `count` records, half as many again as there was at least."""
        if count <= len(self):
            return
        size = max(count, len(self) + len(self) // 2) * self._record.itemsize
        self._unlook()
        self._pages.resize(size)
        self._look()

    def _look(self) -> None:
        self._array = np.frombuffer(self._pages, self._record)
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
        if self._areas is not None:
            self._areas.forget(self.address, self.address + len(self._pages))

    def __del__(self) -> None:
        if self._areas is not None and self.address:
            self._areas.forget(self.address, self.address + len(self._pages))
