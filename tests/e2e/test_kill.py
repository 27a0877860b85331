"""A real process, killed at any moment: what was answered stays true, and nothing happens twice."""

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from matcher import commands as c
from matcher.archive import Archive
from matcher.errors import ChainError
from matcher.exchange import Exchange
from matcher.journal.writer import Journal
from tests.support import life
from tests.support.streams import random_stream
from tests.support.street import WINDOWS

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
KILLS = 200 if FUZZ else 15
ROOT = Path(__file__).resolve().parents[2]
OWN = (c.Clock, c.OpenBatch, c.CloseBatch)  # what the sequencer adds by itself


class Process:
    """One life, from start to kill."""

    def __init__(self, directory: Path):
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.life", str(directory)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdin
        assert self._process.stdout
        self._in, self._out = self._process.stdin, self._process.stdout

    def ready(self) -> tuple[int, str]:
        word, count, state_hash = self._out.readline().split()
        assert word == "ready"
        return int(count), state_hash

    def send(self, lines: list[str]) -> None:
        """Send without waiting; a pipe takes what it can, so these are few."""
        self._in.write("".join(lines))
        self._in.flush()

    def acks(self, count: int) -> Iterator[tuple[int, str]]:
        for _ in range(count):
            _, number, digest = self._out.readline().split()
            yield int(number), digest

    def kill(self) -> Iterator[tuple[int, str]]:
        """SIGKILL; what it had said until then and nobody had read."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        for line in self._out:
            if line.startswith("ack") and line.endswith("\n"):
                _, number, digest = line.split()
                yield int(number), digest
        self._in.close()
        self._out.close()

    def end(self) -> tuple[int, str]:
        self._in.close()
        *_, last = self._out
        assert self._process.wait() == 0
        word, count, state_hash = last.split()
        assert word == "end"
        return int(count), state_hash


class StraightRun:
    """The same journal, applied from the beginning in this process."""

    def __init__(self, directory: Path):
        self.engine, self.batcher = Exchange(WINDOWS), life.new_batcher()
        self.batches = {}
        self.count = 0
        self.told: list[tuple[c.Command, str]] = []  # what was sent, and how it was answered
        with Journal(directory / "journal", life.IDENTITY) as journal:
            self.cut = journal.cut
            for sequence, command in journal.replay():
                self.count = sequence
                self._apply(command)

    def _apply(self, command: c.Command) -> None:
        try:
            answer = self.engine.apply(command)
            for batch in self.batcher.add(command, answer):
                self.batches[batch.id] = batch
        except ChainError as error:
            answer = error
        if not isinstance(command, OWN):
            self.told.append((command, life.digest_of(answer)))


def check(directory: Path, sent: list[c.Command], acked: dict[int, str]) -> StraightRun:
    """Compare the journal with what was sent and what was answered."""
    run = StraightRun(directory)
    known = [command for command, _ in run.told]
    assert known == sent[: len(known)], "the journal holds what was sent, in order, once"
    assert len(known) > max(acked, default=-1), "an answered command is not in the journal"
    for number, digest in acked.items():
        assert run.told[number][1] == digest, f"command {number} was answered otherwise"
    run.engine.check()
    return run


def script(seed: int, length: int) -> tuple[list[c.Command], list[list[str]]]:
    """Commands, and the lines for each: the time it is sent at, and itself."""
    sent: list[c.Command] = []
    lines: list[list[str]] = []
    pending: list[str] = []
    for command in random_stream(seed, length):
        if isinstance(command, c.Clock | c.ChainBlock):
            pending.append(f"0 time {command.time}\n")
        if isinstance(command, OWN):
            continue
        lines.append([*pending, life.line_of(len(sent), command)])
        sent.append(command)
        pending = []
    return sent, lines


@pytest.mark.parametrize("seed", range(4) if FUZZ else [1])
def test_kill_at_any_moment_loses_no_answer_and_repeats_nothing(tmp_path: Path, seed: int) -> None:
    rng = random.Random(seed)
    sent, lines = script(seed, 120 * KILLS)
    acked: dict[int, str] = {}
    for _ in range(KILLS):
        run = check(tmp_path, sent, acked)
        process = Process(tmp_path)
        if rng.random() < 0.2:  # killed while it starts: imports, opens, replays
            time.sleep(rng.random())
            assert not dict(process.kill())
            continue
        assert process.ready() == (run.count, run.engine.state_hash().hex())
        start = len(run.told)
        burst = lines[start : start + rng.randrange(20, 120)]
        process.send([line for command in burst for line in command])
        acked.update(process.acks(rng.randrange(len(burst))))
        acked.update(process.kill())
    assert len(acked) > 10 * KILLS

    process = Process(tmp_path)
    process.ready()
    said = process.end()
    run = check(tmp_path, sent, acked)
    assert said == (run.count, run.engine.state_hash().hex())
    archive = Archive(tmp_path / "batches")
    assert archive.ids() == sorted(run.batches)
    assert len(run.batches) > KILLS // 2
    for batch_id, batch in run.batches.items():
        assert archive.read(batch_id) == batch
