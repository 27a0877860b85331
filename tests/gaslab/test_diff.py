"""Differences of snapshots, on made-up rows."""

import random
from pathlib import Path

import pytest
from click.testing import CliRunner

from gaslab import snapshot
from gaslab.cli import main
from gaslab.components import Component
from gaslab.diff import (
    Verdict,
    allowance,
    as_markdown,
    as_text,
    check_tolerance,
    compare,
    judge,
    percent,
)
from gaslab.errors import InputError
from gaslab.snapshot import Row


def row(name: str = "ring", size: int = 1, **figures: int) -> Row:
    """A row whose components are what `gas` is made of, unless they are given."""
    named = {name.replace("_", "-"): value for name, value in figures.items()}
    known = {name: named.pop(name) for name in list(named) if name in set(map(str, Component))}
    gas = sum(known.values()) or figures.get("gas", 0)
    plain = {name.replace("-", "_"): value for name, value in named.items()}
    return Row(
        "ring-buffer", name, size, "prague", {"execution": gas, "gas": gas, **plain, **known}
    )


def rows(*found: Row) -> dict[str, Row]:
    return {one.key: one for one in found}


@pytest.mark.parametrize(
    ("after", "verdict"),
    [
        ({}, Verdict.SAME),
        ({"stack": 101}, Verdict.WORSE),
        ({"stack": 99}, Verdict.BETTER),
        ({"stack": 99, "memory_peak_bytes": 96}, Verdict.TRADED),
        ({"memory_peak_bytes": 96}, Verdict.WORSE),
        ({"memory_peak_bytes": 32}, Verdict.BETTER),
        ({"memory_peak_bytes": 32, "state_bytes_grown": 64}, Verdict.WORSE),
        ({"slots_cleared": 1}, Verdict.CHANGED),
    ],
)
def test_judge_a_case_that_moved_says_how(after: dict[str, int], verdict: Verdict) -> None:
    before = {"intrinsic": 21_000, "stack": 100, "memory_peak_bytes": 64}
    assert judge(row(**before), row(**{**before, **after})).verdict == verdict


def test_judge_components_that_shift_at_the_same_gas_is_changed_not_same() -> None:
    change = judge(row(stack=100, control=50), row(stack=90, control=60))
    assert change.verdict == Verdict.CHANGED
    assert change.parts == {Component.STACK: -10, Component.CONTROL: 10}


def test_judge_within_the_tolerance_is_the_same_and_beyond_it_is_not() -> None:
    before = row(intrinsic=21_000, stack=100)
    for by, verdict in ((5, Verdict.SAME), (-5, Verdict.SAME), (6, Verdict.WORSE)):
        change = judge(before, row(intrinsic=21_000, stack=100 + by), {"gas": 5})
        assert change.verdict == verdict
    moved = judge(before, row(intrinsic=21_000, stack=106), {"gas": 5}).moves
    assert {(move.name, move.by, move.allowed) for move in moved} == {
        ("gas", 6, 5),
        ("execution", 6, 5),
        ("stack", 6, 5),
    }


def test_allowance_of_a_component_is_its_own_or_that_of_gas() -> None:
    tolerance = {"gas": 10, "stack": 3, "memory_peak_bytes": 32}
    names = ("gas", "execution", "control", "stack", "memory_peak_bytes", "tx_bytes")
    assert [allowance(name, tolerance) for name in names] == [10, 10, 10, 3, 32, 0]


