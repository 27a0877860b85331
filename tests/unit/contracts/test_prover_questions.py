"""Questions of UNAUTHORIZED: who may ask what and when, how a question ends, who gets its bond."""

from typing import Any

import pytest
from eth_abi.abi import encode
from sha3 import keccak_256

from matcher.reference.orderfile import Signed
from matcher.reference.state import State
from matcher.reference.words import Credit, Fill, Nop, Op, Release, Settle, Transfer, Withdraw
from matcher.types import Withdrawal
from tests.support.chain import ETHER, calldata, reverts
from tests.support.decree import Fault
from tests.support.exchange import EXPIRY, Exchange
from tests.support.registry import FINAL, REVERTED, UNKNOWN
from tests.support.trials import ANSWERED, NONE, OPEN, RECLAIMED, Case, Trials

FOREVER = (1 << 40) - 1
NOT_OPEN = keccak_256(b"QuestionNotOpen(bytes32,uint8)").digest()[:4]
FILL = Fill(0, 2, 3, 1, 5, 5, 5, 5)


@pytest.fixture
def trials(exchange: Exchange) -> Trials:
    """Account 2 is the taker's."""
    assert exchange.open(exchange.roles.taker) == 2
    return Trials(exchange)


def commit(trials: Trials, *ops: Op) -> Case:
    """A batch of one chunk: by default it withdraws from account 2."""
    return trials.commit((ops or (Withdraw(2, 7, 9),), State()))


def signed(trials: Trials) -> Signed:
    """What answers for `commit`."""
    return trials.sign(trials.roles.taker, Withdrawal(2, 7, 9, FOREVER))


def question_id(case: Case, number: int = 0, place: int = 0, side: int = 0) -> bytes:
    values = [case.header.batch_hash(), number, place, side]
    return keccak_256(encode(["bytes32", "uint16", "uint8", "uint8"], values)).digest()


def held(trials: Trials) -> int:
    """wei in the prover."""
    return trials.balance(trials.unauthorized.address)


def plaintiff(trials: Trials) -> Any:
    """A contract with ether."""
    contract = trials.chain.deploy(trials.roles.outsider, "Plaintiff")
    trials.chain.send(trials.roles.outsider, to=contract.address, value=ETHER)
    return contract


def through(trials: Trials, contract: Any, call: Any, value: int = 0) -> Any:
    """Let the contract make a call."""
    relayed = contract.functions.execute(call.address, value, calldata(call))
    return trials.chain.send(trials.roles.outsider, relayed)


def final_at(trials: Trials, case: Case) -> int:
    return case.committed_at + trials.exchange.windows.final_after


# --- asking -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "sides"),
    [(FILL, (0, 1)), (Withdraw(2, 7, 9), (0,)), (Transfer(2, 3, 7, 9), (0,))],
    ids=lambda value: type(value).__name__,
)
def test_question_names_a_side_of_what_somebody_signed(
    trials: Trials, op: Op, sides: tuple[int, ...]
) -> None:
    case = commit(trials, Nop(), op)
    for side in sides:
        assert trials.question(case, place=1, side=side)[0] == NONE
        receipt = trials.ask(case, place=1, side=side)
        asker = trials.roles.challenger.address
        assert receipt.event("QuestionAsked") == {
            "batchHash": case.header.batch_hash(),
            "question": question_id(case, place=1, side=side),
            "id": case.header.id,
            "chunk": 0,
            "place": 1,
            "side": side,
            "word": case.body.words[1],
            "asker": asker,
        }
        assert receipt.output == question_id(case, place=1, side=side)
        found = trials.question(case, place=1, side=side)
        assert found == (OPEN, asker, receipt.time, case.body.words[1])
    assert held(trials) == len(sides) * trials.bond
    with reverts("NothingToSign", case.body.words[1], len(sides)):
        trials.ask(case, place=1, side=len(sides))


@pytest.mark.parametrize(
    "op",
    [Nop(), Credit(2, 7), Settle(2, 1, EXPIRY), Release(2, 7, 1)],
    ids=lambda op: type(op).__name__,
)
def test_op_that_nobody_signs_is_not_asked_about(trials: Trials, op: Op) -> None:
    case = commit(trials, op)
    with reverts("NothingToSign", case.body.words[0], 0):
        trials.ask(case)


@pytest.mark.parametrize("place", [30, 31])
def test_root_is_not_asked_about(trials: Trials, place: int) -> None:
    case = commit(trials)
    with reverts("NothingToSign", case.body.words[place], 0):
        trials.ask(case, place=place)


def test_question_is_asked_once(trials: Trials) -> None:
    case = commit(trials)
    trials.ask(case)
    with reverts("AskedAlready", question_id(case)):
        trials.ask(case, sender=trials.roles.outsider)
    trials.answer(case, 0, 0, 0, signed(trials))
    with reverts("AskedAlready", question_id(case)):
        trials.ask(case)


