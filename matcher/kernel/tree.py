"""Merkle trees in flat arrays: whole ones, and a forest of ones that change and remember.

A *whole* tree over ``2**depth`` leaves is one array of nodes: the leaves, then each level above
them, the root last.

A *forest* is a pool of nodes from which many trees are made. Node 0 is the empty one, and has
itself for children; a node's children stand before it, so it is written once and never changed. A
change makes new nodes on the way from the leaves to the root, level by level over all trees that
change together, eight digests at a time; what did not change is shared with the old tree, whose
root still stands. `mark` and `compact` let go of what no wanted root reaches.

A leaf of a forest is a raw one (its 32 bytes, no children) or a *record's*: its children are the
place of the record's words and the root of the tree that the record names, so that proofs and
`mark` find both from the leaf. Depths are not kept with the nodes: who asks knows them.

Arrays, the same in all functions:

=============  =======  ========  =================================================================
`nodes`        int64    4 * n     node i as its 32 bytes lie in memory
`children`     int32    2 * n     of node i the left at ``2 * i``, the right at ``2 * i + 1``
`records`      int64    any       per record: how many words, and these
=============  =======  ========  =================================================================
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from matcher.kernel.compiled import compiled
from matcher.kernel.keccak import NODE_WORDS, hash_children, hash_level, hash_messages

Words = NDArray[np.int64]
Bytes = NDArray[np.uint8]
Indices = NDArray[np.int32]

EMPTY: Final = 0  # the node that stands for a subtree without leaves
_NODE, _RAW_LEAF, _RECORD_LEAF = 1, 2, 3  # what `mark` found a node to be

# --- whole trees ---------------------------------------------------------------------------------


def whole_nodes(depth: int) -> int:
    """Nodes in a whole tree, leaves and root included."""
    return (2 << depth) - 1


def level_start(depth: int, level: int) -> int:
    """Where a level of a whole tree begins in its array; level 0 are the leaves."""
    return (2 << depth) - (2 << depth - level)


@compiled("void(int64[::1], int64)")
def build(nodes: Words, depth: int) -> None:
    """Hash a whole tree from its leaves.

    Parameters
    ----------
    nodes : array of int64, shape (4 * whole_nodes(depth),)
        Written: all after the first ``2**depth`` nodes, which are the leaves.
    depth : int
    """
    source, count = 0, 1 << depth
    while count > 1:
        target = source + count
        count >>= 1
        hash_level(nodes, source, target, count)
        source = target


# --- forests -------------------------------------------------------------------------------------


@compiled("int64(int32[::1], int64, int64, int64)")
def find(children: Indices, root: int, depth: int, index: int) -> int:
    """The node that is leaf `index` of a tree; 0 if it is empty."""
    here = root
    for level in range(depth - 1, -1, -1):
        here = int(children[2 * here + (index >> level & 1)])
    return here


@compiled("void(int32[::1], int64, int64, int64, int64[::1])")
def siblings(children: Indices, root: int, depth: int, index: int, found: Words) -> None:
    """The path of a leaf.

    Parameters
    ----------
    children : array of int32
    root, depth, index : int
    found : array of int64, shape (depth,)
        Written: at `level` the node beside the way, 0 where there is none.
    """
    here = root
    for level in range(depth - 1, -1, -1):
        side = index >> level & 1
        found[level] = children[2 * here + 1 - side]
        here = int(children[2 * here + side])


@compiled("void(int64[::1], int32[::1], int64, int64[::1])")
def put_raw_leaves(nodes: Words, children: Indices, first: int, values: Words) -> None:
    """Put leaves of 32 bytes as they are.

    Parameters
    ----------
    nodes, children : array
        Written: from node `first` on, one for each leaf.
    first : int
    values : array of int64, shape (4 * n,)
    """
    for i in range(values.size):
        nodes[NODE_WORDS * first + i] = values[i]
    for i in range(2 * first, 2 * first + values.size // 2):
        children[i] = EMPTY


@compiled(
    "int64(int64[::1], int32[::1], int64, int64[::1], int64, uint8[::1], int64[::1], int64[::1])"
)
def put_records(
    nodes: Words,
    children: Indices,
    first: int,
    records: Words,
    end: int,
    data: Bytes,
    starts: Words,
    inner: Words,
) -> int:
    """Put records and their leaves: keccak256 over a byte that says what it is, and the words.

    Parameters
    ----------
    nodes, children : array
        Written: from node `first` on, one for each record.
    first : int
    records : array of int64
        Written: from `end` on.
    end : int
        Of what stands in `records`.
    data : array of uint8
        Of each record the byte and its words, 8 bytes each; one behind the other.
    starts : array of int64, shape (n + 1,)
        Where in `data` each begins, and where the last one ends.
    inner : array of int64, shape (n,)
        The root of the tree that each record names.

    Returns
    -------
    int
        The new end of `records`.
    """
    count = inner.size
    hash_messages(data, starts[:count], starts[1:] - starts[:count], nodes, first)
    for i in range(count):
        children[2 * (first + i)] = end
        children[2 * (first + i) + 1] = inner[i]
        size = (starts[i + 1] - starts[i]) // 8
        records[end] = size
        at = starts[i] + 1
        for word in range(end + 1, end + 1 + size):
            value = np.int64(0)
            for byte in range(7, -1, -1):
                value = value << 8 | np.int64(data[at + byte])
            records[word] = value
            at += 8
        end += 1 + size
    return end


@compiled("void(int32[::1], int64[::1], int64[::1], int64[::1], int64, int64[::1], int64[:, ::1])")
def _descend(
    children: Indices,
    roots: Words,
    bounds: Words,
    indices: Words,
    depth: int,
    counts: Words,
    ways: Words,
) -> None:
    """Find the nodes above the leaves that change, level by level, from the roots down.

    Parameters
    ----------
    children, roots, bounds, indices, depth
        As in `update`.
    counts : array of int64, shape (depth + 1,)
        Written: how many nodes of each level change.
    ways : array of int64, shape (2 * (depth + 1), m + 1)
        Written: in row ``2 * level`` these nodes as they were; in the row after it the first
        changing leaf below each, and m behind the last.
    """
    changing = indices.size
    for tree in range(roots.size):
        ways[2 * depth, tree] = roots[tree]
        ways[2 * depth + 1, tree] = bounds[tree]
    counts[depth] = roots.size
    ways[2 * depth + 1, roots.size] = changing
    for level in range(depth, 0, -1):
        below = 0
        for i in range(counts[level]):
            here = ways[2 * level, i]
            low, high = ways[2 * level + 1, i], ways[2 * level + 1, i + 1]
            middle = low
            while middle < high and not indices[middle] >> (level - 1) & 1:
                middle += 1
            if middle > low:
                ways[2 * level - 2, below] = children[2 * here]
                ways[2 * level - 1, below] = low
                below += 1
            if high > middle:
                ways[2 * level - 2, below] = children[2 * here + 1]
                ways[2 * level - 1, below] = middle
                below += 1
        counts[level - 1] = below
        ways[2 * level - 1, below] = changing


@compiled(
    "int64(int64[::1], int32[::1], int64, int64[::1], int64[::1], int64[::1], int64[::1], int64)"
)
def update(
    nodes: Words,
    children: Indices,
    end: int,
    roots: Words,
    bounds: Words,
    indices: Words,
    leaves: Words,
    depth: int,
) -> int:
    """Change leaves of trees, all of one depth.

    Parameters
    ----------
    nodes, children : array
        Written: from node `end` on, at most one for each leaf and level above it.
    end : int
        Of what stands in `nodes`.
    roots : array of int64, shape (n,)
        Written: the roots of the changed trees, in place of those they were.
    bounds : array of int64, shape (n + 1,)
        The leaves of tree t are ``bounds[t]`` to ``bounds[t + 1] - 1`` below; at least one.
    indices : array of int64, shape (m,)
        In each tree ascending, each once, below ``2**depth``.
    leaves : array of int64, shape (m,)
        Nodes. Written: used up.
    depth : int

    Returns
    -------
    int
        The new end of `nodes`.
    """
    changing = indices.size
    counts = np.empty(depth + 1, np.int64)
    ways = np.empty((2 * (depth + 1), changing + 1), np.int64)
    _descend(children, roots, bounds, indices, depth, counts, ways)
    for level in range(1, depth + 1):
        first, below = end, 0
        for i in range(counts[level]):
            here = ways[2 * level, i]
            low, high = ways[2 * level + 1, i], ways[2 * level + 1, i + 1]
            left, right = np.int64(children[2 * here]), np.int64(children[2 * here + 1])
            if not indices[low] >> (level - 1) & 1:
                left = leaves[below]
                below += 1
            if below < counts[level - 1] and ways[2 * level - 1, below] < high:
                right = leaves[below]
                below += 1
            if left == EMPTY and right == EMPTY:
                leaves[i] = EMPTY
            else:
                children[2 * end] = left
                children[2 * end + 1] = right
                leaves[i] = end
                end += 1
        hash_children(nodes, children, first, end - first)
    for tree in range(roots.size):
        roots[tree] = leaves[tree]
    return end


@compiled("void(int32[::1], int64[::1], int64, int64, int32[::1])")
def mark(children: Indices, roots: Words, depth: int, inner_depth: int, found: Indices) -> None:
    """Find what some trees of records reach.

    Parameters
    ----------
    children : array of int32
    roots : array of int64
    depth, inner_depth : int
        Of these trees, and of those that their records name.
    found : array of int32, shape (n,)
        Written: of each node that is reached what it is; all 0 at first.
    """
    # Levels of both kinds in one count: raw leaves are at 0, inner roots at inner_depth, records'
    # leaves one above, outer roots at inner_depth + 1 + depth.
    stack = np.empty((2 * (depth + inner_depth + 3), 2), np.int64)
    for root in roots:
        stack[0, 0], stack[0, 1] = root, inner_depth + 1 + depth
        high = 1
        while high:
            high -= 1
            here, level = stack[high, 0], stack[high, 1]
            if here == EMPTY or found[here]:
                continue
            if level == 0:
                found[here] = _RAW_LEAF
                continue
            stack[high, 0], stack[high, 1] = children[2 * here + 1], level - 1
            high += 1
            if level == inner_depth + 1:
                found[here] = _RECORD_LEAF
                continue
            found[here] = _NODE
            stack[high, 0], stack[high, 1] = children[2 * here], level - 1
            high += 1


@compiled("UniTuple(int64, 2)(int64[::1], int32[::1], int64, int64[::1], int32[::1])")
def compact(
    nodes: Words, children: Indices, end: int, records: Words, found: Indices
) -> tuple[int, int]:
    """Move what was marked together, over what was not.

    Parameters
    ----------
    nodes, children, records : array
        Written: from their beginning on, in the old order.
    end : int
        Of what stands in `nodes`.
    found : array of int32
        As `mark` left it. Written: the new number of each node, 0 for those that are gone.

    Returns
    -------
    (int, int)
        The new ends of `nodes` and of `records`.
    """
    kept, recorded = 1, 0
    for here in range(1, end):
        kind = found[here]
        if not kind:
            continue
        for word in range(NODE_WORDS):
            nodes[NODE_WORDS * kept + word] = nodes[NODE_WORDS * here + word]
        left, right = children[2 * here], children[2 * here + 1]
        if kind == _RECORD_LEAF:
            size = records[left]
            for word in range(size + 1):
                records[recorded + word] = records[left + word]
            children[2 * kept], children[2 * kept + 1] = recorded, found[right]
            recorded += size + 1
        elif kind == _NODE:
            children[2 * kept], children[2 * kept + 1] = found[left], found[right]
        else:
            children[2 * kept], children[2 * kept + 1] = EMPTY, EMPTY
        found[here] = kept
        kept += 1
    return kept, recorded
