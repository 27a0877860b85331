"""What provers read witnesses with, against the model that writes them, in both modes."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.reference import openings, witness
from matcher.reference.header import BLOB, CALLDATA, Header
from matcher.reference.leaf import Account, Slot, account_hash
from matcher.reference.openings import MODULUS, BlobBody, Body, CalldataBody
from matcher.reference.state import State
from matcher.reference.tree import ZERO, keccak
from matcher.reference.words import pack_chunk
from matcher.types import SLOTS
from tests.support.chain import Chain, Reverted, reverts
from tests.support.exchange import Roles, header_tuple, state_of
from tests.unit.contracts.test_libraries import Library

CHUNKS = (1, 2, 3, 5, 128, 131)


@pytest.fixture(scope="module")
def library(shared_chain: Chain, roles: Roles) -> Library:
    return Library(shared_chain, shared_chain.deploy(roles.owner, "OpeningsHarness"))


def any_words(chunks: int) -> list[int]:
    """Words as wide as a blob can hold them, some zero; each chunk states a root."""
    rng = random.Random(chunks)
    words: list[int] = []
    for _ in range(chunks):
        words += [rng.choice((0, rng.randrange(MODULUS))) for _ in range(30)]
        words += pack_chunk([], rng.randbytes(32))[30:]
    return words


class Committed:
    """Words committed in both modes."""

    def __init__(self, chunks: int):
        self.words = any_words(chunks)
        self.chunks = chunks
        self.calldata, self.blob = CalldataBody(self.words), BlobBody(self.words)
        self.bodies: tuple[Body, Body] = (self.calldata, self.blob)
        self.headers = (
            Header(mode=CALLDATA, chunk_count=chunks, chunks_root=self.calldata.tree.root()),
            Header(mode=BLOB, chunk_count=chunks, blobs_hash=self.blob.blobs_hash),
        )


@pytest.fixture(scope="module")
def batches() -> dict[int, Committed]:
    return {chunks: Committed(chunks) for chunks in CHUNKS}


def stated(words: Sequence[int]) -> bytes:
    return b"".join((word >> 112 & (1 << 128) - 1).to_bytes(16, "big") for word in words)


# --- Reader -------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(data=st.binary(max_size=300), sizes=st.lists(st.integers(0, 80), max_size=12))
def test_reader_reads_what_slices_of_the_bytes_are(
    library: Library, data: bytes, sizes: list[int]
) -> None:
    """Behind the end everything is zero."""
    values, at, endless = [], 0, data + bytes(5000)
    for size in sizes:
        width = size or 32
        if size > 32:
            values.append(at)
            at += size - 32
            continue
        values.append(int.from_bytes(endless[at : at + width], "big"))
        at += width
    found, used = library.read(sizes, data)
    assert used == at
    shown = [v for v in values if v is not None]
    for value, expected, size in zip(found, shown, sizes, strict=True):
        assert value == expected, size


@settings(max_examples=25, deadline=None)
@given(data=st.binary(min_size=200, max_size=300), count=st.integers(0, 4), size=st.integers(0, 70))
def test_reader_lists_stand_where_they_are_read(
    library: Library, data: bytes, count: int, size: int
) -> None:
    words, rest, used = library.readLists(data, count, size)
    assert b"".join(words) == data[: 32 * count]
    assert rest == data[32 * count : 32 * count + size]
    assert used == 32 * count + size


# --- blobs --------------------------------------------------------------------------------------


def test_blob_every_sampled_element_opens_at_its_place_and_at_no_other(
    library: Library, batches: dict[int, Committed]
) -> None:
    """Bit-reversed order: each bit of an element's number alone, both ends, and a sample."""
    body = batches[128].blob
    versioned = body.versioned_hashes[0]
    rng = random.Random("elements")
    chosen = {0, 4095, *(1 << i for i in range(12)), 4095 ^ 1, 4095 ^ 2048}
    chosen |= set(rng.sample(range(4096), 8))
    for element in sorted(chosen):
        shown = body.word(*divmod(element, 32))
        library.requireElement(versioned, element, shown)
        for other in {element ^ 1, int(f"{element:012b}"[::-1], 2)} - {element}:
            value = body.words[element]
            if body.words[other] == value:
                continue
            with reverts("WordNotInBlob", versioned, other, value):
                library.requireElement(versioned, other, shown)


def test_blob_element_of_another_blob_is_refused(
    library: Library, batches: dict[int, Committed]
) -> None:
    body = batches[131].blob
    first, second = body.versioned_hashes
    shown = body.word(128, 3)
    library.requireElement(second, 3, shown)
    with reverts("WordNotInBlob", first, 3, body.words[32 * 128 + 3]):
        library.requireElement(first, 3, shown)


