"""Committing batches: genesis, headers, times, anchors, the ring (section 6)."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.reference.header import decode, genesis_ring_word, parent_of, ring_slot, ring_word
from matcher.reference.tree import ZERO, keccak
from matcher.reference.words import Credit, Fill, Release, Transfer, pack_chunk
from matcher.types import RING_SLOTS
from tests.support.chain import ETHER, reverts
from tests.support.exchange import Roles
from tests.support.registry import (
    COMMITTED,
    FINAL,
    HIGH,
    LOW,
    MIN_BOND,
    NO_ROOTS,
    UNKNOWN,
    VAULT,
    Committed,
    Registry,
    chunk,
    slot_of_ring,
    write_slots,
)


def number(word: bytes) -> int:
    return int.from_bytes(word, "big")


# --- genesis ------------------------------------------------------------------------------------


def test_genesis_is_final_at_once(registry: Registry) -> None:
    found = registry.ask("ringWord", 0)
    assert found == genesis_ring_word(registry.deployed_at, registry.windows)
    assert registry.status(registry.genesis) == (FINAL, registry.genesis.time)
    assert registry.facts() == {
        "id": 0,
        "builtAt": registry.deployed_at,
        "top": 0,
        "lastRevertAt": 0,
        "operator": 1,
        "paused": False,
        "frozen": False,
    }


# --- what is committed --------------------------------------------------------------------------


def test_commit_first_batch_moves_the_head_and_keeps_the_ring_word(registry: Registry) -> None:
    registry.chain.travel(60)
    batch = registry.commit(built_at=registry.chain.now - 5, extra=keccak(b"file"))
    header = batch.header
    assert registry.ask("ringWord", 1) == ring_word(header.batch_hash(), batch.time)
    facts = registry.facts()
    assert (facts["id"], facts["top"], facts["builtAt"]) == (1, 1, header.built_at)
    assert facts["operator"] == 1
    assert facts["lastRevertAt"] == 0
    assert header.parent == registry.genesis.header.batch_hash()[:27] + bytes(5)
    assert registry.status(batch) == (COMMITTED, batch.time)


ids = st.integers(0, (1 << 24) - 1)
any_op = st.one_of(
    st.builds(Credit, ids, st.integers(0, (1 << 64) - 1)),
    st.builds(Release, ids, st.integers(0, 1000), ids),
    st.builds(Transfer, ids, ids, st.integers(0, 1000), st.integers(0, (1 << 44) - 1)),
    st.builds(
        Fill,
        *(st.integers(0, 1), ids, ids, ids, st.integers(0, (1 << 32) - 1), st.integers(1, 9)),
        *(st.integers(0, (1 << 44) - 1),) * 2,
    ),
)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    chunks=st.lists(
        st.tuples(st.lists(any_op, max_size=30), st.binary(min_size=32, max_size=32)),
        min_size=1,
        max_size=5,
    ),
    extra=st.binary(min_size=32, max_size=32),
)
def test_commit_any_words_binds_them_as_the_model_does(
    registry: Registry, chunks: list[tuple[list[Any], bytes]], extra: bytes
) -> None:
    """`Registry.commit` compares the header, with its roots, and the body."""
    words = [word for ops, root in chunks for word in pack_chunk(ops, root)]
    batch = registry.commit(words, extra=extra)
    assert batch.header.state_root == chunks[-1][1]
    assert registry.status(batch) == (COMMITTED, batch.time)


def test_commit_malformed_ops_are_not_this_contract_s_question(registry: Registry) -> None:
    """A lie is committed like the truth; the provers convict it."""
    words = chunk()
    words[0] = (1 << 256) - 1
    words[7] = words[30]
    registry.commit(words)


def test_commit_chain_of_batches_each_names_its_parent(registry: Registry) -> None:
    batches = [registry.commit(chunk(str(i))) for i in range(4)]
    for parent, child in pairwise(batches):
        assert child.header.parent == parent.header.batch_hash()[:27] + bytes(5)
        assert child.header.id == parent.header.id + 1


@pytest.mark.parametrize("count", [0, 1, 31, 33, 63])
def test_commit_words_not_whole_chunks_are_refused(registry: Registry, count: int) -> None:
    with reverts("WordCount", count):
        registry.commit((chunk() * 2)[:count])


@pytest.mark.parametrize(("high", "low"), [*NO_ROOTS, (HIGH, LOW | 1 << 255)])
def test_commit_last_chunk_without_a_root_is_refused(
    registry: Registry, high: int, low: int
) -> None:
    with reverts("RootMissing", high, low):
        registry.commit([*chunk(), *chunk()[:30], high, low])


# --- times --------------------------------------------------------------------------------------


def test_commit_built_at_from_lag_ago_to_just_before_the_block(registry: Registry) -> None:
    chain, lag = registry.chain, registry.windows.lag
    chain.travel(10 * lag)
    for after in (-lag - 1, 0, 1, 10**6):
        wrong, now = chain.now + after, chain.now
        with reverts("BuiltAtOutside", wrong, now - lag, now - 1):
            registry.commit(built_at=wrong)
    for wrong in (0, (1 << 40) - 1):
        with reverts("BuiltAtOutside", wrong, chain.now - lag, chain.now - 1):
            registry.commit(built_at=wrong)
    registry.commit(built_at=chain.now - lag)
    registry.commit(built_at=chain.now - 1)


def test_commit_built_at_not_before_the_parent_s(registry: Registry) -> None:
    chain = registry.chain
    chain.travel(1000)
    parent = registry.commit(built_at=chain.now - 50).header.built_at
    with reverts("BuiltAtOutside", parent - 1, parent, chain.now - 1):
        registry.commit(built_at=parent - 1)
    same = registry.commit(built_at=parent)
    assert same.header.built_at == parent
    assert registry.facts()["builtAt"] == parent


def test_commit_built_at_not_before_genesis(registry: Registry) -> None:
    wrong = registry.deployed_at - 1
    with reverts("BuiltAtOutside", wrong, registry.deployed_at, registry.chain.now - 1):
        registry.commit(built_at=wrong)
    registry.commit(built_at=registry.deployed_at)


# --- parents ------------------------------------------------------------------------------------


def test_commit_with_another_parent_is_refused(registry: Registry) -> None:
    genesis = registry.parent()
    first = registry.commit()
    found = parent_of(first.header.batch_hash())
    for wrong in (genesis, first.header.batch_hash(), ZERO):
        with reverts("ParentMismatch", 1, found, wrong):
            registry.commit(parent=wrong)
    registry.commit(parent=found)


# --- anchors ------------------------------------------------------------------------------------


def test_commit_anchor_with_another_hash_is_refused(registry: Registry) -> None:
    anchor, wrong = registry.chain.height, keccak(b"reorganized")
    found = registry.chain.block_hash(anchor)
    with reverts("AnchorMismatch", anchor, found, wrong):
        registry.commit(anchor=anchor, anchor_hash=wrong)


def test_commit_anchor_without_a_hash_is_refused_even_if_zero_is_named(registry: Registry) -> None:
    for ahead in (1, 2, 1 << 64):
        anchor = registry.chain.height + ahead
        with reverts("AnchorMismatch", anchor, ZERO, ZERO):
            registry.commit(anchor=anchor, anchor_hash=ZERO)


def test_commit_anchor_is_one_of_the_last_256_blocks(registry: Registry) -> None:
    chain = registry.chain
    chain.mine(300)
    old = chain.height + 1 - 257
    named = chain.block_hash(old)
    with reverts("AnchorMismatch", old, ZERO, named):
        registry.commit(anchor=old)
    registry.commit(anchor=chain.height + 1 - 256)


# --- who ----------------------------------------------------------------------------------------


def test_commit_by_another_than_the_current_operator_is_refused(
    registry: Registry, roles: Roles
) -> None:
    for stranger in (roles.outsider, roles.owner):
        with reverts("NotOperator", stranger.address, 1):
            registry.commit(sender=stranger)
    assert registry.hire(roles.outsider.address) == 2
    with reverts("NotOperator", roles.operator.address, 2):
        registry.commit()
    registry.commit(sender=roles.outsider, operator=2)


def test_commit_without_a_current_operator_is_refused(registry: Registry, roles: Roles) -> None:
    registry.send(roles.owner, "setOperator", 0)
    with reverts("NotOperator", roles.operator.address, 0):
        registry.commit()


def test_commit_with_less_than_the_least_bond_is_refused(registry: Registry, roles: Roles) -> None:
    index = registry.hire(roles.outsider.address, MIN_BOND - 1)
    with reverts("BondTooSmall", index, MIN_BOND - 1, MIN_BOND):
        registry.commit(sender=roles.outsider)
    registry.send(roles.maker, "addBond", index, value=1)
    registry.commit(sender=roles.outsider, operator=index)


def test_commit_by_a_contract_is_followed_by_logs_alone(registry: Registry, roles: Roles) -> None:
    """Its calldata is hidden in another transaction's, so the event must hold the body."""
    chain = registry.chain
    wallet = chain.deploy(roles.outsider, "ContractWallet", roles.outsider.address)
    registry.hire(wallet.address)
    words = [*chunk("a"), *chunk("b")]
    call = registry.functions.commit(*registry.arguments(words))
    payload = bytes.fromhex(call._encode_transaction_data()[2:])
    receipt = chain.send(roles.outsider, wallet.functions.execute(registry.address, payload))
    assert receipt.event("BatchBody")["words"] == tuple(words)
    assert receipt.event("BatchCommitted")["header"][3] == keccak(b"b")


