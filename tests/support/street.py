"""A street of traders, a chain that tells facts, and a model of the exchange to aim by."""

import hashlib
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
    ORDER_ID_END,
    SLOTS,
    U32,
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
WIDE_MARKET = 250
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
_ADDRESSES: dict[str, bytes] = {}


def private_key(name: str) -> coincurve.PrivateKey:
    """The key of somebody, always the same."""
    if name not in _KEYS:
        _KEYS[name] = coincurve.PrivateKey(keccak(name.encode()))
    return _KEYS[name]


def address(name: str) -> bytes:
    """Who that is on chain."""
    found = _ADDRESSES.get(name)
    if found is None:
        found = _ADDRESSES[name] = messages.address_of(private_key(name).public_key)
    return found


def sign(name: str, digest: bytes) -> bytes:
    raw = private_key(name).sign_recoverable(digest, hasher=None)
    return raw[:64] + bytes([raw[64] + 27])


def with_terms(order: Order, **terms: Any) -> Order:
    """The order with some terms changed."""
    return msgspec.structs.replace(order, **terms)


class Scene(msgspec.Struct, frozen=True):
    """What is traded, and how much of it; atoms, lots, strike steps."""

    tick_value: int = TICK_VALUE
    strike_value: int = STRIKE_VALUE
    cap: int = CAP
    strikes: tuple[int, ...] = STRIKES
    spot: int = SPOT
    premium: int = 2000  # atoms that an option costs beside what it is worth now
    spread: int = 5  # ticks about the fair price
    quantities: tuple[int, ...] = (1, 2, 5, 10, 20)
    most: int = 60  # lots of an order
    money: int = 2 * 10**8  # of a deposit
    slots: int = SLOTS_USED
    generations: tuple[int, ...] = (1, 1, 1, 5)  # steps from a slot's last
    reach: int = 1 << 20  # most lots that all one has may buy
    wide_cap: int = 0  # of a market of its own, where few lots are the most that one may hold
    beyond: bool = False  # quantities that no wire carries, to pass what one may hold without it
    weights: tuple[tuple[str, float], ...] = ()  # of actions, where they are not the usual ones


PLAIN = Scene()
BEYOND = Scene(beyond=True)


class Street:
    """Traders, a chain, and a model of the exchange to aim by.

    Parameters
    ----------
    accounts : int
        At first; there will be three times as many at most.
    markets : int
        Beside the wide one, if the scene has one.
    scene : Scene
    signs : bool
        Whether signatures and digests are real; made-up ones are cheaper.
    """

    def __init__(
        self, accounts: int = 8, markets: int = 2, scene: Scene = PLAIN, *, signs: bool = True
    ):
        self.model = Exchange(WINDOWS)
        self.floor = self.model.floor
        self.account_count = accounts
        self.markets = tuple(range(1, markets + 1))
        if scene.wide_cap:
            self.markets += (WIDE_MARKET,)
        self.scene = scene
        self.signs = signs
        self.signers: dict[int, list[str]] = {}  # account -> names of its owner and keys
        self.sent: list[c.Command] = []  # orders, withdrawals, transfers, to send again
        self.facts: list[c.Command] = []  # to tell again
        self._live_at = (-1, 0)
        self._live: list[Instrument] = []

    # --- the chain ------------------------------------------------------------------------------

    @property
    def chain_time(self) -> int:
        """Timestamp of a block that was not told yet."""
        return self.floor.now + 1

    def setup(self) -> Commands:
        told: Commands = [c.ChainBlock(number=1, hash=keccak(b"block 1"), time=START)]
        told.append(c.AccountOpened(account=0, owner=address("owner 0")))
        for market in self.markets:
            name = "WIDE" if market == WIDE_MARKET else NAMES[market - 1]
            told.append(
                c.MarketListed(market, name, self.scene.tick_value, self.scene.strike_value)
            )
            told.append(c.FeesSet(market, 30, -10, 30, -10, active_at=0))
        first = 1
        for market in self.markets:
            for day in range(3):
                listed = self.expiry(market, FIRST_EXPIRY + 24 * day, first)
                first += len(listed) - 1
                told += listed
        for number in range(self.account_count):
            told += self.new_account(number + 2, self.scene.money * (1 + number % 4))
        told += [c.Clock(START + 2), c.OpenBatch()]
        return told

    def expiry(self, market: int, expiry: int, first: int) -> Commands:
        """An expiry and its instruments, numbered from `first`."""
        wide = market == WIDE_MARKET
        cap = self.scene.wide_cap if wide else self.scene.cap
        told: Commands = [c.ExpiryOpened(market, expiry, cap)]
        for number, strike in enumerate(self.scene.strikes[: 1 if wide else None]):
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
        instruments = self.floor.context.instruments
        moment = (self.floor.now, len(instruments))
        if moment != self._live_at:
            every = list(instruments.values())
            self._live_at = moment
            self._live = [i for i in every if moment[0] + WINDOWS.lag < i.expires_at] or every
        return self._live

    def symbol_of(self, instrument: Instrument) -> str:
        name = self.floor.context.markets[instrument.market].name
        return symbol(name, instrument.kind, instrument.expiry, instrument.strike)

    def next_id(self, rng: random.Random, account: int) -> int:
        """A free slot and the next generation, now and then a later one."""
        busy = self.floor.orders.get(account, {})
        used = self.scene.slots
        if used > 100:
            slot = rng.randrange(used)  # mostly free
        else:
            free = [slot for slot in range(2 * used) if slot not in busy]
            slot = rng.choice(free[:used]) if free else rng.randrange(SLOTS)
        seen = self.floor.seen.get(account, {}).get(slot)
        generation = 0
        if seen is not None:
            generation = generation_of(seen[0]) + rng.choice(self.scene.generations)
        return (generation * SLOTS + slot) % ORDER_ID_END

    def fair_tick(self, instrument: Instrument) -> int:
        above = self.scene.spot - instrument.strike
        intrinsic = above if instrument.kind == 0 else -above
        value = max(intrinsic, 0) * self.scene.strike_value + self.scene.premium
        return min(value // self.scene.tick_value, U32)

    def order(self, rng: random.Random, **changed: Any) -> Order:
        """A reasonable order, with some terms changed."""
        account = changed.get("account", rng.choice(sorted(self.signers)))
        instrument = rng.choice(self.live()[: rng.choice((2, 6, 9999))])
        scene = self.scene
        tick = self.fair_tick(instrument) + rng.randint(-scene.spread, scene.spread)
        terms = {
            "account": account,
            "instrument": self.symbol_of(instrument),
            "buy": rng.random() < 0.5,
            "price": min(max(tick, 0), U32) * scene.tick_value,
            "quantity": rng.choice((*scene.quantities, rng.randint(1, scene.most))),
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
        signature, digest = self.seal(order, name)
        made = SignedOrder(order, signature, digest, address(name))
        return c.PlaceOrder(made, rng.choice((SelfTrade.CANCEL_NEWEST, SelfTrade.CANCEL_OLDEST)))

    def seal(self, message: msgspec.Struct, name: str) -> tuple[bytes, bytes]:
        """Signature and digest of a message."""
        if self.signs:
            digest = messages.digest(message, SEPARATOR)
            return sign(name, digest), digest
        digest = hashlib.blake2b(msgspec.msgpack.encode(message), digest_size=32).digest()
        return digest + digest + b"\x1b", digest

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
