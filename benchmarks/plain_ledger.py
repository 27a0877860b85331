"""The settlement state as one writes it with what pip installs: dicts, integers and pysha3.

What the benchmarks show beside `matcher.settlement.ledger`. It knows FILL and CREDIT, checks what
the protocol asks of them, judges margins, and gives the same roots.
"""

import struct
from collections.abc import Iterable, Sequence
from typing import Final

from sha3 import keccak_256

from benchmarks.fills import START
from matcher import words
from matcher.listings import Line
from matcher.merkle import ZERO, leaf_hash
from matcher.risk import fee, worst
from matcher.settlement.facts import Facts
from matcher.types import (
    ACCOUNT_TREE_DEPTH,
    CHUNK_OPS,
    FEE_ACCOUNT,
    FIRST_USER_ACCOUNT,
    MAX_POSITIONS,
    NOTIONAL_END,
    POSITION_VALUE_MAX,
    SLOT_TREE_DEPTH,
    SLOTS,
    U32,
    U40,
)

_NUMBERS: Final = struct.Struct(">qQQQ")


class Account:
    """An account, and the slot words that were looked at."""

    __slots__ = ("cash", "credited", "dirty", "positions", "slots", "slots_root")

    def __init__(self) -> None:
        self.cash = self.credited = 0
        self.positions: dict[int, int] = {}
        self.slots: dict[int, int] = {}
        self.slots_root = ZERO
        self.dirty: set[int] = set()

    def words(self) -> bytes:
        """Of its leaf."""
        count = len(self.positions)
        quarters = [index << 40 | lots & U40 for index, lots in sorted(self.positions.items())]
        quarters += [0] * (-count % 4)
        numbers = _NUMBERS.pack(self.cash, 0, self.credited << 8, count << 40)
        return numbers + self.slots_root + struct.pack(f">{len(quarters)}Q", *quarters)


