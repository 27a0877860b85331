"""The committed page of results is what results.json says, and every benchmark is on it."""

import ast
import json
from pathlib import Path

import pytest

from benchmarks import report, runs
from benchmarks.__main__ import chosen
from benchmarks.pictures import pictures
from benchmarks.result import Result
from benchmarks.words import figure, less_is_better, ratio

FOLDER = Path(runs.__file__).parent
EMPTY = f"# Benchmarks\n\n{report.BEGIN}\n{report.END}\n\nthe end\n"

LATENCY = {"p50 us": 0.8, "p99 us": 2.5, "other p50 us": 60.0, "trips": 1000, "seed": 3}
RESULTS = [
    Result("matching", "one | book", 26_000_000.0, 200_000.0, "commands/s", "lists 1.0", 5, {}),
    Result("round trip", "a <ring>", 0.8, 60.0, "us", "a pipe", 5, LATENCY),
    Result("memory", "resting order", 120.0, None, "bytes", "", 1, {"orders": 1_000_000}),
    *(
        Result("scaling", f"{n} books", 40.0 * n, None, "ns", "", 3, {"line": "books", "size": n})
        for n in (1, 10, 100)
    ),
]


def a_run(module: str = "matching", results: list[Result] = RESULTS) -> runs.Run:
    return runs.Run(module, "How fast.", "One sends.", "a machine", "Python", False, 0.5, results)


def place(root: Path, made: dict[str, runs.Run]) -> Path:
    """A root with a page and no results yet; the path of its results."""
    (root / report.PAGE).parent.mkdir(parents=True)
    (root / report.PAGE).write_text(EMPTY)
    (root / report.FRONT).write_text(EMPTY.replace(report.BEGIN, report.BEGIN_HEADLINE))
    results = root / "results.json"
    runs.save_runs(made, results)
    return results


# --- what is committed ---------------------------------------------------------------------------


def test_page_and_pictures_are_what_the_committed_results_say() -> None:
    assert report.stale() == []


def test_every_module_that_measures_is_known_to_the_runner() -> None:
    measuring = {
        path.stem
        for path in FOLDER.glob("*.py")
        if not path.stem.startswith("__")
        and any(
            isinstance(node, ast.FunctionDef) and node.name == "measure"
            for node in ast.parse(path.read_text()).body
        )
    }
    assert measuring <= set(runs.MODULES)
    assert set(runs.present()) <= measuring, "named, but without measure(quick)"


def test_everything_of_the_headline_was_measured() -> None:
    runs_of_all = runs.load_runs().values()
    found = {(one.benchmark, one.case) for run in runs_of_all for one in run.results}
    assert set(report.HEADLINE) <= found


def test_committed_results_are_complete() -> None:
    for run in runs.load_runs().values():
        assert run.results, run.module
        for result in run.results:
            assert result.quoin > 0, result
            assert result.other is None or (result.other > 0 and result.other_name), result
            assert result.n > 0, result


# --- how it is made ------------------------------------------------------------------------------


def test_written_results_are_read_back_in_the_order_of_the_page(tmp_path: Path) -> None:
    made = {"tree": a_run("tree"), "matching": a_run()}
    runs.save_runs(made, tmp_path / "results.json")
    assert list(runs.load_runs(tmp_path / "results.json").items()) == [
        ("matching", made["matching"]),
        ("tree", made["tree"]),
    ]


def test_page_holds_each_figure_and_leaves_what_is_around_it() -> None:
    text = report.page(EMPTY, [a_run()])
    assert text.startswith("# Benchmarks\n\n")
    assert text.endswith("the end\n")
    assert (
        "| matching: one \\| book | 26.0 M commands/s | 200 k commands/s (lists 1.0) | × 130 |"
        in text
    )
    assert "| round trip: a &lt;ring> | 0.800 us | 60.0 us (a pipe) | × 75 | 5 |" in text
    assert "trips 1,000" in text
    assert "How fast" in text
    assert "One sends." in text
    assert report.page(text, [a_run()]) == text, "writing again changes nothing"
    with pytest.raises(ValueError, match="found 0 places"):
        report.page("# Benchmarks\n", [a_run()])


