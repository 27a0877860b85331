import json

import pytest

from matcher import commands as c
from matcher import words
from matcher.batch import BLOB, CALLDATA, Batch, Header, genesis, parent_of
from matcher.errors import ProtocolError
from matcher.events import Op
from matcher.merkle import keccak
from matcher.settlement.batcher import Batcher
from matcher.types import SLOTS
from tests.support.pit import CALL, DEPLOYED, START, WINDOWS, Pit, owner_of


def kinds(batch: Batch) -> list[list[str]]:
    """Names of the ops of each chunk, NOPs left out."""
    ops = [words.unpack(word) for word in batch.word_list()]
    chunks = [ops[i : i + 30] for i in range(0, len(ops), 32)]
    return [[type(op).__name__ for op in chunk if op != words.Nop()] for chunk in chunks]


def closed(pit: Pit) -> Batch:
    pit.apply(c.CloseBatch())
    return pit.batches[-1]


def quiet_pit(**given: int) -> Pit:
    """A pit whose credits are in a batch of their own."""
    pit = Pit(**given)
    pit.reopen()
    return pit


def trade(pit: Pit, lots: int = 1) -> None:
    pit.place(2, "sell", 1000, lots)
    pit.place(3, "buy", 1000, lots)


def test_first_batch_follows_genesis() -> None:
    pit = Pit()
    batch = closed(pit)
    fields = batch.fields
    assert fields.parent == parent_of(keccak(genesis(DEPLOYED)))
    assert (fields.id, fields.operator, fields.built_at, fields.chunk_count) == (1, 1, START, 1)
    assert Header.decode(fields.encode()) == fields
    assert (batch.id, batch.operator, batch.built_at, batch.chunk_count) == (1, 1, START, 1)
    assert (batch.state_root, batch.extra) == (fields.state_root, fields.extra)
    assert kinds(batch) == [["Credit"] * 4]


def test_batch_without_ops_is_none() -> None:
    pit = quiet_pit()
    assert len(pit.batches) == 1
    pit.apply(c.CloseBatch())
    pit.reopen()
    assert len(pit.batches) == 1


def test_chunk_of_thirty_ops_ends_and_the_limit_closes_the_batch() -> None:
    pit = quiet_pit(max_chunks=2)
    for _ in range(61):
        trade(pit)
    assert [batch.chunk_count for batch in pit.batches[1:]] == [2]
    assert pit.batcher.pending_ops == 1
    last = closed(pit)
    assert (last.id, last.built_at) == (3, pit.batches[1].built_at)
    assert kinds(last) == [["Fill"]]
    last.check()


def fill_batch(pit: Pit, trades: int) -> list[int]:
    """Chunks of the batches that so many trades close, without what is left over."""
    before = len(pit.batches)
    for _ in range(trades):
        trade(pit)
    return [batch.chunk_count for batch in pit.batches[before:]]


def test_limit_that_was_told_holds_from_the_next_batch_on() -> None:
    pit = quiet_pit(max_chunks=2)
    assert fill_batch(pit, 40) == []
    pit.apply(c.BatchLimited(1, 5))
    assert fill_batch(pit, 19) == []  # 59 ops: a limit of one chunk would have been passed
    assert fill_batch(pit, 1) == [2]
    assert fill_batch(pit, 60) == [1, 1]
    pit.apply(c.BatchLimited(3, 5))
    assert fill_batch(pit, 90) == [3]


def test_limit_is_that_of_the_mode_in_which_batches_are_closed() -> None:
    pit = quiet_pit()
    pit.apply(c.BatchLimited(1, 3))
    assert fill_batch(pit, 30) == [1]
    pit.apply(c.CloseBatch())
    pit.apply(c.Redate(2, 0, BLOB))
    pit.reopen()
    assert fill_batch(pit, 90) == [3]
    assert pit.batches[-1].mode == BLOB
    pit.apply(c.CloseBatch())
    pit.apply(c.Redate(3, 0, CALLDATA))
    pit.reopen()
    assert fill_batch(pit, 60) == [1, 1]


def test_batcher_that_was_dumped_goes_on_with_the_limit_of_the_open_batch() -> None:
    pit = quiet_pit(max_chunks=2)
    fill_batch(pit, 40)
    pit.apply(c.BatchLimited(1, 5))
    dumped = pit.batcher.dump()
    pit.batcher = Batcher(genesis(DEPLOYED), WINDOWS, operator=1)
    pit.batcher.load(dumped)
    assert pit.batcher.limits == c.BatchLimited(1, 5)
    assert fill_batch(pit, 20) == [2]
    assert fill_batch(pit, 30) == [1]


def test_limit_of_more_chunks_than_the_batcher_was_made_for_is_obeyed() -> None:
    pit = quiet_pit(max_chunks=1, cash=10**12)
    pit.apply(c.BatchLimited(127, 768))
    assert fill_batch(pit, 127 * 30) == [127]
    pit.batches[-1].check()


