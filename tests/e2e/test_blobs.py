"""Batches in blobs on a real node: committed, kept, served, read again."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from hexbytes import HexBytes
from web3 import HTTPProvider, Web3
from web3.types import RPCEndpoint, RPCResponse

from matcher import commands as c
from matcher.batch import BLOB, CALLDATA
from matcher.blobs import sources as s
from matcher.blobs.encoding import Sidecar
from matcher.blobs.server import make_app
from matcher.blobs.store import Store
from matcher.chain import faults
from matcher.chain.archiver import Archiver
from matcher.chain.audit import audit
from matcher.chain.bodies import bodies
from matcher.chain.committer import Committer, Stage
from matcher.chain.fees import FeePolicy
from matcher.chain.modes import Choice
from matcher.errors import BlobMissing
from matcher.gateway.server import GatewayServer
from matcher.types import CHUNK_OPS, Withdrawal
from tests.support import committing
from tests.support.anvil import Anvil, AnvilExchange, anvil_exchange, running_anvil
from tests.support.committing import (
    MAKER,
    WINDOWS,
    landed,
    listed_on_anvil,
    restored,
    run,
    stick,
    three_batches,
)
from tests.support.exchange import Roles
from tests.support.pipeline import Pipeline

OFFERED = ("maxPriorityFeePerGas", "maxFeePerGas", "maxFeePerBlobGas")


@pytest.fixture(scope="module")
def listed(artifacts: Any, roles: Roles) -> Iterator[AnvilExchange]:
    with listed_on_anvil(roles) as exchange:
        yield exchange


@pytest.fixture
def exchange(listed: AnvilExchange) -> Iterator[AnvilExchange]:
    with restored(listed):
        yield listed


@pytest.fixture
def anvil(exchange: AnvilExchange) -> Anvil:
    return exchange.anvil


@pytest.fixture
def pipeline(exchange: AnvilExchange, tmp_path: Path) -> Pipeline:
    return three_batches(exchange, tmp_path)


def committer_of(exchange: AnvilExchange, pipeline: Pipeline, **options: Any) -> Committer:
    return committing.committer_of(exchange, pipeline, **({"choice": Choice.BLOB} | options))


def change_mode(pipeline: Pipeline, committer: Committer, mode: int = BLOB) -> None:
    """What the node does when the committer asks for the other mode."""
    with pytest.raises(faults.OtherMode) as caught:
        committer.step()
    assert caught.value.mode == mode
    pipeline.apply(c.Redate(caught.value.batch, 0, mode))


def committed_in_blobs(exchange: AnvilExchange, pipeline: Pipeline, **options: Any) -> None:
    committer = committer_of(exchange, pipeline, **options)
    change_mode(pipeline, committer)
    run(committer, exchange.anvil)


def sources_of(*found: s.Source) -> s.Sources:
    return s.Sources(found)


def hashes_of(pipeline: Pipeline) -> list[bytes]:
    archive = pipeline.archive
    return [each for i in archive.ids() for each in Sidecar.of(archive.read(i).words).hashes]


# --- committing ---------------------------------------------------------------------------------


def test_committer_in_blob_mode_commits_what_followers_read_from_the_node(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline, tmp_path: Path
) -> None:
    store = Store(tmp_path / "blobs")
    committed_in_blobs(exchange, pipeline, store=store)
    batches = [pipeline.archive.read(i) for i in pipeline.archive.ids()]
    assert [batch.mode for batch in batches] == [BLOB] * 3
    assert sorted(store.hashes()) == sorted(hashes_of(pipeline))
    for source in (s.DevelopmentNode(anvil.w3), s.BeaconNode(anvil.url), store):
        found = list(bodies(anvil.w3, exchange.deployment, sources_of(source)))
        assert [log.args["batchHash"] for log, _ in found] == [batch.hash for batch in batches]
        for batch, (_, body) in zip(batches, found, strict=True):
            assert b"".join(w.to_bytes(32, "big") for w in body.words) == batch.words
            assert body.rest == ()
    report = audit(anvil.w3, exchange.deployment, sources=sources_of(s.BeaconNode(anvil.url)))
    assert report.sound, report.text()
    assert [place.chunks for place in report.batches] == [1, 1, 1]


def test_committer_goes_by_prices_and_changes_the_mode_of_what_is_not_committed(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    """A batch of one chunk costs less in calldata, however little blob gas costs."""
    committer = committer_of(exchange, pipeline, choice=Choice.AUTO)
    assert landed(committer.step(), anvil).stage == Stage.SENT  # of one chunk: calldata
    blobs = committer_of(exchange, pipeline, choice=Choice.BLOB)
    change_mode(pipeline, blobs)
    assert [pipeline.archive.read(i).mode for i in (1, 2, 3)] == [CALLDATA, BLOB, BLOB]
    assert landed(blobs.step(), anvil).batch == 2
    change_mode(pipeline, committer_of(exchange, pipeline, choice=Choice.CALLDATA), CALLDATA)
    run(committer, anvil)
    modes = [pipeline.archive.read(i).mode for i in (1, 2, 3)]
    assert modes == [CALLDATA, BLOB, CALLDATA]
    found = bodies(anvil.w3, exchange.deployment, sources_of(s.DevelopmentNode(anvil.w3)))
    assert [log.args["batchHash"] for log, _ in found] == [
        pipeline.archive.read(i).hash for i in (1, 2, 3)
    ]


def test_committer_whose_batch_cannot_change_commits_it_as_it_is(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    committer = committer_of(exchange, pipeline)
    with pytest.raises(faults.OtherMode):
        committer.step()
    committer.take_as_it_is(1)
    assert landed(committer.step(), anvil).stage == Stage.SENT
    assert exchange.head() == 1


def test_committer_of_a_blob_batch_whose_lag_passed_commits_it_redated(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    committer = committer_of(exchange, pipeline)
    change_mode(pipeline, committer)
    anvil.travel(WINDOWS.lag)
    with pytest.raises(faults.BatchTooOld):
        committer.step()
    pipeline.redate()
    anvil.travel(1)
    run(committer, anvil)
    assert [pipeline.archive.read(i).mode for i in (1, 2, 3)] == [BLOB] * 3
    assert exchange.head() == 3


def test_committer_whose_blobs_are_stuck_offers_twice_as_much_of_everything(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline
) -> None:
    committer = committer_of(exchange, pipeline, policy=FeePolicy(patience=2))
    change_mode(pipeline, committer)
    anvil.automine(False)
    offers = []
    for stage in (Stage.SENT, Stage.REPLACED):
        progress = committer.step()
        assert progress.stage == stage
        found = anvil.w3.eth.get_transaction("0x" + progress.transaction.hex())
        offers.append([found[name] for name in OFFERED])
        stick(anvil, 2)
    assert all(2 * before <= after for before, after in zip(*offers, strict=True))
    anvil.mine()
    anvil.automine(True)
    run(committer, anvil)
    assert exchange.head() == 3


# --- long batches -------------------------------------------------------------------------------

CHUNKS = 130  # two blobs; more than calldata takes


@pytest.fixture
def long_batch(exchange: AnvilExchange, pipeline: Pipeline) -> Pipeline:
    """A pipeline whose fourth batch, closed in blob mode, is too long for calldata."""
    committed_in_blobs(exchange, pipeline)
    pipeline.follow()
    pipeline.apply(c.BatchLimited(127, 768))
    pipeline.apply(c.OpenBatch())
    owner = bytes.fromhex(exchange.roles.maker.address[2:])
    for number in range(CHUNK_OPS * CHUNKS):
        message = Withdrawal(MAKER, 1, number, pipeline.engine.now + 1000)
        pipeline.apply(c.WithdrawRequest(message, bytes(65), bytes(32), owner))
    pipeline.apply(c.CloseBatch())
    batch = pipeline.archive.read(4)
    assert (batch.mode, batch.chunk_count) == (BLOB, CHUNKS)
    exchange.anvil.travel(1)
    return pipeline


def test_committer_of_a_batch_too_long_for_calldata_sends_its_blobs_whatever_was_asked(
    exchange: AnvilExchange, anvil: Anvil, long_batch: Pipeline, tmp_path: Path
) -> None:
    batch = long_batch.archive.read(4)
    store = Store(tmp_path / "blobs")
    committer = committer_of(exchange, long_batch, choice=Choice.CALLDATA, store=store)
    sent = landed(committer.step(), anvil)
    transaction = anvil.w3.eth.get_transaction(HexBytes(sent.transaction or b""))
    sidecar = Sidecar.of(batch.words)
    assert tuple(map(bytes, transaction["blobVersionedHashes"])) == sidecar.hashes
    assert len(sidecar.hashes) == 2
    assert sorted(store.hashes()) == sorted(sidecar.hashes)
    run(committer, anvil)
    found = list(bodies(anvil.w3, exchange.deployment, sources_of(store, s.BeaconNode(anvil.url))))
    assert b"".join(w.to_bytes(32, "big") for w in found[-1][1].words) == batch.words
    report = audit(anvil.w3, exchange.deployment, sources=sources_of(s.BeaconNode(anvil.url)))
    assert report.sound, report.text()
    assert report.batches[-1].chunks == CHUNKS


class OldNode(HTTPProvider):
    """A node from before blobs, until it is brought up to date."""

    updated = False

    def make_request(self, method: RPCEndpoint, params: Any) -> RPCResponse:
        if method == "eth_blobBaseFee" and not self.updated:
            error = {"code": -32601, "message": "the method does not exist"}
            return {"jsonrpc": "2.0", "id": 1, "error": error}
        return super().make_request(method, params)


def test_committer_of_a_long_batch_at_a_node_without_blobs_says_so_and_waits(
    exchange: AnvilExchange, anvil: Anvil, long_batch: Pipeline
) -> None:
    node = OldNode(anvil.url)
    committer = committer_of(exchange, long_batch, w3=Web3(node))
    with pytest.raises(faults.FitsNowhere, match="found 130 chunks, allowed 127 in calldata") as no:
        committer.step()
    assert not no.value.fatal
    assert exchange.head() == 3
    node.updated = True
    run(committer, anvil)
    assert exchange.head() == 4


@pytest.mark.parametrize("hardfork", ["prague", "osaka"])
def test_committer_sends_the_proofs_that_the_node_s_rules_ask_for(
    artifacts: Any, roles: Roles, tmp_path: Path, hardfork: str
) -> None:
    """Of blobs until Prague, of their cells since Osaka (EIP-7594)."""
    with running_anvil(hardfork=hardfork) as anvil:
        exchange = anvil_exchange(anvil, roles, WINDOWS)
        exchange.open(roles.maker)
        pipeline = Pipeline(exchange.deployment, tmp_path / "archive")
        assert pipeline.batch()
        anvil.travel(5)
        committed_in_blobs(exchange, pipeline)
        assert exchange.head() == 1


# --- keeping ------------------------------------------------------------------------------------


@contextmanager
def served(archiver: Archiver) -> Iterator[str]:
    """The archiver's server in a thread of its own; its URL."""
    started = threading.Event()
    ends: list[Any] = []
    urls: list[str] = []

    async def serve() -> None:
        server = GatewayServer(make_app(archiver.store, archiver.health), port=0)
        await server.start()
        ending = asyncio.Event()
        ends.extend((asyncio.get_running_loop(), ending))
        urls.append(server.url)
        started.set()
        await ending.wait()
        await server.stop()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(20)
    try:
        yield urls[0]
    finally:
        loop, ending = ends
        loop.call_soon_threadsafe(ending.set)
        thread.join(20)


