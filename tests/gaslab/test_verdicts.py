"""What is said of made-up rows, one kind of verdict after the other."""

import pytest

from gaslab import words
from gaslab.components import Component
from gaslab.results import Results
from gaslab.verdicts import Kind, verdicts_of
from tests.gaslab.made_up import experiment, plain, row

TWO = ("prague", "osaka")


def told(found, kind, variant=None):
    return [
        one.sentence
        for one in verdicts_of(found)
        if one.kind is kind and variant in (None, one.variant)
    ]


def results(about, rows, schedules=("osaka",)):
    return Results(about, rows, schedules, "osaka")


def by_size(base, other, schedule="osaka"):
    """Rows of ``plain`` and ``ring`` from gas by size."""
    return [plain("plain", n, schedule, gas) for n, gas in base.items()] + [
        plain("ring", n, schedule, gas) for n, gas in other.items()
    ]


@pytest.fixture
def pair(tmp_path):
    return experiment(tmp_path, "plain", "ring")


# --- saves, costs more, no difference -------------------------------------------------------------


def test_saving_at_the_largest_size_tells_gas_rate_and_gas_per_item(pair):
    found = results(pair, by_size({1: 50_000, 64: 51_908}, {1: 49_000, 64: 34_685}))
    assert told(found, Kind.SAVES) == [
        "ring saves 33.2 % of plain at N = 64: 17,223 gas, 269.1 per price pushed."
    ]
    (one,) = [one for one in verdicts_of(found) if one.kind is Kind.SAVES]
    assert one.figures == {
        "osaka": {"size": 64, "baseline": 51_908, "gas": 34_685, "saving": 17_223}
    }


def test_saving_under_several_schedules_joins_those_of_one_rate(pair):
    rows = [
        plain(variant, 4, schedule, gas)
        for schedule, gases in (
            ("cancun", (1000, 800)),
            ("prague", (1000, 750)),
            ("osaka", (1000, 900)),
            ("amsterdam-draft", (2000, 1600)),
        )
        for variant, gas in zip(("plain", "ring"), gases, strict=True)
    ]
    found = results(pair, rows, ("cancun", "prague", "osaka", "amsterdam-draft"))
    assert told(found, Kind.SAVES) == [
        (
            "ring saves 10.0 % of plain at N = 4 under osaka: 100 gas, 25.0 per price pushed "
            "(20.0 % under cancun and amsterdam-draft, 25.0 % under prague)."
        )
    ]


def test_saving_of_the_same_rate_elsewhere_is_told_as_such(pair):
    rows = by_size({4: 1000}, {4: 900}, "prague") + by_size({4: 2000}, {4: 1800})
    assert told(results(pair, rows, TWO), Kind.SAVES) == [
        (
            "ring saves 10.0 % of plain at N = 4 under osaka: 200 gas, 50.0 per price pushed "
            "(10.0 % also under prague)."
        )
    ]


def test_saving_by_a_blob_tells_the_blob_gas_that_comes_on_top(pair):
    rows = [plain("plain", 1, "osaka", 100), plain("ring", 1, "osaka", 50, blob_gas=131_072)]
    assert told(results(pair, rows), Kind.SAVES) == [
        "ring saves 50.0 % of plain at N = 1: 50 gas; 131,072 blob gas come on top."
    ]


def test_saving_without_meaning_per_item_is_not_divided(tmp_path):
    about = experiment(tmp_path, "plain", "ring", per_item=False)
    found = results(about, by_size({4: 100}, {4: 90}))
    assert told(found, Kind.SAVES) == ["ring saves 10.0 % of plain at N = 4: 10 gas."]


def test_equal_gas_is_no_difference_and_neither_saving_nor_cost(pair):
    found = results(pair, by_size({1: 500, 4: 900}, {1: 500, 4: 900}))
    assert [one.kind for one in verdicts_of(found)] == [Kind.NO_DIFFERENCE]
    assert told(found, Kind.NO_DIFFERENCE) == [
        "ring costs the same as plain at N = 4, to the unit of gas."
    ]


def test_one_unit_of_gas_is_a_difference(pair):
    found = results(pair, by_size({1: 10**6}, {1: 10**6 - 1}))
    assert told(found, Kind.SAVES) == ["ring saves under 0.1 % of plain at N = 1: 1 gas."]


def test_dearer_at_every_size_and_schedule_is_said_once(pair):
    rows = by_size({1: 100, 4: 200}, {1: 101, 4: 300}, "prague")
    rows += by_size({1: 100, 4: 200}, {1: 120, 4: 250})
    found = results(pair, rows, TWO)
    assert told(found, Kind.COSTS_MORE_EVERYWHERE) == [
        (
            "ring costs more than plain at every N under every schedule: 25.0 % more at N = 4 "
            "under osaka: 50 gas, 12.5 per price pushed (50.0 % under prague)."
        )
    ]
    assert not told(found, Kind.COSTS_MORE)


