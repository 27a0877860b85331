"""What must follow from a lie: it is found, convicted, undone, paid for, and nobody loses by it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from matcher.reference.judge import Unsigned
from matcher.reference.witness_unauthorized import answer
from matcher.reference.words import Fill
from matcher.types import Order
from tests.support.chain import ETHER, Receipt, Reverted, reverts
from tests.support.decree import Fault
from tests.support.exchange import BOND, copy_state
from tests.support.liar import Liar, Lie, Told
from tests.support.registry import FINAL, REVERTED, balance
from tests.support.stage import FEES, HOLDER, LEAVER, MAKER, PENDING, SELLER, TAKER, Stage
from tests.support.watcher import unanswered_witness

EVERYBODY = (FEES, MAKER, TAKER, LEAVER, SELLER, HOLDER)
WHOLE = 30  # place of what concerns a whole chunk
REWARD = ETHER  # rewardCap: below half of the bond


@dataclass(frozen=True)
class Before:
    """What the chain said before the lie was proved."""

    challenger: int  # wei
    registry: int
    vault: int  # atoms
    operator: int


def told(lie: Lie, stage: Stage, *, in_blobs: bool = False) -> Told:
    """Have the lie told, and see that the model finds it, first of all, and as what it is."""
    liar = Liar.on(stage)
    liar.plan.in_blobs = in_blobs
    lie.tell(liar)
    done = liar.tell()
    # That an order file does not fit its words convicts nobody by itself.
    found = [finding for finding in done.verdict().findings if finding.proof is not None]
    assert found, "the model finds nothing"
    assert found[0].proof == lie.proof, found
    assert words_of(lie) in found[0].what, found
    return done


def words_of(lie: Lie) -> str:
    """What the model says of the fault that the chain convicts."""
    known = {
        Fault.MALFORMED_CHUNK: "MalformedChunk",
        Fault.WRONG_ROOT: "follows",
        Fault.UNANSWERED: "is not signed so",
        Fault.MARGIN_BROKEN: "below 0 and lower than before",
        Fault.RELEASE_KEPT: "kept something back",
    }
    return known.get(lie.fault) or f"InvalidOp: {lie.fault.name}"


def convicted(lie: Lie, stage: Stage, *, in_blobs: bool = False) -> None:
    """Tell a lie on a stage of its own, prove it, and see that everything is as if it never was."""
    done = told(lie, stage, in_blobs=in_blobs)
    x = done.stage.x
    challenger = x.roles.challenger
    before = Before(
        balance(x.chain, challenger.address),
        balance(x.chain, x.registry.address),
        x.total(),
        done.batch.header.operator,
    )
    receipt = proved(lie, done)
    says_what_was_found(lie, done, receipt)
    pays_and_burns(done, receipt, before)
    is_undone(done, before)
    goes_on(done)


def proved(lie: Lie, done: Told) -> Receipt:
    """Convict, after all that was signed has failed to answer a question."""
    watcher, challenger = done.stage.watcher, done.stage.x.roles.challenger
    number, chain = done.batch.header.id, done.stage.x.chain
    if not isinstance(lie.proof, Unsigned):
        return watcher.convict(challenger, number, lie.proof)
    witness = unanswered_witness(lie.proof)
    watcher.ask(challenger, number, lie.proof)
    asked_at = chain.now - 1
    assert refuses_every_answer(done, lie.proof) > 0
    chain.at(asked_at + done.stage.x.windows.answer)
    with reverts("NotGuilty", number, lie.chunk, bytes(32)):  # there is still time to answer
        watcher.send(challenger, "unauthorized_prover", number, witness)
    receipt = watcher.send(challenger, "unauthorized_prover", number, witness)
    watcher.reclaim(challenger, watcher.batch(number), lie.proof)
    return receipt


def says_what_was_found(lie: Lie, done: Told, receipt: Receipt) -> None:
    found = receipt.event("BatchConvicted")
    assert found["id"] == done.batch.header.id
    assert Fault(found["fault"]) == lie.fault
    assert found["chunk"] == lie.chunk
    if lie.fault not in (Fault.MALFORMED_CHUNK, Fault.MARGIN_BROKEN):
        assert found["place"] == (WHOLE if lie.place is None else lie.place)


def pays_and_burns(done: Told, receipt: Receipt, before: Before) -> None:
    """Half of the bond, up to the cap, to the challenger; the rest to nobody."""
    x = done.stage.x
    reverted = receipt.event("BatchReverted")
    assert (reverted["reward"], reverted["burned"]) == (REWARD, BOND - REWARD)
    assert reverted["challenger"] == x.roles.challenger.address
    assert before.registry - balance(x.chain, x.registry.address) == BOND
    spent = balance(x.chain, x.roles.challenger.address) - before.challenger - REWARD
    assert -ETHER // 10 < spent < 0  # gas; a question's bond came back
    assert receipt.gas < 1 << 24
    address, bond, left_at, retired = x.chain.call(x.registry.functions.operators(before.operator))
    assert (address, bond, retired) == (x.roles.operator.address, 0, True)
    assert left_at == receipt.time


def is_undone(done: Told, before: Before) -> None:
    """The batch before is the head again; nobody operates; money and demands are as they were."""
    x = done.stage.x
    functions = x.registry.functions
    head = x.chain.call(functions.head())
    assert head[:2] == (done.previous.header.id, done.previous.header.built_at)
    assert head[4] == 0
    assert x.chain.call(functions.statusOf(done.batch.encoded()))[0] == REVERTED
    assert x.total() == x.balance(x.vault.address) == before.vault
    for index, credited, asks in ((MAKER, 0, 0), (LEAVER, None, 1), (FEES, None, 1)):
        account = x.chain.call(x.vault.functions.accountOf(index))
        assert account[5] == asks
        if credited is not None:
            assert account[1] - done.previous.state.account(index).credited == PENDING


def goes_on(done: Told) -> None:
    """A new operator commits the truth, which serves everybody; the lie's header never pays."""
    x = done.stage.x
    del x.batches[x.batches.index(done.batch) :]
    x.state = copy_state(done.previous.state)
    hire(x)
    honest = Liar.on(done.stage)
    after = honest.tell()
    verdict = after.verdict()
    assert verdict.sound, verdict.findings
    x = honest.stage.x
    state = x.state
    assert state.account(LEAVER).served == state.account(FEES).served + 1 == 1
    assert state.account(MAKER).credited == x.context.deposited[MAKER]
    x.finalize()
    assert x.chain.call(x.registry.functions.statusOf(after.batch.encoded()))[0] == FINAL
    with reverts("HeaderNotFinal", 0):  # another batch has its place in the ring
        x.claim(x.roles.challenger, LEAVER, done.batch)
    paid = 0
    for index in EVERYBODY:
        due = state.account(index).exited
        assert x.claimable(index, after.batch) == due
        x.claim(x.roles.challenger, index, after.batch)
        paid += due
    assert paid > 0
    assert x.total() == x.balance(x.vault.address) == sum(x.context.deposited.values()) - paid


