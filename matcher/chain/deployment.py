"""Contracts on a chain: how they get there, where they are, and with which constants.

The contracts know each other by immutables, in a circle: BatchRegistry names the Vault, the Vault
names BatchRegistry. An address follows from the deployer and its nonce alone, so `deploy` computes
all addresses first, passes them to the constructors, and reads every immutable back afterwards.
"""

import ast
import contextlib
import os
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import msgspec
import rlp
from eth_abi.abi import encode
from eth_account.signers.local import LocalAccount
from eth_typing import ChecksumAddress
from hexbytes import HexBytes
from sha3 import keccak_256
from web3 import Web3
from web3.contract import Contract
from web3.exceptions import ContractLogicError, Web3RPCError
from web3.types import Nonce, TxParams, TxReceipt, Wei

from matcher.chain.artifacts import ROOT, Artifacts, canonical, constructor_inputs, load
from matcher.errors import ChainError, DeploymentError
from matcher.types import Windows

DEPLOYMENTS: Final = ROOT / "deployments"
ZERO_ADDRESS: Final = Web3.to_checksum_address("0x" + "00" * 20)

# Role of a contract in a deployment, and which contract plays it, in the order of deployment.
CONTRACTS: Final = {
    "token": "DevToken",
    "registry": "BatchRegistry",
    "markets": "Markets",
    "prices": "SettlementPrices",
    "vault": "Vault",
    "lens": "Lens",
    "transition_prover": "TransitionProver",
    "margin_prover": "MarginProver",
    "unauthorized_prover": "UnauthorizedProver",
}
PROVERS: Final = ("transition_prover", "margin_prover", "unauthorized_prover")

GAS_LIMIT: Final = 1 << 24  # EIP-7825: no transaction may ask for more
TIP: Final = 10**9  # wei per gas; every chain this runs on takes it
RECEIPT_TIMEOUT: Final = 120  # seconds


