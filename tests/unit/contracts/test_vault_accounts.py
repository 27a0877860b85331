"""Vault: opening, deposits, asks, keys, the hard cancel (section 3)."""

import pytest
from eth_abi.abi import encode
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.chain.deployment import contract_address, deploy
from matcher.reference.tree import keccak
from matcher.types import U24, U40
from tests.support.chain import account, reverts
from tests.support.exchange import INFINITE, TOKENS, WEALTH, Exchange, Roles

ZERO = "0x" + "00" * 20
OPENING = 10 * TOKENS


def account_of(exchange: Exchange, index: int) -> dict[str, int | str]:
    names = (
        "owner",
        "deposited",
        "depositedAt",
        "claimed",
        "ordersUntil",
        "asks",
        "askedAt",
    )
    found = exchange.chain.call(exchange.vault.functions.accountOf(index))
    return dict(zip(names, found, strict=True))


def key_of(exchange: Exchange, index: int, key: str) -> tuple[int, int]:
    found = exchange.chain.call(exchange.vault.functions.keyOf(index, key))
    return found[0], found[1]


# --- deployment


def test_vault_deployed_has_the_fee_account_alone(exchange: Exchange, roles: Roles) -> None:
    assert account_of(exchange, 0) == {
        "owner": roles.fees.address,
        "deposited": 0,
        "depositedAt": 0,
        "claimed": 0,
        "ordersUntil": 0,
        "asks": 0,
        "askedAt": 0,
    }
    assert account_of(exchange, 1)["owner"] == ZERO
    assert exchange.chain.call(exchange.vault.functions.accountCount()) == 2
    assert exchange.total() == 0


@pytest.mark.parametrize("unusable", ["zero", "itself"])
def test_vault_fee_owner_unusable_is_refused(exchange: Exchange, unusable: str) -> None:
    chain, owner = exchange.chain, exchange.roles.owner
    nonce = chain.evm.get_vm().state.get_nonce(bytes.fromhex(owner.address[2:]))
    fee_owner = ZERO if unusable == "zero" else contract_address(owner.address, nonce)
    others = [exchange.deployment.addresses[r] for r in ("token", "registry", "markets", "prices")]
    with reverts("OwnerUnusable", fee_owner):
        chain.deploy(owner, "Vault", *others, fee_owner)


# --- open


def test_open_first_account_is_two_and_holds_the_deposit(exchange: Exchange, roles: Roles) -> None:
    chain = exchange.chain
    now = chain.now
    receipt = chain.send(
        roles.maker, exchange.vault.functions.open(roles.maker.address, 1234 * TOKENS)
    )
    assert receipt.names() == ["Opened", "Deposited", "Transfer"]
    assert receipt.event("Opened") == {"account": 2, "owner": roles.maker.address}
    assert receipt.event("Deposited") == {
        "account": 2,
        "deposited": 1234 * TOKENS,
        "amount": 1234 * TOKENS,
    }
    assert int.from_bytes(receipt.output, "big") == 2
    found = account_of(exchange, 2)
    assert found["owner"] == roles.maker.address
    assert (found["deposited"], found["depositedAt"]) == (1234 * TOKENS, now)
    assert exchange.balance(exchange.vault.address) == exchange.total() == 1234 * TOKENS
    assert exchange.balance(roles.maker.address) == WEALTH - 1234 * TOKENS


def test_open_for_somebody_else_is_paid_by_the_caller(exchange: Exchange, roles: Roles) -> None:
    stranger = account("stranger").address
    index = exchange.open(roles.taker, OPENING, owner=stranger)
    assert account_of(exchange, index)["owner"] == stranger
    assert exchange.balance(roles.taker.address) == WEALTH - OPENING


def test_open_twice_by_one_owner_gives_two_accounts(exchange: Exchange, roles: Roles) -> None:
    assert [exchange.open(roles.maker), exchange.open(roles.maker)] == [2, 3]
    assert exchange.chain.call(exchange.vault.functions.accountCount()) == 4