def test_dearer_but_equal_at_one_size_is_not_everywhere(pair):
    found = results(pair, by_size({1: 100, 4: 200}, {1: 100, 4: 300}))
    assert not told(found, Kind.COSTS_MORE_EVERYWHERE)
    assert told(found, Kind.COSTS_MORE) == [
        "ring costs 50.0 % more than plain at N = 4: 100 gas, 25.0 per price pushed."
    ]


# --- the floor ------------------------------------------------------------------------------------


def floored(variant, execution, topup):
    return row(variant, 64, "osaka", {Component.ARITHMETIC: execution, Component.FLOOR: topup})


def test_cheaper_execution_under_the_floor_is_a_masked_saving(pair):
    rows = [floored("plain", 199_544, 82_736), floored("ring", 147_142, 135_138)]
    assert told(results(pair, rows), Kind.MASKED) == [
        (
            "Saving masked by the calldata floor: ring executes for 26.3 % less (52,402 gas), and "
            "none of it is left."
        )
    ]


@pytest.mark.parametrize(("base", "masked"), [(1_200, True), (1_201, False)])
def test_saving_is_masked_while_half_of_it_or_less_is_left(pair, base, masked):
    # execution falls by 400; gas falls from base to 1,000
    rows = [floored("plain", 1_200, base - 1_200), floored("ring", 800, 200)]
    assert bool(told(results(pair, rows), Kind.MASKED)) is masked


def test_dearer_execution_under_the_floor_is_not_masked(pair):
    rows = [floored("plain", 800, 200), floored("ring", 900, 100)]
    assert not told(results(pair, rows), Kind.MASKED)


def test_saving_without_a_floor_is_not_masked(pair):
    rows = [floored("plain", 1_000, 0), floored("ring", 900, 0)]
    assert not told(results(pair, rows), Kind.MASKED)


# --- winners --------------------------------------------------------------------------------------


def test_another_winner_under_a_schedule_is_told(pair):
    rows = by_size({4: 100}, {4: 90}, "osaka") + by_size({4: 100}, {4: 110}, "amsterdam-draft")
    found = results(pair, rows, ("osaka", "amsterdam-draft"))
    assert told(found, Kind.WINNER_CHANGES) == [
        (
            "The winner changes on amsterdam-draft (N = 4): ring under osaka, plain under "
            "amsterdam-draft."
        )
    ]


def test_a_tie_that_the_winner_shares_is_no_change(pair):
    rows = by_size({4: 100}, {4: 90}, "prague") + by_size({4: 90}, {4: 90})
    assert not told(results(pair, rows, TWO), Kind.WINNER_CHANGES)


def test_a_variant_that_differs_never_wins(tmp_path):
    about = experiment(tmp_path, "plain", "ring", differs={"ring": "Keeps a root only."})
    rows = by_size({4: 100}, {4: 1}, "prague") + by_size({4: 100}, {4: 200})
    found = results(about, rows, TWO)
    assert found.winners("prague") == ("plain",)
    assert not told(found, Kind.WINNER_CHANGES)
    assert told(found, Kind.NOT_THE_SAME) == ["ring is not the same thing: Keeps a root only."]


def test_a_saving_of_what_is_not_the_same_says_so(tmp_path):
    about = experiment(tmp_path, "plain", "ring", differs={"ring": "Keeps a root only."})
    assert told(results(about, by_size({1: 100}, {1: 50})), Kind.SAVES) == [
        "ring (not the same thing) saves 50.0 % of plain at N = 1: 50 gas."
    ]


# --- crossings ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("base", "other", "sentences"),
    [
        (
            {1: 10, 4: 10},
            {1: 12, 4: 8},
            ["ring does not pay at N = 1 and pays at N = 4: the crossing lies between."],
        ),
        ({2: 10, 3: 10}, {2: 12, 3: 8}, ["ring does not pay below N = 3."]),
        ({2: 10, 3: 10}, {2: 8, 3: 12}, ["ring stops paying at N = 3."]),
        (
            {1: 10, 4: 10},
            {1: 8, 4: 12},
            ["ring pays at N = 1 and no more at N = 4: the crossing lies between."],
        ),
        # Equal in the middle: the crossing lies between the sizes that differ.
        (
            {1: 10, 2: 10, 3: 10},
            {1: 12, 2: 10, 3: 8},
            ["ring does not pay at N = 1 and pays at N = 3: the crossing lies between."],
        ),
        # Touches and turns back: no crossing.
        ({1: 10, 2: 10, 3: 10}, {1: 12, 2: 10, 3: 12}, []),
        ({1: 10, 4: 10}, {1: 10, 4: 8}, []),
        (
            {1: 10, 2: 10, 3: 10},
            {1: 12, 2: 8, 3: 12},
            ["ring does not pay below N = 2.", "ring stops paying at N = 3."],
        ),
    ],
)
def test_crossings_are_found_between_measured_sizes(pair, base, other, sentences):
    assert told(results(pair, by_size(base, other)), Kind.CROSSING) == sentences


