"""A small exchange under test: one market, some accounts, orders placed in one line.

Signatures are not checked by the engine, so messages carry made-up ones.
"""

from collections.abc import Callable
from typing import Any

from matcher import commands as c
from matcher.batch import genesis
from matcher.errors import Reject
from matcher.events import Event, Rejected
from matcher.exchange import Exchange
from matcher.merkle import keccak
from matcher.settlement.batcher import Batch, Batcher
from matcher.types import Order, SignedOrder, Transfer, Windows, Withdrawal

WINDOWS = Windows(challenge=600, answer=60, freeze=900, notice=120, lag=300)
START = 1_774_224_000  # 2026-03-23 00:00 UTC
EXPIRY = START // 3600 + 32  # hours: the next day, 08:00 UTC
DEPLOYED = START - 1000
TICK_VALUE, STRIKE_VALUE, CAP = 10, 1000, 400_000
CALL, PUT, HIGH_CALL = 1, 2, 3  # instruments: strikes 100, 100, 120
SYMBOLS = {CALL: "BTC-24MAR26-100-C", PUT: "BTC-24MAR26-100-P", HIGH_CALL: "BTC-24MAR26-120-C"}
GOOD_TILL = START + 20 * 3600


def owner_of(account: int) -> bytes:
    return bytes([0xAA] * 19 + [account])


def key_of(account: int) -> bytes:
    return bytes([0xBB] * 19 + [account])


class Pit:
    """An exchange with a batcher behind it, and accounts from 2 on with money."""

    def __init__(
        self,
        accounts: int = 4,
        cash: int = 100_000_000,
        max_chunks: int = 100,
        make: Callable[[Windows], Any] = Exchange,
    ):
        self.engine = make(WINDOWS)
        self.batcher = Batcher(genesis(DEPLOYED), WINDOWS, operator=1, max_chunks=max_chunks)
        self.batches: list[Batch] = []
        self.commands: list[c.Command] = []
        self._ids: dict[int, int] = {}
        self.apply(c.Clock(START))
        self.apply(c.MarketListed(1, "BTC", TICK_VALUE, STRIKE_VALUE))
        self.apply(c.ExpiryOpened(1, EXPIRY, CAP))
        for index, kind, strike in ((CALL, 0, 100), (PUT, 1, 100), (HIGH_CALL, 0, 120)):
            self.apply(c.InstrumentListed(index, 1, kind, EXPIRY, strike))
        for account in range(2, 2 + accounts):
            self.open(account, cash)
        self.apply(c.OpenBatch())

    def apply(self, command: c.Command) -> list[Event]:
        self.commands.append(command)
        events = self.engine.apply(command)
        self.batches += self.batcher.add(command, events)
        return events

    def open(self, account: int, cash: int) -> None:
        self.apply(c.AccountOpened(account, owner_of(account)))
        self.apply(c.KeySet(account, key_of(account), START, START + 10**6))
        if cash:
            self.apply(c.Deposited(account, cash, START))

    def reopen(self, seconds: int = 1) -> list[Event]:
        """Close the batch, let time pass, open the next."""
        self.apply(c.CloseBatch())
        self.apply(c.Clock(self.engine.now + seconds))
        return self.apply(c.OpenBatch())

    # --- messages ---------------------------------------------------------------------------------

    def next_id(self, account: int) -> int:
        self._ids[account] = self._ids.get(account, -1) + 1
        return self._ids[account]

    def signed(self, order: Order, signer: bytes | None = None) -> SignedOrder:
        digest = keccak(repr(order).encode())
        return SignedOrder(order, b"\1" * 65, digest, signer or owner_of(order.account))

    def order(
        self, account: int, side: str, price: int, lots: int, instrument: int = CALL, **terms: Any
    ) -> Order:
        """``side`` is ``buy`` or ``sell``; price in atoms per lot."""
        given = {"id": terms.pop("id", None), "expiry": GOOD_TILL, "flags": 0} | terms
        if given["id"] is None:
            given["id"] = self.next_id(account)
        return Order(account, SYMBOLS[instrument], side == "buy", price, lots, **given)

    def place(
        self,
        account: int,
        side: str,
        price: int,
        lots: int,
        *,
        signer: bytes | None = None,
        self_trade: int = 0,
        **terms: Any,
    ) -> list[Event]:
        order = self.order(account, side, price, lots, **terms)
        return self.apply(c.PlaceOrder(self.signed(order, signer), self_trade))

    def withdraw(self, account: int, amount: int, **terms: Any) -> list[Event]:
        signer = terms.pop("signer", owner_of(account))
        given = {"id": terms.pop("id", None), "expiry": GOOD_TILL} | terms
        if given["id"] is None:
            given["id"] = self.next_id(account)
        message = Withdrawal(account, amount, **given)
        return self.apply(
            c.WithdrawRequest(message, b"\2" * 65, keccak(repr(message).encode()), signer)
        )

    def transfer(self, source: int, target: int, amount: int) -> list[Event]:
        message = Transfer(source, target, amount, self.next_id(source), GOOD_TILL)
        digest = keccak(repr(message).encode())
        return self.apply(c.TransferRequest(message, b"\3" * 65, digest, owner_of(source)))


def names(events: list[Event]) -> list[str]:
    """What happened, by name."""
    return [type(event).__name__ for event in events]


def refusal(events: list[Event]) -> tuple[Reject, str]:
    """Code and field of a refused command."""
    (event,) = events
    assert isinstance(event, Rejected)
    return event.code, event.field
