"""A street of traders, a chain that tells facts, and a model of the exchange to aim by."""

import random
from typing import Any

import coincurve
import msgspec

from matcher import commands as c
from matcher.reference import messages
from matcher.reference.book import OpenOrder
from matcher.reference.exchange import Exchange
from matcher.reference.leaf import generation_of
from matcher.reference.symbols import symbol
from matcher.reference.tree import keccak
from matcher.types import (
    SLOTS,
    Instrument,
    Order,
    OrderFlag,
    SelfTrade,
    SignedOrder,
    Windows,
)

WINDOWS = Windows(challenge=600, answer=60, freeze=900, notice=120, lag=300)
CHAIN_ID = 31337
REGISTRY = bytes.fromhex("5fbdb2315678afecb367f032d93f642f64180aa3")
SEPARATOR = messages.domain_separator(CHAIN_ID, REGISTRY)
START = 1_774_224_000  # 2026-03-23 00:00 UTC
FIRST_EXPIRY = START // 3600 + 8
TICK_VALUE, STRIKE_VALUE, CAP = 10, 1000, 400_000  # atoms; a lot settles at most at 0.4 tokens
NAMES = ("BTC", "ETH", "SOL", "XRP", "ADA", "DOT", "LTC")  # of markets
STRIKES = (0, 80, 95, 100, 105, 120)
SPOT = 100  # strike steps
SLOTS_USED = 24  # of an account, so that generations are reached
FAR_SLOTS = 100  # where those begin that no other order uses
FLAGS = (
    *([OrderFlag(0)] * 24),
    *([OrderFlag.IOC] * 2),
    *([OrderFlag.FOK] * 2),
    *([OrderFlag.POST_ONLY] * 2),
    OrderFlag.REDUCE_ONLY,
    OrderFlag.REDUCE_ONLY | OrderFlag.IOC,
    OrderFlag.REDUCE_ONLY | OrderFlag.FOK,
    OrderFlag.REDUCE_ONLY | OrderFlag.POST_ONLY,
)
Commands = list[c.Command]

_KEYS: dict[str, coincurve.PrivateKey] = {}


def private_key(name: str) -> coincurve.PrivateKey:
    """The key of somebody, always the same."""
    if name not in _KEYS:
        _KEYS[name] = coincurve.PrivateKey(keccak(name.encode()))
    return _KEYS[name]


def address(name: str) -> bytes:
    return messages.address_of(private_key(name).public_key)


def sign(name: str, digest: bytes) -> bytes:
    raw = private_key(name).sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


def with_terms(order: Order, **terms: Any) -> Order:
    """The order with some terms changed."""
    return msgspec.structs.replace(order, **terms)