def test_archiver_keeps_and_serves_what_the_node_forgets(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline, tmp_path: Path
) -> None:
    committed_in_blobs(exchange, pipeline)
    expected = sorted(hashes_of(pipeline))
    store = Store(tmp_path / "kept")
    node = sources_of(s.DevelopmentNode(anvil.w3))
    archiver = Archiver(anvil.w3, exchange.deployment, node, store)
    assert archiver.step() == 3
    assert archiver.step() == 0
    assert store.hashes() == expected
    with served(archiver) as url:
        http = httpx.Client(base_url=url)
        assert http.get("/v1/health").json()["healthy"] is True
        page = http.get("/v1/blobs", params={"limit": 2}).json()
        assert page == {"blobs": ["0x" + each.hex() for each in expected[:2]], "kept": 3}
        rest = http.get("/v1/blobs", params={"after": page["blobs"][-1]}).json()["blobs"]
        assert rest == ["0x" + expected[2].hex()]
        answer = http.get("/v1/blobs/0x" + expected[0].hex())
        assert answer.content == store.get(expected[0])
        report = audit(anvil.w3, exchange.deployment, sources=sources_of(s.Archiver(url)))
        assert report.sound, report.text()
        other, copy = sources_of(s.Archiver(url)), Store(tmp_path / "copy")
        again = Archiver(anvil.w3, exchange.deployment, other, copy)
        assert again.step() == 3


