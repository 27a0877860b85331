"""The operator dies for good: everybody leaves with public data alone, and gets every atom.

A real node in a process of its own is killed, its journal and its batches are deleted. What is paid
is compared with what the node answered while it lived and with the rules of section 9.
"""

import json
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from matcher.chain import deployment
from matcher.chain.deployment import Deployment
from tests.support.anvil import Anvil, running_anvil
from tests.support.process import NodeProcess, running_node
from tests.support.shell import Shell

ROOT = Path(__file__).resolve().parents[2]
TOKENS = 10**6
CAP = 2_000 * TOKENS  # of the sample's expiry, atoms per lot
SELLER, BUYER, LEAVER, LATECOMER, FEES = (f"TEST::{n}" for n in (2, 3, 4, 5, 0))
DAY = 86_400


@pytest.fixture(autouse=True)
def records(tmp_path, monkeypatch, artifacts) -> Path:
    monkeypatch.chdir(ROOT)  # where ape looks for scripts
    monkeypatch.setattr(deployment, "DEPLOYMENTS", tmp_path / "deployments")
    return tmp_path / "deployments"


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with running_anvil() as running:
        yield running


@pytest.fixture
def devnet(anvil) -> Shell:
    return Shell(f"ethereum:devnet:{anvil.url}")


def operator_key() -> bytes:
    from ape import accounts

    return bytes.fromhex(accounts.test_accounts[1].private_key.removeprefix("0x"))


def commit(anvil: Anvil, node: NodeProcess, batch: int) -> None:
    anvil.travel(2)
    node.wait("batches committed", last=batch)


def paid(said: str) -> int:
    """Atoms that a command claimed in all, of what it said."""
    lines = [line for line in said.splitlines() if " paid to " in line]
    return sum(int(line.split()[0].replace(",", "").replace(".", "")) for line in lines)


