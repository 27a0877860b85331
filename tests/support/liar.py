"""An operator who can tell every lie there is, one at a time.

The honest batch of `tests.support.stage` is changed by one step, applied by software that does not
know the rule it breaks, and committed like any other. `Told` keeps what the liar knew: the state
before each chunk, from which anybody who follows the chain could build the proof.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from unittest import mock

from matcher.reference import orderfile
from matcher.reference import state as model
from matcher.reference.context import Context
from matcher.reference.faults import Fault as Rule
from matcher.reference.judge import Lie as Proof
from matcher.reference.judge import Unsigned, Verdict, WrongMargin, WrongTransition
from matcher.reference.leaf import Slot
from matcher.reference.openings import BlobBody
from matcher.reference.orderfile import Signed
from matcher.reference.state import State
from matcher.reference.words import Op, Release, pack_chunk
from matcher.types import MAX_POSITIONS, U24, U32, U56, U64
from tests.support.decree import Fault
from tests.support.exchange import Batch, copy_state
from tests.support.stage import EVERYTHING, Plan, Stage

Effect = Callable[[State], None]


@dataclass
class Liar:
    """The operator before it commits; a lie changes one thing of it.

    Attributes
    ----------
    plan : Plan
        The honest batch.
    facts : Context
        What the liar takes for the chain's facts.
    older : list of Signed
        Messages of the life before.
    overlooked : set of Rule
        Rules of section 5 that its software does not know.
    effects : dict of int to Effect
        By chunk: what it does to the state after the chunk's ops.
    roots : dict of int to function
        By chunk: what it states instead of the root that follows.
    spoiled : dict of (chunk, place) to function
        What it makes of a word.
    """

    stage: Stage
    plan: Plan
    facts: Context
    older: list[Signed]
    overlooked: set[Rule] = field(default_factory=set)
    effects: dict[int, Effect] = field(default_factory=dict)
    roots: dict[int, Callable[[bytes], bytes]] = field(default_factory=dict)
    spoiled: dict[tuple[int, int], Callable[[int], int]] = field(default_factory=dict)

    @classmethod
    def on(cls, stage: Stage) -> Liar:
        """On a stage of its own, so far honest."""
        own = stage.clone()
        older = list(own.messages)
        return cls(own, own.plan(), copy.deepcopy(own.x.context), older)

    def tell(self) -> Told:
        """Commit the batch."""
        x = self.stage.x
        built_at = x.chain.now - 1 if self.plan.built_at is None else self.plan.built_at
        self.facts.built_at = x.context.built_at = built_at
        previous, state = x.head, copy_state(x.state)
        words: list[int] = []
        before: list[State] = []
        for number, ops in enumerate(self.plan.chunks):
            before.append(copy_state(state))
            words += self._chunk(number, ops, state)
        file = self.plan.file(previous.header.id + 1)
        if self.plan.published:
            self.stage.watcher.shown(previous.header.id + 1, file)
        extra = orderfile.file_hash(file)
        if self.plan.in_blobs:
            body = BlobBody(words)
            self.stage.watcher.shelf.put(body)
            batch = x._commit_blobs(body, state, built_at, extra)
        else:
            batch = x._commit(words, state, built_at, extra)
        x.state = copy_state(state)
        states = [*before, copy_state(state)]
        return Told(self.stage, self.plan, batch, previous, states, self.older)

    def _chunk(self, number: int, ops: list[Op], state: State) -> list[int]:
        """Apply a chunk as the liar's software does, and put it into words."""
        with overlooking(self.overlooked):
            ops[:] = [self._apply(op, ops, place, state) for place, op in enumerate(ops)]
        if number in self.effects:
            self.effects[number](state)
        for index in state.accounts:
            fit(state, index)
        state.rehash(state.accounts)
        root = state.root()
        if number in self.roots:
            root = self.roots[number](root)
        words = pack_chunk(ops, root)
        for (chunk, place), spoil in self.spoiled.items():
            if chunk == number:
                words[place] = spoil(words[place])
        return words

    def _apply(self, op: Op, ops: Sequence[Op], place: int, state: State) -> Op:
        """Apply one op, and after the last of them book the fees."""
        op = given(op, state, self.facts)
        fees = state.apply(op, self.facts)
        self._fees = fees + (self._fees if place else 0)
        if place == len(ops) - 1 and self._fees:
            state.book_fees(self._fees)
        return op

    _fees: int = 0


def given(op: Op, state: State, facts: Context) -> Op:
    """An op with its amount: of a RELEASE of everything, what margin allows by then."""
    if isinstance(op, Release) and op.amount == EVERYTHING:
        return Release(op.account, max(0, state.worst(op.account, facts)), op.served)
    return op


@contextmanager
def overlooking(rules: set[Rule]) -> Iterator[None]:
    """Within, the reference model does not know these rules of section 5."""
    strict = model.require

    def lax(condition: bool, fault: Rule, detail: str = "") -> None:
        strict(condition or fault in rules, fault, detail)

    with mock.patch.object(model, "require", lax):
        yield


def fit(state: State, index: int) -> None:
    """Cut an account down to what its leaf can hold, as careless software would."""
    was = state.account(index)
    account = was.copy()
    account.cash = wrapped(account.cash, 64)
    account.positions = {number: wrapped(held, 40) for number, held in account.positions.items()}
    account.exited &= U64
    account.credited &= U56
    account.served &= U24
    for number, slot in list(account.slots.used.items()):
        if slot.filled > U32 or slot.generation > U32:
            account.slots[number] = Slot(slot.generation & U32, slot.filled & U32)
            for other in range(number // 4 * 4, number // 4 * 4 + 4):
                account.slots[other] = account.slots[other]
    for instrument in sorted(account.positions)[MAX_POSITIONS:]:
        del account.positions[instrument]
    if account != was:
        state.accounts[index] = account


def wrapped(value: int, bits: int) -> int:
    """A signed number in so many bits, what is above them lost."""
    half = 1 << bits - 1
    return (value + half) % (2 * half) - half


@dataclass
class Told:
    """A committed batch, and what its operator knew.

    Attributes
    ----------
    states : list of State
        Before each chunk, and after the last.
    older : list of Signed
        Messages of the life before.
    """

    stage: Stage
    plan: Plan
    batch: Batch
    previous: Batch
    states: list[State]
    older: list[Signed]

    def verdict(self) -> Verdict:
        """What the model finds in the batch, from the chain's logs and order files."""
        (verdict,) = self.stage.watcher.look()
        assert verdict.id == self.batch.header.id
        return verdict


@dataclass(frozen=True)
class Lie:
    """One row of the catalogue.

    Attributes
    ----------
    tell : function
        Makes one lie of an honest `Liar`.
    fault : Fault
        What the chain convicts it of.
    chunk, place : int
        Where; place None: not one op.
    side : int
        Of an op that nobody signed: 0 taker (or the only one), 1 maker.
    account : int or None
        Whose margin is broken, or what was kept back.
    """

    name: str
    tell: Callable[[Liar], None]
    fault: Fault
    chunk: int = 0
    place: int | None = None
    side: int = 0
    account: int | None = None

    @property
    def proof(self) -> Proof:
        """What the model says that a prover would be shown."""
        if self.fault in (Fault.MARGIN_BROKEN, Fault.RELEASE_KEPT):
            assert self.account is not None
            place = self.place if self.fault == Fault.RELEASE_KEPT else None
            return WrongMargin(self.chunk, self.account, place)
        if self.fault == Fault.UNANSWERED:
            assert self.place is not None
            return Unsigned(self.chunk, self.place, self.side)
        return WrongTransition(self.chunk)
