"""The checksum of long messages is zlib's, whatever part of it the processor folds."""

import os
import subprocess
import sys
import zlib
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from llvmlite import binding

from matcher.kernel import checksum
from matcher.kernel.checksum import STEP, WORTH, crc32, rest_of_power
from matcher.kernel.memory import COMPILED

registers = st.sampled_from([0, 1, 1 << 31, (1 << 32) - 1]) | st.integers(0, (1 << 32) - 1)


def any_bytes(count: int, seed: int) -> bytes:
    return Random(seed).randbytes(count)


def test_rest_of_power_is_that_of_the_paper_on_folding() -> None:
    """Its constants for four blocks, and for one, in the order of bits that messages have."""
    powers = (512 + 32, 512 - 32, 128 + 32, 128 - 32)
    expected = (0x154442BD4, 0x1C6E41596, 0x1751997D0, 0x0CCAA009E)
    assert tuple(map(rest_of_power, powers)) == expected


@given(st.integers(0, 3 * WORTH), registers, st.integers(0, 7), st.integers(0, 1 << 32))
def test_crc32_of_any_length_register_and_alignment_equals_zlib(
    length: int, before: int, skipped: int, seed: int
) -> None:
    message = memoryview(any_bytes(length + skipped, seed))[skipped:]
    assert crc32(message, before) == zlib.crc32(message, before)


@pytest.mark.parametrize("length", [WORTH - 1, WORTH, WORTH + 1, WORTH + STEP - 1, WORTH + STEP])
def test_crc32_at_the_edges_of_folding_equals_zlib(length: int) -> None:
    message = any_bytes(length, length)
    assert crc32(message, 7) == zlib.crc32(message, 7)


def test_crc32_of_parts_one_behind_the_other_equals_that_of_the_whole() -> None:
    message, found = any_bytes(9 * WORTH, 3), 0
    for start, end in ((0, WORTH + 5), (WORTH + 5, WORTH + 9), (WORTH + 9, 9 * WORTH)):
        found = crc32(message[start:end], found)
    assert found == zlib.crc32(message)


def test_crc32_of_words_counts_bytes() -> None:
    words = np.arange(WORTH // 8, dtype=np.int64)
    assert crc32(words.data) == zlib.crc32(words.tobytes())


def test_crc32_of_a_long_message_sees_every_bit_of_a_step() -> None:
    message = bytearray(any_bytes(WORTH + STEP, 5))
    whole = crc32(message)
    for at in range(STEP):
        for place in (at, WORTH // STEP * STEP - STEP + at):
            message[place] ^= 1 << at % 8
            assert crc32(message) == zlib.crc32(message) != whole
            message[place] ^= 1 << at % 8


ANSWER = """
import zlib
from matcher.kernel import checksum
message = bytes(range(256)) * 100
print(checksum._folding is not None, checksum.LANES, checksum.crc32(message) == zlib.crc32(message))
"""


@pytest.mark.parametrize(
    ("features", "expected"),
    [("", "False 1 True"), ("+avx2", "False 1 True"), ("+pclmul,+sse4.1", "True 1 True")],
)
def test_crc32_compiled_for_other_processors_equals_zlib(
    features: str, expected: str, tmp_path: Path
) -> None:
    """None is asked for what it cannot do: the compiler would end the process."""
    if "pclmul" in features and not binding.get_host_cpu_features().get("pclmul"):
        pytest.skip("this processor does not multiply so")
    told = subprocess.run(
        [sys.executable, "-c", ANSWER],
        env=os.environ
        | {"NUMBA_CACHE_DIR": str(tmp_path)}
        | {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": features},
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == (expected if COMPILED else "False 1 True")


def test_crc32_folds_where_the_processor_multiplies_polynomials(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Else all of the above would be zlib beside itself."""
    if not COMPILED or not checksum._FEATURES.get("pclmul"):
        assert checksum._folding is None
        return
    seen: list[int] = []
    zlibs = zlib.crc32

    def counted(message: memoryview, before: int) -> int:
        seen.append(memoryview(message).nbytes)
        return zlibs(message, before)

    monkeypatch.setattr(checksum.zlib, "crc32", counted)
    message = any_bytes(WORTH + 1, 1)
    found = crc32(message)
    monkeypatch.undo()
    assert found == zlib.crc32(message)
    assert seen == [STEP, 1]
