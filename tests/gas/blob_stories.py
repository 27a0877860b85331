"""Commits in blob mode, each a whole transaction, cold, when the ring has been filled once."""

from __future__ import annotations

from matcher.reference.openings import BLOB_CHUNKS, BlobBody
from matcher.reference.tree import keccak
from matcher.reference.words import CHUNK_OPS
from tests.gas.flows import Flow, Stage
from tests.gas.stories import fill_ring, fills, still

SIZES = (1, BLOB_CHUNKS, BLOB_CHUNKS + 1, 6 * BLOB_CHUNKS)  # chunks: up to six blobs


def commit_blobs(stage: Stage) -> None:
    """Batches of one chunk to as many as a transaction can carry."""
    for chunks in SIZES:
        with stage.chain.passing():
            fill_ring(stage)
            commit(stage, "commit-blobs", BlobBody(fills(chunks)))


def commit(stage: Stage, name: str, body: BlobBody) -> Flow:
    """Commit words in blobs, on a head whose hash and time hold no zero byte."""
    chain, exchange, chunks = stage.chain, stage.exchange, len(body.words) // 32
    still(chain)
    call = exchange.registry.functions.commitBlobs(
        chain.now - 1,
        exchange.parent,
        chain.height,
        chain.block_hash(chain.height),
        keccak(b"order file"),
        chunks,
        body.root(chunks - 1),
    )
    receipt = chain.send(stage.roles.operator, call, blobs=body.versioned_hashes)
    return stage.note(name, receipt, size=chunks * CHUNK_OPS)
