"""The kernel's door: edges, limits, growth, and what no stream reaches."""

import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matcher.errors import InvariantBroken, Reject
from matcher.events import CancelReason
from matcher.kernel.exchange import Limits, Matching, Records, check_commands, commands_of
from matcher.kernel.layout import COMMAND, CommandKind, EventKind
from matcher.types import OrderFlag, SelfTrade

LIMITS = Limits(books=4, accounts=64, signers=2, orders=1000, far_levels=8, band_bits=6)
ROOT = Path(__file__).parents[4]
BUY, SELL = 0, 1


def desk(limits: Limits = LIMITS, lots_max: int = 1 << 30) -> Matching:
    matching = Matching(limits)
    for instrument in (1, 2):
        matching.list_instrument(
            instrument, tick_value=10, closes_at=1 << 40, lots_max=lots_max, rates=(3, -1)
        )
    return matching


def command(kind: CommandKind, **fields: int) -> Records:
    made = commands_of(1)
    made["kind"] = kind
    for name, value in fields.items():
        made[name] = value
    return made


def order(account: int, number: int, sells: int, tick: int, lots: int, **more: int) -> Records:
    terms = {"instrument": 1, "time": 1 << 30, **more}
    return command(
        CommandKind.PLACE,
        account=account,
        id=number,
        sells=sells,
        tick=tick,
        quantity=lots,
        **terms,
    )


def told(events: Records) -> list[tuple[str, int, int]]:
    """(kind, id, note or lots) of each event."""
    return [(EventKind(e["kind"]).name, int(e["id"]), int(e["note"] or e["lots"])) for e in events]


def test_fee_is_an_eighth_of_the_notional_at_most_and_a_rebate_is_negative() -> None:
    matching = desk()
    matching.submit(order(2, 1, SELL, 1, 5))
    matching.submit(order(2, 2, SELL, 100, 5))
    first, second = matching.submit(order(3, 1, BUY, 100, 10))[1:3]
    assert (first["fee"], first["maker_fee"]) == (6, -5)  # 50 atoms // 8 is 6, below 5 * 3
    assert (second["fee"], second["maker_fee"]) == (15, -5)


def test_fill_that_the_maker_may_not_hold_drops_the_maker_and_goes_on() -> None:
    matching = desk(lots_max=10)
    matching.submit(order(2, 1, SELL, 100, 11))
    matching.submit(order(4, 1, SELL, 100, 5))
    events = matching.submit(order(3, 1, BUY, 100, 11))
    assert told(events[1:3]) == [("CANCELED", 1, CancelReason.MARGIN), ("TRADE", 1, 5)]
    assert events[2]["maker_account"] == 4
    matching.check()


def test_fill_that_the_taker_may_not_hold_ends_the_taker() -> None:
    matching = desk(lots_max=10)
    for account in (2, 4):
        matching.submit(order(account, 1, SELL, 100, 6))
    events = matching.submit(order(3, 9, BUY, 100, 20))
    assert [EventKind(e["kind"]).name for e in events] == ["ACCEPTED", "TRADE", "CANCELED"]
    assert (events[2]["note"], events[2]["remaining"]) == (CancelReason.MARGIN, 14)
    assert matching.positions() == {(2, 1): -6, (3, 1): 6}


@pytest.mark.parametrize("tick", [90, 5000])
def test_verdict_of_risk_comes_after_the_kind_and_others_before(tick: int) -> None:
    matching = desk()
    matching.submit(order(2, 1, SELL, 90, 1))
    post = {"flags": int(OrderFlag.POST_ONLY)}
    for verdict, code in (
        (Reject.STALE_ID, Reject.STALE_ID),
        (Reject.INSUFFICIENT_MARGIN, Reject.POST_ONLY_WOULD_TAKE),
    ):
        events = matching.submit(order(3, 1, BUY, tick, 1, verdict=verdict, **post))
        assert told(events) == [("REJECTED", 1, code)]
    assert matching.next_seq == 2


