"""One account's leaf of the state (section 3), and its packing."""

import struct
from typing import Final

from matcher.merkle import ZERO
from matcher.types import MAX_POSITIONS, U24, U32, U40, U56, U64

_BALANCES: Final = struct.Struct(">qQ")  # cash, exited
_QUARTERS: Final = [struct.Struct(f">{4 * words}Q") for words in range(MAX_POSITIONS // 4 + 1)]


class Leaf:
    """One account as its leaf says it; atoms, lots.

    Attributes
    ----------
    slots : dict
        Number of a slot word to the word, as far as they were looked at; of the others the forest
        knows. Four order slots each, ``generation:u32 | filled:u32``, the lowest number highest.
    dirty : set of int
        Slot words that changed since their tree was updated.
    """

    __slots__ = (
        "cash",
        "credited",
        "dirty",
        "exited",
        "positions",
        "served",
        "slots",
        "slots_root",
    )

    def __init__(self) -> None:
        self.cash = 0
        self.exited = 0
        self.credited = 0
        self.served = 0
        self.positions: dict[int, int] = {}
        self.slots: dict[int, int] = {}
        self.slots_root = ZERO
        self.dirty: set[int] = set()

    @classmethod
    def from_words(cls, data: bytes) -> "Leaf":
        """The inverse of `words`; the slots are left to the forest."""
        leaf = cls()
        first = int.from_bytes(data[:32], "big")
        leaf.cash = int.from_bytes(data[:8], "big", signed=True)
        leaf.exited = first >> 128 & U64
        leaf.credited = first >> 72 & U56
        leaf.served = first >> 48 & U24
        count = first >> 40 & 0xFF
        leaf.slots_root = data[32:64]
        for start in range(64, 64 + 8 * count, 8):
            index = int.from_bytes(data[start : start + 3], "big")
            leaf.positions[index] = int.from_bytes(data[start + 3 : start + 8], "big", signed=True)
        return leaf

    def words(self) -> bytes:
        """The leaf's words (section 3), 32 bytes each."""
        count = len(self.positions)
        numbers = self.credited << 72 | self.served << 48 | count << 40  # rule and epoch are 0
        quarters = [index << 40 | lots & U40 for index, lots in sorted(self.positions.items())]
        quarters += [0] * (-count % 4)
        return b"".join(
            (
                _BALANCES.pack(self.cash, self.exited),
                numbers.to_bytes(16, "big"),
                self.slots_root,
                _QUARTERS[len(quarters) // 4].pack(*quarters),
            )
        )

    def slot(self, number: int) -> tuple[int, int]:
        """(generation, filled) of an order slot whose word is known."""
        pair = self.slots[number // 4] >> _shift(number) & U64
        return pair >> 32, pair & U32

    def set_slot(self, number: int, generation: int, filled: int) -> None:
        """Write an order slot whose word is known."""
        shift = _shift(number)
        others = self.slots[number // 4] & ~(U64 << shift)
        self.slots[number // 4] = others | (generation << 32 | filled) << shift
        self.dirty.add(number // 4)


def _shift(slot: int) -> int:
    """Where in its word an order slot begins."""
    return 192 - 64 * (slot % 4)
