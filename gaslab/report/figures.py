"""Pictures and tables of a chapter, by schedule, ready to be set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from markupsafe import Markup

from gaslab.components import Component
from gaslab.report.bars import Bar, bars, groups_of, groups_used
from gaslab.report.book import Book, Chapter, Flow
from gaslab.report.curves import Crossing, Line, curves
from gaslab.report.definitions import CHARGED
from gaslab.results import Results, cost
from gaslab.snapshot import Row
from gaslab.verdicts import Kind
from gaslab.words import change, each, grouped, listed


@dataclass(frozen=True)
class Table:
    """Cells as text. The first column names the row."""

    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    firsts: Sequence[bool] = ()  # rows that begin a variant


@dataclass(frozen=True)
class Pictures:
    """One chapter under schedules that give the same figures.

    Attributes
    ----------
    schedules : tuple of str
    size : int
        N of the bars.
    best : str
        Which of the variants that do the same thing is cheapest.
    best_change : str
        Of the cheapest, or of the least dear besides the baseline, against the baseline.
    bars, curves : Markup
        The second is empty for a single size.
    groups : list of str
        Groups that the legend explains.
    crossings : list of Crossing
    gas : Table
    """

    schedules: tuple[str, ...]
    size: int
    best: str
    best_change: str
    bars: Markup
    curves: Markup
    groups: Sequence[str]
    crossings: Sequence[Crossing]
    gas: Table


def pictures_of(chapter: Chapter) -> tuple[Pictures, ...]:
    """Everything of a chapter that hangs on the schedule."""
    alike: dict[tuple[object, ...], list[str]] = {}
    for schedule in chapter.results.schedules:
        figures = tuple(
            (row.variant, row.size, *(row[name] for name in (*Component, *CHARGED)))
            for row in _ordered(chapter, _under(chapter, schedule))
        )
        alike.setdefault(figures, []).append(schedule)
    return tuple(_pictures(chapter, tuple(names)) for names in alike.values())


def _under(chapter: Chapter, schedule: str) -> list[Row]:
    return [row for row in chapter.results.rows if row.schedule == schedule]


def _pictures(chapter: Chapter, schedules: tuple[str, ...]) -> Pictures:
    schedule = schedules[-1]
    results, experiment = chapter.results, chapter.experiment
    size = results.largest(schedule)
    rows = _under(chapter, schedule)
    base = results.at(experiment.baseline.name, size, schedule)
    best = results.best_other(schedule) or results.best_unlike(schedule)
    found = crossings_of(chapter, schedule)
    top = [row for row in rows if row.size == size]
    return Pictures(
        schedules=schedules,
        size=size,
        best=_best(results, schedule),
        best_change=against(best, base) if base and best else "",
        bars=chapter_bars(chapter, schedule),
        curves=chapter_curves(chapter, schedule, found),
        groups=groups_used(top),
        crossings=found,
        gas=_gas_table(chapter, rows),
    )


def _best(results: Results, schedule: str) -> str:
    winners, size = results.winners(schedule), grouped(results.largest(schedule))
    unlike = results.best_unlike(schedule)
    if results.best_other(schedule) is None and unlike:
        return f"{unlike.variant}, not the same thing, at N = {size}"
    if len(winners) == 1:
        return f"{winners[0]} wins at N = {size}"
    return f"{listed(winners)} cost the same at N = {size}"


def _items(row: Row) -> str:
    if not row["items"]:
        return ""
    return f"{grouped(row['items'])} items, {each(row.gas, row['items'])} each"


def against(row: Row, base: Row) -> str:
    """Change of what variants compete in."""
    return change(row.gas * (base["items"] or 1), base.gas * (row["items"] or 1))


def chapter_bars(chapter: Chapter, schedule: str) -> Markup:
    """Bars of all variants at the largest N."""
    results, experiment = chapter.results, chapter.experiment
    size = results.largest(schedule)
    base = results.at(experiment.baseline.name, size, schedule)
    found = [
        Bar(
            variant.name,
            "not the same thing" if variant.differs else _items(row),
            row,
            base.gas if base and row is not base and not results.counts_items else 0,
        )
        for variant in experiment.variants
        if (row := results.at(variant.name, size, schedule))
    ]
    return bars(found, f"{experiment.title}, gas by component at N = {size:,}")


def crossings_of(chapter: Chapter, schedule: str) -> list[Crossing]:
    """Where variants cross the baseline under a schedule."""
    return [
        Crossing(variant.name, start, end)
        for variant in chapter.results.others
        for start, end, _, _ in chapter.results.crossings(variant.name, schedule)
    ]


def chapter_curves(chapter: Chapter, schedule: str, found: Sequence[Crossing]) -> Markup:
    """Gas of all variants against N; nothing for a single size."""
    results, experiment = chapter.results, chapter.experiment
    sizes = [size for size in results.sizes(schedule) if size > 0]
    if len(sizes) < 2:
        return Markup("")
    lines = [
        Line(
            variant.name,
            index,
            [
                (size, row.gas)
                for size in sizes
                if (row := results.at(variant.name, size, schedule))
            ],
            not variant.differs,
        )
        for index, variant in enumerate(experiment.variants)
    ]
    label = f"{experiment.title}, gas against N"
    return curves(lines, found, label, experiment.unit)


# --- tables ---------------------------------------------------------------------------------------


def _ordered(chapter: Chapter, rows: Sequence[Row]) -> list[Row]:
    order = [variant.name for variant in chapter.experiment.variants]
    return sorted(rows, key=lambda row: (order.index(row.variant), row.size))


def _firsts(rows: Sequence[Row]) -> list[bool]:
    return [index == 0 or rows[index - 1].variant != row.variant for index, row in enumerate(rows)]


def _gas_table(chapter: Chapter, rows: Sequence[Row]) -> Table:
    """Gas of every variant and size, by group; exact."""
    results = chapter.results
    per_item = chapter.experiment.per_item or results.counts_items
    rows = _ordered(chapter, rows)
    groups = groups_used(rows)
    names = [name for name in CHARGED if any(row[name] for row in rows)]
    heads = ["variant", "N", "gas", "against baseline", *(["per item"] if per_item else [])]
    cells = []
    for row in rows:
        base = results.at(chapter.experiment.baseline.name, row.size, row.schedule)
        same = base is None or base is row
        found = groups_of(row)
        cells.append(
            [
                row.variant,
                grouped(row.size),
                grouped(row.gas),
                "" if base is None or same else against(row, base),
                *([each(row.gas, row["items"] or row.size)] if per_item else []),
                *(grouped(found.get(group, 0)) for group in groups),
                *(grouped(row[name]) for name in names),
            ]
        )
    heads += [*groups, *(CHARGED[name][0] for name in names)]
    return Table(heads, cells, _firsts(rows))


def shared_tables(
    chapter: Chapter, figures: Mapping[str, tuple[str, str]]
) -> list[tuple[list[str], Table]]:
    """Figures by variant and size; once for all schedules under which they are the same."""
    found: list[tuple[list[str], Table]] = []
    for schedule in chapter.results.schedules:
        table = _table(chapter, schedule, figures)
        for names, other in found:
            if other == table:
                names.append(schedule)
                break
        else:
            found.append(([schedule], table))
    return found


def _table(chapter: Chapter, schedule: str, figures: Mapping[str, tuple[str, str]]) -> Table:
    """Columns of nothing but zeros are left out."""
    rows = _ordered(chapter, _under(chapter, schedule))
    names = [name for name in figures if any(row[name] for row in rows)]
    heads = ["variant", "N", *(figures[name][0] for name in names)]
    cells = [
        [row.variant, grouped(row.size), *(_figure(row, name) for name in names)] for row in rows
    ]
    return Table(heads, cells, _firsts(rows))


def _figure(row: Row, name: str) -> str:
    if name == "fjord_micro":  # millionths of a byte
        return each(row[name], 10**6)
    return grouped(row[name])


# --- the heat table -------------------------------------------------------------------------------

# Share of the baseline that is saved, in percent, from which a cell has a shade.
SHADES = (75, 50, 25, 10, 2)


@dataclass(frozen=True)
class HeatCell:
    """One experiment under one schedule."""

    schedule: str
    shade: str
    text: str
    winner: str
    changed: bool
    masked: bool
    unlike: bool  # no variant does the same thing: the cheapest of those that do not
    told: str


@dataclass(frozen=True)
class HeatRow:
    chapter: Chapter
    technique: str
    size: int
    cells: Sequence[HeatCell | None]


def heat_table(book: Book) -> list[HeatRow]:
    """Technique by schedule: what the best variant saves at the largest N."""
    rows = []
    for chapter in book.all_chapters:
        results = chapter.results
        changed = _changed(chapter)
        cells = [
            _heat_cell(chapter, note.name, note.name in changed)
            if note.name in results.schedules
            else None
            for note in book.schedules
        ]
        technique = str(chapter.experiment.techniques[0])
        rows.append(HeatRow(chapter, technique, results.largest(results.focus), cells))
    return rows


def _changed(chapter: Chapter) -> set[str]:
    """Schedules under which another wins than usual."""
    results, usual = chapter.results, _usual(chapter)
    return {name for name in results.schedules if usual not in results.winners(name)}


def _usual(chapter: Chapter) -> str:
    """The winner under the focus; of several, the one that wins under most schedules."""
    results = chapter.results
    wins = [name for schedule in results.schedules for name in results.winners(schedule)]
    return max(results.winners(results.focus), key=wins.count)


def _heat_cell(chapter: Chapter, schedule: str, changed: bool) -> HeatCell | None:
    results = chapter.results
    base = results.at(chapter.experiment.baseline.name, results.largest(schedule), schedule)
    alike = results.best_other(schedule)
    best = alike or results.best_unlike(schedule)
    if base is None or best is None:
        return None
    winners, usual = results.winners(schedule), _usual(chapter)
    masked = any(one.kind is Kind.MASKED and schedule in one.schedules for one in chapter.verdicts)
    return HeatCell(
        schedule,
        shade(cost(base) - cost(best), cost(base)) if alike else "unlike",
        against(best, base),
        (usual if usual in winners else winners[0]) if alike else best.variant,
        changed,
        masked,
        alike is None,
        f"{_told(best)} against {_told(base)} at N = {grouped(base.size)}",
    )


def _told(row: Row) -> str:
    items = f" for {grouped(row['items'])} items" if row["items"] else ""
    return f"{row.variant} {grouped(row.gas)} gas{items}"


def shade(saving: Fraction, base: Fraction) -> str:
    """``s5`` for the best to ``s1``, ``s0`` for no difference to speak of, ``c1`` to ``c5``."""
    size = next(
        (5 - index for index, share in enumerate(SHADES) if abs(saving) * 100 >= share * base), 0
    )
    return f"{'s' if saving > 0 or not size else 'c'}{size}"


def ways_note(chapter: Chapter) -> str:
    """What the dagger means, and what is not in the gas."""
    unlike = [
        f"{one.name}: {one.differs.rstrip('.')}" for one in chapter.results.others if one.differs
    ]
    note = f"† not the same thing. {'; '.join(unlike)}." if unlike else ""
    if any(row["blob_gas"] for row in chapter.results.rows):
        note += " Blob gas, which has a market of its own, is not in the gas."
    return note.strip()


# --- the macro experiment and the product ---------------------------------------------------------


def ways_of(chapter: Chapter) -> dict[str, Table]:
    """Gas per item of every way, by size: by schedule."""
    results, found = chapter.results, {}
    for schedule in results.schedules:
        sizes = results.sizes(schedule)
        rows = []
        for variant in chapter.experiment.variants:
            cells = [results.at(variant.name, size, schedule) for size in sizes]
            if any(cells):
                rows.append(
                    [
                        variant.name + (" †" if variant.differs else ""),
                        *(each(one.gas, one.size) if one else "" for one in cells),
                    ]
                )
        found[schedule] = Table(["way", *(f"N = {grouped(size)}" for size in sizes)], rows)
    return found


@dataclass(frozen=True)
class Product:
    """The flows under one schedule."""

    schedule: str
    panels: Sequence[tuple[str, str, Markup]]  # name, title, picture
    groups: Sequence[str]
    table: Table


def product_of(book: Book) -> list[Product]:
    """Flows of the product, by schedule."""
    found = []
    for note in book.schedules:
        flows = [(flow, flow.rows[note.name]) for flow in book.flows if note.name in flow.rows]
        if not flows:
            continue
        panels = [
            (name, title, _flow_bars(part, title, note.name))
            for name, title, part in _panels(flows)
            if part
        ]
        groups = groups_used([row for _, row in flows])
        found.append(Product(note.name, panels, groups, _flow_table(flows)))
    return found


def _panels(
    flows: Sequence[tuple[Flow, Row]],
) -> list[tuple[str, str, list[tuple[Flow, Row]]]]:
    """Flows that fit on one scale, the dearest first; those of several items in their order."""
    several = {flow.name for flow, _ in flows if flow.size > 1}
    single: list[tuple[Flow, Row]] = []
    sized: list[tuple[Flow, Row]] = []
    created: list[tuple[Flow, Row]] = []
    for flow, row in flows:
        part = created if row[Component.CODE_DEPOSIT] else single
        (sized if flow.name in several else part).append((flow, row))
    for part in (single, created):
        part.sort(key=lambda one: -one[1].gas)
    return [
        ("product", "One at a time", single),
        ("product-sized", "By the number of items", sized),
        ("product-deployment", "Deployment", created),
    ]


def agreement_of(book: Book) -> Table | None:
    """Engine by engine, schedule by schedule: how many transactions it agreed on."""
    rows = (book.agreement or {}).get("rows")
    if not rows:
        return None
    sources = list(dict.fromkeys(source for row in rows for source in row["compared"]))
    heads = ["schedule", "engine", *sources, "agreeing", "of"]
    cells = [
        [
            row["schedule"],
            f"{row['engine']} {row['version']}",
            *(grouped(row["compared"].get(source, 0)) for source in sources),
            grouped(row["agreeing"]),
            grouped(row["total"]),
        ]
        for row in rows
    ]
    firsts = [not index or one[0] != cells[index - 1][0] for index, one in enumerate(cells)]
    return Table(heads, cells, firsts)


def _flow_bars(flows: Sequence[tuple[Flow, Row]], title: str, schedule: str) -> Markup:
    found = [
        Bar(flow.title, f"{each(row.gas, flow.size)} each" if flow.size > 1 else "", row)
        for flow, row in flows
    ]
    return bars(found, f"{title}, gas by component under {schedule}")


def _flow_table(flows: Sequence[tuple[Flow, Row]]) -> Table:
    rows = [row for _, row in flows]
    groups = groups_used(rows)
    heads = ["flow", "gas", "execution", "floor", *groups, "slots created", "signed bytes"]
    cells = []
    for flow, row in flows:
        by = groups_of(row)
        cells.append(
            [
                flow.title,
                grouped(row.gas),
                grouped(row["execution"]),
                grouped(row["floor"]),
                *(grouped(by.get(group, 0)) for group in groups),
                grouped(row["slots_created"]),
                grouped(row["tx_bytes"]),
            ]
        )
    return Table(heads, cells)
