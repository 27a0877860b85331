"""One shard: an engine that holds the books of some markets, and of each account a part."""

from typing import NamedTuple

from matcher.account import Seen, Slot
from matcher.commands import Command
from matcher.engine import Engine
from matcher.events import Event
from matcher.shards.tape import NO_MESSAGE, Lend, SlotMoved
from matcher.types import MAX_POSITIONS


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


class Shard(Engine):
    """An engine whose accounts have parts elsewhere."""

    def take(self, told: Command | Lend | SlotMoved) -> list[Event]:
        """Apply one entry of the tape; see `Engine.apply`."""
        if isinstance(told, Lend):
            self._lend(told)
        elif isinstance(told, SlotMoved):
            self._move_slot(told)
        else:
            return self.apply(told)
        return []

    def free(self, account: int) -> int:
        """Atoms that can be lent away; those of its own shortage if negative."""
        return self._state.worst_with_orders(self._state.accounts[account])

    def spare(self, account: int) -> int:
        """Places for positions that can be lent away."""
        return self._state.accounts[account].spare

    def part(self, account: int) -> Part:
        """What the shard holds of an account."""
        found = self._state.accounts[account]
        open_ids = {slot: order.id for slot, order in found.open.items()}
        slots = frozenset(found.seen.keys() | found.slots.keys())
        return Part(found.leased, MAX_POSITIONS - found.elsewhere, slots, open_ids)

    def memory(self, account: int, slot: int) -> SlotMoved:
        """What a slot without an open order remembers."""
        found = self._state.accounts[account]
        used, seen = found.slots.get(slot, Slot(0, 0)), found.seen.get(slot)
        if seen is None:
            return SlotMoved(account, slot, used.generation, used.filled)
        return SlotMoved(account, slot, used.generation, used.filled, seen.id, seen.digest)

    def _lend(self, move: Lend) -> None:
        account = self._state.accounts[move.account]
        account.cash += move.atoms
        account.leased += move.atoms
        account.elsewhere -= move.places

    def _move_slot(self, moved: SlotMoved) -> None:
        account = self._state.accounts[moved.account]
        account.slots.pop(moved.slot, None)
        account.seen.pop(moved.slot, None)
        if moved.generation or moved.filled:
            account.slots[moved.slot] = Slot(moved.generation, moved.filled)
        if moved.id != NO_MESSAGE:
            account.seen[moved.slot] = Seen(moved.id, moved.digest)
