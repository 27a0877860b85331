"""What an owner may show and do by the logs alone, beside what the Vault itself allows."""

import os
import random
from typing import Any

import pytest

from matcher.chain.audit.exits import EMPTY_HEADER, Exit, Exits, header_words, read_exit
from matcher.chain.audit.leaving import NOTICE_MARGIN, Act, freezing, plan, possible
from matcher.chain.audit.records import read_records
from matcher.errors import ChainError
from matcher.reference.words import Fill, Nop, Release, Settle
from tests.support.chain import Reverted
from tests.support.exchange import (
    CAP,
    EXPIRY,
    MARKET,
    TOKENS,
    Exchange,
    account_with,
    state_of,
)

DEPOSIT = 1000 * TOKENS
LIVES = 20 if os.environ.get("HYPOTHESIS_PROFILE") == "fuzz" else 3
FREEZE_REFUSALS = {"NotOverdue", "NothingOwed"}


def exit_of(exchange: Exchange, account: int) -> Exit:
    """As of the block in the making: what a call sees."""
    chain = exchange.chain
    facts = read_records(chain.w3, exchange.deployment, chain.height)
    return Exits(facts, account).at(chain.now)


def acts(found: Exit, at_once: bool = False) -> list[Act]:
    return [step.act for step in possible(found, plan(found, at_once))]


def vault_freezes(exchange: Exchange, owner: Any, account: int, *shown: Any) -> bool:
    """Whether the Vault would freeze on (header, leaf, path, successor) in the next block."""
    call = exchange.vault.functions.freeze(account, *shown)
    try:
        exchange.chain.call(call, owner)
    except Reverted as reverted:
        if reverted.revert.name not in FREEZE_REFUSALS:
            raise
        return False
    return True


def compare(exchange: Exchange, owner: Any, account: int) -> Exit:
    """What the plan says is possible, the Vault allows; what it says is not, the Vault refuses."""
    found = exit_of(exchange, account)
    if not found.frozen:
        freeze = freezing(found)
        if freeze is not None:
            shown, successor = freeze
            last = header_words(successor) if successor else EMPTY_HEADER
            assert vault_freezes(exchange, owner, account, *shown.arguments(), last)
        else:
            for shown in found.shown:
                for last in (EMPTY_HEADER, *map(header_words, found.pending.values())):
                    assert not vault_freezes(exchange, owner, account, *shown.arguments(), last)
    final = found.final
    claimable = exchange.vault.functions.claimable(account, *final.arguments())
    expected = max(0, found.due(final) - found.demands.claimed)
    assert exchange.chain.call(claimable) == expected
    return found


@pytest.mark.parametrize("seed", range(LIVES))
def test_plan_in_random_lives_says_what_the_vault_allows(exchange: Exchange, seed: int) -> None:
    """Deposits, asks, credits, releases, idle batches, reverts, waits: at every moment the same."""
    draw = random.Random(seed)
    roles, chain = exchange.roles, exchange.chain
    account = exchange.open(roles.maker, DEPOSIT)
    froze, waits = False, [1, 100, 450, 799, 800, 899, 900, 901, 1700, 3400]
    for _ in range(25):
        match draw.choice(
            ["deposit", "ask", "credit", "release", "idle", "revert", "wait", "wait"]
        ):
            case "deposit":
                exchange.deposit(roles.maker, account, TOKENS)
            case "ask":
                exchange.ask(roles.maker, account)
            case "credit":
                exchange.credit(account)
            case "release":
                served, asks = exchange.state.account(account).served, exchange.context.asks
                if served < asks.get(account, 0):
                    free = exchange.state.account(account).cash
                    exchange.commit([Release(account, free, asks[account])])
            case "idle":
                exchange.commit([Nop()])
            case "revert":
                head = exchange.head
                if head.header.id and chain.now < head.committed_at + exchange.windows.final_after:
                    exchange.revert_to(exchange.batches[-2])
                    restore_operator(exchange)
            case "wait":
                chain.travel(draw.choice(waits))
        found = compare(exchange, roles.maker, account)
        froze |= freezing(found) is not None
    exchange.ask(roles.maker, account)
    chain.travel(exchange.windows.freeze)
    assert froze or freezing(compare(exchange, roles.maker, account))


def restore_operator(exchange: Exchange) -> None:
    """The owner names the same address once more, under a new index and bond."""
    roles, registry = exchange.roles, exchange.registry.functions
    added = exchange.chain.send(roles.owner, registry.addOperator(roles.operator.address))
    index = added.event("OperatorAdded")["index"]
    bond = exchange.deployment.min_bond
    exchange.chain.send(roles.operator, registry.addBond(index), value=bond)
    exchange.chain.send(roles.owner, registry.setOperator(index))


