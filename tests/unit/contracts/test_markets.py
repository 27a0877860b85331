"""Markets: what is listed is listed once and for good; fees are dated (section 4)."""

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.chain.deployment import deploy
from matcher.reference.leaf import Account, leaf_words
from matcher.reference.symbols import symbol
from matcher.reference.tree import keccak
from tests.support.chain import account, reverts
from tests.support.exchange import (
    CAP,
    EXPIRY,
    MARKET,
    REPORTERS,
    TOKENS,
    WINDOWS,
    Exchange,
    Roles,
)

ZERO_ADDRESS = "0x" + "00" * 20
YEAR_2100 = 1_139_568  # hours
I32 = (1 << 31) - 1
EACH = settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def send(exchange: Exchange, name: str, *args: Any) -> Any:
    return exchange.chain.send(exchange.roles.owner, exchange.markets.functions[name](*args))


def call(exchange: Exchange, name: str, *args: Any) -> Any:
    return exchange.chain.call(exchange.markets.functions[name](*args))


# --- markets


def test_market_listed_reads_back_with_dated_fees(exchange: Exchange) -> None:
    receipt = send(exchange, "listMarket", "ETH", 10, 500, 4, -4)
    assert receipt.event("MarketListed") == {
        "market": 2,
        "name": "ETH",
        "tickValue": 10,
        "strikeValue": 500,
    }
    assert receipt.event("FeesSet") == {
        "market": 2,
        "oldTaker": 4,
        "oldMaker": -4,
        "newTaker": 4,
        "newMaker": -4,
        "activeAt": 0,
    }
    assert call(exchange, "marketOf", 2) == ("ETH", 10, 500)
    assert call(exchange, "feesOf", 2) == (4, -4, 4, -4, 0)
    assert call(exchange, "marketCount") == 2
    assert call(exchange, "marketOf", 0) == call(exchange, "marketOf", 3) == ("", 0, 0)


@EACH
@given(
    name=st.from_regex(r"[A-Z0-9]{2,8}", fullmatch=True).filter(lambda name: name != "BTC"),
    tick=st.integers(1, 2**32 - 1),
    strike=st.integers(1, 2**32 - 1),
    taker=st.integers(0, I32),
    maker=st.integers(-I32 - 1, I32),
)
def test_market_of_any_terms_reads_back(
    exchange: Exchange, name: str, tick: int, strike: int, taker: int, maker: int
) -> None:
    with exchange.chain.passing():
        if taker + maker < 0:
            with reverts("FeesNegative", taker, maker):
                send(exchange, "listMarket", name, tick, strike, taker, maker)
        else:
            index = send(exchange, "listMarket", name, tick, strike, taker, maker).event(
                "MarketListed"
            )["market"]
            assert call(exchange, "marketOf", index) == (name, tick, strike)
            assert call(exchange, "feesOf", index) == (taker, maker, taker, maker, 0)


@pytest.mark.parametrize(
    ("name", "error"),
    [
        ("", ("NameLength", 0, 2, 8)),
        ("B", ("NameLength", 1, 2, 8)),
        ("ABCDEFGHI", ("NameLength", 9, 2, 8)),
        ("BTc", ("NameCharacter", b"c", 2)),
        ("B-C", ("NameCharacter", b"-", 1)),
        ("B\0", ("NameCharacter", b"\0", 1)),
        ("@B", ("NameCharacter", b"@", 0)),
        ("B[", ("NameCharacter", b"[", 1)),
        ("B/", ("NameCharacter", b"/", 1)),
        ("B:", ("NameCharacter", b":", 1)),
        ("BTC", ("NameTaken", "BTC")),
    ],
)
def test_market_name_not_allowed_is_refused(
    exchange: Exchange, name: str, error: tuple[Any, ...]
) -> None:
    with reverts(*error):
        send(exchange, "listMarket", name, 10, 500, 4, -4)


@pytest.mark.parametrize("values", [(0, 5), (5, 0)])
def test_market_value_of_zero_is_refused(exchange: Exchange, values: tuple[int, int]) -> None:
    with reverts("ZeroValue", *values):
        send(exchange, "listMarket", "ETH", *values, 4, -4)


