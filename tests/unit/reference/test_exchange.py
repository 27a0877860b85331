"""matching.md, chapter by chapter."""

import pytest

from matcher import commands as c
from matcher.errors import ChainError, Reject
from matcher.events import BatchClosed, BatchOpened, Credited, Duplicate, Released, SettledPosition
from matcher.reference import words as w
from matcher.types import OrderFlag, SelfTrade
from tests.support.desk import (
    CALL,
    CAP,
    EXPIRY,
    FREE,
    NOW,
    PUT,
    WINDOWS,
    cancels,
    names,
    refusal,
    trades,
    who,
    words,
)

OWNER_SIGNER = (Reject.SIGNER_UNKNOWN, "signature")


# --- placing -------------------------------------------------------------------------------


def test_place_that_meets_nothing_rests(desk):
    assert names(desk.place(2, "buy", 5, 1000)) == ["OrderAccepted", "OrderRested"]


def test_place_trades_at_the_makers_price_best_first_then_first_come(desk):
    for account, price in ((2, 1020), (3, 1000), (4, 1000)):
        desk.place(account, "sell", 2, price)
    events = desk.place(5, "buy", 5, 1020)
    assert trades(events) == [(3, 2, 100), (4, 2, 100), (2, 1, 102)]
    assert names(events) == ["OrderAccepted"] + ["Trade", "Op"] * 3
    assert (desk.lots(5), desk.lots(2)) == (5, -1)
    assert desk.cash(5) == 1_000_000 - 4 * 1000 - 1020


def test_place_of_a_fill_puts_the_word_that_says_the_same(desk):
    maker = desk.order(2, "sell", 2, 1000)
    taker = desk.order(3, "buy", 2, 1000)
    desk.tell(maker)
    (word,) = words(desk.tell(taker))
    ids = taker.signed.order.id, maker.signed.order.id
    assert word == w.to_bytes(w.Fill(0, 3, 2, CALL, 100, 2, *ids))


