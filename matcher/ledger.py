"""The settlement state, re-executed from op words alone (section 5): leaves, slots, trees, roots.

It shares no book and no balance with the engine. What the engine believes and what the words say
meet here: a word that breaks the protocol, or a chunk after which an account breaks the margin
rule, raises before it can be committed, and so before anybody could be convicted for it.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple

from matcher import words
from matcher.errors import ProtocolError
from matcher.facts import Facts
from matcher.forest import Forest
from matcher.leaf import Leaf
from matcher.listings import Line
from matcher.merkle import ZERO, Path
from matcher.risk import fee
from matcher.types import (
    ACCOUNT_TREE_DEPTH,
    CHUNK_OPS,
    FEE_ACCOUNT,
    FIRST_USER_ACCOUNT,
    MAX_POSITIONS,
    NOTIONAL_END,
    ORDER_ID_END,
    POSITION_VALUE_MAX,
    SLOT_TREE_DEPTH,
    SLOTS,
    U24,
    U32,
    U56,
    U64,
)

CASH_END: Final = 1 << 63
LOTS_END: Final = 1 << 39
SWEEP_SLACK: Final = 20_000  # nodes that may lie about before it pays to look for them


class Before(NamedTuple):
    """An account as it was before the chunk."""

    cash: int
    positions: dict[int, int]


class Ledger:
    """Accounts and their trees, chunk by chunk.

    Parameters
    ----------
    facts : Facts
    forest : Forest, optional
        Where the trees live; empty by default.
    root : bytes
        State root to begin with, of a tree in the forest.

    Attributes
    ----------
    root : bytes
        State root after the last chunk, 32 bytes.
    """

    def __init__(self, facts: Facts, forest: Forest | None = None, root: bytes = ZERO):
        self.facts = facts
        self.root = root
        self._leaves: dict[int, Leaf] = {}
        self._forest = Forest() if forest is None else forest
        self._swept_to = 0
        self._before: dict[int, Before] = {}
        self._fees = 0
        self._ops = 0
        self._filled = False
        self._released: set[int] = set()

    # --- ops -------------------------------------------------------------------------------------

    def apply(self, word: bytes, built_at: int) -> None:
        """Apply one op word of the chunk that is being built.

        Parameters
        ----------
        word : bytes
            31 bytes.
        built_at : int
            Of the batch, seconds.

        Raises
        ------
        ProtocolError
            If the op breaks section 5. Nothing has changed then.
        """
        self.apply_op(words.unpack_op(word), built_at)

    def apply_op(self, op: words.Op, built_at: int) -> None:
        """Like `apply`, for an op as `words.unpack_op` gives it."""
        if self._ops == CHUNK_OPS:
            raise ProtocolError(f"chunk: found more than {CHUNK_OPS} ops")
        for account in words.accounts_of(op):
            if account not in self.facts.owners:
                raise ProtocolError(f"{op}: account {account} was never opened")
        match op:
            case words.Fill():
                self._fill(op, built_at)
            case words.Credit():
                self._credit(op)
            case words.Withdraw():
                self._withdraw(op)
            case words.Settle():
                self._settle(op, built_at)
            case words.Transfer():
                self._transfer(op)
            case words.Release():
                self._release(op)
            case words.Nop():
                pass
        self._ops += 1

    def fork(self, root: bytes) -> "Ledger":
        """A ledger that goes on from a kept root; what it does is not seen here."""
        return Ledger(self.facts, self._forest, root)

    def _leaf(self, account: int) -> Leaf:
        leaf = self._leaves.get(account)
        if leaf is None:
            data = self._forest.words(self.root, ACCOUNT_TREE_DEPTH, account)
            leaf = self._leaves[account] = Leaf.from_words(data) if data else Leaf()
        return leaf

    def _slot(self, account: int, slot: int) -> tuple[int, int]:
        """(generation, filled) of an order slot."""
        leaf = self._leaf(account)
        number = slot // 4
        if number not in leaf.slots:
            word = self._forest.leaf(leaf.slots_root, SLOT_TREE_DEPTH, number)
            leaf.slots[number] = int.from_bytes(word, "big")
        return leaf.slot(slot)

    def _touch(self, account: int) -> Leaf:
        """The leaf to change, remembered as it was before the chunk."""
        leaf = self._leaf(account)
        if account not in self._before:
            self._before[account] = Before(leaf.cash, dict(leaf.positions))
        return leaf

    def _fill(self, op: words.Fill, built_at: int) -> None:
        line = self._check_fill(op, built_at)
        notional = op.tick * op.lots * line.tick_value
        if notional >= NOTIONAL_END:
            raise _broken(op, f"notional {notional} is not below 2^62")
        taker_slot = self._use_slot(op, op.taker, op.taker_order, op.lots)
        maker_slot = self._use_slot(op, op.maker, op.maker_order, op.lots)
        rates = self.facts.listings.rates(line.info.market, built_at)
        taker_fee, maker_fee = (fee(rate, op.lots, notional) for rate in rates)
        sign = -1 if op.flags & words.TAKER_SELLS else 1
        sides = (
            (op.taker, sign * op.lots, -sign * notional - taker_fee, taker_slot),
            (op.maker, -sign * op.lots, sign * notional - maker_fee, maker_slot),
        )
        for account, lots, cash, _ in sides:
            self._check_side(op, line, account, lots, cash)
        for account, lots, cash, (order, slot) in sides:
            leaf = self._touch(account)
            leaf.cash += cash
            position = leaf.positions.get(op.instrument, 0) + lots
            if position:
                leaf.positions[op.instrument] = position
            else:
                leaf.positions.pop(op.instrument, None)
            leaf.set_slot(order % SLOTS, *slot)
        self._fees += taker_fee + maker_fee
        self._filled = True
        self._touch(FEE_ACCOUNT)

    def _check_fill(self, op: words.Fill, built_at: int) -> Line:
        least = min(op.taker, op.maker)
        if least < FIRST_USER_ACCOUNT:
            raise _broken(op, f"account {least} may not trade")
        if op.taker == op.maker:
            raise _broken(op, "both sides are one account")
        if op.lots <= 0:
            raise _broken(op, "no lots")
        if FEE_ACCOUNT in self._released:
            raise _broken(op, "after a RELEASE of account 0")
        line = self.facts.listings.lines.get(op.instrument)
        if line is None:
            raise _broken(op, f"instrument {op.instrument} is not listed")
        if built_at >= line.closes_at:
            raise _broken(op, f"too late: closed at {line.closes_at}")
        return line

    def _check_side(self, op: words.Fill, line: Line, account: int, lots: int, cash: int) -> None:
        leaf = self._leaf(account)
        position = leaf.positions.get(op.instrument, 0) + lots
        value = abs(position) * line.contract.cap
        if value > POSITION_VALUE_MAX or not -LOTS_END <= position < LOTS_END:
            raise _broken(op, f"account {account} would hold {position} lots")
        count = len(leaf.positions) + (op.instrument not in leaf.positions)
        if position and count > MAX_POSITIONS:
            raise _broken(op, f"account {account}: {count} positions")
        self._check_cash(op, leaf.cash + cash)

    def _credit(self, op: words.Credit) -> None:
        leaf = self._leaf(op.account)
        credited = leaf.credited + op.amount
        deposited = self.facts.deposited.get(op.account, 0)
        if credited > min(deposited, U56):
            raise _broken(op, f"credited {credited} of {deposited}")
        self._check_cash(op, leaf.cash + op.amount)
        leaf = self._touch(op.account)
        leaf.cash += op.amount
        leaf.credited = credited

    def _withdraw(self, op: words.Withdraw) -> None:
        order, slot = self._use_slot(op, op.account, op.order, None)
        self._check_exit(op, op.account, op.amount)
        leaf = self._touch(op.account)
        leaf.cash -= op.amount
        leaf.exited += op.amount
        leaf.set_slot(order % SLOTS, *slot)

    def _transfer(self, op: words.Transfer) -> None:
        if op.source == op.target:
            raise _broken(op, "to itself")
        order, slot = self._use_slot(op, op.source, op.order, None)
        self._check_cash(op, self._leaf(op.source).cash - op.amount)
        self._check_cash(op, self._leaf(op.target).cash + op.amount)
        source, target = self._touch(op.source), self._touch(op.target)
        source.cash -= op.amount
        target.cash += op.amount
        source.set_slot(order % SLOTS, *slot)

    def _release(self, op: words.Release) -> None:
        leaf = self._leaf(op.account)
        asks = self.facts.asks.get(op.account, 0)
        if not leaf.served < op.served <= asks:
            raise _broken(op, f"served {leaf.served}, asks {asks}")
        if op.account == FEE_ACCOUNT and self._filled:
            raise _broken(op, "of account 0 beside a FILL")
        self._check_exit(op, op.account, op.amount)
        leaf = self._touch(op.account)
        leaf.cash -= op.amount
        leaf.exited += op.amount
        leaf.served = op.served
        self._released.add(op.account)

    def _settle(self, op: words.Settle, built_at: int) -> None:
        key = (op.market, op.expiry)
        price = self.facts.price(key, built_at)
        if price is None:
            raise _broken(op, f"no price was fixed before {built_at}")
        lines = self.facts.listings.lines
        leaf = self._leaf(op.account)
        gone = [index for index in leaf.positions if lines[index].contract.key == key]
        cash = sum(leaf.positions[index] * lines[index].contract.payoff(price) for index in gone)
        self._check_cash(op, leaf.cash + cash)
        leaf = self._touch(op.account)
        leaf.cash += cash
        for index in gone:
            del leaf.positions[index]

    def _check_cash(self, op: words.Op, cash: int) -> None:
        if not -CASH_END <= cash < CASH_END:
            raise _broken(op, f"cash {cash} is not an i64")

    def _check_exit(self, op: words.Op, account: int, amount: int) -> None:
        leaf = self._leaf(account)
        self._check_cash(op, leaf.cash - amount)
        if leaf.exited + amount > U64:
            raise _broken(op, f"exited {leaf.exited + amount} is not a u64")

    def _use_slot(
        self, op: words.Op, account: int, order: int, lots: int | None
    ) -> tuple[int, tuple[int, int]]:
        """(order, slot after it): with `lots` more, or filled to the maximum if it was fresh."""
        if order >= ORDER_ID_END:
            raise _broken(op, f"order {order} is not below 2^44")
        generation, filled = self._slot(account, order % SLOTS)
        ours = order // SLOTS
        if ours < generation:
            raise _broken(op, f"order {order} is stale: generation {generation}")
        before = filled if ours == generation else 0
        if lots is None:
            if before:
                raise _broken(op, f"order {order} was used")
            return order, (ours, U32)
        if before + lots > U32:
            raise _broken(op, f"order {order} is filled beyond 2^32 - 1")
        return order, (ours, before + lots)

    # --- chunks ----------------------------------------------------------------------------------

    def end_chunk(self, built_at: int) -> bytes:
        """Book the chunk's fees, judge margins, update the trees.

        Returns
        -------
        bytes
            The state root, 32 bytes.

        Raises
        ------
        ProtocolError
            If an account breaks the margin rule, or a RELEASE kept something back.
        """
        if self._fees:
            leaf = self._touch(FEE_ACCOUNT)
            leaf.cash += self._fees
            if not -CASH_END <= leaf.cash < CASH_END:
                raise _broken(words.Nop(), f"fees make {leaf.cash}")
        for account in sorted(self._before):
            self._check_margin(account, built_at)
        self._update_slots()
        changed = [(account, self._leaves[account].words()) for account in sorted(self._before)]
        self.root = self._forest.update_accounts(self.root, changed, ACCOUNT_TREE_DEPTH)
        self._before = {}
        self._released = set()
        self._fees = self._ops = 0
        self._filled = False
        return self.root

    def _check_margin(self, account: int, built_at: int) -> None:
        leaf, before = self._leaves[account], self._before[account]
        if account not in self._released and self.facts.floor(leaf.cash, leaf.positions) >= 0:
            return
        after = self.facts.worst(leaf.cash, leaf.positions, built_at)
        if after < 0:
            was = self.facts.worst(before.cash, before.positions, built_at)
            if after < was:
                raise ProtocolError(f"margin: account {account} is worth {after}, was {was}")
        if account in self._released and after > 0:
            raise ProtocolError(f"RELEASE of account {account} kept {after} atoms back")

    def _update_slots(self) -> None:
        """Bring the slots trees of all touched accounts up to date, together."""
        leaves = [leaf for account in self._before if (leaf := self._leaves[account]).dirty]
        changes = [
            (
                leaf.slots_root,
                [(number, leaf.slots[number].to_bytes(32, "big")) for number in sorted(leaf.dirty)],
            )
            for leaf in leaves
        ]
        roots = self._forest.update(changes, SLOT_TREE_DEPTH)
        for leaf, root in zip(leaves, roots, strict=True):
            leaf.slots_root = root
            leaf.dirty = set()

    # --- proofs ----------------------------------------------------------------------------------

    def account_proof(self, root: bytes, account: int) -> tuple[bytes, Path]:
        """Leaf words (none for the empty leaf) and path of an account under a kept root."""
        _require_index(account, U24)
        words_of_leaf = self._forest.words(root, ACCOUNT_TREE_DEPTH, account)
        return words_of_leaf, self._forest.path(root, ACCOUNT_TREE_DEPTH, account)

    def slot_proof(self, root: bytes, account: int, slot: int) -> tuple[bytes, Path]:
        """The raw word that holds an order slot, and its path under the leaf's slots root."""
        _require_index(slot, SLOTS - 1)
        words_of_leaf, _ = self.account_proof(root, account)
        slots_root = words_of_leaf[32:64] or ZERO
        word = self._forest.leaf(slots_root, SLOT_TREE_DEPTH, slot // 4)
        return word, self._forest.path(slots_root, SLOT_TREE_DEPTH, slot // 4)

    def sweep(self, wanted: Iterable[bytes]) -> None:
        """Forget nodes of no wanted root, if they may be half of all by now."""
        if len(self._forest) <= 2 * self._swept_to + SWEEP_SLACK:
            return
        # Slots trees that changed since the last chunk's end hang on no root yet; there are none
        # between chunks, and only then is this called.
        self._forest.sweep([self.root, *wanted], ACCOUNT_TREE_DEPTH, SLOT_TREE_DEPTH)
        self._swept_to = len(self._forest)

    def __len__(self) -> int:
        """Nodes and leaves in memory."""
        return len(self._forest)


def _broken(op: words.Op, what: str) -> ProtocolError:
    return ProtocolError(f"{op}: {what}")


def _require_index(found: int, most: int) -> None:
    if not 0 <= found <= most:
        raise ProtocolError(f"index: found {found}, allowed 0 to {most}")
