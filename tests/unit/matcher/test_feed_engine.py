"""The feed and the engine tell the same story, whatever the engine is told."""

from collections import Counter

import pytest

from matcher import commands as c
from matcher import events as e
from matcher import words
from matcher.errors import ChainError, InvariantBroken
from matcher.exchange import Exchange
from matcher.feed import BatchSummary, Feed
from tests.support.streams import WINDOWS, random_stream


class Pair:
    """An engine, and a feed that hears what it answers; batches hold their words and no chunks."""

    def __init__(self):
        self.engine = Exchange(WINDOWS)
        self.feed = Feed()
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
