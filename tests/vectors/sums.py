"""Vectors of payoffs, fees and margin."""

import random

from matcher.reference import fees, margin
from matcher.types import (
    U24,
    U32,
    U56,
    U64,
)
from tests.vectors.spelling import Json, some

MAX_LOTS = (1 << 39) - 1


def make_payoffs() -> Json:
    rng = random.Random("payoffs")
    strike_most, value_most = U24, U32
    cases = [
        (kind, strike, strike_value, cap, price)
        for kind in (0, 1)
        for strike, strike_value, cap in ((0, 1, 1), (100, 10, 5000), (strike_most, 1, U56))
        for price in (0, 1, strike * strike_value, strike * strike_value + 1, cap, cap + 1, U64)
    ]
    cases += [(kind, strike_most, value_most, U56, price) for kind in (0, 1) for price in (0, U64)]
    for _ in range(60):
        cap = some(rng, 56) or 1
        cases.append(
            (rng.randint(0, 1), some(rng, 24), some(rng, 24), cap, rng.randint(0, 2 * cap))
        )
    return [
        {
            "kind": str(kind),
            "strike": str(strike),
            "strikeValue": str(strike_value),
            "cap": str(cap),
            "price": str(price),
            "payoff": str(margin.payoff(kind, strike * strike_value, price, cap)),
        }
        for kind, strike, strike_value, cap, price in cases
    ]


def make_fees() -> Json:
    rng = random.Random("fees")
    top = (1 << 31) - 1
    cases = [
        (rate, lots, value)
        for rate in (0, 1, -1, top, -top - 1)
        for lots in (1, U32)
        for value in (0, 1, 7, 8, 9, (1 << 62) - 1)
    ]
    cases += [
        (rng.choice((1, -1)) * some(rng, 31), some(rng, 32), some(rng, 62)) for _ in range(60)
    ]
    return [
        {"rate": str(r), "lots": str(lots), "notional": str(n), "fee": str(fees.fee(r, lots, n))}
        for r, lots, n in cases
    ]


def make_worst() -> Json:
    rng = random.Random("worst")
    return [worst_json(rng, name, shape) for name, shape in WORST_SHAPES.items()]


# name -> (expiries, instruments per expiry, positions, share of fixed prices in percent)
WORST_SHAPES: dict[str, tuple[int, int, int, int]] = {
    "no position": (1, 1, 0, 0),
    "one position": (1, 1, 1, 0),
    "one position, price fixed": (1, 1, 1, 100),
    **{f"one expiry, {n} positions": (1, 32, n, 0) for n in (2, 5, 16, 32)},
    **{f"32 positions, {n} expiries": (n, 32, 32, 30) for n in (2, 5, 16, 32)},
    **{f"mixed {n}": (1 + n % 6, 8, n % 20 + 1, 10 * (n % 5)) for n in range(40)},
}


def worst_json(rng: random.Random, name: str, shape: tuple[int, int, int, int]) -> Json:
    expiry_count, per_expiry, position_count, fixed_share = shape
    markets = {1: rng.randint(1, 1000), 2: rng.randint(1, 1000)}  # strikeValue
    expiries = [(1 + i % 2, 500_000 + 24 * (i // 2)) for i in range(expiry_count)]
    caps = {key: rng.choice((1, some(rng, 20) + 1, some(rng, 40) + 1)) for key in expiries}
    fixed = {k: rng.randint(0, caps[k]) for k in expiries if rng.randint(1, 100) <= fixed_share}
    instruments = {}
    for key in expiries:
        for _ in range(per_expiry):
            # strike 0, and strikes up to the last one below the cap
            top = min((caps[key] - 1) // markets[key[0]], U24)
            strike = rng.choice((0, top, rng.randint(0, top), rng.randint(0, top)))
            instruments[len(instruments) + 1] = (*key, rng.randint(0, 1), strike)
    held = sorted(rng.sample(sorted(instruments), min(position_count, len(instruments))))
    positions = {
        index: rng.choice((1, -1))
        * rng.randint(1, max(1, min(MAX_LOTS, (1 << 57) // caps[instruments[index][:2]])))
        for index in held
    }
    cash = rng.choice((0, 1, -1)) * some(rng, 62)
    legs = [
        (margin.Option(m, e, kind, strike * markets[m]), positions[index])
        for index, (m, e, kind, strike) in instruments.items()
        if index in positions
    ]
    return {
        "name": name,
        "cash": str(cash),
        "markets": [{"market": str(m), "strikeValue": str(v)} for m, v in markets.items()],
        "expiries": [
            {
                "market": str(m),
                "expiry": str(e),
                "cap": str(caps[m, e]),
                "fixed": (m, e) in fixed,
                "price": str(fixed.get((m, e), 0)),
            }
            for m, e in expiries
        ],
        "instruments": [
            {
                "instrument": str(i),
                "market": str(m),
                "kind": str(k),
                "expiry": str(e),
                "strike": str(s),
            }
            for i, (m, e, k, s) in instruments.items()
            if i in positions
        ],
        "positions": [{"instrument": str(i), "lots": str(n)} for i, n in sorted(positions.items())],
        "worst": str(margin.worst(cash, legs, caps, fixed)),
    }
