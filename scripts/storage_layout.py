"""Storage layout and code size of the deployed contracts.

    python scripts/storage_layout.py                                  print
    python scripts/storage_layout.py --write tests/layout/snapshots   one JSON file per contract
    python scripts/storage_layout.py --check tests/layout/snapshots   compare, tell what differs

The contracts are those with code in `contracts/*.sol` and `contracts/provers/*.sol`. The pinned
compiler compiles them with the settings of `ape-config.yaml`, so that layout and size are those of
what ape deploys.
"""

import argparse
import difflib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parent.parent

# EIP-170 allows 24,576 bytes of code; the house keeps a tenth of it free.
CODE_LIMIT = 24_576
CODE_BUDGET = CODE_LIMIT * 9 // 10

Layouts = dict[str, dict[str, Any]]


def compiler(version: str) -> Path:
    """Path of the pinned compiler, which scripts/setup.sh provides."""
    path = ROOT / ".toolchain" / "solcx" / f"solc-v{version}"
    if not path.exists():
        raise SystemExit(f"{path} is missing: run scripts/setup.sh")
    return path


def remappings(config: dict[str, Any]) -> list[str]:
    """Where the imports that ape resolves by its dependencies are in node_modules."""
    folders = {}
    for dependency in config["dependencies"]:
        sources = dependency.get("config_override", {}).get("contracts_folder", "contracts")
        path = Path("node_modules") / dependency["npm"] / sources
        folders[dependency["name"]] = path.as_posix()
    prefixes = {name: name for name in folders}
    for remapping in config["solidity"].get("import_remapping", []):
        prefix, name = remapping.split("=")
        prefixes[prefix] = name
    return [f"{prefix}/={folders[name]}/" for prefix, name in sorted(prefixes.items())]


def compile_contracts() -> dict[str, dict[str, Any]]:
    """Compiler output by contract name, of the contracts with code that are deployed."""
    config = yaml.safe_load((ROOT / "ape-config.yaml").read_text())
    solidity = config["solidity"]
    folders = ("contracts", "contracts/provers")
    found = [path for folder in folders for path in (ROOT / folder).glob("*.sol")]
    sources = sorted(path.relative_to(ROOT).as_posix() for path in found)
    request = {
        "language": "Solidity",
        "sources": {source: {"content": (ROOT / source).read_text()} for source in sources},
        "settings": {
            "evmVersion": solidity["evm_version"],
            "optimizer": {"enabled": solidity["optimize"], "runs": solidity["optimization_runs"]},
            "viaIR": solidity["via_ir"],
            "remappings": remappings(config),
            "outputSelection": {
                source: {"*": ["storageLayout", "evm.deployedBytecode.object"]}
                for source in sources
            },
        },
    }
    answer = subprocess.run(
        [compiler(solidity["version"]), "--standard-json", "--base-path", "."],
        cwd=ROOT,
        input=json.dumps(request),
        capture_output=True,
        text=True,
        check=True,
    )
    output = json.loads(answer.stdout)
    errors = [e["formattedMessage"] for e in output.get("errors", []) if e["severity"] == "error"]
    if errors:
        raise SystemExit("\n".join(errors))
    return {
        name: contract
        for source in sources
        for name, contract in sorted(output["contracts"].get(source, {}).items())
        if contract["evm"]["deployedBytecode"]["object"]
    }


def describe(contract: dict[str, Any]) -> dict[str, Any]:
    """Layout and size of one contract, free of the compiler's numbering of its syntax tree."""
    layout = contract["storageLayout"]
    types = layout["types"] or {}

    def variable(entry: dict[str, Any]) -> dict[str, Any]:
        kind = types[entry["type"]]
        return {
            "slot": int(entry["slot"]),
            "offset": entry["offset"],
            "bytes": int(kind["numberOfBytes"]),
            "name": entry["label"],
            "type": kind["label"],
        }

    return {
        "runtimeBytes": len(contract["evm"]["deployedBytecode"]["object"]) // 2,
        "storage": [variable(entry) for entry in layout["storage"]],
        "structs": {
            kind["label"]: [variable(member) for member in kind["members"]]
            for kind in sorted(types.values(), key=lambda kind: str(kind["label"]))
            if "members" in kind
        },
    }


def layouts() -> Layouts:
    """Describe every deployed contract, by name.

    Returns
    -------
    dict
        `runtimeBytes`, and `storage` and `structs` as lists of variables, each with its slot, its
        offset in bytes from the low end of the slot, its size in bytes, name and type.
    """
    return {name: describe(contract) for name, contract in sorted(compile_contracts().items())}


def render(layout: dict[str, Any]) -> str:
    """Write a layout as JSON with one variable a line."""

    def rows(variables: list[dict[str, Any]], indent: str) -> str:
        lines = ",\n".join(f"{indent}  {json.dumps(row)}" for row in variables)
        return f"[\n{lines}\n{indent}]" if variables else "[]"

    structs = ",\n".join(
        f"    {json.dumps(name)}: {rows(members, '    ')}"
        for name, members in layout["structs"].items()
    )
    return (
        "{\n"
        f'  "runtimeBytes": {layout["runtimeBytes"]},\n'
        f'  "storage": {rows(layout["storage"], "  ")},\n'
        f'  "structs": {{{f"{chr(10)}{structs}{chr(10)}  " if structs else ""}}}\n'
        "}\n"
    )


def write(found: Layouts, folder: Path) -> None:
    """Write one file per contract, and remove those of contracts that are gone."""
    folder.mkdir(parents=True, exist_ok=True)
    for stale in set(folder.glob("*.json")) - {folder / f"{name}.json" for name in found}:
        stale.unlink()
    for name, layout in found.items():
        (folder / f"{name}.json").write_text(render(layout))


def differences(found: Layouts, folder: Path) -> list[str]:
    """Lines that tell where the contracts and the snapshots in `folder` differ; none if equal."""
    lines: list[str] = []
    for name in sorted(found.keys() | {path.stem for path in folder.glob("*.json")}):
        path = folder / f"{name}.json"
        committed = path.read_text() if path.exists() else ""
        now = render(found[name]) if name in found else ""
        lines += difflib.unified_diff(
            committed.splitlines(),
            now.splitlines(),
            f"{name} (snapshot)",
            f"{name} (compiled)",
            lineterm="",
        )
    return lines


def oversized(found: Layouts) -> list[str]:
    """One line for each contract that leaves less than a tenth of the code limit free."""
    return [
        f"{name}: {layout['runtimeBytes']:,} bytes of code, over the budget of {CODE_BUDGET:,}"
        for name, layout in found.items()
        if layout["runtimeBytes"] > CODE_BUDGET
    ]


def main() -> None:
    """Print, write or check."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    action = parser.add_mutually_exclusive_group()
    action.add_argument("--write", type=Path, metavar="FOLDER", help="write the snapshots")
    action.add_argument("--check", type=Path, metavar="FOLDER", help="compare with the snapshots")
    arguments = parser.parse_args()

    found = layouts()
    if arguments.write:
        write(found, arguments.write)
        for name, layout in found.items():
            print(f"{arguments.write / name}.json  {layout['runtimeBytes']:,} bytes of code")
    elif arguments.check:
        complaints = differences(found, arguments.check) + oversized(found)
        if complaints:
            hint = "If that is meant: make layout-update, and read the diff."
            sys.exit("\n".join([*complaints, hint]))
        print(f"{len(found)} contracts as in {arguments.check}")
    else:
        print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
