"""Ops that break the protocol are refused before anybody could commit them."""

import pytest

from matcher import commands as c
from matcher import words
from matcher.errors import ProtocolError
from matcher.kernel.pool import Pool
from matcher.kernel.settlement_layout import QUAD
from matcher.merkle import ZERO
from matcher.settlement.facts import Facts
from matcher.settlement.forest import Forest
from matcher.settlement.ledger import Ledger
from matcher.types import U32, U64
from tests.support.pit import (
    CALL,
    CAP,
    EXPIRY,
    HIGH_CALL,
    PUT,
    START,
    STRIKE_VALUE,
    TICK_VALUE,
    WINDOWS,
    owner_of,
)

MONEY = 1_000_000
DEAR = 4  # an instrument with a cap of 2^40
WORTHLESS = 60  # one that never pays, so that anybody may sell it
CLOSES = EXPIRY * 3600 - WINDOWS.lag


@pytest.fixture
def ledger() -> Ledger:
    facts = Facts(WINDOWS.lag)
    for fact in (
        c.MarketListed(1, "BTC", TICK_VALUE, STRIKE_VALUE),
        c.FeesSet(1, 3, -1, 3, -1, START),
        c.ExpiryOpened(1, EXPIRY, CAP),
        c.InstrumentListed(CALL, 1, 0, EXPIRY, 100),
        c.InstrumentListed(PUT, 1, 1, EXPIRY, 100),
        c.InstrumentListed(HIGH_CALL, 1, 0, EXPIRY, 120),
        c.ExpiryOpened(1, EXPIRY + 24, 1 << 40),
        c.InstrumentListed(DEAR, 1, 0, EXPIRY + 24, 100),
    ):
        facts.observe(fact)
    for account in (1, 2, 3, 4):  # 1 only to show that it may not trade even so
        facts.observe(c.AccountOpened(account, owner_of(account)))
        facts.observe(c.Deposited(account, MONEY, START))
    made = Ledger(facts)
    for account in (2, 3):
        apply(made, words.Credit(account, MONEY))
    made.end_chunk(START)
    return made


def apply(ledger: Ledger, op: words.Op, built_at: int = START) -> None:
    ledger.apply(words.pack(op), built_at)


def fill(**changed: int) -> words.Fill:
    return words.Fill(0, 2, 3, CALL, 100, 2, 1, 1)._replace(**changed)


@pytest.mark.parametrize(
    ("op", "built_at", "what"),
    [
        (fill(taker=9), START, "account 9 was never opened"),
        (fill(taker=0), START, "account 0 may not trade"),
        (fill(maker=1), START, "account 1 may not trade"),
        (fill(taker=3), START, "one account"),
        (fill(lots=0), START, "no lots"),
        (fill(instrument=9), START, "instrument 9 is not listed"),
        (fill(), CLOSES, f"closed at {CLOSES}"),
        (fill(taker_order=1 << 44), START, "not below 2\\^44"),
        (fill(tick=(1 << 32) - 1, lots=(1 << 32) - 1), START, "notional"),
        (fill(tick=0, lots=(1 << 17) + 1, instrument=DEAR), START, "would hold 131073 lots"),
        (words.Credit(2, 1), START, "credited 1000001 of 1000000"),
        (words.Credit(2, U64), START, f"credited {MONEY + U64} of 1000000"),
        (words.Transfer(2, 2, 1, 1), START, "to itself"),
        (words.Release(2, 0, 1), START, "served 0, asks 0"),
        (words.Settle(2, 1, EXPIRY), START, "no price was fixed"),
        (words.Settle(2, 9, EXPIRY), START, "no price was fixed"),
        (words.RootHi(1), START, "a root stands"),
    ],
)
def test_apply_op_that_breaks_the_protocol_raises_and_changes_nothing(
    ledger: Ledger, op: words.Op, built_at: int, what: str
) -> None:
    before = ledger.root
    with pytest.raises(ProtocolError, match=what):
        apply(ledger, op, built_at)
    assert ledger.end_chunk(START) == before


