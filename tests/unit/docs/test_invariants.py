"""What the documents of the law say of tests, files and each other is so."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]
INVARIANTS = ROOT / "docs" / "invariants.md"
PAGES = [
    INVARIANTS,
    ROOT / "docs" / "threat-model.md",
    ROOT / "docs" / "how-to" / "challenge-a-batch.md",
    ROOT / "docs" / "how-to" / "leave.md",
]
LAWS = [f"S{number}" for number in range(1, 12)]


def sections() -> dict[str, str]:
    """Text of each law."""
    parts = re.split(r"^## (.+)$", INVARIANTS.read_text(), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def known_tests() -> dict[str, Path]:
    found = {}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for name in re.findall(r"^\s*(?:async )?def (test_\w+)", path.read_text(), re.MULTILINE):
            found[name] = path
    return found


def test_every_law_of_the_protocol_has_its_section_in_order() -> None:
    assert list(sections()) == LAWS
    protocol = (ROOT / "docs" / "protocol.md").read_text()
    assert [f"S{n}" for n in re.findall(r"^- S(\d+) ", protocol, re.MULTILINE)] == LAWS


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_test_that_is_named_exists(page: Path) -> None:
    named = set(re.findall(r"`(test_\w+)`", page.read_text()))
    assert named - known_tests().keys() == set()


@pytest.mark.parametrize("law", LAWS)
def test_every_law_names_tests(law: str) -> None:
    assert re.findall(r"`(test_\w+)`", sections()[law])


def test_every_test_of_a_law_is_of_one_that_there_is() -> None:
    numbers = {n for name in known_tests() for n in re.findall(r"(?<=_)s(\d+)(?=_)", name)}
    assert {f"S{number}" for number in numbers} <= set(LAWS)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_file_and_link_that_is_named_exists(page: Path) -> None:
    text = page.read_text()
    links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
    missing = [link for link in links if not (page.parent / link).exists()]
    files = re.findall(r"`((?:tests|matcher|contracts|docs|scripts)/[\w./-]+)`", text)
    missing += [name for name in files if not (ROOT / name).exists()]
    assert missing == []


def test_files_named_for_mutants_are_those_that_have_some() -> None:
    from tests.mutants.table import MUTANTS

    named: set[str] = set()
    for line in re.findall(r"\*Mutants\*: (.*)\.", INVARIANTS.read_text()):
        named |= set(re.findall(r"`(\w+)`", line))
    assert named <= {Path(mutant.file).stem for mutant in MUTANTS}


def test_known_limits_are_numbered_without_a_gap_and_pointed_at_rightly() -> None:
    text = PAGES[1].read_text()
    numbers = [int(n) for n in re.findall(r"^\*\*L(\d+)\. ", text, re.MULTILINE)]
    assert numbers == list(range(1, len(numbers) + 1))
    pointed = {int(n) for page in PAGES for n in re.findall(r"\bL(\d+)\b", page.read_text())}
    assert pointed <= set(numbers)
