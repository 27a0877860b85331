"""Blobs over HTTP: what an archiver keeps, for whoever asks (docs/reference/blobs.md)."""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from matcher.blobs.encoding import VERSION
from matcher.blobs.store import Store
from matcher.errors import ProtocolError

MAX_PAGE: Final = 1_000
_JSON: Final = "application/json"
_FOREVER: Final = {"cache-control": "public, max-age=31536000, immutable"}


def make_app(store: Store, health: Callable[[], Mapping[str, Any]]) -> Starlette:
    """The application.

    Parameters
    ----------
    store : Store
    health : callable
        What ``GET /v1/health`` answers; its ``healthy`` decides between 200 and 503.
    """

    async def blob(request: Request) -> Response:
        versioned_hash = _hash_of(request.path_params["versioned_hash"], "versionedHash")
        try:
            found = await asyncio.to_thread(store.get, versioned_hash)
        except KeyError as error:
            raise HTTPException(404, "no blob of this hash is kept here") from error
        except (ProtocolError, OSError) as error:
            raise HTTPException(500, f"the blob cannot be read: {error}") from error
        return Response(found, media_type="application/octet-stream", headers=_FOREVER)

    async def blobs(request: Request) -> Response:
        if unknown := request.query_params.keys() - {"after", "limit"}:
            raise HTTPException(400, f"{min(unknown)}: found a parameter, allowed after, limit")
        after = request.query_params.get("after")
        limit = _limit_of(request.query_params.get("limit", str(MAX_PAGE)))
        begin = _hash_of(after, "after") if after is not None else b""
        every = await asyncio.to_thread(store.hashes)
        page = [each for each in every if each > begin][:limit]
        return _answer({"blobs": ["0x" + each.hex() for each in page], "kept": len(every)})

    async def healthy(_: Request) -> Response:
        found = health()
        return _answer(found, 200 if found["healthy"] else 503)

    async def refuse(_: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        return _answer({"error": error.detail}, error.status_code)

    return Starlette(
        routes=[
            Route("/v1/blobs/{versioned_hash}", blob),
            Route("/v1/blobs", blobs),
            Route("/v1/health", healthy),
        ],
        exception_handlers={HTTPException: refuse},
    )


def _hash_of(text: str, field: str) -> bytes:
    try:
        found = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        found = b""
    if len(found) != 32 or found[0] != VERSION or text != "0x" + found.hex():
        raise HTTPException(
            400, f"{field}: found {text[:80]!r}, allowed 0x01 and 62 hexadecimal digits"
        )
    return found


def _limit_of(text: str) -> int:
    if not (text.isascii() and text.isdecimal() and 1 <= int(text[:9]) <= MAX_PAGE):
        raise HTTPException(400, f"limit: found {text[:20]!r}, allowed 1 to {MAX_PAGE}")
    return int(text)


def _answer(content: Mapping[str, Any], status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type=_JSON)
