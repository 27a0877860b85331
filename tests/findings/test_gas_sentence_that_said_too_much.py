"""Sentences of the gas lab that were not true of what they were about.

"Items that one transaction holds: ... under cancun" was said of a budget of 2^24 gas, and Cancun
has no such cap. A variant that is not the same thing was said to pay from some N on, and to earn
its deployment back, without the label. And a transaction that holds fewer items than was committed
was "better", as it took less gas. And where all cost the same under osaka, the table's best variant
was the baseline itself, beside a saving of 30 % under cancun that was another's.
"""

from pathlib import Path

from gaslab.components import Component
from gaslab.diff import Verdict, judge
from gaslab.report import book, figures
from gaslab.results import Results
from gaslab.verdicts import Kind, verdicts_of
from tests.gaslab.made_up import ALL, experiment, plain, row


def _sentences(results: Results, kind: Kind) -> list[str]:
    return [verdict.sentence for verdict in verdicts_of(results) if verdict.kind == kind]


def test_items_that_fit_are_told_with_the_budget_that_they_fit(tmp_path: Path) -> None:
    rows = [
        row(name, 2**24, "cancun", {Component.INTRINSIC: 16_000_000}, items=items)
        for name, items in (("struct", 893), ("word", 2022))
    ]
    results = Results(experiment(tmp_path, "struct", "word"), rows, ALL)

    assert _sentences(results, Kind.FITS) == [
        (
            "Items that one transaction holds at N = 16,777,216: struct 893 of 17,917 gas, "
            "word 2,022 of 7,913 gas."
        )
    ]


def test_variant_that_is_not_the_same_thing_is_labelled_in_every_sentence(tmp_path: Path) -> None:
    masked = {Component.INTRINSIC: 20_000, Component.FLOOR: 25_000}
    about = experiment(tmp_path, "full", "root", differs={"root": "Keeps a root."}, sizes=(1, 2))
    rows = [
        plain("full", 1, "osaka", 30_000, deploy_gas=100_000),
        plain("full", 2, "osaka", 60_000, deploy_gas=100_000),
        plain("root", 1, "osaka", 40_000, deploy_gas=150_000),
        row("root", 2, "osaka", masked, deploy_gas=150_000),
    ]
    results = Results(about, rows, ALL)

    for kind in (Kind.SAVES, Kind.MASKED, Kind.CROSSING, Kind.DEPLOYMENT):
        (sentence,) = _sentences(results, kind)
        assert "root (not the same thing) " in sentence


def test_fewer_items_of_less_gas_are_worse() -> None:
    before, after = (
        row("word", 2**24, "osaka", {Component.INTRINSIC: gas}, items=items)
        for gas, items in ((16_700_000, 2022), (16_000_000, 1990))
    )

    assert judge(before, after).verdict == Verdict.WORSE
    assert judge(after, before).verdict == Verdict.BETTER


def test_best_of_those_that_cost_the_same_is_the_one_that_wins_elsewhere(tmp_path: Path) -> None:
    gas = {"cancun": (100, 90, 70), "prague": (100, 100, 100), "osaka": (100, 100, 100)}
    rows = [
        plain(name, 1, schedule, cost)
        for schedule, costs in gas.items()
        for name, cost in zip(("encode", "buffer", "scratch"), costs, strict=True)
    ]
    about = experiment(tmp_path, "encode", "buffer", "scratch", sizes=(1,))
    (line,) = figures.heat_table(book.bind(rows, {about.id: about}, layouts=False))

    assert [cell and (cell.winner, cell.changed) for cell in line.cells] == [("scratch", False)] * 3
