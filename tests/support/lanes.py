"""What the kernels of hashing answer to fixed questions, for processes that compile them otherwise.

``python -m tests.support.lanes`` prints it.
"""

import numpy as np
from sha3 import keccak_256

from matcher.kernel import keccak

SEED = 20


def answers() -> str:
    """One digest over the outputs of every batch function."""
    random = np.random.default_rng(SEED)
    nodes = random.integers(-(1 << 63), (1 << 63) - 1, 4 * 200, np.int64)
    nodes[:12] = 0  # an empty pair, and one that is half empty
    children = random.integers(0, 70, 2 * 200, np.int32)
    children[200:206] = 0
    keccak.hash_level(nodes, 0, 70, 35)
    keccak.hash_children(nodes, children, 100, 29)
    data = random.integers(0, 256, 4000, np.uint8)
    lengths = np.arange(0, 420, 7, dtype=np.int64)
    keccak.hash_messages(data, 3 * lengths, lengths, nodes, 130)
    return str(keccak_256(nodes.tobytes()).hexdigest())


if __name__ == "__main__":
    print(answers())  # noqa: T201 - what the test reads
