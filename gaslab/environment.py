"""A chain of one's own: funded accounts, deployments, transactions, one block each.

Everything is explicit and repeatable: no clock, no randomness. Transactions are truly signed, so
that what was sent can be replayed on any other engine (`Environment.transactions`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from eth.db.atomic import AtomicDB
from eth.vm.execution_context import ExecutionContext
from eth_abi.exceptions import DecodingError
from sha3 import keccak_256

from gaslab import abi
from gaslab.errors import InputError, Reverted, TransactionRefused
from gaslab.evm import lab_state
from gaslab.evm.envelope import (
    ACCOUNTS,
    AccessList,
    Authorization,
    Envelope,
    authorize,
    decode,
    key_of,
)
from gaslab.evm.world import Account, World
from gaslab.measurement import Measurement
from gaslab.schedule import Schedule

if TYPE_CHECKING:
    from gaslab.solc import Contract

__all__ = ["Authorization", "Block", "Deployed", "Environment", "Sent", "authorize", "key_of"]

GENESIS_TIME = 1_800_000_000  # 2027-01-15 08:00 UTC
SECONDS_PER_BLOCK = 12
FUNDS = 10_000 * 10**18
BASE_FEE = 10**9
TIP = 10**9
MAX_FEE = 4 * 10**9
COINBASE = bytes.fromhex("c014ba5ec014ba5ec014ba5ec014ba5ec014ba5e")


@dataclass(frozen=True)
class Block:
    """What a transaction sees of its block."""

    number: int
    timestamp: int
    coinbase: bytes
    prevrandao: bytes
    base_fee: int
    gas_limit: int


@dataclass(frozen=True)
class Sent:
    """One transaction of a scenario: what another engine needs to replay it, and must agree on."""

    raw: bytes
    block: Block
    sender: bytes
    measurement: Measurement


class Environment:
    """A fresh chain under one schedule.

    Parameters
    ----------
    schedule : Schedule
    chain_id : int
    profile : bool
        Note each opcode's own gas (`Measurement.by_pc`); slower.

    Attributes
    ----------
    accounts : list of bytes
        Ten funded addresses. A `sender` is one of them or its index.
    gas_limit : int
        A transaction's gas unless told: what the schedule allows one, or the block holds.
    number, timestamp : int
        Of the next block.
    coinbase, prevrandao : bytes
    base_fee : int
    transactions : list of Sent
    genesis : dict of bytes to Account
        What stood before the first transaction: accounts' funds, and what `set_code`,
        `set_storage` and `set_balance` put there.
    """

    def __init__(self, schedule: Schedule, *, chain_id: int = 31337, profile: bool = False):
        self.schedule = schedule
        self.chain_id = chain_id
        # With state gas apart, the cap is on the rest alone.
        cap = None if schedule.state_gas else schedule.transaction_gas_cap
        self.gas_limit = min(cap or schedule.block_gas_limit, schedule.block_gas_limit)
        self.number = 1
        self.timestamp = GENESIS_TIME + SECONDS_PER_BLOCK
        self.coinbase = COINBASE
        self.prevrandao = keccak_256(b"prevrandao").digest()
        self.base_fee = BASE_FEE
        self.transactions: list[Sent] = []
        self._state = lab_state(schedule)(AtomicDB(), self._context(), bytes(32))
        self._state.profile = profile
        self._world: World = self._state._account_db
        self.accounts = [key_of(i).public_key.to_canonical_address() for i in range(ACCOUNTS)]
        for address in self.accounts:
            self._world.set_balance(address, FUNDS)
        self._genesis: dict[bytes, Account] | None = None

    # --- blocks -------------------------------------------------------------------------------

    def _context(self) -> ExecutionContext:
        # Past blocks' hashes do not exist here; a number's hash stands in, the same every time.
        earlier = range(self.number - 1, max(self.number - 257, -1), -1)
        return ExecutionContext(
            coinbase=self.coinbase,
            timestamp=self.timestamp,
            block_number=self.number,
            difficulty=0,
            mix_hash=self.prevrandao,
            gas_limit=self.schedule.block_gas_limit,
            prev_hashes=(keccak_256(n.to_bytes(32, "big")).digest() for n in earlier),
            chain_id=self.chain_id,
            base_fee_per_gas=self.base_fee,
            excess_blob_gas=0,
        )

    @property
    def block(self) -> Block:
        """The next block."""
        return Block(
            number=self.number,
            timestamp=self.timestamp,
            coinbase=self.coinbase,
            prevrandao=self.prevrandao,
            base_fee=self.base_fee,
            gas_limit=self.schedule.block_gas_limit,
        )

    def travel(self, seconds: int) -> None:
        """The next block is made `seconds` later than it would be."""
        if seconds < 0:
            raise InputError("seconds", seconds, "0 or more")
        self.timestamp += seconds

    # --- accounts -----------------------------------------------------------------------------

    @property
    def genesis(self) -> Mapping[bytes, Account]:
        """Accounts before the first transaction."""
        return self._world.accounts if self._genesis is None else self._genesis

    def _address(self, sender: int | bytes) -> tuple[bytes, int]:
        if type(sender) is int and 0 <= sender < ACCOUNTS:
            return self.accounts[sender], sender
        if isinstance(sender, bytes) and sender in self.accounts:
            return sender, self.accounts.index(sender)
        raise InputError("sender", sender, f"one of the {ACCOUNTS} accounts, or its index")

    def balance(self, address: bytes) -> int:
        return self._world.get_balance(address)

    def nonce(self, address: bytes) -> int:
        return self._world.get_nonce(address)

    def code(self, address: bytes) -> bytes:
        return self._world.get_code(address)

    def storage(self, address: bytes, slot: int) -> int:
        """One word of a contract's storage."""
        return self._world.get_storage(address, slot)

    def set_code(self, address: bytes, code: bytes) -> None:
        """Put code at an address, before the first transaction."""
        self._unsent("set_code")
        self._world.set_code(address, code)
        if not self._world.get_nonce(address):
            self._world.set_nonce(address, 1)

    def set_storage(self, address: bytes, slot: int, value: int) -> None:
        """Put a word into storage, before the first transaction."""
        self._unsent("set_storage")
        self._world.set_storage(address, slot, value)

    def set_balance(self, address: bytes, balance: int) -> None:
        """Fund an address, before the first transaction."""
        self._unsent("set_balance")
        self._world.set_balance(address, balance)

    def set_genesis(self, accounts: Mapping[bytes, Account]) -> None:
        """Put these accounts in the place of all others, before the first transaction."""
        self._unsent("set_genesis")
        self._world.accounts = {address: found.copy() for address, found in accounts.items()}

    def _unsent(self, name: str) -> None:
        if self.transactions:
            raise InputError(name, f"{len(self.transactions)} transactions", "none yet")

    # --- transactions -------------------------------------------------------------------------

    def send(
        self,
        to: bytes | None,
        data: bytes = b"",
        *,
        sender: int | bytes = 0,
        value: int = 0,
        gas: int | None = None,
        access_list: AccessList = (),
        authorizations: Sequence[Authorization] = (),
        blob_hashes: Sequence[bytes] = (),
        label: str = "",
    ) -> Measurement:
        """Sign a transaction and execute it in a block of its own.

        A failing one is measured like any other (`Measurement.success`).

        Raises
        ------
        TransactionRefused
            No block would hold it; nothing has changed.
        """
        address, index = self._address(sender)
        if type(value) is not int or not 0 <= value < 1 << 256:
            raise InputError("value", value, "a whole number of wei from 0, below 2^256")
        envelope = Envelope(
            chain_id=self.chain_id,
            nonce=self._world.get_nonce(address),
            tip=TIP,
            max_fee=MAX_FEE,
            gas=self.gas_limit if gas is None else gas,
            to=to,
            value=value,
            data=data,
            access_list=access_list,
            authorizations=authorizations,
            blob_hashes=blob_hashes,
        )
        return self.send_raw(envelope.signed(key_of(index)), sender=address, label=label)

    def send_raw(self, raw: bytes, *, sender: bytes | None = None, label: str = "") -> Measurement:
        """Execute a signed transaction.

        Raises
        ------
        TransactionRefused
        """
        transaction = _decoded(raw, sender)
        if transaction.gas > self.schedule.block_gas_limit:
            raise TransactionRefused(
                f"gas limit {transaction.gas} is above the block's {self.schedule.block_gas_limit}"
            )
        self._world.lock_changes()
        self._state.execution_context = self._context()
        before = self._world.copy().accounts if self._genesis is None else None
        frame = self._state.apply_transaction(transaction)
        if before is not None:
            self._genesis = before
        measurement: Measurement = replace(frame.measurement, label=label, raw=raw)
        self.transactions.append(Sent(raw, self.block, transaction.sender, measurement))
        self.number += 1
        self.timestamp += SECONDS_PER_BLOCK
        return measurement

    def call(self, to: bytes, data: bytes, *, sender: int | bytes = 0, value: int = 0) -> bytes:
        """What a call would return in the next block; it leaves no trace.

        Raises
        ------
        Reverted
        """
        address, index = self._address(sender)
        world, state = self._world, self._state
        world.lock_changes()
        state.execution_context = self._context()
        checkpoint = world.record()
        world.set_balance(address, FUNDS + world.get_balance(address))
        envelope = Envelope(
            chain_id=self.chain_id,
            nonce=world.get_nonce(address),
            tip=0,
            max_fee=self.base_fee,
            gas=self.gas_limit,
            to=to,
            value=value,
            data=data,
        )
        transaction = _decoded(envelope.signed(key_of(index)), address)
        try:
            frame = state.apply_transaction(transaction)
        finally:
            world.discard(checkpoint)
            world.lock_changes()
        if frame.is_error:
            raise Reverted("call", abi.reason(frame.output, type(frame.error).__name__, ()))
        return bytes(frame.output)

    def deploy(
        self,
        contract: Contract,
        *args: Any,
        sender: int | bytes = 0,
        value: int = 0,
        gas: int | None = None,
        label: str = "deploy",
    ) -> Deployed:
        """Create a contract with its constructor's arguments.

        Raises
        ------
        Reverted
            The constructor failed, or there was too little gas for it or the code.
        InputError
            Arguments that the constructor does not take.
        """
        inputs = abi.constructor(contract.abi)
        data = contract.creation + abi.encoded(f"{contract.name}.constructor", inputs, args)
        creation = self.send(None, data, sender=sender, value=value, gas=gas, label=label)
        if creation.contract is None:
            reason = abi.reason(creation.output, creation.error, contract.abi)
            raise Reverted(f"{label} {contract.name} under {self.schedule.name}", reason)
        return Deployed(self, contract, creation.contract, creation)


