import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.disk import allocate
from matcher.errors import JournalError
from matcher.journal.pages import PAGE, PageWriter
from matcher.journal.tail import Tail
from matcher.journal.writer import Identity, Journal
from tests.support.streams import random_stream

OURS = Identity(1337, b"\x11" * 20, b"\x22" * 32)
COMMANDS = list(random_stream(3, 300))
SIZE = 3 << 20
LENGTHS = st.one_of(st.integers(1, 3 * PAGE), st.sampled_from([PAGE, 1 << 20, (1 << 20) + 64]))


def file_of_zeros(path: Path) -> Path:
    os.close(allocate(path, SIZE))
    return path


@settings(deadline=None, max_examples=30)
@given(lengths=st.lists(LENGTHS, min_size=1, max_size=12), reopened=st.sets(st.integers(0, 11)))
def test_parts_stand_behind_one_another_with_zeros_behind_them(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], reopened: set[int]
) -> None:
    path = file_of_zeros(tmp_path_factory.mktemp("pages") / "file")
    writer, wanted = PageWriter(path), b""
    for number, length in enumerate(lengths):
        if len(wanted) + length > SIZE:
            break
        if number in reopened:
            writer.close()
            writer = PageWriter(path)
        content = bytes(range(1 + number, 201 + number)) * (length // 200 + 1)
        content = content[:length]
        cut = length // 3
        writer.write([content[:cut], memoryview(content)[cut:]], len(wanted))
        wanted += content
    writer.close()
    assert path.read_bytes() == wanted + bytes(SIZE - len(wanted))


def test_page_that_is_begun_is_read_when_another_page_was_written_meanwhile(tmp_path: Path) -> None:
    path = file_of_zeros(tmp_path / "file")
    writer = PageWriter(path)
    writer.write([b"first"], 0)
    writer.write([b"far"], 5 * PAGE)
    writer.write([b" second"], 5)
    writer.close()
    content = path.read_bytes()
    assert content[:12] == b"first second"
    assert content[5 * PAGE :][:3] == b"far"
    assert content.count(0) == SIZE - 15


def test_write_after_one_that_failed_in_the_middle_keeps_what_stood_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = file_of_zeros(tmp_path / "file")
    writer, written = PageWriter(path), os.pwritev
    writer.write([b"before"], 0)

    def refuse(handle: int, views: list[memoryview], offset: int) -> int:
        if offset > 0:
            raise OSError(28, "No space left on device")
        return written(handle, views, offset)

    with monkeypatch.context() as patch:
        patch.setattr("matcher.disk.os.pwritev", refuse)
        with pytest.raises(OSError, match="No space"):
            writer.write([b"x" * (3 << 19)], 6)
    writer.write([b" after"], 6)
    writer.close()
    assert path.read_bytes()[:12] == b"before after"


def fill(path: Path, past_cache: bool) -> None:
    """Groups of growing size over several segments, reopened in between."""
    for first, last in ((0, 90), (90, 91), (91, 300)):
        with Journal(path, OURS, 1 << 15, first_bytes=1 << 13, past_cache=past_cache) as journal:
            at = first
            while at < last:
                group = COMMANDS[at : min(last, at + 1 + at % 17)]
                journal.append(group)
                journal.sync()
                at += len(group)


def test_journal_past_the_cache_is_the_same_files(tmp_path: Path) -> None:
    fill(tmp_path / "through", False)
    fill(tmp_path / "past", True)
    through = {path.name: path.read_bytes() for path in (tmp_path / "through").glob("*.log")}
    past = {path.name: path.read_bytes() for path in (tmp_path / "past").glob("*.log")}
    assert len(past) > 3
    assert past == through


def test_follower_reads_what_was_written_past_the_cache(tmp_path: Path) -> None:
    with Journal(tmp_path, OURS, 1 << 15, first_bytes=1 << 13, past_cache=True) as journal:
        tail, found = Tail(tmp_path, OURS), []
        for at in range(0, 300, 20):
            journal.append(COMMANDS[at : at + 20])
            journal.sync()
            for group in tail.groups():
                found += [command for _, command in group.decoded()]
            assert found == COMMANDS[: at + 20]


def test_file_system_without_a_way_past_the_cache_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = os.open

    def refuse(path: Path, flags: int, mode: int = 0o777) -> int:
        if flags & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return opened(path, flags, mode)

    monkeypatch.setattr("matcher.journal.pages.os.open", refuse)
    with pytest.raises(JournalError, match=r"00000001.log: not past the cache: .*Invalid argument"):
        Journal(tmp_path, OURS, past_cache=True)


@pytest.mark.parametrize("refused", ["opened", "written"])
def test_segment_is_filled_through_the_cache_where_there_is_no_way_past(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: str
) -> None:
    opened, written = os.open, os.pwritev
    direct: set[int] = set()

    def refuse_open(path: Path, flags: int, mode: int = 0o777) -> int:
        handle = opened(path, flags, mode)
        if flags & os.O_DIRECT:
            if refused == "opened":
                os.close(handle)
                raise OSError(22, "Invalid argument")
            direct.add(handle)
        return handle

    def refuse_write(handle: int, views: list[memoryview], offset: int) -> int:
        if handle in direct and offset > 0:
            raise OSError(22, "Invalid argument")
        return written(handle, views, offset)

    monkeypatch.setattr("matcher.disk.os.open", refuse_open)
    monkeypatch.setattr("matcher.disk.os.pwritev", refuse_write)
    steps = 0

    def count() -> None:
        nonlocal steps
        steps += 1

    handle = allocate(tmp_path / "file", (3 << 20) + 100, count)
    os.close(handle)
    found = (tmp_path / "file").read_bytes()
    assert found == bytes((3 << 20) + 100)
    assert steps == 4
    assert (tmp_path / "file").stat().st_blocks * 512 >= len(found)
