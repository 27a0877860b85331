"""Run slither's detectors; runs in the environment of its own that `make analyze` makes.

    .toolchain/analysis/bin/python scripts/analysis/detect.py COMPILER <request.json >findings.json

Reads what the compiler is to be asked (standard JSON), and writes what the detectors say, all of
them, about the files below `contracts/` in it.
"""

import json
import logging
import subprocess
import sys
from typing import Any

from crytic_compile import CryticCompile
from crytic_compile.compilation_unit import CompilationUnit
from crytic_compile.compiler.compiler import CompilerVersion
from crytic_compile.platform.solc import get_version
from crytic_compile.platform.solc_standard_json import SolcStandardJson, parse_standard_json_output
from slither import Slither
from slither.__main__ import get_detectors_and_printers

Finding = dict[str, Any]


class SyntaxTrees(SolcStandardJson):
    """The compiler asked for syntax trees alone: slither reads no bytecode."""

    def __init__(self, request: dict[str, Any], compiler: str):
        super().__init__(request)
        self._compiler = compiler

    def compile(self, crytic_compile: CryticCompile, **_: Any) -> None:
        settings = self.to_dict()["settings"]
        unit = CompilationUnit(crytic_compile, "contracts")
        unit.compiler_version = CompilerVersion(
            compiler="solc",
            version=get_version(self._compiler, None),
            optimized=settings["optimizer"]["enabled"],
            optimize_runs=settings["optimizer"]["runs"],
            via_ir=settings["viaIR"],
        )
        done = subprocess.run(
            [self._compiler, "--standard-json", "--base-path", "."],
            input=json.dumps(self.to_dict()),
            capture_output=True,
            text=True,
            check=True,
        )
        answer = json.loads(done.stdout)
        errors = [error for error in answer.get("errors", []) if error["severity"] == "error"]
        if errors:
            sys.exit("\n".join(error["formattedMessage"] for error in errors))
        none = {"object": "", "sourceMap": ""}
        for contracts in answer["contracts"].values():
            for contract in contracts.values():
                contract["evm"] = {"bytecode": none, "deployedBytecode": none}
        parse_standard_json_output(answer, unit)


def place(element: dict[str, Any]) -> str:
    """`path: Contract.member` of an element, without lines: these move."""
    names = []
    while element:
        if element["type"] not in ("node", "pragma"):
            names.append(element["name"])
        element = element.get("type_specific_fields", {}).get("parent")
    return ".".join(reversed(names))


def findings(slither: Slither) -> list[Finding]:
    """Run all detectors."""
    detectors, _ = get_detectors_and_printers()
    for detector in detectors:
        slither.register_detector(detector)
    found = []
    for result in (one for results in slither.run_detectors() for one in results):
        elements = result["elements"]
        path = elements[0]["source_mapping"]["filename_relative"] if elements else ""
        if not path.startswith("contracts/"):
            continue
        nodes = [one for one in elements if one["type"] == "node"]
        code = sorted({" ".join(node["name"].split()) for node in nodes})
        found.append(
            {
                "detector": result["check"],
                "impact": result["impact"],
                "path": path,
                "place": place(elements[0]),
                "code": code,
                "line": (nodes or elements)[0]["source_mapping"]["lines"][0],
            }
        )
    return found


def main() -> None:
    """Detect."""
    logging.disable(logging.WARNING)
    compiled = CryticCompile(SyntaxTrees(json.load(sys.stdin), sys.argv[1]))
    json.dump(findings(Slither(compiled, disable_color=True)), sys.stdout, indent=1)


if __name__ == "__main__":
    main()
