"""The WebSocket: book, trades and account channels, each a snapshot and then every change.

A channel numbers its messages: the snapshot carries the number of the last change it contains,
each update the next one. There are no gaps: an update is put into every reader's queue in the same
step in which its number is given. A reader that does not keep up is not skipped over but closed,
with a reason.
"""

import asyncio
import contextlib
from collections import deque
from typing import Final

import msgspec
import structlog
from starlette.websockets import WebSocket, WebSocketDisconnect

from matcher import wire
from matcher.errors import Reject
from matcher.feed import Feed, Update
from matcher.gateway.answers import Answers
from matcher.gateway.faults import Refused
from matcher.gateway.posts import as_refused
from matcher.gateway.switches import Switches

MAX_QUEUED_MESSAGES: Final = 1_000
MAX_QUEUED_BYTES: Final = 4 * 1024 * 1024
MAX_SUBSCRIPTIONS: Final = 200  # of one connection
MAX_CONNECTIONS: Final = 1_000
CLOSE_SECONDS: Final = 30
SNAPSHOT_TRADES: Final = 50

CLOSE_SLOW: Final = 4008
CLOSE_FAULT: Final = 1011
CLOSE_FULL: Final = 1013

log = structlog.get_logger(__name__)

Key = tuple[str, int]  # channel and the index of the instrument or account


class Connection:
    """One reader: what it subscribed to and what still has to be sent to it."""

    def __init__(self, max_messages: int, max_bytes: int) -> None:
        self.keys: set[Key] = set()
        self.verdict: tuple[int, str] | None = None  # close code and reason
        self._max_messages = max_messages
        self._max_bytes = max_bytes
        self._queue: deque[str] = deque()
        self._queued_bytes = 0
        self._wake = asyncio.Event()
        self._given_up = asyncio.Event()

    def put(self, message: str) -> None:
        """Queue a message, or give the reader up if it is too far behind."""
        if self.verdict is not None:
            return
        self._queue.append(message)
        self._queued_bytes += len(message)
        if len(self._queue) > self._max_messages or self._queued_bytes > self._max_bytes:
            self.give_up(
                CLOSE_SLOW,
                f"slow consumer: {len(self._queue)} messages and {self._queued_bytes} bytes "
                f"behind, allowed {self._max_messages} and {self._max_bytes}",
            )
        self._wake.set()

    def give_up(self, code: int, reason: str) -> None:
        """Send nothing more, and close."""
        self.verdict = (code, reason)
        self._queue.clear()
        self._given_up.set()

    async def given_up(self) -> None:
        """Wait until the reader is too far behind; a send to it may hang by then."""
        await self._given_up.wait()

    async def take(self) -> str:
        """The next message to send."""
        while not self._queue:
            self._wake.clear()
            await self._wake.wait()
        message = self._queue.popleft()
        self._queued_bytes -= len(message)
        return message


class _Channel:
    def __init__(self) -> None:
        self.sequence = 0
        self.connections: set[Connection] = set()


