"""What the feed remembers, for how long, and that it notices a story that cannot be."""

import pytest

from matcher import commands as c
from matcher import events as e
from matcher.errors import InvariantBroken, Reject
from matcher.feed import BatchSummary, Feed, Limits
from matcher.types import Order, SignedOrder, Transfer, Withdrawal

NOP = bytes(31)
ROOT = b"\xfe" + bytes(30)


def signed(account: int, order_id: int, buy: bool, lots: int = 10) -> SignedOrder:
    order = Order(account, "BTC-26MAR27-100000-C", buy, 500, lots, order_id, 2_000, 0)
    return SignedOrder(order, b"\1" * 65, bytes([account, order_id % 256]) * 16, bytes(20))


def word(number: int) -> bytes:
    """A FILL word, different for each number; the feed compares words, it does not read them."""
    return b"\x01" + number.to_bytes(30, "big")


def summary(batch_id: int) -> BatchSummary:
    return BatchSummary(batch_id, 1_000, 1, 1, 1, bytes(32), bytes(32))


class Story:
    """A feed and the commands told to it so far."""

    def __init__(self, limits: Limits | None = None):
        self.feed = Feed(limits)
        self.updates = []
        self.feed.listen(self.updates.append)
        self.sequence = 0
        self.words = []
        self.order_id = 0

    def tell(self, command: c.Command, *events: e.Event, replaying: bool = False) -> None:
        self.sequence += 1
        self.feed.on_events(self.sequence, command, events, replaying)

    def rest(self, account: int, buy: bool, lots: int = 10, tick: int = 5) -> int:
        self.order_id += 1
        self.tell(
            c.PlaceOrder(signed(account, self.order_id, buy, lots)),
            e.OrderAccepted(account, self.order_id, 1, buy, tick, lots),
            e.OrderRested(account, self.order_id, lots),
        )
        return self.order_id

    def fill(self, taker: int, maker: int, maker_id: int, lots: int, left: int = 0) -> int:
        """An order that fills whole against a resting one."""
        self.order_id += 1
        self.words.append(word(len(self.words) + 1))
        taker_signed = signed(taker, self.order_id, False, lots)
        trade = e.Trade(
            1, 5, lots, True, taker, maker, self.order_id, maker_id, 3, -1, 0, left,
            taker_signed, signed(maker, maker_id, True),
        )  # fmt: skip
        self.tell(
            c.PlaceOrder(taker_signed),
            e.OrderAccepted(taker, self.order_id, 1, False, 5, lots),
            trade,
            e.Op(self.words[-1]),
        )
        return self.order_id


def test_order_open_filled_in_parts_then_whole_tells_each_state():
    story = Story()
    maker = story.rest(2, True)
    assert story.feed.levels(1, True) == [(5, 10, 1)]
    story.fill(3, 2, maker, 4, left=6)
    state = story.feed.order(2, maker)
    assert (state.status, state.filled, state.remaining) == ("open", 4, 6)
    assert story.feed.levels(1, True) == [(5, 6, 1)]
    taker = story.fill(3, 2, maker, 6)
    assert (state.status, state.filled, state.remaining) == ("filled", 10, 0)
    assert story.feed.order(3, taker).status == "filled"
    assert story.feed.levels(1, True) == []
    assert story.feed.open_orders(2) == []
    assert story.feed.closed_orders(2, 10) == [state]


def test_order_amended_then_canceled_leaves_its_level_empty():
    story = Story()
    order_id = story.rest(2, True)
    other = story.rest(3, True, 7)
    story.tell(c.AmendDown(2, order_id, 8, bytes(20)), e.OrderAmended(2, order_id, 8, 8))
    assert story.feed.levels(1, True) == [(5, 15, 2)]
    story.tell(
        c.CancelOrder(2, order_id, bytes(20)),
        e.OrderCanceled(2, order_id, 8, e.CancelReason.USER),
    )
    state = story.feed.order(2, order_id)
    assert (state.status, state.quantity, state.reason) == ("canceled", 8, e.CancelReason.USER)
    assert story.feed.levels(1, True) == [(5, 7, 1)]
    assert [o.signed.order.id for o in story.feed.open_orders(3)] == [other]


