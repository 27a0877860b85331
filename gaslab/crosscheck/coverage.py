"""What random scenarios reach: opcodes of frames that succeeded, components of gas."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from gaslab.components import Component
from gaslab.crosscheck.lab import Lab
from gaslab.crosscheck.scenario import Answer, Scenario
from gaslab.environment import Environment
from gaslab.schedule import OPCODES

NAMES = {code: name for name, code in OPCODES.items()}


@dataclass
class Coverage:
    """What was reached.

    Attributes
    ----------
    opcodes : Counter of int
        How often each ran in a frame that ended well, or by a REVERT of its own; a frame's
        children count for themselves.
    components : Counter of Component
        In how many transactions each was charged.
    """

    opcodes: Counter[int] = field(default_factory=Counter)
    components: Counter[Component] = field(default_factory=Counter)

    def missing(self, lab: Lab) -> set[str]:
        """Opcodes of the schedule that never ran, but for INVALID, which ends every frame."""
        priced = lab.schedule.opcode_gas
        never = {NAMES[code] for code in priced if not self.opcodes[code]}
        return never - {"INVALID"}


class WatchedLab(Lab):
    """A lab that notes what it reaches.

    Attributes
    ----------
    coverage : Coverage
    """

    def __init__(self, *arguments: Any):
        super().__init__(*arguments)
        self.coverage = Coverage()

    def answer(self, scenario: Scenario) -> Answer:
        found = super().answer(scenario)
        for one in self.measurements:
            self.coverage.components.update(part for part, gas in one.components.items() if gas)
        return found

    def genesis(self, scenario: Scenario) -> Environment:
        chain = super().genesis(scenario)
        state: Any = chain._state
        state.computation_class = _watching(state.computation_class, self.coverage.opcodes)
        return chain


def _watching(frames: Any, opcodes: Counter[int]) -> Any:
    """A frame class that counts its opcodes once it is known how the frame ended."""
    nested: list[list[int]] = [[0] * 256]

    class Watched(frames):  # type: ignore[misc]
        def _execute(self, program: Any) -> None:
            counts = self.meter.counts
            before = list(counts)
            nested.append([0] * 256)
            try:
                super()._execute(program)
            finally:
                total = [now - then for now, then in zip(counts, before, strict=True)]
                children = nested.pop()
                nested[-1] = [sum(pair) for pair in zip(nested[-1], total, strict=True)]
                self.own = [all_ - theirs for all_, theirs in zip(total, children, strict=True)]

        def _end(self, *arguments: Any) -> None:
            super()._end(*arguments)
            if self._error is None or not self._error.burns_gas:
                for code, count in enumerate(getattr(self, "own", ())):
                    if count:
                        opcodes[code] += count

    return Watched
