"""Batch headers, ring words, genesis (section 6)."""

from dataclasses import dataclass

from matcher.errors import ProtocolError
from matcher.reference.tree import ZERO, keccak
from matcher.types import PROTOCOL_VERSION, RING_SLOTS, Windows

CALLDATA = 0
BLOB = 1

# word 0, highest first; the low 128 bits are zero
INFO_FIELDS = (
    ("version", 8),
    ("operator", 16),
    ("mode", 8),
    ("id", 40),
    ("built_at", 40),
    ("chunk_count", 16),
)


@dataclass(frozen=True)
class Header:
    """192 bytes that bind a batch."""

    version: int = PROTOCOL_VERSION
    operator: int = 0
    mode: int = CALLDATA
    id: int = 0
    built_at: int = 0  # seconds
    chunk_count: int = 0
    parent: bytes = ZERO
    chunks_root: bytes = ZERO
    state_root: bytes = ZERO
    blobs_hash: bytes = ZERO
    extra: bytes = ZERO

    def info(self) -> int:
        """Word 0.

        Raises
        ------
        ProtocolError
            If a field does not fit its width.
        """
        word = 0
        for name, width in INFO_FIELDS:
            number = getattr(self, name)
            if not 0 <= number < 1 << width:
                raise ProtocolError(f"{name}: found {number}, allowed 0 to 2^{width} - 1")
            word = word << width | number
        return word << 128

    def encode(self) -> bytes:
        """The 192 bytes as they are hashed."""
        return (
            self.info().to_bytes(32, "big")
            + self.parent
            + self.chunks_root
            + self.state_root
            + self.blobs_hash
            + self.extra
        )

    def batch_hash(self) -> bytes:
        return keccak(self.encode())


def decode(data: bytes) -> Header:
    """Header of 192 bytes.

    Raises
    ------
    ProtocolError
        If there are more or fewer, or reserved bits are set.
    """
    if len(data) != 192:
        raise ProtocolError(f"header: found {len(data)} bytes, allowed 192")
    info, *rest = (data[i : i + 32] for i in range(0, 192, 32))
    word, left = int.from_bytes(info, "big"), 256
    numbers = {}
    for name, width in INFO_FIELDS:
        left -= width
        numbers[name] = word >> left & (1 << width) - 1
    if word & (1 << left) - 1:
        raise ProtocolError(f"header: reserved bits are set in {word:#066x}")
    parent, chunks_root, state_root, blobs_hash, extra = rest
    return Header(
        **numbers,
        parent=parent,
        chunks_root=chunks_root,
        state_root=state_root,
        blobs_hash=blobs_hash,
        extra=extra,
    )


def ring_word(batch_hash: bytes, committed_at: int) -> bytes:
    """What the chain keeps of a batch: the first 216 bits of its hash, and when it came."""
    return batch_hash[:27] + committed_at.to_bytes(5, "big")


def parent_of(batch_hash: bytes) -> bytes:
    """What the next header says of this batch: its ring word with the low 40 bits zero."""
    return batch_hash[:27] + bytes(5)


def ring_slot(batch_id: int) -> int:
    """Place of a batch in the ring."""
    return batch_id % RING_SLOTS


def genesis(deployed_at: int) -> Header:
    """The header before the first batch."""
    return Header(built_at=deployed_at)


def genesis_ring_word(deployed_at: int, windows: Windows) -> bytes:
    """Committed W + 2A before deployment: final at once."""
    return ring_word(genesis(deployed_at).batch_hash(), deployed_at - windows.final_after)
