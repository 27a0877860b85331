"""The server's own: its socket, its end."""

import socket

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from matcher.gateway import GatewayServer


async def hello(request):
    return PlainTextResponse("hello")


async def test_server_sends_answers_at_once():
    server = GatewayServer(Starlette(routes=[Route("/", hello)]), port=0)
    await server.start()
    async with httpx.AsyncClient(base_url=server.url) as client:
        assert (await client.get("/")).text == "hello"
        (connection,) = server._server.server_state.connections
        accepted = connection.transport.get_extra_info("socket")
        assert accepted.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    await server.stop()


async def test_server_stopped_gives_its_port_back():
    server = GatewayServer(Starlette(), port=0)
    await server.start()
    await server.stop()
    again = GatewayServer(Starlette(), port=server.port)
    assert again.port == server.port
    await again.stop()


def test_server_on_a_taken_port_says_so():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match="in use"):
            GatewayServer(Starlette(), port=port)
