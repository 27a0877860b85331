import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sha3 import keccak_256

from matcher.kernel import keccak, keccak_plain
from tests.support import lanes

RATE = keccak.RATE
nodes_of_32_bytes = st.binary(min_size=32, max_size=32) | st.just(bytes(32))


def digests(messages: list[bytes]) -> list[bytes]:
    lengths = np.array([len(message) for message in messages], np.int64)
    starts = np.concatenate(([0], np.cumsum(lengths)[:-1])).astype(np.int64)
    data = np.frombuffer(b"".join(messages) + b"\0", np.uint8).copy()
    nodes = np.full(4 * (len(messages) + 2), 7, np.int64)
    keccak.hash_messages(data, starts[: len(messages)], lengths, nodes, 1)
    assert (nodes[:4] == 7).all()
    assert (nodes[-4:] == 7).all()
    return [nodes[4 * i : 4 * i + 4].tobytes() for i in range(1, len(messages) + 1)]


def test_hash_messages_of_every_length_around_the_rate_equals_pysha3() -> None:
    messages = [bytes((i * n + 1) % 251 for i in range(n)) for n in range(3 * RATE + 2)]
    assert digests(messages) == [keccak_256(message).digest() for message in messages]


@given(st.lists(st.binary(max_size=2 * RATE + 1), max_size=20))
def test_hash_messages_of_any_mix_equals_pysha3(messages: list[bytes]) -> None:
    assert digests(messages) == [keccak_256(message).digest() for message in messages]


@given(st.lists(nodes_of_32_bytes, max_size=50))
def test_hash_level_equals_pysha3_and_a_pair_of_zeros_is_zero(leaves: list[bytes]) -> None:
    count = len(leaves) // 2
    nodes = np.zeros(4 * (len(leaves) + count + 1), np.int64)
    nodes[: 4 * len(leaves)] = np.frombuffer(b"".join(leaves), np.int64)
    nodes[-4:] = 7
    keccak.hash_level(nodes, 0, len(leaves), count)
    pairs = [leaves[2 * i] + leaves[2 * i + 1] for i in range(count)]
    expected = [keccak_256(pair).digest() if any(pair) else bytes(32) for pair in pairs]
    assert nodes[4 * len(leaves) : -4].tobytes() == b"".join(expected)
    assert (nodes[-4:] == 7).all()


@given(st.data(), st.lists(nodes_of_32_bytes, min_size=1, max_size=9), st.integers(0, 30))
def test_hash_children_equals_the_plain_one(
    data: st.DataObject, leaves: list[bytes], count: int
) -> None:
    first = len(leaves)
    below = st.integers(0, first - 1)
    picks = data.draw(st.lists(below, min_size=2 * count, max_size=2 * count))
    children = np.array([0] * 2 * first + picks + [0, 0], np.int32)
    nodes = np.full(4 * (first + count + 1), 7, np.int64)
    nodes[: 4 * first] = np.frombuffer(b"".join(leaves), np.int64)
    expected = nodes.copy()
    keccak.hash_children(nodes, children, first, count)
    keccak_plain.hash_children(expected, children, first, count)
    assert (nodes == expected).all()


@pytest.mark.parametrize(
    "environment",
    [
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""},
        {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": "+avx2"},
        {"NUMBA_DISABLE_JIT": "1"},
    ],
    ids=["no-vectors", "avx2", "no-jit"],
)
def test_lanes_compiled_for_other_processors_answer_the_same(
    environment: dict[str, str], tmp_path: Path
) -> None:
    told = subprocess.run(
        [sys.executable, "-m", "tests.support.lanes"],
        env=os.environ | {"NUMBA_CACHE_DIR": str(tmp_path)} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert told.stdout.strip() == lanes.answers()
