import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.errors import ProtocolError
from matcher.reference import header
from matcher.reference.header import Header
from matcher.types import Windows


def test_header_fields_stand_where_the_layout_draws_them():
    made = Header(1, 2, 3, 4, 5, 6, b"a" * 32, b"b" * 32, b"c" * 32, b"d" * 32, b"e" * 32)
    info = "01000203000000000400000000050006" + "00" * 16
    assert made.encode().hex() == info + "61" * 32 + "62" * 32 + "63" * 32 + "64" * 32 + "65" * 32


roots = st.binary(min_size=32, max_size=32)
headers = st.builds(
    Header,
    *(st.integers(0, (1 << width) - 1) for _, width in header.INFO_FIELDS),
    *([roots] * 5),
)


@given(headers)
def test_header_decodes_to_what_was_encoded(made):
    assert header.decode(made.encode()) == made


@given(headers, st.integers(128, 255))
def test_header_with_a_reserved_bit_is_refused(made, bit):
    data = bytearray(made.encode())
    data[bit // 8] |= 128 >> bit % 8
    with pytest.raises(ProtocolError, match="reserved bits"):
        header.decode(bytes(data))


def test_header_field_too_wide_is_named():
    with pytest.raises(ProtocolError, match="chunk_count: found 65536"):
        Header(chunk_count=1 << 16).encode()


@given(roots, st.integers(0, (1 << 40) - 1))
def test_ring_word_keeps_216_bits_of_the_hash_and_the_time(batch_hash, at):
    word = int.from_bytes(header.ring_word(batch_hash, at), "big")
    number = int.from_bytes(batch_hash, "big")
    assert word == (number >> 40) << 40 | at
    assert int.from_bytes(header.parent_of(batch_hash), "big") == word >> 40 << 40


def test_genesis_is_final_at_once():
    windows = Windows(challenge=100, answer=10, freeze=5, notice=5, lag=5)
    word = header.genesis_ring_word(1000, windows)
    assert int.from_bytes(word[27:], "big") == 1000 - 120
    assert header.genesis(1000) == Header(version=1, built_at=1000)
