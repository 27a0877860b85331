"""The packed words: each read and written against one Python expression of its drawn layout."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from web3 import Web3

from matcher.reference import words
from matcher.types import OpKind
from tests.support.chain import Chain
from tests.support.exchange import Roles

VECTORS = Path(__file__).parents[2] / "vectors"
U256 = (1 << 256) - 1


@dataclass(frozen=True)
class Layout:
    """Fields of a word, highest first: widths in bits, negative if signed; then zeros."""

    name: str
    widths: tuple[int, ...]
    total: int = 256  # bits of the word
    right: bool = False  # fields fill it from the right

    @property
    def unused(self) -> int:
        return self.total - sum(map(abs, self.widths))

    def pack(self, values: tuple[int, ...]) -> int:
        word = 0
        for value, width in zip(values, self.widths, strict=True):
            word = word << abs(width) | value % (1 << abs(width))
        return word if self.right else word << self.unused

    def values(self) -> st.SearchStrategy[tuple[int, ...]]:
        return st.tuples(*map(field, self.widths))


def field(width: int) -> st.SearchStrategy[int]:
    """Any value of a field, its ends often."""
    least, most = (
        (-(1 << -width - 1), (1 << -width - 1) - 1) if width < 0 else (0, (1 << width) - 1)
    )
    return st.sampled_from([least, most, 0, 1]) | st.integers(least, most)


LAYOUTS = {
    layout.name: layout
    for layout in (
        Layout("HeaderInfo", (8, 16, 8, 40, 40, 16)),
        Layout("AccountA", (160, 56, 40)),
        Layout("KeyWord", (40, 40), right=True),
        Layout("LeafWord", (-64, 64, 56, 24, 8)),
        Layout("Position", (24, -40), total=64),
        Layout("MarketWord", (64, 32, 32)),
        Layout("FeesWord", (-32, -32, -32, -32, 40)),
        Layout("ExpiryWord", (56, 16, 32)),
        Layout("PriceWord", (64, 40)),
    )
}
HEAD = Layout("HeadWord", (40, 40, 40, 40, 16, 5, 1, 1, 1))
ACCOUNT_B = Layout("AccountB", (64, 40, 24, 40))
INSTRUMENT = Layout("Instrument", (8, 8, 24, 24), total=64)


@pytest.fixture(scope="module")
def harness(shared_chain: Chain, roles: Roles) -> Any:
    return shared_chain.deploy(roles.owner, "WordHarness").functions


@pytest.fixture(scope="module")
def ask(shared_chain: Chain, harness: Any) -> Callable[..., Any]:
    """Call a function of the harness; words are integers on both sides."""

    def call(name: str, *args: Any) -> Any:
        return shared_chain.call(getattr(harness, name)(*args))

    return call


def number(word: int | bytes) -> int:
    return word if isinstance(word, int) else int.from_bytes(word, "big")


def as_argument(layout: Layout, word: int) -> int | bytes:
    """HeaderInfo and LeafWord stand among hashed words: they are bytes32."""
    return word.to_bytes(32, "big") if layout.name in ("HeaderInfo", "LeafWord") else word


def as_fields(layout: Layout, values: tuple[int, ...]) -> list[Any]:
    fields: list[Any] = list(values)
    if layout.name == "AccountA":
        fields[0] = f"0x{values[0]:040x}"
    if layout.name == "MarketWord":
        fields[0] = values[0].to_bytes(8, "big")
    return fields


def from_fields(found: tuple[Any, ...]) -> tuple[int, ...]:
    return tuple(int(value, 16) if isinstance(value, str) else number(value) for value in found)


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_word_made_and_read_is_as_drawn(
    ask: Callable[..., Any], layout: Layout, data: st.DataObject
) -> None:
    values = data.draw(layout.values())
    word = layout.pack(values)
    made = ask(f"make{layout.name}", *checksummed(as_fields(layout, values)))
    assert number(made) == word
    # A getter reads its own bits alone: whatever stands in the unused ones.
    dirt = data.draw(st.integers(0, (1 << layout.unused) - 1))
    dirty = word | (dirt << layout.total - layout.unused if layout.right else dirt)
    found = from_fields(ask(f"read{layout.name}", as_argument(layout, dirty)))
    assert found[: len(values)] == values


def checksummed(fields: list[Any]) -> list[Any]:
    return [
        Web3.to_checksum_address(value) if isinstance(value, str) else value for value in fields
    ]


def test_leaf_word_rule_and_epoch_are_the_low_forty_bits(ask: Callable[..., Any]) -> None:
    word = (0xAB << 32 | 0xDEADBEEF).to_bytes(32, "big")
    assert ask("readLeafWord", word) == (0, 0, 0, 0, 0, 0xAB, 0xDEADBEEF)


@settings(max_examples=25, deadline=None)
@given(before=st.integers(0, U256), values=HEAD.values())
def test_head_word_set_keeps_the_rest(
    ask: Callable[..., Any], before: int, values: tuple[int, ...]
) -> None:
    *fields, _, frozen, paused, started = values
    flags = (bool(started), bool(paused), bool(frozen))
    word = ask("setHeadWord", before, (*fields, *flags))
    # started and frozen are never taken back; the unused bits are not touched
    old_frozen, old_started = before >> 74 & 1, before >> 72 & 1
    unused = (before >> 75 & 0b11111) << 75 | before & (1 << 72) - 1
    expected = HEAD.pack((*fields, 0, frozen | old_frozen, paused, started | old_started))
    assert word == expected | unused
    now = (bool(started | old_started), bool(paused), bool(frozen | old_frozen))
    assert ask("readHeadWord", word) == (*fields, *now)


@settings(max_examples=25, deadline=None)
@given(before=st.integers(0, U256), values=ACCOUNT_B.values())
def test_account_b_set_keeps_the_rest(
    ask: Callable[..., Any], before: int, values: tuple[int, ...]
) -> None:
    word = ask("setAccountB", before, *values)
    assert word == ACCOUNT_B.pack(values) | before & (1 << 88) - 1
    assert ask("readAccountB", word) == values


@settings(max_examples=15, deadline=None)
@given(before=st.integers(0, U256), total=field(56), time=field(40))
def test_account_a_set_deposited_keeps_the_owner(
    ask: Callable[..., Any], before: int, total: int, time: int
) -> None:
    assert ask("setAccountA", before, total, time) == before >> 96 << 96 | total << 40 | time


@settings(max_examples=25, deadline=None)
@given(before=st.integers(0, U256), index=st.integers(0, (1 << 24) - 1), values=INSTRUMENT.values())
def test_instrument_set_takes_its_quarter_alone(
    ask: Callable[..., Any], before: int, index: int, values: tuple[int, ...]
) -> None:
    shift = 64 * (3 - index % 4)
    word = ask("setInstrument", before, index, *values)
    mask = (1 << 64) - 1 << shift
    assert word == before & ~mask | INSTRUMENT.pack(values) << shift
    for other in range(index // 4 * 4, index // 4 * 4 + 4):
        quarter = word >> 64 * (3 - other % 4) & (1 << 64) - 1
        assert INSTRUMENT.pack(ask("readInstrument", word, other)) == quarter


@settings(max_examples=25, deadline=None)
@given(batch_hash=st.binary(min_size=32, max_size=32), committed_at=field(40))
def test_ring_word_keeps_216_bits_and_the_time(
    ask: Callable[..., Any], batch_hash: bytes, committed_at: int
) -> None:
    word = ask("makeRingWord", batch_hash, committed_at)
    assert word == batch_hash[:27] + committed_at.to_bytes(5, "big")
    assert ask("readRingWord", word) == (batch_hash[:27] + bytes(5), committed_at)
    assert ask("ringWordBinds", word, batch_hash) is (word != bytes(32))
    assert ask("ringWordBinds", word, batch_hash[:27] + bytes(5)) is (word != bytes(32))
    other = bytes([*batch_hash[:26], batch_hash[26] ^ 1, *batch_hash[27:]])
    assert ask("ringWordBinds", word, other) is False


def test_ring_word_empty_binds_nothing(ask: Callable[..., Any]) -> None:
    assert ask("ringWordBinds", bytes(32), bytes(32)) is False


@settings(max_examples=25, deadline=None)
@given(values=LAYOUTS["FeesWord"].values(), built_at=field(40), near=st.integers(-1, 1))
def test_fees_word_rates_change_at_the_date(
    ask: Callable[..., Any], values: tuple[int, ...], built_at: int, near: int
) -> None:
    word = LAYOUTS["FeesWord"].pack(values)
    for time in (built_at, min(max(values[4] + near, 0), (1 << 40) - 1)):
        expected = values[2:4] if time >= values[4] else values[:2]
        assert ask("feesAt", word, time) == expected


# --- op words ---------------------------------------------------------------------------------

PACKED = {
    words.Fill: "Fill",
    words.Credit: "Credit",
    words.Withdraw: "Withdraw",
    words.Settle: "Settle",
    words.Transfer: "Transfer",
    words.Release: "Release",
}


def vectors() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((VECTORS / "words.json").read_text())
    return found


def ops() -> st.SearchStrategy[words.AnyWord]:
    def of(cls: type[words.AnyWord]) -> st.SearchStrategy[words.AnyWord]:
        widths = words.LAYOUTS[words.KINDS[cls]][1]
        fields = [st.integers(0, 1) if cls is words.Fill else field(widths[0])]
        return st.builds(cls, *fields, *map(field, widths[1:]))

    return st.sampled_from(list(PACKED)).flatmap(of)


def check_op(ask: Callable[..., Any], op: words.AnyWord) -> None:
    word, name = words.pack(op), PACKED[type(op)]
    values = tuple(vars(op).values())
    assert ask(f"pack{name}", values) == word
    assert ask(f"unpack{name}", word) == values
    assert ask("kindOf", word) == words.KINDS[type(op)]
    assert ask("isWellFormed", word) is True


def test_op_vectors_pack_and_unpack_alike(ask: Callable[..., Any]) -> None:
    for vector in vectors()["valid"]:
        word = int(vector["word"], 16)
        assert ask("isWellFormed", word) is True, vector
        assert ask("kindOf", word) == int(vector["kind"])
        op = words.unpack(word)
        if type(op) in PACKED:
            assert [str(value) for value in vars(op).values()] == list(vector["fields"].values())
            check_op(ask, op)


@settings(max_examples=40, deadline=None)
@given(op=ops())
def test_op_any_packs_and_unpacks_as_in_the_model(
    ask: Callable[..., Any], op: words.AnyWord
) -> None:
    check_op(ask, op)


def test_op_vectors_malformed_are_not_well_formed(ask: Callable[..., Any]) -> None:
    for vector in vectors()["malformed"]:
        assert ask("isWellFormed", int(vector["word"], 16)) is False, vector


@settings(max_examples=60, deadline=None)
@given(
    kind=st.sampled_from([*OpKind, 0x07, 0x10, 0xFD]),
    payload=st.integers(0, (1 << 240) - 1),
    keep=st.integers(0, 240),
    above=st.sampled_from([0, 0, 0, 1, 0x80]),
)
def test_op_any_word_is_well_formed_as_in_the_model(
    ask: Callable[..., Any], kind: int, payload: int, keep: int, above: int
) -> None:
    word = above << 248 | kind << 240 | payload >> keep << keep
    try:
        words.unpack(word)
        expected = True
    except words.MalformedChunk:
        expected = False
    assert ask("isWellFormed", word) is expected


@settings(max_examples=15, deadline=None)
@given(root=st.binary(min_size=32, max_size=32))
def test_root_words_hold_both_halves(ask: Callable[..., Any], root: bytes) -> None:
    high, low = ask("packRoot", root)
    assert [high, low] == words.root_words(root)
    halves = (ask("rootHalf", high), ask("rootHalf", low))
    assert b"".join(half.to_bytes(16, "big") for half in halves) == root
