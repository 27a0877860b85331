"""Reverting and slashing (sections 6 and 7): what falls, who pays, who is paid."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.reference.header import ring_word
from matcher.reference.tree import keccak
from matcher.types import RING_SLOTS
from tests.support.chain import ETHER, Chain, Reverted, reverts
from tests.support.decree import Fault, decree
from tests.support.exchange import Roles
from tests.support.registry import (
    COMMITTED,
    FINAL,
    REVERTED,
    REWARD_CAP,
    UNKNOWN,
    VAULT,
    Committed,
    Registry,
    balance,
    chunk,
    slot_of_ring,
    write_slots,
)

CONVICTED = ("BatchConvicted", "BatchReverted")
BURNED = "0x" + "00" * 20  # where ether goes to burn


def commit(registry: Registry, count: int, **others: Any) -> list[Committed]:
    """Batches one after the other, some seconds apart."""
    made = []
    for i in range(count):
        registry.chain.travel(7)
        made.append(registry.commit(chunk(f"{registry.head.header.id + 1} {i}"), **others))
    return made


# --- what falls -----------------------------------------------------------------------------------


def test_revert_makes_the_previous_header_the_head(registry: Registry) -> None:
    one, two, three, four = commit(registry, 4)
    receipt = registry.revert(two, one)
    facts = registry.facts()
    assert (facts["id"], facts["builtAt"]) == (1, one.header.built_at)
    assert facts["top"] == 4
    assert facts["lastRevertAt"] == receipt.time
    assert facts["operator"] == 0
    assert registry.status(one) == (COMMITTED, one.time)
    assert registry.status(registry.genesis) == (FINAL, registry.genesis.time)
    for fallen in (two, three, four):
        assert registry.status(fallen) == (REVERTED, fallen.time)


def test_revert_of_the_first_batch_falls_back_to_genesis(registry: Registry) -> None:
    (one,) = commit(registry, 1)
    registry.revert(one, registry.genesis)
    assert registry.facts()["id"] == 0
    assert registry.facts()["builtAt"] == registry.deployed_at


def test_revert_then_recommit_replaces_batch_by_batch(registry: Registry, roles: Roles) -> None:
    one, two, three = commit(registry, 3)
    registry.revert(two, one)
    index = registry.hire(roles.outsider.address)
    mine = {"sender": roles.outsider, "operator": index}
    again = registry.commit(chunk("2 again"), **mine)
    assert again.header.parent == two.header.parent
    assert registry.status(again) == (COMMITTED, again.time)
    assert registry.status(two) == (UNKNOWN, 0)
    # Of three the word still stands in the ring, above the head: no batch, and none to revert.
    assert registry.status(three) == (REVERTED, three.time)
    with reverts("BatchNotCommitted", 3, three.header.batch_hash()):
        registry.revert(three, again)
    assert registry.facts()["top"] == 3
    last = registry.commit(chunk("3 again"), **mine)
    assert registry.status(three) == (UNKNOWN, 0)
    assert registry.status(last) == (COMMITTED, last.time)
    assert registry.facts()["top"] == 3
    registry.commit(chunk("4"), **mine)
    assert registry.facts()["top"] == 4


def test_revert_built_at_of_the_fallen_binds_no_more(registry: Registry, roles: Roles) -> None:
    one, two = commit(registry, 2)
    registry.revert(two, one)
    index = registry.hire(roles.outsider.address)
    earlier = one.header.built_at
    assert earlier < two.header.built_at
    again = registry.commit(built_at=earlier, sender=roles.outsider, operator=index)
    assert again.header.built_at == earlier


def test_revert_just_before_final_works_and_then_no_more(registry: Registry) -> None:
    one, two = commit(registry, 2)
    registry.chain.at(registry.final_at(two))
    with reverts("BatchIsFinal", 2, registry.final_at(two)):
        registry.revert(two, one)
    with reverts("BatchIsFinal", 1, registry.final_at(one)):
        registry.revert(one, registry.genesis)
    (three,) = commit(registry, 1)
    registry.chain.at(registry.final_at(three) - 1)
    registry.revert(three, two)
    assert registry.facts()["id"] == 2


# --- what is refused ------------------------------------------------------------------------------


def convict(registry: Registry, prover: str, lie: Any, previous: Any, witness: bytes) -> None:
    registry.send(registry.roles.challenger, "convict", prover, lie, previous, witness)


def test_conviction_by_another_than_a_prover_is_refused(registry: Registry, roles: Roles) -> None:
    """A contract that answers as a prover would is none unless the registry names it."""
    (one,) = commit(registry, 1)
    other = registry.chain.deploy(roles.challenger, "Decree").address
    for stranger in (other, roles.owner.address, "0x" + "00" * 20):
        with reverts("NotProver", stranger):
            convict(registry, stranger, one.encoded, registry.genesis.encoded, decree())


def test_conviction_without_a_lie_is_refused(registry: Registry) -> None:
    (one,) = commit(registry, 1)
    with reverts("NotGuilty", 1, 0, bytes(32)):
        convict(
            registry, registry.decree, one.encoded, registry.genesis.encoded, decree(Fault.NONE)
        )
    assert registry.status(one) == (COMMITTED, one.time)


def test_conviction_without_a_challenger_in_the_verdict_pays_who_brings_it(
    registry: Registry, roles: Roles
) -> None:
    (one,) = commit(registry, 1)
    call = (registry.decree, one.encoded, registry.genesis.encoded, decree(Fault.TOO_LATE))
    receipt = registry.send(roles.outsider, "convict", *call)
    assert receipt.event("BatchReverted")["challenger"] == roles.outsider.address
    assert receipt.event("BatchConvicted") == {
        "id": 1,
        "prover": registry.decree,
        "fault": Fault.TOO_LATE,
        "chunk": 0,
        "place": 0,
    }


def test_revert_without_provers_is_nobody_s(fresh_chain: Chain, roles: Roles) -> None:
    registry = Registry(fresh_chain, roles, provers=False)
    (one,) = commit(registry, 1)
    with reverts("NotProver", registry.decree):
        registry.revert(one, registry.genesis)


def test_revert_of_genesis_is_refused(registry: Registry) -> None:
    with reverts("GenesisStands"):
        registry.revert(registry.genesis, registry.genesis)


def test_revert_of_a_header_that_was_not_committed_is_refused(registry: Registry) -> None:
    one, two = commit(registry, 2)
    fields = list(two.encoded)
    fields[3] = keccak(b"another root")
    forged = tuple(fields)
    with reverts("BatchNotCommitted", 2, keccak(b"".join(forged))):
        convict(registry, registry.decree, forged, one.encoded, decree())


def test_revert_with_another_previous_header_is_refused(registry: Registry) -> None:
    one, two, three = commit(registry, 3)
    for wrong in (registry.genesis, two, three):
        with reverts("PreviousMismatch", 1, wrong.header.batch_hash()):
            registry.revert(two, wrong)
    fields = list(one.encoded)
    fields[3] = keccak(b"another root")
    with reverts("PreviousMismatch", 1, keccak(b"".join(fields))):
        convict(registry, registry.decree, two.encoded, tuple(fields), decree())


def test_revert_with_a_previous_header_of_another_id_in_its_place_is_refused(
    registry: Registry,
) -> None:
    """No honest ring holds one there; the id is compared all the same."""
    one, two = commit(registry, 2)
    other = replace(one.header, id=1 + RING_SLOTS)
    word = ring_word(other.batch_hash(), one.time)
    place = slot_of_ring(registry) + 1
    write_slots(registry.chain, registry.address, {place: int.from_bytes(word, "big")})
    with reverts("PreviousMismatch", 1, other.batch_hash()):
        registry.revert(two, Committed(other, one.time))


def test_revert_twice_is_refused(registry: Registry) -> None:
    one, two = commit(registry, 2)
    registry.revert(two, one)
    with reverts("BatchNotCommitted", 2, two.header.batch_hash()):
        registry.revert(two, one)


# --- who pays, who is paid ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bond", "reward"),
    [
        (3 * ETHER, 3 * ETHER // 2),  # half
        (2 * REWARD_CAP, REWARD_CAP),  # half is the cap
        (2 * REWARD_CAP + 2, REWARD_CAP),
        (100 * ETHER, REWARD_CAP),
        (ETHER + 1, ETHER // 2),  # of an odd bond the smaller half
    ],
)
def test_revert_pays_half_up_to_the_cap_and_burns_the_rest(
    fresh_chain: Chain, roles: Roles, bond: int, reward: int
) -> None:
    registry = Registry(fresh_chain, roles, bond=bond)
    (one,) = commit(registry, 1)
    challenger, burned = roles.challenger.address, balance(fresh_chain, BURNED)
    had = balance(fresh_chain, challenger)
    receipt = registry.revert(one, registry.genesis)
    assert receipt.event("BatchReverted") == {
        "id": 1,
        "batchHash": one.header.batch_hash(),
        "challenger": challenger,
        "reward": reward,
        "burned": bond - reward,
    }
    assert balance(fresh_chain, challenger) == had + reward
    assert balance(fresh_chain, registry.address) == 0
    # The coinbase of the tests' blocks is the zero address too: it earns tips.
    assert balance(fresh_chain, BURNED) >= burned + bond - reward


def test_revert_retires_the_operator_named_in_the_header(registry: Registry, roles: Roles) -> None:
    (one,) = commit(registry, 1)
    receipt = registry.revert(one, registry.genesis)
    assert receipt.names() == ["OperatorChanged", "OperatorRetired", *CONVICTED]
    assert receipt.event("OperatorChanged") == {"previous": 1, "current": 0}
    assert receipt.event("OperatorRetired") == {"index": 1}
    assert registry.operator(1) == {
        "operator": roles.operator.address,
        "bond": 0,
        "leftAt": receipt.time,
        "retired": True,
    }
    assert registry.ask("currentOperator") == "0x" + "00" * 20
    with reverts("OperatorIsRetired", 1):
        registry.send(roles.owner, "setOperator", 1)
    with reverts("OperatorIsRetired", 1):
        registry.send(roles.outsider, "addBond", 1, value=ETHER)
    with reverts("NotOperator", roles.operator.address, 0):
        registry.commit()
    # The same person may come again, under a new index and a new bond.
    assert registry.hire(roles.operator.address) == 2
    registry.commit(operator=2)


def test_revert_of_a_former_operator_s_batch_spares_the_current_one(
    registry: Registry, roles: Roles
) -> None:
    """Rotation must not move an old lie onto a new bond."""
    (old,) = commit(registry, 1)
    index = registry.hire(roles.outsider.address)
    commit(registry, 2, sender=roles.outsider, operator=index)
    receipt = registry.revert(old, registry.genesis)
    assert "OperatorChanged" not in receipt.names()
    assert receipt.event("OperatorRetired") == {"index": 1}
    assert registry.facts()["operator"] == index
    assert registry.operator(index)["bond"] == 3 * ETHER
    assert registry.operator(index)["retired"] is False
    commit(registry, 1, sender=roles.outsider, operator=index)


def test_revert_of_a_retired_operator_s_other_batch_pays_nothing_but_works(
    registry: Registry, roles: Roles
) -> None:
    one, two = commit(registry, 2)
    registry.revert(two, one)
    assert registry.hire(roles.outsider.address) == 2
    had = balance(registry.chain, registry.address)
    receipt = registry.revert(one, registry.genesis)
    assert receipt.names() == [*CONVICTED]
    assert receipt.event("BatchReverted")["reward"] == 0
    assert receipt.event("BatchReverted")["burned"] == 0
    assert registry.facts()["id"] == 0
    assert balance(registry.chain, registry.address) == had


def test_bond_stays_as_long_as_a_batch_of_its_operator_can_fall(
    registry: Registry, roles: Roles
) -> None:
    chain = registry.chain
    (one,) = commit(registry, 1)
    registry.send(roles.owner, "setOperator", 0)
    chain.at(registry.final_at(one) - 2)
    with pytest.raises(Reverted, match=r"^BondLocked"):
        registry.send(roles.operator, "withdrawBond", 1, roles.operator.address)
    receipt = registry.revert(one, registry.genesis)  # in the last second
    assert receipt.event("BatchReverted")["reward"] == 3 * ETHER // 2


def test_revert_pays_a_challenger_who_takes_no_ether(registry: Registry, roles: Roles) -> None:
    """Nobody can stand in the way of a revert by refusing the reward."""
    chain = registry.chain
    wallet = chain.deploy(roles.outsider, "ContractWallet", roles.outsider.address)
    (one,) = commit(registry, 1)
    registry.revert(one, registry.genesis, challenger=wallet.address)
    assert balance(chain, wallet.address) == 3 * ETHER // 2
    assert registry.facts()["id"] == 0


def test_revert_goes_on_while_paused_and_frozen(registry: Registry, roles: Roles) -> None:
    one, two = commit(registry, 2)
    registry.send(roles.owner, "setPaused", True)
    registry.chain.send(roles.owner, to=VAULT.address, value=ETHER)
    registry.send(VAULT, "freeze")
    registry.revert(two, one)
    facts = registry.facts()
    assert (facts["id"], facts["paused"], facts["frozen"]) == (1, True, True)


# --- any life of a chain of batches ---------------------------------------------------------------

steps = st.lists(
    st.one_of(
        st.tuples(st.just("commit"), st.integers(0, 60)),
        st.tuples(st.just("wait"), st.integers(0, 500)),
        st.tuples(st.just("revert"), st.integers(0, 5)),
    ),
    max_size=14,
)


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(steps=steps)
def test_status_over_any_life_is_that_of_the_plain_model(
    shared_chain: Chain, roles: Roles, steps: list[tuple[str, int]]
) -> None:
    """A list that grows and is cut, and a clock: nothing else decides what a header is worth."""
    before = shared_chain.snapshot()
    registry = Registry(shared_chain, roles)
    live, fallen, operator = [registry.genesis], [], 1
    for what, value in steps:
        if what == "wait":
            shared_chain.travel(value)
        elif what == "commit":
            shared_chain.travel(value)
            live.append(registry.commit(chunk(f"{len(live)} {len(fallen)}"), operator=operator))
        else:
            position = max(len(live) - 1 - value, 1)
            if position >= len(live) or registry.final_at(live[position]) <= shared_chain.now:
                continue
            registry.revert(live[position], live[position - 1])
            fallen += live[position:]
            del live[position:]
            operator = registry.hire(roles.operator.address)
        check_statuses(registry, live, fallen)
    shared_chain.revert(before)


def check_statuses(registry: Registry, live: list[Committed], fallen: list[Committed]) -> None:
    assert registry.facts()["id"] == live[-1].header.id
    for batch in live:
        is_final = registry.chain.now >= registry.final_at(batch)
        assert registry.status(batch) == (FINAL if is_final else COMMITTED, batch.time)
    newest: dict[int, Committed] = {batch.header.id: batch for batch in fallen}
    for batch in fallen:
        stands = batch.header.id > live[-1].header.id and newest[batch.header.id] is batch
        assert registry.status(batch) == ((REVERTED, batch.time) if stands else (UNKNOWN, 0))
