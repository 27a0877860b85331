"""What provers take (docs/reference/witnesses.md), for batches that a judge knows."""

from matcher.challenger.questions import Question
from matcher.reference import witness_unauthorized
from matcher.reference.authorization import answer_to, sides_of
from matcher.reference.header import BLOB
from matcher.reference.judge import (
    Judge,
    Standing,
    Verdict,
    WrongMargin,
    WrongTransition,
    chunks_of,
)
from matcher.reference.openings import BlobBody, Body, CalldataBody
from matcher.reference.state import State
from matcher.reference.witness_margin import margin
from matcher.reference.witness_transition import transition
from matcher.reference.words import unpack_chunk


def body_of(batch: Standing) -> Body:
    """The words of a batch, to be opened in its mode."""
    if batch.header.mode == BLOB:
        return BlobBody([*batch.words, *batch.rest])
    return CalldataBody(batch.words)


def of_lie(judge: Judge, batch: Standing, lie: WrongTransition | WrongMargin) -> bytes:
    """The witness that convicts a batch of a lie."""
    before = judge.state_before(batch, lie.chunk)
    body = body_of(batch)
    context = judge.chain.context(batch.header.built_at)
    if isinstance(lie, WrongTransition):
        return transition(body, lie.chunk, before, context)
    after = before.copy()
    after.apply_ops(unpack_chunk(chunks_of(batch.words)[lie.chunk])[0], context)
    return margin(body, lie.chunk, lie.account, before, after, lie.release_place)


def opening(batch: Standing, chunk: int, place: int) -> bytes:
    """The op word that a question is about."""
    return witness_unauthorized.opening(body_of(batch), chunk, place)


def of_silence(chunk: int, place: int, side: int) -> bytes:
    """The witness that nobody answered a question in time."""
    return witness_unauthorized.verdict(chunk, place, side)


def answer(judge: Judge, batch: Standing, question: Question) -> bytes | None:
    """The message that answers a question; None if the batch's order file has none."""
    published = judge.published(batch.header, batch.words, _scratch(batch))
    after = _after(judge, batch, question.chunk)
    if published is None or after is None:
        return None
    ops, _ = unpack_chunk(chunks_of(batch.words)[question.chunk])
    side = next((s for s in sides_of(ops[question.place]) if s.number == question.side), None)
    if side is None:
        return None
    chain = judge.chain
    signed = answer_to(
        side,
        published,
        chain.separator(),
        chain.context(batch.header.built_at),
        chain.signers,
        after.account(side.account),
    )
    if signed is None:
        return None
    body = body_of(batch)
    return witness_unauthorized.answer(
        body, question.chunk, question.place, question.side, signed, after
    )


def _scratch(batch: Standing) -> Verdict:
    """A verdict for what was found already."""
    header = batch.header
    return Verdict(header.id, b"", batch.verdict.committed_at, header.chunk_count)


def _after(judge: Judge, batch: Standing, chunk: int) -> State | None:
    """The state after a chunk; None if nobody knows it."""
    return next((state for number, _, state in judge.chunks(batch) if number == chunk), None)
