"""A BatchRegistry of its own for one test, whose Vault is a plain account.

`Registry` commits words without asking whether they are honest, which BatchRegistry does not ask
either, and builds beside it the headers that the model expects.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account.signers.local import LocalAccount

from matcher.reference.header import BLOB, Header, genesis, parent_of
from matcher.reference.openings import BlobBody
from matcher.reference.tree import ZERO, keccak, words_root
from matcher.reference.words import pack_chunk
from matcher.types import Windows
from tests.support.chain import ETHER, Chain, Receipt, account
from tests.support.decree import NOBODY, decree, runtime_of, set_code
from tests.support.exchange import WINDOWS, Roles, header_tuple, stated_root

UNKNOWN, COMMITTED, FINAL, REVERTED = range(4)  # BatchStatus
MIN_BOND = ETHER
REWARD_CAP = 2 * ETHER
VAULT = account("vault")


def chunk(name: str = "state") -> list[int]:
    """An empty chunk that states some root."""
    return pack_chunk([], keccak(name.encode()))


HIGH, LOW = chunk()[30:]
# Pairs of words that stand where a root should and state none, in either mode.
NO_ROOTS = (
    (LOW, HIGH),
    (HIGH, 0),
    (0, LOW),
    (0, 0),
    (HIGH | 1, LOW),
    (HIGH, LOW | 1 << 111),
    (HIGH | 1 << 248, LOW),
    (HIGH, HIGH),
    (LOW, LOW),
)


@dataclass(frozen=True)
class Committed:
    """A batch on chain."""

    header: Header
    time: int  # committedAt, seconds
    receipt: Receipt | None = field(default=None, compare=False)

    @property
    def encoded(self) -> tuple[Any, ...]:
        return header_tuple(self.header)


class Registry:
    """A fresh BatchRegistry with one operator under bond.

    Parameters
    ----------
    chain : Chain
    roles : Roles
        The owner, the operator and the prover have their parts.
    bond : int
        wei, of the first operator.
    """

    def __init__(
        self,
        chain: Chain,
        roles: Roles,
        *,
        bond: int = 3 * ETHER,
        windows: Windows = WINDOWS,
        reward_cap: int = REWARD_CAP,
        provers: bool = True,
    ):
        self.chain = chain
        self.roles = roles
        self.windows = windows
        self.decree = account("decree").address
        set_code(chain, self.decree, runtime_of(chain, "Decree"))
        self.deployed_at = chain.now
        self.contract = chain.deploy(
            roles.owner,
            "BatchRegistry",
            roles.owner.address,
            VAULT.address,
            tuple([self.decree if provers else NOBODY] * 3),
            tuple(getattr(windows, name) for name in windows.__struct_fields__),
            MIN_BOND,
            reward_cap,
        )
        self.functions = self.contract.functions
        self.address: str = self.contract.address
        self.genesis = Committed(genesis(self.deployed_at), self.deployed_at - windows.final_after)
        self.head = self.genesis
        assert self.hire(roles.operator.address, bond) == 1

    def send(self, sender: LocalAccount, name: str, *args: Any, value: int = 0) -> Receipt:
        return self.chain.send(sender, getattr(self.functions, name)(*args), value=value)

    def ask(self, name: str, *args: Any) -> Any:
        return self.chain.call(getattr(self.functions, name)(*args))

    def hire(self, address: str, bond: int = 3 * ETHER) -> int:
        """Add an operator with a bond and make it the current one; its index."""
        index: int = self.send(self.roles.owner, "addOperator", address).event("OperatorAdded")[
            "index"
        ]
        if bond:
            self.send(self.roles.owner, "addBond", index, value=bond)
        self.send(self.roles.owner, "setOperator", index)
        return index

    def parent(self) -> bytes:
        """The parent of the next batch, as the chain has it."""
        return bytes(self.ask("ringWord", self.ask("head")[0])[:27]) + bytes(5)

    def arguments(
        self,
        words: list[int] | None = None,
        *,
        built_at: int | None = None,
        parent: bytes | None = None,
        anchor: int | None = None,
        anchor_hash: bytes | None = None,
        extra: bytes = ZERO,
    ) -> tuple[Any, ...]:
        """What `commit` takes; by default an empty chunk, opened one second ago."""
        block = self.chain.height if anchor is None else anchor
        return (
            self.chain.now - 1 if built_at is None else built_at,
            self.parent() if parent is None else parent,
            block,
            self.chain.block_hash(block) if anchor_hash is None else anchor_hash,
            extra,
            chunk() if words is None else words,
        )

    def commit(
        self,
        words: list[int] | None = None,
        *,
        sender: LocalAccount | None = None,
        operator: int = 1,
        **others: Any,
    ) -> Committed:
        """Commit the next batch and check what was emitted."""
        args = self.arguments(words, **others)
        receipt = self.send(sender or self.roles.operator, "commit", *args)
        built_at, _, _, _, extra, body = args
        header = Header(
            operator=operator,
            id=self.head.header.id + 1,
            built_at=built_at,
            chunk_count=len(body) // 32,
            parent=parent_of(self.head.header.batch_hash()),
            chunks_root=words_root(body),
            state_root=stated_root(body),
            extra=extra,
        )
        assert receipt.names() == ["BatchBody", "BatchCommitted"]
        assert receipt.event("BatchBody") == {"id": header.id, "words": tuple(body)}
        assert receipt.event("BatchCommitted") == {
            "id": header.id,
            "batchHash": header.batch_hash(),
            "header": header_tuple(header),
        }
        self.head = Committed(header, receipt.time, receipt)
        return self.head

    def blob_arguments(
        self,
        body: BlobBody,
        *,
        chunks: int | None = None,
        opening: bytes | None = None,
        **others: Any,
    ) -> tuple[Any, ...]:
        """What `commitBlobs` takes for these words."""
        *common, _ = self.arguments(**others)
        count = len(body.words) // 32 if chunks is None else chunks
        shown = body.root(count - 1) if opening is None else opening
        return (*common, count, shown)

    def commit_blobs(
        self,
        body: BlobBody,
        *,
        sender: LocalAccount | None = None,
        operator: int = 1,
        hashes: Sequence[bytes] | None = None,
        **others: Any,
    ) -> Committed:
        """Commit the next batch in blobs and check what was emitted."""
        args = self.blob_arguments(body, **others)
        call = self.functions.commitBlobs(*args)
        carried = body.versioned_hashes if hashes is None else hashes
        receipt = self.chain.send(sender or self.roles.operator, call, blobs=carried)
        built_at, _, _, _, extra, count, _ = args
        header = Header(
            operator=operator,
            mode=BLOB,
            id=self.head.header.id + 1,
            built_at=built_at,
            chunk_count=count,
            parent=parent_of(self.head.header.batch_hash()),
            state_root=stated_root(list(body.words)),
            blobs_hash=body.blobs_hash,
            extra=extra,
        )
        assert receipt.names() == ["BatchBlobs", "BatchCommitted"]
        assert receipt.event("BatchBlobs") == {
            "id": header.id,
            "versionedHashes": tuple(body.versioned_hashes),
        }
        assert receipt.event("BatchCommitted") == {
            "id": header.id,
            "batchHash": header.batch_hash(),
            "header": header_tuple(header),
        }
        self.head = Committed(header, receipt.time, receipt)
        return self.head

    def revert(self, lie: Committed, previous: Committed, challenger: str | None = None) -> Receipt:
        """Let a prover convict a batch, which reverts it and all after it."""
        receipt = self.send(
            self.roles.prover,
            "convict",
            self.decree,
            lie.encoded,
            previous.encoded,
            decree(challenger=challenger or self.roles.challenger.address),
        )
        self.head = previous
        return receipt

    def status(self, batch: Committed) -> tuple[int, int]:
        status, committed_at = self.ask("statusOf", batch.encoded)
        return status, committed_at

    def facts(self) -> dict[str, Any]:
        """The head slot by names."""
        names = ("id", "builtAt", "top", "lastRevertAt", "operator", "paused", "frozen")
        return dict(zip(names, self.ask("head"), strict=True))

    def operator(self, index: int) -> dict[str, Any]:
        names = ("operator", "bond", "leftAt", "retired")
        return dict(zip(names, self.ask("operators", index), strict=True))

    def final_at(self, batch: Committed) -> int:
        return batch.time + self.windows.final_after


def balance(chain: Chain, address: str) -> int:
    """wei."""
    return int(chain.evm.get_vm().state.get_balance(bytes.fromhex(address[2:])))


def write_slots(chain: Chain, address: str, slots: dict[int, int]) -> None:
    """Put values into a contract's storage, as if earlier transactions had."""
    vm = chain.evm.get_vm()
    for slot, value in slots.items():
        vm.state.set_storage(bytes.fromhex(address[2:]), slot, value)
    vm.state.persist()
    chain.evm.header = chain.evm.header.copy(state_root=vm.state.state_root)
    chain.mine()


def slot_of_ring(registry: Registry) -> int:
    """Slot of place 0 of the ring: where the genesis word stands, found, not assumed."""
    chain, expected = registry.chain, int.from_bytes(registry.ask("ringWord", 0), "big")
    state = chain.evm.get_vm().state
    found = [
        slot
        for slot in range(16)
        if state.get_storage(bytes.fromhex(registry.address[2:]), slot) == expected
    ]
    assert len(found) == 1, found
    return found[0]
