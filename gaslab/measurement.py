"""What one transaction cost and did."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gaslab.components import Component
from gaslab.errors import MeterBroken

Slot = tuple[bytes, int]  # (contract, slot)


@dataclass(frozen=True)
class Log:
    address: bytes
    topics: tuple[int, ...]
    data: bytes


@dataclass(frozen=True)
class Measurement:
    """One transaction under one schedule.

    Attributes
    ----------
    label : str
        What the transaction is, in the driver's words.
    schedule : str
    success : bool
    error : str
        Name of the halt or revert, empty if it succeeded.
    gas : int
        What the sender is charged for. Equals the sum of `components`, always.
    components : mapping of Component to int
        Without zeros. `Component.REFUND` is negative.
    refund_counted : int
        The refund counter at the end, before the cap of a fifth.
    floor : int
        The least that this calldata is charged for; 0 where a schedule has no floor.
    execution : int
        Gas after the refund and before the floor: ``gas == max(execution, floor)``.
    state_gas : int
        Part of `gas` that pays for state growth (EIP-8037); 0 in other schedules.
    calldata_bytes, calldata_zero_bytes : int
    memory_peak_bytes : int
        Highest memory of any frame.
    slots_created, slots_changed, slots_cleared : int
        From zero, between values, to zero: first value against last value of the transaction.
    slots_read : int
        Distinct slots read and not written.
    state_bytes_grown : int
        Of new slots (64 each), new accounts (120 each) and deployed code, less what was cleared.
    access_accounts, access_slots : int
        Size of the set that is warm at the end.
    log_count, log_bytes : int
        Bytes of topics (32 each) and data.
    code_bytes, initcode_bytes : int
        Of a creation transaction.
    blob_gas : int
        Of a transaction with blobs; beside `gas`, not part of it.
    output : bytes
    logs : tuple of Log
    reads, writes : frozenset of Slot
        For conflicts between transactions. `writes` holds only slots whose value changed.
    contract : bytes or None
        Address that a creation transaction made.
    raw : bytes
        The signed transaction, as a block carries it.
    by_pc : mapping of (code hash, pc) to gas
        Each opcode's own gas, for profiles; empty unless asked for.
    steps : tuple of (depth, code hash, pc, gas)
        The same in the order of execution.
    """

    label: str
    schedule: str
    success: bool
    error: str
    gas: int
    components: Mapping[Component, int]
    refund_counted: int
    floor: int
    execution: int
    state_gas: int
    calldata_bytes: int
    calldata_zero_bytes: int
    memory_peak_bytes: int
    slots_created: int
    slots_changed: int
    slots_cleared: int
    slots_read: int
    state_bytes_grown: int
    access_accounts: int
    access_slots: int
    log_count: int
    log_bytes: int
    code_bytes: int
    initcode_bytes: int
    blob_gas: int = 0
    output: bytes = b""
    logs: tuple[Log, ...] = ()
    reads: frozenset[Slot] = frozenset()
    writes: frozenset[Slot] = frozenset()
    contract: bytes | None = None
    raw: bytes = b""
    by_pc: Mapping[tuple[bytes, int], int] = field(default_factory=dict)
    steps: tuple[tuple[int, bytes, int, int], ...] = field(default=(), repr=False)

    def __post_init__(self) -> None:
        total = sum(self.components.values())
        if total != self.gas:
            raise MeterBroken(f"{self.label}: components sum to {total}, gas is {self.gas}")
        if self.gas != max(self.execution, self.floor):
            raise MeterBroken(
                f"{self.label}: gas {self.gas}, execution {self.execution}, floor {self.floor}"
            )


# Figures that add up over transactions, in the order of a snapshot's line.
SUMMED = (
    "gas",
    "execution",
    "floor",
    "refund_counted",
    "state_gas",
    "calldata_bytes",
    "calldata_zero_bytes",
    "slots_created",
    "slots_changed",
    "slots_cleared",
    "slots_read",
    "state_bytes_grown",
    "access_accounts",
    "access_slots",
    "log_count",
    "log_bytes",
    "blob_gas",
)
# Figures of which the highest counts.
HIGHEST = ("memory_peak_bytes",)
# Figures that a driver records: how many items fit, where that is the question; how many
# transactions were counted without being sent.
RECORDED = ("items", "composed")


def total(measurements: Iterable[Measurement]) -> dict[str, Any]:
    """Figures of several transactions together.

    Returns
    -------
    dict
        Each name of `SUMMED` and `HIGHEST`, ``transactions``, and ``components``: name -> gas, in
        the order of `Component`, without zeros.
    """
    found = list(measurements)
    figures: dict[str, Any] = {"transactions": len(found)}
    for name in SUMMED:
        figures[name] = sum(getattr(one, name) for one in found)
    for name in HIGHEST:
        figures[name] = max((getattr(one, name) for one in found), default=0)
    sums = {part: sum(one.components.get(part, 0) for one in found) for part in Component}
    figures["components"] = {str(part): gas for part, gas in sums.items() if gas}
    return figures
