"""Margin with open orders (matching.md, Margin): every order at its worst."""

from collections.abc import Iterable

from matcher.reference.book import OpenOrder
from matcher.reference.context import Context
from matcher.reference.fees import fee
from matcher.reference.leaf import Account
from matcher.reference.margin import Option, payoff, value


def highest_rate(context: Context, market: int) -> int:
    """The highest fee rate that a side may still pay, never below 0; atoms per lot."""
    rates = context.fees[market]
    possible = [0, rates.new_taker, rates.new_maker]
    if context.built_at < rates.active_at:
        possible += [rates.old_taker, rates.old_maker]
    return max(possible)


def result(order: OpenOrder, option: Option, price: int, cap: int, rate: int) -> int:
    """Atoms that an order brings, filled whole at its limit, when the expiry settles at `price`."""
    lots = order.remaining
    paid = payoff(option.kind, option.strike, price, cap) - order.price
    return (lots if order.buy else -lots) * paid - fee(rate, lots, lots * order.price)


def worst_with_orders(context: Context, account: Account, orders: Iterable[OpenOrder]) -> int:
    """The least that an account is worth, any of its orders filled and any not; atoms.

    Between neighboring corners every term is concave in the price, so the minimum lies at a corner.
    """
    legs: dict[tuple[int, int], list[tuple[Option, int]]] = {}
    working: dict[tuple[int, int], list[tuple[Option, OpenOrder]]] = {}
    for index, lots in account.positions.items():
        option = context.option(index)
        legs.setdefault((option.market, option.expiry), []).append((option, lots))
    for order in orders:
        option = context.option(order.instrument)
        working.setdefault((option.market, option.expiry), []).append((option, order))

    total = account.cash
    for key in sorted(legs.keys() | working.keys()):
        held, ordered = legs.get(key, []), working.get(key, [])
        cap, rate = context.caps[key], highest_rate(context, key[0])
        corners = {0, cap} | {option.strike for option, _ in [*held, *ordered]}
        total += min(
            value(held, price, cap)
            + sum(min(0, result(order, option, price, cap, rate)) for option, order in ordered)
            for price in corners
        )
    return total