@dataclass(frozen=True)
class Deployment:
    """One exchange on one chain.

    Attributes
    ----------
    w3 : Web3
        The chain; not part of what is saved or compared.
    chain_id : int
    deployer, owner, fee_owner : str
        Addresses.
    addresses : dict of str to str
        By role, as in `CONTRACTS`.
    windows : Windows
        W, A, F, D and lag, seconds.
    min_bond, reward_cap, question_bond : int
        wei.
    genesis_block : int
        Number of the block in which BatchRegistry was deployed; no fact of the exchange is older.
    genesis_hash : str
        Hash of that block.
    genesis_built_at : int
        Its timestamp: ``builtAt`` of batch 0, seconds.
    """

    w3: Web3 = field(repr=False, compare=False)
    chain_id: int
    deployer: ChecksumAddress
    owner: ChecksumAddress
    fee_owner: ChecksumAddress
    addresses: dict[str, ChecksumAddress]
    windows: Windows
    min_bond: int
    reward_cap: int
    question_bond: int
    genesis_block: int
    genesis_hash: str
    genesis_built_at: int
    _contracts: dict[str, Contract] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    def contract(self, role: str) -> Contract:
        """Return the contract that plays a role, with its ABI; made once.

        Raises
        ------
        DeploymentError
            If there is no such role.
        """
        if role not in self.addresses:
            raise DeploymentError(f"role {role!r}: found none, allowed {', '.join(self.addresses)}")
        if role not in self._contracts:
            abi = load().get(CONTRACTS[role]).abi
            self._contracts[role] = self.w3.eth.contract(address=self.addresses[role], abi=abi)
        return self._contracts[role]

    @property
    def token(self) -> Contract:
        return self.contract("token")

    @property
    def registry(self) -> Contract:
        return self.contract("registry")

    @property
    def markets(self) -> Contract:
        return self.contract("markets")

    @property
    def prices(self) -> Contract:
        return self.contract("prices")

    @property
    def vault(self) -> Contract:
        return self.contract("vault")

    @property
    def lens(self) -> Contract:
        return self.contract("lens")

    def save(self, path: Path | None = None) -> Path:
        """Write the deployment as JSON with sorted keys, whole or not at all.

        Parameters
        ----------
        path : Path, optional
            By default ``deployments/<chain id>.json`` of this checkout.

        Returns
        -------
        Path
            Where it was written.
        """
        target = default_path(self.chain_id) if path is None else path
        target.parent.mkdir(parents=True, exist_ok=True)
        record = {name: getattr(self, name) for name in _Record.__struct_fields__}
        text = msgspec.json.format(msgspec.json.encode(record, order="sorted"), indent=2) + b"\n"
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=target.name)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(target)
        except BaseException:
            with contextlib.suppress(FileNotFoundError):
                Path(temporary).unlink()
            raise
        return target

    @classmethod
    def load(cls, w3: Web3, path: Path | None = None) -> "Deployment":
        """Read a deployment and make sure that it stands on this chain.

        Parameters
        ----------
        w3 : Web3
        path : Path, optional
            By default ``deployments/<chain id>.json`` of this checkout.

        Raises
        ------
        DeploymentError
            If the file is missing or malformed, is of another chain, or if at an address there is
            no code, or a contract with other immutables.
        """
        chain_id = w3.eth.chain_id
        source = default_path(chain_id) if path is None else path
        try:
            record = msgspec.json.decode(source.read_bytes(), type=_Record)
        except FileNotFoundError as error:
            raise DeploymentError(f"{source}: no such file; chain {chain_id} is new") from error
        except msgspec.DecodeError as error:
            raise DeploymentError(f"{source}: {error}") from error
        if record.chain_id != chain_id:
            raise DeploymentError(
                f"{source}: of chain {record.chain_id}, but this is chain {chain_id}"
            )
        deployment = cls(w3, **{name: getattr(record, name) for name in record.__struct_fields__})
        deployment.verify()
        return deployment

    def verify(self) -> None:
        """Make sure that the contracts stand on the chain and know each other.

        Raises
        ------
        DeploymentError
            Naming the contract, the immutable, what was found and what was expected.
        """
        for role, contract in CONTRACTS.items():
            address = self.addresses.get(role)
            if address is None:
                raise DeploymentError(f"{role}: found no address, expected that of a {contract}")
            if not self.w3.eth.get_code(address):
                raise DeploymentError(
                    f"{role}: found no code at {address} on chain {self.chain_id},"
                    f" expected a {contract}"
                )
        for role, immutable, expected in self._immutables():
            try:
                found = self.contract(role).functions[immutable]().call()
            except Exception as error:  # whatever a foreign contract answers
                raise DeploymentError(
                    f"{role}.{immutable}: found {type(error).__name__}, expected {expected}"
                ) from error
            if found != expected:
                raise DeploymentError(f"{role}.{immutable}: found {found}, expected {expected}")

    def _immutables(self) -> list[tuple[str, str, object]]:
        """Every immutable that can be read: role, getter, expected value."""
        at = self.addresses
        windows = self.windows
        return [
            ("registry", "vault", at["vault"]),
            ("registry", "transitionProver", at["transition_prover"]),
            ("registry", "marginProver", at["margin_prover"]),
            ("registry", "unauthorizedProver", at["unauthorized_prover"]),
            ("registry", "challengeWindow", windows.challenge),
            ("registry", "answerWindow", windows.answer),
            ("registry", "freezeWindow", windows.freeze),
            ("registry", "noticePeriod", windows.notice),
            ("registry", "lag", windows.lag),
            ("registry", "finalAfter", windows.final_after),
            ("registry", "minBond", self.min_bond),
            ("registry", "rewardCap", self.reward_cap),
            ("markets", "registry", at["registry"]),
            ("prices", "registry", at["registry"]),
            ("prices", "markets", at["markets"]),
            ("vault", "token", at["token"]),
            ("vault", "registry", at["registry"]),
            ("vault", "markets", at["markets"]),
            ("vault", "prices", at["prices"]),
            ("lens", "registry", at["registry"]),
            ("lens", "vault", at["vault"]),
            ("lens", "markets", at["markets"]),
            ("lens", "prices", at["prices"]),
            ("transition_prover", "registry", at["registry"]),
            ("transition_prover", "vault", at["vault"]),
            ("transition_prover", "markets", at["markets"]),
            ("transition_prover", "prices", at["prices"]),
            ("margin_prover", "registry", at["registry"]),
            ("margin_prover", "markets", at["markets"]),
            ("margin_prover", "prices", at["prices"]),
            ("unauthorized_prover", "registry", at["registry"]),
            ("unauthorized_prover", "vault", at["vault"]),
            ("unauthorized_prover", "markets", at["markets"]),
            ("unauthorized_prover", "questionBond", self.question_bond),
        ]


