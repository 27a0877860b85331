"""Random worlds for TRANSITION: facts of the chain, a state, and ops that happen in it.

Numbers are small or at the ends of their fields, accounts empty or full of positions, prices fixed
a second too late, expiries a second too near: what a rule tells apart stands on both sides of it.
"""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from matcher.reference.context import Context
from matcher.reference.faults import InvalidOp
from matcher.reference.leaf import FULL, Account, Slot
from matcher.reference.state import State
from matcher.reference.words import (
    Credit,
    Fill,
    Nop,
    Op,
    Release,
    Settle,
    Transfer,
    Withdraw,
    pack_chunk,
)
from matcher.types import (
    CHUNK_OPS,
    FEE_ACCOUNT,
    MAX_POSITIONS,
    POSITION_LOTS_MAX,
    U32,
    U56,
    U64,
    Fees,
    Instrument,
    Market,
)
from tests.support.exchange import WINDOWS, copy_state
from tests.support.facts import opened_up_to

NOON = 1_800_000_000  # an hour on the hour, seconds: around it batches are opened
HOUR = NOON // 3600
LAST = 17  # account
FAR = (1 << 20, (1 << 23) + 1, (1 << 24) - 1)  # neighbors in the tree that nobody opened
SLOTS = (0, 1, 2, 3, 4, 1023, 2047, 4092, 4095)
KINDS = ((Fill, 45), (Credit, 10), (Withdraw, 12), (Settle, 12), (Transfer, 12), (Release, 9))


