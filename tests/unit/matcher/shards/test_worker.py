"""A shard in a process of its own: what is answered at once, and what waits."""

from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest

from matcher import commands as c
from matcher.events import OrderAccepted, Rejected
from matcher.shards import post
from matcher.shards.tape import Lend
from matcher.shards.worker import Worker
from matcher.shared.rings import Producer, Ring
from matcher.types import Order, SignedOrder
from tests.support.street import START, WINDOWS, Street, address

ACCOUNT = 2


class Line:
    """The routes' ends of a worker's rings."""

    def __init__(self, producer: Producer, receiver: post.Receiver):
        self._producer = producer
        self._receiver = receiver
        self._numbers = 0

    def told(self, entry: c.Command | Lend, hold: bool = False) -> post.Told:
        self._numbers += 1
        return post.Told(self._numbers, entry, hold)  # type: ignore[arg-type]

    def send(self, *messages: post.ToShard) -> None:
        """All at once: the worker sees all of them or none."""
        cells = np.concatenate([post.cells_of(message) for message in messages])
        assert self._producer.push(cells) == len(cells)

    def hear(self) -> Any:
        return self._receiver.wait()


@pytest.fixture
def line(tmp_path: Path) -> Iterator[Line]:
    """A worker at work, with the exchange set up."""
    place = tmp_path / "segments"
    rings = [Ring.create(n, post.CELL, capacity=1 << 10, place=place) for n in ("in", "out")]
    worker = Worker(rings[0], rings[1], WINDOWS)
    ends = [Ring.attach(n, post.CELL, place=place) for n in ("in", "out")]
    line = Line(ends[0].producer(), post.Receiver(ends[1].consumer(), post.FromShard))
    thread = Thread(target=worker.run)
    thread.start()
    for command in Street(accounts=1).setup():
        line.send(line.told(command))
        assert not line.hear().fault
    yield line
    line.send(post.Stop())
    thread.join()
    for ring in rings:
        ring.close()


def a_bid(number: int, atoms: int) -> c.PlaceOrder:
    """An order that may lose nearly so many atoms."""
    order = Order(ACCOUNT, "BTC-23MAR26-100-C", True, 100, atoms // 112, number, START + 10**6, 0)
    digest = number.to_bytes(32, "big")
    return c.PlaceOrder(SignedOrder(order, bytes(65), digest, address(f"owner {ACCOUNT}")))


def free(line: Line) -> int:
    line.send(post.Ask("free", ACCOUNT))
    said: int = line.hear().number
    return said


def test_offer_lends_at_once_before_entries_that_wait(line: Line) -> None:
    """Else what it offers is spent by the time it is taken."""
    money = free(line)
    entry = line.told(a_bid(1, money // 2), hold=True)
    line.send(entry, post.Offer(ACCOUNT, places=False))
    assert line.hear() == post.Said(money)
    answer = line.hear()
    assert answer.held
    assert isinstance(answer.events[0], Rejected)
    assert free(line) == 0
    line.send(post.Moved(Lend(ACCOUNT, money, 0)), post.Enough())


def test_entry_that_is_held_lets_nothing_pass_until_it_is_enough(line: Line) -> None:
    money = free(line)
    first, second = line.told(a_bid(1, 2 * money), hold=True), line.told(a_bid(2, money // 9), True)
    line.send(first, second)
    answer = line.hear()
    assert (answer.number, answer.held) == (first.number, True)
    assert free(line) == money, "it says what it is asked, and has taken no other entry"
    line.send(post.Moved(Lend(ACCOUNT, 3 * money, 0)), post.Again())
    answer = line.hear()
    assert isinstance(answer.events[0], OrderAccepted)
    assert (answer.number, answer.held) == (first.number, True)
    left = free(line)
    assert 0 < left < 3 * money
    line.send(post.Enough())
    answer = line.hear()
    assert (answer.number, answer.held) == (second.number, False)
    assert isinstance(answer.events[0], OrderAccepted)


def test_offer_of_places_lends_half_of_those_to_spare(line: Line) -> None:
    line.send(post.Offer(ACCOUNT, places=True), post.Ask("spare", ACCOUNT))
    assert [line.hear().number, line.hear().number] == [16, 16]
    line.send(post.Offer(ACCOUNT, places=True), post.Ask("spare", ACCOUNT))
    assert [line.hear().number, line.hear().number] == [8, 8]


def test_fact_that_the_chain_cannot_tell_is_a_fault_and_the_worker_goes_on(line: Line) -> None:
    line.send(line.told(c.Deposited(999, 5, START)))
    assert line.hear().fault
    assert free(line) > 0
