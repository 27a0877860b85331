"""Opcodes that start another frame, and the one that ends an account."""

from __future__ import annotations

from eth._utils.address import generate_contract_address
from eth.constants import CREATE_CONTRACT_ADDRESS, STACK_DEPTH_LIMIT
from eth.exceptions import WriteProtection
from eth.vm.message import Message
from sha3 import keccak_256

from gaslab.components import Component
from gaslab.evm.effects import Table, access_charge, address_of
from gaslab.evm.frame import CodeTooLong, Effect, Frame
from gaslab.evm.meter import BURNED, INDEX
from gaslab.schedule import OPCODES, Schedule

CALL = INDEX[Component.CALL]
CREATE = INDEX[Component.CREATE]
SELFDESTRUCT = INDEX[Component.SELFDESTRUCT]
STATE_ACCOUNT = INDEX[Component.STATE_ACCOUNT]

DELEGATION = b"\xef\x01\x00"
HIGHEST_NONCE = (1 << 64) - 1


def calls_of(schedule: Schedule) -> Table:
    """Calls, creations and SELFDESTRUCT, charging by a schedule."""
    return {
        OPCODES["CALL"]: (7, _call(schedule, value=True)),
        OPCODES["CALLCODE"]: (7, _call(schedule, value=True, own=True)),
        OPCODES["DELEGATECALL"]: (6, _call(schedule, value=False, own=True)),
        OPCODES["STATICCALL"]: (6, _call(schedule, value=False)),
        OPCODES["CREATE"]: (3, _create(schedule, salted=False)),
        OPCODES["CREATE2"]: (4, _create(schedule, salted=True)),
        OPCODES["SELFDESTRUCT"]: (1, _selfdestruct(schedule)),
    }


def delegation_of(code: bytes) -> bytes | None:
    """The address whose code an account's code points at (EIP-7702)."""
    return code[3:] if len(code) == 23 and code.startswith(DELEGATION) else None


