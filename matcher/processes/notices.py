"""What the batcher tells the gateways: archived batches, the chain, and proofs when it is asked.

A socket in the data directory, for this user alone. Frames are a length of four bytes and msgpack.
A gateway that connects is told everything from the beginning, so that it does not matter when it
comes, or how often the batcher was started again. While there is no batcher, gateways go on with
what they know, and proofs are answered with STOPPED.
"""

import asyncio
import contextlib
import os
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import msgspec
import structlog

from matcher.chain.committed import CommittedBatch, CommittedBatches
from matcher.commands import ChainBlock
from matcher.errors import ProtocolError
from matcher.merkle import Path as TreePath
from matcher.sequencer import Stopped

log = structlog.get_logger(__name__)

MAX_FRAME: Final = 64 << 20
PAUSE: Final = 0.05  # seconds between two tries to connect
_LENGTH: Final = struct.Struct("<I")


class Notice(msgspec.Struct, frozen=True, tag=True):
    """Base of all."""


class Archived(Notice, frozen=True):
    """A batch lies in the archive, for the first time or under a new header."""

    batch: int


class Provable(Notice, frozen=True):
    """Batches that proofs can be made for: from `first`, below `end`."""

    first: int
    end: int


class ChainIs(Notice, frozen=True):
    """What the chain is known to hold.

    Attributes
    ----------
    told : ChainBlock or None
    time, height : int
        The chain's time, and its newest block.
    since : int
        How many batches stand besides those of `standing`, before them.
    reverted : tuple of CommittedBatch
        All of them.
    """

    told: ChainBlock | None
    time: int
    height: int
    since: int
    standing: tuple[CommittedBatch, ...]
    reverted: tuple[CommittedBatch, ...]


class AskProof(Notice, frozen=True):
    """Prove an account after a batch."""

    number: int
    batch: int
    account: int


class Proof(Notice, frozen=True):
    """The answer; with an `error` there is none."""

    number: int
    leaf: tuple[bytes, ...] = ()
    present: int = 0
    siblings: tuple[bytes, ...] = ()
    error: str = ""


_encoder: Final = msgspec.msgpack.Encoder()
_asked: Final = msgspec.msgpack.Decoder(AskProof)
_told: Final[msgspec.msgpack.Decoder[Archived | Provable | ChainIs | Proof]] = (
    msgspec.msgpack.Decoder(Archived | Provable | ChainIs | Proof)
)


def frame(notice: Notice) -> bytes:
    """A notice as it goes over the socket."""
    data = _encoder.encode(notice)
    return _LENGTH.pack(len(data)) + data


