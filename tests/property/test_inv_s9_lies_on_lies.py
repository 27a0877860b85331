"""S9: a lie on an earlier lie. Whichever is proved first, all that stands on it falls, once."""

from __future__ import annotations

from matcher.reference.openings import CalldataBody
from matcher.reference.witness_transition import transition
from matcher.reference.words import Credit
from tests.support.acquittal import TRANSITION
from tests.support.chain import ETHER, reverts
from tests.support.conviction import goes_on, told
from tests.support.exchange import BOND
from tests.support.liar import Liar, Told
from tests.support.lies import LIES
from tests.support.lies.roots import changed
from tests.support.registry import COMMITTED, REVERTED
from tests.support.stage import HOLDER, TAKER, Stage

FIRST = LIES["exit_out_of_nothing"]


def told_again(first: Told) -> Told:
    """The same operator goes on from its lie with another."""
    liar = Liar.on(first.stage)
    liar.plan.chunks = [[Credit(TAKER, 0)], [Credit(TAKER, 0)]]
    liar.effects[1] = lambda state: changed(state, HOLDER, exited=5)
    second = liar.tell()
    verdict = second.verdict()
    assert [finding.where for finding in verdict.findings] == ["header"]  # it stands on a lie
    return second


def witness_of(second: Told) -> bytes:
    """Of the second lie, by who knows what the operator made of the state."""
    body = CalldataBody(second.batch.words)
    context = second.stage.x.context
    return transition(body, 1, second.states[1], context)


def test_inv_s9_first_lie_takes_the_second_with_it(stage: Stage) -> None:
    first = told(FIRST, stage)
    second = told_again(first)
    x, watcher = second.stage.x, second.stage.watcher
    number = first.batch.header.id
    receipt = watcher.convict(x.roles.challenger, number, FIRST.proof)
    assert receipt.event("BatchReverted")["reward"] == ETHER
    for batch in (first.batch, second.batch):
        status = x.chain.call(x.registry.functions.statusOf(batch.encoded()))[0]
        assert status == REVERTED
    batch_hash = second.batch.header.batch_hash()
    with reverts("BatchNotCommitted", number + 1, batch_hash):
        watcher.send(x.roles.challenger, TRANSITION, number + 1, witness_of(second))
    watcher.look()
    goes_on(Told(second.stage, first.plan, first.batch, first.previous, first.states, first.older))


def test_inv_s9_second_lie_alone_is_convicted_and_then_the_first(stage: Stage) -> None:
    """A batch is judged from the root that the one before states, true or not."""
    first = told(FIRST, stage)
    second = told_again(first)
    x, watcher = second.stage.x, second.stage.watcher
    number = first.batch.header.id
    receipt = watcher.send(x.roles.challenger, TRANSITION, number + 1, witness_of(second))
    reverted = receipt.event("BatchReverted")
    assert (reverted["id"], reverted["reward"], reverted["burned"]) == (
        number + 1,
        ETHER,
        BOND - ETHER,
    )
    status = x.chain.call(x.registry.functions.statusOf(first.batch.encoded()))[0]
    assert status == COMMITTED
    watcher.look()
    # The bond is gone already: the first lie falls too, and pays nothing more.
    receipt = watcher.convict(x.roles.challenger, number, FIRST.proof)
    reverted = receipt.event("BatchReverted")
    assert (reverted["id"], reverted["reward"], reverted["burned"]) == (number, 0, 0)
    watcher.look()
    goes_on(Told(second.stage, first.plan, first.batch, first.previous, first.states, first.older))


def test_inv_s9_truth_on_a_lie_is_no_lie(stage: Stage) -> None:
    """Who goes on from another's lie is not convicted for it: only the liar's header is."""
    first = told(FIRST, stage)
    liar = Liar.on(first.stage)
    liar.plan.chunks = [[Credit(TAKER, 0)]]
    second = liar.tell()
    second.verdict()
    x, watcher = second.stage.x, second.stage.watcher
    number = second.batch.header.id
    body = CalldataBody(second.batch.words)
    witness = transition(body, 0, second.states[0], x.context)
    with reverts("NotGuilty", number, 0, second.batch.header.state_root):
        watcher.send(x.roles.challenger, TRANSITION, number, witness)
