"""Trees, leaves, headers, symbols and messages in Solidity, against the model and its vectors."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web3 import Web3

from matcher.errors import ProtocolError, SignatureError
from matcher.reference import header, leaf, messages, symbols, tree
from matcher.reference.words import pack_chunk
from matcher.types import CHUNK_WORDS, MAX_POSITIONS, Order, Report, Transfer, Withdrawal
from tests.support.chain import Chain, Reverted, account, reverts
from tests.support.exchange import Roles, header_tuple

VECTORS = Path(__file__).parents[2] / "vectors"
DEPTH = 24
node_bytes = st.sampled_from([tree.ZERO, b"\1" * 32]) | st.binary(min_size=32, max_size=32)


def vectors(name: str) -> Any:
    return json.loads((VECTORS / f"{name}.json").read_text())


def raw(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))


class Library:
    """Calls the harness's functions by name."""

    def __init__(self, chain: Chain, contract: Any):
        self.chain = chain
        self.contract = contract

    def __getattr__(self, name: str) -> Any:
        def call(*args: Any) -> Any:
            return self.chain.call(getattr(self.contract.functions, name)(*args))

        return call


@pytest.fixture(scope="module")
def library(shared_chain: Chain, roles: Roles) -> Library:
    return Library(shared_chain, shared_chain.deploy(roles.owner, "LibraryHarness"))


# --- Merkle -------------------------------------------------------------------------------------


@settings(max_examples=20, deadline=None)
@given(left=node_bytes, right=node_bytes)
def test_node_of_any_two_is_the_model_s(library: Library, left: bytes, right: bytes) -> None:
    assert library.node(left, right) == tree.node(left, right)


def test_path_vectors_lead_to_their_roots(library: Library) -> None:
    trees = vectors("trees")
    for of in trees["accountTrees"] + trees["wordTrees"]:
        for proof in of["proofs"]:
            path = (int(proof["present"]), [raw(s) for s in proof["siblings"]])
            args = (raw(proof["leaf"]), int(proof["index"]), int(of["depth"]), path)
            assert library.rootFrom(*args) == raw(of["root"]), of.get("name")
            assert library.verify(raw(of["root"]), *args) is True
            assert library.verify(tree.keccak(b"another"), *args) is False


