"""Raw memory: loads and stores at int64 addresses, and the few bit operations that kernels need.

Numba on raw addresses compiles to what C would: no array objects, no reference counts, nothing
that may alias. Each function exists twice, under one name. Compiled, it is one instruction. With
``NUMBA_DISABLE_JIT=1`` it is plain Python, which is the debug mode of every kernel: an access must
fall on a declared record of the right kind, and what is stored must fit its field.

All values are signed int64, so that both twins compute alike: a bit is set by `bit`, not by a
shift that Python would let grow, and `mixed` is the one product that may wrap.
"""

import ctypes
from bisect import bisect_left, bisect_right, insort
from collections.abc import Callable
from typing import Any, Final, TypeVar, cast

import numba
import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.extending import intrinsic

GOLDEN: Final = -0x61C8864680B583EB  # 2^64 / golden ratio, as int64: spreads keys over all bits
COMPILED: Final = not numba.config.DISABLE_JIT  # type: ignore[attr-defined]

F = TypeVar("F", bound=Callable[..., Any])


_INLINED: Final[set[Any]] = set()
_RARE: Final[set[Any]] = set()


def inlined(function: F) -> F:
    """Compile a function into each of its callers; only what Python calls is cached."""
    _INLINED.add(function)
    return cast(F, njit(error_model="numpy", boundscheck=False, forceinline=True)(function))


def called(function: F) -> F:
    """Compile a function that its callers call, or inline if the compiler thinks it worth it."""
    return cast(F, njit(error_model="numpy", boundscheck=False)(function))


def rare(function: F) -> F:
    """Compile a function that is seldom called: small, and out of the way of others."""
    _RARE.add(function)
    return cast(F, njit(error_model="numpy", boundscheck=False)(function))


def is_inlined(function: Any) -> bool:
    """Whether a plain function was marked by `inlined`."""
    return function in _INLINED


def is_rare(function: Any) -> bool:
    """Whether a plain function was marked by `rare`."""
    return function in _RARE


class BadAddress(Exception):
    """A kernel reached for memory that holds no such record; seen in debug mode only."""


class Areas:
    """Where records of each kind lie; debug mode asks before every access."""

    def __init__(self) -> None:
        self._of: dict[str, list[tuple[int, int, int]]] = {}  # kind: (start, end, stride), sorted
        self._cells: dict[str, list[dict[int, Any]]] = {}  # by kind, those of each field

    def declare(self, kind: str, start: int, count: int, stride: int) -> None:
        """`count` records of a kind lie at `start`, `stride` bytes apart."""
        insort(self._of.setdefault(kind, []), (start, start + count * stride, stride))
        self._ask_again(kind)

    def forget(self, start: int, end: int) -> None:
        """No records lie in these bytes any more."""
        for kind, areas in self._of.items():
            first, last = bisect_left(areas, (start,)), bisect_left(areas, (end,))
            if first < last:
                del areas[first:last]
                self._ask_again(kind)

    def require(self, kind: str, address: int) -> None:
        """Raise `BadAddress` unless a record of this kind begins at the address."""
        areas = self._of.get(kind, [])
        position = bisect_right(areas, (address, 1 << 64, 0)) - 1
        if position >= 0:
            start, end, stride = areas[position]
            if address < end and (address - start) % stride == 0:
                return
        raise BadAddress(f"no {kind} begins at address {address:#x}")

    def cells(self, kind: str) -> dict[int, Any]:
        """For who reads a field: what lies at a record's address, once it was asked for.

        Emptied when areas of that kind come or go.
        """
        made: dict[int, Any] = {}
        self._cells.setdefault(kind, []).append(made)
        return made

    def _ask_again(self, kind: str) -> None:
        for cells in self._cells.get(kind, []):
            cells.clear()


AREAS: Final = Areas()


