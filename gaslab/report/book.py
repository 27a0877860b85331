"""What a report says, before it takes a form: chapters, flows, findings."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gaslab.errors import InputError
from gaslab.experiment import Experiment
from gaslab.report.layout import Block, blocks_of
from gaslab.results import Results
from gaslab.schedule import NAMES, load_schedule
from gaslab.snapshot import Row
from gaslab.verdicts import Kind, Verdict, verdicts_of

PRODUCT = "product"  # the experiment of rows that are flows of whole contracts
AGREEMENT = Path(__file__).parents[1] / "crosscheck" / "agreement.json"
MACRO = "macro"  # experiments whose id begins so have a chapter of their own


@dataclass(frozen=True)
class ScheduleNote:
    """A schedule as a reader is told of it."""

    name: str
    title: str
    draft: bool


@dataclass(frozen=True)
class Chapter:
    """One experiment."""

    results: Results
    verdicts: tuple[Verdict, ...]
    blocks: tuple[tuple[str, tuple[Block, ...]], ...]  # contract, its slots
    source: str

    @property
    def experiment(self) -> Experiment:
        return self.results.experiment

    @property
    def id(self) -> str:
        return self.experiment.id


@dataclass(frozen=True)
class Flow:
    """What a whole contract is used for, by schedule."""

    name: str
    size: int
    rows: Mapping[str, Row]

    @property
    def title(self) -> str:
        words = self.name.replace("-", " ")
        return f"{words}, {self.size:,}" if self.size > 1 else words


@dataclass(frozen=True)
class Finding:
    """Verdicts of one kind, for the front page."""

    kind: Kind
    title: str
    meaning: str
    verdicts: tuple[Verdict, ...]


@dataclass(frozen=True)
class Book:
    """A report.

    Attributes
    ----------
    title : str
    schedules : tuple of ScheduleNote
    focus : str
        The newest schedule that is no draft.
    chapters, macro : tuple of Chapter
    flows : tuple of Flow
    findings : tuple of Finding
    agreement : mapping or None
        What the crosscheck with other engines found, as its file says it.
    rows : tuple of Row
    """

    title: str
    schedules: tuple[ScheduleNote, ...]
    focus: str
    chapters: tuple[Chapter, ...]
    macro: tuple[Chapter, ...]
    flows: tuple[Flow, ...]
    findings: tuple[Finding, ...]
    agreement: Mapping[str, Any] | None
    rows: tuple[Row, ...]

    @property
    def all_chapters(self) -> tuple[Chapter, ...]:
        return (*self.chapters, *self.macro)

    @property
    def transactions(self) -> int:
        """Those that were sent and measured."""
        return sum(row["transactions"] - row["composed"] for row in self.rows)


def bind(
    rows: Iterable[Row],
    experiments: Mapping[str, Experiment] | None = None,
    *,
    title: str = "The gas lab",
    agreement: Path | None = None,
    layouts: bool = True,
) -> Book:
    """Put a report together.

    Parameters
    ----------
    rows : iterable of Row
    experiments : mapping of str to Experiment, optional
        By id, in the order of chapters; the catalogue unless given.
    agreement : Path, optional
        The crosscheck's file; nothing is said of it where it does not exist. With the catalogue,
        the committed one unless given.
    layouts : bool
        Whether storage layouts are wanted, which takes the compiler (cached).

    Raises
    ------
    InputError
        If rows belong to no experiment, or a variant is not one of its experiment's.
    """
    found = tuple(rows)
    if experiments is None:
        from gaslab.catalogue import EXPERIMENTS

        experiments, agreement = EXPERIMENTS, agreement or AGREEMENT
    _known(found, experiments)
    notes = schedules_of(found)
    plain = [note.name for note in notes if not note.draft]
    focus = plain[-1] if plain else notes[-1].name if notes else ""
    names = [note.name for note in notes]
    chapters = [
        _chapter(Results(experiment, found, names, focus), layouts)
        for experiment in experiments.values()
        if any(row.experiment == experiment.id for row in found)
    ]
    return Book(
        title=title,
        schedules=notes,
        focus=focus,
        chapters=tuple(one for one in chapters if not one.id.startswith(MACRO)),
        macro=tuple(one for one in chapters if one.id.startswith(MACRO)),
        flows=_flows(found),
        findings=tuple(_findings(chapters, focus)),
        agreement=json.loads(agreement.read_text()) if agreement and agreement.is_file() else None,
        rows=found,
    )


def _known(rows: Sequence[Row], experiments: Mapping[str, Experiment]) -> None:
    for row in rows:
        if row.experiment == PRODUCT:
            continue
        experiment = experiments.get(row.experiment)
        if experiment is None:
            raise InputError(row.key, row.experiment, "an experiment that there is")
        variants = [variant.name for variant in experiment.variants]
        if row.variant not in variants:
            raise InputError(row.key, row.variant, f"one of {', '.join(variants)}")
    measured = {(row.experiment, row.schedule, row.variant) for row in rows}
    for name, schedule, _ in sorted(measured):
        base = experiments[name].baseline.name if name in experiments else ""
        if base and (name, schedule, base) not in measured:
            where = f"{name} under {schedule}"
            raise InputError(where, f"no row of {base}", "rows of the baseline, to compare with")


def schedules_of(rows: Iterable[Row]) -> tuple[ScheduleNote, ...]:
    """Schedules of the rows: the lab's own in their order, then others by name."""
    names = {row.schedule for row in rows}
    order = [name for name in NAMES if name in names] + sorted(names.difference(NAMES))
    notes = []
    for name in order:
        if name in NAMES:
            schedule = load_schedule(name)
            notes.append(ScheduleNote(name, schedule.title, schedule.draft))
        else:
            notes.append(ScheduleNote(name, name, False))
    return tuple(notes)


