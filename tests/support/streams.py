"""Command streams: random, sensible, and aimed at every reject code and every cancel reason.

``random_stream(seed, n)`` yields commands; ``streams()`` is the same as a hypothesis strategy that
shrinks by dropping and simplifying actions. Both keep a model of their own to aim by, so a stream
depends on nothing that is under test, and only on its seed.

Facts keep the rules of the chain (what is dated lies after the matcher's clock; fees change only
when the last change is final; keys fall with notice), so batches made from a stream are honest.
"""

import random
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from hypothesis import strategies as st

from matcher import commands as c
from matcher.errors import ChainError
from matcher.events import Event
from matcher.reference.book import OpenOrder
from matcher.reference.leaf import generation_of, slot_of
from matcher.reference.tree import keccak
from matcher.types import (
    NOTIONAL_END,
    ORDER_ID_END,
    POSITION_VALUE_MAX,
    SLOTS,
    U32,
    U64,
    OrderFlag,
    SignedOrder,
    Transfer,
    Withdrawal,
)
from tests.support.street import (
    FAR_SLOTS,
    PLAIN,
    WIDE_MARKET,
    WINDOWS,
    Commands,
    Scene,
    Street,
    address,
    with_terms,
)
from tests.support.tellings import (
    ask,
    deposit,
    end_orders,
    pass_expiry,
    register_key,
    revoke_key,
    stray_fact,
    tell_again,
)

__all__ = ["WINDOWS", "random_stream", "streams"]

# Each action takes the street and dice, and answers commands.


def place(street: Street, rng: random.Random) -> Commands:
    return [street.signed(rng, street.order(rng))]


def take(street: Street, rng: random.Random) -> Commands:
    """Meet the best of a book that has one."""
    sides = [s for b in street.floor.books.values() for s in (b.bids, b.asks) if s]
    if not sides:
        return place(street, rng)
    side = rng.choice(sides)
    best = side[min(rng.randrange(3), len(side) - 1)]
    flags = rng.choice((0, 0, 0, int(OrderFlag.IOC), int(OrderFlag.FOK)))
    return [
        street.signed(
            rng,
            street.order(
                rng,
                instrument=best.signed.order.instrument,
                buy=not best.buy,
                price=best.price,
                quantity=min(max(1, best.remaining + rng.choice((-3, 0, 0, 7, 40))), U32),
                flags=flags,
            ),
        )
    ]


def reduce(street: Street, rng: random.Random) -> Commands:
    """Close a part of a position, or rest an order that would."""
    held = [
        (account, street.floor.context.instruments[index], lots)
        for account in sorted(street.signers)
        for index, lots in sorted(street.floor.account(account).positions.items())
    ]
    if not held:
        return take(street, rng)
    account, instrument, lots = rng.choice(held)
    shift = rng.choice((-30, 0, 3, 300))
    tick = min(max(0, street.fair_tick(instrument) + (shift if lots < 0 else -shift)), U32)
    order = street.order(
        rng,
        account=account,
        instrument=street.symbol_of(instrument),
        buy=lots < 0,
        price=tick * street.scene.tick_value,
        quantity=min(abs(lots) + rng.randint(0, 20), U32),
        flags=int(OrderFlag.REDUCE_ONLY | rng.choice((0, 0, int(OrderFlag.IOC)))),
    )
    return [street.signed(rng, order)]


def all_in(street: Street, rng: random.Random) -> Commands:
    """As many lots as margin allows, sometimes one more."""
    order = street.order(rng, quantity=1, flags=0, expiry=street.floor.now + 10**6)
    index = street.floor.symbols[order.instrument]
    low, high = 0, street.scene.reach
    while high - low > 1:
        lots = (low + high) // 2
        signed = SignedOrder(order, b"", b"", b"")
        tick = order.price // street.scene.tick_value
        tried = OpenOrder(signed, 1 << 60, index, tick, lots, lots)
        if street.floor.worst_with_orders(order.account, tried) >= 0:
            low = lots
        else:
            high = lots
    order = with_terms(order, quantity=max(1, low + rng.choice((0, 0, 0, 1))))
    return [street.signed(rng, order)]


