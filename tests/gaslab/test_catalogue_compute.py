"""The experiments of numbers, verification, settlement and the life of fills."""

from __future__ import annotations

import itertools
import shutil
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from random import Random
from typing import NamedTuple

import pytest

from gaslab.bench import Bench
from gaslab.catalogue import macro, numeric, settlement, trees, verification
from gaslab.catalogue.driving import refused
from gaslab.environment import Environment
from gaslab.errors import InputError, NotEquivalent, OverTheCap
from gaslab.run import run_case, run_experiment
from gaslab.schedule import load_schedule
from gaslab.solc import compile_files, compile_many

FAMILIES = (numeric, verification, settlement, macro)
EXPERIMENTS = {one.id: one for family in FAMILIES for one in family.EXPERIMENTS}
WAD = 10**18
CONTRACTS = Path(__file__).parents[2] / "contracts"


def _cases(name, size, schedule="prague"):
    found = run_experiment(EXPERIMENTS[name], load_schedule(schedule), sizes=[size])
    return {case.variant: case for case in found}


def _gas(name, size, schedule="prague"):
    return {variant: case.gas for variant, case in _cases(name, size, schedule).items()}


def _variant(experiment, name):
    (found,) = (one for one in experiment.variants if one.name == name)
    return found


def _deployed(name, variant, *args, schedule="prague"):
    """A variant's contract on a chain of its own."""
    experiment = EXPERIMENTS[name]
    chosen = _variant(experiment, variant)
    contracts = compile_files([experiment.source_of(chosen)], experiment.settings_of(chosen))
    return Environment(load_schedule(schedule)).deploy(contracts[chosen.contract], *args)


# --- alike ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_experiment_smallest_size_behaves_alike(name):
    experiment = EXPERIMENTS[name]
    cases = _cases(name, experiment.sizes[0])
    assert list(cases) == [one.name for one in experiment.variants if one.runs_under("prague")]
    assert all(case.figures["execution"] > 15_000 for case in cases.values())


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_layouts_that_a_report_draws_are_compiled(name):
    experiment = EXPERIMENTS[name]
    contracts = compile_files([experiment.source], experiment.settings)
    assert all(contracts[one].layout["storage"] for one in experiment.layout)


def test_figure_of_an_unknown_name_is_refused():
    bench = Bench(macro.MACRO, macro.MACRO.baseline, load_schedule("prague"), {})
    with pytest.raises(InputError, match=r"macro.record: found fits, allowed one of items"):
        bench.record("fits", 3)


class Fault(NamedTuple):
    """A variant's source with one thing wrong, and what shows it."""

    experiment: str
    variant: str
    right: str
    wrong: str
    shown: str
    size: int = 4


FAULTS = {
    "too few terms": Fault("exponential", "reduced", "_TERMS = 20", "_TERMS = 8", "exp-", size=16),
    "lost exchange": Fault(
        "oracle-median",
        "network",
        "(a, d) = _order(a, d);\n        (b, e)",
        "(b, e)",
        "medians",
        size=5,
    ),
    "any order is one": Fault("sorting", "caller", "sorted[i] = value", "sorted[i] = i", "sorted"),
    "unchecked root": Fault(
        "root-and-proof",
        "recomputed",
        "require(nodes[0] == root, RootMismatch(nodes[0], root));",
        "",
        "a false claim is refused",
    ),
    "unmarked nonce": Fault(
        "signatures", "batch", "_used[trader][order.nonce >> 8] = word | bit;", "", "nonces"
    ),
    "lost payee": Fault(
        "settlement", "netted", "nets[payments[i].payee] +=", "nets[payments[i].payer] +=", "change"
    ),
    "never caught up": Fault("funding", "index-all", "holder.index = index;", "", "accounts"),
    "byte of the lots": Fault("l2-fees", "registry", "[i + 6:i + 10]", "[i + 5:i + 9]", "balan"),
    "lots of the maker": Fault("macro", "netted", "lots[maker] -= size", "lots[maker] += size", ""),
    "shifted fee": Fault("macro", "packed", "uint64(second >> 56)", "uint64(second >> 64)", "fill"),
}


