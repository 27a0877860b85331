"""The stream of ops of a kernel exchange: words and signed messages, from lines and events.

What a process reads that follows the journal and applies it with a kernel of its own; no Python
object is made for a command or a trade. `Batcher.add_events` is its user.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from matcher.batch import SignedMessage
from matcher.commands import PlaceOrder, TransferRequest, WithdrawRequest
from matcher.errors import ProtocolError
from matcher.kernel import layout
from matcher.kernel import opstream_layout as r
from matcher.kernel.keccak import SPACE_CELLS
from matcher.kernel.memory import AREAS, COMPILED, kind_of
from matcher.kernel.opstream import runner, word_writer
from matcher.kernel.opstream_layout import Stop, StreamErrand
from matcher.kernel.orderfile import HASH_SLACK, MESSAGE_MOST, TEXT_BYTES, TEXTS, file_writer
from matcher.kernel.pool import Pool
from matcher.kernel.settlement_layout import BYTE, CELL, QUAD, SEAT
from matcher.kernel.terms import Terms
from matcher.lines import LINE, Decoder

MESSAGE_BYTES: Final = 8 * r.MESSAGE_CELLS
_FIRST_BITS: Final = 10
_LINES: Final = 3  # that are kept of a message: command, SIGNED, r and s


class OpStream:
    """Ops that wait to be settled, and the messages of the orders that stand in books.

    Attributes
    ----------
    ops : Pool of QUAD
        Words of the ops that wait, 32 bytes each.
    state : record
        `opstream_layout.STREAM`.

    Notes
    -----
    224 bytes for each order that rests, and 4 to 8 in a table.
    """

    def __init__(self) -> None:
        self._stream = Pool(r.STREAM, 1)
        self._messages = Pool(r.MESSAGE, 2)
        self._lines = Pool(CELL, 2 * r.MESSAGE_CELLS)
        self._table = Pool(SEAT, 1 << _FIRST_BITS)
        self._doomed = Pool(CELL, 1)
        self._references = Pool(r.REFERENCE, 1)
        self._used = Pool(CELL, r.MESSAGE_CELLS)
        self._declared: list[NDArray[Any]] = []
        self.ops = Pool(QUAD, 1)
        self.state: Any = self._stream.array[0]
        self.state["table_bits"] = _FIRST_BITS
        self.state["batch"] = 1
        self._locate()

    def __len__(self) -> int:
        """Messages that are kept."""
        return int(self.state["seated"])

    # --- reading ---------------------------------------------------------------------------------

    def begin(self, lines: NDArray[Any], ends: NDArray[np.int64], events: NDArray[Any]) -> None:
        """Begin to read commands and their events; see `Batcher.add_events`.

        Raises
        ------
        ValueError
            If they are no records of these kinds, side by side.
        """
        for name, array, size in (
            ("lines", lines, LINE),
            ("ends", ends, 8),
            ("events", events, 64),
        ):
            if not array.flags.c_contiguous or array.itemsize != size or array.ndim != 1:
                raise ValueError(f"{name}: found {array.dtype}, allowed {size} bytes side by side")
        self._reserve(len(lines), len(events))
        self._declare(lines, ends, events)
        state = self.state
        state["line"], state["end"] = lines.ctypes.data, lines.ctypes.data + lines.nbytes
        state["ends"], state["events"], state["event"] = ends.ctypes.data, events.ctypes.data, 0
        # Whoever was told before may have been left in the middle of a command, by an error.
        state["observed"] = state["row"] = state["rested"] = 0

    def gather(self) -> Stop:
        """Read on, until there is something to do."""
        stop = Stop(runner()(self._stream.address, StreamErrand.GATHER, 0, 0))
        if stop is Stop.UNKNOWN:
            account, order = int(self.state["account"]), int(self.state["order"])
            raise ProtocolError(f"order {order} of account {account} traded and never rested")
        return stop

    def fact(self, lines: NDArray[Any]) -> bytes:
        """The lines of the fact at which `gather` has stopped; it goes on behind."""
        first = (int(self.state["line"]) - lines.ctypes.data) // LINE
        count = 1 + int(lines[first : first + 1].view(layout.FACT)["annex"][0])
        self.state["observed"] = 1
        return bytes(lines[first : first + count].tobytes())

    def command(self, ends: NDArray[np.int64]) -> int:
        """Number of the command at which `gather` has stopped."""
        return (int(self.state["ends"]) - ends.ctypes.data) // 8

    @property
    def next_event(self) -> int:
        """Number of the event behind the last that was read."""
        return int(self.state["event"])

    def end(self) -> None:
        """Nothing is read of the lines and events of `begin` any more."""
        for array in self._declared:
            AREAS.forget(array.ctypes.data, array.ctypes.data + max(1, array.nbytes))
        self._declared = []

    def waiting(self) -> int:
        """How many ops wait."""
        return int(self.state["ops_count"])

    # --- batches ---------------------------------------------------------------------------------

    def use(self, first: int, count: int) -> None:
        """Count the messages of some ops among those that the open batch uses."""
        self._used.grow(r.MESSAGE_CELLS * (int(self.state["used_count"]) + 2 * count))
        self._locate()
        runner()(self._stream.address, StreamErrand.USE, first, count)

    def settled(self) -> None:
        """Forget the ops that waited."""
        runner()(self._stream.address, StreamErrand.FREE, 0, 0)

    def take_used(self) -> bytes:
        """Lines of the messages that the batch used, in the order of their first use.

        192 bytes each; the next batch begins.
        """
        count = int(self.state["used_count"])
        taken: bytes = self._used.array[: count * r.MESSAGE_CELLS].tobytes()
        self.state["used_count"] = 0
        self.state["batch"] += 1
        return taken

    # --- snapshots -------------------------------------------------------------------------------

    def dump(self) -> dict[str, NDArray[Any] | bytes]:
        """The messages of the orders that stand in books, and those that the batch uses.

        Between two calls of `Batcher.add_events`.
        """
        seats = self._table.array["number"]
        numbers = np.sort(seats[seats > 0])
        whole = len(self._lines) // r.MESSAGE_CELLS
        lines = self._lines.array[: whole * r.MESSAGE_CELLS].reshape(whole, r.MESSAGE_CELLS)
        used = int(self.state["used_count"]) * r.MESSAGE_CELLS
        return {
            "messages": self._messages.array[numbers].copy(),
            "lines": lines[numbers].tobytes(),
            "used": self._used.array[:used].tobytes(),
            "batch": np.array([self.state["batch"]], np.int64),
        }

    def load(self, parts: Mapping[str, NDArray[Any] | bytes]) -> None:
        """Take over what `dump` gave; nothing was read yet."""
        messages = np.asarray(parts["messages"])
        used = np.frombuffer(bytes(parts["used"]), CELL)
        count = len(messages)
        self._reserve(count, 0)
        self._messages.array[1 : count + 1] = messages
        lines = np.frombuffer(bytes(parts["lines"]), CELL)
        self._lines.array[r.MESSAGE_CELLS : r.MESSAGE_CELLS * (count + 1)] = lines
        self._used.grow(max(1, len(used)))
        self._used.array[: len(used)] = used
        self._locate()
        self.state["messages_count"] = self.state["seated"] = count
        self.state["used_count"] = len(used) // r.MESSAGE_CELLS
        self.state["batch"] = int(np.asarray(parts["batch"])[0])
        seats = Pool(SEAT, max(1, count))
        seats.array["number"][:count] = np.arange(1, count + 1)
        runner()(self._stream.address, StreamErrand.SEAT, seats.address, count)

    # --- memory ----------------------------------------------------------------------------------

    def _reserve(self, commands: int, events: int) -> None:
        """Make room for what so many commands and events may add."""
        count = int(self.state["messages_count"]) + commands + 1
        self._messages.grow(count)
        self._lines.grow(count * r.MESSAGE_CELLS)
        self._doomed.grow(count + int(self.state["doomed_count"]))
        self.ops.grow(self.waiting() + events)
        self._references.grow(self.waiting() + events)
        bits = int(self.state["table_bits"])
        while 2 * (int(self.state["seated"]) + commands) > 1 << bits:
            bits += 1
        if bits != int(self.state["table_bits"]):
            self._widen(bits)
        self._locate()

    def _widen(self, bits: int) -> None:
        old = self._table
        self._table = Pool(SEAT, 1 << bits)
        self.state["table_bits"] = bits
        self._locate()
        runner()(self._stream.address, StreamErrand.SEAT, old.address, len(old))

    def _locate(self) -> None:
        state = self.state
        state["messages"] = self._messages.address
        state["message_lines"] = self._lines.address
        state["table"] = self._table.address
        state["doomed"] = self._doomed.address
        state["ops"] = self.ops.address
        state["references"] = self._references.address
        state["used"] = self._used.address

    def _declare(self, *arrays: NDArray[Any]) -> None:
        if COMPILED:
            return
        for array, kind in zip(arrays, (layout.COMMAND, CELL, layout.EVENT), strict=True):
            size = kind.itemsize
            AREAS.declare(kind_of(kind), array.ctypes.data, len(array), size)
            if kind is layout.COMMAND:
                AREAS.declare("cell", array.ctypes.data, 8 * len(array), 8)
            self._declared.append(array)


class OrderFiles:
    """Writes files of signed orders from the lines of messages.

    Parameters
    ----------
    terms : Terms
        Where the instruments stand.
    """

    def __init__(self, terms: Terms):
        self._terms = terms
        self._page = Pool(r.PAGE, 1)
        self._text = Pool(BYTE, len(TEXTS))
        self._text.array["value"][:] = np.frombuffer(TEXTS, np.uint8)
        self._hash = Pool(CELL, 4 + SPACE_CELLS, ((QUAD, 0, 1),))
        self._file = Pool(BYTE, 1)
        self._messages = Pool(CELL, r.MESSAGE_CELLS)

    def write(self, batch: int, lines: bytes) -> tuple[bytes, bytes]:
        """The file of a batch, and its hash.

        Parameters
        ----------
        batch : int
            Its id.
        lines : bytes
            Of messages, 192 bytes each.
        """
        count = len(lines) // MESSAGE_BYTES
        head = f'{{"batch":{batch},"messages":['.encode()
        most = MESSAGE_MOST + self._terms.symbol_most
        size = len(head) + count * most + TEXT_BYTES + HASH_SLACK
        self._file.grow(size)
        self._file.array["value"][: len(head)] = list(head)
        self._messages.grow(count * r.MESSAGE_CELLS)
        self._messages.array.view(np.uint8)[: len(lines)] = np.frombuffer(lines, np.uint8)
        if not COMPILED:
            AREAS.declare("command", self._messages.address, max(1, count), MESSAGE_BYTES)
            AREAS.declare("byte", self._messages.address, len(lines), 1)
        start = self._file.address
        page = self._page.array[0]
        page["messages"], page["texts"] = self._messages.address, self._text.address
        page["terms"], page["end"] = self._terms.address, start + len(head)
        written = file_writer()(self._page.address, count, start, self._hash.address)
        file: bytes = self._file.array[:written].tobytes()
        return file, self._hash.array[:4].tobytes()


def messages_of(lines: bytes, decoder: Decoder) -> list[SignedMessage]:
    """The messages whose lines these are, 192 bytes each."""
    found = []
    for at in range(0, len(lines), MESSAGE_BYTES):
        count = LINE * (1 + min(lines[at + 4], _LINES - 1))
        command = decoder.decode(lines[at : at + count])
        if isinstance(command, PlaceOrder):
            order = command.signed
            found.append(SignedMessage(order.order, order.signature, order.signer))
        elif isinstance(command, WithdrawRequest | TransferRequest):
            found.append(SignedMessage(command.message, command.signature, command.signer))
        else:
            raise ProtocolError(f"{type(command).__name__} is no message that allows an op")
    return found


def words_of(events: NDArray[Any]) -> list[bytes]:
    """The op words, 32 bytes each, of those events that are ops."""
    words = Pool(QUAD, max(1, len(events)))
    stream = OpStream()
    stream._declare(events[:0], events[:0], events)
    count = word_writer()(events.ctypes.data, len(events), words.address)
    stream.end()
    return [words.array[i].tobytes() for i in range(count)]
