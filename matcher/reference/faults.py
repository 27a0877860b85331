"""What a batch can be convicted of, apart from missing signatures (section 7).

::

    ProtocolError
    |-- MalformedChunk   TRANSITION: the words are no chunk at all
    |-- InvalidOp        TRANSITION: an op that breaks section 5; says which rule
    |-- WrongRoot        TRANSITION: the root stated is not the root that follows
    `-- MarginBroken     MARGIN: an account breaks rule 0, or a RELEASE kept something back
"""

from enum import Enum

from matcher.errors import ProtocolError


class Fault(Enum):
    """The rule that an invalid op breaks."""

    ACCOUNT_UNOPENED = "account was never opened on chain"
    ACCOUNT_RESERVED = "a fill names account 0 or 1"
    SAME_ACCOUNT = "both sides are one account"
    ZERO_LOTS = "a fill of nothing"
    INSTRUMENT_UNLISTED = "instrument is not listed"
    TOO_LATE = "builtAt + lag is not before the instrument's expiry"
    ORDER_ID_TOO_LARGE = "order id is not below 2^44"
    STALE_ORDER = "order's generation is below its slot's"
    SLOT_USED = "order's slot is not fresh"
    OVERFILLED = "filled is above 2^32 - 1"
    NOTIONAL_TOO_LARGE = "notional is not below 2^62"
    POSITION_TOO_LARGE = "|position| * cap is above 2^57"
    TOO_MANY_POSITIONS = "more than 32 positions"
    OVER_CREDITED = "credited is above deposited"
    NOTHING_TO_SERVE = "served does not grow, or is above asks"
    PRICE_NOT_FIXED = "no price was fixed before builtAt"
    FIELD_OVERFLOW = "a field of the leaf is outside its width"


class MalformedChunk(ProtocolError):
    """Words that are no chunk: that alone convicts."""


class InvalidOp(ProtocolError):
    """An op that breaks a rule of section 5.

    Attributes
    ----------
    fault : Fault
    """

    def __init__(self, fault: Fault, detail: str = ""):
        self.fault = fault
        super().__init__(f"{fault.name}: {fault.value}" + (f" ({detail})" if detail else ""))


class WrongRoot(ProtocolError):
    """A root that does not follow from the words."""


class MarginBroken(ProtocolError):
    """An account ends a chunk with less than it must have, or a RELEASE kept something back.

    Attributes
    ----------
    account : int
    before, after : int
        ``worst`` before and after the chunk, atoms.
    """

    def __init__(self, account: int, before: int, after: int, detail: str):
        self.account = account
        self.before = before
        self.after = after
        super().__init__(f"account {account}: worst {before} -> {after}: {detail}")
