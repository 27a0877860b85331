"""The laws of section 12 of the protocol, each with the numbers behind it."""

from collections.abc import Iterator, Sequence

import msgspec

from matcher.chain.audit.report import Law
from matcher.reference import records as r
from matcher.reference.replay import Audit, Auditor, Finding

_SHOWN = 3  # findings that a law's text shows


class Judgment:
    """What a replay found, sorted by law.

    Parameters
    ----------
    auditor : Auditor
    result : Audit
    facts : sequence of Record
    now : int
        Seconds.
    """

    def __init__(self, auditor: Auditor, result: Audit, facts: Sequence[r.Record], now: int):
        self._auditor = auditor
        self._result = result
        self._facts = facts
        self._now = now
        self._standing = [batch.verdict for batch in auditor.standing]
        self._chunks = sum(verdict.chunks for verdict in self._standing)
        self._broken: dict[str, list[Finding]] = {}
        for finding in result.broken:
            self._broken.setdefault(finding.lie, []).append(finding)

    def laws(self) -> Iterator[Law]:
        """S1 to S8."""
        result, roots = self._result, f"at {self._chunks} roots"
        owed, held = result.owed, result.credited - result.exited
        ops = sum(verdict.ops for verdict in self._standing)
        claims = sum(isinstance(fact, r.Claimed) for fact in self._facts)
        instruments = len(self._auditor.chain.facts.instruments)
        yield self._law(
            "S1",
            "the Vault covers what it owes",
            f"holds {result.vault_balance}, owes {owed},"
            f" {result.vault_balance - owed} atoms to spare",
        )
        yield self._law(
            "S2",
            "cash and payoffs are what was credited less exited",
            f"{roots}; cash {result.cash}, credited less exited {held} atoms at the last",
        )
        yield self._law("S3", "lots sum to zero", f"{roots}, of {instruments} instruments")
        yield self._signed()
        yield self._law("S5", "no account falls below its margin", f"{roots}, after {ops} ops")
        yield self._law(
            "S6",
            "nothing is paid twice",
            f"{claims} claims paid {result.claimed} of {result.exited} atoms let out",
        )
        yield self._served()
        yield self._law(
            "S8",
            "the same words give the same roots",
            f"{self._chunks} roots of {len(self._standing)} batches computed anew",
        )

    def _law(self, name: str, text: str, found: str, holds: bool | None = True) -> Law:
        """A law holds as far as it was checked, unless there are findings."""
        wrong = self._broken.get(name, [])
        if not wrong:
            return Law(name, text, found, holds)
        shown = "; ".join(map(str, wrong[:_SHOWN]))
        return Law(name, text, f"{len(wrong)} findings: {shown}", False)

    def _signed(self) -> Law:
        """S4 needs the signed orders, which are not on the chain."""
        fills = sum(verdict.fills for verdict in self._standing)
        shown = sum(verdict.order_file for verdict in self._standing)
        found = f"{fills} fills; order files of {shown} of {len(self._standing)} batches were shown"
        blind = any(verdict.fills and not verdict.order_file for verdict in self._standing)
        if blind:
            found += "; about the others one can only ask"
        return self._law("S4", "fills stay within signed orders", found, None if blind else True)

    def _served(self) -> Law:
        """S7: nothing waits longer than F, unless the exchange is frozen."""
        text = "deposits are credited and asks served in time"
        patience = self._auditor.chain.deployed.windows.freeze
        waits = list(waits_of(self._auditor, self._facts))
        longest = max((w.until - w.since for w in waits if w.until is not None), default=0)
        waiting = [w for w in waits if w.until is None]
        found = f"{len(waits)} in all, longest wait {longest} of {patience} s, {len(waiting)} wait"
        if self._auditor.frozen:
            return self._law("S7", text, f"{found}; the exchange is frozen and pays")
        late = [w for w in waiting if self._now - w.since > patience]
        if late:
            first = late[0]
            found += (
                f"; {len(late)} too long, the {first.what} of account {first.account} for"
                f" {self._now - first.since} s: its owner may freeze the exchange"
            )
        return self._law("S7", text, found, not late)


class Wait(msgspec.Struct, frozen=True):
    """A deposit or an ask, and when a batch that stands answered it."""

    what: str
    account: int
    since: int  # seconds
    until: int | None  # committedAt of that batch; None: it still waits


def waits_of(auditor: Auditor, facts: Sequence[r.Record]) -> Iterator[Wait]:
    """Every deposit and ask, in the order of the chain; answered by the first batch that stands and
    whose counter reaches it.
    """
    answered: dict[int, list[tuple[int, int, int]]] = {}  # committedAt, credited, served
    for batch in auditor.standing:
        for index, account in batch.after.items():
            entry = (batch.verdict.committed_at, account.credited, account.served)
            answered.setdefault(index, []).append(entry)
    for fact in facts:
        if isinstance(fact, r.Deposited):
            counters = [(at, credited) for at, credited, _ in answered.get(fact.account, [])]
            until = next((at for at, credited in counters if credited >= fact.deposited), None)
            yield Wait("deposit", fact.account, fact.at, until)
        elif isinstance(fact, r.Asked):
            counters = [(at, served) for at, _, served in answered.get(fact.account, [])]
            until = next((at for at, served in counters if served >= fact.asks), None)
            yield Wait("ask", fact.account, fact.at, until)
