"""The challenger as a process of its own, on a real node: killed, overtaken, asked."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from click.testing import CliRunner

from demo.fraud.lies import send_blobs
from matcher.blobs.encoding import Sidecar
from matcher.chain.fees import FeePolicy
from matcher.challenger.__main__ import cli
from matcher.challenger.challenger import Challenger, Options
from matcher.client import Client
from matcher.reference.tree import keccak
from matcher.reference.words import pack_chunk
from matcher.types import Windows
from tests.support.anvil import AnvilExchange, anvil_exchange, running_anvil
from tests.support.chain import ETHER
from tests.support.exchange import Roles
from tests.support.process import NodeProcess, running_node

WINDOWS = Windows(challenge=600, answer=100, freeze=90_000, notice=60, lag=300)
PRICE = 50_000


class Stage:
    """An exchange on anvil, and challengers of it."""

    def __init__(self, exchange: AnvilExchange, directory: Path):
        self.exchange = exchange
        self.anvil = exchange.anvil
        self.roles = exchange.roles
        self.directory = directory
        self.record = exchange.deployment.save(directory / "deployment.json")

    def lie(self) -> None:
        """Commit an empty chunk that states some root."""
        registry = self.exchange.deployment.registry.functions
        number = self.anvil.height
        block: Any = self.anvil.w3.eth.get_block(number)
        head = registry.head().call()[0]
        parent = registry.ringWord(head).call()[:27] + bytes(5)
        words = pack_chunk([], keccak(b"a root"))
        call = registry.commit(
            block["timestamp"], parent, number, bytes(block["hash"]), bytes(32), words
        )
        self.anvil.travel(1)
        self.exchange.send(self.roles.operator, call)

    def lie_in_blobs(self) -> Sidecar:
        """The same in a blob, with something left behind the chunk: nobody's words, but the
        commitment is to them.
        """
        registry = self.exchange.deployment.registry.functions
        self.anvil.travel(1)
        block: Any = self.anvil.w3.eth.get_block("latest")
        head = registry.head().call()[0]
        parent = registry.ringWord(head).call()[:27] + bytes(5)
        words = pack_chunk([], keccak(b"a root")) + [(1 << 247) + i for i in range(32)]
        sidecar = Sidecar.of(b"".join(word.to_bytes(32, "big") for word in words))
        call = registry.commitBlobs(
            block["timestamp"] - 1,
            parent,
            block["number"],
            bytes(block["hash"]),
            bytes(32),
            1,
            sidecar.opening(0),
        )
        send_blobs(self.anvil.w3, self.roles.operator, call, sidecar)
        return sidecar

    def hire(self) -> None:
        """Another operator, after one was retired."""
        registry = self.exchange.deployment.registry.functions
        self.exchange.send(self.roles.owner, registry.addOperator(self.roles.operator.address))
        index = registry.operatorCount().call()
        self.exchange.send(self.roles.operator, registry.addBond(index), value=10 * ETHER)
        self.exchange.send(self.roles.owner, registry.setOperator(index))

    def nonce(self) -> int:
        return self.anvil.w3.eth.get_transaction_count(self.roles.challenger.address)

    @contextmanager
    def challenger(self, *options: str) -> Iterator[NodeProcess]:
        process = NodeProcess(self.start(*options))
        try:
            yield process
        finally:
            process.kill()

    def once(self, *options: str) -> tuple[int, str]:
        """Exit code and log of a run that ends by itself, in this process."""
        ran = CliRunner().invoke(
            cli,
            [*self.command(), "--once", *options],
            env={"QUOIN_CHALLENGER_KEY": self.roles.challenger.key.to_0x_hex()},
        )
        structlog.reset_defaults()
        return ran.exit_code, ran.output

    def start(self, *options: str) -> subprocess.Popen[str]:
        environment = {k: v for k, v in os.environ.items() if not k.startswith("QUOIN_")}
        environment["QUOIN_CHALLENGER_KEY"] = self.roles.challenger.key.to_0x_hex()
        line = [sys.executable, "-m", "matcher.challenger", *self.command(), *options]
        return subprocess.Popen(line, stderr=subprocess.PIPE, text=True, env=environment)

    def command(self) -> list[str]:
        return [*self.where(), "--data", str(self.directory / "watch"), "--log-json"]

    def where(self) -> list[str]:
        return ["--rpc", self.anvil.url, "--deployment", str(self.record), "--poll", "0.05"]

    @contextmanager
    def archiver(self) -> Iterator[NodeProcess]:
        line = [sys.executable, "-m", "matcher.archiver", *self.where(), "--log-json"]
        line += ["--data", str(self.directory / "kept"), "--port", "0"]
        process = NodeProcess(subprocess.Popen(line, stderr=subprocess.PIPE, text=True))
        try:
            yield process
        finally:
            process.kill()

    @contextmanager
    def node(self, *options: str) -> Iterator[NodeProcess]:
        """The operator's, which answers questions."""
        with running_node(
            self.anvil.url,
            self.record,
            self.directory / "data",
            *("--batch-age", "1", *options),
            key=bytes(self.roles.operator.key),
            answerer=bytes(self.roles.outsider.key),
        ) as node:
            yield node