# --- openings -----------------------------------------------------------------------------------


@pytest.mark.parametrize("chunks", CHUNKS)
def test_openings_of_both_modes_read_the_same_words(
    library: Library, batches: dict[int, Committed], chunks: int
) -> None:
    found = batches[chunks]
    for number in {chunks // 2, chunks - 1}:
        expected = found.words[32 * number : 32 * (number + 1)]
        place = number % 32
        for header, body in zip(found.headers, found.bodies, strict=True):
            head, begin = header_tuple(header), body.begin()
            witness_ = begin + body.chunk(number)
            assert library.openChunk(head, witness_, number) == (tuple(expected), len(witness_))
            witness_ = begin + body.root(number)
            assert library.openRoot(head, witness_, number) == (
                stated(expected[30:]),
                len(witness_),
            )
            witness_ = begin + body.word(number, place)
            assert library.openWord(head, witness_, number, place) == (
                expected[place],
                len(witness_),
            )


@pytest.mark.parametrize("mode", [CALLDATA, BLOB])
def test_openings_beyond_the_batch_are_refused(
    library: Library, batches: dict[int, Committed], mode: int
) -> None:
    found = batches[3]
    head, body = header_tuple(found.headers[mode]), found.bodies[mode]
    for number in (3, 4, 1 << 200):
        for name, shown in (("openChunk", body.chunk(2)), ("openRoot", body.root(2))):
            with reverts("ChunkUnknown", number, 3):
                getattr(library, name)(head, body.begin() + shown, number)
        with reverts("ChunkUnknown", number, 3):
            library.openWord(head, body.begin() + body.word(2, 0), number, 0)
    for place in (32, 1 << 200):
        with reverts("ChunkUnknown", 1, 3):
            library.openWord(head, body.begin() + body.word(1, 0), 1, place)


@pytest.mark.parametrize("mode", [CALLDATA, BLOB])
def test_openings_of_another_place_are_refused(
    library: Library, batches: dict[int, Committed], mode: int
) -> None:
    found = batches[5]
    head, body = header_tuple(found.headers[mode]), found.bodies[mode]
    error = {CALLDATA: "WordsNotInBatch", BLOB: "WordNotInBlob"}[mode]
    for call in (
        lambda: library.openChunk(head, body.begin() + body.chunk(1), 2),
        lambda: library.openRoot(head, body.begin() + body.root(1), 3),
        lambda: library.openWord(head, body.begin() + body.word(1, 31), 1, 30),
    ):
        with pytest.raises(Reverted) as caught:
            call()
        assert caught.value.revert.name == error


@settings(max_examples=25, deadline=None)
@given(mode=st.sampled_from([CALLDATA, BLOB]), position=st.integers(0, 10**6), data=st.data())
def test_openings_with_any_byte_changed_are_refused_or_not_read(
    library: Library,
    batches: dict[int, Committed],
    mode: int,
    position: int,
    data: st.DataObject,
) -> None:
    """Every byte of a witness counts."""
    found = batches[5]
    head, body = header_tuple(found.headers[mode]), found.bodies[mode]
    name, part, args = data.draw(
        st.sampled_from(
            [("openChunk", "chunk", (4,)), ("openRoot", "root", (2,)), ("openWord", "word", (3, 7))]
        )
    )
    changed = bytearray(body.begin() + getattr(body, part)(*args))
    changed[position % len(changed)] ^= 1 << position % 8
    with pytest.raises(Reverted):
        getattr(library, name)(head, bytes(changed), *args)


@pytest.mark.parametrize("mode", [CALLDATA, BLOB])
def test_openings_cut_short_are_refused(
    library: Library, batches: dict[int, Committed], mode: int
) -> None:
    found = batches[2]
    head, body = header_tuple(found.headers[mode]), found.bodies[mode]
    whole = body.begin() + body.root(1)
    for length in {0, 1, 32, 48, len(whole) // 2, len(whole) - 1}:
        with pytest.raises(Reverted):
            library.openRoot(head, whole[:length], 1)


def test_openings_against_other_blobs_are_refused(
    library: Library, batches: dict[int, Committed]
) -> None:
    found, other = batches[5], batches[3]
    witness_ = other.blob.begin() + other.blob.root(0)
    expected = found.headers[1].blobs_hash
    with reverts("BlobsMismatch", other.blob.blobs_hash, expected):
        library.openRoot(header_tuple(found.headers[1]), witness_, 0)


@pytest.mark.parametrize("mode", [CALLDATA, BLOB])
def test_openings_of_a_chunk_that_states_no_root_say_so(library: Library, mode: int) -> None:
    words = [*any_words(1)[:30], 5, 6]
    body: Body = BlobBody(words) if mode == BLOB else CalldataBody(words)
    header = (
        Header(mode=BLOB, chunk_count=1, blobs_hash=body.blobs_hash)
        if isinstance(body, BlobBody)
        else Header(chunk_count=1, chunks_root=CalldataBody(words).tree.root())
    )
    with reverts("RootMissing", 5, 6):
        library.openRoot(header_tuple(header), body.begin() + body.root(0), 0)
    found, _ = library.openChunk(header_tuple(header), body.begin() + body.chunk(0), 0)
    assert list(found) == words


def test_openings_of_words_before_what_a_liar_left_behind_them(library: Library) -> None:
    """The commitment is to all of a blob: who leaves out its rest can open nothing."""
    words, rest = any_words(2), [7, 0, 9]
    whole = BlobBody([*words, *rest])
    head = header_tuple(Header(mode=BLOB, chunk_count=2, blobs_hash=whole.blobs_hash))
    found, _ = library.openChunk(head, whole.begin() + whole.chunk(1), 1)
    assert list(found) == words[32:]
    without = BlobBody(words)
    with reverts("BlobsMismatch", without.blobs_hash, whole.blobs_hash):
        library.openChunk(head, without.begin() + without.chunk(1), 1)


def test_point_of_the_model_is_the_root_of_unity_in_bit_reversed_order() -> None:
    """By definition: all 4096 are different roots, and element 1 is the negative of element 0."""
    points = [openings.point(i) for i in range(4096)]
    assert len(set(points)) == 4096
    assert all(pow(z, 4096, MODULUS) == 1 for z in random.Random(1).sample(points, 20))
    assert points[0] == 1
    assert all((points[2 * i] + points[2 * i + 1]) % MODULUS == 0 for i in range(2048))


# --- the state ----------------------------------------------------------------------------------


def lives(seed: int) -> State:
    rng = random.Random(seed)
    accounts: dict[int, Account] = {}
    for index in rng.sample(range(2, 1 << 24), rng.randint(1, 12)):
        positions = {i: rng.choice((-5, 7)) for i in rng.sample(range(1, 99), rng.randint(0, 32))}
        account = Account(rng.randrange(1 << 40), 3, 4, 5, positions)
        for slot in rng.sample(range(SLOTS), rng.randint(0, 5)):
            account.slots[slot] = Slot(rng.randrange(1, 1 << 20), rng.randrange(1 << 30))
        accounts[index] = account
    return state_of(accounts)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), other=st.binary(min_size=32, max_size=32))