class Hub:
    """Who reads which channel.

    Parameters
    ----------
    feed : Feed
    answers : Answers
    switches : Switches
        Armed by a reader, they fire when it leaves.
    max_messages, max_bytes : int
        How far a reader may fall behind.
    max_connections : int

    Notes
    -----
    A channel lives while somebody reads it; numbers begin at 0 with its first reader.
    """

    def __init__(
        self,
        feed: Feed,
        answers: Answers,
        switches: Switches,
        max_messages: int = MAX_QUEUED_MESSAGES,
        max_bytes: int = MAX_QUEUED_BYTES,
        max_connections: int = MAX_CONNECTIONS,
    ):
        self._feed = feed
        self._answers = answers
        self._switches = switches
        self._limits = (max_messages, max_bytes)
        self._max_connections = max_connections
        self._connections: set[Connection] = set()
        self._channels: dict[Key, _Channel] = {}
        feed.listen(self._on_update)

    def connect(self) -> Connection | None:
        """A new reader; None if there are too many."""
        if len(self._connections) >= self._max_connections:
            return None
        connection = Connection(*self._limits)
        self._connections.add(connection)
        return connection

    def disconnect(self, connection: Connection) -> None:
        """Forget a reader and what only it read."""
        self._connections.discard(connection)
        for key in list(connection.keys):
            self._leave(connection, key)

    async def handle(self, connection: Connection, text: str) -> None:
        """Do what a reader's message says; a message that says nothing sensible gets an error."""
        try:
            value = wire.decode(text.encode("utf-8", "replace"))
            if isinstance(value, dict) and value.get("op") == "arm":
                del value["op"]
                armed = await self._switches.arm(value, connection)
                connection.put(_text({"type": "armed" if armed["switch"] else "disarmed"} | armed))
            else:
                self._subscribe(connection, wire.subscription(value))
        except Exception as error:
            connection.put(_text({"type": "error"} | as_refused(error, "/v1/ws").body()))

    def _subscribe(self, connection: Connection, request: wire.Subscription) -> None:
        key = self._key(request)
        if request.subscribe:
            self._join(connection, key, str(request.topic))
        else:
            self._leave(connection, key)
            connection.put(
                _text({"type": "unsubscribed", "channel": key[0], "topic": str(request.topic)})
            )

    def _key(self, request: wire.Subscription) -> Key:
        if isinstance(request.topic, int):
            self._answers.require_account(request.topic)
            return request.channel, request.topic
        return request.channel, self._answers.require_instrument(request.topic)

    def _join(self, connection: Connection, key: Key, topic: str) -> None:
        if key not in connection.keys and len(connection.keys) >= MAX_SUBSCRIPTIONS:
            raise Refused(
                Reject.TOO_LARGE,
                "channel",
                f"{len(connection.keys)} subscriptions",
                f"at most {MAX_SUBSCRIPTIONS} of one connection",
            )
        channel = self._channels.setdefault(key, _Channel())
        channel.connections.add(connection)
        connection.keys.add(key)
        head: dict[str, object] = {
            "type": "snapshot",
            "channel": key[0],
            "topic": topic,
            "sequence": str(channel.sequence),
            "at": str(self._feed.now),
        }
        connection.put(_text(head | self._snapshot(key)))

    def _leave(self, connection: Connection, key: Key) -> None:
        connection.keys.discard(key)
        channel = self._channels.get(key)
        if channel is not None:
            channel.connections.discard(connection)
            if not channel.connections:
                del self._channels[key]

    def _snapshot(self, key: Key) -> dict[str, object]:
        name, index = key
        if name == "book":
            return self._answers.levels(index)
        if name == "trades":
            trades = self._feed.trades(index, SNAPSHOT_TRADES)
            return {"trades": [self._answers.trade(fill) for fill in trades]}
        return {
            "account": self._answers.account(index),
            "orders": [self._answers.order(order) for order in self._feed.open_orders(index)],
        }

    # --- changes ----------------------------------------------------------------------------------

    def _on_update(self, update: Update) -> None:
        """Publish, and never raise: a fault here is the readers' misfortune, not the exchange's."""
        if not self._channels:
            return
        try:
            self._publish(update)
        except Exception:
            log.exception("stream failed", sequence=update.sequence)
            for connection in self._connections:
                connection.give_up(CLOSE_FAULT, "a fault of ours: a change could not be told")

    def _publish(self, update: Update) -> None:
        for key, changes in self._changes(update).items():
            channel = self._channels[key]
            channel.sequence += 1
            topic = str(key[1]) if key[0] == "account" else self._answers.symbol(key[1])
            text = _text(
                {
                    "type": "update",
                    "channel": key[0],
                    "topic": topic,
                    "sequence": str(channel.sequence),
                    "at": str(update.at),
                    **changes,
                }
            )
            for connection in channel.connections:
                connection.put(text)

    def _changes(self, update: Update) -> dict[Key, dict[str, object]]:
        """What each channel that is read has to say of an update."""
        changes: dict[Key, dict[str, list[object]]] = {}

        def say(name: str, index: int, part: str, value: object) -> None:
            if (name, index) in self._channels:
                changes.setdefault((name, index), {}).setdefault(part, []).append(value)

        for (instrument, buy, tick), (lots, orders) in update.levels.items():
            side = "bids" if buy else "asks"
            say("book", instrument, side, self._answers.level(instrument, tick, lots, orders))
        for fill in update.fills:
            trade = fill.trade
            say("trades", trade.instrument, "trades", self._answers.trade(fill))
            say("account", trade.taker, "fills", self._answers.fill(fill))
            say("account", trade.maker, "fills", self._answers.fill(fill))
        for (account, _), order in update.orders.items():
            say("account", account, "orders", self._answers.order(order))
        for movement in update.movements:
            say("account", movement.account, "movements", self._answers.movement(movement))
            if movement.target is not None:
                say("account", movement.target, "movements", self._answers.movement(movement))
        return {
            (name, index): parts | {"account": self._answers.account(index)}
            if name == "account"
            else dict(parts)
            for (name, index), parts in changes.items()
        }

    # --- the socket -------------------------------------------------------------------------------

    async def serve(self, websocket: WebSocket) -> None:
        """Serve one reader until it leaves or is given up."""
        await websocket.accept()
        connection = self.connect()
        if connection is None:
            await websocket.close(CLOSE_FULL, f"{self._max_connections} connections, try later")
            return
        tasks = [
            asyncio.create_task(work)
            for work in (
                self._read(websocket, connection),
                _write(websocket, connection),
                connection.given_up(),
            )
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self.disconnect(connection)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self._switches.session_ended(connection)
        if connection.verdict is not None:
            await _close(websocket, *connection.verdict)

    async def _read(self, websocket: WebSocket, connection: Connection) -> None:
        while True:
            try:
                message = await websocket.receive()
            except (WebSocketDisconnect, RuntimeError):
                return
            if message["type"] == "websocket.disconnect":
                return
            text = message.get("text")
            if text is None:
                refused = Refused(Reject.CONTENT_TYPE, "body", "a binary message", "a text message")
                connection.put(_text({"type": "error"} | refused.body()))
            else:
                await self.handle(connection, text)
            # A burst of messages arrives at once; others, and the answers, get their turn between.
            await asyncio.sleep(0)


async def _write(websocket: WebSocket, connection: Connection) -> None:
    while True:
        try:
            await websocket.send_text(await connection.take())
        except (WebSocketDisconnect, RuntimeError):
            return


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    """Close, but wait no longer than that for a reader that takes nothing."""
    with contextlib.suppress(TimeoutError, WebSocketDisconnect, RuntimeError):
        async with asyncio.timeout(CLOSE_SECONDS):
            await websocket.close(code, reason)


def _text(message: dict[str, object]) -> str:
    return msgspec.json.encode(message).decode()