@pytest.mark.parametrize("rates", [(-1, 5), (3, -4), (0, -1), (I32, -I32 - 1)])
def test_market_fees_that_pay_somebody_are_refused(
    exchange: Exchange, rates: tuple[int, int]
) -> None:
    with reverts("FeesNegative", *rates):
        send(exchange, "listMarket", "ETH", 10, 500, *rates)
    with reverts("FeesNegative", *rates):
        send(exchange, "setFees", MARKET, *rates, exchange.chain.now + 5)


def test_listing_beyond_what_an_index_holds_is_refused(exchange: Exchange) -> None:
    """The counters stand in slot 0, lowest first: markets:8, instruments:24, reporter sets:16."""
    address = exchange.markets.address
    assert exchange.chain.storage(address, 0) == 1 | 4 << 8 | 1 << 32
    full = 0xFF | 0xFFFFFF << 8 | 0xFFFF << 32
    exchange.chain.write_storage(address, {0: full - 1 - (1 << 8) - (1 << 32)})
    with reverts("TooMany", 2**24, 2**24 - 1):
        exchange.list_instruments((MARKET, 0, EXPIRY, 90), (MARKET, 0, EXPIRY, 91))
    assert exchange.list_instruments((MARKET, 0, EXPIRY, 90)) == [2**24 - 1]
    assert exchange.list_market("ETH") == 255
    assert exchange.add_reporters() == 2**16 - 1
    assert exchange.chain.storage(address, 0) == full
    with reverts("TooMany", 255, 255):
        exchange.list_market("SOL")
    with reverts("TooMany", 2**16 - 1, 2**16 - 1):
        exchange.add_reporters()
    with reverts("TooMany", 2**24, 2**24 - 1):
        exchange.list_instruments((MARKET, 0, EXPIRY, 91))


# --- who


@pytest.mark.parametrize(
    ("name", "args"),
    [
        ("listMarket", ("ETH", 10, 500, 4, -4)),
        ("setFees", (MARKET, 1, 1, 2**40 - 1)),
        ("addReporterSet", ([ZERO_ADDRESS],)),
        ("openExpiry", (MARKET, EXPIRY + 24, CAP, REPORTERS)),
    ],
)
def test_listing_by_another_than_the_owner_is_refused(
    exchange: Exchange, roles: Roles, name: str, args: tuple[Any, ...]
) -> None:
    for sender in (roles.operator, roles.outsider):
        with reverts("NotOwner", sender.address, roles.owner.address):
            exchange.chain.send(sender, exchange.markets.functions[name](*args))


def test_instruments_are_listed_by_owner_or_operator_alone(
    exchange: Exchange, roles: Roles
) -> None:
    listing = exchange.markets.functions.listInstruments
    exchange.chain.send(roles.operator, listing([(MARKET, 0, EXPIRY, 90)]))
    with reverts("NotLister", roles.outsider.address, roles.owner.address, roles.operator.address):
        exchange.chain.send(roles.outsider, listing([(MARKET, 0, EXPIRY, 91)]))
    exchange.chain.send(roles.owner, exchange.registry.functions.setOperator(0))
    with reverts("NotLister", roles.operator.address, roles.owner.address, ZERO_ADDRESS):
        exchange.chain.send(roles.operator, listing([(MARKET, 0, EXPIRY, 91)]))


def test_owner_of_the_registry_hands_listing_over(exchange: Exchange, roles: Roles) -> None:
    chain, registry = exchange.chain, exchange.registry
    chain.send(roles.owner, registry.functions.transferOwnership(roles.outsider.address))
    exchange.list_market("ETH")
    chain.send(roles.outsider, registry.functions.acceptOwnership())
    with reverts("NotOwner", roles.owner.address, roles.outsider.address):
        exchange.list_market("SOL")


# --- fees


