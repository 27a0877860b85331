"""Contracts from the compiler, and the cache that stands before it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gaslab import solc
from gaslab.errors import CompileError, InputError
from gaslab.experiment import Settings

HEAD = "// SPDX-License-Identifier: MIT\npragma solidity 0.8.37;\n"
LEGACY = Settings(via_ir=False)
RING = solc.ROOT / "contracts" / "lab" / "RingBuffer.sol"

Project = Callable[..., Path]


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty cache, on disk and in the process."""
    folder = tmp_path / "cache"
    monkeypatch.setenv("GASLAB_CACHE", str(folder))
    monkeypatch.setattr(solc, "_CONTRACTS", {})
    solc.remappings_of.cache_clear()
    yield folder
    solc.remappings_of.cache_clear()


@pytest.fixture
def project(tmp_path: Path, cache: Path) -> Project:
    """Write files; the first is returned."""

    def write(folder: str = "project", **files: str) -> Path:
        root = tmp_path / folder
        (root / "node_modules").mkdir(parents=True, exist_ok=True)
        for name, body in files.items():
            (root / f"{name}.sol").write_text(HEAD + body)
        return root / f"{next(iter(files))}.sol"

    return write


ADDER = (
    "contract Adder { function add(uint256 a) external pure returns (uint256) { return a + 1; } }"
)


def test_compile_files_a_pair_of_the_lab_gives_all_that_the_lab_asks_for() -> None:
    contracts = solc.compile_files([RING])

    ring = contracts["Ring"]
    assert sorted(contracts) == ["GrowingArray", "HeadRing", "PackedRing", "Ring"]
    assert ring.method_identifiers["push(uint64)"] in ring.runtime.hex()
    assert ring.creation.endswith(ring.runtime)
    assert b"solc" not in ring.runtime  # no metadata behind the code
    assert {item["name"] for item in ring.abi if item["type"] == "function"} == {
        "push",
        "count",
        "at",
    }
    assert ring.layout["storage"]
    assert set(ring.sources.values()) == {"contracts/lab/RingBuffer.sol"}
    assert ring.runtime_source_map.count(";") > 100 > ring.source_map.count(";") > 0
    assert ring.settings == Settings()


def test_compile_files_same_text_elsewhere_gives_the_same_code(project: Project) -> None:
    path = project("one", Adder=ADDER)
    deeper = path.parent / "deeper" / "Renamed.sol"
    deeper.parent.mkdir()
    deeper.write_text(path.read_text())
    one, other = (solc.compile_files([file])["Adder"] for file in (path, deeper))

    assert set(one.sources.values()).isdisjoint(other.sources.values())
    assert (one.creation, one.runtime) == (other.creation, other.runtime)


