"""S9, honest batches around which the chain's facts change: no proof convicts."""

from __future__ import annotations

from matcher.reference.words import Credit, Release, Settle, Transfer
from matcher.types import Instrument
from matcher.types import Transfer as TransferMessage
from tests.support.acquittal import acquitted
from tests.support.chain import account, reverts
from tests.support.conviction import told
from tests.support.exchange import (
    BOND,
    EXPIRY,
    MARKET,
    TOKENS,
    copy_state,
)
from tests.support.honest import only, traded
from tests.support.liar import Liar
from tests.support.lies import LIES
from tests.support.stage import (
    EARLY,
    EVERYTHING,
    FEES,
    FOREVER,
    HOLDER,
    LEAVER,
    MAKER,
    TAKER,
    Stage,
    order_id,
)

# --- settlement


def test_inv_s9_settle_of_nothing_is_acquitted(stage: Stage) -> None:
    """Of accounts without positions, with others only, and again after all was settled."""
    settle = [Settle(index, MARKET, EARLY) for index in (FEES, HOLDER, LEAVER, MAKER, MAKER)]
    acquitted(only(stage, settle).tell())


def test_inv_s9_settle_leaves_another_market_s_expiry_of_the_same_day(stage: Stage) -> None:
    """A position of another market that expires in the same second stays."""
    liar = Liar.on(stage)
    x = liar.stage.x
    day = EARLY + 24
    assert x.list_market("ETH", taker=0, maker=0) == 2
    for market in (MARKET, 2):
        x.open_expiry(market=market, expiry=day)
    mine, other = x.list_instruments((MARKET, 0, day, 100), (2, 0, day, 100))
    liar.facts.__dict__.update(vars(x.clone().context))
    liar.plan.chunks = [
        [
            traded(liar, TAKER, MAKER, mine, numbers=(40, 40)),
            traded(liar, TAKER, MAKER, other, numbers=(41, 41)),
        ]
    ]
    liar.tell()
    x.settle(150 * TOKENS, MARKET, day)
    x.chain.travel(5)
    later = Liar.on(liar.stage)
    later.stage.watcher.look()
    later.plan.chunks = [[Settle(TAKER, MARKET, day), Settle(MAKER, MARKET, day)]]
    done = later.tell()
    assert other in done.states[-1].account(TAKER).positions
    assert mine not in done.states[-1].account(TAKER).positions
    acquitted(done)


def test_inv_s9_price_fixed_between_build_and_commit_counts_for_nothing(stage: Stage) -> None:
    """LEAVER has bought a call. Its RELEASE counts the worst, for no price was fixed at builtAt."""
    liar = Liar.on(stage)
    x = liar.stage.x
    day = EARLY + 24
    x.open_expiry(expiry=day)
    (index,) = x.list_instruments((MARKET, 0, day, 100))
    liar.facts.__dict__.update(vars(x.clone().context))
    liar.plan.chunks = [[traded(liar, LEAVER, MAKER, index)]]
    liar.tell()
    liar.stage.watcher.look()
    later = only(liar.stage, [Release(LEAVER, EVERYTHING, 1)])
    own = later.stage.x
    own.chain.at(day * 3600)
    own.settle(150 * TOKENS, MARKET, day)
    fixed_at = own.context.prices[MARKET, day][1]
    later.facts.prices[MARKET, day] = own.context.prices[MARKET, day]
    later.plan.built_at = fixed_at  # not before builtAt, in the same second even
    own.chain.travel(10)
    done = later.tell()
    context = own.context
    context.built_at = fixed_at + 1
    assert done.states[-1].worst(LEAVER, context) > 0  # a second later it would have kept this
    acquitted(done)


def test_inv_s9_fill_at_the_last_second_is_acquitted(stage: Stage) -> None:
    """builtAt + lag is one second before the expiry."""
    liar = Liar.on(stage)
    x = liar.stage.x
    day = EARLY + 24
    x.open_expiry(expiry=day)
    (index,) = x.list_instruments((MARKET, 0, day, 100))
    liar.facts.__dict__.update(vars(x.clone().context))
    liar.plan.built_at = day * 3600 - x.windows.lag - 1
    x.chain.at(day * 3600 - 1)  # it lands as late as it may
    liar.plan.chunks = [[traded(liar, TAKER, MAKER, index)]]
    acquitted(liar.tell())


# --- listings, operators, reorganizations


