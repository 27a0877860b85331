"""Numeric code on chain: exponentials, normal distribution, option prices, roots, medians, sorts.

Results of fixed-point code are judged twice: each variant's greatest absolute error against 50
digits is a figure of its row, and no two variants may differ by more than the tolerance.
"""

from collections.abc import Sequence
from fractions import Fraction
from functools import cache
from math import isqrt
from random import Random
from typing import Any

import mpmath
from eth_abi.abi import decode

from gaslab.bench import Bench
from gaslab.catalogue.headers import LAB, words_of
from gaslab.experiment import Experiment, Settings, Technique, Variant
from gaslab.measurement import Measurement

WAD = 10**18
_DIGITS = 50

Quote = tuple[int, int, int, int, int]  # spot, strike, volatility, time, rate


# --- references -----------------------------------------------------------------------------------


def _fraction(value: Any) -> Fraction:
    """An mpmath number as it is, binary, without rounding."""
    sign, mantissa, exponent, _ = value._mpf_
    exact = Fraction(int(mantissa)) * Fraction(2) ** int(exponent)
    return -exact if sign else exact


@cache
def exact_exponential(x: int) -> Fraction:
    """e^x for x of 18 decimals."""
    with mpmath.workdps(_DIGITS):
        return _fraction(mpmath.exp(mpmath.mpf(x) / WAD))


@cache
def exact_normal_cdf(x: int) -> Fraction:
    """N(x) for x of 18 decimals."""
    with mpmath.workdps(_DIGITS):
        return _fraction(mpmath.ncdf(mpmath.mpf(x) / WAD))


@cache
def exact_call_price(quote: Quote) -> Fraction:
    """What a European call is worth."""
    with mpmath.workdps(_DIGITS):
        spot, strike, volatility, time, rate = (mpmath.mpf(value) / WAD for value in quote)
        spread = volatility * mpmath.sqrt(time)
        d1 = (mpmath.log(spot / strike) + (rate + volatility**2 / 2) * time) / spread
        discounted = strike * mpmath.exp(-rate * time)
        return _fraction(spot * mpmath.ncdf(d1) - discounted * mpmath.ncdf(d1 - spread))


@cache
def normal_table(nodes: int = 194, steps: int = 32) -> bytes:
    """N and its slope at 0, 1/32, 2/32, ...: ``value:128 | slope:128``, times 2^96."""
    words = []
    with mpmath.workdps(_DIGITS):
        for i in range(nodes):
            x = mpmath.mpf(i) / steps
            value = int(mpmath.nint(mpmath.ncdf(x) * 2**96))
            slope = int(mpmath.nint(mpmath.npdf(x) / steps * 2**96))
            words.append((value << 128 | slope).to_bytes(32, "big"))
    return b"".join(words)


# --- inputs ---------------------------------------------------------------------------------------


def exponents(n: int, seed: str = "exponential") -> list[int]:
    """Of 18 decimals, within 10 of zero."""
    random = Random(seed)
    return [random.randint(-10 * WAD, 10 * WAD) for _ in range(n)]


def deviations(n: int, seed: str = "normal-cdf") -> list[int]:
    """Of 18 decimals, within 6 of zero."""
    random = Random(seed)
    return [random.randint(-6 * WAD, 6 * WAD) for _ in range(n)]


