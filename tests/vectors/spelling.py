"""How vectors spell numbers, bytes and paths."""

import random
from typing import Any

from matcher.reference import tree

Json = Any


def hexed(data: bytes) -> str:
    return "0x" + data.hex()


def word_hex(word: int) -> str:
    return hexed(word.to_bytes(32, "big"))


def path_json(path: tree.Path) -> Json:
    return {"present": str(path.present), "siblings": [hexed(s) for s in path.siblings]}


def plain(value: Any) -> Json:
    """Integers as decimal strings, bytes as hex; booleans and strings as they are."""
    if isinstance(value, bool | str):
        return value
    if isinstance(value, bytes):
        return hexed(value)
    return str(int(value))


def some(rng: random.Random, bits: int) -> int:
    """A number of a random width: small ones and wide ones alike."""
    return rng.getrandbits(rng.randint(1, bits))