@dataclass
class World:
    """Facts, a state, and the source of what happens.

    `refused` keeps the ops that the model found invalid where they would have happened, with the
    number of ops before them.
    """

    rng: random.Random
    context: Context
    state: State
    refused: list[tuple[int, Op]] = field(default_factory=list)

    def chunk(self) -> tuple[list[Op], list[int]]:
        """Ops that are valid one after the other, and the honest chunk of them. The state stays."""
        rng = self.rng
        self.context.built_at = NOON + rng.choice((-500, -WINDOWS.lag, -119, -1, 0, 1, 300))
        self.refused = []
        while True:
            running = copy_state(self.state)
            ops: list[Op] = []
            wanted = rng.choice((1, 8, CHUNK_OPS, CHUNK_OPS))
            for _ in range(3 * wanted):
                op = self.op(running)
                if len(ops) == wanted:
                    break
                if not _side_by_side(ops, op):
                    continue
                try:
                    running.apply(op, self.context)
                except InvalidOp:
                    self.refused.append((len(ops), op))
                else:
                    ops.append(op)
            try:
                root = copy_state(self.state).apply_ops(ops, self.context)
            except InvalidOp:
                continue  # the fee account could not take the fees
            return ops, pack_chunk(ops, root)

    # --- ops --------------------------------------------------------------------------------------

    def op(self, state: State) -> Op:
        """Any op, more often valid than not."""
        rng = self.rng
        if rng.random() < 0.04:
            return Nop()
        kind = rng.choices([kind for kind, _ in KINDS], [weight for _, weight in KINDS])[0]
        account = self.account()
        if kind is Fill:
            return self.fill(state)
        if kind is Credit:
            room = self.context.deposited.get(account, 0) - state.account(account).credited
            return Credit(account, self.some(0, 1, room, room, max(room // 2, 0), room + 1))
        if kind is Withdraw:
            return Withdraw(account, self.amount(state, account), self.fresh(state, account))
        if kind is Settle:
            market, expiry = rng.choice([*self.context.prices, *self.context.caps])
            return Settle(account, market, expiry)
        if kind is Transfer:
            order = self.fresh(state, account)
            return Transfer(account, self.account(), self.amount(state, account), order)
        served, asks = state.account(account).served, self.context.asks.get(account, 0)
        return Release(
            account,
            self.amount(state, account),
            min(self.some(served, served + 1, asks, asks, asks + 1), (1 << 24) - 1),
        )

    def fill(self, state: State) -> Fill:
        rng = self.rng
        taker, maker = self.account(), self.account()
        held = [*state.account(taker).positions, *state.account(maker).positions]
        listed = list(self.context.instruments)
        latest = self.context.built_at + self.context.lag
        if rng.random() < 0.9:  # those that are not too late
            known = self.context.instruments
            held = [index for index in held if known[index].expires_at > latest]
            listed = [index for index in listed if known[index].expires_at > latest]
        instrument = rng.choice(held) if held and rng.random() < 0.6 else rng.choice(listed)
        if rng.random() < 0.01:
            instrument = self.some(0, max(listed) + 1, (1 << 24) - 1)
        lots = abs(state.account(taker).positions.get(instrument, 0))
        return Fill(
            flags=rng.getrandbits(1),
            taker=taker,
            maker=maker,
            instrument=instrument,
            tick=self.some(0, 1, 5, rng.randint(1, 1000), rng.randint(1, 1000), U32),
            lots=min(self.some(1, 2, rng.randint(1, 100), lots, lots, U32), U32),
            taker_order=self.order(state, taker),
            maker_order=self.order(state, maker),
        )

    def account(self) -> int:
        rng = self.rng
        if rng.random() < 0.02:
            return self.some(1, LAST + 1, (1 << 24) - 1)
        return FEE_ACCOUNT if rng.random() < 0.02 else rng.randint(2, LAST)

    def order(self, state: State, account: int) -> int:
        """An order id whose generation is near that of its slot."""
        slot = self.rng.choice(SLOTS)
        used = state.account(account).slots[slot].generation
        generation = used + self.some(0, 0, 0, 1, 1, 2, -1, 1 << 20)
        if self.rng.random() < 0.01:
            return self.some(1 << 44, (1 << 48) - 1)
        return (min(max(generation, 0), U32) << 12) | slot

    def fresh(self, state: State, account: int) -> int:
        """An order id of the next generation of its slot, most often."""
        order = self.order(state, account)
        if self.rng.random() < 0.2 or order >> 44:
            return order
        slot = order % 4096
        return (min(state.account(account).slots[slot].generation + 1, U32) << 12) | slot

    def amount(self, state: State, account: int) -> int:
        """Atoms: small, all there is, or far too many."""
        cash = max(state.account(account).cash, 0)
        return self.some(0, 1, cash // 3, cash // 3, cash, 10**6, 10**6, U64)

    def some(self, *choices: int) -> int:
        return max(self.rng.choice(choices), 0)


def _side_by_side(ops: list[Op], op: Op) -> bool:
    """Whether an op may stand in a chunk with these: no RELEASE of account 0 beside a FILL."""
    both = [*ops, op]
    releases = any(isinstance(one, Release) and one.account == FEE_ACCOUNT for one in both)
    return not (releases and any(isinstance(one, Fill) for one in both))


# --- worlds ---------------------------------------------------------------------------------------


def world(seed: object) -> World:
    """A new one; the same for the same seed."""
    rng = random.Random(repr(seed))
    context = facts(rng)
    state = State()
    for index in (*range(LAST + 1), *FAR):
        if index != 1 and rng.random() < 0.8:
            state.accounts[index] = account(rng, context, index)
    state.rehash(state.accounts)
    return World(rng, context, state)


def facts(rng: random.Random) -> Context:
    """Listings, settled or not, and counters."""
    context = Context(built_at=NOON, lag=WINDOWS.lag, opened=opened_up_to(LAST))
    for market in range(1, 5):
        tick_value = rng.choice((1, 7, 100, U32))
        strike_value = rng.choice((1, 1000, U32))
        context.markets[market] = Market(market, f"M{market}", tick_value, strike_value)
        taker = [rng.choice((0, 1, 1000, (1 << 31) - 1)) for _ in range(2)]
        maker = [rng.choice((0, 1, -rate, -rate // 2, 5)) for rate in taker]
        since = NOON + rng.choice((-1000, 0, 1, 1000))
        context.fees[market] = Fees(taker[0], maker[0], taker[1], maker[1], since)
        for hour in rng.sample((-48, -1, 0, 1, 24, 24 * 365), 4):
            key = (market, HOUR + hour)
            cap = rng.choice((1, 1000, 1 << 17, 1 << 20, 1 << 40, U56))
            context.caps[key] = cap
            if hour <= 0 and rng.random() < 0.8:
                fixed = NOON + rng.choice((-1000, -1, 0, 1))
                context.prices[key] = (rng.choice((0, cap, cap // 3)), fixed)
    index = 0
    for market, expiry in sorted(context.caps, key=lambda _: rng.random()):
        for _ in range(4):
            index += rng.choice((1, 1, 2))  # some words of storage are not full
            strike = rng.choice((0, 1, rng.getrandbits(24)))
            listed = Instrument(index, market, rng.getrandbits(1), expiry, strike)
            context.instruments[index] = listed
    for account in context.opened:
        if rng.random() < 0.9:
            context.deposited[account] = rng.choice((10**7, 10**12, U56))
        if rng.random() < 0.7:
            context.asks[account] = rng.choice((1, 5, 1 << 20, (1 << 24) - 1))
    return context


def account(rng: random.Random, context: Context, index: int) -> Account:
    """An account as years might have left it."""
    deposited = context.deposited.get(index, 0)
    asks = context.asks.get(index, 0)
    cash = rng.choice((0, 1, 10**9, 10**12, -(10**6), (1 << 63) - 1 - 10**3, -(1 << 63) + 10**3))
    count = rng.choice((0, 1, 3, 8, 12, MAX_POSITIONS - 1, MAX_POSITIONS))
    held = rng.sample(list(context.instruments), count)
    edge = POSITION_LOTS_MAX
    found = Account(
        cash=cash,
        exited=rng.choice((0, 10**9, U64, U64 - 10)),
        credited=rng.choice((0, deposited // 2, max(deposited - 1, 0))),
        served=rng.choice((0, max(asks - 1, 0))),
        positions={
            instrument: rng.choice((-1, 1)) * rng.choice((1, 2, rng.randint(1, 10**6), edge))
            for instrument in sorted(held)
        },
    )
    for slot in rng.sample(SLOTS, rng.choice((0, 2, len(SLOTS)))):
        generation = rng.choice((0, 1, 1 << 20, U32 - 1, U32))
        found.slots[slot] = Slot(generation, rng.choice((0, 1, 100, FULL - 1, FULL)))
    return found
