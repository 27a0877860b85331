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
        dispatcher._cache._cache_file._source_stamp = _stamp(function.__module__)
        dispatcher.compile(signature)
        dispatcher.disable_compile()
        return cast(F, dispatcher)

    return compile_now


def _disabled() -> bool:
    return bool(getattr(config, "DISABLE_JIT"))  # noqa: B009 - set at run time, unknown to mypy


def _stamp(name: str) -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of a module's file, and of all of this package that it imports."""
    found = {name}
    waiting = [name]
    while waiting:
        for imported in _imports(waiting.pop()) - found:
            found.add(imported)
            waiting.append(imported)
    return tuple(
        (module, (stat := _file(module).stat()).st_mtime_ns, stat.st_size)
        for module in sorted(found)
    )


@cache
def _imports(name: str) -> frozenset[str]:
    """Modules of this package that a module imports."""
    package = __name__.rpartition(".")[0]
    imported: set[str] = set()
    for node in ast.walk(ast.parse(_file(name).read_text())):
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            imported.add(node.module)
            imported |= {f"{node.module}.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
    return frozenset(
        module
        for module in imported
        if module.rpartition(".")[0] == package and _file(module).exists()
    )


def _file(name: str) -> Path:
    """Source of a module of this package."""
    return Path(__file__).with_name(name.rpartition(".")[2] + ".py")
