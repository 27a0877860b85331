"""Account leaves (section 3): from a forest's records to entries of a chunk, and back.

A record is its size in cells, and the leaf's words as they lie::

    | size | cash:i64 | exited:u64 | credited:56 served:24 count:8 rule:8 epoch:32 in two | root:256
    | positions, instrument:u24 | lots:i40 each, ascending by instrument; zeros to whole words |
"""

from matcher.kernel.keccak import NODE_BYTES
from matcher.kernel.memory import inlined, raised, shifted, turned
from matcher.kernel.settlement_layout import (
    EMPTY,
    POSITIONS_OFFSET,
    cell_value,
    children_left,
    children_right,
    entry_cash,
    entry_count,
    entry_credited,
    entry_exited,
    entry_leaf,
    entry_served,
    entry_slots,
    pools_children,
    pools_end,
    pools_nodes,
    pools_recorded,
    pools_records,
    pools_young,
    quad_first,
    quad_last,
    quad_second,
    quad_third,
    set_cell_value,
    set_children_left,
    set_children_right,
    set_entry_cash,
    set_entry_count,
    set_entry_credited,
    set_entry_exited,
    set_entry_served,
    set_entry_slots,
    set_pools_end,
    set_pools_recorded,
)
from matcher.types import U40

_FIXED = 8  # cells of a leaf before its positions
_LOTS_SIGN = 1 << 39

# --- positions -----------------------------------------------------------------------------------


@inlined
def position_at(entry: int, place: int) -> int:
    """Address of an entry's position."""
    return entry + POSITIONS_OFFSET + 8 * place


@inlined
def instrument_of(position: int) -> int:
    """The instrument of a position's quarter."""
    return shifted(position, 40)


@inlined
def lots_of(position: int) -> int:
    """The lots of a position's quarter, signed."""
    return ((position & U40) ^ _LOTS_SIGN) - _LOTS_SIGN


@inlined
def place_of_position(entry: int, instrument: int) -> int:
    """Where among an entry's positions one of an instrument stands, or would."""
    place = 0
    while (
        place < entry_count(entry)
        and instrument_of(cell_value(position_at(entry, place))) < instrument
    ):
        place += 1
    return place


@inlined
def held_at(entry: int, place: int, instrument: int) -> int:
    """Lots of the instrument that an entry holds, given its place; 0 if it holds none."""
    if place < entry_count(entry):
        position = cell_value(position_at(entry, place))
        if instrument_of(position) == instrument:
            return lots_of(position)
    return 0


@inlined
def put_position(entry: int, instrument: int, lots: int) -> None:
    """Let an entry hold so many lots of an instrument; there is room for it."""
    place = place_of_position(entry, instrument)
    count = entry_count(entry)
    if lots == 0:
        if held_at(entry, place, instrument) != 0:
            drop_position(entry, place)
        return
    if held_at(entry, place, instrument) == 0:
        above = count
        while above > place:
            set_cell_value(position_at(entry, above), cell_value(position_at(entry, above - 1)))
            above -= 1
        set_entry_count(entry, count + 1)
    set_cell_value(position_at(entry, place), raised(instrument, 40) | (lots & U40))


@inlined
def drop_position(entry: int, place: int) -> None:
    """Take a position out; the rest moves up."""
    count = entry_count(entry)
    for here in range(place, count - 1):
        set_cell_value(position_at(entry, here), cell_value(position_at(entry, here + 1)))
    set_entry_count(entry, count - 1)


# --- records -------------------------------------------------------------------------------------


@inlined
def read_leaf(p: int, entry: int) -> None:
    """Take an account's fields and positions from its leaf; all zero if it is the empty one."""
    leaf = entry_leaf(entry)
    if leaf == EMPTY:
        set_entry_slots(entry, EMPTY)
        set_entry_cash(entry, 0)
        set_entry_exited(entry, 0)
        set_entry_credited(entry, 0)
        set_entry_served(entry, 0)
        set_entry_count(entry, 0)
        return
    pair = pools_children(p) + 8 * leaf
    words = pools_records(p) + 8 * children_left(pair) + 8
    third, fourth = turned(cell_value(words + 16)), turned(cell_value(words + 24))
    count = (fourth >> 40) & 0xFF
    set_entry_slots(entry, children_right(pair))
    set_entry_cash(entry, turned(cell_value(words)))
    set_entry_exited(entry, turned(cell_value(words + 8)))
    set_entry_credited(entry, shifted(third, 8))
    set_entry_served(entry, ((third & 0xFF) << 16) | shifted(fourth, 48))
    set_entry_count(entry, count)
    for place in range(count):
        position = turned(cell_value(words + 8 * (_FIXED + place)))
        set_cell_value(position_at(entry, place), position)


@inlined
def is_empty(entry: int) -> bool:
    """Whether an account's leaf is the empty one: all its words are zero."""
    return (
        entry_cash(entry) == 0
        and entry_exited(entry) == 0
        and entry_credited(entry) == 0
        and entry_served(entry) == 0
        and entry_count(entry) == 0
        and entry_slots(entry) == EMPTY
    )


@inlined
def cells_of(count: int) -> int:
    """Cells of the words of a leaf with so many positions."""
    return _FIXED + count + -count % 4


@inlined
def leaf_for(p: int, entry: int) -> int:
    """The node for an account's leaf: the one that it has, if that is young and its record fits.

    Else a new one, so that records stand in the order of their leaves.
    """
    leaf = entry_leaf(entry)
    if leaf >= pools_young(p):
        start = children_left(pools_children(p) + 8 * leaf)
        if cells_of(entry_count(entry)) <= cell_value(pools_records(p) + 8 * start):
            return leaf
    leaf = pools_end(p)
    set_pools_end(p, leaf + 1)
    return leaf


@inlined
def write_leaf(p: int, entry: int, leaf: int) -> int:
    """Put an account's leaf into the records, for a node; the cell where it begins.

    The node is what `leaf_for` has found. The root of its slots, which `entry_slots` names, has
    been hashed.
    """
    count, served = entry_count(entry), entry_served(entry)
    size = cells_of(count)
    if leaf == entry_leaf(entry):
        start = children_left(pools_children(p) + 8 * leaf)
    else:
        start = pools_recorded(p)
        set_pools_recorded(p, start + 1 + size)
    words = pools_records(p) + 8 * start + 8
    set_cell_value(words - 8, size)
    set_cell_value(words, turned(entry_cash(entry)))
    set_cell_value(words + 8, turned(entry_exited(entry)))
    set_cell_value(words + 16, turned(raised(entry_credited(entry), 8) | (served >> 16)))
    set_cell_value(words + 24, turned(raised(served & 0xFFFF, 48) | (count << 40)))
    root = pools_nodes(p) + NODE_BYTES * entry_slots(entry)
    set_cell_value(words + 32, quad_first(root))
    set_cell_value(words + 40, quad_second(root))
    set_cell_value(words + 48, quad_third(root))
    set_cell_value(words + 56, quad_last(root))
    for place in range(count):
        position = turned(cell_value(position_at(entry, place)))
        set_cell_value(words + 8 * (_FIXED + place), position)
    for place in range(_FIXED + count, size):
        set_cell_value(words + 8 * place, 0)
    pair = pools_children(p) + 8 * leaf
    set_children_left(pair, start)
    set_children_right(pair, entry_slots(entry))
    return start
