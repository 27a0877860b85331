"""What a running exchange shows in shared memory, for other processes of the machine and user.

A node that was started with ``--publish NAME`` keeps three tables: the best bid and ask of each
instrument, ten levels of each book, and each account's cash, equity and positions. Whoever prices
or hedges beside it copies rows when it likes, without asking the node::

    from matcher.readers import Accounts, Depths, Tops

    tops = Tops.attach("tops")
    top = tops.top("BTC-26MAR27-100000-C")
    print(top.bid.price, top.ask.price, top.sequence)
    print(Depths.attach("tops").depth("BTC-26MAR27-100000-C").asks)
    print(Accounts.attach("tops").account(2).positions)

or, from a shell, ``python -m matcher.readers tops``. A copy is whole: a row as of one moment.
Copies of two rows may be of two moments; `sequence` of a table, read before, is the least that any
row shows. A node that has ended leaves its last word behind, so ask `check_writer` now and then, or
with each copy (a few microseconds). ``docs/how-to/read-shared-memory.md`` has a whole example.
"""

from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import click
import numpy as np

from matcher.errors import QuoinError
from matcher.shared.tables import TableReader
from matcher.types import MAX_POSITIONS

VERSION: Final = 1
DEPTH_VERSION: Final = 1
ACCOUNTS_VERSION: Final = 1
SYMBOL_BYTES: Final = 32
LEVELS: Final = 10  # of each side that are shown
# tick: of the best level, 0 if the side is empty. lots, orders: at that level.
TOP: Final = np.dtype(
    [
        ("instrument", "<i8"),
        ("symbol", f"S{SYMBOL_BYTES}"),
        ("tick_value", "<i8"),  # atoms per tick per lot
        ("bid_tick", "<i8"),
        ("bid_lots", "<i8"),
        ("bid_orders", "<i8"),
        ("ask_tick", "<i8"),
        ("ask_lots", "<i8"),
        ("ask_orders", "<i8"),
        ("sequence", "<i8"),  # of the journal: the command that changed it last
        ("at", "<i8"),  # the exchange's time then, seconds
    ]
)
# bids, asks: (tick, lots, orders) of each level, best first; zeros where there is none.
DEPTH: Final = np.dtype(
    [
        ("instrument", "<i8"),
        ("symbol", f"S{SYMBOL_BYTES}"),
        ("tick_value", "<i8"),  # atoms per tick per lot
        ("bids", "<i8", (LEVELS, 3)),
        ("asks", "<i8", (LEVELS, 3)),
        ("sequence", "<i8"),
        ("at", "<i8"),
    ]
)
ACCOUNT: Final = np.dtype(
    [
        ("account", "<i8"),
        ("cash", "<i8"),  # atoms, as the next
        ("worst", "<i8"),  # the least it is worth, open orders left aside
        ("worst_with_orders", "<i8"),  # each open order filled or not
        ("exited", "<i8"),  # on its way to the chain, all ever
        ("open_orders", "<i8"),
        ("positions", "<i8"),  # how many
        ("held", "<i8", (MAX_POSITIONS, 2)),  # (instrument, lots: below 0 if short)
        ("sequence", "<i8"),
        ("at", "<i8"),
    ]
)


def depth_name(name: str) -> str:
    """Name of the table of depths that a node publishes as `name`."""
    return name + ".depth"


def accounts_name(name: str) -> str:
    """Name of the table of accounts that a node publishes as `name`."""
    return name + ".accounts"


class Level(NamedTuple):
    """A price level.

    Attributes
    ----------
    price : int
        Atoms per lot.
    tick, lots, orders : int
    """

    price: int
    tick: int
    lots: int
    orders: int


class Top(NamedTuple):
    """Best bid and ask of an instrument; None where the side is empty."""

    instrument: int
    symbol: str
    bid: Level | None
    ask: Level | None
    sequence: int
    at: int


class Depth(NamedTuple):
    """The best `LEVELS` levels of each side of a book, best first."""

    instrument: int
    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    sequence: int
    at: int


