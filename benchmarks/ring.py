"""Records between two processes: shared memory beside ZeroMQ, and the standard pipe and queue.

    python -m benchmarks.ring [--records 2000000] [--trips 100000] [--rounds 5]

Records are 64 bytes. *Throughput*: one process sends, the other receives, adds up a field of each
record, and must come to the right sum. *Round trip*: a record goes there and comes back, and the
time is taken around each trip. `kernel` is compiled code that calls the ring's kernels, as a
pipeline's stages do; `Python` is `matcher.shared.rings` as anybody may use it. Each process has a
core of its own where there are two; rounds are interleaved, figures are medians over rounds.
"""

import argparse
import contextlib
import ctypes
import multiprocessing
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import zmq

from benchmarks.result import Result
from benchmarks.words import show
from matcher.kernel import ring as kernel
from matcher.kernel.atomics import load, pause, store
from matcher.shared.rings import Consumer, Producer, Ring
from matcher.shared.segments import default_place

RECORD = np.dtype([("number", "<i8"), ("payload", "<i8", (7,))])
WORDS = RECORD.itemsize // 8
CAPACITY = 1 << 12
SPINS = 1 << 14
CLOCK_MONOTONIC = 1

read_clock = ctypes.CDLL(None).clock_gettime
read_clock.argtypes = (ctypes.c_int, ctypes.c_int64)
read_clock.restype = ctypes.c_int

I = "int64"  # noqa: E741 - numba's word
SIDE = ", ".join([I] * 5)  # of a producer: ring, mask, words, seats, known


# --- compiled ends ------------------------------------------------------------------------------


@numba.njit(f"void({SIDE}, {I}, {I}, {I})", nogil=True, cache=True)
def send(ring, mask, words, seats, known, batch_at, batch, count):
    """Publish records numbered from 0, so many at a time."""
    number = 0
    while number < count:
        size = min(batch, count - number)
        for place in range(size):
            store(batch_at + 8 * words * place, number + place)
        done = 0
        while done < size:
            source = batch_at + 8 * words * done
            done += kernel.push(ring, mask, words, seats, known, source, size - done)
            if done < size:
                pause()
        number += size


@numba.njit(f"{I}({SIDE}, {I}, {I}, {I}, {I})", nogil=True, cache=True)
def receive(ring, mask, words, seats, known, seat, batch_at, batch, count):
    """Sum of the numbers of so many records."""
    total, seen = 0, 0
    while seen < count:
        found = kernel.pop(ring, mask, words, seats, seat, known, batch_at, batch)
        for place in range(found):
            total += load(batch_at + 8 * words * place)
        seen += found
        if found == 0:
            pause()
    return total


@numba.njit(nogil=True)
def now(at):
    """Nanoseconds of the monotonic clock; two words at `at` are used."""
    read_clock(CLOCK_MONOTONIC, at)
    return load(at) * 1_000_000_000 + load(at + 8)


@numba.njit(nogil=True)
def bounce(out, home, seat, record_at, count, first, times, clock_at):
    """Send a record and wait for the next to come, again and again; who is `first` begins.

    `out` and `home` are (ring, mask, words, seats, known). Written: nanoseconds per trip, `times`.
    """
    for trip in range(count):
        began = now(clock_at)
        if first:
            store(record_at, trip)
            kernel.push(out[0], out[1], out[2], out[3], out[4], record_at, 1)
        while kernel.pop(home[0], home[1], home[2], home[3], seat, home[4], record_at, 1) == 0:
            pause()
        if not first:
            kernel.push(out[0], out[1], out[2], out[3], out[4], record_at, 1)
        times[trip] = now(clock_at) - began


def side(end: Producer | Consumer) -> tuple[int, int, int, int, int]:
    """What the kernels are told of an end."""
    return (
        end.ring.segment.address,
        end.ring.capacity - 1,
        WORDS,
        end.ring.segment.seats,
        end._known.ctypes.data,
    )


