"""Words to blobs and back, against the reference model."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.blobs import encoding as e
from matcher.errors import ProtocolError
from matcher.reference import openings


def words_of(chunks: int, seed: int = 0) -> bytes:
    rng = random.Random(seed)
    return b"".join(rng.getrandbits(248).to_bytes(32, "big") for _ in range(32 * chunks))


def numbers(words: bytes) -> list[int]:
    return [int.from_bytes(words[i : i + 32], "big") for i in range(0, len(words), 32)]


@pytest.mark.parametrize("chunks", [1, 2, 127, 128, 129, 300])
def test_sidecar_is_what_the_model_commits_to(chunks: int) -> None:
    words = words_of(chunks, seed=chunks)
    sidecar, body = e.Sidecar.of(words), openings.BlobBody(numbers(words))
    assert list(sidecar.blobs) == body.blobs
    assert list(sidecar.commitments) == body.commitments
    assert list(sidecar.hashes) == body.versioned_hashes
    assert sidecar.blobs_hash == body.blobs_hash
    assert len(sidecar.blobs) == e.blob_count(chunks)
    last = chunks - 1
    assert sidecar.opening(last) == body.root(last)
    assert e.words_of(sidecar.blobs, chunks) == words


@given(element=st.integers(0, 4095))
def test_point_of_an_element_is_the_model_s(element: int) -> None:
    assert e.point(element) == openings.point(element)


@settings(max_examples=8, deadline=None)
@given(element=st.integers(0, 4095), other=st.integers(0, 4095))
def test_element_holds_at_its_place_and_at_no_other(element: int, other: int) -> None:
    blob = e.blobs_of(words_of(128, seed=5))[0]
    commitment, shown = e.commitment_of(blob), e.element_and_proof(blob, element)
    value, proof = shown[:32], shown[32:]
    assert value == blob[32 * element : 32 * element + 32]
    assert e.holds(commitment, element, value, proof)
    if other != element:
        assert not e.holds(commitment, other, value, proof)
    assert not e.holds(commitment, element, b"\xff" * 32, proof)
    assert not e.holds(commitment, element, value, bytes(48))


@pytest.mark.parametrize(
    ("words", "text"),
    [
        (b"", "found 0 bytes, allowed whole chunks of 1024"),
        (bytes(1023), "found 1023 bytes"),
        (bytes(1056), "found 1056 bytes"),
        (bytes(992) + b"\1" + bytes(31), r"one above 2\^248 - 1"),
    ],
)
def test_blobs_of_what_are_no_words_are_refused(words: bytes, text: str) -> None:
    with pytest.raises(ProtocolError, match=text):
        e.blobs_of(words)


def test_blobs_of_another_number_or_size_are_refused() -> None:
    blob = bytes(e.BLOB_BYTES)
    for blobs, chunks in (([], 1), ([blob, blob], 128), ([blob], 129)):
        with pytest.raises(ProtocolError, match=f"found {len(blobs)}, allowed"):
            e.words_of(blobs, chunks)
    with pytest.raises(ProtocolError, match="found 5 bytes, allowed 131072"):
        e.words_of([b"short"], 1)
    with pytest.raises(ProtocolError, match="found 5 bytes"):
        e.hash_of(b"short")
    with pytest.raises(ProtocolError, match="outside the field"):
        e.hash_of(b"\xff" * e.BLOB_BYTES)


def test_proofs_of_blobs_and_cells_are_as_many_as_the_rules_ask() -> None:
    sidecar = e.Sidecar.of(words_of(129))
    assert [len(proof) for proof in sidecar.proofs()] == [48] * 2
    assert [len(proof) for proof in sidecar.cell_proofs()] == [48] * 128 * 2
