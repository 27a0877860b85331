"""Every unit of gas lands in one component, whatever a transaction does and however it ends."""

from __future__ import annotations

from dataclasses import replace

import pytest
from eth.exceptions import OutOfGas
from hypothesis import given, settings
from hypothesis import strategies as st

from gaslab.components import Component
from gaslab.environment import BASE_FEE, FUNDS, TIP, Environment
from gaslab.errors import MeterBroken
from gaslab.evm import frame as frames
from gaslab.evm import lab_state
from gaslab.schedule import NAMES, load_schedule
from tests.gaslab.programs import ALICE, HELPERS, NOBODY, SLOTS, op, programs

A, B = HELPERS[:2]
PRAGUE = load_schedule("prague")
BEFORE = {
    Component.INTRINSIC,
    Component.CALLDATA_ZERO,
    Component.CALLDATA_NONZERO,
    Component.ACCESS_LIST,
}
AFTER = {Component.FLOOR, Component.REFUND}
STATE = {Component.STATE_SLOT, Component.STATE_ACCOUNT, Component.STATE_CODE}


def _number(address: bytes) -> int:
    return int.from_bytes(address, "big")


def _scene(schedule=PRAGUE, *codes, profile=False):
    environment = Environment(schedule, profile=profile)
    environment.set_balance(ALICE, 1)
    for address, code in zip(HELPERS, codes, strict=False):
        environment.set_code(address, code)
        environment.set_balance(address, 10)
    return environment


def _parts(measurement, *, without=BEFORE):
    return {part: gas for part, gas in measurement.components.items() if part not in without}


def _call(target, *, gas=100_000, value=0, name="CALL", size=0):
    values = [value] if name in ("CALL", "CALLCODE") else []
    return op(name, gas, _number(target), *values, 0, 0, 0, size)


# --- the sum ----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=40, deadline=None)
@given(
    codes=st.lists(programs(), min_size=4, max_size=4),
    storage=st.dictionaries(SLOTS, st.integers(1, 2)),
    data=st.binary(max_size=40),
    value=st.sampled_from([0, 3]),
    spare=st.sampled_from([0, 5_000, 30_000, 150_000, 2_000_000, 40_000_000]),
)
def test_sum_random_programs_is_what_the_sender_pays(name, codes, storage, data, value, spare):
    environment = _scene(load_schedule(name), *codes, profile=True)
    for slot, word in storage.items():
        environment.set_storage(A, slot, word)
    gas = min(30_000 + spare, environment.gas_limit)
    measured = environment.send(A, data, value=value, gas=gas)
    paid = FUNDS - environment.balance(environment.accounts[0])
    price = BASE_FEE + TIP
    assert paid == measured.gas * price + (value if measured.success else 0)
    assert sum(measured.components.values()) == measured.gas
    assert environment.balance(environment.coinbase) == measured.gas * TIP
    assert measured.components.get(Component.REFUND, 0) <= 0
    assert all(gas > 0 for part, gas in measured.components.items() if part.name not in NEGATIVE)
    if not measured.success:
        assert measured.state_gas == measured.refund_counted == 0
        assert not measured.logs
        assert not measured.writes
    # Booked by position, too: all but what is paid before the first opcode or after the last. A
    # transaction that fails is given its state gas back as a whole.
    inside = sum(gas for part, gas in measured.components.items() if part not in BEFORE | AFTER)
    if measured.success or name != "amsterdam-draft":
        assert sum(measured.by_pc.values()) == inside


NEGATIVE = {"REFUND", "CALL"}  # an unused stipend leaves CALL below zero in a bare CALLCODE


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=20, deadline=None)
@given(initcode=programs(), gas=st.sampled_from([60_000, 300_000, 20_000_000]))
def test_sum_random_creations_is_what_the_sender_pays(name, initcode, gas):
    environment = Environment(load_schedule(name))
    needed = environment.send(None, initcode, gas=min(gas * 10, environment.gas_limit))
    environment = Environment(load_schedule(name))
    gas = max(min(gas, environment.gas_limit), needed.floor, 60_000 + 16 * len(initcode))
    measured = environment.send(None, initcode, gas=gas)
    paid = FUNDS - environment.balance(environment.accounts[0])
    assert paid == measured.gas * (BASE_FEE + TIP)
    assert (measured.contract is not None) == measured.success
    if measured.success:
        assert environment.code(measured.contract) == measured.output
        assert measured.code_bytes == len(measured.output)