def test_archiver_without_a_source_says_what_is_missing_and_gets_it_later(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline, tmp_path: Path
) -> None:
    committed_in_blobs(exchange, pipeline)
    empty, store = Store(tmp_path / "empty"), Store(tmp_path / "kept")
    archiver = Archiver(anvil.w3, exchange.deployment, sources_of(empty), store, span=5)
    while not archiver.caught_up or archiver.health()["block"] < anvil.height:
        assert archiver.step() == 0
    assert archiver.health()["missing"] == 3
    assert archiver.health()["healthy"] is False
    with pytest.raises(BlobMissing, match="has none"):
        list(bodies(anvil.w3, exchange.deployment, sources_of(empty)))
    for batch_id in pipeline.archive.ids():
        sidecar = Sidecar.of(pipeline.archive.read(batch_id).words)
        empty.put(sidecar.hashes[0], sidecar.blobs[0])
    assert archiver.step() == 3
    assert archiver.health()["healthy"] is True


def test_archiver_after_a_reorg_keeps_what_came_in_its_place(
    exchange: AnvilExchange, anvil: Anvil, pipeline: Pipeline, tmp_path: Path
) -> None:
    committer = committer_of(exchange, pipeline)
    change_mode(pipeline, committer)
    landed(committer.step(), anvil)
    store = Store(tmp_path / "kept")
    node = sources_of(s.DevelopmentNode(anvil.w3))
    archiver = Archiver(anvil.w3, exchange.deployment, node, store)
    assert archiver.step() == 1
    anvil.reorg(1)
    run(committer, anvil)
    while not archiver.caught_up or archiver.health()["block"] < anvil.height:
        archiver.step()
    assert store.hashes() == sorted(hashes_of(pipeline))
    assert archiver.health()["healthy"] is True
