"""Processes of an exchange start again behind their snapshots, and tell the same story."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from eth_account.signers.local import LocalAccount

from matcher import commands as c
from matcher.archive import Archive
from matcher.client import Client
from matcher.processes.supervisor import ask_states
from matcher.readers import Tops
from tests.e2e.test_node import WINDOWS, Street
from tests.support.anvil import anvil_exchange, running_anvil
from tests.support.exchange import Roles
from tests.support.process import NodeProcess
from tests.support.several import agreeing, check_nothing_left, running, wait_until

EVERY = 40  # commands
TRADES = 30
PRICE, LOW = 1000, 100  # atoms per lot
FOLLOWERS = ("batcher", "gateway-1", "gateway-2", "publisher")


@pytest.fixture(scope="module")
def street(
    artifacts: Any, roles: Roles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Street]:
    with running_anvil() as anvil:
        yield Street(anvil_exchange(anvil, roles, WINDOWS), tmp_path_factory.mktemp("street"))


def trade(street: Street, maker: Client, taker: Client, count: int) -> None:
    """Fills, to and fro, and an order that is canceled beside each; one order rests in the end."""
    for number in range(count):
        first, second = (maker, taker) if number % 2 else (taker, maker)
        first.sell(street.symbol, PRICE, 1)
        second.buy(street.symbol, PRICE, 1)
        first.cancel(int(first.buy(street.symbol, 2 * LOW, 2)["order"]["id"]))
    maker.buy(street.symbol, LOW, 1)


def story(street: Street, node: NodeProcess, trader: LocalAccount) -> dict[str, Any]:
    """What a gateway says of a trader, his market and the batches."""
    with street.client(node, trader) as client:
        account = client.account
        return {
            "open": client.open_orders(),
            "fills": client.fills(1000),
            "orders": [client.order(order["id"]) for order in client.open_orders()[:5]],
            "balances": client.balances(),
            "trades": client.trades(street.symbol, 1000),
            "book": [client.book(street.symbol)[side] for side in ("bids", "asks")],
            "closed": client.get(f"/accounts/{account}/orders", status="closed", limit=1000),
            "movements": client.get(f"/accounts/{account}/movements"),
            "batches": [
                (batch["batch"], batch["ops"], batch["stateRoot"], batch["batchHash"])
                for batch in client.get("/batches", limit=1000)["batches"]
            ],
        }


def told_by_all(street: Street, node: NodeProcess) -> list[dict[str, Any]]:
    """Every gateway's story: who answers a connection is left to the system."""
    traders = (street.roles.maker, street.roles.taker)
    first = [story(street, node, trader) for trader in traders]
    for _ in range(3):
        for trader, known in zip(traders, first, strict=True):
            told = story(street, node, trader)
            assert [name for name, what in told.items() if what != known[name]] == []
    return first


def bodies(data: Path) -> dict[int, tuple[bytes, bytes, bytes]]:
    """The archive's batches."""
    archive = Archive(data / "batches")
    batches = (archive.read(batch_id) for batch_id in archive.ids())
    return {batch.id: (batch.header, batch.words, batch.order_file) for batch in batches}


def quiet(street: Street, node: NodeProcess) -> dict[str, Any]:
    """Nothing is under way: all agree, and every batch stands on the chain."""

    def settled() -> dict[str, Any] | None:
        agreed, last = agreeing(street), max(bodies(street.data), default=0)
        if agreed is None or street.exchange.head() != last:
            return None
        with street.client(node, street.roles.taker) as taker:
            placed = all(fill["batch"] is not None for fill in taker.fills(1000))
        return agreed if placed else None

    return wait_until("all agree, and all is committed", settled)


def test_processes_that_were_killed_start_behind_their_snapshots_and_tell_the_same(
    street: Street,
) -> None:
    roles, name = street.roles, f"snapshots-{os.getpid()}"
    options = ("--publish", name, "--snapshot-every", str(EVERY))
    with running(street, 2, *options) as node:
        node.wait("batches confirmed", last=1)  # the deposits are credited
        with street.client(node, roles.maker) as maker, street.client(node, roles.taker) as taker:
            trade(street, maker, taker, TRADES)
        for place in ("", "batcher", "readers"):
            folder = street.data / "snapshots" / place
            wait_until(f"a snapshot in {place}", lambda f=folder: list(f.glob("snapshot-*")))
        agreed = quiet(street, node)
        before, archived = told_by_all(street, node), bodies(street.data)
        assert len(before[0]["fills"]) == TRADES
        assert agreed["sequence"] > 3 * EVERY

        pids = {row["process"]: int(row["pid"]) for row in ask_states(street.data)}
        for process in FOLLOWERS:
            os.kill(pids[process], signal.SIGKILL)
        for process in FOLLOWERS:
            node.wait("process ready", process=process, starts=2)
        check_replays(node, FOLLOWERS)
        quiet(street, node)
        assert told_by_all(street, node) == before
        check_bodies(street, archived)
        with street.client(node, roles.maker) as maker, street.client(node, roles.taker) as taker:
            maker.account_proof("latest")  # which the client verifies
            taker.fill_proof(int(before[1]["fills"][0]["number"]))
            trade(street, maker, taker, 5)
        quiet(street, node)
        before, archived = told_by_all(street, node), bodies(street.data)
        assert node.terminate() == 0
    check_nothing_left(street.data, name)

    with running(street, 2, *options) as node:
        assert node.url
        check_replays(node, FOLLOWERS)
        quiet(street, node)
        assert told_by_all(street, node) == before
        check_bodies(street, archived)
        bid = Tops.attach(name).top(street.symbol).bid
        assert bid is not None
        assert (bid.price, bid.orders) == (LOW, 2)
        with street.client(node, roles.maker) as maker, street.client(node, roles.taker) as taker:
            trade(street, maker, taker, 5)
        quiet(street, node)
        assert node.terminate() == 0
    told = [command for command in street.journaled() if isinstance(command, c.ChainBlock)]
    numbers = [block.number for block in told]
    assert numbers == sorted(set(numbers)), "the chain was told again what the journal has"


def check_replays(node: NodeProcess, processes: tuple[str, ...]) -> None:
    """The last replay of each began behind a snapshot."""
    for process in processes:
        lines = [
            line
            for line in node.lines
            if line["event"] == "journal replayed" and line["process"] == process
        ]
        assert lines, process
        assert lines[-1]["replayed"] < lines[-1]["commands"], lines[-1]


def check_bodies(street: Street, archived: dict[int, tuple[bytes, bytes, bytes]]) -> None:
    """What was archived is as it was, and each batch follows the one before."""
    now = bodies(street.data)
    assert {batch_id: now[batch_id] for batch_id in archived} == archived
    assert sorted(now) == list(range(1, max(now) + 1))
