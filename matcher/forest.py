"""The trees of the settlement state: accounts, their order slots, and a batch's words (section 3).

All trees live in one pool of nodes (`matcher.kernel.tree`), and are named by their roots. Changing
leaves makes new nodes on their way up and leaves the old root as it was, so that proofs can be made
for every root that was not swept. What single nodes are, and proofs for readers, is `merkle`'s.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matcher.kernel import tree
from matcher.kernel.keccak import NODE_BYTES, NODE_WORDS
from matcher.merkle import ZERO, Path, path_of

_LEAF_PREFIX: Final = b"\0"  # what an account's leaf is hashed behind
_FIRST_NODES: Final = 1 << 12


class Forest:
    """Trees that share a pool of nodes.

    An *account tree* has account leaves: records of words, of which word 1 is the root of a tree in
    this forest. All others have raw leaves of 32 bytes.

    Notes
    -----
    40 bytes per node, and the words of account leaves. The pool grows by half when it is full,
    between updates; an update needs 16 bytes more for each leaf and level while it runs. Nothing is
    counted: `sweep` keeps what is reached from the roots that are wanted.
    """

    __slots__ = ("_children", "_end", "_ids", "_nodes", "_recorded", "_records")

    def __init__(self) -> None:
        self._nodes = np.zeros(NODE_WORDS * _FIRST_NODES, np.int64)
        self._children = np.zeros(2 * _FIRST_NODES, np.int32)
        self._end = 1  # of the nodes; node 0 is the empty one
        self._records = np.empty(_FIRST_NODES, np.int64)
        self._recorded = 0  # end of the records
        self._ids = {ZERO: tree.EMPTY}  # node of each root

    def __len__(self) -> int:
        """Nodes and leaves in memory."""
        return self._end - 1

    # --- changing --------------------------------------------------------------------------------

    def update(
        self, changes: Sequence[tuple[bytes, Sequence[tuple[int, bytes]]]], depth: int
    ) -> list[bytes]:
        """The roots after raw leaves of some trees were changed.

        Parameters
        ----------
        changes : sequence of (root, leaves)
            Of trees in this forest; of each at least one (index, leaf), ascending by index, each
            once, 32 bytes each.
        depth : int
            Of all these trees.
        """
        count = sum(len(leaves) for _, leaves in changes)
        end = self._reserve(count * (depth + 1))
        put = b"".join(leaf for _, leaves in changes for _, leaf in leaves)
        tree.put_raw_leaves(self._nodes, self._children, end, np.frombuffer(put, np.int64).copy())
        leaf_ids = [
            tree.EMPTY if leaf == ZERO else number
            for number, leaf in enumerate(
                (leaf for _, leaves in changes for _, leaf in leaves), end
            )
        ]
        indices = [index for _, leaves in changes for index, _ in leaves]
        sizes = [len(leaves) for _, leaves in changes]
        roots = [self._ids[root] for root, _ in changes]
        return self._change(end + count, roots, sizes, indices, leaf_ids, depth)

    def update_accounts(
        self, root: bytes, leaves: Sequence[tuple[int, bytes]], depth: int
    ) -> bytes:
        """The root after leaves of an account tree were changed.

        Parameters
        ----------
        root : bytes
            Of an account tree in this forest.
        leaves : sequence of (index, words)
            Ascending by index, each once; 32 bytes a word. Words that are all zero are the empty
            leaf.
        depth : int
        """
        if not leaves:
            return root
        full = [words for _, words in leaves if any(words)]
        end = self._reserve(len(full) + len(leaves) * depth)
        self._put_accounts(end, full)
        numbers = iter(range(end, end + len(full)))
        leaf_ids = [next(numbers) if any(words) else tree.EMPTY for _, words in leaves]
        indices = [index for index, _ in leaves]
        roots = [self._ids[root]]
        return self._change(end + len(full), roots, [len(leaves)], indices, leaf_ids, depth)[0]

    def _put_accounts(self, first: int, leaves: Sequence[bytes]) -> None:
        data = np.frombuffer(b"".join([_LEAF_PREFIX + words for words in leaves]), np.uint8).copy()
        sizes = [0, *(len(words) + 1 for words in leaves)]
        starts = np.cumsum(np.array(sizes, np.int64))
        inner = np.array([self._ids[words[NODE_BYTES : 2 * NODE_BYTES]] for words in leaves])
        _grow(self._records, self._recorded + data.size)
        self._recorded = tree.put_records(
            self._nodes,
            self._children,
            first,
            self._records,
            self._recorded,
            data,
            starts,
            inner.astype(np.int64),
        )

    def _change(
        self,
        end: int,
        roots: Sequence[int],
        sizes: Sequence[int],
        indices: Sequence[int],
        leaves: Sequence[int],
        depth: int,
    ) -> list[bytes]:
        """Change trees to leaves that stand in the pool already; their roots."""
        changed = np.array(roots, np.int64)
        self._end = tree.update(
            self._nodes,
            self._children,
            end,
            changed,
            np.cumsum(np.array([0, *sizes], np.int64)),
            np.array(indices, np.int64),
            np.array(leaves, np.int64),
            depth,
        )
        named = []
        for number in changed.tolist():
            root = self._node(number)
            self._ids.setdefault(root, number)
            named.append(root)
        return named

    def _reserve(self, count: int) -> int:
        """Make room for so many nodes; the first of them."""
        end = self._end + count
        _grow(self._nodes, NODE_WORDS * end)
        _grow(self._children, 2 * end)
        return self._end

    # --- reading ---------------------------------------------------------------------------------

    def leaf(self, root: bytes, depth: int, index: int) -> bytes:
        """Leaf `index` of a tree, 32 bytes."""
        return self._node(tree.find(self._children, self._ids[root], depth, index))

    def words(self, root: bytes, depth: int, index: int) -> bytes:
        """Words of leaf `index` of an account tree; none of the empty one."""
        number = tree.find(self._children, self._ids[root], depth, index)
        if number == tree.EMPTY:
            return b""
        start = int(self._children[2 * number]) + 1
        return self._records[start : start + int(self._records[start - 1])].tobytes()

    def path(self, root: bytes, depth: int, index: int) -> Path:
        """The path of leaf `index`."""
        beside = np.empty(depth, np.int64)
        tree.siblings(self._children, self._ids[root], depth, index, beside)
        return path_of(map(self._node, beside.tolist()))

    def _node(self, number: int) -> bytes:
        return self._nodes[NODE_WORDS * number : NODE_WORDS * (number + 1)].tobytes()

    # --- forgetting ------------------------------------------------------------------------------

    def sweep(self, roots: Iterable[bytes], depth: int, inner_depth: int) -> None:
        """Forget all that is not reached from some account trees.

        Parameters
        ----------
        roots : iterable of bytes
            Of account trees.
        depth, inner_depth : int
            Of account trees and of the trees whose root is word 1 of an account leaf.
        """
        found = np.zeros(self._end, np.int32)
        wanted = np.array([self._ids[root] for root in roots], np.int64)
        tree.mark(self._children, wanted, depth, inner_depth, found)
        self._end, self._recorded = tree.compact(
            self._nodes, self._children, self._end, self._records, found
        )
        moved = ((root, int(found[number])) for root, number in self._ids.items())
        self._ids = {ZERO: tree.EMPTY} | {root: number for root, number in moved if number}


class WholeTree:
    """A tree over ``2**n`` leaves, all of them there.

    Parameters
    ----------
    leaves : bytes
        32 bytes each; what is missing to ``2**depth`` of them is zero.
    depth : int

    Attributes
    ----------
    depth : int
    """

    __slots__ = ("_nodes", "depth")

    def __init__(self, leaves: bytes, depth: int):
        self.depth = depth
        self._nodes = np.zeros(NODE_WORDS * tree.whole_nodes(depth), np.int64)
        self._nodes[: len(leaves) // 8] = np.frombuffer(leaves, np.int64)
        tree.build(self._nodes, depth)

    @property
    def root(self) -> bytes:
        """The root, 32 bytes."""
        return self._node(self.depth, 0)

    def path(self, index: int) -> Path:
        """The path of leaf `index`."""
        return path_of(self._node(level, index >> level ^ 1) for level in range(self.depth))

    def _node(self, level: int, index: int) -> bytes:
        start = NODE_WORDS * (tree.level_start(self.depth, level) + index)
        return self._nodes[start : start + NODE_WORDS].tobytes()


def _grow(pool: NDArray[np.generic], needed: int) -> None:
    """Make a pool that nobody holds a view of large enough, in place where the system can."""
    if needed > pool.size:
        pool.resize(max(needed, pool.size + pool.size // 2), refcheck=False)
