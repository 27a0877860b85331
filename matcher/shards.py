"""The exchange over several shards, each with the books of some markets: `Shards` answers what one
engine would (docs/reference/sharding.md).

Each account's cash, and its places for positions, are leased to the shards. A shard judges an order
by its own part; only when that is short do others lend, and it judges again. Nothing else of an
order crosses shards.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from matcher import commands as c
from matcher import events as e
from matcher import words
from matcher.eip712 import keccak
from matcher.errors import InvariantBroken, Reject
from matcher.events import Event, Rejected
from matcher.shard import Lend, Shard, SlotMoved, slot_of
from matcher.shard_text import union_text
from matcher.types import FIRST_USER_ACCOUNT, MAX_POSITIONS, Transfer, Windows


class Standing(NamedTuple):
    """An open order: its number among all accepted ones, its id, and where it stands."""

    seq: int
    id: int
    market: int
    shard: int


class Shards:
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

    Attributes
    ----------
    moves : Counter
        What crossed shards so far: "atoms" and "places" (from one shard to another), "slots", and
        "judged again" (commands that a shard was told once more).
    """

    def __init__(
        self,
        count: int,
        windows: Windows,
        table: Mapping[int, int] | None = None,
        record: Callable[[int, c.Command | Lend | SlotMoved], None] | None = None,
        make: Callable[[Windows], Shard] = Shard,
    ):
        if not 1 <= count <= MAX_POSITIONS:
            raise ValueError(f"count: found {count}, allowed 1 to {MAX_POSITIONS} shards")
        wrong = {market: shard for market, shard in (table or {}).items() if not 0 <= shard < count}
        if wrong:
            raise ValueError(f"table: found {wrong}, allowed shards 0 to {count - 1}")
        self.shards: Final = [make(windows) for _ in range(count)]
        self.moves: Counter[str] = Counter()
        self._table = dict(table or {})
        self._record = record
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
        """Apply one command; see `Engine.apply`."""
        events = self._handlers.get(type(command), self._everywhere)(command)
        self._ops += sum(isinstance(event, e.Op) for event in events)
        if isinstance(command, c.CloseBatch):
            self._ops = 0
        self._note(events)
        return events

    # --- routes -----------------------------------------------------------------------------------

    def shard_of(self, market: int) -> int:
        """The shard that holds the books of a market."""
        return self._table.get(market, market % len(self.shards))

    def _home(self, account: int) -> int:
        """The shard into which an account's deposits come."""
        return account % len(self.shards)

    def _shard_of_symbol(self, symbol: str) -> int | None:
        listings = self.shards[0].listings
        index = listings.by_symbol.get(symbol)
        return None if index is None else self.shard_of(listings.lines[index].info.market)

    def _tell(self, shard: int, told: c.Command | Lend | SlotMoved) -> list[Event]:
        if self._record is not None:
            self._record(shard, told)
        return self.shards[shard].take(told)

    def _tell_all(self, command: c.Command) -> list[list[Event]]:
        """What each shard answers. A fact that the chain cannot tell is refused by the first."""
        return [self._tell(shard, command) for shard in range(len(self.shards))]

    def _note(self, events: list[Event]) -> None:
        """Forget the orders that no longer stand."""
        for event in events:
            if isinstance(event, e.OrderCanceled):
                self._forget(event.account, event.id)
            elif isinstance(event, e.Trade) and not event.maker_remaining:
                self._forget(event.maker, event.maker_id)

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
            most = max(range(len(self.shards)), key=lambda s: self.shards[s].batch_ops)
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
        known = fact.account in self.shards[0].accounts
        self._tell_all(fact)
        if not known:
            self._share_places(fact.account)
        return []

    def _share_places(self, account: int) -> None:
        """At first every shard may hold equally many positions; home gets what remains."""
        count = len(self.shards)
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
        if fact.market in self.shards[shard].markets:
            trading = {place[0] for place, o in self._standing.items() if o.market == fact.market}
            for account in sorted(trading):
                self._gather(shard, account)
        # Only that shard has orders to cancel, and does so account by account.
        return [event for events in self._tell_all(fact) for event in events]

    # --- orders -----------------------------------------------------------------------------------

    def _place(self, command: c.PlaceOrder) -> list[Event]:
        order = command.signed.order
        holder = self._holder(order.account, order.id)
        shard = self._shard_of_symbol(order.instrument)
        if shard is None:
            shard = self._home(order.account) if holder is None else holder
        place = order.account, slot_of(order.id)
        if holder is not None and place in self._standing:
            shard = holder  # it knows all that is looked at before SLOT_BUSY, and goes no further
        self._bring_slot(place, holder, shard)
        events = self._judge(shard, order.account, command)
        if isinstance(events[0], e.OrderAccepted):
            self._holders[place] = shard
            seq, self._next_seq = self._next_seq, self._next_seq + 1
            if isinstance(events[-1], e.OrderRested):
                market = self.shards[shard].instruments[events[0].instrument].market
                self._standing[place] = Standing(seq, order.id, market, shard)
        return events

    def _holder(self, account: int, order_id: int) -> int | None:
        """The shard that remembers an order slot, if one does."""
        return self._holders.get((account, slot_of(order_id)))

    def _bring_slot(self, place: tuple[int, int], holder: int | None, shard: int) -> None:
        """Let a shard remember what another knows of a slot, which forgets it."""
        if holder is None or holder == shard:
            return
        memory = self.shards[holder].memory(*place)
        self._tell(holder, SlotMoved(*place))
        self._tell(shard, memory)
        self._holders[place] = shard
        self.moves["slots"] += 1

    def _change_order(self, command: c.CancelOrder | c.AmendDown) -> list[Event]:
        holder = self._holder(command.account, command.id)
        return self._tell(self._home(command.account) if holder is None else holder, command)

    def _cancel_all(self, command: c.CancelAll) -> list[Event]:
        """Every shard refuses for the same reason, or none does."""
        line = self.shards[0].listings.lines.get(command.instrument)
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
        events = self._judge(shard, source, command)
        if isinstance(events[0], e.Withdrawn | e.Transferred):
            self._holders[source, slot_of(message.id)] = shard
        return events

    # --- leases -----------------------------------------------------------------------------------

    def _judge(
        self,
        shard: int,
        account: int,
        command: c.PlaceOrder | c.WithdrawRequest | c.TransferRequest,
    ) -> list[Event]:
        """Tell a shard, and again once others have lent what it lacks."""
        drawn = False
        while True:
            events = self._tell(shard, command)
            match events[0]:
                case Rejected(code=Reject.TOO_MANY_POSITIONS) if self._draw_places(shard, account):
                    pass
                case Rejected(code=Reject.INSUFFICIENT_MARGIN) as refused:
                    lacking = self._lacking(shard, account, command)
                    if drawn:
                        raise InvariantBroken(f"shard {shard} lacks {lacking} of {account} again")
                    missing = lacking - self._draw(shard, account, lacking)
                    if missing:
                        return [_refused_by_all(refused, account, command, missing)]
                    drawn = True
                case _:
                    return events
            self.moves["judged again"] += 1

    def _lacking(self, shard: int, account: int, command: c.Command) -> int:
        """Atoms that a shard lacks for what it just refused."""
        if isinstance(command, c.WithdrawRequest | c.TransferRequest):
            return command.message.amount - self.shards[shard].free(account)
        return self.shards[shard].lacking

    def _draw(self, shard: int, account: int, lacking: int) -> int:
        """Let others lend what a shard lacks, ascending; all of what there is, or `lacking`.

        Nothing moves if they cannot lend enough. Otherwise what is left after it is shared: no
        other keeps more than an equal part, so that the next order is not short again.

        Returns
        -------
        int
            `lacking`, or what others could have lent if that is less.
        """
        free = {s: self.shards[s].free(account) for s in range(len(self.shards)) if s != shard}
        total = sum(free.values())
        if total < lacking:
            return total
        share = (total - lacking) // len(self.shards)
        for lender, atoms in free.items():
            self._lend(lender, shard, account, atoms - min(atoms, share))
        return lacking

    def _gather(self, shard: int, account: int) -> None:
        """Bring all that is free of an account into one shard."""
        for lender in range(len(self.shards)):
            if lender != shard:
                self._lend(lender, shard, account, self.shards[lender].free(account))

    def _lend(self, lender: int, borrower: int, account: int, atoms: int) -> None:
        if atoms:
            self._tell(lender, Lend(account, -atoms, 0))
            self._tell(borrower, Lend(account, atoms, 0))
            self.moves["atoms"] += 1

    def _draw_places(self, shard: int, account: int) -> bool:
        """Let the shard with most spare places, the first of these, lend half of them."""
        spare = {s: self.shards[s].spare(account) for s in range(len(self.shards)) if s != shard}
        lender = max(spare, key=lambda s: spare[s], default=shard)
        if lender == shard or not spare[lender]:
            return False
        places = (spare[lender] + 1) // 2
        self._tell(lender, Lend(account, 0, -places))
        self._tell(shard, Lend(account, 0, places))
        self.moves["places"] += 1
        return True

    # --- what readers ask -------------------------------------------------------------------------

    @property
    def now(self) -> int:
        """The exchange's time, seconds."""
        return self.shards[0].now

    @property
    def batch_open(self) -> bool:
        return self.shards[0].batch_open

    @property
    def batch_ops(self) -> int:
        """Ops in the open batch."""
        return self._ops

    @property
    def wants_batch(self) -> bool:
        """Whether credits, releases or settlements wait for the next `OpenBatch`."""
        return any(shard.wants_batch for shard in self.shards)

    @property
    def open_orders_count(self) -> int:
        """Open orders of everybody."""
        return len(self._standing)

    def book(
        self, instrument: int, depth: int
    ) -> tuple[list[tuple[int, int, int]], list[tuple[int, int, int]]]:
        """Bids and asks, best first: (tick, lots, orders) of at most `depth` levels each."""
        market = self.shards[0].listings.lines[instrument].info.market
        return self.shards[self.shard_of(market)].book(instrument, depth)

    def worst_with_orders(self, account: int) -> int:
        """The least an account is worth, each open order filled or not, atoms."""
        return sum(shard.free(account) for shard in self.shards)

    def state_text(self) -> str:
        """The whole state, one fact per line, as of one engine."""
        seqs = {(account, o.id): o.seq for (account, _), o in self._standing.items()}
        texts = [shard.state_text() for shard in self.shards]
        return union_text(texts, self._ops, self._next_seq, seqs)

    def state_hash(self) -> bytes:
        """keccak256 of the state text, 32 bytes."""
        return keccak(self.state_text().encode())

    def check(self) -> None:
        """Raise `InvariantBroken` if anything is found that must never be. Reads everything.

        Notes
        -----
        Each shard's own check, in which no account may be below zero; and over all: leases sum to
        nothing, places to `MAX_POSITIONS`, a slot is remembered once, where the index says.
        """
        for shard in self.shards:
            shard.check()
        for index in self.shards[0].accounts:
            parts = [shard.accounts[index] for shard in self.shards]
            leased = sum(part.leased for part in parts)
            places = sum(MAX_POSITIONS - part.elsewhere for part in parts)
            if leased:
                raise InvariantBroken(f"account {index}: leases sum to {leased} atoms")
            if index >= FIRST_USER_ACCOUNT and places != MAX_POSITIONS:
                raise InvariantBroken(f"account {index}: places sum to {places}")
            for number, part in enumerate(parts):
                for slot in part.seen.keys() | part.slots.keys():
                    if self._holders.get((index, slot)) != number:
                        raise InvariantBroken(f"shard {number}: slot {slot} of account {index}")
        open_orders = {
            (order.account, order.slot): (order.id, number)
            for number, shard in enumerate(self.shards)
            for account in shard.accounts.values()
            for order in account.open.values()
        }
        if open_orders != {place: (o.id, o.shard) for place, o in self._standing.items()}:
            raise InvariantBroken("the index of open orders differs from the shards'")


