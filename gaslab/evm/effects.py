"""Opcodes that read or change more than the stack: memory, environment, storage, logs.

`effects_of` makes them for a schedule, with its constants bound.
"""

from __future__ import annotations

from collections.abc import Callable

from eth.exceptions import (
    InvalidInstruction,
    OutOfBoundsRead,
    OutOfGas,
    Revert,
    WriteProtection,
)
from sha3 import keccak_256

from gaslab.components import Component
from gaslab.evm.frame import Effect, Frame
from gaslab.evm.meter import INDEX
from gaslab.measurement import Log
from gaslab.schedule import OPCODES, Schedule

ADDRESS_MASK = (1 << 160) - 1

ACCOUNT_COLD = INDEX[Component.ACCOUNT_COLD]
ACCOUNT_WARM = INDEX[Component.ACCOUNT_WARM]
ARITHMETIC = INDEX[Component.ARITHMETIC]
COPY = INDEX[Component.COPY]
KECCAK = INDEX[Component.KECCAK]
LOG = INDEX[Component.LOG]
SLOT_COLD = INDEX[Component.SLOT_COLD]
SLOT_WARM = INDEX[Component.SLOT_WARM]
SSTORE_NOOP = INDEX[Component.SSTORE_NOOP]
SSTORE_CREATE = INDEX[Component.SSTORE_CREATE]
SSTORE_UPDATE = INDEX[Component.SSTORE_UPDATE]
SSTORE_CLEAR = INDEX[Component.SSTORE_CLEAR]
SSTORE_DIRTY = INDEX[Component.SSTORE_DIRTY]
STATE_SLOT = INDEX[Component.STATE_SLOT]

Table = dict[int, tuple[int, Effect]]
"""By opcode: items popped, effect."""


def address_of(word: int) -> bytes:
    """The address in a word's low 20 bytes."""
    return (word & ADDRESS_MASK).to_bytes(20, "big")


def invalid(frame: Frame) -> None:
    """An opcode that the schedule does not have."""
    raise InvalidInstruction(f"at {frame.pc}")


def effects_of(schedule: Schedule) -> Table:
    """All but calls and creations (`gaslab.evm.calls`)."""
    effects: Table = {}
    for make in (_flow, _environment, _accounts, _memory, _copies, _storage, _transient, _logs):
        effects |= {OPCODES[name]: entry for name, entry in make(schedule).items()}
    return effects


def access_charge(schedule: Schedule) -> Callable[[Frame, bytes], None]:
    """What touching an account costs (EIP-2929)."""
    cold, warm = schedule["account.cold"], schedule["account.warm"]

    def charge(frame: Frame, address: bytes) -> None:
        if frame.meter.warm_account(address):
            frame.charge(ACCOUNT_COLD, cold)
        else:
            frame.charge(ACCOUNT_WARM, warm)

    return charge


# --- by family --------------------------------------------------------------------------------


def _flow(schedule: Schedule) -> dict[str, tuple[int, Effect]]:
    def stop(frame: Frame) -> bool:
        return True

    def returned(frame: Frame) -> bool:
        offset, size = frame.stack.pop(), frame.stack.pop()
        frame.expand(offset, size)
        frame.output = bytes(frame.memory[offset : offset + size])
        return True

    def revert(frame: Frame) -> None:
        returned(frame)
        raise Revert(frame.output)

    def pc(frame: Frame) -> None:
        frame.stack.append(frame.pc)

    def gas(frame: Frame) -> None:
        frame.stack.append(frame.gas)

    return {
        "STOP": (0, stop),
        "RETURN": (2, returned),
        "REVERT": (2, revert),
        "INVALID": (0, invalid),
        "PC": (0, pc),
        "GAS": (0, gas),
    }


