"""One shard: an exchange that holds the books of some markets, and of each account a part."""

from typing import NamedTuple

import numpy as np

from matcher.board import UNUSED
from matcher.commands import Command
from matcher.events import Event
from matcher.exchange import Exchange
from matcher.kernel import layout
from matcher.kernel.moves import lender, slot_maker
from matcher.shards.tape import NO_MESSAGE, Lend, SlotMoved
from matcher.types import MAX_POSITIONS, SLOTS


class Part(NamedTuple):
    """What a shard holds of an account, as checks see it.

    Attributes
    ----------
    leased : int
        Atoms that came from other shards, less what went there.
    places : int
        Positions that it may hold here.
    slots : frozenset of int
        Order slots that remember anything.
    open : dict
        Order slot to the id of the order open there.
    """

    leased: int
    places: int
    slots: frozenset[int]
    open: dict[int, int]


class Shard(Exchange):
    """An exchange whose accounts have parts elsewhere."""

    def take(self, told: Command | Lend | SlotMoved) -> list[Event]:
        """Apply one entry of the tape; see `Exchange.apply`."""
        if isinstance(told, Lend):
            lender()(self.kernel.pools.address, told.account, told.atoms, told.places)
        elif isinstance(told, SlotMoved):
            self._move_slot(told)
        else:
            return self.apply(told)
        return []

    def free(self, account: int) -> int:
        """Atoms that can be lent away; those of its own shortage if negative."""
        return self.accounts[account].worst_with_orders

    def spare(self, account: int) -> int:
        """Places for positions that can be lent away."""
        record = self.records("accounts")[account]
        return MAX_POSITIONS - int(record["elsewhere"]) - int(record["instruments"])

    def part(self, account: int) -> Part:
        """What the shard holds of an account."""
        record = self.records("accounts")[account]
        slots = dict(self.slots_of(account))
        open_ids = {slot: one.seen for slot, one in slots.items() if one.order}
        places = MAX_POSITIONS - int(record["elsewhere"])
        return Part(int(record["leased"]), places, frozenset(slots), open_ids)

    def memory(self, account: int, slot: int) -> SlotMoved:
        """What a slot without an open order remembers."""
        found = self.slot(account, slot)
        if found == UNUSED:
            return SlotMoved(account, slot)
        seen = NO_MESSAGE if found.seen < 0 else found.seen
        digest = b"" if found.seen < 0 else found.digest
        return SlotMoved(account, slot, found.generation, found.filled, seen, digest)

    def _move_slot(self, moved: SlotMoved) -> None:
        kernel = self.kernel
        kernel.pools.reserve(1)
        number = slot_maker()(kernel.pools.address, moved.account, moved.slot)
        record = self.records("slots")[number : number + 1]
        record[:] = np.zeros(1, record.dtype)
        record["generation"], record["filled"] = moved.generation, moved.filled
        if moved.id != NO_MESSAGE:
            record["seen"], record["order"] = moved.id // SLOTS, layout.SEEN
            record.view(np.uint8)[16:48] = np.frombuffer(moved.digest.ljust(32, b"\0"), np.uint8)
