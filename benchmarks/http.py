"""Signed orders per second through HTTP: from the wallet's bytes to the answer after the sync.

    python -m benchmarks.http [--orders 20000] [--connections 64] [--seed 1]

A real gateway with one worker, its sequencer, engine, feed, batcher and archive, and a journal that
is synced to disk before anything is answered, in a process of its own. The client, another process,
keeps connections open and sends orders that were signed beforehand: one per request, the next when
the last was answered; then the same flow in requests of 100. Beside it, in turns, stands the
barest server that can be installed: uvicorn and starlette, which read the same body as JSON and
answer two bytes.

What bounds it is read off the server's processor time per order: of all its threads, and of the
one that runs the event loop, which parses, sequences, matches and answers. Signers are recovered in
others; the client takes a core, too, and the bare server's share of it is the same.
"""

import argparse
import asyncio
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.result import Result
from benchmarks.wallets import (
    ACCOUNTS,
    DOMAIN,
    EXPIRY,
    START,
    STRIKES,
    TICK_VALUE,
    address_of,
    orders,
    request_of,
)
from benchmarks.words import show
from matcher import commands as c
from matcher import wire
from matcher.eip712 import keccak
from matcher.types import Windows

WINDOWS = Windows(challenge=600, answer=200, freeze=600, notice=100, lag=60)
PER_REQUEST = wire.MAX_ORDERS


# --- the server ---------------------------------------------------------------------------------


def facts() -> list[c.Command]:
    """What the chain has told before the first order."""
    told: list[c.Command] = [c.Clock(START)]
    for account in ACCOUNTS:
        told.append(c.AccountOpened(account, address_of(account)))
        told.append(c.Deposited(account, 1 << 50, START))
    told.append(c.MarketListed(1, "BTC", TICK_VALUE, 1_000_000))
    told.append(c.FeesSet(1, 30, -10, 30, -10, START))
    told.append(c.ExpiryOpened(1, EXPIRY, 200_000_000))
    told += [c.InstrumentListed(1 + i, 1, 0, EXPIRY, k) for i, k in enumerate(STRIKES)]
    return told


async def exchange(directory: Path) -> tuple[Any, Any]:
    """A running exchange: its application, and its sequencer."""
    from matcher.archive import Archive
    from matcher.batch import genesis
    from matcher.exchange import Exchange
    from matcher.feed import Feed
    from matcher.gateway import NoChain, make_app
    from matcher.journal.writer import Identity, Journal
    from matcher.policy import Policy
    from matcher.sequencer import Sequencer
    from matcher.settlement.batcher import Batcher

    first = genesis(START - 10)
    sequencer = Sequencer(
        Journal(directory / "journal", Identity(1337, DOMAIN.verifying_contract, keccak(first))),
        Exchange(WINDOWS),
        Batcher(first, WINDOWS, operator=1),
        Archive(directory / "archive"),
        clock=lambda: START,
        policy=Policy(),
    )
    feed = Feed()
    sequencer.subscribe(feed.on_events)
    sequencer.subscribe_batches(feed.on_batch)
    await sequencer.start()
    await asyncio.gather(*(sequencer.submit(fact) for fact in facts()))
    app = make_app(
        sequencer=sequencer, feed=feed, domain=DOMAIN, windows=WINDOWS, chain=NoChain(),
        genesis=first,
    )  # fmt: skip
    return app, sequencer


def bare() -> Any:
    """The barest application: it reads the body and answers."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.routing import Route

    async def take(request: Request) -> Response:
        await request.json()
        return Response(b"{}", media_type="application/json")

    return Starlette(
        routes=[Route(p, take, methods=["POST"]) for p in ("/v1/orders", "/v1/orders/batch")]
    )


def serve(kind: str, pipe: Connection) -> None:
    """Run a server until the pipe says to end; answer each question with the processor time."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_serve(kind, pipe))


async def _serve(kind: str, pipe: Connection) -> None:
    from matcher.gateway import GatewayServer
    from matcher.turns import collect_seldom, take_short_turns

    if kind == "quoin":
        collect_seldom()
        take_short_turns()  # as the node does
    with tempfile.TemporaryDirectory(prefix="quoin-http-", dir="/var/tmp") as directory:
        app, sequencer = await exchange(Path(directory)) if kind == "quoin" else (bare(), None)
        server = GatewayServer(app, port=0)
        await server.start()
        asked = asyncio.Event()
        asyncio.get_running_loop().add_reader(pipe.fileno(), asked.set)
        pipe.send(server.port)
        while True:
            await asked.wait()
            asked.clear()
            if pipe.recv() is None:
                break
            pipe.send((time.process_time(), time.thread_time()))
        await server.stop()
        if sequencer is not None:
            await sequencer.stop()


class Server:
    """A server in a process of its own."""

    def __init__(self, kind: str):
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=serve, args=(kind, theirs))
        self._process.start()
        self.port: int = self._pipe.recv()

    def processor_time(self) -> tuple[float, float]:
        """Seconds of all its threads, and of the one that runs the event loop."""
        self._pipe.send("time")
        seconds: tuple[float, float] = self._pipe.recv()
        return seconds

    def stop(self) -> None:
        """End it."""
        self._pipe.send(None)
        self._process.join()


# --- the client ---------------------------------------------------------------------------------


