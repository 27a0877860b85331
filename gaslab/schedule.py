"""A fork's gas schedule as data.

A schedule is a TOML file: every constant under a table's name, and a few rules that are more than
a number. It may extend another and say only what differs. The lab's own are in ``schedules/``; a
user's own is loaded by its path.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from gaslab.errors import InputError

NAMES = ("cancun", "prague", "osaka", "amsterdam-draft")
FOLDER = Path(__file__).parent / "schedules"

# Rules that are more than a number, and what they may be.
HOOKS: Mapping[str, tuple[str | bool, ...]] = {
    "intrinsic": ("frontier", "eip2780"),
    "calldata_floor": (False, True),
    "modexp": ("eip2565", "eip7883"),
    "set_code": (False, True),
    "state_gas": (False, True),
}
FACTS = ("extends", "name", "title", "draft", "transaction_gas_cap", "block_gas_limit")

# Constants by table. Those of the second group are absent (zero) unless a schedule has them; an
# absent price of a precompile means that the precompile is not there.
CONSTANTS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "limits": (("code_size", "initcode_size", "blobs_per_transaction"), ()),
    "transaction": (
        (
            "base",
            "create",
            "calldata_zero",
            "calldata_nonzero",
            "initcode_word",
            "access_list_address",
            "access_list_slot",
            "access_list_byte",
            "blob",
            "refund_quotient",
        ),
        ("value",),
    ),
    "floor": ((), ("base", "zero", "nonzero")),
    "authorization": ((), ("base", "refund", "write")),
    "account": (("cold", "warm", "code"), ()),
    "slot": (("cold", "warm"), ()),
    "sstore": (
        (
            "sentry",
            "cold",
            "noop",
            "create",
            "update",
            "clear",
            "dirty",
            "refund_clear",
            "refund_restore_zero",
            "refund_restore",
        ),
        (),
    ),
    "memory": (("word", "quadratic_divisor"), ()),
    "keccak": (("word",), ()),
    "copy": (("word",), ()),
    "log": (("topic", "byte"), ()),
    "exp": (("byte",), ()),
    "call": (("value", "stipend", "new_account"), ()),
    "create": (("initcode_word", "deposit_byte", "deposit_word"), ()),
    "selfdestruct": (("new_account",), ()),
    "state": ((), ("slot", "account", "code_byte", "authorization")),
    "precompile": (
        (
            "ecrecover",
            "sha256",
            "sha256_word",
            "ripemd160",
            "ripemd160_word",
            "identity",
            "identity_word",
            "modexp_minimum",
            "modexp_divisor",
            "modexp_bytes",
            "ecadd",
            "ecmul",
            "ecpairing",
            "ecpairing_pair",
            "blake2f_round",
        ),
        (
            "point_evaluation",
            "bls_g1_add",
            "bls_g1_mul",
            "bls_g2_add",
            "bls_g2_mul",
            "bls_pairing",
            "bls_pairing_pair",
            "bls_map_g1",
            "bls_map_g2",
            "p256verify",
        ),
    ),
}
POSITIVE = frozenset(
    {"memory.quadratic_divisor", "precompile.modexp_divisor", "transaction.refund_quotient"}
)
_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
HIGHEST = 1 << 40  # of any constant: more than any block holds

OPCODES: Mapping[str, int] = {
    **{
        name: code
        for start, names in (
            (0x00, "STOP ADD MUL SUB DIV SDIV MOD SMOD ADDMOD MULMOD EXP SIGNEXTEND"),
            (0x10, "LT GT SLT SGT EQ ISZERO AND OR XOR NOT BYTE SHL SHR SAR CLZ"),
            (0x20, "KECCAK256"),
            (0x30, "ADDRESS BALANCE ORIGIN CALLER CALLVALUE CALLDATALOAD CALLDATASIZE"),
            (0x37, "CALLDATACOPY CODESIZE CODECOPY GASPRICE EXTCODESIZE EXTCODECOPY"),
            (0x3D, "RETURNDATASIZE RETURNDATACOPY EXTCODEHASH"),
            (0x40, "BLOCKHASH COINBASE TIMESTAMP NUMBER PREVRANDAO GASLIMIT CHAINID SELFBALANCE"),
            (0x48, "BASEFEE BLOBHASH BLOBBASEFEE"),
            (0x50, "POP MLOAD MSTORE MSTORE8 SLOAD SSTORE JUMP JUMPI PC MSIZE GAS JUMPDEST"),
            (0x5C, "TLOAD TSTORE MCOPY PUSH0"),
            (0xF0, "CREATE CALL CALLCODE RETURN DELEGATECALL CREATE2"),
            (0xFA, "STATICCALL"),
            (0xFD, "REVERT INVALID SELFDESTRUCT"),
        )
        for code, name in enumerate(names.split(), start)
    },
    **{f"PUSH{i}": 0x5F + i for i in range(1, 33)},
    **{f"DUP{i}": 0x7F + i for i in range(1, 17)},
    **{f"SWAP{i}": 0x8F + i for i in range(1, 17)},
    **{f"LOG{i}": 0xA0 + i for i in range(5)},
}
"""Every opcode that a schedule may price, and its byte."""

FAMILIES = {"PUSH": range(0x60, 0x80), "DUP": range(0x80, 0x90), "SWAP": range(0x90, 0xA0)}
FAMILIES["LOG"] = range(0xA0, 0xA5)
_KEYS = frozenset(
    {f"{table}.{name}" for table, groups in CONSTANTS.items() for name in (*groups[0], *groups[1])}
    | {f"opcodes.{name}" for name in (*OPCODES, *FAMILIES)}
)
_REQUIRED = tuple(f"{table}.{name}" for table, groups in CONSTANTS.items() for name in groups[0])


@dataclass(frozen=True)
class Schedule:
    """What things cost under one fork.

    Attributes
    ----------
    name, title : str
    draft : bool
        Its rules may still change.
    transaction_gas_cap : int or None
        Most gas of one transaction (EIP-7825).
    block_gas_limit : int
    intrinsic, modexp : str
    calldata_floor, set_code, state_gas : bool
        See `HOOKS`.
    constants : mapping of str to int
        ``table.name`` to gas, e.g. ``sstore.create``; ``opcodes.ADD``.
    """

    name: str
    title: str
    draft: bool
    transaction_gas_cap: int | None
    block_gas_limit: int
    intrinsic: str
    modexp: str
    calldata_floor: bool
    set_code: bool
    state_gas: bool
    constants: Mapping[str, int] = field(hash=False, repr=False)

    def __getitem__(self, constant: str) -> int:
        """A constant; 0 for an optional one that the schedule does not have."""
        return self.constants.get(constant, 0)

    def __contains__(self, constant: str) -> bool:
        return constant in self.constants

    @cached_property
    def opcode_gas(self) -> Mapping[int, int]:
        """Static gas by opcode; an opcode that is absent is invalid."""
        gas: dict[int, int] = {}
        for family, codes in FAMILIES.items():
            if f"opcodes.{family}" in self.constants:
                gas |= dict.fromkeys(codes, self.constants[f"opcodes.{family}"])
        for name, code in OPCODES.items():
            if f"opcodes.{name}" in self.constants:
                gas[code] = self.constants[f"opcodes.{name}"]
        return gas

    def with_constant(self, name: str, value: int) -> Schedule:
        """The same schedule with one constant changed.

        Raises
        ------
        InputError
        """
        if name not in _KEYS:
            raise InputError("constant", name, "a table's name and a constant's, as sstore.create")
        return replace(self, constants={**self.constants, name: _integer(name, value, name)})


def load_schedule(name_or_path: str | Path) -> Schedule:
    """A schedule of the lab by its name, or a user's own by the path of its TOML file.

    Raises
    ------
    InputError
        Names the file and the field, what was found and what is allowed.
    """
    path = _path(name_or_path, "schedule")
    schedule = _schedule(*_read(path, ()))
    if schedule.name in NAMES and path.parent.resolve() != FOLDER:
        allowed = f"a name of its own, not {', '.join(NAMES)}"
        raise InputError(f"{path.name}: name", schedule.name, allowed)
    return schedule


def load_schedules(names: Iterable[str | Path] = NAMES) -> list[Schedule]:
    """Several, in the order of their names.

    Raises
    ------
    InputError
        Also if two have one name: their rows could not be told apart.
    """
    found: dict[str, Schedule] = {}
    for name in names:
        schedule = load_schedule(name)
        if schedule.name in found:
            raise InputError("schedule", str(name), f"each name once; two are {schedule.name}")
        found[schedule.name] = schedule
    return [*found.values()]


def _path(name_or_path: str | Path, where: str) -> Path:
    text = str(name_or_path)
    path = FOLDER / f"{text}.toml" if text in NAMES else Path(text)
    if not path.is_file():
        raise InputError(where, text, f"one of {', '.join(NAMES)}, or the path of a TOML file")
    return path


def _read(path: Path, above: tuple[Path, ...]) -> tuple[str, dict[str, Any], dict[str, int]]:
    """The file's name, its facts and hooks, its constants: over those of what it extends."""
    where = path.name
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(where, str(error), "TOML") from error
    facts: dict[str, Any] = {}
    constants: dict[str, int] = {}
    if "extends" in tables:
        base = tables["extends"]
        local = path.parent / base if isinstance(base, str) and base.endswith(".toml") else base
        below = _path(local, f"{where}: extends")
        if below.resolve() in above or below.resolve() == path.resolve():
            raise InputError(f"{where}: extends", str(base), "a schedule that does not extend it")
        _, facts, constants = _read(below, (*above, path.resolve()))
    for key, value in tables.items():
        if isinstance(value, dict):
            constants |= _table(where, key, value)
        elif key in FACTS or key in HOOKS:
            facts[key] = value
        else:
            raise InputError(f"{where}: {key}", value, f"one of {', '.join((*FACTS, *HOOKS))}")
    return where, facts, constants


