"""Dead man's switches: orders stand while their wallet is alive, and fall when it is silent."""

import pytest

from matcher import commands as c
from matcher import wire
from matcher.client import RequestRefused
from matcher.errors import Reject
from matcher.gateway import switches
from tests.support.dead_man import (
    ARM,
    PATIENCE,
    TIMEOUT,
    Session,
    arm,
    body_of,
    ids,
    terms_of,
    until_canceled,
)
from tests.support.gateway import ACCOUNTS, CALL, DOMAIN, KEY, OUTSIDER, PUT, START, TRADERS
from tests.support.requests import PRICE, post, refusal, sign

# --- silence --------------------------------------------------------------------------------------


def test_switch_not_renewed_in_time_cancels_everything(exchange, alice, bob, clockwork):
    order_ids = [int(alice.buy(name, PRICE, 2)["order"]["id"]) for name in (CALL, PUT)]
    theirs = int(bob.buy(CALL, PRICE, 1)["order"]["id"])
    terms = terms_of()
    armed = arm(exchange, body_of(terms))["switch"]
    digest = "0x" + DOMAIN.digest(terms).hex()
    assert armed == {**wire.terms(terms), "timeout": "30", "digest": digest}
    clockwork.advance(TIMEOUT - 1)
    assert ids(alice) == order_ids
    clockwork.advance(1.01)
    assert ids(alice) == []
    assert [alice.order(order_id)["reason"] for order_id in order_ids] == ["USER", "USER"]
    assert ids(bob) == [theirs]
    again = post(exchange, "/orders/cancel-all", body_of(terms) | {}).json()
    assert again["error"]["name"] == "UNKNOWN_FIELD"
    message = {"cancelAll": wire.terms(terms), "signature": sign(terms)}
    again = post(exchange, "/orders/cancel-all", message).json()
    assert again["duplicate"] is True
    assert [one["id"] for one in again["canceled"]] == [str(order_id) for order_id in order_ids]


def test_switch_renewed_in_time_lets_orders_stand(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    for _ in range(10):
        arm(exchange, body_of(terms_of()))
        clockwork.advance(TIMEOUT - 1)
    assert ids(alice) == [0]
    clockwork.advance(2)
    assert ids(alice) == []


def test_switch_of_one_instrument_cancels_there_alone(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    stays = int(alice.buy(PUT, PRICE, 1)["order"]["id"])
    arm(exchange, body_of(terms_of(instrument=CALL)))
    clockwork.advance(TIMEOUT + 1)
    assert ids(alice) == [stays]


def test_switch_replaced_by_a_fresh_message_forgets_the_old_one(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of(START + 400), 10))
    arm(exchange, body_of(terms_of(START + 500), 40))
    clockwork.advance(39)
    assert ids(alice) == [0]
    clockwork.advance(2)
    assert ids(alice) == []
    fresh = {
        "cancelAll": wire.terms(terms_of(START + 400)),
        "signature": sign(terms_of(START + 400)),
    }
    assert post(exchange, "/orders/cancel-all", fresh).json()["duplicate"] is False


@pytest.mark.parametrize("expiry", [START + 500, START + 501], ids=["the same", "another"])
def test_switch_disarmed_does_nothing(exchange, alice, clockwork, expiry):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of()))
    assert arm(exchange, body_of(terms_of(expiry), 0)) == {"switch": None}
    assert list((exchange.directory / "switches").iterdir()) == []
    clockwork.advance(1000)
    assert ids(alice) == [0]
    assert arm(exchange, body_of(terms_of(), 0)) == {"switch": None}


def test_switches_of_owner_and_key_are_two(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of(), 200))
    arm(exchange, body_of(terms_of(START + 400), 20, KEY))
    assert len(list((exchange.directory / "switches").iterdir())) == 2
    clockwork.advance(21)
    assert ids(alice) == []


# --- sessions -------------------------------------------------------------------------------------


def test_switch_fires_when_its_session_ends_and_not_when_another_does(exchange, alice):
    order_id = int(alice.buy(CALL, PRICE, 1)["order"]["id"])
    other, session = Session(alice), Session(alice)
    answer = session.arm(body_of(terms_of()))
    assert (answer["type"], answer["switch"]["timeout"]) == ("armed", "30")
    other.stream.close()
    assert session.arm(body_of(terms_of()))["type"] == "armed"  # after the other one's end
    assert ids(alice) == [order_id]
    session.stream.close()
    until_canceled(alice, order_id)


