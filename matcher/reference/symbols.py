"""Symbols of instruments (sections 4 and 14): ``BTC-26MAR27-100000-C``, one spelling each."""

import re
from datetime import UTC, datetime

from matcher.errors import ProtocolError
from matcher.types import U24, InstrumentKind

MONTHS = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
LETTERS = {InstrumentKind.CALL: "C", InstrumentKind.PUT: "P"}
PATTERN = re.compile(
    r"([A-Z0-9]{2,8})-([1-9][0-9]?)([A-Z]{3})([0-9]{2})-(0|[1-9][0-9]{0,7})-([CP])"
)
EXPIRY_HOUR = 8  # 08:00 UTC
YEARS = range(2000, 2100)  # two digits name the year


def symbol(name: str, kind: int, expiry: int, strike: int) -> str:
    """Symbol of an instrument.

    Parameters
    ----------
    name : str
        Of the market.
    kind : int
        InstrumentKind.
    expiry : int
        Hours since the epoch; at 08:00 UTC, years 2000 to 2099.
    strike : int
        Strike steps.
    """
    if not re.fullmatch(r"[A-Z0-9]{2,8}", name):
        raise ProtocolError(f"name: found {name!r}, allowed 2 to 8 of A-Z and 0-9")
    if kind not in LETTERS:
        raise ProtocolError(f"kind: found {kind}, allowed 0 (call) or 1 (put)")
    if not 0 <= strike <= U24:
        raise ProtocolError(f"strike: found {strike}, allowed 0 to 2^24 - 1")
    day = datetime.fromtimestamp(expiry * 3600, UTC)
    if day.hour != EXPIRY_HOUR or day.year not in YEARS:
        raise ProtocolError(f"expiry: found {day:%Y-%m-%d %H:00}, allowed 08:00 UTC, 2000 to 2099")
    date = f"{day.day}{MONTHS[day.month - 1]}{day.year % 100:02d}"
    return f"{name}-{date}-{strike}-{LETTERS[InstrumentKind(kind)]}"


def parse(text: str) -> tuple[str, int, int, int]:
    """(name, kind, expiry, strike) of a symbol.

    Raises
    ------
    ProtocolError
        If it is no symbol, or not the one spelling of its instrument.
    """
    match = PATTERN.fullmatch(text)
    if not match:
        raise ProtocolError(f"symbol: found {text!r}, allowed NAME-DMMMYY-STRIKE-C|P")
    name, day, month, year, strike, letter = match.groups()
    try:
        at = datetime(2000 + int(year), MONTHS.index(month) + 1, int(day), EXPIRY_HOUR, tzinfo=UTC)
    except ValueError as error:
        raise ProtocolError(f"symbol: found {text!r}, allowed a date that exists") from error
    kind = InstrumentKind.CALL if letter == "C" else InstrumentKind.PUT
    expiry = int(at.timestamp()) // 3600
    if symbol(name, kind, expiry, int(strike)) != text:
        raise ProtocolError(f"symbol: found {text!r}, not the one spelling")
    return name, int(kind), expiry, int(strike)
