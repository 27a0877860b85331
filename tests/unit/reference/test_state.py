"""Section 5, rule by rule: each fault has the smallest op that commits it."""

from dataclasses import replace

import pytest

from matcher.reference.context import Context
from matcher.reference.faults import Fault, InvalidOp, MalformedChunk, MarginBroken, WrongRoot
from matcher.reference.leaf import FULL, Account, Slot
from matcher.reference.state import State
from matcher.reference.words import (
    Credit,
    Fill,
    Nop,
    Release,
    Settle,
    Transfer,
    Withdraw,
    pack_chunk,
)
from matcher.types import Fees, Instrument, Market

BUILT_AT, LAG, EXPIRY = 1000 * 3600, 300, 1010
CAP = 1000
CALL, PUT, LATE, TINY = 1, 2, 3, 4


def context(**changed) -> Context:
    facts = Context(
        built_at=BUILT_AT,
        lag=LAG,
        markets={1: Market(1, "BTC", 2, 10), 2: Market(2, "ETH", 1, 1)},
        fees={1: Fees(0, 0, 4, -1, BUILT_AT), 2: Fees(0, 0, 0, 0, 0)},
        instruments={
            CALL: Instrument(CALL, 1, 0, EXPIRY, 50),
            PUT: Instrument(PUT, 1, 1, EXPIRY, 50),
            LATE: Instrument(LATE, 1, 0, 1000, 50),
            TINY: Instrument(TINY, 2, 0, EXPIRY, 0),
            **{i: Instrument(i, 2, 0, EXPIRY, i) for i in range(100, 140)},
        },
        caps={(1, EXPIRY): CAP, (1, 1000): CAP, (2, EXPIRY): 1},
        prices={},
        opened={0, 2, 3, 4},
        deposited={2: 10_000, 3: 1 << 55, 4: 1 << 55},
        asks={2: 2},
    )
    return replace(facts, **changed)


@pytest.fixture
def state():
    made = State()
    made.accounts = {2: Account(cash=5000, credited=5000), 3: Account(cash=5000, credited=5000)}
    made.accounts[2].slots[7] = Slot(3, 10)
    made.rehash([2, 3])
    return made


FILL = Fill(0, 2, 3, CALL, 50, 5, 1, 2)

FAULTS = [
    (replace(FILL, taker=5), Fault.ACCOUNT_UNOPENED),
    (replace(FILL, maker=5), Fault.ACCOUNT_UNOPENED),
    (Credit(1, 1), Fault.ACCOUNT_UNOPENED),
    (Transfer(2, 5, 1, 1), Fault.ACCOUNT_UNOPENED),
    (replace(FILL, taker=0), Fault.ACCOUNT_RESERVED),
    (replace(FILL, maker=0), Fault.ACCOUNT_RESERVED),
    (replace(FILL, maker=2), Fault.SAME_ACCOUNT),
    (Transfer(2, 2, 1, 1), Fault.SAME_ACCOUNT),
    (replace(FILL, lots=0), Fault.ZERO_LOTS),
    (replace(FILL, instrument=99), Fault.INSTRUMENT_UNLISTED),
    (replace(FILL, instrument=LATE), Fault.TOO_LATE),
    (replace(FILL, taker_order=1 << 44), Fault.ORDER_ID_TOO_LARGE),
    (replace(FILL, maker_order=1 << 44), Fault.ORDER_ID_TOO_LARGE),
    (Withdraw(2, 1, 1 << 44), Fault.ORDER_ID_TOO_LARGE),
    (Transfer(2, 3, 1, 1 << 44), Fault.ORDER_ID_TOO_LARGE),
    (replace(FILL, taker_order=2 * 4096 + 7), Fault.STALE_ORDER),
    (Withdraw(2, 1, 2 * 4096 + 7), Fault.STALE_ORDER),
    (Withdraw(2, 1, 3 * 4096 + 7), Fault.SLOT_USED),
    (Transfer(2, 3, 1, 3 * 4096 + 7), Fault.SLOT_USED),
    (replace(FILL, taker_order=3 * 4096 + 7, lots=FULL - 9), Fault.OVERFILLED),
    (replace(FILL, tick=1 << 31, lots=1 << 30), Fault.NOTIONAL_TOO_LARGE),
    (replace(FILL, tick=0, lots=FULL), None),
    (Credit(2, 5001), Fault.OVER_CREDITED),
    (Release(2, 0, 0), Fault.NOTHING_TO_SERVE),
    (Release(2, 0, 3), Fault.NOTHING_TO_SERVE),
    (Release(3, 0, 1), Fault.NOTHING_TO_SERVE),
    (Settle(2, 1, EXPIRY), Fault.PRICE_NOT_FIXED),
    (Settle(2, 9, 77), Fault.PRICE_NOT_FIXED),
    (Credit(2, 5000), None),
    (Credit(2, 0), None),
    (replace(FILL, tick=0), None),
    (replace(FILL, taker_order=3 * 4096 + 7), None),
    (replace(FILL, taker_order=(1 << 44) - 1), None),
    (Withdraw(2, 1, 4 * 4096 + 7), None),
    (Release(2, 5000, 2), None),
    (Release(2, 0, 1), None),
]