def _call(schedule: Schedule, *, value: bool, own: bool = False) -> Effect:
    """One of four: with a value of its own or the caller's (`value`), on the target's storage or
    on the caller's (`own`).
    """
    access = access_charge(schedule)
    stipend, price = schedule["call.stipend"], schedule["call.value"]
    new_account, state_account = schedule["call.new_account"], schedule["state.account"]
    delegations = schedule.set_code

    def code_at(frame: Frame, target: bytes) -> tuple[bytes, bytes | None]:
        access(frame, target)
        code = frame.world.get_code(target)
        pointed = delegation_of(code) if delegations else None
        if pointed is None:
            return code, None
        access(frame, pointed)
        return frame.world.get_code(pointed), pointed

    def pay(frame: Frame, target: bytes, amount: int) -> bool:
        if not amount:
            return False
        frame.charge(CALL, price)
        if own or not frame.world.account_is_empty(target):
            return False
        frame.charge(CALL, new_account)
        return bool(state_account)

    def call(frame: Frame) -> None:
        stack = frame.stack
        asked, target = stack.pop(), address_of(stack.pop())
        amount = stack.pop() if value else 0
        offset, size, to, room = stack.pop(), stack.pop(), stack.pop(), stack.pop()
        if frame.msg.is_static and amount and not own:
            raise WriteProtection("CALL with value in a static call")
        _expand_both(frame, offset, size, to, room)
        code, pointed = code_at(frame, target)
        makes_account = pay(frame, target, amount)
        gas = min(asked, frame.gas - frame.gas // 64)
        if makes_account:
            frame.charge_state(STATE_ACCOUNT, state_account)
            gas = min(gas, frame.gas)
        frame.gas -= gas
        if amount:
            gas += stipend
            frame.meter.parts[CALL] -= stipend
        short = frame.world.get_balance(frame.address) < amount if value else False
        if short or frame.msg.depth + 1 > STACK_DEPTH_LIMIT:
            frame.gas += gas
            frame.return_data = b""
            if makes_account:
                frame.refill_state(STATE_ACCOUNT, state_account)
            stack.append(0)
            return
        static = frame.msg.is_static or not (value or own)
        child = type(frame).apply_message(
            frame.state,
            Message(
                gas=gas,
                to=frame.address if own else target,
                sender=frame.msg.sender if own and not value else frame.address,
                value=frame.msg.value if own and not value else amount,
                data=bytes(frame.memory[offset : offset + size]),
                code=code,
                depth=frame.msg.depth + 1,
                code_address=pointed or target,
                should_transfer_value=value and not own,
                is_static=static,
                is_delegation=pointed is not None,
            ),
            frame.transaction_context,
        )
        _leave(frame, child)
        if makes_account and child.is_error:
            frame.refill_state(STATE_ACCOUNT, state_account)
        output = child.output
        frame.return_data = output
        frame.memory[to : to + min(room, len(output))] = output[:room]
        stack.append(int(child.is_success))

    return call


def _expand_both(frame: Frame, offset: int, size: int, to: int, room: int) -> None:
    frame.expand(offset, size)
    frame.expand(to, room)


def _leave(frame: Frame, child: Frame) -> None:
    """Take over what a child has left."""
    frame.gas += child.gas
    if child.is_success:
        frame.state_gas_paid += child.state_gas_paid


def _create(schedule: Schedule, *, salted: bool) -> Effect:
    longest, init_word = schedule["limits.initcode_size"], schedule["create.initcode_word"]
    word = init_word + (schedule["keccak.word"] if salted else 0)
    state_account = schedule["state.account"]

    def create(frame: Frame) -> None:
        stack, world, meter = frame.stack, frame.world, frame.meter
        if frame.msg.is_static:
            raise WriteProtection("CREATE in a static call")
        value, offset, size = stack.pop(), stack.pop(), stack.pop()
        salt = stack.pop() if salted else 0
        if size > longest:
            raise CodeTooLong(f"{size} bytes of initcode")
        frame.charge(CREATE, word * ((size + 31) // 32))
        frame.expand(offset, size)
        code = bytes(frame.memory[offset : offset + size])
        frame.return_data = b""
        nonce = world.get_nonce(frame.address)
        if salted:
            preimage = (
                b"\xff" + frame.address + salt.to_bytes(32, "big") + keccak_256(code).digest()
            )
            address = keccak_256(preimage).digest()[12:]
        else:
            address = generate_contract_address(frame.address, nonce)
        makes_account = state_account and world.account_is_empty(address)
        if makes_account:  # paid before it is known whether the creation starts
            frame.charge_state(STATE_ACCOUNT, state_account)
        if (
            world.get_balance(frame.address) < value
            or nonce == HIGHEST_NONCE
            or frame.msg.depth + 1 > STACK_DEPTH_LIMIT
        ):
            if makes_account:
                frame.refill_state(STATE_ACCOUNT, state_account)
            stack.append(0)
            return
        gas = frame.gas - frame.gas // 64
        frame.gas -= gas
        meter.warm_account(address)
        frame.state.increment_nonce(frame.address)
        if world.account_has_code_or_nonce(address):
            meter.parts[BURNED] += gas  # a collision takes what the child would have had
            stack.append(0)
            return
        world.delete_storage(address)
        child = type(frame).apply_create_message(
            frame.state,
            Message(
                gas=gas,
                to=CREATE_CONTRACT_ADDRESS,
                sender=frame.address,
                value=value,
                data=b"",
                code=code,
                depth=frame.msg.depth + 1,
                create_address=address,
                code_address=address,
            ),
            frame.transaction_context,
        )
        _leave(frame, child)
        if child.is_error and makes_account:
            frame.refill_state(STATE_ACCOUNT, state_account)
        frame.return_data = child.output if child.is_error else b""
        stack.append(int.from_bytes(address, "big") if child.is_success else 0)

    return create


def _selfdestruct(schedule: Schedule) -> Effect:
    cold, new_account = schedule["account.cold"], schedule["selfdestruct.new_account"]
    state_account = schedule["state.account"]
    account_cold = INDEX[Component.ACCOUNT_COLD]

    def selfdestruct(frame: Frame) -> bool:
        if frame.msg.is_static:
            raise WriteProtection("SELFDESTRUCT in a static call")
        heir, world = address_of(frame.stack.pop()), frame.world
        if frame.meter.warm_account(heir):
            frame.charge(account_cold, cold)
        balance = world.get_balance(frame.address)
        if balance and world.account_is_empty(heir):
            frame.charge(SELFDESTRUCT, new_account)
            if state_account:
                frame.charge_state(STATE_ACCOUNT, state_account)
        if balance:
            frame.meter.move(frame.state, frame.address, heir, balance)
        if frame.address in frame.meter.created:  # EIP-6780
            world.set_balance(frame.address, 0)
            frame.meter.put(frame.meter.destroyed, frame.address)
        return True

    return selfdestruct
