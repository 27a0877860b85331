"""From a position in code to the function and the line it was compiled from.

The compiler's map says for each instruction which text it comes from. The IR pipeline moves, merges
and shares code, so its maps are coarser: code of several places may be booked to one of them, and
what the compiler generates itself (dispatch, ABI coding) to the contract or the calling expression.
"""

from __future__ import annotations

import hashlib
import json
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

from gaslab import solc
from gaslab.solc import Contract

GENERATED = "(compiler)"  # what comes from no source


class Place(NamedTuple):
    """What one instruction comes from."""

    start: int
    length: int
    file: int  # -1: from no source
    jump: str  # "i" into a function, "o" out of one, "-" neither


class Function(NamedTuple):
    """Where a function is defined."""

    name: str  # Contract.function, or the name alone outside contracts
    start: int
    end: int


def decode_source_map(text: str) -> list[Place]:
    """The compiler's map, one place for each instruction.

    >>> decode_source_map("1:2:0:-;:9;2:1::i;;")[1:4]
    [Place(start=1, length=9, file=0, jump='-'), Place(start=2, length=1, file=0, jump='i'), \
Place(start=2, length=1, file=0, jump='i')]
    """
    places = []
    last = ["0", "0", "-1", "-"]
    for item in text.split(";"):
        for index, part in enumerate(item.split(":")[:4]):  # a fifth, the modifier depth, is unused
            if part:
                last[index] = part
        places.append(Place(int(last[0]), int(last[1]), int(last[2]), last[3]))
    return places


def instructions(code: bytes) -> Iterator[int]:
    """Positions at which instructions begin."""
    position = 0
    while position < len(code):
        yield position
        opcode = code[position]
        position += opcode - 0x5E if 0x60 <= opcode <= 0x7F else 1


class Sources:
    """One contract's code, runtime or creation, with what it was compiled from.

    Parameters
    ----------
    contract : Contract
    creation : bool
    """

    def __init__(self, contract: Contract, *, creation: bool = False):
        code = contract.creation if creation else contract.runtime
        text = contract.source_map if creation else contract.runtime_source_map
        self.contract = contract
        self.creation = creation
        self._places = dict(zip(instructions(code), decode_source_map(text), strict=False))

    def place(self, pc: int) -> Place | None:
        """What the instruction at a position comes from; None for what no source says."""
        found = self._places.get(pc)
        return found if found and found.file in self.contract.sources else None

    def jump(self, pc: int) -> str:
        found = self._places.get(pc)
        return found.jump if found else "-"

    def function(self, pc: int) -> str:
        """The innermost function around it; else the contract: for its dispatch and ABI coding,
        and through the IR pipeline for what the optimizer has moved.
        """
        place = self.place(pc)
        if place is None:
            return f"{self.contract.name} {GENERATED}"
        around = [
            one
            for one in self._functions.get(self.contract.sources[place.file], ())
            if one.start <= place.start and place.start + place.length <= one.end
        ]
        if around:
            return min(around, key=lambda one: one.end - one.start).name
        return f"{self.contract.name} ({'creation' if self.creation else 'no function'})"

    def line(self, pc: int) -> tuple[str, int] | None:
        """Name of the source and the line, from 1."""
        place = self.place(pc)
        if place is None:
            return None
        name = self.contract.sources[place.file]
        starts = line_starts(self.contract.paths[name])
        return name, bisect_right(starts, place.start)

    @cached_property
    def _functions(self) -> Mapping[str, list[Function]]:
        return functions_of(self.contract)


_STARTS: dict[Path, list[int]] = {}


def line_starts(path: Path) -> list[int]:
    """Where each line begins, in bytes, as the compiler counts."""
    if path not in _STARTS:
        starts = [0]
        for line in path.read_bytes().split(b"\n"):
            starts.append(starts[-1] + len(line) + 1)
        _STARTS[path] = starts[:-1]
    return _STARTS[path]


def functions_of(contract: Contract) -> dict[str, list[Function]]:
    """Functions and modifiers of all of a contract's sources, by the sources' names.

    Raises
    ------
    CompileError
    """
    unit = solc.unit_of(contract.source, contract.settings)
    digest = hashlib.sha256(json.dumps([solc.VERSION, unit.texts]).encode()).hexdigest()[:40]
    entry = solc.cache_folder() / f"{digest}.functions.json"
    if not entry.exists():
        trees = solc.parsed(contract)
        solc.store(entry, {name: list(_defined(tree, "")) for name, tree in trees.items()})
    found = json.loads(entry.read_text())
    return {name: [Function(*one) for one in functions] for name, functions in found.items()}


def _defined(node: Mapping[str, Any], contract: str) -> Iterator[Function]:
    kind = node["nodeType"]
    if kind == "ContractDefinition":
        contract = node["name"]
    elif kind in ("FunctionDefinition", "ModifierDefinition"):
        start, length, _ = map(int, node["src"].split(":"))
        name = node["name"] or node.get("kind", "")  # constructor, receive, fallback
        yield Function(f"{contract}.{name}" if contract else name, start, start + length)
        return
    for child in node.get("nodes", ()):
        yield from _defined(child, contract)
