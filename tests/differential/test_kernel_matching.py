"""The matching kernel and the reference model answer every command alike, compiled or not."""

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from matcher.events import CancelReason
from tests.support.arena import KERNEL_CODES, run_crowd

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
LENGTH = 100_000 if FUZZ else 10_000
SEEDS = range(100) if FUZZ else range(10)
EVERY = 500  # commands between comparisons of the whole state
ROOT = Path(__file__).parents[2]

# What a stream must reach, or it tests less than it says.
REACHED = {
    *KERNEL_CODES,
    *(set(CancelReason) - {CancelReason.MARGIN}),  # margin is admission's
    *("OrderAccepted", "Trade", "OrderRested", "OrderAmended", "recentered"),
}


@pytest.mark.parametrize("seed", SEEDS)
def test_kernel_on_a_random_stream_equals_the_reference(seed: int) -> None:
    counts = run_crowd(seed, LENGTH, EVERY)
    assert REACHED - counts.keys() == set()


def test_kernel_without_compiler_equals_the_reference_and_stays_within_its_memory() -> None:
    """Plain Python checks each address it reads or writes, and each value that it stores."""
    program = (
        "from matcher.kernel.memory import COMPILED\n"
        "from tests.support.arena import run_crowd\n"
        "assert not COMPILED\n"
        "counts = run_crowd(1000, 3000, 500)\n"
        "print(counts['Trade'], counts['recentered'])\n"
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
    trades, recentered = map(int, done.stdout.split())
    assert trades > 100
    assert recentered > 10


def test_streams_differ_by_their_seed() -> None:
    def short(seed: int) -> Counter[Any]:
        return run_crowd(seed, 300, 300)

    assert short(1) == short(1)
    assert short(1) != short(2)
