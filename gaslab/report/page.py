"""The report as one HTML page: nothing fetched, nothing inline that a strict CSP forbids."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import jinja2
from markupsafe import Markup

from gaslab import words
from gaslab.components import GROUPS
from gaslab.report import definitions, palette
from gaslab.report.book import Book, Chapter
from gaslab.report.curves import shapes
from gaslab.report.figures import (
    Pictures,
    Table,
    agreement_of,
    heat_table,
    pictures_of,
    product_of,
    shared_tables,
    ways_note,
    ways_of,
)
from gaslab.report.highlight import prose, solidity
from gaslab.report.slots import slots
from gaslab.report.slots import words as slot_words

_FOLDER = Path(__file__).parent / "templates"
_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(_FOLDER),
    autoescape=True,
    undefined=jinja2.StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    extensions=["jinja2.ext.do"],
)
_TEMPLATES.filters |= {
    "grouped": words.grouped,
    "short": words.short,
    "listed": words.listed,
    "prose": prose,
    "solidity": solidity,
    "slots": slots,
    "slot_words": slot_words,
    "group_class": palette.group_class,
}
SHOWN = 6  # findings of a kind before the rest is folded away


def page(book: Book) -> str:
    """The page as text; the same rows give the same bytes."""
    style = Markup(stylesheet(book))
    script = Markup((_FOLDER / "script.js").read_text())
    return _TEMPLATES.get_template("page.html").render(
        book=book,
        style=style,
        script=script,
        policy=policy(style, script),
        heat=heat_table(book),
        pages=[_leaf(chapter, book) for chapter in book.chapters],
        macro=[_leaf(chapter, book) for chapter in book.macro],
        product=product_of(book),
        agreement=agreement_of(book),
        groups=GROUPS,
        shapes=shapes(),
        definitions=definitions,
        shown=SHOWN,
        titles={chapter.id: chapter.experiment.title for chapter in book.all_chapters},
    )


@dataclass(frozen=True)
class Leaf:
    """A chapter with its pictures and tables.

    Attributes
    ----------
    source_of : str
        The first chapter of the same source, which shows it.
    """

    chapter: Chapter
    pictures: Sequence[Pictures]
    ways: Mapping[str, Table]
    note: str
    effects: Sequence[tuple[Sequence[str], Table]]
    layer_two: Sequence[tuple[Sequence[str], Table]]
    source_of: str


def _leaf(chapter: Chapter, book: Book) -> Leaf:
    macro = chapter in book.macro
    return Leaf(
        chapter,
        pictures_of(chapter),
        ways_of(chapter) if macro else {},
        ways_note(chapter),
        shared_tables(chapter, definitions.EFFECTS),
        shared_tables(chapter, definitions.LAYER_TWO),
        next(one.id for one in book.all_chapters if one.source == chapter.source),
    )


def stylesheet(book: Book) -> str:
    """The page's style, with the colors and with what the switch of schedules hides."""
    light, dark = palette.variables(False), palette.variables(True)
    switch = "\n".join(
        f"body:has(#at-{note.name}:checked) .on:not(.on-{note.name}){{display:none}}"
        for note in book.schedules
    )
    return "\n".join(
        (
            f":root{{{light}}}",
            f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{dark}}}}}",
            f":root[data-theme=dark]{{{dark}}}",
            palette.rules(),
            (_FOLDER / "plots.css").read_text(),
            (_FOLDER / "style.css").read_text(),
            switch,
        )
    )


def plot_style() -> str:
    """The style of a picture that is a file of its own."""
    return "\n".join(
        (
            f":root{{{palette.variables(False)}}}",
            f"@media (prefers-color-scheme:dark){{:root{{{palette.variables(True)}}}}}",
            (_FOLDER / "alone.css").read_text(),
            palette.rules(),
            (_FOLDER / "plots.css").read_text(),
        )
    )


def policy(style: str, script: str) -> str:
    """Content security policy: this style, this script, and nothing else from anywhere."""
    return (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
