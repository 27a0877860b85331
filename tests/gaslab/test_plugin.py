"""The pytest plugin, by runs of pytest on made-up projects."""

import fcntl
import os
import re
import sys
import threading
from pathlib import Path

import pytest

from gaslab import snapshot
from gaslab.committed import Committed
from gaslab.plugin import slug
from gaslab.snapshot import Row

pytest_plugins = ["pytester"]

SNAPSHOT = "tests/gas/gaslab.snap"
ROWS = """
    from gaslab.snapshot import Row

    def row(name, gas, size=1, memory=64):
        figures = {"gas": gas, "execution": gas, "transactions": 2, "memory_peak_bytes": memory,
                   "intrinsic": 21_000, "stack": gas - 21_000}
        return Row("made-up", name, size, "prague", figures)
"""
TWO = """
    from rows import row

    def test_one(gaslab):
        gaslab.check(row("one", 30_000))

    def test_two(gaslab):
        gaslab.check(row("two", 40_000))
"""


@pytest.fixture
def project(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> pytest.Pytester:
    """A project with a folder of gas tests and nothing committed."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    # Bytecode is told from its source by second and size; a test rewrites its project within one.
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    pytester.makeini(
        "[pytest]\ntestpaths = tests\npythonpath = .\ngaslab_update_command = make gas-update"
    )
    pytester.makepyfile(rows=ROWS)
    return pytester


def write(project: pytest.Pytester, text: str, name: str = "tests/gas/test_made_up.py") -> None:
    path = project.path / name
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = text.strip("\n").splitlines()
    path.write_text("\n".join(line.removeprefix("    ") for line in lines) + "\n")


def run(project: pytest.Pytester, *args: str) -> pytest.RunResult:
    return project.runpytest_inprocess("-p", "gaslab.plugin", "-p", "no:cacheprovider", *args)


def committed(project: pytest.Pytester) -> dict[str, Row]:
    return snapshot.read(project.path / SNAPSHOT)


@pytest.fixture
def two(project: pytest.Pytester) -> pytest.Pytester:
    """A project with two committed cases."""
    write(project, TWO)
    run(project, "--gaslab-update").assert_outcomes(passed=2)
    return project


def change(project: pytest.Pytester, before: str, after: str) -> None:
    path = project.path / "tests/gas/test_made_up.py"
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


# --- writing and comparing ------------------------------------------------------------------------


def test_update_writes_a_sorted_line_for_each_case(two: pytest.Pytester) -> None:
    keys = ["made-up/one/n=1/prague", "made-up/two/n=1/prague"]
    assert [*committed(two)] == keys
    assert committed(two)[keys[1]].gas == 40_000
    assert not [path for path in (two.path / "tests/gas").iterdir() if path.suffix == ".lock"]


def test_run_with_the_committed_figures_passes_and_says_how_many_were_summed(
    two: pytest.Pytester,
) -> None:
    before = (two.path / SNAPSHOT).read_bytes()
    result = run(two)
    result.assert_outcomes(passed=2)
    result.stdout.fnmatch_lines(["gas lab: 2 cases compared, 4 transactions; the components of*"])
    assert (two.path / SNAPSHOT).read_bytes() == before


def test_worse_figure_fails_with_each_component_and_the_command(two: pytest.Pytester) -> None:
    change(two, "30_000", "30_500")
    result = run(two)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*gaslab.snap: made-up/one/n=1/prague costs more than is committed.",
            "*             committed     now  change  allowed",
            "*  gas           30,000  30,500    +500     none",
            "*  execution     30,000  30,500    +500     none",
            "*  stack          9,000   9,500    +500     none",
            "*If the change is meant: make gas-update",
        ]
    )
    assert "committed.py" not in result.stdout.str()  # the failure is shown where the test is


def test_better_figure_fails_as_a_stale_snapshot(two: pytest.Pytester) -> None:
    change(two, "30_000", "29_000")
    result = run(two)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(
        [
            "*costs less than is committed: the snapshot is stale.",
            "*  gas           30,000  29,000  -1,000     none",
            "*If the change is meant: make gas-update",
        ]
    )


def test_case_that_is_not_committed_fails(two: pytest.Pytester) -> None:
    change(two, '"one"', '"other"')
    result = run(two)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*made-up/other/n=1/prague is not in the snapshot."])


def test_update_after_a_change_makes_the_run_pass_again(two: pytest.Pytester) -> None:
    change(two, "30_000", "30_500")
    run(two, "--gaslab-update").assert_outcomes(passed=2)
    assert committed(two)["made-up/one/n=1/prague"].gas == 30_500
    run(two).assert_outcomes(passed=2)


def test_case_handed_over_twice_fails(two: pytest.Pytester) -> None:
    change(two, '"two"', '"one"')
    change(two, "40_000", "30_000")
    result = run(two)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines(["*found made-up/one/n=1/prague, allowed each case once in a run"])


def test_row_whose_components_do_not_sum_fails_even_on_update(project: pytest.Pytester) -> None:
    write(
        project,
        """
    from gaslab.snapshot import Row

    def test_broken(gaslab):
        gaslab.check(Row("made-up", "one", 1, "prague", {"gas": 21_001, "intrinsic": 21_000}))
    """,
    )
    result = run(project, "--gaslab-update")
    result.assert_outcomes(failed=1)
    result.stdout.fnmatch_lines(["*MeterBroken: *components sum to 21000, gas is 21001"])
    assert committed(project) == {}


# --- tolerance and limits -------------------------------------------------------------------------

MARKED = """
    import pytest
    from rows import row

    @pytest.mark.gaslab(tolerance={"memory_peak_bytes": 32, "gas": 10})
    class TestMarked:
        def test_one(self, gaslab):
            gaslab.check(row("one", 30_000, memory=64))

        @pytest.mark.gaslab(tolerance={"gas": 0})
        def test_two(self, gaslab):
            gaslab.check(row("two", 40_000, memory=64))
"""


@pytest.mark.parametrize(
    ("before", "after", "failed"),
    [
        ('"one", 30_000', '"one", 30_010', 0),
        ('"one", 30_000', '"one", 29_990', 0),
        ('"one", 30_000', '"one", 30_011', 1),
        ('"one", 30_000', '"one", 29_989', 1),
        ('"two", 40_000', '"two", 40_001', 1),  # the function's mark is over the class's
        ("memory=64", "memory=96", 0),
        ("memory=64", "memory=97", 2),
        ("memory=64", "memory=31", 2),
    ],
)
def test_tolerance_of_a_metric_holds_both_ways(
    project: pytest.Pytester, before: str, after: str, failed: int
) -> None:
    write(project, MARKED)
    run(project, "--gaslab-update").assert_outcomes(passed=2)
    change(project, before, after)
    run(project).assert_outcomes(passed=2 - failed, failed=failed)


def test_tolerance_of_an_unknown_metric_is_refused(project: pytest.Pytester) -> None:
    write(project, MARKED.replace('"gas": 10', '"gaz": 10'))
    result = run(project, "--gaslab-update")
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*tolerance: found gaz, allowed a figure's name*"])


@pytest.mark.parametrize("flags", [(), ("--gaslab-update",)])
@pytest.mark.parametrize(
    ("limit", "message"),
    [
        ("29_999", "made-up/one/n=1/prague: gas is 30,000, allowed 29,999"),
        (
            '{"memory_peak_bytes": 32}',
            "made-up/one/n=1/prague: memory_peak_bytes is 64, allowed 32",
        ),
    ],
)
def test_limit_fails_whatever_is_committed(
    two: pytest.Pytester, flags: tuple[str, ...], limit: str, message: str
) -> None:
    change(two, 'row("one", 30_000)', f'row("one", 30_000), limit={limit}')
    before = (two.path / SNAPSHOT).read_bytes()
    result = run(two, *flags)
    result.assert_outcomes(passed=1, failed=1)
    result.stdout.fnmatch_lines([f"*{message}"])
    assert (two.path / SNAPSHOT).read_bytes() == before


def test_limit_that_is_met_exactly_passes(two: pytest.Pytester) -> None:
    change(two, 'row("one", 30_000)', 'row("one", 30_000), limit=30_000')
    run(two).assert_outcomes(passed=2)


# --- cases that no test measures ------------------------------------------------------------------


def without_one(project: pytest.Pytester) -> None:
    path = project.path / "tests/gas/test_made_up.py"
    text = path.read_text()
    start, end = text.index("def test_one"), text.index("def test_two")
    path.write_text(text[:start] + text[end:])


@pytest.mark.parametrize("args", [(), ("tests",), ("tests/gas",), (".",)])
def test_complete_run_fails_for_a_case_that_no_test_measures(
    two: pytest.Pytester, args: tuple[str, ...]
) -> None:
    without_one(two)
    result = run(two, *args)
    result.assert_outcomes(passed=1)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(
        [
            "gas lab: in the snapshot, but no test measures:",
            "  made-up/one/n=1/prague",
            "To remove them: make gas-update",
        ]
    )


def test_complete_update_removes_a_case_that_no_test_measures(two: pytest.Pytester) -> None:
    without_one(two)
    result = run(two, "--gaslab-update")
    assert result.ret == pytest.ExitCode.OK
    result.stdout.fnmatch_lines(["gas lab: removed, but no test measures:"])
    assert [*committed(two)] == ["made-up/two/n=1/prague"]


@pytest.mark.parametrize(
    "args",
    [
        ("tests/gas/test_made_up.py",),
        ("tests/gas/test_made_up.py::test_two",),
        ("-k", "two"),
        ("--deselect", "tests/gas/test_made_up.py::test_one"),
        ("--ignore", "tests/gas/test_other.py"),
    ],
)
@pytest.mark.parametrize("flags", [(), ("--gaslab-update",)])
def test_run_of_some_tests_leaves_the_other_cases_alone(
    two: pytest.Pytester, args: tuple[str, ...], flags: tuple[str, ...]
) -> None:
    write(
        two, TWO.replace('"one"', '"three"').replace('"two"', '"four"'), "tests/gas/test_other.py"
    )
    run(two, "--gaslab-update").assert_outcomes(passed=4)
    (two.path / "tests/gas/test_other.py").unlink()
    assert run(two, *args, *flags).ret == pytest.ExitCode.OK
    assert len(committed(two)) == 4


def test_run_with_a_failed_or_skipped_test_calls_no_case_stale(two: pytest.Pytester) -> None:
    change(two, "def test_one(gaslab):", "def test_one(gaslab):\n    __import__('pytest').skip()")
    result = run(two, "--gaslab-update")
    result.assert_outcomes(passed=1, skipped=1)
    assert len(committed(two)) == 2


def test_run_that_stops_early_keeps_what_has_passed_and_nothing_of_what_failed(
    two: pytest.Pytester,
) -> None:
    change(two, "30_000", "30_500")
    change(two, 'row("two", 40_000))', 'row("two", 50_000)); gaslab.check(1)')
    path = two.path / "tests/gas/test_made_up.py"
    path.write_text(path.read_text() + "\n\ndef test_never(gaslab):\n    assert False\n")
    run(two, "--gaslab-update", "-x").assert_outcomes(passed=1, failed=1)
    assert [row.gas for row in committed(two).values()] == [30_500, 40_000]


def test_run_that_does_not_measure_says_nothing(project: pytest.Pytester) -> None:
    write(project, "    def test_else(): pass", "tests/test_else.py")
    result = run(project)
    result.assert_outcomes(passed=1)
    assert "gas lab" not in result.stdout.str()


# --- several processes ----------------------------------------------------------------------------


@pytest.fixture
def many(project: pytest.Pytester) -> pytest.Pytester:
    """Six files of ten cases."""
    for file in range(6):
        write(
            project,
            f"""
    import pytest
    from rows import row

    @pytest.mark.parametrize("size", range(1, 11))
    def test_size(gaslab, size):
        gaslab.check(row("file-{file}", 30_000 + size, size))
    """,
            f"tests/gas/test_file_{file}.py",
        )
    return project


def test_workers_lose_nothing_when_they_write_and_find_what_is_stale(
    many: pytest.Pytester,
) -> None:
    workers = ("-p", "xdist", "-n", "2", "--dist", "loadfile")
    result = run(many, *workers, "--gaslab-update")
    result.assert_outcomes(passed=60)
    result.stdout.fnmatch_lines(["gas lab: 60 cases written, 120 transactions;*"])
    assert len(committed(many)) == 60
    (many.path / "tests/gas/test_file_3.py").unlink()
    result = run(many, *workers)
    result.assert_outcomes(passed=50)
    assert result.ret == pytest.ExitCode.TESTS_FAILED
    result.stdout.fnmatch_lines(["  made-up/file-3/n=1/prague"])


def test_merge_by_two_processes_at_once_keeps_the_rows_of_both(tmp_path: Path) -> None:
    """Each has read the file before the other writes."""
    path = tmp_path / "new" / "gaslab.snap"
    first, second = Committed(path, update=True), Committed(path, update=True)
    rows = [Row("made-up", name, 1, "prague", {"gas": 1, "stack": 1}) for name in ("a", "b")]
    first.merge(rows[:1])
    second.merge(rows[1:])
    assert [*snapshot.read(path)] == [row.key for row in rows]


def test_merge_waits_while_another_process_writes(tmp_path: Path) -> None:
    committed = Committed(tmp_path / "gaslab.snap", update=True)
    row = Row("made-up", "a", 1, "prague", {"gas": 1, "stack": 1})
    other = os.open(tmp_path, os.O_RDONLY)
    fcntl.flock(other, fcntl.LOCK_EX)
    writer = threading.Thread(target=committed.merge, args=([row],))
    writer.start()
    writer.join(timeout=0.2)
    assert writer.is_alive()
    assert not committed.path.exists()
    os.close(other)
    writer.join(timeout=30)
    assert [*snapshot.read(committed.path)] == [row.key]


def test_slug_is_a_part_of_a_key() -> None:
    assert slug("Hard cancel, first (again)") == "hard-cancel-first-again"
    assert re.fullmatch("[a-z0-9-]+", slug("a__b"))


# --- on the lab's own chain -----------------------------------------------------------------------

COUNTER = """
    // SPDX-License-Identifier: MIT
    pragma solidity 0.8.37;

    contract Counter {
        uint256 public count;

        function add(uint256 by) external {
            require(by != 0, "nothing");
            count += by;
        }
    }
"""
MEASURED = """
    import pytest
    from gaslab.errors import Reverted

    @pytest.mark.gaslab(schedule=("cancun", "amsterdam-draft"))
    def test_add_twice(gaslab):
        counter = gaslab.deploy(gaslab.compile("contracts/Counter.sol")["Counter"])
        added = [gaslab.measure(counter, "add(uint256)", 7) for _ in range(2)]
        assert counter.call("count") == 14
        row = gaslab.check(added, size=2, deployed=counter)
        assert row["slots_created"] == row["slots_changed"] == 1
        assert row["deploy_gas"] > row["code_bytes"] > 0
        again = gaslab.check(gaslab.measure(counter, "add(uint256)", 7), "third time")
        assert again.variant == "third-time"

    def test_revert(gaslab):
        counter = gaslab.deploy(gaslab.compile("contracts/Counter.sol")["Counter"])
        assert gaslab.schedule.name == "prague"
        with pytest.raises(Reverted, match="nothing"):
            gaslab.measure(counter, "add(uint256)", 0)
"""


def test_fixture_compiles_deploys_and_measures_under_each_schedule(
    project: pytest.Pytester,
) -> None:
    ini = (project.path / "tox.ini").read_text()
    (project.path / "tox.ini").write_text(ini + "\ngaslab_schedule = prague")
    write(project, COUNTER, "contracts/Counter.sol")
    write(project, MEASURED)
    run(project, "--gaslab-update").assert_outcomes(passed=3)
    result = run(project)
    result.assert_outcomes(passed=3)
    assert [*committed(project)] == [
        f"made-up/{case}/{schedule}"
        for case in ("add-twice/n=2", "third-time/n=1")
        for schedule in ("amsterdam-draft", "cancun")
    ]
