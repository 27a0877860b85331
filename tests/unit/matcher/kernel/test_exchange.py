"""The kernel's door: edges, limits, growth, snapshots, and what no stream reaches."""

import random
from typing import Any

import numpy as np
import pytest

from matcher.errors import InvariantBroken, Reject
from matcher.events import CancelReason
from matcher.kernel.edge import check_lines
from matcher.kernel.exchange import Matching, lines_of
from matcher.kernel.layout import COMMAND, CommandKind, EventKind
from matcher.kernel.pools import Records
from matcher.types import OrderFlag, SelfTrade
from tests.support.arena import (
    BUY,
    LATE,
    LIMITS,
    RICH,
    SELL,
    START,
    cancel,
    command,
    desk,
    fact,
    key_set,
    listed,
    order,
    rates,
    told,
)

# --- fills ---------------------------------------------------------------------------------------


def test_fee_is_an_eighth_of_the_notional_at_most_and_a_rebate_is_negative() -> None:
    matching = desk()
    matching.submit(order(2, 1, SELL, 1, 5))
    matching.submit(order(2, 2, SELL, 100, 5))
    first, second = matching.submit(order(3, 1, BUY, 100, 10))[1:3]
    assert (first["fee"], first["maker_fee"]) == (6, -5)  # 50 atoms // 8 is 6, below 5 * 3
    assert (second["fee"], second["maker_fee"]) == (15, -5)


@pytest.mark.parametrize("self_trade", SelfTrade)
def test_fill_or_kill_that_fails_changes_nothing(self_trade: int) -> None:
    matching = desk()
    matching.submit(order(2, 0, SELL, 100, 5))
    matching.submit(order(3, 0, SELL, 5000, 5))
    matching.submit(order(4, 0, SELL, 100, 5))
    before, positions = matching.orders(), matching.positions()
    killed = {"flags": int(OrderFlag.FOK), "self_trade": int(self_trade)}
    events = matching.submit(order(3, 1, BUY, 5000, 11, **killed))
    assert told(events) == [("REJECTED", 1, Reject.FOK_UNFILLABLE)]
    assert (matching.orders(), matching.positions()) == (before, positions)
    matching.check()


def test_fill_or_kill_reaches_far_levels_and_no_further_than_its_price() -> None:
    matching = desk()
    for number, tick in enumerate((100, 9000, 5000, 7000)):
        matching.submit(order(2, number, SELL, tick, 5))
    killed = matching.submit(order(3, 0, BUY, 8999, 16, flags=int(OrderFlag.FOK)))
    assert told(killed) == [("REJECTED", 0, Reject.FOK_UNFILLABLE)]
    events = matching.submit(order(3, 0, BUY, 7000, 15, flags=int(OrderFlag.FOK)))
    assert events[events["kind"] == EventKind.TRADE]["tick"].tolist() == [100, 5000, 7000]
    assert matching.best(1) == (None, 9000)
    matching.check()


@pytest.mark.parametrize(("lots", "outcome"), [(10, "REJECTED"), (5, "ACCEPTED")])
def test_fill_or_kill_counts_what_its_own_fills_leave_to_reduce(lots: int, outcome: str) -> None:
    """Both resting orders could be filled, but not one after the other."""
    matching = desk()
    matching.submit(order(4, 0, SELL, 50, 5))
    matching.submit(order(2, 0, BUY, 50, 5))
    for number in (1, 2):
        flags = int(OrderFlag.REDUCE_ONLY)
        matching.submit(order(2, number, SELL, 100 + number, 5, flags=flags))
    events = matching.submit(order(3, 0, BUY, 200, lots, flags=int(OrderFlag.FOK)))
    assert told(events)[0][0] == outcome
    matching.check()


# --- limits --------------------------------------------------------------------------------------


def test_full_pool_refuses_orders_and_takes_cancels() -> None:
    matching = desk(LIMITS._replace(orders=3))
    for number in range(3):
        matching.submit(order(2, number, BUY, 10, 1))
    assert told(matching.submit(order(3, 0, BUY, 10, 1))) == [("REJECTED", 0, Reject.BUSY)]
    crossing = order(3, 0, SELL, 10, 1, flags=int(OrderFlag.IOC))
    assert told(matching.submit(crossing)) == [("REJECTED", 0, Reject.BUSY)]
    assert told(matching.submit(cancel(2, 1))) == [("CANCELED", 1, 0)]
    assert told(matching.submit(order(3, 0, BUY, 10, 1)))[-1][0] == "RESTED"
    matching.check()


