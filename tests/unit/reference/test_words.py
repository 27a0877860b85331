import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.errors import ProtocolError
from matcher.reference import words
from matcher.reference.faults import MalformedChunk

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "words.json").read_text())


@st.composite
def ops(draw):
    cls = draw(st.sampled_from(list(words.KINDS)))
    _, widths = words.LAYOUTS[words.KINDS[cls]]
    values = [draw(st.integers(0, (1 << width) - 1)) for width in widths]
    if cls is words.Fill:
        values[0] &= 1
    return cls(*values)


@given(ops())
def test_word_of_any_op_unpacks_to_it(op):
    word = words.pack(op)
    assert 0 <= word < 1 << 248
    assert words.unpack(word) == op


def test_fill_fields_stand_where_the_layout_draws_them():
    op = words.Fill(1, 2, 3, 4, 5, 6, 7, 8)
    drawn = "01010000020000030000040000000500000006000000000007000000000008"
    assert words.to_bytes(op).hex() == drawn


def test_credit_leaves_what_is_below_its_fields_zero():
    assert words.to_bytes(words.Credit(2, 5)).hex() == "020000020000000000000005" + "00" * 19


@given(st.integers(0, (1 << 256) - 1))
def test_unpack_of_any_word_gives_the_op_that_packs_to_it_or_convicts(word):
    try:
        op = words.unpack(word)
    except MalformedChunk:
        return
    assert words.pack(op) == word


@given(st.integers(0, 255), st.integers(0, 239))
def test_unpack_of_a_kind_and_one_bit_is_never_ambiguous(kind, bit):
    word = kind << 240 | 1 << bit
    try:
        assert words.pack(words.unpack(word)) == word
    except MalformedChunk:
        known = kind in words.LAYOUTS
        used = sum(words.LAYOUTS[kind][1]) if known else 0
        assert not known or bit < 240 - used or (kind == 1 and 232 < bit < 240)


def test_pack_of_a_field_too_wide_names_it():
    with pytest.raises(ProtocolError, match=r"amount: found 18446744073709551616"):
        words.pack(words.Credit(2, 1 << 64))


@pytest.mark.parametrize("case", VECTORS["chunks"], ids=lambda case: case["name"])
def test_chunk_is_what_its_vector_says(case):
    chunk = [int(word, 16) for word in case["words"]]
    if case["malformed"]:
        with pytest.raises(MalformedChunk):
            words.unpack_chunk(chunk)
        return
    unpacked, root = words.unpack_chunk(chunk)
    assert words.pack_chunk(unpacked, root) == chunk
    assert "0x" + root.hex() == case["root"]
