"""Whoever compiles the contracts does it alike."""

import tomllib
from pathlib import Path

import yaml

from gaslab.experiment import Settings

ROOT = Path(__file__).parents[2]


def test_compiler_settings_of_ape_forge_and_the_lab_are_alike() -> None:
    ape = yaml.safe_load((ROOT / "ape-config.yaml").read_text())
    solidity = ape["solidity"]
    forge = tomllib.loads((ROOT / "foundry.toml").read_text())["profile"]["default"]
    assert forge["via_ir"] == solidity["via_ir"] == Settings().via_ir
    assert forge["optimizer_runs"] == solidity["optimization_runs"] == Settings().runs
    assert forge["optimizer"] == solidity["optimize"] == Settings().optimizer
    assert forge["solc"].endswith(f"-v{solidity['version']}")
    assert forge["evm_version"] == solidity["evm_version"] == ape["foundry"]["evm_version"]
