"""Compiles a kernel as one program: a function, and all that it calls, to machine code at once.

Kernels are hundreds of small functions of int64. Numba compiles each of them apart, with checks
after every call and whatever it calls linked in anew; here their syntax trees become LLVM's code
directly, once, and LLVM sees all of it. The language is what kernels are written in:

- parameters are int, results int, bool, tuples of two int, or None, as annotated;
- assignments, also of tuples; if, while, for over range, break, continue, return;
- int arithmetic that wraps, ``//`` and ``%`` that floor, comparisons, and, or, not, ``x if y else
  z``, min, max, abs, constants of the module, and calls of functions like these.

What `matcher.kernel.memory` makes of instructions (accessors, bits, hints) is put in place.
Machine code is kept in a file beside the sources, good for these sources, LLVM and processor.

`NUMBA_DISABLE_JIT=1` leaves the functions plain Python, as it does those that numba compiles.
"""

import ctypes
import hashlib
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import llvmlite
from llvmlite import binding

from matcher.kernel.compiled import stamp
from matcher.kernel.memory import COMPILED

_FORM: Final = 2  # of the translation; another one makes other machine code


def program(function: Callable[..., Any], arguments: int) -> Callable[..., Any]:
    """The function compiled with all that it calls, of so many int64 arguments; answers int64.

    Other threads run meanwhile.
    """
    if not COMPILED:
        return function
    binding.initialize_native_target()
    binding.initialize_native_asmprinter()
    machine = _machine()
    name = f"{function.__module__}.{function.__name__}"
    path = _cache_of(function, name, machine)
    code = _read(path)
    if code is None:
        code = _compile(function, name, machine)
        _write(path, code)
    return _load(code, name, arguments)


_ENGINES: Final[list[Any]] = []  # machine code lives as long as its engine


def _load(code: bytes, name: str, arguments: int) -> Callable[..., Any]:
    """A function of machine code."""
    empty = binding.parse_assembly("")
    engine = binding.create_mcjit_compiler(empty, _machine())
    engine.add_object_file(binding.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _ENGINES.append(engine)
    kind = ctypes.CFUNCTYPE(ctypes.c_int64, *[ctypes.c_int64] * arguments)
    made: Callable[..., Any] = kind(engine.get_function_address(name))
    return made


def _machine() -> Any:
    """The processor at hand, as LLVM compiles for it."""
    target = binding.Target.from_triple(binding.get_process_triple())
    return target.create_target_machine(
        cpu=binding.get_host_cpu_name(),
        features=binding.get_host_cpu_features().flatten(),
        opt=3,
        reloc="static",
        codemodel="jitdefault",
        jit=True,
    )


def _compile(function: Callable[..., Any], name: str, machine: Any) -> bytes:
    """Machine code of a function and of all that it calls."""
    from matcher.kernel.translation import Translation  # only where it compiles

    module = binding.parse_assembly(Translation(name).of(function))
    module.verify()
    tuning = binding.create_pipeline_tuning_options(speed_level=3)
    tuning.loop_vectorization = tuning.slp_vectorization = False
    passes = binding.create_pass_builder(machine, tuning)
    passes.getModulePassManager().run(module, passes)
    code: bytes = machine.emit_object(module)
    return code


# --- what was compiled before --------------------------------------------------------------------


def _cache_of(function: Callable[..., Any], name: str, machine: Any) -> Path:
    """The file of this program: its name says what it was made of, and for what."""
    source = Path(function.__code__.co_filename)
    made_of = (
        *(_FORM, llvmlite.__version__, machine.triple),
        *(binding.get_host_cpu_name(), binding.get_host_cpu_features().flatten(), stamp(source)),
    )
    mark = hashlib.sha256(repr(made_of).encode()).hexdigest()[:24]
    folder = os.environ.get("NUMBA_CACHE_DIR")
    where = Path(folder) if folder else source.parent / "__pycache__"
    return where / f"{name}-{mark}.o"


def _read(path: Path) -> bytes | None:
    """Machine code that is kept, if it is whole: its digest stands before it."""
    with suppress(OSError):
        kept = path.read_bytes()
        if hashlib.sha256(kept[32:]).digest() == kept[:32]:
            return kept[32:]
    return None


def _write(path: Path, code: bytes) -> None:
    """Keep machine code, and drop what was kept of older sources; where that fails, do without."""
    with suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        name = path.name.rpartition("-")[0]
        for old in path.parent.glob(f"{name}-*.o"):
            old.unlink(missing_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as file:
            file.write(hashlib.sha256(code).digest() + code)
        Path(file.name).replace(path)
