from hypothesis import given
from hypothesis import strategies as st

from matcher.chain.fees import GWEI, FeePolicy, Fees

WEI = st.integers(1, 10**13)


@given(base=WEI, cap=WEI, tip=WEI)
def test_fees_first_offer_outlasts_a_doubled_base_fee_within_the_cap(
    base: int, cap: int, tip: int
) -> None:
    fees = FeePolicy(tip=tip, cap=cap).first(base)
    assert fees.limit == min(cap, 2 * base + tip)
    assert 0 < fees.tip <= fees.limit


@given(last=WEI, tip=WEI, base=WEI, cap=WEI)
def test_fees_higher_offer_adds_an_eighth_to_both_fields_or_there_is_none(
    last: int, tip: int, base: int, cap: int
) -> None:
    before = Fees(min(tip, last), last)
    after = FeePolicy(cap=cap).higher(before, base)
    if after is None:
        assert 8 * cap < 9 * before.limit + 8  # an eighth more, rounded up, is above the cap
        return
    assert after.limit * 8 >= before.limit * 9
    assert after.tip * 8 >= before.tip * 9
    assert after.tip <= after.limit <= cap


def test_fees_higher_offer_follows_a_risen_base_fee() -> None:
    policy = FeePolicy(tip=GWEI, cap=1000 * GWEI)
    assert policy.higher(Fees(GWEI, 3 * GWEI), 100 * GWEI) == Fees(1_125_000_000, 201 * GWEI)
