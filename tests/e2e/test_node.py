"""The whole node on a real chain, by way of the client."""

import asyncio
import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from eth_account.signers.local import LocalAccount

from matcher import commands as c
from matcher.batch import genesis
from matcher.chain.audit import audit
from matcher.chain.committer import Committer
from matcher.client import Client, RequestRefused
from matcher.eip712 import keccak
from matcher.errors import (
    ChainError,
    DeploymentError,
    JournalError,
    Reject,
    ReorgBelowConfirmed,
)
from matcher.exchange import Exchange
from matcher.journal.writer import Identity, Journal
from matcher.node import Node, NodeStopped
from matcher.policy import Policy
from matcher.readers import TOP, Level, Tops
from matcher.settings import Settings, SettingsError
from matcher.shared.segments import OwnerGone, SegmentBusy
from matcher.shared.tables import TableWriter
from matcher.types import OpKind, Windows
from tests.support.anvil import Anvil, AnvilExchange, anvil_exchange, running_anvil
from tests.support.exchange import TOKENS, Roles
from tests.support.process import (
    NodeProcess,
    NodeThread,
    Watched,
    node_thread,
    running_node,
)

WINDOWS = Windows(challenge=600, answer=100, freeze=90_000, notice=60, lag=300)
TRIES = 200
PRICE = 50_000  # atoms per lot: 500 ticks of 100
BATCH_FINAL = 2  # BatchStatus of the contracts


class Street:
    """An exchange on anvil with a maker and a taker, and the nodes that run it."""

    def __init__(self, exchange: AnvilExchange, directory: Path):
        self.exchange = exchange
        self.anvil = exchange.anvil
        self.roles = exchange.roles
        self.data = directory / "data"
        self.record = exchange.deployment.save(directory / "deployment.json")
        self.symbol = exchange.deployment.markets.functions.symbolOf(1).call()
        self.taker = exchange.open(self.roles.taker)
        self.maker = exchange.open(self.roles.maker)

    def process(self, *more: str) -> AbstractContextManager[NodeProcess]:
        """A node in a process of its own."""
        key = bytes(self.roles.operator.key)
        options = ("--batch-age", "1", *more)
        return running_node(self.anvil.url, self.record, self.data, *options, key=key)

    def node(self, commits: bool = True) -> AbstractContextManager[NodeThread]:
        """A node in this process."""
        return node_thread(self.settings(commits))

    def settings(self, commits: bool = True, **changes: Any) -> Settings:
        settings = Settings(
            rpc=self.anvil.url,
            data=self.data,
            deployment=self.record,
            port=0,
            operator=self.roles.operator if commits else None,
            batches=Policy(max_age=1),
            poll=0.05,
        )
        return msgspec.structs.replace(settings, **changes)

    def client(self, node: Watched, trader: LocalAccount) -> Client:
        return Client(node.url, bytes(trader.key))

    def journaled(self) -> list[c.Command]:
        """What the journal of a node that is down holds."""
        deployment = self.exchange.deployment
        registry = bytes.fromhex(deployment.registry.address[2:])
        first = keccak(genesis(deployment.genesis_built_at))
        with Journal(self.data / "journal", Identity(deployment.chain_id, registry, first)) as j:
            return [command for _, command in j.replay()]

    def state_after(self, commands: list[c.Command]) -> str:
        engine = Exchange(WINDOWS)
        for command in commands:
            engine.apply(command)
        return "0x" + engine.state_hash().hex()

    def claim(self, sender: LocalAccount, proof: dict[str, Any]) -> int:
        """What a claim with the gateway's proof pays, atoms."""
        token, vault = self.exchange.deployment.token, self.exchange.deployment.vault
        owner = vault.functions.ownerOf(int(proof["account"])).call()
        before = token.functions.balanceOf(owner).call()
        call = vault.functions.claim(int(proof["account"]), *claim_arguments(proof))
        self.exchange.send(sender, call)
        return int(token.functions.balanceOf(owner).call() - before)

    def lens_op(self, proof: dict[str, Any]) -> Any:
        """What the chain makes of the gateway's proof of a fill: status of the batch, the op."""
        lens = self.exchange.deployment.lens
        header, path = header_and_path(proof)
        word = int(proof["word"], 16)
        return lens.functions.verifyOp(header, int(proof["index"]), word, path).call()


def header_and_path(proof: dict[str, Any]) -> tuple[Any, Any]:
    """Header and path of any proof as the contracts take them."""
    names = ("info", "parent", "chunksRoot", "stateRoot", "blobsHash", "extra")
    header = tuple(proof["header"][name] for name in names)
    return header, (int(proof["path"]["present"], 0), proof["path"]["siblings"])


def claim_arguments(proof: dict[str, Any]) -> tuple[Any, ...]:
    """Header, leaf and path as the Vault takes them."""
    header, path = header_and_path(proof)
    return header, proof["leaf"], path