def test_sum_a_frame_whose_charge_goes_to_no_component_is_a_broken_meter(monkeypatch):
    def charge(self, part, amount):
        if amount > self.gas:
            raise OutOfGas
        self.gas -= amount

    environment = _scene(PRAGUE, op("SLOAD", 1))
    monkeypatch.setattr(frames.Frame, "charge", charge)
    with pytest.raises(MeterBroken, match="spent 2103 gas, its components sum to 3"):
        environment.send(A)


def test_sum_a_measurement_that_does_not_add_up_cannot_be_made():
    measured = _scene(PRAGUE, op("SLOAD", 1)).send(A)
    with pytest.raises(MeterBroken, match="components sum to"):
        replace(measured, gas=measured.gas + 1, execution=measured.execution + 1)
    with pytest.raises(MeterBroken, match="execution"):
        replace(measured, execution=measured.execution + 1)


# --- ends of a frame --------------------------------------------------------------------------


def test_revert_gives_gas_back_and_takes_all_else():
    code = op("SSTORE", 1, 1) + op("LOG0", 0, 0) + op("MSTORE", 0, 7) + op("REVERT", 0, 32)
    environment = _scene(PRAGUE, code)
    measured = environment.send(A)
    assert (measured.success, measured.error) == (False, "Revert")
    assert measured.output == (7).to_bytes(32, "big")
    assert measured.components[Component.SSTORE_CREATE] == 20_000  # is paid all the same
    assert Component.BURNED not in measured.components
    assert environment.storage(A, 1) == 0
    assert measured.logs == ()
    assert measured.writes == frozenset()
    assert measured.slots_created == 0


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (op("INVALID"), "InvalidInstruction"),
        (b"\x0c", "InvalidInstruction"),
        (op("ADD"), "InsufficientStack"),
        (op("SLOAD")[:1], "InsufficientStack"),
        (op("JUMP", 1), "InvalidJumpDestination"),
        (op("JUMP", 4) + b"\x60\x5b", "InvalidJumpDestination"),  # a JUMPDEST that is data
        (op("RETURNDATACOPY", 0, 0, 1), "OutOfBoundsRead"),
        (op("MSTORE", 2**255, 0), "OutOfGas"),
        (op("PUSH0") * 1_025, "FullStack"),
    ],
)
def test_halt_burns_what_is_left(code, error):
    measured = _scene(PRAGUE, code).send(A, gas=100_000)
    assert measured.error == error
    assert measured.gas == 100_000
    assert measured.components[Component.BURNED] > 70_000
    assert measured.output == b""


def test_halt_of_a_child_burns_its_part_alone():
    measured = _scene(PRAGUE, _call(B, gas=5_000), op("INVALID")).send(A)
    assert measured.success
    assert _parts(measured) == {
        Component.ACCOUNT_COLD: 2_600,
        Component.STACK: 5 * 2 + 2 * 3,  # five PUSH0, gas and address
        Component.BURNED: 5_000,
    }


def test_revert_of_a_child_undoes_warm_slots_refunds_and_transient_storage():
    child = op("SLOAD", 5) + op("SSTORE", 1, 0) + op("TSTORE", 1, 1) + op("REVERT", 0, 0)
    environment = _scene(PRAGUE, _call(B) + _call(B) + op("STOP"), child)
    environment.set_storage(B, 1, 1)
    measured = environment.send(A)
    assert measured.components[Component.SLOT_COLD] == 2 * (2_100 + 2_100)
    assert measured.refund_counted == 0
    assert measured.access_slots == 0
    assert measured.reads == {(B, 5)}


