"""Whole lives on a chain, by real transactions: in, trade, out; by signature, by force, by freeze.

Each ends with everybody gone and exactly nothing left in the Vault.
"""

from typing import Any

import pytest

from matcher.events import OrderCanceled, Trade
from matcher.reference.tree import words_tree
from matcher.types import U40
from tests.support.chain import Receipt, calldata, reverts
from tests.support.exchange import (
    CAP,
    EXPIRY,
    INFINITE,
    TOKENS,
    WEALTH,
    Batch,
    Exchange,
    Roles,
    path_tuple,
)
from tests.support.venue import Venue

CALL_100 = 1  # a call of strike 100 tokens
FEE = {"taker": 3, "maker": -1}  # atoms per lot


@pytest.fixture
def venue(exchange: Exchange) -> Venue:
    return Venue(exchange)


def open_account(venue: Venue, trader: Any, atoms: int) -> int:
    call = venue.exchange.vault.functions.open(trader.address, atoms)
    receipt = venue.learn(venue.exchange.chain.send(trader, call))
    return int(receipt.event("Opened")["account"])


def ask(venue: Venue, trader: Any, account: int) -> Receipt:
    return venue.learn(venue.exchange.ask(trader, account))


def claim_all(exchange: Exchange, batch: Batch, *accounts: int) -> int:
    """Claim for each account, by a stranger; what was paid in all."""
    paid = 0
    for account in accounts:
        receipt = exchange.claim(exchange.roles.challenger, account, batch)
        paid += sum(event.args["amount"] for event in receipt.events if event.name == "Claimed")
    return paid


def assert_vault_holds(exchange: Exchange, atoms: int) -> None:
    assert exchange.total() == exchange.balance(exchange.vault.address) == atoms


def test_life_deposit_trade_settle_withdraw_empties_the_vault(
    venue: Venue, exchange: Exchange, roles: Roles
) -> None:
    chain, lens = exchange.chain, exchange.deployment.lens.functions
    maker = open_account(venue, roles.maker, 1000 * TOKENS)
    taker = open_account(venue, roles.taker, 500 * TOKENS)

    # Two orders meet: the maker sells 5 calls, the taker buys 3 of them at the maker's price.
    venue.open_batch()
    ask_order = venue.sign_order(
        roles.maker, maker, CALL_100, buy=False, price=10 * TOKENS, quantity=5
    )
    bid_order = venue.sign_order(
        roles.taker, taker, CALL_100, buy=True, price=11 * TOKENS, quantity=3
    )
    venue.place(ask_order)
    (trade,) = (e for e in venue.place(bid_order) if isinstance(e, Trade))
    assert (trade.lots, trade.tick, trade.taker, trade.maker) == (3, 100_000, taker, maker)
    traded = venue.commit()

    # A wallet takes nobody's word for it: signatures, the op, and the leaf check on the chain.
    for signed in (ask_order, bid_order):
        terms = tuple(getattr(signed.order, name) for name in signed.order.__struct_fields__)
        found = chain.call(lens.orderSigner(terms, signed.signature, traded.header.built_at))
        assert found[0] == signed.digest
        assert bytes.fromhex(found[1][2:]) == signed.signer
        assert found[3]  # it counts in this batch
    (place,) = (n for n, word in enumerate(traded.words) if word >> 240 == 0x01)
    path = path_tuple(words_tree(traded.words).path(place))
    status, op = chain.call(lens.verifyOp(traded.encoded(), place, traded.words[place], path))
    assert status == 1  # committed
    assert (op[2], op[3], op[4], op[6], op[7]) == (taker, maker, CALL_100, 100_000, 3)
    header, leaf, proof = traded.proof(taker)
    status, view = chain.call(lens.verifyAccount(header, taker, leaf, proof))
    assert view[0] == 500 * TOKENS - 3 * 10 * TOKENS - 3 * FEE["taker"]
    assert [(p[0], p[1]) for p in view[5]] == [(CALL_100, 3)]

    # Nothing was let out: even when all is final, nothing is paid.
    exchange.finalize(traded)
    assert claim_all(exchange, traded, maker, taker, 0) == 0
    with reverts("HeaderNotFinal", 1):
        late = exchange.commit([])
        exchange.claim(roles.maker, maker, late)

    # The option settles at 130: each call pays 30. Then everybody withdraws everything.
    venue.learn(exchange.settle(130 * TOKENS))
    exchange.chain.travel(1)  # a price counts in batches opened after it was fixed
    venue.open_batch()
    amounts = {
        maker: 1000 * TOKENS + 3 * 10 * TOKENS - 3 * FEE["maker"] - 3 * 30 * TOKENS,
        taker: 500 * TOKENS - 3 * 10 * TOKENS - 3 * FEE["taker"] + 3 * 30 * TOKENS,
        0: 3 * (FEE["taker"] + FEE["maker"]),
    }
    for signer, account in ((roles.maker, maker), (roles.taker, taker), (roles.fees, 0)):
        venue.withdraw(signer, account, amounts[account])
    left = exchange.finalize(venue.commit())
    assert claim_all(exchange, left, maker, taker, 0) == sum(amounts.values()) == 1500 * TOKENS
    assert_vault_holds(exchange, 0)
    assert exchange.balance(roles.maker.address) == WEALTH - 60 * TOKENS + 3
    assert exchange.balance(roles.taker.address) == WEALTH + 60 * TOKENS - 9
    assert exchange.balance(roles.fees.address) == 6