@pytest.mark.parametrize(
    ("terms", "code", "field"),
    [
        ({"account": 1}, Reject.ACCOUNT_UNKNOWN, "account"),
        ({"account": 0}, Reject.ACCOUNT_UNKNOWN, "account"),
        ({"instrument": "BTC-26MAR27-1-C"}, Reject.INSTRUMENT_UNKNOWN, "instrument"),
        ({"by": who("stranger")}, *OWNER_SIGNER),
        ({"expiry": NOW - 1}, Reject.EXPIRED, "expiry"),
        ({"price": 1001}, Reject.OFF_TICK, "price"),
        ({"price": 10 << 32}, Reject.OFF_TICK, "price"),
        ({"price": 10 << 31, "quantity": 1 << 28}, Reject.NOTIONAL_TOO_LARGE, "quantity"),
        ({"flags": OrderFlag.REDUCE_ONLY}, Reject.REDUCE_ONLY_NO_POSITION, "flags"),
        ({"flags": OrderFlag.FOK}, Reject.FOK_UNFILLABLE, "quantity"),
        ({"quantity": (1 << 57) // CAP + 1, "price": 0}, Reject.POSITION_TOO_LARGE, "quantity"),
        ({"quantity": 1001}, Reject.INSUFFICIENT_MARGIN, "quantity"),
        ({"quantity": 1000}, None, ""),
    ],
)
def test_place_is_refused_by_the_check_it_fails(desk, terms, code, field):
    fields = {"quantity": 10, "price": 1000, "account": 2, **terms}
    account, price, lots = fields.pop("account"), fields.pop("price"), fields.pop("quantity")
    before = desk.exchange.state_text()
    events = desk.place(account, "buy", lots, price, **fields)
    assert refusal(events) == (None if code is None else (code, field))
    if code is not None:
        assert desk.exchange.state_text() == before


def test_place_without_a_batch_is_refused_before_all_else(desk):
    desk.tell(c.CloseBatch())
    assert refusal(desk.place(99, "buy", 1, 1001)) == (Reject.DURING_BATCH, "batch")


def test_place_while_halted_is_refused_but_cancels_go_on(desk):
    order = desk.order(2, "buy", 1, 1000)
    desk.tell(order, c.Halted("paused"))
    assert refusal(desk.place(2, "buy", 1, 1000)) == (Reject.HALTED, "exchange")
    assert names(desk.tell(order)) == ["Duplicate"]
    cancel = c.CancelOrder(2, order.signed.order.id, desk.owners[2])
    assert cancels(desk.tell(cancel)) == [(2, "USER")]
    desk.tell(c.Resumed())
    assert refusal(desk.place(2, "buy", 1, 1000)) is None


def test_place_of_the_same_message_again_answers_its_state(desk):
    order = desk.order(2, "sell", 5, 1000)
    desk.tell(order)
    desk.place(3, "buy", 2, 1000)
    duplicate = desk.tell(order)
    assert duplicate == [Duplicate(account=2, id=order.signed.order.id, filled=2, remaining=3)]
    desk.tell(c.CancelAll(2, 0, desk.owners[2]))
    assert desk.tell(order)[0].remaining == 0


def test_place_with_an_id_of_a_slot_in_use(desk):
    def outcome(message_id):
        return refusal(desk.place(2, "buy", 1, 1000, id=message_id))

    slot = 4096 * 3 + 9
    assert outcome(slot) is None
    assert outcome(slot + 4096) == (Reject.SLOT_BUSY, "id")
    assert outcome(slot - 4096) == (Reject.STALE_ID, "id")
    desk.tell(c.CancelAll(2, 0, desk.owners[2]))
    # canceled without a fill: the id stays used, though only by another message of that id
    assert refusal(desk.place(2, "buy", 2, 1000, id=slot)) == (Reject.ID_USED, "id")
    assert outcome(slot + 4096) is None


def test_place_with_an_id_of_a_filled_slot(desk):
    desk.place(3, "sell", 1, 1000)
    desk.place(2, "buy", 1, 1000, id=4096 + 9)
    assert refusal(desk.place(2, "buy", 2, 1000, id=4096 + 9)) == (Reject.ID_USED, "id")
    assert refusal(desk.place(2, "buy", 2, 1000, id=9)) == (Reject.STALE_ID, "id")


def test_place_near_the_expiry_is_closed(desk):
    at = EXPIRY * 3600 - WINDOWS.lag
    desk.tell(c.Clock(at - 1))
    assert refusal(desk.place(2, "buy", 1, 1000)) is None
    assert cancels(desk.tell(c.Clock(at))) == [(2, "INSTRUMENT_CLOSED")]
    assert refusal(desk.place(2, "buy", 1, 1000)) == (Reject.INSTRUMENT_CLOSED, "instrument")


# --- signers -------------------------------------------------------------------------------


def test_key_signs_from_the_batch_after_its_registration_until_it_falls(desk):
    key = who("key")
    desk.tell(c.KeySet(2, key, NOW + 10, NOW + 1000))
    early = desk.place(2, "buy", 1, 1000, by=key)
    assert refusal(early) == (Reject.KEY_NOT_YET_VALID, "signature")
    desk.tell(c.Clock(NOW + 10), c.CloseBatch(), c.OpenBatch())
    assert refusal(desk.place(2, "buy", 1, 1000, by=key)) is None
    desk.tell(c.KeySet(2, key, NOW + 10, NOW + 20), c.KeySet(2, key, NOW + 10, NOW + 1000))
    assert desk.tell(c.Clock(NOW + 20)) == []
    assert cancels(desk.tell(c.Clock(NOW + 21))) == [(2, "SIGNER_INVALID")]
    late = desk.place(2, "buy", 1, 1000, by=key)
    assert refusal(late) == (Reject.KEY_EXPIRED, "signature")


def test_orders_until_kills_the_owners_orders_and_only_falls(desk):
    desk.place(2, "buy", 1, 1000)
    desk.tell(*(c.OrdersUntilSet(2, NOW + at) for at in (50, 60)))
    assert desk.tell(c.Clock(NOW + 50)) == []
    assert cancels(desk.tell(c.Clock(NOW + 51))) == [(2, "SIGNER_INVALID")]
    order = desk.place(2, "buy", 1, 1000)
    assert refusal(order) == (Reject.ORDERS_UNTIL_PASSED, "signature")
    assert refusal(desk.tell(c.CancelAll(2, 0, desk.owners[2]))) is None


# --- kinds of orders -----------------------------------------------------------------------


def test_ioc_cancels_what_remains(desk):
    desk.place(2, "sell", 2, 1000)
    events = desk.place(3, "buy", 5, 1000, flags=OrderFlag.IOC)
    assert trades(events) == [(2, 2, 100)]
    assert cancels(events) == [(3, "IOC")]


def test_fok_fills_whole_or_changes_nothing(desk):
    desk.place(2, "sell", 2, 1000)
    desk.place(4, "sell", 2, 1000)
    before = desk.exchange.state_text()
    refused = desk.place(3, "buy", 5, 1000, flags=OrderFlag.FOK)
    assert refusal(refused) == (Reject.FOK_UNFILLABLE, "quantity")
    assert desk.exchange.state_text() == before
    assert trades(desk.place(3, "buy", 4, 1000, flags=OrderFlag.FOK)) == [(2, 2, 100), (4, 2, 100)]


def test_fok_that_meets_its_own_account_is_refused_unless_the_oldest_gives_way(desk):
    desk.place(3, "sell", 2, 1000)
    desk.place(2, "sell", 2, 1000)
    refused = desk.place(3, "buy", 2, 1000, flags=OrderFlag.FOK)
    assert refusal(refused) == (Reject.FOK_UNFILLABLE, "quantity")
    oldest = SelfTrade.CANCEL_OLDEST
    events = desk.place(3, "buy", 2, 1000, flags=OrderFlag.FOK, self_trade=oldest)
    assert (cancels(events), trades(events)) == ([(3, "SELF_TRADE")], [(2, 2, 100)])


def test_post_only_never_takes(desk):
    desk.place(2, "sell", 2, 1000)
    taking = desk.place(3, "buy", 1, 1000, flags=OrderFlag.POST_ONLY)
    assert refusal(taking) == (Reject.POST_ONLY_WOULD_TAKE, "price")
    assert refusal(desk.place(3, "buy", 1, 990, flags=OrderFlag.POST_ONLY)) is None


def test_reduce_only_taker_stops_at_its_position(desk):
    desk.place(2, "sell", 3, 1000)
    desk.place(3, "buy", 3, 1000)
    desk.place(4, "buy", 9, 900)
    events = desk.place(3, "sell", 8, 900, flags=OrderFlag.REDUCE_ONLY)
    assert (trades(events), cancels(events)) == ([(4, 3, 90)], [(3, "REDUCE_ONLY")])
    assert desk.lots(3) == 0


def test_reduce_only_maker_stops_at_its_position_and_gives_way(desk):
    desk.place(2, "sell", 3, 1000)
    desk.place(3, "buy", 3, 1000)
    desk.place(3, "sell", 9, 900, flags=OrderFlag.REDUCE_ONLY)
    desk.place(4, "sell", 9, 900)
    events = desk.place(5, "buy", 5, 900)
    assert trades(events) == [(3, 3, 90), (4, 2, 90)]
    assert cancels(events) == [(3, "REDUCE_ONLY")]


def test_self_trade_cancels_the_newest_or_the_oldest(desk):
    desk.place(2, "sell", 3, 1000)
    events = desk.place(2, "buy", 5, 1000)
    assert (cancels(events), trades(events)) == ([(2, "SELF_TRADE")], [])
    events = desk.place(2, "buy", 5, 1000, self_trade=SelfTrade.CANCEL_OLDEST)
    assert names(events) == ["OrderAccepted", "OrderCanceled", "OrderRested"]


# --- margin --------------------------------------------------------------------------------


def test_open_orders_count_at_their_worst(desk):
    # a short call owes at most the cap less its strike: 50,000 a lot
    assert refusal(desk.place(2, "sell", 20, 0)) is None
    margin = (Reject.INSUFFICIENT_MARGIN, "quantity")
    assert refusal(desk.place(2, "sell", 1, 0)) == margin
    # a short put loses where the call does not: the same cash bears both
    assert refusal(desk.place(2, "sell", 20, 0, on=PUT)) is None
    assert refusal(desk.withdraw(2, 1, 4096)) == (Reject.INSUFFICIENT_MARGIN, "amount")


def test_fees_that_rise_push_out_the_newest_orders_of_the_market(desk):
    first, second = desk.order(2, "buy", 500, 1000), desk.order(2, "buy", 500, 1000)
    desk.tell(first, second)
    events = desk.tell(c.FeesSet(1, 0, 0, 1, 0, NOW + 10))
    assert cancels(events) == [(2, "MARGIN")]
    assert events[0].id == second.signed.order.id


def test_fees_are_paid_at_the_rates_of_the_batch(desk):
    desk.tell(c.FeesSet(1, 0, 0, 3, -1, NOW + 10))
    for pays, gets in ((0, 0), (15, 5)):
        before = [desk.cash(account) for account in (2, 3, 0)]
        desk.place(2, "sell", 5, 1000)
        desk.place(3, "buy", 5, 1000)
        after = [desk.cash(account) for account in (2, 3, 0)]
        moved = [new - old for old, new in zip(before, after, strict=True)]
        assert moved == [5000 + gets, -5000 - pays, pays - gets]
        desk.tell(c.Clock(NOW + 10), c.CloseBatch(), c.OpenBatch())


def test_fees_told_before_are_not_told_again_over_newer_ones(desk):
    old, new = c.FeesSet(1, 0, 0, 1, 0, NOW + 10), c.FeesSet(1, 1, 0, 2, 0, NOW + 5000)
    desk.tell(old, new)
    before = desk.exchange.state_text()
    desk.tell(old)
    assert desk.exchange.state_text() == before


# --- cancel, amend -------------------------------------------------------------------------


def test_cancel_of_what_is_not_open_is_unknown(desk):
    assert refusal(desk.tell(c.CancelOrder(2, 5, desk.owners[2]))) == (Reject.ORDER_UNKNOWN, "id")
    assert refusal(desk.tell(c.CancelOrder(2, 5, who("x")))) == OWNER_SIGNER
    assert refusal(desk.tell(c.CancelOrder(9, 5, who("x")))) == (Reject.ACCOUNT_UNKNOWN, "account")


def test_cancel_all_of_an_instrument_leaves_the_others_in_the_order_of_arrival(desk):
    ids = [
        desk.order(2, "buy", 1, price, on=on) for on, price in ((CALL, 20), (PUT, 30), (CALL, 30))
    ]
    desk.tell(*ids)
    unknown = desk.tell(c.CancelAll(2, 99, desk.owners[2]))
    assert refusal(unknown) == (Reject.INSTRUMENT_UNKNOWN, "instrument")
    events = desk.tell(c.CancelAll(2, CALL, desk.owners[2]))
    assert [e.id for e in events] == [ids[0].signed.order.id, ids[2].signed.order.id]
    assert len(desk.tell(c.CancelAll(2, 0, desk.owners[2]))) == 1
    assert desk.tell(c.CancelAll(2, 0, desk.owners[2])) == []


def test_amend_keeps_the_place_and_never_goes_up(desk):
    first, second = desk.order(2, "sell", 5, 1000), desk.order(3, "sell", 5, 1000)
    desk.tell(first, second)
    desk.place(4, "buy", 2, 1000)
    order_id, owner = first.signed.order.id, desk.owners[2]
    for quantity, code in ((5, Reject.AMEND_NOT_DOWN), (2, Reject.AMEND_BELOW_FILLED)):
        refused = desk.tell(c.AmendDown(2, order_id, quantity, owner))
        assert refusal(refused) == (code, "quantity")
    (amended,) = desk.tell(c.AmendDown(2, order_id, 4, owner))
    assert (amended.quantity, amended.remaining) == (4, 2)
    assert trades(desk.place(4, "buy", 3, 1000)) == [(2, 2, 100), (3, 1, 100)]


# --- money ---------------------------------------------------------------------------------


def test_withdraw_lets_out_once_and_fills_its_slot(desk):
    events = desk.withdraw(2, 400, 4096)
    assert names(events) == ["Withdrawn", "Op"]
    assert (desk.cash(2), desk.floor.account(2).exited) == (999_600, 400)
    assert desk.withdraw(2, 400, 4096)[0].filled == (1 << 32) - 1
    assert refusal(desk.withdraw(2, 401, 4096)) == (Reject.ID_USED, "id")
    assert refusal(desk.place(2, "buy", 1, 1000, id=4096)) == (Reject.ID_USED, "id")


@pytest.mark.parametrize(
    ("amount", "changed", "expected"),
    [
        (1_000_001, {}, (Reject.INSUFFICIENT_MARGIN, "amount")),
        (1_000_000, {}, None),
        (0, {}, None),
        (1, {"by": who("x")}, (Reject.NOT_OWNER, "signature")),
        (1, {"expiry": NOW - 1}, (Reject.EXPIRED, "expiry")),
    ],
)
def test_withdraw_is_refused_by_the_check_it_fails(desk, amount, changed, expected):
    assert refusal(desk.withdraw(2, amount, 4096, **changed)) == expected


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        (2, 3, None),
        (2, 0, None),
        (2, 2, (Reject.SELF_TRANSFER, "to")),
        (2, 1, (Reject.ACCOUNT_UNKNOWN, "to")),
        (1, 2, (Reject.ACCOUNT_UNKNOWN, "from")),
        (0, 2, (Reject.NOT_OWNER, "signature")),
    ],
)
def test_transfer_needs_two_different_open_accounts(desk, source, target, expected):
    assert refusal(desk.transfer(source, target, 10, 4096)) == expected


