"""The lab's EVM against py-evm's own, which is right about Cancun and Prague but for receipts."""

from __future__ import annotations

from typing import Any

import pytest
from eth.constants import BLANK_ROOT_HASH
from eth.db.atomic import AtomicDB
from eth.vm.forks.cancun import CancunVM
from eth.vm.forks.prague import PragueVM
from hypothesis import given, settings
from hypothesis import strategies as st

from gaslab.environment import Environment
from gaslab.evm.envelope import decode
from gaslab.schedule import load_schedule
from tests.gaslab.programs import ALICE, HELPERS, SLOTS, programs

pytestmark = pytest.mark.filterwarnings("ignore:SELFDESTRUCT opcode")  # py-evm's own

FORKS = {"cancun": CancunVM, "prague": PragueVM}


def _scene(name: str, codes: list[bytes], storage: dict[int, int]) -> Environment:
    environment = Environment(load_schedule(name))
    environment.set_balance(ALICE, 10)
    for address, code in zip(HELPERS, codes, strict=False):
        environment.set_code(address, code)
        environment.set_balance(address, 5)
        for slot, value in storage.items():
            environment.set_storage(address, slot, value)
    return environment


def _twin(environment: Environment) -> Any:
    """py-evm's own state with the same accounts, in the same block."""
    fork = FORKS[environment.schedule.name]
    state = fork._state_class(AtomicDB(), environment._context(), BLANK_ROOT_HASH)
    for address, account in environment.genesis.items():
        state.set_balance(address, account.balance)
        state.set_nonce(address, account.nonce)
        if account.code:
            state.set_code(address, account.code)
        for slot, value in account.storage.items():
            state.set_storage(address, slot, value)
    state.lock_changes()
    return state


def _agree(environment: Environment, **transaction: Any) -> None:
    state = _twin(environment)
    measured = environment.send(**transaction)
    found = decode(measured.raw)
    computation = state.apply_transaction(found)
    assert measured.success == computation.is_success
    assert measured.output == computation.output
    assert measured.refund_counted == max(computation.get_gas_refund(), 0)
    used = found.gas - computation.get_gas_remaining()
    assert measured.execution == used - min(used // 5, measured.refund_counted)
    assert [(log.address, log.topics, log.data) for log in measured.logs] == [
        (log[0], log[1], log[2]) for log in computation.get_log_entries()
    ]
    for address, account in environment._world.accounts.items():
        if address in (environment.coinbase, *environment.accounts):
            continue  # paid what py-evm's floor comes to
        assert account.balance == state.get_balance(address)
        assert account.nonce == state.get_nonce(address)
        assert account.code == state.get_code(address)
        for slot in {*account.storage, *range(4)}:
            assert account.storage.get(slot, 0) == state.get_storage(address, slot)


@pytest.mark.parametrize("name", FORKS)
@settings(max_examples=120, deadline=None)
@given(
    codes=st.lists(programs(), min_size=4, max_size=4),
    storage=st.dictionaries(SLOTS, st.integers(1, 2)),
    data=st.binary(max_size=40),
    value=st.sampled_from([0, 3]),
    gas=st.sampled_from([30_000, 60_000, 120_000, 1_000_000]),
)
def test_evm_random_programs_agree_with_py_evm(name, codes, storage, data, value, gas):
    environment = _scene(name, codes, storage)
    _agree(environment, to=HELPERS[0], data=data, value=value, gas=gas)


@pytest.mark.parametrize("name", FORKS)
@settings(max_examples=60, deadline=None)
@given(initcode=programs(), codes=st.lists(programs(6), max_size=4), value=st.sampled_from([0, 3]))
def test_evm_random_creations_agree_with_py_evm(name, initcode, codes, value):
    environment = _scene(name, codes, {1: 1})
    _agree(environment, to=None, data=initcode, value=value, gas=1_000_000)


@pytest.mark.parametrize("name", FORKS)
@settings(max_examples=40, deadline=None)
@given(
    code=programs(),
    listed=st.lists(
        st.tuples(st.sampled_from([ALICE, *HELPERS]), st.lists(SLOTS, max_size=3)), max_size=3
    ),
)
def test_evm_access_lists_agree_with_py_evm(name, code, listed):
    environment = _scene(name, [code], {1: 1})
    _agree(environment, to=HELPERS[0], access_list=listed, gas=1_000_000)
