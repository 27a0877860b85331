import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher import words
from matcher.errors import ProtocolError
from matcher.types import OpKind

OPS = {
    OpKind.FILL: words.Fill,
    OpKind.CREDIT: words.Credit,
    OpKind.WITHDRAW: words.Withdraw,
    OpKind.SETTLE: words.Settle,
    OpKind.TRANSFER: words.Transfer,
    OpKind.RELEASE: words.Release,
}


@st.composite
def ops(draw: st.DrawFn) -> words.Op:
    kind = draw(st.sampled_from(sorted(OPS)))
    values = [
        draw(st.integers(0, 1 if name == "flags" else (1 << width) - 1))
        for name, width in words.FIELDS[kind]
    ]
    return OPS[kind](*values)


@given(ops())
def test_unpack_of_a_packed_op_returns_it(op: words.Op) -> None:
    word = words.pack(op)
    assert len(word) == 31
    assert words.unpack(word) == op
    assert words.unpack(b"\0" + word) == op


@given(st.binary(min_size=31, max_size=31))
def test_unpack_of_any_bytes_returns_what_packs_to_them_or_raises(word: bytes) -> None:
    try:
        op = words.unpack(word)
    except ProtocolError:
        return
    assert words.pack(op) == word


def test_pack_fill_has_the_drawn_layout() -> None:
    word = words.pack(words.Fill(1, 2, 3, 4, 5, 6, 7, 8))
    assert word.hex() == "01010000020000030000040000000500000006" + ("000000000007000000000008")


@pytest.mark.parametrize("kind", sorted(OPS))
def test_pack_field_beyond_its_width_is_named(kind: int) -> None:
    for place, (name, width) in enumerate(words.FIELDS[kind]):
        values = [0] * len(words.FIELDS[kind])
        values[place] = 1 << width
        with pytest.raises(ProtocolError, match=rf"\.{name}: found {1 << width}"):
            words.pack(OPS[kind](*values))


@pytest.mark.parametrize(
    ("number", "what"),
    [
        (1 << 248, "allowed bits 247 to 0"),
        (0x07 << 240, "kind: found 0x07"),
        (1, "NOP: reserved"),
        ((0x02 << 240) | 1, "CREDIT: reserved"),
        ((0x01 << 240) | (2 << 232), "flags: found 0x02"),
    ],
)
def test_unpack_of_a_malformed_word_says_why(number: int, what: str) -> None:
    with pytest.raises(ProtocolError, match=what):
        words.unpack(number.to_bytes(32, "big"))


def test_unpack_op_refuses_a_root() -> None:
    high, low = words.root_words(bytes(range(32)))
    assert (words.unpack(high), words.unpack(low)) == (
        words.RootHi(int.from_bytes(bytes(range(16)), "big")),
        words.RootLo(int.from_bytes(bytes(range(16, 32)), "big")),
    )
    with pytest.raises(ProtocolError, match="a root stands"):
        words.unpack_op(high)


def test_accounts_of_a_fill_include_the_fee_account() -> None:
    assert words.accounts_of(words.Fill(0, 5, 6, 1, 1, 1, 1, 1)) == (5, 6, 0)
