"""Recorded order flow: a LOBSTER message file, replayed as orders of the demo's traders.

A row is ``time,type,order id,size,price,direction``: seconds after midnight with up to nine
decimals, price in dollars times 10,000, direction 1 for a buy (of the *resting* order).

====  =================  ======================================================================
type  LOBSTER            here
====  =================  ======================================================================
1     new order          an order of the trader that the order id is hashed to
2     partial cancel     the order is amended down by the size
3     delete             the order is canceled
4     visible execution  an IOC order of *another* trader, opposite side, the order's price
5     hidden execution   counted, not replayed: it names no order, and no book ever showed it
6     cross trade        counted, not replayed: an auction, not the book
7     halt               price -1: the operator halts; 0 (quoting): it resumes; 1: nothing more
====  =================  ======================================================================

Orders that rested before the file begins are known only by what happens to them later. They are
gathered in a first pass, each with the size that the file takes from it, and placed before the
first message in the order of their ids (ids grow with time). Nothing is known of orders that the
file never mentions. Times, prices and sizes are parsed as integers; there is no float anywhere.
"""

import gzip
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from demo.flow import DOLLAR, NAMES, mix
from demo.steps import (
    Action,
    Amend,
    Cancel,
    ExpiryPlan,
    Flow,
    FlowError,
    Halt,
    InstrumentPlan,
    Listing,
    MarketPlan,
    Place,
    Resume,
    Step,
    Style,
    TraderPlan,
)
from matcher.types import U32, InstrumentKind, OrderFlag

NEW, PARTIAL_CANCEL, DELETE, EXECUTION, HIDDEN, CROSS, HALT = range(1, 8)
LOBSTER_DOLLAR: Final = 10_000
PRICE_PER_TICK: Final = 100  # a tick is a cent
TICK_VALUE: Final = DOLLAR // 100
NANOSECOND_DIGITS: Final = 9
DEPOSIT: Final = 50_000_000 * DOLLAR
TAKER_FEE, MAKER_FEE = 3_000, -2_000  # atoms per share, as in the US: 30 and 20 mils
AFTER: Final = 3_600  # seconds that an order outlives the file


class Message(msgspec.Struct, frozen=True):
    """One row. ``time`` in nanoseconds after midnight, ``price`` in 1/10,000 dollar."""

    line: int
    time: int
    type: int
    order: int
    size: int
    price: int
    buy: bool  # side of the resting order


