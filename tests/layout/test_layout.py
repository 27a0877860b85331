"""Storage layout and code size of what is deployed: committed, compared, and within limits."""

import copy
from pathlib import Path

import pytest

from scripts.storage_layout import CODE_BUDGET, Layouts, differences, layouts, oversized, write

SNAPSHOTS = Path(__file__).parent / "snapshots"
DEPLOYED = {
    "BatchRegistry",
    "DevToken",
    "Lens",
    "MarginProver",
    "Markets",
    "SettlementPrices",
    "TransitionProver",
    "UnauthorizedProver",
    "Vault",
}


@pytest.fixture(scope="module")
def found() -> Layouts:
    return layouts()


def test_layout_of_deployed_contracts_is_the_committed_one(found: Layouts) -> None:
    """If the change is meant: `make layout-update`, and read the difference."""
    assert set(found) == DEPLOYED
    assert differences(found, SNAPSHOTS) == []


def test_code_of_deployed_contracts_leaves_a_tenth_free(found: Layouts) -> None:
    assert oversized(found) == []
    assert {name for name, layout in found.items() if layout["runtimeBytes"] > CODE_BUDGET} == set()


def test_layout_changed_is_told(found: Layouts, tmp_path: Path) -> None:
    """Another slot, another size, a contract more or less: each is a line."""
    write(found, tmp_path)
    assert differences(found, tmp_path) == []
    moved = copy.deepcopy(found)
    moved["Vault"]["storage"][1]["slot"] += 1
    assert any('"slot": 2' in line for line in differences(moved, tmp_path))
    grown = copy.deepcopy(found)
    grown["Lens"]["runtimeBytes"] = CODE_BUDGET + 1
    assert any(str(CODE_BUDGET + 1) in line for line in differences(grown, tmp_path))
    assert oversized(grown) == [
        f"Lens: {CODE_BUDGET + 1:,} bytes of code, over the budget of {CODE_BUDGET:,}"
    ]
    fewer = {name: layout for name, layout in found.items() if name != "Markets"}
    assert differences(fewer, tmp_path)


def test_vault_words_stand_where_they_are_drawn(found: Layouts) -> None:
    """Slot 0 is the packed total; an account is two slots in a row."""
    storage = [(v["slot"], v["name"]) for v in found["Vault"]["storage"]]
    assert storage == [(0, "_state"), (1, "_accounts"), (2, "_keys")]
    (account,) = found["Vault"]["structs"].values()
    assert [(v["slot"], v["name"], v["bytes"]) for v in account] == [(0, "a", 32), (1, "b", 32)]
