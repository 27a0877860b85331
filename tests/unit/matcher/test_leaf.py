from hypothesis import given
from hypothesis import strategies as st

from matcher.leaf import Leaf
from matcher.reference import leaf as reference
from matcher.types import MAX_POSITIONS, U24, U32, U56, U64

positions = st.dictionaries(
    st.integers(1, U24),
    st.integers(-(1 << 39), (1 << 39) - 1).filter(bool),
    max_size=MAX_POSITIONS,
)


@given(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(0, U64),
    st.integers(0, U56),
    st.integers(0, U24),
    positions,
    st.binary(min_size=32, max_size=32),
)
def test_words_are_those_of_the_reference_and_back(
    cash: int, exited: int, credited: int, served: int, held: dict[int, int], root: bytes
) -> None:
    leaf = Leaf()
    leaf.cash, leaf.exited, leaf.credited, leaf.served = cash, exited, credited, served
    leaf.positions, leaf.slots_root = dict(held), root
    twin = reference.Account(cash, exited, credited, served, dict(held))
    expected = reference.leaf_words(twin, root)
    assert leaf.words() == b"".join(word.to_bytes(32, "big") for word in expected)
    again = Leaf.from_words(leaf.words())
    assert (again.cash, again.exited, again.credited, again.served) == (
        cash,
        exited,
        credited,
        served,
    )
    assert (again.positions, again.slots_root) == (dict(sorted(held.items())), root)


@given(st.lists(st.tuples(st.integers(0, 11), st.integers(0, U32), st.integers(0, U32))))
def test_slots_are_those_of_the_reference(written: list[tuple[int, int, int]]) -> None:
    leaf, twin = Leaf(), reference.OrderSlots()
    leaf.slots = dict.fromkeys(range(3), 0)
    for number, generation, filled in written:
        leaf.set_slot(number, generation, filled)
        twin[number] = reference.Slot(generation, filled)
    assert leaf.slots == {word: twin.word(word) for word in range(3)}
    assert leaf.dirty == {number // 4 for number, *_ in written}
    for number in range(12):
        assert leaf.slot(number) == (twin[number].generation, twin[number].filled)
