"""Named memory that processes of one machine share, and who owns it.

A segment is a file that lives in memory (``/dev/shm`` where there is one), mapped by everybody who
uses it. It begins with a page that says what it is; whoever attaches compares that with what it
expects, and is told what differs::

    0     magic, format, kind, version, record bytes, capacity, seats, bytes   int64 each
    64    owner     stamp of the process that answers for it; 0: it was closed
    128   name      64 bytes
    192   layout    the record's fields as JSON, up to 3,904 bytes

A *stamp* is a process for good: its id and when it started, in one word. Ids are used again, stamps
are not, so a segment whose owner was killed is known to be an orphan: whoever creates one of that
name replaces it, and `sweep` removes what nobody will. Names appear when the page is complete and
vanish when the owner closes, one caller at a time (a lock on the directory), so no half-made
segment is ever found. Those who have it mapped keep it until they let go.

Processes must share ``/proc`` (not sit in containers of their own) to see each other live.
"""

import contextlib
import fcntl
import json
import mmap
import os
import re
import stat
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import numpy.typing as npt

from matcher.errors import QuoinError
from matcher.kernel.atomics import read_word, swap_word, write_word

Words = npt.NDArray[np.int64]
Records = npt.NDArray[Any]

MAGIC: Final = int.from_bytes(b"QuoinShm", "little")
FORMAT: Final = 1
PAGE: Final = 4096
RING: Final = 1
TABLE: Final = 2
KINDS: Final = {RING: "ring", TABLE: "table"}
_FIELDS: Final = (
    "magic",
    "format",
    "kind",
    "version",
    "record bytes",
    "capacity",
    "seats",
    "bytes",
)
_OWNER: Final = 64
_NAME: Final = 128
_NAME_BYTES: Final = 64
_LAYOUT: Final = 192
_NAMES: Final = re.compile(r"[a-z0-9][a-z0-9._-]{0,62}")
_PID_BITS: Final = 22  # Linux allows no more


class SegmentError(QuoinError):
    """Shared memory that cannot be made or used; says which and why."""


class SegmentMissing(SegmentError):
    """No segment of that name: its owner has not made it yet, or has closed it."""


class SegmentMismatch(SegmentError):
    """A segment of that name is something else (field, found, allowed)."""


class SegmentBusy(SegmentError):
    """Another process that lives has the role that was asked for."""


class OwnerGone(SegmentError):
    """Who answered for it has ended; what is there will not change any more."""


def address_of(array: npt.NDArray[Any]) -> int:
    """Where an array's memory begins; valid while the array lives."""
    return int(array.ctypes.data)


# --- processes ----------------------------------------------------------------------------------


def stamp_of(pid: int) -> int:
    """The stamp of a process; 0 if there is none, or it has ended and only waits for its parent."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return 0
    state, *rest = text[text.rindex(")") + 2 :].split()  # the name before may hold anything
    if state in "ZX":
        return 0
    started = int(rest[18])  # clock ticks since the machine started
    return started << _PID_BITS | pid


def own_stamp() -> int:
    """The stamp of this process."""
    return stamp_of(os.getpid())


def pid_of(stamp: int) -> int:
    """Id of the process that had a stamp."""
    return stamp & ((1 << _PID_BITS) - 1)


def lives(stamp: int) -> bool:
    """Whether the process of a stamp runs. Takes a system call or two."""
    return stamp != 0 and stamp_of(pid_of(stamp)) == stamp


def claim(address: int, role: str) -> None:
    """Write our stamp to a word that is 0, or whose process has ended.

    Raises
    ------
    SegmentBusy
        If a process that lives, this one included, has it.
    """
    own, found = own_stamp(), read_word(address)
    while not lives(found):
        before = swap_word(address, found, own)
        if before == found:
            return
        found = before
    raise SegmentBusy(f"{role}: held by process {pid_of(found)}")


def disclaim(address: int) -> None:
    """Give a word back, if it is ours."""
    swap_word(address, own_stamp(), 0)


# --- segments -----------------------------------------------------------------------------------


class Shape(NamedTuple):
    """What a segment is.

    Attributes
    ----------
    kind : int
        RING or TABLE.
    version : int
        Of the record's meaning; its user raises it when that changes.
    record : dtype
        Structured, whole words of 8 bytes, no Python objects.
    capacity : int
        Records that fit.
    seats : int
        Of a ring; else 0.
    bytes : int
        Of the whole segment.
    """

    kind: int
    version: int
    record: "np.dtype[Any]"
    capacity: int
    seats: int
    bytes: int

    @property
    def layout(self) -> str:
        """The record's fields as JSON."""
        fields = np.lib.format.dtype_to_descr(self.record)  # type: ignore[no-untyped-call]
        return json.dumps(fields, separators=(",", ":"))

    def check(self) -> None:
        """Refuse a record that cannot be shared.

        Raises
        ------
        SegmentError
        """
        size = self.record.itemsize
        if self.record.names is None or self.record.hasobject or size == 0 or size % 8:
            raise SegmentError(
                f"record: found {self.record} of {size} bytes,"
                " allowed plain fields in whole words of 8 bytes"
            )
        if len(self.layout) > PAGE - _LAYOUT:
            raise SegmentError(f"record: its fields take {len(self.layout)} bytes to write down")

    def numbers(self) -> tuple[int, ...]:
        """The first words of the segment, in the order of `_FIELDS`."""
        size = self.record.itemsize
        return (MAGIC, FORMAT, self.kind, self.version, size, self.capacity, self.seats, self.bytes)


