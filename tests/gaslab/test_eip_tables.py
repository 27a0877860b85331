"""Tables that Ethereum's improvement proposals publish, row by row."""

from __future__ import annotations

from pathlib import Path

import pytest

from gaslab.components import Component
from gaslab.environment import Environment
from gaslab.errors import TransactionRefused
from gaslab.schedule import Schedule, load_schedule
from tests.gaslab.programs import ALICE, NOBODY, op

CONTRACT = b"\xc0" * 20
ENVELOPE = {Component.INTRINSIC, Component.ACCESS_LIST, Component.REFUND}
ISTANBUL = load_schedule(Path(__file__).with_name("istanbul.toml"))
CANCUN, PRAGUE, OSAKA, AMSTERDAM = map(
    load_schedule, ("cancun", "prague", "osaka", "amsterdam-draft")
)


def _measured(schedule: Schedule, code: bytes, *, storage=(), to=CONTRACT, **options):
    environment = Environment(schedule)
    environment.set_code(CONTRACT, code)
    environment.set_balance(ALICE, 1)
    for slot, value in storage:
        environment.set_storage(CONTRACT, slot, value)
    return environment.send(to, **options)


def _execution(measurement) -> int:
    """Gas of the opcodes alone, before the refund."""
    assert measurement.success, measurement.error
    return sum(gas for part, gas in measurement.components.items() if part not in ENVELOPE)


# Code, original value of slot 0; gas used and refund under EIP-2200, and, with the slot warm, under
# EIP-3529.
SSTORES = [
    ("60006000556000600055", 0, (1_612, 0), (212, 0)),
    ("60006000556001600055", 0, (20_812, 0), (20_112, 0)),
    ("60016000556000600055", 0, (20_812, 19_200), (20_112, 19_900)),
    ("60016000556002600055", 0, (20_812, 0), (20_112, 0)),
    ("60016000556001600055", 0, (20_812, 0), (20_112, 0)),
    ("60006000556000600055", 1, (5_812, 15_000), (3_012, 4_800)),
    ("60006000556001600055", 1, (5_812, 4_200), (3_012, 2_800)),
    ("60006000556002600055", 1, (5_812, 0), (3_012, 0)),
    ("60026000556000600055", 1, (5_812, 15_000), (3_012, 4_800)),
    ("60026000556003600055", 1, (5_812, 0), (3_012, 0)),
    ("60026000556001600055", 1, (5_812, 4_200), (3_012, 2_800)),
    ("60026000556002600055", 1, (5_812, 0), (3_012, 0)),
    ("60016000556000600055", 1, (5_812, 15_000), (3_012, 4_800)),
    ("60016000556002600055", 1, (5_812, 0), (3_012, 0)),
    ("60016000556001600055", 1, (1_612, 0), (212, 0)),
    ("600160005560006000556001600055", 0, (40_818, 19_200), (40_118, 19_900)),
    ("600060005560016000556000600055", 1, (10_818, 19_200), (5_918, 7_600)),
]
ROWS = [pytest.param(*row, id=f"{row[1]}-{row[0]}") for row in SSTORES]


@pytest.mark.parametrize(("code", "original", "istanbul", "london"), ROWS)
def test_sstore_eip_2200_table_is_reproduced_by_a_users_schedule(code, original, istanbul, london):
    measured = _measured(ISTANBUL, bytes.fromhex(code), storage=[(0, original)])
    assert (_execution(measured), measured.refund_counted) == istanbul


