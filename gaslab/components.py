"""Where a unit of gas can land. Every unit lands in exactly one of these.

The components of a transaction sum to the gas that its sender is charged for. One of them is
negative: `REFUND`, what the refund counter gave back. `FLOOR` is what the calldata floor adds on
top of the execution.
"""

from collections.abc import Mapping
from enum import StrEnum


class Component(StrEnum):
    # Charged before the first opcode.
    INTRINSIC = "intrinsic"  # 21,000, or what EIP-2780 makes of it; creation's 32,000 is CREATE
    CALLDATA_ZERO = "calldata-zero"
    CALLDATA_NONZERO = "calldata-nonzero"
    ACCESS_LIST = "access-list"
    AUTHORIZATION = "authorization"  # EIP-7702

    # State.
    ACCOUNT_COLD = "account-cold"  # the whole charge of a first touch
    ACCOUNT_WARM = "account-warm"
    SLOT_COLD = "slot-cold"  # the first touch of a slot, by SLOAD (whole) or SSTORE (surcharge)
    SLOT_WARM = "slot-warm"  # SLOAD of a warm slot
    SSTORE_NOOP = "sstore-noop"  # value not changed
    SSTORE_CREATE = "sstore-create"  # zero to non-zero, first change of the slot
    SSTORE_UPDATE = "sstore-update"  # non-zero to non-zero, first change of the slot
    SSTORE_CLEAR = "sstore-clear"  # non-zero to zero, first change of the slot
    SSTORE_DIRTY = "sstore-dirty"  # changed before in this transaction
    STATE_SLOT = "state-slot"  # state gas of new slots (EIP-8037)
    STATE_ACCOUNT = "state-account"  # state gas of new accounts
    STATE_CODE = "state-code"  # state gas of deployed code
    TRANSIENT = "transient"  # TLOAD, TSTORE

    # Computation.
    MEMORY_EXPANSION = "memory-expansion"
    KECCAK = "keccak"
    COPY = "copy"  # CALLDATACOPY, CODECOPY, RETURNDATACOPY, EXTCODECOPY, MCOPY: base and words
    LOG = "log"
    CALL = "call"  # value, stipend (negative), new account; the access itself is ACCOUNT_*
    CREATE = "create"  # CREATE, CREATE2 and creation transactions; initcode words
    CODE_DEPOSIT = "code-deposit"
    PRECOMPILE = "precompile"
    SELFDESTRUCT = "selfdestruct"
    ARITHMETIC = "arithmetic"  # and comparison and bits
    STACK = "stack"  # PUSH, DUP, SWAP, POP
    CONTROL = "control"  # JUMP, JUMPI, JUMPDEST, PC, GAS, STOP, RETURN, REVERT
    MEMORY_ACCESS = "memory-access"  # MLOAD, MSTORE, MSTORE8, MSIZE: without expansion
    ENVIRONMENT = "environment"  # CALLER, CALLVALUE, CALLDATALOAD, NUMBER, ...

    # At the end.
    BURNED = "burned"  # what a halt took: all that its frame had left
    FLOOR = "floor-topup"  # EIP-7623: the difference up to the calldata floor
    REFUND = "refund"  # applied; never positive


# What a reader tells apart in a picture, from the ground up.
GROUPS: Mapping[str, tuple[Component, ...]] = {
    "intrinsic": (Component.INTRINSIC, Component.ACCESS_LIST, Component.AUTHORIZATION),
    "calldata": (Component.CALLDATA_ZERO, Component.CALLDATA_NONZERO),
    "storage reads": (Component.SLOT_COLD, Component.SLOT_WARM),
    "storage writes": (
        Component.SSTORE_NOOP,
        Component.SSTORE_CREATE,
        Component.SSTORE_UPDATE,
        Component.SSTORE_CLEAR,
        Component.SSTORE_DIRTY,
    ),
    "state growth": (Component.STATE_SLOT, Component.STATE_ACCOUNT, Component.STATE_CODE),
    "transient": (Component.TRANSIENT,),
    "memory": (Component.MEMORY_EXPANSION, Component.MEMORY_ACCESS, Component.COPY),
    "hashing": (Component.KECCAK, Component.PRECOMPILE),
    "logs": (Component.LOG,),
    "calls": (Component.ACCOUNT_COLD, Component.ACCOUNT_WARM, Component.CALL),
    "creation": (Component.CREATE, Component.CODE_DEPOSIT, Component.SELFDESTRUCT),
    "computation": (
        Component.ARITHMETIC,
        Component.STACK,
        Component.CONTROL,
        Component.ENVIRONMENT,
    ),
    "burned": (Component.BURNED,),
    "floor top-up": (Component.FLOOR,),
    "refund": (Component.REFUND,),
}
