"""Whether the vectors would notice: schedules with one constant changed."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache

from gaslab.crosscheck import vectors
from gaslab.crosscheck.lab import Lab
from gaslab.crosscheck.scenario import Scenario
from gaslab.crosscheck.vectors import Vector
from gaslab.schedule import Schedule, load_schedule

# Constants that no transaction's gas can show, and why.
UNSEEN = {
    "transaction.blob": "blob gas is paid beside the gas that is compared",
    "opcodes.INVALID": "INVALID takes all that is left, whatever it costs",
}
UNSEEN_ON = {
    "amsterdam-draft": {
        "floor.base": "EIP-2780's own base takes its place",
        "limits.code_size": "no block could pay the state gas of a contract so long",
        "precompile.point_evaluation": "ethereumjs has no trusted setup to evaluate with",
    }
}


@cache
def told(fork: str) -> list[tuple[Vector, Scenario]]:
    """The committed vectors of a schedule, with their scenarios."""
    return [(one, vectors.story_of(fork, one.seed)) for one in vectors.read(fork)]


def disagrees(schedule: Schedule) -> bool:
    """Whether any vector tells this schedule from the engine's; stops at the first."""
    lab = Lab(schedule)
    return any(not one.agrees(lab.answer(story)) for one, story in told(schedule.name))


def survivors(fork: str) -> Iterator[str]:
    """Constants that may be one higher without any vector noticing, of all but the unseen."""
    schedule = load_schedule(fork)
    unseen = {**UNSEEN, **UNSEEN_ON.get(fork, {})}
    for name, value in schedule.constants.items():
        if name not in unseen and not disagrees(schedule.with_constant(name, value + 1)):
            yield name
