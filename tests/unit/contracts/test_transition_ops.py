"""TRANSITION on honest chunks: each kind of op leads to the model's root."""

import pytest

from matcher.reference.context import Context
from matcher.reference.leaf import Account
from matcher.reference.state import State
from matcher.reference.words import Credit, Fill, Nop, Op, Release, Settle, Transfer, Withdraw
from tests.support.exchange import EXPIRY, MARKET, TOKENS, Exchange, account_with, state_of
from tests.support.judging import WHOLE, Court, Fault, Verdict, case, honest_words, model_verdict

TICKS = 5 * TOKENS // 100  # a premium of 5 tokens


@pytest.fixture
def court(exchange: Exchange) -> Court:
    return Court(exchange)


@pytest.fixture
def context(exchange: Exchange) -> Context:
    """Five accounts are open, two of them asked; batches open now."""
    for trader in (exchange.roles.maker, exchange.roles.taker, exchange.roles.outsider):
        exchange.open(trader)
    exchange.ask(exchange.roles.maker, 2)
    exchange.context.built_at = exchange.chain.now
    return exchange.context


@pytest.fixture
def before() -> State:
    return state_of(
        {
            0: account_with(cash=7),
            2: account_with(cash=500 * TOKENS, credited=500 * TOKENS, i1=3, i3=-2),
            3: account_with(cash=400 * TOKENS, credited=400 * TOKENS, i1=-3, i3=2),
        }
    )


def require_honest(court: Court, ops: list[Op], before: State, context: Context) -> None:
    words = honest_words(ops, before, context)
    found = court.judge(case(words, before, context))
    assert found == model_verdict(words, before, context)
    assert found.fault == Fault.NONE


def fill(taker: int = 2, maker: int = 3, instrument: int = 1, **changed: int) -> Fill:
    fields = {"flags": 0, "tick": TICKS, "lots": 2, "taker_order": 1, "maker_order": 1} | changed
    return Fill(taker=taker, maker=maker, instrument=instrument, **fields)


def test_transition_of_nothing_keeps_the_root(
    court: Court, before: State, context: Context
) -> None:
    words = honest_words([], before, context)
    found = court.judge(case(words, before, context))
    assert found == Verdict(Fault.NONE, 0, WHOLE, root=before.root())


@pytest.mark.parametrize(
    "ops",
    [
        [fill()],
        [fill(flags=1)],
        [fill(tick=0)],
        [fill(instrument=2), fill(instrument=4, taker_order=2, maker_order=1)],
        [fill(flags=1, lots=3)],  # closes i1 on both sides
        [fill(), fill(flags=1, lots=1, taker_order=5, maker_order=4098)],
        [Credit(2, 500 * TOKENS)],
        [Credit(4, 0)],
        [Credit(4, 1000 * TOKENS)],
        [Withdraw(2, 3 * TOKENS, 77)],
        [Withdraw(2, 3 * TOKENS, 77), Withdraw(2, 1, 77 + 4096)],
        [Transfer(2, 3, 9, 5)],
        [Transfer(2, 0, 9, 5)],
        [Release(2, 11, 1)],
        [Nop(), fill(), Nop(), Withdraw(3, 1, (1 << 44) - 1), Transfer(3, 2, 1, 0), Nop()],
        [fill(maker=4, taker_order=i, maker_order=i) for i in range(30)],
    ],
    ids=lambda ops: "-".join(dict.fromkeys(type(op).__name__ for op in ops)),
)
def test_transition_of_honest_ops_follows(
    court: Court, before: State, context: Context, ops: list[Op]
) -> None:
    require_honest(court, ops, before, context)


@pytest.mark.parametrize("price", [0, 90 * TOKENS, 111 * TOKENS, 250 * TOKENS])
def test_transition_of_a_settlement_pays_out(
    court: Court, exchange: Exchange, before: State, context: Context, price: int
) -> None:
    exchange.settle(price)
    context.built_at = exchange.chain.now + 1
    before.accounts[4] = Account(positions={1: 5, 2: -7, 3: 1, 4: 9})
    before.rehash([4])
    require_honest(court, [Settle(i, MARKET, EXPIRY) for i in (2, 3, 4, 0, 2)], before, context)