def test_open_below_ten_tokens_is_refused(exchange: Exchange, roles: Roles) -> None:
    call = exchange.vault.functions.open(roles.maker.address, OPENING - 1)
    with reverts("AmountTooSmall", OPENING - 1, OPENING):
        exchange.chain.send(roles.maker, call)
    exchange.open(roles.maker, OPENING)


def test_open_for_nobody_or_the_vault_itself_is_refused(exchange: Exchange, roles: Roles) -> None:
    for owner in (ZERO, exchange.vault.address):
        with reverts("OwnerUnusable", owner):
            exchange.chain.send(roles.maker, exchange.vault.functions.open(owner, OPENING))


def test_open_without_allowance_is_refused_by_the_token(exchange: Exchange, roles: Roles) -> None:
    exchange.chain.send(
        roles.maker, exchange.token.functions.approve(exchange.vault.address, OPENING - 1)
    )
    with reverts("ERC20InsufficientAllowance", exchange.vault.address, OPENING - 1, OPENING):
        exchange.open(roles.maker, OPENING)
    assert exchange.total() == 0


# --- deposits and their conditions


def test_deposit_adds_to_the_total_and_restarts_the_clock(exchange: Exchange, roles: Roles) -> None:
    index = exchange.open(roles.maker)
    exchange.chain.travel(500)
    now = exchange.chain.now
    receipt = exchange.deposit(roles.maker, index, 7)
    assert receipt.event("Deposited") == {
        "account": index,
        "deposited": 1000 * TOKENS + 7,
        "amount": 7,
    }
    found = account_of(exchange, index)
    assert (found["deposited"], found["depositedAt"]) == (1000 * TOKENS + 7, now)
    assert exchange.balance(exchange.vault.address) == exchange.total() == 1000 * TOKENS + 7


def test_deposit_by_another_is_refused(exchange: Exchange, roles: Roles) -> None:
    """It would restart the owner's clock: a stranger could put the freeze off forever."""
    index = exchange.open(roles.maker)
    with reverts("NotAccountOwner", index, roles.taker.address, roles.maker.address):
        exchange.deposit(roles.taker, index, 5)


def test_deposit_to_an_account_never_opened_is_refused(exchange: Exchange, roles: Roles) -> None:
    for index in (1, 2, U24):
        with reverts("NotAccountOwner", index, roles.maker.address, ZERO):
            exchange.deposit(roles.maker, index, 5)


def test_deposit_of_nothing_is_refused(exchange: Exchange, roles: Roles) -> None:
    index = exchange.open(roles.maker)
    with reverts("AmountTooSmall", 0, 1):
        exchange.deposit(roles.maker, index, 0)


def test_deposits_before_the_first_operator_are_closed(exchange: Exchange, roles: Roles) -> None:
    """Nobody would credit them."""
    chain = exchange.chain
    fresh = deploy(
        chain.w3,
        roles.owner,
        windows=exchange.windows,
        token=exchange.token.address,
    )
    chain.at_next()
    chain.send(roles.maker, exchange.token.functions.approve(fresh.vault.address, INFINITE))
    with reverts("DepositsClosed"):
        chain.send(roles.maker, fresh.vault.functions.open(roles.maker.address, OPENING))
    registry = fresh.registry.functions
    chain.send(roles.owner, registry.addOperator(roles.operator.address))
    with reverts("DepositsClosed"):
        chain.send(roles.maker, fresh.vault.functions.open(roles.maker.address, OPENING))
    chain.send(roles.owner, registry.setOperator(1))
    chain.send(roles.maker, fresh.vault.functions.open(roles.maker.address, OPENING))


