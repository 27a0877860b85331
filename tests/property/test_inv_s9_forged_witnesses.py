"""S9: an honest batch stands whatever is brought against it, however it was tampered with.

Authentic witnesses are damaged at random, exchanged among provers, chunks, accounts and batches,
and taken from other states. None of it convicts; what leads to another root reverts and says so.
"""

from __future__ import annotations

import os
import random
from dataclasses import replace

import pytest

from matcher.reference.header import Header
from matcher.reference.witness_margin import margin
from matcher.reference.witness_transition import transition
from tests.support.acquittal import MARGIN, TRANSITION, UNAUTHORIZED, Charge, charges, convict
from tests.support.chain import Reverted
from tests.support.exchange import account_with, header_tuple, state_of
from tests.support.liar import Liar, Told
from tests.support.stage import LEAVER, MAKER, TAKER, Stage

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
DAMAGES = 400 if FUZZ else 15  # of each witness
PROVERS = (TRANSITION, MARGIN, UNAUTHORIZED)


@pytest.fixture
def honest(stage: Stage) -> Told:
    """The honest batch, committed and looked at."""
    done = Liar.on(stage).tell()
    assert done.verdict().sound
    return done


def damaged(witness: bytes, chance: random.Random) -> bytes:
    """A witness with one thing wrong."""
    at = chance.randrange(len(witness))
    kind = chance.choice(("bit", "byte", "zero word", "cut", "short", "long", "twice", "swap"))
    if kind == "bit":
        return witness[:at] + bytes([witness[at] ^ 1 << chance.randrange(8)]) + witness[at + 1 :]
    if kind == "byte":
        return witness[:at] + chance.randbytes(1) + witness[at + 1 :]
    if kind == "zero word":
        return witness[:at] + bytes(32) + witness[at + 32 :]
    if kind == "cut":
        return witness[:at]
    if kind == "short":
        return witness[:at] + witness[at + chance.choice((1, 2, 3, 32)) :]
    if kind == "long":
        return witness[:at] + chance.randbytes(chance.choice((1, 2, 3, 32))) + witness[at:]
    if kind == "twice":
        return witness[:at] + witness[at - 32 : at] + witness[at:]
    other = chance.randrange(len(witness))
    low, high = sorted((at, other))
    return witness[:low] + witness[high:] + witness[low:high]


def test_inv_s9_damaged_witness_convicts_nobody(honest: Told) -> None:
    seen = set()
    for number, charge in enumerate(charges(honest)):
        chance = random.Random(number)
        for _ in range(DAMAGES):
            name, _ = convict(honest, charge.prover, damaged(charge.witness, chance))
            seen.add(name)
    # What is wrong is found where it is read, and what is not read is not missed.
    assert {"NotGuilty", "AccountNotInState", "WordsNotInBatch", "SlotsNotInAccount"} <= seen
    assert "" not in seen


def test_inv_s9_witness_for_another_prover_convicts_nobody(honest: Told) -> None:
    for charge in charges(honest):
        for prover in PROVERS:
            if prover != charge.prover:
                convict(honest, prover, charge.witness)


def test_inv_s9_question_never_asked_convicts_nobody(honest: Told) -> None:
    for chunk in range(4):
        for place in range(32):
            witness = bytes([0, chunk, place, place % 2])
            name, _ = convict(honest, UNAUTHORIZED, witness)
            assert name == "NotGuilty"


def test_inv_s9_chunk_executed_from_another_state_convicts_nobody(honest: Told) -> None:
    """Of a later chunk, and of a state that never was: the accounts are not in it."""
    watcher, number = honest.stage.watcher, honest.batch.header.id
    body, context = watcher.body(number), honest.stage.x.context
    rich = state_of({index: account_with(cash=10**12) for index in (0, *range(2, 7))})
    for state in (watcher.state_before(number, 1), rich):
        name, _ = convict(honest, TRANSITION, transition(body, 0, state, context))
        assert name == "AccountNotInState"


def test_inv_s9_margin_of_states_exchanged_convicts_nobody(honest: Told) -> None:
    """Before for after, and those of another chunk."""
    watcher, number = honest.stage.watcher, honest.batch.header.id
    body = watcher.body(number)
    states = [watcher.state_before(number, chunk) for chunk in range(4)]
    for account in (MAKER, TAKER, LEAVER):
        for chunk in range(3):
            for before in states:
                for after in states:
                    right = after is states[chunk + 1]
                    witness = margin(body, chunk, account, before, after, None)
                    name, _ = convict(honest, MARGIN, witness)
                    unchanged = after.account(account) == states[chunk + 1].account(account)
                    if not right and not unchanged:
                        assert name == "AccountNotInState"


def test_inv_s9_headers_that_are_not_the_ring_s_convict_nobody(honest: Told) -> None:
    """Another previous header, another state root in it, another time: none is in the ring."""
    x, watcher = honest.stage.x, honest.stage.watcher
    batch = watcher.batch(honest.batch.header.id)
    forged: list[tuple[Header, Header]] = [
        (replace(batch.header, state_root=bytes(32)), batch.parent),
        (replace(batch.header, built_at=batch.header.built_at - 1), batch.parent),
        (replace(batch.header, chunk_count=2), batch.parent),
        (replace(batch.header, operator=9), batch.parent),
        (batch.header, replace(batch.parent, state_root=bytes(32))),
        (batch.header, x.batches[-3].header),
        (batch.header, batch.header),
        (batch.parent, x.batches[-3].header),
    ]
    some: Charge = next(charges(honest))
    for header, previous in forged:
        call = x.registry.functions.convict(
            x.deployment.addresses[some.prover],
            header_tuple(header),
            header_tuple(previous),
            some.witness,
        )
        with pytest.raises(Reverted) as caught:
            x.chain.call(call, x.roles.challenger)
        assert caught.value.revert.name in (
            "BatchNotCommitted",
            "PreviousMismatch",
            "WordsNotInBatch",
            "BatchIsFinal",
        )


def test_inv_s9_words_behind_the_batch_are_not_opened(honest: Told) -> None:
    """A chunk or a word that the batch does not have, of the tree's padding or beyond it."""
    watcher, number = honest.stage.watcher, honest.batch.header.id
    witness = bytearray(watcher.transition(number, 2))
    for chunk in (3, 4, 0xFFFF):
        witness[:2] = chunk.to_bytes(2, "big")
        name, args = convict(honest, TRANSITION, bytes(witness))
        assert name in ("ChunkUnknown", "WordsNotInBatch")
    padding = watcher.body(number).begin() + (3).to_bytes(2, "big") + bytes(4000)
    name, args = convict(honest, TRANSITION, padding)
    assert name in ("WordsNotInBatch", "ChunkUnknown"), args
