"""One account's leaf of the state (section 3), and its packing."""

from matcher.merkle import ZERO
from matcher.types import U24, U32, U56, U64


class Leaf:
    """One account as its leaf says it; atoms, lots.

    Attributes
    ----------
    slots : dict
        Order slot to (generation, filled), as far as they were looked at.
    known : set of int
        Slot words that `slots` has; of the others the forest knows.
    dirty : set of int
        Slot words that changed since their tree was updated.
    """

    __slots__ = (
        "cash",
        "credited",
        "dirty",
        "exited",
        "known",
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
        self.slots: dict[int, tuple[int, int]] = {}
        self.slots_root = ZERO
        self.known: set[int] = set()
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
        first = self.cash & U64
        for value, width in (
            (self.exited, 64),
            (self.credited, 56),
            (self.served, 24),
            (len(self.positions), 8),
            (0, 8),  # rule
            (0, 32),  # epoch
        ):
            first = first << width | value
        quarters = b"".join(
            index.to_bytes(3, "big") + lots.to_bytes(5, "big", signed=True)
            for index, lots in sorted(self.positions.items())
        )
        padding = bytes(-len(quarters) % 32)
        return first.to_bytes(32, "big") + self.slots_root + quarters + padding

    def learn(self, number: int, word: bytes) -> None:
        """Take four slots from a word of the forest."""
        self.known.add(number)
        for quarter in range(4):
            pair = int.from_bytes(word[8 * quarter : 8 * quarter + 8], "big")
            if pair:
                self.slots[4 * number + quarter] = (pair >> 32, pair & U32)

    def slot_word(self, number: int) -> bytes:
        """Four order slots: ``generation:u32 | filled:u32`` each."""
        word = 0
        for slot in range(4 * number, 4 * number + 4):
            generation, filled = self.slots.get(slot, (0, 0))
            word = word << 64 | generation << 32 | filled
        return word.to_bytes(32, "big")
