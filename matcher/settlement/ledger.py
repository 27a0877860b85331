"""The settlement state, re-executed from op words alone (section 5): leaves, slots, trees, roots.

It shares no book and no balance with the engine. What the engine believes and what the words say
meet here: a word that breaks the protocol, or a chunk after which an account breaks the margin
rule, raises before it can be committed, and so before anybody could be convicted for it.

The rules are `matcher.kernel.settlement`'s; here are its memory and its complaints in words.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from matcher import words
from matcher.errors import ProtocolError
from matcher.kernel import settlement_layout as r
from matcher.kernel.keccak import SPACE_CELLS
from matcher.kernel.layout import PAIR
from matcher.kernel.pool import Pool
from matcher.kernel.settlement import Errand, runner
from matcher.kernel.settlement_layout import QUAD, Refusal
from matcher.merkle import ZERO, Path
from matcher.settlement.facts import Facts
from matcher.settlement.forest import Forest, Work
from matcher.types import (
    ACCOUNT_TREE_DEPTH,
    CHUNK_OPS,
    CHUNK_WORDS,
    MAX_POSITIONS,
    SLOT_TREE_DEPTH,
    SLOTS,
    U24,
)

SWEEP_SLACK: Final = 20_000  # nodes that may lie about before it pays to look for them
WORD: Final = 32  # bytes of an op word as in calldata
# What a chunk may make: nodes for leaves and on the ways up, and cells for the leaves' words.
CHUNK_NODES: Final = r.ENTRIES * (1 + ACCOUNT_TREE_DEPTH) + r.DIRTIES * (1 + SLOT_TREE_DEPTH)
CHUNK_CELLS: Final = r.ENTRIES * (1 + 8 + MAX_POSITIONS)
SLICE: Final = 8 * CHUNK_OPS  # words for which room is made at a time


class Ledger:
    """Accounts and their trees, chunk by chunk.

    Parameters
    ----------
    facts : Facts
    forest : Forest, optional
        Where the trees live; empty by default.
    root : bytes
        State root to begin with, of a tree in the forest.
    room : int
        Chunks that `settle` may put into a batch.

    Notes
    -----
    Between two looks at `root` a chunk writes anew the nodes that the chunks before it have made.
    """

    def __init__(
        self, facts: Facts, forest: Forest | None = None, root: bytes = ZERO, room: int = 0
    ):
        self.facts = facts
        self._forest = Forest() if forest is None else forest
        self._swept_to = 0
        self._kernel = runner()  # now, not with the first op
        self._word = Pool(QUAD, 1)
        self._out = Pool(QUAD, 1)
        self._memory = _Workspace(self._forest, facts)
        self.make_room(room)
        self._memory.state["root"] = self._forest.number(root)

    @property
    def root(self) -> bytes:
        """State root after the last chunk, 32 bytes; kept for proofs from now on, until a sweep."""
        return self._forest.name(int(self._memory.state["root"]))

    # --- ops -------------------------------------------------------------------------------------

    def apply(self, word: bytes, built_at: int) -> None:
        """Apply one op word of the chunk that is being built.

        Parameters
        ----------
        word : bytes
            31 bytes, or 32 as in calldata.
        built_at : int
            Of the batch, seconds.

        Raises
        ------
        ProtocolError
            If the op breaks section 5. Nothing has changed then.
        """
        if len(word) not in (words.WORD_BYTES, WORD):
            words.unpack_op(word)  # which says what is wrong
        self._word.array.view("V32")[0] = word.rjust(WORD, b"\0")
        self._run(Errand.APPLY, built_at, self._word.address, 1)
        if self._memory.state["code"]:
            raise self._complaint(word)

    def settle(self, ops: Pool, first: int, count: int, built_at: int) -> int:
        """Apply ops of a batch, into chunks with the root after each, until the batch is full.

        A chunk ends after 30 ops, or before one that may not stand in it (section 14).

        Parameters
        ----------
        ops : Pool of QUAD
            Op words, 32 bytes each as in calldata.
        first, count : int
            Which of them.
        built_at : int
            Of the batch, seconds.

        Returns
        -------
        int
            How many were applied: all, or as many as the batch has room for.

        Raises
        ------
        ProtocolError
            If an op, or a chunk, breaks section 5. The ops before it are applied.
        """
        done = 0
        while done < count and not self.full:
            some = min(SLICE, count - done)
            address = ops.address + WORD * (first + done)
            applied = self._run(Errand.BATCH, built_at, address, some)
            done += applied
            if self._memory.state["code"]:
                raise self._complaint(ops.array[first + done].tobytes())
        return done

    def finish(self, built_at: int) -> None:
        """End the chunk that `settle` has begun, filled with NOPs.

        Raises
        ------
        ProtocolError
            As `end_chunk`.
        """
        self._run(Errand.FINISH, built_at, 0, 0)
        if self._memory.state["code"]:
            raise self._complaint(words.NOP_WORD)

    def take_words(self) -> bytes:
        """The words of the finished chunks, 32 bytes each; the next batch begins."""
        count = int(self._memory.state["out_count"])
        taken = self._out.array[:count].tobytes()
        self._memory.state["out_count"] = 0
        return taken

    @property
    def full(self) -> bool:
        """Whether the batch has as many chunks as it may."""
        state = self._memory.state
        return bool(state["out_count"] >= state["out_limit"])

    @property
    def room(self) -> int:
        """Chunks that `settle` may put into a batch."""
        return int(self._memory.state["out_limit"]) // CHUNK_WORDS

    def make_room(self, chunks: int) -> None:
        """Let batches have so many chunks; only where none is being built."""
        self._out.grow((chunks + 1) * CHUNK_WORDS)
        self._memory.state["out"] = self._out.address
        self._memory.state["out_limit"] = chunks * CHUNK_WORDS

    def make_ready(self, ops: int) -> None:
        """Take the memory that so many ops in whole chunks may need, while nobody waits."""
        chunks = -(-ops // CHUNK_OPS)
        self._forest.make_ready(chunks * CHUNK_NODES, chunks * CHUNK_CELLS)

    def end_chunk(self, built_at: int) -> bytes:
        """Book the chunk's fees, judge margins, update the trees.

        Returns
        -------
        bytes
            The state root, 32 bytes.

        Raises
        ------
        ProtocolError
            If an account breaks the margin rule, or a RELEASE kept something back. Nothing has
            changed then.
        """
        self._run(Errand.END, built_at, 0, 0)
        if self._memory.state["code"]:
            raise self._complaint(words.NOP_WORD)
        return self.root

    def fork(self, root: bytes) -> "Ledger":
        """A ledger that goes on from a kept root; what it does is not seen here."""
        return Ledger(self.facts, self._forest, root)

    def _run(self, errand: Errand, built_at: int, address: int, count: int) -> int:
        if errand is not Errand.APPLY:
            chunks = count // CHUNK_OPS + 2 if count <= CHUNK_OPS else count  # each may end early
            self._forest.reserve(chunks * CHUNK_NODES, chunks * CHUNK_CELLS)
        self._memory.state["built_at"] = built_at
        return self._kernel(self._memory.address, errand, address, count)

    # --- proofs ----------------------------------------------------------------------------------

    def account_proof(self, root: bytes, account: int) -> tuple[bytes, Path]:
        """Leaf words (none for the empty leaf) and path of an account under a kept root."""
        _require_index(account, U24)
        words_of_leaf = self._forest.words(root, ACCOUNT_TREE_DEPTH, account)
        return words_of_leaf, self._forest.path(root, ACCOUNT_TREE_DEPTH, account)

    def slot_proof(self, root: bytes, account: int, slot: int) -> tuple[bytes, Path]:
        """The raw word that holds an order slot, and its path under the leaf's slots root."""
        _require_index(slot, SLOTS - 1)
        _require_index(account, U24)
        return self._forest.inner(root, ACCOUNT_TREE_DEPTH, account, SLOT_TREE_DEPTH, slot // 4)

    def sweep(self, wanted: Iterable[bytes], *, always: bool = False) -> None:
        """Forget nodes of no wanted root, if they may be half of all by now, or always."""
        wanted = {self.root, *wanted}
        if not always:
            if len(self._forest) <= 2 * self._swept_to + SWEEP_SLACK:
                return
            if not self._forest.knows_more_than(wanted):
                return
        # Entries of a chunk name nodes by number; there are none between chunks, and only then is
        # this called.
        root = self.root
        self._forest.sweep(wanted, ACCOUNT_TREE_DEPTH, SLOT_TREE_DEPTH)
        self._memory.state["root"] = self._forest.number(root)
        self._swept_to = len(self._forest)

    @property
    def memory(self) -> int:
        """Bytes that nodes, leaves and their words take."""
        return self._forest.memory

    def __len__(self) -> int:
        """Nodes and leaves in memory."""
        return len(self._forest)

    # --- snapshots -------------------------------------------------------------------------------

    def dump(self, wanted: Iterable[bytes]) -> dict[str, NDArray[Any] | bytes]:
        """The trees of the wanted roots and of this one, and the batch that `settle` has begun.

        Not while `apply` builds a chunk.
        """
        if not self._memory.state["ops"]:
            self.sweep(wanted, always=True)
        count, ops = (int(self._memory.state[name]) for name in ("out_count", "ops"))
        root = self.root  # which the forest must know
        return {
            **self._forest.dump(),
            "root": root,
            "words": self._out.array[:count].tobytes(),
            "ops": self._out.array[count : count + ops].tobytes(),
        }

    def load(self, parts: Mapping[str, NDArray[Any] | bytes], built_at: int) -> None:
        """Take over what `dump` gave; the facts are those of then, or of later."""
        self._forest.load(parts)
        state = self._memory.state
        state["root"] = self._forest.number(bytes(parts["root"]))
        self._swept_to = len(self._forest)
        finished, ops = bytes(parts["words"]), bytes(parts["ops"])
        words_there = np.frombuffer(finished + ops, QUAD)
        self._out.array[: len(finished) // WORD] = words_there[: len(finished) // WORD]
        state["out_count"] = len(finished) // WORD
        waiting = Pool(QUAD, max(1, len(ops) // WORD))
        waiting.array[: len(ops) // WORD] = words_there[len(finished) // WORD :]
        self.settle(waiting, 0, len(ops) // WORD, built_at)

    # --- complaints ------------------------------------------------------------------------------

    def _complaint(self, word: bytes) -> ProtocolError:
        """What the kernel has refused, in words."""
        state = self._memory.state
        code = Refusal(int(state["code"]))
        account, found, allowed = (int(state[name]) for name in ("account", "found", "allowed"))
        worth = found << 32 | int(state["found_low"])
        match code:
            case Refusal.CHUNK_FULL:
                return ProtocolError(f"chunk: found more than {CHUNK_OPS} ops")
            case Refusal.MARGIN:
                was = allowed << 32 | int(state["allowed_low"])
                return ProtocolError(f"margin: account {account} is worth {worth}, was {was}")
            case Refusal.KEPT_BACK:
                return ProtocolError(f"RELEASE of account {account} kept {worth} atoms back")
            case Refusal.FEES:
                return ProtocolError(f"{words.Nop()}: fees make {worth}")
            case _:
                op = words.unpack_op(word)
                return ProtocolError(f"{op}: {_reason(op, code, account, found, allowed)}")


# What the numbers beside a refusal mean is said in `settlement_layout.Refusal`.
_REASONS: Final = {
    Refusal.UNOPENED: "account {account} was never opened",
    Refusal.RESERVED: "account {account} may not trade",
    Refusal.ONE_ACCOUNT: "both sides are one account",
    Refusal.NO_LOTS: "no lots",
    Refusal.AFTER_RELEASE: "after a RELEASE of account 0",
    Refusal.UNLISTED: "instrument {instrument} is not listed",
    Refusal.TOO_LATE: "too late: closed at {allowed}",
    Refusal.NOTIONAL: "notional {notional} is not below 2^62",
    Refusal.ORDER_ID: "order {found} is not below 2^44",
    Refusal.STALE: "order {found} is stale: generation {allowed}",
    Refusal.USED: "order {found} was used",
    Refusal.OVERFILLED: "order {found} is filled beyond 2^32 - 1",
    Refusal.POSITION: "account {account} would hold {found} lots",
    Refusal.POSITIONS: "account {account}: {found} positions",
    Refusal.CASH: "cash {wide} is not an i64",
    Refusal.OVER_CREDITED: "credited {total} of {allowed}",
    Refusal.TO_ITSELF: "to itself",
    Refusal.SERVED: "served {found}, asks {allowed}",
    Refusal.FEES_BESIDE_FILL: "of account 0 beside a FILL",
    Refusal.EXITED: "exited {wrapped} is not a u64",
    Refusal.NO_PRICE: "no price was fixed before {allowed}",
}


def _reason(op: words.Op, code: Refusal, account: int, found: int, allowed: int) -> str:
    """Why an op was refused; `found` and `allowed` as `Refusal` says."""
    if code not in _REASONS:
        return code.name
    return _REASONS[code].format(
        account=account,
        found=found,
        allowed=allowed,
        instrument=getattr(op, "instrument", 0),
        notional=op.tick * op.lots * allowed if isinstance(op, words.Fill) else 0,
        wide=found + (allowed << 64),
        total=found + getattr(op, "amount", 0),
        wrapped=found % (1 << 64) + (1 << 64),
    )


def _require_index(found: int, most: int) -> None:
    if not 0 <= found <= most:
        raise ProtocolError(f"index: found {found}, allowed 0 to {most}")


class _Workspace:
    """The kernel's memory beside the forest: the chunk that is built, and where the rest lies."""

    def __init__(self, forest: Forest, facts: Facts):
        self._context = Pool(r.SETTLEMENT, 1)
        self._works = Work(ACCOUNT_TREE_DEPTH, r.LIST_ROOM), Work(SLOT_TREE_DEPTH, r.LIST_ROOM)
        positions = ((r.CELL, r.POSITIONS_OFFSET, MAX_POSITIONS),)
        pair = ((r.CELL, 0, 2),)
        self._pools = {
            "entries": Pool(r.ENTRY, r.ENTRIES, positions),
            "earlier": Pool(r.ENTRY, 1, positions),
            "seats": Pool(r.SEAT, 1 << r.SEATS_BITS),
            "dirties": Pool(r.DIRTY, r.DIRTIES),
            "slot_words": Pool(r.CELL, 4 * r.DIRTIES),
            "sorted": Pool(PAIR, r.LIST_ROOM, pair),
            "starts": Pool(r.CELL, r.LIST_ROOM),
            "numbers": Pool(r.CELL, r.LIST_ROOM),
            "space": Pool(r.CELL, SPACE_CELLS),
            "leaves": Pool(r.CELL, r.LIST_ROOM),
            "words_sorted": Pool(PAIR, r.LIST_ROOM, pair),
            "word_leaves": Pool(r.CELL, r.LIST_ROOM),
        }
        self.address = self._context.address
        self.state: Any = self._context.array[0]
        for name, pool in self._pools.items():
            self.state[name] = pool.address
        self.state["pools"] = forest.address
        self.state["terms"] = facts.terms.address
        self.state["work"], self.state["slots_work"] = (work.address for work in self._works)