# --- the ways -----------------------------------------------------------------------------------


class Lines(NamedTuple):
    """What two processes have between them, one each way."""

    place: Path
    pipe: Any
    queues: Any


def rings(lines: Lines, mine: bool) -> tuple[Producer, Consumer]:
    """The ends of one process."""
    there, back = (Ring.attach(name, RECORD, place=lines.place) for name in ("there", "back"))
    out, home = (there, back) if mine else (back, there)
    return out.producer(), home.consumer()


def by_kernel(batch: int) -> Callable[[Lines, bool, int], None]:
    """Compiled code at both ends; the receiver takes up to 64 at a time."""

    def run(lines: Lines, mine: bool, count: int) -> None:
        producer, consumer = rings(lines, mine)
        buffer = np.zeros(64, RECORD)
        if mine:
            send(*side(producer), buffer.ctypes.data, batch, count)
        else:
            total = receive(*side(consumer), consumer._seat, buffer.ctypes.data, 64, count)
            check(total, count)
        end(producer, consumer)

    return run


def by_ring(batch: int) -> Callable[[Lines, bool, int], None]:
    """`matcher.shared.rings` at both ends."""

    def run(lines: Lines, mine: bool, count: int) -> None:
        producer, consumer = rings(lines, mine)
        buffer = np.zeros(batch, RECORD)
        if mine:
            for first in range(0, count, batch):
                buffer["number"] = np.arange(first, first + batch)
                done = 0
                while done < batch:
                    done += producer.push(buffer[done:], SPINS)
        else:
            total = seen = 0
            while seen < count:
                consumer.await_records()
                found = consumer.pop(buffer)
                total += int(buffer["number"][:found].sum())
                seen += found
            check(total, count)
        end(producer, consumer)

    return run


def by_pipe(batch: int) -> Callable[[Lines, bool, int], None]:
    """Raw bytes through a pipe."""

    def run(lines: Lines, mine: bool, count: int) -> None:
        buffer = np.zeros(batch, RECORD)
        if mine:
            for first in range(0, count, batch):
                buffer["number"] = np.arange(first, first + batch)
                lines.pipe[0].send_bytes(buffer.tobytes())
        else:
            total = 0
            for _ in range(0, count, batch):
                found = np.frombuffer(lines.pipe[1].recv_bytes(), RECORD)
                total += int(found["number"].sum())
            check(total, count)

    return run


def by_queue(lines: Lines, mine: bool, count: int) -> None:
    """Raw bytes through a queue."""
    if mine:
        payload = bytes(RECORD.itemsize - 8)
        for number in range(count):
            lines.queues[0].put(number.to_bytes(8, "little") + payload)
    else:
        check(sum(int.from_bytes(lines.queues[0].get()[:8], "little") for _ in range(count)), count)


@contextlib.contextmanager
def socket_of(lines: Lines, mine: bool) -> Iterator[Any]:
    """One end of a ZeroMQ line through a Unix socket."""
    with zmq.Context() as context, context.socket(zmq.PAIR) as socket:
        address = f"ipc://{lines.place.parent}/line"
        if mine:
            socket.bind(address)
        else:
            socket.connect(address)
        yield socket


def by_zmq(lines: Lines, mine: bool, count: int) -> None:
    """Raw bytes through ZeroMQ; who sends stays until all has come."""
    with socket_of(lines, mine) as socket:
        if mine:
            payload = bytes(RECORD.itemsize - 8)
            for number in range(count):
                socket.send(number.to_bytes(8, "little") + payload)
            socket.recv()
        else:
            check(sum(int.from_bytes(socket.recv()[:8], "little") for _ in range(count)), count)
            socket.send(b"")


def trip_zmq(lines: Lines, mine: bool, times: Any) -> None:
    """Raw bytes through ZeroMQ, and back."""
    record = bytes(RECORD.itemsize)
    with socket_of(lines, mine) as socket:

        def there_and_back() -> None:
            socket.send(record)
            socket.recv()

        clocked(there_and_back if mine else lambda: socket.send(socket.recv()), times)


