"""Files that survive a power cut."""

import os
from pathlib import Path
from typing import Final

_STEP: Final = 1 << 20  # bytes that are filled, and synced, at a time


def write_synced(path: Path, content: bytes) -> None:
    """Write a file; its content is safe when this returns, its name after `sync_directory`."""
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def sync_directory(path: Path) -> None:
    """Make the names in a directory safe."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def allocate(path: Path, size: int) -> int:
    """Make a file of `size` zeros that are really there, in place of any of that name.

    A later write changes nothing but content, so its sync waits for no table of the file system:
    that takes half the time. Filled in small steps, so that others' syncs pass in between.

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
        for start in range(0, size, _STEP):
            write_all(handle, [bytes(min(_STEP, size - start))], start)
            os.fdatasync(handle)
        os.fsync(handle)
    except BaseException:
        os.close(handle)
        path.unlink()
        raise
    return handle


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
