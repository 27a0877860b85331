"""Files that survive a power cut."""

import os
from pathlib import Path


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