def test_transfer_and_withdraw_go_on_while_halted(desk):
    desk.tell(c.Halted("frozen"))
    assert names(desk.transfer(2, 3, 10, 4096)) == ["Transferred", "Op"]
    assert names(desk.withdraw(2, 10, 4097)) == ["Withdrawn", "Op"]


# --- batches and facts ---------------------------------------------------------------------


def test_batch_with_ops_is_not_opened_again_but_an_empty_one_is(desk):
    assert refusal(desk.tell(c.OpenBatch())) == (Reject.BATCH_HAS_OPS, "batch")
    assert desk.tell(c.CloseBatch()) == [BatchClosed(built_at=NOW, ops=4)]
    assert desk.tell(c.CloseBatch()) == []
    desk.tell(c.OpenBatch())
    assert desk.tell(c.Clock(NOW + 5), c.OpenBatch()) == [BatchOpened(built_at=NOW + 5)]
    assert desk.tell(c.CloseBatch()) == [BatchClosed(built_at=NOW + 5, ops=0)]


def test_deposit_is_credited_by_its_total_at_once_or_with_the_next_batch(desk):
    assert desk.tell(c.Deposited(2, 1_000_007, NOW))[0] == Credited(account=2, amount=7)
    assert desk.tell(c.Deposited(2, 1_000_007, NOW)) == []
    assert desk.tell(c.Deposited(2, 5, NOW)) == []
    desk.tell(c.CloseBatch())
    assert desk.tell(c.Deposited(2, 1_000_010, NOW)) == []
    events = desk.tell(c.OpenBatch())
    assert events[:2] == [BatchOpened(built_at=NOW), Credited(account=2, amount=3)]


