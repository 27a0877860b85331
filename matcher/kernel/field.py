"""Arithmetic modulo the prime and the order of secp256k1, in compiled code.

A number is four words of 64 bits, the lowest first, at an address that is a multiple of 8. Modulo
the prime p any number below 2^256 stands for its class: results are not reduced further but where
it is said. Modulo the order n all numbers are below n.

Each operation is emitted as one LLVM function: wide products word by word, sums as integers of 256
bits, which LLVM lowers to chains of additions with carry. Nothing branches on a value, and nothing
is secret: this is for verifying only.
"""

from collections.abc import Callable
from typing import Any, Final

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

P: Final = 2**256 - 2**32 - 977
N: Final = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
NUMBER_BYTES: Final = 32
_FOLD_P: Final = 2**256 - P  # 2^256 modulo p: 33 bits
_FOLD_N: Final = 2**256 - N  # 2^256 modulo n: 129 bits
_WORDS: Final = 4

_I64: Final = ir.IntType(64)
_I128: Final = ir.IntType(128)
_I256: Final = ir.IntType(256)
_I512: Final = ir.IntType(512)

_declare: Any = cgutils.get_or_insert_function

Emit = Callable[[Any, list[Any]], None]


def _operation(name: str, operands: int, emit: Emit) -> Any:
    """A function of addresses for compiled code: where the result goes, then the operands."""
    count = operands + 1

    def generate(context: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        builder.call(_function(builder.module, f"secp256k1_{name}", count, emit), arguments)
        return context.get_dummy_value()

    signature = types.void(*[types.int64] * count)
    shapes: dict[int, Callable[..., Any]] = {
        2: lambda _context, out, a: (signature, generate),  # noqa: ARG005
        3: lambda _context, out, a, b: (signature, generate),  # noqa: ARG005
    }
    typing = shapes[count]
    typing.__name__ = typing.__qualname__ = name
    return intrinsic(typing)


def _function(module: Any, name: str, count: int, emit: Emit) -> Any:
    if name in module.globals:
        return module.globals[name]
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [_I64] * count), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    emit(builder, list(function.args))
    builder.ret_void()
    return function


def _load(builder: Any, address: Any, kind: Any) -> Any:
    return builder.load(builder.inttoptr(address, kind.as_pointer()), align=8)


def _store(builder: Any, value: Any, address: Any) -> None:
    builder.store(value, builder.inttoptr(address, value.type.as_pointer()), align=8)


def _words_at(builder: Any, address: Any) -> list[Any]:
    places = [builder.add(address, ir.Constant(_I64, 8 * i)) for i in range(_WORDS)]
    return [_load(builder, place, _I64) for place in places]


def _step(builder: Any, a: Any, b: Any, *added: Any) -> tuple[Any, Any]:
    """Low and high word of a * b and what is added, which together fit 128 bits."""
    total = builder.mul(builder.zext(a, _I128), builder.zext(b, _I128))
    for value in added:
        total = builder.add(total, builder.zext(value, _I128))
    high = builder.trunc(builder.lshr(total, ir.Constant(_I128, 64)), _I64)
    return builder.trunc(total, _I64), high


def _product(builder: Any, a: list[Any], b: list[Any]) -> list[Any]:
    """Eight words of the product of four and four."""
    zero = ir.Constant(_I64, 0)
    words = [zero] * (2 * _WORDS)
    for i in range(_WORDS):
        carry = zero
        for j in range(_WORDS):
            words[i + j], carry = _step(builder, a[i], b[j], words[i + j], carry)
        words[i + _WORDS] = carry
    return words


def _join(builder: Any, words: list[Any]) -> Any:
    """Four words as one integer."""
    joined = builder.zext(words[0], _I256)
    for i, word in enumerate(words[1:], 1):
        shifted = builder.shl(builder.zext(word, _I256), ir.Constant(_I256, 64 * i))
        joined = builder.or_(joined, shifted)
    return joined


def _with_overflow(builder: Any, name: str, a: Any, b: Any) -> tuple[Any, Any]:
    kind = ir.LiteralStructType([_I256, ir.IntType(1)])
    function = _declare(
        builder.module, ir.FunctionType(kind, [_I256, _I256]), f"llvm.{name}.with.overflow.i256"
    )
    result = builder.call(function, [a, b])
    return builder.extract_value(result, 0), builder.extract_value(result, 1)


def _fold(builder: Any, name: str, value: Any, overflow: Any) -> tuple[Any, Any]:
    """Bring what fell out at the top, once, back in at the bottom."""
    folded = builder.select(overflow, ir.Constant(_I256, _FOLD_P), ir.Constant(_I256, 0))
    return _with_overflow(builder, name, value, folded)


def _emit_mul(builder: Any, arguments: list[Any]) -> None:
    out, a, b = arguments
    words = _product(builder, _words_at(builder, a), _words_at(builder, b))
    fold, carry = ir.Constant(_I64, _FOLD_P), ir.Constant(_I64, 0)
    low = []
    for i in range(_WORDS):
        word, carry = _step(builder, words[_WORDS + i], fold, words[i], carry)
        low.append(word)
    # The carry has 34 bits: folded, it is below 2^68.
    rest = builder.mul(builder.zext(carry, _I256), ir.Constant(_I256, _FOLD_P))
    total, overflow = _with_overflow(builder, "uadd", _join(builder, low), rest)
    total, _ = _fold(builder, "uadd", total, overflow)  # what overflowed is small: once is enough
    _store(builder, total, out)


def _emit_sum(name: str) -> Emit:
    def emit(builder: Any, arguments: list[Any]) -> None:
        out, a, b = arguments
        operands = _load(builder, a, _I256), _load(builder, b, _I256)
        total, overflow = _with_overflow(builder, name, *operands)
        total, overflow = _fold(builder, name, total, overflow)
        total, _ = _fold(builder, name, total, overflow)
        _store(builder, total, out)

    return emit


def _emit_reduce(builder: Any, arguments: list[Any]) -> None:
    out, a = arguments
    value = _load(builder, a, _I256)
    modulus = ir.Constant(_I256, P)
    below = builder.icmp_unsigned("<", value, modulus)
    _store(builder, builder.select(below, value, builder.sub(value, modulus)), out)


def _emit_mul_n(builder: Any, arguments: list[Any]) -> None:
    out, a, b = arguments
    wide = [builder.zext(_load(builder, place, _I256), _I512) for place in (a, b)]
    total = builder.mul(*wide)
    # What is above 2^256 has 256, then 130, then 4 bits, then at most one.
    for _ in range(4):
        high = builder.lshr(total, ir.Constant(_I512, 256))
        low = builder.zext(builder.trunc(total, _I256), _I512)
        total = builder.add(builder.mul(high, ir.Constant(_I512, _FOLD_N)), low)
    value, modulus = builder.trunc(total, _I256), ir.Constant(_I256, N)
    below = builder.icmp_unsigned("<", value, modulus)
    _store(builder, builder.select(below, value, builder.sub(value, modulus)), out)


mul: Final = _operation("mul", 2, _emit_mul)  # (out, a, b): a * b modulo p
add: Final = _operation("add", 2, _emit_sum("uadd"))  # (out, a, b): a + b modulo p
sub: Final = _operation("sub", 2, _emit_sum("usub"))  # (out, a, b): a - b modulo p
reduce: Final = _operation("reduce", 1, _emit_reduce)  # (out, a): a modulo p, below p
mul_n: Final = _operation("mul_n", 2, _emit_mul_n)  # (out, a, b): a * b modulo n, below n
