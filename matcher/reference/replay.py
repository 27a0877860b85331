"""The audit: every committed batch again, from chain facts alone (sections 7 and 12).

`replay` takes records in the order of the chain, judges each batch as the provers would, and adds
up what came in and what went out. It trusts nothing but the chain.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from matcher.reference import records as r
from matcher.reference.chain import Chain
from matcher.reference.context import Context
from matcher.reference.header import Header
from matcher.reference.judge import Finding, Judge, Standing, Verdict
from matcher.reference.leaf import Account
from matcher.reference.totals import Totals
from matcher.reference.words import Op, Settle

__all__ = ["Audit", "Auditor", "Finding", "Standing", "Verdict", "replay"]

# Which law of section 12 a lie in a batch that stands would break.
LAW_OF = {"TRANSITION": "S8", "MARGIN": "S5", "UNAUTHORIZED": "S4", "S2": "S2", "S3": "S3"}


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


class Auditor(Judge):
    """Walks through batches, reverts and claims, and adds up."""

    def __init__(self, chain: Chain):
        super().__init__(chain)
        self.final_after = chain.deployed.windows.final_after
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
                self.verdicts.append(self.judge(fact))
            case r.BatchReverted():
                if not self.revert(fact):
                    what = f"revert of {fact.id}"
                    self.broken.append(Finding("S9", what, "no such batch stands"))
            case r.Deposited():
                self.deposit(fact)
            case r.Claimed():
                self.claim(fact)
            case r.Frozen():
                self.frozen = True
            case _:
                pass

    # --- batches ------------------------------------------------------------------------------

    def settled(self) -> frozenset[tuple[int, int]]:
        return self.totals.settled

    def applied(
        self, ops: Sequence[Op], before: dict[int, Account], after: dict[int, Account]
    ) -> None:
        for index, account in after.items():
            self.totals.replace(before[index], account)
        self.totals.settled |= {(op.market, op.expiry) for op in ops if isinstance(op, Settle)}

    def sums(self, where: str, context: Context, verdict: Verdict) -> None:
        """S2 and S3 at a chunk's root."""
        unmet = self.totals.unmet_lots(context)
        if unmet:
            verdict.find("S3", where, f"lots do not sum to zero: {unmet}")
        payoffs = self.totals.payoffs(context)
        held = self.totals.credited - self.totals.exited
        if payoffs is None or self.totals.cash + payoffs != held:
            what = f"cash {self.totals.cash}, payoffs {payoffs}, credited less exited {held}"
            verdict.find("S2", where, what)

    def undo(self, batch: Standing) -> None:
        for index, account in batch.after.items():
            self.totals.replace(account, batch.before[index])
        self.totals.settled = batch.settled

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
        worst = self.state.worst(account, self.chain.context(at + 1))  # prices of this second, too
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