def test_places_and_chunks_are_questions_of_their_own(trials: Trials) -> None:
    op = Withdraw(2, 7, 9)
    case = trials.commit(([op, op], State()), ([op, op], State()))
    for number in (0, 1):
        for place in (0, 1):
            assert trials.question(case, number, place)[0] == NONE
            trials.ask(case, number, place)
    trials.answer(case, 1, 0, 0, signed(trials))
    states = [trials.question(case, number, place)[0] for number in (0, 1) for place in (0, 1)]
    assert states == [OPEN, OPEN, ANSWERED, OPEN]


@pytest.mark.parametrize("more", [-1, 1])
def test_question_costs_its_bond_exactly(trials: Trials, more: int) -> None:
    case = commit(trials)
    with reverts("WrongBond", trials.bond + more, trials.bond):
        trials.ask(case, value=trials.bond + more)
    with reverts("WrongBond", 0, trials.bond):
        trials.ask(case, value=0)


@pytest.mark.parametrize("late", [0, 1])
def test_question_is_asked_within_the_window(trials: Trials, late: int) -> None:
    case = commit(trials)
    until = case.committed_at + trials.exchange.windows.challenge
    trials.chain.at(until + late)
    if late:
        with reverts("TooLateToAsk", until + 1, until):
            trials.ask(case)
    else:
        assert trials.ask(case).time == until


def test_batch_that_does_not_stand_is_not_asked_about(trials: Trials) -> None:
    case = commit(trials)
    unknown = Case(case.previous, case.previous, 0, case.body, case.states)
    with reverts("BatchNotOpen", 0, FINAL):  # genesis
        trials.ask(unknown)
    trials.exchange.revert_to(trials.exchange.batches[-2])
    with reverts("BatchNotOpen", 1, REVERTED):
        trials.ask(case)


def test_final_batch_is_not_asked_about(trials: Trials) -> None:
    case = commit(trials)
    trials.chain.at(final_at(trials, case))
    with reverts("BatchNotOpen", 1, FINAL):
        trials.ask(case)


def test_header_that_was_never_committed_is_not_asked_about(trials: Trials) -> None:
    case = commit(trials)
    (info, *rest), _ = case.headers
    lie = (info, *rest[:-1], b"\1" * 32)
    call = trials.unauthorized.functions.ask(lie, 0, 0, 0, case.body.word(0, 0))
    with reverts("BatchNotOpen", 1, UNKNOWN):
        trials.chain.send(trials.roles.challenger, call, value=trials.bond)


def test_word_that_the_batch_does_not_have_is_not_asked_about(trials: Trials) -> None:
    case, other = commit(trials), Withdraw(2, 8, 9)
    foreign = Trials(trials.exchange).commit(([other], State()))
    roots = foreign.header.chunks_root, case.header.chunks_root
    call = trials.unauthorized.functions.ask(case.headers[0], 0, 0, 0, foreign.body.word(0, 0))
    with reverts("WordsNotInBatch", *roots):
        trials.chain.send(trials.roles.challenger, call, value=trials.bond)
    call = trials.unauthorized.functions.ask(case.headers[0], 1, 0, 0, case.body.word(0, 0))
    with reverts("ChunkUnknown", 1, 1):
        trials.chain.send(trials.roles.challenger, call, value=trials.bond)


# --- answering --------------------------------------------------------------------------------


def test_question_that_nobody_asked_is_not_answered(trials: Trials) -> None:
    case = commit(trials)
    with reverts("QuestionNotOpen", question_id(case), NONE):
        trials.answer(case, 0, 0, 0, signed(trials))
    trials.ask(case)
    trials.answer(case, 0, 0, 0, signed(trials))
    with reverts("QuestionNotOpen", question_id(case), ANSWERED):
        trials.answer(case, 0, 0, 0, signed(trials))
    assert held(trials) == 0


def test_answer_counts_until_the_execution(trials: Trials) -> None:
    case = commit(trials)
    asked_at = trials.ask(case).time
    trials.chain.at(asked_at + 2 * trials.exchange.windows.answer)
    trials.answer(case, 0, 0, 0, signed(trials))
    with reverts("NotGuilty", 1, 0, bytes(32)):
        trials.execute(case)


def test_answer_counts_until_the_batch_is_final(trials: Trials) -> None:
    case = commit(trials, Withdraw(2, 7, 9), Withdraw(2, 7, 9))
    trials.ask(case)
    trials.ask(case, place=1)
    trials.chain.at(final_at(trials, case) - 1)
    trials.answer(case, 0, 0, 0, signed(trials))
    with reverts("BatchNotOpen", 1, FINAL):
        trials.answer(case, 0, 1, 0, signed(trials))


