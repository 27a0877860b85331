"""Gas against N on logarithmic scales, with the places where variants cross."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log, log10

from markupsafe import Markup

from gaslab.report.palette import variant_class
from gaslab.report.svg import across, element, picture, tip
from gaslab.words import grouped, short

HEIGHT, TOP, BOTTOM = 320, 18, 40
_LEFT, _RIGHT = 0.1, 0.74  # of the width; names stand at the right
_APART = 15  # pixels between two names
_NAME = 18  # letters of a name


@dataclass(frozen=True)
class Line:
    """One variant's gas.

    Attributes
    ----------
    name : str
    index : int
        Place of the variant in its experiment: color and mark.
    points : sequence of (N, gas)
        Ascending.
    alike : bool
        Whether it does the same thing as the baseline; others are dashed.
    """

    name: str
    index: int
    points: Sequence[tuple[int, int]]
    alike: bool = True


@dataclass(frozen=True)
class Crossing:
    """Between which sizes a line crosses the baseline's."""

    name: str
    start: int
    end: int


def curves(
    lines: Sequence[Line],
    crossings: Sequence[Crossing],
    label: str,
    unit: str,
    measure: str = "gas",
) -> Markup:
    """A picture of all lines; the first is the baseline. `measure` is what lies upward."""
    lines = [line for line in lines if line.points]
    frame = _Frame(lines, measure)
    parts = frame.grid(unit)
    for start, end in sorted({(crossing.start, crossing.end) for crossing in crossings}):
        parts.append(_between(frame, start, end))
    parts += [_mark(frame, lines, crossing) for crossing in crossings]
    for line in reversed(lines):  # the baseline lies on top
        parts += _line(frame, line)
    parts += _names(frame, lines)
    told = "; ".join(
        f"{line.name} from {grouped(line.points[0][1])} to {grouped(line.points[-1][1])}"
        for line in lines
    )
    return picture(parts, HEIGHT, f"{label}: {told}", "curves")


