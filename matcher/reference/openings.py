"""Words of a batch, opened for a prover (docs/reference/witnesses.md), in either mode.

The bytes are those that ``contracts/libraries/Openings.sol`` reads.
"""

from collections.abc import Sequence
from functools import cache
from hashlib import sha256
from importlib.resources import as_file, files
from typing import Any, Protocol

import ckzg

from matcher.reference.tree import Tree, keccak, words_tree
from matcher.types import CHUNK_WORDS

CHUNK_DEPTH = (CHUNK_WORDS - 1).bit_length()
ROOT_HI_PLACE = CHUNK_WORDS - 2
BLOB_ELEMENTS = 4096
BLOB_CHUNKS = BLOB_ELEMENTS // CHUNK_WORDS
MODULUS = 0x73EDA753299D7D483339D80809A1D80553BDA402FFFE5BFEFFFFFFFF00000001
GENERATOR = 7  # of the field's multiplicative group


class Body(Protocol):
    """What was committed, and how its words are shown to belong to it."""

    words: Sequence[int]  # all of the batch

    def begin(self) -> bytes:
        """What comes first in a witness, once."""

    def chunk(self, number: int) -> bytes:
        """All words of a chunk."""

    def root(self, number: int) -> bytes:
        """Words 30 and 31 of a chunk: the state root it states."""

    def word(self, number: int, place: int) -> bytes:
        """One word of a chunk."""


def _path(tree: Tree, level: int, index: int, present_bytes: int) -> bytes:
    """Siblings of a node up to the root: ``present``, then those that are not zero."""
    siblings = [tree.get(up, index >> up - level ^ 1) for up in range(level, tree.depth)]
    present = sum(1 << i for i, sibling in enumerate(siblings) if any(sibling))
    return present.to_bytes(present_bytes, "big") + b"".join(s for s in siblings if any(s))


class CalldataBody:
    """Words in calldata mode: leaves of one tree.

    Parameters
    ----------
    words : sequence of int
        All words of the batch.
    """

    def __init__(self, words: Sequence[int]):
        self.words = words
        self.tree = words_tree(words)

    def begin(self) -> bytes:
        return b""

    def chunk(self, number: int) -> bytes:
        first = CHUNK_WORDS * number
        return _joined(self.words[first : first + CHUNK_WORDS]) + _path(
            self.tree, CHUNK_DEPTH, number, 2
        )

    def root(self, number: int) -> bytes:
        first = CHUNK_WORDS * number + ROOT_HI_PLACE
        return _joined(self.words[first : first + 2]) + _path(self.tree, 1, first // 2, 3)

    def word(self, number: int, place: int) -> bytes:
        index = CHUNK_WORDS * number + place
        return _joined(self.words[index : index + 1]) + _path(self.tree, 0, index, 3)


class BlobBody:
    """Words in blob mode: elements of blobs, opened by KZG proofs (EIP-4844).

    Parameters
    ----------
    words : sequence of int
        All words of the batch.
    """

    def __init__(self, words: Sequence[int]):
        self.words = words
        self.blobs = blobs_of(words)
        self.commitments = [
            ckzg.blob_to_kzg_commitment(blob, trusted_setup()) for blob in self.blobs
        ]

    @property
    def versioned_hashes(self) -> list[bytes]:
        return [versioned_hash(commitment) for commitment in self.commitments]

    @property
    def blobs_hash(self) -> bytes:
        """``blobsHash`` of the header."""
        return keccak(b"".join(self.versioned_hashes))

    def begin(self) -> bytes:
        return b"".join(self.versioned_hashes)

    def chunk(self, number: int) -> bytes:
        return self._commitment(number) + b"".join(
            self._element(number, place) for place in range(CHUNK_WORDS)
        )

    def root(self, number: int) -> bytes:
        return self._commitment(number) + b"".join(
            self._element(number, ROOT_HI_PLACE + i) for i in range(2)
        )

    def word(self, number: int, place: int) -> bytes:
        return self._commitment(number) + self._element(number, place)

    def _commitment(self, number: int) -> bytes:
        commitment: bytes = self.commitments[number // BLOB_CHUNKS]
        return commitment

    def _element(self, number: int, place: int) -> bytes:
        """A word and the proof that the blob's polynomial takes it there."""
        element = CHUNK_WORDS * (number % BLOB_CHUNKS) + place
        z = point(element).to_bytes(32, "big")
        blob = self.blobs[number // BLOB_CHUNKS]
        proof, value = ckzg.compute_kzg_proof(blob, z, trusted_setup())
        expected = self.words[CHUNK_WORDS * number + place]
        assert int.from_bytes(value, "big") == expected
        return bytes(value) + bytes(proof)


def blobs_of(words: Sequence[int]) -> list[bytes]:
    """The blobs that hold these words: word j of chunk c is element ``32 * (c % 128) + j``."""
    data = _joined(words)
    size = 32 * BLOB_ELEMENTS
    return [data[i : i + size].ljust(size, b"\0") for i in range(0, len(data), size)]


def point(element: int) -> int:
    """Where element i of a blob is evaluated: a root of unity, in bit-reversed order."""
    bits = BLOB_ELEMENTS.bit_length() - 1
    exponent = int(f"{element:0{bits}b}"[::-1], 2)
    return pow(GENERATOR, (MODULUS - 1) // BLOB_ELEMENTS * exponent, MODULUS)


def versioned_hash(commitment: bytes) -> bytes:
    """0x01 and the last 31 bytes of the commitment's SHA-256."""
    return b"\x01" + sha256(commitment).digest()[1:]


@cache
def trusted_setup() -> Any:
    """The points of the KZG ceremony, which come with eth-account."""
    package = "eth_account.typed_transactions.blob_transactions"
    with as_file(files(package) / "kzg_trusted_setup.txt") as path:
        return ckzg.load_trusted_setup(str(path), 0)


def _joined(words: Sequence[int]) -> bytes:
    return b"".join(word.to_bytes(32, "big") for word in words)
