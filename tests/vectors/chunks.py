"""Vectors of chunks: what follows from a state, or which rule is broken."""

from matcher.reference.context import Context
from matcher.reference.faults import InvalidOp
from matcher.reference.leaf import Account, Slot
from matcher.reference.openings import CalldataBody
from matcher.reference.state import State
from matcher.reference.tree import keccak
from matcher.reference.witness_transition import transition
from matcher.reference.words import (
    Credit,
    Fill,
    Op,
    Release,
    Settle,
    Transfer,
    Withdraw,
    pack_chunk,
)
from matcher.types import U32, Fees, Instrument, Market
from tests.vectors.spelling import Json, hexed, plain, word_hex

BUILT_AT, LAG = 1_800_000_000, 120
SETTLED, OPEN = 499_992, 500_016  # expiries, hours
CAP = 1 << 30


def facts() -> Context:
    return Context(
        built_at=BUILT_AT,
        lag=LAG,
        markets={1: Market(1, "BTC", 100, 1000), 2: Market(2, "ETH", 7, 1)},
        fees={1: Fees(9, 9, 3, -1, BUILT_AT), 2: Fees(2, 1, 900, 900, BUILT_AT + 1)},
        instruments={
            index: Instrument(index, 1 + index % 2, index // 2 % 2, expiry, 40 + index)
            for index, expiry in enumerate([SETTLED] * 4 + [OPEN] * 5, start=1)
        },
        caps={(market, expiry): CAP for market in (1, 2) for expiry in (SETTLED, OPEN)},
        prices={(1, SETTLED): (41_500, BUILT_AT - 1), (2, SETTLED): (43, BUILT_AT)},
        opened={0, *range(2, 8)},
        deposited={2: 10**9, 3: 10**9 + 1, 7: 55},
        asks={2: 3, 3: 1},
    )


def state() -> State:
    found = State()
    found.accounts = {
        0: Account(cash=12),
        2: Account(10**9, credited=10**9, served=1, positions={1: 4, 2: -4, 5: 1, 9: -2}),
        3: Account(10**9, 7, 10**9, positions={1: -4, 2: 4, 5: -1, 9: 2}),
        4: Account(-5, positions={index: index for index in range(1, 10)}),
        5: Account(10**6, positions={100 + index: 1 for index in range(32)}),
        1 << 20: Account(1),
    }
    for number, slot in ((1, Slot(2, 30)), (4095, Slot(U32, U32 - 1))):
        found.accounts[2].slots[number] = slot
    found.rehash(found.accounts)
    return found


def fill(taker: int, maker: int, instrument: int, **changed: int) -> Fill:
    values = {"flags": 0, "tick": 50, "lots": 2, "taker_order": 8193, "maker_order": 5} | changed
    return Fill(taker=taker, maker=maker, instrument=instrument, **values)


CHUNKS: dict[str, list[Op]] = {
    "nothing": [],
    "a fill opens positions": [fill(2, 3, 6)],
    "a sale closes them": [fill(2, 3, 5, flags=1, lots=1), fill(3, 2, 9, flags=1)],
    "rates of before": [fill(3, 6, 5), fill(3, 6, 7, taker_order=6, maker_order=6)],
    "an order goes on": [fill(2, 3, 6, taker_order=8193), fill(2, 4, 6, taker_order=8193)],
    "the last lot of the last order": [fill(2, 3, 6, lots=1, taker_order=(1 << 44) - 1)],
    "credits": [Credit(7, 55), Credit(3, 1), Credit(6, 0)],
    "withdrawals": [Withdraw(2, 10**8, 77), Withdraw(2, 1, 77 + 4096), Withdraw(4, 0, 1)],
    "transfers": [Transfer(2, 0, 5, 99), Transfer(3, 6, 10**9, 0)],
    "releases": [Release(2, 10**9, 3), Release(3, 0, 1)],
    "settlements": [Settle(index, 1, SETTLED) for index in (2, 3, 4, 6, 2)],
    "all kinds": [
        fill(2, 3, 6),
        Credit(7, 5),
        Withdraw(3, 9, 4000),
        Settle(4, 1, SETTLED),
        Transfer(4, 2, 1, 3),
        Release(2, 5, 2),
        fill(4, 3, 9, flags=1, taker_order=9, maker_order=4100),
    ],
    "unopened": [fill(2, 8, 6)],
    "account 1": [Credit(1, 0)],
    "reserved": [fill(0, 2, 6)],
    "one account": [fill(2, 2, 6)],
    "no lots": [fill(2, 3, 6, lots=0)],
    "unlisted": [fill(2, 3, 10)],
    "too late": [fill(2, 3, 2)],
    "no such order": [fill(2, 3, 6, maker_order=1 << 44)],
    "stale": [fill(2, 3, 6, taker_order=4097)],
    "used": [Withdraw(2, 1, 8193)],
    "overfilled": [fill(2, 3, 6, lots=2, taker_order=(1 << 44) - 1)],
    "notional": [fill(2, 3, 6, tick=U32, lots=1 << 31)],
    "position": [fill(2, 3, 6, tick=0, lots=(1 << 27) + 1)],
    "33 positions": [fill(5, 3, 6)],
    "over-credited": [Credit(7, 55), Credit(7, 1)],
    "nothing to serve": [Release(3, 0, 2)],
    "a price of the same second": [Settle(2, 2, SETTLED)],
    "overflow": [Transfer(2, 3, (1 << 63) - 1, 99)],
}


def make_chunks() -> Json:
    context, before = facts(), state()
    return {
        "facts": facts_json(context),
        "accounts": [
            {"account": str(index), **account_json(found)}
            for index, found in sorted(before.accounts.items())
        ],
        "stateRoot": hexed(before.root()),
        "chunks": [chunk_json(name, ops, context) for name, ops in CHUNKS.items()],
        "lies": [
            {"name": "a root of nowhere", **lie_json(keccak(b"nowhere"), context)},
            {"name": "the root before", **lie_json(before.root(), context)},
        ],
    }


def chunk_json(name: str, ops: list[Op], context: Context) -> Json:
    after = state()
    try:
        root, fault, place = after.apply_ops(ops, context), "NONE", 30
    except InvalidOp as error:
        root, fault, place = bytes(32), error.fault.name, first_invalid(ops, context)
    words = pack_chunk(ops, root)
    return {"name": name, **judged(words, context), "fault": fault, "place": str(place)} | {
        "root": hexed(root)
    }


def lie_json(stated: bytes, context: Context) -> Json:
    ops = CHUNKS["all kinds"]
    root = state().apply_ops(ops, context)
    found = judged(pack_chunk(ops, stated), context)
    return {**found, "fault": "WRONG_ROOT", "place": "30", "root": hexed(root)}


def judged(words: list[int], context: Context) -> Json:
    """A batch of this chunk alone, and the witness."""
    body = CalldataBody(words)
    return {
        "words": [word_hex(word) for word in words],
        "chunksRoot": hexed(body.tree.root()),
        "witness": hexed(transition(body, 0, state(), context)),
    }


def first_invalid(ops: list[Op], context: Context) -> int:
    running = state()
    for place, op in enumerate(ops):
        try:
            running.apply(op, context)
        except InvalidOp:
            return place
    raise AssertionError("all are valid")


def account_json(account: Account) -> Json:
    return {
        **{name: str(getattr(account, name)) for name in ("cash", "exited", "credited", "served")},
        "positions": [
            {"instrument": str(index), "lots": str(lots)}
            for index, lots in sorted(account.positions.items())
        ],
        "slots": [
            {"slot": str(number), "generation": str(slot.generation), "filled": str(slot.filled)}
            for number, slot in sorted(account.slots.used.items())
        ],
    }


def facts_json(context: Context) -> Json:
    return {
        "builtAt": str(context.built_at),
        "lag": str(context.lag),
        "accountCount": str(max(context.opened) + 1),
        "markets": [
            {name: plain(getattr(market, name)) for name in market.__struct_fields__}
            | {name: plain(getattr(context.fees[index], name)) for name in Fees.__struct_fields__}
            for index, market in context.markets.items()
        ],
        "expiries": [
            {"market": str(market), "expiry": str(expiry), "cap": str(cap)}
            for (market, expiry), cap in context.caps.items()
        ],
        "prices": [
            {"market": str(key[0]), "expiry": str(key[1]), "price": str(price), "fixedAt": str(at)}
            for key, (price, at) in context.prices.items()
        ],
        "instruments": [
            {name: plain(getattr(listed, name)) for name in listed.__struct_fields__}
            for listed in context.instruments.values()
        ],
        "counters": [
            {
                "account": str(index),
                "deposited": str(context.deposited.get(index, 0)),
                "asks": str(context.asks.get(index, 0)),
            }
            for index in sorted(context.deposited.keys() | context.asks.keys())
        ],
    }
