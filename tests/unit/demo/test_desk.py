"""What traders send is what the wire takes, and what is spoiled is spoiled as it says."""

from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest

from demo import flow as generator
from demo.desk import Desk, high_s
from demo.report import CALLDATA_FLOOR_PER_FILL
from demo.stage import OPENING_HOUR, WINDOWS, Trader, account_of, first_expiry
from demo.steps import Amend, Cancel, CancelAll, Place, Spoil, Step
from gaslab import snapshot
from matcher import wire
from matcher.eip712 import Domain, parse_signature, recover
from matcher.errors import Reject, SignatureError, WireError
from matcher.types import SLOTS

DOMAIN = Domain(1337, b"\x5f" * 20)
NOW = 1_800_000_000
SYMBOLS = [f"BTC-26MAR27-{strike}-C" for strike in range(18)]
SNAPSHOT = Path(__file__).parents[2] / "gas" / "gaslab.snap"


def trader(name: str, account: int, key: str | None = None) -> Trader:
    owner = account_of(name)
    return Trader(name, account, owner, account_of(key) if key else owner)


@pytest.fixture
def busy() -> set[tuple[int, int]]:
    return set()


@pytest.fixture
def desk(busy) -> Desk:
    world = SimpleNamespace(
        domain=DOMAIN,
        listing=generator.listing(),
        symbols=SYMBOLS,
        traders=[trader("Ada", 2), trader("Bela", 3, "key of Bela")],
    )
    return Desk(world, lambda account, slot: (account, slot) in busy)


def place(**changes) -> Step:
    terms = {"key": 1, "instrument": 3, "buy": True, "tick": 250, "lots": 4} | changes
    return Step(0, 0, Place(**terms))


def taken(request):
    """The request as the gateway reads it: terms and signer."""
    asked = wire.order_request(wire.decode(request.body))
    signature = parse_signature(asked.signature)
    return asked.order, recover(DOMAIN.digest(asked.order), signature)


def address(name: str) -> bytes:
    return bytes.fromhex(account_of(name).address[2:])


def test_requests_order_is_what_the_wire_takes_signed_by_its_trader(desk):
    (request,) = desk.requests(place(), NOW)
    order, signer = taken(request)
    assert (order.account, order.instrument, order.buy) == (2, SYMBOLS[3], True)
    assert (order.price, order.quantity, order.id) == (2_500_000, 4, 0)
    assert order.expiry == NOW + 3600
    assert signer == address("Ada")


def test_requests_trader_with_session_key_signs_orders_with_it(desk):
    step = msgspec.structs.replace(place(), trader=1)
    assert taken(desk.requests(step, NOW)[0])[1] == address("key of Bela")


def test_requests_repeated_order_is_sent_twice_byte_for_byte(desk):
    first, second = desk.requests(place(repeat=True), NOW)
    assert first.body == second.body
    assert (first.repeats, second.repeats) == (False, True)


def test_requests_later_steps_name_the_order_by_its_id(desk):
    desk.requests(place(key=7), NOW)
    desk.requests(place(key=8), NOW)
    (cancel,) = desk.requests(Step(0, 0, Cancel(8)), NOW)
    (amend,) = desk.requests(Step(0, 0, Amend(7, 2)), NOW)
    (everything,) = desk.requests(Step(0, 0, CancelAll(None)), NOW)
    terms, _ = wire.signed(wire.decode(cancel.body), "cancel", wire.cancel)
    assert (terms.account, terms.id) == (2, 1)
    terms, _ = wire.signed(wire.decode(amend.body), "amend", wire.amend)
    assert (terms.id, terms.quantity) == (0, 2)
    terms, _ = wire.signed(wire.decode(everything.body), "cancelAll", wire.cancel_all)
    assert terms.instrument == ""


def test_requests_ids_pass_slots_that_hold_an_open_order(desk, busy):
    for key in range(SLOTS):
        desk.requests(place(key=key), NOW)
    busy |= {(2, 0), (2, 1)}
    order, _ = taken(desk.requests(place(key=SLOTS), NOW)[0])
    assert order.id == SLOTS + 2


def test_requests_execution_names_the_order_it_filled(desk):
    desk.requests(place(key=1), NOW)
    step = Step(0, 1, Place(2, 3, False, 250, 4, names=1))
    assert desk.requests(step, NOW)[0].names == (2, 0)


@pytest.mark.parametrize(
    ("spoil", "field", "code"),
    [
        (Spoil.ODD_FLAGS, "order.flags", Reject.INVALID_FLAGS),
        (Spoil.NUMBER_NOT_TEXT, "order.price", Reject.NOT_AN_INTEGER),
    ],
)
def test_requests_spoiled_form_is_refused_by_the_wire(desk, spoil, field, code):
    request = desk.requests(place(spoil=spoil), NOW)[-1]
    with pytest.raises(WireError) as caught:
        wire.order_request(wire.decode(request.body))
    assert (caught.value.field, caught.value.code) == (field, code)
    assert request.refused == code


@pytest.mark.parametrize("spoil", [Spoil.WRONG_DOMAIN, Spoil.FOREIGN_SIGNER])
def test_requests_spoiled_signature_recovers_to_another(desk, spoil):
    request = desk.requests(place(spoil=spoil), NOW)[-1]
    assert taken(request)[1] != address("Ada")
    assert request.refused == Reject.SIGNER_UNKNOWN


def test_high_s_other_signature_recovers_to_the_same_signer_and_is_refused(desk):
    (request,) = desk.requests(place(spoil=Spoil.HIGH_S), NOW)
    asked = wire.order_request(wire.decode(request.body))
    with pytest.raises(SignatureError) as caught:
        parse_signature(asked.signature)
    assert caught.value.code == Reject.HIGH_S
    assert recover(DOMAIN.digest(asked.order), asked.signature) == address("Ada")
    assert parse_signature(high_s(asked.signature))


def test_requests_stale_id_follows_one_of_the_next_generation(desk):
    newer, stale = desk.requests(place(spoil=Spoil.STALE_ID), NOW)
    assert taken(newer)[0].id == taken(stale)[0].id + SLOTS
    assert (newer.refused, stale.refused) == (None, Reject.STALE_ID)


@pytest.mark.parametrize("seconds", [0, 1, 7 * 3600, 8 * 3600, 86_399])
def test_first_expiry_any_time_of_day_is_at_eight_and_leaves_room(seconds):
    now = NOW - NOW % 86_400 + seconds
    expires_at = first_expiry(now, 1_200) * 3600
    assert expires_at % 86_400 == OPENING_HOUR
    room = expires_at - now - 1_200 - WINDOWS.lag
    assert WINDOWS.lag <= room < 86_400 + 2 * WINDOWS.lag + 600


def test_calldata_floor_is_that_of_the_gas_snapshot():
    full = snapshot.read(SNAPSHOT)["product/commit/n=3000/prague"]
    assert abs(full.gas / full.size - CALLDATA_FLOOR_PER_FILL) < 2
