"""Run experiments: each variant, each size, under each schedule, and see that they are alike."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from gaslab.bench import Bench
from gaslab.errors import InputError, NotEquivalent
from gaslab.experiment import Experiment, Variant
from gaslab.measurement import Measurement, total
from gaslab.rollups import LayerTwo, layer_two
from gaslab.schedule import Schedule
from gaslab.solc import Contract, compile_files


@dataclass(frozen=True)
class Case:
    """One variant, one size, one schedule.

    Attributes
    ----------
    experiment, variant, schedule : str
    size : int
    figures : dict
        `gaslab.measurement.total` of the measured transactions, and what the driver recorded.
    deploy_gas, code_bytes : int
        Of the variant's contract.
    layer_two : LayerTwo
        What the measured transactions' bytes come to on layer 2.
    accuracies : mapping of str to Fraction
    critical_path, conflicts : int
        Of the measured transactions, if each needs what earlier ones wrote (see `conflicts_of`).
    measurements : tuple of Measurement
        One each; empty where they were not kept.
    """

    experiment: str
    variant: str
    schedule: str
    size: int
    figures: Mapping[str, Any]
    deploy_gas: int
    code_bytes: int
    layer_two: LayerTwo
    accuracies: Mapping[str, Fraction]
    critical_path: int
    conflicts: int
    measurements: tuple[Measurement, ...] = field(default=(), repr=False)

    @property
    def key(self) -> str:
        """``experiment/variant/n=64/prague``: what its snapshot line starts with."""
        return f"{self.experiment}/{self.variant}/n={self.size}/{self.schedule}"

    @property
    def gas(self) -> int:
        return int(self.figures["gas"])


def conflicts_of(measurements: Sequence[Measurement]) -> tuple[int, int]:
    """How far transactions can run side by side.

    A transaction waits for each earlier one that wrote what it reads or writes, or read what it
    writes. With as many cores as one likes, the block takes as long as the heaviest chain.

    Returns
    -------
    critical_path : int
        Gas along the heaviest chain of transactions that wait for each other.
    conflicts : int
        Pairs that conflict.
    """
    ends: list[int] = []
    conflicts = 0
    for i, late in enumerate(measurements):
        start = 0
        for j, early in enumerate(measurements[:i]):
            touched = late.reads | late.writes
            if early.writes & touched or early.reads & late.writes:
                conflicts += 1
                start = max(start, ends[j])
        ends.append(start + late.gas)
    return max(ends, default=0), conflicts


def case_of(
    experiment: str,
    variant: str,
    size: int,
    schedule: str,
    measured: Sequence[Measurement],
    *,
    creation: Measurement | None = None,
    accuracies: Mapping[str, Fraction] | None = None,
    recorded: Mapping[str, int] | None = None,
    keep: bool = False,
) -> Case:
    """Sum up what was measured, by whomever.

    Parameters
    ----------
    creation : Measurement or None
        Of the contract whose deploy gas and code size belong to the case.
    recorded : mapping of str to int
        Figures of `gaslab.measurement.RECORDED`.
    keep : bool
        Whether the case holds its measurements.
    """
    figures = total(measured) | dict(recorded or {})
    # Transactions that were counted and not sent have no slots of their own to conflict about.
    path, conflicts = (0, 0) if figures.get("composed") else conflicts_of(measured)
    return Case(
        experiment=experiment,
        variant=variant,
        schedule=schedule,
        size=size,
        figures=figures,
        deploy_gas=creation.gas if creation else 0,
        code_bytes=creation.code_bytes if creation else 0,
        layer_two=layer_two([one.raw for one in measured]),
        accuracies=dict(accuracies or {}),
        critical_path=path,
        conflicts=conflicts,
        measurements=tuple(measured) if keep else (),
    )


def run_case(
    experiment: Experiment,
    variant: Variant,
    size: int,
    schedule: Schedule,
    contracts: Mapping[str, Contract],
    *,
    keep: bool = False,
) -> tuple[Case, Bench]:
    """Drive one variant for one size.

    Parameters
    ----------
    keep : bool
        Whether the case holds its measurements.
    """
    bench = Bench(experiment, variant, schedule, contracts)
    experiment.drive(bench, size)
    if not bench.measured:
        raise NotEquivalent(f"{experiment.id}/{variant.name}: the driver measured nothing")
    case = case_of(
        experiment.id,
        variant.name,
        size,
        schedule.name,
        bench.measured,
        creation=bench.deployments[-1] if bench.deployments else None,
        accuracies=bench.accuracies,
        recorded=bench.recorded,
        keep=keep,
    )
    return case, bench


def alike(experiment: Experiment, baseline: Bench, bench: Bench) -> None:
    """See that a variant was observed to behave like the baseline.

    Raises
    ------
    NotEquivalent
        Naming the observation and both values.
    """
    where = f"{experiment.id}/{bench.variant.name}"
    if not baseline.observations:
        raise NotEquivalent(f"{experiment.id}: the driver observed nothing that could differ")
    names = baseline.observations.keys() | bench.observations.keys()
    for name in sorted(names - bench.variant.exempt):
        for side in (baseline, bench):
            if name not in side.observations:
                raise NotEquivalent(f"{where}: {side.variant.name} shows no {name}")
        expected, found = baseline.observations[name], bench.observations[name]
        allowed = experiment.tolerance.get(name)
        if allowed is None:
            same = expected == found
        elif type(expected) is int and type(found) is int:
            same = abs(expected - found) <= allowed
        else:
            raise InputError(f"{experiment.id}.tolerance.{name}", found, "a number is observed")
        if not same:
            raise NotEquivalent(f"{where}: {name} is {found!r}, the baseline's is {expected!r}")


def run_experiment(
    experiment: Experiment,
    schedule: Schedule,
    *,
    sizes: Iterable[int] = (),
    keep: bool = False,
) -> list[Case]:
    """All cases of one experiment under one schedule, in the order of variants and sizes.

    Raises
    ------
    GasLabError
        NotEquivalent, Reverted, OverTheCap, CompileError, MeterBroken.
    """
    cases: dict[tuple[str, int], Case] = {}
    variants = [variant for variant in experiment.variants if variant.runs_under(schedule.name)]
    for size in sizes or experiment.sizes:
        first: Bench | None = None
        for variant in variants:
            contracts = compile_files(
                [experiment.source_of(variant)], experiment.settings_of(variant)
            )
            case, bench = run_case(experiment, variant, size, schedule, contracts, keep=keep)
            if first is None:
                first = bench
            alike(experiment, first, bench)
            cases[variant.name, size] = case
    return [
        cases[variant.name, size]
        for variant in variants
        for size in sizes or experiment.sizes
        if (variant.name, size) in cases
    ]


def _task(arguments: tuple[str, Schedule]) -> list[Case]:
    from gaslab.catalogue import EXPERIMENTS

    name, schedule = arguments
    return run_experiment(EXPERIMENTS[name], schedule)


def run_catalogue(
    names: Iterable[str], schedules: Sequence[Schedule], *, workers: int = 2
) -> Iterable[list[Case]]:
    """Run experiments of the catalogue in processes; yields each one's cases as they are ready,
    in the order of (name, schedule).

    Raises
    ------
    GasLabError
        The first that any experiment raises.
    """
    tasks = [(name, schedule) for name in names for schedule in schedules]
    with ProcessPoolExecutor(workers) as pool:
        yield from pool.map(_task, tasks)