def test_full_pool_refuses_orders_and_takes_cancels() -> None:
    matching = desk(LIMITS._replace(orders=3))
    for number in range(3):
        matching.submit(order(2, number, BUY, 10, 1))
    assert told(matching.submit(order(3, 0, BUY, 10, 1))) == [("REJECTED", 0, Reject.BUSY)]
    crossing = order(3, 0, SELL, 10, 1, flags=int(OrderFlag.IOC))
    assert told(matching.submit(crossing)) == [("REJECTED", 0, Reject.BUSY)]
    canceled = matching.submit(command(CommandKind.CANCEL, account=2, id=1))
    assert told(canceled) == [("CANCELED", 1, 0)]
    assert told(matching.submit(order(3, 0, BUY, 10, 1)))[-1][0] == "RESTED"
    matching.check()


def test_full_table_of_holdings_refuses_who_is_new() -> None:
    matching = desk(LIMITS._replace(holdings=1))
    matching.submit(order(2, 0, BUY, 10, 1))
    assert told(matching.submit(order(3, 0, BUY, 10, 1))) == [("REJECTED", 0, Reject.BUSY)]
    assert told(matching.submit(order(2, 1, BUY, 10, 1)))[-1][0] == "RESTED"


def test_full_table_of_far_levels_refuses_new_levels_and_moves_of_the_band() -> None:
    matching = desk()
    matching.submit(order(2, 0, BUY, 10_000, 1))
    for number in range(LIMITS.far_levels):
        matching.submit(order(2, 1 + number, BUY, 1 + number, 1))
    assert told(matching.submit(order(3, 0, BUY, 50, 1))) == [("REJECTED", 0, Reject.BUSY)]
    assert told(matching.submit(order(3, 0, BUY, 1, 1)))[-1][0] == "RESTED"
    better = order(3, 1, BUY, 20_000, 1)
    assert told(matching.submit(better)) == [("REJECTED", 1, Reject.BUSY)]
    assert told(matching.submit(command(CommandKind.CANCEL, account=2, id=0)))[0][0] == "CANCELED"
    assert matching.best(1) == (LIMITS.far_levels, None)
    assert told(matching.submit(better))[-1][0] == "RESTED"
    matching.check()


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
    matching.submit(command(CommandKind.CANCEL, account=2, id=0))
    assert matching.best(1) == (max(ticks), None)
    matching.check()
    events = matching.submit(order(3, 0, SELL, 0, 64))
    trades = events[events["kind"] == EventKind.TRADE]
    assert trades["tick"].tolist() == sorted(ticks, reverse=True)
    matching.check()


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


def test_orders_of_a_signer_that_falls_leave_at_the_next_clock_in_the_order_of_seq() -> None:
    matching = desk()
    for number in (3, 1, 2):
        matching.submit(order(2, number, BUY, 10 + number, 1, signer=number % 2))
    matching.submit(command(CommandKind.SIGNER, signer=1, time=50))
    assert len(matching.submit(command(CommandKind.CLOCK, time=50))) == 0
    events = matching.submit(command(CommandKind.CLOCK, time=51))
    reason = int(CancelReason.SIGNER_INVALID)
    assert told(events) == [("CANCELED", 3, reason), ("CANCELED", 1, reason)]
    matching.check()


def test_orders_leave_by_the_lag_before_their_instrument_expires() -> None:
    matching = Matching(LIMITS, lag=300)
    matching.list_instrument(1, tick_value=10, closes_at=1000, lots_max=100)
    matching.submit(order(2, 0, BUY, 10, 1))
    assert len(matching.submit(command(CommandKind.CLOCK, time=699))) == 0
    events = matching.submit(command(CommandKind.CLOCK, time=700))
    assert told(events) == [("CANCELED", 0, int(CancelReason.INSTRUMENT_CLOSED))]


