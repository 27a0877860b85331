"""What sharding by market costs: what crosses shards, and what the slowest shard has left to do.

    python -m benchmarks.shards [--orders 20000] [--rounds 3] [--seed 1]

Flow: four markets of unequal weight, in each twelve options of one expiry. A tenth of the accounts
makes markets in all four: quotes on both sides, pulled and put again. The rest takes, mostly in one
market, and now and then withdraws. `ample` accounts have put in many times what their orders need,
`scarce` ones hardly enough, so that orders are refused and money is drawn from shard to shard.

Moves are counted, not timed, in the second half of the flow: in the first every account draws once
on what was deposited, wherever it trades first. Times are the processor's, of one thread: `slowest
shard` are commands of the whole flow per second that the slowest shard works, which is what
processes of their own could reach at most. The alternative in the same run is one engine that does
all; the two give the same state hash, or this stops. `in processes` is the time on the wall of
shards that match at the same time, and of the one process in front of them.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from benchmarks.result import Result
from benchmarks.words import show
from matcher import commands as c
from matcher.errors import Reject
from matcher.events import Event, OrderRested, Rejected
from matcher.exchange import Exchange
from matcher.shards.local import Shards
from matcher.shards.processes import ShardProcesses
from matcher.shards.shard import Shard
from matcher.shards.tape import Lend, SlotMoved
from matcher.types import SLOTS, Order, OrderFlag, SelfTrade, SignedOrder, Windows, Withdrawal

WINDOWS = Windows(challenge=600, answer=60, freeze=900, notice=120, lag=300)
START = 1_774_224_000  # 2026-03-23 00:00 UTC
EXPIRY = START // 3600 + 24 * 30
LATE = START + 10**6
NAMES = ("BTC", "ETH", "SOL", "XRP")
WEIGHTS = (0.4, 0.3, 0.2, 0.1)
STRIKES = (80, 90, 95, 100, 105, 120)
TICK_VALUE, STRIKE_VALUE, CAP, SPOT = 10, 1000, 400_000, 100
ACCOUNTS, MAKERS = 200, 20
KINDS = ("atoms", "places", "slots", "judged again")
DEPOSITS = {"ample": 4_000_000_000, "scarce": 6_000_000}  # atoms; makers put in ten times that


class Flow(NamedTuple):
    """Commands, how many of them are orders, and how many come before the first."""

    commands: list[c.Command]
    orders: int
    setup: int  # commands before the first order


def owner(account: int) -> bytes:
    """Who signs for an account."""
    return account.to_bytes(20, "big")


def listed() -> Iterator[c.Command]:
    """Markets and their options."""
    yield c.ChainBlock(1, bytes(32), START)
    index = 0
    for market, name in enumerate(NAMES, 1):
        yield c.MarketListed(market, name, TICK_VALUE, STRIKE_VALUE)
        yield c.FeesSet(market, 30, -10, 30, -10, 0)
        yield c.ExpiryOpened(market, EXPIRY, CAP)
        for strike in STRIKES:
            for kind in (0, 1):
                index += 1
                yield c.InstrumentListed(index, market, kind, EXPIRY, strike)


def opened(deposit: int) -> Iterator[c.Command]:
    """Accounts with money, and a batch."""
    for account in range(2, 2 + ACCOUNTS):
        yield c.AccountOpened(account, owner(account))
        atoms = deposit * (10 if account < 2 + MAKERS else 1)
        yield c.Deposited(account, atoms, START)
    yield c.Clock(START + 1)
    yield c.OpenBatch()


class Traders:
    """Who sends what; aims by one engine that is told everything first."""

    def __init__(self, seed: int, engine: Exchange):
        self._random = np.random.default_rng(seed)
        self._engine = engine
        self._next: dict[int, int] = {}  # account to its next slot
        self._used: dict[tuple[int, int], int] = {}  # (account, slot) to generation
        self._quotes: dict[tuple[int, int, bool], int] = {}  # (maker, instrument, buy) to id
        self._favorite = self._random.choice(4, 2 + ACCOUNTS, p=WEIGHTS) + 1

    def _id(self, account: int) -> int:
        slot = self._next.get(account, 0)
        self._next[account] = (slot + 1) % 512
        generation = self._used.get((account, slot), -1) + 1
        self._used[account, slot] = generation
        return generation * SLOTS + slot

    def order(
        self, account: int, instrument: int, buy: bool, tick: int, lots: int, flags: int
    ) -> Any:
        """A PlaceOrder; signatures are not looked at behind the gateway."""
        listings = self._engine.listings
        terms = Order(
            account,
            listings.lines[instrument].symbol,
            buy,
            max(tick, 0) * TICK_VALUE,
            lots,
            self._id(account),
            LATE,
            flags,
        )
        digest = terms.id.to_bytes(16, "big") + account.to_bytes(16, "big")
        signed = SignedOrder(terms, bytes(65), digest, owner(account))
        return c.PlaceOrder(signed, SelfTrade.CANCEL_OLDEST)

    def _instrument(self, market: int) -> int:
        return (market - 1) * 2 * len(STRIKES) + 1 + int(self._random.integers(2 * len(STRIKES)))

    def _fair(self, instrument: int) -> int:
        info = self._engine.listings.lines[instrument].info
        inner = SPOT - info.strike if info.kind == 0 else info.strike - SPOT
        return int((max(inner, 0) * STRIKE_VALUE + 4000) // TICK_VALUE)

    def quote(self) -> list[c.Command]:
        """A maker pulls one quote and puts it again."""
        account = 2 + int(self._random.integers(MAKERS))
        # a maker is in six options of each market: 24 of the 32 an account may hold
        instrument = self._instrument(int(self._random.choice(4, p=WEIGHTS)) + 1)
        if (instrument + account) % 2:
            instrument += 1 if instrument % 2 else -1
        buy = bool(self._random.integers(2))
        away = int(self._random.integers(2, 30))
        place = self.order(
            account,
            instrument,
            buy,
            self._fair(instrument) + (-away if buy else away),
            int(self._random.integers(5, 60)),
            int(OrderFlag.POST_ONLY),
        )
        before = self._quotes.get((account, instrument, buy))
        self._quotes[account, instrument, buy] = place.signed.order.id
        pull = [] if before is None else [c.CancelOrder(account, before, owner(account))]
        return [*pull, place]

    def take(self) -> list[c.Command]:
        """Somebody else trades: nine times of ten in their one market."""
        account = 2 + MAKERS + int(self._random.integers(ACCOUNTS - MAKERS))
        market = int(self._favorite[account])
        if self._random.random() < 0.1:
            market = int(self._random.choice(4, p=WEIGHTS)) + 1
        instrument = self._instrument(market)
        held = self._engine.accounts[account].positions.get(instrument, 0)
        buy = held < 0 if held and self._random.random() < 0.6 else bool(self._random.integers(2))
        tick = self._fair(instrument) + int(self._random.integers(-8, 30)) * (1 if buy else -1)
        lots = int(self._random.integers(1, 40))
        flags = int(OrderFlag.IOC) if self._random.random() < 0.7 else 0
        return [self.order(account, instrument, buy, tick, lots, flags)]

    def withdraw(self) -> list[c.Command]:
        """A hundredth of what is free."""
        account = 2 + int(self._random.integers(ACCOUNTS))
        free = self._engine.account_view(account).free
        message = Withdrawal(account, free // 100, self._id(account), LATE)
        return [
            c.WithdrawRequest(message, bytes(65), message.id.to_bytes(32, "big"), owner(account))
        ]


def flow_of(deposit: int, orders: int, seed: int) -> Flow:
    """The whole stream; the engine that it aims by is thrown away."""
    engine = Exchange(WINDOWS)
    stream = [*listed(), *opened(deposit)]
    setup = len(stream)
    for command in stream:
        engine.apply(command)
    traders = Traders(seed, engine)
    dice = np.random.default_rng(seed + 1)
    placed = 0
    while placed < orders:
        roll = dice.random()
        made = (
            traders.quote()
            if roll < 0.6
            else traders.take()
            if roll < 0.998
            else traders.withdraw()
        )
        for command in made:
            engine.apply(command)
            placed += isinstance(command, c.PlaceOrder)
        stream += made
    return Flow(stream, placed, setup)


class TimedShard(Shard):
    """A shard that counts the time it works."""

    seconds = 0.0

    def take(self, told: c.Command | Lend | SlotMoved) -> list[Event]:
        """See `Shard.take`."""
        start = time.thread_time()
        events = super().take(told)
        self.seconds += time.thread_time() - start
        return events


class Run(NamedTuple):
    """What shards made of a flow."""

    shards: Shards
    seconds: float  # of all, in one thread
    each: list[float]  # seconds that each shard worked
    moves: dict[str, int]  # in the second half


def run_shards(count: int, flow: Flow) -> Run:
    """Tell shards the flow."""
    shards = Shards(count, WINDOWS, make=TimedShard)
    half = len(flow.commands) // 2
    start = time.thread_time()
    for command in flow.commands[:half]:
        shards.apply(command)
    before = shards.moves.copy()
    for command in flow.commands[half:]:
        shards.apply(command)
    spent = time.thread_time() - start
    moves = {kind: shards.moves[kind] - before[kind] for kind in KINDS}
    each = [shard.seconds for shard in shards.shards]  # type: ignore[attr-defined]
    return Run(shards, spent, each, moves)


def run_engine(flow: Flow) -> tuple[Exchange, float, dict[str, int]]:
    """One engine after the flow, seconds, and what became of the orders."""
    engine = Exchange(WINDOWS)
    ends = {"refused for margin": 0, "refused": 0, "rested": 0}
    start = time.thread_time()
    answers = [engine.apply(command) for command in flow.commands]
    spent = time.thread_time() - start
    for events in answers:
        for event in events[:1]:
            if isinstance(event, Rejected):
                ends["refused"] += 1
                ends["refused for margin"] += event.code == Reject.INSUFFICIENT_MARGIN
        ends["rested"] += bool(events) and isinstance(events[-1], OrderRested)
    return engine, spent, ends


def compare(count: int, wealth: str, flow: Flow, rounds: int, seed: int) -> list[Result]:
    """Shards and one engine in turn."""
    alone, runs = [], []
    for _ in range(rounds):
        engine, seconds, ends = run_engine(flow)
        alone.append(seconds)
        runs.append(run_shards(count, flow))
        if runs[-1].shards.state_hash() != engine.state_hash():
            raise SystemExit(f"{count} shards, {wealth}: another state than one engine's")
    name = f"{count} shards, {wealth} money"
    moves, commands = runs[0].moves, len(flow.commands)
    crossings = 1000 * (moves["atoms"] + moves["places"]) / (flow.orders / 2)
    moved: dict[str, float | int | str] = {**moves, **ends, "orders": flow.orders, "seed": seed}
    rates: dict[str, float | int | str] = {
        "one thread for all shards": round(commands / statistics.median(r.seconds for r in runs)),
        "seed": seed,
    }
    slowest = commands / statistics.median(max(run.each) for run in runs)
    one = commands / statistics.median(alone)
    case = f"{name}: leases moved"
    other = f"{name}: slowest shard"
    return [
        Result("shards", case, crossings, None, "per 1,000 orders", "", rounds, moved),
        Result("shards", other, slowest, one, "commands/s", "one engine", rounds, rates),
    ]


def run_processes(count: int, flow: Flow) -> float:
    """Seconds on the wall that shards in processes of their own take from the first order on."""
    with ShardProcesses(count, WINDOWS) as shards:
        for command in flow.commands[: flow.setup]:
            shards.submit(command)
        shards.drain()
        start = time.perf_counter()
        for command in flow.commands[flow.setup :]:
            shards.submit(command)
        shards.drain()
        return time.perf_counter() - start


def run_alone(flow: Flow) -> float:
    """The same of one engine."""
    engine = Exchange(WINDOWS)
    for command in flow.commands[: flow.setup]:
        engine.apply(command)
    start = time.perf_counter()
    for command in flow.commands[flow.setup :]:
        engine.apply(command)
    return time.perf_counter() - start


def processes(flow: Flow, rounds: int, seed: int) -> Result:
    """Two shards in processes, and one engine, in turn."""
    ours, alone = [], []
    for _ in range(rounds):
        ours.append(run_processes(2, flow))
        alone.append(run_alone(flow))
    count = len(flow.commands) - flow.setup
    rates = [count / statistics.median(times) for times in (ours, alone)]
    case = "2 shards, ample money: in processes"
    detail: dict[str, float | int | str] = {"cores": os.cpu_count() or 1, "seed": seed}
    return Result("shards", case, rates[0], rates[1], "commands/s", "one engine", rounds, detail)


def measure(quick: bool, orders: int = 20_000, rounds: int = 3, seed: int = 1) -> list[Result]:
    """Moves per thousand orders, and what the slowest shard leaves to gain."""
    if quick:
        orders, rounds = min(orders, 4000), 1
    results = []
    for wealth, deposit in DEPOSITS.items():
        flow = flow_of(deposit, orders, seed)
        for count in (2, 4):
            results += compare(count, wealth, flow, rounds, seed)
        if wealth == "ample":
            results.append(processes(flow, rounds, seed))
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores")
    print(f"versions  Python {platform.python_version()}, numpy {np.__version__}")
    print(f"run       seed {asked.seed}, {asked.orders} orders, median of {asked.rounds} rounds")
    show(measure(False, asked.orders, asked.rounds, asked.seed))


if __name__ == "__main__":
    main()
