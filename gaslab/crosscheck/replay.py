"""What was sent elsewhere, as scenarios: by the catalogue's experiments, or told in files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from gaslab.bench import Bench
from gaslab.crosscheck.scenario import Genesis, Scenario, Sent, scenario_from_json
from gaslab.environment import Environment
from gaslab.errors import InputError
from gaslab.experiment import Experiment, Variant
from gaslab.run import run_case
from gaslab.schedule import Schedule
from gaslab.solc import Contract, compile_files


def recorded(name: str, environment: Environment) -> Scenario:
    """All that was sent in an environment, for others to send again."""
    sent = environment.transactions
    touched = (one.measurement.reads | one.measurement.writes for one in sent)
    return Scenario(
        name,
        environment.schedule.name,
        environment.chain_id,
        {
            address: Genesis(one.balance, one.nonce, one.code, dict(one.storage))
            for address, one in environment.genesis.items()
        },
        tuple(
            Sent(
                one.raw,
                one.block.number,
                one.block.timestamp,
                one.block.coinbase,
                one.block.prevrandao,
                one.block.base_fee,
                one.block.gas_limit,
                one.measurement.label,
            )
            for one in sent
        ),
        frozenset().union(*touched),
    )


def catalogue(experiments: Sequence[Experiment], schedule: Schedule) -> Iterator[Scenario]:
    """Drive experiments under a schedule; a scenario for each variant and size."""
    for experiment in experiments:
        for variant in experiment.variants:
            if not variant.runs_under(schedule.name):
                continue
            source, settings = experiment.source_of(variant), experiment.settings_of(variant)
            contracts = compile_files([source], settings)
            for size in experiment.sizes:
                yield _driven(experiment, variant, size, schedule, contracts)


def _driven(
    experiment: Experiment,
    variant: Variant,
    size: int,
    schedule: Schedule,
    contracts: Mapping[str, Contract],
) -> Scenario:
    bench: Bench
    _, bench = run_case(experiment, variant, size, schedule, contracts)
    name = f"{experiment.id}/{variant.name}/n={size}/{schedule.name}"
    return recorded(name, bench.environment)


def from_file(path: Path, fork: str) -> Iterator[Scenario]:
    """Scenarios of one schedule that others wrote, one a line, each with its ``name``.

    Raises
    ------
    InputError
        Naming file and line.
    """
    for number, line in enumerate(path.read_text().splitlines(), 1):
        try:
            found = json.loads(line)
            story = scenario_from_json(found["name"], found)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path.name}:{number}", f"{error!r}", "a scenario") from error
        if story.fork == fork:
            yield story
