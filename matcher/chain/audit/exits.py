"""What the owner of an account can show to the Vault, from the chain's logs alone.

Every committed batch is executed again, as the audit does, and the account's leaf with its path is
kept for each batch that the Vault may be shown. No gateway, no node of the exchange, no data of the
operator is needed: this is how one leaves when all of these are gone.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from web3 import Web3

from matcher.blobs.sources import DevelopmentNode, Sources
from matcher.chain.audit.records import read_records
from matcher.chain.clock import ChainClock
from matcher.chain.deployment import Deployment
from matcher.errors import ChainError
from matcher.reference import records as r
from matcher.reference.chain import Chain
from matcher.reference.header import Header
from matcher.reference.leaf import Account, leaf_words
from matcher.reference.replay import Auditor
from matcher.reference.tree import Path
from matcher.types import Windows

Arguments = tuple[tuple[bytes, ...], list[bytes], tuple[int, list[bytes]]]


@dataclass(frozen=True)
class Shown:
    """An account in the state of one batch, with what proves it.

    Attributes
    ----------
    header : Header
    committed_at : int
        Seconds.
    account : Account
        As the batch left it.
    path : Path
        From its leaf to the header's state root.
    """

    header: Header
    committed_at: int
    account: Account
    path: Path

    @property
    def batch(self) -> int:
        return self.header.id

    def arguments(self) -> Arguments:
        """Header, leaf and path, as ``Vault.claim`` and ``Vault.freeze`` take them."""
        leaf = [word.to_bytes(32, "big") for word in leaf_words(self.account)]
        return header_words(self.header), leaf, (self.path.present, list(self.path.siblings))


def header_words(header: Header) -> tuple[bytes, ...]:
    """The six words of a header, as contracts take them."""
    encoded = header.encode()
    return tuple(encoded[i : i + 32] for i in range(0, 192, 32))


EMPTY_HEADER = (bytes(32),) * 6


@dataclass(frozen=True)
class Lie:
    """A batch that stands, is not final, and ought not to stand."""

    batch: int
    final_at: int  # until then anybody may prove it, seconds
    what: str  # the first finding
    hides_state: bool  # its root does not follow: nobody can show anything against it


@dataclass(frozen=True)
class Demands:
    """An account's counters and clocks at the Vault, as its logs tell them. Atoms, seconds."""

    owner: bytes
    deposited: int = 0
    deposited_at: int = 0
    asks: int = 0
    asked_at: int = 0
    claimed: int = 0
    orders_until: int = 0
    keys: dict[bytes, int] = field(default_factory=dict)  # session key to the end of its life


@dataclass(frozen=True)
class Exit:
    """One account at one block: what it may show, and what it may demand.

    Attributes
    ----------
    account : int
    now : int
        When the next block comes at the earliest, seconds.
    windows : Windows
    demands : Demands
    shown : tuple of Shown
        Of batches that stand and whose root follows: the newest final one, then all that are not
        final. The last of them is the head, unless a lie hides it.
    head : int
        Id of the newest batch that stands.
    last_revert_at : int
        Seconds; 0 if nothing was ever reverted.
    frozen : bool
    lies : tuple of Lie
        The oldest first.
    chain : Chain
        Every fact, for what positions are worth.
    """

    account: int
    now: int
    windows: Windows
    demands: Demands
    shown: tuple[Shown, ...]
    pending: dict[int, Header]
    head: int
    last_revert_at: int
    frozen: bool
    lies: tuple[Lie, ...]
    chain: Chain

    def final_at(self, shown: Shown) -> int:
        """When a batch is final if nobody reverts it, seconds."""
        return shown.committed_at + self.windows.final_after

    def is_final(self, shown: Shown) -> bool:
        return self.now >= self.final_at(shown)

    def is_head(self, shown: Shown) -> bool:
        return shown.batch == self.head

    @property
    def newest(self) -> Shown:
        """The newest batch whose state anybody can show."""
        return self.shown[-1]

    @property
    def final(self) -> Shown:
        """The newest final batch among them."""
        return next(shown for shown in reversed(self.shown) if self.is_final(shown))

    def worst(self, shown: Shown) -> int:
        """The least that is left in the account, atoms; prices fixed by now count."""
        context = self.chain.context(self.now + 1)
        return context.worst(shown.account.cash, shown.account.positions)

    def due(self, shown: Shown) -> int:
        """All that may have been claimed by a final batch, atoms; as ``Vault.claim`` counts."""
        account = shown.account
        if not (self.frozen and self.is_head(shown)):
            return account.exited
        waiting = self.demands.deposited - account.credited
        return max(0, account.exited + max(0, self.worst(shown)) + waiting)

    def unsettled(self, shown: Shown) -> list[tuple[int, int]]:
        """(market, expiry) of what the account holds and no price was fixed for; soonest first."""
        context = self.chain.context(self.now + 1)
        held = {context.expiry_of(index) for index in shown.account.positions}
        return sorted(held - set(context.fixed()), key=lambda key: (key[1], key[0]))


