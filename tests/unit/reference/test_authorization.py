"""UNAUTHORIZED: what answers for a side of an op, term by term."""

from dataclasses import replace

import msgspec
import pytest

from matcher.reference.authorization import Side, Signers, answers, sides_of, unanswered
from matcher.reference.context import Context
from matcher.reference.leaf import Account, Slot
from matcher.reference.messages import digest
from matcher.reference.orderfile import Signed
from matcher.reference.words import Credit, Fill, Transfer, Withdraw
from matcher.types import Fees, Instrument, Market, Order, OrderFlag, Withdrawal
from matcher.types import Transfer as TransferMessage
from tests.support.street import SEPARATOR, address, sign

BUILT_AT = 1_774_224_000
EXPIRY = BUILT_AT // 3600 + 8
FACTS = Context(
    built_at=BUILT_AT,
    lag=300,
    markets={1: Market(1, "BTC", 10, 1000)},
    fees={1: Fees(0, 0, 0, 0, 0)},
    instruments={1: Instrument(1, 1, 0, EXPIRY, 100)},
)
SIGNERS = Signers(
    owners={2: address("owner 2"), 3: address("owner 3")},
    orders_until={3: BUILT_AT},
    keys={(2, address("key")): (BUILT_AT, BUILT_AT)},
)
FILL = Fill(0, 2, 3, 1, 100, 5, 7, 8)
BUY = Order(2, "BTC-23MAR26-100-C", True, 1000, 9, 7, BUILT_AT, 0)
SELL = Order(3, "BTC-23MAR26-100-C", False, 1000, 9, 8, BUILT_AT, 0)


def signed(message, by: str) -> Signed:
    return Signed(message, sign(by, digest(message, SEPARATOR)))


def account(slot: int, filled: int, generation: int = 0) -> Account:
    made = Account()
    made.slots[slot] = Slot(generation, filled)
    return made


def answered(op, number, message, by, context=FACTS, signers=SIGNERS, after=None) -> bool:
    side = Side(op, number)
    after = after or account(side.order % 4096, 5, side.order // 4096)
    return answers(side, signed(message, by), SEPARATOR, context, signers, after)


@pytest.mark.parametrize(
    ("changed", "by", "expected"),
    [
        ({}, "owner 2", True),
        ({}, "key", True),
        ({}, "owner 3", False),
        ({"account": 3}, "owner 3", False),
        ({"instrument": "BTC-23MAR26-100-P"}, "owner 2", False),
        ({"buy": False}, "owner 2", False),
        ({"price": 1010}, "owner 2", True),
        ({"price": 990}, "owner 2", False),
        ({"quantity": 5}, "owner 2", True),
        ({"quantity": 4}, "owner 2", False),
        ({"id": 7 + 4096}, "owner 2", False),
        ({"expiry": BUILT_AT - 1}, "owner 2", False),
        ({"flags": OrderFlag.POST_ONLY}, "owner 2", False),
        ({"flags": OrderFlag.IOC}, "owner 2", True),
        ({"flags": 15 - OrderFlag.POST_ONLY}, "owner 2", True),
        ({"flags": 16}, "owner 2", False),
    ],
)
def test_order_answers_for_a_taker_if_its_terms_allow_the_fill(changed, by, expected):
    order = msgspec.structs.replace(BUY, **changed)
    assert answered(FILL, 0, order, by) is expected


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({}, True),
        ({"price": 990}, True),
        ({"price": 1010}, False),
        ({"buy": True}, False),
        ({"flags": OrderFlag.POST_ONLY}, True),
    ],
)
def test_order_answers_for_a_maker_if_its_terms_allow_the_fill(changed, expected):
    order = msgspec.structs.replace(SELL, **changed)
    assert answered(FILL, 1, order, "owner 3") is expected


def test_sides_turn_round_when_the_taker_sells():
    sold = replace(FILL, flags=1)
    assert [side.buys for side in sides_of(FILL)] == [True, False]
    assert [side.buys for side in sides_of(sold)] == [False, True]
    assert not answered(sold, 0, BUY, "owner 2")


def test_order_does_not_answer_for_a_slot_of_another_generation():
    assert not answered(FILL, 0, BUY, "owner 2", after=account(7, 5, generation=1))


@pytest.mark.parametrize(("moved", "expected"), [(0, True), (1, False)])
def test_owner_orders_until_the_second_that_is_stored(moved, expected):
    later = replace(FACTS, built_at=BUILT_AT + moved)
    order = msgspec.structs.replace(SELL, expiry=BUILT_AT + 9)
    assert answered(FILL, 1, order, "owner 3", context=later) is expected


@pytest.mark.parametrize("moved", [-1, 1])
def test_key_orders_from_its_first_second_to_its_last(moved):
    other = replace(FACTS, built_at=BUILT_AT + moved)
    order = msgspec.structs.replace(BUY, expiry=BUILT_AT + 9)
    assert not answered(FILL, 0, order, "key", context=other)
    assert answered(FILL, 0, order, "owner 2", context=other)


@pytest.mark.parametrize(
    ("op", "message", "by", "expected"),
    [
        (Withdraw(2, 5, 7), Withdrawal(2, 5, 7, BUILT_AT), "owner 2", True),
        (Withdraw(2, 5, 7), Withdrawal(2, 5, 7, BUILT_AT), "key", False),
        (Withdraw(2, 5, 7), Withdrawal(2, 6, 7, BUILT_AT), "owner 2", False),
        (Withdraw(2, 5, 7), Withdrawal(3, 5, 7, BUILT_AT), "owner 3", False),
        (Withdraw(2, 5, 7), Withdrawal(2, 5, 8, BUILT_AT), "owner 2", False),
        (Withdraw(2, 5, 7), Withdrawal(2, 5, 7, BUILT_AT - 1), "owner 2", False),
        (Withdraw(2, 5, 7), BUY, "owner 2", False),
        (Withdraw(3, 5, 7), Withdrawal(3, 5, 7, BUILT_AT), "owner 3", True),
        (Transfer(2, 3, 5, 7), TransferMessage(2, 3, 5, 7, BUILT_AT), "owner 2", True),
        (Transfer(2, 3, 5, 7), TransferMessage(2, 3, 5, 7, BUILT_AT), "key", False),
        (Transfer(2, 3, 5, 7), TransferMessage(2, 4, 5, 7, BUILT_AT), "owner 2", False),
        (Transfer(2, 3, 5, 7), TransferMessage(2, 3, 4, 7, BUILT_AT), "owner 2", False),
        (Transfer(2, 3, 5, 7), TransferMessage(3, 2, 5, 7, BUILT_AT), "owner 3", False),
    ],
)
def test_money_moves_only_as_its_owner_signed(op, message, by, expected):
    assert answered(op, 0, message, by) is expected


def test_signature_of_another_domain_answers_for_nothing():
    other = Signed(BUY, sign("owner 2", digest(BUY, bytes(32))))
    after = account(7, 5)
    assert not answers(Side(FILL, 0), other, SEPARATOR, FACTS, SIGNERS, after)


def test_unanswered_names_each_side_that_nothing_answers_for():
    ops = [Credit(2, 1), FILL]
    after = {2: account(7, 5), 3: account(8, 5)}
    both = [signed(BUY, "owner 2"), signed(SELL, "owner 3")]
    assert unanswered(ops, both, SEPARATOR, FACTS, SIGNERS, after) == []
    ((place, side),) = unanswered(ops, both[:1], SEPARATOR, FACTS, SIGNERS, after)
    assert (place, side) == (1, Side(FILL, 1))
    assert side.unsigned() == "order 8 of account 3 is not signed so"
