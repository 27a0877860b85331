"""Lies that a proof convicts at once, on a chain with the real provers."""

from matcher.reference.tree import keccak
from tests.support.chain import ETHER
from tests.support.challenge import Arena, balance, head, work
from tests.support.exchange import BOND


def test_honest_batches_are_judged_sound_and_nothing_is_sent(arena: Arena) -> None:
    fill, used = arena.trade()
    arena.commit([fill], used=used)
    challenger = arena.challenger()
    height = arena.chain.height
    work(challenger)
    assert challenger.watch.caught_up
    assert challenger.watch.judge.head.id == 2
    assert challenger.tally.lies == 0
    assert arena.chain.height == height


def test_wrong_root_is_convicted_and_the_reward_claimed(arena: Arena) -> None:
    fill, _ = arena.trade()
    arena.lie([fill], roots={0: keccak(b"a root")})
    challenger = arena.challenger()
    before = balance(arena.chain, challenger.post.address)
    work(challenger)
    assert head(arena.exchange) == 1
    assert challenger.watch.judge.head.id == 1
    assert challenger.tally.convicted == 1
    assert challenger.tally.rewards == ETHER  # the cap, below half of the bond
    assert BOND // 2 > ETHER
    after = balance(arena.chain, challenger.post.address)
    assert after == before + ETHER - challenger.tally.spent