class Exits:
    """Walks through the records and keeps what one account may show.

    Parameters
    ----------
    facts : sequence of Record
        All that the chain says, in its order.
    account : int
    """

    def __init__(self, facts: Sequence[r.Record], account: int):
        self._auditor = Auditor(Chain.of(facts))
        self._account = account
        self._demands: Demands | None = None
        self._last_revert_at = 0
        first = self._auditor.head
        committed_at = first.built_at - self._auditor.final_after
        self._shown = [self._show(first, committed_at)]
        for fact in facts:
            self._take(fact)

    def at(self, now: int) -> Exit:
        """The account as of a time after all records.

        Raises
        ------
        ChainError
            If the account was never opened.
        """
        auditor, account = self._auditor, self._account
        if self._demands is None:
            raise ChainError(f"account {account}: never opened")
        final_after = auditor.final_after
        final = max(i for i, s in enumerate(self._shown) if s.committed_at + final_after <= now)
        pending = {
            batch.header.id: batch.header
            for batch in auditor.standing
            if batch.verdict.committed_at + final_after > now
        }
        return Exit(
            account=account,
            now=now,
            windows=auditor.chain.deployed.windows,
            demands=self._demands,
            shown=tuple(self._shown[final:]),
            pending=pending,
            head=auditor.head.id,
            last_revert_at=self._last_revert_at,
            frozen=auditor.frozen,
            lies=tuple(self._lies(now)),
            chain=auditor.chain,
        )

    def _lies(self, now: int) -> list[Lie]:
        """Batches with findings that can still be reverted.

        An order file is no fact of the chain: who signed what is for a challenger to ask.
        """
        found = []
        for batch in self._auditor.standing:
            verdict = batch.verdict
            final_at = verdict.committed_at + self._auditor.final_after
            if verdict.findings and final_at > now:
                hides = any(finding.lie == "TRANSITION" for finding in verdict.findings)
                found.append(Lie(verdict.id, final_at, str(verdict.findings[0]), hides))
        return found

    def _take(self, fact: r.Record) -> None:
        self._auditor.take(fact)
        match fact:
            case r.BatchCommitted():
                self._commit(fact)
            case r.BatchReverted():
                self._shown = [s for s in self._shown if s.batch < fact.id]
                self._last_revert_at = fact.at
            case _ if getattr(fact, "account", None) == self._account:
                self._demand(fact)
            case _:
                pass

    def _commit(self, fact: r.BatchCommitted) -> None:
        """Keep what can be shown against a batch; forget what no revert brings back."""
        if self._auditor.state.root() == fact.header.state_root:
            self._shown.append(self._show(fact.header, fact.at))
        final = [s.committed_at + self._auditor.final_after <= fact.at for s in self._shown]
        self._shown = self._shown[max(0, sum(final) - 1) :]

    def _show(self, header: Header, committed_at: int) -> Shown:
        state = self._auditor.state
        path = state.tree.path(self._account)
        return Shown(header, committed_at, state.account(self._account), path)

    def _demand(self, fact: r.Record) -> None:
        """Keep the account's own counters and clocks."""
        if isinstance(fact, r.AccountOpened):
            self._demands = Demands(fact.owner)
            return
        known = self._demands
        if known is None:
            raise ChainError(f"account {self._account}: {type(fact).__name__} before it was opened")
        match fact:
            case r.Deposited():
                known = replace(known, deposited=fact.deposited, deposited_at=fact.at)
            case r.Asked():
                known = replace(known, asks=fact.asks, asked_at=fact.at)
            case r.Claimed():
                known = replace(known, claimed=fact.claimed)
            case r.OrdersUntilSet():
                known = replace(known, orders_until=fact.until)
            case r.KeySet():
                known = replace(known, keys={**known.keys, fact.key: fact.valid_until})
            case _:
                pass
        self._demands = known


def read_exit(
    w3: Web3, deployment: Deployment, account: int, sources: Sources | None = None
) -> Exit:
    """What an account may show and demand, by the newest block.

    Parameters
    ----------
    w3 : Web3
    deployment : Deployment
    account : int
    sources : Sources, optional
        Of blobs; by default the node alone.

    Raises
    ------
    ChainError
        If the account was never opened, or the node does not show every log.
    BlobMissing
        If no source has a blob.
    """
    moment = ChainClock(w3).look()
    blobs = Sources([DevelopmentNode(w3)]) if sources is None else sources
    facts = read_records(w3, deployment, moment.number, blobs)
    return Exits(facts, account).at(max(moment.next_time, moment.time + 1))
