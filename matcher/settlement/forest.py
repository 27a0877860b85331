"""The trees of the settlement state: accounts, their order slots, and a batch's words (section 3).

All trees live in one pool of nodes (`matcher.kernel.tree`), and are named by their roots. Changing
leaves makes new nodes on their way up and leaves the old root as it was, so that proofs can be made
for every root that was not swept. What single nodes are, and proofs for readers, is `merkle`'s.
"""

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from matcher.errors import ProtocolError
from matcher.kernel import tree
from matcher.kernel.keccak import LANES, NODE_BYTES, NODE_WORDS, SPACE_CELLS, hash_records
from matcher.kernel.layout import NOTHING
from matcher.kernel.pool import Pool
from matcher.kernel.settlement_layout import CELL, CHILDREN, EMPTY, POOLS, QUAD, WORK
from matcher.merkle import ZERO, Path, path_of

_FIRST_NODES: Final = 1 << 12
_END_OF_NODES: Final = 1 << 29  # a sweep needs four numbers for each, of 31 bits
_END_OF_CELLS: Final = 1 << 31  # children are 32 bits


class Work:
    """Where a change of trees lists the nodes that it makes, by level, until they are hashed.

    Parameters
    ----------
    depth : int
        Of the trees.
    room : int
        Nodes of one level that may be made at a time.

    Attributes
    ----------
    address : int
        Of the work record.
    room : int
        To the next multiple of the lanes.
    """

    def __init__(self, depth: int, room: int):
        room += -room % LANES
        self._record = Pool(WORK, 1)
        self._cells = Pool(CELL, (depth + 1) * (3 + room))
        self.address = self._record.address
        levels, at = 8 * (depth + 1), self._cells.address
        self._cells.array["value"][depth + 1 : 2 * (depth + 1)] = NOTHING
        record = self._record.array[0]
        record["way"], record["pending"], record["counts"] = at, at + levels, at + 2 * levels
        record["lists"], record["room"] = at + 3 * levels, room
        self.room = room