@pytest.mark.parametrize(
    ("tolerance", "message"),
    [
        ({"gass": 1}, "tolerance: found gass, allowed a figure's name"),
        ({"gas": -1}, "tolerance: gas: found -1, allowed a whole number from 0"),
        ({"gas": 0.5}, "tolerance: gas: found 0.5"),
        ({"gas": True}, "tolerance: gas: found True"),
    ],
)
def test_tolerance_that_means_nothing_is_refused(
    tolerance: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        check_tolerance(tolerance)
    check_tolerance({"gas": 0, "sstore-create": 5, "error:price": 7})


def test_judge_parts_always_sum_to_the_gas() -> None:
    rng = random.Random("parts")
    for _ in range(200):
        parts = [
            {str(part): rng.randint(1, 9999) for part in rng.sample(list(Component), 6)}
            for _ in range(2)
        ]
        before, after = (
            Row("a", "b", 1, "prague", {"gas": sum(found.values()), **found}) for found in parts
        )
        change = judge(before, after)
        assert sum(change.parts.values()) == change.gas
        weights = [abs(by) for by in change.parts.values()]
        assert weights == sorted(weights, reverse=True)


def test_compare_sorts_by_weight_and_sums_what_is_in_both() -> None:
    before = rows(row("a", stack=100), row("b", stack=100), row("c", stack=7), row("d", stack=5))
    after = rows(row("a", stack=110), row("b", stack=50), row("c", stack=7), row("e", stack=1))
    found = compare(before, after)
    assert [change.after.variant for change in found.changes] == ["b", "a"]
    assert [one.variant for one in found.added] == ["e"]
    assert [one.variant for one in found.removed] == ["d"]
    assert (found.kept, found.gas_before, found.gas_after, found.gas) == (3, 207, 167, -40)
    assert found.parts == {"stack": -40}
    assert found.is_worse
    assert not found.is_empty


def test_compare_a_snapshot_with_itself_is_empty() -> None:
    one = rows(row("a", stack=100))
    found = compare(one, dict(one))
    assert found.is_empty
    assert not found.is_worse
    assert as_text(found) == "1 case, all the same\n"
    assert as_markdown(found) == "**Gas:** 1 case, all the same.\n"


def test_compare_less_gas_alone_is_not_worse() -> None:
    assert not compare(rows(row("a", stack=100)), rows(row("a", stack=99))).is_worse


DIFFERENCE = compare(
    rows(
        row("array", intrinsic=21_000, stack=100, memory_peak_bytes=64),
        row("ring", intrinsic=21_000, stack=300),
        row("old", stack=9),
    ),
    rows(
        row("array", intrinsic=21_000, stack=90, slot_cold=2100, memory_peak_bytes=96),
        row("ring", intrinsic=21_000, stack=200),
        row("new", stack=8),
    ),
)


def test_text_names_each_case_with_its_components_and_the_total() -> None:
    assert as_text(DIFFERENCE) == (
        "worse: 1 case\n"
        "  ring-buffer/array/n=1/prague  21,100 -> 23,190  +2,090  (+9.9 %)\n"
        "      slot-cold +2,100\n"
        "      stack -10\n"
        "      (memory_peak_bytes 64 -> 96)\n"
        "better: 1 case\n"
        "  ring-buffer/ring/n=1/prague  21,300 -> 21,200  -100  (-0.5 %)\n"
        "      stack -100\n"
        "added: 1 case\n"
        "  ring-buffer/new/n=1/prague  8\n"
        "removed: 1 case\n"
        "  ring-buffer/old/n=1/prague  9\n"
        "total of the 2 cases in both: 42,400 -> 44,390  +1,990  (+4.7 %)\n"
        "    slot-cold +2,100\n"
        "    stack -110\n"
    )


def test_markdown_opens_what_is_worse_and_folds_the_rest() -> None:
    text = as_markdown(DIFFERENCE)
    assert text.startswith("**Gas:** 1 worse, 1 better, 1 added, 1 removed of 3 cases.\n")
    assert text.count("<details open>") == 1
    assert text.count("<details>") == 3
    assert text.count("<details") == text.count("</details>")
    assert (
        "| `ring-buffer/array/n=1/prague` | 21,100 | 23,190 | +2,090 | +9.9 % "
        "| slot-cold +2,100, stack -10, (memory_peak_bytes +32) |"
    ) in text
    assert text.endswith("Total of the 2 cases in both: 42,400 -> 44,390  +1,990  (+4.7 %).\n")


def test_percent_of_nothing_is_empty_and_of_little_has_more_digits() -> None:
    assert percent(0, 5) == ""
    assert percent(1000, 1000) == "+0.0 %"
    assert percent(100_000, 100_020) == "+0.020 %"
    assert percent(200, 100) == "-50.0 %"


# --- the command ----------------------------------------------------------------------------------


@pytest.fixture
def files(tmp_path: Path) -> tuple[str, str]:
    """A snapshot, and one in which a case is worse."""
    paths = [tmp_path / name for name in ("before.snap", "after.snap")]
    for path, gas in zip(paths, (100, 110), strict=True):
        snapshot.write(path, [row("a", stack=gas)])
    return str(paths[0]), str(paths[1])


@pytest.mark.parametrize(
    ("flags", "turned", "code"),
    [
        ((), False, 0),
        (("--fail-on-worse",), False, 1),
        (("--fail-on-worse", "--markdown"), False, 1),
        (("--fail-on-worse",), True, 0),
    ],
)
def test_command_fails_on_worse_only_if_asked(
    files: tuple[str, str], flags: tuple[str, ...], turned: bool, code: int
) -> None:
    arguments = [*reversed(files)] if turned else [*files]
    result = CliRunner().invoke(main, ["diff", *arguments, *flags])
    assert result.exit_code == code
    assert "ring-buffer/a/n=1/prague" in result.output
    assert ("<details" in result.output) == ("--markdown" in flags)


def test_command_names_a_file_that_is_not_there(files: tuple[str, str]) -> None:
    result = CliRunner().invoke(main, ["diff", files[0], files[0] + "s"])
    assert result.exit_code == 1
    assert "AFTER" in result.output
