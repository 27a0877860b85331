"""The command line: ``python -m gaslab``.

Commands import what they need when they run, so that each starts quickly.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence, Set
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gaslab.errors import GasLabError, InputError

if TYPE_CHECKING:
    from gaslab.experiment import Experiment
    from gaslab.schedule import Schedule

SNAPSHOT = Path(__file__).resolve().parents[1] / "tests" / "gas" / "gaslab.snap"
REPORT = Path(".build") / "gas"


class _Group(click.Group):
    """Says what the lab refuses in one line, without a traceback."""

    def invoke(self, context: click.Context) -> Any:
        try:
            return super().invoke(context)
        except GasLabError as error:
            raise click.ClickException(f"{_kind(error)}: {error}") from error
        except OSError as error:  # a path of the user's that cannot be read or written
            raise click.ClickException(f"file: {error.filename}: {error.strerror}") from error


def _kind(error: GasLabError) -> str:
    """``OverTheCap`` as ``over the cap``."""
    name = type(error).__name__.removesuffix("Error") if type(error) is not GasLabError else "error"
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()


@click.group(cls=_Group)
def main() -> None:
    """What storage and memory techniques cost and save in gas, exactly."""


# --- measuring ------------------------------------------------------------------------------------

_schedule = click.option(
    "--schedule",
    "schedules",
    multiple=True,
    metavar="NAME|FILE",
    help="A gas schedule's name, or a TOML file of your own; may be repeated. See `schedules`.",
)
_sizes = click.option("--sizes", default="", metavar="N,N,...", help="Numbers of items, ascending.")


@main.command(name="list")
@click.option("--technique", default="", help="Only those of a technique, or a part of its name.")
def list_(technique: str) -> None:
    """List the experiments of the catalogue."""
    from gaslab.catalogue import EXPERIMENTS
    from gaslab.terminal import aligned

    rows = [
        [one.id, ", ".join(variant.name for variant in one.variants), one.question]
        for one in EXPERIMENTS.values()
        if any(technique.lower() in name for name in one.techniques) or not technique
    ]
    if not rows:
        names = sorted({str(name) for one in EXPERIMENTS.values() for name in one.techniques})
        raise InputError("--technique", technique, f"a part of one of: {', '.join(names)}")
    click.echo("\n".join(aligned([["experiment", "variants", "question"], *rows], 3)))


@main.command()
@click.argument("target")
@_schedule
@_sizes
@click.option("--json", "as_json", is_flag=True, help="Figures and verdicts as JSON.")
@click.option("--out", type=click.Path(path_type=Path), help="Write the HTML report there too.")
@click.option("--prices", type=click.Path(path_type=Path), help="Fees too, at a file's prices.")
@click.option("--profile", type=click.Path(path_type=Path), help="Write a speedscope profile too.")
def run(
    target: str,
    schedules: tuple[str, ...],
    sizes: str,
    as_json: bool,
    out: Path | None,
    prices: Path | None,
    profile: Path | None,
) -> None:
    """Measure TARGET: an experiment's id, or the TOML file of a pair of your own."""
    from gaslab import terminal
    from gaslab.rollups import load_prices
    from gaslab.run import run_experiment

    experiment, chosen = _target(target, schedules)
    numbers = _numbers(sizes)
    stated = load_prices(prices) if prices else None
    cases = [
        case for schedule in chosen for case in run_experiment(experiment, schedule, sizes=numbers)
    ]
    results = terminal.results_of(experiment, cases)
    if as_json:
        click.echo(_document(experiment, results.rows), nl=False)
    else:
        click.echo(terminal.as_text(results, cases, stated), nl=False)
    if out:
        from gaslab import report

        report.write(results.rows, out, experiments={experiment.id: experiment})
        click.echo(f"report: {out / 'index.html'}", err=True)
    if profile:
        leading = next(one for one in chosen if one.name == results.focus)
        _write_profile(experiment, leading, results.largest(results.focus), profile)