def quotes(n: int, seed: str = "black-scholes") -> list[Quote]:
    """Calls on something worth 100, within a fifth of the money and two years."""
    random = Random(seed)
    return [
        (
            100 * WAD,
            random.randint(80 * WAD, 120 * WAD),
            random.randint(WAD // 5, WAD),
            random.randint(WAD // 10, 2 * WAD),
            random.randint(0, WAD // 10),
        )
        for _ in range(n)
    ]


def radicands(n: int) -> list[int]:
    """Of all lengths, as reserves and squares of prices have them."""
    random = Random("integer-root")
    return [random.getrandbits(random.choice((64, 112, 160, 224, 256))) for _ in range(n)]


def values(n: int) -> list[int]:
    """To be sorted; nearly surely no two alike."""
    random = Random("sorting")
    return [random.randrange(1, 10**9) for _ in range(n)]


def feed_prices(n: int) -> list[int]:
    """Around 200.5 million, below 2^28."""
    random = Random("oracle-median")
    return [200_000_000 + random.randrange(1_000_000) for _ in range(n)]


# --- drivers --------------------------------------------------------------------------------------


def numbers(measurement: Measurement, kind: str = "int256[]") -> list[int]:
    """The array that a transaction returned."""
    return list(decode([kind], measurement.output)[0])


def _judge(bench: Bench, name: str, found: Sequence[int], references: Sequence[Fraction]) -> None:
    for i, (value, reference) in enumerate(zip(found, references, strict=True)):
        bench.observe(f"{name}-{i}", value)
        bench.accuracy(name, Fraction(value, WAD), reference)


def _with_table(bench: Bench) -> None:
    if bench.variant.name == "table":
        bench.deploy(normal_table())
    else:
        bench.deploy()


def _exponential(bench: Bench, n: int) -> None:
    bench.deploy()
    xs = exponents(n)
    found = numbers(bench.measure("exp", xs))
    _judge(bench, "exp", found, [exact_exponential(x) for x in xs])


def _normal_cdf(bench: Bench, n: int) -> None:
    _with_table(bench)
    xs = deviations(n)
    found = numbers(bench.measure("cdf", xs))
    _judge(bench, "cdf", found, [exact_normal_cdf(x) for x in xs])


def _black_scholes(bench: Bench, n: int) -> None:
    _with_table(bench)
    asked = quotes(n)
    found = numbers(bench.measure("prices", asked))
    _judge(bench, "price", found, [exact_call_price(quote) for quote in asked])


def _integer_root(bench: Bench, n: int) -> None:
    bench.deploy()
    xs = radicands(n)
    found = numbers(bench.measure("roots", xs), "uint256[]")
    bench.expect("roots", found, [isqrt(x) for x in xs])


def _oracle_median(bench: Bench, n: int) -> None:
    bench.deploy(feed_prices(n))
    reported = [199_000_000, 200_500_000, 202_000_000]
    prices = feed_prices(n)
    medians: list[int] = []
    expected: list[int] = []
    for i, price in enumerate(reported):
        feed = (i * 2) % n
        measurement = bench.measure("report", feed, price)
        medians += decode(["uint256"], measurement.output)
        prices[feed] = price
        expected.append(sorted(prices)[n // 2])
    bench.expect("medians", medians, expected)
    _walk(bench, prices)
    bench.expect("prices", [bench.read("priceOf", feed) for feed in range(n)], prices)


def _walk(bench: Bench, prices: list[int]) -> None:
    """More reports, not measured, so that prices stand in many orders."""
    random = Random("walk")
    found: list[int] = []
    expected: list[int] = []
    for _ in range(24):
        feed, price = random.randrange(len(prices)), random.randrange(1 << 28)
        found += decode(["uint256"], bench.setup("report", feed, price))
        prices[feed] = price
        expected.append(sorted(prices)[len(prices) // 2])
    bench.expect("medians of a walk", found, expected)


def _sorting(bench: Bench, n: int) -> None:
    bench.deploy()
    given = values(n)
    if bench.variant.name == "caller":
        order = bytes(sorted(range(n), key=given.__getitem__))
        measurement = bench.measure("sort", given, order)
    else:
        measurement = bench.measure("sort", given)
    bench.expect("sorted", numbers(measurement, "uint256[]"), sorted(given))


def _each(name: str, most: int, allowed: int) -> dict[str, int]:
    return {f"{name}-{i}": allowed for i in range(most)}


# --- the experiments ------------------------------------------------------------------------------


EXPONENTIAL = Experiment(
    id="exponential",
    source=LAB / "Exponential.sol",
    drive=_exponential,
    variants=(
        Variant("series", "ExponentialBySeries", "Taylor terms until one vanishes, checked."),
        Variant("reduced", "ExponentialByReduction", "The argument below ln 2, then twenty terms."),
        Variant("rational", "ExponentialByRational", "The same reduction, then solady's quotient."),
    ),
    title="e to the power of x",
    techniques=(Technique.BLACK_SCHOLES, Technique.OPCODES),
    sizes=(1, 4, 16),
    unit="exponential",
    question="What does range reduction save before a function is approximated?",
    **words_of(LAB / "Exponential.sol"),
    tolerance=_each("exp", 16, 10**6),
)

NORMAL_CDF = Experiment(
    id="normal-cdf",
    source=LAB / "NormalCdf.sol",
    drive=_normal_cdf,
    variants=(
        Variant("series", "NormalCdfBySeries", "Marsaglia's series until a term vanishes."),
        Variant("polynomial", "NormalCdfByPolynomial", "Abramowitz and Stegun 26.2.17."),
        Variant("rational", "NormalCdfByRational", "Hart's quotient of degrees 6 and 7."),
        Variant("table", "NormalCdfByTable", "Cubic interpolation in 194 words of code."),
    ),
    title="The normal distribution function",
    techniques=(Technique.BLACK_SCHOLES,),
    sizes=(1, 4, 16),
    unit="probability",
    question="How many digits of a probability does how much gas buy?",
    **words_of(LAB / "NormalCdf.sol"),
    tolerance=_each("cdf", 16, 10**11),
)

BLACK_SCHOLES = Experiment(
    id="black-scholes",
    source=LAB / "BlackScholes.sol",
    drive=_black_scholes,
    variants=(
        Variant("series", "BlackScholesBySeries", "exp, ln and the distribution as series."),
        Variant("rational", "BlackScholesByRational", "solady's exp, ln, sqrt; Hart's quotient."),
        Variant("table", "BlackScholesByTable", "The same, with a table for the distribution."),
    ),
    title="Black-Scholes on chain",
    techniques=(Technique.BLACK_SCHOLES,),
    sizes=(1, 4, 16),
    unit="option priced",
    question="Can a contract afford to price options itself?",
    **words_of(LAB / "BlackScholes.sol"),
    tolerance=_each("price", 16, 10**12),
)

INTEGER_ROOT = Experiment(
    id="integer-root",
    source=LAB / "IntegerRoot.sol",
    drive=_integer_root,
    variants=(
        Variant("halving", "IntegerRootByHalving", "Newton's loop from half the number down."),
        Variant("seeded", "IntegerRootBySeed", "A guess by comparisons, seven unrolled steps."),
        Variant(
            "clz",
            "IntegerRootByClz",
            "A guess by counting leading zeros, six unrolled steps.",
            schedules=("osaka", "amsterdam-draft"),
            settings=Settings(evm_version="osaka"),
            source=LAB / "IntegerRootClz.sol",
        ),
    ),
    title="Integer square roots",
    techniques=(Technique.OPCODES,),
    sizes=(1, 4, 16),
    unit="root",
    question="What is a good first guess worth to Newton's method?",
    **words_of(LAB / "IntegerRoot.sol"),
)

ORACLE_MEDIAN = Experiment(
    id="oracle-median",
    source=LAB / "OracleMedian.sol",
    drive=_oracle_median,
    variants=(
        Variant("slots", "OracleMedianSlots", "A slot per feed, insertion sort."),
        Variant("packed", "OracleMedianPacked", "All feeds in one word, insertion sort."),
        Variant("network", "OracleMedianNetwork", "All feeds in one word, a selection network."),
    ),
    title="Median of several oracles",
    techniques=(Technique.ORACLE, Technique.ALIGNMENT, Technique.OPCODES),
    sizes=(3, 5, 7, 9),
    unit="feed",
    question="What does a median of n price feeds cost each time one of them reports?",
    **words_of(LAB / "OracleMedian.sol"),
    layout=("OracleMedianSlots", "OracleMedianPacked"),
)

SORTING = Experiment(
    id="sorting",
    source=LAB / "Sorting.sol",
    drive=_sorting,
    variants=(
        Variant("insertion", "SortingByInsertion", "The textbook loop, checked."),
        Variant("quick", "SortingByPartition", "Hoare's quicksort, checked, recursive."),
        Variant("network", "SortingByNetwork", "Batcher's exchange, assembly without branches."),
        Variant("library", "SortingByLibrary", "solady's quicksort in assembly."),
        Variant("caller", "SortingByCaller", "The caller hands in the order; the chain checks it."),
    ),
    title="Sorting in memory",
    techniques=(Technique.OPCODES, Technique.OFF_CHAIN),
    sizes=(2, 4, 8, 16, 32, 64),
    unit="value",
    question="Which sort is cheapest for how many values, and must the chain sort at all?",
    **words_of(LAB / "Sorting.sol"),
)

EXPERIMENTS: tuple[Experiment, ...] = (
    EXPONENTIAL,
    NORMAL_CDF,
    BLACK_SCHOLES,
    INTEGER_ROOT,
    ORACLE_MEDIAN,
    SORTING,
)
