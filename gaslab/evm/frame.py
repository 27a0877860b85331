"""One frame of execution: stack, memory, gas, and the loop over a code's opcodes.

`Frame` takes the place of py-evm's computation. It charges by the tables of its class, which
`gaslab.evm.tables_of` makes from a schedule, and reports every charge to the transaction's `Meter`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any, ClassVar, NamedTuple

from eth.constants import STACK_DEPTH_LIMIT
from eth.exceptions import (
    FullStack,
    InsufficientFunds,
    InsufficientStack,
    InvalidInstruction,
    InvalidJumpDestination,
    OutOfGas,
    ReservedBytesInCode,
    StackDepthLimit,
    VMError,
)
from eth.vm.forks.prague.computation import PragueComputation
from sha3 import keccak_256

from gaslab.components import Component
from gaslab.evm.meter import BURNED, INDEX, Mark, Meter
from gaslab.schedule import Schedule

Effect = Callable[["Frame"], bool | None]
"""What an opcode does that is more than arithmetic; true ends the frame."""

ACCOUNT_COLD = INDEX[Component.ACCOUNT_COLD]
ACCOUNT_WARM = INDEX[Component.ACCOUNT_WARM]
MEMORY = INDEX[Component.MEMORY_EXPANSION]
DEPOSIT = INDEX[Component.CODE_DEPOSIT]
STATE_ACCOUNT = INDEX[Component.STATE_ACCOUNT]
STATE_CODE = INDEX[Component.STATE_CODE]
PRECOMPILE = INDEX[Component.PRECOMPILE]
JUMPDEST, PUSH1 = 0x5B, 0x60
LONGEST_STACK = 1024
ABSENT = 1 << 256  # more gas than there can be


def no_effect(frame: Frame) -> None:
    """Stands where the loop runs an opcode itself."""
    raise AssertionError("the loop runs this opcode itself")


class CodeTooLong(VMError):  # type: ignore[misc]
    """Code or initcode above the schedule's limit."""


class Tables(NamedTuple):
    """What a frame's class charges by.

    Attributes
    ----------
    schedule : Schedule
    static : list of int, shape (256,)
        Gas before the opcode runs; `ABSENT` if there is no such opcode.
    effects : list of Effect, shape (256,)
        For opcodes that the loop does not run itself.
    arity : list of int, shape (256,)
        Items that an effect pops.
    precompiles : dict of bytes to (price, run)
    """

    schedule: Schedule
    static: Sequence[int]
    pure: Sequence[Callable[[list[int]], None] | None]
    effects: Sequence[Effect]
    arity: Sequence[int]
    precompiles: dict[bytes, tuple[Callable[[bytes], int], Callable[[Any], Any]]]


class Program(NamedTuple):
    """Code made ready to run."""

    code: bytes  # and 33 zero bytes: STOP behind the end, data of a last PUSH
    pushes: Sequence[int]  # by position: what a PUSH there puts on the stack
    jumpdests: frozenset[int]
    hash: bytes


@lru_cache(maxsize=4096)
def program_of(code: bytes) -> Program:
    """Find the data of every PUSH and the places where a jump may land."""
    padded = code + bytes(33)
    pushes = [0] * (len(code) + 1)
    jumpdests = []
    pc = 0
    while pc < len(code):
        opcode = padded[pc]
        if PUSH1 <= opcode < 0x80:
            size = opcode - 0x5F
            pushes[pc] = int.from_bytes(padded[pc + 1 : pc + 1 + size], "big")
            pc += size
        elif opcode == JUMPDEST:
            jumpdests.append(pc)
        pc += 1
    return Program(padded, pushes, frozenset(jumpdests), keccak_256(code).digest())


