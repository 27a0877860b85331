"""The exchange in several processes: each of them killed under load, and nothing that was
acknowledged is lost.
"""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from eth_account.signers.local import LocalAccount

from matcher import commands as c
from matcher.client import Client
from matcher.client_errors import ClientError, RequestRefused
from matcher.errors import Reject
from matcher.processes.supervisor import ask_states
from matcher.readers import Tops
from matcher.types import Order
from tests.e2e.test_node import WINDOWS, Street
from tests.support.anvil import anvil_exchange, running_anvil
from tests.support.exchange import Roles
from tests.support.process import TIMEOUT
from tests.support.several import agreeing, check_nothing_left, running, wait_until

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
EVERYBODY = ("gateway-1", "matcher", "batcher", "gateway-2", "publisher")
# Who is killed at the same moment, one group after the other.
KILLS: list[tuple[str, ...]] = [("matcher",), ("batcher", "gateway-1", "publisher")]
if FUZZ:
    KILLS = [(name,) for name in EVERYBODY] * 10 + [EVERYBODY] * 3
LOW = 100  # atoms per lot: far below the market, so that such bids rest
# Refusals that a trader may meet while a process is being started again.
PASSING = (Reject.BUSY, Reject.STOPPED)


@pytest.fixture(scope="module")
def street(
    artifacts: Any, roles: Roles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Street]:
    with running_anvil() as anvil:
        yield Street(anvil_exchange(anvil, roles, WINDOWS), tmp_path_factory.mktemp("street"))


class Load:
    """A trader who bids and cancels, all the time, and remembers what he was told."""

    def __init__(self, street: Street, url: str, trader: LocalAccount):
        self._street = street
        self._client = Client(url, bytes(trader.key))
        self._stopping = threading.Event()
        self._told = threading.Condition()
        self.placed: dict[int, str] = {}  # order id to status as last told
        self.count = 0
        self.unknown: set[int] = set()  # sent, and nobody said what became of it
        self.error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            while not self._stopping.is_set():
                self._trade()
        except BaseException as error:
            self.error = error
        with self._told:
            self._told.notify_all()

    def _trade(self) -> None:
        (order_id,) = self._client.next_order_ids(1)
        order = Order(
            account=self._client.account,
            instrument=self._street.symbol,
            buy=True,
            price=LOW,
            quantity=1,
            id=order_id,
            expiry=self._client.now() + 3000,
            flags=0,
        )
        self.unknown.add(order_id)
        answer = self._insist(lambda: self._client.send_order(order, self._client.sign(order)))
        self._tell(order_id, answer["order"]["status"])
        if order_id % 3 == 0:
            answer = self._insist(lambda: self._client.cancel(order_id))
            self._tell(order_id, "canceled" if answer is None else answer["order"]["status"])

    def _insist(self, ask: Any) -> Any:
        """Ask until there is an answer: what is sent twice is accepted once."""
        while True:
            try:
                return ask()
            except RequestRefused as refused:
                if refused.code == Reject.ORDER_UNKNOWN:
                    return None  # the cancel before it was obeyed, and its answer lost
                if refused.code not in PASSING:
                    raise
            except (httpx.TransportError, ClientError):
                pass

    def _tell(self, order_id: int, status: str) -> None:
        with self._told:
            self.unknown.discard(order_id)
            self.placed[order_id] = status
            self.count += 1
            self._told.notify_all()

    def wait_for(self, more: int) -> None:
        """Wait until so many more answers have come."""
        with self._told:
            wanted = self.count + more
            assert self._told.wait_for(
                lambda: self.count >= wanted or self.error is not None, TIMEOUT
            ), "no answers any more"
        if self.error is not None:
            raise self.error

    def stop(self) -> None:
        self._stopping.set()
        self._thread.join(TIMEOUT)
        assert not self._thread.is_alive()
        self._client.close()
        if self.error is not None:
            raise self.error


def test_every_process_killed_under_load_loses_nothing_acknowledged(street: Street) -> None:
    roles, name = street.roles, f"processes-{os.getpid()}"
    with running(street, 2, "--publish", name) as node:
        url = node.url
        node.wait("batches confirmed", last=1)  # the deposits are credited
        loads = [Load(street, url, trader) for trader in (roles.maker, roles.taker)]
        lives = dict.fromkeys(EVERYBODY, 1)
        for together in KILLS:
            for load in loads:
                load.wait_for(5)
            pids = {row["process"]: int(row["pid"]) for row in ask_states(street.data)}
            for process in together:
                lives[process] += 1
                os.kill(pids[process], signal.SIGKILL)
            for process in together:
                died = node.wait("process died", process=process, signal="SIGKILL")
                assert died["pid"] == pids[process]
                node.lines.remove(died)
                node.wait("process ready", process=process, starts=lives[process])
        for load in loads:
            load.wait_for(5)
            load.stop()

        agreed = wait_until("all agree", lambda: agreeing(street))
        assert [row["process"] for row in agreed["rows"]] == [
            "matcher",
            "batcher",
            "gateway-1",
            "gateway-2",
            "publisher",
        ]
        assert {row["process"]: row["starts"] for row in agreed["rows"]} == lives
        for load, trader in zip(loads, (roles.maker, roles.taker), strict=True):
            with street.client(node, trader) as client:
                standing = {int(order["id"]) for order in client.open_orders()}
            told = {order for order, status in load.placed.items() if status == "open"}
            assert told <= standing <= told | load.unknown
            assert len(load.placed) > 20
        bid = Tops.attach(name).top(street.symbol).bid
        assert bid is not None
        with street.client(node, roles.maker) as maker:
            ((price, lots, orders),) = maker.book(street.symbol)["bids"]
        assert (bid.price, bid.lots, bid.orders) == (LOW, int(lots), int(orders))
        assert int(price) == LOW
        assert node.terminate() == 0
    assert node.wait("node ended")
    check_journal(street, loads)
    check_nothing_left(street.data, name)


def check_journal(street: Street, loads: list[Load]) -> None:
    """Each acknowledged order is in the journal, and a replay from nothing is the same life."""
    commands = street.journaled()
    placed = [command.signed.order.id for command in commands if isinstance(command, c.PlaceOrder)]
    for load in loads:
        assert set(load.placed) <= set(placed)
