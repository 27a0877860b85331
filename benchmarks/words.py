"""Figures as a reader sees them."""

from collections.abc import Iterable
from math import floor, log10
from typing import Final

from benchmarks.result import Result

_STEPS: Final = ((1e9, "G"), (1e6, "M"), (1e3, "k"))


def figure(value: float) -> str:
    """Three digits, and a letter for thousands and more.

    >>> figure(26_143_000), figure(950), figure(0.1234), figure(12_000), figure(0), figure(99.96)
    ('26.1 M', '950', '0.123', '12.0 k', '0', '100')
    """
    rounded = float(f"{value:.3g}")
    for step, letter in _STEPS:
        if abs(rounded) >= step:
            return f"{_digits(rounded / step)} {letter}"
    return _digits(rounded)


def _digits(value: float) -> str:
    """Three digits of a number below a thousand."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    if abs(value) < 0.001:
        return f"{value:.2e}"
    return f"{value:.{2 - floor(log10(abs(value)))}f}"


def less_is_better(unit: str) -> bool:
    """Of times, bytes, and what is counted against a number of something else."""
    return unit in ("s", "ms", "us", "ns") or unit.startswith(("bytes", "per "))


def ratio(result: Result) -> str:
    """How many times better than the other, above 1 if we are."""
    if result.other is None:
        return ""
    ours, other = result.quoin, result.other
    if less_is_better(result.unit):
        ours, other = other, ours
    times = ours / other if other else 0.0
    return f"× {_two_digits(times)}"


def _two_digits(value: float) -> str:
    rounded = float(f"{value:.2g}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:g}"


def show(results: Iterable[Result]) -> None:
    """Print results, one below the other."""
    for result in results:
        told = f"{figure(result.quoin)} {result.unit}"
        beside = ""
        if result.other is not None:
            beside = f"{figure(result.other):>10}  {ratio(result):>9}  {result.other_name}"
        print(f"  {result.benchmark + ': ' + result.case:56}{told:>20}{beside}  n {result.n}")
        detail = ", ".join(f"{key} {value}" for key, value in result.detail.items())
        if detail:
            print(f"      {detail}")
