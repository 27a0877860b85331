"""Assembly against its plain twins, and both against a model in Python, on inputs of any shape."""

from __future__ import annotations

from functools import cache, reduce

import pytest
from eth_abi.abi import encode
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sha3 import keccak_256

from gaslab.catalogue import calldata, deployment, memory, opcodes
from gaslab.environment import Deployed, Environment
from gaslab.errors import Reverted
from gaslab.schedule import load_schedule
from gaslab.solc import compile_files

FAMILIES = (memory, calldata, opcodes, deployment)
EXPERIMENTS = {one.id: one for family in FAMILIES for one in family.EXPERIMENTS}
WORD = 2**256
MULTIPLIER = 0x5851F42D4C957F2D14057B7EF767814F
INCREMENT = 0x2545F4914F6CDD1D

words = st.integers(0, WORD - 1)
fuzz = settings(max_examples=60, deadline=None)


@cache
def twins(name):
    """Each variant of an experiment on a chain of its own kind, by name."""
    experiment = EXPERIMENTS[name]
    found = {}
    for variant in experiment.variants:
        schedule = load_schedule(variant.schedules[0] if variant.schedules else "prague")
        source, chosen = experiment.source_of(variant), experiment.settings_of(variant)
        contract = compile_files([source], chosen)[variant.contract]
        found[variant.name] = Environment(schedule).deploy(contract)
    return found


def answer(deployed, name, arguments):
    """What a call with these bytes after the selector returns; None if it reverts."""
    selector = bytes.fromhex(
        next(
            selector
            for signature, selector in deployed.contract.method_identifiers.items()
            if signature.startswith(f"{name}(")
        )
    )
    try:
        return deployed.environment.call(deployed.address, selector + arguments)
    except Reverted:
        return None


def alike(name, function, arguments, variants=()):
    """The one answer of all variants."""
    known = twins(name)
    answers = {one: answer(known[one], function, arguments) for one in variants or known}
    assert len(set(answers.values())) == 1, answers
    return answers.popitem()[1]


def number(output):
    return None if output is None else int.from_bytes(output, "big")


def mostly(bits):
    """Values that fit a type, and some that do not."""
    narrow = st.integers(0, 2**bits - 1)
    return narrow | narrow | narrow | st.sampled_from([2**bits - 1, 2**bits, WORD - 1])


def checksum(items):
    return reduce(lambda total, item: (total * 31 + item) % WORD, items, 0)


def fill_word(maker, taker, price, quantity):
    return (maker ^ taker << 96 ^ price << 192 ^ quantity << 128) % WORD


# --- calldata -------------------------------------------------------------------------------------

dirty_fills = st.lists(st.tuples(mostly(160), mostly(160), mostly(64), mostly(64)), max_size=4)


@fuzz
@given(dirty_fills)
def test_fills_of_any_words_are_read_or_refused_alike(fills):
    found = alike(
        "zero-copy",
        "checksum",
        encode(["(uint256,uint256,uint256,uint256)[]"], [fills]),
        ("memory", "calldata", "words"),
    )
    clean = all(max(a, b) < 2**160 and max(c, d) < 2**64 for a, b, c, d in fills)
    expected = checksum(fill_word(*fill) for fill in fills) if clean else None
    assert number(found) == expected


@fuzz
@given(st.integers(0, 4).flatmap(lambda n: st.binary(min_size=56 * n, max_size=56 * n)))
def test_records_of_any_bytes_are_read_alike(records):
    found = alike("zero-copy", "checksum", encode(["bytes"], [records]), ("slices", "records"))
    items = (records[at : at + 56] for at in range(0, len(records), 56))
    cut = ((one[:20], one[20:40], one[40:48], one[48:]) for one in items)
    expected = checksum(fill_word(*(int.from_bytes(part, "big") for part in one)) for one in cut)
    assert number(found) == expected


@fuzz
@given(st.binary(min_size=1, max_size=120).filter(lambda data: len(data) % 56))
def test_records_with_a_part_of_one_are_refused_alike(records):
    found = alike("zero-copy", "checksum", encode(["bytes"], [records]), ("slices", "records"))
    assert found is None


@fuzz
@given(st.binary(max_size=90) | st.integers(1, 5).map(lambda n: bytes(range(21 * n))))
def test_messages_at_fixed_offsets_are_read_or_refused_alike(data):
    found = alike("fixed-layout", "checksum", encode(["bytes"], [data]), ("slices", "fixed"))
    items = (int.from_bytes(data[at : at + 21], "big") for at in range(0, len(data), 21))
    assert number(found) == (None if len(data) % 21 else checksum(items))


tables = st.integers(0, 3).flatmap(lambda n: st.binary(min_size=20 * n, max_size=20 * n + 19))


