from hypothesis import given
from hypothesis import strategies as st

from matcher.reference import margin
from matcher.risk import Contract, fee, worst

CAP = 50
KEY = (1, 100)
contracts = [
    Contract(index, KEY, kind, strike, CAP)
    for index, (kind, strike) in enumerate([(0, 0), (0, 10), (1, 10), (0, 25), (1, 40), (1, 50)])
]


@given(
    st.integers(-1000, 1000),
    st.dictionaries(st.integers(0, 5), st.integers(-9, 9).filter(bool)),
    st.none() | st.integers(0, CAP),
)
def test_worst_from_scratch_equals_the_reference(
    cash: int, positions: dict[int, int], price: int | None
) -> None:
    fixed = {} if price is None else {KEY: price}
    legs = [
        (margin.Option(*KEY, 0 if contracts[i].call else 1, contracts[i].strike), lots)
        for i, lots in positions.items()
    ]
    found = worst(cash, [(contracts[i], lots) for i, lots in positions.items()], fixed)
    assert found == margin.worst(cash, legs, {KEY: CAP}, fixed)


@given(st.integers(-100, 100), st.integers(0, 1000), st.integers(0, 10_000))
def test_fee_is_at_most_an_eighth_of_the_notional(rate: int, lots: int, notional: int) -> None:
    charged = fee(rate, lots, notional)
    assert abs(charged) == min(lots * abs(rate), notional // 8)
    assert charged * rate >= 0