def test_ask_cancels_at_once_and_releases_everything_margin_allows(desk):
    desk.place(2, "sell", 2, 1000)
    desk.place(3, "buy", 1, 1000)
    desk.tell(c.CloseBatch())
    assert cancels(desk.tell(c.Asked(2, 2, NOW))) == [(2, "FORCED_WITHDRAWAL")]
    assert desk.tell(c.Asked(2, 1, NOW)) == []
    released = desk.tell(c.OpenBatch())[1]
    # short one call: 50,000 stay
    assert released == Released(account=2, amount=1_000_000 + 1000 - 50_000, served=2)
    assert desk.floor.worst(2) == 0
    assert desk.tell(c.Asked(2, 3, NOW))[0] == Released(account=2, amount=0, served=3)


def test_price_takes_effect_with_the_first_batch_after_it(desk):
    desk.place(2, "sell", 2, 1000)
    desk.place(3, "buy", 2, 1000)
    desk.place(4, "buy", 1, 500, on=FREE)
    at = EXPIRY * 3600 + 100
    desk.tell(c.CloseBatch(), c.Clock(at), c.PriceFixed(1, EXPIRY, 60_000, at))
    assert desk.tell(c.OpenBatch()) == [BatchOpened(built_at=at)]
    assert names(desk.tell(c.CloseBatch(), c.Clock(at + 1), c.OpenBatch())) == [
        "BatchOpened",
        *(["SettledPosition", "Op"] * 2),
    ]
    assert (desk.cash(2), desk.cash(3)) == (1_000_000 + 2000 - 20_000, 1_000_000 - 2000 + 20_000)
    assert (desk.lots(2), desk.lots(3)) == (0, 0)
    assert desk.tell(c.CloseBatch(), c.OpenBatch()) == [BatchOpened(built_at=at + 1)]


