"""Orders, cancels, amends, withdrawals and transfers, from signature to answer."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import msgspec
import pytest
from eth_account import Account
from eth_account.messages import encode_typed_data

from matcher import commands as c
from matcher import wire
from matcher.client import Client, RequestRefused
from matcher.errors import Reject
from matcher.types import CancelAllTerms, OrderFlag, Withdrawal
from tests.support.gateway import (
    ACCOUNTS,
    CALL,
    DEPOSIT,
    DOMAIN,
    KEY,
    OUTSIDER,
    PUT,
    START,
    TICK_VALUE,
    TRADERS,
    raw_address,
)
from tests.support.requests import PRICE, body_of, order_of, post, refusal, sign

# --- trading ---


def test_order_placed_rests_and_is_shown_everywhere(exchange, alice):
    placed = alice.buy(CALL, PRICE, 3)
    assert placed["duplicate"] is False
    assert placed["fills"] == []
    order = placed["order"]
    assert order["status"] == "open"
    assert (order["id"], order["filled"], order["remaining"]) == ("0", "0", "3")
    assert alice.open_orders() == [order]
    assert alice.order(0) == order
    assert alice.book(CALL)["bids"] == [[str(PRICE), "3", "1"]]
    assert alice.book(CALL)["asks"] == []
    balances = alice.balances()
    assert balances["cash"] == balances["worst"] == str(DEPOSIT)
    assert int(balances["free"]) == DEPOSIT - 3 * PRICE - 3 * 30
    assert balances["openOrders"] == "1"


def test_fill_carries_both_orders_as_they_were_signed(exchange, alice, bob):
    alice.buy(CALL, PRICE, 3)
    answer = bob.sell(CALL, PRICE - TICK_VALUE, 2, flags=OrderFlag.IOC)
    assert answer["order"]["status"] == "filled"
    (fill,) = bob.fills()
    assert answer["fills"] == [fill]
    assert alice.fills() == [fill]
    assert (fill["price"], fill["lots"], fill["takerSells"]) == (str(PRICE), "2", True)
    assert (fill["taker"]["fee"], fill["maker"]["fee"]) == ("60", "-20")
    assert (fill["batch"], fill["index"]) == (None, None)
    for side, trader in (("taker", "bob"), ("maker", "alice")):
        signed = fill[side]["signed"]
        order = wire.order(signed["order"])
        assert order.account == ACCOUNTS[trader] == int(fill[side]["account"])
        assert DOMAIN.digest(order).hex() == signed["digest"][2:]
        encoded = encode_typed_data(full_message=DOMAIN.typed_data(order))
        recovered = Account.recover_message(encoded, signature=signed["signature"])
        assert recovered == TRADERS[trader].address
        assert signed["signer"] == recovered.lower()
    trades = alice.trades(CALL)
    assert [(t["price"], t["lots"]) for t in trades] == [(str(PRICE), "2")]
    assert "taker" not in trades[0]
    assert alice.balances()["positions"] == [{"instrument": CALL, "lots": "2"}]
    assert bob.balances()["positions"] == [{"instrument": CALL, "lots": "-2"}]
    exchange.check()


def test_order_sent_twice_is_accepted_once_and_answered_alike(exchange, alice, bob):
    bob.sell(CALL, PRICE, 1)
    order = order_of(quantity=3)
    first = post(exchange, "/orders", body_of(order)).json()
    state = exchange.state_hash()
    second = post(exchange, "/orders", body_of(order)).json()
    assert first["duplicate"] is False
    assert second == first | {"duplicate": True}
    assert exchange.state_hash() == state
    assert len(first["fills"]) == 1
    alice.cancel(order.id)
    third = post(exchange, "/orders", body_of(order)).json()
    assert third["duplicate"] is True
    assert (third["order"]["status"], third["order"]["reason"]) == ("canceled", "USER")
    assert alice.book(CALL)["bids"] == []


def test_order_sent_by_many_at_once_is_accepted_once(exchange, alice):
    body = body_of(order_of())
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(exchange, "/orders", body).json(), range(16)))
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 15
    assert len({msgspec.json.encode(answer["order"]) for answer in answers}) == 1
    assert alice.book(CALL)["bids"] == [[str(PRICE), "1", "1"]]


def test_order_in_compact_signature_and_in_v_from_zero_is_accepted(exchange):
    for place, spell in enumerate(
        (
            lambda raw: raw[:64] + bytes([raw[64] - 27]),
            lambda raw: raw[:32] + bytes([raw[32] | (raw[64] - 27) << 7]) + raw[33:64],
        )
    ):
        order = order_of(id=place)
        signature = "0x" + spell(bytes.fromhex(sign(order)[2:])).hex()
        answer = post(exchange, "/orders", body_of(order, signature))
        assert answer.status_code == 200, answer.text
        assert answer.json()["order"]["status"] == "open"


def test_amend_then_cancel_keeps_and_gives_up_the_place(alice, bob):
    order_id = int(alice.buy(CALL, PRICE, 5)["order"]["id"])
    bob.buy(CALL, PRICE, 5)
    amended = alice.amend(order_id, 2)["order"]
    assert (amended["quantity"], amended["remaining"]) == ("2", "2")
    assert alice.book(CALL)["bids"] == [[str(PRICE), "7", "2"]]
    with pytest.raises(RequestRefused) as caught:
        alice.amend(order_id, 2)
    assert (caught.value.code, caught.value.field) == (Reject.AMEND_NOT_DOWN, "amend.quantity")
    canceled = alice.cancel(order_id)["order"]
    assert (canceled["status"], canceled["reason"], canceled["remaining"]) == (
        "canceled",
        "USER",
        "0",
    )
    with pytest.raises(RequestRefused) as caught:
        alice.cancel(order_id)
    assert (caught.value.code, caught.value.field) == (Reject.ORDER_UNKNOWN, "cancel.id")


def test_orders_in_one_request_enter_in_their_order_and_answer_each(exchange, alice):
    ids = alice.next_order_ids(4)
    results = alice.place_many(
        [
            order_of(id=ids[0], price=PRICE),
            order_of(id=ids[1], price=PRICE + 1),
            order_of(id=ids[2], price=PRICE, buy=False),  # meets the first: one's own gives way
            order_of(id=ids[3], price=PRICE, quantity=2),
        ]
    )
    assert [r["order"]["status"] if "order" in r else r["error"]["name"] for r in results] == [
        "open",
        "OFF_TICK",
        "canceled",
        "open",
    ]
    assert results[1]["error"]["field"] == "orders[1].order.price"
    assert results[2]["order"]["reason"] == "SELF_TRADE"
    assert alice.book(CALL)["bids"] == [[str(PRICE), "3", "2"]]


def test_orders_in_one_request_one_malformed_refuses_all(exchange, alice):
    good, bad = body_of(order_of(id=1)), body_of(order_of(id=2))
    bad["order"]["quantity"] = "0"
    response = post(exchange, "/orders/batch", {"orders": [good, bad]})
    refusal(response, Reject.OUT_OF_RANGE, 400, "orders[1].order.quantity")
    forged = body_of(order_of(id=2), "0x" + "00" * 65)
    response = post(exchange, "/orders/batch", {"orders": [good, forged]})
    refusal(response, Reject.BAD_SIGNATURE, 400, "orders[1].signature")
    assert alice.open_orders() == []


def test_session_key_trades_but_does_not_withdraw(exchange, alice):
    key = exchange.client_of(KEY, ACCOUNTS["alice"])
    placed = key.buy(CALL, PRICE, 1)
    assert placed["order"]["account"] == str(ACCOUNTS["alice"])
    with pytest.raises(RequestRefused) as caught:
        key.withdraw(1)
    assert (caught.value.code, caught.value.status) == (Reject.NOT_OWNER, 403)
    assert KEY.address.lower() in caught.value.found
    key.cancel(int(placed["order"]["id"]))


def test_withdraw_and_transfer_move_what_is_free(exchange, alice, bob):
    alice.withdraw(1_000)
    moved = alice.transfer(bob.account, 2_000)
    assert moved["account"]["cash"] == str(DEPOSIT - 3_000)
    assert bob.balances()["cash"] == str(DEPOSIT + 2_000)
    assert alice.balances()["exited"] == "1000"
    with pytest.raises(RequestRefused) as caught:
        alice.withdraw(DEPOSIT)
    assert (caught.value.code, caught.value.field) == (
        Reject.INSUFFICIENT_MARGIN,
        "withdrawal.amount",
    )
    with pytest.raises(RequestRefused) as caught:
        alice.transfer(alice.account, 1)
    assert (caught.value.code, caught.value.field) == (Reject.SELF_TRANSFER, "transfer.to")
    movements = alice.get(f"/accounts/{alice.account}/movements")["movements"]
    assert [m["kind"] for m in movements] == ["transfer", "withdrawal", "credit"]
    exchange.check()


def test_withdrawal_sent_twice_is_paid_once(exchange, alice):
    message = Withdrawal(alice.account, 1_000, 4096, START + 100)
    body = {"withdrawal": wire.terms(message), "signature": sign(message)}
    first = post(exchange, "/withdrawals", body).json()
    second = post(exchange, "/withdrawals", body).json()
    assert (first["duplicate"], second["duplicate"]) == (False, True)
    assert alice.balances()["exited"] == "1000"


# --- cancel-all ---


def cancel_all_body(account: int, instrument: str = "", expiry: int = START + 300) -> dict:
    message = CancelAllTerms(account, instrument, expiry)
    return {"cancelAll": wire.terms(message), "signature": sign(message)}


def test_cancel_all_of_one_instrument_leaves_the_others(alice):
    alice.buy(CALL, PRICE, 1)
    alice.buy(PUT, PRICE, 1)
    alice.buy(CALL, PRICE, 2)
    canceled = alice.cancel_all(CALL)["canceled"]
    assert canceled == [{"id": "0", "remaining": "1"}, {"id": "2", "remaining": "2"}]
    assert [order["instrument"] for order in alice.open_orders()] == [PUT]


def test_cancel_all_sent_again_cancels_no_newer_orders_not_even_after_a_restart(exchange, alice):
    alice.buy(CALL, PRICE, 1)
    body = cancel_all_body(alice.account)
    first = post(exchange, "/orders/cancel-all", body).json()
    assert first == {"canceled": [{"id": "0", "remaining": "1"}], "duplicate": False}
    alice.buy(CALL, PRICE, 2)
    again = post(exchange, "/orders/cancel-all", body).json()
    assert again == first | {"duplicate": True}
    exchange.stop()
    exchange.start()
    assert post(exchange, "/orders/cancel-all", body).json() == first | {"duplicate": True}
    alice = exchange.client("alice")
    assert len(alice.open_orders()) == 1
    exchange.tell(c.Clock(START + 301))
    refusal(post(exchange, "/orders/cancel-all", body), Reject.EXPIRED, 409, "cancelAll.expiry")


def test_cancel_all_sent_by_many_at_once_is_obeyed_once(exchange, alice):
    alice.buy(CALL, PRICE, 1)
    body = cancel_all_body(alice.account)
    with ThreadPoolExecutor(8) as pool:
        answers = list(
            pool.map(lambda _: post(exchange, "/orders/cancel-all", body).json(), range(16))
        )
    assert sorted(answer["duplicate"] for answer in answers) == [False] + [True] * 15
    assert {answer["canceled"][0]["id"] for answer in answers} == {"0"}


def test_cancel_all_refused_may_be_sent_again(exchange, alice):
    alice.buy(CALL, PRICE, 1)
    message = CancelAllTerms(alice.account, "", START + 300)
    body = {"cancelAll": wire.terms(message), "signature": sign(message, OUTSIDER)}
    response = post(exchange, "/orders/cancel-all", body)
    refusal(response, Reject.SIGNER_UNKNOWN, 403, "signature")
    exchange.tell(c.KeySet(alice.account, raw_address(OUTSIDER), START - 1, START + 9_999))
    answer = post(exchange, "/orders/cancel-all", body).json()
    assert answer == {"canceled": [{"id": "0", "remaining": "1"}], "duplicate": False}


# --- two at once ---


def test_clients_that_trade_at_the_same_time_share_one_truth(exchange, alice, bob):
    same = exchange.client("alice")  # a second program with the same account
    problems = []

    def trade(client: Client, buy: bool, seed: int) -> None:
        rng = random.Random(seed)
        try:
            for _ in range(30):
                price = PRICE + rng.randrange(-5, 6) * TICK_VALUE
                client.place(
                    CALL, buy, price, rng.randrange(1, 3), flags=OrderFlag.IOC * rng.randrange(2)
                )
        except RequestRefused as refused:
            if refused.code != Reject.INSUFFICIENT_MARGIN:
                problems.append(refused)

    jobs = ((alice, True, 1), (same, True, 2), (bob, False, 3))
    threads = [threading.Thread(target=trade, args=job) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    exchange.check()
    ours, theirs = alice.balances()["positions"], bob.balances()["positions"]
    assert int(ours[0]["lots"]) == -int(theirs[0]["lots"]) > 0
    assert len(alice.fills(1000)) == len(bob.fills(1000)) > 0
    exchange.close_batch()
