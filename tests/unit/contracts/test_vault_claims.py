"""Vault: what is paid out against final state roots, and what is not (section 9)."""

from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.reference.leaf import leaf_hash, leaf_words
from matcher.reference.tree import ZERO, root_from
from matcher.types import ACCOUNT_TREE_DEPTH, U64
from tests.support.chain import reverts
from tests.support.exchange import (
    TOKENS,
    WEALTH,
    Batch,
    Exchange,
    Roles,
    account_with,
    path_tuple,
    state_of,
    words_bytes,
)

UNKNOWN, COMMITTED, FINAL, REVERTED = range(4)
DEPOSIT = 1000 * TOKENS
ZERO_ADDRESS = "0x" + "00" * 20


@pytest.fixture
def account(exchange: Exchange, roles: Roles) -> int:
    """The maker's account; the taker has one too, so that the Vault holds more than is due."""
    index = exchange.open(roles.maker, DEPOSIT)
    exchange.open(roles.taker, DEPOSIT)
    return index


def let_out(exchange: Exchange, exited: dict[int, int], *, final: bool = True) -> Batch:
    """Commit a state in which so much was let out of each account."""
    batch = exchange.commit_root(
        state_of({index: account_with(exited=atoms) for index, atoms in exited.items()})
    )
    return exchange.finalize(batch) if final else batch


# --- what is paid