def test_exit_of_a_deposit_never_credited_leads_to_freeze_and_claim(exchange: Exchange) -> None:
    owner = exchange.roles.maker
    account = exchange.open(owner, DEPOSIT)
    opened = exchange.chain.now - 1
    found = compare(exchange, owner, account)
    steps = plan(found)
    assert [step.act for step in steps] == [Act.CANCEL, Act.FREEZE]
    assert steps[1].at == opened + exchange.windows.freeze + 1
    assert "1,000.000000 are not credited" in steps[1].text
    exchange.chain.at(steps[1].at)
    found = exit_of(exchange, account)
    assert freezing(found) == (found.newest, None)
    exchange.freeze(owner, account, exchange.head)
    found = compare(exchange, owner, account)
    (claim,) = plan(found)
    assert (claim.act, claim.at <= found.now) == (Act.CLAIM, True)
    exchange.claim(owner, account, exchange.head)
    assert plan(exit_of(exchange, account)) == []


def test_exit_after_a_revert_gives_the_next_operator_its_time(exchange: Exchange) -> None:
    owner, patience = exchange.roles.maker, exchange.windows.freeze
    account = exchange.open(owner, DEPOSIT)
    chain, opened = exchange.chain, exchange.chain.now - 1
    good = exchange.commit([Nop()])
    exchange.commit([Nop()])
    chain.at(opened + 500)
    reverted_at = exchange.revert_to(good).time
    for time in (opened + patience + 1, reverted_at + patience):
        chain.at(time)
        assert freezing(compare(exchange, owner, account)) is None
    chain.at(reverted_at + patience + 1)
    assert freezing(compare(exchange, owner, account)) is not None


@pytest.mark.parametrize("late", [0, 1])
def test_exit_is_not_dodged_by_a_credit_in_front_of_the_freeze(
    exchange: Exchange, late: int
) -> None:
    owner = exchange.roles.maker
    account = exchange.open(owner, DEPOSIT)
    exchange.chain.at(exchange.chain.now - 1 + exchange.windows.freeze + late)
    batch = exchange.commit([Nop()])
    exchange.credit(account)
    found = freezing(compare(exchange, owner, account))
    assert (found[0].batch if found else 0) == (batch.header.id if late else 0)


def test_exit_after_all_patience_freezes_by_what_is_final(exchange: Exchange) -> None:
    """Reverts go on and on; what is final still owes, with the batch after it, or by itself."""
    owner, windows = exchange.roles.maker, exchange.windows
    account = exchange.open(owner, DEPOSIT)
    chain, opened = exchange.chain, exchange.chain.now - 1
    limit = opened + 2 * (windows.freeze + windows.final_after)
    chain.at(limit - windows.final_after - 10)
    final = exchange.commit([Nop()])
    chain.at(limit - 100)
    lie = exchange.commit([Nop()])
    exchange.revert_to(final)  # T1 begins anew
    restore_operator(exchange)
    successor = exchange.commit([Nop()])
    assert successor.committed_at > lie.committed_at
    chain.at(limit)
    assert freezing(compare(exchange, owner, account)) is None
    chain.at(limit + 1)
    found = compare(exchange, owner, account)
    assert freezing(found) == (found.final, successor.header)
    assert found.final.batch == final.header.id


def test_exit_while_the_operator_lives_cancels_waits_asks_and_claims(exchange: Exchange) -> None:
    owner, key = exchange.roles.maker, exchange.roles.outsider.address
    chain, functions = exchange.chain, exchange.vault.functions
    account = exchange.open(owner, DEPOSIT)
    exchange.credit(account)
    chain.send(owner, functions.registerKey(account, key, chain.now + 10**6))
    found = exit_of(exchange, account)
    assert acts(found) == [Act.CANCEL, Act.REVOKE]
    assert acts(found, at_once=True) == [Act.CANCEL, Act.REVOKE, Act.ASK]
    cancel, revoke, ask = plan(found)
    assert ask.at == cancel.until + exchange.windows.lag + 1
    chain.send(owner, functions.setOrdersUntil(account, cancel.until))
    chain.send(owner, functions.revokeKey(account, key, revoke.until))
    found = exit_of(exchange, account)
    assert acts(found) == []
    (ask,) = plan(found)
    assert ask.at == cancel.until + exchange.windows.lag + 1
    chain.at(ask.at)
    assert acts(exit_of(exchange, account)) == [Act.ASK]
    exchange.ask(owner, account)
    (freeze,) = plan(exit_of(exchange, account))
    assert "1 ask is not served" in freeze.text
    batch = exchange.commit([Release(account, DEPOSIT, 1)])
    (claim,) = plan(exit_of(exchange, account))
    assert claim.at == batch.committed_at + exchange.windows.final_after
    chain.at(claim.at - 1)
    assert acts(exit_of(exchange, account)) == []
    chain.at(claim.at)
    assert acts(compare(exchange, owner, account)) == [Act.CLAIM]
    assert exchange.claim(owner, account, batch).event("Claimed")["amount"] == DEPOSIT
    assert plan(exit_of(exchange, account)) == []