class Frame(PragueComputation):  # type: ignore[misc]
    """A message's execution.

    Attributes
    ----------
    gas : int
        Left to this frame.
    stack : list of int
    memory : bytearray
    state_gas_paid : int
        State gas (EIP-8037) of this frame and its successful children that came out of `gas`, as
        the reservoir was empty.
    """

    tables: ClassVar[Tables]

    def __init__(self, state: Any, message: Any, transaction_context: Any):
        self.state = state
        self.msg = message
        self.transaction_context = transaction_context
        self.meter: Meter = state.meter
        self.world = state._account_db
        self.address: bytes = message.storage_address
        self.gas: int = message.gas
        self.stack: list[int] = []
        self.memory = bytearray()
        self.data: bytes = message.data_as_bytes
        self.return_data = b""
        self.pc = 0
        self.state_gas_paid = 0
        self.unprepared = False
        self.children: list[Any] = []

    # --- charges ------------------------------------------------------------------------------

    def charge(self, part: int, amount: int) -> None:
        """Pay for something.

        Raises
        ------
        OutOfGas
        """
        if amount > self.gas:
            raise OutOfGas(f"needs {amount}, has {self.gas}")
        self.gas -= amount
        self.meter.parts[part] += amount

    def charge_state(self, part: int, amount: int) -> None:
        """Pay state gas: from the reservoir while it lasts, then from the frame's gas."""
        reserved = min(self.meter.reservoir, amount)
        if amount - reserved > self.gas:
            raise OutOfGas(f"needs {amount} state gas, has {self.gas} and {reserved} reserved")
        self.meter.reservoir -= reserved
        self.gas -= amount - reserved
        self.state_gas_paid += amount - reserved
        self.meter.parts[part] += amount

    def refill_state(self, part: int, amount: int) -> None:
        """Give state gas back: to the frame's gas what it paid, the rest to the reservoir."""
        paid = min(amount, self.state_gas_paid)
        self.state_gas_paid -= paid
        self.gas += paid
        self.meter.reservoir += amount - paid
        self.meter.parts[part] -= amount

    def expand(self, offset: int, size: int) -> None:
        """Make memory hold ``[offset, offset + size)`` and pay for new words.

        Raises
        ------
        OutOfGas
        """
        if not size or offset + size <= len(self.memory):
            return
        schedule = self.tables.schedule
        word, divisor = schedule["memory.word"], schedule["memory.quadratic_divisor"]
        before = len(self.memory) // 32
        after = (offset + size + 31) // 32
        cost = word * (after - before) + after * after // divisor - before * before // divisor
        self.charge(MEMORY, cost)
        self.memory.extend(bytes(32 * (after - before)))

    def consume_gas(self, amount: int, reason: str) -> None:
        """Nothing: py-evm's precompiles call this, and `_run` has charged already."""

    # --- running ------------------------------------------------------------------------------

    @classmethod
    def apply_message(
        cls, state: Any, message: Any, transaction_context: Any, parent_computation: Any = None
    ) -> Frame:
        """Move the value, run the code, and keep or drop what it did."""
        if message.depth > STACK_DEPTH_LIMIT:
            raise StackDepthLimit("Stack depth limit reached")
        snapshot = state.snapshot()
        mark = state.meter.mark()
        new = bool(message.value) and state.account_is_empty(message.storage_address)
        if message.should_transfer_value and message.value:
            if state.get_balance(message.sender) < message.value:
                raise InsufficientFunds(f"less than {message.value}")
            state.meter.move(state, message.sender, message.storage_address, message.value)
        state.touch_account(message.storage_address)
        frame = cls(state, message, transaction_context)
        frame._run(new_account=new)
        frame._end(snapshot, mark)
        return frame

    @classmethod
    def apply_create_message(
        cls, state: Any, message: Any, transaction_context: Any, parent_computation: Any = None
    ) -> Frame:
        """Run initcode and, if it succeeds, pay for and keep the code that it returns."""
        snapshot = state.snapshot()
        mark = state.meter.mark()
        address = message.storage_address
        state.meter.put(state.meter.created, address)
        new = state.account_is_empty(address)
        if new:
            state.meter.put(state.meter.fresh, address)
        state.increment_nonce(address)
        if message.value:
            state.meter.move(state, message.sender, address, message.value)
        frame = cls(state, message, transaction_context)
        frame._run(new_account=new)
        if frame.is_success:
            try:
                frame._deposit(frame.output)
            except VMError as error:
                frame._halt(error)
        frame._end(snapshot, mark)
        return frame

    @classmethod
    def apply_computation(
        cls, state: Any, message: Any, transaction_context: Any, parent_computation: Any = None
    ) -> Frame:
        """Run code outside any transaction, as a block's own system calls do."""
        state.meter = Meter(cls.tables.schedule)
        frame = cls(state, message, transaction_context)
        frame._run()
        return frame

    def _run(self, *, new_account: bool = False) -> None:
        try:
            if self.msg.depth == 0 and self.tables.schedule.intrinsic == "eip2780":
                self._prepay(new_account)
            precompile = self.tables.precompiles.get(self.msg.code_address)
            if self.msg.is_create or precompile is None:
                self._execute(program_of(self.msg.code))
            elif not self.msg.is_delegation:  # code that only points at a precompile is empty
                price, run = precompile
                self.charge(PRECOMPILE, price(self.data))
                run(self)
        except VMError as error:
            self._halt(error)
        if len(self.memory) > self.meter.memory_peak:
            self.meter.memory_peak = len(self.memory)

    def _halt(self, error: VMError) -> None:
        self._error = error
        if error.burns_gas:
            self.meter.parts[BURNED] += self.gas
            self.gas = 0

    def _end(self, snapshot: Any, mark: Mark) -> None:
        if self._error is None:
            self.state.commit(snapshot)
        else:
            self.state.revert(snapshot)
            self.meter.undo(mark)
            # What state gas came out of the frame's own gas comes back, unless all is burned.
            if self._error.burns_gas:
                self.meter.parts[BURNED] += self.state_gas_paid
            else:
                self.gas += self.state_gas_paid
            self.state_gas_paid = 0
        self.meter.settle(mark, self.msg.gas, self.gas)

    def _prepay(self, new_account: bool) -> None:
        """What EIP-2780 and 8037 charge a transaction's own frame before its first opcode.

        Raises
        ------
        OutOfGas
            `unprepared` is set: not even the authorizations stand.
        """
        schedule, message = self.tables.schedule, self.msg
        self.unprepared = True
        if new_account:
            self.charge_state(STATE_ACCOUNT, schedule["state.account"])
        if message.is_delegation:
            warm = message.code_address in self.meter.warm_accounts
            self.charge(
                ACCOUNT_WARM if warm else ACCOUNT_COLD,
                schedule["account.warm" if warm else "account.cold"],
            )
            self.meter.warm_account(message.code_address)
        self.unprepared = False

    def _deposit(self, code: bytes) -> None:
        schedule = self.tables.schedule
        if code[:1] == b"\xef":
            raise ReservedBytesInCode("code begins with 0xef")
        if len(code) > schedule["limits.code_size"]:
            raise CodeTooLong(f"{len(code)} bytes of code")
        words = (len(code) + 31) // 32
        gas = schedule["create.deposit_byte"] * len(code) + schedule["create.deposit_word"] * words
        self.charge(DEPOSIT, gas)
        if schedule.state_gas:
            self.charge_state(STATE_CODE, schedule["state.code_byte"] * len(code))
        if code:
            self.state.set_code(self.address, code)

    def _execute(self, program: Program) -> None:
        """The loop. Opcodes of the stack and jumps run here; `gas` and `pc` are of the frame
        only while an effect runs.
        """
        code, pushes, jumpdests, _ = program
        _, static, pure, effects, arity, _ = self.tables
        counts, stack = self.meter.counts, self.stack
        gas, pc, op, halted = self.gas, 0, 0, False
        note = None if self.meter.by_pc is None else self._notes(program.hash)
        try:
            while True:
                if note is not None:
                    note(pc, gas)
                op = code[pc]
                gas -= static[op]
                if gas < 0:
                    gas += static[op]
                    if static[op] == ABSENT:
                        raise InvalidInstruction(f"{op:#04x} at {pc}")
                    raise OutOfGas(f"needs {static[op]}, has {gas}")
                counts[op] += 1
                if 0x5F <= op <= 0x8F:  # PUSH and DUP
                    if op <= 0x7F:
                        stack.append(pushes[pc])
                        pc += op - 0x5E
                    else:
                        stack.append(stack[0x7F - op])
                        pc += 1
                    if len(stack) > LONGEST_STACK:
                        raise FullStack("more than 1,024 items")
                elif 0x90 <= op <= 0x9F:  # SWAP
                    other = 0x8E - op
                    stack[-1], stack[other] = stack[other], stack[-1]
                    pc += 1
                elif (run := pure[op]) is not None:
                    run(stack)
                    pc += 1
                elif op == JUMPDEST:
                    pc += 1
                elif op == 0x57:  # JUMPI
                    target, condition = stack.pop(), stack.pop()
                    if condition:
                        if target not in jumpdests:
                            raise InvalidJumpDestination(f"{target}")
                        pc = target
                    else:
                        pc += 1
                elif op == 0x56:  # JUMP
                    pc = stack.pop()
                    if pc not in jumpdests:
                        raise InvalidJumpDestination(f"{pc}")
                else:
                    if len(stack) < arity[op]:
                        raise InsufficientStack(f"{len(stack)} of {arity[op]} items")
                    self.gas, self.pc = gas, pc
                    try:
                        if effects[op](self):
                            return
                    finally:
                        gas = self.gas
                    if len(stack) > LONGEST_STACK:
                        raise FullStack("more than 1,024 items")
                    pc += 1
        except IndexError as error:
            if effects[op] is not no_effect:
                raise  # effects never pop without looking: a fault of their own
            halted = True
            raise InsufficientStack("the stack is too short") from error
        except VMError as error:
            halted = error.burns_gas
            raise
        finally:
            self.gas = gas
            if note is not None:
                note(pc, 0 if halted else gas)

    def _notes(self, code_hash: bytes) -> Callable[[int, int], None]:
        """A function to be called before each opcode and at the end.

        It books what was spent since its last call to the opcode of that call, less what frames
        below have booked meanwhile.
        """
        meter = self.meter
        by_pc: dict[tuple[bytes, int], int] = meter.by_pc if meter.by_pc is not None else {}
        steps, depth = meter.steps, self.msg.depth
        last = (0, self.gas + meter.reservoir, meter.profiled)
        step: list[Any] = [depth, code_hash, 0, 0]

        def note(pc: int, gas: int) -> None:
            nonlocal last, step
            before, left, profiled = last
            own = left - gas - meter.reservoir - (meter.profiled - profiled)
            if own:
                key = (code_hash, before)
                by_pc[key] = by_pc.get(key, 0) + own
                meter.profiled += own
                step[3] = own  # an opcode's place in the order is where it began
            last = (pc, gas + meter.reservoir, meter.profiled)
            step = [depth, code_hash, pc, 0]
            steps.append(step)

        return note

    # --- what py-evm asks a computation -------------------------------------------------------

    def get_gas_remaining(self) -> int:
        return self.gas

    def get_gas_used(self) -> int:
        return int(self.msg.gas) - self.gas

    def get_gas_refund(self) -> int:
        return self.meter.refund if self._error is None else 0

    def get_raw_log_entries(self) -> tuple[Any, ...]:
        return tuple(
            (number, log.address, log.topics, log.data)
            for number, log in enumerate(self.meter.logs)
        )

    def get_accounts_for_deletion(self) -> list[bytes]:
        return list(self.meter.destroyed)
