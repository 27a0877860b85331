"""What stands in the rules as a sentence, and what people read in a reject."""

from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import commands as c
from matcher import events as e
from matcher import words
from matcher.errors import ChainError, InvariantBroken, JournalError, Reject
from matcher.events import CancelReason
from matcher.exchange import Exchange
from matcher.types import OrderFlag, SelfTrade
from tests.support.pit import (
    CALL,
    EXPIRY,
    HIGH_CALL,
    PUT,
    START,
    WINDOWS,
    Pit,
    key_of,
    names,
    owner_of,
    refusal,
)


@pytest.fixture
def pit() -> Pit:
    return Pit()


def test_place_crossing_order_fills_at_the_makers_price_by_price_then_time(pit: Pit) -> None:
    pit.place(2, "sell", 1020, 5)
    pit.place(3, "sell", 1000, 5)
    pit.place(4, "sell", 1000, 5)
    events = pit.place(5, "buy", 1050, 12)
    trades = [event for event in events if isinstance(event, e.Trade)]
    assert [(t.maker, t.tick, t.lots) for t in trades] == [(3, 100, 5), (4, 100, 5), (2, 102, 2)]
    assert names(events) == ["OrderAccepted", *["Trade", "Op"] * 3]
    assert pit.engine.book(CALL, 5) == ([], [(102, 3, 1)])
    assert pit.engine.account_view(5).positions == {CALL: 12}
    assert pit.engine.account_view(5).cash == 100_000_000 - 5 * 1000 - 5 * 1000 - 2 * 1020
    pit.engine.check()


def test_place_fill_words_say_what_the_trade_says(pit: Pit) -> None:
    pit.place(2, "buy", 1000, 5)
    _, trade, op = pit.place(3, "sell", 1000, 5)
    assert isinstance(trade, e.Trade)
    assert isinstance(op, e.Op)
    assert words.unpack(op.word) == words.Fill(
        1, 3, 2, CALL, 100, 5, trade.taker_id, trade.maker_id
    )


def test_sell_is_collateralized_up_to_the_cap(pit: Pit) -> None:
    # One call of strike 100 sold for nothing may cost cap - strike = 300,000 atoms.
    lots = 100_000_000 // 300_000
    assert names(pit.place(2, "sell", 0, lots)) == ["OrderAccepted", "OrderRested"]
    assert pit.engine.account_view(2).free == 100_000_000 - lots * 300_000
    pit = Pit()
    events = pit.place(2, "sell", 0, lots + 1)
    assert refusal(events) == (Reject.INSUFFICIENT_MARGIN, "quantity")
    assert "more than 100000000 atoms" in events[0].found


def test_spread_needs_no_more_than_it_can_lose(pit: Pit) -> None:
    pit.open(9, 1_000_000)
    pit.place(2, "sell", 0, 20)
    pit.place(3, "buy", 0, 20, instrument=HIGH_CALL)
    assert names(pit.place(9, "buy", 0, 20)) == ["OrderAccepted", "Trade", "Op"]
    # Long 20 calls of 100, short 20 of 120: never a loss, and so no margin.
    assert names(pit.place(9, "sell", 0, 20, instrument=HIGH_CALL)) == [
        "OrderAccepted",
        "Trade",
        "Op",
    ]
    assert pit.engine.account_view(9).free == 1_000_000


@pytest.mark.parametrize(
    ("policy", "expected", "left"),
    [
        (SelfTrade.CANCEL_NEWEST, ["OrderAccepted", "OrderCanceled"], ([], [(100, 5, 1)])),
        (
            SelfTrade.CANCEL_OLDEST,
            ["OrderAccepted", "OrderCanceled", "OrderRested"],
            ([(100, 3, 1)], []),
        ),
    ],
)
def test_self_trade_gives_way_as_asked(pit: Pit, policy: int, expected: list[str], left) -> None:
    pit.place(2, "sell", 1000, 5)
    events = pit.place(2, "buy", 1000, 3, self_trade=policy)
    assert names(events) == expected
    assert events[1].reason == CancelReason.SELF_TRADE
    assert pit.engine.book(CALL, 5) == left