# --- pause, freeze ------------------------------------------------------------------------------


def test_commit_while_paused_is_refused(registry: Registry, roles: Roles) -> None:
    assert registry.send(roles.owner, "setPaused", True).event("PauseSet") == {"paused": True}
    assert registry.facts()["paused"] is True
    assert registry.ask("takesDeposits") is False
    with reverts("CommitsPaused"):
        registry.commit()
    assert registry.send(roles.owner, "setPaused", False).event("PauseSet") == {"paused": False}
    assert registry.ask("takesDeposits") is True
    registry.commit()


def test_commit_while_frozen_is_refused_for_good(registry: Registry, roles: Roles) -> None:
    # The Vault is a plain account here: it has no money for gas, so it is given some.
    registry.chain.send(roles.owner, to=VAULT.address, value=ETHER)
    registry.send(VAULT, "freeze").event("ExchangeFrozen")
    assert registry.facts()["frozen"] is True
    assert registry.ask("takesDeposits") is False
    with reverts("ExchangeIsFrozen"):
        registry.commit()
    registry.send(roles.owner, "setPaused", True)
    registry.send(roles.owner, "setPaused", False)
    assert registry.facts()["frozen"] is True
    with reverts("ExchangeIsFrozen"):
        registry.commit()


def test_freeze_by_another_than_the_vault_is_refused(registry: Registry, roles: Roles) -> None:
    for stranger in (roles.owner, roles.operator, roles.prover):
        with reverts("NotVault", stranger.address, VAULT.address):
            registry.send(stranger, "freeze")