def test_levels_are_listed_best_first_on_both_sides():
    story = Story()
    for tick in (3, 9, 5):
        story.rest(2, True, tick=tick)
        story.rest(2, False, tick=tick + 10)
    assert [tick for tick, *_ in story.feed.levels(1, True)] == [9, 5, 3]
    assert [tick for tick, *_ in story.feed.levels(1, False)] == [13, 15, 19]
    assert story.feed.levels(2, True) == []


def test_fills_are_placed_when_their_batch_closes():
    story = Story()
    maker = story.rest(2, True)
    story.fill(3, 2, maker, 4, left=6)
    story.fill(4, 2, maker, 5, left=1)
    assert [(f.batch, f.index) for f in story.feed.fills(2, 10)] == [(None, None)] * 2
    padded = [b"\0" + w for w in (story.words[0], NOP, story.words[1], NOP, ROOT)]
    story.feed.take_batch(summary(1), padded)
    assert [(f.number, f.batch, f.index) for f in story.feed.fills(2, 10)] == [(2, 1, 2), (1, 1, 0)]
    assert [f.number for f in story.feed.fills(3, 10)] == [1]
    assert story.feed.fill(2).word == story.words[1]
    assert story.feed.batch(1) == summary(1)


def test_batch_with_words_in_another_order_is_noticed():
    story = Story()
    maker = story.rest(2, True)
    story.fill(3, 2, maker, 4, left=6)
    story.fill(4, 2, maker, 5, left=1)
    with pytest.raises(InvariantBroken, match="word 0 of batch 1"):
        story.feed.take_batch(summary(1), story.words[::-1])


def test_batch_with_a_word_too_many_is_noticed():
    with pytest.raises(InvariantBroken, match="word 2 of batch 1"):
        Story().feed.take_batch(summary(1), [NOP, ROOT, word(1)])


@pytest.mark.parametrize(
    "events",
    [
        [e.OrderRested(2, 1, 5)],
        [e.OrderCanceled(2, 1, 5, e.CancelReason.USER)],
        [e.Op(word(1))],
        [e.OrderAccepted(2, 1, 1, True, 5, 5)],
    ],
)
def test_events_that_fit_no_story_are_noticed(events):
    with pytest.raises(InvariantBroken):
        Story().tell(c.Clock(1), *events)


def test_movements_of_every_kind_are_told_to_the_accounts_concerned():
    story = Story()
    withdrawal = Withdrawal(2, 7, 4097, 2_000)
    transfer = Transfer(2, 3, 9, 4098, 2_000)
    story.tell(c.Deposited(2, 50, 1), e.Credited(2, 50), e.Op(word(1)))
    story.tell(
        c.WithdrawRequest(withdrawal, b"", b"", b""), e.Withdrawn(withdrawal, b""), e.Op(word(2))
    )
    story.tell(
        c.TransferRequest(transfer, b"", b"", b""), e.Transferred(transfer, b""), e.Op(word(3))
    )
    story.tell(c.Asked(2, 1, 1), e.Released(2, 34, 1), e.Op(word(4)))
    story.tell(c.OpenBatch(), e.SettledPosition(3, 1, 501680, -5), e.Op(word(5)))
    story.feed.take_batch(summary(1), [word(n) for n in range(1, 6)])
    assert [(m.kind, m.amount, m.index) for m in story.feed.movements(2, 10)] == [
        ("release", 34, 3),
        ("transfer", 9, 2),
        ("withdrawal", 7, 1),
        ("credit", 50, 0),
    ]
    assert [(m.kind, m.amount, m.batch) for m in story.feed.movements(3, 10)] == [
        ("settlement", -5, 1),
        ("transfer", 9, 1),
    ]


def test_pages_go_backward_from_a_number():
    story = Story()
    maker = story.rest(2, True, 100)
    for left in range(99, 89, -1):
        story.fill(3, 2, maker, 1, left=left)
    assert [f.number for f in story.feed.fills(2, 3)] == [10, 9, 8]
    assert [f.number for f in story.feed.fills(2, 3, before=8)] == [7, 6, 5]
    assert [f.number for f in story.feed.trades(1, 3, before=3)] == [2, 1]
    assert story.feed.trades(9, 3) == []


