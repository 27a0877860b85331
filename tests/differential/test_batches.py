"""Words, roots, headers, order files and proofs are those of the reference model."""

import json
import os
from collections.abc import Iterable, Iterator
from itertools import chain
from random import Random

import numpy as np
import pytest

from matcher import commands as c
from matcher import events as e
from matcher.batch import genesis
from matcher.errors import ChainError, JournalError
from matcher.exchange import Exchange as Engine
from matcher.kernel.exchange import Matching
from matcher.kernel.layout import COMMAND
from matcher.lines import Encoder
from matcher.merkle import leaf_hash
from matcher.names import Names
from matcher.reference import batching, header
from matcher.reference.exchange import Exchange
from matcher.reference.leaf import leaf_words
from matcher.reference.tree import Path, root_from
from matcher.settlement.batcher import Batch, Batcher
from matcher.settlement.redate import RedateError
from matcher.types import ACCOUNT_TREE_DEPTH, CHUNK_WORDS, SLOT_TREE_DEPTH
from tests.support.streams import random_stream
from tests.support.street import START, WINDOWS

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
RUNS = [(seed, limit) for seed in range(40 if FUZZ else 1) for limit in (100, 1, 2)]
LENGTH = 10_000 if FUZZ else 2_500
DEPLOYED = START - 1000


class Twins:
    """Engine and batcher, the reference's exchange and batcher, told the same."""

    def __init__(self, chunk_limit: int):
        self.engine = Engine(WINDOWS)
        self.batcher = Batcher(genesis(DEPLOYED), WINDOWS, operator=3, max_chunks=chunk_limit)
        self.model = Exchange(WINDOWS)
        self.judge = batching.Batcher(header.genesis(DEPLOYED), 3, chunk_limit)
        self.ours: list[Batch] = []
        self.theirs: list[batching.Batch] = []
        self._happened: list[e.Event] = []

    def run(self, seed: int) -> None:
        for command in chain(random_stream(seed, LENGTH), [c.CloseBatch()]):
            try:
                events = self.engine.apply(command)
            except ChainError:
                continue
            self.ours += self.batcher.add(command, events)
            self._happened += self.model.apply(command)
            if any(isinstance(event, e.BatchClosed) for event in events):
                self.theirs += self.judge.close(self._happened, self.model.floor.context)
                self._happened = []


@pytest.mark.parametrize(("seed", "chunk_limit"), RUNS)
def test_batches_of_a_random_stream_equal_the_reference(seed: int, chunk_limit: int) -> None:
    twins = Twins(chunk_limit)
    twins.run(seed)
    assert len(twins.ours) == len(twins.theirs) > 10
    for ours, theirs in zip(twins.ours, twins.theirs, strict=True):
        assert ours.header == theirs.header.encode()
        assert ours.words == b"".join(word.to_bytes(32, "big") for word in theirs.words)
        assert ours.order_file == theirs.order_file
        assert ours.hash == theirs.header.batch_hash()
        ours.check()


