"""Honest tapes are sound; every lie planted in one is found, and named."""

import copy
from dataclasses import replace

import pytest

from matcher.reference import records as r
from matcher.reference import words as w
from matcher.reference.chain import Chain
from matcher.reference.header import Header
from matcher.reference.orderfile import decode, encode, file_hash
from matcher.reference.replay import Audit, Auditor, replay
from matcher.reference.tree import words_root
from tests.support.streams import random_stream
from tests.support.street import WINDOWS
from tests.support.tape import Tape

SEED = 4


@pytest.fixture(scope="module")
def honest() -> Tape:
    tape = Tape(chunk_limit=2).run(random_stream(SEED, 2500))
    tape.claim_everything()
    return tape


@pytest.fixture
def tape(honest) -> Tape:
    """The honest tape, to be spoiled."""
    twin = copy.copy(honest)
    twin.records = list(honest.records)
    return twin


def laws(audit: Audit) -> set[str]:
    return {finding.lie for finding in audit.broken}


def lies(audit: Audit, batch: int) -> set[str]:
    (verdict,) = (v for v in audit.verdicts if v.id == batch)
    return {finding.lie for finding in verdict.findings}


def last_batch_with(tape: Tape, kind: type[w.Op], nth: int = 0) -> tuple[int, int, w.Op]:
    """(place, index of the word, op) of the first op of a kind in the last batch that has one."""
    for place in reversed(tape.places(r.BatchCommitted)):
        batch = tape.records[place]
        found = [
            (place, index, w.unpack(word))
            for index, word in enumerate(batch.words)
            if isinstance(w.unpack(word), kind)
        ]
        if len(found) > nth:
            return found[nth]
    raise AssertionError(f"no {kind.__name__} in the stream")


def recommit(tape: Tape, place: int, words: list[int], **terms: object) -> int:
    """Commit other words in a batch's place, as a lying operator would; drop what came after."""
    batch = tape.records[place]
    header = replace(batch.header, chunks_root=words_root(words), **terms)
    tape.records[place] = r.BatchCommitted(header, header.batch_hash(), tuple(words), batch.at)
    tape.records = [
        fact
        for at, fact in enumerate(tape.records)
        if at <= place or not isinstance(fact, r.BatchCommitted | r.Claimed)
    ]
    return header.id


def rerooted(tape: Tape, place: int, words: list[int]) -> dict[str, object]:
    """Put the roots that follow into the words, ops being valid; the header's stateRoot."""
    before = tape.records[:place]
    files = [fact for fact in tape.records if isinstance(fact, r.OrderFilePublished)]
    facts = [f for f in tape.records[place:] if not isinstance(f, r.BatchCommitted | r.Claimed)]
    auditor = Auditor(Chain.of(before + files + facts))
    for fact in before:
        auditor.take(fact)
    context = auditor.chain.context(tape.records[place].header.built_at)
    for start in range(0, len(words), 32):
        ops = [w.unpack(word) for word in words[start : start + 30]]
        words[start : start + 32] = w.pack_chunk(ops, auditor.state.apply_ops(ops, context))
    return {"state_root": auditor.state.root()}


def test_honest_tape_is_sound_and_ends_in_the_exchanges_state(honest):
    audit = replay(honest.records)
    assert audit.sound
    assert audit.unpublished == []
    assert audit.state_root == honest.batcher.state.root()
    assert (audit.head, audit.claimed) == (honest.batcher.head, audit.exited)
    assert audit.owed == audit.vault_balance == audit.deposited - audit.claimed
    assert sum(v.fills for v in audit.verdicts) > 100


def test_tape_with_one_op_changed_does_not_follow(tape):
    place, index, fill = last_batch_with(tape, w.Fill)
    words = list(tape.records[place].words)
    words[index] = w.pack(replace(fill, tick=fill.tick + 1))
    audit = replay(tape.tampered(place, words=tuple(words)))
    batch = tape.records[place].header.id
    assert lies(audit, batch) >= {"HEADER", "TRANSITION"}
    recommit(tape, place, words)
    assert lies(replay(tape.records), batch) == {"TRANSITION"}


def test_tape_with_a_malformed_word_convicts(tape):
    place, index, _ = last_batch_with(tape, w.Fill)
    words = list(tape.records[place].words)
    words[index] |= 1 << 239
    batch = recommit(tape, place, words)
    assert "TRANSITION" in lies(replay(tape.records), batch)
    assert "S8" in laws(replay(tape.records))


def test_tape_with_a_fill_outside_its_limit_is_unauthorized(tape):
    place, index, fill = last_batch_with(tape, w.Fill)
    words = list(tape.records[place].words)
    words[index] = w.pack(replace(fill, tick=fill.tick + 1))
    batch = recommit(tape, place, words, **rerooted(tape, place, words))
    audit = replay(tape.records)
    assert lies(audit, batch) == {"UNAUTHORIZED"}
    assert laws(audit) == {"S4"}


def test_tape_with_a_withdrawal_of_more_than_was_signed_is_unauthorized(tape):
    place, index, op = last_batch_with(tape, w.Withdraw)
    words = list(tape.records[place].words)
    words[index] = w.pack(replace(op, amount=op.amount + 1))
    batch = recommit(tape, place, words, **rerooted(tape, place, words))
    assert "UNAUTHORIZED" in lies(replay(tape.records), batch)


def test_tape_whose_file_lacks_a_message_is_unauthorized(tape):
    place, _, _ = last_batch_with(tape, w.Fill)
    batch = tape.records[place]
    (file,) = (
        at for at in tape.places(r.OrderFilePublished) if tape.records[at].batch == batch.header.id
    )
    number, used = decode(tape.records[file].data)
    shorter = encode(number, used[1:])
    tape.records[file] = r.OrderFilePublished(number, shorter)
    recommit(tape, place, list(batch.words), extra=file_hash(shorter))
    assert lies(replay(tape.records), number) == {"UNAUTHORIZED"}
    del tape.records[file]
    assert replay(tape.records).unpublished == [number]


