"""Messages of any length through rings of 64-byte cells, between the routes and one shard.

A message is its length, eight bytes, and itself, in as many cells as that takes. Neither side goes
on without the other, so nobody has to recognize what a dead writer left.
"""

import struct
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec
import numpy as np

from matcher.events import AnyEvent
from matcher.shards.tape import Input, Lend, SlotMoved
from matcher.shared.rings import Consumer, Producer
from matcher.shared.segments import Records

CELL: Final = np.dtype([("body", "<i8", (8,))])
CELLS: Final = 1 << 14  # of a ring: some 2,000 orders
_LENGTH: Final = struct.Struct("<q")
_MOST: Final = 4096  # cells taken from a ring at once


class Told(msgspec.Struct, frozen=True, tag=True):
    """An entry of the tape, to be answered."""

    number: int
    entry: Input
    hold: bool  # go no further before `Enough`, if others could help


class Again(msgspec.Struct, frozen=True, tag=True):
    """Others have lent: judge what was held once more."""


class Enough(msgspec.Struct, frozen=True, tag=True):
    """The refusal stands: go on."""


class Moved(msgspec.Struct, frozen=True, tag=True):
    """Lend to the shard at once, before entries that wait."""

    move: Lend


class Offer(msgspec.Struct, frozen=True, tag=True):
    """Lend all atoms that are free, or half of the spare places, and say how many."""

    account: int
    places: bool


class Ask(msgspec.Struct, frozen=True, tag=True):
    """A number or a text: `free`, `spare`, `batch_ops`, `wants_batch`, `text` or `check`."""

    what: str
    account: int = 0


class AskSlot(msgspec.Struct, frozen=True, tag=True):
    """What a slot remembers."""

    account: int
    slot: int


class AskBook(msgspec.Struct, frozen=True, tag=True):
    """The best levels of a book."""

    instrument: int
    depth: int


class Stop(msgspec.Struct, frozen=True, tag=True):
    """End."""


class Answer(msgspec.Struct, frozen=True, tag=True):
    """What an entry did. A `fault` is a fact that the chain cannot tell."""

    number: int
    events: list[AnyEvent]
    held: bool = False
    fault: str = ""


class Said(msgspec.Struct, frozen=True, tag=True):
    """The answer to what was asked."""

    number: int = 0
    text: str = ""
    slot: SlotMoved | None = None
    book: list[list[tuple[int, int, int]]] = []


ToShard = Told | Again | Enough | Moved | Offer | Ask | AskSlot | AskBook | Stop
FromShard = Answer | Said

encode: Final = msgspec.msgpack.Encoder().encode


def cells_of(message: ToShard | FromShard) -> Records:
    """A message as cells."""
    data = encode(message)
    size = _LENGTH.size + len(data)
    whole = -(-size // CELL.itemsize) * CELL.itemsize
    return np.frombuffer((_LENGTH.pack(len(data)) + data).ljust(whole, b"\0"), CELL)


class Sender:
    """The way out.

    Parameters
    ----------
    producer : Producer
    meanwhile : callable
        What to do while the ring is full.
    """

    def __init__(self, producer: Producer, meanwhile: Callable[[], None]):
        self._producer = producer
        self._meanwhile = meanwhile

    def send(self, message: ToShard | FromShard) -> None:
        """Put a message behind all others."""
        cells = cells_of(message)
        done = self._producer.push(cells)
        while done < len(cells):
            self._meanwhile()
            done += self._producer.push(cells[done:])


class Receiver:
    """The way in: messages in the order in which they were sent.

    Parameters
    ----------
    consumer : Consumer
    kind : type
        `ToShard` or `FromShard`.
    """

    def __init__(self, consumer: Consumer, kind: Any):
        self._consumer = consumer
        self._decode = msgspec.msgpack.Decoder(kind).decode
        self._bytes = bytearray()
        self._waiting: deque[Any] = deque()

    def collect(self) -> None:
        """Take in what the ring holds."""
        cells = self._consumer.peek(_MOST)
        if not len(cells):
            return
        self._bytes += cells.tobytes()
        self._consumer.release(len(cells))
        at = 0
        while at < len(self._bytes):
            (length,) = _LENGTH.unpack_from(self._bytes, at)
            end = at + _LENGTH.size + length
            if end > len(self._bytes):
                break
            self._waiting.append(self._decode(self._bytes[at + _LENGTH.size : end]))
            at += -(-(_LENGTH.size + length) // CELL.itemsize) * CELL.itemsize
        del self._bytes[:at]

    def next(self) -> Any:
        """The next message that has come; None if there is none."""
        if not self._waiting:
            self.collect()
        return self._waiting.popleft() if self._waiting else None

    def wait(self) -> Any:
        """The next message. OwnerGone if who sends them has died."""
        while not self._waiting:
            self.collect()
            if not self._waiting:
                self._consumer.await_records()
        return self._waiting.popleft()
