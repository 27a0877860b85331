"""Schedules as files: what they hold, and how a wrong one is told."""

from __future__ import annotations

import pickle
import re
from dataclasses import replace

import pytest

from gaslab.environment import Environment
from gaslab.errors import InputError
from gaslab.schedule import CONSTANTS, FOLDER, NAMES, OPCODES, load_schedule, load_schedules
from tests.gaslab.programs import op


def _file(tmp_path, text):
    path = tmp_path / "own.toml"
    path.write_text(text)
    return path


OWN = 'extends = "prague"\nname = "own"\ntitle = "Own"\n'


def test_schedules_of_the_lab_are_the_files_of_its_folder():
    assert [schedule.name for schedule in load_schedules()] == list(NAMES)
    assert {path.stem for path in FOLDER.glob("*.toml")} == set(NAMES)
    assert [schedule.draft for schedule in load_schedules()] == [False, False, False, True]


@pytest.mark.parametrize("name", NAMES)
def test_schedule_prices_every_opcode_of_its_fork(name):
    schedule = load_schedule(name)
    missing = {opcode for opcode, code in OPCODES.items() if code not in schedule.opcode_gas}
    assert missing == ({"CLZ"} if name in ("cancun", "prague") else set())


def test_schedule_that_extends_another_differs_only_in_what_it_says(tmp_path):
    own = load_schedule(_file(tmp_path, OWN + "[sstore]\ncreate = 7\n"))
    prague = load_schedule("prague")
    assert own["sstore.create"] == 7
    assert own == replace(prague.with_constant("sstore.create", 7), name="own", title="Own")


def test_schedule_may_extend_a_file_beside_it(tmp_path):
    (tmp_path / "below.toml").write_text(OWN + "[log]\nbyte = 9\n")
    own = load_schedule(_file(tmp_path, 'extends = "below.toml"\nname = "above"\n'))
    assert (own.name, own.title, own["log.byte"]) == ("above", "Own", 9)


def test_schedule_is_the_same_after_pickling():
    for schedule in load_schedules():
        again = pickle.loads(pickle.dumps(schedule))
        assert again == schedule
        assert hash(again) == hash(schedule)


def test_schedule_alone_needs_every_constant(tmp_path):
    with pytest.raises(InputError, match=r"own\.toml: limits\.code_size: found nothing"):
        load_schedule(_file(tmp_path, 'name = "own"\ntitle = "Own"\ndraft = false\n'))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("x = ", "own.toml: found Invalid value"),
        ("[sstore]\ncreat = 1", "own.toml: sstore.creat: found creat, allowed sentry, cold, noop"),
        ("[sstore]\ncreate = -1", "own.toml: sstore.create: found -1, allowed a whole number"),
        ("[sstore]\ncreate = 1.5", "own.toml: sstore.create: found 1.5, allowed a whole number"),
        ("[sstore]\ncreate = true", "own.toml: sstore.create: found True, allowed a whole number"),
        ("[sstore]\ncreate = '1'", "own.toml: sstore.create: found 1, allowed a whole number"),
        ("[memory]\nquadratic_divisor = 0", "memory.quadratic_divisor: found 0, allowed a whole"),
        (
            "[store]\ncreate = 1",
            "own.toml: [store]: found store, allowed one of limits, transaction",
        ),
        ("[opcodes]\nADDD = 1", "own.toml: opcodes.ADDD: found ADDD, allowed an opcode's mnemonic"),
        ("gas = 1", "own.toml: gas: found 1, allowed one of extends, name"),
        ("intrinsic = 'eip1'", "own.toml: intrinsic: found eip1, allowed one of frontier, eip2780"),
        ("state_gas = 1", "own.toml: state_gas: found 1, allowed one of False, True"),
        ("draft = 'no'", "own.toml: draft: found no, allowed true or false"),
        ("block_gas_limit = 'much'", "own.toml: block_gas_limit: found much, allowed a whole"),
        ("transaction_gas_cap = -1", "own.toml: transaction_gas_cap: found -1, allowed a whole"),
    ],
)
def test_schedule_wrong_field_is_told_with_file_field_found_and_allowed(tmp_path, text, told):
    with pytest.raises(InputError, match=re.escape(told)):
        load_schedule(_file(tmp_path, OWN + text + "\n"))


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ('extends = "berlin"', "own.toml: extends: found berlin, allowed one of cancun, prague"),
        ('extends = "own.toml"', "a schedule that does not extend it"),
        ("extends = 7", "own.toml: extends: found 7"),
    ],
)
def test_schedule_wrong_base_is_told(tmp_path, text, told):
    with pytest.raises(InputError, match=re.escape(told)):
        load_schedule(_file(tmp_path, text + "\n"))