@pytest.fixture(scope="module")
def listed(artifacts: Any, roles: Roles) -> Iterator[AnvilExchange]:
    with running_anvil() as anvil:
        yield anvil_exchange(anvil, roles, WINDOWS)


@pytest.fixture
def stage(listed: AnvilExchange, tmp_path: Path) -> Iterator[Stage]:
    snapshot = listed.anvil.rpc("evm_snapshot")
    yield Stage(listed, tmp_path)
    listed.anvil.restore(snapshot)


def test_running_challenger_convicts_a_lie_and_shows_its_health(stage: Stage) -> None:
    with stage.challenger("--status-port", "0") as challenger:
        url = challenger.wait("status")["url"]
        challenger.wait("challenger begins")
        stage.lie()
        said = challenger.wait("convicted")
        assert said["batch"] == 1
        assert said["reward"] == ETHER
        assert stage.exchange.head() == 0
        challenger.wait("batch reverted", batch=1)
        health = httpx.get(f"{url}/v1/health").json()
        assert health["status"] == "ok"
        assert health["lies"] == health["tally"]["convicted"] == 1
        metrics = httpx.get(f"{url}/metrics").text
        assert "quoin_challenger_convicted_total 1.0" in metrics.splitlines()
        assert httpx.get(f"{url}/other").status_code == 404
        assert challenger.terminate() == 0


def test_challenger_killed_with_its_proof_under_way_sends_no_second_one(stage: Stage) -> None:
    stage.lie()
    stage.anvil.automine(False)
    before = stage.nonce()
    with stage.challenger() as challenger:
        challenger.wait("sent", what="convict batch 1")
    with stage.challenger() as again:
        again.wait("a transaction of an earlier process waits")
        stage.anvil.mine()
        stage.anvil.automine(True)
        again.wait("batch reverted", batch=1)
        stage.hire()
        stage.lie()
        again.wait("convicted", batch=1)
        assert again.terminate() == 0
    assert stage.nonce() == before + 2


def test_challenger_killed_at_any_line_convicts_in_the_end_with_one_transaction(
    stage: Stage,
) -> None:
    stage.lie()
    before = stage.nonce()
    for line in ("batch judged", "sent"):
        with stage.challenger() as challenger:
            challenger.wait(line)
    with stage.challenger() as last:
        while stage.exchange.head():
            last.wait("batch judged")
            stage.anvil.mine()
    assert stage.once()[0] == 0
    assert stage.nonce() == before + 1
    assert stage.exchange.head() == 0


def test_reorganization_of_the_proof_convicts_again(stage: Stage) -> None:
    stage.lie()
    with stage.challenger() as challenger:
        challenger.wait("batch reverted", batch=1)
        stage.anvil.reorg(1)  # the proof's block alone
        challenger.wait("reading everything again")
        challenger.lines.clear()
        challenger.wait("batch reverted", batch=1)
    assert stage.exchange.head() == 0