class Holdings(NamedTuple):
    """An account: what it is worth at its worst, and what it holds.

    Attributes
    ----------
    cash, worst, worst_with_orders, exited : int
        Atoms. `worst`: the least that cash and positions can come to at expiry.
    open_orders : int
    positions : dict of int to int
        Instrument to lots, below 0 if short.
    sequence : int
        Of the command that changed it last.
    at : int
        The exchange's time then, seconds.
    """

    account: int
    cash: int
    worst: int
    worst_with_orders: int
    exited: int
    open_orders: int
    positions: dict[int, int]
    sequence: int
    at: int


class _Reader:
    """One of a node's tables."""

    def __init__(self, table: TableReader):
        self._table = table

    def close(self) -> None:
        """Let go of it."""
        self._table.close()

    @property
    def sequence(self) -> int:
        """Journal sequence of the last command that was published."""
        return self._table.beat

    def check_writer(self) -> None:
        """Raise `OwnerGone` if the node has ended, in order or not."""
        self._table.check_writer()


class _Books(_Reader):
    """A table with a row for each instrument."""

    def __init__(self, table: TableReader):
        super().__init__(table)
        self._rows: dict[str, int] = {}  # by symbol; rows are never given to another

    def _record(self, symbol: str) -> np.void:
        if symbol not in self._rows:
            known = len(self._rows)
            for row, record in enumerate(self._table.rows(known)[0], known):
                self._rows[_symbol(record)] = row
        return self._table.row(self._rows[symbol])


class Tops(_Books):
    """Reads the tops of all books of a node."""

    @classmethod
    def attach(cls, name: str, place: Path | None = None) -> Self:
        """Find what a node publishes under a name.

        Raises
        ------
        SegmentMissing, SegmentMismatch, OwnerGone
        """
        return cls(TableReader.attach(name, TOP, version=VERSION, place=place))

    def top(self, symbol: str) -> Top:
        """A copy of one instrument's top.

        Raises
        ------
        KeyError
            If the node has not listed it.
        """
        return _top(self._record(symbol))

    def tops(self) -> dict[str, Top]:
        """Copies of all tops, by symbol, in the order of listing."""
        records, _ = self._table.rows()
        return {top.symbol: top for top in map(_top, records)}


class Depths(_Books):
    """Reads ten levels of each book of a node."""

    @classmethod
    def attach(cls, name: str, place: Path | None = None) -> Self:
        """Find what a node publishes under a name, as `Tops.attach`."""
        table = TableReader.attach(depth_name(name), DEPTH, version=DEPTH_VERSION, place=place)
        return cls(table)

    def depth(self, symbol: str) -> Depth:
        """A copy of one book's best levels.

        Raises
        ------
        KeyError
            If the node has not listed it.
        """
        return _depth(self._record(symbol))

    def depths(self) -> dict[str, Depth]:
        """Copies of all books' best levels, by symbol, in the order of listing."""
        records, _ = self._table.rows()
        return {depth.symbol: depth for depth in map(_depth, records)}


class Accounts(_Reader):
    """Reads what each account of a node is worth and holds."""

    def __init__(self, table: TableReader):
        super().__init__(table)
        self._rows: dict[int, int] = {}  # by account

    @classmethod
    def attach(cls, name: str, place: Path | None = None) -> Self:
        """Find what a node publishes under a name, as `Tops.attach`."""
        table = TableReader.attach(
            accounts_name(name), ACCOUNT, version=ACCOUNTS_VERSION, place=place
        )
        return cls(table)

    def account(self, account: int) -> Holdings:
        """A copy of one account.

        Raises
        ------
        KeyError
            If the node knows none of that number.
        """
        if account not in self._rows:
            known = len(self._rows)
            for row, record in enumerate(self._table.rows(known)[0], known):
                self._rows[int(record["account"])] = row
        return _holdings(self._table.row(self._rows[account]))

    def accounts(self) -> dict[int, Holdings]:
        """Copies of all accounts, by number, in the order of their opening."""
        records, _ = self._table.rows()
        return {one.account: one for one in map(_holdings, records)}


# --- records --------------------------------------------------------------------------------------


def _symbol(record: Any) -> str:
    return bytes(record["symbol"]).decode()


