import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.errors import ProtocolError
from matcher.reference import tree
from matcher.reference.tree import ZERO, Path, Tree, keccak, node

DEPTH = 6
LEAVES = st.dictionaries(st.integers(0, (1 << DEPTH) - 1), st.binary(min_size=32, max_size=32))


def whole_root(leaves, depth):
    """The definition without any shortcut: every node of the full tree."""
    level = [leaves.get(i, ZERO) for i in range(1 << depth)]
    while len(level) > 1:
        level = [node(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


@given(LEAVES)
def test_sparse_roots_are_the_whole_trees_root(leaves):
    grown = Tree(DEPTH)
    for index, leaf in leaves.items():
        grown.set(index, leaf)
    assert tree.root_of(leaves, DEPTH) == grown.root() == whole_root(leaves, DEPTH)


@given(LEAVES, LEAVES)
def test_tree_that_forgot_leaves_equals_one_that_never_had_them(kept, forgotten):
    grown = Tree(DEPTH)
    for index, leaf in {**forgotten, **kept}.items():
        grown.set(index, leaf)
    for index in forgotten.keys() - kept.keys():
        grown.set(index, ZERO)
    assert grown.root() == tree.root_of(kept, DEPTH)
    assert ZERO not in grown.nodes.values()


@given(LEAVES, st.integers(0, (1 << DEPTH) - 1), st.binary(min_size=32, max_size=32))
def test_path_leads_to_the_root_and_no_other_leaf_does(leaves, index, other):
    grown = Tree(DEPTH)
    for at, leaf in leaves.items():
        grown.set(at, leaf)
    path, leaf = grown.path(index), grown.get(0, index)
    assert tree.root_from(leaf, index, path, DEPTH) == grown.root()
    assert ZERO not in path.siblings
    if other != leaf:
        assert tree.root_from(other, index, path, DEPTH) != grown.root()


@pytest.mark.parametrize(
    "path", [Path(1 << DEPTH, (b"x" * 32,)), Path(1, ()), Path(0, (b"x" * 32,)), Path(3, (ZERO,))]
)
def test_path_with_siblings_that_do_not_match_its_bitmap_is_refused(path):
    with pytest.raises(ProtocolError, match="path: found present"):
        tree.root_from(ZERO, 0, path, DEPTH)


def test_node_above_nothing_is_nothing_and_above_one_child_is_not():
    one = b"\x01" * 32
    assert node(ZERO, ZERO) == ZERO
    assert node(one, ZERO) == keccak(one + ZERO) != node(ZERO, one)


@given(st.integers(1, 600))
def test_words_depth_is_the_least_that_holds_all_chunks(chunks):
    depth = tree.words_depth(chunks)
    assert 32 * chunks <= 1 << depth
    assert chunks == 1 or 32 * chunks > 1 << depth - 1


@given(st.lists(st.integers(0, (1 << 248) - 1), min_size=32, max_size=32), st.integers(1, 5))
def test_a_chunk_is_an_aligned_subtree_of_the_words_tree(chunk, count):
    batch = chunk * count
    built = tree.words_tree(batch)
    assert built.root() == tree.words_root(batch)
    assert built.get(5, count - 1) == tree.words_root(chunk)
