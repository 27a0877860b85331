"""The matching kernel beside the reference model, told the same orders.

An arena gives a command to the model at once and keeps it for the kernel; `Arena.compare` runs
what was kept and compares every event. What is admission's to refuse, the kernel learns as the
command's verdict, from the model; what is the kernel's to refuse, it must find itself.
"""

import random
from collections import Counter
from typing import Any

from matcher import commands as c
from matcher import events as e
from matcher.errors import Reject
from matcher.events import CancelReason
from matcher.kernel.exchange import Limits, Matching, Records, commands_of
from matcher.kernel.layout import CommandKind, EventKind
from matcher.reference.exchange import Exchange
from matcher.reference.symbols import symbol
from matcher.reference.tree import keccak
from matcher.types import (
    POSITION_LOTS_MAX,
    POSITION_VALUE_MAX,
    SLOTS,
    Order,
    OrderFlag,
    SignedOrder,
    Windows,
)

WINDOWS = Windows(challenge=600, answer=60, freeze=900, notice=120, lag=300)
START = 1_774_249_200  # seconds; an hour before instruments of that day expire
TICK_VALUE, CAP = 10, 400_000  # atoms per lot
ACCOUNTS = range(2, 8)
SLOTS_USED = 24  # of an account, so that ids are used again
MIDDLE = 1000  # tick around which books trade at first
LIMITS = Limits(books=1 << 10, accounts=16, signers=32, far_levels=1 << 10)

# What the kernel finds itself. The rest is admission's.
KERNEL_CODES = {
    Reject.INSTRUMENT_UNKNOWN,
    Reject.SLOT_BUSY,
    Reject.REDUCE_ONLY_NO_POSITION,
    Reject.POST_ONLY_WOULD_TAKE,
    Reject.FOK_UNFILLABLE,
    Reject.ORDER_UNKNOWN,
    Reject.AMEND_NOT_DOWN,
    Reject.AMEND_BELOW_FILLED,
}
Told = tuple[Any, ...]


def told_by_model(event: e.Event) -> Told | None:
    """An event of the model as both say it; None for what the kernel does not say."""
    match event:
        case e.OrderAccepted():
            return (
                *("ACCEPTED", event.account, event.id, event.instrument, event.buy),
                *(event.tick, event.lots),
            )
        case e.Trade():
            return (
                *("TRADE", event.instrument, event.tick, event.lots, event.taker_sells),
                *(event.taker, event.maker, event.taker_id, event.maker_id),
                *(event.taker_fee, event.maker_fee),
                *(event.taker_remaining, event.maker_remaining),
            )
        case e.OrderRested():
            return ("RESTED", event.account, event.id, event.remaining)
        case e.OrderCanceled():
            return ("CANCELED", event.account, event.id, event.remaining, int(event.reason))
        case e.OrderAmended():
            return ("AMENDED", event.account, event.id, event.quantity, event.remaining)
        case e.Rejected():
            return ("REJECTED", int(event.code))
    return None


def told_by_kernel(events: Records) -> list[Told]:
    """The kernel's events as both say them."""
    told: list[Told] = []
    for event in events.tolist():
        kind, sells, note, instrument, order, maker_id, account, maker, *rest = event
        tick, lots, remaining, maker_remaining, fee, maker_fee = rest
        match kind:
            case EventKind.ACCEPTED:
                told.append(("ACCEPTED", account, order, instrument, not sells, tick, lots))
            case EventKind.TRADE:
                who = (account, maker, order, maker_id)
                left = (fee, maker_fee, remaining, maker_remaining)
                told.append(("TRADE", instrument, tick, lots, bool(sells), *who, *left))
            case EventKind.RESTED:
                told.append(("RESTED", account, order, remaining))
            case EventKind.CANCELED:
                told.append(("CANCELED", account, order, remaining, note))
            case EventKind.AMENDED:
                told.append(("AMENDED", account, order, lots, remaining))
            case EventKind.REJECTED:
                told.append(("REJECTED", note))
            case _:
                raise AssertionError(f"no such event: {event}")
    return told


