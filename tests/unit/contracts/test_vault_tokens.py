"""Vault: tokens that are not what a token should be are refused, or come out right."""

from typing import Any

import pytest

from matcher.chain.artifacts import selector
from matcher.chain.deployment import deploy
from matcher.errors import ChainError
from tests.support.chain import Chain, Reverted, calldata, reverts
from tests.support.exchange import (
    INFINITE,
    TOKENS,
    WINDOWS,
    Exchange,
    Roles,
    account_with,
    bare_exchange,
    state_of,
)

OPENING = 10 * TOKENS
REENTRANT = selector("ReentrancyGuardReentrantCall()")


def exchange_on(chain: Chain, roles: Roles, name: str, *args: Any) -> tuple[Exchange, Any]:
    """An exchange whose collateral is the token `name`; the maker holds a lot of it."""
    token = chain.deploy(roles.outsider, name, *args)
    exchange = bare_exchange(chain, roles, token.address)
    chain.send(roles.maker, token.functions.mint(roles.maker.address, 10**30))
    chain.send(roles.maker, token.functions.approve(exchange.vault.address, INFINITE))
    return exchange, token


def let_out(exchange: Exchange, index: int, atoms: int) -> Any:
    """A final batch that lets `atoms` out of an account."""
    batch = exchange.commit_root(state_of({index: account_with(exited=atoms)}))
    return exchange.finalize(batch)


# --- a fee on transfer


def test_open_with_a_fee_on_transfer_is_refused(chain: Chain, roles: Roles) -> None:
    exchange, token = exchange_on(chain, roles, "FeeToken")
    with reverts("DepositNotExact", 1000 * TOKENS, 990 * TOKENS):
        exchange.open(roles.maker, 1000 * TOKENS)
    assert exchange.total() == 0
    assert chain.call(exchange.vault.functions.accountCount()) == 2
    assert chain.call(token.functions.balanceOf(exchange.vault.address)) == 0


# --- a token that calls back


def test_claim_entered_again_by_the_token_pays_once(chain: Chain, roles: Roles) -> None:
    exchange, token = exchange_on(chain, roles, "ReentrantToken")
    index = exchange.open(roles.maker, 100 * TOKENS)
    batch = let_out(exchange, index, 30 * TOKENS)
    again = exchange.vault.functions.claim(index, *batch.proof(index))
    chain.send(roles.outsider, token.functions.arm(exchange.vault.address, calldata(again)))
    before = chain.call(token.functions.balanceOf(roles.maker.address))

    receipt = exchange.claim(roles.outsider, index, batch)

    assert chain.call(token.functions.called())
    assert not chain.call(token.functions.succeeded())
    assert chain.call(token.functions.answer()) == REENTRANT
    assert receipt.event("Claimed")["amount"] == 30 * TOKENS
    after = chain.call(token.functions.balanceOf(roles.maker.address))
    assert after - before == 30 * TOKENS
    assert chain.call(token.functions.balanceOf(exchange.vault.address)) == 70 * TOKENS


def test_claim_seen_by_the_token_is_booked_before_it_is_paid(chain: Chain, roles: Roles) -> None:
    exchange, token = exchange_on(chain, roles, "ReentrantToken")
    index = exchange.open(roles.maker, 100 * TOKENS)
    batch = let_out(exchange, index, 30 * TOKENS)
    look = exchange.vault.functions.claimable(index, *batch.proof(index))
    assert chain.call(look) == 30 * TOKENS
    chain.send(roles.outsider, token.functions.arm(exchange.vault.address, calldata(look)))
    exchange.claim(roles.outsider, index, batch)
    assert chain.call(token.functions.succeeded())
    assert int.from_bytes(chain.call(token.functions.answer()), "big") == 0


@pytest.mark.parametrize("entry", ["open", "deposit", "claimTo", "freeze"])
def test_deposit_entered_again_by_the_token_is_locked(
    chain: Chain, roles: Roles, entry: str
) -> None:
    exchange, token = exchange_on(chain, roles, "ReentrantToken")
    index = exchange.open(roles.maker, 100 * TOKENS)
    proof = exchange.head.proof(index)
    functions = exchange.vault.functions
    inner = {
        "open": functions.open(roles.outsider.address, OPENING),
        "deposit": functions.deposit(index, 5),
        "claimTo": functions.claimTo(index, *proof, roles.outsider.address),
        "freeze": functions.freeze(index, *proof, exchange.head.encoded()),
    }[entry]
    chain.send(roles.outsider, token.functions.arm(exchange.vault.address, calldata(inner)))
    exchange.deposit(roles.maker, index, 9)
    assert chain.call(token.functions.answer()) == REENTRANT
    assert exchange.total() == 100 * TOKENS + 9