def test_fees_change_keeps_the_old_rates_until_it_is_active(exchange: Exchange) -> None:
    active_at = exchange.chain.now + 100
    assert send(exchange, "setFees", MARKET, 9, -2, active_at).event("FeesSet") == {
        "market": MARKET,
        "oldTaker": 3,
        "oldMaker": -1,
        "newTaker": 9,
        "newMaker": -2,
        "activeAt": active_at,
    }
    assert call(exchange, "feesOf", MARKET) == (3, -1, 9, -2, active_at)


def test_fees_active_before_now_are_refused(exchange: Exchange) -> None:
    now = exchange.chain.now
    with reverts("FeesInPast", now - 1, now):
        send(exchange, "setFees", MARKET, 9, -2, now - 1)
    now = exchange.chain.now
    send(exchange, "setFees", MARKET, 9, -2, now)


def test_fees_change_before_all_batches_of_the_last_are_final_is_refused(
    exchange: Exchange,
) -> None:
    """A batch opened just before activeAt may be committed `lag` later, and be questioned until it
    is final; the rates that judge it must still stand.
    """
    active_at = exchange.chain.now + 100
    send(exchange, "setFees", MARKET, 9, -2, active_at)
    built_at = active_at - 1
    exchange.chain.at(built_at + WINDOWS.lag)
    batch = exchange.commit([], built_at=built_at)

    earliest = active_at + WINDOWS.lag + WINDOWS.final_after
    exchange.chain.at(earliest - 1)
    with reverts("FeesTooSoon", earliest - 1, earliest):
        send(exchange, "setFees", MARKET, 5, 5, earliest + 50)
    status, _ = exchange.chain.call(exchange.registry.functions.statusOf(batch.encoded()))
    assert status == 2  # final
    assert exchange.chain.now == earliest
    send(exchange, "setFees", MARKET, 5, 5, earliest + 50)
    assert call(exchange, "feesOf", MARKET) == (9, -2, 5, 5, earliest + 50)


def test_fees_of_an_unknown_market_are_refused(exchange: Exchange) -> None:
    for market in (0, 2, 255):
        with reverts("MarketUnknown", market, 1):
            send(exchange, "setFees", market, 1, 1, exchange.chain.now + 5)


# --- reporters


def test_reporter_set_reads_back_in_its_order(exchange: Exchange) -> None:
    addresses = [account(f"reporter {i}").address for i in range(32)]
    receipt = send(exchange, "addReporterSet", addresses)
    found = receipt.event("ReporterSetAdded")
    assert found["set"] == 2
    assert [a.lower() for a in found["reporters"]] == [a.lower() for a in addresses]
    assert [a.lower() for a in call(exchange, "reporterSetOf", 2)] == [a.lower() for a in addresses]
    assert call(exchange, "reporterSetOf", 3) == call(exchange, "reporterSetOf", 0) == ()


def test_reporter_set_not_allowed_is_refused(exchange: Exchange) -> None:
    addresses = [account(f"reporter {i}").address for i in range(33)]
    with reverts("ReporterCount", 0, 1, 32):
        send(exchange, "addReporterSet", [])
    with reverts("ReporterCount", 33, 1, 32):
        send(exchange, "addReporterSet", addresses)
    with reverts("ReporterZero", 1):
        send(exchange, "addReporterSet", [addresses[0], ZERO_ADDRESS])
    with reverts("ReporterTwice", addresses[1], 1, 3):
        send(exchange, "addReporterSet", [*addresses[:3], addresses[1]])


# --- expiries


def test_expiry_opened_reads_back(exchange: Exchange) -> None:
    receipt = send(exchange, "openExpiry", MARKET, EXPIRY + 24, 2**56 - 1, REPORTERS)
    assert receipt.event("ExpiryOpened") == {
        "market": MARKET,
        "expiry": EXPIRY + 24,
        "cap": 2**56 - 1,
        "reporterSet": REPORTERS,
    }
    assert call(exchange, "expiryOf", MARKET, EXPIRY + 24) == (2**56 - 1, REPORTERS)
    assert call(exchange, "expiryOf", MARKET, EXPIRY + 48) == (0, 0)
    assert call(exchange, "expiryOf", MARKET + 1, EXPIRY + 24) == (0, 0)


