"""Faults of MARGIN: an account that is not judged, or against the wrong root."""

from tests.mutants.mutant import Mutant
from tests.mutants.trials import CORNERS, MARGINS, lies

MARGIN = "provers/MarginProver.sol"

MUTANTS = (
    Mutant(
        "a broken margin is none",
        MARGIN,
        "if (worst < before) verdict.fault = Fault.MarginBroken;",
        "",
        lies("margins", "one_atom"),
    ),
    Mutant(
        "a margin that was as low before is broken",
        MARGIN,
        "if (worst < before) verdict.fault = Fault.MarginBroken;",
        "if (worst <= before) verdict.fault = Fault.MarginBroken;",
        MARGINS,
    ),
    Mutant(
        "a margin of 0 is broken",
        MARGIN,
        "} else if (worst < 0) {",
        "} else if (worst <= 0) {",
        CORNERS,
    ),
    Mutant(
        "a RELEASE that leaves nothing kept something",
        MARGIN,
        "if (worst > 0 && place != _NO_RELEASE) {",
        "if (worst >= 0 && place != _NO_RELEASE) {",
        CORNERS,
    ),
    Mutant(
        "no RELEASE kept something back",
        MARGIN,
        "if (worst > 0 && place != _NO_RELEASE) {",
        "if (worst > 0) {",
        CORNERS,
    ),
    Mutant(
        "any word is a RELEASE",
        MARGIN,
        "op.kind() == OP_RELEASE && op.asRelease().account == account,",
        "op.asRelease().account == account,",
        MARGINS,
    ),
    Mutant(
        "another account's RELEASE",
        MARGIN,
        "op.kind() == OP_RELEASE && op.asRelease().account == account,",
        "op.kind() == OP_RELEASE,",
        MARGINS,
    ),
    Mutant(
        "an account before the chunk is taken from after it",
        MARGIN,
        "root = chunk == 0 ? previous.stateRoot : body.root(reader, chunk - 1);",
        "root = chunk == 0 ? previous.stateRoot : body.root(reader, chunk);",
        MARGINS,
    ),
    Mutant(
        "the first chunk follows from its own batch",
        MARGIN,
        "root = chunk == 0 ? previous.stateRoot : body.root(reader, chunk - 1);",
        "root = chunk == 0 ? header.stateRoot : body.root(reader, chunk - 1);",
        MARGINS,
    ),
)
