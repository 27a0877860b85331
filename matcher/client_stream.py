"""A gateway's WebSocket as an iterator, and a book kept from its messages."""

from collections.abc import Iterator, Mapping
from types import TracebackType
from typing import Any, Self

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from matcher.client_errors import RequestRefused, StreamBroken

Answer = dict[str, Any]


class Stream:
    """Messages of the WebSocket, in order and without a gap; iterate over it.

    Raises
    ------
    StreamBroken
        When a number is missing, or the gateway closed the connection; the text says why.
    """

    def __init__(self, url: str, channels: tuple[tuple[str, str | int], ...] = ()):
        address = "ws" + url.removeprefix("http") + "/v1/ws"
        self._socket: ClientConnection = connect(address, max_size=None)
        self._sequences: dict[tuple[str, str], int] = {}
        for channel, topic in channels:
            self.subscribe(channel, topic)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection."""
        self._socket.close()

    def subscribe(self, channel: str, topic: str | int) -> None:
        """Ask for a channel; its snapshot comes among the messages."""
        self._send("subscribe", channel, topic)

    def unsubscribe(self, channel: str, topic: str | int) -> None:
        """Ask no longer for a channel."""
        self._send("unsubscribe", channel, topic)

    def _send(self, operation: str, channel: str, topic: str | int) -> None:
        name = "account" if channel == "account" else "instrument"
        message = {"op": operation, "channel": channel, name: str(topic)}
        self._socket.send(msgspec.json.encode(message).decode())

    def __iter__(self) -> Iterator[Answer]:
        while True:
            yield self.receive()

    def receive(self, timeout: float | None = None) -> Answer:
        """The next message.

        Raises
        ------
        TimeoutError
            If none comes within ``timeout`` seconds.
        """
        try:
            message: Answer = msgspec.json.decode(self._socket.recv(timeout))
        except ConnectionClosed as closed:
            raise StreamBroken(f"closed by the gateway: {closed}") from closed
        if message["type"] == "error":
            raise RequestRefused(0, message["error"])
        self._check_sequence(message)
        return message

    def _check_sequence(self, message: Answer) -> None:
        if message["type"] not in ("snapshot", "update"):
            return
        key = (str(message["channel"]), str(message["topic"]))
        number = int(message["sequence"])
        if message["type"] == "update" and number != self._sequences.get(key, -1) + 1:
            raise StreamBroken(f"{key}: message {number} after {self._sequences.get(key)}")
        self._sequences[key] = number


class BookMirror:
    """The book of one instrument, kept from the messages of a ``book`` channel.

    Attributes
    ----------
    bids, asks : dict of int to (lots, orders)
        By price, atoms per lot.
    """

    def __init__(self) -> None:
        self.bids: dict[int, tuple[int, int]] = {}
        self.asks: dict[int, tuple[int, int]] = {}

    def apply(self, message: Mapping[str, Any]) -> None:
        """Take in a snapshot or an update."""
        for name, side in (("bids", self.bids), ("asks", self.asks)):
            if message["type"] == "snapshot":
                side.clear()
            for price, lots, orders in message.get(name, ()):
                if int(orders):
                    side[int(price)] = (int(lots), int(orders))
                else:
                    side.pop(int(price), None)

    def levels(self) -> dict[str, list[list[str]]]:
        """Bids and asks as ``GET /v1/book`` gives them."""
        return {
            "bids": [[str(p), *map(str, self.bids[p])] for p in sorted(self.bids, reverse=True)],
            "asks": [[str(p), *map(str, self.asks[p])] for p in sorted(self.asks)],
        }
