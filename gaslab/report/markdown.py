"""The report in Markdown, as GitHub shows it. Also the tables that documentation takes from it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from gaslab.errors import InputError
from gaslab.report.book import Book, Chapter
from gaslab.report.figures import (
    against,
    agreement_of,
    heat_table,
    pictures_of,
    product_of,
    ways_note,
    ways_of,
)
from gaslab.words import each, grouped


def text(book: Book) -> str:
    """The whole report; the same rows give the same bytes."""
    parts = [f"# {book.title}", summary(book)]
    if book.all_chapters:
        parts += ["## Techniques and schedules", _LEGEND, headline(book)]
    parts += ["## Findings", findings(book, "###")] if book.findings else []
    if book.flows:
        parts += ["## Flows of the product", product(book)]
    if book.agreement:
        parts += ["## Agreement of engines", agreement(book)]
    parts += ["## Experiments"] if book.all_chapters else []
    parts += [section(chapter, "###") for chapter in book.all_chapters]
    return "\n\n".join(parts) + "\n"


_LEGEND = (
    "Gas of the cheapest variant that does the same thing, against the baseline, at the largest N. "
    "**Bold** where another variant wins than usual; *floor* where the calldata floor takes half "
    "of the saving or more; † where the variant is not the same thing."
)


def summary(book: Book) -> str:
    """How much there is, in a sentence."""
    names = ", ".join(
        f"{note.name} (draft)" if note.draft else note.name for note in book.schedules
    )
    return (
        f"{len(book.all_chapters)} experiments, {grouped(len(book.rows))} cases, "
        f"{grouped(book.transactions)} transactions under {names}. In each the components sum to "
        "the gas."
    )


def findings(book: Book, level: str, base: str = "") -> str:
    """What stands out, kind by kind."""
    parts = []
    for finding in book.findings:
        lines = [
            f"- [{one.experiment}]({base}#{one.experiment}): {escaped(one.sentence)}"
            for one in finding.verdicts
        ]
        parts += [f"{level} {finding.title}", finding.meaning, "\n".join(lines)]
    return "\n\n".join(parts)


def grid(heads: Sequence[str], rows: Iterable[Sequence[str]], left: int = 1) -> str:
    """A table; the first ``left`` columns are words, the others numbers."""
    marks = ["---"] * left + ["---:"] * (len(heads) - left)
    lines = [heads, marks, *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def escaped(words: str) -> str:
    """Text that Markdown would read as something else."""
    for mark in "\\|*_<>`[]":
        words = words.replace(mark, "\\" + mark)
    return words


def headline(book: Book, base: str = "", names: Sequence[str] = ()) -> str:
    """One line per experiment: baseline, best, saving under each schedule.

    Parameters
    ----------
    base : str
        What links to the experiments' sections begin with.
    names : sequence of str
        Of these experiments alone and in this order, if any are named.

    Raises
    ------
    InputError
        A name that no experiment has.
    """
    found = {row.chapter.id: row for row in heat_table(book)}
    for name in names:
        if name not in found:
            raise InputError("experiment", name, f"one of {', '.join(sorted(found))}")
    heads = ["experiment", "N", "baseline", "best", *(note.name for note in book.schedules)]
    rows = []
    for row in (found[name] for name in names or found):
        chapter, focus = row.chapter, row.chapter.results.focus
        best = next((cell.winner for cell in row.cells if cell and cell.schedule == focus), "–")
        cells = []
        for cell in row.cells:
            told = cell.text + (" †" if cell.unlike else "") if cell else "–"
            if cell and cell.changed:
                told = f"**{told}** {cell.winner}"
            cells.append(told + (" *floor*" if cell and cell.masked else ""))
        rows.append(
            [
                f"[{escaped(chapter.experiment.title)}]({base}#{chapter.id})",
                grouped(row.size),
                chapter.experiment.baseline.name,
                best,
                *cells,
            ]
        )
    return grid(heads, rows)


def section(chapter: Chapter, level: str) -> str:
    """One experiment: words, verdicts, gas of its variants under each schedule."""
    experiment = chapter.experiment
    parts = [
        f'{level} <a id="{experiment.id}"></a>{escaped(experiment.title)}',
        f"*{escaped(', '.join(experiment.techniques))}.* {escaped(experiment.question)}",
        "\n".join(f"- {escaped(one.sentence)}" for one in chapter.verdicts),
        gas_table(chapter),
        "\n".join(
            (
                f"- Claim: {escaped(experiment.claim)}",
                f"- Rule: {escaped(experiment.rule)}",
                f"- Pays: {escaped(experiment.pays)}",
                f"- Does not pay: {escaped(experiment.does_not_pay)}",
                f"- Cost to the reader: {escaped(experiment.readability)}",
            )
        ),
        f"Source: `{experiment.source.name}`",
    ]
    return "\n\n".join(part for part in parts if part)


def gas_table(chapter: Chapter) -> str:
    """Gas of every variant at every size, under each schedule, with the change."""
    results, base = chapter.results, chapter.experiment.baseline.name
    heads = ["variant", "N", *results.schedules]
    rows = []
    sizes = sorted({row.size for row in results.rows})
    for size in sizes:
        for variant in chapter.experiment.variants:
            cells = []
            for schedule in results.schedules:
                row = results.at(variant.name, size, schedule)
                first = results.at(base, size, schedule)
                told = grouped(row.gas) if row else "–"
                if row and row["items"]:
                    told += f" for {grouped(row['items'])}"
                if row and first and row is not first:
                    told += f" ({against(row, first)})"
                cells.append(told)
            name = variant.name + (" †" if variant.differs else "")
            rows.append([name, grouped(size), *cells])
    table = grid(heads, rows)
    if any(variant.differs for variant in chapter.experiment.variants):
        table += "\n\n† not the same thing; see above"
    return table


def components(chapter: Chapter, schedule: str) -> str:
    """Exact gas by group of components."""
    found = next(one for one in pictures_of(chapter) if schedule in one.schedules)
    return grid(found.gas.heads, found.gas.rows)


def macro(book: Book) -> str:
    """Gas per item of every way, under the focus."""
    parts = []
    for chapter in book.macro:
        found = ways_of(chapter).get(book.focus)
        if found:
            parts.append(grid([f"gas per {chapter.experiment.unit}", *found.heads[1:]], found.rows))
            parts.append(escaped(ways_note(chapter)))
    return "\n\n".join(part for part in parts if part)


def product(book: Book, names: Sequence[str] = ()) -> str:
    """Gas of every flow under each schedule; of these alone and in this order, if any are named.

    Raises
    ------
    InputError
        A name that no flow has.
    """
    known = {flow.name for flow in book.flows}
    for name in names:
        if name not in known:
            raise InputError("flow", name, f"one of {', '.join(sorted(known))}")
    flows = [flow for name in names for flow in book.flows if flow.name == name] or book.flows
    heads = ["flow", *(note.name for note in book.schedules), "each"]
    rows = []
    for flow in flows:
        focus = flow.rows.get(book.focus)
        rows.append(
            [
                escaped(flow.title),
                *(
                    grouped(flow.rows[note.name].gas) if note.name in flow.rows else "–"
                    for note in book.schedules
                ),
                each(focus.gas, flow.size) if focus and flow.size > 1 else "",
            ]
        )
    return grid(heads, rows)


def product_components(book: Book) -> str:
    """Flows by group of components, under the focus."""
    found = next((one for one in product_of(book) if one.schedule == book.focus), None)
    return grid(found.table.heads, found.table.rows) if found else ""


def agreement(book: Book) -> str:
    """What other engines said of the lab's transactions."""
    found = agreement_of(book)
    return grid(found.heads, found.rows, left=2) if found else "Not compared yet."
