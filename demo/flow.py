"""A deterministic order flow over a small options chain.

Some twenty traders of five styles trade calls and puts around a slowly moving fair value. The same
seed gives the same steps on every machine and in every version of Python: integers only, and a
random generator of our own (SplitMix64, twelve lines).
"""

from typing import Final

from demo.steps import (
    Action,
    Amend,
    Cancel,
    CancelAll,
    ExpiryPlan,
    Flow,
    InstrumentPlan,
    Listing,
    MarketPlan,
    Place,
    Spoil,
    Step,
    Style,
    TraderPlan,
)
from matcher.types import U64, InstrumentKind, OrderFlag

DOLLAR: Final = 1_000_000  # atoms


def mix(value: int) -> int:
    """The finalizer of SplitMix64: 64 well-mixed bits of an integer."""
    z = value & U64
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & U64
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB & U64
    return z ^ (z >> 31)


class Dice:
    """SplitMix64: 64 random bits a call, determined by the seed."""

    def __init__(self, seed: int):
        self._state = seed & U64

    def bits(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & U64
        return mix(self._state)

    def below(self, end: int) -> int:
        """An integer of [0, end); the bias of the remainder is below 2^-40 for ends used here."""
        return self.bits() % end

    def within(self, low: int, high: int) -> int:
        """An integer of [low, high]."""
        return low + self.below(high - low + 1)

    def chance(self, percent: int) -> bool:
        return self.below(100) < percent


# One lot is 0.01 BTC or 0.1 ETH, one tick is a cent per lot, a strike step is a dollar per coin.
MARKETS: Final = (
    MarketPlan("BTC", 10_000, 10_000, taker_fee=30_000, maker_fee=-10_000,
               settles_at=1_024 * DOLLAR),
    MarketPlan("ETH", 10_000, 100_000, taker_fee=20_000, maker_fee=-5_000,
               settles_at=391 * DOLLAR),
)  # fmt: skip
EXPIRIES: Final = (
    ExpiryPlan(market=0, days=0, cap=2_000 * DOLLAR),
    ExpiryPlan(market=0, days=7, cap=2_000 * DOLLAR),
    ExpiryPlan(market=1, days=0, cap=800 * DOLLAR),
)
STRIKES: Final = ((96_000, 100_000, 104_000), (90_000, 100_000, 110_000), (3_800, 4_000, 4_200))
# Per expiry, in ticks: what an option at the money is worth beyond its intrinsic value, and how far
# from the money that fades.
TIME_VALUE: Final = ((900, 3_000), (2_800, 9_000), (550, 1_500))
# By market, in ticks per lot: the underlying at the start, and one move of it at most.
START: Final = (100_000, 40_000)
MOVE: Final = (40, 25)
QUOTE_LIFE: Final = 240  # seconds

NAMES: Final = (
    "Ada", "Bela", "Cleo", "Dario", "Edda", "Faro", "Gita", "Hugo", "Ines", "Jaro",
    "Kira", "Luca", "Mina", "Nilo", "Olga", "Piet", "Quin", "Rosa", "Sven", "Tara",
)  # fmt: skip
# style, how many, deposit in dollars, share of the turns in percent
CAST: Final = (
    (Style.MAKER, 6, 3_000_000, 46),
    (Style.TAKER, 7, 400_000, 34),
    (Style.SPREADER, 3, 250_000, 10),
    (Style.CANCELER, 2, 150_000, 6),
    (Style.CLUMSY, 2, 20_000, 4),
)


def listing() -> Listing:
    """BTC with two expiries and ETH with one, three strikes each, calls and puts."""
    return Listing(
        MARKETS,
        EXPIRIES,
        tuple(
            InstrumentPlan(expiry, kind, strike)
            for expiry, strikes in enumerate(STRIKES)
            for strike in strikes
            for kind in (InstrumentKind.CALL, InstrumentKind.PUT)
        ),
    )


def traders() -> tuple[TraderPlan, ...]:
    """The cast; every third trader signs its orders with a session key."""
    plans: list[TraderPlan] = []
    for style, count, dollars, _ in CAST:
        for _ in range(count):
            number = len(plans)
            plans.append(
                TraderPlan(NAMES[number], style, dollars * DOLLAR, session_key=number % 3 == 2)
            )
    return tuple(plans)


def generate(seed: int = 1, turns: int = 5_000, duration: int = 1_200_000) -> Flow:
    """A flow of ``turns`` turns, one to four steps each, spread over ``duration`` milliseconds."""
    return _Generator(seed, turns, duration).run()


class _Generator:
    """Holds the fair values and what each trader believes to have in the book."""

    def __init__(self, seed: int, turns: int, duration: int):
        self.seed = seed
        self.dice = Dice(seed)
        self.turns = turns
        self.duration = duration
        self.listing = listing()
        self.traders = traders()
        self.spot = list(START)
        self.steps: list[Step] = []
        self.now = 0
        self.keys = 0
        self.spoils = 0
        self.quotes: dict[tuple[int, int, bool], tuple[int, int]] = {}  # -> key, lots
        self.far: dict[int, list[int]] = {}  # canceler -> keys
        self.by_style: dict[Style, list[int]] = {}
        for number, plan in enumerate(self.traders):
            self.by_style.setdefault(plan.style, []).append(number)
        self.wheel = [style for style, _, _, share in CAST for _ in range(share)]

    def run(self) -> Flow:
        turn_of = {
            Style.MAKER: self._make,
            Style.TAKER: self._take,
            Style.SPREADER: self._spread,
            Style.CANCELER: self._change_mind,
            Style.CLUMSY: self._blunder,
        }
        for turn in range(self.turns):
            self.now = turn * self.duration // self.turns
            style = self.wheel[self.dice.below(len(self.wheel))]
            cast = self.by_style[style]
            turn_of[style](cast[self.dice.below(len(cast))])
        name = f"generated flow, seed {self.seed}"
        return Flow(name, self.traders, self.listing, tuple(self.steps), self.duration)

    # --- prices

    def _drift(self, market: int) -> None:
        self.spot[market] += self.dice.within(-MOVE[market], MOVE[market])

    def fair(self, instrument: int) -> tuple[int, int]:
        """Fair value and half a spread, ticks. Calls and puts of one strike keep their parity."""
        plan = self.listing.instruments[instrument]
        market_index = self.listing.expiries[plan.expiry].market
        market = self.listing.markets[market_index]
        distance = self.spot[market_index] - plan.strike * market.strike_value // market.tick_value
        most, width = TIME_VALUE[plan.expiry]
        beyond = most * width * width // (width * width + distance * distance)
        intrinsic = max(distance if plan.kind == InstrumentKind.CALL else -distance, 0)
        return intrinsic + beyond, 2 + beyond // 40

    def _instrument(self) -> int:
        """Mostly near the money: the middle strikes are drawn twice as often."""
        count = len(self.listing.instruments)
        first = self.dice.below(count)
        if first % 6 in (2, 3):
            return first
        second = self.dice.below(count)
        return second if second % 6 in (2, 3) else first

    # --- what traders do

    def _do(self, trader: int, action: Action) -> None:
        self.steps.append(Step(self.now, trader, action))

    def _place(
        self, trader: int, instrument: int, buy: bool, tick: int, lots: int, flags: int = 0,
        life: int = QUOTE_LIFE, cancel_oldest: bool = False, repeat: bool = False,
        spoil: Spoil | None = None,
    ) -> int:  # fmt: skip
        key = self.keys
        self.keys += 1
        action = Place(
            key, instrument, buy, max(tick, 1), lots, flags, life,
            cancel_oldest=cancel_oldest, repeat=repeat, spoil=spoil,
        )  # fmt: skip
        self._do(trader, action)
        return key

    def _make(self, trader: int) -> None:
        """Withdraw the old quote of an instrument and quote it anew, or trim it."""
        instrument = self._instrument()
        plan = self.listing.instruments[instrument]
        self._drift(self.listing.expiries[plan.expiry].market)
        fair, half = self.fair(instrument)
        if self.dice.chance(12) and (trader, instrument, True) in self.quotes:
            key, lots = self.quotes[trader, instrument, True]
            if lots > 2:
                self.quotes[trader, instrument, True] = key, lots // 2
                return self._do(trader, Amend(key, lots // 2))
        lean = self.dice.within(-half, half) // 2
        for buy in (True, False):
            old = self.quotes.pop((trader, instrument, buy), None)
            if old is not None:
                self._do(trader, Cancel(old[0]))
            tick = fair + lean - half if buy else fair + lean + half
            lots = self.dice.within(20, 120)
            flags = OrderFlag.POST_ONLY if self.dice.chance(60) else 0
            key = self._place(
                trader, instrument, buy, tick, lots, flags,
                cancel_oldest=self.dice.chance(50), repeat=self.dice.chance(3),
            )  # fmt: skip
            self.quotes[trader, instrument, buy] = key, lots
        return None

    def _take(self, trader: int) -> None:
        """Cross the spread, mostly with IOC, sometimes all or nothing, sometimes with a limit."""
        instrument = self._instrument()
        fair, half = self.fair(instrument)
        buy = self.dice.chance(50)
        reach = half * self.dice.within(0, 5) // 2
        flags, life = self._taking_flags()
        tick = fair + reach if buy else fair - reach
        self._place(trader, instrument, buy, tick, self.dice.within(5, 80), flags, life)

    def _taking_flags(self) -> tuple[int, int]:
        draw = self.dice.below(100)
        if draw < 62:
            return OrderFlag.IOC, 60
        if draw < 76:
            return OrderFlag.FOK, 60
        if draw < 84:
            return OrderFlag.IOC | OrderFlag.REDUCE_ONLY, 60
        return 0, self.dice.within(20, 120)

    def _spread(self, trader: int) -> None:
        """Buy one strike of an expiry and sell the next, calls or puts."""
        expiry = self.dice.below(len(self.listing.expiries))
        kind = self.dice.below(2)
        low = self.dice.below(len(STRIKES[expiry]) - 1)
        first, second = (6 * expiry + 2 * strike + kind for strike in (low, low + 1))
        bought, sold = (first, second) if kind == InstrumentKind.CALL else (second, first)
        lots = self.dice.within(10, 60)
        for instrument, buy in ((bought, True), (sold, False)):
            fair, half = self.fair(instrument)
            reach = half * 3 // 2
            tick = fair + reach if buy else fair - reach
            self._place(trader, instrument, buy, tick, lots, OrderFlag.IOC, 60)

    def _change_mind(self, trader: int) -> None:
        """Place far from the market; later take back one, or everything."""
        far = self.far.setdefault(trader, [])
        draw = self.dice.below(100)
        if far and draw < 30:
            return self._do(trader, Cancel(far.pop(self.dice.below(len(far)))))
        if len(far) > 6:
            far.clear()
            return self._do(trader, CancelAll(None))
        instrument = self._instrument()
        if draw < 36:
            return self._do(trader, CancelAll(instrument))
        fair, half = self.fair(instrument)
        away = half * self.dice.within(3, 12)
        buy = self.dice.chance(50)
        tick = fair - away if buy else fair + away
        far.append(self._place(trader, instrument, buy, tick, self.dice.within(5, 40), life=600))
        return None

    def _blunder(self, trader: int) -> None:
        """Send what must be refused, each kind in its turn."""
        spoil = Spoil(self.spoils % len(Spoil))
        self.spoils += 1
        instrument = self._instrument()
        fair, _ = self.fair(instrument)
        self._place(trader, instrument, self.dice.chance(50), fair, 1, spoil=spoil)
