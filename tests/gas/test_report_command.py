"""`ape run gas_report`: measures, compares with what is committed, writes the report."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gaslab import snapshot
from gaslab.snapshot import Row
from scripts import gas_report


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the report of one small experiment."""
    folder = tmp_path_factory.mktemp("report")
    result = report(folder, "--only", "clz", "--schedule", "osaka", "--workers", "1")
    assert "measuring" in result.output
    return folder


def report(folder: Path, *args: str) -> Result:
    return CliRunner().invoke(gas_report.cli, ["--out", str(folder), *args])


@pytest.fixture
def committed(
    measured: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, list[Row]]:
    """A snapshot of the project, that holds what was measured and another experiment's row."""
    rows = [*snapshot.read(measured / "gaslab.snap").values()]
    path, one = tmp_path / "gaslab.snap", {"gas": 1, "execution": 1, "intrinsic": 1}
    snapshot.write(path, [*rows, Row("push0", "paris", 1, "osaka", one)])
    monkeypatch.setattr(gas_report, "SNAPSHOT", path)
    return path, rows


def remeasure(tmp_path: Path) -> Result:
    return report(tmp_path / "again", "--only", "clz", "--schedule", "osaka", "--workers", "1")


def test_report_is_written_in_all_its_forms(measured: Path) -> None:
    names = {path.name for path in measured.iterdir()}
    assert {"index.html", "report.json", "report.md", "gaslab.snap", "svg"} <= names
    rows = snapshot.read(measured / "gaslab.snap").values()
    assert {(row.experiment, row.schedule) for row in rows} == {("clz", "osaka")}


def test_report_of_what_is_committed_says_so(
    committed: tuple[Path, list[Row]], tmp_path: Path
) -> None:
    result = remeasure(tmp_path)
    assert result.exit_code == 0
    assert f"All {len(committed[1])} cases are as committed." in result.output


@pytest.mark.parametrize(("by", "code", "title"), [(-1, 1, "worse: 1 case"), (1, 0, "better: 1")])
def test_report_fails_if_a_case_costs_more_than_is_committed(
    committed: tuple[Path, list[Row]], tmp_path: Path, by: int, code: int, title: str
) -> None:
    path, (row, *others) = committed
    moved = {**row.figures, "gas": row.gas + by, "stack": row["stack"] + by}
    other = Row(row.experiment, row.variant, row.size, row.schedule, moved)
    snapshot.write(path, [other, *others])
    result = remeasure(tmp_path)
    assert result.exit_code == code
    assert title in result.output
    assert "If this is meant: make gas-update" in result.output


def test_report_from_a_snapshot_measures_nothing(measured: Path, tmp_path: Path) -> None:
    file = measured / "gaslab.snap"
    result = report(tmp_path, "--from-snapshot", str(file))
    assert result.exit_code == 0
    assert "measuring" not in result.output
    assert (tmp_path / "gaslab.snap").read_text() == file.read_text()


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (("--only", "clzz"), "--only: found clzz, allowed one of access-list"),
        (("--schedule", "paris"), "schedule: found paris, allowed one of cancun, prague"),
    ],
)
def test_report_of_what_is_not_there_is_refused(
    tmp_path: Path, args: tuple[str, ...], message: str
) -> None:
    result = report(tmp_path, *args)
    assert result.exit_code == 1
    assert message in result.output
    assert not (tmp_path / "index.html").exists()