def test_slot_path_vectors_lead_to_their_roots(library: Library) -> None:
    for vector in vectors("leaves"):
        for proof in vector["slotProofs"]:
            path = (int(proof["present"]), [raw(s) for s in proof["siblings"]])
            found = library.rootFrom(raw(proof["word"]), int(proof["slot"]) // 4, 10, path)
            assert found == raw(vector["slotsRoot"])


@settings(max_examples=25, deadline=None)
@given(
    leaves=st.dictionaries(st.integers(0, (1 << DEPTH) - 1), node_bytes, max_size=8),
    data=st.data(),
)
def test_path_of_any_leaf_leads_to_the_root(
    library: Library, leaves: dict[int, bytes], data: st.DataObject
) -> None:
    built = tree.Tree(DEPTH)
    for index, content in leaves.items():
        built.set(index, content)
    near = [i ^ 1 << level for i in leaves for level in (0, 1, 5, 23)]
    index = data.draw(st.sampled_from([0, *leaves, *near]))
    path = built.path(index)
    root = library.rootFrom(built.get(0, index), index, DEPTH, (path.present, list(path.siblings)))
    assert root == built.root() == tree.root_of(leaves, DEPTH)


@settings(max_examples=25, deadline=None)
@given(
    content=node_bytes,
    depth=st.integers(0, 24),
    index=st.integers(0, 1 << 25),
    present=st.integers(0, 1 << 25) | st.just(1 << 255),
    surplus=st.integers(-1, 1),
    seed=st.binary(max_size=4),
)
def test_path_of_any_form_is_taken_or_refused_as_by_the_model(
    library: Library,
    content: bytes,
    depth: int,
    index: int,
    present: int,
    surplus: int,
    seed: bytes,
) -> None:
    count = max(present.bit_count() + surplus, 0)
    siblings = [tree.keccak(seed + bytes([i])) for i in range(count)]
    args = (content, index, depth, (present, siblings))
    if index >> depth:
        with reverts("LeafIndexTooLarge", index, depth):
            library.rootFrom(*args)
    elif present >> depth:
        with reverts("PathTooDeep", present, depth):
            library.rootFrom(*args)
    elif present.bit_count() != count:
        with reverts("SiblingCountMismatch", count, present.bit_count()):
            library.rootFrom(*args)
    else:
        path = tree.Path(present, tuple(siblings))
        assert library.rootFrom(*args) == tree.root_from(content, index, path, depth)


def test_words_root_vectors_are_the_model_s(library: Library) -> None:
    for vector in vectors("trees")["wordTrees"]:
        words = [int(word, 16) for word in vector["words"]]
        assert library.rootOfWords(words) == raw(vector["root"])
        assert library.wordsDepth(int(vector["chunkCount"])) == int(vector["depth"])


@settings(max_examples=15, deadline=None)
@given(
    chunks=st.integers(1, 9),
    sparse=st.dictionaries(st.integers(0, 9 * 32 - 1), st.integers(0, (1 << 256) - 1)),
)
def test_words_root_of_any_words_ignores_what_stood_in_memory(
    library: Library, chunks: int, sparse: dict[int, int]
) -> None:
    words = [sparse.get(i, 0) for i in range(CHUNK_WORDS * chunks)]
    expected = tree.words_root(words)
    assert library.rootOfWords(words) == expected
    assert library.rootOfWordsInDirtyMemory(words) == expected


def test_words_depth_is_the_model_s(library: Library) -> None:
    for chunks in (1, 2, 3, 4, 5, 127, 128, 129, 65535):
        assert library.wordsDepth(chunks) == tree.words_depth(chunks)


# --- headers ------------------------------------------------------------------------------------


def test_header_vectors_hash_alike(library: Library) -> None:
    fields = ("info", "parent", "chunksRoot", "stateRoot", "blobsHash", "extra")
    for vector in vectors("headers"):
        encoded = tuple(raw(vector[name]) for name in fields)
        assert b"".join(encoded) == raw(vector["encoded"])
        assert library.headerHash(encoded) == raw(vector["batchHash"])
        assert library.headerHashMemory(encoded) == raw(vector["batchHash"])


@settings(max_examples=15, deadline=None)
@given(
    numbers=st.tuples(*(st.integers(0, (1 << width) - 1) for _, width in header.INFO_FIELDS)),
    hashes=st.tuples(*[st.binary(min_size=32, max_size=32)] * 5),
)
def test_header_of_any_fields_hashes_as_in_the_model(
    library: Library, numbers: tuple[int, ...], hashes: tuple[bytes, ...]
) -> None:
    which = header.Header(*numbers, *hashes)
    assert library.headerHash(header_tuple(which)) == which.batch_hash()
    assert library.headerHashMemory(header_tuple(which)) == which.batch_hash()


# --- leaves -------------------------------------------------------------------------------------


def words_of(numbers: list[int]) -> list[bytes]:
    return [number.to_bytes(32, "big") for number in numbers]


def test_leaf_vectors_hash_and_read_alike(library: Library) -> None:
    for vector in vectors("leaves"):
        words = [raw(word) for word in vector["words"]]
        assert library.leafHash(words) == raw(vector["hash"]), vector["name"]
        instruments, lots = library.positions(words)
        assert [str(i) for i in instruments] == [p["instrument"] for p in vector["positions"]]
        assert [str(n) for n in lots] == [p["lots"] for p in vector["positions"]]


def positions() -> st.SearchStrategy[dict[int, int]]:
    lots = st.integers(-(1 << 39), (1 << 39) - 1).filter(bool)
    return st.dictionaries(st.integers(1, (1 << 24) - 1), lots, max_size=MAX_POSITIONS)


@settings(max_examples=25, deadline=None)
@given(
    cash=st.integers(-(1 << 63), (1 << 63) - 1),
    held=positions(),
    slots=st.just(tree.ZERO) | st.binary(min_size=32, max_size=32),
)
def test_leaf_of_any_account_hashes_and_reads_as_in_the_model(
    library: Library, cash: int, held: dict[int, int], slots: bytes
) -> None:
    numbers = leaf.leaf_words(leaf.Account(cash=cash, positions=held), slots)
    assert library.leafHash(words_of(numbers)) == leaf.leaf_hash(numbers)
    instruments, lots = library.positions(words_of(numbers))
    assert dict(zip(instruments, lots, strict=True)) == held


def test_leaf_of_zeros_is_zero_however_long_but_has_two_words(library: Library) -> None:
    for count in (0, 1, 2, 3, 10):
        words = [bytes(32)] * count
        assert library.leafHash(words) == tree.ZERO
        if count == 2:
            library.checkLeaf(words)
        else:
            with reverts("LeafLength", count, 2):
                library.checkLeaf(words)


def quarter(instrument: int, lots: int) -> int:
    return instrument << 40 | lots % (1 << 40)


def leaf_of(count: int, *quarters: int, low: int = 0) -> list[bytes]:
    """A leaf of these quarters, right or wrong; `low`: what stands in rule and epoch."""
    padded = [*quarters, *[0] * (-len(quarters) % 4)]
    rows = [padded[i : i + 4] for i in range(0, len(padded), 4)]
    packed = [a << 192 | b << 128 | c << 64 | d for a, b, c, d in rows]
    return words_of([count << 40 | low, 0, *packed])


A, B = quarter(5, 1), quarter(6, -1)


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (leaf_of(5)[:1], ("LeafLength", 1, 2)),
        (leaf_of(1), ("LeafLength", 2, 3)),
        (leaf_of(0, 0), ("LeafLength", 3, 2)),
        (leaf_of(4, A, B, quarter(7, 1), quarter(8, 1), quarter(9, 1)), ("LeafLength", 4, 3)),
        (leaf_of(33, *[0] * 36), ("TooManyPositions", 33)),
        (leaf_of(255, *[0] * 256), ("TooManyPositions", 255)),
        (leaf_of(0, low=1 << 32), ("UnknownRule", 1, 0)),
        (leaf_of(0, low=7), ("UnknownRule", 0, 7)),
        (leaf_of(2, B, A), ("InvalidPosition", 1, 6, 5, 1)),
        (leaf_of(2, A, A), ("InvalidPosition", 1, 5, 5, 1)),
        (leaf_of(1, quarter(5, 0)), ("InvalidPosition", 0, 0, 5, 0)),
        (leaf_of(1, quarter(0, 9)), ("InvalidPosition", 0, 0, 0, 9)),
        (leaf_of(1, A, B), ("UnusedQuarterNotZero", 1)),
        (leaf_of(1, A, 0, 0, 1), ("UnusedQuarterNotZero", 3)),
        (leaf_of(5, A, B, quarter(7, 1), quarter(8, 1), quarter(9, 1), 0, 1),
         ("UnusedQuarterNotZero", 6)),
    ],
)  # fmt: skip
def test_leaf_of_another_shape_is_refused(
    library: Library, words: list[bytes], error: tuple[Any, ...]
) -> None:
    with reverts(*error):
        library.checkLeaf(words)


