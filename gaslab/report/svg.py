"""SVG as text: elements, numbers of fixed precision, one file of its own.

Positions across are percentages and positions down are pixels, so that a picture fits any width
and its letters keep their size.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from markupsafe import Markup, escape

Number = int | float | str


def number(value: Number) -> str:
    """At most two decimals, so that the same rows give the same bytes.

    >>> number(1 / 3), number(2.0), number("50%"), number(-0.001)
    ('0.33', '2', '50%', '0')
    """
    if isinstance(value, str):
        return value
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def across(fraction: float) -> str:
    """A position or a width from left to right, 0 to 1."""
    return number(100 * fraction) + "%"


def element(name: str, *children: str, **attributes: Number) -> Markup:
    """One element. Names of attributes: ``class_`` is class, ``_`` is a hyphen.

    Text among the children is escaped unless it is `Markup`.

    >>> element("text", "a < b", x=1.5, class_="label", text_anchor="end")
    Markup('<text x="1.5" class="label" text-anchor="end">a &lt; b</text>')
    """
    told = "".join(
        f' {key.rstrip("_").replace("_", "-")}="{escape(number(value))}"'
        for key, value in attributes.items()
    )
    inner = Markup("").join(children)
    return Markup(f"<{name}{told}/>" if not children else f"<{name}{told}>{inner}</{name}>")


def tip(text: str) -> Markup:
    """What a pointer that rests on the element is told."""
    return element("title", text)


def picture(parts: Iterable[Markup], height: float, label: str, kind: str) -> Markup:
    """An inline picture as wide as its place. ``label`` says what it shows."""
    return element(
        "svg",
        *parts,
        class_=f"plot {kind}",
        width="100%",
        height=height,
        role="img",
        aria_label=label,
    )


_NOTHING = Markup("")
_LETTER = 7.2  # width of a letter of a legend, roughly
HEAD, ENTRY = 34, 22


def standalone(
    inline: Markup,
    width: int,
    style: str,
    title: str = "",
    legend: Sequence[tuple[str, str]] = (),
    shapes: Markup = _NOTHING,
) -> str:
    """A file of its own: a title, the picture, a legend; its own style for light and dark.

    Parameters
    ----------
    legend : sequence of (class, text)
    shapes : Markup
        Definitions that the picture uses.
    """
    label, height = (
        found.group(1) if (found := re.search(f'{name}="([^"]*)"', inline)) else "0"
        for name in ("aria-label", "height")
    )
    rows = _legend(legend, width)
    bottom = HEAD + int(float(height)) + 12
    total = bottom + ENTRY * (1 + rows[-1][1] if rows else 0)
    nested = Markup(
        str(inline)
        .replace("<svg ", f'<svg x="12" y="{HEAD}" ', 1)
        .replace('width="100%"', f'width="{width - 24}"', 1)
    )
    entries = [
        element(
            "g",
            element("rect", x=x, y=bottom + row * ENTRY, width=11, height=11, class_=name),
            element("text", text, x=x + 17, y=bottom + row * ENTRY + 10, class_="tick"),
        )
        for (name, text), (x, row) in zip(legend, rows, strict=True)
    ]
    body = element(
        "svg",
        element("style", Markup(style)),
        shapes,
        element("rect", width="100%", height="100%", class_="back"),
        element("text", title, x=12, y=22, class_="bar-name"),
        nested,
        *entries,
        xmlns="http://www.w3.org/2000/svg",
        class_="plot",
        width=width,
        height=total,
        role="img",
        aria_label=Markup(label),
    )
    return f"{body}\n"


def _legend(legend: Sequence[tuple[str, str]], width: int) -> list[tuple[float, int]]:
    """Where the entries stand: x and row."""
    places: list[tuple[float, int]] = []
    x, row = 12.0, 0
    for _, text in legend:
        wide = 17 + _LETTER * len(text) + 14
        if x + wide > width and x > 12:
            x, row = 12.0, row + 1
        places.append((x, row))
        x += wide
    return places
