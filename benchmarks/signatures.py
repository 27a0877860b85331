"""Signed orders per second: who signed, and from a request's bytes to a command on one core.

    python -m benchmarks.signatures [--rounds 7] [--seed 1]

*Recover any key*: signers of digests, by libsecp256k1 from a compiled loop, beside coincurve from
Python, which calls the same library; on all cores by the wall's clock, beside as many threads of
coincurve. *Keys that are known* have tables of their multiples; what is found is the same. *Stage*:
JSON of a request, digest, signer, PlaceOrder, as a gateway does it before sequencing, by requests
of 100 and by orders of their own requests, so many under way at once; beside it json and
eth-account, shown fewer. Rounds are interleaved; on one core the clock is the processor time of the
process. All find the same signers, or this stops.

`verify us` is what libsecp256k1 takes to verify against a key that is known already: less than to
recover, but it does not look at v, which a prover on chain recovers with.
"""

import argparse
import asyncio
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version

import coincurve
import msgspec
import numpy as np
from coincurve._libsecp256k1 import ffi, lib
from eth_account import Account
from eth_account.messages import encode_typed_data

from benchmarks.result import Result
from benchmarks.wallets import DOMAIN, KEYS, address_of, orders, request_of, sign
from benchmarks.words import show
from matcher.commands import PlaceOrder
from matcher.eip712 import MESSAGE_TYPES, domain_fields, keccak, type_fields
from matcher.gateway.verify import Verification
from matcher.kernel import known
from matcher.kernel.secp import KNOWN, LIBRARY, recover_signers
from matcher.order_bodies import order_request, order_requests
from matcher.signatures import KnownKeys, claim
from matcher.types import Order

COUNT = 8_000
SHOWN = 400  # orders that eth-account looks at
PER_REQUEST = 100
TOGETHER = 64  # requests under way at once

Run = Callable[[], list[bytes]]  # signers


def compiled(digests: list[bytes], signatures: list[bytes]) -> Run:
    """Recover by the compiled loop."""
    raw = np.frombuffer(b"".join(signatures), np.uint8).copy()
    nodes = np.frombuffer(b"".join(digests), np.int64).copy()
    signers = np.zeros(20 * len(digests), np.uint8)
    points = np.zeros(64 * len(digests), np.uint8)
    verdicts = np.zeros(len(digests), np.uint8)

    def run() -> list[bytes]:
        recover_signers(LIBRARY, raw, nodes, signers, points, verdicts)
        found = signers.tobytes()
        return [found[20 * i : 20 * i + 20] for i in range(len(digests))]

    return run


def with_known(digests: list[bytes], signatures: list[bytes], accounts: list[int]) -> Run:
    """Try the key that each account is known to sign with, as many at a time as a gateway might."""
    raw = np.frombuffer(b"".join(signatures), np.uint8).copy()
    nodes = np.frombuffer(b"".join(digests), np.int64).copy()
    base, held = known.base_table(), {account: known.aligned(known.KEY_WORDS) for account in KEYS}
    for account, table in held.items():
        point = known.words_of(*KEYS[account].public_key.point())
        known.make_table(point, known.KEY_BITS, known.CONSTANTS, table)
    places = np.array([held[account].ctypes.data for account in accounts], np.int64)
    verdicts = np.zeros(len(digests), np.uint8)
    addresses = [address_of(account) for account in accounts]

    def run() -> list[bytes]:
        for start in range(0, len(addresses), TOGETHER):
            part = slice(start, start + TOGETHER)
            known.verify_known(
                raw[65 * start : 65 * (start + TOGETHER)],
                nodes[4 * start : 4 * (start + TOGETHER)],
                places[part],
                base,
                known.CONSTANTS,
                verdicts[part],
            )
        if (verdicts != KNOWN).any():
            raise SystemExit("a signature of a known key is not known")
        assert held
        return addresses

    return run


def by_coincurve(digests: list[bytes], signatures: list[bytes]) -> Run:
    """Recover by coincurve."""
    recoverable = [signature[:64] + bytes([signature[64] - 27]) for signature in signatures]

    def run() -> list[bytes]:
        recover = coincurve.PublicKey.from_signature_and_message
        return [
            keccak(recover(signature, digest, hasher=None).format(compressed=False)[1:])[12:]
            for signature, digest in zip(recoverable, digests, strict=True)
        ]

    return run


def verify_seconds(
    digests: list[bytes], signatures: list[bytes], keys: list[coincurve.PublicKey]
) -> float:
    """Seconds of libsecp256k1 to verify one signature against its key."""
    parsed = []
    for signature in signatures:
        parsed.append(ffi.new("secp256k1_ecdsa_signature *"))
        lib.secp256k1_ecdsa_signature_parse_compact(
            lib.secp256k1_context_static, parsed[-1], signature[:64]
        )
    points = [key.public_key for key in keys]
    began = time.process_time()
    for signature, digest, point in zip(parsed, digests, points, strict=True):
        if not lib.secp256k1_ecdsa_verify(lib.secp256k1_context_static, signature, digest, point):
            raise SystemExit("a signature does not verify")
    return (time.process_time() - began) / len(digests)


def on_all_cores(
    make: Callable[[list[bytes], list[bytes]], Run],
    digests: list[bytes],
    signatures: list[bytes],
    cores: int,
) -> Run:
    """The same, dealt to as many threads as there are cores."""
    parts = [make(digests[i::cores], signatures[i::cores]) for i in range(cores)]
    pool = ThreadPoolExecutor(cores)
    return lambda: [signer for part in pool.map(lambda run: run(), parts) for signer in part]


