import os
import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from structlog.testing import capture_logs

from matcher.errors import JournalError
from matcher.journal.snapshot import Parts, Snapshots
from matcher.journal.writer import Identity
from matcher.kernel import layout

OURS = Identity(1337, b"\x11" * 20, b"\x22" * 32)


def some_parts(seed: int, size: int = 1000) -> dict[str, dict[str, np.ndarray | bytes]]:
    rng = np.random.default_rng(seed)
    orders = np.frombuffer(rng.bytes(64 * size), layout.ORDER)
    return {
        "matching": {
            "orders": orders,
            "free": np.arange(size, dtype=np.uint32),
            "empty": np.zeros(0, layout.LEVEL),
            "grid": np.arange(24, dtype=np.int64).reshape(2, 3, 4),
        },
        "batcher": {"state": rng.bytes(777), "nothing": b""},
    }


def same(found: Parts, expected: Parts) -> bool:
    assert {part: set(named) for part, named in found.items()} == {
        part: set(named) for part, named in expected.items()
    }
    for part, named in expected.items():
        for name, value in named.items():
            there = found[part][name]
            if isinstance(value, bytes):
                assert there == value
            else:
                assert isinstance(there, np.ndarray)
                assert (there.dtype, there.shape) == (value.dtype, value.shape)
                assert there.tobytes() == value.tobytes()
    return True


def test_newest_is_read_as_it_was_written_and_two_are_kept(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, OURS)
    assert snapshots.newest(0) is None
    assert snapshots.prunable == 0
    for sequence in (10, 250, 99_000):
        snapshots.write(sequence, some_parts(sequence))
    assert snapshots.sequences() == [250, 99_000]
    assert snapshots.prunable == 250
    found = snapshots.newest(99_000)
    assert found is not None
    assert found.sequence == 99_000
    assert same(found.parts, some_parts(99_000))


@settings(max_examples=80, deadline=None)
@given(st.data())
def test_damaged_byte_is_named_and_the_one_before_is_used(
    tmp_path_factory, data: st.DataObject
) -> None:
    snapshots = Snapshots(tmp_path_factory.mktemp("snapshots"), OURS)
    snapshots.write(5, some_parts(5, 40))
    path = snapshots.write(8, some_parts(8, 40))
    raw = bytearray(path.read_bytes())
    used = [*range(32), *range(64, len(raw))]
    place = data.draw(st.sampled_from(used))
    before = raw[place]
    raw[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(raw)
    with capture_logs() as logs:
        found = snapshots.newest(10)
    assert found is not None
    if found.sequence == 8:  # what fills up to a page holds nothing
        assert before == 0
        assert same(found.parts, some_parts(8, 40))
    else:
        assert same(found.parts, some_parts(5, 40))
        assert logs[0]["event"] == "snapshot damaged"
        assert logs[0]["snapshot"] == str(path)


@pytest.mark.parametrize("kept", [0, 10, 64, 5000])
def test_shortened_file_is_named_and_the_one_before_is_used(tmp_path: Path, kept: int) -> None:
    snapshots = Snapshots(tmp_path, OURS)
    snapshots.write(5, some_parts(5))
    path = snapshots.write(8, some_parts(8))
    path.write_bytes(path.read_bytes()[:kept])
    with capture_logs() as logs:
        found = snapshots.newest(10)
    assert found is not None
    assert found.sequence == 5
    assert logs[0]["snapshot"] == str(path)


def test_snapshot_ahead_of_its_journal_is_removed(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, OURS)
    snapshots.write(5, some_parts(5))
    snapshots.write(8, some_parts(8))
    with capture_logs() as logs:
        found = snapshots.newest(7)
    assert found is not None
    assert found.sequence == 5
    assert logs[0]["event"] == "snapshot ahead of its journal"
    assert snapshots.sequences() == [5]


def test_snapshot_of_another_exchange_is_refused_naming_both(tmp_path: Path) -> None:
    theirs = Identity(1, OURS.registry, OURS.genesis)
    Snapshots(tmp_path, theirs).write(5, some_parts(5))
    with pytest.raises(JournalError) as error:
        Snapshots(tmp_path, OURS).newest(5)
    assert str(OURS) in str(error.value)
    assert str(theirs) in str(error.value)


def test_snapshot_written_apart_holds_what_was_when_it_was_begun(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, OURS)
    parts = some_parts(3)
    orders = np.array(parts["matching"]["orders"])
    parts["matching"]["orders"] = orders
    expected = orders.copy()
    writing = snapshots.write_apart(3, lambda: parts)
    orders["id"] = 0
    writing.wait()
    found = snapshots.newest(3)
    assert found is not None
    there = found.parts["matching"]["orders"]
    assert isinstance(there, np.ndarray)
    assert (there == expected).all()


def test_snapshot_apart_lets_go_of_the_files_of_this_process(tmp_path: Path) -> None:
    hear, tell = os.pipe()

    def dump() -> Parts:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(hear)
        return some_parts(1)

    snapshots = Snapshots(tmp_path, OURS)
    snapshots.write_apart(1, dump).wait()
    assert snapshots.sequences() == [1]
    os.close(hear)
    os.close(tell)


def test_disk_without_room_is_told_and_the_one_before_stays(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, OURS)
    snapshots.write(5, some_parts(5))

    def short() -> Parts:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 14, 1 << 14))
        return some_parts(8)

    with pytest.raises(JournalError, match=r"write failed: .*File too large"):
        snapshots.write_apart(8, short).wait()
    assert list(tmp_path.iterdir()) == [snapshots.path(5)]
    found = snapshots.newest(9)
    assert found is not None
    assert same(found.parts, some_parts(5))


def test_what_a_killed_process_left_unnamed_is_removed(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path, OURS)
    (tmp_path / ".snapshot-0000000000000009.123").write_bytes(b"half")
    assert snapshots.sequences() == []
    assert snapshots.newest(10) is None
    assert not list(tmp_path.iterdir())
