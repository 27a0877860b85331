"""S9, honest batches whose orders are at the edge of what was signed: no proof convicts."""

from __future__ import annotations

from matcher.reference.leaf import FULL
from matcher.reference.words import Op, Withdraw
from matcher.types import ORDER_ID_END, POSITION_VALUE_MAX, OrderFlag
from matcher.types import Withdrawal as WithdrawalMessage
from tests.support.acquittal import TRANSITION, acquitted, convict
from tests.support.exchange import (
    CAP,
    TOKENS,
    stated_root,
)
from tests.support.honest import only, traded
from tests.support.liar import Liar
from tests.support.stage import (
    CALL,
    HOLDER,
    LEAVER,
    MAKER,
    PUT,
    SELLER,
    STRIP,
    TAKER,
    Stage,
    order_id,
)

# --- orders, slots, positions


def test_inv_s9_last_order_id_of_all_is_acquitted(stage: Stage) -> None:
    liar = only(stage, [])
    last = ORDER_ID_END - 1
    numbers, generations = (last % 4096, last % 4096), (last // 4096, last // 4096)
    liar.plan.chunks[0] = [traded(liar, TAKER, MAKER, numbers=numbers, generations=generations)]
    assert liar.plan.chunks[0][0].taker_order == last
    acquitted(liar.tell())


def test_inv_s9_newer_order_of_a_used_slot_begins_anew(stage: Stage) -> None:
    """Slot 1 of TAKER was filled with 10 lots by an older order."""
    liar = only(stage, [])
    liar.plan.chunks[0] = [traded(liar, TAKER, MAKER, lots=2, numbers=(1, 1), generations=(9, 7))]
    done = liar.tell()
    assert done.states[-1].account(TAKER).slots[1].filled == 2
    acquitted(done)


def test_inv_s9_order_filled_to_the_end_of_its_slot_is_acquitted(stage: Stage) -> None:
    """2^32 - 1 lots of one order, in pieces that others take back, for nothing."""
    liar = only(stage, [])
    piece = POSITION_VALUE_MAX // CAP
    sold = [piece] * (FULL // piece) + [FULL % piece]
    assert sum(sold) == FULL
    ops: list[Op] = []
    for i, lots in enumerate(sold):
        there = traded(liar, TAKER, MAKER, tick=0, lots=lots, numbers=(100 + i, 50))
        back = traded(liar, TAKER, MAKER, tick=0, lots=lots, numbers=(120 + i, 140 + i), sells=True)
        ops += [there, back]
    whole = liar.stage.order(MAKER, CALL, buys=False, tick=0, lots=FULL, number=50)
    liar.plan.messages = [
        m for m in liar.plan.messages if getattr(m.message, "id", None) != order_id(50)
    ] + [whole]
    liar.plan.chunks[0] = ops
    done = liar.tell()
    assert done.states[-1].account(MAKER).slots[50].filled == FULL
    assert CALL not in done.states[-1].account(MAKER).positions
    acquitted(done)


def test_inv_s9_largest_position_of_all_follows(stage: Stage) -> None:
    """Nobody has the money for it, so it breaks the margin; its transition is right."""
    liar = only(stage, [])
    lots = POSITION_VALUE_MAX // CAP
    liar.plan.chunks[0] = [traded(liar, TAKER, MAKER, tick=0, lots=lots)]
    done = liar.tell()
    (finding,) = done.verdict().findings
    assert finding.lie == "MARGIN"
    witness = done.stage.watcher.transition(done.batch.header.id, 0)
    root = stated_root(done.batch.words)
    assert convict(done, TRANSITION, witness) == ("NotGuilty", (done.batch.header.id, 0, root))


def test_inv_s9_position_removed_and_opened_again_among_32_is_acquitted(stage: Stage) -> None:
    """HOLDER has 31 calls in a row: the first, a middle one and the last go and come again."""
    liar = only(stage, [], [])
    ops: list[Op] = []
    for i, instrument in enumerate((STRIP[0], STRIP[14], STRIP[30])):
        ops += [
            traded(liar, HOLDER, SELLER, instrument, numbers=(300 + i, 400 + i), sells=True),
            traded(liar, HOLDER, SELLER, instrument, numbers=(310 + i, 410 + i), lots=2),
        ]
    liar.plan.chunks = [ops, [traded(liar, HOLDER, SELLER, CALL, numbers=(320, 420))]]
    done = liar.tell()
    assert len(done.states[-1].account(HOLDER).positions) == 32
    acquitted(done)


def test_inv_s9_makers_post_only_and_takers_ioc_are_acquitted(stage: Stage) -> None:
    liar = only(stage, [])
    flags = (int(OrderFlag.IOC | OrderFlag.REDUCE_ONLY), int(OrderFlag.POST_ONLY))
    liar.plan.chunks[0] = [
        traded(liar, TAKER, MAKER, flags=flags),
        traded(liar, LEAVER, MAKER, flags=flags, numbers=(50, 51), sells=True),
    ]
    acquitted(liar.tell())


# --- who may sign


def test_inv_s9_order_that_ends_in_the_second_of_built_at_is_acquitted(stage: Stage) -> None:
    liar = only(stage, [])
    built_at = liar.plan.built_at = liar.stage.x.chain.now - 1
    until = WithdrawalMessage(TAKER, TOKENS, order_id(60), built_at)
    liar.plan.messages.append(liar.stage.say(liar.stage.owner(TAKER), until))
    liar.plan.chunks[0] = [
        traded(liar, TAKER, MAKER, expiry=built_at),
        Withdraw(TAKER, TOKENS, order_id(60)),
    ]
    acquitted(liar.tell())


def test_inv_s9_owner_whose_orders_end_in_the_second_of_built_at_is_acquitted(
    stage: Stage,
) -> None:
    liar = only(stage, [])
    x = liar.stage.x
    until = x.chain.now + x.windows.notice + 1
    x.chain.send(x.roles.outsider, x.vault.functions.setOrdersUntil(LEAVER, until))
    liar.plan.built_at = until
    x.chain.at(until + 10)
    liar.plan.chunks[0] = [traded(liar, LEAVER, MAKER)]
    acquitted(liar.tell())


def test_inv_s9_key_revoked_after_the_batch_was_opened_is_acquitted(stage: Stage) -> None:
    """It signs until the second in which it is revoked, and is asked about long after."""
    liar = Liar.on(stage)
    x = liar.stage.x
    until = x.chain.now + x.windows.notice + 1
    revoke = x.vault.functions.revokeKey(LEAVER, liar.stage.key.address, until)
    x.chain.send(x.roles.outsider, revoke)
    liar.plan.built_at = until
    x.chain.at(until + 60)
    done = liar.tell()
    x.chain.travel(300)
    acquitted(done)


def test_inv_s9_key_registered_in_the_second_of_built_at_is_acquitted(stage: Stage) -> None:
    liar = Liar.on(stage)
    own = liar.stage
    own.register(LEAVER, own.late)
    registered_at = own.x.chain.now - 1
    own.order(LEAVER, PUT, buys=False, tick=700, lots=2, number=13, signer=own.late)
    liar.plan.messages = list(own.messages)
    liar.plan.built_at = registered_at
    acquitted(liar.tell())
