"""What MARGIN and UNAUTHORIZED cost at their worst: whole, cold, in both modes, by every schedule.

The figures are committed (judgments.json) and compared for equality; `--gaslab-update` writes them.
"""

import json
from pathlib import Path

import pytest

from gaslab.schedule import Schedule, load_schedules
from matcher.chain.artifacts import Artifacts
from tests.gas import flows, judgments
from tests.gas.flows import Flow
from tests.support.exchange import Exchange, Roles

COMMITTED = Path(__file__).with_name("judgments.json")
BYTES = 128 * 1024  # of calldata in one transaction
LIMITS = {
    **{
        f"margin-{what}-{mode}": 1_000_000
        for what in ("32-positions", "64-markets", "expired", "dearest", "release")
        for mode in ("calldata", "blobs")
    },
    "ask-calldata": 100_000,
    "ask-blobs": 160_000,
    "answer-order-calldata": 250_000,
    "answer-order-blobs": 400_000,
    "answer-transfer-calldata": 250_000,
    "answer-transfer-blobs": 400_000,
}


@pytest.fixture(scope="module")
def schedules() -> list[Schedule]:
    return load_schedules()


@pytest.fixture(scope="module")
def found(artifacts: Artifacts, roles: Roles, schedules: list[Schedule]) -> dict[str, Flow]:
    """Everything by its name."""
    exchange: Exchange = flows.new_exchange(artifacts, roles)
    told = [flow for story in judgments.STORIES for flow in flows.play(story, exchange, schedules)]
    return {flow.name: flow for flow in told}


def test_judgments_cost_what_is_committed(
    found: dict[str, Flow], request: pytest.FixtureRequest
) -> None:
    figures = {
        name: {schedule: one.gas for schedule, one in sorted(flow.measured.items())}
        for name, flow in sorted(found.items())
    }
    if request.config.getoption("--gaslab-update"):
        COMMITTED.write_text(json.dumps(figures, indent=2) + "\n")
    assert json.loads(COMMITTED.read_text()) == figures


def test_judgments_cost_no_more_than_was_promised(
    found: dict[str, Flow], schedules: list[Schedule]
) -> None:
    drafts = {schedule.name for schedule in schedules if schedule.draft}
    for name, most in LIMITS.items():
        for schedule, one in found[name].measured.items():
            assert schedule in drafts or one.gas <= most, (name, schedule, one.gas)


def test_judgments_fit_a_transaction(found: dict[str, Flow]) -> None:
    for name, flow in found.items():
        assert len(flow.on_prague.raw) <= BYTES, name