def place_of(event: Event) -> tuple[int, int]:
    """(account, slot) of the order that an event cancels."""
    assert isinstance(event, e.OrderCanceled), event
    return event.account, slot_of(event.id)


def served(done: list[Event]) -> list[Event]:
    """Credits and releases by account, the credit first; all shards' parts of a release as one."""
    credits_ = {event.account: event for event in done if isinstance(event, e.Credited)}
    released: dict[int, e.Released] = {}
    for event in done:
        if isinstance(event, e.Released):
            before = released.get(event.account)
            amount = event.amount + (before.amount if before else 0)
            released[event.account] = msgspec.structs.replace(event, amount=amount)
    return [
        told[account]
        for account in sorted(credits_.keys() | released.keys())
        for told in (credits_, released)
        if account in told
    ]


def with_ops(events: list[Event]) -> list[Event]:
    """Each event followed by its op."""
    return [each for event in events for each in (event, e.Op(words.pack(op_of(event))))]


def op_of(event: Event) -> words.Op:
    """The op that a settlement, credit or release is."""
    match event:
        case e.SettledPosition(account=account, market=market, expiry=expiry):
            return words.Settle(account, market, expiry)
        case e.Credited(account=account, amount=amount):
            return words.Credit(account, amount)
        case e.Released(account=account, amount=amount, served=asks):
            return words.Release(account, amount, asks)
        case _:
            raise TypeError(f"no op of a batch's beginning: {event!r}")


def _refused_by_all(refused: Rejected, account: int, command: c.Command, missing: int) -> Rejected:
    """The refusal with the numbers of the whole account, which lacks `missing` atoms."""
    if isinstance(command, c.PlaceOrder):
        order = command.signed.order
        found = f"{order.quantity} lots at {order.price}, which may lack {missing} atoms"
        return msgspec.structs.replace(refused, found=found)
    assert isinstance(command, c.WithdrawRequest | c.TransferRequest)
    free = command.message.amount - missing
    return msgspec.structs.replace(
        refused, allowed=f"at most {free}, what account {account} has free"
    )
