"""Payoffs (section 4) and the margin of rule 0 (section 5): everything fully collateralized."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import NamedTuple

from matcher.types import InstrumentKind

REMEMBERED = 1 << 14  # sums that were found lately: most accounts stay as they were


class Option(NamedTuple):
    """One instrument as margin sees it. `strike` in atoms per lot: steps times strikeValue."""

    market: int
    expiry: int  # hours since the epoch
    kind: int  # InstrumentKind
    strike: int  # K, atoms per lot


def payoff(kind: int, strike: int, price: int, cap: int) -> int:
    """Atoms that one lot pays when its expiry settles at `price`."""
    settled = min(price, cap)
    if kind == InstrumentKind.CALL:
        return max(settled - strike, 0)
    return max(strike - settled, 0)


def value(legs: Iterable[tuple[Option, int]], price: int, cap: int) -> int:
    """Atoms that (option, lots) of one expiry pay together."""
    return sum(payoff(option.kind, option.strike, price, cap) * lots for option, lots in legs)


@lru_cache(REMEMBERED)
def least_value(legs: Sequence[tuple[Option, int]], cap: int) -> int:
    """The least that (option, lots) of one expiry can pay together, over all prices in [0, cap].

    Their sum is piecewise linear in the price and bends only at strikes, so the minimum lies at 0,
    at the cap, or at a strike.
    """
    corners = {0, cap} | {option.strike for option, _ in legs}
    return min(value(legs, price, cap) for price in corners)


def worst(
    cash: int,
    legs: Iterable[tuple[Option, int]],
    caps: dict[tuple[int, int], int],
    fixed: dict[tuple[int, int], int],
) -> int:
    """The least an account is worth, atoms.

    Parameters
    ----------
    cash : int
        Atoms, may be negative.
    legs : iterable of (Option, lots)
        All positions.
    caps : dict
        (market, expiry) -> cap, atoms per lot.
    fixed : dict
        (market, expiry) -> price, of those whose price counts: fixed before builtAt.
    """
    by_expiry: dict[tuple[int, int], list[tuple[Option, int]]] = {}
    for option, lots in legs:
        by_expiry.setdefault((option.market, option.expiry), []).append((option, lots))
    total = cash
    for key, group in by_expiry.items():
        if key in fixed:
            total += value(group, fixed[key], caps[key])
        else:
            total += least_value(tuple(group), caps[key])
    return total
