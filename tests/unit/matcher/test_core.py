"""The core beside the kernel told the same: rings, journal and threads are the real ones."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from matcher.core import EVENT_RECORD, LINE_RECORD, Core, recovered
from matcher.errors import JournalError
from matcher.journal.snapshot import Snapshots
from matcher.journal.tail import Tail
from matcher.journal.writer import Identity, Journal
from matcher.kernel.exchange import Matching
from matcher.kernel.layout import CommandKind, CommandMark, EventKind
from matcher.kernel.pools import Records
from matcher.shared.rings import Consumer, Producer, Ring
from tests.support.flow import LATE, as_lines, counted, flow, told, world

OURS = Identity(1337, b"\x11" * 20, b"\x22" * 32)


def heard_of(commands: Records) -> Records:
    """Events of an exchange that is told the same without a core."""
    events: Records = told(world()).run(as_lines(commands)).astype(EVENT_RECORD)
    return events


class Street:
    """Rings to a core and from it, in one process."""

    def __init__(self, place: Path, inputs: int = 1, events: int = 1 << 12):
        rings = [
            Ring.create(f"commands-{i}", LINE_RECORD, capacity=1 << 10, place=place)
            for i in range(inputs)
        ]
        self.senders = [ring.producer() for ring in rings]
        self.inputs = [ring.consumer() for ring in rings]
        out = Ring.create("events", EVENT_RECORD, capacity=events, place=place, guests=1)
        self.output = out.producer()
        self.reader = out.consumer()
        self.rings = [*rings, out]

    def close(self) -> None:
        for ring in self.rings:
            ring.close()


@pytest.fixture
def street(tmp_path: Path) -> Iterator[Street]:
    made = Street(tmp_path / "rings")
    yield made
    made.close()


@contextmanager
def running(core: Core) -> Iterator[threading.Thread]:
    """The core in a thread; stopped in the end."""
    failures: list[BaseException] = []

    def run() -> None:
        try:
            core.run()
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield thread
    finally:
        core.stop()
        thread.join(30)
        assert not thread.is_alive()
    if failures:
        raise failures[0]


def send(sender: Producer, commands: Records) -> None:
    lines = as_lines(commands)
    while len(lines):
        lines = lines[sender.push(lines, spins=1 << 10) :]


def hear(reader: Consumer, count: int) -> Records:
    """So many events, in order."""
    parts = []
    while count:
        assert reader.await_records(20), "the core has stopped"
        parts.append(reader.peek(count))
        reader.release(len(parts[-1]))
        count -= len(parts[-1])
    return np.concatenate(parts)


def journal_at(path: Path, **options: object) -> Journal:
    return Journal(path / "journal", OURS, 1 << 20, first_bytes=1 << 18, **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("ack", ["synced", "written", "applied"])
def test_events_are_those_of_the_kernel_and_the_journal_holds_the_lines(
    tmp_path: Path, street: Street, ack: str
) -> None:
    commands = flow(1, 20_000)
    expected = heard_of(commands)
    with journal_at(tmp_path) as journal:
        core = Core(told(world()), street.inputs, street.output, journal, ack=ack)  # type: ignore[arg-type]
        sender = threading.Thread(target=send, args=(street.senders[0], commands))
        with running(core):
            sender.start()
            heard = hear(street.reader, len(expected))
            sender.join()
        assert (heard == expected).all()
        assert journal.synced == len(commands)
        held = np.concatenate([group.lines() for group in journal.groups()])
        assert held.tobytes() == commands.tobytes()
    assert core.sequence == len(commands)
    core.matching.check()


def test_without_a_journal_events_come_at_once(street: Street) -> None:
    commands = flow(2, 5_000)
    expected = heard_of(commands)
    core = Core(told(world()), street.inputs, street.output)
    with running(core):
        sender = threading.Thread(target=send, args=(street.senders[0], commands))
        sender.start()
        assert (hear(street.reader, len(expected)) == expected).all()
        sender.join()


def test_events_wait_for_the_sync_of_their_commands(
    tmp_path: Path, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = flow(3, 300)
    go, asked = threading.Event(), threading.Event()
    with journal_at(tmp_path) as journal:
        sync = journal.sync_written

        def gated(wanted: int) -> None:
            asked.set()
            assert go.wait(20)
            sync(wanted)

        monkeypatch.setattr(journal, "sync_written", gated)
        core = Core(told(world()), street.inputs, street.output, journal)
        with running(core):
            send(street.senders[0], commands)
            assert asked.wait(20)
            assert not street.reader.await_records(0.05)
            assert journal.synced == 0
            go.set()
            assert street.reader.await_records(20)


def test_several_inputs_are_served_in_turn_and_nothing_is_lost(tmp_path: Path) -> None:
    street = Street(tmp_path / "rings", inputs=3)
    flows = [flow(seed, 4_000) for seed in (1, 2, 3)]
    for number, commands in enumerate(flows):
        commands["origin"] += number << 40
    with journal_at(tmp_path) as journal:
        core = Core(told(world()), street.inputs, None, journal)
        tail = Tail(tmp_path / "journal", OURS)
        threads = [
            threading.Thread(target=send, args=pair)
            for pair in zip(street.senders, flows, strict=True)
        ]
        with running(core):
            for thread in threads:
                thread.start()
            held: list[Records] = []
            while tail.last < 12_000:
                assert tail.wait(20)
                held += [group.lines() for group in tail.groups()]
            for thread in threads:
                thread.join()
    merged = np.concatenate(held).reshape(-1).view(flows[0].dtype)
    for number, commands in enumerate(flows):
        own = merged[merged["origin"] >> 40 == number]
        assert own.tobytes() == commands.tobytes(), "each sender's order is kept"
    street.close()


def test_command_whose_annex_has_not_arrived_waits_in_its_ring(
    tmp_path: Path, street: Street
) -> None:
    lines = flow(4, 12)
    lines["annex"][5] = 3  # the next three lines belong to it
    starts = [0, 1, 2, 3, 4, 5, 9, 10, 11]
    with journal_at(tmp_path) as journal:
        core = Core(told(world()), street.inputs, None, journal)
        tail = Tail(tmp_path / "journal", OURS)
        with running(core):
            send(street.senders[0], lines[:7])
            while tail.last < 5:
                assert tail.wait(20)
                list(tail.groups())
            assert tail.last == 5
            assert street.inputs[0].released == 5
            send(street.senders[0], lines[7:])
            while tail.last < len(starts):
                assert tail.wait(20)
                list(tail.groups())
    assert core.sequence == len(starts)


def test_events_that_outnumber_their_ring_are_all_heard(tmp_path: Path) -> None:
    """One command that cancels thousands answers more events than the ring holds."""
    street = Street(tmp_path / "rings", events=64)
    commands = flow(5, 3_000)
    commands["account"], commands["signer"] = 2, 1
    commands["kind"], commands["sells"] = CommandKind.PLACE, 0
    commands["tick"], commands["quantity"], commands["time"] = 10, 1, LATE
    commands["id"] = np.arange(len(commands))
    commands["kind"][-1], commands["mark"][-1] = CommandKind.CANCEL_ALL, CommandMark.ALL
    expected = heard_of(commands)
    assert (expected["kind"] == EventKind.CANCELED).sum() > 300, "at the last command"
    with journal_at(tmp_path) as journal:
        core = Core(told(world()), street.inputs, street.output, journal)
        with running(core):
            sender = threading.Thread(target=send, args=(street.senders[0], commands))
            sender.start()
            heard = hear(street.reader, len(expected))
            sender.join()
    assert (heard == expected).all()
    street.close()


def test_log_is_not_written_over_while_the_journal_needs_it(
    tmp_path: Path, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = flow(6, 20_000)
    go = threading.Event()
    with journal_at(tmp_path) as journal:
        sync = journal.sync_written

        def gated(wanted: int) -> None:
            assert go.wait(20)
            sync(wanted)

        monkeypatch.setattr(journal, "sync_written", gated)
        core = Core(told(world()), street.inputs, None, journal, log_lines=1 << 12)
        sender = threading.Thread(target=send, args=(street.senders[0], commands))
        with running(core):
            sender.start()
            while street.senders[0].room or 2_000 < core.sequence < len(commands):
                if core.sequence > 2_000 and not street.senders[0].room:
                    break  # the core waits for the journal, and the sender for the core
            go.set()
            sender.join()
            while core.sequence < len(commands) and core.failure is None:
                os.sched_yield()  # what is in the ring when the core stops stays there
        held = np.concatenate([group.lines() for group in journal.groups()])
    assert held.tobytes() == commands.tobytes()


def test_failed_sync_ends_the_core_and_publishes_nothing_of_it(
    tmp_path: Path, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = journal_at(tmp_path)
    core = Core(told(world()), street.inputs, street.output, journal)

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("matcher.journal.files.os.fdatasync", fail)
        send(street.senders[0], flow(6, 100))
        with pytest.raises(JournalError, match="sync failed"):
            core.run()
    assert street.reader.waiting == 0
    journal.close()


def test_core_recovers_from_snapshot_and_tail_to_the_same_machine(
    tmp_path: Path, street: Street
) -> None:
    parts = [world(), flow(7, 10_000), flow(8, 10_000, 10_000), flow(9, 10_000, 20_000)]
    count = counted(parts[0]) + 30_000
    snapshots = Snapshots(tmp_path / "snapshots", OURS)
    with journal_at(tmp_path) as journal:
        core = Core(Matching(), street.inputs, None, journal)
        with running(core):
            for part in parts:
                send(street.senders[0], part)
                while part is parts[-1] and core.sequence < count and core.failure is None:
                    os.sched_yield()
                writing = core.snapshot(snapshots)
                assert writing is not None
                writing.wait()
            # A group of one command is all there is behind the snapshot.
            parts.append(flow(12, 1, 30_000))
            send(street.senders[0], parts[-1])
            while core.sequence < count + 1 and core.failure is None:
                os.sched_yield()
        assert journal.last == count + 1
    straight = told(*parts)
    assert len(snapshots.sequences()) == 2
    with journal_at(tmp_path) as journal:
        from_start, from_snapshot = recovered(journal), recovered(journal, snapshots)
        snapshots.path(snapshots.sequences()[-1]).write_bytes(b"damaged")
        from_older = recovered(journal, snapshots)
    more = flow(10, 5_000, 30_001)
    expected = straight.run(as_lines(more)).copy()
    for matching in (from_start, from_snapshot, from_older):
        assert (matching.run(as_lines(more)) == expected).all()
        matching.check()
        assert matching.orders() == straight.orders()
        assert matching.positions() == straight.positions()


def test_snapshot_waits_until_what_it_holds_is_synced(
    tmp_path: Path, street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, asked = threading.Event(), threading.Event()
    snapshots = Snapshots(tmp_path / "snapshots", OURS)
    with journal_at(tmp_path) as journal:
        sync = journal.sync_written

        def gated(wanted: int) -> None:
            asked.set()
            assert go.wait(20)
            sync(wanted)

        monkeypatch.setattr(journal, "sync_written", gated)
        core = Core(told(world()), street.inputs, None, journal)
        with running(core):
            send(street.senders[0], flow(6, 500))
            assert asked.wait(20)
            assert core.snapshot(snapshots, 0.2) is None, "begun before the sync"
            go.set()
            while core.sequence < 500 and core.failure is None:
                os.sched_yield()
            writing = core.snapshot(snapshots)
            assert writing is not None
            writing.wait()
        assert snapshots.sequences()[-1] == 500 == journal.synced


PLAIN = """
import sys, threading
from pathlib import Path
from tests.support.flow import as_lines, flow, told, world
from matcher.core import EVENT_RECORD, LINE_RECORD, Core
from matcher.journal.writer import Identity, Journal
from matcher.shared.rings import Ring