def stage_alone(bodies: list[bytes], keys: KnownKeys) -> Run:
    """Requests of one order each, many under way at once."""
    stage = Verification(DOMAIN, 1, keys)

    async def place(body: bytes) -> PlaceOrder:
        asked = order_request(body)
        return PlaceOrder(await stage.order(asked.order, asked.signature), asked.self_trade)

    async def run() -> list[bytes]:
        commands: list[PlaceOrder] = []
        for start in range(0, len(bodies), TOGETHER):
            commands += await asyncio.gather(*map(place, bodies[start : start + TOGETHER]))
        return [command.signed.signer for command in commands]

    return lambda: asyncio.run(run())


def stage_in_batches(bodies: list[bytes], keys: KnownKeys) -> Run:
    """Requests of 100 orders each, one after the other."""
    stage = Verification(DOMAIN, 1, keys)

    async def run() -> list[bytes]:
        commands = []
        for body in bodies:
            asked = order_requests(body)
            claims = [claim(one.order, one.signature, "signature") for one in asked]
            signed = await stage.orders(claims)
            commands += [
                PlaceOrder(s, one.self_trade) for s, one in zip(signed, asked, strict=True)
            ]
        return [command.signed.signer for command in commands]

    return lambda: asyncio.run(run())


def by_eth_account(bodies: list[bytes]) -> Run:
    """The same orders with json and eth-account."""
    kind = MESSAGE_TYPES[Order]
    types = {"EIP712Domain": domain_fields(), kind.name: type_fields(kind)}

    def run() -> list[bytes]:
        signers = []
        for body in bodies:
            request = json.loads(body)
            terms = {
                n: v if n in ("instrument", "buy") else int(v) for n, v in request["order"].items()
            }
            typed = {
                "domain": DOMAIN.as_dict(),
                "types": types,
                "primaryType": kind.name,
                "message": terms,
            }
            encoded = encode_typed_data(full_message=typed)
            signers.append(Account.recover_message(encoded, signature=request["signature"]))
        return [bytes.fromhex(signer[2:]) for signer in signers]

    return run


def rates(
    ways: dict[str, tuple[Run, int]], rounds: int, clock: Callable[[], float]
) -> dict[str, float]:
    """Orders per second of each way, medians of interleaved rounds."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (run, count) in ways.items():
            began = clock()
            run()
            found[name].append(count / (clock() - began))
    return {name: statistics.median(each) for name, each in found.items()}


def measure(quick: bool, rounds: int = 7, seed: int = 1) -> list[Result]:
    """Recovery and the stage."""
    rounds, count = (3, COUNT // 4) if quick else (rounds, COUNT)
    cores = len(os.sched_getaffinity(0))
    made = orders(count, seed)
    digests, signatures = [DOMAIN.digest(order) for order in made], [sign(order) for order in made]
    requests = [request_of(order) for order in made]
    bodies = [msgspec.json.encode(request) for request in requests]
    batches = [
        msgspec.json.encode({"orders": requests[i : i + PER_REQUEST]})
        for i in range(0, count, PER_REQUEST)
    ]
    one = {
        "ours": (compiled(digests, signatures), count),
        "known": (with_known(digests, signatures, [order.account for order in made]), count),
        "coincurve": (by_coincurve(digests, signatures), count),
    }
    every = {
        "ours": (on_all_cores(compiled, digests, signatures, cores), count),
        "coincurve": (on_all_cores(by_coincurve, digests, signatures, cores), count),
    }
    keys = KnownKeys(), KnownKeys()
    staged = {
        "alone": (stage_alone(bodies, keys[1]), count),
        "batches": (stage_in_batches(batches, keys[0]), count),
        "unknown": (stage_in_batches(batches, KnownKeys(after=count)), count),
        "eth-account": (by_eth_account(bodies[:SHOWN]), SHOWN),
    }
    expected = one["coincurve"][0]()
    for _ in range(2):  # the tables of keys are made after the first, and used from the second
        for run, shown in (one["ours"], one["known"], *staged.values()):
            if run() != expected[:shown]:
                raise SystemExit("signers differ")
        for held in keys:
            held.settle()
    public = [KEYS[order.account].public_key for order in made]
    verify = statistics.median(verify_seconds(digests, signatures, public) for _ in range(rounds))
    first = rates(one, rounds, time.process_time)
    second = rates(every, rounds, time.perf_counter)
    third = rates(staged, rounds, time.process_time)
    curve = f"coincurve {version('coincurve')}"
    account = f"eth-account {version('eth-account')} and json"

    def result(
        case: str, ours: float, other: float, unit: str, name: str, **detail: float
    ) -> Result:
        told: dict[str, float | int | str] = {"orders": count, "seed": seed, **detail}
        return Result("signatures", case, ours, other, unit, name, rounds, told)

    mine, theirs = first["ours"], first["coincurve"]
    spent = {"recover us": round(1e6 / mine, 1), "verify us": round(1e6 * verify, 1)}
    both = second["ours"], second["coincurve"]
    alone, together, other = third["alone"], third["batches"], third["eth-account"]
    many, single = f"stage, {PER_REQUEST} orders per request", "stage, one order per request"
    return [
        result("recover any key, one core", mine, theirs, "signers/s", curve, **spent),
        result(
            "keys that are known, one core", first["known"], theirs, "signers/s", curve,
            tables=len(KEYS), together=TOGETHER,
        ),
        result(
            "recover any key, all cores", *both, "signers/s", f"{curve}, as many threads",
            cores=cores,
        ),
        result(f"{many}, known keys, one core", together, other, "orders/s", account),
        result(f"{many}, any key, one core", third["unknown"], other, "orders/s", account),
        result(
            f"{single}, known keys, one core", alone, other, "orders/s", account,
            together=TOGETHER,
        ),
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
