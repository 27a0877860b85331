"""The application: routes, and what happens when something goes wrong."""

from collections.abc import Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocket

from matcher.eip712 import Domain
from matcher.errors import Reject, WireError
from matcher.feed import Feed
from matcher.gateway.accounts import Accounts
from matcher.gateway.batches import Batches
from matcher.gateway.chain_view import ChainView
from matcher.gateway.context import Context
from matcher.gateway.faults import Refused
from matcher.gateway.markets import Markets
from matcher.gateway.posts import as_refused, endpoint
from matcher.gateway.status import Status
from matcher.gateway.stream import MAX_QUEUED_BYTES, MAX_QUEUED_MESSAGES, Hub
from matcher.gateway.switch_files import SwitchFiles
from matcher.gateway.trading import Trading
from matcher.sequencer import Door, Stopped
from matcher.types import Windows


def make_app(
    *,
    sequencer: Door,
    feed: Feed,
    domain: Domain,
    windows: Windows,
    chain: ChainView,
    genesis: bytes,
    origins: Sequence[str] = ("*",),
    max_queued_messages: int = MAX_QUEUED_MESSAGES,
    max_queued_bytes: int = MAX_QUEUED_BYTES,
    switches: SwitchFiles | None = None,
    known_keys: int = 0,
) -> Starlette:
    """The gateway's ASGI application.

    Parameters
    ----------
    sequencer : Sequencer
        Or another door to the single writer; on the same event loop.
    feed : Feed
        Subscribed to the sequencer (commands and batches) before the journal was replayed.
    domain : Domain
        What traders sign for.
    windows : Windows
        Times of the deployment, handed on to wallets.
    chain : ChainView
    genesis : bytes
        Header of batch 0, 192 bytes: proofs against it are asked for before any batch is final.
    origins : sequence of str
        Web pages that may call; there are no cookies, so that any may.
    max_queued_messages, max_queued_bytes : int
        How far a WebSocket reader may fall behind before it is closed.
    switches : SwitchFiles, optional
        Where dead man's switches survive; without it they end with the application.
    known_keys : int
        Traders' keys that may be known at once (`matcher.signatures.KnownKeys`); 0: all signers are
        recovered by libsecp256k1 alone.
    """
    context = Context(sequencer, feed, domain, windows, chain, genesis)
    trading = Trading(context, switches, known_keys)
    hub = Hub(feed, context.answers, trading.switches, max_queued_messages, max_queued_bytes)
    app = Starlette(
        routes=_routes(context, hub, trading),
        middleware=[
            Middleware(
                CORSMiddleware,
                allow_origins=list(origins),
                allow_methods=["GET", "POST"],
                allow_headers=["content-type"],
                max_age=86_400,
            ),
            Middleware(FaultAnswers),
        ],
        exception_handlers={
            Refused: _refused,
            WireError: _other,
            Stopped: _other,
            HTTPException: _no_route,
        },
    )
    app.router.redirect_slashes = False  # a path has one spelling
    app.state.posts, app.state.switches = trading.posts, trading.switches
    return app


def _routes(context: Context, hub: Hub, trading: Trading) -> list[Route | WebSocketRoute]:
    markets, accounts = Markets(context), Accounts(context)
    batches, status = Batches(context), Status(context)

    async def stream(websocket: WebSocket) -> None:
        await hub.serve(websocket)

    gets = {
        "/v1/health": status.health,
        "/v1/status": status.status,
        "/v1/domain": markets.domain,
        "/v1/markets": markets.markets,
        "/v1/instruments": markets.instruments,
        "/v1/instruments/{symbol}": markets.instrument,
        "/v1/book/{symbol}": markets.book,
        "/v1/trades/{symbol}": markets.trades,
        "/v1/accounts": accounts.accounts_of,
        "/v1/accounts/{account}": accounts.account,
        "/v1/accounts/{account}/slots": accounts.slots,
        "/v1/accounts/{account}/orders": accounts.orders,
        "/v1/accounts/{account}/orders/{id}": accounts.order,
        "/v1/accounts/{account}/fills": accounts.fills,
        "/v1/accounts/{account}/movements": accounts.movements,
        "/v1/accounts/{account}/proof": batches.account_proof,
        "/v1/fills/{fill}/proof": batches.fill_proof,
        "/v1/batches": batches.batches,
        "/v1/batches/{batch}": batches.batch,
        "/v1/batches/{batch}/words": batches.words,
        "/v1/batches/{batch}/orders": batches.orders,
        "/v1/batches/{batch}/words/{index}/proof": batches.word_proof,
    }
    return [
        *(Route(path, endpoint(post), methods=["POST"]) for path, post in trading.posts.items()),
        *(Route(path, handler, methods=["GET"]) for path, handler in gets.items()),
        WebSocketRoute("/v1/ws", stream),
    ]


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)
    return error.response()


async def _other(request: Request, error: Exception) -> Response:
    return as_refused(error, request.url.path).response()


async def _no_route(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    path = request.url.path
    if error.status_code == 405:
        allowed = (error.headers or {}).get("Allow", "another method")
        refused = Refused(Reject.METHOD_NOT_ALLOWED, "method", request.method, allowed)
    elif error.status_code == 404:
        refused = Refused(Reject.ROUTE_UNKNOWN, "path", path[:120], "a path below /v1")
    else:
        refused = Refused(Reject.MALFORMED, "request", str(error.detail), "an HTTP request")
    return refused.response()


class FaultAnswers:
    """Answers what nobody foresaw, and keeps it from the server, which would drop the connection.

    Parameters
    ----------
    app : ASGIApp
    """

    def __init__(self, app: ASGIApp):
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application; 500 if it raises before it has answered."""
        started = False

        async def note_start(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        try:
            await self._app(scope, receive, note_start)
        except Exception as error:
            refused = as_refused(error, scope["path"])
            if started or scope["type"] != "http":
                raise
            await refused.response()(scope, receive, send)