@pytest.fixture(scope="module")
def listed(artifacts: Any, roles: Roles) -> Iterator[AnvilExchange]:
    with running_anvil() as anvil:
        yield anvil_exchange(anvil, roles, WINDOWS)


@pytest.fixture
def street(listed: AnvilExchange, tmp_path: Path) -> Iterator[Street]:
    anvil = listed.anvil
    snapshot = anvil.rpc("evm_snapshot")
    anvil.mine()  # no block of this test has the hash of another test's
    yield Street(listed, tmp_path)
    anvil.restore(snapshot)


@pytest.fixture
def anvil(street: Street) -> Anvil:
    return street.anvil


def test_node_from_deposit_to_claim_over_a_kill(street: Street, anvil: Anvil) -> None:
    roles, exchange = street.roles, street.exchange
    with street.process() as node:
        node.wait("node ready")
        node.wait("batches confirmed", last=1)  # the deposits are credited
        with (
            street.client(node, roles.taker) as taker,
            street.client(node, roles.maker) as maker,
        ):
            resting = maker.sell(street.symbol, PRICE, 7)
            bought = taker.buy(street.symbol, PRICE, 5)
            assert [fill["lots"] for fill in bought["fills"]] == ["5"]
            alive = taker.status()["state"]
            last = maker.sell(street.symbol, 2 * PRICE, 1)  # acknowledged, then the lights go out
        node.kill()

    commands = street.journaled()
    assert alive["hash"] == street.state_after(commands[: int(alive["journalSequence"])])

    with street.process() as node:
        replayed = node.wait("journal replayed")
        assert replayed["commands"] == len(commands)
        assert replayed["state"] == street.state_after(commands)
        node.wait("node ready")
        with (
            street.client(node, roles.taker) as taker,
            street.client(node, roles.maker) as maker,
        ):
            orders = {o["id"]: (o["status"], o["remaining"]) for o in maker.open_orders()}
            assert orders == {
                resting["order"]["id"]: ("open", "2"),
                last["order"]["id"]: ("open", "1"),
            }
            node.wait("batches confirmed", last=2)
            taker.withdraw(11 * TOKENS)
            node.wait("batches confirmed", last=3)
            anvil.travel(WINDOWS.final_after)
            node.wait("batches final", last=3)
            proof = taker.account_proof()
            assert proof["batch"] == "3"
            (fill,) = taker.fills()
            status, op = street.lens_op(taker.fill_proof(int(fill["number"])))
            assert (status, op[0], op[7]) == (BATCH_FINAL, OpKind.FILL, 5)
            assert street.claim(roles.outsider, proof) == 11 * TOKENS
            assert street.claim(roles.outsider, proof) == 0
            files = order_files(taker)
        assert node.terminate() == 0
        node.wait("node ended")
    report = audit(anvil.w3, exchange.deployment, files)
    assert report.sound, report.text()
    assert [law.holds for law in report.laws] == [True] * 8
    assert report.money.claimed == 11 * TOKENS


def order_files(client: Client) -> list[tuple[int, bytes]]:
    """Every order file that the gateway publishes, byte for byte."""
    ids = [int(batch["batch"]) for batch in client.get("/batches")["batches"]]
    return [(i, httpx.get(f"{client.url}/v1/batches/{i}/orders").content) for i in ids]


# --- batches that were not committed in time ---------------------------------------------------


def test_node_whose_batches_became_too_old_redates_and_commits_them(
    street: Street, anvil: Anvil
) -> None:
    with street.node(commits=False) as node:
        node.wait("node ready")
        with street.client(node, street.roles.maker) as maker:
            maker.sell(street.symbol, PRICE, 1)  # the next command closes the batch of deposits
            anvil.travel(2)
            maker.sell(street.symbol, PRICE, 1)
        assert node.stop() is None
    anvil.travel(WINDOWS.lag + 1)
    with street.node() as node:
        assert node.wait("batches redated", first=1)["last"] == 1
        node.wait("batches committed", last=1)
        with street.client(node, street.roles.maker) as maker:
            assert maker.status()["head"] == "1"
            assert len(maker.open_orders()) == 2
    assert audit(anvil.w3, street.exchange.deployment).sound


def test_node_whose_batches_cannot_be_redated_halts_trading_and_serves_on(
    street: Street, anvil: Anvil
) -> None:
    with street.node(commits=False) as node:
        node.wait("node ready")
        with (
            street.client(node, street.roles.taker) as taker,
            street.client(node, street.roles.maker) as maker,
        ):
            soon = maker.now() + 60
            maker.sell(street.symbol, PRICE, 5, expiry=soon)
            assert taker.buy(street.symbol, PRICE, 5, expiry=soon)["fills"]
        anvil.travel(2)
        assert node.stop() is None
    anvil.travel(WINDOWS.lag + 1)
    with street.node() as node:
        halted = node.wait("trading halted")
        assert "can be neither committed nor redated" in halted["reason"]
        assert f"expires at {soon}" in halted["error"]
        node.wait("node ready")
        with street.client(node, street.roles.maker) as maker:
            with pytest.raises(RequestRefused) as caught:
                maker.sell(street.symbol, PRICE, 1)
            assert caught.value.code == Reject.HALTED
            assert maker.status()["head"] == "0"


