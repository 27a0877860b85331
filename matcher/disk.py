"""Files that survive a power cut."""

import errno
import mmap
import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

from matcher.errors import QuoinError

_STEP: Final = 1 << 20  # bytes that are filled at a time


class DirectoryRefused(QuoinError):
    """A directory that was asked for and cannot be made."""


def write_synced(path: Path, content: bytes) -> None:
    """Write a file; its content is safe when this returns, its name after `sync_directory`."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def make_directory(path: Path) -> Path:
    """Make a directory that somebody named, if it is not there.

    Raises
    ------
    DirectoryRefused
        If that is impossible, or something else is there.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DirectoryRefused(f"{path}: cannot be made a directory: {error.strerror}") from error
    return path


def sync_directory(path: Path) -> None:
    """Make the names in a directory safe."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def allocate(path: Path, size: int, give_way: Callable[[], object] = lambda: None) -> int:
    """Make a file of `size` zeros that are really there, in place of any of that name.

    A later write changes nothing but content, so its sync waits for no table of the file system:
    that takes half the time. The zeros go past the cache where the system lets them, in small
    steps: whoever syncs another file meanwhile waits for one step at most.

    Parameters
    ----------
    path : Path
    size : int
        Bytes.
    give_way : callable
        Called after each step.

    Returns
    -------
    int
        Its handle, for reading and writing.

    Raises
    ------
    OSError
        If the disk has no room; nothing is left then.
    """
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        os.posix_fallocate(handle, 0, size)
        done = _fill_past_cache(path, size // _STEP * _STEP, give_way)
        for start in range(done, size, _STEP):
            write_all(handle, [bytes(min(_STEP, size - start))], start)
            os.fdatasync(handle)
            give_way()
        os.fsync(handle)
    except BaseException:
        os.close(handle)
        path.unlink()
        raise
    return handle


def _fill_past_cache(path: Path, size: int, give_way: Callable[[], object]) -> int:
    """Fill a file with zeros up to `size`, whole steps; 0 if the system takes no such writes."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_DIRECT)
    except OSError:
        return 0
    try:
        with mmap.mmap(-1, _STEP) as zeros:  # lies as such writes require
            for start in range(0, size, _STEP):
                try:
                    write_all(handle, [memoryview(zeros)], start)
                except OSError as error:
                    if error.errno == errno.EINVAL:
                        return start
                    raise
                give_way()
    finally:
        os.close(handle)
    return size


def write_all(handle: int, parts: list[bytes | memoryview], offset: int) -> None:
    """Write all of the parts, back to back, at an offset; at most 1,000 parts.

    Raises
    ------
    OSError
        With some of it perhaps written.
    """
    views = [memoryview(part).cast("B") for part in parts if memoryview(part).nbytes]
    while views:
        done = os.pwritev(handle, views, offset)
        offset += done
        while views and done >= views[0].nbytes:
            done -= views.pop(0).nbytes
        if views:
            views[0] = views[0][done:]
