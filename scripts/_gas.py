"""Measures the catalogue's experiments and the product's flows, in processes."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from pathlib import Path

from gaslab.catalogue import EXPERIMENTS
from gaslab.errors import InputError
from gaslab.run import run_experiment
from gaslab.schedule import Schedule
from gaslab.snapshot import Row, row_of
from gaslab.solc import compile_many

ROOT = Path(__file__).resolve().parents[1]
PRODUCT = "product"  # what the product's own flows are called among the experiments


def chosen(only: Sequence[str]) -> list[str]:
    """What is to be measured: all, or those named.

    Raises
    ------
    InputError
        A name that is neither an experiment's nor `PRODUCT`.
    """
    known = [*EXPERIMENTS, PRODUCT]
    for name in only:
        if name not in known:
            raise InputError("--only", name, f"one of {', '.join(sorted(known))}")
    return [name for name in known if not only or name in only]


def prepare(names: Sequence[str]) -> None:
    """Compile what will be measured, so that processes find it in the cache.

    Raises
    ------
    CompileError
    RuntimeError
        With what ape says, if the product does not compile.
    """
    compile_many(
        (experiment.source_of(variant), experiment.settings_of(variant))
        for experiment in (EXPERIMENTS[name] for name in names if name != PRODUCT)
        for variant in experiment.variants
    )
    if PRODUCT in names:
        from scripts.compile import compile_contracts

        compile_contracts()


def measured(
    names: Sequence[str], schedules: Sequence[Schedule], workers: int
) -> Iterator[tuple[str, list[Row]]]:
    """Rows of each experiment under each schedule as they are ready, with what was measured.

    The product's flows come in one piece, as all schedules measure the same transactions.

    Raises
    ------
    GasLabError
        The first that any experiment raises; the others are not begun.
    """
    pool = ProcessPoolExecutor(workers)
    try:
        futures: dict[Future[list[Row]], str] = {}
        if PRODUCT in names:
            futures[pool.submit(_product, list(schedules))] = PRODUCT
        for schedule in schedules:
            for name in names:
                if name != PRODUCT:
                    task = pool.submit(_experiment, name, schedule)
                    futures[task] = f"{name}, {schedule.name}"
        for future in as_completed(futures):
            yield futures[future], future.result()
    finally:
        pool.shutdown(cancel_futures=True)


def pieces(names: Sequence[str], schedules: Sequence[Schedule]) -> int:
    """How many times `measured` yields."""
    experiments = sum(name != PRODUCT for name in names)
    return experiments * len(schedules) + (PRODUCT in names)


def _experiment(name: str, schedule: Schedule) -> list[Row]:
    return [row_of(case) for case in run_experiment(EXPERIMENTS[name], schedule)]


def _product(schedules: list[Schedule]) -> list[Row]:
    # Under ape the checkout is last on the path, behind a package's stray `tests`.
    sys.path.insert(0, str(ROOT))
    from matcher.chain.artifacts import load
    from tests.gas.flows import rows_of
    from tests.gas.stories import STORIES

    return [row for rows in rows_of(STORIES, load(), schedules) for row in rows]
