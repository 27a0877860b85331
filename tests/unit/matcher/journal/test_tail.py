"""Readers of a journal: in this process, and of a writer in another that is killed."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import commands as c
from matcher.errors import JournalError
from matcher.journal.progress import SYNCED, Progress
from matcher.journal.tail import Tail
from matcher.journal.writer import Identity, Journal
from tests.support.streams import random_stream

OURS = Identity(1337, b"\x11" * 20, b"\x22" * 32)
COMMANDS = list(random_stream(1, 300))
ROOT = Path(__file__).resolve().parents[4]

WRITER = """
import sys
from pathlib import Path
from matcher.journal.writer import Journal
from tests.unit.matcher.journal.test_tail import OURS, COMMANDS

journal = Journal(Path(sys.argv[1]), OURS, 1 << 14)
print("ready", journal.last, flush=True)
for line in sys.stdin:
    number, syncs = map(int, line.split())
    journal.append([COMMANDS[(journal.last + i) % 300] for i in range(number)])
    if syncs:
        journal.sync()
        print("synced", journal.last, flush=True)
"""


class Writer:
    """A process that writes a journal."""

    def __init__(self, directory: Path):
        self.process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(directory)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.last = self._hear("ready")

    def _hear(self, expected: str) -> int:
        assert self.process.stdout
        word, last = self.process.stdout.readline().split()
        assert word == expected
        return int(last)

    def write(self, commands: int, *, syncs: bool = True) -> None:
        assert self.process.stdin
        self.process.stdin.write(f"{commands} {int(syncs)}\n")
        self.process.stdin.flush()
        if syncs:
            self.last = self._hear("synced")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.close()
        self.process.stdout.close()


def expected(first: int, last: int) -> list[tuple[int, c.Command]]:
    return [(n, COMMANDS[(n - 1) % 300]) for n in range(first, last + 1)]


@settings(max_examples=40, deadline=None)
@given(st.data())
def test_readers_from_anywhere_see_the_same_over_segments(
    tmp_path_factory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal")
    with Journal(path, OURS, 1 << 12) as journal:
        tails: list[tuple[int, Tail]] = [(0, Tail(path, OURS))]
        seen: dict[int, list[tuple[int, c.Command]]] = {0: []}
        for _ in range(data.draw(st.integers(1, 12))):
            count = data.draw(st.integers(0, 40))
            first = journal.last
            journal.append([COMMANDS[(first + i) % 300] for i in range(count)])
            if data.draw(st.booleans()):
                journal.sync()
            after = data.draw(st.integers(0, journal.synced))
            tails.append((after, Tail(path, OURS, after)))
            seen[len(tails) - 1] = []
            for number, (_, tail) in enumerate(tails):
                if data.draw(st.booleans()):
                    seen[number] += tail.commands()
                    assert tail.last == journal.synced
        journal.sync()
        for number, (after, tail) in enumerate(tails):
            seen[number] += tail.commands()
            assert seen[number] == expected(after + 1, journal.last)
            assert not tail.waiting


def test_reader_sees_nothing_that_is_not_synced(tmp_path: Path) -> None:
    with Journal(tmp_path, OURS, ack="written") as journal:
        synced, written = Tail(tmp_path, OURS), Tail(tmp_path, OURS, written=True)
        journal.append(COMMANDS[:5])
        journal._write_pending(5)
        assert (synced.waiting, written.waiting) == (0, 5)
        assert list(synced.commands()) == []
        assert list(written.commands()) == expected(1, 5)
        journal.sync()
        assert list(synced.commands()) == expected(1, 5)


def test_reader_of_lines_gets_views_of_the_file(tmp_path: Path) -> None:
    lines = random.Random(2).randbytes(64 * 9).replace(b"\x00", b"\x01")
    plain = b"".join(lines[i : i + 4] + b"\0" + lines[i + 5 : i + 64] for i in range(0, 576, 64))
    with Journal(tmp_path, OURS) as journal:
        tail = Tail(tmp_path, OURS)
        journal.append_lines(plain, 9)
        journal.sync()
        (group,) = tail.groups()
        assert group.lines().tobytes() == plain
        assert not group.lines().flags.writeable
        assert not group.lines().flags.owndata


def test_wait_returns_when_something_comes_and_when_the_time_is_over(tmp_path: Path) -> None:
    with Journal(tmp_path, OURS) as journal:
        tail = Tail(tmp_path, OURS)
        assert not tail.wait(0.01)
        go = threading.Event()

        def write() -> None:
            go.wait(20)
            journal.append(COMMANDS[:3])
            journal.sync()

        thread = threading.Thread(target=write)
        thread.start()
        go.set()
        assert tail.wait(20)
        thread.join()
        assert list(tail.commands()) == expected(1, 3)
    assert not tail.wait(), "the writer has ended, and nothing is left"


def test_reader_goes_on_behind_writers_that_are_killed(tmp_path: Path) -> None:
    rng = random.Random(3)
    tail = None
    seen: list[tuple[int, c.Command]] = []
    for life in range(4):
        writer = Writer(tmp_path)
        assert writer.last >= len(seen)
        if tail is None:
            tail = Tail(tmp_path, OURS)
        for _ in range(rng.randrange(3, 12)):
            writer.write(rng.randrange(1, 40))
            if rng.random() < 0.5:
                seen += tail.commands()
        writer.write(rng.randrange(1, 200), syncs=False)
        writer.kill()
        assert not tail.writer_lives
        while tail.wait():
            seen += tail.commands()
        assert len(seen) >= writer.last, f"life {life}: what was synced is there"
        assert seen == expected(1, len(seen))
    assert len(list(tmp_path.glob("*.log"))) > 2
    late = Tail(tmp_path, OURS, after=17)
    assert list(late.commands()) == seen[17:]


def test_page_left_half_changed_by_a_dead_writer_is_told_anew(tmp_path: Path) -> None:
    with Journal(tmp_path, OURS) as journal:
        journal.append(COMMANDS[:3])
    raw = bytearray((tmp_path / "progress").read_bytes())
    raw[SYNCED] |= 1
    (tmp_path / "progress").write_bytes(raw)
    assert Progress(tmp_path).place() == (0, 0, 0)
    with Journal(tmp_path, OURS) as journal:
        assert journal.last == 3
        assert list(Tail(tmp_path, OURS).commands()) == expected(1, 3)


def wrong_readers(path: Path) -> Iterator[tuple[str, Identity, int]]:
    yield "is the journal of", Identity(1, OURS.registry, OURS.genesis), 0
    yield "ends with command 10, expected 11", OURS, 11


@pytest.mark.parametrize("case", [0, 1])
def test_reader_that_cannot_follow_is_told_why(tmp_path: Path, case: int) -> None:
    with Journal(tmp_path, OURS) as journal:
        journal.append(COMMANDS[:10])
    told, identity, after = list(wrong_readers(tmp_path))[case]
    with pytest.raises(JournalError, match=told):
        list(Tail(tmp_path, identity, after).commands())


def test_reader_without_a_journal_and_behind_a_pruned_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(JournalError, match="no journal"):
        Tail(tmp_path, OURS)
    with Journal(tmp_path, OURS, 1 << 10) as journal:
        for i in range(0, 100, 5):
            journal.append(COMMANDS[i : i + 5])
            journal.sync()
        slow = Tail(tmp_path, OURS)
        journal.prune(60)
        with pytest.raises(JournalError, match="was pruned"):
            Tail(tmp_path, OURS, 3)
        with pytest.raises(JournalError, match="pruned before it was read"):
            list(slow.commands())


def test_damage_in_what_was_synced_is_named_not_read(tmp_path: Path) -> None:
    with Journal(tmp_path, OURS) as journal:
        journal.append(COMMANDS[:30])
        journal.sync()
        tail = Tail(tmp_path, OURS)
        handle = os.open(tmp_path / "00000001.log", os.O_RDWR)
        os.pwrite(handle, b"\xff", 1000)
        os.close(handle)
        with pytest.raises(JournalError, match=r"00000001.log: damaged at offset \d+"):
            list(tail.commands())