ANY_OPS = (
    words.Nop(),
    fill(),
    words.Credit(4, 5),
    words.Withdraw(2, 5, 1),
    words.Settle(2, 1, EXPIRY),
    words.Transfer(2, 3, 5, 1),
    words.Release(2, 5, 1),
)


@pytest.mark.parametrize("op", ANY_OPS, ids=lambda op: type(op).__name__)
def test_apply_word_with_a_bit_that_no_op_has_raises(ledger: Ledger, op: words.Op) -> None:
    before = ledger.root
    number = int.from_bytes(words.pack(op), "big")
    used = sum(width for _, width in words.FIELDS[number >> 240])
    bad = [number | 1 << bit for bit in (*range(240 - used), 248, 255)]
    if isinstance(op, words.Fill):
        bad += [number | 1 << bit for bit in range(233, 240)]  # flags but the lowest
    bad += [number % (1 << 240) | kind << 240 for kind in (*range(7, 16), 0x1F, 0xFD, 0xFE, 0xFF)]
    for word in bad:
        with pytest.raises(ProtocolError, match=r"reserved|flags|kind|bits 247|a root stands"):
            ledger.apply(word.to_bytes(32, "big"), START)
    assert ledger.end_chunk(START) == before


def test_end_chunk_of_an_account_below_zero_may_not_lower_it(ledger: Ledger) -> None:
    """No chunk leads there, but the rule is the protocol's: not lower than before."""
    forest = Forest()
    words_of_leaf = (-5).to_bytes(8, "big", signed=True) + bytes(56)
    root = forest.update_accounts(ZERO, [(2, words_of_leaf)], 24)
    for ops, good in (
        ([words.Transfer(2, 3, 1, 1)], False),
        ([words.Credit(2, 1)], True),
        ([words.Credit(2, 1), words.Transfer(2, 3, 1, 1)], True),
        ([words.Credit(2, 1), words.Transfer(2, 3, 2, 1)], False),
    ):
        fork = Ledger(ledger.facts, forest, root)
        for op in ops:
            apply(fork, op)
        if good:
            fork.end_chunk(START)
        else:
            with pytest.raises(ProtocolError, match="margin: account 2 is worth -6, was -5"):
                fork.end_chunk(START)


def test_apply_stale_order_raises(ledger: Ledger) -> None:
    apply(ledger, fill(taker_order=4096 + 1))
    with pytest.raises(ProtocolError, match="stale: generation 1"):
        apply(ledger, fill(maker_order=2))


def test_apply_order_filled_beyond_its_width_raises(ledger: Ledger) -> None:
    apply(ledger, words.Withdraw(2, 1, 1))
    with pytest.raises(ProtocolError, match="filled beyond"):
        apply(ledger, fill())


def test_apply_withdrawal_of_a_used_slot_raises(ledger: Ledger) -> None:
    apply(ledger, fill())
    for op in (words.Withdraw(2, 1, 1), words.Transfer(2, 3, 1, 1)):
        with pytest.raises(ProtocolError, match="order 1 was used"):
            apply(ledger, op)


def test_apply_more_than_thirty_ops_raises(ledger: Ledger) -> None:
    for _ in range(30):
        apply(ledger, words.Nop())
    with pytest.raises(ProtocolError, match="more than 30"):
        apply(ledger, words.Nop())


def test_apply_release_of_the_fee_account_beside_a_fill_raises(ledger: Ledger) -> None:
    ledger.facts.observe(c.Asked(0, 1, START))
    apply(ledger, fill())
    with pytest.raises(ProtocolError, match="beside a FILL"):
        apply(ledger, words.Release(0, 0, 1))
    ledger.end_chunk(START)
    apply(ledger, words.Release(0, 4, 1))
    with pytest.raises(ProtocolError, match="after a RELEASE of account 0"):
        apply(ledger, fill())