class Forest:
    """Trees that share a pool of nodes.

    An *account tree* has account leaves: records of words, of which word 1 is the root of a tree in
    this forest. All others have raw leaves of 32 bytes.

    Attributes
    ----------
    address : int
        Of the pools record, for compiled code.

    Notes
    -----
    40 bytes per node, 4 more from the first sweep on, and the words of account leaves. The pool
    grows by half when it is full, between updates. Nothing is counted: `sweep` keeps what is
    reached from the roots that are wanted. Nodes that were made since a root was last named are
    written anew by the next change of the same tree, as no known root has them.
    """

    __slots__ = (
        "_children",
        "_found",
        "_ids",
        "_nodes",
        "_pools",
        "_records",
        "_state",
        "_works",
        "address",
    )

    def __init__(self) -> None:
        self._pools = Pool(POOLS, 1)
        self._nodes = Pool(QUAD, _FIRST_NODES)
        self._children = Pool(CHILDREN, _FIRST_NODES)
        self._records = Pool(CELL, _FIRST_NODES)
        self.address = self._pools.address
        self._state = self._pools.array[0]
        self._state["end"] = self._state["young"] = 1  # node 0 is the empty one
        self._found = np.zeros(0, np.int32)
        self._ids = {ZERO: EMPTY}  # node of each root
        self._works: dict[int, Work] = {}  # by depth
        self.reserve(0, 0)

    def __len__(self) -> int:
        """Nodes and leaves in memory."""
        return int(self._state["end"]) - 1

    @property
    def memory(self) -> int:
        """Bytes that nodes, leaves and their words take."""
        return (NODE_BYTES + 8) * (len(self) + 1) + 8 * int(self._state["recorded"])

    def reserve(self, nodes: int, cells: int) -> None:
        """Make room for so many more nodes, and cells of records."""
        state = self._state
        ends = int(state["end"]) + nodes, int(state["recorded"]) + cells
        if ends[0] > _END_OF_NODES:
            raise ProtocolError(f"forest: {ends[0]} nodes, allowed 2^29")
        if ends[1] > _END_OF_CELLS:
            raise ProtocolError(f"forest: {ends[1]} words, allowed 2^31")
        self._nodes.grow(ends[0])
        self._children.grow(ends[0])
        self._records.grow(ends[1])
        state["nodes"] = self._nodes.address
        state["children"] = self._children.address
        state["records"] = self._records.address

    def make_ready(self, nodes: int, cells: int) -> None:
        """Make room as `reserve`, and let the system give its memory now."""
        self.reserve(nodes, cells)
        end = int(self._state["end"]) + nodes
        self._nodes.touch(end)
        self._children.touch(end)
        self._records.touch(int(self._state["recorded"]) + cells)

    def number(self, root: bytes) -> int:
        """The node of a kept root."""
        return self._ids[root]

    def name(self, number: int) -> bytes:
        """The root that a node is, 32 bytes; kept as it is from now on, until a sweep."""
        root = self._node(number)
        self._ids.setdefault(root, number)
        self._state["young"] = self._state["end"]
        return root

    def knows_more_than(self, roots: set[bytes]) -> bool:
        """Whether any other root was named, so that a sweep would find something to forget."""
        return not self._ids.keys() <= {ZERO, *roots}

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
        leaves = [leaf for _, leaves in changes for _, leaf in leaves]
        self.reserve(len(leaves) * (depth + 1), 0)
        first = int(self._state["end"])
        put = np.frombuffer(b"".join(leaves), np.int64)
        self._words_of(first, len(leaves))[:] = put
        self._state["end"] += len(leaves)
        numbers = [EMPTY if leaf == ZERO else i for i, leaf in enumerate(leaves, first)]
        indices = [index for _, leaves in changes for index, _ in leaves]
        sizes = [len(leaves) for _, leaves in changes]
        roots = [self._ids[root] for root, _ in changes]
        return self._change(roots, sizes, indices, numbers, depth)

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
        self.reserve(len(leaves) * (depth + 1), sum(1 + len(words) // 8 for words in full))
        first = int(self._state["end"])
        self._put_accounts(first, full)
        numbers = iter(range(first, first + len(full)))
        leaf_ids = [next(numbers) if any(words) else EMPTY for _, words in leaves]
        indices = [index for index, _ in leaves]
        return self._change([self._ids[root]], [len(leaves)], indices, leaf_ids, depth)[0]

    def _put_accounts(self, first: int, leaves: Sequence[bytes]) -> None:
        starts = cells(len(leaves))
        cell = int(self._state["recorded"])
        records, children = self._records.array["value"], self._children.array
        for i, words in enumerate(leaves):
            size = len(words) // 8
            records[cell] = size
            records[cell + 1 : cell + 1 + size] = np.frombuffer(words, np.int64)
            children[first + i] = (cell, self._ids[words[NODE_BYTES : 2 * NODE_BYTES]])
            starts.array["value"][i] = cell
            cell += 1 + size
        numbers, space = cells(len(leaves)), cells(SPACE_CELLS)
        numbers.array["value"][: len(leaves)] = np.arange(first, first + len(leaves))
        hash_records(
            self._nodes.address,
            self._records.address,
            starts.address,
            numbers.address,
            len(leaves),
            space.address,
        )
        self._state["recorded"] = cell
        self._state["end"] += len(leaves)

    def _change(
        self,
        roots: Sequence[int],
        sizes: Sequence[int],
        indices: Sequence[int],
        leaves: Sequence[int],
        depth: int,
    ) -> list[bytes]:
        """Change trees to leaves that stand in the pool already; their roots."""
        work = self._works.get(depth)
        if work is None or work.room < len(leaves):
            work = self._works[depth] = Work(depth, len(leaves))
        parts = (roots, [0, *accumulate(sizes)], indices, leaves)
        starts = [8 * start for start in accumulate(map(len, parts), initial=0)]
        pool = cells(starts[-1] // 8, [number for part in parts for number in part])
        changed, bounds, places, nodes = (pool.address + start for start in starts[:4])
        tree.updater()(
            self.address, work.address, changed, bounds, len(roots), places, nodes, depth
        )
        return [self.name(int(number)) for number in pool.array["value"][: len(roots)]]

    # --- reading ---------------------------------------------------------------------------------

    def leaf(self, root: bytes, depth: int, index: int) -> bytes:
        """Leaf `index` of a tree, 32 bytes."""
        return self._node(tree.find(self._flat_children(), self._ids[root], depth, index))

    def words(self, root: bytes, depth: int, index: int) -> bytes:
        """Words of leaf `index` of an account tree; none of the empty one."""
        number = tree.find(self._flat_children(), self._ids[root], depth, index)
        if number == EMPTY:
            return b""
        start = int(self._children.array["left"][number])
        records = self._records.array["value"]
        return records[start + 1 : start + 1 + int(records[start])].tobytes()

    def path(self, root: bytes, depth: int, index: int) -> Path:
        """The path of leaf `index`."""
        return self._path(self._ids[root], depth, index)

    def inner(
        self, root: bytes, depth: int, account: int, inner_depth: int, index: int
    ) -> tuple[bytes, Path]:
        """A leaf of the tree that an account's leaf names, and its path there."""
        children = self._flat_children()
        leaf = tree.find(children, self._ids[root], depth, account)
        inner = int(children[2 * leaf + 1])
        found = self._node(tree.find(children, inner, inner_depth, index))
        return found, self._path(inner, inner_depth, index)

    def _path(self, root: int, depth: int, index: int) -> Path:
        beside = np.empty(depth, np.int64)
        tree.siblings(self._flat_children(), root, depth, index, beside)
        return path_of(map(self._node, beside.tolist()))

    def _node(self, number: int) -> bytes:
        words: bytes = self._nodes.array[number].tobytes()
        return words

    def _flat_children(self) -> NDArray[np.int32]:
        return self._children.array.view(np.int32)

    def _words_of(self, first: int, count: int) -> NDArray[np.int64]:
        words = self._nodes.array.view(np.int64)
        return words[NODE_WORDS * first : NODE_WORDS * (first + count)]

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
        end = int(self._state["end"])
        if len(self._found) < end:
            self._found = np.zeros(end + end // 2, np.int32)
        found = self._found[:end]
        found[:] = 0
        wanted = np.array([self._ids[root] for root in roots], np.int64)
        tree.mark(self._flat_children(), wanted, depth, inner_depth, found)
        ends = tree.compact(
            self._nodes.array.view(np.int64),
            self._flat_children(),
            end,
            self._records.array["value"].view(np.int64),
            found,
        )
        self._state["end"], self._state["recorded"] = ends
        self._state["young"] = ends[0]
        moved = ((root, int(found[number]) >> 2) for root, number in self._ids.items())
        self._ids = {ZERO: EMPTY} | {root: number for root, number in moved if number}

    # --- snapshots -------------------------------------------------------------------------------

    def dump(self) -> dict[str, NDArray[Any]]:
        """All nodes and records, and the roots that they are known by."""
        end, recorded = int(self._state["end"]), int(self._state["recorded"])
        return {
            "nodes": self._words_of(0, end).copy(),
            "children": self._flat_children()[: 2 * end].copy(),
            "records": self._records.array["value"][:recorded].copy(),
            "roots": np.array(list(self._ids.values()), np.int64),
        }

    def load(self, parts: Mapping[str, NDArray[Any] | bytes]) -> None:
        """Take over what `dump` gave, in place of all that is here."""
        nodes, children = np.asarray(parts["nodes"]), np.asarray(parts["children"])
        records = np.asarray(parts["records"])
        end = len(nodes) // NODE_WORDS
        self._state["end"], self._state["recorded"] = 1, 0
        self.reserve(end, len(records))
        self._words_of(0, end)[:] = nodes
        self._flat_children()[: 2 * end] = children
        self._records.array["value"][: len(records)] = records
        self._state["end"], self._state["recorded"] = end, len(records)
        self._state["young"] = end
        self._ids = {ZERO: EMPTY}
        for number in np.asarray(parts["roots"]).tolist():
            self.name(number)


def cells(count: int, values: Any = ()) -> Pool:
    """Numbers in memory for compiled code."""
    pool = Pool(CELL, max(1, count))
    pool.array["value"][: len(values)] = values
    return pool


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
