"""A chain in the process: eth-tester's py-evm on Prague, driven without its slow outer layers.

Transactions are signed and executed as anywhere, each in a block of its own. What is spared is
JSON-RPC and its validation; ``chain.w3`` speaks it on the same chain, for code that needs it.

Time stands still unless told: a block is one second after its parent, or at the time that
`Chain.at` names. Nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from typing import Any

import pytest
from eth.precompiles import point_evaluation
from eth.vm.spoof import SpoofTransaction
from eth_abi.abi import decode
from eth_account import Account
from eth_account.signers.local import LocalAccount
from eth_tester import EthereumTester, PyEVMBackend
from eth_tester.backends.pyevm.main import get_default_genesis_params
from sha3 import keccak_256
from web3 import EthereumTesterProvider, Web3
from web3.contract.contract import ContractConstructor, ContractFunction
from web3.providers.eth_tester.defaults import API_ENDPOINTS, static_return

from matcher.chain.artifacts import Artifacts, Revert, canonical

CHAIN_ID = 1337
GENESIS_TIME = 1_800_000_000  # 2027-01-15 08:00 UTC
GAS_LIMIT = 1 << 24  # EIP-7825
TIP = 10**9
ETHER = 10**18
BLOB_GAS = 1 << 17  # of each blob
MAX_BLOB_FEE = 10**9  # wei per blob gas

# py-evm reads the points of the KZG ceremony for every opening, which takes two seconds each.
point_evaluation.load_trusted_setup = cache(point_evaluation.load_trusted_setup)


def account(name: str) -> LocalAccount:
    """The account of a role: its key is the hash of the role's name."""
    return Account.from_key(keccak_256(name.encode()).digest())


class Reverted(Exception):
    """A transaction or call reverted."""

    def __init__(self, revert: Revert, gas: int = 0):
        self.revert = revert
        self.gas = gas  # charged
        super().__init__(str(revert))


@dataclass(frozen=True)
class Event:
    """A decoded log."""

    address: str
    name: str
    args: dict[str, Any]


@dataclass(frozen=True)
class Receipt:
    """What a successful transaction did.

    `gas` is what the sender was charged for, read from its balance: py-evm's receipts are too low
    where a capped refund meets the floor of EIP-7623. What blobs cost is left out.
    """

    gas: int
    events: list[Event]
    block: int
    time: int  # of the block, seconds
    output: bytes
    created: str | None
    hash: bytes

    def event(self, name: str) -> dict[str, Any]:
        """Arguments of the one event of this name."""
        found = [event.args for event in self.events if event.name == name]
        assert len(found) == 1, f"{name}: {len(found)} events among {self.events}"
        return found[0]

    def names(self) -> list[str]:
        """Names of all events, in order."""
        return [event.name for event in self.events]


class _Provider(EthereumTesterProvider):
    """eth-tester over JSON-RPC, with our chain id."""

    def __init__(self, tester: EthereumTester):
        super().__init__(tester)
        eth = {**API_ENDPOINTS["eth"], "chainId": static_return(CHAIN_ID)}
        self.api_endpoints = {**API_ENDPOINTS, "eth": eth}


class _Backend(PyEVMBackend):
    """Keeps the chain id over reverts, and makes blocks without randomness."""

    def mine_blocks(self, num_blocks: int = 1, coinbase: bytes = bytes(20)) -> tuple[bytes, ...]:
        return tuple(
            self.chain.mine_block(coinbase=coinbase, mix_hash=bytes(32)).hash
            for _ in range(num_blocks)
        )

    def revert_to_snapshot(self, snapshot: bytes) -> None:
        super().revert_to_snapshot(snapshot)
        self.chain.chain_id = CHAIN_ID