def test_operator_killed_for_good_everybody_leaves_with_everything(
    devnet, anvil, records, tmp_path
):
    symbol = next(s for s in devnet.ok("deploy --sample").splitlines() if s.endswith("-100000-C"))
    day = datetime.fromtimestamp((anvil.now // DAY + 7) * DAY, UTC).strftime("%Y-%m-%d")
    exchange = Deployment.load(anvil.w3, records / "31337.json")
    for trader in (SELLER, BUYER, LEAVER):
        devnet.ok(f"trade mint 100000 --account {trader}")
        devnet.ok(f"trade open 50000 --account {trader}")
    data = tmp_path / "data"
    arguments = (anvil.url, records / "31337.json", data, "--batch-age", "1")
    with running_node(*arguments, key=operator_key()) as node:
        at = f"--url {node.url}"
        commit(anvil, node, 1)
        devnet.ok(f"trade order sell 10 {symbol} 25 --account {SELLER} {at}")
        assert "filled, 4 of 4" in devnet.ok(
            f"trade order buy 4 {symbol} 25.50 --ioc --account {BUYER} {at}"
        )
        commit(anvil, node, 2)

        # While the operator lives: end what was signed, wait, ask, be served, claim.
        said = devnet.ok(f"leave step 4 --account {LEAVER}")
        assert "end every order that the owner signed, for ever: done" in said
        anvil.travel(exchange.windows.notice + exchange.windows.lag + 60)
        said = devnet.ok(f"leave step 4 --account {LEAVER}")
        assert "ask for everything that margin allows: done" in said
        assert "freeze the exchange, if still 1 ask is not served" in said
        served = node.wait("batches committed", last=3)
        anvil.travel(2)
        assert served
        said = devnet.ok(f"leave status 4 --account {LEAVER}")
        assert "claim 50,000.000000 that batch" in said
        anvil.rpc("evm_increaseTime", exchange.windows.final_after)  # no block tells of it
        said = devnet.ok(f"leave step 4 --account {LEAVER}")
        assert paid(said) == 50_000 * TOKENS
        assert "nothing is left; 50,000.000000 of 50,000.000000 deposited were claimed" in said

        balances = devnet.ok(f"trade balance --account {BUYER} {at}")
        node.kill()
    shutil.rmtree(data)

    # The operator is dead. Somebody pays in nevertheless; it will never be credited.
    devnet.ok(f"trade mint 700 --account {LATECOMER}")
    devnet.ok(f"trade open 700 --account {LATECOMER}")
    for account, trader in ((2, SELLER), (3, BUYER)):
        devnet.ok(f"leave step {account} --account {trader}")
    anvil.travel(exchange.windows.notice + exchange.windows.lag + 60)
    for account, trader in ((2, SELLER), (3, BUYER)):
        said = devnet.ok(f"leave step {account} --account {trader}")
        assert "ask for everything that margin allows: done" in said
        assert paid(said) == 0
    assert "NotOverdue" in devnet.refused(f"trade freeze 3 --account {BUYER}")
    anvil.travel(exchange.windows.freeze + 1)
    said = devnet.ok(f"leave step 3 --account {BUYER}")
    assert "freeze the exchange: 1 ask is not served: done" in said

    # What is certain, at once. The seller may owe the cap less the strike for each call.
    fee, rebate, price, held = 4 * 30_000, 4 * 10_000, 4 * 25 * TOKENS, 4 * (CAP - 1000 * TOKENS)
    assert "49,899.880000" in balances
    assert paid(said) == 50_000 * TOKENS - price - fee
    sold = paid(devnet.ok(f"leave step 2 --account {SELLER}"))
    assert sold == 50_000 * TOKENS + price + rebate - held
    assert paid(devnet.ok(f"leave step 5 --account {LATECOMER}")) == 700 * TOKENS
    assert paid(devnet.ok(f"leave step 0 --account {FEES}")) == fee - rebate
    status = devnet.ok(f"leave status 3 --account {BUYER}")
    assert "frozen: it pays, and takes nothing" in status
    assert "+4 lots" in status

    # Settlement goes on without an operator; what was held back goes to whom the price gives it.
    anvil.travel(8 * DAY)
    assert "is past and not settled" in devnet.ok(f"leave step 3 --account {BUYER}")
    devnet.ok(f"operate settle 1 {day} {_reports(devnet, day, tmp_path)}")
    said = devnet.ok(f"leave go 3 --poll 0.1 --account {BUYER}")
    assert paid(said) == 4 * 18 * TOKENS
    assert "account 3: nothing is left" in said
    assert paid(devnet.ok(f"leave go 2 --account {SELLER}")) == held - 4 * 18 * TOKENS
    vault = exchange.vault.functions.totalAtoms().call()
    held_units = exchange.token.functions.balanceOf(exchange.vault.address).call()
    assert (vault, held_units) == (0, 0)
    audit = json.loads(devnet.ok("audit --json"))
    assert audit["sound"], audit


def test_operator_in_blob_mode_dies_and_its_blobs_lead_out(devnet, anvil, records, tmp_path):
    """The bodies come from the chain's node, by the hashes that the logs name."""
    devnet.ok("deploy --sample")
    exchange = Deployment.load(anvil.w3, records / "31337.json")
    devnet.ok(f"trade mint 5000 --account {LEAVER}")
    devnet.ok(f"trade open 4000 --account {LEAVER}")
    data = tmp_path / "data"
    arguments = (anvil.url, records / "31337.json", data, "--batch-age", "1", "--mode", "blob")
    with running_node(*arguments, key=operator_key()) as node:
        commit(anvil, node, 1)
        node.kill()
    shutil.rmtree(data)
    blobs = exchange.registry.events.BatchBlobs().get_logs(from_block=exchange.genesis_block)
    assert [entry["args"]["id"] for entry in blobs] == [1]
    said = devnet.ok(f"leave step 2 --at-once --account {LEAVER}")
    assert "ask for everything that margin allows: done" in said
    anvil.travel(exchange.windows.freeze + 1)
    said = devnet.ok(f"leave go 2 --account {LEAVER}")
    assert paid(said) == 4000 * TOKENS
    assert exchange.vault.functions.totalAtoms().call() == 0


def _reports(devnet: Shell, day: str, directory: Path) -> str:
    paths = []
    for number in (7, 8, 9):
        report = devnet.ok(f"operate report 1 {day} 1018 --account TEST::{number}")
        path = directory / f"report-{number}.json"
        path.write_text(report.splitlines()[-1])
        paths.append(str(path))
    return " ".join(paths)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("leave status 9", "account 9: never opened, allowed below 2"),
        ("leave step 0 --account TEST::3", "who owns account 0"),
    ],
)
def test_leave_of_an_account_of_nobody_or_another_is_refused(devnet, line, said):
    devnet.ok("deploy")
    assert said in devnet.refused(line)
