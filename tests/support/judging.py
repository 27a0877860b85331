"""TRANSITION's verdict on a chunk, asked of the contract and of the model.

A chunk need not be committed to be judged: `BatchRegistry` alone makes sure that a header is in the
ring, so tests make headers of their own and ask the prover directly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from eth_abi.abi import decode, encode
from web3.types import RPCEndpoint

from matcher.chain.artifacts import load
from matcher.chain.deployment import Deployment
from matcher.reference.context import Context
from matcher.reference.faults import InvalidOp, MalformedChunk
from matcher.reference.header import BLOB, CALLDATA, Header
from matcher.reference.openings import BlobBody, CalldataBody
from matcher.reference.state import State, named_by
from matcher.reference.tree import ZERO, keccak
from matcher.reference.witness_transition import transition
from matcher.reference.words import Op, pack_chunk, unpack_chunk
from matcher.types import CHUNK_OPS, CHUNK_WORDS
from tests.support.anvil import Anvil
from tests.support.chain import Chain, Reverted
from tests.support.decree import NOBODY, Fault
from tests.support.exchange import Exchange, header_tuple
from tests.support.facts import storage_of

WHOLE = CHUNK_OPS  # place of what concerns the whole chunk
HEADER = "(bytes32,bytes32,bytes32,bytes32,bytes32,bytes32)"
VERDICT = ["uint8", "uint16", "uint8", "address", "bytes32"]


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


class Judge(Protocol):
    """Who says what a case is worth."""

    def judge(self, case: Case) -> Verdict:
        """What the contract finds.

        Raises
        ------
        Reverted
            If the witness does not belong to the batch.
        """


class Court:
    """The prover of an exchange on the embedded chain."""

    def __init__(self, exchange: Exchange):
        self.chain: Chain = exchange.chain
        self.prover: Any = exchange.deployment.contract("transition_prover")

    def judge(self, case: Case) -> Verdict:
        """As `Judge`."""
        call = self.prover.functions.judge(
            header_tuple(case.header), header_tuple(case.previous), case.witness
        )
        fault, chunk, place, challenger, root = self.chain.call(call)
        return Verdict(Fault(fault), chunk, place, challenger, root)


class QuickCourt:
    """The prover of an exchange on anvil: thousands of cases, each a call, none a transaction.

    Parameters
    ----------
    anvil : Anvil
    deployment : Deployment
    """

    def __init__(self, anvil: Anvil, deployment: Deployment):
        self.anvil = anvil
        self.addresses = deployment.addresses
        self.artifacts = load()
        self.selector = keccak(f"judge({HEADER},{HEADER},bytes)".encode())[:4]

    @contextmanager
    def facts(self, context: Context) -> Iterator[None]:
        """Within, these facts stand on the chain, and no others."""
        before = self.anvil.rpc("evm_snapshot")
        for role, slots in storage_of(context).items():
            for slot, word in slots.items():
                where = self.addresses[role], f"{slot:#066x}", f"{word:#066x}"
                self.anvil.rpc("anvil_setStorageAt", *where)
        try:
            yield
        finally:
            self.anvil.restore(before)

    def judge(self, case: Case, prover: str = "transition_prover") -> Verdict:
        """As `Judge`, of any prover."""
        arguments = (header_tuple(case.header), header_tuple(case.previous), case.witness)
        data = self.selector + encode([HEADER, HEADER, "bytes"], arguments)
        request = {"to": self.addresses[prover], "data": "0x" + data.hex()}
        answer = self.anvil.w3.provider.make_request(RPCEndpoint("eth_call"), [request, "latest"])
        if "error" in answer:
            output = answer["error"].get("data")
            assert isinstance(output, str), answer["error"]
            raise Reverted(self.artifacts.revert(bytes.fromhex(output.removeprefix("0x"))))
        output = bytes.fromhex(answer["result"].removeprefix("0x"))
        fault, chunk, place, challenger, root = decode(VERDICT, output)
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
