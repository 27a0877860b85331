"""Wrong values that ended the gas lab's commands with a traceback, or were taken for right."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner

from gaslab.cli import main
from gaslab.errors import InputError
from gaslab.snapshot import parse_line, read
from gaslab.solc import ROOT

EXAMPLES = ROOT / "gaslab" / "examples"
Refused = Callable[..., str]


@pytest.fixture
def refused() -> Refused:
    def invoked(*arguments: object, code: int = 1) -> str:
        result = CliRunner().invoke(main, [*map(str, arguments)], catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result.output

    return invoked


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ("sender = true", "measure[0] (sender): found True, allowed one of the 10 accounts"),
        ("value = -5", "measure[0] (value): found -5, allowed a whole number of wei"),
        ('value = "5"', "measure[0] (value): found 5, allowed a whole number of wei"),
        ('value = "$2**256"', "measure[0] (value): found 115792"),
        ("value = 1.5", "measure[0] (value): found 1.5, allowed a whole number of wei"),
    ],
)
def test_sender_or_value_of_the_wrong_type_is_named(
    refused: Refused, tmp_path: Path, field: str, told: str
) -> None:
    (tmp_path / "Vaults.sol").write_text((EXAMPLES / "Vaults.sol").read_text())
    text = (EXAMPLES / "vaults.toml").read_text()
    assert 'sender = "$i % 10"' in text
    (tmp_path / "own.toml").write_text(text.replace('sender = "$i % 10"', field))

    assert told in refused("run", tmp_path / "own.toml", "--schedule", "osaka")


def test_source_without_a_contract_is_told(refused: Refused, tmp_path: Path) -> None:
    (tmp_path / "Vaults.sol").write_text("// SPDX-License-Identifier: MIT\n")
    (tmp_path / "own.toml").write_text((EXAMPLES / "vaults.toml").read_text())

    told = refused("run", tmp_path / "own.toml", "--schedule", "osaka")
    assert "variants.plain.contract: found PlainVault" in told


def test_variant_under_a_schedule_that_there_is_not_is_refused(
    refused: Refused, tmp_path: Path
) -> None:
    (tmp_path / "Vaults.sol").write_text((EXAMPLES / "Vaults.sol").read_text())
    text = (EXAMPLES / "vaults.toml").read_text()
    note = 'note = "All fields in one word."'
    assert note in text
    (tmp_path / "own.toml").write_text(text.replace(note, 'schedules = ["oska"]'))

    told = refused("run", tmp_path / "own.toml", "--schedule", "osaka")
    assert "variants.packed.schedules: found oska, allowed" in told


@pytest.mark.parametrize("command", ["run", "report", "profile"])
def test_output_that_cannot_be_written_is_told(
    refused: Refused, tmp_path: Path, command: str
) -> None:
    file = tmp_path / "file"
    file.write_text("")
    arguments: dict[str, list[object]] = {
        "run": ["clz", "--schedule", "osaka", "--sizes", "1", "--out", file],
        "report": ["--out", file],
        "profile": ["clz", "--schedule", "osaka", "--size", 1, "--collapsed", file / "stacks"],
    }

    assert f"Error: file: {file}" in refused(command, *arguments[command])


@pytest.mark.parametrize("arguments", [["--size", "0"], ["--size", "-3"], ["--lines", "-5"]])
def test_profile_of_no_items_or_lines_is_refused(refused: Refused, arguments: list[str]) -> None:
    assert "is not in the range x>=1" in refused("profile", "clz", *arguments, code=2)


def test_profile_of_a_variant_that_the_schedule_cannot_run_is_refused(refused: Refused) -> None:
    told = refused("profile", "clz", "--schedule", "cancun", "--variant", "opcode")

    assert "--variant: found opcode, allowed one that runs under cancun: binary" in told


KEY = "ring/plain/n=1/osaka"
LINE = f"{KEY} gas=21000 execution=21000 transactions=1 intrinsic=21000"


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (KEY, "gas: found nothing, allowed the sum of the components, 0"),
        (LINE.replace("gas=21000", "gas=21001", 1), "gas: found 21001, allowed the sum"),
        (f"{LINE} gas=5", "found gas, allowed each figure once"),
        (f"{LINE} error:=5", "found error:, allowed a figure's name"),
        (LINE.replace("n=1", "n=0"), "found ring/plain/n=0/osaka, allowed"),
    ],
)
def test_snapshot_line_that_cannot_be_is_refused(line: str, told: str) -> None:
    parse_line(LINE)
    with pytest.raises(InputError, match=told):
        parse_line(line)


def test_snapshot_that_is_no_text_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.snap").write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match=r"own\.snap: found .*, allowed a snapshot"):
        read(tmp_path / "own.snap")


def test_report_of_a_technique_without_its_baseline_is_refused(
    refused: Refused, tmp_path: Path
) -> None:
    lines = (ROOT / "tests" / "gas" / "gaslab.snap").read_text().splitlines()
    (tmp_path / "own.snap").write_text(
        "".join(f"{line}\n" for line in lines if line.startswith("clz/opcode/n=1/"))
    )

    told = refused("report", "--snapshot", tmp_path / "own.snap", "--out", tmp_path / "out")
    assert "clz under amsterdam-draft: found no row of binary, allowed rows of the baseline" in told