def test_session_that_disarmed_may_end(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    session = Session(alice)
    session.arm(body_of(terms_of()))
    assert session.arm(body_of(terms_of(), 0)) == {"type": "disarmed", "switch": None}
    session.stream.close()
    clockwork.advance(1000)
    assert ids(alice) == [0]


def test_session_is_told_that_its_switch_fired(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 3)
    session = Session(alice)
    session.arm(body_of(terms_of()))
    clockwork.advance(TIMEOUT + 1)
    told = session.stream.receive(PATIENCE)
    assert (told["type"], told["why"]) == ("fired", "not renewed in time")
    assert told["canceled"] == [{"id": "0", "remaining": "3"}]


def test_session_hears_what_is_wrong_and_goes_on(exchange, alice):
    session = Session(alice)
    for message, name in (
        ({"op": "arm"}, "MISSING_FIELD"),
        ({"op": "arm", **body_of(terms_of(), 301)}, "OUT_OF_RANGE"),
        ({"op": "arm", **body_of(terms_of(), signer=OUTSIDER)}, "SIGNER_UNKNOWN"),
        ({"op": "arm", **body_of(terms_of()), "hidden": 1}, "UNKNOWN_FIELD"),
    ):
        with pytest.raises(RequestRefused) as caught:
            session.say(message)
        assert caught.value.name == name
    assert session.arm(body_of(terms_of()))["type"] == "armed"


# --- what is refused ------------------------------------------------------------------------------

FAULTS = {
    "too long": (lambda: body_of(terms_of(), 301), Reject.OUT_OF_RANGE, 400, "timeout"),
    "negative": (lambda: body_of(terms_of(), -1), Reject.OUT_OF_RANGE, 400, "timeout"),
    "no number": (lambda: body_of(terms_of(), "soon"), Reject.NOT_AN_INTEGER, 400, "timeout"),
    "expired": (lambda: body_of(terms_of(START - 1)), Reject.EXPIRED, 409, "cancelAll.expiry"),
    "ends too soon": (
        lambda: body_of(terms_of(START + TIMEOUT + 59)),
        Reject.OUT_OF_RANGE,
        400,
        "cancelAll.expiry",
    ),
    "lives too long": (
        lambda: body_of(terms_of(START + 601)),
        Reject.OUT_OF_RANGE,
        400,
        "cancelAll.expiry",
    ),
    "no such account": (
        lambda: body_of(terms_of(account=99)),
        Reject.ACCOUNT_UNKNOWN,
        404,
        "cancelAll.account",
    ),
    "no such instrument": (
        lambda: body_of(terms_of(instrument="ETH-1JAN30-5-C")),
        Reject.INSTRUMENT_UNKNOWN,
        404,
        "cancelAll.instrument",
    ),
    "an outsider": (
        lambda: body_of(terms_of(), signer=OUTSIDER),
        Reject.SIGNER_UNKNOWN,
        403,
        "signature",
    ),
    "another's key": (
        lambda: body_of(terms_of(), signer=TRADERS["bob"]),
        Reject.SIGNER_UNKNOWN,
        403,
        "signature",
    ),
    "nobody's": (
        lambda: {**body_of(terms_of()), "signature": "0x" + "00" * 31 + "05" + "11" * 32 + "1b"},
        Reject.BAD_SIGNATURE,
        400,
        "signature",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_switch_that_would_do_no_good_is_refused_and_the_old_one_stays(
    exchange, alice, clockwork, fault
):
    build, code, status, field = FAULTS[fault]
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of(START + 400)))
    refusal(post(exchange, ARM, build()), code, status, field)
    clockwork.advance(TIMEOUT + 1)
    assert ids(alice) == []


@pytest.mark.parametrize(("timeout", "expiry"), [(1, START + 61), (300, START + 600)])
def test_switch_at_the_edges_is_armed(exchange, timeout, expiry):
    assert arm(exchange, body_of(terms_of(expiry), timeout))["switch"]["timeout"] == str(timeout)


def test_message_that_was_obeyed_cannot_be_armed(exchange, alice):
    terms = terms_of()
    message = {"cancelAll": wire.terms(terms), "signature": sign(terms)}
    assert post(exchange, "/orders/cancel-all", message).status_code == 200
    refusal(post(exchange, ARM, body_of(terms)), Reject.ID_USED, 409, "cancelAll")


def test_key_that_is_over_cannot_arm_and_an_armed_one_fires_for_nothing(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    session = Session(alice)
    session.arm(body_of(terms_of(), signer=KEY))
    key = bytes.fromhex(KEY.address[2:])
    exchange.tell(c.KeySet(ACCOUNTS["alice"], key, START - 5, START - 1))
    refused = post(exchange, ARM, body_of(terms_of(START + 400), signer=KEY))
    refusal(refused, Reject.KEY_EXPIRED, 403, "signature")
    clockwork.advance(TIMEOUT + 1)
    assert session.stream.receive(PATIENCE)["type"] == "lapsed"
    assert ids(alice) == [0]


def test_no_more_switches_than_are_allowed(exchange, monkeypatch):
    monkeypatch.setattr(switches, "MAX_SWITCHES", 1)
    arm(exchange, body_of(terms_of()))
    bobs = terms_of(account=ACCOUNTS["bob"])
    refusal(post(exchange, ARM, body_of(bobs, signer=TRADERS["bob"])), Reject.BUSY, 503, "switches")
    arm(exchange, body_of(terms_of(START + 400)))  # in place of the one that there is
    arm(exchange, body_of(terms_of(), 0))
    arm(exchange, body_of(bobs, signer=TRADERS["bob"]))


# --- time of the chain ----------------------------------------------------------------------------


def test_switch_fires_before_its_message_ends(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1)
    arm(exchange, body_of(terms_of(START + 500), 300))
    exchange.tell(c.Clock(START + 469))
    clockwork.advance(0)
    assert ids(alice) == [0]
    exchange.tell(c.Clock(START + 470))
    clockwork.advance(0)
    assert ids(alice) == []


def test_message_over_which_time_leapt_is_not_obeyed(exchange, alice, clockwork):
    alice.buy(CALL, PRICE, 1, expiry=START + 100_000)
    session = Session(alice)
    session.arm(body_of(terms_of()))
    exchange.tell(c.Clock(START + 501))
    told = session.stream.receive(PATIENCE)
    assert told["type"] == "lapsed"
    assert "EXPIRED" in told["reason"]
    clockwork.advance(TIMEOUT + 1)
    assert ids(alice) == [0]
    assert list((exchange.directory / "switches").iterdir()) == []
