"""Exception tree and reject codes.

::

    QuoinError
    |-- WireError             a value outside what the formats allow (field, found, allowed)
    |   `-- SignatureError    malformed, high s, not recoverable, or of somebody else
    |-- ProtocolError         words, chunks or headers that break the protocol
    |-- JournalError          a journal that cannot be read or belongs to another exchange
    |-- ChainError            the chain says something that the node cannot live with
    |   |-- ReorgBelowConfirmed
    |   |-- DeploymentError   wrong chain, missing or foreign deployment
    |   `-- BlobMissing       no source has a blob that a batch was committed in
    `-- InvariantBroken       check() found what must never be

A *reject* is not an exception: a well-formed command that the exchange refuses answers with a
`Reject` code. Codes are grouped by stage and never reused.
"""

from enum import IntEnum


class QuoinError(Exception):
    """Base of everything this project raises on purpose."""


class WireError(QuoinError):
    """A value that no format allows.

    Attributes
    ----------
    field : str
        Path of the field as the sender wrote it, e.g. ``order.price``.
    found : str
        What stood there (shortened).
    allowed : str
        What may stand there.
    code : Reject
    """

    def __init__(self, field: str, found: object, allowed: str, code: "Reject | None" = None):
        self.field = field
        text = found if isinstance(found, str) else repr(found)
        self.found = text if len(text) <= 120 else text[:117] + "..."
        self.allowed = allowed
        self.code = Reject.MALFORMED if code is None else code
        super().__init__(f"{field}: found {self.found}, allowed {allowed}")


class SignatureError(WireError):
    """A signature that is malformed, malleable, or not by whom it should be."""


class ProtocolError(QuoinError):
    """An op, chunk or header that breaks the protocol."""


class JournalError(QuoinError):
    """The journal cannot be read, or belongs to another exchange."""


class ChainError(QuoinError):
    """The chain says something that the node cannot live with."""


class ReorgBelowConfirmed(ChainError):
    """A block whose facts were already used is no longer on the chain."""


class DeploymentError(ChainError):
    """Wrong chain, or a deployment that is missing or not ours."""


class BlobMissing(ChainError):
    """No source has a blob that a batch was committed in; another one, or a later try, may."""


class InvariantBroken(QuoinError):
    """``check()`` found what must never be."""


class Reject(IntEnum):
    """Why a command was refused. 1xx form, 2xx who, 3xx what, 4xx state, 5xx risk, 6xx edge."""

    # 1xx form: seen from the message alone
    MALFORMED = 100
    OUT_OF_RANGE = 101
    INVALID_FLAGS = 102
    NOT_AN_INTEGER = 103
    UNKNOWN_FIELD = 104
    MISSING_FIELD = 105
    TOO_LARGE = 106

    # 2xx who: signatures and keys
    BAD_SIGNATURE = 200
    HIGH_S = 201
    SIGNER_UNKNOWN = 202  # neither the owner nor a registered key; says the recovered address
    KEY_NOT_YET_VALID = 203
    KEY_EXPIRED = 204
    ORDERS_UNTIL_PASSED = 205
    NOT_OWNER = 206  # withdrawals and transfers are the owner's only

    # 3xx what: names
    ACCOUNT_UNKNOWN = 300
    INSTRUMENT_UNKNOWN = 301
    INSTRUMENT_CLOSED = 302
    ORDER_UNKNOWN = 303

    # 4xx state: not now, not so
    HALTED = 400
    EXPIRED = 401
    STALE_ID = 402
    SLOT_BUSY = 403
    ID_USED = 404
    OFF_TICK = 405
    NOTIONAL_TOO_LARGE = 406
    POST_ONLY_WOULD_TAKE = 407
    FOK_UNFILLABLE = 408
    AMEND_NOT_DOWN = 409
    AMEND_BELOW_FILLED = 410
    SELF_TRANSFER = 411
    BATCH_HAS_OPS = 412
    BUSY = 413  # the node's queue is full; nothing was taken
    DURING_BATCH = 414  # no batch is open

    # 5xx risk
    INSUFFICIENT_MARGIN = 500
    REDUCE_ONLY_NO_POSITION = 501
    TOO_MANY_POSITIONS = 502
    POSITION_TOO_LARGE = 503

    # 6xx edge: the gateway's own; never from the engine
    ROUTE_UNKNOWN = 600
    METHOD_NOT_ALLOWED = 601
    CONTENT_TYPE = 602
    BATCH_UNKNOWN = 603
    FILL_UNKNOWN = 604
    NOT_BATCHED = 605  # in no batch yet, so nothing to prove it against
    STOPPED = 606  # the node goes down or has failed; sending again tells whether it was taken
    OVERTAKEN = 607  # a cancel of the order went before it; it was not taken
    INTERNAL = 690  # a fault of ours; the exchange goes on
