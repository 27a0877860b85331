"""``python -m gaslab.crosscheck``: compare the lab with other engines."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click

from gaslab.catalogue import EXPERIMENTS
from gaslab.crosscheck import agreement, replay, vectors
from gaslab.crosscheck.agreement import Agreement
from gaslab.crosscheck.compare import Ours, mismatches, ours
from gaslab.crosscheck.engine import ENGINES, Engine, started
from gaslab.crosscheck.generator import CANNOT, scenario
from gaslab.crosscheck.install import install as install_engines
from gaslab.crosscheck.lab import Lab
from gaslab.crosscheck.mutation import survivors
from gaslab.crosscheck.scenario import Scenario
from gaslab.errors import GasLabError
from gaslab.schedule import NAMES, load_schedule

SHOWN = 20  # mismatches in full


@click.group()
def main() -> None:
    """Compare the lab's gas with engines that others wrote."""


@main.command()
def install() -> None:
    """Install the engines that are not there yet."""
    install_engines()


_engines = click.option(
    "--engine", "engines", multiple=True, type=click.Choice(tuple(ENGINES)), help="Repeatable."
)
_schedules = click.option(
    "--schedule", "schedules", multiple=True, type=click.Choice(NAMES), help="Repeatable."
)


@main.command()
@_engines
@_schedules
@click.option("--seeds", default=vectors.SCENARIOS, show_default=True, help="Random scenarios.")
@click.option("--only", multiple=True, metavar="ID", help="These experiments; repeatable.")
@click.option("--scenarios", type=click.Path(exists=True, path_type=Path), help="The product's.")
@click.option("--source", "sources", multiple=True, type=click.Choice(agreement.SOURCES))
@click.option("--write", is_flag=True, help="Write the table of agreement anew.")
def check(
    engines: tuple[str, ...],
    schedules: tuple[str, ...],
    seeds: int,
    only: tuple[str, ...],
    scenarios: Path | None,
    sources: tuple[str, ...],
    write: bool,
) -> None:
    """Run everything on every engine that knows its schedule; fails on any disagreement."""
    stories = Stories(seeds, only, scenarios, sources or agreement.SOURCES)
    found = []
    with started(engines or tuple(ENGINES)) as running:
        for name in schedules or NAMES:
            knowing = [engine for engine in running if name in engine.forks]
            found += compared(name, knowing, stories)
    click.echo(agreement.markdown(found))
    if write:
        agreement.write([*found, *agreement.others(found)])
    wrong = sum(one.disagreeing for one in found)
    if wrong:
        raise click.ClickException(f"{wrong} transactions or slots disagree")


@main.command()
@_schedules
def update(schedules: tuple[str, ...]) -> None:
    """Write the vectors anew: what engines say of random scenarios."""
    for fork in schedules or NAMES:
        with started((vectors.ENGINE[fork],)) as (engine,):
            stories = ((seed, vectors.story_of(fork, seed)) for seed in range(vectors.SCENARIOS))
            found = [vectors.vector(seed, one, engine.answer(one)) for seed, one in stories]
            vectors.write(fork, engine.name, engine.version, found)
            click.echo(f"{fork}: {len(found)} scenarios by {engine.name} {engine.version}")


@main.command()
@_schedules
def mutate(schedules: tuple[str, ...]) -> None:
    """Change each constant in turn; fails if the vectors miss one. Takes minutes."""
    missed = [f"{fork}: {one}" for fork in schedules or NAMES for one in survivors(fork)]
    if missed:
        raise click.ClickException("no vector notices " + ", ".join(missed))


class Stories:
    """Where scenarios come from.

    Parameters
    ----------
    seeds : int
        How many random ones.
    only : tuple of str
        Experiments; empty for all.
    file : Path or None
        The product's flows, as others wrote them.
    sources : tuple of str
        Which to take from (`agreement.SOURCES`).
    """

    def __init__(
        self, seeds: int, only: tuple[str, ...], file: Path | None, sources: tuple[str, ...]
    ):
        self._seeds = seeds if "random" in sources else 0
        self._sources = sources
        self._chosen = [EXPERIMENTS[one] for one in only] if only else list(EXPERIMENTS.values())
        self._file = file

    def shared(self, fork: str) -> Iterator[tuple[str, Scenario]]:
        """Of which every engine gets the same."""
        if "catalogue" in self._sources:
            for story in replay.catalogue(self._chosen, load_schedule(fork)):
                yield "catalogue", story
        if self._file is not None and "product" in self._sources:
            for story in replay.from_file(self._file, fork):
                yield "product", story

    def random(self, fork: str, engine: str) -> Iterator[Scenario]:
        """Without what this engine cannot be asked."""
        return (scenario(fork, seed, CANNOT[engine]) for seed in range(self._seeds))


def compared(fork: str, engines: list[Engine], stories: Stories) -> list[Agreement]:
    """The lab against each engine under one schedule; mismatches are told as they are found."""
    lab = Lab(load_schedule(fork))
    found = {one.name: Agreement(one.name, one.version, fork) for one in engines}
    began = time.monotonic()
    for source, story in stories.shared(fork):
        mine = ours(lab, story)
        for engine in engines:
            if engine.name == "anvil" and (story.has_blobs or story.hashes):
                found[engine.name].left_out += len(story.transactions)
            else:
                _compare(mine, engine, source, story, found[engine.name])
    for engine in engines:
        for story in stories.random(fork, engine.name):
            _compare(ours(lab, story), engine, "random", story, found[engine.name])
    spent = time.monotonic() - began
    click.echo(f"{fork}: {sum(one.total for one in found.values())} compared in {spent:.0f} s")
    return list(found.values())


def _compare(mine: Ours, engine: Engine, source: str, story: Scenario, counts: Agreement) -> None:
    answer = engine.answer(story)
    counts.compared[source] += len(story.transactions)
    counts.refused += sum(one.refused for one in answer.outcomes)
    for mismatch in mismatches(mine, engine.name, story, answer):
        counts.disagreeing += 1
        if counts.disagreeing <= SHOWN:
            click.echo(str(mismatch), err=True)


if __name__ == "__main__":
    try:
        main(standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(1)
    except GasLabError as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(2)
