import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.book import Book, OpenOrder
from matcher.errors import InvariantBroken
from matcher.types import Order, SignedOrder


def order(seq: int, buy: bool, tick: int, lots: int) -> OpenOrder:
    terms = Order(2, "BTC-24MAR26-100-C", buy, tick * 10, lots, seq, 0, 0)
    return OpenOrder(seq, SignedOrder(terms, b"", b"", b""), 1, tick)


steps = st.lists(
    st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 5), st.integers(1, 9)), max_size=60
)


@given(steps)
def test_book_after_any_steps_equals_a_sorted_list(moves: list[tuple[int, bool, int, int]]) -> None:
    book, standing = Book(), []
    for seq, (move, buy, tick, lots) in enumerate(moves):
        if move == 0 and standing:
            gone = standing.pop(lots % len(standing))
            book.remove(gone)
        elif move == 1 and standing:
            one = standing[lots % len(standing)]
            if one.remaining > 1:
                book.side(one.buy).reduce(one, 1)
                one.remaining -= 1
        else:
            # Bids stay below asks, as matching keeps them.
            new = order(seq, buy, tick if buy else tick + 6, lots)
            standing.append(new)
            book.add(new)
        book.check()
    bids = sorted((o for o in standing if o.buy), key=lambda o: (-o.tick, o.seq))
    asks = sorted((o for o in standing if not o.buy), key=lambda o: (o.tick, o.seq))
    assert list(book.bids) == bids
    assert list(book.asks) == asks
    assert book.bids.best() == (bids[0].tick if bids else None)
    for side, orders in ((book.bids, bids), (book.asks, asks)):
        ticks = dict.fromkeys(o.tick for o in orders)
        levels = [[o for o in orders if o.tick == tick] for tick in ticks]
        depth = [(level[0].tick, sum(o.remaining for o in level), len(level)) for level in levels]
        assert side.depth(3) == depth[:3]


def test_crosses_equal_prices_on_both_sides() -> None:
    book = Book()
    assert not book.crosses(True, 100)
    book.add(order(1, False, 7, 1))
    assert book.crosses(True, 7)
    assert not book.crosses(True, 6)
    book.add(order(2, True, 5, 1))
    assert book.crosses(False, 5)
    assert not book.crosses(False, 6)


def test_check_crossed_book_raises() -> None:
    book = Book()
    book.add(order(1, True, 7, 1))
    book.add(order(2, False, 7, 1))
    with pytest.raises(InvariantBroken, match="crossed book: bid 7, ask 7"):
        book.check()


def test_check_wrong_sum_of_lots_raises() -> None:
    book = Book()
    one = order(1, True, 7, 3)
    book.add(one)
    one.remaining = 2
    with pytest.raises(InvariantBroken, match="tick 7: 3 lots"):
        book.check()


def test_queue_taken_from_the_front_keeps_the_order_of_arrival() -> None:
    book = Book()
    orders = [order(seq, True, 7, 1) for seq in range(2_000)]
    for one in orders:
        book.add(one)
    for one in orders[:-1]:
        assert next(iter(book.bids)) is one
        book.remove(one)
    assert list(book.bids) == orders[-1:]