def test_expiry_opened_twice_is_refused(exchange: Exchange) -> None:
    """Else the owner could choose who settles it after the trades."""
    exchange.add_reporters(exchange.roles.reporters[:1])
    with reverts("ExpiryOpen", MARKET, EXPIRY):
        send(exchange, "openExpiry", MARKET, EXPIRY, 2 * CAP, 2)


@pytest.mark.parametrize("hour", [h for h in range(24) if h != 8])
def test_expiry_at_another_hour_is_refused(exchange: Exchange, hour: int) -> None:
    expiry = EXPIRY + 24 - 8 + hour
    with reverts("ExpiryHour", expiry, hour):
        send(exchange, "openExpiry", MARKET, expiry, CAP, REPORTERS)


def test_expiry_not_in_the_future_is_refused(exchange: Exchange) -> None:
    at = (EXPIRY + 24) * 3600
    exchange.chain.at(at)
    with reverts("ExpiryPassed", EXPIRY + 24, at):
        send(exchange, "openExpiry", MARKET, EXPIRY + 24, CAP, REPORTERS)
    with reverts("ExpiryPassed", 8, at + 1):
        send(exchange, "openExpiry", MARKET, 8, CAP, REPORTERS)


def test_expiry_of_2100_is_refused_and_the_day_before_is_not(exchange: Exchange) -> None:
    with reverts("ExpiryTooLate", YEAR_2100 + 8, YEAR_2100):
        send(exchange, "openExpiry", MARKET, YEAR_2100 + 8, CAP, REPORTERS)
    exchange.open_expiry(expiry=YEAR_2100 - 16)
    exchange.list_instruments((MARKET, 0, YEAR_2100 - 16, 7))
    assert call(exchange, "symbolOf", 5) == "BTC-31DEC99-7-C"


def test_expiry_without_cap_market_or_reporters_is_refused(exchange: Exchange) -> None:
    expiry = EXPIRY + 24
    with reverts("CapZero"):
        send(exchange, "openExpiry", MARKET, expiry, 0, REPORTERS)
    for reporters in (0, 2):
        with reverts("ReporterSetUnknown", reporters, 1):
            send(exchange, "openExpiry", MARKET, expiry, CAP, reporters)
    with reverts("MarketUnknown", 2, 1):
        send(exchange, "openExpiry", 2, expiry, CAP, REPORTERS)


# --- instruments


def test_instruments_read_back_four_to_a_slot(exchange: Exchange) -> None:
    """Indices 1 to 4 are listed; neighbors in a slot do not disturb each other."""
    items = [(MARKET, n % 2, EXPIRY, 30 + n) for n in range(9)]
    assert exchange.list_instruments(*items) == list(range(5, 14))
    expected = [(MARKET, 0, EXPIRY, 100), (MARKET, 1, EXPIRY, 100)]
    expected += [(MARKET, 0, EXPIRY, 120), (MARKET, 1, EXPIRY, 80), *items]
    found = [call(exchange, "instrumentOf", index) for index in range(1, 14)]
    assert found == expected
    assert call(exchange, "instrumentCount") == 13
    for index in (0, 14, 15, 2**24 - 1):
        assert call(exchange, "instrumentOf", index) == (0, 0, 0, 0)
        assert call(exchange, "symbolOf", index) == ""


def test_instruments_read_back_as_legs_of_margin(exchange: Exchange) -> None:
    """market:8 expiry:24 cap:56 strike:56 isCall:8 lots:40, strike and cap in atoms.

    Nothing but the lots if the instrument is not listed.
    """
    dear = exchange.list_market("DEAR", strike_value=(1 << 32) - 1)
    exchange.open_expiry(dear, EXPIRY, cap=(1 << 56) - 1)
    (last,) = exchange.list_instruments((dear, 0, EXPIRY, (1 << 24) - 2))
    call_100 = MARKET << 184 | EXPIRY << 160 | CAP << 104 | 100 * TOKENS << 48 | 1 << 40
    strike = ((1 << 24) - 2) * ((1 << 32) - 1)
    far = dear << 184 | EXPIRY << 160 | ((1 << 56) - 1) << 104 | strike << 48 | 1 << 40
    terms = {1: call_100, 2: call_100 - (1 << 40), last: far, 9: 0, (1 << 24) - 1: 0}
    lots = dict(zip(terms, (1, -1, (1 << 39) - 1, -(1 << 39), 7), strict=True))
    for count in range(len(terms) + 1):
        words = leaf_words(Account(-1, positions=dict(list(lots.items())[:count])))
        legs = call(exchange, "legsOf", [word.to_bytes(32, "big") for word in words])
        held = sorted(list(terms)[:count])
        assert list(legs) == [terms[index] | lots[index] % (1 << 40) for index in held]


