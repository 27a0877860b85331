"""An exchange under test beside the model: told the same, compared in every answer."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, Protocol

from matcher import commands as c
from matcher.errors import ChainError, Reject
from matcher.events import CancelReason, Event, OrderCanceled, Rejected
from matcher.reference.exchange import Exchange as Model
from tests.support.scenes import ACCOUNTS, SCENES
from tests.support.streams import Answer, walk_at_random
from tests.support.street import WINDOWS, Street


class Subject(Protocol):
    """What is judged."""

    def apply(self, command: c.Command) -> list[Event]: ...
    def state_text(self) -> str: ...
    def state_hash(self) -> bytes: ...
    def check(self) -> None: ...
    def account_view(self, account: int) -> Any: ...


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
        if told(found) != told(expected):
            raise AssertionError(
                f"command {self.count}: {command}\n  found {found}\n  expected {expected}"
            )
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

    def check(self) -> None:
        """Look at every invariant, and compare what accounts are worth at worst."""
        self.subject.check()
        wrong = wrong_margins(self.subject, self.model)
        if wrong:
            raise AssertionError(f"after {self.count} commands: {wrong}")


def wrong_margins(subject: Any, model: Model) -> str | None:
    """The first account of which the two think otherwise; atoms, without and with open orders."""
    for index in sorted(model.floor.owners):
        view = subject.account_view(index)
        found = (view.worst, view.worst_with_orders)
        expected = (model.floor.worst(index), model.floor.worst_with_orders(index))
        if found != expected:
            return f"account {index} is worth {found}, expected {expected}"
    return None


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
    assert twins.subject.state_hash() == street.model.state_hash()
    return twins


def first_difference(make: Callable[[], Subject], commands: Sequence[c.Command]) -> str | None:
    """What a new subject answers otherwise than the model; None if nothing, or the model cannot."""
    model, subject = Model(WINDOWS), make()
    for number, command in enumerate(commands):
        try:
            expected = answer_of(model, command)
        except Exception:  # a stream that the chain could not tell
            return None
        try:
            found = told(answer_of(subject, command))
        except Exception as error:
            return f"command {number}: {error!r}"
        if found != told(expected):
            return f"command {number}: found {found}, expected {told(expected)}"
    try:
        subject.check()
        wrong = wrong_margins(subject, model)
        found_text = subject.state_text()
    except Exception as error:
        return f"at the end: {error!r}"
    if wrong:
        return wrong
    expected_text = model.state_text()
    return None if found_text == expected_text else differing(found_text, expected_text)


def shrink(make: Callable[[], Subject], commands: Sequence[c.Command]) -> list[c.Command]:
    """Fewest commands, found by leaving out ever smaller parts, at which the two still differ."""
    kept = list(commands)
    while len(kept) > 64 and first_difference(make, kept[: len(kept) // 2]) is not None:
        kept = kept[: len(kept) // 2]
    size = len(kept) // 2
    while size:
        at = len(kept) - size
        while at > -size:
            shorter = kept[: max(at, 0)] + kept[max(at, 0) + size :]
            if len(shorter) < len(kept) and first_difference(make, shorter) is not None:
                kept = shorter
            at -= size
        size //= 2
    return kept
