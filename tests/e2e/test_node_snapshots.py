"""A node in one process starts again behind its snapshot, and tells the same story."""

from collections.abc import Iterator
from typing import Any

import pytest

from matcher import commands as c
from tests.e2e.test_node import WINDOWS, Street
from tests.e2e.test_processes_snapshots import bodies, check_bodies, story, trade
from tests.support.anvil import anvil_exchange, running_anvil
from tests.support.exchange import Roles
from tests.support.process import NodeProcess
from tests.support.several import wait_until

EVERY = 40  # commands
TRADES = 20


@pytest.fixture(scope="module")
def street(
    artifacts: Any, roles: Roles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Street]:
    with running_anvil() as anvil:
        yield Street(anvil_exchange(anvil, roles, WINDOWS), tmp_path_factory.mktemp("street"))


def told(street: Street, node: NodeProcess) -> list[dict[str, Any]]:
    """What the node says of both traders, once every batch stands on the chain."""

    def settled() -> bool:
        if street.exchange.head() != max(bodies(street.data), default=0):
            return False
        with street.client(node, street.roles.taker) as taker:
            return all(fill["batch"] is not None for fill in taker.fills(1000))

    wait_until("all is committed", settled)
    return [story(street, node, trader) for trader in (street.roles.maker, street.roles.taker)]


def replay_of(node: NodeProcess) -> dict[str, Any]:
    return node.wait("journal replayed")


def test_node_that_was_killed_starts_behind_its_snapshot_and_tells_the_same(street: Street) -> None:
    roles, options = street.roles, ("--snapshot-every", str(EVERY))
    folder = street.data / "snapshots" / "node"
    with street.process(*options) as node:
        assert replay_of(node)["commands"] == 0
        node.wait("batches confirmed", last=1)  # the deposits are credited
        with street.client(node, roles.maker) as maker, street.client(node, roles.taker) as taker:
            trade(street, maker, taker, TRADES)
        wait_until("a snapshot", lambda: list(folder.glob("snapshot-*")))
        before, archived = told(street, node), bodies(street.data)
        assert len(before[0]["fills"]) == TRADES
        node.kill()

    journaled = street.journaled()
    with street.process(*options) as node:
        replay = replay_of(node)
        assert EVERY <= replay["commands"] - replay["replayed"] < replay["commands"]
        assert replay["commands"] == len(journaled)
        assert replay["state"] == street.state_after(journaled)
        assert told(street, node) == before
        check_bodies(street, archived)
        with street.client(node, roles.maker) as maker, street.client(node, roles.taker) as taker:
            maker.account_proof("latest")  # which the client verifies
            taker.fill_proof(int(before[1]["fills"][0]["number"]))
            trade(street, maker, taker, 5)
        before, archived = told(street, node), bodies(street.data)
        assert len(before[0]["fills"]) == TRADES + 5
        assert node.terminate() == 0

    for snapshot in folder.glob("snapshot-*"):
        snapshot.write_bytes(snapshot.read_bytes()[:-100])
    with street.process(*options) as node:
        replay = replay_of(node)
        assert replay["replayed"] == replay["commands"], "damaged snapshots are passed by"
        assert told(street, node) == before
        check_bodies(street, archived)
        assert node.terminate() == 0
    blocks = [one.number for one in street.journaled() if isinstance(one, c.ChainBlock)]
    assert blocks == sorted(set(blocks)), "the chain was told again what the journal has"
