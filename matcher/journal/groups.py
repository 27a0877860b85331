"""What a journal's segments hold: groups of commands, each written at once, checked as a whole.

A segment is a file of a size that never changes, zeros where nothing was written yet. Groups stand
in it one after the other, each at a multiple of 64 bytes: a head line, then the payload, filled
with zeros to whole lines. All numbers are little-endian::

     0             4               8                  12
    | magic       | crc of 8 to 64 | crc of payload  | payload bytes, unfilled |
    | segment (16)| kind (20)      | first (24): sequence of its first command, i64 |
    | commands (32)| unsynced (36) | chain (40)      | zeros to 64              |

    kind      IDENTITY: a segment's first group: whose journal it is (msgpack), no commands
              COMMANDS: commands as msgpack, each with its length (u32) before it
              LINES:    commands of the kernel, 64 bytes and their annex lines
    unsynced  commands before this group that were written since the last sync
    chain     the head's checksum of the group before, in whatever segment; 0 for the first

Bytes of another time are never taken for a group: the segment's number is in each head, and the
chain names the group that this one was written behind.

**What a crash leaves.** Disks write blocks of 512 bytes whole or not at all, and a process that is
killed leaves whole pages; all of it was zeros before. So a group that was not synced may lack
blocks, or its tail; and one that lacks no block, but cannot be read, was whole once and perhaps
answered for. `unsynced` says the same of a group behind it: it was written after a sync.
"""

import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
import numpy as np
import numpy.typing as npt

from matcher.commands import AnyCommand, Command
from matcher.errors import JournalError
from matcher.kernel.checksum import crc32

IDENTITY: Final = 1
COMMANDS: Final = 2
LINES: Final = 3

LINE: Final = 64  # bytes
BLOCK: Final = 512  # bytes that a disk writes whole or not at all
GROUP_MAX: Final = 4 << 20  # bytes of a payload
COMMAND_MAX: Final = 1 << 20  # bytes of a command in msgpack
_MAGIC: Final = int.from_bytes(b"QGRP", "little")
_HEAD: Final = struct.Struct("<IIII IB3x q III 20x")
_CRC_FROM: Final = 8  # bytes of the head that its checksum does not cover
_LENGTH: Final = struct.Struct("<I")
_ANNEX_AT: Final = 4  # of a line: how many lines follow it

_decoder: msgspec.msgpack.Decoder[AnyCommand] = msgspec.msgpack.Decoder(AnyCommand)
Bytes = npt.NDArray[np.uint8]


class Group(NamedTuple):
    """A group as it stands in a segment; the payload is a view of the file.

    Attributes
    ----------
    kind : int
    first : int
        Sequence of its first command.
    commands : int
        How many they are.
    payload : memoryview
        Unfilled.
    segment, offset, end : int
        Where it is: the segment's number, and bytes from its start.
    unsynced : int
    chain, crc : int
        The head's checksum of the group before, and its own.
    """

    kind: int
    first: int
    commands: int
    payload: memoryview
    segment: int
    offset: int
    end: int
    unsynced: int
    chain: int
    crc: int

    @property
    def last(self) -> int:
        """Sequence of its last command."""
        return self.first + self.commands - 1

    def payloads(self) -> Iterator[tuple[int, memoryview]]:
        """Each command of a COMMANDS group as msgpack, with its sequence."""
        at = 0
        for sequence in range(self.first, self.first + self.commands):
            (length,) = _LENGTH.unpack_from(self.payload, at)
            at += _LENGTH.size
            yield sequence, self.payload[at : at + length]
            at += length

    def decoded(self, after: int = 0) -> Iterator[tuple[int, Command]]:
        """Each command of a COMMANDS group whose sequence is above `after`.

        Raises
        ------
        JournalError
            If it is no command that is known.
        """
        for sequence, payload in self.payloads():
            if sequence > after:
                try:
                    yield sequence, _decoder.decode(payload)
                except msgspec.MsgspecError as error:
                    raise JournalError(
                        f"{segment_name(self.segment)}: command {sequence}: {error}"
                    ) from error

    def lines(self, after: int = 0) -> Bytes:
        """Lines of a LINES group, those of commands up to `after` left out; shape (n, 64)."""
        lines = np.frombuffer(self.payload, np.uint8).reshape(-1, LINE)
        skipped = 0
        for _ in range(max(0, after + 1 - self.first)):
            skipped += 1 + int(lines[skipped, _ANNEX_AT])
        return lines[skipped:]


