from matcher.reference.batching import SignedOp, chunks_of
from matcher.reference.records import BatchCommitted
from matcher.reference.words import Credit, Fill, Release, Settle, Transfer, Withdraw
from tests.support.streams import random_stream
from tests.support.tape import Tape

FILL = Fill(0, 2, 3, 1, 100, 5, 7, 8)
LATER = Fill(0, 2, 3, 1, 100, 5, 7 + 4096, 9)


def sizes(*ops):
    """How many ops stand in each chunk."""
    return [len(chunk.ops) for chunk in chunks_of(SignedOp(op) for op in ops)]


def test_chunk_ends_after_thirty_ops():
    assert sizes(*[Credit(2, 1)] * 61) == [30, 30, 1]
    assert sizes() == []


def test_second_generation_of_a_slot_begins_a_chunk():
    assert sizes(FILL, FILL, LATER, LATER) == [2, 2]
    assert sizes(FILL, Withdraw(2, 1, 7 + 4096)) == [1, 1]
    assert sizes(FILL, Transfer(3, 2, 1, 8 + 4096)) == [1, 1]
    # another account's slot of the same number, and another slot of the same account
    assert sizes(FILL, Withdraw(3, 1, 7 + 4096), Withdraw(2, 1, 8 + 4096)) == [3]


def test_op_that_names_an_account_after_its_release_begins_a_chunk():
    release = Release(2, 10, 1)
    assert sizes(Credit(2, 1), release, Credit(3, 1)) == [3]
    for naming in (Credit(2, 1), Transfer(3, 2, 1, 1), Settle(2, 1, 9), FILL, Release(2, 1, 2)):
        assert sizes(release, naming) == [1, 1]


def test_release_of_the_fee_account_stands_with_no_fill():
    fees = Release(0, 10, 1)
    assert sizes(FILL, fees) == [1, 1]
    assert sizes(fees, FILL) == [1, 1]
    assert sizes(Credit(0, 1), fees, Credit(2, 1)) == [3]


def test_batch_at_its_limit_of_chunks_is_followed_by_one_of_the_same_time():
    tape = Tape(chunk_limit=1).run(random_stream(1, 800))
    headers = [tape.records[place].header for place in tape.places(BatchCommitted)]
    times = [header.built_at for header in headers]
    assert len(set(times)) < len(times)
    assert times == sorted(times)
    assert all(header.chunk_count == 1 for header in headers)
    assert [header.id for header in headers] == list(range(1, len(headers) + 1))