class PlainLedger:
    """Accounts by number, trees by the hash of each node."""

    def __init__(self, facts: Facts, deposited: dict[int, int]):
        self.root = ZERO
        self.forest = DictForest()
        self._facts = facts
        self._deposited = deposited
        self._accounts: dict[int, Account] = {}
        self._before: dict[int, tuple[int, dict[int, int]]] = {}
        self._fees = 0

    def settle(self, ops: Iterable[bytes]) -> None:
        """Execute ops and state the root after every thirty."""
        place = 0
        for place, word in enumerate(ops, 1):
            op = words.unpack_op(word)
            if isinstance(op, words.Credit):
                self._credit(op)
            elif isinstance(op, words.Fill):
                self._fill(op)
            if place % CHUNK_OPS == 0:
                self._end_chunk()
        if place % CHUNK_OPS:
            self._end_chunk()

    def _touch(self, index: int) -> Account:
        account = self._accounts.get(index)
        if account is None:
            account = self._accounts[index] = Account()
        if index not in self._before:
            self._before[index] = account.cash, dict(account.positions)
        return account

    def _credit(self, op: words.Credit) -> None:
        account = self._touch(op.account)
        require(account.credited + op.amount <= self._deposited[op.account])
        account.credited += op.amount
        account.cash += op.amount

    def _fill(self, op: words.Fill) -> None:
        require(min(op.taker, op.maker) >= FIRST_USER_ACCOUNT and op.taker != op.maker)
        line = self._facts.listings.lines[op.instrument]
        require(op.lots > 0 and line.closes_at > START)
        notional = op.tick * op.lots * line.tick_value
        require(notional < NOTIONAL_END)
        rates = self._facts.listings.rates(line.info.market, START)
        charges = [fee(rate, op.lots, notional) for rate in rates]
        sign = -1 if op.flags & words.TAKER_SELLS else 1
        for index, order, side, charge in (
            (op.taker, op.taker_order, sign, charges[0]),
            (op.maker, op.maker_order, -sign, charges[1]),
        ):
            account = self._touch(index)
            self._use(account, order, op.lots)
            self._book(account, line, side * op.lots, -side * notional - charge)
        self._fees += sum(charges)
        self._touch(FEE_ACCOUNT)

    def _book(self, account: Account, line: Line, lots: int, cash: int) -> None:
        position = account.positions.get(line.index, 0) + lots
        require(abs(position) * line.contract.cap <= POSITION_VALUE_MAX)
        account.cash += cash
        if position:
            account.positions[line.index] = position
            require(len(account.positions) <= MAX_POSITIONS)
        else:
            account.positions.pop(line.index, None)

    def _use(self, account: Account, order: int, lots: int) -> None:
        number, shift = order % SLOTS // 4, 192 - 64 * (order % 4)
        if number not in account.slots:
            word = self.forest.leaf(account.slots_root, SLOT_TREE_DEPTH, number)
            account.slots[number] = int.from_bytes(word, "big")
        pair = account.slots[number] >> shift & ((1 << 64) - 1)
        generation = order // SLOTS
        require(generation >= pair >> 32)
        filled = lots + (pair & U32 if generation == pair >> 32 else 0)
        require(filled <= U32)
        account.slots[number] ^= (pair ^ (generation << 32 | filled)) << shift
        account.dirty.add(number)

    def _end_chunk(self) -> None:
        if self._fees:
            self._touch(FEE_ACCOUNT).cash += self._fees
        changed = sorted(self._before)
        for index in changed:
            self._judge(index)
        for index in changed:
            account = self._accounts[index]
            leaves = [(n, account.slots[n].to_bytes(32, "big")) for n in sorted(account.dirty)]
            account.slots_root = self.forest.update(account.slots_root, SLOT_TREE_DEPTH, leaves)
            account.dirty = set()
        leaves = [(index, self.forest.keep(self._accounts[index].words())) for index in changed]
        self.root = self.forest.update(self.root, ACCOUNT_TREE_DEPTH, leaves)
        self._before, self._fees = {}, 0

    def _judge(self, index: int) -> None:
        account = self._accounts[index]
        lines = self._facts.listings.lines
        sold = sum(n * lines[i].contract.most for i, n in account.positions.items() if n < 0)
        if account.cash + sold >= 0:
            return
        after = self._worst(account.cash, account.positions)
        require(after >= 0 or after >= self._worst(*self._before[index]))

    def _worst(self, cash: int, positions: dict[int, int]) -> int:
        lines = self._facts.listings.lines
        return worst(cash, [(lines[i].contract, n) for i, n in positions.items()], {})


def require(condition: bool) -> None:
    """Raise unless the rule holds."""
    if not condition:
        raise ValueError("an op breaks the protocol")


class DictForest:
    """Nodes and leaves by their hash."""

    def __init__(self) -> None:
        self._blobs: dict[bytes, bytes] = {}

    def __len__(self) -> int:
        return len(self._blobs)

    def keep(self, data: bytes) -> bytes:
        """The hash of an account's leaf, by which it is kept."""
        here = leaf_hash(data)
        if here != ZERO:
            self._blobs[here] = data
        return here

    def update(self, here: bytes, level: int, leaves: Sequence[tuple[int, bytes]]) -> bytes:
        """The root after leaves were changed, ascending by index."""
        if not level or not leaves:
            return leaves[0][1] if leaves else here
        both = self._blobs[here] if here != ZERO else bytes(64)
        split = level - 1
        lower = [leaf for leaf in leaves if not leaf[0] >> split & 1]
        left = self.update(both[:32], split, lower)
        right = self.update(both[32:], split, leaves[len(lower) :])
        if left == ZERO and right == ZERO:
            return ZERO
        both = left + right
        here = keccak_256(both).digest()
        self._blobs[here] = both
        return here

    def leaf(self, root: bytes, depth: int, index: int) -> bytes:
        """Leaf `index` of a tree of raw leaves."""
        for level in range(depth - 1, -1, -1):
            if root == ZERO:
                return ZERO
            both = self._blobs[root]
            root = both[32:] if index >> level & 1 else both[:32]
        return root
