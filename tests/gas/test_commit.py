"""What a commit costs: whole transactions, cold, in calldata mode."""

import random

import pytest

from matcher.reference.header import ring_word
from matcher.reference.tree import keccak, words_root
from matcher.reference.words import CHUNK_OPS, Fill, pack, pack_chunk
from tests.gas.meter import Measured, measure, still
from tests.gas.snapshot import Snapshot
from tests.support.chain import Reverted
from tests.support.exchange import Exchange
from tests.support.registry import write_slots

FULL = 100  # chunks
PER_FILL = 960  # gas, the limit
ACCOUNTS = 100_000
INSTRUMENTS = 1000


def fills(chunks: int, seed: str = "fills") -> list[int]:
    """Words of a batch full of fills as a busy exchange makes them.

    Any two of 100,000 accounts, a thousand instruments, prices of up to 16 bits in ticks, sizes of
    up to 10 bits in lots; order ids of low generations: a taker has used its slots some hundred
    times, a maker some thousand.
    """
    rng = random.Random(seed)
    words: list[int] = []
    for _ in range(chunks):
        words += pack_chunk([fill(rng) for _ in range(CHUNK_OPS)], rng.randbytes(32))
    return words


def fill(rng: random.Random) -> Fill:
    return Fill(
        flags=rng.getrandbits(1),
        taker=rng.randrange(2, ACCOUNTS),
        maker=rng.randrange(2, ACCOUNTS),
        instrument=rng.randint(1, INSTRUMENTS),
        tick=rng.randint(1, (1 << 16) - 1),
        lots=rng.randint(1, (1 << 10) - 1),
        taker_order=rng.randrange(4096) + 4096 * rng.randint(0, 300),
        maker_order=rng.randrange(4096) + 4096 * rng.randint(0, 3000),
    )


def commit(exchange: Exchange, words: list[int]) -> Measured:
    chain = exchange.chain
    still(chain)
    anchor = chain.height
    call = exchange.registry.functions.commit(
        chain.now - 1,
        exchange.parent,
        anchor,
        chain.block_hash(anchor),
        keccak(b"order file"),
        words,
    )
    return measure(chain, exchange.roles.operator, call)


@pytest.fixture
def after_lap(exchange: Exchange) -> Exchange:
    """An exchange whose ring was filled once: the next two places hold old, final batches.

    The places are found by watching where a commit writes.
    """
    first = commit(exchange, fills(1, "first"))
    place = max(write.slot for write in first.writes)  # the ring stands behind the head
    old = [
        int.from_bytes(
            ring_word(keccak(b"old %d" % i), exchange.deployment.genesis_built_at), "big"
        )
        for i in range(2)
    ]
    exchange.chain.travel(exchange.windows.final_after + 1)
    write_slots(exchange.chain, exchange.registry.address, {place + 1: old[0], place + 2: old[1]})
    for ahead, word in enumerate(old):
        found = exchange.chain.call(exchange.registry.functions.ringWord(2 + ahead))
        assert int.from_bytes(found, "big") == word
    return exchange


def test_commit_full_batch_after_first_lap_costs_the_floor_and_reuses_two_words(
    after_lap: Exchange, snapshot: Snapshot
) -> None:
    words = fills(FULL)
    measured = commit(after_lap, words)
    assert measured.receipt.event("BatchCommitted")["header"][2] == words_root(words)
    assert measured.receipt.event("BatchBody")["words"] == tuple(words)

    snapshot.check("full batch", measured, limit=PER_FILL * CHUNK_OPS * FULL)
    assert measured.execution < measured.floor == measured.gas
    assert len({write.slot for write in measured.writes}) == len(measured.writes) == 2
    for write in measured.writes:
        assert write.address == after_lap.registry.address.lower()
        assert write.original != 0
        assert write.before == write.original
        assert write.after not in (0, write.original)


def test_commit_full_batch_in_first_lap_takes_one_new_word(
    exchange: Exchange, snapshot: Snapshot
) -> None:
    measured = commit(exchange, fills(FULL))
    snapshot.check("full batch, first lap", measured, limit=PER_FILL * CHUNK_OPS * FULL)
    assert len(measured.writes) == 2
    assert measured.new_slots == 1


@pytest.mark.parametrize("chunks", [1, 2, 10])
def test_commit_small_batch_costs_little_more_than_its_words(
    after_lap: Exchange, snapshot: Snapshot, chunks: int
) -> None:
    measured = commit(after_lap, fills(chunks))
    limit = 60_000 + PER_FILL * CHUNK_OPS * chunks
    snapshot.check(f"batch of {chunks} chunks", measured, limit=limit)
    assert len(measured.writes) == 2
    assert measured.new_slots == 0


def test_commit_one_fill_among_nops_costs_its_chunk(
    after_lap: Exchange, snapshot: Snapshot
) -> None:
    words = pack_chunk([fill(random.Random("one"))], keccak(b"root"))
    snapshot.check("batch of one fill", commit(after_lap, words), limit=70_000)


def test_commit_fill_words_are_as_wide_as_assumed() -> None:
    """The figures mean something only if the fills are no lighter than real ones."""
    rng = random.Random("width")
    words = [pack(fill(rng)) for _ in range(3000)]
    data = b"".join(word.to_bytes(32, "big") for word in words)
    filled = (len(data) - data.count(0)) / len(words)  # bytes of 32 that are not zero
    assert 17 < filled < 18.5


def test_commit_next_place_not_final_is_refused_at_the_lap_s_end(after_lap: Exchange) -> None:
    """The planted words are read: with a young one in the place after the next, no commit."""
    chain, registry = after_lap.chain, after_lap.registry
    commit(after_lap, fills(1, "second"))
    place = max(write.slot for write in commit(after_lap, fills(1, "third")).writes)
    young = int.from_bytes(ring_word(keccak(b"young"), chain.now), "big")
    write_slots(chain, registry.address, {place + 2: young})
    commit_at = chain.now
    with pytest.raises(Reverted) as caught:
        commit(after_lap, fills(1, "fourth"))
    assert caught.value.revert.name == "RingFull"
    until = (young & (1 << 40) - 1) + after_lap.windows.final_after
    assert caught.value.revert.args == (4, until)
    assert commit_at < until
