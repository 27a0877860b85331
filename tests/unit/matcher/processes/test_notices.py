"""What the batcher tells gateways, whenever they come and however often it starts again."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from matcher.chain.committed import CommittedBatch, CommittedBatches
from matcher.commands import ChainBlock
from matcher.errors import ProtocolError
from matcher.merkle import Path as TreePath
from matcher.processes.gateway_process import ToldChain
from matcher.processes.notices import NoticeReader, NoticeServer, make_way, reachable
from matcher.sequencer import Stopped

LEAF, PATH = [b"\1" * 32, b"\2" * 32], TreePath(5, (b"\3" * 32, b"\4" * 32))


def committed(number: int, salt: int = 0) -> CommittedBatch:
    return CommittedBatch(number, bytes([number, salt] * 16), 100 + number, number, b"\7" * 32)


class Batcher:
    """A server as the batcher has it, over proofs of a test."""

    def __init__(self, known: range):
        self.known = known
        self.chain = CommittedBatches(final_after=10)
        self.server = NoticeServer(self._prove, lambda: self.known)

    def _prove(self, batch: int, account: int) -> tuple[list[bytes], TreePath]:
        if batch not in self.known:
            raise ProtocolError(f"batch: found {batch}")
        return [*LEAF, bytes([account]) * 32], PATH

    def tell_chain(self, number: int, time: int = 50) -> None:
        told = ChainBlock(number, b"\5" * 32, time)
        self.server.chain_is(self.chain, told, time, number + 1)


class Gateway:
    """A reader, and what it was told."""

    def __init__(self, path: Path):
        self.archived: list[int] = []
        self.chain = ToldChain(final_after=10)
        self.news = asyncio.Event()
        self.reader = NoticeReader(path, self._archived, self._chain)
        self.task = asyncio.create_task(self.reader.run())

    def _archived(self, batch: int) -> None:
        self.archived.append(batch)
        self.news.set()

    def _chain(self, notice: object) -> None:
        self.chain.take(notice)
        self.news.set()

    async def until(self, holds: object) -> None:
        async with asyncio.timeout(30):
            while not holds():
                self.news.clear()
                await self.news.wait()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    make_way(tmp_path / "run" / "batcher")
    made = Gateway(tmp_path / "run" / "batcher")
    yield made
    made.task.cancel()


async def test_gateway_that_waits_is_told_everything_and_then_each_change(
    gateway: Gateway, tmp_path: Path
) -> None:
    batcher = Batcher(range(4))
    batcher.server.note_archived(3)
    batcher.chain.replace(0, [committed(1)], [])
    batcher.tell_chain(8)
    await batcher.server.start(tmp_path / "run" / "batcher")
    # Batch 1 stands on the chain and is as it is; the others may be dated anew.
    await gateway.until(lambda: gateway.archived == [2, 3])
    assert gateway.reader.provable() == range(4)
    assert gateway.chain.batches.standing() == (committed(1),)
    assert (gateway.chain.told.number, gateway.chain.time, gateway.chain.height) == (8, 50, 9)

    batcher.known = range(5)
    batcher.server.archived(4)
    batcher.server.archived(2)  # dated anew
    await gateway.until(lambda: gateway.archived == [2, 3, 4, 2])
    assert gateway.reader.provable() == range(5)
    batcher.chain.replace(1, [committed(2), committed(3)], [])
    batcher.tell_chain(9)
    await gateway.until(lambda: gateway.chain.batches.head == 3)
    batcher.chain.replace(1, [committed(2, 1)], [committed(3)])
    batcher.tell_chain(10)
    await gateway.until(lambda: gateway.chain.batches.was_reverted(3))
    assert gateway.chain.batches.standing() == (committed(1), committed(2, 1))
    assert gateway.chain.batches.latest_final(111) == 1
    await batcher.server.stop()


async def test_news_that_is_none_is_not_told(gateway: Gateway, tmp_path: Path) -> None:
    batcher = Batcher(range(1))
    batcher.tell_chain(8)
    await batcher.server.start(tmp_path / "run" / "batcher")
    await gateway.until(lambda: gateway.chain.height == 9)
    heard: list[object] = []
    take = gateway.reader._on_chain
    gateway.reader._on_chain = lambda notice: (heard.append(notice), take(notice))
    batcher.tell_chain(8)
    batcher.tell_chain(9)
    await gateway.until(lambda: gateway.chain.height == 10)
    assert len(heard) == 1
    await batcher.server.stop()


async def test_proofs_are_answered_each_to_who_asked(gateway: Gateway, tmp_path: Path) -> None:
    batcher = Batcher(range(3))
    batcher.tell_chain(1)
    await batcher.server.start(tmp_path / "run" / "batcher")
    await gateway.until(lambda: gateway.chain.height == 2)
    asked = [gateway.reader.account_proof(batch, account) for batch, account in ((1, 2), (2, 3))]
    for account, (leaf, path) in enumerate(await asyncio.gather(*asked), 2):
        assert (leaf, path) == ([*LEAF, bytes([account]) * 32], PATH)
    with pytest.raises(ProtocolError, match="found 7"):
        await gateway.reader.account_proof(7, 2)
    await batcher.server.stop()


def hang_up(_: object) -> None:
    raise ConnectionResetError


async def test_batcher_that_dies_is_waited_for_and_proofs_say_so(
    gateway: Gateway, tmp_path: Path
) -> None:
    with pytest.raises(Stopped, match="being started"):
        await gateway.reader.account_proof(1, 2)
    first = Batcher(range(2))
    first.server._answer = hang_up
    first.tell_chain(1)
    await first.server.start(tmp_path / "run" / "batcher")
    await gateway.until(lambda: gateway.chain.height == 2)
    with pytest.raises(Stopped, match="has ended"):
        await gateway.reader.account_proof(1, 2)
    await first.server.stop()

    second = Batcher(range(3))
    second.server.note_archived(2)
    second.tell_chain(5)
    await second.server.start(tmp_path / "run" / "batcher")
    await gateway.until(lambda: gateway.archived == [1, 2])
    assert (await gateway.reader.account_proof(1, 9))[1] == PATH
    await second.server.stop()


def test_socket_whose_path_is_too_long_is_reached(tmp_path: Path) -> None:
    path = tmp_path / ("x" * 120) / "batcher"
    make_way(path)
    with reachable(path) as name:
        assert len(name) < 100
        Path(name).write_text("here")
    assert path.read_text() == "here"
