"""What the product's own transactions cost: whole, cold, under every schedule.

The figures are committed (gaslab.snap) and compared for equality; beside them stand the limits that
are promised for today's schedules. What a flow writes is asserted here, as the reason of its cost.
"""

import random
from collections.abc import Callable, Iterator

import pytest

from gaslab.components import Component
from gaslab.plugin import Lab
from gaslab.schedule import Schedule, load_schedules
from matcher.chain.artifacts import Artifacts
from matcher.reference.header import ring_word
from matcher.reference.tree import keccak, words_root
from matcher.reference.words import CHUNK_OPS, pack
from matcher.types import MAX_POSITIONS
from tests.gas import flows, stories
from tests.gas.flows import Flow, Stage, Story
from tests.support.chain import Reverted
from tests.support.exchange import TOKENS, Exchange, Roles
from tests.support.registry import write_slots

FULL = stories.FULL * CHUNK_OPS  # fills
PER_FILL = 960  # gas, promised
CALL = 21_000 + 36 * 40 * (MAX_POSITIONS + 6)  # a call's own gas, generously

LIMITS = {
    ("approve", 1): 49_000,
    ("open", 1): 82_000,
    ("open-finite-allowance", 1): 86_000,
    ("deposit-again", 1): 64_000,
    ("ask", 1): 50_000,
    ("ask-again", 1): 32_000,
    ("hard-cancel", 1): 50_000,
    ("hard-cancel-again", 1): 32_000,
    ("register-key", 1): 50_000,
    ("revoke-key", 1): 33_000,
    ("claim", 1): 102_000,
    ("claim-to", 1): 120_000,
    ("claim-again", 1): 85_000,
    ("freeze", 1): 120_000,
    ("claim-frozen", MAX_POSITIONS): 700_000,
    ("settle", 3): 95_000,
    ("commit", 1): 70_000,
    **{("commit", n): 60_000 + PER_FILL * n for n in (30, 60, 300)},
    ("commit", FULL): PER_FILL * FULL,
    ("commit-first-lap", FULL): PER_FILL * FULL,
    **{("worst-of-32-positions", n): 600_000 + CALL for n in (1, 8, 32)},  # section 11
}

Told = Callable[[Story], list[Flow]]


@pytest.fixture(scope="module")
def schedules() -> list[Schedule]:
    return load_schedules()


@pytest.fixture(scope="module")
def product(artifacts: Artifacts, roles: Roles) -> Exchange:
    return flows.new_exchange(artifacts, roles)


@pytest.fixture(scope="module")
def told(product: Exchange, schedules: list[Schedule]) -> Told:
    """Flows of a story, played once."""
    found: dict[Story, list[Flow]] = {}

    def tell(story: Story) -> list[Flow]:
        if story not in found:
            found[story] = flows.play(story, product, schedules)
        return found[story]

    return tell


@pytest.fixture
def stage(product: Exchange, schedules: list[Schedule]) -> Iterator[Stage]:
    """To play on freely; nothing stays."""
    with product.chain.passing():
        yield Stage(product.clone(), schedules)


def one(found: list[Flow], name: str, size: int = 1) -> Flow:
    (flow,) = (flow for flow in found if (flow.name, flow.size) == (name, size))
    return flow


@pytest.mark.parametrize("story", stories.STORIES, ids=lambda story: story.__name__)
def test_flows_cost_what_is_committed_and_no_more_than_promised(
    told: Told, gaslab: Lab, schedules: list[Schedule], story: Story
) -> None:
    drafts = {schedule.name for schedule in schedules if schedule.draft}
    for flow in told(story):
        for row in flow.rows():
            promised = LIMITS.get((flow.name, flow.size)) if row.schedule not in drafts else None
            gaslab.check(row, limit=promised)


def test_promises_are_all_of_flows_that_are_measured(told: Told) -> None:
    measured = {(flow.name, flow.size) for story in stories.STORIES for flow in told(story)}
    assert LIMITS.keys() <= measured


def test_stories_leave_the_chain_as_it_was(product: Exchange, schedules: list[Schedule]) -> None:
    before = product.chain.snapshot(), product.chain.now
    flows.play(stories.use_account, product, schedules[:1])
    assert (product.chain.snapshot(), product.chain.now) == before


def test_lab_that_charges_otherwise_than_py_evm_is_refused(product: Exchange) -> None:
    (prague,) = load_schedules(["prague"])
    wrong = prague.with_constant("sstore.update", prague["sstore.update"] + 1)
    with pytest.raises(AssertionError, match=r"deposit-again: the lab says \d+ gas, py-evm took"):
        flows.play(stories.use_account, product, [wrong])


# --- what is written, and so what is paid for -----------------------------------------------------

NEW_SLOTS = {
    "open": 1,
    "open-finite-allowance": 1,
    "deposit-again": 0,
    "hard-cancel": 1,
    "hard-cancel-again": 0,
    "ask": 1,
    "ask-again": 0,
    "register-key": 1,
    "revoke-key": 0,
    "claim": 1,
    "claim-again": 0,
    "settle": 1,
    "list-market": 3,
}


