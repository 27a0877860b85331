"""How this package's functions are compiled, and for how long what was compiled is good."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, cast

from numba import config, njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(
    signature: str, plain: Callable[..., Any] | None = None, *, nogil: bool = False
) -> Callable[[F], F]:
    """Compile a function for one signature, when its module is imported.

    Numba keeps the machine code beside the source file and drops it when that file changes. But a
    function also holds what it calls in other files; here a change of any file of this package
    drops it.

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
        dispatcher._cache._cache_file._source_stamp = _stamp()
        dispatcher.compile(signature)
        dispatcher.disable_compile()
        return cast(F, dispatcher)

    return compile_now


def _disabled() -> bool:
    return bool(getattr(config, "DISABLE_JIT"))  # noqa: B009 - set at run time, unknown to mypy


def _stamp() -> tuple[tuple[str, int, int], ...]:
    """Name, time and size of every source file of this package."""
    files = sorted(Path(__file__).parent.glob("*.py"))
    return tuple((file.name, (stat := file.stat()).st_mtime_ns, stat.st_size) for file in files)