def _table(where: str, table: str, values: Mapping[str, Any]) -> dict[str, int]:
    if table not in CONSTANTS and table != "opcodes":
        raise InputError(f"{where}: [{table}]", table, f"one of {', '.join(CONSTANTS)}, opcodes")
    found: dict[str, int] = {}
    for name, value in values.items():
        key = f"{table}.{name}"
        if key not in _KEYS:
            known = CONSTANTS.get(table)
            allowed = ", ".join((*known[0], *known[1])) if known else "an opcode's mnemonic"
            raise InputError(f"{where}: {key}", name, allowed)
        found[key] = _integer(key, value, f"{where}: {key}")
    return found


def _integer(key: str, value: object, where: str) -> int:
    lowest = 1 if key in POSITIVE or key in FACTS else 0
    if isinstance(value, bool) or not isinstance(value, int) or not lowest <= value <= HIGHEST:
        raise InputError(where, value, f"a whole number from {lowest} to {HIGHEST}")
    return value


def _schedule(where: str, facts: Mapping[str, Any], constants: dict[str, int]) -> Schedule:
    for key in _REQUIRED:
        if key not in constants:
            raise InputError(f"{where}: {key}", "nothing", "a whole number, or `extends`")
    for key, values in HOOKS.items():
        found = facts.get(key)
        if not any(type(found) is type(value) and found == value for value in values):
            raise InputError(f"{where}: {key}", found, f"one of {', '.join(map(str, values))}")
    for key in ("name", "title"):
        if not isinstance(facts.get(key), str) or not facts[key]:
            raise InputError(f"{where}: {key}", facts.get(key), "text")
    if not _NAME.fullmatch(facts["name"]):
        allowed = "lower-case letters and digits, joined by hyphens"
        raise InputError(f"{where}: name", facts["name"], allowed)
    if not isinstance(facts.get("draft"), bool):
        raise InputError(f"{where}: draft", facts.get("draft"), "true or false")
    limit = _integer("block_gas_limit", facts.get("block_gas_limit"), f"{where}: block_gas_limit")
    cap = facts.get("transaction_gas_cap")
    if cap is not None:
        cap = _integer("transaction_gas_cap", cap, f"{where}: transaction_gas_cap")
    return Schedule(
        name=facts["name"],
        title=facts["title"],
        draft=facts["draft"],
        transaction_gas_cap=cap,
        block_gas_limit=limit,
        constants=constants,
        **{key: facts[key] for key in HOOKS},
    )