def test_instruments_are_listed_all_or_none(exchange: Exchange) -> None:
    strike = CAP // TOKENS
    with reverts("StrikeNotBelowCap", CAP, CAP):
        exchange.list_instruments((MARKET, 0, EXPIRY, 90), (MARKET, 0, EXPIRY, strike))
    assert call(exchange, "instrumentCount") == 4
    assert call(exchange, "indexOf", keccak(symbol("BTC", 0, EXPIRY, 90).encode())) == 0
    assert exchange.list_instruments((MARKET, 0, EXPIRY, strike - 1)) == [5]


def test_instrument_listed_twice_is_refused(exchange: Exchange) -> None:
    with reverts("InstrumentListedAlready", symbol("BTC", 0, EXPIRY, 100), 1):
        exchange.list_instruments((MARKET, 0, EXPIRY, 100))
    with reverts("InstrumentListedAlready", symbol("BTC", 0, EXPIRY, 90), 5):
        exchange.list_instruments((MARKET, 0, EXPIRY, 90), (MARKET, 0, EXPIRY, 90))


def test_instrument_not_allowed_is_refused(exchange: Exchange) -> None:
    with reverts("KindUnknown", 2):
        exchange.list_instruments((MARKET, 2, EXPIRY, 90))
    with reverts("ExpiryUnknown", MARKET, EXPIRY + 24):
        exchange.list_instruments((MARKET, 0, EXPIRY + 24, 90))
    with reverts("ExpiryUnknown", 2, EXPIRY):
        exchange.list_instruments((2, 0, EXPIRY, 90))
    exchange.chain.at(EXPIRY * 3600)
    with reverts("ExpiryPassed", EXPIRY, EXPIRY * 3600):
        exchange.list_instruments((MARKET, 0, EXPIRY, 90))


@EACH
@given(
    kind=st.integers(0, 1),
    strike=st.integers(0, 2**24 - 1),
    day=st.integers(EXPIRY // 24 + 1, YEAR_2100 // 24 - 1),
)
def test_instrument_symbol_is_that_of_the_reference_model(
    exchange: Exchange, kind: int, strike: int, day: int
) -> None:
    chain = exchange.chain
    with chain.passing():
        this = exchange.clone()
        expiry = 24 * day + 8
        this.open_expiry(expiry=expiry, cap=2**56 - 1)
        receipt = send(this, "listInstruments", [(MARKET, kind, expiry, strike)])
        expected = symbol("BTC", kind, expiry, strike)
        assert receipt.event("InstrumentListed") == {
            "instrument": 5,
            "market": MARKET,
            "kind": kind,
            "expiry": expiry,
            "strike": strike,
            "symbol": expected,
        }
        assert call(this, "symbolOf", 5) == expected
        assert call(this, "indexOf", keccak(expected.encode())) == 5
        assert call(this, "instrumentOf", 5) == (MARKET, kind, expiry, strike)


def test_markets_of_another_exchange_ask_their_own_owner(exchange: Exchange, roles: Roles) -> None:
    chain = exchange.chain
    other = deploy(chain.w3, roles.outsider, windows=WINDOWS, token=exchange.token.address)
    chain.at_next()
    listing = other.markets.functions.listMarket("ETH", 1, 1, 0, 0)
    with reverts("NotOwner", roles.owner.address, roles.outsider.address):
        chain.send(roles.owner, listing)
    chain.send(roles.outsider, listing)
