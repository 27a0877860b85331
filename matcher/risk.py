"""Payoffs, fees and margin rule 0 from scratch (protocol, sections 4 and 5)."""

from collections.abc import Iterable, Mapping
from typing import Final

from matcher.types import InstrumentKind

FEE_DIVISOR: Final = 8  # a fee is at most an eighth of the notional


class Contract:
    """What margin needs to know of an instrument.

    Attributes
    ----------
    key : (int, int)
        (market, expiry in hours): one settlement price.
    strike, cap : int
        Atoms per lot.
    """

    __slots__ = ("call", "cap", "index", "key", "strike")

    def __init__(self, index: int, key: tuple[int, int], kind: int, strike: int, cap: int):
        self.index = index
        self.key = key
        self.call = kind == InstrumentKind.CALL
        self.strike = strike
        self.cap = cap

    def payoff(self, price: int) -> int:
        """Atoms per lot at a settlement price of at most the cap."""
        return max(price - self.strike, 0) if self.call else max(self.strike - price, 0)

    @property
    def most(self) -> int:
        """Atoms per lot at the settlement price at which it pays most."""
        return self.payoff(self.cap if self.call else 0)


def fee(rate: int, lots: int, notional: int) -> int:
    """Fee of one side of a fill, atoms; negative is a rebate (section 5)."""
    if rate >= 0:
        return min(lots * rate, notional // FEE_DIVISOR)
    return -min(lots * -rate, notional // FEE_DIVISOR)


def worst(
    cash: int,
    positions: Iterable[tuple[Contract, int]],
    fixed: Mapping[tuple[int, int], int],
) -> int:
    """The least an account is worth, from scratch, atoms.

    Parameters
    ----------
    cash : int
    positions : iterable of (Contract, lots)
    fixed : mapping
        (market, expiry) to the settlement price, clamped, of those that count as fixed.
    """
    legs: dict[tuple[int, int], list[tuple[Contract, int]]] = {}
    for contract, lots in positions:
        legs.setdefault(contract.key, []).append((contract, lots))
    total = cash
    for key, group in legs.items():
        if key in fixed:
            prices = {fixed[key]}
        else:
            cap = group[0][0].cap
            prices = {0, cap, *(min(contract.strike, cap) for contract, _ in group)}
        total += min(
            sum(lots * contract.payoff(price) for contract, lots in group) for price in prices
        )
    return total
