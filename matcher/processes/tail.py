"""Reads a journal that another process writes, up to what that one says is synced."""

import os
from pathlib import Path

import msgspec

from matcher.commands import AnyCommand, Command
from matcher.errors import JournalError
from matcher.journal import _HEAD, Identity, _read

BLOCK = 1 << 20  # bytes read at once

_decoder: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)


class Tail:
    """Commands in order, from the first on.

    Parameters
    ----------
    directory : Path
    identity : Identity
        What the journal must be of.

    Attributes
    ----------
    last : int
        Sequence of the last command that was read.
    """

    def __init__(self, directory: Path, identity: Identity):
        self.last = 0
        self._directory = directory
        self._identity = identity
        self._number = 0
        self._file = -1
        self._offset = 0

    def close(self) -> None:
        """Let go of the files."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def read(self, synced: int, most: int) -> list[tuple[int, Command]]:
        """The next commands, at most `most`, none behind `synced`.

        Raises
        ------
        JournalError
            If what is synced cannot be read.
        """
        found: list[tuple[int, Command]] = []
        while self.last < synced and len(found) < most:
            if self._file < 0:
                self._open()
            data = os.pread(self._file, BLOCK, self._offset)
            before = self._offset, len(found)
            self._take(data, synced, most, found)
            if before == (self._offset, len(found)):
                self._next_segment(len(data))
        return found

    def _take(self, data: bytes, synced: int, most: int, found: list[tuple[int, Command]]) -> None:
        at = 0
        while self.last < synced and len(found) < most:
            record = _read(data, at)
            if record is None:
                break
            if record.sequence:
                if record.sequence != self.last + 1:
                    raise JournalError(
                        f"{self._path}: found command {record.sequence}, expected {self.last + 1}"
                    )
                self.last = record.sequence
                found.append((record.sequence, _decoder.decode(record.payload)))
            elif msgspec.msgpack.decode(record.payload, type=Identity) != self._identity:
                raise JournalError(f"{self._path} is another exchange's; ours is {self._identity}")
            at = record.end
        self._offset += at

    @property
    def _path(self) -> Path:
        return self._directory / f"{self._number:08d}.log"

    def _open(self) -> None:
        self._number = self._number or 1
        self._file = os.open(self._path, os.O_RDONLY)
        self._offset = 0

    def _next_segment(self, rest: int) -> None:
        if rest >= _HEAD.size:
            raise JournalError(f"{self._path}: damaged at offset {self._offset}")
        self.close()
        self._number += 1