def test_full_table_of_holdings_refuses_who_is_new_until_one_is_free() -> None:
    matching = desk(LIMITS._replace(holdings=1))
    matching.submit(order(2, 0, BUY, 10, 1))
    assert told(matching.submit(order(3, 0, BUY, 10, 1))) == [("REJECTED", 0, Reject.BUSY)]
    assert told(matching.submit(order(2, 1, BUY, 10, 1)))[-1][0] == "RESTED"
    for number in range(2):
        matching.submit(cancel(2, number))
    assert told(matching.submit(order(3, 0, BUY, 10, 1)))[-1][0] == "RESTED"
    matching.check()


def test_full_pages_refuse_slots_that_are_new_whatever_they_are_for() -> None:
    matching = desk(LIMITS._replace(pages=1))
    matching.submit(order(2, 0, BUY, 10, 1))
    assert told(matching.submit(order(2, 8, BUY, 10, 1))) == [("REJECTED", 8, Reject.BUSY)]
    out = {"account": 2, "id": 8, "signer": 4, "time": 1 << 39, "amount": 1}
    refused = matching.submit(command(CommandKind.WITHDRAW, **out))
    assert told(refused) == [("REJECTED", 8, Reject.BUSY)]
    taken = matching.submit(command(CommandKind.WITHDRAW, **{**out, "id": 7}))
    assert told(taken) == [("WITHDRAWN", 7, 0)]


def test_full_table_of_far_levels_refuses_new_levels_and_moves_of_the_band() -> None:
    limits = LIMITS._replace(far_levels=8)
    matching = desk(limits)
    matching.submit(order(2, 0, BUY, 10_000, 1))
    for number in range(limits.far_levels):
        matching.submit(order(2, 1 + number, BUY, 1 + number, 1))
    assert told(matching.submit(order(3, 0, BUY, 50, 1))) == [("REJECTED", 0, Reject.BUSY)]
    assert told(matching.submit(order(3, 0, BUY, 1, 1)))[-1][0] == "RESTED"
    better = order(3, 1, BUY, 20_000, 1)
    assert told(matching.submit(better)) == [("REJECTED", 1, Reject.BUSY)]
    assert told(matching.submit(cancel(2, 0)))[0][0] == "CANCELED"
    assert matching.best(1) == (limits.far_levels, None)
    assert told(matching.submit(better))[-1][0] == "RESTED"
    matching.check()


def test_far_levels_grow_until_all_that_come_have_room() -> None:
    matching = desk(LIMITS._replace(far_levels=1 << 14, orders=1 << 13))
    ticks = random.Random(1).sample(range(1, 100_000), 3000)
    matching.submit(np.concatenate([order(2, n, BUY, t, 1) for n, t in enumerate(ticks)]))
    assert matching.live == 3000
    matching.check()
    events = matching.submit(order(3, 0, SELL, 0, 3000))
    trades = events[events["kind"] == EventKind.TRADE]
    assert trades["tick"].tolist() == sorted(ticks, reverse=True)
    matching.check()


# --- bands ---------------------------------------------------------------------------------------


def test_band_moves_without_losing_a_queue() -> None:
    matching = desk()
    ticks = [1000, 1010, 1020, 2000, 1000, 5, 3000, 999]
    for number, tick in enumerate(ticks):
        matching.submit(order(2, number, BUY, tick, 1 + number))
        matching.check()
    assert [(o.tick, o.id) for o in matching.orders()] == sorted(
        ((tick, number) for number, tick in enumerate(ticks)), key=lambda o: (-o[0], o[1])
    )
    assert matching.recenterings == 2
    events = matching.submit(order(3, 0, SELL, 0, sum(range(1, 9))))
    trades = events[events["kind"] == EventKind.TRADE]
    assert trades["tick"].tolist() == sorted(ticks, reverse=True)
    assert matching.best(1) == (None, None)
    matching.check()


