from dataclasses import replace

import pytest

from matcher.reference.chain import Chain
from matcher.reference.context import Context
from matcher.reference.leaf import Account
from matcher.reference.replay import Auditor
from matcher.reference.totals import Totals
from matcher.types import Instrument, Market
from tests.support.streams import random_stream
from tests.support.tape import Tape

KEY = (1, 500)
FACTS = Context(
    built_at=100,
    lag=0,
    markets={1: Market(1, "BTC", 1, 1)},
    instruments={1: Instrument(1, 1, 0, 500, 30), 2: Instrument(2, 1, 1, 500, 30)},
    caps={KEY: 50},
)


def totals_of(*accounts: Account) -> Totals:
    totals = Totals()
    for account in accounts:
        totals.replace(Account(), account)
    return totals


def test_totals_follow_an_account_that_changes_and_changes_back():
    was, now = Account(5, 6, 7, 0, {1: 3}), Account(50, 60, 70, 0, {1: 3, 2: -4})
    totals = totals_of(was, Account(1, 1, 1, 0, {1: -3}))
    assert (totals.cash, totals.exited, totals.credited, totals.lots) == (6, 7, 8, {})
    totals.replace(was, now)
    assert (totals.cash, totals.exited, totals.credited, totals.lots) == (51, 61, 71, {2: -4})
    totals.replace(now, was)
    assert totals == totals_of(was, Account(1, 1, 1, 0, {1: -3}))


def test_lots_that_do_not_meet_are_named_until_their_expiry_is_settled():
    totals = totals_of(Account(positions={1: 3, 2: 1}), Account(positions={1: -2, 2: -1}))
    assert totals.unmet_lots(FACTS) == {1: 1}
    totals.settled = frozenset({KEY})
    assert totals.unmet_lots(FACTS) == {}


def test_payoffs_of_lots_left_over_depend_on_the_price_until_it_is_fixed():
    totals = totals_of(Account(positions={1: 3}))
    assert totals.payoffs(FACTS) is None
    assert totals.payoffs(replace(FACTS, prices={KEY: (40, 99)})) == 30
    assert totals.payoffs(replace(FACTS, prices={KEY: (40, 100)})) is None


@pytest.mark.parametrize(
    ("cash", "lots", "laws"), [(0, {}, set()), (1, {}, {"S2"}), (0, {1: 1}, {"S2", "S3"})]
)
def test_audit_finds_sums_that_do_not_hold(cash, lots, laws):
    tape = Tape().run(random_stream(3, 400))
    auditor = Auditor(Chain.of(tape.records))
    auditor.totals.cash, auditor.totals.lots = cash, dict(lots)
    for fact in tape.records:
        auditor.take(fact)
    assert {finding.lie for finding in auditor.result(1 << 60).broken} == laws
