"""What must follow from an honest batch, whoever accuses it of whatever: nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from matcher.reference.authorization import sides_of
from matcher.reference.judge import Unsigned
from matcher.reference.state import named_by
from matcher.reference.witness_unauthorized import answer
from matcher.reference.words import Op, Release, unpack_chunk
from matcher.types import CHUNK_WORDS
from tests.support.chain import Reverted
from tests.support.exchange import stated_root
from tests.support.liar import Told
from tests.support.stage import key_of
from tests.support.watcher import unanswered_witness

TRANSITION, MARGIN, UNAUTHORIZED = "transition_prover", "margin_prover", "unauthorized_prover"


@dataclass(frozen=True)
class Charge:
    """An accusation with an authentic witness.

    Attributes
    ----------
    root : bytes
        What NotGuilty says of it: of TRANSITION the root that follows.
    """

    prover: str
    chunk: int
    witness: bytes
    root: bytes = bytes(32)


def acquitted(told: Told) -> None:
    """No proof convicts the batch: every chunk, every account's margin, every signature."""
    verdict = told.verdict()
    assert verdict.sound, verdict.findings
    for charge in charges(told):
        found = convict(told, charge.prover, charge.witness)
        assert found == ("NotGuilty", (told.batch.header.id, charge.chunk, charge.root)), charge
    every_question_is_answered(told)


def convict(told: Told, prover: str, witness: bytes) -> tuple[str, tuple[Any, ...]]:
    """How an attempt to convict fails; it must."""
    x = told.stage.x
    number = told.batch.header.id
    try:
        x.chain.call(told.stage.watcher.conviction(prover, number, witness), x.roles.challenger)
    except Reverted as reverted:
        return reverted.revert.name, reverted.revert.args
    raise AssertionError(f"{prover} convicts the honest batch {number}")


def charges(told: Told) -> Iterator[Charge]:
    """Everything that TRANSITION and MARGIN can be shown of a batch."""
    watcher, number = told.stage.watcher, told.batch.header.id
    for chunk, ops in enumerate(chunks(told)):
        root = stated_root(words(told, chunk))
        yield Charge(TRANSITION, chunk, watcher.transition(number, chunk), root)
        others = set(told.stage.x.context.opened) - set(named_by(ops))
        for account in [*named_by(ops), *sorted(others)[:1]]:
            yield Charge(MARGIN, chunk, watcher.margin(number, chunk, account))
        for place, op in enumerate(ops):
            if isinstance(op, Release):
                witness = watcher.margin(number, chunk, op.account, place)
                yield Charge(MARGIN, chunk, witness)


def questions(told: Told) -> Iterator[Unsigned]:
    """Everything that can be asked about a batch."""
    for chunk, ops in enumerate(chunks(told)):
        for place, op in enumerate(ops):
            for side in sides_of(op):
                yield Unsigned(chunk, place, side.number)


def every_question_is_answered(told: Told) -> None:
    """Each is asked, answered by what the order file has, and convicts nobody afterwards."""
    x, watcher, number = told.stage.x, told.stage.watcher, told.batch.header.id
    by_key = {key_of(signed.message): signed for signed in told.plan.messages}
    body, prover = watcher.body(number), x.deployment.contract(UNAUTHORIZED)
    asked = list(questions(told))
    for question in asked:
        watcher.ask(x.roles.challenger, number, question)
        op = chunks(told)[question.chunk][question.place]
        (side,) = (side for side in sides_of(op) if side.number == question.side)
        signed = by_key[side.account, side.order]
        after = watcher.state_before(number, question.chunk + 1)
        place = question.chunk, question.place, question.side
        message = answer(body, *place, signed, after)
        call = prover.functions.answer(told.batch.encoded(), *place, message)
        x.chain.send(x.roles.outsider, call)
    x.chain.travel(x.windows.answer + 1)
    for question in asked:
        found = convict(told, UNAUTHORIZED, unanswered_witness(question))
        assert found == ("NotGuilty", (number, question.chunk, bytes(32))), question


def words(told: Told, chunk: int) -> tuple[int, ...]:
    return told.batch.words[CHUNK_WORDS * chunk : CHUNK_WORDS * (chunk + 1)]


def chunks(told: Told) -> list[list[Op]]:
    """The ops of each chunk, as they were committed."""
    return [
        unpack_chunk(words(told, chunk))[0] for chunk in range(len(told.batch.words) // CHUNK_WORDS)
    ]