def rich(ledger: Ledger) -> None:
    """Let two accounts have as much as fits, and a market where ticks are worth most."""
    for fact in (
        c.MarketListed(2, "ETH", U32, 1),
        c.FeesSet(2, U32 >> 1, U32 >> 1, U32 >> 1, U32 >> 1, START),
        c.ExpiryOpened(2, EXPIRY, 1),
        *(c.InstrumentListed(index, 2, 0, EXPIRY, 0) for index in range(11, 11 + 40)),
        c.InstrumentListed(WORTHLESS, 2, 1, EXPIRY, 0),
    ):
        ledger.facts.observe(fact)


def test_apply_one_position_too_many_raises(ledger: Ledger) -> None:
    rich(ledger)
    for place in range(32):
        apply(ledger, fill(instrument=11 + place, tick=0, lots=1, taker_order=place))
        if place == 29:
            ledger.end_chunk(START)
    with pytest.raises(ProtocolError, match="account 2: 33 positions"):
        apply(ledger, fill(instrument=43, tick=0, lots=1))
    apply(ledger, fill(instrument=42, tick=0, lots=1, taker_order=32))
    apply(ledger, fill(instrument=42, tick=0, lots=2, taker_order=33, flags=words.TAKER_SELLS))
    apply(ledger, fill(instrument=43, tick=0, lots=1, taker_order=34))


def test_apply_position_beyond_its_width_raises_above_one_lot_before_below(ledger: Ledger) -> None:
    rich(ledger)
    one = fill(instrument=WORTHLESS, tick=0, lots=U32)
    for order in range(128):
        apply(ledger, one._replace(taker_order=order, maker_order=order))
        if order % 30 == 29:
            ledger.end_chunk(START)
    rest = one._replace(lots=127, taker_order=200, maker_order=200)
    apply(ledger, rest)  # 2^39 - 1 lots, and as many sold
    with pytest.raises(ProtocolError, match=f"account 2 would hold {1 << 39} lots"):
        apply(ledger, rest._replace(lots=1))
    apply(ledger, rest._replace(lots=1, taker=4))
    with pytest.raises(ProtocolError, match=f"account 3 would hold {-(1 << 39) - 1} lots"):
        apply(ledger, rest._replace(lots=1, taker=4))
    ledger.end_chunk(START)


DEAREST = (1 << 62) // U32  # ticks of one lot whose notional is just below 2^62


def test_apply_notional_at_its_end_raises(ledger: Ledger) -> None:
    rich(ledger)
    apply(ledger, fill(instrument=11, tick=DEAREST, lots=1))
    notional = (DEAREST + 1) * U32
    with pytest.raises(ProtocolError, match=f"notional {notional} is not below 2\\^62"):
        apply(ledger, fill(instrument=11, tick=DEAREST + 1, lots=1))


def test_apply_cash_beyond_its_width_raises_with_what_it_would_be(ledger: Ledger) -> None:
    rich(ledger)
    apply(ledger, fill(instrument=11, tick=DEAREST, lots=1))
    paid, fee = DEAREST * U32, U32 >> 1
    with pytest.raises(ProtocolError, match=f"cash {MONEY - paid - fee - (1 << 63)} is not an"):
        apply(ledger, words.Withdraw(2, 1 << 63, 5))
    with pytest.raises(ProtocolError, match=f"cash {MONEY + paid - fee + (1 << 63)} is not an"):
        apply(ledger, words.Transfer(4, 3, 1 << 63, 5))


def test_apply_exited_beyond_its_width_raises(ledger: Ledger) -> None:
    rich(ledger)
    gained = 2 * (DEAREST * U32 - (U32 >> 1))
    missing = (1 << 63) - 1 + 7 - gained  # to the most that cash can be
    ledger.facts.observe(c.Deposited(3, missing, START))
    apply(ledger, words.Credit(3, missing - MONEY))
    apply(ledger, words.Withdraw(3, 7, 9))
    for taker in (2, 4):
        apply(ledger, fill(instrument=11, tick=DEAREST, lots=1, taker=taker, maker_order=taker))
    with pytest.raises(ProtocolError, match=f"exited {1 << 64} is not a u64"):
        apply(ledger, words.Withdraw(3, U64 - 6, 10))
    apply(ledger, words.Withdraw(3, U64 - 7, 10))