def trip_kernel(lines: Lines, mine: bool, times: Any) -> None:
    """Compiled code at both ends."""
    producer, consumer = rings(lines, mine)
    record, clock = np.zeros(1, RECORD), np.zeros(2, np.int64)
    bounce(
        side(producer),
        side(consumer),
        consumer._seat,
        record.ctypes.data,
        len(times),
        mine,
        times,
        clock.ctypes.data,
    )
    end(producer, consumer)


def trip_ring(lines: Lines, mine: bool, times: Any) -> None:
    """`matcher.shared.rings` at both ends."""
    producer, consumer = rings(lines, mine)
    record = np.zeros(1, RECORD)

    def there_and_back() -> None:
        producer.push(record)
        consumer.await_records()
        consumer.pop(record)

    def back() -> None:
        consumer.await_records()
        consumer.pop(record)
        producer.push(record)

    clocked(there_and_back if mine else back, times)
    end(producer, consumer)


def trip_pipe(lines: Lines, mine: bool, times: Any) -> None:
    """Raw bytes through a pipe, and back."""
    line, record = lines.pipe[0 if mine else 1], bytes(RECORD.itemsize)

    def there_and_back() -> None:
        line.send_bytes(record)
        line.recv_bytes()

    clocked(there_and_back if mine else lambda: line.send_bytes(line.recv_bytes()), times)


def trip_queue(lines: Lines, mine: bool, times: Any) -> None:
    """Raw bytes through a queue, and back by another."""
    out, home = lines.queues if mine else reversed(lines.queues)
    record = bytes(RECORD.itemsize)

    def there_and_back() -> None:
        out.put(record)
        home.get()

    clocked(there_and_back if mine else lambda: out.put(home.get()), times)


def clocked(step: Callable[[], Any], times: Any) -> None:
    """Take steps. Written: nanoseconds of each, `times`."""
    for trip in range(len(times)):
        began = time.perf_counter_ns()
        step()
        times[trip] = time.perf_counter_ns() - began


def check(total: int, count: int) -> None:
    """See that nothing was lost or changed."""
    if total != count * (count - 1) // 2:
        raise AssertionError(f"records: found a sum of {total} over {count}")


def end(producer: Producer, consumer: Consumer) -> None:
    """Give the roles back."""
    producer.finish()
    consumer.leave()


# --- runs ---------------------------------------------------------------------------------------


def pin(core: int) -> None:
    """Keep to one core."""
    cores = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {cores[core % len(cores)]})


def together(work: Callable[[Lines, bool, Any], None], amount: Any, other: Any) -> float:
    """Seconds that both processes take, from a common start to the end of the last."""
    fork = multiprocessing.get_context("fork")
    before = os.sched_getaffinity(0)
    begin, done = fork.Barrier(2), fork.Pipe()
    with tempfile.TemporaryDirectory(dir=default_place().parent) as directory:
        place = Path(directory) / "segments"
        kept = [Ring.create(n, RECORD, capacity=CAPACITY, place=place) for n in ("there", "back")]
        lines = Lines(place, fork.Pipe(), (fork.Queue(), fork.Queue()))

        def child() -> None:
            pin(1)
            begin.wait()
            work(lines, False, other)
            done[1].send(True)

        process = fork.Process(target=child)
        process.start()
        pin(0)
        begin.wait()
        began = time.perf_counter()
        work(lines, True, amount)
        done[0].recv()
        taken = time.perf_counter() - began
        process.join()
        os.sched_setaffinity(0, before)
        for queue in lines.queues:
            queue.close()
        for ring in kept:
            ring.close()
    return taken


# In each row ours and what it is compared with; where there is nothing, None.
THROUGHPUT = (
    ("ring, kernel, 64 at a time", "Pipe, 256 at a time"),
    ("ring, kernel, one at a time", "ZeroMQ, one at a time"),
    ("ring, Python, 256 at a time", "Queue, one at a time"),
)
TRIPS = (("ring, kernel", "ZeroMQ"), ("ring, kernel", "Pipe"), ("ring, Python", "Queue"))
MARKS = (50, 90, 99, 99.9)


