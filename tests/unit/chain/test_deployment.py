"""Deployments: deployed, saved, loaded, and refused when the chain says otherwise."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from web3 import Web3

import matcher.chain.deployment as module
from matcher.chain.artifacts import Artifacts, Revert, canonical
from matcher.chain.deployment import (
    CONTRACTS,
    Deployment,
    contract_address,
    creation_code,
    default_path,
    deploy,
    revert_data,
    send,
)
from matcher.errors import ChainError, DeploymentError
from matcher.types import Windows
from tests.support.chain import GENESIS_TIME, Chain
from tests.support.exchange import WINDOWS, Exchange, Roles


@pytest.fixture
def deployment(exchange: Exchange) -> Deployment:
    return exchange.deployment


# --- deploy


def test_deploy_leaves_contracts_that_know_each_other(
    chain: Chain, roles: Roles, deployment: Deployment
) -> None:
    at = deployment.addresses
    assert list(at) == list(CONTRACTS)
    assert deployment.registry.functions.vault().call() == at["vault"]
    assert deployment.vault.functions.registry().call() == at["registry"]
    assert deployment.registry.functions.owner().call() == roles.owner.address
    assert deployment.vault.functions.ownerOf(0).call() == roles.fees.address
    deployment.verify()


def test_deploy_records_the_registry_s_block_as_genesis(
    chain: Chain, deployment: Deployment
) -> None:
    block = chain.w3.eth.get_block(deployment.genesis_block)
    assert deployment.genesis_hash == block["hash"].to_0x_hex()
    assert deployment.genesis_built_at == block["timestamp"] > GENESIS_TIME
    head = deployment.registry.functions.head().call()
    assert (head[0], head[1]) == (0, deployment.genesis_built_at)
    before = deployment.genesis_block - 1
    assert not chain.w3.eth.get_code(deployment.addresses["registry"], before)


def test_deploy_with_a_token_of_one_s_own_deploys_none(chain: Chain, roles: Roles) -> None:
    token = chain.deploy(roles.outsider, "DecimalsToken", 18)
    nonce = chain.w3.eth.get_transaction_count(roles.taker.address)
    found = deploy(chain.w3, roles.taker, windows=WINDOWS, token=token.address.lower())
    assert found.addresses["token"] == token.address
    assert found.addresses["registry"] == contract_address(roles.taker.address, nonce)
    assert found.owner == found.fee_owner == found.deployer == roles.taker.address
    assert chain.w3.eth.get_transaction_count(roles.taker.address) == nonce + len(CONTRACTS) - 1


def test_deploy_with_windows_of_zero_says_why(chain: Chain, roles: Roles) -> None:
    windows = Windows(challenge=0, answer=1, freeze=1, notice=1, lag=1)
    with pytest.raises(ChainError, match=r"creation reverts: WindowsInvalid\(\(0, 1, 1, 1, 1\)\)"):
        deploy(chain.w3, roles.taker, windows=windows)


def test_deploy_with_a_wrong_prediction_is_found(
    chain: Chain, roles: Roles, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        module, "contract_address", lambda sender, nonce: contract_address(sender, nonce + 1)
    )
    with pytest.raises(DeploymentError, match=r"^token: found at 0x\w+, expected at 0x\w+$"):
        deploy(chain.w3, roles.taker, windows=WINDOWS)


@pytest.mark.parametrize(
    ("nonce", "address"),
    [
        # Known contracts of the first two accounts of the mnemonic "test test .. junk".
        (0, "0x5FbDB2315678afecb367f032d93F642f64180aa3"),
        (1, "0xe7f1725E7734CE288F8367e1Bb143E90bb3F0512"),
    ],
)
def test_contract_address_is_that_of_every_chain(nonce: int, address: str) -> None:
    assert contract_address("0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266", nonce) == address


@pytest.mark.parametrize("nonce", [0, 1, 127, 128, 255, 256, 65_535, 65_536])
def test_contract_address_of_any_nonce_is_where_the_evm_puts_it(
    chain: Chain, roles: Roles, nonce: int
) -> None:
    sender = bytes.fromhex(roles.outsider.address[2:])
    vm = chain.evm.get_vm()
    vm.state.set_nonce(sender, nonce)
    vm.state.persist()
    chain.evm.header = chain.evm.header.copy(state_root=vm.state.state_root)
    chain.mine()
    found = chain.deploy(roles.outsider, "DevToken").address
    assert found == contract_address(roles.outsider.address, nonce)


def test_creation_code_with_an_argument_nobody_knows_is_refused(artifacts: Artifacts) -> None:
    with pytest.raises(
        DeploymentError, match="constructor of Markets: found registry, allowed vault, owner"
    ):
        creation_code(artifacts, "Markets", {"vault": 1, "owner": 2})


# --- save and load


def test_deployment_saved_loads_equal(chain: Chain, deployment: Deployment, tmp_path: Path) -> None:
    path = deployment.save(tmp_path / "deep" / "1337.json")
    assert Deployment.load(chain.w3, path) == deployment
    assert [p.name for p in path.parent.iterdir()] == ["1337.json"]
    record = msgspec.json.decode(path.read_bytes())
    assert list(record) == sorted(record)
    assert record["chain_id"] == 1337
    assert record["windows"]["challenge"] == WINDOWS.challenge
    text = path.read_text()
    deployment.save(path)
    assert path.read_text() == text


def test_deployment_path_is_named_after_the_chain() -> None:
    assert default_path(31337).parts[-2:] == ("deployments", "31337.json")


def test_deployment_write_that_fails_leaves_the_old_file(
    deployment: Deployment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = deployment.save(tmp_path / "1337.json")
    before = path.read_bytes()

    def fail(descriptor: int) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(module.os, "fsync", fail)
    with pytest.raises(OSError, match="disk full"):
        deployment.save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def altered(deployment: Deployment, path: Path, **changes: Any) -> Path:
    """The saved deployment with other values; ``addresses__vault`` names a nested one."""
    deployment.save(path)
    record = msgspec.json.decode(path.read_bytes())
    for name, value in changes.items():
        *outer, last = name.split("__")
        place = record
        for key in outer:
            place = place[key]
        place[last] = value
    path.write_bytes(msgspec.json.encode(record))
    return path


def test_load_of_another_chain_is_refused(
    chain: Chain, deployment: Deployment, tmp_path: Path
) -> None:
    path = altered(deployment, tmp_path / "x.json", chain_id=1)
    with pytest.raises(DeploymentError, match="of chain 1, but this is chain 1337"):
        Deployment.load(chain.w3, path)


def test_load_of_a_missing_file_says_that_the_chain_is_new(chain: Chain, tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"none\.json: no such file; chain 1337 is new"):
        Deployment.load(chain.w3, tmp_path / "none.json")


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"chain_id": "x"}'])
def test_load_of_a_malformed_file_is_refused(chain: Chain, tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.json"
    path.write_text(text)
    with pytest.raises(DeploymentError, match=r"bad\.json: "):
        Deployment.load(chain.w3, path)


def test_load_with_no_code_at_an_address_names_it(
    chain: Chain, deployment: Deployment, tmp_path: Path
) -> None:
    nobody = "0x" + "11" * 20
    path = altered(
        deployment, tmp_path / "x.json", addresses__prices=Web3.to_checksum_address(nobody)
    )
    with pytest.raises(
        DeploymentError,
        match=f"prices: found no code at {nobody} on chain 1337, expected a SettlementPrices",
    ):
        Deployment.load(chain.w3, path)


def test_load_with_another_exchange_s_contract_is_refused(
    chain: Chain, roles: Roles, deployment: Deployment, tmp_path: Path
) -> None:
    other = deploy(chain.w3, roles.taker, windows=WINDOWS)
    path = altered(deployment, tmp_path / "x.json", addresses__markets=other.addresses["markets"])
    with pytest.raises(
        DeploymentError,
        match=f"markets.registry: found {other.addresses['registry']},"
        f" expected {deployment.addresses['registry']}",
    ):
        Deployment.load(chain.w3, path)


def test_load_with_a_contract_of_another_kind_is_refused(
    chain: Chain, deployment: Deployment, tmp_path: Path
) -> None:
    path = altered(
        deployment, tmp_path / "x.json", addresses__registry=deployment.addresses["token"]
    )
    with pytest.raises(DeploymentError, match=r"registry\.vault: found \w+, expected 0x"):
        Deployment.load(chain.w3, path)


@pytest.mark.parametrize(
    ("name", "getter"),
    [
        ("challenge", "challengeWindow"),
        ("answer", "answerWindow"),
        ("freeze", "freezeWindow"),
        ("notice", "noticePeriod"),
        ("lag", "lag"),
    ],
)
def test_load_with_other_windows_is_refused(
    chain: Chain, deployment: Deployment, tmp_path: Path, name: str, getter: str
) -> None:
    found = getattr(WINDOWS, name)
    path = altered(deployment, tmp_path / "x.json", **{f"windows__{name}": found + 1})
    with pytest.raises(
        DeploymentError, match=f"registry.{getter}: found {found}, expected {found + 1}"
    ):
        Deployment.load(chain.w3, path)


def test_contract_of_an_unknown_role_is_refused(deployment: Deployment) -> None:
    with pytest.raises(DeploymentError, match="role 'bank': found none, allowed token, registry"):
        deployment.contract("bank")
    assert deployment.contract("vault") is deployment.vault


# --- sending


def test_send_that_reverts_says_why(chain: Chain, roles: Roles, deployment: Deployment) -> None:
    data = deployment.vault.encode_abi("ask", [1])
    with pytest.raises(
        ChainError, match=rf"reverts: NotAccountOwner\(1, {roles.maker.address.lower()}, 0x0+\)"
    ):
        send(chain.w3, roles.maker, to=deployment.vault.address, data=data)


def test_send_uses_the_next_nonce(chain: Chain, roles: Roles, deployment: Deployment) -> None:
    before = chain.w3.eth.get_transaction_count(roles.maker.address)
    for _ in range(2):
        receipt = send(chain.w3, roles.maker, to=roles.taker.address, value=5)
        assert receipt["status"] == 1
    assert chain.w3.eth.get_transaction_count(roles.maker.address) == before + 2


def test_revert_data_of_something_else_is_none() -> None:
    assert revert_data(ValueError("no")) is None


# --- artifacts


def test_artifacts_missing_or_malformed_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DeploymentError, match=r"none\.json is missing: run `make build`"):
        Artifacts(tmp_path / "none.json")
    path = tmp_path / "bad.json"
    path.write_text("[]")
    with pytest.raises(DeploymentError, match=r"bad\.json is no manifest"):
        Artifacts(path)


def test_artifact_unknown_is_refused_by_name(artifacts: Artifacts) -> None:
    with pytest.raises(DeploymentError, match="contract Bank is not in "):
        artifacts.get("Bank")
    assert "Bank" not in artifacts
    assert "Vault" in artifacts


def test_revert_reads_every_kind_of_reason(artifacts: Artifacts) -> None:
    words = [7, 2, 3]
    data = bytes.fromhex("00000000") + b"".join(w.to_bytes(32, "big") for w in words)
    assert artifacts.revert(b"") == Revert("", ())
    assert artifacts.revert(data) == Revert("0x00000000", (data[4:],))
    panic = bytes.fromhex("4e487b71") + (0x11).to_bytes(32, "big")
    assert str(artifacts.revert(panic)) == "Panic(17)"
    assert str(artifacts.revert(b"")) == "no reason given"
    text = b"nope"
    error = bytes.fromhex("08c379a0") + (32).to_bytes(32, "big")
    error += len(text).to_bytes(32, "big") + text.ljust(32, b"\0")
    assert artifacts.revert(error) == Revert("Error", ("nope",))
    # Too short for its error: shown raw.
    assert artifacts.revert(panic[:20]).name == "0x4e487b71"


def test_canonical_writes_tuples_out() -> None:
    inner = {"type": "tuple[]", "components": [{"type": "uint8"}, {"type": "bytes32[2]"}]}
    assert canonical({"type": "tuple", "components": [inner, {"type": "bool"}]}) == (
        "((uint8,bytes32[2])[],bool)"
    )