def _mutant(fault, folder):
    """The experiment with its baseline and the faulty variant alone, in a project of its own."""
    experiment = EXPERIMENTS[fault.experiment]
    variant = _variant(experiment, fault.variant)
    source = experiment.source_of(variant)
    text = source.read_text()
    assert fault.right in text, "the fault has nothing to change"
    (folder / "remappings.txt").touch()
    shutil.copytree(CONTRACTS / "libraries", folder / "contracts/libraries")
    shutil.copytree(CONTRACTS / "types", folder / "contracts/types")
    mutated = folder / "contracts/lab" / source.name
    mutated.parent.mkdir()
    for needed in source.parent.glob("*.sol"):
        shutil.copy(needed, mutated.parent)
    at = text.rindex(fault.right)
    mutated.write_text(text[:at] + fault.wrong + text[at + len(fault.right) :])
    return replace(experiment, variants=(experiment.baseline, replace(variant, source=mutated)))


@pytest.fixture(scope="module")
def mutants(tmp_path_factory):
    """All compiled together: the compiler takes longer to load than to work."""
    found = {name: _mutant(fault, tmp_path_factory.mktemp("m")) for name, fault in FAULTS.items()}
    compile_many((one.variants[1].source, one.settings) for one in found.values())
    return found


@pytest.mark.parametrize("name", FAULTS)
def test_variant_with_a_planted_fault_is_not_equivalent(name, mutants):
    fault, mutant = FAULTS[name], mutants[name]
    with pytest.raises(
        NotEquivalent, match=rf"{fault.experiment}/{fault.variant}: .*{fault.shown}"
    ):
        run_experiment(mutant, load_schedule("prague"), sizes=[fault.size])


# --- accuracy -------------------------------------------------------------------------------------

