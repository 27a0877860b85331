"""An exchange for who reads lines and records: nothing is made of an order but these."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from matcher import commands as c
from matcher.board import Board
from matcher.dumped import Parts, dump_board, load_board
from matcher.eip712 import keccak
from matcher.errors import ChainError
from matcher.exchange import redate_refusals
from matcher.kernel import layout
from matcher.kernel.exchange import Matching
from matcher.kernel.layout import EVENT_NUMBERS, EventKind
from matcher.kernel.pools import Limits
from matcher.lines import Decoder, Encoder
from matcher.names import Names
from matcher.types import Windows


class Told(NamedTuple):
    """Commands as the kernel read them, and what it answered; as `Batcher.add_events` takes them.

    Attributes
    ----------
    lines : array of COMMAND, shape (n,)
    ends : array of int64, shape (m,)
        How many events there were after each of the commands.
    events : array of EVENT
        Of the kernel's memory: good until the next command.
    """

    lines: NDArray[Any]
    ends: NDArray[np.int64]
    events: NDArray[Any]


class LinedExchange(Board):
    """As `Exchange`, for who needs no objects of events.

    The same commands bring it to the same `state_hash()`.

    Parameters
    ----------
    windows : Windows
    limits : Limits
    """

    def __init__(self, windows: Windows, limits: Limits | None = None):
        names = Names(windows.lag)
        super().__init__(Matching(limits, windows.lag), names)
        self._encoder, self._decoder = Encoder(names), Decoder(names)

    def apply_orders(self, commands: Sequence[c.Command]) -> Told:
        """Apply what traders sent, in one call of the kernel.

        Parameters
        ----------
        commands : sequence of Command
            None of them a fact, or of the exchange's own.

        Raises
        ------
        JournalError
            If a field is beyond what a line holds; nothing has changed.
        """
        lines = b"".join([self._encoder.encode(command) for command in commands])
        return self._run(lines, len(commands))

    def apply(self, command: c.Command) -> Told:
        """Apply one command of any kind.

        Raises
        ------
        ChainError
            For a fact that the chain cannot tell. Nothing has changed then.
        """
        told = self._run(self._encoder.encode(command), 1)
        for event in told.events:
            if event["kind"] == EventKind.FAULT:
                raise ChainError(f"{command}: the chain cannot tell this")
            if event["kind"] == EventKind.BATCH_OPENED:
                self._open(int(event.view(EVENT_NUMBERS)["amount"]))
        match command:
            case c.Halted(reason):
                self.halted = reason
            case c.Resumed():
                self.halted = None
        return told

    def refuses(self, command: c.Command) -> bool:
        """Whether a command is refused that the kernel does not judge."""
        return isinstance(command, c.Redate) and bool(redate_refusals(self, command))

    def state_hash(self) -> bytes:
        """keccak256 of the state text, 32 bytes."""
        return keccak(self.state_text().encode())

    def dump(self) -> dict[str, NDArray[Any] | bytes]:
        """Everything there is, as arrays and bytes, for `load`."""
        return dump_board(self, self.names, self._encoder)

    def load(self, parts: Parts) -> None:
        """Become what was dumped, here or by an `Exchange`; this one is new."""
        load_board(self, self._decoder, parts)

    def _run(self, lines: bytes, count: int) -> Told:
        records, ends = np.frombuffer(lines, layout.COMMAND), np.zeros(count, np.int64)
        return Told(records, ends, self.kernel.run(records, ends))

    def _open(self, built_at: int) -> None:
        for key in self.listings.due_prices(built_at):
            self.listings.waiting.discard(key)
