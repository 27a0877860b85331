"""A dead man's switch where its wallet is connected to two gateways, in processes of their own."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import httpx
import msgspec
import pytest

from matcher import wire
from matcher.client import Client
from matcher.gateway.switch_files import Kept
from matcher.processes.plan import SWITCHES
from matcher.processes.supervisor import ask_states
from matcher.types import CancelAllTerms
from tests.e2e.test_node import WINDOWS, Street
from tests.support.anvil import anvil_exchange, running_anvil
from tests.support.exchange import Roles
from tests.support.several import running

LOW = 100  # atoms per lot
TIMEOUT = 3  # seconds
TRIES = 200  # connections, of which the system gives each to one of two gateways


@pytest.fixture(scope="module")
def street(
    artifacts: Any, roles: Roles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Street]:
    with running_anvil() as anvil:
        yield Street(anvil_exchange(anvil, roles, WINDOWS), tmp_path_factory.mktemp("street"))


class Wallet:
    """A trader with a connection to each gateway."""

    def __init__(self, street: Street, client: Client):
        self._street = street
        self._client = client
        self._message = CancelAllTerms(client.account, "", client.now() + 500)
        self._at: dict[str, httpx.Client] = {}  # by name of the gateway
        for _ in range(TRIES):
            connection = httpx.Client(base_url=client.url, timeout=60)
            self._arm(connection, 300)
            if self._at.setdefault(self.keeper(), connection) is not connection:
                connection.close()
            if len(self._at) == 2:
                return
        raise AssertionError(f"{TRIES} connections, all to {list(self._at)}")

    def arm(self, gateway: str, timeout: int = TIMEOUT) -> None:
        """Arm or renew at one gateway; 0 disarms."""
        self._arm(self._at[gateway], timeout)

    def _arm(self, connection: httpx.Client, timeout: int) -> None:
        body = {
            "cancelAll": wire.terms(self._message),
            "signature": self._client.sign(self._message),
            "timeout": str(timeout),
        }
        answer = connection.post("/v1/orders/cancel-all/arm", json=body)
        assert answer.status_code == 200, answer.text

    def keeper(self) -> str:
        """Name of the gateway that has the switch."""
        (path,) = (self._street.data / SWITCHES).glob("*.json")
        return msgspec.json.decode(path.read_bytes(), type=Kept).gateway

    def standing(self) -> list[str]:
        """Ids of the orders that stand."""
        return [str(order["id"]) for order in self._client.open_orders()]


def test_switch_of_a_wallet_at_two_gateways_belongs_to_the_one_that_heard_it_last(
    street: Street,
) -> None:
    with running(street, 2) as node, street.client(node, street.roles.maker) as client:
        order = client.buy(street.symbol, LOW, 1)["order"]["id"]
        wallet = Wallet(street, client)

        wallet.arm("gateway-1")
        wallet.arm("gateway-2", 0)
        passed = node.wait("switch armed elsewhere", process="gateway-1")
        node.lines.remove(passed)
        assert wallet.standing() == [order], "disarmed at the other gateway, and fired"

        wallet.arm("gateway-1")
        wallet.arm("gateway-2", 300)
        node.wait("switch armed elsewhere", process="gateway-1")
        assert (wallet.keeper(), wallet.standing()) == ("gateway-2", [order])

        wallet.arm("gateway-1", 300)
        wallet.arm("gateway-2", TIMEOUT)
        wallet.arm("gateway-1", 300)
        node.wait("switch armed elsewhere", process="gateway-2")
        assert (wallet.keeper(), wallet.standing()) == ("gateway-1", [order])

        # Who keeps it dies, comes back with it, and obeys it once nobody has renewed it.
        wallet.arm("gateway-1", TIMEOUT)
        pids = {row["process"]: int(row["pid"]) for row in ask_states(street.data)}
        os.kill(pids["gateway-1"], signal.SIGKILL)
        fired = node.wait("switch fired", process="gateway-1")
        assert fired["canceled"] == 1
        with street.client(node, street.roles.maker) as again:
            assert again.open_orders() == []
        assert node.terminate() == 0
