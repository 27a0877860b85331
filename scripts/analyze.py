"""Analyze the contracts: slither's detectors and halmos' proofs, each against what is committed.

    python -m scripts.analyze                    slither, halmos
    python -m scripts.analyze slither            compare the findings with the triage
    python -m scripts.analyze slither --write    write it anew; what is new has no reason yet
    python -m scripts.analyze halmos             prove tests/symbolic
    python -m scripts.analyze faults             plant each fault, see a proof fail
    python -m scripts.analyze page               write docs/reference/static-analysis.md anew

`--match REGEX` takes the proofs, or the faults, whose name it finds. Both tools live in an
environment of their own (`scripts/analysis/requirements.lock`), which is made below `.toolchain`
when it is needed first.
"""

import argparse
import sys

from scripts.analysis import page, proofs, triage

HINT = "Fix it, or give its reason in scripts/analysis/triage.toml."


def main() -> None:
    """Run what is asked for; ends with 1 and says why if anything is not as committed."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", nargs="*", choices=("slither", "halmos", "faults", "page", []))
    parser.add_argument("--write", action="store_true", help="write the triage anew")
    parser.add_argument("--match", default="", metavar="REGEX", help="these proofs or faults")
    arguments = parser.parse_args()
    what = arguments.what or ["slither", "halmos"]
    lines: list[str] = []
    if "slither" in what:
        found = triage.check(arguments.write)
        lines += [*found, HINT] if found else []
    if "halmos" in what:
        lines += proofs.check(arguments.match)
    if "faults" in what:
        lines += proofs.check_faults(arguments.match)
    if "page" in what:
        page.write()
    if lines:
        sys.exit("\n".join(lines))


if __name__ == "__main__":
    main()
