"""Requests about accounts. They need no secret: every batch publishes the same facts."""

from starlette.requests import Request
from starlette.responses import Response

from matcher import wire
from matcher.errors import Reject, WireError
from matcher.gateway.context import Context
from matcher.gateway.faults import Refused
from matcher.gateway.requests import answer, page, query


class Accounts:
    """Balances, positions, orders, fills, movements.

    Parameters
    ----------
    context : Context
    """

    def __init__(self, context: Context):
        self._context = context

    async def accounts_of(self, request: Request) -> Response:
        """``GET /v1/accounts?owner=``."""
        parameters = query(request, "owner")
        if "owner" not in parameters:
            raise Refused(Reject.MISSING_FIELD, "owner", "nothing", "an address")
        owner = wire.address(parameters["owner"], "owner")
        accounts = self._context.feed.accounts_of(owner)
        return answer({"accounts": [str(index) for index in accounts]})

    async def account(self, request: Request) -> Response:
        """``GET /v1/accounts/{account}``."""
        query(request)
        return answer(self._context.answers.account(self._index(request)))

    async def slots(self, request: Request) -> Response:
        """``GET /v1/accounts/{account}/slots``."""
        query(request)
        return answer({"slots": self._context.answers.slots(self._index(request))})

    async def orders(self, request: Request) -> Response:
        """``GET /v1/accounts/{account}/orders?status=open|closed&limit=``."""
        parameters = query(request, "status", "limit")
        status = parameters.get("status", "open")
        index = self._index(request)
        limit, _ = page(parameters)
        if status not in ("open", "closed"):
            raise WireError("status", wire.describe(status), "open or closed")
        if status == "open":
            if "limit" in parameters:
                raise Refused(
                    Reject.UNKNOWN_FIELD, "limit", parameters["limit"], "limit of closed orders"
                )
            orders = self._context.feed.open_orders(index)
        else:
            orders = self._context.feed.closed_orders(index, limit)
        return answer({"orders": [self._context.answers.order(order) for order in orders]})

    async def order(self, request: Request) -> Response:
        """``GET /v1/accounts/{account}/orders/{id}``."""
        query(request)
        index = self._index(request)
        order_id = wire.order_id(request.path_params["id"], "id")
        state = self._context.feed.order(index, order_id)
        if state is None:
            raise Refused(
                Reject.ORDER_UNKNOWN, "id", str(order_id), "an order that is open or not long over"
            )
        return answer(self._context.answers.order(state))

    async def fills(self, request: Request) -> Response:
        """``GET /v1/accounts/{account}/fills?limit=&before=``."""
        limit, before = page(query(request, "limit", "before"))
        fills = self._context.feed.fills(self._index(request), limit, before)
        return answer({"fills": [self._context.answers.fill(fill) for fill in fills]})

    async def movements(self, request: Request) -> Response:
        """``GET /v1/accounts/{account}/movements?limit=&before=``."""
        limit, before = page(query(request, "limit", "before"))
        movements = self._context.feed.movements(self._index(request), limit, before)
        answers = self._context.answers
        return answer({"movements": [answers.movement(movement) for movement in movements]})

    def _index(self, request: Request) -> int:
        index = wire.account_index(request.path_params["account"], "account")
        self._context.answers.require_account(index)
        return index
