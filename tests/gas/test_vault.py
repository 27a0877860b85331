"""What traders pay at the Vault: whole transactions, cold. The collateral is DevToken, and wallets
give the Vault an infinite allowance, which a transfer does not write; the Vault and the trader hold
tokens before and after.
"""

import pytest

from matcher.reference.leaf import account_hash
from matcher.reference.state import State
from matcher.reference.tree import ZERO, node
from tests.gas.conftest import Snapshot
from tests.gas.meter import measure
from tests.support.exchange import (
    CAP,
    EXPIRY,
    MARKET,
    REPORTERS,
    TOKENS,
    Batch,
    Exchange,
    Roles,
    account_with,
    copy_state,
)

ACCOUNTS = 100_000
HELD = {"i1": 5, "i2": -3}  # positions of the account that claims


@pytest.fixture
def account(exchange: Exchange, roles: Roles) -> int:
    """The maker's account, not the first at the Vault."""
    exchange.open(roles.taker)
    return exchange.open(roles.maker)


def crowd(account: int) -> State:
    """A state of 100,000 accounts, each with cash and exits; `account` holds two positions."""
    state = State()
    state.accounts = {
        index: account_with(cash=1000 * TOKENS + index, exited=7 * TOKENS + index)
        for index in range(ACCOUNTS)
        if index != 1
    }
    state.accounts[account] = account_with(
        cash=800 * TOKENS, exited=100 * TOKENS + 1, credited=1000 * TOKENS, **HELD
    )
    # Level by level; one account at a time would hash 24 nodes for each.
    level = {index: account_hash(found) for index, found in state.accounts.items()}
    for height in range(state.tree.depth + 1):
        state.tree.nodes.update({(height, index): hash_ for index, hash_ in level.items()})
        parents = {index // 2 for index in level}
        level = {p: node(level.get(2 * p, ZERO), level.get(2 * p + 1, ZERO)) for p in parents}
    return state


def final(exchange: Exchange, state: State) -> Batch:
    return exchange.finalize(exchange.commit_root(state))


def test_open_with_first_deposit(exchange: Exchange, roles: Roles, snapshot: Snapshot) -> None:
    exchange.open(roles.taker)
    call = exchange.vault.functions.open(roles.maker.address, 1_234_567_890)
    measured = measure(exchange.chain, roles.maker, call)
    snapshot.check("open with first deposit", measured, limit=82_000)
    assert measured.new_slots == 1


def test_open_with_a_finite_allowance(exchange: Exchange, roles: Roles, snapshot: Snapshot) -> None:
    exchange.open(roles.taker)
    chain = exchange.chain
    chain.send(roles.maker, exchange.token.functions.approve(exchange.vault.address, 10**15))
    call = exchange.vault.functions.open(roles.maker.address, 1_234_567_890)
    measured = measure(chain, roles.maker, call)
    snapshot.check("open with a finite allowance", measured, limit=86_000)


def test_deposit_again(exchange: Exchange, roles: Roles, snapshot: Snapshot, account: int) -> None:
    measured = measure(
        exchange.chain, roles.maker, exchange.vault.functions.deposit(account, 123_456_789)
    )
    snapshot.check("repeat deposit", measured, limit=64_000)
    assert measured.new_slots == 0


def test_hard_cancel_of_everything_signed(
    exchange: Exchange, roles: Roles, snapshot: Snapshot, account: int
) -> None:
    chain, cancel = exchange.chain, exchange.vault.functions.setOrdersUntil
    first = measure(chain, roles.maker, cancel(account, chain.now + 100_000))
    snapshot.check("hard cancel, first", first, limit=50_000)
    again = measure(chain, roles.maker, cancel(account, chain.now + 60))
    snapshot.check("hard cancel, again", again, limit=32_000)
    assert (first.new_slots, again.new_slots) == (1, 0)


def test_ask(exchange: Exchange, roles: Roles, snapshot: Snapshot, account: int) -> None:
    ask = exchange.vault.functions.ask(account)
    snapshot.check("ask, first", measure(exchange.chain, roles.maker, ask), limit=50_000)
    snapshot.check("ask, again", measure(exchange.chain, roles.maker, ask), limit=32_000)


def test_session_key(exchange: Exchange, roles: Roles, snapshot: Snapshot, account: int) -> None:
    chain, functions = exchange.chain, exchange.vault.functions
    key = roles.outsider.address
    register = functions.registerKey(account, key, chain.now + 100_000)
    snapshot.check("register key", measure(chain, roles.maker, register), limit=50_000)
    revoke = functions.revokeKey(account, key, chain.now + 60)
    snapshot.check("revoke key", measure(chain, roles.maker, revoke), limit=33_000)


def test_claim_against_a_tree_of_100_000_accounts(
    exchange: Exchange, roles: Roles, snapshot: Snapshot, account: int
) -> None:
    state = crowd(account)
    batch = final(exchange, state)
    claim = exchange.vault.functions.claim(account, *batch.proof(account))
    first = measure(exchange.chain, roles.maker, claim)
    assert first.receipt.event("Claimed")["amount"] == 100 * TOKENS + 1
    snapshot.check("first claim", first, limit=102_000)

    state = copy_state(state)
    state.accounts[account] = account_with(
        cash=600 * TOKENS, exited=300 * TOKENS + 7, credited=1000 * TOKENS, **HELD
    )
    state.rehash([account])
    batch = final(exchange, state)
    header, leaf, path = batch.proof(account)
    assert len(path[1]) == 17  # siblings in a tree of 100,000
    claim = exchange.vault.functions.claim(account, header, leaf, path)
    again = measure(exchange.chain, roles.maker, claim)
    assert again.receipt.event("Claimed")["amount"] == 200 * TOKENS + 6
    snapshot.check("repeat claim", again, limit=85_000)
    assert (first.new_slots, again.new_slots) == (1, 0)


def test_freeze_and_frozen_claim_of_32_positions(
    exchange: Exchange, roles: Roles, snapshot: Snapshot, account: int
) -> None:
    """The dearest claim there is: 32 positions of four expiries, none of them settled."""
    months = [EXPIRY + 24 * n for n in range(1, 5)]
    for expiry in months:
        exchange.open_expiry(MARKET, expiry, CAP, REPORTERS)
    indices = exchange.list_instruments(
        *(
            (MARKET, kind, expiry, strike)
            for expiry in months
            for kind in (0, 1)
            for strike in (80, 90, 110, 120)
        )
    )
    held = {f"i{index}": (index % 5 - 2) or 1 for index in indices}
    state = State()
    state.accounts = {account: account_with(cash=1500 * TOKENS, credited=1000 * TOKENS, **held)}
    state.rehash(state.accounts)
    batch = exchange.commit_root(state)
    exchange.ask(roles.maker, account)
    exchange.chain.travel(exchange.windows.freeze + exchange.windows.final_after)
    proof = batch.proof(account)
    freeze = exchange.vault.functions.freeze(account, *proof, proof[0])
    snapshot.check("freeze", measure(exchange.chain, roles.maker, freeze), limit=120_000)
    claimable = exchange.claimable(account, batch)
    assert claimable == exchange.context.worst(1500 * TOKENS, state.account(account).positions)
    assert 0 < claimable <= exchange.total()
    claim = exchange.vault.functions.claim(account, *proof)
    measured = measure(exchange.chain, roles.maker, claim)
    assert measured.receipt.event("Claimed")["amount"] == claimable
    snapshot.check("frozen claim of 32 positions", measured, limit=700_000)
