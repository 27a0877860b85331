"""The product's flows as scenarios."""

from gaslab.crosscheck.lab import Lab
from gaslab.schedule import NAMES, load_schedule
from matcher.chain.artifacts import Artifacts
from tests.gas import stories
from tests.gaslab.crosscheck.product import scenarios


def test_flows_on_the_part_of_the_state_that_they_touch_cost_what_they_cost_on_the_whole(
    artifacts: Artifacts,
) -> None:
    """`scenarios` asserts it; a commit asks for the hash of a block, a revert pays a stranger."""
    found = list(scenarios(artifacts, (stories.convict, stories.first_lap)))
    assert [one.fork for one in found] == [*NAMES, *NAMES]
    assert [bool(one.hashes) for one in found] == [False] * len(NAMES) + [True] * len(NAMES)
    for one in found:
        answer = Lab(load_schedule(one.fork)).answer(one)
        assert [outcome.status for outcome in answer.outcomes] == ["ok"]
        assert answer.storage.keys() <= one.watch


def test_flows_on_exchanges_of_their_own_are_scenarios_too(artifacts: Artifacts) -> None:
    found = list(scenarios(artifacts, (stories.judge_margin,)))
    assert len(found) == 3 * len(NAMES)