def test_deposits_while_paused_are_closed_and_open_again_after(
    exchange: Exchange, roles: Roles
) -> None:
    index = exchange.open(roles.maker)
    exchange.chain.send(roles.owner, exchange.registry.functions.setPaused(True))
    with reverts("DepositsClosed"):
        exchange.deposit(roles.maker, index, 5)
    with reverts("DepositsClosed"):
        exchange.open(roles.maker)
    exchange.chain.send(roles.owner, exchange.registry.functions.setPaused(False))
    exchange.deposit(roles.maker, index, 5)


def test_deposits_above_what_may_be_held_are_refused(exchange: Exchange, roles: Roles) -> None:
    """At most 2^61 atoms in all, at most 2^56 - 1 ever into one account."""
    limit = 1 << 61
    most = (1 << 56) - 1
    exchange.fund(roles.maker, 2 * limit)
    exchange.fund(roles.taker)
    for _ in range(32):
        exchange.open(roles.maker, most)
    assert exchange.total() == limit - 32
    with reverts("DepositedTooLarge", most + 1, most):
        exchange.deposit(roles.maker, 2, 1)
    with reverts("TotalTooLarge", limit - 32 + OPENING, limit):
        exchange.open(roles.taker, OPENING)
    assert exchange.chain.call(exchange.vault.functions.accountCount()) == 2 + 32


def test_deposit_up_to_the_limit_is_taken(exchange: Exchange, roles: Roles) -> None:
    limit, most = 1 << 61, (1 << 56) - 1
    exchange.fund(roles.maker, 2 * limit)
    small, _ = exchange.open(roles.maker, OPENING), exchange.open(roles.maker, OPENING)
    for _ in range(31):
        exchange.open(roles.maker, most)
    left = limit - exchange.total()
    with reverts("TotalTooLarge", limit + 1, limit):
        exchange.deposit(roles.maker, small, left + 1)
    exchange.deposit(roles.maker, small, left)
    assert exchange.total() == limit


# --- asks


def test_ask_counts_and_restarts_its_own_clock_alone(exchange: Exchange, roles: Roles) -> None:
    index = exchange.open(roles.maker)
    deposited_at = account_of(exchange, index)["depositedAt"]
    for count in (1, 2):
        exchange.chain.travel(100)
        now = exchange.chain.now
        receipt = exchange.ask(roles.maker, index)
        assert [(e.name, e.args) for e in receipt.events] == [
            ("Asked", {"account": index, "asks": count})
        ]
        found = account_of(exchange, index)
        assert (found["asks"], found["askedAt"], found["depositedAt"]) == (
            count,
            now,
            deposited_at,
        )


def test_ask_by_another_is_refused(exchange: Exchange, roles: Roles) -> None:
    index = exchange.open(roles.maker)
    with reverts("NotAccountOwner", index, roles.taker.address, roles.maker.address):
        exchange.ask(roles.taker, index)


def test_ask_of_the_fee_account_is_its_owner_s(exchange: Exchange, roles: Roles) -> None:
    exchange.ask(roles.fees, 0)
    assert account_of(exchange, 0)["asks"] == 1


# --- the owner's orders


def test_orders_until_only_falls_and_leaves_notice(exchange: Exchange, roles: Roles) -> None:
    index, chain = exchange.open(roles.maker), exchange.chain
    set_until = exchange.vault.functions.setOrdersUntil
    notice = exchange.windows.notice
    now = chain.now
    with reverts("NoticeTooShort", now + notice - 1, now + notice):
        chain.send(roles.maker, set_until(index, now + notice - 1))
    now = chain.now
    receipt = chain.send(roles.maker, set_until(index, now + notice + 50))
    assert receipt.event("OrdersUntilSet") == {
        "account": index,
        "ordersUntil": now + notice + 50,
    }
    for higher in (now + notice + 50, now + notice + 51, U40):
        with reverts("NotLower", higher, now + notice + 50):
            chain.send(roles.maker, set_until(index, higher))
    lower = chain.now + notice
    chain.send(roles.maker, set_until(index, lower))
    assert account_of(exchange, index)["ordersUntil"] == lower


