"""SVG as text: elements, numbers of fixed precision, one file of its own.

Positions across are percentages and positions down are pixels, so that a picture fits any width
and its letters keep their size.
"""

from __future__ import annotations

from collections.abc import Iterable

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


def standalone(inline: Markup, width: int, style: str) -> str:
    """A file of its own: a name space, a width, its own style for light and dark."""
    head, _, rest = str(inline).partition(">")
    head = head.replace('width="100%"', f'xmlns="http://www.w3.org/2000/svg" width="{width}"')
    return f"{head}><style>{style}</style>{rest}\n"
