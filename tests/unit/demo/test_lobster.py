import gzip
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo import lobster
from demo.steps import Amend, Cancel, FlowError, Halt, Place, Resume, Step
from matcher.types import OrderFlag

FIXTURE = Path(__file__).with_name("messages.csv")


def placed(flow) -> list[Step]:
    return [step for step in flow.steps if isinstance(step.action, Place)]


def test_flow_fixture_maps_each_message_to_its_step():
    flow = lobster.flow(FIXTURE)
    flow.check()
    told = [(step.at, type(step.action)) for step in flow.steps]
    assert told == [
        (0, Place),  # order 7 rested before the file began
        (0, Place),  # so did order 9
        (0, Place),
        (0, Place),
        (95, Place),
        (95, Place),
        (195, Amend),
        (395, Place),
        (995, Cancel),
        (1495, Cancel),
        (1495, Halt),
        (2495, Resume),
        (3995, Place),
    ]
    assert flow.duration == 3996


def test_flow_orders_from_before_the_file_have_all_that_it_takes_from_them():
    first, second = placed(lobster.flow(FIXTURE))[:2]
    assert (first.action.buy, first.action.tick, first.action.lots) == (True, 58532, 25)
    assert (second.action.buy, second.action.tick, second.action.lots) == (False, 58700, 15)


def test_flow_execution_is_an_ioc_of_another_trader_at_the_orders_price():
    steps = placed(lobster.flow(FIXTURE))
    resting, taking = steps[2], steps[5]
    assert resting.action.tick == taking.action.tick == 58533
    assert (resting.action.buy, taking.action.buy) == (True, False)
    assert (resting.action.flags, taking.action.flags) == (0, OrderFlag.IOC)
    assert taking.action.lots == 30
    assert taking.trader != resting.trader
    assert taking.action.names == resting.action.key


def test_flow_partial_cancel_amends_the_whole_quantity_down():
    amend = next(s.action for s in lobster.flow(FIXTURE).steps if isinstance(s.action, Amend))
    assert amend.lots == 90


def test_flow_facts_count_every_message():
    facts = dict(lobster.flow(FIXTURE).facts)
    assert facts == {
        "messages in the file": 14,
        "new orders": 2,
        "partial cancels": 1,
        "deletes": 2,
        "visible executions": 4,
        "hidden executions, not replayed": 1,
        "cross trades, not replayed": 1,
        "halt messages": 3,
        "orders from before the file": 2,
    }


def test_flow_gzipped_file_gives_the_same_flow(tmp_path):
    packed = tmp_path / "messages.csv.gz"
    packed.write_bytes(gzip.compress(FIXTURE.read_bytes()))
    assert lobster.flow(packed).steps == lobster.flow(FIXTURE).steps


def test_flow_limit_reads_no_further():
    assert dict(lobster.flow(FIXTURE, limit=4).facts)["messages in the file"] == 4


def test_flow_listing_cap_stands_above_twice_the_last_price():
    listing = lobster.flow(FIXTURE).listing
    assert listing.markets[0].settles_at == 585_320_000
    assert listing.expiries[0].cap == 1_200_000_000
    assert listing.instruments[0].strike == 0


@pytest.mark.parametrize(
    ("name", "market"),
    [
        ("aapl_2012-06-21_l3_messages.csv.gz", "AAPL"),
        ("GOOG.csv", "GOOG"),
        ("x.csv", "STOCK"),
        ("très_long.csv", "STOCK"),
    ],
)
def test_market_name_file_gives_its_ticker(name, market):
    assert lobster.market_name(name) == market


@given(st.integers(0, 86_399), st.integers(0, 10**9 - 1), st.integers(1, 9))
def test_parse_any_time_is_exact(seconds, nanoseconds, digits):
    fraction = f"{nanoseconds:09d}"[:digits]
    message = lobster.parse([f"{seconds}.{fraction},1,1,1,100,1"])[0]
    assert message.time == seconds * 10**9 + int(fraction) * 10 ** (9 - digits)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("1,1,1,1,100", "line 1: found 5 fields, allowed 6"),
        ("1e3,1,1,1,100,1", "line 1: time found '1e3', allowed an integer"),
        ("1.0000000001,1,1,1,100,1", "allowed at most nine decimals"),
        ("-1,1,1,1,100,1", "line 1: time found -1, allowed 0..86400"),
        ("1,8,1,1,100,1", "line 1: type found 8, allowed 1..7"),
        ("1,1,x,1,100,1", "line 1: order id found 'x', allowed an integer"),
        ("1,1,1,0,100,1", "line 1: size found 0, allowed 1..4294967295"),
        ("1,1,1,1,1.5,1", "line 1: price found '1.5', allowed an integer"),
        ("1,1,1,1,100,0", "line 1: direction found 0, allowed 1 or -1"),
        ("1,1,1,1,100,2", "line 1: direction found 2, allowed -1..1"),
        ("1,7,0,0,3,-1", "line 1: price found 3, allowed -1..1"),
        ("", "found no messages"),
    ],
)
def test_parse_bad_line_names_line_field_found_and_allowed(line, message):
    with pytest.raises(FlowError) as caught:
        lobster.parse([line])
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["2,1,1,1,100,1", "1,1,2,1,100,1"], "line 2: time 1000000000 ns, allowed >= 2000000000"),
        (["1,1,1,5,100,1", "1,1,1,5,100,1"], "line 2: order 1 was placed before"),
        (["1,1,1,5,100,1", "1,4,1,6,100,1"], "size found 6, allowed at most the 5 left of order 1"),
        (["1,1,1,5,150,1"], "line 1: price found 150, allowed multiples of 100"),
    ],
)
def test_build_contradictory_messages_are_refused(lines, message):
    with pytest.raises(FlowError) as caught:
        lobster.build(lobster.parse(lines), "x.csv")
    assert message in str(caught.value)


def test_read_not_gzip_names_the_file(tmp_path):
    broken = tmp_path / "broken.csv.gz"
    broken.write_text("1,1,1,1,100,1")
    with pytest.raises(FlowError, match=r"broken\.csv\.gz"):
        lobster.read(broken)


@given(st.lists(st.integers(1, 2**40), min_size=1, max_size=40, unique=True))
def test_flow_any_executions_are_never_of_the_orders_own_trader(orders):
    lines = [f"1,1,{order},5,100,1" for order in orders]
    lines += [f"2,4,{order},5,100,1" for order in orders]
    flow = lobster.build(lobster.parse(lines), "x.csv")
    owner = {step.action.key: step.trader for step in flow.steps}
    takers = [step for step in flow.steps if step.action.names is not None]
    assert len(takers) == len(orders)
    assert all(step.trader != owner[step.action.names] for step in takers)
