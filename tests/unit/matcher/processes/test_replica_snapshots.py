"""Processes that follow the journal begin behind a snapshot, and are what they would have been."""

import asyncio
import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from matcher import commands as c
from matcher.archive import Archive
from matcher.batch import Batch, Header
from matcher.chain_side import ChainSide
from matcher.errors import ChainError, JournalError
from matcher.exchange import Exchange
from matcher.feed import Feed
from matcher.history import summarize
from matcher.journal.snapshot import Snapshots
from matcher.journal.writer import Journal
from matcher.policy import Policy
from matcher.processes.board import Bells
from matcher.processes.gateway_process import REDATED, ToldBatches
from matcher.processes.lined import LinedExchange
from matcher.processes.plan import Plan
from matcher.processes.replica import BatchingReplica, Following, Replica
from matcher.processes.shared import Shared
from matcher.settlement.batcher import Batcher
from matcher.settlement.kept import REDATABLE
from tests.support.streams import random_stream
from tests.support.street import WINDOWS
from tests.unit.matcher.processes import test_replica
from tests.unit.matcher.processes.test_replica import GENESIS, NAMES, journaled, one_by_one

EVERY = 400  # commands
plan = test_replica.plan  # the fixture


@pytest.fixture
def shared(plan: Plan) -> Iterator[Shared]:
    made = Shared(plan)
    yield made
    made.close()


def often(plan: Plan, **changed: Any) -> Plan:
    return msgspec.structs.replace(plan, batches=Policy(snapshot_every=EVERY), **changed)


class BatcherLife:
    """What a batcher's process has, from its start on."""

    def __init__(self, plan: Plan, shared: Shared, *, when: bool = True):
        self.batcher, board = Batcher(GENESIS, WINDOWS, 3, max_chunks=2), shared.board
        self.replica = BatchingReplica(plan, board, Bells(board, plan.bells), self.batcher)
        self.side = ChainSide(
            plan.settings(),
            SimpleNamespace(w3=None),  # type: ignore[arg-type] - nobody asks the chain
            SimpleNamespace(),  # type: ignore[arg-type] - nor tells the exchange anything
            self.replica.engine,
            self.batcher,
            Archive(plan.archive),
            asyncio.Event(),
        )
        self.batches: list[Batch] = []
        self.replica.on_applied(lambda *one: self.batches.extend(one[-1]))
        self.replica.subscribe(self.side.on_events)
        beside = {"batcher": self.batcher, "chain": self.side}
        self.replica.begin_from(plan.batcher_snapshots, beside, takes=True, when=lambda: when)
        self.began = self.replica.sequence

    def proofs(self) -> list[Any]:
        """Of every account that the batches name, after every batch that is kept."""
        return [
            self.batcher.account_proof(batch, account)
            for batch in self.batcher.known()
            for account in range(20)
        ]


class GatewayLife:
    """What a gateway's process has, from its start on; its feed is told batches one by one."""

    def __init__(self, plan: Plan, shared: Shared):
        self.feed = Feed()
        board = shared.board
        self.replica = Replica(plan, board, Bells(board, plan.bells))
        self.replica.subscribe(self.feed.on_events)
        self.replica.begin_from(
            plan.reader_snapshots, {"feed": self.feed}, takes=plan.keeps_reader_snapshots
        )
        self.began = self.replica.sequence


async def live(replica: Following, shared: Shared, until: int) -> None:
    """Follow the journal, turn after turn; each snapshot is written before the next turn."""
    await replica.catch_up()
    shared.board.synced = until
    while replica._look():
        assert replica._checkpoints is not None
        replica._checkpoints.close()