def request(route: str, value: object) -> bytes:
    """The bytes of a request."""
    body = msgspec.json.encode(value)
    head = (
        f"POST {route} HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n"
        f"content-length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Caller(asyncio.Protocol):
    """A connection that sends its next request when the last one was answered."""

    def __init__(self, requests: list[bytes], latencies: list[float], done: "asyncio.Future[int]"):
        self._requests = requests
        self._latencies = latencies
        self._done = done
        self._next = 0
        self._sent = 0.0
        self._buffer = b""
        self._failed = 0

    def connection_made(self, transport: Any) -> None:
        """Begin."""
        self._transport = transport
        self._send()

    def _send(self) -> None:
        if self._next == len(self._requests):
            self._transport.close()
            self._done.set_result(self._failed)
            return
        self._sent = time.perf_counter()
        self._transport.write(self._requests[self._next])
        self._next += 1

    def data_received(self, data: bytes) -> None:
        """Take in an answer."""
        self._buffer += data
        head, found, rest = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        lowered = head.lower()
        at = lowered.index(b"content-length:") + 15
        if len(rest) < int(lowered[at:].split(b"\r\n", 1)[0]):
            return
        self._failed += not head.startswith(b"HTTP/1.1 200")
        if b'"error"' in rest:
            self._failed += 1
        self._buffer = b""
        self._latencies.append(time.perf_counter() - self._sent)
        self._send()


async def drive(port: int, requests: list[bytes], connections: int) -> tuple[float, list[float]]:
    """Seconds that all requests took together, and each one's."""
    loop = asyncio.get_running_loop()
    latencies: list[float] = []
    done = [loop.create_future() for _ in range(connections)]
    began = time.perf_counter()
    for place, future in enumerate(done):
        share = requests[place::connections]
        await loop.create_connection(
            lambda share=share, future=future: Caller(share, latencies, future), "127.0.0.1", port
        )
    failed = sum(await asyncio.gather(*done))
    if failed:
        raise SystemExit(f"{failed} requests were refused")
    return time.perf_counter() - began, latencies


def run(port: int, requests: list[bytes], connections: int) -> tuple[float, list[float]]:
    """`drive` on a loop of its own."""
    import uvloop

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(drive(port, requests, connections))


def requests_of(bodies: list[dict[str, Any]], size: int) -> list[bytes]:
    """Requests of so many orders each."""
    if size == 1:
        return [request("/v1/orders", body) for body in bodies]
    parts = [bodies[i : i + size] for i in range(0, len(bodies), size)]
    return [request("/v1/orders/batch", {"orders": part}) for part in parts]


class Rounds:
    """What the rounds of one case have shown."""

    def __init__(self) -> None:
        self.rates: list[float] = []  # orders per second
        self.bare: list[float] = []
        self.spent: list[tuple[float, float]] = []  # seconds per order: all threads, the loop's
        self.latencies: list[float] = []  # seconds of a request

    def add(self, quoin: Server, bare: Server, sent: list[bytes], orders: int, calls: int) -> None:
        """One round: ours, then the other."""
        before = quoin.processor_time()
        took, seen = run(quoin.port, sent, calls)
        after = quoin.processor_time()
        self.rates.append(orders / took)
        self.spent.append(((after[0] - before[0]) / orders, (after[1] - before[1]) / orders))
        self.latencies += seen
        self.bare.append(orders / run(bare.port, sent, calls)[0])

    def result(self, case: str, detail: dict[str, float | int | str]) -> Result:
        """The medians."""
        seen = sorted(self.latencies)
        name = f"uvicorn {version('uvicorn')} and starlette, answering nothing"
        return Result(
            "http",
            case,
            statistics.median(self.rates),
            statistics.median(self.bare),
            "orders/s",
            name,
            len(self.rates),
            {
                **detail,
                "p50 ms": round(1e3 * seen[len(seen) // 2], 2),
                "p99 ms": round(1e3 * seen[int(len(seen) * 0.99)], 2),
                "server us/order": round(1e6 * statistics.median(s for s, _ in self.spent), 1),
                "of it the loop's": round(1e6 * statistics.median(s for _, s in self.spent), 1),
            },
        )


def measure(quick: bool, count: int = 20_000, connections: int = 64, seed: int = 1) -> list[Result]:
    """Orders per second and latencies, one order per request and 100."""
    rounds, each = (3, 1_500) if quick else (5, count // 5)
    bodies = [request_of(order) for order in orders(2 * (rounds + 1) * each, seed)]
    quoin, bare = Server("quoin"), Server("bare")
    results = []
    try:
        for case, size, calls in (
            ("one order per request", 1, connections),
            (f"{PER_REQUEST} orders per request", PER_REQUEST, 4),
        ):
            seen = Rounds()
            for number in range(rounds + 1):
                part, bodies = bodies[:each], bodies[each:]
                if number == 0:  # what is done once is not measured
                    run(quoin.port, requests_of(part, size), calls)
                else:
                    seen.add(quoin, bare, requests_of(part, size), each, calls)
            results.append(seen.result(case, {"connections": calls, "orders": each, "seed": seed}))
    finally:
        quoin.stop()
        bare.stop()
    return results


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--orders", type=int, default=20_000)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    names = ("uvicorn", "uvloop", "httptools", "starlette", "msgspec", "coincurve")
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores")
    print(f"versions  Python {platform.python_version()},", end=" ")
    print(", ".join(f"{name} {version(name)}" for name in names))
    show(measure(asked.quick, asked.orders, asked.connections, asked.seed))


if __name__ == "__main__":
    main()