class Chain:
    """One embedded chain.

    Parameters
    ----------
    artifacts : Artifacts
        Decode events and reverts.
    rich : list of str
        Addresses with a million ether each.
    """

    def __init__(self, artifacts: Artifacts, rich: list[str]):
        self.artifacts = artifacts
        caller = Account.from_key((1).to_bytes(32, "big"))  # from whom eth-tester calls by default
        state = {
            bytes.fromhex(address.removeprefix("0x")): {
                "balance": 10**6 * ETHER,
                "storage": {},
                "code": b"",
                "nonce": 0,
            }
            for address in [caller.address, *rich]
        }
        genesis = get_default_genesis_params({"timestamp": GENESIS_TIME})
        self.backend = _Backend(genesis_parameters=genesis, genesis_state=state)
        self.backend.chain.chain_id = CHAIN_ID
        self.w3 = Web3(_Provider(EthereumTester(self.backend)))
        self._events = _event_types(artifacts)

    # --- time and blocks --------------------------------------------------------------------------

    @property
    def evm(self) -> Any:
        return self.backend.chain

    @property
    def now(self) -> int:
        """Time of the next block, in which the next transaction runs, seconds."""
        return int(self.evm.header.timestamp)

    @property
    def height(self) -> int:
        """Number of the newest block."""
        return int(self.evm.header.block_number) - 1

    def at(self, time: int) -> None:
        """The next block is made at `time`."""
        parent = self.evm.get_canonical_block_header_by_number(self.height)
        assert time > parent.timestamp, f"{time}: the newest block is of {parent.timestamp}"
        self.evm.header = self.evm.header.copy(timestamp=time)

    def travel(self, seconds: int) -> None:
        """The next block is made `seconds` later than it would be."""
        self.at(self.now + seconds)

    def mine(self, blocks: int = 1) -> None:
        """Make empty blocks."""
        self.backend.mine_blocks(blocks)

    def block_hash(self, number: int) -> bytes:
        return bytes(self.evm.get_canonical_block_hash(number))

    def snapshot(self) -> bytes:
        """Name of the newest block, to come back to."""
        return bytes(self.backend.take_snapshot())

    def revert(self, snapshot: bytes) -> None:
        """Forget everything after a snapshot."""
        if self.backend.take_snapshot() != snapshot or self.evm.get_block().transactions:
            self.backend.revert_to_snapshot(snapshot)
        else:
            self.at_next()

    @contextmanager
    def passing(self) -> Iterator[None]:
        """What happens inside is forgotten, however it ends.

        Hypothesis may leave an example in the middle, at any draw.
        """
        before = self.snapshot()
        try:
            yield
        finally:
            self.revert(before)

    def at_next(self) -> None:
        """The next block is made one second after the newest."""
        parent = self.evm.get_canonical_block_header_by_number(self.height)
        self.evm.header = self.evm.header.copy(timestamp=parent.timestamp + 1)

    # --- transactions and calls -------------------------------------------------------------------

    def send(
        self,
        sender: LocalAccount,
        call: ContractFunction | ContractConstructor | None = None,
        *,
        to: str | None = None,
        data: bytes = b"",
        value: int = 0,
        blobs: Sequence[bytes] = (),
    ) -> Receipt:
        """Sign one transaction, execute it in a block of its own, and decode what it did.

        With `blobs`, their versioned hashes, it is one of EIP-4844; the blobs are nowhere.

        Raises
        ------
        Reverted
            The block stands, its transaction failed.
        """
        if isinstance(call, ContractFunction):
            to, data = call.address, calldata(call)
        elif call is not None:
            data = bytes.fromhex(call.data_in_transaction.removeprefix("0x"))
        state = self.evm.get_vm().state
        source = bytes.fromhex(sender.address[2:])
        base = self.evm.header.base_fee_per_gas
        fields = {
            "chainId": CHAIN_ID,
            "nonce": state.get_nonce(source),
            "gas": GAS_LIMIT,
            "maxFeePerGas": base + TIP,
            "maxPriorityFeePerGas": TIP,
            "data": data,
            "value": value,
        }
        if to is not None:
            fields["to"] = Web3.to_checksum_address(to)
        if blobs:
            fields |= {"blobVersionedHashes": list(blobs), "maxFeePerBlobGas": MAX_BLOB_FEE}
        before = state.get_balance(source)
        signed = sender.sign_transaction(fields)
        transaction = self.evm.get_vm().get_transaction_builder().decode(signed.raw_transaction)
        time = self.now
        spent = len(blobs) * BLOB_GAS * state.blob_base_fee
        _, receipt, computation = self.evm.apply_transaction(transaction)
        # py-evm leaves this to who makes a block of several transactions at once.
        self.evm.header = self.evm.header.copy(blob_gas_used=len(blobs) * BLOB_GAS)
        self.mine()
        after = self.evm.get_vm().state.get_balance(source)
        spent += 0 if computation.is_error else value
        gas = (before - after - spent) // (base + TIP)
        if computation.is_error:
            raise Reverted(self.artifacts.revert(bytes(computation.output)), gas)
        created = computation.msg.storage_address if to is None else None
        return Receipt(
            gas=gas,
            events=[self._event(log) for log in receipt.logs],
            block=self.height,
            time=time,
            output=bytes(computation.output),
            created=None if created is None else Web3.to_checksum_address(created),
            hash=bytes(transaction.hash),
        )

    def call(self, call: ContractFunction, sender: LocalAccount | None = None) -> Any:
        """What a function would return in the next block; nothing changes.

        Raises
        ------
        Reverted
        """
        source = bytes(20) if sender is None else bytes.fromhex(sender.address[2:])
        vm = self.evm.get_vm()  # of this call alone: what it changes is dropped with it
        vm.state.set_balance(source, vm.state.get_balance(source) + ETHER)
        unsigned = vm.create_unsigned_transaction(
            nonce=vm.state.get_nonce(source),
            gas_price=self.evm.header.base_fee_per_gas,
            gas=GAS_LIMIT,
            to=bytes.fromhex(call.address[2:]),
            value=0,
            data=calldata(call),
        )
        computation = vm.state.apply_transaction(SpoofTransaction(unsigned, from_=source))
        if computation.is_error:
            raise Reverted(self.artifacts.revert(bytes(computation.output)))
        types = [canonical(output) for output in call.abi["outputs"]]
        values = decode(types, bytes(computation.output))
        values = tuple(
            Web3.to_checksum_address(value) if kind == "address" else value
            for kind, value in zip(types, values, strict=True)
        )
        return values[0] if len(values) == 1 else values

    def storage(self, address: str, slot: int) -> int:
        """One word of a contract's storage."""
        return int(self.evm.get_vm().state.get_storage(bytes.fromhex(address[2:]), slot))

    def write_storage(self, address: str, slots: dict[int, int]) -> None:
        """Put words into a contract's storage, as if earlier transactions had."""
        vm = self.evm.get_vm()
        for slot, value in slots.items():
            vm.state.set_storage(bytes.fromhex(address[2:]), slot, value)
        vm.state.persist()
        self.evm.header = self.evm.header.copy(state_root=vm.state.state_root)
        self.mine()

    def deploy(self, sender: LocalAccount, name: str, *args: Any) -> Any:
        """Deploy a contract and return it."""
        artifact = self.artifacts.get(name)
        factory = self.w3.eth.contract(abi=artifact.abi, bytecode=artifact.bytecode)
        receipt = self.send(sender, factory.constructor(*args))
        return self.w3.eth.contract(address=receipt.created, abi=artifact.abi)

    def _event(self, log: Any) -> Event:
        address = Web3.to_checksum_address(log.address)
        topics = [topic.to_bytes(32, "big") for topic in log.topics]
        found = self._events.get((topics[0], len(topics))) if topics else None
        if found is None:
            return Event(address, "0x" + (topics[0].hex() if topics else ""), {"data": log.data})
        name, inputs = found
        plain = [argument for argument in inputs if not argument["indexed"]]
        values = iter(decode([canonical(argument) for argument in plain], log.data))
        indexed = iter(topics[1:])
        args = {
            argument["name"]: decode([argument["type"]], next(indexed))[0]
            if argument["indexed"]
            else next(values)
            for argument in inputs
        }
        for argument in inputs:
            if argument["type"] == "address":
                args[argument["name"]] = Web3.to_checksum_address(args[argument["name"]])
        return Event(address, name, args)


