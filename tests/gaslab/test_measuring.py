"""A foreign py-evm chain on the lab's virtual machine: eth-tester's, with its own database."""

from __future__ import annotations

import pytest
from eth_account import Account
from eth_tester import PyEVMBackend
from eth_tester.backends.pyevm.main import get_default_genesis_params
from eth_utils.address import to_checksum_address

from gaslab.components import Component
from gaslab.environment import Environment
from gaslab.errors import InputError
from gaslab.evm import measuring, vm_for
from gaslab.schedule import NAMES, load_schedule
from tests.gaslab.programs import op

SENDER = Account.from_key(b"\x07" * 32)
RUNTIME = op("SSTORE", 1, 7) + op("SLOAD", 1) + op("LOG1", 0, 32, 5) + op("STOP")
STORE = op("MSTORE", 0, int.from_bytes(RUNTIME, "big"))
INITCODE = STORE + op("RETURN", 32 - len(RUNTIME), len(RUNTIME))


def _chain(schedule):
    account = {"balance": 10**24, "nonce": 0, "code": b"", "storage": {}}
    backend = PyEVMBackend(
        genesis_parameters=get_default_genesis_params({"timestamp": 1_800_000_000}),
        genesis_state={bytes.fromhex(SENDER.address[2:]): account},
        vm_configuration=((0, vm_for(schedule)),),
    )
    return backend.chain


def _send(chain, **fields):
    vm = chain.get_vm()
    signed = SENDER.sign_transaction(
        {
            "chainId": chain.chain_id,
            "nonce": vm.state.get_nonce(bytes.fromhex(SENDER.address[2:])),
            "gas": 3_000_000,
            "maxFeePerGas": chain.header.base_fee_per_gas + 10,
            "maxPriorityFeePerGas": 10,
            "value": 0,
            **fields,
        }
    )
    transaction = vm.get_transaction_builder().decode(signed.raw_transaction)
    _, receipt, computation = chain.apply_transaction(transaction)
    chain.mine_block(mix_hash=bytes(32))
    return receipt, computation


@pytest.mark.parametrize("name", NAMES)
def test_measuring_eth_testers_chain_costs_what_the_labs_own_does(name):
    schedule = load_schedule(name)
    chain, own = _chain(schedule), Environment(schedule)
    with measuring(chain) as found:
        receipt, computation = _send(chain, data=INITCODE)
        to = to_checksum_address(computation.msg.storage_address)
        second, _ = _send(chain, to=to, data=b"")
        _send(chain, to=to, data=b"\x01" * 100)
    created = own.send(None, INITCODE, gas=3_000_000)
    expected = [
        created,
        own.send(created.contract, gas=3_000_000),
        own.send(created.contract, b"\x01" * 100, gas=3_000_000),
    ]
    assert [one.gas for one in found] == [one.gas for one in expected]
    assert [one.components for one in found] == [one.components for one in expected]
    assert receipt.gas_used == found[0].gas
    assert second.gas_used == found[1].gas
    assert [log.topics for log in second.logs] == [(5,)]
    assert found[1].components[Component.SSTORE_CREATE]
    assert found[2].components[Component.SSTORE_NOOP]


def test_measuring_outside_the_block_collects_nothing():
    chain = _chain(load_schedule("prague"))
    with measuring(chain) as found:
        pass
    _send(chain, data=INITCODE)
    assert found == []


def test_measuring_a_plain_chain_is_refused():
    chain = PyEVMBackend().chain
    with pytest.raises(InputError, match="vm_for"), measuring(chain):
        pass


def test_vm_for_runs_code_outside_any_transaction():
    # As a block's own system calls do.
    chain = _chain(load_schedule("osaka"))
    with measuring(chain) as found:
        frame = chain.get_vm().execute_bytecode(
            origin=None,
            gas_price=0,
            gas=100_000,
            to=b"\x0a" * 20,
            sender=b"\x0b" * 20,
            value=0,
            data=b"",
            code=op("MSTORE8", 31, 7) + op("RETURN", 0, 32),
        )
    assert frame.is_success
    assert int.from_bytes(frame.output, "big") == 7
    assert frame.get_gas_used() == 3 + 3 + 3 + 3 + 3 + 2
    assert found == []  # it is no transaction
