"""Switches on disk, one file each, so that a gateway that dies forgets none.

The file of an account and signer belongs to the gateway that armed it last: whoever is about to
fire looks whether it is still theirs. So of several gateways over one directory only one fires.
"""

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec

from matcher.disk import sync_directory, write_synced
from matcher.types import CancelAllTerms


class Kept(msgspec.Struct, frozen=True):
    """A switch as it is kept."""

    gateway: str  # whose it is
    terms: CancelAllTerms
    signature: bytes  # 65 bytes
    signer: bytes  # 20 bytes
    timeout: int  # seconds


class SwitchFiles:
    """The switches of one gateway, among those of others.

    Parameters
    ----------
    directory : Path
        Made if it is not there.
    gateway : str
        Name of this gateway, the same after a restart.
    """

    def __init__(self, directory: Path, gateway: str = "gateway"):
        self.gateway = gateway
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def write(self, kept: Kept) -> None:
        """Keep a switch in place of the one of the same account and signer; safe on return."""
        path = self._path(kept)
        fresh = path.with_suffix(f".{os.getpid()}.tmp")
        write_synced(fresh, msgspec.json.encode(kept))
        fresh.replace(path)
        sync_directory(self._directory)

    def holds(self, kept: Kept) -> bool:
        """Whether this very switch stands and is this gateway's."""
        return self._read(self._path(kept)) == kept

    def remove(self, kept: Kept) -> None:
        """Forget a switch, unless another has taken its place."""
        if self.holds(kept):
            with contextlib.suppress(FileNotFoundError):
                self._path(kept).unlink()
            sync_directory(self._directory)

    def clear(self, account: int, signer: bytes) -> None:
        """Forget the switch of an account and signer, whichever gateway's it is."""
        with contextlib.suppress(FileNotFoundError):
            self._path_of(account, signer).unlink()
            sync_directory(self._directory)

    def __iter__(self) -> Iterator[Kept]:
        """Switches of this gateway; what cannot be read was never answered."""
        for path in sorted(self._directory.glob("*.json")):
            kept = self._read(path)
            if kept is not None and kept.gateway == self.gateway:
                yield kept

    def _path(self, kept: Kept) -> Path:
        return self._path_of(kept.terms.account, kept.signer)

    def _path_of(self, account: int, signer: bytes) -> Path:
        return self._directory / f"{account}-{signer.hex()}.json"

    @staticmethod
    def _read(path: Path) -> Kept | None:
        try:
            return msgspec.json.decode(path.read_bytes(), type=Kept)
        except (FileNotFoundError, msgspec.MsgspecError):
            return None


def hand_over(directory: Path, gateways: Sequence[str]) -> int:
    """Give the switches of gateways that there are no more to the first there is.

    Before any gateway runs: a node that is started with fewer of them, or none but itself, has them
    all renewed or fired like its own.

    Returns
    -------
    int
        How many changed hands.
    """
    first, *_ = gateways
    moved = 0
    for path in sorted(directory.glob("*.json")):
        kept = SwitchFiles._read(path)
        if kept is not None and kept.gateway not in gateways:
            SwitchFiles(directory, first).write(msgspec.structs.replace(kept, gateway=first))
            moved += 1
    return moved
