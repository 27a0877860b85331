"""One shard: an engine that holds the books of some markets, and of each account a part.

What it is told besides commands (docs/reference/sharding.md) are moves between shards: of money
and places for positions (`Lend`), and of what an order slot remembers (`SlotMoved`). Commands and
moves together are its tape: the same tape gives the same shard, without any other shard.
"""

from typing import Final

import msgspec

from matcher.account import Seen, Slot
from matcher.commands import AnyCommand, Command
from matcher.engine import Engine
from matcher.events import Event
from matcher.types import SLOTS

NO_MESSAGE: Final = -1


class Lend(msgspec.Struct, frozen=True, tag=True):
    """Change what a shard may use of an account; another shard's changes by the opposite."""

    account: int
    atoms: int  # signed
    places: int  # positions of MAX_POSITIONS, signed


class SlotMoved(msgspec.Struct, frozen=True, tag=True):
    """What an order slot remembers from now on; nothing once it went to another shard."""

    account: int
    slot: int
    generation: int = 0
    filled: int = 0  # lots
    id: int = NO_MESSAGE  # of the last message seen
    digest: bytes = b""


Input = AnyCommand | Lend | SlotMoved


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


def slot_of(order_id: int) -> int:
    """The order slot that an id uses."""
    return order_id % SLOTS