def test_memory_of_what_is_over_is_bounded():
    limits = Limits(trades=3, fills=5, orders=4, movements=2, per_account=3, batches=2)
    story = Story(limits)
    for number in range(1, 21):
        maker = story.rest(2 + number % 2, True, 1)
        story.fill(9, 2 + number % 2, maker, 1)
        story.tell(c.Deposited(2, number, 1), e.Credited(2, 1), e.Op(word(1000 + number)))
        story.words.append(word(1000 + number))
        story.feed.take_batch(summary(number), story.words[-2:])
    feed = story.feed
    assert [f.number for f in feed.trades(1, 100)] == [20, 19, 18]
    assert [f.number for f in feed.fills(9, 100)] == [20, 19, 18]
    assert [f.number for f in feed.fills(2, 100)] == [20, 18, 16]
    assert feed.fill(15) is None
    assert feed.fill(16).number == 16
    assert len(feed.closed_orders(9, 100)) == 2
    assert len(feed.closed_orders(2, 100) + feed.closed_orders(3, 100)) == 2
    assert feed.order(9, 2) is None
    assert len(feed.movements(2, 100)) == 2
    assert [b.id for b in feed.batches(100)] == [20, 19]
    assert [b.id for b in feed.batches(100, before=20)] == [19]
    # Nothing is left behind of the accounts and words that were forgotten either.
    assert not feed._unplaced
    assert len(feed._fills) == 5
    assert sum(len(keys) for keys in feed._closed._by_account.values()) == 4
    assert sum(len(keys) for keys in feed._fills._by_account.values()) <= 10


def test_open_orders_are_never_forgotten():
    story = Story(Limits(orders=1, per_account=1))
    ids = [story.rest(2, True) for _ in range(10)]
    assert [o.signed.order.id for o in story.feed.open_orders(2)] == ids


def test_cancel_all_is_remembered_until_its_message_expires():
    story = Story()
    order_id = story.rest(2, True)
    digest = b"\7" * 32
    story.tell(
        c.CancelAll(2, 0, bytes(20), digest, 500),
        e.OrderCanceled(2, order_id, 10, e.CancelReason.USER),
        replaying=True,
    )
    assert story.feed.obeyed_cancel_all(digest).canceled == ((order_id, 10),)
    story.tell(c.Clock(500))
    assert story.feed.obeyed_cancel_all(digest) is not None
    story.tell(c.ChainBlock(1, bytes(32), 501))
    assert story.feed.obeyed_cancel_all(digest) is None
    assert not story.feed._cancel_alls_by_expiry


def test_cancel_all_that_was_refused_is_not_remembered():
    story = Story()
    digest = b"\7" * 32
    story.tell(
        c.CancelAll(2, 0, bytes(20), digest, 500),
        e.Rejected(Reject.DURING_BATCH, "batch", "none open", "an open batch"),
    )
    assert story.feed.obeyed_cancel_all(digest) is None


def test_listeners_hear_live_commands_and_not_the_replayed():
    story = Story()
    story.tell(c.Clock(5), replaying=True)
    assert story.updates == []
    maker = story.rest(2, True)
    story.fill(3, 2, maker, 10)
    assert [u.sequence for u in story.updates] == [2, 3]
    assert story.updates[0].levels == {(1, True, 5): (10, 1)}
    assert story.updates[1].levels == {(1, True, 5): (0, 0)}
    assert {key: o.status for key, o in story.updates[1].orders.items()} == {
        (2, 1): "filled",
        (3, 2): "filled",
    }
    assert [f.number for f in story.updates[1].fills] == [1]
    assert story.feed.sequence == 3
    assert story.feed.now == 5


def test_accounts_of_an_owner_are_listed_once_each():
    story = Story()
    owner, other = b"\1" * 20, b"\2" * 20
    for account, by in ((2, owner), (3, other), (4, owner), (2, owner), (2, other)):
        story.tell(c.AccountOpened(account, by))
    assert story.feed.accounts_of(owner) == [2, 4]
    assert story.feed.accounts_of(other) == [3]
    assert story.feed.accounts_of(bytes(20)) == []


def test_batch_dated_anew_keeps_its_places_and_gets_its_new_header():
    story = Story()
    maker = story.rest(2, True)
    story.fill(3, 2, maker, 10)
    story.feed.take_batch(summary(1), story.words)
    maker = story.rest(2, True)
    story.fill(3, 2, maker, 10)
    redated = BatchSummary(1, 2_000, 1, 1, 1, bytes(32), b"\1" * 32)
    story.feed.take_batch(redated, story.words[:1])
    assert story.feed.batches(10) == [redated]
    assert [(f.batch, f.index) for f in story.feed.fills(2, 10)] == [(None, None), (1, 0)]
