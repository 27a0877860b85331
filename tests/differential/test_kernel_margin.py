"""The margin kernel and the reference value every account alike, compiled or not."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.margins import walk

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
LENGTH = 20_000 if FUZZ else 1500
SEEDS = range(100) if FUZZ else range(8)
ROOT = Path(__file__).parents[2]

# What a walk must reach, or it tests less than it says.
REACHED = {
    *("placed", "refused", "removed", "amended", "traded", "taken back"),
    *("groups", "points", "fees", "settled"),
}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("extreme", [False, True])
def test_margin_on_a_random_walk_equals_the_reference(seed: int, extreme: bool) -> None:
    counts = walk(seed, LENGTH, extreme)
    assert REACHED - counts.keys() == set()


def test_orders_that_new_fees_leave_unbacked_are_reached() -> None:
    assert sum(walk(seed, 500)["unbacked"] for seed in (0, 4, 6)) > 0


def test_margin_without_compiler_equals_the_reference_and_stays_within_its_memory() -> None:
    """Plain Python checks each address it reads or writes, and each value that it stores."""
    program = (
        "from matcher.kernel.memory import COMPILED\n"
        "from tests.support.margins import walk\n"
        "from tests.unit.matcher.kernel import test_margin\n"
        "assert not COMPILED\n"
        "test_margin.test_an_order_at_its_widest_beside_the_widest_sums_fits_its_words()\n"
        "print(walk(1, 600)['traded'], walk(2, 600, True)['traded'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all(int(trades) > 5 for trades in done.stdout.split())
