import hashlib
from collections import Counter

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from demo import flow as generator
from demo.flow import Dice, generate, mix
from demo.steps import (
    SPOIL_CODES,
    Amend,
    Cancel,
    CancelAll,
    FlowError,
    Place,
    Spoil,
    Step,
    Style,
)
from matcher.types import KNOWN_ORDER_FLAGS, MAX_POSITIONS, U24, U32, InstrumentKind


def fingerprint(flow) -> str:
    return hashlib.sha256(msgspec.json.encode(flow)).hexdigest()


def test_mix_known_inputs_gives_the_published_splitmix_outputs():
    # The reference implementation's first outputs for the seed 1234567.
    dice = Dice(1234567)
    assert [dice.bits() for _ in range(3)] == [
        6457827717110365317,
        3203168211198807973,
        9817491932198370423,
    ]
    assert mix(0) == 0


@given(st.integers(0, 2**64 - 1), st.integers(-50, 50), st.integers(0, 99))
def test_dice_within_stays_within_both_ends(seed, low, width):
    dice = Dice(seed)
    assert all(low <= dice.within(low, low + width) <= low + width for _ in range(20))


def test_generate_same_seed_gives_the_same_flow():
    assert fingerprint(generate(seed=3, turns=300)) == fingerprint(generate(seed=3, turns=300))


def test_generate_another_seed_gives_another_flow():
    assert fingerprint(generate(seed=3, turns=300)) != fingerprint(generate(seed=4, turns=300))


@given(st.integers(0, 2**64 - 1))
def test_generate_any_seed_gives_a_flow_that_agrees_with_itself(seed):
    flow = generate(seed=seed, turns=120, duration=60_000)
    flow.check()
    for step in flow.steps:
        if isinstance(step.action, Place):
            assert 1 <= step.action.tick <= U32
            assert 1 <= step.action.lots <= U32
            assert step.action.flags & ~KNOWN_ORDER_FLAGS == 0


def test_generate_default_size_shows_every_style_action_and_spoil():
    flow = generate()
    assert len(flow.traders) == 20
    assert {plan.style for plan in flow.traders} == set(Style) - {Style.RECORDED}
    assert {plan.session_key for plan in flow.traders} == {True, False}
    kinds = Counter(type(step.action) for step in flow.steps)
    assert min(kinds[kind] for kind in (Place, Cancel, CancelAll, Amend)) >= 10
    spoils = {step.action.spoil for step in flow.steps if isinstance(step.action, Place)}
    assert spoils - {None} == set(Spoil)
    assert set(SPOIL_CODES) == set(Spoil)
    assert any(isinstance(s.action, Place) and s.action.repeat for s in flow.steps)


def test_listing_default_fits_the_protocol():
    listing = generator.listing()
    assert len(listing.instruments) <= MAX_POSITIONS
    assert len(set(listing.instruments)) == len(listing.instruments)
    for plan in listing.instruments:
        expiry = listing.expiries[plan.expiry]
        market = listing.markets[expiry.market]
        assert plan.strike <= U24
        assert plan.strike * market.strike_value < expiry.cap
        assert market.taker_fee >= 0
        assert market.taker_fee + market.maker_fee >= 0
        assert market.settles_at <= expiry.cap


@given(st.integers(-5_000, 5_000))
def test_fair_value_any_spot_keeps_put_call_parity(move):
    made = generator._Generator(seed=1, turns=1, duration=1)
    made.spot[0] += move
    made.spot[1] += move
    for number, plan in enumerate(made.listing.instruments):
        if plan.kind != InstrumentKind.CALL:
            continue
        market = made.listing.expiries[plan.expiry].market
        values = made.listing.markets[market]
        strike = plan.strike * values.strike_value // values.tick_value
        call, put = made.fair(number)[0], made.fair(number + 1)[0]
        assert call - put == made.spot[market] - strike


@pytest.mark.parametrize(
    ("steps", "message"),
    [
        ((Step(5, 0, CancelAll(None)), Step(4, 0, CancelAll(None))), "step 1: at 4, allowed 5..9"),
        ((Step(10, 0, CancelAll(None)),), "step 0: at 10, allowed 0..9"),
        ((Step(0, 20, CancelAll(None)),), "step 0: trader 20, allowed -1..19"),
        ((Step(0, 0, Place(1, 99, True, 1, 1)),), "step 0: instrument 99 is not listed"),
        (
            (Step(0, 0, Place(1, 0, True, 1, 1)), Step(0, 0, Place(1, 0, True, 1, 1))),
            "step 1: key 1 was used before",
        ),
        (
            (Step(0, 0, Place(1, 0, True, 1, 1)), Step(0, 2, Cancel(1))),
            "step 1: key 1 of trader 0, allowed one of trader 2",
        ),
    ],
)
def test_flow_check_contradiction_is_refused(steps, message):
    flow = msgspec.structs.replace(generate(turns=0), steps=steps, duration=9)
    with pytest.raises(FlowError) as caught:
        flow.check()
    assert str(caught.value) == message