def read(path: Path, limit: int | None = None) -> list[Message]:
    """The messages of a ``.csv`` or ``.csv.gz`` file, at most ``limit``.

    Raises
    ------
    FlowError
        Names the line and the field, what was found, and what is allowed.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    try:
        with opener(path, "rt", encoding="ascii") as file:
            return parse(file, limit)
    except (OSError, EOFError, UnicodeDecodeError) as error:
        raise FlowError(f"{path}: found {error}, allowed a .csv or .csv.gz file") from None


def parse(lines: Iterable[str], limit: int | None = None) -> list[Message]:
    """Like `read`, from lines."""
    messages: list[Message] = []
    for number, line in enumerate(lines, 1):
        if limit is not None and len(messages) == limit:
            break
        if not line.strip():
            continue
        message = _parse_line(number, line.strip())
        if messages and message.time < messages[-1].time:
            raise FlowError(
                f"line {number}: time {message.time} ns, allowed >= {messages[-1].time} ns"
            )
        messages.append(message)
    if not messages:
        raise FlowError("found no messages, allowed at least one")
    return messages


def _parse_line(number: int, line: str) -> Message:
    fields = line.split(",")
    if len(fields) != 6:
        raise FlowError(
            f"line {number}: found {len(fields)} fields, allowed 6: "
            "time,type,order id,size,price,direction"
        )
    time = _nanoseconds(number, fields[0])
    kind = _integer(number, "type", fields[1], NEW, HALT)
    if kind == HALT:
        price = _integer(number, "price", fields[4], -1, 1)
        return Message(number, time, kind, 0, 0, price, buy=False)
    direction = _integer(number, "direction", fields[5], -1, 1)
    if direction == 0:
        raise FlowError(f"line {number}: direction found 0, allowed 1 or -1")
    return Message(
        number,
        time,
        kind,
        _integer(number, "order id", fields[2], 0, (1 << 63) - 1),
        _integer(number, "size", fields[3], 1, U32),
        _integer(number, "price", fields[4], 0, U32 * PRICE_PER_TICK),
        direction == 1,
    )


def _integer(number: int, field: str, text: str, low: int, high: int) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) < 20):
        raise FlowError(f"line {number}: {field} found {text!r}, allowed an integer")
    value = int(text)
    if not low <= value <= high:
        raise FlowError(f"line {number}: {field} found {value}, allowed {low}..{high}")
    return value


def _nanoseconds(number: int, text: str) -> int:
    """``34200.004241176`` to 34200004241176, without a float in between."""
    seconds, _, fraction = text.partition(".")
    if len(fraction) > NANOSECOND_DIGITS:
        raise FlowError(f"line {number}: time found {text!r}, allowed at most nine decimals")
    whole = _integer(number, "time", seconds, 0, 86_400)
    part = _integer(number, "time", fraction.ljust(NANOSECOND_DIGITS, "0"), 0, 10**9 - 1)
    return whole * 10**9 + part


class _Resting(msgspec.Struct):
    """What the file has told of an order so far."""

    key: int
    trader: int
    lots: int  # whole quantity, after partial cancels
    left: int


def flow(path: Path, limit: int | None = None) -> Flow:
    """The messages of a file as a flow onto one prepaid future (a call of strike 0)."""
    return build(read(path, limit), path.name)


def market_name(file: str) -> str:
    """The ticker that LOBSTER files begin with, if it can name a market; else STOCK."""
    ticker = re.split("[_.]", file, maxsplit=1)[0].upper()
    return ticker if re.fullmatch("[A-Z0-9]{2,8}", ticker) else "STOCK"


def build(messages: list[Message], name: str) -> Flow:
    """The flow of messages that were read."""
    return _Builder(messages).run(name)


class _Builder:
    """Maps messages onto steps and remembers every order that the file has named."""

    def __init__(self, messages: list[Message]):
        self.messages = messages
        self.start = messages[0].time
        self.duration = (messages[-1].time - self.start) // 10**6 + 1
        self.life = self.duration // 1000 + AFTER
        self.traders = tuple(
            TraderPlan(who, Style.RECORDED, DEPOSIT, session_key=number % 3 == 2)
            for number, who in enumerate(NAMES)
        )
        self.orders: dict[int, _Resting] = {}
        self.steps: list[Step] = []
        self.counts = [0] * (HALT + 1)
        self.last_price = 0
        self.keys = 0

    def run(self, name: str) -> Flow:
        opening = self._opening_orders()
        for order in sorted(opening):
            self._place(0, order, opening[order])
        for message in self.messages:
            self.counts[message.type] += 1
            self._map(message)
        facts = (
            ("messages in the file", len(self.messages)),
            ("new orders", self.counts[NEW]),
            ("partial cancels", self.counts[PARTIAL_CANCEL]),
            ("deletes", self.counts[DELETE]),
            ("visible executions", self.counts[EXECUTION]),
            ("hidden executions, not replayed", self.counts[HIDDEN]),
            ("cross trades, not replayed", self.counts[CROSS]),
            ("halt messages", self.counts[HALT]),
            ("orders from before the file", len(opening)),
        )
        listing = self._listing(name)
        return Flow(name, self.traders, listing, tuple(self.steps), self.duration, facts)

    def _opening_orders(self) -> dict[int, Message]:
        """Orders named before they are placed, each with the whole size the file takes from it."""
        placed: set[int] = set()
        opening: dict[int, Message] = {}
        for message in self.messages:
            if message.type == NEW:
                placed.add(message.order)
            elif message.type in (PARTIAL_CANCEL, DELETE, EXECUTION):
                if message.order in placed:
                    continue
                before = opening.get(message.order)
                size = message.size + (before.size if before else 0)
                opening[message.order] = msgspec.structs.replace(message, size=size)
        return opening

    def _listing(self, name: str) -> Listing:
        """One prepaid future: price and payoff run along the share's, up to the cap."""
        # Twice the last price in whole hundreds of dollars: a seller's worst is bounded, and the
        # cap does not lie inside the day's range.
        hundred = 100 * DOLLAR
        cap = (2 * self.last_price * DOLLAR // LOBSTER_DOLLAR // hundred + 1) * hundred
        settles_at = self.last_price * DOLLAR // LOBSTER_DOLLAR
        market = MarketPlan(market_name(name), TICK_VALUE, DOLLAR, TAKER_FEE, MAKER_FEE, settles_at)
        return Listing(
            (market,),
            (ExpiryPlan(market=0, days=0, cap=cap),),
            (InstrumentPlan(expiry=0, kind=InstrumentKind.CALL, strike=0),),
        )

    # --- one message

    def _map(self, message: Message) -> None:
        at = (message.time - self.start) // 10**6
        if message.type == NEW:
            if message.order in self.orders:
                raise FlowError(f"line {message.line}: order {message.order} was placed before")
            self._place(at, message.order, message)
        elif message.type in (PARTIAL_CANCEL, DELETE, EXECUTION):
            self._change(at, message)
        elif message.type == HALT and message.price < 1:
            self._do(at, -1, Halt() if message.price == -1 else Resume())

    def _change(self, at: int, message: Message) -> None:
        order = self.orders[message.order]
        if message.size > order.left:
            raise FlowError(
                f"line {message.line}: size found {message.size}, allowed at most the "
                f"{order.left} left of order {message.order}"
            )
        order.left -= message.size
        if message.type == EXECUTION:
            self.last_price = message.price
            self._execute(at, message, order)
        elif message.type == DELETE or order.left == 0:
            order.left = 0
            self._do(at, order.trader, Cancel(order.key))
        else:
            order.lots -= message.size
            self._do(at, order.trader, Amend(order.key, order.lots))

    def _execute(self, at: int, message: Message, order: _Resting) -> None:
        others = len(self.traders) - 1
        taker = mix(message.order ^ (message.line << 32)) % others
        taker += taker >= order.trader
        flags = OrderFlag.IOC
        buy, names = not message.buy, order.key
        self._step_place(at, taker, buy, message.price, message.size, message.line, flags, names)

    def _place(self, at: int, order: int, message: Message) -> None:
        trader = mix(order) % len(self.traders)
        key = self._step_place(at, trader, message.buy, message.price, message.size, message.line)
        self.orders[order] = _Resting(key, trader, message.size, message.size)
        self.last_price = self.last_price or message.price

    def _step_place(
        self, at: int, trader: int, buy: bool, price: int, lots: int, line: int, flags: int = 0,
        names: int | None = None,
    ) -> int:  # fmt: skip
        if price % PRICE_PER_TICK:
            raise FlowError(
                f"line {line}: price found {price}, allowed multiples of {PRICE_PER_TICK} "
                "(a cent) for an order in the book"
            )
        key = self.keys
        self.keys += 1
        tick = price // PRICE_PER_TICK
        self._do(at, trader, Place(key, 0, buy, tick, lots, flags, self.life, names=names))
        return key

    def _do(self, at: int, trader: int, action: Action) -> None:
        self.steps.append(Step(at, trader, action))