def test_life_forced_withdrawal_takes_orders_down_and_everything_free_out(
    venue: Venue, exchange: Exchange, roles: Roles
) -> None:
    maker = open_account(venue, roles.maker, 1000 * TOKENS)
    taker = open_account(venue, roles.taker, 500 * TOKENS)
    venue.open_batch()
    venue.place(
        venue.sign_order(roles.maker, maker, CALL_100, buy=False, price=10 * TOKENS, quantity=5)
    )
    venue.place(
        venue.sign_order(roles.taker, taker, CALL_100, buy=True, price=10 * TOKENS, quantity=2)
    )
    # 2 calls sold may cost (200 - 100) each; the rest of the order falls with the ask.
    ask(venue, roles.maker, maker)
    assert any(
        isinstance(event, OrderCanceled) and event.remaining == 3 for event in venue.happened
    )
    free = 1000 * TOKENS + 2 * 10 * TOKENS + 2 - 2 * 100 * TOKENS
    batch = venue.commit()
    assert exchange.state.account(maker).exited == free
    exchange.finalize(batch)
    assert claim_all(exchange, batch, maker) == free
    assert exchange.balance(roles.maker.address) == WEALTH - 1000 * TOKENS + free

    # The position settles at the cap: what was held back was exactly enough.
    venue.learn(exchange.settle(CAP))
    for trader, account in ((roles.maker, maker), (roles.taker, taker), (roles.fees, 0)):
        ask(venue, trader, account)
    venue.open_batch()
    left = exchange.finalize(venue.commit())
    assert exchange.state.account(maker).served == 2
    assert claim_all(exchange, left, maker) == 0
    claim_all(exchange, left, taker, 0)
    assert_vault_holds(exchange, 0)