@pytest.mark.parametrize("schedule", [CANCUN, PRAGUE, OSAKA], ids=lambda one: one.name)
@pytest.mark.parametrize(("code", "original", "istanbul", "london"), ROWS)
def test_sstore_eip_3529_table_is_reproduced(code, original, istanbul, london, schedule):
    measured = _measured(
        schedule, bytes.fromhex(code), storage=[(0, original)], access_list=[(CONTRACT, [0])]
    )
    assert (_execution(measured), measured.refund_counted) == london
    applied = -measured.components.get(Component.REFUND, 0)
    assert applied == min((measured.execution + applied) // 5, london[1])


def test_sstore_eip_2200_sentry_halts_with_2300_left_and_not_with_2301():
    code = bytes.fromhex("60006000556000600055")
    fixed = 21_000 + 12 + 800  # both pairs of PUSH and the first SSTORE
    assert _measured(ISTANBUL, code, gas=fixed + 2_300).error == "OutOfGas"
    assert _measured(ISTANBUL, code, gas=fixed + 2_301).success


@pytest.mark.parametrize(
    ("schedule", "first", "second"),
    [(PRAGUE, 22_100, 5_000), (AMSTERDAM, 110_020, 12_100)],
    ids=lambda one: getattr(one, "name", one),
)
def test_sstore_cold_slot_costs_what_the_fork_says(schedule, first, second):
    assert _execution(_measured(schedule, op("SSTORE", 0, 1))) == first + 5
    found = _measured(schedule, op("SSTORE", 0, 2), storage=[(0, 1)])
    assert _execution(found) == second + 5


# --- EIP-2780 and 8037: what a transaction pays by itself -------------------------------------


@pytest.mark.parametrize(
    ("to", "value", "regular", "state"),
    [
        pytest.param(ALICE, 1, 12_000 + 3_000 + 4_244 + 1_756, 0, id="transfer"),
        pytest.param(ALICE, 0, 15_000, 0, id="nothing to an existing account"),
        pytest.param("self", 1, 12_000, 0, id="transfer to oneself"),
        pytest.param("self", 0, 12_000, 0, id="nothing to oneself"),
        pytest.param(NOBODY, 0, 15_000, 0, id="nothing to nobody"),
        pytest.param(NOBODY, 1, 21_000, 120 * 1_530, id="transfer that makes an account"),
        pytest.param(None, 0, 24_000, 120 * 1_530, id="creation"),
        pytest.param(None, 1, 24_000, 120 * 1_530, id="creation with value"),
    ],
)
def test_transaction_eip_2780_cases_are_reproduced(to, value, regular, state):
    environment = Environment(AMSTERDAM)
    environment.set_balance(ALICE, 1)
    to = environment.accounts[0] if to == "self" else to
    measured = environment.send(to, value=value, gas=300_000)
    assert measured.gas == regular + state
    assert measured.state_gas == measured.components.get(Component.STATE_ACCOUNT, 0) == state


def test_transaction_eip_2780_without_gas_for_the_new_account_halts_and_takes_all():
    measured = Environment(AMSTERDAM).send(NOBODY, value=1, gas=204_599)
    assert measured.error == "OutOfGas"
    assert measured.gas == 204_599
    assert measured.state_gas == 0


# --- EIP-5656: MCOPY --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("to", "start", "size", "before", "after", "gas"),
    [
        (0, 32, 32, bytes(32) + bytes(range(32)), bytes(range(32)) * 2, 6),
        (0, 0, 32, b"\1" * 32, b"\1" * 32, 6),
        (0, 1, 8, bytes(range(9)), bytes([*range(1, 9), 8]), 6),
        (1, 0, 8, bytes(range(9)), bytes([0, *range(8)]), 6),
    ],
)
def test_mcopy_eip_5656_cases_are_reproduced(to, start, size, before, after, gas):
    words = [before[i : i + 32].ljust(32, b"\0") for i in range(0, len(before), 32)]
    fill = b"".join(op("MSTORE", 32 * i, int.from_bytes(w, "big")) for i, w in enumerate(words))
    end = op("RETURN", 0, len(after))
    plain = _measured(CANCUN, fill + op("PUSH0") * 3 + op("POP") * 3 + end)
    pushes = op("MCOPY", to, start, size)
    copied = _measured(CANCUN, fill + pushes + end)
    assert copied.output == after
    operands = sum(2 if argument == 0 else 3 for argument in (to, start, size))
    assert _execution(copied) - operands - (_execution(plain) - 3 * 2 - 3 * 2) == gas


def test_mcopy_beyond_memory_expands_for_the_farther_of_both_ends():
    measured = _measured(CANCUN, op("MCOPY", 0, 1024, 32))
    assert measured.components[Component.MEMORY_EXPANSION] == 33 * 3 + 33 * 33 // 512
    assert measured.memory_peak_bytes == 33 * 32
    assert measured.components[Component.COPY] == 6


# --- EIP-7623, 7976: the floor ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("schedule", "zeros", "others", "gas"),
    [
        (CANCUN, 100, 100, 21_000 + 400 + 1_600),
        (PRAGUE, 100, 0, 21_000 + 1_000),
        (PRAGUE, 0, 100, 21_000 + 4_000),
        (PRAGUE, 100, 100, 21_000 + 5_000),
        (AMSTERDAM, 100, 100, 15_000 + 200 * 64),
    ],
    ids=lambda one: getattr(one, "name", str(one)),
)
def test_floor_calldata_alone_costs_the_floor(schedule, zeros, others, gas):
    measured = _measured(schedule, b"", data=bytes(zeros) + b"\1" * others)
    assert measured.gas == gas
    assert measured.gas - measured.components.get(Component.FLOOR, 0) == measured.execution


