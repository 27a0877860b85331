"""A batch as it is published and committed: header, words, order file (sections 6 and 14)."""

import functools
import struct
from collections.abc import Iterable
from typing import Final

import msgspec

from matcher.blobs.encoding import Sidecar
from matcher.errors import ProtocolError
from matcher.merkle import ZERO, keccak, levels_of
from matcher.types import CHUNK_WORDS, PROTOCOL_VERSION, Order, Transfer, Withdrawal

HEADER_BYTES: Final = 192
WORD_BYTES: Final = 32  # of a word in calldata: a zero byte and the 31 of the op word
CHUNK_BYTES: Final = CHUNK_WORDS * WORD_BYTES
CALLDATA: Final = 0  # modes
BLOB: Final = 1
ORDER_FILE_VERSION: Final = 1

# word 0: version:u8 operator:u16 mode:u8 id:u40 builtAt:u40 chunkCount:u16, 128 zero bits
_NUMBERS: Final = (
    ("version", 8),
    ("operator", 16),
    ("mode", 8),
    ("id", 40),
    ("built_at", 40),
    ("chunk_count", 16),
)
_HASHES: Final = ("parent", "chunks_root", "state_root", "blobs_hash", "extra")
_LAYOUT: Final = struct.Struct(">16s16x32s32s32s32s32s")


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """The 192 bytes that bind a batch."""

    version: int = PROTOCOL_VERSION
    operator: int
    mode: int = CALLDATA
    id: int
    built_at: int  # seconds
    chunk_count: int
    parent: bytes
    chunks_root: bytes
    state_root: bytes
    blobs_hash: bytes = ZERO
    extra: bytes

    def encode(self) -> bytes:
        """The 192 bytes.

        Raises
        ------
        ProtocolError
            If a field is outside its width; names it.
        """
        info = 0
        for name, width in _NUMBERS:
            value = getattr(self, name)
            if not 0 <= value < 1 << width:
                raise ProtocolError(f"header.{name}: found {value}, allowed below 2^{width}")
            info = info << width | value
        for name in _HASHES:
            if len(getattr(self, name)) != 32:
                raise ProtocolError(f"header.{name}: not 32 bytes")
        return _LAYOUT.pack(info.to_bytes(16, "big"), *(getattr(self, name) for name in _HASHES))

    @classmethod
    def decode(cls, data: bytes) -> "Header":
        """The inverse of `encode`; ProtocolError if the bytes are no header."""
        if len(data) != HEADER_BYTES or any(data[16:32]):
            raise ProtocolError(f"header: found {data[:32].hex()}.. of {len(data)} bytes")
        info, *hashes = _LAYOUT.unpack(data)
        number = int.from_bytes(info, "big")
        fields: dict[str, int] = {}
        for name, width in reversed(_NUMBERS):
            fields[name] = number & ((1 << width) - 1)
            number >>= width
        return msgspec.convert(fields | dict(zip(_HASHES, hashes, strict=True)), cls)


def genesis(deployed_at: int) -> bytes:
    """The header before the first batch: the timestamp of the deployment block, all else zero."""
    return Header(
        operator=0,
        id=0,
        built_at=deployed_at,
        chunk_count=0,
        parent=ZERO,
        chunks_root=ZERO,
        state_root=ZERO,
        extra=ZERO,
    ).encode()


def parent_of(batch_hash: bytes) -> bytes:
    """What the next header says of a batch: its ring word with the low 40 bits zero."""
    return batch_hash[:27] + bytes(5)