def test_call_keeps_a_64th():
    inner = op("GAS") + op("PUSH0") + op("MSTORE")[:1] + op("RETURN", 0, 32)
    code = _call(B, gas=2**200, size=32) + op("RETURN", 0, 32)
    measured = _scene(PRAGUE, code, inner).send(A, gas=1_000_000)
    pushes, memory, access = 4 * 2 + 3 * 3, 3, 2_600
    left = 1_000_000 - 21_000 - pushes - memory - access
    assert int.from_bytes(measured.output, "big") == left - left // 64 - 2


# --- calls with value -------------------------------------------------------------------------


def test_call_with_value_pays_for_the_write_and_gets_the_stipend_back_if_unused():
    measured = _scene(PRAGUE, _call(ALICE, gas=0, value=1)).send(A)
    assert measured.components[Component.CALL] == 9_000 - 2_300
    assert measured.gas == 21_000 + 2_600 + 9_000 - 2_300 + 5 * 2 + 2 * 3


def test_call_with_value_whose_stipend_is_used_costs_its_whole():
    measured = _scene(PRAGUE, _call(B, gas=0, value=1), op("INVALID")).send(A)
    assert measured.components[Component.CALL] == 9_000 - 2_300
    assert measured.components[Component.BURNED] == 2_300


def test_call_with_more_value_than_there_is_gives_gas_and_stipend_back():
    measured = _scene(PRAGUE, _call(ALICE, gas=5_000, value=11)).send(A)
    assert measured.components[Component.CALL] == 9_000 - 2_300
    assert measured.success


def test_call_that_makes_an_account_pays_for_it():
    environment = _scene(PRAGUE, _call(NOBODY, value=1))
    measured = environment.send(A)
    assert measured.components[Component.CALL] == 9_000 + 25_000 - 2_300
    assert measured.state_bytes_grown == 120
    assert environment.balance(NOBODY) == 1


def test_callcode_with_value_makes_no_account_and_moves_nothing():
    environment = _scene(PRAGUE, _call(NOBODY, value=1, name="CALLCODE"))
    measured = environment.send(A)
    assert measured.components[Component.CALL] == 9_000 - 2_300
    assert environment.balance(NOBODY) == 0


def test_static_call_forbids_writing_even_below():
    writes = op("SSTORE", 1, 1)
    environment = _scene(PRAGUE, _call(B, name="STATICCALL"), _call(HELPERS[2]), writes)
    measured = environment.send(A)
    assert measured.success
    assert environment.storage(HELPERS[2], 1) == 0
    assert measured.components[Component.BURNED] > 90_000


def test_delegatecall_to_a_precompile_is_a_precompile():
    precompile = bytes(19) + b"\x04"
    measured = _scene(PRAGUE, _call(precompile, name="DELEGATECALL")).send(A)
    assert measured.components[Component.PRECOMPILE] == 15
    assert measured.components[Component.ACCOUNT_WARM] == 100


def test_precompile_without_enough_gas_burns_what_it_had():
    measured = _scene(PRAGUE, _call(bytes(19) + b"\x01", gas=2_999)).send(A)
    assert Component.PRECOMPILE not in measured.components
    assert measured.components[Component.BURNED] == 2_999


def test_call_of_oneself_ends_for_want_of_gas():
    code = _call(A, gas=2**255)
    measured = _scene(PRAGUE, code).send(A, gas=30_000_000)
    assert measured.success
    assert measured.gas < 30_000_000


# --- creations --------------------------------------------------------------------------------


def _creating(initcode: bytes, value: int = 0) -> bytes:
    word = _number(initcode.ljust(32, b"\0"))
    return op("MSTORE", 0, word) + op("CREATE", value, 0, len(initcode))


def test_create_pays_for_initcode_and_code():
    measured = _scene(PRAGUE, _creating(op("RETURN", 0, 10))).send(A)
    assert measured.components[Component.CREATE] == 32_000 + 2
    assert measured.components[Component.CODE_DEPOSIT] == 10 * 200
    assert measured.state_bytes_grown == 120 + 10


def test_create_without_gas_for_its_code_halts_and_leaves_nothing():
    environment = _scene(PRAGUE, _creating(op("RETURN", 0, 200)))
    measured = environment.send(A, gas=90_000)
    assert measured.success
    assert Component.CODE_DEPOSIT not in measured.components
    assert measured.components[Component.BURNED] > 30_000
    assert measured.state_bytes_grown == 0