def default_place() -> Path:
    """The directory of this user's segments."""
    memory = Path("/dev/shm")
    root = memory if memory.is_dir() else Path(tempfile.gettempdir())
    return root / f"quoin-{os.getuid()}"


class Segment:
    """A mapped segment; made by `create` or `attach`.

    Attributes
    ----------
    name : str
    address : int
        Where this process has it; 0 after `close`.
    bytes : ndarray of uint8, shape (size,)
        The whole of it. Whoever holds a view keeps it mapped.
    capacity, seats : int
        As the segment says.
    """

    def __init__(self, path: Path, memory: mmap.mmap, file: tuple[int, int]):
        self.path = path
        self.name = path.name
        self.bytes: npt.NDArray[np.uint8] = np.frombuffer(memory, np.uint8)
        self.address = address_of(self.bytes)
        words = self.bytes[:64].view(np.int64)
        self.capacity, self.seats = int(words[5]), int(words[6])
        self._file = file  # which one: another may have the name by the time this is closed

    # --- making ---------------------------------------------------------------------------------

    @classmethod
    def create(
        cls, place: Path, name: str, shape: Shape, words: Mapping[int, int] | None = None
    ) -> "Segment":
        """Make a segment that this process owns.

        Parameters
        ----------
        words : mapping of int to int, optional
            Words by offset that are there before anybody can attach; all others are 0.

        Raises
        ------
        SegmentBusy
            If one of that name has an owner that lives. One that has none is replaced.
        SegmentError
            If the name, the record or the directory will not do, or memory is short.
        """
        shape.check()
        path = _path(place, name)
        with _locked(place):
            owner = _owner_of(path)
            if lives(owner):
                raise SegmentBusy(f"{path}: owned by process {pid_of(owner)}")
            made = _unnamed(path)
            try:
                _fill(made, shape, name, words or {})
                made.rename(path)
            except BaseException:
                made.unlink(missing_ok=True)
                raise
            return cls(path, *_map(path, writable=True))

    @classmethod
    def attach(
        cls, place: Path, name: str, shape: Shape, *, writable: bool, orphan: bool = False
    ) -> "Segment":
        """Map a segment that is there.

        Parameters
        ----------
        shape : Shape
            What is expected; a capacity, seats and bytes of 0 take what is found.
        writable : bool
            Without it the system refuses any write of this process.
        orphan : bool
            Also if its owner has ended.

        Raises
        ------
        SegmentMissing, SegmentMismatch, OwnerGone
        """
        path = _path(place, name)
        try:
            memory, file = _map(path, writable)
        except FileNotFoundError:
            raise SegmentMissing(f"{path}: not there") from None
        _compare(path, memory, shape)
        segment = cls(path, memory, file)
        if not orphan:
            segment.check_owner()
        return segment

    # --- its owner ------------------------------------------------------------------------------

    @property
    def owner(self) -> int:
        """Stamp of who answers for it; 0 if it was closed in order."""
        return read_word(self.opened + _OWNER)

    @property
    def opened(self) -> int:
        """The address.

        Raises
        ------
        SegmentError
            If this process has let go of it.
        """
        if not self.address:
            raise SegmentError(f"{self.path}: closed here")
        return self.address

    def check_owner(self) -> None:
        """Raise `OwnerGone` if nobody answers for it any more."""
        owner = self.owner
        if owner == 0:
            raise OwnerGone(f"{self.path}: closed by its owner")
        if not lives(owner):
            raise OwnerGone(f"{self.path}: its owner, process {pid_of(owner)}, has died")

    def adopt(self) -> None:
        """Answer for it from now on, in the place of an owner that has ended.

        Raises
        ------
        SegmentBusy
            If the owner lives.
        """
        claim(self.opened + _OWNER, f"{self.path}: owner")

    def close(self) -> None:
        """Let go of it; the owner's call ends it for everybody who would attach."""
        if not self.address:
            return
        if self.bytes.flags.writeable and self.owner == own_stamp():
            with _locked(self.path.parent):
                write_word(self.address + _OWNER, 0)
                with contextlib.suppress(FileNotFoundError):
                    status = self.path.stat()
                    if (status.st_dev, status.st_ino) == self._file:
                        self.path.unlink()
        self.address = 0
        self.bytes = np.empty(0, np.uint8)  # views elsewhere keep the mapping, and stay valid