def test_schedule_unknown_name_is_told_with_those_there_are():
    with pytest.raises(InputError, match="found berlin, allowed one of cancun, prague, osaka"):
        load_schedule("berlin")


@pytest.mark.parametrize("name", ["sstore", "sstore.make", "opcodes.NOP"])
def test_with_constant_unknown_name_is_refused(name):
    with pytest.raises(InputError, match="constant: found"):
        load_schedule("prague").with_constant(name, 1)


def test_with_constant_impossible_value_is_refused():
    with pytest.raises(InputError, match=r"transaction\.refund_quotient: found 0"):
        load_schedule("prague").with_constant("transaction.refund_quotient", 0)


# One program that pays for something of nearly every table.
HERE = b"\xc0" * 20
EVERYTHING = b"".join(
    [
        op("SSTORE", 1, 1),  # creates
        op("SSTORE", 2, 2),  # updates
        op("SSTORE", 3, 0),  # clears
        op("SSTORE", 1, 0),  # restores a zero
        op("SSTORE", 2, 1),  # restores another value
        op("SSTORE", 4, 1),  # nothing
        op("SLOAD", 9),
        op("SLOAD", 9),
        op("BALANCE", 0xB0B),
        op("BALANCE", 0xB0B),
        op("TSTORE", 1, 1),
        op("KECCAK256", 0, 4096),
        op("MCOPY", 0, 32, 32),
        op("LOG1", 0, 32, 1),
        op("EXP", 2, 256),
        op("CALL", 0, 0xB0B, 1, 0, 0, 0, 0),
        op("CALL", 10**5, 2, 0, 0, 32, 0, 0),
        op("MSTORE", 0, int.from_bytes(op("RETURN", 0, 32).ljust(32, b"\0"), "big")),
        op("CREATE", 0, 0, 32),
        op("CREATE2", 0, 0, 32, 1),
        op("SELFDESTRUCT", 0xCAFE),
    ]
)


def _gas(schedule):
    environment = Environment(schedule)
    environment.set_code(HERE, EVERYTHING)
    environment.set_balance(HERE, 5)
    for slot in (2, 3, 4):
        environment.set_storage(HERE, slot, 1)
    measured = environment.send(
        HERE, b"\0\1", access_list=[(b"\xaa" * 20, [1])], gas=environment.gas_limit
    )
    assert measured.success, measured.error
    return measured.gas, measured.refund_counted


# What EVERYTHING does not reach: creations by a transaction, limits, other precompiles, the floor,
# a refund above its cap.
ELSEWHERE = {
    "transaction.refund_quotient",
    "transaction.create",
    "transaction.initcode_word",
    "transaction.blob",
    "sstore.sentry",
    "account.code",
    "limits",
    "floor",
    "authorization",
    "precompile",
}


@pytest.mark.parametrize(
    "constant",
    [
        f"{table}.{name}"
        for table, (required, _) in CONSTANTS.items()
        for name in required
        if table not in ELSEWHERE and f"{table}.{name}" not in ELSEWHERE
    ]
    + ["precompile.sha256", "precompile.sha256_word"],
)
def test_constant_changed_by_one_changes_what_is_charged(constant):
    prague = load_schedule("prague")
    changed = prague.with_constant(constant, prague[constant] + 1)
    assert _gas(changed) != _gas(prague)


@pytest.mark.parametrize("name", ["PUSH0", "MCOPY", "ADD", "JUMPDEST", "SWAP", "SLOAD"])
def test_opcode_that_a_schedule_does_not_list_is_invalid(tmp_path, name):
    listed = (FOLDER / "cancun.toml").read_text()
    listed = listed.replace('name = "cancun"', 'name = "own"')
    own = load_schedule(_file(tmp_path, re.sub(rf"\n{name} = .*", "", listed)))
    code = {"SWAP": b"\x5f\x5f" + op("SWAP1"), "MCOPY": b"\x5f" * 3 + op("MCOPY")}
    for schedule, error in ((load_schedule("cancun"), ""), (own, "InvalidInstruction")):
        environment = Environment(schedule)
        environment.set_code(HERE, code.get(name, b"\x60\1\x60\1" + bytes([OPCODES.get(name, 0)])))
        assert environment.send(HERE).error == error
