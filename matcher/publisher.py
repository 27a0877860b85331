"""Keeps the top of each book in shared memory, where `matcher.readers` finds it."""

from pathlib import Path
from typing import Final

import numpy as np
import structlog

from matcher.feed import Feed
from matcher.history import Update
from matcher.readers import TOP, VERSION
from matcher.tables import TableWriter
from matcher.views import Views

log = structlog.get_logger(__name__)

ROWS: Final = 1 << 14  # instruments; 2 MiB


class Publisher:
    """Writes what the feed tells; a row per instrument, in the order of listing.

    Parameters
    ----------
    feed : Feed
        Caught up with the journal.
    views : Views
        Of the same exchange.
    name : str
        Of the table.

    Raises
    ------
    SegmentBusy
        If another process that lives publishes under that name.
    SegmentError
        If there is no memory for it, or the name will not do.

    Notes
    -----
    It listens to the feed, so it does not raise: instruments that find no room are left out, and
    that is logged once.
    """

    def __init__(
        self, feed: Feed, views: Views, name: str, *, rows: int = ROWS, place: Path | None = None
    ):
        self._feed = feed
        self._views = views
        self._rows: dict[int, int] = {}  # by instrument
        self._listed = 0  # instruments seen, with or without a row
        self._record = np.zeros((), TOP)
        self._table = TableWriter.create(name, TOP, rows=rows, version=VERSION, place=place)
        self._take_listings(feed.sequence, feed.now)
        self._table.beat(feed.sequence)
        feed.listen(self.on_update)

    def on_update(self, update: Update) -> None:
        """Show what a command changed."""
        if self._table.segment.address == 0:
            return
        if len(self._views.by_symbol) > self._listed:
            self._take_listings(update.sequence, update.at)
        for instrument in {instrument for instrument, _, _ in update.levels}:
            if instrument in self._rows:
                self._write(instrument, update.sequence, update.at)
        self._table.beat(update.sequence)

    def close(self) -> None:
        """Publish no more; readers are told that the writer has ended."""
        self._table.close()

    def _take_listings(self, sequence: int, at: int) -> None:
        for instrument in list(self._views.by_symbol.values())[self._listed :]:
            self._listed += 1
            if len(self._rows) == self._table.capacity:
                if self._listed == self._table.capacity + 1:
                    log.warning("no room to publish more instruments", rows=self._table.capacity)
                continue
            self._rows[instrument] = len(self._rows)
            self._write(instrument, sequence, at)

    def _write(self, instrument: int, sequence: int, at: int) -> None:
        record, row = self._record, self._rows[instrument]
        record["instrument"] = instrument
        record["symbol"] = self._views.listings.lines[instrument].symbol.encode()
        record["tick_value"] = self._views.tick_value(instrument)
        for side, buy in (("bid", True), ("ask", False)):
            tick, lots, orders = self._feed.best(instrument, buy) or (0, 0, 0)
            record[f"{side}_tick"] = tick
            record[f"{side}_lots"] = lots
            record[f"{side}_orders"] = orders
        record["sequence"] = sequence
        record["at"] = at
        self._table.write(row, record)
