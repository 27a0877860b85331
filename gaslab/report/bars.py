"""Stacked bars: where the gas of each variant went.

Components lie in the order of `GROUPS`, from the ground up. The top-up to the calldata floor is a
dashed outline at the end, the refund lies below zero, a dashed tick shows the floor itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from gaslab.components import GROUPS
from gaslab.report.palette import group_class
from gaslab.report.svg import across, element, picture, tip
from gaslab.snapshot import Row
from gaslab.words import change, grouped, percent

STEP, BAR, STRIP = 48, 20, 6
_SMALL = 0.14  # a bar shorter than this shows its composition stretched below


@dataclass(frozen=True)
class Bar:
    """One bar.

    Attributes
    ----------
    name, note : str
        The note stands behind the name, for what is not the same thing.
    row : Row
    base : int
        Gas that this one is compared with; 0 for none.
    """

    name: str
    note: str
    row: Row
    base: int = 0


def groups_of(row: Row) -> dict[str, int]:
    """Gas by group, without zeros, in the order of `GROUPS`."""
    sums = {group: sum(row[part] for part in parts) for group, parts in GROUPS.items()}
    return {group: gas for group, gas in sums.items() if gas}


def groups_used(rows: Sequence[Row]) -> list[str]:
    """Groups that any of the rows has gas in."""
    used = {group for row in rows for group in groups_of(row)}
    return [group for group in GROUPS if group in used]


def bars(found: Sequence[Bar], label: str) -> Markup:
    """A picture of several bars on one scale."""
    below = max(sum(-gas for gas in groups_of(bar.row).values() if gas < 0) for bar in found)
    above = max(
        *(sum(gas for gas in groups_of(bar.row).values() if gas > 0) for bar in found),
        *(bar.row["floor"] for bar in found),
        1,
    )
    scale = _Scale(below, below + above)
    parts: list[Markup] = []
    height = 0
    for bar in found:
        parts += _bar(bar, height, scale)
        height += STEP + (STRIP + 3 if scale.small(bar) else 0)
    told = "; ".join(f"{bar.name} {grouped(bar.row.gas)}" for bar in found)
    return picture(parts, height, f"{label}: {told}", "bars")


@dataclass(frozen=True)
class _Scale:
    below: int
    span: int

    def at(self, gas: int) -> float:
        return (self.below + gas) / self.span

    def wide(self, gas: int) -> float:
        return gas / self.span

    def small(self, bar: Bar) -> bool:
        """Whether it is too short to show its composition."""
        return 0 < self.wide(sum(gas for gas in groups_of(bar.row).values() if gas > 0)) < _SMALL


def _bar(bar: Bar, y: float, scale: _Scale) -> list[Markup]:
    parts = [_name(bar, y), _gas(bar, y)]
    short = scale.small(bar)  # what its pieces are is told below
    if scale.below:
        zero = across(scale.at(0))
        parts.append(element("line", x1=zero, x2=zero, y1=y + 18, y2=y + 23 + BAR, class_="axis"))
    groups = groups_of(bar.row)
    end = 0
    for group, gas in groups.items():
        if gas > 0:
            place = (scale.at(end), scale.wide(gas), y + 20)
            parts.append(_piece(group, place, BAR, "" if short else _told(bar, group)))
            end += gas
    start = 0
    for group, gas in groups.items():
        if gas < 0:
            start += gas
            place = (scale.at(start), scale.wide(-gas), y + 20)
            parts.append(_piece(group, place, BAR, _told(bar, group)))
    if bar.row["floor"]:
        parts.append(_tick(scale.at(bar.row["floor"]), y, f"floor {grouped(bar.row['floor'])}"))
    if short:
        parts += _stretched(bar, groups, end, y + 25 + BAR)
    return parts


def _name(bar: Bar, y: float) -> Markup:
    name = element("tspan", bar.name, class_="bar-name")
    note = [element("tspan", "  " + bar.note, class_="bar-note")] if bar.note else []
    return element("text", name, *note, x=0, y=y + 14)


def _gas(bar: Bar, y: float) -> Markup:
    parts = [element("tspan", grouped(bar.row.gas), class_="bar-gas")]
    if bar.base:
        parts.append(element("tspan", "  " + change(bar.row.gas, bar.base), class_="bar-change"))
    return element("text", *parts, x="100%", y=y + 14, text_anchor="end")


def _piece(group: str, place: tuple[float, float, float], height: float, told: str) -> Markup:
    """A part of a bar, at x, as wide as told, at y."""
    x, width, y = place
    return element(
        "rect",
        *([tip(told)] if told else []),
        x=across(x),
        y=y,
        width=across(width),
        height=height,
        class_=f"piece {group_class(group)}",
    )


def _told(bar: Bar, group: str) -> str:
    found = groups_of(bar.row)
    positive = sum(gas for gas in found.values() if gas > 0)
    inner = [f"{part} {grouped(bar.row[part])}" for part in GROUPS[group] if bar.row[part]]
    told = f"{group}: {grouped(found[group])} gas, {percent(found[group], positive)}"
    return f"{told} ({', '.join(inner)})" if len(inner) > 1 else told


def _tick(x: float, y: float, told: str) -> Markup:
    return element(
        "line",
        tip(told),
        x1=across(x),
        x2=across(x),
        y1=y + 17,
        y2=y + 23 + BAR,
        class_="floor-mark",
    )


def _stretched(bar: Bar, groups: Mapping[str, int], end: int, y: float) -> list[Markup]:
    """The composition of a short bar over the whole width, thin."""
    parts, start = [], 0
    for group, gas in groups.items():
        if gas > 0:
            place = (start / end, gas / end, y)
            parts.append(_piece(group, place, STRIP, _told(bar, group)))
            start += gas
    return parts
