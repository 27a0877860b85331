"""Requests that change something: a body comes in, a status and a body go out.

All of them have this one shape, so that they need neither routes nor middleware; `matcher.gateway.
direct` answers them where the bytes arrive.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Final, NamedTuple

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response

from matcher.errors import Reject, WireError
from matcher.gateway.faults import JSON, Refused
from matcher.gateway.requests import read_body
from matcher.sequencer import Stopped

Post = Callable[[bytes], Awaitable[object]]
Posts = Mapping[str, Post]  # by path

log = structlog.get_logger(__name__)

_encode: Final = msgspec.json.Encoder().encode


class Reply(NamedTuple):
    """What is answered."""

    status: int
    body: bytes

    @property
    def headers(self) -> dict[str, str]:
        """Beside the type and the length of the body."""
        return {"retry-after": "1"} if self.status == 503 else {}


async def reply(post: Post, body: bytes, path: str) -> Reply:
    """Do what a body asks for; whatever goes wrong is an answer too."""
    try:
        return Reply(200, _encode(await post(body)))
    except Exception as error:
        refused = as_refused(error, path)
        return Reply(refused.status, _encode(refused.body()))


def as_refused(error: Exception, path: str) -> Refused:
    """The answer to what was raised; what nobody foresaw is logged."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, WireError):
        return Refused.from_wire(error)
    if isinstance(error, Stopped):
        return Refused(Reject.STOPPED, "exchange", str(error), "a node that runs")
    log.error("request failed", path=path, exc_info=error)
    return Refused(
        Reject.INTERNAL, "request", type(error).__name__, "an answer: this fault is ours"
    )


def endpoint(post: Post) -> Callable[[Request], Awaitable[Response]]:
    """The same for a request that came by the routes."""

    async def serve(request: Request) -> Response:
        answered = await reply(post, await read_body(request), request.url.path)
        return Response(answered.body, answered.status, answered.headers, media_type=JSON)

    return serve
