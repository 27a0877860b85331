"""Options of challenger and archiver that were taken in silence, or ended in a traceback."""

from collections.abc import Sequence
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from matcher import archiver
from matcher.chain import deployment
from matcher.challenger import __main__ as challenger
from tests.support.anvil import running_anvil
from tests.support.exchange import Roles
from tests.support.shell import Shell

NOWHERE = "http://127.0.0.1:9"
ROOT = Path(__file__).resolve().parents[2]


def run(command: object, *words: str) -> Result:
    return CliRunner().invoke(command, [*words, "--once"], catch_exceptions=False)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    "text", ["notaurl", "ftp://x", "http://", "https://:80", "http://[", "http://x:99999"]
)
@pytest.mark.parametrize("option", ["--archiver", "--beacon"])
def test_url_of_nobody_is_refused(tmp_path: Path, option: str, text: str) -> None:
    for command, more in ((challenger.cli, ()), (archiver.cli, ("--data", str(tmp_path)))):
        found = run(command, "--rpc", NOWHERE, *more, option, text)
        assert found.exit_code == 2
        assert f"found {text}, allowed http://HOST or https://HOST" in found.output


def test_order_files_at_no_gateway_are_refused() -> None:
    found = run(challenger.cli, "--rpc", NOWHERE, "--order-files", "nothing://x")
    assert found.exit_code == 2
    assert "found nothing://x, allowed http://HOST or https://HOST" in found.output


def test_more_confirmations_than_a_node_keeps_are_refused() -> None:
    found = run(challenger.cli, "--rpc", NOWHERE, "--confirmations", "129")
    assert found.exit_code == 2
    assert "129 is not in the range 1<=x<=128" in found.output


def test_directory_that_cannot_be_made_is_named(
    artifacts: object, roles: Roles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT)  # where ape looks for scripts
    monkeypatch.setattr(deployment, "DEPLOYMENTS", tmp_path / "deployments")
    file = tmp_path / "file"
    file.write_text("")
    told = f"{file / 'x'}: cannot be made a directory: Not a directory"
    with running_anvil() as anvil:
        devnet = Shell(f"ethereum:devnet:{anvil.url}")
        devnet.ok("deploy")
        record = str(tmp_path / "deployments" / "31337.json")
        where: Sequence[str] = ("--rpc", anvil.url, "--deployment", record)
        for command in (challenger.cli, archiver.cli):
            found = run(command, *where, "--data", str(file / "x"))
            assert found.exit_code == 3
            assert told in found.output
        for line in (
            f"archiver --once --data {file / 'x'}",
            f"demo_fraud --output {file / 'x'}",
        ):
            assert devnet.refused(line) == f"Error: {told}"
