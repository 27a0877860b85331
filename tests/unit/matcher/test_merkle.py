import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.errors import ProtocolError
from matcher.merkle import (
    ZERO,
    Path,
    Store,
    keccak,
    leaf_hash,
    levels_of,
    node,
    path_in,
    root_from,
)
from matcher.reference import tree

DEPTH = 6
leaves = st.dictionaries(
    st.integers(0, (1 << DEPTH) - 1),
    st.just(ZERO) | st.binary(min_size=32, max_size=32),
    max_size=20,
)


@given(st.lists(leaves, max_size=6))
def test_update_of_any_leaves_gives_the_root_of_the_reference(
    rounds: list[dict[int, bytes]],
) -> None:
    store, root, twin = Store(), ZERO, tree.Tree(DEPTH)
    everything: dict[int, bytes] = {}
    for changed in rounds:
        root = store.update(root, DEPTH, sorted(changed.items()))
        everything |= changed
        for index, leaf in changed.items():
            twin.set(index, leaf)
        assert root == twin.root()
    for index in range(1 << DEPTH):
        leaf, path = store.leaf(root, DEPTH, index), store.path(root, DEPTH, index)
        assert leaf == everything.get(index, ZERO)
        assert root_from(leaf, index, path, DEPTH) == root
        assert tree.root_from(leaf, index, tree.Path(*path), DEPTH) == root


@given(leaves, leaves)
def test_update_leaves_the_old_root_as_it_was(
    first: dict[int, bytes], second: dict[int, bytes]
) -> None:
    store = Store()
    old = store.update(ZERO, DEPTH, sorted(first.items()))
    store.update(old, DEPTH, sorted(second.items()))
    assert all(store.leaf(old, DEPTH, i) == first.get(i, ZERO) for i in range(1 << DEPTH))


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


def test_path_leaves_out_zero_siblings() -> None:
    store = Store()
    root = store.update(ZERO, 3, [(0, b"\1" * 32), (4, b"\2" * 32)])
    path = store.path(root, 3, 0)
    assert path.present == 0b100
    assert path.siblings == (node(node(b"\2" * 32, ZERO), ZERO),)


@pytest.mark.parametrize(
    "path", [Path(0b1000, (b"\1" * 32,)), Path(0b1, ()), Path(0, (b"\1" * 32,))]
)
def test_root_from_a_path_that_names_other_siblings_raises(path: Path) -> None:
    with pytest.raises(ProtocolError, match="siblings"):
        root_from(ZERO, 0, path, 3)


def test_update_of_few_leaves_makes_nodes_on_their_paths_only() -> None:
    store = Store()
    root = store.update(ZERO, 24, [(i, keccak(bytes([i]))) for i in range(64)])
    before = len(store)
    store.update(root, 24, [(5, b"\7" * 32), (6, b"\7" * 32)])
    assert len(store) - before <= 2 * 24


def test_sweep_keeps_what_wanted_roots_reach_and_nothing_else() -> None:
    store = Store()
    roots = []
    root = ZERO
    for number in range(20):
        slots = store.update(ZERO, 10, [(number, b"\1" * 32)])
        leaf = store.put_leaf(number.to_bytes(32, "big") + slots)
        root = store.update(root, 24, [(number % 3, leaf)])
        roots.append(root)
    store.sweep(roots[10:12], 24, 10)
    kept = len(store)
    for root in roots[10:12]:
        for index in range(3):
            words = store.get_leaf(store.leaf(root, 24, index))
            assert store.leaf(words[32:64], 10, words[31]) == b"\1" * 32
    fresh = Store()
    fresh._blobs = dict(store._blobs)
    fresh.sweep(roots[10:12], 24, 10)
    assert len(fresh) == kept
    with pytest.raises(KeyError):
        store.path(roots[0], 24, 0)
