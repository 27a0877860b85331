"""Machine code of whole programs, and where it is kept: beside the source, as numba keeps its own.

``program(run)`` compiles a function of int64 and all that it calls (`matcher.kernel.compiler`), or
reads what an earlier process compiled from the same sources, by the same compiler, for the same
processor. With ``NUMBA_DISABLE_JIT=1`` it is the function itself.
"""

import contextlib
import ctypes
import hashlib
import os
import tempfile
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import llvmlite.binding as llvm

from matcher.kernel.compiler import module_of
from matcher.kernel.memory import COMPILED

_HERE: Final = Path(__file__).parent
_NUMBERS: Final = ("errors.py", "events.py", "types.py")  # modules whose numbers kernels use
_LEVEL: Final = 3  # of optimization
_engines: Final[list[Any]] = []  # what was loaded stays


def program(root: Callable[..., int], nogil: bool = False) -> Callable[..., int]:
    """Machine code of a function of int64, ready to be called with Python's int.

    Parameters
    ----------
    root : callable
        Written at a module's top; all arguments, and the answer, are int64.
    nogil : bool
        Whether other threads may run meanwhile.
    """
    if not COMPILED:
        return root
    name = f"{root.__module__}.{root.__name__}"
    kept = _HERE / "__pycache__" / f"{name}.{_key_of(root)}.o"
    try:
        code = kept.read_bytes()
    except OSError:
        code = _compile(root)
        _keep(kept, code, name)
    engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    engine.add_object_file(llvm.ObjectFileRef.from_data(code))
    engine.finalize_object()
    _engines.append(engine)
    kind = ctypes.CFUNCTYPE if nogil else ctypes.PYFUNCTYPE
    arguments = [ctypes.c_int64] * root.__code__.co_argcount
    return kind(ctypes.c_int64, *arguments)(engine.get_function_address(root.__name__))


def _machine() -> Any:
    return llvm.Target.from_default_triple().create_target_machine(
        cpu=llvm.get_host_cpu_name(),
        features=llvm.get_host_cpu_features().flatten(),
        opt=_LEVEL,
        jit=True,
    )


def _compile(root: Callable[..., int]) -> bytes:
    """Object code."""
    module = llvm.parse_assembly(str(module_of(root)))
    module.verify()
    machine = _machine()
    options = llvm.create_pipeline_tuning_options(speed_level=_LEVEL)
    builder = llvm.create_pass_builder(machine, options)
    builder.getModulePassManager().run(module, builder)
    return bytes(machine.emit_object(module))


def _key_of(root: Callable[..., int]) -> str:
    """Of all that the code depends on."""
    told = hashlib.sha256()
    others = (_HERE.parent / name for name in _NUMBERS)
    for file in (*sorted(_HERE.glob("*.py")), *others, Path(root.__code__.co_filename)):
        told.update(file.name.encode() + b"\0" + file.read_bytes())
    for word in (
        f"{root.__module__}.{root.__name__}",
        version("llvmlite"),
        version("numba"),
        llvm.get_host_cpu_name(),
        llvm.get_host_cpu_features().flatten(),
    ):
        told.update(word.encode() + b"\0")
    return told.hexdigest()[:32]


def _keep(kept: Path, code: bytes, name: str) -> None:
    """Write object code, whole or not at all; older code of the same name goes."""
    with contextlib.suppress(OSError):  # a directory that is read only: compiled anew next time
        kept.parent.mkdir(exist_ok=True)
        handle, written = tempfile.mkstemp(dir=kept.parent)
        with os.fdopen(handle, "wb") as file:
            file.write(code)
        Path(written).replace(kept)
        for old in kept.parent.glob(f"{name}.*.o"):
            if old != kept:
                old.unlink()