def collect(street: Street, rng: random.Random) -> Commands:
    """One account asks for a lot of everything."""
    account = rng.choice(sorted(street.signers))
    made: Commands = []
    # one slot each: the model does not move between the commands of one action
    for number, instrument in enumerate(rng.sample(street.live(), min(40, len(street.live())))):
        last = street.floor.seen.get(account, {}).get(FAR_SLOTS + number)
        generation = 0 if last is None else generation_of(last[0]) + 1
        order = street.order(
            rng,
            account=account,
            instrument=street.symbol_of(instrument),
            buy=True,
            price=street.scene.tick_value,
            quantity=1,
            id=generation * SLOTS + FAR_SLOTS + number,
            expiry=street.floor.now + 600,
            flags=0,
        )
        made.append(street.signed(rng, order))
    return made


def bad_order(street: Street, rng: random.Random) -> Commands:
    """An order with one thing wrong, most of the time."""
    order = street.order(rng, flags=0)
    account, now = order.account, street.floor.now
    tick_value = street.scene.tick_value
    highest = highest_price(street)
    defects: list[dict[str, Any]] = [
        {"account": rng.choice((0, 1, 999))},
        {"instrument": "BTC-1JAN30-100-C"},
        {"expiry": now - 1},
        {"price": order.price + 1},
        {"price": highest + tick_value},
        {"price": highest, "quantity": min(NOTIONAL_END // highest + 1, U32)},
        *_too_many_lots(street),
        {"quantity": 1 << 24},
        {"flags": int(OrderFlag.REDUCE_ONLY), "instrument": order.instrument},
        {
            "flags": int(OrderFlag.FOK),
            "quantity": 10**4,
            "buy": False,
            "price": min(10 * order.price, highest),
        },
        {
            "flags": int(OrderFlag.POST_ONLY),
            "buy": True,
            "price": min(order.price + 100 * tick_value, highest),
        },
        {"flags": int(OrderFlag.POST_ONLY), "buy": False, "price": 0},
        {"id": ORDER_ID_END - 1 - rng.randrange(3)},
    ]
    past = [i for i in street.floor.context.instruments.values() if i.expires_at <= now]
    if past:
        defects.append({"instrument": street.symbol_of(rng.choice(past))})
    seen = sorted(street.floor.seen.get(account, {}).values())
    if seen:
        last, _ = rng.choice(seen)
        defects += [{"id": last}, {"id": last % SLOTS}, {"id": (last + SLOTS) % ORDER_ID_END}]
    used = sorted(street.floor.account(account).slots.used.items())
    if used:
        slot, filled = rng.choice(used)
        defects += [{"id": filled.generation * SLOTS + slot}]
    working = street.floor.open_orders_of(account)
    if working:
        defects += [{"id": (rng.choice(working).id + SLOTS) % ORDER_ID_END}] * 2
    defects += [{"by": name} for name in ("stranger", *street.signers.get(account, [])[:3])]
    ended = [a for a, until in sorted(street.floor.orders_until.items()) if until < now]
    if ended:
        defects.append({"account": ended[0], "by": street.signers[ended[0]][0]})
    defect = dict(rng.choice(defects))
    by = defect.pop("by", None)
    return [street.signed(rng, with_terms(order, **defect), by)]


def _too_many_lots(street: Street) -> list[dict[str, Any]]:
    """Orders beyond what a position may be worth, or near it."""
    cap = street.scene.wide_cap
    if street.scene.beyond:
        return [{"price": 0, "quantity": POSITION_VALUE_MAX // street.scene.cap + 1}]
    if not cap:
        return [{"quantity": U32}]
    wide = [i for i in street.live() if i.market == WIDE_MARKET]
    return [
        {
            "instrument": street.symbol_of(instrument),
            "buy": True,
            "price": 0,
            "quantity": min(POSITION_VALUE_MAX // cap + more, U32),
        }
        for instrument in wide[:1]
        for more in (0, 1)
    ] + [{"price": U64}, {"price": highest_price(street), "quantity": U32}, {"quantity": U32}]


def highest_price(street: Street) -> int:
    """Atoms per lot."""
    return U32 * street.scene.tick_value


def resend(street: Street, rng: random.Random) -> Commands:
    return [rng.choice(street.sent[-50:])] if street.sent else []


def cancel(street: Street, rng: random.Random) -> Commands:
    order = street.an_open_order(rng)
    if order is None:
        return []
    return [c.CancelOrder(order.account, order.id, address(street.signer_of(rng, order.account)))]


def cancel_all(street: Street, rng: random.Random) -> Commands:
    account = rng.choice(sorted(street.signers))
    instrument = rng.choice((0, 0, rng.choice(street.live()).index, 10**6))
    return [c.CancelAll(account, instrument, address(street.signer_of(rng, account)))]


def bad_cancel(street: Street, rng: random.Random) -> Commands:
    order = street.an_open_order(rng)
    account, order_id = (order.account, order.id) if order else (2, 5)
    signer = address(street.signer_of(rng, account))
    wrong = rng.choice(
        (address("stranger"), address(rng.choice(street.signers.get(account, ["stranger"]))))
    )
    return [
        rng.choice(
            (
                c.CancelOrder(account, (order_id + SLOTS) % ORDER_ID_END, signer),
                c.CancelOrder(account, order_id, wrong),
                c.CancelOrder(rng.choice((0, 1, 999)), order_id, signer),
                c.CancelAll(rng.choice((0, 1, 999)), 0, signer),
                c.CancelAll(account, 0, wrong),
                c.AmendDown(account, (order_id + SLOTS) % ORDER_ID_END, 1, signer),
                c.AmendDown(account, order_id, 1, wrong),
                c.AmendDown(account, order_id, 1 << 30, signer),
                c.AmendDown(account, order_id, 0, signer),
            )
        )
    ]


def amend(street: Street, rng: random.Random) -> Commands:
    order = street.an_open_order(rng)
    if order is None:
        return []
    quantity = rng.randint(order.filled, order.quantity)
    signer = address(street.signer_of(rng, order.account))
    return [c.AmendDown(order.account, order.id, quantity, signer)]


def money(street: Street, rng: random.Random) -> Commands:
    """A withdrawal or transfer, some of them wrong."""
    account = rng.choice([0, *sorted(street.signers)])
    free = max(0, street.floor.worst_with_orders(account))
    amount = rng.choice((0, 1, *[free // 20] * 6, free, free + 1))
    message_id = street.next_id(rng, account)
    last = street.floor.seen.get(account, {})
    if last and rng.random() < 0.2:
        used, _ = rng.choice(sorted(last.values()))
        message_id = rng.choice((used, slot_of(used), (used + SLOTS) % ORDER_ID_END))
    expiry = street.floor.now + rng.choice((100, 100, 100, -1))
    name = rng.choice((*[street.signers.get(account, ["owner 0"])[0]] * 4, f"key {account}"))
    other = rng.choice((0, 1, 999, account, *sorted(street.signers)))
    source = rng.choice((account, account, account, 1, 999))
    message: Withdrawal | Transfer
    if rng.random() < 0.5:
        message = Withdrawal(source, amount, message_id, expiry)
        signature, digest = street.seal(message, name)
        return [c.WithdrawRequest(message, signature, digest, address(name))]
    message = Transfer(source, other, amount, message_id, expiry)
    signature, digest = street.seal(message, name)
    return [c.TransferRequest(message, signature, digest, address(name))]


def tick_clock(street: Street, rng: random.Random) -> Commands:
    time = street.floor.now + rng.choice((0, 1, 2, 13, 60))
    if rng.random() < 0.5:
        return [c.Clock(rng.choice((time, time, time - 100)))]
    return [c.ChainBlock(time // 12, keccak(str(time).encode()), time)]


def next_batch(street: Street, rng: random.Random) -> Commands:
    return [c.CloseBatch(), c.Clock(street.floor.now + rng.randint(0, 5)), c.OpenBatch()]


def stray_batch(street: Street, rng: random.Random) -> Commands:
    """Close without opening, or open what is open."""
    return [rng.choice((c.CloseBatch(), c.OpenBatch(), c.OpenBatch()))]


def change_fees(street: Street, rng: random.Random) -> Commands:
    """New rates, once the last change is final; before that the chain would refuse them.

    Half of the time an order takes all the margin there is, and the rates rise.
    """
    market = rng.choice(street.markets)
    known = street.floor.context.fees[market]
    active = max(known.active_at + WINDOWS.lag + WINDOWS.final_after, street.chain_time)
    taker = rng.choice((0, 1, 30, 100))
    maker = rng.choice((0, -taker, -taker // 3, taker // 2))
    told: Commands = []
    if active > street.chain_time:
        told += [c.CloseBatch(), c.Clock(active - 1), c.OpenBatch()]
    if rng.random() < 0.5:
        told += all_in(street, rng)
        taker = 3000
    wait = rng.choice((0, 0, 500))
    told.append(c.FeesSet(market, known.new_taker, known.new_maker, taker, maker, active + wait))
    return told


def halt(street: Street, rng: random.Random) -> Commands:
    return [c.Halted("paused")] + [x for _ in range(3) for x in place(street, rng)] + [c.Resumed()]


def open_account(street: Street, rng: random.Random) -> Commands:
    if len(street.signers) >= 3 * street.account_count:
        return []
    return street.new_account(
        max(street.signers) + 1, rng.choice((street.scene.money // 20, street.scene.money // 2))
    )


Action = Callable[[Street, random.Random], Commands]
ACTIONS: dict[Action, float] = {
    place: 36,
    take: 30,
    reduce: 5,
    all_in: 2,
    collect: 0.2,
    bad_order: 7,
    resend: 2,
    cancel: 6,
    cancel_all: 0.7,
    bad_cancel: 3,
    amend: 4,
    money: 4,
    tick_clock: 8,
    next_batch: 2,
    stray_batch: 0.3,
    deposit: 3,
    ask: 0.4,
    register_key: 1,
    revoke_key: 0.3,
    end_orders: 0.2,
    change_fees: 0.3,
    halt: 0.2,
    open_account: 0.3,
    tell_again: 0.6,
    pass_expiry: 0.2,
    stray_fact: 0,
}
FACTS = (
    c.MarketListed,
    c.FeesSet,
    c.ExpiryOpened,
    c.InstrumentListed,
    c.AccountOpened,
    c.Deposited,
    c.Asked,
    c.OrdersUntilSet,
    c.KeySet,
    c.PriceFixed,
)
SENT = (c.PlaceOrder, c.WithdrawRequest, c.TransferRequest)


def commits_too_late(street: Street, command: c.Command) -> bool:
    """Whether the open batch could not be committed any more after this command."""
    moves = isinstance(command, c.Clock | c.ChainBlock)
    latest = street.floor.context.built_at + WINDOWS.lag - 2
    return moves and street.floor.batch_open and command.time > latest


Answer = list[Event] | ChainError


def walk(
    street: Street, actions: Iterator[tuple[Action, int]]
) -> Iterator[tuple[c.Command, Answer]]:
    """A walk through actions, each with the seed of its dice: commands, and the model's answers."""

    def tell(made: Commands) -> Iterator[tuple[c.Command, Answer]]:
        for command in made:
            if commits_too_late(street, command):
                yield from tell([c.CloseBatch()])
                yield from tell([command, c.OpenBatch()])
                continue
            try:
                answer: Answer = street.model.apply(command)
            except ChainError as error:
                answer = error
            if isinstance(command, SENT):
                street.sent.append(command)
                del street.sent[:-50]
            elif isinstance(command, FACTS):
                street.facts.append(command)
            yield command, answer

    yield from tell(street.setup())
    for action, seed in actions:
        yield from tell(action(street, random.Random(seed)))
        if not street.floor.batch_open and seed % 4:
            yield from tell([c.OpenBatch()])


def walk_at_random(street: Street, seed: int) -> Iterator[tuple[c.Command, Answer]]:
    """A walk without end; the same for the same seed."""
    rng = random.Random(seed)
    own = dict(street.scene.weights)
    names = list(ACTIONS)
    weights = [own.get(action.__name__, weight) for action, weight in ACTIONS.items()]

    def actions() -> Iterator[tuple[Action, int]]:
        while True:
            yield rng.choices(names, weights)[0], rng.getrandbits(32)

    return walk(street, actions())


def random_stream(
    seed: int, n: int, accounts: int = 8, markets: int = 2, scene: Scene = PLAIN
) -> Iterator[c.Command]:
    """`n` commands, lazily; the same for the same seed."""
    walked = walk_at_random(Street(accounts, markets, scene), seed)
    return (command for command, _ in islice(walked, n))


@st.composite
def streams(
    draw: st.DrawFn,
    max_actions: int = 120,
    accounts: int = 4,
    markets: int = 2,
    scene: Scene = PLAIN,
) -> Commands:
    """Whole streams; shrinks by dropping actions and simplifying their dice."""
    often = [
        action for action, weight in ACTIONS.items() if weight for _ in range(max(1, round(weight)))
    ]
    step = st.tuples(st.sampled_from(often), st.integers(0, (1 << 32) - 1))
    least = draw(st.sampled_from((0, max_actions // 4, max_actions // 2)))
    actions = draw(st.lists(step, min_size=least, max_size=max_actions))
    return [command for command, _ in walk(Street(accounts, markets, scene), iter(actions))]
