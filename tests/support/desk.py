"""A small exchange to place orders in: one market, a few instruments, four traders."""

import itertools

from matcher import commands as c
from matcher.errors import Reject
from matcher.events import Event, Op, OrderCanceled, Rejected, Trade
from matcher.reference.exchange import Exchange
from matcher.reference.symbols import symbol
from matcher.reference.tree import keccak
from matcher.types import (
    Order,
    SelfTrade,
    SignedOrder,
    Transfer,
    Windows,
    Withdrawal,
)

NOW = 1_774_224_000  # 2026-03-23 00:00 UTC
EXPIRY = NOW // 3600 + 8 + 24
WINDOWS = Windows(challenge=600, answer=60, freeze=900, notice=120, lag=300)
CAP = 100_000
CALL, PUT, FREE = 1, 2, 3  # strikes 50,000, 50,000 and 0


def who(name: str) -> bytes:
    """An address."""
    return keccak(name.encode())[:20]


class Desk:
    """An exchange and the shortest way to tell it things."""

    def __init__(self) -> None:
        self.exchange = Exchange(WINDOWS)
        self.ids = itertools.count(1)
        self.owners = {account: who(f"owner {account}") for account in (2, 3, 4, 5)}
        self.tell(
            c.Clock(NOW),
            c.MarketListed(1, "BTC", 10, 1000),
            c.ExpiryOpened(1, EXPIRY, CAP),
            c.InstrumentListed(CALL, 1, 0, EXPIRY, 50),
            c.InstrumentListed(PUT, 1, 1, EXPIRY, 50),
            c.InstrumentListed(FREE, 1, 0, EXPIRY, 0),
            *(c.AccountOpened(account, owner) for account, owner in self.owners.items()),
            *(c.Deposited(account, 1_000_000, NOW) for account in self.owners),
            c.OpenBatch(),
        )

    @property
    def floor(self):
        return self.exchange.floor

    def tell(self, *commands: c.Command) -> list[Event]:
        """Apply commands; the events of the last. Checks the exchange after each."""
        events: list[Event] = []
        for command in commands:
            events = self.exchange.apply(command)
            self.exchange.check()
        return events

    def order(self, account: int, side: str, lots: int, price: int, **terms) -> c.PlaceOrder:
        """An order for the call (or `on` another), signed by its owner (or `by` another)."""
        option = self.floor.context.instruments[terms.pop("on", CALL)]
        by = terms.pop("by", self.owners.get(account, who("stranger")))
        self_trade = terms.pop("self_trade", SelfTrade.CANCEL_NEWEST)
        text = symbol("BTC", option.kind, option.expiry, option.strike)
        fields = {
            "account": account,
            "instrument": text,
            "buy": side == "buy",
            "price": price,
            "quantity": lots,
            "id": terms.get("id", next(self.ids)),
            "expiry": NOW + 10_000_000,
            "flags": 0,
        }
        order = Order(**{**fields, **terms})
        digest = keccak(repr(order).encode())
        return c.PlaceOrder(SignedOrder(order, bytes(65), digest, by), self_trade)

    def place(self, account: int, side: str, lots: int, price: int, **terms) -> list[Event]:
        return self.tell(self.order(account, side, lots, price, **terms))

    def withdraw(self, account: int, amount: int, message_id: int, **changed) -> list[Event]:
        message = Withdrawal(account, amount, message_id, changed.get("expiry", NOW + 1000))
        digest = keccak(repr(message).encode())
        signer = changed.get("by", self.owners.get(account, who("stranger")))
        return self.tell(c.WithdrawRequest(message, bytes(65), digest, signer))

    def transfer(
        self, source: int, target: int, amount: int, message_id: int, **changed
    ) -> list[Event]:
        message = Transfer(source, target, amount, message_id, changed.get("expiry", NOW + 1000))
        digest = keccak(repr(message).encode())
        signer = changed.get("by", self.owners.get(source, who("stranger")))
        return self.tell(c.TransferRequest(message, bytes(65), digest, signer))

    def cash(self, account: int) -> int:
        return self.floor.account(account).cash

    def lots(self, account: int, instrument: int = CALL) -> int:
        return self.floor.account(account).positions.get(instrument, 0)


def refusal(events: list[Event]) -> tuple[Reject, str] | None:
    """(code, field) if the one event is a reject."""
    if len(events) == 1 and isinstance(events[0], Rejected):
        return Reject(events[0].code), events[0].field
    return None


def names(events: list[Event]) -> list[str]:
    """Kinds of the events."""
    return [type(event).__name__ for event in events]


def trades(events: list[Event]) -> list[tuple[int, int, int]]:
    """(maker, lots, tick) of each fill."""
    return [(e.maker, e.lots, e.tick) for e in events if isinstance(e, Trade)]


def cancels(events: list[Event]) -> list[tuple[int, str]]:
    """(account, reason) of each order that left."""
    return [(e.account, e.reason.name) for e in events if isinstance(e, OrderCanceled)]


def words(events: list[Event]) -> list[bytes]:
    return [event.word for event in events if isinstance(event, Op)]
