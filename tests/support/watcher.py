"""Whoever follows an exchange by its logs and order files, finds the lie and proves it.

The shortest way from the logs to a conviction: no process, no checkpoint, no retry. What it knows
it has read; it never looks at what the operator kept.
"""

from __future__ import annotations

import copy
from typing import Any

from eth_account.signers.local import LocalAccount

from matcher.blobs.sources import Place, Sources
from matcher.chain.audit.records import NAMES, records_of
from matcher.chain.bodies import Bodies
from matcher.chain.deployment import Deployment
from matcher.chain.logs import LogReader, address_bytes
from matcher.reference import records as r
from matcher.reference.chain import Chain as Facts
from matcher.reference.header import BLOB
from matcher.reference.judge import Judge, Lie, Standing, Unsigned, Verdict, WrongMargin
from matcher.reference.openings import BlobBody, Body, CalldataBody
from matcher.reference.state import State
from matcher.reference.witness_margin import margin
from matcher.reference.witness_transition import transition
from matcher.reference.witness_unauthorized import opening
from matcher.reference.witness_unauthorized import verdict as unanswered
from tests.support.chain import Chain, Receipt
from tests.support.exchange import header_tuple


class Shelf:
    """Blobs that somebody has kept."""

    name = "shelf"

    def __init__(self) -> None:
        self.blobs: dict[bytes, bytes] = {}  # by versioned hash

    def put(self, body: BlobBody) -> None:
        self.blobs.update(zip(body.versioned_hashes, body.blobs, strict=True))

    def fetch(self, versioned_hash: bytes, place: Place) -> bytes | None:
        return self.blobs.get(versioned_hash)


class Watcher:
    """Reads from genesis on.

    Parameters
    ----------
    chain : Chain
    deployment : Deployment
    """

    def __init__(self, chain: Chain, deployment: Deployment):
        self.chain = chain
        self.deployment = deployment
        first = r.Deployed(
            windows=deployment.windows,
            deployed_at=deployment.genesis_built_at,
            chain_id=deployment.chain_id,
            registry=address_bytes(deployment.registry.address),
        )
        self.judge = Judge(Facts.of([first]))
        self.next_block = deployment.genesis_block
        self.shelf = Shelf()
        self.files: dict[int, bytes] = {}  # order files, by batch

    def clone(self) -> Watcher:
        """The same with a memory of its own."""
        twin = copy.copy(self)
        twin.files = dict(self.files)
        twin.judge = copy.copy(self.judge)
        twin.judge.state = self.judge.state.copy()
        twin.judge.standing = list(self.judge.standing)
        twin.judge.chain = copy.deepcopy(self.judge.chain)
        return twin

    # --- looking

    def shown(self, batch: int, file: bytes) -> None:
        """Learn an order file; of batches that are still to be looked at."""
        self.judge.chain.learn(r.OrderFilePublished(batch, file))
        self.files[batch] = file

    def look(self) -> list[Verdict]:
        """Read and judge what is new; verdicts on the batches among it that stand."""
        self.chain.mine()
        last = self.chain.height
        logs = LogReader(self.chain.w3, self.deployment).read(self.next_block, last, NAMES)
        self.next_block = last + 1
        news = list(records_of(logs, Bodies(Sources([self.shelf]))))
        for fact in news:
            self.judge.chain.learn(fact)
        found = {}
        for fact in news:
            if isinstance(fact, r.BatchCommitted):
                found[fact.header.id] = self.judge.judge(fact)
            elif isinstance(fact, r.BatchReverted):
                for batch in self.judge.revert(fact):
                    found.pop(batch.header.id, None)
        return list(found.values())

    def batch(self, number: int) -> Standing:
        found = self.judge.batch(number)
        assert found is not None, f"batch {number} does not stand"
        return found

    # --- proving

    def body(self, number: int) -> Body:
        """The words of a batch, to be opened."""
        batch = self.batch(number)
        return (BlobBody if batch.header.mode == BLOB else CalldataBody)(batch.words)

    def state_before(self, number: int, chunk: int) -> State:
        return self.judge.state_before(self.batch(number), chunk)

    def transition(self, number: int, chunk: int) -> bytes:
        """Witness of TRANSITION for a chunk; those before it are right."""
        context = self.judge.chain.context(self.batch(number).header.built_at)
        return transition(self.body(number), chunk, self.state_before(number, chunk), context)

    def margin(self, number: int, chunk: int, account: int, release: int | None = None) -> bytes:
        """Witness of MARGIN for an account; the chunk and those before it follow."""
        before = self.state_before(number, chunk)
        after = self.state_before(number, chunk + 1)
        return margin(self.body(number), chunk, account, before, after, release)

    def reclaim(self, sender: LocalAccount, batch: Standing, lie: Unsigned) -> Receipt:
        """Take back the bond of a question that died with its batch."""
        prover = self.deployment.contract("unauthorized_prover")
        call = prover.functions.reclaim(header_tuple(batch.header), lie.chunk, lie.place, lie.side)
        return self.chain.send(sender, call)

    def convict(self, sender: LocalAccount, number: int, lie: Lie) -> Receipt:
        """Prove a lie about a batch, whatever it takes; the receipt of the conviction."""
        if isinstance(lie, Unsigned):
            self.ask(sender, number, lie)
            self.chain.travel(self.deployment.windows.answer + 1)
            return self.send(sender, "unauthorized_prover", number, unanswered_witness(lie))
        if isinstance(lie, WrongMargin):
            witness = self.margin(number, lie.chunk, lie.account, lie.release_place)
            return self.send(sender, "margin_prover", number, witness)
        return self.send(sender, "transition_prover", number, self.transition(number, lie.chunk))

    def send(self, sender: LocalAccount, prover: str, number: int, witness: bytes) -> Receipt:
        """Convict by one prover and witness."""
        return self.chain.send(sender, self.conviction(prover, number, witness))

    def conviction(self, prover: str, number: int, witness: bytes) -> Any:
        """The call that convicts."""
        batch = self.batch(number)
        return self.deployment.registry.functions.convict(
            self.deployment.addresses[prover],
            header_tuple(batch.header),
            header_tuple(batch.parent),
            witness,
        )

    def ask(self, sender: LocalAccount, number: int, lie: Unsigned) -> Receipt:
        """Ask who signed a side of an op."""
        batch = self.batch(number)
        prover = self.deployment.contract("unauthorized_prover")
        word = opening(self.body(number), lie.chunk, lie.place)
        call = prover.functions.ask(
            header_tuple(batch.header), lie.chunk, lie.place, lie.side, word
        )
        return self.chain.send(sender, call, value=self.deployment.question_bond)


def unanswered_witness(lie: Unsigned) -> bytes:
    """Witness of UNAUTHORIZED once the time to answer has passed."""
    return unanswered(lie.chunk, lie.place, lie.side)
