"""Command in to event out, across processes: the core, with and without a journal.

    python -m benchmarks.core [--rounds 5] [--directory /var/tmp]

One process sends orders and cancels into a ring, another runs the core: it takes them, journals
them, matches them with all that admits an order, and publishes events in a second ring, where the
sender waits for them. *Round trip*: one command at a time; the time is from before it is pushed to
when its event is read. Beside it, a message of 64 bytes to a process that sends it back at once,
over ZeroMQ's ipc: the way alone. *Durable*: events come when their commands survive a power cut.
Commands are sent at an even pace, and each order's time is from when it was due, so that waiting
counts; `bare sync` is the disk alone, 16 KiB and fdatasync, of which an order waits one and a half
on average; the journal goes past the system's cache. Beside it, LMDB is given commands at the same
pace by its own process, and syncs whatever is due: the storing alone. *Flood* sends as fast as
there is room; beside it, LMDB syncs groups of 1,024 such commands, and without a journal, 64 bytes
a command go one way over ZeroMQ's ipc. Rounds are interleaved, figures are medians over rounds,
percentiles over a round's orders. Sender and core have a processor each; the thread that syncs
shares the core's. What compiles is compiled before any clock; the seed is fixed.
"""

import argparse
import ctypes
import multiprocessing
import os
import shutil
import statistics
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import zmq

from benchmarks.journal import IDENTITY, Bare, Lmdb, timed
from benchmarks.matching import FIRST_ACCOUNT, World, kernel, signed, worlds
from benchmarks.result import Result
from benchmarks.words import show
from matcher.core import EVENT_RECORD, LINE_RECORD, Core
from matcher.journal.writer import Journal
from matcher.kernel import ring as rings
from matcher.kernel.atomics import load, pause
from matcher.kernel.layout import EventKind
from matcher.kernel.pools import Records
from matcher.shared.rings import Ring

SPAWN = multiprocessing.get_context("spawn")
SEED = 3
ACCEPTED = int(EventKind.ACCEPTED)
BUFFER = 256  # events
CLOCK_MONOTONIC = 1
SEGMENT = 64 << 20

read_clock = ctypes.CDLL(None).clock_gettime
read_clock.argtypes = (ctypes.c_int, ctypes.c_int64)
read_clock.restype = ctypes.c_int


class Load(NamedTuple):
    """What is sent: lines, where each command begins, and what comes back."""

    lines: Records
    starts: Any  # int64, in lines; one more than commands
    places: Any  # int64: by number of order, the number of its command
    accounts: int
    events: int


def load_of(world: World, count: int) -> Load:
    """The first commands of a world's stream, as signed lines."""
    stream = world.stream[:count]
    lines = signed(stream)
    annex = np.where(stream["kind"] == 1, 3, 1)
    starts = np.concatenate([[0], np.cumsum(annex)]).astype(np.int64)
    events = len(kernel(world).run(lines))
    places = np.flatnonzero(stream["kind"] == 1).astype(np.int64)
    return Load(lines, starts, places, world.accounts - FIRST_ACCOUNT, events)


@numba.njit(nogil=True)
def now(at):
    """Nanoseconds of the monotonic clock; two words at `at` are used."""
    read_clock(CLOCK_MONOTONIC, at)
    return load(at) * 1_000_000_000 + load(at + 8)


