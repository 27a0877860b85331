"""The exchange without its edges: what the chain tells, to batches in an archive.

The node's own pipeline without journal, tasks and gateway, for tests of what stands on either side
of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from matcher import commands as c
from matcher.archive import Archive
from matcher.batch import Batch, genesis
from matcher.chain.deployment import Deployment
from matcher.chain.follower import Follower
from matcher.events import Event, Rejected
from matcher.exchange import Exchange
from matcher.settlement.batcher import Batcher


class Pipeline:
    """Engine, batcher and archive, fed by a follower.

    Parameters
    ----------
    deployment : Deployment
    directory : Path
        Of the archive.
    confirmations : int
    """

    def __init__(self, deployment: Deployment, directory: Path, confirmations: int = 1):
        self.deployment = deployment
        self.engine = Exchange(deployment.windows)
        first = genesis(deployment.genesis_built_at)
        self.batcher = Batcher(first, deployment.windows, operator=1)
        self.archive = Archive(directory)
        self.follower = Follower(deployment.w3, deployment, confirmations)
        self.told: list[c.Command] = []

    def apply(self, command: c.Command) -> list[Event]:
        events = self.engine.apply(command)
        assert not any(isinstance(event, Rejected) for event in events), events
        for batch in self.batcher.add(command, events):
            if isinstance(command, c.Redate):
                self.archive.replace(batch)
            else:
                self.archive.write(batch)
        return events

    def tell(self, commands: Iterable[c.Command]) -> None:
        for command in commands:
            self.told.append(command)
            self.apply(command)

    def follow(self) -> None:
        """Be told everything that counts, and the time."""
        while commands := self.follower.poll():
            self.tell(commands)
        self.apply(c.Clock(self.follower.exchange_time()))

    def batch(self) -> Batch | None:
        """Follow, and close a batch of what waits for one; None if nothing does."""
        self.follow()
        before = self.batcher.head.id
        self.apply(c.OpenBatch())
        self.apply(c.CloseBatch())
        after = self.batcher.head.id
        return self.archive.read(after) if after > before else None

    def redate(self) -> None:
        """Give every batch above the chain's head the exchange's time."""
        self.follow()
        self.apply(c.Redate(self.follower.batches.head + 1, self.engine.now))