def indexes(table):
    """Places in a table, and rarely the first one beyond."""
    within, count = st.integers(0, max(len(table) // 20 - 1, 0)), len(table) // 20
    return within | within | within | st.just(count)


@st.composite
def indexed_batches(draw):
    parties = draw(tables)
    index = indexes(parties)
    wide = st.binary(min_size=16, max_size=16)
    entries = draw(st.lists(st.tuples(index, index, wide), max_size=4))
    joined = (a.to_bytes(2, "big") + b.to_bytes(2, "big") + rest for a, b, rest in entries)
    return parties, b"".join(joined) + draw(st.sampled_from([b""] * 7 + [b"\x01"]))


@fuzz
@given(indexed_batches())
@example((bytes(range(20)), bytes([0, 1, 0, 0]) + bytes(16)))
@example((bytes(range(20)), bytes([0, 0, 0, 1]) + bytes(16)))
def test_indexed_records_of_any_table_are_read_or_refused_alike(batch):
    parties, records = batch
    found = alike(
        "dictionary", "checksum", encode(["bytes", "bytes"], batch), ("dictionary", "words")
    )
    items, count = [], len(parties) // 20
    for at in range(0, len(records), 20):
        one = records[at : at + 20]
        places = int.from_bytes(one[:2], "big"), int.from_bytes(one[2:4], "big")
        if len(one) < 20 or max(places) >= count:
            assert found is None
            return
        maker, taker = (int.from_bytes(parties[20 * i : 20 * i + 20], "big") for i in places)
        price, quantity = int.from_bytes(one[4:12], "big"), int.from_bytes(one[12:], "big")
        items.append(fill_word(maker, taker, price, quantity))
    assert number(found) == checksum(items)


@st.composite
def delta_batches(draw):
    parties = draw(tables)
    index = indexes(parties)
    wide = st.binary(min_size=8, max_size=8)
    entries = draw(st.lists(st.tuples(index, index, wide), max_size=4))
    base = draw(st.integers(0, 2**64 - 1) | st.sampled_from([2**64 - 2**15, 2**64 - 1]))
    return base, parties, b"".join(bytes([a, b]) + rest for a, b, rest in entries)


@fuzz
@given(delta_batches())
@example((0, bytes(range(20)), bytes([1, 0]) + bytes(8)))
@example((0, bytes(range(20)), bytes([0, 1]) + bytes(8)))
@example((2**64 - 1, bytes(range(20)), bytes([0, 0, 0, 1]) + bytes(6)))
def test_delta_records_of_any_base_are_read_or_refused_alike(batch):
    base, parties, records = batch
    found = alike(
        "dictionary",
        "checksum",
        encode(["uint64", "bytes", "bytes"], batch),
        ("delta", "delta-words"),
    )
    items, good = [], True
    for at in range(0, len(records), 10):
        one = records[at : at + 10]
        price = base + int.from_bytes(one[2:4], "big")
        good = good and max(one[0], one[1]) < len(parties) // 20 and price < 2**64
        maker, taker = (int.from_bytes(parties[20 * i : 20 * i + 20], "big") for i in one[:2])
        items.append(fill_word(maker, taker, price, int.from_bytes(one[4:], "big")))
    assert number(found) == (checksum(items) if good else None)


# --- memory ---------------------------------------------------------------------------------------


def _chained(leaves):
    last = bytes(32)
    for leaf in leaves:
        last = keccak_256(last + keccak_256(leaf).digest()).digest()
    return last


@fuzz
@given(st.lists(st.tuples(mostly(160), mostly(64), mostly(64), mostly(64)), max_size=4))
def test_orders_of_any_words_are_hashed_or_refused_alike(orders):
    data = encode(["(uint256,uint256,uint256,uint256)[]"], [orders])
    found = alike("scratch-hash", "root", data)
    clean = all(one[0] < 2**160 and max(one[1:]) < 2**64 for one in orders)
    leaves = (encode(["uint256"] * 4, one) for one in orders)
    assert found == (_chained(leaves) if clean else None)


@fuzz
@given(words, st.integers(0, 6))
def test_leaves_of_any_seed_are_hashed_alike(seed, count):
    found = alike("scratch-hash", "derived", encode(["uint256", "uint256"], [seed, count]))
    assert found == _chained(encode(["uint256", "uint256"], [seed, i]) for i in range(count))


@fuzz
@given(st.binary(max_size=100))
def test_payload_of_any_length_is_copied_alike(payload):
    found = alike("mcopy", "broadcast", encode(["bytes"], [payload]))
    last = bytes(32)
    for i in range(32):
        last = keccak_256(last + i.to_bytes(32, "big") + payload).digest()
    assert found == last


@fuzz
@given(words, st.integers(0, 9), mostly(64))
def test_orders_of_any_limit_are_sifted_alike(seed, count, limit):
    data = encode(["uint256", "uint256", "uint256"], [seed, count, limit])
    kept = []
    for _ in range(count):
        seed = (seed * MULTIPLIER + INCREMENT) % WORD
        if seed >> 192 > limit:
            kept.append(seed >> 128)
    packed = b"".join(one.to_bytes(32, "big") for one in kept)
    expected = keccak_256(packed).digest() + len(kept).to_bytes(32, "big")
    assert alike("memory-compaction", "sift", data) == expected


@fuzz
@given(words, st.integers(0, 5))
def test_pages_of_any_seed_are_chained_alike(seed, pages):
    last = bytes(32)
    for i in range(pages):
        tail = seed * (2 * i + 1) % WORD
        page = i.to_bytes(32, "big") + bytes(30 * 32) + tail.to_bytes(32, "big")
        last = keccak_256(last + page).digest()
    data = encode(["uint256", "uint256"], [seed, pages])
    assert alike("memory-quadratic", "chain", data) == last


@fuzz
@given(words, st.integers(0, 12))
def test_values_of_any_seed_are_kept_alike(seed, count):
    values = [seed * (2 * i + 1) % WORD >> 64 & 2**64 - 1 for i in range(count)]
    data = encode(["uint256", "uint256"], [seed, count])
    assert number(alike("memory-spread", "checksum", data)) == checksum(reversed(values))


@fuzz
@given(words, st.integers(0, 6))
def test_ladders_of_any_seed_hold_alike(seed, rounds):
    alike("pointer-reset", "run", encode(["uint256", "uint256"], [seed, rounds]))


@fuzz
@given(words, st.integers(0, 6))
def test_totals_of_any_seed_are_alike(seed, fills):
    alike("stack-to-memory", "checksum", encode(["uint256", "uint256"], [seed, fills]))


# --- opcodes --------------------------------------------------------------------------------------


@fuzz
@given(st.integers(0, 2**64 - 1), st.integers(0, 8))
def test_notional_of_any_seed_is_alike(seed, fills):
    data = encode(["uint64", "uint256"], [seed, fills])
    total = 0
    for _ in range(fills):
        seed = (seed * 0x5851F42D4C957F2D + 0x14057B7EF767814F) % 2**64
        total += (seed >> 32) * ((seed & 0xFFFFFFFF) + 1)
    assert number(alike("unchecked", "notional", data)) == total


def _seed_of(state, modulus):
    """What the congruence leads to `state` from."""
    return (state - INCREMENT) * pow(MULTIPLIER, -1, modulus) % modulus


@fuzz
@given(words | st.integers(0, 255).map(lambda bit: 1 << bit) | st.sampled_from([0, WORD - 1]))
def test_highest_bit_of_any_word_is_found_alike(state):
    data = encode(["uint256", "uint256"], [_seed_of(state, WORD), 1])
    searched = state >> (state >> 248)
    assert number(alike("clz", "checksum", data)) == max(searched.bit_length() - 1, 0)


extremes = st.sampled_from([-(2**63), -(2**63) + 1, -1, 0, 1, 2**63 - 1])
integers = st.integers(-(2**63), 2**63 - 1) | extremes


@fuzz
@given(integers, integers)
def test_least_most_and_distance_of_any_pair_are_alike(x, y):
    state = x % 2**64 | y % 2**64 << 64
    data = encode(["uint256", "uint256"], [_seed_of(state, 2**128), 1])
    expected = checksum([min(x, y) % WORD, max(x, y) % WORD, abs(x - y)])
    assert number(alike("branchless", "checksum", data)) == expected


@pytest.mark.parametrize("count", [0, 1, 3, 4, 5, 9])
def test_price_list_of_any_length_is_added_up_alike(count):
    seed = 7 + count
    hashes = (keccak_256(encode(["uint64", "uint256"], [seed, i])).digest() for i in range(count))
    expected = sum(int.from_bytes(one[24:], "big") for one in hashes)
    twins.cache_clear()  # lists of other counts
    for deployed in twins("length-cache").values():
        assert deployed.send("fill", seed, count).success
        assert deployed.call("run") == expected


# --- clones ---------------------------------------------------------------------------------------

parties = st.binary(min_size=20, max_size=20).filter(any)


@settings(max_examples=15, deadline=None)
@given(parties, parties, st.integers(0, 2**64 - 1))
@example(b"\xff" * 20, b"\x01" + bytes(19), 2**64 - 1)
def test_terms_of_any_escrow_are_kept_alike(buyer, seller, limit):
    (source,) = {factory.contract.source for factory in twins("clone").values()}
    interface = compile_files([source])["FullEscrow"]
    for factory in twins("clone").values():
        opened = factory.send("open", buyer, seller, limit)
        address = factory.decode("open", opened.output)
        escrow = Deployed(factory.environment, interface, address, opened)
        assert (escrow.call("buyer"), escrow.call("seller")) == (buyer, seller)
        with pytest.raises(Reverted, match=f"Stranger.*0x{buyer.hex()}, 0x{seller.hex()}"):
            escrow.call("pay", 1)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**64 - 2))
def test_limit_of_any_escrow_holds_alike(limit):
    (source,) = {factory.contract.source for factory in twins("clone").values()}
    interface = compile_files([source])["FullEscrow"]
    for factory in twins("clone").values():
        buyer = factory.environment.accounts[0]
        opened = factory.send("open", buyer, bytes(19) + b"\x01", limit)
        address = factory.decode("open", opened.output)
        escrow = Deployed(factory.environment, interface, address, opened)
        assert escrow.call("pay", limit) == limit
        with pytest.raises(Reverted, match=rf"OverLimit\({limit + 1}, {limit}\)"):
            escrow.call("pay", limit + 1)
