"""EIP-712 digests of orders per second on one core, beside eth-account.

    python -m benchmarks.digests [--rounds 7] [--seed 1]

Ours hashes eight orders at a time: from arrays of their fields, as a replay has them, and from
Python objects, as a gateway has them. The alternative is eth-account's encode_typed_data and the
hash over it, one order after the other, shown fewer of them. The third row is one order at a time,
with pysha3's keccak, as a client signs. All give the same digests, or this stops. Rounds are
interleaved; the clock is the processor time of one thread.
"""

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import version

import numpy as np
from eth_account.messages import encode_typed_data

from benchmarks.result import Result
from benchmarks.wallets import DOMAIN, orders
from benchmarks.words import show
from matcher.eip712 import MESSAGE_TYPES, keccak
from matcher.kernel.digests import ORDER_FIELDS, digest_orders, digest_requests
from matcher.types import Order

COUNT = 20_000
SHOWN = 400  # orders that the alternative digests
SIGNATURE = bytes(65)


def arrays(made: list[Order]) -> Callable[[], bytes]:
    """Digest from the arrays of the orders' fields; the digests in a row."""
    names = sorted({order.instrument for order in made})
    places = {name: place for place, name in enumerate(names)}
    symbols = np.frombuffer(b"".join(keccak(name.encode()) for name in names), np.uint8).copy()
    fields = np.empty((len(made), ORDER_FIELDS), np.int64)
    for row, order in zip(fields, made, strict=True):
        row[:] = (
            order.account,
            places[order.instrument],
            order.buy,
            order.price,
            order.quantity,
            order.id,
            order.expiry,
            order.flags,
        )
    type_hash = np.frombuffer(bytearray(MESSAGE_TYPES[Order].type_hash), np.uint8)
    prefix = np.frombuffer(bytearray(DOMAIN.prefix), np.uint8)
    digests = np.empty(4 * len(made), np.int64)

    def run() -> bytes:
        digest_orders(fields, symbols, type_hash, prefix, digests)
        return digests.tobytes()

    return run


def objects(made: list[Order]) -> Callable[[], bytes]:
    """Digest from Python objects, in batches."""
    request = MESSAGE_TYPES[Order].request
    prefix = np.frombuffer(bytearray(DOMAIN.prefix), np.uint8)
    digests = np.empty(4 * len(made), np.int64)

    def run() -> bytes:
        requests = bytearray().join([request(order, SIGNATURE) for order in made])
        digest_requests(np.frombuffer(requests, np.uint8), prefix, digests)
        return digests.tobytes()

    return run


def one_by_one(made: list[Order]) -> Callable[[], bytes]:
    """Digest from Python objects, each by itself."""
    return lambda: b"".join([DOMAIN.digest(order) for order in made])


def eth_account(made: list[Order]) -> Callable[[], bytes]:
    """Digest by eth-account."""
    typed = [DOMAIN.typed_data(order) for order in made]

    def run() -> bytes:
        digests = []
        for message in typed:
            encoded = encode_typed_data(full_message=message)
            digests.append(keccak(b"\x19\x01" + encoded.header + encoded.body))
        return b"".join(digests)

    return run


def measure(quick: bool, rounds: int = 7, seed: int = 1) -> list[Result]:
    """Digests per second."""
    rounds = 3 if quick else rounds
    made = orders(COUNT // 4 if quick else COUNT, seed)
    shown = made[:SHOWN]
    ways = {
        "from arrays of fields": (arrays(made), len(made)),
        "from Python objects, in a batch": (objects(made), len(made)),
        "from Python objects, one at a time": (one_by_one(made), len(made)),
        "eth-account": (eth_account(shown), len(shown)),
    }
    rates: dict[str, list[float]] = {name: [] for name in ways}
    said: dict[str, bytes] = {}
    for _ in range(rounds):
        for name, (run, count) in ways.items():
            began = time.process_time()
            said[name] = run()
            rates[name].append(count / (time.process_time() - began))
    if len({digests[: 32 * SHOWN] for digests in said.values()}) != 1:
        raise SystemExit("digests differ")
    other = statistics.median(rates.pop("eth-account"))
    name = f"eth-account {version('eth-account')}"
    return [
        Result(
            "digests", case, statistics.median(found), other, "digests/s", name, rounds,
            {"orders": len(made), "seed": seed},
        )
        for case, found in rates.items()
    ]  # fmt: skip


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--quick", action="store_true")
    asked = parser.parse_args()
    print(f"machine   {platform.machine()}, {os.cpu_count()} cores")
    print(f"versions  Python {platform.python_version()}")
    show(measure(asked.quick, asked.rounds, asked.seed))


if __name__ == "__main__":
    main()
