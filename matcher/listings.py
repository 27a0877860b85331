"""What the chain has listed: markets, fee rates, expiries, instruments, settlement prices.

Facts are idempotent: the first telling of a write-once fact counts, dated ones only move forward.
A fact that the chain cannot tell raises `ChainError` and changes nothing.
"""

from typing import NamedTuple

from matcher import commands as c
from matcher.errors import ChainError
from matcher.risk import Contract
from matcher.symbols import symbol
from matcher.types import Fees, Instrument, InstrumentKind, Market

NO_FEES = Fees(0, 0, 0, 0, 0)
EXPIRY_END = 1 << 24  # hours


class FixedPrice(NamedTuple):
    """A settlement price, atoms per lot, clamped to the cap, and when the chain fixed it."""

    price: int
    fixed_at: int


class Line:
    """An instrument as the engine trades it.

    Attributes
    ----------
    info : Instrument
    symbol : str
    contract : Contract
        Its terms for margin.
    tick_value : int
        Atoms per tick per lot.
    closes_at : int
        From this time on no order may be placed or stand: expiry minus the chain's lag, seconds.
    """

    __slots__ = ("closes_at", "contract", "index", "info", "symbol", "tick_value")

    def __init__(self, info: Instrument, market: Market, cap: int, lag: int):
        self.index = info.index
        self.info = info
        self.symbol = symbol(market.name, info.kind, info.expiry, info.strike)
        self.contract = Contract(
            info.index,
            (info.market, info.expiry),
            info.kind,
            info.strike * market.strike_value,
            cap,
        )
        self.tick_value = market.tick_value
        self.closes_at = info.expires_at - lag


class Listings:
    """Everything listed so far, by its own key."""

    def __init__(self, lag: int):
        self.lag = lag
        self.markets: dict[int, Market] = {}
        self.fees: dict[int, Fees] = {}
        self.caps: dict[tuple[int, int], int] = {}  # (market, expiry)
        self.prices: dict[tuple[int, int], FixedPrice] = {}
        self.waiting: set[tuple[int, int]] = set()  # whose price has not taken effect
        self.lines: dict[int, Line] = {}
        self.by_symbol: dict[str, int] = {}

    def list_market(self, fact: c.MarketListed) -> None:
        if fact.market not in self.markets:
            self.markets[fact.market] = Market(
                fact.market, fact.name, fact.tick_value, fact.strike_value
            )

    def set_fees(self, fact: c.FeesSet) -> bool:
        """Take new rates; False if this is an old telling."""
        self._market(fact.market, fact)
        known = self.fees.get(fact.market)
        if known is not None and fact.active_at < known.active_at:
            return False
        self.fees[fact.market] = Fees(
            fact.old_taker, fact.old_maker, fact.new_taker, fact.new_maker, fact.active_at
        )
        return True

    def open_expiry(self, fact: c.ExpiryOpened) -> None:
        self._market(fact.market, fact)
        if not 0 <= fact.expiry < EXPIRY_END:
            raise ChainError(f"{fact}: expiry {fact.expiry}, allowed below {EXPIRY_END}")
        self.caps.setdefault((fact.market, fact.expiry), fact.cap)

    def list_instrument(self, fact: c.InstrumentListed) -> Line | None:
        """Take a new instrument; None if it is known."""
        market = self._market(fact.market, fact)
        cap = self._cap(fact.market, fact.expiry, fact)
        if fact.kind not in (InstrumentKind.CALL, InstrumentKind.PUT):
            raise ChainError(f"{fact}: kind {fact.kind}, allowed 0 (call) or 1 (put)")
        if fact.instrument in self.lines:
            return None
        info = Instrument(fact.instrument, fact.market, fact.kind, fact.expiry, fact.strike)
        line = Line(info, market, cap, self.lag)
        self.lines[line.index] = line
        self.by_symbol[line.symbol] = line.index
        return line

    def fix_price(self, fact: c.PriceFixed) -> None:
        self._cap(fact.market, fact.expiry, fact)
        key = (fact.market, fact.expiry)
        if key not in self.prices:
            self.prices[key] = FixedPrice(fact.price, fact.fixed_at)
            self.waiting.add(key)

    def _market(self, market: int, fact: c.Command) -> Market:
        listed = self.markets.get(market)
        if listed is None:
            raise ChainError(f"{fact}: market {market} is not listed")
        return listed

    def _cap(self, market: int, expiry: int, fact: c.Command) -> int:
        cap = self.caps.get((market, expiry))
        if cap is None:
            raise ChainError(f"{fact}: expiry {expiry} of market {market} is not open")
        return cap

    def due_prices(self, built_at: int) -> list[tuple[int, int]]:
        """(market, expiry) whose price takes effect in a batch built then, ascending."""
        return sorted(key for key in self.waiting if self.prices[key].fixed_at < built_at)

    def rates(self, market: int, built_at: int) -> tuple[int, int]:
        """(taker, maker) fee rates of a batch, atoms per lot."""
        return self.fees.get(market, NO_FEES).at(built_at)

    def state_lines(self) -> list[str]:
        """Their part of the state text."""
        out = []
        for _, m in sorted(self.markets.items()):
            f = self.fees.get(m.index, NO_FEES)
            out.append(
                f"market {m.index} {m.name} {m.tick_value} {m.strike_value}"
                f" {f.old_taker} {f.old_maker} {f.new_taker} {f.new_maker} {f.active_at}"
            )
        out += [f"expiry {m} {e} {cap}" for (m, e), cap in sorted(self.caps.items())]
        out += [
            f"price {key[0]} {key[1]} {fixed.price} {fixed.fixed_at} {int(key not in self.waiting)}"
            for key, fixed in sorted(self.prices.items())
        ]
        for _, line in sorted(self.lines.items()):
            i = line.info
            out.append(f"instrument {i.index} {i.market} {i.kind} {i.expiry} {i.strike}")
        return out
