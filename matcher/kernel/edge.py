"""What the kernel may be shown: every field of a line that it relies on, checked at the edge."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from matcher.kernel import layout
from matcher.kernel.layout import CommandKind as Kind
from matcher.kernel.loop import indexer
from matcher.kernel.memory import AREAS, COMPILED
from matcher.kernel.pools import Limits, Records
from matcher.types import (
    KNOWN_ORDER_FLAGS,
    ORDER_ID_END,
    U24,
    U56,
    InstrumentKind,
    OrderFlag,
    SelfTrade,
)

_I32: Final = 1 << 31
TICK_VALUE_END: Final = 1 << 31  # atoms: a price is below 2^63
STRIKE_VALUE_END: Final = 1 << 38  # atoms: a strike is below 2^62
_BOTH: Final = OrderFlag.IOC | OrderFlag.FOK
_MESSAGES: Final = (Kind.PLACE, Kind.CANCEL, Kind.CANCEL_ALL, Kind.AMEND)
_SENDINGS: Final = (Kind.WITHDRAW, Kind.TRANSFER)
_WITH_ANNEX: Final = (Kind.MARKET_LISTED, Kind.FEES_SET, Kind.ACCOUNT_OPENED, Kind.KEY_SET)


def starts_of(lines: Records) -> Any:
    """Numbers of the lines at which commands begin.

    Raises
    ------
    ValueError
        If the last command has not all of its annex.
    """
    starts = np.zeros(len(lines), np.int64)
    at = lines.ctypes.data
    declare_lines(lines)
    if not COMPILED:
        AREAS.declare("word", starts.ctypes.data, len(starts), 8)
    count = indexer()(at, at + 64 * len(lines), starts.ctypes.data)
    forget_lines(lines)
    forget_lines(starts)
    if count < 0:
        raise ValueError(f"lines: {len(lines)} lines end within the annex of a command")
    return starts[:count]


def declare_lines(lines: Records) -> None:
    """Let debug mode read commands and annexes there."""
    if not COMPILED:
        for kind in ("command", "annex"):
            AREAS.declare(kind, lines.ctypes.data, len(lines), 64)


def forget_lines(lines: Records) -> None:
    """Debug mode may not read there any more."""
    if not COMPILED:
        AREAS.forget(lines.ctypes.data, lines.ctypes.data + max(1, lines.nbytes))


def check_lines(lines: Records, limits: Limits) -> None:
    """Raise ValueError unless the kernel may be shown these lines.

    What the gateway's `wire` guarantees of a message, and the contracts of a fact; it keeps the
    kernel within its memory, and its numbers within 64 bits.
    """
    starts = starts_of(lines)
    commands = lines[starts]
    for name, wrong, allowed in _faults_of(commands, limits):
        _refuse(commands, starts, name, wrong, allowed)
    facts = commands.view(layout.FACT)
    for name, wrong, allowed in _faults_of_facts(facts, limits):
        _refuse(facts, starts, name, wrong, allowed)
    fees = starts[commands["kind"] == Kind.FEES_SET] + 1
    rates = lines[fees].view(layout.RATES)
    for when in ("old", "new"):
        taker, maker = f"{when}_taker", f"{when}_maker"
        wrong = (rates[taker] < 0) | (rates[taker] >= _I32)
        _refuse(rates, fees, taker, wrong, "0 to 2^31 - 1")
        wrong = (rates[maker] < -rates[taker]) | (rates[maker] >= _I32)
        _refuse(rates, fees, maker, wrong, f"-{taker} to 2^31 - 1")


def _refuse(records: Records, starts: Any, name: str, wrong: Any, allowed: str) -> None:
    if wrong.any():
        first = int(np.argmax(wrong))
        found = int(records[name][first])
        raise ValueError(f"line {int(starts[first])}: {name} is {found}, allowed {allowed}")


Fault = tuple[str, Any, str]


def _faults_of(commands: Records, limits: Limits) -> Iterator[Fault]:
    """(field, where it is wrong, what is allowed) of commands and of what facts share."""
    kind = commands["kind"]
    known = np.isin(kind, [int(k) for k in Kind])
    yield "kind", ~known, "a CommandKind"
    yield "annex", np.isin(kind, _WITH_ANNEX) & (commands["annex"] == 0), "1 for this kind"
    yield "account", commands["account"] >= limits.accounts, f"below {limits.accounts}"
    yield "signer", commands["signer"] >= limits.signers, f"below {limits.signers}"
    time = commands["time"]
    yield "time", (time < 0) | (time >= layout.FOREVER), "0 to 2^62 - 2"
    place, amends = kind == Kind.PLACE, kind == Kind.AMEND
    order, sending = np.isin(kind, _MESSAGES), np.isin(kind, _SENDINGS)
    numbered, number = order | sending, commands["id"]
    yield "id", numbered & ((number < 0) | (number >= ORDER_ID_END)), "0 to 2^44 - 1"
    yield "sells", place & (commands["sells"] > 1), "0 or 1"
    yield "self_trade", place & (commands["self_trade"] >= len(SelfTrade)), "a SelfTrade"
    flags = commands["flags"]
    yield "flags", place & (flags & ~np.uint8(KNOWN_ORDER_FLAGS) > 0), "an OrderFlag"
    clash = (flags & _BOTH == _BOTH) | ((flags & OrderFlag.POST_ONLY > 0) & (flags & _BOTH > 0))
    yield "flags", place & clash, "one of IOC, FOK and post-only"
    yield "quantity", (place | amends) & (commands["quantity"] == 0), "at least 1"
    yield "amount", sending & (commands["amount"] < 0), "0 to 2^63 - 1"
    yield "target", sending & (commands["target"] >= limits.accounts), f"below {limits.accounts}"


def _faults_of_facts(facts: Records, limits: Limits) -> Iterator[Fault]:
    """The same of what facts alone have."""
    kind, value, other = facts["kind"], facts["value"], facts["other"]
    listed, instrument = kind == Kind.MARKET_LISTED, kind == Kind.INSTRUMENT_LISTED
    opened, fixed = kind == Kind.EXPIRY_OPENED, kind == Kind.PRICE_FIXED
    of_market = listed | instrument | opened | fixed | (kind == Kind.FEES_SET)
    yield "market", of_market & (facts["market"] >= limits.markets), f"below {limits.markets}"
    yield "expiry", (instrument | opened | fixed) & (facts["expiry"] > U24), "0 to 2^24 - 1"
    yield "value", listed & ((value < 1) | (value >= TICK_VALUE_END)), "1 to 2^31 - 1"
    yield "other", listed & ((other < 0) | (other >= STRIKE_VALUE_END)), "0 to 2^38 - 1"
    yield "value", (opened | fixed) & ((value < 0) | (value > U56)), "0 to 2^56 - 1"
    calls = (value == InstrumentKind.CALL) | (value == InstrumentKind.PUT)
    yield "value", instrument & ~calls, "an InstrumentKind"
    yield "strike", instrument & (facts["strike"] > U24), "0 to 2^24 - 1"
    number = facts["instrument"]
    beyond = (number == 0) | (number >= limits.books)
    yield "instrument", instrument & beyond, f"1 to {limits.books - 1}"
    for which, end, allowed in (
        (Kind.DEPOSITED, U56, "0 to 2^56 - 1"),  # all of an account's life (Vault.sol)
        (Kind.ASKED, U24, "0 to 2^24 - 1"),
        (Kind.KEY_SET, layout.FOREVER - 1, "0 to 2^62 - 2"),
    ):
        yield "value", (kind == which) & ((value < 0) | (value > end)), allowed
    signs = (kind == Kind.KEY_SET) | (kind == Kind.ACCOUNT_OPENED)
    yield "signer", signs & (facts["signer"] == 0), "the number of the address"
