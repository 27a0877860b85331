"""Compiled contracts as ``ape compile`` leaves them, and what their reverts say.

ape writes one manifest, ``.build/__local__.json`` (EIP-2678), with the ABI and the bytecode of
every contract of the project. Everything here reads that file and nothing else of ape, so that it
works inside an ape script and without ape alike.
"""

import functools
from pathlib import Path
from typing import Any, Final

import msgspec
from eth_abi.abi import decode
from eth_abi.exceptions import DecodingError
from sha3 import keccak_256

from matcher.errors import DeploymentError

ROOT: Final = Path(__file__).resolve().parents[2]
MANIFEST: Final = ROOT / ".build" / "__local__.json"

Abi = list[dict[str, Any]]


class Artifact(msgspec.Struct, frozen=True):
    """One compiled contract."""

    name: str
    abi: Abi
    bytecode: bytes  # creation code, without constructor arguments


class Revert(msgspec.Struct, frozen=True):
    """Why a call reverted.

    ``name`` is the custom error's, or ``Error`` and ``Panic`` for the two that Solidity makes
    itself; ``args`` are its decoded arguments. Data of no known error has the name ``0x<selector>``
    and the rest of the data as its argument; no data at all has an empty name.
    """

    name: str
    args: tuple[Any, ...]

    def __str__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.args))})" if self.name else "no reason given"


class _Bytecode(msgspec.Struct):
    bytecode: str = "0x"


class _ContractType(msgspec.Struct, rename="camel"):
    abi: Abi
    deployment_bytecode: _Bytecode | None = None


class _Manifest(msgspec.Struct, rename="camel"):
    contract_types: dict[str, _ContractType]


class Artifacts:
    """All compiled contracts, by name.

    Parameters
    ----------
    path : Path
        The manifest; by default that of this checkout.

    Raises
    ------
    DeploymentError
        If the manifest is missing or cannot be read.
    """

    def __init__(self, path: Path = MANIFEST):
        self.path = path
        try:
            manifest = msgspec.json.decode(path.read_bytes(), type=_Manifest)
        except FileNotFoundError as error:
            raise DeploymentError(f"{path} is missing: run `make build`") from error
        except msgspec.DecodeError as error:
            raise DeploymentError(
                f"{path} is no manifest of compiled contracts: {error}"
            ) from error
        self._types = manifest.contract_types
        self._errors = _errors(self._types)

    def __contains__(self, name: str) -> bool:
        return name in self._types

    def names(self) -> list[str]:
        """Names of all contracts, sorted."""
        return sorted(self._types)

    def get(self, name: str) -> Artifact:
        """Return one contract; DeploymentError if it was not compiled or has no code."""
        found = self._types.get(name)
        if found is None:
            names = ", ".join(sorted(self._types))
            raise DeploymentError(f"contract {name} is not in {self.path}, which has {names}")
        code = found.deployment_bytecode.bytecode if found.deployment_bytecode else "0x"
        return Artifact(name, found.abi, bytes.fromhex(code.removeprefix("0x")))

    def revert(self, data: bytes) -> Revert:
        """Decode what a reverted call returned, by the errors of all contracts."""
        if not data:
            return Revert("", ())
        found = self._errors.get(data[:4])
        if found is not None:
            name, types = found
            try:
                return Revert(name, decode(types, data[4:]))
            except DecodingError:
                pass  # somebody else's error with the same selector: show it raw
        return Revert("0x" + data[:4].hex(), (data[4:],))


def _errors(types: dict[str, _ContractType]) -> dict[bytes, tuple[str, list[str]]]:
    """Name and argument types of every error, by selector."""
    errors = {
        selector("Error(string)"): ("Error", ["string"]),
        selector("Panic(uint256)"): ("Panic", ["uint256"]),
    }
    for _, contract in sorted(types.items()):
        for item in contract.abi:
            if item["type"] == "error":
                arguments = [canonical(argument) for argument in item.get("inputs", [])]
                signature = f"{item['name']}({','.join(arguments)})"
                errors[selector(signature)] = (item["name"], arguments)
    return errors


def canonical(argument: dict[str, Any]) -> str:
    """Type of an ABI argument as selectors and encoders spell it: tuples are written out."""
    kind: str = argument["type"]
    if not kind.startswith("tuple"):
        return kind
    inner = ",".join(canonical(component) for component in argument["components"])
    return f"({inner}){kind.removeprefix('tuple')}"


def selector(signature: str) -> bytes:
    """First 4 bytes of the signature's hash."""
    return bytes(keccak_256(signature.encode()).digest()[:4])


def constructor_inputs(artifact: Artifact) -> list[dict[str, Any]]:
    """Inputs of the constructor; none if it has none."""
    for item in artifact.abi:
        if item["type"] == "constructor":
            inputs: list[dict[str, Any]] = item.get("inputs", [])
            return inputs
    return []


@functools.cache
def load() -> Artifacts:
    """Return the contracts of this checkout, read once."""
    return Artifacts()
