"""py-evm charging by a schedule, every unit of gas to a component.

`vm_for` gives a virtual machine that any py-evm chain can run; `measuring` collects what its
transactions cost.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from typing import Any

from eth.vm.forks.prague import PragueVM
from eth.vm.forks.prague.state import PragueState

from gaslab.errors import InputError
from gaslab.evm.arithmetic import PURE
from gaslab.evm.calls import calls_of
from gaslab.evm.effects import effects_of
from gaslab.evm.frame import ABSENT, Frame, Tables, no_effect
from gaslab.evm.meter import Meter
from gaslab.evm.precompiles import precompiles_of
from gaslab.evm.transaction import Executor
from gaslab.evm.world import World
from gaslab.measurement import Measurement
from gaslab.schedule import Schedule


def tables_of(schedule: Schedule) -> Tables:
    """What a frame charges by under a schedule."""
    priced = schedule.opcode_gas
    effects = {**effects_of(schedule), **calls_of(schedule)}
    return Tables(
        schedule=schedule,
        static=[priced.get(code, ABSENT) for code in range(256)],
        pure=[PURE.get(code) for code in range(256)],
        effects=[effects[code][1] if code in effects else no_effect for code in range(256)],
        arity=[effects[code][0] if code in effects else 0 for code in range(256)],
        precompiles=precompiles_of(schedule),
    )


class LabState(PragueState):  # type: ignore[misc]
    """A state whose frames are the lab's."""

    meter: Meter
    profile = False
    observers: list[Callable[[Measurement], None]]

    # Transient storage is the meter's, so py-evm's own needs no checkpoints.
    def snapshot(self) -> tuple[Any, Any]:
        return self.state_root, self._account_db.record()

    def commit(self, snapshot: tuple[Any, Any]) -> None:
        self._account_db.commit(snapshot[1])

    def revert(self, snapshot: tuple[Any, Any]) -> None:
        root, checkpoint = snapshot
        self._account_db.state_root = root
        self._account_db.discard(checkpoint)


class LabVM(PragueVM):  # type: ignore[misc]
    """Blocks as on Prague; transactions by a schedule."""

    def make_receipt(self, base_header: Any, transaction: Any, frame: Any, state: Any) -> Any:
        """A receipt whose gas is what the sender was charged for."""
        return transaction.make_receipt(
            status=b"\x01" if frame.is_success else b"",
            gas_used=base_header.gas_used + frame.measurement.gas,
            log_entries=frame.get_log_entries(),
        )


def state_for(schedule: Schedule, world: type | None = None) -> type[LabState]:
    """A state class; with a `world`, on that instead of py-evm's account database."""
    frames = type("ScheduleFrame", (Frame,), {"tables": tables_of(schedule)})
    executor = type("ScheduleExecutor", (Executor,), {"schedule": schedule})
    members: dict[str, Any] = {
        "computation_class": frames,
        "transaction_executor_class": executor,
        "observers": [],
    }
    if world is not None:
        members["account_db_class"] = world
    return type("ScheduleState", (LabState,), members)


@lru_cache(maxsize=32)
def lab_state(schedule: Schedule) -> type[LabState]:
    """The state class of the lab's own chains, on a `World`."""
    return state_for(schedule, World)


@lru_cache(maxsize=32)
def vm_for(schedule: Schedule) -> type[LabVM]:
    """A virtual machine that charges by a schedule, for any py-evm chain.

    Blocks are made as on Prague. Receipts hold what the sender was charged for.
    """
    members = {"_state_class": state_for(schedule), "fork": schedule.name}
    return type("ScheduleVM", (LabVM,), members)


@contextmanager
def measuring(vm_or_chain: Any) -> Iterator[list[Measurement]]:
    """Collect measurements of all transactions that run inside.

    Parameters
    ----------
    vm_or_chain : type or chain
        A class made by `vm_for`, or a py-evm chain that runs one.

    Raises
    ------
    InputError
        The chain runs another virtual machine.
    """
    vm = vm_or_chain if isinstance(vm_or_chain, type) else type(vm_or_chain.get_vm())
    if not issubclass(vm, LabVM):
        raise InputError("measuring", vm.__name__, "a virtual machine made by vm_for")
    observers = vm._state_class.observers
    found: list[Measurement] = []
    note = found.append
    observers.append(note)
    try:
        yield found
    finally:
        observers.remove(note)
