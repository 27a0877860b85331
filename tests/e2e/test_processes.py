"""The exchange in several processes: each of them killed under load, and nothing that was
acknowledged is lost.
"""

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path
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
from matcher.segments import default_place
from matcher.types import Order
from tests.e2e.test_node import WINDOWS, Street
from tests.support.anvil import anvil_exchange, running_anvil
from tests.support.exchange import TOKENS, Roles
from tests.support.process import TIMEOUT, NodeProcess, running_node

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
EVERYBODY = ("gateway-1", "matcher", "batcher", "gateway-2", "publisher")
# Who is killed at the same moment, one group after the other.
KILLS = [("matcher",), ("batcher", "gateway-1", "publisher"), ("matcher", "gateway-2")]
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


def running(street: Street, *options: str) -> AbstractContextManager[NodeProcess]:
    key = bytes(street.roles.operator.key)
    options = ("--batch-age", "1", "--processes", "2", *options)
    return running_node(street.anvil.url, street.record, street.data, *options, key=key)


def wait_until(what: str, holds: Any) -> Any:
    """Ask until something holds; each try is a request to somebody."""
    until = time.monotonic() + TIMEOUT
    while time.monotonic() < until:
        found = holds()
        if found:
            return found
    raise AssertionError(f"never: {what}")


def agreeing(street: Street) -> dict[str, Any] | None:
    """What all processes say of their states, if all say the same of the same command."""
    rows = ask_states(street.data)
    said = {(row["sequence"], row["state"]) for row in rows}
    (sequence, state), *others = said
    if others or sequence is None:
        assert len({s for s in said if s[0] == sequence}) == 1, f"another state: {rows}"
        return None
    return {"sequence": sequence, "state": state, "rows": rows}


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
    with running(street, "--publish", name) as node:
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
    check_nothing_left(name)


def check_journal(street: Street, loads: list[Load]) -> None:
    """Each acknowledged order is in the journal, and a replay from nothing is the same life."""
    commands = street.journaled()
    placed = [command.signed.order.id for command in commands if isinstance(command, c.PlaceOrder)]
    for load in loads:
        assert set(load.placed) <= set(placed)


def check_nothing_left(name: str) -> None:
    """No process and no shared memory is left over."""
    place = default_place()
    left = [path.name for path in place.iterdir()] if place.is_dir() else []
    assert not [segment for segment in left if segment == name or segment.startswith("node-")]


def test_supervisor_that_is_killed_takes_everybody_along_and_the_next_one_goes_on(
    street: Street,
) -> None:
    with running(street) as node:
        with Client(node.url, bytes(street.roles.maker.key)) as maker:
            order = maker.buy(street.symbol, LOW, 1)["order"]
        pids = [int(row["pid"]) for row in ask_states(street.data)]
        node.kill()
        for name in ("gateway ended", "batcher ended", "matcher ended"):
            node.wait(name)
        wait_until("all are gone", lambda: not any(map(alive, pids)))
    with running(street) as node:
        with Client(node.url, bytes(street.roles.maker.key)) as maker:
            standing = [one["id"] for one in maker.open_orders()]
            assert order["id"] in standing
            maker.withdraw(11 * TOKENS)
            last = wait_until("batched", lambda: batched(maker))
            node.wait("batches confirmed", last=last)
            proof = maker.account_proof(str(last))
        assert proof["batch"] == str(last)
        assert int(proof["leaf"][0], 16) != 0
        assert node.terminate() == 0


def batched(client: Client) -> int:
    """The batch that holds the newest withdrawal of an account; 0 before there is one."""
    route = f"/accounts/{client.account}/movements"
    moved = [one for one in client.get(route)["movements"] if one["kind"] == "withdrawal"]
    return int(moved[0]["batch"] or 0) if moved else 0


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
