"""The experiments of memory, calldata, opcodes and deployment: alike, and as their words say."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest

from gaslab.catalogue import calldata, deployment, memory, opcodes
from gaslab.errors import NotEquivalent
from gaslab.experiment import Variant
from gaslab.run import run_experiment
from gaslab.schedule import load_schedule
from gaslab.solc import compile_many

FAMILIES = (memory, calldata, opcodes, deployment)
EXPERIMENTS = {one.id: one for family in FAMILIES for one in family.EXPERIMENTS}


def _gas(name, size, schedule):
    """Gas by variant."""
    cases = run_experiment(EXPERIMENTS[name], load_schedule(schedule), sizes=[size])
    return {case.variant: case.gas for case in cases}


# --- alike ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_smallest_sizes_behaves_alike(name):
    experiment = EXPERIMENTS[name]
    sizes = experiment.sizes[:2]
    cases = run_experiment(experiment, load_schedule("prague"), sizes=sizes)
    expected = [one.name for one in experiment.variants if one.runs_under("prague")]
    assert list(dict.fromkeys(case.variant for case in cases)) == expected
    assert all(case.figures["execution"] > 15_000 for case in cases)
    assert len(cases) == len(sizes) * len(expected)


def test_clz_under_osaka_runs_the_opcode_and_costs_least():
    gas = _gas("clz", 64, "osaka")
    assert min(gas, key=gas.get) == "opcode"
    assert "opcode" not in _gas("clz", 1, "prague")


class Fault(NamedTuple):
    """A variant's source with one thing wrong."""

    experiment: str
    variant: str
    right: str
    wrong: str


FAULTS = {
    "offset": Fault("zero-copy", "records", "calldataload(add(at, 20))", "calldataload(at)"),
    "lost order": Fault(
        "scratch-hash",
        "scratch",
        "let end := add(orders.offset, shl(7, orders.length))",
        "let end := add(orders.offset, shl(7, sub(orders.length, 1)))",
    ),
    "stale level": Fault("pointer-reset", "pool", "clearLadder(ladder, seed);", ""),
    "dropped the wrong ones": Fault("memory-compaction", "words", "gt(shr(64", "lt(shr(64"),
    "partial copy": Fault(
        "mcopy", "mcopy", "mcopy(to, from, length)", "mcopy(to, from, sub(length, 1))"
    ),
    "wrong party": Fault("dictionary", "delta-words", "byte(1, record)", "byte(0, record)"),
    "lost price": Fault("length-cache", "slots", "+ (word >> 192)", ""),
    "forgotten guard": Fault("custom-errors", "bare", "require(price != 0);", ""),
    "limit cut off": Fault("clone", "arguments", "second) >> 32", "second) >> 24"),
    "wrong sign": Fault("branchless", "selects", "slt(y, x)", "lt(y, x)"),
}


def _mutant(fault, folder):
    """The experiment with its baseline and the faulty variant alone; the fault is planted where its
    text stands last."""
    experiment = EXPERIMENTS[fault.experiment]
    (variant,) = (one for one in experiment.variants if one.name == fault.variant)
    source = experiment.source_of(variant)
    text = source.read_text()
    assert fault.right in text, "the fault has nothing to change"
    at = text.rindex(fault.right)
    for needed in source.parent.glob("*.sol"):
        if needed.name in text:
            (folder / needed.name).write_text(needed.read_text())
    mutated = folder / source.name
    mutated.write_text(text[:at] + fault.wrong + text[at + len(fault.right) :])
    faulty = replace(variant, source=mutated)
    return replace(experiment, variants=(experiment.baseline, faulty))


@pytest.fixture(scope="module")
def mutants(tmp_path_factory):
    """All compiled together: the compiler takes longer to load than to work."""
    found = {name: _mutant(fault, tmp_path_factory.mktemp("m")) for name, fault in FAULTS.items()}
    compile_many(
        (one.source_of(one.variants[1]), one.settings_of(one.variants[1])) for one in found.values()
    )
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_variant_with_a_planted_fault_is_not_equivalent(name, mutants):
    fault, mutant = FAULTS[name], mutants[name]
    with pytest.raises(NotEquivalent, match=f"{fault.experiment}/{fault.variant}: "):
        run_experiment(mutant, load_schedule("prague"), sizes=[8])