# --- tokens that answer nothing, or no


def test_token_answering_nothing_works(chain: Chain, roles: Roles) -> None:
    exchange, token = exchange_on(chain, roles, "NoReturnToken")
    index = exchange.open(roles.maker, 100 * TOKENS)
    exchange.deposit(roles.maker, index, 7)
    batch = let_out(exchange, index, 40 * TOKENS)
    exchange.claim(roles.outsider, index, batch)
    assert chain.call(token.functions.balanceOf(exchange.vault.address)) == 60 * TOKENS + 7
    assert exchange.total() == 60 * TOKENS + 7


def test_token_answering_nothing_that_reverts_is_refused_with_its_reason(
    chain: Chain, roles: Roles
) -> None:
    exchange, token = exchange_on(chain, roles, "NoReturnToken")
    chain.send(roles.maker, token.functions.approve(exchange.vault.address, 5))
    with reverts("AllowanceTooLow", 5, OPENING):
        exchange.open(roles.maker, OPENING)


def test_token_answering_no_is_refused(chain: Chain, roles: Roles) -> None:
    exchange, token = exchange_on(chain, roles, "FalseToken")
    with reverts("SafeERC20FailedOperation", token.address):
        exchange.open(roles.maker, OPENING)


# --- decimals


def test_token_with_18_decimals_moves_a_million_million_units_an_atom(
    chain: Chain, roles: Roles
) -> None:
    exchange, token = exchange_on(chain, roles, "DecimalsToken", 18)
    unit = 10**12
    assert chain.call(exchange.vault.functions.tokenUnitsPerAtom()) == unit
    index = exchange.open(roles.maker, OPENING + 3)
    assert exchange.total() == OPENING + 3
    vault = exchange.vault.address
    assert chain.call(token.functions.balanceOf(vault)) == (OPENING + 3) * unit
    batch = let_out(exchange, index, 7 * TOKENS + 1)
    receipt = exchange.claim(roles.outsider, index, batch, None)
    assert receipt.event("Claimed")["amount"] == 7 * TOKENS + 1
    assert receipt.event("Transfer")["value"] == (7 * TOKENS + 1) * unit
    assert chain.call(token.functions.balanceOf(vault)) == (3 * TOKENS + 2) * unit
    assert exchange.total() == 3 * TOKENS + 2


def test_token_with_36_decimals_takes_all_that_may_be_held(chain: Chain, roles: Roles) -> None:
    exchange, token = exchange_on(chain, roles, "DecimalsToken", 36)
    chain.send(roles.maker, token.functions.mint(roles.maker.address, 1 << 200))
    most = (1 << 56) - 1
    exchange.open(roles.maker, most)
    assert chain.call(token.functions.balanceOf(exchange.vault.address)) == most * 10**30


@pytest.mark.parametrize("decimals", [0, 2, 5, 37, 255])
def test_token_with_other_decimals_is_refused(
    exchange: Exchange, roles: Roles, decimals: int
) -> None:
    chain, addresses = exchange.chain, exchange.deployment.addresses
    token = chain.deploy(roles.outsider, "DecimalsToken", decimals)
    others = [addresses[role] for role in ("registry", "markets", "prices")]
    with reverts("DecimalsUnsupported", decimals, 6, 36):
        chain.deploy(roles.owner, "Vault", token.address, *others, roles.fees.address)


def test_deploy_on_a_token_with_2_decimals_says_why(exchange: Exchange, roles: Roles) -> None:
    chain = exchange.chain
    token = chain.deploy(roles.outsider, "DecimalsToken", 2)
    with pytest.raises(ChainError, match=r"DecimalsUnsupported\(2, 6, 36\)"):
        deploy(chain.w3, roles.owner, windows=WINDOWS, token=token.address)


def test_token_without_code_is_refused(exchange: Exchange, roles: Roles) -> None:
    addresses = exchange.deployment.addresses
    others = [addresses[role] for role in ("registry", "markets", "prices")]
    with pytest.raises(Reverted):
        exchange.chain.deploy(
            roles.owner, "Vault", roles.outsider.address, *others, roles.fees.address
        )
