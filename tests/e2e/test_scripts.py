"""The commands, as they are typed: on the embedded chain, and a trader's life on anvil.

One process for all: ape takes seconds to start. Exchanges are recorded in a directory of the test.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from matcher.chain import deployment
from matcher.policy import Policy
from matcher.settings import Settings
from tests.support.anvil import Anvil, running_anvil
from tests.support.process import NodeThread, node_thread
from tests.support.shell import Shell

ROOT = Path(__file__).resolve().parents[2]
EMBEDDED = "ethereum:local:test"
SYMBOL = "-100000-C"


@pytest.fixture(autouse=True)
def records(tmp_path, monkeypatch, artifacts) -> Path:
    monkeypatch.chdir(ROOT)  # where ape looks for scripts
    monkeypatch.setattr(deployment, "DEPLOYMENTS", tmp_path / "deployments")
    return tmp_path / "deployments"


@pytest.fixture
def embedded() -> Shell:
    return Shell(EMBEDDED)


# --- on a chain that ends with the command --------------------------------------------------------


def test_deploy_embedded_chain_records_the_exchange_and_says_that_it_ends(embedded, records):
    said = embedded.ok("deploy --sample")
    record = records / "1337.json"
    assert record.exists()
    assert f"recorded in {record}" in said
    assert SYMBOL in said
    assert "nothing of this is left" in said


def test_command_embedded_chain_works_on_a_fresh_exchange(embedded):
    said = embedded.ok("trade deposit 2 12.50")
    assert "deploying a fresh exchange first" in said
    assert "deposited in all 1,012.500000" in said


def test_command_chain_that_ends_leaves_the_record_of_one_that_lasts(embedded, records):
    records.mkdir()
    record = records / "1337.json"
    record.write_text("somebody's")
    embedded.ok("operate status")
    assert record.read_text() == "somebody's"


def test_command_other_chain_than_expected_writes_nothing(embedded, records):
    said = embedded.refused("operate pause --expect-chain-id 1")
    assert said == "Error: chain id: found 1337 on ethereum:local:test, expected 1"
    assert not records.exists()


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("trade order buy 1 X 1", "ends with this command: no gateway can serve it"),
        ("trade deposit 7 1", "NotAccountOwner(7,"),
        ("trade claim 2", "account 2: found nothing to claim in batch 0"),
        ("trade status 9", "account 9: never opened, allowed below 3"),
        ("trade mint 1 --account nobody", "--account: found nobody, allowed TEST::<n> or"),
        ("trade mint 1 --account TEST::99", "allowed TEST::0 to TEST::"),
        ("operate pause --account TEST::3", "OwnableUnauthorizedAccount("),
    ],
)
def test_command_that_cannot_be_done_says_why_in_one_line(embedded, line, said):
    assert said in embedded.refused(line)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("trade deposit 2 1.1234567", "allowed a number with at most six decimals"),
        ("trade deposit 2 -- -1", "found '-1', allowed a number with at most six decimals"),
        ("operate open-expiry 1 2027-02-30 --cap 5", "found '2027-02-30', allowed a day"),
        ("trade register-key 2 0x12", "found '0x12', allowed 0x and 40 hex digits"),
    ],
)
def test_argument_malformed_is_refused_before_anything_is_sent(embedded, line, said):
    from ape._cli import cli as ape

    first, *rest = line.split(" -- ")
    words = ["run", *first.split(), "--network", EMBEDDED, *(["--", *rest] if rest else [])]
    result = CliRunner().invoke(ape, words, prog_name="ape")
    assert result.exit_code == 2
    assert said in " ".join(result.output.split())


# --- a life on anvil ------------------------------------------------------------------------------


@pytest.fixture
def anvil() -> Iterator[Anvil]:
    with running_anvil() as running:
        yield running


@pytest.fixture
def devnet(anvil) -> Shell:
    return Shell(f"ethereum:devnet:{anvil.url}")


def node_on(anvil: Anvil, records: Path, directory: Path) -> Settings:
    from ape import accounts
    from eth_account import Account

    return Settings(
        rpc=anvil.url,
        data=directory / "data",
        deployment=records / "31337.json",
        port=0,
        operator=Account.from_key(accounts.test_accounts[1].private_key),
        batches=Policy(max_age=1),
        poll=0.05,
    )


def commit(anvil: Anvil, node: NodeThread, batch: int) -> None:
    """Let the batch close by its age, and wait until it is on the chain."""
    anvil.travel(2)
    node.wait("batches committed", last=batch)


def test_commands_on_anvil_carry_two_traders_from_opening_to_leaving(
    devnet, anvil, records, tmp_path
):
    symbol = next(line for line in devnet.ok("deploy --sample").splitlines() if SYMBOL in line)
    day = _day(anvil)
    assert "an exchange stands on chain 31337 already" in devnet.refused("deploy")
    for trader in ("TEST::2", "TEST::3"):
        devnet.ok(f"trade mint 100000 --account {trader}")
        assert "account" in devnet.ok(f"trade open 50000 --account {trader}")
    with node_thread(node_on(anvil, records, tmp_path)) as node:
        at = f"--url {node.url}"
        commit(anvil, node, 1)
        sold = devnet.ok(f"trade order sell 10 {symbol} 25 --account TEST::2 {at}")
        assert "open, 0 of 10 filled" in sold
        bought = devnet.ok(f"trade order buy 4 {symbol} 25.50 --ioc --account TEST::3 {at}")
        assert "filled, 4 of 4 filled" in bought
        assert "4 at 25.000000" in bought
        found = devnet.refused(f"trade order buy 1 {symbol} 25.001 --account TEST::3 {at}")
        assert "OFF_TICK (405)" in found
        assert "1 orders canceled" in devnet.ok(f"trade cancel-all --account TEST::2 {at}")
        commit(anvil, node, 2)

        anvil.travel(8 * 86_400)
        reports = _reports(devnet, day, tmp_path)
        assert "1,018.000000 per lot" in devnet.ok(f"operate settle 1 {day} {reports}")
        node.wait("batches committed", last=3)
        balance = devnet.ok(f"trade balance --account TEST::3 {at}")
        # 50,000 less 4 * 25 paid, less the fee of 4 * 0.03, and 4 * 18 at settlement.
        assert "49,971.880000" in balance
        devnet.ok(f"trade withdraw 49971.88 --account TEST::3 {at}")
        commit(anvil, node, 4)
        devnet.ok("trade ask 2 --account TEST::2")
        commit(anvil, node, 5)
        anvil.travel(61)
        node.wait("batches final", last=5)
        assert "49,971.880000 paid to" in devnet.ok(f"trade claim 3 --account TEST::3 {at}")
    # The operator is gone: the proof comes from the chain.
    assert "50,028.040000 paid to" in devnet.ok("trade claim 2 --account TEST::2")
    status = devnet.ok("operate status")
    assert "Vault        0.080000" in status  # the fees
    audit = devnet.ok(f"audit --batches {tmp_path / 'data' / 'batches'}")
    assert "BROKEN" not in audit
    assert audit.count("holds") >= 14


def test_freeze_on_anvil_pays_when_the_operator_is_gone(devnet, anvil):
    devnet.ok("deploy --sample")
    devnet.ok("trade mint 2000")
    devnet.ok("trade open 1000")
    assert "reverts" in devnet.refused("trade freeze 2")
    anvil.travel(601)
    devnet.ok("trade freeze 2")
    assert "1,000.000000 paid to" in devnet.ok("trade claim 2")
    assert "frozen" in devnet.ok("operate status")


def _day(anvil: Anvil) -> str:
    """The day on which the sample's expiry falls."""
    from datetime import UTC, datetime

    return datetime.fromtimestamp((anvil.now // 86_400 + 7) * 86_400, UTC).strftime("%Y-%m-%d")


def _reports(devnet: Shell, day: str, directory: Path) -> str:
    paths = []
    for number in (7, 8, 9):
        report = devnet.ok(f"operate report 1 {day} 101{number} --account TEST::{number}")
        path = directory / f"report-{number}.json"
        path.write_text(report.splitlines()[-1])
        paths.append(str(path))
    return " ".join(paths)