def test_front_holds_what_was_measured_of_the_headline() -> None:
    books = Result("matching", "one small book", 22e6, 1e6, "commands/s", "lists 1.0", 5, {})
    empty = EMPTY.replace(report.BEGIN, report.BEGIN_HEADLINE)
    text = report.front(empty, [a_run(results=[*RESULTS, books])])
    row = "| matching and admission, one small book | 22.0 M commands/s | 1.00 M commands/s"
    assert row + " (lists 1.0) | × 22 |" in text
    assert text.count("\n| ") == 3, "no row without a figure"
    with pytest.raises(ValueError, match=r"README.md: found 0 places"):
        report.front(EMPTY, [a_run()])


def test_changed_figure_makes_page_and_picture_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = place(tmp_path, {"matching": a_run()})
    monkeypatch.setattr(report, "load_runs", lambda: runs.load_runs(results))
    drawn = {f"{name}.svg" for name in ("throughput", "latency", "memory", "scaling")}
    assert {path.name for path in report.stale(tmp_path)} == drawn | {"benchmarks.md", "README.md"}
    report.write(tmp_path)
    assert report.stale(tmp_path) == []

    row = json.loads(results.read_text())
    row["runs"][0]["results"][0]["quoin"] *= 2
    results.write_text(json.dumps(row))
    found = {path.name for path in report.stale(tmp_path)}
    assert found == {"benchmarks.md", "throughput.svg"}


def test_picture_that_nothing_draws_any_more_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = place(tmp_path, {"matching": a_run()})
    monkeypatch.setattr(report, "load_runs", lambda: runs.load_runs(results))
    report.write(tmp_path)
    runs.save_runs({"matching": a_run(results=RESULTS[:1])}, results)
    report.write(tmp_path)
    assert [path.name for path in (tmp_path / report.IMAGES).iterdir()] == ["throughput.svg"]


def test_pictures_show_every_figure_with_its_size() -> None:
    drawn = {one.name: one.text for one in pictures([a_run()])}
    assert "lists 1.0: 200 k commands/s" in drawn["throughput"]
    assert "Quoin, p99: 2.50 us" in drawn["latency"]
    assert "a pipe, p50: 60.0 us" in drawn["latency"]
    assert "Quoin: 120 bytes" in drawn["memory"]
    assert "books, N = 100: 4,000 ns" in drawn["scaling"]


@pytest.mark.parametrize(
    ("value", "text"),
    [(26_143_000, "26.1 M"), (999.6, "1.00 k"), (0.1234, "0.123"), (0, "0"), (1e-5, "1.00e-05")],
)
def test_figures_have_three_digits(value: float, text: str) -> None:
    assert figure(value) == text


def test_ratio_is_above_one_when_we_are_better() -> None:
    faster = Result("a", "b", 10.0, 4.0, "orders/s", "x", 1, {})
    sooner = faster._replace(quoin=4.0, other=10.0, unit="us")
    smaller = sooner._replace(unit="bytes per order")
    assert ratio(faster) == ratio(sooner) == ratio(smaller) == "× 2.5"
    assert less_is_better("per 1,000 orders")
    assert not less_is_better("roots/s")


def test_docstring_gives_title_and_method_without_the_command_line() -> None:
    title, method = runs.told("Pipes.\n\n    python -m x\n\nOne sends,\none takes.\n\nTwice.\n")
    assert (title, method) == ("Pipes.", "One sends, one takes.\n\nTwice.")


def test_modules_asked_for_that_do_not_exist_are_named() -> None:
    assert chosen("", ["ring", "tree"]) == ["ring", "tree"]
    assert chosen("tree", ["ring", "tree"]) == ["tree"]
    with pytest.raises(SystemExit, match="found rign, allowed ring, tree"):
        chosen("rign", ["ring", "tree"])