@pytest.mark.parametrize("seed", [3, 4])
async def test_batcher_goes_on_behind_its_snapshot_with_the_same_batches_and_proofs(
    plan: Plan, shared: Shared, seed: int
) -> None:
    plan = often(plan)
    told = journaled(plan, seed)
    shared.board.synced = 0
    first = BatcherLife(plan, shared)
    assert first.began == 0
    await live(first.replica, shared, len(told))
    first.replica.stop()

    second = BatcherLife(plan, shared)
    assert len(told) - 2 * EVERY < second.began < len(told)
    await second.replica.catch_up()
    engine, expected = one_by_one(told, Batcher(GENESIS, WINDOWS, 3, max_chunks=2))
    assert second.replica.engine.state_hash() == engine.state_hash()
    behind = [batch for one in expected if one.sequence > second.began for batch in one.batches]
    assert behind
    assert second.batches == behind
    assert second.batcher.head == first.batcher.head
    assert second.batcher.known() == first.batcher.known()
    assert second.proofs() == first.proofs()
    blocks = [command for command in told if isinstance(command, c.ChainBlock)]
    assert second.side.told == first.side.told == (blocks[-1] if blocks else None)


async def test_batcher_whose_batches_are_not_archived_takes_no_snapshot(
    plan: Plan, shared: Shared
) -> None:
    """One that is in a snapshot would never be made again."""
    plan = often(plan)
    told = journaled(plan, 3)
    shared.board.synced = 0
    life = BatcherLife(plan, shared, when=False)
    await live(life.replica, shared, len(told))
    life.replica.stop()
    assert not list(plan.batcher_snapshots.iterdir())


async def test_gateway_and_who_only_reads_go_on_behind_the_first_gateways_snapshot(
    plan: Plan, shared: Shared
) -> None:
    own, other = (often(plan, name=name) for name in (NAMES[2], NAMES[1]))
    assert own.keeps_reader_snapshots
    assert not other.keeps_reader_snapshots
    told = journaled(plan, 5)
    shared.board.synced = 0
    first = GatewayLife(own, shared)
    await live(first.replica, shared, len(told))
    unwritten = own.reader_snapshots / ".snapshot-0000000000000001.9"
    unwritten.touch()  # as one that the gateway writes just now
    reader = GatewayLife(other, shared)
    assert unwritten.exists()
    second = GatewayLife(own, shared)
    assert not unwritten.exists()
    for life in (reader, second):
        await life.replica.catch_up()
    assert len(told) - 2 * EVERY < reader.began == second.began < len(told)
    engine, _ = one_by_one(told, Batcher(GENESIS, WINDOWS, 3, max_chunks=2))
    assert second.replica.engine.state_hash() == engine.state_hash()
    assert first.feed.dump() == second.feed.dump() == reader.feed.dump()


async def test_processes_begin_although_the_journal_was_pruned_to_their_snapshots(
    plan: Plan, shared: Shared
) -> None:
    plan = often(plan)
    told = journaled(plan, 3, segment=1 << 14)
    shared.board.synced = 0
    first = BatcherLife(plan, shared)
    await live(first.replica, shared, len(told))
    first.replica.stop()
    keeps = Snapshots(plan.batcher_snapshots, plan.identity).prunable
    with Journal(plan.journal, plan.identity) as journal:
        assert journal.prune(keeps)
    second = BatcherLife(plan, shared)
    await second.replica.catch_up()
    assert second.replica.engine.state_hash() == first.replica.engine.state_hash()
    gateway = GatewayLife(plan, shared)  # which has none
    with pytest.raises(JournalError, match="pruned"):
        await gateway.replica.catch_up()


async def test_snapshot_of_other_components_is_refused(plan: Plan, shared: Shared) -> None:
    plan = often(plan)
    exchange = Exchange(WINDOWS)
    for command in random_stream(1, 50):
        exchange.apply(command)
    Snapshots(plan.batcher_snapshots, plan.identity).write(7, {"exchange": exchange.dump()})
    shared.board.synced = 7
    journaled(plan, 3)
    with pytest.raises(JournalError, match="holds exchange, expected batcher, chain, exchange"):
        BatcherLife(plan, shared)


