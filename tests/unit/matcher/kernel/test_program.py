"""What a kernel's functions answer as machine code and as plain Python."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from matcher.kernel import program as room
from matcher.kernel.fields import set_word_bits, word_bits
from matcher.kernel.memory import COMPILED, bit, called, highest_bit, inlined, rare
from matcher.kernel.program import program

pytestmark = pytest.mark.skipif(not COMPILED, reason="nothing is compiled")

WORD = 1 << 64
LIMIT = 7


def arithmetic(x: int, y: int, z: int) -> int:
    a = x + y * z - (x ^ y) + (x & z) - (y | z)
    a += -x + ~y
    a -= x << 3
    return a ^ (z >> 5)


def floors(x: int, y: int, z: int) -> int:
    return x // (y | 1) * 3 + x % (y | 1) - (z // 8) + z % 64


def compares(x: int, y: int, z: int) -> int:
    a = (x < y) + 2 * (x <= y) + 4 * (x > z) + 8 * (x >= z) + 16 * (y == z) + 32 * (y != x)
    return a + 64 * (x < y < z) + 128 * (0 <= x % 10 < 5)


def chooses(x: int, y: int, z: int) -> int:
    if x < 0 and y < 0:
        return 1 if z else 2
    if not (x or y) or z < 0:
        return min(x, y, z) - max(y, z)
    a = x if x > y else z
    return abs(a) + (7 if x and y and z else 8)


def loops(x: int, y: int, z: int) -> int:
    total, count = 0, 0
    for i in range(x % 20):
        if i % 3 == y % 3:
            continue
        if i > LIMIT + z % 9:
            break
        total += i
        i = 0  # noqa: PLW2901 - the next round is not changed by it
        for j in range(i, i + 3):
            total += j * x
    while True:
        count += 1
        if count > y % 30:
            break
        while total % 2 == 0 and count < 1000:
            total, count = total // 2 + 1, count + 1
    return total * 1000 + count


@inlined
def both(x: int, y: int) -> tuple[int, int]:
    return x + 1, y - 1


@called
def is_odd(x: int) -> bool:
    return x % 2 == 1


@rare
def store(at: int, value: int) -> None:
    if value == 3:
        return
    set_word_bits(at, value)


def calls(x: int, y: int, z: int) -> int:
    a, b = both(x, y)
    pair = both(b, a)
    c = d = pair[0]
    if is_odd(c):
        return d * pair[1]
    return bit(z % 64) + highest_bit(x | 1) + is_odd(a)


def decides_before_it_looks(at: int, y: int, z: int) -> int:
    """An address of 0 is not read."""
    if at == 0 or word_bits(at) == y:
        return z
    store(at, y)
    return word_bits(at)


def wrapped(value: int) -> int:
    return (value + (WORD >> 1)) % WORD - (WORD >> 1)


@pytest.mark.parametrize("function", [arithmetic, floors, compares, chooses, loops])
def test_program_answers_as_its_source_does(function: Callable[[int, int, int], int]) -> None:
    compiled, dice = program(function, 3), random.Random(1)
    edges = [0, 1, -1, 2, 7, 8, -8, 1 << 31, (1 << 63) - 1, -(1 << 63)]
    for _ in range(3000):
        x, y, z = (dice.choice((*edges, dice.randrange(-60, 60))) for _ in range(3))
        if function is floors and (x, y) == (-(1 << 63), -1):
            continue  # the quotient is beyond 64 bits
        if function is loops and abs(y) > 1000:
            continue
        assert compiled(x, y, z) == wrapped(function(x, y, z)), (x, y, z)


def test_program_calls_what_it_calls() -> None:
    compiled = program(calls, 3)
    for x, y, z in ((4, 9, 2), (5, 9, 63), (-3, 8, 1)):
        a, b = x + 1, y - 1
        pair = b + 1, a - 1
        expected = pair[0] * pair[1]
        if pair[0] % 2 == 0:
            expected = (1 << z) + (max(x | 1, (x | 1) % WORD)).bit_length() - 1 + a % 2
        assert compiled(x, y, z) == wrapped(expected)


def test_program_reads_and_writes_memory_where_it_should() -> None:
    compiled, words = program(decides_before_it_looks, 3), np.array([5])
    assert compiled(0, 5, 8) == 8
    assert compiled(words.ctypes.data, 5, 8) == 8
    assert compiled(words.ctypes.data, 6, 8) == 6
    assert compiled(words.ctypes.data, 3, 8) == 6
    assert words.tolist() == [6]


def keyword(x: int) -> int:
    return both(x=x, y=1)[0]


def listed(x: int) -> int:
    return [x][0]


def fraction(x: int) -> int:
    return int(x / 2)


def caught(x: int) -> int:
    try:
        return x
    finally:
        pass


def typed(x: str) -> int:
    return 1


def stepped(x: int) -> int:
    total = 0
    for number in range(0, x, 2):
        total += number
    return total


@pytest.mark.parametrize("function", [keyword, listed, fraction, caught, typed, stepped])
def test_what_is_not_written_so_is_refused(function: Callable[..., Any]) -> None:
    with pytest.raises(Exception, match=r"test_program.py:\d+|annotations"):
        program(function, 1)


def test_machine_code_is_kept_and_made_anew_when_it_is_not_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    compile_now, made = room._compile, []
    monkeypatch.setattr(room, "_compile", lambda *a: made.append(a) or compile_now(*a))
    for times in (1, 1):
        assert program(arithmetic, 3)(1, 2, 3) == arithmetic(1, 2, 3)
        assert len(made) == times
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(kept.read_bytes()[:-1])
    assert program(arithmetic, 3)(1, 2, 3) == arithmetic(1, 2, 3)
    assert len(made) == 2
    monkeypatch.setattr(room, "stamp", lambda _: "other sources")
    assert program(arithmetic, 3)(1, 2, 3) == arithmetic(1, 2, 3)
    assert len(made) == 3
    assert len(list(tmp_path.iterdir())) == 1