def test_orders_until_never_goes_back_to_forever(exchange: Exchange, roles: Roles) -> None:
    index, chain = exchange.open(roles.maker), exchange.chain
    chain.send(roles.maker, exchange.vault.functions.setOrdersUntil(index, U40))
    with reverts("NoticeTooShort", 0, chain.now + exchange.windows.notice):
        chain.send(roles.maker, exchange.vault.functions.setOrdersUntil(index, 0))


def test_orders_until_by_another_is_refused(exchange: Exchange, roles: Roles) -> None:
    index = exchange.open(roles.maker)
    with reverts("NotAccountOwner", index, roles.taker.address, roles.maker.address):
        exchange.chain.send(roles.taker, exchange.vault.functions.setOrdersUntil(index, U40))


# --- session keys


def test_key_registered_counts_from_now(exchange: Exchange, roles: Roles) -> None:
    index, chain = exchange.open(roles.maker), exchange.chain
    key = roles.outsider.address
    now = chain.now
    receipt = chain.send(roles.maker, exchange.vault.functions.registerKey(index, key, now + 1000))
    assert receipt.event("KeySet") == {
        "account": index,
        "key": key,
        "validFrom": now,
        "validUntil": now + 1000,
    }
    assert key_of(exchange, index, key) == (now, now + 1000)
    assert key_of(exchange, index + 1, key) == (0, 0)


def test_key_registered_twice_is_refused(exchange: Exchange, roles: Roles) -> None:
    """Else a revoked key could be brought back, with all it ever signed."""
    index, chain = exchange.open(roles.maker), exchange.chain
    key, register = roles.outsider.address, exchange.vault.functions.registerKey
    now = chain.now
    chain.send(roles.maker, register(index, key, now + 1000))
    with reverts("KeyTaken", key, now, now + 1000):
        chain.send(roles.maker, register(index, key, now + 5000))
    chain.at(now + 2000)
    with reverts("KeyTaken", key, now, now + 1000):
        chain.send(roles.maker, register(index, key, now + 5000))


def test_key_of_two_accounts_is_registered_in_each(exchange: Exchange, roles: Roles) -> None:
    chain, key = exchange.chain, roles.outsider.address
    first, second = exchange.open(roles.maker), exchange.open(roles.taker)
    for trader, index in ((roles.maker, first), (roles.taker, second)):
        call = exchange.vault.functions.registerKey(index, key, chain.now + 1000)
        chain.send(trader, call)
    assert key_of(exchange, first, key)[1] + 1 == key_of(exchange, second, key)[1]


def test_key_unusable_is_refused(exchange: Exchange, roles: Roles) -> None:
    """Nobody signs with the zero address; the owner as a key would outlive ordersUntil."""
    index = exchange.open(roles.maker)
    for key in (ZERO, roles.maker.address):
        with reverts("KeyUnusable", key):
            exchange.chain.send(roles.maker, exchange.vault.functions.registerKey(index, key, U40))


def test_key_registered_for_less_than_the_notice_is_refused(
    exchange: Exchange, roles: Roles
) -> None:
    index, chain = exchange.open(roles.maker), exchange.chain
    earliest = chain.now + exchange.windows.notice
    with reverts("NoticeTooShort", earliest - 1, earliest):
        chain.send(
            roles.maker,
            exchange.vault.functions.registerKey(index, roles.outsider.address, earliest - 1),
        )


