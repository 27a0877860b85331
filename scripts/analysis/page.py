"""Writes `docs/reference/static-analysis.md` from the triage, the proofs and the faults."""

import re
from collections import Counter

from scripts.analysis import proofs, triage
from scripts.storage_layout import ROOT

PAGE = ROOT / "docs" / "reference" / "static-analysis.md"
_CONTRACT = re.compile(r"((?:^///.*\n)+)^contract (\w+Test)\b", re.MULTILINE)

_HEAD = """\
# Static analysis

`make analyze` asks slither about the contracts and proves with halmos what holds for every input;
with `ARGS=faults` it plants faults that the proofs must find. It needs no network but for the first
installation, into an environment of its own from `scripts/analysis/requirements.lock`, and is no
part of `make test`.

This page is written by `make analysis-update` from `scripts/analysis/triage.toml`, `tests/symbolic`
and `scripts/analysis/faults.toml`.

    make analyze                                      findings and proofs
    make analyze ARGS="slither"                       findings against the triage
    make analyze ARGS="slither --write"               the triage anew; what is new has no reason yet
    make analyze ARGS="halmos --match convict"        some of the proofs
    make analyze ARGS="faults"                        all faults, one by one

"""

_SLITHER = """\
## What slither finds

All detectors, on everything in `contracts/` but the lab and the mocks. A finding is told by its
detector, its function and a digest of the statements that are named; one that is not in the triage
fails the target, and so does one that is in it and gone.

- *intended*: it is meant so.
- *excluded*: something else makes it harmless.
- *mistaken*: the detector is.

"""

_HALMOS = """\
## What is proved

Each property holds for every value of its parameters and, where it says so, from every state of the
storage it reads. halmos executes the bytecode that the pinned compiler makes with the settings of
the deployment, and asks an SMT solver about every path; a path that is cut off, a solver that gives
no answer, and a property whose paths all revert fail the target. Names carry the invariant's id
([invariants](../invariants.md)).

Assumed: keccak256 has no collisions, and no preimage of zero; ecrecover gives any address. Not
shown: anything about trees deeper than is said here, about more than 5 positions of a leaf, about
`Margin.worst`, and about sequences of calls beyond those named; tests on random input stand for
these ([invariants](../invariants.md) says which). What is finite and too much for a solver, forge
goes through: the points of all 4,096 elements of a blob and of all 128 roots in it.

"""

_FAULTS = """\
## What the proofs find

Each fault is planted alone in a copy of the contracts, and the property beside it must have a
counterexample.

| fault | file | found by |
|---|---|---|
"""


def write() -> None:
    """Write the page anew."""
    PAGE.write_text(_HEAD + _slither() + _halmos() + _faults())


def _slither() -> str:
    rows = ["| detector | findings | verdict | reason |", "|---|---:|---|---|"]
    details = []
    for group in triage.triage():
        rows.append(
            f"| {group.detector} | {len(group.places)} | {group.verdict} | {group.reason} |"
        )
        places = Counter(place.partition(" #")[0] for place in group.places)
        listed = ", ".join(
            f"`{place.rpartition(' ')[2]}`" + (f" ({count})" if count > 1 else "")
            for place, count in sorted(places.items())
        )
        details.append(f"- *{group.detector}*, {group.verdict}: {listed}")
    return _SLITHER + "\n".join([*rows, "", "Where:", "", *details, "", ""])


def _halmos() -> str:
    parts = []
    for path in sorted(proofs.PROOFS.glob("*.t.sol")):
        source = path.read_text()
        contract = _CONTRACT.search(source)
        assert contract is not None, path
        said = " ".join(line.removeprefix("///").strip() for line in contract[1].splitlines())
        names = re.findall(r"function ((?:check|test)_inv_\w+)\(", source)
        listed = "\n".join(f"- `{name}`" for name in names)
        parts.append(f"### {path.name}\n\n{said}\n\n{listed}\n\n")
    return _HALMOS + "".join(parts)


def _faults() -> str:
    rows = [
        f"| {fault.name} | `{fault.path.removeprefix('contracts/')}` | `{fault.found_by}` |"
        for fault in proofs.faults()
    ]
    return _FAULTS + "\n".join(rows) + "\n"
