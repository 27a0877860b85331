"""What a running exchange shows in shared memory, for other processes of the machine and user.

A node that was started with ``--publish NAME`` keeps the best bid and ask of each instrument in a
table. Whoever prices or hedges beside it copies them when it likes, without asking the node::

    from matcher.readers import Tops

    tops = Tops.attach("tops")
    top = tops.top("BTC-26MAR27-100000-C")
    print(top.bid.price, top.ask.price, top.sequence)

or, from a shell, ``python -m matcher.readers tops``. A copy is whole: bid and ask of one moment.
Copies of two instruments may be of two moments; `Tops.sequence`, read before, is the least that
either shows. A node that has ended leaves its last word behind, so ask `Tops.check_writer` now and
then, or with each copy (a few microseconds).
"""

from pathlib import Path
from typing import Any, Final, NamedTuple

import click
import numpy as np

from matcher.errors import QuoinError
from matcher.tables import TableReader

VERSION: Final = 1
SYMBOL_BYTES: Final = 32
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


class Level(NamedTuple):
    """The best level of a side.

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


class Tops:
    """Reads the tops of all books of a node."""

    def __init__(self, table: TableReader):
        self._table = table
        self._rows: dict[str, int] = {}  # by symbol; rows are never given to another

    @classmethod
    def attach(cls, name: str, place: Path | None = None) -> "Tops":
        """Find what a node publishes under a name.

        Raises
        ------
        SegmentMissing, SegmentMismatch, OwnerGone
        """
        return cls(TableReader.attach(name, TOP, version=VERSION, place=place))

    def close(self) -> None:
        """Let go of it."""
        self._table.close()

    @property
    def sequence(self) -> int:
        """Journal sequence of the last command that was published."""
        return self._table.beat

    def top(self, symbol: str) -> Top:
        """A copy of one instrument's top.

        Raises
        ------
        KeyError
            If the node has not listed it.
        """
        if symbol not in self._rows:
            self._learn()
        return _top(self._table.row(self._rows[symbol]))

    def tops(self) -> dict[str, Top]:
        """Copies of all tops, by symbol, in the order of listing."""
        records, _ = self._table.rows()
        return {top.symbol: top for top in map(_top, records)}

    def check_writer(self) -> None:
        """Raise `OwnerGone` if the node has ended, in order or not."""
        self._table.check_writer()

    def _learn(self) -> None:
        known = len(self._rows)
        for row, record in enumerate(self._table.rows(known)[0], known):
            self._rows[_top(record).symbol] = row


def _top(record: Any) -> Top:
    return Top(
        int(record["instrument"]),
        bytes(record["symbol"]).decode(),
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


# --- the command --------------------------------------------------------------------------------


def _side(level: Level | None) -> str:
    return f"{'-':>24}" if level is None else f"{level.price:>14,} x{level.lots:>8,}"


@click.command()
@click.argument("name")
@click.option(
    "--place",
    type=click.Path(path_type=Path, file_okay=False),
    help="Directory of the segments; by default this user's.",
)
def cli(name: str, place: Path | None) -> None:
    """Show the best bid and ask of each instrument that a node publishes as NAME.

    Prices are atoms per lot.
    """
    try:
        tops = Tops.attach(name, place)
        sequence, found = tops.sequence, tops.tops()
        tops.check_writer()
    except QuoinError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{'after command ' + str(sequence):<28}{'bid x lots':>24}  {'ask x lots':>24}")
    for top in found.values():
        click.echo(f"{top.symbol:<28}{_side(top.bid)}  {_side(top.ask)}")


if __name__ == "__main__":
    cli()
