"""Reading requests: bodies and queries, both with limits, and nothing that was not asked for."""

import asyncio
from typing import Final

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from matcher import wire
from matcher.errors import Reject
from matcher.gateway.faults import JSON, Refused

BODY_SECONDS: Final = 10  # within which a body has to arrive
MAX_PAGE: Final = 1_000
DEFAULT_PAGE: Final = 100


def answer(value: object) -> Response:
    """200 with a JSON body."""
    return Response(msgspec.json.encode(value), media_type=JSON)


async def read_json(request: Request) -> object:
    """The JSON body of a request, as plain values."""
    return wire.decode(await read_body(request))


async def read_body(request: Request) -> bytes:
    """The body of a request; its size is checked while it comes, not afterwards."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type != JSON:
        raise Refused(Reject.CONTENT_TYPE, "content-type", content_type or "nothing", JSON)
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for part in request.stream():
                body += part
                if len(body) > wire.MAX_BODY:
                    raise Refused(
                        Reject.TOO_LARGE,
                        "body",
                        f"more than {wire.MAX_BODY} bytes",
                        f"at most {wire.MAX_BODY} bytes",
                    )
    except TimeoutError as error:
        raise Refused(
            Reject.MALFORMED,
            "body",
            f"{len(body)} bytes after {BODY_SECONDS} seconds",
            f"a whole body within {BODY_SECONDS} seconds",
        ) from error
    except ClientDisconnect as error:
        raise Refused(Reject.MALFORMED, "body", "a closed connection", "a whole body") from error
    return bytes(body)


def query(request: Request, *names: str) -> dict[str, str]:
    """The query of a request: the named parameters, each at most once, and no other."""
    found: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        shown = wire.describe(name).strip('"')
        if name not in names:
            allowed = ", ".join(names) or "no parameters"
            raise Refused(Reject.UNKNOWN_FIELD, shown, wire.describe(value), allowed)
        if name in found:
            raise Refused(Reject.MALFORMED, shown, "twice", "once")
        found[name] = value
    return found


def number(parameters: dict[str, str], name: str, default: int, low: int, high: int) -> int:
    """A number of the query."""
    return wire.number(parameters[name], name, low, high) if name in parameters else default


def page(parameters: dict[str, str]) -> tuple[int, int | None]:
    """``limit`` and ``before`` of a query."""
    limit = number(parameters, "limit", DEFAULT_PAGE, 1, MAX_PAGE)
    before = (
        wire.number(parameters["before"], "before", 0, (1 << 64) - 1)
        if "before" in parameters
        else None
    )
    return limit, before
