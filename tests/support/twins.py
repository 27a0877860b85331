"""An exchange under test beside the model: told the same, compared in every answer."""

from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, Protocol

from matcher import commands as c
from matcher.errors import ChainError, Reject
from matcher.events import CancelReason, Event, OrderCanceled, Rejected
from matcher.reference.exchange import Exchange as Model
from tests.support.scenes import ACCOUNTS, SCENES
from tests.support.streams import Answer, walk_at_random
from tests.support.street import Street


class Subject(Protocol):
    """What is judged."""

    def apply(self, command: c.Command) -> list[Event]: ...
    def state_text(self) -> str: ...
    def state_hash(self) -> bytes: ...
    def check(self) -> None: ...


def told(answer: Answer) -> list[object] | str:
    """An answer without the texts of rejects and errors, which are for people."""
    if isinstance(answer, ChainError):
        return "ChainError"
    return [(e.code, e.field) if isinstance(e, Rejected) else e for e in answer]


def answer_of(subject: Subject | Model, command: c.Command) -> Answer:
    try:
        return subject.apply(command)
    except ChainError as error:
        return error


class Twins:
    """A subject, and what the model answers.

    Parameters
    ----------
    subject : Subject
    model : Model
        Of which only the state is asked: its answers are handed in.
    """

    def __init__(self, subject: Any, model: Model):
        self.subject, self.model = subject, model
        self.count = 0
        self.kinds: Counter[str] = Counter()
        self.codes: Counter[Reject] = Counter()
        self.reasons: Counter[CancelReason] = Counter()

    def tell(self, command: c.Command, expected: Answer) -> None:
        """Tell the subject what the model was told, and compare."""
        found = answer_of(self.subject, command)
        assert told(found) == told(expected), f"command {self.count}: {command}"
        self.count += 1
        self.kinds[type(command).__name__] += 1
        if isinstance(found, ChainError):
            return
        for event in found:
            if isinstance(event, Rejected):
                self.codes[event.code] += 1
                assert event.found, event
                assert event.allowed, event
            elif isinstance(event, OrderCanceled):
                self.reasons[event.reason] += 1

    def compare(self) -> None:
        """Compare the whole state."""
        found, expected = self.subject.state_text(), self.model.state_text()
        if found != expected:
            raise AssertionError(f"after {self.count} commands: {differing(found, expected)}")
        assert self.subject.state_hash() == self.model.state_hash()

    def check(self) -> None:
        self.subject.check()


def differing(found: str, expected: str) -> str:
    """The first lines of two state texts that differ."""
    ours, theirs = found.splitlines(), expected.splitlines()
    extra = [line for line in ours if line not in set(theirs)][:5]
    missing = [line for line in theirs if line not in set(ours)][:5]
    return f"found {extra}, expected {missing}" if extra or missing else "another order of lines"


def scene_stream(
    scene: str, seed: int, n: int
) -> tuple[Street, Iterator[tuple[c.Command, Answer]]]:
    """A street, and `n` commands for it with the model's answers, lazily."""
    street = Street(ACCOUNTS.get(scene, 8), scene=SCENES[scene], signs=False)
    return street, islice(walk_at_random(street, seed), n)


def run_beside_model(
    make: Callable[[], Subject], scene: str, seed: int, n: int, every: int = 100
) -> Twins:
    """Tell a new subject a stream; events are compared always, states now and then."""
    street, stream = scene_stream(scene, seed, n)
    twins = Twins(make(), street.model)
    for command, expected in stream:
        twins.tell(command, expected)
        if twins.count % every == 0:
            twins.compare()
            twins.check()
    twins.compare()
    twins.check()
    return twins
