"""Contracts from the pinned compiler, cached by content.

A cached entry is what the compiler says of one file alone: given its text, the texts of all that it
imports, and the settings. Files are never compiled into one input, since the numbering of the
syntax tree, and with it the code that the IR pipeline writes, can depend on what else is there.
Code carries no metadata, so that it does not depend on where the files lie.
"""

from __future__ import annotations

import hashlib
import json
import os
import posixpath
import re
import subprocess
import tempfile
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache, cached_property
from pathlib import Path
from typing import Any

from gaslab.errors import CompileError, InputError
from gaslab.experiment import Settings

VERSION = "0.8.37"
ROOT = Path(__file__).resolve().parents[1]
REMAPPINGS = {  # as in foundry.toml
    "@openzeppelin/contracts/": "node_modules/@openzeppelin/contracts/",
    "solady/": "node_modules/solady/src/",
}
DEFAULT = Settings()
_FORMAT = 1  # of a cached entry
_BATCH = 8  # inputs of one run of npm's compiler, whose memory only grows
_PROJECT = ("foundry.toml", "remappings.txt", "node_modules", "package.json", ".git")
_IMPORT = re.compile(
    r"""//[^\n]*|/\*.*?\*/                      # what stands in a comment is none
      | \bimport\b(?:[^;"'/]|//[^\n]*|/\*.*?\*/)*(["'])(?P<path>[^"'\n]+)\1
      | "(?:\\.|[^"\\\n])*" | '(?:\\.|[^'\\\n])*'""",
    re.DOTALL | re.VERBOSE,
)
_OUTPUTS = (
    "abi",
    "storageLayout",
    "evm.methodIdentifiers",
    "evm.bytecode.object",
    "evm.bytecode.linkReferences",
    "evm.bytecode.sourceMap",
    "evm.deployedBytecode.object",
    "evm.deployedBytecode.sourceMap",
    "evm.deployedBytecode.immutableReferences",
)


@dataclass(frozen=True)
class Contract:
    """What the compiler made of one contract.

    Attributes
    ----------
    name : str
    source : Path
        The file that was compiled.
    settings : Settings
    abi : list of dict
    creation, runtime : bytes
        Immutables are zero in `runtime`; `immutables` says where they stand.
    layout : dict
        The compiler's ``storageLayout``.
    source_map, runtime_source_map : str
        Of `creation` and `runtime`.
    sources : dict of int to str
        The numbers that source maps use, and the names of those sources.
    method_identifiers : dict of str to str
        Signature to selector in hex.
    immutables : tuple of (int, int)
        Start and length of each place in `runtime`.
    paths : mapping of str to Path
        Files by the names in `sources`.
    """

    name: str
    source: Path
    settings: Settings
    abi: list[dict[str, Any]] = field(repr=False)
    creation: bytes = field(repr=False)
    runtime: bytes = field(repr=False)
    layout: dict[str, Any] = field(repr=False)
    source_map: str = field(repr=False)
    runtime_source_map: str = field(repr=False)
    sources: dict[int, str] = field(repr=False)
    method_identifiers: dict[str, str] = field(repr=False)
    immutables: tuple[tuple[int, int], ...] = field(default=(), repr=False)
    paths: Mapping[str, Path] = field(default_factory=dict, repr=False)

    def made(self, code: bytes) -> bool:
        """Whether `code` is this contract's runtime code, whatever its immutables are."""
        if len(code) != len(self.runtime) or not code:
            return False
        blank = bytearray(code)
        for start, length in self.immutables:
            blank[start : start + length] = bytes(length)
        return bytes(blank) == self.runtime


def compile_files(files: Sequence[Path], settings: Settings = DEFAULT) -> dict[str, Contract]:
    """Contracts with code of the files themselves, not of what they import, by name.

    Raises
    ------
    CompileError
        The compiler's message; an import that is not there; a library that needs linking.
    InputError
        No such file, or two contracts of one name.
    """
    units = [unit_of(path, settings) for path in files]
    _provide(units)
    contracts: dict[str, Contract] = {}
    for unit in units:
        for name, contract in _contracts(unit).items():
            other = contracts.setdefault(name, contract)
            if other is not contract and other.source != contract.source:
                raise InputError("sources", name, f"one contract of that name; {other.source}")
    return contracts


def compile_many(requests: Iterable[tuple[Path, Settings]]) -> None:
    """See that all of these are in the cache, with as few and as parallel runs as may be.

    Raises
    ------
    CompileError
        The first that any of them raises.
    """
    _provide([unit_of(path, settings) for path, settings in requests])


# --- what a file is made of -----------------------------------------------------------------------