@pytest.mark.parametrize(("op", "fault"), FAULTS)
def test_op_is_valid_or_breaks_one_rule_and_then_changes_nothing(state, op, fault):
    before, root = dict(state.accounts), state.root()
    if fault is None:
        state.apply(op, context())
        return
    with pytest.raises(InvalidOp) as invalid:
        state.apply(op, context())
    assert invalid.value.fault is fault
    with pytest.raises(InvalidOp):
        state.apply_ops([Credit(2, 1), op], context())
    assert state.accounts == before
    assert state.root() == root


def test_fill_moves_cash_lots_slots_and_fees(state):
    root = state.apply_ops([FILL], context())
    buyer, seller, collected = (state.account(i) for i in (2, 3, 0))
    notional = 50 * 5 * 2
    assert (buyer.cash, seller.cash) == (5000 - notional - 20, 5000 + notional + 5)
    assert (buyer.positions, seller.positions) == ({CALL: 5}, {CALL: -5})
    assert (buyer.slots[1], seller.slots[2]) == (Slot(0, 5), Slot(0, 5))
    assert collected == Account(cash=15)
    assert root == state.root()


def test_fill_by_a_selling_taker_turns_the_sides_round(state):
    state.apply_ops([replace(FILL, flags=1)], context())
    assert state.account(2).positions == {CALL: -5}
    assert state.account(2).cash == 5000 + 500 - 20


def test_fill_pays_the_old_rates_until_the_new_ones_are_active(state):
    state.apply(FILL, context(fees={1: Fees(1, 1, 4, -1, BUILT_AT + 1)}))
    assert (state.account(2).cash, state.account(3).cash) == (5000 - 505, 5000 + 495)


def test_fill_that_closes_a_position_removes_it(state):
    state.apply(FILL, context())
    state.apply(replace(FILL, flags=1), context())
    assert state.account(2).positions == {}


def test_fill_of_a_later_generation_restarts_what_was_filled(state):
    state.apply(replace(FILL, taker_order=5 * 4096 + 7), context())
    assert state.account(2).slots[7] == Slot(5, 5)


@pytest.mark.parametrize("late", [0, 1])
def test_fill_must_reach_the_chain_before_the_expiry(state, late):
    facts = context(built_at=EXPIRY * 3600 - LAG - 1 + late)
    if late:
        with pytest.raises(InvalidOp, match="TOO_LATE"):
            state.apply(FILL, facts)
    else:
        state.apply(FILL, facts)


def test_fill_into_a_position_whose_value_is_too_large_is_invalid(state):
    facts = context(caps={(1, EXPIRY): 1 << 20})
    state.accounts[2].positions[CALL] = (1 << 37) - 5
    state.apply(FILL, facts)
    with pytest.raises(InvalidOp, match="POSITION_TOO_LARGE"):
        state.apply(replace(FILL, lots=1), facts)


def test_fill_into_a_position_wider_than_i40_is_invalid(state):
    state.accounts[2].positions[TINY] = (1 << 39) - 2
    fill = Fill(0, 2, 3, TINY, 0, 1, 1, 2)
    state.apply(fill, context())
    with pytest.raises(InvalidOp, match="FIELD_OVERFLOW"):
        state.apply(fill, context())


def test_fill_of_a_33rd_position_is_invalid(state):
    state.accounts[2].positions = dict.fromkeys(range(100, 131), 1)
    state.apply(replace(FILL, instrument=131, tick=0), context())
    with pytest.raises(InvalidOp, match="TOO_MANY_POSITIONS"):
        state.apply(replace(FILL, instrument=132, tick=0), context())


def test_cash_outside_i64_is_invalid_even_within_a_chunk(state):
    state.accounts[3].cash = 0
    state.accounts[2].cash = -(1 << 63)
    with pytest.raises(InvalidOp, match="FIELD_OVERFLOW"):
        state.apply_ops([Transfer(2, 3, 1, 1), Transfer(3, 2, 1, 1)], context())


def test_withdraw_and_transfer_fill_their_slot_to_the_maximum(state):
    state.apply(Withdraw(2, 10, 4096 * 9), context())
    state.apply(Transfer(2, 3, 20, 1), context())
    assert state.account(2) == account(5000 - 30, 10, {0: (9, FULL), 1: (0, FULL), 7: (3, 10)})
    assert state.account(3).cash == 5020
    with pytest.raises(InvalidOp, match="OVERFILLED"):
        state.apply(replace(FILL, taker_order=4096 * 9), context())


def account(cash, exited, slots):
    made = Account(cash=cash, exited=exited, credited=5000)
    for number, (generation, filled) in slots.items():
        made.slots[number] = Slot(generation, filled)
    return made


