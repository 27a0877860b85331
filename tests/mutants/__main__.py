"""Plant every fault, one at a time, and see that some test notices it.

    python -m tests.mutants                     all of them; an hour on a quiet core
    python -m tests.mutants --only Vault        those whose name or file has this word
    python -m tests.mutants --every 10          a sample: the first, the eleventh, ..
    python -m tests.mutants --list

Ends with 1 if a fault survives that has no reason to, or cannot be planted.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.mutants.mutant import Mutant
from tests.mutants.table import MUTANTS
from tests.mutants.workshop import Broken, Workshop


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("--only", default="", help="a word of the name or the file")
    parser.add_argument("--every", type=int, default=1, help="only one of so many")
    parser.add_argument("--first", type=int, default=0, help="begin with this one")
    parser.add_argument(
        "--trust", action="store_true", help="that the tests pass without a fault: do not try"
    )
    parser.add_argument("--list", action="store_true", help="print them and end")
    options = parser.parse_args()
    chosen = [m for m in MUTANTS if options.only in m.name or options.only in m.file]
    chosen = chosen[options.first :: options.every]
    if options.list:
        for mutant in chosen:
            say(f"{mutant.file:32} {mutant.name}")
        return
    with tempfile.TemporaryDirectory(prefix="mutants-") as folder:
        workshop = Workshop(Path(folder))
        try:
            if not options.trust:
                require_unharmed(workshop, chosen)
            failed = run(workshop, chosen)
        finally:
            workshop.close()
    sys.exit(1 if failed else 0)


def require_unharmed(workshop: Workshop, mutants: list[Mutant]) -> None:
    """The tests must pass while no fault is planted, or a failure says nothing."""
    if not workshop.passes_unharmed(tuple(sorted({f for m in mutants for f in m.files()}))):
        sys.exit("the tests fail without any fault")


def run(workshop: Workshop, mutants: list[Mutant]) -> list[str]:
    """Plant them all and print what becomes of each; names of those that should not be so."""
    counts = {"killed": 0, "survived": 0, "excused": 0, "broken": 0}
    failed = []
    for mutant in mutants:
        began = time.monotonic()
        try:
            survived = workshop.survives(mutant)
        except (Broken, ValueError) as error:
            fate, note = "broken", f": {error}"
        else:
            fate, note = "survived" if survived else "killed", ""
            if survived and mutant.survives:
                fate, note = "excused", f": {mutant.survives}"
            elif mutant.survives:
                note = ", though it was excused"
        counts[fate] += 1
        if fate in ("survived", "broken"):
            failed.append(mutant.name)
        seconds = time.monotonic() - began
        say(f"{fate:9} {seconds:5.1f} s  {mutant.file}: {mutant.name}{note}")
    say(
        f"{counts['killed']} of {len(mutants)} killed, {counts['survived']} survived,"
        f" {counts['excused']} excused, {counts['broken']} broken"
    )
    return failed


def say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
