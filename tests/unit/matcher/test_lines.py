"""Commands to lines and back: nothing is lost but what is refused, nothing goes unchecked."""

from typing import Any, get_args

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matcher import commands as c
from matcher.errors import ChainError, JournalError
from matcher.kernel import layout
from matcher.kernel.layout import CommandKind, CommandMark
from matcher.lines import LINE, Decoder, Encoder, origin_of, split
from matcher.names import NOBODY, Names
from matcher.types import U32, U64, Order, SignedOrder, Transfer, Withdrawal
from matcher.widths import FLAGS, WIDTHS
from tests.support.scenes import SCENES
from tests.support.streams import random_stream

LAG = 300
TICK_VALUE = 10
SYMBOL = "BTC-24MAR26-100-C"
HOURS = 492_872  # 2026-03-24 08:00 UTC
OWNER, KEY, STRANGER = (bytes([x]) * 20 for x in (0xAA, 0xBB, 0xCC))
FACTS = (
    c.MarketListed(1, "BTC", TICK_VALUE, 1000),
    c.ExpiryOpened(1, HOURS, 400_000),
    c.InstrumentListed(7, 1, 0, HOURS, 100),
    c.AccountOpened(2, OWNER),
    c.KeySet(2, KEY, 5, 6),
)


def told(*facts: c.Command) -> tuple[Encoder, Decoder]:
    """An encoder that was told facts, and a decoder that has seen what it made."""
    encoder, decoder = Encoder(Names(LAG)), Decoder(Names(LAG))
    for fact in FACTS + facts:
        decoder.observe(encoder.encode(fact))
    return encoder, decoder


def order(**terms: Any) -> c.PlaceOrder:
    """An order that fits, with some terms changed."""
    signer = terms.pop("signer", OWNER)
    fields = {
        "account": 2,
        "instrument": SYMBOL,
        "buy": True,
        "price": 250,
        "quantity": 3,
        "id": 4097,
        "expiry": 99,
        "flags": 0,
    }
    signed = SignedOrder(Order(**(fields | terms)), bytes(range(64)) + b"\x1c", b"d" * 32, signer)
    return c.PlaceOrder(signed, 1)


def record(lines: bytes, kind: np.dtype[Any] = layout.COMMAND, at: int = 0) -> Any:
    """A line as the kernel reads it."""
    return np.frombuffer(lines, kind, 1, at * LINE)[0]


