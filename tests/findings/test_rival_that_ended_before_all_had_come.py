"""ZeroMQ's sender in `benchmarks.ring` let go of its socket when it had sent everything; on a busy
machine some of that had not come yet, and never did: the receiver waited for ever.
"""

from benchmarks.ring import by_zmq, together
from tests.support.peers import peers

ROUNDS = 25
RECORDS = 12_800  # check() in `by_zmq` sees that all of them came


def send_again_and_again() -> None:
    for _ in range(ROUNDS):
        together(by_zmq, RECORDS, RECORDS)


def test_receiver_hears_everything_before_the_sender_is_gone() -> None:
    with peers() as begin:
        assert begin(send_again_and_again).wait() == 0
