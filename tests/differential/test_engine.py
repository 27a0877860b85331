"""The engine and the reference model answer every command alike."""

import os
from collections import Counter

from hypothesis import given

from matcher import commands as c
from matcher.engine import Engine
from matcher.errors import ChainError, Reject
from matcher.events import CancelReason, Event, OrderCanceled, Rejected
from matcher.reference.exchange import Exchange
from tests.support.streams import random_stream, streams
from tests.support.street import BEYOND, WINDOWS

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
SEEDS = range(200) if FUZZ else range(6)
LENGTH = 10_000 if FUZZ else 2_500
EVERY = 25  # commands between comparisons of the whole state

# What the streams must reach, or they test less than they say. BUSY and the 1xx codes are not the
# engine's to give; DURING_BATCH and the others are.
EXPECTED_CODES = {code for code in Reject if 200 < code < 600} - {
    Reject.BAD_SIGNATURE,
    Reject.HIGH_S,
    Reject.BUSY,
}


def told(answer: list[Event] | str) -> list[object] | str:
    """An answer without the texts of rejects, which are for people."""
    if isinstance(answer, str):
        return answer
    return [(e.code, e.field) if isinstance(e, Rejected) else e for e in answer]


def answer_of(exchange: Engine | Exchange, command: c.Command) -> list[Event] | str:
    try:
        return exchange.apply(command)
    except ChainError:
        return "ChainError"


class Twins:
    """Both, told the same."""

    def __init__(self) -> None:
        self.engine, self.model = Engine(WINDOWS), Exchange(WINDOWS)
        self.count = 0
        self.codes: Counter[Reject] = Counter()
        self.reasons: Counter[CancelReason] = Counter()

    def tell(self, command: c.Command) -> None:
        ours, theirs = answer_of(self.engine, command), answer_of(self.model, command)
        assert told(ours) == told(theirs), f"{self.count}: {command}"
        self.count += 1
        for event in ours:
            if isinstance(event, Rejected):
                self.codes[event.code] += 1
                assert event.found
                assert event.allowed
            elif isinstance(event, OrderCanceled):
                self.reasons[event.reason] += 1

    def compare(self) -> None:
        self.engine.check()
        assert self.engine.state_text() == self.model.state_text(), f"after {self.count} commands"
        assert self.engine.state_hash() == self.model.state_hash()


def test_engine_on_random_streams_equals_the_reference_and_everything_is_reached() -> None:
    """Agreement says nothing about a reject or a cancel that the streams never reach."""
    codes: Counter[Reject] = Counter()
    reasons: Counter[CancelReason] = Counter()
    for seed in SEEDS:
        twins = Twins()
        for command in random_stream(seed, LENGTH, scene=BEYOND):
            twins.tell(command)
            if twins.count % EVERY == 0:
                twins.compare()
        twins.compare()
        codes += twins.codes
        reasons += twins.reasons
    assert EXPECTED_CODES - codes.keys() == set()
    # A fill cannot break margin (matching.md), so MARGIN comes from fee changes alone.
    assert set(CancelReason) - reasons.keys() == set()


@given(streams())
def test_engine_on_any_stream_equals_the_reference(commands: list[c.Command]) -> None:
    twins = Twins()
    for command in commands:
        twins.tell(command)
    twins.compare()
