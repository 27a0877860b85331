"""A copy of the checkout in which faults are planted, compiled and tested."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

from scripts import compile as build
from scripts.storage_layout import compiler, remappings
from tests.mutants.mutant import ROOT, Mutant

COPIED = ("contracts", "demo", "gaslab", "matcher", "scripts", "tests", ".build")
FILES = ("ape-config.yaml", "package-lock.json", "pyproject.toml")
LINKED = (".venv", "node_modules", ".toolchain")
LAB = "contracts/lab/"
IMPORT = re.compile(r'from "([^"]+)"|import "([^"]+)"')
SAID = "said"
TESTER = f"""
import json, os, sys
import pytest
from tests.support import acquittal, challenge, conviction  # and all that these need
for line in sys.stdin:
    child = os.fork()
    if child == 0:
        said = os.open({SAID!r}, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
        os.dup2(said, 1)
        os.dup2(said, 2)
        code = int(pytest.main(json.loads(line)))
        sys.stdout.flush()
        os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""  # a process that has imported everything; each test run is a fork of it
OUTPUT = ["abi", "evm.bytecode.object", "evm.deployedBytecode.object", "evm.methodIdentifiers"]


class Broken(Exception):
    """A mutant says nothing: it does not compile, or its tests do not run."""


class Workshop:
    """The copy.

    Parameters
    ----------
    folder : Path
        Empty; where it is made.
    """

    def __init__(self, folder: Path):
        build.compile_contracts()
        self.folder = folder
        ignore = shutil.ignore_patterns("__pycache__", ".cache", "lock")
        for name in COPIED:
            shutil.copytree(ROOT / name, folder / name, ignore=ignore)
        for name in FILES:
            shutil.copy2(ROOT / name, folder / name)
        for name in LINKED:
            (folder / name).symlink_to(ROOT / name)
        self.manifest = folder / build.MANIFEST.relative_to(ROOT)
        self.stamp = folder / build.STAMP.relative_to(ROOT)
        self.honest = self.manifest.read_bytes()
        self.tester = subprocess.Popen(
            [sys.executable, "-c", TESTER],
            cwd=folder,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.config = yaml.safe_load((ROOT / "ape-config.yaml").read_text())
        self.sources = {
            path.relative_to(folder).as_posix(): path.read_text()
            for path in (folder / "contracts").rglob("*.sol")
            if not path.relative_to(folder).as_posix().startswith(LAB)
        }

    def close(self) -> None:
        """End the process that tests."""
        assert self.tester.stdin is not None
        self.tester.stdin.close()
        self.tester.wait()

    def survives(self, mutant: Mutant) -> bool:
        """Whether all tests pass with the fault in place; the copy is as before afterwards.

        Raises
        ------
        Broken
            If it does not compile, or the tests do not even begin.
        ValueError
            If the fault has no place any more.
        """
        source = f"contracts/{mutant.file}"
        before = self.sources[source]
        planted = mutant.planted_in(before)
        try:
            (self.folder / source).write_text(planted)
            self._compile({**self.sources, source: planted}, source, mutant.compiled)
            return self._passes(mutant.tests)
        finally:
            (self.folder / source).write_text(before)
            self.manifest.write_bytes(self.honest)

    def passes_unharmed(self, tests: tuple[str, ...]) -> bool:
        """Whether tests pass without any fault."""
        self._stamp()
        return self._passes(tests)

    # --- compiling

    def _compile(self, sources: dict[str, str], changed: str, only: tuple[str, ...]) -> None:
        """Compile what the changed file is part of into the copy's manifest."""
        wanted = [name for name in self._users(changed) if self._has_code(name)]
        if only:
            assert {f"contracts/{name}" for name in only} <= set(wanted), only
            wanted = [f"contracts/{name}" for name in only]
        solidity = self.config["solidity"]
        request = {
            "language": "Solidity",
            "sources": {name: {"content": text} for name, text in sources.items()},
            "settings": {
                "evmVersion": solidity["evm_version"],
                "optimizer": {
                    "enabled": solidity["optimize"],
                    "runs": solidity["optimization_runs"],
                },
                "viaIR": solidity["via_ir"],
                "remappings": remappings(self.config),
                "outputSelection": {name: {"*": OUTPUT} for name in wanted},
            },
        }
        output = json.loads(_answer(compiler(solidity["version"]), json.dumps(request)))
        for error in output.get("errors", []):
            if error["severity"] == "error":
                raise Broken(error["formattedMessage"])
        manifest = json.loads(self.honest)
        for name in wanted:
            for contract, made in output["contracts"].get(name, {}).items():
                if made["evm"]["bytecode"]["object"]:
                    _replace(manifest["contractTypes"][contract], made)
        self.manifest.write_text(json.dumps(manifest))
        self._stamp()

    def _stamp(self) -> None:
        """Say that the copy's build is that of its sources, as scripts/compile.py asks."""
        code = "from scripts.compile import STAMP, fingerprint; STAMP.write_text(fingerprint())"
        subprocess.run([sys.executable, "-c", code], cwd=self.folder, check=True)

    def _users(self, changed: str) -> list[str]:
        """The files that import a file, directly or not, and itself."""
        imports = {name: self._imports(name) for name in self.sources}
        users, news = {changed}, {changed}
        while news:
            news = {name for name, used in imports.items() if used & users} - users
            users |= news
        return sorted(users)

    def _imports(self, name: str) -> set[str]:
        folder = (self.folder / name).parent
        found = (a or b for a, b in IMPORT.findall(self.sources[name]))
        local = [(folder / path).resolve() for path in found if path.startswith(".")]
        return {path.relative_to(self.folder.resolve()).as_posix() for path in local}

    def _has_code(self, name: str) -> bool:
        """Whether a file has a contract that tests deploy."""
        return re.search(r"^contract ", self.sources[name], re.MULTILINE) is not None

    # --- testing

    def _passes(self, tests: tuple[str, ...]) -> bool:
        assert self.tester.stdin is not None
        assert self.tester.stdout is not None
        self.tester.stdin.write(json.dumps(["-n0", "-q", "-x", "-p", "no:cacheprovider", *tests]))
        self.tester.stdin.write("\n")
        self.tester.stdin.flush()
        answer = self.tester.stdout.readline()
        said = (self.folder / SAID).read_text() if answer else "the tester has ended"
        if answer.strip() not in ("0", "1"):
            raise Broken(f"pytest ended with {answer.strip()}:\n{said[-2000:]}")
        if answer.strip() == "1" and " failed" not in said and " error" not in said:
            raise Broken(said[-2000:])
        return answer.strip() == "0"


def _answer(compiler: Path, request: str) -> str:
    """What the compiler answers; asked again, once, if a signal ended it.

    The WebAssembly build falls once in hundreds of times, whatever it is asked.
    """
    for _ in range(2):
        answer = subprocess.run(
            [str(compiler), "--standard-json", "--base-path", "."],
            cwd=ROOT,  # imports from node_modules stand there
            input=request,
            capture_output=True,
            text=True,
            check=False,
        )
        if answer.returncode == 0:
            return answer.stdout
        if answer.returncode > 0:
            break
    raise Broken(f"the compiler ended with {answer.returncode}: {answer.stderr[-2000:]}")


def _replace(kind: dict[str, Any], made: dict[str, Any]) -> None:
    """Put newly compiled code in the place of what ape compiled."""
    kind["abi"] = made["abi"]
    kind["deploymentBytecode"] = {"bytecode": "0x" + made["evm"]["bytecode"]["object"]}
    kind["runtimeBytecode"] = {"bytecode": "0x" + made["evm"]["deployedBytecode"]["object"]}
    kind["methodIdentifiers"] = made["evm"]["methodIdentifiers"]
