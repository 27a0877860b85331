"""What the supervisor and its processes say to each other, over a pair of sockets.

When the supervisor dies, however that happens, its end is closed: a process that reads so ends in
order. So nobody is left over.
"""

import contextlib
import socket
from collections.abc import Iterator
from typing import Any, Final

import msgspec

FAILED: Final = 3  # exit code of a process that has named a reason which would come again


class Message(msgspec.Struct, frozen=True, tag=True):
    """Base of all."""


class Stop(Message, frozen=True):
    """End in order."""


class SayState(Message, frozen=True):
    """Say how far you are, and the hash of your state."""


class Ready(Message, frozen=True):
    """Started, caught up, at work."""

    details: dict[str, Any]


class StateIs(Message, frozen=True):
    """How far a process is, and its state's hash."""

    name: str
    sequence: int
    state: bytes


class Ended(Message, frozen=True):
    """Ends for this reason, which would come again."""

    reason: str


_Any = Stop | SayState | Ready | StateIs | Ended
_decoder: msgspec.json.Decoder[_Any] = msgspec.json.Decoder(_Any)


class Control:
    """One end of the pair.

    Parameters
    ----------
    connected : socket

    Attributes
    ----------
    gone : bool
        The other end was closed.
    """

    def __init__(self, connected: socket.socket):
        self.socket = connected
        self.gone = False
        self._rest = b""
        connected.setblocking(False)

    def read(self) -> list[Message]:
        """What has arrived; `Stop` at the end if the other side is gone."""
        return list(self._read())

    def _read(self) -> Iterator[Message]:
        while not self.gone:
            try:
                data = self.socket.recv(1 << 16)
            except BlockingIOError:
                return
            except OSError:
                data = b""
            if not data:
                self.gone = True
                yield Stop()
                return
            *lines, self._rest = (self._rest + data).split(b"\n")
            for line in lines:
                yield _decoder.decode(line)

    def send(self, message: Message) -> None:
        """Say something; nothing if nobody listens."""
        self.send_line(msgspec.json.encode(message))

    def send_line(self, line: bytes) -> None:
        """Say what is a line of JSON already."""
        with contextlib.suppress(OSError):
            self.socket.setblocking(True)
            try:
                self.socket.sendall(line + b"\n")
            finally:
                self.socket.setblocking(False)

    def ready(self, **details: Any) -> None:
        """Say `Ready`."""
        self.send(Ready(details))

    def hang_up(self) -> None:
        """Say nothing any more; the other end reads that we are gone."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Let go of the socket."""
        self.socket.close()