def test_fok_that_would_not_fill_whole_changes_nothing(pit: Pit) -> None:
    pit.place(2, "sell", 1000, 5)
    pit.place(3, "sell", 1010, 5)
    before = pit.engine.state_text()
    events = pit.place(4, "buy", 1000, 6, flags=OrderFlag.FOK)
    assert refusal(events) == (Reject.FOK_UNFILLABLE, "quantity")
    assert "5 stand at such prices" in events[0].found
    assert pit.engine.state_text() == before
    assert names(pit.place(4, "buy", 1010, 10, flags=OrderFlag.FOK)) == [
        "OrderAccepted",
        *["Trade", "Op"] * 2,
    ]


def test_reduce_only_maker_is_cut_to_its_position_then_canceled(pit: Pit) -> None:
    pit.place(2, "sell", 1000, 4)
    pit.place(3, "buy", 1000, 4)
    pit.place(3, "sell", 1100, 10, flags=OrderFlag.REDUCE_ONLY)
    events = pit.place(4, "buy", 1100, 10)
    assert names(events) == ["OrderAccepted", "Trade", "Op", "OrderCanceled", "OrderRested"]
    assert (events[1].lots, events[1].maker_remaining) == (4, 6)
    assert (events[3].account, events[3].remaining, events[3].reason) == (
        3,
        6,
        CancelReason.REDUCE_ONLY,
    )
    assert pit.engine.account_view(3).positions == {}
    pit.engine.check()


def test_order_sent_twice_is_accepted_once(pit: Pit) -> None:
    order = pit.order(2, "buy", 1000, 5)
    command = c.PlaceOrder(pit.signed(order))
    pit.apply(command)
    assert pit.apply(command) == [e.Duplicate(2, order.id, 0, 5)]
    pit.place(3, "sell", 1000, 2)
    assert pit.apply(command) == [e.Duplicate(2, order.id, 2, 3)]
    pit.apply(c.CancelOrder(2, order.id, owner_of(2)))
    assert pit.apply(command) == [e.Duplicate(2, order.id, 2, 0)]
    assert pit.engine.order_status(2, order.id).filled == 2


def test_unknown_signer_reject_names_the_address_and_who_may_sign(pit: Pit) -> None:
    (event,) = pit.place(2, "buy", 1000, 1, signer=b"\x77" * 20)
    assert refusal([event]) == (Reject.SIGNER_UNKNOWN, "signature")
    assert event.found == "recovers to 0x" + "77" * 20
    assert f"owner 0x{owner_of(2).hex()} of account 2" in event.allowed
    assert key_of(2).hex() in event.allowed


@pytest.mark.parametrize(
    ("terms", "code", "field", "found", "allowed"),
    [
        ({"price": 1005}, Reject.OFF_TICK, "price", "1005", "a multiple of 10"),
        ({"expiry": START - 1}, Reject.EXPIRED, "expiry", str(START - 1), str(START)),
        (
            {"price": 1 << 40, "lots": 1 << 30},
            Reject.OFF_TICK,
            "price",
            str(1 << 40),
            "a multiple of 10",
        ),
        (
            {"price": 10 << 31, "lots": (1 << 31)},
            Reject.NOTIONAL_TOO_LARGE,
            "quantity",
            str(1 << 31),
            str(1 << 62),
        ),
        (
            {"flags": OrderFlag.REDUCE_ONLY},
            Reject.REDUCE_ONLY_NO_POSITION,
            "flags",
            "position of 0 lots",
            "a short position",
        ),
        ({"id": 0}, Reject.SLOT_BUSY, "id", "open order 4096", "without an open order"),
    ],
)
def test_reject_names_what_was_found_and_what_is_allowed(
    pit: Pit, terms, code: Reject, field: str, found: str, allowed: str
) -> None:
    pit.place(2, "buy", 10, 1, id=4096)
    given = {"price": 1000, "lots": 5, "id": 1} | terms
    if given["id"] == 0:
        given["id"] = 2 * 4096
    price, lots = given.pop("price"), given.pop("lots")
    (event,) = pit.place(2, "buy", price, lots, **given)
    assert refusal([event]) == (code, field)
    assert found in event.found
    assert allowed in event.allowed


