"""What each component, and each other figure, means."""

from __future__ import annotations

from collections.abc import Mapping

from gaslab.components import Component

COMPONENTS: Mapping[Component, str] = {
    Component.INTRINSIC: "charged before the first opcode, whatever the transaction does",
    Component.CALLDATA_ZERO: "zero bytes of calldata",
    Component.CALLDATA_NONZERO: "other bytes of calldata",
    Component.ACCESS_LIST: "addresses and slots of an access list (EIP-2930)",
    Component.AUTHORIZATION: "authorizations that set code (EIP-7702)",
    Component.ACCOUNT_COLD: "first touch of an account in the transaction",
    Component.ACCOUNT_WARM: "later touches of an account",
    Component.SLOT_COLD: "first touch of a slot, whether it is read or written",
    Component.SLOT_WARM: "reads of a slot touched before",
    Component.SSTORE_NOOP: "writes that change nothing",
    Component.SSTORE_CREATE: "first change of a slot, from zero",
    Component.SSTORE_UPDATE: "first change of a slot, from one value to another",
    Component.SSTORE_CLEAR: "first change of a slot, to zero",
    Component.SSTORE_DIRTY: "writes to a slot that the transaction changed before",
    Component.STATE_SLOT: "state gas of new slots (EIP-8037, draft)",
    Component.STATE_ACCOUNT: "state gas of new accounts (draft)",
    Component.STATE_CODE: "state gas of deployed code (draft)",
    Component.TRANSIENT: "TLOAD and TSTORE",
    Component.MEMORY_EXPANSION: "memory beyond what was used before: linear, then quadratic",
    Component.KECCAK: "KECCAK256, its base and its words",
    Component.COPY: "copies of calldata, code, return data and memory: base and words",
    Component.LOG: "events: base, topics, bytes",
    Component.CALL: "value, stipend (negative) and new accounts of calls; access is counted apart",
    Component.CREATE: "CREATE, CREATE2 and creation transactions, with their init code",
    Component.CODE_DEPOSIT: "bytes of deployed code",
    Component.PRECOMPILE: "precompiled contracts",
    Component.SELFDESTRUCT: "SELFDESTRUCT",
    Component.ARITHMETIC: "arithmetic, comparison, bits",
    Component.STACK: "PUSH, DUP, SWAP, POP",
    Component.CONTROL: "jumps, STOP, RETURN, REVERT",
    Component.MEMORY_ACCESS: "MLOAD, MSTORE, MSTORE8, without expansion",
    Component.ENVIRONMENT: "CALLER, CALLDATALOAD, NUMBER and the like",
    Component.BURNED: "what a halted frame had left",
    Component.FLOOR: "what the calldata floor (EIP-7623) adds on top of the execution",
    Component.REFUND: "what the refund counter gave back, at most a fifth; negative",
}

# Figures besides gas: name in the snapshot -> (heading, meaning). In the order of a table.

# What hangs on the schedule.
CHARGED: Mapping[str, tuple[str, str]] = {
    "execution": ("execution", "gas after the refund and before the floor"),
    "floor": ("floor", "the least that the calldata is charged for"),
    "refund_counted": ("refund counted", "the refund counter before its cap"),
    "state_gas": ("state gas", "part of the gas that pays for growth of state (draft)"),
    "critical_path": (
        "critical path, gas",
        "heaviest chain of transactions that wait for one another's writes",
    ),
    "deploy_gas": ("deployment", "gas of deploying the variant's contract"),
}
# What the transactions did.
EFFECTS: Mapping[str, tuple[str, str]] = {
    "transactions": ("transactions", "transactions that were measured"),
    "composed": (
        "of them composed",
        "counted without being sent, after measured ones had agreed in every figure",
    ),
    "items": ("items that fit", "where it is the question how many one transaction holds"),
    "blob_gas": ("blob gas", "of blobs, which have a market of their own; no part of the gas"),
    "slots_created": ("slots created", "from zero to a value"),
    "slots_changed": ("slots changed", "from one value to another"),
    "slots_cleared": ("slots cleared", "from a value to zero"),
    "slots_read": ("slots read", "read and not written"),
    "state_bytes_grown": (
        "state bytes grown",
        "64 for a slot, 120 for an account, and code; less what was cleared",
    ),
    "access_accounts": ("warm accounts", "accounts in the access set at the end"),
    "access_slots": ("warm slots", "slots in the access set at the end"),
    "memory_peak_bytes": ("memory peak, bytes", "highest memory of any frame"),
    "log_count": ("events", "logs"),
    "log_bytes": ("event bytes", "topics and data"),
    "calldata_bytes": ("calldata bytes", "of all transactions"),
    "calldata_zero_bytes": ("zero bytes", "of the calldata"),
    "conflicts": ("conflicts", "pairs of transactions that touch what the other writes"),
}
LAYER_TWO: Mapping[str, tuple[str, str]] = {
    "tx_bytes": ("signed bytes", "the transactions as a block carries them"),
    "fastlz_bytes": ("FastLZ bytes", "each transaction compressed by FastLZ"),
    "fjord_micro": (
        "Fjord bytes",
        (
            "the OP stack's estimate since Fjord, linear in the FastLZ bytes of each transaction, "
            "at least 100; millionths of a byte in the snapshot"
        ),
    ),
    "brotli_bytes": (
        "brotli bytes",
        "each transaction compressed by brotli; Arbitrum charges 16 units for each",
    ),
    "code_bytes": ("code bytes", "of the deployed contract"),
}
FIGURES: Mapping[str, tuple[str, str]] = {**CHARGED, **EFFECTS, **LAYER_TWO}