class Batch(msgspec.Struct, frozen=True):
    """A closed batch.

    Attributes
    ----------
    header : bytes
        192 bytes.
    words : bytes
        32 bytes per word, 32 words per chunk.
    order_file : bytes
        Canonical JSON; `extra` is its hash.
    """

    header: bytes
    words: bytes
    order_file: bytes

    @property
    def fields(self) -> Header:
        """The header's fields."""
        return Header.decode(self.header)

    @property
    def id(self) -> int:
        return int.from_bytes(self.header[4:9], "big")

    @property
    def built_at(self) -> int:
        return int.from_bytes(self.header[9:14], "big")

    @property
    def chunk_count(self) -> int:
        return int.from_bytes(self.header[14:16], "big")

    @property
    def operator(self) -> int:
        return int.from_bytes(self.header[1:3], "big")

    @property
    def mode(self) -> int:
        return self.header[3]

    @property
    def state_root(self) -> bytes:
        return self.header[96:128]

    @property
    def extra(self) -> bytes:
        return self.header[160:192]

    @property
    def hash(self) -> bytes:
        """keccak256 of the header, 32 bytes."""
        return keccak(self.header)

    def word(self, index: int) -> bytes:
        """Word `index`, 32 bytes as in calldata."""
        count = self.chunk_count * CHUNK_WORDS
        if not 0 <= index < count:
            raise ProtocolError(f"word: found index {index}, allowed below {count}")
        return self.words[index * WORD_BYTES : (index + 1) * WORD_BYTES]

    def word_list(self) -> list[bytes]:
        """All words, 32 bytes each."""
        return split(self.words)

    def check(self) -> None:
        """Raise `ProtocolError` unless words and order file are those that the header binds."""
        fields = self.fields
        if len(self.words) != fields.chunk_count * CHUNK_WORDS * WORD_BYTES:
            raise ProtocolError(f"batch {fields.id}: {len(self.words)} bytes of words")
        if commitments(self.words, fields.mode) != (fields.chunks_root, fields.blobs_hash):
            raise ProtocolError(f"batch {fields.id}: the words are not those of the header")
        if keccak(self.order_file) != fields.extra:
            raise ProtocolError(f"batch {fields.id}: the order file is not that of the header")


def commitments(words: bytes, mode: int) -> tuple[bytes, bytes]:
    """``chunksRoot`` and ``blobsHash`` of a header: what binds words in a mode.

    Raises
    ------
    ProtocolError
        If there is no such mode.
    """
    if mode == CALLDATA:
        return levels_of(padded(words))[-1][0], ZERO
    if mode == BLOB:
        return ZERO, Sidecar.of(words).blobs_hash
    raise ProtocolError(f"header.mode: found {mode}, allowed {CALLDATA} or {BLOB}")


def split(words: bytes) -> list[bytes]:
    """Words of 32 bytes each."""
    return [words[i : i + WORD_BYTES] for i in range(0, len(words), WORD_BYTES)]


def words_depth(chunks: int) -> int:
    """Depth of the tree over a batch's words: it has 32 * 2^ceil(log2 chunks) leaves."""
    return (CHUNK_WORDS - 1).bit_length() + max(0, chunks - 1).bit_length()


def padded(words: bytes) -> list[bytes]:
    """The leaves of the tree over a batch's words."""
    leaves = split(words)
    size = 1 << words_depth(len(leaves) // CHUNK_WORDS)
    return leaves + [ZERO] * (size - len(leaves))


# --- the order file -------------------------------------------------------------------------------


class SignedMessage(msgspec.Struct, frozen=True, gc=False):
    """A message that allows an op, its signature, and who made it."""

    message: Order | Withdrawal | Transfer
    signature: bytes  # 65 bytes
    signer: bytes  # 20 bytes


def order_file(batch: int, used: Iterable[SignedMessage]) -> bytes:
    """Canonical JSON of the messages in the order of their first use, each once.

    Two messages of one type and the same terms have the same digest, and are one.
    """
    first: dict[Order | Withdrawal | Transfer, bytes] = {}
    for signed in used:
        first.setdefault(signed.message, signed.signature)
    entries = ",".join(_entry(message, signature) for message, signature in first.items())
    return f'{{"batch":{batch},"messages":[{entries}],"version":{ORDER_FILE_VERSION}}}'.encode()


def _entry(message: Order | Withdrawal | Transfer, signature: bytes) -> str:
    """A message as it stands in the file: keys sorted, numbers as text.

    Orders are put together here, as thousands wait for the batch that is closed.
    """
    if isinstance(message, Order):
        terms = (
            f'{{"account":"{message.account}","buy":{"true" if message.buy else "false"}'
            f',"expiry":"{message.expiry}","flags":"{int(message.flags)}","id":"{message.id}"'
            f',"instrument":{_quoted(message.instrument)},"price":"{message.price}"'
            f',"quantity":"{message.quantity}"}}'
        )
    else:
        terms = msgspec.json.encode(_terms(message), order="sorted").decode()
    name = type(message).__name__
    return f'{{"signature":"0x{signature.hex()}","terms":{terms},"type":"{name}"}}'


@functools.lru_cache(maxsize=65_536)
def _quoted(text: str) -> str:
    """A symbol as JSON."""
    return msgspec.json.encode(text).decode()


def _terms(message: Withdrawal | Transfer) -> dict[str, str]:
    names = {"source": "from", "target": "to"} if isinstance(message, Transfer) else {}
    return {
        names.get(name, name): str(int(value))
        for name, value in msgspec.structs.asdict(message).items()
    }
