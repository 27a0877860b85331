"""Exchange and batcher that begin from a snapshot go on as those that were told everything."""

import resource
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from matcher import commands as c
from matcher.batch import Batch
from matcher.checkpoints import Checkpoints
from matcher.errors import JournalError
from matcher.exchange import Exchange
from matcher.journal.snapshot import Snapshots
from matcher.journal.writer import Journal
from matcher.sequencer import REFUSALS
from matcher.widths import require_widths
from tests.support.life import IDENTITY, new_batcher
from tests.support.streams import random_stream
from tests.support.street import WINDOWS

EVERY = 150


def fits(command: c.Command) -> bool:
    """Whether lines hold it: what does not fit is refused before it is journaled."""
    try:
        require_widths(command)
    except JournalError:
        return False
    return True


COMMANDS = list(islice(filter(fits, random_stream(5, 2_000)), 900))


class Life:
    """Journal, snapshots, exchange and batcher, from start to crash."""

    def __init__(self, directory: Path, *, prunes: bool = False):
        self.journal = Journal(directory / "journal", IDENTITY, 1 << 14)
        self.snapshots = Snapshots(directory / "snapshots", IDENTITY)
        self.exchange, self.batcher = Exchange(WINDOWS), new_batcher()
        self.checkpoints = Checkpoints(
            self.journal,
            self.snapshots,
            {"exchange": self.exchange, "batcher": self.batcher},
            EVERY,
            prunes=prunes,
        )
        self.batches: list[Batch] = []
        self.began = self.checkpoints.load()
        for _, command in self.journal.replay(self.began):
            self.apply(command)

    def apply(self, command: c.Command) -> None:
        try:
            events = self.exchange.apply(command)
            self.batches += self.batcher.add(command, events)
        except REFUSALS:
            return

    def run(self, commands: list[c.Command], group: int = 25) -> None:
        for i in range(0, len(commands), group):
            self.journal.append(commands[i : i + group])
            self.journal.sync()
            for command in commands[i : i + group]:
                self.apply(command)
            self.checkpoints.look(self.journal.last)
            self.checkpoints.close()  # written, and so the next one is begun when it is due

    def end(self) -> None:
        self.checkpoints.close()
        self.journal.close()


def straight(count: int) -> Life:
    """What was told everything, without files."""
    life = Life.__new__(Life)
    life.exchange, life.batcher, life.batches = Exchange(WINDOWS), new_batcher(), []
    for command in COMMANDS[:count]:
        life.apply(command)
    return life


@pytest.mark.parametrize("prunes", [False, True])
def test_lives_from_snapshots_are_one_life(tmp_path: Path, prunes: bool) -> None:
    at, batches = 0, {}
    for upto in (200, 400, 410, 900):
        life = Life(tmp_path, prunes=prunes)
        expected = straight(at)
        assert life.exchange.state_hash() == expected.exchange.state_hash()
        assert life.batcher.head == expected.batcher.head
        assert life.began > at - EVERY - 25
        life.run(COMMANDS[at:upto])
        life.exchange.check()
        batches.update({batch.id: batch for batch in life.batches})
        at = upto
        life.end()
    life = Life(tmp_path, prunes=prunes)
    expected = straight(900)
    assert life.began > 900 - EVERY - 25
    assert life.exchange.state_text() == expected.exchange.state_text()
    assert life.batcher.head == expected.batcher.head
    assert batches == {batch.id: batch for batch in expected.batches}
    first = min((tmp_path / "journal").glob("*.log")).stem
    assert (first > "00000001") == prunes
    life.end()


def test_nothing_is_taken_that_is_not_synced(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.journal.append(COMMANDS[:EVERY])
    life.checkpoints.look(EVERY)
    assert life.checkpoints.last == 0
    life.journal.sync()
    life.checkpoints.look(EVERY)
    assert life.checkpoints.last == EVERY
    life.end()
    assert life.snapshots.sequences() == [EVERY]


def test_snapshot_that_fails_is_named_and_the_exchange_goes_on(tmp_path: Path) -> None:
    life = Life(tmp_path)
    dump = life.exchange.dump

    def short() -> Any:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 12, 1 << 12))
        return dump()

    life.exchange.dump = short  # type: ignore[method-assign]
    with capture_logs() as logs:
        life.run(COMMANDS[:EVERY])
        life.checkpoints.close()
    assert [entry["event"] for entry in logs] == ["snapshot failed"]
    assert "File too large" in logs[0]["reason"]
    life.exchange.dump = dump  # type: ignore[method-assign]
    life.run(COMMANDS[EVERY : 3 * EVERY])
    life.end()
    assert life.snapshots.sequences()


def test_snapshot_of_other_components_is_refused(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.run(COMMANDS[: 2 * EVERY])
    life.end()
    with Journal(tmp_path / "journal", IDENTITY) as journal:
        alone = Checkpoints(journal, life.snapshots, {"exchange": Exchange(WINDOWS)})
        with pytest.raises(JournalError, match="holds batcher, exchange, expected exchange"):
            alone.load()
