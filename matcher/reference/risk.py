"""Margin with open orders (matching.md, Margin): every order at its worst."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from matcher.reference.book import OpenOrder
from matcher.reference.context import Context
from matcher.reference.fees import fee
from matcher.reference.leaf import Account
from matcher.reference.margin import REMEMBERED, Option, payoff


def highest_rate(context: Context, market: int) -> int:
    """The highest fee rate that a side may still pay, never below 0; atoms per lot."""
    rates = context.fees[market]
    possible = [0, rates.new_taker, rates.new_maker]
    if context.built_at < rates.active_at:
        possible += [rates.old_taker, rates.old_maker]
    return max(possible)


class Claim(NamedTuple):
    """What an order brings, filled whole at its limit: payoffs of `lots`, less what is `owed`."""

    option: Option
    lots: int  # below 0: sold
    owed: int  # atoms, the fee included; below 0: received


def claim_of(order: OpenOrder, option: Option, rate: int) -> Claim:
    """An order at its limit and the highest fee."""
    lots = order.remaining if order.buy else -order.remaining
    paid = fee(rate, order.remaining, order.remaining * order.price)
    return Claim(option, lots, lots * order.price + paid)


@lru_cache(REMEMBERED)
def least_with_claims(held: Sequence[tuple[Option, int]], claims: Sequence[Claim], cap: int) -> int:
    """The least that (option, lots) and claims of one expiry bring together, over all prices.

    Any claim comes true and any does not. Between neighboring corners every term is concave in the
    price, so the minimum lies at a corner.
    """
    options = {option for option, _ in held} | {claim.option for claim in claims}

    def brought(price: int) -> int:
        pays = {o: payoff(o.kind, o.strike, price, cap) for o in options}
        kept = sum(lots * pays[option] for option, lots in held)
        return kept + sum(min(0, lots * pays[option] - owed) for option, lots, owed in claims)

    return min(brought(price) for price in {0, cap} | {option.strike for option in options})


def worst_with_orders(context: Context, account: Account, orders: Iterable[OpenOrder]) -> int:
    """The least that an account is worth, any of its orders filled and any not; atoms."""
    legs: dict[tuple[int, int], list[tuple[Option, int]]] = {}
    claims: dict[tuple[int, int], list[Claim]] = {}
    for index, lots in account.positions.items():
        option = context.option(index)
        legs.setdefault((option.market, option.expiry), []).append((option, lots))
    for order in orders:
        option = context.option(order.instrument)
        claim = claim_of(order, option, highest_rate(context, option.market))
        claims.setdefault((option.market, option.expiry), []).append(claim)
    return account.cash + sum(
        least_with_claims(tuple(legs.get(key, ())), tuple(claims.get(key, ())), context.caps[key])
        for key in legs.keys() | claims.keys()
    )