def test_stale_id_reject_says_the_least_generation(pit: Pit) -> None:
    pit.place(2, "buy", 10, 1, id=3 * 4096 + 7)
    pit.apply(c.CancelOrder(2, 3 * 4096 + 7, owner_of(2)))
    (event,) = pit.place(2, "buy", 10, 1, id=2 * 4096 + 7)
    assert refusal([event]) == (Reject.STALE_ID, "id")
    assert event.found == f"{2 * 4096 + 7}: generation 2 of slot 7"
    assert event.allowed.startswith("generation 3")


def test_clock_cancels_what_may_not_stand_in_the_order_of_acceptance(pit: Pit) -> None:
    pit.place(2, "buy", 10, 1, signer=key_of(2))
    pit.place(3, "buy", 10, 1, expiry=START + 5)
    pit.place(4, "buy", 10, 1)
    pit.apply(c.KeySet(2, key_of(2), START, START + 7))
    assert pit.apply(c.Clock(START + 7)) == [e.OrderCanceled(3, 0, 1, CancelReason.EXPIRED)]
    events = pit.apply(c.Clock(START + 8))
    assert events == [e.OrderCanceled(2, 0, 1, CancelReason.SIGNER_INVALID)]
    events = pit.apply(c.Clock(EXPIRY * 3600 - WINDOWS.lag))
    assert [event.reason for event in events] == [CancelReason.EXPIRED]
    assert pit.engine.open_orders_count == 0


def test_instrument_closes_lag_before_its_expiry(pit: Pit) -> None:
    pit.place(2, "buy", 10, 1, expiry=EXPIRY * 3600)
    closes = EXPIRY * 3600 - WINDOWS.lag
    assert pit.apply(c.Clock(closes - 1)) == []
    assert pit.apply(c.Clock(closes))[0].reason == CancelReason.INSTRUMENT_CLOSED


def test_forced_withdrawal_cancels_orders_and_lets_out_everything(pit: Pit) -> None:
    pit.place(2, "sell", 0, 10)
    pit.place(3, "buy", 0, 4)
    events = pit.apply(c.Asked(2, 1, START))
    assert names(events) == ["OrderCanceled", "Released", "Op"]
    assert events[1] == e.Released(2, 100_000_000 - 4 * 300_000, 1)
    assert pit.engine.account_view(2).worst == 0
    assert pit.apply(c.Asked(2, 1, START)) == []


def test_facts_without_a_batch_wait_for_the_next(pit: Pit) -> None:
    pit.apply(c.CloseBatch())
    assert pit.apply(c.Deposited(3, 150_000_000, START)) == []
    assert pit.apply(c.Asked(2, 1, START)) == []
    assert pit.engine.wants_batch
    assert names(pit.apply(c.OpenBatch())) == [
        "BatchOpened",
        *["Released", "Op"],
        *["Credited", "Op"],
    ]
    assert not pit.engine.wants_batch


def test_settlement_pays_out_in_the_next_batch_and_sums_to_zero(pit: Pit) -> None:
    pit.place(2, "sell", 5000, 10)
    pit.place(3, "buy", 5000, 10)
    pit.apply(c.Clock(EXPIRY * 3600 + 60))
    assert pit.apply(c.PriceFixed(1, EXPIRY, 150_000, EXPIRY * 3600 + 50)) == []
    events = pit.reopen()
    settled = [event for event in events if isinstance(event, e.SettledPosition)]
    assert settled == [
        e.SettledPosition(2, 1, EXPIRY, -500_000),
        e.SettledPosition(3, 1, EXPIRY, 500_000),
    ]
    assert pit.engine.expiries[1, EXPIRY].settled
    pit.engine.check()


def test_fee_change_cancels_newest_orders_until_margin_holds(pit: Pit) -> None:
    pit.open(9, 1_000)
    pit.apply(c.FeesSet(1, 0, 0, 0, 0, START))
    pit.place(9, "buy", 100, 4)
    pit.place(9, "buy", 100, 4, instrument=PUT)
    pit.place(9, "buy", 100, 2, instrument=HIGH_CALL)
    events = pit.apply(c.FeesSet(1, 0, 0, 50, 0, START + 100))
    # 1,000 atoms cover 400 + 400 and an eighth of each in fees, but not 200 more.
    assert events == [e.OrderCanceled(9, 2, 2, CancelReason.MARGIN)]
    pit.engine.check()