# --- writing ------------------------------------------------------------------------------------


def joined(payloads: Sequence[bytes]) -> bytes:
    """The payload of a COMMANDS group."""
    return b"".join(part for payload in payloads for part in (_LENGTH.pack(len(payload)), payload))


def padding(length: int) -> int:
    """Zeros that fill a payload to whole lines."""
    return -length % LINE


def size_of(length: int) -> int:
    """Bytes that a group with a payload of so many takes."""
    return LINE + length + padding(length)


def sealed(
    kind: int,
    first: int,
    commands: int,
    parts: Sequence[bytes | memoryview],
    *,
    segment: int,
    unsynced: int,
    chain: int,
) -> tuple[bytes, int, int]:
    """The head of a group whose payload is in `parts`.

    Returns
    -------
    head : bytes
    padding : int
        Zeros to write behind the payload.
    crc : int
        The next group's `chain`.
    """
    length, checksum = 0, 0
    for part in parts:
        length += memoryview(part).nbytes
        checksum = crc32(part, checksum)
    filled = padding(length)
    checksum = zlib.crc32(bytes(filled), checksum)
    head = _HEAD.pack(_MAGIC, 0, checksum, length, segment, kind, first, commands, unsynced, chain)
    crc = zlib.crc32(head[_CRC_FROM:])
    return head[:4] + _LENGTH.pack(crc) + head[_CRC_FROM:], filled, crc


# --- reading ------------------------------------------------------------------------------------


class _Head(NamedTuple):
    magic: int
    crc: int
    checksum: int
    length: int
    segment: int
    kind: int
    first: int
    commands: int
    unsynced: int
    chain: int


def _head_at(data: memoryview, offset: int, segment: int) -> _Head | None:
    """A sound head of this segment; None if there is none."""
    if offset + LINE > len(data):
        return None
    head = _Head(*_HEAD.unpack_from(data, offset))
    if head.magic != _MAGIC or head.segment != segment:
        return None
    if zlib.crc32(data[offset + _CRC_FROM : offset + LINE]) != head.crc:
        return None
    return head


def group_at(data: memoryview, offset: int, segment: int) -> Group | None:
    """The group at an offset of a segment; None if there is no sound one."""
    head = _head_at(data, offset, segment)
    if head is None or offset + size_of(head.length) > len(data):
        return None
    start, end = offset + LINE, offset + size_of(head.length)
    if crc32(data[start:end]) != head.checksum:
        return None
    return Group(
        head.kind,
        head.first,
        head.commands,
        data[start : start + head.length],
        segment,
        offset,
        end,
        head.unsynced,
        head.chain,
        head.crc,
    )


def groups_in(
    path: Path, data: memoryview, offset: int, until: int, expected: int, chain: int | None
) -> Iterator[Group]:
    """Groups of a segment between two offsets, up to where nothing was written.

    Parameters
    ----------
    expected : int
        Sequence that the next command must have.
    chain : int or None
        Checksum of the group before; None where that is not known.

    Raises
    ------
    JournalError
        With file and offset, if a group is damaged, or is not the one that should follow.
    """
    segment = int(path.stem)
    while offset < until and not is_clear(data, offset):
        group = group_at(data, offset, segment)
        if group is None:
            raise JournalError(f"{path}: damaged at offset {offset} of {len(data)}")
        if group.first != expected:
            raise JournalError(
                f"{path}: found command {group.first} at offset {offset}, expected {expected}"
            )
        if chain is not None and group.chain != chain:
            raise JournalError(
                f"{path}: the group at offset {offset} was not written behind the one before it"
            )
        yield group
        offset, expected, chain = group.end, group.first + group.commands, group.crc


