"""Where gas goes: by function, line and stack; every unit somewhere."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from gaslab.components import Component
from gaslab.environment import Environment
from gaslab.errors import MeterBroken
from gaslab.experiment import Settings
from gaslab.measurement import Measurement
from gaslab.pair import load_pair
from gaslab.profile import (
    Profile,
    as_collapsed,
    as_speedscope,
    as_text,
    profile_of,
    profile_variants,
)
from gaslab.schedule import NAMES, load_schedule
from gaslab.solc import ROOT, Contract, compile_files, loaded
from gaslab.sources import Sources, decode_source_map, functions_of, instructions, line_starts

LEGACY = Settings(via_ir=False, optimizer=False)
SOURCE = """// SPDX-License-Identifier: MIT
// Umlauts count two bytes: äöü.
pragma solidity 0.8.37;

contract Inner {
    uint256 private _kept;

    function keep(uint256 value) external {
        _kept = value; // line 9
    }

    function drop() external {
        _kept = 0; // line 13
    }
}

contract Outer {
    Inner public immutable INNER;
    uint256 private _sum;

    constructor() {
        INNER = new Inner();
    }

    modifier counted() {
        _sum += 1; // line 26
        _;
    }

    function run(uint256 times) external counted {
        for (uint256 i; i < times; ++i) {
            _one(i);
        }
        INNER.keep(_sum); // line 34
    }

    function again() external {
        _two();
        INNER.drop();
    }

    function fail() external {
        _sum = 1;
        assembly {
            invalid()
        }
    }

    function _one(uint256 i) private {
        _two();
        _sum += i; // line 51
    }

    function _two() private {
        _sum ^= 3; // line 55
    }
}
"""
FILE = "Nested.sol"


@pytest.fixture(scope="module")
def contracts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Contract]:
    path = tmp_path_factory.mktemp("nested") / FILE
    path.write_text(SOURCE, encoding="utf-8")
    return compile_files([path], LEGACY)


def profiled(
    contracts: dict[str, Contract], calls: Sequence[tuple[str, int]], schedule: str = "prague"
) -> tuple[Profile, list[Measurement]]:
    environment = Environment(load_schedule(schedule), profile=True)
    outer = environment.deploy(contracts["Outer"])
    measured = [
        outer.send(name, *([number] if number else []), gas=1_000_000) for name, number in calls
    ]
    return profile_of("case", measured, environment, list(contracts.values())), measured


def test_profile_of_internal_calls_and_modifiers_make_the_stack(
    contracts: dict[str, Contract],
) -> None:
    profile, _ = profiled(contracts, [("run", 3)])
    stacks = profile.stacks

    two = [stack for stack in stacks if stack[-1] == "Outer._two"]
    assert [[one for one in stack if "(" not in one] for stack in two] == [
        ["run", "Outer.run", "Outer._one", "Outer._two"]
    ]
    assert any("Outer.counted" in stack for stack in stacks)
    # A call into another contract stands on the function that makes it.
    inner = [stack for stack in stacks if stack[-1] == "Inner.keep"]
    assert inner
    assert all("Outer.run" in stack and "Outer._one" not in stack for stack in inner)


def test_profile_of_lines_cost_what_their_opcodes_do(contracts: dict[str, Contract]) -> None:
    profile, (measurement,) = profiled(contracts, [("run", 3)])
    lines = {line: gas for (_, line), gas in profile.lines.items()}

    assert {name for name, line in profile.lines if line} == {FILE}
    # The slot is cold and zero at first: 2,100 and 20,000 here, 100 and 100 from then on.
    assert 22_100 < lines[26] < 22_500
    assert 3 * 200 < lines[55] < 3 * 200 + 500
    assert 3 * 200 < lines[51] < 3 * 200 + 700
    assert 22_100 < lines[9] < 22_300
    assert 2_600 < lines[34] < 4_000  # a cold account, and the ABI around it
    assert sum(profile.lines.values()) == measurement.gas - sum(profile.outside.values())


def test_steps_of_a_transaction_are_in_the_order_of_execution(
    contracts: dict[str, Contract],
) -> None:
    _, (measurement,) = profiled(contracts, [("run", 3)])
    (own,) = {code for depth, code, _, _ in measurement.steps if depth == 0}
    code = contracts["Outer"].runtime
    booked: dict[tuple[bytes, int], int] = {}
    jumped = 0
    for _, name, pc, gas in measurement.steps:
        booked[name, pc] = booked.get((name, pc), 0) + gas
    ran = [pc for _, name, pc, gas in measurement.steps if name == own and gas]
    for here, after in pairwise(ran):
        opcode = code[here]
        size = opcode - 0x5E if 0x60 <= opcode <= 0x7F else 1
        if opcode in (0x56, 0x57):  # JUMP, JUMPI
            assert after == here + size or code[after] == 0x5B
            jumped += 1
        else:
            assert after == here + size

    assert jumped > 20
    assert {key: gas for key, gas in booked.items() if gas} == dict(measurement.by_pc)


@pytest.mark.parametrize("schedule", NAMES)
def test_profile_of_every_unit_is_somewhere(contracts: dict[str, Contract], schedule: str) -> None:
    calls = [("run", 2), ("again", 0), ("fail", 0)]
    profile, measured = profiled(contracts, calls, schedule)

    assert not measured[-1].success
    assert profile.gas == sum(one.gas for one in measured)
    assert sum(profile.stacks.values()) == profile.gas
    assert sum(gas for _, gas in profile.runs) == sum(sum(one.by_pc.values()) for one in measured)
    for part in (Component.INTRINSIC, Component.REFUND):
        known = sum(one.components.get(part, 0) for one in measured)
        assert profile.outside[str(part)] == known
    assert profile.outside["refund"] < 0  # `again` clears a slot
    burned = [stack for stack in profile.stacks if stack[-1] == "Outer.fail"]
    assert sum(profile.stacks[stack] for stack in burned) > 900_000


def test_profile_of_a_deployment_runs_the_constructor(contracts: dict[str, Contract]) -> None:
    environment = Environment(load_schedule("prague"), profile=True)
    creation = environment.deploy(contracts["Outer"]).creation
    profile = profile_of("deploy", [creation], environment, list(contracts.values()))

    assert profile.gas == creation.gas
    assert any("Outer.constructor" in stack for stack in profile.stacks)
    deposit = creation.components[Component.CODE_DEPOSIT]
    inner = 200 * len(contracts["Inner"].runtime)  # paid by CREATE, in the constructor
    assert profile.outside["creation, deposit and prepaid state"] >= deposit - inner


def test_profile_of_unknown_code_has_its_hash_for_a_name(contracts: dict[str, Contract]) -> None:
    environment = Environment(load_schedule("prague"), profile=True)
    outer = environment.deploy(contracts["Outer"])
    measured = [outer.send("run", 1)]
    profile = profile_of("case", measured, environment, [contracts["Outer"]])

    strangers = {stack[-1] for stack in profile.stacks if stack[-1].startswith("code ")}
    assert len(strangers) == 1
    assert profile.stacks.keys() >= {("run", "Outer (no function)")}


def test_check_a_unit_too_many_or_too_few_is_refused(contracts: dict[str, Contract]) -> None:
    profile, _ = profiled(contracts, [("run", 1)])
    stack, gas = profile.runs[0]

    for broken in (
        replace(profile, gas=profile.gas + 1),
        replace(profile, runs=[(stack, gas - 1), *profile.runs[1:]]),
        replace(profile, outside=profile.outside | {"intrinsic": 20_999}),
        replace(profile, lines=profile.lines | {("Nowhere.sol", 1): 1}),
    ):
        with pytest.raises(MeterBroken, match="by function"):
            broken.check()


def test_as_collapsed_lines_sum_to_the_gas_before_the_refund(
    contracts: dict[str, Contract],
) -> None:
    profile, measured = profiled(contracts, [("run", 2), ("again", 0)])
    lines = as_collapsed(profile).splitlines()

    total = sum(int(line.rpartition(" ")[2]) for line in lines)
    refund = sum(one.components.get(Component.REFUND, 0) for one in measured)
    assert refund < 0
    assert total == profile.gas - refund
    assert all(line.startswith("case;") for line in lines)
    assert "case;[intrinsic] 42000" in lines


def test_as_speedscope_samples_are_frames_in_order(contracts: dict[str, Contract]) -> None:
    profile, _ = profiled(contracts, [("run", 1), ("again", 0)])
    document = as_speedscope([profile, profile])
    names = [frame["name"] for frame in document["shared"]["frames"]]
    one, other = document["profiles"]

    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert one == other
    assert len(one["samples"]) == len(one["weights"])
    assert sum(one["weights"]) == one["endValue"]
    assert min(one["weights"]) > 0
    assert "refunded" in one["name"]
    shown = [tuple(names[index] for index in sample) for sample in one["samples"]]
    runs = [stack for stack, gas in profile.runs if gas > 0]
    assert shown[-len(runs) :] == runs
    assert len(set(names)) == len(names)


def test_as_text_names_functions_lines_and_the_rest(contracts: dict[str, Contract]) -> None:
    profile, _ = profiled(contracts, [("run", 2)])
    text = as_text(profile, 3)

    assert f"case: {profile.gas:,} gas" in text
    assert "Nested.sol:26" in text
    assert "intrinsic" in text
    assert "Outer.counted" in text


def test_profile_variants_through_the_legacy_pipeline_says_so() -> None:
    experiment = load_pair(ROOT / "gaslab" / "examples" / "vaults.toml").experiment
    schedule = load_schedule("prague")
    (ir,) = profile_variants(experiment, schedule, 4, ["packed"])
    (legacy,) = profile_variants(experiment, schedule, 4, ["packed"], legacy=True)

    assert "coarse" in ir.note
    assert "legacy" in legacy.note
    assert legacy.gas != ir.gas
    assert legacy.functions["PackedVault.deposit"][0] > ir.functions["PackedVault.deposit"][0]
    assert {one.name for one in loaded()} >= {"PlainVault", "PackedVault"}


# --- source maps ----------------------------------------------------------------------------------


def test_functions_of_the_compilers_tree_gives_their_places(contracts: dict[str, Contract]) -> None:
    (functions,) = functions_of(contracts["Outer"]).values()
    text = SOURCE.encode()

    assert [one.name for one in functions] == [
        "Inner.keep",
        "Inner.drop",
        "Outer.constructor",
        "Outer.counted",
        "Outer.run",
        "Outer.again",
        "Outer.fail",
        "Outer._one",
        "Outer._two",
    ]
    for one in functions:
        body = text[one.start : one.end].decode()
        assert one.name.split(".")[1] in body.split("{")[0]
        assert body.endswith("}")


def test_sources_each_instruction_has_a_place_in_the_map(contracts: dict[str, Contract]) -> None:
    """The map has as many entries as the code has instructions, and bytes are counted as bytes."""
    for contract in contracts.values():
        count = len(list(instructions(contract.runtime)))
        assert len(decode_source_map(contract.runtime_source_map)) == count
    sources = Sources(contracts["Inner"])
    code = contracts["Inner"].runtime
    store = [pc for pc in instructions(code) if code[pc] == 0x55]
    assert [sources.line(pc) for pc in store] == [(FILE, 9), (FILE, 13)]
    assert [sources.function(pc) for pc in store] == ["Inner.keep", "Inner.drop"]
    assert sources.line(10**6) is None


def test_line_starts_count_bytes_and_not_letters(tmp_path: Path) -> None:
    path = tmp_path / "x.sol"
    path.write_text("äb\nc\n\nd", encoding="utf-8")

    assert line_starts(path) == [0, 4, 6, 7]
