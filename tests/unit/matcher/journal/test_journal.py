import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import commands as c
from matcher.errors import JournalError
from matcher.journal import files as segment_files
from matcher.journal.groups import BLOCK, LINE
from matcher.journal.writer import Identity, Journal, encode, limits_in
from matcher.kernel.pools import Limits
from tests.support.journals import COMMANDS, OURS, fill, group_places, last_segment, read


def test_replay_returns_what_was_appended_over_many_segments(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[i : i + 7] for i in range(0, 400, 7)], segment_bytes=5_000)
    assert len(list(tmp_path.glob("*.log"))) > 10
    assert read(tmp_path) == COMMANDS


def test_append_after_reopening_goes_on_counting(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[:10]])
    with Journal(tmp_path, OURS) as journal:
        assert journal.last == 10
        assert journal.append(COMMANDS[10:12]) == range(11, 13)
    assert read(tmp_path) == COMMANDS[:12]


class Unsynced:
    """A journal as a crash leaves it: groups that were written, and not synced."""

    def __init__(self, path: Path, commands: list[list[c.Command]]):
        self.path = path
        promised = (path / "progress").read_bytes()
        fill(path, commands)
        (path / "progress").write_bytes(promised)
        self.segment = last_segment(path)
        self.whole = bytearray(self.segment.read_bytes())

    def leave(self, blank: list[tuple[int, int]]) -> None:
        """Blank ranges of bytes: these were not written."""
        raw = bytearray(self.whole)
        for start, end in blank:
            raw[start:end] = bytes(end - start)
        self.segment.write_bytes(raw)


