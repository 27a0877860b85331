"""Where the gas of one transaction goes, and what the transaction touches on the way.

A static charge is counted by opcode, a dynamic one is added to its component; so the sum over
components is exact by construction, and every frame checks it (`Meter.settle`).

What a reverting frame takes back (warm addresses and slots, transient storage, refunds, logs,
created and destroyed accounts) goes through one journal.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from operator import itemgetter, mul
from typing import Any, NamedTuple

from gaslab.components import Component
from gaslab.errors import MeterBroken
from gaslab.measurement import Log, Slot
from gaslab.schedule import Schedule

PARTS = tuple(Component)
INDEX: Mapping[Component, int] = {part: index for index, part in enumerate(PARTS)}
BURNED = INDEX[Component.BURNED]
STATE = tuple(
    INDEX[part] for part in (Component.STATE_SLOT, Component.STATE_ACCOUNT, Component.STATE_CODE)
)

_STATIC = {
    Component.ARITHMETIC: range(0x01, 0x20),
    Component.KECCAK: [0x20],
    Component.COPY: [0x37, 0x39, 0x3C, 0x3E, 0x5E],
    Component.MEMORY_ACCESS: [0x51, 0x52, 0x53, 0x59],
    Component.SLOT_WARM: [0x54],
    Component.SSTORE_NOOP: [0x55],
    Component.CONTROL: [0x00, 0x56, 0x57, 0x58, 0x5A, 0x5B, 0xF3, 0xFD, 0xFE],
    Component.TRANSIENT: [0x5C, 0x5D],
    Component.STACK: [0x50, *range(0x5F, 0xA0)],
    Component.LOG: range(0xA0, 0xA5),
    Component.CREATE: [0xF0, 0xF5],
    Component.CALL: [0xF1, 0xF2, 0xF4, 0xFA],
    Component.ACCOUNT_WARM: [0x31, 0x3B, 0x3F],
    Component.SELFDESTRUCT: [0xFF],
}
STATIC_PARTS: Sequence[int] = [
    next(
        (INDEX[part] for part, codes in _STATIC.items() if code in codes),
        INDEX[Component.ENVIRONMENT],
    )
    for code in range(256)
]
"""The component of each opcode's static gas."""


class _Missing:
    """What a journal entry's key had before: nothing."""


MISSING = _Missing()


class Mark(NamedTuple):
    """Where a frame began."""

    journal: int
    logs: int
    refund: int
    state: tuple[int, ...]
    reservoir: int
    charged: int


