"""What the chain tells a street: money, keys, expiries; and what no chain tells."""

import random

from matcher import commands as c
from matcher.reference.tree import keccak
from matcher.types import U56
from tests.support.street import WINDOWS, Commands, Street, address

# Each takes the street and dice, and answers commands.


def deposit(street: Street, rng: random.Random) -> Commands:
    """Mostly to who has least."""
    poorest = min(street.signers, key=lambda a: (street.floor.worst_with_orders(a), a))
    account = rng.choice([0, *sorted(street.signers), *[poorest] * 20])
    total = street.floor.context.deposited.get(account, 0) + rng.choice(
        (1, street.scene.money // 200, street.scene.money)
    )
    return [c.Deposited(account, min(total, U56), street.chain_time)]


def ask(street: Street, rng: random.Random) -> Commands:
    account = rng.choice([0, *sorted(street.signers)])
    asks = street.floor.context.asks.get(account, 0) + rng.choice((1, 1, 2))
    return [c.Asked(account, asks, street.chain_time)]


def register_key(street: Street, rng: random.Random) -> Commands:
    account = rng.choice(sorted(street.signers))
    name = f"key {account}.{rng.randrange(2 + len(street.signers[account]))}"
    if address(name) in street.floor.keys.get(account, {}):
        return revoke_key(street, rng)
    street.signers[account].append(name)
    until = street.chain_time + rng.choice((WINDOWS.notice, 10**5, 10**7, 10**8))
    return [c.KeySet(account, address(name), street.chain_time, until)]


def revoke_key(street: Street, rng: random.Random) -> Commands:
    account = rng.choice(sorted(street.floor.keys))
    key = rng.choice(sorted(street.floor.keys[account]))
    valid_from, until = street.floor.keys[account][key]
    fallen = min(until, street.chain_time + WINDOWS.notice)
    return [c.KeySet(account, key, valid_from, fallen)]


def end_orders(street: Street, rng: random.Random) -> Commands:
    """An owner's hard cancel; orders of one account go on by keys."""
    account = max(street.signers)
    until = street.chain_time + WINDOWS.notice + rng.choice((0, 1000))
    known = street.floor.orders_until.get(account, 0)
    return [c.OrdersUntilSet(account, min(until, known) if known else until)]


def tell_again(street: Street, rng: random.Random) -> Commands:
    """A fact that was told before."""
    return [rng.choice(street.facts)] if street.facts else []


def wild_rates(rng: random.Random) -> tuple[int, int]:
    """Of takers and makers, as far as the owner may go: together they never cost account 0."""
    most = (1 << 31) - 1
    taker = rng.choice((0, 7, 7, most))
    return taker, rng.choice((-taker, -taker, 0, 7, most))


def stray_fact(street: Street, rng: random.Random) -> Commands:
    """What no chain tells: facts of nobody, second tellings that say something else, wild rates."""
    context, time = street.floor.context, street.chain_time
    account, market, index = rng.choice(sorted(street.signers)), 1, max(context.instruments)
    expiry = rng.choice(sorted(e for m, e in context.caps if m == market))
    rates = [*wild_rates(rng), *wild_rates(rng)]
    active = context.fees[market].active_at + rng.choice((-1, 0, 100, 300))
    owner, stranger = street.floor.owners[account], address("stranger")
    return [
        rng.choice(
            (
                c.Deposited(999, 1, time),
                c.Asked(999, 1, time),
                c.OrdersUntilSet(999, time),
                c.KeySet(999, stranger, time, time),
                c.FeesSet(99, 0, 0, 0, 0, time),
                c.ExpiryOpened(99, expiry, 5),
                c.InstrumentListed(index + 1, 99, 0, expiry, 5),
                c.InstrumentListed(index + 1, market, 0, expiry + 1, 5),
                c.PriceFixed(market, expiry + 1, 5, time),
                c.AccountOpened(account, stranger),
                c.AccountOpened(0, stranger),
                c.MarketListed(market, "XYZ", 3, 3),
                c.ExpiryOpened(market, expiry, 7),
                c.InstrumentListed(rng.randint(1, index), 2, 1, expiry, 77),
                c.InstrumentListed(index + 1, market, rng.randrange(2), expiry, 1000 + index),
                c.OrdersUntilSet(account, 0),
                c.KeySet(account, owner, time, time + rng.choice((0, 10**6))),
                c.KeySet(account, address(f"key {account}"), time + 9, time + 10**9),
                c.Deposited(account, 1, time),
                c.Asked(account, 0, time),
                c.FeesSet(market, *rates, max(active, 0)),
                c.Halted("again"),
                c.Resumed(),
            )
        )
    ]


def pass_expiry(street: Street, rng: random.Random) -> Commands:
    """To the next expiry: trading in it closes, it expires, its price is fixed, a new one opens."""
    context = street.floor.context
    due = sorted(key for key in context.caps if key not in street.floor.prices)
    if not due:
        return []
    first = min(expiry for _, expiry in due)
    keys = [key for key in due if key[1] == first]
    at = first * 3600
    told: Commands = [c.Clock(at - WINDOWS.lag - 1), c.Clock(at - WINDOWS.lag)]
    told += [c.CloseBatch(), c.Clock(at + 5)]
    if rng.random() < 0.5:
        told.append(c.OpenBatch())
    fixed_at = max(at + 6, street.chain_time)
    for market, expiry in keys:
        cap = context.caps[market, expiry]
        price = rng.choice(
            (0, cap, rng.randint(0, cap), street.scene.spot * street.scene.strike_value)
        )
        told.append(c.PriceFixed(market, expiry, price, fixed_at))
    told += [c.CloseBatch(), c.ChainBlock(first, keccak(b"block"), fixed_at + 1), c.OpenBatch()]
    index = max(context.instruments) + 1
    for market, _ in keys:
        new = street.expiry(market, max(e for _, e in context.caps) + 24, index)
        index += len(new) - 1
        told += new
    return told
