"""The audit: every committed batch again, from chain facts alone (sections 7 and 12).

`replay` takes records in the order of the chain, judges each batch as the provers would, and adds
up what came in and what went out. It trusts nothing but the chain.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from matcher.errors import ProtocolError
from matcher.reference import records as r
from matcher.reference.authorization import unanswered
from matcher.reference.chain import Chain
from matcher.reference.context import Context
from matcher.reference.faults import MarginBroken
from matcher.reference.header import CALLDATA, Header, genesis, parent_of
from matcher.reference.leaf import Account
from matcher.reference.orderfile import Signed, decode
from matcher.reference.state import State, named_by
from matcher.reference.totals import Totals
from matcher.reference.tree import ZERO, words_root
from matcher.reference.words import Fill, Nop, Settle, unpack_chunk
from matcher.types import CHUNK_WORDS, PROTOCOL_VERSION


@dataclass(frozen=True)
class Finding:
    """Something that is wrong.

    Attributes
    ----------
    lie : str
        HEADER, TRANSITION, MARGIN, UNAUTHORIZED, ORDER_FILE, or the law it breaks: S1 to S9.
    where, what : str
    """

    lie: str
    where: str
    what: str

    def __str__(self) -> str:
        return f"{self.lie}, {self.where}: {self.what}"


# Which law of section 12 a lie in a batch that stands would break.
LAW_OF = {"TRANSITION": "S8", "MARGIN": "S5", "UNAUTHORIZED": "S4", "S2": "S2", "S3": "S3"}


@dataclass
class Verdict:
    """What a batch is worth: sound iff nothing was found."""

    id: int
    batch_hash: bytes
    committed_at: int
    chunks: int
    ops: int = 0  # NOPs aside
    fills: int = 0
    reverted: bool = False
    order_file: bool = False  # one was shown
    findings: list[Finding] = field(default_factory=list)

    @property
    def sound(self) -> bool:
        return not self.findings

    def find(self, lie: str, where: str, what: object) -> None:
        self.findings.append(Finding(lie, where, str(what)))


@dataclass(frozen=True)
class Audit:
    """What the replay found. Atoms, over all accounts, at the last batch that stands."""

    verdicts: list[Verdict]
    head: Header
    state_root: bytes  # as replayed
    deposited: int
    credited: int
    exited: int
    claimed: int
    cash: int
    owed: int  # (exited - claimed) + equity + (deposited - credited)
    vault_balance: int
    broken: list[Finding]  # laws that do not hold

    @property
    def sound(self) -> bool:
        """Every law holds, and nothing was found in any batch that stands."""
        return not self.broken and all(v.sound or v.reverted for v in self.verdicts)

    @property
    def unpublished(self) -> list[int]:
        """Batches with ops that stand and whose order file nobody showed: ask about them."""
        return [v.id for v in self.verdicts if not (v.reverted or v.order_file)]


def replay(facts: Iterable[r.Record], vault_balance: int | None = None) -> Audit:
    """Judge everything.

    Parameters
    ----------
    facts : iterable of Record
        In the order of the chain; order files anywhere.
    vault_balance : int, optional
        Atoms that the Vault holds now; without it, deposits less claims.
    """
    everything = list(facts)
    auditor = Auditor(Chain.of(everything))
    for fact in everything:
        auditor.take(fact)
    return auditor.result(vault_balance)


@dataclass(frozen=True)
class Standing:
    """A batch that stands, and what it takes to undo it."""

    header: Header
    verdict: Verdict
    parent: Header
    before: dict[int, Account]  # accounts that it changed, as they were
    after: dict[int, Account]
    settled: frozenset[tuple[int, int]]  # before it


class Auditor:
    """Walks through batches, reverts and claims."""

    def __init__(self, chain: Chain):
        self.chain = chain
        self.final_after = chain.deployed.windows.final_after
        self.state = State()
        self.head = genesis(chain.deployed.deployed_at)
        self.standing: list[Standing] = []
        self.verdicts: list[Verdict] = []
        self.totals = Totals()
        self.deposited: dict[int, int] = {}  # by account, as counted from amounts
        self.claimed: dict[int, int] = {}
        self.frozen = False
        self.broken: list[Finding] = []

    def take(self, fact: r.Record) -> None:
        """Go on by one record."""
        match fact:
            case r.BatchCommitted():
                self.judge(fact)
            case r.BatchReverted():
                self.revert(fact)
            case r.Deposited():
                self.deposit(fact)
            case r.Claimed():
                self.claim(fact)
            case r.Frozen():
                self.frozen = True
            case _:
                pass

    # --- batches ------------------------------------------------------------------------------

    def judge(self, fact: r.BatchCommitted) -> None:
        """One batch: its header, its order file, its chunks."""
        header = fact.header
        verdict = Verdict(header.id, fact.batch_hash, fact.at, header.chunk_count)
        for what in self.wrong_in_header(fact):
            verdict.find("HEADER", "header", what)
        before, settled = dict(self.state.accounts), self.totals.settled
        context = self.chain.context(header.built_at)
        published = self.published(header, verdict)
        for number in range(len(fact.words) // CHUNK_WORDS):
            words = fact.words[CHUNK_WORDS * number : CHUNK_WORDS * (number + 1)]
            if not self.follows(number, words, context, published, verdict):
                break  # what comes after a wrong transition means nothing
        if self.state.root() != header.state_root:
            verdict.find("TRANSITION", "header", "stateRoot is not the root after the last chunk")
        after = {
            index: account
            for index, account in self.state.accounts.items()
            if before.get(index) is not account
        }
        was = {index: before.get(index, Account()) for index in after}
        self.standing.append(Standing(header, verdict, self.head, was, after, settled))
        self.verdicts.append(verdict)
        self.head = header

    def wrong_in_header(self, fact: r.BatchCommitted) -> list[str]:
        """What the contract should have refused."""
        header, parent = fact.header, self.head
        latest = header.built_at + self.chain.deployed.windows.lag
        count = header.chunk_count
        whole = count >= 1 and len(fact.words) == CHUNK_WORDS * count
        rules = {
            "batchHash is not the header's": header.batch_hash() == fact.batch_hash,
            "version is not 1": header.version == PROTOCOL_VERSION,
            "mode is not calldata": header.mode == CALLDATA and header.blobs_hash == ZERO,
            f"id is not {parent.id + 1}": header.id == parent.id + 1,
            "parent is not the head": header.parent == parent_of(parent.batch_hash()),
            "builtAt is below the parent's": parent.built_at <= header.built_at,
            "builtAt is not before the commit": header.built_at < fact.at,
            "committed later than builtAt + lag": fact.at <= latest,
            "words are not 32 for each of at least one chunk": whole,
            "chunksRoot is not the words'": whole and words_root(fact.words) == header.chunks_root,
        }
        return [what for what, holds in rules.items() if not holds]

    def published(self, header: Header, verdict: Verdict) -> list[Signed] | None:
        """The messages of the batch's order file; None if nobody showed it."""
        data = self.chain.order_files.get(header.extra)
        if data is None:
            return None
        verdict.order_file = True
        try:
            batch, used = decode(data)
        except ProtocolError as error:
            verdict.find("ORDER_FILE", "file", error)
            return []
        if batch != header.id:
            verdict.find("ORDER_FILE", "file", f"it is of batch {batch}")
        return used

    def follows(
        self,
        number: int,
        words: Sequence[int],
        context: Context,
        published: list[Signed] | None,
        verdict: Verdict,
    ) -> bool:
        """Judge and apply one chunk; whether its transition is right."""
        where = f"chunk {number}"
        try:
            ops, stated = unpack_chunk(words)
            named = {index: self.state.account(index) for index in named_by(ops)}
            root = self.state.apply_ops(ops, context)
        except ProtocolError as error:
            verdict.find("TRANSITION", where, f"{type(error).__name__}: {error}")
            return False
        after = {index: self.state.account(index) for index in named}
        for index, account in after.items():
            self.totals.replace(named[index], account)
        self.totals.settled |= {(op.market, op.expiry) for op in ops if isinstance(op, Settle)}
        verdict.ops += sum(not isinstance(op, Nop) for op in ops)
        verdict.fills += sum(isinstance(op, Fill) for op in ops)

        if root != stated:
            verdict.find("TRANSITION", where, f"stated {stated.hex()}, follows {root.hex()}")
            return False
        try:
            self.state.require_margin(named, ops, context)
        except MarginBroken as error:
            verdict.find("MARGIN", where, error)
        if published is not None:
            signers, separator = self.chain.signers, self.chain.separator()
            for what in unanswered(ops, published, separator, context, signers, after):
                verdict.find("UNAUTHORIZED", where, what)
        self.judge_sums(where, context, verdict)
        return True

    def judge_sums(self, where: str, context: Context, verdict: Verdict) -> None:
        """S2 and S3 at a chunk's root."""
        unmet = self.totals.unmet_lots(context)
        if unmet:
            verdict.find("S3", where, f"lots do not sum to zero: {unmet}")
        payoffs = self.totals.payoffs(context)
        held = self.totals.credited - self.totals.exited
        if payoffs is None or self.totals.cash + payoffs != held:
            what = f"cash {self.totals.cash}, payoffs {payoffs}, credited less exited {held}"
            verdict.find("S2", where, what)

    def revert(self, fact: r.BatchReverted) -> None:
        """Undo batch `id` and all after it, the last first."""
        if not any(s.header.id == fact.id for s in self.standing):
            self.broken.append(Finding("S9", f"revert of {fact.id}", "no such batch stands"))
            return
        while self.standing and self.standing[-1].header.id >= fact.id:
            undone = self.standing.pop()
            undone.verdict.reverted = True
            for index, account in undone.after.items():
                self.totals.replace(account, undone.before[index])
            self.totals.settled = undone.settled
            self.state.restore(undone.before)
            self.head = undone.parent

    # --- money --------------------------------------------------------------------------------

    def deposit(self, fact: r.Deposited) -> None:
        """The counter on chain grows by exactly what was paid in."""
        total = self.deposited.get(fact.account, 0) + fact.amount
        self.deposited[fact.account] = fact.deposited
        if fact.deposited != total:
            what = f"deposited {fact.deposited}, amounts sum to {total}"
            self.broken.append(Finding("S1", f"account {fact.account}", what))

    def claim(self, fact: r.Claimed) -> None:
        """S6: never more than a final batch let out, nor the same twice."""
        where = f"account {fact.account} at {fact.at}"
        total = self.claimed.get(fact.account, 0) + fact.amount
        self.claimed[fact.account] = total
        if fact.claimed != total:
            self.broken.append(Finding("S6", where, f"claimed {fact.claimed}, paid {total}"))
        due = self.due(fact.account, fact.at)
        if total > due:
            self.broken.append(Finding("S6", where, f"claimed {total}, due {due}"))

    def due(self, account: int, at: int) -> int:
        """The most that an account may have claimed by then, atoms."""
        exited = next(
            (
                batch.after[account].exited
                for batch in reversed(self.standing)
                if account in batch.after and batch.verdict.committed_at + self.final_after <= at
            ),
            0,
        )
        if not self.frozen:
            return exited
        # Frozen: the head's header pays what the account is worth at the worst, too.
        now = self.state.account(account)
        worst = self.state.worst(account, self.chain.context(at))
        waiting = self.deposited.get(account, 0) - now.credited
        return max(exited, now.exited + max(0, worst) + waiting)

    # --- the end ------------------------------------------------------------------------------

    def result(self, vault_balance: int | None) -> Audit:
        """Add up."""
        deposited, claimed = sum(self.deposited.values()), sum(self.claimed.values())
        context = self.chain.context(self.head.built_at)
        equity = self.totals.cash + (self.totals.payoffs(context) or 0)
        owed = (self.totals.exited - claimed) + equity + (deposited - self.totals.credited)
        balance = deposited - claimed if vault_balance is None else vault_balance
        if balance < owed:
            self.broken.append(Finding("S1", "vault", f"holds {balance}, owes {owed}"))
        for batch in self.standing:
            for finding in batch.verdict.findings:
                where = f"batch {batch.header.id}, {finding.where}"
                if finding.lie in LAW_OF:
                    self.broken.append(replace(finding, lie=LAW_OF[finding.lie], where=where))
        return Audit(
            verdicts=self.verdicts,
            head=self.head,
            state_root=self.state.root(),
            deposited=deposited,
            credited=self.totals.credited,
            exited=self.totals.exited,
            claimed=claimed,
            cash=self.totals.cash,
            owed=owed,
            vault_balance=balance,
            broken=self.broken,
        )