@pytest.mark.parametrize(
    "initcode",
    [op("MSTORE8", 0, 0xEF) + op("RETURN", 0, 1), op("INVALID"), op("RETURN", 0, 24_577)],
)
def test_create_that_fails_burns_all_but_a_64th(initcode):
    measured = _scene(PRAGUE, _creating(initcode)).send(A, gas=5_000_000)
    assert measured.success
    assert measured.gas > 5_000_000 * 63 // 64 - 2_000
    assert measured.components[Component.BURNED] > 4_000_000


def test_create_that_reverts_returns_its_data_and_gas():
    initcode = op("MSTORE", 0, 9) + op("REVERT", 0, 32)
    code = _creating(initcode) + op("RETURNDATACOPY", 0, 0, 32) + op("RETURN", 0, 32)
    measured = _scene(PRAGUE, code).send(A)
    assert measured.output == (9).to_bytes(32, "big")
    assert Component.BURNED not in measured.components


def test_create_at_an_address_that_is_taken_burns_what_the_child_would_have_had():
    code = _creating(op("STOP"))[:-1] + b"\xf5"  # CREATE2, salt below
    code = op("PUSH0") + code + op("PUSH0") + code
    measured = _scene(PRAGUE, code).send(A, gas=5_000_000)
    assert measured.success
    assert measured.components[Component.BURNED] > 4_000_000


def test_create_with_more_value_than_there_is_costs_its_base_alone():
    measured = _scene(PRAGUE, _creating(op("STOP"), value=11)).send(A)
    assert measured.components[Component.CREATE] == 32_002
    assert Component.BURNED not in measured.components
    assert measured.state_bytes_grown == 0


def test_creation_transaction_shows_initcode_and_code():
    initcode = op("RETURN", 0, 10)
    measured = Environment(PRAGUE).send(None, initcode)
    assert measured.components[Component.CREATE] == 32_000 + 2
    assert (measured.initcode_bytes, measured.code_bytes) == (len(initcode), 10)
    assert measured.contract is not None


def test_selfdestruct_pays_for_a_cold_heir_and_a_new_account():
    code = op("SELFDESTRUCT", _number(NOBODY))
    environment = _scene(PRAGUE, code)
    measured = environment.send(A)
    assert measured.components[Component.SELFDESTRUCT] == 5_000 + 25_000
    assert measured.components[Component.ACCOUNT_COLD] == 2_600
    assert environment.balance(NOBODY) == 10
    assert environment.code(A) == code  # EIP-6780: it was there before


def test_selfdestruct_in_the_creating_transaction_ends_the_account():
    code = _creating(op("SELFDESTRUCT", _number(ALICE)), value=3)
    environment = _scene(PRAGUE, code)
    measured = environment.send(A)
    assert measured.components[Component.SELFDESTRUCT] == 5_000
    assert environment.balance(ALICE) == 4
    assert measured.state_bytes_grown == 0


# --- what is counted beside the gas -----------------------------------------------------------


def test_slots_are_counted_by_first_and_last_value():
    code = b"".join(
        [
            op("SSTORE", 1, 1),  # created
            op("SSTORE", 2, 1) + op("SSTORE", 2, 0),  # nothing, in the end
            op("SSTORE", 3, 2),  # changed
            op("SSTORE", 4, 0),  # cleared
            op("SSTORE", 5, 7) + op("SSTORE", 5, 1),  # nothing, in the end
            op("SSTORE", 6, 1),  # nothing at all
            op("SLOAD", 7) + op("SLOAD", 3),  # read, and read before it is written
        ]
    )
    environment = _scene(PRAGUE, code)
    for slot in (3, 4, 5, 6):
        environment.set_storage(A, slot, 1)
    measured = environment.send(A)
    assert (measured.slots_created, measured.slots_changed, measured.slots_cleared) == (1, 1, 1)
    assert measured.writes == {(A, 1), (A, 3), (A, 4)}
    assert measured.reads == {(A, 3), (A, 6), (A, 7)}
    assert measured.slots_read == 2
    assert measured.state_bytes_grown == 0
    assert measured.access_slots == 7


