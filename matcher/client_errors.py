"""What a client raises."""

from collections.abc import Mapping
from typing import Any

import httpx
import msgspec

from matcher.errors import QuoinError, Reject


class ClientError(QuoinError):
    """Base of what a client raises."""


class RequestRefused(ClientError):
    """The gateway or the engine refused a request; nothing has happened.

    Attributes
    ----------
    status : int
        HTTP status.
    code : int
        A `matcher.errors.Reject`.
    name, field, found, allowed : str
        As the gateway answered; see ``docs/reference/rejects.md``.
    """

    def __init__(self, status: int, error: Mapping[str, Any]):
        self.status = status
        self.code = int(error["code"])
        self.name = str(error["name"])
        self.field = str(error["field"])
        self.found = str(error["found"])
        self.allowed = str(error["allowed"])
        super().__init__(
            f"{self.name} ({self.code}): {self.field}: found {self.found}, allowed {self.allowed}"
        )


class ProofInvalid(ClientError):
    """A proof does not lead to the root that its header states, or the header is another one."""


class StreamBroken(ClientError):
    """The WebSocket was closed by the gateway, or a message is missing."""


def refusal(response: httpx.Response) -> RequestRefused:
    """What went wrong, also where something in between answered in its own words."""
    try:
        return RequestRefused(response.status_code, msgspec.json.decode(response.content)["error"])
    except (msgspec.DecodeError, LookupError, TypeError, ValueError):
        error = {
            "code": int(Reject.INTERNAL),
            "name": Reject.INTERNAL.name,
            "field": "answer",
            "found": f"HTTP {response.status_code}: {response.text[:80]}",
            "allowed": "an answer of a gateway",
        }
        return RequestRefused(response.status_code, error)