class _Record(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What of a `Deployment` is saved."""

    chain_id: int
    deployer: ChecksumAddress
    owner: ChecksumAddress
    fee_owner: ChecksumAddress
    addresses: dict[str, ChecksumAddress]
    windows: Windows
    min_bond: int
    reward_cap: int
    question_bond: int
    genesis_block: int
    genesis_hash: str
    genesis_built_at: int


def default_path(chain_id: int) -> Path:
    """Where the deployment of a chain is recorded."""
    return DEPLOYMENTS / f"{chain_id}.json"


def deploy(
    w3: Web3,
    deployer: LocalAccount,
    *,
    windows: Windows,
    token: str | None = None,
    owner: str | None = None,
    fee_owner: str | None = None,
    min_bond: int = 10**18,
    reward_cap: int = 10**18,
    question_bond: int = 10**16,
) -> Deployment:
    """Deploy one exchange and read it back.

    Parameters
    ----------
    w3 : Web3
        Any chain: eth-tester, ape's ``provider.web3``, a node.
    deployer : LocalAccount
        Signs and pays. No other transaction of it may be sent meanwhile.
    windows : Windows
        W, A, F, D and lag, seconds.
    token : str, optional
        Address of the collateral; by default a new DevToken, which anybody may mint.
    owner, fee_owner : str, optional
        Owner of BatchRegistry, and owner of account 0; by default the deployer.
    min_bond, reward_cap, question_bond : int
        wei.

    Raises
    ------
    DeploymentError
        If a transaction failed, an address is not the predicted one, or an immutable reads back
        wrong. Nothing is saved: that is the caller's.
    """
    artifacts = load()
    sender = deployer.address
    new = [role for role in CONTRACTS if not (role == "token" and token)]
    first = w3.eth.get_transaction_count(sender, "pending")
    addresses = {role: contract_address(sender, first + i) for i, role in enumerate(new)}
    if token:
        addresses["token"] = w3.to_checksum_address(token)
    owner_address = w3.to_checksum_address(owner or sender)
    fee_address = w3.to_checksum_address(fee_owner or sender)
    known: dict[str, Any] = {
        **addresses,
        "owner": owner_address,
        "feeOwner": fee_address,
        "provers": tuple(addresses[role] for role in PROVERS),
        "questionBond": question_bond,
        "windows": tuple(getattr(windows, name) for name in windows.__struct_fields__),
        "minBond": min_bond,
        "rewardCap": reward_cap,
    }
    receipts = {}
    for i, role in enumerate(new):
        data = creation_code(artifacts, CONTRACTS[role], known)
        receipts[role] = send(w3, deployer, data=data, nonce=first + i)
        found = receipts[role]["contractAddress"]
        if found != addresses[role]:
            raise DeploymentError(f"{role}: found at {found}, expected at {addresses[role]}")
    genesis = w3.eth.get_block(receipts["registry"]["blockNumber"])
    deployment = Deployment(
        w3=w3,
        chain_id=w3.eth.chain_id,
        deployer=sender,
        owner=owner_address,
        fee_owner=fee_address,
        addresses=addresses,
        windows=windows,
        min_bond=min_bond,
        reward_cap=reward_cap,
        question_bond=question_bond,
        genesis_block=genesis["number"],
        genesis_hash="0x" + bytes(genesis["hash"]).hex(),
        genesis_built_at=genesis["timestamp"],
    )
    deployment.verify()
    return deployment


def contract_address(sender: str, nonce: int) -> ChecksumAddress:
    """Address of the contract that a sender's transaction with this nonce creates."""
    encoded = rlp.encode([bytes.fromhex(sender.removeprefix("0x")), nonce])
    return Web3.to_checksum_address(keccak_256(encoded).digest()[12:])


def creation_code(artifacts: Artifacts, name: str, known: dict[str, Any]) -> bytes:
    """Creation code of a contract with its constructor's arguments, which are known by name.

    Raises
    ------
    DeploymentError
        If the constructor asks for something that is not known.
    """
    artifact = artifacts.get(name)
    inputs = constructor_inputs(artifact)
    names = [argument["name"].strip("_") for argument in inputs]
    if unknown := [argument for argument in names if argument not in known]:
        raise DeploymentError(
            f"constructor of {name}: found {', '.join(unknown)}, allowed {', '.join(known)}"
        )
    types = [canonical(argument) for argument in inputs]
    return artifact.bytecode + encode(types, [known[argument] for argument in names])


def send(
    w3: Web3,
    account: LocalAccount,
    *,
    data: bytes | str = b"",
    to: str | None = None,
    value: int = 0,
    nonce: int | None = None,
) -> TxReceipt:
    """Sign and send one transaction and wait for its receipt.

    Parameters
    ----------
    w3 : Web3
    account : LocalAccount
    data : bytes or hex
        Calldata, or creation code if ``to`` is None.
    to : str, optional
    value : int
        wei.
    nonce : int, optional
        By default the next one.

    Raises
    ------
    ChainError
        If it reverts, before or after it was sent, with the decoded reason.
    """
    transaction: TxParams = {
        "from": account.address,
        "chainId": w3.eth.chain_id,
        "nonce": Nonce(_next_nonce(w3, account) if nonce is None else nonce),
        "data": HexBytes(data),
        "value": Wei(value),
        **fees(w3),
    }
    if to is not None:
        transaction["to"] = w3.to_checksum_address(to)
    transaction["gas"] = _estimate(w3, transaction)
    signed = account.sign_transaction(_unsigned(transaction))
    digest = w3.eth.send_raw_transaction(signed.raw_transaction)
    receipt = w3.eth.wait_for_transaction_receipt(digest, RECEIPT_TIMEOUT, poll_latency=0.05)
    if receipt["status"] != 1:
        raise ChainError(f"transaction {digest.to_0x_hex()} reverted in its block")
    return receipt


def _next_nonce(w3: Web3, account: LocalAccount) -> int:
    return w3.eth.get_transaction_count(account.address)


def _unsigned(transaction: TxParams) -> dict[str, Any]:
    """Fields that are signed: all but the sender."""
    return {name: value for name, value in transaction.items() if name != "from"}


def fees(w3: Web3) -> TxParams:
    """EIP-1559 fields that outlast a doubled base fee."""
    base = w3.eth.get_block("latest").get("baseFeePerGas", 0)
    return {"maxPriorityFeePerGas": Wei(TIP), "maxFeePerGas": Wei(2 * base + TIP)}


def _estimate(w3: Web3, transaction: TxParams) -> int:
    """Gas limit of a transaction: a quarter above the estimate.

    What reverts at the newest block is asked again of the pending one: on a chain that makes blocks
    only when somebody sends something, the newest is long past.
    """
    try:
        estimate = w3.eth.estimate_gas(transaction)
    except Exception as error:
        data = revert_data(error)
        if data is None:
            raise
        try:
            estimate = w3.eth.estimate_gas(transaction, "pending")
        except Exception:
            target = f"transaction to {transaction['to']!s}" if "to" in transaction else "creation"
            raise ChainError(f"{target} reverts: {load().revert(data)}") from error
    return min(estimate * 5 // 4, GAS_LIMIT)


def revert_data(error: BaseException) -> bytes | None:
    """Return data of the reverted call that an exception reports; None if it reports no revert.

    Nodes answer with it in the error's ``data``; eth-tester (`ethereum:local:test`) raises its own
    exception with the data's Python literal in the text.
    """
    if type(error).__name__ == "TransactionFailed":
        _, found, literal = str(error).partition("execution reverted: ")
        data = ast.literal_eval(literal) if found and literal.startswith("b") else b""
        return data if isinstance(data, bytes) else b""
    if not isinstance(error, ContractLogicError | Web3RPCError):
        return None
    hexadecimal = getattr(error, "data", None)
    if isinstance(hexadecimal, dict):
        hexadecimal = hexadecimal.get("data")
    if not isinstance(hexadecimal, str) or not hexadecimal.startswith("0x"):
        return b"" if isinstance(error, ContractLogicError) else None
    return bytes.fromhex(hexadecimal[2:])