def test_key_revoked_falls_with_notice(exchange: Exchange, roles: Roles) -> None:
    index, chain = exchange.open(roles.maker), exchange.chain
    key, revoke = roles.outsider.address, exchange.vault.functions.revokeKey
    with reverts("KeyUnknown", key):
        chain.send(roles.maker, revoke(index, key, U40))
    start = chain.now
    chain.send(roles.maker, exchange.vault.functions.registerKey(index, key, start + 100_000))
    with reverts("NotLower", start + 100_000, start + 100_000):
        chain.send(roles.maker, revoke(index, key, start + 100_000))
    earliest = chain.now + exchange.windows.notice
    with reverts("NoticeTooShort", earliest - 1, earliest):
        chain.send(roles.maker, revoke(index, key, earliest - 1))
    earliest = chain.now + exchange.windows.notice
    receipt = chain.send(roles.maker, revoke(index, key, earliest))
    assert receipt.event("KeySet") == {
        "account": index,
        "key": key,
        "validFrom": start,
        "validUntil": earliest,
    }
    assert key_of(exchange, index, key) == (start, earliest)


def test_keys_of_another_s_account_are_refused(exchange: Exchange, roles: Roles) -> None:
    index, functions = exchange.open(roles.maker), exchange.vault.functions
    key = roles.outsider.address
    for call in (functions.registerKey(index, key, U40), functions.revokeKey(index, key, U40)):
        with reverts("NotAccountOwner", index, roles.taker.address, roles.maker.address):
            exchange.chain.send(roles.taker, call)


# --- counters that are full


def test_open_beyond_what_an_index_holds_is_refused(exchange: Exchange, roles: Roles) -> None:
    """Slot 0: total:64, accountCount:24, frozen:8, highest first."""
    chain, vault = exchange.chain, exchange.vault.address
    exchange.open(roles.maker, OPENING)
    assert chain.storage(vault, 0) == OPENING << 192 | 3 << 168
    chain.write_storage(vault, {0: OPENING << 192 | (U24 - 1) << 168})
    assert exchange.open(roles.maker, OPENING) == U24 - 1
    with reverts("TooManyAccounts", U24):
        exchange.open(roles.maker, OPENING)


def test_ask_beyond_what_the_counter_holds_is_refused(exchange: Exchange, roles: Roles) -> None:
    """Accounts stand in slot 1, two words each; asks:24 from bit 128 of the second."""
    chain, vault = exchange.chain, exchange.vault.address
    index = exchange.open(roles.maker, OPENING)
    exchange.ask(roles.maker, index)
    place = int.from_bytes(keccak(encode(["uint24", "uint256"], [index, 1])), "big") + 1
    word = chain.storage(vault, place)
    assert word >> 128 & U24 == 1
    chain.write_storage(vault, {place: word + (U24 - 2 << 128)})
    exchange.ask(roles.maker, index)
    assert account_of(exchange, index)["asks"] == U24
    with reverts("TooManyAsks", U24):
        exchange.ask(roles.maker, index)


# --- the packed words


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    deposits=st.lists(st.integers(1, (1 << 40) - 1), min_size=1, max_size=3),
    asks=st.integers(0, 3),
    until=st.none() | st.integers(2_000_000_000, U40),
)
def test_account_words_keep_their_fields_apart(
    exchange: Exchange, deposits: list[int], asks: int, until: int | None
) -> None:
    """Whatever is written, in whatever order: the other fields stay as they were."""
    chain, maker = exchange.chain, exchange.roles.maker
    with chain.passing():
        exchange.fund(maker, 1 << 42)
        index = exchange.open(maker, OPENING)
        expected = dict(account_of(exchange, index))
        for _ in range(asks):
            expected |= {"asks": int(expected["asks"]) + 1, "askedAt": chain.now}
            exchange.ask(maker, index)
            assert account_of(exchange, index) == expected
        if until is not None:
            expected |= {"ordersUntil": until}
            chain.send(maker, exchange.vault.functions.setOrdersUntil(index, until))
            assert account_of(exchange, index) == expected
        for amount in deposits:
            deposited = int(expected["deposited"]) + amount
            expected |= {"deposited": deposited, "depositedAt": chain.now}
            exchange.deposit(maker, index, amount)
            assert account_of(exchange, index) == expected