def test_reopening_on_a_fresh_segment_remembers_the_last_sequence(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[:5], COMMANDS[5:6]], segment_bytes=1)
    size = last_segment(tmp_path).stat().st_size
    (tmp_path / "progress").unlink()
    last_segment(tmp_path).write_bytes(bytes(size))  # killed while the segment was made
    with Journal(tmp_path, OURS) as journal:
        assert journal.last == 5
        journal.append(COMMANDS[5:6])
    assert read(tmp_path) == COMMANDS[:6]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_torn_tail_is_cut_at_any_block_and_reported(tmp_path_factory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("journal")
    synced = data.draw(st.integers(0, 10))
    fill(path, [COMMANDS[:synced]])
    unsynced = Unsynced(path, [COMMANDS[synced : synced + 40]])
    start = group_places(unsynced.segment)[-1][0]
    end = len(bytes(unsynced.whole).rstrip(b"\0"))
    kept = data.draw(st.integers(start // BLOCK, (end - 1) // BLOCK)) * BLOCK
    unsynced.leave([(max(kept, start), end)])
    with Journal(path, OURS) as journal:
        found = [command for _, command in journal.replay()]
        cut = journal.cut
        journal.append(COMMANDS[:1])
    assert found == COMMANDS[:synced]
    if kept <= start:
        assert cut is None
    else:
        assert cut is not None
        assert (cut.segment, cut.offset) == (unsynced.segment, start)
        assert start < cut.offset + cut.lost <= kept
    assert read(path) == [*found, COMMANDS[0]]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_blocks_missing_from_what_was_not_synced_are_cut_with_all_behind_them(
    tmp_path_factory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal")
    fill(path, [COMMANDS[:7]])
    promised = (path / "progress").read_bytes()
    segment = last_segment(path)
    with Journal(path, OURS, ack="written") as journal:  # several groups before a sync
        journal._keep_syncing = lambda: None
        for i in range(5):
            journal.append(COMMANDS[7 + 8 * i : 15 + 8 * i])
            journal._write_pending(journal.last)
        assert (journal.synced, journal.written) == (7, 47)
    (path / "progress").write_bytes(promised)
    written = group_places(segment)[2:]
    raw = bytearray(segment.read_bytes())
    start, end = written[0][0], written[-1][1]
    edges = [start, *range(start // BLOCK * BLOCK + BLOCK, end, BLOCK), end]
    pieces = list(pairwise(edges))
    missing = data.draw(st.lists(st.sampled_from(pieces), min_size=1, unique=True))
    for a, b in missing:
        raw[a:b] = bytes(b - a)
    segment.write_bytes(raw)
    whole = 0
    for a, b in written:
        if any(a < y and x < b for x, y in missing):
            break
        whole += 1
    assert read(path) == COMMANDS[: 7 + 8 * whole]


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_flipped_byte_anywhere_in_what_was_synced_is_never_read_as_something_else(
    tmp_path_factory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal")
    batches = [COMMANDS[20 + 3 * i : 23 + 3 * i] for i in range(4)]
    fill(path, batches, segment_bytes=data.draw(st.sampled_from([1 << 14, 1_000])))
    if data.draw(st.booleans()):
        (path / "progress").unlink()  # a power cut may have taken it
    segment = data.draw(st.sampled_from(sorted(path.glob("*.log"))))
    raw = bytearray(segment.read_bytes())
    place = data.draw(st.integers(0, group_places(segment)[-1][1] - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    segment.write_bytes(raw)
    with pytest.raises(JournalError):
        read(path)


def test_damage_in_the_middle_is_named_by_file_and_offset(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[:3], COMMANDS[3:6]])
    segment = last_segment(tmp_path)
    raw = bytearray(segment.read_bytes())
    _, (place, _), _ = group_places(segment)
    raw[place + LINE + 5] ^= 1
    segment.write_bytes(raw)
    with pytest.raises(JournalError, match=rf"00000001.log: damaged at offset {place} of"):
        Journal(tmp_path, OURS)


def test_block_of_zeros_in_what_was_synced_is_damage(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[:60], COMMANDS[60:61]])
    (tmp_path / "progress").unlink()
    raw = bytearray(last_segment(tmp_path).read_bytes())
    raw[1024:1536] = bytes(512)
    last_segment(tmp_path).write_bytes(raw)
    with pytest.raises(JournalError, match="cannot be read, but 61 after it can"):
        Journal(tmp_path, OURS)


def test_last_group_lost_after_it_was_synced_is_damage(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[:3], COMMANDS[3:40]])
    segment = last_segment(tmp_path)
    start, end = group_places(segment)[-1]
    raw = bytearray(segment.read_bytes())
    raw[start:end] = bytes(end - start)
    segment.write_bytes(raw)
    with pytest.raises(JournalError, match="command 40 was synced, but 3 is the last"):
        Journal(tmp_path, OURS)
    assert segment.read_bytes() == raw, "nothing is touched"


def test_what_stood_behind_a_cut_never_comes_back(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[:3]])
    promised = (tmp_path / "progress").read_bytes()
    with Journal(tmp_path, OURS, ack="written") as journal:
        for i in (3, 4, 5):
            journal.append(COMMANDS[i : i + 1])
            journal._write_pending(journal.last)
    (tmp_path / "progress").write_bytes(promised)
    segment = last_segment(tmp_path)
    raw = bytearray(segment.read_bytes())
    _, _, (start, end), *_ = group_places(segment)
    raw[start:end] = bytes(end - start)
    segment.write_bytes(raw)
    assert not any(raw[start : start // BLOCK * BLOCK + BLOCK]) or end - start < BLOCK
    # Command 4 is written anew, of the same size: 5 and 6 would stand right behind it.
    with Journal(tmp_path, OURS) as journal:
        assert journal.cut is not None
        assert journal.last == 3
        journal.append(COMMANDS[3:4])
    assert read(tmp_path) == COMMANDS[:4]


def test_file_that_does_not_begin_as_a_journal_is_refused_untouched(tmp_path: Path) -> None:
    before = bytes.fromhex("0000004a7f3c1d22") + bytes(12) + b"a record of format 1"
    (tmp_path / "00000001.log").write_bytes(before)
    with pytest.raises(JournalError, match=r"00000001.log: does not begin as a journal of format"):
        Journal(tmp_path, OURS)
    assert (tmp_path / "00000001.log").read_bytes() == before


def test_missing_segment_is_named(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[i : i + 5] for i in range(0, 30, 5)], segment_bytes=1)
    sorted(tmp_path.glob("*.log"))[2].unlink()
    with (
        Journal(tmp_path, OURS) as journal,
        pytest.raises(JournalError, match=r"found command 11 .* expected 6"),
    ):
        list(journal.replay())


@pytest.mark.parametrize(
    "theirs",
    [
        Identity(1, OURS.registry, OURS.genesis),
        Identity(1337, b"\x33" * 20, OURS.genesis),
        Identity(1337, OURS.registry, b"\x33" * 32),
        Identity(1337, OURS.registry, OURS.genesis, format=1),
    ],
)
def test_journal_of_another_exchange_is_refused_naming_both(
    tmp_path: Path, theirs: Identity
) -> None:
    fill(tmp_path, [COMMANDS[:3]])
    before = last_segment(tmp_path).read_bytes()
    with pytest.raises(JournalError) as error:
        Journal(tmp_path, theirs)
    assert str(OURS) in str(error.value)
    assert str(theirs) in str(error.value)
    assert last_segment(tmp_path).read_bytes() == before


def test_journal_says_under_which_limits_it_was_begun(tmp_path: Path) -> None:
    assert limits_in(tmp_path / "nothing") == Limits()
    few = Limits(books=8, orders=100)
    ours = Identity(OURS.chain_id, OURS.registry, OURS.genesis, limits=few)
    with Journal(tmp_path, ours, 1 << 12) as journal:
        for command in COMMANDS[:50]:
            journal.append([command])
            journal.sync()
        assert limits_in(tmp_path) == few
        journal.prune(40)
    assert limits_in(tmp_path) == few
    with pytest.raises(JournalError, match=r"format 2, books 8, orders 100; ours is .* format 2$"):
        Journal(tmp_path, OURS)
    with Journal(tmp_path, ours) as journal:
        assert journal.last == 50
    for segment in sorted(tmp_path.glob("*.log")):
        assert limits_in(tmp_path) == few, "of the first that can be read"
        segment.write_bytes(b"?" + segment.read_bytes()[1:])
    assert limits_in(tmp_path) == Limits(), "whoever opens it is told what is wrong"


def test_second_process_is_refused_while_the_first_writes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from matcher.journal.writer import *;"
        f"Journal(Path({str(tmp_path)!r}), Identity(1337, b'\\x11' * 20, b'\\x22' * 32))"
    )
    with Journal(tmp_path, OURS):
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False
        )
    assert f"process {os.getpid()} writes here" in done.stderr
    fill(tmp_path, [COMMANDS[:1]])


def test_closed_journal_takes_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path, OURS)
    journal.close()
    with pytest.raises(JournalError, match="closed"):
        journal.append(COMMANDS[:1])


def test_failed_sync_stops_the_journal_for_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, OURS)

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    journal.append(COMMANDS[:1])
    with monkeypatch.context() as patch:
        patch.setattr("matcher.journal.writer.os.fdatasync", fail)
        with pytest.raises(JournalError, match="sync failed"):
            journal.sync()
    with pytest.raises(JournalError, match="sync failed"):
        journal.append(COMMANDS[1:2])
    journal.close()


def test_failed_write_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [COMMANDS[:2]])
    write = os.pwritev

    def half(handle: int, views: list[memoryview], offset: int) -> int:
        if sum(map(len, views)) > 50:
            return write(handle, [views[0][:50]], offset)
        raise OSError(28, "No space left on device")

    journal = Journal(tmp_path, OURS)
    with monkeypatch.context() as patch:
        patch.setattr("matcher.disk.os.pwritev", half)
        journal.append(COMMANDS[2:3])
        with pytest.raises(JournalError, match=r"write failed: .*No space left"):
            journal.sync()
    with pytest.raises(JournalError, match=r"write failed"):
        journal.append(COMMANDS[2:3])
    journal.close()
    assert read(tmp_path) == COMMANDS[:2]


def test_disk_without_room_for_a_segment_says_so_and_acknowledges_nothing(tmp_path: Path) -> None:
    code = f"""
import asyncio, resource
from tests.unit.matcher.journal.test_journal import *
async def main():
    path = Path({str(tmp_path)!r})
    with Journal(path, OURS, 1 << 16, first_bytes=1 << 14) as journal:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, 1 << 14))
        for i in range(100):
            journal.append(COMMANDS[i % 300 : i % 300 + 4])
            await journal.durable(journal.last)
            print(journal.last, flush=True)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "JournalError" in done.stderr
    assert "00000002.log: write failed: [Errno 27] File too large" in done.stderr
    answered = int(done.stdout.split()[-1])
    assert 0 < answered < 400
    with Journal(tmp_path, OURS) as journal:
        assert journal.last == answered


@pytest.mark.parametrize(
    "command", [c.Clock(1 << 64), c.Clock("now"), c.Deposited(2, 1.5, 3), c.Halted(None)]
)
def test_command_that_cannot_be_read_back_is_not_written(
    tmp_path: Path, command: c.Command
) -> None:
    with Journal(tmp_path, OURS) as journal, pytest.raises(JournalError, match="cannot be"):
        journal.append([COMMANDS[0], command])
    assert read(tmp_path) == []


def test_record_of_an_unknown_command_is_named(tmp_path: Path) -> None:
    with Journal(tmp_path, OURS) as journal:
        journal.append_encoded([encode(COMMANDS[0]), msgspec.msgpack.encode({"type": "Later"})])
        with pytest.raises(JournalError, match="command 2"):
            list(journal.replay())


def test_no_segment_is_left_with_anything_unsynced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What `sync` promises of commands holds of all segments that they stand in."""
    dirty: set[int] = set()
    write, sync, close = segment_files.write_all, os.fdatasync, os.close

    def watched_write(handle: int, parts: list[bytes | memoryview], offset: int) -> None:
        dirty.add(handle)
        write(handle, parts, offset)

    def watched_sync(handle: int) -> None:
        sync(handle)
        dirty.discard(handle)

    def watched_close(handle: int) -> None:
        assert handle not in dirty, "a segment is let go that was not synced"
        close(handle)

    monkeypatch.setattr("matcher.journal.files.write_all", watched_write)
    monkeypatch.setattr("matcher.journal.files.os.fdatasync", watched_sync)
    monkeypatch.setattr("matcher.journal.files.os.close", watched_close)
    with Journal(tmp_path, OURS, 1 << 12) as journal:
        for i in range(0, 390, 13):
            journal.append(COMMANDS[i : i + 6])
            journal._write_pending(journal.last)
            journal.append(COMMANDS[i + 6 : i + 13])
            journal.sync()
            assert not dirty
    assert last_segment(tmp_path).name > "00000004.log"


# --- lines and pruning --------------------------------------------------------------------------


def some_lines(rng: random.Random, commands: int) -> bytes:
    """Lines of so many commands, each with up to two lines of annex."""
    lines = b""
    for _ in range(commands):
        annex = rng.randrange(3)
        lines += bytes([1, 0, 0, 0, annex]) + rng.randbytes(59) + rng.randbytes(64 * annex)
    return lines


def test_lines_come_back_as_they_were_and_from_any_command_on(tmp_path: Path) -> None:
    rng = random.Random(1)
    written = [some_lines(rng, 10) for _ in range(20)]
    with Journal(tmp_path, OURS, 1 << 13) as journal:
        for lines in written[:10]:
            assert len(journal.append_lines(lines, 10)) == 10
            journal.sync()
        for lines in written[10:]:
            journal.write_lines([memoryview(lines)[:64], memoryview(lines)[64:]], 10)
            journal.sync_written(journal.last)
    with Journal(tmp_path, OURS) as journal:
        assert journal.last == 200
        found = b"".join(group.lines().tobytes() for group in journal.groups())
        assert found == b"".join(written)
        starts = [0]
        while starts[-1] < len(found):
            starts.append(starts[-1] + 64 * (1 + found[starts[-1] + 4]))
        for after in (1, 9, 10, 11, 55, 199):
            some = b"".join(group.lines(after).tobytes() for group in journal.groups(after))
            assert some == found[starts[after] :]
        assert list(journal.groups(200)) == []
        with pytest.raises(JournalError, match="command 1 stands in lines"):
            list(journal.replay())


def test_pruned_journal_starts_later_and_says_what_is_gone(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[i : i + 5] for i in range(0, 50, 5)], segment_bytes=1)
    with Journal(tmp_path, OURS) as journal:
        journal.prune(24)  # command 25 stands in the same segment
        assert [command for _, command in journal.replay(24)] == COMMANDS[24:50]
        removed = [*journal.prune(25)]
        journal.prune(27)
        assert [path.name for path in removed] == [f"{n:08d}.log" for n in (6,)]
        assert [command for _, command in journal.replay(25)] == COMMANDS[25:50]
        assert [sequence for sequence, _ in journal.replay(31)] == list(range(32, 51))
        with pytest.raises(JournalError, match=r"found command 26, expected 1: .* pruned"):
            list(journal.replay())
        assert len(journal.prune(10**9)) == 4, "never the last"
    with Journal(tmp_path, OURS) as journal:
        assert journal.last == 50
        journal.append(COMMANDS[50:51])
        assert [command for _, command in journal.replay(45)] == COMMANDS[45:51]


def test_segments_double_up_to_the_most(tmp_path: Path) -> None:
    with Journal(tmp_path, OURS, 1 << 15, first_bytes=1 << 12) as journal:
        for i in range(0, 400, 10):
            journal.append(COMMANDS[i : i + 10])
            journal.sync()
    sizes = [path.stat().st_size for path in sorted(tmp_path.glob("*.log"))]
    assert sizes[:4] == [1 << 12, 1 << 13, 1 << 14, 1 << 15]
    assert set(sizes[3:]) == {1 << 15}
    assert not list(tmp_path.glob("*.next"))
