"""Rings between processes that run, crash and come back: nothing lost, nothing twice, in order."""

import os
import random
from contextlib import suppress

import numpy as np
import pytest

from matcher.shared.rings import Ring
from matcher.shared.segments import OwnerGone, sweep
from tests.support.peers import peers

RECORD = np.dtype([("number", "<i8"), ("check", "<i8", (7,))])
SPINS = 1 << 10


def records(first: int, count: int) -> np.ndarray:
    made = np.zeros(count, RECORD)
    made["number"] = np.arange(first, first + count)
    made["check"] = made["number"][:, None] * np.arange(3, 17, 2) + 11
    return made


def check(found: np.ndarray, first: int) -> None:
    """The records are whole, and number `first` and those after it."""
    assert np.array_equal(found, records(first, len(found)))


def attach(place, name: str) -> Ring:
    return Ring.attach(name, RECORD, place=place)


def push_all(producer, made: np.ndarray) -> None:
    done = 0
    while done < len(made):
        taken = producer.push(made[done:], SPINS)
        done += taken
        if not taken:
            os.sched_yield()


def produce(place, name: str, total: int, batch: int) -> None:
    """Publish records until so many were ever published, wherever the last producer ended."""
    ring = attach(place, name)
    producer = ring.producer()
    while ring.published < total:
        push_all(producer, records(ring.published, min(batch, total - ring.published)))
    producer.finish()


def consume(place, name: str, seat: int, total: int, batch: int) -> None:
    """Check records up to the last."""
    consumer = attach(place, name).consumer(seat)
    into = np.zeros(batch, RECORD)
    while consumer.released < total:
        consumer.await_records()
        first = consumer.released
        found = consumer.pop(into)
        check(into[:found], first)
    consumer.leave()


def relay(place, source: str, target: str, batch: int) -> None:
    """Pass records on, and be done with them only then."""
    consumer, producer = attach(place, source).consumer(), attach(place, target).producer()
    while True:
        if consumer.await_records() == 0:
            break
        found = consumer.peek(batch)
        push_all(producer, found)
        consumer.release(len(found))
    producer.finish()


@pytest.fixture
def place(tmp_path):
    return tmp_path / "segments"


@pytest.fixture
def begin():
    with peers() as begin:
        yield begin


@pytest.mark.parametrize(("capacity", "batch"), [(2, 1), (4, 7), (64, 200), (4096, 1000)])
def test_every_consumer_sees_every_record_once_and_in_order(place, begin, capacity, batch):
    total = 200 * capacity + 20_001 if capacity > 4 else 2_001
    with Ring.create("flow", RECORD, capacity=capacity, reserved=2, place=place) as ring:
        other = begin(consume, place, "flow", 1, total, batch)
        producer = begin(produce, place, "flow", total, batch)
        consume(place, "flow", 0, total, batch)
        assert other.wait() == 0
        assert producer.wait() == 0
        assert ring.published == total
        assert ring.consumer().finished


def test_producer_that_is_killed_at_any_moment_leaves_whole_records_without_a_gap(place, begin):
    chance = random.Random(20)
    total, seen, kills = 1 << 60, 0, 0
    with Ring.create("flow", RECORD, capacity=256, place=place) as ring:
        consumer = ring.consumer()
        while kills < 25:
            producer = begin(produce, place, "flow", total, chance.choice([1, 3, 64, 500]))
            # Some die before they begin; not the last: what was left for it fills the ring at most.
            until = seen + chance.randrange(1 if kills < 24 else 257, 2_000)
            while seen < until:
                found = consumer.peek(chance.randrange(1, 300))
                check(found, seen)
                consumer.release(len(found))
                seen += len(found)
            producer.kill()
            kills += 1
        rest = consumer.peek(256)
        check(rest, seen)
        consumer.release(len(rest))
        with pytest.raises(OwnerGone, match=f"process {producer.pid}, has died"):
            consumer.await_records()
        assert ring.published == seen + len(rest)


def test_consumer_that_is_killed_at_any_moment_passes_on_everything_at_least_once(place, begin):
    chance = random.Random(21)
    batch, kills, sent, seen = 16, 0, 0, 0
    again = 0
    with (
        Ring.create("source", RECORD, capacity=64, place=place) as source,
        Ring.create("target", RECORD, capacity=32, place=place) as target,
    ):
        producer, consumer = source.producer(), target.consumer()
        while kills < 25:
            between = begin(relay, place, "source", "target", batch)
            until = seen + chance.randrange(1, 500)
            while seen < until:
                sent += producer.push(records(sent, 32))
                for record in consumer.peek(chance.randrange(1, 32)):
                    number = int(record["number"])
                    assert seen - batch <= number <= seen, (number, seen)
                    again += number < seen
                    seen = max(seen, number + 1)
                    consumer.release(1)
            between.kill()
            kills += 1
        begin(relay, place, "source", "target", batch)
        producer.finish()
        while seen < sent:
            with suppress(OwnerGone):  # until the last one sits down
                consumer.await_records()
            for record in consumer.peek(32):
                assert record["number"] <= seen
                seen = max(seen, int(record["number"]) + 1)
                consumer.release(1)
        assert seen == sent == source.published
        assert target.published >= sent + again


def test_guests_that_come_and_go_at_full_speed_see_no_record_overwritten(place, begin):
    """The producer looks at seats seldom; a guest it has overlooked must be safe all the same."""
    chance = random.Random(22)
    with Ring.create("flow", RECORD, capacity=4, reserved=0, guests=2, place=place) as ring:
        begin(produce, place, "flow", 1 << 60, 64)
        while ring.published == 0:
            os.sched_yield()
        for _ in range(1_000):
            guest = ring.guest()
            for _ in range(chance.randrange(4)):
                first = guest.released
                found = guest.peek(4)
                check(found, first)
                guest.release(len(found))
            guest.leave()


def test_crash_of_everybody_leaves_what_the_next_owner_sweeps_or_takes_over(place, begin):
    def live() -> None:
        ring = Ring.create("flow", RECORD, capacity=8, place=place)
        push_all(ring.producer(), records(0, 5))
        Ring.create("ready", RECORD, capacity=2, place=place)
        while True:
            os.sched_yield()

    owner = begin(live)
    while not (place / "ready").exists():
        os.sched_yield()
    owner.kill()
    with pytest.raises(OwnerGone):
        attach(place, "flow")
    with Ring.create("flow", RECORD, capacity=8, place=place) as ring:
        assert ring.published == 0
        assert sweep(place) == ["ready"]
        assert attach(place, "flow").published == 0
    assert list(place.iterdir()) == []