def test_fees_are_the_batchs_and_go_to_account_0(pit: Pit) -> None:
    pit.apply(c.FeesSet(1, 7, -3, 20, -5, START + 100))
    pit.place(2, "sell", 1000, 5)
    _, trade, _ = pit.place(3, "buy", 1000, 5)
    assert (trade.taker_fee, trade.maker_fee) == (35, -15)
    pit.reopen(100)
    pit.place(2, "sell", 1000, 5)
    _, trade, _ = pit.place(3, "buy", 1000, 5)
    assert (trade.taker_fee, trade.maker_fee) == (100, -25)
    assert pit.engine.account_view(0).cash == 35 - 15 + 100 - 25


def test_withdrawal_needs_the_owner_and_free_cash(pit: Pit) -> None:
    pit.place(2, "buy", 1000, 5)
    assert refusal(pit.withdraw(2, 1, signer=key_of(2))) == (Reject.NOT_OWNER, "signature")
    events = pit.withdraw(2, 100_000_000)
    assert refusal(events) == (Reject.INSUFFICIENT_MARGIN, "amount")
    assert f"at most {100_000_000 - 5000}" in events[0].allowed
    assert names(pit.withdraw(2, 100_000_000 - 5000)) == ["Withdrawn", "Op"]
    assert pit.engine.account_view(2).free == 0


def test_transfer_moves_cash_once(pit: Pit) -> None:
    assert names(pit.transfer(2, 3, 100)) == ["Transferred", "Op"]
    assert names([pit.apply(pit.commands[-1])[0]]) == ["Duplicate"]
    assert pit.engine.account_view(3).cash == 100_000_100
    assert refusal(pit.transfer(2, 2, 1)) == (Reject.SELF_TRANSFER, "to")
    assert refusal(pit.transfer(2, 1, 1)) == (Reject.ACCOUNT_UNKNOWN, "to")


def test_amend_keeps_the_place_in_the_queue(pit: Pit) -> None:
    pit.place(2, "sell", 1000, 5)
    pit.place(3, "sell", 1000, 5)
    assert pit.apply(c.AmendDown(2, 0, 2, owner_of(2))) == [e.OrderAmended(2, 0, 2, 2)]
    assert pit.engine.book(CALL, 1)[1] == [(100, 7, 2)]
    assert pit.place(4, "buy", 1000, 1)[1].maker == 2
    assert refusal(pit.apply(c.AmendDown(2, 0, 2, owner_of(2)))) == (
        Reject.AMEND_NOT_DOWN,
        "quantity",
    )
    assert refusal(pit.apply(c.AmendDown(2, 0, 1, owner_of(2)))) == (
        Reject.AMEND_BELOW_FILLED,
        "quantity",
    )


def test_halted_exchange_takes_cancels_and_withdrawals_only(pit: Pit) -> None:
    pit.place(2, "buy", 1000, 5)
    pit.apply(c.Halted("paused on chain"))
    events = pit.place(3, "buy", 1000, 5)
    assert refusal(events) == (Reject.HALTED, "exchange")
    assert "paused on chain" in events[0].found
    assert refusal(pit.apply(c.AmendDown(2, 0, 1, owner_of(2))))[0] == Reject.HALTED
    assert names(pit.apply(c.CancelOrder(2, 0, owner_of(2)))) == ["OrderCanceled"]
    assert names(pit.withdraw(2, 5)) == ["Withdrawn", "Op"]
    pit.apply(c.Resumed())
    assert names(pit.place(3, "buy", 1000, 5)) == ["OrderAccepted", "OrderRested"]


def test_redate_beside_an_open_batch_or_into_the_future_is_refused(pit: Pit) -> None:
    assert refusal(pit.engine.apply(c.Redate(1, START))) == (Reject.BATCH_HAS_OPS, "batch")
    pit.apply(c.CloseBatch())
    assert refusal(pit.engine.apply(c.Redate(1, START + 1))) == (Reject.OUT_OF_RANGE, "built_at")


