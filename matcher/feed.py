"""What readers want to know and the engine forgets: trades, fills, order history, book levels.

Built from events alone, during replay as well as live, so that a restarted node tells the same
story. Nothing here decides anything.

Memory is bounded by `Limits`: open orders (at most 4096 per account) and book levels are kept as
long as they live; of everything that is over, the newest. A fill keeps both signed orders alive,
about 1.5 kB together; with the defaults the feed stays below about 150 MB. What was forgotten
here stands in the archive for ever: the batches' words and order files.
"""

import heapq
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, TypeVar

import msgspec
from sortedcontainers import SortedDict

from matcher.batch import Batch
from matcher.commands import AccountOpened, CancelAll, ChainBlock, Clock, Command, PlaceOrder
from matcher.errors import InvariantBroken
from matcher.events import (
    Credited,
    Event,
    Op,
    OrderAccepted,
    OrderAmended,
    OrderCanceled,
    OrderRested,
    Released,
    SettledPosition,
    Trade,
    Transferred,
    Withdrawn,
)
from matcher.history import (
    CANCELED,
    FILLED,
    BatchSummary,
    Fill,
    History,
    Limits,
    Movement,
    ObeyedCancelAll,
    OrderState,
    PlacedOp,
    Story,
    Update,
    movement_of,
    summarize,
)
from matcher.types import OpKind

__all__ = [
    "BatchSummary",
    "Feed",
    "Fill",
    "Limits",
    "Movement",
    "ObeyedCancelAll",
    "OrderState",
    "PlacedOp",
    "Update",
]

T = TypeVar("T")


