"""TRANSITION on lies: each rule of section 5 has the smallest op that breaks it and convicts, and
beside it the op that only just keeps it, which is honest.

The facts are real: listed, deposited, asked for and settled by transactions.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest

from matcher.reference.context import Context
from matcher.reference.leaf import Account, Slot
from matcher.reference.state import State
from matcher.reference.tree import keccak
from matcher.reference.words import (
    Credit,
    Fill,
    Nop,
    Op,
    Release,
    Settle,
    Transfer,
    Withdraw,
    pack,
    pack_chunk,
    root_words,
)
from matcher.types import U24, U32, U64, Fees
from tests.support.decree import Fault
from tests.support.exchange import EXPIRY, MARKET, TOKENS, Exchange, account_with, state_of
from tests.support.judging import (
    WHOLE,
    Court,
    Verdict,
    case,
    honest_words,
    model_verdict,
)

ETH = 2  # a market of small values, where products meet their limits exactly
WIDE, TIGHT = EXPIRY + 24, EXPIRY + 48  # its expiries, with caps 2^20 and 2^17
CALL, WIDE_CALL, TIGHT_CALL = 1, 5, 6  # instruments
LAST = 4  # account
DEPOSITED, ASKS = 1000 * TOKENS, 2
I64 = (1 << 63) - 1
GENERATION = 5  # of slot 1 of account 2, a hundred lots filled; of slot 2, nothing filled
SLOT, EMPTY = 1, 2


@pytest.fixture(scope="module")
def scene(shared_exchange: Exchange) -> Iterator[Exchange]:
    """Accounts 2 to 4, two asks of 2, a second market."""
    chain = shared_exchange.chain
    before = chain.snapshot()
    exchange = shared_exchange.clone()
    exchange.list_market("ETH", tick_value=1, strike_value=1, taker=0, maker=0)
    exchange.open_expiry(ETH, WIDE, 1 << 20)
    exchange.open_expiry(ETH, TIGHT, 1 << 17)
    assert exchange.list_instruments((ETH, 0, WIDE, 0), (ETH, 0, TIGHT, 0)) == [5, 6]
    for trader in (exchange.roles.maker, exchange.roles.taker, exchange.roles.outsider):
        exchange.open(trader, DEPOSITED)
    for _ in range(ASKS):
        exchange.ask(exchange.roles.maker, 2)
    yield exchange
    chain.revert(before)


@pytest.fixture
def exchange(scene: Exchange) -> Iterator[Exchange]:
    """The scene, for one test."""
    with scene.chain.passing():
        yield scene.clone()


@pytest.fixture
def court(exchange: Exchange) -> Court:
    return Court(exchange)


@pytest.fixture
def facts(exchange: Exchange) -> Context:
    """Batches open now."""
    exchange.context.built_at = exchange.chain.now
    return exchange.context


@pytest.fixture
def before() -> State:
    first = account_with(cash=0, credited=DEPOSITED - 7, served=1, i1=3)
    first.slots[SLOT] = Slot(GENERATION, 100)
    first.slots[EMPTY] = Slot(GENERATION, 0)
    full = Account(cash=I64 - 10, exited=U64 - 10, positions=dict.fromkeys(range(10, 42), 1))
    return state_of({0: account_with(cash=I64 - 1), 2: first, 3: full, LAST: Account(cash=-I64)})


def order(slot: int, generation: int) -> int:
    return generation << 12 | slot


def fill(taker: int = 2, maker: int = LAST, instrument: int = WIDE_CALL, **changed: int) -> Fill:
    fields = {"flags": 0, "tick": 0, "lots": 1, "taker_order": 9, "maker_order": 9} | changed
    return Fill(taker=taker, maker=maker, instrument=instrument, **fields)


def judge(court: Court, ops: list[Op], before: State, facts: Context) -> Verdict:
    """The verdict on a chunk of these ops, which is the model's; with the root that follows, if
    there is one.
    """
    words = pack_chunk(ops, keccak(b"no root follows"))
    expected = model_verdict(words, before, facts)
    if any(expected.root):
        words = [*words[:WHOLE], *root_words(expected.root)]
        expected = replace(expected, fault=Fault.NONE)
    found = court.judge(case(words, before, facts))
    assert found == expected
    return found


BROKEN: list[tuple[Fault, Op]] = [
    (Fault.ACCOUNT_UNOPENED, fill(taker=1)),
    (Fault.ACCOUNT_UNOPENED, fill(maker=1)),
    (Fault.ACCOUNT_UNOPENED, fill(taker=LAST + 1)),
    (Fault.ACCOUNT_UNOPENED, fill(maker=LAST + 1)),
    *(
        (Fault.ACCOUNT_UNOPENED, op)
        for index in (1, LAST + 1, U24)
        for op in (
            Credit(index, 0),
            Withdraw(index, 0, 1),
            Settle(index, MARKET, EXPIRY),
            Transfer(index, 2, 0, 1),
            Transfer(2, index, 0, 9),
            Release(index, 0, 1),
        )
    ),
    (Fault.ACCOUNT_RESERVED, fill(taker=0)),
    (Fault.ACCOUNT_RESERVED, fill(maker=0)),
    (Fault.SAME_ACCOUNT, fill(maker=2)),
    (Fault.SAME_ACCOUNT, Transfer(2, 2, 0, 9)),
    (Fault.ZERO_LOTS, fill(lots=0)),
    (Fault.INSTRUMENT_UNLISTED, fill(instrument=0)),
    (Fault.INSTRUMENT_UNLISTED, fill(instrument=7)),
    (Fault.INSTRUMENT_UNLISTED, fill(instrument=U24)),
    (Fault.ORDER_ID_TOO_LARGE, fill(taker_order=1 << 44)),
    (Fault.ORDER_ID_TOO_LARGE, fill(maker_order=1 << 44)),
    (Fault.ORDER_ID_TOO_LARGE, Withdraw(2, 0, 1 << 44)),
    (Fault.ORDER_ID_TOO_LARGE, Transfer(2, 3, 0, 1 << 44)),
    (Fault.STALE_ORDER, fill(taker_order=order(SLOT, GENERATION - 1))),
    (Fault.STALE_ORDER, fill(taker=LAST, maker=2, maker_order=order(EMPTY, GENERATION - 1))),
    (Fault.STALE_ORDER, Withdraw(2, 0, order(SLOT, GENERATION - 1))),
    (Fault.STALE_ORDER, Transfer(2, LAST, 0, order(EMPTY, GENERATION - 1))),
    (Fault.SLOT_USED, Withdraw(2, 0, order(SLOT, GENERATION))),
    (Fault.SLOT_USED, Transfer(2, LAST, 0, order(SLOT, GENERATION))),
    (Fault.OVERFILLED, fill(taker_order=order(SLOT, GENERATION), lots=U32 - 99)),
    (
        Fault.OVERFILLED,
        fill(taker=LAST, maker=2, maker_order=order(SLOT, GENERATION), lots=U32 - 99),
    ),
    (Fault.NOTIONAL_TOO_LARGE, fill(tick=1 << 31, lots=1 << 31)),
    (Fault.TOO_MANY_POSITIONS, fill(taker=3)),
    (Fault.TOO_MANY_POSITIONS, fill(maker=3)),
    (Fault.OVER_CREDITED, Credit(2, 8)),
    (Fault.OVER_CREDITED, Credit(0, 1)),
    (Fault.NOTHING_TO_SERVE, Release(2, 0, 0)),
    (Fault.NOTHING_TO_SERVE, Release(2, 0, 1)),
    (Fault.NOTHING_TO_SERVE, Release(2, 0, ASKS + 1)),
    (Fault.NOTHING_TO_SERVE, Release(LAST, 0, 1)),
    (Fault.PRICE_NOT_FIXED, Settle(2, MARKET, EXPIRY)),
    (Fault.PRICE_NOT_FIXED, Settle(2, 0, 0)),
    (Fault.PRICE_NOT_FIXED, Settle(2, 255, U24)),
    (Fault.FIELD_OVERFLOW, Withdraw(LAST, 2, 1)),
    (Fault.FIELD_OVERFLOW, Withdraw(3, 11, 1)),  # exited
    (Fault.FIELD_OVERFLOW, Release(2, U64, ASKS)),
    (Fault.FIELD_OVERFLOW, Credit(3, 11)),
    (Fault.FIELD_OVERFLOW, Transfer(LAST, 2, 2, 1)),
    (Fault.FIELD_OVERFLOW, Transfer(2, 3, 11, 9)),
    (Fault.FIELD_OVERFLOW, fill(taker=LAST, maker=2, tick=2)),
    (Fault.FIELD_OVERFLOW, fill(flags=1, tick=2)),
]

KEPT: list[Op] = [
    fill(),
    fill(taker_order=(1 << 44) - 1, maker_order=(1 << 44) - 1),
    fill(taker_order=order(SLOT, GENERATION)),
    fill(taker_order=order(SLOT, GENERATION), lots=U32 - 100),
    fill(taker_order=order(SLOT, GENERATION + 1), lots=U32),
    fill(taker=LAST, maker=2, maker_order=order(EMPTY, GENERATION)),
    fill(flags=1, tick=(1 << 31) - 1, lots=1 << 31, taker=LAST, maker=2),
    fill(taker=LAST, maker=2, tick=1),
    Credit(2, 7),
    Credit(0, 0),
    Withdraw(LAST, 1, 1),
    Withdraw(3, 10, 1),
    Withdraw(2, 0, order(EMPTY, GENERATION)),
    Withdraw(2, 0, order(SLOT, GENERATION + 1)),
    Withdraw(2, 0, (1 << 44) - 1),
    Transfer(LAST, 2, 1, 1),
    Transfer(2, 3, 10, order(EMPTY, GENERATION)),
    Release(2, 0, ASKS),
    Release(2, 1 << 63, ASKS),
]


@pytest.mark.parametrize(("fault", "op"), BROKEN, ids=lambda one: getattr(one, "name", str(one)))
def test_transition_of_an_op_that_breaks_a_rule_convicts(
    court: Court, facts: Context, before: State, fault: Fault, op: Op
) -> None:
    """Between ops that are valid, so that what came before counts."""
    ops = [Withdraw(LAST, 0, 3), Nop(), op, Credit(2, 1)]
    assert judge(court, ops, before, facts) == Verdict(fault, 0, 2)


@pytest.mark.parametrize("op", KEPT, ids=str)
def test_transition_of_an_op_that_only_just_keeps_the_rules_follows(
    court: Court, facts: Context, before: State, op: Op
) -> None:
    assert judge(court, [Withdraw(LAST, 0, 3), Nop(), op], before, facts).fault == Fault.NONE


# --- rules with a bound that needs more than one op -----------------------------------------------


@pytest.mark.parametrize(("seconds", "fault"), [(-1, Fault.NONE), (0, Fault.TOO_LATE)])
def test_transition_of_a_fill_that_could_come_after_expiry_convicts(
    court: Court, facts: Context, before: State, seconds: int, fault: Fault
) -> None:
    facts.built_at = EXPIRY * 3600 - facts.lag + seconds
    assert judge(court, [fill(instrument=CALL)], before, facts).fault == fault


@pytest.mark.parametrize(
    ("instrument", "most", "fault"),
    [
        (WIDE_CALL, 1 << 37, Fault.POSITION_TOO_LARGE),  # times 2^20
        (TIGHT_CALL, (1 << 39) - 1, Fault.FIELD_OVERFLOW),  # i40, though times 2^17 it would fit
    ],
)
@pytest.mark.parametrize("flags", [0, 1])
@pytest.mark.parametrize("taker", [2, 3])
def test_transition_of_a_position_beyond_its_limit_convicts(
    court: Court,
    facts: Context,
    before: State,
    instrument: int,
    most: int,
    fault: Fault,
    flags: int,
    taker: int,
) -> None:
    """Long and short, of taker and maker."""
    sign = 1 if (flags == 1) != (taker == 2) else -1
    if instrument == TIGHT_CALL and sign < 0:
        most += 1  # an i40 has one negative number more
    before.accounts[2] = Account(positions={instrument: sign * (most - 5)})
    before.accounts[3] = Account()
    before.rehash([2, 3])
    maker = 5 - taker
    for lots, expected in ((5, Fault.NONE), (6, fault)):
        found = judge(
            court, [fill(taker, maker, instrument, flags=flags, lots=lots)], before, facts
        )
        assert found.fault == expected


def test_transition_of_the_thirty_second_position_follows_and_one_can_give_way(
    court: Court, facts: Context, before: State
) -> None:
    del before.accounts[3].positions[10]
    before.rehash([3])
    opened = fill(taker=3)
    assert judge(court, [opened], before, facts).fault == Fault.NONE
    again = fill(taker=3, instrument=TIGHT_CALL, taker_order=10, maker_order=10)
    closed = replace(opened, flags=1, taker_order=11, maker_order=11)
    assert judge(court, [opened, again], before, facts) == Verdict(Fault.TOO_MANY_POSITIONS, 0, 1)
    assert judge(court, [opened, closed, again], before, facts).fault == Fault.NONE


def test_transition_of_fees_that_do_not_fit_convicts_the_chunk(
    court: Court, facts: Context, before: State
) -> None:
    """Account 0 can take one atom more; each of these fills brings 2 (3 of the taker, less 1)."""
    ops: list[Op] = [fill(instrument=CALL, tick=100)]
    assert judge(court, ops, before, facts) == Verdict(Fault.FIELD_OVERFLOW, 0, WHOLE)
    before.accounts[0].cash -= 1
    before.rehash([0])
    assert judge(court, ops, before, facts).fault == Fault.NONE


def test_transition_of_a_price_counts_from_the_second_after_it_was_fixed(
    court: Court, facts: Context, before: State, exchange: Exchange
) -> None:
    exchange.settle(150 * TOKENS)
    _, fixed_at = facts.prices[MARKET, EXPIRY]
    ops: list[Op] = [Settle(2, MARKET, EXPIRY)]
    for built_at, expected in (
        (fixed_at - 1, Fault.PRICE_NOT_FIXED),
        (fixed_at, Fault.PRICE_NOT_FIXED),
        (fixed_at + 1, Fault.NONE),
    ):
        facts.built_at = built_at
        assert judge(court, ops, before, facts).fault == expected


def test_transition_of_a_payout_that_does_not_fit_convicts(
    court: Court, facts: Context, before: State, exchange: Exchange
) -> None:
    exchange.settle(101 * TOKENS)
    facts.built_at = exchange.chain.now + 1
    for cash, expected in ((I64 - 3 * TOKENS, Fault.NONE), (I64, Fault.FIELD_OVERFLOW)):
        before.accounts[2].cash = cash
        before.rehash([2])
        assert judge(court, [Settle(2, MARKET, EXPIRY)], before, facts).fault == expected


@pytest.mark.parametrize("later", [0, 1])
def test_transition_of_fees_are_those_of_built_at(
    court: Court, facts: Context, before: State, exchange: Exchange, later: int
) -> None:
    """A change that is active now does not touch a batch opened the second before."""
    active_at = exchange.chain.now + 100
    call = exchange.markets.functions.setFees(MARKET, 50, -20, active_at)
    exchange.chain.send(exchange.roles.owner, call)
    facts.fees[MARKET] = Fees(3, -1, 50, -20, active_at)
    exchange.chain.at(active_at + 1000)
    before.accounts[0].cash = 0
    before.rehash([0])
    ops: list[Op] = [fill(instrument=CALL, tick=100)]
    facts.built_at = active_at - 1 + later
    found = judge(court, ops, before, facts)
    facts.built_at = active_at - later
    other = honest_words(ops, before, facts)
    assert found.fault == Fault.NONE
    assert root_words(found.root) != other[WHOLE:]


def test_transition_of_counters_is_judged_as_they_stand_now(
    court: Court, facts: Context, before: State, exchange: Exchange
) -> None:
    """An over-credit is a lie until somebody backs it, a service until somebody asks."""
    ops: tuple[Op, ...] = (Credit(2, 8), Release(2, 0, ASKS + 1))
    for op, fault in zip(ops, (Fault.OVER_CREDITED, Fault.NOTHING_TO_SERVE), strict=True):
        assert judge(court, [op], before, facts).fault == fault
    exchange.deposit(exchange.roles.maker, 2, 1)
    exchange.ask(exchange.roles.maker, 2)
    for op in ops:
        assert judge(court, [op], before, facts).fault == Fault.NONE


# --- roots and shapes -----------------------------------------------------------------------------


def test_transition_of_a_root_that_does_not_follow_convicts_and_says_which_does(
    court: Court, facts: Context, before: State
) -> None:
    before.accounts[0].cash = 0
    before.rehash([0])
    words = honest_words([fill(instrument=CALL, tick=100)], before, facts)
    honest = court.judge(case(words, before, facts))
    assert honest.fault == Fault.NONE
    for place, bit in ((30, 112), (30, 239), (31, 112), (31, 239)):
        lie = [*words]
        lie[place] ^= 1 << bit
        found = court.judge(case(lie, before, facts))
        assert found == replace(honest, fault=Fault.WRONG_ROOT)
    forgotten = [*words[:WHOLE], *root_words(before.root())]
    assert court.judge(case(forgotten, before, facts)).fault == Fault.WRONG_ROOT


Spoil = Callable[[list[int]], list[int]]


def at(place: int, word: int) -> Spoil:
    return lambda words: [*words[:place], word, *words[place + 1 :]]


HIGH, LOW = root_words(keccak(b"root"))

MALFORMED: list[tuple[int, Spoil]] = [
    (0, at(0, 1 << 248)),
    (29, at(29, 1 << 255)),
    (4, at(4, 1)),  # a NOP with payload
    (4, at(4, 1 << 239)),
    *((7, at(7, kind << 240)) for kind in (0x07, 0x0A, 0x0F, 0x10, 0x1F, 0x80, 0xFD)),
    *(
        (3, at(3, pack(op) | 1))
        for op in (
            Credit(2, 1),
            Withdraw(2, 1, 9),
            Settle(2, 1, 1),
            Transfer(2, 3, 1, 9),
            Release(2, 1, 2),
        )
    ),
    (3, at(3, pack(Credit(2, 1)) | 1 << 151)),
    (3, at(3, pack(Withdraw(2, 1, 9)) | 1 << 103)),
    (3, at(3, pack(Settle(2, 1, 1)) | 1 << 183)),
    (3, at(3, pack(Transfer(2, 3, 1, 9)) | 1 << 79)),
    (3, at(3, pack(Release(2, 1, 2)) | 1 << 127)),
    *((5, at(5, pack(fill()) | 1 << bit)) for bit in range(233, 240)),
    (29, at(29, HIGH)),
    (0, at(0, LOW)),
    (30, at(30, LOW)),
    (31, at(31, HIGH)),
    (30, at(30, 0)),
    (31, at(31, 0)),
    (30, at(30, HIGH | 1)),
    (31, at(31, LOW | 1 << 111)),
    (31, at(31, pack(Credit(2, 1)))),
    (WHOLE, lambda words: at(2, pack(Release(0, 0, 1)))(at(9, pack(fill()))(words))),
    (WHOLE, lambda words: at(9, pack(Release(0, 0, 1)))(at(2, pack(fill()))(words))),
]


@pytest.mark.parametrize(("place", "spoil"), MALFORMED)
def test_transition_of_a_malformed_chunk_convicts_without_a_look_at_the_state(
    court: Court, facts: Context, before: State, place: int, spoil: Spoil
) -> None:
    words = spoil(pack_chunk([], keccak(b"root")))
    assert model_verdict(words, before, facts).fault == Fault.MALFORMED_CHUNK
    one = case(words, before, facts)
    found = court.judge(replace(one, previous=replace(one.previous, state_root=keccak(b"other"))))
    assert found == Verdict(Fault.MALFORMED_CHUNK, 0, place)


def test_transition_of_a_release_of_account_0_alone_is_well_formed(
    court: Court, facts: Context, before: State
) -> None:
    """Nobody asked for account 0, so it is a lie all the same: another one."""
    ops: list[Op] = [Release(0, 0, 1), Release(2, 0, ASKS)]
    assert judge(court, ops, before, facts) == Verdict(Fault.NOTHING_TO_SERVE, 0, 0)
    beside: list[Op] = [fill(), Release(2, 0, ASKS)]
    assert judge(court, beside, before, facts).fault == Fault.NONE
