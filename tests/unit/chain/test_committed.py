import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher.chain.committed import CommittedBatches
from matcher.chain.logs import Log
from matcher.errors import ChainError

FINAL_AFTER = 100


def committed(batch_id: int, time: int) -> Log:
    args = {"id": batch_id, "batchHash": batch_id.to_bytes(32, "big")}
    return Log("BatchCommitted", args, batch_id, bytes(32), 0, time, bytes(32))


def reverted(batch_id: int) -> Log:
    return Log("BatchReverted", {"id": batch_id}, 0, bytes(32), 0, 0, bytes(32))


def test_committed_batches_with_a_gap_say_that_logs_are_missing() -> None:
    batches = CommittedBatches(FINAL_AFTER)
    batches.take([committed(0, 1), committed(1, 10)])
    with pytest.raises(ChainError, match=r"batch 3 .* expected batch 2"):
        batches.take([committed(3, 30)])


def test_committed_batches_after_a_revert_take_the_ids_again() -> None:
    batches = CommittedBatches(FINAL_AFTER)
    batches.take([committed(1, 10), committed(2, 20), committed(3, 30), reverted(2)])
    assert batches.head == 1
    assert batches.get(2) is None
    assert [batches.was_reverted(i) for i in (1, 2, 3)] == [False, True, True]
    batches.take([committed(2, 40)])
    assert batches.head == 2
    assert not batches.was_reverted(2)
    assert batches.was_reverted(3)


@given(times=st.lists(st.integers(0, 300), max_size=8).map(sorted), now=st.integers(0, 500))
def test_committed_batches_final_are_those_whose_window_has_passed(
    times: list[int], now: int
) -> None:
    batches = CommittedBatches(FINAL_AFTER)
    batches.take(committed(i, time) for i, time in enumerate(times, 1))
    assert batches.latest_final(now) == sum(time + FINAL_AFTER <= now for time in times)
