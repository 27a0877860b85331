"""A flow of orders as lines: an exchange with money and listings, then orders and cancels."""

import numpy as np
import numpy.typing as npt

from matcher import commands as c
from matcher.core import LINE_RECORD
from matcher.kernel import layout
from matcher.kernel.exchange import Matching
from matcher.kernel.layout import CommandKind
from matcher.kernel.pools import Records
from matcher.lines import Encoder
from matcher.names import Names

BOOKS, ACCOUNTS = 8, 62
FIRST_ACCOUNT = 2
MIDDLE = 1000  # tick
START = 1_774_249_200  # seconds
EXPIRY = (START // 3600 + 16) // 24 * 24 + 24 * 30 + 8  # hours; at 08:00 UTC
LATE = START + 10**7


def lines_of(commands: list[c.Command]) -> npt.NDArray[np.uint8]:
    """Lines of commands that a new exchange is told; shape (n, 64)."""
    encoder = Encoder(Names(0))
    encoded = b"".join(encoder.encode(command) for command in commands)
    return np.frombuffer(encoded, np.uint8).reshape(-1, 64)


def world(books: int = BOOKS, accounts: int = ACCOUNTS) -> npt.NDArray[np.uint8]:
    """Facts before any order; signer n + 1 is the owner of the n-th account, from 0."""
    told: list[c.Command] = [
        c.MarketListed(1, "BTC", 10, 1000),
        c.FeesSet(1, 30, -10, 30, -10, 0),
        c.ChainBlock(1, b"\x01" * 32, START),
    ]
    for number in range(books):
        expiry = EXPIRY + 24 * (number // 250)
        if number % 250 == 0:
            told.append(c.ExpiryOpened(1, expiry, 400_000))
        told.append(c.InstrumentListed(number + 1, 1, 0, expiry, number % 250 + 1))
    for number in range(accounts):
        account = FIRST_ACCOUNT + number
        told.append(c.AccountOpened(account, account.to_bytes(20, "big")))
        told.append(c.Deposited(account, 10**15, START))
    told += [c.Clock(START + 1), c.OpenBatch()]
    return lines_of(told)


def counted(lines: npt.NDArray[np.uint8]) -> int:
    """How many commands lines are."""
    at = count = 0
    while at < len(lines):
        at += 1 + int(lines[at, 4])
        count += 1
    return count


def flow(seed: int, count: int, first: int = 0) -> Records:
    """Orders around the middle, many of which are canceled later; shape (count,), COMMAND.

    Numbers of ids begin at `first`, so that flows may follow one another.
    """
    rng = np.random.default_rng(seed)
    commands = np.zeros(count, layout.COMMAND)
    number = np.arange(count)
    commands["account"] = FIRST_ACCOUNT + number % ACCOUNTS
    commands["signer"] = 1 + number % ACCOUNTS
    commands["id"] = first + number
    commands["instrument"] = rng.integers(1, BOOKS + 1, count)
    commands["kind"] = CommandKind.PLACE
    commands["sells"] = rng.integers(0, 2, count)
    aside = rng.geometric(0.2, count) * np.where(commands["sells"], 1, -1)
    commands["tick"] = MIDDLE + aside + rng.integers(-2, 3, count)
    commands["quantity"] = rng.integers(1, 50, count)
    commands["time"] = LATE
    cancels = np.flatnonzero(rng.random(count) < 0.45)
    cancels = cancels[cancels > 200]
    placed = cancels - rng.integers(1, 200, len(cancels))
    for name in ("account", "signer", "id", "instrument"):
        commands[name][cancels] = commands[name][placed]
    commands["kind"][cancels] = CommandKind.CANCEL
    for name in ("tick", "quantity", "time", "sells"):
        commands[name][cancels] = 0
    commands["origin"] = number
    return commands


def told(*parts: npt.NDArray[np.uint8] | Records) -> Matching:
    """An exchange that was told lines."""
    matching = Matching()
    for part in parts:
        matching.run(as_lines(part))
    return matching


def as_lines(part: npt.NDArray[np.uint8] | Records) -> Records:
    """Records of a ring of commands."""
    return np.ascontiguousarray(part).reshape(-1).view(LINE_RECORD)