@pytest.mark.parametrize("seed", range(8))
def test_band_takes_in_every_far_level_that_it_covers(seed: int) -> None:
    """From a table as full as it may be, in which entries move up while others are taken."""
    matching = desk(LIMITS._replace(far_levels=64, band_bits=10))
    ticks = random.Random(seed).sample(range(1, 900), 64)
    matching.submit(order(2, 0, BUY, 10_000, 1))
    for number, tick in enumerate(ticks):
        matching.submit(order(2, 1 + number, BUY, tick, 1))
    matching.submit(cancel(2, 0))
    assert matching.best(1) == (max(ticks), None)
    matching.check()
    events = matching.submit(order(3, 0, SELL, 0, 64))
    trades = events[events["kind"] == EventKind.TRADE]
    assert trades["tick"].tolist() == sorted(ticks, reverse=True)
    matching.check()


# --- time ----------------------------------------------------------------------------------------


def test_orders_of_a_key_that_falls_leave_at_the_next_clock_in_the_order_of_seq() -> None:
    matching = desk()
    for number in (3, 1, 2):
        matching.submit(order(2, number, BUY, 10 + number, 1, signer=4 + number % 2))
    for until in (START + 60, START + 50, START + 55):
        matching.submit(key_set(2, until))
    assert len(matching.submit(command(CommandKind.CLOCK, time=START + 50))) == 0
    events = matching.submit(command(CommandKind.CLOCK, time=START + 51))
    reason = int(CancelReason.SIGNER_INVALID)
    assert told(events) == [("CANCELED", 3, reason), ("CANCELED", 1, reason)]
    matching.check()


def test_orders_leave_by_the_lag_before_their_instrument_expires() -> None:
    matching = desk(lag=300, expiry=1)
    matching.submit(order(2, 0, BUY, 10, 1))
    matching.submit(order(2, 1, BUY, 10, 1, time=3300))  # as long as the other: not in the wheel
    assert len(matching.submit(command(CommandKind.CLOCK, time=3299))) == 0
    events = matching.submit(command(CommandKind.CLOCK, time=3300))
    reason = int(CancelReason.INSTRUMENT_CLOSED)
    assert told(events) == [("CANCELED", 0, reason), ("CANCELED", 1, reason)]


@pytest.mark.parametrize("seed", range(4))
def test_each_order_expires_at_the_first_clock_after_its_time(seed: int) -> None:
    dice = random.Random(seed)
    matching = desk(LIMITS._replace(orders=4096))
    ends: dict[int, int] = {}
    now = START
    for number in range(600):
        end = now + dice.choice((0, 1, 63, 64, 65, dice.randrange(5000), dice.randrange(1 << 38)))
        matching.submit(order(2, number, BUY, 10, 1, time=end))
        ends[number] = end
        if dice.random() < 0.2:
            gone = dice.choice(list(ends))
            matching.submit(cancel(2, gone))
            del ends[gone]
        now += dice.choice((0, 0, 1, 1, 2, 64, 4096, dice.randrange(10_000)))
        events = matching.submit(command(CommandKind.CLOCK, time=now))
        over = sorted(n for n, end in ends.items() if end < now)
        assert events["id"].tolist() == over
        assert set(events["note"].tolist()) <= {int(CancelReason.EXPIRED)}
        for n in over:
            del ends[n]
    matching.check()


def test_owner_may_order_up_to_the_second_that_was_set() -> None:
    matching = desk()
    matching.submit(fact(CommandKind.ORDERS_UNTIL, account=2, time=START + 5))
    matching.submit(command(CommandKind.CLOCK, time=START + 5))
    assert told(matching.submit(order(2, 0, BUY, 10, 1)))[-1][0] == "RESTED"
    left = matching.submit(command(CommandKind.CLOCK, time=START + 6))
    assert told(left) == [("CANCELED", 0, int(CancelReason.SIGNER_INVALID))]
    refused = matching.submit(order(2, 1, BUY, 10, 1))
    assert told(refused) == [("REJECTED", 1, Reject.ORDERS_UNTIL_PASSED)]
    by_key = matching.submit(order(2, 1, BUY, 10, 1, signer=5))
    assert told(by_key)[-1][0] == "RESTED"


def test_first_message_of_a_slot_is_no_duplicate_though_its_digest_is_zero() -> None:
    matching = desk()
    assert told(matching.submit(order(2, 0, BUY, 10, 1)))[-1][0] == "RESTED"
    assert told(matching.submit(order(2, 0, BUY, 10, 1))) == [("DUPLICATE", 0, 0)]
    assert told(matching.submit(order(2, 1, BUY, 10, 1)))[-1][0] == "RESTED"