class _Frame:
    def __init__(self, lines: Sequence[Line], measure: str):
        self.measure = measure
        self.sizes = sorted({n for line in lines for n, _ in line.points})
        gas = [found for line in lines for _, found in line.points]
        self.low, self.high = min(gas) / 1.25, max(gas) * 1.25

    def x(self, n: float) -> float:
        first, last = log(self.sizes[0]), log(self.sizes[-1])
        return _LEFT + (_RIGHT - _LEFT) * (log(n) - first) / (last - first)

    def y(self, gas: float) -> float:
        share = (log(gas) - log(self.low)) / (log(self.high) - log(self.low))
        return HEIGHT - BOTTOM - share * (HEIGHT - BOTTOM - TOP)

    def grid(self, unit: str) -> list[Markup]:
        parts = []
        for gas in self._rungs():
            y = self.y(gas)
            parts.append(
                element("line", x1=across(_LEFT), x2=across(_RIGHT), y1=y, y2=y, class_="grid")
            )
            parts.append(
                element(
                    "text",
                    short(gas),
                    x=across(_LEFT - 0.012),
                    y=y + 4,
                    class_="tick",
                    text_anchor="end",
                )
            )
        free = -1.0
        for n in self.sizes:
            x = self.x(n)
            parts.append(
                element(
                    "line",
                    x1=across(x),
                    x2=across(x),
                    y1=HEIGHT - BOTTOM,
                    y2=HEIGHT - BOTTOM + 4,
                    class_="axis",
                )
            )
            if x - free > 0.07:
                parts.append(
                    element(
                        "text",
                        short(n),
                        x=across(x),
                        y=HEIGHT - BOTTOM + 17,
                        class_="tick",
                        text_anchor="middle",
                    )
                )
                free = x
        parts.append(
            element(
                "text",
                f"N: {unit}",
                x=across((_LEFT + _RIGHT) / 2),
                y=HEIGHT - 5,
                class_="tick",
                text_anchor="middle",
            )
        )
        parts.append(element("text", self.measure, x=0, y=11, class_="tick"))
        return parts

    def _rungs(self) -> list[int]:
        """Round numbers between the lowest and the highest, three to seven of them."""
        decades = range(int(log10(self.low)) - 1, int(log10(self.high)) + 2)
        found: list[int] = []
        for steps in ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)):
            found = [int(step * 10**k) for k in decades if k >= 0 for step in steps]
            found = [gas for gas in found if self.low <= gas <= self.high]
            if len(found) >= 3:
                break
        return found[:: -(-len(found) // 7) or 1]


def _line(frame: _Frame, line: Line) -> list[Markup]:
    color = variant_class(line.index)
    parts = [
        element(
            "line",
            x1=across(frame.x(one[0])),
            y1=frame.y(one[1]),
            x2=across(frame.x(two[0])),
            y2=frame.y(two[1]),
            class_=f"curve {color}" + ("" if line.alike else " unlike"),
        )
        for one, two in zip(line.points, line.points[1:], strict=False)
    ]
    for n, gas in line.points:
        told = f"{line.name}, N = {grouped(n)}: {grouped(gas)} {frame.measure}"
        parts.append(
            element(
                "use",
                tip(told),
                href=f"#m{line.index % len(_SHAPES)}",
                x=across(frame.x(n)),
                y=frame.y(gas),
                class_=f"mark {color}" + ("" if line.alike else " unlike"),
            )
        )
    return parts


def shapes() -> Markup:
    """The marks, to be defined once where pictures are shown."""
    return element(
        "defs", *(element("path", id=f"m{index}", d=path) for index, path in enumerate(_SHAPES))
    )


_SHAPES = (
    "M-4,0a4,4 0 1,0 8,0a4,4 0 1,0 -8,0",
    "M-3.6,-3.6h7.2v7.2h-7.2z",
    "M0,-4.8L4.6,3.4H-4.6z",
    "M0,-5L5,0L0,5L-5,0z",
    "M0,4.8L4.6,-3.4H-4.6z",
    "M-5,-1.5h3.5v-3.5h3v3.5h3.5v3h-3.5v3.5h-3v-3.5h-3.5z",
)


def _names(frame: _Frame, lines: Sequence[Line]) -> list[Markup]:
    """Names at the ends of the lines, moved apart where the lines end close together."""
    ends = sorted(((frame.y(line.points[-1][1]), line) for line in lines), key=lambda end: end[0])
    places: list[float] = []
    for y, _ in ends:
        places.append(max(y, places[-1] + _APART) if places else y)
    limit: float = HEIGHT - BOTTOM + 4
    for index in range(len(places) - 1, -1, -1):
        places[index] = limit = min(places[index], limit)
        limit -= _APART
    parts = []
    for place, (y, line) in zip(places, ends, strict=True):
        parts.append(
            element(
                "line",
                x1=across(frame.x(line.points[-1][0]) + 0.012),
                y1=y,
                x2=across(_RIGHT + 0.03),
                y2=place,
                class_="leader",
            )
        )
        name = line.name if len(line.name) <= _NAME else line.name[: _NAME - 1] + "…"
        parts.append(
            element(
                "text",
                name,
                x=across(_RIGHT + 0.037),
                y=place + 4,
                class_=f"line-name n-{variant_class(line.index)}",
            )
        )
    return parts


def _between(frame: _Frame, start: int, end: int) -> Markup:
    """Shade from one measured size to the next, where lines cross."""
    x, y = frame.x(start), HEIGHT - BOTTOM
    width = across(frame.x(end) - x)
    return element("rect", x=across(x), y=TOP, width=width, height=y - TOP, class_="between")


def _mark(frame: _Frame, lines: Sequence[Line], crossing: Crossing) -> Markup:
    """Ring the place where two lines cross."""
    base, other = (
        dict(line.points)
        for line in (lines[0], next(line for line in lines if line.name == crossing.name))
    )
    before = log(base[crossing.start] / other[crossing.start])
    after = log(base[crossing.end] / other[crossing.end])
    share = before / (before - after)
    n = exp(log(crossing.start) + share * (log(crossing.end) - log(crossing.start)))
    gas = exp(
        log(base[crossing.start]) + share * (log(base[crossing.end]) - log(base[crossing.start]))
    )
    told = (
        f"{crossing.name} crosses {lines[0].name} between N = {grouped(crossing.start)} "
        f"and N = {grouped(crossing.end)}"
    )
    x, y = frame.x(n), frame.y(gas)
    return element(
        "g",
        tip(told),
        element(
            "line", x1=across(x), x2=across(x), y1=y, y2=HEIGHT - BOTTOM, class_="crossing-drop"
        ),
        element("circle", cx=across(x), cy=y, r=8, class_="crossing"),
    )
