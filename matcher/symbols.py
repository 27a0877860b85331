"""Symbols of instruments (section 14): ``BTC-26MAR27-100000-C``, one spelling each."""

import datetime
from typing import Final

from matcher.types import InstrumentKind

_MONTHS: Final = (
    "JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC",
)  # fmt: skip
_EPOCH: Final = datetime.date(1970, 1, 1).toordinal()
_LETTERS: Final = {InstrumentKind.CALL: "C", InstrumentKind.PUT: "P"}


def symbol(name: str, kind: int, expiry: int, strike: int) -> str:
    """Symbol of an instrument.

    Parameters
    ----------
    name : str
        Of the market.
    kind : int
        InstrumentKind.
    expiry : int
        Hours since the epoch; the chain lists 08:00 UTC only, so the day tells it.
    strike : int
        Strike steps.
    """
    day = datetime.date.fromordinal(_EPOCH + expiry // 24)
    month = _MONTHS[day.month - 1]
    letter = _LETTERS[InstrumentKind(kind)]
    return f"{name}-{day.day}{month}{day.year % 100:02d}-{strike}-{letter}"
