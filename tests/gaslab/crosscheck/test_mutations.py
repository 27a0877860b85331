"""A schedule with one figure wrong does not agree with the engines."""

from dataclasses import replace

import pytest

from gaslab.crosscheck import mutation
from gaslab.crosscheck.mutation import disagrees
from gaslab.schedule import load_schedule

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


@pytest.mark.parametrize(("fork", "constant"), MUTATIONS)
def test_schedule_with_one_constant_off_by_one_disagrees_with_the_engine(
    fork: str, constant: str
) -> None:
    schedule = load_schedule(fork)
    wrong = schedule.with_constant(constant, schedule[constant] + 1)
    assert disagrees(wrong)


@pytest.mark.parametrize("fork", ["cancun", "amsterdam-draft"])
def test_schedule_that_is_right_agrees_with_the_engine(fork: str) -> None:
    """Or the tests above would show nothing."""
    assert not disagrees(load_schedule(fork))


def test_constants_that_cannot_be_seen_are_constants_of_their_schedules() -> None:
    for fork in ("cancun", "prague", "osaka", "amsterdam-draft"):
        unseen = {*mutation.UNSEEN, *mutation.UNSEEN_ON.get(fork, {})}
        assert unseen <= set(load_schedule(fork).constants)


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
