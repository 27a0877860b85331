"""Commands of any length through rings of fixed cells, also past a writer that died in one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from matcher.processes.letters import (
    CELL,
    cells_of,
    lane_and_cell,
    lane_of,
    letters_in,
    origin_of,
)

PAYLOADS = st.lists(st.binary(max_size=300), max_size=8)


def joined(letters: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.zeros(0, CELL), *letters])


@given(PAYLOADS, st.integers(0, 30))
def test_letters_are_read_as_they_were_written_and_the_rest_waits(
    payloads: list[bytes], short: int
) -> None:
    cells = joined([cells_of(payload, 7 + i) for i, payload in enumerate(payloads)])
    given_ = cells[: max(0, len(cells) - short)]
    found, taken = letters_in(given_)
    assert [(letter.stamp, letter.payload) for letter in found] == [
        (7 + i, payload) for i, payload in enumerate(payloads[: len(found)])
    ]
    assert [letter.cell for letter in found] == [
        sum(len(cells_of(payload, 0)) for payload in payloads[:i]) for i in range(len(found))
    ]
    rest, all_taken = letters_in(cells[taken:])
    assert [letter.payload for letter in rest] == payloads[len(found) :]
    assert taken + all_taken == len(cells)
    if not short:
        assert len(found) == len(payloads)


@given(st.binary(min_size=60, max_size=400), st.data(), PAYLOADS)
def test_letter_whose_writer_died_in_it_is_passed_over(
    torn: bytes, data: st.DataObject, payloads: list[bytes]
) -> None:
    cells = cells_of(torn, 1)
    kept = data.draw(st.integers(1, len(cells) - 1))
    payloads = [*payloads, torn]  # one of the same length among those that follow
    stream = joined([cells[:kept], *(cells_of(payload, 2) for payload in payloads)])
    found, taken = letters_in(stream)
    assert [letter.payload for letter in found] == payloads
    assert taken == len(stream)
    assert letters_in(cells[:kept]) == ([], 0)  # until another begins it may yet be completed


@given(st.integers(0, 200), st.booleans(), st.integers(0, (1 << 44) - 1))
def test_origin_says_lane_and_cell_and_is_never_nobody(
    sender: int, ordinary: bool, cell: int
) -> None:
    lane = lane_of(sender, ordinary)
    assert 0 < origin_of(lane, cell) < 1 << 63
    assert lane_and_cell(origin_of(lane, cell)) == (lane, cell)