@pytest.mark.parametrize("place", range(8))
def test_leaf_of_whole_words_has_each_position_checked(library: Library, place: int) -> None:
    """Words of four positions are read at once; the wrong one is named as if one by one."""
    right = [quarter(5 + i, 1) for i in range(8)]
    library.checkLeaf(leaf_of(8, *right))
    before = 4 + place if place else 0
    # Above the one before it by its lots alone.
    again, empty = quarter(before, 2), quarter(5 + place, 0)
    for wrong, instrument, lots in ((again, before, 2), (empty, 5 + place, 0)):
        with reverts("InvalidPosition", place, before, instrument, lots):
            library.checkLeaf(leaf_of(8, *right[:place], wrong, *right[place + 1 :]))


# --- symbols ------------------------------------------------------------------------------------


def test_symbol_vectors_are_spelled_alike(library: Library) -> None:
    for vector in vectors("symbols")["valid"]:
        terms = [int(vector[name]) for name in ("kind", "expiry", "strike")]
        assert library.symbol(vector["name"], *terms) == vector["symbol"]


@settings(max_examples=40, deadline=None)
@given(
    kind=st.integers(0, 3),
    day=st.integers(0, 50_000),
    hour=st.sampled_from([8, 8, 8, 0, 7, 9, 23]),
    strike=st.integers(0, (1 << 24) - 1),
)
def test_symbol_of_any_terms_is_the_model_s_or_refused_with_it(
    library: Library, kind: int, day: int, hour: int, strike: int
) -> None:
    expiry = 24 * day + hour
    try:
        expected = symbols.symbol("BTC", kind, expiry, strike)
    except ProtocolError:
        error = ("UnknownKind", kind) if kind > 1 else ("ExpiryWithoutSymbol", expiry)
        with reverts(*error):
            library.symbol("BTC", kind, expiry, strike)
    else:
        assert library.symbol("BTC", kind, expiry, strike) == expected


# --- messages -----------------------------------------------------------------------------------

DIGESTS = {
    "Order": "orderDigest",
    "Withdrawal": "withdrawalDigest",
    "Transfer": "transferDigest",
    "Report": "reportDigest",
}


def test_domain_vectors_separate_alike(library: Library) -> None:
    for vector in vectors("digests")["domains"]:
        contract = account_address(raw(vector["verifyingContract"]))
        assert library.domainSeparator(int(vector["chainId"]), contract) == raw(vector["separator"])


