"""A journal of an exchange, as tests fill and read it."""

from pathlib import Path

from matcher import commands as c
from matcher.journal.groups import skip_at
from matcher.journal.writer import Identity, Journal
from tests.support.streams import random_stream

OURS = Identity(1337, b"\x11" * 20, b"\x22" * 32)
COMMANDS = list(random_stream(1, 400))


def fill(path: Path, groups: list[list[c.Command]], segment_bytes: int = 1 << 20) -> None:
    with Journal(path, OURS, segment_bytes, first_bytes=1 << 14) as journal:
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


def group_places(segment: Path) -> list[tuple[int, int]]:
    """(offset, end) of each group of a segment, the identity first."""
    data, offset, found = memoryview(segment.read_bytes()), 0, []
    while skipped := skip_at(data, offset, int(segment.stem)):
        found.append((offset, skipped[1]))
        offset = skipped[1]
    return found
