"""Order files are the operator's to write. Some of them ended whoever read them with an exception,
or kept him busy for days: a liar could have silenced every watcher with one file.
"""

import time

import pytest

from matcher.errors import ProtocolError
from matcher.reference.orderfile import Signed, decode, encode
from matcher.types import Order, Withdrawal
from tests.support.challenge import Arena, arena_of, head, work
from tests.support.exchange import Exchange

WITHDRAWAL = Signed(Withdrawal(2, 5, 6, 7), b"\x01" * 65)
TEXT = encode(1, [WITHDRAWAL]).decode()


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 100_000,
        TEXT.replace('"5"', "Infinity").encode(),
        TEXT.replace('"5"', '"' + "9" * 5000 + '"').encode(),
        encode(1, [Signed(Withdrawal(2, 1 << 64, 6, 7), b"")]),
        encode(1, [Signed(Withdrawal(2, -1, 6, 7), b"")]),
        encode(1, [Signed(Order(1 << 24, "A", True, 1, 1, 1, 1, 0), b"")]),
        encode(1, [Signed(Order(2, "A", True, 1, 1, 1, 1, 256), b"")]),
        encode(1, [Signed(Order(2, "A", True, 1, 1, 1, 1, 0), b"")]).replace(b"A", rb"\ud800"),
    ],
)
def test_file_of_hostile_bytes_is_refused_like_any_other(data: bytes) -> None:
    with pytest.raises(ProtocolError, match="order file"):
        decode(data)


def test_file_with_more_messages_than_a_batch_can_use_is_read_no_further(
    exchange: Exchange,
) -> None:
    arena: Arena = arena_of(exchange)
    fill, used = arena.trade()
    junk = [Signed(Order(arena.taker, "B", True, i, 1, 1, 1, 0), b"\x01" * 65) for i in range(5000)]
    arena.commit([fill], used=[*junk, *used])
    challenger = arena.challenger()
    began = time.process_time()
    work(challenger)
    assert time.process_time() - began < 20
    batch = challenger.watch.judge.batch(2)
    assert batch is not None
    assert "5002 messages, of at most 60 sides" in str(batch.verdict.findings[0])
    assert challenger.tally.asked == 2
    assert head(exchange) == 2
