"""S9, honest batches whose amounts are at the edge of a rule: no proof convicts."""

from __future__ import annotations

from matcher.reference.words import Credit, Nop, Release, Transfer, Withdraw
from matcher.types import Fees
from matcher.types import Transfer as TransferMessage
from matcher.types import Withdrawal as WithdrawalMessage
from tests.support.acquittal import acquitted
from tests.support.exchange import (
    EXPIRY,
    MARKET,
    TOKENS,
)
from tests.support.honest import only, traded
from tests.support.liar import Liar
from tests.support.lies.margins import withdrawn, worst_after
from tests.support.stage import (
    CALL,
    EVERYTHING,
    FEES,
    FOREVER,
    LEAVER,
    MAKER,
    NEW_FEES,
    PUT,
    STRIP,
    TAKER,
    Stage,
    order_id,
)

LOW = 4  # put of strike 80


# --- the honest batch, and what a batch may look like


def test_inv_s9_honest_batch_with_every_kind_of_op_is_acquitted(stage: Stage) -> None:
    acquitted(Liar.on(stage).tell())


def test_inv_s9_batch_of_empty_chunks_is_acquitted(stage: Stage) -> None:
    acquitted(only(stage, [], [], []).tell())


def test_inv_s9_nops_anywhere_are_acquitted(stage: Stage) -> None:
    liar = Liar.on(stage)
    first, second, third = liar.plan.chunks
    liar.plan.chunks = [
        [Nop(), *first],
        [*[Nop()] * 27, *second],  # to the last place
        [],
        [*third, Nop(), Nop()],
    ]
    acquitted(liar.tell())


def test_inv_s9_batch_on_an_honest_batch_is_acquitted(stage: Stage) -> None:
    """Its first chunk goes on from another header's root, its second from its own."""
    first = Liar.on(stage)
    first.tell()
    later = Liar.on(first.stage)
    later.plan.chunks = [[Credit(MAKER, 0)], [Credit(TAKER, 0)]]
    later.stage.watcher.look()
    acquitted(later.tell())


# --- amounts


def test_inv_s9_amounts_of_0_are_acquitted(stage: Stage) -> None:
    liar = Liar.on(stage)
    until, owner = liar.stage.x.chain.now + FOREVER, liar.stage.owner(TAKER)
    liar.plan.messages += [
        liar.stage.say(owner, WithdrawalMessage(TAKER, 0, order_id(40), until)),
        liar.stage.say(
            liar.stage.owner(TAKER), TransferMessage(TAKER, FEES, 0, order_id(41), until)
        ),
    ]
    liar.plan.chunks = [
        [
            Credit(FEES, 0),
            Withdraw(TAKER, 0, order_id(40)),
            Transfer(TAKER, FEES, 0, order_id(41)),
            traded(liar, TAKER, MAKER, tick=0, lots=3),
        ]
    ]
    acquitted(liar.tell())


def test_inv_s9_everything_credited_to_the_last_atom_is_acquitted(stage: Stage) -> None:
    liar = Liar.on(stage)
    state, deposited = liar.stage.x.state, liar.stage.x.context.deposited[MAKER]
    assert liar.plan.chunks[0][0] == Credit(MAKER, deposited - state.account(MAKER).credited)
    acquitted(liar.tell())


def test_inv_s9_margin_of_exactly_0_is_acquitted(stage: Stage) -> None:
    """An owner withdraws all that margin allows, to the atom; short options stay behind."""
    liar = Liar.on(stage)
    liar.plan.chunks = liar.plan.chunks[:1]
    withdrawn(liar, 0, 6, MAKER, worst_after(liar, 0, MAKER))
    done = liar.tell()
    assert done.states[-1].worst(MAKER, liar.stage.x.context) == 0
    acquitted(done)


def test_inv_s9_negative_cash_that_positions_cover_is_acquitted(stage: Stage) -> None:
    """A box of four options is worth 20 tokens at any price, so cash may be 20 below zero."""
    liar = only(stage, [], [Release(LEAVER, EVERYTHING, 1)])
    call_of_80 = STRIP[30]
    legs = ((call_of_80, False), (CALL, True), (PUT, False), (LOW, True))
    liar.plan.chunks[0] = [
        traded(
            liar,
            LEAVER,
            TAKER,
            instrument,
            tick=0,
            numbers=(40 + i, 140 + i),
            sells=sells,
        )
        for i, (instrument, sells) in enumerate(legs)
    ]
    done = liar.tell()
    assert done.states[-1].account(LEAVER).cash == -20 * TOKENS
    assert done.states[-1].worst(LEAVER, liar.stage.x.context) == 0
    acquitted(done)


