"""Rows of one experiment, ready to be compared."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fractions import Fraction

from gaslab.experiment import Experiment, Variant
from gaslab.snapshot import Row


def cost(row: Row) -> Fraction:
    """What variants compete in: gas, or gas per item where it is the question how many fit."""
    return Fraction(row.gas, row["items"] or 1)


class Results:
    """Rows of one experiment, found by variant, size and schedule.

    Parameters
    ----------
    experiment : Experiment
    rows : iterable of Row
        Others' rows are left out.
    schedules : sequence of str
        In the order that reports have; those without rows are left out.
    focus : str
        The schedule that a reader wants first; the last of them if it has no rows.
    """

    def __init__(
        self,
        experiment: Experiment,
        rows: Iterable[Row],
        schedules: Sequence[str],
        focus: str = "",
    ):
        self.experiment = experiment
        self.rows = [row for row in rows if row.experiment == experiment.id]
        self._at = {(row.variant, row.size, row.schedule): row for row in self.rows}
        found = {row.schedule for row in self.rows}
        self.schedules = tuple(name for name in schedules if name in found)
        self.focus = focus if focus in self.schedules else next(reversed(self.schedules), "")

    @property
    def counts_items(self) -> bool:
        """Whether drivers recorded how many items fit: then gas alone says nothing."""
        return any(row["items"] for row in self.rows)

    def at(self, variant: str, size: int, schedule: str) -> Row | None:
        return self._at.get((variant, size, schedule))

    def sizes(self, schedule: str) -> tuple[int, ...]:
        """Sizes at which the baseline was measured, ascending."""
        base = self.experiment.baseline.name
        return tuple(
            sorted(row.size for row in self.rows if (row.variant, row.schedule) == (base, schedule))
        )

    def largest(self, schedule: str) -> int:
        """The size that verdicts and pictures are about; 0 if there is none."""
        return max(self.sizes(schedule), default=0)

    def pair(self, variant: str, size: int, schedule: str) -> tuple[Row, Row] | None:
        """The baseline's row and the variant's, if both were measured."""
        base = self.at(self.experiment.baseline.name, size, schedule)
        found = self.at(variant, size, schedule)
        return (base, found) if base and found else None

    def alike(self, size: int, schedule: str) -> dict[str, Row]:
        """Rows of the variants that do the same thing, in the experiment's order."""
        found = {
            variant.name: self.at(variant.name, size, schedule)
            for variant in self.experiment.variants
            if not variant.differs
        }
        return {name: row for name, row in found.items() if row}

    def winners(self, schedule: str, size: int | None = None) -> tuple[str, ...]:
        """Cheapest of the variants that do the same thing; several if they cost the same."""
        rows = self.alike(self.largest(schedule) if size is None else size, schedule)
        least = min((cost(row) for row in rows.values()), default=0)
        return tuple(name for name, row in rows.items() if cost(row) == least)

    def best_other(self, schedule: str) -> Row | None:
        """Cheapest variant besides the baseline that does the same thing."""
        rows = self.alike(self.largest(schedule), schedule)
        rows.pop(self.experiment.baseline.name, None)
        return min(rows.values(), key=cost, default=None)

    def best_unlike(self, schedule: str) -> Row | None:
        """Cheapest variant that does not the same thing."""
        size = self.largest(schedule)
        rows = [self.at(one.name, size, schedule) for one in self.others if one.differs]
        return min((row for row in rows if row), key=cost, default=None)

    @property
    def others(self) -> tuple[Variant, ...]:
        return self.experiment.variants[1:]

    def crossings(self, variant: str, schedule: str) -> list[tuple[int, int, int, int]]:
        """Where the cheaper of baseline and variant changes between two measured sizes.

        Returns
        -------
        list of (from, to, before, after)
            ``before`` and ``after`` are the variant's saving at the two sizes, of opposite signs.
            Sizes at which both cost the same lie inside.
        """
        found: list[tuple[int, int, int, int]] = []
        if self.counts_items:
            return found
        last: tuple[int, int] | None = None
        for size in self.sizes(schedule):
            pair = self.pair(variant, size, schedule)
            if pair is None or pair[0].gas == pair[1].gas:
                continue
            saving = pair[0].gas - pair[1].gas
            if last and (last[1] > 0) != (saving > 0):
                found.append((last[0], size, last[1], saving))
            last = (size, saving)
        return found