# --- as the words say -----------------------------------------------------------------------------


def test_scratch_hash_of_calldata_from_prague_on_saves_nothing():
    assert len(set(_gas("scratch-hash", 64, "prague").values())) == 1
    before = _gas("scratch-hash", 64, "cancun")
    assert before["scratch"] < before["buffer"] < before["encode"]


def test_scratch_hash_without_calldata_saves_under_the_floor_too():
    gas = _gas("scratch-hash-derived", 64, "prague")
    assert gas["scratch"] < gas["buffer"] < gas["encode"]


def test_dictionary_of_many_fills_pays_and_of_one_does_not():
    single, many = _gas("dictionary", 1, "prague"), _gas("dictionary", 16, "prague")
    assert single["records"] < single["dictionary"]
    assert many["delta-words"] < many["words"] < many["records"] < many["abi"]


def test_passes_over_calldata_make_the_copy_pay():
    once, often = _gas("calldata-passes", 1, "cancun"), _gas("calldata-passes", 16, "cancun")
    assert once["calldata"] < once["memory"]
    assert often["memory"] < often["calldata"]


def test_memory_of_frames_overtakes_the_memory_of_one():
    few, many = _gas("memory-quadratic", 16, "prague"), _gas("memory-quadratic", 512, "prague")
    assert few["in-place"] < few["frames"]
    assert many["chunked"] < many["frames"] < many["in-place"] < many["whole"]


def test_pointer_reset_of_one_round_costs_more_than_garbage():
    one, many = _gas("pointer-reset", 1, "prague"), _gas("pointer-reset", 64, "prague")
    assert one["garbage"] < one["reset"]
    assert many["reset"] < many["garbage"]


def test_custom_errors_with_arguments_by_require_cost_more_where_nothing_fails():
    gas = _gas("custom-errors-passing", 8, "prague")
    assert gas["strings"] == gas["long-strings"]
    assert gas["errors"] > gas["strings"] > gas["errors-by-if"]


def test_error_arguments_from_storage_are_paid_for_where_nothing_fails():
    gas = _gas("error-arguments", 8, "prague")
    assert gas["require"] - gas["if"] >= 8 * 2100


def test_length_cache_saves_in_legacy_code_alone():
    gas = _gas("length-cache", 8, "prague")
    assert gas["once"] >= gas["each-time"]
    assert gas["once-legacy"] + 8 * 90 < gas["each-time-legacy"]


def test_access_list_on_the_draft_of_amsterdam_never_pays():
    now, draft = _gas("access-list", 8, "osaka"), _gas("access-list", 8, "amsterdam-draft")
    assert now["slots"] < now["address"] < now["none"] < now["own-slot"] < now["untouched"]
    assert min(draft, key=draft.get) == "none"


def test_clone_after_many_transactions_costs_more_than_a_full_contract():
    few, many = _gas("clone", 1, "prague"), _gas("clone", 256, "prague")
    assert few["arguments"] < few["clone"] < few["full"]
    assert many["full"] < many["arguments"] < many["clone"]


def test_stack_to_memory_by_the_compiler_costs_less_than_a_struct():
    gas = _gas("stack-to-memory", 64, "prague")
    assert gas["locals"] < min(gas["struct"], gas["struct-legacy"])


def test_variants_that_need_a_later_fork_say_so():
    late = [
        (one.id, variant.name)
        for one in EXPERIMENTS.values()
        for variant in one.variants
        if one.settings_of(variant).evm_version == "osaka"
    ]
    assert late == [("clz", "opcode"), ("push0", "osaka")]
    for name, wanted in late:
        (variant,) = (one for one in EXPERIMENTS[name].variants if one.name == wanted)
        assert isinstance(variant, Variant)
        assert not variant.runs_under("prague")
        assert variant.runs_under("osaka")
