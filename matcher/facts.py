"""What the chain says, as far as op words are judged by it."""

from matcher import commands as c
from matcher.listings import Listings
from matcher.risk import Contract, worst
from matcher.types import FEE_ACCOUNT


class Facts:
    """What the chain says, as far as ops are judged by it. Fed with the follower's commands."""

    def __init__(self, lag: int):
        self.listings = Listings(lag)
        self.opened: set[int] = {FEE_ACCOUNT}
        self.deposited: dict[int, int] = {}
        self.asks: dict[int, int] = {}

    def observe(self, command: c.Command) -> None:
        """Take in a command if it is such a fact."""
        match command:
            case c.MarketListed():
                self.listings.list_market(command)
            case c.FeesSet():
                self.listings.set_fees(command)
            case c.ExpiryOpened():
                self.listings.open_expiry(command)
            case c.InstrumentListed():
                self.listings.list_instrument(command)
            case c.PriceFixed():
                self.listings.fix_price(command)
            case c.AccountOpened():
                self.opened.add(command.account)
            case c.Deposited():
                known = self.deposited.get(command.account, 0)
                self.deposited[command.account] = max(known, command.deposited)
            case c.Asked():
                self.asks[command.account] = max(self.asks.get(command.account, 0), command.asks)
            case _:
                pass

    def price(self, key: tuple[int, int], built_at: int) -> int | None:
        """The settlement price of (market, expiry) that counts in a batch, clamped to the cap."""
        fixed = self.listings.prices.get(key)
        if fixed is None or fixed.fixed_at >= built_at:
            return None
        return min(fixed.price, self.listings.caps[key])

    def worst(self, cash: int, positions: dict[int, int], built_at: int) -> int:
        """The least that cash and positions are worth in a batch, atoms."""
        legs: list[tuple[Contract, int]] = []
        fixed: dict[tuple[int, int], int] = {}
        for index, lots in positions.items():
            contract = self.listings.lines[index].contract
            legs.append((contract, lots))
            price = self.price(contract.key, built_at)
            if price is not None:
                fixed[contract.key] = price
        return worst(cash, legs, fixed)
