"""The committed figures as a test meets them: compare a row, or take it over."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from gaslab import snapshot
from gaslab.diff import Change, Verdict, judge
from gaslab.errors import MeterBroken
from gaslab.snapshot import Row


class FiguresDiffer(AssertionError):
    """A case is not what is committed, or above its limit."""


HEADLINES = {
    Verdict.WORSE: "costs more than is committed",
    Verdict.TRADED: "costs less gas than is committed, but more of something else",
    Verdict.BETTER: "costs less than is committed: the snapshot is stale",
    Verdict.CHANGED: "costs the same, but the figures are not those committed",
}


def explain(change: Change) -> str:
    """The figures that moved, a line each."""
    moved = [(move.name, move.before, move.after, move.by, move.allowed) for move in change.moves]
    rows = [("", "committed", "now", "change", "allowed")]
    rows += [
        (name, f"{before:,}", f"{after:,}", f"{by:+,}", f"{allowed:,}" if allowed else "none")
        for name, before, after, by, allowed in moved
    ]
    widths = [max(len(row[column]) for row in rows) for column in range(5)]
    return "\n".join(
        "  "
        + row[0].ljust(widths[0])
        + "".join(f"  {cell.rjust(width)}" for cell, width in zip(row[1:], widths[1:], strict=True))
        for row in rows
    )


class Committed:
    """The snapshot of a project.

    Parameters
    ----------
    path : Path
        Its file; it need not exist.
    update : bool
        Whether figures are taken over and not compared.
    command : str
        What a reader is told to run when a change is meant.
    """

    def __init__(self, path: Path, *, update: bool = False, command: str = "--gaslab-update"):
        self.path = path
        self.update = update
        self.command = command
        self.rows = snapshot.read(path)

    def check(
        self,
        row: Row,
        *,
        limit: int | Mapping[str, int] | None = None,
        tolerance: Mapping[str, int] | None = None,
    ) -> None:
        """Compare a row with its limits, and with what is committed unless that is to be updated.

        Parameters
        ----------
        limit : int or mapping of str to int
            Most gas, or most of each figure.
        tolerance : mapping of str to int
            By how much figures may differ; 0 for those not named (see `gaslab.diff.allowance`).

        Raises
        ------
        FiguresDiffer
        MeterBroken
            The row's components do not sum to its gas.
        """
        __tracebackhide__ = True
        if sum(row.components.values()) != row.gas:
            total = sum(row.components.values())
            raise MeterBroken(f"{row.key}: components sum to {total}, gas is {row.gas}")
        limits = {"gas": limit} if isinstance(limit, int) else limit or {}
        for name, most in limits.items():
            if row[name] > most:
                raise FiguresDiffer(f"{row.key}: {name} is {row[name]:,}, allowed {most:,}")
        if self.update:
            return
        before = self.rows.get(row.key)
        if before is None:
            raise FiguresDiffer(f"{self._at(row)} is not in the snapshot.\n{self._advice}")
        change = judge(before, row, tolerance)
        if change.verdict != Verdict.SAME:
            raise FiguresDiffer(
                f"{self._at(row)} {HEADLINES[change.verdict]}.\n{explain(change)}\n{self._advice}"
            )

    def _at(self, row: Row) -> str:
        return f"{self.path.name}: {row.key}"

    @property
    def _advice(self) -> str:
        return f"If the change is meant: {self.command}"

    def merge(self, rows: Iterable[Row]) -> None:
        """Take rows over into the file, whatever other processes write meanwhile."""
        with self._alone():
            self.rows = snapshot.read(self.path) | {row.key: row for row in rows}
            snapshot.write(self.path, self.rows.values())

    def keep(self, keys: Collection[str]) -> list[str]:
        """Leave only these cases in the file; which ones went."""
        with self._alone():
            found = snapshot.read(self.path)
            gone = [key for key in found if key not in keys]
            if gone:
                self.rows = {key: row for key, row in found.items() if key in keys}
                snapshot.write(self.path, self.rows.values())
        return gone

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """One process at a time. The folder is locked, so that no lock file is left behind."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        folder = os.open(self.path.parent, os.O_RDONLY)
        try:
            fcntl.flock(folder, fcntl.LOCK_EX)
            yield
        finally:
            os.close(folder)
