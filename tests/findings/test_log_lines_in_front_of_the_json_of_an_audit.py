"""What one source of blobs did not have was told on standard output, in front of the JSON."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from matcher.chain import deployment
from tests.e2e.test_challenger import WINDOWS, Stage
from tests.support.anvil import anvil_exchange, running_anvil
from tests.support.exchange import Roles

ROOT = Path(__file__).resolve().parents[2]
NOBODY = "http://127.0.0.1:9"


def test_audit_of_blobs_that_one_source_lacks_prints_json_alone(
    artifacts: object, roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ape._cli import cli as ape

    monkeypatch.chdir(ROOT)  # where ape looks for scripts
    monkeypatch.setattr(deployment, "DEPLOYMENTS", tmp_path)
    with running_anvil() as anvil:
        exchange = anvil_exchange(anvil, roles, WINDOWS)
        exchange.deployment.save(tmp_path / "31337.json")
        Stage(exchange, tmp_path).lie_in_blobs()
        line = ["run", "audit", "--json", "--archiver", NOBODY]
        line += ["--network", f"ethereum:devnet:{anvil.url}"]
        ran = CliRunner(mix_stderr=False).invoke(ape, line, prog_name="ape")
    assert ran.exit_code == 1  # it lies
    assert json.loads(ran.stdout)["sound"] is False
    assert f"the archiver {NOBODY}" in ran.stderr
    assert "no blob" in ran.stderr