def test_exit_of_a_frozen_exchange_claims_again_as_expiries_settle(exchange: Exchange) -> None:
    roles = exchange.roles
    maker, taker = exchange.open(roles.maker, DEPOSIT), exchange.open(roles.taker, DEPOSIT)
    exchange.credit(maker, taker)
    exchange.commit([Fill(0, taker, maker, 1, 500, 4, 0, 0)])  # 4 calls of 100, for 0.05 each
    exchange.ask(roles.taker, taker)
    exchange.chain.travel(exchange.windows.freeze + 1)
    exchange.freeze(roles.taker, taker, exchange.head)
    exchange.finalize()
    least = {}
    for account, owner in ((maker, roles.maker), (taker, roles.taker)):
        found = compare(exchange, owner, account)
        assert [step.act for step in plan(found)] == [Act.CLAIM, None]
        assert plan(found)[1].at == EXPIRY * 3600
        least[account] = found.due(found.newest)
        exchange.claim(owner, account, exchange.head)
        assert [step.act for step in plan(exit_of(exchange, account))] == [None]
    notional, fees = 4 * 500 * 100, (4 * 3, 4 * -1)
    assert least[taker] == DEPOSIT - notional - fees[0]
    assert least[maker] == DEPOSIT + notional - fees[1] - 4 * (CAP - 100 * TOKENS)
    exchange.settle(130 * TOKENS)
    for account, owner, more in (
        (maker, roles.maker, 4 * (CAP - 130 * TOKENS)),
        (taker, roles.taker, 4 * 30 * TOKENS),
    ):
        found = compare(exchange, owner, account)
        assert found.due(found.newest) - found.demands.claimed == more
        assert acts(found) == [Act.CLAIM]
        exchange.claim(owner, account, exchange.head)
        assert plan(exit_of(exchange, account)) == []


def test_exit_with_positions_asks_again_when_they_are_settled(exchange: Exchange) -> None:
    roles = exchange.roles
    maker, taker = exchange.open(roles.maker, DEPOSIT), exchange.open(roles.taker, DEPOSIT)
    exchange.credit(maker, taker)
    exchange.commit([Fill(0, taker, maker, 1, 500, 4, 0, 0)])
    exchange.ask(roles.taker, taker)
    free = exit_of(exchange, taker).worst(exit_of(exchange, taker).newest)
    exchange.finalize(exchange.commit([Release(taker, free, 1)]))
    exchange.claim(roles.taker, taker, exchange.head)
    chain, functions = exchange.chain, exchange.vault.functions
    until = chain.now + exchange.windows.notice + NOTICE_MARGIN
    chain.send(roles.taker, functions.setOrdersUntil(taker, until))
    (settles,) = plan(exit_of(exchange, taker))
    assert (settles.act, settles.at) == (None, EXPIRY * 3600)
    chain.at(EXPIRY * 3600)
    assert "is past and not settled" in plan(exit_of(exchange, taker))[0].text
    exchange.settle(130 * TOKENS)
    assert acts(exit_of(exchange, taker)) == [Act.ASK]  # the operator has not settled it yet
    exchange.ask(roles.taker, taker)
    chain.travel(2)
    exchange.finalize(
        exchange.commit([Settle(taker, MARKET, EXPIRY), Release(taker, 4 * 30 * TOKENS, 2)])
    )
    assert acts(compare(exchange, roles.taker, taker)) == [Act.CLAIM]


def test_exit_beside_a_lie_shows_the_last_true_state_and_names_the_lie(exchange: Exchange) -> None:
    owner = exchange.roles.maker
    account = exchange.open(owner, DEPOSIT)
    good = exchange.credit(account)
    exchange.ask(owner, account)
    lie = exchange.commit_root(state_of({account: account_with(cash=5, credited=5)}))
    found = exit_of(exchange, account)
    assert (found.newest.batch, found.head) == (good.header.id, lie.header.id)
    assert [(one.batch, one.hides_state) for one in found.lies] == [(lie.header.id, True)]
    (warning,) = (step for step in plan(found) if step.act is None)
    assert warning.at == lie.committed_at + exchange.windows.final_after
    assert f"batch {lie.header.id} becomes final with a lie" in warning.text
    exchange.revert_to(good)
    found = exit_of(exchange, account)
    assert (found.newest.batch, found.head, found.lies) == (good.header.id, good.header.id, ())
    assert found.last_revert_at


def test_exit_of_an_account_never_opened_is_refused(exchange: Exchange) -> None:
    exchange.chain.mine()
    with pytest.raises(ChainError, match="account 7: never opened"):
        read_exit(exchange.chain.w3, exchange.deployment, 7)
