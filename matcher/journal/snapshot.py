"""Snapshots: what a component holds behind a command of the journal, so that a start replays less.

A snapshot is a file ``snapshot-<sequence>``: parts by name, each a mapping of names to arrays or
bytes as the component's `dump` gave them, and the sequence of the last command that they contain::

    0     magic (u64), format (u32), crc of the table (u32), table bytes (u64), file bytes (u64)
    64    table: whose (Identity), sequence, and of each array: part, name, dtype, shape, place, crc
    ...   the arrays, each at a multiple of 4,096

It is written beside, synced, and only then named; so a name means that it is whole. All bytes are
covered by checksums. One that is damaged all the same is named in the log and the one before it is
used: that is why two are kept, and why the journal may only be pruned up to the older one.

A snapshot must not contain what the journal may lose: its sequence must be synced before it is
written. One that is ahead of its journal is of no life that anybody was told of, and is removed.
"""

import contextlib
import os
import struct
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt
import structlog

from matcher.disk import sync_directory, write_all
from matcher.errors import JournalError
from matcher.journal.groups import mapped
from matcher.journal.reading import Identity
from matcher.kernel.checksum import crc32

log = structlog.get_logger()

Array = npt.NDArray[Any]
Parts = Mapping[str, Mapping[str, Array | bytes]]

KEPT: Final = 2
_MAGIC: Final = int.from_bytes(b"QuoinSnp", "little")
_FORMAT: Final = 1
_HEAD: Final = struct.Struct("<QIIQQ32x")
_PAGE: Final = 4096
_STEP: Final = 4 << 20  # bytes that are written, and synced, at a time: a log's syncs pass between
_NAME: Final = "snapshot-"


class _Entry(msgspec.Struct, frozen=True):
    """An array in the table; bytes have the dtype "bytes"."""

    part: str
    name: str
    dtype: Any
    shape: tuple[int, ...]
    offset: int
    size: int
    crc: int


class _Table(msgspec.Struct, frozen=True):
    identity: Identity
    sequence: int
    entries: list[_Entry]


class Snapshot(NamedTuple):
    """A snapshot that was read.

    Attributes
    ----------
    sequence : int
        Of the last command that it contains.
    parts : dict
        Arrays, which are views of the file and cannot be written, and bytes, by part and name.
    """

    sequence: int
    parts: dict[str, dict[str, Array | bytes]]


