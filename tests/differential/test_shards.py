"""However many shards hold the books, they answer every command as the one reference model does."""

import os
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import commands as c
from matcher.errors import ChainError, Reject
from matcher.events import CancelReason, Event, OrderCanceled, Rejected
from matcher.exchange import Exchange
from matcher.reference.exchange import Exchange as Model
from matcher.shards.local import Shards
from matcher.shards.shard import Shard
from matcher.shards.tape import Lend, SlotMoved
from tests.support.streams import random_stream, streams
from tests.support.street import WINDOWS

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
SEEDS = range(100) if FUZZ else (5, 10)
LENGTH = 10_000 if FUZZ else 2_000
EVERY = 200  # commands between comparisons of the whole state
MARKETS = 5

# What the streams must reach. No cap of theirs is so high that a position is worth too much.
EXPECTED_CODES = {code for code in Reject if 200 < code < 600} - {
    Reject.BAD_SIGNATURE,
    Reject.HIGH_S,
    Reject.BUSY,
    Reject.POSITION_TOO_LARGE,
}
WHOLE = {Reject.INSUFFICIENT_MARGIN, Reject.TOO_MANY_POSITIONS, Reject.BATCH_HAS_OPS}
TABLE = {1: 1, 2: 1, 3: 0}  # the rest by market % 2


def told(answer: list[Event] | str) -> list[object] | str:
    """An answer without the texts of rejects, which are for people."""
    if isinstance(answer, str):
        return answer
    return [(e.code, e.field) if isinstance(e, Rejected) else e for e in answer]


def answer_of(exchange: Shards | Exchange | Model, command: c.Command) -> list[Event] | str:
    try:
        return exchange.apply(command)
    except ChainError:
        return "ChainError"


class Twins:
    """Shards and the model, told the same."""

    def __init__(self, count: int, table: dict[int, int] | None = None) -> None:
        self.tapes: dict[int, list[tuple[c.Command | Lend | SlotMoved, int]]] = {}
        self.count = 0
        self.shards = Shards(count, WINDOWS, table, self._record)
        self.model = Model(WINDOWS)
        self.codes: Counter[Reject] = Counter()
        self.reasons: Counter[CancelReason] = Counter()

    def _record(self, shard: int, entry: c.Command | Lend | SlotMoved) -> None:
        self.tapes.setdefault(shard, []).append((entry, self.count))

    def tell(self, command: c.Command) -> None:
        ours, theirs = answer_of(self.shards, command), answer_of(self.model, command)
        assert told(ours) == told(theirs), f"{self.count}: {command}"
        self.count += 1
        for event in ours:
            if isinstance(event, Rejected):
                self.codes[event.code] += 1
            elif isinstance(event, OrderCanceled):
                self.reasons[event.reason] += 1

    def compare(self) -> None:
        self.shards.check()
        assert self.shards.state_text() == self.model.state_text(), f"after {self.count} commands"
        assert self.shards.state_hash() == self.model.state_hash()


def run(
    count: int, seed: int, table: dict[int, int] | None = None, length: int = LENGTH // 2
) -> Twins:
    """Twins after a random stream over five markets."""
    twins = Twins(count, table)
    for command in random_stream(seed, length, markets=MARKETS):
        twins.tell(command)
        if twins.count % EVERY == 0:
            twins.compare()
    twins.compare()
    return twins


@pytest.mark.parametrize("count", [2, 3])
def test_shards_on_random_streams_equal_the_reference_and_lend_to_each_other(count: int) -> None:
    """Equality says nothing of leases unless shards run short of each kind of them."""
    codes: Counter[Reject] = Counter()
    reasons: Counter[CancelReason] = Counter()
    moves: Counter[str] = Counter()
    for seed in SEEDS:
        twins = run(count, seed, length=LENGTH)
        codes += twins.codes
        reasons += twins.reasons
        moves += twins.shards.moves
    assert min(moves[kind] for kind in ("atoms", "places", "slots", "judged again")) >= 3
    assert EXPECTED_CODES - codes.keys() == set()
    assert set(CancelReason) - reasons.keys() == set()


def test_one_shard_and_one_for_each_market_equal_the_reference() -> None:
    assert not +run(1, 3).shards.moves
    assert +run(MARKETS, 3).shards.moves


def test_shards_by_a_table_equal_the_reference_and_keep_to_it() -> None:
    shards = run(2, 11, TABLE).shards
    for number, shard in enumerate(shards.shards):
        lines = [line.split(" ") for line in shard.state_text().splitlines()]
        instruments = {int(row[1]) for row in lines if row[0] == "order"}
        instruments |= {int(row[2]) for row in lines if row[0] == "position"}
        markets = {shards.shards[0].instruments[index].market for index in instruments}
        assert markets == {m for m in range(1, MARKETS + 1) if TABLE.get(m, m % 2) == number}


def test_shards_replayed_alone_from_their_tapes_are_the_same_shards() -> None:
    """A tape is all that a shard ever learns, so it can be journaled and restarted by itself."""
    twins = run(3, 5)
    for number, shard in enumerate(twins.shards.shards):
        again = Shard(WINDOWS)
        for entry, _ in twins.tapes[number]:
            replay(again, entry)
        again.check()
        assert again.state_text() == shard.state_text()


def replay(shard: Shard, entry: c.Command | Lend | SlotMoved) -> None:
    try:
        shard.take(entry)
    except ChainError:
        assert isinstance(entry, c.Command)  # a fact that was refused then, too


def test_shards_are_told_of_an_order_only_where_its_book_or_its_slot_is() -> None:
    """What crosses shards is little: else there is no point in them."""
    twins = run(3, 7)
    orders: dict[int, Counter[int]] = {}
    for number, tape in twins.tapes.items():
        for entry, command in tape:
            if isinstance(entry, c.PlaceOrder | c.CancelOrder | c.AmendDown):
                orders.setdefault(command, Counter())[number] += 1
    assert len(orders) > LENGTH // 4
    assert all(len(numbers) == 1 for numbers in orders.values())


def test_shards_refuse_for_good_with_the_numbers_of_the_whole_account() -> None:
    """What the client reads must not depend on where the money is leased."""
    sharded, single = Shards(3, WINDOWS), Exchange(WINDOWS)
    texts: Counter[Reject] = Counter()
    for command in random_stream(3, LENGTH, markets=MARKETS):
        ours, theirs = answer_of(sharded, command), answer_of(single, command)
        match ours, theirs:
            case [Rejected() as refused], [Rejected() as expected] if refused.code in WHOLE:
                assert numbers(refused) == numbers(expected)
                texts[refused.code] += 1
    assert WHOLE - texts.keys() == set()


def numbers(refused: Rejected) -> list[str]:
    return re.findall(r"\d+", refused.found + " " + refused.allowed.split(", what account")[0])


def run_all(count: int, commands: Iterator[c.Command] | list[c.Command]) -> None:
    twins = Twins(count)
    for command in commands:
        twins.tell(command)
    twins.compare()


@settings(max_examples=200 if FUZZ else 8, deadline=None)
@given(st.sampled_from((2, 3, 5)), streams(max_actions=100, markets=MARKETS))
def test_shards_on_any_stream_equal_the_reference(count: int, commands: list[c.Command]) -> None:
    run_all(count, commands)
