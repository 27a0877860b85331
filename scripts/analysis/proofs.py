"""Halmos on `tests/symbolic`: the proofs, and the faults that they must find."""

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from dataclasses import dataclass
from pathlib import Path

import yaml

from scripts.analysis.tools import TOOLS, install
from scripts.storage_layout import ROOT, compiler

PROOFS = ROOT / "tests" / "symbolic"
FAULTS = ROOT / "scripts" / "analysis" / "faults.toml"
_PROOF = re.compile(r"((?:^ *///.*\n)*)^ *function (check_inv_\w+)\(", re.MULTILINE)
_FINITE = re.compile(r"^ *function (test_\w+)\(", re.MULTILINE)
_CONTRACT = re.compile(r"^contract (\w+Test)\b", re.MULTILINE)
LOOPS = "256"  # unrolled; a proof that needs more fails
_PASSED, _COUNTEREXAMPLE = 0, 1
_OTHERWISE = {
    2: "no answer in time",
    3: "stopped at what halmos does not know",
    4: "all paths revert: nothing is shown",
    5: "failed to run",
}


@dataclass(frozen=True)
class Outcome:
    """What halmos says of one proof."""

    name: str
    exit_code: int
    bounded_loops: int  # that were cut off
    paths: int
    seconds: float

    @property
    def complaint(self) -> str:
        if self.exit_code == _COUNTEREXAMPLE:
            return f"{self.name}: has a counterexample"
        if self.exit_code != _PASSED:
            return f"{self.name}: {_OTHERWISE.get(self.exit_code, self.exit_code)}"
        if self.bounded_loops:
            return f"{self.name}: {self.bounded_loops} loops were cut off"
        return ""


@dataclass(frozen=True)
class Fault:
    """A fault to plant: `old`, which stands once in the file, becomes `new`."""

    name: str
    path: str
    old: str
    new: str
    found_by: str  # a proof

    @property
    def complaint(self) -> str:
        count = (ROOT / self.path).read_text().count(self.old)
        return "" if count == 1 else f"{self.name}: `old` stands {count} times in {self.path}"


def declared() -> dict[str, str]:
    """Name of the contract by name of the proof, as the sources have them."""
    found = {}
    for path in sorted(PROOFS.glob("*.t.sol")):
        source = path.read_text()
        contract = _CONTRACT.search(source)
        if contract is None:
            raise ValueError(f"{path}: no contract of proofs")
        for _, name in _PROOF.findall(source):
            if name in found:
                raise ValueError(f"{path}: {name} stands in {found[name]} too")
            found[name] = contract[1]
    return found


def finite() -> list[str]:
    """Names of the tests that go through all cases there are, which forge runs."""
    sources = [path.read_text() for path in sorted(PROOFS.glob("*.t.sol"))]
    return [name for source in sources for name in _FINITE.findall(source)]


def faults() -> list[Fault]:
    """Read the faults."""
    return [Fault(**entry) for entry in tomllib.loads(FAULTS.read_text())["fault"]]


def environment() -> dict[str, str]:
    """In which forge takes the pinned compiler, and what `foundry.toml` says of the proofs."""
    version = yaml.safe_load((ROOT / "ape-config.yaml").read_text())["solidity"]["version"]
    return {
        **os.environ,
        "PATH": f"{TOOLS / 'bin'}:{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}",
        "FOUNDRY_PROFILE": "symbolic",
        "FOUNDRY_SOLC": str(compiler(version)),
    }


