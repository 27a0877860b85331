"""S1-S8 from the chain alone: every batch executed again, every counter compared.

Nothing of the matcher is read: only logs and views of the contracts, at one block. Order files may
be shown, wherever they were found; their hashes are on the chain.
"""

from collections.abc import Iterable, Iterator, Sequence

from web3 import Web3

from matcher.blobs.sources import Sources
from matcher.chain.audit.laws import Judgment
from matcher.chain.audit.onchain import OnChain, agreements
from matcher.chain.audit.records import read_records
from matcher.chain.audit.report import Agreement, AuditReport, Holding, Law, Money, Place
from matcher.chain.deployment import Deployment
from matcher.reference.chain import Chain
from matcher.reference.records import BatchCommitted, OrderFilePublished, Record
from matcher.reference.replay import Auditor

__all__ = ["Agreement", "AuditReport", "Holding", "Law", "Money", "Place", "audit"]


def audit(
    w3: Web3,
    deployment: Deployment,
    order_files: Iterable[tuple[int, bytes]] = (),
    block: int | None = None,
    sources: Sources | None = None,
) -> AuditReport:
    """Judge an exchange by what its chain says.

    Parameters
    ----------
    w3 : Web3
    deployment : Deployment
    order_files : iterable of (int, bytes)
        Published order files by batch, as far as they are at hand: S4 needs them.
    block : int, optional
        By default the newest. The node must still have the state of it.
    sources : Sources, optional
        Where the blobs of batches in blob mode are had from; by default the node, as far as it is
        one for development.

    Raises
    ------
    BlobMissing
        If no source has a blob.
    ChainError
        If a batch was committed without its body: the node does not show every log.
    """
    end = w3.eth.get_block("latest" if block is None else block)
    number, time = end["number"], end["timestamp"]
    facts = read_records(w3, deployment, number, sources)
    files = [OrderFilePublished(batch, data) for batch, data in order_files]
    auditor = Auditor(Chain.of([*facts, *files]))
    for fact in facts:
        auditor.take(fact)
    chain = OnChain.read(deployment, number, auditor)
    result = auditor.result(chain.balance)
    return AuditReport(
        chain_id=deployment.chain_id,
        registry=deployment.registry.address,
        block=number,
        time=time,
        batches=tuple(_places(auditor, facts, time)),
        laws=tuple(Judgment(auditor, result, facts, time).laws()),
        agreements=tuple(agreements(auditor, result, chain)),
        accounts=tuple(_holdings(auditor, chain)),
        money=Money(
            deposited=result.deposited,
            claimed=result.claimed,
            vault=chain.balance,
            credited=result.credited,
            exited=result.exited,
            cash=result.cash,
            owed=result.owed,
        ),
    )


def _places(auditor: Auditor, facts: Sequence[Record], now: int) -> Iterator[Place]:
    """Every batch that was committed, those that were reverted too."""
    committed = [fact for fact in facts if isinstance(fact, BatchCommitted)]
    for fact, verdict in zip(committed, auditor.verdicts, strict=True):
        final_at = verdict.committed_at + auditor.final_after
        status = "final" if final_at <= now else "committed"
        yield Place(
            id=verdict.id,
            batch_hash="0x" + verdict.batch_hash.hex(),
            state_root="0x" + fact.header.state_root.hex(),
            built_at=fact.header.built_at,
            committed_at=verdict.committed_at,
            final_at=final_at,
            status="reverted" if verdict.reverted else status,
            chunks=verdict.chunks,
            ops=verdict.ops,
            fills=verdict.fills,
            order_file=verdict.order_file,
            findings=tuple(map(str, verdict.findings)),
        )


def _holdings(auditor: Auditor, chain: OnChain) -> Iterator[Holding]:
    """Every account as of the head."""
    context = auditor.chain.context(auditor.head.built_at)
    for index, on_chain in chain.accounts.items():
        account = auditor.state.account(index)
        yield Holding(
            account=index,
            owner=on_chain.owner,
            deposited=auditor.deposited.get(index, 0),
            credited=account.credited,
            exited=account.exited,
            claimed=auditor.claimed.get(index, 0),
            cash=account.cash,
            worst=auditor.state.worst(index, context),
            positions=dict(account.positions),
        )
