"""Words of memory that several processes share, at raw addresses, and the order they are seen in.

A processor and a compiler may both reorder reads and writes. What two processes agree on without a
lock is said with five operations, each an instruction of LLVM that no pass may move across:

=================  ===================================  ==============  ==========================
operation          afterward                            x86-64          ARMv8
=================  ===================================  ==============  ==========================
`load_acquire`     nothing later is read before it      ``mov``         ``ldar`` or ``ldapr``
`store_release`    nothing earlier is written after it  ``mov``         ``stlr``
`fence_acquire`    reads before it precede all after    compiler only   ``dmb ishld``
`fence_release`    all before it precedes writes after  compiler only   ``dmb ish``
`fence`            a write before it precedes a read    ``mfence`` or   ``dmb ish``
                   after it                             ``lock or``
=================  ===================================  ==============  ==========================

x86-64 keeps reads in order, and writes in order, so there the first four only stop the compiler; a
write that must be seen before a later *read* of the same processor needs `fence` on both. ARM keeps
no order that is not asked for. Python has none of these, which is why even the Python doors go
through compiled functions: a program that got by with ``memoryview`` would be right on x86 by luck.

`load` and `store` are for memory that only one process touches, or that an acquired or released
word guards. `load_relaxed` and `store_relaxed` are for words that another process may touch at the
same moment: a word is never seen half-written, and nothing is said of its order.

All addresses are int64, multiples of 8, and are not checked.

Notes
-----
With ``NUMBA_DISABLE_JIT=1`` the same operations go through ctypes. They are then in order on x86-64
only, and `compare_and_swap` is not atomic: for tests and debugging within one process.
"""

import ctypes
from collections.abc import Callable
from typing import Any, Final

import numba
from llvmlite import binding, ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from matcher.kernel.compiled import compiled

_I64: Final = ir.IntType(64)
_WORD_BYTES: Final = 8

Emit = Callable[[ir.IRBuilder, list[ir.Value]], ir.Value | None]


def _intrinsic(name: str, arguments: int, result: bool, emit: Emit) -> Any:
    """A function of int64 arguments for compiled code, whose body `emit` writes as LLVM IR."""
    signature = (types.int64 if result else types.void)(*[types.int64] * arguments)

    def generate(context: Any, builder: ir.IRBuilder, _signature: Any, values: Any) -> ir.Value:
        value = emit(builder, list(values))
        return value if result else context.get_dummy_value()

    # numba reads the number of arguments off the function that it is given.
    shapes: dict[int, Callable[..., Any]] = {
        0: lambda _context: (signature, generate),
        1: lambda _context, a: (signature, generate),  # noqa: ARG005
        2: lambda _context, a, b: (signature, generate),  # noqa: ARG005
        3: lambda _context, a, b, c: (signature, generate),  # noqa: ARG005
    }
    typing = shapes[arguments]
    typing.__name__ = typing.__qualname__ = name
    return intrinsic(typing)


def _pointer(builder: ir.IRBuilder, address: ir.Value) -> ir.Value:
    return builder.inttoptr(address, _I64.as_pointer())


def _load(ordering: str | None) -> Emit:
    def emit(builder: ir.IRBuilder, values: list[ir.Value]) -> ir.Value:
        pointer = _pointer(builder, values[0])
        if ordering is None:
            return builder.load(pointer, align=_WORD_BYTES)
        return builder.load_atomic(pointer, ordering, align=_WORD_BYTES)

    return emit


def _store(ordering: str | None) -> Emit:
    def emit(builder: ir.IRBuilder, values: list[ir.Value]) -> None:
        pointer = _pointer(builder, values[0])
        if ordering is None:
            builder.store(values[1], pointer, align=_WORD_BYTES)
        else:
            builder.store_atomic(values[1], pointer, ordering, align=_WORD_BYTES)

    return emit


def _fence(ordering: str) -> Emit:
    def emit(builder: ir.IRBuilder, _values: list[ir.Value]) -> None:
        builder.fence(ordering)

    return emit


def _swap(builder: ir.IRBuilder, values: list[ir.Value]) -> ir.Value:
    pointer = _pointer(builder, values[0])
    pair = builder.cmpxchg(pointer, values[1], values[2], "seq_cst", "seq_cst")
    return builder.extract_value(pair, 0)


def _pause(builder: ir.IRBuilder, _values: list[ir.Value]) -> None:
    """The processor's hint that a loop only waits; nothing where it is not known."""
    triple, hint = binding.get_process_triple(), ir.IntType(32)
    if triple.startswith(("x86_64", "i686")):
        name, arguments = "llvm.x86.sse2.pause", []
    elif triple.startswith(("aarch64", "arm64")):
        name, arguments = "llvm.aarch64.hint", [hint(1)]  # yield
    else:
        return
    kind = ir.FunctionType(ir.VoidType(), [hint] * len(arguments))
    function = cgutils.get_or_insert_function(builder.module, kind, name)  # type: ignore[no-untyped-call]
    builder.call(function, arguments)


def _plain_load(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


def _plain_store(address: int, value: int) -> None:
    ctypes.c_int64.from_address(address).value = value


def _plain_swap(address: int, expected: int, wanted: int) -> int:
    found = _plain_load(address)
    if found == expected:
        _plain_store(address, wanted)
    return found


def _plain_nothing() -> None:
    pass


load: Callable[[int], int]
store: Callable[[int, int], None]
load_relaxed: Callable[[int], int]
store_relaxed: Callable[[int, int], None]
load_acquire: Callable[[int], int]
store_release: Callable[[int, int], None]
fence_acquire: Callable[[], None]
fence_release: Callable[[], None]
fence: Callable[[], None]
# (address, expected, wanted): the value found; `wanted` is stored if that is `expected`.
compare_and_swap: Callable[[int, int, int], int]
# Between two looks at a word somebody else will change: saves power, and the exit of the loop.
pause: Callable[[], None]

if numba.config.DISABLE_JIT:  # type: ignore[attr-defined]
    load = load_relaxed = load_acquire = _plain_load
    store = store_relaxed = store_release = _plain_store
    fence_acquire = fence_release = fence = pause = _plain_nothing
    compare_and_swap = _plain_swap
else:
    load = _intrinsic("load", 1, True, _load(None))
    store = _intrinsic("store", 2, False, _store(None))
    load_relaxed = _intrinsic("load_relaxed", 1, True, _load("monotonic"))
    store_relaxed = _intrinsic("store_relaxed", 2, False, _store("monotonic"))
    load_acquire = _intrinsic("load_acquire", 1, True, _load("acquire"))
    store_release = _intrinsic("store_release", 2, False, _store("release"))
    fence_acquire = _intrinsic("fence_acquire", 0, False, _fence("acquire"))
    fence_release = _intrinsic("fence_release", 0, False, _fence("release"))
    fence = _intrinsic("fence", 0, False, _fence("seq_cst"))
    compare_and_swap = _intrinsic("compare_and_swap", 3, True, _swap)
    pause = _intrinsic("pause", 0, False, _pause)


# --- for Python, which cannot call the operations themselves ------------------------------------


@compiled("int64(int64)", nogil=True)
def read_word(address: int) -> int:
    """`load_acquire`."""
    return load_acquire(address)


@compiled("void(int64, int64)", nogil=True)
def write_word(address: int, value: int) -> None:
    """`store_release`. Written: the word."""
    store_release(address, value)


@compiled("int64(int64, int64, int64)", nogil=True)
def swap_word(address: int, expected: int, wanted: int) -> int:
    """`compare_and_swap`. Written: the word, if it was `expected`."""
    return compare_and_swap(address, expected, wanted)
