"""What slither says of the contracts, compared with the committed triage of it."""

import hashlib
import json
import os
import re
import subprocess
import tomllib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from scripts.analysis.tools import TOOLS, install
from scripts.storage_layout import ROOT, compiler, remappings

TRIAGE = ROOT / "scripts" / "analysis" / "triage.toml"
_IMPORT = re.compile(r'^import\s[^"]*"([^"]+)"', re.MULTILINE)


@dataclass(frozen=True, order=True)
class Finding:
    """What one detector says of one place.

    Parameters
    ----------
    place : str
        `Contract.function`, of the source file `path`.
    code : str
        Digest of the statements that the detector names; lines would move too often.
    """

    detector: str
    path: str
    place: str
    code: str
    impact: str = field(compare=False)
    line: int = field(compare=False)

    @property
    def key(self) -> str:
        where = f"{self.path} {self.place}".strip()
        return f"{where} #{self.code}" if self.code else where


@dataclass
class Group:
    """Findings of one detector that have one reason.

    Parameters
    ----------
    verdict : str
        `intended` (so it is meant), `excluded` (another check makes it harmless), `mistaken` (the
        detector is); empty: nobody has looked yet.
    """

    detector: str
    verdict: str
    reason: str
    places: list[str]


VERDICTS = ("intended", "excluded", "mistaken")


def sources() -> dict[str, str]:
    """Content of every source that is analyzed, and of all that it imports, by path."""
    config = yaml.safe_load((ROOT / "ape-config.yaml").read_text())
    prefixes = dict(entry.split("=") for entry in remappings(config))
    found: dict[str, str] = {}
    todo = [
        path.relative_to(ROOT).as_posix()
        for path in sorted((ROOT / "contracts").rglob("*.sol"))
        if not {".cache", "lab", "mocks"} & set(path.relative_to(ROOT).parts)
    ]
    while todo:
        path = todo.pop()
        if path in found:
            continue
        found[path] = (ROOT / path).read_text()
        todo += [_resolved(name, path, prefixes) for name in _IMPORT.findall(found[path])]
    return found


def _resolved(name: str, importer: str, prefixes: dict[str, str]) -> str:
    if name.startswith("."):
        return os.path.normpath((Path(importer).parent / name).as_posix())
    prefix = next(prefix for prefix in prefixes if name.startswith(prefix))
    return prefixes[prefix] + name.removeprefix(prefix)


def detect() -> list[Finding]:
    """Ask all detectors; what they say of sources outside `contracts/` is left out."""
    install()
    config = yaml.safe_load((ROOT / "ape-config.yaml").read_text())
    solidity = config["solidity"]
    request = {
        "language": "Solidity",
        "sources": {path: {"content": content} for path, content in sorted(sources().items())},
        "settings": {
            "evmVersion": solidity["evm_version"],
            "optimizer": {"enabled": solidity["optimize"], "runs": solidity["optimization_runs"]},
            "viaIR": solidity["via_ir"],
            "remappings": remappings(config),
            "outputSelection": {"*": {"*": ["abi", "devdoc", "userdoc"], "": ["ast"]}},
        },
    }
    done = subprocess.run(
        [
            TOOLS / "bin" / "python",
            ROOT / "scripts" / "analysis" / "detect.py",
            compiler(solidity["version"]),
        ],
        cwd=ROOT,
        input=json.dumps(request),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return sorted(_finding(row) for row in json.loads(done.stdout))


def _finding(row: dict[str, Any]) -> Finding:
    code = "\n".join(row["code"])
    return Finding(
        detector=row["detector"],
        path=row["path"],
        place=row["place"],
        code=hashlib.sha256(code.encode()).hexdigest()[:8] if code else "",
        impact=row["impact"],
        line=row["line"],
    )


def triage() -> list[Group]:
    """Read the committed triage.

    Raises
    ------
    ValueError
        A group lacks a field, or has a verdict that is none.
    """
    groups = [Group(**entry) for entry in tomllib.loads(TRIAGE.read_text()).get("group", [])]
    for group in groups:
        if group.verdict and group.verdict not in VERDICTS:
            raise ValueError(f"{group.detector}: verdict {group.verdict!r} is none of {VERDICTS}")
    return groups


def complaints(found: Iterable[Finding], groups: Iterable[Group]) -> list[str]:
    """One line for each finding without a reason, and for each reason without a finding."""
    groups = list(groups)
    reasons = {
        (group.detector, place): group.verdict and group.reason
        for group in groups
        for place in group.places
    }
    listed = Counter((group.detector, place) for group in groups for place in group.places)
    seen = Counter((finding.detector, finding.key) for finding in found)
    lines = [
        f"{one.path}:{one.line}: {one.detector} ({one.impact}) at {one.place}: not explained"
        for one in found
        if not reasons.get((one.detector, one.key))
    ]
    for (detector, place), count in sorted((listed - seen).items()):
        lines.append(f"{detector} at {place}: listed, and gone ({count})")
    for (detector, place), count in sorted((seen - listed).items()):
        if reasons.get((detector, place)):
            lines.append(f"{detector} at {place}: {count} more than are listed")
    return lines


def merged(found: Iterable[Finding], groups: Iterable[Group]) -> list[Group]:
    """The groups with what is found now; what is new stands in groups without a reason."""
    rest = Counter((finding.detector, finding.key) for finding in found)
    result = []
    for group in groups:
        kept = []
        for place in group.places:
            if rest[group.detector, place]:
                rest[group.detector, place] -= 1
                kept.append(place)
        if kept:
            result.append(Group(group.detector, group.verdict, group.reason, sorted(kept)))
    unexplained: dict[str, list[str]] = {}
    for detector, place in sorted(rest.elements()):
        unexplained.setdefault(detector, []).append(place)
    result += [Group(detector, "", "", places) for detector, places in unexplained.items()]
    return sorted(result, key=lambda group: (group.detector, group.reason))


def render(groups: Iterable[Group]) -> str:
    """Write the triage as TOML."""
    head = (
        "# What slither says of the contracts, and why it stands. `make analyze` fails on a\n"
        "# finding that is not here and on one that is gone. A place is the file, the function,\n"
        "# and a digest of the statements that the detector names. Written anew, reasons kept,\n"
        "# by `python -m scripts.analyze slither --write`.\n"
    )
    blocks = []
    for group in groups:
        places = "".join(f"  {json.dumps(place)},\n" for place in group.places)
        blocks.append(
            "[[group]]\n"
            f"detector = {json.dumps(group.detector)}\n"
            f"verdict = {json.dumps(group.verdict)}\n"
            f"reason = {json.dumps(group.reason)}\n"
            f"places = [\n{places}]\n"
        )
    return "\n".join([head, *blocks])


def check(write: bool) -> list[str]:
    """Compare the findings with the triage, or write it anew."""
    found = detect()
    groups = triage()
    if write:
        groups = merged(found, groups)
        TRIAGE.write_text(render(groups))
    lines = complaints(found, groups)
    if not lines:
        print(f"slither: {len(found)} findings, all explained")
    return lines
