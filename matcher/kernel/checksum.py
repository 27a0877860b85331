"""CRC-32 as zlib computes it, at the speed of memory where the processor multiplies polynomials.

A checksum is the rest of a polynomial's division: the message's bits are its coefficients over
GF(2). A block of 128 bits that stands ``d`` bits further ahead may be multiplied by the rest of
``x**d`` and added to the block there; the division's rest stays the same. So some blocks at a time
are folded onto as many behind them (`_fold`), and zlib divides the last ones, and what is left of
the message. After V. Gopal et al., Fast CRC Computation for Generic Polynomials Using PCLMULQDQ
Instruction (Intel, 2009).

A message is read once, and goes by the caches as far as the processor obeys: they keep what whoever
checks it works on, which a megabyte of journal would drive out.

Where the processor lacks that instruction, where nothing is compiled (``NUMBA_DISABLE_JIT=1``), and
for short messages zlib does all of it.
"""

import zlib
from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
from llvmlite import binding, ir
from numba import config, types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from matcher.kernel.compiled import compiled
from matcher.kernel.memory import COMPILED


def _features() -> Mapping[str, bool]:
    """What numba compiles for may do: the processor at hand, unless it was told of another."""
    if not COMPILED:
        return {}
    name, features = (getattr(config, word) or "" for word in ("CPU_NAME", "CPU_FEATURES"))
    if name not in ("", "host") or features:
        return {feature[1:]: feature[0] == "+" for feature in features.split(",") if feature}
    host: Mapping[str, bool] = binding.get_host_cpu_features()
    return host


_FEATURES: Final = _features()
BLOCK: Final = 16  # bytes
LANES: Final = (
    (4 if _FEATURES.get("avx512f") else 2) if _FEATURES.get("vpclmulqdq") else 1
)  # blocks that one instruction multiplies
_SUMS: Final = 4  # so that none waits for the one before
STEP: Final = _SUMS * LANES * BLOCK  # bytes
_LINE: Final = 64  # bytes that a cache holds or drops at a time
_AHEAD: Final = 2048  # bytes
WORTH: Final = 1 << 14  # bytes of a message, from which on folding pays
_POLYNOMIAL: Final = 0x104C11DB7  # of IEEE 802.3: bit n is the coefficient of x**n
_DEGREE: Final = 32
_ALL_ONES: Final = (1 << 32) - 1

_declare: Any = cgutils.get_or_insert_function
_I8: Final = ir.IntType(8)
_I32: Final = ir.IntType(32)
_I64: Final = ir.IntType(64)
_BLOCKS: Final = ir.VectorType(_I64, 2 * LANES)
_MULTIPLY: Final = "llvm.x86.pclmulqdq" + ("" if LANES == 1 else f".{128 * LANES}")


def _turned(value: int, bits: int) -> int:
    """The lowest bits in the other order."""
    return int(f"{value:0{bits}b}"[::-1], 2)


def rest_of_power(exponent: int) -> int:
    """The rest of x**exponent, as a factor of bits in the order in which messages have them.

    Messages have the highest coefficient in the lowest bit. A product of two such words of 64 bits
    has its bits one place too low, so factors are one place higher.
    """
    rest = 1
    for _ in range(exponent):
        rest <<= 1
        if rest >> _DEGREE:
            rest ^= _POLYNOMIAL
    return _turned(rest, _DEGREE) << 1


def _factors(distance: int) -> tuple[int, int]:
    """What the first and the second word of a block are multiplied by, so many bits further on."""
    return rest_of_power(distance + _DEGREE), rest_of_power(distance - _DEGREE)


def _instruction(emitter: Callable[..., Any]) -> Any:
    """A function for compiled code that is emitted, not written; numba knows no types here."""
    return intrinsic(emitter)


def _folded(builder: Any, blocks: Any) -> Any:
    """Blocks as they count a step further on."""
    kind = ir.FunctionType(_BLOCKS, [_BLOCKS, _BLOCKS, _I8])
    multiply = _declare(builder.module, kind, _MULTIPLY)
    factors = ir.Constant(_BLOCKS, [*_factors(8 * STEP)] * LANES)
    first = builder.call(multiply, [blocks, factors, ir.Constant(_I8, 0x00)])
    second = builder.call(multiply, [blocks, factors, ir.Constant(_I8, 0x11)])
    return builder.xor(first, second)


