"""One planted fault."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Mutant:
    """A fault to plant in a contract.

    Attributes
    ----------
    name : str
        What is wrong then.
    file : str
        Below `contracts/`.
    old, new : str
        The text that is replaced, which stands in the file exactly once, and by what.
    tests : tuple of str
        What pytest is given: the tests of which one at least must fail.
    compiled : tuple of str
        Files below `contracts/` that are compiled; by default all that use the file and have code.
    survives : str
        Why no test can fail; empty if one must.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
    survives: str = ""
    compiled: tuple[str, ...] = ()

    def planted_in(self, text: str) -> str:
        """The file's text with the fault.

        Raises
        ------
        ValueError
            If the file does not have the text exactly once.
        """
        found = text.count(self.old)
        if found != 1:
            raise ValueError(f"{self.name}: {self.file} has {self.old!r} {found} times, allowed 1")
        return text.replace(self.old, self.new)

    def files(self) -> list[str]:
        """The files of its tests."""
        return [test for test in self.tests if test.endswith(".py")]


HARNESSES = {  # which contracts these tests ask
    "tests/unit/contracts/test_libraries.py": ("mocks/LibraryHarness.sol",),
    "tests/unit/contracts/test_libraries_words.py": ("mocks/WordHarness.sol",),
    "tests/unit/contracts/test_libraries_margin.py": (
        "mocks/LibraryHarness.sol",
        "mocks/MarginHarness.sol",
    ),
    "tests/unit/contracts/test_prover_margin.py": ("provers/MarginProver.sol",),
}


def of_library(
    name: str, file: str, old: str, new: str, tests: tuple[str, ...], survives: str = ""
) -> Mutant:
    """A fault of a library, compiled into the contracts whose tests are run."""
    asked = HARNESSES.get(tests[0], ("provers/TransitionProver.sol",))
    return Mutant(name, file, old, new, tests, survives, asked)
