"""Who is served first: what waits to be sequenced, and what a group of commands needs around it.

While everything that waits fits into one group, commands go in the order in which they came. When
the queue is longer, what can only lower risk goes first: cancels, amends, reduce-only orders, and
what the chain told. New orders, withdrawals and transfers keep a share of each group, so that
nobody waits for ever; within a lane the order is that of arrival. Whatever order comes out is the
journal's, so a replay knows nothing of lanes.

A cancel never overtakes the order it is meant for: an order that waits when a later cancel of it
goes before it is taken out and answered OVERTAKEN. It was not taken, and will not be placed after
its owner was told that it is gone. An amend of an order that waits, waits behind it.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from typing import Final

from matcher import commands as c
from matcher.batch import Batch
from matcher.board import Board
from matcher.errors import Reject
from matcher.events import Event, Rejected
from matcher.journal.writer import encode
from matcher.policy import Policy
from matcher.types import OrderFlag

ORDINARY_SHARE: Final = 4  # one place in so many of a group is kept for new orders that wait

NEED_BATCH: Final = (
    c.PlaceOrder,
    c.CancelOrder,
    c.CancelAll,
    c.AmendDown,
    c.WithdrawRequest,
    c.TransferRequest,
)


class Entry:
    """A command on its way, and who waits for it.

    Attributes
    ----------
    arrived : int
        Orders the entries of both lanes.
    origin : int
        Where it came from, for whoever needs to know; 0: from here.
    """

    __slots__ = (
        "arrived",
        "batches",
        "command",
        "future",
        "origin",
        "payload",
        "refused",
        "result",
        "sequence",
    )

    def __init__(
        self,
        command: c.Command,
        payload: bytes,
        future: "asyncio.Future[list[Event]] | None" = None,
        arrived: int = 0,
        origin: int = 0,
    ):
        self.command = command
        self.payload = payload
        self.future = future
        self.arrived = arrived
        self.origin = origin
        self.refused = False
        self.sequence = 0
        self.result: list[Event] | Exception = []
        self.batches: list[Batch] = []

    def answer(self) -> None:
        """Tell who waits."""
        if self.future is None or self.future.done():
            return
        if isinstance(self.result, Exception):
            self.future.set_exception(self.result)
        else:
            self.future.set_result(self.result)


def own(command: c.Command) -> Entry:
    """A command of the sequencer itself."""
    return Entry(command, encode(command))


def is_urgent(command: c.Command) -> bool:
    """Whether a command can only lower risk, or is a fact that everything else depends on."""
    if isinstance(command, c.PlaceOrder):
        return bool(command.signed.order.flags & OrderFlag.REDUCE_ONLY)
    return not isinstance(command, c.WithdrawRequest | c.TransferRequest)


def busy(found: str, allowed: str = "send it again later") -> list[Event]:
    """The answer to a command that was not taken."""
    return [Rejected(Reject.BUSY, "queue", found, allowed)]


def overtaken() -> list[Event]:
    """The answer to an order whose cancel went before it."""
    found = "a cancel of it that came later and went first"
    return [Rejected(Reject.OVERTAKEN, "order", found, "sent again if it is still wanted")]


class Lanes:
    """What waits: our own commands, urgent ones, ordinary ones.

    Parameters
    ----------
    views : Board
        Of the exchange: which symbol is which instrument.
    """

    def __init__(self, views: Board):
        self._views = views
        self._own: deque[Entry] = deque()
        self._urgent: deque[Entry] = deque()
        self._ordinary: deque[Entry] = deque()  # some of them refused: passed over
        self._orders: dict[int, list[Entry]] = {}  # that wait in the ordinary lane, by account
        self.waiting = 0  # ordinary commands that were not refused

    def __len__(self) -> int:
        return len(self._own) + len(self._urgent) + self.waiting

    def put(self, entry: Entry) -> None:
        """Queue a command behind what came before it."""
        command = entry.command
        if is_urgent(command) and not self._amends_waiting(command):
            self._urgent.append(entry)
            return
        self._ordinary.append(entry)
        self.waiting += 1
        if isinstance(command, c.PlaceOrder):
            self._orders.setdefault(command.signed.order.account, []).append(entry)

    def put_first(self, commands: Iterable[c.Command]) -> None:
        """Queue commands of our own, before everything else."""
        self._own.extendleft(reversed([own(command) for command in commands]))

    def take(self, limit: int) -> tuple[list[Entry], list[Entry]]:
        """The next commands, in the order in which they are to be journaled.

        Returns
        -------
        taken : list of Entry
            At most `limit`, and our own.
        refused : list of Entry
            Orders that a cancel among the taken ones overtook, with their answer.
        """
        taken = list(self._own)
        self._own.clear()
        refused: list[Entry] = []
        if len(self._urgent) + self.waiting <= limit:
            while self._urgent or self.waiting:
                taken.append(self._next_arrived())
            return taken, refused
        kept = min(self.waiting, limit // ORDINARY_SHARE)
        first = [self._urgent.popleft() for _ in range(min(len(self._urgent), limit - kept))]
        for entry in first:
            refused += self._overtake(entry)
        room = min(limit - len(first), self.waiting)
        return [*taken, *first, *(self._pop_ordinary() for _ in range(room))], refused

    def clear(self) -> list[Entry]:
        """Empty them; what waited."""
        left = [*self._own, *self._urgent, *(one for one in self._ordinary if not one.refused)]
        for lane in (self._own, self._urgent, self._ordinary):
            lane.clear()
        self._orders.clear()
        self.waiting = 0
        return left

    # --- parts ------------------------------------------------------------------------------------

    def _next_arrived(self) -> Entry:
        while self._ordinary and self._ordinary[0].refused:
            self._ordinary.popleft()
        if not self._urgent:
            return self._pop_ordinary()
        if self._ordinary and self._ordinary[0].arrived < self._urgent[0].arrived:
            return self._pop_ordinary()
        return self._urgent.popleft()

    def _pop_ordinary(self) -> Entry:
        entry = self._ordinary.popleft()
        while entry.refused:
            entry = self._ordinary.popleft()
        self.waiting -= 1
        if isinstance(entry.command, c.PlaceOrder):
            self._forget(entry, entry.command.signed.order.account)
        return entry

    def _forget(self, entry: Entry, account: int) -> None:
        orders = self._orders[account]
        orders.remove(entry)  # the first, but for orders that were refused
        if not orders:
            del self._orders[account]

    def _overtake(self, cancel: Entry) -> list[Entry]:
        """Take out the waiting orders that a cancel covers and that came before it."""
        command = cancel.command
        if not isinstance(command, c.CancelOrder | c.CancelAll):
            return []
        covered = [
            entry
            for entry in self._orders.get(command.account, ())
            if entry.arrived < cancel.arrived and self._covers(command, entry)
        ]
        for entry in covered:
            self._forget(entry, command.account)
            self.waiting -= 1
            entry.refused = True
            entry.result = overtaken()
        return covered

    def _covers(self, command: c.CancelOrder | c.CancelAll, entry: Entry) -> bool:
        assert isinstance(entry.command, c.PlaceOrder)
        order = entry.command.signed.order
        if isinstance(command, c.CancelOrder):
            return order.id == command.id
        return command.instrument in (0, self._views.by_symbol.get(order.instrument))

    def _amends_waiting(self, command: c.Command) -> bool:
        if not isinstance(command, c.AmendDown):
            return False
        for entry in self._orders.get(command.account, ()):
            assert isinstance(entry.command, c.PlaceOrder)
            if entry.command.signed.order.id == command.id:
                return True
        return False


# --- what stands around a group -------------------------------------------------------------------


def with_needs(entries: Iterable[Entry], views: Board, time: int) -> list[Entry]:
    """A group: before each command what it needs, which is the time and an open batch.

    Parameters
    ----------
    time : int
        Up to which every fact was told, seconds; 0 if somebody else tells the time.
    """
    group: list[Entry] = []
    if time > views.now:
        group.append(own(c.Clock(time)))
    is_open = views.batch_open
    for entry in entries:
        command = entry.command
        if isinstance(command, NEED_BATCH) and not is_open:
            group.append(own(c.OpenBatch()))
            is_open = True
        elif isinstance(command, c.Redate) and is_open:
            group.append(own(c.CloseBatch()))
            is_open = False
        elif isinstance(command, c.OpenBatch):
            is_open = True
        elif isinstance(command, c.CloseBatch):
            is_open = False
        group.append(entry)
    return group


def due(views: Board, policy: Policy, newest: int) -> list[c.Command]:
    """Commands that nobody sends: close the batch that is due, open one for what waits.

    Parameters
    ----------
    newest : int
        builtAt of the last closed batch, seconds: the chain takes none that is older.
    """
    aged = views.now - views.built_at >= policy.max_age
    closes = views.batch_open and (aged or views.batch_ops >= policy.max_ops)
    found: list[c.Command] = [c.CloseBatch()] if closes else []
    # At first the facts come before the time.
    timed = views.now >= newest
    idle = closes or not views.batch_open or not views.batch_ops
    if views.wants_batch and timed and idle:
        found.append(c.OpenBatch())
    return found
