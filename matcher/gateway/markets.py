"""Requests about markets: what may be traded, at which prices, and what was."""

from starlette.requests import Request
from starlette.responses import Response

from matcher import wire
from matcher.eip712 import MESSAGE_TYPES, domain_fields, type_fields
from matcher.gateway.context import Context
from matcher.gateway.requests import answer, number, page, query
from matcher.types import Report

MAX_DEPTH = 1_000
DEFAULT_DEPTH = 50


class Markets:
    """Domain, markets, instruments, book, trades.

    Parameters
    ----------
    context : Context
    """

    def __init__(self, context: Context):
        self._context = context

    async def domain(self, request: Request) -> Response:
        """``GET /v1/domain``: what a wallet needs to sign."""
        query(request)
        domain = self._context.domain
        return answer(
            {
                "domain": domain.as_dict() | {"chainId": str(domain.chain_id)},
                "separator": "0x" + domain.separator.hex(),
                "types": {"EIP712Domain": domain_fields()}
                | {
                    kind.name: type_fields(kind)
                    for message, kind in MESSAGE_TYPES.items()
                    if message is not Report  # settlement prices do not come in here
                },
            }
        )

    async def markets(self, request: Request) -> Response:
        """``GET /v1/markets``."""
        query(request)
        return answer({"markets": self._context.answers.markets()})

    async def instruments(self, request: Request) -> Response:
        """``GET /v1/instruments``."""
        query(request)
        return answer({"instruments": self._context.answers.instruments()})

    async def instrument(self, request: Request) -> Response:
        """``GET /v1/instruments/{symbol}``."""
        query(request)
        answers = self._context.answers
        return answer(answers.instrument(answers.line(self._index(request))))

    async def book(self, request: Request) -> Response:
        """``GET /v1/book/{symbol}?depth=``."""
        depth = number(query(request, "depth"), "depth", DEFAULT_DEPTH, 1, MAX_DEPTH)
        index = self._index(request)
        return answer(
            {
                "instrument": self._context.answers.symbol(index),
                "at": str(self._context.feed.now),
                "journalSequence": str(self._context.sequencer.sequence),
            }
            | self._context.answers.book(index, depth)
        )

    async def trades(self, request: Request) -> Response:
        """``GET /v1/trades/{symbol}?limit=&before=``."""
        limit, before = page(query(request, "limit", "before"))
        trades = self._context.feed.trades(self._index(request), limit, before)
        return answer({"trades": [self._context.answers.trade(fill) for fill in trades]})

    def _index(self, request: Request) -> int:
        symbol = wire.symbol(request.path_params["symbol"], "instrument")
        return self._context.answers.require_instrument(symbol)
