"""Orders through several processes: from a gateway's hands to its answer, durable.

    python -m benchmarks.processes [--orders 4000] [--rounds 5] [--seed 1]

A gateway hands orders to the matcher's process over rings; the matcher writes them down and syncs;
the gateway follows the journal, applies them with its own engine, and has the answer. Signatures
and HTTP are not in it. *Throughput*: 256 orders under way at any time. *Round trip*: one at a time.
Beside it the plain way, built of what is installed: a process that takes the same commands over
ZeroMQ, inserts them into SQLite (WAL, synchronous=FULL), all that wait in one transaction, applies
them with the same engine, and sends the events back. Both on /var/tmp; interleaved rounds.
"""

import argparse
import asyncio
import multiprocessing
import os
import platform
import random
import select
import socket
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import zmq
import zmq.asyncio

from benchmarks.result import Result
from benchmarks.words import show
from matcher import commands as c
from matcher.batch import genesis
from matcher.chain.fees import FeePolicy
from matcher.chain.modes import Choice, limits_of
from matcher.errors import ChainError
from matcher.events import AnyEvent, Event
from matcher.exchange import Exchange
from matcher.journal.writer import encode
from matcher.kernel.pools import Limits
from matcher.policy import Policy
from matcher.processes.board import Bells, Board
from matcher.processes.control import Control, Ready, Stop
from matcher.processes.link import Link
from matcher.processes.plan import BATCHER, MATCHER, Plan
from matcher.processes.replica import Replica
from matcher.processes.shared import Shared, make_bells
from matcher.processes.writer import Writer
from matcher.turns import take_short_turns
from matcher.types import Order, SignedOrder, Windows

START = 1_800_000_000
WINDOWS = Windows(challenge=600, answer=200, freeze=600, notice=100, lag=60)
EXPIRY = 501_680  # hours
SYMBOL = "BTC-26MAR27-100-C"
ACCOUNTS = range(2, 66)
UNDER_WAY = 256
TRIPS = 300
NAMES = (MATCHER, BATCHER, "gateway-1")
OTHER = f"pyzmq {zmq.__version__} + SQLite {sqlite3.sqlite_version}"

Submit = Callable[[c.Command], Awaitable[list[Event]]]


def facts() -> list[c.Command]:
    """What the chain has told before the first order."""
    told: list[c.Command] = [c.Clock(START)]
    for account in ACCOUNTS:
        told.append(c.AccountOpened(account, bytes([account]) * 20))
        told.append(c.Deposited(account, 1 << 50, START))
    told.append(c.MarketListed(1, "BTC", 100, 1_000_000))
    told.append(c.FeesSet(1, 30, -10, 30, -10, START))
    told.append(c.ExpiryOpened(1, EXPIRY, 200_000_000))
    told.append(c.InstrumentListed(1, 1, 0, EXPIRY, 100))
    return [*told, c.OpenBatch()]


def orders(count: int, rng: random.Random) -> list[c.Command]:
    """Orders around one price, about half of which trade; ids never used before."""
    made: list[c.Command] = []
    for number in range(count):
        account = ACCOUNTS[number % len(ACCOUNTS)]
        terms = Order(
            account=account,
            instrument=SYMBOL,
            buy=rng.random() < 0.5,
            price=100 * (1000 + rng.randrange(-20, 21)),
            quantity=rng.randrange(1, 10),
            id=number // len(ACCOUNTS),
            expiry=START + 1_000_000,
            flags=2,  # IOC: books and slots stay small, round after round
        )
        signed = SignedOrder(terms, b"\1" * 65, rng.randbytes(32), bytes([account]) * 20)
        made.append(c.PlaceOrder(signed))
    return made


# --- several processes ----------------------------------------------------------------------------