def test_life_of_a_contract_wallet_trades_by_session_key_and_leaves_by_force(
    venue: Venue, exchange: Exchange, roles: Roles
) -> None:
    chain = exchange.chain
    functions = exchange.vault.functions
    key = roles.challenger  # signs, owns nothing
    wallet = chain.deploy(roles.outsider, "ContractWallet", roles.outsider.address)
    chain.send(roles.outsider, exchange.token.functions.mint(wallet.address, 400 * TOKENS))

    def execute(call: Any) -> Receipt:
        return chain.send(roles.outsider, wallet.functions.execute(call.address, calldata(call)))

    execute(exchange.token.functions.approve(exchange.vault.address, INFINITE))
    opened = venue.learn(execute(functions.open(wallet.address, 400 * TOKENS)))
    account = opened.event("Opened")["account"]
    maker = open_account(venue, roles.maker, 1000 * TOKENS)
    venue.learn(execute(functions.registerKey(account, key.address, U40)))

    venue.open_batch()
    venue.place(
        venue.sign_order(roles.maker, maker, CALL_100, buy=False, price=10 * TOKENS, quantity=2)
    )
    signed = venue.sign_order(key, account, CALL_100, buy=True, price=10 * TOKENS, quantity=2)
    assert any(isinstance(event, Trade) for event in venue.place(signed))
    resting = venue.sign_order(key, account, CALL_100, buy=True, price=TOKENS, quantity=1)
    venue.place(resting)
    venue.commit()

    # The hard cancel: the key falls, and D later its resting order is gone.
    until = chain.now + exchange.windows.notice
    venue.learn(execute(functions.revokeKey(account, key.address, until)))
    chain.at(until + exchange.windows.lag + 1)
    venue.open_batch()
    assert any(
        isinstance(event, OrderCanceled) and event.id == resting.order.id
        for event in venue.happened
    )

    # A contract cannot sign a withdrawal; it asks, and is paid without signing anything.
    venue.learn(execute(functions.ask(account)))
    batch = exchange.finalize(venue.commit())
    paid = claim_all(exchange, batch, account)
    assert paid == 400 * TOKENS - 20 * TOKENS - 2 * FEE["taker"]
    assert exchange.balance(wallet.address) == paid

    venue.learn(exchange.settle(90 * TOKENS))
    ask(venue, roles.maker, maker)
    ask(venue, roles.fees, 0)
    venue.open_batch()
    claim_all(exchange, exchange.finalize(venue.commit()), maker, 0)
    assert_vault_holds(exchange, 0)


def test_life_deposit_never_credited_freezes_and_pays_everybody(
    venue: Venue, exchange: Exchange, roles: Roles
) -> None:
    maker = open_account(venue, roles.maker, 1000 * TOKENS)
    taker = open_account(venue, roles.taker, 500 * TOKENS)
    venue.open_batch()
    batch = venue.commit()
    exchange.chain.travel(50)
    exchange.deposit(roles.taker, taker, 70 * TOKENS)  # the operator is silent from now on
    exchange.chain.travel(exchange.windows.freeze)
    exchange.freeze(roles.taker, taker, batch)
    assert claim_all(exchange, batch, maker, taker, 0) == 1570 * TOKENS
    assert_vault_holds(exchange, 0)
    for role in (roles.maker, roles.taker):
        assert exchange.balance(role.address) == WEALTH


@pytest.mark.parametrize(("price", "payoff"), [(90, 0), (130, 30), (250, 100)])
def test_life_ask_never_served_freezes_and_pays_as_positions_settle(
    venue: Venue, exchange: Exchange, roles: Roles, price: int, payoff: int
) -> None:
    maker = open_account(venue, roles.maker, 1000 * TOKENS)
    taker = open_account(venue, roles.taker, 500 * TOKENS)
    venue.open_batch()
    venue.place(
        venue.sign_order(roles.maker, maker, CALL_100, buy=False, price=10 * TOKENS, quantity=4)
    )
    venue.place(
        venue.sign_order(roles.taker, taker, CALL_100, buy=True, price=10 * TOKENS, quantity=4)
    )
    venue.withdraw(roles.taker, taker, 100 * TOKENS)
    batch = venue.commit()
    exchange.ask(roles.taker, taker)
    exchange.chain.travel(exchange.windows.freeze)
    frozen_at = exchange.freeze(roles.taker, taker, batch).time
    assert frozen_at < batch.committed_at + 2 * exchange.windows.final_after
    exchange.finalize(batch)

    # At the worst: the maker may owe 100 for each call, the taker's calls may be worth nothing.
    fee = 4 * FEE["taker"]
    assert claim_all(exchange, batch, taker) == 500 * TOKENS - 40 * TOKENS - fee
    assert claim_all(exchange, batch, maker) == 1000 * TOKENS + 40 * TOKENS + 4 - 400 * TOKENS
    assert claim_all(exchange, batch, 0) == fee - 4
    assert_vault_holds(exchange, 400 * TOKENS)
    assert claim_all(exchange, batch, maker, taker, 0) == 0

    # Settling goes on. What was held back goes to whom the price gives it.
    exchange.chain.at(EXPIRY * 3600)
    exchange.settle(price * TOKENS)
    assert claim_all(exchange, batch, taker) == 4 * payoff * TOKENS
    assert claim_all(exchange, batch, maker) == 4 * (100 - payoff) * TOKENS
    assert_vault_holds(exchange, 0)