def _target(target: str, names: Sequence[str]) -> tuple[Experiment, list[Schedule]]:
    from gaslab.schedule import NAMES, load_schedules

    if target.endswith(".toml") or Path(target).is_file():
        from gaslab.pair import load_pair

        pair = load_pair(Path(target))
        chosen = load_schedules(names or pair.schedules)
        _know(pair.experiment, {*NAMES, *(one.name for one in chosen)}, Path(target).name)
        return pair.experiment, chosen
    from gaslab.catalogue import EXPERIMENTS

    if target not in EXPERIMENTS:
        near = get_close_matches(target, EXPERIMENTS, 3) or list(EXPERIMENTS)[:3]
        allowed = f"a pair's TOML file or an experiment, as {', '.join(near)}; see `list`"
        raise InputError("target", target, allowed)
    return EXPERIMENTS[target], load_schedules(*([names] if names else []))


def _know(experiment: Experiment, schedules: Set[str], file: str) -> None:
    """See that variants are restricted to schedules that there are."""
    for variant in experiment.variants:
        for name in variant.schedules:
            if name not in schedules:
                where = f"{file}: variants.{variant.name}.schedules"
                raise InputError(where, name, f"names of {', '.join(sorted(schedules))}")


def _numbers(text: str) -> tuple[int, ...]:
    if not text:
        return ()
    try:
        found = tuple(int(one) for one in text.split(","))
    except ValueError:
        found = ()
    if not found or list(found) != sorted(set(found)) or found[0] < 1:
        raise InputError("--sizes", text, "ascending numbers above 0, as 1,8,64")
    return found


def _document(experiment: Experiment, rows: Sequence[Any]) -> str:
    from gaslab.report import book, document

    bound = book.bind(
        rows, {experiment.id: experiment}, title=experiment.title, layouts=bool(experiment.layout)
    )
    return document.text(bound)


# --- profiles -------------------------------------------------------------------------------------


@main.command()
@click.argument("target")
@_schedule
@click.option("--size", type=click.IntRange(min=1), help="N; the largest unless told.")
@click.option("--variant", default="", help="One variant only.")
@click.option(
    "--lines",
    "count",
    type=click.IntRange(min=1),
    default=15,
    show_default=True,
    help="Lines that are shown.",
)
@click.option("--legacy", is_flag=True, help="Compile without IR: other code, but exact lines.")
@click.option("--speedscope", type=click.Path(path_type=Path), help="Write for speedscope.app.")
@click.option("--collapsed", type=click.Path(path_type=Path), help="Write for flamegraph.pl.")
def profile(
    target: str,
    schedules: tuple[str, ...],
    size: int | None,
    variant: str,
    count: int,
    legacy: bool,
    speedscope: Path | None,
    collapsed: Path | None,
) -> None:
    """Show where TARGET's gas goes: by function and by source line."""
    from gaslab import profile as profiles

    experiment, chosen = _target(target, schedules)
    names = [one.name for one in experiment.variants]
    if variant and variant not in names:
        raise InputError("--variant", variant, f"one of {', '.join(names)}")
    found = profiles.profile_variants(
        experiment,
        chosen[0],
        size or experiment.sizes[-1],
        [variant] if variant else names,
        legacy=legacy,
    )
    for one in found:
        click.echo(profiles.as_text(one, count))
    if speedscope:
        speedscope.write_text(json.dumps(profiles.as_speedscope(found)) + "\n")
    if collapsed:
        collapsed.write_text("".join(profiles.as_collapsed(one) for one in found))


def _write_profile(experiment: Experiment, schedule: Schedule, size: int, path: Path) -> None:
    from gaslab import profile as profiles

    names = [one.name for one in experiment.variants]
    found = profiles.profile_variants(experiment, schedule, size, names)
    path.write_text(json.dumps(profiles.as_speedscope(found)) + "\n")
    click.echo(f"profile: {path}, for speedscope.app", err=True)


# --- the whole lab --------------------------------------------------------------------------------