@numba.njit(nogil=True)
def trade(out, home, seat, lines, starts, places, accounts, events, pace, window, times, scratch):
    """Send commands, hear events, and time each order; the time it took, ns.

    Parameters
    ----------
    out, home : (ring, mask, seats, known)
    pace : int
        Nanoseconds from a command to the next; 0: as fast as there is room.
    window : int
        Commands that may be unanswered at a time, if 1: the next waits for the event.
    times : array of int64
        Written: by number of order, from when it was due to its event, ns.
    """
    count = len(starts) - 1
    buffer = scratch + 64
    due = np.zeros(count, np.int64)
    sent = heard = 0
    began = now(scratch)
    while heard < events:
        at = now(scratch)
        ready = count if pace == 0 else min(count, (at - began) // pace + 1)
        if window == 1:
            ready = min(sent + 1, count) if heard >= sent else sent
        while sent < ready:
            size = starts[sent + 1] - starts[sent]
            due[sent] = at if pace == 0 else began + pace * sent
            if rings.room(out[0], out[1], out[2], out[3]) < size:
                break
            rings.push(out[0], out[1], 8, out[2], out[3], lines + 64 * starts[sent], size)
            sent += 1
            if sent % 64 == 0:
                break
        found = rings.pop(home[0], home[1], 8, home[2], seat, home[3], buffer, BUFFER)
        if found == 0:
            pause()
            continue
        at = now(scratch)
        for place in range(found):
            event = buffer + 64 * place
            if load(event) & 255 == ACCEPTED:
                account = load(event + 24) & 0xFFFFFFFF
                order = load(event + 8) * accounts + account - FIRST_ACCOUNT
                times[order] = at - due[places[order]]
        if window == 1:
            heard = sent if sent < count else events
        else:
            heard += found
    return now(scratch) - began


# --- the other process --------------------------------------------------------------------------


def serve(place: Path, directory: Path | None, world: World, ack: Any, say: Connection) -> None:
    """Run a core until told to stop."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    journal = None
    if directory is not None:
        journal = Journal(directory, IDENTITY, SEGMENT, first_bytes=SEGMENT, past_cache=True)
    commands = Ring.attach("commands", LINE_RECORD, place=place)
    events = Ring.attach("events", EVENT_RECORD, place=place)
    matching = kernel(world)
    core = Core(matching, [commands.consumer()], events.producer(), journal, ack=ack, busy=True)
    say.send("ready")

    def await_end() -> None:
        say.poll(None)
        core.stop()

    import threading

    threading.Thread(target=await_end, daemon=True).start()
    core.run()
    if journal is not None:
        journal.close()


class Session(NamedTuple):
    """What one run took: seconds, and of each order microseconds."""

    seconds: float
    times: Any


def session(world: World, load: Load, *, durable: Path | None, pace: int, window: int) -> Session:
    """One run in a new core."""
    room = Path(tempfile.mkdtemp(dir="/dev/shm"))
    directory = None if durable is None else Path(tempfile.mkdtemp(dir=durable))
    ours, theirs = SPAWN.Pipe()
    try:
        out = Ring.create("commands", LINE_RECORD, capacity=1 << 14, place=room)
        home = Ring.create("events", EVENT_RECORD, capacity=1 << 16, place=room)
        process = SPAWN.Process(target=serve, args=(room, directory, world, "synced", theirs))
        process.start()
        assert ours.recv() == "ready"
        sender, reader = out.producer(), home.consumer()
        times = np.zeros(len(load.places), np.int64)
        scratch = np.zeros(8 + 8 * BUFFER, np.int64)
        everywhere = os.sched_getaffinity(0)
        os.sched_setaffinity(0, {min(everywhere)})
        spent = trade(
            *(sender.parts, reader.parts, reader.seat_at),
            *(load.lines.ctypes.data, load.starts, load.places, load.accounts, load.events),
            *(pace, window, times, scratch.ctypes.data),
        )
        os.sched_setaffinity(0, everywhere)
        ours.send("end")
        process.join()
        out.close()
        home.close()
    finally:
        shutil.rmtree(room)
        if directory is not None:
            shutil.rmtree(directory)
    return Session(spent / 1e9, times[times > 0] / 1000)


# --- the other way ------------------------------------------------------------------------------


def echo(path: str) -> None:
    """Send back what comes, until it is empty."""
    socket = zmq.Context().socket(zmq.PAIR)
    socket.connect(path)
    while message := socket.recv():
        socket.send(message)


def zeromq(trips: int) -> Any:
    """Microseconds of each trip of 64 bytes there and back."""
    with tempfile.TemporaryDirectory() as place:
        path = f"ipc://{place}/socket"
        socket = zmq.Context().socket(zmq.PAIR)
        socket.bind(path)
        process = SPAWN.Process(target=echo, args=(path,))
        process.start()
        times = np.zeros(trips)
        message = bytes(range(64))
        for trip in range(trips):
            began = time.perf_counter_ns()
            socket.send(message)
            socket.recv()
            times[trip] = (time.perf_counter_ns() - began) / 1000
        socket.send(b"")
        process.join()
        socket.close()
    return times[trips // 10 :]


def count_messages(path: str, heard: Connection) -> None:
    """Take messages until one is empty, and say so."""
    socket = zmq.Context().socket(zmq.PAIR)
    socket.connect(path)
    while socket.recv():
        pass
    heard.send("all")


def zeromq_flood(messages: int) -> float:
    """Messages of 64 bytes per second, one way."""
    with tempfile.TemporaryDirectory() as place:
        path = f"ipc://{place}/socket"
        socket = zmq.Context().socket(zmq.PAIR)
        socket.bind(path)
        ours, theirs = SPAWN.Pipe()
        process = SPAWN.Process(target=count_messages, args=(path, theirs))
        process.start()
        message = bytes(range(64))
        socket.send(message)
        began = time.perf_counter()
        for _ in range(messages):
            socket.send(message)
        socket.send(b"")
        ours.recv()
        spent = time.perf_counter() - began
        process.join()
        socket.close()
    return messages / spent


def lmdb_paced(directory: Path, pace: int, count: int) -> Any:
    """Microseconds of each command, from when it is due, one each `pace` ns, to its sync."""
    place = Path(tempfile.mkdtemp(dir=directory))
    store, times, done = Lmdb(place), np.zeros(count), 0
    began = time.perf_counter_ns()
    while done < count:
        due = min(count, (time.perf_counter_ns() - began) // pace + 1)
        if due == done:
            continue
        store.put(done, due - done)
        waited = time.perf_counter_ns() - began - pace * np.arange(done, due)
        times[done:due], done = waited / 1000, due
    store.close()
    shutil.rmtree(place)
    return times[count // 10 :]


# --- all of it ----------------------------------------------------------------------------------


def measure(quick: bool, rounds: int = 5, directory: Path = Path("/var/tmp")) -> list[Result]:
    """Round trips, a steady pace, and a flood."""
    rounds, count = (2, 100_000) if quick else (rounds, 1_000_000)
    world = worlds(count, SEED, resting=count)[0]
    few, many = load_of(world, count // 10), load_of(world, count)
    runs: dict[str, list[Session]] = {
        name: [] for name in ("trip", "pace", "slow", "flood", "bare")
    }
    others: list[Any] = []
    ways: list[float] = []
    paced: dict[int, list[Any]] = {10_000: [], 1000: []}
    stores: list[float] = []
    bare: list[float] = []
    session(world, few, durable=directory, pace=2000, window=1 << 30)  # compiles
    for _ in range(rounds):
        runs["trip"].append(session(world, few, durable=None, pace=0, window=1))
        runs["bare"].append(session(world, many, durable=None, pace=0, window=1 << 30))
        runs["slow"].append(session(world, few, durable=directory, pace=10_000, window=1 << 30))
        runs["pace"].append(session(world, many, durable=directory, pace=1000, window=1 << 30))
        runs["flood"].append(session(world, many, durable=directory, pace=0, window=1 << 30))
        others.append(zeromq(2_000 if quick else 20_000))
        ways.append(zeromq_flood(count // 10))
        for pace, found in paced.items():
            found.append(lmdb_paced(directory, pace, count // 10))
        place = Path(tempfile.mkdtemp(dir=directory))
        stores.append(1024 * 40 / sum(timed(Lmdb, place, 1024, 40)))
        bare.append(1e6 * statistics.median(timed(Bare, place, 256, 100)))
        shutil.rmtree(place)
    way = f"ZeroMQ {zmq.zmq_version()} ipc, the way alone"
    store = "LMDB, the storing alone"
    sync: dict[str, float | int | str] = {"bare sync": statistics.median(bare)}
    return [
        _times("round trip, no journal", runs["trip"], _median(others, 50), way, few),
        _speed("flood, no journal", runs["bare"], statistics.median(ways), way, many),
        _times("durable at 100,000/s", runs["slow"], _median(paced[10_000], 50), store, few, sync),
        _times("durable at 1,000,000/s", runs["pace"], _median(paced[1000], 50), store, many, sync),
        _speed("flood, durable", runs["flood"], statistics.median(stores), store, many),
    ]


def _median(rounds: list[Any], percent: float) -> float:
    return float(np.median([np.percentile(times, percent) for times in rounds]))


def _times(
    case: str,
    runs: list[Session],
    other: float | None,
    name: str,
    load: Load,
    more: dict[str, float | int | str] | None = None,
) -> Result:
    rounds = [run.times[len(run.times) // 10 :] for run in runs]
    detail: dict[str, float | int | str] = {
        f"p{mark}": _median(rounds, mark) for mark in (90, 99, 99.9)
    }
    detail["best p50"] = min(float(np.percentile(times, 50)) for times in rounds)
    detail["best p99"] = min(float(np.percentile(times, 99)) for times in rounds)
    commands = len(load.starts) - 1
    detail["commands/s"] = statistics.median(commands / run.seconds for run in runs)
    detail |= more or {}
    n = sum(map(len, rounds))
    return Result("core", case, _median(rounds, 50), other, "us", name, n, detail)


def _speed(case: str, runs: list[Session], other: float | None, name: str, load: Load) -> Result:
    speeds = [(len(load.starts) - 1) / run.seconds for run in runs]
    detail: dict[str, float | int | str] = {"best": max(speeds), "seed": SEED}
    detail["p50 us"] = _median([run.times for run in runs], 50)
    speed = statistics.median(speeds)
    return Result("core", case, speed, other, "commands/s", name, len(runs), detail)


def main() -> None:
    """Run all."""
    parser = argparse.ArgumentParser(description="Command in to event out.")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--directory", type=Path, default=Path("/var/tmp"))
    options = parser.parse_args()
    show(measure(False, options.rounds, options.directory))


if __name__ == "__main__":
    main()
