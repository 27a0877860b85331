"""Which order id a client takes next (section 3: slots and generations)."""

from itertools import islice
from typing import Any

from matcher.client_errors import ClientError
from matcher.types import SLOTS

Answer = dict[str, Any]


class OrderIds:
    """Free order ids of one account: slots in turn, each with its next generation (section 14).

    Taking always the lowest free slot would cost the operator a chunk for each fill, since a chunk
    never holds two generations of one slot. A new client begins behind the last slot ever used.

    What the gateway knows is read when an id is first needed, when many orders that we believe open
    may have been filled meanwhile, and after an id was refused because another client of the same
    account took it.
    """

    REREAD = 64  # orders believed open since the last reading

    def __init__(self) -> None:
        self._next: dict[int, int] = {}  # slot to its next generation
        self._cursor = 0  # the slot that is looked at first
        self._busy: set[int] = set()
        self._pending: set[int] = set()  # slots whose request is under way
        self._believed: set[int] = set()  # slots found open since the last reading
        self._loaded = False
        self._loaded_once = False

    @property
    def outdated(self) -> bool:
        """The gateway should be asked before the next id is taken."""
        return not self._loaded or len(self._believed) >= self.REREAD

    def load(self, slots: list[Answer]) -> None:
        """Take over what ``GET /v1/accounts/{account}/slots`` says."""
        for slot in slots:
            number, generation = int(slot["slot"]), int(slot["nextGeneration"])
            self._next[number] = max(generation, self._next.get(number, 0))
        if not self._loaded_once:
            self._loaded_once = True
            self._cursor = self._behind_last()
        # What is under way may not have reached the gateway yet.
        self._busy = {int(slot["slot"]) for slot in slots if slot["busy"]} | self._pending
        self._believed.clear()
        self._loaded = True

    def _behind_last(self) -> int:
        """The slot after the highest of those used as often as any: where the turn had come to."""
        most = max(self._next.values(), default=0)
        used = [slot for slot, generation in self._next.items() if generation == most]
        return (max(used) + 1) % SLOTS if used else 0

    def forget(self) -> None:
        """Ask the gateway before the next id is taken."""
        self._loaded = False

    def take(self, skip: int = 0) -> int:
        """The next id; its slot is busy until `answered`.

        Two programs that trade one account in step would want the same slot for ever; who was
        refused skips some free ones.
        """
        turn = ((self._cursor + step) % SLOTS for step in range(SLOTS))
        free = (slot for slot in turn if slot not in self._busy)
        chosen = list(islice(free, skip + 1))
        if not chosen:
            raise ClientError(f"all {SLOTS} order slots of the account hold open orders")
        slot = chosen[-1]
        self._cursor = (slot + 1) % SLOTS
        generation = self._next.get(slot, 0)
        self._next[slot] = generation + 1
        self._busy.add(slot)
        self._pending.add(slot)
        return generation * SLOTS + slot

    def answered(self, order_id: int, still_open: bool) -> None:
        """Say what became of an id."""
        slot = order_id % SLOTS
        self._pending.discard(slot)
        if still_open:
            self._busy.add(slot)
            self._believed.add(slot)
        else:
            self._busy.discard(slot)
            self._believed.discard(slot)
