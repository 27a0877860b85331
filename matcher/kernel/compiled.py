"""How this package's functions are compiled, and for how long what was compiled is good."""

import hashlib
import re
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeVar, cast

from numba import config, njit

F = TypeVar("F", bound=Callable[..., Any])


def compiled(
    signature: str, plain: Callable[..., Any] | None = None, *, nogil: bool = False
) -> Callable[[F], F]:
    """Compile a function for one signature, when its module is imported.

    Numba keeps the machine code beside the source file and drops it when that file changes. But a
    function also holds what it calls, and constants, of other files; here a change of any file of
    the matcher that its own imports, directly or not, drops it too.

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
        dispatcher: Any = njit(nogil=nogil, error_model="numpy")(function)
        try:
            dispatcher.enable_caching()
        except RuntimeError:
            _warn_of_no_cache()
        else:
            dispatcher._cache._cache_file._source_stamp = stamp(Path(function.__code__.co_filename))
        dispatcher.compile(signature)
        dispatcher.disable_compile()
        return cast(F, dispatcher)

    return compile_now


@cache
def _warn_of_no_cache() -> None:
    """Say once that nothing is kept: neither beside the sources nor at home may this user write."""
    warnings.warn(
        "compiled code is not kept, so every start takes seconds longer: NUMBA_CACHE_DIR may name"
        " a directory that this user can write",
        RuntimeWarning,
        stacklevel=4,
    )


def _disabled() -> bool:
    return bool(getattr(config, "DISABLE_JIT"))  # noqa: B009 - set at run time, unknown to mypy


@cache
def stamp(source: Path) -> tuple[tuple[str, str], ...]:
    """Name and digest of a source file, and of all of the matcher that it imports.

    Of contents, not times: what is installed or copied may keep the time of something older.
    """
    found = {source}
    waiting = [source]
    while waiting:
        for imported in _read(waiting.pop())[1] - found:
            found.add(imported)
            waiting.append(imported)
    return tuple((file.name, _read(file)[0]) for file in sorted(found))


_ROOT: Final = Path(__file__).parents[1]
# Every line that imports. A parser would say the same, and take a hundred times as long.
_IMPORT: Final = re.compile(
    r"^[ \t]*(?:from[ \t]+([\w.]+)[ \t]+import[ \t]+(\([^)]*\)|.*)|import[ \t]+(.*))", re.MULTILINE
)


@cache
def _read(source: Path) -> tuple[str, frozenset[Path]]:
    """Digest of a source file, and the files of the matcher that it imports."""
    content = source.read_bytes()
    names: set[str] = set()
    for module, members, modules in _IMPORT.findall(content.decode()):
        names |= {module, *(f"{module}.{member}" for member in re.findall(r"\w+", members))}
        names |= set(re.findall(r"[\w.]+", modules))
    files = {
        _ROOT.joinpath(*name.split(".")[1:]).with_suffix(".py")
        for name in names
        if name.startswith(f"{_ROOT.name}.")
    }
    return hashlib.sha256(content).hexdigest(), frozenset(file for file in files if file.exists())
