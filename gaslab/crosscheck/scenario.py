"""Genesis, signed transactions and what came of them.

A scenario holds all that an engine needs, in forms that every engine reads: whole numbers and hex.
An engine answers with one `Outcome` a transaction and with the storage that was asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from gaslab.measurement import Log, Slot

BLOB = 3  # a transaction's type


@dataclass(frozen=True)
class Genesis:
    """An account before the first transaction."""

    balance: int = 0
    nonce: int = 0
    code: bytes = b""
    storage: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Sent:
    """A signed transaction, alone in its block.

    Attributes
    ----------
    raw : bytes
        As a block carries it.
    label : str
        For reports only.
    number, timestamp, base_fee, gas_limit : int
        Of the block.
    coinbase, prevrandao : bytes
        20 and 32 bytes.
    """

    raw: bytes
    number: int
    timestamp: int
    coinbase: bytes
    prevrandao: bytes
    base_fee: int
    gas_limit: int
    label: str = field(default="", compare=False)


@dataclass(frozen=True)
class Outcome:
    """What came of one transaction.

    Attributes
    ----------
    gas : int
        What the sender is charged for; 0 if refused.
    success : bool
    logs : str
        `logs_digest` of what was logged.
    refused : bool
        No block could hold the transaction; nothing happened.
    note : str
        Why it was refused, in the engine's words; not compared.
    """

    gas: int
    success: bool
    logs: str
    refused: bool = False
    note: str = field(default="", compare=False)

    @property
    def status(self) -> str:
        return "refused" if self.refused else "ok" if self.success else "failed"


@dataclass(frozen=True)
class Answer:
    """What an engine makes of a scenario.

    Attributes
    ----------
    outcomes : tuple of Outcome
        One a transaction.
    storage : mapping of Slot to int
        Of the slots that the scenario watches, at the end, without zeros.
    """

    outcomes: tuple[Outcome, ...]
    storage: Mapping[Slot, int]


@dataclass(frozen=True)
class Scenario:
    """A story that any engine can run.

    Attributes
    ----------
    name : str
        For reports.
    fork : str
        Name of the schedule.
    chain_id : int
    alloc : mapping of bytes to Genesis
    transactions : tuple of Sent
    watch : frozenset of Slot
        Whose values are compared after the last transaction.
    hashes : mapping of int to bytes
        Of earlier blocks, by number, where a transaction asks for them.
    """

    name: str
    fork: str
    chain_id: int
    alloc: Mapping[bytes, Genesis]
    transactions: tuple[Sent, ...]
    watch: frozenset[Slot] = frozenset()
    hashes: Mapping[int, bytes] = field(default_factory=dict)

    @property
    def has_blobs(self) -> bool:
        """Whether a transaction carries blobs, which are not part of its bytes here."""
        return any(sent.raw[0] == BLOB for sent in self.transactions)

    def to_json(self) -> dict[str, Any]:
        """What an engine's process reads."""
        watch: dict[str, list[str]] = {}
        for address, slot in sorted(self.watch):
            watch.setdefault(_hex(address), []).append(hex(slot))
        hashes = {str(number): _hex(found) for number, found in self.hashes.items()}
        return {
            "fork": self.fork,
            "chain_id": self.chain_id,
            "alloc": {_hex(address): _account(found) for address, found in self.alloc.items()},
            "transactions": [_block(sent) for sent in self.transactions],
            "watch": watch,
            **({"hashes": hashes} if hashes else {}),
        }


def scenario_from_json(name: str, found: Mapping[str, Any]) -> Scenario:
    """What `Scenario.to_json` wrote; labels are not part of it."""
    return Scenario(
        name,
        found["fork"],
        found["chain_id"],
        {
            bytes.fromhex(address[2:]): Genesis(
                int(one["balance"], 16),
                one["nonce"],
                bytes.fromhex(one["code"][2:]),
                {int(slot, 16): int(value, 16) for slot, value in one["storage"].items()},
            )
            for address, one in found["alloc"].items()
        },
        tuple(
            Sent(
                **{**one, **{name: bytes.fromhex(one[name][2:]) for name in _BYTES}},
            )
            for one in found["transactions"]
        ),
        frozenset(
            (bytes.fromhex(address[2:]), int(slot, 16))
            for address, slots in found["watch"].items()
            for slot in slots
        ),
        {int(number): bytes.fromhex(one[2:]) for number, one in found.get("hashes", {}).items()},
    )


def answer_from_json(found: Mapping[str, Any]) -> Answer:
    """What an engine's process wrote."""
    return Answer(
        tuple(_outcome(one) for one in found["results"]),
        {
            (bytes.fromhex(address[2:]), int(slot, 16)): int(value, 16)
            for address, slots in found["storage"].items()
            for slot, value in slots.items()
        },
    )


def refusal(note: str) -> Outcome:
    """Of a transaction that no block could hold."""
    return Outcome(0, False, logs_digest(()), refused=True, note=note)


def logs_digest(logs: Iterable[Log]) -> str:
    """One word for all that was logged, in order: the same in every engine."""
    text = "".join(
        f"{log.address.hex()}:{','.join(f'{topic:064x}' for topic in log.topics)}:"
        f"{log.data.hex()}\n"
        for log in logs
    )
    return hashlib.sha256(text.encode()).hexdigest()


_BYTES = ("raw", "coinbase", "prevrandao")


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def _account(found: Genesis) -> dict[str, Any]:
    return {
        "balance": hex(found.balance),
        "nonce": found.nonce,
        "code": _hex(found.code),
        "storage": {hex(slot): hex(value) for slot, value in found.storage.items() if value},
    }


def _block(sent: Sent) -> dict[str, Any]:
    return {
        "raw": _hex(sent.raw),
        "number": sent.number,
        "timestamp": sent.timestamp,
        "coinbase": _hex(sent.coinbase),
        "prevrandao": _hex(sent.prevrandao),
        "base_fee": sent.base_fee,
        "gas_limit": sent.gas_limit,
    }


def _outcome(found: Mapping[str, Any]) -> Outcome:
    if "refused" in found:
        return refusal(found["refused"])
    return Outcome(found["gas"], found["success"], found["logs"])
