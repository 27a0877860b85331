"""What is found ahead of a command's turn, or at once: the answers are those without hints."""

import random

import numpy as np

from matcher.kernel.exchange import Matching
from matcher.kernel.pools import Records
from tests.support.arena import BUY, LIMITS, SELL, cancel, desk, listed, order

BOOKS = 140  # so many that records are asked for before they are needed
FEW = 8  # so few that they are not
MANY = LIMITS._replace(books=BOOKS, orders=1 << 14)


def desk_of(books: int) -> Matching:
    matching = desk(MANY)
    matching.submit(np.concatenate([listed(n, strike=n) for n in range(3, books)]))
    return matching


def desks() -> tuple[Matching, Matching, Matching]:
    """Two that give hints, and one that gives none."""
    return desk_of(BOOKS), desk_of(BOOKS), desk_of(FEW)


def has_looked(matching: Matching) -> bool:
    """Whether any command was looked at before it was applied."""
    return bool(matching.pools.arrays["plans"]["line"].any())


def fillers(first: int, count: int) -> list[Records]:
    """Orders that rest, of an account that does nothing else."""
    return [order(39, first + n, BUY, 10, 1) for n in range(count)]


def assert_the_same(exchanges: tuple[Matching, Matching, Matching], told: list[Records]) -> None:
    """Tell the first all commands in one pass, the others each alone."""
    at_once, one_by_one, unhinted = exchanges
    for matching in exchanges:
        matching.pools.arrays["plans"]["line"] = 0
    events = at_once.run(np.concatenate(told)).copy()
    for made in told:
        expected = unhinted.run(made).copy()
        assert one_by_one.run(made).tolist() == expected.tolist()
        assert events[: len(expected)].tolist() == expected.tolist()
        events = events[len(expected) :]
    assert len(events) == 0
    for matching in exchanges:
        assert matching.orders() == unhinted.orders()
        assert matching.positions() == unhinted.positions()
        matching.check()
    assert has_looked(at_once), "nothing was looked at ahead"
    assert has_looked(one_by_one), "nothing was asked for at once"
    assert not has_looked(unhinted), "few books were hinted"


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
    exchanges = desks()
    for matching in exchanges:
        matching.submit(np.concatenate([order(2, 0, BUY, 10, 1), cancel(2, 0)]))
    assert_the_same(exchanges, commands)


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
    assert_the_same(desks(), commands)


def test_orders_that_fill_several_makers_alone_are_those_without_hints() -> None:
    """The best level's first and last, and the level behind it: there, gone, and of an end."""
    dice = random.Random(6)
    commands: list[Records] = []
    for number in range(600):
        instrument, sells = 1 + number % 7, dice.randrange(2)
        tick = dice.choice((1, 2, 3, 98, 99, 100, 101, 102))
        terms = sells, tick, dice.randrange(1, 40)
        account, message = dice.randrange(2, 40), number
        commands.append(order(account, message, *terms, instrument=instrument))
        if dice.random() < 0.3:
            commands.append(cancel(account, message))
    assert_the_same(desks(), commands)


def test_few_commands_in_one_pass_are_each_asked_for_at_their_turn() -> None:
    """What was found of one command is not taken for the next one's."""
    made = [
        order(2, 0, BUY, 10, 1),  # on a page of slots that is there
        order(3, 0, BUY, 10, 1, instrument=2),
        cancel(2, 0),
        order(4, 0, SELL, 10, 1, instrument=2),
        order(2, 0, BUY, 11, 1, instrument=3),
        cancel(3, 0),
    ]
    hinted, _, unhinted = desks()
    for matching in (hinted, unhinted):
        matching.run(np.concatenate([order(2, 1, BUY, 9, 1), order(3, 1, BUY, 9, 1)]))
    expected = [unhinted.run(one).copy() for one in made]
    assert hinted.run(np.concatenate(made)).tolist() == np.concatenate(expected).tolist()
    assert has_looked(hinted)
    assert hinted.orders() == unhinted.orders()
