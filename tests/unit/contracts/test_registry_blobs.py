"""Committing batches in blob mode, with real KZG proofs (section 6)."""

import random
from itertools import pairwise

import pytest

from matcher.reference.header import parent_of, ring_word
from matcher.reference.openings import BLOB_CHUNKS, MODULUS, BlobBody
from matcher.reference.tree import ZERO, keccak
from matcher.reference.words import Fill, pack_chunk
from tests.support.chain import reverts
from tests.support.exchange import Roles
from tests.support.registry import (
    COMMITTED,
    HIGH,
    LOW,
    MIN_BOND,
    NO_ROOTS,
    VAULT,
    Registry,
    chunk,
)

ROOT = keccak(b"state")
COMMITMENT, PROOF = slice(0, 48), slice(80, 128)  # of an opening
HIGH_AT, LOW_AT = slice(48, 80), slice(128, 160)


def fills(chunks: int, seed: int = 1) -> list[int]:
    """Chunks full of fills, each with another root."""
    rng = random.Random(seed)
    words: list[int] = []
    for _ in range(chunks):
        ops = [
            Fill(0, *(rng.getrandbits(24) for _ in range(3)), rng.getrandbits(32), 1, 7, 9)
            for _ in range(30)
        ]
        words += pack_chunk(ops, rng.randbytes(32))
    return words


def changed(opening: bytes, where: slice, new: bytes) -> bytes:
    parts = bytearray(opening)
    parts[where] = new
    assert len(parts) == len(opening) == 208
    return bytes(parts)


@pytest.fixture(scope="module")
def full() -> BlobBody:
    """A batch that fills its blob."""
    return BlobBody(fills(BLOB_CHUNKS))


@pytest.fixture(scope="module")
def small() -> BlobBody:
    return BlobBody(chunk())


# --- what is committed --------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", [1, 2, 127, 128, 129, 256, 257])
def test_commit_blobs_binds_the_words_as_the_model_does(registry: Registry, chunks: int) -> None:
    """`Registry.commit_blobs` compares the header, with its root, and the hashes."""
    body = BlobBody(fills(chunks, seed=chunks))
    batch = registry.commit_blobs(body, extra=keccak(b"file"))
    assert registry.status(batch) == (COMMITTED, batch.time)
    assert registry.ask("ringWord", 1) == ring_word(batch.header.batch_hash(), batch.time)
    assert batch.header.blobs_hash == keccak(b"".join(body.versioned_hashes))
    assert batch.header.chunks_root == ZERO
    facts = registry.facts()
    assert (facts["id"], facts["top"], facts["builtAt"]) == (1, 1, batch.header.built_at)


def test_commit_blobs_between_calldata_batches_each_names_its_parent(
    registry: Registry, small: BlobBody
) -> None:
    batches = [
        registry.commit(chunk("a")),
        registry.commit_blobs(small),
        registry.commit_blobs(BlobBody(chunk("b"))),
        registry.commit(chunk("c")),
    ]
    for parent, child in pairwise(batches):
        assert child.header.parent == parent_of(parent.header.batch_hash())
        assert child.header.id == parent.header.id + 1


def test_commit_blobs_words_above_op_words_are_the_provers_question(registry: Registry) -> None:
    """An element may be any below the field's modulus; only the last root must be one."""
    words = chunk("liar")
    words[0], words[7] = MODULUS - 1, 1 << 248
    registry.commit_blobs(BlobBody(words))


def test_commit_blobs_can_be_reverted_and_committed_again(
    registry: Registry, roles: Roles, small: BlobBody
) -> None:
    lie = registry.commit_blobs(small)
    registry.revert(lie, registry.genesis)
    index = registry.hire(roles.outsider.address)
    registry.commit_blobs(small, sender=roles.outsider, operator=index)


# --- which blobs --------------------------------------------------------------------------------


def test_commit_blobs_without_blobs_is_refused(registry: Registry, small: BlobBody) -> None:
    with reverts("BlobCount", 0, 1):
        registry.commit_blobs(small, hashes=[])


def test_commit_blobs_of_fewer_blobs_than_its_chunks_fill_is_refused(registry: Registry) -> None:
    body = BlobBody(fills(129))
    with reverts("BlobCount", 1, 2):
        registry.commit_blobs(body, hashes=body.versioned_hashes[:1])
    with reverts("BlobCount", 2, 512):
        registry.commit_blobs(body, chunks=(1 << 16) - 1, opening=body.root(128))


def test_commit_blobs_with_a_blob_that_nobody_would_read_is_refused(
    registry: Registry, small: BlobBody, full: BlobBody
) -> None:
    with reverts("BlobCount", 2, 1):
        registry.commit_blobs(small, hashes=small.versioned_hashes + full.versioned_hashes)
    with reverts("BlobCount", 2, 1):
        registry.commit_blobs(small, hashes=small.versioned_hashes * 3)


def test_commit_blobs_of_no_chunk_is_refused(registry: Registry, small: BlobBody) -> None:
    with reverts("WordCount", 0):
        registry.commit_blobs(small, chunks=0, opening=small.root(0))


def test_commit_blobs_of_fewer_chunks_than_the_blob_holds_takes_the_last_named(
    registry: Registry, full: BlobBody
) -> None:
    """What stands behind the last chunk belongs to nobody, and is not looked at."""
    first = BlobBody(full.words)
    first.words = full.words[:96]
    registry.commit_blobs(first, chunks=3, opening=full.root(2))


# --- the opening --------------------------------------------------------------------------------