def test_events_are_carried_away_before_they_find_no_room() -> None:
    """In passes of a few commands the answers are those of one pass."""
    commands = commands_of(40)
    for number in range(40):
        commands[number] = order(2 + number % 2, number, number % 2, 100, 1)[0]
    at_once, in_parts = desk(), desk()
    expected = at_once.submit(commands)
    in_parts.reserve(len(commands))
    in_parts._context["events_limit"] = 16
    assert len(list(desk()._passes(commands))) == 1
    assert in_parts.submit(commands).tolist() == expected.tolist()
    assert int(in_parts._context["events_count"]) <= 16


def test_growth_keeps_every_order_and_position() -> None:
    matching = desk(LIMITS._replace(orders=1 << 15, holdings=1 << 15))
    count = 20_000
    many = commands_of(count)
    many[:] = order(2, 0, BUY, 2000, 1)[0]
    number = np.arange(count)
    many["account"], many["id"] = 2 + number % 50, number // 50
    many["sells"] = number % 2
    many["tick"] = np.where(number % 2 == 1, 2010, 1990)
    matching.submit(many)
    matching.check()
    assert matching.live == count
    assert [o.id for o in matching.orders()[:3]] == [0, 0, 0]
    taken = matching.submit(order(60, 0, BUY, 2010, 10_000))
    assert (taken["kind"] == EventKind.TRADE).sum() == 10_000
    assert sum(matching.positions().values()) == 0
    matching.check()


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"kind": 0}, "kind"),
        ({"kind": 7}, "kind"),
        ({"account": 64}, "account"),
        ({"signer": 2}, "signer"),
        ({"id": 1 << 44}, "id"),
        ({"id": -1}, "id"),
        ({"time": -1}, "time"),
        ({"sells": 2}, "sells"),
        ({"self_trade": 2}, "self_trade"),
        ({"flags": 16}, "flags"),
        ({"flags": int(OrderFlag.IOC | OrderFlag.FOK)}, "flags"),
        ({"flags": int(OrderFlag.POST_ONLY | OrderFlag.IOC)}, "flags"),
        ({"quantity": 0}, "quantity"),
    ],
)
def test_command_out_of_its_range_is_refused_at_the_edge(fields: dict[str, Any], name: str) -> None:
    good = order(2, 1, BUY, 100, 5)
    check_commands(good, LIMITS)
    bad = commands_of(2)
    bad[:] = good[0]
    for field, value in fields.items():
        bad[field][1] = value
    with pytest.raises(ValueError, match=f"command 1: {name} is .*, allowed"):
        desk().submit(bad)


def test_commands_of_another_layout_are_refused() -> None:
    with pytest.raises(ValueError, match="contiguous COMMAND"):
        desk().run(np.zeros(4, COMMAND)[::2])


@pytest.mark.parametrize("limits", [{"band_bits": 5}, {"band_bits": 19}, {"orders": 0}])
def test_limits_out_of_range_are_refused(limits: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="allowed"):
        Matching(LIMITS._replace(**limits))


def test_check_sees_a_level_whose_lots_are_wrong() -> None:
    matching = desk()
    matching.submit(order(2, 0, BUY, 100, 5))
    levels = matching._arrays["levels"]
    levels["lots"][np.flatnonzero(levels["head"])[0]] += 1
    with pytest.raises(InvariantBroken, match="6 lots of 5"):
        matching.check()


def test_debug_mode_refuses_an_address_that_holds_no_such_record() -> None:
    """A link to a slot that does not exist is caught when it is followed."""
    program = (
        "from matcher.kernel.memory import BadAddress\n"
        "from tests.unit.matcher.kernel.test_exchange import BUY, desk, order\n"
        "matching = desk()\n"
        "matching.submit(order(2, 0, BUY, 100, 5))\n"
        "levels = matching._arrays['levels']\n"
        "levels['tail'][levels['tail'] > 0] = 1 << 20\n"
        "try:\n"
        "    matching.submit(order(2, 1, BUY, 100, 5))\n"
        "except BadAddress as error:\n"
        "    print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={"NUMBA_DISABLE_JIT": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.startswith("no order begins at address"), done.stderr