def test_inv_s9_instrument_listed_between_build_and_commit_is_acquitted(stage: Stage) -> None:
    liar = only(stage, [])
    x = liar.stage.x
    liar.plan.built_at = x.chain.now - 1
    x.chain.travel(5)
    (index,) = x.list_instruments((MARKET, 1, EXPIRY, 77))
    liar.facts.instruments[index] = Instrument(index, MARKET, 1, EXPIRY, 77)
    opened = x.open(x.roles.outsider)
    liar.facts.opened.add(opened)
    until = x.chain.now + FOREVER
    message = TransferMessage(TAKER, opened, 5, order_id(60), until)
    liar.plan.messages.append(liar.stage.say(liar.stage.owner(TAKER), message))
    liar.plan.chunks[0] = [
        traded(liar, TAKER, MAKER, index),
        Transfer(TAKER, opened, 5, order_id(60)),
    ]
    acquitted(liar.tell())


def test_inv_s9_batch_that_a_reorganization_undid_is_committed_again(stage: Stage) -> None:
    """The first can never land again; its successor, built on what is there now, is acquitted."""
    x = stage.x
    before = x.chain.snapshot()
    lost = Liar.on(stage)
    lost.tell()
    anchor = x.chain.height
    gone = x.chain.block_hash(anchor)
    x.chain.revert(before)
    x.chain.mine(3)
    x.deposit(x.roles.taker, TAKER, TOKENS)
    x.chain.mine(3)
    call = x.registry.functions.commit(
        x.chain.now - 1, x.parent, anchor, gone, bytes(32), lost.stage.x.head.words
    )
    with reverts("AnchorMismatch", anchor, x.chain.block_hash(anchor), gone):
        x.chain.send(x.roles.operator, call)
    acquitted(Liar.on(stage).tell())


def test_inv_s9_operators_change_and_only_the_liar_pays(stage: Stage) -> None:
    """The old operator's lie falls after the change, with the new one's honest batch on it."""
    done = told(LIES["exit_out_of_nothing"], stage)
    x, watcher = done.stage.x, done.stage.watcher
    registry, owner = x.registry.functions, x.roles.owner
    successor = account("successor")
    x.chain.send(owner, to=successor.address, value=2 * BOND)
    index = x.chain.send(owner, registry.addOperator(successor.address)).event("OperatorAdded")[
        "index"
    ]
    x.chain.send(successor, registry.addBond(index), value=BOND)
    x.chain.send(owner, registry.setOperator(index))

    next_one = Liar.on(done.stage)
    own = next_one.stage.x
    own.roles = type(own.roles)(operator=successor)
    next_one.plan.chunks = [[Credit(TAKER, 0)]]
    next_one.tell()

    x.chain.mine()
    receipt = watcher.convict(
        x.roles.challenger, done.batch.header.id, LIES["exit_out_of_nothing"].proof
    )
    assert "OperatorChanged" not in receipt.names()
    assert receipt.event("OperatorRetired")["index"] == done.batch.header.operator
    assert x.chain.call(registry.operators(index))[1:] == (BOND, 0, False)
    assert x.chain.call(registry.head())[4] == index
    honest = Liar.on(done.stage)
    honest.stage.x.roles = own.roles
    del honest.stage.x.batches[-1:]
    honest.stage.x.state = copy_state(done.previous.state)
    acquitted(honest.tell())


def test_inv_s9_ring_almost_full_is_acquitted_and_the_next_batch_waits(stage: Stage) -> None:
    """The place after the next is taken by a batch that is not final: one more has room."""
    x = stage.x
    taken_at, registry = x.chain.now, x.registry.functions
    first = int.from_bytes(x.chain.call(registry.ringWord(0)), "big")
    ring = next(i for i in range(16) if x.chain.storage(x.registry.address, i) == first)
    number = x.head.header.id + 1
    x.chain.write_storage(x.registry.address, {ring + number + 2: 1 << 200 | taken_at})
    done = Liar.on(stage).tell()
    final_at = taken_at + x.windows.final_after
    later = Liar.on(done.stage)
    later.plan.chunks = [[]]
    with reverts("RingFull", number + 1, final_at):
        later.tell()
    acquitted(done)
    x.chain.at(max(x.chain.now, final_at))
    last = Liar.on(done.stage)
    last.plan.chunks = [[]]
    last.tell()
    assert x.chain.call(registry.head())[0] == number + 1
