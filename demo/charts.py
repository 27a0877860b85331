"""Drawings for the report: SVG text, colored by the page's style sheet so that both themes fit.

Coordinates are pixels of the drawing's own view box; colors are class names. Every mark has a
title, which browsers show as a tooltip.
"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import Final

from demo.results import AccountRow, BatchRow, DepthPicture, Tape

DOLLAR: Final = 1_000_000
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 14, 30


def dollars(atoms: int, decimals: int = 2) -> str:
    """``-1234567`` atoms to ``-1.23`` (toward zero; six decimals are exact)."""
    sign = "−" if atoms < 0 else ""
    whole, rest = divmod(abs(atoms), DOLLAR)
    fraction = f".{rest:06d}"[: decimals + 1] if decimals else ""
    return f"{sign}{whole:,}{fraction}"


def short_dollars(atoms: int) -> str:
    """``1.25M``: for axes and bars."""
    size = abs(atoms)
    for unit, letter in ((10**6, "M"), (10**3, "k")):
        if size >= unit * DOLLAR:
            text = f"{size / (unit * DOLLAR):.2f}".rstrip("0").rstrip(".") + letter
            break
    else:
        text = f"{size / DOLLAR:.2f}".rstrip("0").rstrip(".")
    return ("−" if atoms < 0 else "") + text


def clock(milliseconds: int) -> str:
    """``04:09`` since the flow began."""
    minutes, seconds = divmod(milliseconds // 1000, 60)
    return f"{minutes:02d}:{seconds:02d}"


def ticks(low: float, high: float, wanted: int = 5) -> list[float]:
    """Round numbers from ``low`` to ``high``: 1, 2 or 5 times a power of ten apart."""
    span = high - low
    if span <= 0:
        return [low]
    step = 10.0 ** (len(str(int(span))) - 1) if span >= 1 else 0.001
    while span / step < wanted:
        step /= 10
    for factor in (1, 2, 5, 10, 20, 50):
        if span / (step * factor) <= wanted:
            step *= factor
            break
    first = int(low / step) * step
    while first < low - step * 1e-9:
        first += step
    marks = []
    while first <= high + step * 1e-9:
        marks.append(first)
        first += step
    return marks


class Plane:
    """A drawing with two linear axes."""

    def __init__(
        self,
        width: int,
        height: int,
        x: tuple[float, float],
        y: tuple[float, float],
        label: str,
    ):
        self.width, self.height, self.label = width, height, label
        self.x0, self.x1 = x if x[1] > x[0] else (x[0] - 1, x[0] + 1)
        self.y0, self.y1 = y if y[1] > y[0] else (y[0] - 1, y[0] + 1)
        self.parts: list[str] = []

    def px(self, x: float) -> float:
        return LEFT + (x - self.x0) / (self.x1 - self.x0) * (self.width - LEFT - RIGHT)

    def py(self, y: float) -> float:
        inner = self.height - TOP - BOTTOM
        return self.height - BOTTOM - (y - self.y0) / (self.y1 - self.y0) * inner

    def add(self, part: str) -> None:
        self.parts.append(part)

    def y_axis(self, marks: Iterable[float], text: Iterable[str]) -> None:
        for mark, words in zip(marks, text, strict=True):
            y = self.py(mark)
            self.add(
                f'<line class="grid" x1="{LEFT}" x2="{self.width - RIGHT}" y1="{y:.1f}" '
                f'y2="{y:.1f}"/><text class="axis end" x="{LEFT - 8}" y="{y + 4:.1f}">'
                f"{escape(words)}</text>"
            )

    def x_axis(self, marks: Iterable[float], text: Iterable[str]) -> None:
        base = self.height - BOTTOM
        self.add(
            f'<line class="base" x1="{LEFT}" x2="{self.width - RIGHT}" y1="{base}" y2="{base}"/>'
        )
        for mark, words in zip(marks, text, strict=True):
            self.add(
                f'<text class="axis middle" x="{self.px(mark):.1f}" y="{base + 18}">'
                f"{escape(words)}</text>"
            )

    def svg(self) -> str:
        return (
            f'<svg viewBox="0 0 {self.width} {self.height}" role="img" '
            f'aria-label="{escape(self.label)}">{"".join(self.parts)}</svg>'
        )


def gas_per_fill(batches: Sequence[BatchRow], floor: int) -> str:
    """A column per batch with fills, and the calldata floor of a fill as a line."""
    shown = [batch for batch in batches if batch.fills]
    if not shown:
        return ""
    worths = [batch.gas // batch.fills for batch in shown]
    # Batches of a fill or two would press all others to the ground: they are cut, and say so.
    top = min(max(worths), 3 * sorted(worths)[len(worths) // 2])
    top = max(top, 2 * floor)
    plane = Plane(920, 250, (-0.5, len(shown) - 0.5), (0, top * 1.06), "Gas per fill, by batch")
    marks = ticks(0, top, 5)
    plane.y_axis(marks, [f"{mark:,.0f}" for mark in marks])
    width = max(2.0, min(24.0, (920 - LEFT - RIGHT) / len(shown) - 2))
    for place, (batch, worth) in enumerate(zip(shown, worths, strict=True)):
        x, y, base = plane.px(place), plane.py(min(worth, top)), plane.py(0)
        radius = min(3.0, width / 2)
        plane.add(
            f'<path class="column" d="M{x - width / 2:.1f},{base:.1f}V{y + radius:.1f}'
            f"q0,{-radius:.1f} {radius:.1f},{-radius:.1f}h{width - 2 * radius:.1f}"
            f'q{radius:.1f},0 {radius:.1f},{radius:.1f}V{base:.1f}Z"><title>batch {batch.id}: '
            f"{worth:,} gas per fill ({batch.fills} fills, {batch.gas:,} gas)</title></path>"
        )
        if worth > top:
            plane.add(f'<text class="cut middle" x="{x:.1f}" y="{y - 3:.1f}">↑</text>')
    y = plane.py(floor)
    plane.add(f'<line class="mark" x1="{LEFT}" x2="{920 - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
    step = max(1, len(shown) // 12)
    places = range(0, len(shown), step)
    plane.x_axis(places, [str(shown[place].id) for place in places])
    return plane.svg()


def _cumulated(levels: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    total, result = 0, []
    for tick, lots in levels:
        total += lots
        result.append((tick, total))
    return result


def _near(picture: DepthPicture) -> tuple[int, int]:
    """The price range to draw: the best prices, and what is not far from the middle half of all."""
    prices = sorted(tick for tick, _ in (*picture.bids, *picture.asks))
    best = [side[0][0] for side in (picture.bids, picture.asks) if side]
    lower, upper = prices[len(prices) // 4], prices[3 * len(prices) // 4]
    reach = 2 * (upper - lower) + 2
    low, high = min(lower - reach, *best), max(upper + reach, *best)
    return max(prices[0], low), min(prices[-1], high)


def depth(picture: DepthPicture) -> str:
    """Both sides of a book, lots that can be had up to a price."""
    if not picture.bids and not picture.asks:
        return '<p class="quiet">The book was empty.</p>'
    low, high = _near(picture)
    bids = [(tick, lots) for tick, lots in _cumulated(picture.bids) if tick >= low]
    asks = [(tick, lots) for tick, lots in _cumulated(picture.asks) if tick <= high]
    margin = max(1, (high - low) // 30)
    most = max(total for _, total in (*bids, *asks))
    plane = Plane(450, 250, (low - margin, high + margin), (0, most * 1.08), picture.title)
    marks = ticks(0, most, 4)
    plane.y_axis(marks, [f"{mark:,.0f}" for mark in marks])
    for name, levels, end in (("bid", bids, low - margin), ("ask", asks, high + margin)):
        if not levels:
            continue
        path = [f"M{plane.px(levels[0][0]):.1f},{plane.py(0):.1f}"]
        for place, (_, total) in enumerate(levels):
            far = levels[place + 1][0] if place + 1 < len(levels) else end
            path.append(f"V{plane.py(total):.1f}H{plane.px(far):.1f}")
        line = "".join(path)
        plane.add(f'<path class="{name} area" d="{line}V{plane.py(0):.1f}Z"/>')
        plane.add(f'<path class="{name} line" d="{line}"/>')
        plane.add(_level_titles(plane, levels, picture))
    prices = ticks(low - margin, high + margin, 5)
    plane.x_axis(prices, [short_dollars(int(price * picture.tick_value)) for price in prices])
    return plane.svg()


def _level_titles(plane: Plane, levels: list[tuple[int, int]], picture: DepthPicture) -> str:
    return "".join(
        f'<circle class="hot" cx="{plane.px(tick):.1f}" cy="{plane.py(total):.1f}" r="6"><title>'
        f"{total:,} lots at {dollars(tick * picture.tick_value)} or better</title></circle>"
        for tick, total in levels
    )


def trades(tape: Tape, duration: int, moments: Sequence[int], width: int = 450) -> str:
    """Trades over time; the area of a dot is the size, the color who crossed the spread."""
    prints = tape.prints
    if not prints:
        return '<p class="quiet">Nothing was traded.</p>'
    prices = [mark.tick for mark in prints]
    low, high = min(prices), max(prices)
    margin = max(1, (high - low) // 12)
    plane = Plane(width, 250, (0, duration), (low - margin, high + margin), "Trades over time")
    marks = ticks(low - margin, high + margin, 4)
    plane.y_axis(marks, [short_dollars(int(mark * tape.tick_value)) for mark in marks])
    for moment in moments:
        x = plane.px(moment)
        plane.add(
            f'<line class="moment" x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{250 - BOTTOM}"/>'
        )
    most = max(mark.lots for mark in prints)
    for mark in prints:
        radius = 2 + 5 * (mark.lots / most) ** 0.5
        side = "ask" if mark.taker_sells else "bid"
        verb = "sold" if mark.taker_sells else "bought"
        plane.add(
            f'<circle class="{side} dot" cx="{plane.px(mark.at):.1f}" '
            f'cy="{plane.py(mark.tick):.1f}" r="{radius:.1f}"><title>{clock(mark.at)} {verb} '
            f"{mark.lots:,} at {dollars(mark.tick * tape.tick_value)}</title></circle>"
        )
    times = ticks(0, duration / 60_000, 5)
    plane.x_axis([time * 60_000 for time in times], [f"{time:g} min" for time in times])
    return plane.svg()


def result_bar(row: AccountRow, most: int) -> str:
    """What trading and settlement brought a trader, as a bar around a middle line."""
    gained = row.premiums - row.fees + row.settled
    share = abs(gained) / most * 48 if most else 0
    x = 50 if gained >= 0 else 50 - share
    side = "gain" if gained >= 0 else "loss"
    return (
        '<svg class="bar" viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true">'
        f'<rect class="{side}" x="{x:.2f}" y="1" width="{max(share, 0.4):.2f}" height="8"/>'
        '<line class="base" x1="50" x2="50" y1="0" y2="10"/></svg>'
    )


def money(deposited: int, claimed: int, parts: Sequence[tuple[str, int, str]]) -> str:
    """What came in as one bar, and below it where it is now; both have the same length.

    Parameters
    ----------
    parts
        (label, atoms, class) of what did not leave; with ``claimed`` they sum to ``deposited``.
    """
    if not deposited:
        return ""
    width, x = 920.0, 0.0
    head = (
        f'<svg viewBox="0 0 920 126" role="img" aria-label="Where the money went">'
        f'<text class="axis" x="0" y="14">in</text>'
        f'<rect class="in" x="0" y="20" width="{width}" height="34" rx="4"><title>deposited '
        f'{dollars(deposited)}</title></rect><text class="inside" x="12" y="42">deposited '
        f"{short_dollars(deposited)}</text>"
        f'<text class="axis" x="0" y="80">now</text>'
    )
    out = [head]
    for label, atoms, name in (("claimed", claimed, "out"), *parts):
        share = width * atoms / deposited
        if atoms <= 0:
            continue
        out.append(
            f'<rect class="{name}" x="{x:.1f}" y="86" width="{max(share - 2, 1):.1f}" height="34" '
            f'rx="4"><title>{escape(label)} {dollars(atoms)}</title></rect>'
        )
        words = f"{label} {short_dollars(atoms)}"
        if share > 8 * len(words):
            out.append(f'<text class="inside" x="{x + 12:.1f}" y="108">{escape(words)}</text>')
        x += share
    out.append("</svg>")
    return "".join(out)
