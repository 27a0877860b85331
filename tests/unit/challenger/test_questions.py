"""Questions: asked about what nobody signed, answered, executed, and their bonds taken back."""

import pytest

from matcher.challenger.order_files import OrderFiles
from matcher.reference import witness_unauthorized
from matcher.reference.openings import CalldataBody
from matcher.reference.words import Withdraw
from matcher.types import Withdrawal
from tests.support.challenge import Arena, balance, head, work
from tests.support.exchange import TOKENS

BOND = 10**16


def test_unsigned_side_is_asked_about_and_reverts_its_batch_when_nobody_answers(
    arena: Arena,
) -> None:
    fill, used = arena.trade()
    arena.commit([fill], used=used[:1])  # the maker signed nothing
    challenger = arena.challenger()
    work(challenger)
    assert challenger.tally.asked == 1
    (question,) = challenger.watch.questions.open()
    assert (question.batch, question.chunk, question.place, question.side) == (2, 0, 0, 1)
    # Not before A has passed.
    arena.chain.travel(arena.exchange.windows.answer - 5)
    work(challenger)
    assert head(arena.exchange) == 2
    assert challenger.tally.refused == 0  # nor tried
    arena.chain.travel(10)
    before = balance(arena.chain, challenger.post.address)
    spent = challenger.tally.spent
    work(challenger)
    assert head(arena.exchange) == 1
    assert challenger.tally.convicted == 1
    assert challenger.tally.reclaimed == 1
    assert challenger.watch.questions.open() == []
    gas = challenger.tally.spent - spent
    earned = balance(arena.chain, challenger.post.address) - before + gas
    assert earned == challenger.tally.rewards + BOND > BOND


def test_missing_file_is_asked_about_after_patience_and_answered_by_who_has_it(
    arena: Arena,
) -> None:
    fill, used = arena.trade()
    hidden = arena.file(used, publish=False)
    batch = arena.exchange.commit([fill], extra=hidden)
    challenger = arena.challenger(file_patience=50, questions=1)
    work(challenger)
    assert challenger.tally.asked == 0  # it may still turn up
    arena.chain.at(batch.committed_at + 50)
    work(challenger)
    assert challenger.tally.asked == 1
    # The operator has the file, and answers.
    arena.file_of(batch, used)
    operator = arena.challenger(arena.exchange.roles.operator, convict=False, answer=True)
    work(operator)
    assert operator.tally.answered == 1
    work(challenger)
    assert challenger.watch.questions.open() == []
    arena.chain.travel(arena.exchange.windows.answer + 5)
    work(challenger)
    assert head(arena.exchange) == 2
    assert challenger.tally.convicted == challenger.tally.reclaimed == 0


@pytest.mark.parametrize("count", [0, 1, 3])
def test_missing_file_is_asked_about_within_the_bound_even_after_a_restart(
    arena: Arena, count: int
) -> None:
    fills, used = zip(*(arena.trade(1) for _ in range(3)), strict=True)
    arena.exchange.commit(fills, extra=arena.file([s for u in used for s in u], publish=False))
    first = arena.challenger(file_patience=0, questions=count)
    work(first)
    assert first.tally.asked == count
    again = arena.challenger(file_patience=0, questions=count, seed=8)
    work(again)
    assert again.tally.asked == 0
    assert len(again.watch.questions.open()) == count


def test_missing_file_all_that_names_a_watched_account_is_asked_about(arena: Arena) -> None:
    fills, used = zip(*(arena.trade(1) for _ in range(3)), strict=True)
    arena.exchange.commit(fills, extra=arena.file([s for u in used for s in u], publish=False))
    watcher = arena.challenger(file_patience=0, questions=1, accounts=(fills[0].maker,))
    work(watcher)
    asked = {(q.place, q.side) for q in watcher.watch.questions.open()}
    assert asked >= {(place, 1) for place in range(3)}
    assert len(asked) == 3 + (watcher.tally.asked - 3) <= 4
    again = arena.challenger(file_patience=0, questions=1, accounts=(fills[0].maker,), seed=8)
    work(again)
    assert again.tally.asked == 4 - watcher.tally.asked


def test_questions_of_others_do_not_use_up_the_bound(arena: Arena) -> None:
    """An operator who asks himself about what he can answer would else silence everybody."""
    fill, used = arena.trade(1)
    good = [arena.trade(1) for _ in range(4)]
    signed = [one for _, both in good for one in both]
    arena.commit([fill, *(op for op, _ in good)], used=[*signed, used[0]])
    friend = arena.challenger(arena.exchange.roles.outsider, file_patience=0, questions=2)
    friend.watch._files = OrderFiles()  # sees no file: asks about anything
    work(friend)
    asked = {(q.place, q.side) for q in friend.watch.questions.open()}
    assert len(asked) == 2
    assert (0, 1) not in asked
    challenger = arena.challenger(questions=2)
    work(challenger)
    assert challenger.tally.asked == 1


