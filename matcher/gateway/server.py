"""The gateway as a server, with a graceful end."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator

import uvicorn
from starlette.applications import Starlette

from matcher import wire
from matcher.gateway.direct import direct_protocol
from matcher.gateway.switches import Switches


class _Server(uvicorn.Server):
    """A uvicorn that leaves signals to whoever runs the process: the node has more to end."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class GatewayServer:
    """Serves the application on the running event loop.

    Parameters
    ----------
    app : Starlette
        From `make_app`.
    host : str
    port : int
        0 takes any free port; `port` tells which.
    grace : int
        Seconds that requests under way may take after `stop`.
    listening : socket, optional
        From `listen`, where several processes answer at one port; `host` is still its name.

    Notes
    -----
    `stop` takes no new connections, lets requests under way be answered, closes WebSockets with
    code 1012, and returns when all is quiet.
    """

    def __init__(
        self,
        app: Starlette,
        host: str = "127.0.0.1",
        port: int = 8000,
        grace: int = 5,
        listening: socket.socket | None = None,
    ):
        self._socket = listening or listen(host, port)
        self.host = host
        self.port: int = self._socket.getsockname()[1]
        self._server = _Server(
            uvicorn.Config(
                app,
                http=direct_protocol(getattr(app.state, "posts", {})),
                ws="websockets-sansio",
                ws_max_size=wire.MAX_BODY,
                ws_per_message_deflate=False,  # a message is encoded once for all its readers
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=grace,
                timeout_keep_alive=30,
                limit_concurrency=4_096,
            )
        )
        self._switches: Switches | None = getattr(app.state, "switches", None)
        self._task: asyncio.Task[None] | None = None

    @property
    def url(self) -> str:
        """``http://host:port``."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"

    async def start(self) -> None:
        """Take connections from now on; those that came since the constructor wait already.

        The exchange must be running: dead man's switches that were armed are armed again.
        """
        if self._switches is not None:
            await self._switches.resume()
        self._task = asyncio.create_task(self._server.serve([self._socket]))

    async def wait(self) -> None:
        """Return when the server has ended; raise why, if it failed."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self) -> None:
        """End gracefully."""
        if self._switches is not None:
            await self._switches.suspend()  # the sessions that end now do so by our doing
        self._server.should_exit = True
        if self._task is not None:
            await self._task
        self._socket.close()


def listen(host: str, port: int) -> socket.socket:
    """A listening socket that says it is TCP.

    asyncio turns off Nagle's algorithm only where the protocol is named, which
    ``socket.create_server`` leaves out; with it each answer would wait 40 ms for an acknowledgment.
    """
    family, kind, protocol, _, address = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP, flags=socket.AI_PASSIVE
    )[0]
    listening = socket.socket(family, kind, protocol)
    try:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(2_048)
    except OSError:
        listening.close()
        raise
    return listening