def account_address(address: bytes) -> str:
    return str(Web3.to_checksum_address(address))


def test_message_vectors_digest_and_recover_alike(library: Library) -> None:
    for vector in vectors("digests")["messages"]:
        digest = raw(vector["digest"])
        if vector["type"] in DIGESTS:  # the others never reach the chain
            contract = account_address(raw(vector["verifyingContract"]))
            separator = library.domainSeparator(int(vector["chainId"]), contract)
            terms = tuple(
                int(value) if isinstance(value, str) and value.isdecimal() else value
                for value in vector["terms"].values()
            )
            assert getattr(library, DIGESTS[vector["type"]])(terms, separator) == digest
        for signature in (vector["signature"], vector["compactSignature"]):
            assert library.recover(digest, raw(signature)) == account_address(raw(vector["signer"]))


unsigned = {width: st.integers(0, (1 << width) - 1) for width in (8, 24, 40, 48, 64)}
any_message = st.one_of(
    st.builds(
        Order,
        account=unsigned[24],
        instrument=st.text(max_size=40),
        buy=st.booleans(),
        price=unsigned[64],
        quantity=unsigned[64],
        id=unsigned[48],
        expiry=unsigned[40],
        flags=unsigned[8],
    ),
    st.builds(Withdrawal, unsigned[24], unsigned[64], unsigned[48], unsigned[40]),
    st.builds(Transfer, unsigned[24], unsigned[24], unsigned[64], unsigned[48], unsigned[40]),
    st.builds(Report, unsigned[8], unsigned[24], unsigned[64]),
)


@settings(max_examples=30, deadline=None)
@given(message=any_message, separator=st.binary(min_size=32, max_size=32))
def test_message_of_any_terms_digests_as_in_the_model(
    library: Library, message: Any, separator: bytes
) -> None:
    terms = tuple(messages.terms(message).values())
    found = getattr(library, DIGESTS[messages.type_name(message)])(terms, separator)
    assert found == messages.digest(message, separator)


def test_signature_vectors_that_are_bad_are_refused(library: Library) -> None:
    high_s = {"high s", "s one above half", "s the curve's order", "compact, high s"}
    for vector in vectors("digests")["badSignatures"]:
        digest, signature = raw(vector["digest"]), raw(vector["signature"])
        reason = vector["reason"]
        if len(signature) not in (64, 65):
            error: tuple[Any, ...] = ("SignatureLength", len(signature))
        elif reason.startswith("v "):
            error = ("SignatureV", signature[64])
        elif reason in high_s:
            s = int.from_bytes(signature[32:64], "big")
            low = s & (1 << 255) - 1 if len(signature) == 64 else s
            error = ("SignatureHighS", low.to_bytes(32, "big"))
        else:
            error = ("SignatureOfNobody", digest)
        with reverts(*error):
            library.recover(digest, signature)


@settings(max_examples=40, deadline=None)
@given(
    digest=st.binary(min_size=32, max_size=32),
    name=st.sampled_from(["a", "b"]),
    damage=st.none() | st.tuples(st.integers(0, 64), st.integers(0, 7)),
    compact=st.booleans(),
)
def test_signature_whole_or_damaged_recovers_as_in_the_model(
    library: Library,
    digest: bytes,
    name: str,
    damage: tuple[int, int] | None,
    compact: bool,
) -> None:
    signer = account(name)
    signature = bytearray(signer.unsafe_sign_hash(digest).signature)
    if compact:
        signature[32] |= (signature.pop() - 27) << 7
    if damage is not None and damage[0] < len(signature):
        signature[damage[0]] ^= 1 << damage[1]
    elif damage is None:
        assert library.recover(digest, bytes(signature)) == signer.address
    try:
        expected = messages.recover(digest, bytes(signature))
    except SignatureError:
        with pytest.raises(Reverted, match=r"^Signature"):
            library.recover(digest, bytes(signature))
    else:
        assert library.recover(digest, bytes(signature)) == account_address(expected)


def test_chunk_root_words_are_leaves_of_the_tree(library: Library) -> None:
    """Word j of chunk c is leaf 32 * c + j, as it stands."""
    batch = [*pack_chunk([], b"\1" * 32), *pack_chunk([], b"\2" * 32), *pack_chunk([], tree.ZERO)]
    path = tree.words_tree(batch).path(32 + 30)
    leaf_word = batch[62].to_bytes(32, "big")
    found = library.rootFrom(leaf_word, 62, 7, (path.present, list(path.siblings)))
    assert found == library.rootOfWords(batch)
