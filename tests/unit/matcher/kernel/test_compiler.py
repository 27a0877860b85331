"""What is compiled whole answers as the same source does in plain Python."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import FunctionType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.kernel import layout
from matcher.kernel import program as programs
from matcher.kernel.compiler import Unsupported, module_of
from matcher.kernel.fields import set_word_bits, word_bits
from matcher.kernel.layout import CommandKind, EventKind
from matcher.kernel.memory import COMPILED, bit, called, highest_bit, inlined, lowest_bit, shifted
from matcher.kernel.program import program

OFFSET = 7
SEVEN = int(EventKind.DUPLICATE)


@inlined
def doubled(x: int) -> int:
    return 2 * x


@called
def split(x: int, by: int) -> tuple[int, int]:
    return x // by, x % by


@called
def total(pair: tuple[int, int]) -> int:
    return pair[0] + 3 * pair[1]


@inlined
def is_between(x: int, least: int, most: int) -> bool:
    """A chain, and a bool that is kept, passed on, and counted."""
    found = least <= x < most
    nothing(found)
    return found


@called
def nothing(x: int) -> None:
    if x < 0:
        return


def arithmetic(x: int, y: int) -> int:
    z = x + y - OFFSET
    z ^= (x * 3) & ~y | 1
    return -z + (x >> 3) + (y << 2) + layout.NOTHING + CommandKind.AMEND


def division(x: int, y: int) -> int:
    by = y if y != 0 else 5
    quotient, rest = split(x, by)
    return 1000 * quotient + rest + x // 8 + x % 16 - x // -3


def choices(x: int, y: int) -> int:
    if x > y and (x > 10 or y < -10):
        return 1
    if not (x == y or x < 0):
        result = 2
    elif x == 7:
        result = 8
    else:
        result = 3 if y > 5 else -3
    return result + is_between(x, -5, 50) + (x != y)


def loops(x: int, y: int) -> int:
    total, count = 0, 0
    for i in range(min(abs(x), 20)):
        if i == 3:
            continue
        if i == 15:
            break
        for j in range(i, 0, -2):
            total += j * y
            i = 2  # noqa: PLW2901 - does not move the loop
    while True:
        count += 1
        if count > 5 or total > 1000:
            break
        total += doubled(count)
    for i in range(2, 5):
        total += i
    while count < 9:
        count += 2
    nothing(total)
    return total * 16 + count


def tuples(x: int, y: int) -> int:
    pair = split(x, 7)
    x, y = y, x
    return total(pair) + total(split(y, 3)) - x


def extremes(x: int, y: int) -> int:
    return max(x, y, 3) - min(x, doubled(y)) + abs(x - y) + int(x > y) + bool(y)


def bits(x: int, y: int) -> int:
    word = x | 1
    return lowest_bit(word) + highest_bit(word) + shifted(x, y & 63) + bit(y & 31)


FUNCTIONS = (arithmetic, division, choices, loops, tuples, extremes, bits)
small = st.integers(-60, 60)
numbers = st.one_of(small, st.integers(-(1 << 40), 1 << 40))


@settings(max_examples=200, deadline=None)  # the first of each compiles
@given(st.sampled_from(FUNCTIONS), numbers, numbers)
def test_a_compiled_program_answers_as_plain_python(
    function: Callable[[int, int], int], x: int, y: int
) -> None:
    for name in ("doubled", "split", "total", "is_between", "nothing"):
        written = globals()[name]
        PLAIN[name] = getattr(written, "py_func", written)
    compiled = COMPILED_FUNCTIONS.setdefault(function.__name__, program(function))
    assert (compiled(x, y) - plain(function)(x, y)) % (1 << 64) == 0


COMPILED_FUNCTIONS: dict[str, Callable[..., int]] = {}
PLAIN: dict[str, Callable[..., int]] = {}
OPERATIONS = {
    "lowest_bit": lambda x: (x & -x).bit_length() - 1,
    "highest_bit": lambda x: (x % (1 << 64)).bit_length() - 1,
    "shifted": lambda x, n: ((x % (1 << 64)) >> n) + ((-1 << 64) if n == 0 and x < 0 else 0),
    "bit": lambda n: 1 << n,
}


def plain(function: Callable[..., int]) -> Callable[..., int]:
    """The function, and all that it calls, as Python runs them."""
    scope = {**globals(), **PLAIN, **OPERATIONS}
    for name, written in PLAIN.items():
        scope[name] = FunctionType(written.__code__, scope)
    return FunctionType(function.__code__, scope)


def products_wrap(x: int, y: int) -> int:
    return x * y


@pytest.mark.skipif(not COMPILED, reason="plain Python does not wrap")
def test_products_wrap_to_int64() -> None:
    assert program(products_wrap)(1 << 40, 1 << 23) == -(1 << 63)


def fill_words(words: int, count: int) -> int:
    for place in range(count):
        set_word_bits(words + 8 * place, place * place)
    return word_bits(words + 8 * (count - 1))


@pytest.mark.skipif(not COMPILED, reason="debug mode knows no such memory")
def test_a_program_reads_and_writes_memory() -> None:
    words = np.zeros(9, np.int64)
    assert program(fill_words)(words.ctypes.data, 9) == 64
    assert words.tolist() == [place * place for place in range(9)]


# --- what it refuses -----------------------------------------------------------------------------


def with_float(x: int) -> int:
    return int(x * 0.5)


def with_keyword(x: int) -> int:
    return doubled(x=x)


def with_list(x: int) -> int:
    return [x][0]


def with_unknown(x: int) -> int:
    return x + missing  # type: ignore[name-defined,no-any-return] # noqa: F821


def with_else(x: int) -> int:
    while x > 0:
        x -= 1
    else:  # noqa: PLW0120 - what is refused
        x = 5
    return x


def with_text(x: str) -> int:
    return len(x)


@pytest.mark.parametrize(
    "function", [with_float, with_keyword, with_list, with_unknown, with_else, with_text]
)
def test_what_the_compiler_does_not_know_is_refused(function: Callable[..., int]) -> None:
    with pytest.raises(Unsupported) as caught:
        module_of(function)
    message = str(caught.value)
    assert "test_compiler.py:" in message or "annotated str" in message


# --- what is kept --------------------------------------------------------------------------------


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
def test_code_is_kept_and_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "kernel"
    folder.mkdir()
    for name in ("errors.py", "events.py", "types.py"):
        (tmp_path / name).write_text("")
    (folder / "other.py").write_text("x = 1\n")
    monkeypatch.setattr(programs, "_HERE", folder)
    assert program(products_wrap)(6, 7) == 42
    (kept,) = (folder / "__pycache__").iterdir()

    def fail(_root: object) -> bytes:
        raise AssertionError("compiled again")

    with monkeypatch.context() as patch:
        patch.setattr(programs, "_compile", fail)
        assert program(products_wrap)(6, 7) == 42
    (folder / "other.py").write_text("x = 2\n")
    assert program(products_wrap)(6, 7) == 42
    (changed,) = (folder / "__pycache__").iterdir()
    assert changed != kept


def test_without_compiler_a_program_is_its_own_source() -> None:
    code = (
        "from matcher.kernel.bitmap import lowest\n"
        "from matcher.kernel.program import program\n"
        "assert program(lowest) is lowest\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[4],
        env={"NUMBA_DISABLE_JIT": "1", "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
