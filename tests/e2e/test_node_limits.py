"""A node goes on under the limits of its journal, in one process or in several."""

from collections.abc import Iterator
from typing import Any

import pytest

from matcher.batch import genesis
from matcher.client import Client, RequestRefused
from matcher.eip712 import keccak
from matcher.errors import Reject
from matcher.journal.writer import Identity, Journal
from matcher.kernel.pools import Limits
from tests.e2e.test_node import WINDOWS, Street
from tests.support.anvil import anvil_exchange, running_anvil
from tests.support.exchange import Roles
from tests.support.several import running

ORDERS = 3  # that may be open
PRICE = 100  # atoms per lot


@pytest.fixture(scope="module")
def street(
    artifacts: Any, roles: Roles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Street]:
    with running_anvil() as anvil:
        yield Street(anvil_exchange(anvil, roles, WINDOWS), tmp_path_factory.mktemp("street"))


def begin_journal(street: Street) -> None:
    """A journal of this exchange that holds nothing but whose it is, and its limits."""
    deployment = street.exchange.deployment
    registry = bytes.fromhex(deployment.registry.address[2:])
    first = keccak(genesis(deployment.genesis_built_at))
    limits = Limits(orders=ORDERS)
    Journal(
        street.data / "journal", Identity(deployment.chain_id, registry, first, limits=limits)
    ).close()


def fill(street: Street, client: Client, count: int) -> None:
    """Place so many orders, and one more, which is refused."""
    for _ in range(count):
        client.buy(street.symbol, PRICE, 1)
    with pytest.raises(RequestRefused, match=f"found {ORDERS} open orders, allowed") as refused:
        client.buy(street.symbol, PRICE, 1)
    assert refused.value.code == Reject.BUSY
    assert len(client.open_orders()) == ORDERS


def test_node_has_the_limits_of_its_journal(street: Street) -> None:
    begin_journal(street)
    with street.process() as node:
        node.wait("batches confirmed", last=1)  # the deposits are credited
        with street.client(node, street.roles.maker) as maker:
            fill(street, maker, ORDERS)
        assert node.terminate() == 0
    with running(street, 1) as node:
        with street.client(node, street.roles.maker) as maker:
            maker.cancel(int(maker.open_orders()[0]["id"]))
            fill(street, maker, 1)
        assert node.terminate() == 0
