"""Which mode costs less."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.batch import BLOB, CALLDATA, Batch, Header, commitments
from matcher.chain.modes import Choice, Prices, Quote, calldata_gas, limits_of, quote
from matcher.commands import BatchLimited
from matcher.reference.tree import ZERO
from tests.gas.stories import fills

GAS = Path(__file__).parents[2] / "gas"
GWEI = 10**9


def batch_of(chunks: int, mode: int = CALLDATA) -> Batch:
    words = b"".join(word.to_bytes(32, "big") for word in fills(chunks))
    chunks_root, blobs_hash = commitments(words, mode)
    header = Header(
        operator=1, mode=mode, id=1, built_at=9, chunk_count=chunks, parent=ZERO,
        chunks_root=chunks_root, state_root=ZERO, blobs_hash=blobs_hash, extra=ZERO,
    )  # fmt: skip
    return Batch(header.encode(), words, b"")


def committed_gas(fills_: int) -> int:
    """Of `commit`, as the gas snapshot has it."""
    row = next(
        line
        for line in (GAS / "gaslab.snap").read_text().splitlines()
        if line.startswith(f"product/commit/n={fills_}/prague ")
    )
    return int(row.split("gas=")[1].split()[0])


@pytest.mark.parametrize(("chunks", "fills_"), [(1, 30), (2, 60), (10, 300), (100, 3000)])
def test_quote_of_calldata_is_near_what_was_measured(chunks: int, fills_: int) -> None:
    measured = committed_gas(fills_)
    assert abs(calldata_gas(batch_of(chunks).words) - measured) < measured // 50


@pytest.mark.parametrize("chunks", [1, 128, 129, 768])
def test_quote_of_blobs_is_near_what_was_measured(chunks: int) -> None:
    row = json.loads((GAS / "blobs.json").read_text())[str(30 * chunks)]["prague"]
    batch = batch_of(chunks)
    execution = quote(batch, Prices(GWEI, 0)).blob
    assert execution is not None
    assert abs(execution // GWEI - row["gas"]) < row["gas"] // 50
    assert quote(batch, Prices(0, 1)).blob == row["blob_gas"]


def test_quote_of_what_is_impossible_is_none() -> None:
    assert quote(batch_of(1), Prices(GWEI, None)).blob is None
    large = batch_of(128, BLOB)
    assert quote(large, Prices(GWEI, 1)).calldata is None
    assert quote(large, Prices(GWEI, None)) == Quote(None, None)
    assert quote(batch_of(127), Prices(GWEI, 1)).calldata is not None
    assert quote(batch_of(768, BLOB), Prices(GWEI, 1)).blob is not None
    assert quote(batch_of(769, BLOB), Prices(GWEI, 1)).blob is None


def test_limits_are_by_default_100_chunks_of_calldata_and_six_blobs() -> None:
    assert limits_of(None) == BatchLimited(100, 768)
    assert limits_of(30) == BatchLimited(30, 30)
    assert limits_of(128) == BatchLimited(127, 128)


def test_quote_says_both_figures() -> None:
    assert str(Quote(2 * GWEI, 3_000 * GWEI)) == "calldata 2 gwei, blob 3,000 gwei"
    assert str(Quote(None, GWEI)) == "calldata impossible, blob 1 gwei"


costs = st.integers(1, 10**18)


@given(calldata=costs, blob=costs, now=st.sampled_from([CALLDATA, BLOB]))
def test_mode_is_left_only_for_one_that_saves_a_tenth(calldata: int, blob: int, now: int) -> None:
    wanted = Quote(calldata, blob).wanted(Choice.AUTO, now)
    here, there = (calldata, blob) if now == CALLDATA else (blob, calldata)
    assert (wanted != now) == (10 * there < 9 * here)


@given(calldata=costs, blob=costs, now=st.sampled_from([CALLDATA, BLOB]))
def test_mode_that_was_asked_for_is_taken_where_it_is_possible(
    calldata: int, blob: int, now: int
) -> None:
    found = Quote(calldata, blob)
    assert found.wanted(Choice.CALLDATA, now) == CALLDATA
    assert found.wanted(Choice.BLOB, now) == BLOB
    for choice in Choice:
        assert Quote(None, blob).wanted(choice, now) == BLOB
        assert Quote(calldata, None).wanted(choice, now) == CALLDATA


@given(gas=st.integers(1, 10**12), blob_gas=st.integers(1, 10**12))
def test_mode_of_a_full_batch_is_the_cheaper_one(gas: int, blob_gas: int) -> None:
    found = quote(FULL, Prices(gas, blob_gas))
    assert found.calldata is not None
    assert found.blob is not None
    chosen = found.wanted(Choice.AUTO, CALLDATA)
    best = min(found.calldata, found.blob)
    assert 9 * (found.calldata if chosen == CALLDATA else found.blob) <= 10 * best


FULL = batch_of(100)