def calldata(call: ContractFunction) -> bytes:
    """Calldata of a bound function."""
    return bytes.fromhex(call._encode_transaction_data().removeprefix("0x"))


def _event_types(artifacts: Artifacts) -> dict[tuple[bytes, int], tuple[str, list[dict[str, Any]]]]:
    """Name and inputs of every event, by its hash and its number of topics."""
    types = {}
    for contract in artifacts.names():
        for item in artifacts.get(contract).abi:
            if item["type"] == "event":
                signature = f"{item['name']}({','.join(map(canonical, item['inputs']))})"
                topic = keccak_256(signature.encode()).digest()
                topics = 1 + sum(argument["indexed"] for argument in item["inputs"])
                types[topic, topics] = (item["name"], item["inputs"])
    return types


@contextmanager
def reverts(name: str, *args: Any) -> Iterator[None]:
    """Assert that the block reverts with exactly this error and these arguments."""
    with pytest.raises(Reverted) as caught:
        yield
    found = caught.value.revert
    assert found.name == name, f"reverted with {found}"
    assert tuple(map(_plain, found.args)) == tuple(map(_plain, args)), f"reverted with {found}"


def _plain(value: Any) -> Any:
    """Addresses compare without regard to case."""
    return value.lower() if isinstance(value, str) and value.startswith("0x") else value
