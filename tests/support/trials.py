"""Batches of any content, true or not, and the provers that judge them on the tests' chain.

`Trials.commit` states whatever roots it is given, in calldata or in blobs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from eth_account.signers.local import LocalAccount

from matcher.reference.context import Context
from matcher.reference.header import Header
from matcher.reference.openings import BlobBody, Body, CalldataBody
from matcher.reference.orderfile import Message, Signed
from matcher.reference.state import State
from matcher.reference.tree import ZERO
from matcher.reference.witness_margin import margin
from matcher.reference.witness_transition import transition
from matcher.reference.witness_unauthorized import answer, opening, verdict
from matcher.reference.words import Op, pack_chunk
from tests.support.chain import TIP, Receipt
from tests.support.exchange import Exchange, copy_state, header_tuple
from tests.support.registry import balance

NONE, OPEN, ANSWERED, RECLAIMED = range(4)  # QuestionState
CHUNK = 30  # place of what concerns a whole chunk


@dataclass(frozen=True)
class Case:
    """A committed batch, with what the provers take of it.

    Attributes
    ----------
    states : tuple of State
        Before the first chunk and after each.
    """

    header: Header
    previous: Header
    committed_at: int
    body: Body
    states: tuple[State, ...]

    @property
    def headers(self) -> tuple[Any, Any]:
        return header_tuple(self.header), header_tuple(self.previous)

    def transition(self, number: int, context: Context) -> bytes:
        """Witness for TRANSITION."""
        return transition(self.body, number, self.states[number], context)

    def margin(self, number: int, account: int, release_place: int | None = None) -> bytes:
        """Witness for MARGIN."""
        before, after = self.states[number : number + 2]
        return margin(self.body, number, account, before, after, release_place)

    def answer(self, number: int, place: int, side: int, signed: Signed) -> bytes:
        """Message for UNAUTHORIZED."""
        return answer(self.body, number, place, side, signed, self.states[number + 1])


class Trials:
    """The provers of an exchange.

    Parameters
    ----------
    exchange : Exchange
        Its state is what the next batch begins with.
    """

    def __init__(self, exchange: Exchange):
        self.exchange = exchange
        self.chain = exchange.chain
        self.roles = exchange.roles
        self.registry = exchange.registry.functions
        contracts = exchange.deployment
        self.transition = contracts.contract("transition_prover")
        self.margin = contracts.contract("margin_prover")
        self.unauthorized = contracts.contract("unauthorized_prover")
        self.bond = contracts.question_bond

    # --- batches ----------------------------------------------------------------------------------

    def commit(
        self,
        *chunks: tuple[Sequence[Op], State],
        built_at: int | None = None,
        blobs: bool = False,
        extra: bytes = ZERO,
        behind: Sequence[int] = (),
    ) -> Case:
        """Commit chunks that state the roots of these states; in blobs, with more behind them."""
        exchange = self.exchange
        built = self.chain.now - 1 if built_at is None else built_at
        exchange.context.built_at = built
        states = (copy_state(exchange.state), *(copy_state(state) for _, state in chunks))
        words = [word for ops, state in chunks for word in pack_chunk(ops, state.root())]
        previous = exchange.head.header
        body: BlobBody | CalldataBody
        if blobs:
            body = BlobBody([*words, *behind])
            batch = exchange._commit_blobs(body, states[-1], built, extra, len(chunks))
        else:
            body = CalldataBody(words)
            batch = exchange._commit(words, states[-1], built, extra)
        exchange.state = copy_state(states[-1])
        return Case(batch.header, previous, batch.committed_at, body, states)

    def play(
        self,
        *chunks: Sequence[Op],
        blobs: bool = False,
        built_at: int | None = None,
        behind: Sequence[int] = (),
    ) -> Case:
        """Commit chunks whose transitions are right, whatever margin says."""
        built = self.chain.now - 1 if built_at is None else built_at
        context = replace(self.exchange.context, built_at=built)
        state, told = copy_state(self.exchange.state), []
        for ops in chunks:
            state.apply_ops(ops, context)
            told.append((ops, copy_state(state)))
        return self.commit(*told, built_at=built, blobs=blobs, behind=behind)

    # --- verdicts ---------------------------------------------------------------------------------

    def judged(self, prover: Any, case: Case, witness: bytes) -> tuple[Any, ...]:
        """What a prover finds: fault, chunk, place, challenger, root."""
        found: tuple[Any, ...] = self.chain.call(prover.functions.judge(*case.headers, witness))
        return found

    def convict(self, prover: Any, case: Case, witness: bytes) -> Receipt:
        call = self.registry.convict(prover.address, *case.headers, witness)
        receipt = self.chain.send(self.roles.prover, call)
        exchange = self.exchange
        del exchange.batches[case.header.id :]
        exchange.state = copy_state(case.states[0])
        return receipt

    # --- questions --------------------------------------------------------------------------------

    def asking(self, case: Case, number: int, place: int, side: int) -> Any:
        """The call with which a question is asked."""
        shown = opening(case.body, number, place)
        return self.unauthorized.functions.ask(case.headers[0], number, place, side, shown)

    def ask(
        self,
        case: Case,
        number: int = 0,
        place: int = 0,
        side: int = 0,
        *,
        sender: LocalAccount | None = None,
        value: int | None = None,
    ) -> Receipt:
        """The challenger asks, for the bond."""
        return self.chain.send(
            sender or self.roles.challenger,
            self.asking(case, number, place, side),
            value=self.bond if value is None else value,
        )

    def answering(self, case: Case, number: int, place: int, side: int, signed: Signed) -> Any:
        """The call with which a question is answered."""
        message = case.answer(number, place, side, signed)
        return self.unauthorized.functions.answer(case.headers[0], number, place, side, message)

    def answer(
        self,
        case: Case,
        number: int,
        place: int,
        side: int,
        signed: Signed,
        *,
        sender: LocalAccount | None = None,
    ) -> Receipt:
        call = self.answering(case, number, place, side, signed)
        return self.chain.send(sender or self.roles.operator, call)

    def reclaim(self, case: Case, number: int = 0, place: int = 0, side: int = 0) -> Receipt:
        """By somebody else than who asked."""
        call = self.unauthorized.functions.reclaim(case.headers[0], number, place, side)
        return self.chain.send(self.roles.outsider, call)

    def execute(self, case: Case, number: int = 0, place: int = 0, side: int = 0) -> Receipt:
        """Convict the batch by a question that nobody answered; by somebody else than who asked."""
        return self.convict(self.unauthorized, case, verdict(number, place, side))

    def question(
        self, case: Case, number: int = 0, place: int = 0, side: int = 0
    ) -> tuple[int, str, int, int]:
        """State, asker, askedAt, word."""
        batch_hash = case.header.batch_hash()
        call = self.unauthorized.functions.questionOf(batch_hash, number, place, side)
        found: tuple[int, str, int, int] = self.chain.call(call)
        return found

    def balance(self, address: str) -> int:
        """wei."""
        return balance(self.chain, address)

    def gas(self, receipt: Receipt) -> int:
        """Of a transaction that may pay its sender, and then misleads `Receipt.gas`."""
        return int(self.chain.w3.eth.get_transaction_receipt(receipt.hash)["gasUsed"])

    def spent(self, receipt: Receipt) -> int:
        """wei that a transaction's gas cost its sender."""
        block = self.chain.evm.get_canonical_block_header_by_number(receipt.block)
        return int(self.gas(receipt) * (block.base_fee_per_gas + TIP))

    def sign(self, signer: LocalAccount, message: Message) -> Signed:
        return Signed(message, self.exchange.sign(signer, message))
