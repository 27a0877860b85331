"""How an exchange in several processes ends: with its supervisor, and when it cannot go on."""

import os
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from matcher.client import Client
from matcher.processes.supervisor import ask_states
from tests.e2e.test_node import WINDOWS, Street
from tests.support.anvil import anvil_exchange, running_anvil
from tests.support.exchange import TOKENS, Roles
from tests.support.process import TIMEOUT
from tests.support.several import alive, check_nothing_left, running, wait_until

LOW = 100  # atoms per lot


@pytest.fixture(scope="module")
def street(
    artifacts: Any, roles: Roles, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Street]:
    with running_anvil() as anvil:
        yield Street(anvil_exchange(anvil, roles, WINDOWS), tmp_path_factory.mktemp("street"))


def test_exchange_ends_with_its_supervisor_goes_on_with_the_next_and_not_on_a_damaged_journal(
    street: Street,
) -> None:
    with running(street, 1) as node:
        with Client(node.url, bytes(street.roles.maker.key)) as maker:
            order = maker.buy(street.symbol, LOW, 1)["order"]
        with running(street, 1) as second:
            failed = second.wait("node failed")
            assert "owned by process" in failed["reason"]
            assert second.process.wait(TIMEOUT) == 1
        pids = [int(row["pid"]) for row in ask_states(street.data)]
        # The batcher waits for a matcher that does not answer, and is told nothing any more.
        matcher = next(int(row["pid"]) for row in ask_states(street.data))
        os.kill(matcher, signal.SIGSTOP)
        node.kill()
        node.wait("gateway ended")
        node.wait("batcher ended")
        os.kill(matcher, signal.SIGCONT)
        node.wait("matcher ended")
        wait_until("all are gone", lambda: not any(map(alive, pids)))
    with running(street, 1) as node:
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

    # Commands that were synced, and cannot be read any more.
    (segment, *_) = (street.data / "journal").glob("*.log")
    data = bytearray(segment.read_bytes())
    spot = data.index(b"AccountOpened")
    data[spot : spot + 4] = b"\xff" * 4
    segment.write_bytes(data)
    with running(street, 1) as node:
        failed = node.wait("node failed")
        assert failed["reason"].startswith("matcher: JournalError: ")
        assert "damaged" in failed["reason"]
        assert node.process.wait(TIMEOUT) == 1
    check_nothing_left(street.data)


def batched(client: Client) -> int:
    """The batch that holds the newest withdrawal of an account; 0 before there is one."""
    route = f"/accounts/{client.account}/movements"
    moved = [one for one in client.get(route)["movements"] if one["kind"] == "withdrawal"]
    return int(moved[0]["batch"] or 0) if moved else 0
