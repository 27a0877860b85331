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


def mismatches(lab: Lab, engine: str, scenario: Scenario, theirs: Answer) -> Iterator[Mismatch]:
    """Run a scenario in the lab and compare it with an engine's answer."""
    ours = lab.answer(scenario)
    measured = iter(lab.measurements)
    for i, (sent, mine, other) in enumerate(
        zip(scenario.transactions, ours.outcomes, theirs.outcomes, strict=True)
    ):
        measurement = None if mine.refused else next(measured)
        if mine != other:
            parts = measurement.components.items() if measurement else ()
            yield Mismatch(
                scenario.name,
                f"transaction {i} ({sent.label})" if sent.label else f"transaction {i}",
                engine,
                _told(mine, other),
                _told(other, mine),
                " ".join(f"{part}={gas}" for part, gas in parts),
            )
    for slot in sorted({*ours.storage, *theirs.storage}):
        mine_word, other_word = ours.storage.get(slot, 0), theirs.storage.get(slot, 0)
        if mine_word != other_word:
            yield Mismatch(scenario.name, _slot(slot), engine, hex(mine_word), hex(other_word))


def _told(one: Outcome, other: Outcome) -> str:
    text = f"{one.gas} {one.status}"
    if one.logs != other.logs:
        text += f" logs {one.logs[:8]}"
    return text + (f" ({one.note})" if one.note else "")


def _slot(slot: Slot) -> str:
    return f"slot {slot[1]:#x} of 0x{slot[0].hex()}"
