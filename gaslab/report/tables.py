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
from pathlib import Path

import click

from gaslab import snapshot
from gaslab.components import GROUPS
from gaslab.errors import GasLabError, InputError
from gaslab.experiment import Experiment
from gaslab.report import document, markdown
from gaslab.report.book import Book, Chapter, bind
from gaslab.report.definitions import COMPONENTS, FIGURES

ROOT = Path(__file__).parents[2]
SNAPSHOT = ROOT / "tests" / "gas" / "gaslab.snap"
REFERENCE = Path("docs/reference/gas.md")  # where links lead

_BEGIN = re.compile(r"<!-- gaslab:([a-z-]+)(?: ([a-z0-9,-]+))? -->")
_END = "<!-- /gaslab -->"


def _headline(book: Book, _: str, base: str) -> str:
    return markdown.headline(book, base)


def _experiment(book: Book, name: str, _: str) -> str:
    return markdown.gas_table(_chapter(book, name))


def _components(book: Book, name: str, _: str) -> str:
    chapter = _chapter(book, name)
    return markdown.components(chapter, chapter.results.focus)


def _verdicts(book: Book, name: str, _: str) -> str:
    return "\n".join(f"- {markdown.escaped(one.sentence)}" for one in _chapter(book, name).verdicts)


def _catalogue(book: Book, _: str, __: str) -> str:
    return "\n\n".join(markdown.section(chapter, "###") for chapter in book.all_chapters)


def _findings(book: Book, _: str, base: str) -> str:
    return markdown.findings(book, "###", base)


def _glossary(_: Book, __: str, ___: str) -> str:
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


def _example(book: Book, _: str, __: str) -> str:
    """One case as the JSON report has it."""
    row = next((row for row in book.rows if row.schedule == book.focus), None)
    told = json.dumps(document.case(row), indent=1) if row else "{}"
    return f"```json\n{told}\n```"


KINDS: Mapping[str, Callable[[Book, str, str], str]] = {
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
    "glossary": _glossary,
    "example": _example,
}
# These take an experiment's id, or the product's flows with commas between.
NAMED = frozenset({"experiment", "components", "verdicts", "flows"})


def _chapter(book: Book, name: str) -> Chapter:
    chapter = next((one for one in book.all_chapters if one.id == name), None)
    if chapter is None:
        raise InputError("gaslab mark", name, "the id of an experiment in the snapshot")
    return chapter


def filled(text: str, book: Book, where: str, base: str = "") -> str:
    """A file's text with every marked place filled.

    Parameters
    ----------
    where : str
        The file, for errors.
    base : str
        What links to the experiments begin with.

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
            found += ["", _made(book, mark, f"{where}:{number}", base), ""]
            open_at = number
    if open_at:
        raise InputError(f"{where}:{open_at}", "a mark without an end", _END)
    return "\n".join(found) + "\n"


def _made(book: Book, mark: re.Match[str], where: str, base: str) -> str:
    kind, name = mark.groups()
    make = KINDS.get(kind)
    if make is None:
        raise InputError(where, kind, f"one of {', '.join(KINDS)}")
    if (kind in NAMED) != bool(name):
        raise InputError(where, name or "no name", "a name" if kind in NAMED else "none")
    try:
        return make(book, name or "", base)
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
    """Files whose marked places are not what the snapshot says, with the text they should have."""
    book = bind(snapshot.read(file).values(), experiments, layouts=False)
    found = {}
    for path in places(root):
        text = path.read_text(encoding="utf-8")
        target = os.path.relpath(root / REFERENCE, path.parent)
        base = "" if path == root / REFERENCE else Path(target).as_posix()
        fresh = filled(text, book, path.relative_to(root).as_posix(), base)
        if fresh != text:
            found[path] = fresh
    return found


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
            path.write_text(text, encoding="utf-8")
        click.echo(f"{path.relative_to(root)}: {'written' if write else 'stale'}")
    if found and not write:
        raise click.ClickException("figures are not those of the snapshot; --write fills them in")


if __name__ == "__main__":
    main()