@dataclass(frozen=True)
class Unit:
    """A file with all that it imports, under the names that the compiler knows them by.

    Attributes
    ----------
    name : str
        Of the file itself.
    path : Path
    settings : Settings
    texts : dict of str to str
        Of all sources, by name, sorted.
    paths : dict of str to Path
    remappings : dict of str to str
    """

    name: str
    path: Path
    settings: Settings
    texts: dict[str, str] = field(repr=False)
    paths: dict[str, Path] = field(repr=False)
    remappings: dict[str, str] = field(repr=False)

    @cached_property
    def key(self) -> str:
        """Name of its cached entry: a digest of everything that the output depends on."""
        parts = [_FORMAT, VERSION, self.request()]
        return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:40]

    @property
    def entry(self) -> Path:
        return cache_folder() / f"{self.key}.json"

    def request(self) -> dict[str, Any]:
        """The compiler's standard JSON input."""
        chosen = self.settings
        return {
            "language": "Solidity",
            "sources": {name: {"content": text} for name, text in self.texts.items()},
            "settings": {
                "evmVersion": chosen.evm_version,
                "optimizer": {"enabled": chosen.optimizer, "runs": chosen.runs},
                "viaIR": chosen.via_ir,
                "metadata": {"bytecodeHash": "none", "appendCBOR": False},
                "remappings": [f"{prefix}={to}" for prefix, to in sorted(self.remappings.items())],
                "outputSelection": {self.name: {"*": list(_OUTPUTS)}},
            },
        }


def unit_of(path: Path, settings: Settings = DEFAULT) -> Unit:
    """Read a file and all that it imports.

    Raises
    ------
    InputError, CompileError
    """
    path = path.resolve()
    if not path.is_file():
        raise InputError("source", str(path), "a Solidity file that exists")
    project = project_of(path)
    remappings = remappings_of(project)
    name = path.relative_to(project).as_posix()
    texts: dict[str, str] = {}
    paths: dict[str, Path] = {}
    waiting = [(name, path, "")]
    while waiting:
        unit, file, importer = waiting.pop()
        if unit in texts:
            continue
        try:
            texts[unit], paths[unit] = file.read_text(), file
        except (OSError, UnicodeDecodeError):
            raise CompileError(f'{importer}: import "{unit}" not found at {file}') from None
        for target in imports_of(texts[unit]):
            resolved = _resolve(target, unit, remappings)
            waiting.append((resolved, _locate(resolved, project), f"{file}"))
    return Unit(name, path, settings, dict(sorted(texts.items())), paths, remappings)


def imports_of(text: str) -> list[str]:
    r"""Paths that a source imports, as written.

    >>> imports_of('import {A} from "./A.sol"; // import "no";\nimport "b/B.sol" as B;')
    ['./A.sol', 'b/B.sol']
    """
    return [found["path"] for found in _IMPORT.finditer(text) if found["path"]]


def project_of(path: Path) -> Path:
    """The folder that source names are relative to: the nearest above that looks like a project."""
    for folder in path.parents:
        if any((folder / mark).exists() for mark in _PROJECT):
            return folder
    return path.parent


@cache
def remappings_of(project: Path) -> dict[str, str]:
    """Those of ``foundry.toml`` and ``remappings.txt``, over the lab's own.

    Raises
    ------
    InputError
    """
    lines: list[str] = []
    foundry, listed = project / "foundry.toml", project / "remappings.txt"
    if foundry.is_file():
        try:
            profiles = tomllib.loads(foundry.read_text()).get("profile", {})
        except tomllib.TOMLDecodeError as error:
            raise InputError(str(foundry), str(error), "TOML") from None
        lines += profiles.get("default", {}).get("remappings", [])
    if listed.is_file():
        lines += [line.strip() for line in listed.read_text().splitlines() if line.strip()]
    found = dict(REMAPPINGS)
    for line in lines:
        prefix, equals, target = line.partition("=")
        if not equals or ":" in prefix:
            raise InputError(f"{project}: remappings", line, "prefix=target without a context")
        found[prefix] = target
    return found


def _resolve(target: str, importer: str, remappings: Mapping[str, str]) -> str:
    """Name of an imported source, by the compiler's rules: the longest prefix is remapped."""
    if target.startswith(("./", "../")):
        target = posixpath.normpath(posixpath.join(posixpath.dirname(importer), target))
        if target.startswith("../"):
            raise CompileError(f'{importer}: import "{target}" leaves the project\'s folder')
    fits = [prefix for prefix in remappings if target.startswith(prefix)]
    if not fits:
        return target
    longest = max(fits, key=len)
    return remappings[longest] + target[len(longest) :]


def _locate(name: str, project: Path) -> Path:
    """A source's file; packages that the project has not installed are taken from the lab's."""
    own = project / name
    return own if own.exists() or not name.startswith("node_modules/") else ROOT / name


# --- the cache ------------------------------------------------------------------------------------


def cache_folder() -> Path:
    """``$GASLAB_CACHE``, or ``.cache/gaslab`` of the repository."""
    chosen = os.environ.get("GASLAB_CACHE")
    return Path(chosen) if chosen else ROOT / ".cache" / "gaslab"


def store(entry: Path, content: Any) -> None:
    """Write a cached entry: whole or not at all, whoever else writes it meanwhile."""
    entry.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=entry.parent, suffix=".new", delete=False) as fresh:
        json.dump(content, fresh, separators=(",", ":"))
    Path(fresh.name).replace(entry)


