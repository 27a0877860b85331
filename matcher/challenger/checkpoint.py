"""The state after a final batch, kept on disk, so that a restart need not begin at genesis.

Nothing of it is believed: it is held against the batch's header, which the chain has.
"""

import contextlib
import time
from pathlib import Path
from typing import Final

import msgspec

from matcher.challenger.faults import CheckpointUnusable
from matcher.disk import make_directory, sync_directory, write_synced
from matcher.errors import ProtocolError
from matcher.reference.header import Header
from matcher.reference.leaf import Account, Slot
from matcher.reference.state import State

FILE: Final = "checkpoint.bin"
VERSION: Final = 1


Exchange = tuple[int, bytes, str]  # chain id, address of BatchRegistry, hash of its block


class _Account(msgspec.Struct, frozen=True, array_like=True):
    index: int
    cash: int
    exited: int
    credited: int
    served: int
    positions: list[tuple[int, int]]  # instrument, lots
    slots: list[tuple[int, int, int]]  # number, generation, filled


class Checkpoint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A final batch and the accounts after it.

    Attributes
    ----------
    chain_id, registry, genesis_hash
        Of the exchange it is of.
    batch, batch_hash
    block, index
        Place of the commit's ``BatchCommitted`` log.
    accounts : list
        All to which something happened.
    """

    chain_id: int
    registry: bytes
    genesis_hash: str
    batch: int
    batch_hash: bytes
    block: int
    index: int
    accounts: list[_Account]
    version: int = VERSION

    @classmethod
    def of(
        cls,
        exchange: Exchange,
        header: Header,
        place: tuple[int, int],
        state: State,
    ) -> "Checkpoint":
        """The state after a batch, committed by the log at ``place`` (block, index)."""
        accounts = [
            _Account(
                index,
                account.cash,
                account.exited,
                account.credited,
                account.served,
                sorted(account.positions.items()),
                [(n, s.generation, s.filled) for n, s in sorted(account.slots.used.items())],
            )
            for index, account in sorted(state.accounts.items())
        ]
        return cls(*exchange, header.id, header.batch_hash(), *place, accounts)

    def state(self) -> State:
        """The state anew, with all its hashes.

        Raises
        ------
        CheckpointUnusable
            If an account is none.
        """
        state = State()
        for kept in self.accounts:
            account = Account(
                kept.cash, kept.exited, kept.credited, kept.served, dict(kept.positions)
            )
            for number, generation, filled in kept.slots:
                account.slots[number] = Slot(generation, filled)
            state.accounts[kept.index] = account
        try:
            state.rehash(state.accounts)
        except (ProtocolError, OverflowError, ValueError) as error:
            raise CheckpointUnusable(f"batch {self.batch}: {error}") from error
        return state


class Checkpoints:
    """The one checkpoint of a directory.

    Parameters
    ----------
    directory : Path
        Made if it is not there.
    pause : float
        Seconds of the wall clock between two of them, at least: a large state takes its time.
    """

    def __init__(self, directory: Path, pause: float = 30.0):
        self.path = directory / FILE
        self._pause = pause
        self._kept_at = time.monotonic() - pause
        make_directory(directory)

    def due(self) -> bool:
        """Whether the last one is old enough."""
        return time.monotonic() - self._kept_at >= self._pause

    def save(self, checkpoint: Checkpoint) -> None:
        """Keep a checkpoint in place of the last, whole or not at all."""
        temporary = self.path.with_suffix(".new")
        write_synced(temporary, msgspec.msgpack.encode(checkpoint))
        temporary.replace(self.path)
        sync_directory(self.path.parent)
        self._kept_at = time.monotonic()

    def load(self, exchange: Exchange) -> Checkpoint | None:
        """The checkpoint; None if there is none.

        Raises
        ------
        CheckpointUnusable
            If it cannot be read, or is of another exchange.
        """
        try:
            found = msgspec.msgpack.decode(self.path.read_bytes(), type=Checkpoint)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise CheckpointUnusable(f"{self.path}: {error}") from error
        if found.version != VERSION:
            raise CheckpointUnusable(
                f"{self.path}: found version {found.version}, allowed {VERSION}"
            )
        of = (found.chain_id, found.registry, found.genesis_hash)
        if of != exchange:
            raise CheckpointUnusable(f"{self.path}: of exchange {_say(of)}, not {_say(exchange)}")
        return found

    def discard(self) -> None:
        """Drop the checkpoint."""
        with contextlib.suppress(FileNotFoundError):
            self.path.unlink()


def _say(exchange: Exchange) -> str:
    chain_id, registry, block = exchange
    return f"0x{registry.hex()} on chain {chain_id} (deployed in {block[:12]}..)"
