"""The honest part: three traders, a few trades, and what each of them is worth by the rules.

What they earn is added up here from prices and fees alone, so that the end has something to be
compared with that no contract and no exchange computed.
"""

import random
from dataclasses import dataclass, field
from typing import Final

from demo.stage import Trader, World
from demo.steps import (
    ExpiryPlan,
    Flow,
    InstrumentPlan,
    Listing,
    MarketPlan,
    Style,
    TraderPlan,
)
from matcher.client import Client
from matcher.errors import InvariantBroken
from matcher.types import InstrumentKind, OrderFlag

DOLLAR: Final = 1_000_000  # atoms
HONEST: Final = ("ann", "bob", "cyd")
THIEF: Final = "mal"  # a friend of every operator
STRAW: Final = "moe"  # and another
DEPOSIT: Final = 20_000 * DOLLAR
LITTLE: Final = 500 * DOLLAR
TICK: Final = 10_000  # atoms: a cent per lot
STRIKES: Final = (90_000, 100_000, 110_000)
CAP: Final = 2_000 * DOLLAR  # a lot is 0.01 BTC
SETTLES_AT: Final = 1_018 * DOLLAR
TAKER_FEE: Final = 30_000
MAKER_FEE: Final = -10_000
# What a call and a put of each strike trade around, atoms per lot.
FAIR: Final = ((120, 20), (60, 60), (25, 110))
SPREAD: Final = 500  # ticks to either side, at most
LOTS: Final = 4
DURATION: Final = 4 * 3600 * 1000  # milliseconds of the chain that the lies take, at most


def story(name: str) -> Flow:
    """What is listed, and who trades."""
    kinds = (InstrumentKind.CALL, InstrumentKind.PUT)
    return Flow(
        name=name,
        traders=(
            *(TraderPlan(trader, Style.TAKER, DEPOSIT) for trader in HONEST),
            TraderPlan(THIEF, Style.TAKER, LITTLE),
            TraderPlan(STRAW, Style.TAKER, LITTLE),
        ),
        listing=Listing(
            markets=(MarketPlan("BTC", TICK, TICK, TAKER_FEE, MAKER_FEE, SETTLES_AT),),
            expiries=(ExpiryPlan(0, 1, CAP),),
            instruments=tuple(
                InstrumentPlan(0, int(kind), strike) for strike in STRIKES for kind in kinds
            ),
        ),
        steps=(),
        duration=DURATION,
    )


@dataclass
class Purse:
    """What a trader is worth by the rules of fees and payoffs alone."""

    cash: int  # atoms
    lots: dict[int, int] = field(default_factory=dict)  # by place of the instrument

    def at_settlement(self) -> int:
        """Atoms, once everything settled."""
        return self.cash + sum(lots * payoff(place) for place, lots in self.lots.items())


def payoff(place: int) -> int:
    """Atoms that a lot of an instrument pays."""
    strike = STRIKES[place // 2] * TICK
    gain = SETTLES_AT - strike if place % 2 == InstrumentKind.CALL else strike - SETTLES_AT
    return max(0, gain)


class Trading:
    """Trades at a gateway, and keeps the purses.

    Parameters
    ----------
    world : World
    seed : int
    """

    def __init__(self, world: World, seed: int):
        self._world = world
        self._random = random.Random(seed)
        self.purses = {trader.name: Purse(_deposit(trader.name)) for trader in world.traders}
        self.fees = 0  # atoms, of account 0

    def trade(self, url: str) -> str:
        """One trade between two of the honest; what was done, for people.

        Raises
        ------
        InvariantBroken
            If the order was not filled whole.
        """
        draw = self._random
        maker, taker = draw.sample([t for t in self._world.traders if t.name in HONEST], 2)
        place, lots = draw.randrange(len(self._world.symbols)), draw.randint(1, LOTS)
        fair = FAIR[place // 2][place % 2] * DOLLAR
        price = fair + TICK * draw.randint(-SPREAD, SPREAD)
        buys = draw.random() < 0.5  # the taker
        symbol = self._world.symbols[place]
        with _client(url, maker) as quoting, _client(url, taker) as taking:
            quoting.place(symbol, not buys, price, lots)
            answer = taking.place(symbol, buys, price, lots, flags=OrderFlag.IOC)
        filled = int(answer["order"]["filled"])
        if filled != lots:
            raise InvariantBroken(f"{taker.name}: {filled} of {lots} lots of {symbol} were filled")
        self._book(taker, maker, place, price, lots if buys else -lots)
        verb = "buys" if buys else "sells"
        other = "of" if buys else "to"
        return f"{taker.name} {verb} {lots} {symbol} {other} {maker.name} at {price / DOLLAR:.2f}"

    def _book(self, taker: Trader, maker: Trader, place: int, price: int, bought: int) -> None:
        """Move lots and money; ``bought`` is below 0 where the taker sold."""
        notional = price * abs(bought)
        for trader, lots, rate in ((taker, bought, TAKER_FEE), (maker, -bought, MAKER_FEE)):
            fee = abs(rate) * abs(lots)
            fee = min(fee, notional // 8) if rate >= 0 else -min(fee, notional // 8)
            purse = self.purses[trader.name]
            purse.cash -= price * lots + fee
            purse.lots[place] = purse.lots.get(place, 0) + lots
            self.fees += fee

    def withdraw(self, url: str, trader: Trader) -> int:
        """Let out everything that is free, atoms."""
        with _client(url, trader) as client:
            free = int(client.balances()["free"])
            client.withdraw(free)
        return free


def _deposit(name: str) -> int:
    return DEPOSIT if name in HONEST else LITTLE


def _client(url: str, trader: Trader) -> Client:
    return Client(url, bytes(trader.signer.key), trader.account)