class Arena:
    """Both, with one market and a growing list of instruments."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.model = Exchange(WINDOWS)
        self.kernel = Matching(limits, lag=WINDOWS.lag)
        self.kept: list[dict[str, int]] = []
        self.expected: list[Told] = []
        self.counts: Counter[Any] = Counter()
        self.commands = 0
        self.messages = 0
        self.instruments: list[int] = []
        self.signers: dict[bytes, int] = {}
        self._set_up()

    # --- the world ------------------------------------------------------------------------------

    def _set_up(self) -> None:
        self.model.apply(c.MarketListed(1, "BTC", TICK_VALUE, 1000))
        self.model.apply(c.FeesSet(1, 30, -10, 30, -10, 0))
        self.clock(START)
        self.model.apply(c.OpenBatch())
        for account in ACCOUNTS:
            owner, key = self.signers_of(account)
            self.model.apply(c.AccountOpened(account, owner))
            self.model.apply(c.Deposited(account, 10**15, START))
            self.model.apply(c.KeySet(account, key, START, START + 10**6))
            self.signers[owner], self.signers[key] = 2 * account, 2 * account + 1
            self._keep(kind=CommandKind.SIGNER, signer=2 * account + 1, time=START + 10**6)
        for days in (0, 1, 30):
            self.list_instrument(days)

    def signers_of(self, account: int) -> tuple[bytes, bytes]:
        """(owner, key) of an account."""
        return bytes([1, account]) * 10, bytes([2, account]) * 10

    def list_instrument(self, days: int) -> int:
        """A new instrument that expires at the so many days'th 08:00 UTC from now, at both."""
        index = len(self.instruments) + 1
        expiry = (self.now // 3600 + 16) // 24 * 24 + 8 + 24 * days
        self.model.apply(c.ExpiryOpened(1, expiry, CAP))
        self.model.apply(c.InstrumentListed(index, 1, 0, expiry, index))
        self.kernel.list_instrument(
            index,
            tick_value=TICK_VALUE,
            closes_at=expiry * 3600,
            lots_max=min(POSITION_VALUE_MAX // CAP, POSITION_LOTS_MAX),
            rates=self.rates,
        )
        self.instruments.append(index)
        return index

    @property
    def now(self) -> int:
        return self.model.floor.now

    @property
    def rates(self) -> tuple[int, int]:
        """(taker, maker) rates of the open batch."""
        context = self.model.floor.context
        return context.fees[1].at(context.built_at)

    def live(self) -> list[int]:
        """Instruments that may be traded now."""
        listed = self.model.floor.context.instruments
        return [i for i in self.instruments if self.now + WINDOWS.lag < listed[i].expires_at]

    # --- telling --------------------------------------------------------------------------------

    def _keep(self, **fields: int) -> None:
        self.kept.append(fields)

    def _answered(self, command: c.Command, **fields: int) -> list[Told]:
        """Tell the model; keep for the kernel what it is told, and what it must answer."""
        events = self.model.apply(command)
        told = [t for t in map(told_by_model, events) if t is not None]
        for event in events:
            if isinstance(event, e.Rejected) and event.code not in KERNEL_CODES:
                fields["verdict"] = int(event.code)
            name = getattr(event, "code", getattr(event, "reason", type(event).__name__))
            self.counts[name] += 1
        self._keep(**fields)
        self.expected += told
        self.commands += 1
        return told

    def place(
        self,
        account: int,
        order_id: int,
        instrument: int,
        *,
        buy: bool,
        tick: int,
        lots: int,
        flags: int = 0,
        expiry: int = 1 << 39,
        by_key: bool = False,
        self_trade: int = 0,
    ) -> list[Told]:
        """Place an order at both; what the model answers."""
        listed = self.model.floor.context.instruments.get(instrument)
        name = "BTC-1JAN30-1-C"
        if listed is not None:
            name = symbol("BTC", listed.kind, listed.expiry, listed.strike)
        signer = self.signers_of(account)[by_key]
        terms = Order(account, name, buy, tick * TICK_VALUE, lots, order_id, expiry, flags)
        self.messages += 1
        signed = SignedOrder(terms, b"", self.messages.to_bytes(32, "big"), signer)
        return self._answered(
            c.PlaceOrder(signed, self_trade),
            kind=CommandKind.PLACE,
            sells=int(not buy),
            flags=flags,
            self_trade=self_trade,
            account=account,
            instrument=instrument,
            id=order_id,
            tick=tick,
            quantity=lots,
            time=expiry,
            signer=self.signers[signer],
        )

    def cancel(self, account: int, order_id: int) -> list[Told]:
        command = c.CancelOrder(account, order_id, self.signers_of(account)[0])
        return self._answered(command, kind=CommandKind.CANCEL, account=account, id=order_id)

    def cancel_all(self, account: int, instrument: int) -> list[Told]:
        command = c.CancelAll(account, instrument, self.signers_of(account)[0])
        fields = {"account": account, "instrument": instrument}
        return self._answered(command, kind=CommandKind.CANCEL_ALL, **fields)

    def amend(self, account: int, order_id: int, lots: int) -> list[Told]:
        command = c.AmendDown(account, order_id, lots, self.signers_of(account)[0])
        fields = {"account": account, "id": order_id, "quantity": lots}
        return self._answered(command, kind=CommandKind.AMEND, **fields)

    def clock(self, time: int) -> list[Told]:
        return self._answered(c.Clock(time), kind=CommandKind.CLOCK, time=time)

    def revoke(self, account: int) -> None:
        """The key of an account ends at once, or nearly."""
        key = self.signers_of(account)[1]
        self.model.apply(c.KeySet(account, key, START, self.now + 30))
        until = self.model.floor.keys[account][key][1]
        self._keep(kind=CommandKind.SIGNER, signer=2 * account + 1, time=until)

    def ask(self, account: int) -> None:
        """A forced withdrawal is asked for: the account's orders leave at once."""
        asks = self.model.floor.context.asks.get(account, 0) + 1
        self._answered(
            c.Asked(account, asks, self.now),
            kind=CommandKind.CANCEL_ALL,
            account=account,
            reason=CancelReason.FORCED_WITHDRAWAL,
        )
        self.model.apply(c.Deposited(account, 10**15 * (asks + 1), self.now))

    def next_batch(self, taker_rate: int, maker_rate: int) -> None:
        """Close the batch, and open one in which other rates hold."""
        self.compare()
        self.model.apply(c.CloseBatch())
        self.model.apply(c.FeesSet(1, taker_rate, maker_rate, taker_rate, maker_rate, self.now))
        self.model.apply(c.OpenBatch())
        for instrument in self.instruments:
            self.kernel.set_rates(instrument, *self.rates)

    # --- comparing ------------------------------------------------------------------------------

    def compare(self) -> list[Told]:
        """Run what was kept; its events are the model's, one by one."""
        commands = commands_of(len(self.kept))
        for record, fields in zip(commands, self.kept, strict=True):
            for name, value in fields.items():
                record[name] = value
        answered = told_by_kernel(self.kernel.submit(commands))
        assert answered == self.expected, f"after {self.commands} commands"
        self.kept, self.expected = [], []
        return answered

    def compare_state(self) -> None:
        """Orders, positions, time: the same text, and so the same hash."""
        self.compare()
        self.kernel.check()
        ours, theirs = self.kernel_text(), self.model_text()
        assert ours == theirs, f"after {self.commands} commands"
        assert keccak(ours.encode()) == keccak(theirs.encode())

    def model_text(self) -> str:
        """The lines of the model's state text that the kernel knows too."""
        lines = self.model.state_text().splitlines()
        kept = [line for line in lines if line.split()[0] in ("position", "order")]
        return "\n".join([f"{self.now} {self.model.floor.next_seq}", *kept])

    def kernel_text(self) -> str:
        """The same lines, from the kernel's memory."""
        signers = {number: signer.hex() for signer, number in self.signers.items()}
        lines = [f"{self.kernel.now} {self.kernel.next_seq}"]
        for (account, instrument), lots in sorted(self.kernel.positions().items()):
            lines.append(f"position {account} {instrument} {lots}")
        lines += [
            f"order {o.instrument} {'S' if o.sells else 'B'} {o.tick} {o.seq} {o.account}"
            f" {o.id} {o.remaining} {o.quantity} {o.flags} {o.expiry} {signers[o.signer]}"
            for o in self.kernel.orders()
        ]
        return "\n".join(lines)


FLAGS = (
    *([OrderFlag(0)] * 12),
    *([OrderFlag.IOC] * 2),
    *([OrderFlag.FOK] * 2),
    *([OrderFlag.POST_ONLY] * 2),
    OrderFlag.REDUCE_ONLY,
    OrderFlag.REDUCE_ONLY | OrderFlag.IOC,
    OrderFlag.REDUCE_ONLY | OrderFlag.FOK,
    OrderFlag.REDUCE_ONLY | OrderFlag.POST_ONLY,
)


class Crowd:
    """Random traders: everything the kernel is told, often enough that every rule is met."""

    def __init__(self, seed: int, arena: Arena) -> None:
        self.dice = random.Random(seed)
        self.arena = arena
        self.middle: dict[int, int] = {}
        self.generation: Counter[tuple[int, int]] = Counter()

    def act(self) -> None:
        """One thing that somebody does."""
        dice, arena = self.dice, self.arena
        chance = dice.random()
        if chance < 0.62:
            self.place()
        elif chance < 0.82:
            self.with_open_order(arena.cancel)
        elif chance < 0.94:
            self.with_open_order(self.amend)
        elif chance < 0.95:
            where = dice.choice((0, dice.choice(arena.instruments), 999))
            arena.cancel_all(dice.choice(ACCOUNTS), where)
        elif chance < 0.985:
            arena.clock(arena.now + dice.choice((0, 1, 1, 2, 15, 60)))
        elif chance < 0.988:
            arena.revoke(dice.choice(ACCOUNTS))
        elif chance < 0.991:
            arena.ask(dice.choice(ACCOUNTS))
        elif chance < 0.994:
            arena.next_batch(dice.randint(-50, 50), dice.randint(-50, 50))
        elif len(arena.live()) < 3:
            arena.list_instrument(dice.choice((1, 2, 30)))
        elif dice.random() < 0.2:
            arena.clock(arena.now + 20 * 3600)

    def place(self) -> None:
        dice, arena = self.dice, self.arena
        account, instrument = dice.choice(ACCOUNTS), dice.choice(arena.live() or [1])
        if dice.random() < 0.01:
            instrument = dice.choice((999, 1))
        buy = dice.random() < 0.5
        arena.place(
            account,
            self.order_id(account),
            instrument,
            buy=buy,
            tick=self.tick(instrument, buy),
            lots=dice.choice((1, 5, dice.randint(1, 60), 300)),
            flags=int(dice.choice(FLAGS)),
            expiry=arena.now + dice.choice((-1, 0, 5, 200, *[10**6] * 20)),
            by_key=self.key_is_good(account) or dice.random() < 0.02,
            self_trade=dice.randrange(2),
        )

    def key_is_good(self, account: int) -> bool:
        """Whether the account's key may sign; half of its orders are, while it may."""
        key = self.arena.signers_of(account)[1]
        valid_until = self.arena.model.floor.keys[account][key][1]
        return valid_until >= self.arena.now and self.dice.random() < 0.5

    def order_id(self, account: int) -> int:
        """Of one of a few slots; now and then one that is in use."""
        slot = self.dice.randrange(SLOTS_USED)
        if self.dice.random() < 0.97:
            self.generation[account, slot] += 1
        return self.generation[account, slot] * SLOTS + slot

    def tick(self, instrument: int, buy: bool) -> int:
        """Near the middle, which wanders and jumps; sometimes far from it, or at an end."""
        dice = self.dice
        middle = self.middle.get(instrument, MIDDLE) + dice.choice((-1, 0, 0, 1))
        if dice.random() < 0.01:
            middle = dice.randint(100, 40_000)
        self.middle[instrument] = middle
        chance = dice.random()
        if chance < 0.85:
            return max(0, middle + (-1 if buy else 1) * dice.randint(-7, 9))
        if chance < 0.98:
            return max(0, middle + (-1 if buy else 1) * dice.randint(0, 400))
        return dice.choice((0, 1, 63, 64, (1 << 32) - 1))

    def with_open_order(self, act: Any) -> None:
        """Do something with an open order, or with one that may not be."""
        dice, floor = self.dice, self.arena.model.floor
        account = dice.choice(ACCOUNTS)
        working = floor.open_orders_of(account)
        if working and dice.random() < 0.9:
            act(account, dice.choice(working).id)
        else:
            slot = dice.randrange(SLOTS_USED)
            act(account, self.generation[account, slot] * SLOTS + slot)

    def amend(self, account: int, order_id: int) -> None:
        self.arena.amend(account, order_id, self.dice.choice((1, 3, 10, 40, 400)))


def run_crowd(seed: int, commands: int, every: int) -> Counter[Any]:
    """So many random commands at both, the state compared every so many; what was reached."""
    arena = Arena(LIMITS._replace(band_bits=(6, 8, 13)[seed % 3]))
    crowd, dice = Crowd(seed, arena), random.Random(~seed)
    compared = 0
    while arena.commands < commands:
        crowd.act()
        if len(arena.kept) >= dice.choice((1, 20, 60)):
            arena.compare()
        if arena.commands - compared >= every:
            arena.compare_state()
            compared = arena.commands
    arena.compare_state()
    arena.counts["recentered"] = arena.kernel.recenterings
    return arena.counts
