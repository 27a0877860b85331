"""Margin's groups and points: what comes, goes, is used again, and how wide it gets."""

import random
from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matcher.kernel.margin import MONEY_MAX, NOT_BORNE
from matcher.kernel.margin_layout import GROUP, GROUP_BLOCK, GROUP_KEY, LANES, POINTS, QUAD
from matcher.reference.fees import fee
from matcher.reference.margin import payoff
from matcher.types import (
    MAX_POSITIONS,
    NOTIONAL_END,
    POSITION_VALUE_MAX,
    SLOTS,
    Fees,
    InstrumentKind,
)
from tests.support.margins import (
    ADMIT,
    DROP,
    ENTER,
    FIND,
    LEAVE,
    MAKE,
    POSITION,
    READ,
    REMOVE,
    ROOM,
    Floor,
    Pool,
)

CAP = 1000
CALL, PUT = 1, 0
KEY_USES = 24  # byte of a group's key where they begin


@pytest.fixture
def pool() -> Iterator[Pool]:
    memory = Pool(40, 3)
    yield memory
    memory.close()


def make(pool: Pool, cap: int = CAP, rate: int = 0, first: int = 0, expiry: int = 10) -> int:
    """Number of a new group of account 2, market 1."""
    return pool(MAKE, first, 2, 1, expiry, cap, rate)[0]


# --- the records ---------------------------------------------------------------------------------