def test_answer_to_a_batch_that_fell_comes_too_late(trials: Trials) -> None:
    case = commit(trials)
    trials.ask(case)
    trials.exchange.revert_to(trials.exchange.batches[-2])
    with reverts("BatchNotOpen", 1, REVERTED):
        trials.answer(case, 0, 0, 0, signed(trials))


# --- executing --------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [0, 1])
def test_question_that_nobody_answers_convicts_after_its_time(trials: Trials, late: int) -> None:
    case = commit(trials, Nop(), Withdraw(2, 7, 9))
    asked_at = trials.ask(case, place=1).time
    trials.chain.at(asked_at + trials.exchange.windows.answer + late)
    if not late:
        with reverts("NotGuilty", 1, 0, bytes(32)):
            trials.execute(case, place=1)
        return
    before = trials.balance(trials.roles.challenger.address)
    receipt = trials.execute(case, place=1)
    assert receipt.event("BatchConvicted") == {
        "id": 1,
        "prover": trials.unauthorized.address,
        "fault": Fault.UNANSWERED,
        "chunk": 0,
        "place": 1,
    }
    event = receipt.event("BatchReverted")
    assert event["challenger"] == trials.roles.challenger.address
    assert event["reward"] > 0
    assert trials.balance(trials.roles.challenger.address) == before + event["reward"]
    assert trials.chain.call(trials.registry.statusOf(case.headers[0]))[0] == REVERTED


def test_question_of_the_last_second_is_executed_before_the_batch_is_final(trials: Trials) -> None:
    case, windows = commit(trials), trials.exchange.windows
    trials.chain.at(case.committed_at + windows.challenge)
    asked_at = trials.ask(case).time
    trials.chain.at(asked_at + windows.answer + 1)
    assert trials.chain.now < final_at(trials, case)
    trials.execute(case)


def test_question_not_executed_in_time_dies_with_finality(trials: Trials) -> None:
    case = commit(trials)
    trials.ask(case)
    trials.chain.at(final_at(trials, case) - 1)
    with trials.chain.passing():
        trials.execute(case)
    trials.chain.at(final_at(trials, case) - 1)
    with reverts("QuestionAlive", question_id(case)):
        trials.reclaim(case)
    assert trials.chain.now == final_at(trials, case)
    with reverts("BatchIsFinal", 1, final_at(trials, case)):
        trials.execute(case)
    assert trials.reclaim(case).event("QuestionReclaimed") == {
        "question": question_id(case),
        "asker": trials.roles.challenger.address,
    }


def test_question_that_nobody_asked_convicts_nobody(trials: Trials) -> None:
    case = commit(trials, Withdraw(2, 7, 9), Withdraw(2, 7, 9))
    trials.ask(case, place=1)
    trials.chain.travel(2 * trials.exchange.windows.answer)
    with reverts("NotGuilty", 1, 0, bytes(32)):
        trials.execute(case)


def test_question_about_one_batch_does_not_convict_the_next(trials: Trials) -> None:
    first = commit(trials)
    second = commit(trials)
    trials.ask(first)
    trials.chain.travel(2 * trials.exchange.windows.answer)
    with reverts("NotGuilty", 2, 0, bytes(32)):
        trials.execute(second)
    trials.execute(first)


# --- bonds ------------------------------------------------------------------------------------


def test_bond_goes_back_when_the_question_was_executed(trials: Trials) -> None:
    case = commit(trials)
    trials.ask(case)
    trials.chain.travel(2 * trials.exchange.windows.answer)
    trials.execute(case)
    before = trials.balance(trials.roles.challenger.address)
    trials.reclaim(case)
    assert trials.balance(trials.roles.challenger.address) == before + trials.bond
    assert trials.question(case)[0] == RECLAIMED
    with reverts("QuestionNotOpen", question_id(case), RECLAIMED):
        trials.reclaim(case)
    assert held(trials) == 0


def test_bond_of_a_question_in_a_batch_that_fell_with_another_goes_back(trials: Trials) -> None:
    commit(trials)
    case = commit(trials)
    trials.ask(case)
    with reverts("QuestionAlive", question_id(case)):
        trials.reclaim(case)
    trials.exchange.revert_to(trials.exchange.batches[0])
    trials.reclaim(case)
    assert held(trials) == 0


def test_bond_of_an_answered_question_does_not_go_back(trials: Trials) -> None:
    case = commit(trials)
    trials.ask(case)
    trials.answer(case, 0, 0, 0, signed(trials))
    trials.exchange.revert_to(trials.exchange.batches[-2])
    with reverts("QuestionNotOpen", question_id(case), ANSWERED):
        trials.reclaim(case)


def test_question_that_nobody_asked_has_no_bond(trials: Trials) -> None:
    case = commit(trials)
    trials.exchange.finalize()
    with reverts("QuestionNotOpen", question_id(case), NONE):
        trials.reclaim(case)


