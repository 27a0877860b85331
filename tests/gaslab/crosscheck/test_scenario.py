"""Scenarios as text, and how differences are told."""

import json
from dataclasses import replace

import pytest

from gaslab.crosscheck import replay
from gaslab.crosscheck.compare import mismatches, ours
from gaslab.crosscheck.generator import CANNOT, SENDERS, scenario
from gaslab.crosscheck.lab import Lab
from gaslab.crosscheck.scenario import (
    Answer,
    Scenario,
    logs_digest,
    scenario_from_json,
)
from gaslab.environment import Environment
from gaslab.errors import InputError
from gaslab.measurement import Log
from gaslab.schedule import load_schedule

FORKS = ["cancun", "prague", "osaka", "amsterdam-draft"]


@pytest.fixture
def lab() -> Lab:
    return Lab(load_schedule("prague"))


@pytest.fixture
def story() -> Scenario:
    return scenario("prague", 11)


@pytest.mark.parametrize("fork", FORKS)
def test_scenario_of_a_seed_is_the_same_every_time_and_another_for_another_seed(fork: str) -> None:
    assert scenario(fork, 3) == scenario(fork, 3)
    assert scenario(fork, 3).transactions != scenario(fork, 4).transactions


def test_scenario_through_json_comes_back_as_it_was(story: Scenario) -> None:
    story = replace(story, hashes={7: bytes(31) + b"\x01"})
    text = json.dumps(story.to_json())
    assert scenario_from_json(story.name, json.loads(text)) == story


@pytest.mark.parametrize("seed", range(8))
def test_scenario_for_anvil_holds_no_blobs(seed: int) -> None:
    assert not scenario("prague", seed, CANNOT["anvil"]).has_blobs


def test_logs_digest_tells_order_address_topics_and_data_apart() -> None:
    one, other = Log(b"\x01" * 20, (5,), b"ab"), Log(b"\x02" * 20, (), b"")
    changed = [
        (one,),
        (one, other),
        (other, one),
        (replace(one, address=b"\x03" * 20), other),
        (replace(one, topics=(6,)), other),
        (replace(one, data=b"ac"), other),
    ]
    assert len({logs_digest(logs) for logs in changed}) == len(changed)


def test_lab_answers_each_transaction_and_only_slots_that_hold_something(
    lab: Lab, story: Scenario
) -> None:
    found = lab.answer(story)
    assert len(found.outcomes) == SENDERS
    assert all(found.storage.values())
    assert set(found.storage) <= story.watch


def test_lab_in_a_block_with_another_gas_limit_is_refused(lab: Lab, story: Scenario) -> None:
    sent = replace(story.transactions[0], gas_limit=1)
    with pytest.raises(InputError, match="gas_limit"):
        lab.answer(replace(story, transactions=(sent,)))


def test_comparison_with_its_own_answer_finds_nothing(lab: Lab, story: Scenario) -> None:
    mine = ours(lab, story)
    assert not list(mismatches(mine, "itself", story, mine.answer))


def test_mismatch_of_gas_names_transaction_both_gases_and_the_breakdown(
    lab: Lab, story: Scenario
) -> None:
    mine = ours(lab, story)
    outcomes = list(mine.answer.outcomes)
    at = next(i for i, one in enumerate(outcomes) if one.success)
    gas = outcomes[at].gas
    outcomes[at] = replace(outcomes[at], gas=gas + 1)
    theirs = Answer(tuple(outcomes), mine.answer.storage)
    (found,) = mismatches(mine, "other", story, theirs)
    told = str(found)
    for part in (
        story.name,
        f"transaction {at}",
        f"lab {gas} ok",
        f"other {gas + 1}",
        "intrinsic=",
    ):
        assert part in told


def test_mismatch_of_logs_status_and_storage_is_found(lab: Lab, story: Scenario) -> None:
    mine = ours(lab, story)
    first, *rest = mine.answer.outcomes
    slot = min(mine.answer.storage)
    for theirs in (
        Answer((replace(first, logs="00"), *rest), mine.answer.storage),
        Answer((replace(first, success=not first.success), *rest), mine.answer.storage),
        Answer((first, *rest), {**mine.answer.storage, slot: mine.answer.storage[slot] + 1}),
        Answer((first, *rest), {k: v for k, v in mine.answer.storage.items() if k != slot}),
    ):
        assert len(list(mismatches(mine, "other", story, theirs))) == 1


def test_recorded_environment_run_again_charges_the_same() -> None:
    chain = Environment(load_schedule("osaka"))
    holder = b"\x77" * 20
    chain.set_code(holder, bytes.fromhex("6001600055600054600155602a60005260206000a000"))
    chain.set_storage(holder, 1, 9)
    chain.travel(100)
    sent = [chain.send(holder, b"\x01" * 5, sender=i) for i in (0, 1, 0)]
    story = replay.recorded("told", chain)
    assert story.watch == {(holder, 0), (holder, 1)}
    answer = Lab(load_schedule("osaka")).answer(story)
    assert [one.gas for one in answer.outcomes] == [one.gas for one in sent]
    assert answer.storage == {(holder, 0): 1, (holder, 1): 1}


def test_file_with_a_line_that_is_no_scenario_is_refused_by_its_number(tmp_path) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "more.jsonl"
    story = scenario("cancun", 0)
    path.write_text(json.dumps({"name": "first", **story.to_json()}) + '\n{"name": "second"}\n')
    with pytest.raises(InputError, match=r"more\.jsonl:2"):
        list(replay.from_file(path, "cancun"))
    path.write_text(json.dumps({"name": "first", **story.to_json()}) + "\n")
    (found,) = replay.from_file(path, "cancun")
    assert found.transactions == story.transactions
    assert not list(replay.from_file(path, "osaka"))