# --- finality -----------------------------------------------------------------------------------


def test_status_becomes_final_by_the_clock_alone(registry: Registry) -> None:
    batch = registry.commit()
    registry.chain.at(registry.final_at(batch) - 1)
    assert registry.status(batch) == (COMMITTED, batch.time)
    registry.chain.at(registry.final_at(batch))
    assert registry.status(batch) == (FINAL, batch.time)


@pytest.mark.parametrize("position", range(6))
def test_status_of_a_header_with_one_bit_changed_is_unknown(
    registry: Registry, position: int
) -> None:
    batch = registry.commit(extra=keccak(b"file"))
    fields = list(batch.encoded)
    fields[position] = (number(fields[position]) ^ 1).to_bytes(32, "big")
    assert registry.ask("statusOf", tuple(fields)) == (UNKNOWN, 0)


def test_status_of_a_batch_that_never_was_is_unknown(registry: Registry) -> None:
    empty = (bytes(32),) * 6
    assert registry.ask("statusOf", empty) == (UNKNOWN, 0)
    assert registry.ask("ringWord", 5) == ZERO


# --- the ring -----------------------------------------------------------------------------------


def plant(registry: Registry, batch_id: int, committed_at: int) -> bytes:
    """Leave the word of an old batch in the place of `batch_id`; returns it."""
    word = ring_word(keccak(b"old %d" % batch_id), committed_at)
    place = slot_of_ring(registry) + ring_slot(batch_id)
    write_slots(registry.chain, registry.address, {place: number(word)})
    assert registry.ask("ringWord", batch_id) == word
    assert registry.ask("ringWord", batch_id + RING_SLOTS) == word
    return word


