"""An experiment's results as text: a table of gas, what it is made of, and the verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from gaslab.components import Component
from gaslab.experiment import Experiment
from gaslab.results import Results
from gaslab.rollups import Prices
from gaslab.run import Case
from gaslab.snapshot import Row, row_of
from gaslab.verdicts import verdicts_of
from gaslab.words import change, grouped

# Figures besides gas: what they are called, by their names in a row.
FIGURES = {
    "deploy_gas": "deploy gas",
    "code_bytes": "code bytes",
    "memory_peak_bytes": "memory peak",
    "slots_created": "slots created",
    "slots_changed": "slots changed",
    "slots_cleared": "slots cleared",
    "state_bytes_grown": "state bytes grown",
    "calldata_bytes": "calldata bytes",
    "tx_bytes": "signed bytes",
    "fastlz_bytes": "after FastLZ",
    "brotli_bytes": "after brotli",
    "critical_path": "critical path",
}


def results_of(experiment: Experiment, cases: Sequence[Case]) -> Results:
    """Cases of one experiment, ready to be compared; the last schedule that is no draft leads."""
    names = list(dict.fromkeys(case.schedule for case in cases))
    plain = [name for name in names if not name.endswith("-draft")]
    return Results(experiment, map(row_of, cases), names, plain[-1] if plain else names[-1])


def as_text(results: Results, cases: Sequence[Case], prices: Prices | None = None) -> str:
    """All that a terminal shows of an experiment."""
    parts = [
        results.experiment.title,
        results.experiment.question,
        "\n".join(aligned(_gas(results), 2)),
        "\n".join(_composition(results)),
        "\n".join(_money(results, cases, prices)) if prices else "",
        "\n".join(f"- {verdict.sentence}" for verdict in verdicts_of(results)),
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def aligned(rows: Sequence[Sequence[str]], left: int = 1) -> list[str]:
    """Columns of equal width, the first `left` of them flush left, under a ruled head."""
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = (
            cell.ljust(width) if k < left else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        lines.append("  ".join(cells).rstrip())
    lines.insert(1, "  ".join("-" * width for width in widths))
    return lines


def _gas(results: Results) -> list[list[str]]:
    """Gas by size and variant, a column for each schedule, and how far it is from the baseline."""
    heads = ["N", "variant"]
    for schedule in results.schedules:
        heads += [schedule, ""]
    rows = [heads]
    for size in sorted({row.size for row in results.rows}):
        for variant in results.experiment.variants:
            cells = [grouped(size), variant.name + (" *" if variant.differs else "")]
            for schedule in results.schedules:
                row = results.at(variant.name, size, schedule)
                pair = results.pair(variant.name, size, schedule)
                first = variant is results.experiment.baseline
                cells.append(grouped(row.gas) if row else "-")
                cells.append(change(pair[1].gas, pair[0].gas) if pair and not first else "")
            rows.append(cells)
    return rows


def _composition(results: Results) -> Iterator[str]:
    """What the largest N is made of, under the leading schedule."""
    size = results.largest(results.focus)
    found = [
        (variant.name, row)
        for variant in results.experiment.variants
        if (row := results.at(variant.name, size, results.focus))
    ]
    if not found:
        return
    rows = [[f"{results.focus}, N = {grouped(size)}", *(name for name, _ in found)]]
    parts = [part for part in Component if any(row[part] for _, row in found)]
    rows += [_line(str(part), str(part), found) for part in parts]
    rows.append(_line("gas", "gas", found))
    table = aligned(rows)
    yield from (*table[:-1], table[1], table[-1], "")
    rows = [
        rows[0],
        *(
            _line(words, name, found)
            for name, words in FIGURES.items()
            if any(row[name] for _, row in found)
        ),
    ]
    yield from aligned(rows)[2:]
    for variant in results.experiment.variants:
        if variant.differs:
            yield f"* {variant.name} is not the same: {variant.differs}"


def _line(words: str, figure: str, found: Sequence[tuple[str, Row]]) -> list[str]:
    return [words, *(grouped(row[figure]) for _, row in found)]


def _money(results: Results, cases: Sequence[Case], prices: Prices) -> Iterator[str]:
    """Fees for the largest N at the prices that a file states."""
    size = results.largest(results.focus)
    here = [case for case in cases if (case.size, case.schedule) == (size, results.focus)]
    unit = prices.currency or "ETH"
    rows = [[f"fee in {unit}, N = {grouped(size)}", *(case.variant for case in here)]]
    fees = [prices.fees(case.gas, case.layer_two) for case in here]
    for chain in prices.chains:
        cells = []
        for fee in fees:
            amount = prices.amount(fee[chain])
            cells.append(f"{float(fee[chain] / 10**18 if amount is None else amount):.6f}")
        rows.append([chain, *cells])
    yield from aligned(rows)
