"""Judging batches one by one, as the provers would (section 7).

`Judge` keeps the state, says of every batch what is wrong with it, and undoes batches that are
reverted. Both who audits a whole history and who watches a chain go on from here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from matcher.errors import ProtocolError
from matcher.reference import records as r
from matcher.reference.authorization import Published, by_order, sides_of, unanswered_by
from matcher.reference.chain import Chain
from matcher.reference.context import Context
from matcher.reference.faults import MarginBroken
from matcher.reference.header import BLOB, CALLDATA, Header, genesis, parent_of
from matcher.reference.leaf import Account
from matcher.reference.orderfile import decode
from matcher.reference.state import State, named_by
from matcher.reference.tree import ZERO, words_root
from matcher.reference.words import Fill, Nop, Op, Release, unpack_chunk
from matcher.types import CHUNK_OPS, CHUNK_WORDS, PROTOCOL_VERSION


@dataclass(frozen=True)
class WrongTransition:
    """TRANSITION convicts this chunk."""

    chunk: int


@dataclass(frozen=True)
class WrongMargin:
    """MARGIN convicts this chunk for this account."""

    chunk: int
    account: int
    release_place: int | None  # of the RELEASE that kept something back; None: worst fell below 0


@dataclass(frozen=True)
class Unsigned:
    """A question about this side of this op that nobody can answer, as far as is known."""

    chunk: int
    place: int
    side: int


Lie = WrongTransition | WrongMargin | Unsigned


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes
    ----------
    lie : str
        HEADER, TRANSITION, MARGIN, UNAUTHORIZED, ORDER_FILE, or the law it breaks: S1 to S9.
    where, what : str
    proof : Lie, optional
        What a prover would be shown; None where there is none, or an earlier finding has it.
    """

    lie: str
    where: str
    what: str
    proof: Lie | None = None

    def __str__(self) -> str:
        return f"{self.lie}, {self.where}: {self.what}"


@dataclass
class Verdict:
    """What a batch is worth: sound iff nothing was found."""

    id: int
    batch_hash: bytes
    committed_at: int
    chunks: int
    ops: int = 0  # NOPs aside
    fills: int = 0
    signatures: int = 0  # sides of ops that somebody must have signed
    reverted: bool = False
    order_file: bool = False  # one was shown
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.findings

    @property
    def transition_is_wrong(self) -> bool:
        """The state after it is not what it says."""
        return any(finding.lie == "TRANSITION" for finding in self.findings)

    def find(self, lie: str, where: str, what: object, proof: Lie | None = None) -> None:
        self.findings.append(Finding(lie, where, str(what), proof))


@dataclass(frozen=True)
class Standing:
    """A batch that stands, and what it takes to undo it."""

    header: Header
    verdict: Verdict
    parent: Header
    words: tuple[int, ...]
    before: dict[int, Account]  # accounts that it changed, as they were
    after: dict[int, Account]
    settled: frozenset[tuple[int, int]] = frozenset()  # before it; an audit's
    rest: tuple[int, ...] = ()  # elements of the last blob behind the words