directory = Path(sys.argv[1])
commands = flow(1, 250)
expected = told(world()).run(as_lines(commands)).astype(EVENT_RECORD)
ring = Ring.create("commands", LINE_RECORD, capacity=1 << 10, place=directory)
out = Ring.create("events", EVENT_RECORD, capacity=1 << 10, place=directory)
journal = Journal(directory / "journal", Identity(1, b"", b""), first_bytes=1 << 16)
core = Core(told(world()), [ring.consumer()], out.producer(), journal)
reader = out.consumer()
assert ring.producer().push(as_lines(commands)) == len(commands)
thread = threading.Thread(target=core.run)
thread.start()
while reader.waiting < len(expected) and thread.is_alive():
    reader.await_records(0.01)
core.stop()
thread.join()
heard = reader.peek(len(expected))
assert (heard == expected).all()
core.matching.check()
print(len(heard), journal.synced)
"""


def test_core_in_debug_mode_does_the_same_and_touches_nothing_else(tmp_path: Path) -> None:
    """Every address of the loop, and every width, is checked where nothing is compiled."""
    done = subprocess.run(
        [sys.executable, "-c", PLAIN, str(tmp_path)],
        cwd=Path(__file__).resolve().parents[3],
        env={**os.environ, "NUMBA_DISABLE_JIT": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    events, synced = map(int, done.stdout.split()[-2:])
    assert events > 250
    assert synced == 250
