"""Every planted fault has its place in the contracts as they stand, and tests to notice it."""

from __future__ import annotations

import pytest

from tests.mutants.mutant import ROOT, Mutant
from tests.mutants.table import MUTANTS


@pytest.mark.parametrize("file", sorted({mutant.file for mutant in MUTANTS}))
def test_faults_of_a_file_have_their_places(file: str) -> None:
    text = (ROOT / "contracts" / file).read_text()
    for mutant in MUTANTS:
        if mutant.file == file:
            assert mutant.planted_in(text) != text


def test_faults_have_tests_that_exist() -> None:
    for test in {test for mutant in MUTANTS for test in mutant.files()}:
        assert (ROOT / test).is_file(), test
    assert all(mutant.files() for mutant in MUTANTS)


def test_faults_are_planted_once() -> None:
    assert len({(m.file, m.old, m.new) for m in MUTANTS}) == len(MUTANTS)
    assert len({(m.file, m.name) for m in MUTANTS}) == len(MUTANTS)


def test_fault_without_a_place_is_refused() -> None:
    mutant = Mutant("none", "Vault.sol", "no such text", "", ())
    with pytest.raises(ValueError, match="0 times, allowed 1"):
        mutant.planted_in("contract Vault {}")
