"""Payoffs and rule 0 in Solidity, against the model and its vectors."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.reference import margin
from matcher.reference.leaf import Account, leaf_words
from matcher.types import MAX_POSITIONS, InstrumentKind
from tests.support.chain import Chain, reverts
from tests.support.exchange import Roles

VECTORS = Path(__file__).parents[2] / "vectors"
BEFORE = (
    1 << 39
)  # a price fixed earlier counts; later than every expiry here, so that all may have one


@pytest.fixture(scope="module")
def harness(shared_chain: Chain, roles: Roles) -> Any:
    return shared_chain.deploy(roles.owner, "MarginHarness").functions


@pytest.fixture(scope="module")
def library(shared_chain: Chain, roles: Roles) -> Any:
    return shared_chain.deploy(roles.owner, "LibraryHarness").functions


def numbers(vector: dict[str, Any], *names: str) -> tuple[int, ...]:
    return tuple(int(vector[name]) for name in names)


def clamped(terms: tuple[int, ...]) -> tuple[int, ...]:
    """Of an expiry, with its price as SettlementPrices fixes it."""
    market, expiry, cap, price = terms
    return market, expiry, cap, min(price, cap)


def leaf(cash: int, positions: dict[int, int]) -> list[bytes]:
    """Of an account with so many lots of instruments."""
    return [word.to_bytes(32, "big") for word in leaf_words(Account(cash, positions=positions))]


def test_payoff_vectors_are_the_model_s(shared_chain: Chain, library: Any) -> None:
    for vector in json.loads((VECTORS / "payoffs.json").read_text()):
        kind, strike, value, price, cap = numbers(
            vector, "kind", "strike", "strikeValue", "price", "cap"
        )
        call = library.payoff(kind == InstrumentKind.CALL, strike * value, price, cap)
        assert shared_chain.call(call) == int(vector["payoff"]), vector


@settings(max_examples=30, deadline=None)
@given(
    kind=st.integers(0, 1),
    strike=st.integers(0, 1 << 56),
    price=st.integers(0, (1 << 64) - 1) | st.integers(0, 1 << 56),
    cap=st.integers(0, (1 << 56) - 1),
)
def test_payoff_of_any_lot_is_the_model_s(
    shared_chain: Chain, library: Any, kind: int, strike: int, price: int, cap: int
) -> None:
    found = shared_chain.call(library.payoff(kind == InstrumentKind.CALL, strike, price, cap))
    assert found == margin.payoff(kind, strike, price, cap)


@pytest.mark.parametrize("fixed_at", [1, BEFORE - 1])
def test_worst_vectors_are_the_model_s(shared_chain: Chain, harness: Any, fixed_at: int) -> None:
    for vector in json.loads((VECTORS / "worst.json").read_text()):
        call = harness.worst(
            leaf(
                int(vector["cash"]),
                dict(numbers(p, "instrument", "lots") for p in vector["positions"]),
            ),
            [numbers(m, "market", "strikeValue") for m in vector["markets"]],
            [
                # One that is not fixed in time may have a price all the same: fixed at BEFORE.
                (*clamped(numbers(e, "market", "expiry", "cap", "price")), fixed_at)
                if e["fixed"]
                else (*numbers(e, "market", "expiry", "cap"), 7, BEFORE if fixed_at > 1 else 0)
                for e in vector["expiries"]
            ],
            [
                numbers(i, "instrument", "market", "kind", "expiry", "strike")
                for i in vector["instruments"]
            ],
            BEFORE,
        )
        assert shared_chain.call(call) == int(vector["worst"]), vector["name"]


@st.composite
def books(draw: st.DrawFn) -> dict[str, Any]:
    """Markets, expiries, instruments and positions; strikes beyond the cap among them."""
    markets = draw(st.dictionaries(st.integers(1, 3), st.integers(1, 1000), min_size=1))
    series = [(market, expiry) for market in sorted(markets) for expiry in (480, 504)]
    caps = {key: draw(st.integers(1, 100_000)) for key in series}
    prices = {
        key: (
            min(draw(st.integers(0, 120_000)), caps[key]),
            draw(st.sampled_from([0, 1, 490 * 3600, BEFORE - 1, BEFORE])),
        )
        for key in series
    }
    count = draw(st.integers(0, 10) | st.just(MAX_POSITIONS))
    instruments = [
        (i + 1, *draw(st.sampled_from(series)), draw(st.integers(0, 1)), draw(st.integers(0, 200)))
        for i in range(count)
    ]
    lots = st.integers(-1000, 1000).filter(bool) | st.sampled_from([-(1 << 39), (1 << 39) - 1])
    return {
        "markets": markets,
        "caps": caps,
        "prices": prices,
        "instruments": instruments,
        "positions": [(index, draw(lots)) for index, *_ in instruments],
        "cash": draw(st.integers(-(1 << 63), (1 << 63) - 1)),
        # between the expiries, one of which lies ahead then and is not asked for its price
        "before": draw(st.sampled_from([480 * 3600, 480 * 3600 + 1, 504 * 3600, BEFORE])),
    }


@settings(max_examples=25, deadline=None)
@given(book=books())
def test_worst_of_any_book_is_the_model_s(
    shared_chain: Chain, harness: Any, book: dict[str, Any]
) -> None:
    terms = {index: rest for index, *rest in book["instruments"]}
    legs = [
        (margin.Option(market, expiry, kind, strike * book["markets"][market]), lots)
        for (market, expiry, kind, strike), lots in (
            (terms[index], lots) for index, lots in book["positions"]
        )
    ]
    fixed = {
        key: price
        for key, (price, time) in book["prices"].items()
        if 0 < time < book["before"] and key[1] * 3600 < book["before"]
    }
    expected = margin.worst(book["cash"], legs, book["caps"], fixed)
    call = harness.worst(
        leaf(book["cash"], dict(book["positions"])),
        list(book["markets"].items()),
        [(*key, book["caps"][key], *book["prices"][key]) for key in book["caps"]],
        [(i, market, kind, expiry, k) for i, market, expiry, kind, k in book["instruments"]],
        book["before"],
    )
    assert shared_chain.call(call) == expected


@pytest.mark.parametrize("early", [0, 1])
def test_worst_asks_no_price_of_an_expiry_that_lies_ahead(
    shared_chain: Chain, harness: Any, early: int
) -> None:
    """One that SettlementPrices could never have fixed; it would count but for that."""
    before = 480 * 3600 + 1 - early
    call = harness.worst(
        leaf(0, {1: 1}),
        [(1, 1)],
        [(1, 480, 100, 70, 1)],
        [(1, 1, InstrumentKind.CALL, 480, 20)],
        before,
    )
    assert shared_chain.call(call) == (0 if early else 50)


def test_worst_takes_a_price_for_its_own_series_though_one_before_it_lies_ahead(
    shared_chain: Chain, harness: Any
) -> None:
    call = harness.worst(
        leaf(0, {1: 1, 2: 1, 3: 1}),
        [(1, 1), (2, 1)],
        [(1, 480, 100, 60, 490 * 3600), (1, 504, 100, 0, 0), (2, 480, 100, 70, 490 * 3600)],
        [
            (1, 1, InstrumentKind.CALL, 480, 20),
            (2, 1, InstrumentKind.CALL, 504, 20),
            (3, 2, InstrumentKind.CALL, 480, 20),
        ],
        500 * 3600,
    )
    assert shared_chain.call(call) == 40 + 0 + 50


def test_worst_asks_for_nothing_it_does_not_need(shared_chain: Chain, harness: Any) -> None:
    """The harness refuses unexpected questions, so that a silent default cannot pass."""
    assert shared_chain.call(harness.worst(leaf(-5, {}), [], [], [], BEFORE)) == -5
    with reverts("NotTold", 9):
        shared_chain.call(harness.worst(leaf(0, {9: 1}), [], [], [], BEFORE))
