"""The published order file of a batch (sections 7 and 14): its signed messages, one spelling."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matcher.errors import ProtocolError
from matcher.reference import messages
from matcher.reference.tree import keccak
from matcher.types import Order, Transfer, Withdrawal

Message = Order | Withdrawal | Transfer
TYPES: dict[str, type[Message]] = {"Order": Order, "Withdrawal": Withdrawal, "Transfer": Transfer}
VERSION = 1
DEPTH = 4  # the file, its messages, a message, its terms
STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
NO_BRACKETS = re.compile(rb"[^\[\]{}]+")
PAIR = re.compile(rb"\[\]|\{\}")
# What reading bytes of anybody's making may raise: he who lies would have his judge stumble.
READING = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True)
class Signed:
    """A message and its signature, as it was sent."""

    message: Message
    signature: bytes


def spelled(value: Any) -> Any:
    """Integers as decimal strings; text and booleans as they are."""
    return value if isinstance(value, bool | str) else str(int(value))


def encode(batch: int, used: Iterable[Signed]) -> bytes:
    """The file's bytes.

    Parameters
    ----------
    batch : int
        Id of the batch.
    used : iterable of Signed
        In the order of use by the batch's words, of a FILL the taker's first; a message that was
        used before is left out here.
    """
    first_uses: dict[Message, Signed] = {}
    for signed in used:
        first_uses.setdefault(signed.message, signed)
    content = {
        "batch": batch,
        "messages": [
            {
                "signature": "0x" + signed.signature.hex(),
                "terms": {k: spelled(v) for k, v in messages.terms(signed.message).items()},
                "type": messages.type_name(signed.message),
            }
            for signed in first_uses.values()
        ],
        "version": VERSION,
    }
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return text.encode()


def file_hash(data: bytes) -> bytes:
    """`extra` of the header."""
    return keccak(data)


def decode(data: bytes) -> tuple[int, list[Signed]]:
    """Batch id and messages of a file.

    Raises
    ------
    ProtocolError
        If it is not a file in its one spelling.
    """
    if not is_shallow(data):
        raise ProtocolError("order file: nested deeper than a file is")
    try:
        content = json.loads(data)
        used = [
            Signed(
                read_terms(TYPES[entry["type"]], entry["terms"]),
                bytes.fromhex(entry["signature"][2:]),
            )
            for entry in content["messages"]
        ]
        batch = int(content["batch"])
        spelled_so = encode(batch, used) == data
    except READING as error:
        raise ProtocolError(f"order file: {type(error).__name__}: {error}") from error
    if not spelled_so:
        raise ProtocolError("order file: not in its one spelling")
    for number, signed in enumerate(used):
        wrong = messages.outside_type(signed.message)
        if wrong:
            raise ProtocolError(f"order file: message {number}: {wrong}")
    return batch, used


def is_shallow(data: bytes) -> bool:
    """Whether JSON is nested no deeper than a file is: beyond a depth, parsers end the process."""
    brackets = NO_BRACKETS.sub(b"", STRING.sub(b"", data))
    for _ in range(DEPTH):
        brackets = PAIR.sub(b"", brackets)
    return not brackets


def read_terms(cls: type[Message], terms: dict[str, Any]) -> Message:
    """A message from its terms as they are spelled."""
    kinds = {"buy": bool, "instrument": str}
    return cls(
        **{
            messages.RENAMED.get(name, name): kinds.get(name, int)(value)
            for name, value in terms.items()
        }
    )