def test_question_that_is_answered_by_the_file_is_answered_for_withdrawals_too(
    arena: Arena,
) -> None:
    until = arena.chain.now + 100_000
    withdrawal = Withdrawal(arena.taker, 5 * TOKENS, 4096, until)
    signed = arena.signed(withdrawal)
    op = Withdraw(arena.taker, 5 * TOKENS, 4096)
    batch = arena.exchange.commit([op], extra=arena.file([signed], publish=False))
    asker = arena.challenger(arena.exchange.roles.outsider, file_patience=0)
    work(asker)
    assert asker.tally.asked == 1
    arena.file_of(batch, [signed])
    answerer = arena.challenger(answer=True)
    work(answerer)
    assert answerer.tally.answered == 1
    assert answerer.tally.asked == 0
    assert head(arena.exchange) == 2


def test_question_of_another_is_left_to_him_at_first_and_executed_in_the_end(
    arena: Arena,
) -> None:
    fill, used = arena.trade()
    batch = arena.commit([fill], used=used[:1])
    asker = arena.challenger(arena.exchange.roles.outsider)
    work(asker)
    other = arena.challenger()
    work(other)
    assert other.tally.asked == 0  # it was asked already
    windows = arena.exchange.windows
    (question,) = other.watch.questions.open()
    due = question.asked_at + windows.answer
    arena.chain.at(due + 5)
    work(other)
    assert head(arena.exchange) == 2
    arena.chain.at(due + (batch.committed_at + windows.final_after - due) // 2 + 2)
    before = balance(arena.chain, asker.post.address)
    work(other)
    assert head(arena.exchange) == 1
    assert other.tally.convicted == 1
    assert other.tally.rewards == 0  # it is the asker's
    assert balance(arena.chain, asker.post.address) > before


def test_bond_comes_back_when_the_batch_is_final_without_answer(arena: Arena) -> None:
    fill, used = arena.trade()
    batch = arena.exchange.commit([fill], extra=arena.file(used, publish=False))
    challenger = arena.challenger(file_patience=0, questions=1)
    work(challenger)
    arena.exchange.finalize(batch)
    arena.chain.mine()
    again = arena.challenger()
    work(again)
    assert again.tally.reclaimed == 1
    assert head(arena.exchange) == 2


def test_known_answer_keeps_an_honest_batch_from_being_executed(arena: Arena) -> None:
    fill, used = arena.trade()
    batch = arena.exchange.commit([fill], extra=arena.file(used, publish=False))
    asker = arena.challenger(arena.exchange.roles.outsider, file_patience=0, questions=1)
    work(asker)
    arena.file_of(batch, used)
    arena.chain.at(batch.committed_at + arena.exchange.windows.final_after - 50)
    work(arena.challenger())
    assert head(arena.exchange) == 2


def test_doubt_that_was_answered_on_chain_is_no_lie_when_it_is_final(arena: Arena) -> None:
    """What the file left out may be shown on chain."""
    fill, used = arena.trade()
    batch = arena.commit([fill], used=used[:1])
    challenger = arena.challenger()
    work(challenger)
    assert challenger.tally.asked == 1
    message = witness_unauthorized.answer(
        CalldataBody(batch.words), 0, 0, 1, used[1], arena.exchange.state
    )
    questions = arena.exchange.deployment.contract("unauthorized_prover").functions
    arena.chain.send(
        arena.exchange.roles.outsider, questions.answer(batch.encoded(), 0, 0, 1, message)
    )
    arena.exchange.finalize(batch)
    arena.chain.mine()
    work(challenger)
    assert challenger.watch.judge.standing == []
    assert challenger.tally.final_lies == 0
    late = arena.challenger()
    work(late)
    assert late.tally.final_lies == 0


def test_unsigned_side_that_nobody_executed_is_a_final_lie(arena: Arena) -> None:
    fill, used = arena.trade()
    batch = arena.commit([fill], used=used[:1])
    work(arena.challenger())
    arena.exchange.finalize(batch)
    arena.chain.mine()
    late = arena.challenger()
    work(late)
    assert late.tally.final_lies == 1
    assert late.tally.reclaimed == 1
