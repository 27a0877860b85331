"""What proofs read and re-hash: paths and leaves in Solidity, against the model, in every form."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.reference import tree
from matcher.types import ACCOUNT_TREE_DEPTH, U24
from tests.support.chain import Chain, Reverted
from tests.support.exchange import Roles

U40 = (1 << 40) - 1
words32 = st.just(tree.ZERO) | st.binary(min_size=32, max_size=32)


@pytest.fixture(scope="module")
def library(shared_chain: Chain, roles: Roles) -> Any:
    return shared_chain.deploy(roles.owner, "LibraryHarness").functions


# --- paths ----------------------------------------------------------------------------------------

present = st.integers(0, (1 << ACCOUNT_TREE_DEPTH) - 1) | st.sampled_from(
    # Runs of siblings that begin and end anywhere: four levels are climbed at a time.
    [((1 << run) - 1) << start for start in range(9) for run in range(ACCOUNT_TREE_DEPTH - 8)]
)


@settings(max_examples=60, deadline=None)
@given(leaf=words32, index=st.integers(0, U24), present=present, data=st.data())
def test_path_of_any_form_climbs_as_in_the_model(
    shared_chain: Chain, library: Any, leaf: bytes, index: int, present: int, data: st.DataObject
) -> None:
    """Siblings that are zero and given all the same count as left out."""
    count = present.bit_count()
    siblings = data.draw(st.lists(words32, min_size=count, max_size=count))
    path = tree.Path(present, tuple(siblings))
    call = library.rootFrom(leaf, index, ACCOUNT_TREE_DEPTH, (present, siblings))
    expected = tree.root_from(leaf, index, path, ACCOUNT_TREE_DEPTH)
    assert shared_chain.call(call) == expected


# --- leaves ---------------------------------------------------------------------------------------


def verdict_on(quarters: list[int]) -> tuple[Any, ...]:
    """What `Leaf.check` must say of these positions, read one by one."""
    previous = 0
    for place, quarter in enumerate(quarters):
        instrument, lots = quarter >> 40, quarter & U40
        if instrument <= previous or lots == 0:
            signed = lots - (1 << 40) if lots >> 39 else lots
            return "InvalidPosition", place, previous, instrument, signed
        previous = instrument
    return ()


instruments = st.integers(1, U24) | st.integers(1, 40) | st.integers(U24 - 40, U24)
lots = st.integers(1, U40) | st.sampled_from([1, U40, 1 << 39, (1 << 39) - 1])


@settings(max_examples=80, deadline=None)
@given(
    held=st.dictionaries(instruments, lots, max_size=32),
    damages=st.lists(st.tuples(st.integers(0, 31), st.integers(0, 63) | st.just(None)), max_size=2),
)
def test_leaf_of_any_positions_is_sound_or_not_as_read_one_by_one(
    shared_chain: Chain, library: Any, held: dict[int, int], damages: list[tuple[int, int | None]]
) -> None:
    quarters = [instrument << 40 | held[instrument] for instrument in sorted(held)]
    for place, bit in damages:
        if place < len(quarters):
            # One bit, or all of the lots.
            quarter = quarters[place]
            quarters[place] = quarter >> 40 << 40 if bit is None else quarter ^ 1 << bit
    padded = quarters + [0] * (-len(quarters) % 4)
    words = [len(quarters) << 40, 7] + [
        padded[i] << 192 | padded[i + 1] << 128 | padded[i + 2] << 64 | padded[i + 3]
        for i in range(0, len(padded), 4)
    ]
    found: tuple[Any, ...] = ()
    try:
        shared_chain.call(library.checkLeaf([word.to_bytes(32, "big") for word in words]))
    except Reverted as reverted:
        found = (reverted.revert.name, *reverted.revert.args)
    assert found == verdict_on(quarters)
