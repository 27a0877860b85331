"""Words of a batch to blobs and back, with what EIP-4844 asks of both (section 6).

Word j of chunk c is element ``32 * (c % 128) + j`` of blob ``c // 128``; an element is the 32 bytes
of a word as in calldata. What is left of the last blob is zero.
"""

from collections.abc import Iterable, Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import as_file, files
from typing import Any, Final

import ckzg
import msgspec

from matcher.errors import ProtocolError
from matcher.merkle import keccak
from matcher.types import CHUNK_WORDS

BLOB_ELEMENTS: Final = 4096
ELEMENT_BYTES: Final = 32
BLOB_BYTES: Final = BLOB_ELEMENTS * ELEMENT_BYTES
BLOB_CHUNKS: Final = BLOB_ELEMENTS // CHUNK_WORDS
VERSION: Final = 1  # first byte of a versioned hash: KZG

MODULUS: Final = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
_ROOT_OF_UNITY: Final = pow(7, (MODULUS - 1) // BLOB_ELEMENTS, MODULUS)
_ELEMENT_BITS: Final = BLOB_ELEMENTS.bit_length() - 1
_ROOT_PLACE: Final = CHUNK_WORDS - 2  # of ROOT_HI in a chunk; ROOT_LO follows


class Sidecar(msgspec.Struct, frozen=True):
    """Blobs, and what binds them.

    Attributes
    ----------
    blobs : tuple of bytes
        131,072 bytes each.
    commitments : tuple of bytes
        48 bytes each.
    hashes : tuple of bytes
        Versioned hashes, 32 bytes each.
    """

    blobs: tuple[bytes, ...]
    commitments: tuple[bytes, ...]
    hashes: tuple[bytes, ...]

    @classmethod
    def of(cls, words: bytes) -> "Sidecar":
        """The blobs of a batch's words, committed to; 7 ms each."""
        blobs = tuple(blobs_of(words))
        commitments = tuple(map(commitment_of, blobs))
        return cls(blobs, commitments, tuple(map(versioned_hash, commitments)))

    @property
    def blobs_hash(self) -> bytes:
        """``blobsHash`` of the header."""
        return blobs_hash(self.hashes)

    def proofs(self) -> list[bytes]:
        """What nodes took beside each blob until Osaka; 42 ms each."""
        pairs = zip(self.blobs, self.commitments, strict=True)
        return [bytes(ckzg.compute_blob_kzg_proof(b, c, trusted_setup())) for b, c in pairs]

    def cell_proofs(self) -> list[bytes]:
        """What nodes take from Osaka on (EIP-7594): 128 for each blob; 0.25 s each."""
        proofs: list[bytes] = []
        for blob in self.blobs:
            _, found = ckzg.compute_cells_and_kzg_proofs(blob, trusted_setup())
            proofs += map(bytes, found)
        return proofs

    def opening(self, chunk: int) -> bytes:
        """A chunk's ROOT words as `commitBlobs` takes them: commitment:48, hi:32 proof:48 lo:32
        proof:48; 85 ms.
        """
        blob, first = chunk // BLOB_CHUNKS, CHUNK_WORDS * (chunk % BLOB_CHUNKS) + _ROOT_PLACE
        shown = (element_and_proof(self.blobs[blob], first + i) for i in range(2))
        return self.commitments[blob] + b"".join(shown)


def blobs_of(words: bytes) -> list[bytes]:
    """The blobs that hold a batch's words.

    Parameters
    ----------
    words : bytes
        32 bytes per word, as in calldata.

    Raises
    ------
    ProtocolError
        If these are no whole chunks, or a word is no op word: an element cannot hold 32 bytes.
    """
    if not words or len(words) % (CHUNK_WORDS * ELEMENT_BYTES):
        raise ProtocolError(f"words: found {len(words)} bytes, allowed whole chunks of 1024")
    if any(words[::ELEMENT_BYTES]):
        raise ProtocolError("words: found one above 2^248 - 1, which no blob can hold")
    return [
        words[start : start + BLOB_BYTES].ljust(BLOB_BYTES, b"\0")
        for start in range(0, len(words), BLOB_BYTES)
    ]


def words_of(blobs: Sequence[bytes], chunks: int) -> bytes:
    """The words of a batch of so many chunks, 32 bytes each, as its blobs hold them.

    Those of a liar may be as large as the field.

    Raises
    ------
    ProtocolError
        If there are not exactly as many blobs as the chunks fill, or one is of another size.
    """
    if len(blobs) != blob_count(chunks):
        raise ProtocolError(
            f"blobs: found {len(blobs)}, allowed {blob_count(chunks)} for {chunks} chunks"
        )
    for blob in blobs:
        _require_size(blob)
    return b"".join(blobs)[: chunks * CHUNK_WORDS * ELEMENT_BYTES]


def blob_count(chunks: int) -> int:
    """How many blobs so many chunks fill."""
    return -(-chunks // BLOB_CHUNKS)


def commitment_of(blob: bytes) -> bytes:
    """KZG commitment, 48 bytes.

    Raises
    ------
    ProtocolError
        If this is no blob: of another size, or with an element outside the field.
    """
    _require_size(blob)
    try:
        return bytes(ckzg.blob_to_kzg_commitment(blob, trusted_setup()))
    except RuntimeError as error:
        raise ProtocolError("blob: found an element outside the field") from error


def versioned_hash(commitment: bytes) -> bytes:
    """0x01 and the last 31 bytes of the commitment's SHA-256."""
    return bytes([VERSION]) + sha256(commitment).digest()[1:]


def hash_of(blob: bytes) -> bytes:
    """The versioned hash of a blob; `ProtocolError` if it is none."""
    return versioned_hash(commitment_of(blob))


def blobs_hash(hashes: Iterable[bytes]) -> bytes:
    """keccak256 of versioned hashes: ``blobsHash`` of a header."""
    return keccak(b"".join(hashes))


def element_and_proof(blob: bytes, element: int) -> bytes:
    """Element i of a blob, and the proof that it stands there: 32 and 48 bytes."""
    z = point(element).to_bytes(ELEMENT_BYTES, "big")
    proof, value = ckzg.compute_kzg_proof(blob, z, trusted_setup())
    return bytes(value) + bytes(proof)


def holds(commitment: bytes, element: int, value: bytes, proof: bytes) -> bool:
    """Whether element i of the blob with this commitment is a value, as a proof shows.

    Parameters
    ----------
    commitment, proof : bytes
        48 bytes each.
    element : int
    value : bytes
        32 bytes.
    """
    z = point(element).to_bytes(ELEMENT_BYTES, "big")
    try:
        return bool(ckzg.verify_kzg_proof(commitment, z, value, proof, trusted_setup()))
    except RuntimeError:  # a point that is not on the curve, or a value outside the field
        return False


def point(element: int) -> int:
    """Where a blob's polynomial takes the value of element i: roots of unity, bit-reversed."""
    exponent = 0
    for bit in range(_ELEMENT_BITS):
        exponent = exponent << 1 | element >> bit & 1
    return pow(_ROOT_OF_UNITY, exponent, MODULUS)


@cache
def trusted_setup() -> Any:
    """The points of the KZG ceremony, which come with eth-account; 2 s once per process."""
    package = "eth_account.typed_transactions.blob_transactions"
    with as_file(files(package) / "kzg_trusted_setup.txt") as path:
        return ckzg.load_trusted_setup(str(path), 0)


def _require_size(blob: bytes) -> None:
    if len(blob) != BLOB_BYTES:
        raise ProtocolError(f"blob: found {len(blob)} bytes, allowed {BLOB_BYTES}")
