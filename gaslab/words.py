"""Numbers as a reader sees them. Whole numbers come in; rounding is for words alone."""

from __future__ import annotations

from collections.abc import Sequence

_SHORT = ((10**9, "G"), (10**6, "M"), (10**3, "k"))


def grouped(number: int) -> str:
    """``1,234,567``; a real minus sign.

    >>> grouped(-1234567)
    '−1,234,567'
    """
    return f"{number:,}".replace("-", "−")


def signed(number: int) -> str:
    """With its sign, unless it is zero.

    >>> signed(1234), signed(0), signed(-5)
    ('+1,234', '0', '−5')
    """
    return ("+" if number > 0 else "") + grouped(number)


def percent(part: int, whole: int) -> str:
    """One decimal, half away from zero; never 0 or 100 for what is only close to it.

    >>> percent(1, 3), percent(-1, 3), percent(1, 10**6), percent(999_999, 10**6)
    ('33.3 %', '−33.3 %', 'under 0.1 %', 'over 99.9 %')
    """
    if whole <= 0:
        raise ValueError(f"percent of {whole}")
    tenths = (2000 * abs(part) + whole) // (2 * whole)
    minus = "−" if part < 0 else ""
    if part and not tenths:
        return f"{minus}under 0.1 %"
    if tenths == 1000 and abs(part) < whole:
        return f"{minus}over 99.9 %"
    return f"{minus}{tenths // 10:,}.{tenths % 10} %"


def change(found: int, base: int) -> str:
    """How far ``found`` lies from ``base``, for a narrow column.

    >>> change(60, 100), change(100, 100), change(350, 100), change(5_000, 100), change(1, 700)
    ('−40 %', '0', '+250 %', '×50', '÷700')
    """
    if found == base:
        return "0"
    if found >= 10 * base > 0:
        return f"×{(2 * found + base) // (2 * base):,}"
    if 0 < 100 * found <= base:
        return f"÷{(2 * base + found) // (2 * found):,}"
    part = abs(found - base)
    sign = "+" if found > base else "−"
    whole = (200 * part + base) // (2 * base)
    if 10 <= whole <= 95 or (found > base >= part // 10 and whole >= 10):
        return f"{sign}{whole:,} %"
    tenths = (2000 * part + base) // (2 * base)
    return f"{sign}{tenths // 10}.{tenths % 10} %" if tenths else f"{sign}<0.1 %"


def each(gas: int, items: int) -> str:
    """Gas of one item: a decimal below a thousand, none above.

    >>> each(17223, 64), each(-10, 4), each(10**6, 3)
    ('269.1', '−2.5', '333,333')
    """
    sign, gas = ("−" if gas < 0 else ""), abs(gas)
    if gas >= 1000 * items:
        return sign + f"{(2 * gas + items) // (2 * items):,}"
    tenths = (20 * gas + items) // (2 * items)
    if gas and not tenths:
        return f"{sign}under 0.1"
    return f"{sign}{tenths // 10:,}.{tenths % 10}"


def short(number: int) -> str:
    """Three digits and a letter, for the labels of a plot.

    >>> short(950), short(1000), short(12_345), short(2_950_000), short(-4800)
    ('950', '1k', '12.3k', '2.95M', '−4.8k')
    """
    sign, rest = ("−" if number < 0 else ""), abs(number)
    for unit, letter in _SHORT:
        if rest * 1000 >= unit * 999.5:
            digits = 2 if rest < 10 * unit else 1 if rest < 100 * unit else 0
            text = f"{rest / unit:.{digits}f}"
            return sign + (text.rstrip("0").rstrip(".") if "." in text else text) + letter
    return f"{sign}{rest}"


def listed(names: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"


def scientific(units: int, digits: int = 2) -> str:
    """A number in units of 1e-18.

    >>> scientific(33_100_000_000), scientific(0), scientific(10**18), scientific(1)
    ('3.3e-8', '0', '1', '1e-18')
    """
    if not units:
        return "0"
    mantissa, _, exponent = f"{units * 1e-18:.{digits - 1}e}".partition("e")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa if not int(exponent) else f"{mantissa}e{int(exponent)}"
