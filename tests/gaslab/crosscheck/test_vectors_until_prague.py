"""The lab against what engines said of a thousand random transactions each: cancun and prague.

The engines are not needed: their answers are committed.
"""

import pytest

from gaslab.components import Component
from tests.gaslab.crosscheck import agreeing

pytestmark = pytest.mark.parametrize("fork", ["cancun", "prague"])


def test_vectors_of_the_generator_are_of_the_same_transactions(fork: str) -> None:
    agreeing.check_generator(fork)


def test_vectors_run_by_the_lab_agree_in_gas_status_logs_and_storage(fork: str) -> None:
    agreeing.check_agreement(fork)


def test_vectors_hold_transactions_that_succeed_fail_and_are_refused(fork: str) -> None:
    agreeing.check_statuses(fork)


def test_vectors_reach_every_opcode_in_a_frame_that_ends_well(fork: str) -> None:
    agreeing.check_opcodes(fork)


def test_vectors_reach_every_component_that_the_schedule_knows(fork: str) -> None:
    unknown = {Component.STATE_SLOT, Component.STATE_ACCOUNT, Component.STATE_CODE}
    if fork == "cancun":
        unknown |= {Component.AUTHORIZATION, Component.FLOOR}
    assert set(agreeing.run(fork).lab.coverage.components) == set(Component) - unknown
