"""What a shard is told: commands, and moves between shards.

Together they are its tape: the same tape gives the same shard, without any other shard.
"""

from typing import Final

import msgspec

from matcher.commands import AnyCommand
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


def slot_of(order_id: int) -> int:
    """The order slot that an id uses."""
    return order_id % SLOTS