def test_a_group_is_two_lines_and_begins_with_its_first_quad() -> None:
    assert (GROUP.itemsize, GROUP_KEY.itemsize, QUAD.itemsize) == (128, 64, 96)
    assert GROUP_BLOCK.itemsize == QUAD.itemsize * (POINTS // LANES - 1)
    assert GROUP.fields is not None
    assert min(field[1] for field in GROUP.fields.values()) == QUAD.itemsize


def test_all_strikes_that_an_account_may_use_have_a_point() -> None:
    assert POINTS >= MAX_POSITIONS + 2


# --- one order, one position ---------------------------------------------------------------------


@settings(deadline=None)
@given(
    st.sampled_from((CALL, PUT)),
    st.integers(0, 1),
    st.integers(0, CAP - 1),
    st.integers(0, 2 * CAP),
    st.integers(1, 1000),
    st.integers(0, 300),
)
def test_one_order_costs_the_most_it_may_lose(
    call: int, sells: int, strike: int, price: int, lots: int, rate: int
) -> None:
    memory = Pool(1, 1)
    group = make(memory, rate=rate)
    memory(ENTER, group, strike)
    kind = InstrumentKind.CALL if call else InstrumentKind.PUT

    def loss(settled: int) -> int:
        gain = payoff(kind, strike, settled, CAP) - price
        pnl = (-lots if sells else lots) * gain - fee(rate, lots, lots * price)
        return min(0, pnl)

    expected = min(loss(settled) for settled in {0, strike, CAP})
    terms = sells, price, lots, call, strike
    assert memory(ADMIT, group, -expected, *terms) == (expected, 0)
    assert memory(READ, group) == (0, expected)
    assert memory(REMOVE, group, 0, *terms) == (-expected, 0)
    if expected < 0:
        assert memory(ADMIT, group, -expected - 1, *terms) == (NOT_BORNE, 0)
    assert memory(READ, group) == (0, 0)
    memory.close()


def test_a_strike_above_the_cap_bends_nothing(pool: Pool) -> None:
    group = make(pool)
    assert pool(ENTER, group, CAP + 500) == (0, 0)
    assert pool(POSITION, group, 0, 0, 0, -3, PUT, CAP + 500)[0] == -3 * (CAP + 500)
    assert pool.groups[group]["points"] == 2


# --- points --------------------------------------------------------------------------------------


def test_what_positions_pay_at_a_new_strike_is_known_at_once(pool: Pool) -> None:
    rng = random.Random(7)
    group, legs = make(pool), []
    for strike in rng.sample(range(1, CAP), 20):
        pool(ENTER, group, strike)
        legs.append((rng.randrange(-50, 50), rng.choice((CALL, PUT)), strike))
        pool(POSITION, group, 0, 0, 0, *legs[-1])
        prices = {0, CAP, *(known for _, _, known in legs)}
        values = [
            sum(lots * payoff(1 - call, known, price, CAP) for lots, call, known in legs)
            for price in prices
        ]
        assert pool(READ, group)[0] == min(values)


def test_strikes_that_come_and_go_never_need_more_than_the_points_there_are(pool: Pool) -> None:
    rng = random.Random(3)
    group, used = make(pool), list[int]()
    for _ in range(2000):
        if len(used) == MAX_POSITIONS or (used and rng.random() < 0.4):
            pool(LEAVE, group, used.pop(rng.randrange(len(used))))
        else:
            used.append(rng.choice([s for s in range(0, CAP, 10) if used.count(s) < 2]))
            pool(ENTER, group, used[-1])
        points = int(pool.groups[group]["points"])
        quads = int(pool.groups[group]["quads"])
        assert len(used) == pool.keys[group]["instruments"]
        assert points <= POINTS
        assert quads == max(1, -(-points // LANES))
        prices = points_of(pool, group)
        assert len(set(prices)) == points
        assert {0, CAP} | set(used) <= set(prices)
    assert points > MAX_POSITIONS
    for strike in used[1:]:
        pool(LEAVE, group, strike)
    assert pool(LEAVE, group, used[0]) == (0, 0)


def points_of(pool: Pool, group: int) -> list[int]:
    """Prices of a group's points."""
    block = int(pool.groups[group]["block"])
    words = [pool.groups[group : group + 1].view("<i8").reshape(-1, 16)[0, :4]]
    rest = pool.blocks[block : block + 1].view(np.uint8).view("<i8").reshape(-1, 12)
    words += [quad[:4] for quad in rest[: int(pool.groups[group]["quads"]) - 1]]
    prices: list[int] = np.concatenate(words)[: int(pool.groups[group]["points"])].tolist()
    return prices


def test_one_strike_that_comes_and_goes_keeps_its_point(pool: Pool) -> None:
    group = make(pool)
    pool(ENTER, group, 500)
    assert pool(ENTER, group, 700) == (1, 0)  # it is new: orders must be counted there
    for _ in range(5):
        pool(LEAVE, group, 700)
        assert pool(ENTER, group, 700) == (0, 0)


# --- groups --------------------------------------------------------------------------------------


def test_groups_and_blocks_that_are_dropped_are_used_again(pool: Pool) -> None:
    for _ in range(3):
        first, numbers = 0, []
        for expiry in range(20, 23):
            first = make(pool, first=first, expiry=expiry)
            numbers.append(first)
            for strike in range(100, 100 + 10 * MAX_POSITIONS, 10):
                pool(ENTER, first, strike)
            assert pool.groups[first]["quads"] > 1
            assert uses_of(pool, first) == [0, 0] + [1] * MAX_POSITIONS
        for expiry, number in zip(range(20, 23), numbers, strict=True):
            assert pool(FIND, first, 1, expiry) == (number, 0)
        assert pool(FIND, first, 2, 20) == (0, 0)
        assert pool(FIND, first, 1, 23) == (0, 0)
        for number in (numbers[1], numbers[0], numbers[2]):
            first = pool(DROP, first, number)[0]
        assert first == 0
        assert pool.keys[number]["account"] == 0
    assert pool.context[0]["groups_used"] == 3
    assert pool.context[0]["group_blocks_used"] == 3


def uses_of(pool: Pool, group: int) -> list[int]:
    """How many instruments in use have their strike at each point."""
    start = KEY_USES
    row = pool.keys[group : group + 1].view(np.uint8)
    uses: list[int] = row[start : start + int(pool.groups[group]["points"])].tolist()
    return uses


def test_room_for_a_group_ends_with_the_groups_or_the_blocks() -> None:
    for groups, blocks in ((2, 9), (9, 2)):
        memory, numbers = Pool(groups, blocks), list[int]()
        while memory(ROOM)[0]:
            numbers.append(make(memory))
            for strike in (100, 200, 300):
                memory(ENTER, numbers[-1], strike)
        assert len(numbers) == 2
        memory(DROP, numbers[0], numbers[0])
        assert memory(ROOM)[0]
        memory.close()


# --- widths --------------------------------------------------------------------------------------


def test_an_order_that_nobody_can_pay_is_refused_before_it_is_counted(pool: Pool) -> None:
    group = make(pool)
    pool(ENTER, group, 100)
    before = pool.groups.tobytes()
    assert pool(ADMIT, group, MONEY_MAX, 0, NOTIONAL_END - 1, 1, CALL, 100) == (NOT_BORNE, 0)
    assert pool(ADMIT, group, MONEY_MAX, 0, MONEY_MAX + 1, 1, CALL, 100) == (NOT_BORNE, 0)
    assert pool.groups.tobytes() == before
    assert pool(ADMIT, group, MONEY_MAX, 0, MONEY_MAX, 1, CALL, 100) == (-MONEY_MAX, 0)


def test_an_order_at_its_widest_beside_the_widest_sums_fits_its_words() -> None:
    """Without compiler, a sum that is too wide raises: the differential suite runs this so."""
    cap = (1 << 56) - 1
    memory = Pool(1, 4)
    group = make(memory, cap)
    for strike in range(MAX_POSITIONS):
        memory(ENTER, group, strike)
        memory(POSITION, group, 0, 0, 0, -2, CALL, strike)
    assert memory(READ, group)[0] == -2 * sum(cap - strike for strike in range(MAX_POSITIONS))
    assert memory(ADMIT, group, MONEY_MAX, 0, MONEY_MAX, 1, CALL, 3)[0] != NOT_BORNE
    before = memory.groups.tobytes(), memory.blocks.tobytes()
    for price in (NOTIONAL_END - 1, MONEY_MAX + 1):
        assert memory(ADMIT, group, 0, 0, price, 1, CALL, 3) == (NOT_BORNE, 0)
        assert (memory.groups.tobytes(), memory.blocks.tobytes()) == before
    memory.close()


def test_as_much_as_can_be_held_and_on_order_fits_its_words() -> None:
    """All money in one account, all its slots in use at the widest, and then the highest fees."""
    cap = 1 << 44
    most = POSITION_VALUE_MAX // cap
    listed = [(kind, strike) for strike in range(0, cap, cap // 16) for kind in (0, 1)]
    floor = Floor({(1, 10): (cap, listed)}, [MONEY_MAX, 0, 0, 0])
    side, turns = floor.sides[2], SLOTS // 2 // len(listed)
    each = most // turns
    sells = (NOTIONAL_END - 1) // each, cap // 8
    for index in floor.context.instruments:
        for turn in range(turns):
            assert floor.place(2, index, False, sells[turn % 2], each, judge=False)
    floor.compare()
    floor.set_fees(1, Fees(0, 0, (1 << 31) - 1, 0, 1))
    floor.compare()
    assert len(side.orders) == SLOTS // 2
    placed = [
        floor.place(2, index, True, cap - 1, each, judge=False)
        for index in floor.context.instruments
        for _ in range(turns)
    ]
    floor.compare()
    assert any(placed)
    assert not all(placed)
    assert 0 <= side.backed < cap * each
    pending = floor.pool.groups[side.first : side.first + 1].view("<i8")[8:12]
    assert pending.min() < -MONEY_MAX // 2
    floor.set_fees(1, Fees((1 << 31) - 1, 0, 0, 0, 0))
    floor.compare()
    floor.pool.close()
