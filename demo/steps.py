"""What a flow is made of: traders, what is listed, and who does what when. Integers only."""

from enum import IntEnum

import msgspec

from matcher.errors import QuoinError, Reject


class FlowError(QuoinError):
    """A flow that cannot be played: says where, what was found, and what is allowed."""


class Style(IntEnum):
    """How a trader behaves."""

    MAKER = 0  # quotes both sides around a fair value
    TAKER = 1  # lifts and hits what is quoted
    SPREADER = 2  # trades two strikes against each other
    CANCELER = 3  # places far away and changes its mind
    CLUMSY = 4  # sends what must be refused
    RECORDED = 5  # replays somebody's recorded orders


class Spoil(IntEnum):
    """What is wrong with an order that must not be taken."""

    OFF_TICK = 0
    UNKNOWN_INSTRUMENT = 1
    EXPIRED = 2
    WRONG_DOMAIN = 3  # signed for another chain
    FOREIGN_SIGNER = 4  # signed by another trader
    HIGH_S = 5  # the other signature of the same order
    STALE_ID = 6
    TOO_LARGE = 7  # more than the account can pay for
    ODD_FLAGS = 8  # post-only and IOC at once
    NUMBER_NOT_TEXT = 9  # a JSON number where a decimal string must stand
    UNKNOWN_ACCOUNT = 10


SPOIL_CODES = {
    Spoil.OFF_TICK: Reject.OFF_TICK,
    Spoil.UNKNOWN_INSTRUMENT: Reject.INSTRUMENT_UNKNOWN,
    Spoil.EXPIRED: Reject.EXPIRED,
    Spoil.WRONG_DOMAIN: Reject.SIGNER_UNKNOWN,
    Spoil.FOREIGN_SIGNER: Reject.SIGNER_UNKNOWN,
    Spoil.HIGH_S: Reject.HIGH_S,
    Spoil.STALE_ID: Reject.STALE_ID,
    Spoil.TOO_LARGE: Reject.INSUFFICIENT_MARGIN,
    Spoil.ODD_FLAGS: Reject.INVALID_FLAGS,
    Spoil.NUMBER_NOT_TEXT: Reject.NOT_AN_INTEGER,
    Spoil.UNKNOWN_ACCOUNT: Reject.ACCOUNT_UNKNOWN,
}


class TraderPlan(msgspec.Struct, frozen=True):
    """One trader of the flow; its place in ``Flow.traders`` names it in steps."""

    name: str
    style: Style
    deposit: int  # atoms
    session_key: bool = False  # orders are signed by a registered key, not by the owner


class MarketPlan(msgspec.Struct, frozen=True):
    name: str
    tick_value: int  # atoms per tick per lot
    strike_value: int  # atoms per strike step per lot
    taker_fee: int  # atoms per lot
    maker_fee: int
    settles_at: int  # atoms per lot: what the reporters say at the first expiry


class ExpiryPlan(msgspec.Struct, frozen=True):
    market: int  # place in Listing.markets
    days: int  # after the first 08:00 UTC that the flow leaves room for
    cap: int  # atoms per lot


class InstrumentPlan(msgspec.Struct, frozen=True):
    expiry: int  # place in Listing.expiries
    kind: int  # InstrumentKind
    strike: int  # strike steps


class Listing(msgspec.Struct, frozen=True):
    """What is listed before the flow begins; instruments are named by their place."""

    markets: tuple[MarketPlan, ...]
    expiries: tuple[ExpiryPlan, ...]
    instruments: tuple[InstrumentPlan, ...]

    def market_of(self, instrument: int) -> MarketPlan:
        return self.markets[self.expiries[self.instruments[instrument].expiry].market]


class Place(msgspec.Struct, frozen=True, tag=True):
    """An order; ``key`` is the flow's own name for it."""

    key: int
    instrument: int  # place in Listing.instruments
    buy: bool
    tick: int
    lots: int
    flags: int = 0  # OrderFlag
    life: int = 3600  # seconds from the step to the order's expiry
    cancel_oldest: bool = False  # self-trade prevention: the resting order gives way
    repeat: bool = False  # sent twice; accepted once
    names: int | None = None  # key of the order that it filled where it was recorded
    spoil: Spoil | None = None


class Cancel(msgspec.Struct, frozen=True, tag=True):
    key: int


class CancelAll(msgspec.Struct, frozen=True, tag=True):
    instrument: int | None  # None: all


class Amend(msgspec.Struct, frozen=True, tag=True):
    key: int
    lots: int  # the new whole quantity


class Halt(msgspec.Struct, frozen=True, tag=True):
    """The operator stops trading."""


class Resume(msgspec.Struct, frozen=True, tag=True):
    """Trading goes on."""


Action = Place | Cancel | CancelAll | Amend | Halt | Resume


class Step(msgspec.Struct, frozen=True):
    at: int  # milliseconds since the flow began
    trader: int  # place in Flow.traders; -1: the operator
    action: Action


class Flow(msgspec.Struct, frozen=True):
    """A whole flow, ready to be played.

    Attributes
    ----------
    steps
        Ascending by ``at``; what was placed is named by later steps by its ``key``.
    duration
        Milliseconds, not below the last step's ``at``.
    facts
        What its maker wants to say about it at the end, in order: (label, number).
    """

    name: str
    traders: tuple[TraderPlan, ...]
    listing: Listing
    steps: tuple[Step, ...]
    duration: int
    facts: tuple[tuple[str, int], ...] = ()

    def check(self) -> None:
        """Raise `FlowError` where the flow contradicts itself."""
        owner: dict[int, int] = {}
        before = 0
        for number, step in enumerate(self.steps):
            where = f"step {number}"
            if not before <= step.at <= self.duration:
                raise FlowError(f"{where}: at {step.at}, allowed {before}..{self.duration}")
            before = step.at
            if not -1 <= step.trader < len(self.traders):
                raise FlowError(
                    f"{where}: trader {step.trader}, allowed -1..{len(self.traders) - 1}"
                )
            action = step.action
            if isinstance(action, Place):
                if action.key in owner:
                    raise FlowError(f"{where}: key {action.key} was used before")
                if not 0 <= action.instrument < len(self.listing.instruments):
                    raise FlowError(f"{where}: instrument {action.instrument} is not listed")
                owner[action.key] = step.trader
            elif isinstance(action, Cancel | Amend) and owner.get(action.key) != step.trader:
                raise FlowError(
                    f"{where}: key {action.key} of trader {owner.get(action.key)}, "
                    f"allowed one of trader {step.trader}"
                )
