"""Vault: who may freeze the exchange, and when (section 9).

With the windows of the tests, W 600, A 100, F 900 seconds: a batch is final after 800, an owner
waits 900 (T1), at most 3400 (T2).
"""

import pytest

from matcher.reference.words import Nop, Release
from tests.support.chain import reverts
from tests.support.exchange import (
    TOKENS,
    WINDOWS,
    Batch,
    Exchange,
    Roles,
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


def deposited_at(exchange: Exchange, index: int) -> int:
    return int(exchange.chain.call(exchange.vault.functions.accountOf(index))[2])


def asked_at(exchange: Exchange, index: int) -> int:
    return int(exchange.chain.call(exchange.vault.functions.accountOf(index))[6])


def is_frozen(exchange: Exchange) -> bool:
    return bool(exchange.chain.call(exchange.registry.functions.head())[6])


def idle(exchange: Exchange, **at: int) -> Batch:
    """Commit a batch that changes nothing."""
    if "at" in at:
        exchange.chain.at(at["at"])
    return exchange.commit([Nop()])


# --- rule (i): the newest state still owes


def test_freeze_deposit_never_credited_after_patience(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    since = deposited_at(exchange, account)
    exchange.chain.at(since + FREEZE)
    with reverts("NotOverdue", since + FREEZE, since + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, exchange.head)
    assert not is_frozen(exchange)
    receipt = exchange.freeze(roles.maker, account, exchange.head)
    assert receipt.time == since + FREEZE + 1
    assert receipt.event("Frozen") == {"account": account, "since": since}
    assert receipt.names() == ["Frozen", "ExchangeFrozen"]
    assert is_frozen(exchange)


def test_freeze_ask_never_served_after_patience(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    exchange.credit(account)
    exchange.chain.travel(5 * FREEZE)
    idle(exchange)
    exchange.ask(roles.maker, account)
    since = asked_at(exchange, account)
    exchange.chain.at(since + FREEZE)
    with reverts("NotOverdue", since + FREEZE, since + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, exchange.head)
    assert exchange.freeze(roles.maker, account, exchange.head).event("Frozen")["since"] == since


def test_freeze_deposit_credited_in_time_is_refused_forever(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """An honest operator: neither the state before the credit nor the one after it convicts it."""
    since = deposited_at(exchange, account)
    before = exchange.head
    exchange.chain.at(since + FREEZE)
    after = exchange.credit(account)
    for time in (since + FREEZE + 1, since + LIMIT, since + LIMIT + 10 * FREEZE):
        exchange.chain.at(max(time, exchange.chain.now))
        now = exchange.chain.now
        with reverts("NothingOwed", DEPOSIT, 0):
            exchange.freeze(roles.maker, account, after)
        with reverts("NotOverdue", now + 1, since + FREEZE, since + LIMIT):
            exchange.freeze(roles.maker, account, before, after)


def test_freeze_ask_served_in_time_is_refused_forever(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    exchange.credit(account)
    exchange.ask(roles.maker, account)
    since = asked_at(exchange, account)
    before = exchange.head
    exchange.chain.at(since + FREEZE)
    after = exchange.commit([Release(account, DEPOSIT, 1)])
    exchange.chain.at(since + LIMIT + 1)
    with reverts("NothingOwed", DEPOSIT, 1):
        exchange.freeze(roles.maker, account, after)
    with reverts("NotOverdue", since + LIMIT + 2, since + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, before, after)


def test_freeze_is_not_dodged_by_committing_in_front_of_it(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """The head shown becomes an older batch in the moment it is shown; it still counts, for it was
    committed after T1.
    """
    since = deposited_at(exchange, account)
    late = idle(exchange, at=since + FREEZE + 1)
    exchange.credit(account)  # the dodge
    assert exchange.freeze(roles.maker, account, late).event("Frozen")["since"] == since


def test_freeze_with_a_batch_of_before_patience_that_is_not_the_head_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    since = deposited_at(exchange, account)
    early = idle(exchange, at=since + FREEZE)
    exchange.credit(account)
    now = exchange.chain.now
    with reverts("NotOverdue", now, since + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, early)


def test_freeze_batch_of_after_patience_counts_until_it_is_final(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    since = deposited_at(exchange, account)
    late = idle(exchange, at=since + FREEZE + 1)
    exchange.credit(account)
    exchange.chain.at(late.committed_at + FINAL_AFTER)
    now = exchange.chain.now
    with reverts("NotOverdue", now, since + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, late)


def test_freeze_after_a_revert_gives_the_next_operator_its_time(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    since = deposited_at(exchange, account)
    base = exchange.head
    exchange.chain.at(since + FREEZE - 100)
    exchange.credit(account)
    exchange.chain.at(since + FREEZE)
    reverted_at = exchange.revert_to(base).time
    assert reverted_at == since + FREEZE
    exchange.chain.at(reverted_at + FREEZE)
    with reverts("NotOverdue", reverted_at + FREEZE, reverted_at + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, base)
    assert exchange.freeze(roles.maker, account, base).event("Frozen")["since"] == since


# --- rule (ii): patience ends, whatever was reverted


def reverting(exchange: Exchange, account: int, until: int) -> Batch:
    """Operators come and go: each credits, and is reverted, in time. Returns the batch that stays
    the head between.
    """
    base = exchange.head
    chain, registry = exchange.chain, exchange.registry.functions
    while chain.now + FREEZE < until:
        chain.travel(FREEZE - 10)
        exchange.credit(account)
        exchange.revert_to(base)
        call = registry.addOperator(exchange.roles.operator.address)
        index = chain.send(exchange.roles.owner, call).event("OperatorAdded")["index"]
        chain.send(exchange.roles.operator, registry.addBond(index), value=10**18)
        chain.send(exchange.roles.owner, registry.setOperator(index))
    return base


def test_freeze_with_the_final_head_after_the_limit_though_reverts_go_on(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    since = deposited_at(exchange, account)
    base = reverting(exchange, account, since + LIMIT)
    last_revert = exchange.chain.call(exchange.registry.functions.head())[3]
    assert last_revert + FREEZE > since + LIMIT
    exchange.chain.at(since + LIMIT)
    with reverts("NotOverdue", since + LIMIT, last_revert + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, base)
    assert exchange.freeze(roles.maker, account, base).event("Frozen")["since"] == since


def test_freeze_with_a_successor_that_is_not_final_after_the_limit(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    since = deposited_at(exchange, account)
    base = reverting(exchange, account, since + LIMIT - 200)
    late = exchange.credit(account)
    last_revert = exchange.chain.call(exchange.registry.functions.head())[3]
    exchange.chain.at(since + LIMIT + 1)
    with reverts("NotOverdue", since + LIMIT + 1, last_revert + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, base)  # without it
    with reverts("NotOverdue", since + LIMIT + 2, last_revert + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, base, base)  # not the next
    exchange.freeze(roles.maker, account, base, late)


def test_freeze_with_a_successor_that_is_final_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    since = deposited_at(exchange, account)
    base = reverting(exchange, account, since + LIMIT - 200)
    late = exchange.credit(account)
    last_revert = exchange.chain.call(exchange.registry.functions.head())[3]
    exchange.chain.at(late.committed_at + FINAL_AFTER)
    now = exchange.chain.now
    assert now > since + LIMIT
    # The state before was final long before the limit, and was followed by one that credits.
    with reverts("NotOverdue", now, last_revert + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, base, late)


def test_freeze_with_a_successor_that_is_not_the_next_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """An honest operator goes on: some batch is never final, but it does not follow the old one."""
    since = deposited_at(exchange, account)
    before = exchange.head
    credited = exchange.credit(account)
    young = idle(exchange, at=since + LIMIT + 1)
    assert (before.header.id, credited.header.id, young.header.id) == (0, 1, 2)
    now = exchange.chain.now
    with reverts("NotOverdue", now, since + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, before, young)
    with reverts("NothingOwed", DEPOSIT, 0):
        exchange.freeze(roles.maker, account, credited, young)


def test_freeze_with_a_reverted_successor_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    since = deposited_at(exchange, account)
    base = exchange.head
    lie = exchange.credit(account)
    exchange.revert_to(base)
    registry = exchange.registry.functions
    chain = exchange.chain
    index = chain.send(roles.owner, registry.addOperator(roles.operator.address)).event(
        "OperatorAdded"
    )["index"]
    chain.send(roles.operator, registry.addBond(index), value=10**18)
    chain.send(roles.owner, registry.setOperator(index))
    honest = exchange.credit(account)
    exchange.chain.at(honest.committed_at + LIMIT + FINAL_AFTER)
    now = chain.now
    last_revert = exchange.chain.call(exchange.registry.functions.head())[3]
    with reverts("NotOverdue", now, last_revert + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, base, lie)


def test_freeze_with_a_batch_that_became_final_after_the_limit(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """Later batches credit, and all is final by now; but it was the newest final state after T2."""
    since = deposited_at(exchange, account)
    exchange.chain.at(since + LIMIT - FINAL_AFTER)
    exact = idle(exchange)
    late = idle(exchange)
    assert late.committed_at + FINAL_AFTER == since + LIMIT + 1
    exchange.credit(account)
    exchange.chain.at(since + 2 * LIMIT)
    with reverts("NotOverdue", since + 2 * LIMIT, since + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, exact)
    exchange.freeze(roles.maker, account, late)


# --- which clock


def test_freeze_clock_restarts_with_each_deposit(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    exchange.chain.travel(FREEZE)
    exchange.deposit(roles.maker, account, 5)
    since = deposited_at(exchange, account)
    exchange.chain.travel(10)
    now = exchange.chain.now
    with reverts("NotOverdue", now, since + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, exchange.head)


def test_freeze_counts_the_longer_of_two_waits(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    since = deposited_at(exchange, account)
    exchange.chain.travel(500)
    exchange.ask(roles.maker, account)
    exchange.chain.at(since + FREEZE + 1)
    assert exchange.freeze(roles.maker, account, exchange.head).event("Frozen")["since"] == since


def test_freeze_counts_the_ask_alone_when_all_is_credited(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    credited = exchange.credit(account)
    exchange.chain.travel(500)
    exchange.ask(roles.maker, account)
    since = asked_at(exchange, account)
    exchange.chain.at(deposited_at(exchange, account) + FREEZE + 1)
    now = exchange.chain.now
    with reverts("NotOverdue", now, since + FREEZE, since + LIMIT):
        exchange.freeze(roles.maker, account, credited)


def test_freeze_counts_the_ask_that_came_before_the_deposit(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    exchange.ask(roles.maker, account)
    since = asked_at(exchange, account)
    exchange.chain.travel(500)
    exchange.deposit(roles.maker, account, 5)
    exchange.chain.at(since + FREEZE + 1)
    assert exchange.freeze(roles.maker, account, exchange.head).event("Frozen")["since"] == since


# --- who, and with what


def test_freeze_by_another_is_refused(exchange: Exchange, roles: Roles, account: int) -> None:
    exchange.chain.travel(LIMIT)
    with reverts("NotAccountOwner", account, roles.taker.address, roles.maker.address):
        exchange.freeze(roles.taker, account, exchange.head)
    with reverts("NotAccountOwner", account + 1, roles.taker.address, ZERO_ADDRESS):
        exchange.freeze(roles.taker, account + 1, exchange.head)


def test_freeze_with_nothing_owed_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    exchange.credit(account)
    exchange.chain.travel(LIMIT)
    with reverts("NothingOwed", DEPOSIT, 0):
        exchange.freeze(roles.maker, account, exchange.head)
    with reverts("NothingOwed", 0, 0):
        exchange.freeze(roles.fees, 0, exchange.head)


def test_freeze_with_another_account_s_leaf_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    """An account that is credited cannot show the empty leaf of its neighbor."""
    exchange.credit(account)
    neighbor = exchange.open(roles.taker)
    exchange.chain.travel(LIMIT)
    header, _, _ = exchange.head.proof(account)
    _, empty, path = exchange.head.proof(neighbor)
    call = exchange.vault.functions.freeze(account, header, empty, path, header)
    with pytest.raises(Exception, match="LeafNotInState"):
        exchange.chain.send(roles.maker, call)


def test_freeze_with_a_reverted_header_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    base = exchange.head
    lie = idle(exchange)
    exchange.revert_to(base)
    exchange.chain.travel(LIMIT)
    with reverts("HeaderNotCommitted", REVERTED):
        exchange.freeze(roles.maker, account, lie)


def test_freeze_with_a_forged_header_is_refused(
    exchange: Exchange, roles: Roles, account: int
) -> None:
    exchange.credit(account)
    exchange.chain.travel(LIMIT)
    genesis = exchange.batches[0]
    forged = list(genesis.encoded())
    forged[5] = b"\x01" * 32
    _, leaf, path = genesis.proof(account)
    call = exchange.vault.functions.freeze(account, tuple(forged), leaf, path, tuple(forged))
    with reverts("HeaderNotCommitted", UNKNOWN):
        exchange.chain.send(roles.maker, call)


def test_freeze_twice_is_refused(exchange: Exchange, roles: Roles, account: int) -> None:
    exchange.chain.travel(LIMIT)
    exchange.freeze(roles.maker, account, exchange.head)
    with reverts("AlreadyFrozen"):
        exchange.freeze(roles.maker, account, exchange.head)


def test_freeze_while_paused_works(exchange: Exchange, roles: Roles, account: int) -> None:
    """A pause never stands between a trader and the way out."""
    exchange.chain.send(roles.owner, exchange.registry.functions.setPaused(True))
    exchange.chain.travel(LIMIT)
    exchange.freeze(roles.maker, account, exchange.head)
    assert is_frozen(exchange)
