"""Which shard is told what, and what their answers are together (docs/reference/sharding.md).

Each account's cash, and its places for positions, are leased to the shards. A shard judges an order
by its own part; only when that is short do others lend, and it judges again. Nothing else of an
order crosses shards.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import msgspec

from matcher import commands as c
from matcher import events as e
from matcher.eip712 import keccak
from matcher.errors import Reject
from matcher.events import Event, Rejected
from matcher.listings import Listings
from matcher.shards.tape import Lend, SlotMoved, slot_of
from matcher.shards.union import served, union_text, with_ops
from matcher.types import MAX_POSITIONS, Market, Order, Transfer

Depth = list[tuple[int, int, int]]  # (tick, lots, orders), best first


class Door(Protocol):
    """A shard as it is told and asked; see `matcher.shards.shard.Shard`."""

    @property
    def batch_ops(self) -> int: ...
    @property
    def wants_batch(self) -> bool: ...
    def take(self, told: c.Command | Lend | SlotMoved) -> list[Event]: ...
    def free(self, account: int) -> int: ...
    def spare(self, account: int) -> int: ...
    def memory(self, account: int, slot: int) -> SlotMoved: ...
    def book(self, instrument: int, depth: int) -> tuple[Depth, Depth]: ...
    def state_text(self) -> str: ...
    def check(self) -> None: ...


class Facts(Protocol):
    """Who knows all that every shard is told; see `matcher.board.Board`."""

    @property
    def now(self) -> int: ...
    @property
    def batch_open(self) -> bool: ...
    @property
    def listings(self) -> Listings: ...
    @property
    def markets(self) -> Mapping[int, Market]: ...
    @property
    def accounts(self) -> Mapping[int, Any]: ...


class Standing(NamedTuple):
    """An open order: its number among all accepted ones, its id, and where it stands."""

    seq: int
    id: int
    market: int
    shard: int


class Routes:
    """Several shards that answer as one engine would.

    Parameters
    ----------
    shards : sequence of Door
        Where they are told and asked.
    facts : Facts
    table : mapping, optional
        Market to shard, of those that `market % shards` should not decide.

    Attributes
    ----------
    moves : Counter
        What crossed shards so far: "atoms" and "places" (from one shard to another), "slots", and
        "judged again" (commands that a shard was told once more).
    """

    def __init__(
        self,
        shards: Sequence[Door],
        facts: Facts,
        table: Mapping[int, int] | None = None,
    ):
        count = len(shards)
        if not 1 <= count <= MAX_POSITIONS:
            raise ValueError(f"count: found {count}, allowed 1 to {MAX_POSITIONS} shards")
        wrong = {market: shard for market, shard in (table or {}).items() if not 0 <= shard < count}
        if wrong:
            raise ValueError(f"table: found {wrong}, allowed shards 0 to {count - 1}")
        self._shards = shards
        self._facts = facts
        self.moves: Counter[str] = Counter()
        self._table = dict(table or {})
        self._next_seq = 1
        self._ops = 0  # since the batch was opened
        self._standing: dict[tuple[int, int], Standing] = {}  # (account, slot)
        self._holders: dict[tuple[int, int], int] = {}  # (account, slot) to shard, once used
        self._handlers: dict[type[c.Command], Callable[[Any], list[Event]]] = {
            c.OpenBatch: self._open_batch,
            c.CloseBatch: self._close_batch,
            c.Redate: lambda command: self._tell(0, command),
            c.FeesSet: self._fees_set,
            c.AccountOpened: self._account_opened,
            c.Deposited: lambda fact: self._tell(self._home(fact.account), fact),
            c.Asked: self._asked,
            c.PlaceOrder: self._place,
            c.CancelOrder: self._change_order,
            c.CancelAll: self._cancel_all,
            c.AmendDown: self._change_order,
            c.WithdrawRequest: self._move_money,
            c.TransferRequest: self._move_money,
        }

    def apply(self, command: c.Command) -> list[Event]:
        """Apply one command; see `Exchange.apply`."""
        events = self._handlers.get(type(command), self._everywhere)(command)
        self._done(command, events)
        return events

    def _done(self, command: c.Command, events: list[Event]) -> None:
        """Take note of what a command did."""
        self._ops += sum(isinstance(event, e.Op) for event in events)
        if isinstance(command, c.CloseBatch):
            self._ops = 0
        for event in events:
            if isinstance(event, e.OrderCanceled):
                self._forget(event.account, event.id)
            elif isinstance(event, e.Trade) and not event.maker_remaining:
                self._forget(event.maker, event.maker_id)

    # --- routes -----------------------------------------------------------------------------------

    def shard_of(self, market: int) -> int:
        """The shard that holds the books of a market."""
        return self._table.get(market, market % len(self._shards))

    def _home(self, account: int) -> int:
        """The shard into which an account's deposits come."""
        return account % len(self._shards)

    def _shard_of_symbol(self, symbol: str) -> int | None:
        listings = self._facts.listings
        index = listings.by_symbol.get(symbol)
        return None if index is None else self.shard_of(listings.lines[index].info.market)

    def _tell(self, shard: int, told: c.Command | Lend | SlotMoved) -> list[Event]:
        return self._shards[shard].take(told)

    def _tell_all(self, command: c.Command) -> list[list[Event]]:
        """What each shard answers. A fact that the chain cannot tell is refused by the first."""
        return [self._tell(shard, command) for shard in range(len(self._shards))]

    def _forget(self, account: int, order_id: int) -> None:
        standing = self._standing.get((account, slot_of(order_id)))
        if standing is not None and standing.id == order_id:
            del self._standing[account, slot_of(order_id)]

    def _by_seq(self, answers: list[list[Event]]) -> list[Event]:
        """The cancels of all shards, in the order in which the orders were accepted."""
        canceled = [event for events in answers for event in events]
        return sorted(canceled, key=lambda event: self._standing[place_of(event)].seq)

    # --- what every shard is told -----------------------------------------------------------------

    def _everywhere(self, command: c.Command) -> list[Event]:
        """Time, and facts: at most orders leave."""
        return self._by_seq(self._tell_all(command))

    def _open_batch(self, command: c.OpenBatch) -> list[Event]:
        if self.batch_open and self._ops:
            most = max(range(len(self._shards)), key=lambda s: self._shards[s].batch_ops)
            refused = self._tell(most, command)[0]
            found = f"{self._ops} ops in the open batch"
            return [msgspec.structs.replace(refused, found=found)]
        answers = self._tell_all(command)
        opened = answers[0][0]
        done = [event for events in answers for event in events if not isinstance(event, e.Op)]
        settled = [event for event in done if isinstance(event, e.SettledPosition)]
        settled.sort(key=lambda event: (event.market, event.expiry, event.account))
        return [opened, *with_ops([*settled, *served(done)])]

    def _close_batch(self, command: c.CloseBatch) -> list[Event]:
        ops = self._ops
        closed = self._tell_all(command)[0]
        return [
            e.BatchClosed(event.built_at, ops)
            for event in closed
            if isinstance(event, e.BatchClosed)
        ]

    def _account_opened(self, fact: c.AccountOpened) -> list[Event]:
        known = fact.account in self._facts.accounts
        self._tell_all(fact)
        if not known:
            self._share_places(fact.account)
        return []

    def _share_places(self, account: int) -> None:
        """At first every shard may hold equally many positions; home gets what remains."""
        count = len(self._shards)
        for shard in range(count):
            places = MAX_POSITIONS // count
            if shard == self._home(account):
                places += MAX_POSITIONS % count
            if places < MAX_POSITIONS:
                self._tell(shard, Lend(account, 0, places - MAX_POSITIONS))

    def _asked(self, fact: c.Asked) -> list[Event]:
        """Each shard cancels, and releases what it holds; the releases are one op."""
        done = [event for events in self._tell_all(fact) for event in events]
        canceled: list[Event] = [event for event in done if isinstance(event, e.OrderCanceled)]
        return [*self._by_seq([canceled]), *with_ops(served(done))]

    def _fees_set(self, fact: c.FeesSet) -> list[Event]:
        """Whoever has open orders in the market pays from all that is free, before any leaves."""
        shard = self.shard_of(fact.market)
        if fact.market in self._facts.markets:
            trading = {place[0] for place, o in self._standing.items() if o.market == fact.market}
            for account in sorted(trading):
                self.moves["atoms"] += len(self._gather(shard, account))
        # Only that shard has orders to cancel, and does so account by account.
        return [event for events in self._tell_all(fact) for event in events]

    # --- orders -----------------------------------------------------------------------------------

    def _place(self, command: c.PlaceOrder) -> list[Event]:
        order = command.signed.order
        shard = self._route(order)
        self._bring_slot((order.account, slot_of(order.id)), shard)
        events = self._judge(shard, order.account, command, self._tell(shard, command))
        self._placed(order, shard, events)
        return events

    def _route(self, order: Order) -> int:
        """The shard that judges an order."""
        holder = self._holder(order.account, order.id)
        shard = self._shard_of_symbol(order.instrument)
        if shard is None:
            return self._home(order.account) if holder is None else holder
        if holder is not None and (order.account, slot_of(order.id)) in self._standing:
            return holder  # it knows all that is looked at before SLOT_BUSY, and goes no further
        return shard

    def _placed(self, order: Order, shard: int, events: list[Event]) -> None:
        """Take note of an order that was accepted."""
        if not isinstance(events[0], e.OrderAccepted):
            return
        place = order.account, slot_of(order.id)
        self._holders[place] = shard
        seq, self._next_seq = self._next_seq, self._next_seq + 1
        if isinstance(events[-1], e.OrderRested):
            market = self._facts.listings.lines[events[0].instrument].info.market
            self._standing[place] = Standing(seq, order.id, market, shard)

    def _holder(self, account: int, order_id: int) -> int | None:
        """The shard that remembers an order slot, if one does."""
        return self._holders.get((account, slot_of(order_id)))

    def _bring_slot(self, place: tuple[int, int], shard: int) -> None:
        """Let a shard remember what another knows of a slot, which forgets it."""
        holder = self._holders.get(place)
        if holder is None or holder == shard:
            return
        memory = self._shards[holder].memory(*place)
        self._tell(holder, SlotMoved(*place))
        self._tell(shard, memory)
        self._holders[place] = shard
        self.moves["slots"] += 1

    def _change_order(self, command: c.CancelOrder | c.AmendDown) -> list[Event]:
        holder = self._holder(command.account, command.id)
        return self._tell(self._home(command.account) if holder is None else holder, command)

    def _cancel_all(self, command: c.CancelAll) -> list[Event]:
        """Every shard refuses for the same reason, or none does."""
        line = self._facts.listings.lines.get(command.instrument)
        if line is not None:
            return self._tell(self.shard_of(line.info.market), command)
        answers = self._tell_all(command)
        if answers[0] and isinstance(answers[0][0], Rejected):
            return answers[0]
        return self._by_seq(answers)

    # --- withdrawals, transfers -------------------------------------------------------------------

    def _move_money(self, command: c.WithdrawRequest | c.TransferRequest) -> list[Event]:
        """The shard that remembers the slot pays, from what the others lend."""
        message = command.message
        source = message.source if isinstance(message, Transfer) else message.account
        holder = self._holder(source, message.id)
        shard = self._home(source) if holder is None else holder
        events = self._judge(shard, source, command, self._tell(shard, command))
        if isinstance(events[0], e.Withdrawn | e.Transferred):
            self._holders[source, slot_of(message.id)] = shard
        return events

    # --- leases -----------------------------------------------------------------------------------

    def _judge(
        self,
        shard: int,
        account: int,
        command: c.PlaceOrder | c.WithdrawRequest | c.TransferRequest,
        events: list[Event],
    ) -> list[Event]:
        """What a shard answers at last, once others have lent it what they can.

        Others lend all that is free. If the shard still refuses, each gets that back. Else what is
        left is shared: no other keeps more than an equal part, nor gets more than it lent, so that
        the next order is not short again.
        """
        lent: dict[int, int] = {}
        gathered = False
        while True:
            match events[0]:
                case Rejected(code=Reject.TOO_MANY_POSITIONS) if self._draw_places(shard, account):
                    pass
                case Rejected(code=Reject.INSUFFICIENT_MARGIN) if not gathered:
                    gathered = True
                    lent = self._gather(shard, account)
                    if not lent and not self._overtaken:
                        break
                case _:
                    break
            self.moves["judged again"] += 1
            events = self._again(shard, command)
        if lent:
            most = max(lent.values())
            if not isinstance(events[0], Rejected):
                most = self._shards[shard].free(account) // len(self._shards)
            self._give_back(shard, account, lent, most)
        return events

    @property
    def _overtaken(self) -> bool:
        """Whether the shard may have got something back since it refused."""
        return False

    def _again(self, shard: int, command: c.Command) -> list[Event]:
        """Let a shard judge once more what it has refused."""
        return self._tell(shard, command)

    def _gather(self, shard: int, account: int) -> dict[int, int]:
        """Bring all that is free of an account into one shard: atoms by lender."""
        lent = {}
        for lender in range(len(self._shards)):
            atoms = 0 if lender == shard else self._take_free(lender, account)
            if atoms:
                lent[lender] = atoms
                self._shift(shard, Lend(account, atoms, 0))
        return lent

    def _give_back(self, shard: int, account: int, lent: Mapping[int, int], most: int) -> None:
        """Give each lender what it lent, but not more than `most`."""
        for lender, atoms in lent.items():
            back = min(atoms, most)
            if back:
                self._shift(shard, Lend(account, -back, 0))
                self._shift(lender, Lend(account, back, 0))
            self.moves["atoms"] += back < atoms

    def _draw_places(self, shard: int, account: int) -> bool:
        """Let the shard with most spare places, the first of these, lend half of them."""
        spare = {s: self._shards[s].spare(account) for s in range(len(self._shards)) if s != shard}
        for lender in sorted(spare, key=lambda s: -spare[s]):
            places = self._take_places(lender, account)
            if places:
                self._shift(shard, Lend(account, 0, places))
                self.moves["places"] += 1
                return True
        return False

    def _take_free(self, lender: int, account: int) -> int:
        """Take all that is free of an account from a shard: atoms."""
        atoms = self._shards[lender].free(account)
        if atoms:
            self._shift(lender, Lend(account, -atoms, 0))
        return atoms

    def _take_places(self, lender: int, account: int) -> int:
        """Take half of the spare places of an account, rounded up, from a shard."""
        places = (self._shards[lender].spare(account) + 1) // 2
        if places:
            self._shift(lender, Lend(account, 0, -places))
        return places

    def _shift(self, shard: int, move: Lend) -> None:
        self._tell(shard, move)

    # --- what readers ask -------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The exchange's time, seconds."""
        return self._facts.now

    @property
    def batch_open(self) -> bool:
        return self._facts.batch_open

    @property
    def batch_ops(self) -> int:
        """Ops in the open batch."""
        return self._ops

    @property
    def wants_batch(self) -> bool:
        """Whether credits, releases or settlements wait for the next `OpenBatch`."""
        return any(shard.wants_batch for shard in self._shards)

    @property
    def open_orders_count(self) -> int:
        """Open orders of everybody."""
        return len(self._standing)

    def book(self, instrument: int, depth: int) -> tuple[Depth, Depth]:
        """Bids and asks, best first: (tick, lots, orders) of at most `depth` levels each."""
        market = self._facts.listings.lines[instrument].info.market
        return self._shards[self.shard_of(market)].book(instrument, depth)

    def worst_with_orders(self, account: int) -> int:
        """The least an account is worth, each open order filled or not, atoms."""
        return sum(shard.free(account) for shard in self._shards)

    def state_text(self) -> str:
        """The whole state, one fact per line, as of one engine."""
        seqs = {(account, o.id): o.seq for (account, _), o in self._standing.items()}
        texts = [shard.state_text() for shard in self._shards]
        return union_text(texts, self._ops, self._next_seq, seqs)

    def state_hash(self) -> bytes:
        """keccak256 of the state text, 32 bytes."""
        return keccak(self.state_text().encode())

    def check(self) -> None:
        """Raise `InvariantBroken` if a shard finds what must never be."""
        for shard in self._shards:
            shard.check()


def place_of(event: Event) -> tuple[int, int]:
    """(account, slot) of the order that an event cancels."""
    assert isinstance(event, e.OrderCanceled), event
    return event.account, slot_of(event.id)
