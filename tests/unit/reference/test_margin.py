from hypothesis import given
from hypothesis import strategies as st

from matcher.reference.book import OpenOrder
from matcher.reference.context import Context
from matcher.reference.fees import fee
from matcher.reference.leaf import Account
from matcher.reference.margin import Option, payoff, value, worst
from matcher.reference.risk import worst_with_orders
from matcher.types import Fees, Instrument, Market, Order, SignedOrder

CAPS = {(1, 10): 30, (1, 20): 17}

options = st.builds(
    Option, st.just(1), st.sampled_from((10, 20)), st.integers(0, 1), st.integers(0, 16)
)
legs = st.lists(st.tuples(options, st.integers(-5, 5)), max_size=6)


def test_payoff_is_clamped_at_the_cap():
    assert payoff(0, 10, 25, 30) == 15
    assert payoff(0, 10, 99, 30) == 20
    assert payoff(1, 10, 4, 30) == 6
    assert payoff(1, 10, 99, 30) == 0
    assert payoff(0, 0, 12, 30) == 12  # a call of strike 0 is a prepaid future


@given(legs, st.integers(-50, 50))
def test_worst_is_the_least_over_every_price(held, cash):
    least = cash
    for key, cap in CAPS.items():
        group = [(o, lots) for o, lots in held if (o.market, o.expiry) == key]
        least += min(value(group, price, cap) for price in range(cap + 1))
    assert worst(cash, held, CAPS, {}) == least


@given(legs, st.integers(0, 30))
def test_worst_of_an_expiry_with_a_price_is_what_it_pays(held, price):
    group = [(o, lots) for o, lots in held if o.expiry == 10]
    assert worst(0, group, CAPS, {(1, 10): price}) == value(group, price, 30)


# --- open orders ---------------------------------------------------------------------------

INSTRUMENTS = {
    index: Instrument(index, 1, index % 2, 10 if index < 5 else 20, 4 * index)
    for index in range(1, 7)
}


def context(rates: Fees, built_at: int = 0) -> Context:
    markets = {1: Market(1, "BTC", 1, 1)}
    caps = {(1, 10): 40, (1, 20): 40}
    return Context(built_at, 0, markets, {1: rates}, INSTRUMENTS, caps)


def order(instrument: int, buy: bool, price: int, lots: int) -> OpenOrder:
    terms = Order(2, "", buy, price, lots, 1, 0, 0)
    return OpenOrder(SignedOrder(terms, b"", b"", b""), 1, instrument, price, lots, lots)


orders = st.lists(
    st.builds(order, st.integers(1, 6), st.booleans(), st.integers(0, 40), st.integers(1, 9)),
    max_size=4,
)
rates = st.builds(
    Fees, st.integers(0, 5), st.integers(-2, 3), st.integers(0, 5), st.integers(-2, 3), st.just(5)
)


@given(
    st.dictionaries(st.integers(1, 6), st.integers(-4, 4).filter(bool)),
    orders,
    rates,
    st.integers(0, 9),
    st.data(),
)
def test_no_way_to_fill_orders_ends_below_worst_with_orders(positions, working, dated, built, data):
    """Any part of each order, in up to two pieces, at its limit or better, at either dated rate."""
    facts = context(dated, built)
    before = Account(cash=100, positions=dict(positions))
    promised = worst_with_orders(facts, before, working)
    after = before.copy()
    for each in working:
        left = each.remaining
        for _ in range(2):
            lots = data.draw(st.integers(0, left))
            left -= lots
            better = data.draw(st.integers(0, 3))
            price = max(0, each.price - better) if each.buy else each.price + better
            possible = [dated.new_taker, dated.new_maker]
            if built < dated.active_at:
                possible += [dated.old_taker, dated.old_maker]
            paid = fee(data.draw(st.sampled_from(possible)), lots, price * lots)
            after.cash += (-1 if each.buy else 1) * lots * price - paid
            after.add_lots(each.instrument, lots if each.buy else -lots)
    assert facts.worst(after.cash, after.positions) >= promised


@given(st.dictionaries(st.integers(1, 6), st.integers(-4, 4).filter(bool)), orders)
def test_worst_with_orders_is_reached_by_filling_some_of_them_whole(positions, working):
    facts = context(Fees(0, 0, 0, 0, 0))
    account = Account(cash=100, positions=dict(positions))
    reached = []
    for chosen in range(1 << len(working)):
        filled = account.copy()
        for place, each in enumerate(working):
            if chosen >> place & 1:
                filled.cash += (-1 if each.buy else 1) * each.remaining * each.price
                lots = each.remaining if each.buy else -each.remaining
                filled.add_lots(each.instrument, lots)
        reached.append(facts.worst(filled.cash, filled.positions))
    # Each expiry may choose its own orders, so the least over all choices is what is promised.
    assert min(reached) == worst_with_orders(facts, account, working)


@given(orders, rates)
def test_amending_down_never_lowers_worst_with_orders(working, dated):
    facts = context(dated)
    account = Account(cash=100)
    was = worst_with_orders(facts, account, working)
    for each in working:
        each.remaining -= each.remaining // 2
    assert worst_with_orders(facts, account, working) >= was


def test_pending_fees_count_until_they_are_active():
    dated = Fees(5, 0, 1, 0, 5)
    account, working = Account(cash=0), [order(1, True, 40, 1)]
    # a put worth at least 0, so the order may lose its price and its fee
    assert worst_with_orders(context(dated, 4), account, working) == -40 - 5
    assert worst_with_orders(context(dated, 5), account, working) == -40 - 1