class Writing:
    """A snapshot that another process writes, from the memory this one had when it was begun.

    Attributes
    ----------
    sequence : int
    """

    def __init__(self, sequence: int, pid: int, errors: int):
        self.sequence = sequence
        self._pid = pid
        self._errors = errors

    def wait(self) -> None:
        """Return when it is written and named.

        Raises
        ------
        JournalError
            If it could not be; the snapshots before it are as they were.
        """
        told = b""
        while part := os.read(self._errors, 4096):
            told += part
        os.close(self._errors)
        _, status = os.waitpid(self._pid, 0)
        if status:
            raise JournalError(f"snapshot {self.sequence}: {told.decode() or f'status {status}'}")

    @property
    def done(self) -> bool:
        """Whether `wait` would return at once."""
        return os.waitid(os.P_PID, self._pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None


class Snapshots:
    """The snapshots in a directory, made if it is not there.

    Parameters
    ----------
    directory : Path
    identity : Identity
        Whose they are.
    kept : int
        How many of the newest are kept.
    """

    def __init__(self, directory: Path, identity: Identity, kept: int = KEPT):
        self.directory = directory
        self.identity = identity
        self.kept = kept
        directory.mkdir(parents=True, exist_ok=True)

    def sequences(self) -> list[int]:
        """Sequences of the snapshots that are there, ascending."""
        names = [path.name.removeprefix(_NAME) for path in self.directory.glob(f"{_NAME}*")]
        return sorted(int(name) for name in names if name.isdecimal())

    @property
    def prunable(self) -> int:
        """Up to which command a journal may be pruned: what the oldest one kept contains."""
        sequences = self.sequences()
        return sequences[-self.kept] if len(sequences) >= self.kept else 0

    def path(self, sequence: int) -> Path:
        return self.directory / f"{_NAME}{sequence:016d}"

    # --- writing ---------------------------------------------------------------------------------

    def write(self, sequence: int, parts: Parts) -> Path:
        """Write a snapshot of what holds commands up to `sequence`, all of which are synced.

        Older ones go when it is safe.

        Raises
        ------
        JournalError
            If the disk has no room; the snapshots before it are as they were.
        """
        path = self.path(sequence)
        unnamed = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            self._fill(unnamed, sequence, parts)
            unnamed.rename(path)
            sync_directory(self.directory)
        except OSError as error:
            unnamed.unlink(missing_ok=True)
            raise JournalError(f"{path}: write failed: {error}") from error
        for old in self.sequences()[: -self.kept]:
            self.path(old).unlink(missing_ok=True)
        return path

    def write_apart(self, sequence: int, dump: Callable[[], Parts]) -> Writing:
        """As `write`, in a process of its own; this one stops for the fork alone.

        The other has this one's memory as of now, so what is dumped may change meanwhile.

        Parameters
        ----------
        dump : callable
            What is dumped; called in the other process, with no other threads.
        """
        hear, tell = os.pipe()
        pid = os.fork()
        if pid:
            os.close(tell)
            return Writing(sequence, pid, hear)
        status = 1
        try:
            # Locks of files that this process holds must not outlive it.
            os.closerange(3, tell)
            os.closerange(tell + 1, os.sysconf("SC_OPEN_MAX"))
            self.write(sequence, dump())
            status = 0
        except BaseException as error:
            with contextlib.suppress(OSError):
                os.write(tell, str(error).encode())
        finally:
            os._exit(status)

    def _fill(self, path: Path, sequence: int, parts: Parts) -> None:
        contents = [
            (part, name, value) for part, named in parts.items() for name, value in named.items()
        ]
        entries = [_entry(part, name, value) for part, name, value in contents]
        table = _Table(self.identity, sequence, entries)
        start = _HEAD.size + len(msgspec.msgpack.encode(_placed(table, 1 << 62)))
        table = _placed(table, -(-start // _PAGE) * _PAGE)
        encoded = msgspec.msgpack.encode(table)
        size = max([start, *(entry.offset + entry.size for entry in table.entries)])
        head = _HEAD.pack(_MAGIC, _FORMAT, zlib.crc32(encoded), len(encoded), size)
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o644)
        try:
            os.posix_fallocate(handle, 0, size)
            write_all(handle, [head, encoded], 0)
            for entry, (_, _, value) in zip(table.entries, contents, strict=True):
                view = _bytes_of(value)
                for begin in range(0, entry.size, _STEP):
                    write_all(handle, [view[begin : begin + _STEP]], entry.offset + begin)
                    os.fdatasync(handle)
            os.fsync(handle)
        finally:
            os.close(handle)

    # --- reading ---------------------------------------------------------------------------------

    def newest(self, synced: int, *, tidy: bool = True) -> Snapshot | None:
        """The newest snapshot that can be read; None if there is none.

        Parameters
        ----------
        synced : int
            The journal's last command. What is ahead of it is removed.
        tidy : bool
            Remove that, and what was not written to its end: False for who does not write here.

        Raises
        ------
        JournalError
            If one is another exchange's (naming both).
        """
        for path in self.directory.glob(f".{_NAME}*") if tidy else ():
            path.unlink(missing_ok=True)  # killed while it was written
        for sequence in reversed(self.sequences()):
            path = self.path(sequence)
            if sequence > synced:
                log.warning("snapshot ahead of its journal", snapshot=str(path), synced=synced)
                if tidy:
                    path.unlink(missing_ok=True)
                continue
            try:
                found = self._read(path, sequence)
            except FileNotFoundError:  # its writer has let go of it just now
                continue
            if found is not None:
                return found
        return None

    def _read(self, path: Path, sequence: int) -> Snapshot | None:
        data = mapped(path)
        try:
            table = _table_of(data)
            if table.sequence != sequence:
                raise ValueError(f"its name says {sequence}, its table {table.sequence}")
            if table.identity != self.identity:
                raise JournalError(
                    f"{path} is a snapshot of {table.identity}; ours is {self.identity}"
                )
            parts: dict[str, dict[str, Array | bytes]] = {}
            for entry in table.entries:
                parts.setdefault(entry.part, {})[entry.name] = _value_of(data, entry)
        except (ValueError, msgspec.MsgspecError) as damage:
            log.warning("snapshot damaged", snapshot=str(path), found=str(damage))
            return None
        return Snapshot(sequence, parts)


def _bytes_of(value: Array | bytes) -> memoryview:
    if isinstance(value, bytes):
        return memoryview(value)
    return np.ascontiguousarray(value).reshape(-1).view(np.uint8).data


def _entry(part: str, name: str, value: Array | bytes) -> _Entry:
    view = _bytes_of(value)
    if isinstance(value, bytes):
        dtype: Any = "bytes"
        shape: tuple[int, ...] = (len(value),)
    else:
        dtype = np.lib.format.dtype_to_descr(_plain(value.dtype))  # type: ignore[no-untyped-call]
        shape = value.shape
    return _Entry(part, name, dtype, shape, 0, view.nbytes, crc32(view))


def _plain(dtype: "np.dtype[Any]") -> "np.dtype[Any]":
    """The dtype without the metadata that a file cannot hold."""
    if dtype.fields is None:
        return np.dtype(dtype.str)
    names = list(dtype.names or ())
    return np.dtype(
        {
            "names": names,
            "formats": [dtype.fields[name][0] for name in names],
            "offsets": [dtype.fields[name][1] for name in names],
            "itemsize": dtype.itemsize,
        }
    )


def _placed(table: _Table, start: int) -> _Table:
    """The table with its arrays behind one another from an offset on."""
    entries, offset = [], start
    for entry in table.entries:
        entries.append(msgspec.structs.replace(entry, offset=offset))
        offset += -(-entry.size // _PAGE) * _PAGE
    return msgspec.structs.replace(table, entries=entries)


def _table_of(data: memoryview) -> _Table:
    """The table; raises ValueError if it is damaged."""
    if len(data) < _HEAD.size:
        raise ValueError(f"{len(data)} bytes")
    magic, number, crc, length, size = _HEAD.unpack_from(data)
    if (magic, number) != (_MAGIC, _FORMAT):
        raise ValueError(f"no snapshot of format {_FORMAT}")
    if size != len(data) or _HEAD.size + length > size:
        raise ValueError(f"{len(data)} bytes, expected {size}")
    encoded = data[_HEAD.size : _HEAD.size + length]
    if zlib.crc32(encoded) != crc:
        raise ValueError("its table is damaged")
    return msgspec.msgpack.decode(encoded, type=_Table)


def _value_of(data: memoryview, entry: _Entry) -> Array | bytes:
    """An array or bytes; raises ValueError if they are damaged."""
    view = data[entry.offset : entry.offset + entry.size]
    if crc32(view) != entry.crc:
        raise ValueError(f"{entry.part}: {entry.name} is damaged")
    if entry.dtype == "bytes":
        return bytes(view)
    described = entry.dtype if isinstance(entry.dtype, str) else [tuple(f) for f in entry.dtype]
    dtype = np.lib.format.descr_to_dtype(described)  # type: ignore[no-untyped-call]
    return np.frombuffer(view, dtype).reshape(entry.shape)