def _chapter(results: Results, layouts: bool) -> Chapter:
    experiment = results.experiment
    return Chapter(
        results=results,
        verdicts=tuple(verdicts_of(results)),
        blocks=_blocks(experiment) if layouts else (),
        source=experiment.source.read_text(),
    )


def _blocks(experiment: Experiment) -> tuple[tuple[str, tuple[Block, ...]], ...]:
    if not experiment.layout:
        return ()
    from gaslab.solc import compile_files

    contracts = compile_files([experiment.source], experiment.settings)
    found = []
    for name in experiment.layout:
        if name not in contracts:
            raise InputError(
                f"{experiment.id}.layout", name, f"one of {', '.join(sorted(contracts))}"
            )
        found.append((name, tuple(blocks_of(name, contracts[name].layout))))
    return tuple(found)


def _flows(rows: Sequence[Row]) -> tuple[Flow, ...]:
    found: dict[tuple[str, int], dict[str, Row]] = {}
    for row in rows:
        if row.experiment == PRODUCT:
            found.setdefault((row.variant, row.size), {})[row.schedule] = row
    return tuple(Flow(name, size, by) for (name, size), by in found.items())


_FRONT = (
    (Kind.SAVES, "What saves most", "The best variant of each pair, by share of its baseline."),
    (
        Kind.FITS,
        "What one transaction holds",
        "Items that fit under the gas limit of a transaction.",
    ),
    (
        Kind.MASKED,
        "Savings that the calldata floor hides",
        "Execution gets cheaper; the transaction is charged by its calldata all the same.",
    ),
    (
        Kind.WINNER_CHANGES,
        "Winners that change with the fork",
        "The cheapest variant under one schedule is not the cheapest under another.",
    ),
    (
        Kind.COSTS_MORE_EVERYWHERE,
        "Techniques that lose",
        "More gas than the plain way, at every size, under every schedule they run on.",
    ),
    (
        Kind.CROSSING,
        "It depends on N",
        "Cheaper on one side of a size, dearer on the other.",
    ),
    (
        Kind.REFUND_CAPPED,
        "Refunds that are not paid out",
        "Clearing counts more than the cap of a fifth gives back.",
    ),
    (
        Kind.SIDE_BY_SIDE,
        "What can run side by side",
        "The heaviest chain of transactions that wait for one another, as a share of all gas.",
    ),
)


def _findings(chapters: Sequence[Chapter], focus: str) -> Iterator[Finding]:
    for kind, title, meaning in _FRONT:
        found = [one for chapter in chapters for one in chapter.verdicts if one.kind is kind]
        if kind is Kind.SAVES:
            found = _best(chapters, found, focus)
        if kind is Kind.MASKED:
            found.sort(key=_hidden)
        if found:
            yield Finding(kind, title, meaning, tuple(_spread(found)))


def _spread(found: Sequence[Verdict]) -> list[Verdict]:
    """The first of each experiment, then the second of each, and so on."""
    turns: dict[str, int] = {}
    keyed = []
    for verdict in found:
        turns[verdict.experiment] = turns.get(verdict.experiment, 0) + 1
        keyed.append((turns[verdict.experiment], verdict))
    return [verdict for _, verdict in sorted(keyed, key=lambda one: one[0])]


def _hidden(verdict: Verdict) -> float:
    """By the share of the execution whose saving is hidden, the largest first."""
    figures = verdict.figures[verdict.schedules[-1]]
    return -figures["execution_saving"] / figures["execution_baseline"]


def _best(chapters: Sequence[Chapter], found: Sequence[Verdict], focus: str) -> list[Verdict]:
    """Of each experiment its winner under the focus, the largest share first."""
    best = []
    for chapter in chapters:
        winners = chapter.results.winners(focus)
        best += [
            one
            for one in found
            if one.experiment == chapter.id and focus in one.figures and one.variant == winners[0]
        ]

    def share(verdict: Verdict) -> float:
        figures = verdict.figures[focus]
        return -figures["saving"] / figures["baseline"]

    return sorted(best, key=share)
