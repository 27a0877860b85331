"""Snapshots of whatever a process builds from the journal: taken now and then, and begun from.

::

    checkpoints = Checkpoints(journal, snapshots, {"exchange": exchange, "batcher": batcher})
    for sequence, command in journal.replay(after=checkpoints.load()):
        ...
    while ...:  # after each group that is synced and applied
        checkpoints.look(sequence)

The process stops for a fork; another one writes what it held at that moment. One that fails is
named in the log and tried again later: the journal alone is enough, it only takes longer.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

import structlog

from matcher.errors import JournalError
from matcher.journal.snapshot import Parts, Snapshots, Writing
from matcher.journal.writer import Journal

log = structlog.get_logger()

EVERY: Final = 1_000_000  # commands


class Component(Protocol):
    """Something that can be dumped and loaded."""

    def dump(self) -> Any:
        """All it holds: arrays and bytes, by name."""

    def load(self, parts: Any, /) -> None:
        """Hold what was dumped; it was told nothing yet."""


class Written(Protocol):
    """How far a journal is."""

    @property
    def last(self) -> int:
        """The last command that it has."""

    @property
    def synced(self) -> int:
        """The last one that a power cut leaves."""


class Checkpoints:
    """Begins from the newest snapshot, and takes the next ones.

    Parameters
    ----------
    journal : Journal
        Or what says how far it is, for who follows it.
    snapshots : Snapshots
    components : mapping of str to Component
        All that the commands change; new.
    every : int or None
        Commands from one snapshot to the next; None: it takes none, and changes no others'.
    prunes : bool
        Remove segments of the journal that hold only what the older snapshot contains; only for who
        writes the journal.

    Attributes
    ----------
    last : int
        Sequence of the last snapshot that was begun, or loaded.
    """

    def __init__(
        self,
        journal: Journal | Written,
        snapshots: Snapshots,
        components: Mapping[str, Component],
        every: int | None = EVERY,
        *,
        prunes: bool = False,
    ):
        self.last = 0
        self._journal = journal
        self._snapshots = snapshots
        self._components = dict(components)
        self._every = every
        self._prunes = prunes
        self._writing: Writing | None = None

    def load(self) -> int:
        """Load the newest sound snapshot; the sequence behind which the journal is replayed.

        Raises
        ------
        JournalError
            If a snapshot is another exchange's, or holds other components.
        """
        found = self._snapshots.newest(self._journal.last, tidy=self._every is not None)
        if found is None:
            return 0
        if set(found.parts) != set(self._components):
            raise JournalError(
                f"{self._snapshots.path(found.sequence)}: holds {', '.join(sorted(found.parts))},"
                f" expected {', '.join(sorted(self._components))}"
            )
        for name, component in self._components.items():
            component.load(found.parts[name])
        self.last = found.sequence
        log.info("snapshot loaded", sequence=found.sequence)
        return found.sequence

    def look(self, sequence: int) -> None:
        """Begin a snapshot if it is time for one; commands up to `sequence` are applied.

        Nothing is begun before they are synced, or while the one before is written.
        """
        if self._writing is not None and self._writing.done:
            self._end(self._writing)
        due = self._every is not None and sequence >= self.last + self._every
        if due and self._writing is None and self._journal.synced >= sequence:
            self._writing = self._snapshots.write_apart(sequence, self._dump)
            self.last = sequence

    def close(self) -> None:
        """Wait for the one that is written."""
        if self._writing is not None:
            self._end(self._writing)

    def _dump(self) -> Parts:
        return {name: component.dump() for name, component in self._components.items()}

    def _end(self, writing: Writing) -> None:
        self._writing = None
        try:
            writing.wait()
        except JournalError as error:
            log.warning("snapshot failed", sequence=writing.sequence, reason=str(error))
            return
        log.info("snapshot written", sequence=writing.sequence)
        if self._prunes:
            assert isinstance(self._journal, Journal), "who follows a journal prunes none"
            self._journal.prune(self._snapshots.prunable)