@pytest.mark.parametrize("tick", [1, 4])
def test_end_chunk_fees_beyond_the_width_of_cash_raise(ledger: Ledger, tick: int) -> None:
    rich(ledger)
    lots = 1 << 30  # of one tick, just below 2^62; the fee is an eighth of it
    pairs = [(2, 3)] * 4 + [(2, 4)] * 4
    for order, (taker, maker) in enumerate(pairs):
        op = fill(taker=taker, maker=maker, instrument=11, tick=1, lots=lots, flags=order % 2)
        apply(ledger, op._replace(taker_order=order, maker_order=order))
    apply(ledger, fill(taker=3, maker=4, instrument=11, tick=tick, lots=1, maker_order=9))
    last = min(U32 >> 1, tick * U32 // 8)
    total = 16 * (lots * U32 // 8) + 2 * last
    assert abs(total - (1 << 63)) < 1 << 32
    # Nobody can pay that, so margin is broken; that is said if account 0 can book it.
    what = f"fees make {total}" if total >= 1 << 63 else "margin: account 2"
    with pytest.raises(ProtocolError, match=what):
        ledger.end_chunk(START)


def test_end_chunk_that_failed_and_was_mended_books_its_fees_once(ledger: Ledger) -> None:
    fork = ledger.fork(ledger.root)
    sale = fill(lots=4)  # worth at worst 4 * (1,000 - 300,000) of 1,000,000
    ledger.facts.observe(c.Deposited(3, 2 * MONEY, START))
    apply(ledger, sale)
    with pytest.raises(ProtocolError, match="margin: account 3"):
        ledger.end_chunk(START)
    for one in (ledger, fork):
        if one is fork:
            apply(one, sale)
        apply(one, words.Credit(3, MONEY))
    assert ledger.end_chunk(START) == fork.end_chunk(START)


def test_end_chunk_margin_broken_raises(ledger: Ledger) -> None:
    # A sale of 2 lots for 1,000 each, worth at worst 2 * (1,000 - 300,000) of 1,000,000: good.
    apply(ledger, fill())
    ledger.end_chunk(START)
    apply(ledger, fill(lots=2, maker_order=2))
    with pytest.raises(ProtocolError, match="margin: account 3 is worth -19"):
        ledger.end_chunk(START)


@pytest.mark.parametrize("amount", [402_002, 402_003])
def test_end_chunk_margin_is_exact(ledger: Ledger, amount: int) -> None:
    apply(ledger, fill())  # 3 has 2,002 more, and owes 600,000 at worst
    apply(ledger, words.Withdraw(3, amount, 9))
    if amount == 402_002:
        ledger.end_chunk(START)
    else:
        with pytest.raises(ProtocolError, match="margin: account 3 is worth -1, was 1000000"):
            ledger.end_chunk(START)


def test_end_chunk_release_that_kept_something_raises(ledger: Ledger) -> None:
    ledger.facts.observe(c.Asked(2, 1, START))
    apply(ledger, words.Release(2, MONEY - 1, 1))
    with pytest.raises(ProtocolError, match="RELEASE of account 2 kept 1 atoms back"):
        ledger.end_chunk(START)


def test_release_judged_after_a_price_was_fixed_counts_positions_at_it(ledger: Ledger) -> None:
    apply(ledger, fill())
    ledger.end_chunk(START)
    ledger.facts.observe(c.Asked(2, 1, START))
    ledger.facts.observe(c.PriceFixed(1, EXPIRY, 200_000, START + 50))
    fork = ledger.fork(ledger.root)
    paid = 2 * 1000 + 2 * 3
    for at, one in ((START + 50, ledger), (START + 51, fork)):
        apply(one, words.Release(2, MONEY - paid, 1), at)
    ledger.end_chunk(START + 50)
    with pytest.raises(ProtocolError, match="kept 200000 atoms back"):
        fork.end_chunk(START + 51)


def test_fork_from_an_old_root_repeats_what_followed(ledger: Ledger) -> None:
    before = ledger.root
    one = fill(lots=1)
    ops = [one, one._replace(taker_order=4101), words.Withdraw(3, 10, 6), fill(instrument=PUT)]
    back = one._replace(taker=3, maker=2, maker_order=4101)
    for op in ops:
        apply(ledger, op)
    middle = ledger.end_chunk(START)
    apply(ledger, back)
    after = ledger.end_chunk(START)
    fork = ledger.fork(before)
    for op in ops:
        apply(fork, op)
    assert fork.end_chunk(START) == middle
    fork = ledger.fork(middle)
    apply(fork, back)
    assert fork.end_chunk(START) == after
    assert ledger.root == after


def in_memory(ops: list[words.Op]) -> Pool:
    pool = Pool(QUAD, len(ops))
    for place, op in enumerate(ops):
        pool.array.view("V32")[place] = b"\0" + words.pack(op)
    return pool


def test_settle_takes_no_more_than_the_batch_has_room_for(ledger: Ledger) -> None:
    batch = Ledger(ledger.facts, room=2)
    ops = in_memory([words.Credit(2, 1)] * 100)
    assert batch.settle(ops, 0, 100, START) == 60
    assert batch.full
    assert len(batch.take_words()) == 2 * 32 * 32
    assert batch.settle(ops, 60, 40, START) == 40


@pytest.mark.parametrize(
    "op", [words.Credit(4, 0), words.Settle(4, 1, EXPIRY), fill(taker=4), fill(maker=4, taker=2)]
)
def test_settle_ends_the_chunk_before_an_op_of_a_released_account(
    ledger: Ledger, op: words.Op
) -> None:
    ledger.facts.observe(c.Asked(4, 1, START))
    ledger.facts.observe(c.PriceFixed(1, EXPIRY, 5, START - 1))
    batch = Ledger(ledger.facts, room=2)
    first = [words.Credit(3, MONEY), words.Credit(2, MONEY), words.Release(4, 0, 1)]
    assert batch.settle(in_memory([*first, op]), 0, 4, START) == 4
    assert len(batch.take_words()) == 32 * 32
    assert int(batch._memory.state["ops"]) == 1


def test_refused_ops_leave_nothing_behind_however_many(ledger: Ledger) -> None:
    twin = ledger.fork(ledger.root)
    batch = Ledger(ledger.facts, room=3)
    first = [words.Credit(2, MONEY), words.Credit(3, MONEY), fill(maker_order=4096)]
    batch.settle(in_memory(first), 0, 3, START)
    apply(ledger, fill(maker_order=4096))
    for place in range(200):
        with pytest.raises(ProtocolError, match="never opened"):
            apply(ledger, words.Credit(1000 + place, 1))
        with pytest.raises(ProtocolError, match="stale"):
            apply(ledger, fill(taker_order=100 + 4 * place, maker_order=0))
        with pytest.raises(ProtocolError, match="stale"):
            batch.settle(in_memory([fill(taker_order=100 + 4 * place, maker_order=0)]), 0, 1, START)
    apply(twin, fill(maker_order=4096))
    assert ledger.end_chunk(START) == twin.end_chunk(START)


def test_sweep_leaves_a_ledger_that_goes_on_as_it_would(ledger: Ledger) -> None:
    twin = Ledger(ledger.facts)
    for account in (2, 3):
        apply(twin, words.Credit(account, MONEY))
    twin.end_chunk(START)
    for order in range(3):
        for one in (ledger, twin):
            apply(one, fill(lots=1, taker_order=order, maker_order=order))
            one.end_chunk(START)
        ledger.sweep([], always=True)
        assert ledger.root == twin.root
    assert len(ledger) < len(twin)
