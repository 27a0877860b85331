"""Golden vectors, made by the reference model, read by Python and Solidity tests.

``python -m tests.vectors.generate`` writes them, ``--check`` compares them with what stands there.
Deterministic: one seed per file. The format is in README.md.
"""

import argparse
import json
import sys
from collections.abc import Callable
from pathlib import Path

from tests.vectors.chunks import make_chunks
from tests.vectors.formats import make_headers, make_leaves, make_trees, make_words
from tests.vectors.spelling import Json
from tests.vectors.sums import make_fees, make_payoffs, make_worst
from tests.vectors.texts import make_digests, make_symbols

HERE = Path(__file__).parent

FILES: dict[str, Callable[[], Json]] = {
    "words": make_words,
    "leaves": make_leaves,
    "trees": make_trees,
    "headers": make_headers,
    "symbols": make_symbols,
    "digests": make_digests,
    "payoffs": make_payoffs,
    "fees": make_fees,
    "worst": make_worst,
    "chunks": make_chunks,
}


def render(name: str) -> str:
    """Text of one file."""
    return json.dumps(FILES[name](), indent=1, ensure_ascii=True) + "\n"


def differing() -> list[str]:
    """Files that are not what the model says."""
    names = []
    for name in FILES:
        target = HERE / f"{name}.json"
        if not target.exists() or target.read_text() != render(name):
            names.append(name)
    return names


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, write nothing")
    if parser.parse_args().check:
        different = differing()
        if different:
            sys.exit(f"vectors differ from the model: {', '.join(different)}")
        return
    for name in FILES:
        (HERE / f"{name}.json").write_text(render(name))


if __name__ == "__main__":
    main()