facts = st.one_of(
    *(
        st.builds(kind, **dict.fromkeys(kind.__struct_fields__, numbers) | extra)
        for numbers in [st.integers(0, 3) | st.integers(0, (1 << 63) - 1)]
        for kind, extra in (
            (c.MarketListed, {"name": st.just("BTC")}),
            (c.FeesSet, {}),
            (c.ExpiryOpened, {}),
            (c.InstrumentListed, {}),
            (
                c.AccountOpened,
                {
                    "account": st.integers(0, 5000) | st.integers(1 << 24, (1 << 63) - 1),
                    "owner": st.binary(min_size=20, max_size=20),
                },
            ),
            (c.Deposited, {}),
            (c.Asked, {}),
            (c.OrdersUntilSet, {}),
            (c.KeySet, {"key": st.binary(min_size=20, max_size=20)}),
            (c.PriceFixed, {}),
            (c.CancelOrder, {"signer": st.just(owner_of(2))}),
            (c.CancelAll, {"signer": st.just(owner_of(2)), "digest": st.just(b"")}),
            (c.AmendDown, {"signer": st.just(owner_of(2))}),
            (c.Redate, {}),
        )
    )
)


@settings(deadline=None)
@given(st.lists(facts, max_size=12))
def test_apply_any_numbers_answers_or_raises_chain_error_with_nothing_changed(commands) -> None:
    engine = Exchange(WINDOWS)
    engine.apply(c.OpenBatch())
    for command in commands:
        before = engine.state_text()
        try:
            engine.apply(command)
        except (ChainError, JournalError):
            assert engine.state_text() == before


def test_fact_of_an_account_never_opened_raises_and_names_it(pit: Pit) -> None:
    with pytest.raises(ChainError, match="account 77 was not opened"):
        pit.engine.apply(c.Deposited(77, 1, 1))


def poke(name: str, row: int, field: str, change: int) -> Callable[[Exchange], None]:
    """Change a field of a record in the kernel's memory."""

    def change_it(exchange: Exchange) -> None:
        exchange.records(name)[row][field] += change

    return change_it


@pytest.mark.parametrize(
    ("break_it", "what"),
    [
        (poke("accounts", 2, "cash", 1), "S2"),
        (poke("accounts", 2, "cash", -(1 << 40)), "S5"),
        (poke("holdings", 1, "lots", 1), "."),
        (poke("holdings", 1, "bids", 1), "."),
        (poke("accounts", 3, "floor", 1), "."),
        (poke("accounts", 4, "both", 1), "."),
        (poke("accounts", 4, "orders", -1), "count their orders"),
        (poke("accounts", 3, "positions", 1), "."),
        (poke("markets", 1, "new_taker", 1), "what is listed"),
        (poke("series", 1, "fixed", 1), "what is listed"),
        (lambda x: x.records("orders")["remaining"].__iadd__(1), "."),
        (lambda x: x._signed.clear(), "signed orders"),
    ],
)
def test_check_finds_what_was_broken(
    pit: Pit, break_it: Callable[[Exchange], None], what: str
) -> None:
    pit.place(2, "sell", 1000, 5)
    pit.place(3, "buy", 1000, 5)
    pit.place(4, "buy", 900, 5)
    pit.engine.check()
    break_it(pit.engine)
    with pytest.raises(InvariantBroken, match=what):
        pit.engine.check()


def test_views_show_the_book_and_the_account(pit: Pit) -> None:
    pit.place(2, "buy", 900, 5)
    pit.place(3, "sell", 1000, 5, signer=key_of(3))
    engine = pit.engine
    assert engine.best(CALL) == (90, 100)
    assert [order.id for order in engine.open_orders(3)] == [0]
    assert engine.order_status(3, 0).remaining == 5
    assert engine.order_status(3, 1) is None
    assert engine.tick_value(CALL) == 10
    view = engine.account_view(2)
    assert (view.cash, view.worst, view.free, view.open_orders) == (
        100_000_000,
        100_000_000,
        100_000_000 - 4500,
        1,
    )
    assert view.keys == {key_of(2): (START, START + 10**6)}