def test_old_question_does_not_touch_the_batch_that_took_its_id(trials: Trials) -> None:
    exchange, roles = trials.exchange, trials.roles
    old = commit(trials)
    trials.ask(old)
    exchange.revert_to(exchange.batches[0])
    successor = exchange.chain.send(
        roles.owner, trials.registry.addOperator(roles.outsider.address)
    ).event("OperatorAdded")["index"]
    exchange.chain.send(roles.owner, trials.registry.addBond(successor), value=10 * ETHER)
    exchange.chain.send(roles.owner, trials.registry.setOperator(successor))
    exchange.roles = type(roles)(operator=roles.outsider)
    new = commit(trials)
    assert (new.header.id, new.body.words) == (old.header.id, old.body.words)
    assert trials.chain.call(trials.registry.statusOf(old.headers[0]))[0] == UNKNOWN

    with reverts("BatchNotOpen", 1, UNKNOWN):
        trials.answer(old, 0, 0, 0, signed(trials))
    assert trials.question(new)[0] == NONE
    trials.ask(new)
    trials.reclaim(old)
    assert (trials.question(old)[0], trials.question(new)[0]) == (RECLAIMED, OPEN)
    assert held(trials) == trials.bond
    trials.answer(new, 0, 0, 0, signed(trials))
    assert held(trials) == 0


def test_honest_operator_whose_signature_is_shown_is_not_slashed(trials: Trials) -> None:
    """Whoever asks pays who answers, and the batch becomes final."""
    case = commit(trials)
    trials.ask(case)
    trials.answer(case, 0, 0, 0, signed(trials), sender=trials.roles.outsider)
    trials.exchange.finalize()
    assert trials.chain.call(trials.registry.statusOf(case.headers[0]))[0] == FINAL
    assert trials.chain.call(trials.registry.operators(1))[3] is False


# --- those who do not take ether quietly ------------------------------------------------------


def test_answer_of_a_contract_that_refuses_ether_counts(trials: Trials) -> None:
    case, contract = commit(trials), plaintiff(trials)
    trials.chain.send(
        trials.roles.outsider, contract.functions.prepare(True, contract.address, b"")
    )
    trials.ask(case)
    before = trials.balance(contract.address)
    through(trials, contract, trials.answering(case, 0, 0, 0, signed(trials)))
    assert trials.question(case)[0] == ANSWERED
    assert trials.balance(contract.address) == before + trials.bond


def test_bond_goes_back_to_a_contract_that_refuses_ether(trials: Trials) -> None:
    case, contract = commit(trials), plaintiff(trials)
    through(trials, contract, trials.asking(case, 0, 0, 0), trials.bond)
    trials.chain.send(
        trials.roles.outsider, contract.functions.prepare(True, contract.address, b"")
    )
    trials.exchange.finalize()
    trials.reclaim(case)
    assert trials.balance(contract.address) == ETHER
    assert trials.chain.call(contract.functions.received()) == 1  # at first, of ours


def test_bond_is_not_taken_twice_by_calling_back(trials: Trials) -> None:
    case, contract = commit(trials, Withdraw(2, 7, 9), Withdraw(2, 7, 9)), plaintiff(trials)
    through(trials, contract, trials.asking(case, 0, 0, 0), trials.bond)
    trials.ask(case, place=1)
    again = trials.unauthorized.functions.reclaim(case.headers[0], 0, 0, 0)
    prepared = contract.functions.prepare(False, trials.unauthorized.address, calldata(again))
    trials.chain.send(trials.roles.outsider, prepared)
    trials.exchange.finalize()
    trials.reclaim(case)
    assert trials.chain.call(contract.functions.received()) == 2  # ours, and the bond
    assert trials.chain.call(contract.functions.reply()) == NOT_OPEN
    assert held(trials) == trials.bond
    assert trials.balance(contract.address) == ETHER


def test_answer_is_not_paid_twice_by_calling_back(trials: Trials) -> None:
    case, contract = commit(trials, Withdraw(2, 7, 9), Withdraw(2, 7, 9)), plaintiff(trials)
    trials.ask(case)
    trials.ask(case, place=1)
    answering = trials.answering(case, 0, 0, 0, signed(trials))
    prepared = contract.functions.prepare(False, trials.unauthorized.address, calldata(answering))
    trials.chain.send(trials.roles.outsider, prepared)
    through(trials, contract, answering)
    assert trials.chain.call(contract.functions.reply()) == NOT_OPEN
    assert held(trials) == trials.bond


def test_ether_that_nobody_asked_with_is_not_taken(trials: Trials) -> None:
    with reverts(""):
        trials.chain.send(trials.roles.outsider, to=trials.unauthorized.address, value=1)
