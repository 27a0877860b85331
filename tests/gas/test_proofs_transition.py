"""What the dearest proofs of TRANSITION cost, through `BatchRegistry.convict`.

The figures are committed (proofs_transition.json) and compared for equality;
``pytest tests/gas/test_proofs_transition.py --gaslab-update`` writes them anew.
"""

import json
from pathlib import Path

import pytest

from matcher.chain.artifacts import Artifacts
from matcher.reference.openings import CalldataBody
from matcher.reference.state import State
from matcher.reference.words import Fill
from matcher.types import ACCOUNT_TREE_DEPTH, FEE_ACCOUNT, MAX_POSITIONS, SLOT_TREE_DEPTH
from tests.gas import flows, proofs
from tests.support import facts
from tests.support.chain import GAS_LIMIT
from tests.support.exchange import Exchange, Roles

SNAPSHOT = Path(__file__).parent / "proofs_transition.json"
TRANSACTION = 128 * 1024  # bytes that nodes take
OVERHEAD = 1024  # bytes of a transaction beside the calldata, generously

# Promised: gas, bytes of calldata.
LIMITS = {
    "fills": (4_000_000, 100_000),
    "fills in blobs": (6_000_000, 100_000),
}
CASES = [*proofs.STORIES, "fills in blobs"]


@pytest.fixture(scope="module")
def product(artifacts: Artifacts, roles: Roles) -> Exchange:
    return flows.new_exchange(artifacts, roles)


@pytest.mark.parametrize("case", CASES)
def test_proofs_of_transition_cost_what_is_committed_and_no_more_than_promised(
    product: Exchange, pytestconfig: pytest.Config, case: str
) -> None:
    name = case.removesuffix(" in blobs")
    with product.chain.passing():
        exchange = product.clone()
        story = proofs.STORIES[name](exchange.chain.now + 5)
        facts.put(exchange, story.context)
        exchange.chain.at(story.context.built_at + 1)
        trial = proofs.committed(exchange, story, in_blobs=case != name)
        gas, size = proofs.convict(exchange, trial)

    most_gas, most_bytes = LIMITS.get(case, (GAS_LIMIT, TRANSACTION - OVERHEAD))
    assert gas <= most_gas
    assert size <= most_bytes
    found = {"gas": gas, "calldataBytes": size}
    committed = json.loads(SNAPSHOT.read_text()) if SNAPSHOT.exists() else {}
    if pytestconfig.getoption("--gaslab-update"):
        committed = {one: committed.get(one) for one in CASES} | {case: found}
        SNAPSHOT.write_text(json.dumps(committed, indent=1) + "\n")
    assert committed[case] == found, f"update: pytest {Path(__file__).name} --gaslab-update"


def test_promises_and_figures_are_all_of_proofs_that_are_measured() -> None:
    assert list(json.loads(SNAPSHOT.read_text())) == CASES
    assert LIMITS.keys() <= set(CASES)


# --- the figures mean something only if there is nothing dearer -----------------------------------


@pytest.fixture(scope="module")
def fills() -> tuple[proofs.Story, State]:
    story = proofs.fills(1_800_000_000)
    return story, proofs.full_state(story)


def test_dearest_chunk_names_sixty_accounts_of_32_positions(
    fills: tuple[proofs.Story, State],
) -> None:
    story, before = fills
    assert all(isinstance(op, Fill) for op in story.ops)
    named = {account for op in story.ops for account in (op.taker, op.maker)}
    assert len(story.ops) == 30
    assert len(named) == 60
    for index in named:
        assert len(before.account(index).positions) == MAX_POSITIONS
    words = {index // 4 for op in story.ops for index in [op.instrument]}
    assert len(words) == len({story.context.expiry_of(op.instrument) for op in story.ops}) == 30


def test_dearest_chunk_has_no_path_with_an_empty_sibling(
    fills: tuple[proofs.Story, State],
) -> None:
    story, before = fills
    for op in story.ops:
        for index, order in ((op.taker, op.taker_order), (op.maker, op.maker_order)):
            assert len(before.tree.path(index).siblings) == ACCOUNT_TREE_DEPTH
            path = before.account(index).slots.tree.path(order % 4096 // 4)
            assert len(path.siblings) == SLOT_TREE_DEPTH
    words = proofs.words_of(story, before)
    assert len(CalldataBody(words).tree.path(32 * proofs.LIE).siblings) == 12
    assert len(before.tree.path(FEE_ACCOUNT).siblings) == ACCOUNT_TREE_DEPTH
