import asyncio
import os
import threading
from pathlib import Path

import pytest

from matcher import commands as c
from matcher.errors import JournalError
from matcher.journal.writer import Journal
from tests.support.journals import COMMANDS, OURS, group_places, last_segment, read


class Disk:
    """The real disk, whose syncs begin when a test says so."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch):
        self.began, self.go = threading.Semaphore(0), threading.Semaphore(0)
        self.syncs = 0
        sync = os.fdatasync

        def watched(handle: int) -> None:
            self.began.release()
            assert self.go.acquire(timeout=60)
            sync(handle)
            self.syncs += 1

        monkeypatch.setattr("matcher.journal.files.os.fdatasync", watched)

    async def wait_for_sync(self) -> None:
        assert await asyncio.to_thread(self.began.acquire, timeout=60)


async def test_append_does_not_wait_for_a_running_sync_and_shares_the_next(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, OURS)
    disk = Disk(monkeypatch)
    journal.append(COMMANDS[:2])
    first = journal.durable(2)
    await disk.wait_for_sync()
    later = []
    for i in range(2, 12):  # while the sync runs
        journal.append(COMMANDS[i : i + 1])
        later.append(journal.durable(i + 1))
    assert not first.done()
    disk.go.release()
    await first
    await disk.wait_for_sync()
    assert journal.synced == 2
    assert not any(future.done() for future in later)
    disk.go.release()
    await asyncio.gather(*later)
    assert (journal.synced, disk.syncs) == (12, 2)
    assert [len(range(*place)) > 0 for place in group_places(last_segment(tmp_path))] == [True] * 3
    disk.go.release(10)
    journal.close()
    assert read(tmp_path) == COMMANDS[:12]


async def test_durable_of_what_is_synced_is_done_at_once(tmp_path: Path) -> None:
    with Journal(tmp_path, OURS) as journal:
        journal.append(COMMANDS[:3])
        journal.sync()
        assert journal.durable(3).done()


async def test_ack_written_answers_before_the_sync_and_goes_on_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, OURS, ack="written")
    disk = Disk(monkeypatch)
    for i in range(5):
        journal.append(COMMANDS[i : i + 1])
        await journal.durable(i + 1)
    assert journal.synced == 0
    disk.go.release(10)
    journal.close()
    assert read(tmp_path) == COMMANDS[:5]


async def test_failed_sync_refuses_everybody_who_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal = Journal(tmp_path, OURS)

    def fail(_: int) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr("matcher.journal.files.os.fdatasync", fail)
        journal.append(COMMANDS[:3])
        waiting = [journal.durable(1), journal.durable(3)]
        for future in waiting:
            with pytest.raises(JournalError, match="sync failed"):
                await future
    with pytest.raises(JournalError, match="sync failed"):
        await journal.durable(3)
    assert journal.synced == 0
    journal.close()


async def test_groups_of_a_crowd_are_few_and_lose_nothing(tmp_path: Path) -> None:
    """Many tasks append at once, over small segments that end while others append."""
    with Journal(tmp_path, OURS, 1 << 12) as journal:
        sent: list[c.Command] = []

        async def one(command: c.Command) -> None:
            (sequence,) = journal.append([command])
            sent.append(command)
            await journal.durable(sequence)
            assert journal.synced >= sequence

        for start in range(0, len(COMMANDS), 100):
            await asyncio.gather(*[one(command) for command in COMMANDS[start : start + 100]])
        assert [command for _, command in journal.replay()] == sent
        count = len(list(journal.groups()))
    assert last_segment(tmp_path).name > "00000004.log"
    assert count < len(COMMANDS) // 4
    assert read(tmp_path) == sent
