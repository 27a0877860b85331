"""Who agreed with the lab on how many transactions: a small table that is committed."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gaslab.schedule import NAMES

HERE = Path(__file__).parent
SNAPSHOT = HERE.parents[1] / "tests" / "gas" / "gaslab.snap"
SOURCES = ("catalogue", "product", "random")


def snapshot_hash(path: Path = SNAPSHOT) -> str:
    """Short word for the lab's committed figures."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12] if path.is_file() else "none"


@dataclass
class Agreement:
    """One engine under one schedule.

    Attributes
    ----------
    engine, version, schedule : str
    compared : Counter of str
        Transactions, by where they come from (`SOURCES`).
    refused : int
        Of them, those that the engine would take into no block, and the lab neither.
    left_out : int
        Transactions that the engine could not be asked.
    disagreeing : int
    snapshot : str
        Short hash of the lab's committed figures when this was compared.
    """

    engine: str
    version: str
    schedule: str
    compared: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    left_out: int = 0
    disagreeing: int = 0
    snapshot: str = field(default_factory=snapshot_hash)

    @property
    def total(self) -> int:
        return self.compared.total()

    @property
    def agreeing(self) -> int:
        return self.total - self.disagreeing


def write(found: Sequence[Agreement], folder: Path = HERE) -> None:
    """Write ``agreement.json`` and ``agreement.md``."""
    rows = [
        {**vars(one), "agreeing": one.agreeing, "total": one.total} for one in sorted_rows(found)
    ]
    content = {"snapshots": _snapshots(found), "rows": rows}
    (folder / "agreement.json").write_text(json.dumps(content, indent=2) + "\n")
    (folder / "agreement.md").write_text(markdown(found))


def others(found: Sequence[Agreement], folder: Path = HERE) -> list[Agreement]:
    """What was written before of schedules and engines that are not compared now."""
    path = folder / "agreement.json"
    if not path.is_file():
        return []
    compared = {(one.engine, one.schedule) for one in found}
    kept = []
    for row in json.loads(path.read_text())["rows"]:
        fields = {name: row[name] for name in row if name not in ("agreeing", "total")}
        one = Agreement(**{**fields, "compared": Counter(fields["compared"])})
        if (one.engine, one.schedule) not in compared:
            kept.append(one)
    return kept


def _snapshots(found: Sequence[Agreement]) -> list[str]:
    return sorted({one.snapshot for one in found})


def sorted_rows(found: Sequence[Agreement]) -> list[Agreement]:
    """By schedule as they followed each other, then by engine."""
    return sorted(found, key=lambda one: (NAMES.index(one.schedule), one.engine))


def markdown(found: Sequence[Agreement]) -> str:
    """The table, and what stands under it."""
    head = ["Schedule", "Engine", *map(str.capitalize, SOURCES), "Agreeing"]
    lines = [f"| {' | '.join(head)} |", "|---|---|" + "---:|" * (len(head) - 2)]
    for one in sorted_rows(found):
        counts = [f"{one.compared[source]:,}" for source in SOURCES]
        agreeing = f"{one.agreeing:,} of {one.total:,}"
        cells = [one.schedule, f"{one.engine} {one.version}", *counts, agreeing]
        lines.append(f"| {' | '.join(cells)} |")
    return (
        "<!-- Written by `make crosscheck`. -->\n\n"
        + "\n".join(lines)
        + "\n\nTransactions whose gas, status and logs, and whose storage in the end, the lab and "
        "the engine agree on.\nAs of the lab's snapshot "
        + ", ".join(f"`{one}`" for one in _snapshots(found))
        + ". Left out where an engine cannot be asked: "
        f"{sum(one.left_out for one in found):,}\n(anvil takes no blob transaction without its "
        "blobs, and no hashes of blocks that it did not make).\n"
    )
