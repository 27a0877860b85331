import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.errors import ProtocolError
from matcher.reference.leaf import Account, OrderSlots, Slot, account_hash, leaf_hash, leaf_words
from matcher.reference.tree import ZERO, keccak, root_of

WIDE = (1 << 39) - 1


def test_leaf_words_stand_where_the_layout_draws_them():
    account = Account(-1, 2, 3, 4, {7: -1, 5: 6, 9: 1, 8: 2, 1 << 23: WIDE})
    account.slots[5] = Slot(10, 11)
    first, slots, four, one = leaf_words(account)
    drawn = "ffffffffffffffff000000000000000200000000000003000004050000000000"
    assert f"{first:064x}" == drawn
    assert slots == int.from_bytes(account.slots.root(), "big")
    quarters = ("0000050000000006", "000007ffffffffff", "0000080000000002")
    assert f"{four:064x}" == "".join(quarters) + "0000090000000001"
    assert f"{one:064x}" == "8000007fffffffff" + "0" * 48


def test_leaf_hash_has_its_prefix_and_is_zero_only_for_the_empty_leaf():
    assert account_hash(Account()) == ZERO
    words = leaf_words(Account(cash=1))
    assert len(words) == 2
    assert leaf_hash(words) == keccak(b"\x00" + b"".join(w.to_bytes(32, "big") for w in words))


@pytest.mark.parametrize(
    ("account", "field"),
    [
        (Account(cash=1 << 63), "cash"),
        (Account(cash=-(1 << 63) - 1), "cash"),
        (Account(exited=1 << 64), "exited"),
        (Account(exited=-1), "exited"),
        (Account(credited=1 << 56), "credited"),
        (Account(served=1 << 24), "served"),
        (Account(positions={3: WIDE + 1}), "lots of 3"),
        (Account(positions={3: -WIDE - 2}), "lots of 3"),
    ],
)
def test_leaf_of_a_field_outside_its_width_names_it(account, field):
    with pytest.raises(ProtocolError, match=field):
        leaf_words(account)


def test_leaf_of_33_positions_is_refused():
    with pytest.raises(ProtocolError, match="33 positions"):
        leaf_words(Account(positions=dict.fromkeys(range(1, 34), 1)))


SLOTS = st.dictionaries(
    st.integers(0, 4095),
    st.builds(Slot, st.integers(0, (1 << 32) - 1), st.integers(0, (1 << 32) - 1)),
    max_size=12,
)


@given(SLOTS, SLOTS)
def test_slots_root_depends_on_what_they_hold_alone(last, overwritten):
    slots = OrderSlots()
    for number, slot in {**overwritten, **last}.items():
        slots[number] = overwritten.get(number, slot)
        slots[number] = slot
    for number in overwritten.keys() - last.keys():
        slots[number] = Slot()
    leaves = {n // 4: slots.word(n // 4).to_bytes(32, "big") for n in last}
    assert slots.root() == root_of(leaves, 10)
    twin = slots.copy()
    twin[0] = Slot(99, 99)
    assert slots[0] == last.get(0, Slot())


def test_slot_of_a_later_generation_forgets_what_was_filled():
    assert Slot(3, 100).after(3, 5) == Slot(3, 105)
    assert Slot(3, 100).after(4, 5) == Slot(4, 5)
