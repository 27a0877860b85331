"""Storage as solc lays it out: slots of 32 bytes, the fields in them, the bytes that are lost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SLOT = 32


@dataclass(frozen=True)
class Place:
    """A field in one slot.

    Attributes
    ----------
    name, type : str
    offset, size : int
        Bytes from the low end of the word. A field of several slots fills each of them.
    seat : bool
        The slot of a mapping or of a dynamic value: it holds a length or nothing, the data lie
        elsewhere.
    """

    name: str
    type: str
    offset: int
    size: int
    seat: bool = False


@dataclass(frozen=True)
class SlotRow:
    """Slots that look alike: one, or a field that goes on over several."""

    first: int
    count: int
    places: tuple[Place, ...]

    @property
    def lost(self) -> int:
        """Bytes of one slot that nothing uses."""
        return SLOT - sum(place.size for place in self.places)


@dataclass(frozen=True)
class Block:
    """The slots of a contract, or of one value of a struct.

    Attributes
    ----------
    title : str
    note : str
        Where such a value is found; empty for a contract.
    rows : tuple of SlotRow
    """

    title: str
    note: str
    rows: tuple[SlotRow, ...]

    @property
    def slots(self) -> int:
        return sum(row.count for row in self.rows)

    @property
    def lost(self) -> int:
        return sum(row.lost * row.count for row in self.rows)


def blocks_of(contract: str, layout: Mapping[str, Any]) -> list[Block]:
    """The contract's own slots, then each struct that its mappings and arrays hold.

    Parameters
    ----------
    layout : mapping
        solc's ``storageLayout``.
    """
    types: Mapping[str, Any] = layout.get("types") or {}
    storage = layout.get("storage") or []
    blocks = []
    if storage:
        blocks.append(Block(contract, "", _rows(storage, types)))
    seen: set[str] = set()
    for member in storage:
        for struct, path in _structs(member["type"], member["label"], types):
            if struct not in seen:
                seen.add(struct)
                title = types[struct]["label"].removeprefix("struct ").rpartition(".")[2]
                blocks.append(Block(title, f"each {path}", _rows(types[struct]["members"], types)))
    return blocks


def _structs(
    name: str, path: str, types: Mapping[str, Any], depth: int = 0
) -> list[tuple[str, str]]:
    """Structs reached from a type, with how they are reached; a struct in place is drawn too."""
    kind = types[name]
    if depth > 8:
        return []
    if "members" in kind:
        inner = [
            found
            for member in kind["members"]
            for found in _structs(member["type"], f"{path}.{member['label']}", types, depth + 1)
        ]
        return [(name, path), *inner]
    if kind["encoding"] == "mapping":
        return _structs(kind["value"], f"{path}[…]", types, depth + 1)
    if "base" in kind:
        return _structs(kind["base"], f"{path}[…]", types, depth + 1)
    return []


def _rows(members: list[Mapping[str, Any]], types: Mapping[str, Any]) -> tuple[SlotRow, ...]:
    slots: dict[int, list[Place]] = {}
    wide: dict[int, SlotRow] = {}
    for member in members:
        kind = types[member["type"]]
        size, first = int(kind["numberOfBytes"]), int(member["slot"])
        label = _short_type(kind["label"])
        if size > SLOT or "members" in kind or ("base" in kind and kind["encoding"] == "inplace"):
            place = Place(member["label"], label, 0, SLOT)
            wide[first] = SlotRow(first, -(-size // SLOT), (place,))
        else:
            seat = kind["encoding"] in ("mapping", "dynamic_array", "bytes")
            place = Place(member["label"], label, int(member["offset"]), size, seat)
            slots.setdefault(first, []).append(place)
    rows = {first: SlotRow(first, 1, tuple(places)) for first, places in slots.items()} | wide
    return tuple(rows[first] for first in sorted(rows))


def _short_type(label: str) -> str:
    return label.replace("struct ", "").replace("contract ", "").replace("enum ", "")