def sweep(place: Path) -> list[str]:
    """Remove the segments whose owners have ended, and what a crash left half-made.

    Returns
    -------
    list of str
        Their names.
    """
    if not place.is_dir():
        return []
    with _locked(place):
        orphans = [path for path in sorted(place.iterdir()) if not lives(_owner_of(path))]
        for path in orphans:
            path.unlink()
    return [path.name for path in orphans]


# --- files --------------------------------------------------------------------------------------


def _path(place: Path, name: str) -> Path:
    if not _NAMES.fullmatch(name):
        raise SegmentError(f"name: found {name!r}, allowed {_NAMES.pattern}")
    return place / name


@contextlib.contextmanager
def _locked(place: Path) -> Iterator[None]:
    """Nobody else makes or removes segments meanwhile; the directory is there and ours."""
    try:
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(place, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise SegmentError(f"{place}: {error.strerror}") from error
    try:
        status = os.fstat(handle)
        if status.st_uid != os.getuid() or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise SegmentError(f"{place}: others may write there")
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)  # lets go of the lock


def _unnamed(path: Path) -> Path:
    """Where a segment is filled before it has its name; `sweep` knows whose it was."""
    return path.with_name(f".{path.name}.{own_stamp()}")


def _owner_of(path: Path) -> int:
    """Stamp of who owns, or is making, a file; 0 if there is none or it is no segment."""
    if path.name.startswith("."):
        tail = path.name.rpartition(".")[2]
        return int(tail) if tail.isdecimal() else 0
    try:
        with path.open("rb") as file:
            head = file.read(_OWNER + 8)
    except FileNotFoundError:
        return 0
    if len(head) < _OWNER + 8 or int.from_bytes(head[:8], "little") != MAGIC:
        return 0
    return int.from_bytes(head[_OWNER:], "little")


def _fill(path: Path, shape: Shape, name: str, words: Mapping[int, int]) -> None:
    """Write a segment's page and first words, and have memory for the rest."""
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        # Taken now: a write to memory that is not there later would be a fatal signal.
        os.posix_fallocate(handle, 0, shape.bytes)
        page = bytearray(PAGE)
        numbers = np.array(shape.numbers(), "<i8").tobytes()
        page[: len(numbers)] = numbers
        page[_OWNER : _OWNER + 8] = own_stamp().to_bytes(8, "little")
        for at, text in ((_NAME, name), (_LAYOUT, shape.layout)):
            page[at : at + len(text)] = text.encode()
        os.pwrite(handle, page, 0)
        for at, word in words.items():
            os.pwrite(handle, word.to_bytes(8, "little"), at)
    except OSError as error:
        raise SegmentError(f"{path}: {shape.bytes} bytes: {error.strerror}") from error
    finally:
        os.close(handle)


def _map(path: Path, writable: bool) -> tuple[mmap.mmap, tuple[int, int]]:
    """A file's memory, and which file it is whatever its name."""
    handle = os.open(path, (os.O_RDWR if writable else os.O_RDONLY) | os.O_NOFOLLOW)
    try:
        status = os.fstat(handle)
        size = status.st_size
        if size < PAGE:
            raise SegmentMismatch(f"{path}: bytes: found {size}, allowed at least {PAGE}")
        access = mmap.PROT_READ | (mmap.PROT_WRITE if writable else 0)
        memory = mmap.mmap(handle, size, mmap.MAP_SHARED, access)
        return memory, (status.st_dev, status.st_ino)
    finally:
        os.close(handle)


def _compare(path: Path, memory: mmap.mmap, shape: Shape) -> None:
    """Raise `SegmentMismatch` for the first field that is not as expected."""
    found = np.frombuffer(memory[: 8 * len(_FIELDS)], "<i8").tolist()
    free = ("capacity", "seats", "bytes")  # whoever attaches may leave these open
    for field, is_there, wanted in zip(_FIELDS, found, shape.numbers(), strict=True):
        if is_there != wanted and not (field in free and wanted == 0):
            raise SegmentMismatch(f"{path}: {field}: found {is_there}, allowed {wanted}")
    layout = memory[_LAYOUT:PAGE].rstrip(b"\0").decode(errors="replace")
    if layout != shape.layout:
        raise SegmentMismatch(f"{path}: record: found {layout}, allowed {shape.layout}")
    if found[-1] != len(memory):
        raise SegmentMismatch(f"{path}: bytes: found {len(memory)}, its page says {found[-1]}")
