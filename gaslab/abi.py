"""A contract's interface: arguments to bytes, bytes to values, reverts to words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from eth_abi.abi import decode, encode
from eth_abi.exceptions import DecodingError, EncodingError
from sha3 import keccak_256

from gaslab.errors import InputError
from gaslab.measurement import Log

Item = Mapping[str, Any]
"""A function, event, error or parameter, as the compiler's JSON has it."""

PANICS = {
    0x01: "assertion",
    0x11: "arithmetic overflow",
    0x12: "division by zero",
    0x21: "no such member of an enum",
    0x31: "pop from an empty array",
    0x32: "index out of bounds",
    0x41: "out of memory",
}
STANDARD: Sequence[Item] = (
    {"type": "error", "name": "Error", "inputs": [{"type": "string"}]},
    {"type": "error", "name": "Panic", "inputs": [{"type": "uint256"}]},
)


def canonical(item: Item) -> str:
    """A parameter's canonical type."""
    kind = str(item["type"])
    if not kind.startswith("tuple"):
        return kind
    return f"({','.join(map(canonical, item['components']))}){kind[5:]}"


def signature(item: Item) -> str:
    """``name(type,type)`` of a function, event or error."""
    return f"{item['name']}({','.join(map(canonical, item['inputs']))})"


def constructor(abi: Sequence[Item]) -> Sequence[Item]:
    """What the constructor takes."""
    for item in abi:
        if item["type"] == "constructor":
            return item["inputs"]  # type: ignore[no-any-return]
    return ()


def encoded(where: str, inputs: Sequence[Item], args: Sequence[Any]) -> bytes:
    """Arguments as calldata has them.

    Raises
    ------
    InputError
        They do not fit; `where` is its field.
    """
    allowed = types(inputs)
    kinds = [*map(canonical, inputs)]
    if len(kinds) != len(args):
        raise InputError(where, f"{len(args)} arguments", allowed)
    try:
        return bytes(encode(kinds, args))
    except (EncodingError, TypeError, ValueError, OverflowError) as error:
        raise InputError(where, args, allowed) from error


def types(items: Sequence[Item]) -> str:
    """``(address, uint256)``."""
    return f"({', '.join(map(canonical, items))})"


def decoded(items: Sequence[Item], data: bytes) -> tuple[Any, ...]:
    """Values of parameters; addresses, which eth-abi gives as text, as bytes.

    Raises
    ------
    DecodingError
    """
    return tuple(map(_plain, items, decode([*map(canonical, items)], data)))


def _plain(item: Item, value: Any) -> Any:
    kind = str(item["type"])
    if kind.endswith("]"):
        inner = {**item, "type": kind[: kind.rindex("[")]}
        return tuple(_plain(inner, one) for one in value)
    if kind == "tuple":
        return tuple(map(_plain, item["components"], value))
    return bytes.fromhex(value[2:]) if kind == "address" else value


def event(log: Log, events: Sequence[Item]) -> tuple[str, dict[str, Any]]:
    """A log's event and arguments; an unknown one has no name.

    An argument without a name has its position. An indexed one of dynamic type is the hash that
    the log holds.
    """
    topics = [topic.to_bytes(32, "big") for topic in log.topics]
    item = next((one for one in events if _is_of(one, topics)), None)
    if item is None:
        return "", {"topics": log.topics, "data": log.data}
    words = iter(topics[1:])
    values = iter(decoded([one for one in item["inputs"] if not one["indexed"]], log.data))
    arguments: dict[str, Any] = {}
    for index, one in enumerate(item["inputs"]):
        kind, name = canonical(one), one["name"] or str(index)
        if not one["indexed"]:
            arguments[name] = next(values)
        elif kind.endswith("]") or kind.startswith("(") or kind in ("bytes", "string"):
            arguments[name] = next(words)
        else:
            (arguments[name],) = decoded([one], next(words))
    return item["name"], arguments


def _is_of(item: Item, topics: Sequence[bytes]) -> bool:
    indexed = sum(one["indexed"] for one in item["inputs"])
    if item.get("anonymous") or len(topics) != 1 + indexed:
        return False
    return bool(topics[0] == keccak_256(signature(item).encode()).digest())


def reason(output: bytes, error: str, abi: Sequence[Item]) -> str:
    """A revert's data in words; the halt's name where there is no data."""
    if error != "Revert" or not output:
        return error
    for item in (*abi, *STANDARD):
        if item["type"] != "error":
            continue
        if keccak_256(signature(item).encode()).digest()[:4] != output[:4]:
            continue
        try:
            values = decoded(item["inputs"], output[4:])
        except DecodingError:
            break
        if item is STANDARD[0]:
            return str(values[0])
        if item is STANDARD[1]:
            return f"panic: {PANICS.get(values[0], hex(values[0]))}"
        shown = (f"0x{one.hex()}" if isinstance(one, bytes) else str(one) for one in values)
        return f"{item['name']}({', '.join(shown)})"
    return f"0x{output.hex()}"