def test_tape_that_credits_what_nobody_deposited_convicts(tape):
    place, index, op = last_batch_with(tape, w.Credit)
    words = list(tape.records[place].words)
    words[index] = w.pack(replace(op, amount=1 << 55))
    audit_of = recommit(tape, place, words)
    audit = replay(tape.records)
    (finding, *_) = [f for v in audit.verdicts if v.id == audit_of for f in v.findings]
    assert "OVER_CREDITED" in finding.what


@pytest.mark.parametrize("kept", [1, -1])
def test_tape_whose_release_is_not_everything_breaks_margin(tape, kept):
    place, index, op = last_batch_with(tape, w.Release)
    words = list(tape.records[place].words)
    words[index] = w.pack(replace(op, amount=max(0, op.amount - kept)))
    batch = recommit(tape, place, words, **rerooted(tape, place, words))
    audit = replay(tape.records)
    assert lies(audit, batch) == {"MARGIN"}
    assert laws(audit) == {"S5"}


@pytest.mark.parametrize(
    ("terms", "what"),
    [
        ({"id": 9999}, "id is not"),
        ({"parent": bytes(32)}, "parent is not the head"),
        ({"version": 2}, "version is not 1"),
        ({"mode": 2}, "mode is neither calldata nor blob"),
        ({"mode": 1}, "chunksRoot is not zero"),
        ({"blobs_hash": bytes([1] * 32)}, "blobsHash is not zero"),
        ({"chunk_count": 0}, "words are not 32"),
        ({"built_at": 5}, "builtAt is below the parent's"),
        ({"built_at": 1 << 39}, "builtAt is not before the commit"),
    ],
)
def test_header_the_contract_would_refuse_is_found(tape, terms, what):
    place = tape.places(r.BatchCommitted)[-1]
    header: Header = replace(tape.records[place].header, **terms)
    found = replay(tape.tampered(place, header=header, batch_hash=header.batch_hash()))
    assert any(f.lie == "HEADER" and what in f.what for f in found.verdicts[-1].findings)
    late = tape.records[place].header.built_at + WINDOWS.lag + 1
    assert not replay(tape.tampered(place, at=late)).sound
    assert not replay(tape.tampered(place, batch_hash=bytes(32))).sound


def test_reverted_batches_leave_the_state_before_them(tape):
    places = tape.places(r.BatchCommitted)
    place = places[-3]
    cut = [fact for fact in tape.records if not isinstance(fact, r.Claimed)]
    until = cut.index(tape.records[place])
    facts = [f for f in cut[until:] if not isinstance(f, r.BatchCommitted)]
    before = replay(cut[:until] + facts)
    header = tape.records[place].header
    revert = r.BatchReverted(header.id, header.batch_hash(), 1 << 39)
    after = replay([*cut, revert])
    assert [v.reverted for v in after.verdicts[-4:]] == [False, True, True, True]
    assert after.sound
    assert (after.head, after.state_root) == (before.head, before.state_root)
    assert (after.cash, after.exited, after.owed) == (before.cash, before.exited, before.owed)
    again = replay([*cut, revert, *[tape.records[p] for p in places[-3:]]])
    assert again.state_root == tape.batcher.state.root()


def test_revert_of_what_does_not_stand_is_found(tape):
    assert laws(replay([*tape.records, r.BatchReverted(9999, bytes(32), 1 << 39)])) == {"S9"}


def test_claims_beyond_what_is_final_are_found(tape):
    place = tape.places(r.Claimed)[0]
    claim = tape.records[place]
    again = replace(claim, claimed=2 * claim.amount)
    assert laws(replay([*tape.records, again])) == {"S6"}
    assert laws(replay(tape.tampered(place, claimed=claim.claimed + 1))) == {"S6"}
    last = tape.records[tape.places(r.BatchCommitted)[-1]].at
    early = tape.tampered(place, at=last - 1)
    if replay(early).sound:  # an older batch had let it out already
        early = tape.tampered(place, at=0)
    assert laws(replay(early)) == {"S6"}


def test_vault_that_holds_less_than_it_owes_is_found(honest):
    owed = replay(honest.records).owed
    assert replay(honest.records, vault_balance=owed).sound
    assert laws(replay(honest.records, vault_balance=owed - 1)) == {"S1"}


def test_deposits_that_do_not_sum_to_their_counter_are_found(tape):
    place = tape.places(r.Deposited)[-1]
    assert "S1" in laws(replay(tape.tampered(place, amount=tape.records[place].amount + 1)))


def test_frozen_exchange_pays_the_head_at_its_worst_and_no_more(tape):
    at = tape.exchange.floor.now + 10 * WINDOWS.final_after
    claimed = {fact.account: fact.claimed for fact in tape.records if isinstance(fact, r.Claimed)}
    tape.records.append(r.Frozen(2, at))
    state, context = tape.batcher.state, tape.exchange.floor.context
    deposited = context.deposited
    for index in sorted(tape.exchange.floor.owners):
        account = state.account(index)
        due = account.exited + max(0, state.worst(index, context))
        due += deposited.get(index, 0) - account.credited
        if due > claimed.get(index, 0):
            tape.records.append(r.Claimed(index, due - claimed.get(index, 0), due, at))
    assert replay(tape.records).sound
    place = tape.places(r.Claimed)[-1]
    more = tape.records[place]
    greedy = tape.tampered(place, amount=more.amount + 1, claimed=more.claimed + 1)
    assert laws(replay(greedy)) == {"S6"}