@dataclass(frozen=True)
class Deployed:
    """A contract on a chain.

    Attributes
    ----------
    address : bytes
    creation : Measurement
    """

    environment: Environment = field(repr=False)
    contract: Contract
    address: bytes
    creation: Measurement = field(repr=False)

    def _function(self, name: str, count: int | None = None) -> dict[str, Any]:
        functions = [item for item in self.contract.abi if item["type"] == "function"]
        found = [item for item in functions if name in (item["name"], abi.signature(item))]
        if len(found) > 1:
            found = [item for item in found if len(item["inputs"]) == count] or found
        if len(found) != 1:
            known = ", ".join(sorted(map(abi.signature, functions)))
            raise InputError(f"{self.contract.name}.{name}", name, f"one of {known}")
        return found[0]

    def encode(self, name: str, *args: Any) -> bytes:
        """Calldata of a function, named or by its full signature.

        Raises
        ------
        InputError
        """
        function = self._function(name, len(args))
        signature = abi.signature(function)
        selector = bytes(keccak_256(signature.encode()).digest()[:4])
        return selector + abi.encoded(f"{self.contract.name}.{signature}", function["inputs"], args)

    def send(self, name: str, *args: Any, **options: Any) -> Measurement:
        """A transaction; options as of `Environment.send`."""
        options.setdefault("label", name)
        return self.environment.send(self.address, self.encode(name, *args), **options)

    def call(self, name: str, *args: Any, sender: int | bytes = 0) -> Any:
        """What a function returns: one value, or a tuple; addresses as bytes.

        Raises
        ------
        Reverted
        """
        data = self.encode(name, *args)
        try:
            output = self.environment.call(self.address, data, sender=sender)
        except Reverted as error:
            raise Reverted(f"{self.contract.name}.{name}", self._named(error.reason)) from None
        return self.decode(name, output, count=len(args))

    def decode(self, name: str, output: bytes, *, count: int | None = None) -> Any:
        """A function's return data: one value, or a tuple."""
        outputs = self._function(name, count)["outputs"]
        try:
            values = abi.decoded(outputs, output)
        except DecodingError as error:
            raise Reverted(
                f"{self.contract.name}.{name}",
                f"returned 0x{output.hex()}, which is no {abi.types(outputs)}",
            ) from error
        return values[0] if len(values) == 1 else values

    def logs(self, measurement: Measurement) -> list[tuple[str, dict[str, Any]]]:
        """Logs of this contract, decoded: event, arguments by name; indexed dynamic ones as the
        hash that a log holds.
        """
        events = [item for item in self.contract.abi if item["type"] == "event"]
        own = (log for log in measurement.logs if log.address == self.address)
        return [abi.event(log, events) for log in own]

    def reason(self, measurement: Measurement) -> str:
        """Why a transaction failed, decoded by the contract's own errors."""
        return abi.reason(measurement.output, measurement.error, self.contract.abi)

    def _named(self, reason: str) -> str:
        if not reason.startswith("0x"):
            return reason
        return abi.reason(bytes.fromhex(reason[2:]), "Revert", self.contract.abi)


def _decoded(raw: bytes, sender: bytes | None) -> Any:
    """py-evm's transaction; a known sender spares the recovery of its key."""
    transaction = decode(raw)
    if sender is not None:
        transaction.__dict__["sender"] = sender
    return transaction
