"""TRANSITION's verdict on a chunk, asked of the contract and of the model.

A chunk need not be committed to be judged: `BatchRegistry` alone makes sure that a header is in the
ring, so tests make headers of their own and ask the prover directly.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matcher.reference.context import Context
from matcher.reference.faults import InvalidOp, MalformedChunk
from matcher.reference.header import BLOB, CALLDATA, Header
from matcher.reference.openings import BlobBody, CalldataBody
from matcher.reference.state import State, named_by
from matcher.reference.tree import ZERO
from matcher.reference.witness_transition import transition
from matcher.reference.words import Op, pack_chunk, unpack_chunk
from matcher.types import CHUNK_OPS, CHUNK_WORDS
from tests.support.chain import Chain
from tests.support.decree import NOBODY, Fault
from tests.support.exchange import Exchange, header_tuple

WHOLE = CHUNK_OPS  # place of what concerns the whole chunk


@dataclass(frozen=True)
class Verdict:
    """As in contracts/types/Verdict.sol."""

    fault: Fault
    chunk: int
    place: int
    challenger: str = NOBODY
    root: bytes = ZERO


@dataclass(frozen=True)
class Case:
    """A batch, one chunk of it, and what the prover takes to judge that."""

    header: Header
    previous: Header
    witness: bytes


def case(
    words: Sequence[int],
    before: State,
    context: Context,
    *,
    number: int = 0,
    in_blobs: bool = False,
) -> Case:
    """The case of chunk `number` of a batch with these words, honest or not.

    Parameters
    ----------
    before : State
        Before the chunk; of chunk 0, at the end of the previous batch.
    """
    body = BlobBody(words) if in_blobs else CalldataBody(words)
    header = Header(
        operator=1,
        mode=BLOB if in_blobs else CALLDATA,
        id=1,
        built_at=context.built_at,
        chunk_count=len(words) // CHUNK_WORDS,
        chunks_root=ZERO if isinstance(body, BlobBody) else body.tree.root(),
        blobs_hash=body.blobs_hash if isinstance(body, BlobBody) else ZERO,
    )
    previous = Header(built_at=context.built_at, state_root=ZERO if number else before.root())
    return Case(header, previous, transition(body, number, before, context))


class Court:
    """The prover of an exchange on the embedded chain."""

    def __init__(self, exchange: Exchange):
        self.chain: Chain = exchange.chain
        self.prover: Any = exchange.deployment.contract("transition_prover")

    def judge(self, case: Case) -> Verdict:
        """What the contract finds.

        Raises
        ------
        Reverted
            If the witness does not belong to the batch.
        """
        call = self.prover.functions.judge(
            header_tuple(case.header), header_tuple(case.previous), case.witness
        )
        fault, chunk, place, challenger, root = self.chain.call(call)
        return Verdict(Fault(fault), chunk, place, challenger, root)


def model_verdict(
    words: Sequence[int], before: State, context: Context, number: int = 0
) -> Verdict:
    """What the model finds. Of a malformed chunk it does not say where; `place` is 30 then."""
    try:
        ops, stated = unpack_chunk(words)
    except MalformedChunk:
        return Verdict(Fault.MALFORMED_CHUNK, number, WHOLE)
    state = State()
    state.accounts, state.tree = dict(before.accounts), before.tree.copy()
    fees = 0
    for place, op in enumerate(ops):
        try:
            fees += state.apply(op, context)
        except InvalidOp as error:
            return Verdict(Fault[error.fault.name], number, place)
    try:
        if fees:
            state.book_fees(fees)
    except InvalidOp as error:
        return Verdict(Fault[error.fault.name], number, WHOLE)
    state.rehash(named_by(ops))
    fault = Fault.NONE if state.root() == stated else Fault.WRONG_ROOT
    return Verdict(fault, number, WHOLE, root=state.root())


def honest_words(ops: Sequence[Op], before: State, context: Context) -> list[int]:
    """The chunk of these ops with the root that follows; `before` is left as it was."""
    state = State()
    state.accounts, state.tree = dict(before.accounts), before.tree.copy()
    return pack_chunk(ops, state.apply_ops(ops, context))
