"""What is found ahead of a command's turn: the answers are those of one command at a time."""

import random

import numpy as np

from matcher.kernel.exchange import Matching
from matcher.kernel.pools import Records
from tests.support.arena import BUY, LIMITS, SELL, cancel, desk, listed, order

BOOKS = 140  # so many that commands are looked at ahead
MANY = LIMITS._replace(books=BOOKS, orders=1 << 14)


def wide_desk() -> Matching:
    matching = desk(MANY)
    matching.submit(np.concatenate([listed(n, strike=n) for n in range(3, BOOKS)]))
    return matching


def fillers(first: int, count: int) -> list[Records]:
    """Orders that rest, of an account that does nothing else."""
    return [order(39, first + n, BUY, 10, 1) for n in range(count)]


def assert_the_same(at_once: Matching, one_by_one: Matching, commands: list[Records]) -> None:
    """Tell the one all commands in one pass, the other each alone."""
    events = at_once.run(np.concatenate(commands)).copy()
    expected = np.concatenate([one_by_one.run(made).copy() for made in commands])
    assert events.tolist() == expected.tolist()
    assert at_once.orders() == one_by_one.orders()
    assert at_once.positions() == one_by_one.positions()
    at_once.check()
    assert at_once.pools.arrays["plans"]["line"].any(), "nothing was looked at ahead"
    assert not one_by_one.pools.arrays["plans"]["line"].any(), "one command was looked at ahead"


def test_holding_that_another_has_when_the_turn_comes_is_looked_for_again() -> None:
    """Account 2's first holding goes idle, then goes, and account 3 gets its record."""
    commands = [
        *fillers(0, 40),
        order(2, 1, BUY, 10, 1, instrument=2),
        cancel(2, 1),
        order(3, 0, BUY, 10, 1, instrument=5),
        order(2, 2, BUY, 10, 1, instrument=1),
        order(4, 0, SELL, 10, 1, instrument=1),
        *fillers(40, 40),
    ]
    exchanges = wide_desk(), wide_desk()
    for matching in exchanges:
        matching.submit(np.concatenate([order(2, 0, BUY, 10, 1), cancel(2, 0)]))
    assert_the_same(*exchanges, commands)


def test_slots_whose_pages_stand_beside_each_other_or_are_new_are_the_right_ones() -> None:
    """Thousands of pages of few accounts: many stand where others would, and are made in a pass."""
    dice = random.Random(4)
    commands: list[Records] = []
    placed: list[tuple[int, int]] = []
    for _ in range(3000):
        account, number = dice.randrange(2, 40), dice.randrange(1 << 12)
        if placed and dice.random() < 0.4:
            commands.append(cancel(*dice.choice(placed[-30:])))
            continue
        for again in range(dice.randrange(1, 3)):
            terms = dice.randrange(2), dice.randrange(95, 105), dice.randrange(1, 9)
            instrument = dice.randrange(1, 8)
            commands.append(order(account, number ^ again, *terms, instrument=instrument))
            placed.append((account, number ^ again))
    assert_the_same(wide_desk(), wide_desk(), commands)
