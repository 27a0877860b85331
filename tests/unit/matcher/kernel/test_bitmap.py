"""Bitmaps against a set of places, compiled as the kernel compiles them."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numba import njit

from matcher.kernel import bitmap
from matcher.kernel.bitmap import following, highest, lowest, mark, preceding, unmark, words_of
from matcher.kernel.layout import BAND_BITS_MAX, NOTHING


@njit
def told(bits: int, size: int, place: int, out: np.ndarray) -> None:
    """Written: what the bitmap says around a place, to `out`, int64 (4,)."""
    out[0] = lowest(bits, size)
    out[1] = highest(bits, size)
    out[2] = following(bits, size, place)
    out[3] = preceding(bits, size, place)


@njit
def change(bits: int, size: int, place: int, occupied: int) -> None:
    if occupied:
        mark(bits, size, place)
    else:
        unmark(bits, size, place)


@settings(deadline=None)  # the first example compiles
@given(st.data(), st.sampled_from((6, 7, 12, 13, BAND_BITS_MAX)))
def test_bitmap_answers_as_a_set_of_places(data: st.DataObject, size: int) -> None:
    words = np.zeros(words_of(size), np.int64)
    out = np.zeros(4, np.int64)
    occupied: set[int] = set()
    end = (1 << size) - 1
    places = st.one_of(st.integers(0, end), st.sampled_from((0, 63, end - 63, end)))
    for place in data.draw(st.lists(places, max_size=30)):
        change(words.ctypes.data, size, place, place not in occupied)
        occupied ^= {place}
        asked = data.draw(places)
        told(words.ctypes.data, size, asked, out)
        assert out.tolist() == [
            min(occupied, default=NOTHING),
            max(occupied, default=NOTHING),
            min((p for p in occupied if p > asked), default=NOTHING),
            max((p for p in occupied if p < asked), default=NOTHING),
        ]
    assert bool(words.any()) == bool(occupied)


@pytest.mark.parametrize("size", [6, 12, 18])
def test_bitmap_takes_whole_cache_lines(size: int) -> None:
    assert words_of(size) % 8 == 0
    assert words_of(size) >= (1 << size) // 64 + 2
    assert bitmap.words_of(6) == 8
