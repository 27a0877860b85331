"""Words of committed batches, of either mode, from the logs and what they name."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from web3 import Web3

from matcher.blobs.encoding import blobs_hash, words_of
from matcher.blobs.sources import Place, Sources
from matcher.chain.deployment import Deployment
from matcher.chain.logs import Log, LogReader
from matcher.errors import ChainError
from matcher.types import CHUNK_WORDS

NAMES: Final = frozenset({"BatchBody", "BatchBlobs", "BatchCommitted"})

Words = tuple[int, ...]


class Body(NamedTuple):
    """What a batch was committed with.

    Attributes
    ----------
    words : tuple of int
        32 for each chunk of the header.
    rest : tuple of int
        Blob mode: elements of the last blob behind the words, up to the last that is not zero. They
        mean nothing, and no honest operator leaves any; but the commitment is to them, too, so
        without them no word can be opened.
    """

    words: Words
    rest: Words = ()


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

    def of(self, committed: Log) -> Body:
        """What a ``BatchCommitted`` is about, verified; it is handed out once.

        Parameters
        ----------
        committed : Log
            Not of genesis, which has none.

        Raises
        ------
        BlobMissing
            If no source has a blob. The next call tries again.
        ChainError
            If nothing was emitted of the body, or of other blobs than the header's: the node does
            not show every log.
        """
        batch_id = committed.args["id"]
        if batch_id in self._words:
            return Body(self._words.pop(batch_id))
        if batch_id not in self._hashes:
            raise ChainError(
                f"batch {batch_id} in block {committed.block}: no body; the node does not show"
                " every log"
            )
        body = self._from_blobs(committed, self._hashes[batch_id])
        del self._hashes[batch_id]
        return body

    def _from_blobs(self, committed: Log, hashes: tuple[bytes, ...]) -> Body:
        info, _, _, _, expected, _ = committed.args["header"]
        chunks = int.from_bytes(info[14:16], "big")
        if blobs_hash(hashes) != expected:
            raise ChainError(
                f"batch {committed.args['id']} in block {committed.block}: its blobs are not the"
                " header's; the node does not show every log"
            )
        place = place_of(committed)
        blobs = [self._sources.get(each, place) for each in hashes]
        size = 32 * CHUNK_WORDS * chunks
        rest = b"".join(blobs)[size:]
        return Body(_numbers(words_of(blobs, chunks)), _without_zeros(_numbers(rest)))


def _numbers(data: bytes) -> Words:
    return tuple(int.from_bytes(data[i : i + 32], "big") for i in range(0, len(data), 32))


def _without_zeros(words: Words) -> Words:
    """Without the zeros at the end."""
    count = len(words)
    while count and not words[count - 1]:
        count -= 1
    return words[:count]


def place_of(log: Log) -> Place:
    """Where a log, and what its transaction carried, stands on the chain."""
    return Place(log.block, log.block_hash, log.time, log.transaction)


def bodies(
    w3: Web3,
    deployment: Deployment,
    sources: Sources | None = None,
    first: int | None = None,
    last: int | None = None,
) -> Iterator[tuple[Log, Body]]:
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
    Body
        Its words.
    """
    begin = deployment.genesis_block if first is None else first
    end = w3.eth.block_number if last is None else last
    found = Bodies(sources)
    for log in LogReader(w3, deployment).read(begin, end, NAMES):
        found.take(log)
        if log.name == "BatchCommitted" and log.args["id"]:
            yield log, found.of(log)