def hire(x: Any) -> None:
    """A new operator under bond; the same address, a new index."""
    registry, roles = x.registry.functions, x.roles
    added = x.chain.send(roles.owner, registry.addOperator(roles.operator.address))
    index = added.event("OperatorAdded")["index"]
    x.chain.send(roles.operator, registry.addBond(index), value=BOND)
    x.chain.send(roles.owner, registry.setOperator(index))


def refuses_every_answer(done: Told, question: Unsigned) -> int:
    """What was signed for this batch is tried as an answer, and refused; how many.

    The older messages, of slots that this batch does not touch, are left out.
    """
    x, watcher = done.stage.x, done.stage.watcher
    number = done.batch.header.id
    body, after = watcher.body(number), watcher.state_before(number, question.chunk + 1)
    is_fill = isinstance(done.plan.chunks[question.chunk][question.place], Fill)
    older = {signed.message for signed in done.older}
    candidates = [
        signed
        for signed in done.plan.messages
        if signed.message not in older and (isinstance(signed.message, Order) or not is_fill)
    ]
    prover = x.deployment.contract("unauthorized_prover")
    for signed in candidates:
        message = answer(body, question.chunk, question.place, question.side, signed, after)
        call = prover.functions.answer(
            done.batch.encoded(), question.chunk, question.place, question.side, message
        )
        try:
            x.chain.call(call)
        except Reverted:
            continue
        raise AssertionError(f"{signed.message} answers {question}")
    return len(candidates)