def _ask_to_pass(builder: Any, address: Any) -> None:
    """Ask for a step's bytes, to be used once: what the nearer caches hold stays there."""
    kind = ir.FunctionType(ir.VoidType(), [_I8.as_pointer(), _I32, _I32, _I32])
    ask = _declare(builder.module, kind, "llvm.prefetch.p0")
    to_read, forget, data = _I32(0), _I32(0), _I32(1)
    for offset in range(0, STEP, _LINE):
        at = builder.inttoptr(builder.add(address, ir.Constant(_I64, offset)), _I8.as_pointer())
        builder.call(ask, [at, to_read, forget, data])


@_instruction
def _fold(_context: Any, _message: Any, _steps: Any, _start: Any, _out: Any) -> Any:
    """(message, how many steps it has, the register that it starts with, where the last is put)."""

    def emit(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        message, steps, start, out = arguments
        entry, one = builder.block, ir.Constant(_I64, 1)
        loop, done = builder.append_basic_block("fold"), builder.append_basic_block("folded")

        def places_at(address: Any) -> list[Any]:
            at = builder.inttoptr(address, _BLOCKS.as_pointer())
            return [builder.gep(at, [ir.Constant(_I64, i)]) for i in range(_SUMS)]

        first = [builder.load(place, align=1) for place in places_at(message)]
        zeros = ir.Constant(_BLOCKS, [0] * _BLOCKS.count)
        first[0] = builder.xor(first[0], builder.insert_element(zeros, start, ir.Constant(_I64, 0)))
        builder.cbranch(builder.icmp_signed(">", steps, one), loop, done)

        builder.position_at_end(loop)
        step = builder.phi(_I64)
        sums = [builder.phi(_BLOCKS) for _ in first]
        address = builder.add(message, builder.mul(step, ir.Constant(_I64, STEP)))
        _ask_to_pass(builder, builder.add(address, ir.Constant(_I64, _AHEAD)))
        places = places_at(address)
        after = [
            builder.xor(_folded(builder, held), builder.load(place, align=1))
            for held, place in zip(sums, places, strict=True)
        ]
        counted = builder.add(step, one)
        builder.cbranch(builder.icmp_signed("<", counted, steps), loop, done)
        step.add_incoming(one, entry)
        step.add_incoming(counted, loop)

        builder.position_at_end(done)
        last = [builder.phi(_BLOCKS) for _ in first]
        for phis, block in ((sums, entry), (sums, loop), (last, entry), (last, loop)):
            for held, value in zip(phis, first if block is entry else after, strict=True):
                held.add_incoming(value, block)
        for held, place in zip(last, places_at(out), strict=True):
            builder.store(held, place, align=1)
        return context.get_dummy_value()

    return types.void(*[types.int64] * 4), emit


def _fold_by(able: bool) -> Callable[[int, int, int, Any], None] | None:
    """`_fold`, compiled; None where it cannot be."""
    if not able:
        return None

    @compiled("void(int64, int64, int64, uint8[::1])", nogil=True)
    def fold(message: int, steps: int, start: int, out: NDArray[np.uint8]) -> None:
        _fold(message, steps, start, out.ctypes.data)

    return fold


_folding: Final = _fold_by(bool(_FEATURES.get("pclmul")))


def crc32(message: bytes | bytearray | memoryview, before: int = 0) -> int:
    """Checksum of a message, as `zlib.crc32` computes it.

    Parameters
    ----------
    message : contiguous bytes
    before : int
        Checksum of what stands before it.
    """
    if _folding is None or memoryview(message).nbytes < WORTH:
        return zlib.crc32(message, before)
    data = np.frombuffer(message, np.uint8)
    steps = data.size // STEP
    last = np.empty(STEP, np.uint8)
    _folding(data.ctypes.data, steps, before ^ _ALL_ONES, last)
    # zlib inverts the register before and after; where all was folded it begins with 0.
    return zlib.crc32(data[steps * STEP :].data, zlib.crc32(last.data, _ALL_ONES))
