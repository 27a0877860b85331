"""Run the benchmarks, print them, and write the page of results.

    python -m benchmarks [--quick] [--only matching,ring] [--keep]

Each module runs in a process of its own, one after the other. A module that fails is named, its
last figures stay, and the exit status is 1. With `--keep` nothing is written.
"""

import argparse
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks import report
from benchmarks.result import Result
from benchmarks.runs import Run, load_runs, machine, made, present, save_runs, versions
from benchmarks.words import show as listed


def measured(name: str, quick: bool) -> Run:
    """A run of a module, in this process."""
    load = os.getloadavg()[0]
    module = importlib.import_module(f"benchmarks.{name}")
    results = [Result(*row) for row in module.measure(quick)]
    if not results:
        raise SystemExit(f"benchmarks.{name} measured nothing")
    return made(name, module.__doc__ or "", quick, load, results)


def apart(name: str, quick: bool) -> Run | None:
    """The same in a process of its own; None if that failed."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "run.json"
        command = [sys.executable, "-m", "benchmarks", "--into", str(path), "--only", name]
        done = subprocess.run([*command, "--quick"] if quick else command, check=False)
        if done.returncode or not path.exists():
            return None
        row = json.loads(path.read_text())
        return Run(**{**row, "results": [Result(*result) for result in row["results"]]})


def show(run: Run, seconds: float) -> None:
    """Print a run."""
    print(f"\n{run.module}: {run.title} [{seconds:.0f} s, load {run.load}]")
    listed(run.results)


def chosen(only: str, known: list[str]) -> list[str]:
    """The modules that were asked for; all if none was."""
    names = [name for name in only.split(",") if name] or known
    wrong = [name for name in names if name not in known]
    if wrong:
        raise SystemExit(f"--only: found {', '.join(wrong)}, allowed {', '.join(known)}")
    return names


def main() -> None:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", default="", help="modules with commas between")
    parser.add_argument("--keep", action="store_true", help="write nothing")
    parser.add_argument("--into", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    names = chosen(asked.only, present())
    if asked.into:
        run = measured(names[0], asked.quick)
        row = run._asdict() | {"results": [list(result) for result in run.results]}
        Path(asked.into).write_text(json.dumps(row))
        return
    print(f"machine   {machine()}\nversions  {versions()}")
    print("run       each module by itself; seeds, n and medians as each says below")
    runs, failed = load_runs(), []
    for name in names:
        began = time.perf_counter()
        run = apart(name, asked.quick)
        if run is None:
            failed.append(name)
            continue
        show(run, time.perf_counter() - began)
        runs[name] = run
        if not asked.keep:
            save_runs(runs)
    if not asked.keep:
        for path in report.write():
            print(f"wrote {path.relative_to(report.ROOT)}")
    if failed:
        sys.exit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
