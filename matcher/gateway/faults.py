"""Errors as answers: one shape for all of them.

::

    HTTP <status>
    {"error": {"code": 405, "name": "OFF_TICK", "field": "order.price",
               "found": "price 1501", "allowed": "a multiple of 100"}}
"""

from typing import Final

import msgspec
from starlette.responses import Response

from matcher.errors import Reject, WireError
from matcher.events import Rejected

JSON: Final = "application/json"

_STATUS_BY_STAGE: Final = {1: 400, 2: 403, 3: 404, 4: 409, 5: 422, 6: 404}
_STATUS: Final = {
    Reject.TOO_LARGE: 413,
    Reject.BAD_SIGNATURE: 400,
    Reject.HIGH_S: 400,
    Reject.INSTRUMENT_CLOSED: 409,
    Reject.HALTED: 503,
    Reject.BUSY: 503,
    Reject.DURING_BATCH: 503,
    Reject.METHOD_NOT_ALLOWED: 405,
    Reject.CONTENT_TYPE: 415,
    Reject.NOT_BATCHED: 409,
    Reject.STOPPED: 503,
    Reject.OVERTAKEN: 409,
    Reject.INTERNAL: 500,
}


class Refused(Exception):
    """Ends a request with an error. Parameters as in the answer."""

    def __init__(self, code: Reject, field: str, found: str, allowed: str):
        self.code = code
        self.field = field
        self.found = found
        self.allowed = allowed
        super().__init__(f"{code.name} {field}: found {found}, allowed {allowed}")

    @classmethod
    def from_wire(cls, error: WireError) -> "Refused":
        """The answer to a malformed request."""
        return cls(error.code, error.field, error.found, error.allowed)

    @classmethod
    def from_event(cls, event: Rejected, terms: str, names: frozenset[str]) -> "Refused":
        """The answer to a reject of the engine.

        Parameters
        ----------
        event : Rejected
        terms : str
            Path of the signed terms in the request, e.g. ``order``.
        names : frozenset of str
            Names of the signed terms; other fields (``signature``, ``batch``) keep their name.
        """
        field = f"{terms}.{event.field}" if event.field in names else event.field
        return cls(Reject(event.code), field, event.found, event.allowed)

    @property
    def status(self) -> int:
        """HTTP status of the answer."""
        return _STATUS.get(self.code, _STATUS_BY_STAGE[self.code // 100])

    def body(self) -> dict[str, object]:
        """What the answer carries."""
        return {
            "error": {
                "code": int(self.code),
                "name": self.code.name,
                "field": self.field,
                "found": self.found,
                "allowed": self.allowed,
            }
        }

    def response(self) -> Response:
        """The answer."""
        headers = {"retry-after": "1"} if self.status == 503 else None
        return Response(
            msgspec.json.encode(self.body()), self.status, media_type=JSON, headers=headers
        )