class Feed:
    """Everything readers ask for, built from the events of one exchange.

    Parameters
    ----------
    limits : Limits
    places : bool
        Whether it will be told of batches; else ops are not kept until it is.

    Notes
    -----
    Before the journal is replayed: ``sequencer.subscribe(feed.on_events)`` and
    ``sequencer.subscribe_batches(feed.on_batch)``. All calls come from one thread. A story that
    cannot be raises `InvariantBroken`, which stops the exchange: what traders are told must be what
    happened.

    Attributes
    ----------
    now : int
        The exchange's time, seconds.
    sequence : int
        Journal sequence of the last command seen.
    """

    def __init__(self, limits: Limits | None = None, *, places: bool = True):
        self.limits = limits or Limits()
        self._places = places
        self.now = 0
        self.sequence = 0
        self.fill_count = 0
        self._movement_count = 0
        self._open: dict[tuple[int, int], OrderState] = {}
        self._open_of: dict[int, dict[int, OrderState]] = {}
        kept = self.limits.per_account
        self._closed: History[tuple[int, int], OrderState] = History(self.limits.orders, kept)
        self._fills: History[int, Fill] = History(self.limits.fills, kept)
        self._movements: History[int, Movement] = History(self.limits.movements, kept)
        self._trades: dict[int, deque[Fill]] = {}
        self._levels: dict[tuple[int, bool], SortedDict[int, tuple[int, int]]] = {}
        self._unplaced: deque[PlacedOp] = deque()  # in the order of their words
        self._batches: dict[int, BatchSummary] = {}
        self._opened: set[int] = set()
        self._accounts_of: dict[bytes, list[int]] = {}
        self._cancel_alls: dict[bytes, ObeyedCancelAll] = {}
        self._cancel_alls_by_expiry: list[tuple[int, bytes]] = []
        self._listeners: list[Callable[[Update], None]] = []
        self._update = Update(0, 0, {}, [], {}, [])

    # --- the way in -------------------------------------------------------------------------------

    def listen(self, listener: Callable[[Update], None]) -> None:
        """Call the listener with what each live command changed, after the feed shows it."""
        self._listeners.append(listener)

    def on_events(
        self, sequence: int, command: Command, events: Iterable[Event], replaying: bool
    ) -> None:
        """Take in what a command did."""
        self.sequence = sequence
        if isinstance(command, Clock | ChainBlock):
            self.now = max(self.now, command.time)
            self._forget_cancel_alls()
        elif isinstance(command, AccountOpened) and command.account not in self._opened:
            self._opened.add(command.account)
            self._accounts_of.setdefault(command.owner, []).append(command.account)
        self._update = update = Update(sequence, self.now, {}, [], {}, [], command)
        last: PlacedOp | None = None
        for event in events:
            if isinstance(event, Op):
                self._placed_later(last, event)
                last = None
            else:
                last = self._take(command, event)
        if isinstance(command, CancelAll) and command.digest:
            self._remember_cancel_all(command, events)
        if not replaying:
            for listener in self._listeners:
                listener(update)

    def _take(self, command: Command, event: Event) -> PlacedOp | None:
        """One event that is no op; what it says if an op word follows."""
        match event:
            case OrderAccepted():
                if not isinstance(command, PlaceOrder):
                    raise InvariantBroken(f"{type(command).__name__} was answered OrderAccepted")
                self._accepted(command, event)
            case Trade():
                return self._traded(event)
            case OrderRested():
                self._rested(event)
            case OrderCanceled():
                self._canceled(event)
            case OrderAmended():
                self._amended(event)
            case Credited() | Withdrawn() | Transferred() | Released() | SettledPosition():
                return self._moved(event)
        return None

    def _accepted(self, command: PlaceOrder, event: OrderAccepted) -> None:
        state = OrderState(
            signed=command.signed,
            instrument=event.instrument,
            tick=event.tick,
            quantity=event.lots,
            accepted_at=self.now,
            changed_at=self.now,
            remaining=event.lots,
        )
        self._open[event.account, event.id] = state
        self._open_of.setdefault(event.account, {})[event.id] = state
        self._update.orders[event.account, event.id] = state

    def _traded(self, trade: Trade) -> Fill:
        self.fill_count += 1
        fill = Fill(number=self.fill_count, at=self.now, trade=trade)
        self._fills.add(fill.number, fill, (trade.taker, trade.maker))
        kept = self._trades.setdefault(trade.instrument, deque(maxlen=self.limits.trades))
        kept.append(fill)
        self._update.fills.append(fill)
        for account, order_id, remaining in (
            (trade.maker, trade.maker_id, trade.maker_remaining),
            (trade.taker, trade.taker_id, trade.taker_remaining),
        ):
            state = self._changed(account, order_id)
            if state.resting:
                self._add_to_level(state, -trade.lots, -1 if remaining == 0 else 0)
            state.filled += trade.lots
            state.remaining = remaining
            if remaining == 0:
                self._close(account, order_id, FILLED)
        return fill

    def _rested(self, event: OrderRested) -> None:
        state = self._changed(event.account, event.id)
        state.resting = True
        self._add_to_level(state, event.remaining, 1)

    def _canceled(self, event: OrderCanceled) -> None:
        state = self._changed(event.account, event.id)
        if state.resting:
            self._add_to_level(state, -event.remaining, -1)
        state.remaining = 0
        state.reason = event.reason
        self._close(event.account, event.id, CANCELED)

    def _amended(self, event: OrderAmended) -> None:
        state = self._changed(event.account, event.id)
        self._add_to_level(state, event.remaining - state.remaining, 0)
        state.quantity = event.quantity
        state.remaining = event.remaining

    def _changed(self, account: int, order_id: int) -> OrderState:
        state = self._open.get((account, order_id))
        if state is None:
            raise InvariantBroken(f"order {order_id} of account {account} is not open in the feed")
        state.changed_at = self.now
        self._update.orders[account, order_id] = state
        return state

    def _close(self, account: int, order_id: int, status: str) -> None:
        state = self._open.pop((account, order_id))
        own = self._open_of[account]
        del own[order_id]
        if not own:
            del self._open_of[account]
        state.status = status
        state.resting = False
        self._closed.add((account, order_id), state, (account,))

    def _add_to_level(self, state: OrderState, lots: int, orders: int) -> None:
        buy = state.signed.order.buy
        levels = self._levels.get((state.instrument, buy))
        if levels is None:
            levels = self._levels[state.instrument, buy] = SortedDict()
        old_lots, old_orders = levels.get(state.tick, (0, 0))
        level = (old_lots + lots, old_orders + orders)
        if min(level) < 0 or (level[0] == 0) != (level[1] == 0):
            raise InvariantBroken(f"level {state.tick} of {state.instrument}: {level}")
        if level[1]:
            levels[state.tick] = level
        else:
            del levels[state.tick]
        self._update.levels[state.instrument, buy, state.tick] = level

    def _moved(
        self, event: Credited | Withdrawn | Transferred | Released | SettledPosition
    ) -> Movement:
        self._movement_count += 1
        movement = movement_of(event, self._movement_count, self.now)
        self._movements.add(movement.number, movement, _accounts_of(movement))
        self._update.movements.append(movement)
        return movement

    def _placed_later(self, said: PlacedOp | None, op: Op) -> None:
        if said is None:
            raise InvariantBroken(f"op 0x{op.word.hex()} follows no event that it encodes")
        said.word = op.word
        if self._places:
            self._unplaced.append(said)

    def on_batch(self, batch: Batch, replaying: bool) -> None:  # noqa: ARG002 - the door's shape
        """Take in a closed batch, or one that was dated anew."""
        self.take_batch(summarize(batch), batch.word_list())

    def take_batch(self, summary: BatchSummary, words: Iterable[bytes]) -> None:
        """Take in a batch: its words tell where each fill and movement stands.

        A batch that was dated anew has the same words and another header.

        Parameters
        ----------
        summary : BatchSummary
        words : iterable of bytes
            All words of the batch in order, 31 or 32 bytes each.

        Raises
        ------
        InvariantBroken
            If the words are not the ops that happened, in order.
        """
        redated = summary.id in self._batches
        for index, padded in enumerate(() if redated else words):
            word = padded[-31:]
            if word[0] in (OpKind.NOP, OpKind.ROOT_HI, OpKind.ROOT_LO):
                continue
            if not self._unplaced or self._unplaced[0].word != word:
                raise InvariantBroken(f"word {index} of batch {summary.id} is not the next op")
            placed = self._unplaced.popleft()
            placed.batch, placed.index = summary.id, index
        self._batches[summary.id] = summary
        if len(self._batches) > self.limits.batches:
            del self._batches[next(iter(self._batches))]

    def _remember_cancel_all(self, command: CancelAll, events: Iterable[Event]) -> None:
        canceled = []
        for event in events:
            if isinstance(event, OrderCanceled):
                canceled.append((event.id, event.remaining))
            else:  # refused: it may be sent again
                return
        self._cancel_alls[command.digest] = ObeyedCancelAll(
            command.account, command.expiry, tuple(canceled)
        )
        heapq.heappush(self._cancel_alls_by_expiry, (command.expiry, command.digest))

    def _forget_cancel_alls(self) -> None:
        while self._cancel_alls_by_expiry and self._cancel_alls_by_expiry[0][0] < self.now:
            _, digest = heapq.heappop(self._cancel_alls_by_expiry)
            self._cancel_alls.pop(digest, None)

    # --- the way out ------------------------------------------------------------------------------

    @property
    def unplaced(self) -> int:
        """Ops that no batch has told the place of."""
        return len(self._unplaced)

    def order(self, account: int, order_id: int) -> OrderState | None:
        """An order that is open, or not long over."""
        return self._open.get((account, order_id)) or self._closed.get((account, order_id))

    def accounts_of(self, owner: bytes) -> list[int]:
        """Accounts of an owner, as they were opened."""
        return list(self._accounts_of.get(owner, ()))

    def open_orders(self, account: int) -> list[OrderState]:
        """Open orders of an account, oldest first."""
        return list(self._open_of.get(account, {}).values())

    def closed_orders(self, account: int, limit: int) -> list[OrderState]:
        """Orders of an account that are over, newest first."""
        return _first(self._closed.newest_of(account), limit)

    def trades(self, instrument: int, limit: int, before: int | None = None) -> list[Fill]:
        """Trades of an instrument with a number below ``before``, newest first."""
        return _first(_below(reversed(self._trades.get(instrument, ())), before), limit)

    def fills(self, account: int, limit: int, before: int | None = None) -> list[Fill]:
        """Fills of an account with a number below ``before``, newest first."""
        return _first(_below(self._fills.newest_of(account), before), limit)

    def taker_fills(self, account: int, order_id: int, most: int | None = None) -> list[Fill]:
        """What an order took when it came in, oldest first; ``most`` ends the search early."""
        taken = (
            fill
            for fill in self._fills.newest_of(account)
            if fill.trade.taker == account and fill.trade.taker_id == order_id
        )
        return _first(taken, self.limits.per_account if most is None else most)[::-1]

    def fill(self, number: int) -> Fill | None:
        """A fill by its number, if it is not too old."""
        return self._fills.get(number)

    def movements(self, account: int, limit: int, before: int | None = None) -> list[Movement]:
        """Movements of an account with a number below ``before``, newest first."""
        return _first(_below(self._movements.newest_of(account), before), limit)

    def levels(self, instrument: int, buy: bool) -> list[tuple[int, int, int]]:
        """(tick, lots, orders) of a side, best first."""
        levels = self._levels.get((instrument, buy))
        if levels is None:
            return []
        ticks = reversed(levels) if buy else iter(levels)
        return [(tick, *levels[tick]) for tick in ticks]

    def best(self, instrument: int, buy: bool) -> tuple[int, int, int] | None:
        """(tick, lots, orders) of a side's best level; None if the side is empty."""
        levels = self._levels.get((instrument, buy))
        if not levels:
            return None
        tick, (lots, orders) = levels.peekitem(-1 if buy else 0)
        return tick, lots, orders

    @property
    def last_batch(self) -> int:
        """Id of the newest batch that was told of; 0 if there was none."""
        return next(reversed(self._batches), 0)

    def batch(self, batch_id: int) -> BatchSummary | None:
        """A closed batch."""
        return self._batches.get(batch_id)

    def batches(self, limit: int, before: int | None = None) -> list[BatchSummary]:
        """Closed batches with an id below ``before``, newest first."""
        newest = (self._batches[batch_id] for batch_id in reversed(self._batches))
        return _first((b for b in newest if before is None or b.id < before), limit)

    def obeyed_cancel_all(self, digest: bytes) -> ObeyedCancelAll | None:
        """A cancel-all that was obeyed and has not expired."""
        return self._cancel_alls.get(digest)

    # --- snapshots --------------------------------------------------------------------------------

    def dump(self) -> dict[str, bytes]:
        """All that it remembers, for `load`."""
        unplaced = [(isinstance(op, Fill), op.number) for op in self._unplaced]
        fills = {fill.number: fill for kept in self._trades.values() for fill in kept}
        fills |= {fill.number: fill for fill in self._fills}
        fills |= {op.number: op for op in self._unplaced if isinstance(op, Fill)}
        moves = {move.number: move for move in self._movements}
        moves |= {op.number: op for op in self._unplaced if isinstance(op, Movement)}
        story = Story(
            now=self.now,
            sequence=self.sequence,
            fill_count=self.fill_count,
            movement_count=self._movement_count,
            open=list(self._open.values()),
            closed=list(self._closed),
            fills=list(fills.values()),
            movements=list(moves.values()),
            kept_fills=[fill.number for fill in self._fills],
            kept_movements=[move.number for move in self._movements],
            trades={index: [fill.number for fill in kept] for index, kept in self._trades.items()},
            unplaced=unplaced,
            batches=list(self._batches.values()),
            accounts_of=list(self._accounts_of.items()),
            cancel_alls=list(self._cancel_alls.items()),
        )
        return {"story": msgspec.msgpack.encode(story)}

    def load(self, parts: Mapping[str, Any]) -> None:
        """Remember what was dumped; this feed was told nothing yet. Listeners stay."""
        story = msgspec.msgpack.decode(bytes(parts["story"]), type=Story)
        self.now, self.sequence = story.now, story.sequence
        self.fill_count, self._movement_count = story.fill_count, story.movement_count
        for state in story.open:
            order = state.signed.order
            self._open[order.account, order.id] = state
            self._open_of.setdefault(order.account, {})[order.id] = state
            if state.resting:
                self._add_to_level(state, state.remaining, 1)
        for state in story.closed:
            order = state.signed.order
            self._closed.add((order.account, order.id), state, (order.account,))
        fills = {fill.number: fill for fill in story.fills}
        moves = {move.number: move for move in story.movements}
        for number in story.kept_fills:
            trade = fills[number].trade
            self._fills.add(number, fills[number], (trade.taker, trade.maker))
        for number in story.kept_movements:
            self._movements.add(number, moves[number], _accounts_of(moves[number]))
        for instrument, numbers in story.trades.items():
            kept = (fills[number] for number in numbers)
            self._trades[instrument] = deque(kept, maxlen=self.limits.trades)
        if self._places:
            self._unplaced.extend(fills[n] if fill else moves[n] for fill, n in story.unplaced)
        self._batches = {summary.id: summary for summary in story.batches}
        self._accounts_of = dict(story.accounts_of)
        self._opened = {account for _, accounts in story.accounts_of for account in accounts}
        self._cancel_alls = dict(story.cancel_alls)
        self._cancel_alls_by_expiry = [(x.expiry, digest) for digest, x in story.cancel_alls]
        heapq.heapify(self._cancel_alls_by_expiry)
        self._update = Update(self.sequence, self.now, {}, [], {}, [])


def _accounts_of(movement: Movement) -> tuple[int, ...]:
    if movement.target is None:
        return (movement.account,)
    return (movement.account, movement.target)


P = TypeVar("P", bound=PlacedOp)


def _below(entries: Iterable[P], before: int | None) -> Iterator[P]:
    return (entry for entry in entries if before is None or entry.number < before)


def _first(entries: Iterable[T], limit: int) -> list[T]:
    return list(islice(entries, limit))