def _environment(schedule: Schedule) -> dict[str, tuple[int, Effect]]:
    def pushing(value: Callable[[Frame], int]) -> tuple[int, Effect]:
        def push(frame: Frame) -> None:
            frame.stack.append(value(frame))

        return 0, push

    def calldataload(frame: Frame) -> None:
        offset = frame.stack.pop()
        word = frame.data[offset : offset + 32]
        frame.stack.append(int.from_bytes(word, "big") << (8 * (32 - len(word))))

    def blockhash(frame: Frame) -> None:
        found = frame.state.get_ancestor_hash(frame.stack.pop())
        frame.stack.append(int.from_bytes(found, "big"))

    def blobhash(frame: Frame) -> None:
        index = frame.stack.pop()
        hashes = frame.transaction_context.blob_versioned_hashes
        frame.stack.append(int.from_bytes(hashes[index], "big") if index < len(hashes) else 0)

    number = int.from_bytes
    return {
        "ADDRESS": pushing(lambda frame: number(frame.address, "big")),
        "ORIGIN": pushing(lambda frame: number(frame.transaction_context.origin, "big")),
        "CALLER": pushing(lambda frame: number(frame.msg.sender, "big")),
        "CALLVALUE": pushing(lambda frame: int(frame.msg.value)),
        "CALLDATASIZE": pushing(lambda frame: len(frame.data)),
        "CODESIZE": pushing(lambda frame: len(frame.msg.code)),
        "GASPRICE": pushing(lambda frame: int(frame.transaction_context.gas_price)),
        "RETURNDATASIZE": pushing(lambda frame: len(frame.return_data)),
        "COINBASE": pushing(lambda frame: number(frame.state.coinbase, "big")),
        "TIMESTAMP": pushing(lambda frame: int(frame.state.timestamp)),
        "NUMBER": pushing(lambda frame: int(frame.state.block_number)),
        "PREVRANDAO": pushing(lambda frame: number(frame.state.mix_hash, "big")),
        "GASLIMIT": pushing(lambda frame: int(frame.state.gas_limit)),
        "CHAINID": pushing(lambda frame: int(frame.state.execution_context.chain_id)),
        "SELFBALANCE": pushing(lambda frame: int(frame.world.get_balance(frame.address))),
        "BASEFEE": pushing(lambda frame: int(frame.state.base_fee)),
        "BLOBBASEFEE": pushing(lambda frame: int(frame.state.blob_base_fee)),
        "CALLDATALOAD": (1, calldataload),
        "BLOCKHASH": (1, blockhash),
        "BLOBHASH": (1, blobhash),
    }