def test_open_batch_settles_before_it_releases_and_credits_before_that(desk):
    desk.place(2, "sell", 2, 1000)
    desk.place(3, "buy", 2, 1000)
    at = EXPIRY * 3600 + 100
    desk.tell(c.CloseBatch(), c.PriceFixed(1, EXPIRY, 60_000, at), c.Clock(at + 1))
    desk.tell(c.Asked(3, 1, at + 2), c.Deposited(3, 1_000_001, at + 2))
    kinds = [type(e) for e in desk.tell(c.OpenBatch()) if "Op" not in type(e).__name__[:2]]
    assert kinds == [BatchOpened, SettledPosition, SettledPosition, Credited, Released]
    assert desk.floor.account(3).exited == 1_000_001 - 2000 + 20_000


@pytest.mark.parametrize(
    "fact",
    [
        c.FeesSet(9, 0, 0, 0, 0, NOW),
        c.ExpiryOpened(9, EXPIRY, CAP),
        c.InstrumentListed(9, 1, 0, EXPIRY + 24, 1),
        c.PriceFixed(1, EXPIRY + 24, 5, NOW),
        c.Deposited(99, 5, NOW),
        c.Asked(99, 1, NOW),
        c.OrdersUntilSet(99, NOW),
        c.KeySet(99, who("key"), NOW, NOW),
    ],
)
def test_fact_the_chain_cannot_tell_raises_and_changes_nothing(desk, fact):
    before = desk.exchange.state_text()
    with pytest.raises(ChainError, match="of which nothing was told"):
        desk.exchange.apply(fact)
    assert desk.exchange.state_text() == before


