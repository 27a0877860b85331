"""What changed between two snapshots: which cases, by how much, and in which component.

``python -m gaslab diff before.snap after.snap`` prints it, as text or as Markdown for a pull
request. The pytest plugin compares one row at a time with the same eyes, see `judge`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gaslab.components import Component
from gaslab.errors import InputError
from gaslab.snapshot import ACCURACY, FIGURES, Row

# More of these is worse. All else only tells what kind of case it is, or moves with these.
BURDENS = (
    "gas",
    "execution",
    "deploy_gas",
    "code_bytes",
    "state_bytes_grown",
    "memory_peak_bytes",
    "tx_bytes",
    "critical_path",
    "conflicts",
)
# What a tolerance for gas is meant for too, unless these have one of their own.
GAS_LIKE = frozenset({"execution", "critical_path", *map(str, Component)})
SHOWN_PARTS = 6  # components of a case that Markdown names


class Verdict(StrEnum):
    """How a case changed."""

    WORSE = "worse"  # more gas; or the same gas and more of another burden
    TRADED = "traded"  # less gas, but more of another burden
    BETTER = "better"
    CHANGED = "changed"  # no burden moved, yet the figures are others
    SAME = "same"


@dataclass(frozen=True)
class Move:
    """One figure that moved by more than is allowed."""

    name: str
    before: int
    after: int
    allowed: int = 0

    @property
    def by(self) -> int:
        return self.after - self.before

    @property
    def is_burden(self) -> bool:
        return self.name in BURDENS or self.name.startswith(ACCURACY)


@dataclass(frozen=True)
class Change:
    """One case in two snapshots.

    Attributes
    ----------
    before, after : Row
    moves : tuple of Move
        Figures beyond their tolerance, in the order of a snapshot's line.
    """

    before: Row
    after: Row
    moves: tuple[Move, ...]

    @property
    def key(self) -> str:
        return self.after.key

    @property
    def gas(self) -> int:
        return self.after.gas - self.before.gas

    @property
    def parts(self) -> dict[Component, int]:
        """What each component adds to the difference; the heaviest first. They sum to `gas`."""
        moved = {part: self.after[part] - self.before[part] for part in Component}
        return dict(
            sorted(
                ((part, by) for part, by in moved.items() if by),
                key=lambda item: (-abs(item[1]), item[0]),
            )
        )

    @property
    def verdict(self) -> Verdict:
        fits = sum(move.by for move in self.moves if move.name == "items")
        if fits:  # then it is the question how many fit, and less gas is no gain
            return Verdict.BETTER if fits > 0 else Verdict.WORSE
        burdens = {move.name: move.by for move in self.moves if move.is_burden}
        gas = burdens.pop("gas", 0)
        if gas > 0:
            return Verdict.WORSE
        others_rose = any(by > 0 for by in burdens.values())
        if gas < 0:
            return Verdict.TRADED if others_rose else Verdict.BETTER
        if burdens:
            return Verdict.WORSE if others_rose else Verdict.BETTER
        return Verdict.CHANGED if self.moves else Verdict.SAME


def allowance(name: str, tolerance: Mapping[str, int]) -> int:
    """By how much a figure may differ: its own tolerance, or that of the gas it is made of."""
    if name in tolerance:
        return tolerance[name]
    return tolerance.get("gas", 0) if name in GAS_LIKE else 0


def check_tolerance(tolerance: Mapping[str, object], where: str = "tolerance") -> None:
    """See that each name is a figure's and each value a number.

    Raises
    ------
    InputError
    """
    known = {*FIGURES, *map(str, Component)}
    for name, value in tolerance.items():
        if name not in known and not name.startswith(ACCURACY):
            raise InputError(where, name, "a figure's name, as a snapshot has it")
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise InputError(f"{where}: {name}", value, "a whole number from 0")


def judge(before: Row, after: Row, tolerance: Mapping[str, int] | None = None) -> Change:
    """Compare one case with itself."""
    allowed = tolerance or {}
    names = [*FIGURES, *map(str, Component)]
    names += sorted(
        name for name in before.figures.keys() | after.figures.keys() if name.startswith(ACCURACY)
    )
    moves = tuple(
        Move(name, before[name], after[name], allowance(name, allowed))
        for name in names
        if abs(after[name] - before[name]) > allowance(name, allowed)
    )
    return Change(before, after, moves)


@dataclass(frozen=True)
class Difference:
    """Two snapshots, compared.

    Attributes
    ----------
    added, removed : tuple of Row
    changes : tuple of Change
        Of the cases in both, the heaviest first; without those that are the same.
    kept : int
        Cases in both.
    gas_before, gas_after : int
        Of the cases in both.
    """

    added: tuple[Row, ...]
    removed: tuple[Row, ...]
    changes: tuple[Change, ...]
    kept: int
    gas_before: int
    gas_after: int

    def of(self, verdict: Verdict) -> list[Change]:
        """Changes of one kind, the heaviest first."""
        return [change for change in self.changes if change.verdict == verdict]

    @property
    def is_empty(self) -> bool:
        return not (self.added or self.removed or self.changes)

    @property
    def is_worse(self) -> bool:
        return bool(self.of(Verdict.WORSE))

    @property
    def gas(self) -> int:
        return self.gas_after - self.gas_before

    @property
    def parts(self) -> dict[str, int]:
        """What each component adds to the difference of the totals, the heaviest first."""
        sums: dict[str, int] = {}
        for change in self.changes:
            for part, by in change.parts.items():
                sums[part] = sums.get(part, 0) + by
        moved = ((str(part), by) for part, by in sums.items() if by)
        return dict(sorted(moved, key=lambda item: (-abs(item[1]), item[0])))


def compare(before: Mapping[str, Row], after: Mapping[str, Row]) -> Difference:
    """Compare two snapshots, as `gaslab.snapshot.read` returns them."""
    both = [key for key in before if key in after]
    changes = [judge(before[key], after[key]) for key in both]
    changed = [change for change in changes if change.verdict != Verdict.SAME]
    return Difference(
        added=tuple(row for key, row in after.items() if key not in before),
        removed=tuple(row for key, row in before.items() if key not in after),
        changes=tuple(sorted(changed, key=lambda change: (-abs(change.gas), change.key))),
        kept=len(both),
        gas_before=sum(before[key].gas for key in both),
        gas_after=sum(after[key].gas for key in both),
    )


# --- in words -------------------------------------------------------------------------------------

TITLES = {
    Verdict.WORSE: "worse",
    Verdict.TRADED: "less gas, but more of something else",
    Verdict.BETTER: "better",
    Verdict.CHANGED: "no dearer, but not the same",
}


def percent(before: int, after: int) -> str:
    """A change in words: ``+2.7 %``; empty if there is nothing to compare with."""
    if not before:
        return ""
    share = 100 * (after - before) / before
    digits = 1 if abs(share) >= 0.1 or not share else 3
    return f"{share:+.{digits}f} %"


def cases(number: int) -> str:
    """``1 case``, ``2 cases``."""
    return f"{number:,} case{'' if number == 1 else 's'}"


def _others(change: Change) -> list[Move]:
    """Moves that neither the gas nor its components tell."""
    told = {"gas", *map(str, Component)}
    return [
        move
        for move in change.moves
        if move.name not in told and not (move.name in GAS_LIKE and move.by == change.gas)
    ]


def as_text(difference: Difference) -> str:
    """For a terminal."""
    if difference.is_empty:
        return f"{cases(difference.kept)}, all the same\n"
    lines: list[str] = []
    for verdict, title in TITLES.items():
        changes = difference.of(verdict)
        if changes:
            lines.append(f"{title}: {cases(len(changes))}")
            for change in changes:
                lines += _text_of(change)
    for title, rows in (("added", difference.added), ("removed", difference.removed)):
        if rows:
            lines.append(f"{title}: {cases(len(rows))}")
            lines += [f"  {row.key}  {row.gas:,}" for row in rows]
    lines.append(_total(difference))
    lines += [f"    {part} {by:+,}" for part, by in difference.parts.items()]
    return "\n".join(lines) + "\n"


def _text_of(change: Change) -> list[str]:
    before, after = change.before.gas, change.after.gas
    share = percent(before, after)
    lines = [f"  {change.key}  {before:,} -> {after:,}  {change.gas:+,}  ({share})"]
    lines += [f"      {part} {by:+,}" for part, by in change.parts.items()]
    lines += [f"      ({move.name} {move.before:,} -> {move.after:,})" for move in _others(change)]
    return lines


def _total(difference: Difference) -> str:
    before, after = difference.gas_before, difference.gas_after
    return (
        f"total of the {cases(difference.kept)} in both: {before:,} -> {after:,}"
        f"  {difference.gas:+,}  ({percent(before, after)})"
    )


def as_markdown(difference: Difference) -> str:
    """For a pull request."""
    if difference.is_empty:
        return f"**Gas:** {cases(difference.kept)}, all the same.\n"
    counts = [
        f"{len(difference.of(verdict))} {verdict}" for verdict in TITLES if difference.of(verdict)
    ]
    counts += [f"{len(difference.added)} added"] * bool(difference.added)
    counts += [f"{len(difference.removed)} removed"] * bool(difference.removed)
    blocks = [f"**Gas:** {', '.join(counts)} of {cases(difference.kept + len(difference.added))}."]
    for verdict, title in TITLES.items():
        changes = difference.of(verdict)
        if changes:
            blocks.append(_folded(f"{title} ({len(changes)})", _changes_table(changes), verdict))
    for title, rows in (("added", difference.added), ("removed", difference.removed)):
        if rows:
            table = ["| case | gas |", "|---|--:|"]
            table += [f"| `{row.key}` | {row.gas:,} |" for row in rows]
            blocks.append(_folded(f"{title} ({len(rows)})", table, None))
    blocks.append(_total(difference).capitalize() + ".")
    return "\n\n".join(blocks) + "\n"


def _folded(title: str, table: Sequence[str], verdict: Verdict | None) -> str:
    opened = " open" if verdict == Verdict.WORSE else ""
    return "\n".join([f"<details{opened}><summary>{title}</summary>", "", *table, "", "</details>"])


def _changes_table(changes: Iterable[Change]) -> list[str]:
    lines = ["| case | before | after | gas | | where |", "|---|--:|--:|--:|--:|---|"]
    for change in changes:
        before, after = change.before.gas, change.after.gas
        where = [f"{part} {by:+,}" for part, by in change.parts.items()]
        if len(where) > SHOWN_PARTS:
            where = [*where[:SHOWN_PARTS], f"and {len(where) - SHOWN_PARTS} more"]
        where += [f"({move.name} {move.by:+,})" for move in _others(change) if move.is_burden]
        lines.append(
            f"| `{change.key}` | {before:,} | {after:,} | {change.gas:+,} "
            f"| {percent(before, after)} | {', '.join(where)} |"
        )
    return lines
