import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.errors import ProtocolError
from matcher.reference.symbols import parse, symbol

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "symbols.json").read_text())
FIRST_DAY, DAYS = 10957, 36525  # 2000-01-01, days until 2100

terms = st.tuples(
    st.from_regex(r"[A-Z0-9]{2,8}", fullmatch=True),
    st.integers(0, 1),
    st.integers(FIRST_DAY, FIRST_DAY + DAYS - 1).map(lambda day: 24 * day + 8),
    st.integers(0, (1 << 24) - 1),
)


@given(terms)
def test_symbol_of_any_instrument_parses_to_it(instrument):
    assert parse(symbol(*instrument)) == instrument


def test_symbol_of_the_protocols_example_is_spelled_so():
    assert symbol("BTC", 0, 501_536, 100_000) == "BTC-20MAR27-100000-C"


@given(st.text(max_size=24))
def test_parse_of_any_text_refuses_or_finds_the_one_spelling(text):
    try:
        found = parse(text)
    except ProtocolError:
        return
    assert symbol(*found) == text


@pytest.mark.parametrize("text", VECTORS["invalidSymbols"])
def test_parse_of_no_symbol_is_refused(text):
    with pytest.raises(ProtocolError, match=r"symbol|strike"):
        parse(text)


@pytest.mark.parametrize(
    ("instrument", "field"),
    [
        (("B", 0, 501_536, 1), "name"),
        (("btc", 0, 501_536, 1), "name"),
        (("BTC", 2, 501_536, 1), "kind"),
        (("BTC", 0, 501_536, 1 << 24), "strike"),
        (("BTC", 0, 501_537, 1), "expiry"),
        (("BTC", 0, 24 * (FIRST_DAY + DAYS) + 8, 1), "expiry"),
        (("BTC", 0, 24 * (FIRST_DAY - 1) + 8, 1), "expiry"),
    ],
)
def test_symbol_of_terms_that_may_not_be_listed_names_the_field(instrument, field):
    with pytest.raises(ProtocolError, match=field):
        symbol(*instrument)
