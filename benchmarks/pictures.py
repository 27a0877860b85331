"""Pictures of results, drawn as the gas lab draws its own: light and dark, figures at the marks.

All axes are logarithmic, for what is compared differs by powers of ten; the figures stand beside.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import ceil, floor, log10
from typing import Final, NamedTuple

from markupsafe import Markup

from benchmarks.result import Result
from benchmarks.runs import Run
from benchmarks.words import figure, ratio
from gaslab.report.curves import Line, curves, shapes
from gaslab.report.page import plot_style
from gaslab.report.svg import across, element, picture, standalone, tip

WIDTH: Final = 760
STEP, HEAD, FOOT = 40, 4, 26
OURS, OTHERS = "v-1", "v-0"
TIMES: Final = {"ns": 1e-3, "us": 1.0, "ms": 1e3, "s": 1e6}  # in microseconds
_PERCENTILE = re.compile(r"^(other )?p(\d+(?:\.\d+)?) (ns|us|ms|s)$")


class Picture(NamedTuple):
    """A file of docs/images/bench."""

    name: str
    title: str
    text: str


class Mark(NamedTuple):
    """One figure in a row."""

    value: float
    told: str
    color: str
    shape: int


class Row(NamedTuple):
    """A name, what stands at its right end, and marks on the axis below."""

    name: str
    note: str
    marks: Sequence[Mark]


def pictures(runs: Iterable[Run]) -> list[Picture]:
    """All that there is to draw."""
    results = [result for run in runs for result in run.results]
    drawn = [
        _rows("throughput", "How much per second", "per second", throughput(results), compared()),
        _rows("latency", "How long it takes", "microseconds", latency(results), percentiles()),
        _rows("memory", "Memory of one", "bytes", sizes(results), compared()),
        *_scaling(results),
    ]
    return [one for one in drawn if one is not None]


# --- what is drawn -------------------------------------------------------------------------------


def throughput(results: Sequence[Result]) -> Iterator[Row]:
    """Figures per second, each beside the other's."""
    for result in results:
        if result.unit.endswith("/s"):
            yield _compared(result)


def sizes(results: Sequence[Result]) -> Iterator[Row]:
    """Figures in bytes."""
    for result in results:
        if result.unit.startswith("bytes"):
            yield _compared(result)


def _compared(result: Result) -> Row:
    marks = [_mark(result, result.quoin, "", OURS, 0)]
    if result.other is not None:
        marks.insert(0, _mark(result, result.other, result.other_name, OTHERS, 3))
    note = f"{figure(result.quoin)} {result.unit}"
    if result.other is not None:
        note += f", {ratio(result)}"
    return Row(f"{result.benchmark}: {result.case}", note, marks)


def _mark(result: Result, value: float, who: str, color: str, shape: int) -> Mark:
    return Mark(value, f"{who or 'Quoin'}: {figure(value)} {result.unit}", color, shape)


def latency(results: Sequence[Result]) -> Iterator[Row]:
    """Percentiles, microseconds."""
    for result in results:
        marks, notes = [], []
        for key, value in result.detail.items():
            found = _PERCENTILE.match(key)
            if found is None or isinstance(value, str) or value <= 0:
                continue
            color = OTHERS if found[1] else OURS
            shape = _SHAPES.get(found[2])
            if shape is None:
                continue
            who = result.other_name if found[1] else "Quoin"
            told = f"{who}, p{found[2]}: {figure(value)} {found[3]}"
            marks.append(Mark(value * TIMES[found[3]], told, color, shape))
            notes += [] if found[1] else [f"p{found[2]} {figure(value)} {found[3]}"]
        if marks:
            yield Row(f"{result.benchmark}: {result.case}", ", ".join(notes), marks)


_SHAPES: Final = {"50": 0, "99": 1, "99.9": 2}


def compared() -> list[tuple[str, str]]:
    """The legend of figures beside others."""
    return [(OURS, "Quoin"), (OTHERS, "the alternative, in the same run")]


def percentiles() -> list[tuple[str, str]]:
    """The legend of percentiles."""
    return [
        (OURS, "Quoin"),
        (OTHERS, "the alternative"),
        ("back", "circle: median; square: p99; triangle: p99.9"),
    ]


def _scaling(results: Sequence[Result]) -> Iterator[Picture]:
    """Cost against size: results whose detail says of which line and size they are."""
    lines: dict[str, list[tuple[int, int]]] = {}
    for result in results:
        line, size = result.detail.get("line"), result.detail.get("size")
        if isinstance(line, str) and isinstance(size, int):
            lines.setdefault(line, []).append((size, max(1, round(result.quoin))))
    if not lines:
        return
    drawn = [
        Line(name, index + 1, sorted(points)) for index, (name, points) in enumerate(lines.items())
    ]
    label = "Cost of a command against size, ns"
    inline = curves(drawn, [], label, "books, accounts or orders", measure="ns")
    yield Picture(
        "scaling",
        label,
        standalone(
            inline, WIDTH, plot_style(), "What a command costs as things grow", (), shapes()
        ),
    )


# --- drawing -------------------------------------------------------------------------------------


def _rows(
    name: str, title: str, unit: str, found: Iterable[Row], legend: Sequence[tuple[str, str]]
) -> Picture | None:
    rows = list(found)
    if not rows:
        return None
    values = [mark.value for row in rows for mark in row.marks]
    low, high = floor(log10(min(values))), ceil(log10(max(values)))
    high = max(high, low + 1)

    def x(value: float) -> float:
        return 0.005 + 0.99 * (log10(value) - low) / (high - low)

    bottom = HEAD + STEP * len(rows)
    parts = list(_axis(range(low, high + 1), x, bottom, unit))
    for place, row in enumerate(rows):
        parts += _row(row, HEAD + STEP * place, x)
    label = f"{title}, {unit}: " + "; ".join(f"{row.name}: {row.note}" for row in rows)
    inline = picture(parts, bottom + FOOT, label, "bench")
    return Picture(name, title, standalone(inline, WIDTH, plot_style(), title, legend, shapes()))


def _axis(decades: range, x: Callable[[float], float], bottom: int, unit: str) -> Iterator[Markup]:
    for decade in decades:
        place = across(x(10.0**decade))
        anchor = {decades[0]: "start", decades[-1]: "end"}.get(decade, "middle")
        yield element("line", x1=place, x2=place, y1=HEAD, y2=bottom, class_="grid")
        yield element(
            "text", figure(10.0**decade), x=place, y=bottom + 14, class_="tick", text_anchor=anchor
        )
    yield element("text", unit, x="100%", y=bottom + 28, class_="tick", text_anchor="end")


def _row(row: Row, y: int, x: Callable[[float], float]) -> Iterator[Markup]:
    yield element("text", row.name, x=0, y=y + 14, class_="bar-name")
    yield element("text", row.note, x="100%", y=y + 14, class_="bar-change", text_anchor="end")
    ends = [x(mark.value) for mark in row.marks]
    yield element(
        "line", x1=across(min(ends)), x2=across(max(ends)), y1=y + 27, y2=y + 27, class_="leader"
    )
    for mark, at in zip(row.marks, ends, strict=True):
        yield element(
            "use",
            tip(mark.told),
            href=f"#m{mark.shape}",
            x=across(at),
            y=y + 27,
            class_=f"mark {mark.color}",
        )
