"""Opcodes that touch nothing but the stack: a list of integers below 2^256, its top last."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from gaslab.schedule import OPCODES

Pure = Callable[[list[int]], None]

CEILING = 1 << 256
MASK = CEILING - 1
SIGN = 1 << 255


def signed(word: int) -> int:
    """A word's value as two's complement."""
    return word - CEILING if word & SIGN else word


def _add(stack: list[int]) -> None:
    stack.append((stack.pop() + stack.pop()) & MASK)


def _mul(stack: list[int]) -> None:
    stack.append((stack.pop() * stack.pop()) & MASK)


def _sub(stack: list[int]) -> None:
    stack.append((stack.pop() - stack.pop()) & MASK)


def _div(stack: list[int]) -> None:
    a, b = stack.pop(), stack.pop()
    stack.append(a // b if b else 0)


def _sdiv(stack: list[int]) -> None:
    a, b = signed(stack.pop()), signed(stack.pop())
    quotient = abs(a) // abs(b) if b else 0  # toward zero, as Python's // is not
    stack.append((-quotient if (a < 0) != (b < 0) else quotient) & MASK)


def _mod(stack: list[int]) -> None:
    a, b = stack.pop(), stack.pop()
    stack.append(a % b if b else 0)


def _smod(stack: list[int]) -> None:
    a, b = signed(stack.pop()), signed(stack.pop())
    rest = abs(a) % abs(b) if b else 0
    stack.append((-rest if a < 0 else rest) & MASK)


def _addmod(stack: list[int]) -> None:
    a, b, n = stack.pop(), stack.pop(), stack.pop()
    stack.append((a + b) % n if n else 0)


def _mulmod(stack: list[int]) -> None:
    a, b, n = stack.pop(), stack.pop(), stack.pop()
    stack.append(a * b % n if n else 0)


def _signextend(stack: list[int]) -> None:
    byte, value = stack.pop(), stack.pop()
    if byte < 31:
        bit = 1 << (8 * byte + 7)
        value = value | (CEILING - bit) if value & bit else value & (bit - 1)
    stack.append(value)


def _lt(stack: list[int]) -> None:
    stack.append(int(stack.pop() < stack.pop()))


def _gt(stack: list[int]) -> None:
    stack.append(int(stack.pop() > stack.pop()))


def _slt(stack: list[int]) -> None:
    stack.append(int(signed(stack.pop()) < signed(stack.pop())))


def _sgt(stack: list[int]) -> None:
    stack.append(int(signed(stack.pop()) > signed(stack.pop())))


def _eq(stack: list[int]) -> None:
    stack.append(int(stack.pop() == stack.pop()))


def _iszero(stack: list[int]) -> None:
    stack.append(int(stack.pop() == 0))


def _and(stack: list[int]) -> None:
    stack.append(stack.pop() & stack.pop())


def _or(stack: list[int]) -> None:
    stack.append(stack.pop() | stack.pop())


def _xor(stack: list[int]) -> None:
    stack.append(stack.pop() ^ stack.pop())


def _not(stack: list[int]) -> None:
    stack.append(stack.pop() ^ MASK)


def _byte(stack: list[int]) -> None:
    index, value = stack.pop(), stack.pop()
    stack.append((value >> (8 * (31 - index))) & 0xFF if index < 32 else 0)


def _shl(stack: list[int]) -> None:
    shift, value = stack.pop(), stack.pop()
    stack.append((value << shift) & MASK if shift < 256 else 0)


def _shr(stack: list[int]) -> None:
    shift, value = stack.pop(), stack.pop()
    stack.append(value >> shift if shift < 256 else 0)


def _sar(stack: list[int]) -> None:
    shift, value = stack.pop(), signed(stack.pop())
    stack.append((value >> min(shift, 256)) & MASK)


def _clz(stack: list[int]) -> None:
    stack.append(256 - stack.pop().bit_length())


def _pop(stack: list[int]) -> None:
    stack.pop()


PURE: Mapping[int, Pure] = {
    OPCODES[name]: function
    for name, function in {
        "ADD": _add,
        "MUL": _mul,
        "SUB": _sub,
        "DIV": _div,
        "SDIV": _sdiv,
        "MOD": _mod,
        "SMOD": _smod,
        "ADDMOD": _addmod,
        "MULMOD": _mulmod,
        "SIGNEXTEND": _signextend,
        "LT": _lt,
        "GT": _gt,
        "SLT": _slt,
        "SGT": _sgt,
        "EQ": _eq,
        "ISZERO": _iszero,
        "AND": _and,
        "OR": _or,
        "XOR": _xor,
        "NOT": _not,
        "BYTE": _byte,
        "SHL": _shl,
        "SHR": _shr,
        "SAR": _sar,
        "CLZ": _clz,
        "POP": _pop,
    }.items()
}