def test_compile_files_twice_runs_the_compiler_once(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = project(Adder=ADDER)
    first = solc.compile_files([path], LEGACY)
    monkeypatch.setattr(solc, "_CONTRACTS", {})

    def run(requests: list[object]) -> list[object]:
        assert not requests
        return []

    monkeypatch.setattr(solc, "run_compiler", run)
    assert solc.compile_files([path], LEGACY) == first


def test_unit_of_changed_import_or_setting_is_another_entry(project: Project) -> None:
    path = project(
        User='import {Base} from "./Base.sol";\ncontract User is Base {}',
        Base='import {LibZip} from "solady/utils/LibZip.sol";\ncontract Base { uint256 a; }',
    )
    before = solc.unit_of(path, LEGACY)
    keys = {before.key, solc.unit_of(path, Settings()).key}
    keys.add(solc.unit_of(path, Settings(via_ir=False, runs=201)).key)

    base = path.with_name("Base.sol")
    base.write_text(base.read_text() + "// another comment\n")
    keys.add(solc.unit_of(path, LEGACY).key)

    assert len(keys) == 4
    assert sorted(before.texts) == [
        "Base.sol",
        "User.sol",
        "node_modules/solady/src/utils/LibZip.sol",
    ]
    assert before.paths["node_modules/solady/src/utils/LibZip.sol"].is_relative_to(solc.ROOT)


def test_compile_many_together_keeps_what_each_alone_would(
    project: Project, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = "contract {0} {{ uint256 s; function f(uint256 a) external {{ s += a * {1}; }} }}"
    path = project(**{f"C{k}": body.format(f"C{k}", k + 3) for k in range(4)})
    files = [path.with_name(f"C{k}.sol") for k in range(4)]
    solc.compile_many([(file, Settings()) for file in files])
    together = {entry.name: entry.read_bytes() for entry in cache.iterdir()}

    for entry in cache.iterdir():
        entry.unlink()
    path, _ = solc.compiler()
    monkeypatch.setattr(solc, "compiler", lambda: (path, False))  # as the native one is run
    solc.compile_files([files[2]])
    (alone,) = cache.iterdir()

    assert len(together) == 4
    assert together[alone.name] == alone.read_bytes()


def test_compile_many_one_refused_keeps_the_others(project: Project, cache: Path) -> None:
    path = project(Good=ADDER, Bad="contract Bad { uint256 a = true; }")

    with pytest.raises(CompileError, match="not implicitly convertible"):
        solc.compile_many([(path.with_name("Bad.sol"), LEGACY), (path, LEGACY)])

    assert [entry.name for entry in cache.iterdir()] == [solc.unit_of(path, LEGACY).entry.name]


def test_compile_files_refused_source_carries_the_compilers_message(project: Project) -> None:
    path = project(Bad="contract Bad { function f() external { missing(); } }")

    with pytest.raises(CompileError, match=r"(?s)Undeclared identifier.*Bad\.sol:3"):
        solc.compile_files([path], LEGACY)


def test_compile_files_missing_import_names_file_and_importer(project: Project) -> None:
    path = project(User='import "./Nowhere.sol";\ncontract User {}')

    with pytest.raises(CompileError, match=r'User\.sol: import "Nowhere\.sol" not found'):
        solc.compile_files([path])


def test_compile_files_import_above_the_project_is_refused(project: Project) -> None:
    path = project(User='import "../Outside.sol";\ncontract User {}')

    with pytest.raises(CompileError, match="leaves the project"):
        solc.compile_files([path])


def test_compile_files_library_to_be_linked_is_refused_by_name(project: Project) -> None:
    path = project(
        User="library Far { function f() external pure returns (uint256) { return 1; } }\n"
        "contract User { function g() external pure returns (uint256) { return Far.f(); } }"
    )

    with pytest.raises(CompileError, match=r"User needs Far linked.*functions internal"):
        solc.compile_files([path], LEGACY)


def test_compile_files_one_name_in_two_files_is_refused(project: Project) -> None:
    path = project(One=ADDER, Two=ADDER)

    with pytest.raises(InputError, match="found Adder, allowed one contract of that name"):
        solc.compile_files([path, path.with_name("Two.sol")], LEGACY)


def test_compile_files_no_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a Solidity file that exists"):
        solc.compile_files([tmp_path / "None.sol"])


def test_compile_files_two_processes_at_once_leave_one_whole_entry(
    project: Project, cache: Path
) -> None:
    path = project(Adder=ADDER)
    command = (
        "import sys; from pathlib import Path; from gaslab import solc\n"
        "print(solc.compile_files([Path(sys.argv[1])])['Adder'].runtime.hex())"
    )
    running = [
        subprocess.Popen(
            [sys.executable, "-c", command, str(path)],
            cwd=solc.ROOT,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    outputs = {process.communicate(timeout=60)[0].strip() for process in running}

    assert outputs == {solc.compile_files([path])["Adder"].runtime.hex()}
    assert len(list(cache.iterdir())) == 1


def test_made_immutables_are_overlooked_and_nothing_else(project: Project) -> None:
    path = project(
        Fixed="contract Fixed { uint256 public immutable A; constructor(uint256 a) { A = a; } }"
    )
    contract = solc.compile_files([path], LEGACY)["Fixed"]
    (start, length), *_ = contract.immutables
    code = bytearray(contract.runtime)
    code[start : start + length] = b"\x17" * length
    other = bytes([code[0] ^ 1]) + bytes(code[1:])

    assert contract.made(bytes(code))
    assert not contract.made(other)
    assert not contract.made(bytes(code) + b"\x00")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('import "a.sol";', ["a.sol"]),
        ("import {A, B as C} from './a.sol';", ["./a.sol"]),
        ('import * as M from "a.sol"; import "b.sol" as N;', ["a.sol", "b.sol"]),
        ('import {\n  A, // not "x.sol"\n  B\n} from "b.sol";', ["b.sol"]),
        ('// import "no.sol";\n/* import "no.sol"; */ import "yes.sol";', ["yes.sol"]),
        ('string constant S = "// import"; import "yes.sol";', ["yes.sol"]),
        ('string constant S = "import \\"no.sol\\";";', []),
        ('contract important { string s = "x"; }', []),
        ('/* " */ import "yes.sol"; /* " */', ["yes.sol"]),
    ],
)
def test_imports_of_every_form_and_no_lookalike(text: str, expected: list[str]) -> None:
    assert solc.imports_of(text) == expected


def test_remappings_of_a_projects_own_files_stand_over_the_labs(project: Project) -> None:
    path = project(User='import {Base} from "pkg/Base.sol";\ncontract User is Base {}')
    folder = path.parent
    (folder / "lib").mkdir()
    (folder / "lib" / "Base.sol").write_text(HEAD + "contract Base {}")
    (folder / "remappings.txt").write_text("pkg/=lib/\n")
    (folder / "foundry.toml").write_text('[profile.default]\nremappings = ["solady/=own/"]\n')

    assert "User" in solc.compile_files([path], LEGACY)
    assert solc.remappings_of(folder)["solady/"] == "own/"
    assert solc.remappings_of(folder)["@openzeppelin/contracts/"].startswith("node_modules/")


def test_remappings_of_one_with_a_context_is_refused(project: Project) -> None:
    folder = project(User="contract User {}").parent
    (folder / "remappings.txt").write_text("lib/a:pkg/=lib/b/\n")

    with pytest.raises(InputError, match="without a context"):
        solc.remappings_of(folder)


@pytest.fixture
def fresh_compiler() -> Iterator[None]:
    solc.compiler.cache_clear()
    yield
    solc.compiler.cache_clear()


def test_compiler_missing_says_what_provides_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_compiler: None
) -> None:
    monkeypatch.setenv("SOLCX_BINARY_PATH", str(tmp_path))

    with pytest.raises(CompileError, match=r"is missing: run scripts/setup\.sh"):
        solc.compiler()


def test_compiler_of_another_version_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fresh_compiler: None
) -> None:
    monkeypatch.setenv("SOLCX_BINARY_PATH", str(tmp_path))
    other = tmp_path / f"solc-v{solc.VERSION}"
    other.write_text("#!/bin/sh\necho Version: 0.8.36+commit.00000000.Linux.g++\n")
    other.chmod(0o755)

    with pytest.raises(CompileError, match=r"is not solc 0\.8\.37.*0\.8\.36"):
        solc.compiler()