def test_second_generation_of_a_slot_begins_a_chunk() -> None:
    pit = quiet_pit()
    trade(pit)
    pit.place(2, "sell", 1000, 1, id=SLOTS)
    pit.place(3, "buy", 1000, 1, id=1)
    assert kinds(closed(pit)) == [["Fill"], ["Fill"]]


def test_op_of_a_released_account_begins_a_chunk() -> None:
    pit = quiet_pit()
    trade(pit)
    pit.apply(c.Asked(4, 1, START))
    trade(pit)
    pit.transfer(2, 4, 5)
    assert kinds(closed(pit)) == [["Fill", "Release", "Fill"], ["Transfer"]]


def test_release_of_the_fee_account_stands_apart_from_fills() -> None:
    pit = quiet_pit()
    pit.apply(c.AccountOpened(0, owner_of(0)))
    pit.apply(c.FeesSet(1, 5, 0, 5, 0, START))
    trade(pit)
    pit.apply(c.Asked(0, 1, START))
    trade(pit)
    batch = closed(pit)
    assert kinds(batch) == [["Fill"], ["Release"], ["Fill"]]
    leaf, _ = pit.batcher.account_proof(batch.id, 0)
    assert int.from_bytes(leaf[0][:8], "big") == pit.engine.account_view(0).cash == 5


def test_order_file_names_each_message_once_in_the_order_of_use() -> None:
    pit = quiet_pit()
    pit.place(2, "sell", 1000, 5)
    pit.place(3, "buy", 1000, 2)
    pit.place(4, "buy", 1000, 2)
    pit.withdraw(5, 7)
    pit.transfer(2, 3, 1)
    batch = closed(pit)
    content = json.loads(batch.order_file)
    assert [(m["type"], m["terms"].get("account")) for m in content["messages"]] == [
        ("Order", "3"),
        ("Order", "2"),
        ("Order", "4"),
        ("Withdrawal", "5"),
        ("Transfer", None),
    ]
    assert content["messages"][0]["terms"]["buy"] is True
    assert content["messages"][4]["terms"]["from"] == "2"
    assert (content["batch"], content["version"]) == (2, 1)
    canonical = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    assert canonical.encode() == batch.order_file


def test_operator_named_holds_for_batches_closed_after_it() -> None:
    pit = Pit()
    first = closed(pit)
    pit.reopen()
    trade(pit)
    pit.apply(c.OperatorNamed(2))
    assert (first.operator, closed(pit).operator) == (1, 2)


def test_proof_of_a_forgotten_batch_is_refused_and_memory_is_given_back() -> None:
    pit = quiet_pit(cash=10**10)
    sizes = []
    for round_ in range(60):
        for _ in range(30):
            trade(pit)
        pit.reopen()
        pit.batcher.forget(pit.batcher.head.id - 1)
        sizes.append(len(pit.batcher.ledger))
        assert pit.batcher.known() == range(pit.batcher.head.id - 1, round_ + 3)
    # Two accounts, 60 batches: without sweeping some 80,000 nodes would lie about.
    assert max(sizes) < 25_000
    with pytest.raises(ProtocolError, match=r"batch: found 3, allowed 60 to 61"):
        pit.batcher.account_proof(3, 2)
    assert pit.batcher.account_proof(60, 2)[0]


def test_word_proof_beyond_the_batch_is_refused() -> None:
    pit = Pit()
    closed(pit)
    with pytest.raises(ProtocolError, match="index 32, allowed below 32"):
        pit.batcher.word_proof(1, 32)
    with pytest.raises(ProtocolError, match="index: found 16777216"):
        pit.batcher.account_proof(1, 1 << 24)


def test_op_that_breaks_the_protocol_stops_the_batcher() -> None:
    """The engine is believed in nothing: a word it should never make is refused."""
    pit = quiet_pit()
    trade(pit)
    events = pit.engine.apply(c.Clock(START + 2))
    bad = words.pack(words.Fill(0, 2, 3, CALL + 90, 0, 1, 9, 9))
    with pytest.raises(ProtocolError, match="instrument 91 is not listed"):
        pit.batcher.add(c.Clock(START + 2), [*events, Op(bad)])


@pytest.mark.parametrize("place", [0, 40, 100])
def test_check_of_a_changed_batch_raises(place: int) -> None:
    batch = closed(Pit())
    changed = bytearray(batch.words)
    changed[place] ^= 1
    with pytest.raises(ProtocolError, match="words are not those"):
        Batch(batch.header, bytes(changed), batch.order_file).check()
    with pytest.raises(ProtocolError, match="order file is not"):
        Batch(batch.header, batch.words, batch.order_file + b" ").check()
    with pytest.raises(ProtocolError, match="bytes of words"):
        Batch(batch.header, batch.words[:-32], batch.order_file).check()
