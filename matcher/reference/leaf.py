"""Accounts as leaves of the state, and their order slots (section 3)."""

from dataclasses import dataclass, field

from matcher.errors import ProtocolError
from matcher.reference.tree import ZERO, Tree, keccak
from matcher.types import MAX_POSITIONS, SLOT_TREE_DEPTH, SLOTS, U24, U32, U56, U64

FULL = U32  # what WITHDRAW and TRANSFER fill their slot to


def slot_of(order_id: int) -> int:
    """The slot that remembers this order."""
    return order_id % SLOTS


def generation_of(order_id: int) -> int:
    """Which use of its slot this order is."""
    return order_id // SLOTS


@dataclass(frozen=True)
class Slot:
    """What was filled of the last order that used a slot; both 0 before the first."""

    generation: int = 0
    filled: int = 0  # lots

    def after(self, generation: int, lots: int) -> "Slot":
        """The slot after `lots` more of an order that is not stale."""
        if generation > self.generation:
            return Slot(generation, lots)
        return Slot(generation, self.filled + lots)


class OrderSlots:
    """The 4096 slots of an account.

    Slot n is quarter ``n % 4`` (0 highest) of word ``n // 4``; the 1024 words are the leaves of a
    tree of depth 10.
    """

    def __init__(self) -> None:
        self.used: dict[int, Slot] = {}  # no slot that is all zero
        self._tree = Tree(SLOT_TREE_DEPTH)
        self._changed: set[int] = set()  # words that the tree does not hold yet

    def __getitem__(self, number: int) -> Slot:
        return self.used.get(number, Slot())

    def __setitem__(self, number: int, slot: Slot) -> None:
        if slot == Slot():
            self.used.pop(number, None)
        else:
            self.used[number] = slot
        self._changed.add(number // 4)

    @property
    def tree(self) -> Tree:
        """The tree over the words, as they are now."""
        for number in sorted(self._changed):
            self._tree.set(number, self.word(number).to_bytes(32, "big"))
        self._changed.clear()
        return self._tree

    def __eq__(self, other: object) -> bool:
        return isinstance(other, OrderSlots) and self.used == other.used

    __hash__ = None  # type: ignore[assignment]

    def word(self, number: int) -> int:
        """Four slots as ``generation:u32 | filled:u32`` each, the lowest number highest."""
        word = 0
        for quarter in range(4):
            slot = self[4 * number + quarter]
            word = word << 64 | slot.generation << 32 | slot.filled
        return word

    def root(self) -> bytes:
        return self.tree.root()

    def copy(self) -> "OrderSlots":
        twin = OrderSlots()
        twin.used = dict(self.used)
        twin._tree, twin._changed = self._tree.copy(), set(self._changed)
        return twin


@dataclass
class Account:
    """What the state knows of an account. Atoms and lots, signed where they may be negative."""

    cash: int = 0  # i64
    exited: int = 0  # u64: all atoms ever let out
    credited: int = 0  # u56: all atoms ever let in
    served: int = 0  # u24: asks served
    positions: dict[int, int] = field(default_factory=dict)  # instrument -> lots, i40, never 0
    slots: OrderSlots = field(default_factory=OrderSlots)

    def add_lots(self, instrument: int, lots: int) -> None:
        """Change a position; one of 0 lots is none."""
        position = self.positions.get(instrument, 0) + lots
        if position:
            self.positions[instrument] = position
        else:
            self.positions.pop(instrument, None)

    def copy(self) -> "Account":
        return Account(
            self.cash,
            self.exited,
            self.credited,
            self.served,
            dict(self.positions),
            self.slots.copy(),
        )


def fits(value: int, bits: int, *, signed: bool = False) -> bool:
    """Whether a value fits its field."""
    if signed:
        return -(1 << bits - 1) <= value < 1 << bits - 1
    return 0 <= value < 1 << bits


def outside_width(account: Account) -> str:
    """The first field outside its width and what it holds; empty if all fit."""
    checks = [
        ("cash", account.cash, fits(account.cash, 64, signed=True)),
        ("exited", account.exited, 0 <= account.exited <= U64),
        ("credited", account.credited, 0 <= account.credited <= U56),
        ("served", account.served, 0 <= account.served <= U24),
        *(
            (f"lots of {instrument}", lots, fits(lots, 40, signed=True))
            for instrument, lots in sorted(account.positions.items())
        ),
    ]
    return next((f"{name} {value}" for name, value, fit in checks if not fit), "")


def leaf_words(account: Account, slots_root: bytes | None = None) -> list[int]:
    """The leaf's words: the packed one, the slots' root, positions four by four.

    Raises
    ------
    ProtocolError
        If a field is outside its width, or there are more than 32 positions.
    """
    wrong = outside_width(account)
    if wrong:
        raise ProtocolError(f"{wrong} is outside its width")
    count = len(account.positions)
    if count > MAX_POSITIONS:
        raise ProtocolError(f"{count} positions, allowed {MAX_POSITIONS}")
    rule = epoch = 0
    first = account.cash % (1 << 64)  # two's complement
    for value, bits in (
        (account.exited, 64),
        (account.credited, 56),
        (account.served, 24),
        (count, 8),
        (rule, 8),
        (epoch, 32),
    ):
        first = first << bits | value
    root = account.slots.root() if slots_root is None else slots_root
    quarters = [
        instrument << 40 | lots % (1 << 40)
        for instrument, lots in sorted(account.positions.items())
    ]
    quarters += [0] * (-count % 4)
    positions = [
        quarters[i] << 192 | quarters[i + 1] << 128 | quarters[i + 2] << 64 | quarters[i + 3]
        for i in range(0, len(quarters), 4)
    ]
    return [first, int.from_bytes(root, "big"), *positions]


def leaf_hash(words: list[int]) -> bytes:
    """``keccak256(0x00 || words)``; zero iff all words are zero (the empty leaf)."""
    if not any(words):
        return ZERO
    return keccak(b"\x00" + b"".join(word.to_bytes(32, "big") for word in words))


def account_hash(account: Account) -> bytes:
    """The account's leaf of the account tree."""
    return leaf_hash(leaf_words(account))