# --- the chain against us ----------------------------------------------------------------------


def test_node_tells_traders_of_a_pause_and_goes_on_after_it(street: Street) -> None:
    pause = street.exchange.deployment.registry.functions.setPaused
    with street.node() as node:
        node.wait("batches confirmed", last=1)
        with street.client(node, street.roles.maker) as maker:
            street.exchange.send(street.roles.owner, pause(True))
            with pytest.raises(RequestRefused) as caught:
                until_refused(lambda: maker.buy(street.symbol, 100, 1))
            assert caught.value.code == Reject.HALTED
            street.exchange.send(street.roles.owner, pause(False))
            until_taken(lambda: maker.buy(street.symbol, 100, 1))


def until_refused(order: Callable[[], object]) -> None:
    """The node hears of a pause a moment later; each try is a request."""
    for _ in range(TRIES):
        order()


def until_taken(order: Callable[[], object]) -> None:
    for _ in range(TRIES):
        try:
            order()
        except RequestRefused:
            continue
        return
    raise AssertionError(f"refused {TRIES} times")


def test_node_on_a_chain_that_took_back_what_was_told_ends_and_says_which_block(
    street: Street, anvil: Anvil
) -> None:
    with street.node() as node:
        node.wait("batches confirmed", last=1)
        anvil.reorg(2)
        failed = node.ended()
    assert isinstance(failed, NodeStopped)
    assert re.match(r"(follower|committer): ReorgBelowConfirmed: block \d+: found 0x", str(failed))
    with pytest.raises(ReorgBelowConfirmed):
        asyncio.run(Node(street.settings()).run())


def test_node_whose_rpc_ends_serves_on_and_ends_in_order(
    artifacts: Any, roles: Roles, tmp_path: Path
) -> None:
    with running_anvil() as mortal:
        street = Street(anvil_exchange(mortal, roles, WINDOWS), tmp_path)
        with street.node() as node:
            node.wait("batches confirmed", last=1)
            mortal.kill()
            node.wait("the chain does not answer")
            with street.client(node, roles.maker) as maker:
                assert maker.sell(street.symbol, PRICE, 1)["order"]["status"] == "open"
            assert node.stop() is None


def test_node_without_its_deployment_says_which_file_is_missing(street: Street) -> None:
    settings = street.settings(deployment=Path("nowhere.json"))
    with pytest.raises(DeploymentError, match=r"nowhere.json: no such file; chain 31337 is new"):
        asyncio.run(Node(settings).run())


def test_node_without_a_chain_says_where_it_looked(street: Street) -> None:
    with pytest.raises(ChainError, match=r"http://127.0.0.1:9: no answer"):
        asyncio.run(Node(street.settings(rpc="http://127.0.0.1:9")).run())


def test_node_whose_port_is_taken_says_so(street: Street) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(SettingsError, match=f"127.0.0.1:{port}: cannot listen there"):
            asyncio.run(Node(street.settings(port=port)).run())
    assert street.journaled()  # and the journal was let go


def test_node_beside_another_on_the_same_data_refuses(street: Street) -> None:
    with street.node(commits=False) as node:
        node.wait("node ready")
        with pytest.raises(JournalError, match=f"process {os.getpid()} writes here"):
            asyncio.run(Node(street.settings()).run())


def test_node_whose_task_fails_ends_in_order_and_names_it(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Committer) -> None:
        raise ZeroDivisionError("planted")

    monkeypatch.setattr(Committer, "step", broken)
    with street.node() as node:
        failed = node.ended()
        assert isinstance(failed, NodeStopped)
        assert str(failed) == "committer: ZeroDivisionError: planted"
        assert node.wait("node ended")


def test_node_shows_its_tops_to_other_processes(street: Street) -> None:
    name = f"tops-{os.getpid()}"
    with node_thread(street.settings(publish=name)) as node:
        node.wait("publishing", name=name)
        tops = Tops.attach(name)
        node.wait("batches confirmed", last=1)  # the deposits are credited
        with street.client(node, street.roles.maker) as maker:
            maker.sell(street.symbol, PRICE, 7)
            assert tops.top(street.symbol).ask == Level(PRICE, PRICE // 100, 7, 1)
            assert tops.top(street.symbol).bid is None
            assert tops.sequence >= tops.top(street.symbol).sequence > 0
            with pytest.raises(SegmentBusy):
                TableWriter.create(name, TOP, rows=1)
    with pytest.raises(OwnerGone, match="closed by its owner"):
        tops.check_writer()