async def read_frame(reader: asyncio.StreamReader) -> bytes:
    """The next frame.

    Raises
    ------
    asyncio.IncompleteReadError
        If the other side has closed.
    """
    (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
    if length > MAX_FRAME:
        raise ConnectionError(f"a frame of {length} bytes")
    return await reader.readexactly(length)


@contextlib.contextmanager
def reachable(path: Path) -> Iterator[str]:
    """A name of a socket that is short enough, however long its path is."""
    directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{directory}/{path.name}"
    finally:
        os.close(directory)


def make_way(path: Path) -> None:
    """Make a socket's directory, and remove the socket of a process that has died."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    path.unlink(missing_ok=True)


class NoticeServer:
    """The batcher's side.

    Parameters
    ----------
    prove : callable
        ``prove(batch, account)``: leaf and path, or `ProtocolError`.
    provable : callable
        Batches that `prove` knows.
    """

    def __init__(
        self,
        prove: Callable[[int, int], tuple[list[bytes], TreePath]],
        provable: Callable[[], range],
    ):
        self._prove = prove
        self._provable = provable
        self._writers: set[asyncio.StreamWriter] = set()
        self._server: asyncio.Server | None = None
        self._chain: ChainIs | None = None  # all of it, for who comes
        self._open = 0  # the oldest batch that may yet be redated
        self._archived = 0

    async def start(self, path: Path) -> None:
        """Listen, in the place of a batcher that has died."""
        make_way(path)
        with reachable(path) as name:
            self._server = await asyncio.start_unix_server(self._serve, name)

    async def stop(self) -> None:
        """Close."""
        if self._server is not None:
            self._server.close()
        for writer in self._writers:
            writer.close()

    def archived(self, batch_id: int) -> None:
        """Tell of a batch that was archived, or archived anew."""
        self._archived = max(self._archived, batch_id)
        self._tell(Provable(self._provable().start, self._provable().stop))
        self._tell(Archived(batch_id))

    def note_archived(self, batch_id: int) -> None:
        """Know of the batches that were archived before anybody listened."""
        self._archived = batch_id

    def chain_is(
        self, batches: CommittedBatches, told: ChainBlock | None, time: int, height: int
    ) -> None:
        """Tell what the chain holds, if that is news."""
        standing, reverted = batches.standing(), batches.reverted()
        now = ChainIs(told, time, height, 0, standing, reverted)
        before, self._chain = self._chain, now
        if before == now:
            return
        same = 0
        if before is not None:
            old = before.standing
            same = min(len(old), len(standing))
            while same and old[same - 1] != standing[same - 1]:
                same -= 1
        self._tell(msgspec.structs.replace(now, since=same, standing=standing[same:]))

    def _tell(self, notice: Notice) -> None:
        data = frame(notice)
        for writer in self._writers:
            writer.write(data)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        known = self._provable()
        writer.write(frame(Provable(known.start, known.stop)))
        if self._chain is not None:
            writer.write(frame(self._chain))
        # What stands on the chain stays as it is; what does not may have been redated meanwhile.
        first = len(self._chain.standing) + 1 if self._chain else 1
        for batch_id in range(first, self._archived + 1):
            writer.write(frame(Archived(batch_id)))
        if self._archived >= 1 and first > self._archived:
            writer.write(frame(Archived(self._archived)))
        self._writers.add(writer)
        try:
            while True:
                asked = _asked.decode(await read_frame(reader))
                writer.write(frame(self._answer(asked)))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()

    def _answer(self, asked: AskProof) -> Proof:
        try:
            leaf, path = self._prove(asked.batch, asked.account)
        except ProtocolError as error:
            return Proof(asked.number, error=str(error))
        return Proof(asked.number, tuple(leaf), path.present, tuple(path.siblings))


class NoticeReader:
    """A gateway's side.

    Parameters
    ----------
    path : Path
    on_archived : callable
        Told of each batch up to which all are archived, and of each that was archived anew.
    on_chain : callable
        Told of each `ChainIs`.
    """

    def __init__(
        self,
        path: Path,
        on_archived: Callable[[int], None],
        on_chain: Callable[[ChainIs], None],
    ):
        self._path = path
        self._on_archived = on_archived
        self._on_chain = on_chain
        self._writer: asyncio.StreamWriter | None = None
        self._asked: dict[int, asyncio.Future[Proof]] = {}
        self._number = 0
        self._provable = range(1)

    async def run(self) -> None:
        """Listen, and connect again whenever the batcher went away."""
        while True:
            try:
                with reachable(self._path) as name:
                    reader, self._writer = await asyncio.open_unix_connection(name)
            except OSError:
                await asyncio.sleep(PAUSE)
                continue
            try:
                while True:
                    self._take(_told.decode(await read_frame(reader)))
            except (asyncio.IncompleteReadError, ConnectionError):
                log.warning("the batcher has gone")
            finally:
                self._writer.close()
                self._writer = None
                self._give_up()

    def _take(self, notice: Notice) -> None:
        match notice:
            case Archived():
                self._on_archived(notice.batch)
            case Provable():
                self._provable = range(notice.first, notice.end)
            case ChainIs():
                self._on_chain(notice)
            case Proof():
                future = self._asked.pop(notice.number, None)
                if future is not None and not future.done():
                    future.set_result(notice)

    def _give_up(self) -> None:
        for future in self._asked.values():
            if not future.done():
                future.set_exception(Stopped("the batcher has ended; it is being started again"))
        self._asked.clear()

    def provable(self) -> range:
        """Batches that proofs can be made for, as last told."""
        return self._provable

    async def account_proof(self, batch_id: int, account: int) -> tuple[list[bytes], TreePath]:
        """As `Batcher.account_proof`.

        Raises
        ------
        Stopped
            While there is no batcher.
        """
        if self._writer is None:
            raise Stopped("the batcher is being started")
        self._number += 1
        future: asyncio.Future[Proof] = asyncio.get_running_loop().create_future()
        self._asked[self._number] = future
        self._writer.write(frame(AskProof(self._number, batch_id, account)))
        proof = await future
        if proof.error:
            raise ProtocolError(proof.error)
        return list(proof.leaf), TreePath(proof.present, proof.siblings)
