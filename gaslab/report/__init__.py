"""The report: JSON, Markdown, one HTML page, pictures, and the tables of the documentation.

::

    svg, palette            pictures as text; colors
    bars, curves            components stacked; gas against N
    layout, slots           storage as solc lays it out; drawn
    definitions             what each component and figure means
    book                    what a report says, before it takes a form
    figures                 pictures and tables of a chapter, by schedule
    highlight, page         Solidity in colors; the HTML, from templates/
    document                JSON (report.schema.json)
    markdown                for GitHub
    tables                  figures in README and docs/, from the committed snapshot
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from markupsafe import Markup

    from gaslab.experiment import Experiment
    from gaslab.report.book import Book, Chapter
    from gaslab.snapshot import Row

WIDTH = 760  # of a picture that is a file of its own


def write(
    rows: Iterable[Row],
    folder: Path,
    *,
    experiments: Mapping[str, Experiment] | None = None,
    title: str = "The gas lab",
    agreement: Path | None = None,
    layouts: bool = True,
) -> list[Path]:
    """Write the report in all its forms.

    Parameters
    ----------
    rows : iterable of Row
        Just measured, or read from a snapshot.
    folder : Path
        Made if it is not there.
    experiments : mapping of str to Experiment, optional
        By id; the catalogue unless given.
    title : str
    agreement : Path, optional
        The crosscheck's file; left out where it does not exist.
    layouts : bool
        Whether slots are drawn, which takes the compiler (cached).

    Returns
    -------
    list of Path
        index.html, report.json, report.md, gaslab.snap and the pictures in svg/.

    Raises
    ------
    InputError
        If rows belong to no experiment.
    """
    from gaslab import snapshot
    from gaslab.report import document, markdown, page
    from gaslab.report.book import bind

    book = bind(rows, experiments, title=title, agreement=agreement, layouts=layouts)
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for name, text in (
        ("index.html", page.page(book)),
        ("report.json", document.text(book)),
        ("report.md", markdown.text(book)),
    ):
        path = folder / name
        path.write_text(text, encoding="utf-8")
        paths.append(path)
    snapshot.write(folder / "gaslab.snap", book.rows)
    return [*paths, folder / "gaslab.snap", *_pictures(book, folder / "svg")]


def _pictures(book: Book, folder: Path) -> list[Path]:
    folder.mkdir(exist_ok=True)
    paths = []
    for plot in plots(book):
        paths.append(folder / f"{plot.name}.svg")
        paths[-1].write_text(plot.text(), encoding="utf-8")
    return paths


@dataclass(frozen=True)
class Plot:
    """A picture that can be a file of its own.

    Attributes
    ----------
    name, title : str
    picture : Markup
    groups : sequence of str
        Groups of components that its legend explains.
    """

    name: str
    title: str
    picture: Markup
    groups: Sequence[str] = ()

    def text(self) -> str:
        """The file."""
        from gaslab.report import page
        from gaslab.report.curves import shapes
        from gaslab.report.palette import group_class
        from gaslab.report.svg import standalone

        legend = [(f"piece {group_class(group)}", group) for group in self.groups]
        return standalone(self.picture, WIDTH, page.plot_style(), self.title, legend, shapes())


def plots(book: Book) -> Iterator[Plot]:
    """The main plots, under the focus."""
    from gaslab.report import figures

    for chapter in book.all_chapters:
        yield from _plots_of(chapter)
    for product in figures.product_of(book):
        if product.schedule == book.focus:
            for name, title, picture in product.panels:
                told = f"{title}: gas under {product.schedule}"
                yield Plot(f"{name}-bars", told, picture, product.groups)


def _plots_of(chapter: Chapter) -> Iterator[Plot]:
    from gaslab.report import figures
    from gaslab.report.slots import slots
    from gaslab.report.slots import words as slot_words

    title, schedule = chapter.experiment.title, chapter.results.focus
    one = next(one for one in figures.pictures_of(chapter) if schedule in one.schedules)
    told = f"{title}: gas at N = {one.size:,} under {schedule}"
    yield Plot(f"{chapter.id}-bars", told, one.bars, one.groups)
    if one.curves:
        yield Plot(f"{chapter.id}-curves", f"{title}: gas against N under {schedule}", one.curves)
    for contract, blocks in chapter.blocks:
        for index, block in enumerate(blocks):
            told = f"{block.title}: {slot_words(block)}"
            yield Plot(f"{chapter.id}-slots-{contract}-{index}", told, slots(block))