def prove(root: Path, names: dict[str, str], *options: str) -> list[Outcome]:
    """Run halmos on some proofs of the checkout at `root`, with further options of its own.

    Raises
    ------
    RuntimeError
        With the end of what halmos said, if it did not get to prove anything.
    """
    install()
    with tempfile.TemporaryDirectory() as folder:
        answer = Path(folder) / "answer.json"
        command: list[str | Path] = [TOOLS / "bin" / "halmos", "--root", root]
        command += [
            "--forge-build-out",
            ".toolchain/symbolic-out",
            "--solver",
            "yices",
            "--loop",
            LOOPS,
        ]
        command += ["--no-status", "--json-output", answer, *options]
        command += ["--match-contract", f"^({'|'.join(sorted(set(names.values())))})$"]
        command += ["--match-test", f"^({'|'.join(sorted(names))})\\("]
        done = subprocess.run(
            command, cwd=root, env=environment(), capture_output=True, text=True, check=False
        )
        if not answer.exists():
            raise RuntimeError(f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
        results = json.loads(answer.read_text())["test_results"]
    return [
        Outcome(
            row["name"].partition("(")[0],
            row["exitcode"],
            row["num_bounded_loops"] or 0,
            row["num_paths"][0] if row["num_paths"] else 0,
            row["time"][0] if row["time"] else 0.0,
        )
        for rows in results.values()
        for row in rows
    ]


def run_forge(match: str) -> list[str]:
    """Run what forge tests there; a line for each test that fails."""
    names = [name for name in finite() if re.search(match, name)]
    if not names:
        return []
    done = subprocess.run(
        [
            ROOT / ".venv" / "bin" / "forge",
            "test",
            "--json",
            "--match-test",
            f"^({'|'.join(names)})\\(",
        ],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if not done.stdout.startswith("{"):
        raise RuntimeError(f"{done.stdout[-3000:]}\n{done.stderr[-3000:]}")
    results = {
        name.partition("(")[0]: result["status"]
        for suite in json.loads(done.stdout).values()
        for name, result in suite["test_results"].items()
    }
    print(f"forge: {len(results)} tests of what is finite")
    missing = [f"{name}: not run" for name in names if name not in results]
    wrong = [f"{name}: {status}" for name, status in results.items() if status != "Success"]
    return missing + wrong


def check(match: str) -> list[str]:
    """Prove what is there; a line for each proof that does not hold."""
    names = {name: where for name, where in declared().items() if re.search(match, name)}
    lines = run_forge(match)
    if not names:
        return lines
    outcomes = sorted(prove(ROOT, names), key=lambda one: -one.seconds)
    for one in outcomes:
        print(f"halmos: {one.seconds:6.1f} s {one.paths:6,} paths  {one.name}")
    missing = names.keys() - {one.name for one in outcomes}
    lines += [one.complaint for one in outcomes if one.complaint]
    lines += [f"{name}: not run" for name in sorted(missing)]
    if not lines:
        print(f"halmos: {len(outcomes)} properties hold")
    return lines


def check_faults(match: str) -> list[str]:
    """Plant each fault in a copy; a line for each that its proof does not find."""
    chosen = [fault for fault in faults() if re.search(match, f"{fault.name} {fault.found_by}")]
    where = declared()
    lines = []
    with tempfile.TemporaryDirectory(prefix="quoin-faults-") as folder:
        copy = _copied(Path(folder))
        for fault in chosen:
            if fault.complaint:
                lines.append(fault.complaint)
                continue
            begun = time.monotonic()
            outcome = _with(copy, fault, where)
            found = outcome is not None and outcome.exit_code == _COUNTEREXAMPLE
            verdict = "found" if found else f"NOT found ({outcome and outcome.exit_code})"
            seconds = time.monotonic() - begun
            print(f"fault: {seconds:6.1f} s  {fault.name}: {verdict} by {fault.found_by}")
            sys.stdout.flush()
            if not found:
                lines.append(f"{fault.name}: {fault.found_by} does not find it")
    if not lines:
        print(f"faults: {len(chosen)} of {len(chosen)} found")
    return lines


def _copied(folder: Path) -> Path:
    """What the proofs are compiled from, and nothing of what was compiled."""
    for name in ("contracts", "tests/symbolic"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns(".cache", "lab"))
    shutil.copy(ROOT / "foundry.toml", folder)
    (folder / "node_modules").symlink_to(ROOT / "node_modules")
    (folder / ".toolchain").mkdir()
    return folder


def _with(copy: Path, fault: Fault, where: dict[str, str]) -> Outcome | None:
    """What its proof says while the fault is planted."""
    path = copy / fault.path
    sound = path.read_text()
    # Only the contract of this proof is compiled.
    aside = [
        other
        for other in (copy / "tests" / "symbolic").glob("*.t.sol")
        if f"function {fault.found_by}(" not in other.read_text()
    ]
    try:
        path.write_text(sound.replace(fault.old, fault.new))
        for other in aside:
            other.rename(other.with_suffix(".aside"))
        # One counterexample is enough, and the paths behind it can take hundreds of times as long.
        outcomes = prove(copy, {fault.found_by: where[fault.found_by]}, "--early-exit")
    finally:
        path.write_text(sound)
        for other in aside:
            other.with_suffix(".aside").rename(other)
    return outcomes[0] if outcomes else None
