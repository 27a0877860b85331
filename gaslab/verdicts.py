"""Findings in words. A sentence says what the rows say, and nothing that they do not.

Percentages are rounded for the sentence alone; the figures of a verdict are the rows' integers.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gaslab.components import Component
from gaslab.experiment import Variant
from gaslab.results import Results
from gaslab.snapshot import Row
from gaslab.words import each, grouped, listed, percent, scientific


class Kind(StrEnum):
    """What a verdict is about, in the order in which a reader wants them."""

    SAVES = "saves"
    COSTS_MORE = "costs-more"
    COSTS_MORE_EVERYWHERE = "costs-more-everywhere"
    NO_DIFFERENCE = "no-difference"
    FITS = "fits"
    MASKED = "masked-by-floor"
    WINNER_CHANGES = "winner-changes"
    CROSSING = "crossing"
    REFUND_CAPPED = "refund-capped"
    GROWS_STATE = "grows-state"
    SIDE_BY_SIDE = "side-by-side"
    DEPLOYMENT = "deployment"
    ACCURACY = "accuracy"
    NOT_THE_SAME = "not-the-same"


@dataclass(frozen=True)
class Verdict:
    """One finding.

    Attributes
    ----------
    kind : Kind
    experiment, variant : str
        The variant is empty where the finding is about all of them.
    size : int
        N of the figures.
    schedules : tuple of str
        Those that it holds under.
    figures : mapping of str to (mapping of str to int)
        By schedule: what the sentence was made from.
    sentence : str
    """

    kind: Kind
    experiment: str
    variant: str
    size: int
    schedules: tuple[str, ...]
    figures: Mapping[str, Mapping[str, int]]
    sentence: str


def verdicts_of(results: Results) -> list[Verdict]:
    """All findings of one experiment, by kind, then in the order of its variants."""
    found = [verdict for rule in _RULES for verdict in rule(results)]
    order = list(Kind)
    return sorted(found, key=lambda verdict: order.index(verdict.kind))


def under(results: Results, names: Sequence[str]) -> str:
    """``under cancun and prague``; nothing is said of a single schedule."""
    if len(results.schedules) == 1:
        return ""
    if len(names) == len(results.schedules):
        return " under every schedule"
    return f" under {listed(names)}"


# --- gas ------------------------------------------------------------------------------------------


def _gas(results: Results) -> Iterator[Verdict]:
    """Saves, costs more, makes no difference: at the largest N."""
    if results.counts_items:
        return
    for variant in results.others:
        everywhere = _dearer_everywhere(results, variant)
        if everywhere:
            yield everywhere
            continue
        sides: dict[Kind, dict[str, dict[str, int]]] = {}
        for schedule in results.schedules:
            pair = results.pair(variant.name, results.largest(schedule), schedule)
            if pair:
                saving = pair[0].gas - pair[1].gas
                side = (
                    Kind.SAVES
                    if saving > 0
                    else Kind.COSTS_MORE
                    if saving < 0
                    else Kind.NO_DIFFERENCE
                )
                sides.setdefault(side, {})[schedule] = _compared(*pair)
        for kind in (Kind.SAVES, Kind.COSTS_MORE, Kind.NO_DIFFERENCE):
            if kind in sides:
                yield _change(results, variant, kind, sides[kind])


def _compared(base: Row, found: Row) -> dict[str, int]:
    figures = {
        "size": base.size,
        "baseline": base.gas,
        "gas": found.gas,
        "saving": base.gas - found.gas,
    }
    if found["blob_gas"]:
        figures["blob_gas"] = found["blob_gas"]
    return figures


def _change(
    results: Results, variant: Variant, kind: Kind, figures: Mapping[str, Mapping[str, int]]
) -> Verdict:
    names = tuple(figures)
    first = results.focus if results.focus in figures else names[-1]
    size, saving = figures[first]["size"], figures[first]["saving"]
    base = results.experiment.baseline.name
    if kind is Kind.NO_DIFFERENCE:
        sentence = (
            f"{variant.name} costs the same as {base} at N = {grouped(size)}"
            f"{under(results, names)}, to the unit of gas."
        )
    else:
        rate = percent(abs(saving), figures[first]["baseline"])
        verb = "saves" if saving > 0 else "costs"
        sentence = (
            f"{_name(variant)} {verb} {rate} {'of' if saving > 0 else 'more than'} {base}"
            f"{_by_item(results, abs(saving), size, first)}{_elsewhere(figures, first)}"
        )
        blob = figures[first].get("blob_gas", 0)
        sentence += f"; {grouped(blob)} blob gas come on top." if blob else "."
    return Verdict(kind, results.experiment.id, variant.name, size, names, figures, sentence)


def _name(variant: Variant) -> str:
    return f"{variant.name} (not the same thing)" if variant.differs else variant.name


def _by_item(results: Results, gas: int, size: int, schedule: str) -> str:
    """`` at N = 64: 17,223 gas, 269.1 per price pushed``."""
    text = f" at N = {grouped(size)}"
    if len(results.schedules) > 1:
        text += f" under {schedule}"
    text += f": {grouped(gas)} gas"
    if results.experiment.per_item and size > 1:
        text += f", {each(gas, size)} per {results.experiment.unit}"
    return text


def _elsewhere(figures: Mapping[str, Mapping[str, int]], first: str) -> str:
    """The rate under the other schedules, those of one rate together."""
    rates: dict[str, list[str]] = {}
    for schedule, one in figures.items():
        rates.setdefault(percent(abs(one["saving"]), one["baseline"]), []).append(schedule)
    told = []
    for rate, names in rates.items():
        others = [name for name in names if name != first]
        if others:
            also = "also " if first in names else ""
            told.append(f"{rate} {also}under {listed(others)}")
    return f" ({', '.join(told)})" if told else ""


def _dearer_everywhere(results: Results, variant: Variant) -> Verdict | None:
    """A technique that costs more at every N under every schedule."""
    figures: dict[str, dict[str, int]] = {}
    for schedule in results.schedules:
        for size in results.sizes(schedule):
            pair = results.pair(variant.name, size, schedule)
            if pair is None:
                continue
            if pair[1].gas <= pair[0].gas:
                return None
            figures[schedule] = _compared(*pair)  # of the largest, which comes last
    if not figures:
        return None
    first = results.focus if results.focus in figures else next(reversed(figures))
    one = figures[first]
    rate = percent(-one["saving"], one["baseline"])
    sentence = (
        f"{_name(variant)} costs more than {results.experiment.baseline.name} at every N"
        f"{under(results, tuple(figures))}: {rate} more"
        f"{_by_item(results, -one['saving'], one['size'], first)}{_elsewhere(figures, first)}."
    )
    return Verdict(
        Kind.COSTS_MORE_EVERYWHERE,
        results.experiment.id,
        variant.name,
        one["size"],
        tuple(figures),
        figures,
        sentence,
    )


def _fits(results: Results) -> Iterator[Verdict]:
    """How many items one transaction holds, where drivers recorded it."""
    figures: dict[str, dict[str, int]] = {}
    told: dict[str, list[str]] = {}
    for schedule in results.schedules:
        size = results.largest(schedule)
        for variant in results.experiment.variants:
            row = results.at(variant.name, size, schedule)
            if row and row["items"]:
                figures.setdefault(schedule, {})[variant.name] = row["items"]
                text = (
                    f"{variant.name} {grouped(row['items'])} of {each(row.gas, row['items'])} gas"
                )
                told.setdefault(schedule, []).append(text)
    if not figures:
        return
    alike: dict[str, list[str]] = {}
    for schedule, texts in told.items():
        alike.setdefault(", ".join(texts), []).append(schedule)
    sentence = "; ".join(f"{text}{under(results, tuple(names))}" for text, names in alike.items())
    yield Verdict(
        Kind.FITS,
        results.experiment.id,
        "",
        results.largest(results.focus),
        tuple(figures),
        figures,
        f"Items that one transaction holds at N = {grouped(results.largest(results.focus))}: "
        f"{sentence}.",
    )


def _masked(results: Results) -> Iterator[Verdict]:
    """Execution gets cheaper, and the calldata floor keeps half of it or more."""
    if results.counts_items:
        return
    for variant in results.others:
        figures = {}
        for schedule in results.schedules:
            pair = results.pair(variant.name, results.largest(schedule), schedule)
            if pair is None:
                continue
            base, found = pair
            execution, gas = base["execution"] - found["execution"], base.gas - found.gas
            if found[Component.FLOOR] > 0 and execution > 0 and 2 * gas <= execution:
                figures[schedule] = {
                    "execution_saving": execution,
                    "execution_baseline": base["execution"],
                    "saving": gas,
                    "floor_topup": found[Component.FLOOR],
                }
        if figures:
            first = results.focus if results.focus in figures else next(reversed(figures))
            one = figures[first]
            rest = (
                f"{grouped(one['saving'])} gas of it is left"
                if one["saving"] > 0
                else "none of it is left"
                if one["saving"] == 0
                else f"{grouped(-one['saving'])} gas is added"
            )
            yield Verdict(
                Kind.MASKED,
                results.experiment.id,
                variant.name,
                results.largest(first),
                tuple(figures),
                figures,
                f"Saving masked by the calldata floor{under(results, tuple(figures))}: "
                f"{_name(variant)} executes for "
                f"{percent(one['execution_saving'], one['execution_baseline'])} less "
                f"({grouped(one['execution_saving'])} gas), and {rest}.",
            )


def _winner(results: Results) -> Iterator[Verdict]:
    """No variant is cheapest under all schedules."""
    winners = {name: results.winners(name) for name in results.schedules}
    winners = {name: found for name, found in winners.items() if found}
    groups: list[tuple[list[str], set[str]]] = []  # schedules, and who wins under all of them
    for schedule, found in winners.items():
        for names, common in groups:
            if common & set(found):
                names.append(schedule)
                common.intersection_update(found)
                break
        else:
            groups.append(([schedule], set(found)))
    if len(groups) < 2:
        return
    order = [variant.name for variant in results.experiment.variants]
    told = [
        f"{listed(sorted(common, key=order.index))} under {listed(names)}"
        for names, common in groups
    ]
    last = groups[-1][0][0]
    yield Verdict(
        Kind.WINNER_CHANGES,
        results.experiment.id,
        "",
        results.largest(last),
        tuple(winners),
        {name: _gas_of_all(results, name) for name in winners},
        f"The winner changes on {listed([group[0][0] for group in groups[1:]])} "
        f"(N = {grouped(results.largest(last))}): {', '.join(told)}.",
    )


def _gas_of_all(results: Results, schedule: str) -> dict[str, int]:
    rows = results.alike(results.largest(schedule), schedule)
    return {name: row.gas for name, row in rows.items()}


# --- size -----------------------------------------------------------------------------------------


def _crossing(results: Results) -> Iterator[Verdict]:
    for variant in results.others:
        groups: dict[tuple[int, int, bool], dict[str, dict[str, int]]] = {}
        for schedule in results.schedules:
            for start, end, before, after in results.crossings(variant.name, schedule):
                groups.setdefault((start, end, after > 0), {})[schedule] = {
                    "from": start,
                    "to": end,
                    "saving_from": before,
                    "saving_to": after,
                }
        for (start, end, pays), figures in groups.items():
            where = under(results, tuple(figures))
            exact = end == start + 1
            if pays and exact:
                told = f"does not pay below N = {grouped(end)}{where}"
            elif pays:
                told = (
                    f"does not pay at N = {grouped(start)} and pays at N = {grouped(end)}{where}: "
                    "the crossing lies between"
                )
            elif exact:
                told = f"stops paying at N = {grouped(end)}{where}"
            else:
                told = (
                    f"pays at N = {grouped(start)} and no more at N = {grouped(end)}{where}: "
                    "the crossing lies between"
                )
            yield Verdict(
                Kind.CROSSING,
                results.experiment.id,
                variant.name,
                end,
                tuple(figures),
                figures,
                f"{_name(variant)} {told}.",
            )


# --- refunds, state, conflicts, deployment --------------------------------------------------------


def _refund(results: Results) -> Iterator[Verdict]:
    for variant in results.experiment.variants:
        figures = {}
        for schedule in results.schedules:
            row = results.at(variant.name, results.largest(schedule), schedule)
            if row and row["refund_counted"] > -row[Component.REFUND]:
                figures[schedule] = {
                    "counted": row["refund_counted"],
                    "applied": -row[Component.REFUND],
                }
        if figures:
            first = results.focus if results.focus in figures else next(reversed(figures))
            one = figures[first]
            yield Verdict(
                Kind.REFUND_CAPPED,
                results.experiment.id,
                variant.name,
                results.largest(first),
                tuple(figures),
                figures,
                f"Refund of {variant.name} capped{under(results, tuple(figures))}: "
                f"{grouped(one['applied'])} gas given back of {grouped(one['counted'])} counted.",
            )


def _growth(results: Results) -> Iterator[Verdict]:
    """State bytes, where the variants differ in them; the same under any schedule."""
    size = results.largest(results.focus)
    rows = [
        row
        for variant in results.experiment.variants
        if (row := results.at(variant.name, size, results.focus))
    ]
    if len({row["state_bytes_grown"] for row in rows}) < 2:
        return
    per_item = results.experiment.per_item and size > 1
    told = []
    for row in rows:
        grown = row["state_bytes_grown"]
        one = f"{row.variant} {grouped(grown)} bytes"
        if grown and per_item:
            one += f" ({each(grown, size)} per {results.experiment.unit})"
        told.append(one)
    yield Verdict(
        Kind.GROWS_STATE,
        results.experiment.id,
        "",
        size,
        (results.focus,),
        {results.focus: {row.variant: row["state_bytes_grown"] for row in rows}},
        f"State grows by, at N = {grouped(size)}: {', '.join(told)}.",
    )


def _side_by_side(results: Results) -> Iterator[Verdict]:
    """How far the transactions can run at once, where the variants differ in it."""
    schedule, size = results.focus, results.largest(results.focus)
    rows = [
        row
        for variant in results.experiment.variants
        if (row := results.at(variant.name, size, schedule))
        and row["transactions"] > 1
        and row["critical_path"] > 0
    ]
    shares = [row["critical_path"] * 100 // row.gas for row in rows]
    if len(rows) < 2 or max(shares) - min(shares) < 5:
        return
    for row in rows:
        path, count = row["critical_path"], row["transactions"]
        head = (
            f"The {grouped(count)} transactions of {row.variant} wait for one another"
            if path == row.gas
            else f"The {grouped(count)} transactions of {row.variant} can run side by side"
        )
        yield Verdict(
            Kind.SIDE_BY_SIDE,
            results.experiment.id,
            row.variant,
            size,
            (schedule,),
            {
                schedule: {
                    "critical_path": path,
                    "gas": row.gas,
                    "transactions": count,
                    "conflicts": row["conflicts"],
                }
            },
            f"{head}: the critical path is {percent(path, row.gas)} of the gas, with "
            f"{grouped(row['conflicts'])} conflicts.",
        )


def _deployment(results: Results) -> Iterator[Verdict]:
    """A contract that costs more to deploy than one run saves, and how many earn it back."""
    schedule, size = results.focus, results.largest(results.focus)
    for variant in results.others:
        pair = results.pair(variant.name, size, schedule)
        if pair is None or not pair[0]["deploy_gas"] or not pair[1]["deploy_gas"]:
            continue
        dearer, saving = pair[1]["deploy_gas"] - pair[0]["deploy_gas"], pair[0].gas - pair[1].gas
        if dearer <= 0 or saving <= 0:
            continue
        runs = -(-dearer // saving)
        if runs == 1:
            continue
        where = f" under {schedule}" if len(results.schedules) > 1 else ""
        yield Verdict(
            Kind.DEPLOYMENT,
            results.experiment.id,
            variant.name,
            size,
            (schedule,),
            {schedule: {"deploy_gas_more": dearer, "saving": saving, "runs": runs}},
            f"{_name(variant)} costs {grouped(dearer)} gas more to deploy{where}, earned back "
            f"after {grouped(runs)} runs of N = {grouped(size)}.",
        )


# --- what is not the same -------------------------------------------------------------------------


def _accuracy(results: Results) -> Iterator[Verdict]:
    """The worst error over sizes and schedules; it does not hang on them."""
    for variant in results.experiment.variants:
        worst: dict[str, int] = {}
        for row in results.rows:
            if row.variant == variant.name:
                for name, error in row.errors.items():
                    worst[name] = max(worst.get(name, 0), error)
        if worst:
            told = [f"{name} within {scientific(error)}" for name, error in sorted(worst.items())]
            yield Verdict(
                Kind.ACCURACY,
                results.experiment.id,
                variant.name,
                results.largest(results.focus),
                results.schedules,
                {results.focus: worst},
                f"{variant.name} is accurate to: {listed(told)} of the high-precision reference.",
            )


def _differs(results: Results) -> Iterator[Verdict]:
    for variant in results.others:
        if variant.differs and any(row.variant == variant.name for row in results.rows):
            yield Verdict(
                Kind.NOT_THE_SAME,
                results.experiment.id,
                variant.name,
                0,
                results.schedules,
                {},
                f"{variant.name} is not the same thing: {variant.differs.rstrip('.')}.",
            )


_RULES: tuple[Callable[[Results], Iterator[Verdict]], ...] = (
    _gas,
    _fits,
    _masked,
    _winner,
    _crossing,
    _refund,
    _growth,
    _side_by_side,
    _deployment,
    _accuracy,
    _differs,
)
