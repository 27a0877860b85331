"""The feed and the engine tell the same story, whatever the engine is told."""

from collections import Counter
from typing import Any

import msgspec
import pytest

from matcher import commands as c
from matcher import events as e
from matcher import words
from matcher.errors import ChainError, InvariantBroken
from matcher.exchange import Exchange
from matcher.feed import BatchSummary, Feed, Limits
from tests.support.streams import WINDOWS, random_stream


class Pair:
    """An engine, and a feed that hears what it answers; batches hold their words and no chunks."""

    def __init__(self, limits: Limits | None = None):
        self.engine = Exchange(WINDOWS)
        self.feed = Feed(limits)
        self.heard = Counter()
        self.sequence = 0
        self.batches = 0
        self.words = []

    def tell(self, command: c.Command) -> None:
        try:
            events = self.engine.apply(command)
        except ChainError:
            return
        self.sequence += 1
        self.feed.on_events(self.sequence, command, events, False)
        for event in events:
            self.heard[type(event)] += 1
            if isinstance(event, e.Op):
                self.words.append(event.word)
            elif isinstance(event, e.BatchClosed) and event.ops:
                self.close_batch()

    def close_batch(self) -> None:
        self.batches += 1
        ops = len(self.words)
        summary = BatchSummary(self.batches, 0, 1, 0, ops, bytes(32), bytes(32))
        self.feed.take_batch(summary, [*self.words, bytes(31)])
        self.words = []

    def check(self) -> None:
        for instrument in self.engine.instruments:
            bids, asks = self.engine.book(instrument, 1_000)
            assert self.feed.levels(instrument, True) == bids
            assert self.feed.levels(instrument, False) == asks
        for account in self.engine.accounts:
            self._check_orders(account)

    def _check_orders(self, account: int) -> None:
        ours = [
            (o.signed.order.id, o.remaining, o.quantity, o.filled)
            for o in self.feed.open_orders(account)
        ]
        theirs = [
            (o.id, o.remaining, o.quantity, o.quantity - o.remaining)
            for o in self.engine.open_orders(account)
        ]
        assert ours == theirs
        for order in self.feed.closed_orders(account, 1_000):
            status = self.engine.order_status(account, order.signed.order.id)
            assert order.remaining == 0
            assert status is None or (status.open, status.filled) == (False, order.filled)


def test_feed_after_random_commands_agrees_with_the_engine():
    heard = Counter()
    for seed in range(8):
        pair = Pair()
        for number, command in enumerate(random_stream(seed, 600)):
            pair.tell(command)
            if number % 10 == 0:
                pair.check()
        pair.check()
        assert pair.feed.fill_count == pair.heard[e.Trade]
        heard += pair.heard
    # The streams told the feed every kind of story there is.
    assert {kind for kind in e.Event.__subclasses__() if not heard[kind]} == set()


def test_fills_after_random_commands_stand_where_their_words_do():
    pair = Pair()
    for command in random_stream(11, 600):
        pair.tell(command)
    if pair.words:
        pair.close_batch()
    seen = 0
    for account in pair.engine.accounts:
        for fill in pair.feed.fills(account, 1_000):
            op = words.unpack(fill.word)
            trade = fill.trade
            assert isinstance(op, words.Fill)
            assert (op.taker, op.maker) == (trade.taker, trade.maker)
            assert (op.tick, op.lots, bool(op.flags)) == (
                trade.tick,
                trade.lots,
                trade.taker_sells,
            )
            assert account in (op.taker, op.maker)
            assert fill.batch is not None
            seen += 1
    assert seen == 2 * pair.heard[e.Trade] > 0


def test_feed_that_missed_a_command_says_so():
    pair = Pair()
    for command in random_stream(3, 200):
        if isinstance(command, c.PlaceOrder):
            missed = pair.engine.apply(command)
            if any(isinstance(event, e.OrderRested) for event in missed):
                break
        else:
            pair.tell(command)
    order = command.signed
    cancel = c.CancelOrder(order.order.account, order.order.id, order.signer)
    with pytest.raises(InvariantBroken, match="not open in the feed"):
        pair.tell(cancel)


SCARCE = Limits(trades=7, fills=30, orders=25, movements=12, per_account=9, batches=3)


def remembered(feed: Feed, engine: Exchange) -> dict[str, Any]:
    """All that a feed answers."""
    instruments, accounts = list(engine.instruments), list(engine.accounts)
    numbers = range(1, feed.fill_count + 1)
    return {
        "at": (feed.now, feed.sequence, feed.fill_count, feed.unplaced, feed.last_batch),
        "open": [feed.open_orders(account) for account in accounts],
        "closed": [feed.closed_orders(account, 1_000) for account in accounts],
        "fills": [feed.fills(account, 1_000) for account in accounts],
        "fill": [feed.fill(number) for number in numbers],
        "movements": [feed.movements(account, 1_000) for account in accounts],
        "trades": [feed.trades(instrument, 1_000) for instrument in instruments],
        "levels": [feed.levels(index, buy) for index in instruments for buy in (True, False)],
        "batches": feed.batches(1_000),
        "owned": [feed.accounts_of(engine.accounts[account].owner) for account in accounts],
        "canceled": {
            digest: feed.obeyed_cancel_all(digest) for digest in sorted(feed._cancel_alls)
        },
    }


@pytest.mark.parametrize("seed", range(6))
def test_feed_that_was_dumped_tells_the_same_story_from_there_on(seed: int) -> None:
    """With so little room that most of what is over is forgotten; loaded again and again."""
    pair, found = Pair(SCARCE), Counter()
    twin = pair.feed
    revived = Feed(SCARCE)
    revived.load(twin.dump())
    pair.feed = Both(twin, revived)
    for number, command in enumerate(random_stream(seed, 900)):
        pair.tell(as_signed(command, number, twin.now + number))
        if number % 90 == 60:
            again = Feed(SCARCE)
            again.load(pair.feed.second.dump())
            assert again.dump() == pair.feed.second.dump() == twin.dump()
            pair.feed.second = again
            told = remembered(again, pair.engine)
            assert told == remembered(twin, pair.engine)
            found.update(name for name, what in told.items() if any_of(what))
    assert found.keys() == told.keys()
    assert twin.fill_count > SCARCE.fills


def as_signed(command: c.Command, number: int, until: int) -> c.Command:
    """A cancel-all as the gateway gives it on; every other command as it is."""
    if not isinstance(command, c.CancelAll):
        return command
    return msgspec.structs.replace(command, digest=number.to_bytes(32, "big"), expiry=until)


def any_of(what: Any) -> bool:
    """Whether anything is in it, however deep."""
    if isinstance(what, list | tuple):
        return any(map(any_of, what))
    return bool(what)


class Both:
    """Two feeds that hear the same."""

    def __init__(self, first: Feed, second: Feed):
        self.first, self.second = first, second

    def on_events(self, *told: Any) -> None:
        self.first.on_events(*told)
        self.second.on_events(*told)

    def take_batch(self, *told: Any) -> None:
        self.first.take_batch(*told)
        self.second.take_batch(*told)
