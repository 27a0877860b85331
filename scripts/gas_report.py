"""Measures what techniques and the product's flows cost in gas, and writes the report.

ape run gas_report
python -m scripts.gas_report --only ring-buffer --schedule osaka
"""

import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click
from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

if TYPE_CHECKING:
    from gaslab.report.book import Book
    from gaslab.schedule import Schedule
    from gaslab.snapshot import Row

# ape takes the checkout off the path once a script is loaded; commands import when they run, too.
ROOT: Final = Path(__file__).resolve().parents[1]
sys.path.append(str(ROOT))

OUT: Final = ".build/gas"
SNAPSHOT: Final = ROOT / "tests" / "gas" / "gaslab.snap"
SENTENCES: Final = 3  # of each kind of finding
WIDTH: Final = 100  # of what is printed into a file
CHANGES: Final = 10  # cases that differ from the snapshot, by name


@click.command()
@click.option(
    "--out",
    type=click.Path(file_okay=False, path_type=Path),
    default=OUT,
    show_default=True,
    help="Where the report goes.",
)
@click.option(
    "--schedule",
    "names",
    multiple=True,
    metavar="NAME|FILE",
    help="Measure under this one, repeatable; all four of the lab by default.",
)
@click.option(
    "--only", multiple=True, metavar="ID", help="Measure this experiment, or `product`; repeatable."
)
@click.option(
    "--from-snapshot",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    is_flag=False,
    flag_value=SNAPSHOT,
    help="Measure nothing, report what a snapshot says: the committed one unless named.",
)
@click.option("--workers", type=click.IntRange(1), default=2, show_default=True, help="Processes.")
def cli(
    out: Path,
    names: tuple[str, ...],
    only: tuple[str, ...],
    from_snapshot: Path | None,
    workers: int,
) -> None:
    """Measure what techniques and the product's flows cost in gas, and write the report.

    Exits with 1 if anything costs more than is committed.
    """
    from gaslab.errors import GasLabError

    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = WIDTH
    started = time.monotonic()
    try:
        rows = (
            _read(from_snapshot, names, only)
            if from_snapshot
            else _measure(console, names, only, workers)
        )
        worse = False if from_snapshot else _compare(console, rows)
        index = _write(console, rows, out)
    except (GasLabError, RuntimeError) as error:
        raise click.ClickException(str(error)) from error
    console.print(f"{time.monotonic() - started:.0f} s. The report: [bold]{index}[/]")
    if worse:
        sys.exit(1)


def _schedules(names: Sequence[str]) -> "list[Schedule]":
    from gaslab.schedule import NAMES, load_schedules

    return load_schedules(names or NAMES)


def _read(file: Path, names: Sequence[str], only: Sequence[str]) -> "list[Row]":
    """Rows of a snapshot, of those that are asked for."""
    from gaslab import snapshot
    from gaslab.errors import InputError
    from scripts._gas import chosen

    wanted = set(chosen(only))
    schedules = {schedule.name for schedule in _schedules(names)}
    rows = [
        row
        for row in snapshot.read(file).values()
        if row.experiment in wanted and row.schedule in schedules
    ]
    if not rows:
        raise InputError("--from-snapshot", str(file), "a snapshot with rows of what is asked for")
    return rows


def _measure(
    console: Console, names: Sequence[str], only: Sequence[str], workers: int
) -> "list[Row]":
    from scripts import _gas

    schedules, experiments = _schedules(names), _gas.chosen(only)
    with console.status("compiling what has changed"):
        _gas.prepare(experiments)
    rows: list[Row] = []
    columns = (
        TextColumn("measuring"),
        BarColumn(bar_width=40),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", style="dim"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=_gas.pieces(experiments, schedules), note="")
        for note, found in _gas.measured(experiments, schedules, workers):
            rows += found
            progress.update(task, advance=1, note=note)
        progress.update(task, note="")
    return rows


def _compare(console: Console, rows: "Sequence[Row]") -> bool:
    """Say how the rows differ from the committed ones; whether any is worse."""
    from gaslab import snapshot
    from gaslab.diff import TITLES, cases, compare

    kinds = {(row.experiment, row.schedule) for row in rows}
    committed = {
        key: row
        for key, row in snapshot.read(SNAPSHOT).items()
        if (row.experiment, row.schedule) in kinds
    }
    found = compare(committed, {row.key: row for row in rows})
    if found.is_empty:
        console.print(f"All {found.kept:,} cases are as committed.")
        return False
    for verdict, title in TITLES.items():
        changes = found.of(verdict)
        if changes:
            console.print(f"[bold]{title}[/]: {cases(len(changes))}")
            for change in changes[:CHANGES]:
                before, after = change.before.gas, change.after.gas
                console.print(f"  {change.key}  {before:,} -> {after:,} ({change.gas:+,})")
    for title, some in (("not committed", found.added), ("not measured", found.removed)):
        if some:
            console.print(f"[bold]{title}[/]: {cases(len(some))}")
    console.print("If this is meant: make gas-update")
    return found.is_worse


def _write(console: Console, rows: "Sequence[Row]", out: Path) -> Path:
    """Write the report and print what it says in short; the page."""
    from gaslab import report
    from gaslab.report.book import bind

    with console.status("writing the report"):
        paths = report.write(rows, out)
    book = bind(rows, layouts=False)
    if book.all_chapters:
        console.print(_table(book))
    _say_findings(console, book)
    console.print(
        f"{book.transactions:,} transactions in {len(rows):,} cases; the components of each sum to"
        " its gas exactly."
    )
    return paths[0]


def _table(book: "Book") -> Table:
    """What the cheapest variant that does the same thing saves, at the largest N."""
    from gaslab.report.figures import heat_table

    table = Table(
        title="The cheapest way that does the same thing",
        caption="* another way wins there",
        title_justify="left",
        caption_justify="left",
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
    )
    table.add_column("experiment", no_wrap=True)
    table.add_column("N", justify="right", no_wrap=True)
    table.add_column("winner", no_wrap=True)
    for note in book.schedules:
        table.add_column(
            note.name.removesuffix("-draft"), justify="right", no_wrap=True, min_width=8
        )
    for row in heat_table(book):
        usual = next((cell for cell in row.cells if cell and cell.schedule == book.focus), None)
        cells = [f"{cell.text}{'*' if cell.changed else ' '}" if cell else "" for cell in row.cells]
        table.add_row(row.chapter.id, f"{row.size:,}", usual.winner if usual else "", *cells)
    return table


def _say_findings(console: Console, book: "Book") -> None:
    for finding in book.findings:
        total = len(finding.verdicts)
        shown = finding.verdicts[:SENTENCES]
        more = f" ({len(shown)} of {total})" if total > len(shown) else ""
        console.print(f"\n[bold]{finding.title}[/]{more}")
        for verdict in shown:
            console.print(f"  {verdict.experiment}: {verdict.sentence}", markup=False)
    if book.findings:
        console.print()


if __name__ == "__main__":
    cli()
