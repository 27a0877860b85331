"""A kernel exchange that is told lines, as short as a test can write them.

One market with the tick value 10, and calls of one series. Of each account the owner's number is
twice the account's, the key's one more.
"""

from typing import Any

import numpy as np

from matcher.kernel import layout
from matcher.kernel.exchange import Matching, lines_of
from matcher.kernel.layout import CommandKind as Kind
from matcher.kernel.layout import EventKind
from matcher.kernel.pools import Limits, Records

LIMITS = Limits(
    books=4, accounts=64, signers=128, markets=2, series=4, orders=1000, far_levels=256, band_bits=6
)
BUY, SELL = 0, 1
TICK_VALUE = 10  # atoms
LATE = 1 << 23  # hours
START = 1000  # seconds
RICH = 1 << 50  # atoms
ACCOUNTS = range(2, 40)


def command(kind: Kind, *, annex: int = 0, **fields: Any) -> Records:
    """The lines of a command."""
    made = lines_of(1 + annex)
    made["kind"][0], made["annex"][0] = kind, annex
    for name, value in fields.items():
        made[name][0] = value
    return made


def fact(kind: Kind, *, annex: int = 0, **fields: Any) -> Records:
    """The lines of a fact."""
    made = command(kind, annex=annex)
    for name, value in fields.items():
        made.view(layout.FACT)[name][0] = value
    return made


def rates(taker: int, maker: int, active_at: int = 0, market: int = 1) -> Records:
    """FEES_SET, old and new rates alike."""
    made = fact(Kind.FEES_SET, annex=1, market=market, time=active_at)
    annex = made[1:].view(layout.RATES)
    annex["old_taker"], annex["new_taker"] = taker, taker
    annex["old_maker"], annex["new_maker"] = maker, maker
    return made


def opened(account: int) -> Records:
    """ACCOUNT_OPENED."""
    made = fact(Kind.ACCOUNT_OPENED, annex=1, account=account, signer=2 * account)
    made[1:].view(layout.SIGNED)["address"] = bytes([1, account]) * 10
    return made


def key_set(account: int, until: int) -> Records:
    """KEY_SET of the account's key."""
    made = fact(Kind.KEY_SET, annex=1, account=account, signer=2 * account + 1, time=until)
    made[1:].view(layout.SIGNED)["address"] = bytes([2, account]) * 10
    return made


def listed(instrument: int, *, expiry: int = LATE, strike: int = 0, kind: int = 0) -> Records:
    """INSTRUMENT_LISTED."""
    return fact(
        Kind.INSTRUMENT_LISTED,
        instrument=instrument,
        market=1,
        expiry=expiry,
        strike=strike,
        value=kind,
    )


def desk(
    limits: Limits = LIMITS,
    *,
    cap: int = 400_000,
    fees: tuple[int, int] = (3, -1),
    expiry: int = LATE,
    lag: int = 0,
    deposit: int = RICH,
) -> Matching:
    """An exchange with a batch open, two instruments, and accounts that have money."""
    matching = Matching(limits, lag)
    told = [
        command(Kind.CLOCK, time=START),
        command(Kind.OPEN_BATCH),
        fact(Kind.MARKET_LISTED, annex=1, market=1, value=TICK_VALUE, other=1000),
        rates(*fees),
        fact(Kind.EXPIRY_OPENED, market=1, expiry=expiry, value=cap),
        listed(1, expiry=expiry, strike=1),
        listed(2, expiry=expiry, strike=2),
    ]
    for account in ACCOUNTS:
        money = fact(Kind.DEPOSITED, account=account, value=deposit)
        told += [opened(account), key_set(account, START + 10**6), money]
    matching.submit(np.concatenate(told))
    return matching


def order(account: int, number: int, sells: int, tick: int, lots: int, **more: Any) -> Records:
    """PLACE by the account's owner, without a digest."""
    terms = {"instrument": 1, "time": 1 << 39, "signer": 2 * account, **more}
    return command(
        Kind.PLACE, account=account, id=number, sells=sells, tick=tick, quantity=lots, **terms
    )


def cancel(account: int, number: int) -> Records:
    """CANCEL by the owner."""
    return command(Kind.CANCEL, account=account, id=number, signer=2 * account)


def told(events: Records) -> list[tuple[str, int, int]]:
    """(kind, id, note or lots) of each event."""
    return [(EventKind(e["kind"]).name, int(e["id"]), int(e["note"] or e["lots"])) for e in events]
