"""How this package's functions are compiled, and for how long what was compiled is good."""

import ast
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import config, njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(
    signature: str, plain: Callable[..., Any] | None = None, *, nogil: bool = False
) -> Callable[[F], F]:
    """Compile a function for one signature, when its module is imported.

    Numba keeps the machine code beside the source file and drops it when that file changes. But a
    function also holds what it calls in other files; here a change of any file of this package that
    its own imports, directly or not, drops it too.

    Parameters
    ----------
    signature : str
        In numba's spelling.
    plain : callable, optional
        What stands in for the function where nothing is compiled (``NUMBA_DISABLE_JIT=1``); by
        default the function's own source, as plain Python.
    nogil : bool
        Whether other threads may run meanwhile: for functions that wait for another process.
    """

    def compile_now(function: F) -> F:
        if _disabled():
            return function if plain is None else cast(F, plain)
        dispatcher: Any = njit(cache=True, nogil=nogil, error_model="numpy")(function)
        dispatcher._cache._cache_file._source_stamp = stamp(Path(function.__code__.co_filename))
        dispatcher.compile(signature)
        dispatcher.disable_compile()
        return cast(F, dispatcher)

    return compile_now


def _disabled() -> bool:
    return bool(getattr(config, "DISABLE_JIT"))  # noqa: B009 - set at run time, unknown to mypy


def stamp(source: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of a source file, and of all of this package that it imports."""
    found = {source}
    waiting = [source]
    while waiting:
        for imported in _imports(waiting.pop()) - found:
            found.add(imported)
            waiting.append(imported)
    return tuple(
        (file.name, (stat := file.stat()).st_mtime_ns, stat.st_size) for file in sorted(found)
    )


@cache
def _imports(source: Path) -> frozenset[Path]:
    """Files of this package that a source file imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
    package = __name__.rpartition(".")[0] + "."
    files = {
        Path(__file__).with_name(name.removeprefix(package) + ".py")
        for name in names
        if name.startswith(package)
    }
    return frozenset(file for file in files if file.exists())
