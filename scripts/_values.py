"""What is typed on a command line, to what the contracts take, and back."""

import re
from datetime import UTC, datetime
from typing import Any, Final

import click

ATOM_DECIMALS: Final = 6
_DECIMAL: Final = re.compile(r"(0|[1-9]\d*)(?:\.(\d{1,6}))?", re.ASCII)


class Atoms(click.ParamType):
    """An amount or price in whole tokens, at most six decimals: ``12.50``. Exact, never a float."""

    name = "amount"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        match = _DECIMAL.fullmatch(value)
        if match is None:
            self.fail(f"found {value!r}, allowed a number with at most six decimals", param, ctx)
        whole, fraction = match.group(1), match.group(2) or ""
        return int(whole) * 10**ATOM_DECIMALS + int(fraction.ljust(ATOM_DECIMALS, "0"))


class Day(click.ParamType):
    """A day, ``2027-03-26``: the expiry at 08:00 UTC, in hours since the epoch."""

    name = "day"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            day = datetime.strptime(value, "%Y-%m-%d").replace(hour=8, tzinfo=UTC)
        except ValueError:
            self.fail(f"found {value!r}, allowed a day such as 2027-03-26", param, ctx)
        return int(day.timestamp()) // 3600


class Address(click.ParamType):
    """An address of 20 bytes."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        from web3 import Web3

        if not Web3.is_address(value):
            self.fail(f"found {value!r}, allowed 0x and 40 hex digits", param, ctx)
        return str(Web3.to_checksum_address(value))


ATOMS: Final = Atoms()
DAY: Final = Day()
ADDRESS: Final = Address()


def tokens(atoms: int) -> str:
    """``12500000`` as ``12.500000``."""
    whole, rest = divmod(abs(atoms), 10**ATOM_DECIMALS)
    return f"{'-' if atoms < 0 else ''}{whole:,}.{rest:06d}"


def moment(seconds: int) -> str:
    """``2027-03-26 08:00:00 UTC``; never, for 0."""
    if not seconds:
        return "never"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