class Street:
    """Traders, a chain, and a model of the exchange to aim by."""

    def __init__(self, accounts: int = 8, markets: int = 2):
        self.model = Exchange(WINDOWS)
        self.floor = self.model.floor
        self.account_count = accounts
        self.markets = range(1, markets + 1)
        self.signers: dict[int, list[str]] = {}  # account -> names of its owner and keys
        self.sent: list[c.Command] = []  # orders, withdrawals, transfers, to send again
        self.facts: list[c.Command] = []  # to tell again

    # --- the chain ------------------------------------------------------------------------------

    @property
    def chain_time(self) -> int:
        """Timestamp of a block that was not told yet."""
        return self.floor.now + 1

    def setup(self) -> Commands:
        told: Commands = [c.ChainBlock(number=1, hash=keccak(b"block 1"), time=START)]
        told.append(c.AccountOpened(account=0, owner=address("owner 0")))
        for market, name in zip(self.markets, NAMES, strict=False):
            told.append(c.MarketListed(market, name, TICK_VALUE, STRIKE_VALUE))
            told.append(c.FeesSet(market, 30, -10, 30, -10, active_at=0))
        first = 1
        for market in self.markets:
            for day in range(3):
                listed = self.expiry(market, FIRST_EXPIRY + 24 * day, first)
                first += len(listed) - 1
                told += listed
        for number in range(self.account_count):
            told += self.new_account(number + 2, 200_000_000 * (1 + number % 4))
        told += [c.Clock(START + 2), c.OpenBatch()]
        return told

    def expiry(self, market: int, expiry: int, first: int) -> Commands:
        """An expiry and its instruments, numbered from `first`."""
        told: Commands = [c.ExpiryOpened(market, expiry, CAP)]
        for number, strike in enumerate(STRIKES):
            for kind in (0, 1):
                told.append(
                    c.InstrumentListed(first + 2 * number + kind, market, kind, expiry, strike)
                )
        return told

    def new_account(self, account: int, amount: int) -> Commands:
        owner, key = f"owner {account % 5}", f"key {account}"
        self.signers[account] = [owner, key]
        return [
            c.AccountOpened(account=account, owner=address(owner)),
            c.Deposited(account=account, deposited=amount, at=self.chain_time),
            c.KeySet(account, address(key), self.chain_time, self.chain_time + 10**8),
        ]

    # --- traders --------------------------------------------------------------------------------

    def live(self) -> list[Instrument]:
        """Instruments that may be traded now; all of them if there is none."""
        every = list(self.floor.context.instruments.values())
        open_ = [i for i in every if self.floor.now + WINDOWS.lag < i.expires_at]
        return open_ or every

    def symbol_of(self, instrument: Instrument) -> str:
        name = self.floor.context.markets[instrument.market].name
        return symbol(name, instrument.kind, instrument.expiry, instrument.strike)

    def next_id(self, rng: random.Random, account: int) -> int:
        """A free slot and the next generation, now and then a later one."""
        busy = self.floor.orders.get(account, {})
        free = [slot for slot in range(2 * SLOTS_USED) if slot not in busy]
        slot = rng.choice(free[:SLOTS_USED]) if free else rng.randrange(SLOTS)
        seen = self.floor.seen.get(account, {}).get(slot)
        generation = 0 if seen is None else generation_of(seen[0]) + rng.choice((1, 1, 1, 5))
        return generation * SLOTS + slot

    def fair_tick(self, instrument: Instrument) -> int:
        intrinsic = SPOT - instrument.strike if instrument.kind == 0 else instrument.strike - SPOT
        return (max(intrinsic, 0) * STRIKE_VALUE + 2000) // TICK_VALUE

    def order(self, rng: random.Random, **changed: Any) -> Order:
        """A reasonable order, with some terms changed."""
        account = changed.get("account", rng.choice(sorted(self.signers)))
        instrument = rng.choice(self.live()[: rng.choice((2, 6, 9999))])
        tick = max(0, self.fair_tick(instrument) + rng.randint(-5, 5))
        terms = {
            "account": account,
            "instrument": self.symbol_of(instrument),
            "buy": rng.random() < 0.5,
            "price": tick * TICK_VALUE,
            "quantity": rng.choice((1, 2, 5, 10, 20, rng.randint(1, 60))),
            "id": self.next_id(rng, account),
            "expiry": self.floor.now + rng.choice((10, 100, 5000, 10**6, 10**6, 10**6)),
            "flags": int(rng.choice(FLAGS)),
        }
        order = Order(**{**terms, **changed})
        if order.flags & OrderFlag.REDUCE_ONLY and "flags" not in changed:
            index = self.floor.symbols[order.instrument]
            position = self.floor.account(account).positions.get(index, 0)
            order = with_terms(order, buy=position < 0)
        return order

    def signed(self, rng: random.Random, order: Order, by: str | None = None) -> c.PlaceOrder:
        name = by or self.signer_of(rng, order.account)
        digest = messages.digest(order, SEPARATOR)
        made = SignedOrder(order, sign(name, digest), digest, address(name))
        return c.PlaceOrder(made, rng.choice((SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_OLDEST)))

    def an_open_order(self, rng: random.Random) -> OpenOrder | None:
        orders = self.floor.open_orders()
        return rng.choice(orders) if orders else None

    def signer_of(self, rng: random.Random, account: int) -> str:
        """The owner or a key; mostly one that may sign now."""
        names = self.signers.get(account, ["stranger"])
        able = [name for name in names if self.may_sign(account, address(name))]
        return rng.choice(able if able and rng.random() < 0.97 else names)

    def may_sign(self, account: int, signer: bytes) -> bool:
        if signer == self.floor.owners.get(account):
            return self.floor.orders_until.get(account, 1 << 40) >= self.floor.now
        start, end = self.floor.keys.get(account, {}).get(signer, (0, -1))
        return start <= self.floor.context.built_at and end >= self.floor.now