def test_claim_pays_what_was_let_out_to_the_owner(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    batch = let_out(exchange, {account: 300 * TOKENS})
    assert exchange.claimable(account, batch) == 300 * TOKENS
    receipt = exchange.claim(roles.outsider, account, batch)
    assert receipt.names() == ["Claimed", "Transfer"]
    assert receipt.event("Claimed") == {
        "account": account,
        "recipient": roles.maker.address,
        "amount": 300 * TOKENS,
        "claimed": 300 * TOKENS,
    }
    assert int.from_bytes(receipt.output, "big") == 300 * TOKENS
    assert exchange.balance(roles.maker.address) == WEALTH - 700 * TOKENS
    assert exchange.balance(roles.outsider.address) == WEALTH
    assert exchange.balance(exchange.vault.address) == exchange.total() == 1700 * TOKENS


def test_claim_twice_pays_once(exchange: Exchange, roles: Roles, account: int) -> None:
    batch = let_out(exchange, {account: 300 * TOKENS})
    exchange.claim(roles.maker, account, batch)
    assert exchange.claimable(account, batch) == 0
    receipt = exchange.claim(roles.maker, account, batch)
    assert receipt.events == []
    assert int.from_bytes(receipt.output, "big") == 0
    assert exchange.total() == 1700 * TOKENS


def test_claim_newer_header_pays_the_difference_and_the_older_nothing(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    old = let_out(exchange, {account: 100 * TOKENS}, final=False)
    new = let_out(exchange, {account: 250 * TOKENS})
    assert exchange.claim(roles.maker, account, old).event("Claimed")["amount"] == 100 * TOKENS
    found = exchange.claim(roles.maker, account, new).event("Claimed")
    assert (found["amount"], found["claimed"]) == (150 * TOKENS, 250 * TOKENS)
    assert exchange.claim(roles.maker, account, old).events == []
    assert exchange.total() == 1750 * TOKENS


def test_claim_recent_header_pays_everything_older(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    for exited in (10, 20):
        let_out(exchange, {account: exited * TOKENS}, final=False)
    batch = let_out(exchange, {account: 30 * TOKENS})
    assert exchange.claim(roles.maker, account, batch).event("Claimed")["amount"] == 30 * TOKENS


def test_claim_of_less_than_was_claimed_pays_nothing(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """`exited` only grows; a state that says otherwise takes nothing back."""
    exchange.claim(roles.maker, account, let_out(exchange, {account: 50 * TOKENS}))
    lower = let_out(exchange, {account: 40 * TOKENS})
    assert exchange.claim(roles.maker, account, lower).events == []


def test_claim_pays_cash_and_positions_of_a_living_exchange_nothing(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    state = state_of({account: account_with(cash=500 * TOKENS, exited=7, credited=DEPOSIT, i1=2)})
    batch = exchange.finalize(exchange.commit_root(state))
    assert exchange.claim(roles.maker, account, batch).event("Claimed")["amount"] == 7


def test_claim_of_an_account_never_in_the_tree_pays_nothing(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """Its empty leaf proves with the siblings there are, and shows that nothing was let out."""
    batch = let_out(exchange, {account: 300 * TOKENS})
    assert exchange.claim(roles.taker, account + 1, batch).events == []
    assert exchange.claim(roles.fees, 0, batch).events == []


def test_claim_against_genesis_pays_nothing(exchange: Exchange, roles: Roles, account: int) -> None:
    genesis = exchange.batches[0]
    assert genesis.proof(account)[1:] == ([bytes(32)] * 2, (0, []))
    assert exchange.claim(roles.maker, account, genesis).events == []


def test_claim_of_the_fee_account_pays_its_owner(exchange: Exchange, roles: Roles) -> None:
    exchange.open(roles.maker, DEPOSIT)
    batch = let_out(exchange, {0: 3 * TOKENS})
    exchange.claim(roles.outsider, 0, batch)
    assert exchange.balance(roles.fees.address) == 3 * TOKENS


# --- to whom


def test_claim_to_another_is_the_owner_s_alone(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    batch = let_out(exchange, {account: 300 * TOKENS})
    with reverts("NotAccountOwner", account, roles.taker.address, roles.maker.address):
        exchange.claim(roles.taker, account, batch, roles.taker.address)
    receipt = exchange.claim(roles.maker, account, batch, roles.taker.address)
    assert receipt.event("Claimed")["recipient"] == roles.taker.address
    assert exchange.balance(roles.taker.address) == WEALTH - DEPOSIT + 300 * TOKENS


def test_claim_to_nobody_or_the_vault_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    batch = let_out(exchange, {account: 300 * TOKENS})
    for recipient in (ZERO_ADDRESS, exchange.vault.address):
        with reverts("RecipientUnusable", recipient):
            exchange.claim(roles.maker, account, batch, recipient)


def test_claim_of_an_account_never_opened_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """Even if a state lets something out of it: there is nobody to pay."""
    batch = let_out(exchange, {1: TOKENS, 4: TOKENS, (1 << 24) - 1: TOKENS})
    for index in (1, 4, (1 << 24) - 1):
        with reverts("AccountUnknown", index, 4):
            exchange.claim(roles.maker, index, batch)
        with reverts("AccountUnknown", index, 4):
            exchange.claimable(index, batch)
        with reverts("NotAccountOwner", index, roles.maker.address, ZERO_ADDRESS):
            exchange.claim(roles.maker, index, batch, roles.maker.address)


# --- which headers


def test_claim_before_the_header_is_final_is_refused_to_the_second(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    batch = let_out(exchange, {account: 300 * TOKENS}, final=False)
    final_at = batch.committed_at + exchange.windows.final_after
    exchange.chain.at(final_at - 1)
    with reverts("HeaderNotFinal", COMMITTED):
        exchange.claim(roles.maker, account, batch)
    assert exchange.chain.now == final_at
    assert exchange.claim(roles.maker, account, batch).event("Claimed")["amount"] == 300 * TOKENS


def test_claim_against_a_header_never_committed_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    batch = let_out(exchange, {account: 300 * TOKENS})
    forged = state_of({account: account_with(exited=900 * TOKENS)})
    header = replace(batch.header, state_root=forged.root())
    with reverts("HeaderNotFinal", UNKNOWN):
        exchange.claim(roles.maker, account, Batch(header, forged, batch.committed_at))


@pytest.mark.parametrize(
    "field", ["id", "built_at", "operator", "mode", "parent", "chunks_root", "extra"]
)
def test_claim_against_a_header_changed_anywhere_is_refused(
    exchange: Exchange, roles: Roles, account: int, field: str
) -> None:
    batch = let_out(exchange, {account: 300 * TOKENS})
    value = getattr(batch.header, field)
    other = value + 1 if isinstance(value, int) else bytes(31) + b"\x01"
    header = replace(batch.header, **{field: other})
    with reverts("HeaderNotFinal", UNKNOWN):
        exchange.claim(roles.maker, account, Batch(header, batch.state, batch.committed_at))


def test_claim_against_a_reverted_header_is_refused_however_old(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    lie = let_out(exchange, {account: 900 * TOKENS}, final=False)
    exchange.revert_to(exchange.batches[0])
    for _ in range(2):
        with reverts("HeaderNotFinal", REVERTED):
            exchange.claim(roles.maker, account, lie)
        exchange.chain.travel(10 * exchange.windows.final_after)


def test_claim_against_a_header_that_left_the_ring_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    batch = let_out(exchange, {account: 300 * TOKENS})
    ring_word = exchange.chain.call(exchange.registry.functions.ringWord(batch.header.id))
    registry, word = exchange.registry.address, int.from_bytes(ring_word, "big")
    (place,) = (n for n in range(64) if exchange.chain.storage(registry, n) == word)
    # As the batch 2^14 later would leave it.
    exchange.chain.write_storage(registry, {place: word ^ 1 << 200})
    with reverts("HeaderNotFinal", UNKNOWN):
        exchange.claim(roles.maker, account, batch)


# --- which leaves


def test_claim_with_another_account_s_leaf_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    batch = let_out(exchange, {account: 5 * TOKENS, account + 1: 900 * TOKENS})
    header, leaf, path = batch.proof(account + 1)
    words = [int.from_bytes(word, "big") for word in leaf]
    at = batch.state.tree.path(account + 1)
    found = root_from(leaf_hash(words), account, at, ACCOUNT_TREE_DEPTH)
    with reverts("LeafNotInState", account, found, batch.header.state_root):
        exchange.chain.send(
            roles.maker, exchange.vault.functions.claim(account, header, leaf, path)
        )


def test_claim_with_a_leaf_of_another_state_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    batch = let_out(exchange, {account: 5 * TOKENS})
    richer = leaf_words(account_with(exited=900 * TOKENS))
    path = batch.state.tree.path(account)
    found = root_from(leaf_hash(richer), account, path, ACCOUNT_TREE_DEPTH)
    call = exchange.vault.functions.claim(
        account, batch.encoded(), words_bytes(richer), path_tuple(path)
    )
    with reverts("LeafNotInState", account, found, batch.header.state_root):
        exchange.chain.send(roles.maker, call)


def test_claim_with_a_leaf_of_another_version_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    batch = let_out(exchange, {account: 5 * TOKENS})
    header, leaf, path = batch.proof(account)
    first = int.from_bytes(leaf[0], "big")
    claim = exchange.vault.functions.claim
    for other, error in (
        (first | 7 << 32, ("UnknownRule", 7, 0)),
        (first | 9, ("UnknownRule", 0, 9)),
        (first | 33 << 40, ("TooManyPositions", 33)),
    ):
        words = [other.to_bytes(32, "big"), leaf[1]]
        with reverts(*error):
            exchange.chain.send(roles.maker, claim(account, header, words, path))


def test_claim_with_a_malformed_leaf_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    batch = let_out(exchange, {account: 5 * TOKENS})
    header, leaf, path = batch.proof(account)
    claim = exchange.vault.functions.claim
    for words, error in (
        ([], ("LeafLength", 0, 2)),
        (leaf[:1], ("LeafLength", 1, 2)),
        ([*leaf, bytes(32)], ("LeafLength", 3, 2)),
        ([bytes(32)] * 3, ("LeafLength", 3, 2)),
    ):
        with reverts(*error):
            exchange.chain.send(roles.maker, claim(account, header, words, path))


def test_claim_with_a_malformed_path_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    batch = let_out(exchange, {account: 5 * TOKENS, account + 1: TOKENS, 100: TOKENS})
    header, leaf, (present, siblings) = batch.proof(account)
    count = len(siblings)
    claim = exchange.vault.functions.claim
    for path, error in (
        ((present | 1 << 24, siblings), ("PathTooDeep", present | 1 << 24, 24)),
        ((present, siblings[:-1]), ("SiblingCountMismatch", count - 1, count)),
        ((present, [*siblings, ZERO]), ("SiblingCountMismatch", count + 1, count)),
        ((0, siblings), ("SiblingCountMismatch", count, 0)),
    ):
        with reverts(*error):
            exchange.chain.send(roles.maker, claim(account, header, leaf, path))


# --- lies that nobody proved


def test_claim_above_what_the_vault_holds_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    for exited in (2 * DEPOSIT + 1, U64):
        batch = let_out(exchange, {account: exited})
        with reverts("TotalTooSmall", 2 * DEPOSIT, exited):
            exchange.claim(roles.maker, account, batch)
    assert exchange.claimable(account, batch) == U64
    exchange.claim(roles.maker, account, let_out(exchange, {account: 2 * DEPOSIT}))
    assert exchange.total() == exchange.balance(exchange.vault.address) == 0


def test_claim_counts_tokens_sent_without_a_deposit_for_nobody(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """The total is counted, not read from the token."""
    chain, vault = exchange.chain, exchange.vault.address
    chain.send(roles.outsider, exchange.token.functions.transfer(vault, 500 * TOKENS))
    assert exchange.total() == 2 * DEPOSIT
    batch = let_out(exchange, {account: 2 * DEPOSIT + 1})
    with reverts("TotalTooSmall", 2 * DEPOSIT, 2 * DEPOSIT + 1):
        exchange.claim(roles.maker, account, batch)


# --- any state, any account


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    exited=st.dictionaries(st.integers(2, 3) | st.integers(5, 1 << 23), st.integers(0, 10**9)),
    positions=st.dictionaries(st.integers(1, 200), st.integers(1, 100), max_size=32),
)
def test_claim_of_any_leaf_pays_what_it_let_out(
    exchange: Exchange,
    roles: Roles,
    account: int,
    exited: dict[int, int],
    positions: dict[int, int],
) -> None:
    chain = exchange.chain
    with chain.passing():
        this = exchange.clone()
        accounts = {index: account_with(exited=atoms) for index, atoms in exited.items()}
        accounts[account] = account_with(
            cash=-5, exited=exited.get(account, 0), **{f"i{i}": n for i, n in positions.items()}
        )
        batch = this.finalize(this.commit_root(state_of(accounts)))
        for index in (account, account + 1):
            due = exited.get(index, 0)
            assert this.claimable(index, batch) == due
            receipt = this.claim(roles.outsider, index, batch)
            assert sum(e.args["amount"] for e in receipt.events if e.name == "Claimed") == due
