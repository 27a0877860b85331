"""The append-only log of commands: written and synced before anything is answered.

Segments are files ``00000001.log``, ``00000002.log``, ... of records::

    length:u32 | crc32:u32 | sequence:u64 | unsynced:u32 | payload

The checksum covers all after itself. A segment's first record (sequence 0) says whose journal it
is; the others hold one command each, numbered from 1 without a gap. `unsynced` is how many records
before this one were written since the last sync. That tells a torn tail from damage: a record that
cannot be read may be cut if no readable record that follows it was written after a sync.
"""

import fcntl
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from matcher.commands import AnyCommand, Command
from matcher.disk import sync_directory
from matcher.errors import JournalError

FORMAT: Final = 1
SEGMENT_BYTES: Final = 64 << 20
_HEAD: Final = struct.Struct(">IIQI")  # length, crc32, sequence, unsynced
_CRC_FROM: Final = 8  # bytes before that the checksum does not cover
_PAYLOAD_MAX: Final = 1 << 20
_BLOCK: Final = 512  # bytes that a disk writes whole or not at all

_encoder = msgspec.msgpack.Encoder()
_decoder: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)


class Identity(msgspec.Struct, frozen=True):
    """Whose journal it is.

    Attributes
    ----------
    chain_id : int
    registry : bytes
        Address of BatchRegistry, 20 bytes.
    genesis : bytes
        Hash of the genesis header, 32 bytes.
    format : int
        Version of the record format.
    """

    chain_id: int
    registry: bytes
    genesis: bytes
    format: int = FORMAT

    def __str__(self) -> str:
        return (
            f"chain {self.chain_id}, registry 0x{self.registry.hex()},"
            f" genesis 0x{self.genesis.hex()}, format {self.format}"
        )


class Cut(NamedTuple):
    """A torn tail that was cut when the journal was opened."""

    segment: Path
    offset: int  # bytes that were kept
    lost: int  # bytes that were cut


class _Record(NamedTuple):
    sequence: int
    unsynced: int
    payload: bytes
    end: int  # offset behind it


def encode(command: Command) -> bytes:
    """A command as the journal holds it.

    Raises
    ------
    JournalError
        If it could not be read back: a field of another type, or beyond 64 bits.
    """
    try:
        payload = _encoder.encode(command)
        again = _decoder.decode(payload)
    except (msgspec.MsgspecError, OverflowError, TypeError) as error:
        raise JournalError(f"{type(command).__name__} cannot be journaled: {error}") from error
    if again != command:
        raise JournalError(f"{command} would be read back as {again}")
    if len(payload) > _PAYLOAD_MAX:
        raise JournalError(f"{type(command).__name__}: {len(payload)} bytes")
    return payload


