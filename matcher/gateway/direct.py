"""The short way of requests that change something, past the application.

Most of what an order costs in a web server is not the order: a scope, routes, middleware, a request
object and three messages per answer. Here a request is answered by its `Post` where its bytes
arrive, if it is ordinary: a POST to a path that has one, of JSON, without `origin` or `expect`,
whole in what was read at once, after the one before it was answered. Any other goes to the
application as ever. The answers are the same, but for headers that tell web pages' caches and
browsers who may read them.
"""

import asyncio
from typing import Any, Final, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.server import ServerState

from matcher import wire
from matcher.gateway.faults import JSON
from matcher.gateway.posts import Post, Posts, reply

_JSON: Final = JSON.encode()
_UNUSUAL: Final = frozenset((b"origin", b"expect", b"upgrade", b"transfer-encoding"))


class _Unset:
    """Where uvicorn would wake who waits for the body; nobody does."""

    def set(self) -> None:
        """Wake nobody."""


class _Exchange:
    """A request that goes the short way, and its answer; what uvicorn asks of its own."""

    def __init__(self, post: Post, keep_alive: bool):
        self.post = post
        self.keep_alive = keep_alive
        self.body = bytearray()
        self.more_body = True
        self.response_complete = False
        self.disconnected = False
        self.message_event = _Unset()


def direct_protocol(posts: Posts) -> type[asyncio.Protocol]:
    """A protocol for uvicorn that answers these posts itself."""
    by_url = {path.encode(): post for path, post in posts.items()}

    class Direct(_Direct):
        def __init__(
            self,
            config: Config,
            server_state: ServerState,
            app_state: dict[str, Any],
            _loop: asyncio.AbstractEventLoop | None = None,
        ):
            super().__init__(config, server_state, app_state, _loop)
            self.posts = by_url

    return Direct


class _Direct(HttpToolsProtocol):
    posts: dict[bytes, Post]

    def data_received(self, data: bytes) -> None:
        """Take in bytes; a request that is not whole by then goes the long way."""
        super().data_received(data)
        exchange: Any = self.cycle
        if type(exchange) is _Exchange and exchange.more_body and self.parser is not None:
            self._go_the_long_way(exchange)

    def on_headers_complete(self) -> None:
        """Choose the way."""
        post = self.posts.get(self.url)
        before: Any = self.cycle
        if (
            post is None
            or self.parser.get_method() != b"POST"
            or not (before is None or before.response_complete)
            or not _ordinary(self.headers)
            or self._crowded()
        ):
            super().on_headers_complete()
            return
        keep_alive = self.parser.get_http_version() != "1.0" and self.parser.should_keep_alive()
        self.cycle = cast(Any, _Exchange(post, keep_alive))

    def on_message_complete(self) -> None:
        """Answer a request that is whole."""
        super().on_message_complete()
        exchange: Any = self.cycle
        if type(exchange) is _Exchange and not exchange.response_complete:
            task = self.loop.create_task(self._answer(exchange, self.url))
            self.tasks.add(task)
            task.add_done_callback(self.tasks.discard)

    def _crowded(self) -> bool:
        limit = self.limit_concurrency
        return limit is not None and max(len(self.connections), len(self.tasks)) >= limit

    def _go_the_long_way(self, exchange: _Exchange) -> None:
        self.cycle = cast(Any, None)
        super().on_headers_complete()
        if exchange.body:
            self.cycle.body += exchange.body
            self.cycle.message_event.set()

    async def _answer(self, exchange: _Exchange, url: bytes) -> None:
        answered = await reply(exchange.post, bytes(exchange.body), url.decode())
        if self.flow.write_paused and not exchange.disconnected:
            await self.flow.drain()
        exchange.response_complete = True
        if exchange.disconnected or self.transport.is_closing():
            return
        content = [STATUS_LINE[answered.status]]
        for name, value in self.server_state.default_headers:
            content += (name, b": ", value, b"\r\n")
        for text, said in answered.headers.items():
            content.append(f"{text}: {said}\r\n".encode())
        if not exchange.keep_alive:
            content.append(b"connection: close\r\n")
        content.append(
            b"content-length: %d\r\ncontent-type: application/json\r\n\r\n" % len(answered.body)
        )
        content.append(answered.body)
        self.transport.write(b"".join(content))
        if not exchange.keep_alive:
            self.transport.close()
        self.on_response_complete()


def _ordinary(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether headers ask for nothing but an answer to a JSON body that is not large."""
    length = kind = None
    for name, value in headers:
        if name == b"content-type":
            kind = value if kind is None else b""
        elif name == b"content-length":
            length = value
        elif name in _UNUSUAL:
            return False
    return (
        kind == _JSON and length is not None and len(length) <= 5 and int(length) <= wire.MAX_BODY
    )