def getter(record: np.dtype[Any], name: str) -> Callable[[int], int]:
    """Function of a record's address: the field's value, as int64."""
    kind, offset = _field(record, name)
    if not COMPILED:
        return _plain_getter(kind_of(record), offset, kind)
    bits, signed = 8 * kind.itemsize, kind.kind == "i"

    @intrinsic
    def get(_typing: Any, _address: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            word = ir.IntType(bits)
            at = builder.add(arguments[0], ir.Constant(ir.IntType(64), offset))
            value = builder.load(builder.inttoptr(at, word.as_pointer()), align=bits // 8)
            _tell_field(context, value, record, name)
            if bits == 64:
                return value
            extend = builder.sext if signed else builder.zext
            return extend(value, ir.IntType(64))

        return types.int64(types.int64), generate

    return cast(Callable[[int], int], get)


def setter(record: np.dtype[Any], name: str) -> Callable[[int, int], None]:
    """Function of a record's address and an int64: writes the field."""
    kind, offset = _field(record, name)
    if not COMPILED:
        return _plain_setter(kind_of(record), offset, kind)
    bits = 8 * kind.itemsize

    @intrinsic
    def put(_typing: Any, _address: Any, _value: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            word = ir.IntType(bits)
            at = builder.add(arguments[0], ir.Constant(ir.IntType(64), offset))
            value = arguments[1] if bits == 64 else builder.trunc(arguments[1], word)
            stored = builder.store(value, builder.inttoptr(at, word.as_pointer()), align=bits // 8)
            _tell_field(context, stored, record, name)
            return context.get_dummy_value()

        return types.void(types.int64, types.int64), generate

    return cast(Callable[[int, int], None], put)


def _tell_field(context: Any, instruction: Any, record: np.dtype[Any], name: str) -> None:
    """Say which field is read or written, to a compiler that asks."""
    if hasattr(context, "tell_field"):
        context.tell_field(instruction, kind_of(record), name)


def _field(record: np.dtype[Any], name: str) -> tuple[np.dtype[Any], int]:
    fields = record.fields
    assert fields is not None, "a record has fields"
    return fields[name][0], fields[name][1]


def kind_of(record: np.dtype[Any]) -> str:
    """A record's kind, for debug mode: the name that its dtype carries."""
    assert record.metadata is not None, "records are made by layout.record"
    return str(record.metadata["kind"])


_CTYPES: Final[dict[str, Any]] = {
    "u1": ctypes.c_uint8,
    "u2": ctypes.c_uint16,
    "u4": ctypes.c_uint32,
    "i4": ctypes.c_int32,
    "i8": ctypes.c_int64,
}


def _plain_getter(kind: str, offset: int, field: np.dtype[Any]) -> Callable[[int], int]:
    word, cells = _CTYPES[field.str[1:]], AREAS.cells(kind)

    def get(address: int) -> int:
        try:
            value: int = cells[address].value
        except KeyError:
            AREAS.require(kind, address)
            cell = cells[address] = word.from_address(address + offset)
            value = cell.value
        return value

    return get


def _plain_setter(kind: str, offset: int, field: np.dtype[Any]) -> Callable[[int, int], None]:
    word, cells = _CTYPES[field.str[1:]], AREAS.cells(kind)
    least, most = int(np.iinfo(field).min), int(np.iinfo(field).max)

    def put(address: int, value: int) -> None:
        cell = cells.get(address)
        if cell is None:
            AREAS.require(kind, address)
            cell = cells[address] = word.from_address(address + offset)
        if not least <= value <= most:
            raise OverflowError(f"{value} does not fit {field.str} at {offset} of {kind}")
        cell.value = value

    return put


# --- bits --------------------------------------------------------------------------------------


def _signed(value: int) -> int:
    """The int64 with the same low 64 bits."""
    return (value + (1 << 63)) % (1 << 64) - (1 << 63)


def _operation(plain: Callable[..., int], build: Callable[..., Any], count: int) -> Any:
    """An operation on `count` int64: compiled by `build(builder, arguments)`, or plain."""
    if not COMPILED:
        return plain

    def generate(_context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return build(builder, arguments)

    if count == 1:

        @intrinsic
        def of_one(_typing: Any, _x: Any) -> Any:
            return types.int64(types.int64), generate

        return of_one

    @intrinsic
    def of_two(_typing: Any, _x: Any, _y: Any) -> Any:
        return types.int64(types.int64, types.int64), generate

    return of_two


_One = Callable[[int], int]
_Two = Callable[[int, int], int]
_I64: Final = ir.IntType(64)

# Bit n alone: 1 << n, as int64. 0 <= n < 64.
bit: _One = _operation(lambda n: _signed(1 << n), lambda b, a: b.shl(ir.Constant(_I64, 1), a[0]), 1)
# x shifted right by n, zeros coming in. 0 <= n < 64.
shifted: _Two = _operation(
    lambda x, n: _signed((x % (1 << 64)) >> n), lambda b, a: b.lshr(a[0], a[1]), 2
)
# A key with its bits spread: the product with GOLDEN, wrapped.
mixed: _One = _operation(
    lambda x: _signed(x * GOLDEN), lambda b, a: b.mul(a[0], ir.Constant(_I64, GOLDEN)), 1
)
# Sum, difference, and x shifted left by n, wrapped. 0 <= n < 64.
added: _Two = _operation(lambda x, y: _signed(x + y), lambda b, a: b.add(a[0], a[1]), 2)
less: _Two = _operation(lambda x, y: _signed(x - y), lambda b, a: b.sub(a[0], a[1]), 2)
raised: _Two = _operation(lambda x, n: _signed(x << n), lambda b, a: b.shl(a[0], a[1]), 2)
# The bytes of x in the other order: numbers of big-endian words, and back.
turned: _One = _operation(
    lambda x: int.from_bytes(x.to_bytes(8, "little", signed=True), "big", signed=True),
    lambda b, a: b.bswap(a[0]),
    1,
)
# Number of the lowest, the highest bit that is set; x is not 0.
_KNOWN: Final = ir.Constant(ir.IntType(1), 1)  # the caller knows that x is not 0
lowest_bit: _One = _operation(
    lambda x: (x & -x).bit_length() - 1, lambda b, a: b.cttz(a[0], _KNOWN), 1
)
highest_bit: _One = _operation(
    lambda x: (x % (1 << 64)).bit_length() - 1,
    lambda b, a: b.sub(ir.Constant(_I64, 63), b.ctlz(a[0], _KNOWN)),
    1,
)


def _prefetch_compiled() -> Any:
    @intrinsic
    def ask(_typing: Any, _address: Any) -> Any:
        def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
            byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
            kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
            function = builder.module.globals.get("llvm.prefetch.p0")
            if function is None:
                function = ir.Function(builder.module, kind, "llvm.prefetch.p0")
            to_write, keep, data = word(1), word(3), word(1)
            at = builder.inttoptr(arguments[0], byte)
            builder.call(function, [at, to_write, keep, data])
            return context.get_dummy_value()

        return types.void(types.int64), generate

    return ask


def _no_prefetch(address: int) -> None:
    """A hint; plain Python has no use for it."""


# Ask the processor to bring a line closer; never faults, changes nothing.
prefetch: Callable[[int], None] = _prefetch_compiled() if COMPILED else _no_prefetch