def test_price_takes_effect_in_the_first_batch_built_after_it_was_fixed() -> None:
    matching = desk()
    matching.submit(order(3, 0, SELL, 100, 5))
    matching.submit(order(2, 0, BUY, 100, 5))
    matching.submit(order(3, 1, SELL, 100, 1))  # stays: the batch settles positions alone
    price = {"market": 1, "expiry": LATE, "value": 5000, "time": START + 10}
    matching.submit(fact(CommandKind.PRICE_FIXED, **price))
    for now, settled in ((START + 10, []), (START + 11, [(2, 20_000), (3, -20_000)])):
        matching.submit(command(CommandKind.CLOCK, time=now))
        matching.submit(command(CommandKind.CLOSE_BATCH))
        events = matching.submit(command(CommandKind.OPEN_BATCH))
        paid = events[events["kind"] == EventKind.SETTLED]
        assert list(zip(paid["account"].tolist(), paid["fee"].tolist(), strict=True)) == settled
    assert matching.positions() == {}
    matching.check()


def test_forced_withdrawal_cancels_all_and_lets_out_what_margin_allows() -> None:
    matching = desk()
    for number in (3, 1, 2):
        matching.submit(order(2, number, BUY, 10 + number, 1))
    events = matching.submit(fact(CommandKind.ASKED, account=2, value=1))
    reason = int(CancelReason.FORCED_WITHDRAWAL)
    assert told(events[:3]) == [("CANCELED", number, reason) for number in (3, 1, 2)]
    assert (events[3]["kind"], events[3]["fee"], events[3]["maker_fee"]) == (
        EventKind.RELEASED,
        RICH,
        1,
    )
    assert len(matching.submit(fact(CommandKind.ASKED, account=2, value=1))) == 0
    matching.check()


# --- passes, growth, snapshots -------------------------------------------------------------------


