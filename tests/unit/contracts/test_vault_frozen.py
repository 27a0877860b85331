"""Vault: what a frozen exchange pays (section 9)."""

from typing import Any

import pytest

from matcher.reference.words import Credit, Nop
from matcher.types import U64
from tests.support.chain import reverts
from tests.support.exchange import (
    CAP,
    TOKENS,
    WEALTH,
    WINDOWS,
    Batch,
    Exchange,
    Roles,
    account_with,
    state_of,
)

UNKNOWN, COMMITTED, FINAL, REVERTED = range(4)
DEPOSIT = 1000 * TOKENS
FREEZE, FINAL_AFTER = WINDOWS.freeze, WINDOWS.final_after
LIMIT = 2 * (FREEZE + FINAL_AFTER)
ZERO_ADDRESS = "0x" + "00" * 20


@pytest.fixture
def account(exchange: Exchange, roles: Roles) -> int:
    """The maker's account, with a deposit that is not credited yet."""
    return exchange.open(roles.maker, DEPOSIT)


def frozen(exchange: Exchange, roles: Roles, index: int, batch: Batch) -> None:
    """Freeze for the sake of an ask that nobody served, with `batch` as the head."""
    exchange.ask(roles.maker, index)
    exchange.chain.travel(FREEZE)
    exchange.freeze(roles.maker, index, batch)