def _accounts(schedule: Schedule) -> dict[str, tuple[int, Effect]]:
    access = access_charge(schedule)
    code_read, word = schedule["account.code"], schedule["copy.word"]

    def balance(frame: Frame) -> None:
        address = address_of(frame.stack.pop())
        access(frame, address)
        frame.stack.append(frame.world.get_balance(address))

    def extcodesize(frame: Frame) -> None:
        address = address_of(frame.stack.pop())
        access(frame, address)
        frame.charge(ACCOUNT_WARM, code_read)
        frame.stack.append(len(frame.world.get_code(address)))

    def extcodecopy(frame: Frame) -> None:
        stack = frame.stack
        address = address_of(stack.pop())
        to, start, size = stack.pop(), stack.pop(), stack.pop()
        access(frame, address)
        frame.charge(ACCOUNT_WARM, code_read)
        frame.charge(COPY, word * ((size + 31) // 32))
        frame.expand(to, size)
        code = frame.world.get_code(address)
        frame.memory[to : to + size] = code[start : start + size].ljust(size, b"\0")

    def extcodehash(frame: Frame) -> None:
        address = address_of(frame.stack.pop())
        access(frame, address)
        empty = frame.world.account_is_empty(address)
        found = b"" if empty else frame.world.get_code_hash(address)
        frame.stack.append(int.from_bytes(found, "big"))

    return {
        "BALANCE": (1, balance),
        "EXTCODESIZE": (1, extcodesize),
        "EXTCODECOPY": (4, extcodecopy),
        "EXTCODEHASH": (1, extcodehash),
    }


def _memory(schedule: Schedule) -> dict[str, tuple[int, Effect]]:
    keccak_word, exp_byte = schedule["keccak.word"], schedule["exp.byte"]

    def mload(frame: Frame) -> None:
        offset = frame.stack.pop()
        if offset + 32 > len(frame.memory):
            frame.expand(offset, 32)
        frame.stack.append(int.from_bytes(frame.memory[offset : offset + 32], "big"))

    def mstore(frame: Frame) -> None:
        offset, value = frame.stack.pop(), frame.stack.pop()
        if offset + 32 > len(frame.memory):
            frame.expand(offset, 32)
        frame.memory[offset : offset + 32] = value.to_bytes(32, "big")

    def mstore8(frame: Frame) -> None:
        offset, value = frame.stack.pop(), frame.stack.pop()
        frame.expand(offset, 1)
        frame.memory[offset] = value & 0xFF

    def msize(frame: Frame) -> None:
        frame.stack.append(len(frame.memory))

    def keccak(frame: Frame) -> None:
        offset, size = frame.stack.pop(), frame.stack.pop()
        frame.charge(KECCAK, keccak_word * ((size + 31) // 32))
        frame.expand(offset, size)
        digest = keccak_256(frame.memory[offset : offset + size]).digest()
        frame.stack.append(int.from_bytes(digest, "big"))

    def exp(frame: Frame) -> None:
        base, exponent = frame.stack.pop(), frame.stack.pop()
        frame.charge(ARITHMETIC, exp_byte * ((exponent.bit_length() + 7) // 8))
        frame.stack.append(pow(base, exponent, 1 << 256))

    return {
        "MLOAD": (1, mload),
        "MSTORE": (2, mstore),
        "MSTORE8": (2, mstore8),
        "MSIZE": (0, msize),
        "KECCAK256": (2, keccak),
        "EXP": (2, exp),
    }


def _copies(schedule: Schedule) -> dict[str, tuple[int, Effect]]:
    word = schedule["copy.word"]

    def copying(source: Callable[[Frame], bytes]) -> tuple[int, Effect]:
        def copy(frame: Frame) -> None:
            to, start, size = frame.stack.pop(), frame.stack.pop(), frame.stack.pop()
            frame.charge(COPY, word * ((size + 31) // 32))
            frame.expand(to, size)
            frame.memory[to : to + size] = source(frame)[start : start + size].ljust(size, b"\0")

        return 3, copy

    def returndatacopy(frame: Frame) -> None:
        to, start, size = frame.stack.pop(), frame.stack.pop(), frame.stack.pop()
        frame.charge(COPY, word * ((size + 31) // 32))
        frame.expand(to, size)
        if start + size > len(frame.return_data):
            raise OutOfBoundsRead(f"{start} + {size} of {len(frame.return_data)} bytes")
        frame.memory[to : to + size] = frame.return_data[start : start + size]

    def mcopy(frame: Frame) -> None:
        to, start, size = frame.stack.pop(), frame.stack.pop(), frame.stack.pop()
        frame.charge(COPY, word * ((size + 31) // 32))
        frame.expand(max(to, start), size)
        frame.memory[to : to + size] = frame.memory[start : start + size]

    return {
        "CALLDATACOPY": copying(lambda frame: frame.data),
        "CODECOPY": copying(lambda frame: bytes(frame.msg.code)),
        "RETURNDATACOPY": (3, returndatacopy),
        "MCOPY": (3, mcopy),
    }


def _storage(schedule: Schedule) -> dict[str, tuple[int, Effect]]:
    cold, warm = schedule["slot.cold"], schedule["slot.warm"]
    sentry, surcharge = schedule["sstore.sentry"], schedule["sstore.cold"]
    noop, dirty = schedule["sstore.noop"], schedule["sstore.dirty"]
    create, update = schedule["sstore.create"], schedule["sstore.update"]
    clear, state_slot = schedule["sstore.clear"], schedule["state.slot"]
    refund_clear, restore = schedule["sstore.refund_clear"], schedule["sstore.refund_restore"]
    restore_zero = schedule["sstore.refund_restore_zero"]

    def sload(frame: Frame) -> None:
        slot, meter = frame.stack.pop(), frame.meter
        key = (frame.address, slot)
        meter.reads.add(key)
        if meter.warm_slot(key):
            frame.charge(SLOT_COLD, cold)
        else:
            frame.charge(SLOT_WARM, warm)
        frame.stack.append(frame.world.get_storage(frame.address, slot))

    def changed(frame: Frame, original: int, current: int, value: int) -> None:
        # EIP-2200: the first change of a slot pays for it, later ones settle refunds.
        meter = frame.meter
        if original == current:
            if original == 0:
                frame.charge(SSTORE_CREATE, create)
                if state_slot:
                    frame.charge_state(STATE_SLOT, state_slot)
            elif value == 0:
                frame.charge(SSTORE_CLEAR, clear)
                meter.refund += refund_clear
            else:
                frame.charge(SSTORE_UPDATE, update)
            return
        frame.charge(SSTORE_DIRTY, dirty)
        if original:
            if current == 0:
                meter.refund -= refund_clear
            elif value == 0:
                meter.refund += refund_clear
        if value == original:
            meter.refund += restore if original else restore_zero
            if not original and state_slot:
                frame.refill_state(STATE_SLOT, state_slot)

    def sstore(frame: Frame) -> None:
        if frame.msg.is_static:
            raise WriteProtection("SSTORE in a static call")
        if frame.gas <= sentry:
            raise OutOfGas(f"SSTORE with {frame.gas} left")
        slot, value = frame.stack.pop(), frame.stack.pop()
        address, meter, world = frame.address, frame.meter, frame.world
        key = (address, slot)
        current = world.get_storage(address, slot)
        original = world.get_storage(address, slot, from_journal=False)
        if meter.warm_slot(key):
            frame.charge(SLOT_COLD, surcharge)
        if current == value:
            frame.charge(SSTORE_NOOP, noop)
            meter.reads.add(key)
            return
        changed(frame, original, current, value)
        meter.first.setdefault(key, original)
        world.set_storage(address, slot, value)

    return {"SLOAD": (1, sload), "SSTORE": (2, sstore)}


def _transient(schedule: Schedule) -> dict[str, tuple[int, Effect]]:
    def tload(frame: Frame) -> None:
        frame.stack.append(frame.meter.transient.get((frame.address, frame.stack.pop()), 0))

    def tstore(frame: Frame) -> None:
        if frame.msg.is_static:
            raise WriteProtection("TSTORE in a static call")
        slot, value = frame.stack.pop(), frame.stack.pop()
        frame.meter.put(frame.meter.transient, (frame.address, slot), value)

    return {"TLOAD": (1, tload), "TSTORE": (2, tstore)}


def _logs(schedule: Schedule) -> dict[str, tuple[int, Effect]]:
    topic, byte = schedule["log.topic"], schedule["log.byte"]

    def logging(count: int) -> Effect:
        def log(frame: Frame) -> None:
            if frame.msg.is_static:
                raise WriteProtection("LOG in a static call")
            stack = frame.stack
            offset, size = stack.pop(), stack.pop()
            topics = tuple(stack.pop() for _ in range(count))
            frame.charge(LOG, topic * count + byte * size)
            frame.expand(offset, size)
            data = bytes(frame.memory[offset : offset + size])
            frame.meter.logs.append(Log(frame.address, topics, data))

        return log

    return {f"LOG{count}": (2 + count, logging(count)) for count in range(5)}