def test_spots_open_any_account_and_lead_to_the_root_with_another_leaf(
    library: Library, seed: int, other: bytes
) -> None:
    state = lives(seed)
    absent = next(i for i in range(2, 99) if i not in state.accounts)
    for index in [*list(state.accounts)[:3], absent]:
        account = state.account(index)
        shown = witness.account(state.tree, index, account)
        leaf, root_with, used = library.openAccount(shown, state.root(), index, other)
        assert used == len(shown)
        if account != Account():
            assert keccak(b"\0" + b"".join(leaf)) == account_hash(account)
        twin = state.tree.copy()
        twin.set(index, other)
        assert root_with == twin.root()


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10**6), order=st.integers(0, (1 << 44) - 1), word=st.integers(0, 9))
def test_spots_open_any_slots_and_lead_to_the_root_with_another_word(
    library: Library, seed: int, order: int, word: int
) -> None:
    for account in list(lives(seed).accounts.values())[:2]:
        shown = witness.slots(account.slots, order)
        new = word.to_bytes(32, "big")
        found, root_with, used = library.openSlots(shown, account.slots.root(), order, new)
        assert used == len(shown)
        assert found == account.slots.word(order % SLOTS // 4)
        twin = account.slots.tree.copy()
        twin.set(order % SLOTS // 4, new)
        assert root_with == twin.root()


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6), position=st.integers(0, 10**6))
def test_spots_with_any_byte_changed_are_refused(
    library: Library, seed: int, position: int
) -> None:
    state = lives(seed)
    index = next(iter(state.accounts))
    changed = bytearray(witness.account(state.tree, index, state.account(index)))
    changed[position % len(changed)] ^= 1 << position % 8
    with pytest.raises(Reverted):
        library.openAccount(bytes(changed), state.root(), index, ZERO)
