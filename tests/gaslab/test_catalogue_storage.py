"""The storage and state experiments: alike, for the reason stated, and seen to differ if so."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from gaslab.catalogue import storage
from gaslab.catalogue.headers import LAB, words_of
from gaslab.catalogue.state import (
    BLOAT,
    CONFLICT_FREE_FEES,
    DUST,
    NONCES,
    ORDER_POOL,
    PURGE,
    REENTRANCY_LOCK,
    SHARDING,
    TRANSIENT_CACHE,
)
from gaslab.catalogue.state import EXPERIMENTS as STATE
from gaslab.catalogue.storage import OFF_HEAP, RING_BUFFER, SLOT_ALIGNMENT, SWAP_AND_POP
from gaslab.components import Component
from gaslab.errors import InputError, NotEquivalent
from gaslab.experiment import Experiment
from gaslab.run import Case, run_experiment
from gaslab.schedule import load_schedule
from gaslab.solc import compile_many

EXPERIMENTS = (*storage.EXPERIMENTS, *STATE)
PRAGUE = load_schedule("prague")
DRAFT = load_schedule("amsterdam-draft")


def cases_of(experiment: Experiment, size: int) -> Mapping[str, Case]:
    """By variant, under Prague, with their measurements."""
    found = run_experiment(experiment, PRAGUE, sizes=[size], keep=True)
    return {case.variant: case for case in found}


def part(case: Case, component: Component) -> int:
    """Gas of one component."""
    return int(case.figures["components"].get(str(component), 0))


@pytest.mark.parametrize("schedule", [PRAGUE, DRAFT], ids=lambda one: one.name)
@pytest.mark.parametrize("experiment", EXPERIMENTS, ids=lambda one: one.id)
def test_experiment_at_its_smallest_size_is_equivalent(experiment, schedule):
    cases = run_experiment(experiment, schedule, sizes=experiment.sizes[:1])

    assert [case.variant for case in cases] == [one.name for one in experiment.variants]
    assert len({case.gas for case in cases}) > 1, "all variants cost the same"


# --- faults that must be seen ---------------------------------------------------------------------

FAULTS = {
    "a full head word goes to the wrong slot": (
        RING_BUFFER,
        3,
        "(index / 3 - 1) % (WINDOW / 3)",
        "(index / 3) % (WINDOW / 3)",
        "ring-buffer/head-ring: newest",
    ),
    "a packed field overlaps its neighbor": (
        SLOT_ALIGNMENT,
        1,
        "uint256(margin) << 64",
        "uint256(margin) << 56",
        "slot-alignment/hand-packed: opened",
    ),
    "a mask loses its last nonce": (
        NONCES,
        4,
        "[place] = bits | mask;",
        "[place] = bits | mask >> 1;",
        "nonces/mask: used",
    ),
    "a lane is never swept": (
        CONFLICT_FREE_FEES,
        4,
        "return market;",
        "return market + 1;",
        "conflict-free-fees/per-market: treasury",
    ),
    "a free slot is freed again": (
        ORDER_POOL,
        1,
        "_slots[handle] & OrderWord.LIVE != 0",
        "_slots[handle] & OrderWord.LIVE != 1",
        "order-pool/pool: cancelled twice",
    ),
    "the last order of a packed list is left behind": (
        SWAP_AND_POP,
        20,
        "_words[last / 8] = tail & ~(_MASK << lastShift);",
        "_words[last / 8] = tail;",
        "swap-and-pop/packed: walked",
    ),
    "a rolling hash forgets": (
        BLOAT,
        1,
        "abi.encode(hash, orders[i])",
        "abi.encode(orders[i])",
        "bloat/rolling-hash: order shown",
    ),
    "a lock does not lock": (
        REENTRANCY_LOCK,
        1,
        "(word + amount) | _LOCK",
        "word + amount",
        "reentrancy-lock/hot-word: re-entry",
    ),
}


@pytest.fixture(scope="module")
def faulty(tmp_path_factory) -> dict[str, Experiment]:
    """Experiments by the fault that was planted in their source; compiled together."""
    found = {}
    for number, (fault, (experiment, _, right, wrong, _)) in enumerate(FAULTS.items()):
        text = experiment.source.read_text()
        assert text.count(right) == 1, fault
        source = tmp_path_factory.mktemp(str(number)) / experiment.source.name
        source.write_text(text.replace(right, wrong))
        found[fault] = replace(experiment, source=source)
    compile_many([(one.source, one.settings) for one in found.values()])
    return found


@pytest.mark.parametrize("fault", FAULTS)
def test_experiment_with_a_fault_planted_is_not_equivalent(fault, faulty):
    _, size, _, _, seen = FAULTS[fault]

    with pytest.raises(NotEquivalent, match=re.escape(seen)):
        run_experiment(faulty[fault], PRAGUE, sizes=[size])


# --- why they cost what they cost -----------------------------------------------------------------


def test_ring_gone_round_once_creates_no_slot():
    cases = cases_of(RING_BUFFER, 3)

    created = {name: case.figures["slots_created"] for name, case in cases.items()}
    assert created == {"growing-array": 3, "ring": 0, "packed-ring": 0, "head-ring": 0}
    # Cursor and price; where both share a word, a second slot only when it is full.
    assert cases["ring"].figures["slots_changed"] == 6
    assert cases["head-ring"].figures["slots_changed"] == 4


def test_update_of_aligned_records_writes_one_slot_each():
    cases = cases_of(SLOT_ALIGNMENT, 4)

    assert cases["by-meaning"].figures["slots_changed"] == 12
    assert cases["aligned"].figures["slots_changed"] == 4
    assert cases["hand-packed"].figures["slots_changed"] == 4
    # By hand the word is not read before it is written.
    assert part(cases["hand-packed"], Component.SLOT_WARM) == 0
    assert part(cases["hand-packed"], Component.SLOT_COLD) == 4 * 2100


def test_off_heap_data_grows_state_by_what_is_kept():
    cases = cases_of(OFF_HEAP, 4)

    grown = {name: case.figures["state_bytes_grown"] for name, case in cases.items()}
    code = 4 * 32 + 1  # SSTORE2 puts a STOP before the data
    assert grown == {"storage": 5 * 64, "code": 64 + 120 + code, "event": 0, "blob": 64, "hash": 64}


def test_bloat_per_order_is_slots_of_the_variant():
    cases = cases_of(BLOAT, 4)

    grown = {name: case.figures["state_bytes_grown"] for name, case in cases.items()}
    assert grown == {"struct": 4 * 3 * 64, "hash": 4 * 64, "rolling-hash": 0, "count": 0}


def test_purge_of_many_records_refunds_a_fifth_at_most():
    case = cases_of(PURGE, 8)["delete"]
    (closing,) = case.measurements

    assert closing.refund_counted == 8 * 4800
    spent = closing.gas - part(case, Component.REFUND)
    assert -part(case, Component.REFUND) == spent // 5 < closing.refund_counted
    assert closing.state_bytes_grown == -8 * 64


def test_pool_prepared_creates_and_clears_nothing():
    cases = cases_of(ORDER_POOL, 8)

    assert part(cases["pool"], Component.SSTORE_CREATE) == 0
    assert part(cases["pool"], Component.SSTORE_CLEAR) == 0
    assert cases["pool"].figures["state_bytes_grown"] == 0
    assert part(cases["fresh-slots"], Component.SSTORE_CREATE) == 8 * 20_000
    # Orders, and the count of free ids, which had come down to zero.
    assert part(cases["reused-ids"], Component.SSTORE_CREATE) == 9 * 20_000


@pytest.mark.parametrize("schedule", [PRAGUE, DRAFT], ids=lambda one: one.name)
def test_pool_used_twice_has_paid_for_its_slots(schedule):
    found = run_experiment(ORDER_POOL, schedule, sizes=[8])
    gas = {case.variant: case.gas for case in found}

    price, saved = gas["pool-and-its-price"] - gas["pool"], gas["fresh-slots"] - gas["pool"]
    assert saved < price < 2 * saved


def test_balance_off_by_one_never_creates_its_slot():
    cases = cases_of(DUST, 4)

    assert cases["exact"].figures["slots_created"] == 4
    assert cases["off-by-one"].figures["slots_created"] == 0
    assert cases["off-by-one"].figures["slots_changed"] == 8


def test_sharded_counters_shorten_the_critical_path():
    cases = cases_of(SHARDING, 16)
    every = 16 * 15 // 2

    # All wait for the one before; two accounts meet in each of eight markets; none meet.
    assert cases["global"].critical_path == cases["global"].gas
    assert cases["global"].conflicts == every
    pair = [cases["per-market"].measurements[i].gas for i in (0, 8)]
    assert cases["per-market"].conflicts == 8
    assert sum(pair) <= cases["per-market"].critical_path < sum(pair) + 100
    gas = [one.gas for one in cases["per-account"].measurements]
    assert cases["per-account"].conflicts == 0
    assert cases["per-account"].critical_path == max(gas)


def test_fee_lanes_trade_gas_for_a_shorter_path():
    cases = cases_of(CONFLICT_FREE_FEES, 16)

    path = {name: case.critical_path for name, case in cases.items()}
    assert path["single"] == cases["single"].gas
    assert path["per-account"] < path["per-market"] < path["single"]
    assert cases["single"].gas < cases["per-market"].gas < cases["per-account"].gas


def test_lock_in_transient_storage_writes_no_slot_of_its_own():
    cases = cases_of(REENTRANCY_LOCK, 4)

    bare = cases["none"].figures
    for name in ("hot-word", "transient"):
        assert cases[name].figures["access_slots"] == bare["access_slots"]
    assert cases["one-two"].figures["access_slots"] == bare["access_slots"] + 1
    # Checked, set and reset: 300 for each call.
    assert part(cases["transient"], Component.TRANSIENT) == 4 * 300
    # As it was before the transaction, so each call creates the slot anew.
    assert part(cases["bool"], Component.SSTORE_CREATE) == 4 * 20_000


def test_running_sum_in_storage_is_a_constant_dearer_than_transient():
    few, many = (cases_of(TRANSIENT_CACHE, size) for size in (16, 64))

    gaps = [cases["storage"].gas - cases["transient"].gas for cases in (few, many)]
    assert 0 < gaps[1] < gaps[0]
    assert part(many["transient"], Component.SSTORE_CREATE) == 0
    assert part(many["storage"], Component.SSTORE_CREATE) == 20_000


# --- headers --------------------------------------------------------------------------------------


def test_words_of_a_header_with_lines_continued_are_joined():
    words = words_of(LAB / "RingBuffer.sol")

    assert words["claim"].startswith("A history that is bounded")
    assert words["does_not_pay"].endswith("never fills once.")


@pytest.mark.parametrize("label", ["Claim", "Does not pay", "Readability"])
def test_words_of_a_header_without_a_label_are_refused(label, tmp_path: Path):
    text = (LAB / "RingBuffer.sol").read_text()
    source = tmp_path / "RingBuffer.sol"
    source.write_text(text.replace(f"/// {label} ", "/// "))

    with pytest.raises(InputError, match=f"RingBuffer.sol: {label}"):
        words_of(source)
