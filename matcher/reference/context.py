"""What a batch is judged by: its builtAt, and what the chain says (section 5)."""

from dataclasses import dataclass, field
from functools import cache

from matcher.reference.margin import Option, worst
from matcher.types import Fees, Instrument, Market


@dataclass
class Context:
    """Facts of the chain, as a prover reads them.

    Everything is judged at `built_at`, but CREDIT and RELEASE by the counters as they stand now:
    counters only grow, so what was right stays right.
    """

    built_at: int  # seconds
    lag: int  # seconds
    markets: dict[int, Market] = field(default_factory=dict)
    fees: dict[int, Fees] = field(default_factory=dict)  # by market
    instruments: dict[int, Instrument] = field(default_factory=dict)
    caps: dict[tuple[int, int], int] = field(
        default_factory=dict
    )  # (market, expiry): atoms per lot
    prices: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)  # price, fixed_at
    opened: set[int] = field(default_factory=lambda: {0})
    deposited: dict[int, int] = field(default_factory=dict)  # atoms, all ever
    asks: dict[int, int] = field(default_factory=dict)  # all ever

    def fixed(self) -> dict[tuple[int, int], int]:
        """Prices that count: those fixed before builtAt."""
        return {key: price for key, (price, at) in self.prices.items() if at < self.built_at}

    def expiry_of(self, index: int) -> tuple[int, int]:
        """(market, expiry) of an instrument."""
        listed = self.instruments[index]
        return listed.market, listed.expiry

    def option(self, index: int) -> Option:
        """An instrument as margin sees it."""
        listed = self.instruments[index]
        return option_of(listed, self.markets[listed.market].strike_value)

    def worst(self, cash: int, positions: dict[int, int]) -> int:
        """The least that this cash and these positions are worth, atoms.

        What is not listed is worth nothing: only a lie leaves a position in it behind.
        """
        listed = [index for index in positions if index in self.instruments]
        legs = [(self.option(index), positions[index]) for index in listed]
        return worst(cash, legs, self.caps, self.fixed())


@cache
def option_of(listed: Instrument, strike_value: int) -> Option:
    """An instrument of a market with this strike value, as margin sees it."""
    return Option(listed.market, listed.expiry, listed.kind, listed.strike * strike_value)
