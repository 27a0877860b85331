"""Verdicts by decree: tests of what follows from a verdict need none that is deserved."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

from eth.vm.spoof import SpoofTransaction
from eth_abi.abi import encode

from tests.support.chain import ETHER, GAS_LIMIT, Chain

NOBODY = "0x" + "00" * 20


class Fault(IntEnum):
    """As in contracts/types/Verdict.sol."""

    NONE = 0
    MALFORMED_CHUNK = 1
    ACCOUNT_UNOPENED = 2
    ACCOUNT_RESERVED = 3
    SAME_ACCOUNT = 4
    ZERO_LOTS = 5
    INSTRUMENT_UNLISTED = 6
    TOO_LATE = 7
    ORDER_ID_TOO_LARGE = 8
    STALE_ORDER = 9
    SLOT_USED = 10
    OVERFILLED = 11
    NOTIONAL_TOO_LARGE = 12
    POSITION_TOO_LARGE = 13
    TOO_MANY_POSITIONS = 14
    OVER_CREDITED = 15
    NOTHING_TO_SERVE = 16
    PRICE_NOT_FIXED = 17
    FIELD_OVERFLOW = 18
    WRONG_ROOT = 19
    MARGIN_BROKEN = 20
    RELEASE_KEPT = 21
    UNANSWERED = 22


def decree(fault: Fault = Fault.WRONG_ROOT, challenger: str = NOBODY) -> bytes:
    """The witness that makes `Decree` find this; `challenger` 0: who brings it."""
    return encode(
        ["(uint8,uint16,uint8,address,bytes32)"], [(int(fault), 0, 0, challenger, bytes(32))]
    )


@contextmanager
def ruling(chain: Chain, prover: str) -> Iterator[None]:
    """Within, the contract at `prover` is a `Decree`."""
    before = set_code(chain, prover, runtime_of(chain, "Decree"))
    try:
        yield
    finally:
        set_code(chain, prover, before)


def runtime_of(chain: Chain, name: str) -> bytes:
    """Code that a contract without constructor arguments has on chain."""
    vm = chain.evm.get_vm()  # of this call alone
    creation = vm.create_unsigned_transaction(
        nonce=0,
        gas_price=chain.evm.header.base_fee_per_gas,
        gas=GAS_LIMIT,
        to=b"",
        value=0,
        data=chain.artifacts.get(name).bytecode,
    )
    vm.state.set_balance(bytes(20), ETHER)
    spoof = SpoofTransaction(creation, from_=bytes(20))
    computation = vm.state.apply_transaction(spoof)
    assert not computation.is_error, computation.error
    return bytes(computation.output)


def set_code(chain: Chain, address: str, code: bytes) -> bytes:
    """Put other code at an address, from the next block on; what stood there."""
    vm = chain.evm.get_vm()
    where = bytes.fromhex(address[2:])
    before = bytes(vm.state.get_code(where))
    vm.state.set_code(where, code)
    vm.state.persist()
    chain.evm.header = chain.evm.header.copy(state_root=vm.state.state_root)
    return before