def plan_of(name: str, bells: tuple[int, ...], data: Path) -> Plan:
    """Everything a process needs but a chain."""
    return Plan(
        name=name,
        processes=NAMES,
        bells=bells,
        data=str(data),
        run="run",
        place=str(data / "segments"),
        chain_id=1337,
        registry=b"\x5f" * 20,
        genesis=genesis(START - 10),
        room=Limits(),
        windows=WINDOWS,
        rpc="",
        deployment=None,
        host="",
        confirmations=1,
        batches=Policy(max_ops=1 << 30),
        limits=limits_of(None),
        mode=Choice.AUTO,
        fees=FeePolicy(),
        poll=1.0,
        origins=(),
        publish=None,
        log_level="error",
        log_json=False,
    )


class Several:
    """A matcher in a process of its own, and a gateway in this one."""

    def __init__(self, data: Path):
        self._bells = make_bells(len(NAMES))
        self._plan = plan_of(MATCHER, self._bells, data)
        self._shared = Shared(self._plan)
        ours, theirs = socket.socketpair()
        self._control = Control(ours)
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=self._write, args=(ours, theirs))
        self._process.start()
        theirs.close()

    def _write(self, ours: socket.socket, theirs: socket.socket) -> None:
        ours.close()
        take_short_turns()  # as the matcher's process does
        plan = self._plan
        board = Board.attach(Path(plan.place), plan.segment("board"), len(NAMES))
        Writer(plan, board, Bells(board, plan.bells), Control(theirs)).run()

    async def begin(self) -> Submit:
        """Wait for the matcher, follow it, and tell it the facts."""
        take_short_turns()  # as a gateway's process does
        await asyncio.to_thread(self._await_matcher)
        links = []
        for name in NAMES[1:]:
            plan = msgspec.structs.replace(self._plan, name=name)
            bells = Bells(self._shared.board, self._bells)
            replica = Replica(plan, self._shared.board, bells)
            links.append((replica, Link(plan, self._shared.board, bells, replica)))
            await replica.catch_up()
            replica.follow()
        (chain, teller), (self._replica, link) = links
        for fact in facts():
            await teller.submit(fact)
        chain.stop()  # only the gateway's own work is in the time
        return link.submit

    def _await_matcher(self) -> None:
        while not any(isinstance(message, Ready) for message in self._control.read()):
            select.select([self._control.socket], [], [])

    def end(self) -> None:
        """End both."""
        self._replica.stop()
        self._control.send(Stop())
        self._process.join()
        self._shared.close()
        for bell in self._bells:
            os.close(bell)


# --- the plain way --------------------------------------------------------------------------------

_commands = msgspec.msgpack.Decoder(c.AnyCommand)
_events = msgspec.msgpack.Decoder(list[AnyEvent])


def serve_plainly(data: Path, ready: Connection) -> None:
    """Take commands, store all that wait in one transaction, apply, answer."""
    database = sqlite3.connect(data / "commands.db", isolation_level=None)
    database.execute("PRAGMA journal_mode=WAL")
    database.execute("PRAGMA synchronous=FULL")
    database.execute("CREATE TABLE commands (sequence INTEGER PRIMARY KEY, payload BLOB)")
    engine = Exchange(WINDOWS)
    server = zmq.Context().socket(zmq.ROUTER)
    server.bind(f"ipc://{data}/orders")
    ready.send(True)
    while True:
        group = [server.recv_multipart()]
        while len(group) < 1000:
            try:
                group.append(server.recv_multipart(zmq.NOBLOCK))
            except zmq.Again:
                break
        payloads = [(parts[2],) for parts in group if parts[2]]
        database.execute("BEGIN")
        database.executemany("INSERT INTO commands (payload) VALUES (?)", payloads)
        database.execute("COMMIT")
        for sender, number, payload in group:
            if not payload:
                return
            try:
                events = engine.apply(_commands.decode(payload))
            except ChainError:
                events = []
            server.send_multipart([sender, number, msgspec.msgpack.encode(events)])


