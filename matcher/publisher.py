"""Keeps books and accounts in shared memory, where `matcher.readers` finds them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import structlog

from matcher import commands as c
from matcher.board import Board
from matcher.feed import Feed
from matcher.history import Update
from matcher.readers import (
    ACCOUNT,
    ACCOUNTS_VERSION,
    DEPTH,
    DEPTH_VERSION,
    LEVELS,
    TOP,
    VERSION,
    accounts_name,
    depth_name,
)
from matcher.shared.tables import TableWriter

log = structlog.get_logger(__name__)

ROWS: Final = 1 << 14  # instruments; 2 MiB of tops, 10 MiB of depths
ACCOUNTS: Final = 1 << 14  # 10 MiB


class Publisher:
    """Writes what the feed tells: a row per instrument and per account, in the order of coming.

    Parameters
    ----------
    feed : Feed
        Caught up with the journal.
    views : Board
        Of the same exchange.
    name : str
        Of the table of tops; the others' begin with it.
    at_once : bool
        Show what a command changed right after it. Without it only `flush` shows anything, so that
        what many commands changed is written once.

    Raises
    ------
    SegmentBusy
        If another process that lives publishes under that name.
    SegmentError
        If there is no memory for it, or the name will not do.

    Notes
    -----
    It listens to the feed, so it does not raise: instruments and accounts that find no room are
    left out, and that is logged once.
    """

    def __init__(
        self,
        feed: Feed,
        views: Board,
        name: str,
        *,
        rows: int = ROWS,
        accounts: int = ACCOUNTS,
        place: Path | None = None,
        at_once: bool = True,
    ):
        self._feed = feed
        self._views = views
        self._at_once = at_once
        self._rates_as_of = views.built_at
        self._dirty_books: set[int] = set()
        self._dirty_accounts: set[int] = set()
        self._sequence, self._at = feed.sequence, feed.now
        self._tables: list[TableWriter] = []
        try:
            self._tops = self._create(name, TOP, rows, VERSION, place)
            self._depths = self._create(depth_name(name), DEPTH, rows, DEPTH_VERSION, place)
            self._accounts = self._create(
                accounts_name(name), ACCOUNT, accounts, ACCOUNTS_VERSION, place
            )
        except Exception:
            self.close()
            raise
        self._books = _Rows("instruments", rows)
        self._owners = _Rows("accounts", accounts)
        self._top, self._depth = np.zeros((), TOP), np.zeros((), DEPTH)
        self._account = np.zeros((), ACCOUNT)
        self.flush()
        feed.listen(self.on_update)

    def _create(
        self, name: str, record: "np.dtype[Any]", rows: int, version: int, place: Path | None
    ) -> TableWriter:
        table = TableWriter.create(name, record, rows=rows, version=version, place=place)
        self._tables.append(table)
        return table

    def close(self) -> None:
        """Publish no more; readers are told that the writer has ended."""
        for table in self._tables:
            table.close()

    # --- what changed -----------------------------------------------------------------------------

    def on_update(self, update: Update) -> None:
        """Note what a command changed."""
        if self._tops.segment.address == 0:
            return
        self._sequence, self._at = update.sequence, update.at
        self._dirty_books.update(instrument for instrument, _, _ in update.levels)
        accounts = self._dirty_accounts
        accounts.update(account for account, _ in update.orders)
        for fill in update.fills:
            accounts.update((fill.trade.taker, fill.trade.maker, 0))  # fees go to account 0
        for movement in update.movements:
            accounts.update((movement.account, movement.target or movement.account))
        if self._rates_changed(update.command):
            accounts.update(self._owners.rows)
        if self._at_once:
            self.flush()

    def _rates_changed(self, command: c.Command | None) -> bool:
        """Whether open orders are charged at other rates than before: at their worst, that is."""
        if isinstance(command, c.FeesSet):
            return True
        if not isinstance(command, c.OpenBatch):
            return False
        before, self._rates_as_of = self._rates_as_of, self._views.built_at
        return any(
            before < fees.active_at <= self._rates_as_of for fees in self._views.fees.values()
        )

    # --- showing it -------------------------------------------------------------------------------

    def flush(self) -> None:
        """Show whatever has changed since the last call."""
        if self._tops.segment.address == 0:
            return
        views = self._views
        if len(views.by_symbol) > self._books.seen:
            self._dirty_books.update(self._books.take(list(views.by_symbol.values())))
        if len(views.accounts) > self._owners.seen:
            self._dirty_accounts.update(self._owners.take(list(views.accounts)))
        for instrument in self._dirty_books:
            if instrument in self._books.rows:
                self._write_book(instrument, self._books.rows[instrument])
        for account in self._dirty_accounts:
            if account in self._owners.rows:
                self._write_account(account, self._owners.rows[account])
        self._dirty_books.clear()
        self._dirty_accounts.clear()
        for table in self._tables:
            table.beat(self._sequence)

    def _write_book(self, instrument: int, row: int) -> None:
        bids, asks = self._views.book(instrument, LEVELS)
        for record, table in ((self._top, self._tops), (self._depth, self._depths)):
            record["instrument"] = instrument
            record["symbol"] = self._views.listings.lines[instrument].symbol.encode()
            record["tick_value"] = self._views.tick_value(instrument)
            record["sequence"] = self._sequence
            record["at"] = self._at
            if record is self._top:
                for side, levels in (("bid", bids), ("ask", asks)):
                    best = levels[0] if levels else (0, 0, 0)
                    for field, number in zip(("tick", "lots", "orders"), best, strict=True):
                        record[f"{side}_{field}"] = number
            else:
                for side, levels in (("bids", bids), ("asks", asks)):
                    record[side] = 0
                    for place, level in enumerate(levels):
                        record[side][place] = level
            table.write(row, record)

    def _write_account(self, account: int, row: int) -> None:
        found, record = self._views.account_view(account), self._account
        record["account"] = account
        for field in ("cash", "worst", "worst_with_orders", "exited", "open_orders"):
            record[field] = getattr(found, field)
        record["positions"] = len(found.positions)
        record["held"] = 0
        for place, position in enumerate(found.positions.items()):
            record["held"][place] = position
        record["sequence"] = self._sequence
        record["at"] = self._at
        self._accounts.write(row, record)


class _Rows:
    """Which row is whose.

    Attributes
    ----------
    rows : dict of int to int
    seen : int
        How many were there, with a row or without.
    """

    def __init__(self, what: str, most: int):
        self.rows: dict[int, int] = {}
        self.seen = 0
        self._what = what
        self._most = most

    def take(self, everybody: Sequence[int]) -> list[int]:
        """Give rows to those who are new, in their order; who got one."""
        new = everybody[self.seen :]
        given = new[: max(0, self._most - len(self.rows))]
        if len(given) < len(new) and self.seen <= self._most:
            log.warning(f"no room to publish more {self._what}", rows=self._most)
        for one in given:
            self.rows[one] = len(self.rows)
        self.seen = len(everybody)
        return list(given)
