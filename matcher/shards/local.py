"""Shards in one process, told one command after the other."""

from collections.abc import Callable, Mapping

from matcher import commands as c
from matcher.errors import InvariantBroken
from matcher.events import Event
from matcher.shards.routes import Routes
from matcher.shards.shard import Shard
from matcher.shards.tape import Lend, SlotMoved
from matcher.types import FIRST_USER_ACCOUNT, MAX_POSITIONS, Windows


class Shards(Routes):
    """Several engines that answer as one.

    Parameters
    ----------
    count : int
    windows : Windows
    table : mapping, optional
        Market to shard, of those that `market % count` should not decide.
    record : callable, optional
        Told of each shard and entry of its tape, before the shard is.
    make : callable
        Windows to a shard.
    """

    def __init__(
        self,
        count: int,
        windows: Windows,
        table: Mapping[int, int] | None = None,
        record: Callable[[int, c.Command | Lend | SlotMoved], None] | None = None,
        make: Callable[[Windows], Shard] = Shard,
    ):
        self.shards = [make(windows) for _ in range(max(count, 1))]
        self._record = record
        super().__init__(self.shards[:count], self.shards[0], table)

    def _tell(self, shard: int, told: c.Command | Lend | SlotMoved) -> list[Event]:
        if self._record is not None:
            self._record(shard, told)
        return super()._tell(shard, told)

    def check(self) -> None:
        """Raise `InvariantBroken` if anything is found that must never be. Reads everything.

        Notes
        -----
        Each shard's own check, in which no account may be below zero; and over all: leases sum to
        nothing, places to `MAX_POSITIONS`, a slot is remembered once, where the index says.
        """
        for shard in self.shards:
            shard.check()
        standing: dict[tuple[int, int], tuple[int, int]] = {}
        for account in self.shards[0].accounts:
            parts = [shard.part(account) for shard in self.shards]
            leased, places = sum(p.leased for p in parts), sum(p.places for p in parts)
            if leased:
                raise InvariantBroken(f"account {account}: leases sum to {leased} atoms")
            if account >= FIRST_USER_ACCOUNT and places != MAX_POSITIONS:
                raise InvariantBroken(f"account {account}: places sum to {places}")
            for number, part in enumerate(parts):
                for slot in part.slots:
                    if self._holders.get((account, slot)) != number:
                        raise InvariantBroken(f"shard {number}: slot {slot} of account {account}")
                standing |= {(account, slot): (x, number) for slot, x in part.open.items()}
        if standing != {place: (o.id, o.shard) for place, o in self._standing.items()}:
            raise InvariantBroken("the index of open orders differs from the shards'")
