"""The core, killed at any moment: what anybody heard stays true, and nothing happens twice.

Lives begin as forks of this process, so that hundreds take minutes; rings belong to this process,
and each life has its own. Kills meet appends, syncs, new segments, snapshots and starts.
"""

import multiprocessing
import os
import random
import threading
from pathlib import Path

import numpy as np
import pytest

from matcher.core import EVENT_RECORD, LINE_RECORD
from matcher.kernel.exchange import Matching
from matcher.kernel.pools import Records
from matcher.shared.rings import Ring
from tests.support.core_life import journal_in, live, state_of
from tests.support.flow import as_lines, counted, flow, world

FUZZ = os.environ.get("HYPOTHESIS_PROFILE") == "fuzz"
KILLS = 200 if FUZZ else 12
FORK = multiprocessing.get_context("fork")
HEARD_MOST = 3_000  # events of a life before it is killed


class Script:
    """What is sent, and what an exchange that is never killed answers."""

    def __init__(self, seed: int, count: int):
        first = world()
        self.lines = np.concatenate([as_lines(first), as_lines(flow(seed, count))])
        self.preface, self.preface_lines = counted(first), len(first)
        self.count = self.preface + count
        ends = np.zeros(self.count, np.int64)
        self.events = Matching().run(self.lines, ends).astype(EVENT_RECORD)
        self.ends = np.concatenate([[0], ends])  # events of the first n commands

    def line_of(self, commands: int) -> int:
        """Where the next command begins behind so many."""
        assert commands == 0 or commands >= self.preface, "a life ended within the preface"
        return 0 if not commands else self.preface_lines + commands - self.preface


class Life:
    """A core in a process, and this side of its rings."""

    def __init__(self, directory: Path, number: int, prunes: bool):
        place = directory / "rings"
        self.commands = Ring.create(
            f"commands-{number}", LINE_RECORD, capacity=1 << 12, place=place
        )
        self.events = Ring.create(f"events-{number}", EVENT_RECORD, capacity=1 << 10, place=place)
        self.sender, self.reader = self.commands.producer(), self.events.consumer()
        self.ours, theirs = FORK.Pipe()
        self.process = FORK.Process(target=live, args=(directory, place, number, theirs, prunes))
        self.process.start()
        theirs.close()
        self.stopping = False

    def send(self, lines: Records) -> None:
        """Push all lines, or as many as there is time for; in a thread."""
        while len(lines) and not self.stopping:
            lines = lines[self.sender.push(lines, spins=1 << 8) :]

    def hear(self, most: int) -> Records:
        """The next events, until there are so many or the process has ended."""
        parts = [np.zeros(0, EVENT_RECORD)]
        heard = 0
        while heard < most and (self.process.is_alive() or self.reader.waiting):
            found = self.reader.peek(most - heard)
            self.reader.release(len(found))
            parts.append(found)
            heard += len(found)
        return np.concatenate(parts)

    def kill(self) -> Records:
        """SIGKILL; what it had published until then and nobody had read."""
        self.process.kill()
        self.process.join()
        return self.hear(1 << 20)

    def close(self) -> None:
        self.ours.close()
        self.commands.close()
        self.events.close()


@pytest.mark.parametrize("prunes", [False, True])
def test_kill_of_the_core_at_any_moment_loses_nothing_heard_and_repeats_nothing(
    tmp_path: Path, prunes: bool
) -> None:
    rng = random.Random(7 + prunes)
    script = Script(11, 4_000 * KILLS)
    straight, known, kept = Matching(), 0, 0
    kills = {"starting": 0, "serving": 0}
    for number in range(KILLS):
        life = Life(tmp_path, number, prunes)
        if rng.random() < 0.15 and known:
            while rng.random() < 0.8:  # some looks later: it opens, loads, replays
                life.ours.poll(0.001)
            life.kill()
            life.close()
            kills["starting"] += 1
            continue
        last, state = life.ours.recv()
        assert last >= kept, "a command that was answered is lost"
        assert last <= script.count
        straight.run(script.lines[script.line_of(known) : script.line_of(last)])
        assert state == state_of(straight), f"life {number}: another state after {last} commands"
        known = last
        sender = threading.Thread(target=life.send, args=(script.lines[script.line_of(last) :],))
        sender.start()
        preface = 0 if known else int(script.ends[script.preface]) + 1
        heard = life.hear(preface + rng.randrange(HEARD_MOST))
        life.process.kill()
        life.stopping = True
        sender.join()
        heard = np.concatenate([heard, life.kill()])
        start = int(script.ends[known])
        assert (heard == script.events[start : start + len(heard)]).all(), "heard otherwise"
        kept = int(np.searchsorted(script.ends, start + len(heard), side="left"))
        life.close()
        kills["serving"] += 1

    life = Life(tmp_path, KILLS, prunes)
    last, state = life.ours.recv()
    straight.run(script.lines[script.line_of(known) : script.line_of(last)])
    assert last >= kept
    assert state == state_of(straight)
    life.ours.send("end")
    said = life.ours.recv()
    life.process.join(20)
    life.close()
    assert said == (last, state)
    assert last > 100 * KILLS
    assert min(kills.values()) > 0, "kills met only one kind of moment"
    with journal_in(tmp_path) as journal:
        segments = sorted((tmp_path / "journal").glob("*.log"))
        assert segments[-1].stem > "00000003"
        assert list((tmp_path / "snapshots").glob("snapshot-*"))
        if not prunes:
            held = np.concatenate([group.lines() for group in journal.groups()])
            expected = script.lines[: script.line_of(last)]
            assert held.tobytes() == expected.tobytes(), "what was sent, in order, once"
        else:
            assert segments[0].stem > "00000001", "nothing was pruned"