# --- releases


def test_inv_s9_release_of_0_is_acquitted(stage: Stage) -> None:
    """Nothing is left: its owner has withdrawn it in the chunk before."""
    liar = only(stage, [], [Release(LEAVER, EVERYTHING, 1)])
    withdrawn(liar, 0, 0, LEAVER, worst_after(liar, 0, LEAVER))
    done = liar.tell()
    assert done.plan.chunks[1] == [Release(LEAVER, 0, 1)]
    acquitted(done)


def test_inv_s9_release_of_the_fee_account_is_acquitted(stage: Stage) -> None:
    acquitted(only(stage, [Release(FEES, EVERYTHING, 1)]).tell())


def test_inv_s9_release_judged_after_more_asks_is_acquitted(stage: Stage) -> None:
    """Counters grow after the batch: a new ask, a new deposit."""
    done = Liar.on(stage).tell()
    x = done.stage.x
    x.ask(x.roles.outsider, LEAVER)
    x.deposit(x.roles.maker, MAKER, 5 * TOKENS)
    acquitted(done)


def test_inv_s9_one_release_for_several_asks_is_acquitted(stage: Stage) -> None:
    liar = Liar.on(stage)
    liar.stage.x.ask(liar.stage.x.roles.outsider, LEAVER)
    liar.facts.asks[LEAVER] = 2
    liar.plan.chunks = [[Release(LEAVER, EVERYTHING, 2)]]
    acquitted(liar.tell())


# --- fees


def test_inv_s9_fee_change_between_build_and_commit_is_acquitted(stage: Stage) -> None:
    for opened_before in (1, 0):  # in the last second of the old rates, and the first of the new
        liar = Liar.on(stage)
        x = liar.stage.x
        with x.chain.passing():
            x.chain.travel(2 * (x.windows.final_after + x.windows.lag))
            active_at = x.chain.now + 20
            call = x.markets.functions.setFees(MARKET, 9, 1, active_at)
            x.chain.send(x.roles.owner, call)
            for facts in (liar.facts, x.context):
                facts.fees[MARKET] = Fees(*NEW_FEES, 9, 1, active_at)
            liar.plan.built_at = active_at - opened_before
            x.chain.at(active_at + 30)
            done = liar.tell()
            rates = sum(NEW_FEES) if opened_before else 9 + 1
            gained = done.states[1].account(FEES).cash - done.states[0].account(FEES).cash
            assert gained == 7 * rates
            acquitted(done)


def test_inv_s9_fees_that_sum_to_0_are_acquitted(stage: Stage) -> None:
    """The maker gets all that the taker pays; account 0 is not touched."""
    liar = Liar.on(stage)
    x = liar.stage.x
    x.chain.travel(2 * (x.windows.final_after + x.windows.lag))
    active_at = x.chain.now
    x.chain.send(x.roles.owner, x.markets.functions.setFees(MARKET, 4, -4, active_at))
    for facts in (liar.facts, x.context):
        facts.fees[MARKET] = Fees(*NEW_FEES, 4, -4, active_at)
    x.chain.travel(5)
    done = liar.tell()
    assert done.states[1].account(FEES) == done.states[0].account(FEES)
    acquitted(done)


def test_inv_s9_fees_of_a_small_notional_are_acquitted(stage: Stage) -> None:
    """Taker and maker pay and get an eighth of the notional at most, rounded down, or nothing."""
    liar = only(stage, [])
    listed = liar.stage.x.list_market("SOL", tick_value=7, taker=5, maker=-2)
    x = liar.stage.x
    x.open_expiry(market=listed)
    (index,) = x.list_instruments((listed, 0, EXPIRY, 100))
    liar.facts.__dict__.update(vars(x.clone().context))
    liar.plan.chunks[0] = [
        traded(liar, TAKER, MAKER, index, tick=tick, lots=lots, numbers=(40 + i, 140 + i))
        for i, (tick, lots) in enumerate(((0, 3), (1, 1), (2, 1), (2, 9), (5, 1), (6, 3), (9, 9)))
    ]
    acquitted(liar.tell())
