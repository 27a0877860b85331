"""Words of committed batches, of either mode, from the logs and what they name."""

from collections.abc import Iterator
from typing import Final

from web3 import Web3

from matcher.blobs.encoding import blob_count, words_of
from matcher.blobs.sources import Place, Sources
from matcher.chain.deployment import Deployment
from matcher.chain.logs import Log, LogReader
from matcher.errors import ChainError

NAMES: Final = frozenset({"BatchBody", "BatchBlobs", "BatchCommitted"})

Words = tuple[int, ...]


class Bodies:
    """What the logs said of bodies whose commit was not met yet.

    The contract emits a body, or the hashes of its blobs, before the commit, in one transaction.

    Parameters
    ----------
    sources : Sources, optional
        Where blobs are had from; by default nowhere, which is enough for calldata mode.
    """

    def __init__(self, sources: Sources | None = None):
        self._sources = sources or Sources()
        self._words: dict[int, Words] = {}  # by batch
        self._hashes: dict[int, tuple[bytes, ...]] = {}

    def take(self, log: Log) -> None:
        """Learn from ``BatchBody`` and ``BatchBlobs``; other logs are passed over."""
        if log.name == "BatchBody":
            self._words[log.args["id"]] = tuple(log.args["words"])
        elif log.name == "BatchBlobs":
            self._hashes[log.args["id"]] = tuple(log.args["versionedHashes"])

    def of(self, committed: Log) -> Words:
        """The words that a ``BatchCommitted`` is about, verified; they are handed out once.

        Parameters
        ----------
        committed : Log
            Not of genesis, which has none.

        Raises
        ------
        BlobMissing
            If no source has a blob. The next call tries again.
        ChainError
            If nothing was emitted of the body: the node does not show every log.
        """
        batch_id = committed.args["id"]
        if batch_id in self._words:
            return self._words.pop(batch_id)
        if batch_id not in self._hashes:
            raise ChainError(
                f"batch {batch_id} in block {committed.block}: no body; the node does not show"
                " every log"
            )
        words = self._from_blobs(committed, self._hashes[batch_id])
        del self._hashes[batch_id]
        return words

    def _from_blobs(self, committed: Log, hashes: tuple[bytes, ...]) -> Words:
        chunks = int.from_bytes(committed.args["header"][0][14:16], "big")
        if len(hashes) != blob_count(chunks):
            raise ChainError(
                f"batch {committed.args['id']}: found {len(hashes)} blobs, expected"
                f" {blob_count(chunks)} for {chunks} chunks"
            )
        place = place_of(committed)
        found = words_of([self._sources.get(each, place) for each in hashes], chunks)
        return tuple(int.from_bytes(found[i : i + 32], "big") for i in range(0, len(found), 32))


def place_of(log: Log) -> Place:
    """Where a log, and what its transaction carried, stands on the chain."""
    return Place(log.block, log.block_hash, log.time, log.transaction)


def bodies(
    w3: Web3,
    deployment: Deployment,
    sources: Sources | None = None,
    first: int | None = None,
    last: int | None = None,
) -> Iterator[tuple[Log, Words]]:
    """Every commit of some blocks, in the order of the chain, reverted ones too.

    Parameters
    ----------
    w3 : Web3
    deployment : Deployment
    sources : Sources, optional
    first, last : int, optional
        Blocks, both included; by default from the deployment to the newest.

    Yields
    ------
    Log
        The ``BatchCommitted``.
    tuple of int
        Its words: 32 for each chunk of its header.
    """
    begin = deployment.genesis_block if first is None else first
    end = w3.eth.block_number if last is None else last
    found = Bodies(sources)
    for log in LogReader(w3, deployment).read(begin, end, NAMES):
        found.take(log)
        if log.name == "BatchCommitted" and log.args["id"]:
            yield log, found.of(log)
