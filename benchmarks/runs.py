"""What benchmarks have measured, kept in results.json: one run per module, with its method.

A run is replaced when its module is run again, so a page may hold runs of several days; each says
on what it was made.
"""

import json
import os
import platform
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.result import Result

FOLDER: Final = Path(__file__).parent
RESULTS: Final = FOLDER / "results.json"
DIGITS: Final = 5  # that a figure keeps; no benchmark repeats to more
VERSIONS: Final = ("numba", "llvmlite", "numpy")
# In the order of the page: an order's way through the exchange, then what it is made of.
MODULES: Final = (
    "matching",
    "admission",
    "scaling",
    "core",
    "ring",
    "tables",
    "journal",
    "recovery",
    "start",
    "digests",
    "signatures",
    "http",
    "tree",
    "batching",
    "shards",
    "processes",
)


class Run(NamedTuple):
    """One run of one module.

    Attributes
    ----------
    module : str
    title, method : str
        The first sentence of the module's docstring, and the rest but for how it is called.
    machine : str
    versions : str
    quick : bool
        With fewer rounds and smaller sizes than usual.
    load : float
        Processes that wanted to run on the machine, when the run began.
    results : list of Result
    """

    module: str
    title: str
    method: str
    machine: str
    versions: str
    quick: bool
    load: float
    results: list[Result]


def present() -> list[str]:
    """The modules that can be run."""
    return [name for name in MODULES if (FOLDER / f"{name}.py").exists()]


def made(module: str, docstring: str, quick: bool, load: float, results: list[Result]) -> Run:
    """A run of this moment, on this machine."""
    title, method = told(docstring)
    rounded = [
        result._replace(
            quoin=significant(result.quoin),
            other=None if result.other is None else significant(result.other),
            detail={key: plain(value) for key, value in result.detail.items()},
        )
        for result in results
    ]
    return Run(module, title, method, machine(), versions(), quick, round(load, 1), rounded)


def told(docstring: str) -> tuple[str, str]:
    """Title and method in a module's docstring: the command line in between is left out.

    >>> told('''Pipes.
    ...
    ...     python -m benchmarks.pipes
    ...
    ... One sends,
    ... one takes.''')
    ('Pipes.', 'One sends, one takes.')
    """
    blocks = re.split(r"\n\s*\n", docstring.strip())
    title, *rest = [" ".join(block.split()) for block in blocks if not indented(block)]
    return title, "\n\n".join(rest)


def indented(block: str) -> bool:
    """Whether a block is a command line."""
    return block.startswith("    ")


def significant(value: float) -> float:
    """The value to `DIGITS` digits.

    >>> significant(1234567.8), significant(0.000123456789)
    (1234600.0, 0.00012346)
    """
    return float(f"{float(value):.{DIGITS}g}")


def plain(value: Any) -> float | int | str:
    """A value as JSON knows it."""
    if isinstance(value, str | bool):
        return str(value)
    return significant(value) if float(value) != int(value) else int(value)


def machine() -> str:
    """Processor, cores, system."""
    name = platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE)
        name = f"{found[1].strip()} ({name})" if found else name
    return f"{name}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def versions() -> str:
    """Of what all kernels stand on; the alternative's version stands with its name."""
    packages = [f"{name} {version(name)}" for name in VERSIONS]
    return ", ".join([f"Python {platform.python_version()}", *packages])


def load_runs(path: Path = RESULTS) -> dict[str, Run]:
    """All runs by module, in the order of the page."""
    if not path.exists():
        return {}
    rows = {row["module"]: row for row in json.loads(path.read_text())["runs"]}
    return {
        name: Run(**{**rows[name], "results": [Result(**r) for r in rows[name]["results"]]})
        for name in MODULES
        if name in rows
    }


def save_runs(runs: dict[str, Run], path: Path = RESULTS) -> None:
    """Write them all."""
    rows = [
        {**runs[name]._asdict(), "results": [result._asdict() for result in runs[name].results]}
        for name in MODULES
        if name in runs
    ]
    path.write_text(json.dumps({"runs": rows}, indent=1, ensure_ascii=False) + "\n")
