"""Merkle trees in flat arrays: whole ones, and a forest of ones that change and remember.

A *whole* tree over ``2**depth`` leaves is one array of nodes: the leaves, then each level above
them, the root last.

A *forest* is a pool of nodes from which many trees are made. Node 0 is the empty one, and has
itself for children. A change makes new nodes on the way from the leaves to the root, and hashes
them level by level over all trees that change together, eight digests at a time; what did not
change is shared with the old tree, whose root still stands. Only *young* nodes, from a number on
that the pools name, are written again: no root that anybody knows reaches them, and each has one
parent, so nobody misses what they were. `mark` and `compact` let go of what no wanted root reaches.

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

from collections.abc import Callable
from functools import cache

import numpy as np
from numpy.typing import NDArray

from matcher.kernel.compiled import compiled
from matcher.kernel.keccak import NODE_BYTES, NODE_WORDS, hash_level, hash_listed
from matcher.kernel.layout import NOTHING
from matcher.kernel.memory import called, highest_bit, inlined, prefetch
from matcher.kernel.program import program
from matcher.kernel.settlement_layout import (
    EMPTY,
    cell_value,
    children_left,
    children_right,
    pools_children,
    pools_end,
    pools_nodes,
    pools_young,
    set_cell_value,
    set_children_left,
    set_children_right,
    set_pools_end,
    work_counts,
    work_lists,
    work_pending,
    work_room,
    work_way,
)

Words = NDArray[np.int64]
Indices = NDArray[np.int32]

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


@inlined
def child(p: int, node: int, side: int) -> int:
    """The left (0) or right (1) child of a node."""
    pair = pools_children(p) + 8 * node
    return children_right(pair) if side != 0 else children_left(pair)


@inlined
def quad_at(p: int, node: int) -> int:
    """Address of a node."""
    return pools_nodes(p) + NODE_BYTES * node


@called
def change(
    p: int, w: int, root: int, indices: int, stride: int, leaves: int, count: int, depth: int
) -> int:
    """Change leaves of a tree: make and list the nodes above them, which are hashed later.

    Nodes on the way up from a leaf stand side by side, so that the next way down finds them in a
    cache line or two. A node is made when the last leaf below it was seen; a left child that
    changed waits as `pending` for its parent.

    Parameters
    ----------
    p, w : int
        Addresses of the pools, with room for a node per leaf and level, and of the work that lists
        the nodes by level.
    root : int
        The tree as it was.
    indices, stride : int
        Address of int64 indices, ascending, each once, and bytes from one to the next.
    leaves : int
        Address of int64: their new nodes.
    count, depth : int
        At least 1.

    Returns
    -------
    int
        The new root.
    """
    way, pending = work_way(w), work_pending(w)
    set_cell_value(way + 8 * depth, root)
    known = depth  # from this level up the way is that of the leaf before
    here = EMPTY
    for i in range(count):
        index = cell_value(indices + stride * i)
        while known > 0:
            below = child(p, cell_value(way + 8 * known), index >> (known - 1) & 1)
            known -= 1
            set_cell_value(way + 8 * known, below)
        top = depth
        if i + 1 < count:
            top = highest_bit(index ^ cell_value(indices + stride * i + stride))
        here = cell_value(leaves + 8 * i)
        for level in range(1, top + 1):
            before = cell_value(way + 8 * level)
            left, right = here, here
            if index >> (level - 1) & 1:
                left = cell_value(pending + 8 * level - 8)
                if left == NOTHING:
                    left = child(p, before, 0)
                set_cell_value(pending + 8 * level - 8, NOTHING)
                prefetch(quad_at(p, left))
            else:
                right = child(p, before, 1)
                prefetch(quad_at(p, right))
            here = _make(p, w, before, left, right, level)
        if i + 1 < count:
            set_cell_value(pending + 8 * top, here)
        known = top + 1
    return here


@inlined
def _make(p: int, w: int, before: int, left: int, right: int, level: int) -> int:
    """A node above two others, to be hashed with its level; the empty one above two such.

    It takes the place of the one before if that is young.
    """
    if left == EMPTY and right == EMPTY:
        return EMPTY
    node = before
    if node < pools_young(p):
        node = pools_end(p)
        set_pools_end(p, node + 1)
    set_children_left(pools_children(p) + 8 * node, left)
    set_children_right(pools_children(p) + 8 * node, right)
    listed = cell_value(work_counts(w) + 8 * level)
    set_cell_value(work_lists(w) + 8 * (work_room(w) * level + listed), node)
    set_cell_value(work_counts(w) + 8 * level, listed + 1)
    return node


@called
def hash_listed_levels(p: int, w: int, depth: int) -> None:
    """Hash what `change` has listed, from the lowest level up, and begin new lists."""
    for level in range(1, depth + 1):
        count = cell_value(work_counts(w) + 8 * level)
        if count != 0:
            numbers = work_lists(w) + 8 * work_room(w) * level
            hash_listed(pools_nodes(p), pools_children(p), numbers, count)
            set_cell_value(work_counts(w) + 8 * level, 0)


def update(
    p: int, w: int, roots: int, bounds: int, trees: int, indices: int, leaves: int, depth: int
) -> int:
    """Change leaves of trees, all of one depth; how many trees.

    Parameters
    ----------
    p, w : int
        As in `change`; the lists have room for all leaves.
    roots : int
        Address of int64. Written: the roots of the changed trees, in place of those they were.
    bounds : int
        Address of int64: the leaves of tree t are ``bounds[t]`` to ``bounds[t + 1] - 1`` below; at
        least one.
    trees : int
        How many.
    indices, leaves : int
        As in `change`, of one tree after the other.
    depth : int
    """
    for tree in range(trees):
        first = cell_value(bounds + 8 * tree)
        count = cell_value(bounds + 8 * tree + 8) - first
        root = cell_value(roots + 8 * tree)
        after = change(p, w, root, indices + 8 * first, 8, leaves + 8 * first, count, depth)
        set_cell_value(roots + 8 * tree, after)
    hash_listed_levels(p, w, depth)
    return trees


@cache
def updater() -> Callable[[int, int, int, int, int, int, int, int], int]:
    """`update`, compiled when it is first asked for, or read from what is kept."""
    return program(update, 8)


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
    # leaves one above, outer roots at inner_depth + 1 + depth; a node's is always the same. Most
    # nodes stand behind their children, so one pass from the last to the first sees them before
    # these, and reads memory in a row. A child behind its parent, which was young when it was
    # written again, is looked at as soon as it is found. Until a node was looked at, `found` has
    # its level and 4 more.
    waiting = np.empty(2 * (inner_depth + depth + 2), np.int64)
    for root in roots:
        found[root] = inner_depth + 1 + depth + 4
    found[EMPTY] = 0
    for place in range(found.size - 1, 0, -1):
        if found[place] == 0:
            continue
        waiting[0], count = place, 1
        while count > 0:
            count -= 1
            here = waiting[count]
            level = found[here] - 4
            if level < 0:
                continue
            left, right = children[2 * here], children[2 * here + 1]
            found[here] = _NODE
            if level == 0:
                found[here] = _RAW_LEAF
                continue
            if level == inner_depth + 1:
                found[here] = _RECORD_LEAF
                left = EMPTY  # what stands there is no node
            if left != EMPTY and found[left] == 0:
                found[left] = level + 3
                if left > place:
                    waiting[count] = left
                    count += 1
            if right != EMPTY and found[right] == 0:
                found[right] = level + 3
                if right > place:
                    waiting[count] = right
                    count += 1


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
        Of what stands in `nodes`; at most 2^29.
    found : array of int32
        As `mark` left it. Written: four times the new number of each node, and what it is; 0 for
        those that are gone.

    Returns
    -------
    (int, int)
        The new ends of `nodes` and of `records`.
    """
    kept, recorded = 1, 0
    for here in range(1, end):
        if found[here] != 0:
            found[here] += 4 * kept
            kept += 1
    kept = 1
    for here in range(1, end):
        kind = found[here] & 3
        if not kind:
            continue
        for word in range(NODE_WORDS):
            nodes[NODE_WORDS * kept + word] = nodes[NODE_WORDS * here + word]
        left, right = children[2 * here], children[2 * here + 1]
        if kind == _RECORD_LEAF:
            size = records[left]
            for word in range(size + 1):
                records[recorded + word] = records[left + word]
            children[2 * kept], children[2 * kept + 1] = recorded, found[right] >> 2
            recorded += size + 1
        elif kind == _NODE:
            children[2 * kept], children[2 * kept + 1] = found[left] >> 2, found[right] >> 2
        else:
            children[2 * kept], children[2 * kept + 1] = EMPTY, EMPTY
        kept += 1
    return kept, recorded