async def test_follower_killed_while_it_writes_a_snapshot_begins_from_the_one_before(
    plan: Plan, shared: Shared
) -> None:
    """What was not written to its end has no name."""
    plan = often(plan)
    told = journaled(plan, 4)
    shared.board.synced = 0
    life = BatcherLife(plan, shared)
    await live(life.replica, shared, len(told))
    life.replica.stop()
    known = Snapshots(plan.batcher_snapshots, plan.identity).sequences()
    shared.board.synced = len(told)
    pid = os.fork()
    if pid == 0:
        os.fdatasync = lambda _: os.kill(os.getpid(), signal.SIGKILL)  # behind the first part
        parts = {"exchange": life.replica.engine.dump()}
        Snapshots(plan.batcher_snapshots, plan.identity).write(len(told), parts)
        os._exit(0)
    _, status = await asyncio.to_thread(os.waitpid, pid, 0)
    assert os.waitstatus_to_exitcode(status) == -signal.SIGKILL
    assert list(plan.batcher_snapshots.glob(".snapshot-*"))
    again = BatcherLife(plan, shared)
    assert again.began == known[-1]
    assert not list(plan.batcher_snapshots.glob(".snapshot-*"))
    assert Snapshots(plan.batcher_snapshots, plan.identity).sequences() == known


@pytest.mark.parametrize("dumped", [Exchange, LinedExchange])
@pytest.mark.parametrize("seed", range(3))
def test_lined_exchange_that_was_loaded_goes_on_as_the_one_that_was_dumped(
    seed: int, dumped: type[Exchange] | type[LinedExchange]
) -> None:
    told = [command for command in random_stream(seed, 600) if not isinstance(command, c.Redate)]
    source, twin = dumped(WINDOWS), LinedExchange(WINDOWS)
    for command in [*told[:300], c.Halted("by test")]:
        apply(source, command)
    twin.load(source.dump())
    assert twin.halted == source.halted == "by test"
    assert twin.state_hash() == source.state_hash()
    for command in [c.Resumed(), *told[300:]]:
        apply(source, command)
        apply(twin, command)
    assert twin.state_hash() == source.state_hash()
    assert twin.expiries == source.expiries
    assert twin.listings.waiting == source.listings.waiting


def apply(engine: Exchange | LinedExchange, command: c.Command) -> None:
    with contextlib.suppress(ChainError, JournalError):
        engine.apply(command)


class HeardFeed(Feed):
    """One that counts the batches that it is told of."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = asyncio.Semaphore(0)

    def on_batch(self, batch: Batch, replaying: bool) -> None:
        super().on_batch(batch, replaying)
        self.heard.release()


async def test_feed_that_was_loaded_is_told_of_batches_that_were_redated_since(
    plan: Plan, shared: Shared
) -> None:
    told = journaled(often(plan), 3)
    _, applied = one_by_one(told, Batcher(GENESIS, WINDOWS, 3, max_chunks=2))
    batches = {batch.id: batch for one in applied for batch in one.batches}
    redated = list(batches)[-3:]
    archive, feed = Archive(Path(plan.data) / "batches"), HeardFeed()
    for batch_id, batch in batches.items():
        feed.take_batch(summarize(batch), [])
        header = Header.decode(batch.header)
        if batch_id in redated:  # what happened when nobody told the feed
            header = msgspec.structs.replace(header, built_at=header.built_at + 1)
        archive.write(Batch(header.encode(), batch.words, batch.order_file))
    telling = ToldBatches(archive, feed)
    telling.begin()
    work = asyncio.create_task(telling.run())
    async with asyncio.timeout(20):
        for _ in redated:
            await feed.heard.acquire()
    work.cancel()
    for batch_id in batches:
        assert feed.batch(batch_id) == summarize(archive.read(batch_id))
    assert len(batches) > len(redated)
    assert feed.last_batch == max(batches)


def test_gateways_look_again_at_every_batch_that_may_be_redated() -> None:
    assert REDATED == REDATABLE


def test_snapshot_directories_of_an_exchange_are_apart(plan: Plan) -> None:
    """Of the matcher's names none is another process's."""
    assert plan.batcher_snapshots.parent == plan.reader_snapshots.parent == plan.snapshots
    plan.batcher_snapshots.mkdir(parents=True)
    plan.reader_snapshots.mkdir()
    assert Snapshots(Path(plan.snapshots), plan.identity).sequences() == []