def test_crossings_at_the_same_sizes_join_their_schedules(pair):
    rows = by_size({2: 10, 3: 10}, {2: 12, 3: 8}, "prague")
    rows += by_size({2: 10, 3: 10}, {2: 11, 3: 9})
    assert told(results(pair, rows, TWO), Kind.CROSSING) == [
        "ring does not pay below N = 3 under every schedule."
    ]


# --- refunds, state, conflicts, deployment, accuracy ----------------------------------------------


@pytest.mark.parametrize(("counted", "capped"), [(4_800, False), (4_801, True)])
def test_refund_is_capped_when_less_is_given_back_than_counted(pair, counted, capped):
    parts = {Component.ARITHMETIC: 24_000, Component.REFUND: -4_800}
    rows = [
        plain("plain", 1, "osaka", 24_000),
        row("ring", 1, "osaka", parts, refund_counted=counted),
    ]
    expected = ["Refund of ring capped: 4,800 gas given back of 4,801 counted."]
    assert told(results(pair, rows), Kind.REFUND_CAPPED) == (expected if capped else [])


def test_growth_of_state_is_told_of_all_variants_where_it_differs(pair):
    rows = [
        plain("plain", 64, "osaka", 10, state_bytes_grown=4_160),
        plain("ring", 64, "osaka", 10),
    ]
    assert told(results(pair, rows), Kind.GROWS_STATE) == [
        "State grows by, at N = 64: plain 4,160 bytes (65.0 per price pushed), ring 0 bytes."
    ]
    same = [plain(name, 64, "osaka", 10, state_bytes_grown=64) for name in ("plain", "ring")]
    assert not told(results(pair, same), Kind.GROWS_STATE)


def test_transactions_that_conflict_less_have_a_shorter_critical_path(pair):
    rows = [
        plain("plain", 8, "osaka", 800, transactions=8, critical_path=800, conflicts=28),
        plain("ring", 8, "osaka", 800, transactions=8, critical_path=100),
    ]
    assert told(results(pair, rows), Kind.SIDE_BY_SIDE) == [
        (
            "The 8 transactions of plain wait for one another: the critical path is 100.0 % of the "
            "gas, with 28 conflicts."
        ),
        (
            "The 8 transactions of ring can run side by side: the critical path is 12.5 % of the "
            "gas, with 0 conflicts."
        ),
    ]


def test_a_dearer_deployment_is_earned_back_after_whole_runs(pair):
    rows = [
        plain("plain", 1, "osaka", 100, deploy_gas=1_000),
        plain("ring", 1, "osaka", 90, deploy_gas=1_021),
    ]
    assert told(results(pair, rows), Kind.DEPLOYMENT) == [
        "ring costs 21 gas more to deploy, earned back after 3 runs of N = 1."
    ]


def test_items_that_fit_are_told_where_a_driver_recorded_them(pair):
    rows = [
        plain("plain", 1, "osaka", 1_200, items=120),
        plain("ring", 1, "osaka", 1_624, items=812),
    ]
    found = results(pair, rows)
    assert told(found, Kind.FITS) == [
        "Items that one transaction holds at N = 1: plain 120 of 10.0 gas, ring 812 of 2.0 gas."
    ]


def test_more_items_for_more_gas_win_and_are_not_called_dearer(pair):
    rows = [
        plain("plain", 1, "osaka", 1_200, items=120),
        plain("ring", 1, "osaka", 1_624, items=812),
    ]
    found = results(pair, rows)
    assert found.winners("osaka") == ("ring",)
    assert [one.kind for one in verdicts_of(found)] == [Kind.FITS]


def test_accuracy_is_the_worst_over_sizes(pair):
    rows = by_size({1: 10, 4: 10}, {1: 9, 4: 9})
    rows = [
        type(one)(
            one.experiment,
            one.variant,
            one.size,
            one.schedule,
            {**one.figures, "error:price": 33 * 10**9 // one.size},
        )
        for one in rows
    ]
    assert told(results(pair, rows), Kind.ACCURACY, "ring") == [
        "ring is accurate to: price within 3.3e-8 of the high-precision reference."
    ]


def test_a_variant_that_was_not_measured_is_not_spoken_of(pair):
    assert verdicts_of(results(pair, [plain("plain", 1, "osaka", 100)])) == []


# --- numbers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(1, 8, "12.5 %"), (9_995, 10_000, "over 99.9 %"), (5, 10_000, "0.1 %"), (0, 5, "0.0 %")],
)
def test_percent_never_rounds_to_none_or_all(part, whole, text):
    assert words.percent(part, whole) == text


@pytest.mark.parametrize(
    ("found", "base", "text"),
    [
        (20, 1000, "−98.0 %"),
        (1, 10_000, "÷10,000"),
        (11, 1_000, "−98.9 %"),
        (10, 1_000, "÷100"),
        (1_990, 1_000, "+99 %"),
        (9_999, 10_000, "−<0.1 %"),
        (1_001, 1_000, "+0.1 %"),
        (10_000, 1_000, "×10"),
    ],
)
def test_change_keeps_small_differences_visible(found, base, text):
    assert words.change(found, base) == text
