import json
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import structlog
from click.testing import CliRunner
from eth_account import Account

from matcher.chain.fees import GWEI, FeePolicy
from matcher.chain.modes import Choice, limits_of
from matcher.node import cli
from matcher.options import with_node_options
from matcher.policy import Policy
from matcher.settings import (
    KEY_VARIABLE,
    PASSWORD_VARIABLE,
    Settings,
    SettingsError,
    load_operator,
    settings_of,
)
from tests.support.chain import account

OPERATOR = account("operator")


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No key in the environment, and the log as it was after a command has set it."""
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    monkeypatch.delenv(PASSWORD_VARIABLE, raising=False)
    yield
    structlog.reset_defaults()


@pytest.fixture(scope="module")
def keystore(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("keys") / "operator.json"
    content = Account.encrypt(OPERATOR.key, "secret", kdf="pbkdf2", iterations=2)
    path.write_text(json.dumps(content))
    return path


def test_operator_without_key_and_keystore_is_nobody() -> None:
    assert load_operator(None) is None


@pytest.mark.parametrize("prefix", ["", "0x"])
def test_operator_of_the_environment_is_its_key(
    monkeypatch: pytest.MonkeyPatch, prefix: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, prefix + OPERATOR.key.hex().removeprefix("0x"))
    found = load_operator(None)
    assert found is not None
    assert found.address == OPERATOR.address


def test_operator_key_that_is_none_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "0xsecretsecret")
    with pytest.raises(SettingsError) as caught:
        load_operator(None)
    assert str(caught.value) == f"{KEY_VARIABLE}: found no private key, allowed 32 bytes in hex"
    assert caught.value.__cause__ is None


def test_operator_of_a_keystore_is_opened_by_its_password(
    monkeypatch: pytest.MonkeyPatch, keystore: Path
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret")
    found = load_operator(keystore)
    assert found is not None
    assert found.address == OPERATOR.address


def test_operator_of_a_keystore_with_another_password_is_refused(
    monkeypatch: pytest.MonkeyPatch, keystore: Path
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "other")
    with pytest.raises(SettingsError, match=f"no keystore file that {PASSWORD_VARIABLE} opens"):
        load_operator(keystore)


def test_operator_of_a_keystore_without_password_is_refused(keystore: Path) -> None:
    with pytest.raises(SettingsError, match=f"{PASSWORD_VARIABLE}: not set"):
        load_operator(keystore)


def test_operator_of_a_missing_keystore_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(PASSWORD_VARIABLE, "secret")
    with pytest.raises(SettingsError, match="No such file"):
        load_operator(tmp_path / "none.json")


@pytest.mark.parametrize(
    ("option", "value"),
    [("--confirmations", "0"), ("--confirmations", "129"), ("--port", "65536"), ("--poll", "0")],
)
def test_node_command_refuses_what_is_out_of_range(option: str, value: str) -> None:
    arguments = ["--rpc", "http://127.0.0.1:9", "--data", "data", option, value]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 2
    assert f"Invalid value for '{option}'" in result.output


def test_node_command_that_fails_exits_with_one_and_its_reason(tmp_path: Path) -> None:
    arguments = ["--rpc", "http://127.0.0.1:9", "--data", str(tmp_path), "--log-json"]
    result = CliRunner().invoke(cli, arguments)
    assert result.exit_code == 1
    last = json.loads(result.stderr.splitlines()[-1] if result.stderr_bytes else result.output)
    assert last["event"] == "node failed"
    assert last["kind"] == "ChainError"


def told(*words: str) -> Settings:
    """What a command with these options would run."""
    found = []

    @click.command()
    @with_node_options
    def command(gateways: object, log_level: str, log_json: bool, **options: object) -> None:
        found.append(settings_of(None, rpc="http://chain", data=Path("data"), **options))

    command.main(words, standalone_mode=False)
    return found[0]


def test_options_that_are_not_given_leave_settings_as_they_are() -> None:
    assert told() == Settings(rpc="http://chain", data=Path("data"))


def test_each_option_sets_what_it_names() -> None:
    words = (
        "--host ::1 --port 0 --origin a --origin b --confirmations 3 --batch-age 4 --batch-ops 5"
        " --batch-chunks 6 --max-fee 7 --mode blob --max-blob-fee 8 --poll 9 --known-keys 10"
        " --publish desk --snapshot-every 11"
    )
    assert told(*words.split()) == Settings(
        rpc="http://chain",
        data=Path("data"),
        host="::1",
        port=0,
        origins=("a", "b"),
        confirmations=3,
        batches=Policy(max_age=4, max_ops=5, snapshot_every=11),
        limits=limits_of(6),
        fees=FeePolicy(cap=7 * GWEI, blob_cap=8 * GWEI),
        mode=Choice.BLOB,
        poll=9.0,
        known_keys=10,
        publish="desk",
    )
