"""What a process of the exchange is told when it is started."""

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from matcher.chain.fees import FeePolicy
from matcher.chain.modes import Choice
from matcher.commands import BatchLimited
from matcher.eip712 import Domain, keccak
from matcher.journal.writer import Identity
from matcher.kernel.pools import Limits
from matcher.policy import Policy
from matcher.types import Windows

if TYPE_CHECKING:
    from matcher.settings import Settings  # imports much that few processes need

MATCHER: Final = "matcher"
BATCHER: Final = "batcher"
GATEWAY: Final = "gateway"  # and a number from 1
PUBLISHER: Final = "publisher"
SWITCHES: Final = "switches"  # directory of dead man's switches, beside the journal


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """One exchange on this machine, and which part of it a process is.

    Attributes
    ----------
    name : str
        Of the process: matcher, batcher, gateway-1, ...
    processes : tuple of str
        Names of all of them; the place of a name is the number of its bell and its words.
    bells : tuple of int
        An event file descriptor for each.
    data : str
        Directory of the journal, the archive, and the batcher's socket.
    run : str
        Beginning of the names of its segments in shared memory.
    place : str
        Directory of the segments.
    room : Limits
        Under which the journal was begun: of every exchange that follows it.
    listening : int
        Descriptor of the gateways' socket; -1 where there is none.
    operator : bytes
        Key of who commits; empty for everybody but the batcher.
    """

    name: str
    processes: tuple[str, ...]
    bells: tuple[int, ...]
    data: str
    run: str
    place: str
    chain_id: int
    registry: bytes
    genesis: bytes
    windows: Windows
    room: Limits
    rpc: str
    deployment: str | None
    host: str
    confirmations: int
    batches: Policy
    limits: BatchLimited
    fees: FeePolicy
    mode: Choice
    poll: float
    origins: tuple[str, ...]
    publish: str | None
    known_keys: int = 0
    log_level: str
    log_json: bool
    listening: int = -1
    operator: bytes = b""

    @property
    def number(self) -> int:
        """Of this process."""
        return self.processes.index(self.name)

    @property
    def senders(self) -> tuple[str, ...]:
        """Names of those who send commands to the matcher."""
        return tuple(name for name in self.processes if is_sender(name))

    @property
    def identity(self) -> Identity:
        """Whose journal it is."""
        return Identity(self.chain_id, self.registry, keccak(self.genesis), limits=self.room)

    @property
    def domain(self) -> Domain:
        """What traders sign for."""
        return Domain(self.chain_id, self.registry)

    @property
    def journal(self) -> Path:
        """Directory of the journal."""
        return Path(self.data) / "journal"

    @property
    def snapshots(self) -> Path:
        """Directory of the matcher's snapshots, and of directories of other processes'."""
        return Path(self.data) / "snapshots"

    @property
    def batcher_snapshots(self) -> Path:
        """Directory of the batcher's snapshots: exchange, batcher, and where the chain is."""
        return self.snapshots / BATCHER

    @property
    def reader_snapshots(self) -> Path:
        """Directory of snapshots of exchange and feed: the first gateway's, for all who read."""
        return self.snapshots / "readers"

    @property
    def keeps_reader_snapshots(self) -> bool:
        """Whether this process is who takes them."""
        return self.name == f"{GATEWAY}-1"

    @property
    def archive(self) -> Path:
        """Directory of the batches."""
        return Path(self.data) / "batches"

    @property
    def switches(self) -> Path:
        """Directory of dead man's switches."""
        return Path(self.data) / SWITCHES

    @property
    def socket(self) -> Path:
        """Where the batcher answers."""
        return sockets_of(Path(self.data)) / "batcher"

    def segment(self, *parts: str) -> str:
        """Name of a segment in shared memory."""
        return ".".join((self.run, *parts))

    def settings(self) -> "Settings":
        """As a node in one process would have them."""
        from eth_account import Account

        from matcher.settings import Settings

        return Settings(
            rpc=self.rpc,
            data=Path(self.data),
            deployment=Path(self.deployment) if self.deployment else None,
            host=self.host,
            confirmations=self.confirmations,
            operator=Account.from_key(self.operator) if self.operator else None,
            batches=self.batches,
            limits=self.limits,
            fees=self.fees,
            mode=self.mode,
            poll=self.poll,
            origins=self.origins,
            publish=self.publish,
            known_keys=self.known_keys,
        )


def is_sender(name: str) -> bool:
    """Whether a process sends commands to the matcher."""
    return name == BATCHER or name.startswith(GATEWAY)


def run_of(data: Path) -> str:
    """What the names of an exchange's segments begin with: another data directory, another name."""
    return "node-" + hashlib.sha256(bytes(data.resolve())).hexdigest()[:16]


def sockets_of(data: Path) -> Path:
    """Directory of an exchange's sockets."""
    return data / "processes"
