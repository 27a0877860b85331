"""What positions are worth, against the reference's margin."""

from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.kernel import leaves, worth
from matcher.kernel import settlement_layout as r
from matcher.kernel.pool import Pool
from matcher.kernel.terms import Terms
from matcher.reference import margin
from matcher.types import MAX_POSITIONS, POSITION_VALUE_MAX, InstrumentKind

START = 1000
EXPIRIES = {(1, 50): 400_000, (1, 74): 1 << 40, (2, 50): (1 << 56) - 1}  # caps
MARKETS = sorted(EXPIRIES)
POSITIONS = ((r.CELL, r.POSITIONS_OFFSET, MAX_POSITIONS),)
parts = st.sampled_from([0, 1, 2, 3, 5, 8])  # of eight
listed = st.tuples(st.sampled_from(MARKETS), st.booleans(), parts)


def option(row: tuple[tuple[int, int], bool, int]) -> margin.Option:
    key, call, part = row
    kind = InstrumentKind.CALL if call else InstrumentKind.PUT
    return margin.Option(*key, kind, EXPIRIES[key] * part // 8)


@settings(deadline=None)  # the first call compiles
@given(
    st.lists(listed, min_size=1, max_size=MAX_POSITIONS),
    st.data(),
    st.dictionaries(st.sampled_from(MARKETS), st.tuples(parts, st.integers(START - 1, START + 1))),
)
def test_worst_and_floor_of_any_positions_agree_with_the_reference(
    rows: list[tuple[tuple[int, int], bool, int]],
    data: st.DataObject,
    prices: dict[tuple[int, int], tuple[int, int]],
) -> None:
    terms, entry = Terms(), Pool(r.ENTRY, 1, POSITIONS)
    for key, cap in EXPIRIES.items():
        terms.open_expiry(*key, cap)
    fixed = {}
    for key, (part, at) in prices.items():
        price = EXPIRIES[key] * part // 4  # up to twice the cap
        terms.fix_price(*key, price, at)
        if at < START:
            fixed[key] = price
    legs = []
    for index, row in enumerate(rows, 1):
        terms.list_instrument(
            index,
            "",
            market=row[0][0],
            expiry=row[0][1],
            call=row[1],
            strike=option(row).strike,
            tick_value=1,
            closes_at=0,
        )
        most = min(POSITION_VALUE_MAX // EXPIRIES[row[0]], (1 << 39) - 1)
        lots = data.draw(st.sampled_from([-most, -1, 1, most]) | st.integers(-most, most))
        leaves.put_position(entry.address, index, lots)
        if lots:
            legs.append((option(row), lots))
    paid = worth.worst_paid(terms.address, entry.address, START)
    assert paid == margin.worst(0, legs, EXPIRIES, fixed)
    assert worth.sold_most(terms.address, entry.address) <= paid
    if len(legs) == 1 and not fixed:
        assert paid == min(worth.sold_most(terms.address, entry.address), 0)


@settings(deadline=None)  # the first call compiles
@given(
    st.integers(-(1 << 63), (1 << 63) - 1),
    st.integers(-worth.SUM_MAX, worth.SUM_MAX),
)
def test_cash_and_payments_in_two_parts_are_their_sum(cash: int, paid: int) -> None:
    entry = Pool(r.ENTRY, 1, POSITIONS)
    entry.array["cash"] = cash
    high, low = worth.high_of(entry.address, paid), worth.low_of(entry.address, paid)
    assert (high << 32) + low == cash + paid
    assert 0 <= low < 1 << 32
