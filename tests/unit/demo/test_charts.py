import xml.etree.ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo import charts
from demo.results import BatchRow, DepthPicture, Print, Tape

LOTS = st.integers(1, 2**32 - 1)
BIDS = st.dictionaries(st.integers(1, 2**20), LOTS, max_size=30)
ASKS = st.dictionaries(st.integers(2**20 + 1, 2**32 - 1), LOTS, max_size=30)


def picture(bids, asks) -> DepthPicture:
    return DepthPicture("A <title>", "BTC-26MAR27-100000-C", 0, 10_000, tuple(bids), tuple(asks))


def batch(number: int, fills: int, gas: int) -> BatchRow:
    return BatchRow(number, 0, 1, 1, fills, fills, bytes(32), bytes(32), bytes(32), gas, "final")


@pytest.mark.parametrize(
    ("atoms", "decimals", "text"),
    [
        (0, 2, "0.00"),
        (1, 6, "0.000001"),
        (1_234_567_890, 2, "1,234.56"),
        (-1_234_567_890, 6, "−1,234.567890"),
        (-999_999, 2, "−0.99"),
        (5_000_000_000_000, 0, "5,000,000"),
    ],
)
def test_dollars_atoms_are_cut_and_never_rounded(atoms, decimals, text):
    assert charts.dollars(atoms, decimals) == text


@pytest.mark.parametrize(
    ("atoms", "text"),
    [(1_500_000, "1.5"), (12_340_000_000, "12.34k"), (-21_890_000_000_000, "−21.89M"), (0, "0")],
)
def test_short_dollars_large_amounts_get_a_letter(atoms, text):
    assert charts.short_dollars(atoms) == text


@given(st.integers(0, 10**6), st.integers(1, 10**12))
def test_ticks_any_range_stay_inside_it_and_are_few(low, span):
    marks = charts.ticks(low, low + span)
    assert marks
    assert all(low - 1e-6 * span <= mark <= low + span * (1 + 1e-6) for mark in marks)
    assert len(marks) <= 7


@given(BIDS, ASKS)
def test_depth_any_book_is_well_formed_and_inside_the_drawing(bids, asks):
    text = charts.depth(picture(sorted(bids.items(), reverse=True), sorted(asks.items())))
    root = ET.fromstring(text)
    if not bids and not asks:
        assert root.text == "The book was empty."
        return
    for circle in root.iter("circle"):
        assert 0 <= float(circle.attrib["cx"]) <= 450
        assert 0 <= float(circle.attrib["cy"]) <= 250


def test_depth_title_is_escaped():
    assert "<title>A" not in charts.depth(picture([(5, 1)], [(6, 1)]))


def test_depth_levels_add_up_from_the_best_price_on():
    text = charts.depth(picture([(100, 3), (99, 4)], [(102, 5)]))
    titles = [title.text for title in ET.fromstring(text).iter("title")]
    assert titles == [
        "3 lots at 1.00 or better",
        "7 lots at 0.99 or better",
        "5 lots at 1.02 or better",
    ]


@given(
    st.lists(
        st.tuples(st.integers(0, 60_000), st.integers(1, 2**32 - 1), st.integers(1, 2**32 - 1)),
        max_size=20,
    )
)
def test_trades_any_tape_is_well_formed_and_has_a_dot_each(prints):
    tape = Tape("X", 1, tuple(Print(at, tick, lots, bool(lots % 2)) for at, tick, lots in prints))
    root = ET.fromstring(charts.trades(tape, 60_000, [30_000]))
    assert len(list(root.iter("circle"))) == len(prints)


def test_gas_per_fill_batches_without_fills_are_left_out():
    drawn = ET.fromstring(charts.gas_per_fill([batch(1, 0, 50_000), batch(2, 10, 60_000)], 910))
    titles = [title.text for title in drawn.iter("title")]
    assert titles == ["batch 2: 6,000 gas per fill (10 fills, 60,000 gas)"]


def test_gas_per_fill_tall_column_is_cut_and_says_so():
    rows = [batch(1, 1, 90_000), *(batch(n, 50, 100_000) for n in range(2, 9))]
    text = charts.gas_per_fill(rows, 910)
    assert text.count("↑") == 1
    assert "90,000 gas per fill" in text


def test_gas_per_fill_no_fills_draws_nothing():
    assert charts.gas_per_fill([batch(1, 0, 1)], 910) == ""


def test_money_parts_fill_the_bar():
    parts = (("waiting", 10, "waiting"), ("free", 30, "free"), ("locked", 0, "locked"))
    drawn = ET.fromstring(charts.money(100, 60, parts))
    now = [float(rect.attrib["width"]) for rect in drawn.iter("rect")][1:]
    assert [round((width + 2) / 920, 2) for width in now] == [0.6, 0.1, 0.3]
