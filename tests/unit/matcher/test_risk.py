from hypothesis import given
from hypothesis import strategies as st

from matcher.book import OpenOrder
from matcher.reference import margin
from matcher.risk import Contract, ExpiryRisk, fee, worst
from matcher.types import Order, SignedOrder

CAP = 50
KEY = (1, 100)
contracts = [
    Contract(index, KEY, kind, strike, CAP)
    for index, (kind, strike) in enumerate([(0, 0), (0, 10), (1, 10), (0, 25), (1, 40), (1, 50)])
]


def order(seq: int, contract: Contract, buy: bool, price: int, lots: int) -> OpenOrder:
    terms = Order(2, "", buy, price, lots, seq, 0, 0)
    return OpenOrder(seq, SignedOrder(terms, b"", b"", b""), contract.index, price)


def brute_force(positions: dict[int, int], orders: list[OpenOrder], rate: int) -> tuple[int, int]:
    """Least values over every settlement price, whole atoms, without and with orders."""

    def pnl(o: OpenOrder, price: int) -> int:
        value = o.remaining * contracts[o.instrument].payoff(price)
        notional = o.remaining * o.price
        charge = min(o.remaining * rate, notional // 8)
        return (value - notional if o.buy else notional - value) - charge

    held = [
        sum(lots * contracts[i].payoff(price) for i, lots in positions.items())
        for price in range(CAP + 1)
    ]
    both = [value + sum(min(0, pnl(o, price)) for o in orders) for price, value in enumerate(held)]
    return min(held), min(both)


steps = st.lists(
    st.tuples(
        st.sampled_from(["place", "remove", "resize", "position", "rate"]),
        st.integers(0, 5),
        st.booleans(),
        st.integers(0, 60),
        st.integers(1, 9),
    ),
    max_size=30,
)


@given(steps)
def test_expiry_risk_after_any_steps_equals_every_price_tried(
    moves: list[tuple[str, int, bool, int, int]],
) -> None:
    group, rate = ExpiryRisk(CAP, 3), 3
    for seq, (move, which, flag, number, lots) in enumerate(moves):
        contract = contracts[which]
        standing = list(group.orders.values())
        if move == "place":
            group.add_order(contract, order(seq, contract, flag, number, lots))
        elif move == "remove" and standing:
            group.remove_order(standing[number % len(standing)])
        elif move == "resize" and standing:
            one = standing[number % len(standing)]
            group.resize_order(one, min(one.remaining, lots))
        elif move == "position":
            change = lots if flag else -lots
            payoffs = group.know(contract)
            held = [v + change * p for v, p in zip(group.held, payoffs, strict=True)]
            new = group.lots.get(which, 0) + change
            group.set_position(which, new, held, min(held))
        elif move == "rate":
            rate = lots
            group.recharge(rate)
        group.check()
        floor, both = brute_force(group.lots, list(group.orders.values()), rate)
        assert group.floor == floor
        assert group.with_orders() == both


@given(
    st.integers(-1000, 1000),
    st.dictionaries(st.integers(0, 5), st.integers(-9, 9).filter(bool)),
    st.none() | st.integers(0, CAP),
)
def test_worst_from_scratch_equals_the_reference(
    cash: int, positions: dict[int, int], price: int | None
) -> None:
    fixed = {} if price is None else {KEY: price}
    legs = [
        (margin.Option(*KEY, 0 if contracts[i].call else 1, contracts[i].strike), lots)
        for i, lots in positions.items()
    ]
    found = worst(cash, [(contracts[i], lots) for i, lots in positions.items()], fixed)
    assert found == margin.worst(cash, legs, {KEY: CAP}, fixed)


@given(st.integers(-100, 100), st.integers(0, 1000), st.integers(0, 10_000))
def test_fee_is_at_most_an_eighth_of_the_notional(rate: int, lots: int, notional: int) -> None:
    charged = fee(rate, lots, notional)
    assert abs(charged) == min(lots * abs(rate), notional // 8)
    assert charged * rate >= 0
