"""Where the lab and another say different things."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gaslab.crosscheck.lab import Lab
from gaslab.crosscheck.scenario import Answer, Outcome, Scenario
from gaslab.measurement import Slot


@dataclass(frozen=True)
class Mismatch:
    """One transaction, or one slot at the end, that the lab and an engine see differently.

    Attributes
    ----------
    scenario, what : str
        Which scenario; which transaction or slot of it.
    engine : str
    ours, theirs : str
        Gas and status, or the slot's value.
    components : str
        The lab's breakdown of the transaction; empty for a slot.
    """

    scenario: str
    what: str
    engine: str
    ours: str
    theirs: str
    components: str = ""

    def __str__(self) -> str:
        parts = f"\n    {self.components}" if self.components else ""
        return f"{self.scenario}, {self.what}: lab {self.ours}, {self.engine} {self.theirs}{parts}"


@dataclass(frozen=True)
class Ours:
    """What the lab made of a scenario.

    Attributes
    ----------
    answer : Answer
    breakdowns : tuple of str
        Components of each transaction; empty for a refused one.
    """

    answer: Answer
    breakdowns: tuple[str, ...]


def ours(lab: Lab, scenario: Scenario) -> Ours:
    """Run a scenario in the lab."""
    answer = lab.answer(scenario)
    measured = iter(lab.measurements)
    return Ours(
        answer,
        tuple(
            ""
            if one.refused
            else " ".join(f"{part}={gas}" for part, gas in next(measured).components.items())
            for one in answer.outcomes
        ),
    )


def mismatches(mine: Ours, engine: str, scenario: Scenario, theirs: Answer) -> Iterator[Mismatch]:
    """Compare what the lab made of a scenario with an engine's answer."""
    pairs = zip(mine.answer.outcomes, theirs.outcomes, strict=True)
    for i, (own, other) in enumerate(pairs):
        if own != other:
            label = scenario.transactions[i].label
            yield Mismatch(
                scenario.name,
                f"transaction {i} ({label})" if label else f"transaction {i}",
                engine,
                _told(own, other),
                _told(other, own),
                mine.breakdowns[i],
            )
    for slot in sorted({*mine.answer.storage, *theirs.storage}):
        own_word, other_word = mine.answer.storage.get(slot, 0), theirs.storage.get(slot, 0)
        if own_word != other_word:
            yield Mismatch(scenario.name, _slot(slot), engine, hex(own_word), hex(other_word))


def _told(one: Outcome, other: Outcome) -> str:
    text = f"{one.gas} {one.status}"
    if one.logs != other.logs:
        text += f" logs {one.logs[:8]}"
    return text + (f" ({one.note})" if one.note else "")


def _slot(slot: Slot) -> str:
    return f"slot {slot[1]:#x} of 0x{slot[0].hex()}"