def test_memory_peak_is_the_highest_of_any_frame():
    measured = _scene(PRAGUE, op("MSTORE", 64, 1) + _call(B), op("MSTORE", 1_000, 1)).send(A)
    assert measured.memory_peak_bytes == 1_056  # 1,032 in whole words


def test_logs_count_topics_and_data():
    code = op("LOG2", 0, 40, 1, 2) + op("LOG0", 0, 0)
    measured = _scene(PRAGUE, code).send(A)
    assert (measured.log_count, measured.log_bytes) == (2, 64 + 40)
    assert measured.components[Component.LOG] == 2 * 375 + 2 * 375 + 8 * 40
    assert measured.logs[0].topics == (1, 2)


# --- state gas (EIP-8037) ---------------------------------------------------------------------

AMSTERDAM = load_schedule("amsterdam-draft")
SLOT, ACCOUNT = 97_920, 183_600


def test_state_gas_comes_from_the_reservoir_above_the_cap_first():
    code = op("SSTORE", 1, 1) + op("GAS") + op("PUSH0") + op("MSTORE")[:1] + op("RETURN", 0, 32)
    lefts = []
    for gas in (2**24, 2**24 + 50_000, 2**24 + SLOT, 2**24 + 10**6):
        measured = _scene(AMSTERDAM, code).send(A, gas=gas)
        assert measured.state_gas == SLOT
        lefts.append(int.from_bytes(measured.output, "big"))
    assert [left - lefts[0] for left in lefts] == [0, 50_000, SLOT, SLOT]


def test_state_gas_of_a_slot_that_is_zero_again_is_given_back():
    measured = _scene(AMSTERDAM, op("SSTORE", 1, 1) + op("SSTORE", 1, 0)).send(A)
    assert measured.state_gas == 0
    assert measured.refund_counted == 10_000


@pytest.mark.parametrize("spare", [0, 10**6], ids=["from gas", "from the reservoir"])
def test_state_gas_of_a_reverting_frame_is_given_back(spare):
    child = op("SSTORE", 1, 1) + op("REVERT", 0, 0)
    measured = _scene(AMSTERDAM, _call(B, gas=500_000), child).send(A, gas=2**24 + spare)
    assert measured.state_gas == 0
    assert Component.BURNED not in measured.components


@pytest.mark.parametrize("spare", [0, 10**6], ids=["from gas", "from the reservoir"])
def test_state_gas_of_a_halting_frame_is_burned_if_it_was_gas(spare):
    child = op("SSTORE", 1, 1) + op("INVALID")
    measured = _scene(AMSTERDAM, _call(B, gas=500_000), child).send(A, gas=2**24 + spare)
    regular = 2_000 + 10_100 + 2 * 3
    assert measured.components[Component.BURNED] == 500_000 - regular
    assert measured.state_gas == 0
    assert measured.gas == 15_000 + 3_000 + 500_000 + 5 * 2 + 2 * 3


def test_state_gas_of_a_call_that_makes_an_account():
    measured = _scene(AMSTERDAM, _call(NOBODY, value=1)).send(A)
    assert measured.components[Component.STATE_ACCOUNT] == ACCOUNT
    assert measured.components[Component.CALL] == 11_300 - 2_300


def test_state_gas_of_a_creation_is_given_back_if_it_fails():
    measured = _scene(AMSTERDAM, _creating(op("REVERT", 0, 0))).send(A)
    assert measured.state_gas == 0
    measured = _scene(AMSTERDAM, _creating(op("RETURN", 0, 10))).send(A)
    assert measured.components[Component.STATE_ACCOUNT] == ACCOUNT
    assert measured.components[Component.STATE_CODE] == 10 * 1_530
    assert measured.components[Component.CODE_DEPOSIT] == 6


def test_state_classes_of_a_schedule_are_made_once():
    assert lab_state(PRAGUE) is lab_state(load_schedule("prague"))
    assert lab_state(PRAGUE) is not lab_state(PRAGUE.with_constant("log.byte", 9))
