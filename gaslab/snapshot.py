"""Committed figures: one line per case, sorted, so that a diff of the file is a review.

A line is a key and figures::

    ring-buffer/ring/n=64/prague gas=34685 execution=34685 ... slot-cold=2100 sstore-update=2900

Everything the report says is made from such rows, whether just measured or read from the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from gaslab.components import Component
from gaslab.errors import InputError
from gaslab.measurement import HIGHEST, RECORDED, SUMMED

if TYPE_CHECKING:  # rows are read without an EVM
    from gaslab.run import Case

HEADER = "# gaslab snapshot 1; written by `make gas-update`\n"
ACCURACY = "error:"  # prefix of greatest absolute errors, in units of 1e-18
_KEY = re.compile(r"([a-z0-9-]+)/([a-z0-9-]+)/n=([1-9][0-9]*)/([a-z0-9-]+)")

# In the order of a line; components follow in their own order, accuracies last.
FIGURES = (
    *SUMMED,
    *HIGHEST,
    "transactions",
    "deploy_gas",
    "code_bytes",
    "critical_path",
    "conflicts",
    "tx_bytes",
    "fastlz_bytes",
    "brotli_bytes",
    "fjord_micro",
    *RECORDED,
)
ALWAYS = frozenset({"gas", "execution", "transactions"})  # written even if zero


@dataclass(frozen=True)
class Row:
    """One case, as the snapshot has it.

    Attributes
    ----------
    experiment, variant, schedule : str
    size : int
    figures : mapping of str to int
        Names of `FIGURES`, of `Component` and of accuracies; absent means zero.
    """

    experiment: str
    variant: str
    size: int
    schedule: str
    figures: Mapping[str, int]

    @property
    def key(self) -> str:
        return f"{self.experiment}/{self.variant}/n={self.size}/{self.schedule}"

    @property
    def gas(self) -> int:
        return self.figures["gas"]

    def __getitem__(self, figure: str) -> int:
        return self.figures.get(figure, 0)

    @property
    def components(self) -> dict[Component, int]:
        """Gas by component, without zeros, in the order of `Component`."""
        return {part: self[part] for part in Component if self[part]}

    @property
    def errors(self) -> dict[str, int]:
        """Greatest absolute errors of numeric results, in units of 1e-18."""
        return {
            name.removeprefix(ACCURACY): value
            for name, value in self.figures.items()
            if name.startswith(ACCURACY)
        }

    @property
    def line(self) -> str:
        names = [name for name in FIGURES if self[name] or name in ALWAYS]
        names += [str(part) for part in Component if self[part]]
        names += sorted(name for name in self.figures if name.startswith(ACCURACY))
        return " ".join([self.key, *(f"{name}={self[name]}" for name in names)])


def row_of(case: Case) -> Row:
    """The row of a case that was just measured."""
    figures = {name: case.figures.get(name, 0) for name in FIGURES}
    figures |= {
        "deploy_gas": case.deploy_gas,
        "code_bytes": case.code_bytes,
        "critical_path": case.critical_path,
        "conflicts": case.conflicts,
        "tx_bytes": case.layer_two.tx_bytes,
        "fastlz_bytes": case.layer_two.fastlz_bytes,
        "brotli_bytes": case.layer_two.brotli_bytes,
        "fjord_micro": case.layer_two.fjord_micro,
    }
    figures |= case.figures["components"]
    for name, error in case.accuracies.items():
        figures[ACCURACY + name] = -int(-error * 10**18 // 1)  # rounded up
    return Row(case.experiment, case.variant, case.size, case.schedule, _written(figures))


def _written(figures: Mapping[str, int]) -> dict[str, int]:
    return {
        name: value
        for name, value in figures.items()
        if value or name in ALWAYS or name.startswith(ACCURACY)
    }


def parse_line(text: str, where: str = "line") -> Row:
    """The row that a line tells.

    Raises
    ------
    InputError
    """
    key, *pairs = text.split()
    found = _KEY.fullmatch(key)
    if not found:
        raise InputError(where, key, "experiment/variant/n=SIZE/schedule")
    figures: dict[str, int] = {}
    known = {*FIGURES, *map(str, Component)}
    for pair in pairs:
        name, _, value = pair.partition("=")
        if name not in known and not re.fullmatch(f"{ACCURACY}.+", name):
            raise InputError(f"{where}: {key}", name, "a figure's name")
        if not re.fullmatch(r"-?[0-9]+", value):
            raise InputError(f"{where}: {key}: {name}", value, "a whole number")
        if name in figures:
            raise InputError(f"{where}: {key}", name, "each figure once")
        figures[name] = int(value)
    experiment, variant, size, schedule = found.groups()
    row = Row(experiment, variant, int(size), schedule, figures)
    total = sum(row.components.values())
    if total != figures.get("gas"):
        allowed = f"the sum of the components, {total}"
        raise InputError(f"{where}: {key}: gas", figures.get("gas", "nothing"), allowed)
    return row


def order(row: Row) -> tuple[str, str, int, str]:
    """What rows of a file are sorted by."""
    return row.experiment, row.variant, row.size, row.schedule


def read(path: Path) -> dict[str, Row]:
    """Rows by key, in the file's order; none if there is no file.

    Raises
    ------
    InputError
        With the file's name and the line's number.
    """
    rows: dict[str, Row] = {}
    if not path.exists():
        return rows
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except UnicodeDecodeError as error:
        raise InputError(path.name, str(error), "a snapshot, which is text") from error
    for number, text in enumerate(lines, 1):
        if text.strip() and not text.startswith("#"):
            row = parse_line(text, f"{path.name}:{number}")
            if row.key in rows:
                raise InputError(f"{path.name}:{number}", row.key, "each key once")
            rows[row.key] = row
    return rows


def write(path: Path, rows: Iterable[Row]) -> None:
    """Write rows, sorted; the file changes at once or not at all."""
    text = HEADER + "".join(f"{row.line}\n" for row in sorted(rows, key=order))
    fresh = path.with_suffix(".new")
    fresh.write_text(text)
    fresh.replace(path)
