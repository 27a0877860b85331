import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher import commands as c
from matcher.errors import JournalError
from matcher.journal import Identity, Journal, encode
from tests.support.streams import random_stream

OURS = Identity(1337, b"\x11" * 20, b"\x22" * 32)
COMMANDS = list(random_stream(1, 400))


def fill(path: Path, groups: list[list[c.Command]], segment_bytes: int = 1 << 20) -> None:
    with Journal(path, OURS, segment_bytes) as journal:
        for group in groups:
            journal.append(group)
            journal.sync()


def read(path: Path) -> list[c.Command]:
    with Journal(path, OURS) as journal:
        pairs = list(journal.replay())
    assert [sequence for sequence, _ in pairs] == list(range(1, len(pairs) + 1))
    return [command for _, command in pairs]


def last_segment(path: Path) -> Path:
    return max(path.glob("*.log"))


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


def test_reopening_on_a_fresh_segment_remembers_the_last_sequence(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[:5], COMMANDS[5:6]], segment_bytes=1)
    last_segment(tmp_path).write_bytes(b"")  # killed while the segment was made
    with Journal(tmp_path, OURS) as journal:
        assert journal.last == 5
        journal.append(COMMANDS[5:6])
    assert read(tmp_path) == COMMANDS[:6]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_torn_tail_of_any_length_is_cut_and_reported(tmp_path_factory, data: st.DataObject) -> None:
    path = tmp_path_factory.mktemp("journal")
    synced = data.draw(st.integers(0, 10))
    fill(path, [COMMANDS[:synced]])
    safe = last_segment(path).stat().st_size
    fill(path, [COMMANDS[synced : synced + 5]])
    whole = last_segment(path).read_bytes()
    kept = data.draw(st.integers(safe, len(whole) - 1))
    last_segment(path).write_bytes(whole[:kept])
    with Journal(path, OURS) as journal:
        found = [command for _, command in journal.replay()]
        cut = journal.cut
        journal.append(COMMANDS[:1])
    assert synced <= len(found) < synced + 5
    assert found == COMMANDS[: len(found)]
    if cut is None:
        assert kept == 0 or kept in boundaries(whole)
    else:
        assert (cut.offset + cut.lost, cut.segment) == (kept, last_segment(path))
    assert read(path) == [*found, COMMANDS[0]]


def boundaries(data: bytes) -> set[int]:
    found, offset = set(), 0
    while offset < len(data):
        offset += 20 + int.from_bytes(data[offset : offset + 4], "big")
        found.add(offset)
    return found


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_flipped_byte_anywhere_in_what_was_synced_is_never_read_as_something_else(
    tmp_path_factory, data: st.DataObject
) -> None:
    path = tmp_path_factory.mktemp("journal")
    groups = [COMMANDS[20 + 3 * i : 23 + 3 * i] for i in range(4)]
    fill(path, groups, segment_bytes=data.draw(st.sampled_from([1 << 20, 1_000])))
    segment = data.draw(st.sampled_from(sorted(path.glob("*.log"))))
    raw = bytearray(segment.read_bytes())
    place = data.draw(st.integers(0, len(raw) - 1))
    raw[place] ^= data.draw(st.integers(1, 255))
    segment.write_bytes(raw)
    with pytest.raises(JournalError):
        read(path)


def test_damage_in_the_middle_is_named_by_file_and_offset(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[:3], COMMANDS[3:6]])
    segment = last_segment(tmp_path)
    raw = bytearray(segment.read_bytes())
    place = sorted(boundaries(bytes(raw)))[1]
    raw[place + 25] ^= 1
    segment.write_bytes(raw)
    with pytest.raises(JournalError, match=rf"00000001.log: damaged at offset {place} of"):
        Journal(tmp_path, OURS)


def test_block_of_zeros_in_what_was_not_synced_is_cut(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[:3]])
    safe = last_segment(tmp_path).stat().st_size
    with Journal(tmp_path, OURS) as journal:
        journal.append(COMMANDS[3:60])
    raw = bytearray(last_segment(tmp_path).read_bytes())
    start = -(-safe // 512) * 512
    raw[start : start + 512] = bytes(512)  # a power cut: later blocks were written, this was not
    last_segment(tmp_path).write_bytes(raw)
    found = read(tmp_path)
    assert 3 <= len(found) < 60
    assert found == COMMANDS[: len(found)]


def test_block_of_zeros_in_what_was_synced_is_damage(tmp_path: Path) -> None:
    fill(tmp_path, [COMMANDS[:60], COMMANDS[60:61]])
    raw = bytearray(last_segment(tmp_path).read_bytes())
    raw[1024:1536] = bytes(512)
    last_segment(tmp_path).write_bytes(raw)
    with pytest.raises(JournalError, match="cannot be read, but 61 after it can"):
        Journal(tmp_path, OURS)


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
        Identity(1337, OURS.registry, OURS.genesis, format=2),
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


def test_second_process_is_refused_while_the_first_writes(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from matcher.journal import *;"
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
        patch.setattr("matcher.journal.os.fdatasync", fail)
        with pytest.raises(JournalError, match="sync failed"):
            journal.sync()
    with pytest.raises(JournalError, match="sync failed"):
        journal.append(COMMANDS[1:2])
    journal.close()


def test_failed_write_leaves_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(tmp_path, [COMMANDS[:2]])
    write = os.write

    def half(handle: int, data: bytes) -> int:
        if len(data) > 50:
            return write(handle, data[:50])
        raise OSError(28, "No space left on device")

    journal = Journal(tmp_path, OURS)
    with monkeypatch.context() as patch:
        patch.setattr("matcher.journal.os.write", half)
        with pytest.raises(JournalError, match=r"write failed: .*No space left"):
            journal.append(COMMANDS[2:3])
    journal.close()
    assert read(tmp_path) == COMMANDS[:2]


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
