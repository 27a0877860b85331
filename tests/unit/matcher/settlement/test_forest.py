"""Trees that change and remember, against the reference's."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.batch import words_depth
from matcher.kernel.tree import updater
from matcher.merkle import ZERO, keccak, leaf_hash, node, root_from
from matcher.reference import tree
from matcher.settlement.forest import Forest, WholeTree

DEPTH = 6
hashes = st.binary(min_size=32, max_size=32)
leaves = st.dictionaries(st.integers(0, (1 << DEPTH) - 1), st.just(ZERO) | hashes, max_size=20)


@pytest.fixture(autouse=True, scope="module")
def compiled() -> None:
    """What is compiled when it is first asked for would break the deadline of an example."""
    updater()


def changed_to(forest: Forest, root: bytes, leaves: dict[int, bytes], depth: int = DEPTH) -> bytes:
    return forest.update([(root, sorted(leaves.items()))], depth)[0] if leaves else root


@given(st.lists(leaves, max_size=6))
def test_update_of_any_leaves_gives_the_root_of_the_reference(
    rounds: list[dict[int, bytes]],
) -> None:
    forest, root, twin = Forest(), ZERO, tree.Tree(DEPTH)
    everything: dict[int, bytes] = {}
    for changed in rounds:
        root = changed_to(forest, root, changed)
        everything |= changed
        for index, leaf in changed.items():
            twin.set(index, leaf)
        assert root == twin.root()
    for index in range(1 << DEPTH):
        leaf, path = forest.leaf(root, DEPTH, index), forest.path(root, DEPTH, index)
        assert leaf == everything.get(index, ZERO)
        assert root_from(leaf, index, path, DEPTH) == root
        assert tree.root_from(leaf, index, tree.Path(*path), DEPTH) == root


@given(leaves, leaves)
def test_update_leaves_the_old_root_as_it_was(
    first: dict[int, bytes], second: dict[int, bytes]
) -> None:
    forest = Forest()
    old = changed_to(forest, ZERO, first)
    changed_to(forest, old, second)
    assert all(forest.leaf(old, DEPTH, i) == first.get(i, ZERO) for i in range(1 << DEPTH))


@given(st.lists(st.tuples(leaves.filter(bool), leaves.filter(bool)), min_size=1, max_size=12))
def test_update_of_many_trees_together_equals_one_after_another(
    trees: list[tuple[dict[int, bytes], dict[int, bytes]]],
) -> None:
    together, alone = Forest(), Forest()
    roots = together.update([(ZERO, sorted(first.items())) for first, _ in trees], DEPTH)
    after = together.update(
        [(root, sorted(second.items())) for root, (_, second) in zip(roots, trees, strict=True)],
        DEPTH,
    )
    for (first, second), root, last in zip(trees, roots, after, strict=True):
        assert changed_to(alone, ZERO, first) == root
        assert changed_to(alone, root, second) == last
        assert last == tree.root_of(first | second, DEPTH)


def test_update_takes_leaves_out_until_the_tree_is_empty() -> None:
    forest = Forest()
    root = changed_to(forest, ZERO, {3: b"\1" * 32, 40: b"\2" * 32})
    assert changed_to(forest, root, {3: ZERO, 40: ZERO}) == ZERO


def test_path_leaves_out_zero_siblings() -> None:
    forest = Forest()
    root = changed_to(forest, ZERO, {0: b"\1" * 32, 4: b"\2" * 32}, 3)
    path = forest.path(root, 3, 0)
    assert path.present == 0b100
    assert path.siblings == (node(node(b"\2" * 32, ZERO), ZERO),)


def test_update_of_few_leaves_makes_nodes_on_their_paths_only() -> None:
    forest = Forest()
    root = changed_to(forest, ZERO, {i: keccak(bytes([i])) for i in range(64)}, 24)
    before = len(forest)
    changed_to(forest, root, {5: b"\7" * 32, 6: b"\7" * 32}, 24)
    assert len(forest) - before <= 2 * 25


def words_of(number: int, slots: bytes, positions: int) -> bytes:
    return number.to_bytes(32, "big") + slots + b"\5" * 32 * positions


def test_update_accounts_keeps_the_words_that_each_root_was_made_of() -> None:
    forest, roots, twin = Forest(), [ZERO], tree.Tree(24)
    for number in range(1, 60):
        slots = changed_to(forest, ZERO, {number: b"\1" * 32}, 10)
        changed = [(i, words_of(number, slots, i % 9)) for i in sorted({number % 7, number % 5})]
        roots.append(forest.update_accounts(roots[-1], changed, 24))
        for index, words in changed:
            twin.set(index, leaf_hash(words))
            assert forest.leaf(roots[-1], 24, index) == leaf_hash(words)
        assert roots[-1] == twin.root()
    for number, root in enumerate(roots[1:], 1):
        words = forest.words(root, 24, number % 7)
        assert words == words_of(number, words[32:64], number % 7 % 9)
    emptied = forest.update_accounts(roots[-1], [(i, bytes(64)) for i in range(7)], 24)
    assert emptied == ZERO
    assert forest.words(emptied, 24, 3) == b""


@given(st.lists(st.integers(0, 5), min_size=1, max_size=40), st.data())
def test_sweep_keeps_what_wanted_roots_reach_and_nothing_else(
    touched: list[int], data: st.DataObject
) -> None:
    forest = Forest()
    root, roots = ZERO, []
    for number, index in enumerate(touched, 1):
        old = forest.words(root, 24, index)[32:64] or ZERO
        slots = changed_to(forest, old, {number % 3: number.to_bytes(32, "big")}, 10)
        root = forest.update_accounts(root, [(index, words_of(number, slots, number % 9))], 24)
        roots.append(root)
    wanted = data.draw(st.lists(st.sampled_from(roots), unique=True))
    proofs = {root: proofs_under(forest, root) for root in wanted}
    reached = {name for root in wanted for name in nodes_under(forest, root)}
    forest.sweep(wanted, 24, 10)
    assert {root: proofs_under(forest, root) for root in wanted} == proofs
    assert len(forest) == len(reached)
    for root in set(roots) - set(wanted):
        with pytest.raises(KeyError):
            forest.path(root, 24, 0)
    if wanted:  # and it goes on from there
        again = forest.update_accounts(wanted[0], [(9, words_of(1, ZERO, 0))], 24)
        assert forest.words(again, 24, 9) == words_of(1, ZERO, 0)
        old = proofs[wanted[0]]
        assert [forest.words(again, 24, index) for index in range(6)] == [w for w, *_ in old]
        forest.sweep([again], 24, 10)  # numbers have moved since; what hangs on them has too
        assert proofs_of_words(forest, again) == [(words, inner) for words, _, inner in old]


def proofs_under(forest: Forest, root: bytes) -> list[tuple[object, ...]]:
    found: list[tuple[object, ...]] = []
    for index in range(6):
        words = forest.words(root, 24, index)
        slots = words[32:64] or ZERO
        path = forest.path(root, 24, index)
        assert root_from(leaf_hash(words), index, path, 24) == root
        inner = [(forest.leaf(slots, 10, i), forest.path(slots, 10, i)) for i in range(3)]
        assert all(root_from(leaf, i, path, 10) == slots for i, (leaf, path) in enumerate(inner))
        found.append((words, path, inner))
    return found


def test_sweep_keeps_a_root_that_was_made_twice() -> None:
    forest, leaves = Forest(), {1: b"\1" * 32}
    slots = changed_to(forest, ZERO, leaves, 10)
    root = forest.update_accounts(ZERO, [(3, words_of(1, slots, 0))], 24)
    assert changed_to(forest, ZERO, leaves, 10) == slots
    forest.sweep([root], 24, 10)
    assert forest.leaf(slots, 10, 1) == leaves[1]


def proofs_of_words(forest: Forest, root: bytes) -> list[tuple[object, ...]]:
    return [(words, inner) for words, _, inner in proofs_under(forest, root)]


def nodes_under(forest: Forest, root: bytes) -> set[tuple[object, ...]]:
    """Every node of an account tree and its slots trees, by place and hash: no two are alike."""
    named: set[tuple[object, ...]] = set()
    climb(named, forest, root, 24, range(6), ())
    for index in range(6):
        words = forest.words(root, 24, index)
        if words:
            climb(named, forest, words[32:64], 10, range(3), (index,))
    return named


def climb(
    named: set[tuple[object, ...]],
    forest: Forest,
    root: bytes,
    depth: int,
    indices: range,
    place: tuple[object, ...],
) -> None:
    for index in indices:
        leaf, path = forest.leaf(root, depth, index), forest.path(root, depth, index)
        here, siblings = leaf, iter(path.siblings)
        for level in range(depth + 1):
            if here != ZERO:
                named.add((*place, level, index >> level, here))
            if level < depth:
                sibling = next(siblings) if path.present >> level & 1 else ZERO
                here = node(sibling, here) if index >> level & 1 else node(here, sibling)


@given(st.integers(0, 6), st.data())
def test_whole_tree_of_any_leaves_equals_the_reference(depth: int, data: st.DataObject) -> None:
    words = data.draw(st.lists(st.just(ZERO) | hashes, max_size=1 << depth))
    whole = WholeTree(b"".join(words), depth)
    assert whole.root == tree.root_of(dict(enumerate(words)), depth)
    for index in range(1 << depth):
        leaf = words[index] if index < len(words) else ZERO
        assert root_from(leaf, index, whole.path(index), depth) == whole.root


def golden(name: str) -> list[dict[str, Any]]:
    path = Path(__file__).parents[3] / "vectors" / "trees.json"
    trees: list[dict[str, Any]] = json.loads(path.read_text())[name]
    return trees


def proof_of(entry: dict[str, Any]) -> tuple[int, tuple[bytes, ...]]:
    return int(entry["present"]), tuple(bytes.fromhex(s[2:]) for s in entry["siblings"])


@pytest.mark.parametrize("vector", golden("accountTrees"), ids=lambda vector: vector["name"])
def test_update_gives_the_golden_roots_and_proofs(vector: dict[str, Any]) -> None:
    forest, depth = Forest(), int(vector["depth"])
    leaves = {int(leaf["index"]): bytes.fromhex(leaf["hash"][2:]) for leaf in vector["leaves"]}
    root = changed_to(forest, ZERO, leaves, depth)
    assert "0x" + root.hex() == vector["root"]
    for proof in vector["proofs"]:
        index = int(proof["index"])
        assert "0x" + forest.leaf(root, depth, index).hex() == proof["leaf"]
        assert forest.path(root, depth, index) == proof_of(proof)


@pytest.mark.parametrize("vector", golden("wordTrees"), ids=lambda vector: vector["chunkCount"])
def test_whole_tree_gives_the_golden_roots_and_proofs_of_words(vector: dict[str, Any]) -> None:
    depth = int(vector["depth"])
    assert words_depth(int(vector["chunkCount"])) == depth
    whole = WholeTree(b"".join(bytes.fromhex(word[2:]) for word in vector["words"]), depth)
    assert "0x" + whole.root.hex() == vector["root"]
    for proof in vector["proofs"]:
        assert whole.path(int(proof["index"])) == proof_of(proof)


def test_update_beyond_the_first_pool_keeps_every_root() -> None:
    forest, twin, roots = Forest(), tree.Tree(24), [ZERO]
    for number in range(32):
        changed = {
            (number * 7919 + i * 104729) % 5000: keccak(bytes([number, i])) for i in range(60)
        }
        roots.append(changed_to(forest, roots[-1], changed, 24))
        for index, leaf in changed.items():
            twin.set(index, leaf)
        assert roots[-1] == twin.root()
    assert len(forest) > 3 * 4096
    first = {i * 104729 % 5000: keccak(bytes([0, i])) for i in range(60)}
    assert all(forest.leaf(roots[1], 24, index) == leaf for index, leaf in first.items())