def values_of(kind: type[Any], **given_: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """A struct with every number anywhere within its width."""
    widths = {
        name: st.integers(least, most) | st.sampled_from((least, most))
        for name, least, most in WIDTHS.get(kind, ())
    }
    return st.builds(kind, **(widths | given_))


DIGESTS = st.binary(min_size=32, max_size=32).filter(any)
SIGNATURES = st.binary(min_size=65, max_size=65)
ADDRESSES = st.sampled_from((OWNER, KEY, STRANGER))
TEXTS = st.text(max_size=200)
AMOUNTS = st.integers(0, (1 << 63) - 1)
ORDERS = values_of(
    Order,
    account=st.just(2),
    instrument=st.just(SYMBOL),
    buy=st.booleans(),
    price=st.integers(0, U32).map(lambda tick: tick * TICK_VALUE),
    flags=st.sampled_from(sorted(FLAGS)),
)
PROOF = {"signature": SIGNATURES, "digest": DIGESTS, "signer": ADDRESSES}
COMMANDS = st.one_of(
    values_of(c.Clock),
    st.just(c.OpenBatch()),
    st.just(c.CloseBatch()),
    values_of(c.Redate),
    values_of(c.ChainBlock, hash=st.binary(min_size=32, max_size=32)),
    values_of(c.MarketListed, name=TEXTS),
    values_of(c.FeesSet, market=st.just(1)).filter(
        lambda fact: fact.old_maker >= -fact.old_taker and fact.new_maker >= -fact.new_taker
    ),
    values_of(c.ExpiryOpened, market=st.just(1), expiry=st.integers(0, (1 << 24) - 1)),
    values_of(c.InstrumentListed, market=st.just(1), expiry=st.just(HOURS)),
    values_of(c.AccountOpened, account=st.integers(2, 1 << 24), owner=ADDRESSES).filter(
        lambda fact: fact.account < 1 << 24
    ),
    values_of(c.Deposited, account=st.just(2)),
    values_of(c.Asked, account=st.just(2)),
    values_of(c.OrdersUntilSet, account=st.just(2)),
    values_of(c.KeySet, account=st.just(2), key=ADDRESSES),
    values_of(c.PriceFixed, market=st.just(1), expiry=st.just(HOURS)),
    values_of(c.OperatorNamed),
    values_of(c.BatchLimited),
    st.builds(c.Halted, TEXTS),
    st.just(c.Resumed()),
    values_of(
        c.PlaceOrder,
        signed=st.builds(
            SignedOrder, order=ORDERS, signature=SIGNATURES, digest=DIGESTS, signer=ADDRESSES
        ),
    ),
    values_of(c.CancelOrder, account=st.just(2), signer=st.sampled_from((OWNER, KEY))),
    values_of(c.CancelAll, signer=ADDRESSES, digest=DIGESTS | st.just(b"")),
    values_of(c.AmendDown, account=st.just(2), signer=st.sampled_from((OWNER, KEY))),
    st.builds(c.WithdrawRequest, values_of(Withdrawal, amount=AMOUNTS), **PROOF),
    st.builds(c.TransferRequest, values_of(Transfer, amount=AMOUNTS), **PROOF),
)


@given(st.lists(COMMANDS, max_size=8), st.integers(-(1 << 63), (1 << 63) - 1))
def test_lines_of_any_commands_read_back_are_the_same(
    commands: list[c.Command], origin: int
) -> None:
    encoder, decoder = told()
    lines = b"".join(encoder.encode(command, origin) for command in commands)
    parts = list(split(lines))
    assert b"".join(parts) == lines
    assert [decoder.observe(part) for part in parts] == commands
    assert {origin_of(part) for part in parts} <= {origin}


@given(COMMANDS)
def test_lines_of_a_command_name_its_kind(command: c.Command) -> None:
    encoder, _ = told()
    name = CommandKind(encoder.encode(command)[0]).name.replace("_", "")
    spelled = {"PlaceOrder": "PLACE", "CancelOrder": "CANCEL", "AmendDown": "AMEND"}
    kind = type(command).__name__
    kind = spelled.get(kind, kind.removesuffix("Request").removesuffix("Set").upper())
    assert name.removesuffix("SET") == kind


def test_every_command_has_a_kind_and_every_kind_a_command() -> None:
    encoder, _ = told()
    assert set(encoder._packers) == set(get_args(c.AnyCommand))
    kinds = {kind for kind in CommandKind if kind.name != "SIGNER"}  # the kernel's tests' own
    assert len(encoder._packers) == len(kinds)


def test_a_stream_of_everything_read_back_is_what_was_sent() -> None:
    encoder, decoder = Encoder(Names(LAG)), Decoder(Names(LAG))
    lost = 0
    for command in random_stream(5, 4000, scene=SCENES["plain"]):
        try:
            lines = encoder.encode(command)
        except ChainError:
            continue
        found = decoder.observe(lines)
        assert Encoder(encoder.names).encode(found) == lines, command
        lost += found != command
    assert 0 < lost < 400  # orders of unlisted symbols, off-tick prices, cancels by strangers
    assert encoder.names.signers == decoder.names.signers


# --- what lies where --------------------------------------------------------------------------


def test_an_order_lies_where_the_kernel_reads_it() -> None:
    encoder, _ = told()
    lines = encoder.encode(order(buy=False, flags=10, signer=KEY), origin=-5)
    line = record(lines)
    expected = {
        "kind": CommandKind.PLACE,
        "sells": 1,
        "flags": 10,
        "self_trade": 1,
        "annex": 2,
        "mark": 0,
        "account": 2,
        "instrument": 7,
        "id": 4097,
        "tick": 25,
        "quantity": 3,
        "time": 99,
        "signer": 2,
        "target": 0,
        "amount": 0,
        "origin": -5,
    }
    assert {name: int(line[name]) for name in expected} == expected
    signed = record(lines, layout.SIGNED, 1)
    assert signed["digest"].tobytes() == b"d" * 32
    assert signed["address"].tobytes() == KEY
    assert signed["v"] == 0x1C
    assert lines[128:] == bytes(range(64))


def test_a_fact_lies_where_the_kernel_reads_it() -> None:
    encoder, _ = told()
    lines = encoder.encode(c.InstrumentListed(9, 1, 1, HOURS, 80))
    line = record(lines, layout.FACT)
    names = ("kind", "instrument", "market", "expiry", "strike", "value", "annex")
    assert [int(line[name]) for name in names] == [19, 9, 1, HOURS, 80, 1, 0]
    lines = encoder.encode(c.KeySet(2, STRANGER, 70, 80))
    line = record(lines, layout.FACT)
    names = ("kind", "account", "signer", "value", "time", "annex")
    assert [int(line[name]) for name in names] == [24, 2, 3, 70, 80, 1]
    lines = encoder.encode(c.FeesSet(1, 2, -1, 4, -3, 5))
    assert record(lines, layout.RATES, 1).tolist() == (2, -1, 4, -3)
    assert record(encoder.encode(c.MarketListed(1, "BTC", 10, 1000)), layout.FACT)["other"] == 1000


def test_every_dtype_is_read_by_the_format_that_packs_it() -> None:
    """Each field alone: its bytes, written by numpy, change what the decoder reads there."""
    encoder, _ = told()
    lines = encoder.encode(order())
    for name, value in (("id", 1 << 40), ("tick", 77), ("quantity", 12), ("time", 1 << 33)):
        raw = np.frombuffer(lines, np.uint8).copy()
        raw[:LINE].view(layout.COMMAND)[name] = value
        found = Decoder(encoder.names).decode(raw.tobytes())
        assert isinstance(found, c.PlaceOrder)
        read = found.signed.order
        fields = {"id": read.id, "tick": read.price // 10, "quantity": read.quantity}
        assert (fields | {"time": read.expiry})[name] == value


# --- signers -----------------------------------------------------------------------------------


def signer_of(encoder: Encoder, account: int, address: bytes) -> int:
    return int(record(encoder.encode(c.CancelOrder(account, 5, address)))["signer"])


def test_owners_and_keys_are_numbered_as_they_come_and_once() -> None:
    encoder, _ = told(c.AccountOpened(3, OWNER), c.KeySet(3, KEY, 1, 2), c.KeySet(2, KEY, 1, 2))
    numbers = [(2, OWNER), (2, KEY), (3, OWNER), (3, KEY)]
    assert [signer_of(encoder, *place) for place in numbers] == [1, 2, 3, 4]
    again = encoder.encode(c.KeySet(3, KEY, 1, 1))
    assert record(again, layout.FACT)["signer"] == 4
    again = encoder.encode(c.AccountOpened(2, STRANGER))
    assert record(again, layout.FACT)["signer"] == 1  # the first telling counts
    assert signer_of(encoder, 2, STRANGER) == NOBODY
    assert record(encoder.encode(c.AccountOpened(9, STRANGER)), layout.FACT)["signer"] == 5


def test_an_owner_who_is_a_key_too_has_one_number() -> None:
    encoder, _ = told(c.KeySet(2, OWNER, 5, 6), c.KeySet(0, KEY, 5, 6), c.AccountOpened(0, KEY))
    assert record(encoder.encode(c.KeySet(2, OWNER, 5, 5)), layout.FACT)["signer"] == 1
    assert record(encoder.encode(c.AccountOpened(0, KEY)), layout.FACT)["signer"] == 3
    assert [signer_of(encoder, 2, OWNER), signer_of(encoder, 0, KEY)] == [1, 3]


def test_a_key_of_one_account_is_nobody_of_another() -> None:
    encoder, _ = told(c.AccountOpened(3, STRANGER))
    assert signer_of(encoder, 3, KEY) == NOBODY
    assert signer_of(encoder, 99, OWNER) == NOBODY


def test_the_fee_account_has_no_owner_until_one_is_told() -> None:
    encoder, decoder = told()
    assert signer_of(encoder, 0, bytes(20)) == NOBODY
    assert record(encoder.encode(c.AccountOpened(0, bytes(20))), layout.FACT)["signer"] == NOBODY
    lines = encoder.encode(c.AccountOpened(0, STRANGER))
    assert record(lines, layout.FACT)["signer"] == 3
    assert decoder.observe(lines) == c.AccountOpened(0, STRANGER)
    assert signer_of(encoder, 0, STRANGER) == 3


@pytest.mark.parametrize(
    "fact",
    [
        c.KeySet(77, KEY, 1, 2),
        c.Deposited(77, 1, 1),
        c.Asked(77, 1, 1),
        c.OrdersUntilSet(77, 1),
        c.AccountOpened(1, KEY),
        c.FeesSet(9, 0, 0, 0, 0, 0),
        c.ExpiryOpened(9, HOURS, 1),
        c.InstrumentListed(1, 1, 0, HOURS + 24, 1),
        c.PriceFixed(1, HOURS + 24, 1, 1),
    ],
)
def test_a_fact_that_the_chain_cannot_tell_is_refused_and_numbers_nobody(fact: c.Command) -> None:
    encoder, decoder = told()
    with pytest.raises(ChainError):
        encoder.encode(fact)
    assert len(encoder.names.signers) == 3
    assert decoder.names.signers == encoder.names.signers


# --- what is lost ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "fields"),
    [
        (order(instrument="ETH-24MAR26-100-C"), {"instrument": 0, "tick": 0, "mark": 0}),
        (order(price=251), {"instrument": 7, "tick": 0, "mark": CommandMark.OFF_TICK}),
        (order(price=(U32 + 1) * TICK_VALUE), {"tick": 0, "mark": CommandMark.OFF_TICK}),
        (order(price=U64), {"tick": 0, "mark": CommandMark.OFF_TICK}),
        (order(price=U32 * TICK_VALUE), {"tick": U32, "mark": 0}),
        (order(signer=STRANGER), {"signer": NOBODY}),
        (c.CancelAll(2, 0, OWNER), {"instrument": 0, "mark": CommandMark.ALL}),
        (c.CancelAll(2, 10**6, OWNER), {"instrument": 10**6, "mark": 0}),
        (
            c.WithdrawRequest(Withdrawal(2, U64, 1, 1), bytes(65), bytes(32), OWNER),
            {"amount": (1 << 63) - 1},
        ),
    ],
)
def test_what_is_refused_is_marked_and_stays_so_when_read_back(
    command: c.Command, fields: dict[str, int]
) -> None:
    encoder, decoder = told()
    lines = encoder.encode(command)
    line = record(lines)
    assert {name: int(line[name]) for name in fields} == fields
    assert encoder.encode(decoder.decode(lines)) == lines


# --- what is not taken -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (order(quantity=0), "order.quantity: found 0, allowed 1 to 4294967295"),
        (order(quantity=1 << 32), "order.quantity"),
        (order(id=1 << 44), "order.id"),
        (order(price=-1), "order.price"),
        (order(price=1 << 64), "order.price"),
        (order(account=1 << 24), "order.account"),
        (order(flags=16), "order.flags"),
        (order(flags=3), "order.flags"),
        (order(flags=6), "order.flags"),
        (order(expiry=-1), "order.expiry"),
        (order(signer=b"short"), "PlaceOrder.signed.signer: found b'short', allowed 20 bytes"),
        (c.CancelOrder(2, 1, b""), "CancelOrder.signer"),
        (c.CancelAll(2, 0, OWNER, b"x"), "CancelAll.digest"),
        (c.PlaceOrder(None), "no command"),
        (c.PlaceOrder(order().signed, 2), "PlaceOrder.self_trade"),
        (c.Clock(-1), "Clock.time"),
        (c.Clock(1 << 62), "Clock.time"),
        (c.Clock("now"), "Clock.time: found 'now'"),
        (c.Deposited(2, 1 << 56, 0), "Deposited.deposited"),
        (c.Asked(2, 1 << 24, 0), "Asked.asks"),
        (c.ExpiryOpened(1, HOURS, 0), "ExpiryOpened.cap"),
        (c.InstrumentListed(0, 1, 0, HOURS, 1), "InstrumentListed.instrument"),
        (c.InstrumentListed(8, 1, 2, HOURS, 1), "InstrumentListed.kind"),
        (c.MarketListed(1, "BTC", 0, 1), "MarketListed.tick_value"),
        (c.FeesSet(1, 1 << 31, 0, 0, 0, 0), "FeesSet.old_taker"),
        (c.FeesSet(1, 7, -8, 0, 0, 0), "FeesSet.old_maker: found -8, allowed -7 to"),
        (c.FeesSet(1, 7, -7, 7, -8, 0), "FeesSet.new_maker: found -8, allowed -7 to"),
        (c.ChainBlock(1, b"x", 1), "ChainBlock.hash"),
        (c.Halted("x" * 16_321), "a text of 16321 bytes"),
        (c.Halted("\ud800"), "no UTF-8"),
        (c.Command(), "no command"),
        (
            c.TransferRequest(Transfer(2, 1 << 24, 1, 1, 1), bytes(65), bytes(32), OWNER),
            "TransferRequest.message.target",
        ),
    ],
)
def test_a_field_beyond_its_width_is_named(command: c.Command, field: str) -> None:
    encoder, _ = told()
    with pytest.raises(JournalError) as raised:
        encoder.encode(command)
    assert field in str(raised.value)


