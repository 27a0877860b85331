"""Nodes that nobody saw are written again; roots that somebody saw stay as they were."""

import mmap
import os
import random
import resource
import subprocess
import sys
from typing import Final

import numpy as np
import pytest

from benchmarks.fills import START, credits_of, facts_of, fills_of, in_memory
from matcher.batch import CHUNK_BYTES
from matcher.merkle import Path
from matcher.settlement.ledger import Ledger
from matcher.types import CHUNK_OPS, FIRST_USER_ACCOUNT

ACCOUNTS: Final = 40
FILLS: Final = 1500
MOST: Final = 1000  # chunks of a batch: it never ends here

Proofs = list[tuple[tuple[bytes, Path], tuple[bytes, Path]]]


def ops_of(seed: int, count: int = FILLS) -> list[bytes]:
    """Deposits, and fills between few accounts, so that most are met again."""
    return [*credits_of(ACCOUNTS), *fills_of(np.random.default_rng(seed), ACCOUNTS, count)]


def proofs_under(ledger: Ledger, root: bytes) -> Proofs:
    """Of all accounts, and of a slot of each."""
    return [
        (ledger.account_proof(root, account), ledger.slot_proof(root, account, account % 8))
        for account in range(FIRST_USER_ACCOUNT, FIRST_USER_ACCOUNT + ACCOUNTS)
    ]


def roots_in(chunks: bytes) -> list[bytes]:
    """What the ROOT words of finished chunks say."""
    found = []
    for end in range(CHUNK_BYTES, len(chunks) + 1, CHUNK_BYTES):
        high, low = chunks[end - 64 : end - 32], chunks[end - 32 : end]
        found.append(high[2:18] + low[2:18])
    return found


def looked_at(seed: int, fills: int = FILLS) -> int:
    """Some roots are looked at, and some of these are swept away; what they prove is compared.

    How often was swept.

    The twin sees every root, so it never writes a node twice.
    """
    rng = random.Random(seed)
    ops = ops_of(seed, fills)
    facts = facts_of(ACCOUNTS)
    ledger, twin = Ledger(facts, room=MOST), Ledger(facts)
    pool = in_memory(ops)
    twins = []
    for first in range(0, len(ops), CHUNK_OPS):
        for word in ops[first : first + CHUNK_OPS]:
            twin.apply(word, START)
        twins.append(twin.end_chunk(START))
    known: dict[bytes, Proofs] = {}
    done = swept = 0
    while done < len(ops):
        action, count = rng.randrange(4), rng.randint(1, 4 * CHUNK_OPS)
        if action == 1:  # which wants to be between chunks
            count += -(int(ledger._memory.state["ops"]) + count) % CHUNK_OPS
        count = min(count, len(ops) - done)
        assert ledger.settle(pool, done, count, START) == count
        done += count
        match action:
            case 0:
                known[ledger.root] = proofs_under(ledger, ledger.root)
            case 1 if not ledger._memory.state["ops"]:
                swept += 1
                kept = rng.sample(sorted(known), rng.randint(0, len(known)))
                ledger.sweep(kept, always=True)
                known = {root: known[root] for root in kept}
            case _:
                pass
    ledger.finish(START)
    assert roots_in(ledger.take_words()) == twins
    assert all(proofs_under(ledger, root) == proofs for root, proofs in known.items())
    assert all(proofs_under(twin, root) == proofs for root, proofs in known.items())
    assert len(ledger) < len(twin)
    for one in (ledger, twin):
        one.sweep(known, always=True)
    assert len(ledger) == len(twin)
    assert all(proofs_under(ledger, root) == proofs for root, proofs in known.items())
    return swept


@pytest.mark.parametrize("seed", range(8))
def test_roots_that_were_looked_at_prove_what_they_did_whatever_came_after(seed: int) -> None:
    assert looked_at(seed) > 1


def test_roots_that_were_looked_at_prove_the_same_without_compiled_code() -> None:
    """In debug mode, where every address is checked."""
    told = subprocess.run(
        [sys.executable, "-m", "tests.unit.matcher.settlement.test_ledger_young"],
        env=os.environ | {"NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 0, told.stderr
    assert int(told.stdout) > 0


def test_chunks_of_the_same_orders_take_no_more_nodes_until_somebody_looks() -> None:
    facts = facts_of(ACCOUNTS)
    ledger = Ledger(facts, room=MOST)
    deposits = list(credits_of(ACCOUNTS))
    fills = ops_of(1, 60)[ACCOUNTS:]
    ledger.settle(in_memory(deposits), 0, len(deposits), START)
    pool = in_memory(fills)
    counts = []
    for _ in range(6):
        ledger.settle(pool, 0, len(fills), START)
        ledger.finish(START)
        counts.append(len(ledger))
    assert counts[2:] == counts[1:-1], counts
    assert ledger.root
    ledger.settle(pool, 0, len(fills), START)
    ledger.finish(START)
    assert len(ledger) > counts[-1] + ACCOUNTS
    before = ledger.root
    ledger.sweep([], always=True)
    assert ledger.root == before


def test_sweep_has_nothing_to_do_while_every_known_root_is_wanted() -> None:
    ops = ops_of(2, 9000)
    ledger = Ledger(facts_of(ACCOUNTS), room=MOST)
    pool = in_memory(ops)
    wanted = []
    for first in range(0, len(ops) - 3000, 60):
        ledger.settle(pool, first, 60, START)
        wanted.append(ledger.root)
    before = len(ledger)
    ledger.sweep(wanted)
    assert len(ledger) == before
    ledger.sweep(wanted[-1:])
    assert len(ledger) < before / 2


@pytest.mark.skipif(not hasattr(mmap, "MADV_HUGEPAGE"), reason="asks Linux")
def test_settle_waits_for_no_memory_that_was_made_ready() -> None:
    """Chunks that nobody has made memory ready for wait for some faults each."""
    facts, ops = facts_of(ACCOUNTS), ops_of(3, 3000)
    pool, faults = in_memory(ops), []
    for ready in (0, len(ops)):
        ledger = Ledger(facts, room=MOST)
        ledger.settle(pool, 0, CHUNK_OPS, START)
        ledger.make_ready(ready)
        before = resource.getrusage(resource.RUSAGE_THREAD).ru_minflt
        for first in range(CHUNK_OPS, len(ops) - 100, 100):
            assert ledger.settle(pool, first, 100, START) == 100
            assert ledger.root
        faults.append(resource.getrusage(resource.RUSAGE_THREAD).ru_minflt - before)
    assert faults[1] < faults[0] / 2, faults


if __name__ == "__main__":
    print(looked_at(1, fills=150))  # noqa: T201 - what the test reads
