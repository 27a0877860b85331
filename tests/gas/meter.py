"""What a transaction costs, exactly, and what it writes.

Three numbers are taken from the EVM while one transaction runs:

- ``gas``: what the sender was charged for, from its balance;
- ``execution``: intrinsic gas and opcodes, less the refund;
- ``floor``: 21,000 and 10 gas per token of calldata (EIP-7623).

``gas == max(execution, floor)``, and `measure` fails if it is not. So a fault of the EVM's own
bookkeeping cannot pass for a figure: its receipts are too low where a refund meets the floor.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from eth.vm.forks.prague.state import PragueTransactionExecutor
from eth_account.signers.local import LocalAccount

from tests.support.chain import Chain, Receipt

SSTORE = 0x55
FLOOR_BASE = 21_000
FLOOR_PER_TOKEN = 10
TOKENS_PER_BYTE = 4  # of a byte that is not zero; a zero is one token


@dataclass(frozen=True)
class Write:
    """One SSTORE: the slot's value before the transaction, before and after the opcode."""

    address: str
    slot: int
    original: int
    before: int
    after: int

    @property
    def is_new(self) -> bool:
        """It takes a slot that was empty: 22,100 gas and state that stays."""
        return self.original == 0 and self.after != 0


@dataclass
class Trace:
    """What a transaction did in the EVM."""

    writes: list[Write] = field(default_factory=list)
    used: int = 0  # gas before the refund
    refund: int = 0
    data: bytes = b""

    @property
    def execution(self) -> int:
        return self.used - self.refund

    @property
    def floor(self) -> int:
        return floor_of(self.data)


@dataclass(frozen=True)
class Measured:
    """A transaction's cost. All in gas."""

    receipt: Receipt
    execution: int
    floor: int
    calldata: int  # bytes
    writes: tuple[Write, ...]

    @property
    def gas(self) -> int:
        """What the sender was charged for."""
        return self.receipt.gas

    @property
    def new_slots(self) -> int:
        """Slots that were empty before and are not after."""
        last = {(write.address, write.slot): write for write in self.writes}
        return sum(write.is_new for write in last.values())

    def figures(self) -> dict[str, int]:
        """What a snapshot holds."""
        return {
            "gas": self.gas,
            "execution": self.execution,
            "floor": self.floor,
            "calldata": self.calldata,
            "writes": len(self.writes),
            "newSlots": self.new_slots,
        }


def floor_of(data: bytes) -> int:
    """Least that a call with this calldata is charged for (EIP-7623)."""
    zeros = data.count(0)
    return FLOOR_BASE + FLOOR_PER_TOKEN * (zeros + TOKENS_PER_BYTE * (len(data) - zeros))


def measure(chain: Chain, sender: LocalAccount, call: Any, *, value: int = 0) -> Measured:
    """Send one transaction, cold as on any chain, and measure it.

    Raises
    ------
    Reverted
    """
    with tracing(chain) as traces:
        receipt = chain.send(sender, call, value=value)
    (trace,) = traces
    assert receipt.gas == max(trace.execution, trace.floor), (receipt.gas, trace)
    return Measured(receipt, trace.execution, trace.floor, len(trace.data), tuple(trace.writes))


def still(chain: Chain) -> None:
    """Go on until the newest block's hash and the last second hold no zero byte.

    Calldata that names them then always costs the same, whatever the code of the contracts, which
    every block hash depends on.
    """
    while 0 in chain.block_hash(chain.height):
        chain.mine()
    while 0 in (chain.now - 1).to_bytes(4, "big"):
        chain.travel(1)
    assert chain.height < 256, "the block's number has another byte now"


@contextmanager
def tracing(chain: Chain) -> Iterator[list[Trace]]:
    """Collect a trace of every transaction that runs inside."""
    computation = chain.evm.get_vm().state.computation_class
    plain_opcodes = computation.opcodes
    plain_floor = PragueTransactionExecutor.calc_data_floor_gas
    traces: list[Trace] = []
    writes: list[Write] = []

    def data_floor_gas(transaction: Any, gas_used: int, gas_refund: int) -> int:
        # Called once for every transaction, when it has run.
        traces.append(Trace(list(writes), gas_used, gas_refund, bytes(transaction.data)))
        writes.clear()
        return int(plain_floor(transaction, gas_used, gas_refund))

    computation.opcodes = {**plain_opcodes, SSTORE: _recorded(plain_opcodes[SSTORE], writes)}
    PragueTransactionExecutor.calc_data_floor_gas = staticmethod(data_floor_gas)
    try:
        yield traces
    finally:
        computation.opcodes = plain_opcodes
        PragueTransactionExecutor.calc_data_floor_gas = staticmethod(plain_floor)


def _recorded(sstore: Callable[[Any], None], writes: list[Write]) -> Callable[[Any], None]:
    """Wrap SSTORE so that each one that runs is noted."""

    def run(computation: Any) -> None:
        value, slot = (_integer(item) for item in computation._stack.values[-2:])
        address, state = computation.msg.storage_address, computation.state
        original = state.get_storage(address, slot, from_journal=False)
        before = state.get_storage(address, slot)
        sstore(computation)
        writes.append(Write("0x" + address.hex(), slot, original, before, value))

    return run


def _integer(item: Any) -> int:
    """Stack items are integers or bytes."""
    return item if isinstance(item, int) else int.from_bytes(item, "big")
