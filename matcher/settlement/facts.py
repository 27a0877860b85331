"""What the chain says, as far as op words are judged by it."""

import msgspec

from matcher import commands as c
from matcher.errors import ChainError
from matcher.kernel.settlement_layout import MARKETS
from matcher.kernel.terms import Terms
from matcher.listings import Listings
from matcher.types import FEE_ACCOUNT


class Facts:
    """What the chain says, as far as ops are judged by it. Fed with the follower's commands.

    Attributes
    ----------
    terms : Terms
        The same in flat memory, where the ledger's kernel reads it.
    """

    def __init__(self, lag: int):
        self.listings = Listings(lag)
        self.terms = Terms()
        self.terms.open_account(FEE_ACCOUNT)
        self.owners: dict[int, bytes] = {FEE_ACCOUNT: bytes(20)}  # of the accounts opened
        self.orders_until: dict[int, int] = {}  # seconds; none: forever
        self.keys: dict[tuple[int, bytes], tuple[int, int]] = {}  # valid from, valid until

    def observe(self, command: c.Command) -> None:
        """Take in a command if it is such a fact.

        Raises
        ------
        ChainError
            For a fact that the chain cannot tell. Nothing has changed then.
        """
        match command:
            case c.MarketListed():
                if not 0 <= command.market < MARKETS:
                    raise ChainError(f"{command}: market, allowed 0 to {MARKETS - 1}")
                self.listings.list_market(command)
            case c.FeesSet():
                if self.listings.set_fees(command):
                    fees = self.listings.fees[command.market]
                    old, new = (fees.old_taker, fees.old_maker), (fees.new_taker, fees.new_maker)
                    self.terms.set_rates(command.market, old, new, fees.active_at)
            case c.ExpiryOpened():
                self.listings.open_expiry(command)
                self.terms.open_expiry(command.market, command.expiry, command.cap)
            case c.InstrumentListed():
                self._list_instrument(command)
            case c.PriceFixed():
                self.listings.fix_price(command)
                self.terms.fix_price(
                    command.market, command.expiry, command.price, command.fixed_at
                )
            case c.AccountOpened():
                self.owners.setdefault(command.account, command.owner)
                self.terms.open_account(command.account)
            case c.Deposited():
                self.terms.deposit(command.account, command.deposited)
            case c.Asked():
                self.terms.ask(command.account, command.asks)
            case c.OrdersUntilSet() if command.until:
                known = self.orders_until.get(command.account, command.until)
                self.orders_until[command.account] = min(known, command.until)
            case c.KeySet():
                key = (command.account, command.key)
                start, end = self.keys.get(key, (command.valid_from, command.valid_until))
                self.keys[key] = (start, min(end, command.valid_until))
            case _:
                pass

    def _list_instrument(self, fact: c.InstrumentListed) -> None:
        market = self.listings.markets.get(fact.market)
        cap = self.listings.caps.get((fact.market, fact.expiry))
        if market is not None and cap is not None and fact.strike * market.strike_value > cap:
            raise ChainError(
                f"{fact}: strike {fact.strike}, allowed at most the cap of {cap} atoms"
            )
        line = self.listings.list_instrument(fact)
        if line is None:
            return
        self.terms.list_instrument(
            fact.instrument,
            line.symbol,
            market=fact.market,
            expiry=fact.expiry,
            call=line.contract.call,
            strike=line.contract.strike,
            tick_value=line.tick_value,
            closes_at=line.closes_at,
        )

    # --- snapshots -------------------------------------------------------------------------------

    def dump(self) -> bytes:
        """The facts, as commands that tell them."""
        listings, terms = self.listings, self.terms
        known: list[c.AnyCommand] = [
            c.MarketListed(m.index, m.name, m.tick_value, m.strike_value)
            for m in listings.markets.values()
        ]
        known += [
            c.FeesSet(market, f.old_taker, f.old_maker, f.new_taker, f.new_maker, f.active_at)
            for market, f in listings.fees.items()
        ]
        known += [c.ExpiryOpened(*key, cap) for key, cap in listings.caps.items()]
        known += [
            c.InstrumentListed(i.index, i.market, i.kind, i.expiry, i.strike)
            for i in (line.info for line in listings.lines.values())
        ]
        known += [c.PriceFixed(*key, *price) for key, price in listings.prices.items()]
        known += [c.AccountOpened(*pair) for pair in self.owners.items() if any(pair)]
        known += [c.Deposited(account, total, 0) for account, total in terms.all("deposited")]
        known += [c.Asked(account, asks, 0) for account, asks in terms.all("asks")]
        known += [c.OrdersUntilSet(*pair) for pair in self.orders_until.items()]
        known += [c.KeySet(*key, *life) for key, life in self.keys.items()]
        return msgspec.msgpack.encode(known)

    def load(self, told: bytes) -> None:
        """Take over what `dump` gave; nothing was told yet."""
        for command in msgspec.msgpack.decode(told, type=list[c.AnyCommand]):
            self.observe(command)

    # --- judging ---------------------------------------------------------------------------------

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