def test_flows_create_slots_only_the_first_time(told: Told) -> None:
    played = (stories.open_accounts, stories.use_account, stories.claim, stories.settle)
    found = [flow for story in (*played, stories.list_markets) for flow in told(story)]
    for name, slots in NEW_SLOTS.items():
        (flow,) = (flow for flow in found if flow.name == name)
        for measurement in flow.measured.values():
            assert measurement.slots_created == slots, name


@pytest.mark.parametrize("size", [1, 30, 60, 300, FULL])
def test_commit_reuses_two_words_whatever_it_carries(
    told: Told, product: Exchange, size: int
) -> None:
    measured = one(told(stories.commit_batches), "commit", size).on_prague
    assert (measured.slots_created, measured.slots_changed, measured.slots_cleared) == (0, 2, 0)
    assert {address for address, _ in measured.writes} == {
        bytes.fromhex(product.registry.address[2:])
    }
    updates = measured.components[Component.SSTORE_UPDATE]
    assert updates == 2 * 2900  # each is written once
    assert Component.SSTORE_DIRTY not in measured.components


def test_commit_in_the_first_lap_takes_one_new_word(told: Told) -> None:
    measured = told(stories.first_lap)[0].on_prague
    assert (measured.slots_created, measured.slots_changed) == (1, 1)


def test_commit_full_batch_costs_the_floor_since_prague(told: Told) -> None:
    flow = one(told(stories.commit_batches), "commit", FULL)
    words = stories.fills(stories.FULL)
    assert flow.receipt.event("BatchCommitted")["header"][2] == words_root(words)
    assert flow.receipt.event("BatchBody")["words"] == tuple(words)
    for schedule in ("prague", "osaka", "amsterdam-draft"):
        measured = flow.measured[schedule]
        assert measured.execution < measured.floor == measured.gas
    assert flow.measured["cancun"].floor == 0
    assert flow.measured["cancun"].execution == flow.on_prague.execution


def test_commit_fill_words_are_as_wide_as_assumed() -> None:
    """The figures mean something only if the fills are no lighter than real ones."""
    rng = random.Random("width")
    words = [pack(stories.fill(rng)) for _ in range(3000)]
    data = b"".join(word.to_bytes(32, "big") for word in words)
    filled = (len(data) - data.count(0)) / len(words)  # bytes of 32 that are not zero
    assert 17 < filled < 18.5


def test_commit_next_place_not_final_is_refused_at_the_lap_s_end(stage: Stage) -> None:
    """The planted words are read: with a young one in the place after the next, no commit."""
    chain, registry = stage.chain, stage.exchange.registry
    stories.fill_ring(stage)
    stories.written(stage, "second")
    place = max(slot for _, slot in stories.written(stage, "third"))
    young = int.from_bytes(ring_word(keccak(b"young"), chain.now), "big")
    write_slots(chain, registry.address, {place + 2: young})
    commit_at = chain.now
    with pytest.raises(Reverted) as caught:
        stories.commit(stage, "refused", stories.fills(1, "fourth"), CHUNK_OPS)
    assert caught.value.revert.name == "RingFull"
    until = (young & (1 << 40) - 1) + stage.exchange.windows.final_after
    assert caught.value.revert.args == (4, until)
    assert commit_at < until


def test_claims_pay_what_the_leaf_says(told: Told) -> None:
    found = told(stories.claim)
    amounts = {flow.name: flow.receipt.event("Claimed")["amount"] for flow in found}
    first = 100 * TOKENS + 1
    assert amounts == {"claim-to": first, "claim": first, "claim-again": 200 * TOKENS + 6}


def test_margin_is_judged_without_a_write(told: Told) -> None:
    for flow in told(stories.judge_margin):
        assert flow.on_prague.writes == frozenset()


# --- gas limits -----------------------------------------------------------------------------------


def test_flows_fit_in_one_transaction_under_every_schedule(
    told: Told, schedules: list[Schedule]
) -> None:
    """State gas does not count towards the cap of a transaction (EIP-8037); it is drawn from what
    its gas limit has beyond.
    """
    for schedule in schedules:
        cap = schedule.transaction_gas_cap or schedule.block_gas_limit
        for story in stories.STORIES:
            for flow in told(story):
                measured = flow.measured[schedule.name]
                assert measured.gas - measured.state_gas <= cap, (flow.name, schedule.name)


def test_deployment_under_the_draft_needs_more_gas_than_the_cap_of_today(told: Told) -> None:
    """A finding: with state gas the largest contracts take a gas limit above 2^24."""
    over = {
        flow.name for flow in told(stories.deploy) if flow.measured["amsterdam-draft"].gas > 1 << 24
    }
    provers = {"deploy-transition-prover", "deploy-unauthorized-prover"}
    assert over == {"deploy-vault", "deploy-lens"} | provers
