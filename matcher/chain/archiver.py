"""Keeps the blobs of every batch, because nodes forget them after 18 days (S10)."""

from typing import Any, Final

import structlog
from web3 import Web3

from matcher.blobs.sources import Place, Sources
from matcher.blobs.store import Store
from matcher.chain.bodies import place_of
from matcher.chain.deployment import Deployment
from matcher.chain.logs import SPAN, LogReader
from matcher.errors import BlobMissing

log = structlog.get_logger(__name__)

_NAMES: Final = frozenset({"BatchBlobs"})
_SHOWN: Final = 10  # missing blobs that are named


class Archiver:
    """Follows the chain by its logs and keeps what they name.

    Parameters
    ----------
    w3 : Web3
    deployment : Deployment
    sources : Sources
        Where blobs are had from; the store is not among them.
    store : Store
    span : int
        Blocks per step, at most.

    Notes
    -----
    It remembers nothing but the blobs: after a restart the logs are read again from the deployment
    on, and what is kept is passed over. A blob of a batch that a reorganization removed stays; the
    blocks behind the newest seen are read again each time, so that what comes in its place is kept.
    """

    def __init__(
        self,
        w3: Web3,
        deployment: Deployment,
        sources: Sources,
        store: Store,
        span: int = SPAN,
    ):
        self.store = store
        self._w3 = w3
        self._sources = sources
        self._reader = LogReader(w3, deployment, span)
        self._span = span
        self._next = deployment.genesis_block
        self._hash: bytes | None = None  # of the block before `_next`
        self._genesis = deployment.genesis_block
        self._height = 0
        self._missing: dict[bytes, Place] = {}

    @property
    def caught_up(self) -> bool:
        """Every log of the chain was read, as of the last step."""
        return self._next > self._height

    def step(self) -> int:
        """Read the next logs, and fetch what they name and what is still missing.

        Returns
        -------
        int
            How many blobs were kept that were not before.
        """
        self._height = int(self._w3.eth.block_number)
        self._go_back()
        last = min(self._height, self._next + self._span - 1)
        if self._next <= last:
            end: Any = self._w3.eth.get_block(last)
            for entry in self._reader.read(self._next, last, _NAMES):
                for versioned_hash in entry.args["versionedHashes"]:
                    if versioned_hash not in self.store:
                        self._missing[versioned_hash] = place_of(entry)
            self._next, self._hash = last + 1, bytes(end["hash"])
        return sum(self._keep(each, place) for each, place in list(self._missing.items()))

    def health(self) -> dict[str, Any]:
        """For ``GET /v1/health``: healthy iff nothing is missing and the chain was read."""
        missing = sorted(self._missing)
        return {
            "healthy": self.caught_up and not missing,
            "block": self._next - 1,
            "height": self._height,
            "missing": len(missing),
            "first_missing": ["0x" + each.hex() for each in missing[:_SHOWN]],
        }

    def _go_back(self) -> None:
        """After a reorganization, read from the deployment on: what is kept costs no fetch."""
        if self._hash is None:
            return
        last = self._next - 1
        block: Any = self._w3.eth.get_block(last) if last <= self._height else None
        if block is None or bytes(block["hash"]) != self._hash:
            log.info("the chain changed", block=last)
            self._next, self._hash = self._genesis, None
            self._missing.clear()

    def _keep(self, versioned_hash: bytes, place: Place) -> bool:
        try:
            new = self.store.put(versioned_hash, self._sources.get(versioned_hash, place))
        except BlobMissing as error:
            log.error("blob missing", reason=str(error))
            return False
        del self._missing[versioned_hash]
        log.info("blob kept", hash="0x" + versioned_hash.hex(), block=place.block)
        return new
