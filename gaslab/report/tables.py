"""Figures in the documentation, from the committed snapshot.

A marked place in a Markdown file

::

    <!-- gaslab:experiment ring-buffer -->
    <!-- /gaslab -->

holds what is generated for it: ``python -m gaslab.report.tables --write`` fills all places of
README.md and docs/, ``--check`` says which are stale. Marks inside a fenced block are text.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from gaslab import snapshot
from gaslab.components import GROUPS
from gaslab.errors import GasLabError, InputError
from gaslab.experiment import Experiment
from gaslab.report import document, markdown, plots
from gaslab.report.book import Book, Chapter, bind
from gaslab.report.definitions import COMPONENTS, FIGURES

ROOT = Path(__file__).parents[2]
SNAPSHOT = ROOT / "tests" / "gas" / "gaslab.snap"
REFERENCE = Path("docs/reference/gas.md")  # where links lead
IMAGES = Path("docs/images/gas")

_BEGIN = re.compile(r"<!-- gaslab:([a-z-]+)(?: ([A-Za-z0-9,-]+))? -->")
_END = "<!-- /gaslab -->"


@dataclass(frozen=True)
class Links:
    """Paths from a file to what it links to.

    Attributes
    ----------
    reference : str
        The catalogue; empty in the catalogue itself.
    images : str
    """

    reference: str = ""
    images: str = IMAGES.as_posix()


NONE = Links()


def _headline(book: Book, names: str, links: Links) -> str:
    return markdown.headline(book, links.reference, names.split(",") if names else ())


def _picture(book: Book, name: str, links: Links) -> str:
    title, _ = _drawn(book, name)
    return f"![{markdown.escaped(title)}]({links.images}/{name}.svg)"


def _drawn(book: Book, name: str) -> tuple[str, str]:
    """Title and text of a picture of its own."""
    names = []
    for plot in plots(book):
        if plot.name == name:
            return plot.title, plot.text()
        names.append(plot.name)
    raise InputError("gaslab mark", name, f"one of {', '.join(names)}")


def _experiment(book: Book, name: str, _: Links) -> str:
    return markdown.gas_table(_chapter(book, name))


def _components(book: Book, name: str, _: Links) -> str:
    chapter = _chapter(book, name)
    return markdown.components(chapter, chapter.results.focus)


def _verdicts(book: Book, name: str, _: Links) -> str:
    return "\n".join(f"- {markdown.escaped(one.sentence)}" for one in _chapter(book, name).verdicts)


def _catalogue(book: Book, _: str, __: Links) -> str:
    return "\n\n".join(markdown.section(chapter, "###") for chapter in book.all_chapters)


def _findings(book: Book, _: str, links: Links) -> str:
    return markdown.findings(book, "###", links.reference)


def _glossary(_: Book, __: str, ___: Links) -> str:
    rows = [
        [f"`{part}`", group, COMPONENTS[part]] for group, parts in GROUPS.items() for part in parts
    ]
    figures = [[f"`{name}`", *told] for name, told in FIGURES.items()]
    return "\n\n".join(
        (
            markdown.grid(["component", "drawn as", "gas of"], rows, left=3),
            markdown.grid(["figure", "called", "means"], figures, left=3),
        )
    )


def _example(book: Book, _: str, __: Links) -> str:
    """One case as the JSON report has it."""
    row = next((row for row in book.rows if row.schedule == book.focus), None)
    told = json.dumps(document.case(row), indent=1) if row else "{}"
    return f"```json\n{told}\n```"


KINDS: Mapping[str, Callable[[Book, str, Links], str]] = {
    "headline": _headline,
    "summary": lambda book, _, __: markdown.summary(book),
    "findings": _findings,
    "catalogue": _catalogue,
    "experiment": _experiment,
    "components": _components,
    "verdicts": _verdicts,
    "macro": lambda book, _, __: markdown.macro(book),
    "product": lambda book, _, __: markdown.product(book),
    "flows": lambda book, names, _: markdown.product(book, names.split(",")),
    "product-components": lambda book, _, __: markdown.product_components(book),
    "agreement": lambda book, _, __: markdown.agreement(book),
    "picture": _picture,
    "glossary": _glossary,
    "example": _example,
}
# What stands behind the kind: an experiment's id, the product's flows with commas between, the name
# of a picture.
NAMED = frozenset({"experiment", "components", "verdicts", "flows", "picture"})
MAYBE = frozenset({"headline"})  # experiments with commas between, or all


def _chapter(book: Book, name: str) -> Chapter:
    chapter = next((one for one in book.all_chapters if one.id == name), None)
    if chapter is None:
        raise InputError("gaslab mark", name, "the id of an experiment in the snapshot")
    return chapter


def filled(text: str, book: Book, where: str, links: Links = NONE) -> str:
    """A file's text with every marked place filled.

    Parameters
    ----------
    where : str
        The file, for errors.
    links : Links
        Where its links lead.

    Raises
    ------
    InputError
        With file and line: an unknown kind, a name too many or missing, a mark without an end.
    """
    found: list[str] = []
    fenced = False
    open_at = 0
    for number, line in enumerate(text.splitlines(), 1):
        mark = _BEGIN.fullmatch(line.strip())
        if line.lstrip().startswith("```"):
            fenced = not fenced
        if open_at:
            if line.strip() == _END:
                found.append(line)
                open_at = 0
            elif mark:
                raise InputError(f"{where}:{open_at}", "a mark without an end", _END)
            continue
        found.append(line)
        if mark and not fenced:
            found += ["", _made(book, mark, f"{where}:{number}", links), ""]
            open_at = number
    if open_at:
        raise InputError(f"{where}:{open_at}", "a mark without an end", _END)
    return "\n".join(found) + "\n"


def _made(book: Book, mark: re.Match[str], where: str, links: Links) -> str:
    kind, name = mark.groups()
    make = KINDS.get(kind)
    if make is None:
        raise InputError(where, kind, f"one of {', '.join(KINDS)}")
    if kind not in MAYBE and (kind in NAMED) != bool(name):
        raise InputError(where, name or "no name", "a name" if kind in NAMED else "none")
    try:
        return make(book, name or "", links)
    except InputError as error:
        raise InputError(where, error.found, error.allowed) from error


def places(root: Path) -> Iterator[Path]:
    """Markdown files of a project that hold a mark."""
    for path in (root / "README.md", *sorted((root / "docs").rglob("*.md"))):
        if path.is_file() and "<!-- gaslab:" in path.read_text(encoding="utf-8"):
            yield path


def stale(
    root: Path = ROOT,
    file: Path = SNAPSHOT,
    experiments: Mapping[str, Experiment] | None = None,
) -> dict[Path, str]:
    """Files that are not what the snapshot says, with the text they should have: those with marked
    places, and the pictures that these show.
    """
    book = bind(snapshot.read(file).values(), experiments, layouts=False)
    found = {}
    for path in places(root):
        text = path.read_text(encoding="utf-8")
        reference, images = (
            Path(os.path.relpath(root / one, path.parent)).as_posix() for one in (REFERENCE, IMAGES)
        )
        links = Links("" if path == root / REFERENCE else reference, images)
        fresh = filled(text, book, path.relative_to(root).as_posix(), links)
        if fresh != text:
            found[path] = fresh
        for name in _shown(fresh):
            picture, drawn = root / IMAGES / f"{name}.svg", _drawn(book, name)[1]
            if not picture.is_file() or picture.read_text(encoding="utf-8") != drawn:
                found[picture] = drawn
    return found


def _shown(text: str) -> list[str]:
    marks = [_BEGIN.fullmatch(line.strip()) for line in text.splitlines()]
    return [mark.group(2) for mark in marks if mark and mark.group(1) == "picture"]


@click.command()
@click.option("--write/--check", default=False, help="Fill the marked places, or compare them.")
@click.option(
    "--snapshot",
    "file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    default=SNAPSHOT,
    help="Figures to take.",
)
@click.option(
    "--root",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=ROOT,
    help="Project with README.md and docs/.",
)
def main(write: bool, file: Path, root: Path) -> None:
    """Figures in README.md and docs/, from the committed snapshot."""
    try:
        found = stale(root, file)
    except GasLabError as error:
        raise click.ClickException(str(error)) from error
    for path, text in found.items():
        if write:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        click.echo(f"{path.relative_to(root)}: {'written' if write else 'stale'}")
    if found and not write:
        raise click.ClickException("figures are not those of the snapshot; --write fills them in")


if __name__ == "__main__":
    main()
