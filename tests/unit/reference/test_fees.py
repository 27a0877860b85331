from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.reference.fees import fee


@pytest.mark.parametrize(
    ("rate", "lots", "notional", "paid"),
    [
        (3, 10, 1000, 30),
        (3, 10, 100, 12),  # an eighth, rounded down
        (-3, 10, 1000, -30),
        (-3, 10, 100, -12),  # not -13
        (3, 10, 7, 0),
        (0, 10, 1000, 0),
    ],
)
def test_fee_is_the_rate_but_at_most_an_eighth(rate, lots, notional, paid):
    assert fee(rate, lots, notional) == paid


@given(
    st.integers(0, 1 << 31),
    st.integers(0, 1 << 31),
    st.integers(1, 1 << 32),
    st.integers(0, (1 << 62) - 1),
)
def test_fees_of_both_sides_never_sum_below_zero(taker, rebate, lots, notional):
    maker = -min(rebate, taker)  # taker + maker >= 0
    assert fee(taker, lots, notional) + fee(maker, lots, notional) >= 0
    assert fee(taker, lots, notional) <= Fraction(notional, 8)


@given(st.integers(-99, 99), st.integers(1, 50), st.integers(1, 50), st.integers(0, 99))
def test_fees_of_the_parts_are_at_most_the_fee_of_the_whole(rate, one, two, price):
    rate = abs(rate)  # what an order is margined at is never below 0
    parts = fee(rate, one, one * price) + fee(rate, two, two * price)
    assert parts <= fee(rate, one + two, (one + two) * price)
