"""The page of results, its pictures, and the headline of README, from results.json.

    python -m benchmarks.report --write | --check

What stands between the marks of docs/reference/benchmarks.md and of README.md is generated.
`--check` says what is stale.
"""

import argparse
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from benchmarks.pictures import pictures
from benchmarks.result import Result
from benchmarks.runs import Run, load_runs
from benchmarks.words import figure, ratio

ROOT: Final = Path(__file__).parents[1]
PAGE: Final = Path("docs/reference/benchmarks.md")
IMAGES: Final = Path("docs/images/bench")
FRONT: Final = Path("README.md")
BEGIN, END = "<!-- bench:results -->", "<!-- /bench -->"
BEGIN_HEADLINE: Final = "<!-- bench:headline -->"
HEADLINE: Final = {  # benchmark and case: in a reader's words
    ("matching", "one small book"): "matching and admission, one small book",
    ("matching", "1,000 books"): "the same over 1,000 books",
    ("matching", "1,000,000 resting orders"): "the same, a million orders resting",
    ("core", "round trip, no journal"): "command in to event out, across processes (median)",
    ("core", "durable at 1,000,000/s"): "the same at a million a second, each synced (median)",
    ("recovery", "replay, signed orders"): "replay of a journal",
    ("signatures", "stage, one order per request, known keys, one core"): (
        "from a request's bytes to a verified command, one core"
    ),
    ("batching", "batcher by lines, 100,000 accounts"): (
        "fills to chunks with state roots, 100,000 accounts, one core"
    ),
    ("Merkle", "root over 2^20 leaves"): "Merkle root over 2^20 leaves",
}
_DRAWING = {"line", "size"}  # details that are the pictures' alone


def page(text: str, runs: Iterable[Run]) -> str:
    """The page with its generated part written anew.

    Raises
    ------
    ValueError
        If the page has no such place, or several.
    """
    return _filled(text, PAGE, BEGIN, "\n\n".join(parts(list(runs))))


def front(text: str, runs: Iterable[Run]) -> str:
    """README with its headline written anew: what was measured of HEADLINE.

    Raises
    ------
    ValueError
        As `page`.
    """
    found = {(one.benchmark, one.case): one for run in runs for one in run.results}
    rows = ["| | Quoin | beside it | ratio |", "| --- | ---: | ---: | ---: |"]
    for key, words in HEADLINE.items():
        if key in found:
            rows.append(f"| {words} | {' | '.join(_figures(found[key]))} |")
    return _filled(text, FRONT, BEGIN_HEADLINE, "\n".join(rows))


def _filled(text: str, name: Path, begin: str, generated: str) -> str:
    """A text with what stands between two marks replaced."""
    place = re.compile(f"{re.escape(begin)}.*?{re.escape(END)}", re.DOTALL)
    filled, count = place.subn(lambda _: f"{begin}\n\n{generated}\n\n{END}", text)
    if count != 1:
        raise ValueError(f"{name}: found {count} places {begin} ... {END}, allowed 1")
    return filled


def parts(runs: list[Run]) -> Iterator[str]:
    """Pictures, then a section for each run."""
    for drawn in pictures(runs):
        yield f"![{drawn.title}](../images/bench/{drawn.name}.svg)"
    for run in runs:
        yield f"## {run.title.removesuffix('.')}"
        yield escaped(run.method)
        yield table(run.results)
        made = f"{run.machine}; {run.versions}; {circumstances(run)}"
        yield f"`python -m benchmarks.{run.module}` on {made}."


def circumstances(run: Run) -> str:
    """What else bears on the figures."""
    size = "a quick pass, with fewer rounds and smaller sizes" if run.quick else "a whole pass"
    return f"{size}; load average when it began {run.load}"


def table(results: list[Result]) -> str:
    """One row for each figure."""
    rows = [
        "| case | Quoin | beside it | ratio | n | in detail |",
        "| --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for result in results:
        detail = ", ".join(
            f"{escaped(key)} {told(value)}"
            for key, value in result.detail.items()
            if key not in _DRAWING
        )
        cells = [
            f"{escaped(result.benchmark)}: {escaped(result.case)}",
            *_figures(result),
            f"{result.n:,}",
            detail,
        ]
        rows.append("| " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _figures(result: Result) -> tuple[str, str, str]:
    """Ours, the other's with its name, and the ratio."""
    other = "" if result.other is None else f"{figure(result.other)} {result.unit}"
    name = f" ({escaped(result.other_name)})" if other and result.other_name else ""
    return f"{figure(result.quoin)} {escaped(result.unit)}", other + name, ratio(result)


def told(value: float | int | str) -> str:
    """A detail: counts whole, measured figures to three digits."""
    if isinstance(value, str):
        return escaped(value)
    return f"{value:,}" if isinstance(value, int) else figure(value)


def escaped(text: str) -> str:
    """Text that Markdown leaves as it is."""
    return (
        text.replace("|", "\\|")
        .replace("<", "&lt;")
        .replace("\n\n", "\0")
        .replace("\n", " ")
        .replace("\0", "\n\n")
    )


def files(root: Path = ROOT) -> dict[Path, str]:
    """What the page and each picture should hold."""
    runs = list(load_runs().values())
    found = {root / IMAGES / f"{drawn.name}.svg": drawn.text for drawn in pictures(runs)}
    found[root / PAGE] = page((root / PAGE).read_text(), runs)
    found[root / FRONT] = front((root / FRONT).read_text(), runs)
    return found


def stale(root: Path = ROOT) -> list[Path]:
    """Files that differ from what results.json says, and pictures that it does not know."""
    expected = files(root)
    wrong = [
        path for path, text in expected.items() if not path.exists() or path.read_text() != text
    ]
    return wrong + [path for path in sorted((root / IMAGES).glob("*.svg")) if path not in expected]


def write(root: Path = ROOT) -> list[Path]:
    """Write what is stale; which files that were."""
    expected = files(root)
    wrong = stale(root)
    (root / IMAGES).mkdir(parents=True, exist_ok=True)
    for path in wrong:
        if path in expected:
            path.write_text(expected[path])
        else:
            path.unlink()
    return wrong


def main() -> None:
    """Write, or check."""
    parser = argparse.ArgumentParser(description=__doc__)
    choice = parser.add_mutually_exclusive_group(required=True)
    choice.add_argument("--write", action="store_true")
    choice.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    found = write() if asked.write else stale()
    for path in found:
        print(f"{'wrote' if asked.write else 'stale'} {path.relative_to(ROOT)}")
    if asked.check and found:
        sys.exit("run python -m benchmarks.report --write")


if __name__ == "__main__":
    main()
