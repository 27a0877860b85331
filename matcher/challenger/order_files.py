"""Where published order files are had from. Nobody is trusted: the chain has each file's hash."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Final, Protocol

import httpx
import structlog

from matcher.archive import ORDERS
from matcher.reference.orderfile import file_hash

log = structlog.get_logger(__name__)

TIMEOUT: Final = 5.0  # seconds without a byte
PATIENCE: Final = 30.0  # seconds for a whole file
LONG: Final = 1.0  # seconds
MOST_BYTES: Final = 64 << 20  # of a file; a full batch has about 4 MB


class OrderFileSource(Protocol):
    """Somebody who may have order files."""

    @property
    def name(self) -> str:
        """For people."""

    def fetch(self, batch_id: int, extra: bytes) -> bytes | None:
        """The file, unchecked; None if this source has none.

        Raises
        ------
        OSError, httpx.HTTPError
            If it does not answer.
        """


class Folder:
    """A directory of files ``<batch id>.json`` or ``<keccak256 of the file>.json``.

    Parameters
    ----------
    directory : Path
    """

    def __init__(self, directory: Path):
        self._directory = directory
        self.name = str(directory)

    def fetch(self, batch_id: int, extra: bytes) -> bytes | None:
        """Read the file, by its batch, or by its hash."""
        for name in (f"{batch_id}.json", f"{batch_id:08d}.json", f"{extra.hex()}.json"):
            path = self._directory / name
            if path.is_file():
                return path.read_bytes()
        return None


class NodeArchive:
    """The published batches of a node: its ``data/batches``.

    Parameters
    ----------
    directory : Path
    """

    def __init__(self, directory: Path):
        self._directory = directory
        self.name = str(directory)

    def fetch(self, batch_id: int, extra: bytes) -> bytes | None:  # noqa: ARG002
        """Read the file of a batch."""
        path = self._directory / f"{batch_id:08d}" / ORDERS
        return path.read_bytes() if path.is_file() else None


class Gateway:
    """A node's gateway: ``GET /v1/batches/{batch}/orders``.

    Parameters
    ----------
    url : str
    """

    def __init__(self, url: str):
        self.name = url
        self._http = httpx.Client(base_url=url, timeout=TIMEOUT)

    def fetch(self, batch_id: int, extra: bytes) -> bytes | None:  # noqa: ARG002
        """Ask for the file of a batch."""
        until = time.monotonic() + PATIENCE
        with self._http.stream("GET", f"/v1/batches/{batch_id}/orders") as answer:
            if answer.status_code == httpx.codes.NOT_FOUND:
                return None
            answer.raise_for_status()
            data = bytearray()
            for part in answer.iter_bytes():
                data += part
                if len(data) > MOST_BYTES:
                    raise OSError(f"an order file of more than {MOST_BYTES} bytes")
                if time.monotonic() > until:
                    raise OSError(f"an order file that takes more than {PATIENCE:.0f} s")
            return bytes(data)


class OrderFiles:
    """Several sources, asked in turn.

    Parameters
    ----------
    sources : sequence of OrderFileSource
        The nearest first.

    Notes
    -----
    A source may be the very operator who is judged, and have reason to answer slowly. One that took
    long is left alone for nine times as long, so that it never takes more than a tenth of our time.
    """

    def __init__(self, sources: Sequence[OrderFileSource] = ()):
        self._sources = tuple(sources)
        self._alone_until = [0.0] * len(self._sources)
        self._said: set[str] = set()

    def find(self, batch_id: int, extra: bytes) -> bytes | None:
        """The order file of a batch; None if no source shows one of that hash.

        Parameters
        ----------
        batch_id : int
        extra : bytes
            Of the batch's header: the file's keccak256.
        """
        for number, source in enumerate(self._sources):
            began = time.monotonic()
            if began < self._alone_until[number]:
                continue
            try:
                data = source.fetch(batch_id, extra)
            except (OSError, httpx.HTTPError) as error:
                self._say("order file source fails", source, reason=str(error)[:200])
                continue
            finally:
                took = time.monotonic() - began
                if took > LONG:
                    self._alone_until[number] = began + 10 * took
            if data is None:
                continue
            if file_hash(data) == extra:
                return data
            self._say("order file of another hash", source, batch=batch_id)
        return None

    def _say(self, event: str, source: OrderFileSource, **fields: object) -> None:
        """Once, not at every look."""
        text = f"{event} {source.name} {fields}"
        if text not in self._said:
            self._said.add(text)
            log.warning(event, source=source.name, **fields)


def source_of(text: str) -> OrderFileSource:
    """A source as it is named on the command line: a URL, a node's archive, or a directory."""
    if text.startswith(("http://", "https://")):
        return Gateway(text.rstrip("/"))
    directory = Path(text)
    if any(directory.glob("[0-9]*/" + ORDERS)) or directory.name == "batches":
        return NodeArchive(directory)
    return Folder(directory)
