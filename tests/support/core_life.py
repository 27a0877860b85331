"""A core in a process of its own, to be killed at any moment: journal, snapshots, rings."""

import hashlib
import threading
from multiprocessing.connection import Connection
from pathlib import Path

from matcher.core import EVENT_RECORD, LINE_RECORD, Core, recovered
from matcher.journal.snapshot import Snapshots
from matcher.journal.writer import Identity, Journal
from matcher.kernel.exchange import Matching
from matcher.shared.rings import Ring

IDENTITY = Identity(1337, b"\x11" * 20, b"\x22" * 32)
SEGMENT_BYTES = 1 << 17  # small, so that segments end often


def journal_in(directory: Path) -> Journal:
    return Journal(directory / "journal", IDENTITY, SEGMENT_BYTES, first_bytes=1 << 15)


def state_of(matching: Matching) -> str:
    """All that is open, held and known, in a few bytes; not where it lies."""
    accounts = matching.pools.arrays["accounts"][["cash", "orders", "deposited", "exited"]]
    count = int(matching.pools.context["accounts_count"])
    told = repr((matching.orders(), sorted(matching.positions().items()), matching.next_seq))
    return hashlib.sha256(told.encode() + accounts[:count].tobytes()).hexdigest()


def live(directory: Path, place: Path, life: int, say: Connection, prunes: bool) -> None:
    """One life: recover, say what is there, serve until killed, or until the parent closes."""
    journal = journal_in(directory)
    snapshots = Snapshots(directory / "snapshots", IDENTITY)
    matching = recovered(journal, snapshots)
    matching.check()
    say.send((journal.last, state_of(matching)))
    commands = Ring.attach(f"commands-{life}", LINE_RECORD, place=place)
    events = Ring.attach(f"events-{life}", EVENT_RECORD, place=place)
    core = Core(matching, [commands.consumer()], events.producer(), journal)
    ending = threading.Event()

    def keep_snapshots() -> None:
        while not ending.is_set():
            writing = core.snapshot(snapshots, 10)
            if writing is not None:
                writing.wait()
                if prunes:
                    journal.prune(snapshots.prunable)

    def await_end() -> None:
        say.poll(None)  # the parent lets go
        ending.set()
        keeper.join()
        core.stop()

    keeper = threading.Thread(target=keep_snapshots, daemon=True)
    keeper.start()
    threading.Thread(target=await_end, daemon=True).start()
    core.run()
    journal.close()
    say.send((core.sequence, state_of(matching)))
