"""A schedule with one figure wrong does not agree with the engines."""

from dataclasses import replace
from functools import cache

import pytest

from gaslab.crosscheck import vectors
from gaslab.crosscheck.lab import Lab
from gaslab.crosscheck.scenario import Scenario
from gaslab.crosscheck.vectors import Vector
from gaslab.schedule import Schedule, load_schedule

MUTATIONS = [
    ("cancun", "transaction.base"),
    ("cancun", "transaction.calldata_nonzero"),
    ("cancun", "account.cold"),
    ("cancun", "exp.byte"),
    ("cancun", "selfdestruct.new_account"),
    ("prague", "slot.cold"),
    ("prague", "sstore.create"),
    ("prague", "sstore.refund_clear"),
    ("prague", "sstore.sentry"),
    ("prague", "floor.zero"),
    ("prague", "authorization.refund"),
    ("prague", "memory.word"),
    ("prague", "memory.quadratic_divisor"),
    ("prague", "call.value"),
    ("osaka", "keccak.word"),
    ("osaka", "log.byte"),
    ("osaka", "create.deposit_byte"),
    ("osaka", "opcodes.CLZ"),
    ("osaka", "precompile.p256verify"),
    ("amsterdam-draft", "state.slot"),
    ("amsterdam-draft", "state.code_byte"),
    ("amsterdam-draft", "transaction.access_list_byte"),
]


@cache
def told(fork: str) -> list[tuple[Vector, Scenario]]:
    """Vectors with their scenarios, the ones that stand on an edge spread over the seeds."""
    return [(one, vectors.story_of(fork, one.seed)) for one in vectors.read(fork)]


def disagrees(schedule: Schedule) -> bool:
    """Whether any vector tells the schedule from the engine's; stops at the first."""
    lab = Lab(schedule)
    return any(not one.agrees(lab.answer(story)) for one, story in told(schedule.name))


@pytest.mark.parametrize(("fork", "constant"), MUTATIONS)
def test_schedule_with_one_constant_off_by_one_disagrees_with_the_engine(
    fork: str, constant: str
) -> None:
    schedule = load_schedule(fork)
    wrong = schedule.with_constant(constant, schedule[constant] + 1)
    assert disagrees(wrong)


def test_schedule_with_a_higher_cap_disagrees_with_the_engine() -> None:
    schedule = load_schedule("osaka")
    assert schedule.transaction_gas_cap is not None
    assert disagrees(replace(schedule, transaction_gas_cap=schedule.transaction_gas_cap + 1))


@pytest.mark.parametrize(
    ("fork", "rule"),
    [
        ("prague", {"calldata_floor": False}),
        ("prague", {"set_code": False}),
        ("osaka", {"modexp": "eip2565"}),
        ("amsterdam-draft", {"state_gas": False}),
    ],
)
def test_schedule_without_one_of_its_rules_disagrees_with_the_engine(
    fork: str, rule: dict[str, bool | str]
) -> None:
    assert disagrees(replace(load_schedule(fork), **rule))  # type: ignore[arg-type]
