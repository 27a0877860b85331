"""TRANSITION on chunks of larger batches, in both modes, and through the registry."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from matcher.reference.context import Context
from matcher.reference.header import parent_of
from matcher.reference.leaf import leaf_hash
from matcher.reference.openings import BlobBody, CalldataBody
from matcher.reference.state import State
from matcher.reference.tree import keccak
from matcher.reference.words import Credit, Fill, Op, Transfer, Withdraw, pack_chunk, root_words
from matcher.types import CHUNK_WORDS
from tests.support.chain import Reverted, reverts
from tests.support.decree import Fault
from tests.support.exchange import TOKENS, Exchange, account_with, header_tuple, state_of
from tests.support.judging import WHOLE, Case, Court, Verdict, case, honest_words

TICKS = 5 * TOKENS // 100


@pytest.fixture(scope="module")
def scene(shared_exchange: Exchange) -> Iterator[Exchange]:
    """Accounts 2 to 4; batches open now."""
    with shared_exchange.chain.passing():
        exchange = shared_exchange.clone()
        for trader in (exchange.roles.maker, exchange.roles.taker, exchange.roles.outsider):
            exchange.open(trader)
        exchange.context.built_at = exchange.chain.now
        yield exchange


@pytest.fixture
def court(scene: Exchange) -> Court:
    return Court(scene)


@pytest.fixture
def facts(scene: Exchange) -> Context:
    return scene.context


def states(facts: Context, *chunks: list[Op]) -> tuple[list[int], list[State]]:
    """Honest words of these chunks, and the state before each."""
    state = state_of({2: account_with(cash=10**9, i1=4), 3: account_with(cash=10**9, i1=-4)})
    words: list[int] = []
    before = []
    for ops in chunks:
        before.append(state_of(state.accounts))
        words += honest_words(ops, state, facts)
        state.apply_ops(ops, facts)
    return words, before


def fill(lots: int, order: int) -> Fill:
    return Fill(0, 2, 3, 2, TICKS, lots, order, order)


CHUNKS: list[list[Op]] = [[fill(1, 1)], [fill(2, 2), Transfer(2, 4, 7, 9)], [Withdraw(4, 1, 3)]]


@pytest.mark.parametrize("in_blobs", [False, True], ids=["calldata", "blobs"])
def test_transition_of_each_chunk_begins_where_the_one_before_ended(
    court: Court, facts: Context, in_blobs: bool
) -> None:
    words, before = states(facts, *CHUNKS)
    for number, state in enumerate(before):
        one = case(words, state, facts, number=number, in_blobs=in_blobs)
        after = words[CHUNK_WORDS * number + WHOLE : CHUNK_WORDS * (number + 1)]
        found = court.judge(one)
        assert found.fault == Fault.NONE
        assert (found.chunk, root_words(found.root)) == (number, after)


@pytest.mark.parametrize("in_blobs", [False, True], ids=["calldata", "blobs"])
def test_transition_of_a_lie_is_found_in_either_mode(
    court: Court, facts: Context, in_blobs: bool
) -> None:
    words, before = states(facts, *CHUNKS)
    wrong_op, wrong_root, malformed = (list(words) for _ in range(3))
    wrong_op[CHUNK_WORDS + 1] = pack_chunk([Transfer(2, 2, 7, 9)], bytes(32))[0]
    wrong_root[2 * CHUNK_WORDS + 31] ^= 1 << 200
    malformed[CHUNK_WORDS + 5] = 1
    for lie, expected in (
        (wrong_op, Verdict(Fault.SAME_ACCOUNT, 1, 1)),
        (malformed, Verdict(Fault.MALFORMED_CHUNK, 1, 5)),
    ):
        assert court.judge(case(lie, before[1], facts, number=1, in_blobs=in_blobs)) == expected
    found = court.judge(case(wrong_root, before[2], facts, number=2, in_blobs=in_blobs))
    assert (found.fault, found.chunk, found.place) == (Fault.WRONG_ROOT, 2, WHOLE)


def test_transition_of_a_chunk_in_the_second_blob_is_opened_there(
    court: Court, facts: Context
) -> None:
    words, before = states(facts, *CHUNKS[:2])
    padded = words[:CHUNK_WORDS] * 129 + words[CHUNK_WORDS:]
    one = case(padded, before[1], facts, number=129, in_blobs=True)
    assert one.header.chunk_count == 130
    assert court.judge(one) == Verdict(
        Fault.NONE, 129, WHOLE, root=court.judge(case(words, before[1], facts, number=1)).root
    )
    lie = list(padded)
    lie[CHUNK_WORDS * 129] ^= 1 << 100  # one lot more
    found = court.judge(case(lie, before[1], facts, number=129, in_blobs=True))
    assert (found.fault, found.chunk) == (Fault.WRONG_ROOT, 129)


def test_transition_of_other_words_than_the_blob_s_is_refused(court: Court, facts: Context) -> None:
    words, before = states(facts, *CHUNKS)
    one = case(words, before[1], facts, number=1, in_blobs=True)
    hashes, body = 32, BlobBody(words)
    chunk_at = hashes + 2 + len(body.root(0))
    assert one.witness[chunk_at:].startswith(body.chunk(1))

    def refused(place: int) -> str:
        spoiled = bytearray(one.witness)
        spoiled[place] ^= 1
        with pytest.raises(Reverted) as caught:
            court.judge(replace(one, witness=bytes(spoiled)))
        return caught.value.revert.name

    assert refused(0) == "BlobsMismatch"
    for place in (
        hashes + 2 + 3,  # commitment beside the root
        hashes + 2 + 48 + 20,  # word 30 of the chunk before
        hashes + 2 + 48 + 32 + 3,  # and its proof
        chunk_at + 3,
        chunk_at + 48 + 31,  # word 0
        chunk_at + 48 + 80 * 17 + 10,  # word 17
        chunk_at + 48 + 80 * 31 + 32 + 40,  # proof of word 31
    ):
        assert refused(place) == "WordNotInBlob", place


def test_transition_of_a_chunk_that_is_not_there_is_refused(court: Court, facts: Context) -> None:
    words, before = states(facts, *CHUNKS)
    one = case(words, before[0], facts)
    for number in (3, 4, 0xFFFF):
        beyond = replace(one, witness=number.to_bytes(2, "big") + one.witness[2:])
        with pytest.raises(Reverted) as caught:
            court.judge(beyond)
        assert caught.value.revert.name in ("ChunkUnknown", "WordsNotInBatch")


def test_transition_after_a_chunk_without_a_root_is_refused_but_that_chunk_convicts(
    court: Court, facts: Context
) -> None:
    words, before = states(facts, *CHUNKS)
    words[CHUNK_WORDS - 1] = 5
    after = case(words, before[1], facts, number=1)
    with reverts("RootMissing", words[CHUNK_WORDS - 2], 5):
        court.judge(after)
    first = case(words, before[0], facts)
    assert court.judge(first) == Verdict(Fault.MALFORMED_CHUNK, 0, 31)


def test_transition_of_an_account_that_comes_thirty_times_is_shown_thirty_times(
    court: Court, facts: Context
) -> None:
    ops: list[Op] = [Transfer(2 + i % 2, 3 - i % 2, 1 + i, 50 + i) for i in range(30)]
    words, before = states(facts, ops)
    assert court.judge(case(words, before[0], facts)).fault == Fault.NONE


def test_transition_from_a_state_that_holds_no_leaf_is_refused(
    court: Court, facts: Context
) -> None:
    """The root before it is an older lie, which convicts the chunk that states it."""
    state = state_of({2: account_with(cash=5)})
    words = honest_words([], state, facts)
    words[0] = pack_chunk([Withdraw(2, 1, 3)], bytes(32))[0]
    leaf = [5 << 192 | 2 << 40, 0, 7 << 232 | 1 << 192 | 7 << 168 | 1 << 128]  # twice instrument 7
    state.tree.set(2, leaf_hash(leaf))
    one = case(words, state, facts)
    head = len(CalldataBody(words).chunk(0)) + 2
    shown = b"".join(word.to_bytes(32, "big") for word in leaf)
    path = state.tree.path(2)
    witness = one.witness[:head] + path.present.to_bytes(3, "big") + shown + b"".join(path.siblings)
    with reverts("InvalidPosition", 1, 7, 7, 1):
        court.judge(replace(one, witness=witness + bytes(34)))


# --- through the registry -------------------------------------------------------------------------


def convict(exchange: Exchange, one: Case):
    prover = exchange.deployment.addresses["transition_prover"]
    call = exchange.registry.functions.convict(
        prover, header_tuple(one.header), header_tuple(one.previous), one.witness
    )
    return exchange.chain.send(exchange.roles.outsider, call)


def test_convict_of_a_credit_that_nobody_deposited_restores_the_state(exchange: Exchange) -> None:
    """The whole way: a batch on chain, its words, and a proof from them alone."""
    maker = exchange.open(exchange.roles.maker)
    honest = exchange.credit(maker)
    lie = Credit(maker, 1)
    state = state_of({maker: account_with(cash=1000 * TOKENS + 1, credited=1000 * TOKENS + 1)})
    words = pack_chunk([lie], state.root())
    exchange.context.built_at = exchange.chain.now - 1
    batch = exchange._commit(words, state, exchange.context.built_at, bytes(32))
    assert batch.header.parent == parent_of(honest.header.batch_hash())

    proof = case(words, honest.state, exchange.context)
    receipt = convict(exchange, replace(proof, header=batch.header, previous=honest.header))
    assert receipt.event("BatchConvicted") == {
        "id": batch.header.id,
        "prover": exchange.deployment.addresses["transition_prover"],
        "fault": Fault.OVER_CREDITED,
        "chunk": 0,
        "place": 0,
    }
    head, *_ = exchange.chain.call(exchange.registry.functions.head())
    assert head == honest.header.id


def test_convict_of_an_honest_batch_finds_nothing(exchange: Exchange) -> None:
    maker = exchange.open(exchange.roles.maker)
    first = exchange.credit(maker)
    before = first.state
    batch = exchange.commit([Withdraw(maker, 5, 1)], [Withdraw(maker, 6, 2)])
    middle = state_of(before.accounts)
    middle.apply_ops([Withdraw(maker, 5, 1)], exchange.context)
    for number, state in enumerate((before, middle)):
        one = case(batch.words, state, exchange.context, number=number)
        real = replace(one, header=batch.header, previous=first.header)
        stated = batch.words[CHUNK_WORDS * number + WHOLE : CHUNK_WORDS * (number + 1)]
        root = court_root(exchange, real)
        assert root_words(root) == list(stated)
        with reverts("NotGuilty", batch.header.id, number, root):
            convict(exchange, real)


def court_root(exchange: Exchange, one: Case) -> bytes:
    found = Court(exchange).judge(one)
    assert found.fault == Fault.NONE
    return found.root


def test_convict_of_another_previous_batch_is_refused(exchange: Exchange) -> None:
    """What chunk 0 begins with is the registry's to check."""
    maker = exchange.open(exchange.roles.maker)
    first = exchange.credit(maker)
    batch = exchange.commit([Withdraw(maker, 5, 1)])
    one = case(batch.words, State(), exchange.context)
    forged = replace(first.header, state_root=keccak(b"a state that makes it a lie"))
    real = replace(one, header=batch.header, previous=forged)
    with reverts("PreviousMismatch", first.header.id, forged.batch_hash()):
        convict(exchange, real)
