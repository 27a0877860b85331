"""SettlementPrices: who settles an expiry, at which price, and when (section 10)."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from matcher.reference.messages import digest
from matcher.types import Report
from tests.support.chain import Receipt, account, reverts
from tests.support.exchange import CAP, EXPIRY, MARKET, TOKENS, Exchange, Roles

EXPIRES_AT = EXPIRY * 3600
DAY = 86_400
HUNDRED = 100 * TOKENS
HALF_ORDER = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
ORDER = 2 * HALF_ORDER + 1


def settle(exchange: Exchange, reports: Sequence[Any], expiry: int = EXPIRY) -> Receipt:
    call = exchange.prices.functions.settle(MARKET, expiry, list(reports))
    return exchange.chain.send(exchange.roles.outsider, call)


def price_of(exchange: Exchange, expiry: int = EXPIRY) -> tuple[int, int]:
    found = exchange.chain.call(exchange.prices.functions.priceOf(MARKET, expiry))
    return found[0], found[1]


def expiry_of(exchange: Exchange, reporters: int) -> tuple[int, list[Any]]:
    """An expiry with a reporter set of this size."""
    members = [account(f"member {i}") for i in range(reporters)]
    reporter_set = exchange.add_reporters(members)
    return exchange.open_expiry(expiry=EXPIRY + 24, reporters=reporter_set), members


def reports_by(
    exchange: Exchange, members: Sequence[Any], expiry: int, prices: dict[int, int]
) -> list[tuple[int, int, bytes]]:
    """Reports by these members, ascending by price."""
    return sorted(
        (
            (i, price, exchange.sign(members[i], Report(MARKET, expiry, price)))
            for i, price in prices.items()
        ),
        key=lambda report: report[1],
    )


@pytest.fixture
def expired(exchange: Exchange) -> Exchange:
    exchange.chain.at(EXPIRES_AT)
    return exchange


# --- the median


def test_settle_fixes_the_median_once_with_its_time(expired: Exchange) -> None:
    reports = expired.reports([HUNDRED - 9, HUNDRED, HUNDRED + 1])
    receipt = settle(expired, reports)
    assert receipt.time == EXPIRES_AT
    assert receipt.event("PriceFixed") == {
        "market": MARKET,
        "expiry": EXPIRY,
        "price": HUNDRED,
        "fixedAt": EXPIRES_AT,
    }
    assert price_of(expired) == (HUNDRED, EXPIRES_AT)
    with reverts("AlreadyFixed", HUNDRED, EXPIRES_AT):
        settle(expired, expired.reports([HUNDRED + 1] * 3))
    assert price_of(expired) == (HUNDRED, EXPIRES_AT)


def test_prices_of_several_series_stand_in_the_order_of_asking(expired: Exchange) -> None:
    """`price:64 | date:40 | zero:152`; 0 for what is not fixed."""
    settle(expired, expired.reports([HUNDRED] * 3))
    word = HUNDRED << 192 | EXPIRES_AT << 152
    asked = {
        MARKET << 24 | EXPIRY: word,
        MARKET << 24 | EXPIRY + 24: 0,
        MARKET + 1 << 24 | EXPIRY: 0,
        0: 0,
    }
    for series in (list(asked), list(asked)[::-1], [*asked, *asked], []):
        call = expired.prices.functions.pricesOf(series)
        assert list(expired.chain.call(call)) == [asked[one] for one in series]


def test_settle_of_two_takes_the_lower_middle(expired: Exchange) -> None:
    assert (
        settle(expired, expired.reports([HUNDRED, HUNDRED + 5])).event("PriceFixed")["price"]
        == HUNDRED
    )


def test_settle_above_the_cap_is_clamped(expired: Exchange) -> None:
    settle(expired, expired.reports([CAP + 1, CAP + 2, CAP + 3]))
    assert price_of(expired)[0] == CAP


def test_settle_at_zero_is_a_price(expired: Exchange) -> None:
    settle(expired, expired.reports([0, 0]))
    assert price_of(expired) == (0, EXPIRES_AT)
    with reverts("AlreadyFixed", 0, EXPIRES_AT):
        settle(expired, expired.reports([HUNDRED] * 3))


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), members=st.integers(1, 12))
def test_settle_by_any_majority_takes_its_lower_middle(
    exchange: Exchange, data: st.DataObject, members: int
) -> None:
    chain = exchange.chain
    with chain.passing():
        this = exchange.clone()
        expiry, accounts = expiry_of(this, members)
        count = data.draw(st.integers(members // 2 + 1, members))
        who = data.draw(st.permutations(range(members)))[:count]
        low = data.draw(st.integers(0, CAP))
        prices = data.draw(
            st.lists(st.integers(low, low + low // 50), min_size=count, max_size=count)
        )
        chain.at(expiry * 3600)
        reports = reports_by(this, accounts, expiry, dict(zip(who, prices, strict=True)))
        settle(this, reports, expiry)
        assert price_of(this, expiry)[0] == min(sorted(prices)[(count - 1) // 2], CAP)


# --- when


def test_settle_before_the_expiry_is_refused(exchange: Exchange) -> None:
    exchange.chain.at(EXPIRES_AT - 1)
    reports = exchange.reports([HUNDRED] * 3)
    with reverts("NotExpired", EXPIRY, EXPIRES_AT - 1):
        settle(exchange, reports)
    settle(exchange, reports)


def test_settle_of_an_expiry_never_opened_is_refused(expired: Exchange) -> None:
    with reverts("ExpiryUnknown", MARKET, EXPIRY - 24):
        settle(expired, expired.reports([HUNDRED] * 3, expiry=EXPIRY - 24), EXPIRY - 24)
    call = expired.prices.functions.settle(2, EXPIRY, expired.reports([HUNDRED] * 3, market=2))
    with reverts("ExpiryUnknown", 2, EXPIRY):
        expired.chain.send(expired.roles.outsider, call)


# --- how many


@pytest.mark.parametrize(
    ("members", "majority", "minority"),
    [(1, 1, 1), (2, 2, 1), (3, 2, 2), (4, 3, 2), (5, 3, 2), (6, 4, 3), (7, 4, 3)],
)
def test_settle_needs_a_majority_and_after_three_days_a_third(
    exchange: Exchange, members: int, majority: int, minority: int
) -> None:
    expiry, accounts = expiry_of(exchange, members)
    chain = exchange.chain
    before = chain.snapshot()

    def reports(count: int) -> list[Any]:
        return reports_by(exchange, accounts, expiry, dict.fromkeys(range(count), HUNDRED))

    chain.at(expiry * 3600 + 3 * DAY - 2)
    with reverts("TooFewReports", majority - 1, majority):
        settle(exchange, reports(majority - 1), expiry)
    settle(exchange, reports(majority), expiry)

    chain.revert(before)
    chain.at(expiry * 3600 + 3 * DAY)
    with reverts("TooFewReports", minority - 1, minority):
        settle(exchange, reports(minority - 1), expiry)
    settle(exchange, reports(minority), expiry)


# --- how far apart


@pytest.mark.parametrize("low", [0, 1, 49, 50, 51, HUNDRED, 2**63])
def test_settle_spread_of_more_than_a_fiftieth_is_refused_until_three_days(
    expired: Exchange, low: int
) -> None:
    most = low // 50
    with reverts("SpreadTooWide", low, low + most + 1):
        settle(expired, expired.reports([low, low + most + 1]))
    before = expired.chain.snapshot()
    settle(expired, expired.reports([low, low + most]))
    expired.chain.revert(before)
    expired.chain.at(EXPIRES_AT + 3 * DAY - 1)
    with reverts("SpreadTooWide", low, low + most + 1):
        settle(expired, expired.reports([low, low + most + 1]))
    assert expired.chain.now == EXPIRES_AT + 3 * DAY
    settle(expired, expired.reports([low, 2**64 - 1]))
    assert price_of(expired)[0] == min(low, CAP)


# --- which reports


def test_settle_reports_not_ascending_are_refused(expired: Exchange) -> None:
    with reverts("ReportsNotAscending", 2, HUNDRED + 1, HUNDRED):
        settle(expired, expired.reports([HUNDRED, HUNDRED + 1, HUNDRED]))


def test_settle_one_reporter_twice_is_refused(expired: Exchange) -> None:
    first, second = expired.reports([HUNDRED, HUNDRED])
    with reverts("ReporterTwice", 1, 0):
        settle(expired, [first, first])
    with reverts("ReporterTwice", 2, 1):
        settle(expired, [first, second, second])


def test_settle_reporter_outside_the_set_is_refused(expired: Exchange) -> None:
    first, second = expired.reports([HUNDRED, HUNDRED])
    for index in (3, 31, 32, 255):
        with reverts("ReporterUnknown", 1, index, 3):
            settle(expired, [first, (index, *second[1:])])


def test_settle_report_of_somebody_else_is_refused(expired: Exchange, roles: Roles) -> None:
    first, second = expired.reports([HUNDRED, HUNDRED])
    forged = expired.sign(roles.outsider, Report(MARKET, EXPIRY, HUNDRED))
    with reverts("ReportSigner", 1, roles.outsider.address, roles.reporters[1].address):
        settle(expired, [first, (1, HUNDRED, forged)])
    with reverts("ReportSigner", 0, roles.reporters[1].address, roles.reporters[0].address):
        settle(expired, [(0, *second[1:]), second])


@pytest.mark.parametrize("what", ["price", "expiry", "market", "chain"])
def test_settle_report_of_something_else_is_refused(expired: Exchange, what: str) -> None:
    """A signature over another price, expiry, market, or for another exchange."""
    first, _ = expired.reports([HUNDRED, HUNDRED])
    signed = {
        "price": Report(MARKET, EXPIRY, HUNDRED + 1),
        "expiry": Report(MARKET, EXPIRY + 24, HUNDRED),
        "market": Report(MARKET + 1, EXPIRY, HUNDRED),
        "chain": Report(MARKET, EXPIRY, HUNDRED),
    }[what]
    separator = bytes(32) if what == "chain" else expired.domain()
    signature = bytes(
        expired.roles.reporters[1].unsafe_sign_hash(digest(signed, separator)).signature
    )
    with pytest.raises(Exception, match=r"ReportSigner|SignatureOfNobody"):
        settle(expired, [first, (1, HUNDRED, signature)])


def test_settle_reports_of_another_set_are_refused(exchange: Exchange, roles: Roles) -> None:
    """Whoever lists an expiry chooses who settles it, and nobody after that."""
    expiry, members = expiry_of(exchange, 3)
    exchange.chain.at(expiry * 3600)
    with reverts("ReportSigner", 0, roles.reporters[0].address, members[0].address):
        settle(exchange, exchange.reports([HUNDRED] * 3, expiry=expiry), expiry)


def test_settle_takes_eip_2098_and_refuses_other_spellings(expired: Exchange) -> None:
    first, second, _ = expired.reports([HUNDRED] * 3)
    r, s, v = second[2][:32], int.from_bytes(second[2][32:64], "big"), second[2][64]
    high = r + (ORDER - s).to_bytes(32, "big") + bytes([55 - v])
    with reverts("SignatureHighS", (ORDER - s).to_bytes(32, "big")):
        settle(expired, [first, (1, HUNDRED, high)])
    with reverts("SignatureV", v - 27):
        settle(expired, [first, (1, HUNDRED, second[2][:64] + bytes([v - 27]))])
    with reverts("SignatureLength", 66):
        settle(expired, [first, (1, HUNDRED, second[2] + b"\0")])
    compact = r + (s | (v - 27) << 255).to_bytes(32, "big")
    settle(expired, [first, (1, HUNDRED, compact)])
    assert price_of(expired)[0] == HUNDRED


def test_report_digest_is_the_reference_model_s(exchange: Exchange) -> None:
    found = exchange.chain.call(exchange.prices.functions.reportDigest(MARKET, EXPIRY, HUNDRED))
    assert found == digest(Report(MARKET, EXPIRY, HUNDRED), exchange.domain())


# --- the owner's proposal


def propose(exchange: Exchange, price: int) -> Receipt:
    call = exchange.prices.functions.propose(MARKET, EXPIRY, price)
    return exchange.chain.send(exchange.roles.owner, call)


def execute(exchange: Exchange) -> Receipt:
    call = exchange.prices.functions.executeProposal(MARKET, EXPIRY)
    return exchange.chain.send(exchange.roles.outsider, call)


def test_proposal_after_fourteen_days_is_fixed_after_three_more(exchange: Exchange) -> None:
    chain = exchange.chain
    earliest = EXPIRES_AT + 14 * DAY
    chain.at(earliest - 1)
    with reverts("ProposalTooSoon", earliest - 1, earliest):
        propose(exchange, CAP + 5)
    with reverts("ProposalUnknown", MARKET, EXPIRY):
        execute(exchange)
    proposed_at = chain.now
    assert propose(exchange, CAP + 5).event("PriceProposed") == {
        "market": MARKET,
        "expiry": EXPIRY,
        "price": CAP + 5,
        "executableAt": proposed_at + 3 * DAY,
    }
    due = proposed_at + 3 * DAY
    found = chain.call(exchange.prices.functions.proposalOf(MARKET, EXPIRY))
    assert found == (CAP + 5, due)
    chain.at(due - 1)
    with reverts("ProposalNotDue", due - 1, due):
        execute(exchange)
    assert execute(exchange).event("PriceFixed")["price"] == CAP  # clamped
    assert price_of(exchange) == (CAP, due)
    with reverts("AlreadyFixed", CAP, due):
        execute(exchange)
    with reverts("AlreadyFixed", CAP, due):
        propose(exchange, HUNDRED)


def test_proposal_renewed_begins_its_notice_anew(exchange: Exchange) -> None:
    """Else the owner could put another price in at the last moment."""
    chain = exchange.chain
    chain.at(EXPIRES_AT + 14 * DAY)
    propose(exchange, HUNDRED)
    chain.travel(3 * DAY)
    renewed_at = chain.now
    propose(exchange, 2 * HUNDRED)
    now = chain.now
    with reverts("ProposalNotDue", now, renewed_at + 3 * DAY):
        execute(exchange)
    chain.at(renewed_at + 3 * DAY)
    execute(exchange)
    assert price_of(exchange)[0] == 2 * HUNDRED


def test_proposal_gives_way_to_reports(exchange: Exchange) -> None:
    chain = exchange.chain
    chain.at(EXPIRES_AT + 14 * DAY)
    propose(exchange, HUNDRED)
    fixed = settle(exchange, exchange.reports([HUNDRED + 7] * 2))
    chain.travel(3 * DAY)
    with reverts("AlreadyFixed", HUNDRED + 7, fixed.time):
        execute(exchange)


def test_proposal_by_another_is_refused(exchange: Exchange, roles: Roles) -> None:
    exchange.chain.at(EXPIRES_AT + 14 * DAY)
    for sender in (roles.operator, roles.outsider, roles.reporters[0]):
        with reverts("NotOwner", sender.address, roles.owner.address):
            exchange.chain.send(sender, exchange.prices.functions.propose(MARKET, EXPIRY, HUNDRED))


def test_proposal_for_an_expiry_never_opened_is_refused(exchange: Exchange, roles: Roles) -> None:
    exchange.chain.at(EXPIRES_AT + 14 * DAY)
    functions = exchange.prices.functions
    for call in (
        functions.propose(MARKET, EXPIRY - 24, HUNDRED),
        functions.executeProposal(MARKET, EXPIRY - 24),
    ):
        with reverts("ExpiryUnknown", MARKET, EXPIRY - 24):
            exchange.chain.send(roles.owner, call)