def crowd(seed: int, count: int) -> list[Records]:
    """Commands of many kinds, at random."""
    dice = random.Random(seed)
    made: list[Records] = []
    for number in range(count):
        account, slot = dice.randrange(2, 8), dice.randrange(24)
        message = (number // 8 << 12) + slot
        chance = dice.random()
        if chance < 0.75:
            terms: dict[str, Any] = {
                "instrument": dice.choice((1, 2, 2, 3)),
                "flags": int(dice.choice((0, 0, 0, 0, 1, 2, 4, 8))),
                "time": START + dice.choice((5, 60, 400, 1 << 38)),
                "self_trade": dice.randrange(2),
                "signer": 2 * account + dice.randrange(2),
            }
            tick = dice.choice((100, 101, 102, 103, 104, 400, 3000))
            lots = dice.randrange(1, 50)
            made.append(order(account, message, dice.randrange(2), tick, lots, **terms))
        elif chance < 0.9:
            old = (dice.randrange(max(1, number // 8)) << 12) + slot
            made.append(cancel(account, old))
        elif chance < 0.95:
            made.append(command(CommandKind.CLOCK, time=START + number // 4))
        elif chance < 0.97:
            asked = fact(CommandKind.DEPOSITED, account=account, value=RICH + number)
            made.append(asked)
        elif chance < 0.98:
            made.append(key_set(account, START + dice.randrange(count)))
        elif chance < 0.985:
            taker = dice.randrange(50)
            made.append(rates(taker, dice.randrange(-taker, 20), START))
        else:
            made += [command(CommandKind.CLOSE_BATCH), command(CommandKind.OPEN_BATCH)]
    return made


@pytest.mark.parametrize("seed", range(3))
def test_exchange_that_was_dumped_and_loaded_goes_on_alike(seed: int) -> None:
    commands = crowd(seed, 1500)
    whole, dice = desk(), random.Random(seed)
    part = desk()
    for matching in (whole, part):
        matching.submit(listed(3, strike=7, kind=1))
    for made in commands:
        if dice.random() < 0.01:
            part.check()
            part = Matching.load(part.dump(), LIMITS)
            part.check()
        assert part.submit(made).tolist() == whole.submit(made).tolist()
    assert part.orders() == whole.orders()
    assert part.positions() == whole.positions()
    whole.check()


def test_snapshot_of_other_bands_or_more_orders_than_allowed_is_refused() -> None:
    matching = desk()
    matching.submit(np.concatenate([order(2, n, BUY, 10, 1) for n in range(20)]))
    dumped = matching.dump()
    with pytest.raises(ValueError, match="band_bits is 7, allowed 6"):
        Matching.load(dumped, LIMITS._replace(band_bits=7))
    with pytest.raises(ValueError, match="orders is 21 records, allowed"):
        Matching.load(dumped, LIMITS._replace(orders=4))


def test_lines_told_at_once_or_one_by_one_are_the_same() -> None:
    """Whatever is hinted ahead, and wherever a pass ends."""
    commands = crowd(9, 1500)
    at_once, one_by_one = desk(), desk()
    ends = np.zeros(len(commands), np.int64)
    events = at_once.run(np.concatenate(commands), ends).copy()
    expected = [one_by_one.run(made).copy() for made in commands]
    assert events.tolist() == np.concatenate(expected).tolist()
    assert ends.tolist() == np.cumsum([len(e) for e in expected]).tolist()


def test_lines_told_as_bytes_answer_the_same_where_a_pass_ends_between_them() -> None:
    lines = np.concatenate([order(2 + n % 2, n, n % 2, 100, 1) for n in range(40)])
    ours, twin = desk(), desk()
    expected = twin.run(lines).tolist()
    ours.pools.reserve(len(lines))
    ours.pools.context["events_limit"] = 16
    assert ours.run_bytes(lines.tobytes()).tolist() == expected
    assert int(ours.pools.context["events_count"]) < len(expected)
    assert ours.orders() == twin.orders()


def test_events_are_carried_away_before_they_find_no_room() -> None:
    """In passes of a few commands the answers are those of one pass."""
    lines = np.concatenate([order(2 + n % 2, n, n % 2, 100, 1) for n in range(40)])
    at_once, in_parts = desk(), desk()
    ends, ends_in_parts = np.zeros(40, np.int64), np.zeros(40, np.int64)
    expected = at_once.run(lines, ends)
    in_parts.pools.reserve(len(lines))
    in_parts.pools.context["events_limit"] = 16
    assert in_parts.run(lines, ends_in_parts).tolist() == expected.tolist()
    assert ends.tolist() == ends_in_parts.tolist()
    assert int(in_parts.pools.context["events_count"]) < len(expected)


def test_growth_keeps_every_order_and_position() -> None:
    matching = desk(LIMITS._replace(orders=1 << 15, accounts=200, signers=400))
    count = 20_000
    many = lines_of(count)
    many[:] = order(2, 0, BUY, 2000, 1)[0]
    number = np.arange(count)
    many["account"], many["id"] = 2 + number % 30, number // 30
    many["signer"] = 2 * many["account"]
    many["sells"] = number % 2
    many["tick"] = np.where(number % 2 == 1, 2010, 1990)
    matching.submit(many)
    matching.check()
    assert matching.live == count
    assert [o.id for o in matching.orders()[:3]] == [0, 0, 0]
    taken = matching.submit(order(39, 0, BUY, 2010, 10_000))
    assert (taken["kind"] == EventKind.TRADE).sum() == 10_000
    assert sum(matching.positions().values()) == 0
    matching.check()


# --- the edge ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"kind": 0}, "kind"),
        ({"kind": 6}, "kind"),
        ({"account": 64}, "account"),
        ({"signer": 128}, "signer"),
        ({"id": 1 << 44}, "id"),
        ({"id": -1}, "id"),
        ({"time": -1}, "time"),
        ({"sells": 2}, "sells"),
        ({"self_trade": 2}, "self_trade"),
        ({"flags": 16}, "flags"),
        ({"flags": int(OrderFlag.IOC | OrderFlag.FOK)}, "flags"),
        ({"flags": int(OrderFlag.POST_ONLY | OrderFlag.IOC)}, "flags"),
        ({"quantity": 0}, "quantity"),
        ({"kind": CommandKind.WITHDRAW, "amount": -1}, "amount"),
        ({"kind": CommandKind.TRANSFER, "target": 64}, "target"),
        ({"kind": CommandKind.FEES_SET}, "annex"),
    ],
)
def test_command_out_of_its_range_is_refused_at_the_edge(fields: dict[str, Any], name: str) -> None:
    good = order(2, 1, BUY, 100, 5)
    check_lines(good, LIMITS)
    bad = lines_of(2)
    bad[:] = good[0]
    for field, value in fields.items():
        bad[field][1] = value
    with pytest.raises(ValueError, match=f"line 1: {name} is .*, allowed"):
        desk().submit(bad)


@pytest.mark.parametrize(
    ("kind", "fields", "name"),
    [
        (CommandKind.EXPIRY_OPENED, {"market": 2}, "market"),
        (CommandKind.EXPIRY_OPENED, {"market": 1, "value": 1 << 56}, "value"),
        (CommandKind.INSTRUMENT_LISTED, {"instrument": 4}, "instrument"),
        (CommandKind.INSTRUMENT_LISTED, {"instrument": 0}, "instrument"),
        (CommandKind.INSTRUMENT_LISTED, {"instrument": 1, "value": 2}, "value"),
        (CommandKind.INSTRUMENT_LISTED, {"instrument": 1, "strike": 1 << 24}, "strike"),
        (CommandKind.DEPOSITED, {"value": 1 << 56}, "value"),
        (CommandKind.DEPOSITED, {"value": -1}, "value"),
        (CommandKind.ASKED, {"value": 1 << 24}, "value"),
        (CommandKind.ASKED, {"value": -1}, "value"),
        (CommandKind.PRICE_FIXED, {"value": -1}, "value"),
    ],
)
def test_fact_out_of_its_range_is_refused_at_the_edge(
    kind: CommandKind, fields: dict[str, int], name: str
) -> None:
    with pytest.raises(ValueError, match=f"line 0: {name} is .*, allowed"):
        desk().submit(fact(kind, **fields))


@pytest.mark.parametrize(
    ("taker", "maker", "field"),
    [
        (-1, 2, "taker is -1, allowed 0 to"),
        (1 << 31, 0, "taker is 2147483648, allowed 0 to"),
        (7, -8, "maker is -8, allowed -old_taker to"),
        (7, 1 << 31, "maker is 2147483648, allowed -old_taker to"),
    ],
)
def test_rates_that_no_owner_can_set_are_refused_at_the_edge(
    taker: int, maker: int, field: str
) -> None:
    with pytest.raises(ValueError, match=f"line 1: old_{field}"):
        desk().submit(rates(taker, maker))


def test_maker_may_get_all_that_the_taker_pays() -> None:
    assert len(desk().submit(rates(7, -7))) == 0


def test_lines_that_end_within_an_annex_are_refused() -> None:
    with pytest.raises(ValueError, match="within the annex"):
        desk().submit(order(2, 1, BUY, 100, 5, annex=1)[:1].copy())


def test_deposits_of_more_than_there_can_be_change_nothing() -> None:
    matching = desk()
    events = matching.run(fact(CommandKind.DEPOSITED, account=2, value=(1 << 62) - 1))
    assert told(events) == [("FAULT", 0, 0)]
    assert int(matching.pools.arrays["accounts"][2]["deposited"]) == RICH


def test_account_may_deposit_as_much_as_the_vault_counts() -> None:
    matching = desk()
    events = matching.submit(fact(CommandKind.DEPOSITED, account=2, value=(1 << 56) - 1))
    assert "FAULT" not in {name for name, *_ in told(events)}
    assert int(matching.pools.arrays["accounts"][2]["deposited"]) == (1 << 56) - 1


def test_lines_of_another_layout_are_refused() -> None:
    with pytest.raises(ValueError, match="contiguous records"):
        desk().run(np.zeros(4, COMMAND)[::2])


@pytest.mark.parametrize("limits", [{"band_bits": 5}, {"band_bits": 19}, {"orders": 0}])
def test_limits_out_of_range_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        Matching(LIMITS._replace(**limits))


def test_check_sees_a_level_whose_lots_are_wrong() -> None:
    matching = desk()
    matching.submit(order(2, 0, BUY, 100, 5))
    levels = matching.pools.arrays["levels"]
    levels["lots"][np.flatnonzero(levels["head"])[0]] += 1
    with pytest.raises(InvariantBroken, match="6 lots of 5"):
        matching.check()