@main.command()
@click.option("--out", type=click.Path(path_type=Path), default=REPORT, show_default=True)
@click.option(
    "--snapshot",
    type=click.Path(path_type=Path),
    default=SNAPSHOT,
    help="Rows to report; those that the repository holds unless told.",
)
@click.option("--fresh", is_flag=True, help="Measure the catalogue first, and report that.")
@_schedule
def report(out: Path, snapshot: Path, fresh: bool, schedules: tuple[str, ...]) -> None:
    """Write the report: HTML, JSON, Markdown, pictures."""
    from gaslab import report as forms
    from gaslab import snapshot as rows_of

    if fresh:
        rows = _measured(schedules)
    else:
        rows = [
            row
            for row in rows_of.read(snapshot).values()
            if row.schedule in schedules or not schedules
        ]
    if not rows:
        raise InputError("--snapshot", str(snapshot), "a file with rows, or --fresh")
    forms.write(rows, out)
    click.echo(f"{len(rows)} rows: {out / 'index.html'}")


def _measured(schedules: Sequence[str]) -> list[Any]:
    from gaslab.catalogue import EXPERIMENTS
    from gaslab.run import run_catalogue
    from gaslab.schedule import load_schedules
    from gaslab.snapshot import row_of
    from gaslab.solc import compile_many

    compile_many(
        (experiment.source_of(variant), experiment.settings_of(variant))
        for experiment in EXPERIMENTS.values()
        for variant in experiment.variants
    )
    chosen = load_schedules(*([schedules] if schedules else []))
    rows = []
    for cases in run_catalogue(EXPERIMENTS, chosen):
        rows += [row_of(case) for case in cases]
        if cases:
            click.echo(f"{cases[0].experiment} under {cases[0].schedule}", err=True)
    return rows


@main.command()
@click.argument("before", type=click.Path(path_type=Path))
@click.argument("after", type=click.Path(path_type=Path))
@click.option("--markdown", is_flag=True, help="As for a pull request.")
@click.option("--fail-on-worse", is_flag=True, help="Exit with 1 if a case got worse.")
def diff(before: Path, after: Path, markdown: bool, fail_on_worse: bool) -> None:
    """Compare two snapshots: what was added, removed, got worse or better, and where."""
    from gaslab import diff as differences
    from gaslab import snapshot

    for name, path in (("BEFORE", before), ("AFTER", after)):
        if not path.is_file():
            raise InputError(name, str(path), "a snapshot's file")
    found = differences.compare(snapshot.read(before), snapshot.read(after))
    show = differences.as_markdown if markdown else differences.as_text
    click.echo(show(found).rstrip("\n"))
    if fail_on_worse and found.is_worse:
        sys.exit(1)


@main.command(context_settings={"ignore_unknown_options": True, "help_option_names": []})
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def crosscheck(arguments: tuple[str, ...]) -> None:
    """Confirm the lab's figures by other engines; see `crosscheck --help`."""
    from gaslab.crosscheck.__main__ import main as command

    command.main(args=list(arguments), prog_name="python -m gaslab crosscheck")


# --- schedules ------------------------------------------------------------------------------------


@main.group()
def schedules() -> None:
    """Gas schedules: the lab's own, and what they say."""


@schedules.command(name="list")
def schedules_list() -> None:
    """List the lab's own schedules."""
    from gaslab.schedule import load_schedules
    from gaslab.terminal import aligned
    from gaslab.words import grouped

    rows = [["schedule", "title", "gas of a transaction", "of a block"]]
    rows += [
        [
            one.name,
            one.title + (" (draft)" if one.draft else ""),
            grouped(one.transaction_gas_cap) if one.transaction_gas_cap else "as a block",
            grouped(one.block_gas_limit),
        ]
        for one in load_schedules()
    ]
    click.echo("\n".join(aligned(rows, 2)))


@schedules.command(name="show")
@click.argument("name", metavar="NAME|FILE")
@click.option("--against", default="", metavar="NAME|FILE", help="Only what differs from another.")
def schedules_show(name: str, against: str) -> None:
    """Show every constant of a schedule."""
    from gaslab.schedule import load_schedule
    from gaslab.terminal import aligned
    from gaslab.words import grouped

    shown = load_schedule(name)
    other = load_schedule(against) if against else None
    rows = [["constant", shown.name, *([other.name] if other else [])]]
    keys = sorted({*shown.constants, *(other.constants if other else ())})
    for key in keys:
        found = [one.constants.get(key) for one in (shown, other) if one]
        if other is None or found[0] != found[1]:
            rows.append([key, *("-" if gas is None else grouped(gas) for gas in found)])
    click.echo("\n".join(aligned(rows)))