def _top(record: Any) -> Top:
    return Top(
        int(record["instrument"]),
        _symbol(record),
        _level(record, "bid"),
        _level(record, "ask"),
        int(record["sequence"]),
        int(record["at"]),
    )


def _level(record: Any, side: str) -> Level | None:
    orders = int(record[f"{side}_orders"])
    if orders == 0:
        return None
    tick = int(record[f"{side}_tick"])
    return Level(tick * int(record["tick_value"]), tick, int(record[f"{side}_lots"]), orders)


def _depth(record: Any) -> Depth:
    value = int(record["tick_value"])
    bids, asks = (
        tuple(
            Level(tick * value, tick, lots, orders)
            for tick, lots, orders in record[side].tolist()
            if orders
        )
        for side in ("bids", "asks")
    )
    return Depth(
        int(record["instrument"]),
        _symbol(record),
        bids,
        asks,
        int(record["sequence"]),
        int(record["at"]),
    )


def _holdings(record: Any) -> Holdings:
    held = record["held"].tolist()[: int(record["positions"])]
    return Holdings(
        int(record["account"]),
        int(record["cash"]),
        int(record["worst"]),
        int(record["worst_with_orders"]),
        int(record["exited"]),
        int(record["open_orders"]),
        dict(held),
        int(record["sequence"]),
        int(record["at"]),
    )


# --- the command ----------------------------------------------------------------------------------


def _side(level: Level | None) -> str:
    return f"{'-':>24}" if level is None else f"{level.price:>14,} x{level.lots:>8,}"


@click.command()
@click.argument("name")
@click.option("--depth", metavar="SYMBOL", help="Show ten levels of one book.")
@click.option("--accounts", is_flag=True, help="Show what each account is worth and holds.")
@click.option(
    "--place",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the segments; by default this user's.",
)
def cli(name: str, depth: str | None, accounts: bool, place: Path | None) -> None:
    """Show the best bid and ask of each instrument that a node publishes as NAME.

    Prices are atoms per lot.
    """
    try:
        if accounts:
            lines = _accounts_text(Accounts.attach(name, place))
        elif depth is not None:
            lines = _depth_text(Depths.attach(name, place), depth)
        else:
            lines = _tops_text(Tops.attach(name, place))
    except QuoinError as error:
        raise click.ClickException(str(error)) from None
    click.echo("\n".join(lines))


def _head(reader: _Reader, columns: str) -> str:
    return f"{'after command ' + str(reader.sequence):<28}{columns}"


def _tops_text(tops: Tops) -> list[str]:
    lines = [_head(tops, f"{'bid x lots':>24}  {'ask x lots':>24}")]
    lines += [f"{top.symbol:<28}{_side(top.bid)}  {_side(top.ask)}" for top in tops.tops().values()]
    tops.check_writer()
    return lines


def _depth_text(depths: Depths, symbol: str) -> list[str]:
    lines = [_head(depths, f"{'bid x lots':>24}  {'ask x lots':>24}")]
    found = depths.depths()
    if symbol not in found:
        raise click.ClickException(f"symbol: found {symbol!r}, allowed {', '.join(found)}")
    depth = found[symbol]
    for i in range(max(len(depth.bids), len(depth.asks))):
        bid, ask = (side[i] if i < len(side) else None for side in (depth.bids, depth.asks))
        lines.append(f"{'':<28}{_side(bid)}  {_side(ask)}")
    depths.check_writer()
    return lines


def _accounts_text(accounts: Accounts) -> list[str]:
    columns = f"{'cash':>20}{'worst':>20}{'with orders':>20}{'orders':>8}  positions"
    lines = [_head(accounts, columns)]
    for one in accounts.accounts().values():
        held = " ".join(f"{instrument}:{lots:+,}" for instrument, lots in one.positions.items())
        lines.append(
            f"{one.account:<28}{one.cash:>20,}{one.worst:>20,}{one.worst_with_orders:>20,}"
            f"{one.open_orders:>8,}  {held}"
        )
    accounts.check_writer()
    return lines


if __name__ == "__main__":
    cli()
