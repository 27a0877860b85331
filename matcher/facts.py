"""What the chain says, as far as op words are judged by it."""

from matcher import commands as c
from matcher.listings import Listings
from matcher.risk import Contract, worst
from matcher.types import FEE_ACCOUNT


class Facts:
    """What the chain says, as far as ops are judged by it. Fed with the follower's commands."""

    def __init__(self, lag: int):
        self.listings = Listings(lag)
        self.owners: dict[int, bytes] = {FEE_ACCOUNT: bytes(20)}  # of the accounts opened
        self.orders_until: dict[int, int] = {}  # seconds; none: forever
        self.keys: dict[tuple[int, bytes], tuple[int, int]] = {}  # valid from, valid until
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
                self.owners.setdefault(command.account, command.owner)
            case c.Deposited():
                known = self.deposited.get(command.account, 0)
                self.deposited[command.account] = max(known, command.deposited)
            case c.Asked():
                self.asks[command.account] = max(self.asks.get(command.account, 0), command.asks)
            case c.OrdersUntilSet() if command.until:
                known = self.orders_until.get(command.account, command.until)
                self.orders_until[command.account] = min(known, command.until)
            case c.KeySet():
                key = (command.account, command.key)
                start, end = self.keys.get(key, (command.valid_from, command.valid_until))
                self.keys[key] = (start, min(end, command.valid_until))
            case _:
                pass

    def signer_fault(self, account: int, signer: bytes, built_at: int) -> str:
        """Why an order of this signer is not valid in a batch; empty if it is (section 7)."""
        if signer == self.owners.get(account):
            until = self.orders_until.get(account, built_at)
            return f"its owner's orders ended at {until}" if until < built_at else ""
        life = self.keys.get((account, signer))
        if life is None:
            return f"0x{signer.hex()} is no key"
        if not life[0] <= built_at <= life[1]:
            return f"key 0x{signer.hex()} is valid from {life[0]} to {life[1]}"
        return ""

    def price(self, key: tuple[int, int], built_at: int) -> int | None:
        """The settlement price of (market, expiry) that counts in a batch, clamped to the cap."""
        fixed = self.listings.prices.get(key)
        if fixed is None or fixed.fixed_at >= built_at:
            return None
        return min(fixed.price, self.listings.caps[key])

    def floor(self, cash: int, positions: dict[int, int]) -> int:
        """What `worst` is never below, atoms: all that was sold pays its most, the rest nothing."""
        lines = self.listings.lines
        return cash + sum(
            lots * lines[index].contract.most for index, lots in positions.items() if lots < 0
        )

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