def test_floor_execution_above_it_pays_no_more_than_itself():
    code = op("KECCAK256", 0, 60_000)
    measured = _measured(PRAGUE, code, data=b"\1" * 100)
    assert measured.floor == 25_000 < measured.gas == measured.execution
    assert Component.FLOOR not in measured.components


def test_floor_with_a_capped_refund_comes_after_it():
    # Two clears count 9,600; a fifth of 32,630 is applied; then the floor decides.
    code = op("SSTORE", 0, 0) + op("SSTORE", 1, 0)
    data = b"\1" * 200
    measured = _measured(PRAGUE, code, storage=[(0, 1), (1, 1)], data=data)
    used = 21_000 + 16 * 200 + 2 * 5_000 + 2 + 2 + 3 + 2
    assert measured.refund_counted == 9_600 > used // 5
    assert measured.execution == used - used // 5
    assert measured.gas == measured.floor == 21_000 + 40 * 200
    assert measured.components[Component.REFUND] == -(used // 5)
    assert measured.components[Component.FLOOR] == measured.floor - measured.execution


@pytest.mark.parametrize("data", [b"\1" * 100, bytes(100)], ids=["bytes", "zeros"])
def test_floor_gas_limit_below_it_is_refused(data):
    environment = Environment(PRAGUE)
    least = environment.send(ALICE, data).floor
    with pytest.raises(TransactionRefused, match=str(least)):
        environment.send(ALICE, data, gas=least - 1)
    assert environment.send(ALICE, data, gas=least).gas == least


# --- EIP-2929, 2930, 3860 ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["BALANCE", "EXTCODESIZE", "EXTCODEHASH"])
@pytest.mark.parametrize(
    ("schedule", "cold", "warm", "code"),
    [(PRAGUE, 2_600, 100, 0), (AMSTERDAM, 3_000, 100, 100)],
    ids=lambda one: getattr(one, "name", one),
)
def test_account_first_access_is_cold_and_the_next_warm(name, schedule, cold, warm, code):
    read = op(name, int.from_bytes(ALICE, "big"))
    extra = code if name == "EXTCODESIZE" else 0
    measured = _measured(schedule, read + read)
    assert measured.components[Component.ACCOUNT_COLD] == cold
    assert measured.components[Component.ACCOUNT_WARM] == warm + 2 * extra
    listed = _measured(schedule, read, access_list=[(ALICE, [])])
    assert Component.ACCOUNT_COLD not in listed.components


def test_account_known_to_the_transaction_is_warm_from_the_start():
    environment = Environment(PRAGUE)
    known = [environment.accounts[0], CONTRACT, environment.coinbase, bytes(19) + b"\x09"]
    code = b"".join(op("BALANCE", int.from_bytes(one, "big")) for one in known)
    measured = _measured(PRAGUE, code)
    assert measured.components[Component.ACCOUNT_WARM] == 4 * 100
    assert Component.ACCOUNT_COLD not in measured.components
    assert measured.access_accounts == 3  # precompiles are not counted


@pytest.mark.parametrize(
    ("schedule", "gas"),
    [(PRAGUE, 2 * 2_400 + 3 * 1_900), (AMSTERDAM, 2 * 2_900 + 3 * 2_000 + 64 * (40 + 96))],
    ids=lambda one: getattr(one, "name", one),
)
def test_access_list_costs_by_address_and_key(schedule, gas):
    measured = _measured(schedule, b"", access_list=[(ALICE, [1, 2]), (CONTRACT, [3])])
    assert measured.components[Component.ACCESS_LIST] == gas
    assert measured.access_slots == 3


def test_access_list_listed_slot_saves_nothing_unless_it_is_used_twice():
    once = op("SLOAD", 7)
    plain = _measured(PRAGUE, once).gas
    listed = _measured(PRAGUE, once, access_list=[(CONTRACT, [7])]).gas
    assert listed - plain == 2_400 + 1_900 - (2_100 - 100)


@pytest.mark.parametrize("size", [1, 32, 33, 49_152])
def test_initcode_eip_3860_costs_two_gas_a_word(size):
    measured = Environment(PRAGUE).send(None, bytes(size), gas=3_000_000)
    assert measured.components[Component.CREATE] == 32_000 + 2 * ((size + 31) // 32)


def test_initcode_above_the_limit_is_refused_in_a_transaction_and_halts_a_frame():
    with pytest.raises(TransactionRefused, match="49153"):
        Environment(PRAGUE).send(None, bytes(49_153))
    assert _measured(PRAGUE, op("CREATE", 0, 0, 49_153)).error == "CodeTooLong"
    assert _measured(PRAGUE, op("CREATE", 0, 0, 49_152)).success


# --- precompiles ------------------------------------------------------------------------------


def _precompile_gas(schedule: Schedule, number: int, data: bytes) -> int:
    code = op("CALLDATACOPY", 0, 0, len(data))
    code += op("STATICCALL", 2**64, number, 0, len(data), 0, 0) + op("MSTORE", 0, 0)
    measured = _measured(schedule, code, data=data)
    return measured.components.get(Component.PRECOMPILE, 0)


def _modexp(base: int, exponent: int, modulus: int) -> bytes:
    """Operands of lengths; the exponent is a number in as many bytes as it needs."""
    size = max((exponent.bit_length() + 7) // 8, 1)
    lengths = b"".join(n.to_bytes(32, "big") for n in (base, size, modulus))
    return lengths + b"\xaa" * base + exponent.to_bytes(size, "big") + b"\xbb" * modulus


@pytest.mark.parametrize(
    ("size", "exponent", "eip_2565", "eip_7883"),
    [
        (64, 2, 200, 500),
        (64, 3, 200, 500),
        (64, 0x10001, 341, 2_048),
        (128, 2, 200, 512),
        (128, 3, 200, 512),
        (128, 0x10001, 1_365, 8_192),
        (256, 2, 341, 2_048),
        (256, 3, 341, 2_048),
        (256, 0x10001, 5_461, 32_768),
        (512, 2, 1_365, 8_192),
        (512, 3, 1_365, 8_192),
        (512, 0x10001, 21_845, 131_072),
        (1_024, 2, 5_461, 32_768),
        (1_024, 3, 5_461, 32_768),
        (1_024, 0x10001, 87_381, 524_288),
    ],
)
def test_modexp_eip_2565_and_7883_tables_are_reproduced(size, exponent, eip_2565, eip_7883):
    data = _modexp(size, exponent, size)
    assert _precompile_gas(PRAGUE, 5, data) == eip_2565
    assert _precompile_gas(OSAKA, 5, data) == eip_7883


def test_modexp_eip_7823_refuses_operands_above_1024_bytes():
    code = op("CALLDATACOPY", 0, 0, 0x2000) + op("STATICCALL", 10**6, 5, 0, 0x2000, 0, 0)
    code += op("PUSH0") + op("MSTORE")[:1] + op("RETURN", 0, 32)
    for schedule, done in ((PRAGUE, 1), (OSAKA, 0)):
        measured = _measured(schedule, code, data=_modexp(1_025, 3, 1))
        assert int.from_bytes(measured.output, "big") == done
        assert (Component.BURNED in measured.components) == (not done)


@pytest.mark.parametrize(
    ("number", "data", "gas"),
    [
        (1, b"", 3_000),
        (2, b"\1" * 33, 60 + 2 * 12),
        (3, b"\1" * 33, 600 + 2 * 120),
        (4, b"\1" * 33, 15 + 2 * 3),
        (6, b"", 150),  # EIP-1108
        (7, b"", 6_000),
        (8, b"", 45_000),
        (8, bytes(192), 45_000 + 34_000),
        (9, (12).to_bytes(4, "big") + bytes(209), 12),  # EIP-152
        (0x0B, bytes(256), 375),  # EIP-2537
        (0x0C, bytes(160), 12_000),
        (0x0C, bytes(320), 2 * 12_000 * 949 // 1_000),
        (0x0D, bytes(512), 600),
        (0x0E, bytes(288), 22_500),
    ],
)
def test_precompile_costs_what_its_proposal_says(number, data, gas):
    assert _precompile_gas(PRAGUE, number, data) == gas


def test_precompile_that_a_schedule_does_not_have_is_an_empty_account():
    assert _precompile_gas(CANCUN, 0x0B, bytes(256)) == 0
    assert _precompile_gas(PRAGUE, 0x100, bytes(160)) == 0
    assert _precompile_gas(OSAKA, 0x100, bytes(160)) == 6_900


def test_clz_exists_from_osaka_on_and_counts_leading_zeros():
    for value, zeros in ((0, 256), (1, 255), (2**255, 0), (2**200, 55)):
        code = op("CLZ", value) + op("PUSH0") + op("MSTORE")[:1] + op("RETURN", 0, 32)
        assert int.from_bytes(_measured(OSAKA, code).output, "big") == zeros
    assert _measured(PRAGUE, code).error == "InvalidInstruction"


def test_transaction_above_the_cap_is_refused_from_osaka_on():
    Environment(PRAGUE).send(ALICE, gas=2**24 + 1)
    with pytest.raises(TransactionRefused, match="16777216"):
        Environment(OSAKA).send(ALICE, gas=2**24 + 1)
