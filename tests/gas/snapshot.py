"""Committed figures of one test module; how tests use them stands in conftest.py."""

import json
from pathlib import Path
from typing import Any

from tests.gas.meter import Measured


class Snapshot:
    """The committed figures of one test module.

    Parameters
    ----------
    path : Path
        The JSON file: case -> figures.
    update : bool
        Write instead of compare.
    """

    def __init__(self, path: Path, update: bool):
        self.path = path
        self.update = update
        self.committed: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
        self.seen: dict[str, dict[str, int]] = {}

    def check(self, case: str, measured: Measured, *, limit: int) -> None:
        """Compare one transaction with its limit (gas) and with what is committed."""
        self.check_figures(case, measured.figures(), measured.gas, limit=limit)

    def check_figures(self, case: str, figures: dict[str, int], gas: int, *, limit: int) -> None:
        """The same for figures of another kind, e.g. of a view."""
        assert case not in self.seen, f"{case}: measured twice"
        self.seen[case] = figures
        assert gas <= limit, f"{case}: {gas} gas, allowed {limit}"
        if not self.update:
            assert figures == self.committed.get(case), (
                f"{case}: the committed figures are others; if the change is meant:"
                " pytest tests/gas --gas-update"
            )

    def close(self, *, complete: bool) -> None:
        """Write the file, or see that it holds no case that no test measures any more."""
        kept = {} if complete else self.committed
        if self.update:
            text = json.dumps({**kept, **self.seen}, indent=1, sort_keys=True)
            self.path.parent.mkdir(exist_ok=True)
            self.path.write_text(text + "\n")
        elif complete:
            stale = sorted(self.committed.keys() - self.seen.keys())
            assert not stale, f"{self.path.name} holds cases that no test measures: {stale}"