def test_every_width_is_checked_at_both_ends() -> None:
    encoder, _ = told()
    samples: dict[type[Any], c.Command] = {type(fact): fact for fact in FACTS} | {
        c.Clock: c.Clock(1),
        c.ChainBlock: c.ChainBlock(1, bytes(32), 1),
        c.Redate: c.Redate(1, 1),
        c.OperatorNamed: c.OperatorNamed(1),
        c.BatchLimited: c.BatchLimited(1, 1),
        c.FeesSet: c.FeesSet(1, 0, 0, 0, 0, 0),
        c.PriceFixed: c.PriceFixed(1, HOURS, 1, 1),
        c.Deposited: c.Deposited(2, 1, 1),
        c.Asked: c.Asked(2, 1, 1),
        c.OrdersUntilSet: c.OrdersUntilSet(2, 1),
        c.PlaceOrder: order(),
        c.CancelOrder: c.CancelOrder(2, 1, OWNER),
        c.CancelAll: c.CancelAll(2, 0, OWNER),
        c.AmendDown: c.AmendDown(2, 1, 1, OWNER),
    }
    tried = 0
    for kind, sample in samples.items():
        given_ = {name: getattr(sample, name) for name in sample.__struct_fields__}
        for name, least, most in WIDTHS[kind]:
            for wrong in (least - 1, most + 1):
                with pytest.raises(JournalError, match=rf"{kind.__name__}\.{name}: found {wrong},"):
                    encoder.encode(kind(**(given_ | {name: wrong})))
                tried += 1
    assert tried > 60


@pytest.mark.parametrize(
    "lines",
    [
        b"\0" * LINE,
        b"\xff" * LINE,
        b"\5" + b"\0" * 62,
        b"\1" + b"\0" * 3 + b"\2" + b"\0" * 59,
        b"\x10\0\0\0\1".ljust(44, b"\0") + b"\2".ljust(20, b"\0") + b"\xc3\x28".ljust(LINE, b"\0"),
    ],
    ids=["no kind", "unknown kind", "short", "annex missing", "no UTF-8"],
)
def test_lines_that_no_encoder_makes_are_refused(lines: bytes) -> None:
    _, decoder = told()
    with pytest.raises(JournalError):
        decoder.decode(lines)


def test_lines_that_end_within_a_command_are_refused() -> None:
    encoder, _ = told()
    lines = encoder.encode(order())
    for end in (1, 63, 64, 65, 128, 191):
        with pytest.raises(JournalError):
            list(split(lines[:end]))
    assert list(split(lines * 2)) == [lines, lines]
