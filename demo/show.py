"""What is seen of a run: a progress bar on a terminal, plain lines elsewhere, the last table."""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from demo.charts import dollars
from demo.results import Results


class Bar(Protocol):
    """Tells how far a task is."""

    def __call__(self, done: int, note: str = "") -> None: ...


class Show:
    """Speaks to whoever started the run."""

    def __init__(self, console: Console | None = None):
        self.console = console or Console(highlight=False)
        self._start = time.monotonic()

    @property
    def seconds(self) -> int:
        """Since the start, of the wall clock."""
        return int(time.monotonic() - self._start)

    def say(self, text: str) -> None:
        """One line, with the time since the start."""
        self.console.print(f"[dim]{self.seconds:4d} s[/]  {text}")

    @contextmanager
    def task(self, title: str, total: int) -> Iterator[Bar]:
        """A bar while the block runs; without a terminal a line per quarter."""
        if self.console.is_terminal:
            with self._bar(title, total) as bar:
                yield bar
        else:
            yield self._lines(title, total)

    @contextmanager
    def _bar(self, title: str, total: int) -> Iterator[Bar]:
        columns = (
            TextColumn(f"{self.seconds:4d} s  {title}"),
            BarColumn(bar_width=40),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("{task.fields[note]}", style="dim"),
        )
        with Progress(*columns, console=self.console) as progress:
            task = progress.add_task(title, total=total, note="")

            def update(done: int, note: str = "") -> None:
                progress.update(task, completed=done, note=note)

            yield update

    def _lines(self, title: str, total: int) -> Bar:
        self.say(f"{title} ({total:,})")
        said = 0

        def update(done: int, note: str = "") -> None:
            nonlocal said
            quarter = 4 * done // total if total else 4
            if quarter > said:
                said = quarter
                self.say(f"  {25 * quarter:3d} %  {note}")

        return update

    # --- the end ----------------------------------------------------------------------------------

    def table(self, results: Results) -> None:
        """The closing table."""
        console = self.console
        console.print()
        console.print(_two_columns("What was done", results))
        console.print(_money(results))
        console.print(_gas(results))
        console.print(_laws(results))

    def verdict(self, results: Results, report: str) -> None:
        """The last lines."""
        if results.sound:
            self.console.print(
                f"[bold green]Every atom is accounted for[/], S1-S8 hold. Report: {report}"
            )
        else:
            self.console.print(f"[bold red]Something is off.[/] Report: {report}")


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", show_edge=False)
    for number, name in enumerate(columns):
        table.add_column(name, justify="left" if number == 0 else "right")
    return table


def _two_columns(title: str, results: Results) -> Table:
    table = _table(title, "", "")
    table.show_header = False
    for label, number in (*results.counts, *results.facts):
        table.add_row(label, f"{number:,}")
    for name, batch in (("first", results.batches[0]), ("last", results.batches[-1])):
        table.add_row(f"root of the {name} batch", "0x" + batch.root.hex())
    return table


def _money(results: Results) -> Table:
    table = _table("What went in and out, dollars", "", "")
    table.show_header = False
    table.add_row("deposited", dollars(results.deposited, 6))
    table.add_row("claimed with proofs", dollars(results.claimed, 6))
    table.add_row("in the Vault", dollars(results.vault, 6))
    table.add_row("unaccounted, atoms", f"{results.unaccounted:,}")
    return table


def _gas(results: Results) -> Table:
    table = _table("Gas", "transaction", "count", "gas, each")
    for what, count, gas in results.gas:
        table.add_row(what, f"{count:,}", f"{gas // count:,}")
    commits = sum(batch.gas for batch in results.batches if batch.fills)
    if results.fills:
        table.add_row("[bold]per fill[/]", f"{results.fills:,}", f"{commits // results.fills:,}")
    return table


def _laws(results: Results) -> Table:
    table = Table(
        title="What must always hold, checked against the chain",
        title_justify="left",
        title_style="bold",
        show_edge=False,
        show_header=False,
    )
    for law in results.invariants:
        sign = "[green]holds[/]" if law.holds else "[bold red]BROKEN[/]"
        table.add_row(law.name, sign, law.law, law.found)
    return table


def default_console() -> Console:
    """Wide enough for roots where nobody says how wide the output is."""
    if sys.stdout.isatty():
        return Console(highlight=False)
    return Console(highlight=False, width=140)
