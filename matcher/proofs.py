"""Checks of the proofs that a gateway hands out: believe the root, and nothing on the way to it."""

from collections.abc import Mapping
from typing import Any

from matcher import merkle
from matcher.batch import BLOB
from matcher.blobs.encoding import BLOB_ELEMENTS, blobs_hash, holds, versioned_hash
from matcher.client_errors import ProofInvalid
from matcher.eip712 import keccak
from matcher.errors import QuoinError
from matcher.types import ACCOUNT_TREE_DEPTH, CHUNK_WORDS


def header_hash(header: Mapping[str, str]) -> bytes:
    """Hash of a header as the gateway gives it: six words of 32 bytes."""
    names = ("info", "parent", "chunksRoot", "stateRoot", "blobsHash", "extra")
    return keccak(b"".join(_bytes32(header[name]) for name in names))


def verify_account_proof(proof: Mapping[str, Any]) -> None:
    """Check that the leaf hashes up to the header's state root, and the header to its hash."""
    _verify_header(proof)
    leaf = b"".join(_bytes32(word) for word in proof["leaf"])
    root = _climb(merkle.leaf_hash(leaf), int(proof["account"]), proof["path"], ACCOUNT_TREE_DEPTH)
    if root != _bytes32(proof["header"]["stateRoot"]):
        raise ProofInvalid(f"account {proof['account']}: the leaf leads to 0x{root.hex()}")


def verify_word_proof(proof: Mapping[str, Any]) -> None:
    """Check that an op word hashes up to the header's root of all words, or stands in its blob."""
    _verify_header(proof)
    chunks = int.from_bytes(_bytes32(proof["header"]["info"])[14:16], "big")
    index = int(proof["index"])
    if index >= chunks * CHUNK_WORDS:
        raise ProofInvalid(f"word {index} of a batch of {chunks} chunks")
    if _bytes32(proof["header"]["info"])[3] == BLOB:
        _verify_element(proof, index)
        return
    depth = (CHUNK_WORDS * chunks - 1).bit_length()
    root = _climb(_bytes32(proof["word"]), index, proof["path"], depth)
    if root != _bytes32(proof["header"]["chunksRoot"]):
        raise ProofInvalid(f"word {index}: it leads to 0x{root.hex()}")


def _verify_element(proof: Mapping[str, Any], index: int) -> None:
    """Check that a word is an element of the blob that it belongs in."""
    shown = proof["blob"]
    hashes = [_bytes32(each) for each in shown["hashes"]]
    commitment, opening = (bytes.fromhex(shown[name][2:]) for name in ("commitment", "proof"))
    number, element = divmod(index, BLOB_ELEMENTS)
    if blobs_hash(hashes) != _bytes32(proof["header"]["blobsHash"]):
        raise ProofInvalid(f"word {index}: the blobs are not the header's")
    if number >= len(hashes) or versioned_hash(commitment) != hashes[number]:
        raise ProofInvalid(f"word {index}: the commitment is not that of blob {number}")
    if not holds(commitment, element, _bytes32(proof["word"]), opening):
        raise ProofInvalid(f"word {index}: it is not element {element} of blob {number}")


def _verify_header(proof: Mapping[str, Any]) -> None:
    digest = header_hash(proof["header"])
    if digest != _bytes32(proof["batchHash"]):
        raise ProofInvalid(f"the header hashes to 0x{digest.hex()}, not {proof['batchHash']}")


def _climb(node: bytes, index: int, path: Mapping[str, Any], depth: int) -> bytes:
    siblings = tuple(_bytes32(sibling) for sibling in path["siblings"])
    try:
        return merkle.root_from(node, index, merkle.Path(int(path["present"]), siblings), depth)
    except QuoinError as error:
        raise ProofInvalid(f"path: {error}") from error


def _bytes32(text: str) -> bytes:
    value = bytes.fromhex(text[2:])
    if len(value) != 32:
        raise ProofInvalid(f"found {len(value)} bytes, allowed 32")
    return value
