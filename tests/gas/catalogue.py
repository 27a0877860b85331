"""The catalogue's experiments under one schedule, as tests.

A module for each schedule takes `experiments_of`, so that workers that share out files share the
load. Running an experiment proves its variants alike; the rows are then compared with the snapshot.
"""

from collections.abc import Callable

import pytest

from gaslab.catalogue import EXPERIMENTS
from gaslab.plugin import Lab
from gaslab.run import run_experiment
from gaslab.snapshot import row_of


def experiments_of(schedule: str) -> Callable[..., None]:
    """A test of every experiment under a schedule."""

    @pytest.mark.gaslab(schedule=schedule)
    @pytest.mark.parametrize("name", EXPERIMENTS)
    def test(gaslab: Lab, name: str) -> None:
        cases = run_experiment(EXPERIMENTS[name], gaslab.schedule)
        assert {case.schedule for case in cases} <= {schedule}
        for case in cases:
            gaslab.check(row_of(case))

    return test