def test_time_never_goes_back(desk):
    desk.tell(c.Clock(NOW + 50), c.Clock(NOW + 10), c.ChainBlock(1, bytes(32), NOW + 20))
    assert desk.floor.now == NOW + 50


def test_orders_leave_in_the_order_of_arrival_by_the_first_reason_that_holds(desk):
    for account, expiry in ((3, NOW + 5), (2, NOW + 9), (3, NOW + 100)):
        desk.place(account, "buy", 1, 1000, expiry=expiry)
    desk.tell(c.OrdersUntilSet(3, NOW + 7))
    events = desk.tell(c.Clock(NOW + 10))
    assert cancels(events) == [(3, "EXPIRED"), (2, "EXPIRED"), (3, "SIGNER_INVALID")]


# --- state text ----------------------------------------------------------------------------


def test_state_text_says_every_fact_on_its_line(desk):
    key = who("key")
    desk.tell(c.KeySet(2, key, NOW, NOW + 5))
    sell, buy = desk.order(2, "sell", 2, 1000), desk.order(3, "buy", 1, 1000)
    desk.tell(sell, buy)
    lines = desk.exchange.state_text().split("\n")
    owner, digest = desk.owners[2].hex(), sell.signed.digest.hex()
    assert lines[:8] == [
        f"time {NOW} {NOW} 1 5 3",
        "halted 0",
        "market 1 BTC 10 1000 0 0 0 0 0",
        f"expiry 1 {EXPIRY} {CAP}",
        f"instrument 1 1 0 {EXPIRY} 50",
        f"instrument 2 1 1 {EXPIRY} 50",
        f"instrument 3 1 0 {EXPIRY} 0",
        f"account 0 {'00' * 20} 0 0 0 0 0 0 0",
    ]
    assert lines[8:13] == [
        f"account 2 {owner} 0 1000000 0 1001000 0 1000000 0",
        f"key 2 {key.hex()} {NOW} {NOW + 5}",
        "position 2 1 -1",
        "slot 2 1 0 1",
        f"seen 2 1 1 {digest}",
    ]
    assert lines[-2:] == [f"order 1 S 100 1 2 1 1 2 0 {sell.signed.order.expiry} {owner}", ""]