EDGES = [0, 1, -1, 6 * WAD, -6 * WAD, WAD // 32, WAD // 32 - 1, 6 * WAD - 1]


@pytest.mark.parametrize(
    ("variant", "allowed"),
    [("series", "2e-10"), ("polynomial", "7.5e-8"), ("rational", "1e-15"), ("table", "1.5e-9")],
)
def test_normal_cdf_anywhere_is_as_accurate_as_claimed(variant, allowed):
    xs = EDGES + numeric.deviations(150, seed=f"{variant} elsewhere")
    args = (numeric.normal_table(),) if variant == "table" else ()
    found = _deployed("normal-cdf", variant, *args).call("cdf", xs)
    errors = [
        abs(Fraction(one, WAD) - numeric.exact_normal_cdf(x))
        for one, x in zip(found, xs, strict=True)
    ]
    assert max(errors) < Fraction(allowed)
    assert max(errors) > Fraction(allowed) / 1000, "the claim is far from what is found"


@pytest.mark.parametrize(
    ("variant", "allowed"), [("series", "1e-15"), ("reduced", "2e-18"), ("rational", "2e-17")]
)
def test_exponential_of_small_numbers_is_as_accurate_as_claimed(variant, allowed):
    random = Random(f"{variant} elsewhere")
    xs = [random.randint(-3 * WAD, 3 * WAD) for _ in range(60)]
    found = _deployed("exponential", variant).call("exp", xs)
    for one, x in zip(found, xs, strict=True):
        exact = numeric.exact_exponential(x)
        assert abs(Fraction(one, WAD) - exact) < Fraction(allowed) * max(1, exact)


@pytest.mark.parametrize(
    ("variant", "allowed"), [("series", "1e-13"), ("rational", "1e-13"), ("table", "3e-7")]
)
def test_black_scholes_elsewhere_is_as_accurate_as_claimed(variant, allowed):
    quotes = numeric.quotes(40, seed=f"{variant} elsewhere")
    args = (numeric.normal_table(),) if variant == "table" else ()
    found = _deployed("black-scholes", variant, *args).call("prices", quotes)
    for one, quote in zip(found, quotes, strict=True):
        exact = numeric.exact_call_price(quote)
        assert 0 < exact < 100
        assert abs(Fraction(one, WAD) - exact) < Fraction(allowed)


def test_call_price_of_a_textbook_option_is_the_textbooks():
    quote = (100 * WAD, 100 * WAD, WAD // 5, WAD, WAD // 20)
    assert round(float(numeric.exact_call_price(quote)), 6) == 10.450584


@pytest.mark.parametrize(
    ("variant", "schedule"), [("halving", "prague"), ("seeded", "prague"), ("clz", "osaka")]
)
def test_integer_root_at_edges_is_rounded_down(variant, schedule):
    roots = [0, 1, 2, 3, 7, 2**32, 2**64 - 1, 2**127, 2**128 - 1]
    xs = sorted({max(r * r + d, 0) for r in roots for d in (-1, 0, 1)} | {2**256 - 1})
    xs += [2**b for b in range(256)] + [2**b - 1 for b in range(1, 256)]
    found = _deployed("integer-root", variant, schedule=schedule).call("roots", xs)
    assert all(r * r <= x < (r + 1) ** 2 for r, x in zip(found, xs, strict=True))


@pytest.mark.parametrize("count", [3, 5, 7, 9])
def test_median_network_on_all_zeros_and_ones_finds_the_median(count):
    """What is right for all inputs of two values is right for all (the 0-1 principle)."""
    prices = [1] * count
    contract = _deployed("oracle-median", "network", prices)
    for step in range(1, 1 << count):  # a Gray code: each step changes one feed
        feed = (step & -step).bit_length() - 1
        prices[feed] = 3 - prices[feed]
        sent = contract.send("report", feed, prices[feed])
        assert contract.decode("report", sent.output) == sorted(prices)[count // 2], prices


@pytest.mark.parametrize("count", [2, 5, 7])
def test_sorting_network_on_all_zeros_and_ones_sorts(count):
    contract = _deployed("sorting", "network")
    for values in itertools.product((0, 1), repeat=count):
        assert contract.call("sort", values) == tuple(sorted(values))


def test_sorting_by_the_caller_with_a_false_order_is_refused():
    contract = _deployed("sorting", "caller")
    assert refused(contract, "sort", [5, 3, 9], bytes([0, 1, 2]))
    assert refused(contract, "sort", [5, 3, 9], bytes([1, 1, 2]))
    assert not refused(contract, "sort", [5, 3, 9], bytes([1, 0, 2]))


# --- composition ----------------------------------------------------------------------------------


def test_fills_have_zeros_in_the_same_bytes():
    def shape(fill):
        return [byte == 0 for word in fill.words for byte in word.to_bytes(32, "big")]

    assert len({tuple(shape(macro.fill_at(i))) for i in range(10_000)}) == 1
    assert len({macro.fill_at(i).words for i in range(10_000)}) == 10_000
    assert all(macro.fill_at(i).taker != macro.fill_at(i).maker for i in range(1_000))
    assert all(word < 1 << 248 for word in macro.fill_at(9_999).words)


@pytest.mark.parametrize("way", ["struct", "packed", "hashed", "netted", "calldata-root"])
def test_macro_composed_equals_all_transactions_sent(way, monkeypatch):
    schedule, variant = load_schedule("prague"), _variant(macro.MACRO, way)
    contracts = compile_files([macro.MACRO.source], macro.MACRO.settings)
    size = 8 * macro.PER_TRANSACTION[way]

    def figures(whole):
        monkeypatch.setattr(macro, "WHOLE", whole)
        case, _ = run_case(macro.MACRO, variant, size, schedule, contracts)
        return dict(case.figures)

    sent, composed = figures(8), figures(1)
    assert composed.pop("composed") == 4
    assert sent == composed


def test_compose_of_transactions_that_differ_is_refused():
    contracts = compile_files([macro.MACRO.source], macro.MACRO.settings)
    variant = _variant(macro.MACRO, "hashed")
    bench = Bench(macro.MACRO, variant, load_schedule("prague"), contracts)
    bench.deploy()
    words = [word for i in range(3) for word in macro.fill_at(i).words]
    bench.measure("settle", words)  # creates the slot of the array's length
    bench.measure("settle", words)
    with pytest.raises(NotEquivalent, match="not in a steady state"):
        bench.compose(7)
    assert "composed" not in bench.recorded
    bench.measure("settle", words)
    bench.compose(7)
    assert bench.recorded == {"composed": 7}
    assert len(bench.measured) == 10


def test_row_of_a_composed_case_says_how_many_were_not_sent():
    cases = _cases("macro", 1_000)
    struct = cases["struct"].figures
    assert (struct["transactions"], struct["composed"]) == (100, 96)
    assert cases["struct"].critical_path == 0  # unknown, so not told
    assert "composed" not in cases["hashed"].figures


# --- trees ----------------------------------------------------------------------------------------


def test_multiproof_of_neighbors_is_shorter_than_their_proofs():
    tree = trees.levels([trees.keccak(bytes([i])) for i in range(16)], trees.sorted_pair)
    siblings, flags = trees.multiproof(tree, [4, 5, 11])
    assert len(siblings) + 3 == len(flags) + 1
    assert len(siblings) < 3 * 4
    assert siblings[0] == tree[0][10]
    assert flags[:2] == [True, False]


def test_zipped_calldata_is_what_the_contract_reads():
    assert settlement.zipped(bytes(300))[:2] == bytes([0xFF, 0x80])
    assert len(settlement.zipped(bytes(300))) == 6


# --- as the words say -----------------------------------------------------------------------------


def test_merkle_proof_from_prague_on_costs_the_same_whoever_wrote_the_loop():
    assert len(set(_gas("merkle-proof", 16).values())) == 1
    before = _gas("merkle-proof", 16, "cancun")
    assert before["assembly"] < before["calldata"] < before["memory"] < before["encoded"]


def test_signed_root_for_many_orders_costs_more_than_signatures_under_the_floor():
    gas, before = _gas("signatures", 64), _gas("signatures", 64, "cancun")
    assert gas["root"] > gas["each"]
    assert before["root"] < before["each"]
    assert gas["batch"] == min(gas.values())


def test_gas_cap_one_more_liquidation_does_not_fit():
    schedule, budget = load_schedule("prague"), settlement.CAP // 16
    contracts = compile_files([settlement.GAS_CAP.source], settlement.GAS_CAP.settings)
    for variant in settlement.GAS_CAP.variants:
        case, bench = run_case(settlement.GAS_CAP, variant, budget, schedule, contracts)
        most = case.figures["items"]
        again = Bench(settlement.GAS_CAP, variant, schedule, contracts)
        settlement._prepared(again, most + 1)
        with pytest.raises(OverTheCap):
            settlement._liquidate(again, most + 1, gas=budget)
        settlement._liquidate(again, most, gas=budget)
        assert bench.recorded["items"] == most > 30


def test_dictionary_of_recurring_accounts_leaves_fewest_bytes_after_compression():
    cases = _cases("l2-fees", 64)
    left = {name: case.layer_two.fastlz_bytes for name, case in cases.items()}
    assert left["registry"] < left["dictionary"] < left["packed"] < left["abi"]
    raw = {name: case.layer_two.tx_bytes for name, case in cases.items()}
    assert raw["abi"] / raw["packed"] > 1.5 * left["abi"] / left["packed"]


def test_macro_each_step_away_from_storage_costs_less():
    gas = _gas("macro", 10_000)
    ways = ["struct", "packed", "netted", "calldata-root", "blob-root"]
    assert [gas[way] for way in ways] == sorted((gas[way] for way in ways), reverse=True)
    assert gas["struct"] > 1_000 * gas["blob-root"]