def test_commit_blobs_root_of_another_chunk_is_refused(registry: Registry, full: BlobBody) -> None:
    """A true opening, of another place."""
    shown = full.root(126)
    high = full.words[32 * 126 + 30]
    with reverts("WordNotInBlob", full.versioned_hashes[0], 32 * 127 + 30, high):
        registry.commit_blobs(full, opening=shown)


def test_commit_blobs_root_that_is_not_in_the_blob_is_refused(
    registry: Registry, full: BlobBody
) -> None:
    """A root claimed for a blob is a lie nobody can open (section 13)."""
    shown, versioned = full.root(127), full.versioned_hashes[0]
    high = changed(shown, HIGH_AT, HIGH.to_bytes(32, "big"))
    with reverts("WordNotInBlob", versioned, 4094, HIGH):
        registry.commit_blobs(full, opening=high)
    low = changed(shown, LOW_AT, LOW.to_bytes(32, "big"))
    with reverts("WordNotInBlob", versioned, 4095, LOW):
        registry.commit_blobs(full, opening=low)
    swapped = shown[:48] + shown[128:208] + shown[48:128]
    with reverts("WordNotInBlob", versioned, 4094, full.words[-1]):
        registry.commit_blobs(full, opening=swapped)


def test_commit_blobs_value_that_is_equal_only_in_the_field_is_refused(
    registry: Registry, full: BlobBody
) -> None:
    """The precompile takes only the least representative, so a word has one form."""
    high = full.words[-2] + MODULUS
    shown = changed(full.root(127), HIGH_AT, (high % (1 << 256)).to_bytes(32, "big"))
    with reverts("WordNotInBlob", full.versioned_hashes[0], 4094, high % (1 << 256)):
        registry.commit_blobs(full, opening=shown)


def test_commit_blobs_wrong_proof_or_commitment_is_refused(
    registry: Registry, full: BlobBody, small: BlobBody
) -> None:
    shown, versioned = full.root(127), full.versioned_hashes[0]
    high = full.words[-2]
    for where, new in (
        (PROOF, small.root(0)[PROOF]),  # of another polynomial
        (PROOF, bytes(48)),  # no point of the curve
        (COMMITMENT, small.commitments[0]),  # of another blob
        (COMMITMENT, bytes(48)),
    ):
        with reverts("WordNotInBlob", versioned, 4094, high):
            registry.commit_blobs(full, opening=changed(shown, where, new))


def test_commit_blobs_opening_of_another_blob_is_refused(registry: Registry) -> None:
    """The last chunk is in the last blob; a true opening of the first does not do."""
    words = fills(129)
    words[30:32] = words[-2:]
    body = BlobBody(words)
    assert body.root(0)[HIGH_AT] == body.root(128)[HIGH_AT]
    with reverts("WordNotInBlob", body.versioned_hashes[1], 30, words[-2]):
        registry.commit_blobs(body, opening=body.root(0))
    registry.commit_blobs(body)


@pytest.mark.parametrize("length", [0, 47, 48, 207])
def test_commit_blobs_opening_cut_short_is_refused(
    registry: Registry, full: BlobBody, length: int
) -> None:
    shown = full.root(127)[:length]
    word = shown[48:80].ljust(32, b"\0")
    element, value = 4094, int.from_bytes(word, "big")
    if length > 128:
        element, value = 4095, full.words[-1]
    with reverts("WordNotInBlob", full.versioned_hashes[0], element, value):
        registry.commit_blobs(full, opening=shown)


@pytest.mark.parametrize(("high", "low"), [*NO_ROOTS, (HIGH, LOW | 1 << 252)])
def test_commit_blobs_last_chunk_without_a_root_is_refused(
    registry: Registry, high: int, low: int
) -> None:
    body = BlobBody([*chunk(), *chunk()[:30], high, low])
    with reverts("RootMissing", high, low):
        registry.commit_blobs(body)


# --- the guards of a commit ---------------------------------------------------------------------


def test_commit_blobs_has_every_guard_of_a_commit(
    registry: Registry, roles: Roles, small: BlobBody
) -> None:
    chain, genesis = registry.chain, registry.parent()
    with reverts("NotOperator", roles.outsider.address, 1):
        registry.commit_blobs(small, sender=roles.outsider)
    chain.travel(10 * registry.windows.lag)
    wrong, now = chain.now, chain.now
    with reverts("BuiltAtOutside", wrong, now - registry.windows.lag, now - 1):
        registry.commit_blobs(small, built_at=wrong)
    found = chain.block_hash(chain.height)
    with reverts("AnchorMismatch", chain.height, found, ZERO):
        registry.commit_blobs(small, anchor_hash=ZERO)
    with reverts("ParentMismatch", 0, genesis, ROOT):
        registry.commit_blobs(small, parent=ROOT)
    registry.commit_blobs(small)
    with reverts("ParentMismatch", 1, registry.parent(), genesis):
        registry.commit_blobs(small, parent=genesis)
    index = registry.hire(roles.outsider.address, MIN_BOND - 1)
    with reverts("BondTooSmall", index, MIN_BOND - 1, MIN_BOND):
        registry.commit_blobs(small, sender=roles.outsider)
    registry.hire(roles.challenger.address)
    registry.send(roles.owner, "setPaused", True)
    with reverts("CommitsPaused"):
        registry.commit_blobs(small, sender=roles.challenger)
    registry.send(roles.owner, "setPaused", False)
    chain.send(roles.owner, to=VAULT.address, value=10**18)
    registry.send(VAULT, "freeze")
    with reverts("ExchangeIsFrozen"):
        registry.commit_blobs(small, sender=roles.challenger)
