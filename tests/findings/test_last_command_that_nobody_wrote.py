"""A core that was told to stop while its journal's thread had just found nothing to write.

The thread left without a last look: what was matched meanwhile was never written.
"""

import os
import threading
from pathlib import Path

from matcher.core import LINE_RECORD, Core
from matcher.journal.writer import Identity, Journal
from matcher.kernel.exchange import Matching
from matcher.shared.rings import Ring
from tests.support.flow import as_lines, counted, world

OURS = Identity(1337, b"\x11" * 20, b"\x22" * 32)


class Late(Core):
    """Whose journal's thread, once it has found nothing, goes on when it is let."""

    def hold(self) -> None:
        self.idle, self.go_on = threading.Event(), threading.Event()

    def _write_marked(self, spins: int) -> bool:
        found = super()._write_marked(spins)
        if not found and not self.idle.is_set():
            self.idle.set()
            assert self.go_on.wait(30)
        return found


def test_core_stopped_between_a_look_and_the_next_command_writes_it(tmp_path: Path) -> None:
    ring = Ring.create("commands", LINE_RECORD, capacity=1 << 10, place=tmp_path / "rings")
    sender, commands = ring.producer(), world()
    journal = Journal(tmp_path / "journal", OURS, 1 << 20, first_bytes=1 << 18)
    core = Late(Matching(), [ring.consumer()], None, journal)
    core.hold()
    thread = threading.Thread(target=core.run)
    thread.start()
    assert core.idle.wait(30)
    lines = as_lines(commands)
    assert sender.push(lines, spins=1 << 10) == len(lines)
    while core.sequence < counted(commands):
        os.sched_yield()
    core.stop()
    core.go_on.set()
    thread.join(30)
    assert not thread.is_alive()
    assert journal.last == counted(commands)
    journal.close()
    ring.close()
