"""Requests about the node itself."""

import asyncio
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from matcher.gateway.answers import Json, hexed
from matcher.gateway.context import Context
from matcher.gateway.requests import answer, query

STATE_HASH_SECONDS: Final = 5.0  # the state's text is long; nobody needs its hash more often
STATE_HASH_SHARE: Final = 50  # and at most one part in so many of our time goes into it


class Status:
    """Health and status.

    Parameters
    ----------
    context : Context
    """

    def __init__(self, context: Context):
        self._context = context
        self._state: Json = {}
        self._hash_due = 0.0

    async def health(self, request: Request) -> Response:
        """``GET /v1/health``: the process answers, and what time the exchange has."""
        query(request)
        return answer({"status": "ok", "time": str(self._context.engine.now)})

    async def status(self, request: Request) -> Response:
        """``GET /v1/status``."""
        query(request)
        context = self._context
        number, time = context.chain.block()
        newest = context.feed.batches(1)
        closed = newest[0].id if newest else 0
        head = context.chain.head()
        windows = context.windows
        return answer(
            {
                "time": str(context.engine.now),
                "builtAt": str(context.engine.built_at),
                "batchOpen": context.engine.batch_open,
                "openOps": str(context.engine.batch_ops),
                "halted": context.engine.halted,
                "journalSequence": str(context.sequencer.sequence),
                "state": self._state_hash(),
                "closed": str(closed),
                "head": str(head),
                "final": str(context.chain.latest_final()),
                "pending": str(max(0, closed - head)),
                "block": {"number": str(number), "time": str(time)},
                "windows": {
                    "challenge": str(windows.challenge),
                    "answer": str(windows.answer),
                    "freeze": str(windows.freeze),
                    "notice": str(windows.notice),
                    "lag": str(windows.lag),
                },
            }
        )

    def _state_hash(self) -> Json:
        """The hash of the state, with the journal sequence it belongs to."""
        clock = asyncio.get_running_loop().time
        began = clock()
        if began >= self._hash_due:
            self._state = {
                "journalSequence": str(self._context.sequencer.sequence),
                "hash": hexed(self._context.engine.state_hash()),
            }
            took = clock() - began
            self._hash_due = began + max(STATE_HASH_SECONDS, STATE_HASH_SHARE * took)
        return self._state