def test_settle_pays_all_positions_of_the_expiry_and_no_other(state):
    state.accounts[2].positions = {CALL: 3, PUT: -2, TINY: 7}
    facts = context(prices={(1, EXPIRY): (450, BUILT_AT - 1)})
    state.apply(Settle(2, 1, EXPIRY), facts)
    assert state.account(2).cash == 5000 - 2 * 50
    assert state.account(2).positions == {TINY: 7}
    state.apply(Settle(2, 1, EXPIRY), facts)
    assert state.account(2).cash == 5000 - 2 * 50


def test_settle_at_a_price_fixed_in_the_second_of_built_at_is_invalid(state):
    with pytest.raises(InvalidOp, match="PRICE_NOT_FIXED"):
        state.apply(Settle(2, 1, EXPIRY), context(prices={(1, EXPIRY): (450, BUILT_AT)}))


# --- chunks --------------------------------------------------------------------------------


def words_of(state, ops, facts):
    """The honest words of a chunk, without applying it."""
    twin = State()
    twin.accounts = dict(state.accounts)
    twin.rehash(twin.accounts)
    return pack_chunk(ops, twin.apply_ops(ops, facts))


def test_chunk_books_its_fees_once_after_its_last_op(state):
    facts = context()
    state.accounts[0] = Account(cash=7)
    state.rehash([0])
    # account 0 pays 7 away although 15 are coming: 8 would break margin in between, not here
    ops = [FILL, Transfer(0, 3, 22, 1)]
    state.apply_chunk(words_of(state, ops, facts), facts)
    assert state.account(0).cash == 0


def test_chunk_of_fees_that_sum_to_zero_leaves_the_fee_account_alone(state):
    facts = context(fees={1: Fees(0, 0, 1, -1, 0)})
    state.apply_chunk(words_of(state, [FILL], facts), facts)
    assert 0 not in state.accounts


@pytest.mark.parametrize(
    ("spoil", "lie"),
    [
        (lambda words: [*words[:31], words[31] ^ 1 << 112], WrongRoot),
        (lambda words: [*words[:30], words[31], words[30]], MalformedChunk),
        (lambda words: words[:31], MalformedChunk),
        (lambda words: [words[0] ^ 1 << 96, *words[1:]], WrongRoot),
    ],
)
def test_chunk_that_lies_is_told_apart_and_changes_nothing(state, spoil, lie):
    facts, before, root = context(), dict(state.accounts), state.root()
    words = words_of(state, [FILL], facts)
    with pytest.raises(lie):
        state.apply_chunk(spoil(words), facts)
    assert (state.accounts, state.root()) == (before, root)
    assert state.apply_chunk(words, facts) == state.root()


def test_chunk_that_leaves_an_account_below_zero_breaks_margin(state):
    facts, root = context(), state.root()
    words = words_of(state, [Withdraw(2, 5001, 1)], facts)
    with pytest.raises(MarginBroken) as broken:
        state.apply_chunk(words, facts)
    assert (broken.value.account, broken.value.before, broken.value.after) == (2, 5000, -1)
    assert state.root() == root


def test_chunk_may_pass_below_zero_between_its_ops(state):
    facts = context()
    ops = [Withdraw(2, 5001, 1), Nop(), Credit(2, 1)]
    state.apply_chunk(words_of(state, ops, facts), facts)
    assert state.account(2).cash == 0


def test_chunk_may_leave_below_zero_what_was_not_better_before(state):
    state.accounts[2] = Account(cash=-100)
    state.rehash([2])
    facts = context()
    state.apply_chunk(words_of(state, [Credit(2, 0)], facts), facts)
    with pytest.raises(MarginBroken):
        state.apply_chunk(words_of(state, [Withdraw(2, 1, 1)], facts), facts)


def test_margin_counts_an_expiry_at_its_price_once_that_is_fixed(state):
    state.accounts[2] = Account(cash=0, positions={CALL: 1})
    state.rehash([2])
    words = words_of(state, [Withdraw(2, 450, 1)], context())
    with pytest.raises(MarginBroken):
        state.apply_chunk(words, context())
    facts = context(prices={(1, EXPIRY): (950, BUILT_AT - 1)})
    state.apply_chunk(words, facts)
    assert state.worst(2, facts) == 0


@pytest.mark.parametrize(
    ("amount", "kept"), [(5000, None), (4999, "a RELEASE kept something back"), (5001, "below 0")]
)
def test_release_must_let_out_exactly_what_margin_allows(state, amount, kept):
    facts = context()
    words = words_of(state, [Release(2, amount, 2)], facts)
    if kept is None:
        state.apply_chunk(words, facts)
        assert state.account(2).exited == 5000
    else:
        with pytest.raises(MarginBroken, match=kept):
            state.apply_chunk(words, facts)


def test_release_of_the_fee_account_beside_a_fill_is_malformed(state):
    facts = context(asks={0: 1})
    words = words_of(state, [FILL, Release(0, 0, 1)], facts)
    with pytest.raises(MalformedChunk, match="RELEASE of account 0"):
        state.apply_chunk(words, facts)