class Plain:
    """The same over ZeroMQ and SQLite."""

    def __init__(self, data: Path):
        self._data = data
        context = multiprocessing.get_context("fork")
        self._ready, theirs = context.Pipe()
        self._process = context.Process(target=serve_plainly, args=(data, theirs))
        self._process.start()
        self._waiting: dict[bytes, asyncio.Future[list[Event]]] = {}
        self._number = 0

    async def begin(self) -> Submit:
        """Connect, and tell the facts."""
        self._ready.recv()
        self._socket = zmq.asyncio.Context().socket(zmq.DEALER)
        self._socket.connect(f"ipc://{self._data}/orders")
        self._reader = asyncio.create_task(self._read())
        for fact in facts():
            await self.submit(fact)
        return self.submit

    async def submit(self, command: c.Command) -> list[Event]:
        """Send, and wait for the events."""
        self._number += 1
        number = self._number.to_bytes(8, "big")
        future: asyncio.Future[list[Event]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = future
        await self._socket.send_multipart([number, encode(command)])
        return await future

    async def _read(self) -> None:
        while True:
            number, events = await self._socket.recv_multipart()
            self._waiting.pop(number).set_result(_events.decode(events))

    def end(self) -> None:
        """End it."""
        self._reader.cancel()
        self._socket.send_multipart([b"", b""])
        self._process.join()


# --- measuring ------------------------------------------------------------------------------------


class Seen(NamedTuple):
    """What was seen of one of the two."""

    rates: list[float]  # orders per second, a round each
    trips: list[float]  # seconds


async def flood(submit: Submit, commands: list[c.Command]) -> float:
    """Orders per second with `UNDER_WAY` of them under way."""
    left = iter(commands)

    async def trade() -> None:
        for command in left:
            await submit(command)

    began = time.perf_counter()
    await asyncio.gather(*(trade() for _ in range(UNDER_WAY)))
    return len(commands) / (time.perf_counter() - began)


async def trip(submit: Submit, commands: list[c.Command]) -> list[float]:
    """Seconds from each order to its answer, one at a time."""
    seen = []
    for command in commands:
        began = time.perf_counter()
        await submit(command)
        seen.append(time.perf_counter() - began)
    return seen


async def run(data: Path, count: int, rounds: int, seed: int) -> list[Seen]:
    """Both, in turns."""
    sides: list[Any] = []
    for name, kind in (("several", Several), ("plain", Plain)):
        (data / name).mkdir()
        sides.append(kind(data / name))
    doors = [await side.begin() for side in sides]
    seen = [Seen([], []) for _ in sides]
    made = orders((rounds + 1) * (count + TRIPS), random.Random(seed))
    for number in range(rounds + 1):
        part, made = made[: count + TRIPS], made[count + TRIPS :]
        for door, one in zip(doors, seen, strict=True):
            rate, trips = await flood(door, part[:count]), await trip(door, part[count:])
            if number:  # what is done once is not measured
                one.rates.append(rate)
                one.trips.extend(trips)
    for side in sides:
        side.end()
    return seen


def percentile(values: list[float], share: float) -> float:
    """In microseconds."""
    return 1e6 * sorted(values)[int(share * (len(values) - 1))]


def measure(quick: bool, count: int = 4_000, rounds: int = 5, seed: int = 1) -> list[Result]:
    """All figures."""
    if quick:
        count, rounds = min(count, 1_000), min(rounds, 3)
    with tempfile.TemporaryDirectory(prefix="quoin-processes-", dir="/var/tmp") as data:
        ours, other = asyncio.run(run(Path(data), count, rounds, seed))
    trips = {
        f"{name} {label} us": round(percentile(one.trips, share), 1)
        for name, one in (("ours", ours), ("other", other))
        for label, share in (("p50", 0.5), ("p99", 0.99))
    }
    return [
        Result(
            "processes",
            f"{UNDER_WAY} under way",
            statistics.median(ours.rates),
            statistics.median(other.rates),
            "orders/s",
            OTHER,
            rounds,
            {"orders": count, "seed": seed},
        ),
        Result(
            "processes",
            "one at a time",
            percentile(ours.trips, 0.5),
            percentile(other.trips, 0.5),
            "us",
            OTHER,
            len(ours.trips),
            {"seed": seed, **trips},
        ),
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=4_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores")
    print(f"versions  Python {platform.python_version()}, msgspec {version('msgspec')}, {OTHER}")
    show(measure(asked.quick, asked.orders, asked.rounds, asked.seed))


if __name__ == "__main__":
    main()
