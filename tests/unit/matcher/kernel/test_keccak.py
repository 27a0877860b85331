import os
import subprocess
import sys
from pathlib import Path
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sha3 import keccak_256

from matcher.kernel import keccak
from matcher.kernel.pool import Pool
from matcher.kernel.settlement_layout import BYTE, CELL, CHILDREN, QUAD
from matcher.settlement.forest import cells
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
def test_hash_listed_equals_pysha3_wherever_the_nodes_stand(
    data: st.DataObject, leaves: list[bytes], count: int
) -> None:
    leaves = [bytes(32), *leaves]
    first = len(leaves)
    below = st.integers(0, first - 1)
    pairs = data.draw(st.lists(st.tuples(below, below), min_size=count, max_size=count))
    places = data.draw(st.permutations(range(first, first + 2 * count)))[:count]
    nodes, children = Pool(QUAD, first + 2 * count + 1), Pool(CHILDREN, first + 2 * count + 1)
    words = nodes.array.view(np.int64)
    words[4 * first :] = 7
    words[: 4 * first] = np.frombuffer(b"".join(leaves), np.int64)
    expected = [nodes.array[i].tobytes() for i in range(len(nodes))]
    for place, (left, right) in zip(places, pairs, strict=True):
        children.array[place] = (left, right)
        pair = leaves[left] + leaves[right]
        expected[place] = keccak_256(pair).digest() if any(pair) else bytes(32)
    numbers = cells(count + 7, places)
    keccak.hash_listed(nodes.address, children.address, numbers.address, count)
    assert [nodes.array[i].tobytes() for i in range(len(nodes))] == expected


@given(st.lists(st.integers(0, 3 * RATE // 8 + 1), max_size=20), st.randoms())
def test_hash_records_of_any_sizes_equals_pysha3(sizes: list[int], random: Random) -> None:
    records, nodes = Pool(CELL, sum(sizes) + len(sizes) + 1), Pool(QUAD, len(sizes) + 2)
    nodes.array.view(np.int64)[:] = 7
    words, starts, messages = records.array["value"], [], []
    at = 0
    for size in sizes:
        message = random.randbytes(8 * size)
        words[at], words[at + 1 : at + 1 + size] = size, np.frombuffer(message, np.int64)
        starts.append(at)
        messages.append(message)
        at += 1 + size
    order = random.sample(range(1, len(sizes) + 1), len(sizes))
    keccak.hash_records(
        nodes.address,
        records.address,
        (starting := cells(len(starts), starts)).address,
        (numbers := cells(len(order), order)).address,
        len(sizes),
        (space := cells(keccak.SPACE_CELLS)).address,
    )
    assert min(map(len, (starting, numbers, space)))
    for place, message in zip(order, messages, strict=True):
        assert nodes.array[place].tobytes() == keccak_256(b"\0" + message).digest()
    assert (nodes.array.view(np.int64)[[0, 1, 2, 3, -4, -3, -2, -1]] == 7).all()


@pytest.mark.parametrize("size", [0, 1, 134, 135, 136, 137, 271, 272, 273, 5000])
def test_hash_long_equals_pysha3(size: int) -> None:
    message = bytes((i * size + 1) % 251 for i in range(size))
    file, found = Pool(BYTE, size + 9 * RATE), Pool(CELL, 4 + keccak.SPACE_CELLS, ((QUAD, 0, 1),))
    file.array["value"][:] = 7
    file.array["value"][:size] = list(message)
    keccak.hash_long(file.address, size, found.address, found.address + 32)
    assert found.array[:4].tobytes() == keccak_256(message).digest()


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