def test_proof_that_is_stuck_is_offered_for_more_under_the_same_nonce(stage: Stage) -> None:
    stage.lie()
    before = stage.nonce()
    stage.anvil.automine(False)
    challenger = Challenger(stage.exchange.deployment, Options(account=stage.roles.challenger))
    while not challenger.post.under_way:
        challenger.step()
    first = challenger.post._flight
    assert first is not None
    offered = first.fees
    for blocks, sent in ((FeePolicy().patience - 1, 1), (1, 2)):
        stage.anvil.rpc("evm_setBlockGasLimit", hex(30_000))  # too small for it
        stage.anvil.mine(blocks)
        stage.anvil.rpc("evm_setBlockGasLimit", hex(30_000_000))
        challenger.step()
        assert len(first.sent) == sent
    assert challenger.post._flight is first
    assert first.nonce == before
    assert 8 * first.fees.limit >= 9 * offered.limit
    assert 8 * first.fees.tip >= 9 * offered.tip
    stage.anvil.mine()
    stage.anvil.automine(True)
    while challenger.step() or challenger.post.under_way:
        pass
    assert challenger.tally.convicted == 1
    assert stage.nonce() == before + 1


def test_once_says_by_its_exit_code_what_it_found(stage: Stage) -> None:
    assert stage.once()[0] == 0
    stage.lie()
    code, said = stage.once("--dry-run")
    assert code == 1
    assert "convict batch 1" in said
    assert stage.exchange.head() == 1
    assert stage.once()[0] == 1
    assert stage.exchange.head() == 0
    stage.hire()
    stage.lie()
    stage.anvil.travel(WINDOWS.final_after)
    code, said = stage.once()
    assert code == 4
    assert "batch 1 is final and lies" in said
    broken = stage.record.read_text().replace(stage.exchange.deployment.genesis_hash, "0x00")
    stage.record.write_text(broken)
    code, said = stage.once()
    assert code == 3
    assert "expected the deployment's 0x00" in said


def test_operator_answers_from_his_archive_what_a_blind_challenger_asks(stage: Stage) -> None:
    """Who has no order file asks; the node's answerer has them all."""
    roles, deployment = stage.roles, stage.exchange.deployment
    for trader in (roles.taker, roles.maker):
        stage.exchange.open(trader)
    symbol = deployment.markets.functions.symbolOf(1).call()
    with stage.node() as node:
        node.wait("batches confirmed", last=1)  # the deposits are credited
        with (
            Client(node.url, bytes(roles.taker.key)) as buyer,
            Client(node.url, bytes(roles.maker.key)) as seller,
        ):
            seller.sell(symbol, PRICE, 3)
            assert [fill["lots"] for fill in buyer.buy(symbol, PRICE, 3)["fills"]] == ["3"]
        node.wait("batches confirmed", last=2)
        with stage.challenger("--file-patience", "0", "--questions", "2") as challenger:
            challenger.wait("order file missing")
            for side in (0, 1):
                node.wait("landed", what=f"answer batch 2 chunk 0 op 0 side {side}")
            questions = deployment.contract("unauthorized_prover")
            answered = questions.events.QuestionAnswered().get_logs(from_block=0)
            assert len(answered) == 2
            assert {one["args"]["answerer"] for one in answered} == {roles.outsider.address}
            assert challenger.terminate() == 0
        assert node.terminate() == 0


def test_lie_in_a_blob_is_convicted_by_who_has_blobs_from_an_archiver(stage: Stage) -> None:
    exchange, roles = stage.exchange, stage.roles
    exchange.open(roles.taker)
    with stage.archiver() as archiver:
        url = archiver.wait("archiver ready")["url"]
        with stage.node("--mode", "blob") as node:
            node.wait("batches confirmed", last=1)
            assert node.terminate() == 0
        lie = stage.lie_in_blobs()
        archiver.wait("blob kept", hash="0x" + lie.hashes[0].hex())
        before = stage.anvil.w3.eth.get_balance(roles.challenger.address)
        with stage.challenger("--archiver", url, "--log-level", "debug") as challenger:
            assert challenger.wait("convicted")["batch"] == 2
            challenger.wait("batch reverted", batch=2)
            assert challenger.terminate() == 0
        had = [line["source"] for line in challenger.lines if line["event"] == "blob had"]
        assert had == [f"the archiver {url}"] * 2
        assert httpx.get(f"{url}/v1/health").json()["healthy"] is True
        assert archiver.terminate() == 0
    assert exchange.head() == 1
    earned = stage.anvil.w3.eth.get_balance(roles.challenger.address) - before
    assert 0.99 * ETHER < earned < ETHER  # the reward, less the gas
    found, _, _, retired = exchange.deployment.registry.functions.operators(1).call()
    assert (found, retired) == (roles.operator.address, True)
