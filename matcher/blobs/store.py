"""Blobs on disk by their versioned hash: written whole or not at all, checked whenever read."""

import os
import tempfile
from pathlib import Path
from typing import Final

from matcher.blobs.sources import Place, SourceFailed, require_blob
from matcher.disk import make_directory, sync_directory, write_synced
from matcher.errors import ProtocolError

_SUFFIX: Final = ".blob"
_PREFIX: Final = ".new-"


class Store:
    """A directory of blobs, and a source of them.

    Parameters
    ----------
    directory : Path
        Made if it is not there.
    """

    def __init__(self, directory: Path):
        self.directory = make_directory(Path(directory))
        self.name = f"the directory {directory}"

    def put(self, versioned_hash: bytes, blob: bytes) -> bool:
        """Keep a blob; when this returns it survives a power cut.

        Returns
        -------
        bool
            False if it was there already, and was what it should be.

        Raises
        ------
        ProtocolError
            If the blob is not that of the hash. Nothing is written then.
        """
        require_blob(blob, versioned_hash)
        path = self._path(versioned_hash)
        try:
            if path.read_bytes() == blob:
                return False
        except FileNotFoundError:
            pass
        handle, name = tempfile.mkstemp(prefix=_PREFIX, dir=self.directory)
        os.close(handle)
        temporary = Path(name)
        try:
            write_synced(temporary, blob)
            temporary.chmod(0o644)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        sync_directory(self.directory)
        return True

    def get(self, versioned_hash: bytes) -> bytes:
        """A blob that is kept here.

        Raises
        ------
        KeyError
            If it is not.
        ProtocolError
            If the file holds something else: a bad disk, or a hand.
        """
        path = self._path(versioned_hash)
        try:
            blob = path.read_bytes()
        except FileNotFoundError:
            raise KeyError(f"blob 0x{versioned_hash.hex()} is not in {self.directory}") from None
        try:
            require_blob(blob, versioned_hash)
        except ProtocolError as error:
            raise ProtocolError(f"{path}: {error}") from error
        return blob

    def fetch(self, versioned_hash: bytes, place: Place) -> bytes | None:  # noqa: ARG002
        """As a source."""
        try:
            return self.get(versioned_hash)
        except KeyError:
            return None
        except (ProtocolError, OSError) as error:
            raise SourceFailed(str(error)) from error

    def hashes(self) -> list[bytes]:
        """Versioned hashes of all blobs that are kept, ascending."""
        names = (path.name for path in self.directory.glob("0x*" + _SUFFIX))
        return sorted(bytes.fromhex(name[2 : -len(_SUFFIX)]) for name in names)

    def __contains__(self, versioned_hash: bytes) -> bool:
        return self._path(versioned_hash).exists()

    def _path(self, versioned_hash: bytes) -> Path:
        return self.directory / f"0x{versioned_hash.hex()}{_SUFFIX}"
