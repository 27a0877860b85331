"""Op words from event records, and what is refused of lines and events."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from matcher import commands as c
from matcher import words
from matcher.batch import order_file
from matcher.errors import ProtocolError
from matcher.kernel.layout import COMMAND, EVENT, EVENT_NUMBERS, CommandKind, EventKind
from matcher.kernel.opstream_layout import Stop
from matcher.lines import Decoder, Encoder
from matcher.merkle import keccak
from matcher.names import Names
from matcher.settlement.facts import Facts
from matcher.settlement.opstream import OpStream, OrderFiles, messages_of, words_of
from matcher.types import (
    ORDER_ID_END,
    U24,
    U32,
    U40,
    Order,
    SignedOrder,
    Transfer,
    Withdrawal,
)
from tests.support.pit import EXPIRY

accounts = st.integers(0, U24)
orders = st.integers(0, ORDER_ID_END - 1)
amounts = st.integers(0, (1 << 63) - 1)
numbers = st.integers(0, U32)
fills = st.builds(
    words.Fill, st.integers(0, 1), accounts, accounts, accounts, numbers, numbers, orders, orders
)
ops = st.one_of(
    fills,
    st.builds(words.Credit, accounts, amounts),
    st.builds(words.Withdraw, accounts, amounts, orders),
    st.builds(words.Settle, accounts, st.integers(0, 255), accounts),
    st.builds(words.Transfer, accounts, accounts, amounts, orders),
    st.builds(words.Release, accounts, amounts, accounts),
    st.none(),  # an event that is no op
)


def events_of(told: list[words.Op | None]) -> NDArray[Any]:
    """Event records that say these ops."""
    records = np.zeros(len(told), EVENT)
    amounts = records.view(EVENT_NUMBERS)
    for place, op in enumerate(told):
        row: dict[str, int] = {"kind": EventKind.ACCEPTED}
        match op:
            case words.Fill():
                row = {"kind": EventKind.TRADE, "sells": op.flags, "instrument": op.instrument}
                row |= {"account": op.taker, "id": op.taker_order, "tick": op.tick}
                row |= {"maker_account": op.maker, "maker_id": op.maker_order, "lots": op.lots}
            case words.Credit():
                row = {"kind": EventKind.CREDITED, "account": op.account, "amount": op.amount}
            case words.Withdraw():
                row = {"kind": EventKind.WITHDRAWN, "account": op.account, "amount": op.amount}
                row["id"] = op.order
            case words.Settle():
                row = {"kind": EventKind.SETTLED, "account": op.account, "instrument": op.market}
                row |= {"tick": op.expiry, "amount": -5}
            case words.Transfer():
                row = {"kind": EventKind.TRANSFERRED, "account": op.source, "amount": op.amount}
                row |= {"maker_account": op.target, "id": op.order}
            case words.Release():
                row = {"kind": EventKind.RELEASED, "account": op.account, "amount": op.amount}
                row["other"] = op.served
            case _:
                row |= {"account": 5, "id": 9, "lots": 3}
        for name, value in row.items():
            (amounts if name in ("amount", "other") else records)[name][place] = value
    return records


@settings(deadline=None)  # the first call compiles
@given(st.lists(ops, max_size=40))
def test_words_of_events_are_those_of_the_ops_that_they_tell(told: list[words.Op | None]) -> None:
    expected = [b"\0" + words.pack(op) for op in told if op is not None]
    assert words_of(events_of(told)) == expected


def test_trade_with_an_order_that_never_rested_is_refused() -> None:
    lines = np.zeros(1, COMMAND)
    lines["kind"], lines["account"], lines["id"] = CommandKind.PLACE, 2, 7
    events = events_of([words.Fill(0, 2, 3, 1, 5, 1, 7, 8)])
    stream = OpStream()
    stream.begin(lines, np.array([1], np.int64), events)
    with pytest.raises(ProtocolError, match="order 8 of account 3 traded and never rested"):
        stream.gather()


def test_order_that_left_the_book_is_found_no_more_and_its_place_is_given_again() -> None:
    stream = OpStream()
    for order in range(5000):  # of one slot after the other, never two at a time
        lines = np.zeros(2, COMMAND)
        lines["kind"] = (CommandKind.PLACE, CommandKind.CANCEL)
        lines["account"], lines["id"] = 2, order
        events = np.zeros(2, EVENT)
        events["kind"] = (EventKind.RESTED, EventKind.CANCELED)
        events["account"], events["id"] = 2, order
        ends = np.array([1, 2], np.int64)
        stream.begin(lines, ends, events)
        assert stream.gather() is Stop.DONE
        stream.settled()
        stream.end()
        assert len(stream) == 0
    assert stream.state["messages_count"] == 1


@pytest.mark.parametrize(
    ("lines", "ends", "events", "what"),
    [
        (np.zeros(4, np.int64), np.zeros(1, np.int64), np.zeros(1, EVENT), "lines: found int64"),
        (np.zeros(1, COMMAND), np.zeros(1, np.int32), np.zeros(1, EVENT), "ends: found int32"),
        (np.zeros(1, COMMAND), np.zeros(1, np.int64), np.zeros(4, EVENT)[::2], "events: found"),
    ],
)
def test_arrays_of_another_shape_are_refused(
    lines: NDArray[Any], ends: NDArray[Any], events: NDArray[Any], what: str
) -> None:
    with pytest.raises(ValueError, match=what):
        OpStream().begin(lines, ends, events)


def listed() -> tuple[Facts, Encoder, Decoder]:
    """A market with dear ticks, and a put; for the facts of a batcher and for lines."""
    facts, names = Facts(300), Names(300)
    encoder = Encoder(names)
    for fact in (
        c.MarketListed(1, "BTC", U32, 1000),
        c.ExpiryOpened(1, EXPIRY, 1 << 50),
        c.InstrumentListed(1, 1, 0, EXPIRY, 100),
        c.InstrumentListed(7, 1, 1, EXPIRY, U24),
    ):
        facts.observe(fact)
        encoder.encode(fact)
    return facts, encoder, Decoder(names)


FACTS, ENCODER, DECODER = listed()
times = st.integers(0, U40)
signatures = st.binary(min_size=64, max_size=64).map(lambda rs: rs + b"\x1b")
placed = st.builds(
    Order,
    account=st.integers(2, U24),
    instrument=st.sampled_from(sorted(FACTS.listings.by_symbol)),
    buy=st.booleans(),
    price=st.integers(0, (1 << 62) // U32).map(lambda tick: tick * U32),
    quantity=st.integers(1, U32),
    id=orders,
    expiry=times,
    flags=st.sampled_from([0, 1, 2, 4, 8, 9, 10, 12]),
)
money = st.integers(0, (1 << 63) - 1)
users = st.integers(2, U24)
withdrawals = st.builds(Withdrawal, users, money, orders, times)
transfers = st.builds(Transfer, users, users, money, orders, times)


@settings(deadline=None)  # the first call compiles
@given(
    st.integers(1, U40),
    st.lists(st.tuples(placed | withdrawals | transfers, signatures), max_size=12),
)
def test_order_file_of_lines_is_that_of_the_messages(
    batch: int, signed: list[tuple[Order | Withdrawal | Transfer, bytes]]
) -> None:
    signed = list(dict(signed).items())
    lines = b""
    for message, signature in signed:
        digest, signer = keccak(repr(message).encode()), bytes([7] * 20)
        command: c.Command
        if isinstance(message, Order):
            command = c.PlaceOrder(SignedOrder(message, signature, digest, signer))
        elif isinstance(message, Withdrawal):
            command = c.WithdrawRequest(message, signature, digest, signer)
        else:
            command = c.TransferRequest(message, signature, digest, signer)
        lines += ENCODER.encode(command)
    messages = messages_of(lines, DECODER)
    assert [(m.message, m.signature) for m in messages] == signed
    file, digest = OrderFiles(FACTS.terms).write(batch, lines)
    assert file == order_file(batch, messages)
    assert digest == keccak(file)