def throughput(records: int, rounds: int) -> list[Result]:
    """Records per second."""
    slow = max(256, records // 20 // 256 * 256)
    ways: dict[str, tuple[Callable[[Lines, bool, int], None], int]] = {
        "ring, kernel, one at a time": (by_kernel(1), records),
        "ring, kernel, 64 at a time": (by_kernel(64), records),
        "ring, Python, 256 at a time": (by_ring(256), records),
        "Pipe, 256 at a time": (by_pipe(256), records),
        "ZeroMQ, one at a time": (by_zmq, slow),
        "Queue, one at a time": (by_queue, slow),
    }
    speeds: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (work, count) in ways.items():
            speeds[name].append(count / together(work, count, count))
    medians = {name: statistics.median(found) for name, found in speeds.items()}
    return [
        Result(
            "throughput", ours, medians[ours], medians[other], "records/s", named(other), rounds,
            {"records": ways[ours][1], "best": round(max(speeds[ours]))},
        )
        for ours, other in THROUGHPUT
    ]  # fmt: skip


def named(way: str) -> str:
    """With its version, if it has one of its own."""
    return way.replace("ZeroMQ", f"pyzmq {zmq.__version__}")


def round_trips(trips: int, rounds: int) -> list[Result]:
    """Percentiles of a trip."""
    slow = max(100, trips // 20)
    ways: dict[str, tuple[Callable[[Lines, bool, Any], None], int]] = {
        "ring, kernel": (trip_kernel, trips),
        "ring, Python": (trip_ring, trips),
        "Pipe": (trip_pipe, slow),
        "ZeroMQ": (trip_zmq, slow),
        "Queue": (trip_queue, slow),
    }
    found: dict[str, list[Any]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, (work, count) in ways.items():
            times = np.zeros(count, np.int64)
            together(work, times, np.zeros(count, np.int64))
            found[name].append(np.percentile(times[count // 10 :], MARKS))
    medians = {name: np.median(rows, axis=0) / 1_000 for name, rows in found.items()}
    results = []
    for ours, other in TRIPS:
        detail: dict[str, float | int | str] = {}
        for who, way in (("", ours), ("other ", other)):
            detail |= {f"{who}p{m} us": float(v) for m, v in zip(MARKS, medians[way], strict=True)}
        results.append(
            Result(
                "round trip", f"{ours}, beside {other}", medians[ours][0], medians[other][0], "us",
                named(other), rounds, {"trips": ways[ours][1], **detail},
            )
        )  # fmt: skip
    return results


def measure(
    quick: bool, records: int = 2_000_000, trips: int = 100_000, rounds: int = 5
) -> list[Result]:
    """All of it."""
    if quick:
        records, trips, rounds = min(records, 400_000), min(trips, 20_000), min(rounds, 3)
    records = max(256, records // 256 * 256)
    # Compiled before any clock: with the arguments' types, and nothing to do.
    nothing = (0, 0, 0, 0, 0)
    bounce(nothing, nothing, 0, 0, 0, True, np.zeros(0, np.int64), 0)
    return [*throughput(records, rounds), *round_trips(trips, rounds)]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Rings in shared memory.")
    parser.add_argument("--records", type=int, default=2_000_000)
    parser.add_argument("--trips", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    print(
        f"{platform.machine()}, {os.cpu_count()} processors, Linux {platform.release()},"
        f" Python {platform.python_version()}, numpy {np.__version__}, numba {numba.__version__}"
    )
    print(
        f"{options.rounds} interleaved rounds, medians; no random input;"
        f" load {os.getloadavg()[0]:.1f}\n"
    )
    show(measure(False, options.records, options.trips, options.rounds))


if __name__ == "__main__":
    main()
