"""Variants passed as alike that were not, and no row was labelled so.

A variant with `exempt` and without `differs` was compared in nothing; a misspelled `exempt` or
`tolerance` was ignored; and of two unnamed arguments of an event only the last was compared.
"""

from pathlib import Path

import pytest

from gaslab.environment import Environment
from gaslab.errors import InputError
from gaslab.experiment import Experiment, Settings, Technique, Variant
from gaslab.pair import load_pair
from gaslab.run import run_experiment
from gaslab.schedule import load_schedule
from gaslab.solc import ROOT, compile_files

SOURCE = """// SPDX-License-Identifier: MIT
pragma solidity 0.8.37;

contract Two {
    function f() external pure returns (uint256) {
        return 2;
    }
}

contract Three {
    function f() external pure returns (uint256) {
        return 3;
    }
}

contract Logs {
    event Moved(uint256 indexed, uint256, uint256);

    function f() external {
        emit Moved(1, 2, 3);
    }
}
"""


def _source(folder: Path) -> Path:
    path = folder / "Two.sol"
    path.write_text(SOURCE)
    return path


def _experiment(
    folder: Path, other: Variant, observed: object = None, **tolerance: int
) -> Experiment:
    def drive(bench, n):
        bench.deploy()
        bench.measure("f")
        bench.observe("f", bench.read("f") if observed is None else observed)

    return Experiment(
        id="own",
        title="Own",
        techniques=(Technique.OWN,),
        question="Which?",
        source=_source(folder),
        variants=(Variant("two", "Two", ""), other),
        sizes=(1,),
        unit="call",
        drive=drive,
        claim="",
        rule="",
        pays="",
        does_not_pay="",
        readability="",
        tolerance=tolerance,
    )


def test_exempt_variant_that_does_not_say_in_what_it_differs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"own\.variants\.three\.exempt: found f, allowed nothing"):
        _experiment(tmp_path, Variant("three", "Three", "", exempt=frozenset({"f"})))


@pytest.mark.parametrize(
    ("field", "told"),
    [
        ('differs = "In all."\nexempt = ["acountOf"]', "variants.packed.exempt: found acountOf"),
        ('[tolerance]\n"logs of Self" = 1', "tolerance: found logs of Self"),
    ],
)
def test_pair_that_names_what_is_not_observed_is_refused(
    tmp_path: Path, field: str, told: str
) -> None:
    examples = ROOT / "gaslab" / "examples"
    (tmp_path / "Vaults.sol").write_text((examples / "Vaults.sol").read_text())
    text = (examples / "vaults.toml").read_text()
    note = 'note = "All fields in one word."'
    assert note in text
    (tmp_path / "own.toml").write_text(text.replace(note, field))

    with pytest.raises(InputError) as refused:
        load_pair(tmp_path / "own.toml")
    assert str(refused.value) == (
        f"own.toml: {told}, allowed what is observed: outputs of deposit, logs of self, accountOf"
    )


def test_tolerance_of_what_is_no_number_is_refused(tmp_path: Path) -> None:
    experiment = _experiment(tmp_path, Variant("three", "Two", ""), observed=(1, 2), f=1)
    with pytest.raises(InputError, match=r"own\.tolerance\.f: found \(1, 2\), allowed a number"):
        run_experiment(experiment, load_schedule("osaka"))


def test_unnamed_arguments_of_an_event_do_not_hide_each_other(tmp_path: Path) -> None:
    contract = compile_files([_source(tmp_path)], Settings())["Logs"]
    deployed = Environment(load_schedule("osaka")).deploy(contract)

    assert deployed.logs(deployed.send("f")) == [("Moved", {"0": 1, "1": 2, "2": 3})]
