"""What a commit in blob mode costs: whole, cold, with its openings, under every schedule.

The figures are committed (blobs.json) and compared for equality; `--gaslab-update` writes them.
"""

import json
from pathlib import Path
from typing import Any

import pytest

from gaslab.components import Component
from gaslab.schedule import Schedule, load_schedules
from matcher.chain.artifacts import Artifacts
from matcher.reference.openings import BLOB_CHUNKS
from matcher.reference.words import CHUNK_OPS
from tests.gas import blob_stories, flows
from tests.gas.flows import Flow
from tests.support.exchange import Exchange, Roles

COMMITTED = Path(__file__).with_name("blobs.json")
FULL = BLOB_CHUNKS * CHUNK_OPS  # fills of one blob
PER_FILL = 40  # gas, promised of a full blob
BLOB_GAS = 1 << 17
OPENING = 50_000  # gas of the precompile


@pytest.fixture(scope="module")
def schedules() -> list[Schedule]:
    return load_schedules()


@pytest.fixture(scope="module")
def exchange(artifacts: Artifacts, roles: Roles) -> Exchange:
    return flows.new_exchange(artifacts, roles)


@pytest.fixture(scope="module")
def found(exchange: Exchange, schedules: list[Schedule]) -> dict[int, Flow]:
    """Commits by their fills."""
    return {flow.size: flow for flow in flows.play(blob_stories.commit_blobs, exchange, schedules)}


def test_commit_blobs_costs_what_is_committed(
    found: dict[int, Flow], request: pytest.FixtureRequest
) -> None:
    figures: dict[str, Any] = {
        str(size): {
            name: {"gas": measured.gas, "blob_gas": measured.blob_gas}
            for name, measured in sorted(flow.measured.items())
        }
        for size, flow in sorted(found.items())
    }
    if request.config.getoption("--gaslab-update"):
        COMMITTED.write_text(json.dumps(figures, indent=2) + "\n")
    assert json.loads(COMMITTED.read_text()) == figures


def test_commit_blobs_full_blob_costs_at_most_40_gas_per_fill(
    found: dict[int, Flow], schedules: list[Schedule]
) -> None:
    for schedule in schedules:
        measured = found[FULL].measured[schedule.name]
        if not schedule.draft:
            assert measured.gas <= PER_FILL * FULL, schedule.name
        assert measured.blob_gas == BLOB_GAS
        assert round(10 * measured.blob_gas / FULL) == 341  # 34.1 blob gas per fill


def test_commit_blobs_costs_hardly_more_for_more_chunks(found: dict[int, Flow]) -> None:
    """A blob more costs its hash, in memory and in the event."""
    least, most = min(found), max(found)
    grown = found[most].on_prague.gas - found[least].on_prague.gas
    blobs = found[most].on_prague.blob_gas // BLOB_GAS
    assert blobs == 6
    assert 0 < grown < 1_000 * blobs


def test_commit_blobs_opens_twice_and_writes_two_words(
    found: dict[int, Flow], exchange: Exchange
) -> None:
    for flow in found.values():
        measured = flow.on_prague
        assert measured.components[Component.PRECOMPILE] == 2 * OPENING
        assert (measured.slots_created, measured.slots_changed, measured.slots_cleared) == (0, 2, 0)
        assert {address for address, _ in measured.writes} == {
            bytes.fromhex(exchange.registry.address[2:])
        }
        assert measured.execution > measured.floor
