"""Journal before apply, apply before answer, archive before anyone hears: real files throughout."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from matcher import commands as c
from matcher import events as e
from matcher.archive import Archive
from matcher.batch import Batch
from matcher.checkpoints import Checkpoints, Component
from matcher.errors import ChainError, JournalError, ProtocolError, Reject
from matcher.events import Event, Rejected
from matcher.exchange import Exchange
from matcher.journal.snapshot import Snapshots
from matcher.journal.writer import Identity, Journal
from matcher.merkle import keccak
from matcher.policy import Policy
from matcher.sequencer import Sequencer, Stopped
from matcher.settlement.redate import RedateError
from matcher.types import Order, SignedOrder
from tests.support.life import GENESIS, new_batcher
from tests.support.pit import CALL, CAP, EXPIRY, START, SYMBOLS, WINDOWS, names, owner_of
from tests.support.pit import GOOD_TILL as FAR
from tests.support.streams import random_stream

IDENTITY = Identity(1337, b"\x11" * 20, keccak(GENESIS))
FACTS = (
    c.MarketListed(1, "BTC", 10, 1000),
    c.ExpiryOpened(1, EXPIRY, CAP),
    c.InstrumentListed(CALL, 1, 0, EXPIRY, 100),
    *(c.AccountOpened(account, owner_of(account)) for account in (2, 3)),
    *(c.Deposited(account, 10**8, START) for account in (2, 3)),
)


class Node:
    """A sequencer over real files, and what its listeners heard."""

    def __init__(self, directory: Path, **policy: int):
        self.time = START
        self.directory = directory
        self.policy = Policy(**({"max_age": 10} | policy))
        self.heard: list[tuple[int, c.Command, list[Event], bool]] = []
        self.batches: list[tuple[Batch, bool]] = []
        self.open()

    def open(self) -> None:
        self.journal = Journal(self.directory / "journal", IDENTITY)
        self.engine = Exchange(WINDOWS)
        self.archive = Archive(self.directory / "batches")
        self.sequencer = Sequencer(
            self.journal, self.engine, new_batcher(), self.archive, lambda: self.time, self.policy
        )
        self.heard.clear()
        self.batches.clear()
        self.sequencer.subscribe(lambda *heard: self.heard.append(heard))
        self.sequencer.subscribe_batches(self._hear_batch)

    def _hear_batch(self, batch: Batch, replaying: bool) -> None:
        assert self.archive.read(batch.id).words == batch.words, "told before it was archived"
        self.batches.append((batch, replaying))

    async def tell(self, *facts: c.Command) -> None:
        for fact in facts:
            await self.sequencer.submit(fact)

    async def restart(self) -> None:
        await self.sequencer.stop()
        self.open()
        await self.sequencer.start()

    def commands(self) -> list[c.Command]:
        return [command for _, command, _, _ in self.heard]

    def kinds(self) -> list[str]:
        return [type(command).__name__ for command in self.commands()]


@pytest.fixture
async def node(tmp_path: Path) -> AsyncIterator[Node]:
    made = Node(tmp_path)
    await made.sequencer.start()
    await made.tell(*FACTS)
    yield made
    await made.sequencer.stop()


def order(account: int, side: str, order_id: int, lots: int = 1) -> c.PlaceOrder:
    terms = Order(account, SYMBOLS[CALL], side == "buy", 1000, lots, order_id, FAR, 0)
    digest = keccak(repr(terms).encode())
    return c.PlaceOrder(SignedOrder(terms, b"\1" * 65, digest, owner_of(account)))


async def trade(node: Node, order_id: int) -> list[Event]:
    await node.sequencer.submit(order(2, "sell", order_id))
    return await node.sequencer.submit(order(3, "buy", order_id))


async def test_submit_inserts_time_and_batch_where_they_are_needed(node: Node) -> None:
    assert node.kinds()[:2] == ["Clock", "MarketListed"]
    # Deposits wait for a batch, and nobody else would open one.
    assert node.kinds().count("OpenBatch") == 1
    assert names(await trade(node, 1)) == ["OrderAccepted", "Trade", "Op"]
    await node.sequencer.close_batch()
    count = len(node.heard)
    node.time += 3
    await node.sequencer.submit(order(2, "sell", 2))
    assert node.kinds()[count:] == ["Clock", "OpenBatch", "PlaceOrder"]
    assert node.engine.built_at == node.time


async def test_submit_is_in_the_journal_before_it_is_answered(node: Node) -> None:
    synced: list[int] = []
    sync = node.journal.sync

    def watched() -> None:
        sync()
        synced.append(node.journal.last)

    node.journal.sync = watched  # type: ignore[method-assign]
    await node.sequencer.submit(order(2, "sell", 1))
    assert synced[-1] >= node.sequencer.sequence
    assert list(node.journal.replay())[-1][1] == order(2, "sell", 1)


async def test_commands_that_wait_share_one_sync(node: Node) -> None:
    syncs = 0
    sync = node.journal.sync

    def counted() -> None:
        nonlocal syncs
        syncs += 1
        sync()

    node.journal.sync = counted  # type: ignore[method-assign]
    answers = await asyncio.gather(
        *(node.sequencer.submit(order(2, "sell", i)) for i in range(200))
    )
    assert all(names(answer) == ["OrderAccepted", "OrderRested"] for answer in answers)
    assert syncs < 5
    accepted = [o.id for o in node.engine.open_orders(2)]
    assert accepted == list(range(200))


async def test_commands_of_one_group_share_one_batch(node: Node) -> None:
    await node.sequencer.close_batch()
    count = len(node.heard)
    await asyncio.gather(*(node.sequencer.submit(order(2, "sell", i)) for i in range(5)))
    assert node.kinds()[count:] == ["OpenBatch", *["PlaceOrder"] * 5]


async def test_restart_replays_to_the_same_state_and_batches(node: Node) -> None:
    for i in range(20):
        await trade(node, i)
        if i % 5 == 4:
            node.time += 2
            await node.sequencer.close_batch()
    before = node.engine.state_hash()
    told = [(batch, True) for batch, _ in node.batches]
    heard = [(sequence, command, events, True) for sequence, command, events, _ in node.heard]
    await node.restart()
    assert node.engine.state_hash() == before
    assert node.batches == told
    assert node.heard[: len(heard)] == heard
    assert names(await trade(node, 99)) == ["OrderAccepted", "Trade", "Op"]


class Watched(Checkpoints):
    """Says where the node is whenever a snapshot may be taken."""

    def __init__(self, node: Node, every: int = 15):
        held: dict[str, Component] = {"exchange": node.engine, "batcher": node.sequencer.batcher}
        snapshots = Snapshots(node.directory / "snapshots", IDENTITY)
        super().__init__(node.journal, snapshots, held, every)
        self._node = node
        self.looks: list[tuple[int, int, int]] = []  # sequence, batches that are made, archived

    def look(self, sequence: int) -> None:
        node = self._node
        archived = max(node.archive.ids(), default=0)
        self.looks.append((sequence, node.sequencer.batcher.head.id, archived))
        super().look(sequence)


async def test_restart_begins_behind_a_snapshot_that_holds_only_what_is_archived(
    tmp_path: Path,
) -> None:
    node = Node(tmp_path)
    watched = Watched(node)
    await node.sequencer.start(watched)
    await node.tell(*FACTS)
    for i in range(20):
        await trade(node, i)
        if i % 5 == 4:
            node.time += 2
            await node.sequencer.close_batch()
    assert len(node.batches) == 4
    assert all(made == archived for _, made, archived in watched.looks)
    assert any(made > 0 for _, made, _ in watched.looks)
    last, before, told = node.sequencer.sequence, node.engine.state_hash(), list(node.batches)
    await node.sequencer.stop()
    node.open()
    watched = Watched(node)
    await node.sequencer.start(watched)
    assert 0 < watched.last <= last
    assert [sequence for sequence, *_ in node.heard] == list(range(watched.last + 1, last + 1))
    assert node.engine.state_hash() == before
    assert node.batches == [(batch, True) for batch, _ in told][len(told) - len(node.batches) :]
    await trade(node, 99)
    node.time += 2
    (closed,) = await node.sequencer.close_batch()
    assert closed.id == told[-1][0].id + 1
    await node.sequencer.stop()


async def test_batch_is_closed_by_age_and_by_ops(tmp_path: Path) -> None:
    node = Node(tmp_path, max_age=10, max_ops=4)
    await node.sequencer.start()
    await node.tell(*FACTS)  # two credits
    await trade(node, 1)
    await trade(node, 2)
    await node.sequencer.submit(c.Resumed())
    assert [batch.id for batch, _ in node.batches] == [1]
    await trade(node, 3)
    node.time += 9
    await node.sequencer.tick()
    assert len(node.batches) == 1
    node.time += 1
    await node.sequencer.tick()
    await node.sequencer.stop()
    assert [batch.id for batch, _ in node.batches] == [1, 2]
    assert not node.engine.batch_open


async def test_idle_batch_ends_so_that_the_next_order_gets_a_new_time(node: Node) -> None:
    await node.sequencer.close_batch()
    await node.sequencer.submit(order(2, "sell", 1))
    node.time += 60
    await node.sequencer.tick()
    await node.sequencer.submit(order(3, "buy", 1))
    assert node.engine.built_at == node.time
    assert len(node.batches) == 1


async def test_close_batch_returns_what_is_in_the_archive(node: Node) -> None:
    await trade(node, 1)
    (batch,) = await node.sequencer.close_batch()
    assert node.archive.read(batch.id) == batch
    assert await node.sequencer.close_batch() == []


async def test_full_queue_answers_busy_to_traders_and_takes_facts(tmp_path: Path) -> None:
    node = Node(tmp_path, max_queue=5)
    await node.sequencer.start()
    await node.tell(*FACTS)
    answers = await asyncio.gather(
        *(node.sequencer.submit(order(2, "sell", i)) for i in range(9)),
        node.sequencer.submit(c.Deposited(2, 2 * 10**8, START)),
    )
    busy = [a[0] for a in answers if isinstance(a[0], Rejected)]
    assert [(event.code, event.field) for event in busy] == [(Reject.BUSY, "queue")] * 4
    assert busy[0].found == "5 commands waiting"
    assert names(answers[-1]) == ["Credited", "Op"]
    assert len(node.engine.open_orders(2)) == 5
    await node.sequencer.stop()


async def test_impossible_fact_raises_to_who_told_it_and_the_exchange_goes_on(node: Node) -> None:
    with pytest.raises(ChainError, match="account 77"):
        await node.sequencer.submit(c.Deposited(77, 1, START))
    assert names(await trade(node, 1)) == ["OrderAccepted", "Trade", "Op"]
    before = node.engine.state_hash()
    await node.restart()
    assert node.engine.state_hash() == before


async def test_command_that_cannot_be_journaled_raises_and_the_exchange_goes_on(
    node: Node,
) -> None:
    with pytest.raises(JournalError, match="cannot be journaled"):
        await node.sequencer.submit(c.Clock(1 << 64))
    assert names(await trade(node, 1)) == ["OrderAccepted", "Trade", "Op"]


async def test_batch_that_was_not_archived_before_the_end_is_archived_at_the_start(
    node: Node,
) -> None:
    await trade(node, 1)
    (batch,) = await node.sequencer.close_batch()
    await node.sequencer.stop()
    for path in (node.directory / "batches" / f"{batch.id:08d}").iterdir():
        path.unlink()
    (node.directory / "batches" / f"{batch.id:08d}").rmdir()
    node.open()
    await node.sequencer.start()
    assert node.archive.read(batch.id) == batch


async def test_archive_of_another_life_stops_the_start(node: Node, tmp_path: Path) -> None:
    await trade(node, 1)
    await node.sequencer.close_batch()
    await node.sequencer.stop()
    folder = node.directory / "batches"
    other = Node(tmp_path / "other")
    await other.sequencer.start()
    await other.tell(*FACTS)
    await trade(other, 7)
    await other.sequencer.close_batch()
    await other.sequencer.stop()
    for name in ("header.bin", "words.bin", "orders.json"):
        source = tmp_path / "other" / "batches" / "00000001" / name
        (folder / "00000001" / name).write_bytes(source.read_bytes())
    node.open()
    with pytest.raises(ProtocolError, match=r"batch 1: .* holds another one"):
        await node.sequencer.start()


async def test_archive_with_another_header_that_nobody_redated_stops_the_start(node: Node) -> None:
    await trade(node, 1)
    (batch,) = await node.sequencer.close_batch()
    await node.sequencer.stop()
    header = msgspec.structs.replace(batch.fields, operator=9)
    node.archive.replace(Batch(header.encode(), batch.words, batch.order_file))
    node.open()
    with pytest.raises(ProtocolError, match=r"batch 1: .* its header differs"):
        await node.sequencer.start()


async def test_failed_sync_answers_nobody_and_stops(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    applied = node.engine.state_hash()
    with monkeypatch.context() as patch:
        patch.setattr("matcher.journal.writer.os.fdatasync", fail)
        with pytest.raises(Stopped, match="sync failed"):
            await node.sequencer.submit(order(2, "sell", 1))
    assert node.engine.state_hash() == applied
    with pytest.raises(Stopped):
        await node.sequencer.submit(order(2, "sell", 2))
    with pytest.raises(JournalError, match="sync failed"):
        await node.sequencer.wait()


async def test_stop_answers_what_waits(node: Node) -> None:
    waiting = [asyncio.ensure_future(node.sequencer.submit(order(2, "sell", i))) for i in range(30)]
    await asyncio.sleep(0)
    await node.sequencer.stop()
    assert all(names(task.result()) == ["OrderAccepted", "OrderRested"] for task in waiting)
    with pytest.raises(Stopped):
        await node.sequencer.submit(c.Resumed())


async def test_answer_nobody_waits_for_any_more_is_dropped(node: Node) -> None:
    task = asyncio.ensure_future(node.sequencer.submit(order(2, "sell", 1)))
    await asyncio.sleep(0)
    task.cancel()
    await node.sequencer.submit(order(2, "sell", 2))
    assert [o.id for o in node.engine.open_orders(2)] == [1, 2]


# --- redating ----------------------------------------------------------------------------------


async def late_node(node: Node) -> None:
    """Two batches that nobody committed, and their time is long past."""
    for i in range(2):
        await trade(node, i)
        node.time += 5
        await node.sequencer.close_batch()
    node.time += 400
    await node.sequencer.submit(order(2, "sell", 50))


async def test_redate_publishes_new_headers_and_survives_a_restart(node: Node) -> None:
    await late_node(node)
    made = await node.sequencer.redate(1, node.time)
    assert [batch.built_at for batch in made] == [node.time] * 2
    assert [node.archive.read(batch.id) for batch in made] == made
    await trade(node, 9)
    (following,) = await node.sequencer.close_batch()
    assert following.fields.parent[:27] == made[-1].hash[:27]
    before = node.engine.state_hash()
    await node.restart()
    assert node.engine.state_hash() == before
    assert [node.archive.read(batch.id) for batch in made] == made


async def test_redate_cut_off_before_publishing_is_published_at_the_start(node: Node) -> None:
    await late_node(node)
    old = [node.archive.read(i) for i in (1, 2)]
    made = await node.sequencer.redate(1, node.time)
    await node.sequencer.stop()
    (node.directory / "batches" / "00000002" / "header.bin").write_bytes(old[1].header)
    node.open()
    await node.sequencer.start()
    assert [node.archive.read(batch.id) for batch in made] == made


async def test_redate_that_is_impossible_raises_and_the_exchange_goes_on(node: Node) -> None:
    await late_node(node)
    before = [node.archive.read(i) for i in (1, 2)]
    with pytest.raises(RedateError, match="found batch 7"):
        await node.sequencer.redate(7, node.time)
    assert [node.archive.read(i) for i in (1, 2)] == before
    await trade(node, 9)
    await node.restart()
    assert [node.archive.read(i) for i in (1, 2)] == before


async def test_random_stream_restarted_now_and_then_equals_one_life(tmp_path: Path) -> None:
    node, straight = Node(tmp_path / "a"), Node(tmp_path / "b")
    for one in (node, straight):
        one.time = 0
        await one.sequencer.start()
    for number, command in enumerate(random_stream(5, 600)):
        for one in (node, straight):
            if isinstance(command, c.Clock | c.ChainBlock):
                one.time = max(one.time, command.time)
            try:
                await one.sequencer.submit(command)
            except ChainError:
                continue
        if number % 150 == 149:
            await node.restart()
    assert node.engine.state_hash() == straight.engine.state_hash()
    for one in (node, straight):
        await one.sequencer.stop()
    assert node.archive.ids() == straight.archive.ids()
    assert len(node.archive.ids()) > 3
    for batch_id in node.archive.ids():
        assert node.archive.read(batch_id) == straight.archive.read(batch_id)
    assert any(isinstance(event, e.Trade) for _, _, events, _ in straight.heard for event in events)