class Meter:
    """One transaction's account book.

    Attributes
    ----------
    counts : list of int, shape (256,)
        How often each opcode was paid for.
    parts : list of int
        Dynamic gas by component, in the order of `PARTS`.
    reservoir : int
        State gas that is set apart and not yet used (EIP-8037).
    warm_accounts, warm_slots : dict
        Ordered sets.
    created, destroyed : dict
        Contracts made, and made and destroyed, by this transaction.
    fresh : dict
        Accounts that were empty before this transaction.
    first : dict of Slot to int
        Each written slot's value before the transaction.
    reads : set of Slot
    by_pc : dict of (bytes, int) to int
        Own gas by code hash and position; None if no profile is asked for.
    steps : list of [int, bytes, int, int]
        The same in order: depth, code hash, position, own gas.
    """

    __slots__ = (
        "by_pc",
        "counts",
        "created",
        "destroyed",
        "first",
        "fresh",
        "journal",
        "logs",
        "memory_peak",
        "parts",
        "profiled",
        "reads",
        "refund",
        "reservoir",
        "schedule",
        "static",
        "steps",
        "transient",
        "warm_accounts",
        "warm_slots",
    )

    def __init__(self, schedule: Schedule, *, profile: bool = False):
        self.schedule = schedule
        self.static = static_gas(schedule)
        self.counts = [0] * 256
        self.parts = [0] * len(PARTS)
        self.reservoir = 0
        self.refund = 0
        self.warm_accounts: dict[bytes, None] = {}
        self.warm_slots: dict[Slot, None] = {}
        self.transient: dict[Slot, int] = {}
        self.created: dict[bytes, None] = {}
        self.destroyed: dict[bytes, None] = {}
        self.fresh: dict[bytes, None] = {}
        self.first: dict[Slot, int] = {}
        self.reads: set[Slot] = set()
        self.logs: list[Log] = []
        self.journal: list[tuple[dict[Any, Any], Any, Any]] = []
        self.memory_peak = 0
        self.by_pc: dict[tuple[bytes, int], int] | None = {} if profile else None
        self.profiled = 0
        self.steps: list[list[Any]] = []

    # --- the journal --------------------------------------------------------------------------

    def put(self, mapping: dict[Any, Any], key: Any, value: Any = None) -> None:
        """Write to one of the meter's mappings so that a revert takes it back."""
        self.journal.append((mapping, key, mapping.get(key, MISSING)))
        mapping[key] = value

    def warm_account(self, address: bytes) -> bool:
        """Touch an address; whether it was cold."""
        if address in self.warm_accounts:
            return False
        self.put(self.warm_accounts, address)
        return True

    def warm_slot(self, slot: Slot) -> bool:
        """Touch a slot; whether it was cold."""
        if slot in self.warm_slots:
            return False
        self.put(self.warm_slots, slot)
        return True

    def move(self, state: Any, source: bytes, target: bytes, value: int) -> None:
        """Move ether, and note an account that it brings into being."""
        if state.account_is_empty(target):
            self.put(self.fresh, target)
        state.delta_balance(source, -value)
        state.delta_balance(target, value)

    def mark(self) -> Mark:
        """Where a frame begins."""
        return Mark(
            journal=len(self.journal),
            logs=len(self.logs),
            refund=self.refund,
            state=tuple(self.parts[index] for index in STATE),
            reservoir=self.reservoir,
            charged=self.charged,
        )

    def undo(self, mark: Mark) -> None:
        """Take back all that a failed frame did but its gas: also what it owed for state, and
        what it took from the reservoir for that.
        """
        journal = self.journal
        while len(journal) > mark.journal:
            mapping, key, before = journal.pop()
            if before is MISSING:
                del mapping[key]
            else:
                mapping[key] = before
        del self.logs[mark.logs :]
        self.refund = mark.refund
        self.reservoir = mark.reservoir
        for index, gas in zip(STATE, mark.state, strict=True):
            self.parts[index] = gas

    # --- sums ---------------------------------------------------------------------------------

    @property
    def charged(self) -> int:
        """All gas charged so far."""
        pick, prices = self.static
        fixed: int = sum(map(mul, prices, pick(self.counts)))
        return sum(self.parts) + fixed

    def settle(self, mark: Mark, start: int, remaining: int) -> None:
        """See that a frame's gas is all accounted for.

        Raises
        ------
        MeterBroken
        """
        spent = start - remaining + mark.reservoir - self.reservoir
        charged = self.charged - mark.charged
        if spent != charged:
            raise MeterBroken(f"a frame spent {spent} gas, its components sum to {charged}")

    def components(self) -> dict[Component, int]:
        """Gas by component, without zeros."""
        sums = list(self.parts)
        for code, count in enumerate(self.counts):
            if count:
                sums[STATIC_PARTS[code]] += self.schedule.opcode_gas[code] * count
        return {part: gas for part, gas in zip(PARTS, sums, strict=True) if gas}


@lru_cache(maxsize=32)
def static_gas(schedule: Schedule) -> tuple[itemgetter[Any], tuple[int, ...]]:
    """What picks, from counts by opcode, those that have a price; and their prices."""
    priced = {code: gas for code, gas in schedule.opcode_gas.items() if gas}
    priced |= {code: 0 for code in (0x00, 0xFE) if code not in priced}  # it picks a tuple from two
    return itemgetter(*priced), tuple(priced.values())