def _provide(units: Iterable[Unit]) -> None:
    """Compile what the cache does not hold."""
    missing = list({unit.key: unit for unit in units if not unit.entry.exists()}.values())
    refused: list[str] = []
    for unit, output in zip(missing, run_compiler([one.request() for one in missing]), strict=True):
        message = _refusal(unit, output)
        if message:
            refused.append(message)
        else:  # kept even if another of these is refused
            store(unit.entry, _kept(unit, output))
    if refused:
        raise CompileError(refused[0])


def _refusal(unit: Unit, output: dict[str, Any]) -> str:
    errors = [one for one in output.get("errors", []) if one["severity"] == "error"]
    if errors:
        return "\n".join(one["formattedMessage"].rstrip() for one in errors)
    for name, contract in output.get("contracts", {}).get(unit.name, {}).items():
        for libraries in contract["evm"]["bytecode"].get("linkReferences", {}).values():
            return (
                f"{unit.path}: {name} needs {', '.join(sorted(libraries))} linked, which the lab "
                "does not do: make the library's functions internal"
            )
    return ""


def _kept(unit: Unit, output: dict[str, Any]) -> dict[str, Any]:
    return {
        "sources": {one["id"]: name for name, one in output["sources"].items()},
        "contracts": {
            name: contract
            for name, contract in sorted(output.get("contracts", {}).get(unit.name, {}).items())
            if contract["evm"]["deployedBytecode"]["object"]
        },
    }


_CONTRACTS: dict[str, dict[str, Contract]] = {}


def _contracts(unit: Unit) -> dict[str, Contract]:
    known = f"{unit.path}:{unit.key}"
    if known not in _CONTRACTS:
        kept = json.loads(unit.entry.read_text())
        sources = {int(number): name for number, name in kept["sources"].items()}
        _CONTRACTS[known] = {
            name: _contract(name, unit, sources, found) for name, found in kept["contracts"].items()
        }
    return _CONTRACTS[known]


def _contract(name: str, unit: Unit, sources: dict[int, str], found: dict[str, Any]) -> Contract:
    creation, runtime = found["evm"]["bytecode"], found["evm"]["deployedBytecode"]
    places = runtime.get("immutableReferences", {}).values()
    return Contract(
        name=name,
        source=unit.path,
        settings=unit.settings,
        abi=found["abi"],
        creation=bytes.fromhex(creation["object"]),
        runtime=bytes.fromhex(runtime["object"]),
        layout=found["storageLayout"],
        source_map=creation["sourceMap"],
        runtime_source_map=runtime["sourceMap"],
        sources=sources,
        method_identifiers=found["evm"]["methodIdentifiers"],
        immutables=tuple(sorted((at["start"], at["length"]) for one in places for at in one)),
        paths=unit.paths,
    )


def loaded() -> list[Contract]:
    """Every contract that this process has asked for so far."""
    return [contract for contracts in _CONTRACTS.values() for contract in contracts.values()]


def parsed(contract: Contract) -> dict[str, Any]:
    """The syntax tree of each of a contract's sources, by name; slow, so keep what you take.

    Raises
    ------
    CompileError
    """
    request = unit_of(contract.source, contract.settings).request()
    request["settings"]["stopAfter"] = "parsing"
    request["settings"]["outputSelection"] = {"*": {"": ["ast"]}}
    (output,) = run_compiler([request])
    return {name: source["ast"] for name, source in output["sources"].items()}


# --- the compiler ---------------------------------------------------------------------------------


@cache
def compiler() -> tuple[Path, bool]:
    """The pinned compiler, and whether it is npm's, which takes several inputs in one run.

    Raises
    ------
    CompileError
        It is not there, or not of the pinned version.
    """
    folder = os.environ.get("SOLCX_BINARY_PATH") or ROOT / ".toolchain" / "solcx"
    path = Path(folder) / f"solc-v{VERSION}"
    if not path.exists():
        raise CompileError(f"{path} is missing: run scripts/setup.sh")
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    if f"Version: {VERSION}+" not in told:
        raise CompileError(f"{path} is not solc {VERSION}: {told.strip() or 'it does not run'}")
    return path, "Emscripten" in told


def run_compiler(requests: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """The compiler's outputs, in order; each input is compiled alone."""
    if not requests:
        return []
    path, takes_many = compiler()
    size = min(_BATCH, -(-len(requests) // _workers())) if takes_many else 1
    batches = [requests[start : start + size] for start in range(0, len(requests), size)]
    with ThreadPoolExecutor(_workers()) as pool:
        outputs = pool.map(lambda batch: _run(path, batch, takes_many), batches)
        return [output for batch in outputs for output in batch]


def _run(path: Path, batch: Sequence[dict[str, Any]], takes_many: bool) -> list[dict[str, Any]]:
    answer = subprocess.run(
        [path, "--standard-json-list" if takes_many else "--standard-json"],
        input=json.dumps(batch if takes_many else batch[0]),
        capture_output=True,
        text=True,
        check=False,
    )
    try:
        output = json.loads(answer.stdout)
    except json.JSONDecodeError:
        raise CompileError(f"{path} failed: {answer.stderr.strip()[:2000]}") from None
    return output if takes_many else [output]


def _workers() -> int:
    return min(4, os.cpu_count() or 1)