def test_proofs_of_every_kept_batch_verify_with_the_reference() -> None:
    twins = Twins(2)
    twins.run(7)
    batcher, state = twins.batcher, twins.judge.state
    for batch in twins.ours:
        fields = batch.fields
        for account in (0, 1, 2, 5, 9, (1 << 24) - 1):
            words, path = batcher.account_proof(batch.id, account)
            leaf = leaf_hash(b"".join(words))
            assert root_from(leaf, account, Path(*path), ACCOUNT_TREE_DEPTH) == fields.state_root
        depth = 5 + max(0, fields.chunk_count - 1).bit_length()
        for index in range(0, fields.chunk_count * CHUNK_WORDS, 7):
            word, path = batcher.word_proof(batch.id, index)
            assert word == batch.word(index)
            assert root_from(word, index, Path(*path), depth) == fields.chunks_root
    last = twins.ours[-1].id
    for account in sorted(state.accounts):
        words, _ = batcher.account_proof(last, account)
        expected = leaf_words(state.account(account))
        assert [int.from_bytes(word, "big") for word in words] == (
            expected if any(expected) else []
        )
        for slot in list(state.account(account).slots.used)[:4]:
            word, path = batcher.slot_proof(last, account, slot)
            root = root_from(word, slot // 4, Path(*path), SLOT_TREE_DEPTH)
            assert root == words[1]
            quarter = int.from_bytes(word, "big") >> 64 * (3 - slot % 4) & (1 << 64) - 1
            used = state.account(account).slots[slot]
            assert (quarter >> 32, quarter & 0xFFFFFFFF) == (used.generation, used.filled)


def revived(batcher: Batcher) -> Batcher:
    """A new batcher that was shown what a snapshot would keep of another."""
    fresh = Batcher(genesis(DEPLOYED), WINDOWS, 3, max_chunks=2)
    parts = batcher.dump()
    for part in parts.values():
        if isinstance(part, np.ndarray):
            part.flags.writeable = False
    fresh.load(parts)
    return fresh


def limited(stream: Iterable[c.Command]) -> Iterator[c.Command]:
    """A stream in which batches are now let be larger, now smaller, wherever it is."""
    for number, command in enumerate(stream):
        yield command
        if number % 60 == 30:
            yield c.BatchLimited(1 + number // 60 % 2, 1)


def test_batches_from_the_kernels_lines_and_events_are_those_from_objects() -> None:
    """Told in pieces of any size, as a process reads that follows the journal.

    Both batchers are dumped and loaded now and then, in the middle of batches and of chunks.
    """
    engine, encoder = Engine(WINDOWS), Encoder(Names(WINDOWS.lag))
    kernel = Matching(lag=WINDOWS.lag)
    ours, theirs = (Batcher(genesis(DEPLOYED), WINDOWS, 3, max_chunks=2) for _ in range(2))
    made: tuple[list[Batch], list[Batch]] = ([], [])
    lines: list[bytes] = []
    random = Random(5)
    begun = set()
    for command in chain(limited(random_stream(11, LENGTH)), [c.CloseBatch()]):
        try:
            encoded = encoder.encode(command)
            events = engine.apply(command)
        except (ChainError, JournalError):
            continue
        made[0].extend(theirs.add(command, events))
        lines.append(encoded)
        if random.random() < 0.02 or isinstance(command, c.CloseBatch):
            told = np.frombuffer(b"".join(lines), COMMAND).copy()
            ends = np.zeros(len(lines), np.int64)
            answered = kernel.run(told, ends)
            made[1].extend(ours.add_events(told, ends, answered))
            lines = []
            if random.random() < 0.3:
                begun.add(ours.pending_ops % 30 > 0)
                ours, theirs = revived(ours), revived(theirs)
    assert begun == {False, True}
    assert len(made[0]) > 10
    assert {batch.chunk_count for batch in made[0]} == {1, 2}
    assert [b.header.hex() for b in made[0]] == [b.header.hex() for b in made[1]]
    assert made[0] == made[1]
    assert {m["type"] for b in made[1] for m in json.loads(b.order_file)["messages"]} == {
        "Order",
        "Withdrawal",
        "Transfer",
    }
    assert len(ours._stream) == kernel.live > 0
    for batch in made[0]:
        for account in (0, 2, 5):
            assert ours.account_proof(batch.id, account) == theirs.account_proof(batch.id, account)
            assert ours.slot_proof(batch.id, account, 3) == theirs.slot_proof(batch.id, account, 3)
        assert ours.word_proof(batch.id, 31) == theirs.word_proof(batch.id, 31)
    last = made[1][-1]
    assert ours.redate(last.id, last.built_at) == theirs.redate(last.id, last.built_at) == [last]
    with pytest.raises(RedateError) as our_reasons:
        ours.redate(1, last.built_at)
    with pytest.raises(RedateError) as their_reasons:
        theirs.redate(1, last.built_at)
    assert str(our_reasons.value) == str(their_reasons.value)