class Judge:
    """Walks through batches and reverts, in the order of the chain.

    Parameters
    ----------
    chain : Chain
        May learn further facts; a batch is judged by those known when it is.
    head : Header, optional
        Of the batch to begin after; by default genesis.
    state : State, optional
        After that batch; its own from now on.

    Attributes
    ----------
    state : State
        After the head, if no batch that stands has a wrong transition.
    standing : list of Standing
        Batches that stand, but for those forgotten.
    lost : Standing or None
        The first batch after which nobody knows the state: its transition is wrong.
    """

    def __init__(self, chain: Chain, head: Header | None = None, state: State | None = None):
        self.chain = chain
        self.state = state or State()
        self.head = head or genesis(chain.deployed.deployed_at)
        self.standing: list[Standing] = []
        self.lost: Standing | None = None

    def judge(self, fact: r.BatchCommitted) -> Verdict:
        """One batch: its header, its order file, its chunks."""
        header = fact.header
        verdict = Verdict(header.id, fact.batch_hash, fact.at, header.chunk_count)
        for what in self.wrong_in_header(fact):
            verdict.find("HEADER", "header", what)
        before, settled = dict(self.state.accounts), self.settled()
        if self.lost is None:
            self.execute(fact, verdict)
        else:
            verdict.find("TRANSITION", "header", f"stands on batch {self.lost.header.id}")
        after = {
            index: account
            for index, account in self.state.accounts.items()
            if before.get(index) is not account
        }
        was = {index: before.get(index, Account()) for index in after}
        self.standing.append(
            Standing(header, verdict, self.head, tuple(fact.words), was, after, settled, fact.rest)
        )
        self.head = header
        if self.lost is None and verdict.transition_is_wrong:
            self.lost = self.standing[-1]
        return verdict

    def execute(self, fact: r.BatchCommitted, verdict: Verdict) -> None:
        """Judge and apply the chunks, up to the first wrong transition."""
        header = fact.header
        context = self.chain.context(header.built_at)
        published = self.published(header, fact.words, verdict)
        for number, words in enumerate(chunks_of(fact.words)):
            if not self.follows(number, words, context, published, verdict):
                return  # what comes after a wrong transition means nothing
        if self.state.root() != header.state_root:
            verdict.find("TRANSITION", "header", "stateRoot is not the root after the last chunk")

    def wrong_in_header(self, fact: r.BatchCommitted) -> list[str]:
        """What the contract should have refused."""
        header, parent = fact.header, self.head
        latest = header.built_at + self.chain.deployed.windows.lag
        count = header.chunk_count
        whole = count >= 1 and len(fact.words) == CHUNK_WORDS * count
        rules = {
            "batchHash is not the header's": header.batch_hash() == fact.batch_hash,
            "version is not 1": header.version == PROTOCOL_VERSION,
            "mode is neither calldata nor blob": header.mode in (CALLDATA, BLOB),
            f"id is not {parent.id + 1}": header.id == parent.id + 1,
            "parent is not the head": header.parent == parent_of(parent.batch_hash()),
            "builtAt is below the parent's": parent.built_at <= header.built_at,
            "builtAt is not before the commit": header.built_at < fact.at,
            "committed later than builtAt + lag": fact.at <= latest,
            "words are not 32 for each of at least one chunk": whole,
        }
        if header.mode == BLOB:
            rules["chunksRoot is not zero"] = header.chunks_root == ZERO
        else:
            rules["blobsHash is not zero"] = header.blobs_hash == ZERO
            rules["chunksRoot is not the words'"] = (
                whole and words_root(fact.words) == header.chunks_root
            )
        return [what for what, holds in rules.items() if not holds]

    def published(self, header: Header, words: Sequence[int], verdict: Verdict) -> Published | None:
        """The messages of the batch's order file; None if nobody showed it.

        Not more of them than any words could use, so that no file keeps its reader busy for days.
        """
        data = self.chain.order_files.get(header.extra)
        if data is None:
            return None
        verdict.order_file = True
        try:
            batch, used = decode(data)
        except ProtocolError as error:
            verdict.find("ORDER_FILE", "file", error)
            return {}
        if batch != header.id:
            verdict.find("ORDER_FILE", "file", f"it is of batch {batch}")
        most = 2 * CHUNK_OPS * len(words) // CHUNK_WORDS
        if len(used) > most:
            verdict.find("ORDER_FILE", "file", f"{len(used)} messages, of at most {most} sides")
        return by_order(used[:most])

    def follows(
        self,
        number: int,
        words: Sequence[int],
        context: Context,
        published: Published | None,
        verdict: Verdict,
    ) -> bool:
        """Judge and apply one chunk; whether its transition is right."""
        where, wrong = f"chunk {number}", WrongTransition(number)
        try:
            ops, stated = unpack_chunk(words)
            named = {index: self.state.account(index) for index in named_by(ops)}
            root = self.state.apply_ops(ops, context)
        except ProtocolError as error:
            verdict.find("TRANSITION", where, f"{type(error).__name__}: {error}", wrong)
            return False
        after = {index: self.state.account(index) for index in named}
        self.applied(ops, named, after)
        verdict.ops += sum(not isinstance(op, Nop) for op in ops)
        verdict.fills += sum(isinstance(op, Fill) for op in ops)
        verdict.signatures += sum(len(sides_of(op)) for op in ops)

        if root != stated:
            what = f"stated {stated.hex()}, follows {root.hex()}"
            verdict.find("TRANSITION", where, what, wrong)
            return False
        try:
            self.state.require_margin(named, ops, context)
        except MarginBroken as error:
            place = release_of(ops, error.account) if error.after > 0 else None
            verdict.find("MARGIN", where, error, WrongMargin(number, error.account, place))
        if published is not None:
            self.find_unsigned(number, ops, published, context, after, verdict)
        self.sums(where, context, verdict)
        return True

    def find_unsigned(
        self,
        number: int,
        ops: Sequence[Op],
        published: Published,
        context: Context,
        after: dict[int, Account],
        verdict: Verdict,
    ) -> None:
        """Sides of a chunk's ops that no published message answers for."""
        chain = self.chain
        separator, signers = chain.separator(), chain.signers
        for place, side in unanswered_by(ops, published, separator, context, signers, after):
            what = f"op {place}, side {side.number}: {side.unsigned()}"
            proof = Unsigned(number, place, side.number)
            verdict.find("UNAUTHORIZED", f"chunk {number}", what, proof)

    def revert(self, fact: r.BatchReverted) -> list[Standing]:
        """Undo batch `id` and all after it, the last first; [] if no such batch stands."""
        if not any(batch.header.id == fact.id for batch in self.standing):
            return []
        undone = []
        while self.standing and self.standing[-1].header.id >= fact.id:
            batch = self.standing.pop()
            batch.verdict.reverted = True
            self.undo(batch)
            self.state.restore(batch.before)
            self.head = batch.parent
            self.lost = None if batch is self.lost else self.lost
            undone.append(batch)
        return undone

    # --- what an audit adds -----------------------------------------------------------------------

    def settled(self) -> frozenset[tuple[int, int]]:
        """Expiries with a SETTLE."""
        return frozenset()

    def applied(
        self, ops: Sequence[Op], before: dict[int, Account], after: dict[int, Account]
    ) -> None:
        """Ops of a chunk were applied; accounts they name, as they were and are."""

    def sums(self, where: str, context: Context, verdict: Verdict) -> None:
        """A chunk follows from the one before."""

    def undo(self, batch: Standing) -> None:
        """A batch is about to be undone."""

    # --- looking back -----------------------------------------------------------------------------

    def batch(self, number: int) -> Standing | None:
        """A batch that stands and was not forgotten."""
        if not self.standing:
            return None
        place = number - self.standing[0].header.id
        return self.standing[place] if 0 <= place < len(self.standing) else None

    def read_file(self, batch: Standing) -> None:
        """Judge by an order file that was not known when its batch was judged."""
        header, verdict = batch.header, batch.verdict
        published = self.published(header, batch.words, verdict)
        if published is None:
            return
        for number, ops, state in self.chunks(batch):
            after = {index: state.account(index) for index in named_by(ops)}
            context = self.chain.context(header.built_at)
            self.find_unsigned(number, ops, published, context, after, verdict)

    def chunks(self, batch: Standing) -> Iterator[tuple[int, list[Op], State]]:
        """The chunks of a batch that stands, up to the first wrong transition: number, ops, and
        the state after it, which is the caller's until the next.
        """
        if self.lost is not None and self.lost.header.id < batch.header.id:
            return
        context = self.chain.context(batch.header.built_at)
        state = self.state_after(batch.header.id - 1)
        for number, words in enumerate(chunks_of(batch.words)):
            try:
                ops, stated = unpack_chunk(words)
                root = state.apply_ops(ops, context)
            except ProtocolError:
                return
            if root != stated:
                return
            yield number, ops, state

    def state_after(self, number: int) -> State:
        """The state after batch `number`, 0 or one whose successor was not forgotten: a copy."""
        state = self.state.copy()
        for batch in reversed(self.standing):
            if batch.header.id <= number:
                break
            state.restore(batch.before)
        return state

    def state_before(self, batch: Standing, chunk: int) -> State:
        """The state before a chunk of a batch that stands: a copy.

        All chunks of the batch before it have right transitions.
        """
        if chunk == 0:
            return self.state_after(batch.header.id - 1)
        return next(state for number, _, state in self.chunks(batch) if number == chunk - 1)

    def forget(self, number: int) -> None:
        """Drop what it takes to undo batches up to `number`: they are final."""
        while self.standing and self.standing[0].header.id <= number:
            batch = self.standing.pop(0)
            self.chain.order_files.pop(batch.header.extra, None)


def chunks_of(words: Sequence[int]) -> list[Sequence[int]]:
    """The words of each whole chunk."""
    ends = range(CHUNK_WORDS, len(words) + 1, CHUNK_WORDS)
    return [words[end - CHUNK_WORDS : end] for end in ends]


def release_of(ops: Sequence[Op], account: int) -> int | None:
    """Place of a RELEASE of an account."""
    places = (
        place for place, op in enumerate(ops) if isinstance(op, Release) and op.account == account
    )
    return next(places, None)