def test_commit_over_a_place_that_is_not_final_is_refused(registry: Registry) -> None:
    """The next batch's place must be free too: else a revert could not fall back (lesson 4)."""
    chain = registry.chain
    registry.commit()
    committed_at = chain.now
    plant(registry, 3, committed_at)
    final_at = committed_at + registry.windows.final_after
    chain.at(final_at - 1)
    with reverts("RingFull", 2, final_at):
        registry.commit()
    chain.at(final_at)
    registry.commit()
    assert registry.facts()["id"] == 2


def test_commit_again_after_a_revert_needs_no_room(registry: Registry, roles: Roles) -> None:
    """Its place was taken before, and was free then."""
    first, second = registry.commit(chunk("1")), registry.commit(chunk("2"))
    time = registry.chain.now
    plant(registry, 3, time)  # young: as nothing but a fault could leave it
    registry.revert(second, first)
    index = registry.hire(roles.outsider.address)
    registry.commit(chunk("2 again"), sender=roles.outsider, operator=index)
    plant(registry, 4, time)
    with reverts("RingFull", 3, time + registry.windows.final_after):
        registry.commit(sender=roles.outsider, operator=index)


def test_commit_wraps_around_the_ring(registry: Registry) -> None:
    """At id 2^14 the genesis word is overwritten, and only then."""
    chain = registry.chain
    last = _fast_forward(registry, RING_SLOTS - 1)
    assert registry.status(registry.genesis)[0] == FINAL
    batch = registry.commit()
    assert batch.header.id == RING_SLOTS
    assert registry.ask("ringWord", 0) == ring_word(batch.header.batch_hash(), batch.time)
    assert registry.status(registry.genesis) == (UNKNOWN, 0)
    assert registry.status(batch) == (COMMITTED, batch.time)
    assert registry.status(last) == (COMMITTED, last.time)
    assert chain.now > batch.time


def _fast_forward(registry: Registry, batch_id: int) -> Committed:
    """Commit batch `batch_id` as if all before it had been: the head slot is moved on."""
    chain = registry.chain
    ring = slot_of_ring(registry)
    head_slot, head = _head_slot(registry)
    before = batch_id - 1
    moved = head & (1 << 176) - 1 | before << 216 | before << 176
    word = ring_word(keccak(b"before"), chain.now)
    write_slots(chain, registry.address, {head_slot: moved, ring + ring_slot(before): number(word)})
    facts = registry.facts()
    assert (facts["id"], facts["top"]) == (before, before)
    args = registry.arguments()
    receipt = registry.send(registry.roles.operator, "commit", *args)
    header = decode(b"".join(receipt.event("BatchCommitted")["header"]))
    assert header.parent == word[:27] + bytes(5)
    registry.head = Committed(header, receipt.time, receipt)
    return registry.head


def _head_slot(registry: Registry) -> tuple[int, int]:
    """The head's slot and word: the one before the ring that holds builtAt of genesis."""
    state = registry.chain.evm.get_vm().state
    address = bytes.fromhex(registry.address[2:])
    found = [
        (slot, word)
        for slot in range(slot_of_ring(registry))
        if (word := state.get_storage(address, slot)) >> 136 & (1 << 40) - 1 == registry.deployed_at
    ]
    assert len(found) == 1, found
    return found[0]