def test_frozen_exchange_takes_no_commits_and_no_deposits(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    exchange.chain.travel(LIMIT)
    exchange.freeze(roles.maker, account, exchange.head)
    with reverts("DepositsClosed"):
        exchange.deposit(roles.maker, account, 5)
    with reverts("DepositsClosed"):
        exchange.open(roles.taker)
    with reverts("ExchangeIsFrozen"):
        exchange.commit([Nop()])


def test_frozen_exchange_pays_what_was_never_credited(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    exchange.chain.travel(FREEZE)
    exchange.freeze(roles.maker, account, exchange.head)
    assert exchange.claim(roles.outsider, account, exchange.head).event("Claimed")["amount"] == (
        DEPOSIT
    )
    assert exchange.balance(roles.maker.address) == WEALTH
    assert exchange.total() == 0
    assert exchange.claim(roles.outsider, account, exchange.head).events == []


def test_frozen_exchange_pays_exits_equity_and_deposits_once_in_all(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """What was claimed before the freeze is not paid again, and other final headers pay no more."""
    first = exchange.credit(account)
    exited = exchange.commit_root(
        state_of({account: account_with(cash=600 * TOKENS, exited=400 * TOKENS, credited=DEPOSIT)})
    )
    exchange.finalize()
    assert exchange.claim(roles.maker, account, exited).event("Claimed")["amount"] == (400 * TOKENS)
    exchange.deposit(roles.maker, account, 50 * TOKENS)
    frozen(exchange, roles, account, exited)
    exchange.finalize(exited)

    assert exchange.claimable(account, first) == 0
    assert exchange.claim(roles.maker, account, first).events == []
    paid = exchange.claim(roles.maker, account, exited).event("Claimed")
    assert paid["amount"] == 650 * TOKENS
    assert paid["claimed"] == DEPOSIT + 50 * TOKENS
    for batch in (first, exited):
        assert exchange.claim(roles.maker, account, batch).events == []
    assert exchange.total() == 0
    assert exchange.balance(roles.maker.address) == WEALTH


def test_frozen_exchange_other_final_header_still_pays_exits_alone(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    exchange.credit(account)
    older = exchange.commit_root(
        state_of({account: account_with(cash=900 * TOKENS, exited=100 * TOKENS, credited=DEPOSIT)})
    )
    head = exchange.commit_root(
        state_of({account: account_with(cash=700 * TOKENS, exited=300 * TOKENS, credited=DEPOSIT)})
    )
    exchange.finalize()
    frozen(exchange, roles, account, head)
    assert exchange.claim(roles.maker, account, older).event("Claimed")["amount"] == 100 * TOKENS
    assert exchange.claim(roles.maker, account, head).event("Claimed")["amount"] == 900 * TOKENS
    assert exchange.total() == 0


def test_frozen_exchange_pays_nothing_from_a_head_that_may_yet_be_reverted(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """A lie in the head: challenges go on, and what is paid is the state before it."""
    exchange.credit(account)
    honest = exchange.head
    exchange.chain.travel(FREEZE)
    exchange.ask(roles.maker, account)
    exchange.chain.travel(FREEZE + 1)
    lie = exchange.commit_root(state_of({account: account_with(cash=1, credited=DEPOSIT)}))
    exchange.freeze(roles.maker, account, lie)
    with reverts("HeaderNotFinal", COMMITTED):
        exchange.claim(roles.maker, account, lie)
    assert exchange.claimable(account, honest) == 0  # final, but not the head: exits alone
    exchange.revert_to(honest)
    with reverts("HeaderNotFinal", REVERTED):
        exchange.claim(roles.maker, account, lie)
    assert exchange.claim(roles.maker, account, honest).event("Claimed")["amount"] == DEPOSIT


def test_frozen_exchange_takes_back_nothing_and_adds_nothing_for_debts(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """max(0, worst): a debt of the account does not eat what was let out of it before."""
    state = state_of({account: account_with(cash=-7 * TOKENS, exited=TOKENS, credited=DEPOSIT)})
    head = exchange.finalize(exchange.commit_root(state))
    frozen(exchange, roles, account, head)
    assert exchange.claim(roles.maker, account, head).event("Claimed")["amount"] == TOKENS


def test_frozen_exchange_counts_an_over_credit_against_its_account(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """A lie that nobody proved: 100 more were credited than deposited."""
    exchange.open(roles.taker, DEPOSIT)
    state = state_of(
        {account: account_with(cash=DEPOSIT + 100 * TOKENS, credited=DEPOSIT + 100 * TOKENS)}
    )
    head = exchange.finalize(exchange.commit_root(state))
    frozen(exchange, roles, account, head)
    assert exchange.claim(roles.maker, account, head).event("Claimed")["amount"] == DEPOSIT


@pytest.mark.parametrize(
    ("positions", "price", "at_first", "later"),
    [
        # 1 call K 100, 2 put K 100, 3 call K 120, 4 put K 80; cap 200, in tokens
        pytest.param({"i1": 2}, 130, 0, 60, id="a long call is worth nothing until settled"),
        pytest.param({"i1": -2}, 130, -200, 140, id="a short call counts at the cap"),
        pytest.param({"i2": -1}, 70, -100, 70, id="a short put counts at a price of 0"),
        pytest.param({"i1": 1, "i3": -1}, 110, 0, 10, id="a call spread has its worst at 0"),
        pytest.param({"i1": -1, "i3": 1}, 110, -20, 10, id="a sold call spread at the cap"),
        pytest.param({"i1": 1, "i2": 1}, 250, 0, 100, id="a straddle at its strike; capped"),
    ],
)
def test_frozen_exchange_pays_the_worst_now_and_the_rest_when_settled(
    exchange: Exchange,
    roles: Roles,
    account: int,
    positions: dict[str, int],
    price: int,
    at_first: int,
    later: int,
) -> None:
    cash = 500 * TOKENS
    exchange.open(roles.taker, DEPOSIT)
    held: Any = account_with(cash=cash, credited=DEPOSIT, **positions)
    head = exchange.finalize(exchange.commit_root(state_of({account: held})))
    frozen(exchange, roles, account, head)
    first = exchange.claim(roles.maker, account, head).event("Claimed")["amount"]
    assert first == cash + at_first * TOKENS
    assert exchange.claim(roles.maker, account, head).events == []

    fixed = exchange.settle(price * TOKENS).event("PriceFixed")
    assert fixed["price"] == min(price * TOKENS, CAP)
    second = exchange.claim(roles.maker, account, head).event("Claimed")
    assert second["amount"] == later * TOKENS
    exchange.context.built_at = exchange.chain.now
    assert second["claimed"] == exchange.context.worst(cash, held.positions)
    assert exchange.claim(roles.maker, account, head).events == []


def test_frozen_exchange_price_of_this_block_counts(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """fixedAt equal to the block's time is fixed: `worst now`, not worst a second ago."""
    held = account_with(cash=0, credited=DEPOSIT, i1=1)
    head = exchange.finalize(exchange.commit_root(state_of({account: held})))
    frozen(exchange, roles, account, head)
    fixed_at = exchange.settle(130 * TOKENS).time
    chain = exchange.chain
    chain.evm.header = chain.evm.header.copy(timestamp=fixed_at)
    assert exchange.claimable(account, head) == 30 * TOKENS


def test_frozen_exchange_pays_a_credit_only_once_with_its_deposit(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    exchange.commit([Credit(account, DEPOSIT - 1)])
    head = exchange.head
    exchange.chain.travel(FREEZE + FINAL_AFTER)
    exchange.freeze(roles.maker, account, head)
    paid = exchange.claim(roles.maker, account, head).event("Claimed")["amount"]
    assert paid == (DEPOSIT - 1) + 1


def test_frozen_exchange_due_beyond_what_is_counted_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """A lie that nobody proved: exits of 2^64 - 1 atoms, and cash."""
    held = account_with(cash=5, exited=U64, credited=DEPOSIT)
    head = exchange.finalize(exchange.commit_root(state_of({account: held})))
    frozen(exchange, roles, account, head)
    with reverts("SafeCastOverflowedUintDowncast", 64, U64 + 5):
        exchange.claimable(account, head)
    with reverts("TotalTooSmall", DEPOSIT, U64 + 5):
        exchange.claim(roles.maker, account, head)
