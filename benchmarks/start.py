"""From nothing to the first match: a new process imports the exchange, and two orders trade.

    python -m benchmarks.start [--rounds 5]

The clock of the wall, from before the process is made to its first trade. *Cached*: machine code
was compiled by an earlier start, as on every start but a machine's first. *Compiling*: nothing was
kept. Beside it, a process that imports numba and ends: the compiler alone. Rounds are interleaved.
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numba

from benchmarks.result import Result
from benchmarks.words import show

FIRST_MATCH = """
from matcher import commands as c
from matcher.events import Trade
from matcher.exchange import Exchange
from matcher.types import Order, SignedOrder, Windows

HOURS = 493_160
exchange = Exchange(Windows(challenge=600, answer=100, freeze=90_000, notice=60, lag=300))
facts = [c.MarketListed(1, "BTC", 10, 100_000), c.ExpiryOpened(1, HOURS, 400_000)]
facts.append(c.InstrumentListed(1, 1, 0, HOURS, 1000))
for account in (2, 3):
    facts += [c.AccountOpened(account, bytes([account]) * 20), c.Deposited(account, 10**12, 1)]
for fact in [*facts, c.OpenBatch()]:
    exchange.apply(fact)
(symbol,) = exchange.listings.by_symbol
for account in (2, 3):
    order = Order(account, symbol, account == 2, 1000, 1, 0, 1 << 32, 0)
    signed = SignedOrder(order, bytes(65), bytes([account]) * 32, bytes([account]) * 20)
    events = exchange.apply(c.PlaceOrder(signed))
assert any(isinstance(event, Trade) for event in events), events
"""


def seconds(program: str, cache: str) -> float:
    """What a new process takes for a program, with its machine code in a directory."""
    began = time.perf_counter()
    subprocess.run(
        [sys.executable, "-c", program], env=os.environ | {"NUMBA_CACHE_DIR": cache}, check=True
    )
    return time.perf_counter() - began


def measure(quick: bool, rounds: int = 5) -> list[Result]:
    """Both."""
    rounds = 2 if quick else rounds
    times: dict[str, list[float]] = {"compiling": [], "cached": []}
    alone = []
    with tempfile.TemporaryDirectory() as place:
        for number in range(rounds):
            for found in times.values():
                found.append(seconds(FIRST_MATCH, f"{place}/{number}"))
            alone.append(seconds("import numba", place))
    name, other = f"import numba {numba.__version__}", statistics.median(alone)
    return [
        Result("first match", case, statistics.median(found), other, "s", name, rounds, {})
        for case, found in times.items()
    ]


def main() -> None:
    """Run both."""
    parser = argparse.ArgumentParser(description="From nothing to the first match.")
    parser.add_argument("--rounds", type=int, default=5)
    show(measure(False, parser.parse_args().rounds))


if __name__ == "__main__":
    main()
