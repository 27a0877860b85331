"""The model fell with a KeyError over a position in an instrument that nobody listed. Only a lie
leaves one behind, and who goes on from it must be judged like everybody: such a position is of no
expiry and worth nothing, in the model as on chain.
"""

from collections.abc import Iterator

import pytest

from matcher.reference.leaf import Account
from matcher.reference.state import State
from matcher.reference.words import Op, Settle, Transfer
from tests.support.decree import Fault
from tests.support.exchange import EXPIRY, MARKET, TOKENS, Exchange, account_with, state_of
from tests.support.judging import WHOLE, Court, Verdict, case, honest_words, model_verdict
from tests.support.trials import Trials

CALL, UNLISTED = 1, 999
HOLDER, OTHER = 2, 3


@pytest.fixture
def settled(shared_exchange: Exchange) -> Iterator[Exchange]:
    """Two accounts, and the price of EXPIRY fixed before builtAt."""
    with shared_exchange.chain.passing():
        exchange = shared_exchange.clone()
        for trader in (exchange.roles.maker, exchange.roles.taker):
            exchange.open(trader, 100 * TOKENS)
        exchange.settle(120 * TOKENS)
        exchange.chain.travel(10)
        exchange.chain.mine()
        exchange.context.built_at = exchange.chain.now - 1
        yield exchange


def holding(cash: int, positions: dict[int, int]) -> State:
    return state_of({HOLDER: Account(cash=cash, positions=positions), OTHER: account_with(TOKENS)})


@pytest.mark.parametrize(
    ("op", "left"),
    [
        (Settle(HOLDER, MARKET, EXPIRY), {UNLISTED: 7}),
        (Transfer(HOLDER, OTHER, 0, 4096), {CALL: 3, UNLISTED: 7}),
    ],
    ids=["settle", "transfer"],
)
def test_op_on_an_account_with_an_unlisted_position_leaves_it(
    op: Op, left: dict[int, int], settled: Exchange
) -> None:
    before = holding(50 * TOKENS, {CALL: 3, UNLISTED: 7})
    words = honest_words([op], before, settled.context)
    after = before.copy()
    after.apply_ops([op], settled.context)
    assert after.account(HOLDER).positions == left

    expected = model_verdict(words, before, settled.context)
    assert expected == Verdict(Fault.NONE, 0, WHOLE, root=after.root())
    assert Court(settled).judge(case(words, before, settled.context)) == expected


@pytest.mark.parametrize(("taken", "fault"), [(0, Fault.NONE), (1, Fault.MARGIN_BROKEN)])
def test_unlisted_position_is_worth_nothing(taken: int, fault: Fault, settled: Exchange) -> None:
    """Between no more than it has and one atom too much; long or short says nothing."""
    worth = 20 * TOKENS * 3  # of three calls of strike 100 at 120
    for lots in (7, -7):
        positions = {CALL: 3, UNLISTED: lots}
        before, after = holding(0, positions), holding(-worth - taken, positions)
        assert after.worst(HOLDER, settled.context) == -taken
        trials = Trials(settled.clone())
        with settled.chain.passing():
            shown = trials.commit(([], before), ([], after))
            found = trials.judged(trials.margin, shown, shown.margin(1, HOLDER, None))
        assert Fault(found[0]) == fault