class Journal:
    """One exchange's commands on disk. One process at a time.

    Parameters
    ----------
    directory : Path
        Made if it is not there.
    identity : Identity
    segment_bytes : int
        A segment that has grown beyond this is followed by a new one.

    Attributes
    ----------
    last : int
        Sequence of the last command that was written; 0 before the first.
    cut : Cut or None
        What was lost of a torn tail: records that were never synced, so never answered.

    Raises
    ------
    JournalError
        If another process writes here, if the journal is another exchange's (naming both), or if
        its last segment is damaged other than by a torn tail.
    """

    def __init__(self, directory: Path, identity: Identity, segment_bytes: int = SEGMENT_BYTES):
        self.directory = Path(directory)
        self.identity = identity
        self.last = 0
        self.cut: Cut | None = None
        self._segment_bytes = segment_bytes
        self._unsynced = 0
        self._broken = ""
        self._file = -1
        self._end = 0
        self.directory.mkdir(parents=True, exist_ok=True)
        self._lock = _lock(self.directory)
        try:
            self._open()
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "Journal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Sync what was written, and let others in."""
        try:
            if self._file >= 0 and not self._broken:
                self.sync()
        finally:
            for handle in (self._file, self._lock):
                if handle >= 0:
                    os.close(handle)
            self._file = self._lock = -1

    # --- writing ---------------------------------------------------------------------------------

    def append(self, commands: Sequence[Command]) -> range:
        """Write commands; they are safe once `sync` has returned.

        Returns
        -------
        range
            Their sequence numbers.
        """
        return self.append_encoded([encode(command) for command in commands])

    def append_encoded(self, payloads: Sequence[bytes]) -> range:
        """Like `append`, for what `encode` returned."""
        self._require_sound()
        if self._end >= self._segment_bytes:
            self._rotate()
        first = self.last + 1
        data = b"".join(
            _record(first + i, self._unsynced + i, payload) for i, payload in enumerate(payloads)
        )
        self._write(data)
        self._unsynced += len(payloads)
        self.last += len(payloads)
        return range(first, self.last + 1)

    def sync(self) -> None:
        """Return once everything appended before the call survives a power cut.

        May run in another thread while nothing is appended.
        """
        self._require_sound()
        try:
            os.fdatasync(self._file)
        except OSError as error:
            # The kernel may have dropped the pages and would report success the next time.
            self._broken = f"sync failed: {error}"
            raise JournalError(f"{self.directory}: {self._broken}") from error
        self._unsynced = 0

    def _require_sound(self) -> None:
        if self._broken:
            raise JournalError(f"{self.directory}: {self._broken}; restart to go on")
        if self._file < 0:
            raise JournalError(f"{self.directory}: closed")

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(self._file, view) :]
        except OSError as error:
            self._broken = f"write failed: {error}"
            os.ftruncate(self._file, self._end)
            raise JournalError(f"{self.directory}: {self._broken}") from error
        self._end += len(data)

    def _rotate(self) -> None:
        self.sync()
        number = int(self._segments()[-1].stem) + 1
        os.close(self._file)
        self._file = -1
        self._create(self.directory / f"{number:08d}.log")

    def _create(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        os.ftruncate(self._file, 0)
        self._end = 0
        self._write(_record(0, 0, _encoder.encode(self.identity)))
        os.fdatasync(self._file)
        sync_directory(self.directory)

    # --- opening ---------------------------------------------------------------------------------

    def _segments(self) -> list[Path]:
        return sorted(self.directory.glob("*.log"))

    def _open(self) -> None:
        segments = self._segments()
        if not segments:
            self._create(self.directory / "00000001.log")
            return
        path = segments[-1]
        data = path.read_bytes()
        end = self._find_end(path, data)
        if end < len(data):
            self.cut = Cut(path, end, len(data) - end)
        if end == 0:  # killed while the segment was made: it holds nothing yet
            self.last = self._last_of(segments[-2]) if len(segments) > 1 else 0
            self._create(path)
            return
        self._file = os.open(path, os.O_RDWR | os.O_APPEND)
        self._end = end
        if self.cut:
            os.ftruncate(self._file, end)
        # What a killed process wrote and did not sync counts from now on, and so must last.
        os.fdatasync(self._file)
        if not self.last and len(segments) > 1:
            self.last = self._last_of(segments[-2])

    def _find_end(self, path: Path, data: bytes) -> int:
        """Where the last segment's readable records end; sets `last`."""
        offset = 0
        while offset < len(data):
            record = _read(data, offset)
            if record is None:
                _require_torn(path, data, offset, self.last)
                break
            if record.sequence:
                self.last = record.sequence
            else:
                self._require_ours(path, record)
            offset = record.end
        return offset

    def _last_of(self, path: Path) -> int:
        last = 0
        for record in self._records(path):
            last = record.sequence
        return last

    def _require_ours(self, path: Path, record: _Record) -> None:
        try:
            found = msgspec.msgpack.decode(record.payload, type=Identity)
        except msgspec.MsgspecError as error:
            raise JournalError(f"{path}: its first record is no identity: {error}") from error
        if found != self.identity:
            raise JournalError(f"{path} is the journal of {found}; ours is {self.identity}")

    # --- reading ---------------------------------------------------------------------------------

    def replay(self) -> Iterator[tuple[int, Command]]:
        """Every command with its sequence, in order.

        Raises
        ------
        JournalError
            With file and offset, if a record is damaged, missing, or of another exchange.
        """
        expected = 1
        for path in self._segments():
            for record in self._records(path):
                if record.sequence != expected:
                    raise JournalError(
                        f"{path}: found command {record.sequence} before offset {record.end},"
                        f" expected {expected}"
                    )
                expected += 1
                yield record.sequence, _decode(path, record)

    def _records(self, path: Path) -> Iterator[_Record]:
        """Records of a segment but the first, which must be ours."""
        data = path.read_bytes()
        offset = 0
        while offset < len(data):
            record = _read(data, offset)
            if record is None:
                raise JournalError(f"{path}: damaged at offset {offset} of {len(data)}")
            if offset == 0:
                if record.sequence:
                    raise JournalError(f"{path}: begins with command {record.sequence}")
                self._require_ours(path, record)
            else:
                yield record
            offset = record.end


def _record(sequence: int, unsynced: int, payload: bytes) -> bytes:
    body = _HEAD.pack(len(payload), 0, sequence, unsynced)[_CRC_FROM:] + payload
    return struct.pack(">II", len(payload), zlib.crc32(body)) + body


def _read(data: bytes, offset: int) -> _Record | None:
    """The record at an offset; None if there is no sound one."""
    if offset + _HEAD.size > len(data):
        return None
    length, crc, sequence, unsynced = _HEAD.unpack_from(data, offset)
    end = offset + _HEAD.size + length
    if length > _PAYLOAD_MAX or end > len(data):
        return None
    if zlib.crc32(memoryview(data)[offset + _CRC_FROM : end]) != crc:
        return None
    return _Record(sequence, unsynced, data[offset + _HEAD.size : end], end)


def _require_torn(path: Path, data: bytes, offset: int, last: int) -> None:
    """Raise `JournalError` unless what cannot be read at `offset` was never synced.

    Command ``last + 1`` should stand there. A process that was killed leaves a beginning of what it
    wrote and nothing behind it; a power cut may leave blocks of zeros as well, in what was written
    since the last sync. Whatever else is found was whole once, and perhaps answered for.
    """
    zeros = _has_zero_block(data, offset)
    later = list(_sound_after(data, offset, last))
    for record in later:
        if not zeros or record.sequence - record.unsynced > last + 1:
            raise JournalError(
                f"{path}: damaged at offset {offset} of {len(data)}: command {last + 1} cannot be"
                f" read, but {record.sequence} after it can"
            )
    rest = data[offset:]
    if not zeros and len(rest) >= _HEAD.size:
        length, crc, _, _ = _HEAD.unpack_from(rest)
        whole = len(rest) >= _HEAD.size + length
        # The checksum does not cover the length: if it fits all that is left, the length is wrong.
        if whole or zlib.crc32(rest[_CRC_FROM:]) == crc:
            raise JournalError(f"{path}: damaged at offset {offset} of {len(data)}")


def _sound_after(data: bytes, offset: int, last: int) -> Iterator[_Record]:
    """Sound records behind an offset that may follow command ``last``."""
    start = offset + 1
    while start <= len(data) - _HEAD.size:
        length, _, sequence, unsynced = _HEAD.unpack_from(data, start)
        plausible = length <= _PAYLOAD_MAX and unsynced < sequence <= last + len(data)
        record = _read(data, start) if plausible and sequence > last else None
        if record is None:
            start += 1
        else:
            yield record
            start = record.end


def _has_zero_block(data: bytes, offset: int) -> bool:
    """Whether a disk block behind an offset holds only zeros: a file that had grown, unwritten."""
    first = -(-offset // _BLOCK) * _BLOCK
    return any(not any(data[start : start + _BLOCK]) for start in range(first, len(data), _BLOCK))


def _decode(path: Path, record: _Record) -> Command:
    try:
        return _decoder.decode(record.payload)
    except msgspec.MsgspecError as error:
        raise JournalError(f"{path}: command {record.sequence}: {error}") from error


def _lock(directory: Path) -> int:
    handle = os.open(directory / "lock", os.O_RDWR | os.O_CREAT, 0o644)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        owner = os.pread(handle, 32, 0).decode(errors="replace").strip()
        os.close(handle)
        raise JournalError(f"{directory}: process {owner or '?'} writes here") from error
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()}\n".encode(), 0)
    return handle