def skip_at(data: memoryview, offset: int, segment: int) -> tuple[int, int, int] | None:
    """(next sequence, end, crc) of the group at an offset, its payload unread."""
    head = _head_at(data, offset, segment)
    if head is None:
        return None
    return head.first + head.commands, offset + size_of(head.length), head.crc


def written_end(data: memoryview) -> int:
    """Offset behind the last byte that is not zero."""
    array = np.frombuffer(data, np.uint8)
    step = 1 << 20
    for start in range((len(array) - 1) // step * step, -1, -step):
        found = np.flatnonzero(array[start : start + step])
        if len(found):
            return start + int(found[-1]) + 1
    return 0


def is_clear(data: memoryview, offset: int) -> bool:
    """Whether there is no head line at an offset: zeros, or the segment's end."""
    return not any(data[offset : offset + LINE])


def require_torn(path: Path, data: memoryview, offset: int, segment: int, last: int) -> None:
    """Raise `JournalError` unless what cannot be read at `offset` was never synced.

    The group with command ``last + 1`` should stand there.
    """
    where = f"{path}: damaged at offset {offset} of {len(data)}"
    for group in _sound_after(data, offset, segment):
        if group.first - group.unsynced > last + 1:
            raise JournalError(
                f"{where}: command {last + 1} cannot be read, but {group.first} after it can"
            )
    head = _head_at(data, offset, segment)
    ours = head is not None and head.first == last + 1
    end = offset + LINE + (head.length if head is not None and ours else 0)
    if not _lacks_block(data, offset, min(end, len(data))):
        raise JournalError(f"{where}: command {last + 1} cannot be read, and no block is missing")


def _sound_after(data: memoryview, offset: int, segment: int) -> Iterator[Group]:
    """Sound groups behind an offset."""
    words = np.frombuffer(data[: len(data) // LINE * LINE], "<u4")[:: LINE // 4]
    for line in np.flatnonzero(words[offset // LINE + 1 :] == _MAGIC).tolist():
        group = group_at(data, (offset // LINE + 1 + line) * LINE, segment)
        if group is not None:
            yield group


def _lacks_block(data: memoryview, start: int, end: int) -> bool:
    """Whether a disk block, as far as it lies between two offsets, holds only zeros."""
    edges = [start, *range(start // BLOCK * BLOCK + BLOCK, end, BLOCK), end]
    return any(not any(data[a:b]) for a, b in pairwise(edges))


# --- files --------------------------------------------------------------------------------------


def segment_name(number: int) -> str:
    """The file of a segment."""
    return f"{number:08d}.log"


def segments_of(directory: Path) -> list[Path]:
    """Segments of a journal, oldest first."""
    return sorted(path for path in directory.glob("*.log") if path.stem.isdecimal())


def mapped(path: Path) -> memoryview:
    """A segment's bytes, read-only, without reading them."""
    handle = os.open(path, os.O_RDONLY)
    try:
        size = os.fstat(handle).st_size
        if not size:
            return memoryview(b"")
        return memoryview(mmap.mmap(handle, size, mmap.MAP_SHARED, mmap.PROT_READ))
    finally:
        os.close(handle)


def first_of(path: Path) -> int:
    """Sequence of the first command that a segment was made for; 0 if it holds nothing yet."""
    handle = os.open(path, os.O_RDONLY)
    try:
        head: Any = _head_at(memoryview(os.pread(handle, LINE, 0)), 0, int(path.stem))
    finally:
        os.close(handle)
    return 0 if head is None else int(head.first)
