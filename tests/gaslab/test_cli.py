"""The command line: what it prints, and how it refuses."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from jsonschema import Draft202012Validator

from gaslab.catalogue import EXPERIMENTS
from gaslab.cli import main
from gaslab.report.document import SCHEMA
from gaslab.schedule import NAMES, load_schedule
from gaslab.snapshot import read
from gaslab.solc import ROOT

EXAMPLE = str(ROOT / "gaslab" / "examples" / "vaults.toml")
PRICES = str(ROOT / "gaslab" / "examples" / "prices.toml")
MINE = """
extends = "prague"
name = "dear-slots"
title = "Prague with dearer slots"

[sstore]
create = 40000
"""

Invoke = Callable[..., Result]


@pytest.fixture
def invoke() -> Invoke:
    def invoked(*arguments: str, code: int = 0) -> Result:
        result = CliRunner().invoke(main, arguments, catch_exceptions=False)
        assert result.exit_code == code, result.output
        return result

    return invoked


def test_list_names_every_experiment_once(invoke: Invoke) -> None:
    lines = invoke("list").output.splitlines()[2:]

    assert [line.split()[0] for line in lines] == list(EXPERIMENTS)


def test_list_of_a_technique_leaves_out_the_others(invoke: Invoke) -> None:
    lines = invoke("list", "--technique", "ring").output.splitlines()[2:]
    ids = [line.split()[0] for line in lines]

    assert "ring-buffer" in ids
    assert all(
        any("ring" in technique for technique in EXPERIMENTS[name].techniques) for name in ids
    )
    assert "--technique: found luck" in invoke("list", "--technique", "luck", code=1).output


def test_run_a_pair_prints_gas_components_money_and_verdicts(invoke: Invoke) -> None:
    text = invoke("run", EXAMPLE, "--schedule", "prague", "--prices", PRICES).output
    document = json.loads(invoke("run", EXAMPLE, "--schedule", "prague", "--json").output)
    (experiment,) = document["experiments"]

    for case in experiment["cases"]:
        assert f"{case['gas']:,}" in text
    for verdict in experiment["verdicts"]:
        assert f"- {verdict['sentence']}" in text
    assert "sstore-create" in text
    assert "fee in USD" in text
    assert [
        line.split()[0] for line in text.splitlines() if line.startswith(("eth", "opt", "arb"))
    ] == [
        "ethereum",
        "optimism",
        "arbitrum",
    ]


def test_run_json_is_a_report_by_its_schema(invoke: Invoke) -> None:
    document = json.loads(invoke("run", EXAMPLE, "--sizes", "2", "--json").output)

    Draft202012Validator(json.loads(SCHEMA.read_text())).validate(document)
    cases = document["experiments"][0]["cases"]
    assert {case["size"] for case in cases} == {2}
    assert {case["schedule"] for case in cases} == set(NAMES)


def test_run_under_a_schedule_of_ones_own_counts_by_it(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    chosen = ("--schedule", "prague", "--schedule", str(path), "--sizes", "16", "--json")
    document = json.loads(invoke("run", EXAMPLE, *chosen).output)
    gas = {
        (case["schedule"], case["variant"]): case["gas"]
        for case in document["experiments"][0]["cases"]
    }

    before = load_schedule("prague")["sstore.create"]
    for variant, created in (("plain", 20), ("packed", 5)):
        assert gas["dear-slots", variant] - gas["prague", variant] == created * (40_000 - before)


def test_run_an_experiment_of_the_catalogue_goes_the_same_way(invoke: Invoke) -> None:
    text = invoke("run", "ring-buffer", "--schedule", "osaka", "--sizes", "3").output

    assert text.startswith("Ring buffer\n")
    assert "head-ring" in text


def test_run_out_and_profile_write_files(invoke: Invoke, tmp_path: Path) -> None:
    out, speedscope = tmp_path / "report", tmp_path / "profile.json"
    arguments = ("--schedule", "osaka", "--sizes", "2")
    invoke("run", EXAMPLE, *arguments, "--out", str(out), "--profile", str(speedscope))
    document = json.loads(speedscope.read_text())

    assert "<svg" in (out / "index.html").read_text()
    assert len(read(out / "gaslab.snap")) == 2
    assert [one["name"].split(":")[0] for one in document["profiles"]] == [
        "vaults/plain/n=2/osaka",
        "vaults/packed/n=2/osaka",
    ]


def test_profile_writes_what_it_shows(invoke: Invoke, tmp_path: Path) -> None:
    collapsed = tmp_path / "stacks.txt"
    arguments = ("--variant", "plain", "--size", "4", "--legacy", "--schedule", "prague")
    text = invoke("profile", EXAMPLE, *arguments, "--collapsed", str(collapsed)).output

    assert "vaults/plain/n=4/prague" in text
    assert "vaults/packed" not in text
    assert "legacy pipeline" in text
    assert "PlainVault.deposit" in collapsed.read_text()
    assert "--variant: found x" in invoke("profile", EXAMPLE, "--variant", "x", code=1).output


def test_report_of_a_snapshot_is_written(invoke: Invoke, tmp_path: Path) -> None:
    rows = tmp_path / "one" / "gaslab.snap"
    invoke("run", "ring-buffer", "--sizes", "3", "--out", str(rows.parent))
    invoke("report", "--snapshot", str(rows), "--out", str(tmp_path / "two"), "--schedule", "osaka")

    assert len(read(rows)) == 4 * len(NAMES)
    assert {row.schedule for row in read(tmp_path / "two" / "gaslab.snap").values()} == {"osaka"}
    refused = invoke("report", "--snapshot", str(tmp_path / "none"), code=1)
    assert "allowed a file with rows" in refused.output


def test_diff_fails_on_a_worse_case_only_if_asked(invoke: Invoke, tmp_path: Path) -> None:
    before, after = tmp_path / "before.snap", tmp_path / "after.snap"
    line = "ring/plain/n=1/prague gas={0} execution={0} transactions=1 intrinsic={0}\n"
    before.write_text(line.format(21_000))
    after.write_text(line.format(21_005))

    assert "21,005" in invoke("diff", str(before), str(after)).output
    invoke("diff", str(before), str(after), "--fail-on-worse", code=1)
    invoke("diff", str(after), str(before), "--fail-on-worse")
    assert "21,000" in invoke("diff", str(after), str(before), "--markdown").output
    invoke("diff", str(before), str(before))
    assert "BEFORE: found" in invoke("diff", str(tmp_path / "x"), str(after), code=1).output


def test_schedules_show_says_what_differs(invoke: Invoke, tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(MINE)
    lines = invoke("schedules", "show", str(path), "--against", "prague").output.splitlines()[2:]
    whole = invoke("schedules", "show", "cancun").output.splitlines()[2:]

    assert [line.split() for line in lines] == [["sstore.create", "40,000", "20,000"]]
    assert len(whole) == len(load_schedule("cancun").constants)
    listed = invoke("schedules", "list").output.splitlines()[2:]
    assert [line.split()[0] for line in listed] == list(NAMES)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("run", "ring-bufer"),
            "input: target: found ring-bufer, allowed a pair's TOML file or an",
        ),
        (("run", "none.toml"), "input: file: found none.toml, allowed a TOML file that exists"),
        (("run", EXAMPLE, "--schedule", "rome"), "input: schedule: found rome, allowed one of can"),
        (
            ("run", EXAMPLE, "--sizes", "3,1"),
            "input: --sizes: found 3,1, allowed ascending numbers",
        ),
        (("run", EXAMPLE, "--sizes", "x"), "input: --sizes: found x, allowed ascending numbers"),
        (("run", EXAMPLE, "--prices", "none"), "input: none: found"),
        (("schedules", "show", "rome"), "input: schedule: found rome"),
    ],
)
def test_main_refusals_are_one_line_and_no_traceback(
    invoke: Invoke, arguments: tuple[str, ...], message: str
) -> None:
    output = invoke(*arguments, code=1).output

    assert output.startswith(f"Error: {message}")
    assert output.count("\n") == 1


def test_main_as_a_module_answers(tmp_path: Path) -> None:
    """As a user starts it, and with the kind of error before the message."""
    source = tmp_path / "Bad.sol"
    source.write_text("pragma solidity 0.8.37;\ncontract Bad { uint256 a = missing; }\n")
    pair = tmp_path / "bad.toml"
    pair.write_text(
        'source = "Bad.sol"\nsizes = [1]\n[variants.a]\ncontract = "Bad"\n'
        '[variants.b]\ncontract = "Bad"\n[[measure]]\ncall = "f"\n'
    )
    answer = subprocess.run(
        [sys.executable, "-m", "gaslab", "run", str(pair)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert answer.returncode == 1
    assert answer.stderr.startswith("Error: compile: DeclarationError: Undeclared identifier.")
    assert "Bad.sol:2" in answer.stderr
    assert "Traceback" not in answer.stderr
