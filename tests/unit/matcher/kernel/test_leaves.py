"""Leaves as the kernel packs and reads them, against the reference's."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.kernel import leaves
from matcher.kernel import settlement_layout as r
from matcher.kernel.pool import Pool
from matcher.reference import leaf as reference
from matcher.settlement.forest import Forest
from matcher.types import MAX_POSITIONS, U24, U56, U64

held = st.dictionaries(
    st.integers(1, U24),
    st.integers(-(1 << 39), (1 << 39) - 1).filter(bool),
    max_size=MAX_POSITIONS,
)
roots = st.binary(min_size=32, max_size=32).filter(any)
POSITIONS = ((r.CELL, r.POSITIONS_OFFSET, MAX_POSITIONS),)


def signed(value: int) -> int:
    """The int64 of a u64."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


@settings(deadline=None)  # the first call compiles
@given(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(0, U64),
    st.integers(0, U56),
    st.integers(0, U24),
    held,
    roots,
)
def test_leaf_is_that_of_the_reference_and_reads_back(
    cash: int, exited: int, credited: int, served: int, positions: dict[int, int], root: bytes
) -> None:
    forest = Forest()
    (tree,) = forest.update([(bytes(32), [(0, root)])], 0)
    forest.reserve(1, 64)
    entry, again = Pool(r.ENTRY, 1, POSITIONS), Pool(r.ENTRY, 1, POSITIONS)
    fields = entry.array[0]
    for name, value in (
        ("cash", cash),
        ("exited", signed(exited)),
        ("credited", credited),
        ("served", served),
        ("slots", forest.number(tree)),
    ):
        fields[name] = value
    for instrument, lots in positions.items():
        leaves.put_position(entry.address, instrument, lots)
    node = len(forest) + 1
    start = leaves.write_leaf(forest.address, entry.address, node)
    cells = forest._records.array["value"]
    size = int(cells[start])
    found = cells[start + 1 : start + 1 + size].tobytes()
    twin = reference.Account(cash, exited, credited, served, dict(positions))
    expected = reference.leaf_words(twin, root)
    assert found == b"".join(word.to_bytes(32, "big") for word in expected)
    again.array[0]["leaf"] = node
    leaves.read_leaf(forest.address, again.address)
    again.array[0]["leaf"] = 0
    count = r.POSITIONS_OFFSET + 8 * len(positions)
    assert again.array.tobytes()[:count] == entry.array.tobytes()[:count]


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(
        st.tuples(st.integers(1, 9) | st.just(U24), st.sampled_from([-1, 0, 5, -(1 << 39)])),
        max_size=40,
    )
)
def test_positions_put_one_by_one_are_the_last_of_each_instrument(
    puts: list[tuple[int, int]],
) -> None:
    entry = Pool(r.ENTRY, 1, POSITIONS)
    expected: dict[int, int] = {}
    for instrument, lots in puts:
        leaves.put_position(entry.address, instrument, lots)
        expected[instrument] = lots
        place = leaves.place_of_position(entry.address, instrument)
        assert leaves.held_at(entry.address, place, instrument) == lots
    count = int(entry.array["count"][0])
    words = np.frombuffer(entry.array.tobytes(), np.int64, count, r.POSITIONS_OFFSET).tolist()
    found = [(leaves.instrument_of(word), leaves.lots_of(word)) for word in words]
    assert found == sorted((i, lots) for i, lots in expected.items() if lots)
