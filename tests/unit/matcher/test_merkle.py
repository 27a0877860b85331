import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.errors import ProtocolError
from matcher.merkle import (
    ZERO,
    Path,
    keccak,
    leaf_hash,
    levels_of,
    node,
    path_in,
    root_from,
)
from matcher.reference import tree


@given(
    st.integers(0, 5).flatmap(
        lambda n: st.lists(st.binary(min_size=32, max_size=32), min_size=1 << n, max_size=1 << n)
    )
)
def test_path_in_a_full_tree_leads_to_its_root(words: list[bytes]) -> None:
    levels = levels_of(words)
    depth = len(levels) - 1
    assert levels[-1][0] == tree.root_of(dict(enumerate(words)), depth)
    for index, word in enumerate(words):
        assert root_from(word, index, path_in(levels, index), depth) == levels[-1][0]


def test_node_of_zeros_is_zero() -> None:
    assert node(ZERO, ZERO) == ZERO
    assert node(ZERO, b"\1" * 32) == keccak(ZERO + b"\1" * 32)


def test_leaf_hash_is_zero_only_for_zero_words() -> None:
    assert leaf_hash(bytes(64)) == ZERO
    assert leaf_hash(bytes(63) + b"\1") == keccak(b"\0" + bytes(63) + b"\1")


@pytest.mark.parametrize(
    "path", [Path(0b1000, (b"\1" * 32,)), Path(0b1, ()), Path(0, (b"\1" * 32,))]
)
def test_root_from_a_path_that_names_other_siblings_raises(path: Path) -> None:
    with pytest.raises(ProtocolError, match="siblings"):
        root_from(ZERO, 0, path, 3)
