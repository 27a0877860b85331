"""Where blobs are had from. Nobody is trusted: what comes is held against its versioned hash.

Nodes keep blobs for 18 days (4096 epochs); afterwards an archive has them, or nobody.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import httpx
import msgspec
import structlog
from web3 import Web3

from matcher.blobs.encoding import BLOB_BYTES, hash_of
from matcher.errors import BlobMissing, ProtocolError

log = structlog.get_logger(__name__)

TIMEOUT: Final = 20.0  # seconds
_ANSWER_BYTES: Final = 10 * 2 * BLOB_BYTES  # what a node may send for one block, in hexadecimal


class Place(msgspec.Struct, frozen=True):
    """Where on the chain a blob was committed to."""

    block: int
    block_hash: bytes
    time: int  # of the block, seconds
    transaction: bytes  # hash


class Source(Protocol):
    """Somebody who may have blobs."""

    @property
    def name(self) -> str:
        """For people."""

    def fetch(self, versioned_hash: bytes, place: Place) -> bytes | None:
        """A blob, unchecked; None if this source has none of that hash.

        Raises
        ------
        SourceFailed
            If it does not answer, or not what it should.
        """


class SourceFailed(Exception):
    """A source that gave no answer, or a wrong one."""


class Sources:
    """Several sources, asked in turn.

    Parameters
    ----------
    sources : sequence of Source
        The nearest first.
    """

    def __init__(self, sources: Sequence[Source] = ()):
        self._sources = tuple(sources)

    def get(self, versioned_hash: bytes, place: Place) -> bytes:
        """The blob of a versioned hash.

        Raises
        ------
        BlobMissing
            If no source has it; says what each one answered.
        """
        answers = []
        for source in self._sources:
            try:
                blob = source.fetch(versioned_hash, place)
                if blob is not None:
                    require_blob(blob, versioned_hash)
                    log.debug("blob had", source=source.name, hash="0x" + versioned_hash.hex())
                    return blob
                answers.append(f"{source.name} has none")
            except (SourceFailed, ProtocolError) as error:
                log.warning("no blob", source=source.name, reason=str(error)[:200])
                answers.append(f"{source.name}: {str(error)[:200]}")
        raise BlobMissing(
            f"blob 0x{versioned_hash.hex()} of block {place.block}: "
            + ("; ".join(answers) or "no source is set")
        )


def require_blob(blob: bytes, versioned_hash: bytes) -> None:
    """Raise `ProtocolError` unless this is the blob of that hash."""
    found = hash_of(blob)
    if found != versioned_hash:
        raise ProtocolError(f"blob: found one of hash 0x{found.hex()}")


class DevelopmentNode:
    """anvil, which hands out blobs by their hash as long as it runs.

    Parameters
    ----------
    w3 : Web3
    """

    name = "the node"

    def __init__(self, w3: Web3):
        self._w3 = w3

    def fetch(self, versioned_hash: bytes, place: Place) -> bytes | None:  # noqa: ARG002
        """Ask ``anvil_getBlobByHash``; None, too, from a node that does not know the method."""
        request: Any = self._w3.provider.make_request
        try:
            answer = request("anvil_getBlobByHash", ["0x" + versioned_hash.hex()])
        except Exception as error:  # of any provider
            raise SourceFailed(f"{type(error).__name__}: {error}") from error
        return _from_hex(answer.get("result")) if answer.get("result") else None


class BeaconNode:
    """A node's beacon API: ``GET /eth/v1/beacon/blobs/{block_id}``.

    Parameters
    ----------
    url : str

    Notes
    -----
    A block is named by its slot, ``(time - genesis) / seconds per slot``, both of the node's own
    word. anvil serves the same API without a ``config/spec``, and names blocks by their number.
    """

    def __init__(self, url: str):
        self.name = f"the beacon node {url}"
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT)
        self._slots: tuple[int, int] | None = None  # genesis time, seconds per slot (0: none)

    def fetch(self, versioned_hash: bytes, place: Place) -> bytes | None:
        """Ask for the one blob of the block; None if the node keeps it no longer."""
        path = f"/eth/v1/beacon/blobs/{self._block_id(place)}"
        answer = self._get(path, versioned_hashes="0x" + versioned_hash.hex())
        if answer is None:
            return None
        for text in answer.get("data", ()):
            blob = _from_hex(text)
            if hash_of(blob) == versioned_hash:
                return blob
        return None

    def _block_id(self, place: Place) -> int:
        if self._slots is None:
            genesis, spec = self._get("/eth/v1/beacon/genesis"), self._get("/eth/v1/config/spec")
            try:
                began = int(genesis["data"]["genesis_time"]) if genesis else 0
                self._slots = began, int(spec["data"]["SECONDS_PER_SLOT"]) if spec else 0
            except (KeyError, TypeError, ValueError) as error:
                raise SourceFailed(f"genesis or spec without {error}") from error
        began, seconds = self._slots
        return (place.time - began) // seconds if seconds else place.block

    def _get(self, path: str, **query: str) -> dict[str, Any] | None:
        """A JSON object; None for what is not there."""
        answer = get(self._http, path, **query)
        if answer is None:
            return None
        try:
            found: dict[str, Any] = msgspec.json.decode(answer, type=dict[str, Any])
        except msgspec.DecodeError as error:
            raise SourceFailed(f"{path}: no JSON object") from error
        return found


class Archiver:
    """An archiver's ``GET /v1/blobs/{versionedHash}``.

    Parameters
    ----------
    url : str
    """

    def __init__(self, url: str):
        self.name = f"the archiver {url}"
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT)

    def fetch(self, versioned_hash: bytes, place: Place) -> bytes | None:  # noqa: ARG002
        """Ask for the blob by its hash."""
        return get(self._http, f"/v1/blobs/0x{versioned_hash.hex()}")


def get(http: httpx.Client, path: str, **query: str) -> bytes | None:
    """Body of a successful answer of bounded size; None of a 404.

    Raises
    ------
    SourceFailed
    """
    try:
        with http.stream("GET", path, params=query) as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            if not answer.is_success:
                raise SourceFailed(f"{path}: status {answer.status_code}")
            body = bytearray()
            for part in answer.iter_bytes():
                body += part
                if len(body) > _ANSWER_BYTES:
                    raise SourceFailed(f"{path}: more than {_ANSWER_BYTES} bytes")
            return bytes(body)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise SourceFailed(f"{path}: {type(error).__name__}: {error}") from error


def _from_hex(text: object) -> bytes:
    try:
        return bytes.fromhex(str(text).removeprefix("0x"))
    except ValueError as error:
        raise SourceFailed("a blob that is not hexadecimal") from error
